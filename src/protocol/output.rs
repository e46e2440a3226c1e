//! What a session asks its owner to do.

use super::job::{Job, JobId};
use super::payload::Payload;
use super::report::{FlowReport, SenderPeerReport, SplitReport};
use crate::crypto::srp::HashGeneration;
use std::fmt;
use std::net::SocketAddr;

/// A peer of one session. Never used twice in a session's life; also the peer's number in statistics.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PeerId(pub u32);

/// A socket, by the name that its owner gave it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SocketId(pub u32);

/// Severity of a log line, with libRIST's (syslog's) numbers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Level {
    Error = 3,
    Warn = 4,
    Notice = 5,
    Info = 6,
    Debug = 7,
}

/// Room for the longest header that a framing puts before a payload.
pub const MAX_HEAD: usize = 52;

/// A datagram to send: a short head and a shared body.
#[derive(Debug, Clone)]
pub struct Transmit {
    pub socket: SocketId,
    pub to: SocketAddr,
    pub head: [u8; MAX_HEAD],
    pub head_len: usize,
    pub body: Option<Payload>,
}

impl Transmit {
    pub fn head(&self) -> &[u8] {
        &self.head[..self.head_len]
    }

    pub fn body(&self) -> &[u8] {
        self.body.as_deref().unwrap_or(&[])
    }

    pub fn len(&self) -> usize {
        self.head_len + self.body().len()
    }

    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

/// A received packet whose time to be handed to the application has come.
#[derive(Debug, Clone)]
pub struct Delivery {
    pub flow_id: u32,
    pub peer: PeerId,
    /// Sequence number as on the wire (16 bits in Simple and Main); of a merged pair, half that of its first packet.
    pub seq: u32,
    /// Source time in NTP-64 ticks.
    pub ts_ntp: u64,
    pub virt_src_port: u16,
    pub virt_dst_port: u16,
    /// Packets before this one were lost.
    pub discontinuity: bool,
    /// First packet of its flow.
    pub flow_start: bool,
    pub payload: Payload,
}

/// Something that the application may want to hear of.
#[derive(Debug, Clone)]
pub enum Event {
    /// A stranger wants to become a peer. Nothing of it is used until `Session::admit` answers.
    Admission {
        request: AdmissionId,
        remote: SocketAddr,
        local: SocketAddr,
        peer: PeerId,
    },
    /// A calling peer reached the other side.
    Established {
        peer: PeerId,
    },
    /// A remote caller is known by name.
    ClientConnected {
        peer: PeerId,
    },
    /// An announced peer has gone (libRIST reports it 5 s after the last sign of life, or at removal).
    TimedOut {
        peer: PeerId,
    },
    /// One admitted endpoint of a peer has gone.
    Disconnected {
        peer: PeerId,
    },
    /// A caller has been silent for long: its host name should be resolved again (`Session::set_remote`).
    Resolve {
        peer: PeerId,
    },
    /// Who is this user? Answered by `Session::login_looked_up`.
    LookUp(LookUp),
    /// Out-of-band data of a peer.
    OutOfBand {
        peer: PeerId,
        /// Protocol type of its GRE header; see `wire::gre::protocol`.
        protocol: u16,
        payload: Payload,
    },
    /// What a sender says of its flow (Advanced profile): JSON, or whatever it has sent instead.
    FlowAttribute {
        peer: PeerId,
        text: Payload,
    },
    FlowStats(Box<FlowReport>),
    SenderStats(Box<SenderPeerReport>),
    /// With the reports of the peers, while what is written is split.
    SplitStats(SplitReport),
    /// No packet of this flow for its session time-out. Flow 0: no flow at all for another second.
    FlowTimedOut {
        flow_id: u32,
    },
}

/// A question about a user that wants to log in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LookUp {
    pub peer: PeerId,
    /// The listener that the peer came through, or itself.
    pub listener: PeerId,
    pub step: u64,
    pub username: Vec<u8>,
    /// `None`: only whether what is known of the user has changed.
    pub hash_generation: Option<HashGeneration>,
}

/// A question to the application about a stranger.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct AdmissionId(pub u64);

#[derive(Debug)]
pub enum Output {
    Transmit(Transmit),
    Event(Event),
    /// Slow work, to be done elsewhere and answered with `Session::job_done`.
    Job(JobId, Job),
    Log(Level, String),
}

/// Why a call on a session was refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Error {
    NoSuchPeer,
    NoPeers,
    WrongRole,
    InvalidArgument,
    /// The peer came by itself; the setting belongs to the listener it came through.
    ChildPeer,
    /// The system has no randomness.
    NoEntropy,
    /// The feature belongs to a profile that this build does not speak.
    Unsupported,
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Error::NoSuchPeer => "no such peer",
            Error::NoPeers => "no peers",
            Error::WrongRole => "not possible in this role",
            Error::InvalidArgument => "invalid argument",
            Error::ChildPeer => "not possible on a peer that came by itself",
            Error::NoEntropy => "no randomness from the system",
            Error::Unsupported => "not supported",
        })
    }
}

impl std::error::Error for Error {}
