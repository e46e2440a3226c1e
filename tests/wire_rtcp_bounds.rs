//! RTCP that is too short, too long, foreign or lying about its lengths.

use rist::wire::rtcp::{Compound, ReceiverReport, Rtcp, write_sdes};
use rist::wire::{Error, Result};

/// One RTCP packet: first octet, type, declared length, body.
fn packet(first: u8, packet_type: u8, words: u16, body: &[u8]) -> Vec<u8> {
    let [high, low] = words.to_be_bytes();
    [&[first, packet_type, high, low], body].concat()
}

fn walk(datagram: &[u8]) -> Vec<Result<Rtcp<'_>>> {
    Compound::new(datagram).collect()
}

#[test]
fn length_beyond_the_datagram_ends_the_walk_once() {
    for words in [3, 4, 0x3fff, 0xffff] {
        let mut datagram = packet(0x80, 201, 1, &[0, 0, 0, 2]);
        datagram.extend(packet(0x80, 204, words, b"\0\0\0\x02RIST"));
        let lead = Rtcp::ReceiverReport(ReceiverReport { ssrc: 2, block: None });
        assert_eq!(walk(&datagram), [Ok(lead), Err(Error::TooShort)]);
        let mut compound = Compound::new(&datagram);
        assert_eq!(compound.by_ref().count(), 2);
        assert_eq!(compound.next(), None);
    }
    assert_eq!(walk(&[]), []);
    assert_eq!(walk(&[0x80, 201, 0]), [Err(Error::TooShort)]);
    assert_eq!(walk(&packet(0x40, 201, 1, &[0; 4])), [Err(Error::Malformed)]);
}

#[test]
fn packets_too_short_for_their_content_are_refused() {
    let body = *b"\0\0\0\x02RIST\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0";
    // First octet, type, and the least number of words that holds the content.
    for (first, packet_type, least) in [
        (0x80, 200, 6), // SR
        (0x80, 201, 1), // empty RR
        (0x81, 203, 1), // BYE
        (0x80, 204, 2), // range NACK
        (0x81, 204, 3), // sequence extension
        (0x82, 204, 5), // echo request
        (0x83, 204, 5), // echo response
        (0x81, 205, 2), // bitmask NACK
        (0x80, 207, 1), // extended report
        (0x80, 77, 1),
    ] {
        for words in 0..=6u16 {
            let datagram = packet(first, packet_type, words, &body[..usize::from(words) * 4]);
            let refused = walk(&datagram).contains(&Err(Error::TooShort));
            let extended = matches!(packet_type, 77 | 207);
            if words < least {
                assert!(refused, "type {packet_type}, {words} words");
            } else if !extended {
                assert!(!refused, "type {packet_type}, {words} words");
            }
        }
    }
}

#[test]
fn name_is_checked_for_every_app_packet() {
    for subtype in 0..32 {
        let mut body = *b"\0\0\0\x02QUIC\0\0\0\0\0\0\0\0\0\0\0\0";
        let unknown = Ok(Rtcp::Unknown { packet_type: 204 });
        assert_eq!(walk(&packet(0x80 | subtype, 204, 5, &body)), [unknown]);
        body[4..8].copy_from_slice(b"RIST");
        let datagram = packet(0x80 | subtype, 204, 5, &body);
        assert_eq!(walk(&datagram) == [unknown], subtype > 3, "subtype {subtype}");
    }
}

#[test]
fn unknown_packets_are_skipped_by_their_length() {
    let mut datagram = packet(0x80, 206, 2, &[0; 8]);
    datagram.extend(packet(0x82, 205, 2, &[0; 8]));
    datagram.extend(packet(0x80, 203, 0, &[]));
    datagram.extend(packet(0x80, 202, 0, &[]));
    datagram.extend(packet(0x80, 72, 0, &[]));
    datagram.extend(packet(0x81, 203, 1, &[0, 0, 0, 9]));
    let mut expected: Vec<_> = [206, 205, 203, 202, 72].map(|packet_type| Ok(Rtcp::Unknown { packet_type })).to_vec();
    expected.push(Ok(Rtcp::Bye { ssrc: 9 }));
    assert_eq!(walk(&datagram), expected);
}

