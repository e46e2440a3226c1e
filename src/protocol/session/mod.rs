//! One sender or receiver context: owns the peers, the flows and the sender, and connects them.
//!
//! `peers` who is known, `receive` what comes in, `feedback` what it says, `rtcp` what we say,
//! `media` what we send, `legs` by which of the peers, `timers` what becomes due, `reports` the statistics. In the Main profile also `tunnel` what
//! comes in, `greeting` first words, `opening` what is read, `sealing` how we write, `keys` and `login` with which keys,
//! `out_of_band` what else is carried; in Advanced, beside these, `advanced` what comes in and goes out, `control` the
//! messages between, `hold` what waits at the start, `packing` what is compressed and divided, `flow_attribute` what is said of a flow.

mod advanced;
mod control;
mod door;
mod feedback;
mod flow_attribute;
mod greeting;
mod hold;
mod keys;
mod known;
mod legs;
mod lockout;
mod login;
mod login_budget;
mod look_ups;
mod media;
mod members;
mod opening;
mod out_of_band;
mod packing;
mod peers;
mod receive;
mod reflector;
mod reports;
mod rtcp;
mod schedule;
mod sealing;
mod sources;
mod split;
mod throttle;
mod timers;
mod tunnel;

use super::bonding::{Bonding, Leg};
use super::config::{MergeMode, NackType, PeerConfig, Profile, Role};
use super::entropy::Entropy;
use super::flow::Flow;
use super::job::JobId;
use super::output::{AdmissionId, Delivery, Error, Event, Level, Output, PeerId, SocketId, Transmit};
use super::payload::{Payload, Pool};
use super::sender::{Retransmission, Sender};
use super::time::{Span, Time};
use super::timers::{Timer, Timers};
use super::tunnel::Strangers;
use door::Door;
pub use flow_attribute::MAX_FLOW_ATTRIBUTE;
use hold::Hold;
use keys::Purpose;
use known::Peers;
use legs::Found;
use lockout::Lockout;
pub use login::LoginSetup;
use login_budget::LoginBudget;
use look_ups::LookUps;
use members::Members;
pub use out_of_band::{MAX_OUT_OF_BAND, OUT_OF_BAND};
use packing::Packing;
pub use packing::{MAX_FRAGMENT, MAX_FRAGMENTS};
use reflector::Reflected;
use schedule::Schedule;
use sources::Sources;
use split::Split;
use std::collections::{BTreeMap, HashMap, VecDeque};
use std::net::SocketAddr;
use std::sync::Arc;
use throttle::Throttles;

/// What a session is created with.
#[derive(Debug, Clone)]
pub struct SessionConfig {
    pub role: Role,
    pub profile: Profile,
    /// The sender's flow id: even, not 0. Ignored by receivers.
    pub flow_id: u32,
    /// Randomness from the operating system, for private SSRCs.
    pub seed: u64,
}

/// A peer to add. Its sockets are open already; the session only knows their names.
#[derive(Debug, Clone)]
pub struct PeerSetup {
    pub config: PeerConfig,
    /// Simple: the even port's socket and the odd one's. Other profiles: twice the same.
    pub media: SocketId,
    pub control: SocketId,
    pub remote: Remote,
    /// Shown in statistics and logs.
    pub url: String,
    pub miface: String,
}

/// Where a peer's other side is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Remote {
    /// Strangers may come to our addresses.
    Listen { media: SocketAddr, control: SocketAddr },
    /// We call.
    Call { media: SocketAddr, control: SocketAddr, multicast: bool },
    /// We would call, but the name is not resolved yet: `Event::Resolve` follows.
    Unresolved,
}

/// One packet to send.
#[derive(Debug, Clone)]
pub struct Media {
    pub payload: Payload,
    /// Source time; `None` = now.
    pub ts_ntp: Option<u64>,
    /// A sequence number chosen by the application (`RIST_DATA_FLAGS_USE_SEQ`).
    pub seq: Option<u32>,
    /// 0 = the peer's.
    pub virt_src_port: u16,
    pub virt_dst_port: u16,
}

