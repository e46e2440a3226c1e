//! Strangers that send whatever they like while a stream runs.

use crate::network::Link;
use crate::pair::{FLOW, PORT, Pair, Path, Setup, call, receiver_config};
use crate::random::Random;
use crate::tap::Kind;
use crate::world::address;
use rist::protocol::config::{PeerConfig, Profile};
use rist::protocol::session::SessionConfig;
use rist::protocol::time::Span;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};

/// How many datagrams are thrown at each side; the whole test throws twice as many.
const DATAGRAMS: u32 = if cfg!(debug_assertions) { 20_000 } else { 200_000 };

fn noise(random: &mut Random) -> Vec<u8> {
    let len = random.upto(80) as usize;
    let mut bytes: Vec<u8> = (0..len).map(|_| random.next() as u8).collect();
    if let [first, second, ..] = &mut bytes[..]
        && random.chance(0.8)
    {
        *first = *first & 0x3f | 0x80;
        *second = random.pick(&[33, 200, 201, 202, 203, 204, 205, 206, 207, 77, 127]);
    }
    bytes
}

/// A datagram that was really sent, with some damage.
fn mutated(random: &mut Random, overheard: &[(SocketAddr, Vec<u8>)]) -> Vec<u8> {
    let Some((_, bytes)) = overheard.get(random.upto(overheard.len() as u64) as usize) else { return noise(random) };
    let mut bytes = bytes.clone();
    for _ in 0..random.between(1, 6) {
        let place = random.upto(bytes.len() as u64) as usize;
        match random.upto(3) {
            0 => bytes.truncate(place),
            1 => bytes.push(random.next() as u8),
            _ => {
                if let Some(byte) = bytes.get_mut(place) {
                    *byte = random.next() as u8;
                }
            }
        }
    }
    bytes
}

fn stranger(random: &mut Random, addresses: u64) -> SocketAddr {
    let who = random.upto(addresses - 1) as u32;
    let ip = Ipv4Addr::from(0xc633_6400 + who / 50_000);
    SocketAddr::new(IpAddr::V4(ip), 1024 + (who % 50_000) as u16)
}

/// Plays a lossy stream while `attack` makes datagrams for `target`; the stream must not notice.
#[track_caller]
fn under_attack(
    sides: [bool; 2],
    addresses: u64,
    attack: impl Fn(&mut Random, &[(SocketAddr, Vec<u8>)]) -> Vec<u8>,
) -> (Pair, u64) {
    let mut pair = Setup::new(Path::both(Link::lossy(0.05))).start();
    pair.settle();
    let length = Span::from_secs(20);
    let stream = pair.write(length);
    let mut random = Random::new(99);
    let (_, media, control) = pair.callers[0];
    let mut targets = Vec::new();
    if sides[0] {
        targets.extend([media, control].map(|socket| pair.world.hosts[pair.sender].socket(socket)));
    }
    if sides[1] {
        targets.extend([PORT, PORT + 1].map(|port| SocketAddr::new(address(0, pair.receiver), port)));
    }
    let mut thrown = 0;
    for _ in 0..DATAGRAMS {
        let bytes = attack(&mut random, &pair.world.overheard);
        let from = stranger(&mut random, addresses);
        thrown += bytes.len() as u64;
        pair.world.inject(from, random.pick(&targets), bytes);
        pair.world.run_for(length.scaled(1, i64::from(DATAGRAMS)));
    }
    pair.world.run_for(Span::from_secs(1));
    pair.finish();
    let verdict = pair.assert(stream);
    verdict.assert_complete();
    (pair, thrown)
}

/// Reports name every peer: what they name at once is bounded.
#[track_caller]
fn few_are_remembered(pair: &Pair) {
    for report in &pair.got().flow_reports {
        assert!(report.peers.len() <= 64, "{} peers in one flow", report.peers.len());
    }
    let per_second = pair.got().flow_reports.len() / 20;
    assert!(per_second <= 64, "{per_second} flows reported per second");
}

#[test]
fn noise_at_a_receiver_changes_nothing() {
    let (pair, _) = under_attack([false, true], 100_000, |random, _| noise(random));
    few_are_remembered(&pair);
}

#[test]
fn noise_at_a_sender_changes_nothing() {
    under_attack([true, false], 100_000, |random, _| noise(random));
}

#[test]
fn mutated_copies_from_many_strangers_change_nothing() {
    let (pair, _) = under_attack([true, true], 100_000, mutated);
    few_are_remembered(&pair);
}

#[test]
fn mutated_copies_from_a_few_persistent_strangers_change_nothing() {
    let (pair, _) = under_attack([true, true], 4, mutated);
    few_are_remembered(&pair);
}

#[test]
fn a_stranger_gets_no_more_than_three_bytes_for_one() {
    let (pair, thrown) = under_attack([true, true], 1000, mutated);
    let answered = pair.world.bytes_to_strangers;
    assert!(answered <= 3 * thrown, "{answered} bytes sent for {thrown} received");
}

