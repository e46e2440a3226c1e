//! How a passphrase travels under the key of a login (TR-06-2:2022 §D.7; libRIST 0.2.8 and 0.2.19).

use super::psk::{Cipher, KeySize};
use super::secret::Secret;
use aes_gcm::aead::{Aead, Payload};
use aes_gcm::{Aes256Gcm, KeyInit};
use hkdf::Hkdf;
use sha2::Sha256;
use zeroize::Zeroizing;

/// Longest passphrase that a peer may hand over.
pub const MAX_PASSPHRASE: usize = 128;

const NONCE: usize = 12;
const TAG: usize = 16;

/// Encrypts or decrypts as libRIST before 0.2.19: counter mode, nothing that tells a forgery.
///
/// The key is the beginning of the login's key. TR-06-2 wants the identifier in the first octet of the
/// counter block; libRIST has it in the last.
pub fn apply_counter_mode(key: &Secret, size: KeySize, identifier: u8, text: &[u8]) -> Zeroizing<Vec<u8>> {
    let mut text = Zeroizing::new(text.to_vec());
    let mut block = [0; 16];
    block[15] = identifier;
    Cipher::from_key(&key.octets()[..size.octets().min(key.octets().len())]).apply(&block, &mut text);
    text
}

/// Who sends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Direction {
    /// The authenticatee.
    ToServer,
    /// The authenticator.
    ToClient,
}

impl Direction {
    fn label(self) -> &'static [u8] {
        match self {
            Direction::ToServer => b"RIST-EAP-v4 pass c2s",
            Direction::ToClient => b"RIST-EAP-v4 pass s2c",
        }
    }

    fn key(self, login: &Secret) -> Aes256Gcm {
        let mut key = Zeroizing::new([0u8; 32]);
        let expanded = Hkdf::<Sha256>::from_prk(login.octets()).map(|hkdf| hkdf.expand(self.label(), &mut *key));
        // Both fail by the lengths alone: 32 octets in, as from every login, and 32 out.
        debug_assert!(matches!(expanded, Ok(Ok(()))));
        Aes256Gcm::new((&*key).into())
    }
}

/// What the tag protects besides the passphrase: the EAP header without its length, the flags, the nonce.
fn associated(identifier: u8, flags: u8, nonce: &[u8; NONCE]) -> [u8; 17] {
    let mut data = [0; 17];
    data[..5].copy_from_slice(&[2, identifier, 0x13, 0x10, flags]);
    data[5..].copy_from_slice(nonce);
    data
}

/// Seals passphrases as libRIST 0.2.19. Never uses a nonce twice; a repetition sends the same octets.
pub struct Sealer {
    cipher: Aes256Gcm,
    next: u64,
}

impl Sealer {
    pub fn new(login: &Secret, direction: Direction) -> Self {
        Self { cipher: direction.key(login), next: 0 }
    }

    /// What follows the flags: nonce, cipher text, tag. `None` when the nonces are used up.
    pub fn seal(&mut self, identifier: u8, flags: u8, passphrase: &Secret) -> Option<Vec<u8>> {
        let counter = self.next;
        self.next = counter.checked_add(1)?;
        let mut nonce = [0; NONCE];
        nonce[4..].copy_from_slice(&counter.to_be_bytes());
        let aad = associated(identifier, flags, &nonce);
        let payload = Payload { msg: passphrase.octets(), aad: &aad };
        let sealed = self.cipher.encrypt((&nonce).into(), payload).ok()?;
        Some([&nonce[..], &sealed].concat())
    }
}

/// What a sealed passphrase turned out to be.
#[derive(Debug, PartialEq, Eq)]
pub enum Opened {
    New(Secret),
    /// Sealed before one that we have: a repetition. It may be acknowledged, not used.
    Old,
    /// Not from the other side of the login.
    Forged,
}

/// Opens what the other side sealed.
pub struct Opener {
    cipher: Aes256Gcm,
    last: Option<u64>,
}

impl Opener {
    pub fn new(login: &Secret, direction: Direction) -> Self {
        Self { cipher: direction.key(login), last: None }
    }

