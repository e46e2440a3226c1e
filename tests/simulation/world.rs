//! Hosts, network and applications on one virtual time line.

use crate::books::Books;
use crate::foreign::Foreign;
use crate::host::{Clock, Host};
use crate::network::{Link, Network};
use crate::random::Random;
use crate::tap::{Kind, Tap};
use crate::workload::{Pattern, Writer};
use rist::protocol::config::{Profile, Role};
use rist::protocol::job::{Job, JobId, JobResult};
use rist::protocol::output::{Delivery, Event, Output, PeerId, SocketId, Transmit};
use rist::protocol::session::{Media, SessionConfig};
use rist::protocol::time::{Span, Time};
use std::cmp::Reverse;
use std::collections::{BinaryHeap, HashMap};
use std::net::{IpAddr, Ipv4Addr, SocketAddr};

/// A session that asks to be called so often without any time passing is stuck.
const STUCK: u32 = 10_000;

/// How long a key takes to derive.
const JOB: Span = Span::from_millis(1);

/// A datagram as it left a host, whether it arrives or not.
#[derive(Debug, Clone)]
pub(crate) struct Sent {
    pub(crate) at: Span,
    pub(crate) host: usize,
    pub(crate) to: SocketAddr,
    pub(crate) bytes: Vec<u8>,
}

/// A datagram on its way.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Arrival {
    at: Span,
    order: u64,
    from: SocketAddr,
    to: SocketAddr,
    bytes: Vec<u8>,
}

pub(crate) struct World {
    pub(crate) now: Span,
    pub(crate) hosts: Vec<Host>,
    pub(crate) books: Books,
    pub(crate) network: Network,
    pub(crate) random: Random,
    /// Bytes sent to addresses that belong to nobody here.
    pub(crate) bytes_to_strangers: u64,
    /// The last datagrams that hosts sent, for the hostile to copy.
    pub(crate) overheard: Vec<(SocketAddr, Vec<u8>)>,
    /// Every datagram that left, where a scenario wants to read them.
    pub(crate) wire: Option<Vec<Sent>>,
    /// Reads what is on the wire, with the keys that hosts have derived.
    pub(crate) tap: Tap,
    listening: HashMap<SocketAddr, (usize, SocketId)>,
    arrivals: BinaryHeap<Reverse<Arrival>>,
    writers: Vec<Writer>,
    order: u64,
    next_port: u16,
    trace: bool,
}

/// Host `host`'s address on `path`.
pub(crate) fn address(path: usize, host: usize) -> IpAddr {
    IpAddr::V4(Ipv4Addr::new(10, path as u8, 0, host as u8 + 1))
}

fn path_of(address: IpAddr) -> usize {
    match address {
        IpAddr::V4(v4) => usize::from(v4.octets()[1]),
        IpAddr::V6(_) => 0,
    }
}

impl World {
    pub(crate) fn new(seed: u64) -> Self {
        let mut random = Random::new(seed);
        Self {
            now: Span::ZERO,
            hosts: Vec::new(),
            books: Books::default(),
            network: Network::new(random.fork()),
            random,
            bytes_to_strangers: 0,
            overheard: Vec::new(),
            wire: None,
            tap: Tap::default(),
            listening: HashMap::new(),
            arrivals: BinaryHeap::new(),
            writers: Vec::new(),
            order: 0,
            next_port: 40_000,
            trace: std::env::var_os("SIM_TRACE").is_some(),
        }
    }

    pub(crate) fn add_host(&mut self, config: SessionConfig, clock: Clock) -> usize {
        self.books.flows.push(config.flow_id);
        self.hosts.push(Host::new(config, clock));
        self.hosts.len() - 1
    }

