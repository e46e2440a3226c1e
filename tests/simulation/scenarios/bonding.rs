//! Several paths between one sender and one receiver, and several receivers of one sender.

use crate::host::Clock;
use crate::invariants::Bounds;
use crate::network::{Bursts, Link};
use crate::pair::{Pair, Path, Setup, call, listen, receiver_config};
use crate::workload::Pattern;
use rist::protocol::time::Span;

fn two_paths(first: Link, second: Link, weight: u32) -> Setup {
    let mut setup = Setup::new(Path { weight, ..Path::both(first) });
    setup.paths.push(Path { weight, ..Path::both(second) });
    setup
}

#[track_caller]
fn play(setup: Setup) -> (Pair, u64) {
    let mut pair = setup.start();
    pair.settle();
    let stream = pair.play();
    let verdict = pair.assert(stream);
    pair.assert_counters(stream);
    (pair, verdict.lost)
}

/// Media datagrams that arrived on each path.
fn shares(pair: &Pair) -> Vec<usize> {
    let fates = &pair.world.books.receptions[&(1, pair.receiver)].fates;
    (0..pair.setup.paths.len())
        .map(|path| fates.iter().filter(|fate| fate.seen[path] != crate::books::NEVER).count())
        .collect()
}

#[test]
fn copies_on_two_paths_are_merged() {
    let (pair, lost) = play(two_paths(Link::default(), Link::delayed(40), 0));
    assert_eq!(lost, 0);
    assert_eq!(shares(&pair), [2000, 2000]);
    let duplicates = pair.got().flow_sum(|report| u64::from(report.duplicates));
    assert!(duplicates >= 1_990, "{duplicates} duplicates counted");
}

#[test]
fn clean_paths_of_unequal_delay_cause_no_requests() {
    for weight in [0, 5] {
        let (pair, lost) = play(two_paths(Link::delayed(10), Link::delayed(100), weight));
        assert_eq!(lost, 0);
        let needless = pair.got().requests_sent;
        assert!(needless <= 20, "weight {weight}: {needless} requests for 2000 packets");
    }
}

#[test]
fn equal_weights_share_the_packets() {
    let (pair, lost) = play(two_paths(Link::default(), Link::delayed(20), 5));
    assert_eq!(lost, 0);
    assert_eq!(shares(&pair), [1000, 1000]);
}

#[test]
fn loss_on_two_weighted_paths_is_repaired() {
    let (_, lost) = play(two_paths(Link::lossy(0.1), Link { loss: 0.2, ..Link::delayed(40) }, 5));
    assert_eq!(lost, 0);
}

#[test]
fn a_clean_slow_path_makes_up_for_a_lossy_fast_one() {
    for weight in [0, 5] {
        let (_, lost) = play(two_paths(Link { loss: 0.5, ..Link::delayed(5) }, Link::delayed(50), weight));
        assert_eq!(lost, 0, "weight {weight}");
    }
}

#[test]
fn bursts_on_both_paths_are_repaired() {
    let bursts = Some(Bursts { enter: 0.01, leave: 0.1, loss: 1.0 });
    let (_, lost) = play(two_paths(Link { bursts, ..Link::default() }, Link { bursts, ..Link::delayed(30) }, 0));
    assert_eq!(lost, 0);
}

#[test]
fn a_path_slower_than_the_buffer_is_harmless() {
    for weight in [0, 5] {
        let mut setup = two_paths(Link::default(), Link::delayed(700), weight).buffer(100);
        setup.pattern = Pattern::every(1);
        let mut pair = setup.start();
        pair.settle();
        let stream = pair.play();
        let verdict = pair.assert(stream);
        let most = if weight == 0 { 0 } else { verdict.written / 2 + 10 };
        assert!(verdict.lost <= most, "weight {weight}: {} lost", verdict.lost);
    }
}

#[test]
fn a_path_that_dies_takes_nothing_with_it() {
    for weight in [0, 5] {
        let dead = Link { outages: vec![(Span::from_secs(3), Span::from_secs(3600))], ..Link::default() };
        let (_, lost) = play(two_paths(dead, Link::delayed(30), weight));
        assert_eq!(lost, 0, "weight {weight}");
    }
}

