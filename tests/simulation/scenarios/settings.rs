//! Settings of recovery and sending: what is asked for, what is sent again and when, what the payload becomes.

use crate::books::{Fate, NEVER};
use crate::network::Link;
use crate::pair::{FLOW, PORT, Pair, Path, Setup};
use crate::tap::{Kind, Tap};
use crate::workload::Pattern;
use crate::world::address;
use rist::protocol::config::{CongestionControl, NackType, PeerConfig};
use rist::protocol::output::Error;
use rist::protocol::time::Span;
use rist::wire::rtcp::{self, ReceiverReport};
use std::net::SocketAddr;

const MS: Span = Span::from_millis(1);

/// Nothing gets through while `from..to`, ms of the stream that begins after `Pair::settle`.
fn outages(spans: &[(u32, u32)]) -> Vec<(Span, Span)> {
    spans.iter().map(|&(from, to)| (at(from), at(to))).collect()
}

/// The moment `ms` after the stream began; packet n is written 5 n ms after it.
fn at(ms: u32) -> Span {
    Span::from_millis(600 + ms) - MS
}

fn losing(forth: &[(u32, u32)], back: &[(u32, u32)]) -> Setup {
    let forth = Link { outages: outages(forth), ..Link::default() };
    let back = Link { outages: outages(back), ..Link::default() };
    Setup::new(Path::new(forth, back))
}

fn watched(setup: Setup) -> (Pair, u32) {
    let mut pair = setup.start();
    pair.world.wire = Some(Vec::new());
    pair.settle();
    let stream = pair.play();
    (pair, stream)
}

fn fates(pair: &Pair, stream: u32) -> &[Fate] {
    &pair.world.books.receptions[&(stream, pair.receiver)].fates
}

/// When the receiver asked for packet `seq`.
fn requests_for(pair: &Pair, seq: u16) -> Vec<Span> {
    let wire = pair.world.wire.as_ref().expect("watched");
    let asks = |bytes: &[u8]| matches!(Tap::default().read(bytes), Kind::Control { requested, .. } if requested.contains(&seq));
    wire.iter().filter(|sent| sent.host == pair.receiver && asks(&sent.bytes)).map(|sent| sent.at).collect()
}

/// Asks the sender for packet `seq` in the receiver's name, without a loss.
fn ask(pair: &mut Pair, seq: u16) {
    let mut bytes = Vec::new();
    rtcp::write_receiver_report(&mut bytes, &ReceiverReport { ssrc: 1, block: None });
    rtcp::write_nack_range(&mut bytes, FLOW, &[seq], 1);
    let from = SocketAddr::new(address(0, pair.receiver), PORT + 1);
    let to = pair.world.hosts[pair.sender].socket(pair.callers[0].2);
    pair.world.inject(from, to, bytes);
    pair.world.run_for(MS);
}

/// The pair after a second of stream and a settled round trip of `rtt` ms.
fn running(rtt: u32, adjust: impl FnOnce(&mut PeerConfig)) -> Pair {
    let mut setup = Setup::new(Path::both(Link::delayed(rtt / 2)));
    adjust(&mut setup.peer);
    let mut pair = setup.start();
    pair.settle();
    pair.write(Span::from_secs(20));
    pair.world.run_for(Span::from_secs(1));
    pair
}

/// How often a packet is sent again that is asked for each ms for `length` ms.
fn repeats(pair: &mut Pair, length: u32) -> u64 {
    let before = pair.sent().repeats_sent;
    (0..length).for_each(|_| ask(pair, 100));
    pair.sent().repeats_sent - before
}

#[test]
fn without_congestion_control_every_request_is_served() {
    let mut pair = running(40, |peer| peer.congestion_control = CongestionControl::Off);
    assert_eq!(repeats(&mut pair, 15), 15);
    pair.world.run_for(Span::from_secs(2));
    assert_eq!(pair.sent().sender_sum(|report| u64::from(report.bloat_skipped)), 0);
}

