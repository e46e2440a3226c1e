//! Clocks that are about to come round, and what of it is seen on the wire.
#![allow(unsafe_code)] // The monotonic clock is read as the library reads it.

use crate::support::is_root;
use crate::support::relay::Direction;
use std::collections::BTreeSet;
use std::process::Command;

/// How long after the start.
const LEAD: u64 = 30;
/// The library's clock: the monotonic one, counted from 1900.
const NTP_UNIX_OFFSET: u64 = 2_208_988_800;

/// What comes round.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Passing {
    /// The 90 kHz clock of RTP in 32 bits.
    Rtp,
    /// Milliseconds since the machine's start in 32 bits.
    Milliseconds,
    /// The same, signed.
    SignedMilliseconds,
}

impl Passing {
    /// Seconds to add to the monotonic clock that shows `now`.
    fn offset(self, now: u64) -> u64 {
        let (units_per_second, bits, from) = match self {
            Passing::Rtp => (90_000u128, 32, NTP_UNIX_OFFSET),
            Passing::Milliseconds => (1000, 32, 0),
            Passing::SignedMilliseconds => (1000, 31, 0),
        };
        let start = u128::from(from + now + LEAD);
        let round = ((start * units_per_second) >> bits) + 1;
        ((round << bits) / units_per_second - start) as u64
    }

    /// What runs its arguments in a time namespace, under the same process id.
    pub(crate) fn command(self) -> Command {
        let mut command = Command::new("unshare");
        if !is_root() {
            command.arg("--map-root-user");
        }
        command.args(["--time", "--monotonic", &self.offset(monotonic()).to_string()]);
        command
    }
}

fn monotonic() -> u64 {
    let mut value = libc::timespec { tv_sec: 0, tv_nsec: 0 };
    // SAFETY: `value` is a timespec that lives through the call.
    unsafe { libc::clock_gettime(libc::CLOCK_MONOTONIC, &mut value) };
    value.tv_sec as u64
}

/// RTP timestamp of the newest first transmission, where the datagrams are clear RTP (RFC 3550 §5.1).
fn timestamp(datagrams: &[(Direction, Vec<u8>)]) -> Option<u32> {
    datagrams.iter().rev().find_map(|(direction, bytes)| match (direction, bytes.as_slice()) {
        (Direction::Forward, [0x80..=0xbf, 33, _, _, a, b, c, d, _, _, _, last, ..]) if last & 1 == 0 => {
            Some(u32::from_be_bytes([*a, *b, *c, *d]))
        }
        _ => None,
    })
}

/// Nonces of the sender's GRE packets (TR-06-2:2022 §5.1: the key bit).
fn nonces(datagrams: &[(Direction, Vec<u8>)]) -> BTreeSet<&[u8]> {
    let forth = datagrams.iter().filter(|(direction, _)| *direction == Direction::Forward);
    forth.filter(|(_, bytes)| bytes[0] & 0x20 != 0).filter_map(|(_, bytes)| bytes.get(4..8)).collect()
}

/// What should have been on the wire in the first and the last seconds, and was not.
pub(crate) fn complaints(
    name: &str,
    passing: Passing,
    first: &[(Direction, Vec<u8>)],
    last: &[(Direction, Vec<u8>)],
) -> Vec<String> {
    let mut found = Vec::new();
    if passing == Passing::Rtp {
        let (before, after) = (timestamp(first), timestamp(last));
        println!("{name}: RTP timestamps were {before:?} first and {after:?} last");
        if before.is_none_or(|before| before < 1 << 31) || after.is_none_or(|after| after > 1 << 31) {
            found.push(format!("{name}: the RTP timestamp did not come round: {before:?}, {after:?}"));
        }
    }
    if name == "aes" {
        let (before, after) = (nonces(first), nonces(last));
        println!("{name}: {} keys in the first seconds, {} in the last", before.len(), after.len());
        if before.len() < 2 || after.len() < 2 || before.intersection(&after).next().is_some() {
            found.push(format!("{name}: keys did not change: {before:?}, {after:?}"));
        }
    }
    found
}

#[test]
fn a_clock_comes_round_half_a_minute_after_the_start() {
    for now in [0, 5, 36_835, 4_294_960, 4_294_999] {
        let later = |passing: Passing| now + passing.offset(now) + LEAD;
        let fits = |rest: u128, units: u128| rest >= (1 << 31) && (rest + 2 * units) % (1 << 32) < 3 * units;
        let rtp = u128::from(NTP_UNIX_OFFSET + later(Passing::Rtp)) * 90_000 % (1 << 32);
        assert!(fits(rtp, 90_000) || rtp < 90_000, "{rtp}");
        let ms = u128::from(later(Passing::Milliseconds)) * 1000 % (1 << 32);
        assert!(fits(ms, 1000), "{ms}");
        let signed = u128::from(later(Passing::SignedMilliseconds)) * 1000 % (1 << 31);
        assert!(signed >= (1 << 31) - 1000, "{signed}");
    }
}
