//! The reorder and recovery buffer: a ring of packets by position, grown on demand.
//!
//! Positions are 64-bit: sequence numbers widened once, so that order needs no modular arithmetic.

use super::arrival::{Mark, Part};
use crate::protocol::output::PeerId;
use crate::protocol::payload::Payload;
use crate::protocol::time::{Span, Time};

/// A packet that waits for its time.
#[derive(Debug, Clone)]
pub(super) struct Packet {
    pub(super) path: PeerId,
    /// With the position it tells a duplicate from a packet of another timeline.
    pub(super) mark: Mark,
    pub(super) part: Part,
    pub(super) compressed: bool,
    /// The sender's clock, widened.
    pub(super) source: Time,
    pub(super) arrived: Time,
    /// Repaired by an early request: whether that was needed is not known yet.
    pub(super) early: bool,
    /// When it is handed out; fixed when it came in.
    pub(super) release: Time,
    pub(super) virt_src_port: u16,
    pub(super) virt_dst_port: u16,
    pub(super) payload: Payload,
}

/// A packet that has to be asked for.
#[derive(Debug, Clone, Copy)]
pub(super) struct Missing {
    pub(super) noticed: Time,
    /// When the next request is due.
    pub(super) due: Time,
    pub(super) tries: u32,
    pub(super) last_request: Time,
    /// The one before it.
    pub(super) earlier_request: Time,
    pub(super) asked: PeerId,
    /// Asked for before disorder had its time.
    pub(super) early: bool,
    /// Its own time to be handed out, judged by its neighbours.
    pub(super) release: Time,
    /// When the packet before the gap is handed out.
    pub(super) before: Time,
    /// Until when it may come.
    pub(super) deadline: Time,
    /// The recovery buffer of its neighbours: a windowed one may have moved when the packet comes.
    pub(super) buffer: Span,
}

impl Missing {
    /// Which request a repair answers that comes now, as far as that is sure: the only one, or the one before the last
    /// if the last was sent too lately.
    pub(super) fn answered_request(&self, now: Time, quickest: Span) -> Option<Time> {
        match self.tries {
            1 => Some(self.last_request),
            // Half: the RTT varies, and the least that was measured need not be the least there is.
            2.. if now.since(self.last_request) < quickest.scaled(1, 2) => Some(self.earlier_request),
            _ => None,
        }
    }

    /// The latest request that can have caused a repair that comes now.
    pub(super) fn latest_answerable(&self, now: Time, quickest: Span) -> Time {
        let too_soon = now.since(self.last_request) < quickest.scaled(9, 10);
        if too_soon { self.earlier_request } else { self.last_request }
    }
}

/// What is known about one position.
#[derive(Debug, Clone, Default)]
pub(super) enum Slot {
    #[default]
    Unknown,
    Missing(Missing),
    Present(Packet),
    /// Handed out; this stays.
    Delivered(Mark),
    /// Given up, or its time has passed.
    Lost,
}

impl Slot {
    /// Tells it once.
    pub(super) fn was_asked_for_early(&mut self) -> bool {
        match self {
            Slot::Present(packet) => std::mem::take(&mut packet.early),
            _ => false,
        }
    }
}

#[derive(Debug)]
pub(super) struct RecoveryBuffer {
    slots: Vec<(u64, Slot)>,
    max: usize,
}

const FIRST_SIZE: usize = 256;

impl RecoveryBuffer {
    /// `max` is a power of two: as many positions as a sequence number can tell apart.
    pub(super) fn new(max: usize) -> Self {
        Self { slots: Self::empty(FIRST_SIZE.min(max)), max }
    }

    fn empty(size: usize) -> Vec<(u64, Slot)> {
        (0..size).map(|_| (u64::MAX, Slot::Unknown)).collect()
    }

    pub(super) fn max(&self) -> u64 {
        self.max as u64
    }

    /// From now on; what is in it stays.
    pub(super) fn set_max(&mut self, max: usize) {
        self.max = max;
    }

