//! Where a packet lies in the sender's time, and when it is handed out.

use super::Flow;
use super::arrival::{Envelope, Mark, Numbers, Stamp};
use super::convention::{Counts, Verdict};
use super::recovery_buffer::{Missing, Slot};
use super::timeline::Timeline;
use crate::protocol::config::TimingMode;
use crate::protocol::time::{Span, Time};

/// A clock that goes back by more between packets in order tells nothing.
const BACK: Span = Span::from_millis(49);
/// Packets with one timestamp come within so long; otherwise the clock stands still.
const ONE_MOMENT: Span = Span::from_millis(100);
/// Reports of the sender's wall clock are as late as other packets; the quickest counts, but not for ever.
const REPORT_FADES: Span = Span::from_micros(500);
/// The wall clock was set.
const REPORT_LEAPS: Span = Span::from_secs(1);

/// Where a packet lies in the sender's time.
#[derive(Debug, Clone, Copy)]
pub(super) struct SourceTime {
    pub(super) at: Time,
    /// Its own timestamp says so.
    pub(super) told: bool,
}

impl Flow {
    #[inline(always)]
    pub(super) fn source_time(&self, line: &Timeline, position: u64, packet: &Envelope) -> SourceTime {
        let told = match packet.stamp {
            Stamp::Rtp { timestamp, rate: Some(rate) } => line.clock.rtp_time(packet.now, timestamp, rate),
            Stamp::Rtp { .. } => None,
            Stamp::Advanced { timestamp } => return self.advanced_time(line, position, packet, timestamp),
        };
        match told {
            Some(at) => SourceTime { at, told: true },
            None => SourceTime { at: judged(line, position, packet.now), told: false },
        }
    }

    #[inline(never)]
    fn advanced_time(&self, line: &Timeline, position: u64, packet: &Envelope, timestamp: u32) -> SourceTime {
        let known = line.clock.knows_advanced();
        // What was written at once has one source time: halves of a pair, fragments.
        let reading = line.clock.reading(packet.now);
        for neighbour in [position.wrapping_sub(1), position.wrapping_add(1)] {
            if let Slot::Present(other) = self.buffer.get(neighbour)
                && other.mark == packet.mark()
                && reading.since(other.source).abs() < ONE_MOMENT
            {
                return SourceTime { at: other.source, told: known };
            }
        }
        let in_order = position > line.highest && !packet.retransmit;
        let near = (!in_order).then(|| self.by_neighbours(line, position));
        let not_told = SourceTime { at: judged(line, position, packet.now), told: false };
        let Some(at) = line.clock.advanced_time(packet.now, timestamp, near) else { return not_told };
        if in_order && line.newest_source.since(at) > BACK {
            return not_told;
        }
        // Where numbers of both lengths are mixed, the paths may differ: nothing is later than what was sent after it.
        match self.buffer.get(position.wrapping_add(1)) {
            Slot::Present(next) if at.since(next.source) > Span::ZERO => SourceTime { at: next.source, told: true },
            _ => SourceTime { at, told: true },
        }
    }

    /// The source time of a packet that is missing, or runs ahead of what is known.
    fn by_neighbours(&self, line: &Timeline, position: u64) -> Time {
        if let Slot::Missing(Missing { release, buffer, .. }) = self.buffer.get(position) {
            return line.clock.reading(*release - *buffer);
        }
        let interval = line.pace.interval().unwrap_or(Span::ZERO);
        line.newest_source + interval.scaled(position.wrapping_sub(line.highest) as i64, 1)
    }

    /// Whether a packet that is here already, in the other framing, is this one again: not after it has been of no use
    /// for long. Timestamps can not be compared.
    pub(super) fn is_still_heard(&self, line: &Timeline, position: u64, now: Time) -> bool {
        let age = line.clock.reading(now).since(self.by_neighbours(line, position));
        age <= self.target.scaled(2, 1).max(Span::from_secs(1))
    }

    /// When a packet is handed out: its place in the sender's time, or in ours, plus the recovery buffer.
    /// Where the sender's time is not known or not wanted, that is `expected`.
    #[inline]
    pub(super) fn release_time(&self, packet: &Envelope, source: SourceTime, expected: Time, buffer: Span) -> Time {
        let Some(line) = &self.line else { return expected };
        let local = match (self.config.timing_mode, packet.stamp) {
            (TimingMode::Rtc, Stamp::Rtp { timestamp, rate: Some(rate) }) if self.report_clock.is_some() => {
                self.rtc_time(timestamp, rate)
            }
            (TimingMode::Rtc, Stamp::Advanced { .. }) if self.report_lead.is_some() => {
                source.at + self.report_lead.unwrap_or(Span::ZERO) - self.wall_ahead
            }
            (TimingMode::Arrival, _) => return expected,
            _ if !source.told => return expected,
            _ => line.clock.local(source.at),
        };
        // A leap of the sender's clock must not hold the stream back.
        let latest = packet.now + buffer + buffer.scaled(1, 10) + Span::from_millis(5);
        (local + buffer).min(latest)
    }

