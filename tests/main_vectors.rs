//! Captured packets of the Main profile in, messages out, and the same octets back.

#[path = "support/captures.rs"]
mod captures;

use captures::{as_ours, fields, sequences, vectors, write};
use rist::crypto::psk::{Cipher, KeySize, counter_block};
use rist::crypto::secret::Secret;
use rist::wire::gre::{self, Content, Form, Header, Packet, Ports};
use rist::wire::rtcp::{Compound, Rtcp};
use rist::wire::rtp::{self, MPEG_TS, Rtp};
use rist::wire::{Error, null_packet};

/// Packets without encryption and without EAP.
const CLEAR: [&str; 15] = [
    "main-rtcp-clear-027",
    "main-rtp-clear-027",
    "main-startup-clear-0212",
    "main-rtp-clear-0212",
    "main-rtcp-0212-to-027",
    "main-rtcp-027-to-0212",
    "main-reversed-0212",
    "main-reversed-027",
    "nack-range-main-027",
    "nack-range-main-0212",
    "nack-bitmask-main-0212",
    "oob-api-027",
    "oob-api-0212",
    "oob-tool-auth-027",
    "bufneg-echo-0212",
];

const ENCRYPTED: [(&str, KeySize); 4] = [
    ("psk128-027", KeySize::Aes128),
    ("psk128-0212", KeySize::Aes128),
    ("psk256-027", KeySize::Aes256),
    ("psk256-0212", KeySize::Aes256),
];

const PASSPHRASE: &[u8] = b"mypassphrase";

fn messages(compound: &[u8]) -> Vec<Rtcp<'_>> {
    Compound::new(compound).collect::<Result<_, _>>().expect("a captured compound is well formed")
}

/// What stands behind a captured GRE header, written by us: its form, and the octets behind ports or VSF header.
fn rewrite(content: &Content) -> (Form, Vec<u8>) {
    let mut out = Vec::new();
    let form = match content {
        Content::Media { ports, packet } => {
            out = rewrite_media(packet);
            Form::Reduced(*ports)
        }
        Content::Feedback { ports, packet } => {
            messages(packet).iter().for_each(|message| write(&mut out, message));
            Form::Reduced(*ports)
        }
        Content::KeepAlive(message) => {
            message.write(&mut out);
            Form::KeepAlive
        }
        Content::BufferNegotiation(message) => {
            message.write(&mut out);
            Form::BufferNegotiation
        }
        Content::Full(payload) => {
            out.extend_from_slice(payload);
            Form::Full
        }
        Content::Typed { .. } => panic!("we are not asked for other data"),
        Content::FutureNonce(_) => panic!("we do not announce nonces"),
    };
    (form, out)
}

fn rewrite_media(packet: &[u8]) -> Vec<u8> {
    let rtp = Rtp::parse(packet).expect("captured media parses");
    assert_eq!((rtp.payload_type, rtp.marker), (MPEG_TS, false));
    let null_packets = rtp.extension.and_then(|extension| extension.null_packets);
    let Rtp { payload_type, seq, timestamp, ssrc, payload, .. } = rtp;
    let mut header = [0xee; rtp::Header::MAX_LEN];
    let len = rtp::Header { payload_type, seq, timestamp, ssrc, null_packets }.write(&mut header);
    [&header[..len], payload].concat()
}

/// The octets behind the GRE header, all of them written by us, and the protocol type that we give them.
fn rewritten_body(version: u8, protocol: u16, body: &[u8]) -> (u16, Vec<u8>) {
    let content = Content::parse(protocol, body).expect("a captured packet is well formed");
    let (form, message) = rewrite(&content);
    let (protocol, prefix, len) = form.prefix(version);
    (protocol, [&prefix[..len], &message].concat())
}

/// The GRE header as we write it. libRIST 0.2.7 leaves the sequence number out of what it does not encrypt.
fn rewritten_header(packet: &Packet, protocol: u16) -> Vec<u8> {
    let key = packet.nonce.map(|nonce| (nonce, packet.aes_256));
    let mut out = [0xee; Header::MAX_LEN];
    let sequence = packet.sequence.unwrap_or(0);
    let len = Header { version: packet.version, protocol, key, sequence }.write(&mut out);
    if packet.sequence.is_some() {
        return out[..len].to_vec();
    }
    out[0] &= !0x10;
    out[..len - 4].to_vec()
}

fn assert_written_back(name: &str, datagram: &[u8]) {
    let packet = Packet::parse(datagram).expect("a captured packet is well formed");
    let (protocol, body) = rewritten_body(packet.version, packet.protocol, packet.body);
    let header = rewritten_header(&packet, protocol);
    let expected = [&datagram[..header.len()], &as_ours(packet.body.to_vec())].concat();
    assert_eq!([header, body].concat(), expected, "{name}");
}