/// Largest payload of one packet, bytes (libRIST: 10,000-byte datagram less its headers).
pub const MAX_PAYLOAD: usize = 9968;

/// Which of a peer's endpoints a datagram came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Channel {
    Media,
    Control,
}

/// A peer that the application added: its sockets take strangers.
#[derive(Debug, Clone, Copy)]
struct Listening {
    peer: PeerId,
    channel: Channel,
    local: SocketAddr,
}

#[derive(Debug)]
pub struct Session {
    config: SessionConfig,
    pool: Arc<Pool>,
    peers: Peers,
    sources: Sources,
    members: Members,
    listening: BTreeMap<SocketId, Listening>,
    flows: BTreeMap<u32, Flow>,
    sender: Sender,
    door: Door,
    /// Datagrams apart from the rest: with nearly every call there is one, and little else.
    transmits: VecDeque<Transmit>,
    outputs: VecDeque<Output>,
    timers: Timers,
    playout: Schedule,
    throttles: Throttles,
    next_peer: u32,
    random: u64,
    nack_type: NackType,
    rtt_multiplier: u32,
    null_packet_deletion: bool,
    null_packet_scratch: Vec<u8>,
    legs: Vec<Leg>,
    legs_found: Option<Found>,
    chosen: Vec<PeerId>,
    repeats: Vec<Retransmission>,
    bonding: Bonding,
    stats_interval: Option<Span>,
    idle_notice: bool,
    wall_ahead: Span,
    /// Main profile.
    entropy: Entropy,
    jobs: HashMap<JobId, Purpose>,
    next_job: u64,
    strangers: Strangers,
    login_budget: LoginBudget,
    look_ups: LookUps,
    lockout: Lockout,
    reflected: Option<Reflected>,
    /// Some peer of ours has been a reflector.
    reflects: bool,
    /// Some peer of ours has had a keyring.
    reads_keys: bool,
    clear_text: Vec<u8>,
    out_of_band: bool,
    typed_out_of_band: bool,
    flow_attributes: bool,
    /// The application says what its flow is.
    describes_itself: bool,
    /// Names this context in keep-alives.
    mac: [u8; 6],
    /// Peers behind listeners that media goes to now.
    takers: Vec<(PeerId, PeerId)>,
    split: Split,
    hold: Hold,
    packing: Packing,
    merge: MergeMode,
    /// The application's, before any peer's.
    recovery_depth: Option<u8>,
}

impl Session {
    pub fn new(config: SessionConfig, pool: Arc<Pool>) -> Self {
        let random = config.seed;
        let mask = if config.profile == Profile::Advanced { u32::MAX } else { SEQ_MASK };
        Self {
            config,
            pool,
            peers: Peers::default(),
            sources: Sources::default(),
            members: Members::default(),
            listening: BTreeMap::new(),
            flows: BTreeMap::new(),
            sender: Sender::new(mask),
            door: Door::default(),
            transmits: VecDeque::new(),
            outputs: VecDeque::new(),
            timers: Timers::default(),
            playout: Schedule::default(),
            throttles: Throttles::default(),
            next_peer: 1,
            random,
            nack_type: NackType::Range,
            rtt_multiplier: 7,
            null_packet_deletion: false,
            null_packet_scratch: Vec::new(),
            legs: Vec::new(),
            legs_found: None,
            chosen: Vec::new(),
            repeats: Vec::new(),
            bonding: Bonding::default(),
            stats_interval: None,
            idle_notice: false,
            wall_ahead: Span::ZERO,
            entropy: Entropy::new(|_| false),
            jobs: HashMap::new(),
            next_job: 1,
            strangers: Strangers::default(),
            login_budget: LoginBudget::default(),
            look_ups: LookUps::default(),
            lockout: Lockout::default(),
            reflected: None,
            reflects: false,
            reads_keys: false,
            clear_text: Vec::new(),
            out_of_band: false,
            typed_out_of_band: false,
            flow_attributes: false,
            describes_itself: false,
            mac: [0; 6],
            takers: Vec::new(),
            split: Split::default(),
            hold: Hold::default(),
            packing: Packing::default(),
            merge: MergeMode::Off,
            recovery_depth: None,
        }
    }

