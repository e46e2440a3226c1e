//! Reports as C structures in memory that C frees.

use super::headers::*;
use super::malloc;
use super::pointer::set_field;
use super::stats::*;
use super::stats_json;
use crate::protocol::config::Profile;
use crate::protocol::report::{FlowPeerReport, FlowReport, SenderPeerReport};
use crate::runtime::callbacks::Report;
use std::ffi::c_int;
use std::mem::offset_of;
use std::ptr::{self, NonNull};

/// The last statistics version whose peers are 56 bytes long.
const OLD_VERSION: u16 = 1;

/// One report in memory from `malloc`; `None` when there is no memory, or for a whole sender.
/// `old_program`: for a program that steps through the peers in strides of version 1.
pub(super) fn container(report: &Report<'_>, old_program: bool) -> Option<NonNull<rist_stats>> {
    let (json, stats_type, stats) = match report {
        Report::Flow(flow) => {
            let data = rist_stats_data { receiver_flow: receiver_flow(flow, old_program)? };
            (stats_json::flow(flow), rist_stats_type::RIST_STATS_RECEIVER_FLOW, data)
        }
        Report::SenderPeer(peer) => {
            // The flow is the greater one: all of the union must be written.
            let mut data = rist_stats_data { receiver_flow: EMPTY_FLOW };
            data.sender_peer = sender_peer(peer);
            (stats_json::sender_peer(peer), rist_stats_type::RIST_STATS_SENDER_PEER, data)
        }
        Report::Sender(..) => return None,
    };
    let version = if old_program { OLD_VERSION } else { RIST_STATS_VERSION as u16 };
    let text = malloc::text(&json);
    let mut value =
        rist_stats { json_size: 0, stats_json: ptr::null_mut(), version, stats_type: stats_type as c_int, stats };
    // Without memory for the text the numbers still go out.
    if let Some(text) = text {
        value.json_size = u32::try_from(json.len()).unwrap_or(0);
        value.stats_json = text.as_ptr();
    }
    malloc::one(value)
}

/// The JSON document of a whole sender, with its NUL.
pub(super) fn document(report: &Report<'_>) -> Option<Vec<u8>> {
    let Report::Sender(peers, split) = report else { return None };
    let mut text = stats_json::sender(peers, *split).into_bytes();
    text.retain(|byte| *byte != 0);
    text.push(0);
    Some(text)
}

pub(super) fn profile_number(profile: Profile) -> u8 {
    let number = match profile {
        Profile::Simple => rist_profile::RIST_PROFILE_SIMPLE,
        Profile::Main => rist_profile::RIST_PROFILE_MAIN,
        Profile::Advanced => rist_profile::RIST_PROFILE_ADVANCED,
    };
    number as u8
}

fn sender_peer(report: &SenderPeerReport) -> rist_stats_sender_peer {
    let mut peer = rist_stats_sender_peer {
        cname: [0; RIST_MAX_STRING_SHORT],
        peer_id: report.peer.0,
        bandwidth: report.bandwidth as usize,
        retry_bandwidth: report.retry_bandwidth as usize,
        sent: report.sent,
        received: report.received,
        retransmitted: report.retransmitted,
        quality: report.quality,
        rtt: report.rtt_ms as u32,
        sent_bytes: report.sent_bytes,
        retransmitted_bytes: report.retransmitted_bytes,
        profile: profile_number(report.profile),
        advanced_active: u8::from(report.advanced_active),
    };
    set_field(&mut peer.cname, report.cname.as_bytes());
    peer
}

