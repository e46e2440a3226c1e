//! The usual world: one sender, one receiver, one or more paths between them.

use crate::host::{Clock, Record};
use crate::invariants::{Bounds, Verdict};
use crate::network::Link;
use crate::workload::Pattern;
use crate::world::{World, address};
use rist::crypto::psk::KeySize;
use rist::crypto::secret::Secret;
use rist::protocol::auth::Credentials;
use rist::protocol::config::{Advanced, AdvancedStart, PeerConfig, Profile, Role};
use rist::protocol::output::{PeerId, SocketId};
use rist::protocol::session::{PeerSetup, Remote, SessionConfig};
use rist::protocol::time::Span;
use std::net::SocketAddr;

/// The receiver's even port.
pub(crate) const PORT: u16 = 5000;
const REPORTS: Span = Span::from_secs(1);
pub(crate) const FLOW: u32 = 0x00c0_ffe0;

/// One way through the network.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Path {
    pub(crate) forth: Link,
    pub(crate) back: Link,
    pub(crate) weight: u32,
    pub(crate) backup: u32,
}

impl Path {
    pub(crate) fn new(forth: Link, back: Link) -> Self {
        Self { forth, back, weight: 0, backup: 0 }
    }

    pub(crate) fn both(link: Link) -> Self {
        Self::new(link.clone(), link)
    }
}

/// Everything that distinguishes one world from another.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Setup {
    pub(crate) seed: u64,
    pub(crate) profile: Profile,
    /// The receiver's, where it differs.
    pub(crate) receiver_profile: Option<Profile>,
    /// The receiver calls the sender.
    pub(crate) reversed: bool,
    pub(crate) paths: Vec<Path>,
    pub(crate) pattern: Pattern,
    pub(crate) length: Span,
    /// The settings of both sides.
    pub(crate) peer: PeerConfig,
    /// The sender's, where they differ.
    pub(crate) sender_peer: Option<PeerConfig>,
    /// How the sender begins with its peers, by path, where that differs.
    pub(crate) starts: Vec<AdvancedStart>,
    pub(crate) sender_clock: Clock,
    pub(crate) receiver_clock: Clock,
    pub(crate) spurious: bool,
}

impl Setup {
    pub(crate) fn new(path: Path) -> Self {
        Self {
            seed: 1,
            profile: Profile::Simple,
            receiver_profile: None,
            reversed: false,
            paths: vec![path],
            pattern: Pattern::default(),
            length: Span::from_secs(10),
            peer: PeerConfig { cname: "simulated".to_owned(), ..PeerConfig::default() },
            sender_peer: None,
            starts: Vec::new(),
            sender_clock: Clock::default(),
            receiver_clock: Clock::default(),
            spurious: false,
        }
    }

    pub(crate) fn buffer(mut self, ms: u32) -> Self {
        self.peer.buffer_min = Span::from_millis(ms);
        self.peer.buffer_max = Span::from_millis(ms);
        self
    }

    pub(crate) fn main_profile(mut self) -> Self {
        self.profile = Profile::Main;
        self
    }

    pub(crate) fn advanced(mut self) -> Self {
        self.profile = Profile::Advanced;
        self
    }

    /// Main, and encrypted.
    pub(crate) fn secret(mut self, size: KeySize) -> Self {
        self.peer.secret = Some(Secret::new(b"a passphrase"));
        self.peer.key_size = size;
        self.main_profile()
    }

    /// Main, and the caller logs in.
    pub(crate) fn login(mut self) -> Self {
        self.peer.credentials = credentials("a password");
        self.main_profile()
    }

    /// Both programs started, connections not yet made.
    pub(crate) fn start(self) -> Pair {
        let mut world = World::new(self.seed);
        let sender = world.add_host(SessionConfig { profile: self.profile, ..sender_config(FLOW) }, self.sender_clock);
        let profile = self.receiver_profile.unwrap_or(self.profile);
        let receiver = world.add_host(SessionConfig { profile, ..receiver_config() }, self.receiver_clock);
        if self.profile == Profile::Advanced && profile == Profile::Advanced {
            world.books.learners.push(receiver);
        }
        let mut pair = Pair { world, sender, receiver, callers: Vec::new(), listeners: Vec::new(), setup: self };
        for path in 0..pair.setup.paths.len() {
            let Path { forth, back, .. } = pair.setup.paths[path].clone();
            pair.world.connect(path, sender, receiver, forth, back);
            pair.listen(path);
            pair.call(path, 0);
        }
        if pair.setup.spurious {
            pair.world.make_spurious(sender);
            pair.world.make_spurious(receiver);
        }
        pair
    }