#[test]
fn receiver_report_without_room_for_its_block_counts_as_empty() {
    for words in 1..=8u16 {
        let datagram = packet(0x81, 201, words, &vec![1; usize::from(words) * 4]);
        let [Ok(Rtcp::ReceiverReport(report))] = walk(&datagram)[..] else { panic!("one report") };
        assert_eq!(report.block.is_some(), words >= 7);
    }
}

#[test]
fn names_up_to_255_octets_are_read_and_127_written() {
    for len in [0, 1, 127, 128, 255] {
        let mut body = vec![0, 0, 0, 2, 1, len];
        body.extend(vec![b'x'; usize::from(len)]);
        body.resize((body.len() + 1).next_multiple_of(4), 0);
        let datagram = packet(0x81, 202, body.len() as u16 / 4, &body);
        let name = vec![b'x'; usize::from(len)];
        assert_eq!(walk(&datagram), [Ok(Rtcp::Sdes { ssrc: 2, cname: &name })]);
        let mut out = Vec::new();
        write_sdes(&mut out, 2, &name);
        let kept = &name[..name.len().min(127)];
        assert_eq!(walk(&out), [Ok(Rtcp::Sdes { ssrc: 2, cname: kept })]);
        assert_eq!(out.len(), (10 + kept.len() + 1).next_multiple_of(4));
        assert!(out[10 + kept.len()..].iter().all(|&octet| octet == 0));
    }
    let beyond = packet(0x81, 202, 3, &[0, 0, 0, 2, 1, 255, b'x', b'x', b'x', b'x', 0, 0]);
    assert_eq!(walk(&beyond), [Err(Error::TooShort)]);
}

#[test]
fn name_after_another_item_is_found() {
    let body = *b"\0\0\0\x02\x06\x03abc\x01\x02hi\0\0\0";
    assert_eq!(walk(&packet(0x81, 202, 4, &body)), [Ok(Rtcp::Sdes { ssrc: 2, cname: b"hi" })]);
    let nameless = *b"\0\0\0\x02\x06\x01a\0";
    let unknown = Ok(Rtcp::Unknown { packet_type: 202 });
    assert_eq!(walk(&packet(0x81, 202, 2, &nameless)), [unknown]);
}

#[test]
fn sequence_extension_needs_its_whole_record() {
    let body = *b"\0\0\0\x02RIST\x12\x34\0\0";
    let expected = Rtcp::SeqExtension { ssrc: 2, high: 0x1234 };
    assert_eq!(walk(&packet(0x81, 204, 3, &body)), [Ok(expected)]);
    assert_eq!(walk(&packet(0x81, 204, 2, &body[..8])), [Err(Error::TooShort)]);
}

#[test]
fn extended_report_blocks_are_read_within_their_bounds() {
    let entry = |octet: u8| [octet; 12];
    let mut body = vec![0, 0, 0, 9, 4, 0, 0, 2, 1, 2, 3, 4, 5, 6, 7, 8, 42, 0, 0, 0, 5, 0, 0, 6];
    body.extend(entry(1));
    body.extend(entry(2));
    let words = body.len() as u16 / 4;
    let report = |octet: u32| {
        let word = octet * 0x0101_0101;
        Ok(Rtcp::LastReport { ssrc: 9, target: word, lrr: word, dlrr: word })
    };
    for packet_type in [207, 77] {
        let time = Rtcp::ReferenceTime { ssrc: 9, ntp: 0x0102_0304_0506_0708 };
        let unknown = Ok(Rtcp::Unknown { packet_type });
        let expected = [Ok(time), unknown, report(1), report(2)];
        assert_eq!(walk(&packet(0x80, packet_type, words, &body)), expected);
    }
    for broken in [
        [0, 0, 0, 9, 4, 0, 0, 3, 0, 0, 0, 0].as_slice(),
        &[0, 0, 0, 9, 4, 0, 0, 1, 0, 0, 0, 0],
        &[0, 0, 0, 9, 5, 0, 0xff, 0xff, 0, 0, 0, 0],
        &[0, 0, 0, 9, 5, 0, 0, 1, 0, 0, 0, 0],
    ] {
        assert_eq!(walk(&packet(0x80, 207, 3, broken)), [Err(Error::TooShort)]);
    }
}