    #[inline]
    fn index(&self, position: u64) -> usize {
        (position & (self.slots.len() as u64 - 1)) as usize
    }

    #[inline]
    pub(super) fn get(&self, position: u64) -> &Slot {
        match &self.slots[self.index(position)] {
            (at, slot) if *at == position => slot,
            _ => &Slot::Unknown,
        }
    }

    pub(super) fn get_mut(&mut self, position: u64) -> Option<&mut Slot> {
        let index = self.index(position);
        let (at, slot) = &mut self.slots[index];
        (*at == position).then_some(slot)
    }

    /// Puts `slot` at `position`. `from` is the oldest position whose content still matters: the ring
    /// grows until both fit, up to its maximum. Returns what was missing there.
    pub(super) fn put(&mut self, from: u64, position: u64, slot: Slot) -> Option<Missing> {
        self.reach(from, position);
        let (place, missing) = self.vacate(position);
        *place = slot;
        missing
    }

    /// Empties the place of `position`, which the ring reaches. Returns it, and what was missing there.
    #[inline]
    pub(super) fn vacate(&mut self, position: u64) -> (&mut Slot, Option<Missing>) {
        let index = self.index(position);
        let (at, slot) = &mut self.slots[index];
        let missing = match slot {
            Slot::Missing(missing) if *at == position => Some(*missing),
            _ => None,
        };
        (*at, *slot) = (position, Slot::Unknown);
        (slot, missing)
    }

    /// The first packet that is there from `from` to `to`, and when it is due.
    #[inline]
    pub(super) fn first_present(&self, from: u64, to: u64) -> Option<(u64, Time)> {
        let mut position = from;
        while position <= to {
            if let Slot::Present(packet) = self.get(position) {
                return Some((position, packet.release));
            }
            position += 1;
        }
        None
    }

    /// Grows until both fit.
    #[inline]
    pub(super) fn reach(&mut self, from: u64, to: u64) {
        let span = to.saturating_sub(from).saturating_add(1);
        while span > self.slots.len() as u64 && self.slots.len() < self.max {
            self.grow();
        }
    }

    #[cold]
    fn grow(&mut self) {
        let size = (self.slots.len() * 2).min(self.max);
        let old = std::mem::replace(&mut self.slots, Self::empty(size));
        for (position, slot) in old {
            if position != u64::MAX {
                let index = self.index(position);
                // Of two that fold together the newer one is the one that matters.
                if self.slots[index].0 == u64::MAX || self.slots[index].0 < position {
                    self.slots[index] = (position, slot);
                }
            }
        }
    }

    /// Takes the packet at `position`, leaving the mark that it was handed out.
    #[inline]
    pub(super) fn take(&mut self, position: u64) -> Option<Packet> {
        let slot = self.get_mut(position)?;
        let Slot::Present(packet) = slot else { return None };
        let mark = packet.mark;
        match std::mem::replace(slot, Slot::Delivered(mark)) {
            Slot::Present(packet) => Some(packet),
            _ => None,
        }
    }

    /// Forgets everything, keeping the memory.
    pub(super) fn clear(&mut self) {
        for entry in &mut self.slots {
            *entry = (u64::MAX, Slot::Unknown);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_repair_that_comes_right_after_a_request_answers_the_one_before() {
        let start = Time::from_ticks(1 << 40);
        let at = |ms| start + Span::from_millis(ms);
        let missing = |tries| Missing {
            noticed: start,
            due: start,
            tries,
            last_request: at(23),
            earlier_request: start,
            asked: PeerId(1),
            early: false,
            release: at(1000),
            before: at(999),
            deadline: at(1005),
            buffer: Span::from_millis(1000),
        };
        let quickest = Span::from_millis(20);
        assert_eq!(missing(0).answered_request(at(25), quickest), None);
        assert_eq!(missing(1).answered_request(at(45), quickest), Some(at(23)));
        assert_eq!(missing(2).answered_request(at(25), quickest), Some(start));
        assert_eq!(missing(2).answered_request(at(45), quickest), None, "it may answer either");
    }
}
