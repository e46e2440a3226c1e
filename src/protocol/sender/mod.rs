//! The sending half of a flow: numbers packets, remembers them, shares them out, serves requests.

mod history;
mod lane;
mod pacer;
#[cfg(test)]
mod properties;
mod spread;

use super::config::CongestionControl;
use super::output::PeerId;
use super::recovery_depth;
use super::time::{Span, Time};
use history::History;
pub(super) use history::{Sent, Shape};
use lane::{Lane, Waiting};
pub(super) use spread::Spread;
use std::collections::{BTreeMap, BTreeSet};

/// Waiting retransmissions of all peers; more are refused (libRIST: a ring of as many that wraps silently).
const MAX_WAITING: usize = 262_144;
/// The share of each peer, when there are no more peers than this.
const FEW_PEERS: usize = 4;

/// Terms on which one peer's requests are served.
#[derive(Debug, Clone, Copy)]
pub(super) struct Terms {
    pub(super) recovery: bool,
    pub(super) congestion_control: CongestionControl,
    pub(super) max_retries: u32,
    /// Ceiling for media and retransmissions.
    pub(super) max_bitrate_kbps: u32,
    pub(super) buffer_max: Span,
    /// The latest RTT within the peer's bounds: libRIST's least time between two repeats.
    pub(super) rtt: Span,
    /// A queue on the way there is filling up.
    pub(super) congested: bool,
    /// It asks again before an answer can be there only when it has no time left. Our receivers do, and who tells what it
    /// receives is no libRIST.
    pub(super) deliberate: bool,
    /// It is sent packets as they are packed for Advanced.
    pub(super) packed: bool,
}

/// What became of a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Verdict {
    Accepted,
    /// Not in the history, asked too often, or recovery is off.
    Skipped,
    /// Asked again sooner than an answer can have come.
    TooSoon,
}

/// A retransmission that may be sent now.
#[derive(Debug)]
pub(super) struct Retransmission {
    pub(super) peer: PeerId,
    pub(super) sent: Sent,
}

#[derive(Debug)]
pub(super) struct Sender {
    next_seq: u32,
    seq_mask: u32,
    packets: u32,
    history: History,
    lanes: BTreeMap<PeerId, Lane>,
    /// Those in which something waits: with a thousand receivers they are looked at all the time.
    busy: BTreeSet<PeerId>,
    pub(super) spread: Spread,
}

impl Sender {
    pub(super) fn new(seq_mask: u32) -> Self {
        Self {
            next_seq: 0,
            seq_mask,
            packets: 0,
            history: History::new(recovery_depth::positions(seq_mask, recovery_depth::DEFAULT)),
            lanes: BTreeMap::new(),
            busy: BTreeSet::new(),
            spread: Spread::default(),
        }
    }

    /// The newest number with these low bits: what a peer asks for that is told 16 bits only.
    pub(super) fn lengthen(&self, low: u16) -> u32 {
        let newest = self.packets.wrapping_sub(1);
        let back = newest.wrapping_sub(low.into()) & 0xFFFF;
        newest.wrapping_sub(back) & self.seq_mask
    }

    /// How long packets are kept for requests.
    pub(super) fn set_memory(&mut self, memory: Span) {
        self.history.set_memory(memory);
    }

    /// How many packets at most are kept for requests.
    pub(super) fn set_depth(&mut self, depth: u8) {
        self.history.set_max(recovery_depth::positions(self.seq_mask, depth));
    }

    /// The next packet gets an even number.
    pub(super) fn make_even(&mut self) {
        self.next_seq = self.next_seq.wrapping_add(self.next_seq & 1) & self.seq_mask;
    }

    /// The number of the next packet; `seq` is the application's choice.
    pub(super) fn number(&mut self, seq: Option<u32>) -> u32 {
        let seq = match seq {
            // A number of the application's does not move ours (libRIST).
            Some(seq) => seq & self.seq_mask,
            None => {
                let seq = self.next_seq;
                self.next_seq = self.next_seq.wrapping_add(1) & self.seq_mask;
                seq
            }
        };
        let step = seq.wrapping_add(1).wrapping_sub(self.packets) & self.seq_mask;
        self.packets = self.packets.wrapping_add(step);
        seq
    }

    /// Keeps a packet that was sent, for requests.
    pub(super) fn remember(&mut self, now: Time, sent: Sent) {
        self.history.insert(now, sent);
    }

    /// Packets sent, for reports: the low bits are the number of the next one, by which receivers see what they lost last.
    pub(super) fn packets(&self) -> u32 {
        self.packets
    }

    /// Media leaves for a peer: it has the right of way in the pacing of retransmissions.
    pub(super) fn media_sent(&mut self, now: Time, peer: PeerId, bytes: usize) {
        match self.lanes.get_mut(&peer) {
            Some(lane) => lane.pacer.media(now, bytes),
            None => self.lanes.entry(peer).or_default().pacer.media(now, bytes),
        }
    }

