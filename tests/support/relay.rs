//! A lossy link: forwards UDP datagrams between two programs and loses, delays, reorders and repeats some of them.
//!
//! It carries the two ports of a RIST Simple profile session, media on an even port and RTCP on the next, or the one
//! port of a Main profile session. Replies go to the address from which that port was last reached.
//!
//! The same seed gives the same fate to the same datagram: for media, chosen by its RTP sequence number and by
//! how often that number has passed; for the rest, by its place in line.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::io;
use std::net::{Ipv4Addr, SocketAddr, UdpSocket};
use std::sync::{Arc, Condvar, Mutex, MutexGuard};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

/// How much later than its neighbours a reordered datagram goes out.
const REORDER_HOLD: Duration = Duration::from_millis(10);
/// What a rate-limited link holds before it drops.
const QUEUE_LIMIT: Duration = Duration::from_millis(500);
/// How soon a reading thread notices that the link was closed.
const STOP_CHECK: Duration = Duration::from_millis(50);

/// What one direction of the link does to datagrams. The default does nothing.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Impairment {
    /// Datagrams lost, in percent.
    pub(crate) loss: f64,
    /// Datagrams sent twice, in percent.
    pub(crate) duplicate: f64,
    /// Datagrams held back so that later ones overtake them, in percent.
    pub(crate) reorder: f64,
    pub(crate) delay: Duration,
    /// Added to the delay: evenly distributed between nothing and this.
    pub(crate) jitter: Duration,
    /// Lose media only the first time it passes: what is sent again gets through.
    pub(crate) spare_repeats: bool,
    /// Bits per second; `None` is no limit.
    pub(crate) rate: Option<u64>,
}

/// What happened to the datagrams of one direction.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Counters {
    pub(crate) received: u64,
    pub(crate) forwarded: u64,
    pub(crate) lost: u64,
    pub(crate) duplicated: u64,
    pub(crate) reordered: u64,
    /// Longest time between two arrivals.
    pub(crate) silence: Duration,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Direction {
    /// From the program that sends to the listening port.
    Forward,
    /// Back to it.
    Return,
}

/// A running link. It ends when dropped.
pub(crate) struct Relay {
    shared: Arc<Shared>,
    threads: Vec<JoinHandle<()>>,
}

impl Relay {
    /// Listens on `listen` and `listen + 1` of the loopback and forwards to `to` and `to + 1`. It starts without impairment.
    pub(crate) fn start(listen: u16, to: u16, seed: u64) -> io::Result<Relay> {
        Relay::start_ports(listen, to, 2, seed)
    }

    /// As `start`, but with one port, as in the Main profile.
    pub(crate) fn start_single(listen: u16, to: u16, seed: u64) -> io::Result<Relay> {
        Relay::start_ports(listen, to, 1, seed)
    }

    fn start_ports(listen: u16, to: u16, ports: u16, seed: u64) -> io::Result<Relay> {
        let shared = Arc::new(Shared { state: Mutex::new(State::new(seed)), wake: Condvar::new() });
        let mut threads = Vec::new();
        let mut outlets = Vec::new();
        for channel in 0..ports {
            let front = Arc::new(open(listen + channel)?);
            let back = Arc::new(open(0)?);
            let target = SocketAddr::from((Ipv4Addr::LOCALHOST, to + channel));
            for (direction, socket) in [(Direction::Forward, &front), (Direction::Return, &back)] {
                let (shared, socket) = (shared.clone(), socket.clone());
                threads.push(std::thread::spawn(move || shared.read(&socket, channel, direction)));
            }
            outlets.push(Outlet { front, back, target });
        }
        let writer = shared.clone();
        threads.push(std::thread::spawn(move || writer.write(&outlets)));
        Ok(Relay { shared, threads })
    }

    /// Sets what one direction does from now on.
    pub(crate) fn set(&self, direction: Direction, impairment: Impairment) {
        self.shared.state().lanes[direction as usize].impairment = impairment;
    }

    /// Sets what both directions do from now on.
    pub(crate) fn impair(&self, impairment: Impairment) {
        self.set(Direction::Forward, impairment);
        self.set(Direction::Return, impairment);
    }

