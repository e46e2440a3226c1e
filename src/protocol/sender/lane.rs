//! What one peer is to be sent again, in the order asked, and how fast it may leave.
//!
//! Each peer has a lane of its own: one that asks for much holds up nobody else.

use super::pacer::Pacer;
use crate::protocol::time::{Span, Time};
use std::collections::VecDeque;

#[derive(Debug, Clone, Copy)]
pub(super) struct Waiting {
    pub(super) seq: u32,
    /// Later than this it would come too late.
    pub(super) expires: Time,
}

#[derive(Debug, Default)]
pub(super) struct Lane {
    pub(super) waiting: VecDeque<Waiting>,
    pub(super) pacer: Pacer,
    /// What it is sent is packed for Advanced: that is what counts.
    pub(super) packed: bool,
    /// How long its receiver has shown to wait for a packet, if longer than we keep it waiting.
    patience: Span,
}

/// What disorder and timers add to the age of a request.
const SLACK: Span = Span::from_millis(50);

impl Lane {
    /// Whether a repair of a packet of this age would come too late for a libRIST receiver with a buffer like ours. It asks
    /// for 1.1 buffers after it has noticed, whether that can come in time or not, and throws its buffer away when it does not
    /// (0.2.7 to 0.2.12). One that asks for longer has a longer buffer.
    pub(super) fn is_too_late(&mut self, age: Span, buffer: Span, rtt: Span) -> bool {
        let longest = self.patience.max(buffer).scaled(11, 10);
        if age > longest + rtt + SLACK {
            self.patience = (age - rtt).scaled(10, 11);
            return false;
        }
        age > longest
    }

    /// The next one that is to be decided on: it has expired, or may leave now.
    pub(super) fn next(&mut self, now: Time) -> Option<Waiting> {
        let first = self.waiting.front()?;
        if now <= first.expires && self.pacer.ready_at(now) > now {
            return None;
        }
        self.waiting.pop_front()
    }

    /// When the first one may leave.
    pub(super) fn ready_at(&mut self, now: Time) -> Option<Time> {
        self.waiting.front()?;
        Some(self.pacer.ready_at(now))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_comes_too_late_is_told_by_our_buffer_or_by_how_long_it_is_asked_for() {
        let (buffer, rtt) = (Span::from_millis(400), Span::from_millis(100));
        let mut lane = Lane::default();
        let mut late = |ms| lane.is_too_late(Span::from_millis(ms), buffer, rtt);
        assert!(!late(300) && !late(430) && late(450) && late(580));
        // Nobody with such a buffer asks for so long.
        assert!(!late(700));
        assert!(!late(500) && !late(590) && late(610));
    }
}
