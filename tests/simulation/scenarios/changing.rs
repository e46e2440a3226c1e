//! Networks and streams that change while they are used.

use crate::host::Clock;
use crate::network::{Bursts, Link};
use crate::pair::{Pair, Path, Setup};
use crate::workload::Pattern;
use crate::world::address;
use rist::protocol::time::Span;

fn started(setup: Setup) -> (Pair, u32) {
    let mut pair = setup.start();
    pair.settle();
    let stream = pair.write(pair.setup.length);
    (pair, stream)
}

/// Both directions of path 0 are this from now on.
fn becomes(pair: &mut Pair, link: &Link) {
    let (near, far) = (address(0, pair.sender), address(0, pair.receiver));
    pair.world.network.connect(near, far, link.clone());
    pair.world.network.connect(far, near, link.clone());
}

/// One-way delays, for so many seconds each, with the same loss throughout. Returns packets lost and repeats sent.
fn delays(loss: f64, buffer: u32, seed: u64, steps: &[(u32, u32)]) -> (u64, u64) {
    let link = |ms| Link { loss, ..Link::delayed(ms) };
    let mut setup = Setup::new(Path::both(link(steps[0].0))).main_profile().buffer(buffer);
    setup.seed = seed;
    setup.length = Span::from_secs(steps.iter().map(|step| step.1).sum());
    let (mut pair, stream) = started(setup);
    for &(ms, seconds) in steps {
        becomes(&mut pair, &link(ms));
        pair.world.run_for(Span::from_secs(seconds));
    }
    pair.finish();
    let verdict = pair.verdict(stream);
    (verdict.lost, pair.sent().repeats_sent)
}

#[test]
fn a_round_trip_that_jumps_costs_few_packets() {
    let (mut lost, mut repeats) = (0, 0);
    for seed in 0..5 {
        let (l, r) = delays(0.05, 1000, seed, &[(10, 10), (100, 10), (10, 10)]);
        lost += l;
        repeats += r;
    }
    // 30,000 packets, of which 1500 have to be repaired.
    assert!(lost <= 5, "{lost} lost");
    assert!(repeats < 2_300, "{repeats} repeats");
}

#[test]
fn a_round_trip_that_is_shorter_or_longer_than_it_was_is_followed() {
    let sum = |buffer, steps: &[(u32, u32)]| {
        (0..5).map(|seed| delays(0.1, buffer, seed, steps)).fold((0, 0), |sum, one| (sum.0 + one.0, sum.1 + one.1))
    };
    let long = sum(450, &[(100, 30)]);
    let falls = sum(450, &[(100, 10), (10, 20)]);
    // The way became 90 ms longer, and playout follows that slowly.
    let rises = sum(540, &[(10, 10), (100, 20)]);
    for (lost, repeats) in [long, falls, rises] {
        assert!(lost < 160 && repeats < 4_400, "{lost} lost, {repeats} repeats of 30,000");
    }
}

#[test]
fn loss_that_comes_and_goes_is_repaired() {
    let mut setup = Setup::new(Path::both(Link::delayed(25))).main_profile().buffer(500);
    setup.length = Span::from_secs(60);
    let (mut pair, stream) = started(setup);
    for n in 0..60u32 {
        becomes(&mut pair, &Link { loss: [0.0, 0.3, 0.0, 0.02][n as usize % 4], ..Link::delayed(25) });
        pair.world.run_for(Span::from_secs(1));
    }
    pair.finish();
    let verdict = pair.assert(stream);
    assert!(verdict.lost <= 8, "{} lost", verdict.lost);
}

/// Rates from 100 to 2000 packets a second and pauses between.
#[test]
fn a_rate_that_changes_is_repaired() {
    let link = Link { loss: 0.1, ..Link::delayed(25) };
    let mut setup = Setup::new(Path::both(link)).main_profile().buffer(400);
    setup.length = Span::from_secs(1);
    let mut pair = setup.start();
    pair.settle();
    let mut total = 0;
    for (interval, seconds) in [(10_000, 4), (500, 4), (10_000, 4), (0, 2), (500, 3), (100_000, 5), (1000, 3)] {
        let length = Span::from_secs(seconds);
        if interval > 0 {
            let pattern = Pattern { interval: Span::from_micros(interval), variation: 0.5, ..Pattern::default() };
            let stream = pair.world.write_for(pair.sender, length, pattern);
            pair.world.run_for(length);
            pair.world.run_for(Span::from_millis(700));
            let verdict = pair.verdict(stream);
            total += verdict.lost + verdict.tail;
        } else {
            pair.world.run_for(length);
        }
    }
    assert!(total <= 5, "{total} lost of 18,000");
}