/// Three quarters of it, so that a receiver's last try can be made in time: at 0, 30, 60 and 90 ms.
#[test]
fn normal_congestion_control_serves_a_packet_about_once_per_round_trip() {
    let mut pair = running(40, |_| ());
    assert_eq!(repeats(&mut pair, 100), 4);
    pair.world.run_for(Span::from_secs(2));
    assert_eq!(pair.sent().sender_sum(|report| u64::from(report.bloat_skipped)), 96);
}

#[test]
fn aggressive_congestion_control_serves_a_packet_once_per_two_round_trips() {
    let mut pair = running(40, |peer| peer.congestion_control = CongestionControl::Aggressive);
    assert_eq!(repeats(&mut pair, 100), 2);
}

#[test]
fn rtt_min_is_the_least_time_between_two_repeats() {
    let mut pair = running(10, |peer| peer.rtt_min = Span::from_millis(50));
    assert_eq!(repeats(&mut pair, 100), 3);
}

#[test]
fn rtt_max_is_the_most_that_a_repeat_has_to_wait() {
    let mut pair = running(400, |peer| peer.rtt_max = Span::from_millis(50));
    assert_eq!(repeats(&mut pair, 100), 3);
}

#[test]
fn a_sender_repeats_a_packet_max_retries_times() {
    for most in [2, 7] {
        let mut pair = running(10, |peer| {
            peer.max_retries = most;
            peer.congestion_control = CongestionControl::Off;
        });
        assert_eq!(repeats(&mut pair, 20), u64::from(most));
        pair.world.run_for(Span::from_secs(2));
        let skipped = pair.sent().sender_sum(|report| u64::from(report.retransmit_skipped));
        assert_eq!(skipped, u64::from(20 - most));
    }
}

#[test]
fn a_receiver_asks_for_a_packet_max_retries_times() {
    for most in [2, 5, 20] {
        let mut setup = losing(&[(3000, 3005)], &[(2900, 4100)]);
        setup.peer.max_retries = most;
        let (pair, stream) = watched(setup);
        assert_eq!(fates(&pair, stream)[600].requests, most);
        assert_eq!(pair.got().requests_sent, u64::from(most));
        assert_eq!(pair.got().flow_sum(|report| u64::from(report.lost)), 1);
    }
}

#[test]
fn a_receiver_asks_again_no_sooner_than_rtt_min() {
    let mut setup = losing(&[(3000, 3005)], &[(2900, 4100)]);
    setup.peer.rtt_min = Span::from_millis(60);
    let (pair, _) = watched(setup);
    let requests = requests_for(&pair, 600);
    assert!(requests.len() >= 10, "{} requests", requests.len());
    let least = requests.windows(2).map(|pair| pair[1] - pair[0]).min().expect("requests");
    assert!(least >= Span::from_millis(60), "again after {} ms", least.as_millis_f64());
}

#[test]
fn answers_that_overtake_do_not_break_rtt_min() {
    // Every other request is lost, so that later ones are answered first.
    let mut setup = Setup::new(Path::new(Link::lossy(0.2), Link::lossy(0.3)));
    setup.peer.rtt_min = Span::from_millis(60);
    let (pair, stream) = watched(setup);
    for (seq, _) in fates(&pair, stream).iter().enumerate().filter(|(_, fate)| fate.requests > 1) {
        let requests = requests_for(&pair, seq as u16);
        let least = requests.windows(2).map(|pair| pair[1] - pair[0]).min().expect("requests");
        assert!(least >= Span::from_millis(60), "packet {seq} again after {} ms", least.as_millis_f64());
    }
}

