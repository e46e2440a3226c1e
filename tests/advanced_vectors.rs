//! Packets of the Advanced profile in, messages out, and the same octets back where we can write them.
//!
//! `tests/vectors/advanced`: `a` from another codec, `b` made by hand after the standard, `c` recorded on the loopback.

#[path = "support/captures.rs"]
mod captures;

use captures::unhex;
use rist::crypto::aead::{self, Mode};
use rist::crypto::psk::{Cipher, KeySize, Nonce, counter_block};
use rist::crypto::secret::Secret;
use rist::wire::advanced::control::{
    self, Message, ci, nack, write_eap, write_fec, write_flow_attribute, write_unsupported,
};
use rist::wire::advanced::pfd::{self, is_registered_pfd};
use rist::wire::advanced::{Flags, FlowId, Header, Lpc, Packet, Psk, Type, is_candidate};
use rist::wire::gre::{self, AdvancedCapabilities, KeepAlive};
use rist::wire::lz4;
use std::collections::{BTreeMap, BTreeSet};

const PASSPHRASE: &[u8] = b"Reliable Internet Stream Transport";
const TRACE_PASSPHRASE: &[u8] = b"secretpass";

/// What becomes of a file's packets when we write what we read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Written {
    Same,
    /// We never write this, because of that.
    Otherwise(&'static str),
    /// No Advanced packets: a test of their own reads them.
    Elsewhere,
}
use Written::{Elsewhere, Otherwise, Same};

const FILES: [(&str, Written); 41] = [
    ("a01-media-clear-noflow", Same),
    ("a02-media-clear-flowid", Same),
    ("a03-media-clear-flowid-retransmit", Same),
    ("a10-media-psk128", Same),
    ("a11-media-psk192", Same),
    ("a12-media-psk256", Same),
    ("a20-lz4-block", Elsewhere),
    ("a21-media-lz4", Same),
    ("a22-media-lz4-psk256", Same),
    ("a33-media-aead3", Same),
    ("a34-media-aead4", Same),
    ("a35-media-aead5", Same),
    ("a4-ctl-flow-attr-librist-shape", Same),
    ("a4-ctl-future-nonce", Same),
    ("a4-ctl-keepalive-I", Otherwise("we write a form that the standard's readers understand too")),
    ("a4-ctl-keepalive-IGC", Otherwise("as above")),
    ("a4-ctl-lqm-global", Same),
    ("a4-ctl-nack-bitmask", Same),
    ("a4-ctl-nack-range", Same),
    ("a4-ctl-rtt-request", Same),
    ("a4-ctl-rtt-response", Same),
    ("a4-ctl-unsupported", Otherwise("we write the standard's form")),
    ("a5-fec-2022-1-4x4", Elsewhere),
    ("a5-fec-2022-5-4x4", Elsewhere),
    ("b01-spec-direct-pfd", Same),
    ("b02-spec-direct-pfd-psk128", Same),
    ("b03-spec-lpc3-compression-field", Otherwise("no such compression is known")),
    ("b04-spec-rist-header-extension", Otherwise("no such extension is defined")),
    ("b05-spec-rtp-x-extension", Otherwise("nothing to say in an extension of RTP")),
    ("b06-type3-reduced-udp", Same),
    ("b07-type8-gre-keepalive", Same),
    ("b08-spec-keepalive-16bit-caps", Otherwise("we write a form that libRIST understands too")),
    ("b09-spec-future-nonce-len4", Same),
    ("b10-spec-unsupported-len12", Same),
    ("b11-librist-unsupported-len12-body16", Otherwise("we write the standard's form")),
    ("b12-spec-nack-multi", Otherwise("nobody reads more than one record")),
    ("b13-fragments-1400-1400-1228", Same),
    ("b14-timestamps", Elsewhere),
    ("b15-pbkdf2-appendix-c", Elsewhere),
    ("b16-hybrid-keepalive", Same),
    ("b17-gre-keepalive-forms", Elsewhere),
];

