//! Where a packet belongs: in the buffer, nowhere, or on a timeline of its own.

use super::probation::Held;
use super::recovery_buffer::{Missing, Packet, Slot};
use super::source_clock::SourceClock;
use super::{Arrival, CREDIBLE, Flow, Numbers, Pace, Timeline};
use crate::protocol::config::TimingMode;
use crate::protocol::output::PeerId;
use crate::protocol::payload::{Payload, Pool};
use crate::protocol::recovery_depth;
use crate::protocol::time::{Span, Time};
use crate::wire::{clock, seq};
use std::sync::Arc;

/// Positions begin here, so that earlier packets of the start have room below.
const FIRST_POSITION: u64 = 1 << 40;
/// A packet may claim a source time so much newer than its place allows (applications give odd timestamps).
const TIME_TOLERANCE: Span = Span::from_millis(100);
/// A gap up to this is loss whatever the clock says.
const SMALL_GAP: u64 = 64;
/// A burst that the pace does not explain.
const BURST_GAP: u64 = 1024;
/// A retransmission may run ahead of the newest packet by so many (several receivers, several paths).
const MAX_AHEAD: u64 = 1024;

/// No path is slower than this.
const STRAGGLER_AGE: Span = Span::from_secs(60);

enum Place {
    /// With its source time.
    At(u64, Time),
    Duplicate(u64),
    Late,
    /// Does not fit this timeline.
    Foreign,
    /// Too old for its place to be remembered: of a very slow path, or of a sender that started again.
    Straggler,
}

/// A packet with its storage, on its way into the buffer.
struct Incoming {
    now: Time,
    path: PeerId,
    retransmit: bool,
    timestamp: u32,
    rate: Option<u32>,
    virt_src_port: u16,
    virt_dst_port: u16,
    payload: Payload,
}

impl Flow {
    pub(super) fn take(&mut self, arrival: &Arrival<'_>, pool: &Arc<Pool>) -> bool {
        self.number_as(arrival.numbers);
        // A repair can not say where the flow begins.
        if self.line.is_none() && !arrival.retransmit {
            self.anchor(arrival.now, arrival.seq, arrival.stamp.timestamp(), arrival.stamp.rate());
        }
        let Some(line) = &self.line else { return false };
        match self.place(line, arrival) {
            Place::At(position, source) => {
                self.probation.old_timeline_goes_on();
                // Without memory for it, it is a packet that did not come: it may come again.
                let Some(packet) = incoming(arrival, pool) else { return false };
                self.insert(position, source, packet);
                true
            }
            Place::Duplicate(position) => {
                self.counters.duplicates += 1;
                if !arrival.retransmit {
                    if self.buffer.get_mut(position).is_some_and(Slot::was_asked_for_early) {
                        self.haste.turned_out(false);
                    }
                    // A slow path is known by what it brings, though repairs were quicker.
                    let source = self.source_time(arrival.now, arrival.stamp.timestamp(), arrival.stamp.rate());
                    let clock = self.line.as_ref().and_then(|line| line.clock.as_ref());
                    let lateness = clock.map_or(Span::ZERO, |clock| clock.deviation(arrival.now, source));
                    self.passed_by(arrival.now, arrival.path, position, lateness);
                }
                false
            }
            Place::Late => {
                self.counters.dropped_late += 1;
                false
            }
            place @ (Place::Foreign | Place::Straggler) => {
                let straggler = matches!(place, Place::Straggler);
                match self.probation.hold(arrival, self.target, straggler, pool) {
                    Some(held) => {
                        self.change_timeline(held);
                        true
                    }
                    None => false,
                }
            }
        }
    }

    fn number_as(&mut self, numbers: Numbers) {
        if numbers != self.numbers {
            self.numbers = numbers;
            let max = recovery_depth::positions(numbers.mask(), self.config.recovery_depth);
            self.buffer.set_max(max);
        }
    }