#[test]
fn a_receiver_without_recovery_asks_for_nothing() {
    let mut setup = Setup::new(Path::both(Link::lossy(0.1)));
    setup.sender_peer = Some(setup.peer.clone());
    setup.peer.recovery = false;
    let (pair, stream) = watched(setup);
    assert_eq!((pair.got().requests_sent, pair.sent().repeats_sent), (0, 0));
    for fate in fates(&pair, stream) {
        assert_eq!(fate.earliest() == NEVER, fate.delivered == NEVER);
    }
    assert_eq!(pair.got().flow_sum(|report| u64::from(report.lost)), pair.verdict(stream).holes);
}

#[test]
fn a_sender_without_recovery_serves_nothing() {
    let mut setup = Setup::new(Path::both(Link::lossy(0.1)));
    setup.sender_peer = Some(PeerConfig { recovery: false, ..setup.peer.clone() });
    let (pair, _) = watched(setup);
    assert!(pair.got().requests_sent > 100);
    assert_eq!(pair.sent().repeats_sent, 0);
    assert!(pair.sent().sender_sum(|report| u64::from(report.retransmit_skipped)) > 100);
}

#[test]
fn bit_masks_ask_for_what_ranges_ask_for() {
    let losses = [(1000, 1005), (2000, 2040), (2050, 2055), (3000, 3400), (4000, 4010), (4015, 4020)];
    let [ranges, masks] = [NackType::Range, NackType::Bitmask].map(|nack_type| {
        let mut pair = losing(&losses, &[]).start();
        pair.world.hosts[pair.receiver].session.set_nack_type(nack_type);
        pair.world.wire = Some(Vec::new());
        pair.settle();
        let stream = pair.play();
        pair.assert(stream).assert_complete();
        let fates = fates(&pair, stream).iter().map(|fate| (fate.requests, fate.repeats, fate.delivered));
        let fates: Vec<_> = fates.collect();
        // RTPFB (205) carries masks, APP (204) with the format 0 carries ranges (TR-06-1 §5.3.2).
        let wire = pair.world.wire.take().expect("watched");
        let receiver = pair.receiver;
        let kinds = move |of: [u8; 2]| {
            let asks = |bytes: &[u8]| matches!(Tap::default().read(bytes), Kind::Control { requested, .. } if !requested.is_empty());
            let asked = wire.iter().filter(|sent| sent.host == receiver && asks(&sent.bytes));
            asked.filter(|sent| sent.bytes.windows(2).step_by(4).any(|pair| pair == of)).count()
        };
        (fates, pair.got().requests_sent, kinds([0x80, 204]), kinds([0x81, 205]))
    });
    assert!(ranges.0 == masks.0 && ranges.1 == masks.1);
    assert_eq!(ranges.1, 93);
    assert!(ranges.2 > 0 && ranges.3 == 0 && masks.2 == 0 && masks.3 > 0, "{:?} {:?}", &ranges.2, &masks.2);
}

/// 5.4 Mbit/s of media under a ceiling of `kbps`, with `lost` ms of it to be repeated.
fn under_a_ceiling(kbps: u32, lost: u32) -> (Pair, u32) {
    let mut setup = losing(&[(2000, 2000 + lost)], &[]).buffer(2000);
    setup.pattern = Pattern { smallest: 1316, largest: 1316, ..Pattern::every(2) };
    setup.peer.max_bitrate_kbps = kbps;
    watched(setup)
}

/// Media and retransmissions that the sender sent: when, octets, again.
fn sent(pair: &Pair) -> Vec<(Span, u64, bool)> {
    let wire = pair.world.wire.as_ref().expect("watched").iter();
    let media =
        wire.filter(|sent| sent.host == pair.sender).filter_map(|sent| match Tap::default().read(&sent.bytes) {
            Kind::Media { repeated, .. } => Some((sent.at, sent.bytes.len() as u64, repeated)),
            _ => None,
        });
    media.collect()
}

