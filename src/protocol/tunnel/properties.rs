//! What holds for every input, tried with many: no counter twice under a key, and only keys of passphrases that count.

use super::keyring::{Keyring, Refusal, Sense};
use super::lock::Lock;
use crate::crypto::psk::{Cipher, KeySize, Nonce, counter_block};
use crate::crypto::secret::Secret;
use crate::properties::cases;
use crate::protocol::config::PskMode;
use crate::protocol::entropy::Entropy;
use crate::protocol::time::{Span, Time};
use proptest::prelude::*;
use std::collections::{BTreeMap, BTreeSet};

fn entropy(mut state: u32, of_few: bool) -> Entropy {
    Entropy::new(move |out| {
        for octet in out {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            // Of few: the same nonces come again and again, and zeros.
            *octet = (state >> 24) as u8 & if of_few { 0x07 } else { 0xff };
        }
        true
    })
}

/// Deriving takes long and does not matter here.
fn cheap() -> Cipher {
    Cipher::derive(&Secret::new(b"any"), [1; 4], KeySize::Aes128)
}

#[derive(Debug, Clone)]
enum Step {
    Seal(u8),
    /// A key is asked for.
    Want,
    /// The key that was asked for so many times ago is there, or comes again.
    Derived(usize),
    Change(u8),
    Pass(u32),
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        4 => (1u8..20).prop_map(Step::Seal),
        4 => Just(Step::Want),
        4 => (0usize..3).prop_map(Step::Derived),
        1 => (0u8..3).prop_map(Step::Change),
        3 => (0u32..150).prop_map(Step::Pass),
    ]
}

proptest! {
    #![proptest_config(cases(300))]

    #[test]
    fn no_counter_comes_twice_under_a_key(
        steps in prop::collection::vec(step(), 1..150),
        rotation in prop_oneof![0u32..30, Just(u32::MAX)],
        (seed, of_few) in any::<(u32, bool)>(),
    ) {
        let cipher = cheap();
        let mut lock = Lock::new(Secret::new(&[0]), KeySize::Aes256, PskMode::Ctr, rotation);
        let mut entropy = entropy(seed, of_few);
        let mut now = Time::from_ticks(u64::MAX - (5 << 32));
        let mut wanted: Vec<Nonce> = Vec::new();
        let mut used = BTreeSet::new();
        let mut order: Vec<Nonce> = Vec::new();
        let (mut passphrase, mut odd) = (0u8, 0u8);
        for step in steps {
            match step {
                Step::Want => {
                    if let Some(want) = lock.wanted(now, &mut entropy).expect("entropy") {
                        prop_assert_ne!(want.nonce, [0; 4]);
                        prop_assert!(!wanted.contains(&want.nonce), "a nonce twice");
                        prop_assert_eq!(want.passphrase, Secret::new(&[passphrase]));
                        prop_assert_eq!(want.nonce[0] & 0x80, odd);
                        wanted.push(want.nonce);
                    }
                }
                Step::Derived(ago) => {
                    if let Some(nonce) = wanted.iter().rev().nth(ago) {
                        lock.derived(now, *nonce, cipher.clone().into());
                    }
                }
                Step::Change(to) => {
                    odd ^= if to == passphrase { 0 } else { 0x80 };
                    passphrase = to;
                    lock.change(Secret::new(&[to]));
                }
                Step::Pass(ms) => now += Span::from_millis(ms),
                Step::Seal(count) => {
                    for _ in 0..count {
                        let Some(sealed) = lock.seal(now) else { break };
                        prop_assert!(used.insert((sealed.nonce, sealed.sequence)));
                        prop_assert!(wanted.contains(&sealed.nonce) && lock.is_own(sealed.nonce));
                        if order.last() != Some(&sealed.nonce) {
                            prop_assert!(!order.contains(&sealed.nonce), "a key that was left comes back");
                            order.push(sealed.nonce);
                        }
                    }
                    prop_assert_eq!(lock.is_ready(), lock.seal(now).map(|it| used.insert((it.nonce, it.sequence))).is_some());
                }
            }
        }
    }
}

const TEXT: &[u8] = b"a text that no wrong key makes";
const OLD_FOR: Span = Span::from_secs(60);

