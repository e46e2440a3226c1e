//! The frame that all RTCP packets share: version, count, packet type, length (RFC 3550 §6.1).

use crate::wire::bytes::{Reader, strip_padding};
use crate::wire::{Error, Result};

/// One packet of a compound.
pub(super) struct Packet<'a> {
    /// Low five bits of the first octet: a count, a subtype or a format.
    pub(super) count: u8,
    pub(super) packet_type: u8,
    /// What follows the first word, without padding.
    pub(super) body: &'a [u8],
}

impl<'a> Packet<'a> {
    /// Splits the first packet off a compound; also returns what comes after it.
    pub(super) fn split(compound: &'a [u8]) -> Result<(Self, &'a [u8])> {
        let mut reader = Reader::new(compound);
        let first = reader.u8()?;
        let packet_type = reader.u8()?;
        let words = usize::from(reader.u16()?);
        if first >> 6 != 2 {
            return Err(Error::Malformed);
        }
        let padded = reader.take(words * 4)?;
        let body = if first & 0x20 == 0 { padded } else { strip_padding(padded)? };
        Ok((Self { count: first & 0x1f, packet_type, body }, reader.rest()))
    }
}

/// Appends a packet. A body that is not whole words is filled up with zeros, and one that no length
/// field can express is cut: callers keep well below that.
pub(super) fn append(out: &mut Vec<u8>, count: u8, packet_type: u8, body: impl FnOnce(&mut Vec<u8>)) {
    let start = out.len();
    out.extend_from_slice(&[0x80 | count, packet_type, 0, 0]);
    body(out);
    let words = (out.len() - start).div_ceil(4) - 1;
    let words = u16::try_from(words).unwrap_or(u16::MAX);
    out.resize(start + 4 + usize::from(words) * 4, 0);
    if let Some(length) = out.get_mut(start + 2..start + 4) {
        length.copy_from_slice(&words.to_be_bytes());
    }
}

pub(super) fn put_u16(out: &mut Vec<u8>, value: u16) {
    out.extend_from_slice(&value.to_be_bytes());
}

pub(super) fn put_u32(out: &mut Vec<u8>, value: u32) {
    out.extend_from_slice(&value.to_be_bytes());
}

pub(super) fn put_u64(out: &mut Vec<u8>, value: u64) {
    out.extend_from_slice(&value.to_be_bytes());
}
