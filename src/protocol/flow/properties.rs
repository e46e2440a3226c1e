//! What holds for every input, tried with many: the ring, and a whole flow on a network that loses and reorders.

use super::arrival::Mark;
use super::recovery_buffer::{Packet, RecoveryBuffer, Slot};
use super::*;
use crate::properties::cases;
use crate::protocol::output::Delivery;
use proptest::prelude::*;
use std::collections::{BTreeMap, BTreeSet};

fn packet(number: u32) -> Packet {
    let time = Time::from_ticks(u64::from(number));
    Packet {
        path: PeerId(1),
        mark: Mark { timestamp: number, numbers: Numbers::Short },
        part: Part::WHOLE,
        compressed: false,
        source: time,
        arrived: time,
        early: false,
        release: time,
        virt_src_port: 0,
        virt_dst_port: 0,
        payload: Pool::new().copy(&number.to_be_bytes()),
    }
}

#[derive(Debug, Clone)]
enum Step {
    /// So far above the oldest position that matters.
    Put(u64),
    Take(u64),
    Forget(u64),
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        4 => (0u64..1024).prop_map(Step::Put),
        3 => (0u64..1024).prop_map(Step::Take),
        1 => (0u64..300).prop_map(Step::Forget),
    ]
}

proptest! {
    #![proptest_config(cases(300))]

    #[test]
    fn a_ring_holds_what_a_map_holds(
        start in 0u64..1 << 50,
        steps in prop::collection::vec(step(), 1..200),
    ) {
        let (mut ring, mut map) = (RecoveryBuffer::new(1024), BTreeMap::new());
        let mut from = start;
        for (number, step) in (1u32..).zip(steps) {
            match step {
                Step::Put(above) => {
                    ring.put(from, from + above, Slot::Present(packet(number)));
                    map.insert(from + above, number);
                }
                Step::Take(above) => {
                    let taken = ring.take(from + above).map(|packet| packet.mark.timestamp);
                    prop_assert_eq!(taken, map.remove(&(from + above)));
                }
                Step::Forget(count) => from += count,
            }
            map = map.split_off(&from);
            let first = ring.first_present(from, from + 1023).map(|(position, _)| position);
            prop_assert_eq!(first, map.keys().next().copied());
            for (position, number) in &map {
                let is_there = matches!(ring.get(*position), Slot::Present(packet) if packet.mark.timestamp == *number);
                prop_assert!(is_there, "{number} at {position}");
            }
        }
    }
}

/// What becomes of one packet on the way.
#[derive(Debug, Clone, Copy)]
struct Fate {
    lost: bool,
    late_ms: u32,
    twice: bool,
}

prop_compose! {
    fn fate()(lost in prop::bool::weighted(0.15), late_ms in prop_oneof![3 => Just(0u32), 1 => 0u32..40], twice in prop::bool::weighted(0.05)) -> Fate {
        Fate { lost, late_ms, twice }
    }
}

fn flow(buffer_ms: u32) -> Flow {
    let mut flow = Flow::new(2, testing::config(Span::from_millis(buffer_ms)));
    testing::add_path(&mut flow, PeerId(1), Some(Span::from_millis(20)), 0);
    flow
}

/// A flow from a sender that repeats what it is asked for, 20 ms later, unless that is lost, too.
struct World {
    flow: Flow,
    pool: Arc<Pool>,
    first: u16,
    /// By time in ms: sequence offset, and whether it is a repair.
    coming: BTreeSet<(u32, u32, bool)>,
    arrived: BTreeSet<u32>,
    asked: BTreeMap<u32, u32>,
    out: Vec<Delivery>,
}

const INTERVAL_MS: u32 = 5;

impl World {
    fn at(ms: u32) -> Time {
        Time::from_ticks(0x83AA_7E80 << 32) + Span::from_millis(ms)
    }

    fn step(&mut self, ms: u32, repair_lost: &mut impl FnMut() -> bool) -> Result<(), TestCaseError> {
        let now = Self::at(ms);
        while let Some((at, offset, retransmit)) = self.coming.first().copied()
            && at <= ms
        {
            self.coming.pop_first();
            let stamp = Stamp::Rtp { timestamp: offset.wrapping_mul(90 * INTERVAL_MS), rate: Some(90_000) };
            let (seq, payload) = (u32::from(self.first.wrapping_add(offset as u16)), offset.to_be_bytes());
            let arrival = testing::arrival(now, PeerId(1), seq, Numbers::Short, stamp, &payload);
            let arrival = Arrival { retransmit, ..arrival };
            let new = self.arrived.insert(offset);
            prop_assert!(!self.flow.receive(&arrival, &self.pool) || new, "{offset} was taken twice");
        }
        for (_, seqs) in self.flow.due_requests(now) {
            prop_assert!(seqs.windows(2).all(|pair| pair[0] != pair[1]));
            for seq in seqs {
                let offset = u32::from((seq as u16).wrapping_sub(self.first));
                prop_assert!(!self.arrived.contains(&offset), "{offset} is here and was asked for");
                *self.asked.entry(offset).or_default() += 1;
                if !repair_lost() {
                    self.coming.insert((ms + 20, offset, true));
                }
            }
        }
        self.flow.deliver(now, &mut self.out);
        Ok(())
    }
}

proptest! {
    #![proptest_config(cases(100))]

    #[test]
    fn a_flow_hands_out_what_came_in_order_once_and_asks_for_the_rest(
        first: u16,
        fates in prop::collection::vec(fate(), 50..300),
        repairs in prop::collection::vec(prop::bool::weighted(0.15), 97),
        buffer_ms in 300u32..1000,
    ) {
        let mut world = World {
            flow: flow(buffer_ms),
            pool: Pool::new(),
            first,
            coming: BTreeSet::new(),
            arrived: BTreeSet::new(),
            asked: BTreeMap::new(),
            out: Vec::new(),
        };
        // The first one and the last ones say how long the stream is.
        let count = fates.len() as u32;
        for (offset, fate) in (0..count).zip(&fates) {
            let ends = offset == 0 || offset + 10 > count;
            let at = offset * INTERVAL_MS + if ends { 0 } else { fate.late_ms };
            if ends || !fate.lost {
                world.coming.insert((at, offset, false));
                world.coming.extend(fate.twice.then_some((at + 7, offset, false)));
            }
        }
        let mut lost = repairs.iter().cycle();
        let mut repair_lost = move || lost.next().copied().unwrap_or(false);
        for ms in 0..count * INTERVAL_MS + 2 * buffer_ms {
            world.step(ms, &mut repair_lost)?;
        }
        let handed_out: Vec<u32> = world.out.iter().map(|out| (out.seq as u16).wrapping_sub(first).into()).collect();
        prop_assert!(handed_out.windows(2).all(|pair| pair[0] < pair[1]));
        prop_assert!(handed_out.iter().eq(world.arrived.iter()), "what came is what was handed out");
        prop_assert!(world.out.iter().zip(&handed_out).all(|(out, offset)| out.payload[..] == offset.to_be_bytes()));
        let gaps = handed_out.windows(2).filter(|pair| pair[0] + 1 != pair[1]).count();
        prop_assert_eq!(world.out.iter().filter(|out| out.discontinuity).count(), gaps);
        prop_assert_eq!(world.flow.counters.lost, count - handed_out.len() as u32);
        prop_assert!(world.asked.values().all(|tries| *tries <= 20));
        for offset in (0..count).filter(|offset| !world.arrived.contains(offset)) {
            prop_assert!(world.asked.contains_key(&offset), "{offset} was never asked for");
        }
    }
}
