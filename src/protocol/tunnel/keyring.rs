//! Keys for what we receive: one for each nonce that has been seen, of the passphrases that may be in use.

mod advanced;

pub(in crate::protocol) use advanced::Tagged;

use crate::crypto::psk::{KeySize, Nonce, counter_block};
use crate::crypto::replay::Window;
use crate::crypto::secret::Secret;
use crate::protocol::job::Keys;
use crate::protocol::time::{Span, Time};
use std::collections::BTreeMap;

/// Keys that have opened nothing yet.
const MOST_DOUBTFUL: usize = 64;
/// Keys that have: many senders behind one listener, each with its last few.
const MOST_PROVEN: usize = 4096;
/// Who takes a new key every few packets leaves thousands behind: one that nothing has come under for so long is no
/// longer kept. Should something come after all, it is derived again.
const UNUSED_FOR: Span = Span::from_secs(60);
/// Keys that are no longer kept, of which is remembered what was opened with them.
const MOST_PAST: usize = 65_536;
/// Passphrases: ours and the other side's, and those before them.
const MOST_PASSPHRASES: usize = 4;
/// After a change the old passphrase is still accepted for so long.
const OLD_FOR: Span = Span::from_secs(60);

type Name = (Nonce, KeySize);

#[derive(Debug)]
struct Entry {
    /// One for each passphrase, with its number, until a packet shows which.
    keys: Vec<(u32, Keys)>,
    proven: bool,
    /// The latest packet gave a hint, under this sequence number.
    hint: Option<u32>,
    last_used: Time,
    /// What was opened with the key that authenticates, if anything was.
    window: Option<Box<Window>>,
}

#[derive(Debug)]
struct Accepted {
    /// Keys end with the passphrase that they were derived from.
    number: u32,
    passphrase: Secret,
    /// The other side told it. Who changes one side's passphrase does not change the other's.
    learnt: bool,
    until: Option<Time>,
}

impl Accepted {
    fn counts(&self, now: Time) -> bool {
        self.until.is_none_or(|until| now < until)
    }
}

/// Why a packet was not opened.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::protocol) enum Refusal {
    /// Its nonce has no key yet.
    Unknown,
    /// No key makes sense of it.
    Noise,
    /// It may make sense: the next one will tell.
    Hint,
}

#[derive(Debug)]
pub(in crate::protocol) struct Keyring {
    accepted: Vec<Accepted>,
    numbers: u32,
    /// What "not 256 bits" means: 192 can be configured, but not be signalled.
    short: KeySize,
    entries: BTreeMap<Name, Entry>,
    /// The highest IV that was opened under a key that is no longer kept: it may be derived again.
    past: BTreeMap<Name, u32>,
    /// Changes with the passphrases.
    epoch: u32,
    /// The passphrase that has opened something lately, under nonces whose first bit is clear and set.
    in_use: [Option<u32>; 2],
}

impl Keyring {
    pub(in crate::protocol) fn new(passphrase: Secret, size: KeySize) -> Self {
        let mut keyring = Self::empty(size);
        keyring.put(passphrase, false);
        keyring
    }

    /// Opens nothing before it has learnt something.
    pub(in crate::protocol) fn empty(size: KeySize) -> Self {
        let short = if size == KeySize::Aes192 { KeySize::Aes192 } else { KeySize::Aes128 };
        let (entries, past) = Default::default();
        Self { accepted: Vec::new(), numbers: 0, short, entries, past, epoch: 0, in_use: [None; 2] }
    }

    /// Accepts one more passphrase from now on; our own before it for a while.
    pub(in crate::protocol) fn accept(&mut self, now: Time, passphrase: Secret) {
        self.replace(now, passphrase, false);
    }

    /// Accepts one more passphrase of our own from now on. Only what we send changes with it (libRIST): the other side,
    /// which is told, goes on with what it has until it tells of another.
    pub(in crate::protocol) fn accept_beside(&mut self, now: Time, passphrase: Secret) {
        let theirs_is_known = self.accepted.iter().any(|accepted| accepted.learnt && accepted.until.is_none());
        for accepted in self.accepted.iter_mut().filter(|accepted| !accepted.learnt) {
            match theirs_is_known {
                true => accepted.until = accepted.until.or(Some(now + OLD_FOR)),
                false => accepted.learnt = accepted.until.is_none(),
            }
        }
        self.put(passphrase, false);
        self.changed();
    }

