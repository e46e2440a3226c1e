//! A received datagram: its header as far as it is always clear (TR-06-3).

use super::{Flags, FlowId, Lpc, MIN_LEN, Psk, Type};
use crate::wire::bytes::{Reader, strip_padding};
use crate::wire::{Error, Result};
use std::ops::Range;

const PADDING: u8 = 0x20;
const EXTENSION: u8 = 0x10;
const CSRC_COUNT: u8 = 0x0f;

pub(super) const HAS_FLOW_ID: u8 = 0x08;
pub(super) const HAS_PFD: u8 = 0x04;
const HAS_RIST_EXTENSION: u8 = 0x02;

/// A received packet, not yet decrypted. [`Packet::content`] reads what is in it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Packet<'a> {
    pub payload_type: u8,
    pub seq: u32,
    /// See [`super::timestamp`].
    pub timestamp: u32,
    /// The lowest bit tells unprotected packets, which have sequence numbers of their own.
    pub ssrc: u32,
    pub flags: Flags,
    /// All zero if there is none.
    pub flow_id: Option<FlowId>,
    /// Modes 6 and 7 are measured like the others, though nobody can read on.
    pub psk: Psk,
    pub lpc: Lpc,
    pub kind: Type,
    /// A payload format descriptor stands in the body.
    pub has_pfd: bool,
    /// A header extension of RIST's stands in the body.
    pub has_extension: bool,
    /// Octets before the body: all that is always clear.
    pub header_len: usize,
    /// Everything behind the IV, without RTP's padding.
    pub body: &'a [u8],
}

impl<'a> Packet<'a> {
    /// Reads the header. RTP's own extension is skipped; the marker bit has no meaning.
    #[inline]
    pub fn parse(datagram: &'a [u8]) -> Result<Self> {
        let (&fixed, rest) = datagram.split_first_chunk::<12>().ok_or(Error::TooShort)?;
        let [first, second, s1, s0, t3, t2, t1, t0, f3, f2, f1, f0] = fixed;
        if first >> 6 != 2 || first & CSRC_COUNT != 0 {
            return Err(Error::Malformed);
        }
        if datagram.len() < MIN_LEN {
            return Err(Error::TooShort);
        }
        let mut reader = Reader::new(rest);
        if first & EXTENSION != 0 {
            skip_extension(&mut reader)?;
        }
        let [s3, s2] = reader.array()?;
        let [flags, parameters] = reader.array()?;
        let kind = Type::from_octet(parameters)?;
        let lpc = Lpc::from_octet(parameters)?;
        let flow_id = if flags & HAS_FLOW_ID == 0 { None } else { Some(FlowId(reader.u32()?)) };
        let psk = Psk::read(flags, parameters, &mut reader)?;
        let rest = reader.rest();
        let body = if first & PADDING == 0 { rest } else { strip_padding(rest)? };
        Ok(Self {
            payload_type: second & 0x7f,
            seq: u32::from_be_bytes([s3, s2, s1, s0]),
            timestamp: u32::from_be_bytes([t3, t2, t1, t0]),
            ssrc: u32::from_be_bytes([f3, f2, f1, f0]),
            flags: Flags::from_octet(flags),
            flow_id,
            psk,
            lpc,
            kind,
            has_pfd: flags & HAS_PFD != 0,
            has_extension: flags & HAS_RIST_EXTENSION != 0,
            header_len: datagram.len() - rest.len(),
            body,
        })
    }

    /// Where the hash stands in the datagram, if the mode has one. It counts as zeros when it is verified.
    pub fn hash_range(&self) -> Option<Range<usize>> {
        let start = self.header_len.checked_sub(Psk::fields_len(self.psk.mode))?;
        Psk::fields(self.psk.mode).0.then_some(start..start + Psk::HASH_LEN)
    }
}

