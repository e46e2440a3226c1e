//! Settings that decide when a packet is handed out: timing modes, recovery buffer, source time.

use crate::books::NEVER;
use crate::host::Clock;
use crate::network::Link;
use crate::pair::{FLOW, PORT, Pair, Path, Setup, listen, receiver_config, sender_config};
use crate::workload::Pattern;
use crate::world::{World, address};
use rist::protocol::config::{PeerConfig, TimingMode};
use rist::protocol::time::Span;
use rist::wire::rtcp::{self, ReceiverReport};
use std::net::SocketAddr;

const INTERVAL: Span = Span::from_millis(5);

fn timed(mode: TimingMode, link: Link) -> Setup {
    let mut setup = Setup::new(Path::new(link, Link::delayed(10))).buffer(400);
    setup.peer.timing_mode = mode;
    setup
}

/// When each packet was written, when a first transmission of it arrived, when it was handed out; all delivered.
fn times(pair: &Pair, stream: u32) -> Vec<(Span, Span, Span)> {
    let written = &pair.world.books.streams[&stream].packets;
    let reception = &pair.world.books.receptions[&(stream, pair.receiver)];
    assert!(pair.world.books.violations.is_empty(), "{:#?}", pair.world.books.violations);
    let times = written.iter().zip(&reception.fates).map(|(written, fate)| (written.at, fate.seen[0], fate.delivered));
    let times: Vec<_> = times.collect();
    assert!(times.len() == written.len() && times.iter().all(|(_, _, delivered)| *delivered != NEVER));
    times
}

#[track_caller]
fn near(span: Span, expected: Span, tolerance: Span) {
    assert!((span - expected).abs() <= tolerance, "{} ms, not {}", span.as_millis_f64(), expected.as_millis_f64());
}

const MS: Span = Span::from_millis(1);

/// The longest and the shortest time between two deliveries from packet `from` on.
fn paces(times: &[(Span, Span, Span)], from: usize) -> (Span, Span) {
    let gaps = || times[from..].windows(2).map(|pair| pair[1].2 - pair[0].2);
    (gaps().min().expect("packets"), gaps().max().expect("packets"))
}

#[test]
fn source_timing_takes_the_jitter_out() {
    let link = Link { jitter: Span::from_millis(30), loss: 0.05, ..Link::default() };
    let mut pair = timed(TimingMode::Source, link).start();
    pair.settle();
    let stream = pair.play();
    let (least, most) = paces(&times(&pair, stream), 400);
    near(least, INTERVAL, MS);
    near(most, INTERVAL, MS);
}

#[test]
fn arrival_timing_keeps_the_jitter_and_hands_out_one_buffer_after_reception() {
    let link = Link { jitter: Span::from_millis(30), ..Link::default() };
    let mut pair = timed(TimingMode::Arrival, link).start();
    pair.settle();
    let stream = pair.play();
    for (_, seen, delivered) in &times(&pair, stream)[100..] {
        near(*delivered - *seen, Span::from_millis(400), MS);
    }
}

#[test]
fn arrival_timing_gives_repaired_packets_their_place_and_pace() {
    let mut pair = timed(TimingMode::Arrival, Link::lossy(0.2)).start();
    pair.settle();
    let stream = pair.play();
    let times = times(&pair, stream);
    assert!(times.iter().filter(|(_, seen, _)| *seen == NEVER).count() > 300);
    let (least, most) = paces(&times, 100);
    near(least, INTERVAL, MS);
    near(most, INTERVAL, MS);
}

#[test]
fn arrival_timing_without_recovery_is_not_held_up_by_disorder() {
    let link = Link { reorder: 0.1, held_back: Span::from_millis(12), ..Link::default() };
    let mut setup = timed(TimingMode::Arrival, link);
    setup.peer.recovery = false;
    let mut pair = setup.start();
    pair.settle();
    let stream = pair.play();
    for (written, _, delivered) in &times(&pair, stream)[100..] {
        near(*delivered - *written, Span::from_millis(410), MS.scaled(2, 1));
    }
}

