//! Datagrams of the Main profile that are odd in one way each, against a whole session.

#[path = "support/session.rs"]
mod session;

use rist::protocol::config::{PeerConfig, Profile, Role};
use rist::protocol::output::Event;
use rist::protocol::session::Media;
use rist::protocol::time::Span;
use rist::wire::gre::{self, BufferNegotiation, Form, KeepAlive, Packet};
use rist::wire::null_packet::{expand, suppress};
use rist::wire::rtcp::{Compound, Rtcp, write_nack_range, write_sdes};
use session::*;
use std::collections::VecDeque;
use std::time::{Duration, Instant};

/// A receiver, with a caller in clear text that has sent 20 packets.
fn receiver() -> Side {
    let mut side = Side::receiver(settings());
    side.session.set_stats_interval(side.now, Some(Span::from_millis(500)));
    side.introduce(stranger(1), FLOW);
    for seq in 0..20 {
        side.media(stranger(1), seq, u32::from(seq) * 900);
        side.pass_ms(10);
    }
    side
}

/// The stream goes on from number 20 as if nothing had been.
#[track_caller]
fn assert_undisturbed(side: &mut Side) {
    for seq in 20..40 {
        side.media(stranger(1), seq, u32::from(seq) * 900);
        side.pass_ms(10);
    }
    side.pass_ms(1500);
    assert_eq!(side.numbers(), (0..40).collect::<Vec<_>>());
}

/// A sender that has sent 200 packets to the peer that it calls.
fn sender() -> Side {
    let mut side = Side::sender(settings());
    side.hear(listening_at(), &clear(Form::Reduced(FEEDBACK_PORTS), &name(FLOW, b"receiver")));
    for _ in 0..200 {
        side.write(&[0x47; 188]);
        side.pass_ms(1);
    }
    side.take_sent();
    side
}

/// Datagrams leave in the order in which they were made: media is no exception.
#[test]
fn all_datagrams_can_be_taken_at_once() {
    let mut side = sender();
    let payload = side.session.pool().copy(&[0x47; 188]);
    let media = Media { payload, ts_ntp: None, seq: None, virt_src_port: 0, virt_dst_port: 0 };
    side.session.send(side.now, media).unwrap();
    let mut datagrams = VecDeque::new();
    side.session.take_transmits(&mut datagrams);
    assert_eq!(datagrams.len(), 1);
    assert!(!side.session.has_output());
}

fn feedback_of(words: &[u8]) -> Vec<u8> {
    clear(Form::Reduced(FEEDBACK_PORTS), words)
}

/// What the sender makes of requests: packets sent again, and numbers that it passed over.
fn served(side: &mut Side, words: &[u8]) -> (u64, u64) {
    side.session.set_stats_interval(side.now, Some(Span::from_millis(500)));
    side.pass_ms(600);
    side.sender_reports.clear();
    side.hear(listening_at(), &feedback_of(words));
    side.pass_ms(1200);
    let sum = |counter: fn(&rist::protocol::report::SenderPeerReport) -> u64| -> u64 {
        side.sender_reports.iter().map(counter).sum()
    };
    (sum(|report| report.retransmitted), sum(|report| u64::from(report.retransmit_skipped + report.bloat_skipped)))
}

#[test]
fn a_datagram_asks_for_4096_packets_at_most() {
    // 2,000 records of 65,536 packets each.
    let mut range = [&[0x80, 204][..], &2002u16.to_be_bytes(), &FLOW.to_be_bytes(), b"RIST"].concat();
    (0..2000).for_each(|_| range.extend_from_slice(&[0, 0, 0xff, 0xff]));
    let mut bits = [&[0x81, 205][..], &2002u16.to_be_bytes(), &[0, 0, 0, 1], &FLOW.to_be_bytes()].concat();
    (0..2000).for_each(|_| bits.extend_from_slice(&[0, 0, 0xff, 0xff]));
    for words in [range, bits] {
        let mut side = sender();
        let began = Instant::now();
        let (again, passed_over) = served(&mut side, &words);
        assert!((1..=200).contains(&again), "{again} packets");
        assert!(again + passed_over <= 4096, "{again} and {passed_over}");
        assert!(began.elapsed() < Duration::from_secs(2));
    }
}

