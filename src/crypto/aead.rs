//! The authenticated modes of the Advanced profile's pre-shared key (TR-06-3): 2 to 5.
//!
//! The standard leaves open what the nonce of AES-GCM and ChaCha20-Poly1305 is, and what key the HMAC has. Ours is the one
//! published reading. Mode 2 nobody has published; there the HMAC has the key that it has in mode 3.
//!
//! What is authenticated is the header with zeros in place of the hash, then the body as it travels. An IV must not be
//! used twice under a key: whoever repeats a packet seals it again, under a new one.

use super::psk::{Cipher, KeySize, Nonce, ROUNDS, counter_block};
use super::secret::Secret;
use aes::Aes192;
use aes_gcm::aead::consts::U12;
use aes_gcm::aead::{AeadInPlace, KeyInit};
use aes_gcm::{Aes128Gcm, Aes256Gcm, AesGcm};
use chacha20poly1305::ChaCha20Poly1305;
use hmac::{Hmac, Mac};
use sha2::Sha256;
use std::sync::Arc;
use subtle::ConstantTimeEq;
use zeroize::Zeroizing;

/// Octets of the hash field: a tag, or the beginning of an HMAC.
pub const HASH_LEN: usize = 16;

const HMAC_LABEL: &[u8] = b"rist-adv-aes-ctr-hmac-auth-key";

/// The modes, by their numbers on the wire.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Mode {
    /// Authentication without encryption, and without an IV.
    Hmac = 2,
    CtrHmac = 3,
    Gcm = 4,
    ChaCha20Poly1305 = 5,
}

impl Mode {
    pub fn from_number(number: u8) -> Option<Self> {
        match number {
            2 => Some(Mode::Hmac),
            3 => Some(Mode::CtrHmac),
            4 => Some(Mode::Gcm),
            5 => Some(Mode::ChaCha20Poly1305),
            _ => None,
        }
    }
}

/// The key of one mode and one nonce. A clone shares it.
#[derive(Clone)]
pub struct Key {
    nonce: Nonce,
    scheme: Arc<Scheme>,
}

enum Scheme {
    Hmac(Hmac<Sha256>),
    CtrHmac(Cipher, Hmac<Sha256>),
    Gcm128(Aes128Gcm),
    Gcm192(AesGcm<Aes192, U12>),
    Gcm256(Aes256Gcm),
    ChaCha(ChaCha20Poly1305),
}

impl std::fmt::Debug for Key {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Key(…)")
    }
}

impl Key {
    /// Derives the key of a nonce. Takes hundreds of microseconds. `None`: ChaCha20-Poly1305 has 256 bits and nothing else.
    pub fn derive(mode: Mode, passphrase: &Secret, nonce: Nonce, size: KeySize) -> Option<Self> {
        if mode == Mode::ChaCha20Poly1305 && size != KeySize::Aes256 {
            return None;
        }
        let mut key = Zeroizing::new([0u8; 32]);
        let key = &mut key[..size.octets()];
        pbkdf2::pbkdf2_hmac::<Sha256>(passphrase.octets(), &nonce, ROUNDS, key);
        let scheme = match (mode, size) {
            (Mode::Hmac, _) => Scheme::Hmac(hmac_of(key)?),
            (Mode::CtrHmac, _) => Scheme::CtrHmac(Cipher::from_key(key), hmac_of(key)?),
            (Mode::Gcm, KeySize::Aes128) => Scheme::Gcm128(Aes128Gcm::new_from_slice(key).ok()?),
            (Mode::Gcm, KeySize::Aes192) => Scheme::Gcm192(AesGcm::new_from_slice(key).ok()?),
            (Mode::Gcm, KeySize::Aes256) => Scheme::Gcm256(Aes256Gcm::new_from_slice(key).ok()?),
            (Mode::ChaCha20Poly1305, _) => Scheme::ChaCha(ChaCha20Poly1305::new_from_slice(key).ok()?),
        };
        Some(Self { nonce, scheme: Arc::new(scheme) })
    }

    /// Encrypts the body in place, and returns the hash. `header` is everything before it, with zeros in place of the hash.
    /// In mode 2 the IV does not matter. `None`: the body is longer than the mode can seal, which no datagram is.
    #[must_use]
    pub fn seal(&self, iv: u32, header: &[u8], body: &mut [u8]) -> Option<[u8; HASH_LEN]> {
        let nonce = self.packet_nonce(iv);
        let nonce = (&nonce).into();
        match &*self.scheme {
            Scheme::Hmac(hmac) => Some(hash(hmac, header, body)),
            Scheme::CtrHmac(cipher, hmac) => {
                cipher.apply(&counter_block(iv), body);
                Some(hash(hmac, header, body))
            }
            Scheme::Gcm128(gcm) => gcm.encrypt_in_place_detached(nonce, header, body).ok().map(Into::into),
            Scheme::Gcm192(gcm) => gcm.encrypt_in_place_detached(nonce, header, body).ok().map(Into::into),
            Scheme::Gcm256(gcm) => gcm.encrypt_in_place_detached(nonce, header, body).ok().map(Into::into),
            Scheme::ChaCha(chacha) => chacha.encrypt_in_place_detached(nonce, header, body).ok().map(Into::into),
        }
    }

