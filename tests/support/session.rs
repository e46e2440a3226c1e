//! Sessions in virtual time: one alone among forged datagrams, or two that talk to each other.
#![allow(dead_code, unreachable_pub)] // Each test program uses its own part.

use rist::crypto::psk::{Cipher, KeySize, Nonce, counter_block};
use rist::crypto::secret::Secret;
use rist::protocol::auth::Credentials;
use rist::protocol::config::{PeerConfig, Profile, Role};
use rist::protocol::entropy::Entropy;
use rist::protocol::job::{Job, JobId};
use rist::protocol::output::{Delivery, Event, Level, Output, PeerId, SocketId};
use rist::protocol::payload::Pool;
use rist::protocol::report::{FlowReport, SenderPeerReport};
use rist::protocol::session::{Media, PeerSetup, Remote, Session, SessionConfig};
use rist::protocol::time::{Span, Time};
use rist::wire::gre::{self, Content, Form, Packet, Ports};
use rist::wire::rtcp::{Compound, ReceiverReport, Rtcp, write_echo_response, write_receiver_report, write_sdes};
use rist::wire::rtp::{self, MPEG_TS};
use std::net::{Ipv4Addr, SocketAddr};

pub const FLOW: u32 = 0x00C0_FFEE;
pub const SOCKET: SocketId = SocketId(0);
/// What media is sent with, and what feedback is.
pub const MEDIA_PORTS: Ports = Ports { source: 0x8001, destination: 1968 };
pub const FEEDBACK_PORTS: Ports = Ports { source: 0x8000, destination: 1969 };

/// Where those live who come from outside.
pub fn stranger(number: u32) -> SocketAddr {
    SocketAddr::new(Ipv4Addr::from(0x0a00_0000 + number).into(), 5000)
}

pub fn listening_at() -> SocketAddr {
    SocketAddr::new(Ipv4Addr::new(192, 0, 2, 1).into(), 5000)
}

pub fn settings() -> PeerConfig {
    PeerConfig { cname: "tester".to_owned(), ..PeerConfig::default() }
}

pub fn with_secret(text: &str, key_size: KeySize) -> PeerConfig {
    PeerConfig { secret: Some(Secret::new(text.as_bytes())), key_size, ..settings() }
}

pub fn with_login(password: &str) -> PeerConfig {
    let credentials = Credentials::new(b"user", &Secret::new(password.as_bytes()));
    PeerConfig { credentials, ..settings() }
}

/// Clear text, a secret, a login.
pub fn in_clear_or_not() -> [PeerConfig; 3] {
    [settings(), with_secret("shared", KeySize::Aes128), with_login("password")]
}

/// One context, with what came out of it.
pub struct Side {
    pub session: Session,
    pub now: Time,
    pub sent: Vec<(SocketAddr, Vec<u8>)>,
    pub events: Vec<Event>,
    pub lines: Vec<(Level, String)>,
    pub delivered: Vec<Delivery>,
    pub reports: Vec<FlowReport>,
    pub sender_reports: Vec<SenderPeerReport>,
    /// Keys derived and steps of logins calculated.
    pub derived: usize,
    pub calculated: usize,
    /// Work waits here instead of being done at once.
    pub held: Option<Vec<(JobId, Job)>>,
}

fn entropy(mut state: u64) -> Entropy {
    Entropy::new(move |octets| {
        octets.fill_with(|| {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            (state >> 56) as u8
        });
        true
    })
}

impl Side {
    pub fn new(role: Role, profile: Profile, seed: u64) -> Self {
        let flow_id = if role == Role::Sender { FLOW } else { 0 };
        let mut session = Session::new(SessionConfig { role, profile, flow_id, seed }, Pool::new());
        session.set_entropy(entropy(seed));
        let now = Time::from_ticks((0x83AA_7E80 << 32) + (1 << 40));
        Self {
            session,
            now,
            sent: Vec::new(),
            events: Vec::new(),
            lines: Vec::new(),
            delivered: Vec::new(),
            reports: Vec::new(),
            sender_reports: Vec::new(),
            derived: 0,
            calculated: 0,
            held: None,
        }
    }

    pub fn receiver(config: PeerConfig) -> Self {
        let mut side = Self::new(Role::Receiver, Profile::Main, 7);
        side.listen(SOCKET, config);
        side
    }

    pub fn sender(config: PeerConfig) -> Self {
        let mut side = Self::new(Role::Sender, Profile::Main, 8);
        side.call(SOCKET, listening_at(), config);
        side
    }

    fn add(&mut self, socket: SocketId, remote: Remote, config: PeerConfig) -> PeerId {
        let setup =
            PeerSetup { config, media: socket, control: socket, remote, url: String::new(), miface: String::new() };
        let id = self.session.add_peer(self.now, setup).expect("a peer");
        self.drain();
        id
    }