    /// Accepts what the other side encrypts with beside our own, and what it did before for a while.
    pub(in crate::protocol) fn learn(&mut self, now: Time, passphrase: Secret) {
        let known = |accepted: &&Accepted| accepted.passphrase == passphrase && accepted.until.is_none();
        if let Some(known) = self.accepted.iter().find(known) {
            // The other side has ours now: what it had before ends.
            if !known.learnt {
                for accepted in self.accepted.iter_mut().filter(|accepted| accepted.learnt) {
                    accepted.until.get_or_insert(now + OLD_FOR);
                }
            }
            return;
        }
        self.replace(now, passphrase, true);
    }

    fn replace(&mut self, now: Time, passphrase: Secret, learnt: bool) {
        for accepted in self.accepted.iter_mut().filter(|accepted| accepted.learnt == learnt) {
            accepted.until.get_or_insert(now + OLD_FOR);
        }
        self.put(passphrase, learnt);
        self.changed();
    }

    /// In front. One that is there already keeps its keys.
    fn put(&mut self, passphrase: Secret, learnt: bool) {
        let known = self.accepted.iter().position(|accepted| accepted.passphrase == passphrase);
        let number = match known {
            Some(place) => self.accepted.remove(place).number,
            None => {
                self.numbers = self.numbers.wrapping_add(1);
                self.numbers
            }
        };
        self.accepted.insert(0, Accepted { number, passphrase, learnt, until: None });
    }

    fn changed(&mut self) {
        // Those in use first, then those that were used last.
        self.accepted.sort_by_key(|accepted| accepted.until.is_some());
        self.accepted.truncate(MOST_PASSPHRASES);
        // A passphrase that comes back has another number, and its keys are made anew.
        let numbers: Vec<u32> = self.accepted.iter().map(|accepted| accepted.number).collect();
        self.retain(|_, entry| entry.proven && entry.keys.iter().any(|(number, _)| numbers.contains(number)));
        self.epoch = self.epoch.wrapping_add(1);
    }

    /// What a key may be derived from now, and a mark to add the keys with.
    pub(in crate::protocol) fn passphrases(&mut self, now: Time) -> (Vec<Secret>, u32) {
        if self.accepted.iter().any(|accepted| !accepted.counts(now)) {
            self.accepted.retain(|accepted| accepted.counts(now));
            self.changed();
        }
        (self.accepted.iter().map(|accepted| accepted.passphrase.clone()).collect(), self.epoch)
    }

    pub(in crate::protocol) fn size(&self, aes_256: bool) -> KeySize {
        if aes_256 { KeySize::Aes256 } else { self.short }
    }

    /// Its keys have been derived.
    pub(in crate::protocol) fn knows(&self, name: Name) -> bool {
        self.entries.contains_key(&name)
    }

    /// It has opened a packet.
    pub(in crate::protocol) fn is_proven(&self, name: Name) -> bool {
        self.entries.get(&name).is_some_and(|entry| entry.proven)
    }

