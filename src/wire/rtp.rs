//! The RTP packet (RFC 3550 §5.1) with RIST's header extension (TR-06-2:2022 §8.3).

use super::bytes::{Reader, strip_padding};
use super::{Error, Result};

/// Octets of an RTP header without CSRCs or extension.
pub const HEADER_LEN: usize = 12;

/// Payload type of an MPEG transport stream, which RIST senders use.
pub const MPEG_TS: u8 = 33;

/// "RI", which marks the header extension as RIST's.
const RIST_EXTENSION: u16 = 0x5249;
const NULL_PACKETS: u8 = 0x80;
const SEQ_HIGH: u8 = 0x40;

/// RIST's header extension.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Extension {
    /// The map of suppressed null packets, when there is one (see [`super::null_packet`]).
    pub null_packets: Option<u8>,
    /// Upper half of a 32-bit sequence number, when sent.
    pub seq_high: Option<u16>,
}

/// A received RTP packet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rtp<'a> {
    /// What the payload is, and which clock the timestamp counts.
    pub payload_type: u8,
    /// The M bit. RIST gives it no meaning.
    pub marker: bool,
    /// Low half of the sequence number.
    pub seq: u16,
    /// Source time in units of the payload type's clock.
    pub timestamp: u32,
    /// Flow id; the lowest bit is set in a retransmission.
    pub ssrc: u32,
    /// RIST's extension, if the packet carries it.
    pub extension: Option<Extension>,
    /// What is left after header, CSRCs, extension and padding.
    pub payload: &'a [u8],
}

impl<'a> Rtp<'a> {
    /// Reads a packet. Extensions other than RIST's are skipped by their length.
    #[inline]
    pub fn parse(datagram: &'a [u8]) -> Result<Self> {
        let (&header, rest) = datagram.split_first_chunk::<HEADER_LEN>().ok_or(Error::TooShort)?;
        let [first, second, s1, s0, t3, t2, t1, t0, f3, f2, f1, f0] = header;
        if first >> 6 != 2 {
            return Err(Error::Malformed);
        }
        let seq = u16::from_be_bytes([s1, s0]);
        let timestamp = u32::from_be_bytes([t3, t2, t1, t0]);
        let ssrc = u32::from_be_bytes([f3, f2, f1, f0]);
        let mut reader = Reader::new(rest);
        reader.take(usize::from(first & 0x0f) * 4)?;
        let extension = if first & 0x10 == 0 { None } else { parse_extension(&mut reader)? };
        let rest = reader.rest();
        let payload = if first & 0x20 == 0 { rest } else { strip_padding(rest)? };
        let (payload_type, marker) = (second & 0x7f, second & 0x80 != 0);
        Ok(Self { payload_type, marker, seq, timestamp, ssrc, extension, payload })
    }
}

fn parse_extension(reader: &mut Reader) -> Result<Option<Extension>> {
    let profile = reader.u16()?;
    let words = usize::from(reader.u16()?);
    let body = reader.take(words * 4)?;
    // libRIST too reads it only at its one defined length.
    if profile != RIST_EXTENSION || words != 1 {
        return Ok(None);
    }
    let mut body = Reader::new(body);
    let flags = body.u8()?;
    let null_packets = body.u8()?;
    let seq_high = body.u16()?;
    Ok(Some(Extension {
        null_packets: (flags & NULL_PACKETS != 0).then_some(null_packets),
        seq_high: (flags & SEQ_HIGH != 0).then_some(seq_high),
    }))
}

/// The header of an RTP packet to send. The payload follows it on the wire.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Header {
    /// Seven bits.
    pub payload_type: u8,
    /// Low half of the sequence number.
    pub seq: u16,
    /// Source time in units of the payload type's clock.
    pub timestamp: u32,
    /// Flow id, with the lowest bit set in a retransmission.
    pub ssrc: u32,
    /// The map that [`super::null_packet::suppress`] returned.
    pub null_packets: Option<u8>,
}

impl Header {
    /// Octets of a header with RIST's extension.
    pub const MAX_LEN: usize = 20;

