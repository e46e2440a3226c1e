//! RTP packets: what is written is read, whatever others put between header and payload is not.

use crate::support::cases;
use proptest::prelude::*;
use rist::wire::rtp::{Extension, Header, Rtp};

fn octets(most: usize) -> impl Strategy<Value = Vec<u8>> {
    prop::collection::vec(any::<u8>(), 0..most)
}

proptest! {
    #![proptest_config(cases(2000))]

    #[test]
    fn a_written_header_is_read_back(
        payload_type in 0u8..128,
        (seq, timestamp, ssrc) in any::<(u16, u32, u32)>(),
        null_packets: Option<u8>,
        payload in octets(60),
    ) {
        let mut head = [0xee; Header::MAX_LEN];
        let len = Header { payload_type, seq, timestamp, ssrc, null_packets }.write(&mut head);
        let extension = null_packets.map(|map| Extension { null_packets: Some(map), seq_high: None });
        let expected = Rtp { payload_type, marker: false, seq, timestamp, ssrc, extension, payload: &payload };
        let packet = [&head[..len], &payload].concat();
        prop_assert_eq!(Rtp::parse(&packet), Ok(expected));
    }

    #[test]
    fn everything_around_a_payload_is_taken_off(
        fixed: [u8; 11],
        sources in 0usize..16,
        extension in prop::option::of((any::<u16>(), prop::collection::vec(any::<[u8; 4]>(), 0..5))),
        payload in octets(60),
        padding in prop::option::of(1u8..),
    ) {
        let bits = (u8::from(padding.is_some()) << 5) | (u8::from(extension.is_some()) << 4);
        let mut packet = [&[0x80 | bits | sources as u8], &fixed[..]].concat();
        packet.resize(packet.len() + 4 * sources, 0xcc);
        if let Some((profile, words)) = &extension {
            packet.extend(profile.to_be_bytes());
            packet.extend((words.len() as u16).to_be_bytes());
            packet.extend(words.concat());
        }
        packet.extend(&payload);
        if let Some(count) = padding {
            packet.resize(packet.len() + usize::from(count) - 1, 0);
            packet.push(count);
        }
        let rtp = Rtp::parse(&packet);
        prop_assert_eq!(rtp.map(|rtp| rtp.payload), Ok(&payload[..]));
        let ours = extension.is_some_and(|(profile, words)| profile == 0x5249 && words.len() == 1);
        prop_assert_eq!(rtp.is_ok_and(|rtp| rtp.extension.is_some()), ours);
    }
}