    /// Adds derived keys, unless the passphrases have changed meanwhile: then they are derived again when wanted.
    pub(in crate::protocol) fn add(&mut self, now: Time, name: Name, keys: Vec<Keys>, epoch: u32) {
        // A key in use stays as it is: somebody may repeat its nonce from elsewhere.
        if epoch != self.epoch || self.is_proven(name) {
            return;
        }
        let keys = self.accepted.iter().map(|accepted| accepted.number).zip(keys).collect();
        self.retain(|_, entry| !entry.proven || now.since(entry.last_used) < UNUSED_FOR);
        let doubtful = self.entries.values().filter(|entry| !entry.proven).count();
        for (proven, full) in [(false, doubtful >= MOST_DOUBTFUL), (true, self.entries.len() - doubtful >= MOST_PROVEN)]
        {
            let oldest = self.entries.iter().filter(|(_, entry)| entry.proven == proven);
            if full && let Some(oldest) = oldest.min_by_key(|(_, entry)| entry.last_used).map(|(name, _)| *name) {
                self.retain(|name, _| *name != oldest);
            }
        }
        let window = self.past.get(&name).map(|highest| Box::new(Window::after(*highest)));
        self.entries.insert(name, Entry { keys, proven: false, hint: None, last_used: now, window });
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
        let (mut right, mut hinted) = (None, false);
        // Whoever knows only a passphrase that was given up has no use for the keys that he made of it.
        let counts = counting(&self.accepted, now);
        for (index, (_, keys)) in entry.keys.iter().enumerate().filter(|(_, (number, _))| counts(*number)) {
            keys.cipher.apply_into(&counter, octets, scratch);
            match sense(scratch, entry.proven) {
                Sense::None => {}
                Sense::Some => {
                    entry.last_used = now;
                    return Ok(());
                }
                Sense::Hint if entry.hint.is_none_or(|before| before == sequence) => hinted = true,
                Sense::Hint | Sense::Proof => {
                    right = Some(index);
                    break;
                }
            }
        }
        let hint = entry.hint.take();
        let Some(right) = right else {
            entry.hint = hint.or(Some(sequence)).filter(|_| hinted);
            return Err(if hinted { Refusal::Hint } else { Refusal::Noise });
        };
        entry.last_used = now;
        if !entry.proven {
            entry.proven = true;
            let keys = entry.keys.swap_remove(right);
            self.in_use[usize::from(name.0[0] >> 7)] = Some(keys.0);
            entry.keys = vec![keys];
        }
        Ok(())
    }
}

/// Which passphrases count, by their numbers.
fn counting(accepted: &[Accepted], now: Time) -> impl Fn(u32) -> bool {
    move |number| accepted.iter().any(|accepted| accepted.number == number && accepted.counts(now))
}

