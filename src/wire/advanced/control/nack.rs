//! Requests for retransmission, by 32-bit sequence numbers.
//!
//! The standard lets a message hold many records. Nobody reads more than the first, so we write one.

use super::{append, ci};
use crate::wire::{Error, Result};

const RECORD_LEN: usize = 8;
/// How many packets after the first a range may ask for: libRIST walks no further.
pub const MAX_ADDITIONAL: u32 = 9999;

/// First sequence number, and a bit for each of the 32 after it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Bitmask<'a> {
    /// The flow, or what libRIST takes for it: its own SSRC. To be ignored.
    pub media_ssrc: u32,
    records: &'a [[u8; RECORD_LEN]],
}

/// First sequence number, and how many more.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Range<'a> {
    /// As in a bitmask.
    pub media_ssrc: u32,
    records: &'a [[u8; RECORD_LEN]],
}

impl<'a> Bitmask<'a> {
    pub(super) fn read(body: &'a [u8]) -> Result<Self> {
        let (media_ssrc, records) = read(body)?;
        Ok(Self { media_ssrc, records })
    }

    /// First sequence numbers and masks.
    pub fn pairs(&self) -> impl Iterator<Item = (u32, u32)> + 'a {
        pairs(self.records)
    }

    /// What is asked for, in order; at most `cap` sequence numbers.
    pub fn sequences(&self, cap: usize) -> impl Iterator<Item = u32> + 'a {
        let offsets = |mask| (0..33u32).filter(move |bit| (u64::from(mask) << 1 | 1) >> bit & 1 == 1);
        self.pairs().flat_map(move |(first, mask)| offsets(mask).map(move |bit| first.wrapping_add(bit))).take(cap)
    }
}

impl<'a> Range<'a> {
    pub(super) fn read(body: &'a [u8]) -> Result<Self> {
        let (media_ssrc, records) = read(body)?;
        Ok(Self { media_ssrc, records })
    }

    /// First sequence numbers, and how many more there are, at most [`MAX_ADDITIONAL`].
    pub fn pairs(&self) -> impl Iterator<Item = (u32, u32)> + 'a {
        pairs(self.records).map(|(first, additional)| (first, additional.min(MAX_ADDITIONAL)))
    }

    /// What is asked for, in order; at most `cap` sequence numbers.
    pub fn sequences(&self, cap: usize) -> impl Iterator<Item = u32> + 'a {
        self.pairs().flat_map(|(first, more)| (0..=more).map(move |offset| first.wrapping_add(offset))).take(cap)
    }
}

fn read(body: &[u8]) -> Result<(u32, &[[u8; RECORD_LEN]])> {
    let (&ssrc, records) = body.split_first_chunk().ok_or(Error::TooShort)?;
    let (records, rest) = records.as_chunks();
    if records.is_empty() {
        return Err(Error::TooShort);
    }
    if !rest.is_empty() {
        return Err(Error::Malformed);
    }
    Ok((u32::from_be_bytes(ssrc), records))
}

fn pairs(records: &[[u8; RECORD_LEN]]) -> impl Iterator<Item = (u32, u32)> {
    records.iter().map(|&[a, b, c, d, e, f, g, h]| (u32::from_be_bytes([a, b, c, d]), u32::from_be_bytes([e, f, g, h])))
}

/// Appends a message that asks for `first` and as many as `additional` after it.
pub fn write_range(out: &mut Vec<u8>, media_ssrc: u32, first: u32, additional: u32) {
    write(out, ci::NACK_RANGE, media_ssrc, first, additional.min(MAX_ADDITIONAL));
}

/// Appends a message that asks for `first` and those after it whose bits are set in `mask`.
pub fn write_bitmask(out: &mut Vec<u8>, media_ssrc: u32, first: u32, mask: u32) {
    write(out, ci::NACK_BITMASK, media_ssrc, first, mask);
}

fn write(out: &mut Vec<u8>, control: u16, media_ssrc: u32, first: u32, field: u32) {
    append(out, control, |out| {
        for word in [media_ssrc, first, field] {
            out.extend_from_slice(&word.to_be_bytes());
        }
    });
}

/// The ranges that ask for sequence numbers which ascend in flow order (they may wrap): one message each.
pub fn ranges(seqs: &[u32]) -> impl Iterator<Item = (u32, u32)> {
    records(seqs, |more, distance| {
        let joins = distance <= more + 1 && distance <= MAX_ADDITIONAL;
        joins.then_some(more.max(distance))
    })
}

