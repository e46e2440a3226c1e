//! The half of a foreign program that sends media, and again what is asked for.

use super::reading::Heard;
use super::voice::Voice;
use rist::protocol::time::{Span, Time};
use rist::wire::{clock, rtp};

const RTT_MIN: Span = Span::from_millis(5);
const RTT_MAX: Span = Span::from_millis(500);
const MOST_REPEATS: u32 = 20;

#[derive(Debug)]
struct Kept {
    source: Time,
    payload: Vec<u8>,
    repeated: Option<Time>,
    repeats: u32,
}

#[derive(Debug)]
pub(crate) struct Sender {
    /// The number of the first one in `kept`.
    first: u32,
    kept: Vec<Kept>,
    /// Requests not served because an earlier one had been, a round trip before at most.
    pub(crate) refused: u64,
}

impl Sender {
    pub(crate) fn new(first: u32) -> Self {
        Self { first, kept: Vec::new(), refused: 0 }
    }

    pub(crate) fn write(&mut self, voice: &mut Voice, now: Time, payload: &[u8]) {
        let place = self.kept.len();
        self.kept.push(Kept { source: now, payload: payload.to_vec(), repeated: None, repeats: 0 });
        if voice.remote.is_some() {
            voice.turn_key(now);
            self.send(voice, place, false);
        }
    }

    fn send(&self, voice: &mut Voice, place: usize, again: bool) {
        let (seq, kept) = (self.first.wrapping_add(place as u32), &self.kept[place]);
        if voice.media_is_advanced() {
            return voice.advanced(seq, kept.source, again, &kept.payload);
        }
        let header = rtp::Header {
            payload_type: rtp::MPEG_TS,
            seq: seq as u16,
            timestamp: clock::ntp_to_rtp(kept.source.ticks(), 90_000),
            ssrc: voice.flow | u32::from(again),
            null_packets: None,
        };
        voice.rtp(&header, &kept.payload);
    }

    pub(crate) fn heard(&mut self, voice: &mut Voice, now: Time, heard: Heard) {
        let newest = self.first.wrapping_add(self.kept.len() as u32);
        let places: Vec<u32> = match heard {
            Heard::Media(_) => return,
            Heard::Long(seqs) => seqs.into_iter().map(|seq| newest.wrapping_sub(seq)).collect(),
            Heard::Short(seqs) => seqs.into_iter().map(|seq| u32::from((newest as u16).wrapping_sub(seq))).collect(),
        };
        for back in places {
            let Some(place) = self.kept.len().checked_sub(back as usize).filter(|_| back != 0) else { continue };
            // Once per round trip, as it believes it to be.
            let rtt = voice.believed_rtt.unwrap_or(RTT_MIN).max(RTT_MIN).min(RTT_MAX);
            let kept = &mut self.kept[place];
            if kept.repeats >= MOST_REPEATS || kept.repeated.is_some_and(|at| now.since(at) < rtt) {
                self.refused += 1;
                continue;
            }
            kept.repeated = Some(now);
            kept.repeats += 1;
            voice.turn_key(now);
            self.send(voice, place, true);
        }
    }
}