const EMPTY_FLOW: rist_stats_receiver_flow = rist_stats_receiver_flow {
    peer_count: 0,
    cname: [0; RIST_MAX_STRING_LONG],
    flow_id: 0,
    status: 0,
    bandwidth: 0,
    retry_bandwidth: 0,
    sent: 0,
    received: 0,
    missing: 0,
    reordered: 0,
    recovered: 0,
    recovered_one_retry: 0,
    lost: 0,
    quality: 0.0,
    min_inter_packet_spacing: 0,
    cur_inter_packet_spacing: 0,
    max_inter_packet_spacing: 0,
    rtt: 0,
    peers: ptr::null_mut(),
    avg_buffer_time: 0,
    received_bytes: 0,
    profile: 0,
    seq_bits: 0,
    advanced_active: 0,
};

fn receiver_flow(report: &FlowReport, old_program: bool) -> Option<rist_stats_receiver_flow> {
    Some(rist_stats_receiver_flow {
        peer_count: u32::try_from(report.peers.len()).ok()?,
        flow_id: report.flow_id,
        status: c_int::from(report.status),
        bandwidth: report.bitrate as usize,
        sent: report.sent_rtcp,
        received: report.received,
        missing: report.missing,
        reordered: report.reordered,
        recovered: report.recovered,
        recovered_one_retry: report.recovered_by_retries[0],
        lost: report.lost,
        quality: report.quality,
        min_inter_packet_spacing: report.min_inter_packet_us,
        cur_inter_packet_spacing: report.avg_inter_packet_us,
        max_inter_packet_spacing: report.max_inter_packet_us,
        rtt: report.rtt_ms,
        peers: peers(&report.peers, old_program)?,
        avg_buffer_time: report.avg_buffer_ms,
        received_bytes: report.received_bytes,
        profile: profile_number(report.profile),
        seq_bits: report.seq_bits,
        advanced_active: u8::from(report.advanced_active),
        ..EMPTY_FLOW
    })
}

/// The peers in memory from `malloc`, in the stride of the program's header.
fn peers(reports: &[FlowPeerReport], old_program: bool) -> Option<*mut rist_stats_receiver_peer> {
    let peers: Vec<_> = reports.iter().map(receiver_peer).collect();
    if !old_program {
        return malloc::many(&peers).map(NonNull::as_ptr);
    }
    const OLD: usize = offset_of!(rist_stats_receiver_peer, received_bytes);
    let old: Vec<[u64; OLD / 8]> = peers
        .iter()
        .map(|peer| {
            let mut old = [0; OLD / 8];
            let from = ptr::from_ref(peer).cast::<u8>();
            // SAFETY: the first OLD bytes of one structure into an array of OLD bytes.
            unsafe { ptr::copy_nonoverlapping(from, old.as_mut_ptr().cast::<u8>(), OLD) };
            old
        })
        .collect();
    malloc::many(&old).map(|peers| peers.as_ptr().cast())
}

fn receiver_peer(report: &FlowPeerReport) -> rist_stats_receiver_peer {
    rist_stats_receiver_peer {
        peer_id: report.peer.0,
        received_data: report.received_data,
        received_rtcp: report.received_rtcp,
        sent_rtcp: report.sent_rtcp,
        rtt: report.rtt_ms as u64,
        avg_rtt: report.avg_rtt_ms,
        bandwidth: report.bitrate as usize,
        avg_bandwidth: report.avg_bitrate as usize,
        received_bytes: report.received_bytes,
    }
}

/// Reports to test with.
#[cfg(test)]
pub(super) mod samples {
    use super::*;
    use crate::protocol::output::PeerId;
    use crate::protocol::report::LegReport;

    pub(in super::super) fn flow(peers: u32) -> FlowReport {
        FlowReport {
            flow_id: 8,
            status: 1,
            profile: Profile::Simple,
            advanced_active: false,
            seq_bits: 16,
            received: 126,
            received_bytes: 5_000_000_000,
            dropped_late: 1,
            dropped_full: 2,
            missing: 10,
            recovered: 9,
            recovered_by_retries: [5, 4, 3, 2, 1],
            reordered: 3,
            retries: 20,
            lost: 6,
            duplicates: 7,
            avg_buffer_ms: 70,
            missing_queue: 8,
            missing_queue_max: 9,
            min_inter_packet_us: 11,
            avg_inter_packet_us: 12,
            max_inter_packet_us: 13,
            bitrate: 1000,
            bitrate_retries: 100,
            bitrate_rejected: 10,
            bitrate_ts_nulls: 50,
            ts_nulls: 2,
            quality: 92.6499,
            rtt_ms: 4,
            sent_rtcp: 24,
            peers: (0..peers).map(flow_peer).collect(),
            merge: None,
            incomplete: 0,
        }
    }

