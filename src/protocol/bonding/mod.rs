//! Which of a sender's legs may carry media, and how much of their turns they take.
//!
//! `evidence` whether a leg delivers, `mute` whether it is quick enough, `losses` and `far_end` what it loses, `backup` whose
//! time it is. The election itself is `sender::spread`. The session asks here for each packet and tells what it hears.

mod backup;
mod evidence;
mod far_end;
mod losses;
mod mute;

use super::output::PeerId;
use super::report::LegState;
use super::time::{Span, Time};
use backup::Backup;
pub(super) use backup::settled_for;
use evidence::Evidence;
pub(super) use far_end::{Block, FarEnd, loss_figures};
pub(super) use losses::{Losses, Trail, is_cleared};
pub(super) use mute::{Candidate, RttBounds, trickles};
use mute::{Mute, SoleCarrier, ramped_share};

/// How often RTT and losses are judged (libRIST).
pub(super) const JUDGED_EVERY: Span = Span::from_millis(250);

/// Fitness to carry media, the best first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Condition {
    Good,
    /// Too slow, or too lossy; it still delivers.
    Resting,
    /// It does not deliver, or was never heard.
    Stalled,
}

/// Every turn of a leg.
pub(super) const FULL: u16 = 1024;

/// A peer that media can go to now.
#[derive(Debug, Clone, Copy)]
pub(super) struct Leg {
    pub(super) peer: PeerId,
    /// 0 = a copy of everything.
    pub(super) weight: u32,
    /// 0 first; see `backup`.
    pub(super) backup: u32,
    pub(super) condition: Condition,
    pub(super) good_since: Option<Time>,
    /// Of its turns, in 1/`FULL`, for a weighted leg: less while it comes back, 0 = in no round.
    pub(super) share: u16,
    /// In no round, it gets a copy of one packet in so many; 0 = of none.
    pub(super) trickle: u32,
}

/// What is known of one leg.
#[derive(Debug, Default)]
pub(super) struct Standing {
    pub(super) evidence: Evidence,
    pub(super) mute: Mute,
    muted: bool,
    pub(super) mute_events: u32,
    lossy: bool,
    /// When it came back from a rest, and how long it takes to its whole share.
    returned: Option<(Time, Span)>,
    /// Of the last second or so, to judge by.
    pub(super) losses: Losses,
    /// Since the last statistics.
    pub(super) told_losses: Losses,
    pub(super) far_end: FarEnd,
}

/// A leg that loses too much comes back as slowly as one that was silent.
const LOSSY_RAMP: Span = Span::from_secs(1);

impl Standing {
    pub(super) fn condition(&self, now: Time, interval: Span) -> Condition {
        if self.evidence.is_stale(now, interval) {
            Condition::Stalled
        } else if self.muted || self.lossy {
            Condition::Resting
        } else {
            Condition::Good
        }
    }

    pub(super) fn is_muted(&self) -> bool {
        self.muted
    }

    pub(super) fn set_muted(&mut self, now: Time, muted: bool, bounds: &RttBounds) {
        if self.muted && !muted {
            self.returned = Some((now, bounds.dwell()));
        }
        self.mute_events = self.mute_events.saturating_add(u32::from(muted && !self.muted));
        self.muted = muted;
    }

    pub(super) fn is_lossy(&self) -> bool {
        self.lossy
    }

    pub(super) fn set_lossy(&mut self, now: Time, lossy: bool) {
        if lossy != self.lossy {
            self.losses = Losses::default();
            self.returned = if lossy { self.returned } else { Some((now, LOSSY_RAMP)) };
        }
        self.lossy = lossy;
    }

    /// When it last became good; `None` while it is not.
    pub(super) fn good_since(&self, now: Time, interval: Span) -> Option<Time> {
        if self.condition(now, interval) != Condition::Good {
            return None;
        }
        let returned = self.returned.map(|(at, _)| at);
        let heard = self.evidence.good_since();
        match (heard, returned) {
            (Some(heard), Some(returned)) if returned.since(heard) > Span::ZERO => Some(returned),
            _ => heard,
        }
    }

    /// How long condition, share and rank stay as they are if nothing is heard or asked; no time at all during a way back.
    pub(super) fn steady_for(&self, now: Time, interval: Span) -> Span {
        let returning = self.returned.is_some_and(|(at, ramp)| now.since(at) < ramp);
        if returning {
            return Span::ZERO;
        }
        self.evidence.steady_for(now, interval).min(settled_for(now, self.good_since(now, interval)))
    }

    /// Of its turns, in 1/`FULL`.
    pub(super) fn share(&self, now: Time, weight: u32) -> u16 {
        let returning = self.returned.map_or(FULL, |(at, ramp)| ramped_share(weight, now.since(at), ramp));
        returning.min(self.evidence.share(now))
    }

    pub(super) fn state(&self, now: Time, interval: Span, standby: bool) -> LegState {
        match self.condition(now, interval) {
            Condition::Stalled => LegState::Stalled,
            Condition::Resting if self.muted => LegState::Muted,
            Condition::Resting => LegState::Lossy,
            Condition::Good if standby => LegState::Standby,
            Condition::Good => LegState::Carrying,
        }
    }
}

/// What is known of the legs together.
#[derive(Debug, Default)]
pub(super) struct Bonding {
    backup: Backup,
    sole: SoleCarrier,
    pub(super) trail: Trail,
}

