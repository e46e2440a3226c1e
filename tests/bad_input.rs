//! 200,000 hostile datagrams at a receiver and a sender while a stream runs between them: nothing is lost.

mod support;

use rist::protocol::config::{PeerConfig, Profile, Role};
use rist::protocol::output::Level;
use rist::protocol::time::Span;
use rist::runtime::callbacks::ConnectionStatus;
use rist::runtime::context::{Context, PeerAddress, PeerOptions, Write};
use rist::runtime::log::{LogSink, Logger};
use std::collections::BTreeMap;
use std::fs;
use std::net::{Ipv4Addr, SocketAddr, UdpSocket};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::{Duration, Instant};
use support::ports::PortPair;
use support::stream::{Checker, PACKET, packet};
use support::wait_until;

const HOSTILE: u64 = 200_000;
/// Hostile datagrams a second: they take 16 s.
const PACE: u64 = 12_500;
const STREAM_BITS: u64 = 5_000_000;
const FLOW: u32 = 0x00C0_FFEE & !1;
/// The recovery buffer, and what the stream may take to get through.
const BUFFER: Duration = Duration::from_millis(500);
const PATIENCE: Duration = Duration::from_secs(10);
const MAX_GROWTH_KB: u64 = 16 * 1024;
/// Lines a second that hostile datagrams may cause in each context.
const MAX_LINES: u64 = 60;

struct Random(u64);

impl Random {
    /// xorshift64*
    fn next(&mut self) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        self.0.wrapping_mul(0x2545_f491_4f6c_dd1d)
    }

    fn below(&mut self, end: usize) -> usize {
        ((self.next() >> 16) % end.max(1) as u64) as usize
    }
}

#[derive(Default)]
struct Lines {
    count: AtomicU64,
    kinds: Mutex<BTreeMap<String, u64>>,
}

impl LogSink for Lines {
    fn enabled(&self, level: Level) -> bool {
        level <= Level::Info
    }

    fn write(&self, level: Level, _: (u64, u64), text: &str) {
        self.count.fetch_add(1, Ordering::Relaxed);
        let kind: String = text.chars().filter(|c| !c.is_ascii_digit()).take(40).collect();
        *self.kinds.lock().unwrap().entry(format!("{level:?} {kind}")).or_default() += 1;
    }
}

/// What this process has: memory in kB, descriptors, threads.
fn footprint() -> (u64, usize, usize) {
    let status = fs::read_to_string("/proc/self/status").unwrap();
    let rss = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).expect("VmRSS");
    let rss = rss.trim().trim_end_matches(" kB").parse().expect("kB");
    let count = |dir: &str| fs::read_dir(dir).unwrap().count();
    (rss, count("/proc/self/fd"), count("/proc/self/task"))
}

fn options(url: String, local_port: Option<u16>) -> PeerOptions {
    let buffer = Span::from_millis(BUFFER.as_millis() as u32);
    PeerOptions {
        config: PeerConfig {
            buffer_min: buffer,
            buffer_max: buffer,
            // The tap never answers, and is to be sent the stream all the same.
            session_timeout: Span::from_secs(60),
            cname: "stream".to_owned(),
            ..PeerConfig::default()
        },
        address: PeerAddress::Url(url),
        miface: String::new(),
        multicast_ttl: None,
        multicast_source: None,
        local_port,
        profile: None,
    }
}

/// Captured packets, of every kind that we have.
fn captured() -> Vec<Vec<u8>> {
    let dir = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/vectors");
    let files = fs::read_dir(dir).unwrap().map(|entry| entry.unwrap().path());
    let mut files: Vec<_> = files.filter(|path| path.extension().is_some_and(|kind| kind == "hex")).collect();
    files.sort();
    let byte = |pair: &[u8]| u8::from_str_radix(std::str::from_utf8(pair).unwrap(), 16).unwrap();
    let text: Vec<String> = files.iter().map(|file| fs::read_to_string(file).unwrap()).collect();
    // A second field, where there is one, is no packet of its own: what a packet decrypts to.
    let packets = text.iter().flat_map(|text| text.lines()).filter_map(|line| line.split_whitespace().next());
    packets.map(|packet| packet.as_bytes().chunks(2).map(byte).collect()).collect()
}

