//! What holds for every input, tried with many: averages stay within what was measured, and buffers keep their bytes.

use super::meter::Meter;
use super::payload::{Payload, Pool};
use super::peer::rtt::Rtt;
use super::time::{Span, Time};
use crate::properties::cases;
use proptest::prelude::*;

proptest! {
    #![proptest_config(cases(500))]

    #[test]
    fn round_trip_times_stay_within_what_was_measured(samples in prop::collection::vec(any::<i64>().prop_map(|it| it >> 20), 1..200)) {
        let mut rtt = Rtt::default();
        let mut possible: Vec<Span> = Vec::new();
        for sample in samples.into_iter().map(Span::from_ticks) {
            rtt.sample(sample);
            if (Span::ZERO..=Span::from_secs(30)).contains(&sample) {
                possible.push(sample);
            }
            prop_assert_eq!(rtt.last(), possible.last().copied());
            let (Some(least), Some(most)) = (possible.iter().min(), possible.iter().max()) else { continue };
            let within = |span: Option<Span>| span.is_some_and(|span| (*least..=*most).contains(&span));
            prop_assert!(within(rtt.smoothed()) && within(rtt.min()));
            prop_assert!(rtt.min() <= rtt.last());
            prop_assert!(rtt.variance().is_some_and(|variance| (Span::ZERO..=*most).contains(&variance)));
        }
    }

    #[test]
    fn a_steady_stream_has_its_rate_and_silence_has_none(bytes in 1usize..5000, interval_us in 100u32..4000, slow: bool) {
        let mut meter = if slow { Meter::slow() } else { Meter::fast() };
        let mut now = Time::from_ticks(u64::MAX - (1 << 32));
        for _ in 0..5_000_000 / interval_us {
            meter.add(now, bytes);
            now += Span::from_micros(interval_us);
        }
        let expected = bytes as f64 * 8e6 / f64::from(interval_us);
        let measured = meter.rate(now) as f64;
        prop_assert!((0.9..1.1).contains(&(measured / expected)), "{measured}, not {expected}");
        now += Span::from_secs(60);
        meter.rate(now);
        prop_assert_eq!(meter.rate(now + Span::from_secs(60)), 0);
    }

    #[test]
    fn no_rate_is_above_that_of_all_bytes_in_one_window(adds in prop::collection::vec((0u32..2_000_000, 0usize..70_000), 1..100)) {
        let mut meter = Meter::fast();
        let mut now = Time::from_ticks(1 << 50);
        let mut sum = 0.0;
        for (pause_us, bytes) in adds {
            now += Span::from_micros(pause_us);
            meter.add(now, bytes);
            sum += bytes as f64;
            prop_assert!(meter.rate(now) as f64 <= sum * 80.0 + 1.0);
        }
    }

    #[test]
    fn a_buffer_has_its_bytes_until_its_last_owner_drops_it(
        steps in prop::collection::vec((0u8..5, any::<prop::sample::Index>(), any::<prop::sample::Index>(), 0usize..200), 1..300),
    ) {
        let pool = Pool::new();
        let mut owned: Vec<(Payload, Vec<u8>)> = Vec::new();
        for (step, one, other, len) in steps {
            if step < 2 || owned.is_empty() {
                let bytes: Vec<u8> = (0..len).map(|at| (at * 31 + owned.len()) as u8).collect();
                owned.push((pool.copy(&bytes), bytes));
                continue;
            }
            let (one, other) = (one.index(owned.len()), other.index(owned.len()));
            match step {
                2 => owned.push(owned[one].clone()),
                3 => drop(owned.swap_remove(one)),
                _ => {
                    let bytes = [&owned[one].1[..], &owned[other].1].concat();
                    owned.push((owned[one].0.followed_by(&owned[other].0), bytes));
                }
            }
            prop_assert!(owned.iter().all(|(payload, bytes)| payload[..] == bytes[..]));
            // No more than a page or two, however often they are joined.
            owned.retain(|(_, bytes)| bytes.len() < 4000);
        }
    }
}
