//! Where a packet belongs: in the buffer, nowhere, or on a timeline of its own.

use super::arrival::{Arrival, Envelope, Mark, Numbers, Stamp};
use super::convention::Convention;
use super::probation::Held;
use super::recovery_buffer::{Missing, Packet, Slot};
use super::timeline::Timeline;
use super::timing::SourceTime;
use super::{CREDIBLE, Flow};
use crate::protocol::config::TimingMode;
use crate::protocol::output::PeerId;
use crate::protocol::payload::{Payload, Pool};
use crate::protocol::recovery_depth;
use crate::protocol::time::{Span, Time};
use std::sync::Arc;

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
    At(u64, SourceTime),
    Duplicate(u64),
    Late,
    /// Does not fit this timeline.
    Foreign,
    /// Too old for its place to be remembered: of a very slow path, or of a sender that started again.
    Straggler,
}

impl Flow {
    pub(super) fn take(&mut self, arrival: &Arrival<'_>, pool: &Arc<Pool>) -> bool {
        let envelope = arrival.envelope();
        // A repair can not say where the flow begins.
        if self.line.is_none() && !arrival.retransmit {
            self.anchor(&envelope, arrival.seq);
        }
        let Some(line) = &self.line else { return false };
        match self.place(line, arrival.seq, &envelope) {
            Place::At(position, source) => {
                self.probation.old_timeline_goes_on();
                // Without memory for it, it is a packet that did not come: it may come again.
                let Some(payload) = pool.try_copy(arrival.payload) else { return false };
                self.number_is(position, arrival.seq, arrival.numbers);
                self.insert(position, source, &envelope, payload);
                true
            }
            Place::Duplicate(position) => {
                self.counters.duplicates += 1;
                self.number_is(position, arrival.seq, arrival.numbers);
                if !arrival.retransmit {
                    if self.buffer.get_mut(position).is_some_and(Slot::was_asked_for_early) {
                        self.haste.turned_out(false);
                    }
                    // A slow path is known by what it brings, though repairs were quicker.
                    if let Some(line) = &self.line {
                        let source = self.source_time(line, position, &envelope);
                        let lateness = line.clock.deviation(arrival.now, source.at);
                        self.passed_by(arrival.now, arrival.path, position, lateness);
                    }
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

    /// Longer numbers tell more positions apart: the ring may grow.
    #[inline]
    fn number_is(&mut self, position: u64, seq: u32, numbers: Numbers) {
        if numbers == Numbers::Long
            && let Some(line) = &mut self.line
            && line.number_is(position, seq)
        {
            self.set_ring(numbers);
        }
    }

    fn set_ring(&mut self, numbers: Numbers) {
        self.buffer.set_max(recovery_depth::positions(numbers.mask(), self.config.recovery_depth));
    }

    fn place(&self, line: &Timeline, seq: u32, packet: &Envelope) -> Place {
        let (mut position, round) = line.position(seq, packet.numbers);
        if packet.retransmit && position > line.highest + MAX_AHEAD {
            // Nothing so new can have been asked for: it lies up to a whole window back.
            position = position.wrapping_sub(round);
        }
        let foreign = if packet.retransmit { Place::Late } else { Place::Foreign };
        let source = self.source_time(line, position, packet);
        let newer = source.told && source.at.since(line.newest_source) > TIME_TOLERANCE;
        match self.buffer.get(position) {
            Slot::Present(Packet { mark, .. }) | Slot::Delivered(mark) => {
                let again = *mark == packet.mark()
                    // Of the same number in the other framing the timestamp says nothing.
                    || mark.numbers != packet.numbers
                        && (packet.retransmit || self.is_still_heard(line, position, packet.now));
                return match again {
                    true => Place::Duplicate(position),
                    false if mark.numbers != packet.numbers => Place::Straggler,
                    false => foreign,
                };
            }
            Slot::Lost if !newer => return Place::Late,
            _ => {}
        }
        if position < line.next_out {
            let before_start = !line.handed_out
                && !packet.retransmit
                && line.next_out - position <= BURST_GAP
                && line.furthest.saturating_sub(position) < self.window();
            // A burst has one timestamp.
            let older = source.at <= line.newest_source;
            let age = line.newest_source.since(source.at);
            return match before_start && older {
                true => Place::At(position, source),
                false if !packet.retransmit && age >= Span::ZERO && age < STRAGGLER_AGE => Place::Straggler,
                false => foreign,
            };
        }
        if position <= line.highest {
            return if newer && !packet.retransmit { foreign } else { Place::At(position, source) };
        }
        if packet.retransmit && self.too_late_for_the_end(packet.now, source) {
            return Place::Late;
        }
        let gap = position - line.highest - 1;
        // With packets in the buffer, a leap beyond what it may span would push them out. A stream that fills it
        // step by step may: then the oldest packets are handed out early.
        if gap > SMALL_GAP && line.head.is_some() && position >= line.next_out + self.window() {
            return foreign;
        }
        if packet.retransmit || self.plausible(line, gap, source.at) { Place::At(position, source) } else { foreign }
    }

    /// A repair behind which nothing is due that would end its time.
    fn too_late_for_the_end(&self, now: Time, source: SourceTime) -> bool {
        let Some(line) = self.line.as_ref().filter(|_| source.told) else { return false };
        self.config.timing_mode == TimingMode::Source
            && now > line.clock.local(source.at) + self.target + self.lateness()
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

    fn anchor(&mut self, first: &Envelope, seq: u32) {
        self.buffer.clear();
        self.requests.clear();
        self.flow_start = true;
        self.report_lead = None;
        self.set_ring(first.numbers);
        let convention = Convention::new(self.config.clock);
        self.line = Some(Timeline::new(first, seq, convention, first.now + self.target));
    }

    /// The held packets are the flow now; what the old timeline still holds is handed out at its time.
    #[cold]
    fn change_timeline(&mut self, held: Vec<Held>) {
        let Some(first) = held.first() else { return };
        self.retire_timeline();
        self.anchor(&first.envelope, first.seq);
        let mut begins = None;
        for Held { envelope, seq, payload } in held {
            let Some(line) = &self.line else { return };
            let (position, _) = line.position(seq, envelope.numbers);
            let known = matches!(self.buffer.get(position), Slot::Present(_));
            if position < *begins.get_or_insert(position) || known {
                continue;
            }
            let source = self.source_time(line, position, &envelope);
            self.number_is(position, seq, envelope.numbers);
            self.insert(position, source, &envelope, payload);
        }
    }

    /// Begins the flow again with the packets of one path.
    pub(super) fn keep_only(&mut self, path: PeerId) {
        let Some(line) = self.line.take() else { return };
        let mut held = Vec::new();
        let (counted, mut dropped) = (self.counters.so_far(), (0, 0));
        let rate = line.clock.rtp_rate();
        for position in line.next_out..=line.furthest {
            let Some(packet) = self.buffer.take(position) else { continue };
            if packet.path != path {
                dropped = (dropped.0 + 1, dropped.1 + packet.payload.len() as u64);
                continue;
            }
            let Mark { timestamp, numbers } = packet.mark;
            let (seq, stamp) = match numbers {
                Numbers::Short => (position as u32 & 0xFFFF, Stamp::Rtp { timestamp, rate }),
                Numbers::Long => (line.number(position), Stamp::Advanced { timestamp }),
            };
            let envelope = Envelope {
                now: packet.arrived,
                path,
                numbers,
                retransmit: false,
                stamp,
                part: packet.part,
                compressed: packet.compressed,
                virt_src_port: packet.virt_src_port,
                virt_dst_port: packet.virt_dst_port,
            };
            held.push(Held { envelope, seq, payload: packet.payload });
        }
        self.ready.clear();
        self.change_timeline(held);
        // What stays was counted when it came.
        self.counters.back_to(counted, dropped);
    }

    fn insert(&mut self, position: u64, source: SourceTime, packet: &Envelope, payload: Payload) {
        self.counters.accepted(packet.now, payload.len(), packet.retransmit);
        self.move_target(packet.now);
        let judged = self.line.as_ref().filter(|line| position < line.highest).map(|line| {
            let interval = line.pace.interval().unwrap_or(Span::ZERO);
            line.newest_release - interval.scaled((line.highest - position) as i64, 1)
        });
        let release = match self.buffer.get(position) {
            // The clock may have been set since its neighbours came: with a time in the past it would end the wait for every
            // hole before it.
            Slot::Missing(Missing { release, buffer, before, .. }) => {
                self.release_time(packet, source, *release, *buffer).max(*before)
            }
            // Nothing waits longer than what was sent after it.
            _ => {
                let expected = (packet.now + self.target).min(judged.unwrap_or(packet.now + self.target));
                self.release_time(packet, source, expected, self.target)
            }
        };
        self.make_room(packet.now, position);
        self.arrived += 1;
        if !self.is_credible() {
            self.unproven_bytes += payload.len();
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
            mark: packet.mark(),
            part: packet.part,
            compressed: packet.compressed,
            source: source.at,
            arrived: packet.now,
            early: packet.retransmit && old.is_some_and(|missing| missing.early),
            release,
            virt_src_port: packet.virt_src_port,
            virt_dst_port: packet.virt_dst_port,
            payload,
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
                line.advance(position, source.at, release);
            }
        } else if !packet.retransmit && position < highest {
            self.counters.reordered += 1;
        }
        if let Some(line) = self.line.as_mut().filter(|line| position == line.highest) {
            line.advance(position, source.at, release);
        }
        if !packet.retransmit {
            self.first_transmission(position, packet, source, release);
        }
    }

    /// The flow begins earlier than was thought; between there and what was its first packet some may be missing.
    fn notice_earlier_start(&mut self, now: Time, path: PeerId, first: (u64, Time), head: Option<(u64, Time)>) {
        if let Some(head) = head {
            self.notice_gap(now, path, first, head);
        }
    }

    /// Moves the flow's newest position on and notices what was skipped.
    fn first_transmission(&mut self, position: u64, packet: &Envelope, source: SourceTime, release: Time) {
        let Some(line) = &mut self.line else { return };
        let lateness = line.clock.deviation(packet.now, source.at);
        let (highest, newest_release) = (line.highest, line.newest_release);
        if position > highest {
            self.haste.advanced(position - highest);
            self.unbroken = if position == highest + 1 { self.unbroken.saturating_add(1) } else { 0 };
            self.credible |= self.unbroken >= CREDIBLE;
            line.advance(position, source.at, release);
            line.newest_numbers = packet.numbers;
            // What was lost was sent, too.
            line.pace.note(source.at, position - highest);
            self.learn_time(packet, source);
            if position > highest + 1 {
                self.notice_gap(packet.now, packet.path, (highest, newest_release), (position, release));
            }
        }
        self.passed_by(packet.now, packet.path, position, lateness);
    }
}
