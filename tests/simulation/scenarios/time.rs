//! Clocks that drift and numbers that wrap.

use crate::host::Clock;
use crate::network::Link;
use crate::pair::{Pair, Path, Setup};
use crate::workload::Pattern;
use rist::protocol::config::TimingMode;
use rist::protocol::time::Span;

/// NTP ticks of one round of the 32-bit 90 kHz clock, times `rounds`.
fn rtp_round(rounds: u128) -> u64 {
    ((rounds << 64) / 90_000) as u64
}

fn lossy() -> Setup {
    Setup::new(Path::both(Link::lossy(0.05)))
}

#[track_caller]
fn nothing_lost(setup: Setup) -> Pair {
    let mut pair = setup.start();
    pair.settle();
    let stream = pair.play();
    let verdict = pair.assert(stream);
    pair.assert_counters(stream);
    verdict.assert_complete();
    pair
}

/// Long runs are shorter where nothing is optimised.
fn hours(hours: u32) -> Span {
    Span::from_secs(if cfg!(debug_assertions) { 900 } else { hours * 3600 })
}

#[track_caller]
fn drifting(sender: i64, receiver: i64) {
    let mut setup = Setup::new(Path::both(Link { jitter: Span::from_millis(4), ..Link::lossy(0.02) })).buffer(300);
    setup.sender_clock.ppm = sender;
    setup.receiver_clock.ppm = receiver;
    setup.pattern = Pattern::every(40);
    setup.length = hours(2);
    nothing_lost(setup);
}

#[test]
fn a_fast_sender_keeps_its_latency_for_hours() {
    drifting(100, 0);
}

#[test]
fn a_slow_sender_keeps_its_latency_for_hours() {
    drifting(-100, 0);
}

#[test]
fn opposite_drifts_keep_their_latency_for_hours() {
    drifting(100, -100);
    drifting(-100, 100);
}

#[test]
fn the_16_bit_sequence_wraps_unnoticed() {
    let mut setup = lossy();
    setup.pattern = Pattern::every(2);
    // 150,000 packets: two wraps.
    setup.length = Span::from_secs(300);
    nothing_lost(setup);
}

#[test]
fn the_90_khz_clock_wraps_unnoticed() {
    let mut setup = lossy();
    setup.sender_clock = Clock::wrapping_after(rtp_round(49_000), Span::from_secs(5));
    nothing_lost(setup);
}

#[test]
fn the_90_khz_clock_wraps_unnoticed_on_a_lossy_jittery_path() {
    for lead in [1, 700, 999, 1000, 1500] {
        let link = Link { jitter: Span::from_millis(20), overtaking: true, ..Link::lossy(0.2) };
        let mut setup = Setup::new(Path::both(link));
        setup.sender_clock = Clock::wrapping_after(rtp_round(49_000), Span::from_millis(lead));
        nothing_lost(setup);
    }
}

#[test]
fn fourteen_hours_pass_unnoticed() {
    let mut setup = lossy();
    setup.pattern = Pattern::every(250);
    setup.length = hours(14);
    let mut pair = setup.start();
    pair.settle();
    let stream = pair.play();
    let verdict = pair.assert(stream);
    pair.assert_counters(stream);
    // Four packets in a row are lost now and then: a gap of the whole buffer.
    assert!(verdict.lost <= 8, "{} lost", verdict.lost);
}

#[test]
fn the_wall_clock_may_pass_the_end_of_its_era() {
    // NTP's 32 bits of seconds come round in February 2036: here three seconds after the start.
    let mut setup = lossy();
    setup.peer.timing_mode = TimingMode::Rtc;
    let ahead = Span::from_ticks(0u64.wrapping_sub(Clock::default().start.ticks()) as i64) - Span::from_secs(3);
    let mut pair = setup.start();
    for host in [pair.sender, pair.receiver] {
        pair.world.hosts[host].session.set_wall_clock(ahead);
    }
    pair.settle();
    let stream = pair.play();
    // Release is by the sender's wall clock: the link's delay is inside the buffer, or on top of it.
    let verdict = pair.bounds().released_after_delay_of(Span::ZERO).check(&pair.world, stream, pair.receiver);
    verdict.assert(&pair.setup);
    verdict.assert_complete();
}

#[test]
fn a_stream_goes_on_after_an_hour_of_silence() {
    let mut pair = lossy().start();
    pair.settle();
    let first = pair.play();
    pair.assert(first);
    pair.world.run_for(Span::from_secs(3600));
    let second = pair.play();
    let verdict = pair.assert(second);
    verdict.assert_complete();
}

#[test]
fn a_stream_goes_on_after_more_than_a_round_of_the_90_khz_clock() {
    let mut pair = lossy().start();
    pair.settle();
    let first = pair.play();
    pair.assert(first);
    pair.world.run_for(Span::from_secs(50_000));
    let second = pair.play();
    let verdict = pair.assert(second);
    verdict.assert_complete();
}

#[test]
fn an_application_may_number_its_packets() {
    for first in [1, 65_000, 0xffff_ff00] {
        let mut setup = lossy();
        setup.pattern.first_seq = Some(first);
        nothing_lost(setup);
    }
}
