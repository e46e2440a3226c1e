//! Forged words about a stream in progress, from an address that is no party to it.

use std::net::Ipv4Addr;
use std::time::Duration;

use crate::support::forge::{self, Noise, PORTS, Seal};
use crate::support::tools::{MODES, Mode, SECRET, Side, Stream};
use crate::{alone, local, paced, stranger, stranger_at};
use rist::wire::eap::Message;
use rist::wire::eapol::Body;
use rist::wire::gre::Form;
use rist::wire::rtcp::{Echo, write_bye, write_echo_request, write_echo_response, write_sdes};

const FOR: Duration = Duration::from_secs(2);
const PER_SECOND: u32 = 2_000;

/// One forged packet about flow `flow`.
fn forged(noise: &mut Noise, mode: Mode, flow: u32) -> Vec<u8> {
    let seal = match (mode.secret, noise.below(3)) {
        (true, 0) => Seal::Secret(SECRET.as_bytes(), [1, 2, 3, 4]),
        (true, 1) => Seal::Pretended(noise.octets()),
        _ => Seal::Clear,
    };
    let version = noise.below(3) as u8;
    let name = b"ferrist-cname";
    let mut report = forge::report(flow, name);
    let feedback = Form::Reduced(PORTS);
    let identifier = noise.next() as u8;
    let (form, message) = match noise.below(14) {
        0 => (feedback, report),
        1 => (feedback, forge::range_request(flow, noise.next() as u16)),
        2 => {
            report.extend(forge::range_request(flow, noise.next() as u16));
            (feedback, report)
        }
        3 => {
            write_bye(&mut report, flow);
            (feedback, report)
        }
        4 => {
            let echo = Echo { ssrc: flow, timestamp: noise.next(), delay_us: 0, padding: 0 };
            write_echo_response(&mut report, &echo);
            write_echo_request(&mut report, &echo);
            (feedback, report)
        }
        5 => {
            write_sdes(&mut report, flow ^ 2, name);
            (feedback, report)
        }
        6 => (Form::KeepAlive, forge::keep_alive()),
        7 => (Form::BufferNegotiation, forge::negotiation(1)),
        8 | 9 => {
            let (seq, at) = (noise.next() as u16, noise.next() as u32);
            (feedback, forge::media(flow, seq, at, &[0x47; 188]))
        }
        10 => return forge::in_tunnel(&forge::frame(Body::Logoff)),
        11 => return forge::in_tunnel(&forge::frame(Body::Start)),
        12 => return forge::in_tunnel(&forge::eap(identifier, Message::IdentityResponse(b"camera"))),
        _ => {
            let message = if noise.below(2) == 0 { Message::Failure } else { Message::Success { long: true } };
            return forge::in_tunnel(&forge::eap(identifier, message));
        }
    };
    forge::packet(version, seal, form, &message)
}

#[test]
fn forged_words_of_others_change_nothing() {
    let _alone = alone();
    for mode in MODES {
        for side in [Side::Receiver, Side::Sender] {
            let stream = Stream::start(mode, side, 300, 5_000_000);
            let (flow, caller) = (stream.flow(), stream.caller_port());
            let from = [stranger(), stranger_at(Ipv4Addr::new(127, 0, 0, 9))];
            let mut noise = Noise(7);
            let before = stream.collector.verdict().packets;
            let sent = paced(PER_SECOND, FOR, |number| {
                let packet = forged(&mut noise, mode, flow);
                let to = if number % 3 == 0 { caller } else { stream.port };
                let _ = from[number as usize % 2].send_to(&packet, local(to));
            });
            stream.assert_whole();
            for program in stream.callee_and_caller() {
                let text = program.text();
                assert!(!text.contains(" is dead") && !text.contains("no longer logged in"), "{}", program.tail(40));
            }
            let after = stream.collector.verdict();
            println!(
                "{}, listening {side:?}: {sent} forged packets, {} of the stream whole",
                mode.name,
                after.packets - before
            );
        }
    }
}
