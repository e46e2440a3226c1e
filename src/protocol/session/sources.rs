//! Whose endpoint an address is.

use super::Channel;
use crate::protocol::output::{PeerId, SocketId};
use std::collections::HashMap;
use std::net::SocketAddr;

type Source = (SocketId, SocketAddr);
type Owner = (PeerId, Channel);

/// Addresses that peers send from. The last one found is tried first: datagrams of a stream come from one address,
/// and the map's hash, which has to withstand hostile addresses, is the dearer part of taking one in.
#[derive(Debug, Default)]
pub(super) struct Sources {
    owners: HashMap<Source, Owner>,
    latest: Option<(Source, Owner)>,
}

impl Sources {
    #[inline]
    pub(super) fn find(&mut self, source: Source) -> Option<Owner> {
        if let Some((latest, owner)) = &self.latest
            && *latest == source
        {
            return Some(*owner);
        }
        let owner = *self.owners.get(&source)?;
        self.latest = Some((source, owner));
        Some(owner)
    }

    pub(super) fn insert(&mut self, source: Source, owner: Owner) {
        self.latest = None;
        self.owners.insert(source, owner);
    }

    pub(super) fn remove(&mut self, source: Source) {
        self.latest = None;
        self.owners.remove(&source);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_latest_find_follows_every_change() {
        let source = (SocketId(1), SocketAddr::from(([127, 0, 0, 1], 5000)));
        let mut sources = Sources::default();
        assert_eq!(sources.find(source), None);
        for owner in [(PeerId(1), Channel::Media), (PeerId(3), Channel::Control)] {
            sources.insert(source, owner);
            assert_eq!([sources.find(source), sources.find(source)], [Some(owner); 2]);
        }
        sources.remove(source);
        assert_eq!(sources.find(source), None);
    }
}
