//! Tests: numbers, framings and clocks that change in mid-stream, or that are mixed.

use super::*;
use crate::properties::cases;
use crate::protocol::output::Delivery;
use proptest::prelude::*;
use std::collections::{BTreeMap, BTreeSet};

const START: Time = Time::from_ticks(0x83AA_7E80 << 32);
const INTERVAL_US: u64 = 5000;

/// What a sender's timestamps count.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Sender {
    Main,
    Microseconds,
    Shifted,
    /// libRIST up to 0.2.18.
    Fast,
}

impl Sender {
    /// Of a packet written at `us` of its own clock.
    fn stamp(self, us: u64) -> Stamp {
        match self {
            Sender::Main => Stamp::Rtp { timestamp: (us * 9 / 100) as u32, rate: Some(90_000) },
            Sender::Microseconds => Stamp::Advanced { timestamp: us as u32 },
            Sender::Shifted => Stamp::Advanced { timestamp: (us << 16) as u32 },
            // Real times are not whole microseconds.
            Sender::Fast => {
                Stamp::Advanced { timestamp: ((us << 16) as u32).wrapping_add((us as u32).wrapping_mul(7919) | 1) }
            }
        }
    }

    fn numbers(self) -> Numbers {
        if self == Sender::Main { Numbers::Short } else { Numbers::Long }
    }
}

fn at(us: u64) -> Time {
    START + Span::from_ticks(((u128::from(us) << 32) / 1_000_000) as i64)
}

/// A flow, with what has been handed out and when.
struct Bench {
    flow: Flow,
    pool: Arc<Pool>,
    first: u32,
    out: Vec<(u64, Delivery)>,
}

impl Bench {
    fn new(buffer_ms: u32, clock: AdvancedClock, first: u32) -> Self {
        let config = FlowConfig { clock, ..testing::config(Span::from_millis(buffer_ms)) };
        let mut flow = Flow::new(2, config);
        for peer in [1, 3] {
            testing::add_path(&mut flow, PeerId(peer), Some(Span::from_millis(20)), 0);
        }
        Self { flow, pool: Pool::new(), first, out: Vec::new() }
    }

    /// Packet `n`, written at `wrote` of the sender's clock, comes at `came`.
    fn come(&mut self, came: u64, path: u32, n: u32, sender: Sender, wrote: u64, retransmit: bool) -> bool {
        self.deliver(came);
        let seq = self.first.wrapping_add(n) & sender.numbers().mask();
        let payload = n.to_be_bytes();
        let arrival = testing::arrival(at(came), PeerId(path), seq, sender.numbers(), sender.stamp(wrote), &payload);
        self.flow.receive(&Arrival { retransmit, ..arrival }, &self.pool)
    }

    fn deliver(&mut self, us: u64) {
        let mut out = Vec::new();
        while let Some(due) = self.flow.next_release().filter(|due| *due <= at(us)) {
            self.flow.deliver(due, &mut out);
            self.out.extend(out.drain(..).map(|delivery| (due.since(START).as_micros(), delivery)));
        }
    }

    fn order(&self) -> Vec<u32> {
        self.out.iter().map(|(_, out)| number(out)).collect()
    }
}

fn number(out: &Delivery) -> u32 {
    u32::from_be_bytes(out.payload[..].try_into().expect("four octets"))
}

/// Evenly written, for so many seconds; lateness by number. Latencies of what was handed out, microseconds.
fn run(
    bench: &mut Bench,
    sender: impl Fn(u32) -> Sender,
    seconds: u64,
    ppm: i64,
    late: impl Fn(u32) -> u64,
) -> Vec<i64> {
    let began = 7_777_777_777_777;
    let count = (seconds * 1_000_000 / INTERVAL_US) as u32;
    let mut coming: Vec<(u64, u32)> = (0..count).map(|n| (u64::from(n) * INTERVAL_US + late(n), n)).collect();
    coming.sort_unstable();
    for (came, n) in coming {
        let wrote = u64::from(n) * INTERVAL_US;
        let drift = wrote as i64 * ppm / 1_000_000;
        bench.come(came, 1, n, sender(n), (began + wrote).wrapping_add_signed(drift), false);
    }
    bench.deliver(u64::from(count) * INTERVAL_US + 5_000_000);
    assert!(bench.order().into_iter().eq(0..count), "all, in order");
    bench.out.iter().map(|(due, out)| *due as i64 - (u64::from(number(out)) * INTERVAL_US) as i64).collect()
}