/// Noise, or a packet with a few octets changed, cut off or put in.
fn hostile(random: &mut Random, packets: &[Vec<u8>], out: &mut Vec<u8>) {
    out.clear();
    if random.below(8) == 0 {
        let len = random.below(1500);
        out.extend((0..len).map(|_| random.next() as u8));
        if random.below(2) == 0 {
            // Looks like RTP or RTCP at first sight.
            out.splice(..out.len().min(2), [0x80 | random.below(32) as u8, 200 + random.below(8) as u8]);
        }
        return;
    }
    out.extend_from_slice(&packets[random.below(packets.len())]);
    for _ in 0..random.below(4) {
        // Mostly the head: that is where the meaning is.
        let at = if random.below(4) == 0 { random.below(out.len()) } else { random.below(out.len().min(40)) };
        match random.below(5) {
            0 if at < out.len() => out[at] = random.next() as u8,
            1 if at < out.len() => out[at] ^= 1 << random.below(8),
            2 => out.truncate(at),
            3 => out.insert(at.min(out.len()), random.next() as u8),
            _ => out.extend_from_within(at.min(out.len())..),
        }
    }
    out.truncate(9000);
}

/// Collects the newest packets of the stream's own, RTP and RTCP, as a peer that only listens.
fn tap(ports: &PortPair) -> [UdpSocket; 2] {
    [ports.even(), ports.odd()].map(|port| {
        let socket = UdpSocket::bind((Ipv4Addr::LOCALHOST, port)).unwrap();
        socket.set_nonblocking(true).unwrap();
        socket
    })
}