    /// A program that is not ours, on a host of its own. It has one socket, which is opened here.
    pub(crate) fn add_foreign(
        &mut self,
        path: usize,
        port: u16,
        build: impl FnOnce(SocketAddr, Time) -> Foreign,
    ) -> usize {
        // Nothing is asked of the session that stands in its place.
        let config = SessionConfig { role: Role::Receiver, profile: Profile::Main, flow_id: 0, seed: 0 };
        self.hosts.push(Host::new(config, Clock::default()));
        let host = self.hosts.len() - 1;
        let socket = self.open(host, path, port);
        self.run_foreign(host, build(self.hosts[host].socket(socket), self.local_time(host)));
        host
    }

    /// Puts a program on the host of another.
    pub(crate) fn run_foreign(&mut self, host: usize, program: Foreign) {
        self.books.flows.push(program.voice.flow);
        self.hosts[host].foreign = Some(program);
    }

    /// Lays both directions of a path between two hosts.
    pub(crate) fn connect(&mut self, path: usize, near: usize, far: usize, forth: Link, back: Link) {
        self.network.connect(address(path, near), address(path, far), forth);
        self.network.connect(address(path, far), address(path, near), back);
    }

    /// Opens a socket. Port 0: some ephemeral one.
    pub(crate) fn open(&mut self, host: usize, path: usize, port: u16) -> SocketId {
        let port = if port == 0 { self.ephemeral() } else { port };
        let id = SocketId(self.hosts[host].sockets.len() as u32);
        let address = SocketAddr::new(address(path, host), port);
        self.hosts[host].sockets.push(address);
        self.listening.insert(address, (host, id));
        id
    }

    fn ephemeral(&mut self) -> u16 {
        self.next_port += 1;
        self.next_port
    }

    /// The address translator in front of a socket forgets it and gives it another port.
    pub(crate) fn rebind(&mut self, host: usize, socket: SocketId) {
        let old = self.hosts[host].socket(socket);
        self.listening.remove(&old);
        let new = SocketAddr::new(old.ip(), self.ephemeral());
        self.hosts[host].sockets[socket.0 as usize] = new;
        self.listening.insert(new, (host, socket));
    }

    /// Closes all sockets and starts the program anew. What its application saw is kept.
    pub(crate) fn restart(&mut self, host: usize, config: SessionConfig) {
        for address in std::mem::take(&mut self.hosts[host].sockets) {
            self.listening.remove(&address);
        }
        for writer in self.writers.iter_mut().filter(|writer| writer.host == host) {
            writer.stop();
        }
        self.books.flows.push(config.flow_id);
        let clock = self.hosts[host].clock;
        // Another run has other random numbers.
        let config = SessionConfig { seed: config.seed ^ self.now.ticks() as u64, ..config };
        let record = std::mem::take(&mut self.hosts[host].record);
        self.hosts[host] = Host { record, ..Host::new(config, clock) };
    }

    /// Extra calls of `handle_timeout`, on average this far apart.
    pub(crate) fn make_spurious(&mut self, host: usize) {
        let random = self.random.fork();
        self.hosts[host].spurious = Some((random, self.now));
    }

    pub(crate) fn local_time(&self, host: usize) -> Time {
        self.hosts[host].clock.read(self.now)
    }

    /// An application on `host` starts to write a stream, for `length`.
    pub(crate) fn write_for(&mut self, host: usize, length: Span, pattern: Pattern) -> u32 {
        let stream = pattern.stream(self.writers.len() as u32 + 1);
        let random = self.random.fork();
        self.hosts[host].stream = Some(stream);
        self.books.streams.entry(stream).or_default();
        self.writers.push(Writer::new(stream, host, pattern, random, self.now, self.now + length));
        stream
    }

    /// A datagram from anywhere, past the network model.
    pub(crate) fn inject(&mut self, from: SocketAddr, to: SocketAddr, bytes: Vec<u8>) {
        self.schedule(self.now, from, to, bytes);
    }

