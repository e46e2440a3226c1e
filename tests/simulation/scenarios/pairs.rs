//! What is written goes out as two packets and comes out as one block again.

use crate::network::{Bursts, Link};
use crate::pair::{FLOW, PORT, Pair, Path, Setup, sender_config};
use crate::workload::{self, Pattern};
use crate::world::address;
use rist::crypto::psk::KeySize;
use rist::protocol::config::{MergeMode, Profile, SplitMode, TimingMode};
use rist::protocol::output::Delivery;
use rist::protocol::session::SessionConfig;
use rist::protocol::time::Span;

const TOLERANCE: Span = Span::from_millis(2);

fn one_path(link: Link) -> Setup {
    let mut setup = Setup::new(Path::both(link));
    setup.pattern = Pattern { smallest: 20, largest: 1400, ..Pattern::default() };
    setup
}

fn two_paths(first: Link, second: Link, weight: u32) -> Setup {
    let mut setup = one_path(first.clone());
    setup.paths = [first, second].map(|link| Path { weight, ..Path::both(link) }).to_vec();
    setup
}

fn pairs(mut setup: Setup, split: SplitMode, merge: MergeMode) -> Setup {
    setup.peer.split = split;
    setup.peer.merge = merge;
    setup
}

/// Plays a stream. What was handed out goes past the books, which do not know of halves.
fn play(setup: Setup) -> (Pair, u32, Vec<(Span, Delivery)>) {
    let mut pair = setup.start();
    pair.world.hosts[pair.receiver].kept = Some(Vec::new());
    pair.settle();
    let stream = pair.play();
    let kept = pair.world.hosts[pair.receiver].kept.take().expect("kept");
    (pair, stream, kept)
}

/// Every block that was written is handed out as it was, once, in order and in time.
#[track_caller]
fn assert_merged(pair: &Pair, stream: u32, kept: &[(Span, Delivery)]) {
    let written = &pair.world.books.streams[&stream].packets;
    let forth = || pair.setup.paths.iter().map(|path| &path.forth);
    let fastest = forth().map(|link| link.delay).min().expect("a path");
    let slowest = forth().map(Link::slowest).max().expect("a path");
    let buffer = pair.setup.peer.buffer_max;
    let (_, first) = workload::label(&kept[0].1.payload).expect("a first half");
    assert!(first <= 5, "{first} blocks before the first");
    let first_number = kept[0].1.seq;
    for (index, (at, delivery)) in (first..).zip(kept) {
        let sent = &written[index as usize];
        let expected = workload::payload(stream, index, sent.len);
        assert!(*delivery.payload == expected, "block {index} is another: {:02x?}", &delivery.payload[..20]);
        assert_eq!((delivery.discontinuity, delivery.flow_start), (false, index == first), "block {index}");
        assert_eq!(delivery.seq, (first_number + index - first) & 0x7FFF, "the number of the pair");
        let latency = *at - sent.at;
        let in_time = latency >= fastest + buffer - TOLERANCE && latency <= slowest + buffer + TOLERANCE;
        assert!(in_time || sent.at < Span::from_secs(3), "block {index} after {latency:?}");
    }
    let missing = written.len() - first as usize - kept.len();
    assert!(missing <= 5, "{missing} blocks after the last");
    let merged = pair.got().flow_reports.iter().filter_map(|report| report.merge).map(|merge| merge.merged);
    assert_eq!(merged.sum::<u64>(), kept.len() as u64);
}

/// What came out is what was written, cut wherever.
#[track_caller]
fn assert_same_octets(pair: &Pair, stream: u32, kept: &[(Span, Delivery)], unwritten: usize) {
    let written = &pair.world.books.streams[&stream].packets;
    let blocks = written.iter().zip(0..).map(|(sent, index)| workload::payload(stream, index, sent.len));
    let expected: Vec<u8> = blocks.flatten().collect();
    let got: Vec<u8> = kept.iter().flat_map(|(_, delivery)| delivery.payload.to_vec()).collect();
    assert!(expected.len() - got.len() <= unwritten, "{} of {} octets", got.len(), expected.len());
    assert!(expected.starts_with(&got) || expected.ends_with(&got), "other octets");
}

fn profiles(setup: &Setup) -> [Setup; 3] {
    [setup.clone(), setup.clone().main_profile(), setup.clone().secret(KeySize::Aes128)]
}

#[test]
fn pairs_are_merged_over_a_lossy_path() {
    for link in [Link::default(), Link::lossy(0.1), Link { loss: 0.1, reorder: 0.2, ..Link::default() }] {
        for setup in profiles(&one_path(link)) {
            for split in [SplitMode::Auto, SplitMode::Half] {
                let (pair, stream, kept) = play(pairs(setup.clone(), split, MergeMode::Pairs));
                assert_merged(&pair, stream, &kept);
            }
        }
    }
}