#[test]
fn retransmissions_stay_below_the_ceiling() {
    let (pair, stream) = under_a_ceiling(7_000, 500);
    pair.assert(stream).assert_complete();
    let sent = sent(&pair);
    // A NACK is answered in a burst of at most a twentieth of a second's worth.
    for window in [Span::from_millis(200), Span::from_secs(1)] {
        let ceiling = (7_000_000.0 / 8.0 * (window.as_secs_f64() + 0.05)) as u64 + 4 * 1328;
        let (mut from, mut octets) = (0, 0);
        for &(at, len, _) in &sent {
            octets += len;
            while at - sent[from].0 >= window {
                octets -= sent[from].1;
                from += 1;
            }
            assert!(octets <= ceiling, "{octets} octets in {} ms, {ceiling} allowed", window.as_millis());
        }
    }
}

#[test]
fn media_is_never_held_back_by_the_ceiling() {
    let (pair, stream) = under_a_ceiling(4_000, 500);
    let written = &pair.world.books.streams[&stream].packets;
    let media: Vec<Span> = sent(&pair).into_iter().filter(|(.., again)| !again).map(|(at, ..)| at).collect();
    assert_eq!(media, written.iter().map(|written| written.at).collect::<Vec<_>>());
    let skipped = pair.sent().sender_sum(|report| u64::from(report.bandwidth_skipped));
    // Each of the 250 lost packets was sent again or refused.
    let distinct = fates(&pair, stream).iter().filter(|fate| fate.repeats > 0).count() as u64;
    assert!(skipped > 50 && skipped + distinct >= 250, "{skipped} refused, {distinct} repeated");
}

#[test]
fn the_reorder_buffer_is_the_most_that_a_gap_is_watched() {
    let link = Link { reorder: 0.1, held_back: Span::from_millis(30), ..Link::default() };
    let needless = |reorder: u32| {
        let mut setup = Setup::new(Path::new(link.clone(), Link::default()));
        setup.peer.reorder_buffer = Span::from_millis(reorder);
        let (pair, stream) = watched(setup);
        pair.assert(stream).assert_complete();
        pair.got().requests_sent
    };
    let (patient, impatient) = (needless(60), needless(5));
    assert!(patient < 40, "{patient} needless requests");
    assert!(impatient > 150, "{impatient} requests of 200 packets held back");
}

#[test]
fn a_loss_after_disorder_is_asked_for_within_the_reorder_buffer() {
    let mut setup = losing(&[(8000, 8005)], &[]);
    setup.paths[0].forth.reorder = 0.3;
    setup.paths[0].forth.held_back = Span::from_millis(100);
    setup.peer.reorder_buffer = Span::from_millis(20);
    let (pair, stream) = watched(setup);
    let shown = fates(&pair, stream)[1601..].iter().map(Fate::earliest).min().expect("packets");
    let asked = requests_for(&pair, 1600)[0];
    assert!(asked - shown <= Span::from_millis(21), "{} ms", (asked - shown).as_millis_f64());
}

/// MPEG-TS packets of `size`: N is a null packet, anything else another.
fn transport_stream(kinds: &str, size: usize, fill: u8) -> Vec<u8> {
    let packet = |kind| {
        let (head, fill) = if kind == 'N' { ([0x47, 0x1f, 0xff, 0x10], 0xff) } else { ([0x47, 1, 0, 0x10], fill) };
        head.into_iter().chain(std::iter::repeat(fill)).take(size)
    };
    kinds.chars().flat_map(packet).collect()
}

