//! One flow at a receiver: packets of one SSRC, from one or more paths, put in order and in time.
//!
//! `place` decides where a packet belongs, `requests` what is asked for again, `playout` what is due.

#[cfg(test)]
mod abuse;
mod allowance;
mod arrival;
#[cfg(test)]
mod changes;
mod convention;
mod counters;
mod faded;
#[cfg(test)]
mod fragments;
mod haste;
mod merge;
pub(super) mod path;
mod place;
mod playout;
mod probation;
#[cfg(test)]
mod properties;
mod reassembly;
mod recovery_buffer;
mod report;
mod requests;
mod size;
mod source_clock;
mod tail;
#[cfg(test)]
mod testing;
mod timeline;
mod timing;

use super::config::{AdvancedClock, TimingMode};
use super::output::PeerId;
use super::payload::Pool;
use super::recovery_depth;
use super::time::{Span, Time};
pub(super) use arrival::{Arrival, Numbers, Part, Stamp};
use counters::Counters;
use haste::Haste;
pub(super) use merge::Merging;
use path::{Path, PathState};
use playout::Ready;
use probation::Probation;
use reassembly::Reassembly;
use recovery_buffer::RecoveryBuffer;
use requests::Requests;
use size::Size;
use std::collections::VecDeque;
use std::sync::Arc;
use tail::Tail;
use timeline::Timeline;

/// How a flow recovers and plays out, from the settings of its peers.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct FlowConfig {
    pub(super) recovery: bool,
    pub(super) buffer_min: Span,
    pub(super) buffer_max: Span,
    pub(super) reorder_buffer: Span,
    pub(super) max_retries: u32,
    pub(super) max_bitrate_kbps: u32,
    pub(super) timing_mode: TimingMode,
    pub(super) rtt_multiplier: u32,
    pub(super) merging: Merging,
    /// Counts when the flow begins.
    pub(super) recovery_depth: u8,
    /// What timestamps of the Advanced profile count.
    pub(super) clock: AdvancedClock,
}

/// Packets in a row that make a stream credible whose sender answers no echo (RFC 3550 A.1 asks for two).
const CREDIBLE: u32 = 8;

#[derive(Debug)]
pub(super) struct Flow {
    pub(super) id: u32,
    config: FlowConfig,
    line: Option<Timeline>,
    buffer: RecoveryBuffer,
    requests: Requests,
    haste: Haste,
    probation: Probation,
    /// In order and only waiting for its time: what an abandoned timeline or a full ring left.
    ready: VecDeque<Ready>,
    reassembly: Reassembly,
    paths: Vec<Path>,
    counters: Counters,
    /// The recovery buffer now, and where it is to go.
    target: Span,
    size: Size,
    tail: Tail,
    /// Wall clock of the sender by its reports: (NTP, RTP timestamp), and how far ours is ahead of `now`.
    report_clock: Option<(u64, u32)>,
    /// How far the sender's wall clock is ahead of its source time, by when the reports come.
    report_lead: Option<Span>,
    wall_ahead: Span,
    last_data: Option<Time>,
    flow_start: bool,
    window_exceeded: bool,
    window_told: bool,
    /// First transmissions that followed one another without a gap.
    unbroken: u32,
    /// See `is_credible`; once it is, it stays.
    credible: bool,
    /// Packets that found a place.
    arrived: u64,
    /// Of those that wait for the flow to become credible.
    unproven_bytes: usize,
}

