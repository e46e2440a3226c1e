//! Which peers get a packet: every leg of weight 0, and one of the weighted ones by libRIST's election.
//!
//! In each round every weighted leg has as many turns as its weight. The leg with the most turns left gets the packet, the
//! first of equals; when none has any left, the next round begins. 5 and 3 so give A A A B A B A B. A leg that does not
//! carry is in no round, and a packet never goes without a leg.

use crate::protocol::bonding::{FULL, Leg};
use crate::protocol::output::PeerId;

#[derive(Debug)]
struct Turns {
    peer: PeerId,
    weight: u32,
    left: u32,
    share: u16,
    /// Turns are taken whenever this reaches `FULL`.
    credit: u16,
    gave_away: bool,
}

#[derive(Debug, Default)]
pub(in crate::protocol) struct Spread {
    turns: Vec<Turns>,
    packets: u64,
}

impl Spread {
    /// Adds the peers that get this packet to `chosen`; the elected one is the last.
    pub(in crate::protocol) fn choose(&mut self, legs: &[Leg], chosen: &mut Vec<PeerId>) {
        self.packets = self.packets.wrapping_add(1);
        let copied = |leg: &&Leg| match leg.weight {
            0 => true,
            _ => leg.share == 0 && leg.trickle > 0 && self.packets.is_multiple_of(u64::from(leg.trickle)),
        };
        chosen.extend(legs.iter().filter(copied).map(|leg| leg.peer));
        self.follow(legs);
        chosen.extend(self.elect());
    }

    /// The round begins anew for all, as when a weight was set.
    pub(in crate::protocol) fn restart(&mut self) {
        self.turns.clear();
    }

    pub(in crate::protocol) fn forget(&mut self, peer: PeerId) {
        self.turns.retain(|turns| turns.peer != peer);
    }

    /// Whoever has gone takes its turns along. When somebody comes, the round begins anew: it would otherwise
    /// have to catch up with what it was not there for.
    fn follow(&mut self, legs: &[Leg]) {
        let mut known = 0;
        for leg in legs.iter().filter(|leg| is_elected(leg)) {
            match self.turns.get_mut(known) {
                Some(turns) if (turns.peer, turns.weight) == (leg.peer, leg.weight) => turns.share = leg.share,
                _ => return self.regroup(legs),
            }
            known += 1;
        }
        if known < self.turns.len() {
            self.regroup(legs);
        }
    }

    fn regroup(&mut self, legs: &[Leg]) {
        let old = std::mem::take(&mut self.turns);
        let known = |leg: &Leg| old.iter().find(|turns| (turns.peer, turns.weight) == (leg.peer, leg.weight));
        let elected = || legs.iter().filter(|leg| is_elected(leg));
        let anew = elected().any(|leg| known(leg).is_none());
        self.turns = elected()
            .map(|leg| {
                let before = known(leg);
                Turns {
                    peer: leg.peer,
                    weight: leg.weight,
                    left: before.filter(|_| !anew).map_or(leg.weight, |turns| turns.left),
                    share: leg.share,
                    credit: before.map_or(0, |turns| turns.credit),
                    gave_away: false,
                }
            })
            .collect();
    }

    fn elect(&mut self) -> Option<PeerId> {
        if self.turns.is_empty() {
            return None;
        }
        for turns in &mut self.turns {
            turns.gave_away = false;
        }
        let mut first = None;
        while let Some(turns) = self.richest() {
            turns.left = turns.left.saturating_sub(1);
            turns.credit = turns.credit.saturating_add(turns.share.min(FULL));
            if turns.credit >= FULL {
                turns.credit -= FULL;
                return Some(turns.peer);
            }
            turns.gave_away = true;
            first = first.or(Some(turns.peer));
        }
        // Nobody was left to give the turn to.
        first
    }

    /// Of those that did not give this packet away, the first with the most turns left.
    fn richest(&mut self) -> Option<&mut Turns> {
        if !self.turns.iter().any(|turns| !turns.gave_away && turns.left > 0) {
            self.turns.iter_mut().for_each(|turns| turns.left = turns.weight);
        }
        let place = self
            .turns
            .iter()
            .enumerate()
            .filter(|(_, turns)| !turns.gave_away)
            .reduce(|best, next| if next.1.left > best.1.left { next } else { best })?
            .0;
        self.turns.get_mut(place)
    }
}

