//! The sender's media clock seen from here: timestamps to local time, with drift followed slowly.
//!
//! Source times lie on one line whatever the timestamps count: each kind of them has a scale, its rate and where it begins.
//! A scale that is begun later continues the line, so that a change of the profile in mid-stream is no leap.

use super::arrival::Stamp;
use super::convention::Counts;
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

/// A scale begins here: it can be read backwards as well.
const FIRST_UNIT: u64 = 1 << 40;
/// What has 16 bits of microseconds comes round after 65.5 ms. A packet is late rather than early: it is taken to be no more
/// than so much before its time, and up to 49 ms behind.
pub(super) const EARLY: u64 = 16_384;
/// After such a silence 16 bits do not tell the time any more.
const SILENCE: Span = Span::from_secs(10);

/// What timestamps of one kind count.
#[derive(Debug, Clone, Copy)]
struct Scale {
    rate: u32,
    /// Source time of 0.
    base: u64,
    begun: Time,
    heard: Time,
}

impl Scale {
    /// On which `units`, or what has as many low bits, is `source`.
    fn through(now: Time, units: u64, rate: u32, source: Time) -> Self {
        let base = source.ticks().wrapping_sub(clock::rtp_to_ntp(units, rate));
        Self { rate, base, begun: now, heard: now }
    }

    #[inline]
    fn units(&self, source: Time) -> u64 {
        ((u128::from(source.ticks().wrapping_sub(self.base)) * u128::from(self.rate)) >> 32) as u64
    }

    #[inline]
    fn source(&self, units: u64) -> Time {
        Time::from_ticks(self.base.wrapping_add(clock::rtp_to_ntp(units, self.rate)))
    }

    /// The time nearest to `near`.
    #[inline]
    fn nearest(&self, near: Time, timestamp: u32) -> Time {
        self.source(seq::widen(self.units(near), timestamp, 32))
    }
}

/// Local time = source time + offset.
#[derive(Debug, Clone)]
pub(super) struct SourceClock {
    anchored: Time,
    offset: u64,
    rtp: Option<Scale>,
    advanced: Option<(Counts, Scale)>,
    window_start: Time,
    window_min: Option<Span>,
    /// Packets of the window, and those that were earlier than the mapping says.
    window_count: (u32, u32),
    deviant_windows: u32,
}

impl SourceClock {
    /// From the first packet, with its source time.
    pub(super) fn new(now: Time, stamp: Stamp) -> (Self, Time) {
        let rtp = match stamp {
            Stamp::Rtp { timestamp, rate: Some(rate) } => {
                let source = Time::from_ticks(clock::rtp_to_ntp(u64::from(timestamp), rate));
                Some((Scale { rate, base: 0, begun: now, heard: now }, source))
            }
            _ => None,
        };
        let source = rtp.map_or(now, |(_, source)| source);
        let clock = Self {
            anchored: now,
            offset: now.ticks().wrapping_sub(source.ticks()),
            rtp: rtp.map(|(scale, _)| scale),
            advanced: None,
            window_start: now,
            window_min: None,
            window_count: (0, 0),
            deviant_windows: 0,
        };
        (clock, source)
    }

    /// Of the timestamps of RTP, where there are any.
    pub(super) fn rtp_rate(&self) -> Option<u32> {
        self.rtp.map(|scale| scale.rate)
    }

    /// Source time of an RTP timestamp: the value nearest to what the sender's clock must show now, so that any
    /// number of its 32-bit rounds (13.3 h at 90 kHz) passes unnoticed, in a stream or in its silence.
    #[inline]
    pub(super) fn rtp_time(&self, now: Time, timestamp: u32, rate: u32) -> Option<Time> {
        let scale = self.rtp.as_ref().filter(|scale| scale.rate == rate)?;
        Some(scale.nearest(self.reading(now), timestamp))
    }

    /// Source time of an Advanced timestamp, where it is known what they count. `near`: where it must lie by its
    /// neighbours, for packets that do not come in their order.
    pub(super) fn advanced_time(&self, now: Time, timestamp: u32, near: Option<Time>) -> Option<Time> {
        let (counts, scale) = self.advanced.as_ref()?;
        if *counts == Counts::Microseconds {
            return Some(scale.nearest(self.reading(now), timestamp));
        }
        if now.since(scale.heard) > SILENCE {
            return None;
        }
        let latest = match near {
            Some(near) => scale.units(near).wrapping_add(1 << 15),
            None => scale.units(self.reading(now)).wrapping_add(EARLY),
        };
        let back = latest.wrapping_sub(u64::from(timestamp >> 16)) & 0xFFFF;
        Some(scale.source(latest.wrapping_sub(back)))
    }

    pub(super) fn knows_advanced(&self) -> bool {
        self.advanced.is_some()
    }

    /// RTP timestamps count from now on, at this rate: `timestamp` is `source`.
    pub(super) fn begin_rtp(&mut self, now: Time, timestamp: u32, rate: u32, source: Time) {
        self.rtp = Some(Scale::through(now, FIRST_UNIT | u64::from(timestamp), rate, source));
    }