    /// Keeps a copy of every datagram that arrives from now on, before anything happens to it.
    pub(crate) fn record(&self) {
        self.shared.state().recording = Some(Vec::new());
    }

    /// What has arrived since.
    pub(crate) fn recorded(&self) -> Vec<(Direction, Vec<u8>)> {
        self.shared.state().recording.clone().unwrap_or_default()
    }

    /// The same, and keeps no more copies.
    pub(crate) fn take_recorded(&self) -> Vec<(Direction, Vec<u8>)> {
        self.shared.state().recording.take().unwrap_or_default()
    }

    /// What has happened so far in one direction.
    pub(crate) fn counters(&self, direction: Direction) -> Counters {
        self.shared.state().lanes[direction as usize].counters
    }
}

impl Drop for Relay {
    fn drop(&mut self) {
        self.shared.state().stopped = true;
        self.shared.wake.notify_all();
        for thread in self.threads.drain(..) {
            let _ = thread.join();
        }
    }
}

fn open(port: u16) -> io::Result<UdpSocket> {
    let socket = UdpSocket::bind((Ipv4Addr::LOCALHOST, port))?;
    socket.set_read_timeout(Some(STOP_CHECK))?;
    Ok(socket)
}

/// The two sockets of one port: towards the caller, and towards the target.
struct Outlet {
    front: Arc<UdpSocket>,
    back: Arc<UdpSocket>,
    target: SocketAddr,
}

struct Shared {
    state: Mutex<State>,
    wake: Condvar,
}

struct State {
    queue: BinaryHeap<Reverse<Parcel>>,
    lanes: [Lane; 2],
    callers: [Option<SocketAddr>; 2],
    arrivals: u64,
    recording: Option<Vec<(Direction, Vec<u8>)>>,
    stopped: bool,
}

/// A datagram on its way, ordered by the time it goes out.
#[derive(PartialEq, Eq, PartialOrd, Ord)]
struct Parcel {
    release: Instant,
    arrival: u64,
    channel: u16,
    forward: bool,
    bytes: Vec<u8>,
}

/// One direction of the link.
struct Lane {
    impairment: Impairment,
    counters: Counters,
    seed: u64,
    /// First RTP sequence number seen: fates are counted from it.
    first: Option<u16>,
    /// How often each RTP sequence number has passed.
    attempts: Vec<u8>,
    last_arrival: Option<Instant>,
    /// When the last datagram has left a rate-limited link.
    busy_until: Instant,
}

impl Shared {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(|poisoned| poisoned.into_inner())
    }

    fn read(&self, socket: &UdpSocket, channel: u16, direction: Direction) {
        let mut buffer = [0; 65_536];
        loop {
            let received = socket.recv_from(&mut buffer);
            let mut state = self.state();
            if state.stopped {
                return;
            }
            let Ok((length, source)) = received else {
                continue;
            };
            if direction == Direction::Forward {
                state.callers[usize::from(channel)] = Some(source);
            }
            state.accept(&buffer[..length], channel, direction, Instant::now());
            drop(state);
            self.wake.notify_all();
        }
    }

    fn write(&self, outlets: &[Outlet]) {
        let mut state = self.state();
        while !state.stopped {
            let now = Instant::now();
            match state.queue.peek() {
                None => state = wait(&self.wake, state, Duration::from_secs(1)),
                Some(Reverse(next)) if next.release > now => {
                    let pause = next.release - now;
                    state = wait(&self.wake, state, pause);
                }
                Some(_) => {
                    let Some(Reverse(parcel)) = state.queue.pop() else {
                        continue;
                    };
                    let outlet = &outlets[usize::from(parcel.channel)];
                    let (socket, destination) = if parcel.forward {
                        (&outlet.back, Some(outlet.target))
                    } else {
                        (&outlet.front, state.callers[usize::from(parcel.channel)])
                    };
                    state.lanes[usize::from(!parcel.forward)].counters.forwarded += 1;
                    if let Some(destination) = destination {
                        // Nobody may be listening yet; that is the caller's affair, as on a real link.
                        let _ = socket.send_to(&parcel.bytes, destination);
                    }
                }
            }
        }
    }
}

