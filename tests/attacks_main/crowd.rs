//! Ten thousand sources. libRIST 0.2.7 makes a thread for each of 400 and holds 5.9 GB.

use std::net::{Ipv4Addr, UdpSocket};
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::time::{Duration, Instant};

use crate::support::forge::{self, PORTS, Seal};
use crate::support::library::ours;
use crate::support::load::{Holdings, holdings, process_time};
use crate::support::ports::PortPair;
use crate::support::process::Program;
use crate::support::stream::{Collector, Cut, Feeder};
use crate::support::tools::{AES, CLEAR, Machine, Mode, SECRET, SRP};
use crate::support::wait_until;
use crate::{alone, local, stranger_at};
use rist::wire::eap::{Eap, Message};
use rist::wire::eapol::{self, Body, Frame};
use rist::wire::gre::{Form, Packet, protocol};

const SOURCES: u32 = 10_000;
const MOST_RSS_KB: u64 = 16 * 1024;
/// For so long strangers that say nothing more are remembered, about.
const LINGER: Duration = Duration::from_secs(3);
/// One in so many is at home at its address, one of 16, and answers.
const ANSWERS: u32 = 20;
const HOMES: u32 = 16;
const ENTERS_WITHIN: Duration = Duration::from_secs(15);

/// One source: says who it is, and sends some media of a flow of its own.
fn open(number: u32, to: u16, seal: Seal) -> UdpSocket {
    let home = number.is_multiple_of(ANSWERS).then_some(number / ANSWERS % HOMES);
    let socket = stranger_at(Ipv4Addr::from(0x7f02_0000 + home.unwrap_or(HOMES + number)));
    let ssrc = 0x0100_0000 + number * 2;
    let send = |form, message: &[u8]| drop(socket.send_to(&forge::packet(1, seal, form, message), local(to)));
    send(Form::KeepAlive, &forge::keep_alive());
    send(Form::Reduced(PORTS), &forge::report(ssrc, b"one of many"));
    for seq in 0..10 {
        send(Form::Reduced(PORTS), &forge::media(ssrc, seq, u32::from(seq) * 90, &[0x47; 188]));
    }
    socket
}

/// Answers what it is asked as far as one can without a password: a name, then a key, which costs a calculation.
fn log_in(socket: &UdpSocket, to: u16) {
    let mut buffer = [0; 2000];
    while let Ok(length) = socket.recv(&mut buffer) {
        let Ok(packet) = Packet::parse(&buffer[..length]) else { continue };
        if packet.protocol != protocol::EAPOL {
            continue;
        }
        let Ok(Frame { body: Body::Eap(Eap { identifier, message }), .. }) = eapol::decode(packet.body) else {
            continue;
        };
        let key = [0x5a; 256];
        let answer = match message {
            Message::IdentityRequest => Message::IdentityResponse(b"camera"),
            Message::Challenge(_) => Message::ClientKey(&key),
            _ => continue,
        };
        let _ = socket.send_to(&forge::in_tunnel(&forge::eap(identifier, answer)), local(to));
    }
}

/// One round of all sources; those that came shortly before are answered meanwhile.
fn round(mode: Mode, to: u16) {
    let seal = match mode.secret {
        // As if overheard: with this one nonce they all are peers.
        true => Seal::Secret(SECRET.as_bytes(), [1, 2, 3, 4]),
        false => Seal::Clear,
    };
    let mut at_home = std::collections::VecDeque::new();
    crate::paced(4000, Duration::from_secs_f64(f64::from(SOURCES) / 4000.0 + 0.01), |number| {
        if number < SOURCES {
            let socket = open(number, to, seal);
            if number.is_multiple_of(ANSWERS) {
                at_home.push_back(socket);
            }
        }
        if mode.login && number % 20 == 0 {
            at_home.iter().for_each(|socket| log_in(socket, to));
        }
        if at_home.len() > 100 {
            at_home.pop_front();
        }
    });
}

struct Listener {
    program: Program,
    port: PortPair,
    output: PortPair,
}

