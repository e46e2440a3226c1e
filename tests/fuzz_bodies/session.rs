//! A session under any sequence of datagrams, time steps and commands.
//!
//! What has to hold: no panic; each call puts out a bounded number of things; what is due is done, so that the
//! owner never spins; deliveries of a flow ascend and their marks are true; what comes out came in, octet for octet;
//! everything sent is well formed; a stranger is never sent more than three times what came from its address; memory is
//! bounded by what came in, and returned when it is quiet.

use super::advanced_session;
use super::allocated;
use super::input::Input;
use super::script::{Walk, datagram};
use super::tunnel::{self, Keys, Partner};
use rist::protocol::config::{
    CongestionControl, MergeMode, NackType, PeerConfig, Profile, Role, SplitMode, TimingMode,
};
use rist::protocol::job::{Job, JobId};
use rist::protocol::output::{AdmissionId, Delivery, Event, LookUp, Output, PeerId, SocketId};
use rist::protocol::payload::Pool;
use rist::protocol::session::{LoginSetup, Media, PeerSetup, Remote, Session, SessionConfig};
use rist::protocol::time::{Span, Time};
use rist::wire::rtcp::{Compound, Rtcp};
use rist::wire::rtp::Rtp;
use rist::wire::{Kind, classify, null_packet};
use std::collections::{HashMap, HashSet};
use std::net::{IpAddr, Ipv4Addr, SocketAddr};

const MAX_STEPS: usize = 2000;
/// One datagram asks for 4096 packets at most; everything else is far below.
const MAX_OUTPUTS: usize = 4096 + 256;
/// Steps from one handed-out packet to the next that 16-bit sequence numbers can express.
const MAX_STEP: u16 = 0x8000 + 1024;
const SOCKETS: u8 = 6;
/// Octets that a session may hold whatever happens: a few rings for a few flows, idle buffers, the harness itself.
const MEMORY: usize = 16 << 20;
/// And for each call that brings something: a flow's first ring.
const MEMORY_PER_CALL: usize = 64 << 10;
/// Logins take milliseconds to calculate. Further ones are never done, as by a machine that is too slow.
const MAX_LOGIN_JOBS: u32 = 8;

pub(super) fn receiver_session(data: &[u8]) {
    run(Role::Receiver, Profile::Simple, data);
}

pub(super) fn sender_session(data: &[u8]) {
    run(Role::Sender, Profile::Simple, data);
}

pub(super) fn main_receiver_session(data: &[u8]) {
    run(Role::Receiver, Profile::Main, data);
}

pub(super) fn main_sender_session(data: &[u8]) {
    run(Role::Sender, Profile::Main, data);
}

pub(super) fn advanced_receiver_session(data: &[u8]) {
    run(Role::Receiver, Profile::Advanced, data);
}

pub(super) fn advanced_sender_session(data: &[u8]) {
    run(Role::Sender, Profile::Advanced, data);
}

fn run(role: Role, profile: Profile, data: &[u8]) {
    let mut input = Input::new(data);
    let mut harness = Harness::new(role, profile, &mut input);
    let mut walk = Walk::default();
    for _ in 0..MAX_STEPS {
        if input.is_empty() {
            break;
        }
        harness.step(&mut input, &mut walk);
    }
    harness.finish();
}

struct Harness {
    session: Session,
    now: Time,
    peers: Vec<PeerId>,
    asked: Vec<AdmissionId>,
    last: HashMap<u32, u16>,
    /// Bytes from and to an address that has not answered an echo; `None` once it has.
    credit: HashMap<IpAddr, Option<(u64, u64)>>,
    scratch: Vec<Delivery>,
    /// Some peer's settings say so.
    merges: bool,
    /// Main and Advanced.
    tunnel: bool,
    advanced: Option<advanced_session::Walk>,
    keys: Keys,
    jobs: Vec<(JobId, Job)>,
    login_jobs: u32,
    questions: Vec<LookUp>,
    partner: Partner,
    /// Media that came, in the Simple profile: with null packets put back.
    came: HashSet<Vec<u8>>,
    /// Before the session was made, and what may have cost memory since.
    held: isize,
    calls: usize,
    octets: usize,
}

