//! Encryption of what we send: the key in use, the next one, and when to change (TR-06-2:2022 §7).

use crate::crypto::aead::{self, HASH_LEN};
use crate::crypto::psk::{Cipher, KeySize, Nonce, counter_block};
use crate::crypto::secret::Secret;
use crate::protocol::config::PskMode;
use crate::protocol::entropy::{Entropy, NoEntropy};
use crate::protocol::job::Keys;
use crate::protocol::time::{Span, Time};
use std::collections::{BTreeSet, VecDeque};
use std::fmt;

/// A sequence number must not come twice under one key; there are 2³² of them. A new key is due long before.
const MOST_USES: u64 = 1 << 31;
/// A key lasts for so long at least, however few packets it is meant for: who receives has to derive each.
const LEAST_LIFE: Span = Span::from_millis(100);
/// Nonces remembered. One that comes again after so many is harmless: the sequence goes on over all keys, so its key
/// stream is another one until 2³² packets later.
const MOST_NONCES: usize = 65_536;
/// First bit of a nonce: it belongs to the odd passphrase.
const ODD: u8 = 0x80;

#[derive(Debug)]
struct Key {
    nonce: Nonce,
    keys: Keys,
    uses: u64,
    /// `None`: it is to be replaced however young it is.
    since: Option<Time>,
}

/// The nonces we have taken, and in which order.
#[derive(Default)]
struct Used {
    nonces: BTreeSet<Nonce>,
    order: VecDeque<Nonce>,
}

impl Used {
    /// False: it is there already.
    fn insert(&mut self, nonce: Nonce) -> bool {
        let new = self.nonces.insert(nonce);
        if new {
            self.order.push_back(nonce);
        }
        if self.order.len() > MOST_NONCES {
            let oldest = self.order.pop_front();
            oldest.map(|oldest| self.nonces.remove(&oldest));
        }
        new
    }
}

impl fmt::Debug for Used {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.nonces.fmt(formatter)
    }
}

/// A key to be derived for us.
#[derive(Debug)]
pub(in crate::protocol) struct Wanted {
    pub(in crate::protocol) passphrase: Secret,
    pub(in crate::protocol) nonce: Nonce,
    pub(in crate::protocol) size: KeySize,
    pub(in crate::protocol) mode: PskMode,
}

/// How one packet is to be encrypted.
#[derive(Debug)]
pub(in crate::protocol) struct Sealed {
    pub(in crate::protocol) nonce: Nonce,
    pub(in crate::protocol) aes_256: bool,
    mode: PskMode,
    pub(in crate::protocol) sequence: u32,
    key: SealKey,
}

#[derive(Debug)]
enum SealKey {
    Counter(Cipher),
    Authenticated(aead::Key),
}

impl Sealed {
    pub(in crate::protocol) fn encrypt(&self, octets: &mut [u8]) {
        if let SealKey::Counter(cipher) = &self.key {
            cipher.apply(&counter_block(self.sequence), octets);
        }
    }

    /// The PSK mode of an Advanced packet that is sealed so.
    pub(in crate::protocol) fn mode(&self) -> u8 {
        self.mode as u8
    }

    /// Seals the body of an Advanced packet. `head` is what stands before it; a hash goes to `hash_at`. False: it must not
    /// be sent, as it could not be sealed.
    pub(in crate::protocol) fn seal(&self, head: &mut [u8], hash_at: usize, body: &mut [u8]) -> bool {
        let SealKey::Authenticated(key) = &self.key else {
            self.encrypt(body);
            return true;
        };
        let hash = key.seal(self.sequence, head, body);
        match (hash, head.get_mut(hash_at..hash_at + HASH_LEN)) {
            (Some(hash), Some(place)) => {
                place.copy_from_slice(&hash);
                true
            }
            _ => false,
        }
    }
}

#[derive(Debug)]
pub(in crate::protocol) struct Lock {
    passphrase: Secret,
    size: KeySize,
    /// Of Advanced media. What authenticates has nonces and numbers of its own: a block of AES-CTR under the same key could
    /// give away what it authenticates with.
    mode: PskMode,
    media: Option<Box<Lock>>,
    odd: bool,
    /// Packets under one key; a new key is taken when they are used up.
    rotation: u64,
    sequence: u32,
    current: Option<Key>,
    next: Option<Key>,
    /// The nonce whose key is being derived.
    deriving: Option<Nonce>,
    used: Used,
}

