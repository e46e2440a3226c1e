//! RTT auto-mute (libRIST 0.2.19, `rtt-drop` and its kin): a leg whose round trip takes too long rests.

use super::FULL;
use super::evidence::part;
use crate::protocol::output::PeerId;
use crate::protocol::time::{Span, Time};

/// When a leg rests and comes back.
#[derive(Debug, Clone, Copy)]
pub(in crate::protocol) struct RttBounds {
    /// It rests above; zero = never.
    pub(in crate::protocol) drop: Span,
    /// It comes back below; zero, or not below `drop` = 80 % of that.
    pub(in crate::protocol) restore: Span,
    /// How long it must stay above; twice as long below.
    pub(in crate::protocol) settle: Span,
}

impl RttBounds {
    fn restore_below(&self) -> Span {
        let given = self.restore > Span::ZERO && self.restore < self.drop;
        if given { self.restore } else { self.drop.scaled(8, 10) }
    }

    /// The way back to the whole share takes as long as the RTT had to be good.
    pub(in crate::protocol) fn dwell(&self) -> Span {
        self.settle.scaled(2, 1)
    }
}

/// What one leg's RTT asks for.
#[derive(Debug, Default)]
pub(in crate::protocol) struct Mute {
    wanted: bool,
    /// The RTT has asked for the opposite since then.
    contrary_since: Option<Time>,
}

impl Mute {
    /// Whether the leg should rest, after one more sample. One sample that says otherwise restarts the dwell.
    pub(in crate::protocol) fn sample(&mut self, now: Time, rtt: Span, bounds: &RttBounds) -> bool {
        if bounds.drop <= Span::ZERO {
            *self = Self::default();
            return false;
        }
        let (contrary, dwell) = match self.wanted {
            false => (rtt > bounds.drop, bounds.settle),
            true => (rtt < bounds.restore_below(), bounds.dwell()),
        };
        if !contrary {
            self.contrary_since = None;
        } else if now.since(*self.contrary_since.get_or_insert(now)) >= dwell {
            *self = Self { wanted: !self.wanted, contrary_since: None };
        }
        self.wanted
    }
}

/// A leg that could carry the stream.
#[derive(Debug, Clone, Copy)]
pub(in crate::protocol) struct Candidate {
    pub(in crate::protocol) peer: PeerId,
    pub(in crate::protocol) rtt: Span,
    pub(in crate::protocol) wants_rest: bool,
    pub(in crate::protocol) rests: bool,
}

/// When all legs are too slow, one carries on all the same, and stays the one unless another is twice as fast.
#[derive(Debug, Default)]
pub(in crate::protocol) struct SoleCarrier {
    peer: Option<PeerId>,
    challenger: Option<(PeerId, Time)>,
}

impl SoleCarrier {
    /// The leg that may not rest though it wants to.
    pub(in crate::protocol) fn choose(&mut self, now: Time, legs: &[Candidate], settle: Span) -> Option<PeerId> {
        if legs.iter().any(|leg| !leg.wants_rest) {
            *self = Self::default();
            return None;
        }
        let incumbent = legs.iter().find(|leg| Some(leg.peer) == self.peer);
        let Some(incumbent) = incumbent.or_else(|| legs.iter().min_by_key(|leg| (leg.rests, leg.rtt, leg.peer))) else {
            *self = Self::default();
            return None;
        };
        self.peer = Some(incumbent.peer);
        let twice_as_fast = |leg: &&Candidate| leg.peer != incumbent.peer && leg.rtt.scaled(2, 1) <= incumbent.rtt;
        let challenger = legs.iter().filter(twice_as_fast).min_by_key(|leg| (leg.rtt, leg.peer));
        self.challenger = challenger.map(|leg| match self.challenger {
            Some((peer, since)) if peer == leg.peer => (peer, since),
            _ => (leg.peer, now),
        });
        if let Some((peer, since)) = self.challenger
            && now.since(since) >= settle
        {
            *self = Self { peer: Some(peer), challenger: None };
        }
        self.peer
    }
}

