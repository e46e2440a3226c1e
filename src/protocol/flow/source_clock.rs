//! The sender's media clock seen from here: RTP timestamps to local time, with drift followed slowly.

use crate::protocol::time::{Span, Time};
use crate::wire::clock;
use crate::wire::seq;

/// Length of the windows whose quickest packet tells the offset.
const WINDOW: Span = Span::from_secs(1);
/// How fast the offset may follow: 500 ppm, far above any clock's drift and below what a player notices.
const SLEW_PER_WINDOW: Span = Span::from_micros(500);
/// While the flow is this young its first offset may be corrected at once: the first packet may have been late.
const SETTLING: Span = Span::from_secs(2);
/// By up to so much: it may have come by the slowest of several paths.
const FIRST_STEP: Span = Span::from_millis(500);
/// A lasting change above this is followed in one step.
const STEP: Span = Span::from_millis(100);
const WINDOWS_BEFORE_STEP: u32 = 3;

/// Local time = source time + offset.
#[derive(Debug, Clone)]
pub(super) struct SourceClock {
    anchored: Time,
    offset: u64,
    rate: u32,
    window_start: Time,
    window_min: Option<Span>,
    deviant_windows: u32,
}

impl SourceClock {
    pub(super) fn new(now: Time, timestamp: u32, rate: u32) -> Self {
        let units = u64::from(timestamp);
        let source = clock::rtp_to_ntp(units, rate);
        Self {
            anchored: now,
            offset: now.ticks().wrapping_sub(source),
            rate,
            window_start: now,
            window_min: None,
            deviant_windows: 0,
        }
    }

    pub(super) fn rate(&self) -> u32 {
        self.rate
    }

    /// Source time of a timestamp: the value nearest to what the sender's clock must show now, so that any
    /// number of its 32-bit rounds (13.3 h at 90 kHz) passes unnoticed, in a stream or in its silence.
    pub(super) fn source_time(&self, now: Time, timestamp: u32, rate: u32) -> Time {
        let expected = u128::from(now.ticks().wrapping_sub(self.offset)) * u128::from(rate);
        let units =
            if rate == self.rate { seq::widen((expected >> 32) as u64, timestamp, 32) } else { timestamp.into() };
        Time::from_ticks(clock::rtp_to_ntp(units, rate))
    }

    /// The clock of an in-order packet counts from now on.
    pub(super) fn set_rate(&mut self, rate: u32) {
        self.rate = rate;
    }

    pub(super) fn local(&self, source: Time) -> Time {
        Time::from_ticks(source.ticks().wrapping_add(self.offset))
    }

    /// How much later than the mapping says a packet came; negative = earlier.
    pub(super) fn deviation(&self, now: Time, source: Time) -> Span {
        now.since(self.local(source))
    }

    /// Learns from a first transmission that came in order.
    pub(super) fn learn(&mut self, now: Time, source: Time) {
        let deviation = self.deviation(now, source);
        if now.since(self.anchored) < SETTLING && deviation < Span::ZERO && deviation > Span::ZERO - FIRST_STEP {
            self.shift(deviation);
            self.window_min = None;
            return;
        }
        self.window_min = Some(self.window_min.map_or(deviation, |min| min.min(deviation)));
        if now.since(self.window_start) < WINDOW {
            return;
        }
        self.window_start = now;
        let Some(min) = self.window_min.take() else { return };
        if min.abs() > STEP {
            self.deviant_windows += 1;
            if self.deviant_windows >= WINDOWS_BEFORE_STEP {
                self.shift(min);
                self.deviant_windows = 0;
            }
            return;
        }
        self.deviant_windows = 0;
        self.shift(min.max(Span::ZERO - SLEW_PER_WINDOW).min(SLEW_PER_WINDOW));
    }

    fn shift(&mut self, by: Span) {
        self.offset = self.offset.wrapping_add(by.ticks() as u64);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(ms: u64) -> Time {
        Time::from_ticks(0x83AA_7E80 << 32) + Span::from_ticks(((ms as i64) << 32) / 1000)
    }

    #[test]
    fn the_90_khz_wrap_passes_unnoticed() {
        let clock = SourceClock::new(at(0), u32::MAX - 90, 90_000);
        let before = clock.source_time(at(0), u32::MAX - 90, 90_000);
        let after = clock.source_time(at(2), u32::MAX.wrapping_add(90), 90_000);
        let step = after.since(before);
        assert!(step > Span::ZERO && step.as_micros() <= 2012, "{step:?}");
    }

    #[test]
    fn drift_of_100_ppm_is_followed() {
        let mut clock = SourceClock::new(at(0), 0, 90_000);
        for ms in (0..600_000u64).step_by(10) {
            let timestamp = (ms * 90 + ms * 90 / 10_000) as u32;
            let source = clock.source_time(at(ms), timestamp, 90_000);
            clock.learn(at(ms), source);
            let deviation = clock.deviation(at(ms), source).abs();
            assert!(deviation <= Span::from_millis(1), "{ms}: {deviation:?}");
        }
    }

    #[test]
    fn a_late_first_packet_is_corrected_at_once() {
        let mut clock = SourceClock::new(at(30), 0, 90_000);
        let source = clock.source_time(at(20), 90 * 20, 90_000);
        clock.learn(at(20), source);
        assert!(clock.deviation(at(20), source).abs() < Span::from_millis(1));
    }
}
