//! The tunnel: headers and everything behind them, at every version.

use crate::support::cases;
use proptest::prelude::*;
use rist::wire::gre::{BufferNegotiation, Content, Form, Header, KeepAlive, Packet, Ports, protocol};
use rist::wire::{Kind, classify};

const PROTOCOLS: [u16; 5] = [protocol::KEEP_ALIVE, protocol::REDUCED, protocol::VSF, protocol::FULL, protocol::EAPOL];

fn octets(most: usize) -> impl Strategy<Value = Vec<u8>> {
    prop::collection::vec(any::<u8>(), 0..most)
}

/// What others write, with every field that there is: octets and what they mean.
fn foreign_header(bits: u8, version: u8, long: bool, protocol: u16, words: [[u8; 4]; 3]) -> (Vec<u8>, usize) {
    let mut head = vec![bits, version << 3 | u8::from(long) << 6];
    head.extend(protocol.to_be_bytes());
    for (bit, word) in [0x80, 0x20, 0x10].into_iter().zip(words) {
        if bits & bit != 0 {
            head.extend(word);
        }
    }
    let len = head.len();
    (head, len)
}

proptest! {
    #![proptest_config(cases(1500))]

    #[test]
    fn a_written_header_is_read_back(
        version in 0u8..3,
        protocol in prop::sample::select(&PROTOCOLS),
        key: Option<([u8; 4], bool)>,
        sequence: u32,
        body in octets(40),
    ) {
        let mut head = [0xee; Header::MAX_LEN];
        let len = Header { version, protocol, key, sequence }.write(&mut head);
        let (nonce, aes_256) = (key.map(|(nonce, _)| nonce), key.is_some_and(|(_, long)| long));
        let expected = Packet { version, protocol, nonce, aes_256, sequence: Some(sequence), body: &body };
        let datagram = [&head[..len], &body].concat();
        prop_assert_eq!(Packet::parse(&datagram), Ok(expected));
        prop_assert_eq!(expected.is_encrypted(), key.is_some());
    }

    #[test]
    fn every_flag_and_version_of_others_is_read_or_refused(
        bits: u8,
        version in 0u8..8,
        long: bool,
        protocol in prop_oneof![4 => prop::sample::select(&PROTOCOLS), 1 => any::<u16>()],
        words: [[u8; 4]; 3],
        body in octets(20),
    ) {
        let (head, len) = foreign_header(bits, version, long, protocol, words);
        let datagram = [&head[..], &body].concat();
        let read = Packet::parse(&datagram);
        let routing = bits & 0x40 != 0;
        if routing || version > 4 || protocol < 0x0600 {
            prop_assert!(read.is_err());
            return Ok(());
        }
        let packet = read.expect("a header");
        prop_assert_eq!((packet.version, packet.protocol, packet.aes_256), (version.min(2), protocol, long));
        prop_assert_eq!(packet.nonce, (bits & 0x20 != 0).then_some(words[1]));
        prop_assert_eq!(packet.sequence.map(u32::to_be_bytes), (bits & 0x10 != 0).then_some(words[2]));
        prop_assert_eq!(packet.body, &body[..]);
        for cut in 0..len {
            prop_assert!(Packet::parse(&datagram[..cut]).is_err());
        }
    }

    #[test]
    fn media_and_feedback_are_read_at_every_version(
        version in 0u8..4,
        (source, destination) in any::<(u16, u16)>(),
        second: u8,
        rest in octets(40),
    ) {
        let ports = Ports { source, destination };
        let message = [&[0x80, second], &rest[..]].concat();
        let (protocol, prefix, len) = Form::Reduced(ports).prefix(version);
        let body = [&prefix[..len], &message].concat();
        let expected = match classify(&message) {
            Ok(Kind::Rtp) => Content::Media { ports, packet: &message },
            _ => Content::Feedback { ports, packet: &message },
        };
        prop_assert_eq!(Content::parse(protocol, &body), Ok(expected));
        prop_assert_eq!(Ports::swapped(ports).swapped(), ports);
    }

    #[test]
    fn keep_alives_are_read_at_every_version(
        version in 0u8..4,
        mac: [u8; 6],
        capabilities: [u8; 2],
        extension in prop::option::of((0u8..8).prop_map(|bits| bits << 5)),
        json in octets(60),
    ) {
        // JSON begins with nothing that could be an extension: with a brace, or there is none.
        let json = if json.is_empty() { json } else { [b"{", &json[..]].concat() };
        let sent = KeepAlive { mac, capabilities, extension, json: &json };
        let (protocol, prefix, len) = Form::KeepAlive.prefix(version);
        let mut body = prefix[..len].to_vec();
        sent.write(&mut body);
        prop_assert_eq!(Content::parse(protocol, &body), Ok(Content::KeepAlive(sent)));
        for cut in len..len + 8 {
            prop_assert!(Content::parse(protocol, &body[..cut]).is_err());
        }
    }

    #[test]
    fn the_rest_is_read_back(version in 0u8..4, times: [u16; 3], data in octets(60), nonce: [u8; 4]) {
        let [sender_max, receiver_current, kind] = times;
        let sent = BufferNegotiation { sender_max, receiver_current, kind };
        let (protocol, prefix, len) = Form::BufferNegotiation.prefix(version);
        let mut body = prefix[..len].to_vec();
        sent.write(&mut body);
        prop_assert_eq!(Content::parse(protocol, &body), Ok(Content::BufferNegotiation(sent)));
        let (protocol, _, none) = Form::Full.prefix(version);
        prop_assert_eq!((Content::parse(protocol, &data), none), (Ok(Content::Full(&data)), 0));
        let number = sender_max;
        let typed = Content::Typed { protocol: number, payload: &data };
        if protocol::is_out_of_band(number) && number != protocol::FULL {
            prop_assert_eq!(Form::Typed(number).prefix(version), (number, [0; Form::MAX_PREFIX], 0));
            prop_assert_eq!(Content::parse(number, &data), Ok(typed));
        } else {
            prop_assert_ne!(Content::parse(number, &data), Ok(typed));
        }
        let future = [&[0, 0, 0x80, 1], &nonce[..]].concat();
        prop_assert_eq!(Content::parse(protocol::VSF, &future), Ok(Content::FutureNonce(nonce)));
    }
}
