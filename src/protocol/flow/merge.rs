//! One block of two packets where the sender has made two of one (libRIST 0.2.17 `merge`).
//!
//! A pair is an even sequence number and the next one with the same source time. It is made when the first half is
//! handed out: nothing waits for a second half that is not there by then, and the second waits for nobody.

use super::Flow;
use super::arrival::Part;
use super::playout::Ready;
use super::reassembly::MOST_PARTS;
use super::recovery_buffer::Slot;
use crate::protocol::config::MergeMode;
use crate::protocol::output::Delivery;
use crate::protocol::report::MergeReport;
use crate::protocol::time::{Span, Time};

/// What a sender can have cut in two (libRIST's limit of a write): applications have buffers of that size.
const LARGEST_BLOCK: usize = 9968;

/// Whether pairs are looked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(in crate::protocol) struct Merging {
    pub(in crate::protocol) mode: MergeMode,
    /// A sender of this flow has said that it sends pairs.
    pub(in crate::protocol) announced: bool,
}

impl Merging {
    pub(super) fn is_on(self) -> bool {
        match self.mode {
            MergeMode::Off => false,
            MergeMode::Pairs => true,
            MergeMode::Auto => self.announced,
        }
    }
}

/// What comes behind a packet.
struct Upcoming {
    seq: u32,
    source: u64,
    part: Part,
    len: usize,
    /// It does not follow what came before it.
    breaks: bool,
}

impl Flow {
    /// Adds its second half to a block that is handed out, if that is a first half and the second is here. `next` is the
    /// number behind it. Returns a second half that turns out too long for one block with it.
    pub(super) fn complete_pair(&mut self, now: Time, first: &mut Delivery, next: u32) -> Option<Delivery> {
        if first.seq & 1 == 1 {
            self.counters.merge.lone_second += 1;
            return None;
        }
        let Some(second) = self.take_second_half(first, next) else {
            self.counters.merge.lone_first += 1;
            return None;
        };
        self.counters.handed_out(now.since(second.arrived).max(Span::ZERO));
        if first.payload.len() + second.delivery.payload.len() > LARGEST_BLOCK {
            self.counters.merge.lone_first += 1;
            self.counters.merge.lone_second += 1;
            return Some(second.delivery);
        }
        self.counters.merge.merged += 1;
        first.payload = first.payload.followed_by(&second.delivery.payload);
        first.seq /= 2;
        None
    }

    /// What is right behind `first`, if the two are a pair.
    fn take_second_half(&mut self, first: &Delivery, next: u32) -> Option<Ready> {
        let count = self.parts_of_second_half(first, next)?;
        (0..count).fold(None, |_, _| self.take_next().and_then(|part| self.reassembly.add(part)))
    }

    /// One, unless it came in fragments; all of them have to be here.
    fn parts_of_second_half(&self, first: &Delivery, next: u32) -> Option<usize> {
        let mut len = first.payload.len();
        for count in 0..MOST_PARTS {
            let seq = next.wrapping_add(count as u32);
            let piece = self.upcoming(count)?;
            len += piece.len;
            let follows = piece.seq == seq && piece.source == first.ts_ntp && !piece.breaks;
            if !follows || piece.part.first != (count == 0) || len > LARGEST_BLOCK {
                return None;
            }
            if piece.part.last {
                return Some(count + 1);
            }
        }
        None
    }

    /// What will be handed out after so many others, if that is settled.
    fn upcoming(&self, after: usize) -> Option<Upcoming> {
        if !self.ready.is_empty() {
            let Ready { delivery, part, .. } = self.ready.get(after)?;
            let breaks = delivery.flow_start || delivery.discontinuity;
            let (seq, source, len) = (delivery.seq, delivery.ts_ntp, delivery.payload.len());
            return Some(Upcoming { seq, source, part: *part, len, breaks });
        }
        let line = self.line.as_ref().filter(|_| !self.flow_start)?;
        let position = line.next_out + after as u64;
        let Slot::Present(packet) = self.buffer.get(position) else { return None };
        Some(Upcoming {
            seq: line.number(position),
            source: packet.source.ticks(),
            part: packet.part,
            len: packet.payload.len(),
            breaks: false,
        })
    }

    pub(super) fn merge_report(&self) -> Option<MergeReport> {
        let mode = self.config.merging.mode;
        (mode != MergeMode::Off).then_some(MergeReport { mode, ..self.counters.merge })
    }
}
