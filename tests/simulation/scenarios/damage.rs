//! Links that lose, burst, delay, double and reorder.

use crate::network::{Bottleneck, Bursts, Link};
use crate::pair::{Pair, Path, Setup};
use crate::workload::Pattern;
use rist::protocol::time::Span;

fn over(link: Link) -> Setup {
    Setup::new(Path::both(link))
}

/// Runs with 200 packets per second; at most `most` may be lost for good.
#[track_caller]
fn losing_at_most(setup: Setup, most: u64) -> Pair {
    let mut pair = setup.start();
    pair.settle();
    let stream = pair.play();
    let verdict = pair.assert(stream);
    pair.assert_counters(stream);
    assert!(verdict.lost <= most, "{} of {} packets lost", verdict.lost, verdict.written);
    verdict.assert_ends();
    pair
}

#[test]
fn a_clean_link_delivers_everything_and_repeats_nothing() {
    let pair = losing_at_most(over(Link::default()), 0);
    assert_eq!(pair.sent().repeats_sent, 0);
    assert_eq!(pair.got().requests_sent, 0);
}

#[test]
fn one_per_cent_loss_is_repaired() {
    losing_at_most(over(Link::lossy(0.01)), 0);
}

#[test]
fn five_per_cent_loss_is_repaired() {
    losing_at_most(over(Link::lossy(0.05)), 0);
}

#[test]
fn ten_per_cent_loss_is_repaired() {
    losing_at_most(over(Link::lossy(0.1)), 0);
}

#[test]
fn twenty_five_per_cent_loss_is_repaired() {
    losing_at_most(over(Link::lossy(0.25)), 0);
}

#[test]
fn half_of_all_packets_lost_is_nearly_repaired() {
    // Twenty requests, each of which fails three times in four: 0.3 % stay lost.
    losing_at_most(over(Link::lossy(0.5)), 30);
}

#[test]
fn thirty_per_cent_loss_at_a_long_round_trip_leaves_little() {
    // About four attempts fit; the first transmission and each attempt fail independently.
    losing_at_most(over(Link { loss: 0.3, ..Link::delayed(100) }), 60);
}

#[test]
fn bursts_of_loss_are_repaired() {
    let bursts = Some(Bursts { enter: 0.01, leave: 0.1, loss: 1.0 });
    losing_at_most(Setup::new(Path::new(Link { bursts, ..Link::default() }, Link::default())), 0);
}

#[test]
fn jitter_without_loss_costs_nothing() {
    let jitter = Span::from_millis(30);
    losing_at_most(over(Link { jitter, ..Link::default() }), 0);
    losing_at_most(over(Link { jitter, overtaking: true, ..Link::default() }), 0);
}

#[test]
fn reordering_costs_nothing() {
    losing_at_most(over(Link { reorder: 0.1, held_back: Span::from_millis(12), ..Link::default() }), 0);
}

#[test]
fn lasting_reordering_within_the_allowance_is_learnt() {
    let link = Link { reorder: 0.1, held_back: Span::from_millis(12), ..Link::default() };
    let pair = losing_at_most(over(link), 0);
    // 200 packets are held back; after the first few they are waited for.
    assert!(pair.got().requests_sent < 60, "{} needless requests", pair.got().requests_sent);
}

#[test]
fn doubled_datagrams_are_delivered_once() {
    let pair = losing_at_most(over(Link { duplicates: 1.0, ..Link::default() }), 0);
    let duplicates = pair.got().flow_sum(|report| u64::from(report.duplicates));
    assert!(duplicates >= 1_900, "{duplicates} duplicates counted");
}

#[test]
fn loss_with_jitter_duplicates_and_reordering_is_repaired() {
    let link = Link {
        loss: 0.1,
        jitter: Span::from_millis(10),
        overtaking: true,
        duplicates: 0.05,
        reorder: 0.05,
        held_back: Span::from_millis(20),
        ..Link::default()
    };
    losing_at_most(over(link), 0);
}

fn outage(ms: u32) -> Setup {
    let from = Span::from_secs(4);
    let outages = vec![(from, from + Span::from_millis(ms))];
    over(Link { outages, ..Link::default() })
}

#[test]
fn an_outage_shorter_than_the_buffer_is_repaired() {
    losing_at_most(outage(500), 0);
}

#[test]
fn an_outage_longer_than_the_buffer_loses_only_what_was_too_old() {
    // 1.1 s without a link and a buffer of 1 s: 20 packets cannot be saved, some more while both
    // sides find each other again.
    let mut pair = outage(1100).start();
    pair.settle();
    let stream = pair.play();
    let verdict = pair.assert(stream);
    assert!(verdict.lost <= 70, "{} lost", verdict.lost);
}

#[test]
fn a_long_outage_ends_with_the_stream_running() {
    let mut pair = outage(4000).start();
    pair.settle();
    let stream = pair.play();
    let verdict = pair.assert(stream);
    // 800 packets fall into the outage; up to a buffer of them can be saved.
    assert!(verdict.lost <= 850, "{} lost", verdict.lost);
}

#[test]
fn a_slow_way_back_is_survived() {
    let forth = Link { loss: 0.1, ..Link::delayed(5) };
    losing_at_most(Setup::new(Path::new(forth.clone(), Link::delayed(150))), 0);
    losing_at_most(Setup::new(Path::new(Link { loss: 0.1, ..Link::delayed(150) }, Link::delayed(5))), 0);
}

#[test]
fn loss_on_the_way_back_only_delays_repairs() {
    losing_at_most(Setup::new(Path::new(Link::lossy(0.05), Link::lossy(0.5))), 2);
}

#[test]
fn a_bottleneck_with_room_for_repairs_recovers() {
    // 200 packets of 240 bytes on the wire are 384 kbit/s.
    let bottleneck = Some(Bottleneck { bits_per_second: 600_000, queue: Span::from_millis(100) });
    losing_at_most(Setup::new(Path::new(Link { loss: 0.05, bottleneck, ..Link::default() }, Link::default())), 0);
}

#[test]
fn one_packet_per_second_is_repaired() {
    let mut setup = over(Link::lossy(0.2)).buffer(3000);
    setup.pattern = Pattern::every(1000);
    setup.length = Span::from_secs(120);
    losing_at_most(setup, 0);
}

#[test]
fn one_packet_per_second_over_a_clean_link_is_delivered_with_a_short_buffer() {
    let mut setup = over(Link::default()).buffer(100);
    setup.pattern = Pattern::every(1000);
    setup.length = Span::from_secs(60);
    losing_at_most(setup, 0);
}

#[test]
fn bursts_of_packets_are_repaired() {
    let mut setup = over(Link::lossy(0.1));
    setup.pattern = Pattern { burst: 60, variation: 0.9, smallest: 40, largest: 1316, ..Pattern::every(60) };
    losing_at_most(setup, 0);
}

#[test]
fn a_short_buffer_delivers_what_it_can() {
    losing_at_most(over(Link { loss: 0.01, ..Link::delayed(2) }).buffer(50), 3);
}

#[test]
fn spurious_timers_change_nothing() {
    let mut setup = over(Link::lossy(0.1));
    setup.spurious = true;
    losing_at_most(setup, 0);
}