impl Bonding {
    /// Leaves the legs that this packet may take, each with its share.
    ///
    /// Legs of weight 0 are sent copies as long as their peers live. Of the weighted ones the best carry: never none.
    pub(super) fn assign(&mut self, now: Time, legs: &mut Vec<Leg>) {
        if legs.is_empty() {
            return;
        }
        let active = self.backup.choose(now, legs.iter().map(|leg| (leg.backup, leg.good_since)));
        legs.retain(|leg| leg.backup <= active);
        let fits = |leg: &Leg| leg.weight > 0 && leg.backup == active;
        let best = legs.iter().filter(|leg| fits(leg)).map(|leg| leg.condition).min();
        for leg in legs {
            if leg.share > 0 && !(fits(leg) && Some(leg.condition) == best) {
                leg.share = 0;
            } else if leg.condition != Condition::Good {
                leg.share = FULL;
            }
        }
    }

    /// Whether the leg's turn has not come.
    pub(super) fn stands_by(&self, backup: u32) -> bool {
        self.backup.active().is_some_and(|active| backup > active)
    }

    /// The leg that may not rest though it wants to, because nobody else is there.
    pub(super) fn sole_carrier(&mut self, now: Time, legs: &[Candidate], settle: Span) -> Option<PeerId> {
        self.sole.choose(now, legs, settle)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn now() -> Time {
        Time::from_ticks(1 << 60)
    }

    fn leg(id: u32, weight: u32, backup: u32, condition: Condition) -> Leg {
        let good_since = (condition == Condition::Good).then(|| now() - Span::from_secs(9));
        Leg { peer: PeerId(id), weight, backup, condition, good_since, share: FULL, trickle: 0 }
    }

    /// Peers of weight 0 and those with turns.
    fn carriers(legs: &[Leg]) -> Vec<u32> {
        let mut legs = legs.to_vec();
        Bonding::default().assign(now(), &mut legs);
        legs.iter().filter(|leg| leg.weight == 0 || leg.share > 0).map(|leg| leg.peer.0).collect()
    }

    #[test]
    fn the_best_carry_and_never_none() {
        use Condition::{Good, Resting, Stalled};
        assert!(carriers(&[]).is_empty());
        assert_eq!(carriers(&[leg(1, 5, 0, Good), leg(2, 5, 0, Good)]), [1, 2]);
        assert_eq!(carriers(&[leg(1, 5, 0, Good), leg(2, 5, 0, Stalled), leg(3, 5, 0, Resting)]), [1]);
        assert_eq!(carriers(&[leg(1, 5, 0, Resting), leg(2, 5, 0, Stalled), leg(3, 5, 0, Resting)]), [1, 3]);
        assert_eq!(carriers(&[leg(1, 5, 0, Stalled), leg(2, 5, 0, Stalled)]), [1, 2]);
        // Copies go on, whatever is known of the leg.
        assert_eq!(carriers(&[leg(1, 0, 0, Good), leg(2, 0, 0, Stalled), leg(3, 5, 0, Stalled)]), [1, 2, 3]);
    }

    #[test]
    fn backups_wait_until_nobody_before_them_delivers() {
        use Condition::{Good, Resting, Stalled};
        assert_eq!(carriers(&[leg(1, 5, 0, Good), leg(2, 5, 1, Good)]), [1]);
        assert_eq!(carriers(&[leg(1, 0, 0, Good), leg(2, 0, 1, Good)]), [1]);
        assert_eq!(carriers(&[leg(1, 5, 0, Resting), leg(2, 5, 1, Good), leg(3, 5, 2, Good)]), [2]);
        assert_eq!(carriers(&[leg(1, 0, 0, Stalled), leg(2, 0, 1, Good), leg(3, 0, 2, Good)]), [1, 2]);
        assert_eq!(carriers(&[leg(1, 5, 0, Stalled), leg(2, 0, 1, Good)]), [2]);
        // Nobody delivers: the first.
        assert_eq!(carriers(&[leg(1, 5, 0, Stalled), leg(2, 5, 1, Stalled)]), [1]);
        assert_eq!(carriers(&[leg(2, 5, 3, Stalled)]), [2]);
    }

    #[test]
    fn a_rest_is_counted_and_ends_with_a_ramp() {
        let interval = Span::from_millis(100);
        let bounds = RttBounds { drop: Span::ZERO, restore: Span::ZERO, settle: Span::from_secs(1) };
        let mut standing = Standing::default();
        assert_eq!(standing.condition(now(), interval), Condition::Stalled);
        standing.evidence.heard(now(), interval);
        assert_eq!(standing.good_since(now(), interval), Some(now() - Span::from_secs(1)));
        for _ in 0..2 {
            standing.set_muted(now(), true, &bounds);
        }
        assert_eq!((standing.condition(now(), interval), standing.mute_events), (Condition::Resting, 1));
        assert_eq!(standing.good_since(now(), interval), None);
        standing.set_muted(now(), false, &bounds);
        assert_eq!(standing.good_since(now(), interval), Some(now()));
        assert_eq!(standing.share(now() + Span::from_millis(1000), 10), 512);
        assert_eq!(standing.share(now() + Span::from_millis(2000), 10), FULL);
        standing.set_lossy(now(), true);
        assert_eq!(standing.state(now(), interval, false), LegState::Lossy);
    }
}
