//! One sender or receiver context: owns the peers, the flows and the sender, and connects them.

use super::config::{NackType, PeerConfig, Profile, Role};
use super::output::{AdmissionId, Delivery, Error, Output, PeerId, SocketId};
use super::payload::{Payload, Pool};
use super::time::{Span, Time};
use std::net::SocketAddr;
use std::sync::Arc;

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

#[derive(Debug)]
pub struct Session {
    config: SessionConfig,
    pool: Arc<Pool>,
}

impl Session {
    pub fn new(config: SessionConfig, pool: Arc<Pool>) -> Self {
        Self { config, pool }
    }

    pub fn role(&self) -> Role {
        self.config.role
    }

    pub fn pool(&self) -> &Arc<Pool> {
        &self.pool
    }

    /// Takes a datagram that came in on `socket`.
    pub fn handle_datagram(&mut self, _now: Time, _socket: SocketId, _from: SocketAddr, _bytes: &[u8]) {}

    /// Does whatever has become due.
    pub fn handle_timeout(&mut self, _now: Time) {}

    /// Call until `None` after every other call.
    pub fn poll_output(&mut self) -> Option<Output> {
        None
    }

    /// When `handle_timeout` wants to be called next.
    pub fn poll_timeout(&self) -> Option<Time> {
        None
    }

    /// Appends every received packet that is due, in order.
    pub fn poll_delivery(&mut self, _now: Time, _out: &mut Vec<Delivery>) {}

    /// When the next received packet is due.
    pub fn next_delivery(&self) -> Option<Time> {
        None
    }

    /// Sends one packet to the peers. Returns the payload's length.
    pub fn send(&mut self, _now: Time, _media: Media) -> Result<usize, Error> {
        Err(Error::NoPeers)
    }

    pub fn add_peer(&mut self, _now: Time, _setup: PeerSetup) -> Result<PeerId, Error> {
        Err(Error::Unsupported)
    }

    pub fn remove_peer(&mut self, _now: Time, _peer: PeerId) -> Result<(), Error> {
        Err(Error::NoSuchPeer)
    }

    pub fn set_weight(&mut self, _peer: PeerId, _weight: u32) -> Result<(), Error> {
        Err(Error::NoSuchPeer)
    }

    /// The local name that this peer sends.
    pub fn peer_cname(&self, _peer: PeerId) -> Result<&str, Error> {
        Err(Error::NoSuchPeer)
    }

    /// The peer that was added through the API, where `peer` came by itself through it.
    pub fn parent(&self, _peer: PeerId) -> Result<Option<PeerId>, Error> {
        Err(Error::NoSuchPeer)
    }

    /// New addresses of a calling peer, after its name was resolved (again).
    pub fn set_remote(&mut self, _now: Time, _peer: PeerId, _remote: Remote) -> Result<(), Error> {
        Err(Error::NoSuchPeer)
    }

    /// The application's answer to `Event::Admission`.
    pub fn admit(&mut self, _now: Time, _request: AdmissionId, _accept: bool) {}

    /// Whether strangers are announced with `Event::Admission` before they become peers.
    pub fn set_admission(&mut self, _ask: bool) {}

    /// Whether `Event::FlowTimedOut { flow_id: 0 }` is wanted each second while there is no flow.
    pub fn set_idle_notice(&mut self, _now: Time, _wanted: bool) {}

    /// How often reports are made; `None` = never.
    pub fn set_stats_interval(&mut self, _now: Time, _interval: Option<Span>) {}

    pub fn set_nack_type(&mut self, _nack_type: NackType) {}

    /// Receiver: recovery buffer between its bounds = this × smoothed RTT + reorder buffer.
    pub fn set_rtt_multiplier(&mut self, _multiplier: u32) {}

    pub fn set_null_packet_deletion(&mut self, _on: bool) {}

    pub fn null_packet_deletion(&self) -> bool {
        false
    }

    pub fn flow_id(&self) -> u32 {
        self.config.flow_id
    }

    /// Bit 0 is cleared; 0 is refused.
    pub fn set_flow_id(&mut self, _flow_id: u32) -> Result<(), Error> {
        Err(Error::WrongRole)
    }

    /// How far the wall clock (NTP) is ahead of the monotonic clock that `now` comes from.
    pub fn set_wall_clock(&mut self, _ahead: Span) {}

    /// Ends everything: the last events come out, nothing after them.
    pub fn close(&mut self, _now: Time) {}
}
