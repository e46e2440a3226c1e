//! What the application wants to be told. Each is called with no lock held and may call the library.

use super::context::Block;
use super::gate::Gate;
use crate::crypto::srp::HashGeneration;
use crate::protocol::auth::LookUpAnswer;
use crate::protocol::output::PeerId;
use crate::protocol::report::{FlowReport, SenderPeerReport, SplitReport};
use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::Arc;

/// Connection states, with libRIST's numbers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ConnectionStatus {
    Established = 0,
    TimedOut = 1,
    ClientConnected = 2,
}

/// One statistics report.
pub enum Report<'a> {
    Flow(&'a FlowReport),
    SenderPeer(&'a SenderPeerReport),
    /// All peers of a sender in one document (`rist_sender_stats_callback_set`), made once an interval,
    /// and what was split.
    Sender(&'a [SenderPeerReport], Option<SplitReport>),
}

/// A stranger at the door.
#[derive(Debug, Clone, Copy)]
pub struct Caller {
    pub peer: PeerId,
    pub remote: SocketAddr,
    pub local: SocketAddr,
}

/// Takes out-of-band data of a peer.
pub type OutOfBandFunction = dyn Fn(PeerId, &[u8]) + Send + Sync;

/// Takes out-of-band data with another protocol type than libRIST's, which is told last.
pub type TypedOutOfBandFunction = dyn Fn(PeerId, &[u8], u16) + Send + Sync;

/// Takes what a sender says of its flow.
pub type FlowAttributeFunction = dyn Fn(PeerId, &[u8]) + Send + Sync;

/// What is known of a user, by name; for `None` only its generation is wanted.
pub type LookUpFunction = dyn Fn(&[u8], Option<HashGeneration>) -> LookUpAnswer + Send + Sync;

type Callback<F> = Option<Arc<F>>;

/// The application's callbacks, by what they are told.
#[derive(Clone, Default)]
pub struct Callbacks {
    pub data: Callback<dyn Fn(Block) + Send + Sync>,
    pub stats: Callback<dyn Fn(Report<'_>) + Send + Sync>,
    /// The whole-sender document, with a period of its own.
    pub sender_stats: Callback<dyn Fn(Report<'_>) + Send + Sync>,
    pub connection: Callback<dyn Fn(PeerId, ConnectionStatus) + Send + Sync>,
    /// True admits.
    pub admission: Callback<dyn Fn(Caller) -> bool + Send + Sync>,
    pub disconnect: Callback<dyn Fn(PeerId) + Send + Sync>,
    pub out_of_band: Callback<OutOfBandFunction>,
    pub typed_out_of_band: Callback<TypedOutOfBandFunction>,
    /// What a sender says of its flow, in its words.
    pub(super) flow_attribute: Callback<FlowAttributeFunction>,
    /// What its calls go through.
    pub(super) flow_attribute_gate: Arc<Gate>,
    /// By the listening peer whose users it knows.
    pub look_up: BTreeMap<PeerId, Arc<LookUpFunction>>,
    pub session_timeout: Callback<dyn Fn(u32) + Send + Sync>,
    /// Runs on each library thread when it starts (true) and when it ends (false).
    pub thread: Callback<dyn Fn(bool) + Send + Sync>,
}