impl Harness {
    fn new(role: Role, profile: Profile, input: &mut Input<'_>) -> Self {
        let held = allocated::held();
        let config = SessionConfig { role, profile, flow_id: 0x1000, seed: 1 };
        let mut session = Session::new(config, Pool::new());
        session.set_entropy(tunnel::entropy(1));
        session.set_out_of_band(true);
        session.set_typed_out_of_band(true);
        let mut harness = Self {
            session,
            merges: false,
            tunnel: profile != Profile::Simple,
            advanced: (profile == Profile::Advanced).then(advanced_session::Walk::default),
            keys: Keys::default(),
            jobs: Vec::new(),
            login_jobs: 0,
            held,
            calls: 0,
            octets: 0,
            came: HashSet::new(),
            questions: Vec::new(),
            partner: Partner::new(),
            // An hour after boot, on the clock that the runtime reads.
            now: Time::from_ticks((2_208_988_800 + 3600) << 32),
            peers: Vec::new(),
            asked: Vec::new(),
            last: HashMap::new(),
            credit: HashMap::new(),
            scratch: Vec::new(),
        };
        harness.add_peer(input);
        harness
    }

    fn step(&mut self, input: &mut Input<'_>, walk: &mut Walk) {
        match input.u8() % 16 {
            0..=6 => self.datagram(input, walk),
            7 => self.wait(Span::from_micros(u32::from(input.u16()))),
            8 => self.wait(Span::from_millis(u32::from(input.u8()))),
            9 => self.wait(Span::from_millis(u32::from(input.u16()))),
            10 => self.wait_for_next(),
            11 => self.serve(),
            12 => self.send(input),
            13 if self.tunnel => self.work(input),
            13 => self.send(input),
            14 if self.tunnel => self.secret_command(input),
            _ => self.command(input),
        }
        self.check_memory(MEMORY + self.calls * MEMORY_PER_CALL + 4 * self.octets);
    }

    fn check_memory(&self, most: usize) {
        let held = allocated::held() - self.held;
        assert!(held <= most as isize, "{held} octets for {} calls with {}", self.calls, self.octets);
    }

    /// Slow work is done, in any order; questions are answered; the partner says something.
    fn work(&mut self, input: &mut Input<'_>) {
        match input.u8() % 4 {
            0 | 1 if !self.jobs.is_empty() => {
                let place = usize::from(input.u8()) % self.jobs.len();
                self.job(place);
            }
            2 if !self.questions.is_empty() => {
                let question = self.questions.remove(0);
                let answer = tunnel::look_up(&question.username, input.u8());
                self.session.login_looked_up(self.now, &question, answer);
            }
            _ => {
                for frame in self.partner.speak(self.now, &self.keys) {
                    let from = SocketAddr::new(address(tunnel::PARTNER), 5000);
                    self.credit.insert(from.ip(), None);
                    self.receive(SocketId(0), from, &frame);
                }
            }
        }
        self.drain();
    }

    fn job(&mut self, place: usize) {
        let (id, job) = self.jobs.remove(place);
        if matches!(job, Job::Login(_)) {
            self.login_jobs += 1;
            if self.login_jobs > MAX_LOGIN_JOBS {
                return;
            }
        }
        let result = self.keys.run(job);
        self.session.job_done(self.now, id, result);
    }

    fn secret_command(&mut self, input: &mut Input<'_>) {
        let place = usize::from(input.u8());
        let peer = self.peers.get(place % self.peers.len().max(1)).copied().unwrap_or(PeerId(77));
        match input.u8() % 4 {
            0 => drop(self.session.update_secret(self.now, peer, &tunnel::secret(input.u8()))),
            1 => drop(self.session.enable_login(self.now, peer, LoginSetup::LookUp)),
            2 => {
                let setup = LoginSetup::Credentials(tunnel::credentials());
                let _ = self.session.enable_login(self.now, peer, setup);
            }
            _ => {
                let to = input.flag().then_some(peer);
                let len = usize::from(input.u8());
                let _ = self.session.send_out_of_band(self.now, to, input.bytes(len));
            }
        }
        self.drain();
    }