/// Whether a resting leg gets a copy now and then: not when that would come too late to be of use.
pub(in crate::protocol) fn trickles(rtt: Span, buffer: Span) -> bool {
    buffer == Span::ZERO || rtt.scaled(1, 2) <= buffer
}

/// The weight of a leg that is coming back: in proportion to the time, at least 1.
fn ramped(weight: u32, elapsed: Span, ramp: Span) -> u32 {
    if weight <= 1 || elapsed >= ramp {
        return weight;
    }
    let weight = u64::from(weight) * u64::from(part(elapsed, ramp)) / u64::from(FULL);
    u32::try_from(weight).unwrap_or(u32::MAX).max(1)
}

/// The same in 1/`FULL` of its turns.
pub(in crate::protocol) fn ramped_share(weight: u32, elapsed: Span, ramp: Span) -> u16 {
    let share = u64::from(ramped(weight, elapsed, ramp)) * u64::from(FULL) / u64::from(weight.max(1));
    u16::try_from(share).unwrap_or(FULL).clamp(1, FULL)
}

#[cfg(test)]
mod tests {
    use super::*;

    const BOUNDS: RttBounds =
        RttBounds { drop: Span::from_millis(200), restore: Span::from_millis(150), settle: Span::from_millis(1000) };

    fn at(ms: u32) -> Time {
        Time::from_ticks(1 << 60) + Span::from_millis(ms)
    }

    /// What the leg wants after each sample, 250 ms apart.
    fn wants(mute: &mut Mute, from: u32, rtts: &[u32], bounds: &RttBounds) -> Vec<bool> {
        let sample = |(n, rtt): (u32, &u32)| mute.sample(at(from + n * 250), Span::from_millis(*rtt), bounds);
        (0..).zip(rtts).map(sample).collect()
    }

    #[test]
    fn it_rests_after_one_settle_and_returns_after_two() {
        let mut mute = Mute::default();
        assert_eq!(
            wants(&mut mute, 0, &[100, 201, 300, 201, 201, 201], &BOUNDS),
            [false, false, false, false, false, true]
        );
        let low = [149; 10];
        let back = wants(&mut mute, 2000, &low, &BOUNDS);
        assert_eq!(back.iter().filter(|wants| **wants).count(), 8, "{back:?}");
    }

    #[test]
    fn a_contrary_sample_restarts_the_dwell() {
        let mut mute = Mute::default();
        // The bound itself is not above it.
        assert!(wants(&mut mute, 0, &[201, 201, 201, 200, 201, 201, 201, 201], &BOUNDS).iter().all(|wants| !wants));
        assert!(wants(&mut mute, 2000, &[201], &BOUNDS)[0]);
        let up = [149, 149, 149, 149, 149, 149, 149, 150, 149, 149, 149, 149, 149, 149, 149, 149];
        assert!(wants(&mut mute, 3000, &up, &BOUNDS).iter().all(|wants| *wants));
        assert!(mute.wanted);
    }

    #[test]
    fn between_the_bounds_everything_stays() {
        let mut mute = Mute::default();
        assert!(wants(&mut mute, 0, &[180; 40], &BOUNDS).iter().all(|wants| !wants));
        wants(&mut mute, 20_000, &[300; 8], &BOUNDS);
        assert!(wants(&mut mute, 30_000, &[180; 40], &BOUNDS).iter().all(|wants| *wants));
    }

    #[test]
    fn an_impossible_bound_for_the_return_is_four_fifths() {
        for restore in [0, 200, 900] {
            let bounds = RttBounds { restore: Span::from_millis(restore), ..BOUNDS };
            assert_eq!(bounds.restore_below().as_millis(), 160);
        }
        assert_eq!(BOUNDS.restore_below().as_millis(), 150);
    }

