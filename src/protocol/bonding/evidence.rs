//! Whether a leg delivers, by what comes back: answers to our echo requests, or anything at all from peers that answer none.
//!
//! An answer proves both directions. A peer that is still heard but answers no more has lost our direction.

use super::FULL;
use crate::protocol::time::{Span, Time};

/// A leg that delivers again has its whole share after so long.
const REJOIN: Span = Span::from_secs(1);
/// However often requests leave, so much silence means nothing.
const LEAST_PATIENCE: Span = Span::from_millis(100);
/// Requests that the share of unanswered ones is taken of.
const WINDOW: u16 = 10;
const WHOLE: u16 = 1000;
/// What was unanswered in so long a silence tells nothing of the time after it.
const OUTAGE: Span = Span::from_secs(2);

#[derive(Debug, Default)]
pub(in crate::protocol) struct Evidence {
    /// It has answered an echo.
    answers: bool,
    /// The oldest request since the last answer.
    unanswered_since: Option<Time>,
    heard: Option<Time>,
    first_heard: Option<Time>,
    rejoined: Option<Time>,
    /// In the window that is under way.
    asked: u16,
    answered: u16,
    /// Requests without an answer, in a thousand.
    missed: u16,
}

impl Evidence {
    /// An echo request leaves.
    pub(in crate::protocol) fn asked(&mut self, now: Time) {
        self.unanswered_since = self.unanswered_since.or(Some(now));
        if self.asked >= WINDOW {
            let missed = WHOLE - WHOLE * self.answered.min(self.asked) / self.asked;
            // Rounded towards the newer figure, so that it gets to the very end.
            self.missed = (self.missed + 2 * missed + u16::from(missed > self.missed)) / 3;
            (self.asked, self.answered) = (0, 0);
        }
        self.asked += 1;
    }

    /// One of them was answered.
    pub(in crate::protocol) fn answered(&mut self, now: Time, interval: Span) {
        if self.answers && self.is_stale(now, interval) {
            self.rejoined = Some(now);
            if self.unanswered_since.is_some_and(|since| now.since(since) > OUTAGE) {
                (self.asked, self.answered, self.missed) = (0, 0, 0);
            }
        }
        self.answers = true;
        self.unanswered_since = None;
        self.answered = self.answered.saturating_add(1);
    }

    /// Something came from the peer.
    pub(in crate::protocol) fn heard(&mut self, now: Time, interval: Span) {
        if !self.answers && self.heard.is_some() && self.is_stale(now, interval) {
            self.rejoined = Some(now);
        }
        self.first_heard = self.first_heard.or(Some(now));
        self.heard = Some(now);
    }

    pub(in crate::protocol) fn is_stale(&self, now: Time, interval: Span) -> bool {
        match self.silent_since() {
            Some(since) => now.since(since) > self.patience(interval),
            None => !self.answers,
        }
    }

    fn silent_since(&self) -> Option<Time> {
        if self.answers { self.unanswered_since } else { self.heard }
    }

    /// How long neither staleness nor share change if nothing is heard or asked.
    pub(in crate::protocol) fn steady_for(&self, now: Time, interval: Span) -> Span {
        if self.rejoined.is_some_and(|since| now.since(since) < REJOIN) {
            return Span::ZERO;
        }
        let left = self.silent_since().map(|since| self.patience(interval) - now.since(since));
        left.filter(|left| *left >= Span::ZERO).unwrap_or(Span::MAX)
    }

    /// Three answers in a row may be lost; more where many are lost without the leg being dead.
    fn patience(&self, interval: Span) -> Span {
        let halves = match self.missed() {
            Some(300..) => 14,
            Some(100..300) => 10,
            _ => 7,
        };
        interval.scaled(halves, 2).max(LEAST_PATIENCE)
    }

    /// `None`: peers that answer nothing have no figure.
    pub(in crate::protocol) fn missed(&self) -> Option<u16> {
        self.answers.then_some(self.missed)
    }

    /// When it began to deliver. The first time counts from the beginning: it has never failed.
    pub(in crate::protocol) fn good_since(&self) -> Option<Time> {
        self.rejoined.or(self.first_heard.map(|at| at - REJOIN))
    }