#[test]
fn a_window_holds_while_the_clocks_drift() {
    for ppm in [-200, 200] {
        let link = Link { loss: 0.02, ..Link::delayed(20) };
        let mut setup = Setup::new(Path::both(link)).main_profile().buffer(300);
        setup.peer.buffer_min = Span::from_millis(100);
        setup.pattern = Pattern::every(20);
        setup.length = Span::from_secs(600);
        setup.sender_clock = Clock { ppm, ..Clock::default() };
        let (mut pair, stream) = started(setup);
        pair.world.run_for(Span::from_secs(600));
        pair.finish();
        let verdict = pair.verdict(stream);
        assert!(verdict.lost <= 6, "{} lost", verdict.lost);
        assert!(verdict.violations.is_empty(), "{:?}", verdict.violations);
    }
}

/// Bursts of loss teach a window to be longer.
#[test]
fn a_window_grows_under_bursts() {
    let bursts = Some(Bursts { enter: 0.01, leave: 0.05, loss: 1.0 });
    let mut setup =
        Setup::new(Path::new(Link { bursts, ..Link::delayed(40) }, Link::delayed(40))).main_profile().buffer(1500);
    setup.peer.buffer_min = Span::from_millis(100);
    setup.length = Span::from_secs(120);
    let (mut pair, stream) = started(setup);
    pair.world.run_for(Span::from_secs(120));
    pair.finish();
    let verdict = pair.verdict(stream);
    assert!(verdict.lost <= 30, "{} lost of {}", verdict.lost, verdict.written);
}

/// A packet a second with a buffer of 100 ms: only sender reports can show what is missing.
#[test]
fn a_sparse_stream_is_repaired() {
    for main in [false, true] {
        let link = Link { loss: 0.1, ..Link::delayed(5) };
        let mut setup = Setup::new(Path::both(link)).buffer(100);
        setup.pattern = Pattern::every(1000);
        setup.length = Span::from_secs(300);
        let setup = if main { setup.main_profile() } else { setup };
        let (mut pair, stream) = started(setup);
        pair.world.run_for(Span::from_secs(300));
        pair.finish();
        let verdict = pair.assert(stream);
        assert!(verdict.lost <= 18, "{} lost", verdict.lost);
    }
}

/// Reports that overtake media announce what has only not come yet.
#[test]
fn tails_with_disorder_are_repaired_without_waste() {
    let link = Link { loss: 0.05, reorder: 0.05, held_back: Span::from_millis(15), ..Link::delayed(20) };
    let mut setup = Setup::new(Path::both(link)).main_profile().buffer(300);
    setup.pattern = Pattern { pauses: Some((0.05, Span::from_millis(600))), ..Pattern::every(5) };
    setup.peer.reorder_buffer = Span::from_millis(25);
    setup.length = Span::from_secs(60);
    let (mut pair, stream) = started(setup);
    pair.world.run_for(Span::from_secs(60));
    pair.finish();
    let verdict = pair.assert(stream);
    let (sent, written) = (pair.sent().repeats_sent, verdict.written);
    assert!(verdict.lost <= 2 && sent * 12 < written, "{} lost, {sent} repeats of {written}", verdict.lost);
}

/// The application numbers its packets, and jumps.
#[test]
fn numbers_of_the_application_that_jump_begin_anew() {
    let link = Link { loss: 0.05, ..Link::delayed(20) };
    let mut pair = Setup::new(Path::both(link)).main_profile().buffer(300).start();
    pair.settle();
    for first in [100, 40_000, 39_000, 65_500, 3, 40_000] {
        let pattern = Pattern { first_seq: Some(first), ..Pattern::default() };
        let stream = pair.world.write_for(pair.sender, Span::from_secs(5), pattern);
        pair.world.run_for(Span::from_secs(5));
        pair.world.run_for(Span::from_millis(500));
        let verdict = pair.verdict(stream);
        assert!(verdict.delivered >= 930 && verdict.lost <= 3, "to {first}: {verdict:?}");
    }
}