#[test]
fn a_request_that_is_cut_short_anywhere_asks_for_no_more_than_it_says() {
    let mut words = Vec::new();
    write_nack_range(&mut words, FLOW, &[5, 9, 13], 16);
    for length in 0..words.len() {
        let mut side = sender();
        side.hear(listening_at(), &feedback_of(&words[..length]));
        // The length field agrees with what is there.
        let mut whole = words[..length / 4 * 4].to_vec();
        if whole.len() >= 4 {
            whole[3] = (whole.len() / 4 - 1) as u8;
        }
        side.hear(listening_at(), &feedback_of(&whole));
        side.pass_ms(100);
        let again = side.sent.iter().filter_map(|(_, sent)| carried(sent)).filter(|(ssrc, _)| ssrc & 1 == 1).count();
        assert!(again <= 3, "{length}: {again}");
    }
}

/// TR-06-2:2022 §8.4 is for 32-bit numbers, which this profile has none of (libRIST 0.2.17 ignores it, too).
#[test]
fn a_sequence_extension_before_a_request_does_no_harm() {
    // One that is too short ends the compound, as whatever is malformed does.
    for (extension, again) in [(&[0x81, 204, 0, 3], 1), (&[0x81, 204, 0, 4], 1), (&[0x81, 204, 0, 2], 0)] {
        let words = usize::from(extension[3]);
        let mut compound = [&extension[..], &FLOW.to_be_bytes(), b"RIST", &[0, 7, 0, 0, 0, 0, 0, 0]].concat();
        compound.truncate(4 + 4 * words);
        write_nack_range(&mut compound, FLOW, &[150], 16);
        assert_eq!(served(&mut sender(), &compound), (again, 0));
    }
}

#[test]
fn a_request_without_a_name_or_an_end_of_it_is_none() {
    for words in [&[0x80, 204, 0, 1][..], &[0x80, 204, 0, 2], &[0x80, 204, 0, 0]] {
        let length = 4 * usize::from(words[3]);
        let whole = [words, &[FLOW.to_be_bytes(), *b"RISX"].concat()[..length]].concat();
        let mut side = sender();
        assert_eq!(served(&mut side, &whole), (0, 0));
    }
}

/// Each with every length from nothing to whole.
#[test]
fn messages_that_are_too_short_are_dropped_and_not_answered() {
    let mut keep_alive = Vec::new();
    KeepAlive { mac: [2; 6], capabilities: gre::CAPABILITIES, extension: None, json: &[] }.write(&mut keep_alive);
    let mut negotiation = Vec::new();
    BufferNegotiation { sender_max: 1, receiver_current: 2, kind: 3 }.write(&mut negotiation);
    for version in 0..=2 {
        for (form, message) in [(Form::KeepAlive, &keep_alive), (Form::BufferNegotiation, &negotiation)] {
            for length in 0..message.len() {
                let datagram = wrapped(form, version, None, 1, &message[..length]);
                let mut known = receiver();
                known.take_sent();
                known.hear(stranger(1), &datagram);
                assert!(known.sent.is_empty(), "{form:?} {length}");
                assert_undisturbed(&mut known);
                let mut unknown = Side::receiver(settings());
                unknown.hear(stranger(2), &datagram);
                unknown.pass_ms(300);
                assert!(unknown.sent.is_empty() && unknown.has_said("new peer") == 0, "{form:?} {length}");
            }
        }
    }
}

