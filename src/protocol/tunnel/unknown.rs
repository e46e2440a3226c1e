//! Nonces of a known peer that have no key yet. Whoever forges its address may send thousands; the real one is the
//! one that keeps coming.

use super::marks::Marks;
use crate::crypto::psk::{KeySize, Nonce};
use crate::protocol::time::{Span, Time};
use std::collections::VecDeque;

/// Nonces kept apart.
const MOST_NONCES: usize = 64;
/// Packets that wait for a key, and their octets.
const MOST_WAITING: usize = 512;
const MOST_OCTETS: usize = 192 * 1024;
/// The same for a peer that has not shown yet that it is where it says.
const FEW_WAITING: usize = 16;
/// Longest wait: a key is derived in a millisecond or so.
const PATIENCE: Span = Span::from_millis(500);
/// Derivations that opened nothing before the next ones are spaced (libRIST 0.2.19: strikes, then 10 ms).
const STRIKES: u32 = 2;
const SPACING: Span = Span::from_millis(10);
/// One announced nonce is looked into in so long: where announcements are in clear text anybody can make them, and what
/// comes under a nonce asks for its key anyway.
const ANNOUNCED_EVERY: Span = Span::from_millis(50);

type Name = (Nonce, KeySize);

/// A packet that waits.
#[derive(Debug)]
pub(in crate::protocol) struct Awaited {
    name: Name,
    since: Time,
    pub(in crate::protocol) datagram: Vec<u8>,
}

#[derive(Debug, Default)]
pub(in crate::protocol) struct Unknown {
    marks: Marks,
    /// In the order of their coming, and whether they came again.
    nonces: Vec<(Name, bool)>,
    waiting: VecDeque<Awaited>,
    octets: usize,
    deriving: Option<Name>,
    strikes: u32,
    not_before: Option<Time>,
    announced: Option<Time>,
}

impl Unknown {
    /// A packet with an unknown nonce has come.
    pub(in crate::protocol) fn came(&mut self, now: Time, name: Name, datagram: &[u8], proven: bool) {
        let most = if proven { MOST_WAITING } else { FEW_WAITING };
        let again = self.marks.seen(now, &[&name.0]);
        match self.nonces.iter_mut().find(|(known, _)| *known == name) {
            Some((_, came_again)) => *came_again |= again,
            None => {
                if self.nonces.len() >= MOST_NONCES {
                    let least = self.nonces.iter().position(|(_, again)| !again).unwrap_or(0);
                    self.nonces.remove(least);
                }
                self.nonces.push((name, again));
            }
        }
        while let Some(first) = self.waiting.front()
            && (now.since(first.since) > PATIENCE
                || self.waiting.len() >= most
                || self.octets + datagram.len() > MOST_OCTETS)
        {
            let gone = self.waiting.pop_front().map_or(0, |first| first.datagram.len());
            self.octets -= gone;
        }
        self.octets += datagram.len();
        self.waiting.push_back(Awaited { name, since: now, datagram: datagram.to_vec() });
    }

    /// A nonce was announced that nothing has come under yet.
    pub(in crate::protocol) fn expect(&mut self, now: Time, name: Name) {
        if self.nonces.len() < MOST_NONCES
            && self.deriving != Some(name)
            && !self.nonces.iter().any(|(n, _)| *n == name)
            && self.announced.is_none_or(|at| now.since(at) >= ANNOUNCED_EVERY)
        {
            self.announced = Some(now);
            self.nonces.push((name, false));
        }
    }

    /// The nonce whose key is to be derived next, one at a time: one that came again, or the oldest.
    pub(in crate::protocol) fn next(&mut self, now: Time) -> Option<Name> {
        if self.deriving.is_some() || self.not_before.is_some_and(|at| now < at) {
            return None;
        }
        let again = self.nonces.iter().position(|(_, again)| *again);
        let place = again.or((!self.nonces.is_empty()).then_some(0))?;
        let (name, _) = self.nonces.remove(place);
        self.deriving = Some(name);
        Some(name)
    }

    /// The derivation is over: the packets that waited for it, in order.
    pub(in crate::protocol) fn derived(&mut self, name: Name) -> Vec<Awaited> {
        if self.deriving == Some(name) {
            self.deriving = None;
        }
        self.nonces.retain(|(known, _)| *known != name);
        let (mine, others): (Vec<_>, Vec<_>) = self.waiting.drain(..).partition(|awaited| awaited.name == name);
        self.octets = others.iter().map(|awaited| awaited.datagram.len()).sum();
        self.waiting = others.into();
        mine
    }

    /// Whether the key opened anything.
    pub(in crate::protocol) fn judged(&mut self, now: Time, good: bool) {
        self.strikes = if good { 0 } else { self.strikes.saturating_add(1) };
        self.not_before = (self.strikes > STRIKES).then_some(now + SPACING);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn name(number: u32) -> Name {
        (number.to_be_bytes(), KeySize::Aes128)
    }

    #[test]
    fn the_nonce_that_keeps_coming_is_derived_among_forged_ones() {
        let mut unknown = Unknown::default();
        let at = |ms| Time::from_ticks(1 << 60) + Span::from_millis(ms);
        let mut forged = 1000;
        let mut derived = Vec::new();
        for ms in 0..60 {
            for _ in 0..20 {
                forged += 1;
                unknown.came(at(ms), name(forged), &[0; 100], true);
            }
            unknown.came(at(ms), name(7), &[1; 1300], true);
            if let Some(next) = unknown.next(at(ms)) {
                derived.push(next);
                let waited = unknown.derived(next);
                unknown.judged(at(ms), next == name(7));
                if next == name(7) {
                    assert!(waited.iter().all(|awaited| awaited.datagram[0] == 1));
                    assert!(!waited.is_empty());
                    break;
                }
            }
        }
        assert!(derived.contains(&name(7)), "{derived:?}");
        assert!(derived.len() < 10, "{derived:?}");
    }

    #[test]
    fn little_waits() {
        let mut unknown = Unknown::default();
        for number in 0..100_000 {
            unknown.came(Time::from_ticks(1), name(number), &[0; 1500], true);
        }
        assert!(unknown.waiting.len() <= MOST_WAITING && unknown.octets <= MOST_OCTETS);
        assert_eq!(unknown.nonces.len(), MOST_NONCES);
    }

    #[test]
    fn keys_that_open_nothing_are_spaced() {
        let mut unknown = Unknown::default();
        let start = Time::from_ticks(1 << 60);
        let mut derivations = 0;
        for tenth in 0..10_000 {
            let now = start + Span::from_micros(tenth * 100);
            unknown.came(now, name(tenth), &[0; 100], true);
            if let Some(next) = unknown.next(now) {
                derivations += 1;
                unknown.derived(next);
                unknown.judged(now, false);
            }
        }
        assert!(derivations <= 105, "{derivations} in a second");
    }
}