#[test]
fn halves_take_alternate_paths_and_are_merged() {
    for mut setup in profiles(&two_paths(Link::default(), Link::delayed(40), 5)) {
        setup.length = Span::from_secs(4);
        let mut pair = pairs(setup, SplitMode::Half, MergeMode::Pairs).start();
        pair.world.hosts[pair.receiver].kept = Some(Vec::new());
        pair.settle();
        pair.world.wire = Some(Vec::new());
        let stream = pair.play();
        let kept = pair.world.hosts[pair.receiver].kept.take().expect("kept");
        assert_merged(&pair, stream, &kept);
        if pair.setup.profile == Profile::Simple {
            let wire = pair.world.wire.take().expect("watched");
            let first_time = |bytes: &[u8]| bytes[1] & 0x7f == 33 && bytes[11] & 1 == 0;
            let media = wire.iter().filter(|sent| sent.to.port() == PORT && first_time(&sent.bytes));
            let halves: Vec<_> = media.map(|sent| (sent.bytes[3] & 1, sent.to.ip(), &sent.bytes[4..8])).collect();
            for both in halves.chunks(2) {
                let [(even, one, when), (odd, other, same)] = both else { panic!("half a pair") };
                assert_eq!((*even, *odd, when), (0, 1, same));
                assert_ne!(one, other);
            }
            let firsts = halves.iter().filter(|(half, ip, _)| *half == 0 && *ip == address(0, pair.receiver)).count();
            assert!(firsts == 0 || firsts == halves.len() / 2, "the paths take turns");
        }
    }
}

#[test]
fn pairs_are_merged_over_two_lossy_paths() {
    let bursts = Some(Bursts { enter: 0.01, leave: 0.2, loss: 1.0 });
    for weight in [0, 5] {
        let lossy = two_paths(Link::lossy(0.1), Link { loss: 0.1, ..Link::delayed(40) }, weight);
        let bursty = two_paths(Link { bursts, ..Link::default() }, Link { bursts, ..Link::delayed(30) }, weight);
        for setup in [lossy, bursty].iter().flat_map(profiles) {
            let (pair, stream, kept) = play(pairs(setup, SplitMode::Auto, MergeMode::Pairs));
            assert_merged(&pair, stream, &kept);
        }
    }
}

#[test]
fn bursts_of_blocks_are_told_apart_by_their_numbers() {
    let mut setup = one_path(Link::lossy(0.1));
    setup.pattern = Pattern { burst: 20, ..Pattern { interval: Span::from_millis(40), ..setup.pattern } };
    let (pair, stream, kept) = play(pairs(setup, SplitMode::Half, MergeMode::Pairs));
    assert_merged(&pair, stream, &kept);
}

#[test]
fn pairs_go_on_across_the_wrap_of_sequence_numbers() {
    let mut setup = one_path(Link::lossy(0.05)).buffer(200);
    setup.pattern = Pattern { smallest: 20, largest: 40, ..Pattern::every(1) };
    setup.length = Span::from_secs(40);
    let (pair, stream, kept) = play(pairs(setup, SplitMode::Half, MergeMode::Pairs));
    assert!(kept.len() > 0x8000 + 100);
    assert_merged(&pair, stream, &kept);
}

#[test]
fn auto_follows_what_the_sender_announces() {
    let setup = one_path(Link::lossy(0.1)).main_profile();
    for setup in [setup.clone(), setup.clone().secret(KeySize::Aes256), Setup { reversed: true, ..setup }] {
        let (pair, stream, kept) = play(pairs(setup.clone(), SplitMode::Auto, MergeMode::Auto));
        assert_merged(&pair, stream, &kept);
        let (pair, stream, kept) = play(pairs(setup, SplitMode::Off, MergeMode::Auto));
        assert_same_octets(&pair, stream, &kept, 5 * 1400);
        assert_eq!(kept.len() as u64, pair.got().flow_sum(|report| report.received));
        let touched = |merge: rist::protocol::report::MergeReport| merge.merged + merge.lone_first + merge.lone_second;
        assert_eq!(pair.got().flow_sum(|report| report.merge.map_or(0, touched)), 0);
    }
}

#[test]
fn auto_hears_nothing_in_the_simple_profile() {
    let (pair, stream, kept) = play(pairs(one_path(Link::default()), SplitMode::Auto, MergeMode::Auto));
    assert_same_octets(&pair, stream, &kept, 5 * 1400);
    assert_eq!(kept.len(), 2 * pair.world.books.streams[&stream].packets.len());
    assert!(pair.got().lines.iter().any(|line| line.contains("merge=auto")), "{:?}", pair.got().lines);
}

#[test]
fn a_receiver_that_does_not_merge_gets_the_halves_in_order() {
    for setup in profiles(&two_paths(Link::lossy(0.1), Link { loss: 0.1, ..Link::delayed(20) }, 5)) {
        let (pair, stream, kept) = play(pairs(setup, SplitMode::Half, MergeMode::Off));
        assert_same_octets(&pair, stream, &kept, 10 * 700);
        assert!(pair.got().flow_reports.iter().all(|report| report.merge.is_none()));
    }
}