#[test]
fn a_host_that_calls_once_is_not_answered_for_ever() {
    let mut pair = Setup::new(Path::both(Link::default())).start();
    pair.settle();
    // An SDES packet as a caller would send it (RFC 3550 §6.5), and nothing more.
    let mut hello = vec![0x80, 201, 0, 1];
    hello.extend_from_slice(&FLOW.to_be_bytes());
    hello.extend_from_slice(&[0x81, 202, 0, 3]);
    hello.extend_from_slice(&FLOW.to_be_bytes());
    hello.extend_from_slice(&[1, 4, b's', b'o', b'm', b'e', 0, 0]);
    let spoken = hello.len() as u64;
    let from = SocketAddr::new(IpAddr::V4(Ipv4Addr::new(198, 51, 100, 7)), 7);
    pair.world.inject(from, SocketAddr::new(address(0, pair.receiver), PORT + 1), hello);
    pair.world.run_for(Span::from_secs(60));
    let answered = pair.world.bytes_to_strangers;
    assert!(answered <= 3 * spoken, "{answered} bytes sent for {spoken} received");
}

#[test]
fn requests_for_the_impossible_cost_nothing() {
    // Every sequence number there is, again and again, from a host that is not our receiver.
    let (pair, _) = under_attack([true, false], 1000, |_, _| {
        let mut request = vec![0x80, 204, 0, 3];
        request.extend_from_slice(&FLOW.to_be_bytes());
        request.extend_from_slice(b"RIST");
        request.extend_from_slice(&[0, 0, 0xff, 0xff]);
        request
    });
    assert!(pair.sent().repeats_sent < 2_000, "{} retransmissions", pair.sent().repeats_sent);
}

#[test]
fn what_a_silent_receiver_asks_for_is_not_sent_to_another() {
    let mut setup = Setup::new(Path { weight: 5, ..Path::both(Link::default()) }).main_profile();
    setup.reversed = true;
    let mut pair = setup.start();
    pair.world.wire = Some(Vec::new());
    let (sender, victim) = (pair.sender, {
        let config = SessionConfig { profile: Profile::Main, seed: 77, ..receiver_config() };
        pair.world.add_host(config, pair.setup.receiver_clock)
    });
    pair.world.connect(0, sender, victim, Link::default(), Link::default());
    let config = PeerConfig { cname: "victim".to_owned(), ..pair.setup.peer.clone() };
    call(&mut pair.world, victim, sender, 0, 0, config);
    pair.settle();
    pair.write(Span::from_secs(4));
    pair.world.run_for(Span::from_secs(1));
    // It has proved where it is. Now it asks for everything and answers nothing.
    let (from, to) =
        (pair.world.hosts[pair.receiver].socket(pair.callers[0].1), SocketAddr::new(address(0, sender), PORT));
    let spoken = pair.world.wire.iter().flatten().rfind(|sent| sent.host == pair.receiver).expect("a datagram").clone();
    let start = spoken.bytes.windows(2).position(|two| two == [0x80, 201] || two == [0x81, 201]).expect("RTCP");
    let mut request = spoken.bytes[..start].to_vec();
    request.extend_from_slice(&[0x80, 204, 0, 3]);
    request.extend_from_slice(&FLOW.to_be_bytes());
    request.extend_from_slice(b"RIST");
    request.extend_from_slice(&[0, 0, 0x0f, 0xff]);
    pair.world.connect(
        0,
        sender,
        pair.receiver,
        Link { loss: 1.0, ..Link::default() },
        Link { loss: 1.0, ..Link::default() },
    );
    for _ in 0..20 {
        pair.world.run_for(Span::from_millis(100));
        pair.world.inject(from, to, request.clone());
    }
    let repeats = |host| {
        let sent =
            pair.world.wire.iter().flatten().filter(|sent| sent.host == sender && sent.to.ip() == address(0, host));
        sent.filter(|sent| matches!(pair.world.tap.read(&sent.bytes), Kind::Media { repeated: true, .. })).count()
    };
    assert_eq!(repeats(victim), 0);
    assert!(repeats(pair.receiver) > 0);
}

#[test]
fn a_forged_report_before_the_first_echo_is_forgotten_with_it() {
    let leg = || Path { weight: 5, ..Path::both(Link::delayed(20)) };
    let mut setup = Setup::new(leg());
    setup.paths.push(leg());
    setup.peer.rtt_drop = Span::from_millis(200);
    setup.peer.rtt_drop_settle = Span::from_millis(500);
    let mut pair = setup.start();
    let (_, _, control) = pair.callers[0];
    // It quotes a report of 25 seconds ago.
    let last_sr = ((pair.world.local_time(pair.sender) - Span::from_secs(25)).ticks() >> 16) as u32;
    let mut report = vec![0x81, 201, 0, 7, 1, 2, 3, 4];
    report.extend_from_slice(&FLOW.to_be_bytes());
    report.extend_from_slice(&[0; 12]);
    report.extend_from_slice(&last_sr.to_be_bytes());
    report.extend_from_slice(&[0; 4]);
    let to = pair.world.hosts[pair.sender].socket(control);
    pair.world.inject(SocketAddr::new(address(0, pair.receiver), PORT + 1), to, report);
    pair.settle();
    pair.write(Span::from_secs(3));
    pair.world.run_for(Span::from_secs(3));
    let mutes: u32 = pair.sent().sender_reports.iter().map(|report| report.leg.mute_events).sum();
    assert_eq!(mutes, 0);
}
