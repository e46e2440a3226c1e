//! One way by which packets of a flow come, and by which they can be asked for.

use super::allowance::Allowance;
use crate::protocol::meter::Meter;
use crate::protocol::output::PeerId;
use crate::protocol::peer::rtt::Rtt;
use crate::protocol::time::{Span, Time};
use std::collections::VecDeque;

/// Until an RTT is measured.
const UNKNOWN_RTT: Span = Span::from_millis(50);
/// A path that brought nothing for so long is not waited for.
const QUIET: Span = Span::from_millis(300);
const MAX_OUTSTANDING: usize = 4096;
/// A request is repeated no sooner than so long after its answer was to come.
const LEAST_SLACK: Span = Span::from_millis(1);
/// A sender's own delay with a single request: its tick (libRIST: 5 ms), and some load.
const MOST_SERVICE: Span = Span::from_millis(10);
/// Repairs that follow each other more closely come from one queue.
const SERVICE_GAP: Span = Span::from_millis(5);
/// Repairs after which their time is believed.
const ENOUGH_SAMPLES: u32 = 8;
/// Packets further apart are not of one stream.
const ANOTHER_STREAM: u64 = 1 << 16;

/// What the session knows about the peer behind a path.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(in crate::protocol) struct PathState {
    pub(in crate::protocol) rtt: Rtt,
    /// Requests can be sent to it and it is not dead.
    pub(in crate::protocol) usable: bool,
    pub(in crate::protocol) priority: u32,
    pub(in crate::protocol) rtt_min: Span,
    pub(in crate::protocol) rtt_max: Span,
    /// Ceiling of what is sent to it; 0 = none.
    pub(in crate::protocol) return_kbps: u32,
}

#[derive(Debug)]
pub(super) struct Path {
    pub(super) peer: PeerId,
    pub(super) state: PathState,
    /// It has answered an echo: its packets come from where they say.
    pub(super) trusted: bool,
    pub(super) highest: Option<u64>,
    /// For reception reports (RFC 3550 A.3): the first position seen, and first transmissions that came since.
    base: u64,
    came: u64,
    last_data: Option<Time>,
    /// Lateness against the flow's clock, and how it varies.
    transit: Span,
    jitter: Span,
    /// Share of requests that were answered, as far as known.
    success: f32,
    repair_time: RepairTime,
    /// Requests in the order sent, to see when a later one is answered first.
    outstanding: VecDeque<(Time, u64)>,
    allowance: Allowance,
    pub(super) received: u64,
    pub(super) received_bytes: u64,
    pub(super) fast: Meter,
    pub(super) slow: Meter,
}

/// How long repairs take to come, seen from their requests. Senders that serve requests on a tick (libRIST: 5 ms)
/// or pace them answer echoes sooner, so the RTT alone would ask again while the repair is on its way.
#[derive(Debug, Default)]
struct RepairTime {
    smoothed: Option<Span>,
    variance: Span,
    samples: u32,
    /// The latest one, and when it came.
    latest: Option<(Time, Span)>,
}

impl RepairTime {
    /// `usual`: what a repair may take that did not wait among many others. After an outage they do, and that says
    /// nothing of those that come later.
    fn sample(&mut self, now: Time, taken: Span, usual: Span) {
        self.latest = Some((now, taken));
        let taken = taken.min(usual);
        self.samples = self.samples.saturating_add(1);
        let smoothed = self.smoothed.unwrap_or(taken);
        let error = taken - smoothed;
        self.smoothed = Some(smoothed + error.scaled(1, 8));
        self.variance = self.variance + (error.abs() - self.variance).scaled(1, 4);
    }

    fn is_known(&self) -> bool {
        self.samples >= ENOUGH_SAMPLES
    }

    /// Nearly every repair has come by then.
    fn usual_end(&self) -> Span {
        self.smoothed.map_or(Span::ZERO, |smoothed| smoothed + self.variance.scaled(3, 1))
    }
}

impl Path {
    pub(super) fn new(peer: PeerId, state: PathState) -> Self {
        Self {
            peer,
            state,
            trusted: false,
            highest: None,
            base: 0,
            came: 0,
            last_data: None,
            transit: Span::ZERO,
            jitter: Span::ZERO,
            success: 1.0,
            repair_time: RepairTime::default(),
            outstanding: VecDeque::new(),
            allowance: Allowance::default(),
            received: 0,
            received_bytes: 0,
            fast: Meter::fast(),
            slow: Meter::slow(),
        }
    }

    pub(super) fn count(&mut self, now: Time, bytes: usize) {
        self.received += 1;
        self.received_bytes += bytes as u64;
        self.fast.add(now, bytes);
        self.slow.add(now, bytes);
    }

    /// A first transmission came in, `lateness` behind the flow's clock. Returns the old highest position.
    pub(super) fn advance(&mut self, now: Time, position: u64, lateness: Span) -> Option<u64> {
        if self.last_data.is_none() {
            self.transit = lateness;
        }
        self.last_data = Some(now);
        let error = lateness - self.transit;
        self.transit = self.transit + error.scaled(1, 16);
        self.jitter = self.jitter + (error.abs() - self.jitter).scaled(1, 16);
        let old = self.highest;
        if old.is_none_or(|old| position.abs_diff(old) > ANOTHER_STREAM) {
            (self.base, self.came) = (position, 0);
        }
        self.came += 1;
        self.highest = Some(old.map_or(position, |highest| highest.max(position)));
        old
    }

