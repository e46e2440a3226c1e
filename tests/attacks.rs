//! One attack each, in virtual time, against a session: what it may cost.

use rist::protocol::config::{PeerConfig, Profile, Role};
use rist::protocol::output::{Output, SocketId};
use rist::protocol::payload::Pool;
use rist::protocol::session::{Media, PeerSetup, Remote, Session, SessionConfig};
use rist::protocol::time::{Span, Time};
use rist::wire::rtcp::{
    Compound, ReceiverReport, Rtcp, write_echo_response, write_nack_range, write_receiver_report, write_sdes,
};
use rist::wire::rtp::{Header, MPEG_TS};
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

const MEDIA: SocketId = SocketId(0);
const CONTROL: SocketId = SocketId(1);
/// They measure this process: one at a time.
static ALONE: Mutex<()> = Mutex::new(());

fn rss_kb() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let rss = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).expect("VmRSS");
    rss.trim().trim_end_matches(" kB").parse().expect("kB")
}

fn local(port: u16) -> SocketAddr {
    SocketAddr::new(Ipv4Addr::LOCALHOST.into(), port)
}

fn stranger(number: u32) -> SocketAddr {
    SocketAddr::new(Ipv4Addr::from(0x0a00_0000 + number).into(), 5001)
}

fn receiver() -> (Session, Time) {
    let config = SessionConfig { role: Role::Receiver, profile: Profile::Simple, flow_id: 0, seed: 7 };
    let mut session = Session::new(config, Pool::new());
    let now = Time::from_ticks(0x83AA_7E80 << 32);
    let setup = PeerSetup {
        config: PeerConfig { session_timeout: Span::from_secs(60), ..PeerConfig::default() },
        media: MEDIA,
        control: CONTROL,
        remote: Remote::Listen { media: local(5000), control: local(5001) },
        url: String::new(),
        miface: String::new(),
    };
    session.add_peer(now, setup).expect("a listener");
    (session, now)
}

fn name(session: &mut Session, now: Time, from: SocketAddr, ssrc: u32) {
    let mut words = Vec::new();
    write_receiver_report(&mut words, &ReceiverReport { ssrc, block: None });
    write_sdes(&mut words, ssrc, b"stranger");
    session.handle_datagram(now, CONTROL, from, &words);
}

fn media(session: &mut Session, now: Time, from: SocketAddr, ssrc: u32, seq: u16, timestamp: u32, len: usize) {
    let mut head = [0; Header::MAX_LEN];
    let header = Header { payload_type: MPEG_TS, seq, timestamp, ssrc, null_packets: None };
    let head_len = header.write(&mut head);
    let mut packet = head[..head_len].to_vec();
    packet.resize(head_len + len, 0x47);
    session.handle_datagram(now, MEDIA, from, &packet);
}

fn drain(session: &mut Session) -> (usize, usize) {
    let (mut count, mut bytes) = (0, 0);
    while let Some(output) = session.poll_output() {
        if let Output::Transmit(transmit) = output {
            count += 1;
            bytes += transmit.len();
        }
    }
    (count, bytes)
}

/// A generous ceiling for the time that one hostile datagram may take: the scans that these tests are about took
/// several times as long.
fn cheap(what: &str, count: u32, mut each: impl FnMut(u32)) {
    let began = Instant::now();
    (0..count).for_each(&mut each);
    let took = began.elapsed();
    println!("{what}: {:.2} us each", took.as_secs_f64() * 1e6 / f64::from(count));
    assert!(took < Duration::from_micros(40) * count, "{what}: {count} took {took:?}");
}

/// Runs a session for as long as `length`; returns how many datagrams it sent and how many packets it handed out.
fn run(session: &mut Session, now: &mut Time, length: Span) -> (usize, usize) {
    let (end, mut out, mut sent) = (*now + length, Vec::new(), 0);
    while *now < end {
        *now += Span::from_micros(500);
        session.handle_timeout(*now);
        session.poll_delivery(*now, &mut out);
        sent += drain(session).0;
    }
    (sent, out.len())
}

