//! Echo requests under way: an answer shows that the peer is where its packets say.

use std::collections::VecDeque;

/// Requests remembered: more than six seconds at the usual ten a second.
const MAX_UNDER_WAY: usize = 64;
/// Answers that make a peer trusted. One alone may be a stray copy of our own request.
const TRUSTED_AFTER: u32 = 3;

#[derive(Debug, Default)]
pub(in crate::protocol) struct Echoes {
    under_way: VecDeque<u64>,
    answered: u32,
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
        self.answered = self.answered.saturating_add(1);
        true
    }

    /// It has answered, so what it is sent arrives where its packets come from.
    pub(in crate::protocol) fn answers(&self) -> bool {
        self.answered > 0
    }

    pub(in crate::protocol) fn is_trusted(&self) -> bool {
        self.answered >= TRUSTED_AFTER
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
        assert!(echoes.answered(10) && !echoes.is_trusted());
        assert!(echoes.answered(30) && echoes.is_trusted());
    }
}