fn text(file: &str) -> String {
    let path = format!("{}/tests/vectors/advanced/{file}", env!("CARGO_MANIFEST_DIR"));
    std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{path}: {error}"))
}

fn lines(file: &str) -> Vec<String> {
    text(file).lines().filter(|line| !line.starts_with('#')).map(str::to_owned).collect()
}

fn vectors(name: &str) -> Vec<Vec<u8>> {
    lines(&format!("{name}.hex")).iter().map(|line| unhex(line)).collect()
}

fn one(name: &str) -> Vec<u8> {
    vectors(name).swap_remove(0)
}

fn traces() -> Vec<String> {
    let dir = std::fs::read_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/vectors/advanced")).expect("the folder");
    let names = dir.map(|entry| entry.expect("an entry").file_name().into_string().expect("a name"));
    let mut names: Vec<_> = names.filter(|name| name.starts_with("c-adv")).collect();
    names.sort();
    names
}

fn datagrams(trace: &str) -> Vec<Vec<u8>> {
    lines(trace).iter().map(|line| unhex(line.split_whitespace().nth(3).expect("four fields"))).collect()
}

fn size_of(name: &str) -> KeySize {
    if name.contains("128") {
        KeySize::Aes128
    } else if name.contains("192") {
        KeySize::Aes192
    } else {
        KeySize::Aes256
    }
}

/// Keys take a while to derive.
struct Keys {
    passphrase: Secret,
    size: KeySize,
    ciphers: BTreeMap<Nonce, Cipher>,
}

impl Keys {
    fn new(name: &str) -> Self {
        let passphrase = Secret::new(if name.starts_with('c') { TRACE_PASSPHRASE } else { PASSPHRASE });
        Self { passphrase, size: size_of(name), ciphers: BTreeMap::new() }
    }

    fn counter_mode(&mut self, psk: &Psk, octets: &mut [u8]) {
        let (nonce, iv) = (psk.nonce.expect("a nonce"), psk.iv.expect("an IV"));
        let derive = || Cipher::derive(&self.passphrase, nonce, self.size);
        self.ciphers.entry(nonce).or_insert_with(derive).apply(&counter_block(iv), octets);
    }

    fn authenticated(&self, psk: &Psk) -> aead::Key {
        let mode = Mode::from_number(psk.mode).expect("a mode");
        aead::Key::derive(mode, &self.passphrase, psk.nonce.expect("a nonce"), self.size).expect("a size that exists")
    }

    /// The body as clear text.
    fn open(&mut self, datagram: &[u8], packet: &Packet<'_>) -> Vec<u8> {
        let mut body = packet.body.to_vec();
        match packet.psk.mode {
            0 => {}
            1 => self.counter_mode(&packet.psk, &mut body),
            _ => {
                let mut header = datagram[..packet.header_len].to_vec();
                header[packet.hash_range().expect("a hash")].fill(0);
                let hash = packet.psk.hash.expect("a hash");
                let key = self.authenticated(&packet.psk);
                assert!(key.open(packet.psk.iv.unwrap_or(0), &header, &mut body, &hash), "not authentic");
            }
        }
        body
    }

    /// Encrypts a written packet, and puts in its hash.
    fn seal(&mut self, header: &Header, octets: &mut [u8]) {
        let (clear, body) = octets.split_at_mut(header.clear_len());
        match header.psk.mode {
            0 => {}
            1 => self.counter_mode(&header.psk, body),
            mode => {
                let key = self.authenticated(&header.psk);
                let hash = key.seal(header.psk.iv.unwrap_or(0), clear, body).expect("short");
                let at = header.clear_len() - Psk::fields_len(mode);
                clear[at..at + Psk::HASH_LEN].copy_from_slice(&hash);
            }
        }
    }
}