#[test]
fn a_vsf_header_that_is_cut_or_unknown_is_dropped() {
    let mut side = receiver();
    side.take_sent();
    for body in [&[][..], &[0], &[0, 0], &[0, 0, 0x80], &[0, 0, 0, 0], &[0, 0, 0, 0, 0, 1, 0, 2], &[0, 9, 0x80, 0]] {
        let mut datagram = vec![0x10, 0x10, 0xcc, 0xe0, 0, 0, 0, 1];
        datagram.extend_from_slice(body);
        side.hear(stranger(1), &datagram);
    }
    for subtype in [0x7fff_u16, 0x8003, 0xffff] {
        let mut datagram = vec![0x10, 0x10, 0xcc, 0xe0, 0, 0, 0, 1, 0, 0];
        datagram.extend_from_slice(&subtype.to_be_bytes());
        datagram.extend_from_slice(&[0; 40]);
        side.hear(stranger(1), &datagram);
    }
    assert!(side.sent.is_empty());
    assert_undisturbed(&mut side);
}

#[test]
fn a_long_text_in_a_keep_alive_is_logged_short() {
    let mut side = receiver();
    let json = vec![b'{'; 9000];
    let mut message = Vec::new();
    KeepAlive { mac: [2; 6], capabilities: gre::CAPABILITIES, extension: None, json: &json }.write(&mut message);
    side.hear(stranger(1), &clear(Form::KeepAlive, &message));
    assert_eq!(side.has_said("can do"), 1);
    assert!(side.lines.iter().all(|(_, line)| line.len() < 700));
    // Not again for the same text, nor for each of a thousand others.
    for round in 0..1000u32 {
        let mut other = message.clone();
        other.extend_from_slice(&round.to_be_bytes());
        side.hear(stranger(1), &clear(Form::KeepAlive, &message));
        side.hear(stranger(1), &clear(Form::KeepAlive, &other));
    }
    assert!(side.has_said("can do") < 30);
    assert_undisturbed(&mut side);
}

#[test]
fn what_fills_up_a_name_is_zero() {
    for length in 0..=130 {
        let mut out = vec![0xee; 8];
        write_sdes(&mut out, FLOW, &vec![b'n'; length]);
        let named = length.min(127);
        let rest = &out[8 + 10 + named..];
        assert!((1..=4).contains(&rest.len()) && rest.iter().all(|octet| *octet == 0), "{length}");
        assert_eq!(out.len() % 4, 0);
    }
    // And as a session sends it.
    let mut side = Side::sender(PeerConfig { cname: "n".repeat(5), ..settings() });
    side.pass_ms(200);
    let compounds: Vec<_> = side.take_sent().iter().filter_map(|sent| feedback(sent)).collect();
    assert!(!compounds.is_empty());
    for compound in compounds {
        let place = compound.windows(5).position(|window| window == b"nnnnn").expect("a name");
        assert_eq!(&compound[place + 5..place + 6], [0]);
        assert!(Compound::new(&compound).all(|item| item.is_ok()));
    }
}

#[test]
fn a_name_of_any_length_from_outside_is_cut_or_passed_over() {
    for length in [1, 127, 128, 254, 255] {
        let mut side = Side::receiver(settings());
        let padded = (10 + length + 1_usize).next_multiple_of(4);
        let mut words = vec![0x81, 202, 0, (padded / 4 - 1) as u8];
        words.extend_from_slice(&FLOW.to_be_bytes());
        words.extend_from_slice(&[1, length as u8]);
        words.extend(std::iter::repeat_n(b'x', length));
        words.resize(padded, 0);
        let report = [&[0x80, 201, 0, 1][..], &FLOW.to_be_bytes(), &words].concat();
        side.hear(stranger(1), &feedback_of(&report));
        side.pass_ms(100);
        let known = side.events.iter().any(|event| matches!(event, Event::ClientConnected { .. }));
        assert_eq!(known, length <= 127, "{length}");
    }
}

