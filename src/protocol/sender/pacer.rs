//! A token bucket that keeps media plus retransmissions below the ceiling; media is never held back.

use crate::protocol::time::{Span, Time};

/// Retransmissions that may leave at once, so that a NACK of usual size is answered without delay: as much as the
/// ceiling lets through in 50 ms, but neither less nor, up to 10 ms of it, more than these.
const LEAST_BURST: i64 = 8 * 1400;
const USUAL_BURST: i64 = 64 * 1400;
/// Share of the ceiling that retransmissions get even when media alone fills it.
const MIN_SHARE: i64 = 20;

#[derive(Debug)]
pub(super) struct Pacer {
    /// Bytes a second.
    ceiling: i64,
    tokens: i64,
    filled: Option<Time>,
    /// Media of the running window, to let it use the ceiling first.
    media_debt: i64,
}

impl Default for Pacer {
    fn default() -> Self {
        Self { ceiling: 100_000 * 125, tokens: USUAL_BURST, filled: None, media_debt: 0 }
    }
}

impl Pacer {
    pub(super) fn set_ceiling(&mut self, kbps: u32) {
        self.ceiling = i64::from(kbps.max(1)) * 125;
    }

    fn burst(&self) -> i64 {
        (self.ceiling / 20).clamp(LEAST_BURST, USUAL_BURST).max(self.ceiling / 100)
    }

    fn fill(&mut self, now: Time) {
        self.tokens = self.tokens.min(self.burst());
        let Some(filled) = self.filled.replace(now) else { return };
        let elapsed = now.since(filled).max(Span::ZERO).min(Span::from_secs(1));
        let earned = ((i128::from(elapsed.ticks()) * i128::from(self.ceiling)) >> 32) as i64;
        let paid = self.media_debt.min(earned - earned / MIN_SHARE);
        self.media_debt = (self.media_debt - paid).min(self.ceiling / 10);
        self.tokens = (self.tokens + earned - paid).min(self.burst());
    }

    pub(super) fn media(&mut self, now: Time, bytes: usize) {
        self.fill(now);
        self.media_debt += bytes as i64;
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
        let wait = Span::from_ticks(((i128::from(owed) << 32) / i128::from(self.ceiling.max(1))) as i64);
        now + wait.max(Span::from_micros(200))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn retransmissions_take_what_media_leaves_of_the_ceiling() {
        let mut pacer = Pacer::default();
        pacer.set_ceiling(9_000);
        let mut now = Time::from_ticks(1 << 40);
        let (mut repaired, mut sent) = (0usize, 0usize);
        for _ in 0..10_000 {
            now += Span::from_millis(1);
            pacer.media(now, 1000);
            sent += 1000;
            while pacer.ready_at(now) <= now {
                pacer.repair(now, 1000);
                repaired += 1000;
            }
        }
        let rate = (repaired as f64 - pacer.burst() as f64) * 8.0 / 10.0;
        assert!((800_000.0..1_200_000.0).contains(&rate), "{rate} beside {sent}");
    }
}
