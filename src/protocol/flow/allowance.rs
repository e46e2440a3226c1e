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
/// Unused allowance is kept for so long.
const BURST: Span = Span::from_millis(100);

/// A token bucket, in octets.
#[derive(Debug, Default)]
pub(super) struct Allowance {
    left: i64,
    filled: Option<Time>,
    /// Requests of the moment `filled`: they share datagrams.
    together: u32,
}

/// Octets a second for requests: reports go first, but a quarter is always left.
fn rate(kbps: u32) -> i64 {
    let all = i64::from(kbps) * 125;
    (all - REPORTS).max(all / 4).max(1)
}

impl Allowance {
    /// Accounts for a request of now.
    pub(super) fn spend(&mut self, now: Time, kbps: u32) {
        if kbps == 0 {
            return;
        }
        self.fill(now, kbps);
        self.left -= if self.together.is_multiple_of(RECORDS) { DATAGRAM } else { RECORD };
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
        let ticks = (i128::from(1 - self.left) << 32) / i128::from(rate(kbps));
        Some(now + Span::from_ticks(ticks as i64).max(Span::from_millis(1)))
    }

    fn fill(&mut self, now: Time, kbps: u32) {
        let most = ((i128::from(BURST.ticks()) * i128::from(rate(kbps))) >> 32) as i64;
        let Some(filled) = self.filled.replace(now) else {
            self.left = most.max(DATAGRAM);
            return;
        };
        let elapsed = now.since(filled).max(Span::ZERO).min(Span::from_secs(1));
        if elapsed > Span::ZERO {
            self.together = 0;
        }
        let earned = ((i128::from(elapsed.ticks()) * i128::from(rate(kbps))) >> 32) as i64;
        self.left = (self.left + earned).min(most.max(DATAGRAM));
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
}