    /// The sender's wall clock at this timestamp, as a time of ours.
    fn rtc_time(&self, timestamp: u32, rate: u32) -> Time {
        let (ntp, reported) = self.report_clock.unwrap_or_default();
        let units = i64::from(timestamp.wrapping_sub(reported) as i32);
        let since_report = Span::from_ticks(((i128::from(units) << 32) / i128::from(rate.max(1))) as i64);
        Time::from_ticks(ntp) + since_report - self.wall_ahead
    }

    /// A sender report that comes `now` ties the RTP clock to the sender's wall clock (timing mode RTC). Advanced timestamps
    /// have another clock than the report's: for them the report is as a packet that was sent at that time.
    pub(in crate::protocol) fn sender_report(&mut self, now: Time, ntp: u64, timestamp: u32) {
        self.report_clock = Some((ntp, timestamp));
        let Some(line) = &self.line else { return };
        let lead = Time::from_ticks(ntp).since(line.clock.reading(now));
        self.report_lead = match self.report_lead {
            Some(old) if (old - lead).abs() < REPORT_LEAPS => Some(lead.max(old - REPORT_FADES)),
            _ => Some(lead),
        };
    }

    /// What a first transmission in order tells of the sender's clock.
    #[inline]
    pub(super) fn learn_time(&mut self, packet: &Envelope, source: SourceTime) {
        let buffer = self.target;
        let Some(line) = &mut self.line else { return };
        match packet.stamp {
            Stamp::Rtp { .. } if source.told => {}
            Stamp::Rtp { timestamp, rate: Some(rate) } => {
                return line.clock.begin_rtp(packet.now, timestamp, rate, source.at);
            }
            Stamp::Rtp { .. } => return,
            Stamp::Advanced { timestamp } => {
                let deviation = source.told.then(|| line.clock.deviation(packet.now, source.at));
                match line.convention.note(packet.now, timestamp, deviation, buffer) {
                    Verdict::Same if source.told => {}
                    Verdict::Same => return,
                    Verdict::Adopt(counts, excess, since) => {
                        let at = line.clock.reading(packet.now) - excess;
                        line.clock.begin_advanced(packet.now, timestamp, counts, at);
                        return self.time_again(counts, since);
                    }
                    Verdict::Drop => return line.clock.end_advanced(),
                }
            }
        }
        line.clock.learn(packet.now, source.at, packet.stamp);
    }
}

impl Flow {
    /// Timestamps are believed from now on. What has come `since` and waits was timed by its arrival, which need not be so:
    /// its own timestamps tell when it was sent.
    #[cold]
    fn time_again(&mut self, counts: Counts, since: Time) {
        let Some(line) = self.line.as_mut().filter(|_| counts == Counts::Microseconds) else { return };
        if self.config.timing_mode != TimingMode::Source {
            return;
        }
        let latest = self.target + self.target.scaled(1, 10) + Span::from_millis(5);
        for position in line.next_out..=line.highest {
            let Some(Slot::Present(packet)) = self.buffer.get_mut(position) else { continue };
            let Mark { timestamp, numbers: Numbers::Long } = packet.mark else { continue };
            if packet.arrived.since(since) < Span::ZERO {
                continue;
            }
            let Some(source) = line.clock.advanced_time(packet.arrived, timestamp, None) else { continue };
            packet.source = source;
            packet.release = (line.clock.local(source) + self.target).min(packet.arrived + latest);
            if position == line.highest {
                (line.newest_source, line.newest_release) = (packet.source, packet.release);
            }
            if let Some((head, release)) = line.head.as_mut().filter(|(head, _)| *head == position) {
                (*head, *release) = (position, packet.release);
            }
        }
    }
}

/// Where a packet lies of which only the arrival is known: not after those that were sent behind it.
fn judged(line: &Timeline, position: u64, now: Time) -> Time {
    let reading = line.clock.reading(now);
    if position >= line.highest {
        return reading;
    }
    let interval = line.pace.interval().unwrap_or(Span::ZERO);
    let place = line.newest_source - interval.scaled((line.highest - position) as i64, 1);
    if reading.since(place) > Span::ZERO { place } else { reading }
}
