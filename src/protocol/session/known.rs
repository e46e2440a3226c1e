//! The peers of a session, and whether anything of them may have changed.
//!
//! Which legs are usable is found once and holds until a peer is changed. Whoever takes a peer to change it is taken to
//! have done so; only sending and what it counts goes past that.

use crate::protocol::output::PeerId;
use crate::protocol::peer::Peer;
use std::collections::BTreeMap;
use std::ops::{Deref, DerefMut};

#[derive(Debug, Default)]
pub(super) struct Peers {
    peers: BTreeMap<PeerId, Peer>,
    changed: bool,
}

impl Peers {
    /// A peer, for changes that no leg depends on.
    pub(super) fn quietly(&mut self, id: PeerId) -> Option<&mut Peer> {
        self.peers.get_mut(&id)
    }

    /// Whether there may have been a change since the last call.
    pub(super) fn take_changed(&mut self) -> bool {
        std::mem::take(&mut self.changed)
    }
}

impl Deref for Peers {
    type Target = BTreeMap<PeerId, Peer>;
    fn deref(&self) -> &Self::Target {
        &self.peers
    }
}

impl DerefMut for Peers {
    fn deref_mut(&mut self) -> &mut Self::Target {
        self.changed = true;
        &mut self.peers
    }
}
