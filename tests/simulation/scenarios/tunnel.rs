//! The Main profile: one port, in clear text and encrypted, called from either side.

use crate::network::Link;
use crate::pair::{Path, Setup};
use rist::crypto::psk::KeySize;
use rist::protocol::time::Span;

fn lossy() -> Path {
    let link = Link { delay: Span::from_millis(20), loss: 0.1, jitter: Span::from_millis(5), ..Link::default() };
    Path::both(link)
}

#[test]
fn a_stream_is_whole_in_clear_text() {
    for reversed in [false, true] {
        let mut setup = Setup::new(lossy()).main_profile();
        setup.reversed = reversed;
        let mut pair = setup.start();
        pair.settle();
        let stream = pair.play();
        pair.assert(stream).assert_complete();
    }
}

#[test]
fn a_stream_is_whole_when_encrypted() {
    for (size, rotation, reversed) in [
        (KeySize::Aes128, 0, false),
        (KeySize::Aes256, 50, false),
        (KeySize::Aes192, 7, false),
        (KeySize::Aes256, 50, true),
    ] {
        let mut setup = Setup::new(lossy()).secret(size);
        setup.peer.key_rotation = rotation;
        setup.reversed = reversed;
        let mut pair = setup.start();
        pair.settle();
        let stream = pair.play();
        pair.assert(stream).assert_complete();
    }
}
