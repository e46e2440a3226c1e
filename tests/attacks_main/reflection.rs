//! Strangers that say something and never answer: a spoofed address is where our answers go. libRIST 0.2.7 sends
//! 251,000 octets for one.

use std::net::UdpSocket;
use std::time::Duration;

use crate::support::forge::{self, PORTS, Seal};
use crate::support::tools::{AES, CLEAR, Mode, SECRET, SRP, Side, Stream};
use crate::{alone, local, paced, received, stranger};
use rist::wire::eap::Message;
use rist::wire::eapol::Body;
use rist::wire::gre::Form;

const FOR: Duration = Duration::from_secs(3);
const BITS_PER_SECOND: u64 = 5_000_000;
const FLOW: u32 = 0x00c0_ffe0;

/// What a stranger begins with. Some have been overheard: they are encrypted as they should be.
fn openers(mode: Mode) -> Vec<(String, Vec<Vec<u8>>)> {
    let mut seals = vec![("clear", Seal::Clear), ("zero nonce", Seal::Pretended([0; 4]))];
    if mode.secret {
        seals.push(("wrong key", Seal::Secret(b"a guess", [1, 2, 3, 4])));
        seals.push(("overheard", Seal::Secret(SECRET.as_bytes(), [5, 6, 7, 8])));
    }
    let mut all = Vec::new();
    for (how, seal) in seals {
        for version in 0..=2 {
            let make = |form, message: &[u8]| forge::packet(version, seal, form, message);
            let keep_alive = make(Form::KeepAlive, &forge::keep_alive());
            let report = make(Form::Reduced(PORTS), &forge::report(FLOW, b"stranger"));
            let data = make(Form::Full, b"out of band");
            let media = make(Form::Reduced(PORTS), &forge::media(FLOW, 1, 1, &[0x47; 188]));
            let request = make(Form::Reduced(PORTS), &forge::range_request(FLOW, 0));
            let negotiation = make(Form::BufferNegotiation, &forge::negotiation(1000));
            let identity = |identifier| forge::in_tunnel(&forge::eap(identifier, Message::IdentityResponse(b"camera")));
            let start = forge::in_tunnel(&forge::frame(Body::Start));
            let logins = (0..=255).map(identity);
            let mut add = |name: &str, packets: Vec<Vec<u8>>| {
                all.push((format!("{name}, version {version}, {how}"), packets));
            };
            add("keep-alive", vec![keep_alive.clone()]);
            add("report", vec![report.clone()]);
            add("out-of-band", vec![data]);
            add("media", vec![media]);
            add("request", vec![report.clone(), request]);
            add("negotiation", vec![keep_alive.clone(), negotiation.clone(), negotiation]);
            add("login", vec![start.clone()]);
            add("keep-alive and login", vec![keep_alive.clone(), start]);
            add("keep-alive and every answer", std::iter::once(keep_alive).chain(logins).collect());
            add("again and again", vec![report; 30]);
        }
    }
    all
}

struct Victim {
    name: String,
    socket: UdpSocket,
    packets: std::vec::IntoIter<Vec<u8>>,
    sent: usize,
    received: usize,
}

/// All strangers at once, each one packet in a tenth of a second.
fn provoke(stream: &Stream, mode: Mode) -> Vec<Victim> {
    let victim = |(name, packets): (_, Vec<_>)| Victim {
        name,
        socket: stranger(),
        packets: packets.into_iter(),
        sent: 0,
        received: 0,
    };
    let mut victims: Vec<Victim> = openers(mode).into_iter().map(victim).collect();
    let to = local(stream.port);
    paced(100, FOR, |_| {
        for victim in &mut victims {
            if let Some(packet) = victim.packets.next() {
                victim.socket.send_to(&packet, to).expect("sent");
                victim.sent += packet.len();
            }
            victim.received += received(&victim.socket);
        }
    });
    victims
}

#[test]
fn nobody_is_sent_more_than_three_times_what_came_from_its_address() {
    let _alone = alone();
    for mode in [CLEAR, AES, SRP] {
        for side in [Side::Sender, Side::Receiver] {
            let stream = Stream::start(mode, side, 200, BITS_PER_SECOND);
            let victims = provoke(&stream, mode);
            let ratio = |victim: &Victim| victim.received as f64 / victim.sent as f64;
            let worst = victims.iter().max_by(|a, b| ratio(a).total_cmp(&ratio(b))).expect("victims");
            let (sent, got): (usize, usize) =
                victims.iter().fold((0, 0), |(sent, got), victim| (sent + victim.sent, got + victim.received));
            println!(
                "{}, listening {side:?}: {} strangers sent {sent} octets and got {got}; at most {:.2} for one ({})",
                mode.name,
                victims.len(),
                ratio(worst),
                worst.name
            );
            for victim in &victims {
                assert!(victim.received <= 3 * victim.sent, "{}: {} for {}", victim.name, victim.received, victim.sent);
            }
            stream.assert_whole();
        }
    }
}
