//! Packets that do not fit the timeline of their flow, held until they prove a new one.
//!
//! A restarted sender begins with other sequence numbers; a stray or forged packet stands alone. Nothing is
//! thrown away before this has decided, and a flow is never reset by one packet (libRIST resets on the
//! first late packet of a statistics interval).

use super::arrival::{Arrival, Envelope, Numbers, Stamp};
use crate::protocol::payload::{Payload, Pool};
use crate::protocol::time::{Span, Time};
use std::sync::Arc;

/// So many agreeing packets prove a timeline whatever their spacing.
const ENOUGH: usize = 64;
/// So many prove it when they span a good part of the buffer.
const ENOUGH_SLOW: usize = 2;
/// Packets of the old timeline that may still come in after it has ended, and their share of the new one.
const STRAGGLERS: usize = 4;
/// What may be the tail of a slow path has to go on for this long, with nothing else coming.
const STRAGGLER_SPAN: Span = Span::from_secs(3);
/// Packets held at most; of a longer row the oldest fall away.
const MAX_HELD: usize = 4096;
const MAX_HELD_BYTES: usize = 6 << 20;
/// Sequence steps within a timeline that is being proved.
const MAX_STEP: u32 = 64;
/// How far arrival may stray from source time between neighbours.
const MAX_STRAY: Span = Span::from_millis(500);

#[derive(Debug)]
pub(super) struct Held {
    pub(super) envelope: Envelope,
    /// As on the wire.
    pub(super) seq: u32,
    pub(super) payload: Payload,
}

#[derive(Debug, Default)]
pub(super) struct Probation {
    held: Vec<Held>,
    bytes: usize,
    since: Option<Time>,
    /// Packets placed on the old timeline meanwhile.
    placed: usize,
}

impl Probation {
    /// The old timeline lives: what is held loses its case, stragglers aside.
    pub(super) fn old_timeline_goes_on(&mut self) {
        if self.held.is_empty() {
            return;
        }
        self.placed += 1;
        if self.placed > STRAGGLERS && self.placed * STRAGGLERS > self.held.len() {
            self.reset();
        }
    }

    /// Holds a packet. Returns all of them once they prove a timeline of their own. `straggler`: its
    /// timestamp would fit the old one.
    pub(super) fn hold(
        &mut self,
        arrival: &Arrival<'_>,
        buffer: Span,
        straggler: bool,
        pool: &Arc<Pool>,
    ) -> Option<Vec<Held>> {
        if self.held.last().is_some_and(|last| !follows(last, arrival)) {
            self.reset();
        }
        let mask = common(self.held.last().map(|held| held.envelope.numbers), arrival.numbers).mask();
        if self.held.iter().any(|held| (held.seq ^ arrival.seq) & mask == 0) {
            return None;
        }
        if self.held.len() >= MAX_HELD || self.bytes > MAX_HELD_BYTES {
            self.held.drain(..self.held.len().div_ceil(2));
            self.bytes = self.held.iter().map(|held| held.payload.len()).sum();
        }
        if self.held.is_empty() {
            self.since = Some(arrival.now);
        }
        self.bytes += arrival.payload.len();
        self.held.push(Held { envelope: arrival.envelope(), seq: arrival.seq, payload: pool.copy(arrival.payload) });
        let span = self.since.map_or(Span::ZERO, |since| arrival.now.since(since));
        let many = self.held.len() >= ENOUGH;
        let long = self.held.len() >= ENOUGH_SLOW && span >= buffer.scaled(1, 4);
        let proved = if straggler { span >= STRAGGLER_SPAN.max(buffer.scaled(2, 1)) } else { many || long };
        if !proved {
            return None;
        }
        self.placed = 0;
        let mut held = std::mem::take(&mut self.held);
        self.bytes = 0;
        let first = held[0].seq;
        let mask = held.iter().map(|packet| packet.envelope.numbers).min().map_or(0xFFFF, Numbers::mask);
        held.sort_by_key(|packet| (packet.seq.wrapping_sub(first).wrapping_add(MAX_STEP)) & mask);
        Some(held)
    }

    fn reset(&mut self) {
        self.held.clear();
        self.bytes = 0;
        self.placed = 0;
    }
}

/// What both have.
fn common(last: Option<Numbers>, numbers: Numbers) -> Numbers {
    last.map_or(numbers, |last| last.min(numbers))
}

fn follows(last: &Held, arrival: &Arrival<'_>) -> bool {
    let mask = common(Some(last.envelope.numbers), arrival.numbers).mask();
    let step = arrival.seq.wrapping_sub(last.seq).wrapping_add(MAX_STEP) & mask;
    let near = step <= 2 * MAX_STEP;
    let source = arrival.stamp.timestamp().wrapping_sub(last.envelope.stamp.timestamp()) as i32;
    let steady = match (arrival.stamp, last.envelope.stamp) {
        (Stamp::Rtp { rate: Some(rate), .. }, Stamp::Rtp { rate: Some(before), .. }) if rate == before => {
            let source = Span::from_ticks((i64::from(source) << 32) / i64::from(rate.max(1)));
            (arrival.now.since(last.envelope.now) - source).abs() <= MAX_STRAY
        }
        (Stamp::Rtp { rate, .. }, Stamp::Rtp { rate: before, .. }) => rate == before,
        // What they count is not known yet.
        _ => true,
    };
    near && steady
}