/// Up to so many microseconds, the same for each run.
fn jitter(n: u32, most: u64) -> u64 {
    (u64::from(n).wrapping_mul(0x9E37_79B9_7F4A_7C15) >> 40) % (most + 1)
}

#[test]
fn every_clock_of_ten_minutes_keeps_the_latency_and_librists_old_one_never_shortens_it() {
    for sender in [Sender::Main, Sender::Microseconds, Sender::Shifted, Sender::Fast] {
        for (ppm, most) in [(0, 0), (100, 20_000), (-100, 20_000)] {
            let mut bench = Bench::new(300, AdvancedClock::Auto, u32::MAX - 30_000);
            let latencies = run(&mut bench, |_| sender, 600, ppm, |n| jitter(n, most));
            let settled = &latencies[1000..];
            let (least, greatest) = (settled.iter().min().expect("some"), settled.iter().max().expect("some"));
            let spread = if sender == Sender::Fast { most as i64 + 5000 } else { 5000 };
            assert!(*least >= 299_000, "{sender:?} {ppm}: {least}");
            assert!(greatest - least <= spread, "{sender:?} {ppm}: {least} to {greatest}");
        }
    }
}

#[test]
fn a_clock_that_was_told_is_taken() {
    for (clock, sender) in [(AdvancedClock::Megahertz, Sender::Microseconds), (AdvancedClock::Shifted, Sender::Shifted)]
    {
        let mut bench = Bench::new(300, clock, 0);
        let latencies = run(&mut bench, |_| sender, 10, 0, |n| jitter(n, 20_000));
        assert!(latencies[200..].iter().all(|latency| (299_000..305_000).contains(latency)), "{clock:?}");
    }
    // Told wrongly, nothing comes early.
    for (clock, sender) in [
        (AdvancedClock::Megahertz, Sender::Shifted),
        (AdvancedClock::Shifted, Sender::Microseconds),
        (AdvancedClock::Megahertz, Sender::Fast),
    ] {
        let mut bench = Bench::new(300, clock, 0);
        let latencies = run(&mut bench, |_| sender, 30, 0, |n| jitter(n, 20_000));
        assert!(latencies.iter().all(|latency| (251_000..=335_000).contains(latency)), "{clock:?} {sender:?}");
    }
}

#[test]
fn a_change_of_framing_keeps_the_latency() {
    for (before, after) in [
        (Sender::Main, Sender::Microseconds),
        (Sender::Main, Sender::Shifted),
        (Sender::Main, Sender::Fast),
        (Sender::Microseconds, Sender::Main),
        (Sender::Shifted, Sender::Main),
        (Sender::Fast, Sender::Main),
        // Another sender goes on with the numbers.
        (Sender::Microseconds, Sender::Shifted),
        (Sender::Shifted, Sender::Microseconds),
        (Sender::Fast, Sender::Microseconds),
        (Sender::Microseconds, Sender::Fast),
    ] {
        for first in [0, 0xFFFF_FC10, 0x1234_F000] {
            let mut bench = Bench::new(300, AdvancedClock::Auto, first);
            let sender = |n| if n < 1000 { before } else { after };
            let latencies = run(&mut bench, sender, 20, 0, |n| jitter(n, 10_000));
            let range = latencies.iter().min()..=latencies.iter().max();
            assert!(
                latencies.iter().all(|latency| (299_000..=312_000).contains(latency)),
                "{before:?} {after:?}: {range:?}"
            );
            assert_eq!(bench.flow.has_long_numbers(), before != Sender::Main || after != Sender::Main);
            let last = bench.out.last().expect("some").1.seq;
            assert_eq!(last, first.wrapping_add(3999), "{before:?} {after:?}");
        }
    }
}

