//! The half of a foreign program that receives media, asks for what is missing, and plays by its own clock.

use super::model::Reads;
use super::reading::{Heard, Media};
use super::voice::Voice;
use rist::protocol::time::{Span, Time};
use rist::wire::advanced::control::nack;
use rist::wire::rtcp::{self, ReceiverReport};
use std::collections::BTreeMap;

const REORDER: Span = Span::from_millis(15);
const MOST_REQUESTS: u32 = 20;
/// What is taken for the round trip while nobody has answered an echo.
const UNKNOWN_RTT: Span = Span::from_millis(50);
/// A clock is judged after so long.
const VERDICT: Span = Span::from_secs(1);

/// What is handed to the application.
#[derive(Debug)]
pub(crate) struct Played {
    pub(crate) payload: Vec<u8>,
    pub(crate) hole: bool,
    pub(crate) start: bool,
}

#[derive(Debug)]
struct Waiting {
    due: Time,
    payload: Vec<u8>,
}

/// The time of the source, pieced together from timestamps.
#[derive(Debug)]
struct Reckoning {
    timestamp: u32,
    /// Since the first packet.
    source: Span,
    began: Time,
    /// Arrival less source time, the least that was seen.
    offset: Time,
    /// The timestamps have proved wrong.
    broken: bool,
}

#[derive(Debug)]
pub(crate) struct Receiver {
    buffer: Span,
    long: Option<bool>,
    /// The sender's, which requests in RTCP have to name.
    flow: u32,
    /// Numbers are counted on without end: this one was the last, and this is to be added for a number of 32 bits.
    highest: Option<u64>,
    upper: u32,
    next: u64,
    waiting: BTreeMap<u64, Waiting>,
    /// When to ask (again), and how often it was done.
    missing: BTreeMap<u64, (Time, u32)>,
    clock: Option<Reckoning>,
    started: bool,
    /// The packet that was thrown away, until another one comes.
    dropped: Option<u16>,
    pub(crate) played: Vec<Played>,
    /// Packets that did not come in time, and those that were thrown away where the framing changed.
    pub(crate) lost: u64,
    pub(crate) lost_at_switch: u64,
    pub(crate) switches: u64,
    /// Media by framing: Main, Advanced.
    pub(crate) came: [u64; 2],
    pub(crate) asked: u64,
}

impl Receiver {
    pub(crate) fn new(buffer: Span) -> Self {
        Self {
            buffer,
            long: None,
            flow: 0,
            highest: None,
            upper: 0,
            next: 0,
            waiting: BTreeMap::new(),
            missing: BTreeMap::new(),
            clock: None,
            started: false,
            dropped: None,
            played: Vec::new(),
            lost: 0,
            lost_at_switch: 0,
            switches: 0,
            came: [0; 2],
            asked: 0,
        }
    }

    pub(crate) fn heard(&mut self, voice: &mut Voice, now: Time, heard: Heard) {
        let Heard::Media(media) = heard else { return };
        self.came[usize::from(media.long)] += 1;
        self.flow = media.flow;
        if self.long.replace(media.long).is_some_and(|before| before != media.long) {
            self.switches += 1;
            self.clock = None;
            if voice.model.loses_at_switch {
                return self.begin_anew(media.seq as u16);
            }
        }
        if let Some(dropped) = self.dropped.take() {
            let between = (media.seq as u16).wrapping_sub(dropped).wrapping_sub(1);
            self.lost_at_switch += u64::from(if between < 1000 { between } else { 0 });
        }
        let place = self.place(media.seq as u16);
        if media.long {
            self.upper = media.seq.wrapping_sub(place as u32);
        }
        let highest = self.highest.unwrap_or(place);
        if self.highest.is_none() {
            self.next = place;
        }
        for gap in highest + 1..place {
            self.missing.insert(gap, (now + REORDER, 0));
        }
        self.highest = Some(highest.max(place));
        self.missing.remove(&place);
        if place < self.next {
            return;
        }
        // A repeated packet stands where its neighbour does.
        let neighbour = self.waiting.range(place..).next().map(|(_, waiting)| waiting.due);
        let due = match neighbour.filter(|_| media.repeated || place < highest) {
            Some(due) => due,
            None => self.due(voice.model.reads, now, &media),
        };
        self.waiting.insert(place, Waiting { due, payload: media.payload });
    }

