//! Split and merge in the Main profile, packet by packet.

#[path = "support/captures.rs"]
mod captures;
#[path = "support/session.rs"]
mod session;

use captures::vectors;
use rist::protocol::config::{MergeMode, PeerConfig, Profile, Role, SplitMode};
use rist::protocol::output::{Error, Event, SocketId};
use rist::protocol::report::{MergeReport, SplitReport};
use rist::protocol::session::Media;
use rist::protocol::time::Span;
use rist::wire::gre::{Content, Form, KeepAlive, Packet, capabilities};
use rist::wire::rtp::Rtp;
use session::*;

fn splitting(split: SplitMode) -> PeerConfig {
    PeerConfig { split, ..settings() }
}

/// Nobody has to answer an echo.
fn merging(merge: MergeMode) -> PeerConfig {
    PeerConfig { merge, address_validation: false, ..settings() }
}

/// A receiver with a caller in clear text.
fn receiver(config: PeerConfig) -> Side {
    let mut side = Side::receiver(config);
    side.session.set_stats_interval(side.now, Some(Span::from_millis(500)));
    side.introduce(stranger(1), FLOW);
    side
}

/// Media in a datagram: sequence number, timestamp, payload.
fn media_of(datagram: &[u8]) -> Option<(u16, u32, Vec<u8>)> {
    let packet = Packet::parse(datagram).ok()?;
    match Content::parse(packet.protocol, packet.body).ok()? {
        Content::Media { packet, .. } => {
            let rtp = Rtp::parse(packet).ok()?;
            Some((rtp.seq, rtp.timestamp, rtp.payload.to_vec()))
        }
        _ => None,
    }
}

fn sent_media(side: &mut Side) -> Vec<(u16, u32, Vec<u8>)> {
    side.take_sent().iter().filter_map(|datagram| media_of(datagram)).collect()
}

fn hear(side: &mut Side, seq: u16, timestamp: u32, payload: &[u8]) {
    side.hear(stranger(1), &clear(Form::Reduced(MEDIA_PORTS), &media(FLOW, seq, timestamp, payload)));
}

fn announce(side: &mut Side, pairs: bool) {
    let mut message = Vec::new();
    KeepAlive { mac: [2; 6], capabilities: capabilities(pairs), extension: None, json: &[] }.write(&mut message);
    side.hear(stranger(1), &clear(Form::KeepAlive, &message));
}

/// Number, octets, discontinuity, start of the flow.
fn blocks(side: &Side) -> Vec<(u32, String, bool, bool)> {
    let text = |octets: &[u8]| String::from_utf8_lossy(octets).into_owned();
    side.delivered.iter().map(|d| (d.seq, text(&d.payload), d.discontinuity, d.flow_start)).collect()
}

fn block(seq: u32, octets: &str, discontinuity: bool, flow_start: bool) -> (u32, String, bool, bool) {
    (seq, octets.to_owned(), discontinuity, flow_start)
}

fn merged(side: &Side) -> (u64, u64, u64) {
    let reports = side.reports.iter().filter_map(|report| report.merge);
    reports.fold((0, 0, 0), |(merged, first, second), MergeReport { merged: m, lone_first, lone_second, .. }| {
        (merged + m, first + lone_first, second + lone_second)
    })
}

#[test]
fn a_write_becomes_two_packets_of_one_time() {
    for split in [SplitMode::Auto, SplitMode::Half] {
        let mut side = Side::sender(splitting(split));
        side.take_sent();
        for (n, len) in [1316usize, 1, 2, 3, 9968].into_iter().enumerate() {
            let written: Vec<u8> = (0..len).map(|at| (at * 7 + n) as u8).collect();
            let payload = side.session.pool().copy(&written);
            let media = Media { payload, ts_ntp: None, seq: None, virt_src_port: 0, virt_dst_port: 0 };
            assert_eq!(side.session.send(side.now, media), Ok(len), "the whole length");
            side.drain();
            let sent = sent_media(&mut side);
            let [(even, time, first), (odd, same, second)] = &sent[..] else { panic!("{} packets", sent.len()) };
            assert_eq!((*even, *odd, time), (2 * n as u16, 2 * n as u16 + 1, same));
            assert_eq!(first.len(), len / 2, "the first half is the shorter one, and may be empty");
            assert_eq!([&first[..], second].concat(), written);
            side.pass_ms(10);
            side.take_sent();
        }
    }
}

