//! Randomised worlds: a seed chooses everything, and any seed must keep every promise.

use crate::host::Clock;
use crate::network::{Bottleneck, Bursts, Link};
use crate::pair::{Pair, Path, Setup};
use crate::random::Random;
use crate::workload::Pattern;
use rist::crypto::psk::KeySize;
use rist::protocol::config::CongestionControl;
use rist::protocol::time::Span;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};

/// How many are run when `SIM_SEEDS` does not say.
const SEEDS: u64 = if cfg!(debug_assertions) { 200 } else { 2000 };

/// The world of a seed. Never change what an old seed means without need: see `regressions.rs`.
pub(crate) fn setup(seed: u64) -> Setup {
    let mut random = Random::new(seed);
    let paths = if random.chance(0.2) { 2 } else { 1 };
    let weight = random.pick(&[0, 5]);
    let mut setup = Setup::new(path(&mut random, weight));
    for _ in 1..paths {
        let next = path(&mut random, weight);
        setup.paths.push(next);
    }
    setup.seed = seed;
    setup.pattern = pattern(&mut random);
    widen_bottlenecks(&mut setup);
    setup.length = Span::from_secs(8);
    setup = setup.buffer(random.pick(&[100, 200, 400, 700, 1000, 2000]));
    setup.peer.reorder_buffer = random.pick(&[5, 15, 25, 70].map(Span::from_millis));
    setup.peer.session_timeout = random.pick(&[250, 1000, 2000].map(Span::from_millis));
    setup.peer.congestion_control =
        random.pick(&[CongestionControl::Off, CongestionControl::Normal, CongestionControl::Normal]);
    setup.sender_clock = clock(&mut random);
    setup.receiver_clock = clock(&mut random);
    setup.spurious = random.chance(0.5);
    setup
}

/// The same world in the Main profile: in clear text or encrypted, called by the sender or by the receiver.
pub(crate) fn main_setup(seed: u64) -> Setup {
    let mut random = Random::new(seed ^ 0x6d61_696e);
    let mut setup = setup(seed).main_profile();
    setup.reversed = random.chance(0.3);
    if random.chance(0.6) {
        setup = setup.secret(random.pick(&[KeySize::Aes128, KeySize::Aes192, KeySize::Aes256]));
        setup.peer.key_rotation = random.pick(&[0, 1, 10, 100, 1000]);
    }
    setup
}

/// A link that is too narrow for its media is nothing that recovery could help.
fn widen_bottlenecks(setup: &mut Setup) {
    let pattern = &setup.pattern;
    let burst = f64::from(pattern.burst) * (pattern.largest as f64 + 40.0) * 8.0;
    let enough = (4.0 * burst / pattern.interval.as_secs_f64()) as u64;
    for path in &mut setup.paths {
        for link in [&mut path.forth, &mut path.back] {
            if let Some(bottleneck) = &mut link.bottleneck {
                bottleneck.bits_per_second = bottleneck.bits_per_second.max(enough);
            }
        }
    }
}

fn clock(random: &mut Random) -> Clock {
    let ppm = random.pick(&[0, 0, -100, 100, 37]);
    let lead = random.millis(0, 6000);
    // The 32-bit RTP clock of 90 kHz comes round each 47,721.86 s.
    let wrapping = random.chance(0.3).then(|| Clock::wrapping_after(((50_000u128 << 64) / 90_000) as u64, lead));
    let wrapping = wrapping.unwrap_or_default();
    Clock { ppm, ..wrapping }
}

fn pattern(random: &mut Random) -> Pattern {
    let pauses = random.chance(0.2).then(|| (0.02, random.millis(50, 1500)));
    let largest = random.between(60, 1316) as usize;
    Pattern {
        interval: random.pick(&[4, 7, 10, 20, 40, 100].map(Span::from_millis)),
        variation: random.pick(&[0.0, 0.1, 0.9]),
        burst: random.pick(&[1, 1, 1, 4, 12]),
        smallest: if random.chance(0.5) { 40 } else { largest },
        largest,
        pauses,
        first_seq: None,
        compressible: false,
    }
}

fn path(random: &mut Random, weight: u32) -> Path {
    let loss = random.pick(&[0.0, 0.01, 0.05, 0.1, 0.25, 0.5]);
    let delay = random.millis(0, 120);
    let forth = link(random, delay, loss);
    let (back_delay, back_loss) =
        if random.chance(0.3) { (random.millis(0, 120), random.pick(&[0.0, 0.05, 0.3])) } else { (delay, loss) };
    let back = link(random, back_delay, back_loss);
    Path { forth, back, weight, backup: 0 }
}

