//! Legs that die, come back, lose, wait for their turn: where media leaves, and what is lost by it.

use crate::network::Link;
use crate::pair::{Pair, Path, Setup};
use crate::random::Random;
use crate::tap::Kind;
use rist::protocol::report::{LegState, SenderPeerReport};
use rist::protocol::time::Span;

const MS: fn(u32) -> Span = Span::from_millis;

/// A leg: delay in ms, weight, backup.
pub(super) fn legs(legs: &[(u32, u32, u32)]) -> Setup {
    let mut paths = legs.iter().map(|(ms, weight, backup)| Path {
        weight: *weight,
        backup: *backup,
        ..Path::both(Link::delayed(*ms))
    });
    let mut setup = Setup::new(paths.next().expect("a leg"));
    setup.paths.extend(paths);
    setup
}

pub(super) fn begin(setup: Setup) -> Pair {
    let mut pair = setup.start();
    pair.world.wire = Some(Vec::new());
    pair.settle();
    pair
}

pub(super) fn relink(pair: &mut Pair, path: usize, forth: Link, back: Link) {
    let (sender, receiver) = (pair.sender, pair.receiver);
    pair.world.connect(path, sender, receiver, forth, back);
}

/// First transmissions that the sender sent by each leg since `from`; repeats where `repeated`.
pub(super) fn sent(pair: &Pair, from: Span, repeated: bool) -> Vec<usize> {
    let mut counts = vec![0; pair.setup.paths.len()];
    for datagram in pair.world.wire.iter().flatten().filter(|sent| sent.host == pair.sender && sent.at >= from) {
        if let Kind::Media { repeated: again, .. } = pair.world.tap.read(&datagram.bytes)
            && again == repeated
            && let std::net::IpAddr::V4(address) = datagram.to.ip()
        {
            counts[usize::from(address.octets()[1])] += 1;
        }
    }
    counts
}

/// Runs and tells what was sent by each leg meanwhile.
pub(super) fn run(pair: &mut Pair, ms: u32) -> Vec<usize> {
    let from = pair.world.now;
    pair.world.run_for(MS(ms));
    sent(pair, from, false)
}

fn dead() -> Link {
    Link { loss: 1.0, ..Link::default() }
}

fn last_report(pair: &Pair, leg: usize) -> &SenderPeerReport {
    let id = pair.callers[leg].0;
    pair.sent().sender_reports.iter().rfind(|report| report.peer == id && !report.rtcp).expect("a report")
}

fn state(pair: &Pair, leg: usize) -> Option<LegState> {
    last_report(pair, leg).leg.state
}

/// Ends the stream; the packets that the application never saw.
#[track_caller]
fn lost(pair: &mut Pair, stream: u32) -> u64 {
    pair.finish();
    let verdict = pair.assert(stream);
    verdict.assert_ends();
    verdict.lost
}

#[test]
fn the_order_on_the_wire_is_that_of_librist() {
    for (weights, order) in [([5, 3], "AAABABABAAABABAB"), ([5, 10], "BBBBBABABABABABB"), ([1, 1], "ABABABABABABABAB")]
    {
        let mut pair = begin(legs(&[(10, weights[0], 0), (10, weights[1], 0)]));
        pair.write(MS(80));
        pair.world.run_for(MS(90));
        let wire = pair.world.wire.iter().flatten();
        let media = wire.filter(|sent| matches!(pair.world.tap.read(&sent.bytes), Kind::Media { repeated: false, .. }));
        let legs: String = media.map(|sent| if sent.to.to_string().starts_with("10.0.") { 'A' } else { 'B' }).collect();
        assert_eq!(&legs[..16], order);
    }
}

#[test]
fn a_new_weight_counts_at_once_and_none_makes_copies() {
    let mut pair = begin(legs(&[(10, 100, 0), (10, 100, 0)]));
    pair.write(MS(3000));
    assert_eq!(run(&mut pair, 1000), [100, 100]);
    let second = pair.callers[1].0;
    pair.world.hosts[pair.sender].session.set_weight(second, 300).expect("a peer");
    // The round began anew: two hundred by the heavier leg first.
    assert_eq!(run(&mut pair, 1000), [0, 200]);
    pair.world.hosts[pair.sender].session.set_weight(second, 0).expect("a peer");
    assert_eq!(run(&mut pair, 1000), [200, 200]);
}

