//! NACKs: requests for retransmission, as ranges (TR-06-1:2020 §5.3.2.2) or bitmasks (RFC 4585 §6.2.1).

use super::app::append_app;
use super::packet::{Packet, append, put_u16, put_u32};
use super::{Rtcp, packet_type};
use crate::wire::Result;
use crate::wire::bytes::Reader;

/// RFC 4585's generic NACK among the transport feedback formats.
const GENERIC_NACK: u8 = 1;
const RECORD_LEN: usize = 4;
/// Packets that one range record may ask for, as libRIST 0.2.19: writers split longer runs.
const MAX_RANGE: u16 = 256;
/// What the length field can express, with two words before the records.
const MAX_RECORDS: usize = u16::MAX as usize - 2;

/// A request for retransmissions. The records are raw; [`Nack::sequences`] reads them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Nack<'a> {
    /// First sequence number, and how many more.
    Range {
        /// Flow id.
        ssrc: u32,
        /// Four octets each.
        records: &'a [u8],
    },
    /// First sequence number, and a bit for each of the 16 after it.
    Bitmask {
        /// Who asks. Zero from libRIST.
        sender_ssrc: u32,
        /// Flow id.
        media_ssrc: u32,
        /// Four octets each.
        records: &'a [u8],
    },
}

impl<'a> Nack<'a> {
    pub(super) const APP_SUBTYPE: u8 = 0;

    /// `body` is what follows the name.
    pub(super) fn decode_range(ssrc: u32, body: &Reader<'a>) -> Rtcp<'a> {
        Rtcp::Nack(Nack::Range { ssrc, records: body.rest() })
    }

    pub(super) fn decode_bitmask(packet: &Packet<'a>) -> Result<Option<Rtcp<'a>>> {
        if packet.count != GENERIC_NACK {
            return Ok(None);
        }
        let mut body = Reader::new(packet.body);
        let sender_ssrc = body.u32()?;
        let media_ssrc = body.u32()?;
        Ok(Some(Rtcp::Nack(Nack::Bitmask { sender_ssrc, media_ssrc, records: body.rest() })))
    }
}

impl Nack<'_> {
    /// 16-bit sequence numbers asked for, in order; at most 256 of one range record, at most `cap` in all.
    pub fn sequences(&self, cap: usize) -> impl Iterator<Item = u16> + '_ {
        let (records, ranges) = match self {
            Nack::Range { records, .. } => (records, true),
            Nack::Bitmask { records, .. } => (records, false),
        };
        records
            .as_chunks::<RECORD_LEN>()
            .0
            .iter()
            .flat_map(move |&[first_0, first_1, more_0, more_1]| {
                let first = u16::from_be_bytes([first_0, first_1]);
                let more = u16::from_be_bytes([more_0, more_1]);
                let (count, mask) = if ranges {
                    (more.saturating_add(1).min(MAX_RANGE), None)
                } else {
                    (17, Some(u32::from(more) << 1 | 1))
                };
                (0..count)
                    .filter(move |&offset| mask.is_none_or(|mask| mask >> offset & 1 == 1))
                    .map(move |offset| first.wrapping_add(offset))
            })
            .take(cap)
    }

    /// The flow whose packets are asked for.
    pub fn media_ssrc(&self) -> u32 {
        match *self {
            Nack::Range { ssrc, .. } => ssrc,
            Nack::Bitmask { media_ssrc, .. } => media_ssrc,
        }
    }
}

/// Appends a range NACK for sequence numbers that ascend in flow order (they may wrap), merging runs.
/// Returns how many of them fitted into `max_records`; writes nothing if that is none.
pub fn write_nack_range(out: &mut Vec<u8>, ssrc: u32, seqs: &[u16], max_records: usize) -> usize {
    if seqs.is_empty() || max_records == 0 {
        return 0;
    }
    let mut consumed = 0;
    append_app(out, Nack::APP_SUBTYPE, ssrc, |out| {
        consumed = put_records(out, seqs, max_records, |more, distance| {
            let joins = distance <= more + 1 && distance < MAX_RANGE;
            joins.then_some(more.max(distance))
        });
    });
    consumed
}

/// As [`write_nack_range`], as a bitmask NACK: each record covers 17 sequence numbers.
pub fn write_nack_bitmask(
    out: &mut Vec<u8>,
    sender_ssrc: u32,
    media_ssrc: u32,
    seqs: &[u16],
    max_records: usize,
) -> usize {
    if seqs.is_empty() || max_records == 0 {
        return 0;
    }
    let mut consumed = 0;
    append(out, GENERIC_NACK, packet_type::TRANSPORT_FEEDBACK, |out| {
        put_u32(out, sender_ssrc);
        put_u32(out, media_ssrc);
        consumed = put_records(out, seqs, max_records, |mask, distance| match distance {
            0 => Some(mask),
            1..=16 => Some(mask | 1 << (distance - 1)),
            _ => None,
        });
    });
    consumed
}