fn is_elected(leg: &Leg) -> bool {
    leg.weight > 0 && leg.share > 0
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::protocol::bonding::Condition;

    fn leg(id: u32, weight: u32) -> Leg {
        let condition = Condition::Good;
        Leg { peer: PeerId(id), weight, backup: 0, condition, good_since: None, share: FULL, trickle: 0 }
    }

    fn order(spread: &mut Spread, legs: &[Leg], packets: usize) -> Vec<u32> {
        let mut chosen = Vec::new();
        (0..packets).for_each(|_| spread.choose(legs, &mut chosen));
        chosen.into_iter().map(|peer| peer.0).collect()
    }

    fn counts(legs: &[Leg], packets: usize) -> Vec<usize> {
        let chosen = order(&mut Spread::default(), legs, packets);
        legs.iter().map(|leg| chosen.iter().filter(|id| **id == leg.peer.0).count()).collect()
    }

    #[test]
    fn the_order_is_that_of_librist() {
        let order = |legs: &[Leg], packets| order(&mut Spread::default(), legs, packets);
        assert_eq!(order(&[leg(1, 5), leg(2, 3)], 16), [1, 1, 1, 2, 1, 2, 1, 2, 1, 1, 1, 2, 1, 2, 1, 2]);
        // 10 against 5: five at once, then in turns.
        assert_eq!(order(&[leg(1, 5), leg(2, 10)], 16), [2, 2, 2, 2, 2, 1, 2, 1, 2, 1, 2, 1, 2, 1, 2, 2]);
        assert_eq!(order(&[leg(1, 1), leg(2, 1)], 4), [1, 2, 1, 2]);
        assert_eq!(order(&[leg(1, 1), leg(2, 3), leg(3, 2)], 7), [2, 2, 3, 1, 2, 3, 2]);
    }

    #[test]
    fn weights_share_and_zero_copies() {
        assert_eq!(counts(&[leg(1, 5), leg(2, 10)], 1500), [500, 1000]);
        assert_eq!(counts(&[leg(1, 0), leg(2, 1), leg(3, 1)], 100), [100, 50, 50]);
        assert_eq!(counts(&[leg(1, 0), leg(2, 0)], 100), [100, 100]);
        assert_eq!(counts(&[leg(1, u32::MAX), leg(2, u32::MAX)], 100), [50, 50]);
    }

    #[test]
    fn a_leg_that_goes_costs_no_packet() {
        let mut spread = Spread::default();
        let (a, b) = (leg(1, 5), leg(2, 5));
        assert_eq!(order(&mut spread, &[a, b], 3), [1, 2, 1]);
        assert_eq!(order(&mut spread, &[a], 30), [1; 30]);
        assert_eq!(order(&mut spread, &[a, b], 4), [1, 2, 1, 2]);
        assert_eq!(order(&mut spread, &[Leg { share: 0, ..a }, b], 30), [2; 30]);
        assert!(order(&mut spread, &[], 1).is_empty());
        assert!(order(&mut spread, &[Leg { share: 0, ..a }], 1).is_empty());
    }

    #[test]
    fn a_new_weight_restarts_the_round_for_all() {
        let mut spread = Spread::default();
        assert_eq!(order(&mut spread, &[leg(1, 5), leg(2, 3)], 3), [1, 1, 1]);
        assert_eq!(order(&mut spread, &[leg(1, 5), leg(2, 4)], 3), [1, 1, 2]);
        spread.restart();
        assert_eq!(order(&mut spread, &[leg(1, 5), leg(2, 4)], 3), [1, 1, 2]);
        assert_eq!(order(&mut spread, &[leg(1, 5), leg(2, 0)], 3), [2, 1, 2, 1, 2, 1]);
    }

    #[test]
    fn a_leg_that_comes_back_takes_part_of_its_turns() {
        for (share, least, most) in [(1, 0, 8), (256, 150, 260), (512, 300, 340), (FULL, 500, 500)] {
            let [_, back] = counts(&[leg(1, 5), Leg { share, ..leg(2, 5) }], 1000)[..] else { panic!() };
            assert!((least..=most).contains(&back), "share {share}: {back} of 1000");
        }
        let three = counts(&[leg(1, 5), Leg { share: 512, ..leg(2, 5) }, leg(3, 5)], 1000);
        assert!(three[0].abs_diff(three[2]) <= 40, "{three:?}");
        // Alone it takes everything.
        assert_eq!(counts(&[Leg { share: 1, ..leg(2, 5) }], 10), [10]);
    }

    #[test]
    fn a_resting_leg_gets_copies_of_a_few() {
        let legs = [leg(1, 5), Leg { share: 0, trickle: 100, ..leg(2, 5) }];
        assert_eq!(counts(&legs, 1000), [1000, 10]);
        assert_eq!(counts(&[leg(1, 5), Leg { share: 0, ..leg(2, 5) }], 1000), [1000, 0]);
    }
}
