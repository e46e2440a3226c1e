//! The wall clock is set: nothing happens.

use std::time::Duration;

use crate::rig::{BITS_PER_SECOND, Fault, Rig, last};
use crate::support::stream::PACKET;

const HOUR: i32 = 3600;
const TWENTY_YEARS: i32 = 20 * 365 * 24 * HOUR;

/// How far the output is behind the input in the middle of `count` looks, in packets.
fn usual_lag(rig: &Rig, count: usize, each: impl Fn(usize)) -> u64 {
    let mut lags: Vec<_> = (0..count)
        .map(|look| {
            each(look);
            last(Duration::from_millis(20));
            rig.feeder.sent() - rig.collector.verdict().last.unwrap_or_default()
        })
        .collect();
    lags.sort_unstable();
    lags[count / 2]
}

#[test]
fn the_wall_clock_may_be_set() {
    let rig = Rig::new(false, true);
    let before = usual_lag(&rig, 50, |_| {});
    let steps = [1, -1, HOUR, -HOUR, TWENTY_YEARS, -TWENTY_YEARS, 0];
    let mut during = 0;
    rig.assert_whole("the wall clock is set", || {
        during = usual_lag(&rig, 210, |look| {
            if look % 10 == 0 {
                rig.set(Fault::Clock, steps[look / 10 % steps.len()]);
            }
        });
    });
    // 20 ms.
    let tolerance = BITS_PER_SECOND / 8 / PACKET as u64 / 50;
    assert!(before.abs_diff(during) <= tolerance.max(2), "{before} packets behind, then {during}");
}
