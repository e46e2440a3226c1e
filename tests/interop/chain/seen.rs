//! What a Main profile link has carried: did the programs do what their options say?

use std::collections::BTreeSet;

use super::mode::Mode;
use crate::support::relay::Direction;
use crate::support::stream::{Filling, PACKET};

const EAPOL: [u8; 2] = [0x88, 0x8e];
const KEY: u8 = 0x20;
const AES_256: u8 = 0x40;

/// What an Advanced packet begins with.
const ADVANCED: [u8; 2] = [0x80, 127];

/// Fails unless media went in Advanced, or none of it did, encrypted where it was asked for.
pub(super) fn assert_framing(mode: &Mode, both_speak_advanced: bool, datagrams: &[(Direction, Vec<u8>)]) {
    let is_media = |datagram: &&[u8]| datagram.len() > PACKET / 2;
    let is_advanced = |datagram: &&[u8]| datagram.starts_with(&ADVANCED);
    let all = || datagrams.iter().map(|(_, datagram)| &datagram[..]);
    let (media, advanced) = (all().filter(is_media).count(), all().filter(is_media).filter(is_advanced).count());
    match mode.advanced && both_speak_advanced {
        true => assert_eq!(advanced, media, "packets in Advanced, of all"),
        false => assert_eq!(all().filter(is_advanced).count(), 0, "Advanced is spoken with nobody who does not"),
    }
    let sealed = |datagram: &&[u8]| datagram[15] >> 6 != 0 || datagram[14] & 1 != 0;
    let wrong = |datagram: &&[u8]| sealed(datagram) != mode.secret().is_some();
    let wrong = all().filter(is_media).filter(is_advanced).filter(wrong).count();
    assert!(mode.login || wrong == 0, "{wrong} of {advanced} media packets in Advanced are sealed, or not");
}

/// Fails unless encryption, key rotation, login and null packet deletion are seen just where they were asked for.
pub(super) fn assert_mode(mode: &Mode, datagrams: &[(Direction, Vec<u8>)]) {
    if mode.simple {
        return;
    }
    let is_login = |datagram: &[u8]| datagram.get(2..4) == Some(&EAPOL[..]);
    let datagrams: Vec<_> = datagrams.iter().filter(|(_, datagram)| !datagram.starts_with(&ADVANCED)).collect();
    for direction in [Direction::Forward, Direction::Return] {
        let way = || datagrams.iter().filter(|(way, _)| *way == direction).map(|(_, datagram)| &datagram[..]);
        assert_eq!(way().any(is_login), mode.login, "{direction:?}: login");
        let others: Vec<&[u8]> = way().filter(|datagram| !is_login(datagram)).collect();
        assert_encryption(mode, &others);
        let sends = (direction == Direction::Forward) != mode.reversed;
        if sends && !mode.advanced {
            assert_contents(mode, &others);
        }
    }
}

fn assert_encryption(mode: &Mode, datagrams: &[&[u8]]) {
    let keyed = |datagram: &&&[u8]| datagram[0] & KEY != 0;
    if let Some((_, bits)) = mode.secret() {
        assert!(datagrams.iter().all(|datagram| keyed(&datagram)), "clear text under a secret");
        assert!(datagrams.iter().all(|datagram| (datagram[1] & AES_256 != 0) == (bits == 256)), "other key size");
    } else if !mode.login {
        // A login gives a key, with which new libraries encrypt.
        assert!(!datagrams.iter().any(|datagram| keyed(&datagram)), "encryption without a secret");
    }
}

fn assert_contents(mode: &Mode, datagrams: &[&[u8]]) {
    if mode.secret().is_some() {
        let nonces: BTreeSet<&[u8]> = datagrams.iter().map(|datagram| &datagram[4..8]).collect();
        assert_eq!(nonces.len() > 2, mode.key_rotation.is_some(), "{} keys", nonces.len());
    }
    let full = datagrams.iter().filter(|datagram| datagram.len() > PACKET).count();
    // One packet in 64 has no null packets.
    let few = full < datagrams.len() / 16;
    assert_eq!(
        few,
        mode.filling == Filling::WithNulls || mode.split.is_some(),
        "{full} of {} datagrams are full",
        datagrams.len()
    );
}
