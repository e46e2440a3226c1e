//! Garbage and mutated captures, ten thousand a second. libRIST 0.2.7 crashes.

use std::time::Duration;

use crate::support::forge::{self, Noise, Seal, captures};
use crate::support::tools::{CLEAR, MODES, Side, Stream};
use crate::{alone, local, paced, stranger};
use rist::wire::gre::Form;

const FOR: Duration = Duration::from_secs(2);
const PER_SECOND: u32 = 10_000;

fn mutated(noise: &mut Noise, captures: &[Vec<u8>]) -> Vec<u8> {
    let mut bytes = captures[noise.below(captures.len())].clone();
    for _ in 0..noise.below(4) {
        let place = noise.below(bytes.len());
        match noise.below(4) {
            0 => bytes.truncate(place),
            1 => bytes.extend(noise.bytes(20)),
            _ if place < bytes.len() => bytes[place] = noise.next() as u8,
            _ => {}
        }
    }
    bytes
}

#[test]
fn noise_stops_no_stream() {
    let _alone = alone();
    let captures = captures();
    assert!(captures.len() > 100, "{} captures", captures.len());
    for mode in MODES {
        for side in [Side::Receiver, Side::Sender] {
            let stream = Stream::start(mode, side, 500, 5_000_000);
            let (caller, from) = (stream.caller_port(), [stranger(), stranger(), stranger()]);
            let mut noise = Noise(3);
            let before = stream.collector.verdict().packets;
            let sent = paced(2 * PER_SECOND, FOR, |number| {
                let bytes = if noise.below(4) == 0 { noise.bytes(100) } else { mutated(&mut noise, &captures) };
                let to = if number % 2 == 0 { caller } else { stream.port };
                let _ = from[noise.below(3)].send_to(&bytes, local(to));
            });
            stream.assert_whole();
            assert!(!stream.sender.has_ended() && !stream.receiver.has_ended(), "{}", stream.evidence());
            let after = stream.collector.verdict().packets;
            println!(
                "{}, listening {side:?}: {sent} packets of noise, {} of the stream whole",
                mode.name,
                after - before
            );
        }
    }
}

/// rist-tools read ten octets of out-of-band data, however few there are.
#[test]
fn short_out_of_band_data_ends_no_program() {
    let _alone = alone();
    for side in [Side::Receiver, Side::Sender] {
        let stream = Stream::start(CLEAR, side, 100, 1_000_000);
        let from = stranger();
        for length in (0..24).chain([0, 1, 0]) {
            let packet = forge::packet(1, Seal::Clear, Form::Full, &[0x45; 24][..length]);
            from.send_to(&packet, local(stream.port)).expect("sent");
        }
        stream.assert_whole();
        assert!(!stream.sender.has_ended() && !stream.receiver.has_ended(), "{}", stream.evidence());
    }
}
