//! One forged or misplaced frame each, and what must not come of it.

use super::world::*;
use crate::crypto::eap_passphrase::{Direction, Sealer, apply_counter_mode};
use crate::crypto::psk::KeySize;
use crate::crypto::secret::Secret;
use crate::crypto::srp::Padding;
use crate::crypto::srp_group::Group;
use crate::protocol::auth::*;
use crate::wire::eap::{Challenge, Eap, Message, Passphrase};
use crate::wire::eapol::{self, Body, Frame};
use std::collections::BTreeSet;

fn eap(version: u8, identifier: u8, message: Message) -> Vec<u8> {
    let mut out = Vec::new();
    eapol::write(&mut out, &Frame { version, body: Body::Eap(Eap { identifier, message }) });
    out
}

/// Both in; passphrases as told, and the key of the login where the listener has none.
fn both_in(seed: u64, version: u8, secrets: [Option<&str>; 2]) -> World {
    let with = |secret| AuthSettings { version, ..settings(Padding::Padded, secret) };
    let mut world = World::new(seed, [caller("rist", "mainprofile"), listener()], secrets.map(with));
    world.start();
    world.log_in(1000).expect("both are in");
    world.run(5000);
    world
}

fn sent_since(world: &World, side: usize, before: usize) -> &[Vec<u8>] {
    &world.heard[side].sent[before..]
}

#[test]
fn an_answer_with_another_identifier_does_not_stop_a_push() {
    for version in [3, 4] {
        let mut world = both_in(60, version, [Some("old"), Some("old")]);
        world.network = Box::new(|_, _, _| vec![]);
        let before = world.heard[LISTENER].sent.len();
        let new = Secret::new(b"new");
        world.act(LISTENER, |auth, now, entropy| auth.update_secret(now, entropy, &new));
        let pushed = sent_since(&world, LISTENER, before)[0][5];
        for identifier in (0..=255).filter(|identifier| *identifier != pushed) {
            world.inject(LISTENER, &eap(version, identifier, Message::Success { long: false }));
            world.inject(LISTENER, &eap(version, identifier, Message::Failure));
        }
        assert_eq!(world.heard[LISTENER].acknowledged, 0);
        world.run(600);
        assert_eq!(sent_since(&world, LISTENER, before).len(), 2, "it is repeated");
        world.inject(LISTENER, &eap(version, pushed, Message::Success { long: false }));
        assert_eq!(world.heard[LISTENER].acknowledged, 1);
        world.run(5000);
        assert_eq!(sent_since(&world, LISTENER, before).len(), 2);
    }
}

/// The counter of the nonces begins anew with each login, and so must the key: what waited is sealed again.
#[test]
fn a_push_that_a_login_overtakes_is_sealed_again() {
    let mut world = both_in(61, 4, [Some("old"), Some("old")]);
    world.network = Box::new(|_, _, _| vec![]);
    let before = world.heard[LISTENER].sent.len();
    let new = Secret::new(b"new");
    world.act(LISTENER, |auth, now, entropy| auth.update_secret(now, entropy, &new));
    world.run(700);
    let old: BTreeSet<_> = sent_since(&world, LISTENER, before).iter().map(|frame| frame[10..].to_vec()).collect();
    assert_eq!(old.len(), 1);
    world.network = Box::new(|_, _, _| vec![DELAY]);
    world.replace(CALLER, caller("rist", "mainprofile"), settings(Padding::Padded, Some("old")));
    let again = world.heard[LISTENER].sent.len();
    world.run(5000);
    let is_push = |frame: &&Vec<u8>| {
        let Ok(Frame { body: Body::Eap(eap), .. }) = eapol::decode(frame) else { return false };
        matches!(eap.message, Message::PassphraseResponse(_))
    };
    let pushes: Vec<_> = sent_since(&world, LISTENER, again).iter().filter(is_push).collect();
    let logged_in = world.heard[LISTENER].authenticated.last().map(|(at, _)| *at);
    assert!(!pushes.is_empty() && logged_in.is_some());
    // Those of the old key that were still repeated, and those of the new one, which nothing has in common.
    assert!(pushes.iter().any(|push| !old.contains(&push[10..])), "sealed again");
    assert_eq!((world.heard[LISTENER].acknowledged, world.heard[CALLER].receive.last()), (1, Some(&new)));
}

