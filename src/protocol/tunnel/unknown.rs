//! Nonces of a known peer that have no key yet. Whoever forges its address may send thousands; the real one is the
//! one that keeps coming.

use crate::crypto::psk::{KeySize, Nonce};
use crate::protocol::time::{Span, Time};
use std::collections::VecDeque;

/// Nonces kept apart.
const MOST_NONCES: usize = 8;
/// Packets that wait for a key, and their octets.
const MOST_WAITING: usize = 128;
const MOST_OCTETS: usize = 192 * 1024;
/// Longest wait: a key is derived in a millisecond or so.
const PATIENCE: Span = Span::from_millis(500);
/// Derivations that opened nothing before the next ones are spaced (libRIST 0.2.19: strikes, then 10 ms).
const STRIKES: u32 = 2;
const SPACING: Span = Span::from_millis(10);

#[derive(Debug, Clone, Copy)]
struct Seen {
    name: (Nonce, KeySize),
    times: u32,
    last: Time,
}

/// A packet that waits.
#[derive(Debug)]
pub(in crate::protocol) struct Awaited {
    name: (Nonce, KeySize),
    since: Time,
    pub(in crate::protocol) datagram: Vec<u8>,
}

#[derive(Debug, Default)]
pub(in crate::protocol) struct Unknown {
    seen: Vec<Seen>,
    waiting: VecDeque<Awaited>,
    octets: usize,
    deriving: Option<(Nonce, KeySize)>,
    strikes: u32,
    not_before: Option<Time>,
}

impl Unknown {
    /// A packet with an unknown nonce has come.
    pub(in crate::protocol) fn came(&mut self, now: Time, name: (Nonce, KeySize), datagram: &[u8]) {
        match self.seen.iter_mut().find(|seen| seen.name == name) {
            Some(seen) => (seen.times, seen.last) = (seen.times.saturating_add(1), now),
            None => {
                if self.seen.len() >= MOST_NONCES {
                    let least = self.seen.iter().enumerate().min_by_key(|(_, seen)| (seen.times, seen.last));
                    if let Some((place, _)) = least {
                        self.seen.swap_remove(place);
                    }
                }
                self.seen.push(Seen { name, times: 1, last: now });
            }
        }
        while let Some(first) = self.waiting.front()
            && (now.since(first.since) > PATIENCE
                || self.waiting.len() >= MOST_WAITING
                || self.octets + datagram.len() > MOST_OCTETS)
        {
            let gone = self.waiting.pop_front().map_or(0, |first| first.datagram.len());
            self.octets -= gone;
        }
        self.octets += datagram.len();
        self.waiting.push_back(Awaited { name, since: now, datagram: datagram.to_vec() });
    }

    /// The nonce whose key is to be derived next, one at a time: the one that came most often.
    pub(in crate::protocol) fn next(&mut self, now: Time) -> Option<(Nonce, KeySize)> {
        if self.deriving.is_some() || self.not_before.is_some_and(|at| now < at) {
            return None;
        }
        let place = (0..self.seen.len()).max_by_key(|place| (self.seen[*place].times, self.seen[*place].last))?;
        let name = self.seen.swap_remove(place).name;
        self.deriving = Some(name);
        Some(name)
    }

    /// The derivation is over: the packets that waited for it, in order.
    pub(in crate::protocol) fn derived(&mut self, name: (Nonce, KeySize)) -> Vec<Awaited> {
        if self.deriving == Some(name) {
            self.deriving = None;
        }
        self.seen.retain(|seen| seen.name != name);
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

    fn name(number: u32) -> (Nonce, KeySize) {
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
                unknown.came(at(ms), name(forged), &[0; 100]);
            }
            unknown.came(at(ms), name(7), &[1; 1300]);
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
            unknown.came(Time::from_ticks(1), name(number), &[0; 1500]);
        }
        assert!(unknown.waiting.len() <= MOST_WAITING && unknown.octets <= MOST_OCTETS);
        assert_eq!(unknown.seen.len(), MOST_NONCES);
    }

    #[test]
    fn keys_that_open_nothing_are_spaced() {
        let mut unknown = Unknown::default();
        let start = Time::from_ticks(1 << 60);
        let mut derivations = 0;
        for tenth in 0..10_000 {
            let now = start + Span::from_micros(tenth * 100);
            unknown.came(now, name(tenth), &[0; 100]);
            if let Some(next) = unknown.next(now) {
                derivations += 1;
                unknown.derived(next);
                unknown.judged(now, false);
            }
        }
        assert!(derivations <= 105, "{derivations} in a second");
    }
}
