//! What happened in a flow since the last report.

use crate::protocol::meter::Meter;
use crate::protocol::report::MergeReport;
use crate::protocol::time::{Span, Time};

#[derive(Debug)]
pub(super) struct Counters {
    pub(super) received: u64,
    pub(super) received_bytes: u64,
    pub(super) dropped_late: u32,
    pub(super) dropped_full: u32,
    pub(super) missing: u32,
    pub(super) recovered: u32,
    pub(super) recovered_by_retries: [u32; 5],
    pub(super) reordered: u32,
    pub(super) retries: u32,
    pub(super) lost: u32,
    pub(super) duplicates: u32,
    pub(super) delivered: u64,
    pub(super) buffered: Span,
    pub(super) spacing: Spacing,
    pub(super) all: Meter,
    pub(super) repairs: Meter,
    pub(super) rejected: Meter,
    pub(super) merge: MergeReport,
}

/// Time between packets of one interval.
#[derive(Debug, Default)]
pub(super) struct Spacing {
    last: Option<Time>,
    pub(super) min: Option<Span>,
    pub(super) max: Span,
    sum: Span,
    count: u32,
}

impl Spacing {
    pub(super) fn note(&mut self, now: Time) {
        if let Some(last) = self.last.replace(now) {
            let gap = now.since(last);
            self.min = Some(self.min.map_or(gap, |min| min.min(gap)));
            self.max = self.max.max(gap);
            self.sum = self.sum + gap;
            self.count += 1;
        }
    }

    pub(super) fn mean(&self) -> Span {
        Span::from_ticks(self.sum.ticks() / i64::from(self.count.max(1)))
    }
}

impl Counters {
    pub(super) fn new() -> Self {
        Self {
            received: 0,
            received_bytes: 0,
            dropped_late: 0,
            dropped_full: 0,
            missing: 0,
            recovered: 0,
            recovered_by_retries: [0; 5],
            reordered: 0,
            retries: 0,
            lost: 0,
            duplicates: 0,
            delivered: 0,
            buffered: Span::ZERO,
            spacing: Spacing::default(),
            all: Meter::fast(),
            repairs: Meter::fast(),
            rejected: Meter::fast(),
            merge: MergeReport::default(),
        }
    }

    /// Counts a packet that was handed out after so long in the buffer.
    pub(super) fn handed_out(&mut self, buffered: Span) {
        self.delivered += 1;
        self.buffered = self.buffered + buffered;
    }

    /// Counts a packet that found its place.
    pub(super) fn accepted(&mut self, now: Time, bytes: usize, retransmit: bool) {
        self.received += 1;
        self.received_bytes += bytes as u64;
        self.all.add(now, bytes);
        if retransmit {
            self.repairs.add(now, bytes);
        }
    }

    /// Packets and octets that `accepted` counted since the last report.
    pub(super) fn so_far(&self) -> (u64, u64) {
        (self.received, self.received_bytes)
    }

    /// Takes back what was counted since, and of what was counted before the packets that are dropped after all.
    /// Those of an earlier report stay counted.
    pub(super) fn back_to(&mut self, before: (u64, u64), dropped: (u64, u64)) {
        self.received = before.0.saturating_sub(dropped.0);
        self.received_bytes = before.1.saturating_sub(dropped.1);
    }

    /// Counts a packet that was asked for `tries` times.
    pub(super) fn recovered_after(&mut self, tries: u32) {
        self.recovered += 1;
        let bucket = (tries.clamp(1, 5) - 1) as usize;
        self.recovered_by_retries[bucket] += 1;
    }

    /// Starts a new interval; rates and the last arrival go on.
    pub(super) fn restart(&mut self) {
        let last = self.spacing.last;
        let fresh = Self::new();
        let old = std::mem::replace(self, fresh);
        self.spacing.last = last;
        self.all = old.all;
        self.repairs = old.repairs;
        self.rejected = old.rejected;
    }
}