impl Lock {
    /// `rotation` 0: only when the sequence numbers demand it.
    pub(in crate::protocol) fn new(passphrase: Secret, size: KeySize, mode: PskMode, rotation: u32) -> Self {
        let mut lock = Self::of(passphrase.clone(), size, PskMode::Ctr, rotation);
        if mode != PskMode::Ctr {
            lock.media = Some(Box::new(Self::of(passphrase, size, mode, rotation)));
        }
        lock
    }

    fn of(passphrase: Secret, size: KeySize, mode: PskMode, rotation: u32) -> Self {
        let rotation = match rotation {
            0 => MOST_USES,
            packets => u64::from(packets).min(MOST_USES),
        };
        Self {
            passphrase,
            size,
            mode,
            media: None,
            odd: false,
            rotation,
            sequence: 0,
            current: None,
            next: None,
            deriving: None,
            used: Used::default(),
        }
    }

    pub(in crate::protocol) fn is_ready(&self) -> bool {
        self.current.is_some() && self.media.as_ref().is_none_or(|media| media.is_ready())
    }

    pub(in crate::protocol) fn is_own(&self, nonce: Nonce) -> bool {
        self.used.nonces.contains(&nonce) || self.media.as_ref().is_some_and(|media| media.is_own(nonce))
    }

    /// The nonce that follows the one in use, once its key is there.
    pub(in crate::protocol) fn next_nonce(&self) -> Option<(Nonce, KeySize)> {
        let of_media = self.media.as_deref().unwrap_or(self);
        of_media.next.as_ref().map(|key| (key.nonce, self.size))
    }

    /// From the next key on another passphrase is used, and the first bit of the nonce says so.
    pub(in crate::protocol) fn change(&mut self, passphrase: Secret) {
        if self.passphrase == passphrase {
            return;
        }
        if let Some(media) = &mut self.media {
            media.change(passphrase.clone());
        }
        self.passphrase = passphrase;
        self.odd = !self.odd;
        (self.next, self.deriving) = (None, None);
        if let Some(current) = &mut self.current {
            // The old key serves until the new one is there.
            current.uses = current.uses.max(self.rotation);
            current.since = None;
        }
    }

    /// Whether one is missing or the current one is half used up, and none is on the way.
    pub(in crate::protocol) fn wants_key(&self, now: Time) -> bool {
        self.wants_own_key(now) || self.media.as_ref().is_some_and(|media| media.wants_own_key(now))
    }

    fn wants_own_key(&self, now: Time) -> bool {
        let lived = |key: &Key| key.since.is_none_or(|since| now.since(since) >= LEAST_LIFE);
        let old = |key: &Key| key.uses >= self.rotation / 2 && lived(key);
        self.current.as_ref().is_none_or(old) && self.next.is_none() && self.deriving.is_none()
    }

    /// The key to derive now, if one is wanted. Answered by `derived`.
    pub(in crate::protocol) fn wanted(
        &mut self,
        now: Time,
        entropy: &mut Entropy,
    ) -> Result<Option<Wanted>, NoEntropy> {
        let mut media = self.media.take();
        let wanted = if self.wants_own_key(now) {
            self.take_nonce(entropy, media.as_deref()).map(Some)
        } else if let Some(media) = media.as_deref_mut().filter(|media| media.wants_own_key(now)) {
            media.take_nonce(entropy, Some(self)).map(Some)
        } else {
            Ok(None)
        };
        self.media = media;
        wanted
    }

    fn take_nonce(&mut self, entropy: &mut Entropy, other: Option<&Lock>) -> Result<Wanted, NoEntropy> {
        let nonce = self.fresh_nonce(entropy, other)?;
        self.deriving = Some(nonce);
        Ok(Wanted { passphrase: self.passphrase.clone(), nonce, size: self.size, mode: self.mode })
    }

