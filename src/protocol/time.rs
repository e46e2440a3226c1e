//! Points and lengths of time, in NTP-64 ticks (2^-32 s), as libRIST's API counts them.

use std::ops::{Add, AddAssign, Sub};
use std::time::Duration;

/// A point in time: monotonic NTP-64, that is seconds since 1900 in 32.32 fixed point.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Time(u64);

/// A signed length of time in ticks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Span(i64);

impl Time {
    pub const fn from_ticks(ticks: u64) -> Self {
        Self(ticks)
    }

    pub const fn ticks(self) -> u64 {
        self.0
    }

    /// How far `self` lies after `earlier`; negative when before. Wraps with the NTP era.
    pub const fn since(self, earlier: Time) -> Span {
        Span(self.0.wrapping_sub(earlier.0) as i64)
    }
}

impl Span {
    pub const ZERO: Span = Span(0);
    pub const MAX: Span = Span(i64::MAX);

    pub const fn from_ticks(ticks: i64) -> Self {
        Self(ticks)
    }

    pub const fn ticks(self) -> i64 {
        self.0
    }

    pub const fn from_secs(seconds: u32) -> Self {
        Self((seconds as i64) << 32)
    }

    pub const fn from_millis(ms: u32) -> Self {
        Self(((ms as u64) << 32).div_ceil(1000) as i64)
    }

    pub const fn from_micros(us: u32) -> Self {
        Self(((us as u64) << 32).div_ceil(1_000_000) as i64)
    }

    /// Whole milliseconds, towards zero; 0 when negative.
    pub const fn as_millis(self) -> u64 {
        if self.0 <= 0 { 0 } else { ((self.0 as u128 * 1000) >> 32) as u64 }
    }

    /// Whole microseconds, towards zero; 0 when negative.
    pub const fn as_micros(self) -> u64 {
        if self.0 <= 0 { 0 } else { ((self.0 as u128 * 1_000_000) >> 32) as u64 }
    }

    pub fn as_secs_f64(self) -> f64 {
        self.0 as f64 / 4_294_967_296.0
    }

    pub fn as_millis_f64(self) -> f64 {
        self.as_secs_f64() * 1000.0
    }

    /// For the operating system's waiting calls: rounded up to a nanosecond, 0 when negative.
    pub const fn to_duration(self) -> Duration {
        if self.0 <= 0 {
            return Duration::ZERO;
        }
        let nanos = ((self.0 as u128 * 1_000_000_000) >> 32) as u64 + 1;
        Duration::from_nanos(nanos)
    }

    /// `self * numerator / denominator` without overflow.
    #[inline]
    pub const fn scaled(self, numerator: i64, denominator: i64) -> Span {
        // Nearly always 64 bits have room.
        if let Some(product) = self.0.checked_mul(numerator)
            && let Some(quotient) = product.checked_div(denominator)
        {
            return Span(quotient);
        }
        self.scaled_widely(numerator, denominator)
    }

    #[cold]
    const fn scaled_widely(self, numerator: i64, denominator: i64) -> Span {
        let value = self.0 as i128 * numerator as i128 / denominator as i128;
        if value > i64::MAX as i128 {
            Span(i64::MAX)
        } else if value < i64::MIN as i128 {
            Span(i64::MIN)
        } else {
            Span(value as i64)
        }
    }

    /// What a sum that does not fit is taken for. It has this one's sign.
    #[cold]
    fn limit(self) -> Span {
        Span(if self.0 < 0 { i64::MIN } else { i64::MAX })
    }

    pub const fn abs(self) -> Span {
        Span(self.0.saturating_abs())
    }
}

impl Add<Span> for Time {
    type Output = Time;
    fn add(self, span: Span) -> Time {
        Time(self.0.wrapping_add(span.0 as u64))
    }
}

impl AddAssign<Span> for Time {
    fn add_assign(&mut self, span: Span) {
        *self = *self + span;
    }
}

impl Sub<Span> for Time {
    type Output = Time;
    fn sub(self, span: Span) -> Time {
        Time(self.0.wrapping_sub(span.0 as u64))
    }
}

impl Add for Span {
    type Output = Span;
    fn add(self, other: Span) -> Span {
        self.0.checked_add(other.0).map_or_else(|| self.limit(), Span)
    }
}

impl Sub for Span {
    type Output = Span;
    fn sub(self, other: Span) -> Span {
        self.0.checked_sub(other.0).map_or_else(|| self.limit(), Span)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn milliseconds_survive_the_conversion() {
        for ms in [0, 1, 5, 15, 250, 1000, 60_000, u32::MAX] {
            assert_eq!(Span::from_millis(ms).as_millis(), u64::from(ms));
        }
        assert_eq!(Span::from_micros(250).as_micros(), 250);
        assert_eq!(Span::from_secs(2), Span::from_millis(2000));
    }

    #[test]
    fn scaling_is_the_same_with_and_without_room_in_64_bits() {
        let spans = [0, 1, -7, 1 << 31, -(1 << 40), i64::MAX / 3, i64::MAX, i64::MIN].map(Span);
        for span in spans {
            for (numerator, denominator) in [(1, 10), (5, 4), (-3, 7), (1 << 40, 1000), (i64::MAX, 2), (-1, 1)] {
                let (value, wide) = (span.scaled(numerator, denominator), span.scaled_widely(numerator, denominator));
                assert_eq!(value, wide, "{span:?} * {numerator} / {denominator}");
            }
        }
        assert_eq!(Span::MAX.scaled(3, 2), Span::MAX);
    }

    #[test]
    fn sums_end_at_the_longest_span() {
        let least = Span(i64::MIN);
        assert_eq!([Span::MAX + Span(1), Span::MAX - Span(-1), Span(0) - least], [Span::MAX; 3]);
        assert_eq!([least - Span(1), least + Span(-1), Span(-2) - Span::MAX], [least; 3]);
        assert_eq!((Span(3) + Span(4), Span(3) - Span(4)), (Span(7), Span(-1)));
    }

    #[test]
    fn differences_are_signed_and_cross_the_era() {
        let late = Time::from_ticks(5);
        let early = Time::from_ticks(u64::MAX - 4);
        assert_eq!(late.since(early).ticks(), 10);
        assert_eq!(early.since(late).ticks(), -10);
        assert_eq!(early.since(late).as_millis(), 0);
    }
}
