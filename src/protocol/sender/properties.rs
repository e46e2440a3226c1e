//! What holds for every input, tried with many: the history against a list, and shares of legs.

use super::history::{History, Sent, Shape};
use super::spread::Spread;
use crate::properties::cases;
use crate::protocol::bonding::{Condition, FULL, Leg};
use crate::protocol::output::PeerId;
use crate::protocol::payload::Pool;
use crate::protocol::time::{Span, Time};
use crate::wire::gre::Ports;
use proptest::prelude::*;
use std::collections::BTreeMap;

#[derive(Debug, Clone)]
enum Step {
    /// The next number, or the application's own.
    Write(Option<u16>),
    Ask(u16, u8),
    Pass(u32),
    Expire,
}

fn step() -> impl Strategy<Value = Step> {
    let own = prop_oneof![8 => Just(None), 1 => any::<u16>().prop_map(Some), 1 => (0u16..40).prop_map(Some)];
    prop_oneof![
        6 => own.prop_map(Step::Write),
        4 => (any::<u16>(), 0u8..4).prop_map(|(back, peer)| Step::Ask(back % 400, peer)),
        2 => (0u32..120).prop_map(Step::Pass),
        1 => Just(Step::Expire),
    ]
}

proptest! {
    #![proptest_config(cases(300))]

    #[test]
    fn a_history_answers_as_a_list_would(
        start: u16,
        depth in 6u32..=16,
        memory_ms in 1u32..2000,
        steps in prop::collection::vec(step(), 1..400),
    ) {
        let pool = Pool::new();
        // 16-bit numbers fit into a ring of as many places, whatever they are.
        let mut history = History::new(1 << 16);
        let memory = Span::from_millis(memory_ms);
        history.set_memory(memory);
        let (mut now, mut next) = (Time::from_ticks(u64::MAX - (1 << 32)), start);
        // In the order written: number, time, content; and how often each peer has asked for that one.
        let mut list: Vec<(u16, Time, u32)> = Vec::new();
        let mut asked: BTreeMap<(u32, u8), u32> = BTreeMap::new();
        for (content, step) in (0u32..).zip(steps) {
            match step {
                Step::Write(own) => {
                    let seq = own.unwrap_or(next);
                    next = seq.wrapping_add(1 << (16 - depth));
                    list.push((seq, now, content));
                    let payload = pool.copy(&content.to_be_bytes());
                    let ports = Ports::default();
                    let (timestamp, payload_type, shape) = (content, 33, Shape::default());
                    let seq = seq.into();
                    history.insert(
                        now,
                        Sent { seq, timestamp, micros: 0, payload_type, ports, null_packets: None, payload, packed: None, shape },
                    );
                }
                Step::Ask(back, peer) => {
                    let seq = next.wrapping_sub(back << (16 - depth));
                    // A number that was used again is that of the newest packet.
                    let newest = list.iter().rev().find(|(known, ..)| *known == seq);
                    let kept = newest.filter(|(_, written, _)| now.since(*written) <= memory);
                    let found = history.get(now, seq.into()).map(|sent| sent.payload.to_vec());
                    prop_assert_eq!(found, kept.map(|(_, _, content)| content.to_be_bytes().to_vec()));
                    prop_assert_eq!(history.written(now, seq.into()), kept.map(|(_, written, _)| *written));
                    let account = history.repeats(now, seq.into(), PeerId(peer.into()));
                    prop_assert_eq!(account.is_some(), kept.is_some());
                    if let (Some(account), Some((_, _, content))) = (account, kept) {
                        account.count += 1;
                        let count = asked.entry((*content, peer)).or_default();
                        *count += 1;
                        prop_assert_eq!(account.count, *count);
                    }
                }
                Step::Pass(ms) => now += Span::from_millis(ms),
                Step::Expire => history.expire(now),
            }
        }
    }

    #[test]
    fn any_numbers_of_32_bits_find_their_own_packet_or_none(
        seqs in prop::collection::vec(prop_oneof![any::<u32>(), (any::<u32>(), 0u32..32).prop_map(|(seq, low)| seq << low)], 1..300),
        depth in 0u32..17,
    ) {
        let pool = Pool::new();
        let mut history = History::new(1 << 16);
        history.set_max(1 << (16 + depth));
        let now = Time::from_ticks(1 << 40);
        for seq in &seqs {
            let payload = pool.copy(&seq.to_be_bytes());
            let ports = Ports::default();
            let (seq, shape) = (*seq, Shape::default());
            history.insert(
                now,
                Sent { seq, timestamp: 0, micros: 0, payload_type: 33, ports, null_packets: None, payload, packed: None, shape },
            );
            let found = history.get(now, seq).map(|sent| sent.payload.to_vec());
            prop_assert_eq!(found, Some(seq.to_be_bytes().to_vec()), "the newest is always there");
        }
        for seq in &seqs {
            let found = history.get(now, *seq).map(|sent| sent.payload.to_vec());
            prop_assert!(found.is_none_or(|payload| payload == seq.to_be_bytes()));
        }
    }
}

