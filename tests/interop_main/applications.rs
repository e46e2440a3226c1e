//! Programs other than ristsender and ristreceiver, in the profile that they speak by default: Main.
//!
//! OBS Studio sends and receives RIST through FFmpeg's libraries, so FFmpeg's cells are its cells.

use super::*;

const CLEAR: Mode = Mode::MAIN;
const AES_128: Mode = Mode::MAIN.aes(128);
const AES_256: Mode = Mode::MAIN.aes(256);
const LOGIN: Mode = Mode::MAIN.login();

fn whole(mode: Mode, sender: Sender, link: Link, receiver: Receiver) -> Cell {
    Cell { mode, sender, link, receiver, expect: Expect::Whole }
}

/// Two tests: programs of these kinds over a clean link, and over a lossy one.
macro_rules! programs {
    ($($clean:ident, $lossy:ident: $mode:expr, $sender:expr => $receiver:expr;)*) => {$(
        #[test]
        fn $clean() {
            check_all(Clean, |from, to, link| check(whole($mode, $sender(from), link, $receiver(to))));
        }

        #[test]
        fn $lossy() {
            check_all(Lossy, |from, to, link| check(whole($mode, $sender(from), link, $receiver(to))));
        }
    )*};
}

programs! {
    ffmpeg_clean, ffmpeg_lossy: CLEAR, Sender::Ffmpeg => Receiver::Ffmpeg;
    ffmpeg_aes_256_clean, ffmpeg_aes_256_lossy: AES_256, Sender::Ffmpeg => Receiver::Ffmpeg;
    ffmpeg_to_ristreceiver_clean, ffmpeg_to_ristreceiver_lossy: AES_128, Sender::Ffmpeg => Receiver::Ristreceiver;
    ristsender_to_ffmpeg_clean, ristsender_to_ffmpeg_lossy: AES_128, Sender::Ristsender => Receiver::Ffmpeg;
    vlc_clean, vlc_lossy: CLEAR, Sender::Vlc => Receiver::Vlc;
    vlc_to_ristreceiver_aes_256_clean, vlc_to_ristreceiver_aes_256_lossy:
        AES_256, Sender::Vlc => Receiver::Ristreceiver;
    ristsender_to_vlc_aes_128_clean, ristsender_to_vlc_aes_128_lossy: AES_128, Sender::Ristsender => Receiver::Vlc;
    rist2rist_clean, rist2rist_lossy: CLEAR, Sender::Rist2rist => Receiver::Ristreceiver;
    rist2rist_aes_256_clean, rist2rist_aes_256_lossy: AES_256, Sender::Rist2rist => Receiver::Ristreceiver;
}

fn vlc_login(from: &'static Library, to: &'static Library, link: Link) -> Cell {
    let reason = "libRIST 0.2.7 does not take user name and password from a peer's configuration, where VLC puts them";
    let expect = if std::ptr::eq(from, debian()) { Expect::Nothing(reason) } else { Expect::Whole };
    Cell { expect, ..whole(LOGIN, Sender::Vlc(from), link, Receiver::Ristreceiver(to)) }
}

#[test]
fn vlc_to_ristreceiver_login_clean() {
    check_all(Clean, |from, to, link| check(vlc_login(from, to, link)));
}

#[test]
fn vlc_to_ristreceiver_login_lossy() {
    check_all(Lossy, |from, to, link| check(vlc_login(from, to, link)));
}
