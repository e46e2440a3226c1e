//! The flow's statistics of one interval.

use super::Flow;
use super::arrival::Numbers;
use crate::protocol::config::Profile;
use crate::protocol::report::{FlowPeerReport, FlowReport};
use crate::protocol::time::Time;

impl Flow {
    /// Reports the interval and starts a new one. The session adds what it knows of the peers.
    pub(in crate::protocol) fn report(&mut self, now: Time, status: u8, profile: Profile) -> FlowReport {
        let buffer_ms = self.target.as_millis();
        let missing_queue = self.requests.count();
        let peers = self
            .paths
            .iter_mut()
            .map(|path| FlowPeerReport {
                peer: path.peer,
                dead: !path.state.usable,
                url: String::new(),
                received_data: std::mem::take(&mut path.received),
                received_bytes: std::mem::take(&mut path.received_bytes),
                ts_nulls: 0,
                received_rtcp: 0,
                sent_rtcp: 0,
                rtt_ms: path.state.rtt.last().map_or(0.0, |rtt| rtt.as_millis_f64()),
                avg_rtt_ms: path.state.rtt.smoothed().map_or(0.0, |rtt| rtt.as_millis_f64()),
                bitrate: path.fast.rate(now),
                avg_bitrate: path.slow.rate(now),
            })
            .collect::<Vec<_>>();
        let rtts: Vec<_> = self.paths.iter().filter_map(|path| path.state.rtt.smoothed()).collect();
        let rtt_sum: u64 = rtts.iter().map(|rtt| rtt.as_millis()).sum();
        let merge = self.merge_report();
        let numbers = self.line.as_ref().map_or(Numbers::Short, |line| line.newest_numbers);
        let counters = &mut self.counters;
        let report = FlowReport {
            flow_id: self.id,
            status,
            profile,
            seq_bits: numbers.bits() as u8,
            advanced_active: numbers == Numbers::Long,
            received: counters.received,
            received_bytes: counters.received_bytes,
            dropped_late: counters.dropped_late,
            dropped_full: counters.dropped_full,
            missing: counters.missing,
            recovered: counters.recovered,
            recovered_by_retries: counters.recovered_by_retries,
            reordered: counters.reordered,
            retries: counters.retries,
            lost: counters.lost,
            duplicates: counters.duplicates,
            avg_buffer_ms: counters.buffered.as_millis() / counters.delivered.max(1),
            missing_queue,
            // libRIST's estimate of what a buffer of this length may miss (behaviour 1.3).
            missing_queue_max: (buffer_ms * u64::from(self.config.max_bitrate_kbps) / 28_000) as u32,
            min_inter_packet_us: counters.spacing.min.map_or(0, |span| span.as_micros()),
            avg_inter_packet_us: counters.spacing.mean().as_micros(),
            max_inter_packet_us: counters.spacing.max.as_micros(),
            bitrate: counters.all.rate(now),
            bitrate_retries: counters.repairs.rate(now),
            bitrate_rejected: counters.rejected.rate(now),
            bitrate_ts_nulls: 0,
            ts_nulls: 0,
            quality: match counters.received {
                0 => 100.0,
                received => 100.0 * received as f64 / (received + u64::from(counters.missing)) as f64,
            },
            rtt_ms: (rtt_sum / rtts.len().max(1) as u64) as u32,
            sent_rtcp: 0,
            peers,
            merge,
            incomplete: std::mem::take(&mut self.reassembly.incomplete),
        };
        counters.restart();
        report
    }
}
