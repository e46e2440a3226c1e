//! What recovery has to do beyond the usual case: losses that nothing shows, no way back, limits of the way back.

use crate::books::NEVER;
use crate::network::Link;
use crate::pair::{Pair, Path, Setup};
use crate::workload::Pattern;
use rist::protocol::time::Span;

fn outages(spans: &[(u32, u32)]) -> Vec<(Span, Span)> {
    spans.iter().map(|&(from, to)| (Span::from_millis(from), Span::from_millis(to))).collect()
}

fn started(setup: Setup) -> (Pair, u32) {
    let mut pair = setup.start();
    pair.settle();
    let stream = pair.play();
    (pair, stream)
}

/// A packet each 400 ms, of which some are lost: the next one comes when there is little time left.
#[test]
fn the_last_packet_before_a_pause_is_missed_by_the_senders_report() {
    for main in [false, true] {
        let mut setup = Setup::new(Path::both(Link::delayed(20))).buffer(300);
        setup.pattern = Pattern::every(400);
        setup.length = Span::from_secs(20);
        // Packets of 8.6 s and 13.4 s; reports of the time between are heard.
        setup.paths[0].forth.outages = outages(&[(8590, 8610), (13_390, 13_410)]);
        let setup = if main { setup.main_profile() } else { setup };
        let (pair, stream) = started(setup);
        pair.assert(stream).assert_complete();
        pair.assert_counters(stream);
        assert_eq!(pair.got().requests_sent, 2);
    }
}

#[test]
fn the_last_packets_of_a_stream_are_repaired() {
    let mut setup = Setup::new(Path::both(Link::delayed(20))).buffer(500);
    setup.length = Span::from_secs(5);
    // The stream begins at 600 ms.
    setup.paths[0].forth.outages = outages(&[(5550, 5610)]);
    let (pair, stream) = started(setup);
    let verdict = pair.assert(stream);
    assert_eq!((verdict.lost, verdict.tail), (0, 0), "{verdict:?}");
}

#[test]
fn reports_that_overtake_media_cause_no_requests() {
    let link = Link { jitter: Span::from_millis(10), overtaking: true, ..Link::default() };
    let mut setup = Setup::new(Path::new(link, Link::default()));
    setup.peer.reorder_buffer = Span::from_millis(25);
    let (pair, stream) = started(setup);
    pair.assert(stream).assert_complete();
    let needless = pair.got().requests_sent;
    assert!(needless <= 40, "{needless} requests for 2000 packets");
}

/// Nothing comes back from the receiver: what arrives is handed out in order and in time, what does not is skipped.
#[test]
fn without_a_way_back_what_arrives_is_played() {
    for main in [false, true] {
        let mut setup = Setup::new(Path::new(Link::lossy(0.05), Link::lossy(1.0))).buffer(300);
        setup = if main { setup.main_profile() } else { setup };
        let mut pair = setup.start();
        pair.settle();
        let stream = pair.write(Span::from_secs(30));
        pair.world.run_for(Span::from_secs(30));
        pair.finish();
        let fates = &pair.world.books.receptions[&(stream, pair.receiver)].fates;
        let first = fates.iter().position(|fate| fate.delivered != NEVER).expect("something was delivered");
        let skipped = fates[first..].iter().filter(|fate| fate.earliest() != NEVER && fate.delivered == NEVER).count();
        assert!(first < 100 && skipped == 0, "delivered from {first} on, then {skipped} skipped that had come");
        assert!(pair.world.books.violations.is_empty(), "{:#?}", pair.world.books.violations);
        assert_eq!(pair.sent().repeats_sent, 0);
    }
}

/// Octets a second, with IP's and UDP's headers, from `host` in the stream's last ten seconds.
fn rate(pair: &Pair, host: usize) -> u64 {
    let wire = pair.world.wire.as_ref().expect("watched");
    let from = Span::from_secs(5);
    let to = Span::from_secs(15);
    let sent = wire.iter().filter(|sent| sent.host == host && from <= sent.at && sent.at < to);
    sent.map(|sent| sent.bytes.len() as u64 + 28).sum::<u64>() / 10
}

#[test]
fn requests_keep_below_the_return_bandwidth() {
    let rate_and_losses = |kbps: u32| {
        let mut setup = Setup::new(Path::new(Link::lossy(0.25), Link::default())).main_profile().buffer(400);
        setup.pattern = Pattern::every(1);
        setup.length = Span::from_secs(15);
        setup.peer.max_return_bitrate_kbps = kbps;
        let mut pair = setup.start();
        pair.world.wire = Some(Vec::new());
        pair.settle();
        let stream = pair.play();
        (rate(&pair, pair.receiver) * 8 / 1000, pair.verdict(stream).lost)
    };
    let (free, lost) = rate_and_losses(0);
    assert!(free > 100 && lost < 10, "{free} kbit/s, {lost} lost");
    for kbps in [40, 80] {
        let (held, lost) = rate_and_losses(kbps);
        assert!(held <= u64::from(kbps), "{held} kbit/s");
        // Half as many requests repair a good part.
        assert!(lost < 3_000, "{lost} lost under {kbps} kbit/s");
    }
}

#[test]
fn a_bandwidth_below_the_media_is_warned_of_every_half_minute() {
    let mut setup = Setup::new(Path::both(Link::default()));
    setup.pattern = Pattern { smallest: 1316, largest: 1316, ..Pattern::every(2) };
    setup.peer.max_bitrate_kbps = 4_000;
    setup.length = Span::from_secs(70);
    let (pair, _) = started(setup);
    let warnings: Vec<&String> = pair.sent().lines.iter().filter(|line| line.contains("bandwidth")).collect();
    assert_eq!(warnings.len(), 3, "{warnings:?}");
    let mut setup = Setup::new(Path::both(Link::default()));
    setup.length = Span::from_secs(20);
    let (pair, _) = started(setup);
    assert!(!pair.sent().lines.iter().any(|line| line.contains("bandwidth")), "{:?}", pair.sent().lines);
}