#[test]
fn strangers_are_cheap_when_there_are_too_many() {
    let _alone = ALONE.lock().unwrap_or_else(PoisonError::into_inner);
    let (mut session, now) = receiver();
    for number in 0..1024 {
        name(&mut session, now, stranger(number), 2 + number * 2);
    }
    drain(&mut session);
    cheap("named strangers", 20_000, |number| {
        name(&mut session, now, stranger(10_000 + number), 0x10_0000 + number * 2);
        drain(&mut session);
    });
    cheap("media of strangers", 20_000, |number| {
        media(&mut session, now, stranger(1_000_000 + number), 2 + number * 2, 0, 0, 1316);
        drain(&mut session);
    });
    let hopper = stranger(29_999);
    cheap("a peer that changes its flow", 20_000, |number| {
        name(&mut session, now, hopper, 0x1000_0000 + number * 2);
        drain(&mut session);
    });
}

#[test]
fn strangers_at_a_group_are_cheap() {
    let _alone = ALONE.lock().unwrap_or_else(PoisonError::into_inner);
    let (mut session, mut now) = group_sender();
    for _ in 0..40_000 {
        now += Span::from_micros(40);
        send(&mut session, now);
        drain(&mut session);
    }
    cheap("strangers at a group", 5_000, |number| {
        name(&mut session, now, stranger(10 + number), 2);
        drain(&mut session);
    });
}

#[test]
fn a_group_is_sent_a_packet_once_for_all_who_ask_together() {
    let _alone = ALONE.lock().unwrap_or_else(PoisonError::into_inner);
    let (mut session, mut now) = group_sender();
    for _ in 0..100 {
        now += Span::from_millis(1);
        send(&mut session, now);
    }
    drain(&mut session);
    let mut words = Vec::new();
    write_nack_range(&mut words, 2, &(0..100).collect::<Vec<u16>>(), 16);
    for number in 10..110 {
        name(&mut session, now, stranger(number), 2);
    }
    drain(&mut session);
    let mut sent = 0;
    for number in 10..110 {
        session.handle_datagram(now, CONTROL, stranger(number), &words);
        session.handle_timeout(now);
        while let Some(output) = session.poll_output() {
            sent += usize::from(matches!(&output, Output::Transmit(t) if t.socket == MEDIA));
        }
    }
    assert!((1..=100).contains(&sent), "{sent} for 100 packets");
}

#[test]
fn packets_with_great_gaps_cost_little_memory_and_few_requests() {
    let _alone = ALONE.lock().unwrap_or_else(PoisonError::into_inner);
    let (mut session, mut now) = receiver();
    let (before, began) = (rss_kb(), Instant::now());
    for number in 0..256 {
        let (from, ssrc) = (stranger(number), 2 + number * 2);
        name(&mut session, now, from, ssrc);
        for seq in 0..12 {
            media(&mut session, now, from, ssrc, seq, 0, 10);
        }
        for leap in 1..=4 {
            media(&mut session, now, from, ssrc, (leap * 16_000) as u16, 90_000 * 600 * leap, 10);
        }
        drain(&mut session);
    }
    run(&mut session, &mut now, Span::from_secs(1));
    let (grown, took) = (rss_kb().saturating_sub(before), began.elapsed());
    assert!(grown < 128 * 1024, "{grown} kB for 4,352 datagrams");
    assert!(took < Duration::from_secs(4), "{took:?} for one second");
}

#[test]
fn a_stream_that_proves_nothing_is_not_kept() {
    let _alone = ALONE.lock().unwrap_or_else(PoisonError::into_inner);
    let (mut session, mut now) = receiver();
    name(&mut session, now, stranger(1), 2);
    let before = rss_kb();
    let mut delivered = Vec::new();
    for number in 0..20_000u32 {
        now += Span::from_micros(100);
        // Never two in a row.
        media(&mut session, now, stranger(1), 2, (number * 2) as u16, number * 9, 9000);
        session.handle_timeout(now);
        session.poll_delivery(now, &mut delivered);
        drain(&mut session);
    }
    let grown = rss_kb().saturating_sub(before);
    assert_eq!(delivered.len(), 0);
    assert!(grown < 64 * 1024, "{grown} kB of 180,000 kB were kept");
}

#[test]
fn a_timeline_that_proves_nothing_is_not_kept() {
    let _alone = ALONE.lock().unwrap_or_else(PoisonError::into_inner);
    let (mut session, mut now) = receiver();
    name(&mut session, now, stranger(1), 2);
    let before = rss_kb();
    for number in 0..40_000u32 {
        now += Span::from_micros(100);
        // 100 packets without a row of eight, then others far away.
        let (round, step) = (number / 100, number % 100);
        let seq = round * 13_000 + step * 2;
        media(&mut session, now, stranger(1), 2, seq as u16, round.wrapping_mul(90_000 * 7200) + step * 9, 5000);
        session.handle_timeout(now);
        drain(&mut session);
    }
    let grown = rss_kb().saturating_sub(before);
    assert!(grown < 64 * 1024, "{grown} kB of 200,000 kB were kept");
}