/// Media with this octet as map of its null packets.
fn mapped(seq: u16, map: u8, payload: &[u8]) -> Vec<u8> {
    let header = rist::wire::rtp::Header {
        payload_type: rist::wire::rtp::MPEG_TS,
        seq,
        timestamp: u32::from(seq) * 900,
        ssrc: FLOW,
        null_packets: Some(map),
    };
    let mut head = [0; rist::wire::rtp::Header::MAX_LEN];
    let len = header.write(&mut head);
    clear(Form::Reduced(MEDIA_PORTS), &[&head[..len], payload].concat())
}

#[test]
fn a_map_that_disagrees_with_its_packets_changes_nothing() {
    let mut side = receiver();
    let payload = vec![0x47; 2 * 188];
    // Three packets cannot be restored to seven, packets of 204 octets are not there, a sync octet is wrong.
    let mut broken = payload.clone();
    broken[188] = 0x48;
    let long = vec![0x47; 188 * 8];
    let cases: [(u8, &[u8]); 5] =
        [(0x7f, &payload), (0x81, &payload), (0x40, &broken), (0x01, &payload), (0x40, &long)];
    for (index, (map, octets)) in cases.iter().enumerate() {
        side.hear(stranger(1), &mapped(20 + index as u16, *map, octets));
        side.pass_ms(10);
    }
    side.pass_ms(1500);
    let came: Vec<_> = side.delivered.iter().skip(20).map(|delivery| delivery.payload.to_vec()).collect();
    let sent: Vec<_> = cases.iter().map(|(_, octets)| octets.to_vec()).collect();
    assert_eq!(came, sent);
    let octets: u64 = side.reports.iter().map(|report| report.received_bytes).sum();
    let expected: usize = 20 * 188 + sent.iter().map(Vec::len).sum::<usize>();
    assert_eq!(octets, expected as u64);
}

#[test]
fn null_packets_are_left_out_only_where_every_packet_is_one() {
    let mut out = Vec::new();
    let null = [&[0x47, 0x1f, 0xff, 0x10][..], &[0xff; 184]].concat();
    let full = vec![0x47; 188];
    let seven: Vec<u8> = [&null[..], &full, &null, &full, &full, &full, &full].concat();
    assert_eq!(suppress(&seven, &mut out), Some(0x50));
    // A wrong sync octet anywhere, behind null packets as well.
    for packet in 0..7 {
        let mut broken = seven.clone();
        broken[packet * 188] = 0x46;
        assert_eq!(suppress(&broken, &mut out), None, "packet {packet}");
    }
    // More than the map has room for, long and short.
    for size in [188, 204] {
        let mut eight = vec![0xff; size * 8];
        (0..8).for_each(|packet| eight[packet * size..packet * size + 4].copy_from_slice(&null[..4]));
        assert_eq!(suppress(&eight, &mut out), None);
        for map in [0x7f, 0xff] {
            let _ = expand(map, &eight, &mut out);
            assert!(out.len() <= 7 * 204);
        }
    }
}

#[test]
fn media_of_every_length_and_shape_is_whole_or_nothing() {
    for first in [0x80, 0x8f, 0x90, 0x9f, 0xa0, 0xb5, 0xbf] {
        for length in 0..=40 {
            for fill in [0, 1, 4, 0xff] {
                let mut packet = media(FLOW, 20, 18_000, &[fill; 40]);
                packet[0] = first;
                packet[12..].fill(fill);
                packet.truncate(length);
                let mut side = receiver();
                side.hear(stranger(1), &clear(Form::Reduced(MEDIA_PORTS), &packet));
                side.pass_ms(1500);
                assert!(side.delivered.len() <= 21);
                assert!(side.delivered.iter().skip(20).all(|delivery| delivery.payload.len() <= 28));
            }
        }
    }
}