    /// Decrypts the body in place if the hash is right; otherwise it stays as it is. Whether it was sealed before is
    /// for [`super::replay::Window`] to say, and only afterwards.
    #[must_use]
    pub fn open(&self, iv: u32, header: &[u8], body: &mut [u8], hash: &[u8; HASH_LEN]) -> bool {
        let nonce = self.packet_nonce(iv);
        let (nonce, tag) = ((&nonce).into(), hash.into());
        match &*self.scheme {
            Scheme::Hmac(hmac) => is_right(hmac, header, body, hash),
            Scheme::CtrHmac(cipher, hmac) => {
                let right = is_right(hmac, header, body, hash);
                if right {
                    cipher.apply(&counter_block(iv), body);
                }
                right
            }
            Scheme::Gcm128(gcm) => gcm.decrypt_in_place_detached(nonce, header, body, tag).is_ok(),
            Scheme::Gcm192(gcm) => gcm.decrypt_in_place_detached(nonce, header, body, tag).is_ok(),
            Scheme::Gcm256(gcm) => gcm.decrypt_in_place_detached(nonce, header, body, tag).is_ok(),
            Scheme::ChaCha(chacha) => chacha.decrypt_in_place_detached(nonce, header, body, tag).is_ok(),
        }
    }

    /// The key's nonce, the IV, zeros.
    fn packet_nonce(&self, iv: u32) -> [u8; 12] {
        let ([a, b, c, d], [e, f, g, h]) = (self.nonce, iv.to_be_bytes());
        [a, b, c, d, e, f, g, h, 0, 0, 0, 0]
    }
}

fn hmac_of(key: &[u8]) -> Option<Hmac<Sha256>> {
    let mut derivation = <Hmac<Sha256> as Mac>::new_from_slice(key).ok()?;
    derivation.update(HMAC_LABEL);
    let mut key = Zeroizing::new([0u8; 32]);
    key.copy_from_slice(&derivation.finalize().into_bytes());
    <Hmac<Sha256> as Mac>::new_from_slice(&*key).ok()
}

fn hash(hmac: &Hmac<Sha256>, header: &[u8], body: &[u8]) -> [u8; HASH_LEN] {
    let mut hmac = hmac.clone();
    hmac.update(header);
    hmac.update(body);
    let whole: [u8; 32] = hmac.finalize().into_bytes().into();
    let mut hash = [0; HASH_LEN];
    hash.copy_from_slice(&whole[..HASH_LEN]);
    hash
}

fn is_right(hmac: &Hmac<Sha256>, header: &[u8], body: &[u8], expected: &[u8; HASH_LEN]) -> bool {
    hash(hmac, header, body).ct_eq(expected).into()
}

#[cfg(test)]
mod tests {
    use super::*;

    const MODES: [Mode; 4] = [Mode::Hmac, Mode::CtrHmac, Mode::Gcm, Mode::ChaCha20Poly1305];
    const SIZES: [KeySize; 3] = [KeySize::Aes128, KeySize::Aes192, KeySize::Aes256];

    fn keys() -> impl Iterator<Item = (Mode, KeySize, Key)> {
        let derive = |mode, size| Key::derive(mode, &Secret::new(b"secret"), [1, 2, 3, 4], size);
        let all = MODES.into_iter().flat_map(|mode| SIZES.map(|size| (mode, size)));
        all.filter_map(move |(mode, size)| Some((mode, size, derive(mode, size)?)))
    }

    #[test]
    fn what_was_sealed_is_opened_and_nothing_else() {
        assert_eq!(keys().count(), 3 + 3 + 3 + 1);
        for (mode, size, key) in keys() {
            let clear = *b"a payload of more than one block";
            let mut body = clear;
            let hash = key.seal(7, b"header", &mut body).expect("short");
            assert_eq!(body == clear, mode == Mode::Hmac, "{mode:?} {size:?}");
            let sealed = body;
            let refused = |iv, header: &[u8], mut changed: [u8; 32], hash| {
                let before = changed;
                assert!(!key.open(iv, header, &mut changed, &hash), "{mode:?} {size:?}");
                assert_eq!(changed, before, "decrypted though forged");
            };
            for bit in 0..8 {
                for at in 0..32 {
                    let mut forged = sealed;
                    forged[at] ^= 1 << bit;
                    refused(7, b"header", forged, hash);
                }
                for at in 0..HASH_LEN {
                    let mut forged = hash;
                    forged[at] ^= 1 << bit;
                    refused(7, b"header", sealed, forged);
                }
            }
            refused(7, b"Header", sealed, hash);
            if matches!(mode, Mode::Gcm | Mode::ChaCha20Poly1305) {
                // In the other modes it stands in the header, which the HMAC covers.
                refused(8, b"header", sealed, hash);
            }
            assert!(key.open(7, b"header", &mut body, &hash));
            assert_eq!(body, clear);
            let hash = key.seal(9, b"", &mut []).expect("nothing");
            assert!(key.open(9, b"", &mut [], &hash));
            assert_eq!(format!("{key:?}"), "Key(…)");
        }
    }

    #[test]
    fn keys_of_other_modes_sizes_and_nonces_open_nothing() {
        let all: Vec<_> = keys().collect();
        for (index, (.., key)) in all.iter().enumerate() {
            let mut body = [5; 20];
            let hash = key.seal(1, b"h", &mut body).expect("short");
            for (other, (mode, size, key)) in all.iter().enumerate() {
                // Modes 2 and 3 share their key: the mode stands in the header.
                let same_hmac = index < 6 && other < 6 && index % 3 == other % 3;
                assert_eq!(
                    key.open(1, b"h", &mut body.clone(), &hash),
                    index == other || same_hmac,
                    "{mode:?} {size:?}"
                );
                let nonce = Key::derive(*mode, &Secret::new(b"secret"), [1, 2, 3, 5], *size).expect("as before");
                assert!(!nonce.open(1, b"h", &mut body.clone(), &hash));
            }
        }
    }

    #[test]
    fn numbers_are_those_of_the_wire() {
        for number in 0..=255 {
            assert_eq!(Mode::from_number(number).map(|mode| mode as u8), (2..=5).contains(&number).then_some(number));
        }
    }
}
