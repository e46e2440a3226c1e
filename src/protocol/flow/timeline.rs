//! Where a flow stands, and which positions numbers of 16 and of 32 bits stand for.
//!
//! Positions have 64 bits and share the low 16 with every number. When numbers become longer in mid-stream, the
//! difference between the two lines, a multiple of 65,536, is told by the first packet that fits.

use super::arrival::{Envelope, Numbers};
use super::convention::Convention;
use super::source_clock::SourceClock;
use crate::protocol::time::{Span, Time};
use crate::wire::seq;

/// Positions begin here, so that earlier packets of the start have room below.
const FIRST_POSITION: u64 = 1 << 40;

/// Where the flow stands, from its first packet on.
#[derive(Debug)]
pub(super) struct Timeline {
    pub(super) clock: SourceClock,
    pub(super) convention: Convention,
    /// Numbers of 32 bits are positions less this, once one has come.
    shift: Option<u32>,
    /// Of the newest first transmission.
    pub(super) newest_numbers: Numbers,
    /// Newest first transmission.
    pub(super) highest: u64,
    /// Newest packet that has a place: repairs may run ahead.
    pub(super) furthest: u64,
    pub(super) newest_source: Time,
    pub(super) newest_release: Time,
    /// Next position to hand out.
    pub(super) next_out: u64,
    /// First packet present at or after `next_out`, and when it is due.
    pub(super) head: Option<(u64, Time)>,
    pub(super) handed_out: bool,
    pub(super) pace: Pace,
}

impl Timeline {
    /// It begins with this packet, which is to be handed out at `release`.
    pub(super) fn new(first: &Envelope, seq: u32, convention: Convention, release: Time) -> Self {
        let position = FIRST_POSITION | u64::from(seq & first.numbers.mask());
        let (clock, source) = SourceClock::new(first.now, first.stamp);
        Self {
            clock,
            convention,
            shift: (first.numbers == Numbers::Long).then_some(0),
            newest_numbers: first.numbers,
            highest: position,
            furthest: position,
            newest_source: source,
            newest_release: release,
            next_out: position,
            head: None,
            handed_out: false,
            pace: Pace { since: source, count: 0, per_second: None },
        }
    }

    /// The position of a number near the newest one's, and after how many positions numbers repeat themselves.
    #[inline]
    pub(super) fn position(&self, seq: u32, numbers: Numbers) -> (u64, u64) {
        if let (Numbers::Long, Some(shift)) = (numbers, self.shift) {
            let shift = u64::from(shift);
            (seq::widen(self.highest.wrapping_sub(shift), seq, 32).wrapping_add(shift), 1 << 32)
        } else {
            (seq::widen(self.highest, seq & 0xFFFF, 16), 1 << 16)
        }
    }

    /// A packet with this number of 32 bits lies at `position`. Whether it is the first such.
    pub(super) fn number_is(&mut self, position: u64, seq: u32) -> bool {
        let longer = self.shift.is_none();
        if longer {
            self.shift = Some((position as u32).wrapping_sub(seq));
        }
        longer
    }

    pub(super) fn has_long_numbers(&self) -> bool {
        self.shift.is_some()
    }

    /// As on the wire: 32 bits once there are so many.
    #[inline]
    pub(super) fn number(&self, position: u64) -> u32 {
        match self.shift {
            Some(shift) => (position as u32).wrapping_sub(shift),
            None => position as u32 & 0xFFFF,
        }
    }

    /// The number that goes into reports: one of 16 bits with its cycles above.
    pub(super) fn extended_number(&self, position: u64) -> u32 {
        (position as u32).wrapping_sub(self.shift.unwrap_or(0))
    }

    /// `position` is the newest that is known to have been sent.
    pub(super) fn advance(&mut self, position: u64, source: Time, release: Time) {
        // The same: the first packet of the line, which was only expected.
        if position >= self.highest {
            (self.highest, self.newest_source, self.newest_release) = (position, source, release);
        }
    }
}

/// Packets a second in the sender's time.
#[derive(Debug, Clone, Copy)]
pub(super) struct Pace {
    since: Time,
    count: u32,
    pub(super) per_second: Option<f64>,
}

impl Pace {
    /// Usual time between two packets, once known.
    pub(super) fn interval(&self) -> Option<Span> {
        let rate = self.per_second.filter(|rate| *rate > 0.0)?;
        Some(Span::from_secs(1).scaled(1000, (rate * 1000.0).max(1.0) as i64))
    }

    pub(super) fn note(&mut self, source: Time, packets: u64) {
        self.count = self.count.saturating_add(packets.min(u64::from(u16::MAX)) as u32);
        let elapsed = source.since(self.since);
        if elapsed >= Span::from_millis(500) || elapsed < Span::ZERO {
            let rate = f64::from(self.count) / elapsed.as_secs_f64().max(0.5);
            self.per_second = Some(self.per_second.map_or(rate, |old| old.max(rate) * 0.5 + rate * 0.5));
            self.since = source;
            self.count = 0;
        }
    }
}
