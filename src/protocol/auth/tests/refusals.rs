//! Wrong passwords, unknown users, changed entries.

use super::world::*;
use crate::crypto::srp::{HashGeneration, Padding};
use crate::crypto::srp_group::Group;
use crate::protocol::auth::*;
use crate::wire::eap::Message;
use crate::wire::eapol::{self, Body};

fn both() -> [AuthSettings; 2] {
    [settings(Padding::Padded, None), settings(Padding::Padded, None)]
}

fn count(frames: &[Vec<u8>], wanted: impl Fn(&Message) -> bool) -> usize {
    let fits = |frame: &&Vec<u8>| match eapol::decode(frame).expect("our own frame").body {
        Body::Eap(eap) => wanted(&eap.message),
        _ => false,
    };
    frames.iter().filter(fits).count()
}

#[test]
fn a_wrong_password_is_refused_and_named() {
    let mut world = World::new(20, [caller("rist", "wrong"), listener()], both());
    world.start();
    world.run(20_000);
    assert!(!world.sides[CALLER].is_authenticated() && !world.sides[LISTENER].is_authenticated());
    assert!(world.heard[LISTENER].failed[0].contains("login of \"rist\": wrong password"));
    assert!(world.heard[CALLER].failed[0].contains("wrong user name or password"));
    assert_eq!(count(&world.heard[CALLER].sent, |message| matches!(message, Message::ClientValidator(_))), 2);
    assert!(world.heard[LISTENER].transmit.is_empty() && world.heard[CALLER].receive.is_empty());
}

/// After it was put right at the listener, the caller comes in by itself.
#[test]
fn a_refused_caller_tries_again_later() {
    let mut world = World::new(21, [caller("rist", "new"), lookup()], both());
    world.users.push(stored(&Group::default(), HashGeneration::Standard, "rist", "old"));
    world.start();
    assert!(world.log_in(20_000).is_none());
    world.users[0] = stored(&Group::default(), HashGeneration::Standard, "rist", "new");
    assert!(world.log_in(20_000).is_some());
}

#[test]
fn an_unknown_user_looks_like_a_wrong_password() {
    let challenge = |world: &World| {
        let challenge = world.heard[LISTENER].sent.iter().find_map(|frame| match eapol::decode(frame) {
            Ok(eapol::Frame { body: Body::Eap(eap), .. }) => match eap.message {
                Message::Challenge(challenge) => Some((challenge.salt.to_vec(), challenge.group.is_none())),
                _ => None,
            },
            _ => None,
        });
        challenge.expect("a challenge")
    };
    for role in [lookup(), listener()] {
        let mut salts = Vec::new();
        for seed in [22, 23] {
            let mut world = World::new(seed, [caller("nobody\r\n", "mainprofile"), role.clone()], both());
            world.start();
            world.run(3_000);
            assert!(!world.both_in());
            assert!(world.heard[CALLER].failed[0].contains("wrong user name or password"));
            assert!(world.heard[LISTENER].failed[0].contains("login of \"nobody\\r\\n\": unknown user"));
            salts.push(challenge(&world));
        }
        assert_eq!(salts[0], salts[1]);
        assert!(salts[0].0.len() == 32 && salts[0].1);
    }
}

/// The caller of libRIST before 0.2.16 tries as often as it is asked.
#[test]
fn four_wrong_passwords_lock_the_door() {
    let mut world = World::usual(24);
    let mut refused = 0;
    world.act(LISTENER, |auth, now, entropy| auth.start(now, entropy));
    for _ in 0..100 {
        world.replace(CALLER, caller("rist", "wrong"), settings(Padding::Padded, None));
        world.run(200);
        world.inject(LISTENER, &[3, 1, 0, 0]);
        refused = count(&world.heard[LISTENER].sent, |message| *message == Message::Failure);
    }
    assert_eq!(refused, 4);
    let jobs = world.heard[LISTENER].jobs;
    // Not even the right password, until the time is over.
    world.replace(CALLER, caller("rist", "mainprofile"), settings(Padding::Padded, None));
    assert!(world.log_in(5_000).is_none());
    assert_eq!(world.heard[LISTENER].jobs, jobs);
    assert!(world.log_in(20_000).is_some());
}

#[test]
fn a_changed_entry_makes_the_user_log_in_again() {
    let mut world = World::new(25, [caller("rist", "mainprofile"), lookup()], both());
    world.users.push(stored(&Group::default(), HashGeneration::Standard, "rist", "mainprofile"));
    world.start();
    world.log_in(1000).expect("both are in");
    world.run(130_000);
    assert_eq!(world.heard[LISTENER].authenticated.len(), 1, "nothing changed");
    world.generation = 2;
    world.run(61_000);
    assert_eq!(world.heard[LISTENER].authenticated.len(), 2);
    assert!(!world.heard[LISTENER].authenticated[1].1);
    assert!(world.both_in() && world.heard.iter().all(|heard| heard.lost == 0));

    // The user was removed.
    world.users.clear();
    world.generation = 3;
    world.run(90_000);
    assert!(!world.sides[LISTENER].is_authenticated());
    assert_eq!(world.heard[LISTENER].lost, 1);
}

#[test]
fn a_caller_that_cannot_answer_a_changed_entry_is_out() {
    let mut world = World::new(26, [caller("rist", "mainprofile"), lookup()], both());
    world.users.push(stored(&Group::default(), HashGeneration::Standard, "rist", "mainprofile"));
    world.start();
    world.log_in(1000).expect("both are in");
    world.run(3_000);
    world.generation = 2;
    world.network = Box::new(|_, _, _| vec![]);
    world.run(90_000);
    assert_eq!(world.heard[LISTENER].lost, 1);
}

#[test]
fn without_randomness_nothing_is_sent() {
    let mut none = Entropy::new(|_| false);
    let mut auth = Auth::new(listener(), Arc::new(settings(Padding::Padded, None)));
    auth.start(start_time(), &mut none);
    while let Some(output) = auth.poll_output() {
        assert!(matches!(output, AuthOutput::Failed(_) | AuthOutput::WrongPassword), "{output:?}");
    }
    assert!(auth.poll_timeout().is_some());
}
