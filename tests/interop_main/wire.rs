//! What our library sends, read by others: PBKDF2 of Python and AES of OpenSSL, and the EAP dissector of tshark.

use super::*;
use chain::{Run, Sender};
use std::collections::BTreeSet;
use std::io::Write;
use std::process::{Command, Stdio};
use std::time::Duration;
use support::library::scratch;
use support::relay::Direction;
use support::require_package;
use support::stream::{Filling, number_of};

const LIMIT: Duration = Duration::from_secs(20);
/// Packets that come out before a recording ends: about a second.
const ENOUGH: u64 = 300;
const SECRET: &str = "mypassphrase";
const EAPOL: u16 = 0x888e;

/// A GRE header and what follows it.
#[derive(Debug)]
struct Datagram {
    version: u8,
    protocol: u16,
    aes_256: bool,
    nonce: Option<[u8; 4]>,
    sequence: u32,
    body: Vec<u8>,
}

impl Datagram {
    /// Ours always has a sequence number, and never a checksum or a reserved bit.
    fn of_ours(octets: &[u8]) -> Datagram {
        let (first, second) = (octets[0], octets[1]);
        assert_eq!((first & 0xdf, second & 0x87), (0x10, 0), "flags");
        let word = |at: usize| <[u8; 4]>::try_from(&octets[at..at + 4]).expect("four octets");
        let nonce = (first & 0x20 != 0).then(|| word(4));
        let at = if nonce.is_some() { 8 } else { 4 };
        Datagram {
            version: second >> 3 & 7,
            protocol: u16::from_be_bytes([octets[2], octets[3]]),
            aes_256: second & 0x40 != 0,
            nonce,
            sequence: u32::from_be_bytes(word(at)),
            body: octets[at + 4..].to_vec(),
        }
    }
}

/// Everything on the link until a second's packets have come out, and both ways of it.
fn record(mode: Mode, from: &'static Library, to: &'static Library) -> Vec<(Direction, Vec<u8>)> {
    let cell = Cell {
        mode,
        sender: Sender::Ristsender(from),
        link: Clean,
        receiver: Receiver::Ristreceiver(to),
        expect: Expect::Whole,
    };
    let run = Run::start(&cell, true);
    run.wait("packets", LIMIT, |verdict| verdict.packets >= ENOUGH);
    run.relay.recorded()
}

fn of_ours(recording: &[(Direction, Vec<u8>)], direction: Direction) -> Vec<Datagram> {
    let ours = recording.iter().filter(|(way, _)| *way == direction);
    ours.map(|(_, octets)| Datagram::of_ours(octets)).collect()
}

/// Decrypts as TR-06-2:2022 §7 says, without any of our code.
const DECRYPT: &str = r#"
import hashlib, subprocess, sys
secret = sys.argv[1].encode()
for line in sys.stdin:
    bits, nonce, sequence, body = line.split()
    key = hashlib.pbkdf2_hmac("sha256", secret, bytes.fromhex(nonce), 1024, int(bits) // 8).hex()
    command = ["openssl", "enc", "-d", f"-aes-{bits}-ctr", "-K", key, "-iv", sequence + "0" * 24]
    print(subprocess.run(command, input=bytes.fromhex(body), stdout=subprocess.PIPE, check=True).stdout.hex())
"#;

fn hex(octets: &[u8]) -> String {
    octets.iter().map(|octet| format!("{octet:02x}")).collect()
}

fn unhex(text: &str) -> Vec<u8> {
    let digits = |pair: &[u8]| u8::from_str_radix(std::str::from_utf8(pair).expect("text"), 16).expect("digits");
    text.as_bytes().chunks(2).map(digits).collect()
}

/// Runs a program with `input`, and gives what it prints.
fn filter(mut command: Command, input: &[u8]) -> String {
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null());
    let mut child = command.spawn().expect("the program starts");
    child.stdin.take().expect("a pipe").write_all(input).expect("it reads");
    let output = child.wait_with_output().expect("it ends");
    assert!(output.status.success(), "{command:?}");
    String::from_utf8(output.stdout).expect("text")
}

fn decrypted_by_others(datagrams: &[&Datagram]) -> Vec<Vec<u8>> {
    require_package("python3");
    require_package("openssl");
    let line = |datagram: &&Datagram| {
        let bits = if datagram.aes_256 { 256 } else { 128 };
        let nonce = hex(&datagram.nonce.expect("a nonce"));
        format!("{bits} {nonce} {:08x} {}\n", datagram.sequence, hex(&datagram.body))
    };
    let mut python = Command::new("python3");
    python.args(["-c", DECRYPT, SECRET]);
    let output = filter(python, datagrams.iter().map(line).collect::<String>().as_bytes());
    output.lines().map(unhex).collect()
}

/// A media packet of the stream behind ports, and in version 2 behind a VSF header.
fn assert_media(datagram: &Datagram, clear: &[u8]) {
    let start = match (datagram.version, datagram.protocol) {
        (1, 0x88b6) => 0,
        (2, 0xcce0) => {
            assert_eq!(clear[..4], [0; 4], "VSF header of reduced overhead");
            4
        }
        other => panic!("{other:?}"),
    };
    let clear = &clear[start..];
    assert_eq!((&clear[2..4], &clear[4..6]), (&1968u16.to_be_bytes()[..], &[0x80, 33][..]), "port, RTP");
    let payload = &clear[16..];
    let number = number_of(payload).expect("a packet of the stream");
    assert_eq!(payload, Filling::Full.packet(number));
}