fn wait<'a>(wake: &Condvar, state: MutexGuard<'a, State>, pause: Duration) -> MutexGuard<'a, State> {
    match wake.wait_timeout(state, pause) {
        Ok((state, _)) => state,
        Err(poisoned) => poisoned.into_inner().0,
    }
}

impl State {
    fn new(seed: u64) -> State {
        State {
            queue: BinaryHeap::new(),
            lanes: [Lane::new(seed), Lane::new(!seed)],
            callers: [None; 2],
            arrivals: 0,
            recording: None,
            stopped: false,
        }
    }

    fn accept(&mut self, bytes: &[u8], channel: u16, direction: Direction, now: Instant) {
        self.arrivals += 1;
        if let Some(recording) = &mut self.recording {
            recording.push((direction, bytes.to_vec()));
        }
        let copies = self.lanes[direction as usize].fate(bytes, channel, now);
        for release in copies.into_iter().flatten() {
            self.queue.push(Reverse(Parcel {
                release,
                arrival: self.arrivals,
                channel,
                forward: direction == Direction::Forward,
                bytes: bytes.to_vec(),
            }));
        }
    }
}

impl Lane {
    fn new(seed: u64) -> Lane {
        Lane {
            impairment: Impairment::default(),
            counters: Counters::default(),
            seed,
            first: None,
            attempts: vec![0; 65_536],
            last_arrival: None,
            busy_until: Instant::now(),
        }
    }

    /// When the datagram and its possible copy go out. `None` is never.
    fn fate(&mut self, bytes: &[u8], channel: u16, now: Instant) -> [Option<Instant>; 2] {
        let (identity, repeat) = self.identity(bytes, channel);
        let mut dice = Dice(self.seed ^ mix(identity));
        let Impairment { loss, duplicate, reorder, delay, jitter, spare_repeats, rate } = self.impairment;
        self.counters.received += 1;
        let silence = self.last_arrival.replace(now).map_or(Duration::ZERO, |last| now - last);
        self.counters.silence = self.counters.silence.max(silence);
        // All dice are thrown every time, so that one setting does not change what another does.
        let (lost, twice, late) = (dice.percent(loss), dice.percent(duplicate), dice.percent(reorder));
        let wobble = jitter.mul_f64(dice.unit());
        if lost && !(repeat && spare_repeats) {
            self.counters.lost += 1;
            return [None, None];
        }
        let mut release = now;
        if let Some(rate) = rate {
            let start = self.busy_until.max(now);
            if start - now > QUEUE_LIMIT {
                self.counters.lost += 1;
                return [None, None];
            }
            release = start + Duration::from_secs_f64(bytes.len() as f64 * 8.0 / rate as f64);
            self.busy_until = release;
        }
        release += delay + wobble;
        if late {
            self.counters.reordered += 1;
            release += REORDER_HOLD;
        }
        if twice {
            self.counters.duplicated += 1;
        }
        [Some(release), twice.then_some(release)]
    }

    /// What the fate follows from, and whether it is media that has passed before.
    fn identity(&mut self, bytes: &[u8], channel: u16) -> (u64, bool) {
        match bytes {
            // RTP version 2 on the media port: sequence number in bytes 2 and 3 (RFC 3550 §5.1).
            [0x80..=0xbf, _, high, low, ..] if channel == 0 => {
                let sequence = u16::from_be_bytes([*high, *low]);
                let place = sequence.wrapping_sub(*self.first.get_or_insert(sequence));
                let attempt = &mut self.attempts[usize::from(sequence)];
                *attempt = attempt.wrapping_add(1);
                (u64::from(place) << 8 | u64::from(*attempt), *attempt > 1)
            }
            _ => ((1 << 63) | u64::from(channel) << 62 | self.counters.received, false),
        }
    }
}

/// SplitMix64: small, and good enough to throw dice.
struct Dice(u64);

impl Dice {
    /// A number from 0 up to, not including, 1.
    fn unit(&mut self) -> f64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        (mix(self.0) >> 11) as f64 / (1u64 << 53) as f64
    }

    fn percent(&mut self, chance: f64) -> bool {
        self.unit() * 100.0 < chance
    }
}

fn mix(value: u64) -> u64 {
    let value = (value ^ value >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let value = (value ^ value >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
    value ^ value >> 31
}