#[test]
fn a_receiver_that_merges_passes_on_what_was_not_split() {
    for setup in profiles(&one_path(Link::lossy(0.1))) {
        let (pair, stream, kept) = play(pairs(setup, SplitMode::Off, MergeMode::Pairs));
        assert_same_octets(&pair, stream, &kept, 5 * 1400);
        let lone = pair.got().flow_sum(|report| report.merge.map_or(0, |merge| merge.lone_first + merge.lone_second));
        assert_eq!(lone, kept.len() as u64);
    }
}

/// Losses that nothing repairs leave lone halves, and cost no block that came whole.
#[test]
fn what_stays_lost_costs_one_half() {
    let mut setup = one_path(Link::lossy(0.1));
    setup.peer.recovery = false;
    // A first half shows its label.
    setup.pattern.smallest = 60;
    let (pair, stream, kept) = play(pairs(setup, SplitMode::Half, MergeMode::Pairs));
    let written = &pair.world.books.streams[&stream].packets;
    let merge = pair.got().flow_reports.iter().filter_map(|report| report.merge);
    let (merged, first, second) = merge.fold((0, 0, 0), |(merged, first, second), merge| {
        (merged + merge.merged, first + merge.lone_first, second + merge.lone_second)
    });
    assert_eq!(merged + first + second, kept.len() as u64);
    assert_eq!(2 * merged + first + second, pair.got().flow_sum(|report| report.received));
    let share = merged as f64 / written.len() as f64;
    assert!((0.76..0.86).contains(&share), "{share} of the pairs came whole");
    // No time is lost waiting for the other half, and a gap is told of behind it.
    let mut expected = None;
    for (at, delivery) in &kept {
        let gap = delivery.discontinuity;
        let whole = workload::label(&delivery.payload).map(|(_, index)| (index, &written[index as usize]));
        if let Some((index, sent)) = whole {
            let latency = *at - sent.at;
            let due = Span::from_millis(10) + pair.setup.peer.buffer_max;
            assert!((latency - due).abs() <= TOLERANCE || index < 600, "block {index} after {latency:?}");
            let all = workload::payload(stream, index, sent.len);
            let half = delivery.payload.len() == all.len() / 2;
            assert!(all.starts_with(&delivery.payload) && (half || all.len() == delivery.payload.len()));
            assert!(expected.is_none_or(|expected| (expected != 2 * index) == gap), "block {index}: {gap}");
            expected = Some(2 * index + if half { 1 } else { 2 });
        } else {
            assert!(gap || expected.is_none(), "a second half alone follows a gap");
            expected = expected.map(|_| delivery.seq + 1);
        }
    }
}

#[test]
fn pairs_are_merged_in_every_timing_mode() {
    for timing_mode in [TimingMode::Source, TimingMode::Arrival, TimingMode::Rtc] {
        let mut setup = two_paths(Link::lossy(0.1), Link { loss: 0.1, ..Link::delayed(30) }, 5);
        setup.peer.timing_mode = timing_mode;
        let (pair, stream, kept) = play(pairs(setup, SplitMode::Half, MergeMode::Pairs));
        assert_same_octets(&pair, stream, &kept, 5 * 1400);
        let merged = pair.got().flow_sum(|report| report.merge.map_or(0, |merge| merge.merged));
        assert_eq!(merged, kept.len() as u64, "{timing_mode:?}");
    }
}

#[test]
fn a_sender_that_starts_again_is_merged_again() {
    let setup = one_path(Link::lossy(0.1)).main_profile();
    let mut pair = pairs(setup, SplitMode::Half, MergeMode::Auto).start();
    pair.world.hosts[pair.receiver].kept = Some(Vec::new());
    pair.settle();
    pair.write(Span::from_secs(5));
    pair.world.run_for(Span::from_millis(3333));
    pair.world.restart(pair.sender, SessionConfig { profile: Profile::Main, ..sender_config(FLOW) });
    pair.world.run_for(Span::from_millis(300));
    pair.call(0, 0);
    pair.settle();
    let second = pair.write(Span::from_secs(5));
    pair.world.run_for(Span::from_secs(5));
    pair.finish();
    let kept = pair.world.hosts[pair.receiver].kept.take().expect("kept");
    let mut blocks = [0, 0];
    for (_, delivery) in &kept {
        let Some((stream, index)) = workload::label(&delivery.payload) else { continue };
        let len = pair.world.books.streams[&stream].packets[index as usize].len;
        let whole = *delivery.payload == workload::payload(stream, index, len);
        // The last of the first run had nobody left to repeat them.
        assert!(whole || stream != second, "block {index} of stream {stream}");
        blocks[usize::from(stream == second)] += u32::from(whole);
    }
    assert!(blocks[0] > 500 && blocks[1] > 950, "{blocks:?} blocks of 667 and 1000");
    let starts: Vec<_> = kept.iter().filter(|(_, delivery)| delivery.flow_start).collect();
    assert_eq!(starts.len(), 2);
}
