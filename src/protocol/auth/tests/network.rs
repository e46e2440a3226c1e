//! What the network does to a login.

use super::world::*;
use crate::crypto::srp::Padding;
use crate::protocol::time::Span;

/// Every single frame of either side, lost once.
#[test]
fn the_loss_of_any_one_frame_is_made_good() {
    for side in [CALLER, LISTENER] {
        for lost in 0..7 {
            let mut world = World::usual(10);
            world.network =
                Box::new(move |from, index, _| if (from, index) == (side, lost) { vec![] } else { vec![DELAY] });
            world.start();
            let took = world.log_in(3000);
            assert!(took.is_some_and(|took| took < 700), "frame {lost} of side {side}: {took:?}");
            world.run(5000);
            assert!(world.both_in() && world.heard.iter().all(|heard| heard.failed.is_empty()));
        }
    }
}

#[test]
fn copies_and_disorder_do_no_harm() {
    for seed in seeds(60) {
        let mut world = World::usual(seed);
        world.network = Box::new(|_, _, random| {
            let copies = 1 + random.below(3);
            (0..copies).map(|_| Span::from_millis(1 + random.below(120) as u32)).collect()
        });
        world.start();
        assert!(world.log_in(3000).is_some(), "seed {seed}");
        world.run(10_000);
        assert!(world.both_in(), "seed {seed}");
        for heard in &world.heard {
            assert!(heard.failed.is_empty() && heard.lost == 0, "seed {seed}: {:?}", heard.failed);
        }
    }
}

/// 15 to 40 percent, both ways.
#[test]
fn random_loss_delays_a_login_by_less_than_eight_seconds() {
    for seed in seeds(500) {
        let mut world = World::usual(seed);
        let percent = 15 + seed % 26;
        world.network = Box::new(move |_, _, random| {
            let lost = random.below(100) < percent;
            if lost { vec![] } else { vec![Span::from_millis(5 + random.below(40) as u32)] }
        });
        world.start();
        let took = world.log_in(7500);
        assert!(took.is_some(), "seed {seed}: no login at {percent} percent");
        assert!(world.heard.iter().all(|heard| heard.lost == 0 && heard.failed.is_empty()), "seed {seed}");
    }
}

#[test]
fn a_long_path_is_no_obstacle() {
    let mut world = World::usual(11);
    world.network = Box::new(|_, _, _| vec![Span::from_millis(400)]);
    world.start();
    assert!(world.log_in(10_000).is_some());
    world.run(20_000);
    let sent = world.heard[CALLER].sent.len() + world.heard[LISTENER].sent.len();
    assert!(world.both_in() && sent < 80, "{sent} frames");
}

#[test]
fn a_listener_that_comes_late_is_found() {
    let mut world = World::usual(12);
    world.network = Box::new(|_, _, _| vec![]);
    world.act(CALLER, |auth, now, entropy| auth.start(now, entropy));
    world.run(120_000);
    let tries = world.heard[CALLER].sent.len();
    assert!((12..=25).contains(&tries), "{tries} starts in two minutes");
    world.network = Box::new(|_, _, _| vec![DELAY]);
    assert!(world.log_in(10_500).is_some());
}

#[test]
fn a_restarted_listener_lets_its_caller_in_within_a_second() {
    let mut world = World::usual(13);
    world.start();
    world.log_in(1000).expect("both are in");
    for round in 1..=5 {
        world.run(10_000);
        world.replace(LISTENER, lookup(), settings(Padding::Padded, None));
        let took = world.log_in(1000);
        assert!(took.is_some(), "round {round}");
        // The caller never noticed: its traffic was welcome on its side all the time.
        assert_eq!(world.heard[CALLER].lost, 0);
    }
    assert_eq!(world.heard[CALLER].authenticated.iter().filter(|(_, first)| *first).count(), 1);
}

#[test]
fn a_restarted_caller_is_let_in_within_a_second() {
    let mut world = World::usual(14);
    world.start();
    world.log_in(1000).expect("both are in");
    for round in 1..=5 {
        world.run(5_000);
        world.replace(CALLER, caller("rist", "mainprofile"), settings(Padding::Padded, None));
        assert!(world.log_in(1000).is_some(), "round {round}");
        assert_eq!(world.heard[LISTENER].lost, 0);
        assert_eq!(world.heard[LISTENER].transmit.last(), world.heard[CALLER].receive.last());
    }
}

/// At any moment of a login, so that both sides are in any state.
#[test]
fn a_restart_in_the_middle_is_no_obstacle() {
    for side in [CALLER, LISTENER] {
        for after in (0..80).step_by(3) {
            let mut world = World::usual(15);
            world.start();
            world.run(after);
            match side {
                CALLER => world.replace(CALLER, caller("rist", "mainprofile"), settings(Padding::Padded, None)),
                _ => world.replace(LISTENER, lookup(), settings(Padding::Padded, None)),
            }
            let took = world.log_in(4000);
            assert!(took.is_some(), "side {side} after {after} ms");
            world.run(5000);
            assert_eq!(world.heard[LISTENER].transmit.last(), world.heard[CALLER].receive.last(), "{side} {after}");
        }
    }
}