/// A control message, written by us.
fn rewritten_message(payload: &[u8]) -> Vec<u8> {
    let mut out = Vec::new();
    match Message::parse(payload).expect("well formed") {
        Message::NackBitmask(asked) => {
            let (first, mask) = asked.pairs().next().expect("a record");
            nack::write_bitmask(&mut out, asked.media_ssrc, first, mask);
        }
        Message::NackRange(asked) => {
            let (first, more) = asked.pairs().next().expect("a record");
            nack::write_range(&mut out, asked.media_ssrc, first, more);
        }
        Message::LqmGlobal(quality) => quality.write_global(&mut out),
        Message::LqmLink(quality) => quality.write_link(&mut out),
        Message::RttRequest(echo) => echo.write_request(&mut out),
        Message::RttResponse(echo) => echo.write_response(&mut out),
        Message::Fec { index, body } => write_fec(&mut out, index, body),
        Message::KeepAlive(message) => message.write(&mut out),
        Message::FlowAttribute(json) => write_flow_attribute(&mut out, json),
        Message::Eap(frame) => write_eap(&mut out, frame),
        Message::FutureNonce(announced) => announced.write(&mut out),
        Message::Unsupported(answer) => write_unsupported(&mut out, answer.ssrc, answer.control, &payload[10..]),
        Message::Unknown { control, .. } => panic!("{control:04x} is unknown"),
    }
    out
}

/// The whole datagram, written by us.
fn rewritten(datagram: &[u8], keys: &mut Keys) -> Vec<u8> {
    let packet = Packet::parse(datagram).expect("well formed");
    let clear = keys.open(datagram, &packet);
    let content = packet.content(&clear).expect("well formed");
    let Packet { payload_type, seq, timestamp, ssrc, flags, flow_id, psk, lpc, kind, .. } = packet;
    let psk = Psk { hash: None, ..psk };
    let pfd = content.pfd;
    let header = Header { payload_type, seq, timestamp, ssrc, flags, flow_id, psk, lpc, kind, pfd };
    let mut out = [0xee; Header::MAX_LEN];
    let len = header.write(&mut out);
    let mut octets = out[..len].to_vec();
    let message = kind == Type::Control && flags.is_whole();
    if message {
        octets.extend(rewritten_message(content.payload));
    } else {
        octets.extend_from_slice(content.payload);
    }
    keys.seal(&header, &mut octets);
    octets
}

#[test]
fn every_file_is_in_the_table() {
    let dir = std::fs::read_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/vectors/advanced")).expect("the folder");
    let mut sum = 0;
    for entry in dir {
        let entry = entry.expect("an entry");
        sum += entry.metadata().expect("a size").len();
        let name = entry.file_name().into_string().expect("a name");
        let name = name.trim_end_matches(".hex").trim_end_matches(".txt").to_owned();
        assert!(name.starts_with("c-adv") || FILES.iter().any(|(known, _)| *known == name), "{name}");
    }
    assert!(sum < 300_000, "{sum} octets");
}

#[test]
fn vectors_are_written_back_octet_for_octet() {
    for (name, written) in FILES.into_iter().filter(|(_, written)| *written != Elsewhere) {
        let mut keys = Keys::new(name);
        for datagram in vectors(name) {
            assert!(is_candidate(&datagram), "{name}");
            let again = rewritten(&datagram, &mut keys);
            assert_eq!(again == datagram, written == Same, "{name}: {again:02x?}");
            // Written otherwise, it still says the same where we keep what it says.
            let (read, back) = (Packet::parse(&datagram).expect("read"), Packet::parse(&again).expect("ours"));
            assert_eq!(
                (read.seq, read.flags, read.flow_id, read.kind),
                (back.seq, back.flags, back.flow_id, back.kind)
            );
        }
    }
}