/// `extend` gets the second field of a record and the distance of the next sequence number from its first,
/// and returns the field that covers that one too, if there is such a field.
fn put_records(out: &mut Vec<u8>, seqs: &[u16], max_records: usize, extend: impl Fn(u16, u16) -> Option<u16>) -> usize {
    let mut waiting = seqs.iter().copied().peekable();
    for _ in 0..max_records.min(MAX_RECORDS) {
        let Some(first) = waiting.next() else { break };
        let mut field = 0;
        while let Some(wider) = waiting.peek().and_then(|seq| extend(field, seq.wrapping_sub(first))) {
            field = wider;
            waiting.next();
        }
        put_u16(out, first);
        put_u16(out, field);
    }
    seqs.len() - waiting.len()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::rtcp::Compound;

    fn sequences(packet: &[u8], cap: usize) -> Vec<u16> {
        match Compound::new(packet).next() {
            Some(Ok(Rtcp::Nack(nack))) => nack.sequences(cap).collect(),
            other => panic!("not a NACK: {other:?}"),
        }
    }

    #[test]
    fn example_of_the_standard_is_written_so() {
        let seqs: Vec<u16> = std::iter::once(100).chain(103..=122).collect();
        let (mut bitmask, mut range) = (Vec::new(), Vec::new());
        assert_eq!(write_nack_bitmask(&mut bitmask, 0, 0xaabb_cc00, &seqs, 16), 21);
        assert_eq!(bitmask[12..], [0x00, 0x64, 0xff, 0xfc, 0x00, 0x75, 0x00, 0x1f]);
        assert_eq!(write_nack_range(&mut range, 0xaabb_cc00, &seqs, 16), 21);
        assert_eq!(range[12..], [0x00, 0x64, 0x00, 0x00, 0x00, 0x67, 0x00, 0x13]);
        assert_eq!(sequences(&bitmask, usize::MAX), seqs);
        assert_eq!(sequences(&range, usize::MAX), seqs);
    }

    #[test]
    fn records_beyond_the_limit_wait_for_the_next_packet() {
        let seqs: Vec<u16> = (0..10).map(|i| i * 100).collect();
        let mut out = Vec::new();
        assert_eq!(write_nack_range(&mut out, 2, &seqs, 3), 3);
        assert_eq!(sequences(&out, 100), [0, 100, 200]);
        out.clear();
        assert_eq!(write_nack_bitmask(&mut out, 0, 2, &seqs[3..], 4), 4);
        assert_eq!(sequences(&out, 100), [300, 400, 500, 600]);
    }

    #[test]
    fn nothing_to_ask_writes_nothing() {
        let mut out = Vec::new();
        assert_eq!(write_nack_range(&mut out, 2, &[], 16), 0);
        assert_eq!(write_nack_range(&mut out, 2, &[1], 0), 0);
        assert_eq!(write_nack_bitmask(&mut out, 0, 2, &[], 16), 0);
        assert_eq!(write_nack_bitmask(&mut out, 0, 2, &[1], 0), 0);
        assert_eq!(out, []);
    }

    #[test]
    fn long_run_across_the_wrap_is_split_where_readers_cap() {
        let seqs: Vec<u16> = (0..1000).map(|i| 0xff00u16.wrapping_add(i)).collect();
        let mut out = Vec::new();
        assert_eq!(write_nack_range(&mut out, 2, &seqs, 16), 1000);
        assert_eq!(out.len(), 12 + 4 * RECORD_LEN);
        assert_eq!(sequences(&out, usize::MAX), seqs);
    }

    #[test]
    fn repeated_sequence_numbers_are_asked_once() {
        let mut out = Vec::new();
        assert_eq!(write_nack_range(&mut out, 2, &[7, 7, 8, 8], 16), 4);
        assert_eq!(sequences(&out, usize::MAX), [7, 8]);
        out.clear();
        assert_eq!(write_nack_bitmask(&mut out, 0, 2, &[7, 7, 8, 8], 16), 4);
        assert_eq!(sequences(&out, usize::MAX), [7, 8]);
    }

    #[test]
    fn work_for_hostile_records_is_capped() {
        let mut range = [0x80, 204, 0, 202, 0, 0, 0, 2, b'R', b'I', b'S', b'T'].to_vec();
        range.extend([0, 9, 0xff, 0xff].repeat(200));
        assert_eq!(sequences(&range, usize::MAX).len(), 200 * 256);
        assert_eq!(sequences(&range, 4096).len(), 4096);
        let mut bitmask = [0x81, 205, 0x0a, 0x02, 0, 0, 0, 0, 0, 0, 0, 2].to_vec();
        bitmask.extend([0xff, 0xff, 0xff, 0xff].repeat(2560));
        assert_eq!(sequences(&bitmask, usize::MAX).len(), 2560 * 17);
        assert_eq!(sequences(&bitmask, 4096).len(), 4096);
        assert_eq!(sequences(&bitmask, 3), [0xffff, 0, 1]);
    }
}