    fn place(&self, line: &Timeline, arrival: &Arrival<'_>) -> Place {
        let bits = self.numbers.bits();
        let mut position = seq::widen(line.highest, arrival.seq, bits);
        if arrival.retransmit && position > line.highest + MAX_AHEAD {
            // Nothing so new can have been asked for: it lies up to a whole window back.
            position = position.wrapping_sub(u64::from(self.numbers.mask()) + 1);
        }
        let foreign = if arrival.retransmit { Place::Late } else { Place::Foreign };
        let source = self.source_time(arrival.now, arrival.stamp.timestamp(), arrival.stamp.rate());
        let newer = arrival.stamp.rate().is_some() && source.since(line.newest_source) > TIME_TOLERANCE;
        match self.buffer.get(position) {
            Slot::Present(packet) if packet.timestamp == arrival.stamp.timestamp() => {
                return Place::Duplicate(position);
            }
            Slot::Delivered(timestamp) if *timestamp == arrival.stamp.timestamp() => return Place::Duplicate(position),
            Slot::Present(_) | Slot::Delivered(_) => return foreign,
            Slot::Lost if !newer => return Place::Late,
            _ => {}
        }
        if position < line.next_out {
            let before_start = !line.handed_out
                && !arrival.retransmit
                && line.next_out - position <= BURST_GAP
                && line.furthest.saturating_sub(position) < self.window();
            // A burst has one timestamp.
            let older = source <= line.newest_source;
            let age = line.newest_source.since(source);
            return match before_start && older {
                true => Place::At(position, source),
                false if !arrival.retransmit && age >= Span::ZERO && age < STRAGGLER_AGE => Place::Straggler,
                false => foreign,
            };
        }
        if position <= line.highest {
            return if newer && !arrival.retransmit { foreign } else { Place::At(position, source) };
        }
        if arrival.retransmit && self.too_late_for_the_end(arrival, source) {
            return Place::Late;
        }
        let gap = position - line.highest - 1;
        // With packets in the buffer, a leap beyond what it may span would push them out. A stream that fills it
        // step by step may: then the oldest packets are handed out early.
        if gap > SMALL_GAP && line.head.is_some() && position >= line.next_out + self.window() {
            return foreign;
        }
        if arrival.retransmit || self.plausible(line, gap, source) { Place::At(position, source) } else { foreign }
    }

    /// A repair behind which nothing is due that would end its time.
    fn too_late_for_the_end(&self, arrival: &Arrival<'_>, source: Time) -> bool {
        let clock = self.line.as_ref().and_then(|line| line.clock.as_ref());
        match (self.config.timing_mode, arrival.stamp.rate(), clock) {
            (TimingMode::Source, Some(_), Some(clock)) => {
                arrival.now > clock.local(source) + self.target + self.lateness()
            }
            _ => false,
        }
    }

    /// Whether so many packets can have been sent since the newest one.
    fn plausible(&self, line: &Timeline, gap: u64, source: Time) -> bool {
        let elapsed = source.since(line.newest_source);
        if gap <= SMALL_GAP {
            return true;
        }
        if elapsed < Span::ZERO - TIME_TOLERANCE {
            return false;
        }
        let pace = line.pace.per_second.unwrap_or(20_000.0);
        gap <= BURST_GAP + (8.0 * pace * elapsed.as_secs_f64().max(0.0)) as u64
    }

    fn source_time(&self, now: Time, timestamp: u32, rate: Option<u32>) -> Time {
        let clock = self.line.as_ref().and_then(|line| line.clock.as_ref());
        match (rate, clock) {
            (Some(rate), Some(clock)) => clock.source_time(now, timestamp, rate),
            (Some(rate), None) => Time::from_ticks(clock::rtp_to_ntp(u64::from(timestamp), rate)),
            (None, _) => now,
        }
    }

    fn anchor(&mut self, now: Time, seq: u32, timestamp: u32, rate: Option<u32>) {
        let position = FIRST_POSITION | u64::from(seq);
        let clock = rate.map(|rate| SourceClock::new(now, timestamp, rate));
        let source = clock.as_ref().zip(rate).map_or(now, |(clock, rate)| clock.source_time(now, timestamp, rate));
        self.buffer.clear();
        self.requests.clear();
        self.flow_start = true;
        self.line = Some(Timeline {
            clock,
            highest: position,
            furthest: position,
            newest_source: source,
            newest_release: now + self.target,
            next_out: position,
            head: None,
            handed_out: false,
            pace: Pace { since: source, count: 0, per_second: None },
        });
    }

