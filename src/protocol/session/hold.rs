//! Media that waits, at the very start of a stream, for the other side to say whether it reads Advanced.
//!
//! Who begins in Main and changes later makes libRIST receivers lose a packet, and their place in time (0.2.18 to
//! 0.2.20); who begins in Advanced is not understood at all by older ones. So the first packets wait until every peer
//! that we call has told, a round trip usually, or until there is no more time.

use super::{Media, Session};
use crate::protocol::config::AdvancedStart;
use crate::protocol::peer::{Kind, Peer};
use crate::protocol::time::{Span, Time};
use crate::protocol::timers::Timer;
use std::collections::VecDeque;

/// The longest wait: a keep-alive of libRIST is due after it.
const LONGEST: Span = Span::from_secs(1);
/// What may wait.
const MOST_PACKETS: usize = 16_384;
const MOST_OCTETS: usize = 16 << 20;
/// Afterwards each packet takes so many of those that waited with it, and each millisecond as many: a burst of a whole
/// second would be lost in some queue.
const AT_ONCE: usize = 4;
const EVERY: Span = Span::from_millis(1);

#[derive(Debug, Default)]
pub(super) struct Hold {
    /// The first packet came; `None` before it.
    since: Option<Time>,
    over: bool,
    /// Each with its source time.
    waiting: VecDeque<(Time, Media)>,
    octets: usize,
}

impl Session {
    /// Packets wait, or would.
    pub(super) fn is_holding(&self) -> bool {
        !self.hold.over && self.waits_for_word()
    }

    /// Keeps a packet back if it is its place, and says so.
    pub(super) fn hold_back(&mut self, now: Time, source: Time, media: &Media) -> bool {
        if self.hold.over && self.hold.waiting.is_empty() {
            return false;
        }
        let longest = self.longest_hold();
        let since = *self.hold.since.get_or_insert(now);
        let full = self.hold.waiting.len() >= MOST_PACKETS || self.hold.octets >= MOST_OCTETS;
        if !self.hold.over && (full || now.since(since) >= longest || !self.waits_for_word()) {
            self.hold.over = true;
            if self.hold.waiting.is_empty() {
                return false;
            }
        }
        self.hold.octets += media.payload.len();
        self.hold.waiting.push_back((source, media.clone()));
        if self.hold.over {
            self.let_go(now);
        } else {
            self.timers.set(Timer::Hold, Some(since + longest));
        }
        true
    }

    /// A peer has told what it can do, or one has gone.
    pub(super) fn hold_no_longer(&mut self, now: Time) {
        if self.hold.since.is_some() && !self.hold.over && !self.waits_for_word() {
            self.end_hold(now);
        }
    }

    /// The time is up, or some of what waits is due.
    pub(super) fn end_hold(&mut self, now: Time) {
        self.hold.over = true;
        self.let_go(now);
    }

    /// The end: what waits leaves at once, or never.
    pub(super) fn hold_nothing(&mut self, now: Time) {
        self.hold.over = true;
        while !self.hold.waiting.is_empty() {
            self.let_go(now);
        }
    }

    fn let_go(&mut self, now: Time) {
        for _ in 0..AT_ONCE {
            let Some((source, media)) = self.hold.waiting.pop_front() else { break };
            self.hold.octets -= media.payload.len();
            self.send_block(now, source, media);
        }
        let more = !self.hold.waiting.is_empty();
        self.timers.set(Timer::Hold, more.then_some(now + EVERY));
    }

    /// Half of the shortest buffer: what waits for longer comes too late.
    fn longest_hold(&self) -> Span {
        let buffers = self.peers.values().map(|peer| peer.config.buffer_min.max(peer.config.buffer_max));
        buffers.min().map_or(LONGEST, |buffer| buffer.scaled(1, 2).min(LONGEST))
    }

    fn waits_for_word(&self) -> bool {
        self.is_advanced() && self.peers.values().any(has_to_tell)
    }
}

/// One that we call, and that may yet turn out to read Advanced.
fn has_to_tell(peer: &Peer) -> bool {
    let told = peer.abilities().is_none_or(|abilities| abilities.have_told());
    peer.kind == Kind::Caller && peer.config.advanced.start == AdvancedStart::Auto && !told && !peer.is_dead()
}
