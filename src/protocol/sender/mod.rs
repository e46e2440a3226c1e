//! The sending half of a flow: numbers packets, remembers them, shares them out, serves requests.

mod history;
mod pacer;
mod spread;

use super::config::CongestionControl;
use super::output::PeerId;
use super::time::{Span, Time};
use history::History;
pub(super) use history::Sent;
use pacer::Pacer;
pub(super) use spread::Spread;
use std::collections::VecDeque;

/// Waiting retransmissions at most; more are refused (libRIST: a ring of 262,144 that wraps silently).
const MAX_WAITING: usize = 65_536;

/// Terms on which one peer's requests are served.
#[derive(Debug, Clone, Copy)]
pub(super) struct Terms {
    pub(super) recovery: bool,
    pub(super) congestion_control: CongestionControl,
    pub(super) max_retries: u32,
    pub(super) buffer_max: Span,
    /// The latest RTT within the peer's bounds: libRIST's least time between two repeats.
    pub(super) rtt: Span,
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

#[derive(Debug, Clone, Copy)]
struct Waiting {
    peer: PeerId,
    seq: u32,
    expires: Time,
}

#[derive(Debug)]
pub(super) struct Sender {
    next_seq: u32,
    seq_mask: u32,
    history: History,
    waiting: VecDeque<Waiting>,
    pacer: Pacer,
    pub(super) spread: Spread,
}

impl Sender {
    pub(super) fn new(seq_mask: u32) -> Self {
        Self {
            next_seq: 0,
            seq_mask,
            history: History::new(seq_mask),
            waiting: VecDeque::new(),
            pacer: Pacer::default(),
            spread: Spread::default(),
        }
    }

    /// How long packets are kept for requests.
    pub(super) fn set_memory(&mut self, memory: Span) {
        self.history.set_memory(memory);
    }

    /// Numbers and remembers a packet.
    pub(super) fn remember(&mut self, now: Time, seq: Option<u32>, mut sent: Sent) -> Sent {
        sent.seq = match seq {
            // A number of the application's does not move ours (libRIST).
            Some(seq) => seq & self.seq_mask,
            None => {
                let seq = self.next_seq;
                self.next_seq = self.next_seq.wrapping_add(1) & self.seq_mask;
                seq
            }
        };
        self.history.insert(now, sent.clone());
        sent
    }

    /// Media leaves: it has the right of way in the pacing of retransmissions.
    pub(super) fn media_sent(&mut self, now: Time, bytes: usize) {
        self.pacer.media(now, bytes);
    }

    /// Takes one request.
    pub(super) fn request(&mut self, now: Time, peer: PeerId, seq: u32, terms: &Terms) -> Verdict {
        if !terms.recovery || self.waiting.len() >= MAX_WAITING {
            return Verdict::Skipped;
        }
        let Some(repeats) = self.history.repeats(now, seq, peer) else { return Verdict::Skipped };
        if repeats.count >= terms.max_retries {
            return Verdict::Skipped;
        }
        let spacing = match terms.congestion_control {
            CongestionControl::Off => Span::ZERO,
            CongestionControl::Normal => terms.rtt,
            CongestionControl::Aggressive => terms.rtt.scaled(2, 1),
        };
        // A little less, for what jitter takes off the way there.
        let spacing = spacing.scaled(9, 10);
        if repeats.last.is_some_and(|last| now.since(last) < spacing) || (repeats.waiting && spacing > Span::ZERO) {
            return Verdict::TooSoon;
        }
        repeats.waiting = true;
        self.waiting.push_back(Waiting { peer, seq, expires: now + terms.buffer_max });
        Verdict::Accepted
    }

    pub(super) fn waiting(&self) -> usize {
        self.waiting.len()
    }

    /// When the next waiting retransmission may leave.
    pub(super) fn next_retransmission(&mut self, now: Time) -> Option<Time> {
        self.waiting.front()?;
        Some(self.pacer.ready_at(now))
    }

    /// The next retransmission that the ceiling lets through now. `refused` hears of those that waited in vain.
    pub(super) fn retransmit(
        &mut self,
        now: Time,
        max_bitrate_kbps: u32,
        mut refused: impl FnMut(PeerId),
    ) -> Option<Retransmission> {
        self.pacer.set_ceiling(max_bitrate_kbps);
        loop {
            let first = self.waiting.front().copied()?;
            let usable = now <= first.expires;
            if usable && self.pacer.ready_at(now) > now {
                return None;
            }
            self.waiting.pop_front();
            if let Some(repeats) = self.history.repeats(now, first.seq, first.peer) {
                repeats.waiting = false;
                if usable {
                    repeats.count += 1;
                    repeats.last = Some(now);
                }
            }
            match self.history.get(now, first.seq).filter(|_| usable) {
                Some(sent) => {
                    let sent = sent.clone();
                    self.pacer.repair(now, sent.payload.len());
                    return Some(Retransmission { peer: first.peer, sent });
                }
                None => refused(first.peer),
            }
        }
    }

    pub(super) fn has(&mut self, now: Time, seq: u32) -> bool {
        self.history.get(now, seq).is_some()
    }

    /// Another stream begins.
    pub(super) fn forget_all(&mut self) {
        self.history.clear();
        self.waiting.clear();
    }

    /// Drops what waits for a peer that has gone. The history's accounts go with their packets.
    pub(super) fn forget_peer(&mut self, peer: PeerId) {
        self.waiting.retain(|waiting| waiting.peer != peer);
        self.spread.forget(peer);
    }

    /// Frees what is too old; called now and then when nothing is written.
    pub(super) fn tidy(&mut self, now: Time) {
        self.history.expire(now);
    }
}
