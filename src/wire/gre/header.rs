//! The GRE header: flags, RIST GRE version, protocol type, and the optional nonce and sequence number.

use super::protocol;
use crate::wire::bytes::Reader;
use crate::wire::{Error, Result};

const CHECKSUM: u8 = 0x80;
/// libRIST 0.2.8 and later drop packets with this bit.
const ROUTING: u8 = 0x40;
const KEY: u8 = 0x20;
const SEQUENCE: u8 = 0x10;
const AES_256: u8 = 0x40;
const GRE_VERSION: u8 = 0x07;

/// The newest version that this library sends.
const NEWEST: u8 = 2;
/// Versions from 5 on are to be discarded (TR-06-2:2022 §5.1).
const FIRST_UNKNOWN: u8 = 5;

/// A received tunnel packet, not yet decrypted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Packet<'a> {
    /// RIST GRE version as it is to be understood: 0, 1 or 2.
    pub version: u8,
    /// See [`super::protocol`].
    pub protocol: u16,
    /// The key field: the nonce of the sender's key.
    pub nonce: Option<[u8; 4]>,
    /// The H bit: the key has 256 bits.
    pub aes_256: bool,
    pub sequence: Option<u32>,
    /// Everything behind the header.
    pub body: &'a [u8],
}

impl<'a> Packet<'a> {
    /// Reads the header. The checksum is not verified: UDP has one (as libRIST).
    #[inline]
    pub fn parse(datagram: &'a [u8]) -> Result<Self> {
        let (&[first, second, high, low], rest) = datagram.split_first_chunk().ok_or(Error::TooShort)?;
        let kind = u16::from_be_bytes([high, low]);
        let mut reader = Reader::new(rest);
        if first & ROUTING != 0 || second & GRE_VERSION != 0 {
            return Err(Error::Malformed);
        }
        let version = second >> 3 & 7;
        if version >= FIRST_UNKNOWN || !protocol::is_known(kind) {
            return Err(Error::Unsupported);
        }
        if first & CHECKSUM != 0 {
            reader.take(4)?;
        }
        let nonce = match first & KEY {
            0 => None,
            _ => Some(reader.u32()?.to_be_bytes()),
        };
        let sequence = match first & SEQUENCE {
            0 => None,
            _ => Some(reader.u32()?),
        };
        let (version, aes_256) = (version.min(NEWEST), second & AES_256 != 0);
        Ok(Self { version, protocol: kind, nonce, aes_256, sequence, body: reader.rest() })
    }

    /// Whether the body can be decrypted, and has to be.
    pub fn is_encrypted(&self) -> bool {
        self.nonce.is_some() && self.sequence.is_some()
    }
}

/// A header to be written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Header {
    pub version: u8,
    pub protocol: u16,
    /// The nonce, and whether the key has 256 bits.
    pub key: Option<([u8; 4], bool)>,
    pub sequence: u32,
}

impl Header {
    pub const MAX_LEN: usize = 12;

    /// Writes the header and returns its length.
    pub fn write(&self, out: &mut [u8; Self::MAX_LEN]) -> usize {
        let mut first = SEQUENCE;
        let mut second = self.version << 3;
        let mut len = 4;
        if let Some((nonce, aes_256)) = self.key {
            first |= KEY;
            second |= if aes_256 { AES_256 } else { 0 };
            out[4..8].copy_from_slice(&nonce);
            len = 8;
        }
        out[0] = first;
        out[1] = second;
        out[2..4].copy_from_slice(&self.protocol.to_be_bytes());
        out[len..len + 4].copy_from_slice(&self.sequence.to_be_bytes());
        len + 4
    }
}

/// Whether a datagram is a bare sender or receiver report: the other side uses the Simple profile.
pub fn looks_like_simple(datagram: &[u8]) -> bool {
    matches!(datagram, [0x80 | 0x81, 200 | 201, 0, 1..=7, ..]) || matches!(datagram, [0x80, 33, ..])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_has_no_header_does_not_look_like_out_of_band_data() {
        for length in 0..=0x05ff_u16 {
            let [high, low] = length.to_be_bytes();
            // RTCP, and EAP frames of all versions: their third and fourth octet is a length.
            for [first, second] in [[0x80, 200], [0x81, 201], [1, 0], [2, 0], [3, 1]] {
                assert!(Packet::parse(&[first, second, high, low, 0, 0, 0, 0, 0, 0, 0, 0]).is_err());
            }
        }
    }

    #[test]
    fn every_flag_moves_the_body_by_its_field() {
        let fields = [0xaa; 16];
        for (flags, offset) in [(0x00, 0), (0x80, 4), (0x20, 4), (0x10, 4), (0x30, 8), (0xb0, 12)] {
            let datagram = [&[flags, 0x48, 0x88, 0xb6][..], &fields].concat();
            let packet = Packet::parse(&datagram).expect("well formed");
            assert_eq!((packet.version, packet.protocol, packet.aes_256), (1, protocol::REDUCED, true));
            assert_eq!(packet.body.len(), fields.len() - offset, "{flags:02x}");
            assert_eq!(packet.nonce, (flags & 0x20 != 0).then_some([0xaa; 4]));
            assert_eq!(packet.sequence, (flags & 0x10 != 0).then_some(0xaaaa_aaaa));
            for len in 0..4 + offset {
                assert_eq!(Packet::parse(&datagram[..len]), Err(Error::TooShort), "{flags:02x} {len}");
            }
        }
    }

    #[test]
    fn foreign_versions_and_reserved_bits_are_refused() {
        let parse = |first, second| Packet::parse(&[first, second, 0x88, 0xb6]).map(|packet| packet.version);
        let versions = (0..8u8).map(|version| parse(0, version << 3));
        let (ok, unknown) = (|version| Ok(version), Err(Error::Unsupported));
        let expected = [ok(0), ok(1), ok(2), ok(2), ok(2), unknown, unknown, unknown];
        assert!(versions.eq(expected));
        assert_eq!(parse(0x40, 0), Err(Error::Malformed));
        assert_eq!(Packet::parse(&[0, 8, 0x05, 0xff]), Err(Error::Unsupported), "a length, no protocol");
        assert_eq!(Packet::parse(&[0, 8, 0x06, 0x00]).map(|packet| packet.protocol), Ok(0x0600));
        assert!((1..8).all(|version| parse(0, version) == Err(Error::Malformed)));
        assert_eq!(parse(0x0f, 0x80), Ok(0), "other reserved bits do not matter");
    }

    #[test]
    fn a_written_header_is_read_back() {
        for key in [None, Some(([1, 2, 3, 4], false)), Some(([1, 2, 3, 4], true))] {
            for version in 0..=2 {
                let header = Header { version, protocol: protocol::VSF, key, sequence: 0x0102_0304 };
                let mut out = [0; Header::MAX_LEN];
                let len = header.write(&mut out);
                let packet = Packet::parse(&out[..len]).expect("our own header");
                assert_eq!((packet.version, packet.protocol), (version, protocol::VSF));
                assert_eq!(packet.nonce.map(|nonce| (nonce, packet.aes_256)), key);
                assert_eq!((packet.sequence, packet.body), (Some(0x0102_0304), &[][..]));
            }
        }
    }
}
