//! Whether datagrams come in bursts: as fast as they can be given to us, in groups.

use crate::protocol::time::{Span, Time};

/// Datagrams further apart are not of one burst. A paced stream's are, up to 200 Mbit/s.
const APART: Span = Span::from_micros(50);
/// A burst is worth another thread's waking up from this length on.
const LONG: usize = 6;

#[derive(Debug, Default)]
pub(super) struct Bursts {
    last: Option<Time>,
    /// Datagrams of this burst so far, and of the last one.
    length: usize,
    before: usize,
}

impl Bursts {
    /// Notes datagrams, and tells whether they are in the middle of a burst that is or will probably be long.
    pub(super) fn note(&mut self, now: Time, count: usize) -> bool {
        let apart = self.last.is_none_or(|last| now.since(last) > APART);
        self.last = Some(now);
        if apart {
            (self.before, self.length) = (self.length, 0);
        }
        let goes_on = self.length > 0;
        self.length = self.length.saturating_add(count);
        goes_on && self.before.max(self.length) >= LONG
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_of_a_burst_and_paced_ones_are_not_in_the_middle_of_one() {
        let mut bursts = Bursts::default();
        let start = Time::from_ticks(1 << 40);
        let mut note = |us| bursts.note(start + Span::from_micros(us), 1);
        assert!((0..100).all(|n| !note(n * 51)));
        // Until it has shown to be long; the next one is known to be by its second.
        let begins = 10_000;
        let burst: Vec<_> = (0..10).map(|n| note(begins + n)).collect();
        assert_eq!(burst, [false, false, false, false, false, true, true, true, true, true]);
        let next: Vec<_> = (0..3).map(|n| note(begins + 250 + n)).collect();
        assert_eq!(next, [false, true, true]);
        // That one was short.
        let last: Vec<_> = (0..3).map(|n| note(begins + 500 + n)).collect();
        assert_eq!(last, [false, false, false]);
    }
}
