//! Echo requests under way: an answer shows that the peer is where its packets say.
//!
//! What a request carries as its timestamp only comes back to us, so it is a number that nobody can guess. The time
//! would be no proof: who asks us from an address of its own at the same moment is told the time, and could then answer
//! for an address that hears nothing but us.

use crate::protocol::time::Time;
use std::collections::VecDeque;

/// Requests remembered: more than six seconds at the usual ten a second.
const MAX_UNDER_WAY: usize = 64;

#[derive(Debug, Default)]
pub(in crate::protocol) struct Echoes {
    /// The mark of each, and when it left.
    under_way: VecDeque<(u64, Time)>,
    answers: bool,
}

impl Echoes {
    pub(in crate::protocol) fn asked(&mut self, mark: u64, now: Time) {
        if self.under_way.len() >= MAX_UNDER_WAY {
            self.under_way.pop_front();
        }
        self.under_way.push_back((mark, now));
    }

    /// When the request left, if we have sent it and it was not answered before.
    pub(in crate::protocol) fn answered(&mut self, mark: u64) -> Option<Time> {
        let place = self.under_way.iter().rposition(|(sent, _)| *sent == mark)?;
        let (_, left) = self.under_way.remove(place)?;
        self.answers = true;
        Some(left)
    }

    /// It has answered, so what it is sent arrives where its packets come from.
    pub(in crate::protocol) fn answers(&self) -> bool {
        self.answers
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::protocol::time::Span;

    #[test]
    fn only_answers_to_our_own_requests_count_and_each_once() {
        let mut echoes = Echoes::default();
        let at = |ms| Time::from_ticks(1 << 60) + Span::from_millis(ms);
        for (mark, ms) in [(77, 1), (5, 2), (30, 3)] {
            echoes.asked(mark, at(ms));
        }
        assert!(echoes.answered(15).is_none() && !echoes.answers());
        assert_eq!((echoes.answered(5), echoes.answered(5), echoes.answers()), (Some(at(2)), None, true));
        assert_eq!((echoes.answered(77), echoes.answered(30)), (Some(at(1)), Some(at(3))));
    }
}
