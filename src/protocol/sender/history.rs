//! Sent packets, kept as long as a receiver may ask for them.

use crate::protocol::output::PeerId;
use crate::protocol::payload::Payload;
use crate::protocol::time::{Span, Time};
use crate::wire::gre::Ports;
use std::collections::VecDeque;

const FIRST_SIZE: usize = 256;
/// A ring may always be so great, and further by so many slots for each packet in it: numbers of the application's
/// can lie far apart.
const DENSE_SIZE: usize = 1 << 16;
const SLOTS_PER_PACKET: usize = 8;
/// A packet's requests are counted for so many peers, and for more while there are no more accounts in all: a thousand
/// receivers may have lost the same packet. Further ones share the last place.
const MAX_ASKERS: usize = 64;
const MAX_ACCOUNTS: usize = 1 << 20;

/// A packet as it was sent.
#[derive(Debug, Clone)]
pub(in crate::protocol) struct Sent {
    pub(in crate::protocol) seq: u32,
    /// RTP timestamp.
    pub(in crate::protocol) timestamp: u32,
    /// The same in microseconds: what clocks of Advanced count.
    pub(in crate::protocol) micros: u32,
    pub(in crate::protocol) payload_type: u8,
    /// Virtual ports in the tunnel; 0 = the peer's.
    pub(in crate::protocol) ports: Ports,
    pub(in crate::protocol) null_packets: Option<u8>,
    pub(in crate::protocol) payload: Payload,
    /// What Advanced sends in place of the payload. Made once, so that a repeat is the same.
    pub(in crate::protocol) packed: Option<Payload>,
    pub(in crate::protocol) shape: Shape,
}

impl Sent {
    /// Octets of its payload on the wire, by the framing.
    pub(in crate::protocol) fn octets(&self, packed: bool) -> usize {
        self.packed.as_ref().filter(|_| packed).unwrap_or(&self.payload).len()
    }
}

/// What an Advanced packet says of its payload.
#[derive(Debug, Clone, Copy)]
pub(in crate::protocol) struct Shape {
    /// It is an LZ4 block, or a part of one.
    pub(in crate::protocol) lz4: bool,
    /// Of the fragments of a block: the first one, the last one. Both: it is whole.
    pub(in crate::protocol) first: bool,
    pub(in crate::protocol) last: bool,
}

impl Shape {
    pub(in crate::protocol) fn is_whole(&self) -> bool {
        self.first && self.last
    }
}

impl Default for Shape {
    fn default() -> Self {
        Self { lz4: false, first: true, last: true }
    }
}

/// How often a peer was sent a packet again.
#[derive(Debug, Clone, Copy)]
pub(super) struct Repeats {
    peer: PeerId,
    pub(super) count: u32,
    pub(super) last: Option<Time>,
    pub(super) waiting: bool,
}

#[derive(Debug)]
struct Entry {
    sent: Sent,
    written: Time,
    repeats: Vec<Repeats>,
}

/// The latest packets, and where each sequence number is among them: a ring, grown on demand up to what a sequence number
/// can tell apart.
#[derive(Debug)]
pub(super) struct History {
    /// In the order written, to free them by age.
    packets: VecDeque<Entry>,
    /// How many have been freed, and one, so that no packet has place 0.
    gone: u64,
    /// By sequence number: the packet's place among all, freed ones, too.
    places: Vec<u64>,
    max: usize,
    memory: Span,
    /// Repeats of all packets.
    accounts: usize,
}

impl History {
    /// `max` is a power of two: as many packets as are kept at most.
    pub(super) fn new(max: usize) -> Self {
        Self {
            packets: VecDeque::new(),
            gone: 1,
            places: vec![0; FIRST_SIZE],
            max,
            memory: Span::from_secs(2),
            accounts: 0,
        }
    }

    /// A ring that has grown beyond it stays as it is.
    pub(super) fn set_max(&mut self, max: usize) {
        self.max = max.max(self.places.len());
    }