fn link(random: &mut Random, delay: Span, loss: f64) -> Link {
    let mut link = Link { delay, loss, ..Link::default() };
    if random.chance(0.4) {
        link.jitter = random.millis(1, 30);
        link.overtaking = random.chance(0.5);
    }
    if random.chance(0.2) {
        let length = random.between(2, 20) as f64;
        link.bursts = Some(Bursts { enter: 0.01, leave: 1.0 / length, loss: random.pick(&[0.5, 1.0]) });
    }
    if random.chance(0.2) {
        link.duplicates = random.pick(&[0.01, 0.2]);
    }
    if random.chance(0.2) {
        link.reorder = random.pick(&[0.01, 0.1]);
        link.held_back = random.millis(1, 60);
    }
    if random.chance(0.1) {
        link.bottleneck = Some(Bottleneck { bits_per_second: 8_000_000, queue: Span::from_millis(50) });
    }
    if random.chance(0.1) {
        let from = random.millis(3000, 6000);
        link.outages.push((from, from + random.millis(20, 1500)));
    }
    link
}

/// Plays the world of a seed to its end.
pub(crate) fn play(setup: Setup) -> (Pair, u32) {
    play_on(setup.start())
}

fn play_on(mut pair: Pair) -> (Pair, u32) {
    let lead = pair.world.random.millis(0, 600);
    pair.world.run_for(lead);
    let stream = pair.play();
    (pair, stream)
}

/// Plays a world and checks every promise.
#[track_caller]
pub(crate) fn run(setup: Setup) {
    check(play(setup));
}

#[track_caller]
fn check((pair, stream): (Pair, u32)) {
    pair.assert(stream);
    pair.assert_counters(stream);
}

/// The same, but for the times of the source.
#[track_caller]
pub(crate) fn run_timeless(setup: Setup) {
    let mut pair = setup.start();
    let receiver = pair.receiver;
    pair.world.books.timeless.push(receiver);
    check(play_on(pair));
}

pub(crate) fn number(name: &str, otherwise: u64) -> u64 {
    std::env::var(name).map_or(otherwise, |text| text.parse().expect("a number of seeds"))
}

#[test]
fn any_seed_keeps_every_promise() {
    run_all(setup);
}

#[test]
fn any_seed_keeps_every_promise_in_the_main_profile() {
    run_all(main_setup);
}

fn run_all(setup: fn(u64) -> Setup) {
    run_seeds(SEEDS, |seed| run(setup(seed)));
}

/// Runs `SIM_SEEDS` worlds from `SIM_FIRST` on, and tells which of them failed.
pub(crate) fn run_seeds(otherwise: u64, run: impl Fn(u64) + Sync) {
    let first = number("SIM_FIRST", 0);
    let end = first + number("SIM_SEEDS", otherwise);
    let next = AtomicU64::new(first);
    let failed = Mutex::new(Vec::new());
    std::thread::scope(|scope| {
        for _ in 0..std::thread::available_parallelism().map_or(1, usize::from) {
            scope.spawn(|| {
                loop {
                    let seed = next.fetch_add(1, Ordering::Relaxed);
                    if seed >= end {
                        return;
                    }
                    if catch_unwind(AssertUnwindSafe(|| run(seed))).is_err() {
                        failed.lock().expect("no thread panics here").push(seed);
                    }
                }
            });
        }
    });
    let mut failed = failed.into_inner().expect("no thread panics here");
    failed.sort_unstable();
    assert!(failed.is_empty(), "{} of {} seeds failed: {failed:?}", failed.len(), end - first);
}

#[test]
fn the_same_seed_plays_the_same_world() {
    for setup in [setup(3), setup(14), main_setup(15), main_setup(16)] {
        let [(first, stream), (second, _)] = [play(setup.clone()), play(setup)];
        let fates = |pair: &Pair| format!("{:?}", pair.world.books.receptions.get(&(stream, pair.receiver)));
        assert_eq!(fates(&first), fates(&second));
        assert_eq!(first.sent().datagrams_sent, second.sent().datagrams_sent);
        assert_eq!(first.got().wakes, second.got().wakes);
    }
}

/// For one seed in hand: `SIM_FIRST=seed SIM_TRACE=1 cargo test --test simulation one_seed -- --nocapture`.
#[test]
fn one_seed() {
    run(setup(number("SIM_FIRST", 0)));
    run(main_setup(number("SIM_FIRST", 0)));
}