    /// Writes the header, and returns how many octets of `out` it takes: 12, or 20 with the extension.
    pub fn write(&self, out: &mut [u8; 20]) -> usize {
        let extended = self.null_packets.is_some();
        out[0] = if extended { 0x90 } else { 0x80 };
        out[1] = self.payload_type & 0x7f;
        out[2..4].copy_from_slice(&self.seq.to_be_bytes());
        out[4..8].copy_from_slice(&self.timestamp.to_be_bytes());
        out[8..12].copy_from_slice(&self.ssrc.to_be_bytes());
        out[12..14].copy_from_slice(&RIST_EXTENSION.to_be_bytes());
        out[14..16].copy_from_slice(&1u16.to_be_bytes());
        out[16] = NULL_PACKETS;
        out[17] = self.null_packets.unwrap_or(0);
        out[18..20].copy_from_slice(&0u16.to_be_bytes());
        if extended { Self::MAX_LEN } else { HEADER_LEN }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const FIXED: [u8; 12] = [0x80, 0xa1, 0, 5, 0, 0, 0, 9, 1, 2, 3, 4];

    fn packet(first: u8, tail: &[u8]) -> Vec<u8> {
        let mut packet = [&FIXED, tail].concat();
        packet[0] = first;
        packet
    }

    #[test]
    fn csrcs_padding_and_foreign_extensions_are_removed() {
        let expected = Rtp {
            payload_type: MPEG_TS,
            marker: true,
            seq: 5,
            timestamp: 9,
            ssrc: 0x0102_0304,
            extension: None,
            payload: &[7, 8],
        };
        for datagram in [
            packet(0x80, &[7, 8]),
            packet(0x82, &[0, 0, 0, 1, 0, 0, 0, 2, 7, 8]),
            packet(0xa0, &[7, 8, 0, 0, 3]),
            packet(0x90, &[0xbe, 0xde, 0, 2, 1, 1, 1, 1, 2, 2, 2, 2, 7, 8]),
            packet(0x90, &[0xbe, 0xde, 0, 0, 7, 8]),
            packet(0xb1, &[0, 0, 0, 1, 0x52, 0x49, 0, 0, 7, 8, 1]),
        ] {
            assert_eq!(Rtp::parse(&datagram), Ok(expected));
        }
    }

    #[test]
    fn extension_bits_say_which_fields_count() {
        for (flags, null_packets, seq_high) in
            [(0x00, None, None), (0x80, Some(0x26), None), (0x40, None, Some(0x0102)), (0xf8, Some(0x26), Some(0x0102))]
        {
            let datagram = packet(0x90, &[0x52, 0x49, 0, 1, flags, 0x26, 1, 2]);
            let extension = Rtp::parse(&datagram).map(|rtp| rtp.extension);
            assert_eq!(extension, Ok(Some(Extension { null_packets, seq_high })));
        }
    }

    #[test]
    fn lengths_beyond_the_datagram_are_refused() {
        for len in 0..HEADER_LEN {
            assert_eq!(Rtp::parse(&FIXED[..len]), Err(Error::TooShort));
        }
        assert_eq!(Rtp::parse(&packet(0x8f, &[0; 59])), Err(Error::TooShort));
        assert_eq!(Rtp::parse(&packet(0x90, &[0x52, 0x49, 0])), Err(Error::TooShort));
        assert_eq!(Rtp::parse(&packet(0x90, &[0x52, 0x49, 0xff, 0xff, 0])), Err(Error::TooShort));
        assert_eq!(Rtp::parse(&packet(0xa0, &[])), Err(Error::TooShort));
        assert_eq!(Rtp::parse(&packet(0xa0, &[1, 2, 0])), Err(Error::Malformed));
        assert_eq!(Rtp::parse(&packet(0xa0, &[1, 2, 4])), Err(Error::Malformed));
        assert_eq!(Rtp::parse(&packet(0x40, &[1])), Err(Error::Malformed));
    }

    #[test]
    fn written_header_is_read_back() {
        for null_packets in [None, Some(0x00), Some(0x7f), Some(0xa0)] {
            let header = Header { payload_type: MPEG_TS, seq: 0xfffe, timestamp: 0x89ab_cdef, ssrc: 6, null_packets };
            let mut out = [0xee; Header::MAX_LEN];
            let len = header.write(&mut out);
            let rtp = Rtp::parse(&out[..len]).expect("our own header parses");
            assert_eq!((rtp.payload_type, rtp.marker, rtp.payload), (MPEG_TS, false, &[][..]));
            assert_eq!((rtp.seq, rtp.timestamp, rtp.ssrc), (0xfffe, 0x89ab_cdef, 6));
            assert_eq!(rtp.extension.and_then(|extension| extension.null_packets), null_packets);
            assert_eq!(rtp.extension.is_some(), len == Header::MAX_LEN);
        }
    }
}
