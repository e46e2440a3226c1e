//! Keeps a log line that could come with every packet to once a second.

use crate::protocol::time::{Span, Time};
use parking_lot::Mutex;

#[derive(Default)]
pub(super) struct Rate {
    state: Mutex<(Option<Time>, u64)>,
}

impl Rate {
    /// Counts occurrences. Some: write the line now, for this many since the last one.
    pub(super) fn count(&self, now: Time, occurrences: u64) -> Option<u64> {
        let mut state = self.state.lock();
        let (last, held) = *state;
        if last.is_some_and(|last| now.since(last) < Span::from_secs(1)) {
            state.1 = held + occurrences;
            return None;
        }
        *state = (Some(now), 0);
        Some(held + occurrences)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_comes_at_once_and_then_one_a_second_with_a_count() {
        let rate = Rate::default();
        let start = Time::from_ticks(1 << 40);
        assert_eq!(rate.count(start, 1), Some(1));
        for ms in [1, 500, 999] {
            assert_eq!(rate.count(start + Span::from_millis(ms), 1), None);
        }
        assert_eq!(rate.count(start + Span::from_millis(1001), 3), Some(6));
        assert_eq!(rate.count(start + Span::from_millis(1500), 1), None);
    }
}
