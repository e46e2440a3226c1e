//! Legs whose round trip takes too long (`rtt-drop`).

use super::legs::{begin, legs, relink, run};
use crate::network::Link;
use crate::pair::{Pair, Setup};
use rist::protocol::config::PeerConfig;
use rist::protocol::report::LegState;
use rist::protocol::time::Span;

const MS: fn(u32) -> Span = Span::from_millis;

/// Rests above 200 ms for half a second, comes back below 150 ms for a second; a copy of one packet in 20.
fn muting(mut setup: Setup) -> Setup {
    setup.sender_peer = Some(PeerConfig {
        rtt_drop: MS(200),
        rtt_restore: MS(150),
        rtt_drop_settle: MS(500),
        rtt_drop_trickle: 20,
        ..setup.peer.clone()
    });
    setup
}

fn slow(pair: &mut Pair, leg: usize, delay: u32) {
    relink(pair, leg, Link::delayed(delay), Link::delayed(delay));
    // For the bounds of what may be delivered when.
    let usual = &mut pair.setup.paths[leg].forth;
    usual.jitter = usual.jitter.max(MS(delay) - usual.delay);
}

fn reported(pair: &Pair, leg: usize) -> (Option<LegState>, bool, u32) {
    let id = pair.callers[leg].0;
    let report = pair.sent().sender_reports.iter().rfind(|report| report.peer == id && !report.rtcp).expect("a report");
    (report.leg.state, report.leg.muted, report.leg.mute_events)
}

#[test]
fn a_leg_rests_while_its_rtt_is_high_and_comes_back() {
    let mut pair = begin(muting(legs(&[(10, 5, 0), (20, 5, 0)])));
    let stream = pair.write(MS(20_000));
    assert_eq!(run(&mut pair, 2000), [200, 200]);
    slow(&mut pair, 0, 150);
    run(&mut pair, 4000);
    // Nothing but the copies.
    assert_eq!(run(&mut pair, 2000), [20, 400]);
    assert_eq!(reported(&pair, 0), (Some(LegState::Muted), true, 1));
    assert_eq!(reported(&pair, 1).0, Some(LegState::Carrying));
    slow(&mut pair, 0, 10);
    // Smoothed RTT down to 150 ms, a second of that, then the ramp of a second.
    run(&mut pair, 1000);
    assert_eq!(reported(&pair, 0).0, Some(LegState::Muted));
    run(&mut pair, 5000);
    assert_eq!(run(&mut pair, 2000), [200, 200]);
    assert_eq!(reported(&pair, 0), (Some(LegState::Carrying), false, 1));
    run(&mut pair, 4000);
    pair.finish();
    let verdict = pair.assert(stream);
    verdict.assert_complete();
}

#[test]
fn without_a_bound_nothing_rests() {
    let mut pair = begin(legs(&[(10, 5, 0), (300, 5, 0)]));
    pair.write(MS(10_000));
    run(&mut pair, 6000);
    assert_eq!(run(&mut pair, 4000), [400, 400]);
}

#[test]
fn when_all_are_slow_one_carries_and_stays_the_one() {
    let mut pair = begin(muting(legs(&[(10, 5, 0), (10, 5, 0)])));
    pair.write(MS(40_000));
    run(&mut pair, 1000);
    slow(&mut pair, 0, 200);
    slow(&mut pair, 1, 220);
    run(&mut pair, 5000);
    let mut carriers = Vec::new();
    for n in 0..12 {
        // They take turns at being a little worse.
        slow(&mut pair, 0, if n % 2 == 0 { 260 } else { 200 });
        slow(&mut pair, 1, if n % 2 == 0 { 200 } else { 260 });
        let shares = run(&mut pair, 2000);
        assert!(shares.iter().max() >= Some(&395), "{n}: {shares:?}");
        carriers.push(shares[0] > shares[1]);
    }
    assert!(carriers.windows(2).all(|two| two[0] == two[1]), "{carriers:?}");
    // One of half the RTT takes over.
    let other = usize::from(carriers[0]);
    slow(&mut pair, other, 105);
    slow(&mut pair, 1 - other, 300);
    run(&mut pair, 4000);
    assert!(run(&mut pair, 2000)[other] >= 395);
}

#[test]
fn a_resting_leg_carries_when_the_other_one_dies() {
    let mut pair = begin(muting(legs(&[(10, 5, 0), (20, 5, 0)])));
    let stream = pair.write(MS(14_000));
    run(&mut pair, 1000);
    slow(&mut pair, 0, 150);
    run(&mut pair, 4000);
    assert_eq!(run(&mut pair, 1000)[1], 200);
    let dead = Link { loss: 1.0, ..Link::default() };
    relink(&mut pair, 1, dead.clone(), dead);
    run(&mut pair, 1000);
    assert_eq!(run(&mut pair, 2000), [400, 0]);
    run(&mut pair, 5000);
    pair.finish();
    pair.assert(stream).assert_complete();
}

#[test]
fn copies_on_a_resting_leg_end_when_they_come_too_late() {
    for (buffer, some) in [(1000, true), (100, false)] {
        let mut setup = legs(&[(10, 5, 0), (20, 5, 0)]).buffer(buffer);
        setup.peer.session_timeout = Span::from_secs(10);
        let mut pair = begin(muting(setup));
        pair.write(MS(14_000));
        run(&mut pair, 1000);
        slow(&mut pair, 0, 150);
        run(&mut pair, 6000);
        let copies = run(&mut pair, 4000)[0];
        assert_eq!(copies > 0, some, "buffer {buffer}: {copies}");
    }
}

#[test]
fn a_slow_primary_rests_while_its_backup_carries() {
    let mut pair = begin(muting(legs(&[(10, 5, 0), (20, 5, 1)])));
    let stream = pair.write(MS(18_000));
    assert_eq!(run(&mut pair, 1000), [200, 0]);
    slow(&mut pair, 0, 150);
    run(&mut pair, 4000);
    assert_eq!(run(&mut pair, 2000), [20, 400]);
    slow(&mut pair, 0, 10);
    run(&mut pair, 7000);
    assert_eq!(run(&mut pair, 2000), [400, 0]);
    run(&mut pair, 2000);
    pair.finish();
    pair.assert(stream).assert_complete();
}
