//! One sender or receiver: what a `rist_ctx` stands for.

use super::callbacks::Callbacks;
use super::log::Logger;
use crate::protocol::config::{NackType, PeerConfig, Profile, Role};
use crate::protocol::output::{Delivery, Error as SessionError, PeerId};
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

/// Why a call on a context was refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Error {
    /// A sender's call on a receiver or the other way round.
    WrongRole,
    AlreadyStarted,
    /// Destroyed, or dead after an internal error.
    Closed,
    InvalidArgument,
    /// The feature is not in this build.
    Unsupported,
    /// The socket could not be opened, bound or joined.
    Socket,
    /// No thread, no memory.
    Resources,
    Session(SessionError),
}

impl From<SessionError> for Error {
    fn from(error: SessionError) -> Self {
        Error::Session(error)
    }
}

/// Where a peer is, before names are resolved.
#[derive(Debug, Clone, PartialEq)]
pub enum PeerAddress {
    /// `rist://[@]host:port`, without the query.
    Url(String),
    /// The fields of a configuration with an address family.
    Manual { host: String, port: u16, call: bool, ipv6: bool },
}

/// Everything that `rist_peer_create` is told.
#[derive(Debug, Clone)]
pub struct PeerOptions {
    pub config: PeerConfig,
    pub address: PeerAddress,
    pub miface: String,
    pub multicast_ttl: Option<u8>,
    pub multicast_source: Option<IpAddr>,
    pub local_port: Option<u16>,
    /// From `?profile=`: fixes the context's profile if nothing has yet; a later disagreement is refused.
    pub profile: Option<Profile>,
}

/// A received packet on its way to the application.
pub struct Block {
    pub delivery: Delivery,
    /// The FIFO was full before this one and packets were dropped.
    pub overflow: bool,
}

/// What `Context::write` takes.
pub struct Write<'a> {
    pub payload: &'a [u8],
    pub ts_ntp: Option<u64>,
    pub seq: Option<u32>,
    pub virt_src_port: u16,
    pub virt_dst_port: u16,
}

pub struct Context {
    role: Role,
    log: Logger,
}

impl Context {
    /// A receiver, or a sender with this flow id (0 = a random even one; odd is refused).
    pub fn new(role: Role, profile: Profile, flow_id: u32, log: Logger) -> Result<Arc<Self>, Error> {
        let _ = (profile, flow_id);
        Ok(Arc::new(Self { role, log }))
    }

    pub fn role(&self) -> Role {
        self.role
    }

    pub fn log(&self) -> &Logger {
        &self.log
    }

    /// Starts the threads. Once.
    pub fn start(self: &Arc<Self>) -> Result<(), Error> {
        Err(Error::Unsupported)
    }

    /// Ends the threads and reports the last events. After it returns no callback runs; called from
    /// a callback, the calling thread ends when that callback returns.
    pub fn destroy(self: &Arc<Self>) {}

    pub fn add_peer(self: &Arc<Self>, options: PeerOptions) -> Result<PeerId, Error> {
        let _ = options;
        Err(Error::Unsupported)
    }

    pub fn remove_peer(&self, peer: PeerId) -> Result<(), Error> {
        let _ = peer;
        Err(Error::Unsupported)
    }

    pub fn set_weight(&self, peer: PeerId, weight: u32) -> Result<(), Error> {
        let _ = (peer, weight);
        Err(Error::Unsupported)
    }

    /// The media socket and, in Simple, the RTCP socket. `Session(ChildPeer)` for peers that came by themselves.
    pub fn peer_sockets(&self, peer: PeerId) -> Result<(i32, Option<i32>), Error> {
        let _ = peer;
        Err(Error::Unsupported)
    }

    pub fn peer_cname(&self, peer: PeerId) -> Result<String, Error> {
        let _ = peer;
        Err(Error::Unsupported)
    }

    pub fn has_peer(&self, peer: PeerId) -> bool {
        let _ = peer;
        false
    }

    /// Sends one packet from the calling thread. Returns the payload's length.
    pub fn write(&self, write: Write<'_>) -> Result<usize, Error> {
        let _ = write.payload;
        Err(Error::Unsupported)
    }

    /// The next received block and how many its flow held, this one included. `None` after the
    /// time-out, at once when it is zero.
    pub fn read(&self, timeout: Duration) -> Result<Option<(Block, usize)>, Error> {
        let _ = timeout;
        Err(Error::Unsupported)
    }

    /// Receiver, before start; a power of two (1 and 0: no FIFO). `size - 1` blocks a flow fit.
    pub fn set_fifo_size(&self, size: u32) -> Result<(), Error> {
        let _ = size;
        Err(Error::Unsupported)
    }

    /// One zero byte is written to this descriptor for each block that enters the FIFO; never blocks.
    pub fn set_notify_fd(&self, fd: Option<i32>) -> Result<(), Error> {
        let _ = fd;
        Err(Error::Unsupported)
    }

    /// Changes the callbacks; takes effect at once, also while running. `change` gets the current ones.
    pub fn set_callbacks(&self, change: impl FnOnce(&mut Callbacks)) {
        let mut callbacks = Callbacks::default();
        change(&mut callbacks);
    }

    /// Period of the statistics reports (both kinds); takes effect at once.
    pub fn set_stats_interval(&self, interval: Duration) {
        let _ = interval;
    }

    pub fn set_sender_stats_interval(&self, interval: Duration) {
        let _ = interval;
    }

    pub fn set_nack_type(&self, nack_type: NackType) -> Result<(), Error> {
        let _ = nack_type;
        Err(Error::Unsupported)
    }

    pub fn set_rtt_multiplier(&self, multiplier: u32) -> Result<(), Error> {
        let _ = multiplier;
        Err(Error::Unsupported)
    }

    pub fn set_null_packet_deletion(&self, on: bool) -> Result<(), Error> {
        let _ = on;
        Err(Error::Unsupported)
    }

    pub fn null_packet_deletion(&self) -> Result<bool, Error> {
        Err(Error::Unsupported)
    }

    pub fn flow_id(&self) -> Result<u32, Error> {
        Err(Error::Unsupported)
    }

    /// Clears bit 0.
    pub fn set_flow_id(&self, flow_id: u32) -> Result<(), Error> {
        let _ = flow_id;
        Err(Error::Unsupported)
    }

    pub fn profile(&self) -> Profile {
        Profile::Simple
    }

    pub fn is_started(&self) -> bool {
        false
    }
}

/// A random even flow id, never 0, from the operating system's randomness.
pub fn random_flow_id() -> u32 {
    2
}
