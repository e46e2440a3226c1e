//! Tests: blocks that come in fragments.

use super::*;
use crate::properties::cases;
use crate::protocol::config::MergeMode;
use crate::protocol::output::Delivery;
use crate::wire::lz4;
use proptest::prelude::*;

const START: Time = Time::from_ticks(1 << 62);
const FIRST: Part = Part { first: true, last: false };
const MIDDLE: Part = Part { first: false, last: false };
const LAST: Part = Part { first: false, last: true };

struct Bench {
    flow: Flow,
    pool: Arc<Pool>,
    out: Vec<Delivery>,
}

fn at(us: u64) -> Time {
    START + Span::from_ticks(((us as i128) << 32).div_euclid(1_000_000) as i64)
}

impl Bench {
    fn new() -> Self {
        let mut flow = Flow::new(2, testing::config(Span::from_millis(300)));
        testing::add_path(&mut flow, PeerId(1), Some(Span::from_millis(20)), 0);
        Self { flow, pool: Pool::new(), out: Vec::new() }
    }

    /// Packet `seq` of a block written at `block` × 10 ms comes at `us`.
    fn come(&mut self, us: u64, seq: u32, block: u32, part: Part, payload: &[u8]) -> bool {
        self.send(us, seq, block, part, payload, false, false)
    }

    #[allow(clippy::too_many_arguments)]
    fn send(
        &mut self,
        us: u64,
        seq: u32,
        block: u32,
        part: Part,
        payload: &[u8],
        compressed: bool,
        again: bool,
    ) -> bool {
        let stamp = Stamp::Advanced { timestamp: block * 10_000 };
        let arrival = testing::arrival(at(us), PeerId(1), seq, Numbers::Long, stamp, payload);
        self.flow.receive(&Arrival { part, compressed, retransmit: again, ..arrival }, &self.pool)
    }

    fn payloads(&mut self) -> Vec<(u32, Vec<u8>, bool)> {
        self.flow.deliver(at(3_600_000_000), &mut self.out);
        self.out.drain(..).map(|out| (out.seq, out.payload.to_vec(), out.discontinuity)).collect()
    }

    fn incomplete(&mut self) -> u32 {
        self.flow.report(at(0), 0, crate::protocol::config::Profile::Advanced).incomplete
    }
}

/// Blocks of three fragments, 10 ms apart; those of `lost` do not come.
fn blocks(bench: &mut Bench, count: u32, lost: &[u32]) {
    for seq in (0..3 * count).filter(|seq| !lost.contains(seq)) {
        let part = [FIRST, MIDDLE, LAST][seq as usize % 3];
        bench.come(u64::from(seq / 3) * 10_000 + u64::from(seq % 3) * 100, seq, seq / 3, part, &[seq as u8]);
    }
}

#[test]
fn a_block_is_handed_out_whole_with_its_first_number() {
    let mut bench = Bench::new();
    blocks(&mut bench, 100, &[]);
    let out = bench.payloads();
    assert_eq!(out.len(), 100);
    for (block, (seq, payload, discontinuity)) in (0..).zip(out) {
        let first = 3 * block;
        assert_eq!((seq, payload, discontinuity), (first, [0, 1, 2].map(|n| (first + n) as u8).to_vec(), false));
    }
    assert_eq!(bench.incomplete(), 0);
}

#[test]
fn a_block_with_a_hole_is_not_handed_out_and_the_next_one_says_so() {
    // A first one, a middle one, a last one, and the end of one with the beginning of the next.
    for (lost, gone) in [(&[30u32][..], 1), (&[31], 1), (&[32], 1), (&[32, 33], 2), (&[30, 31, 32], 0)] {
        let mut bench = Bench::new();
        blocks(&mut bench, 40, lost);
        let out = bench.payloads();
        let blocks_gone = if lost == [32, 33] { 2 } else { 1 };
        assert_eq!(out.len(), 40 - blocks_gone, "{lost:?}");
        for (seq, payload, discontinuity) in out {
            assert_eq!(payload.len(), 3);
            assert_eq!(discontinuity, seq == 30 + 3 * blocks_gone as u32, "{lost:?} {seq}");
        }
        // Of which nothing came is no block that is incomplete. Two halves that meet may be of one.
        let counted = bench.incomplete();
        assert!(counted == gone || lost == [32, 33] && counted == 1, "{lost:?}: {counted}");
    }
}

#[test]
fn a_flow_that_begins_within_a_block_begins_with_the_next() {
    let mut bench = Bench::new();
    blocks(&mut bench, 20, &[0]);
    bench.flow.deliver(at(3_600_000_000), &mut bench.out);
    assert_eq!(bench.out.len(), 19);
    assert!(bench.out[0].flow_start && !bench.out[0].discontinuity && bench.out[0].seq == 3);
    assert!(bench.out[1..].iter().all(|out| !out.flow_start && !out.discontinuity));
}