#[test]
fn packets_on_probation_are_bounded_in_bytes() {
    let _alone = ALONE.lock().unwrap_or_else(PoisonError::into_inner);
    let (mut session, mut now) = receiver();
    name(&mut session, now, stranger(1), 2);
    for seq in 0..20u16 {
        now += Span::from_millis(1);
        media(&mut session, now, stranger(1), 2, 30_000 + seq, 9_000_000 + 90 * u32::from(seq), 10);
    }
    assert_eq!(run(&mut session, &mut now, Span::from_secs(2)).1, 20);
    let before = rss_kb();
    for number in 0..8_000u16 {
        now += Span::from_micros(10);
        media(&mut session, now, stranger(1), 2, number, 9_000_000 - 90_000, 9000);
        drain(&mut session);
    }
    let grown = rss_kb().saturating_sub(before);
    assert!(grown < 24 * 1024, "{grown} kB of 72,000 kB were kept");
}

#[test]
fn flows_of_spoofed_addresses_give_way_to_a_real_sender() {
    let _alone = ALONE.lock().unwrap_or_else(PoisonError::into_inner);
    let (mut session, mut now) = receiver();
    for number in 0..256 {
        let (from, ssrc) = (stranger(number), 0x1000 + number * 2);
        name(&mut session, now, from, ssrc);
        for seq in 0..10 {
            media(&mut session, now, from, ssrc, seq, 0, 10);
        }
    }
    drain(&mut session);
    let (real, flow) = (stranger(5000), 0x00C0_FFEE);
    let mut delivered = Vec::new();
    for round in 0..30u16 {
        now += Span::from_millis(100);
        name(&mut session, now, real, flow);
        session.handle_timeout(now);
        let answers: Vec<_> = std::iter::from_fn(|| session.poll_output())
            .filter_map(|output| match output {
                Output::Transmit(transmit) if transmit.to == real => Some(transmit),
                _ => None,
            })
            .flat_map(|transmit| echo_answers(transmit.body()))
            .collect();
        for answer in answers {
            session.handle_datagram(now, CONTROL, real, &answer);
        }
        media(&mut session, now, real, flow, round, u32::from(round) * 9000, 100);
        session.poll_delivery(now, &mut delivered);
        // The others go on.
        for number in 0..256 {
            media(&mut session, now, stranger(number), 0x1000 + number * 2, 10 + round, u32::from(round) * 9000, 10);
        }
        drain(&mut session);
    }
    let real = delivered.iter().filter(|delivery| delivery.flow_id == flow).count();
    assert!(real >= 15, "{real} packets of the real sender");
}

fn echo_answers(compound: &[u8]) -> Vec<Vec<u8>> {
    let requests = Compound::new(compound).filter_map(|item| match item {
        Ok(Rtcp::EchoRequest(echo)) => Some(echo),
        _ => None,
    });
    requests
        .map(|echo| {
            let mut answer = Vec::new();
            write_echo_response(&mut answer, &echo);
            answer
        })
        .collect()
}

fn group_sender() -> (Session, Time) {
    let config = SessionConfig { role: Role::Sender, profile: Profile::Simple, flow_id: 2, seed: 7 };
    let mut session = Session::new(config, Pool::new());
    let now = Time::from_ticks(0x83AA_7E80 << 32);
    let setup = PeerSetup {
        config: PeerConfig { session_timeout: Span::from_secs(60), ..PeerConfig::default() },
        media: MEDIA,
        control: CONTROL,
        remote: Remote::Call { media: stranger(0), control: stranger(1), multicast: true },
        url: String::new(),
        miface: String::new(),
    };
    session.add_peer(now, setup).expect("a caller");
    drain(&mut session);
    (session, now)
}

fn send(session: &mut Session, now: Time) {
    let payload = session.pool().copy(&[0x47; 1316]);
    session.send(now, Media { payload, ts_ntp: None, seq: None, virt_src_port: 0, virt_dst_port: 0 }).unwrap();
}
