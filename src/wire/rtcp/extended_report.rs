//! XR: extended reports (RFC 3611), with which libRIST measures RTT until it knows that echo works.

use super::packet::{Packet, append, put_u16, put_u32, put_u64};
use super::{Rtcp, packet_type};
use crate::wire::Result;
use crate::wire::bytes::Reader;

const REFERENCE_TIME: u8 = 4;
const REFERENCE_TIME_WORDS: u16 = 2;
const LAST_REPORTS: u8 = 5;

/// What is left to read of one extended report.
#[derive(Debug, Clone, Default)]
pub(super) struct Blocks<'a> {
    packet_type: u8,
    ssrc: u32,
    blocks: &'a [u8],
    /// Entries left of the DLRR block before `blocks`.
    last_reports: &'a [u8],
}

impl<'a> Blocks<'a> {
    pub(super) fn new(packet: &Packet<'a>) -> Result<Self> {
        let mut body = Reader::new(packet.body);
        let ssrc = body.u32()?;
        Ok(Self { packet_type: packet.packet_type, ssrc, blocks: body.rest(), last_reports: &[] })
    }

    /// The next message; `None` after the last.
    pub(super) fn next(&mut self) -> Result<Option<Rtcp<'a>>> {
        let ssrc = self.ssrc;
        loop {
            if !self.last_reports.is_empty() {
                let mut entry = Reader::new(self.last_reports);
                let (target, lrr, dlrr) = (entry.u32()?, entry.u32()?, entry.u32()?);
                self.last_reports = entry.rest();
                return Ok(Some(Rtcp::LastReport { ssrc, target, lrr, dlrr }));
            }
            if self.blocks.is_empty() {
                return Ok(None);
            }
            let mut reader = Reader::new(self.blocks);
            let kind = reader.u8()?;
            let _reserved = reader.u8()?;
            let words = reader.u16()?;
            let content = reader.take(usize::from(words) * 4)?;
            self.blocks = reader.rest();
            match kind {
                REFERENCE_TIME => {
                    let ntp = Reader::new(content).u64()?;
                    return Ok(Some(Rtcp::ReferenceTime { ssrc, ntp }));
                }
                LAST_REPORTS => self.last_reports = content,
                _ => {
                    return Ok(Some(Rtcp::Unknown { packet_type: self.packet_type }));
                }
            }
        }
    }
}

/// Appends an extended report of one RRTR block, as packet type 207.
pub fn write_ref_time(out: &mut Vec<u8>, ssrc: u32, ntp: u64) {
    append(out, 0, packet_type::EXTENDED_REPORT, |out| {
        put_u32(out, ssrc);
        out.extend_from_slice(&[REFERENCE_TIME, 0]);
        put_u16(out, REFERENCE_TIME_WORDS);
        put_u64(out, ntp);
    });
}
