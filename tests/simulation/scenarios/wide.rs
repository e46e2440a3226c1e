//! Numbers and timestamps of 32 bits: they come around, they keep time, and what is measured is what was sent.

use crate::host::Clock;
use crate::network::Link;
use crate::pair::{Pair, Path, Setup};
use crate::workload::Pattern;
use rist::protocol::time::Span;
use rist::wire::advanced::{Packet, Type};

fn lossy() -> Setup {
    let link = Link { delay: Span::from_millis(20), loss: 0.1, jitter: Span::from_millis(5), ..Link::default() };
    Setup::new(Path::both(link)).advanced()
}

fn play(setup: Setup) -> Pair {
    let mut pair = setup.start();
    pair.world.wire = Some(Vec::new());
    pair.settle();
    let stream = pair.play();
    pair.assert(stream).assert_complete();
    pair.assert_counters(stream);
    pair
}

/// Numbers and timestamps of first transmissions, with the time when they left.
fn media(pair: &Pair) -> Vec<(Span, u32, u32)> {
    let ours = pair.world.wire.iter().flatten().filter(|sent| sent.host == pair.sender);
    let packets = ours.filter_map(|sent| Some((sent.at, Packet::parse(&sent.bytes).ok()?)));
    let first = packets.filter(|(_, packet)| packet.kind == Type::Direct && !packet.flags.retransmission);
    first.map(|(at, packet)| (at, packet.seq, packet.timestamp)).collect()
}

#[test]
fn numbers_of_32_bits_come_around_unnoticed() {
    for first in [0xffff_fe00, 0x0000_fe00, 0x7fff_fe00] {
        let mut setup = lossy();
        setup.pattern = Pattern { first_seq: Some(first), ..Pattern::every(4) };
        let pair = play(setup);
        let sent = media(&pair);
        assert_eq!(sent.first().map(|(_, seq, _)| *seq), Some(first));
        assert!(sent.windows(2).all(|two| two[1].1 == two[0].1.wrapping_add(1)), "{first:08x}");
        assert_eq!(pair.got().flow_sum(|report| u64::from(report.lost)), 0);
    }
}

/// 2^32 microseconds are 71.6 minutes.
#[test]
fn timestamps_come_around_unnoticed() {
    let around = ((514_000u128 << 64) / 1_000_000) as u64;
    for lead in [2000, 5000, 9000].map(Span::from_millis) {
        for ppm in [0, 100] {
            let mut setup = lossy();
            setup.sender_clock = Clock { ppm, ..Clock::wrapping_after(around, lead) };
            let pair = play(setup);
            let sent = media(&pair);
            assert!(sent.windows(2).any(|two| two[1].2 < two[0].2), "it came around");
        }
    }
}

#[test]
fn a_second_of_media_is_a_million_of_its_clock() {
    let pair = play(lossy());
    let sent = media(&pair);
    let ((from, _, first), (to, _, last)) = (sent[0], sent[sent.len() - 1]);
    let (told, elapsed) = (f64::from(last.wrapping_sub(first)), (to - from).as_secs_f64() * 1e6);
    assert!((told / elapsed - 1.0).abs() < 0.01, "{told} in {elapsed} microseconds");
}

/// The bandwidth that is reported, and that ceilings are compared with, is what leaves.
#[test]
fn the_rate_of_media_is_measured_once() {
    let mut setup = lossy();
    setup.pattern = Pattern { smallest: 1000, largest: 1000, ..Pattern::every(4) };
    setup.paths = vec![Path::both(Link::default())];
    let pair = play(setup);
    let reports: Vec<u64> = pair.sent().sender_reports.iter().map(|report| report.bandwidth).collect();
    let true_rate = 250 * 1020 * 8;
    let steady = &reports[5..9];
    assert!(steady.iter().all(|rate| rate.abs_diff(true_rate) < true_rate / 20), "{reports:?} for {true_rate}");
}