#[test]
fn an_applications_own_number_is_refused_while_splitting() {
    let mut side = Side::sender(splitting(SplitMode::Half));
    side.take_sent();
    let payload = side.session.pool().copy(&[1, 2, 3]);
    let numbered = Media { payload, ts_ntp: None, seq: Some(8), virt_src_port: 0, virt_dst_port: 0 };
    assert_eq!(side.session.send(side.now, numbered.clone()), Err(Error::InvalidArgument));
    side.drain();
    assert_eq!((sent_media(&mut side).len(), side.has_said("numbered by the application")), (0, 1));
    let mut side = Side::sender(settings());
    side.take_sent();
    assert_eq!(side.session.send(side.now, numbered), Ok(3));
}

#[test]
fn an_applications_own_time_is_that_of_both_halves() {
    let mut side = Side::sender(splitting(SplitMode::Half));
    side.take_sent();
    let payload = side.session.pool().copy(&[1, 2, 3]);
    let own = Media { payload, ts_ntp: Some(0x1234 << 32), seq: None, virt_src_port: 5, virt_dst_port: 6 };
    assert_eq!(side.session.send(side.now, own), Ok(3));
    side.drain();
    let sent = sent_media(&mut side);
    assert_eq!((sent.len(), sent[0].1, sent[1].1), (2, 0x1234 * 90_000, 0x1234 * 90_000));
}

/// The first peer of a context says how it sends, and an odd number is left out if another way begins with it.
#[test]
fn the_first_peers_mode_rules_and_the_first_half_is_even() {
    let mut side = Side::new(Role::Sender, Profile::Main, 8);
    let plain = side.call(SOCKET, listening_at(), settings());
    let second = side.call(SOCKET, stranger(2), splitting(SplitMode::Half));
    assert_eq!(side.has_said("of the first peer count for all"), 1);
    side.take_sent();
    for _ in 0..3 {
        side.write(b"whole");
    }
    assert!(sent_media(&mut side).iter().all(|(.., payload)| payload == b"whole"));
    for peer in [plain, second] {
        side.session.remove_peer(side.now, peer).expect("a peer");
    }
    side.call(SOCKET, listening_at(), splitting(SplitMode::Half));
    side.call(SOCKET, stranger(2), settings());
    side.take_sent();
    side.write(b"halves");
    let sent = sent_media(&mut side);
    let numbers: Vec<u16> = sent.iter().map(|(seq, ..)| *seq).collect();
    assert_eq!(numbers, [4, 4, 5, 5], "each half to both peers");
    assert_eq!((&sent[0].2[..], &sent[2].2[..]), (&b"hal"[..], &b"ves"[..]));
}

/// Each half is a packet of its own, so null packets are left out of each.
#[test]
fn null_packets_are_left_out_of_each_half() {
    let ts = |kinds: &str| -> Vec<u8> {
        let packet = |kind| {
            let (head, fill) = if kind == 'N' { ([0x47, 0x1f, 0xff, 0x10], 0xff) } else { ([0x47, 1, 0, 0x10], 7) };
            head.into_iter().chain(std::iter::repeat(fill)).take(188)
        };
        kinds.chars().flat_map(packet).collect()
    };
    let mut pair = Pair::new(splitting(SplitMode::Auto), merging(MergeMode::Auto));
    pair.caller.session.set_null_packet_deletion(true);
    pair.run(500);
    let written = ["DNDDNND", "NNNDDDD", "NNNNNNN", "DDDDDDD", "NN", "D"].map(ts);
    for bytes in &written {
        pair.caller.write(bytes);
        pair.run(10);
    }
    let sizes = |at: usize| {
        let media = pair.passed.iter().filter(|(way, _)| *way == Way::ToListener).filter_map(|(_, d)| media_of(d));
        media.map(|(.., payload)| payload.len()).nth(at)
    };
    assert_eq!((sizes(0), sizes(1)), (Some(2 * 188), Some(2 * 188)), "DN.D .. DN.ND without N");
    pair.run(2000);
    let got: Vec<_> = pair.listener.delivered.iter().map(|delivery| delivery.payload.to_vec()).collect();
    assert!(got.iter().zip(&written).all(|(got, written)| got == written) && got.len() == written.len());
}