#[test]
fn a_path_that_comes_back_is_used_again() {
    let away = Link { outages: vec![(Span::from_secs(3), Span::from_secs(6))], ..Link::default() };
    let (pair, lost) = play(two_paths(away, Link::delayed(30), 5));
    assert_eq!(lost, 0);
    let fates = &pair.world.books.receptions[&(1, pair.receiver)].fates;
    let late = fates[1600..].iter().filter(|fate| fate.seen[0] != crate::books::NEVER).count();
    assert!((150..250).contains(&late), "{late} of the last 400 packets on the revived path");
}

#[test]
fn a_peer_is_added_and_another_removed_while_running() {
    for weight in [0, 5] {
        let mut setup = two_paths(Link::lossy(0.05), Link { loss: 0.05, ..Link::delayed(30) }, weight);
        setup.paths.push(Path { weight, ..Path::both(Link::delayed(60)) });
        let mut pair = setup.start();
        // The third path begins as an absent one.
        let (third, ..) = pair.callers.pop().expect("three callers");
        remove(&mut pair, third);
        pair.settle();
        let stream = pair.write(Span::from_secs(12));
        pair.world.run_for(Span::from_secs(4));
        pair.call(2, 0);
        pair.world.run_for(Span::from_secs(4));
        let (first, ..) = pair.callers[0];
        remove(&mut pair, first);
        pair.world.run_for(Span::from_secs(4));
        pair.finish();
        let verdict = pair.assert(stream);
        verdict.assert_complete();
        let fates = &pair.world.books.receptions[&(stream, pair.receiver)].fates;
        assert!(fates[2000..].iter().any(|fate| fate.seen[2] != crate::books::NEVER), "the new peer is used");
        assert!(fates[1700..].iter().all(|fate| fate.seen[0] == crate::books::NEVER), "the removed peer is not");
    }
}

fn remove(pair: &mut Pair, peer: rist::protocol::output::PeerId) {
    let now = pair.world.local_time(pair.sender);
    pair.world.hosts[pair.sender].session.remove_peer(now, peer).expect("a peer to remove");
    pair.world.drain(pair.sender);
}

#[test]
fn two_receivers_each_get_everything() {
    let mut pair = Setup::new(Path::both(Link::lossy(0.1))).start();
    let second = pair.world.add_host(receiver_config(), Clock::default());
    let config = pair.setup.peer.clone();
    let link = Link { loss: 0.2, ..Link::delayed(40) };
    pair.world.connect(0, pair.sender, second, link.clone(), link.clone());
    listen(&mut pair.world, second, 0, &config);
    call(&mut pair.world, pair.sender, second, 0, 0, config);
    pair.settle();
    let stream = pair.play();
    pair.assert(stream);
    let bounds = Bounds::of(&Setup::new(Path::both(link)));
    let verdict = bounds.check(&pair.world, stream, second);
    verdict.assert(&pair.setup);
    verdict.assert_complete();
}

#[test]
fn a_receiver_that_joins_late_starts_at_once() {
    let mut pair = Setup::new(Path::both(Link::lossy(0.1))).start();
    pair.settle();
    let stream = pair.write(Span::from_secs(10));
    pair.world.run_for(Span::from_secs(4));
    let second = pair.world.add_host(receiver_config(), Clock::default());
    let config = pair.setup.peer.clone();
    let link = Link::lossy(0.1);
    pair.world.connect(0, pair.sender, second, link.clone(), link.clone());
    listen(&mut pair.world, second, 0, &config);
    call(&mut pair.world, pair.sender, second, 0, 0, config);
    pair.world.run_for(Span::from_secs(6));
    pair.finish();
    pair.assert(stream);
    let verdict = Bounds::of(&pair.setup).check(&pair.world, stream, second);
    verdict.assert(&pair.setup);
    // Written from 4 s on, less half a second to find each other.
    assert!(verdict.delivered >= 1_100, "{} delivered", verdict.delivered);
}

#[test]
fn a_burst_writer_over_two_paths_is_repaired() {
    let mut setup = two_paths(Link::lossy(0.1), Link { loss: 0.1, ..Link::delayed(35) }, 5);
    setup.pattern = Pattern { burst: 50, variation: 0.9, ..Pattern::every(50) };
    let (_, lost) = play(setup);
    assert_eq!(lost, 0);
}