    /// An application on `host` writes one packet.
    pub(crate) fn write_once(&mut self, host: usize, bytes: &[u8], ts_ntp: Option<u64>, seq: Option<u32>) {
        let now = self.local_time(host);
        let session = &mut self.hosts[host].session;
        let payload = session.pool().copy(bytes);
        let media = Media { payload, ts_ntp, seq, virt_src_port: 0, virt_dst_port: 0 };
        assert_eq!(session.send(now, media), Ok(bytes.len()));
        self.drain(host);
    }

    pub(crate) fn run_for(&mut self, length: Span) {
        let end = self.now + length;
        while let Some(at) = self.next_moment().filter(|&at| at <= end) {
            self.now = self.now.max(at);
            self.step();
        }
        self.now = end;
    }

    fn next_moment(&self) -> Option<Span> {
        let arrival = self.arrivals.peek().map(|Reverse(arrival)| arrival.at);
        let wakes = self.hosts.iter().filter_map(Host::wakes_at);
        let writes = self.writers.iter().filter_map(Writer::next);
        wakes.chain(writes).chain(arrival).min()
    }

    /// Does everything that is due now, once.
    fn step(&mut self) {
        while let Some(Reverse(arrival)) = self.arrivals.peek()
            && arrival.at <= self.now
            && let Some(Reverse(arrival)) = self.arrivals.pop()
        {
            self.receive(arrival);
        }
        for writer in 0..self.writers.len() {
            if self.writers[writer].next().is_some_and(|at| at <= self.now) {
                self.write(writer);
            }
        }
        for host in 0..self.hosts.len() {
            if self.hosts[host].wakes_at().is_some_and(|at| at <= self.now) {
                self.wake(host);
            }
        }
    }

    fn receive(&mut self, arrival: Arrival) {
        let Some(&(host, socket)) = self.listening.get(&arrival.to) else { return };
        if self.hosts[host].down {
            return;
        }
        if let Some(sender) = self.host_at(arrival.from)
            && let Kind::Media { stream, index, repeated, .. } = self.tap.read(&arrival.bytes)
            && self.hosts[sender].stream == Some(stream)
        {
            self.books.arrived(stream, host, index, path_of(arrival.to.ip()), repeated, self.now);
        }
        if let Kind::Control { answers: true, .. } = self.tap.read(&arrival.bytes) {
            self.books.answered.entry(host).or_insert(self.now);
            self.books.answered_by.entry((host, path_of(arrival.to.ip()))).or_insert(self.now);
        }
        self.trace(|| format!("host {host} gets {:?} from {}", self.tap.read(&arrival.bytes), arrival.from));
        let now = self.local_time(host);
        self.hosts[host].record.datagrams_received += 1;
        if let Some(program) = &mut self.hosts[host].foreign {
            program.arrives(now, arrival.from, &arrival.bytes);
            return self.drain_foreign(host);
        }
        self.hosts[host].session.handle_datagram(now, socket, arrival.from, &arrival.bytes);
        self.drain(host);
    }

    fn host_at(&self, address: SocketAddr) -> Option<usize> {
        self.listening.get(&address).map(|&(host, _)| host)
    }

    fn write(&mut self, writer: usize) {
        let (host, stream) = (self.writers[writer].host, self.writers[writer].stream);
        for (index, seq, bytes) in self.writers[writer].burst() {
            let now = self.local_time(host);
            self.books.wrote(stream, self.now, bytes.len(), now.ticks());
            if let Some(program) = &mut self.hosts[host].foreign {
                program.write(now, &bytes);
                self.drain_foreign(host);
                continue;
            }
            let session = &mut self.hosts[host].session;
            let payload = session.pool().copy(&bytes);
            let media = Media { payload, ts_ntp: None, seq, virt_src_port: 0, virt_dst_port: 0 };
            let sent = session.send(now, media);
            assert_eq!(sent, Ok(bytes.len()), "{:?}: host {host} could not write packet {index}", self.now);
            self.drain(host);
        }
    }