/// Both wall clocks show the same time, the receiver's `fast` more; their monotonic clocks have nothing in common.
fn by_wall_clock(link: Link, fast: Span) -> Pair {
    let mut setup = timed(TimingMode::Rtc, link);
    setup.sender_clock = Clock { start: Clock::default().start + Span::from_secs(12_345), ppm: 0 };
    setup.receiver_clock = Clock { start: Clock::default().start + Span::from_secs(77), ppm: 0 };
    let mut pair = setup.start();
    let wall = Clock::default().start + Span::from_secs(1_000_000);
    for (host, ahead) in [(pair.sender, Span::ZERO), (pair.receiver, fast)] {
        let ahead = wall.since(pair.world.hosts[host].clock.start) + ahead;
        pair.world.hosts[host].session.set_wall_clock(ahead);
    }
    pair
}

#[test]
fn rtc_timing_hands_out_one_buffer_after_writing_whatever_the_link_takes() {
    for delay in [5, 60] {
        let link = Link { jitter: Span::from_millis(20), loss: 0.05, ..Link::delayed(delay) };
        let mut pair = by_wall_clock(link, Span::ZERO);
        pair.settle();
        let stream = pair.play();
        for (written, _, delivered) in times(&pair, stream) {
            near(delivered - written, Span::from_millis(400), MS);
        }
    }
}

#[test]
fn rtc_timing_begins_with_the_first_packet() {
    let mut pair = by_wall_clock(Link::delayed(60), Span::ZERO);
    // The first report of all has to know the wall clock, too.
    pair.world.restart(pair.sender, sender_config(FLOW));
    let ahead = (Clock::default().start + Span::from_secs(1_000_000)).since(pair.world.hosts[pair.sender].clock.start);
    pair.world.hosts[pair.sender].session.set_wall_clock(ahead);
    pair.call(0, 0);
    let stream = pair.write(Span::from_secs(3));
    pair.world.run_for(Span::from_secs(5));
    let fates = &pair.world.books.receptions[&(stream, pair.receiver)].fates;
    let written = &pair.world.books.streams[&stream].packets;
    for (written, fate) in written.iter().zip(fates).filter(|(_, fate)| fate.delivered != NEVER) {
        near(fate.delivered - written.at, Span::from_millis(400), MS);
    }
}

#[test]
fn rtc_timing_follows_the_wall_clocks() {
    let mut pair = by_wall_clock(Link::default(), Span::from_millis(100));
    pair.settle();
    let stream = pair.play();
    for (written, _, delivered) in times(&pair, stream) {
        near(delivered - written, Span::from_millis(300), MS);
    }
}

/// A receiver that is sent a named stream without any sender report.
#[test]
fn rtc_timing_without_a_sender_report_is_source_timing() {
    let mut world = World::new(1);
    let receiver = world.add_host(receiver_config(), Clock::default());
    let config = PeerConfig {
        timing_mode: TimingMode::Rtc,
        buffer_min: Span::from_millis(400),
        buffer_max: Span::from_millis(400),
        ..PeerConfig::default()
    };
    listen(&mut world, receiver, 0, &config);
    world.hosts[receiver].session.set_wall_clock(Span::from_secs(1_000_000));
    world.hosts[receiver].kept = Some(Vec::new());
    let from = |port| SocketAddr::new(address(0, 9), port);
    let to = |port| SocketAddr::new(address(0, receiver), port);
    let mut name = Vec::new();
    rtcp::write_receiver_report(&mut name, &ReceiverReport { ssrc: FLOW, block: None });
    rtcp::write_sdes(&mut name, FLOW, b"reportless");
    world.inject(from(7001), to(PORT + 1), name);
    for seq in 0..100u16 {
        world.run_for(INTERVAL);
        let mut packet = vec![0x80, 33];
        packet.extend_from_slice(&seq.to_be_bytes());
        packet.extend_from_slice(&(u32::from(seq) * 450).to_be_bytes());
        packet.extend_from_slice(&FLOW.to_be_bytes());
        packet.extend_from_slice(b"media");
        world.inject(from(7000), to(PORT), packet);
    }
    world.run_for(Span::from_secs(1));
    let kept = world.hosts[receiver].kept.take().expect("kept");
    assert_eq!(kept.len(), 100);
    for (at, delivery) in kept {
        near(at, INTERVAL.scaled(i64::from(delivery.seq) + 1, 1) + Span::from_millis(400), MS);
    }
}

