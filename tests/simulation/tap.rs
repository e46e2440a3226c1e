//! What the simulator reads from the wire: its own small GRE, RTP and RTCP reader, independent of the library's.

use crate::workload;
use rist::crypto::psk::{Cipher, Nonce};
use rist::wire::lz4;
use std::collections::HashMap;

/// What a datagram is, as far as the books need it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Kind {
    Media {
        stream: u32,
        index: u32,
        seq: u16,
        timestamp: u32,
        repeated: bool,
    },
    /// `answers`: an RTT echo. `wall`: the NTP seconds of a sender report.
    Control {
        requested: Vec<u16>,
        answers: bool,
        wall: Option<u32>,
    },
    Foreign,
}

/// Knows every key, because it looks over the hosts' shoulders.
#[derive(Debug, Default)]
pub(crate) struct Tap {
    keys: HashMap<Nonce, Vec<Cipher>>,
}

impl Tap {
    pub(crate) fn learn(&mut self, nonce: Nonce, keys: &[Cipher]) {
        self.keys.entry(nonce).or_default().extend_from_slice(keys);
    }

    /// Reads a datagram of any profile.
    pub(crate) fn read(&self, bytes: &[u8]) -> Kind {
        match bytes.first() {
            Some(0x00 | 0x10 | 0x30) => self.through(bytes).unwrap_or(Kind::Foreign),
            Some(0x80) if bytes.get(1) == Some(&127) => self.advanced(bytes).unwrap_or(Kind::Foreign),
            _ => read(bytes),
        }
    }

    /// TR-06-3 §5: no extension of RTP's, and of PSK only AES-CTR.
    fn advanced(&self, bytes: &[u8]) -> Option<Kind> {
        let (flags, parameters) = (*bytes.get(14)?, *bytes.get(15)?);
        let (mode, kind) = (parameters >> 6, parameters & 15);
        let at = if flags & 8 != 0 { 20 } else { 16 };
        if kind == 4 && mode == 0 {
            return Some(control(bytes.get(at..)?));
        }
        let packed = parameters & 0x30 == 0x10;
        let media = |text: &[u8]| {
            let mut clear = Vec::new();
            let (stream, index) = match packed {
                true => lz4::decompress(text, &mut clear).ok().and_then(|()| workload::label(&clear))?,
                false => workload::label(text)?,
            };
            let (seq, timestamp) = (word(bytes, 2), double(bytes, 4));
            Some(Kind::Media { stream, index, seq, timestamp, repeated: flags & 0x10 != 0 })
        };
        if mode == 0 {
            return media(bytes.get(at..)?);
        }
        let nonce = <[u8; 4]>::try_from(bytes.get(at..at + 4)?).ok()?;
        let mut counter = [0; 16];
        counter[..4].copy_from_slice(bytes.get(at + 4..at + 8)?);
        let mut kinds = self.keys.get(&nonce)?.iter().filter_map(|key| {
            let mut text = bytes[at + 8..].to_vec();
            key.apply(&counter, &mut text);
            media(&text)
        });
        kinds.next()
    }

    /// TR-06-2:2022 §5: flags, type, nonce and sequence where the flags say so; behind VSF's four octets or at once, ports.
    fn through(&self, bytes: &[u8]) -> Option<Kind> {
        let kind = word(bytes.get(..4)?, 2);
        let mut at = 4;
        let mut take = |present: bool| {
            at += if present { 4 } else { 0 };
            present.then(|| bytes.get(at - 4..at)).flatten().and_then(|four| <[u8; 4]>::try_from(four).ok())
        };
        let nonce = take(bytes[0] & 0x20 != 0);
        let sequence = take(bytes[0] & 0x10 != 0);
        let body = bytes.get(at..)?;
        let clear = |text: &[u8]| match (kind, text.get(..4)) {
            (0xCCE0, Some([0, 0, 0, 0])) => Some(read(text.get(8..)?)),
            (0x88B6, Some(_)) => Some(read(&text[4..])),
            _ => None,
        };
        let Some(nonce) = nonce else { return clear(body) };
        let mut counter = [0; 16];
        counter[..4].copy_from_slice(&sequence?);
        let kinds = self.keys.get(&nonce)?.iter().filter_map(|key| {
            let mut text = body.to_vec();
            key.apply(&counter, &mut text);
            clear(&text)
        });
        kinds.into_iter().find(|kind| *kind != Kind::Foreign)
    }
}

fn read(bytes: &[u8]) -> Kind {
    if bytes.len() < 8 || bytes[0] >> 6 != 2 {
        return Kind::Foreign;
    }
    if (72..=79).contains(&(bytes[1] & 0x7f)) {
        return Kind::Control { requested: requests(bytes), answers: answers_echo(bytes), wall: wall(bytes) };
    }
    // RFC 3550 §5.1; retransmissions have the low bit of the SSRC set (TR-06-1 §5.3.3).
    let Some((stream, index)) = bytes.get(12..).and_then(workload::label) else { return Kind::Foreign };
    let (seq, timestamp) = (word(bytes, 2), double(bytes, 4));
    Kind::Media { stream, index, seq, timestamp, repeated: bytes[11] & 1 == 1 }
}

