//! Null packet deletion loses nothing and never makes a packet longer.

use crate::support::cases;
use proptest::prelude::*;
use rist::wire::null_packet::{expand, suppress};

const NULL: [u8; 4] = [0x47, 0x1f, 0xff, 0x10];

/// A transport stream packet of any content; its PID is often, or nearly, that of null packets.
fn packet(size: usize) -> impl Strategy<Value = Vec<u8>> {
    let null = [&NULL[..], &vec![0xff; size - 4]].concat();
    let pid = prop_oneof![Just([0x1f, 0xff]), Just([0x1f, 0xfe]), Just([0x5f, 0xff]), any::<[u8; 2]>()];
    let any = (pid, any::<u8>(), any::<u8>())
        .prop_map(move |([high, low], flags, fill)| [&[0x47, high, low, flags][..], &vec![fill; size - 4]].concat());
    prop_oneof![Just(null), any]
}

/// Up to nine packets: more than the map has room for.
fn stream() -> impl Strategy<Value = (usize, Vec<u8>)> {
    prop_oneof![Just(188usize), Just(204)]
        .prop_flat_map(|size| (Just(size), prop::collection::vec(packet(size), 0..10).prop_map(|it| it.concat())))
}

/// Stuffing is put back as libRIST's, whatever it was.
fn restuffed(size: usize, payload: &[u8]) -> Vec<u8> {
    let restuff = |packet: &[u8]| match packet {
        [0x47, 0x1f, 0xff, ..] => [&NULL[..], &vec![0xff; size - 4]].concat(),
        _ => packet.to_vec(),
    };
    payload.chunks(size).flat_map(restuff).collect()
}

proptest! {
    #![proptest_config(cases(1500))]

    #[test]
    fn what_was_left_out_is_put_back((size, payload) in stream()) {
        let (mut short, mut long) = (vec![7], vec![7]);
        let map = suppress(&payload, &mut short);
        let nulls = payload.chunks(size).filter(|packet| packet.starts_with(&NULL[..3])).count();
        prop_assert_eq!(map.is_some(), nulls > 0 && payload.len() <= 7 * size);
        prop_assume!(map.is_some());
        prop_assert_eq!(short.len(), payload.len() - nulls * size);
        prop_assert_eq!(expand(map.unwrap_or_default(), &short, &mut long), Ok(()));
        prop_assert_eq!(long, restuffed(size, &payload));
    }

    #[test]
    fn what_is_no_stream_stays_as_it_is((size, mut payload) in stream(), at: prop::sample::Index, cut in 1usize..188) {
        prop_assume!(!payload.is_empty());
        let mut out = Vec::new();
        // Another length, or a packet without its sync octet.
        let odd = &payload[..payload.len() - cut];
        let whole = odd.len() % 188 == 0 || odd.len() % 204 == 0;
        prop_assert!(whole || suppress(odd, &mut out).is_none());
        let packets = payload.len() / size;
        payload[at.index(packets) * size] = 0x48;
        prop_assert_eq!(suppress(&payload, &mut out), None);
    }

    #[test]
    fn whatever_can_be_put_back_would_be_left_out_so(map: u8, (size, payload) in stream()) {
        let map = map & 0x7f | if size == 204 { 0x80 } else { 0 };
        let kept: Vec<u8> = payload.chunks(size).filter(|packet| !packet.starts_with(&NULL[..3])).flatten().copied().collect();
        let (nulls, total) = ((map & 0x7f).count_ones() as usize, kept.len() / size + (map & 0x7f).count_ones() as usize);
        // As many as the map has room for, and none beyond the last.
        let possible = total <= 7 && (total..7).all(|place| map & (0x40 >> place) == 0);
        let (mut long, mut short) = (Vec::new(), Vec::new());
        prop_assert_eq!(expand(map, &kept, &mut long).is_ok(), possible);
        if possible && nulls > 0 {
            prop_assert_eq!(long.len(), total * size);
            prop_assert_eq!(suppress(&long, &mut short), Some(map));
            prop_assert_eq!(short, kept);
        }
    }
}