#[test]
fn a_leg_of_copies_dies_without_a_packet_lost() {
    let mut pair = begin(legs(&[(20, 0, 0), (200, 0, 0)]));
    let stream = pair.write(MS(8000));
    run(&mut pair, 2000);
    relink(&mut pair, 0, dead(), dead());
    // Copies go on until the peer is dead.
    let [first, second] = run(&mut pair, 6000)[..] else { panic!() };
    assert!(first < 600 && second == 1200, "{first} {second}");
    assert_eq!(lost(&mut pair, stream), 0);
}

/// What happens to a leg of two equal ones, 20 and 200 ms, when it can no longer do what `forth` and `back` can.
fn weighted_leg_dies(leg: usize, forth: Link, back: Link) {
    let mut pair = begin(legs(&[(10, 5, 0), (100, 5, 0)]));
    let stream = pair.write(MS(12_000));
    assert_eq!(run(&mut pair, 2000), [200, 200]);
    relink(&mut pair, leg, forth, back);
    let first_second = run(&mut pair, 1000);
    assert!(first_second[leg] <= 80, "{first_second:?} in the first second");
    let after = run(&mut pair, 3000);
    assert!(after[leg] * 100 <= after.iter().sum::<usize>(), "{after:?} after a second");
    assert_eq!(state(&pair, leg), if after[leg] == 0 { Some(LegState::Stalled) } else { None });
    let link = pair.setup.paths[leg].forth.clone();
    relink(&mut pair, leg, link.clone(), link);
    let back = run(&mut pair, 600);
    assert!((1..=30).contains(&back[leg]), "{back:?} in the first moments");
    run(&mut pair, 1000);
    let back = run(&mut pair, 2000);
    assert!(back[leg].abs_diff(200) <= 2, "{back:?} in the end");
    assert_eq!(state(&pair, leg), Some(LegState::Carrying));
    run(&mut pair, 2400);
    assert_eq!(lost(&mut pair, stream), 0);
}

#[test]
fn a_weighted_leg_dies_and_comes_back_without_a_packet_lost() {
    weighted_leg_dies(0, dead(), dead());
    weighted_leg_dies(1, dead(), dead());
}

#[test]
fn a_leg_whose_way_there_is_dead_is_found_although_it_is_heard() {
    weighted_leg_dies(0, dead(), Link::delayed(10));
    weighted_leg_dies(1, dead(), Link::delayed(100));
}

#[test]
fn a_leg_whose_way_back_is_dead_is_left() {
    weighted_leg_dies(0, Link::delayed(10), dead());
    weighted_leg_dies(1, Link::delayed(100), dead());
}

#[test]
fn a_flapping_leg_costs_nothing() {
    for weight in [0, 5] {
        let mut setup = legs(&[(10, weight, 0), (100, weight, 0)]);
        setup.length = MS(60_000);
        let away = (0..15u32).map(|n| (MS(3000 + n * 4000), MS(5000 + n * 4000))).collect::<Vec<_>>();
        let flapping = Link { outages: away, ..Link::delayed(10) };
        (setup.paths[0].forth, setup.paths[0].back) = (flapping.clone(), flapping);
        let mut pair = begin(setup);
        let stream = pair.play();
        let verdict = pair.assert(stream);
        verdict.assert_complete();
        if weight > 0 {
            let [first, second] = sent(&pair, Span::ZERO, false)[..] else { panic!() };
            assert_eq!(first + second, 12_000);
            assert!((2_000..4_000).contains(&first), "{first} by the flapping leg");
        }
    }
}

#[test]
fn a_leg_that_loses_half_is_spared_and_comes_back() {
    let mut pair = begin(legs(&[(10, 5, 0), (20, 5, 0)]));
    let stream = pair.write(MS(20_000));
    run(&mut pair, 2000);
    relink(&mut pair, 0, Link { loss: 0.6, ..Link::delayed(10) }, Link::delayed(10));
    run(&mut pair, 4000);
    let spared = run(&mut pair, 4000);
    assert!(spared[0] <= 40 && spared[1] >= 760, "{spared:?}");
    assert!(matches!(state(&pair, 0), Some(LegState::Lossy | LegState::Stalled)), "{:?}", state(&pair, 0));
    relink(&mut pair, 0, Link::delayed(10), Link::delayed(10));
    run(&mut pair, 5000);
    assert_eq!(run(&mut pair, 2000), [200, 200]);
    run(&mut pair, 3000);
    assert_eq!(lost(&mut pair, stream), 0);
}