impl Flow {
    pub(super) fn new(id: u32, config: FlowConfig) -> Self {
        let max = recovery_depth::positions(0xFFFF, config.recovery_depth);
        Self {
            id,
            config,
            line: None,
            buffer: RecoveryBuffer::new(max),
            requests: Requests::default(),
            haste: Haste::default(),
            probation: Probation::default(),
            ready: VecDeque::new(),
            reassembly: Reassembly::default(),
            paths: Vec::new(),
            counters: Counters::new(),
            target: (config.buffer_min + config.buffer_max).scaled(1, 2),
            size: Size::default(),
            tail: Tail::default(),
            report_clock: None,
            report_lead: None,
            wall_ahead: Span::ZERO,
            last_data: None,
            flow_start: true,
            window_exceeded: false,
            window_told: false,
            unbroken: 0,
            credible: false,
            arrived: 0,
            unproven_bytes: 0,
        }
    }

    pub(super) fn config(&self) -> &FlowConfig {
        &self.config
    }

    /// Newest settings of the peers; a fixed buffer takes effect at once, a window is moved through.
    pub(super) fn configure(&mut self, config: FlowConfig) {
        self.config = config;
        self.target = self.target.max(config.buffer_min).min(config.buffer_max.max(config.buffer_min));
    }

    pub(super) fn set_path(&mut self, peer: PeerId, state: PathState) {
        match self.paths.iter_mut().find(|path| path.peer == peer) {
            Some(path) => path.state = state,
            None => self.paths.push(Path::new(peer, state)),
        }
    }

    pub(super) fn remove_path(&mut self, peer: PeerId) {
        self.paths.retain(|path| path.peer != peer);
    }

    pub(super) fn has_trusted_path(&self) -> bool {
        self.paths.iter().any(|path| path.trusted)
    }

    /// Whether packets of this path are taken: any, until one path has proved itself; then only such.
    pub(super) fn takes(&self, peer: PeerId) -> bool {
        self.paths.iter().any(|path| path.peer == peer && path.trusted) || !self.has_trusted_path()
    }

    /// A path has answered an echo. The first one to do so owns the flow: what others put in before is dropped.
    pub(super) fn trust(&mut self, peer: PeerId) {
        let first = !self.has_trusted_path();
        let mixed = self.paths.iter().any(|path| path.peer != peer && path.highest.is_some());
        let Some(path) = self.paths.iter_mut().find(|path| path.peer == peer) else { return };
        path.trusted = true;
        self.credible = true;
        if first && mixed {
            self.keep_only(peer);
        }
    }

    /// Nothing is handed out before a path has answered an echo, or, for peers that answer none, before a
    /// row of packets has shown that there is a stream.
    pub(super) fn is_credible(&self) -> bool {
        self.credible
    }