    pub fn listen(&mut self, socket: SocketId, config: PeerConfig) -> PeerId {
        let (media, control) = (listening_at(), listening_at());
        self.add(socket, Remote::Listen { media, control }, config)
    }

    pub fn call(&mut self, socket: SocketId, to: SocketAddr, config: PeerConfig) -> PeerId {
        self.add(socket, Remote::Call { media: to, control: to, multicast: false }, config)
    }

    pub fn hear(&mut self, from: SocketAddr, datagram: &[u8]) {
        self.session.handle_datagram(self.now, SOCKET, from, datagram);
        self.drain();
    }

    /// Lets time pass, a millisecond at a time.
    pub fn pass(&mut self, length: Span) {
        let end = self.now + length;
        while self.now < end {
            self.now += Span::from_millis(1);
            self.tick();
        }
    }

    pub fn pass_ms(&mut self, ms: u32) {
        self.pass(Span::from_millis(ms));
    }

    /// Does what has become due.
    pub fn tick(&mut self) {
        if self.session.poll_timeout().is_some_and(|at| at <= self.now) {
            self.session.handle_timeout(self.now);
        }
        self.session.poll_delivery(self.now, &mut self.delivered);
        self.drain();
    }

    pub fn drain(&mut self) {
        while let Some(output) = self.session.poll_output() {
            match output {
                Output::Transmit(transmit) => {
                    self.sent.push((transmit.to, [transmit.head(), transmit.body()].concat()));
                }
                Output::Event(Event::FlowStats(report)) => self.reports.push(*report),
                Output::Event(Event::SenderStats(report)) => self.sender_reports.push(*report),
                Output::Event(event) => self.events.push(event),
                Output::Log(level, line) => self.lines.push((level, line)),
                Output::Job(id, job) => self.work(id, job),
            }
        }
    }

    fn work(&mut self, id: JobId, job: Job) {
        match job {
            Job::Derive { .. } => self.derived += 1,
            Job::Login(_) => self.calculated += 1,
        }
        match &mut self.held {
            Some(held) => held.push((id, job)),
            None => self.session.job_done(self.now, id, job.run()),
        }
    }

    /// Does the work that was held back.
    pub fn catch_up(&mut self) {
        for (id, job) in self.held.take().unwrap_or_default() {
            self.session.job_done(self.now, id, job.run());
        }
        self.drain();
    }

    pub fn write(&mut self, octets: &[u8]) {
        let payload = self.session.pool().copy(octets);
        let media = Media { payload, ts_ntp: None, seq: None, virt_src_port: 0, virt_dst_port: 0 };
        self.session.send(self.now, media).expect("a payload that can be sent");
        self.drain();
    }

    pub fn take_sent(&mut self) -> Vec<Vec<u8>> {
        std::mem::take(&mut self.sent).into_iter().map(|(_, datagram)| datagram).collect()
    }

    /// Numbers of the packets that were handed out.
    pub fn numbers(&self) -> Vec<u32> {
        self.delivered.iter().map(|delivery| delivery.seq).collect()
    }

    pub fn has_said(&self, part: &str) -> usize {
        self.lines.iter().filter(|(_, line)| line.contains(part)).count()
    }

    /// A caller at `from` introduces itself in clear text and answers echoes.
    pub fn introduce(&mut self, from: SocketAddr, flow: u32) {
        self.hear(from, &clear(Form::Reduced(FEEDBACK_PORTS), &name(flow, b"introduced")));
        self.answer_echoes(from, |answer| clear(Form::Reduced(FEEDBACK_PORTS), answer));
    }

    /// Answers the echo requests that were sent to `from`.
    pub fn answer_echoes(&mut self, from: SocketAddr, wrap: impl Fn(&[u8]) -> Vec<u8>) {
        let sent = std::mem::take(&mut self.sent);
        for (_, datagram) in sent.iter().filter(|(to, _)| *to == from) {
            for answer in echo_answers(datagram) {
                self.hear(from, &wrap(&answer));
            }
        }
    }

    /// Media of a caller in clear text.
    pub fn media(&mut self, from: SocketAddr, seq: u16, timestamp: u32) {
        self.hear(from, &clear(Form::Reduced(MEDIA_PORTS), &media(FLOW, seq, timestamp, &[0x47; 188])));
    }
}

/// A tunnel packet in clear text.
pub fn clear(form: Form, message: &[u8]) -> Vec<u8> {
    wrapped(form, 1, None, 0, message)
}