#[test]
fn a_slow_leg_is_not_taken_for_a_lossy_one() {
    // Loss that recovery is made for costs a leg nothing either.
    let mut pair = begin(legs(&[(10, 5, 0), (200, 5, 0)]));
    relink(&mut pair, 0, Link { loss: 0.02, ..Link::delayed(10) }, Link::delayed(10));
    relink(&mut pair, 1, Link { loss: 0.05, ..Link::delayed(200) }, Link::delayed(200));
    let stream = pair.write(MS(20_000));
    let shares = run(&mut pair, 20_000);
    assert!(shares[1] >= 1_900, "{shares:?}");
    assert_eq!(lost(&mut pair, stream), 0);
}

#[test]
fn three_and_four_legs_share_and_survive_each_other() {
    for count in [3, 4] {
        let all = [(10, 1, 0), (40, 2, 0), (80, 1, 0), (120, 4, 0)];
        let mut pair = begin(legs(&all[..count]));
        let stream = pair.write(MS(16_000));
        let shares = run(&mut pair, 4000);
        assert_eq!(shares, [[200, 400, 200, 0], [100, 200, 100, 400]][count - 3][..count]);
        for leg in 0..count - 1 {
            relink(&mut pair, leg, dead(), dead());
            run(&mut pair, 1000);
            let after = run(&mut pair, 2000);
            assert!(after[..=leg].iter().all(|count| *count == 0), "{after:?}");
            assert_eq!(after.iter().sum::<usize>(), 400);
        }
        run(&mut pair, 6000);
        assert_eq!(lost(&mut pair, stream), 0, "{count} legs");
    }
}

#[test]
fn legs_are_added_and_removed_while_playing() {
    let mut pair = begin(legs(&[(10, 5, 0), (60, 5, 0), (100, 5, 0)]));
    // The third begins as an absent one.
    let (third, ..) = pair.callers.pop().expect("three callers");
    let remove = |pair: &mut Pair, peer| {
        let now = pair.world.local_time(pair.sender);
        pair.world.hosts[pair.sender].session.remove_peer(now, peer).expect("a peer to remove");
        pair.world.drain(pair.sender);
    };
    remove(&mut pair, third);
    let stream = pair.write(MS(9000));
    assert_eq!(run(&mut pair, 3000), [300, 300, 0]);
    pair.call(2, 0);
    // Not before it has answered.
    assert_eq!(run(&mut pair, 150), [15, 15, 0]);
    let three = run(&mut pair, 2850);
    assert!(three.iter().all(|count| *count >= 180), "{three:?}");
    let (first, ..) = pair.callers[0];
    remove(&mut pair, first);
    assert_eq!(run(&mut pair, 3000), [0, 300, 300]);
    assert_eq!(lost(&mut pair, stream), 0);
}

#[test]
fn a_leg_that_is_called_from_another_port_goes_on() {
    for profile in [Setup::main_profile, |setup| setup] {
        let mut pair = begin(profile(legs(&[(10, 5, 0), (40, 5, 0)])));
        let stream = pair.write(MS(9000));
        run(&mut pair, 2000);
        let (_, media, control) = pair.callers[0];
        pair.world.rebind(pair.sender, media);
        if control != media {
            pair.world.rebind(pair.sender, control);
        }
        run(&mut pair, 4000);
        let shares = run(&mut pair, 2000);
        assert!(shares[0] >= 150, "{shares:?}");
        run(&mut pair, 1000);
        assert_eq!(lost(&mut pair, stream), 0);
    }
}

#[test]
fn the_last_leg_is_never_taken_out() {
    // Only the way back dies: media goes on for as long as the peer may be alive, two buffers.
    let mut pair = begin(legs(&[(10, 5, 0)]).buffer(1000));
    pair.write(MS(6000));
    run(&mut pair, 1000);
    relink(&mut pair, 0, Link::delayed(10), dead());
    assert_eq!(run(&mut pair, 1900), [380]);
    run(&mut pair, 500);
    assert_eq!(run(&mut pair, 1000), [0]);
    // And of two that are both silent, both go on.
    let mut pair = begin(legs(&[(10, 5, 0), (10, 5, 0)]).buffer(1000));
    pair.write(MS(6000));
    run(&mut pair, 1000);
    relink(&mut pair, 0, Link::delayed(10), dead());
    relink(&mut pair, 1, Link::delayed(10), dead());
    let both = run(&mut pair, 1900);
    assert_eq!(both.iter().sum::<usize>(), 380);
    assert!(both.iter().all(|count| *count >= 100), "{both:?}");
}