/// TR-06-3 §6.2: an identifier, a length, and for requests an SSRC and pairs.
fn control(bytes: &[u8]) -> Kind {
    let mut requested = Vec::new();
    let identifier = bytes.get(..2).map(|octets| word(octets, 0));
    for pair in bytes.get(8..).unwrap_or(&[]).chunks_exact(8) {
        let (first, field) = (word(pair, 2), double(pair, 4));
        let steps = |step: u32| first.wrapping_add(step as u16);
        match identifier {
            Some(0) => {
                requested.push(first);
                requested.extend((0..32).filter(|bit| field >> bit & 1 == 1).map(|bit| steps(bit + 1)));
            }
            Some(1) => requested.extend((0..=field).map(steps)),
            _ => {}
        }
    }
    Kind::Control { requested, answers: identifier == Some(0x11), wall: None }
}

fn double(bytes: &[u8], at: usize) -> u32 {
    u32::from(word(bytes, at)) << 16 | u32::from(word(bytes, at + 2))
}

/// RFC 3550 §6.4.1: a sender report begins the datagram.
fn wall(bytes: &[u8]) -> Option<u32> {
    (bytes[1] == 200 && bytes.len() >= 28).then(|| double(bytes, 8))
}

fn word(bytes: &[u8], at: usize) -> u16 {
    u16::from_be_bytes([bytes[at], bytes[at + 1]])
}

/// Every sequence number asked for, by range (TR-06-1 §5.3.2.2) or by bitmask (§5.3.2.1).
fn requests(mut bytes: &[u8]) -> Vec<u16> {
    let mut found = Vec::new();
    while bytes.len() >= 4 {
        let length = (usize::from(word(bytes, 2)) + 1) * 4;
        if length > bytes.len() {
            break;
        }
        let (packet, rest) = bytes.split_at(length);
        let records = packet.get(12..).unwrap_or(&[]).chunks_exact(4).map(|record| (word(record, 0), word(record, 2)));
        match (packet[1], packet[0] & 0x1f) {
            (204, 0) => records.for_each(|(start, more)| {
                found.extend((0..=more).map(|step| start.wrapping_add(step)));
            }),
            (205, 1) => records.for_each(|(start, mask)| {
                found.push(start);
                found.extend((0..16).filter(|bit| mask >> bit & 1 == 1).map(|bit| start.wrapping_add(bit + 1)));
            }),
            _ => {}
        }
        bytes = rest;
    }
    found
}

/// Whether an echo response is in it (TR-06-1 §5.2.6: APP "RIST", subtype 3).
fn answers_echo(mut bytes: &[u8]) -> bool {
    while bytes.len() >= 4 {
        let length = (usize::from(word(bytes, 2)) + 1) * 4;
        if length > bytes.len() {
            break;
        }
        let (packet, rest) = bytes.split_at(length);
        if packet[1] == 204 && packet[0] & 0x1f == 3 {
            return true;
        }
        bytes = rest;
    }
    false
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_kinds_of_request_are_read() {
        let range = [0x80, 0xcc, 0, 4, 0x85, 0xde, 0xa7, 0x4a, 0x52, 0x49, 0x53, 0x54, 0, 25, 0, 2, 0, 30, 0, 0];
        assert_eq!(read(&range), Kind::Control { requested: vec![25, 26, 27, 30], answers: false, wall: None });
        let bitmask = [0x81, 0xcd, 0, 3, 0, 0, 0, 0, 0x85, 0xde, 0xa7, 0x4a, 0, 5, 0, 0x1c];
        assert_eq!(read(&bitmask), Kind::Control { requested: vec![5, 8, 9, 10], answers: false, wall: None });
    }

    #[test]
    fn requests_are_found_behind_a_report() {
        let compound = [0x80, 0xc9, 0, 1, 1, 2, 3, 4, 0x80, 0xcc, 0, 3, 1, 2, 3, 4, 0x52, 0x49, 0x53, 0x54, 0, 8, 0, 0];
        assert_eq!(read(&compound), Kind::Control { requested: vec![8], answers: false, wall: None });
    }

    #[test]
    fn media_carries_its_label() {
        let mut packet = vec![0x80, 33, 0, 9, 0, 0, 1, 2, 1, 2, 3, 5];
        packet.extend_from_slice(&workload::payload(3, 77, 100));
        assert_eq!(read(&packet), Kind::Media { stream: 3, index: 77, seq: 9, timestamp: 258, repeated: true });
    }
}