    /// The held packets are the flow now; what the old timeline still holds is handed out at its time.
    #[cold]
    fn change_timeline(&mut self, held: Vec<Held>) {
        let Some(first) = held.first() else { return };
        self.retire_timeline();
        self.anchor(first.arrived, first.seq, first.timestamp, first.rate);
        let first_seq = first.seq;
        for packet in held {
            let step = packet.seq.wrapping_sub(first_seq) & self.numbers.mask();
            let position = (FIRST_POSITION | u64::from(first_seq)) + u64::from(step);
            let known = matches!(self.buffer.get(position), Slot::Present(_));
            if step > self.numbers.mask() / 2 || known {
                continue;
            }
            let source = self.source_time(packet.arrived, packet.timestamp, packet.rate);
            self.insert(
                position,
                source,
                Incoming {
                    now: packet.arrived,
                    path: packet.path,
                    retransmit: false,
                    timestamp: packet.timestamp,
                    rate: packet.rate,
                    virt_src_port: packet.virt_src_port,
                    virt_dst_port: packet.virt_dst_port,
                    payload: packet.payload,
                },
            );
        }
    }

    /// Begins the flow again with the packets of one path.
    pub(super) fn keep_only(&mut self, path: PeerId) {
        let Some(line) = self.line.take() else { return };
        let mut held = Vec::new();
        let (counted, mut dropped) = (self.counters.so_far(), (0, 0));
        let rate = line.clock.as_ref().map(SourceClock::rate);
        for position in line.next_out..=line.furthest {
            let Some(packet) = self.buffer.take(position) else { continue };
            if packet.path != path {
                dropped = (dropped.0 + 1, dropped.1 + packet.payload.len() as u64);
                continue;
            }
            held.push(Held {
                arrived: packet.arrived,
                path,
                seq: position as u32 & self.numbers.mask(),
                timestamp: packet.timestamp,
                rate,
                virt_src_port: packet.virt_src_port,
                virt_dst_port: packet.virt_dst_port,
                payload: packet.payload,
            });
        }
        self.ready.clear();
        self.change_timeline(held);
        // What stays was counted when it came.
        self.counters.back_to(counted, dropped);
    }

    fn insert(&mut self, position: u64, source: Time, packet: Incoming) {
        self.counters.accepted(packet.now, packet.payload.len(), packet.retransmit);
        self.move_target(packet.now);
        let judged = self.line.as_ref().filter(|line| position < line.highest).map(|line| {
            let interval = line.pace.interval().unwrap_or(Span::ZERO);
            line.newest_release - interval.scaled((line.highest - position) as i64, 1)
        });
        let release = match self.buffer.get(position) {
            // The clock may have been set since its neighbours came: with a time in the past it would end the wait for every
            // hole before it.
            Slot::Missing(Missing { release, buffer, before, .. }) => {
                self.release_time(&packet, source, *release, *buffer).max(*before)
            }
            // Nothing waits longer than what was sent after it.
            _ => {
                let expected = (packet.now + self.target).min(judged.unwrap_or(packet.now + self.target));
                self.release_time(&packet, source, expected, self.target)
            }
        };
        self.make_room(packet.now, position);
        self.arrived += 1;
        if !self.is_credible() {
            self.unproven_bytes += packet.payload.len();
        }
        let Some(line) = &mut self.line else { return };
        let from = line.next_out.min(position);
        let first = std::mem::replace(&mut line.next_out, from);
        let (old_head, highest) = (line.head, line.highest);
        line.furthest = line.furthest.max(position);
        // An earlier start must not take the place of what came before it.
        self.buffer.reach(from, line.furthest);
        let (place, old) = self.buffer.vacate(position);
        *place = Slot::Present(Packet {
            path: packet.path,
            timestamp: packet.timestamp,
            source,
            arrived: packet.now,
            early: packet.retransmit && old.is_some_and(|missing| missing.early),
            release,
            virt_src_port: packet.virt_src_port,
            virt_dst_port: packet.virt_dst_port,
            payload: packet.payload,
        });
        if line.head.is_none_or(|(head, _)| position < head) {
            line.head = Some((position, release));
        }
        if position < first {
            self.notice_earlier_start(packet.now, packet.path, (position, release), old_head);
        }
        if let Some(missing) = old {
            self.found(packet.now, position, packet.path, packet.retransmit, missing);
            // A repair of what nothing later had shown is the newest packet now; of itself a packet comes as any other.
            if let Some(line) = self.line.as_mut().filter(|_| packet.retransmit) {
                line.advance(position, source, release);
            }
        } else if !packet.retransmit && position < highest {
            self.counters.reordered += 1;
        }
        if let Some(line) = self.line.as_mut().filter(|line| position == line.highest) {
            line.advance(position, source, release);
        }
        if !packet.retransmit {
            self.first_transmission(position, packet.now, source, packet.path, release, packet.rate);
        }
    }

