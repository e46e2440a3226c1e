//! The timestamp field: three ways of counting are in use, and nothing in the packet says which.

use crate::wire::clock::{ntp_to_rtp, rtp_to_ntp};
use crate::wire::seq::widen;

/// Units per second of the clock that the standard names.
pub const RATE: u32 = 1_000_000;
/// Bits that follow the microseconds in the other two.
const FRACTION: u32 = 16;

/// A way of counting.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Clock {
    /// Microseconds: TR-06-3, and libRIST from 0.2.19. Comes around in 71.6 minutes.
    Microseconds,
    /// 2^-16 microseconds: libRIST before that. Comes around in 65.5 ms.
    Fractions,
    /// As `Fractions`, but whole microseconds: ristgo and ristrust. The low 16 bits are always zero.
    ShiftedMicroseconds,
}

impl Clock {
    /// The timestamp of a time in NTP-64 ticks: rounded down, low 32 bits.
    #[inline]
    pub fn timestamp(self, ticks: u64) -> u32 {
        match self {
            Clock::Microseconds => ntp_to_rtp(ticks, RATE),
            Clock::Fractions => (scaled(ticks) >> (32 - FRACTION)) as u32,
            Clock::ShiftedMicroseconds => ntp_to_rtp(ticks, RATE) << FRACTION,
        }
    }

    /// The timestamp of a time in microseconds, of which the low 32 bits are known: of fractions those are zero.
    #[inline]
    pub fn timestamp_of(self, micros: u32) -> u32 {
        match self {
            Clock::Microseconds => micros,
            Clock::Fractions | Clock::ShiftedMicroseconds => micros << FRACTION,
        }
    }

    /// The time next to `near` that has this timestamp, in NTP-64 ticks.
    ///
    /// `near` must be right to half a turn: 35 minutes, or 32 ms.
    pub fn time(self, timestamp: u32, near: u64) -> u64 {
        let microseconds = (scaled(near) >> 32) as u64;
        match self {
            Clock::Microseconds => rtp_to_ntp(widen(microseconds, timestamp, 32), RATE),
            Clock::ShiftedMicroseconds => rtp_to_ntp(widen(microseconds, timestamp >> FRACTION, 16), RATE),
            // Their full count has more than 64 bits, so it is the distance that is converted.
            Clock::Fractions => {
                let distance = timestamp.wrapping_sub(self.timestamp(near)) as i32;
                let ticks = (i64::from(distance) << (32 - FRACTION)) / i64::from(RATE);
                near.saturating_add_signed(ticks)
            }
        }
    }
}

/// Whether a timestamp is one of [`Clock::ShiftedMicroseconds`]; of others one in 65536 is too.
pub fn looks_shifted(timestamp: u32) -> bool {
    timestamp.trailing_zeros() >= FRACTION
}

fn scaled(ticks: u64) -> u128 {
    u128::from(ticks) * u128::from(RATE)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn one_instant_is_told_in_three_ways() {
        let text = include_str!("../../../tests/vectors/advanced/b14-timestamps.txt");
        let mut checked = 0;
        for line in text.lines().filter(|line| !line.starts_with('#')) {
            let mut values = line.split_whitespace().map(|field| {
                let (_, value) = field.split_once('=').expect("name and value");
                u64::from_str_radix(value, 16).expect("hexadecimal")
            });
            let ticks = values.next().expect("a time");
            for clock in [Clock::Microseconds, Clock::Fractions, Clock::ShiftedMicroseconds] {
                assert_eq!(values.next(), Some(u64::from(clock.timestamp(ticks))), "{clock:?}: {line}");
            }
            checked += 1;
        }
        assert_eq!(checked, 3);
    }

    proptest! {
        /// To a unit, and the same whatever was known about the time.
        #[test]
        fn a_time_comes_back(ticks in 1u64 << 40..1 << 63, off in -1_000_000i64..1_000_000) {
            for (clock, reach, unit) in [
                (Clock::Microseconds, 2000 << 32, 4296),
                (Clock::Fractions, 130_000_000, 2),
                (Clock::ShiftedMicroseconds, 130_000_000, 4296),
            ] {
                let near = ticks.saturating_add_signed(reach / 1_000_000 * off);
                let time = clock.time(clock.timestamp(ticks), near);
                prop_assert!(time.abs_diff(ticks) <= unit, "{clock:?}: {ticks} {near} {time}");
            }
        }

        #[test]
        fn nothing_overflows(ticks: u64, timestamp: u32) {
            for clock in [Clock::Microseconds, Clock::Fractions, Clock::ShiftedMicroseconds] {
                clock.timestamp(ticks);
                clock.time(timestamp, ticks);
            }
        }
    }
}
