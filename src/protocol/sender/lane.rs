//! What one peer is to be sent again, in the order asked, and how fast it may leave.
//!
//! Each peer has a lane of its own: one that asks for much holds up nobody else.

use super::pacer::Pacer;
use crate::protocol::time::Time;
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
}

impl Lane {
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
