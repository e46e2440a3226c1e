//! The two clocks, as NTP-64.

use crate::protocol::time::{Span, Time};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// Seconds from 1900 to 1970. libRIST adds them to its monotonic clock too.
const NTP_UNIX_OFFSET: u64 = 2_208_988_800;

fn ntp(since_origin: Duration) -> u64 {
    let seconds = since_origin.as_secs().wrapping_add(NTP_UNIX_OFFSET);
    let fraction = (u64::from(since_origin.subsec_nanos()) << 32) / 1_000_000_000;
    (seconds << 32) | fraction
}

/// The monotonic clock, as libRIST expresses it: its seconds + 2,208,988,800.
pub(in crate::runtime) fn now() -> Time {
    Time::from_ticks(ntp(monotonic()))
}

/// How far the wall clock is ahead of [`now`].
pub(in crate::runtime) fn wall_clock_ahead() -> Span {
    let wall = ntp(SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default());
    Time::from_ticks(wall).since(now())
}

#[cfg(unix)]
fn monotonic() -> Duration {
    let mut value = libc::timespec { tv_sec: 0, tv_nsec: 0 };
    // SAFETY: `value` is a timespec that lives through the call. The monotonic clock always exists.
    unsafe { libc::clock_gettime(libc::CLOCK_MONOTONIC, &mut value) };
    Duration::new(value.tv_sec as u64, value.tv_nsec as u32)
}

/// This thread's waits end on time, instead of up to 50 µs later together with others.
pub(in crate::runtime) fn wait_precisely() {
    #[cfg(any(target_os = "linux", target_os = "android"))]
    // SAFETY: the option takes a number of nanoseconds and no pointer.
    let _ = unsafe { libc::prctl(libc::PR_SET_TIMERSLACK, 1 as libc::c_ulong) };
}

#[cfg(not(unix))]
fn monotonic() -> Duration {
    use std::sync::OnceLock;
    use std::time::Instant;
    static ORIGIN: OnceLock<Instant> = OnceLock::new();
    ORIGIN.get_or_init(Instant::now).elapsed()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_clock_counts_ntp_seconds_of_the_monotonic_clock() {
        let before = monotonic().as_secs();
        let seconds = now().ticks() >> 32;
        let after = monotonic().as_secs();
        assert!((before..=after).contains(&(seconds - NTP_UNIX_OFFSET)));
    }

    #[test]
    fn the_wall_clock_is_the_monotonic_clock_and_the_difference() {
        let wall = (now() + wall_clock_ahead()).ticks() >> 32;
        let expected = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs() + NTP_UNIX_OFFSET;
        assert!(wall.abs_diff(expected & 0xFFFF_FFFF) <= 1 || wall.abs_diff(expected) <= 1);
    }

    #[test]
    fn half_a_second_is_half_the_fraction() {
        assert_eq!(ntp(Duration::from_millis(1500)), ((NTP_UNIX_OFFSET + 1) << 32) | (1 << 31));
    }
}
