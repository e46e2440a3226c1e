//! Null packet deletion: MPEG-TS null packets left out on the wire (TR-06-2:2022 §8.3).
//!
//! The map octet says what was left out: bit 7 set for 204-octet packets; below it bit 6 for the first
//! packet of the datagram, bit 5 for the second, and so on, set where a null packet was.

use super::{Error, Result};

const SYNC: u8 = 0x47;
const LONG_PACKETS: u8 = 0x80;
/// The map has room for no more.
const MAX_PACKETS: usize = 7;
/// First octets of the null packet that is put back; 0xff follows (as libRIST).
const NULL_PACKET: [u8; 4] = [SYNC, 0x1f, 0xff, 0x10];

/// Removes null TS packets: `None` if there is nothing to remove (not TS, more than seven packets, no nulls).
/// Returns the map octet; the remaining octets are in `out`, which is cleared first.
pub fn suppress(payload: &[u8], out: &mut Vec<u8>) -> Option<u8> {
    out.clear();
    let (size, mut map) = match payload.len() {
        len if len.is_multiple_of(188) => (188, 0),
        len if len.is_multiple_of(204) => (204, LONG_PACKETS),
        _ => return None,
    };
    let packets = packets(payload, size).ok()?;
    if !packets.clone().any(is_null) {
        return None;
    }
    for (index, packet) in packets.enumerate() {
        if is_null(packet) {
            map |= map_bit(index);
        } else {
            out.extend_from_slice(packet);
        }
    }
    Some(map)
}

/// Puts them back into `out`, which is cleared first. On `Err` (map and payload disagree, a wrong sync octet,
/// more than seven packets) the caller delivers the payload as it is.
pub fn expand(map: u8, payload: &[u8], out: &mut Vec<u8>) -> Result<()> {
    out.clear();
    let size = if map & LONG_PACKETS == 0 { 188 } else { 204 };
    let mut packets = packets(payload, size)?;
    let nulls = (map & !LONG_PACKETS).count_ones() as usize;
    let total = packets.len() + nulls;
    let misplaced = (total..MAX_PACKETS).any(|index| map & map_bit(index) != 0);
    if total > MAX_PACKETS || misplaced {
        return Err(Error::Malformed);
    }
    for index in 0..total {
        if map & map_bit(index) != 0 {
            let end = out.len() + size;
            out.extend_from_slice(&NULL_PACKET);
            out.resize(end, 0xff);
        } else if let Some(packet) = packets.next() {
            out.extend_from_slice(packet);
        }
    }
    Ok(())
}

/// The packets of a payload, if it is whole ones, few enough, and each starts with the sync octet.
fn packets(payload: &[u8], size: usize) -> Result<std::slice::ChunksExact<'_, u8>> {
    let packets = payload.chunks_exact(size);
    let whole = packets.remainder().is_empty() && packets.len() <= MAX_PACKETS;
    if !whole || packets.clone().any(|packet| packet.first() != Some(&SYNC)) {
        return Err(Error::Malformed);
    }
    Ok(packets)
}

/// PID 0x1fff without error, start or priority bit: what libRIST leaves out.
fn is_null(packet: &[u8]) -> bool {
    matches!(packet, [SYNC, 0x1f, 0xff, ..])
}

/// The bit of the packet at `index`, which must be below seven.
fn map_bit(index: usize) -> u8 {
    0x40 >> index
}

#[cfg(test)]
mod tests {
    use super::*;

    fn stream(kinds: &str, size: usize) -> Vec<u8> {
        let packet = |kind| {
            let head = if kind == 'N' { NULL_PACKET } else { [SYNC, 0x01, 0x00, 0x10] };
            let fill = if kind == 'N' { 0xff } else { 0xaa };
            head.into_iter().chain(std::iter::repeat(fill)).take(size)
        };
        kinds.chars().flat_map(packet).collect()
    }

    #[test]
    fn every_pattern_survives_the_round_trip() {
        let (mut sent, mut restored) = (Vec::new(), Vec::new());
        for size in [188, 204] {
            for count in 1..=7 {
                for pattern in 0..1u32 << count {
                    let kinds: String = (0..count).map(|i| if pattern >> i & 1 == 1 { 'N' } else { 'A' }).collect();
                    let payload = stream(&kinds, size);
                    let map = suppress(&payload, &mut sent);
                    assert_eq!(map.is_none(), pattern == 0);
                    let Some(map) = map else { continue };
                    assert_eq!(payload.len() - sent.len(), size * pattern.count_ones() as usize);
                    assert_eq!(expand(map, &sent, &mut restored), Ok(()));
                    assert_eq!(restored, payload);
                }
            }
        }
    }

    #[test]
    fn what_cannot_be_mapped_is_left_alone() {
        let mut out = vec![1, 2, 3];
        let mut bad_sync = stream("NNN", 188);
        bad_sync[376] = 0x48;
        let mut flagged = stream("AN", 188);
        flagged[189] = 0x5f;
        let cases = [vec![], stream("NNNNNNNN", 188), stream("NNNNNNNN", 204), bad_sync, flagged];
        for payload in cases.into_iter().chain([vec![SYNC; 100], stream("NA", 187)]) {
            assert_eq!(suppress(&payload, &mut out), None);
        }
    }

    #[test]
    fn map_that_disagrees_with_the_payload_is_refused() {
        let mut out = vec![1, 2, 3];
        let mut bad_sync = stream("AAA", 188);
        bad_sync[376] = 0x48;
        for (map, payload) in [
            (0x05, stream("A", 188)),        // bits to the right of the last packet
            (0x40, stream("AAAAAAA", 188)),  // eight packets
            (0x00, stream("AAAAAAAA", 188)), // eight packets
            (0xa0, stream("A", 188)),        // 204-octet packets announced
            (0x20, stream("A", 204)),        // 188-octet packets announced
            (0x40, stream("A", 100)),
            (0x40, bad_sync),
        ] {
            assert_eq!(expand(map, &payload, &mut out), Err(Error::Malformed), "{map:02x}");
        }
    }

    #[test]
    fn seven_long_packets_fit() {
        let (mut sent, mut restored) = (Vec::new(), Vec::new());
        let payload = stream("NAAAAAA", 204);
        assert_eq!(suppress(&payload, &mut sent), Some(0xc0));
        assert_eq!(expand(0xc0, &sent, &mut restored), Ok(()));
        assert_eq!(restored, payload);
        assert_eq!(expand(0xff, &[], &mut restored), Ok(()));
        assert_eq!(restored, stream("NNNNNNN", 204));
    }
}