/// A tunnel packet of any kind; `key` is nonce and size bit.
pub fn wrapped(form: Form, version: u8, key: Option<(Nonce, bool)>, sequence: u32, body: &[u8]) -> Vec<u8> {
    let (protocol, prefix, prefix_len) = form.prefix(version);
    let mut head = [0; gre::Header::MAX_LEN];
    let len = gre::Header { version, protocol, key, sequence }.write(&mut head);
    match key {
        // The prefix is part of what is encrypted.
        Some(_) => [&head[..len], body].concat(),
        None => [&head[..len], &prefix[..prefix_len], body].concat(),
    }
}

/// Who has a passphrase and encrypts with it.
pub struct Keyed {
    pub nonce: Nonce,
    pub size: KeySize,
    cipher: Cipher,
    sequence: u32,
}

impl Keyed {
    pub fn new(passphrase: &str, nonce: Nonce, size: KeySize) -> Self {
        let cipher = Cipher::derive(&Secret::new(passphrase.as_bytes()), nonce, size);
        Self { nonce, size, cipher, sequence: 0 }
    }

    pub fn seal(&mut self, form: Form, message: &[u8]) -> Vec<u8> {
        let long = self.size == KeySize::Aes256;
        self.seal_as(form, 1, long, message)
    }

    /// As if the size bit were this, whatever the size is.
    pub fn seal_as(&mut self, form: Form, version: u8, long: bool, message: &[u8]) -> Vec<u8> {
        let (_, prefix, len) = form.prefix(version);
        let mut body = [&prefix[..len], message].concat();
        self.sequence += 1;
        self.cipher.apply(&counter_block(self.sequence), &mut body);
        wrapped(form, version, Some((self.nonce, long)), self.sequence, &body)
    }

    pub fn media(&mut self, seq: u16) -> Vec<u8> {
        self.seal(Form::Reduced(MEDIA_PORTS), &media(FLOW, seq, u32::from(seq) * 900, &[0x47; 188]))
    }

    pub fn name(&mut self) -> Vec<u8> {
        self.seal(Form::Reduced(FEEDBACK_PORTS), &name(FLOW, b"keyed"))
    }

    /// Echo answers to what was sent under `passphrase`.
    pub fn answers(&mut self, passphrase: &str, datagram: &[u8]) -> Vec<Vec<u8>> {
        let Some((_, text)) = opened(passphrase, datagram) else { return Vec::new() };
        echo_answers_of(&text).iter().map(|answer| self.seal(Form::Reduced(FEEDBACK_PORTS), answer)).collect()
    }
}

/// Protocol type and clear text of an encrypted packet.
pub fn opened(passphrase: &str, datagram: &[u8]) -> Option<(u16, Vec<u8>)> {
    let long = Packet::parse(datagram).ok()?.aes_256;
    opened_as(passphrase, if long { KeySize::Aes256 } else { KeySize::Aes128 }, datagram)
}

pub fn opened_as(passphrase: &str, size: KeySize, datagram: &[u8]) -> Option<(u16, Vec<u8>)> {
    let packet = Packet::parse(datagram).ok()?;
    let (nonce, sequence) = (packet.nonce?, packet.sequence?);
    let mut text = packet.body.to_vec();
    Cipher::derive(&Secret::new(passphrase.as_bytes()), nonce, size).apply(&counter_block(sequence), &mut text);
    Some((packet.protocol, text))
}

pub fn media(ssrc: u32, seq: u16, timestamp: u32, payload: &[u8]) -> Vec<u8> {
    let mut head = [0; rtp::Header::MAX_LEN];
    let header = rtp::Header { payload_type: MPEG_TS, seq, timestamp, ssrc, null_packets: None };
    let len = header.write(&mut head);
    [&head[..len], payload].concat()
}

pub fn name(ssrc: u32, cname: &[u8]) -> Vec<u8> {
    let mut out = Vec::new();
    write_receiver_report(&mut out, &ReceiverReport { ssrc, block: None });
    write_sdes(&mut out, ssrc, cname);
    out
}

fn echo_answers(datagram: &[u8]) -> Vec<Vec<u8>> {
    let Ok(packet) = Packet::parse(datagram) else { return Vec::new() };
    match Content::parse(packet.protocol, packet.body) {
        Ok(Content::Feedback { packet, .. }) if !datagram.is_empty() => echoes(packet),
        _ => Vec::new(),
    }
}

fn echo_answers_of(text: &[u8]) -> Vec<Vec<u8>> {
    text.get(4..).map(echoes).unwrap_or_default()
}

fn echoes(compound: &[u8]) -> Vec<Vec<u8>> {
    let requests = Compound::new(compound).filter_map(|item| match item {
        Ok(Rtcp::EchoRequest(echo)) => Some(echo),
        _ => None,
    });
    let answer = |echo| {
        let mut out = Vec::new();
        write_echo_response(&mut out, &echo);
        out
    };
    requests.map(answer).collect()
}

