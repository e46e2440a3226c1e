//! The parameter octet without its key bits: what the payload is, and how it is packed.

use crate::wire::{Error, Result};

/// What the payload is (TR-06-3).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub enum Type {
    /// A whole IPv4 packet.
    Ipv4 = 1,
    /// A whole IPv6 packet.
    Ipv6 = 2,
    /// Source and destination port, then what UDP would carry.
    ReducedUdp = 3,
    /// See [`super::control`].
    Control = 4,
    /// Media and nothing else.
    Direct = 5,
    /// An Ethernet frame without its checksum.
    Ethernet = 6,
    /// A GRE packet (RFC 2784).
    Gre = 7,
    /// A datagram of the Main profile.
    RistGre = 8,
}

impl Type {
    #[inline]
    pub(super) fn from_octet(octet: u8) -> Result<Self> {
        Ok(match octet & 0x0f {
            1 => Type::Ipv4,
            2 => Type::Ipv6,
            3 => Type::ReducedUdp,
            4 => Type::Control,
            5 => Type::Direct,
            6 => Type::Ethernet,
            7 => Type::Gre,
            8 => Type::RistGre,
            _ => return Err(Error::Unsupported),
        })
    }
}

/// Lossless payload compression.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub enum Lpc {
    None = 0,
    /// One block of LZ4 (see [`crate::wire::lz4`]).
    Lz4 = 1,
    /// Whatever the compression field names.
    Field = 3,
}

impl Lpc {
    #[inline]
    pub(super) fn from_octet(octet: u8) -> Result<Self> {
        match octet >> 4 & 3 {
            0 => Ok(Lpc::None),
            1 => Ok(Lpc::Lz4),
            2 => Err(Error::Malformed),
            _ => Ok(Lpc::Field),
        }
    }

    #[inline]
    pub(super) fn bits(self) -> u8 {
        (self as u8) << 4
    }
}