/// Latency beyond the link's delay at each delivery of a stream that runs for `length`.
fn latencies(pair: &Pair, stream: u32, delay: Span) -> Vec<Span> {
    times(pair, stream).iter().map(|(written, _, delivered)| *delivered - *written - delay).collect()
}

fn windowed(delay: u32, min: u32, max: u32) -> Setup {
    let mut setup = Setup::new(Path::both(Link::delayed(delay)));
    (setup.peer.buffer_min, setup.peer.buffer_max) = (Span::from_millis(min), Span::from_millis(max));
    setup.length = Span::from_secs(30);
    setup
}

/// Plays over a round trip of 2 × `delay`; the buffer must go from the middle of the window to `goal` smoothly.
#[track_caller]
fn moves_to(delay: u32, (min, max): (u32, u32), goal: u32) {
    let mut pair = windowed(delay, min, max).start();
    pair.settle();
    let stream = pair.play();
    let latencies = latencies(&pair, stream, Span::from_millis(delay));
    near(latencies[0], Span::from_millis((min + max) / 2), MS.scaled(2, 1));
    near(latencies[latencies.len() - 1], Span::from_millis(goal), MS.scaled(3, 1));
    let steps = || latencies.windows(2).map(|pair| pair[1] - pair[0]);
    let most = steps().map(Span::abs).max().expect("packets");
    assert!(most <= INTERVAL.scaled(3, 100), "a step of {} ms", most.as_millis_f64());
    let tolerance = MS.scaled(1, 4);
    let bounds = Span::from_millis(min) - tolerance..=Span::from_millis(max) + tolerance;
    assert!(latencies.iter().all(|latency| bounds.contains(latency)));
}

#[test]
fn a_windowed_buffer_shrinks_to_seven_round_trips_and_the_reorder_buffer() {
    moves_to(10, (100, 500), 7 * 20 + 15);
}

#[test]
fn a_windowed_buffer_grows_to_seven_round_trips_and_the_reorder_buffer() {
    moves_to(30, (50, 600), 7 * 60 + 15);
}

#[test]
fn a_windowed_buffer_stops_at_its_bounds() {
    moves_to(1, (100, 500), 100);
    moves_to(100, (100, 500), 500);
}

#[test]
fn a_windowed_buffer_follows_the_rtt_multiplier_while_it_runs() {
    let mut pair = windowed(10, 20, 600).start();
    pair.world.hosts[pair.receiver].session.set_rtt_multiplier(3);
    pair.settle();
    let stream = pair.write(Span::from_secs(60));
    pair.world.run_for(Span::from_secs(30));
    pair.world.hosts[pair.receiver].session.set_rtt_multiplier(10);
    pair.world.run_for(Span::from_secs(30));
    pair.finish();
    let latencies = latencies(&pair, stream, Span::from_millis(10));
    near(latencies[5_900], Span::from_millis(3 * 20 + 15), MS.scaled(3, 1));
    near(latencies[11_900], Span::from_millis(10 * 20 + 15), MS.scaled(3, 1));
}

#[test]
fn a_windowed_buffer_repairs_while_it_moves() {
    let mut setup = windowed(10, 150, 1000);
    setup.paths = vec![Path::both(Link::lossy(0.05))];
    let mut pair = setup.start();
    pair.settle();
    let stream = pair.play();
    let (least, most) = paces(&times(&pair, stream), 0);
    near(least, INTERVAL, MS);
    near(most, INTERVAL, MS);
}