#[test]
fn captured_clear_packets_are_written_back_octet_for_octet() {
    for name in CLEAR {
        for datagram in vectors(name) {
            assert_written_back(name, &datagram);
        }
    }
    for name in ["echo-padded-0212", "keepalive-json-accepted-0212"] {
        assert_written_back(name, &vectors(name)[0]);
    }
}

/// RIST GRE version 7, which libRIST 0.2.12 copies from whom it talks to.
#[test]
fn unknown_versions_are_refused() {
    let datagrams = vectors("gre-rv7-adopted-0212").into_iter().chain(vectors("echo-padded-0212").into_iter().skip(1));
    for datagram in datagrams {
        assert_eq!(Packet::parse(&datagram).map(|packet| packet.version), Err(Error::Unsupported));
    }
}

#[test]
fn captured_encrypted_packets_are_read_and_written_back_octet_for_octet() {
    for (name, size) in ENCRYPTED {
        let clear = fields(&format!("{name}.plain"));
        let sealed = vectors(name);
        assert_eq!(sealed.len(), clear.len(), "{name}");
        for (datagram, clear) in sealed.iter().zip(clear) {
            let [header, plain] = &clear[..] else { panic!("{name}: two fields") };
            let packet = Packet::parse(datagram).expect("a captured packet is well formed");
            let nonce = packet.nonce.expect("a nonce");
            assert_eq!((packet.version > 0, packet.aes_256), (true, size == KeySize::Aes256), "{name}");
            let counter = counter_block(packet.sequence.expect("a sequence number"));
            let cipher = Cipher::derive(&Secret::new(PASSPHRASE), nonce, size);
            let mut octets = packet.body.to_vec();
            cipher.apply(&counter, &mut octets);
            assert_eq!(octets, *plain, "{name}");

            let (protocol, mut body) = rewritten_body(packet.version, packet.protocol, plain);
            assert_eq!(rewritten_header(&packet, protocol), *header, "{name}");
            assert_eq!(body, as_ours(plain.clone()), "{name}");
            // Sealed is what was captured, whatever packet type we give an extended report.
            body.clone_from(plain);
            cipher.apply(&counter, &mut body);
            assert_eq!([header.clone(), body].concat(), *datagram, "{name}");
        }
    }
}

/// One word for each packet.
fn kinds(name: &str) -> Vec<String> {
    let kind = |datagram: Vec<u8>| {
        let packet = Packet::parse(&datagram).expect("a captured packet is well formed");
        let what = match Content::parse(packet.protocol, packet.body).expect("a captured packet is well formed") {
            Content::Media { .. } => "media",
            Content::Feedback { packet, .. } => match messages(packet).last() {
                Some(Rtcp::EchoRequest(_)) => "question",
                Some(Rtcp::EchoResponse(_)) => "answer",
                _ => "report",
            },
            Content::KeepAlive(message) => {
                assert_eq!((message.mac, message.capabilities), ([0; 6], gre::CAPABILITIES));
                "keep-alive"
            }
            Content::BufferNegotiation(message) => {
                assert_eq!((message.sender_max, message.receiver_current, message.kind), (2000, 0, 0));
                "buffer"
            }
            Content::Full(_) => "oob",
            Content::Typed { .. } => "typed",
            Content::FutureNonce(_) => "nonce",
        };
        format!("{what} {}", packet.version)
    };
    vectors(name).into_iter().map(kind).collect()
}

#[test]
fn start_of_a_session_is_read() {
    let repeated = [
        ("keep-alive 2", 5),
        ("oob 2", 1),
        ("keep-alive 2", 2),
        ("keep-alive 1", 3),
        ("buffer 2", 3),
        ("report 1", 1),
        ("question 1", 3),
        ("answer 2", 3),
        ("buffer 2", 3),
        ("question 2", 1),
        ("answer 2", 1),
        ("keep-alive 2", 1),
    ];
    let expected: Vec<String> =
        repeated.into_iter().flat_map(|(kind, times)| std::iter::repeat_n(kind.to_owned(), times)).collect();
    assert_eq!(kinds("main-startup-clear-0212"), expected);
    assert_eq!(kinds("main-rtp-clear-027"), ["media 0"; 2]);
    assert_eq!(kinds("main-rtp-clear-0212"), ["media 2"; 2]);
}

