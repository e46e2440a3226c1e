//! Sender reports that a peer may quote: which of them tells when it left.
//!
//! A report carries the wall clock, as RFC 3550 wants it. The wall clock may be set between the report and its answer, so the
//! round trip is measured by the clock that nobody sets.

use crate::protocol::time::{Span, Time};
use std::collections::VecDeque;

/// Reports remembered: more than six seconds at the usual ten a second.
const MAX: usize = 64;

#[derive(Debug, Default)]
pub(in crate::protocol) struct SentReports {
    /// The middle of each one's NTP time, and when it left.
    left: VecDeque<(u32, Time)>,
}

impl SentReports {
    pub(in crate::protocol) fn sent(&mut self, ntp: u64, now: Time) {
        if self.left.len() >= MAX {
            self.left.pop_front();
        }
        self.left.push_back(((ntp >> 16) as u32, now));
    }

    /// How long it took until it was quoted, without the other side's delay (in 1/65536 s); `None` if we have not sent it, or
    /// if it was on its way for less than its delay.
    pub(in crate::protocol) fn round_trip(&self, now: Time, quoted: u32, delay: u32) -> Option<Span> {
        let (_, left) = self.left.iter().rfind(|(sent, _)| *sent == quoted)?;
        let round_trip = now.since(*left) - Span::from_ticks(i64::from(delay) << 16);
        Some(round_trip).filter(|round_trip| *round_trip >= Span::ZERO)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_was_sent_can_be_quoted() {
        let start = Time::from_ticks(1 << 40);
        let at = |ms| start + Span::from_millis(ms);
        let mut reports = SentReports::default();
        for second in 0..100u64 {
            reports.sent(second << 32, at(second as u32 * 1000));
        }
        let round_trip = |quoted: u32, delay| reports.round_trip(at(100_000), quoted << 16, delay);
        assert_eq!(round_trip(99, 0), Some(Span::from_secs(1)));
        assert_eq!(round_trip(98, 1 << 16), Some(Span::from_secs(1)));
        // More delay than time; too old; never sent.
        assert_eq!([round_trip(99, 2 << 16), round_trip(35, 0), round_trip(100, 0)], [None; 3]);
    }
}
