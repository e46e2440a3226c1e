//! Media under keys that change, on a network that loses, repeats and reorders.

use crate::session::*;
use crate::support::cases;
use proptest::prelude::*;
use rist::crypto::psk::KeySize;
use rist::protocol::config::PeerConfig;
use rist::wire::gre::Packet;
use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;

fn sizes() -> impl Strategy<Value = KeySize> {
    prop_oneof![Just(KeySize::Aes128), Just(KeySize::Aes192), Just(KeySize::Aes256)]
}

fn rotating(size: KeySize, key_rotation: u32) -> PeerConfig {
    PeerConfig { key_rotation, ..with_secret("shared", size) }
}

/// Which nonces and sequence numbers a side used, in its order.
fn sealed(pair: &Pair, way: Way) -> Vec<([u8; 4], u32)> {
    let of_way = pair.passed.iter().filter(|(passed, _)| *passed == way);
    let read = |(_, datagram): &(Way, Vec<u8>)| {
        let packet = Packet::parse(datagram).ok()?;
        packet.nonce.zip(packet.sequence)
    };
    of_way.filter_map(read).collect()
}

proptest! {
    #![proptest_config(cases(20))]

    #[test]
    fn all_is_read_whatever_the_network_loses_and_no_counter_comes_twice(
        size in sizes(),
        key_rotation in 1u32..40,
        lost in prop::collection::vec(prop::bool::weighted(0.2), 997),
        packets in 30u32..120,
    ) {
        let mut pair = Pair::same(rotating(size, key_rotation));
        prop_assert!(pair.until(2000, Pair::connected).is_some());
        // What is lost before the first packet that comes is nobody's loss.
        pair.stream(1);
        let all = Rc::new(RefCell::new(Vec::new()));
        let (mut number, seen) = (0usize, Rc::clone(&all));
        pair.network = Box::new(move |way, datagram: &[u8]| {
            seen.borrow_mut().push((way, datagram.to_vec()));
            number += 1;
            !lost[number % 997]
        });
        pair.stream(packets);
        // The tail of a stream is found out by reports, some of which are lost, too.
        pair.run(1500);
        let numbers = pair.listener.numbers();
        prop_assert!(numbers.iter().copied().eq(0..=packets), "{numbers:?}");
        pair.passed = all.take();
        for way in [Way::ToListener, Way::ToCaller] {
            let used = sealed(&pair, way);
            prop_assert!(used.iter().all(|(nonce, _)| *nonce != [0; 4]));
            let distinct: BTreeSet<_> = used.iter().collect();
            prop_assert_eq!(distinct.len(), used.len(), "a key stream was used twice");
            // A nonce that was left does not come back.
            let mut last: BTreeMap<[u8; 4], usize> = BTreeMap::new();
            for (place, (nonce, _)) in used.iter().enumerate() {
                let before = last.insert(*nonce, place);
                prop_assert!(before.is_none_or(|before| before + 1 == place));
            }
        }
        prop_assert!(packets < 60 || key_rotation > 20 || pair.listener.derived > 1, "keys have changed");
    }

    #[test]
    fn what_is_repeated_or_comes_late_is_handed_out_once(
        size in sizes(),
        key_rotation in 5u32..40,
        moves in prop::collection::vec((0usize..6, any::<bool>()), 60),
    ) {
        let mut pair = Pair::same(rotating(size, key_rotation));
        prop_assert!(pair.until(2000, Pair::connected).is_some());
        pair.stream(5);
        let mut waiting: Vec<(usize, Vec<u8>)> = Vec::new();
        // All that is sent goes by hand: each datagram some steps late, and perhaps once more.
        for (step, (late, twice)) in moves.iter().enumerate() {
            pair.caller.write(&[0x47; 188]);
            for datagram in pair.caller.take_sent() {
                if *twice {
                    waiting.push((step + 2 * late + 1, datagram.clone()));
                }
                waiting.push((step + late, datagram));
            }
            let (due, rest) = std::mem::take(&mut waiting).into_iter().partition(|(at, _)| *at <= step);
            waiting = rest;
            for (_, datagram) in due {
                pair.listener.hear(pair.caller_at, &datagram);
            }
            pair.caller.pass_ms(2);
            pair.listener.pass_ms(2);
        }
        for (_, datagram) in waiting {
            pair.listener.hear(pair.caller_at, &datagram);
        }
        pair.run(1500);
        let numbers = pair.listener.numbers();
        prop_assert!(numbers.iter().copied().eq(numbers[0]..numbers[0] + 65), "{numbers:?}");
        // The whole conversation once more, and every packet is an old one.
        for (_, datagram) in std::mem::take(&mut pair.passed) {
            pair.listener.hear(pair.caller_at, &datagram);
        }
        pair.run(1500);
        prop_assert_eq!(pair.listener.numbers(), numbers);
    }

    #[test]
    fn a_wrong_secret_a_wrong_size_or_no_nonce_reads_nothing(
        (ours, theirs) in ("[a-z]{1,8}", "[a-z]{1,8}"),
        size in sizes(),
        packets in 1u16..30,
        start: u16,
    ) {
        prop_assume!(ours != theirs);
        let listen = || Side::receiver(PeerConfig { address_validation: false, ..with_secret(&ours, KeySize::Aes128) });
        let mut side = listen();
        let mut wrong = Keyed::new(&theirs, [1, 2, 3, 4], size);
        let mut zero = Keyed::new(&ours, [0; 4], KeySize::Aes128);
        for number in 0..packets {
            for who in [&mut wrong, &mut zero] {
                let (name, media) = (who.name(), who.media(start.wrapping_add(number)));
                side.hear(stranger(1), &name);
                side.hear(stranger(1), &media);
            }
            side.pass_ms(10);
        }
        side.pass_ms(1500);
        prop_assert_eq!(side.numbers(), []);
        // The same from somebody who has the secret.
        let mut side = listen();
        let mut right = Keyed::new(&ours, [1, 2, 3, 4], KeySize::Aes128);
        for number in 0..packets.max(12) {
            let (name, media) = (right.name(), right.media(start.wrapping_add(number)));
            side.hear(stranger(1), &name);
            side.hear(stranger(1), &media);
            side.pass_ms(10);
        }
        side.pass_ms(1500);
        prop_assert!(!side.numbers().is_empty());
    }
}