#[test]
fn virtual_ports_are_read() {
    let ports = |name: &str, line: usize| {
        let datagram = &vectors(name)[line];
        let packet = Packet::parse(datagram).expect("a captured packet is well formed");
        match Content::parse(packet.protocol, packet.body) {
            Ok(Content::Media { ports, .. } | Content::Feedback { ports, .. }) => (ports.source, ports.destination),
            other => panic!("{other:?}"),
        }
    };
    assert_eq!(ports("main-rtp-clear-027", 0), (32769, 1968));
    assert_eq!(ports("main-rtcp-clear-027", 0), (32768, 1969));
    assert_eq!(ports("main-rtcp-clear-027", 1), (1969, 32768));
    // A receiver that calls turns them round once it has heard the sender.
    assert_eq!(ports("main-reversed-027", 0), (32768, 1969));
    assert_eq!(ports("main-reversed-027", 6), (1969, 32768));
    assert_eq!(Ports { source: 1, destination: 2 }.swapped(), Ports { source: 2, destination: 1 });
}

#[test]
fn captured_nacks_ask_for_these_packets() {
    let asked = |name: &str| -> Vec<Vec<u16>> {
        let asked_by = |datagram: &Vec<u8>| {
            let packet = Packet::parse(datagram).expect("a captured packet is well formed");
            let Ok(Content::Feedback { packet, .. }) = Content::parse(packet.protocol, packet.body) else {
                panic!("{name}: feedback")
            };
            let nacks = messages(packet).into_iter();
            nacks
                .filter_map(|message| if let Rtcp::Nack(nack) = message { Some(sequences(&nack)) } else { None })
                .flatten()
                .collect()
        };
        vectors(name).iter().map(asked_by).collect()
    };
    let until = |last| [vec![5], vec![8, 9, 10], vec![20], (25..=last).collect()];
    assert_eq!(asked("nack-range-main-027"), until(26));
    assert_eq!(asked("nack-range-main-0212"), until(26));
    assert_eq!(asked("nack-bitmask-main-0212"), until(27));
}

#[test]
fn out_of_band_data_is_read() {
    let payloads = |name: &str| -> Vec<String> {
        let payload = |datagram: Vec<u8>| {
            let packet = Packet::parse(&datagram).expect("a captured packet is well formed");
            match Content::parse(packet.protocol, packet.body) {
                Ok(Content::Full(payload)) => String::from_utf8_lossy(payload).into_owned(),
                other => panic!("{other:?}"),
            }
        };
        vectors(name).into_iter().map(payload).collect()
    };
    assert_eq!(payloads("oob-api-027"), ["OOB-from-sender!", "OOB-from-receiver"]);
    // That snapshot of libRIST loses the first four octets itself.
    assert_eq!(payloads("oob-api-0212"), ["from-sender!", "from-receiver"]);
    assert!(payloads("oob-tool-auth-027")[0].ends_with("auth,127.0.0.1:14126,127.0.0.1:7000"));
}

/// The pairs of a null packet capture: what the sender was given, and the media packet it sent.
fn null_packet_pairs(name: &str) -> Vec<(Vec<u8>, u8, Vec<u8>)> {
    let datagrams = vectors(name);
    let pair = |pair: &[Vec<u8>]| {
        let [given, sent] = pair else { panic!("{name}: pairs") };
        assert_written_back(name, sent);
        let packet = Packet::parse(sent).expect("a captured packet is well formed");
        let Ok(Content::Media { packet, .. }) = Content::parse(packet.protocol, packet.body) else {
            panic!("{name}: media")
        };
        let rtp = Rtp::parse(packet).expect("captured media parses");
        let map = rtp.extension.and_then(|extension| extension.null_packets);
        (given.clone(), map.unwrap_or(0), rtp.payload.to_vec())
    };
    datagrams.chunks(2).map(pair).collect()
}

#[test]
fn null_packets_are_suppressed_and_restored_as_captured() {
    let delivered = vectors("npd-restored-main-0212");
    let mut out = Vec::new();
    for ((given, map, sent), delivered) in null_packet_pairs("npd-main-0212").into_iter().zip(&delivered) {
        let suppressed = null_packet::suppress(&given, &mut out);
        assert_eq!(suppressed.unwrap_or(0), map);
        if suppressed.is_some() {
            assert_eq!(out, sent);
        }
        assert_eq!(null_packet::expand(map, &sent, &mut out), Ok(()));
        assert_eq!((&out, &given), (delivered, delivered));
    }
}

/// libRIST 0.2.7 maps datagrams of fewer than seven packets wrongly, and restores them wrongly too.
#[test]
fn null_packets_of_old_librist_are_restored_in_full_datagrams() {
    let delivered = vectors("npd-restored-main-027");
    let mut out = Vec::new();
    for ((given, map, sent), delivered) in null_packet_pairs("npd-main-027").into_iter().zip(&delivered) {
        if given.len() != 7 * 188 {
            assert_eq!(null_packet::expand(map, &sent, &mut out), Err(Error::Malformed), "{map:02x}");
            continue;
        }
        assert_eq!(null_packet::suppress(&given, &mut out).unwrap_or(0), map);
        assert_eq!(null_packet::expand(map, &sent, &mut out), Ok(()));
        assert_eq!((&out, &given), (delivered, delivered));
    }
}