#[test]
fn media_vectors_hold_what_they_are_said_to() {
    for (name, flags, flow_id, payload) in [
        ("a01-media-clear-noflow", Flags::WHOLE, None, &b"hello world"[..]),
        ("a02-media-clear-flowid", Flags::WHOLE, Some(FlowId::new(1968, 1971)), b"hello world"),
        (
            "a03-media-clear-flowid-retransmit",
            Flags { retransmission: true, ..Flags::WHOLE },
            Some(FlowId::new(1968, 1971)),
            b"hello world",
        ),
        ("a10-media-psk128", Flags::WHOLE, Some(FlowId(0x07b0_7b30)), b"hello world"),
        ("a11-media-psk192", Flags::WHOLE, Some(FlowId(0x07b0_7b30)), b"hello world"),
        ("a12-media-psk256", Flags::WHOLE, Some(FlowId(0x07b0_7b30)), b"hello world"),
        ("a33-media-aead3", Flags::WHOLE, Some(FlowId(0x07b0_7b30)), b"hello world"),
        ("a34-media-aead4", Flags::WHOLE, Some(FlowId(0x07b0_7b30)), b"hello world"),
        ("a35-media-aead5", Flags::WHOLE, Some(FlowId(0x07b0_7b30)), b"hello world"),
        ("b01-spec-direct-pfd", Flags::WHOLE, Some(FlowId(0x07b0_7b30)), b"hello world"),
        ("b02-spec-direct-pfd-psk128", Flags::WHOLE, Some(FlowId(0x07b0_7b30)), b"hello world"),
        ("b03-spec-lpc3-compression-field", Flags::WHOLE, Some(FlowId(0x07b0_7b30)), b"hello world"),
        ("b04-spec-rist-header-extension", Flags::WHOLE, Some(FlowId(0x07b0_7b30)), b"hello world"),
        ("b05-spec-rtp-x-extension", Flags::WHOLE, Some(FlowId(0x07b0_7b30)), b"hello world"),
    ] {
        let datagram = one(name);
        let packet = Packet::parse(&datagram).expect("well formed");
        assert_eq!((packet.seq, packet.timestamp, packet.ssrc), (0x0001_0002, 1_000_000, 0x1234_5678), "{name}");
        assert_eq!((packet.flags, packet.flow_id, packet.kind), (flags, flow_id, Type::Direct), "{name}");
        let clear = Keys::new(name).open(&datagram, &packet);
        let content = packet.content(&clear).expect("well formed");
        assert_eq!(content.payload, payload, "{name}");
        assert_eq!(content.pfd, name.starts_with('b').then_some(pfd::MPEG_TS), "{name}");
        assert_eq!(content.cpi, name.starts_with("b03").then_some(0x1234), "{name}");
        let extension = content.extension.map(|extension| (extension.id, extension.data));
        assert_eq!(extension, name.starts_with("b04").then_some((0xabcd, &b"EXT!"[..])), "{name}");
    }
}

/// Which octets are encrypted is not said: the descriptor tells.
#[test]
fn a_descriptor_tells_what_was_encrypted() {
    let datagram = one("b02-spec-direct-pfd-psk128");
    let packet = Packet::parse(&datagram).expect("well formed");
    let raw = packet.content(packet.body).expect("long enough").pfd.expect("a descriptor");
    assert!(!is_registered_pfd(raw));
    assert_eq!(packet.clear_prefix_len(), Ok(4));
    let clear = Keys::new("128").open(&datagram, &packet);
    assert!(packet.content(&clear).expect("long enough").pfd.is_some_and(is_registered_pfd));
}

#[test]
fn compressed_vectors_are_decompressed() {
    let text = b"RIST".repeat(16);
    let mut out = Vec::new();
    lz4::decompress(&one("a20-lz4-block"), &mut out).expect("a block");
    assert_eq!(out, text);
    for name in ["a21-media-lz4", "a22-media-lz4-psk256"] {
        let datagram = one(name);
        let packet = Packet::parse(&datagram).expect("well formed");
        assert_eq!(packet.lpc, Lpc::Lz4);
        lz4::decompress(&Keys::new(name).open(&datagram, &packet), &mut out).expect("a block");
        assert_eq!(out, text, "{name}");
    }
}

