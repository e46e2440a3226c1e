//! Settings at their ends, in any combination: whatever that is good for, it must neither panic nor spin.

use crate::network::Link;
use crate::pair::{Path, Setup};
use crate::random::Random;
use rist::protocol::config::{CongestionControl, MergeMode, SplitMode, TimingMode};
use rist::protocol::time::Span;

fn worlds() -> std::ops::Range<u64> {
    let number = |name: &str| std::env::var(name).ok().and_then(|text| text.parse().ok());
    let first = number("SIM_FIRST").unwrap_or(1);
    first..first + number("SIM_SEEDS").unwrap_or(60)
}

fn ends(random: &mut Random) -> u32 {
    random.pick(&[0, 1, 2, 100, 2000, i32::MAX as u32, u32::MAX - 1, u32::MAX])
}

fn span(random: &mut Random) -> Span {
    let ms = random.pick(&[0, 1, 5, 100, 2000, 30_000, u32::MAX]);
    Span::from_millis(ms)
}

fn setup(seed: u64) -> Setup {
    let mut random = Random::new(seed ^ 0x656e_6473);
    let path = |random: &mut Random| {
        let delay = random.pick(&[0, 5, 60, 400]);
        let loss = random.pick(&[0.0, 0.02, 0.2, 0.6]);
        let link = Link { loss, ..Link::delayed(delay) };
        Path { weight: ends(random), backup: ends(random), ..Path::both(link) }
    };
    let mut setup = Setup::new(path(&mut random));
    for _ in 0..random.upto(3) {
        let next = path(&mut random);
        setup.paths.push(next);
    }
    setup.seed = seed;
    setup.length = Span::from_secs(4);
    setup.spurious = random.chance(0.3);
    if random.chance(0.5) {
        setup = setup.main_profile();
        setup.reversed = random.chance(0.4);
    }
    let peer = &mut setup.peer;
    peer.buffer_min = Span::from_millis(random.pick(&[0, 1, 100, 1000]));
    peer.buffer_max = Span::from_millis(random.pick(&[0, 1, 100, 1000, 4000])).max(peer.buffer_min);
    peer.reorder_buffer = random.pick(&[Span::ZERO, Span::from_millis(15), Span::from_secs(30)]);
    peer.rtt_min = Span::from_millis(random.pick(&[0, 5, 500]));
    peer.rtt_max = span(&mut random);
    peer.rtt_drop = span(&mut random);
    peer.rtt_restore = span(&mut random);
    peer.rtt_drop_settle = span(&mut random);
    peer.rtt_drop_trickle = ends(&mut random);
    peer.recovery_priority = ends(&mut random);
    peer.recovery_depth = random.pick(&[0, 3, 16, 255]);
    peer.max_return_bitrate_kbps = ends(&mut random);
    peer.max_bitrate_kbps = ends(&mut random);
    peer.min_retries = ends(&mut random);
    peer.max_retries = ends(&mut random);
    peer.congestion_control =
        random.pick(&[CongestionControl::Off, CongestionControl::Normal, CongestionControl::Aggressive]);
    peer.timing_mode = random.pick(&[TimingMode::Source, TimingMode::Arrival, TimingMode::Rtc]);
    peer.split = random.pick(&[SplitMode::Off, SplitMode::Auto, SplitMode::Half]);
    peer.merge = random.pick(&[MergeMode::Off, MergeMode::Pairs, MergeMode::Auto]);
    setup
}

#[test]
fn settings_at_their_ends_neither_panic_nor_spin() {
    for seed in worlds() {
        let setup = setup(seed);
        let told = format!("seed {seed}: {setup:?}");
        let played = std::panic::catch_unwind(|| {
            let mut pair = setup.start();
            pair.settle();
            pair.write(pair.setup.length);
            pair.world.run_for(pair.setup.length + Span::from_secs(3));
            let wakes = pair.sent().wakes + pair.got().wakes;
            assert!(wakes < 400_000, "{wakes} wakes");
        });
        assert!(played.is_ok(), "{told}");
    }
}