    /// The flow begins earlier than was thought; between there and what was its first packet some may be missing.
    fn notice_earlier_start(&mut self, now: Time, path: PeerId, first: (u64, Time), head: Option<(u64, Time)>) {
        if let Some(head) = head {
            self.notice_gap(now, path, first, head);
        }
    }

    /// Moves the flow's newest position on and notices what was skipped.
    fn first_transmission(
        &mut self,
        position: u64,
        now: Time,
        source: Time,
        path: PeerId,
        release: Time,
        rate: Option<u32>,
    ) {
        let Some(line) = &mut self.line else { return };
        let lateness = line.clock.as_ref().map_or(Span::ZERO, |clock| clock.deviation(now, source));
        let (highest, newest_release) = (line.highest, line.newest_release);
        if position > highest {
            self.haste.advanced(position - highest);
            self.unbroken = if position == highest + 1 { self.unbroken.saturating_add(1) } else { 0 };
            self.credible |= self.unbroken >= CREDIBLE;
            line.advance(position, source, release);
            // What was lost was sent, too.
            line.pace.note(source, position - highest);
            if let (Some(clock), Some(rate)) = (line.clock.as_mut(), rate) {
                clock.set_rate(rate);
                clock.learn(now, source);
            }
            if position > highest + 1 {
                self.notice_gap(now, path, (highest, newest_release), (position, release));
            }
        }
        self.passed_by(now, path, position, lateness);
    }

    /// When a packet is handed out: its place in the sender's time, or in ours, plus the recovery buffer.
    /// Where the sender's time is not known or not wanted, that is `expected`.
    fn release_time(&self, packet: &Incoming, source: Time, expected: Time, buffer: Span) -> Time {
        let clock = self.line.as_ref().and_then(|line| line.clock.as_ref());
        let local = match (self.config.timing_mode, packet.rate, clock) {
            (TimingMode::Rtc, Some(rate), Some(_)) if self.report_clock.is_some() => {
                self.rtc_time(packet.timestamp, rate)
            }
            (TimingMode::Arrival, ..) | (_, None, _) | (_, _, None) => return expected,
            (_, Some(_), Some(clock)) => clock.local(source),
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
}

fn incoming(arrival: &Arrival<'_>, pool: &Arc<Pool>) -> Option<Incoming> {
    Some(Incoming {
        now: arrival.now,
        path: arrival.path,
        retransmit: arrival.retransmit,
        timestamp: arrival.stamp.timestamp(),
        rate: arrival.stamp.rate(),
        virt_src_port: arrival.virt_src_port,
        virt_dst_port: arrival.virt_dst_port,
        payload: pool.try_copy(arrival.payload)?,
    })
}

impl Pace {
    /// Usual time between two packets, once known.
    pub(super) fn interval(&self) -> Option<Span> {
        let rate = self.per_second.filter(|rate| *rate > 0.0)?;
        Some(Span::from_secs(1).scaled(1000, (rate * 1000.0).max(1.0) as i64))
    }

    fn note(&mut self, source: Time, packets: u64) {
        self.count = self.count.saturating_add(packets.min(u64::from(u16::MAX)) as u32);
        let elapsed = source.since(self.since);
        if elapsed >= Span::from_millis(500) || elapsed < Span::ZERO {
            let rate = f64::from(self.count) / elapsed.as_secs_f64().max(0.5);
            self.per_second = Some(self.per_second.map_or(rate, |old| old.max(rate) * 0.5 + rate * 0.5));
            self.since = source;
            self.count = 0;
        }
    }
}