#[test]
fn fragments_that_come_late_or_twice_change_nothing() {
    let mut bench = Bench::new();
    blocks(&mut bench, 50, &[31, 62, 93]);
    for seq in [31u32, 62, 93] {
        let part = [FIRST, MIDDLE, LAST][seq as usize % 3];
        for is_new in [true, false] {
            assert_eq!(bench.send(520_000, seq, seq / 3, part, &[seq as u8], false, true), is_new);
        }
    }
    let out = bench.payloads();
    assert!(out.len() == 50 && out.iter().all(|(_, payload, discontinuity)| payload.len() == 3 && !discontinuity));
}

#[test]
fn a_compressed_block_is_unpacked_when_it_is_whole() {
    let text: Vec<u8> = b"abcdefgh".iter().copied().cycle().take(4000).collect();
    let mut packed = Vec::new();
    assert!(lz4::compress(&text, &mut packed));
    let (first, rest) = packed.split_at(packed.len() / 2);
    let mut bench = Bench::new();
    bench.come(0, 0, 0, Part::WHOLE, &[1]);
    bench.send(10_000, 1, 1, FIRST, first, true, false);
    bench.send(10_100, 2, 1, LAST, rest, true, false);
    // What does not make sense is not handed out.
    bench.send(20_000, 3, 2, FIRST, &[0xFF; 20], true, false);
    bench.send(20_100, 4, 2, LAST, &[0xFF; 20], true, false);
    // Nor what is not all of one kind.
    bench.send(30_000, 5, 3, FIRST, first, true, false);
    bench.send(30_100, 6, 3, LAST, rest, false, false);
    bench.come(40_000, 7, 4, Part::WHOLE, &[2]);
    bench.send(50_000, 8, 5, Part::WHOLE, &packed, true, false);
    bench.send(60_000, 9, 6, Part::WHOLE, &[0xFF; 20], true, false);
    bench.send(70_000, 10, 7, Part::WHOLE, &packed, true, false);
    let out = bench.payloads();
    assert_eq!(out.iter().map(|(seq, ..)| *seq).collect::<Vec<_>>(), [0, 1, 7, 8, 10]);
    assert!(out[1].1 == text && out[3].1 == text && out[4].1 == text);
    assert!(out[2].2 && !out[3].2 && out[4].2 && bench.incomplete() == 3);
}

#[test]
fn halves_in_fragments_are_one_block() {
    let mut bench = Bench::new();
    let merging = Merging { mode: MergeMode::Pairs, announced: false };
    bench.flow.configure(FlowConfig { merging, ..*bench.flow.config() });
    let mut seq = 0;
    for block in 0..20u32 {
        // The first half begins with an even number.
        seq += seq & 1;
        for part in [FIRST, MIDDLE, LAST, FIRST, LAST] {
            bench.come(u64::from(block) * 10_000 + u64::from(seq % 8), seq, block, part, &[block as u8]);
            seq += 1;
        }
        if seq & 1 == 1 {
            bench.come(u64::from(block) * 10_000 + 9000, seq, 10_000 + block, Part::WHOLE, &[]);
        }
    }
    let merged = bench.payloads().into_iter().filter(|(_, payload, _)| payload.len() == 5).count();
    assert_eq!(merged, 20);
}

#[test]
fn a_run_is_bounded() {
    let mut bench = Bench::new();
    bench.come(0, 0, 0, FIRST, &[7; 1400]);
    for seq in 1..5000u32 {
        bench.come(u64::from(seq) * 100, seq, 0, MIDDLE, &[7; 1400]);
        bench.flow.deliver(at(u64::from(seq) * 100), &mut bench.out);
        assert!(bench.flow.reassembly.held() <= (64, 64 * 1460));
    }
    // 64 are allowed, of full size.
    for n in 0..64u32 {
        let part = Part { first: n == 0, last: n == 63 };
        bench.come(600_000 + u64::from(n), 5000 + n, 60, part, &[8; 1460]);
    }
    let out = bench.payloads();
    assert_eq!(out.len(), 1);
    assert_eq!(out[0].1, [8; 64 * 1460]);
}

proptest! {
    #![proptest_config(cases(200))]

    /// Whatever the flags say: what is handed out is a row of packets that begins with a first one, ends with a last
    /// one and has neither between.
    #[test]
    fn any_flags_make_whole_blocks_or_none(
        flags in prop::collection::vec((any::<bool>(), any::<bool>(), prop::bool::weighted(0.1)), 1..300),
    ) {
        let mut bench = Bench::new();
        let mut expected = Vec::new();
        let mut run: Option<Vec<u32>> = None;
        for (seq, (first, last, lost)) in (0u32..).zip(flags) {
            if lost && seq > 0 {
                run = None;
                continue;
            }
            bench.come(u64::from(seq) * 1000, seq, seq, Part { first, last }, &seq.to_be_bytes());
            if first {
                run = Some(Vec::new());
            }
            if let Some(open) = &mut run {
                open.push(seq);
                if open.len() > 64 {
                    run = None;
                } else if last {
                    expected.extend(run.take());
                }
            }
        }
        let out = bench.payloads();
        prop_assert_eq!(out.len(), expected.len());
        for ((seq, payload, _), block) in out.into_iter().zip(expected) {
            prop_assert_eq!(seq, block[0]);
            let octets: Vec<u8> = block.iter().flat_map(|seq| seq.to_be_bytes()).collect();
            prop_assert_eq!(payload, octets);
        }
    }
}
