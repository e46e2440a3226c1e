//! Keys for what we receive: one for each nonce that has been seen, of the passphrases that may be in use.

use crate::crypto::psk::{Cipher, KeySize, Nonce, counter_block};
use crate::crypto::secret::Secret;
use crate::protocol::time::{Span, Time};
use std::collections::HashMap;

/// Keys that have opened nothing yet.
const MOST_DOUBTFUL: usize = 64;
/// Keys that have: many senders behind one listener, each with its last few.
const MOST_PROVEN: usize = 4096;
/// Passphrases: the one in use, the one before, and one learnt from the other side.
const MOST_PASSPHRASES: usize = 3;
/// After a change the old passphrase is still accepted for so long.
const OLD_FOR: Span = Span::from_secs(60);

type Name = (Nonce, KeySize);

#[derive(Debug)]
struct Entry {
    /// One for each passphrase, until a packet shows which.
    ciphers: Vec<Cipher>,
    proven: bool,
    last_used: Time,
}

#[derive(Debug)]
struct Accepted {
    passphrase: Secret,
    until: Option<Time>,
}

/// Why a packet was not opened.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::protocol) enum Refusal {
    /// Its nonce has no key yet.
    Unknown,
    /// No key makes sense of it.
    Noise,
}

#[derive(Debug)]
pub(in crate::protocol) struct Keyring {
    accepted: Vec<Accepted>,
    /// What "not 256 bits" means: 192 can be configured, but not be signalled.
    short: KeySize,
    entries: HashMap<Name, Entry>,
    /// Changes with the passphrases.
    epoch: u32,
}

impl Keyring {
    pub(in crate::protocol) fn new(passphrase: Secret, size: KeySize) -> Self {
        let short = if size == KeySize::Aes192 { KeySize::Aes192 } else { KeySize::Aes128 };
        Self { accepted: vec![Accepted { passphrase, until: None }], short, entries: HashMap::new(), epoch: 0 }
    }

    /// Accepts one more passphrase from now on; those before it for a while.
    pub(in crate::protocol) fn accept(&mut self, now: Time, passphrase: Secret) {
        self.accepted.retain(|accepted| accepted.passphrase != passphrase);
        for accepted in &mut self.accepted {
            accepted.until.get_or_insert(now + OLD_FOR);
        }
        self.accepted.insert(0, Accepted { passphrase, until: None });
        self.changed();
    }

    /// Accepts what the other side encrypts with beside our own, and what it did before for a while.
    pub(in crate::protocol) fn learn(&mut self, now: Time, passphrase: Secret) {
        let known = self.accepted.iter().position(|accepted| accepted.passphrase == passphrase);
        if known == Some(0) {
            return;
        }
        // It may be one of before that was about to end.
        if let Some(place) = known {
            self.accepted.remove(place);
        }
        for accepted in self.accepted.iter_mut().skip(1) {
            accepted.until.get_or_insert(now + OLD_FOR);
        }
        self.accepted.insert(1.min(self.accepted.len()), Accepted { passphrase, until: None });
        if known.is_none() {
            self.changed();
        }
    }

    fn changed(&mut self) {
        self.accepted.truncate(MOST_PASSPHRASES);
        self.entries.retain(|_, entry| entry.proven);
        self.epoch = self.epoch.wrapping_add(1);
    }

    /// What a key may be derived from now, and a mark to add the keys with.
    pub(in crate::protocol) fn passphrases(&mut self, now: Time) -> (Vec<Secret>, u32) {
        self.accepted.retain(|accepted| accepted.until.is_none_or(|until| now < until));
        (self.accepted.iter().map(|accepted| accepted.passphrase.clone()).collect(), self.epoch)
    }

    pub(in crate::protocol) fn size(&self, aes_256: bool) -> KeySize {
        if aes_256 { KeySize::Aes256 } else { self.short }
    }

    /// It has opened a packet.
    pub(in crate::protocol) fn is_proven(&self, name: Name) -> bool {
        self.entries.get(&name).is_some_and(|entry| entry.proven)
    }

    /// Adds derived keys, unless the passphrases have changed meanwhile: then they are derived again when wanted.
    pub(in crate::protocol) fn add(&mut self, now: Time, name: Name, ciphers: Vec<Cipher>, epoch: u32) {
        if epoch != self.epoch {
            return;
        }
        let doubtful = self.entries.values().filter(|entry| !entry.proven).count();
        for (proven, full) in [(false, doubtful >= MOST_DOUBTFUL), (true, self.entries.len() - doubtful >= MOST_PROVEN)]
        {
            let oldest = self.entries.iter().filter(|(_, entry)| entry.proven == proven);
            if full && let Some(oldest) = oldest.min_by_key(|(_, entry)| entry.last_used).map(|(name, _)| *name) {
                self.entries.remove(&oldest);
            }
        }
        self.entries.insert(name, Entry { ciphers, proven: false, last_used: now });
    }