    /// Its share by now, in 1/`FULL`: what has just failed is not loaded at once.
    pub(in crate::protocol) fn share(&self, now: Time) -> u16 {
        self.rejoined.map_or(FULL, |since| part(now.since(since), REJOIN))
    }
}

/// `elapsed` of `whole` in 1/`FULL`, never nothing.
pub(super) fn part(elapsed: Span, whole: Span) -> u16 {
    if elapsed >= whole {
        return FULL;
    }
    let part = i128::from(elapsed.ticks().max(0)) * i128::from(FULL) / i128::from(whole.ticks().max(1));
    u16::try_from(part).unwrap_or(FULL).clamp(1, FULL)
}

#[cfg(test)]
mod tests {
    use super::*;

    const INTERVAL: Span = Span::from_millis(100);

    fn at(ms: u32) -> Time {
        Time::from_ticks(1 << 60) + Span::from_millis(ms)
    }

    fn answering_until(ms: u32) -> Evidence {
        let mut evidence = Evidence::default();
        for n in 0..=ms / 100 {
            evidence.asked(at(n * 100));
            evidence.heard(at(n * 100 + 20), INTERVAL);
            evidence.answered(at(n * 100 + 20), INTERVAL);
        }
        evidence
    }

    #[test]
    fn unanswered_requests_tell_although_others_are_heard() {
        let mut evidence = answering_until(1000);
        for n in 11..20 {
            evidence.asked(at(n * 100));
            evidence.heard(at(n * 100 + 20), INTERVAL);
            assert_eq!(evidence.is_stale(at(n * 100 + 20), INTERVAL), n * 100 + 20 > 1450, "{n}");
        }
        // Nothing was asked, so nothing can be concluded.
        assert!(!answering_until(1000).is_stale(at(90_000), INTERVAL));
    }

    #[test]
    fn a_long_way_is_no_silence() {
        let mut evidence = Evidence::default();
        for n in 0..100 {
            evidence.asked(at(n * 100));
            if n >= 6 {
                evidence.answered(at(n * 100 + 50), INTERVAL);
            }
            assert!(n < 6 || !evidence.is_stale(at(n * 100 + 99), INTERVAL), "{n}");
        }
    }

    #[test]
    fn who_answers_nothing_is_judged_by_anything() {
        let mut evidence = Evidence::default();
        evidence.asked(at(0));
        assert!(evidence.is_stale(at(0), INTERVAL));
        for n in 0..50 {
            evidence.asked(at(n * 100));
            evidence.heard(at(n * 100), INTERVAL);
            assert!(!evidence.is_stale(at(n * 100 + 99), INTERVAL));
        }
        assert!(!evidence.is_stale(at(4900 + 350), INTERVAL) && evidence.is_stale(at(4900 + 352), INTERVAL));
        assert_eq!((evidence.share(at(4900)), evidence.missed()), (FULL, None));
    }

    #[test]
    fn what_comes_back_is_loaded_slowly_and_what_begins_at_once() {
        let mut evidence = answering_until(1000);
        assert_eq!((evidence.share(at(1000)), evidence.good_since()), (FULL, Some(at(20) - REJOIN)));
        evidence.asked(at(1100));
        evidence.heard(at(3000), INTERVAL);
        evidence.answered(at(3000), INTERVAL);
        assert_eq!(evidence.good_since(), Some(at(3000)));
        let shares = [0, 250, 500, 1000, 9000].map(|ms| evidence.share(at(3000 + ms)));
        assert_eq!(shares, [1, 256, 512, FULL, FULL]);
    }

    #[test]
    fn more_patience_where_answers_are_often_lost() {
        let mut evidence = answering_until(1000);
        for n in 11..100 {
            evidence.asked(at(n * 100));
            if n % 2 == 0 {
                evidence.answered(at(n * 100 + 20), INTERVAL);
            }
        }
        assert!(evidence.missed().is_some_and(|missed| (450..550).contains(&missed)), "{evidence:?}");
        assert!(!evidence.is_stale(at(10_500), INTERVAL) && evidence.is_stale(at(10_700), INTERVAL));
        for n in 100..150 {
            evidence.asked(at(n * 100));
            evidence.answered(at(n * 100 + 20), INTERVAL);
        }
        assert!(evidence.missed().is_some_and(|missed| missed < 10), "{evidence:?}");
    }
}