#[test]
fn a_passphrase_of_129_octets_is_refused_aloud() {
    for version in [3, 4] {
        let mut world = both_in(62, version, [None, None]);
        let key = world.heard[LISTENER].transmit[0].clone();
        for (length, welcome) in [(128, true), (129, false)] {
            let (text, flags) = (Secret::new(&vec![b'p'; length]), Passphrase::LONG_KEY);
            let identifier = 0x80 + length as u8 % 2;
            let sealed = match version {
                4 => {
                    let mut sealer = Sealer::new(&key, Direction::ToClient);
                    // A nonce that was not there yet.
                    (0..length).filter_map(|_| sealer.seal(identifier, flags, &text)).last().expect("a nonce is left")
                }
                _ => apply_counter_mode(&key, KeySize::Aes256, identifier, text.octets()).to_vec(),
            };
            let before = (world.heard[CALLER].sent.len(), world.heard[CALLER].receive.len());
            let message = Message::PassphraseResponse(Passphrase { flags, sealed: &sealed });
            world.inject(CALLER, &eap(version, identifier, message));
            let answers = sent_since(&world, CALLER, before.0);
            let taken = world.heard[CALLER].receive.len() - before.1;
            if version == 4 && !welcome {
                // What is longer than that is no passphrase: it is not even opened.
                assert!(taken == 0 && answers.iter().all(|answer| answer[4] == 4), "{answers:?}");
                continue;
            }
            let code = if welcome { 3 } else { 4 };
            assert_eq!((answers.len(), answers[0][4], taken), (1, code, usize::from(welcome)), "{version} {length}");
        }
    }
}

#[test]
fn nobody_is_told_a_passphrase_before_the_login() {
    let mut world = World::usual(63);
    for version in [3, 4] {
        for identifier in 0..=255 {
            for side in [CALLER, LISTENER] {
                for sealed in [&[][..], &[7; 20], &[0; 40]] {
                    for flags in [0x40, 0x80, 0xc0] {
                        let message = Message::PassphraseResponse(Passphrase { flags, sealed });
                        world.inject(side, &eap(version, identifier, message));
                    }
                }
                world.inject(side, &eap(version, identifier, Message::PassphraseRequest));
            }
        }
    }
    for heard in &world.heard {
        assert!(heard.receive.is_empty() && heard.transmit.is_empty() && heard.sent.is_empty());
    }
}

/// Under version 3 nothing tells noise from a passphrase, except that somebody asked.
#[test]
fn a_passphrase_that_nobody_asked_for_is_not_taken_for_an_answer() {
    let mut world = both_in(64, 3, [None, Some("theirs")]);
    let known = (world.heard[CALLER].receive.clone(), world.heard[LISTENER].receive.clone());
    for identifier in 0..=255 {
        for side in [CALLER, LISTENER] {
            let message = Message::PassphraseResponse(Passphrase { flags: 0x40, sealed: &[0xaa; 32] });
            world.inject(side, &eap(3, identifier, message));
        }
    }
    assert_eq!((&known.0, &known.1), (&world.heard[CALLER].receive, &world.heard[LISTENER].receive));
}

/// libRIST before 0.2.16 remembered the identifier of any request, and believed the failure that followed it.
#[test]
fn a_failure_counts_only_for_what_was_answered() {
    let mut world = World::usual(65);
    world.network = Box::new(|_, _, _| vec![]);
    world.start();
    for identifier in 0..=255 {
        // No challenge: nobody was asked before, the lengths are wrong, the code is.
        let challenge = Challenge { name: b"", salt: &[1; 32], group: None };
        world.inject(CALLER, &eap(3, identifier, Message::Challenge(challenge)));
        world.inject(CALLER, &[3, 0, 0, 6, 1, identifier, 0, 6, 0x13, 0x01]);
        world.inject(CALLER, &[3, 0, 0, 5, 1, identifier, 0, 9, 1]);
        world.inject(CALLER, &eap(3, identifier, Message::ServerKey(&[3; 256])));
        world.inject(CALLER, &eap(3, identifier, Message::Failure));
    }
    world.run(1000);
    assert!(world.heard[CALLER].failed.is_empty(), "{:?}", world.heard[CALLER].failed);
    world.network = Box::new(|_, _, _| vec![DELAY]);
    assert!(world.log_in(3000).is_some());
}