#[test]
fn a_clock_that_stands_still_or_leaps_does_not_empty_the_buffer() {
    type Clock = fn(u64) -> u64;
    let strange: [(&str, Clock); 4] = [
        ("stands still", |us| us.min(5_000_000)),
        ("leaps back", |us| if us < 5_000_000 { us + 50_000_000 } else { us }),
        ("leaps forward", |us| if us < 5_000_000 { us } else { us + 50_000_000 }),
        ("half as fast", |us| us.min(5_000_000) + us.saturating_sub(5_000_000) / 2),
    ];
    for (name, clock) in strange {
        for sender in [Sender::Microseconds, Sender::Shifted] {
            let mut bench = Bench::new(300, AdvancedClock::Auto, 0);
            for n in 0..3000u32 {
                let us = u64::from(n) * INTERVAL_US;
                assert!(bench.come(us, 1, n, sender, 1_000_000 + clock(us), false), "{name} {n}");
            }
            bench.deliver(60_000_000);
            assert_eq!(bench.out.len(), 3000);
            for (due, out) in &bench.out {
                let latency = *due as i64 - i64::from(number(out)) * INTERVAL_US as i64;
                let settled = number(out) < 1000 || number(out) > 1400;
                let least = if settled { 250_000 } else { 195_000 };
                assert!((least..=340_000).contains(&latency), "{name} {sender:?} {}: {latency}", number(out));
            }
        }
    }
}

#[test]
fn the_clock_is_found_again_after_a_silence() {
    for sender in [Sender::Microseconds, Sender::Shifted, Sender::Fast] {
        for silence in [5_000_000, 30_000_000, 5_000_000_000] {
            let mut bench = Bench::new(300, AdvancedClock::Auto, 0);
            let time = |n: u32| u64::from(n) * INTERVAL_US + if n < 1000 { 0 } else { silence };
            for n in 0..2000u32 {
                let wrote = time(n) + time(n) / 10_000;
                assert!(bench.come(time(n) + jitter(n, 4000), 1, n, sender, wrote, false), "{sender:?} {n}");
            }
            bench.deliver(silence + 60_000_000);
            assert!(bench.order().into_iter().eq(0..2000));
            for (due, out) in &bench.out {
                let latency = *due as i64 - time(number(out)) as i64;
                assert!((298_000..=340_000).contains(&latency), "{sender:?} {silence} {}: {latency}", number(out));
            }
        }
    }
}

#[test]
fn reports_of_the_wall_clock_count_whatever_the_timestamps_do() {
    let wall_ahead = Span::from_secs(5);
    for sender in [Sender::Main, Sender::Microseconds, Sender::Shifted, Sender::Fast] {
        let mut bench = Bench::new(300, AdvancedClock::Auto, 0);
        bench.flow.configure(FlowConfig { timing_mode: TimingMode::Rtc, ..*bench.flow.config() });
        bench.flow.set_wall_clock(wall_ahead);
        for n in 0..2000u32 {
            let us = u64::from(n) * INTERVAL_US;
            let came = us + 10_000 + jitter(n, 4000);
            bench.come(came, 1, n, sender, us, false);
            if n % 20 == 0 {
                bench.flow.sender_report(at(came), (at(us) + wall_ahead).ticks(), (us * 9 / 100) as u32);
            }
        }
        bench.deliver(60_000_000);
        for (due, out) in bench.out.iter().filter(|(_, out)| number(out) > 500) {
            let latency = *due as i64 - i64::from(number(out)) * INTERVAL_US as i64;
            assert!((297_000..=306_000).contains(&latency), "{sender:?} {}: {latency}", number(out));
        }
    }
}

/// Repairs have the source time of their originals, whatever is late.
#[test]
fn repairs_come_in_their_own_time() {
    for sender in [Sender::Main, Sender::Microseconds, Sender::Shifted, Sender::Fast] {
        let mut bench = Bench::new(500, AdvancedClock::Auto, 77);
        let lost = |n: u32| n > 200 && n % 7 == 3;
        let mut coming = BTreeSet::new();
        for n in 0..2000u32 {
            let us = u64::from(n) * INTERVAL_US;
            coming.insert(if lost(n) { (us + 90_000 + jitter(n, 200_000), n, true) } else { (us, n, false) });
        }
        for (came, n, repair) in coming {
            assert!(bench.come(came, 1, n, sender, u64::from(n) * INTERVAL_US, repair), "{sender:?} {n}");
            bench.flow.due_requests(at(came));
        }
        bench.deliver(20_000_000);
        assert!(bench.order().into_iter().eq(0..2000));
        for (due, out) in &bench.out {
            let latency = *due as i64 - i64::from(number(out)) * INTERVAL_US as i64;
            assert!((499_000..=502_000).contains(&latency), "{sender:?} {}: {latency}", number(out));
        }
    }
}