    /// Takes one request.
    pub(super) fn request(&mut self, now: Time, peer: PeerId, seq: u32, terms: &Terms) -> Verdict {
        let share = MAX_WAITING / self.lanes.len().max(FEW_PEERS);
        let lane = self.lanes.entry(peer).or_default();
        if !terms.recovery || lane.waiting.len() >= share {
            return Verdict::Skipped;
        }
        let written = self.history.written(now, seq);
        let Some(repeats) = self.history.repeats(now, seq, peer) else { return Verdict::Skipped };
        if repeats.count >= terms.max_retries {
            return Verdict::Skipped;
        }
        let spacing = match terms.congestion_control {
            CongestionControl::Off => Span::ZERO,
            CongestionControl::Normal => terms.rtt,
            CongestionControl::Aggressive => terms.rtt.scaled(2, 1),
        };
        // A receiver that has no time for another round trip makes its last try somewhat sooner. Others are early by what
        // jitter takes off the way at most.
        let spacing = if terms.deliberate { spacing.scaled(3, 4) } else { spacing.scaled(9, 10) };
        if repeats.last.is_some_and(|last| now.since(last) < spacing) || (repeats.waiting && spacing > Span::ZERO) {
            return Verdict::TooSoon;
        }
        let age = written.map_or(Span::ZERO, |written| now.since(written));
        if !terms.deliberate && lane.is_too_late(age, terms.buffer_max, terms.rtt) {
            return Verdict::Skipped;
        }
        repeats.waiting = true;
        lane.pacer.set_ceiling(terms.max_bitrate_kbps);
        lane.pacer.set_congested(terms.congested);
        lane.packed = terms.packed;
        // It is of use until one buffer after its time; to a receiver with a longer buffer than ours, a while longer.
        let expires = (written.unwrap_or(now) + terms.buffer_max).max(now + terms.rtt);
        lane.waiting.push_back(Waiting { seq, expires });
        self.busy.insert(peer);
        Verdict::Accepted
    }

    /// Waiting retransmissions of all peers.
    pub(super) fn waiting(&self) -> usize {
        self.busy.iter().filter_map(|peer| self.lanes.get(peer)).map(|lane| lane.waiting.len()).sum()
    }

    /// When the next waiting retransmission may leave.
    pub(super) fn next_retransmission(&mut self, now: Time) -> Option<Time> {
        let lanes = &mut self.lanes;
        self.busy.iter().filter_map(|peer| lanes.get_mut(peer)?.ready_at(now)).min()
    }

    /// Takes what may leave now, and names those whose requests waited in vain.
    pub(super) fn retransmit(&mut self, now: Time, out: &mut Vec<Retransmission>, refused: &mut Vec<PeerId>) {
        self.busy.retain(|&peer| {
            let Some(lane) = self.lanes.get_mut(&peer) else { return false };
            while let Some(next) = lane.next(now) {
                let usable = now <= next.expires;
                if let Some(repeats) = self.history.repeats(now, next.seq, peer) {
                    repeats.waiting = false;
                    repeats.count += u32::from(usable);
                    repeats.last = if usable { Some(now) } else { repeats.last };
                }
                match self.history.get(now, next.seq).filter(|_| usable) {
                    Some(sent) => {
                        lane.pacer.repair(now, sent.octets(lane.packed));
                        out.push(Retransmission { peer, sent: sent.clone() });
                    }
                    None => refused.push(peer),
                }
            }
            !lane.waiting.is_empty()
        });
    }

    pub(super) fn has(&mut self, now: Time, seq: u32) -> bool {
        self.history.get(now, seq).is_some()
    }

    /// Another stream begins.
    pub(super) fn forget_all(&mut self) {
        self.history.clear();
        self.lanes.clear();
        self.busy.clear();
    }

    /// Drops what waits for a peer that has gone. The history's accounts go with their packets.
    pub(super) fn forget_peer(&mut self, peer: PeerId) {
        self.lanes.remove(&peer);
        self.busy.remove(&peer);
        self.spread.forget(peer);
    }

    /// Frees what is too old; called now and then when nothing is written.
    pub(super) fn tidy(&mut self, now: Time) {
        self.history.expire(now);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::protocol::payload::Pool;
    use crate::wire::gre::Ports;

    /// A thousand receivers, one of which asks for everything all the time.
    #[test]
    fn one_that_asks_for_everything_holds_up_nobody() {
        let pool = Pool::new();
        let mut sender = Sender::new(0xFFFF);
        let start = Time::from_ticks(1 << 40);
        let terms = Terms {
            recovery: true,
            congestion_control: CongestionControl::Normal,
            max_retries: 20,
            max_bitrate_kbps: 100_000,
            buffer_max: Span::from_secs(1),
            rtt: Span::from_millis(20),
            congested: false,
            deliberate: true,
            packed: false,
        };
        let (mut out, mut refused, mut served) = (Vec::new(), Vec::new(), 0);
        for n in 0..2000u32 {
            let now = start + Span::from_millis(n);
            let seq = sender.number(None);
            let packet = Sent {
                seq,
                timestamp: 0,
                micros: 0,
                payload_type: 33,
                ports: Ports::default(),
                null_packets: None,
                payload: pool.copy(&[7; 1316]),
                packed: None,
                shape: Shape::default(),
            };
            sender.remember(now, packet);
            (0..1000).for_each(|peer| sender.media_sent(now, PeerId(peer), 1316));
            let share = MAX_WAITING / 1000;
            for seq in n.saturating_sub(1000)..n {
                sender.request(now, PeerId(0), seq, &terms);
                assert!(sender.lanes[&PeerId(0)].waiting.len() <= share);
            }
            let honest = PeerId(1 + n % 999);
            assert_eq!(sender.request(now, honest, seq, &terms), Verdict::Accepted);
            sender.retransmit(now, &mut out, &mut refused);
            served += out.drain(..).filter(|repeat| repeat.peer == honest).count();
            assert!(sender.busy.len() <= 2, "{:?}", sender.busy);
        }
        assert_eq!(served, 2000);
    }
}
