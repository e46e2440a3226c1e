//! One block of two packets where the sender has made two of one (libRIST 0.2.17 `merge`).
//!
//! A pair is an even sequence number and the next one with the same source time. It is made when the first half is
//! handed out: nothing waits for a second half that is not there by then, and the second waits for nobody.

use super::Flow;
use super::playout::Ready;
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

impl Flow {
    /// Adds its second half to a packet that is handed out, if that is a first half and the second is here.
    pub(super) fn complete_pair(&mut self, now: Time, first: &mut Delivery) {
        if first.seq & 1 == 1 {
            self.counters.merge.lone_second += 1;
            return;
        }
        let Some(second) = self.take_second_half(first) else {
            self.counters.merge.lone_first += 1;
            return;
        };
        self.counters.merge.merged += 1;
        self.counters.handed_out(now.since(second.arrived).max(Span::ZERO));
        first.payload = first.payload.followed_by(&second.delivery.payload);
        first.seq /= 2;
    }

    /// The packet right behind `first`, if the two are a pair.
    fn take_second_half(&mut self, first: &Delivery) -> Option<Ready> {
        let fits = |seq: u32, source: u64, len: usize| {
            seq == first.seq + 1 && source == first.ts_ntp && first.payload.len() + len <= LARGEST_BLOCK
        };
        if let Some(next) = self.ready.front() {
            let next = &next.delivery;
            let follows = !next.flow_start && !next.discontinuity;
            return if follows && fits(next.seq, next.ts_ntp, next.payload.len()) {
                self.ready.pop_front()
            } else {
                None
            };
        }
        let line = self.line.as_ref().filter(|_| !self.flow_start)?;
        let (next, _) = line.head.filter(|(head, _)| *head == line.next_out)?;
        let Slot::Present(packet) = self.buffer.get(next) else { return None };
        if fits(next as u32 & self.numbers.mask(), packet.source.ticks(), packet.payload.len()) {
            self.take_head()
        } else {
            None
        }
    }

    pub(super) fn merge_report(&self) -> Option<MergeReport> {
        let mode = self.config.merging.mode;
        (mode != MergeMode::Off).then_some(MergeReport { mode, ..self.counters.merge })
    }
}