    /// Start, play, check.
    pub(crate) fn run(self) -> Pair {
        let mut pair = self.start();
        pair.settle();
        let stream = pair.play();
        pair.assert(stream);
        pair.assert_counters(stream);
        pair
    }
}

pub(crate) fn sender_config(flow_id: u32) -> SessionConfig {
    SessionConfig { role: Role::Sender, profile: Profile::Simple, flow_id, seed: 0x5eed }
}

pub(crate) fn receiver_config() -> SessionConfig {
    SessionConfig { role: Role::Receiver, profile: Profile::Simple, flow_id: 0, seed: 0xfeed }
}

pub(crate) fn credentials(password: &str) -> Option<Credentials> {
    Credentials::new(b"somebody", &Secret::new(password.as_bytes()))
}

pub(crate) struct Pair {
    pub(crate) world: World,
    pub(crate) sender: usize,
    pub(crate) receiver: usize,
    /// The sender's peers and their sockets, in the order of their making.
    pub(crate) callers: Vec<(PeerId, SocketId, SocketId)>,
    pub(crate) listeners: Vec<PeerId>,
    pub(crate) setup: Setup,
}

impl Pair {
    /// The receiver listens on `path`.
    pub(crate) fn listen(&mut self, path: usize) {
        let host = if self.setup.reversed { self.sender } else { self.receiver };
        let config = if self.setup.reversed { self.sender_peer(path) } else { self.setup.peer.clone() };
        let peer = listen(&mut self.world, host, path, &config);
        self.listeners.push(peer);
    }

    /// The sender calls on `path`, from two ports that start at `port` (0: ephemeral).
    pub(crate) fn call(&mut self, path: usize, port: u16) {
        let (near, far, config) = match self.setup.reversed {
            false => (self.sender, self.receiver, self.sender_peer(path)),
            true => (self.receiver, self.sender, self.setup.peer.clone()),
        };
        let caller = call(&mut self.world, near, far, path, port, config);
        self.callers.push(caller);
    }

    fn sender_peer(&self, path: usize) -> PeerConfig {
        let config = self.setup.sender_peer.as_ref().unwrap_or(&self.setup.peer).clone();
        let Path { weight, backup, .. } = self.setup.paths[path];
        let start = self.setup.starts.get(path).copied().unwrap_or(config.advanced.start);
        let advanced = Advanced { start, ..config.advanced };
        PeerConfig { weight, backup, advanced, ..config }
    }

    /// Time for the handshake before the first packet.
    pub(crate) fn settle(&mut self) {
        self.world.run_for(Span::from_millis(600));
    }

    /// Writes the stream and lets everything that follows from it happen.
    pub(crate) fn play(&mut self) -> u32 {
        let stream = self.write(self.setup.length);
        self.world.run_for(self.setup.length);
        self.finish();
        stream
    }

    pub(crate) fn write(&mut self, length: Span) -> u32 {
        self.world.write_for(self.sender, length, self.setup.pattern.clone())
    }

    /// Long enough for the last packet to be played and for the last reports to be made.
    pub(crate) fn finish(&mut self) {
        self.world.run_for(self.setup.peer.buffer_max.scaled(3, 1) + Span::from_secs(4));
    }

    pub(crate) fn bounds(&self) -> Bounds {
        Bounds::of(&self.setup)
    }

    pub(crate) fn verdict(&self, stream: u32) -> Verdict {
        self.bounds().check(&self.world, stream, self.receiver)
    }

    /// All four invariants.
    #[track_caller]
    pub(crate) fn assert(&self, stream: u32) -> Verdict {
        let verdict = self.verdict(stream);
        verdict.assert(&self.setup);
        verdict
    }

    /// The statistics say what happened.
    #[track_caller]
    pub(crate) fn assert_counters(&self, stream: u32) {
        let wrong = self.wrong_counters(stream);
        assert!(wrong.is_empty(), "seed {}: {wrong:#?}\n{:#?}", self.setup.seed, self.setup);
    }