    pub(super) fn paths(&self) -> impl Iterator<Item = PeerId> + '_ {
        self.paths.iter().map(|path| path.peer)
    }

    pub(super) fn set_wall_clock(&mut self, ahead: Span) {
        self.wall_ahead = ahead;
    }

    pub(super) fn last_data(&self) -> Option<Time> {
        self.last_data
    }

    /// Numbers of 32 bits have come, and where they belong is known.
    pub(super) fn has_long_numbers(&self) -> bool {
        self.line.as_ref().is_some_and(Timeline::has_long_numbers)
    }

    pub(super) fn has_data(&self) -> bool {
        self.line.is_some()
    }

    /// The ring was too small for the configured buffer; says so once.
    pub(super) fn take_window_exceeded(&mut self) -> bool {
        self.window_exceeded && !std::mem::replace(&mut self.window_told, true)
    }

    pub(super) fn highest_seq(&self) -> u32 {
        self.line.as_ref().map_or(0, |line| line.extended_number(line.highest))
    }

    /// Takes a packet; `false` when it had no place (late, duplicate or not of this timeline).
    pub(super) fn receive(&mut self, arrival: &Arrival<'_>, pool: &Arc<Pool>) -> bool {
        self.last_data = Some(arrival.now);
        self.counters.spacing.note(arrival.now);
        let bytes = arrival.payload.len();
        if let Some(path) = self.paths.iter_mut().find(|path| path.peer == arrival.path) {
            path.count(arrival.now, bytes);
        }
        let taken = self.take(arrival, pool);
        if !taken {
            self.counters.rejected.add(arrival.now, bytes);
        }
        taken
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn flow(recovery_depth: u8) -> Flow {
        let config = testing::config(Span::from_secs(1));
        let config = FlowConfig { reorder_buffer: Span::ZERO, recovery_depth, ..config };
        Flow::new(2, config)
    }

    #[test]
    fn a_ring_is_as_deep_as_it_is_told_where_numbers_allow() {
        for depth in [0, 3, 6] {
            let mut flow = flow(depth);
            assert_eq!(flow.buffer.max(), 65_536);
            let now = Time::from_ticks(1 << 40);
            let stamp = Stamp::Advanced { timestamp: 0 };
            flow.receive(&testing::arrival(now, PeerId(1), 0, Numbers::Long, stamp, &[0]), &Pool::new());
            assert_eq!(flow.buffer.max(), 65_536 << depth);
        }
    }

    /// VLC begins with a second of media at once: the clock is set by its end, after holes in it have been noticed.
    #[test]
    fn a_repair_is_not_handed_out_before_its_neighbours_when_the_clock_was_set_meanwhile() {
        let mut flow = flow(0);
        let (pool, start) = (Pool::new(), Time::from_ticks(1 << 40));
        testing::add_path(&mut flow, PeerId(1), None, 0);
        let receive = |flow: &mut Flow, now, seq: u32, retransmit| {
            let (payload, stamp) = ([seq as u8], Stamp::Rtp { timestamp: seq * 900, rate: Some(90_000) });
            let arrival = testing::arrival(now, PeerId(1), seq, Numbers::Short, stamp, &payload);
            let arrival = Arrival { retransmit, ..arrival };
            assert!(flow.receive(&arrival, &pool));
        };
        let lost = [10, 11, 12];
        let at = |us| start + Span::from_micros(us);
        for seq in (0..200).filter(|seq| !lost.contains(seq)) {
            receive(&mut flow, at(seq * 20), seq, false);
        }
        let mut out = Vec::new();
        receive(&mut flow, at(20_000), 12, true);
        assert_eq!(flow.due_requests(at(20_001)), [(PeerId(1), vec![10, 11])]);
        for (seq, us) in [(11, 100_000), (10, 900_000)] {
            receive(&mut flow, at(us), seq, true);
            flow.deliver(at(us + 1), &mut out);
            assert!(out.is_empty(), "{seq}");
        }
        flow.deliver(start + Span::from_secs(2), &mut out);
        assert!(out.iter().map(|delivery| delivery.seq).eq(0..200));
    }

    /// Pairs are the same with numbers of 32 bits; halves and numbers do not overflow at their end.
    #[test]
    fn pairs_of_32_bit_numbers_are_merged() {
        let mut flow = flow(16);
        let mode = crate::protocol::config::MergeMode::Pairs;
        flow.configure(FlowConfig { merging: Merging { mode, announced: false }, ..*flow.config() });
        let (pool, now) = (Pool::new(), Time::from_ticks(1 << 40));
        let mut out = Vec::new();
        for n in 0..12u32 {
            let (seq, stamp) = ((u32::MAX - 5).wrapping_add(n), Stamp::Rtp { timestamp: 0, rate: Some(90_000) });
            let payload = [n as u8];
            let arrival = testing::arrival(now, PeerId(1), seq, Numbers::Long, stamp, &payload);
            assert!(flow.receive(&arrival, &pool));
        }
        flow.deliver(now + Span::from_secs(2), &mut out);
        let seqs: Vec<u32> = out.iter().map(|delivery| delivery.seq).collect();
        assert_eq!(seqs, [0x7FFF_FFFD, 0x7FFF_FFFE, 0x7FFF_FFFF, 0, 1, 2]);
        assert!(out.iter().zip(0..).all(|(pair, n)| pair.payload[..] == [2 * n, 2 * n + 1]));
    }
}