    pub(super) fn set_memory(&mut self, memory: Span) {
        self.memory = memory;
    }

    fn index(&self, seq: u32) -> usize {
        seq as usize & (self.places.len() - 1)
    }

    fn among_packets(&self, seq: u32) -> Option<usize> {
        self.places[self.index(seq)].checked_sub(self.gone)?.try_into().ok()
    }

    /// Whichever packet has the place of this number.
    fn at(&self, seq: u32) -> Option<&Entry> {
        self.packets.get(self.among_packets(seq)?)
    }

    pub(super) fn insert(&mut self, now: Time, sent: Sent) {
        self.expire(now);
        // No more than numbers can tell apart, however long packets are to be kept, and than there is memory for.
        if self.packets.len() >= self.max || self.packets.try_reserve(1).is_err() {
            self.forget_oldest();
        }
        let seq = sent.seq;
        while self.at(seq).is_some_and(|entry| entry.sent.seq != seq) && self.places.len() < self.most() {
            if !self.grow() {
                break;
            }
        }
        let index = self.index(seq);
        self.places[index] = self.gone + self.packets.len() as u64;
        self.packets.push_back(Entry { sent, written: now, repeats: Vec::new() });
    }

    fn most(&self) -> usize {
        self.max.min(DENSE_SIZE.max(self.packets.len().saturating_mul(SLOTS_PER_PACKET)))
    }

    fn forget_oldest(&mut self) {
        if let Some(entry) = self.packets.pop_front() {
            self.gone += 1;
            self.accounts = self.accounts.saturating_sub(entry.repeats.len());
        }
    }

    /// False if there is no memory: then the newer one of two packets has the place.
    fn grow(&mut self) -> bool {
        let mut places = Vec::new();
        if places.try_reserve_exact(self.places.len() * 2).is_err() {
            return false;
        }
        places.resize(self.places.len() * 2, 0);
        self.places = places;
        for (place, entry) in (self.gone..).zip(&self.packets) {
            let index = entry.sent.seq as usize & (self.places.len() - 1);
            self.places[index] = place;
        }
        true
    }

    pub(super) fn expire(&mut self, now: Time) {
        while self.packets.front().is_some_and(|entry| now.since(entry.written) > self.memory) {
            self.forget_oldest();
        }
    }

    pub(super) fn clear(&mut self) {
        self.gone += self.packets.len() as u64;
        self.packets.clear();
        self.accounts = 0;
    }

    fn entry(&mut self, now: Time, seq: u32) -> Option<&mut Entry> {
        let place = self.among_packets(seq)?;
        let entry = self.packets.get_mut(place)?;
        (entry.sent.seq == seq && now.since(entry.written) <= self.memory).then_some(entry)
    }

    pub(super) fn get(&mut self, now: Time, seq: u32) -> Option<&Sent> {
        self.entry(now, seq).map(|entry| &entry.sent)
    }

    /// When a packet was written, if it is still known.
    pub(super) fn written(&mut self, now: Time, seq: u32) -> Option<Time> {
        self.entry(now, seq).map(|entry| entry.written)
    }

