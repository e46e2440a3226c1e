//! Whether datagrams come in bursts, as fast as they can be given to us, and when these will probably end.

use crate::protocol::time::{Span, Time};

/// Datagrams further apart are not of one burst. A paced stream's are, up to 200 Mbit/s.
const APART: Span = Span::from_micros(50);
/// A burst is worth another thread's waking up from this length on.
const LONG: usize = 6;
/// Bursts that follow each other so closely, so many times, go on doing so.
const OFTEN: Span = Span::from_millis(2);
const STEADY: usize = 4;
/// Of so many datagrams the first may wait for the last: a few microseconds. Of fewer it would gain little, and one that
/// waits in vain waits for long.
const MANY: usize = 4;

/// What to do with datagrams.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Plan {
    Send,
    /// Leave them to the protocol thread: until it has woken up, more have come.
    Leave,
    /// More are about to come, whose sender sends them all.
    Hold,
}

#[derive(Debug, Default)]
pub(super) struct Bursts {
    began: Option<Time>,
    last: Option<Time>,
    /// Datagrams of this burst so far, and of the last ones.
    length: usize,
    lengths: [usize; STEADY],
    /// How many followed each other closely.
    often: usize,
}

impl Bursts {
    /// Notes datagrams.
    pub(super) fn plan(&mut self, now: Time, count: usize) -> Plan {
        if self.last.is_none_or(|last| now.since(last) > APART) {
            self.lengths.rotate_right(1);
            self.lengths[0] = self.length;
            let soon = self.began.is_some_and(|began| now.since(began) < OFTEN);
            self.often = if soon { self.often.saturating_add(1) } else { 0 };
            (self.began, self.length) = (Some(now), 0);
        }
        self.last = Some(now);
        let goes_on = self.length > 0;
        self.length = self.length.saturating_add(count);
        let shortest = self.lengths.into_iter().min().filter(|length| self.often >= STEADY && *length >= MANY);
        match self.length {
            length if shortest.is_some_and(|shortest| length < shortest) => Plan::Hold,
            // The end may be near, and another thread's waking up is not worth it.
            length if shortest.is_some_and(|shortest| length < shortest + LONG) => Plan::Send,
            length if goes_on && self.lengths[0].max(length) >= LONG => Plan::Leave,
            _ => Plan::Send,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Plan::{Hold, Leave, Send};
    use super::*;

    fn plans(bursts: &mut Bursts, begin_us: u32, length: u32) -> Vec<Plan> {
        let begin = Time::from_ticks(1 << 40) + Span::from_micros(begin_us);
        (0..length).map(|n| bursts.plan(begin + Span::from_micros(n), 1)).collect()
    }

    #[test]
    fn paced_datagrams_are_sent() {
        let mut bursts = Bursts::default();
        assert!((0..100).all(|n| plans(&mut bursts, n * 51, 1) == [Send]));
    }

    #[test]
    fn what_follows_in_a_long_burst_is_left_to_the_other_thread() {
        let mut bursts = Bursts::default();
        // Until it has shown to be long; the next one is known to be by its second.
        let first = plans(&mut bursts, 10_000, 10);
        assert_eq!(first, [Send, Send, Send, Send, Send, Leave, Leave, Leave, Leave, Leave]);
        assert_eq!(plans(&mut bursts, 50_000, 3), [Send, Leave, Leave]);
        // That one was short.
        assert_eq!(plans(&mut bursts, 90_000, 3), [Send, Send, Send]);
    }

    #[test]
    fn of_bursts_that_come_often_the_shortest_tells_when_the_next_one_ends() {
        let mut bursts = Bursts::default();
        for n in 0..STEADY as u32 + 1 {
            plans(&mut bursts, n * 250, 4 + n % 2);
        }
        assert_eq!(plans(&mut bursts, 2000, 5), [Hold, Hold, Hold, Send, Send]);
        // A burst without an end.
        assert_eq!(plans(&mut bursts, 3000, 11)[3..], [Send, Send, Send, Send, Send, Send, Leave, Leave]);
        // One short one, and for a while none is waited for.
        plans(&mut bursts, 3500, 2);
        assert_eq!(plans(&mut bursts, 4000, 5), [Send; 5]);
        // After a pause nothing is known.
        assert_eq!(plans(&mut bursts, 50_000, 3)[0], Send);
    }
}