/// Feedback in a datagram in clear text.
pub fn feedback(datagram: &[u8]) -> Option<Vec<u8>> {
    let packet = Packet::parse(datagram).ok()?;
    match Content::parse(packet.protocol, packet.body).ok()? {
        Content::Feedback { packet, .. } => Some(packet.to_vec()),
        _ => None,
    }
}

/// Media in a datagram in clear text: SSRC and sequence number.
pub fn carried(datagram: &[u8]) -> Option<(u32, u16)> {
    let packet = Packet::parse(datagram).ok()?;
    match Content::parse(packet.protocol, packet.body).ok()? {
        Content::Media { packet, .. } => rtp::Rtp::parse(packet).ok().map(|rtp| (rtp.ssrc, rtp.seq)),
        _ => None,
    }
}

pub fn protocol(datagram: &[u8]) -> u16 {
    Packet::parse(datagram).map_or(0, |packet| packet.protocol)
}

/// Which way a datagram goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Way {
    ToListener,
    ToCaller,
}

/// Whether a datagram arrives.
type Network = Box<dyn FnMut(Way, &[u8]) -> bool>;

/// Two sessions, a millisecond apart. The sender calls.
pub struct Pair {
    pub caller: Side,
    pub listener: Side,
    pub caller_at: SocketAddr,
    pub caller_id: PeerId,
    pub listener_id: PeerId,
    pub network: Network,
    pub passed: Vec<(Way, Vec<u8>)>,
}

impl Pair {
    pub fn new(caller: PeerConfig, listener: PeerConfig) -> Self {
        Self::of(Side::new(Role::Sender, Profile::Main, 1), caller, listener)
    }

    /// `calling` is not connected yet.
    pub fn of(mut calling: Side, caller: PeerConfig, listener: PeerConfig) -> Self {
        let role = if calling.session.role() == Role::Sender { Role::Receiver } else { Role::Sender };
        let mut listening = Side::new(role, Profile::Main, 2);
        let listener_id = listening.listen(SOCKET, listener);
        let caller_id = calling.call(SOCKET, listening_at(), caller);
        Self {
            caller: calling,
            listener: listening,
            caller_at: stranger(1),
            caller_id,
            listener_id,
            network: Box::new(|_, _| true),
            passed: Vec::new(),
        }
    }

    pub fn same(config: PeerConfig) -> Self {
        Self::new(config.clone(), config)
    }

    /// The listener's program starts anew, with other random numbers.
    pub fn restart_listener(&mut self, config: PeerConfig, seed: u64) {
        let (role, now) = (self.listener.session.role(), self.listener.now);
        self.listener = Side::new(role, Profile::Main, seed);
        self.listener.now = now;
        self.listener_id = self.listener.listen(SOCKET, config);
    }

    pub fn run(&mut self, ms: u32) {
        for _ in 0..ms {
            self.step();
        }
    }

    /// How many milliseconds it takes until `done`.
    pub fn until(&mut self, within_ms: u32, done: impl Fn(&Pair) -> bool) -> Option<u32> {
        for ms in 0..within_ms {
            if done(self) {
                return Some(ms);
            }
            self.step();
        }
        None
    }

    /// Writes a packet each 10 ms at the caller, the sender.
    pub fn stream(&mut self, packets: u32) {
        for _ in 0..packets {
            self.caller.write(&[0x47; 188]);
            self.run(10);
        }
    }

    fn step(&mut self) {
        let (up, down) = (std::mem::take(&mut self.caller.sent), std::mem::take(&mut self.listener.sent));
        for side in [&mut self.caller, &mut self.listener] {
            side.now += Span::from_millis(1);
        }
        for (_, datagram) in up {
            if (self.network)(Way::ToListener, &datagram) {
                self.listener.hear(self.caller_at, &datagram);
                self.passed.push((Way::ToListener, datagram));
            }
        }
        for (to, datagram) in down {
            if to == self.caller_at && (self.network)(Way::ToCaller, &datagram) {
                self.caller.hear(listening_at(), &datagram);
                self.passed.push((Way::ToCaller, datagram));
            }
        }
        self.caller.tick();
        self.listener.tick();
    }

    pub fn connected(&self) -> bool {
        let known = |event: &Event| matches!(event, Event::ClientConnected { .. });
        self.listener.events.iter().any(known)
    }

    /// Those who came through the listener.
    pub fn guests(&self) -> Vec<PeerId> {
        let came = self.listener.events.iter().filter_map(|event| match event {
            Event::ClientConnected { peer } => Some(*peer),
            _ => None,
        });
        came.collect()
    }
}