    #[test]
    fn without_a_bound_it_returns_at_once() {
        let mut mute = Mute::default();
        wants(&mut mute, 0, &[300; 8], &BOUNDS);
        assert!(mute.wanted);
        assert!(!mute.sample(at(2250), Span::from_secs(9), &RttBounds { drop: Span::ZERO, ..BOUNDS }));
    }

    fn leg(id: u32, rtt: u32, wants_rest: bool) -> Candidate {
        Candidate { peer: PeerId(id), rtt: Span::from_millis(rtt), wants_rest, rests: false }
    }

    #[test]
    fn all_may_rest_while_another_carries_and_never_all() {
        let mut sole = SoleCarrier::default();
        let settle = BOUNDS.settle;
        assert_eq!(sole.choose(at(0), &[], settle), None);
        assert_eq!(sole.choose(at(0), &[leg(1, 900, true), leg(2, 20, false)], settle), None);
        // The one that carried goes on, though the resting one is quicker by now.
        let both = [Candidate { rests: true, ..leg(1, 250, true) }, leg(2, 300, true)];
        assert_eq!(sole.choose(at(250), &both, settle), Some(PeerId(2)));
        assert_eq!(sole.choose(at(500), &both[..1], settle), Some(PeerId(1)));
    }

    #[test]
    fn the_sole_carrier_changes_for_half_the_rtt_and_once_a_settle() {
        let mut sole = SoleCarrier::default();
        let settle = BOUNDS.settle;
        let mut carrier = sole.choose(at(0), &[leg(1, 300, true), leg(2, 400, true)], settle);
        assert_eq!(carrier, Some(PeerId(1)));
        // Not twice as fast: never.
        for n in 1..40 {
            assert_eq!(sole.choose(at(n * 250), &[leg(1, 700, true), leg(2, 351, true)], settle), Some(PeerId(1)));
        }
        for n in 40..44 {
            assert_eq!(sole.choose(at(n * 250), &[leg(1, 700, true), leg(2, 350, true)], settle), Some(PeerId(1)));
        }
        assert_eq!(sole.choose(at(44 * 250), &[leg(1, 700, true), leg(2, 350, true)], settle), Some(PeerId(2)));
        // Two that take turns at being bad.
        carrier = Some(PeerId(2));
        let mut switches = 0;
        for n in 45..445u32 {
            let (one, two) = if n % 8 < 4 { (300, 900) } else { (900, 300) };
            let next = sole.choose(at(n * 250), &[leg(1, one, true), leg(2, two, true)], settle);
            switches += u32::from(next != carrier);
            carrier = next;
        }
        assert!(switches <= 100, "{switches} in 100 s");
    }

    #[test]
    fn copies_are_sent_while_they_come_in_time() {
        let ms = Span::from_millis;
        for (rtt, buffer, trickle) in [(100, 1000, true), (2000, 1000, true), (2002, 1000, false), (8000, 0, true)] {
            assert_eq!(trickles(ms(rtt), ms(buffer)), trickle, "{rtt} {buffer}");
        }
    }

    #[test]
    fn the_share_comes_back_in_proportion() {
        let ramp = Span::from_millis(4000);
        let weight = |weight, percent: u32| ramped(weight, ramp.scaled(i64::from(percent), 100), ramp);
        assert_eq!([0, 25, 50, 100, 300].map(|percent| weight(10, percent)), [1, 2, 5, 10, 10]);
        assert_eq!([0, 50].map(|percent| weight(1, percent)), [1, 1]);
        assert_eq!([0, 50].map(|percent| weight(0, percent)), [0, 0]);
        assert_eq!(weight(u32::MAX, 50), u32::MAX / 2);
        assert_eq!([0, 50, 100].map(|percent| ramped_share(10, ramp.scaled(percent, 100), ramp)), [102, 512, FULL]);
        assert_eq!(ramped_share(10, Span::ZERO, Span::ZERO), FULL);
    }
}
