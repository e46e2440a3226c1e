//! A frame that is sent again until something is heard.

use crate::protocol::time::{Span, Time};

#[derive(Debug)]
pub(super) struct Pending {
    frame: Vec<u8>,
    sent: Time,
    interval: Span,
    left: u8,
}

impl Pending {
    /// The caller has just sent the frame for the first time.
    pub(super) fn new(now: Time, frame: Vec<u8>, interval: Span, repetitions: u8) -> Self {
        Self { frame, sent: now, interval, left: repetitions }
    }

    /// When the frame is to be sent again, or the wait is over.
    pub(super) fn due(&self) -> Time {
        self.sent + self.interval
    }

    pub(super) fn is_due(&self, now: Time) -> bool {
        now >= self.due()
    }

    /// One repetition, unless all were made.
    pub(super) fn repeat(&mut self, now: Time) -> Option<&[u8]> {
        self.left = self.left.checked_sub(1)?;
        self.sent = now;
        Some(&self.frame)
    }

    /// The frame once more, because the other side shows that it missed it; but not too often.
    pub(super) fn prompt(&mut self, now: Time, spacing: Span) -> Option<&[u8]> {
        if now.since(self.sent) < spacing {
            return None;
        }
        self.sent = now;
        Some(&self.frame)
    }

    #[cfg(test)]
    pub(super) fn heap_size(&self) -> usize {
        self.frame.capacity()
    }
}

/// The earlier of two deadlines that may be missing.
pub(super) fn earlier(one: Option<Time>, other: Option<Time>) -> Option<Time> {
    match (one, other) {
        (Some(one), Some(other)) => Some(one.min(other)),
        (one, other) => one.or(other),
    }
}