    fn wake(&mut self, host: usize) {
        let now = self.local_time(host);
        let at = self.now;
        if let Some(program) = &mut self.hosts[host].foreign {
            program.wake(now);
            return self.drain_foreign(host);
        }
        while self.hosts[host].jobs.front().is_some_and(|(done, ..)| *done <= at)
            && let Some((_, id, job)) = self.hosts[host].jobs.pop_front()
        {
            self.finish(host, id, job);
        }
        let state = &mut self.hosts[host];
        if let Some((random, next)) = &mut state.spurious
            && *next <= at
        {
            *next = at + random.span(Span::from_millis(20));
            state.session.handle_timeout(now);
        } else {
            state.record.wakes += 1;
            let repeated = if state.stuck.0 == at { state.stuck.1 + 1 } else { 0 };
            state.stuck = (at, repeated);
            assert!(repeated < STUCK, "host {host} is never satisfied at {at:?}");
        }
        if state.session.poll_timeout().is_some_and(|due| now.since(due) >= Span::ZERO) {
            state.session.handle_timeout(now);
        }
        self.drain(host);
        self.deliver(host);
    }

    /// A worker of the host has done its work.
    fn finish(&mut self, host: usize, id: JobId, job: Job) {
        let nonce = match &job {
            Job::Derive { nonce, .. } => Some(*nonce),
            Job::Login(_) => None,
        };
        self.hosts[host].record.keys_derived += u64::from(nonce.is_some());
        let result = job.run();
        if let (Some(nonce), JobResult::Derived(keys)) = (nonce, &result) {
            let ciphers: Vec<_> = keys.iter().map(|keys| keys.cipher.clone()).collect();
            self.tap.learn(nonce, &ciphers);
        }
        let now = self.local_time(host);
        self.hosts[host].session.job_done(now, id, result);
        self.drain(host);
    }

    fn deliver(&mut self, host: usize) {
        let now = self.local_time(host);
        let state = &mut self.hosts[host];
        if state.session.next_delivery().is_none_or(|due| now.since(due) < Span::ZERO) {
            return;
        }
        let mut due = std::mem::take(&mut state.scratch);
        state.session.poll_delivery(now, &mut due);
        for delivery in due.drain(..) {
            self.trace(|| format!("host {host} is given seq {}", delivery.seq));
            match &mut self.hosts[host].kept {
                Some(kept) => kept.push((self.now, delivery)),
                None => self.books.delivered(host, self.now, &delivery),
            }
        }
        self.hosts[host].scratch = due;
        self.drain(host);
    }

    /// Does what the session asks for.
    pub(crate) fn drain(&mut self, host: usize) {
        while let Some(output) = self.hosts[host].session.poll_output() {
            match output {
                Output::Transmit(transmit) => self.transmit(host, transmit),
                Output::Job(id, job) => {
                    let done = self.hosts[host].jobs.back().map_or(self.now, |(at, ..)| self.now.max(*at)) + JOB;
                    self.hosts[host].jobs.push_back((done, id, job));
                }
                Output::Event(Event::Admission { request, .. }) => {
                    let now = self.local_time(host);
                    let state = &mut self.hosts[host];
                    state.record.admissions += 1;
                    state.session.admit(now, request, state.admit);
                }
                Output::Event(event) => {
                    self.trace(|| format!("host {host} says {event:?}"));
                    self.hosts[host].record.event(self.now, event);
                }
                Output::Log(level, line) => {
                    self.trace(|| format!("host {host} logs {level:?}: {line}"));
                    self.hosts[host].record.log(level, &line);
                }
            }
        }
    }

