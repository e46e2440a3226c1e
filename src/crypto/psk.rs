//! The pre-shared key of the Main profile: PBKDF2 and AES in counter mode (TR-06-2:2022 §7, Annex B).

use super::secret::Secret;
use aes::cipher::consts::U16;
use aes::cipher::inout::InOutBuf;
use aes::cipher::{BlockCipher, BlockEncryptMut, BlockSizeUser, InnerIvInit, KeyInit, StreamCipherCore};
use aes::{Aes128, Aes192, Aes256};
use ctr::CtrCore;
use ctr::flavors::Ctr64BE;
use sha2::Sha256;
use std::sync::Arc;
use zeroize::Zeroizing;

/// Rounds of PBKDF2 (TR-06-2:2022 §7.2).
pub(super) const ROUNDS: u32 = 1024;

/// Length of an AES key. 192 bits can be configured in libRIST, but not signalled on the wire.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum KeySize {
    Aes128,
    Aes192,
    Aes256,
}

impl KeySize {
    /// 128, 192 or 256.
    pub fn bits(self) -> u16 {
        self.octets() as u16 * 8
    }

    pub(super) fn octets(self) -> usize {
        match self {
            KeySize::Aes128 => 16,
            KeySize::Aes192 => 24,
            KeySize::Aes256 => 32,
        }
    }
}

/// The salt of a key, as it stands in the GRE header. Never all zero on the wire.
pub type Nonce = [u8; 4];

/// An expanded key, ready to encrypt and decrypt. A clone shares it.
#[derive(Clone)]
pub enum Cipher {
    Aes128(Arc<Aes128>),
    Aes192(Arc<Aes192>),
    Aes256(Arc<Aes256>),
}

impl std::fmt::Debug for Cipher {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Cipher(…)")
    }
}

impl Cipher {
    /// Derives the key of a nonce. Takes hundreds of microseconds: not for the thread that serves media.
    pub fn derive(passphrase: &Secret, nonce: Nonce, size: KeySize) -> Self {
        let mut key = Zeroizing::new([0u8; 32]);
        let key = &mut key[..size.octets()];
        pbkdf2::pbkdf2_hmac::<Sha256>(passphrase.octets(), &nonce, ROUNDS, key);
        Self::from_key(key)
    }

    pub(super) fn from_key(key: &[u8]) -> Self {
        match key.len() {
            16 => Cipher::Aes128(Arc::new(Aes128::new(key.into()))),
            24 => Cipher::Aes192(Arc::new(Aes192::new(key.into()))),
            _ => Cipher::Aes256(Arc::new(Aes256::new(key.into()))),
        }
    }

    /// Encrypts or decrypts in place.
    pub fn apply(&self, counter: &[u8; 16], octets: &mut [u8]) {
        self.convert(counter, octets.into());
    }

    /// Encrypts or decrypts `octets` into `out`, which then holds nothing else.
    pub fn apply_into(&self, counter: &[u8; 16], octets: &[u8], out: &mut Vec<u8>) {
        out.resize(octets.len(), 0);
        if let Ok(both) = InOutBuf::new(octets, out) {
            self.convert(counter, both);
        }
    }

    fn convert(&self, counter: &[u8; 16], octets: InOutBuf<'_, '_, u8>) {
        match self {
            Cipher::Aes128(aes) => apply(&**aes, counter, octets),
            Cipher::Aes192(aes) => apply(&**aes, counter, octets),
            Cipher::Aes256(aes) => apply(&**aes, counter, octets),
        }
    }
}

/// The cipher is borrowed: its key schedule is made once for a nonce, not for each packet. Only the last 64 bits count:
/// they begin below 256, and no packet has so many blocks.
fn apply<'a, C>(cipher: &'a C, counter: &[u8; 16], octets: InOutBuf<'_, '_, u8>)
where
    &'a C: BlockEncryptMut + BlockCipher + BlockSizeUser<BlockSize = U16>,
{
    let core = CtrCore::<&'a C, Ctr64BE>::inner_iv_init(cipher, counter.into());
    core.apply_keystream_partial(octets);
}

/// The first counter block of a packet: its GRE sequence number, then zeros (RIST GRE version 1 and later).
pub fn counter_block(sequence: u32) -> [u8; 16] {
    let mut block = [0; 16];
    block[..4].copy_from_slice(&sequence.to_be_bytes());
    block
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hex(text: &str) -> Vec<u8> {
        let digit = |index: usize| u8::from_str_radix(&text[index..index + 2], 16).expect("hexadecimal");
        (0..text.len()).step_by(2).map(digit).collect()
    }

    /// TR-06-2:2022 §7.6 with the key of a captured packet: `psk128-0212.hex`, first line.
    #[test]
    fn a_captured_packet_is_read() {
        let cipher = Cipher::derive(&Secret::new(b"mypassphrase"), [0x00, 0xb6, 0x29, 0xe3], KeySize::Aes128);
        let mut octets = hex("c25a6f6b658c082c33941e4a");
        cipher.apply(&counter_block(0), &mut octets);
        assert_eq!(octets, hex("000080000000000000002520"));
        let mut out = vec![7; 100];
        cipher.apply_into(&counter_block(0), &hex("c25a6f6b658c082c33941e4a"), &mut out);
        assert_eq!(out, octets);
        assert_eq!(format!("{cipher:?}"), "Cipher(…)");
    }

    /// Every key of the captures and the example of Annex B: the cipher text of zeros tells keys apart.
    #[test]
    fn keys_are_those_of_the_captures() {
        let table = include_str!("../../tests/vectors/psk-keys.txt");
        let mut checked = 0;
        for line in table.lines().filter(|line| !line.starts_with('#') && !line.is_empty()) {
            let fields: Vec<&str> = line.split_whitespace().collect();
            let [_, passphrase, nonce, bits, key] = fields[..] else { panic!("{line}") };
            let passphrase = passphrase.replace('_', " ");
            let size = if bits == "128" { KeySize::Aes128 } else { KeySize::Aes256 };
            let nonce = Nonce::try_from(hex(nonce)).expect("four octets");
            let derived = Cipher::derive(&Secret::new(passphrase.as_bytes()), nonce, size);
            let (mut one, mut other) = ([0; 40], [0; 40]);
            derived.apply(&counter_block(7), &mut one);
            Cipher::from_key(&hex(key)).apply(&counter_block(7), &mut other);
            assert_eq!(one, other, "{line}");
            checked += 1;
        }
        assert!(checked >= 10, "{checked} keys");
    }
}
