//! Times and lengths of time, and the clocks that they are counted by.

use crate::support::cases;
use proptest::prelude::*;
use rist::protocol::time::{Span, Time};
use rist::wire::clock::{ntp_to_rtp, rtp_to_ntp};
use rist::wire::seq::widen;
use std::time::Duration;

/// Those of payload types, the microseconds of Advanced, and any other.
fn rate() -> impl Strategy<Value = u32> {
    prop_oneof![Just(90_000), Just(1_000_000), Just(8_000), Just(65_536), 1..=u32::MAX]
}

fn span() -> impl Strategy<Value = Span> {
    prop_oneof![any::<i64>(), -(1i64 << 40)..1 << 40, Just(i64::MAX), Just(i64::MIN)].prop_map(Span::from_ticks)
}

proptest! {
    #![proptest_config(cases(4000))]

    #[test]
    fn a_timestamp_gives_its_time_back_to_one_unit(ticks: u64, rate in rate(), off in -(1i64 << 30)..1 << 30) {
        let units = ((u128::from(ticks) * u128::from(rate)) >> 32) as u64;
        let near = units.saturating_add_signed(off);
        prop_assert_eq!(widen(near, ntp_to_rtp(ticks, rate), 32), units);
        let back = rtp_to_ntp(units, rate);
        prop_assert!(back <= ticks && ticks - back <= (1 << 32) / u64::from(rate) + 1);
    }

    #[test]
    fn a_time_gives_its_timestamp_back_or_the_one_before(units in 0u64..1 << 48, rate in rate()) {
        let ticks = (u128::from(units) << 32) / u128::from(rate);
        prop_assume!(ticks <= u128::from(u64::MAX));
        let back = ntp_to_rtp(rtp_to_ntp(units, rate), rate);
        prop_assert!((units as u32).wrapping_sub(back) <= 1);
    }

    #[test]
    fn clocks_do_not_run_backwards(one in 0u64..1 << 44, later in 0u64..1 << 44, rate in 4096u32..) {
        prop_assert!(rtp_to_ntp(one, rate) <= rtp_to_ntp(one + later, rate));
    }

    #[test]
    fn milliseconds_and_microseconds_survive(number: u32) {
        prop_assert_eq!(Span::from_millis(number).as_millis(), u64::from(number));
        prop_assert_eq!(Span::from_micros(number).as_micros(), u64::from(number));
        prop_assert_eq!(Span::from_secs(number >> 1).as_millis(), u64::from(number >> 1) * 1000);
        prop_assert!(Span::from_micros(number) <= Span::from_micros(number.saturating_add(1)));
        prop_assert!(Span::from_millis(number).to_duration() >= Duration::from_millis(number.into()));
    }

    #[test]
    fn nobody_waits_too_short_nor_a_microsecond_too_long(span in span()) {
        let waited = span.to_duration();
        prop_assert!(waited.as_micros() >= u128::from(span.as_micros()));
        prop_assert!(waited.as_nanos() <= u128::from(span.as_micros()) * 1000 + 1001);
        prop_assert_eq!(span.as_millis(), span.as_micros() / 1000);
    }

    #[test]
    fn times_and_spans_add_up_across_the_era(ticks: u64, one in span(), other in span()) {
        let time = Time::from_ticks(ticks);
        prop_assert_eq!((time + one).since(time), one);
        prop_assert_eq!(time - one + one, time);
        if one.ticks().checked_add(other.ticks()).is_some() {
            prop_assert_eq!(time + one + other, time + (one + other));
        }
        let exact = |sum: i128| sum.clamp(i64::MIN.into(), i64::MAX.into()) as i64;
        let (a, b) = (i128::from(one.ticks()), i128::from(other.ticks()));
        prop_assert_eq!(((one + other).ticks(), (one - other).ticks()), (exact(a + b), exact(a - b)));
        prop_assert_eq!(one.abs().ticks(), exact(a.abs()));
    }

    #[test]
    fn scaling_is_exact_or_ends_at_the_longest_span(
        span in span(),
        numerator: i64,
        denominator in any::<i64>().prop_filter("a divisor", |divisor| *divisor != 0),
    ) {
        let exact = i128::from(span.ticks()) * i128::from(numerator) / i128::from(denominator);
        let exact = exact.clamp(i64::MIN.into(), i64::MAX.into()) as i64;
        prop_assert_eq!(span.scaled(numerator, denominator).ticks(), exact);
    }
}