    /// Decrypts `octets` with the key that makes `sense` of them; it is told whether the key has proved itself
    /// before. `scratch` holds the clear text afterwards.
    pub(in crate::protocol) fn open(
        &mut self,
        now: Time,
        name: Name,
        sequence: u32,
        octets: &[u8],
        scratch: &mut Vec<u8>,
        mut sense: impl FnMut(&[u8], bool) -> Sense,
    ) -> Result<(), Refusal> {
        let entry = self.entries.get_mut(&name).ok_or(Refusal::Unknown)?;
        let counter = counter_block(sequence);
        let mut right = None;
        for (index, cipher) in entry.ciphers.iter().enumerate() {
            scratch.clear();
            scratch.extend_from_slice(octets);
            cipher.apply(&counter, scratch);
            match sense(scratch, entry.proven) {
                Sense::None => {}
                Sense::Some => return Ok(()),
                Sense::Proof => {
                    right = Some(index);
                    break;
                }
            }
        }
        let right = right.ok_or(Refusal::Noise)?;
        entry.last_used = now;
        if !entry.proven {
            entry.proven = true;
            let cipher = entry.ciphers.swap_remove(right);
            entry.ciphers = vec![cipher];
        }
        Ok(())
    }
}

/// What a clear text says about the key that made it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::protocol) enum Sense {
    None,
    /// It may be right.
    Some,
    /// Only the right key gives this.
    Proof,
}

#[cfg(test)]
mod tests {
    use super::*;

    const NAME: Name = ([1, 2, 3, 4], KeySize::Aes128);

    fn sealed(passphrase: &[u8], text: &[u8]) -> Vec<u8> {
        let mut octets = text.to_vec();
        Cipher::derive(&Secret::new(passphrase), NAME.0, NAME.1).apply(&counter_block(5), &mut octets);
        octets
    }

    fn derived(ring: &mut Keyring) -> Vec<Cipher> {
        let (passphrases, _) = ring.passphrases(Time::from_ticks(0));
        passphrases.iter().map(|passphrase| Cipher::derive(passphrase, NAME.0, NAME.1)).collect()
    }

    #[test]
    fn the_passphrase_that_makes_sense_is_kept() {
        let now = Time::from_ticks(0);
        let mut ring = Keyring::new(Secret::new(b"old"), KeySize::Aes128);
        ring.accept(now, Secret::new(b"new"));
        let ciphers = derived(&mut ring);
        let mut scratch = Vec::new();
        let sense = |text: &[u8], _| if text == b"text" { Sense::Proof } else { Sense::None };
        let octets = sealed(b"old", b"text");
        assert_eq!(ring.open(now, NAME, 5, &octets, &mut scratch, sense), Err(Refusal::Unknown));
        ring.add(now, NAME, ciphers.clone(), 0);
        assert_eq!(
            ring.open(now, NAME, 5, &octets, &mut scratch, sense),
            Err(Refusal::Unknown),
            "keys of another time"
        );
        ring.add(now, NAME, ciphers, 1);
        assert_eq!(ring.open(now, NAME, 5, b"text", &mut scratch, sense), Err(Refusal::Noise));
        assert_eq!(ring.open(now, NAME, 5, &octets, &mut scratch, sense), Ok(()));
        assert_eq!(scratch, b"text");
        assert_eq!(ring.entries[&NAME].ciphers.len(), 1);
        // The key of the other passphrase is gone, whatever comes.
        assert_eq!(ring.open(now, NAME, 5, &sealed(b"new", b"text"), &mut scratch, sense), Err(Refusal::Noise));
    }

    #[test]
    fn an_old_passphrase_ends() {
        let mut ring = Keyring::new(Secret::new(b"old"), KeySize::Aes256);
        ring.accept(Time::from_ticks(0), Secret::new(b"new"));
        let later = Time::from_ticks(0) + OLD_FOR;
        assert_eq!(ring.passphrases(Time::from_ticks(1)).0.len(), 2);
        assert_eq!(ring.passphrases(later).0, [Secret::new(b"new")]);
    }

    #[test]
    fn a_passphrase_that_comes_back_does_not_end() {
        let mut ring = Keyring::new(Secret::new(b"own"), KeySize::Aes256);
        for text in [b"one", b"two", b"one"] {
            ring.learn(Time::from_ticks(0), Secret::new(text));
        }
        let later = Time::from_ticks(0) + OLD_FOR;
        assert_eq!(ring.passphrases(later).0, [Secret::new(b"own"), Secret::new(b"one")]);
    }

    #[test]
    fn doubtful_keys_do_not_displace_proven_ones() {
        let mut ring = Keyring::new(Secret::new(b"secret"), KeySize::Aes128);
        let mut scratch = Vec::new();
        let ciphers = derived(&mut ring);
        ring.add(Time::from_ticks(0), NAME, ciphers.clone(), 0);
        assert_eq!(ring.open(Time::from_ticks(0), NAME, 5, b"x", &mut scratch, |_, _| Sense::Proof), Ok(()));
        for number in 0..1000u32 {
            ring.add(Time::from_ticks(1), (number.to_be_bytes(), KeySize::Aes256), ciphers.clone(), 0);
        }
        assert_eq!(ring.entries.len(), 1 + MOST_DOUBTFUL);
        assert!(ring.is_proven(NAME));
    }
}