#[test]
fn repeats_leave_by_a_leg_that_delivers() {
    let mut pair = begin(legs(&[(10, 5, 0), (60, 5, 0)]));
    let stream = pair.write(MS(6000));
    run(&mut pair, 2000);
    // The quicker leg, by which is asked, is heard and delivers nothing.
    relink(&mut pair, 0, dead(), Link::delayed(10));
    run(&mut pair, 500);
    let from = pair.world.now;
    run(&mut pair, 3500);
    let repeats = sent(&pair, from, true);
    assert!(repeats[0] == 0 && repeats[1] > 0, "{repeats:?}");
    assert_eq!(lost(&mut pair, stream), 0);
}

#[test]
fn a_backup_carries_only_while_it_has_to() {
    for weight in [0, 5] {
        let mut pair = begin(legs(&[(10, weight, 0), (100, weight, 1)]));
        let stream = pair.write(MS(14_000));
        assert_eq!(run(&mut pair, 3000), [600, 0], "weight {weight}");
        run(&mut pair, 1000);
        assert_eq!(state(&pair, 1), Some(LegState::Standby));
        relink(&mut pair, 0, dead(), dead());
        let taken_over = run(&mut pair, 1000);
        assert!(taken_over[1] >= 90, "weight {weight}: {taken_over:?}");
        assert_eq!(run(&mut pair, 2000)[1], 400, "weight {weight}");
        relink(&mut pair, 0, Link::delayed(10), Link::delayed(10));
        let back = run(&mut pair, 2000);
        assert!((180..=260).contains(&back[1]), "weight {weight}: {back:?}");
        assert_eq!(run(&mut pair, 5000)[1], 0, "weight {weight}");
        assert_eq!(lost(&mut pair, stream), 0, "weight {weight}");
    }
}

#[test]
fn backups_take_over_one_after_the_other_and_repeats_keep_to_whose_turn_it_is() {
    let mut pair = begin(legs(&[(60, 5, 0), (40, 5, 0), (10, 5, 1), (10, 5, 2)]));
    for path in 0..2 {
        let link = Link { loss: 0.05, ..Link::delayed(50) };
        relink(&mut pair, path, link.clone(), link);
    }
    let stream = pair.write(MS(12_000));
    run(&mut pair, 3000);
    // Receivers ask by the quickest leg: the answers are media, too.
    let (media, repeats) = (sent(&pair, Span::ZERO, false), sent(&pair, Span::ZERO, true));
    assert_eq!((media[2..].iter().sum::<usize>(), repeats[2..].iter().sum::<usize>()), (0, 0), "{media:?} {repeats:?}");
    for (leg, by) in [(0, 1), (1, 2), (2, 3)] {
        relink(&mut pair, leg, dead(), dead());
        run(&mut pair, 1000);
        let shares = run(&mut pair, 2000);
        assert!(shares[by] >= 395, "after {leg}: {shares:?}");
    }
    assert_eq!(lost(&mut pair, stream), 0);
}

#[test]
fn a_flapping_primary_moves_media_once_a_second_at_most() {
    let mut setup = legs(&[(10, 5, 0), (40, 5, 1)]);
    setup.length = MS(30_000);
    let away = (0..10u32).map(|n| (MS(3000 + n * 3000), MS(4000 + n * 3000))).collect::<Vec<_>>();
    let flapping = Link { outages: away, ..Link::delayed(10) };
    (setup.paths[0].forth, setup.paths[0].back) = (flapping.clone(), flapping);
    let mut pair = begin(setup);
    let stream = pair.play();
    pair.assert(stream).assert_complete();
    let wire = pair.world.wire.iter().flatten();
    let media = wire.filter(|sent| matches!(pair.world.tap.read(&sent.bytes), Kind::Media { repeated: false, .. }));
    let legs: Vec<_> = media.map(|sent| (sent.at, sent.to.ip())).collect();
    let moves: Vec<Span> = legs.windows(2).filter(|two| two[0].1 != two[1].1).map(|two| two[1].0).collect();
    assert!((10..=20).contains(&moves.len()), "{} moves", moves.len());
    assert!(moves.windows(2).all(|two| two[1] - two[0] >= MS(1000)), "{moves:?}");
}

