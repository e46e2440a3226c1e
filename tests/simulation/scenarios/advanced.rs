//! The Advanced profile: whom it is spoken with, and that nothing is lost for it.

use super::tunnel::{lossy, modes};
use crate::network::Link;
use crate::pair::{Pair, Path, Setup};
use rist::crypto::psk::KeySize;
use rist::protocol::config::{PeerConfig, Profile, PskMode};
use rist::protocol::time::Span;

/// Bits of the numbers that the flow had last.
fn seq_bits(pair: &Pair) -> Vec<u8> {
    pair.got().flow_reports.iter().map(|report| report.seq_bits).collect()
}

/// From the first packet on, without any time for a handshake.
fn play(setup: Setup) -> Pair {
    let mut pair = setup.start();
    let stream = pair.play();
    pair.assert(stream).assert_complete();
    pair.assert_counters(stream);
    pair
}

#[test]
fn a_stream_is_whole_in_every_mode_and_direction() {
    for (mode, setup) in modes() {
        for reversed in [false, true] {
            println!("{mode}, reversed: {reversed}");
            let mut pair = Setup { reversed, ..setup.clone().advanced() }.start();
            pair.world.run_for(Span::from_secs(5));
            let stream = pair.play();
            pair.assert(stream).assert_complete();
            pair.assert_counters(stream);
            let bits = seq_bits(&pair);
            assert!(!bits.is_empty() && bits.iter().all(|bits| *bits == 32), "{bits:?}");
        }
    }
}

#[test]
fn a_peer_of_the_main_profile_is_spoken_to_in_main() {
    for (mode, setup) in modes() {
        for reversed in [false, true] {
            for (ours, theirs) in [(Profile::Advanced, Profile::Main), (Profile::Main, Profile::Advanced)] {
                println!("{mode}, reversed: {reversed}, {ours:?} to {theirs:?}");
                let setup = Setup { reversed, profile: ours, receiver_profile: Some(theirs), ..setup.clone() };
                let mut pair = setup.start();
                pair.world.run_for(Span::from_secs(5));
                let stream = pair.play();
                pair.assert(stream).assert_complete();
                pair.assert_counters(stream);
                let bits = seq_bits(&pair);
                assert!(!bits.is_empty() && bits.iter().all(|bits| *bits == 16), "{bits:?}");
            }
        }
    }
}

/// Media from the very start: it waits for the other side to say what it can do.
#[test]
fn the_first_packets_wait_and_none_is_lost() {
    for theirs in [Profile::Advanced, Profile::Main] {
        for loss in [0.0, 0.1] {
            let link = Link { delay: Span::from_millis(20), loss, ..Link::default() };
            let setup = Setup { receiver_profile: Some(theirs), ..Setup::new(Path::both(link)).advanced() };
            let pair = play(setup);
            let bits = seq_bits(&pair);
            let expected = if theirs == Profile::Advanced { 32 } else { 16 };
            assert!(bits.iter().all(|bits| *bits == expected), "{bits:?}");
        }
    }
}

/// PSK modes that only two of ours speak.
#[test]
fn what_is_authenticated_arrives_over_a_lossy_link() {
    for psk_mode in [PskMode::Hmac, PskMode::CtrHmac, PskMode::Gcm, PskMode::ChaCha] {
        for rotation in [0, 50] {
            println!("{psk_mode:?}, rotation {rotation}");
            let mut setup = Setup::new(lossy()).secret(KeySize::Aes256).advanced();
            setup.peer.key_rotation = rotation;
            setup.peer.advanced.psk_mode = psk_mode;
            let mut pair = setup.start();
            pair.world.run_for(Span::from_secs(2));
            let stream = pair.play();
            let reception = &pair.world.books.receptions[&(stream, pair.receiver)];
            let written = pair.world.books.streams[&stream].packets.len() as u64;
            assert_eq!(reception.delivered, written, "{:?}", pair.got().lines);
        }
    }
}

/// Nothing in an Advanced packet tells the length of its key. The tunnel does: receivers have been configured without for
/// years.
#[test]
fn the_length_of_the_senders_key_is_that_of_its_tunnel() {
    for (theirs, ours) in [(KeySize::Aes256, KeySize::Aes128), (KeySize::Aes128, KeySize::Aes256)] {
        for psk_mode in [PskMode::Ctr, PskMode::Gcm] {
            let mut setup = Setup::new(lossy()).secret(ours).advanced();
            setup.peer.advanced.psk_mode = psk_mode;
            setup.peer.key_rotation = 500;
            setup.sender_peer = Some(PeerConfig { key_size: theirs, ..setup.peer.clone() });
            let mut pair = setup.start();
            pair.world.run_for(Span::from_secs(2));
            let stream = pair.play();
            let delivered =
                pair.world.books.receptions.get(&(stream, pair.receiver)).map_or(0, |found| found.delivered);
            let written = pair.world.books.streams[&stream].packets.len() as u64;
            assert_eq!(delivered, written, "{theirs:?} to {ours:?}, {psk_mode:?}: {:?}", pair.got().lines);
        }
    }
}

/// Who wants media authenticated is not content with less: not towards a peer of the Main profile, nor from one.
#[test]
fn what_has_to_be_authenticated_is_not_sent_in_main() {
    for (ours, theirs) in [(Profile::Advanced, Profile::Main), (Profile::Main, Profile::Advanced)] {
        let setup = Setup::new(lossy()).secret(KeySize::Aes256);
        let mut setup = Setup { profile: ours, receiver_profile: Some(theirs), ..setup };
        setup.peer.advanced.psk_mode = PskMode::Gcm;
        let mut pair = setup.start();
        pair.world.run_for(Span::from_secs(2));
        let stream = pair.play();
        let delivered = pair.world.books.receptions.get(&(stream, pair.receiver)).map_or(0, |it| it.delivered);
        assert_eq!(delivered, 0, "{ours:?} to {theirs:?}");
    }
}

/// `ferrist.h`: a listening peer stands for all that came through it.
#[test]
fn a_flow_is_described_to_all_who_came_through_a_listener() {
    let mut pair = Setup { reversed: true, ..Setup::new(lossy()).advanced() }.start();
    pair.world.run_for(Span::from_secs(2));
    let now = pair.world.local_time(pair.sender);
    let (sender, listener) = (pair.sender, pair.listeners[0]);
    let sent = pair.world.hosts[sender].session.send_flow_attribute(now, Some(listener), b"{\"a\":1}");
    assert_eq!(sent, Ok(1));
}