#[test]
fn a_changed_round_trip_moves_a_windowed_buffer_without_a_gap() {
    let mut setup = windowed(10, 50, 1000);
    setup.length = Span::from_secs(60);
    let mut pair = setup.start();
    pair.settle();
    let stream = pair.write(pair.setup.length);
    pair.world.run_for(Span::from_secs(40));
    // The way back becomes slower: the round trip does, the media does not.
    pair.world.connect(0, pair.sender, pair.receiver, Link::delayed(10), Link::delayed(50));
    pair.world.run_for(Span::from_secs(20));
    pair.finish();
    let latencies = latencies(&pair, stream, Span::from_millis(10));
    near(latencies[7_900], Span::from_millis(155), MS.scaled(3, 1));
    near(latencies[11_900], Span::from_millis(7 * 60 + 15), MS.scaled(3, 1));
    let most = latencies.windows(2).map(|pair| (pair[1] - pair[0]).abs()).max().expect("packets");
    assert!(most <= INTERVAL.scaled(3, 100), "a step of {} ms", most.as_millis_f64());
}

/// What fits into RTP of two source times must be the same to one unit of the 90 kHz clock.
#[track_caller]
fn same_source_time(given: u64, told: u64) {
    let units = |ticks: u64| ((u128::from(ticks) * 90_000) >> 32) as u32;
    let off = units(told).wrapping_sub(units(given)) as i32;
    assert!(off.abs() <= 1, "{given:#x} came out as {told:#x}, {off} units off");
}

#[test]
fn an_applications_own_source_time_comes_out_as_it_went_in() {
    let mut setup = Setup::new(Path::both(Link::lossy(0.05))).buffer(300);
    setup.pattern = Pattern::every(5);
    let mut pair = setup.start();
    pair.world.hosts[pair.receiver].kept = Some(Vec::new());
    pair.settle();
    for base in [1u64 << 20, 0xEC00_0000_1234_5678] {
        let given: Vec<u64> = (0..200).map(|n| base + n * (1 << 32) / 25).collect();
        for (n, ts) in given.iter().enumerate() {
            // Packets in decoding order: their source times move in both directions.
            let ts = if n % 4 == 1 { ts + (1 << 28) } else { *ts };
            pair.world.write_once(pair.sender, &ts.to_be_bytes(), Some(ts), None);
            pair.world.run_for(Span::from_millis(40));
        }
        pair.world.run_for(Span::from_secs(2));
        let kept = pair.world.hosts[pair.receiver].kept.replace(Vec::new()).expect("kept");
        let numbers: Vec<u32> = kept.iter().map(|(_, delivery)| delivery.seq).collect();
        assert_eq!(kept.len(), 200, "from {base:#x}: {numbers:?}");
        for (_, delivery) in &kept {
            let given = u64::from_be_bytes(delivery.payload[..8].try_into().expect("eight octets"));
            same_source_time(given, delivery.ts_ntp);
        }
    }
}

#[test]
fn without_an_applications_source_time_it_is_the_senders_clock() {
    let mut pair = Setup::new(Path::both(Link::default())).buffer(300).start();
    pair.world.hosts[pair.receiver].kept = Some(Vec::new());
    pair.settle();
    for _ in 0..100 {
        let now = pair.world.local_time(pair.sender).ticks();
        pair.world.write_once(pair.sender, &now.to_be_bytes(), None, None);
        pair.world.run_for(Span::from_millis(7));
    }
    pair.world.run_for(Span::from_secs(1));
    let kept = pair.world.hosts[pair.receiver].kept.take().expect("kept");
    assert_eq!(kept.len(), 100);
    for (_, delivery) in kept {
        let written = u64::from_be_bytes(delivery.payload[..8].try_into().expect("eight octets"));
        same_source_time(written, delivery.ts_ntp);
    }
}
