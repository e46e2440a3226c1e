//! What a sender says of its flow: JSON beside the media of the Advanced profile (TR-06-3; libRIST 0.2.17).

use super::Session;
use super::advanced::speaks_advanced;
use crate::protocol::config::Role;
use crate::protocol::output::{Error, PeerId};
use crate::protocol::peer::{Kind, Peer};
use crate::protocol::time::Time;
use crate::wire::advanced::control;

/// Longest text, bytes: it goes in one datagram.
pub const MAX_FLOW_ATTRIBUTE: usize = 9000;

impl Session {
    /// Whether the application wants to hear of flow attributes: then each comes as `Event::FlowAttribute`.
    pub fn set_flow_attributes(&mut self, wanted: bool) {
        self.flow_attributes = wanted;
    }

    /// Says something of the flow to one peer, to those who came through it, or (`None`) to all that are spoken to in Advanced. It takes the place of
    /// what is said each second by itself. Returns how many it went to.
    pub fn send_flow_attribute(&mut self, now: Time, to: Option<PeerId>, text: &[u8]) -> Result<usize, Error> {
        if self.config.role != Role::Sender {
            return Err(Error::WrongRole);
        }
        if !self.is_advanced() {
            return Err(Error::Unsupported);
        }
        if text.is_empty() || text.len() > MAX_FLOW_ATTRIBUTE {
            return Err(Error::InvalidArgument);
        }
        if to.is_some_and(|id| !self.peers.contains_key(&id)) {
            return Err(Error::NoSuchPeer);
        }
        self.describes_itself = true;
        let meant = |peer: &&Peer| to.is_none_or(|id| peer.id == id || peer.kind == Kind::Child(id));
        let all = self.peers.values().filter(|peer| speaks_advanced(peer)).filter(meant);
        let all: Vec<PeerId> = all.map(|peer| peer.id).collect();
        let mut sent = 0;
        for id in all {
            sent += usize::from(self.send_control(now, id, |out| control::write_flow_attribute(out, text)));
        }
        Ok(sent)
    }

    /// What libRIST says each second by itself.
    pub(super) fn describe_flow(&mut self, now: Time, id: PeerId) {
        if self.config.role != Role::Sender || self.describes_itself || !self.speaks_advanced(id) {
            return;
        }
        let Some(config) = self.peers.get(&id).map(|peer| peer.config.clone()) else { return };
        self.send_control(now, id, |out| {
            control::write_librist_flow_attribute(out, &config.cname, config.virt_dst_port);
        });
    }
}