#[test]
fn deleted_null_packets_come_out_as_they_went_in() {
    let mut pair = Setup::new(Path::both(Link::lossy(0.1))).start();
    pair.world.hosts[pair.receiver].kept = Some(Vec::new());
    pair.world.wire = Some(Vec::new());
    pair.settle();
    let kinds = ["DDDDDDD", "NDDDDDD", "DDDNDDN", "NNNNNNN", "N", "D", "NDN", "DNDNDND"];
    let mut written = Vec::new();
    for round in 0..240 {
        // Switched while running, every 30 packets.
        pair.world.hosts[pair.sender].session.set_null_packet_deletion(round / 30 % 2 == 0);
        let size = if round % 3 == 0 { 204 } else { 188 };
        let bytes = match round % 17 {
            16 => b"no transport stream at all".to_vec(),
            15 => [transport_stream("DN", 188, 7), transport_stream("N", 204, 7)].concat(),
            _ => transport_stream(kinds[round % kinds.len()], size, round as u8),
        };
        pair.world.write_once(pair.sender, &bytes, None, None);
        pair.world.run_for(Span::from_millis(5));
        written.push(bytes);
    }
    // So that a lost last packet is noticed.
    (0..3).for_each(|_| {
        pair.world.run_for(Span::from_millis(5));
        pair.world.write_once(pair.sender, b"end", None, None);
    });
    pair.world.run_for(Span::from_secs(3));
    let kept = pair.world.hosts[pair.receiver].kept.take().expect("kept");
    let got: Vec<Vec<u8>> = kept.iter().map(|(_, delivery)| delivery.payload.to_vec()).collect();
    assert_eq!(got[..written.len()], written[..]);

    // On the wire they were gone.
    let wire = pair.world.wire.take().expect("watched");
    let first = |seq: u16| {
        let media = |bytes: &&[u8]| bytes[1] & 0x7f == 33 && bytes[2..4] == seq.to_be_bytes();
        wire.iter().filter(|sent| sent.host == pair.sender).map(|sent| &sent.bytes[..]).find(media).expect("sent")
    };
    for (seq, bytes) in written.iter().enumerate() {
        let len = first(seq as u16).len();
        let size = if seq % 3 == 0 { 204 } else { 188 };
        let nulls = kinds[seq % kinds.len()].matches('N').count();
        let deletes = seq / 30 % 2 == 0 && seq % 17 < 15 && nulls > 0;
        let expected = if deletes { 12 + 8 + bytes.len() - nulls * size } else { 12 + bytes.len() };
        assert_eq!(len, expected, "packet {seq}");
    }
}

#[test]
fn an_applications_sequence_number_does_not_move_the_senders_own() {
    let mut pair = Setup::new(Path::both(Link::default())).start();
    pair.world.wire = Some(Vec::new());
    pair.settle();
    for seq in [None, None, Some(0xABCD_5678), None, Some(7), None] {
        pair.world.write_once(pair.sender, b"media", None, seq);
    }
    let wire = pair.world.wire.take().expect("watched");
    let media = wire.iter().filter(|sent| sent.host == pair.sender && sent.bytes[1] & 0x7f == 33);
    let seqs: Vec<u16> = media.map(|sent| u16::from_be_bytes([sent.bytes[2], sent.bytes[3]])).collect();
    assert_eq!(seqs, [0, 1, 0x5678, 2, 7, 3]);
}

#[test]
fn a_changed_flow_id_is_followed_within_milliseconds() {
    let mut pair = Setup::new(Path::both(Link::default())).start();
    pair.settle();
    let stream = pair.write(Span::from_secs(6));
    pair.world.books.flows.push(FLOW + 100);
    pair.world.run_for(Span::from_secs(3));
    pair.world.hosts[pair.sender].session.set_flow_id(FLOW + 101).expect("a sender");
    pair.world.drain(pair.sender);
    assert_eq!(pair.world.hosts[pair.sender].session.flow_id(), FLOW + 100);
    pair.world.run_for(Span::from_secs(3));
    pair.finish();
    let lost = fates(&pair, stream).iter().filter(|fate| fate.delivered == NEVER).count();
    // The receiver believes in the new flow when it has heard its name and the old one has been silent for 20 ms.
    assert!(lost <= 4, "{lost} packets lost");
    assert!(pair.world.books.violations.is_empty(), "{:#?}", pair.world.books.violations);
    let last = pair.got().flow_reports.iter().rev().find(|report| report.received > 0).expect("a report");
    assert_eq!(last.flow_id, FLOW + 100);
}