#[test]
fn nacks_ask_for_what_they_are_said_to() {
    let asked = |datagram: &[u8]| {
        let packet = Packet::parse(datagram).expect("well formed");
        match Message::parse(packet.body).expect("well formed") {
            Message::NackBitmask(nack) => nack.sequences(usize::MAX).collect::<Vec<_>>(),
            Message::NackRange(nack) => nack.sequences(usize::MAX).collect(),
            other => panic!("{other:?}"),
        }
    };
    let range: Vec<u32> = (0x0001_0005..=0x0001_000e).collect();
    assert_eq!(asked(&one("a4-ctl-nack-bitmask")), [0x0001_0005, 0x0001_0006, 0x0001_0009]);
    assert_eq!(asked(&one("a4-ctl-nack-range")), range);
    let [bitmasks, ranges] = &vectors("b12-spec-nack-multi")[..] else { panic!("two lines") };
    assert_eq!(asked(bitmasks), [0x0001_0005, 0x0001_0006, 0x0001_0009, 0x0001_0105]);
    assert_eq!(asked(ranges), [&range[..], &[0x0001_0105]].concat());
}

#[test]
fn answers_and_keep_alives_of_every_form_are_understood() {
    for (name, control) in [
        ("a4-ctl-unsupported", ci::LQM_GLOBAL),
        ("b10-spec-unsupported-len12", ci::LQM_GLOBAL),
        ("b11-librist-unsupported-len12-body16", ci::LQM_GLOBAL),
    ] {
        let datagram = one(name);
        let packet = Packet::parse(&datagram).expect("well formed");
        let Ok(Message::Unsupported(answer)) = Message::parse(packet.body) else { panic!("{name}") };
        assert_eq!((answer.ssrc, answer.control), (0x1234_5679, control), "{name}");
    }
    let can = |fragmentation, compression| AdvancedCapabilities { fragmentation, compression, fec: false };
    for (name, line, expected, json) in [
        ("a4-ctl-keepalive-I", 0, can(false, false), &b""[..]),
        ("a4-ctl-keepalive-IGC", 0, can(true, true), b""),
        ("b08-spec-keepalive-16bit-caps", 0, can(false, false), b""),
        ("b08-spec-keepalive-16bit-caps", 1, can(false, false), b"{\"routing\":[]}"),
        ("b16-hybrid-keepalive", 0, can(false, false), b""),
    ] {
        let datagram = &vectors(name)[line];
        let packet = Packet::parse(datagram).expect("well formed");
        let Ok(Message::KeepAlive(message)) = Message::parse(packet.body) else { panic!("{name}") };
        assert_eq!((message.can, message.pairs, message.json), (expected, false, json), "{name}");
        assert_eq!(message.mac, [2, 0, 0, 0xaa, 0xbb, 0xcc], "{name}");
    }
}

#[test]
fn tunnel_keep_alives_announce_advanced_or_not() {
    let mac = [2, 0, 0xaa, 0xbb, 0xcc, 0xdd];
    let none = AdvancedCapabilities::default();
    let forms = vectors("b17-gre-keepalive-forms");
    for (datagram, expected) in forms.iter().zip([None, Some(none), Some(none)]) {
        let packet = gre::Packet::parse(datagram).expect("well formed");
        let Ok(gre::Content::KeepAlive(message)) = gre::Content::parse(packet.protocol, packet.body) else {
            panic!("no keep-alive")
        };
        let mut out = Vec::new();
        message.write(&mut out);
        assert_eq!((out, message.advanced_capabilities()), (packet.body.to_vec(), expected));
    }
    let mut out = Vec::new();
    KeepAlive::advanced([2, 0, 0, 0, 0, 0], false, none, &[]).write(&mut out);
    assert_eq!(out[6..], forms[2][forms[2].len() - 6..]);
    let tunnelled = one("b07-type8-gre-keepalive");
    let packet = Packet::parse(&tunnelled).expect("well formed");
    let inner = gre::Packet::parse(packet.body).expect("a tunnel packet");
    assert_eq!((packet.kind, inner.protocol), (Type::RistGre, gre::protocol::KEEP_ALIVE));
    let Ok(gre::Content::KeepAlive(message)) = gre::Content::parse(inner.protocol, inner.body) else {
        panic!("no keep-alive")
    };
    assert_eq!(message.mac, mac);
}

