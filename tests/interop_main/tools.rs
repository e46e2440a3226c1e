//! ristsender to ristreceiver, in every mode of the Main profile.

use super::*;

const CLEAR: Mode = Mode::MAIN;
const AES_128: Mode = Mode::MAIN.aes(128);
/// Several keys in a second.
const AES_256: Mode = Mode::MAIN.aes(256).key_rotation(100);
const LOGIN: Mode = Mode::MAIN.login();
const LOGIN_AND_SECRET: Mode = Mode::MAIN.login().aes(128);
const NULL_PACKETS: Mode = Mode::MAIN.null_packet_deletion();

/// libRIST 0.2.7 asks everybody to log in again every 3 seconds. When a frame of that is lost or comes twice, it may
/// give up and hold the stream off until the next try.
const LOGIN_AGAIN: &str = "libRIST 0.2.7 stops a stream when a renewed login meets loss";

pub(super) fn tools(mode: Mode, from: &'static Library, link: Link, to: &'static Library) -> Cell {
    let listener = if mode.reversed { from } else { to };
    let fragile = mode.login && link == Lossy && std::ptr::eq(listener, debian());
    let expect = if fragile { Expect::WholeBetweenLogins(LOGIN_AGAIN) } else { Expect::Whole };
    Cell { mode, sender: Sender::Ristsender(from), link, receiver: Receiver::Ristreceiver(to), expect }
}

/// Both tests of each mode.
macro_rules! modes {
    ($($clean:ident, $lossy:ident: $mode:expr;)*) => {$(
        #[test]
        fn $clean() {
            check_all(Clean, |from, to, link| check(tools($mode, from, link, to)));
        }

        #[test]
        fn $lossy() {
            check_all(Lossy, |from, to, link| check(tools($mode, from, link, to)));
        }
    )*};
}
pub(super) use modes;

modes! {
    clear_clean, clear_lossy: CLEAR;
    aes_128_clean, aes_128_lossy: AES_128;
    aes_256_with_key_rotation_clean, aes_256_with_key_rotation_lossy: AES_256;
    login_clean, login_lossy: LOGIN;
    login_and_secret_clean, login_and_secret_lossy: LOGIN_AND_SECRET;
    null_packet_deletion_clean, null_packet_deletion_lossy: NULL_PACKETS;
    reversed_clean, reversed_lossy: CLEAR.reversed();
    reversed_aes_128_clean, reversed_aes_128_lossy: AES_128.reversed();
    reversed_aes_256_with_key_rotation_clean, reversed_aes_256_with_key_rotation_lossy: AES_256.reversed();
    reversed_login_clean, reversed_login_lossy: LOGIN.reversed();
    reversed_login_and_secret_clean, reversed_login_and_secret_lossy: LOGIN_AND_SECRET.reversed();
}
