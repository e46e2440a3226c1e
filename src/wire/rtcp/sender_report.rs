//! SR: the sender's wall clock, its RTP clock at the same moment, and its counters.

use super::packet::{Packet, append, put_u32, put_u64};
use super::{Rtcp, packet_type};
use crate::wire::Result;
use crate::wire::bytes::Reader;

/// A sender report (RFC 3550 §6.4.1). Reception blocks in it are skipped.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SenderReport {
    /// Flow id.
    pub ssrc: u32,
    /// Wall clock in NTP-64 ticks.
    pub ntp: u64,
    /// The same moment in RTP units.
    pub rtp_timestamp: u32,
    /// Packets sent so far. libRIST sends zero.
    pub packets: u32,
    /// Payload octets sent so far. libRIST sends zero.
    pub octets: u32,
}

pub(super) fn decode<'a>(packet: &Packet) -> Result<Rtcp<'a>> {
    let mut body = Reader::new(packet.body);
    Ok(Rtcp::SenderReport(SenderReport {
        ssrc: body.u32()?,
        ntp: body.u64()?,
        rtp_timestamp: body.u32()?,
        packets: body.u32()?,
        octets: body.u32()?,
    }))
}

/// Appends a sender report without reception blocks.
pub fn write_sender_report(out: &mut Vec<u8>, report: &SenderReport) {
    append(out, 0, packet_type::SENDER_REPORT, |out| {
        put_u32(out, report.ssrc);
        put_u64(out, report.ntp);
        put_u32(out, report.rtp_timestamp);
        put_u32(out, report.packets);
        put_u32(out, report.octets);
    });
}
