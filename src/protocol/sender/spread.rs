//! Which peers get a packet: every peer of weight 0, and one of the weighted ones in proportion.

use crate::protocol::output::PeerId;

/// A peer that media can go to now.
#[derive(Debug, Clone, Copy)]
pub(in crate::protocol) struct Leg {
    pub(in crate::protocol) peer: PeerId,
    /// 0 = a copy of everything.
    pub(in crate::protocol) weight: u32,
    /// Taken only when no weighted leg is better off.
    pub(in crate::protocol) stalled: bool,
}

/// Smooth weighted round robin: each leg earns its weight per packet, the richest one pays for all.
#[derive(Debug, Default)]
pub(in crate::protocol) struct Spread {
    credit: Vec<(PeerId, i64)>,
}

impl Spread {
    /// Adds the peers that get this packet to `chosen`.
    pub(in crate::protocol) fn choose(&mut self, legs: &[Leg], chosen: &mut Vec<PeerId>) {
        chosen.extend(legs.iter().filter(|leg| leg.weight == 0).map(|leg| leg.peer));
        let weighted = || legs.iter().filter(|leg| leg.weight > 0);
        let all_stalled = weighted().all(|leg| leg.stalled);
        let mut total = 0;
        let mut best: Option<(i64, PeerId)> = None;
        for leg in weighted().filter(|leg| all_stalled || !leg.stalled) {
            let weight = i64::from(leg.weight);
            total += weight;
            let credit = self.credit_of(leg.peer);
            *credit = credit.saturating_add(weight);
            if best.is_none_or(|(most, _)| *credit > most) {
                best = Some((*credit, leg.peer));
            }
        }
        if let Some((_, peer)) = best {
            let credit = self.credit_of(peer);
            *credit = credit.saturating_sub(total);
            chosen.push(peer);
        }
    }

    fn credit_of(&mut self, peer: PeerId) -> &mut i64 {
        let place = match self.credit.iter().position(|(id, _)| *id == peer) {
            Some(place) => place,
            None => {
                self.credit.push((peer, 0));
                self.credit.len() - 1
            }
        };
        &mut self.credit[place].1
    }

    pub(in crate::protocol) fn forget(&mut self, peer: PeerId) {
        self.credit.retain(|(id, _)| *id != peer);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn leg(id: u32, weight: u32) -> Leg {
        Leg { peer: PeerId(id), weight, stalled: false }
    }

    fn counts(legs: &[Leg], packets: usize) -> Vec<usize> {
        let mut spread = Spread::default();
        let mut counts = vec![0; legs.len()];
        for _ in 0..packets {
            let mut chosen = Vec::new();
            spread.choose(legs, &mut chosen);
            for peer in chosen {
                counts[legs.iter().position(|leg| leg.peer == peer).unwrap()] += 1;
            }
        }
        counts
    }

    #[test]
    fn weights_share_and_zero_copies() {
        assert_eq!(counts(&[leg(1, 5), leg(2, 10)], 1500), [500, 1000]);
        assert_eq!(counts(&[leg(1, 0), leg(2, 1), leg(3, 1)], 100), [100, 50, 50]);
    }

    #[test]
    fn every_packet_leaves_even_when_all_legs_stall() {
        let mut legs = [leg(1, 5), leg(2, 5)];
        legs[0].stalled = true;
        assert_eq!(counts(&legs, 10), [0, 10]);
        legs[1].stalled = true;
        assert_eq!(counts(&legs, 10), [5, 5]);
    }
}