#[test]
fn fragments_make_a_block() {
    let mut block = Vec::new();
    for (index, datagram) in vectors("b13-fragments-1400-1400-1228").iter().enumerate() {
        let packet = Packet::parse(datagram).expect("well formed");
        assert_eq!((packet.flags.first, packet.flags.last), (index == 0, index == 2));
        assert_eq!((packet.seq, packet.timestamp), (0x0001_0010 + index as u32, 2_000_000));
        block.extend_from_slice(packet.body);
    }
    assert_eq!(block, (0..4028).map(|i| (7 * i) as u8).collect::<Vec<u8>>());
}

#[test]
fn fec_messages_are_passed_on_whole() {
    for (name, first) in [("a5-fec-2022-5-4x4", 0), ("a5-fec-2022-1-4x4", 2)] {
        for body in &vectors(name) {
            for index in first..first + 2 {
                let mut out = Vec::new();
                write_fec(&mut out, index, body);
                assert_eq!(Message::parse(&out), Ok(Message::Fec { index, body }));
            }
        }
    }
}

/// Every datagram of a recording is read, and written back unless it is a keep-alive.
#[test]
fn recordings_are_written_back_octet_for_octet() {
    let (mut advanced, mut tunnelled, mut keep_alives) = (0, 0, 0);
    for trace in traces() {
        let mut keys = Keys::new(&trace);
        for datagram in datagrams(&trace) {
            if !is_candidate(&datagram) {
                gre::Packet::parse(&datagram).unwrap_or_else(|error| panic!("{trace}: {error:?} {datagram:02x?}"));
                tunnelled += 1;
                continue;
            }
            advanced += 1;
            let again = rewritten(&datagram, &mut keys);
            let packet = Packet::parse(&datagram).expect("read before");
            let message = (packet.kind == Type::Control).then(|| Message::parse(packet.body));
            if let Some(Ok(Message::KeepAlive(message))) = message {
                keep_alives += 1;
                // In our own form, which says the same.
                let expected = Message::KeepAlive(control::KeepAlive { is_librist: false, ..message });
                assert_eq!(again[..packet.header_len], datagram[..packet.header_len], "{trace}");
                assert_eq!(Message::parse(&again[packet.header_len..]), Ok(expected), "{trace}");
            } else {
                assert_eq!(again, datagram, "{trace}");
            }
        }
    }
    assert!(advanced > 300 && tunnelled > 80 && keep_alives > 50, "{advanced} {tunnelled} {keep_alives}");
}

/// 188 octets: a header, their number, then ones.
#[test]
fn recordings_hold_transport_stream_cells() {
    for (name, cells) in [
        ("clear", 12),
        ("psk128", 12),
        ("psk192", 12),
        ("psk256", 12),
        ("psk128-rotate5", 16),
        ("lz4", 12),
        ("lz4-psk128", 12),
        ("nackbitmask", 20),
        ("startmain", 5),
        // Some of the media is left out of this one.
        ("lqm", 9),
    ] {
        let trace = format!("c-adv-{name}.trace.hex");
        let mut keys = Keys::new(&trace);
        let mut numbers = BTreeSet::new();
        for datagram in datagrams(&trace).iter().filter(|datagram| is_candidate(datagram)) {
            let packet = Packet::parse(datagram).expect("well formed");
            if packet.kind != Type::Direct {
                continue;
            }
            assert_eq!(packet.psk.mode, u8::from(name.contains("psk")), "{trace}");
            let mut cell = keys.open(datagram, &packet);
            if packet.lpc == Lpc::Lz4 {
                let mut out = Vec::new();
                lz4::decompress(&cell, &mut out).expect("a block");
                cell = out;
            }
            assert_eq!((cell.len(), &cell[..3]), (188, &[0x47, 1, 0][..]), "{trace}");
            assert!(cell[8..].iter().all(|octet| *octet == 0xff), "{trace}");
            numbers.insert(u32::from_be_bytes([cell[4], cell[5], cell[6], cell[7]]));
        }
        assert_eq!(numbers.len(), cells, "{trace}: {numbers:?}");
        assert!(numbers.iter().copied().eq(0..cells as u32) || name == "lqm", "{trace}: {numbers:?}");
    }
}