    /// Statistics that differ from what happened.
    pub(crate) fn wrong_counters(&self, stream: u32) -> Vec<String> {
        let verdict = self.verdict(stream);
        let (sent, got) = (self.sent(), self.got());
        let Some(reception) = self.world.books.receptions.get(&(stream, self.receiver)) else { return Vec::new() };
        let accepted = got.flow_sum(|r| r.received);
        let refused = got.flow_sum(|r| u64::from(r.dropped_late) + u64::from(r.dropped_full));
        let counters = [
            // Of several paths, one owns the flow at first; what came by the others then is dropped.
            ("received", if self.setup.paths.len() == 1 { accepted } else { reception.delivered }, reception.delivered),
            ("lost", got.flow_sum(|r| u64::from(r.lost)), verdict.holes),
            ("retransmitted", sent.sender_sum(|r| r.retransmitted), sent.repeats_sent),
        ];
        let mut wrong: Vec<String> = counters
            .into_iter()
            .filter(|(_, reported, true_count)| reported != true_count)
            .map(|(name, reported, true_count)| format!("{name} is {true_count}, reported as {reported}"))
            .collect();
        // To a peer that has not answered an echo yet, some requests are not sent.
        let (told, left) = (got.flow_sum(|r| u64::from(r.retries)), got.requests_sent);
        if told < left || told > left + 64 {
            wrong.push(format!("retries are {left}, reported as {told}"));
        }
        // A dead peer is not reported.
        let (told, left) = (sent.sender_sum(|r| r.sent), sent.datagrams_reported);
        let dead = sent.deaths > 0;
        if told > left || (told != left && !dead) {
            wrong.push(format!("sent is {left}, reported as {told}"));
        }
        let counted = accepted + refused + got.flow_sum(|r| u64::from(r.duplicates));
        if counted > reception.arrivals {
            wrong.push(format!("{counted} arrivals counted of {}", reception.arrivals));
        }
        wrong
    }

    pub(crate) fn sent(&self) -> &Record {
        &self.world.hosts[self.sender].record
    }

    pub(crate) fn got(&self) -> &Record {
        &self.world.hosts[self.receiver].record
    }
}

/// `host` listens on a path, at the usual port pair.
pub(crate) fn listen(world: &mut World, host: usize, path: usize, config: &PeerConfig) -> PeerId {
    let media = world.open(host, path, PORT);
    let (one, rtcp) = control_port(world, host);
    let control = if one { media } else { world.open(host, path, rtcp) };
    let here = |port| SocketAddr::new(address(path, host), port);
    let setup = PeerSetup {
        config: config.clone(),
        media,
        control,
        remote: Remote::Listen { media: here(PORT), control: here(rtcp) },
        url: format!("rist://@{}", here(PORT)),
        miface: String::new(),
    };
    let now = world.local_time(host);
    let peer = world.hosts[host].session.add_peer(now, setup).expect("a listening peer");
    world.hosts[host].session.set_stats_interval(now, Some(REPORTS));
    world.drain(host);
    peer
}

/// Whether a host's profile has one port for everything, and which one RTCP comes to.
fn control_port(world: &World, host: usize) -> (bool, u16) {
    let one = world.hosts[host].profile != Profile::Simple;
    (one, if one { PORT } else { PORT + 1 })
}

/// `host` calls the port pair of `far`.
pub(crate) fn call(
    world: &mut World,
    host: usize,
    far: usize,
    path: usize,
    port: u16,
    config: PeerConfig,
) -> (PeerId, SocketId, SocketId) {
    let media = world.open(host, path, port);
    let (one, rtcp) = control_port(world, host);
    let control = if one { media } else { world.open(host, path, if port == 0 { 0 } else { port + 1 }) };
    let there = |port| SocketAddr::new(address(path, far), port);
    let setup = PeerSetup {
        config,
        media,
        control,
        remote: Remote::Call { media: there(PORT), control: there(rtcp), multicast: false },
        url: format!("rist://{}", there(PORT)),
        miface: String::new(),
    };
    let now = world.local_time(host);
    let peer = world.hosts[host].session.add_peer(now, setup).expect("a calling peer");
    world.hosts[host].session.set_stats_interval(now, Some(REPORTS));
    world.drain(host);
    (peer, media, control)
}