    /// Random, never zero, none of the last [`MOST_NONCES`], nor of the other lock's: under one nonce both would have one key.
    fn fresh_nonce(&mut self, entropy: &mut Entropy, other: Option<&Lock>) -> Result<Nonce, NoEntropy> {
        let taken = |nonce: &Nonce| other.is_some_and(|other| other.used.nonces.contains(nonce));
        loop {
            let mut nonce: Nonce = entropy.octets()?;
            nonce[0] = (nonce[0] & !ODD) | if self.odd { ODD } else { 0 };
            if nonce != [0; 4] && !taken(&nonce) && self.used.insert(nonce) {
                return Ok(nonce);
            }
        }
    }

    /// True when packets can be sent now and could not before.
    pub(in crate::protocol) fn derived(&mut self, now: Time, nonce: Nonce, keys: Keys) -> bool {
        let was_ready = self.is_ready();
        if self.deriving != Some(nonce) {
            if let Some(media) = &mut self.media {
                media.derived(now, nonce, keys);
            }
            return !was_ready && self.is_ready();
        }
        self.deriving = None;
        let key = Key { nonce, keys, uses: 0, since: Some(now) };
        match &mut self.current {
            None => self.current = Some(key),
            Some(_) => self.next = Some(key),
        }
        !was_ready && self.is_ready()
    }

    /// The same as `seal`, for an Advanced packet.
    pub(in crate::protocol) fn seal_media(&mut self, now: Time) -> Option<Sealed> {
        match &mut self.media {
            Some(media) => media.seal(now),
            None => self.seal(now),
        }
    }