fn leg(number: u32, weight: u32, share: u16) -> Leg {
    let (backup, trickle) = (0, 0);
    Leg { peer: PeerId(number), weight, backup, condition: Condition::Good, good_since: None, share, trickle }
}

/// How many packets each leg of these was given.
fn shares(spread: &mut Spread, legs: &[Leg], packets: u32) -> BTreeMap<PeerId, u32> {
    let (mut shares, mut chosen) = (BTreeMap::new(), Vec::new());
    for _ in 0..packets {
        chosen.clear();
        spread.choose(legs, &mut chosen);
        for peer in &chosen {
            *shares.entry(*peer).or_default() += 1;
        }
    }
    shares
}

proptest! {
    #![proptest_config(cases(300))]

    #[test]
    fn each_leg_gets_its_weight_of_every_round(weights in prop::collection::vec(0u32..12, 1..6), rounds in 1u32..6) {
        let legs: Vec<Leg> = (1..).zip(&weights).map(|(number, weight)| leg(number, *weight, FULL)).collect();
        let round: u32 = weights.iter().sum();
        let mut spread = Spread::default();
        let packets = rounds * round.max(1);
        let shares = shares(&mut spread, &legs, packets);
        for leg in &legs {
            let expected = if leg.weight == 0 { packets } else { rounds * leg.weight };
            prop_assert_eq!(shares.get(&leg.peer).copied().unwrap_or_default(), expected);
        }
    }

    #[test]
    fn a_part_of_a_share_is_about_that_part(share in 1u16..=FULL, weights in (1u32..10, 1u32..10)) {
        let legs = [leg(1, weights.0, share), leg(2, weights.1, FULL)];
        let packets = 4000;
        let shares = shares(&mut Spread::default(), &legs, packets);
        let of = |peer| f64::from(shares.get(&PeerId(peer)).copied().unwrap_or_default());
        prop_assert_eq!(of(1) + of(2), f64::from(packets), "no packet goes without a leg");
        // What the first gives away the second gets, and the turns are as many.
        let turns = f64::from(packets) * f64::from(weights.0) / f64::from(weights.0 + weights.1);
        prop_assert!(of(1) <= turns + 20.0, "{shares:?} of {turns}");
        prop_assert!(of(1) >= turns * f64::from(share) / f64::from(FULL) * 0.5 - 20.0, "{shares:?} of {turns}");
    }

    #[test]
    fn whoever_comes_and_goes_no_packet_goes_astray(
        changes in prop::collection::vec(prop::collection::vec((1u32..5, 0u32..6, 0u16..=FULL), 0..4), 1..60),
    ) {
        let mut spread = Spread::default();
        let mut chosen = Vec::new();
        for change in changes {
            let mut legs: Vec<Leg> = change.iter().map(|(number, weight, share)| leg(*number, *weight, *share)).collect();
            legs.sort_by_key(|leg| leg.peer);
            legs.dedup_by_key(|leg| leg.peer);
            for _ in 0..7 {
                chosen.clear();
                spread.choose(&legs, &mut chosen);
                let (copied, elected): (Vec<&Leg>, Vec<&Leg>) = legs.iter().partition(|leg| leg.weight == 0);
                let electable = elected.iter().any(|leg| leg.share > 0);
                prop_assert_eq!(chosen.len(), copied.len() + usize::from(electable));
                prop_assert!(copied.iter().all(|leg| chosen.contains(&leg.peer)));
                let last = chosen.last().filter(|_| electable);
                prop_assert!(last.is_none_or(|last| elected.iter().any(|leg| leg.peer == *last && leg.share > 0)));
            }
        }
    }
}
