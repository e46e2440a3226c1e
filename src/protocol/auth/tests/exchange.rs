//! Passphrases under the key of a login.

use super::world::*;
use crate::crypto::secret::Secret;
use crate::crypto::srp::Padding;
use crate::protocol::auth::*;
use crate::protocol::time::Span;

fn world(seed: u64, version: u8, secrets: [Option<&str>; 2]) -> World {
    let with = |secret| AuthSettings { version, ..settings(Padding::Padded, secret) };
    let mut world = World::new(seed, [caller("rist", "mainprofile"), listener()], secrets.map(with));
    world.start();
    world.log_in(1000).expect("both are in");
    world.run(5000);
    world
}

#[test]
fn each_side_learns_the_passphrase_of_the_other() {
    for version in [3, 4] {
        let both = world(30, version, [Some("ours"), Some("theirs")]);
        assert_eq!(both.heard[CALLER].receive, [Secret::new(b"theirs")]);
        assert!(both.heard[LISTENER].transmit.is_empty());

        let mut caller_only = world(31, version, [Some("ours"), None]);
        assert!(caller_only.heard[LISTENER].receive.is_empty());
        for _ in 0..100 {
            caller_only.act(LISTENER, |auth, now, _| auth.ask_secret(now));
            caller_only.run(1);
        }
        assert_eq!(caller_only.heard[LISTENER].receive, [Secret::new(b"ours")]);
        assert_eq!(caller_only.heard[LISTENER].transmit.len(), 1);
        assert_eq!(caller_only.heard[CALLER].receive, caller_only.heard[LISTENER].transmit);

        let mut none = world(32, version, [None, None]);
        none.act(LISTENER, |auth, now, _| auth.ask_secret(now));
        none.run(10_000);
        assert!(none.heard[LISTENER].receive.is_empty(), "the caller sends in clear");
    }
}

#[test]
fn a_new_passphrase_is_pushed_until_acknowledged() {
    for version in [3, 4] {
        for side in [CALLER, LISTENER] {
            let mut world = world(33, version, [Some("old"), Some("old")]);
            let mut lost = 2;
            world.network = Box::new(move |_, _, _| {
                lost -= i32::from(lost > 0);
                if lost > 0 { vec![] } else { vec![DELAY] }
            });
            let new = Secret::new(b"a new passphrase");
            world.act(side, |auth, now, entropy| auth.update_secret(now, entropy, &new));
            assert_eq!(world.heard[side].acknowledged, 0);
            world.run(3000);
            assert_eq!(world.heard[side].acknowledged, 1, "version {version}, side {side}");
            assert_eq!(world.heard[1 - side].receive.last(), Some(&new));
            let newer = Secret::new(b"a newer one");
            world.act(side, |auth, now, entropy| auth.update_secret(now, entropy, &newer));
            world.run(3000);
            assert_eq!((world.heard[side].acknowledged, world.heard[1 - side].receive.last()), (2, Some(&newer)));
        }
    }
}

#[test]
fn a_push_that_nobody_hears_ends() {
    let mut world = world(34, 4, [Some("old"), Some("old")]);
    world.network = Box::new(|_, _, _| vec![]);
    let before = world.heard[LISTENER].sent.len();
    let new = Secret::new(b"new");
    world.act(LISTENER, |auth, now, entropy| auth.update_secret(now, entropy, &new));
    world.run(20_000);
    assert_eq!(world.heard[LISTENER].sent.len() - before, 6);
    assert_eq!((world.heard[LISTENER].acknowledged, world.heard[LISTENER].notes.len()), (0, 1));
    // The same octets each time: a nonce is never used for two texts.
    assert!(world.heard[LISTENER].sent[before..].windows(2).all(|pair| pair[0] == pair[1]));
}

#[test]
fn without_anybody_to_tell_a_passphrase_is_simply_used() {
    let mut world = World::usual(35);
    let new = Secret::new(b"new");
    world.act(LISTENER, |auth, now, entropy| auth.update_secret(now, entropy, &new));
    assert_eq!(world.heard[LISTENER].acknowledged, 1);
    world.start();
    world.log_in(1000).expect("both are in");
    world.run(1000);
    assert_eq!(world.heard[CALLER].receive, [new]);
    assert!(world.heard[LISTENER].transmit.is_empty());
}

#[test]
fn a_login_during_a_push_pushes_anew() {
    let mut world = world(36, 4, [Some("old"), Some("old")]);
    world.network = Box::new(|_, _, _| vec![]);
    let new = Secret::new(b"new");
    world.act(LISTENER, |auth, now, entropy| auth.update_secret(now, entropy, &new));
    world.run(600);
    world.network = Box::new(|_, _, _| vec![DELAY]);
    world.replace(CALLER, caller("rist", "mainprofile"), settings(Padding::Padded, Some("old")));
    world.run_until(Span::from_millis(3000), |world| world.heard[LISTENER].acknowledged == 1);
    assert_eq!(world.heard[LISTENER].acknowledged, 1);
    assert_eq!(world.heard[CALLER].receive.last(), Some(&new));
}

/// The passphrase is sealed in version 4; its frame in the form of version 3 must not be read.
#[test]
fn version_4_refuses_what_version_3_sends() {
    let mut world = world(37, 4, [None, Some("theirs")]);
    let known = world.heard[CALLER].receive.len();
    let sent = world.heard[CALLER].sent.len();
    let push = [3, 0, 0, 0x0b, 2, 0x00, 0, 0x0b, 0x13, 0x10, 0x40, b'f', b'o', b'u', b'r'];
    let use_key = [3, 0, 0, 7, 2, 0x00, 0, 7, 0x13, 0x10, 0x80];
    for frame in [&push[..], &use_key] {
        world.inject(CALLER, frame);
    }
    assert_eq!((world.heard[CALLER].receive.len(), world.heard[CALLER].sent.len()), (known, sent));
}

/// Two passphrases under one key stream would show their difference to whoever recorded both.
#[test]
fn no_key_stream_serves_two_passphrases() {
    let mut world = world(38, 3, [None, Some("theirs")]);
    let question = |identifier: u8| [3, 0, 0, 6, 1, identifier, 0, 6, 0x13, 0x10];
    let answers = |world: &mut World, identifier| {
        let before = world.heard[LISTENER].sent.len();
        world.inject(LISTENER, &question(identifier));
        world.heard[LISTENER].sent.len() - before
    };
    assert_eq!([0x41, 0x81, 0xc1].map(|identifier| answers(&mut world, identifier)), [1, 1, 1]);
    for round in 0..70 {
        let new = Secret::new(format!("passphrase {round}").as_bytes());
        world.act(LISTENER, |auth, now, entropy| auth.update_secret(now, entropy, &new));
        world.run(100);
    }
    assert_eq!([0x41, 0x81, 0xc1, 0x84].map(|identifier| answers(&mut world, identifier)), [0; 4]);
    assert_eq!(answers(&mut world, 0xd1), 1);
    assert!(!world.heard[LISTENER].notes.is_empty());
}