/// Two legs in different framings bring everything: no packet twice, none is missing.
#[test]
fn legs_in_different_framings_bring_one_stream() {
    for (quick, slow) in [(Sender::Main, Sender::Shifted), (Sender::Microseconds, Sender::Main)] {
        let mut bench = Bench::new(300, AdvancedClock::Auto, 65_000);
        let mut coming = BTreeSet::new();
        for n in 0..4000u32 {
            let us = u64::from(n) * INTERVAL_US;
            if n % 5 != 0 || n == 0 {
                coming.insert((us, n, 1));
            }
            if n % 3 != 0 {
                coming.insert((us + 30_000, n, 3));
            }
        }
        for (came, n, path) in coming {
            let sender = if path == 1 { quick } else { slow };
            bench.come(came, path, n, sender, 9_000_000 + u64::from(n) * INTERVAL_US, false);
        }
        bench.deliver(60_000_000);
        let expected: Vec<u32> = (0..4000).filter(|n| *n == 0 || n % 15 != 0).collect();
        assert_eq!(bench.order(), expected, "{quick:?} {slow:?}");
        let latencies = bench.out.iter().map(|(due, out)| *due as i64 - i64::from(number(out)) * INTERVAL_US as i64);
        let range = latencies.clone().min().zip(latencies.max()).expect("some");
        assert!(range.0 >= 295_000 && range.1 <= 335_000, "{quick:?} {slow:?}: {range:?}");
    }
}

#[test]
fn a_sender_that_begins_again_in_the_other_framing_is_not_taken_for_the_old_one() {
    for (before, after) in [(Sender::Main, Sender::Microseconds), (Sender::Fast, Sender::Main)] {
        let mut bench = Bench::new(300, AdvancedClock::Auto, 0);
        for n in 0..1000u32 {
            bench.come(u64::from(n) * INTERVAL_US, 1, n, before, u64::from(n) * INTERVAL_US, false);
        }
        let again = 15_000_000;
        for n in 0..1000u32 {
            bench.come(again + u64::from(n) * INTERVAL_US, 1, n, after, u64::from(n) * INTERVAL_US, false);
        }
        bench.deliver(again + 60_000_000);
        assert!(bench.order().into_iter().eq((0..1000).chain(0..1000)), "{before:?} {after:?}: {}", bench.out.len());
    }
}

#[test]
fn requests_have_the_numbers_of_the_wire() {
    let first = 0xABCD_FFF0;
    let mut bench = Bench::new(300, AdvancedClock::Auto, first);
    for n in (0..40u32).filter(|n| ![15, 25].contains(n)) {
        let sender = if n < 20 { Sender::Main } else { Sender::Microseconds };
        bench.come(u64::from(n) * INTERVAL_US, 1, n, sender, u64::from(n) * INTERVAL_US, false);
    }
    let asked: Vec<u32> = bench.flow.due_requests(at(210_000)).into_iter().flat_map(|(_, seqs)| seqs).collect();
    assert_eq!(asked, [first + 15, first + 25]);
    assert_eq!(bench.flow.highest_seq(), first + 39);
    assert_eq!(bench.flow.reception(PeerId(1)).expect("known").0, first + 39);
    // The tail's count has to agree in all of its bits.
    let next = first + 40;
    for count in [next; 3].into_iter().chain([next + 4]) {
        bench.flow.announced(at(210_000), PeerId(1), count);
    }
    assert_eq!(bench.flow.requests.count(), 6);
    let mut bench = Bench::new(300, AdvancedClock::Auto, first);
    for n in 0..40u32 {
        bench.come(u64::from(n) * INTERVAL_US, 1, n, Sender::Microseconds, u64::from(n) * INTERVAL_US, false);
    }
    for count in [next; 3].into_iter().chain([next + 4]) {
        bench.flow.announced(at(210_000), PeerId(1), count & 0xFFFF);
    }
    assert_eq!(bench.flow.requests.count(), 0);
}