    /// Where keys and logins get what nobody can guess. Without it there are none.
    pub fn set_entropy(&mut self, mut entropy: Entropy) {
        // Locally administered, so it names no device outside.
        if let Ok([_, rest @ ..]) = entropy.octets::<6>() {
            self.mac = [0x02, rest[0], rest[1], rest[2], rest[3], rest[4]];
        }
        self.entropy = entropy;
    }

    /// Before the first peer.
    pub fn set_profile(&mut self, profile: Profile) -> Result<(), Error> {
        if !self.peers.is_empty() {
            return Err(Error::InvalidArgument);
        }
        self.config.profile = profile;
        self.sender = Sender::new(self.seq_mask());
        Ok(())
    }

    /// Whether peers may be spoken to in Advanced.
    fn is_advanced(&self) -> bool {
        self.config.profile == Profile::Advanced
    }

    /// Advanced numbers packets with 32 bits, of which those spoken to in Main see half.
    fn seq_mask(&self) -> u32 {
        if self.is_advanced() { u32::MAX } else { SEQ_MASK }
    }

    /// Whether there is a tunnel. Advanced begins in Main's framing, and stays there with peers that do not offer more.
    fn is_tunnel(&self) -> bool {
        self.config.profile != Profile::Simple
    }

    pub fn role(&self) -> Role {
        self.config.role
    }

    pub fn pool(&self) -> &Arc<Pool> {
        &self.pool
    }

    /// Call until `None` after every other call.
    pub fn poll_output(&mut self) -> Option<Output> {
        self.transmits.pop_front().map(Output::Transmit).or_else(|| self.outputs.pop_front())
    }

    pub fn has_output(&self) -> bool {
        !self.transmits.is_empty() || !self.outputs.is_empty()
    }

    /// Gives all datagrams at once for an empty list, instead of one by one.
    pub fn take_transmits(&mut self, empty: &mut VecDeque<Transmit>) {
        std::mem::swap(&mut self.transmits, empty);
    }

    /// When `handle_timeout` wants to be called next.
    pub fn poll_timeout(&self) -> Option<Time> {
        self.timers.next()
    }

    /// Appends every received packet that is due, in order.
    pub fn poll_delivery(&mut self, now: Time, out: &mut Vec<Delivery>) {
        while let Some((at, flow_id)) = self.playout.first()
            && at <= now
        {
            let next = self.flows.get_mut(&flow_id).and_then(|flow| {
                flow.deliver(now, out);
                flow.next_release()
            });
            self.playout.set(flow_id, next);
        }
    }

    /// When the next received packet is due.
    pub fn next_delivery(&self) -> Option<Time> {
        self.playout.first().map(|(at, _)| at)
    }

    fn schedule_playout(&mut self, flow_id: u32) {
        let next = self.flows.get(&flow_id).and_then(Flow::next_release);
        self.playout.set(flow_id, next);
    }

    pub fn set_weight(&mut self, peer: PeerId, weight: u32) -> Result<(), Error> {
        let peer = self.peers.get_mut(&peer).ok_or(Error::NoSuchPeer)?;
        if peer.is_child() {
            return Err(Error::ChildPeer);
        }
        Arc::make_mut(&mut peer.config).weight = weight;
        self.sender.spread.restart();
        Ok(())
    }

    /// The local name that this peer sends.
    pub fn peer_cname(&self, peer: PeerId) -> Result<&str, Error> {
        self.peers.get(&peer).map(|peer| peer.config.cname.as_str()).ok_or(Error::NoSuchPeer)
    }

    /// The application's answer to `Event::Admission`.
    pub fn admit(&mut self, now: Time, request: AdmissionId, accept: bool) {
        if let Some((socket, from, datagram)) = self.door_answered(now, request, accept) {
            self.handle_datagram(now, socket, from, &datagram);
        }
    }