    /// Where the framing changes: all that waits is played, what is missing is not waited for, and this packet is lost.
    fn begin_anew(&mut self, dropped: u16) {
        self.dropped = Some(dropped);
        let before = self.highest.map_or(0, |highest| dropped.wrapping_sub(highest as u16).wrapping_sub(1));
        self.lost_at_switch += self.missing.len() as u64 + 1 + u64::from(if before < 1000 { before } else { 0 });
        self.missing.clear();
        for (_, Waiting { payload, .. }) in std::mem::take(&mut self.waiting) {
            self.played.push(Played { payload, hole: true, start: true });
        }
        self.highest = None;
        self.started = false;
    }

    fn place(&self, seq: u16) -> u64 {
        match self.highest {
            // Room below for what overtakes the very first.
            None => 1 << 20 | u64::from(seq),
            Some(highest) => highest.saturating_add_signed(i64::from(seq.wrapping_sub(highest as u16) as i16)),
        }
    }

    fn due(&mut self, reads: Reads, now: Time, media: &Media) -> Time {
        let arrival = now + self.buffer;
        let by_arrival = media.long && reads == Reads::Arrival;
        let clock = self.clock.get_or_insert(Reckoning {
            timestamp: media.timestamp,
            source: Span::ZERO,
            began: now,
            offset: now,
            broken: false,
        });
        let ahead = media.timestamp.wrapping_sub(std::mem::replace(&mut clock.timestamp, media.timestamp));
        let step = match (media.long, reads) {
            (false, _) => Span::from_secs(1).scaled(i64::from(ahead as i32), 90_000),
            (true, Reads::Shifted) => Span::from_secs(1).scaled(i64::from((ahead >> 16) as u16 as i16), 1_000_000),
            (true, _) => Span::from_secs(1).scaled(i64::from(ahead as i32), 1_000_000),
        };
        clock.source = clock.source + step;
        let elapsed = now.since(clock.began);
        if media.long && reads == Reads::Microseconds && elapsed > VERDICT {
            clock.broken |= (clock.source - elapsed).abs() > elapsed.scaled(1, 2);
        }
        if by_arrival || clock.broken {
            return arrival;
        }
        let offset = now - clock.source;
        if offset.since(clock.offset) < Span::ZERO {
            clock.offset = offset;
        }
        clock.offset + clock.source + self.buffer
    }

    /// Asks and plays what is due.
    pub(crate) fn tick(&mut self, voice: &mut Voice, now: Time) {
        while let Some(first) = self.waiting.first_entry().filter(|first| now.since(first.get().due) >= Span::ZERO) {
            let place = *first.key();
            let payload = first.remove().payload;
            let hole = place != self.next && self.started;
            self.lost += if hole { place - self.next } else { 0 };
            self.played.push(Played { payload, hole, start: !self.started });
            self.started = true;
            self.next = place + 1;
            self.missing = self.missing.split_off(&self.next);
        }
        let rtt = voice.rtt.unwrap_or(UNKNOWN_RTT).max(REORDER).scaled(11, 10);
        let mut asked = Vec::new();
        for (place, (at, times)) in &mut self.missing {
            if now.since(*at) >= Span::ZERO && *times < MOST_REQUESTS {
                *at = now + rtt;
                *times += 1;
                asked.push((*place as u32).wrapping_add(self.upper));
            }
        }
        if asked.is_empty() {
            return;
        }
        self.asked += asked.len() as u64;
        let flow = voice.flow;
        if voice.negotiated() && self.long == Some(true) {
            for (first, more) in nack::ranges(&asked) {
                voice.control(now, |out| nack::write_range(out, flow, first, more));
            }
            return;
        }
        let short: Vec<u16> = asked.iter().map(|seq| *seq as u16).collect();
        let mut rest = &short[..];
        while !rest.is_empty() {
            let mut compound = Vec::new();
            rtcp::write_receiver_report(&mut compound, &ReceiverReport { ssrc: flow, block: None });
            rtcp::write_sdes(&mut compound, flow, voice.model.name.as_bytes());
            let taken = rtcp::write_nack_range(&mut compound, self.flow, rest, 16);
            voice.feedback(&compound);
            rest = &rest[taken.max(1)..];
        }
    }
}