#[test]
fn a_receiver_and_a_zero_have_no_flow_id_to_set() {
    let mut pair = Setup::new(Path::both(Link::default())).start();
    for (host, id, error) in [(pair.receiver, 8, Error::WrongRole), (pair.sender, 1, Error::InvalidArgument)] {
        assert_eq!(pair.world.hosts[host].session.set_flow_id(id), Err(error));
    }
}

/// First transmissions by path while the stream runs for `length`.
fn shares(pair: &mut Pair, length: Span) -> [usize; 2] {
    pair.world.wire = Some(Vec::new());
    pair.world.run_for(length);
    let wire = pair.world.wire.take().expect("watched");
    [0, 1].map(|path| {
        let to = SocketAddr::new(address(path, pair.receiver), PORT);
        wire.iter()
            .filter(|sent| {
                sent.to == to && matches!(Tap::default().read(&sent.bytes), Kind::Media { repeated: false, .. })
            })
            .count()
    })
}

#[test]
fn weights_may_be_changed_while_the_stream_runs() {
    let mut setup = Setup::new(Path { weight: 5, ..Path::both(Link::default()) });
    setup.paths.push(Path { weight: 5, ..Path::both(Link::default()) });
    let mut pair = setup.start();
    pair.settle();
    let stream = pair.write(Span::from_secs(8));
    let second = Span::from_secs(2);
    assert_eq!(shares(&mut pair, second), [200, 200]);
    let set = |pair: &mut Pair, path: usize, weight| {
        let peer = pair.callers[path].0;
        pair.world.hosts[pair.sender].session.set_weight(peer, weight).expect("a peer of ours");
    };
    set(&mut pair, 1, 15);
    let [first, other] = shares(&mut pair, second);
    assert!(first.abs_diff(100) <= 2 && other.abs_diff(300) <= 2, "{first} and {other}");
    set(&mut pair, 0, 0);
    assert_eq!(shares(&mut pair, second), [400, 400]);
    set(&mut pair, 0, 1);
    set(&mut pair, 1, 0);
    assert_eq!(shares(&mut pair, second), [400, 400]);
    pair.finish();
    pair.assert(stream).assert_complete();
}

#[test]
fn recovery_priority_chooses_whom_to_ask_first() {
    for (priorities, asked) in [([0, 9], 1), ([9, 0], 0)] {
        // Copies on both paths, both lost; the first path answers much sooner.
        let outages = outages(&[(3000, 3005), (4000, 4005), (5000, 5005)]);
        let paths = [5, 40].map(|delay| {
            let link = Link { outages: outages.clone(), ..Link::delayed(delay) };
            Path::new(link, Link::delayed(delay))
        });
        let mut setup = Setup::new(paths[0].clone());
        setup.paths = paths[..1].to_vec();
        setup.peer.recovery_priority = priorities[0];
        let mut pair = setup.start();
        pair.setup.paths.push(paths[1].clone());
        pair.world.connect(1, pair.sender, pair.receiver, paths[1].forth.clone(), paths[1].back.clone());
        pair.setup.peer.recovery_priority = priorities[1];
        pair.listen(1);
        pair.call(1, 0);
        pair.world.wire = Some(Vec::new());
        pair.settle();
        let stream = pair.play();
        assert!(fates(&pair, stream).iter().all(|fate| fate.delivered != NEVER));
        let wire = pair.world.wire.take().expect("watched");
        let asks = |bytes: &[u8]| matches!(Tap::default().read(bytes), Kind::Control { requested, .. } if !requested.is_empty());
        let requests = wire.iter().filter(|sent| sent.host == pair.receiver && asks(&sent.bytes));
        let there: Vec<_> = requests.map(|sent| sent.to.ip()).collect();
        assert_eq!(there, [address(asked, pair.sender); 3]);
    }
}
