//! Statistics of one interval, as libRIST counts them (stats version 3, JSON schema 4).

use super::config::{MergeMode, Profile, SplitMode};
use super::output::PeerId;

/// A receiver's view of one flow.
#[derive(Debug, Clone, PartialEq)]
pub struct FlowReport {
    pub flow_id: u32,
    /// 0 alive, 1 silent, 2 about to be deleted.
    pub status: u8,
    pub profile: Profile,
    /// Bits of a sequence number on the wire: 16 or 32.
    pub seq_bits: u8,
    /// Its media comes in the Advanced profile's framing now.
    pub advanced_active: bool,
    pub received: u64,
    pub received_bytes: u64,
    pub dropped_late: u32,
    pub dropped_full: u32,
    /// Packets that were asked for at least once.
    pub missing: u32,
    pub recovered: u32,
    /// Recovered after exactly 1, 2, 3, 4 and after more requests.
    pub recovered_by_retries: [u32; 5],
    pub reordered: u32,
    /// Requests sent (sequence numbers, not datagrams).
    pub retries: u32,
    pub lost: u32,
    pub duplicates: u32,
    pub avg_buffer_ms: u64,
    pub missing_queue: u32,
    pub missing_queue_max: u32,
    /// Microseconds; 0 when nothing arrived.
    pub min_inter_packet_us: u64,
    pub avg_inter_packet_us: u64,
    pub max_inter_packet_us: u64,
    /// bit/s of everything accepted; of retransmissions; of packets refused.
    pub bitrate: u64,
    pub bitrate_retries: u64,
    pub bitrate_rejected: u64,
    pub bitrate_ts_nulls: u64,
    pub ts_nulls: u64,
    /// Received in per cent of received + missing, 100 when nothing happened.
    pub quality: f64,
    /// Smoothed RTT of the flow's peers, mean, ms.
    pub rtt_ms: u32,
    /// RTCP packets sent, mean over the peers.
    pub sent_rtcp: u64,
    pub peers: Vec<FlowPeerReport>,
    /// Where pairs are merged, or would be.
    pub merge: Option<MergeReport>,
    /// Blocks that came in fragments, of which some are missing.
    pub incomplete: u32,
}

/// Pairs of a flow.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct MergeReport {
    pub mode: MergeMode,
    pub merged: u64,
    /// Halves handed out alone: first ones, second ones.
    pub lone_first: u64,
    pub lone_second: u64,
}

/// Pairs of a sender.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct SplitReport {
    pub mode: SplitMode,
    pub pairs: u64,
    /// Of these, cut in the middle because there were no MPEG-TS packets to cut between.
    pub not_ts: u64,
}

/// One path of a flow, at the receiver.
#[derive(Debug, Clone, PartialEq)]
pub struct FlowPeerReport {
    pub peer: PeerId,
    pub dead: bool,
    pub url: String,
    pub received_data: u64,
    pub received_bytes: u64,
    pub ts_nulls: u64,
    pub received_rtcp: u32,
    pub sent_rtcp: u32,
    pub rtt_ms: f64,
    pub avg_rtt_ms: f64,
    pub bitrate: u64,
    pub avg_bitrate: u64,
}

/// What a sender makes of one of several legs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LegState {
    Carrying,
    /// Its turn has not come (`backup`).
    Standby,
    /// Its round trip takes too long (`rtt-drop`).
    Muted,
    /// It loses too much.
    Lossy,
    /// Nothing comes back, or was ever heard.
    Stalled,
}

/// A sender's view of a peer as a leg.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct LegReport {
    /// `None` where there is one leg only.
    pub state: Option<LegState>,
    pub muted: bool,
    /// How often it was, in all.
    pub mute_events: u32,
    /// First transmissions that the far end says it received by this leg, and those that it missed. `None`: it says nothing.
    pub far_end_received: Option<u64>,
    pub far_end_lost: Option<u64>,
    /// Packets that left by this leg only, and those of them that were asked for.
    pub sent_alone: u64,
    pub asked_for: u64,
}

impl LegReport {
    /// Per cent lost on the way there: by the far end's reports, or else by what was asked for, which may have been late only.
    pub fn loss(&self) -> Option<f64> {
        let (lost, all) = match (self.far_end_received, self.far_end_lost) {
            (Some(received), Some(lost)) => (lost, received.saturating_add(lost)),
            _ => (self.asked_for.min(self.sent_alone), self.sent_alone),
        };
        (all > 0).then(|| 100.0 * lost as f64 / all as f64)
    }

    /// With what came before it in the same period.
    pub fn after(self, before: &LegReport) -> Self {
        let sum = |a: Option<u64>, b: Option<u64>| a.map_or(b, |a| Some(a.saturating_add(b.unwrap_or(0))));
        Self {
            far_end_received: sum(self.far_end_received, before.far_end_received),
            far_end_lost: sum(self.far_end_lost, before.far_end_lost),
            sent_alone: self.sent_alone.saturating_add(before.sent_alone),
            asked_for: self.asked_for.saturating_add(before.asked_for),
            ..self
        }
    }
}

/// A sender's view of one peer.
#[derive(Debug, Clone, PartialEq)]
pub struct SenderPeerReport {
    pub peer: PeerId,
    pub flow_id: u32,
    /// The other side's name, empty until known.
    pub cname: String,
    /// Simple reports its RTCP port as a peer of its own, as libRIST does.
    pub rtcp: bool,
    pub profile: Profile,
    /// It is spoken to in the Advanced profile's framing now.
    pub advanced_active: bool,
    pub miface: String,
    /// Datagrams of any kind sent to the peer.
    pub sent: u64,
    pub received: u64,
    pub retransmitted: u64,
    pub sent_bytes: u64,
    pub retransmitted_bytes: u64,
    pub ts_nulls: u64,
    /// bit/s.
    pub bandwidth: u64,
    pub retry_bandwidth: u64,
    pub ts_nulls_bandwidth: u64,
    /// Retransmissions refused: over the bit-rate ceiling, asked for too soon, or impossible.
    pub bandwidth_skipped: u32,
    pub bloat_skipped: u32,
    pub retransmit_skipped: u32,
    pub quality: f64,
    pub rtt_ms: f64,
    pub avg_rtt_ms: f64,
    /// Retransmissions waiting.
    pub retry_buffer_size: usize,
    pub leg: LegReport,
}
