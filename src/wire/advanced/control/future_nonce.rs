//! The announcement of a key's nonce, for the other side to derive the key before it is needed.

use super::{append, ci};
use crate::wire::bytes::Reader;
use crate::wire::{Error, Result};

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FutureNonce {
    pub nonce: [u8; 4],
    /// Size of the key, which libRIST adds to the message: 128, 192, 256, or 0 where it does not tell.
    pub bits: Option<u16>,
}

impl FutureNonce {
    pub(super) fn read(body: &[u8]) -> Result<Self> {
        let mut reader = Reader::new(body);
        let nonce = reader.array()?;
        if reader.is_empty() {
            return Ok(Self { nonce, bits: None });
        }
        let (bits, _reserved) = (reader.u16()?, reader.u16()?);
        if !reader.is_empty() || !matches!(bits, 0 | 128 | 192 | 256) {
            return Err(Error::Malformed);
        }
        Ok(Self { nonce, bits: Some(bits) })
    }

    /// Without `bits` it is what the standard describes, and libRIST refuses.
    pub fn write(&self, out: &mut Vec<u8>) {
        append(out, ci::FUTURE_NONCE, |out| {
            out.extend_from_slice(&self.nonce);
            if let Some(bits) = self.bits {
                out.extend_from_slice(&bits.to_be_bytes());
                out.extend_from_slice(&[0; 2]);
            }
        });
    }
}

#[cfg(test)]
mod tests {
    use super::super::Message;
    use super::*;

    #[test]
    fn only_keys_that_exist_are_announced() {
        for bits in 0..=u16::MAX {
            let mut out = Vec::new();
            let sent = FutureNonce { nonce: [1, 2, 3, 4], bits: Some(bits) };
            sent.write(&mut out);
            let expected = match bits {
                0 | 128 | 192 | 256 => Ok(Message::FutureNonce(sent)),
                _ => Err(Error::Malformed),
            };
            assert_eq!(Message::parse(&out), expected);
        }
        for len in (0..12u8).filter(|len| ![4, 8].contains(len)) {
            assert!(Message::parse(&[&[0x80, 0x11, 0, len], &[0; 12][..]].concat()).is_err(), "{len} octets");
        }
    }
}