#[test]
fn halves_of_a_pair_are_one_where_only_the_arrival_counts() {
    let mut bench = Bench::new(300, AdvancedClock::Auto, 0);
    let merging = Merging { mode: crate::protocol::config::MergeMode::Pairs, announced: false };
    bench.flow.configure(FlowConfig { merging, ..*bench.flow.config() });
    for n in 0..100u32 {
        let us = u64::from(n / 2) * 10_000;
        bench.come(us + u64::from(n % 2) * 300, 1, n, Sender::Fast, us, false);
    }
    bench.deliver(10_000_000);
    assert_eq!(bench.out.len(), 50);
    assert!(bench.out.iter().all(|(_, out)| out.payload.len() == 8));
}

/// What becomes of one packet on the way.
#[derive(Debug, Clone, Copy)]
struct Fate {
    lost: bool,
    late_ms: u32,
    advanced: bool,
}

prop_compose! {
    fn fate()(
        lost in prop::bool::weighted(0.15),
        late_ms in prop_oneof![3 => Just(0u32), 1 => 0u32..40],
        advanced: bool,
    ) -> Fate {
        Fate { lost, late_ms, advanced }
    }
}

proptest! {
    #![proptest_config(cases(60))]

    /// The framing changes at `change`, around there both are mixed; repairs come in the framing of the moment.
    #[test]
    fn nothing_is_lost_repeated_or_reordered_by_a_change(
        first: u32,
        fates in prop::collection::vec(fate(), 100..400),
        change in 20u32..80,
        mixed in 0u32..40,
        back: bool,
        clock in prop::sample::select(vec![Sender::Microseconds, Sender::Shifted, Sender::Fast]),
    ) {
        let mut bench = Bench::new(400, AdvancedClock::Auto, first);
        let count = fates.len() as u32;
        let framing = |n: u32, fate: &Fate| {
            let advanced = if n < change { false } else if n < change + mixed { fate.advanced } else { true };
            if advanced != back { clock } else { Sender::Main }
        };
        let mut coming: BTreeMap<(u32, u32), (Sender, bool)> = BTreeMap::new();
        for (n, fate) in (0..count).zip(&fates) {
            let ends = n == 0 || n + 10 > count;
            let sent = n * 5;
            if ends || !fate.lost {
                coming.insert((sent + if ends { 0 } else { fate.late_ms }, n), (framing(n, fate), false));
            }
        }
        let mut taken = BTreeSet::new();
        for ms in 0..count * 5 + 1000 {
            let now: Vec<_> = coming.range((ms, 0)..(ms + 1, 0)).map(|((_, n), how)| (*n, *how)).collect();
            for (n, (sender, retransmit)) in now {
                let (came, wrote) = (u64::from(ms) * 1000, 3_000_000_000 + u64::from(n) * 5000);
                let is_new = bench.come(came, 1, n, sender, wrote, retransmit);
                prop_assert_eq!(is_new, taken.insert(n), "{} {:?}", n, sender);
            }
            let us = u64::from(ms) * 1000;
            bench.deliver(us);
            for (_, seqs) in bench.flow.due_requests(at(us)) {
                for seq in seqs {
                    let n = if bench.flow.has_long_numbers() { seq.wrapping_sub(first) } else { seq.wrapping_sub(first) & 0xFFFF };
                    prop_assert!(n < count && !taken.contains(&n), "{n} was asked for");
                    let newest = (ms / 5).min(count - 1);
                    coming.insert((ms + 21, n), (framing(newest, &fates[newest as usize]), true));
                }
            }
        }
        bench.deliver(u64::from(count) * 5000 + 5_000_000);
        prop_assert!(bench.order().into_iter().eq(0..count), "all, in order");
        for (due, out) in &bench.out {
            let latency = *due as i64 - i64::from(number(out)) * 5000;
            // A repair of the other framing is placed between its neighbours: within one interval.
            prop_assert!((395_000..=445_000).contains(&latency), "{}: {}", number(out), latency);
        }
    }
}