/// What a clear text says about the key that made it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::protocol) enum Sense {
    None,
    /// It may be right.
    Some,
    /// One of 65,536 wrong keys gives this, two in a row none.
    Hint,
    /// Only the right key gives this.
    Proof,
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::crypto::psk::Cipher;

    const NAME: Name = ([1, 2, 3, 4], KeySize::Aes128);

    fn sealed(passphrase: &[u8], text: &[u8]) -> Vec<u8> {
        let mut octets = text.to_vec();
        Cipher::derive(&Secret::new(passphrase), NAME.0, NAME.1).apply(&counter_block(5), &mut octets);
        octets
    }

    fn derived(ring: &mut Keyring) -> Vec<Keys> {
        let (passphrases, _) = ring.passphrases(Time::from_ticks(0));
        passphrases.iter().map(|passphrase| Cipher::derive(passphrase, NAME.0, NAME.1).into()).collect()
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
        assert_eq!(ring.entries[&NAME].keys.len(), 1);
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

    fn derive_all(ring: &mut Keyring, now: Time, name: Name) {
        let (passphrases, epoch) = ring.passphrases(now);
        let ciphers = passphrases.iter().map(|passphrase| Cipher::derive(passphrase, name.0, name.1).into()).collect();
        ring.add(now, name, ciphers, epoch);
    }

    fn opens(ring: &mut Keyring, now: Time, passphrase: &[u8]) -> bool {
        let sense = |text: &[u8], proven| match (text == b"text", proven) {
            (true, _) => Sense::Proof,
            (false, true) => Sense::Some,
            (false, false) => Sense::None,
        };
        ring.open(now, NAME, 5, &sealed(passphrase, b"text"), &mut Vec::new(), sense).is_ok()
    }

    #[test]
    fn keys_end_with_the_passphrase_that_they_were_made_of() {
        let start = Time::from_ticks(1 << 60);
        let mut ring = Keyring::new(Secret::new(b"old"), KeySize::Aes128);
        derive_all(&mut ring, start, NAME);
        assert!(opens(&mut ring, start, b"old"));
        ring.accept(start, Secret::new(b"new"));
        let late = start + OLD_FOR;
        let early = start + OLD_FOR.scaled(1, 2);
        assert!(opens(&mut ring, early, b"old"));
        assert!(!opens(&mut ring, late, b"old"));
        // Nor when it is asked for again.
        ring.passphrases(late);
        assert!(!opens(&mut ring, late, b"old"));
    }

    #[test]
    fn keys_of_a_passphrase_that_comes_back_are_made_anew() {
        let start = Time::from_ticks(1 << 60);
        let late = start + OLD_FOR;
        let mut ring = Keyring::new(Secret::new(b"ours"), KeySize::Aes128);
        ring.learn(start, Secret::new(b"theirs"));
        derive_all(&mut ring, start, NAME);
        assert!(opens(&mut ring, start, b"theirs"));
        ring.learn(start, Secret::new(b"theirs again"));
        ring.passphrases(late);
        ring.learn(late, Secret::new(b"theirs"));
        derive_all(&mut ring, late, NAME);
        assert!(opens(&mut ring, late, b"theirs"));
    }

    #[test]
    fn keys_that_a_sender_has_left_are_forgotten() {
        let start = Time::from_ticks(1 << 60);
        let mut ring = Keyring::new(Secret::new(b"secret"), KeySize::Aes128);
        derive_all(&mut ring, start, NAME);
        for second in 0..200u8 {
            let now = start + Span::from_secs(u32::from(second));
            let name = ([9, 0, 0, second], KeySize::Aes128);
            derive_all(&mut ring, now, name);
            // Another sender keeps its key, and its media gives no proof.
            for name in [name, NAME] {
                let sense = |_: &[u8], proven| if proven { Sense::Some } else { Sense::Proof };
                assert_eq!(ring.open(now, name, 5, b"text", &mut Vec::new(), sense), Ok(()));
            }
            assert!(ring.entries.len() <= 61, "{second}: {}", ring.entries.len());
        }
        assert!(ring.is_proven(NAME) && ring.is_proven(([9, 0, 0, 150], KeySize::Aes128)));
    }

    #[test]
    fn what_one_side_changes_does_not_end_what_the_other_uses() {
        let start = Time::from_ticks(1 << 60);
        let late = start + OLD_FOR.scaled(3, 1);
        let mut ring = Keyring::empty(KeySize::Aes128);
        ring.learn(start, Secret::new(b"theirs"));
        derive_all(&mut ring, start, NAME);
        assert!(opens(&mut ring, start, b"theirs"));
        ring.accept(start, Secret::new(b"ours"));
        ring.accept(start, Secret::new(b"ours again"));
        assert!(opens(&mut ring, late, b"theirs"));
        // There, back again, and word of it.
        ring.learn(late, Secret::new(b"theirs again"));
        ring.learn(late, Secret::new(b"theirs"));
        assert!(opens(&mut ring, late + OLD_FOR.scaled(2, 1), b"theirs"));
        let (accepted, _) = ring.passphrases(late + OLD_FOR);
        assert_eq!(accepted, [Secret::new(b"theirs"), Secret::new(b"ours again")]);
    }

    #[test]
    fn a_key_in_use_is_not_made_doubtful_again() {
        let now = Time::from_ticks(1 << 60);
        let mut ring = Keyring::new(Secret::new(b"old"), KeySize::Aes128);
        derive_all(&mut ring, now, NAME);
        assert!(opens(&mut ring, now, b"old"));
        derive_all(&mut ring, now, NAME);
        assert!(ring.is_proven(NAME));
    }

    #[test]
    fn a_passphrase_that_comes_back_does_not_end() {
        let mut ring = Keyring::new(Secret::new(b"own"), KeySize::Aes256);
        for text in [b"one", b"two", b"one"] {
            ring.learn(Time::from_ticks(0), Secret::new(text));
        }
        let later = Time::from_ticks(0) + OLD_FOR;
        let left = ring.passphrases(later).0;
        assert_eq!(left.len(), 2);
        assert!(left.contains(&Secret::new(b"own")) && left.contains(&Secret::new(b"one")));
    }

    #[test]
    fn what_the_other_side_uses_stays_however_often_ours_changes() {
        let mut ring = Keyring::new(Secret::new(b"theirs"), KeySize::Aes256);
        let at = |seconds| Time::from_ticks(1 << 60) + Span::from_secs(seconds);
        for text in [b"one", b"two", b"six", b"ten"] {
            ring.accept_beside(at(0), Secret::new(text));
        }
        let left = ring.passphrases(at(61)).0;
        assert_eq!(left.len(), 2);
        assert!(left.contains(&Secret::new(b"theirs")) && left.contains(&Secret::new(b"ten")));
        // The other side follows.
        ring.learn(at(62), Secret::new(b"ten"));
        assert_eq!(ring.passphrases(at(123)).0, [Secret::new(b"ten")]);
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