    /// Whether strangers are announced with `Event::Admission` before they become peers.
    pub fn set_admission(&mut self, ask: bool) {
        self.door.set_asking(ask);
    }

    /// Whether `Event::FlowTimedOut { flow_id: 0 }` is wanted each second while there is no flow.
    pub fn set_idle_notice(&mut self, now: Time, wanted: bool) {
        self.idle_notice = wanted && self.config.role == Role::Receiver;
        self.timers.set(Timer::IdleNotice, self.idle_notice.then_some(now + Span::from_secs(1)));
    }

    /// How often reports are made; `None` = never.
    pub fn set_stats_interval(&mut self, now: Time, interval: Option<Span>) {
        if interval == self.stats_interval {
            return;
        }
        self.stats_interval = interval;
        let flows: Vec<u32> = self.flows.keys().copied().collect();
        for flow_id in flows {
            self.timers.set(Timer::FlowStats(flow_id), Some(now + self.report_period()));
        }
        if self.config.role == Role::Sender {
            self.timers.set(Timer::SenderStats, interval.map(|_| now + FIRST_REPORT));
        }
    }

    pub fn set_nack_type(&mut self, nack_type: NackType) {
        self.nack_type = nack_type;
    }

    /// Receiver: recovery buffer between its bounds = this × smoothed RTT + reorder buffer.
    pub fn set_rtt_multiplier(&mut self, multiplier: u32) {
        self.rtt_multiplier = multiplier;
        self.configure_flows();
    }

    /// Deepest ring for 32-bit sequence numbers, whatever the peers say. For flows that begin from now on.
    pub fn set_recovery_depth(&mut self, depth: u8) {
        self.recovery_depth = Some(depth);
        self.set_depths();
    }

    pub fn set_null_packet_deletion(&mut self, on: bool) {
        self.null_packet_deletion = on;
    }

    pub fn null_packet_deletion(&self) -> bool {
        self.null_packet_deletion
    }

    pub fn flow_id(&self) -> u32 {
        self.config.flow_id
    }

    /// Bit 0 is cleared; 0 is refused.
    pub fn set_flow_id(&mut self, flow_id: u32) -> Result<(), Error> {
        if self.config.role != Role::Sender {
            return Err(Error::WrongRole);
        }
        if flow_id & !1 == 0 {
            return Err(Error::InvalidArgument);
        }
        self.config.flow_id = flow_id & !1;
        for peer in self.peers.values_mut() {
            peer.ssrc = self.config.flow_id;
            // The new name is due at once: receivers take no media of a flow that was not announced.
            let timer = Timer::Rtcp(peer.id);
            if let Some(due) = self.timers.at(timer) {
                self.timers.set(timer, Some(due - peer.config.keepalive_interval));
            }
        }
        Ok(())
    }

    /// How far the wall clock (NTP) is ahead of the monotonic clock that `now` comes from.
    pub fn set_wall_clock(&mut self, ahead: Span) {
        self.wall_ahead = ahead;
        for flow in self.flows.values_mut() {
            flow.set_wall_clock(ahead);
        }
    }

    fn transmit(&mut self, transmit: Transmit) {
        self.transmits.push_back(transmit);
    }

    fn event(&mut self, event: Event) {
        self.outputs.push_back(Output::Event(event));
    }

    fn log(&mut self, level: Level, text: impl Into<String>) {
        self.outputs.push_back(Output::Log(level, text.into()));
    }

    /// splitmix64: private SSRCs only have to differ and to be hard to guess from outside.
    fn next_random(&mut self) -> u64 {
        self.random = self.random.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.random;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        z ^ (z >> 31)
    }
}

/// Simple and Main number packets with 16 bits on the wire.
const SEQ_MASK: u32 = 0xFFFF;
/// libRIST makes the first report about 10 ms after the start.
const FIRST_REPORT: Span = Span::from_millis(10);