    /// Does what a foreign program wants.
    fn drain_foreign(&mut self, host: usize) {
        let Some(program) = &mut self.hosts[host].foreign else { return };
        for (nonce, key) in std::mem::take(&mut program.voice.derived) {
            self.tap.learn(nonce, &[key]);
        }
        let (here, remote, flow_id) = (program.here, program.voice.remote, program.voice.flow);
        let (out, played) = (std::mem::take(&mut program.voice.out), program.played());
        for bytes in out {
            if let Some(to) = remote {
                self.send(host, here, to, bytes);
            }
        }
        for played in played {
            let delivery = Delivery {
                flow_id,
                peer: PeerId(0),
                seq: 0,
                ts_ntp: 0,
                virt_src_port: 0,
                virt_dst_port: 0,
                discontinuity: played.hole,
                flow_start: played.start,
                payload: self.hosts[host].session.pool().copy(&played.payload),
            };
            self.books.delivered(host, self.now, &delivery);
        }
    }

    fn transmit(&mut self, host: usize, transmit: Transmit) {
        let mut bytes = transmit.head().to_vec();
        bytes.extend_from_slice(transmit.body());
        self.send(host, self.hosts[host].socket(transmit.socket), transmit.to, bytes);
    }

    fn send(&mut self, host: usize, from: SocketAddr, to: SocketAddr, bytes: Vec<u8>) {
        let kind = self.tap.read(&bytes);
        let target = self.host_at(to);
        if target.is_none() {
            self.bytes_to_strangers += bytes.len() as u64;
        }
        if let Some(wire) = &mut self.wire {
            wire.push(Sent { at: self.now, host, to, bytes: bytes.clone() });
        }
        let arrivals = self.network.carry(self.now, from.ip(), to.ip(), bytes.len());
        self.account(host, target, path_of(to.ip()), &kind, arrivals.is_empty());
        self.trace(|| format!("host {host} sends {kind:?} to {to}: {}", if arrivals.is_empty() { "lost" } else { "" }));
        // What strangers are told is not overheard: who can repeat that to us has proved where it is, and
        // without encryption nothing then tells it from a peer.
        if target.is_some() {
            if self.overheard.len() >= 64 {
                let place = self.random.upto(63) as usize;
                self.overheard.swap_remove(place);
            }
            self.overheard.push((to, bytes.clone()));
        }
        for at in arrivals {
            self.schedule(at, from, to, bytes.clone());
        }
    }

    /// Writes down what a datagram meant and whether it was lost.
    fn account(&mut self, host: usize, target: Option<usize>, path: usize, kind: &Kind, lost: bool) {
        self.hosts[host].record.datagrams_sent += 1;
        match kind {
            Kind::Media { stream, index, seq, repeated, .. } => {
                self.books.numbered(*stream, *index, *seq);
                self.hosts[host].record.repeats_sent += u64::from(*repeated);
                if let Some(target) = target {
                    let fate = self.books.fate(*stream, target, *index);
                    fate.harm += u32::from(lost);
                    fate.repeats += u32::from(*repeated);
                    fate.carriers |= if *repeated { 0 } else { 1 << path };
                }
            }
            Kind::Control { requested, .. } => {
                self.hosts[host].record.requests_sent += requested.len() as u64;
                self.hosts[host].record.nacks_sent += u64::from(!requested.is_empty());
                let Some(stream) = target.and_then(|sender| self.hosts[sender].stream) else { return };
                for &seq in requested {
                    if let Some(index) = self.books.index_of(stream, seq) {
                        let fate = self.books.fate(stream, host, index);
                        fate.harm += u32::from(lost);
                        fate.requests += 1;
                    }
                }
            }
            Kind::Foreign => {}
        }
    }

    fn schedule(&mut self, at: Span, from: SocketAddr, to: SocketAddr, bytes: Vec<u8>) {
        self.order += 1;
        self.arrivals.push(Reverse(Arrival { at, order: self.order, from, to, bytes }));
    }

    fn trace(&self, line: impl FnOnce() -> String) {
        if self.trace {
            eprintln!("{:.6} {}", self.now.as_secs_f64(), line());
        }
    }
}