    fn datagram(&mut self, input: &mut Input<'_>, walk: &mut Walk) {
        let socket = SocketId(u32::from(input.u8() % SOCKETS));
        let who = input.u8();
        let from = SocketAddr::new(address(who & 3), 5000 + u16::from(who >> 4));
        let advanced = self.advanced.as_mut().filter(|_| who & 4 != 0);
        let (bytes, answers) = if let Some(walk) = advanced {
            // An answer may be right by chance, as any other.
            let bytes = advanced_session::datagram(input, walk);
            (bytes, true)
        } else if self.tunnel {
            tunnel::datagram(input, walk, &mut self.keys)
        } else {
            let bytes = datagram(input, walk);
            let answers = Compound::new(&bytes).any(|item| matches!(item, Ok(Rtcp::EchoResponse(_))));
            let answers = answers && classify(&bytes) == Ok(Kind::Rtcp);
            (bytes, answers)
        };
        if answers {
            self.credit.insert(from.ip(), None);
        }
        self.receive(socket, from, &bytes);
    }

    fn receive(&mut self, socket: SocketId, from: SocketAddr, bytes: &[u8]) {
        if let Some((received, _)) = self.credit.entry(from.ip()).or_insert(Some((0, 0))) {
            *received += bytes.len() as u64;
        }
        self.calls += 1;
        self.octets += bytes.len();
        if !self.tunnel
            && let Ok(rtp) = Rtp::parse(bytes)
        {
            let map = rtp.extension.and_then(|extension| extension.null_packets);
            let mut whole = Vec::new();
            if map.is_some_and(|map| null_packet::expand(map, rtp.payload, &mut whole).is_ok()) {
                self.came.insert(whole);
            }
            // Also as it is: a map that disagrees with the payload counts for nothing.
            self.came.insert(rtp.payload.to_vec());
        }
        self.session.handle_datagram(self.now, socket, from, bytes);
        self.drain();
    }

    fn wait(&mut self, span: Span) {
        self.now += span;
        self.serve();
    }

    fn wait_for_next(&mut self) {
        let wanted = self.session.poll_timeout().into_iter().chain(self.session.next_delivery()).min();
        if let Some(at) = wanted.filter(|at| at.since(self.now) < Span::from_secs(3600)) {
            self.now = self.now.max(at);
        }
        self.serve();
    }

    fn serve(&mut self) {
        self.session.handle_timeout(self.now);
        self.drain();
        assert!(self.session.poll_timeout().is_none_or(|at| at > self.now), "what is due was left undone");
        let mut deliveries = std::mem::take(&mut self.scratch);
        self.session.poll_delivery(self.now, &mut deliveries);
        assert!(self.session.next_delivery().is_none_or(|at| at > self.now), "what is due was left unhanded");
        for delivery in deliveries.drain(..) {
            let longest = if self.advanced.is_some() { advanced_session::LONGEST } else { 10_000 };
            assert!(delivery.payload.len() <= longest, "{} octets", delivery.payload.len());
            if self.advanced.is_some() {
                // A block of fragments has several numbers: what stands between two can not be told.
                assert!(!(delivery.flow_start && delivery.discontinuity));
                continue;
            }
            if self.merges {
                // A pair has half a number: what stands between two blocks can not be told.
                let first = self.last.insert(delivery.flow_id, delivery.seq as u16).is_none();
                assert!(!(delivery.flow_start && delivery.discontinuity) && (delivery.flow_start || !first));
                continue;
            }
            assert!(self.tunnel || self.came.contains(&delivery.payload[..]), "not what came");
            let last = self.last.insert(delivery.flow_id, delivery.seq as u16);
            let step = last.map(|last| (delivery.seq as u16).wrapping_sub(last));
            match step {
                Some(step) if !delivery.flow_start => {
                    assert!((1..=MAX_STEP).contains(&step), "{last:?} then {}", delivery.seq);
                    assert_eq!(delivery.discontinuity, step != 1, "{last:?} then {}", delivery.seq);
                }
                _ => assert!(delivery.flow_start && !delivery.discontinuity),
            }
        }
        self.scratch = deliveries;
        self.drain();
    }

    fn send(&mut self, input: &mut Input<'_>) {
        let len = usize::from(input.u16() % 2048);
        let mut bytes = input.bytes(len).to_vec();
        if input.flag() {
            bytes.resize(188 * 7, 0x47);
        }
        let media = Media {
            payload: self.session.pool().copy(&bytes),
            ts_ntp: input.flag().then(|| input.u64()),
            seq: input.flag().then(|| input.u32()),
            virt_src_port: 0,
            virt_dst_port: 0,
        };
        self.calls += 1;
        self.octets += bytes.len();
        let sent = self.session.send(self.now, media);
        assert!(sent.is_err() || sent == Ok(bytes.len()));
        self.drain();
    }