    pub(super) fn is_flowing(&self, now: Time) -> bool {
        self.last_data.is_some_and(|last| now.since(last) < QUIET)
    }

    /// How much longer than on `other` a packet may be on its way here.
    pub(super) fn behind(&self, other: &Path) -> Span {
        (self.transit - other.transit).max(Span::ZERO) + self.jitter.scaled(3, 1)
    }

    pub(super) fn rtt(&self) -> Span {
        self.state.rtt.smoothed().unwrap_or(UNKNOWN_RTT).max(self.state.rtt_min.min(Span::from_millis(1)))
    }

    /// The earliest that an answer was lately seen after its request.
    pub(super) fn quickest(&self) -> Span {
        self.state.rtt.min().unwrap_or(Span::ZERO)
    }

    /// When to ask again: once nearly every answer has come, by the round trips measured and by the repairs seen.
    pub(super) fn retry_after(&self) -> Span {
        let rtt = self.rtt().max(self.state.rtt_min).min(self.state.rtt_max.max(self.state.rtt_min));
        let variance = self.state.rtt.variance().unwrap_or(Span::ZERO).scaled(4, 1).min(rtt);
        // Until repairs were seen, libRIST's 1.1 × RTT: its senders serve requests on a tick of 5 ms.
        let slack = if self.repair_time.is_known() { LEAST_SLACK } else { rtt.scaled(1, 10).max(LEAST_SLACK) };
        (rtt + variance.max(slack)).max(self.repair_time.usual_end() + LEAST_SLACK)
    }

    /// When an answer to a request of now will usually be there.
    pub(super) fn answer_after(&self) -> Span {
        self.rtt().max(self.repair_time.usual_end())
    }

    /// A repeat that comes sooner is refused by the sender, or answered needlessly.
    pub(super) fn least_spacing(&self) -> Span {
        self.rtt().scaled(3, 4).max(self.state.rtt_min)
    }

    /// Expected time to an answer, failures included; the lower the better.
    pub(super) fn cost(&self) -> i64 {
        (self.rtt().ticks() as f64 / f64::from(self.success)) as i64
    }

    pub(super) fn asked(&mut self, now: Time, position: u64) {
        if self.outstanding.len() >= MAX_OUTSTANDING {
            self.outstanding.pop_front();
        }
        self.outstanding.push_back((now, position));
        self.allowance.spend(now, self.state.return_kbps);
    }

    /// When the return bandwidth allows a request, if not now.
    pub(super) fn may_ask_at(&mut self, now: Time) -> Option<Time> {
        self.allowance.empty_until(now, self.state.return_kbps)
    }

    /// A repair came `taken` after the request that it answers.
    pub(super) fn repaired(&mut self, now: Time, taken: Span) {
        let usual = self.rtt().scaled(5, 4) + MOST_SERVICE;
        self.repair_time.sample(now, taken, usual);
    }

    /// The sender works off what it was asked for in the order asked. While repairs come one by one, later each, those
    /// that were asked for with them are on their way as well: until when to wait for one asked for at `request`.
    pub(super) fn being_served(&self, now: Time, request: Time) -> Option<Time> {
        let (came, taken) = self.repair_time.latest?;
        let until = request + taken + SERVICE_GAP;
        (now.since(came) <= SERVICE_GAP && until > now).then_some(until.max(now + LEAST_SLACK))
    }

    pub(super) fn answered(&mut self) {
        self.success += (1.0 - self.success) / 16.0;
    }

    pub(super) fn failed(&mut self) {
        self.success = (self.success - self.success / 16.0).max(0.02);
    }

    /// Requests sent clearly before `request`, which has been answered: theirs must be lost.
    pub(super) fn overtaken(&mut self, request: Time, slack: Span) -> impl Iterator<Item = (Time, u64)> + '_ {
        let count = self.outstanding.iter().take_while(|(sent, _)| request.since(*sent) > slack).count();
        self.outstanding.drain(..count)
    }
}

impl super::Flow {
    /// Of one path, for its reception report: the highest sequence number with its cycles, packets expected, and packets received.
    pub(in crate::protocol) fn reception(&self, path: PeerId) -> Option<(u32, u64, u64)> {
        let path = self.paths.iter().find(|known| known.peer == path)?;
        let highest = path.highest?;
        let number = self.line.as_ref().map_or(highest as u32, |line| line.extended_number(highest));
        Some((number, highest.saturating_sub(path.base) + 1, path.came))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_next_request_waits_for_the_repairs_of_a_sender_that_serves_on_a_tick() {
        let mut time = RepairTime::default();
        assert_eq!(time.usual_end(), Span::ZERO);
        // RTT 20 ms, served every 5 ms: 20 to 25 ms in no order.
        for n in 0..200u32 {
            time.sample(Time::default(), Span::from_micros(20_000 + n * 7_919 % 5_000), Span::MAX);
            let end = time.usual_end();
            assert!(n < 20 || (24_000..28_000).contains(&end.as_micros()), "{n}: {end:?}");
        }
        // A sender that serves at once is asked again after its RTT, soon.
        (0..20).for_each(|_| time.sample(Time::default(), Span::from_micros(20_100), Span::MAX));
        assert!(time.usual_end() < Span::from_micros(21_500), "{time:?}");
    }
}
