//! Encrypted packets from nobody we know, with nonces that have no key: deriving one costs us a thousand times
//! what sending the packet cost them, so strangers share a small budget.

use super::marks::Marks;
use crate::crypto::psk::{KeySize, Nonce};
use crate::protocol::output::{PeerId, SocketId};
use crate::protocol::time::{Span, Time};
use std::net::{IpAddr, SocketAddr};

/// Strangers that wait at once.
const MOST_WAITING: usize = 32;
/// Octets kept of its first packets; what does not fit is dropped, its sender will send more.
const MOST_OCTETS: usize = 900;
/// One key in so long: 50 a second, at most a few per cent of a core.
const SPACING: Span = Span::from_millis(20);
const PATIENCE: Span = Span::from_secs(2);

#[derive(Debug)]
pub(in crate::protocol) struct Stranger {
    pub(in crate::protocol) owner: PeerId,
    pub(in crate::protocol) socket: SocketId,
    pub(in crate::protocol) from: SocketAddr,
    pub(in crate::protocol) name: (Nonce, KeySize),
    pub(in crate::protocol) datagrams: Vec<Vec<u8>>,
    since: Time,
    again: bool,
}

impl Stranger {
    fn keep(&mut self, datagram: &[u8]) {
        let kept: usize = self.datagrams.iter().map(Vec::len).sum();
        if kept + datagram.len() <= MOST_OCTETS {
            self.datagrams.push(datagram.to_vec());
        }
    }
}

#[derive(Debug, Default)]
pub(in crate::protocol) struct Strangers {
    waiting: Vec<Stranger>,
    /// Of addresses with nonces: a real caller repeats both.
    marks: Marks,
    deriving: Option<Stranger>,
    not_before: Option<Time>,
    turn: usize,
}

impl Strangers {
    pub(in crate::protocol) fn came(
        &mut self,
        now: Time,
        owner: PeerId,
        (socket, from): (SocketId, SocketAddr),
        name: (Nonce, KeySize),
        datagram: &[u8],
    ) {
        let address = match from.ip() {
            IpAddr::V4(ip) => ip.to_ipv6_mapped(),
            IpAddr::V6(ip) => ip,
        };
        let again = self.marks.seen(now, &[&address.octets(), &from.port().to_be_bytes(), &name.0]);
        if let Some(deriving) =
            self.deriving.as_mut().filter(|deriving| (deriving.name, deriving.owner) == (name, owner))
        {
            if deriving.from == from {
                deriving.keep(datagram);
            }
            return;
        }
        let mut stranger = Stranger { owner, socket, from, name, datagrams: Vec::new(), since: now, again };
        stranger.keep(datagram);
        self.waiting.retain(|waiting| now.since(waiting.since) < PATIENCE);
        // One place for each address, however many packets come from it.
        if let Some(place) = self.waiting.iter_mut().find(|waiting| waiting.from == from) {
            if (place.name, place.owner) == (name, owner) {
                place.again |= again;
                place.keep(datagram);
            } else {
                *place = stranger;
            }
        } else if self.waiting.len() < MOST_WAITING {
            self.waiting.push(stranger);
        } else {
            // Who comes for the first time displaces only its like.
            self.turn = self.turn.wrapping_add(1);
            let start = self.turn % MOST_WAITING;
            let mut places = (start..MOST_WAITING).chain(0..start);
            if let Some(place) = places.find(|place| again || !self.waiting[*place].again) {
                self.waiting[place] = stranger;
            }
        }
    }

    /// When the next key may be derived.
    pub(in crate::protocol) fn due(&self) -> Option<Time> {
        let first = self.waiting.iter().map(|stranger| stranger.since).min()?;
        (self.deriving.is_none()).then(|| self.not_before.map_or(first, |at| at.max(first)))
    }

    /// The next one to derive a key for: those who came again first, then by turns.
    pub(in crate::protocol) fn next(&mut self, now: Time) -> Option<&Stranger> {
        if self.due()? > now {
            return None;
        }
        self.turn = self.turn.wrapping_add(1);
        let length = self.waiting.len();
        let turn = self.turn % length;
        let mut places = (turn..length).chain(0..turn);
        let place = places.find(|place| self.waiting[*place].again).unwrap_or(turn);
        self.not_before = Some(now + SPACING);
        self.deriving = Some(self.waiting.swap_remove(place));
        self.deriving.as_ref()
    }

    pub(in crate::protocol) fn derived(&mut self) -> Option<Stranger> {
        self.deriving.take()
    }

    /// Nobody waits for a peer that has gone.
    pub(in crate::protocol) fn forget(&mut self, owner: PeerId) {
        self.waiting.retain(|stranger| stranger.owner != owner);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn address(number: u32) -> SocketAddr {
        SocketAddr::from((number.to_be_bytes(), 5000))
    }

    fn name(number: u32) -> (Nonce, KeySize) {
        (number.to_be_bytes(), KeySize::Aes256)
    }

    /// 20,000 forged packets a second, each from another address with another nonce; one real caller among them.
    #[test]
    fn a_real_caller_gets_its_turn_in_a_flood() {
        let mut strangers = Strangers::default();
        let start = Time::from_ticks(1 << 60);
        let (mut forged, mut derivations, mut served) = (1000u32, 0, None);
        for ms in 0..1000 {
            let now = start + Span::from_millis(ms);
            for _ in 0..20 {
                forged += 1;
                let source = (SocketId(1), address(forged.wrapping_mul(0x9E37_79B9)));
                strangers.came(now, PeerId(1), source, name(forged.wrapping_mul(0x85EB_CA6B)), &[0; 60]);
            }
            if ms % 30 == 0 {
                strangers.came(now, PeerId(1), (SocketId(1), address(7)), name(7), &[0; 60]);
            }
            if let Some(stranger) = strangers.next(now) {
                derivations += 1;
                if stranger.from == address(7) {
                    served.get_or_insert(ms);
                }
                strangers.derived();
            }
        }
        assert!(derivations <= 51, "{derivations}");
        assert!(served.is_some_and(|ms| ms < 300), "{served:?}");
    }

    #[test]
    fn an_address_has_one_place() {
        let mut strangers = Strangers::default();
        let now = Time::from_ticks(1 << 60);
        for number in 0..1000 {
            strangers.came(now, PeerId(1), (SocketId(1), address(3)), name(number), &[0; 2000]);
        }
        assert_eq!(strangers.waiting.len(), 1);
        assert!(strangers.next(now).is_some_and(|stranger| stranger.datagrams.is_empty()));
        assert!(strangers.due().is_none());
        strangers.forget(PeerId(1));
        assert!(strangers.derived().is_some());
    }
}