    fn command(&mut self, input: &mut Input<'_>) {
        let now = self.now;
        let place = usize::from(input.u8());
        let peer = self.peers.get(place % self.peers.len().max(1)).copied().unwrap_or(PeerId(77));
        match input.u8() % 16 {
            0 => self.add_peer(input),
            1 => {
                let known = self.session.parent(peer).is_ok();
                assert_eq!(self.session.remove_peer(now, peer).is_ok(), known);
                self.peers.retain(|other| *other != peer);
            }
            2 => drop(self.session.set_weight(peer, input.u32())),
            3 => drop(self.session.set_remote(now, peer, remote(input, Role::Sender))),
            4 => self.session.set_admission(input.flag()),
            5 => self.session.set_idle_notice(now, input.flag()),
            6 => {
                let interval = input.flag().then(|| Span::from_millis(u32::from(input.u8()) + 10));
                self.session.set_stats_interval(now, interval);
            }
            7 => self.session.set_nack_type(input.pick(&[NackType::Range, NackType::Bitmask])),
            8 => self.session.set_rtt_multiplier(u32::from(input.u8())),
            9 => self.session.set_null_packet_deletion(input.flag()),
            10 => drop(self.session.set_flow_id(input.u32())),
            11 => self.session.set_wall_clock(Span::from_ticks(input.u64() as i64)),
            12 => assert_eq!(self.session.peer_cname(peer).is_ok(), self.session.parent(peer).is_ok()),
            _ => {
                if let Some(request) = self.asked.pop() {
                    self.session.admit(now, request, !input.u8().is_multiple_of(4));
                }
            }
        }
        self.drain();
    }

    fn add_peer(&mut self, input: &mut Input<'_>) {
        let role = self.session.role();
        let first = u32::from(input.u8() % (SOCKETS / 2)) * 2;
        let mut config = config(input);
        if self.tunnel {
            tunnel::protect(&mut config, input);
        }
        if self.advanced.is_some() {
            config.advanced = advanced_session::settings(input);
        }
        self.merges |= config.merge != MergeMode::Off;
        let called = if self.tunnel && input.flag() { Role::Sender } else { role };
        let called = if self.tunnel && input.flag() { Role::Receiver } else { called };
        let setup = PeerSetup {
            config,
            media: SocketId(first),
            control: SocketId(first + u32::from(!self.tunnel)),
            remote: if input.u8() == 255 { Remote::Unresolved } else { remote(input, called) },
            url: String::new(),
            miface: String::new(),
        };
        if self.peers.len() < 8
            && let Ok(peer) = self.session.add_peer(self.now, setup)
        {
            self.peers.push(peer);
        }
        self.drain();
    }

    /// Takes everything that the session puts out.
    fn drain(&mut self) {
        let mut count = 0;
        while let Some(output) = self.session.poll_output() {
            count += 1;
            assert!(count <= MAX_OUTPUTS, "a call put out too much");
            match output {
                Output::Transmit(transmit) => {
                    assert!(transmit.len() <= 10_000 && transmit.socket.0 < u32::from(SOCKETS));
                    let bytes = [transmit.head(), transmit.body()].concat();
                    if self.advanced.is_some() && advanced_session::check(&bytes, self.session.role()) {
                        self.charge(transmit.to.ip(), bytes.len());
                        continue;
                    }
                    if self.tunnel {
                        let clear = self.keys.check(&bytes, self.session.role());
                        self.partner.hear(transmit.to, &bytes, &clear);
                        self.charge(transmit.to.ip(), bytes.len());
                        continue;
                    }
                    match classify(&bytes).expect("what we send is of a known kind") {
                        Kind::Rtcp => assert!(Compound::new(&bytes).all(|item| item.is_ok())),
                        Kind::Rtp => assert_eq!(self.session.role(), Role::Sender),
                    }
                    self.charge(transmit.to.ip(), bytes.len());
                }
                Output::Event(event) => self.event(event),
                Output::Job(id, job) => self.jobs.push((id, job)),
                Output::Log(_, line) => assert!(!line.is_empty() && line.len() < 1000),
            }
        }
    }

