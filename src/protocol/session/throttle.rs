//! Log lines that packets can cause: the first ones at once, the others of that second (or longer) only counted.

use crate::protocol::time::{Span, Time};
use std::collections::BTreeMap;

/// What a packet can be reproached with.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Complaint {
    Malformed,
    MalformedFeedback,
    /// Well formed, but nothing that we know or carry.
    Unknown,
    /// Clear text where a secret is configured.
    Clear,
    /// Encrypted where none is.
    NoSecret,
    /// Encrypted with another secret.
    Undecryptable,
    NotLoggedIn,
    NoEntropy,
    Login,
    NoHandshake,
    TooManyPeers,
    TooManyFlows,
    WrongRole,
    Window,
    /// The ceiling is below the media.
    Bandwidth,
    /// The application's number where it can have none.
    Numbered,
    /// No reproach: someone came, went, has a name or moves. Strangers can cause as many as they send packets.
    Company,
}

impl Complaint {
    /// Lines in a period.
    fn lines(self) -> u32 {
        match self {
            Complaint::Company => 20,
            _ => 1,
        }
    }

    fn period(self) -> Span {
        match self {
            Complaint::Bandwidth => Span::from_secs(30),
            _ => PERIOD,
        }
    }
}

/// A period in which so many lines were written and so many more were not.
#[derive(Debug)]
struct Window {
    since: Time,
    written: u32,
    swallowed: u64,
}

#[derive(Debug, Default)]
pub(super) struct Throttles {
    last: BTreeMap<Complaint, Window>,
}

const PERIOD: Span = Span::from_secs(1);

impl Throttles {
    /// `Some(n)` when a line may be written; `n` more of the kind were swallowed since the last one.
    pub(super) fn may(&mut self, now: Time, complaint: Complaint) -> Option<u64> {
        let window = self.last.entry(complaint).or_insert(Window { since: now, written: 0, swallowed: 0 });
        if now.since(window.since) >= complaint.period() {
            (window.since, window.written) = (now, 0);
        }
        if window.written >= complaint.lines() {
            window.swallowed += 1;
            return None;
        }
        window.written += 1;
        Some(std::mem::take(&mut window.swallowed))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_swallowed_is_counted_in_the_next_line() {
        let mut throttles = Throttles::default();
        let start = Time::from_ticks(1 << 60);
        let mut say = |ms, complaint| throttles.may(start + Span::from_millis(ms), complaint);
        assert_eq!([0, 1, 2].map(|ms| say(ms, Complaint::Malformed)), [Some(0), None, None]);
        assert_eq!([1000, 1001].map(|ms| say(ms, Complaint::Malformed)), [Some(2), None]);
        let spoken = (0..100).filter(|ms| say(*ms, Complaint::Company).is_some()).count();
        assert_eq!((spoken, say(1000, Complaint::Company)), (20, Some(80)));
    }
}