#[test]
fn the_sender_is_told_what_each_leg_lost() {
    let mut setup = legs(&[(10, 5, 0), (30, 5, 0)]);
    setup.paths[1].forth.loss = 0.1;
    let mut pair = begin(setup);
    let stream = pair.write(MS(20_000));
    run(&mut pair, 20_000);
    let figures = |leg: usize| {
        let id = pair.callers[leg].0;
        let reports = pair.sent().sender_reports.iter().filter(|report| report.peer == id && !report.rtcp);
        reports.fold((0, 0, 0, 0), |sum, report| {
            let leg = &report.leg;
            let far = (leg.far_end_received.unwrap_or(0), leg.far_end_lost.unwrap_or(0));
            (sum.0 + far.0, sum.1 + far.1, sum.2 + leg.sent_alone, sum.3 + leg.asked_for)
        })
    };
    let (received, lost_there, alone, asked) = figures(0);
    assert!((1_850..=2_000).contains(&received) && lost_there <= 2, "{received} {lost_there}");
    assert!((1_850..=2_000).contains(&alone) && asked <= 20, "{alone} {asked}");
    let (received, lost_there, alone, asked) = figures(1);
    let true_loss = 0.1 * 2000.0;
    assert!((lost_there as f64 - true_loss).abs() < 60.0, "{lost_there} lost of {}", received + lost_there);
    assert!((asked as f64 - true_loss).abs() < 70.0, "{asked} asked for of {alone}");
    assert!(last_report(&pair, 1).leg.loss().is_some());
    assert_eq!(lost(&mut pair, stream), 0);
}

#[test]
fn a_single_leg_is_told_its_losses_too() {
    let mut setup = legs(&[(10, 0, 0)]);
    setup.paths[0].forth.loss = 0.2;
    let mut pair = begin(setup);
    let stream = pair.write(MS(10_000));
    run(&mut pair, 10_000);
    let reports = pair.sent().sender_reports.iter().filter(|report| !report.rtcp);
    let lost_there: u64 = reports.filter_map(|report| report.leg.far_end_lost).sum();
    assert!((320..=480).contains(&lost_there), "{lost_there}");
    assert_eq!(last_report(&pair, 0).leg.state, None);
    assert_eq!(lost(&mut pair, stream), 0);
}

#[test]
fn callers_of_a_sending_listener_are_legs_too() {
    let mut setup = legs(&[(10, 5, 0), (40, 5, 0)]).main_profile();
    setup.reversed = true;
    let mut pair = begin(setup);
    let stream = pair.write(MS(9000));
    run(&mut pair, 2000);
    relink(&mut pair, 0, dead(), dead());
    run(&mut pair, 1000);
    let after = run(&mut pair, 3000);
    assert!(after[0] * 100 <= after[1], "{after:?}");
    run(&mut pair, 3000);
    assert_eq!(lost(&mut pair, stream), 0);
}

#[test]
fn legs_that_fail_one_after_the_other_at_random_lose_nothing() {
    for seed in 1..=40 {
        let mut random = Random::new(seed);
        let count = random.between(2, 4) as usize;
        let some: Vec<_> = (0..count)
            .map(|_| (random.between(2, 60) as u32, random.pick(&[0, 1, 5, 20]), random.between(0, 2) as u32))
            .collect();
        let mut setup = legs(&some);
        setup.seed = seed;
        setup.length = MS(24_000);
        // Each fails for up to a second, there, back or both ways; the next one a while later.
        for n in 1..8 {
            let from = n * 3000 + random.between(0, 500) as u32;
            let outage = (MS(from), MS(from + random.between(50, 1000) as u32));
            let path = &mut setup.paths[random.upto(count as u64 - 1) as usize];
            let ways = random.between(1, 3);
            for link in [(1, &mut path.forth), (2, &mut path.back)].into_iter().filter(|(way, _)| ways & way != 0) {
                link.1.outages.push(outage);
            }
        }
        let mut pair = begin(setup);
        let stream = pair.play();
        let verdict = pair.verdict(stream);
        assert!(verdict.violations.is_empty() && verdict.lost == 0, "seed {seed}, {some:?}: {verdict:#?}");
        verdict.assert_ends();
    }
}
