//! Blocks that came in fragments, or compressed, put together where they are handed out (TR-06-3). Until then they take no
//! more memory than what has come.
//!
//! Each fragment is a packet with a number of its own, so recovery has nothing to know of them. Here they come in
//! order: the first one begins a run, the last one ends it, and what is skipped between breaks it. A block is handed out
//! whole or not at all.

use super::playout::Ready;
use crate::wire::lz4;
use std::borrow::Cow;

/// Fragments of one block, and its octets as they came: of the largest block others may send.
pub(super) const MOST_PARTS: usize = 64;
const MOST_OCTETS: usize = MOST_PARTS * 1460;

#[derive(Debug, Default)]
pub(super) struct Reassembly {
    run: Vec<Ready>,
    octets: usize,
    scratch: Vec<u8>,
    /// Something was dropped since the last block: what the next one has to say.
    broken: bool,
    starts: bool,
    /// The block that fragments belong to of which the first is missing has been counted.
    counted: bool,
    /// Blocks since the last report that were not whole.
    pub(super) incomplete: u32,
}

impl Reassembly {
    /// Blocks of one packet have nothing to do here.
    #[inline]
    pub(super) fn is_idle(&self) -> bool {
        self.run.is_empty() && !self.broken
    }

    /// The block that is complete with this packet.
    #[inline(never)]
    pub(super) fn add(&mut self, packet: Ready) -> Option<Ready> {
        let part = packet.part;
        if part.first || packet.delivery.discontinuity || packet.delivery.flow_start {
            self.give_up();
        }
        if part.first {
            self.counted = false;
        } else if self.run.is_empty() {
            self.drop_lone(&packet);
            return None;
        }
        if packet.is_block() {
            return Some(self.marked(packet));
        }
        self.octets += packet.delivery.payload.len();
        self.run.push(packet);
        let too_much = self.run.len() > MOST_PARTS || self.octets > MOST_OCTETS;
        let mixed = self.run.iter().any(|other| other.compressed != self.run[0].compressed);
        if too_much || mixed {
            self.give_up();
        }
        if part.last && !self.run.is_empty() { self.close() } else { None }
    }

    /// The run can not be completed any more.
    fn give_up(&mut self) {
        let Some(first) = self.run.first() else { return };
        self.starts |= first.delivery.flow_start;
        self.broken = true;
        self.counted = true;
        self.incomplete = self.incomplete.saturating_add(1);
        self.forget();
    }

    /// Fragments and octets that wait for the rest.
    #[cfg(test)]
    pub(super) fn held(&self) -> (usize, usize) {
        (self.run.len(), self.octets)
    }

    fn forget(&mut self) {
        self.run.clear();
        self.octets = 0;
    }

    /// Nothing can be done with a fragment whose block has not begun.
    fn drop_lone(&mut self, packet: &Ready) {
        self.starts |= packet.delivery.flow_start;
        self.broken = true;
        self.incomplete = self.incomplete.saturating_add(u32::from(!self.counted));
        // The next one is of another block, then.
        self.counted = !packet.part.last;
    }

    fn close(&mut self) -> Option<Ready> {
        let next = self.run.last().map_or(0, |last| last.next);
        let arrived = self.run.iter().map(|part| part.arrived).max();
        let payload = {
            let Self { run, scratch, .. } = self;
            let first = run.first()?;
            let parts = run.iter().map(|part| &part.delivery.payload[..]);
            if first.compressed {
                let all: Cow<'_, [u8]> = match &run[..] {
                    [whole] => Cow::Borrowed(&whole.delivery.payload[..]),
                    _ => parts.flatten().copied().collect(),
                };
                let read = lz4::decompress(&all, scratch);
                read.is_ok().then(|| first.delivery.payload.beside(|buffer| buffer.extend_from_slice(scratch)))
            } else {
                Some(first.delivery.payload.beside(|buffer| parts.for_each(|part| buffer.extend_from_slice(part))))
            }
        };
        let Some(payload) = payload else {
            self.give_up();
            self.counted = false;
            return None;
        };
        let mut block = self.run.drain(..).next()?;
        self.forget();
        block.delivery.payload = payload;
        block.next = next;
        block.arrived = arrived.unwrap_or(block.arrived);
        Some(self.marked(block))
    }

    /// A block says what became of those before it.
    fn marked(&mut self, mut block: Ready) -> Ready {
        let delivery = &mut block.delivery;
        delivery.flow_start |= std::mem::take(&mut self.starts);
        delivery.discontinuity |= std::mem::take(&mut self.broken);
        delivery.discontinuity &= !delivery.flow_start;
        block
    }
}
