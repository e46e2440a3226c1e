//! What strangers send.

use super::world::*;
use crate::crypto::srp::Padding;
use crate::protocol::auth::*;
use crate::protocol::time::Span;
use crate::wire::eap::{Challenge, Eap, Message, Passphrase, Validator};
use crate::wire::eapol::{self, Body, Frame};

fn eap(version: u8, identifier: u8, message: Message) -> Vec<u8> {
    let mut out = Vec::new();
    eapol::write(&mut out, &Frame { version, body: Body::Eap(Eap { identifier, message }) });
    out
}

/// Every kind of frame, with an identifier.
fn forgeries(version: u8, identifier: u8) -> Vec<Vec<u8>> {
    let proof = [0x33; 32];
    let validator = || Validator { use_key: true, proof: &proof };
    let messages = [
        Message::IdentityRequest,
        Message::IdentityResponse(b"mallory"),
        Message::Challenge(Challenge { name: b"", salt: &[1; 32], group: None }),
        Message::ClientKey(&[2; 256]),
        Message::ServerKey(&[3; 256]),
        Message::ClientValidator(validator()),
        Message::ServerValidator(validator()),
        Message::ValidatorAcknowledged,
        Message::PassphraseRequest,
        Message::PassphraseResponse(Passphrase { flags: 0x40, sealed: &[7; 40] }),
        Message::PassphraseResponse(Passphrase { flags: 0x80, sealed: &[] }),
        Message::Success { long: false },
        Message::Success { long: true },
        Message::Failure,
    ];
    let mut frames: Vec<_> = messages.into_iter().map(|message| eap(version, identifier, message)).collect();
    frames.push(vec![version, 1, 0, 0]);
    frames.push(vec![version, 2, 0, 0]);
    frames
}

/// Any forgery with any identifier, once both are in.
#[test]
fn a_login_in_force_survives_every_forgery() {
    for version in [2, 3, 4] {
        let mut world = World::usual(40);
        world.start();
        world.log_in(1000).expect("both are in");
        world.run(5000);
        let keys = (world.heard[LISTENER].transmit.clone(), world.heard[CALLER].receive.clone());
        let jobs = [CALLER, LISTENER].map(|side| world.heard[side].jobs);
        for identifier in 0..=255 {
            for frame in forgeries(version, identifier) {
                if matches!(frame[1], 1) {
                    continue;
                }
                for side in [CALLER, LISTENER] {
                    let before = world.heard[side].sent.len();
                    world.inject(side, &frame);
                    assert!(world.heard[side].sent.len() <= before + 1);
                }
            }
            world.run(20);
            assert!(world.both_in());
        }
        world.run(5000);
        assert!(world.both_in() && world.heard.iter().all(|heard| heard.lost == 0));
        assert_eq!((&world.heard[LISTENER].transmit, &world.heard[CALLER].receive), (&keys.0, &keys.1));
        let more = [CALLER, LISTENER].map(|side| world.heard[side].jobs - jobs[side]);
        assert!(more[LISTENER] == 0 && more[CALLER] < 60, "{more:?}");
    }
}

/// Starts are welcome at any time, but make nobody lose anything.
#[test]
fn a_storm_of_starts_changes_no_login() {
    let mut world = World::usual(41);
    world.start();
    world.log_in(1000).expect("both are in");
    for _ in 0..1000 {
        world.inject(LISTENER, &[3, 1, 0, 0]);
        world.run(10);
    }
    world.run(2000);
    assert!(world.both_in() && world.heard.iter().all(|heard| heard.lost == 0 && heard.failed.is_empty()));
    assert!(world.heard[LISTENER].authenticated.len() <= 12);
    assert_eq!(world.heard[LISTENER].transmit.last(), world.heard[CALLER].receive.last());
}

/// A stranger that cannot see the identifiers, at any moment of the login.
#[test]
fn forgeries_during_a_login_do_not_hinder_it() {
    let mut hindered = 0;
    for seed in seeds(300) {
        let mut world = World::usual(seed);
        world.start();
        let mut random = Random::new(seed);
        let mut took = None;
        for step in 0..100 {
            world.run(1 + random.below(3) as u32);
            let frames = forgeries(2 + random.below(3) as u8, random.next() as u8);
            let frame = &frames[random.below(frames.len() as u64) as usize];
            world.inject(random.below(2) as usize, frame);
            if took.is_none() && world.both_in() {
                took = Some(step);
            }
        }
        hindered += u32::from(!world.both_in());
        assert!(world.both_in() || world.log_in(5000).is_some(), "seed {seed}");
    }
    // One in 256 guesses the identifier, and then may break off the attempt.
    assert!(hindered < 15, "{hindered} of 300");
}

#[test]
fn a_thousand_names_a_second_cost_little() {
    let mut world = World::usual(42);
    world.start();
    world.run(1);
    for round in 0..3000u32 {
        world.inject(LISTENER, &eap(3, round as u8, Message::IdentityResponse(b"rist")));
        world.inject(LISTENER, &eap(3, round as u8, Message::ClientKey(&[2; 256])));
        world.inject(
            LISTENER,
            &eap(3, round as u8, Message::ClientValidator(Validator { use_key: false, proof: &[1; 32] })),
        );
        world.now += Span::from_millis(1);
    }
    assert!(world.heard[LISTENER].jobs < 30, "{} calculations", world.heard[LISTENER].jobs);
}

#[test]
fn a_server_key_or_proof_out_of_the_blue_is_ignored() {
    let mut auth = Auth::new(caller("rist", "mainprofile"), Arc::new(settings(Padding::Padded, None)));
    let mut random = entropy(43);
    for identifier in 0..=255 {
        for frame in forgeries(3, identifier) {
            if frame[4..].len() > 4 && frame[4] == 1 && frame[8] == 1 {
                continue;
            }
            auth.handle(start_time(), &mut random, &frame);
            assert!(auth.poll_output().is_none());
        }
    }
}

#[test]
fn arbitrary_octets_never_panic() {
    let mut random = Random::new(44);
    for round in 0..200 {
        let mut world = World::usual(round);
        world.start();
        for _ in 0..60 {
            let side = random.below(2) as usize;
            // A real frame with some octets changed, or noise.
            let sent = &world.heard[1 - side].sent;
            let mut frame = match random.below(4) {
                0 => (0..random.below(80)).map(|_| random.next() as u8).collect(),
                _ if sent.is_empty() => Vec::new(),
                _ => sent[random.below(sent.len() as u64) as usize].clone(),
            };
            for _ in 0..random.below(4) {
                if !frame.is_empty() {
                    let index = random.below(frame.len() as u64) as usize;
                    frame[index] = random.next() as u8;
                }
            }
            frame.truncate(frame.len().saturating_sub(random.below(3) as usize));
            world.inject(side, &frame);
            world.run(random.below(40) as u32);
        }
    }
}