    fn flow_peer(index: u32) -> FlowPeerReport {
        FlowPeerReport {
            peer: PeerId(2 + index),
            dead: false,
            url: "a\"\nb".into(),
            received_data: 126,
            received_bytes: 4,
            ts_nulls: 5,
            received_rtcp: 6,
            sent_rtcp: 24,
            rtt_ms: 1.5,
            avg_rtt_ms: 3.0,
            bitrate: 908_342,
            avg_bitrate: 9,
        }
    }

    pub(in super::super) fn sender_peer() -> SenderPeerReport {
        SenderPeerReport {
            peer: PeerId(1),
            flow_id: 8,
            cname: "rcv".into(),
            rtcp: false,
            profile: Profile::Simple,
            advanced_active: false,
            miface: String::new(),
            sent: 137,
            received: 33,
            retransmitted: 2,
            sent_bytes: 3,
            retransmitted_bytes: 4,
            ts_nulls: 1,
            bandwidth: 920_804,
            retry_bandwidth: 5,
            ts_nulls_bandwidth: 6,
            bandwidth_skipped: 7,
            bloat_skipped: 8,
            retransmit_skipped: 9,
            quality: 99.999,
            rtt_ms: 1.61,
            avg_rtt_ms: 4.25,
            retry_buffer_size: 10,
            leg: LegReport::default(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The peers' numbers as a program reads them that steps `stride` bytes from one to the next.
    fn numbers(old_program: bool, stride: usize) -> (u16, Vec<u32>) {
        let report = samples::flow(3);
        let stats = container(&Report::Flow(&report), old_program).unwrap();
        // SAFETY: made just now.
        let value = unsafe { stats.read() };
        // SAFETY: a flow's report.
        let flow = unsafe { value.stats.receiver_flow };
        let first = flow.peers.cast::<u8>();
        let number = |index: usize| {
            // SAFETY: within the elements if the stride is right.
            let element = unsafe { first.add(index * stride) };
            // SAFETY: the number is the first field.
            unsafe { element.cast::<u32>().read_unaligned() }
        };
        let numbers = (0..flow.peer_count as usize).map(number).collect();
        // SAFETY: made here, freed once.
        unsafe { free(stats.as_ptr()) }.unwrap();
        (value.version, numbers)
    }

    #[test]
    fn whether_advanced_is_spoken_is_told_beside_the_profile() {
        for active in [false, true] {
            let (mut flow, mut peer) = (samples::flow(0), samples::sender_peer());
            (flow.profile, flow.advanced_active, flow.seq_bits) = (Profile::Advanced, active, 32);
            (peer.profile, peer.advanced_active) = (Profile::Advanced, active);
            let flow = receiver_flow(&flow, false).unwrap();
            // SAFETY: made by malloc, freed once.
            unsafe { malloc::free(flow.peers) };
            assert_eq!((flow.profile, flow.advanced_active, flow.seq_bits), (2, u8::from(active), 32));
            let peer = sender_peer(&peer);
            assert_eq!((peer.profile, peer.advanced_active), (2, u8::from(active)));
        }
    }

    #[test]
    fn old_programs_get_the_old_stride() {
        assert_eq!(numbers(false, 64), (3, vec![2, 3, 4]));
        assert_eq!(numbers(true, 56), (1, vec![2, 3, 4]));
    }
}