fn skip_extension(reader: &mut Reader<'_>) -> Result<()> {
    reader.u16()?;
    let words = usize::from(reader.u16()?);
    reader.take(words * 4)?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    const FIXED: [u8; 12] = [0x80, 127, 0, 2, 0, 0, 0, 9, 1, 2, 3, 4];

    fn packet(first: u8, tail: &[u8]) -> Vec<u8> {
        let mut packet = [&FIXED, tail].concat();
        packet[0] = first;
        packet
    }

    #[test]
    fn an_extension_and_padding_are_removed() {
        for (datagram, header_len) in [
            (packet(0x80, &[0, 1, 0xc0, 5, 7, 8]), 16),
            (packet(0xa0, &[0, 1, 0xc0, 5, 7, 8, 0, 2]), 16),
            (packet(0x90, &[0xbe, 0xde, 0, 1, 1, 1, 1, 1, 0, 1, 0xc0, 5, 7, 8]), 24),
            (packet(0xb0, &[0xbe, 0xde, 0, 0, 0, 1, 0xc0, 5, 7, 8, 1]), 20),
        ] {
            let packet = Packet::parse(&datagram).expect("well formed");
            assert_eq!((packet.seq, packet.timestamp, packet.ssrc), (0x0001_0002, 9, 0x0102_0304));
            assert_eq!((packet.body, packet.header_len), (&[7, 8][..], header_len));
            assert_eq!((packet.kind, packet.flags, packet.flow_id), (Type::Direct, Flags::WHOLE, None));
        }
    }

    #[test]
    fn every_mode_has_its_fields() {
        for mode in 0..8u8 {
            let (high, low) = Psk::mode_bits(mode);
            let datagram = packet(0x80, &[&[0, 0, 0xc8 | high, low | 5], &[0xaa; 40][..]].concat());
            let packet = Packet::parse(&datagram).expect("well formed");
            assert_eq!(packet.psk.mode, mode);
            assert_eq!(packet.header_len, 20 + Psk::fields_len(mode));
            let (hash, nonce, iv) = Psk::fields(mode);
            assert_eq!(packet.psk.hash, hash.then_some([0xaa; 16]));
            assert_eq!(packet.psk.nonce, nonce.then_some([0xaa; 4]));
            assert_eq!(packet.psk.iv, iv.then_some(0xaaaa_aaaa));
            assert_eq!(packet.hash_range(), hash.then_some(20..36));
            for len in 0..packet.header_len {
                assert_eq!(Packet::parse(&datagram[..len]), Err(Error::TooShort), "mode {mode}, {len} octets");
            }
        }
    }

    #[test]
    fn what_is_reserved_or_contradicts_itself_is_refused() {
        let parse = |first, tail: &[u8]| Packet::parse(&packet(first, tail)).map(|packet| packet.body.len());
        assert_eq!(parse(0x40, &[0, 0, 0xc0, 5]), Err(Error::Malformed), "a version");
        assert_eq!(parse(0x81, &[0, 0, 0xc0, 5, 0, 0, 0, 0]), Err(Error::Malformed), "a contributing source");
        assert_eq!(parse(0x80, &[0, 0, 0xc0, 0x25]), Err(Error::Malformed), "LPC 2");
        for kind in [0, 9, 10, 11, 12, 13, 14, 15] {
            assert_eq!(parse(0x80, &[0, 0, 0xc0, kind]), Err(Error::Unsupported), "type {kind}");
        }
        assert_eq!(parse(0x90, &[0, 0, 0xff, 0xff, 0]), Err(Error::TooShort), "an extension beyond the end");
        assert_eq!(parse(0x90, &[0, 0, 0, 0]), Err(Error::TooShort), "nothing behind the extension");
        assert_eq!(parse(0xa0, &[0, 0, 0xc0, 5]), Err(Error::TooShort), "padding without an octet");
        assert_eq!(parse(0xa0, &[0, 0, 0xc0, 5, 1, 0]), Err(Error::Malformed), "no octets of padding");
        assert_eq!(parse(0xa0, &[0, 0, 0xc0, 5, 1, 3]), Err(Error::Malformed), "padding beyond the header");
    }
}
