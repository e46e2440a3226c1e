//! A token bucket that keeps media plus retransmissions below the ceiling; media is never held back.
//!
//! The ceiling (`bandwidth`) is often left at 100 Mbit/s on links that carry far less. So retransmissions also keep a
//! measure that the media gives: what has carried the stream may carry it a few times faster for a moment. Deadlines
//! follow one another as fast as the media was written, so a faster repair would save nothing.

use crate::protocol::time::{Span, Time};

/// Retransmissions that may leave at once, so that a NACK of usual size is answered without delay: as much as the
/// ceiling lets through in 50 ms, but neither less nor, up to 10 ms of it, more than these.
const LEAST_BURST: i64 = 8 * 1400;
const USUAL_BURST: i64 = 64 * 1400;
/// Share of the ceiling that retransmissions get even when media alone fills it.
const MIN_SHARE: i64 = 20;
/// Retransmissions go up to this many times as fast as the media has gone, and so many octets at once.
const TIMES_MEDIA: i64 = 3;
const MEDIA_BURST: i64 = 16 * 1400;
/// Where a queue fills up, each of them would push out media: they go at this part of its pace, one by one.
const CONGESTED_SHARE: i64 = 16;
const CONGESTED_BURST: i64 = 1400;
/// The media's rate is taken over windows of this length; the highest is forgotten by a sixteenth per window.
const WINDOW: Span = Span::from_millis(100);

#[derive(Debug)]
pub(super) struct Pacer {
    /// Bytes a second.
    ceiling: i64,
    tokens: i64,
    filled: Option<Time>,
    /// Media of the running window, to let it use the ceiling first.
    media_debt: i64,
    /// Bytes a second that the media has gone at; 0 = not known yet.
    media_rate: i64,
    /// A queue on the way is filling up.
    congested: bool,
    window: Option<(Time, i64)>,
    /// What follows from ceiling, media rate and congestion.
    limits: Limits,
}

#[derive(Debug, Clone, Copy)]
struct Limits {
    /// Bytes a second of retransmissions at most.
    pace: i64,
    /// Bytes of them at once.
    burst: i64,
}

impl Default for Pacer {
    fn default() -> Self {
        let mut new = Self {
            ceiling: 100_000 * 125,
            tokens: USUAL_BURST,
            filled: None,
            media_debt: 0,
            media_rate: 0,
            congested: false,
            window: None,
            limits: Limits { pace: 0, burst: 0 },
        };
        new.set_limits();
        new
    }
}

impl Pacer {
    pub(super) fn set_ceiling(&mut self, kbps: u32) {
        self.ceiling = i64::from(kbps.max(1)) * 125;
        self.set_limits();
    }

    pub(super) fn set_congested(&mut self, congested: bool) {
        self.congested = congested;
        self.set_limits();
    }

    fn set_limits(&mut self) {
        let pace = self.pace();
        self.limits = Limits { pace, burst: self.burst(pace) };
    }

    fn pace(&self) -> i64 {
        match (self.media_rate, self.congested) {
            (0, _) => self.ceiling,
            (rate, true) => (rate / CONGESTED_SHARE).max(1).min(self.ceiling),
            (rate, false) => (rate * TIMES_MEDIA).min(self.ceiling),
        }
    }

    fn burst(&self, pace: i64) -> i64 {
        if self.congested {
            return CONGESTED_BURST;
        }
        let by_ceiling = (self.ceiling / 20).clamp(LEAST_BURST, USUAL_BURST).max(self.ceiling / 100);
        by_ceiling.min(MEDIA_BURST.max(pace / 100))
    }

    fn fill(&mut self, now: Time) {
        let Limits { pace, burst } = self.limits;
        self.tokens = self.tokens.min(burst);
        let Some(filled) = self.filled.replace(now) else { return };
        let elapsed = now.since(filled).max(Span::ZERO).min(Span::from_secs(1));
        let earned_at = |rate: i64| ((i128::from(elapsed.ticks()) * i128::from(rate)) >> 32) as i64;
        let earned = earned_at(self.ceiling);
        let paid = self.media_debt.min(earned - earned / MIN_SHARE);
        self.media_debt = (self.media_debt - paid).min(self.ceiling / 10);
        self.tokens = (self.tokens + (earned - paid).min(earned_at(pace))).min(burst);
    }

    pub(super) fn media(&mut self, now: Time, bytes: usize) {
        self.fill(now);
        self.media_debt += bytes as i64;
        self.measure(now, bytes as i64);
    }

    fn measure(&mut self, now: Time, bytes: i64) {
        let Some((started, sum)) = &mut self.window else {
            self.window = Some((now, bytes));
            return;
        };
        *sum += bytes;
        let elapsed = now.since(*started);
        if elapsed >= WINDOW {
            let rate = (i128::from(*sum) << 32) / i128::from(elapsed.ticks());
            self.media_rate = (self.media_rate - self.media_rate / 16).max(rate as i64);
            self.set_limits();
            self.window = Some((now, 0));
        }
    }

    pub(super) fn repair(&mut self, now: Time, bytes: usize) {
        self.fill(now);
        self.tokens -= bytes as i64;
    }

    /// When a retransmission may leave.
    pub(super) fn ready_at(&mut self, now: Time) -> Time {
        self.fill(now);
        if self.tokens > 0 {
            return now;
        }
        let owed = (1 - self.tokens).max(1400);
        let wait = Span::from_ticks(((i128::from(owed) << 32) / i128::from(self.limits.pace.max(1))) as i64);
        now + wait.max(Span::from_micros(200))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Media of 1000 bytes each millisecond for ten seconds; repairs whenever they may leave.
    fn repaired(pacer: &mut Pacer) -> f64 {
        let mut now = Time::from_ticks(1 << 40);
        let mut repaired = 0usize;
        for ms in 0..10_000 {
            now += Span::from_millis(1);
            pacer.media(now, 1000);
            while ms > 200 && pacer.ready_at(now) <= now {
                pacer.repair(now, 1000);
                repaired += 1000;
            }
        }
        (repaired as f64 - pacer.limits.burst as f64) * 8.0 / 9.8
    }

    #[test]
    fn retransmissions_take_what_media_leaves_of_the_ceiling() {
        let mut pacer = Pacer::default();
        pacer.set_ceiling(9_000);
        let rate = repaired(&mut pacer);
        assert!((800_000.0..1_200_000.0).contains(&rate), "{rate}");
    }

    #[test]
    fn retransmissions_go_three_times_as_fast_as_the_media() {
        let rate = repaired(&mut Pacer::default());
        assert!((22_000_000.0..26_000_000.0).contains(&rate), "{rate}");
    }

    #[test]
    fn on_a_full_link_retransmissions_go_at_a_fraction_of_the_media() {
        let mut pacer = Pacer::default();
        pacer.set_congested(true);
        let rate = repaired(&mut pacer);
        assert!((450_000.0..550_000.0).contains(&rate), "{rate}");
    }

    #[test]
    fn a_pause_of_the_media_does_not_slow_repairs_of_what_was_before() {
        let mut pacer = Pacer::default();
        repaired(&mut pacer);
        let before = pacer.limits.pace;
        let later = Time::from_ticks(1 << 40) + Span::from_secs(15);
        assert!(pacer.ready_at(later) <= later);
        assert_eq!(pacer.limits.pace, before);
    }
}
