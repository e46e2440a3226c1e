//! Programs that ask for the Advanced profile: two of ours speak it, and with others it is Main, found out by itself.

use super::tools::{modes, tools};
use super::*;
use std::time::Duration;
use support::relay::Direction;
use support::stream::{PACKET, number_of};

const CLEAR: Mode = Mode::ADVANCED;
const AES_128: Mode = Mode::ADVANCED.aes(128);
/// Several keys in a second.
const AES_256: Mode = Mode::ADVANCED.aes(256).key_rotation(100);
const LOGIN: Mode = Mode::ADVANCED.login();

modes! {
    clear_clean, clear_lossy: CLEAR;
    aes_128_clean, aes_128_lossy: AES_128;
    aes_256_with_key_rotation_clean, aes_256_with_key_rotation_lossy: AES_256;
    login_clean, login_lossy: LOGIN;
    reversed_clean, reversed_lossy: CLEAR.reversed();
    reversed_aes_128_clean, reversed_aes_128_lossy: AES_128.reversed();
}

/// What only two of ours have.
#[test]
fn compression_fragments_and_authentication() {
    for extra in [
        "&compression=1",
        "&fragment-size=500",
        "&compression=1&fragment-size=500",
        "&adv-start=main",
        "&adv-start=advanced",
        "&adv-clock=legacy",
    ] {
        println!("{extra}");
        check(tools(CLEAR.extra(extra), ours(), Lossy, ours()));
    }
    for extra in ["&psk-mode=hmac", "&psk-mode=ctr-hmac", "&psk-mode=gcm", "&psk-mode=chacha&compression=1"] {
        println!("{extra}");
        check(tools(AES_256.extra(extra), ours(), Lossy, ours()));
    }
}

/// The very first packet that a sender which asks for Advanced was given comes out, whoever receives.
#[test]
fn nothing_is_lost_while_it_is_found_out_what_the_other_side_speaks() {
    for to in [debian(), ours()] {
        let run = chain::Run::start(&tools(CLEAR, ours(), Clean, to), true);
        run.wait("packets", Duration::from_secs(20), |verdict| verdict.packets >= 300);
        let sent = run.relay.recorded().into_iter().filter(|(direction, _)| *direction == Direction::Forward);
        let payload =
            |(_, datagram): (Direction, Vec<u8>)| datagram.len().checked_sub(PACKET).map(|at| datagram[at..].to_vec());
        let first = sent.filter_map(payload).find_map(|payload| number_of(&payload));
        assert_eq!(run.collector.verdict().first, first, "to {}\n{}", to.name, run.evidence());
    }
}
