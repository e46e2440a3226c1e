//! RR: what a receiver saw of a flow. Empty, it leads the compounds of both sides.

use super::packet::{Packet, append, put_u32};
use super::{Rtcp, packet_type};
use crate::wire::Result;
use crate::wire::bytes::Reader;

/// Cumulative loss has 24 bits on the wire.
const CUMULATIVE_LOST_MASK: u32 = 0x00ff_ffff;

/// A receiver report (RFC 3550 §6.4.2). Of several blocks the first counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ReceiverReport {
    /// Who reports. libRIST receivers put the flow id here, or zero while they know none.
    pub ssrc: u32,
    /// The report, unless it is an empty one.
    pub block: Option<ReportBlock>,
}

/// A reception report block (RFC 3550 §6.4.1).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ReportBlock {
    /// Flow id. libRIST leaves stale octets here: do not rely on it.
    pub ssrc: u32,
    /// Loss since the last report, in 1/256.
    pub fraction_lost: u8,
    /// Packets lost in all: the 24 bits of the wire, not sign-extended.
    pub cumulative_lost: u32,
    /// Highest sequence number received, extended to 32 bits.
    pub highest_seq: u32,
    /// Interarrival jitter in RTP units.
    pub jitter: u32,
    /// Middle 32 bits of the last sender report's NTP time, zero if there was none.
    pub last_sr: u32,
    /// Time since that report arrived, in 2^-16 s.
    pub delay_since_sr: u32,
}

/// A report whose length has no room for the block it announces counts as empty, as libRIST skips it.
pub(super) fn decode<'a>(packet: &Packet) -> Result<Rtcp<'a>> {
    let mut body = Reader::new(packet.body);
    let ssrc = body.u32()?;
    let block = if packet.count == 0 { None } else { decode_block(&mut body).ok() };
    Ok(Rtcp::ReceiverReport(ReceiverReport { ssrc, block }))
}

fn decode_block(body: &mut Reader) -> Result<ReportBlock> {
    let ssrc = body.u32()?;
    let lost = body.u32()?;
    Ok(ReportBlock {
        ssrc,
        fraction_lost: (lost >> 24) as u8,
        cumulative_lost: lost & CUMULATIVE_LOST_MASK,
        highest_seq: body.u32()?,
        jitter: body.u32()?,
        last_sr: body.u32()?,
        delay_since_sr: body.u32()?,
    })
}

/// Appends a receiver report: an empty one when there is no block.
pub fn write_receiver_report(out: &mut Vec<u8>, report: &ReceiverReport) {
    let count = u8::from(report.block.is_some());
    append(out, count, packet_type::RECEIVER_REPORT, |out| {
        put_u32(out, report.ssrc);
        if let Some(block) = &report.block {
            put_u32(out, block.ssrc);
            let cumulative = block.cumulative_lost & CUMULATIVE_LOST_MASK;
            put_u32(out, u32::from(block.fraction_lost) << 24 | cumulative);
            put_u32(out, block.highest_seq);
            put_u32(out, block.jitter);
            put_u32(out, block.last_sr);
            put_u32(out, block.delay_since_sr);
        }
    });
}