    /// `sealed` is what follows the flags.
    pub fn open(&mut self, identifier: u8, flags: u8, sealed: &[u8]) -> Opened {
        let Some((nonce, sealed)) = sealed.split_first_chunk::<NONCE>() else { return Opened::Forged };
        if !(TAG..=TAG + MAX_PASSPHRASE).contains(&sealed.len()) {
            return Opened::Forged;
        }
        let aad = associated(identifier, flags, nonce);
        let Ok(text) = self.cipher.decrypt(nonce.into(), Payload { msg: sealed, aad: &aad }) else {
            return Opened::Forged;
        };
        let text = Zeroizing::new(text);
        let counter = nonce[4..].iter().fold(0u64, |counter, octet| counter << 8 | u64::from(*octet));
        if self.last.is_some_and(|last| counter <= last) {
            return Opened::Old;
        }
        self.last = Some(counter);
        Opened::New(Secret::new(&text))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::crypto::testing::{hex, values};

    /// The passphrase response of `eap-known-a-0212-v3-secret.hex`.
    #[test]
    fn a_captured_passphrase_is_read() {
        let key = Secret::new(&values("eap-known-a-0212-v3-secret.values")["K"]);
        let text = apply_counter_mode(&key, KeySize::Aes256, 0xc1, &hex("ae9cb991e7145cc2b6e53c83"));
        assert_eq!(&text[..], b"mypassphrase");
        let again = apply_counter_mode(&key, KeySize::Aes128, 0xc1, &text);
        assert_eq!(&apply_counter_mode(&key, KeySize::Aes128, 0xc1, &again)[..], b"mypassphrase");
    }

    fn pair() -> (Sealer, Opener) {
        let key = Secret::new(&[0x42; 32]);
        (Sealer::new(&key, Direction::ToClient), Opener::new(&key, Direction::ToClient))
    }

    #[test]
    fn what_is_sealed_opens_once() {
        let (mut sealer, mut opener) = pair();
        let (one, two) = (Secret::new(b"one"), Secret::new(b"two"));
        let first = sealer.seal(0xc1, 0x40, &one).expect("a nonce");
        let second = sealer.seal(0x80, 0x40, &two).expect("a nonce");
        assert_eq!(first.len(), NONCE + 3 + TAG);
        assert_eq!((&first[..NONCE], &second[..NONCE]), (&[0; 12][..], &[0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1][..]));
        assert_eq!(opener.open(0x80, 0x40, &second), Opened::New(two));
        assert_eq!(opener.open(0x80, 0x40, &second), Opened::Old);
        assert_eq!(opener.open(0xc1, 0x40, &first), Opened::Old);
    }

    #[test]
    fn nothing_can_be_changed() {
        let (mut sealer, mut opener) = pair();
        let sealed = sealer.seal(0xc1, 0x40, &Secret::new(b"passphrase")).expect("a nonce");
        for index in 0..sealed.len() {
            let mut forged = sealed.clone();
            forged[index] ^= 1;
            assert_eq!(opener.open(0xc1, 0x40, &forged), Opened::Forged, "octet {index}");
        }
        assert_eq!(opener.open(0xc2, 0x40, &sealed), Opened::Forged);
        assert_eq!(opener.open(0xc1, 0x00, &sealed), Opened::Forged);
        let mut reflected = Opener::new(&Secret::new(&[0x42; 32]), Direction::ToServer);
        assert_eq!(reflected.open(0xc1, 0x40, &sealed), Opened::Forged);
        for length in 0..sealed.len() {
            assert_eq!(opener.open(0xc1, 0x40, &sealed[..length]), Opened::Forged);
        }
        assert!(matches!(opener.open(0xc1, 0x40, &sealed), Opened::New(_)));
    }

    #[test]
    fn a_passphrase_of_129_octets_is_refused() {
        let (mut sealer, mut opener) = pair();
        let longest = sealer.seal(1, 0x40, &Secret::new(&[b'x'; 128])).expect("a nonce");
        let longer = sealer.seal(2, 0x40, &Secret::new(&[b'x'; 129])).expect("a nonce");
        assert!(matches!(opener.open(1, 0x40, &longest), Opened::New(_)));
        assert_eq!(opener.open(2, 0x40, &longer), Opened::Forged);
    }
}