#[test]
fn failures_in_a_stream_cause_few_starts() {
    let mut world = World::usual(66);
    world.network = Box::new(|_, _, _| vec![]);
    world.act(CALLER, |auth, now, entropy| auth.start(now, entropy));
    for round in 0..10_000u32 {
        // Each is preceded by a question, so that some are believed.
        let identifier = round as u8;
        world.inject(CALLER, &eap(3, identifier, Message::IdentityRequest));
        world.inject(CALLER, &eap(3, identifier, Message::Failure));
        world.run(3);
    }
    let starts = world.heard[CALLER].sent.iter().filter(|frame| frame[1] == 1).count();
    assert!(starts <= 20, "{starts} starts in half a minute");
    // Whoever is behind the address is let in once the storm is over.
    world.network = Box::new(|_, _, _| vec![DELAY]);
    assert!(world.log_in(60_000).is_some());
}

#[test]
fn a_storm_of_questions_for_the_name_is_answered_five_times_a_second() {
    for logged_in in [false, true] {
        let mut world = World::usual(67);
        if logged_in {
            world.start();
            world.log_in(1000).expect("both are in");
        }
        world.network = Box::new(|_, _, _| vec![]);
        let before = world.heard[CALLER].sent.len();
        for round in 0..5000u32 {
            world.inject(CALLER, &eap(3, round as u8, Message::IdentityRequest));
            world.run(1);
        }
        let names = sent_since(&world, CALLER, before).iter().filter(|frame| frame[4..].first() == Some(&2)).count();
        // With the repetitions of the last answer.
        assert!(names <= 5 * 5 + 3 + 20, "{names} answers in five seconds");
        assert_eq!(world.heard[CALLER].lost, 0);
    }
}

#[test]
fn a_listener_tells_no_name_and_a_caller_asks_for_none() {
    let mut world = World::usual(68);
    world.network = Box::new(|_, _, _| vec![]);
    world.start();
    let before = [CALLER, LISTENER].map(|side| world.heard[side].sent.len());
    for identifier in 0..=255 {
        world.inject(LISTENER, &eap(3, identifier, Message::IdentityRequest));
        world.inject(CALLER, &eap(3, identifier, Message::IdentityResponse(b"rist")));
    }
    assert_eq!([CALLER, LISTENER].map(|side| world.heard[side].sent.len()), before);
    assert_eq!(world.heard[LISTENER].jobs + world.heard[CALLER].jobs, 0);
}

#[test]
fn the_first_identifier_can_not_be_guessed() {
    let mut seen = BTreeSet::new();
    for seed in 0..400 {
        let mut world = World::usual(seed);
        world.act(LISTENER, |auth, now, entropy| auth.start(now, entropy));
        seen.insert(world.heard[LISTENER].sent[0][5]);
    }
    // Of 256, 400 draws leave about 54 untouched.
    assert!(seen.len() > 170, "{} identifiers", seen.len());
}

/// RFC 5054 §3.1 wants 256 bits; longer groups get more.
#[test]
fn private_numbers_have_256_bits_at_least() {
    for (number, octets) in [(2, 32), (3, 32), (4, 64), (5, 128)] {
        let group = Group::numbered(number).expect("a number of libRIST");
        let mut random = entropy(69);
        let mut turn = Turn { now: start_time(), entropy: &mut random, out: &mut Outbox::default() };
        let private = turn.private(group.exponent_octets()).expect("randomness");
        assert_eq!(private.octets().len(), octets);
    }
    let mut none = Entropy::new(|_| false);
    let mut turn = Turn { now: start_time(), entropy: &mut none, out: &mut Outbox::default() };
    assert!(turn.private(32).is_none());
}

/// libRIST before 0.2.15 wrote its answer into the buffer that the frame was in.
#[test]
fn a_frame_is_not_changed_by_being_read() {
    let mut world = World::usual(70);
    world.start();
    world.log_in(1000).expect("both are in");
    let frames: Vec<_> = world.heard.iter().flat_map(|heard| heard.sent.clone()).collect();
    for frame in frames {
        let copy = frame.clone();
        for side in [CALLER, LISTENER] {
            world.inject(side, &frame);
        }
        assert_eq!(frame, copy);
    }
}
