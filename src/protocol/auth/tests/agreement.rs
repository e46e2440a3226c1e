//! Which versions and modes agree.

use super::world::*;
use crate::crypto::srp::{HashGeneration, Padding};
use crate::crypto::srp_group::Group;
use crate::protocol::auth::*;

#[test]
fn a_login_takes_four_round_trips_and_no_repetition() {
    let mut world = World::usual(1);
    world.start();
    let took = world.log_in(1000).expect("both are in");
    assert!(took < 80, "{took} ms");
    world.run(5000);
    assert_eq!(world.heard[CALLER].authenticated.len(), 1);
    assert_eq!(world.heard[LISTENER].authenticated.len(), 1);
    assert!(world.heard[CALLER].authenticated[0].1 && world.heard[LISTENER].authenticated[0].1);
    // Start, name, key, proof, success.
    assert_eq!(world.heard[CALLER].sent.len(), 5, "version 4 knows of the key from the proof");
    assert_eq!(world.heard[LISTENER].sent.len(), 4);
}

#[test]
fn all_modes_agree_with_themselves() {
    for generation in [HashGeneration::ZeroIv, HashGeneration::Standard] {
        for padding in [Padding::Unpadded, Padding::Padded] {
            for number in [2, 3] {
                let group = Group::numbered(number).expect("a number of libRIST");
                let both = || settings(padding, None);
                let roles = [caller("rist", "mainprofile"), LoginRole::Authenticator(Verifiers::LookUp)];
                let mut world = World::new(2, roles, [both(), both()]);
                world.users.push(stored(&group, generation, "rist", "mainprofile"));
                world.start();
                assert!(world.log_in(1000).is_some(), "{generation:?} {padding:?} {group:?}");
                let encrypted = generation == HashGeneration::Standard;
                assert_eq!(world.heard[LISTENER].transmit.len(), usize::from(encrypted));
                assert_eq!(world.heard[LISTENER].transmit, world.heard[CALLER].receive);
            }
        }
    }
}

#[test]
fn all_versions_agree() {
    for ours in 2..=4 {
        for theirs in 2..=4 {
            for secret in [None, Some("a shared passphrase")] {
                let with = |version| {
                    let padding = if ours.min(theirs) == 2 { Padding::Unpadded } else { Padding::Padded };
                    AuthSettings { version, ..settings(padding, secret) }
                };
                let roles = [caller("rist", "mainprofile"), listener()];
                let mut world = World::new(3, roles, [with(ours), with(theirs)]);
                world.start();
                assert!(world.log_in(1000).is_some(), "versions {ours} and {theirs}");
                world.run(4000);
                let name = format!("versions {ours} and {theirs}, {secret:?}");
                let lowest = ours.min(theirs);
                let own_key = lowest > 2 && secret.is_none();
                assert_eq!(world.heard[LISTENER].transmit.len(), usize::from(own_key), "{name}");
                assert!(world.heard[CALLER].transmit.is_empty(), "{name}");
                let expected = if lowest > 2 { 1 } else { 0 };
                assert_eq!(world.heard[CALLER].receive.len(), expected, "{name}");
                if let (Some(secret), true) = (secret, lowest > 2) {
                    assert_eq!(world.heard[CALLER].receive[0].octets(), secret.as_bytes(), "{name}");
                }
                assert!(world.both_in(), "{name}");
            }
        }
    }
}

/// libRIST 0.2.7 at an address where a newer program was: it knows no key of a login, so none may be left.
#[test]
fn a_key_ends_when_an_older_program_logs_in_at_the_same_address() {
    let roles = [caller("rist", "mainprofile"), listener()];
    let mut world = World::new(6, roles, [settings(Padding::Padded, None), settings(Padding::Padded, None)]);
    world.start();
    assert!(world.log_in(1000).is_some());
    assert_eq!((world.heard[LISTENER].transmit.len(), world.heard[LISTENER].clear), (1, 0));
    world.run(2000);
    let old = AuthSettings { version: 2, ..settings(Padding::Unpadded, None) };
    world.replace(CALLER, caller("rist", "mainprofile"), old);
    world.start();
    assert!(world.log_in(3000).is_some());
    assert_eq!((world.heard[LISTENER].transmit.len(), world.heard[LISTENER].clear), (1, 1));
}

#[test]
fn padding_that_differs_is_hinted_at() {
    for [ours, theirs] in [[Padding::Padded, Padding::Unpadded], [Padding::Unpadded, Padding::Padded]] {
        let roles = [caller("rist", "mainprofile"), listener()];
        let mut world = World::new(4, roles, [settings(ours, None), settings(theirs, None)]);
        world.start();
        assert!(world.log_in(5000).is_none());
        for side in [CALLER, LISTENER] {
            assert!(world.heard[side].failed[0].contains("srp-compat="), "{:?}", world.heard[side].failed);
            let hints = world.heard[side].failed.iter().filter(|text| text.contains("srp-compat"));
            assert_eq!(hints.count(), 1);
        }
    }
}

/// A caller of libRIST 0.2.7 and a file that has only new lines.
#[test]
fn a_missing_old_verifier_is_named() {
    let old = AuthSettings { version: 2, ..settings(Padding::Unpadded, None) };
    let roles = [caller("rist", "mainprofile"), LoginRole::Authenticator(Verifiers::LookUp)];
    let mut world = World::new(5, roles, [old, settings(Padding::Padded, None)]);
    world.users.push(stored(&Group::default(), HashGeneration::Standard, "rist", "mainprofile"));
    world.start();
    assert!(world.log_in(3000).is_none());
    assert!(world.heard[LISTENER].failed[0].contains("unknown user"), "{:?}", world.heard[LISTENER].failed);
}

#[test]
fn a_stranger_costs_little_memory() {
    let shared = Arc::new(settings(Padding::Padded, None));
    let mut auth = Auth::new(LoginRole::Authenticator(Verifiers::LookUp), shared);
    let mut random = entropy(6);
    auth.start(start_time(), &mut random);
    while auth.poll_output().is_some() {}
    let heap = auth.heap_size();
    let size = size_of::<Auth>() + heap;
    assert!(size <= 600, "{} octets and {heap} on the heap", size_of::<Auth>());
}
