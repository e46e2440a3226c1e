//! Sender reports: the last that came, which we quote, and ours, which the peer may quote.
//!
//! A report carries the wall clock, as RFC 3550 wants it. The wall clock may be set between the report and its answer, so the
//! round trip is measured by the clock that nobody sets.

use crate::protocol::time::{Span, Time};
use std::collections::VecDeque;

/// Reports remembered: more than three seconds at the usual ten a second.
const USUAL: usize = 32;
/// And so many while they are as young as this: of one each millisecond, which can be configured, those of a second.
const YOUNG: Span = Span::from_secs(4);
const MAX: usize = 1024;

/// Apart, because of those that have only knocked: they cost no more than a pointer.
#[derive(Debug, Default)]
pub(in crate::protocol) struct SenderReports {
    known: Option<Box<Known>>,
}

/// The middle of each report's NTP time, and when it came or left.
#[derive(Debug, Default)]
struct Known {
    heard: Option<(u32, Time)>,
    sent: VecDeque<(u32, Time)>,
}

impl SenderReports {
    pub(in crate::protocol) fn heard(&mut self, ntp: u64, now: Time) {
        self.known.get_or_insert_default().heard = Some((middle(ntp), now));
    }

    pub(in crate::protocol) fn last_heard(&self) -> Option<(u32, Time)> {
        self.known.as_ref()?.heard
    }

    pub(in crate::protocol) fn sent(&mut self, ntp: u64, now: Time) {
        let sent = &mut self.known.get_or_insert_default().sent;
        let is_old = |(_, left): &(u32, Time)| now.since(*left) > YOUNG;
        while sent.len() >= MAX || sent.len() >= USUAL && sent.front().is_some_and(is_old) {
            sent.pop_front();
        }
        sent.push_back((middle(ntp), now));
    }

    /// How long it took until it was quoted, without the other side's delay (in 1/65536 s); `None` if we have not sent it, or
    /// if it was on its way for less than its delay.
    pub(in crate::protocol) fn round_trip(&self, now: Time, quoted: u32, delay: u32) -> Option<Span> {
        let (_, left) = self.known.as_ref()?.sent.iter().rfind(|(sent, _)| *sent == quoted)?;
        let round_trip = now.since(*left) - Span::from_ticks(i64::from(delay) << 16);
        Some(round_trip).filter(|round_trip| *round_trip >= Span::ZERO)
    }
}

fn middle(ntp: u64) -> u32 {
    (ntp >> 16) as u32
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_was_sent_can_be_quoted() {
        let start = Time::from_ticks(1 << 40);
        let at = |ms| start + Span::from_millis(ms);
        let mut reports = SenderReports::default();
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