    fn charge(&mut self, to: IpAddr, bytes: usize) {
        // A sender calls whom it was told to; only a receiver's others are all strangers.
        let called = to == address(0) || (self.tunnel && to == address(tunnel::PARTNER));
        if (if self.tunnel { !called } else { self.session.role() == Role::Receiver })
            && let Some((received, sent)) = self.credit.entry(to).or_insert(Some((0, 0)))
        {
            *sent += bytes as u64;
            assert!(*sent <= 3 * *received, "{sent} to a stranger for {received}");
        }
    }

    fn event(&mut self, event: Event) {
        match event {
            Event::Admission { request, .. } => self.asked.push(request),
            Event::LookUp(question) => self.questions.push(question),
            Event::FlowStats(report) => assert!((0.0..=100.0).contains(&report.quality), "{}", report.quality),
            Event::SenderStats(report) => assert!((0.0..=100.0).contains(&report.quality), "{}", report.quality),
            _ => {}
        }
    }

    fn finish(mut self) {
        // A stream is played out, the silent are noticed, and then nothing spins.
        for _ in 0..20 {
            while !self.jobs.is_empty() {
                self.job(0);
                self.drain();
            }
            self.wait(Span::from_secs(5));
        }
        self.check_memory(MEMORY);
        self.session.close(self.now);
        self.drain();
        assert_eq!(self.session.next_delivery(), None);
        assert!(self.peers.iter().all(|peer| self.session.parent(*peer).is_err()));
    }
}

fn address(number: u8) -> IpAddr {
    IpAddr::V4(Ipv4Addr::new(192, 0, 2, number))
}

fn remote(input: &mut Input<'_>, role: Role) -> Remote {
    let at = |port| SocketAddr::new(address(0), port);
    let (media, control) = (at(5000 + u16::from(input.u8() & 7) * 2), at(5001 + u16::from(input.u8() & 7) * 2));
    match role {
        Role::Receiver => Remote::Listen { media, control },
        Role::Sender => Remote::Call { media, control, multicast: input.u8() % 4 == 1 },
    }
}

/// Settings within what the C ABI lets through.
fn config(input: &mut Input<'_>) -> PeerConfig {
    let buffer_min = u32::from(input.pick(&[50u16, 100, 1000, 0, 5000]));
    let rtt_min = 1 + u32::from(input.u8() % 100);
    let mut config = PeerConfig {
        recovery: !input.u8().is_multiple_of(8),
        max_bitrate_kbps: input.pick(&[100_000, 10, 1_000_000]),
        buffer_min: Span::from_millis(buffer_min),
        buffer_max: Span::from_millis(buffer_min + 10 * u32::from(input.u8())),
        reorder_buffer: Span::from_millis(u32::from(input.u8())),
        rtt_min: Span::from_millis(rtt_min),
        rtt_max: Span::from_millis(rtt_min + u32::from(input.u16())),
        weight: u32::from(input.u8() % 4),
        congestion_control: input.pick(&[
            CongestionControl::Normal,
            CongestionControl::Off,
            CongestionControl::Aggressive,
        ]),
        max_retries: u32::from(input.u8() % 100),
        session_timeout: Span::from_millis(250 + u32::from(input.u16())),
        timing_mode: input.pick(&[TimingMode::Source, TimingMode::Arrival, TimingMode::Rtc]),
        cname: "fuzz".repeat(usize::from(input.u8() % 31)),
        backup: u32::from(input.u8() % 2),
        rtt_drop: Span::from_millis(u32::from(input.u8() % 50)),
        rtt_drop_settle: Span::from_millis(u32::from(input.u8())),
        rtt_drop_trickle: u32::from(input.u8() % 4),
        ..PeerConfig::default()
    };
    let last = input.u8();
    config.recovery_priority = u32::from(last % 2);
    (config.split, config.merge) = match last / 64 {
        0 | 1 => (SplitMode::Off, MergeMode::Off),
        2 => (SplitMode::Auto, MergeMode::Auto),
        _ => (SplitMode::Half, MergeMode::Pairs),
    };
    config
}