    /// So do Advanced ones.
    pub(super) fn begin_advanced(&mut self, now: Time, timestamp: u32, counts: Counts, source: Time) {
        let units = match counts {
            Counts::Microseconds => timestamp,
            Counts::Shifted => timestamp >> 16,
        };
        self.advanced = Some((counts, Scale::through(now, FIRST_UNIT | u64::from(units), 1_000_000, source)));
    }

    /// They do not tell the time any more.
    pub(super) fn end_advanced(&mut self) {
        self.advanced = None;
    }

    /// What the sender's clock shows at a time of ours, by its quickest packets.
    #[inline]
    pub(super) fn reading(&self, now: Time) -> Time {
        Time::from_ticks(now.ticks().wrapping_sub(self.offset))
    }

    pub(super) fn local(&self, source: Time) -> Time {
        Time::from_ticks(source.ticks().wrapping_add(self.offset))
    }

    /// How much later than the mapping says a packet came; negative = earlier.
    pub(super) fn deviation(&self, now: Time, source: Time) -> Span {
        now.since(self.local(source))
    }

    /// Learns from a first transmission that came in order, whose stamp has told its source time.
    pub(super) fn learn(&mut self, now: Time, source: Time, stamp: Stamp) {
        let deviation = self.deviation(now, source);
        let narrow = match (stamp, &mut self.advanced) {
            (Stamp::Advanced { .. }, Some((counts, scale))) => {
                scale.heard = now;
                *counts == Counts::Shifted
            }
            _ => false,
        };
        if deviation < Span::ZERO && !narrow && self.settles(now, deviation, stamp) {
            return;
        }
        if narrow {
            self.window_count = (self.window_count.0 + 1, self.window_count.1 + u32::from(deviation < Span::ZERO));
        }
        self.window_min = Some(self.window_min.map_or(deviation, |min| min.min(deviation)));
        if now.since(self.window_start) < WINDOW {
            return;
        }
        self.window_start = now;
        let (all, early) = self.window_count;
        let Some(mut min) = self.window_min else { return };
        self.restart_window();
        // Of 16 bits what is very late looks early: many must be.
        if early < all / 4 {
            min = min.max(Span::ZERO);
        }
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

    /// Whether a packet that is earlier than the mapping says corrects it at once, while that is young.
    #[inline(never)]
    fn settles(&mut self, now: Time, deviation: Span, stamp: Stamp) -> bool {
        if deviation <= Span::ZERO - FIRST_STEP {
            return false;
        }
        let is_rtp = matches!(stamp, Stamp::Rtp { .. });
        if is_rtp && now.since(self.anchored) < SETTLING {
            self.shift(deviation);
            self.restart_window();
            return true;
        }
        // The line was continued with what may have been a late packet.
        let scale = if is_rtp { self.rtp.as_mut() } else { self.advanced.as_mut().map(|(_, scale)| scale) };
        let Some(scale) = scale.filter(|scale| now.since(scale.begun) < SETTLING) else { return false };
        scale.base = scale.base.wrapping_add(deviation.ticks() as u64);
        true
    }

    fn restart_window(&mut self) {
        self.window_min = None;
        self.window_count = (0, 0);
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

    fn stamp(timestamp: u32) -> Stamp {
        Stamp::Rtp { timestamp, rate: Some(90_000) }
    }

    #[test]
    fn the_90_khz_wrap_passes_unnoticed() {
        let (clock, _) = SourceClock::new(at(0), stamp(u32::MAX - 90));
        let before = clock.rtp_time(at(0), u32::MAX - 90, 90_000).expect("known");
        let after = clock.rtp_time(at(2), u32::MAX.wrapping_add(90), 90_000).expect("known");
        let step = after.since(before);
        assert!(step > Span::ZERO && step.as_micros() <= 2012, "{step:?}");
    }

    #[test]
    fn drift_of_100_ppm_is_followed() {
        let (mut clock, _) = SourceClock::new(at(0), stamp(0));
        for ms in (0..600_000u64).step_by(10) {
            let timestamp = (ms * 90 + ms * 90 / 10_000) as u32;
            let source = clock.rtp_time(at(ms), timestamp, 90_000).expect("known");
            clock.learn(at(ms), source, stamp(timestamp));
            let deviation = clock.deviation(at(ms), source).abs();
            assert!(deviation <= Span::from_millis(1), "{ms}: {deviation:?}");
        }
    }

    #[test]
    fn a_late_first_packet_is_corrected_at_once() {
        let (mut clock, _) = SourceClock::new(at(30), stamp(0));
        let source = clock.rtp_time(at(20), 90 * 20, 90_000).expect("known");
        clock.learn(at(20), source, stamp(90 * 20));
        assert!(clock.deviation(at(20), source).abs() < Span::from_millis(1));
    }
}
