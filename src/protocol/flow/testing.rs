//! What the tests of this room share: the usual settings, and a path that is known.

use super::path::PathState;
use super::*;
use crate::protocol::peer::rtt::Rtt;

pub(super) fn config(buffer: Span) -> FlowConfig {
    FlowConfig {
        recovery: true,
        buffer_min: buffer,
        buffer_max: buffer,
        reorder_buffer: Span::from_millis(15),
        max_retries: 20,
        max_bitrate_kbps: 100_000,
        timing_mode: TimingMode::Source,
        rtt_multiplier: 7,
        merging: Merging::default(),
        recovery_depth: 0,
        clock: AdvancedClock::Auto,
    }
}

/// `measured`: its round trip, if it is known. It takes so many kbps of requests, 0: any number.
pub(super) fn add_path(flow: &mut Flow, peer: PeerId, measured: Option<Span>, return_kbps: u32) {
    let mut rtt = Rtt::default();
    if let Some(measured) = measured {
        rtt.sample(measured);
    }
    let (rtt_min, rtt_max) = (Span::from_millis(5), Span::from_millis(500));
    flow.set_path(peer, PathState { rtt, usable: true, priority: 0, rtt_min, rtt_max, return_kbps });
    flow.trust(peer);
}

/// A whole packet's first transmission.
pub(super) fn arrival(
    now: Time,
    path: PeerId,
    seq: u32,
    numbers: Numbers,
    stamp: Stamp,
    payload: &[u8],
) -> Arrival<'_> {
    Arrival {
        now,
        path,
        seq,
        numbers,
        retransmit: false,
        stamp,
        part: Part::WHOLE,
        compressed: false,
        virt_src_port: 0,
        virt_dst_port: 0,
        payload,
    }
}