    /// Takes a sequence number for one packet; `None` while there is no key.
    pub(in crate::protocol) fn seal(&mut self, now: Time) -> Option<Sealed> {
        let used_up = self.current.as_ref().is_some_and(|key| key.uses >= self.rotation);
        if used_up && self.next.is_some() {
            self.current = self.next.take().map(|key| Key { since: Some(now), ..key });
            // The other side keeps a window of them that does not wrap, for each key.
            self.sequence = if self.mode == PskMode::Ctr { self.sequence } else { 0 };
        }
        let key = self.current.as_mut().filter(|key| key.uses <= u64::from(u32::MAX))?;
        let seal_key = match self.mode {
            PskMode::Ctr => SealKey::Counter(key.keys.cipher.clone()),
            _ => SealKey::Authenticated(key.keys.authenticated.clone()?),
        };
        key.uses += 1;
        let sequence = self.sequence;
        self.sequence = sequence.wrapping_add(1);
        let aes_256 = self.size == KeySize::Aes256;
        Some(Sealed { nonce: key.nonce, aes_256, mode: self.mode, sequence, key: seal_key })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entropy() -> Entropy {
        let mut state = 1u32;
        Entropy::new(move |out| {
            for octet in out {
                state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
                *octet = (state >> 24) as u8;
            }
            true
        })
    }

    /// The monotonic clock is counted from 1970, so that it is in the second half of an era.
    fn at(ms: u32) -> Time {
        Time::from_ticks(0x83AA_7E80 << 32) + Span::from_millis(ms)
    }

    fn derive(now: Time, lock: &mut Lock, entropy: &mut Entropy) -> Option<Nonce> {
        let wanted = lock.wanted(now, entropy).expect("entropy")?;
        lock.derived(now, wanted.nonce, Keys::derive(&wanted.passphrase, wanted.nonce, wanted.size, wanted.mode));
        Some(wanted.nonce)
    }

    #[test]
    fn a_key_lasts_for_its_packets_and_the_sequence_goes_on() {
        let (mut entropy, mut nonces) = (entropy(), Vec::new());
        let mut lock = Lock::new(Secret::new(b"abc"), KeySize::Aes128, PskMode::Ctr, 10);
        assert!(lock.seal(at(0)).is_none());
        for sequence in 0..100 {
            let now = at(sequence * 20);
            derive(now, &mut lock, &mut entropy);
            let sealed = lock.seal(now).expect("there is a key");
            assert_eq!(sealed.sequence, sequence);
            nonces.push(sealed.nonce);
        }
        let changes = nonces.windows(2).filter(|pair| pair[0] != pair[1]).count();
        assert_eq!(changes, 9);
        assert!(nonces.iter().all(|nonce| nonce[0] & 0x80 == 0 && *nonce != [0; 4]));
        nonces.dedup();
        let distinct: BTreeSet<_> = nonces.iter().collect();
        assert_eq!(distinct.len(), nonces.len());
        assert!(lock.is_own(nonces[0]));
    }

    #[test]
    fn the_oldest_nonces_are_forgotten_first() {
        let mut entropy = entropy();
        let mut lock = Lock::new(Secret::new(b"abc"), KeySize::Aes128, PskMode::Ctr, 0);
        let nonces: Vec<_> =
            (0..MOST_NONCES + 9).map(|_| lock.fresh_nonce(&mut entropy, None).expect("entropy")).collect();
        let (forgotten, kept) = nonces.split_at(9);
        assert!(!forgotten.iter().any(|nonce| lock.is_own(*nonce)));
        assert!(kept.iter().all(|nonce| lock.is_own(*nonce)));
    }

    /// A system whose randomness repeats itself, each time once.
    #[test]
    fn no_nonce_is_that_of_the_tunnel_and_of_media() {
        let mut asked = 0u32;
        let mut entropy = Entropy::new(move |out| {
            asked += 1;
            out.iter_mut().zip((asked / 2 + 1).to_be_bytes()).for_each(|(octet, from)| *octet = from);
            true
        });
        let mut lock = Lock::new(Secret::new(b"abc"), KeySize::Aes256, PskMode::Gcm, 4);
        let mut nonces = Vec::new();
        for step in 0..50 {
            let now = at(step * 100);
            nonces.extend(derive(now, &mut lock, &mut entropy));
            nonces.extend(derive(now, &mut lock, &mut entropy));
            (0..3).for_each(|_| assert!(lock.seal(now).is_some() && lock.seal_media(now).is_some()));
        }
        let all = nonces.len();
        nonces.sort_unstable();
        nonces.dedup();
        assert!(all > 20 && nonces.len() == all, "{} of {all}", nonces.len());
    }

    #[test]
    fn the_sequence_comes_round_and_nothing_is_encrypted_alike() {
        let (mut entropy, mut seen) = (entropy(), BTreeSet::new());
        let mut lock = Lock::new(Secret::new(b"abc"), KeySize::Aes128, PskMode::Ctr, 40);
        lock.sequence = u32::MAX - 49;
        for step in 0..100 {
            let now = at(step * 20);
            derive(now, &mut lock, &mut entropy);
            let sealed = lock.seal(now).expect("there is a key");
            assert_eq!(sealed.sequence, step.wrapping_sub(50));
            assert!(seen.insert((sealed.nonce, sealed.sequence)), "{step}");
        }
    }

    #[test]
    fn a_late_key_does_not_stop_the_packets() {
        let mut entropy = entropy();
        let mut lock = Lock::new(Secret::new(b"abc"), KeySize::Aes256, PskMode::Ctr, 4);
        derive(at(0), &mut lock, &mut entropy);
        let first = (0..20).filter_map(|_| lock.seal(at(1))).map(|sealed| sealed.nonce).collect::<BTreeSet<_>>();
        assert_eq!(first.len(), 1);
        assert_eq!(derive(at(99), &mut lock, &mut entropy), None);
        derive(at(100), &mut lock, &mut entropy);
        assert!(lock.seal(at(100)).is_some_and(|sealed| !first.contains(&sealed.nonce)));
    }

    #[test]
    fn another_passphrase_turns_the_first_bit() {
        let mut entropy = entropy();
        let mut lock = Lock::new(Secret::new(b"abc"), KeySize::Aes256, PskMode::Ctr, 0);
        assert!(derive(at(0), &mut lock, &mut entropy).is_some());
        let old = lock.seal(at(1)).map(|sealed| sealed.nonce[0] & ODD);
        lock.change(Secret::new(b"abd"));
        assert_eq!(lock.seal(at(2)).map(|sealed| sealed.nonce[0] & ODD), old);
        derive(at(3), &mut lock, &mut entropy);
        assert_eq!(lock.seal(at(4)).map(|sealed| sealed.nonce[0] & ODD), Some(ODD));
    }

    #[test]
    fn without_randomness_there_is_no_key() {
        let mut lock = Lock::new(Secret::new(b"abc"), KeySize::Aes256, PskMode::Ctr, 0);
        assert!(lock.wanted(at(0), &mut Entropy::new(|_| false)).is_err());
        assert!(lock.seal(at(0)).is_none());
    }
}
