//! Echo requests under way: an answer shows that the peer is where its packets say.

use std::collections::VecDeque;

/// Requests remembered: more than six seconds at the usual ten a second.
const MAX_UNDER_WAY: usize = 64;

#[derive(Debug, Default)]
pub(in crate::protocol) struct Echoes {
    under_way: VecDeque<u64>,
    answers: bool,
}

impl Echoes {
    pub(in crate::protocol) fn asked(&mut self, timestamp: u64) {
        if self.under_way.len() >= MAX_UNDER_WAY {
            self.under_way.pop_front();
        }
        self.under_way.push_back(timestamp);
    }

    /// True for a timestamp that we sent and that was not answered before.
    pub(in crate::protocol) fn answered(&mut self, timestamp: u64) -> bool {
        let Some(place) = self.under_way.iter().position(|sent| *sent == timestamp) else { return false };
        self.under_way.remove(place);
        self.answers = true;
        true
    }

    /// It has answered, so what it is sent arrives where its packets come from.
    pub(in crate::protocol) fn answers(&self) -> bool {
        self.answers
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_answers_to_our_own_requests_count_and_each_once() {
        let mut echoes = Echoes::default();
        for timestamp in [10, 20, 30] {
            echoes.asked(timestamp);
        }
        assert!(!echoes.answered(15) && !echoes.answers());
        assert!(echoes.answered(20) && !echoes.answered(20) && echoes.answers());
        assert!(echoes.answered(10) && echoes.answered(30));
    }
}
