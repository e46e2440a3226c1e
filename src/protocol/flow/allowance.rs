//! What `return-bandwidth` leaves for requests.

use crate::protocol::time::{Span, Time};

/// A datagram with one request: headers of IP, UDP and GRE, receiver report, name, the request itself.
const DATAGRAM: i64 = 130;
/// A further request in it.
const RECORD: i64 = 4;
/// Records in one datagram.
const RECORDS: u32 = 16;
/// Ten reports a second with their echoes, octets.
const REPORTS: i64 = 2200;
/// Unused allowance is kept for so long; turns are given for as long.
const BURST: Span = Span::from_millis(100);

const FRACTION: u32 = 20;

/// A token bucket.
#[derive(Debug, Default)]
pub(super) struct Allowance {
    /// In 2^-`FRACTION` octets: what is earned between two looks may be less than one.
    left: i64,
    filled: Option<Time>,
    /// Requests of the moment `filled`: they share datagrams.
    together: u32,
    /// The latest turn given to requests that wait, and to how many.
    turn: Option<(Time, u32)>,
}

/// Octets a second for requests: reports go first, but a quarter is always left.
fn rate(kbps: u32) -> i64 {
    let all = i64::from(kbps) * 125;
    (all - REPORTS).max(all / 4).max(1)
}

/// How long so many octets take.
fn time_of(octets: i64, kbps: u32) -> Span {
    let ticks = (i128::from(octets) << 32) / i128::from(rate(kbps));
    Span::from_ticks(i64::try_from(ticks).unwrap_or(i64::MAX))
}

impl Allowance {
    /// Accounts for a request of now.
    pub(super) fn spend(&mut self, now: Time, kbps: u32) {
        if kbps == 0 {
            return;
        }
        self.fill(now, kbps);
        self.left -= (if self.together.is_multiple_of(RECORDS) { DATAGRAM } else { RECORD }) << FRACTION;
        self.together += 1;
    }

    /// Until when no request may be sent; `None`: one may be sent now.
    pub(super) fn empty_until(&mut self, now: Time, kbps: u32) -> Option<Time> {
        if kbps == 0 {
            return None;
        }
        self.fill(now, kbps);
        // What shares a datagram with others costs next to nothing.
        if self.left > 0 || !self.together.is_multiple_of(RECORDS) {
            return None;
        }
        let first = now + time_of((-self.left >> FRACTION) + 1, kbps).max(Span::from_millis(1));
        Some(self.next_turn(now, first, kbps))
    }

    /// Those who wait do not all look again for every datagram: as many as share one have the same turn. For those
    /// beyond the `BURST` it is too early to have one: they look again then.
    fn next_turn(&mut self, now: Time, first: Time, kbps: u32) -> Time {
        let (turn, takers) = match self.turn.filter(|(turn, _)| *turn >= first) {
            None => (first, 1),
            Some((turn, takers)) if takers < RECORDS => (turn, takers + 1),
            Some((turn, _)) => (turn + time_of(DATAGRAM + RECORD * i64::from(RECORDS), kbps), 1),
        };
        let last = first.max(now + BURST);
        if turn > last {
            return last;
        }
        self.turn = Some((turn, takers));
        turn
    }

    fn fill(&mut self, now: Time, kbps: u32) {
        let in_time = |span: Span| ((i128::from(span.ticks()) * i128::from(rate(kbps))) >> (32 - FRACTION)) as i64;
        let most = in_time(BURST).max(DATAGRAM << FRACTION);
        let Some(filled) = self.filled.replace(now) else {
            self.left = most;
            return;
        };
        let elapsed = now.since(filled).max(Span::ZERO).min(Span::from_secs(1));
        if elapsed > Span::ZERO {
            self.together = 0;
        }
        self.left = (self.left + in_time(elapsed)).min(most);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn requests_come_to_the_rate_that_reports_leave() {
        let mut allowance = Allowance::default();
        let start = Time::from_ticks(1 << 40);
        let (mut octets, mut datagrams) = (0, 0);
        for ms in 0..10_000 {
            let now = start + Span::from_millis(ms);
            if allowance.empty_until(now, 80).is_none() {
                allowance.spend(now, 80);
                octets += DATAGRAM;
                datagrams += 1;
            }
        }
        let most = 10 * rate(80) + 2 * DATAGRAM + rate(80) / 10;
        assert!((most * 9 / 10..=most).contains(&octets), "{octets} octets in {datagrams} datagrams");
        assert!(allowance.empty_until(start, 0).is_none());
    }

    #[test]
    fn looking_often_costs_nothing_of_it() {
        let mut allowance = Allowance::default();
        let start = Time::from_ticks(1 << 40);
        let mut datagrams = 0;
        for us in (0..10_000_000).step_by(100) {
            let now = start + Span::from_micros(us);
            if allowance.empty_until(now, 8).is_none() {
                allowance.spend(now, 8);
                datagrams += 1;
            }
        }
        let most = 10 * rate(8) / DATAGRAM + 2;
        assert!((most - 3..=most).contains(&datagrams), "{datagrams} of {most}");
        // The widest there is.
        let mut allowance = Allowance::default();
        for ms in 0..3000 {
            assert!(allowance.empty_until(start + Span::from_millis(ms), u32::MAX).is_none());
            allowance.spend(start + Span::from_millis(ms), u32::MAX);
        }
    }

    #[test]
    fn those_who_wait_have_turns_of_as_many_as_share_a_datagram() {
        let mut allowance = Allowance::default();
        let now = Time::from_ticks(1 << 40);
        while allowance.empty_until(now, 1000).is_none() {
            allowance.spend(now, 1000);
        }
        let turns: Vec<Time> = (0..10_000).filter_map(|_| allowance.empty_until(now, 1000)).collect();
        let last = now + BURST;
        for turn in turns.iter().filter(|turn| **turn < last) {
            let takers = turns.iter().filter(|other| *other == turn).count();
            assert!(takers <= RECORDS as usize, "{takers}");
        }
        assert!(turns.iter().all(|turn| *turn > now && *turn <= last) && turns.is_sorted());
    }
}