/// As [`ranges`], as bitmasks: each covers 33 sequence numbers.
pub fn bitmasks(seqs: &[u32]) -> impl Iterator<Item = (u32, u32)> {
    records(seqs, |mask, distance| match distance {
        0 => Some(mask),
        1..=32 => Some(mask | 1 << (distance - 1)),
        _ => None,
    })
}

/// `extend` gets the second field of a record and the distance of the next sequence number from its first,
/// and returns the field that covers that one too, if there is such a field.
fn records(seqs: &[u32], extend: impl Fn(u32, u32) -> Option<u32>) -> impl Iterator<Item = (u32, u32)> {
    let mut waiting = seqs.iter().copied().peekable();
    std::iter::from_fn(move || {
        let first = waiting.next()?;
        let mut field = 0;
        while let Some(wider) = waiting.peek().and_then(|seq| extend(field, seq.wrapping_sub(first))) {
            field = wider;
            waiting.next();
        }
        Some((first, field))
    })
}

#[cfg(test)]
mod tests {
    use super::super::Message;
    use super::*;
    use proptest::prelude::*;

    /// What our messages ask for, each of which must hold one record.
    fn asked(messages: impl Iterator<Item = (u32, u32)>, range: bool) -> Vec<u32> {
        let mut asked = Vec::new();
        for (first, field) in messages {
            let mut out = Vec::new();
            if range {
                write_range(&mut out, 2, first, field)
            } else {
                write_bitmask(&mut out, 2, first, field)
            }
            assert_eq!(out.len(), 16);
            match Message::parse(&out) {
                Ok(Message::NackRange(nack)) if range => asked.extend(nack.sequences(usize::MAX)),
                Ok(Message::NackBitmask(nack)) if !range => asked.extend(nack.sequences(usize::MAX)),
                other => panic!("{other:?}"),
            }
        }
        asked
    }

    #[test]
    fn a_long_run_is_split_where_readers_stop() {
        let seqs: Vec<u32> = (0..25_000).map(|i| 0xffff_f000u32.wrapping_add(i)).collect();
        let messages: Vec<_> = ranges(&seqs).collect();
        assert_eq!(messages, [(0xffff_f000, 9999), (0x1710, 9999), (0x3e20, 4999)]);
        assert_eq!(asked(ranges(&seqs), true), seqs);
        assert_eq!(bitmasks(&seqs[..67]).map(|(_, mask)| mask).collect::<Vec<_>>(), [u32::MAX, u32::MAX, 0]);
    }

    #[test]
    fn work_for_a_hostile_request_is_capped() {
        let mut body = vec![0, 1, 1, 0x94, 0, 0, 0, 2];
        body.extend([0xff; 50 * RECORD_LEN]);
        let Ok(Message::NackRange(nack)) = Message::parse(&body) else { panic!("well formed") };
        assert_eq!(nack.pairs().next(), Some((u32::MAX, MAX_ADDITIONAL)));
        assert_eq!(nack.sequences(usize::MAX).count(), 50 * 10_000);
        assert!(nack.sequences(3).eq([u32::MAX, 0, 1]));
        body[1] = 0;
        let Ok(Message::NackBitmask(nack)) = Message::parse(&body) else { panic!("well formed") };
        assert_eq!(nack.sequences(usize::MAX).count(), 50 * 33);
        assert!(nack.sequences(3).eq([u32::MAX, 0, 1]));
    }

    #[test]
    fn rests_and_requests_for_nothing_are_refused() {
        for control in 0..=1 {
            for (len, expected) in
                [(3, Error::TooShort), (4, Error::TooShort), (8, Error::TooShort), (13, Error::Malformed)]
            {
                let payload = [&[0, control, 0, len][..], &[0; 13]].concat();
                assert_eq!(Message::parse(&payload), Err(expected), "{control} {len}");
            }
        }
    }

    proptest! {
        #[test]
        fn what_is_missing_is_asked_for_once(start: u32, steps in prop::collection::vec(0u32..40, 1..200)) {
            let mut seqs = vec![start];
            seqs.extend(steps.iter().scan(start, |seq, step| { *seq = seq.wrapping_add(*step); Some(*seq) }));
            let (by_range, by_mask) = (asked(ranges(&seqs), true), asked(bitmasks(&seqs), false));
            seqs.dedup();
            prop_assert_eq!(by_range, seqs.clone());
            prop_assert_eq!(by_mask, seqs);
        }
    }
}