#[test]
fn a_stream_survives_200000_hostile_datagrams() {
    let (listen, local, tapped) = (PortPair::new(), PortPair::new(), PortPair::new());
    let (receiver_lines, sender_lines) = (Arc::new(Lines::default()), Arc::new(Lines::default()));

    let receiver = Context::new(Role::Receiver, Profile::Simple, 0, Logger::new(receiver_lines.clone())).unwrap();
    let checker = Arc::new(Mutex::new(Checker::default()));
    let known = Arc::new(AtomicBool::new(false));
    receiver.set_callbacks(|callbacks| {
        let (checker, known) = (checker.clone(), known.clone());
        callbacks.data = Some(Arc::new(move |block| {
            if block.delivery.flow_id == FLOW {
                checker.lock().unwrap().push(&block.delivery.payload);
            }
        }));
        callbacks.connection = Some(Arc::new(move |_, status| {
            known.fetch_or(status == ConnectionStatus::ClientConnected, Ordering::Relaxed);
        }));
    });
    receiver.add_peer(options(format!("rist://@127.0.0.1:{}", listen.even()), None)).unwrap();
    receiver.start().unwrap();

    let [media_tap, control_tap] = tap(&tapped);
    let sender = Context::new(Role::Sender, Profile::Simple, FLOW, Logger::new(sender_lines.clone())).unwrap();
    sender.add_peer(options(format!("rist://127.0.0.1:{}", listen.even()), Some(local.even()))).unwrap();
    sender.add_peer(options(format!("rist://127.0.0.1:{}", tapped.even()), None)).unwrap();
    sender.start().unwrap();
    wait_until("the sender is known", PATIENCE, || known.load(Ordering::Relaxed).then_some(()), String::new);

    let (stop, sent) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicU64::new(0)));
    let writer = thread::spawn({
        let (stop, sent, sender) = (stop.clone(), sent.clone(), sender.clone());
        move || {
            let gap = Duration::from_secs_f64(PACKET as f64 * 8.0 / STREAM_BITS as f64);
            let mut due = Instant::now();
            while !stop.load(Ordering::Relaxed) {
                let number = sent.load(Ordering::Relaxed);
                let payload = packet(number);
                let write = Write { payload: &payload, ts_ntp: None, seq: None, virt_src_port: 0, virt_dst_port: 0 };
                sender.write(write).expect("the stream is written");
                sent.store(number + 1, Ordering::Relaxed);
                due = (due + gap).max(Instant::now());
                thread::sleep(due - Instant::now().min(due));
            }
        }
    });
    let delivered = || checker.lock().unwrap().verdict.packets;
    wait_until("the stream runs", PATIENCE, || (delivered() > 1000).then_some(()), || format!("{}", delivered()));

    let sources = [[127, 0, 0, 1], [127, 0, 0, 1], [127, 0, 0, 2], [127, 0, 0, 3]];
    let mut sources = sources.map(|address| UdpSocket::bind((Ipv4Addr::from(address), 0)).unwrap());
    let targets = [listen.even(), listen.even(), listen.odd(), listen.odd(), local.odd()];
    let targets = targets.map(|port| SocketAddr::from((Ipv4Addr::LOCALHOST, port)));
    let mut packets = captured();
    let fixed = packets.len();
    let mut newest = 0;
    let mut random = Random(0x00b5_ad4e_ceda_1ce2);
    let (mut datagram, mut buffer) = (Vec::with_capacity(20_000), [0; 2048]);
    let (before, lines) = (footprint(), [&receiver_lines, &sender_lines].map(|l| l.count.load(Ordering::Relaxed)));
    let (mut most, began) = (before.0, Instant::now());
    for number in 0..HOSTILE {
        if number % 125 == 0 {
            for socket in [&media_tap, &control_tap] {
                while let Ok(len) = socket.recv(&mut buffer) {
                    match packets.get_mut(fixed + newest % 256) {
                        Some(old) => *old = buffer[..len].to_vec(),
                        None => packets.push(buffer[..len].to_vec()),
                    }
                    newest += 1;
                }
            }
            let due = began + Duration::from_micros(number * 1_000_000 / PACE);
            thread::sleep(due - Instant::now().min(due));
        }
        if number % 1000 == 0 {
            // A new stranger.
            let place = random.below(sources.len());
            let address = sources[place].local_addr().unwrap().ip();
            sources[place] = UdpSocket::bind((address, 0)).unwrap();
        }
        if number % 10_000 == 0 {
            most = most.max(footprint().0);
        }
        hostile(&mut random, &packets, &mut datagram);
        let target = targets[random.below(targets.len())];
        let _ = sources[random.below(sources.len())].send_to(&datagram, target);
    }
    let (after, took) = (footprint(), began.elapsed());
    stop.store(true, Ordering::Relaxed);
    writer.join().unwrap();
    let sent = sent.load(Ordering::Relaxed);
    wait_until(
        "all of it came",
        PATIENCE,
        || (delivered() >= sent).then_some(()),
        || {
            let kinds = receiver_lines.kinds.lock().unwrap().clone();
            format!("{:?} of {sent}\n{kinds:#?}", checker.lock().unwrap().verdict)
        },
    );
    // What should not come would come by now.
    thread::sleep(BUFFER);
    let verdict = checker.lock().unwrap().verdict.clone();
    sender.destroy();
    receiver.destroy();

    println!("{sent} packets, {HOSTILE} hostile datagrams in {took:?}; {before:?} to {after:?}, at most {most} kB");
    for lines in [&receiver_lines, &sender_lines] {
        println!("{:#?}", lines.kinds.lock().unwrap());
    }
    assert!(newest > 1000, "the tap saw only {newest} packets of the stream");
    assert_eq!((verdict.fault_count, verdict.first, verdict.packets), (0, Some(0), sent), "{:?}", verdict.faults);
    assert!(most.max(after.0) <= before.0 + MAX_GROWTH_KB, "memory grew from {} to {most} kB", before.0);
    assert_eq!((after.1, after.2), (before.1, before.2), "descriptors, threads");
    for (lines, before) in [&receiver_lines, &sender_lines].into_iter().zip(lines) {
        let written = lines.count.load(Ordering::Relaxed) - before;
        assert!(written <= MAX_LINES * (took.as_secs() + 1), "{written} lines: {:#?}", lines.kinds.lock().unwrap());
    }
}
