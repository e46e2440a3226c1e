//! Somebody who can forge the very address and port of a peer sends packets that ask for keys.

use crate::network::Link;
use crate::pair::{PORT, Path, Setup};
use crate::random::Random;
use crate::world::address;
use rist::crypto::psk::KeySize;
use rist::protocol::time::Span;
use rist::wire::gre::{Header, protocol};
use std::net::SocketAddr;

const PER_MILLISECOND: u32 = 20;
const LENGTH: u32 = 5_000;

/// A packet that looks encrypted, with a nonce that nobody has used.
fn forged(random: &mut Random) -> Vec<u8> {
    let nonce = (random.next() as u32 | 1).to_be_bytes();
    let header = Header { version: 1, protocol: protocol::REDUCED, key: Some((nonce, false)), sequence: 1 };
    let mut head = [0; Header::MAX_LEN];
    let len = header.write(&mut head);
    let body: Vec<u8> = (0..40).map(|_| random.next() as u8).collect();
    [&head[..len], &body].concat()
}

/// The stream stays whole although its sender takes a new key every so many packets; returns the keys derived.
#[track_caller]
fn keys_under_forgery(rotation: u32, flooded: bool) -> u64 {
    let mut setup = Setup::new(Path::both(Link::lossy(0.01))).secret(KeySize::Aes128);
    setup.peer.key_rotation = rotation;
    let mut pair = setup.start();
    pair.settle();
    let stream = pair.write(Span::from_millis(LENGTH));
    let before = pair.got().keys_derived;
    let (_, media, _) = pair.callers[0];
    let from = pair.world.hosts[pair.sender].socket(media);
    let to = SocketAddr::new(address(0, pair.receiver), PORT);
    let mut random = Random::new(5);
    for _ in 0..LENGTH {
        for _ in 0..if flooded { PER_MILLISECOND } else { 0 } {
            pair.world.inject(from, to, forged(&mut random));
        }
        pair.world.run_for(Span::from_millis(1));
    }
    pair.finish();
    pair.assert(stream).assert_complete();
    pair.got().keys_derived - before
}

#[test]
fn twenty_thousand_nonces_a_second_from_a_peers_own_address_cost_no_media() {
    for rotation in [0, 500, 100] {
        let (quiet, flooded) = (keys_under_forgery(rotation, false), keys_under_forgery(rotation, true));
        println!("a new key every {rotation} packets: {quiet} derived in {LENGTH} ms, {flooded} in a flood");
        // One in ten milliseconds.
        assert!(flooded <= quiet + u64::from(LENGTH) / 10 + 50, "{flooded}");
    }
}
