//! Bit rates as libRIST reports them: windows smoothed with weight 1/8, falling to 0 in silence.

use super::time::{Span, Time};

#[derive(Debug, Clone)]
pub(super) struct Meter {
    window: Span,
    started: Option<Time>,
    bytes: u64,
    smoothed: f64,
    primed: bool,
}

impl Meter {
    /// 100 ms windows follow quickly, 1 s windows slowly.
    pub(super) fn new(window: Span) -> Self {
        Self { window, started: None, bytes: 0, smoothed: 0.0, primed: false }
    }

    pub(super) fn fast() -> Self {
        Self::new(Span::from_millis(100))
    }

    pub(super) fn slow() -> Self {
        Self::new(Span::from_millis(1000))
    }

    pub(super) fn add(&mut self, now: Time, bytes: usize) {
        self.roll(now);
        self.bytes += bytes as u64;
    }

    /// bit/s.
    pub(super) fn rate(&mut self, now: Time) -> u64 {
        self.roll(now);
        self.smoothed as u64
    }

    fn roll(&mut self, now: Time) {
        let Some(started) = self.started else {
            self.started = Some(now);
            return;
        };
        let elapsed = now.since(started);
        if elapsed < self.window {
            return;
        }
        let rate = self.bytes as f64 * 8.0 / elapsed.as_secs_f64();
        let windows = elapsed.ticks() / self.window.ticks();
        if !self.primed && self.bytes > 0 {
            self.smoothed = rate;
            self.primed = true;
        } else if windows > 16 {
            self.smoothed = rate;
        } else {
            let keep = 0.875_f64.powi(windows as i32);
            self.smoothed = self.smoothed * keep + rate * (1.0 - keep);
        }
        self.bytes = 0;
        self.started = Some(now);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_steady_rate_is_met_and_silence_decays() {
        let mut meter = Meter::fast();
        let mut now = Time::from_ticks(1 << 40);
        for _ in 0..3000 {
            meter.add(now, 1250);
            now += Span::from_millis(1);
        }
        let rate = meter.rate(now);
        assert!((9_500_000..=10_500_000).contains(&rate), "{rate}");
        assert_eq!(meter.rate(now + Span::from_secs(3)), 0);
    }
}
