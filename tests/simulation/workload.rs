//! What the applications write: packets that know their place and what every byte of them must be.

use crate::random::Random;
use rist::protocol::time::Span;

const MAGIC: &[u8; 4] = b"SIMU";
/// In the number of a stream: its noise is the same eight bytes again and again, which LZ4 makes shorter.
const COMPRESSIBLE: u32 = 1 << 31;
/// Bytes of the label; no payload is shorter.
pub(crate) const LABEL: usize = 20;

/// The payload that packet `index` of `stream` has: magic, stream, index, checksum, then noise.
pub(crate) fn payload(stream: u32, index: u32, len: usize) -> Vec<u8> {
    let len = len.max(LABEL);
    let mut bytes = Vec::with_capacity(len + 8);
    bytes.extend_from_slice(MAGIC);
    bytes.extend_from_slice(&stream.to_be_bytes());
    bytes.extend_from_slice(&index.to_be_bytes());
    let mut noise = Random::new(u64::from(stream) << 32 | u64::from(index));
    bytes.extend_from_slice(&(noise.next() ^ len as u64).to_be_bytes());
    let mut next = noise.next();
    while bytes.len() < len {
        bytes.extend_from_slice(&next.to_be_bytes());
        next = if stream & COMPRESSIBLE == 0 { noise.next() } else { next };
    }
    bytes.truncate(len);
    bytes
}

/// Stream and index of a payload that claims to be ours.
pub(crate) fn label(bytes: &[u8]) -> Option<(u32, u32)> {
    let rest = bytes.strip_prefix(MAGIC)?;
    let (stream, rest) = rest.split_first_chunk::<4>()?;
    let (index, _) = rest.split_first_chunk::<4>()?;
    Some((u32::from_be_bytes(*stream), u32::from_be_bytes(*index)))
}

/// The rhythm and the sizes of a stream.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Pattern {
    /// Between two bursts.
    pub(crate) interval: Span,
    /// The interval varies by up to this share of itself, both ways.
    pub(crate) variation: f64,
    /// Packets written at once: 1 ..= this.
    pub(crate) burst: u32,
    pub(crate) smallest: usize,
    pub(crate) largest: usize,
    /// Probability of a pause after a burst, and its length.
    pub(crate) pauses: Option<(f64, Span)>,
    /// The application numbers its packets itself, from here.
    pub(crate) first_seq: Option<u32>,
    pub(crate) compressible: bool,
}

impl Default for Pattern {
    fn default() -> Self {
        Self {
            interval: Span::from_millis(5),
            variation: 0.0,
            burst: 1,
            smallest: 200,
            largest: 200,
            pauses: None,
            first_seq: None,
            compressible: false,
        }
    }
}

impl Pattern {
    /// A stream's number tells what is in its packets.
    pub(crate) fn stream(&self, number: u32) -> u32 {
        number | if self.compressible { COMPRESSIBLE } else { 0 }
    }

    pub(crate) fn every(ms: u32) -> Self {
        Self { interval: Span::from_millis(ms), ..Self::default() }
    }
}

/// An application that writes one stream.
#[derive(Debug)]
pub(crate) struct Writer {
    pub(crate) stream: u32,
    pub(crate) host: usize,
    pub(crate) pattern: Pattern,
    random: Random,
    next: Span,
    until: Span,
    index: u32,
}

impl Writer {
    pub(crate) fn new(stream: u32, host: usize, pattern: Pattern, random: Random, from: Span, until: Span) -> Self {
        Self { stream, host, pattern, random, next: from, until, index: 0 }
    }

    pub(crate) fn next(&self) -> Option<Span> {
        (self.next < self.until).then_some(self.next)
    }

    pub(crate) fn stop(&mut self) {
        self.until = Span::ZERO;
    }

    /// The packets of the burst that is due: index, sequence number if the application gives one, bytes.
    pub(crate) fn burst(&mut self) -> Vec<(u32, Option<u32>, Vec<u8>)> {
        let count = self.random.between(1, u64::from(self.pattern.burst));
        let packets = (0..count).map(|_| {
            let index = self.index;
            self.index += 1;
            let len = self.random.between(self.pattern.smallest as u64, self.pattern.largest as u64);
            let seq = self.pattern.first_seq.map(|first| first.wrapping_add(index));
            (index, seq, payload(self.stream, index, len as usize))
        });
        let packets = packets.collect();
        let swing = self.pattern.variation * (2.0 * self.random.unit() - 1.0);
        let mut wait = self.pattern.interval.scaled(((1.0 + swing) * 1e6) as i64, 1_000_000);
        if let Some((probability, length)) = self.pattern.pauses
            && self.random.chance(probability)
        {
            wait = wait + length;
        }
        self.next = self.next + wait.max(Span::from_micros(1));
        packets
    }
}
