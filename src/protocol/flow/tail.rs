//! Losses that no later packet shows: the last ones before a pause, or of a stream.
//!
//! Our sender's reports count packets so that the count's low bits are the number of the next one (RFC 3550 §6.4.1
//! leaves open where a stream's numbers begin; ours begin with 0). libRIST's count is 0, others' may be anything: a count
//! is believed once it has named the newest packet a few times running.

use super::Flow;
use super::arrival::Numbers;
use crate::protocol::output::PeerId;
use crate::protocol::time::{Span, Time};

/// Reports in a row that have named the newest packet, or one shortly before it.
const CONFIRMED: u32 = 3;
const SHORTLY: u64 = 64;
/// More can not have been lost between two reports; such a count is somebody else's.
const MOST: u64 = 1024;

#[derive(Debug, Default)]
pub(super) struct Tail {
    confirmed: u32,
}

impl Flow {
    /// A sender report on `path` says how many packets have been sent.
    pub(in crate::protocol) fn announced(&mut self, now: Time, path: PeerId, packets: u32) {
        let Some(line) = self.line.as_ref().filter(|_| packets != 0) else { return };
        let numbers = if self.has_long_numbers() { Numbers::Long } else { Numbers::Short };
        let (last, _) = line.position(packets.wrapping_sub(1), numbers);
        if last <= line.highest {
            let plausible = line.highest - last <= SHORTLY;
            self.tail.confirmed = if plausible { self.tail.confirmed.saturating_add(1) } else { 0 };
            return;
        }
        let missing = last - line.highest;
        if missing > MOST {
            self.tail.confirmed = 0;
        }
        // Holes behind what the ring may span would push out what waits in it.
        if self.tail.confirmed < CONFIRMED || last >= line.next_out + self.window() {
            return;
        }
        let interval = line.pace.interval().unwrap_or(Span::ZERO);
        let before = (line.highest, line.newest_release);
        let after = (last + 1, line.newest_release + interval.scaled(missing as i64 + 1, 1));
        self.notice_gap(now, path, before, after);
    }
}