/// A sender calls; how long until its stream comes out.
fn enter(mode: Mode, listener: &Listener) -> Duration {
    let feed = PortPair::new();
    let collector = Collector::start(listener.output.even(), Cut::Packets).expect("output port");
    let start = Instant::now();
    let place = format!("127.0.0.1:{}", listener.port.even());
    let sender = Machine::Here.sender(ours(), mode, feed.even(), &place, 200);
    let _feeder = Feeder::start(feed.even(), 2_000_000).expect("feeder");
    // Media of strangers comes out, too; what counts are packets of the stream.
    let evidence = || format!("{:?}\n{}\n{}", collector.verdict(), sender.tail(30), listener.program.tail(30));
    wait_until("the real sender comes in", ENTERS_WITHIN, || collector.verdict().first, evidence);
    start.elapsed()
}

fn grown(before: Holdings, now: Holdings) -> u64 {
    now.rss_kb.saturating_sub(before.rss_kb)
}

fn crowd(mode: Mode) {
    let listener = {
        let (port, output) = (PortPair::new(), PortPair::new());
        let place = format!("@127.0.0.1:{}", port.even());
        let program = Machine::Here.receiver(ours(), mode, &place, 200, output.even());
        program.assert_uses(ours());
        program.wait_for("listening on");
        Listener { program, port, output }
    };
    let id = listener.program.id();
    let before_all = enter(mode, &listener);
    let (before, time) = (holdings(id), process_time(id));
    let (done, rounds) = (AtomicBool::new(false), AtomicU32::new(0));
    let (during, peak) = std::thread::scope(|scope| {
        scope.spawn(|| {
            while !done.load(Ordering::Relaxed) {
                round(mode, listener.port.even());
                rounds.fetch_add(1, Ordering::Relaxed);
            }
        });
        let first = || (rounds.load(Ordering::Relaxed) >= 1).then_some(());
        wait_until("the first round", Duration::from_secs(60), first, String::new);
        let entered = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| enter(mode, &listener)));
        let peak = holdings(id);
        done.store(true, Ordering::Relaxed);
        (entered.unwrap_or_else(|panic| std::panic::resume_unwind(panic)), peak)
    });
    let spent = process_time(id) - time;
    let after = enter(mode, &listener);
    // The next rounds find room where the first were.
    round(mode, listener.port.even());
    let time = process_time(id);
    std::thread::sleep(LINGER);
    let lingering = (process_time(id) - time).as_secs_f64() / LINGER.as_secs_f64() * 100.0;
    let same = || {
        let now = holdings(id);
        (now.threads <= before.threads + 1 && now.files == before.files).then_some(now)
    };
    let end =
        wait_until("threads and files as before", Duration::from_secs(10), same, || format!("{:?}", holdings(id)));
    println!(
        "{}: {} × {SOURCES} sources; {} kB more at the peak, {} kB after all; threads {} then {} then {}, files {} then \
         {}; a sender came in within {before_all:.2?} before, {during:.2?} meanwhile, {after:.2?} after; \
         {spent:.2?} of processor time, then {lingering:.1} % while the strangers are forgotten",
        mode.name,
        rounds.load(Ordering::Relaxed),
        grown(before, peak),
        grown(before, end),
        before.threads,
        peak.threads,
        end.threads,
        before.files,
        end.files,
    );
    assert!(grown(before, peak).max(grown(before, end)) <= MOST_RSS_KB, "{before:?} {peak:?} {end:?}");
    // The one that derives keys and calculates logins may have come.
    assert!(peak.threads <= before.threads + 1 && peak.files == before.files, "{before:?} {peak:?}");
}

#[test]
fn ten_thousand_sources_cost_little_and_keep_nobody_out() {
    let _alone = alone();
    crowd(CLEAR);
}

#[test]
fn ten_thousand_sources_with_overheard_packets_keep_nobody_out() {
    let _alone = alone();
    crowd(AES);
}

#[test]
fn ten_thousand_logins_keep_nobody_out() {
    let _alone = alone();
    crowd(SRP);
}