#[test]
fn keep_alives_of_every_version_announce_pairs() {
    let announced = |config: PeerConfig| {
        let mut pair = Pair::new(config.clone(), config);
        pair.run(3000);
        let mut seen = Vec::new();
        for (way, datagram) in &pair.passed {
            let packet = Packet::parse(datagram).expect("a tunnel packet");
            if let Ok(Content::KeepAlive(message)) = Content::parse(packet.protocol, packet.body) {
                seen.push((*way, packet.version, message.capabilities));
            }
        }
        seen.sort_by_key(|(way, version, _)| (*way == Way::ToCaller, *version));
        seen.dedup();
        seen
    };
    let both = |split| PeerConfig { split, merge: MergeMode::Auto, ..settings() };
    let (with, without) = ([0x27, 0x20], [0x25, 0x20]);
    for split in [SplitMode::Auto, SplitMode::Half] {
        let seen = announced(both(split));
        let ours: Vec<_> = seen.iter().filter(|(way, ..)| *way == Way::ToListener).collect();
        assert!(ours.iter().any(|(_, version, _)| *version == 1) && ours.iter().any(|(_, version, _)| *version == 2));
        assert!(ours.iter().all(|(.., bits)| *bits == with), "{seen:?}");
        // A receiver sends no pairs.
        assert!(seen.iter().filter(|(way, ..)| *way == Way::ToCaller).all(|(.., bits)| *bits == without), "{seen:?}");
    }
    assert!(announced(both(SplitMode::Off)).iter().all(|(.., bits)| *bits == without));
}

#[test]
fn what_others_split_is_merged() {
    for name in ["split-auto-main", "split-half-main"] {
        let mut side = Side::receiver(merging(MergeMode::Auto));
        for datagram in vectors(name) {
            side.hear(stranger(1), &datagram);
            side.pass_ms(3);
        }
        side.pass_ms(1500);
        assert_eq!(side.delivered.len(), 6);
        for (block, delivery) in side.delivered.iter().enumerate() {
            let cell = |n: usize| {
                let number = [0x47, 1, 0, 0x10 + n as u8];
                number.into_iter().chain(std::iter::repeat((7 * block + n) as u8)).take(188)
            };
            let whole: Vec<u8> = (0..7).flat_map(cell).collect();
            assert_eq!(&delivery.payload[..], whole, "block {block} of {name}");
            let first = media_of(&vectors(name)[1]).expect("media").0;
            assert_eq!(delivery.seq, u32::from(first / 2) + block as u32);
        }
    }
}

#[test]
fn our_halves_are_those_of_others() {
    for (name, split) in [("split-auto-main", SplitMode::Auto), ("split-half-main", SplitMode::Half)] {
        let captured: Vec<_> = vectors(name).iter().filter_map(|datagram| media_of(datagram)).collect();
        let mut side = Side::sender(splitting(split));
        side.take_sent();
        for pair in captured.chunks(2) {
            let [(even, time, first), (odd, same, second)] = pair else { panic!("half a pair") };
            assert_eq!((even & 1, even + 1, time), (0, *odd, same));
            side.write(&[&first[..], second].concat());
            let sent = sent_media(&mut side);
            assert_eq!((sent[0].0 & 1, sent[0].0 + 1, sent[0].1), (0, sent[1].0, sent[1].1));
            assert!(sent.len() == 2 && sent[0].2 == *first && sent[1].2 == *second, "{name}");
        }
    }
}

#[test]
fn only_an_even_number_and_the_next_of_one_time_are_a_pair() {
    let mut side = receiver(merging(MergeMode::Pairs));
    for (seq, time, text) in [
        (101, 0, "odd "),
        (102, 900, "one "),
        (103, 900, "pair"),
        (104, 1800, "two "),
        (105, 1801, "times"),
        (106, 2700, "first"),
        // 107 is lost.
        (108, 3600, "ano"),
        (109, 3600, "ther"),
        // 110 is lost.
        (111, 4500, "last"),
        (112, 5400, ""),
        (113, 5400, "x"),
    ] {
        hear(&mut side, seq, time, text.as_bytes());
    }
    side.pass_ms(2000);
    let expected = [
        block(101, "odd ", false, true),
        block(51, "one pair", false, false),
        block(104, "two ", false, false),
        block(105, "times", false, false),
        block(106, "first", false, false),
        // What is missing is told of behind it.
        block(54, "another", true, false),
        block(111, "last", true, false),
        block(56, "x", false, false),
    ];
    assert_eq!(blocks(&side), expected);
    assert_eq!(merged(&side), (3, 2, 3));
}

