//! The caller with the private exponent of the captures sends what was sent to libRIST then.

use super::world::*;
use crate::crypto::srp::Padding;
use crate::crypto::testing::{file, hex, values};
use crate::protocol::auth::*;

/// Frames without GRE header; the first octet of the line tells whether there is a sequence number.
fn frames(name: &str) -> Vec<Vec<u8>> {
    file(&format!("{name}.hex"))
        .lines()
        .map(|line| hex(if line.starts_with("10") { &line[16..] } else { &line[8..] }))
        .collect()
}

/// Whether a frame is the listener's: a request, but not the one for a passphrase, and its response.
fn from_listener(frame: &[u8]) -> bool {
    let passphrase = frame.get(9) == Some(&0x10);
    frame[1] == 0 && frame[4] == if passphrase { 2 } else { 1 }
}

/// The caller's first private exponent is the known one: its first 32 octets are all that counts.
fn known_entropy() -> Entropy {
    let private = values("srp-2048-std-padded")["a"].clone();
    Entropy::new(move |octets| {
        octets.fill(0);
        let count = octets.len().min(private.len());
        octets[..count].copy_from_slice(&private[..count]);
        true
    })
}

#[test]
fn a_caller_answers_as_the_captured_one_did() {
    let captures = [
        ("eap-known-a-027", 2),
        ("eap-known-a-0212-v2", 2),
        ("eap-known-a-0212-v3", 3),
        ("eap-known-a-0212-v3-secret", 3),
    ];
    for (name, version) in captures {
        let ours = AuthSettings { version, ..settings(Padding::Unpadded, None) };
        let mut auth = Auth::new(caller("rist", "mainprofile"), Arc::new(ours));
        let mut entropy = known_entropy();
        let now = start_time();
        auth.start(now, &mut entropy);
        let (mut sent, mut received) = (Vec::new(), Vec::new());
        let mut captured: Vec<Vec<u8>> = frames(name);
        // The last frames of 0.2.7: its success, and the request three seconds later.
        captured.truncate(12);
        let end = captured.iter().position(|frame| frame[1] == 0 && frame[4] == 3 && frame[5] == 0x81);
        captured.truncate(end.unwrap_or(captured.len()));
        let mut drain = |auth: &mut Auth, entropy: &mut Entropy| {
            loop {
                match auth.poll_output() {
                    Some(AuthOutput::Send(frame)) => sent.push(frame),
                    Some(AuthOutput::Compute { id, job }) => auth.computed(now, entropy, id, job.run()),
                    Some(AuthOutput::ReceiveKey(secret) | AuthOutput::PeerSecret(secret)) => received.push(secret),
                    Some(_) => {}
                    None => break,
                }
            }
        };
        drain(&mut auth, &mut entropy);
        for frame in captured.iter().filter(|frame| from_listener(frame)) {
            auth.handle(now, &mut entropy, frame);
            drain(&mut auth, &mut entropy);
            if auth.poll_timeout().is_some_and(|at| at <= now) {
                auth.handle_timeout(now, &mut entropy);
                drain(&mut auth, &mut entropy);
            }
        }
        let expected: Vec<&Vec<u8>> = captured.iter().filter(|frame| !from_listener(frame)).collect();
        assert_eq!(sent.iter().collect::<Vec<_>>(), expected, "{name}");
        assert!(auth.is_authenticated(), "{name}");
        let key = values(&format!("{name}.values"))["K"].clone();
        match name {
            "eap-known-a-0212-v3" => assert_eq!(received, [Secret::new(&key)]),
            "eap-known-a-0212-v3-secret" => assert_eq!(received, [Secret::new(b"mypassphrase")]),
            _ => assert!(received.is_empty()),
        }
    }
}

/// libRIST 0.2.12 and 0.2.7, asked with a wrong password.
#[test]
fn a_captured_failure_is_understood() {
    for name in ["eap-wrong-password-0212", "eap-wrong-password-027"] {
        let version = if name.ends_with("027") { 2 } else { 3 };
        let ours = AuthSettings { version, ..settings(Padding::Unpadded, None) };
        let mut auth = Auth::new(caller("rist", "wrong"), Arc::new(ours));
        let mut entropy = known_entropy();
        let now = start_time();
        auth.start(now, &mut entropy);
        let mut failed = Vec::new();
        for frame in frames(name) {
            if !(from_listener(&frame) || frame.get(4) == Some(&4)) {
                continue;
            }
            auth.handle(now, &mut entropy, &frame);
            while let Some(output) = auth.poll_output() {
                match output {
                    AuthOutput::Compute { id, job } => auth.computed(now, &mut entropy, id, job.run()),
                    AuthOutput::Failed(text) => failed.push(text),
                    _ => {}
                }
            }
        }
        assert!(failed.len() == 1 && failed[0].contains("wrong user name or password"), "{name}: {failed:?}");
        assert!(!auth.is_authenticated());
    }
}