#[derive(Debug, Clone)]
enum Event {
    /// A packet under this passphrase and the nonce that is its so-manieth.
    Packet(u8, u8),
    /// Ours, theirs.
    Accept(u8),
    Learn(u8),
    Pass(u32),
}

fn event() -> impl Strategy<Value = Event> {
    prop_oneof![
        8 => (0u8..4, 0u8..3).prop_map(|(passphrase, nonce)| Event::Packet(passphrase, nonce)),
        1 => (0u8..3).prop_map(Event::Accept),
        1 => (0u8..3).prop_map(Event::Learn),
        2 => (0u32..50).prop_map(Event::Pass),
    ]
}

/// What every key makes of the text, so that each is derived once.
struct Ciphers(BTreeMap<(u8, Nonce), Cipher>);

impl Ciphers {
    fn of(&mut self, passphrase: u8, nonce: Nonce) -> Cipher {
        let derive = || Cipher::derive(&Secret::new(&[passphrase]), nonce, KeySize::Aes128);
        self.0.entry((passphrase, nonce)).or_insert_with(derive).clone()
    }
}

proptest! {
    #![proptest_config(cases(100))]

    /// Passphrase 3 is nobody's. Each sender has nonces of its own.
    #[test]
    fn what_is_opened_is_what_a_passphrase_that_counts_has_sealed(
        events in prop::collection::vec(event(), 1..80),
        login: bool,
    ) {
        let mut ciphers = Ciphers(BTreeMap::new());
        let mut ring = Keyring::new(Secret::new(&[0]), KeySize::Aes128);
        let mut now = Time::from_ticks(0x83AA_7E80 << 32);
        // Of ours and of theirs: the newest, and when others were replaced last.
        let (mut newest, mut replaced) = ([Some(0u8), None], BTreeMap::<u8, Time>::new());
        let mut scratch = Vec::new();
        for (sequence, event) in (0u32..).zip(events) {
            match event {
                Event::Pass(seconds) => now += Span::from_secs(seconds),
                // Without a login both sides have one passphrase, and nothing is learnt.
                Event::Learn(_) if !login => {}
                Event::Accept(new) | Event::Learn(new) => {
                    replaced.extend(newest.iter().flatten().map(|old| (*old, now)));
                    let secret = Secret::new(&[new]);
                    match (event, login) {
                        (Event::Learn(_), _) => {
                            ring.learn(now, secret);
                            newest[1] = Some(new);
                        }
                        (_, true) => {
                            ring.accept_beside(now, secret);
                            newest = [Some(new), newest[1].or(newest[0])];
                        }
                        (_, false) => {
                            ring.accept(now, secret);
                            newest[0] = Some(new);
                        }
                    }
                }
                Event::Packet(passphrase, nonce) => {
                    let name = ([1, 1, passphrase, nonce], KeySize::Aes128);
                    let mut octets = TEXT.to_vec();
                    ciphers.of(passphrase, name.0).apply(&counter_block(sequence), &mut octets);
                    let mut open = |ring: &mut Keyring| {
                        let sense = |text: &[u8], _| if text == TEXT { Sense::Proof } else { Sense::None };
                        ring.open(now, name, sequence, &octets, &mut scratch, sense)
                    };
                    let mut opened = open(&mut ring);
                    if opened == Err(Refusal::Unknown) {
                        let (passphrases, epoch) = ring.passphrases(now);
                        let derived = passphrases.iter().map(|secret| ciphers.of(secret.octets()[0], name.0).into()).collect();
                        ring.add(now, name, derived, epoch);
                        opened = open(&mut ring);
                    }
                    let current = newest.contains(&Some(passphrase));
                    let lately = replaced.get(&passphrase).is_some_and(|at| now.since(*at) < OLD_FOR);
                    if opened.is_ok() {
                        prop_assert!(current || lately, "{passphrase} was given up");
                        prop_assert_eq!(&scratch, TEXT);
                        prop_assert!(ring.is_proven(name));
                    } else {
                        prop_assert!(!current, "{passphrase} is in use: {opened:?}");
                    }
                }
            }
        }
    }
}