#[test]
fn the_wrap_is_between_pairs_and_never_in_one() {
    let mut side = receiver(merging(MergeMode::Pairs));
    for (n, seq) in [65_532u16, 65_533, 65_534, 65_535, 0, 1, 2, 3].into_iter().enumerate() {
        // All of one time: numbers alone tell what belongs together.
        hear(&mut side, seq, 900, &[b'a' + n as u8]);
    }
    side.pass_ms(2000);
    let expected = [(32_766, "ab"), (32_767, "cd"), (0, "ef"), (1, "gh")];
    let expected = expected.map(|(seq, text)| block(seq, text, false, seq == 32_766));
    assert_eq!(blocks(&side), expected);
}

/// A pair is handed out at the time of its first half, and nothing waits for what is not there then.
#[test]
fn nothing_waits_for_the_other_half() {
    let mut side = receiver(merging(MergeMode::Pairs));
    let start = side.now;
    hear(&mut side, 0, 0, b"a");
    side.pass_ms(10);
    hear(&mut side, 2, 900, b"c");
    side.pass_ms(10);
    hear(&mut side, 3, 900, b"d");
    side.pass_ms(970);
    hear(&mut side, 5, 1800, b"f");
    assert!(side.delivered.is_empty());
    side.pass_ms(11);
    assert_eq!(blocks(&side), [block(0, "a", false, true)], "{:?}", side.now.since(start));
    // The other half comes now, before what follows is due: late, but not too late.
    hear(&mut side, 1, 0, b"b");
    side.pass_ms(1);
    assert_eq!(blocks(&side)[1..], [block(1, "b", false, false)]);
    side.pass_ms(9);
    assert_eq!(blocks(&side)[2..], [block(1, "cd", false, false)], "the pair has the time of its first half");
}

#[test]
fn a_flow_that_begins_again_is_merged_again_and_never_across() {
    let mut side = receiver(merging(MergeMode::Pairs));
    let begin = |side: &mut Side, from: u16, time: u32, count: u16| {
        for n in 0..count {
            hear(
                side,
                from + n,
                time + u32::from(n / 2) * 900,
                format!("{}{}", from + n, if n % 2 == 0 { '<' } else { '>' }).as_bytes(),
            );
            if n % 2 == 1 {
                side.pass_ms(10);
            }
        }
    };
    begin(&mut side, 1000, 0, 41);
    side.pass_ms(300);
    // Another timeline, while the old one is still in the buffer; its first packet follows the last one's number.
    begin(&mut side, 41, 0x7000_0000, 80);
    side.pass_ms(3000);
    let got = blocks(&side);
    let starts: Vec<_> = got.iter().filter(|(.., start)| *start).map(|(seq, ..)| *seq).collect();
    assert_eq!(starts, [500, 41], "{got:?}");
    assert_eq!(got[..20].iter().filter(|(_, text, ..)| text.contains('>')).count(), 20);
    assert_eq!(got[20], block(1040, "1040<", false, false));
    assert!(got[21..].iter().all(|(_, text, ..)| text.matches(['<', '>']).count() == 1), "no pair begins odd: {got:?}");
}

/// No application has room for more than a sender may write.
#[test]
fn halves_that_no_sender_can_have_cut_are_no_pair() {
    let mut side = receiver(merging(MergeMode::Pairs));
    let (large, small) = (vec![1; 9968], vec![2; 4984]);
    hear(&mut side, 0, 0, &large);
    hear(&mut side, 1, 0, &[1]);
    hear(&mut side, 2, 900, &small);
    hear(&mut side, 3, 900, &small);
    side.pass_ms(2000);
    let sizes: Vec<_> = side.delivered.iter().map(|delivery| (delivery.seq, delivery.payload.len())).collect();
    assert_eq!(sizes, [(0, 9968), (1, 1), (1, 9968)]);
}

