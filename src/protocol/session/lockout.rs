//! Addresses that guessed passwords wrongly: a login's own count ends with its peer, and a peer with its port.

use crate::protocol::output::PeerId;
use crate::protocol::time::{Span, Time};
use std::collections::HashMap;
use std::net::IpAddr;

/// Wrong passwords of an address before it has to wait, and for how long (libRIST 0.2.16: 3 tries, 30 s).
const TRIES: u32 = 6;
const LOCKED: Span = Span::from_secs(30);
/// Addresses remembered; the longest quiet is forgotten first.
const MOST: usize = 1024;

#[derive(Debug, Clone, Copy)]
struct Wrong {
    times: u32,
    last: Time,
}

#[derive(Debug, Default)]
pub(super) struct Lockout {
    wrong: HashMap<(PeerId, IpAddr), Wrong>,
}

impl Lockout {
    pub(super) fn guessed_wrong(&mut self, now: Time, listener: PeerId, from: IpAddr) {
        self.wrong.retain(|_, wrong| now.since(wrong.last) < LOCKED);
        if self.wrong.len() >= MOST
            && let Some(oldest) = self.wrong.iter().min_by_key(|(_, wrong)| wrong.last).map(|(key, _)| *key)
        {
            self.wrong.remove(&oldest);
        }
        let wrong = self.wrong.entry((listener, from)).or_insert(Wrong { times: 0, last: now });
        *wrong = Wrong { times: wrong.times + 1, last: now };
    }

    pub(super) fn logged_in(&mut self, listener: PeerId, from: IpAddr) {
        self.wrong.remove(&(listener, from));
    }

    pub(super) fn is_locked(&self, now: Time, listener: PeerId, from: IpAddr) -> bool {
        let wrong = self.wrong.get(&(listener, from));
        wrong.is_some_and(|wrong| wrong.times >= TRIES && now.since(wrong.last) < LOCKED)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_waits_after_wrong_guesses_and_others_do_not() {
        let mut lockout = Lockout::default();
        let at = |ms| Time::from_ticks(1 << 60) + Span::from_millis(ms);
        let ip = |last| IpAddr::from([10, 0, 0, last]);
        for guess in 0..TRIES {
            assert!(!lockout.is_locked(at(guess), PeerId(1), ip(1)));
            lockout.guessed_wrong(at(guess), PeerId(1), ip(1));
        }
        assert!(lockout.is_locked(at(100), PeerId(1), ip(1)));
        assert!(!lockout.is_locked(at(100), PeerId(1), ip(2)) && !lockout.is_locked(at(100), PeerId(2), ip(1)));
        assert!(!lockout.is_locked(at(31_000), PeerId(1), ip(1)));
        lockout.guessed_wrong(at(200), PeerId(1), ip(2));
        lockout.logged_in(PeerId(1), ip(2));
        assert_eq!(lockout.wrong.len(), 1);
        for number in 0..5000u32 {
            lockout.guessed_wrong(at(300), PeerId(1), IpAddr::from(number.to_be_bytes()));
        }
        assert_eq!(lockout.wrong.len(), MOST);
    }
}
