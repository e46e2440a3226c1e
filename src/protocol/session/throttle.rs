//! Log lines that packets can cause: the first at once, then one a second with a count.

use crate::protocol::time::{Span, Time};
use std::collections::BTreeMap;

/// What a packet can be reproached with.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Complaint {
    Malformed,
    MalformedFeedback,
    NoHandshake,
    TooManyPeers,
    TooManyFlows,
    WrongRole,
    Window,
}

#[derive(Debug, Default)]
pub(super) struct Throttles {
    last: BTreeMap<Complaint, (Time, u64)>,
}

const PERIOD: Span = Span::from_secs(1);

impl Throttles {
    /// `Some(n)` when a line may be written; `n` more of the kind were swallowed since the last one.
    pub(super) fn may(&mut self, now: Time, complaint: Complaint) -> Option<u64> {
        match self.last.get_mut(&complaint) {
            Some((last, swallowed)) if now.since(*last) < PERIOD => {
                *swallowed += 1;
                None
            }
            Some((last, swallowed)) => {
                *last = now;
                Some(std::mem::take(swallowed))
            }
            None => {
                self.last.insert(complaint, (now, 0));
                Some(0)
            }
        }
    }
}
