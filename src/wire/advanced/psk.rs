//! The fields of a pre-shared key in the header (TR-06-3): which there are depends on the mode.

use crate::wire::Result;
use crate::wire::bytes::Reader;

/// Mode and fields. Writing puts zeros where a field of the mode is missing, so `hash: None` is what is to be sealed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Psk {
    /// 0 clear, 1 AES-CTR, 2 HMAC without encryption, 3 both, 4 AES-GCM, 5 ChaCha20-Poly1305, 6 and 7 private.
    pub mode: u8,
    pub hash: Option<[u8; 16]>,
    pub nonce: Option<[u8; 4]>,
    pub iv: Option<u32>,
}

impl Psk {
    pub const HASH_LEN: usize = 16;

    /// AES in counter mode, the only one that libRIST knows.
    #[inline]
    pub fn ctr(nonce: [u8; 4], iv: u32) -> Self {
        Self { mode: 1, hash: None, nonce: Some(nonce), iv: Some(iv) }
    }

    /// Which fields a mode has: hash, nonce, IV. They stand in this order.
    #[inline]
    pub fn fields(mode: u8) -> (bool, bool, bool) {
        (matches!(mode, 2..=5 | 7), matches!(mode, 1..=7), matches!(mode, 1 | 3..=7))
    }

    /// Octets of the fields of a mode.
    #[inline]
    pub fn fields_len(mode: u8) -> usize {
        match mode {
            1 | 6 => 8,
            2 => 20,
            3..=5 | 7 => 24,
            _ => 0,
        }
    }

    /// The mode's bits of flag and parameter octet.
    #[inline]
    pub(super) fn mode_bits(mode: u8) -> (u8, u8) {
        (mode >> 2 & 1, mode << 6)
    }

    #[inline]
    pub(super) fn read(flags: u8, parameters: u8, reader: &mut Reader<'_>) -> Result<Self> {
        let mode = (flags & 1) << 2 | parameters >> 6;
        if mode == 0 {
            return Ok(Self::default());
        }
        let (hash, nonce, iv) = Self::fields(mode);
        let hash = if hash { Some(reader.array()?) } else { None };
        let nonce = if nonce { Some(reader.array()?) } else { None };
        let iv = if iv { Some(reader.u32()?) } else { None };
        Ok(Self { mode, hash, nonce, iv })
    }

    /// Writes the fields to `out[at..]`, and returns where they end.
    #[inline]
    pub(super) fn write(&self, out: &mut [u8], mut at: usize) -> usize {
        let (hash, nonce, iv) = Self::fields(self.mode);
        let mut put = |present: bool, octets: &[u8]| {
            if present && let Some(field) = out.get_mut(at..at + octets.len()) {
                field.copy_from_slice(octets);
                at += octets.len();
            }
        };
        put(hash, &self.hash.unwrap_or_default());
        put(nonce, &self.nonce.unwrap_or_default());
        put(iv, &self.iv.unwrap_or_default().to_be_bytes());
        at
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lengths_agree_with_fields() {
        for mode in 0..8 {
            let (hash, nonce, iv) = Psk::fields(mode);
            let len = usize::from(hash) * 16 + usize::from(nonce) * 4 + usize::from(iv) * 4;
            assert_eq!(Psk::fields_len(mode), len, "mode {mode}");
        }
    }
}
