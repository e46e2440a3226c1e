//! How what the application writes is packed for peers that are spoken to in Advanced: compressed, in fragments.

use super::advanced::speaks_advanced;
use super::throttle::Complaint;
use super::{MAX_PAYLOAD, Media, Session};
use crate::protocol::output::Level;
use crate::protocol::peer::Kind;
use crate::protocol::sender::Shape;
use crate::protocol::time::Time;
use crate::wire::lz4;

/// Fragments of one block at most (as ristgo and ristrust).
pub const MAX_FRAGMENTS: usize = 64;
/// Longest fragment, octets (as ristgo and ristrust).
pub const MAX_FRAGMENT: usize = 1460;

#[derive(Debug, Default)]
pub(super) struct Packing {
    /// Some leg is spoken to in Advanced, where null packets stay in.
    advanced: bool,
    compress: bool,
    /// Octets of a fragment; 0 = blocks stay whole.
    fragment: usize,
    /// What some peer is configured with.
    wanted: usize,
    scratch: Vec<u8>,
}

impl Packing {
    pub(super) fn want_fragments(&mut self, size: u16) {
        self.wanted = self.wanted.max(size.into());
    }
}

impl Session {
    /// Longest payload that can be sent now, or perhaps once the peers have told what they can do. The application numbers
    /// blocks: the fragments of one would take the numbers of the next.
    pub(super) fn most_payload(&self, numbered: bool) -> usize {
        if numbered || self.split.is_on() {
            return MAX_PAYLOAD;
        }
        // With nobody there, what is written goes nowhere, however large it is.
        let unknown = self.is_holding() || self.legs.is_empty();
        let size = if unknown { self.packing.wanted } else { self.packing.fragment };
        MAX_PAYLOAD.max(MAX_FRAGMENTS * size)
    }

    pub(super) fn has_to_pack(&self) -> bool {
        self.packing.compress || self.packing.fragment > 0 || (self.packing.advanced && self.null_packet_deletion)
    }

    /// The legs have been found. A block is compressed, or divided, for all of them or for none: they share its numbers.
    pub(super) fn choose_packing(&mut self) {
        let (mut advanced, mut compress, mut can_compress) = (false, false, true);
        let mut fragment = None;
        let mut can_join = !self.legs.is_empty() && !self.split.is_on();
        let takers = self.takers.iter().map(|(_, child)| *child);
        for peer in self.legs.iter().map(|leg| leg.peer).chain(takers).filter_map(|id| self.peers.get(&id)) {
            let settings = &peer.config.advanced;
            if peer.kind == Kind::Listener {
                continue;
            }
            let abilities = peer.abilities();
            can_join &= abilities.is_some_and(|abilities| abilities.fragments());
            let size = Some(usize::from(settings.fragment_size)).filter(|size| *size > 0);
            fragment = fragment.into_iter().chain(size).min();
            if speaks_advanced(peer) {
                advanced = true;
                compress |= settings.compression;
                can_compress &= abilities.is_some_and(|abilities| abilities.compression());
            }
        }
        self.packing.advanced = advanced;
        self.packing.compress = compress && can_compress;
        self.packing.fragment = fragment.filter(|_| can_join).unwrap_or(0).min(MAX_FRAGMENT);
    }

    /// Sends a block in as many packets as it takes.
    pub(super) fn send_packed(&mut self, now: Time, source: Time, media: Media) {
        let block = self.compressed(&media);
        let lz4 = block.is_some();
        let size = if media.seq.is_some() { 0 } else { self.packing.fragment };
        let octets = block.as_ref().unwrap_or(&media.payload).len();
        if size > 0 && octets > size {
            if octets.div_ceil(size) > MAX_FRAGMENTS {
                return self.too_long(now);
            }
            let whole = block.unwrap_or_else(|| media.payload.clone());
            let last = octets.div_ceil(size) - 1;
            for (n, part) in whole.chunks(size).enumerate() {
                let media = Media { payload: self.pool.copy(part), ..media };
                let shape = Shape { lz4, first: n == 0, last: n == last };
                self.send_packet(now, source, media, None, shape);
            }
            return;
        }
        if media.payload.len() > MAX_PAYLOAD {
            return self.too_long(now);
        }
        let uncut = || self.null_packet_deletion.then(|| media.payload.clone());
        let shape = Shape { lz4, ..Shape::default() };
        let packed = block.or_else(uncut);
        self.send_packet(now, source, media, packed, shape);
    }

    fn compressed(&mut self, media: &Media) -> Option<super::Payload> {
        let scratch = &mut self.packing.scratch;
        let smaller =
            self.packing.compress && media.payload.len() <= lz4::MAX_OUTPUT && lz4::compress(&media.payload, scratch);
        smaller.then(|| self.pool.copy(&self.packing.scratch))
    }

    fn too_long(&mut self, now: Time) {
        if self.legs.is_empty() {
            return;
        }
        let text = "a block is too long for one datagram, and a peer can not join fragments: not sent";
        self.complain(now, Complaint::Numbered, Level::Error, text);
    }
}