    /// The account of `peer`'s requests for a packet that is still here.
    pub(super) fn repeats(&mut self, now: Time, seq: u32, peer: PeerId) -> Option<&mut Repeats> {
        let full = self.accounts >= MAX_ACCOUNTS;
        let repeats = &mut self.entry(now, seq)?.repeats;
        let place = match repeats.binary_search_by_key(&peer, |r| r.peer) {
            Ok(place) => place,
            Err(_) if full && repeats.len() >= MAX_ASKERS => repeats.len() - 1,
            Err(place) => {
                repeats.insert(place, Repeats { peer, count: 0, last: None, waiting: false });
                self.accounts += 1;
                place
            }
        };
        self.entry(now, seq)?.repeats.get_mut(place)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::protocol::payload::Pool;

    fn sent(seq: u32, payload: Payload) -> Sent {
        let (micros, ports) = (0, Ports::default());
        Sent {
            seq,
            timestamp: 0,
            micros,
            payload_type: 33,
            ports,
            null_packets: None,
            payload,
            packed: None,
            shape: Shape::default(),
        }
    }

    #[test]
    fn a_deep_ring_takes_memory_for_the_packets_in_it() {
        let pool = Pool::new();
        let mut history = History::new(1 << 16);
        history.set_max(usize::MAX / 2 + 1);
        let now = Time::from_ticks(1 << 40);
        assert_eq!(history.places.len(), FIRST_SIZE);
        for n in 0..100_000u32 {
            history.insert(now, sent(n, pool.copy(b"")));
        }
        assert_eq!(history.places.len(), 1 << 17);
        assert!((0..100_000).all(|seq| history.get(now, seq).is_some()), "more than 16 bits can tell apart");
        let mut history = History::new(usize::MAX / 2 + 1);
        for n in 0..8u32 {
            history.insert(now, sent(n << 29, pool.copy(b"")));
        }
        assert_eq!(history.places.len(), DENSE_SIZE, "numbers far apart");
        assert!(history.get(now, 7 << 29).is_some());
    }

    #[test]
    fn a_thousand_peers_have_accounts_of_their_own_and_there_is_an_end() {
        let pool = Pool::new();
        let mut history = History::new(1 << 16);
        let now = Time::from_ticks(1 << 40);
        for seq in 0..4000 {
            history.insert(now, sent(seq, pool.copy(b"")));
            for peer in (0..1000).rev() {
                let repeats = history.repeats(now, seq, PeerId(peer)).unwrap();
                assert!(!std::mem::replace(&mut repeats.waiting, true) || seq > 1000, "packet {seq}, peer {peer}");
            }
        }
        let count = |history: &History| history.packets.iter().map(|entry| entry.repeats.len()).sum::<usize>();
        assert_eq!(count(&history), history.accounts);
        assert!(history.accounts <= MAX_ACCOUNTS + 4000 * MAX_ASKERS, "{}", history.accounts);
        history.expire(now + Span::from_secs(9));
        assert_eq!(history.accounts, 0);
    }

    #[test]
    fn no_more_packets_stay_than_numbers_can_tell_apart() {
        let pool = Pool::new();
        let mut history = History::new(1 << 16);
        let now = Time::from_ticks(1 << 40);
        history.set_memory(Span::from_secs(3600));
        for n in 0..200_000u32 {
            history.insert(now, sent(n & 0xFFFF, pool.copy(&n.to_be_bytes())));
        }
        assert_eq!((history.packets.len(), history.places.len()), (65_536, 65_536));
        assert!((0..=0xFFFF).all(|seq| history.get(now, seq).is_some()));
    }

    #[test]
    fn packets_stay_for_the_memory_and_not_longer() {
        let pool = Pool::new();
        let mut history = History::new(1 << 16);
        let start = Time::from_ticks(1 << 40);
        history.set_memory(Span::from_millis(1000));
        for n in 0..100_000u32 {
            let now = start + Span::from_millis(n / 100);
            let payload = pool.copy(&n.to_be_bytes());
            history.insert(now, sent(n & 0xFFFF, payload));
        }
        let now = start + Span::from_millis(1000);
        let newest = history.get(now, 99_999 & 0xFFFF).map(|sent| sent.payload.to_vec());
        assert_eq!(newest, Some(99_999u32.to_be_bytes().to_vec()));
        assert!(history.get(now + Span::from_secs(1), 99_999 & 0xFFFF).is_none());
        assert_eq!(history.places.len(), 65_536);
        history.expire(now + Span::from_secs(2));
        assert!(history.packets.is_empty() && (0..=0xFFFF).all(|seq| history.at(seq).is_none()));
    }
}