#[test]
fn auto_begins_with_the_announcement_and_ends_with_it() {
    let mut side = receiver(merging(MergeMode::Auto));
    let mut number = 0;
    let mut play = |side: &mut Side| {
        let before = side.delivered.len();
        for _ in 0..2 {
            hear(side, number, u32::from(number / 2) * 900, b"h");
            number += 1;
        }
        side.pass_ms(1500);
        side.delivered[before..].iter().map(|delivery| delivery.payload.len()).collect::<Vec<_>>()
    };
    assert_eq!(play(&mut side), [1, 1]);
    announce(&mut side, true);
    assert_eq!(play(&mut side), [2]);
    announce(&mut side, false);
    assert_eq!(play(&mut side), [1, 1]);
    announce(&mut side, true);
    assert_eq!(play(&mut side), [2]);
    assert_eq!(merged(&side), (2, 0, 0), "nothing is counted while nothing is looked for");
}

/// Who has not proved where it is says nothing about a flow that somebody else owns.
#[test]
fn a_stranger_does_not_switch_merging_on() {
    let mut side = receiver(PeerConfig { address_validation: true, ..merging(MergeMode::Auto) });
    let mut message = Vec::new();
    KeepAlive { mac: [3; 6], capabilities: capabilities(true), extension: None, json: &[] }.write(&mut message);
    side.hear(stranger(2), &clear(Form::Reduced(FEEDBACK_PORTS), &name(FLOW, b"other")));
    side.hear(stranger(2), &clear(Form::KeepAlive, &message));
    hear(&mut side, 0, 0, b"a");
    hear(&mut side, 1, 0, b"b");
    for _ in 0..150 {
        side.pass_ms(10);
        side.answer_echoes(stranger(1), |answer| clear(Form::Reduced(FEEDBACK_PORTS), answer));
    }
    assert_eq!(side.delivered.len(), 2);
}

#[test]
fn the_first_listeners_merge_mode_rules() {
    let mut side = Side::receiver(merging(MergeMode::Pairs));
    side.listen(SocketId(1), settings());
    assert_eq!(side.has_said("of the first peer count for all"), 1);
    side.introduce(stranger(1), FLOW);
    hear(&mut side, 0, 0, b"a");
    hear(&mut side, 1, 0, b"b");
    side.pass_ms(1500);
    assert_eq!(blocks(&side), [block(0, "ab", false, true)]);
}

#[test]
fn what_was_split_is_reported_with_the_peers() {
    let mut side = Side::sender(splitting(SplitMode::Auto));
    side.session.set_stats_interval(side.now, Some(Span::from_millis(100)));
    side.write(&[0x47; 376]);
    side.write(&[0; 376]);
    side.pass_ms(250);
    let reports = side.events.iter().filter_map(|event| match event {
        Event::SplitStats(SplitReport { mode: SplitMode::Auto, pairs, not_ts }) => Some((*pairs, *not_ts)),
        _ => None,
    });
    assert_eq!(reports.fold((0, 0), |sum, one| (sum.0 + one.0, sum.1 + one.1)), (2, 1));
    let mut side = Side::sender(settings());
    side.session.set_stats_interval(side.now, Some(Span::from_millis(100)));
    side.write(&[0x47; 376]);
    side.pass_ms(250);
    assert!(!side.events.iter().any(|event| matches!(event, Event::SplitStats(_))));
}

#[test]
fn a_reflector_announces_the_pairs_that_it_passes_on() {
    let config = PeerConfig { reflector: true, address_validation: false, ..settings() };
    let mut side = Side::receiver(config);
    side.introduce(stranger(1), FLOW);
    side.introduce(stranger(2), 0xBEEF0);
    announce(&mut side, true);
    hear(&mut side, 0, 0, b"a");
    side.take_sent();
    side.pass_ms(2000);
    let told = |to: u32| {
        let mine = side.sent.iter().filter(|(address, _)| *address == stranger(to));
        let bits = mine.filter_map(|(_, datagram)| {
            let packet = Packet::parse(datagram).ok()?;
            match Content::parse(packet.protocol, packet.body).ok()? {
                Content::KeepAlive(message) => Some(message.announces_pairs()),
                _ => None,
            }
        });
        bits.collect::<Vec<_>>()
    };
    let (publisher, subscriber) = (told(1), told(2));
    assert!(!publisher.is_empty() && publisher.iter().all(|pairs| !pairs), "{publisher:?}");
    assert!(!subscriber.is_empty() && subscriber.iter().all(|pairs| *pairs), "{subscriber:?}");
}
