//! What a sender says of its flow: JSON beside the media of the Advanced profile (TR-06-3; libRIST 0.2.17).

use super::Session;
use crate::protocol::output::{Error, PeerId};
use crate::protocol::time::Time;

/// Longest text, bytes: it goes in one datagram.
pub const MAX_FLOW_ATTRIBUTE: usize = 9000;

impl Session {
    /// Whether the application wants to hear of flow attributes: then each comes as `Event::FlowAttribute`.
    pub fn set_flow_attributes(&mut self, wanted: bool) {
        self.flow_attributes = wanted;
    }

    /// Says something of the flow to one peer, or (`None`) to all that are spoken to in Advanced. It takes the place of
    /// what is said each second by itself. Returns how many it went to.
    pub fn send_flow_attribute(&mut self, _now: Time, _to: Option<PeerId>, _text: &[u8]) -> Result<usize, Error> {
        Err(Error::Unsupported)
    }
}
