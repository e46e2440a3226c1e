//! Somebody who can forge the very address and port of a peer speaks Advanced in its name.

use crate::network::Link;
use crate::pair::{FLOW, PORT, Pair, Path, Setup};
use crate::random::Random;
use crate::world::address;
use rist::crypto::psk::KeySize;
use rist::protocol::config::Profile;
use rist::protocol::output::Event;
use rist::protocol::time::Span;
use rist::wire::advanced::control::{FutureNonce, KeepAlive};
use rist::wire::advanced::{Header, Psk, Type, is_candidate};
use rist::wire::gre::AdvancedCapabilities;
use std::net::SocketAddr;

fn datagram(header: Header, body: &[u8]) -> Vec<u8> {
    let mut head = [0; Header::MAX_LEN];
    let len = header.write(&mut head);
    [&head[..len], body].concat()
}

fn control(seq: u32, write: impl FnOnce(&mut Vec<u8>)) -> Vec<u8> {
    let mut body = Vec::new();
    write(&mut body);
    datagram(Header::control(seq, seq << 10, 0x0666_6600), &body)
}

fn lossy() -> Setup {
    Setup::new(Path::both(Link::lossy(0.01)))
}

/// The sender's and the receiver's address, where the sender calls.
fn ends(pair: &Pair) -> (SocketAddr, SocketAddr) {
    let sender = pair.world.hosts[pair.sender].socket(pair.callers[0].1);
    (sender, SocketAddr::new(address(0, pair.receiver), PORT))
}

/// What a forger says to the receiver for five seconds, in each millisecond. Returns the keys derived.
fn keys_under(forged: impl Fn(&mut Random) -> Option<Vec<u8>>) -> u64 {
    let mut pair = lossy().secret(KeySize::Aes128).advanced().start();
    pair.world.run_for(Span::from_secs(2));
    let stream = pair.write(Span::from_secs(5));
    let before = pair.got().keys_derived;
    let (sender, receiver) = ends(&pair);
    let mut random = Random::new(7);
    for _ in 0..5000 {
        for _ in 0..10 {
            forged(&mut random).into_iter().for_each(|bytes| pair.world.inject(sender, receiver, bytes));
        }
        pair.world.run_for(Span::from_millis(1));
    }
    pair.finish();
    pair.assert(stream).assert_complete();
    pair.got().keys_derived - before
}

#[test]
fn announced_nonces_are_looked_into_now_and_then() {
    let quiet = keys_under(|_| None);
    let flooded = keys_under(|random| {
        let announced = FutureNonce { nonce: (random.next() as u32 | 1).to_be_bytes(), bits: Some(128) };
        Some(control(random.next() as u32, |out| announced.write(out)))
    });
    assert!(flooded <= quiet + 150, "{flooded}");
}

#[test]
fn nonces_of_sealed_media_are_looked_into_now_and_then() {
    let quiet = keys_under(|_| None);
    let flooded = keys_under(|random| {
        let psk = Psk::ctr((random.next() as u32 | 1).to_be_bytes(), 1);
        Some(datagram(Header { psk, ..Header::media(1, 2, FLOW ^ 0x100) }, b"something"))
    });
    assert!(flooded <= quiet + 550, "{flooded}");
}

/// Control is in clear text even where there is a secret. A peer of Main, which says so under the secret, is believed.
#[test]
fn a_forged_keep_alive_makes_no_peer_of_main_one_of_advanced() {
    let setup = Setup { receiver_profile: Some(Profile::Main), ..lossy().secret(KeySize::Aes128).advanced() };
    let mut pair = setup.start();
    pair.world.run_for(Span::from_secs(2));
    let stream = pair.write(Span::from_secs(5));
    pair.world.wire = Some(Vec::new());
    let (sender, receiver) = ends(&pair);
    let can = AdvancedCapabilities { fragmentation: true, compression: true, fec: false };
    let message = KeepAlive { mac: [2, 0, 0, 0, 6, 6], can, is_librist: false, pairs: false, json: &[] };
    for n in 0..500 {
        pair.world.inject(receiver, sender, control(n, |out| message.write(out)));
        pair.world.run_for(Span::from_millis(10));
    }
    pair.finish();
    pair.assert(stream).assert_complete();
    let advanced =
        pair.world.wire.iter().flatten().filter(|sent| sent.host == pair.sender && is_candidate(&sent.bytes));
    assert_eq!(advanced.count(), 0);
}

/// What stands in a sealed packet of Main within one of Advanced is noise under a forged nonce, and one in some twenty
/// looks like out-of-band data.
#[test]
fn noise_is_no_out_of_band_data() {
    let mut pair = lossy().secret(KeySize::Aes128).advanced().start();
    pair.world.hosts[pair.receiver].session.set_out_of_band(true);
    pair.world.hosts[pair.receiver].session.set_typed_out_of_band(true);
    pair.world.run_for(Span::from_secs(2));
    let stream = pair.write(Span::from_secs(5));
    let (sender, receiver) = ends(&pair);
    let mut random = Random::new(7);
    for n in 0..1000 {
        let psk = Psk::ctr([1, 2, 3, 4], n);
        let body: Vec<u8> = (0..8).flat_map(|_| random.next().to_be_bytes()).collect();
        let header = Header { psk, kind: Type::RistGre, ..Header::media(n, n << 10, FLOW) };
        pair.world.inject(sender, receiver, datagram(header, &body));
        pair.world.run_for(Span::from_millis(3));
    }
    pair.finish();
    pair.assert(stream).assert_complete();
    let data = pair.got().events.iter().filter(|(_, event)| matches!(event, Event::OutOfBand { .. }));
    assert_eq!(data.count(), 0);
}