/// ST 2110 uses payload types from 96 on, with the marker bit: their second octet is not one of RTCP.
#[test]
fn every_payload_type_that_may_be_media_is() {
    let mut side = receiver();
    let types: Vec<u8> = (96..128).flat_map(|kind: u8| [kind, kind | 0x80]).collect();
    let media_types = types.iter().filter(|second| !(192..=223).contains(*second));
    for (index, second) in media_types.clone().enumerate() {
        let seq = 20 + index as u16;
        let mut packet = media(FLOW, seq, u32::from(seq) * 900, &[1; 100]);
        packet[1] = *second;
        side.hear(stranger(1), &clear(Form::Reduced(MEDIA_PORTS), &packet));
        side.pass_ms(10);
    }
    side.pass_ms(1500);
    assert_eq!(side.delivered.len(), 20 + media_types.count());
    // 72 to 76 with the marker are the octets 200 to 204.
    assert_eq!(side.has_said("malformed"), 0);
}

/// A sender that keeps packets for less time than the receiver waits at least cannot be followed.
#[test]
fn a_sender_that_keeps_packets_too_shortly_is_not_followed() {
    let config = PeerConfig { buffer_min: Span::from_millis(500), buffer_max: Span::from_millis(2000), ..settings() };
    for (sender_max, refused) in [(499, 1), (500, 0), (0, 0), (9000, 0)] {
        let mut side = Side::receiver(config.clone());
        side.introduce(stranger(1), FLOW);
        let mut message = Vec::new();
        BufferNegotiation { sender_max, receiver_current: 0, kind: 0 }.write(&mut message);
        side.hear(stranger(1), &wrapped(Form::BufferNegotiation, 2, None, 1, &message));
        assert_eq!(side.has_said("not followed"), refused, "{sender_max}");
        for seq in 0..20 {
            side.media(stranger(1), seq, u32::from(seq) * 900);
            side.pass_ms(10);
        }
        side.pass_ms(2500);
        assert_eq!(side.delivered.len(), 20);
    }
}

#[test]
fn a_negotiation_that_wants_an_answer_gets_one() {
    let mut side = receiver();
    side.take_sent();
    let mut message = Vec::new();
    BufferNegotiation { sender_max: 1500, receiver_current: 7, kind: 3 }.write(&mut message);
    side.hear(stranger(1), &wrapped(Form::BufferNegotiation, 2, None, 1, &message));
    let answers = side.take_sent();
    assert!(
        answers.iter().any(|sent| Packet::parse(sent).is_ok_and(|packet| packet.body.ends_with(&[0, 0, 0, 0, 0, 3])))
    );
}

/// One datagram with many echo requests is not a lever.
#[test]
fn of_many_echo_requests_in_one_datagram_few_are_answered() {
    let mut side = receiver();
    side.take_sent();
    let mut words = name(FLOW, b"echo");
    for number in 0..50 {
        let echo = rist::wire::rtcp::Echo { ssrc: 3, timestamp: number, delay_us: 0, padding: 0 };
        rist::wire::rtcp::write_echo_request(&mut words, &echo);
    }
    side.hear(stranger(1), &feedback_of(&words));
    let compounds: Vec<_> = side.take_sent().iter().filter_map(|sent| feedback(sent)).collect();
    let answers = compounds.iter().flat_map(|compound| Compound::new(compound));
    let answers = answers.filter(|item| matches!(item, Ok(Rtcp::EchoResponse(_)))).count();
    assert!((1..=2).contains(&answers), "{answers}");
}

#[test]
fn simple_profile_packets_at_a_tunnel_are_named_and_dropped() {
    let mut side = Side::new(Role::Receiver, Profile::Main, 4);
    side.listen(SOCKET, settings());
    for _ in 0..10 {
        side.hear(stranger(1), &name(FLOW, b"simple"));
        side.hear(stranger(1), &media(FLOW, 1, 0, &[0x47; 188]));
        side.pass_ms(10);
    }
    assert!(side.sent.is_empty() && side.events.is_empty());
    assert!(side.lines.len() < 5, "{:?}", side.lines);
}