/// The stream's mark, or the synchronisation octets of five MPEG-TS packets, which noise does not have.
fn shows_clear_text(octets: &[u8]) -> bool {
    let run = |at: usize| (0..5).all(|packet| octets.get(at + 188 * packet) == Some(&0x47));
    octets.windows(7).any(|window| window == b"FERRIST") || (0..octets.len()).any(run)
}

fn assert_sealed(mode: Mode, bits: u32, to: &'static Library) {
    let recording = record(mode, ours(), to);
    assert!(recording.iter().all(|(_, octets)| !shows_clear_text(octets)), "clear text under a secret");
    let mut ours = of_ours(&recording, Direction::Forward);
    // Two threads send, so neighbours may change places; but no number comes twice, whatever the key.
    ours.sort_by_key(|datagram| datagram.sequence);
    assert!(ours.is_sorted_by(|a, b| a.sequence < b.sequence), "a sequence number comes again");
    let mut nonces = Vec::new();
    for datagram in &ours {
        assert_eq!(datagram.aes_256, bits == 256);
        let nonce = datagram.nonce.expect("everything is encrypted");
        assert!(nonce != [0; 4] && nonce[0] & 0x80 == 0, "{nonce:02x?}");
        if nonces.last() != Some(&nonce) {
            nonces.push(nonce);
        }
    }
    let distinct: BTreeSet<_> = nonces.iter().collect();
    assert_eq!(distinct.len(), nonces.len(), "no nonce comes again");
    assert_eq!(nonces.len() > 2, mode.key_rotation.is_some(), "{} keys", nonces.len());
    let media: Vec<_> = ours.iter().filter(|datagram| datagram.body.len() > 1316).collect();
    let sample: Vec<_> = media.iter().step_by(media.len() / 16).copied().collect();
    let clear = decrypted_by_others(&sample);
    assert_eq!(clear.len(), sample.len());
    sample.iter().zip(clear).for_each(|(datagram, clear)| assert_media(datagram, &clear));
}

#[test]
fn aes_128_of_ours_is_decrypted_by_others() {
    assert_sealed(Mode::MAIN.aes(128), 128, debian());
}

#[test]
fn rotated_aes_256_of_ours_is_decrypted_by_others() {
    assert_sealed(Mode::MAIN.aes(256).key_rotation(100), 256, debian());
}

/// Ours agree on version 2.
#[test]
fn aes_256_between_ours_is_decrypted_by_others() {
    assert_sealed(Mode::MAIN.aes(256), 256, ours());
}

/// EAP frames on an Ethernet, as tshark prints them: EAPOL type and length, EAP code, length, type and identity.
fn dissected(name: &str, datagrams: &[Datagram]) -> Vec<Vec<String>> {
    require_package("tshark");
    let mut capture = Vec::new();
    // A pcap file: magic number, version 2.4, time zone, accuracy, longest packet, Ethernet.
    for word in [0xa1b2_c3d4, 4 << 16 | 2, 0, 0, 65_535, 1u32] {
        capture.extend(word.to_le_bytes());
    }
    for datagram in datagrams.iter().filter(|datagram| datagram.protocol == EAPOL) {
        let frame = [&[0; 12][..], &EAPOL.to_be_bytes(), &datagram.body].concat();
        for word in [0, 0, frame.len() as u32, frame.len() as u32] {
            capture.extend(word.to_le_bytes());
        }
        capture.extend(frame);
    }
    let file = scratch("interop").join(format!("{name}-{}.pcap", std::process::id()));
    std::fs::write(&file, capture).expect("a capture");
    let mut tshark = Command::new("tshark");
    tshark.arg("-r").arg(&file).args(["-T", "fields", "-E", "separator=,"]);
    let fields = [
        "eapol.version",
        "eapol.type",
        "eapol.len",
        "eap.code",
        "eap.len",
        "eap.type",
        "eap.identity",
        "_ws.malformed",
    ];
    for field in fields {
        tshark.args(["-e", field]);
    }
    let lines = filter(tshark, &[]);
    lines.lines().map(|line| line.split(',').map(str::to_owned).collect()).collect()
}

#[test]
fn login_of_ours_is_dissected_by_others() {
    let recording = record(Mode::MAIN.login(), ours(), debian());
    let frames = dissected("caller", &of_ours(&recording, Direction::Forward));
    // It is repeated until a peer that does not know us yet takes notice.
    let start = ["1", "0", "", "", "", "", ""];
    let starts = frames.iter().take_while(|frame| frame[1..] == start).count();
    assert!(starts > 0, "a start without a body: {frames:?}");
    // Acknowledged as version 2, which is what libRIST 0.2.7 speaks.
    let expected = [
        ["0", "9", "2", "9", "1", "rist", ""],
        ["0", "262", "2", "262", "19", "", ""],
        ["0", "42", "2", "42", "19", "", ""],
        ["0", "6", "2", "6", "19", "", ""],
    ];
    for (frame, expected) in frames[starts..].iter().zip(expected) {
        assert_eq!(frame[1..], expected);
    }
    assert!(frames.len() >= starts + expected.len(), "{frames:?}");
}

#[test]
fn request_to_log_in_of_ours_is_dissected_by_others() {
    let recording = record(Mode::MAIN.login(), debian(), ours());
    let answers: Vec<_> = recording.iter().filter(|(way, _)| *way == Direction::Return).cloned().collect();
    let frames = dissected("listener", &of_ours(&answers, Direction::Return));
    let lengths: Vec<_> = frames.iter().map(|frame| frame[2].as_str()).take(4).collect();
    assert_eq!(lengths, ["5", "44", "262", "42"], "identity, challenge, server key, server validator");
    for frame in &frames {
        assert_eq!((&frame[1], &frame[2], &frame[7]), (&"0".to_owned(), &frame[4], &String::new()), "{frame:?}");
    }
}
