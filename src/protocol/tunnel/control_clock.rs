//! Which library speaks, by the timestamps of its control messages: they come before any media.

use crate::protocol::time::{Span, Time};

/// Messages after which it is believed.
const ENOUGH: u8 = 2;
/// Two messages tell something if they are so far apart.
const APART: Span = Span::from_millis(20);
/// What the way may add or take.
const JITTER: i64 = 50_000;

#[derive(Debug, Default)]
pub(in crate::protocol) struct ControlClock {
    last: Option<(Time, u32)>,
    /// Messages in a row whose low half is zero, each with another timestamp.
    shifted: u8,
    /// In a row: more than the time between them, and as much.
    fast: u8,
    plain: u8,
}

impl ControlClock {
    pub(in crate::protocol) fn heard(&mut self, now: Time, timestamp: u32) {
        let Some((before, last)) = self.last else {
            self.last = Some((now, timestamp));
            self.shifted = u8::from(timestamp & 0xFFFF == 0);
            return;
        };
        if timestamp & 0xFFFF != 0 {
            self.shifted = 0;
        } else if timestamp != last {
            self.shifted = self.shifted.saturating_add(1);
        }
        let elapsed = now.since(before);
        if elapsed < APART {
            return;
        }
        self.last = Some((now, timestamp));
        let (advance, elapsed) = (i64::from(timestamp.wrapping_sub(last) as i32), elapsed.as_micros() as i64);
        if (advance - elapsed).abs() <= elapsed / 2 + JITTER {
            (self.plain, self.fast) = (self.plain.saturating_add(1), 0);
        } else {
            (self.plain, self.fast) = (0, self.fast.saturating_add(1));
        }
    }

    /// Microseconds shifted left by 16 (ristgo, ristrust).
    pub(in crate::protocol) fn is_shifted(&self) -> bool {
        self.shifted >= ENOUGH
    }

    /// As far as can be told when media begins, which waits for the first message and no longer: of others one in 65,536
    /// looks like that.
    pub(in crate::protocol) fn seems_shifted(&self) -> bool {
        let looks = |timestamp: u32| timestamp != 0 && timestamp & 0xFFFF == 0;
        self.is_shifted() || (self.shifted == 1 && self.last.is_some_and(|(_, timestamp)| looks(timestamp)))
    }

    /// One that takes our answer to an echo for what it is. libRIST before 0.2.19 has a clock that runs 65,536 times too
    /// fast, and takes it for fifteen times as long: it then refuses repeated requests.
    pub(in crate::protocol) fn measures_echoes_rightly(&self) -> bool {
        self.is_shifted() || self.plain >= ENOUGH
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// After `count` messages, 100 ms apart, with these timestamps by microseconds.
    fn clock(count: u64, timestamp: impl Fn(u64) -> u32) -> ControlClock {
        let mut clock = ControlClock::default();
        for n in 0..count {
            let us = 77_777_777_777 + n * 100_000;
            clock.heard(Time::from_ticks(1 << 60) + Span::from_micros(n as u32 * 100_000), timestamp(us));
        }
        clock
    }

    #[test]
    fn three_libraries_are_told_apart() {
        let plain = clock(3, |us| us as u32);
        assert!(!plain.is_shifted() && plain.measures_echoes_rightly());
        let shifted = clock(2, |us| (us << 16) as u32);
        assert!(shifted.is_shifted() && shifted.measures_echoes_rightly());
        let fast = clock(30, |us| (us << 16) as u32 | 0x1234);
        assert!(!fast.is_shifted() && !fast.measures_echoes_rightly());
        assert!(!clock(1, |us| us as u32).measures_echoes_rightly(), "one message tells nothing");
        let still = clock(9, |_| 0);
        assert!(!still.is_shifted() && !still.seems_shifted(), "a clock that stands still");
    }

    #[test]
    fn the_first_message_has_to_do_for_media() {
        assert!(!clock(0, |_| 0).seems_shifted());
        assert!(clock(1, |us| (us << 16) as u32).seems_shifted());
        assert!(!clock(1, |us| us as u32).seems_shifted() && !clock(1, |us| (us << 16) as u32 | 1).seems_shifted());
    }
}
