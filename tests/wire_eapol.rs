//! Captured logins in, messages out, and the same octets back; then the same frames cut and mutated.

use rist::wire::Error;
use rist::wire::eap::{Challenge, Eap, Message, Passphrase, Validator};
use rist::wire::eapol::{Body, Frame, decode, write};

const CAPTURES: &[&str] = &[
    "eap-027",
    "eap-0212-nosecret",
    "eap-0212-secret",
    "eap-known-a-027",
    "eap-known-a-0212-v2",
    "eap-known-a-0212-v3",
    "eap-known-a-0212-v3-secret",
    "eap-wrong-password-0212",
    "eap-wrong-password-027",
];

fn unhex(line: &str) -> Vec<u8> {
    let digits = |pair: &[u8]| u8::from_str_radix(std::str::from_utf8(pair).unwrap(), 16).unwrap();
    line.trim().as_bytes().chunks(2).map(digits).collect()
}

/// The frames of a capture, without the GRE header.
fn frames(name: &str) -> Vec<Vec<u8>> {
    let path = format!("{}/tests/vectors/{name}.hex", env!("CARGO_MANIFEST_DIR"));
    let text = std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{path}: {error}"));
    let frame = |line: &str| {
        let packet = unhex(line);
        assert_eq!(packet[2..4], [0x88, 0x8e], "{line}");
        let header = if packet[0] & 0x10 != 0 { 8 } else { 4 };
        packet[header..].to_vec()
    };
    text.lines().map(frame).collect()
}

fn encoded(frame: &Frame) -> Vec<u8> {
    let mut out = Vec::new();
    write(&mut out, frame);
    out
}

#[test]
fn captured_frames_come_out_as_they_went_in() {
    for name in CAPTURES {
        for frame in frames(name) {
            let decoded = decode(&frame).unwrap_or_else(|error| panic!("{name}: {error:?} in {frame:02x?}"));
            let mut again = encoded(&decoded);
            if decoded.body == Body::Start {
                // We send length 0, as TR-06-2 says; libRIST 0.2.12 sends 4.
                assert_eq!(again, [frame[0], 1, 0, 0]);
                again[3] = frame[3];
            }
            assert_eq!(again, frame, "{name}");
        }
    }
}

#[test]
fn a_captured_login_is_understood() {
    let frames = frames("eap-known-a-0212-v3-secret");
    let decoded: Vec<Frame> = frames.iter().map(|frame| decode(frame).unwrap()).collect();
    assert!(decoded.iter().all(|frame| frame.version == 3));
    let eap = |index: usize| match &decoded[index].body {
        Body::Eap(eap) => (eap.identifier, &eap.message),
        other => panic!("{other:?}"),
    };
    assert_eq!(decoded[0].body, Body::Start);
    let (first, request) = eap(1);
    assert_eq!(*request, Message::IdentityRequest);
    assert_eq!(eap(2), (first, &Message::IdentityResponse(b"rist")));
    let (id, Message::Challenge(Challenge { name: [], salt, group: None })) = eap(3) else { panic!("{:?}", eap(3)) };
    assert_eq!((id, salt.len()), (first.wrapping_add(1), 32));
    assert!(matches!(eap(4), (_, Message::ClientKey(key)) if key.len() == 256));
    assert!(matches!(eap(5), (_, Message::ServerKey(key)) if key.len() == 256));
    assert!(matches!(eap(6), (_, Message::ClientValidator(Validator { use_key: false, .. }))));
    assert!(matches!(eap(7), (_, Message::ServerValidator(Validator { use_key: false, .. }))));
    assert_eq!(eap(8), (first.wrapping_add(3), &Message::Success { long: true }));
    assert_eq!(eap(9), (0xc1, &Message::PassphraseRequest));
    assert!(
        matches!(eap(10), (0xc1, Message::PassphraseResponse(Passphrase { flags: 0x40, sealed })) if sealed.len() == 12)
    );
    assert_eq!(eap(11), (0xc1, &Message::Success { long: false }));
}

#[test]
fn a_named_group_is_carried() {
    let (generator, modulus) = ([5], [0xff; 128]);
    let challenge = Challenge { name: b"server", salt: &[1; 16], group: Some((&generator, &modulus)) };
    let frame = Frame { version: 4, body: Body::Eap(Eap { identifier: 9, message: Message::Challenge(challenge) }) };
    let octets = encoded(&frame);
    assert_eq!(decode(&octets), Ok(frame));
    // A generator without a modulus, and the other way round.
    let lone = unhex("030000110101001113010000000401020304000105");
    assert_eq!(decode(&lone), Err(Error::Malformed));
    let lone = unhex("030000110101001113010000000401020304000005");
    assert_eq!(decode(&lone), Err(Error::Malformed));
}

#[test]
fn lengths_must_agree() {
    let identity = unhex("0300000901120009017269737 4".replace(' ', "").as_str());
    assert!(decode(&identity).is_ok());
    let mut padded = identity.clone();
    padded.extend_from_slice(&[0; 20]);
    assert_eq!(decode(&padded), decode(&identity));
    for (octet, value) in [(3, 8), (3, 10), (7, 8), (7, 10), (6, 1), (2, 1)] {
        let mut changed = identity.clone();
        changed[octet] = value;
        assert!(decode(&changed).is_err(), "octet {octet} = {value}");
        changed.extend_from_slice(&[0; 600]);
        assert!(decode(&changed).is_err(), "octet {octet} = {value}, padded");
    }
    for (start, good) in [("03010000", true), ("03010004", true), ("0301000400000000", true), ("03010005", false)] {
        assert_eq!(decode(&unhex(start)).is_ok(), good, "{start}");
    }
    assert!(matches!(decode(&unhex("02020000")), Ok(Frame { version: 2, body: Body::Logoff })));
}

#[test]
fn fields_are_bounded() {
    let identity = |name: &[u8]| {
        let length = (5 + name.len()) as u16;
        let mut frame = vec![3, 0];
        frame.extend_from_slice(&length.to_be_bytes());
        frame.extend_from_slice(&[2, 7]);
        frame.extend_from_slice(&length.to_be_bytes());
        frame.push(1);
        frame.extend_from_slice(name);
        decode(&frame).is_ok()
    };
    assert!(identity(b"r") && identity(&[b'r'; 255]));
    assert!(!identity(b"") && !identity(&[b'r'; 256]) && !identity(b"ri\0st"));

    let client_key = |length: usize| {
        let key = vec![1; length];
        let frame = Frame { version: 3, body: Body::Eap(Eap { identifier: 1, message: Message::ClientKey(&key) }) };
        decode(&encoded(&frame)).is_ok()
    };
    assert!(client_key(1) && client_key(256) && client_key(1024));
    assert!(!client_key(0) && !client_key(1025));
}

#[test]
fn cut_and_mutated_frames_do_no_harm() {
    for name in CAPTURES {
        for frame in frames(name) {
            for length in 0..frame.len() {
                assert!(decode(&frame[..length]).is_err() || frame[1] == 1);
            }
            for index in 0..frame.len().min(60) {
                for value in [0, 1, 0x7f, 0x80, 0xff] {
                    let mut changed = frame.clone();
                    changed[index] = value;
                    if let Ok(decoded) = decode(&changed) {
                        let again = encoded(&decoded);
                        assert_eq!(decode(&again), Ok(decoded));
                    }
                }
            }
        }
    }
}
