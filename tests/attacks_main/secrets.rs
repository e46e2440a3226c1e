//! Packets of those who do not have the secret. libRIST 0.2.7 hands out 236 of 260 packets with a zero nonce.

use std::net::UdpSocket;
use std::time::Duration;

use crate::support::forge::{self, PORTS, Seal};
use crate::support::library::ours;
use crate::support::ports::PortPair;
use crate::support::tools::{AES, Machine, SECRET};
use crate::support::wait_until;
use crate::{alone, local, stranger};
use rist::wire::gre::Form;

const FLOW: u32 = 0x00c0_ffe0;
const PACKETS: u16 = 260;
const NONCE: [u8; 4] = [1, 2, 3, 4];

/// Says hello and sends a stream, 5 ms between packets. Returns how many packets came out meanwhile.
fn stream_as(to: u16, version: u8, seal: Seal, output: &UdpSocket) -> usize {
    let (socket, to) = (stranger(), local(to));
    let send = |form, message: &[u8]| {
        let _ = socket.send_to(&forge::packet(version, seal, form, message), to);
    };
    let hello = || {
        send(Form::KeepAlive, &forge::keep_alive());
        send(Form::Reduced(PORTS), &forge::report(FLOW, b"stranger"));
    };
    let (mut number, mut delivered) = (0, 0);
    crate::paced(200, Duration::from_millis(u64::from(PACKETS) * 5 + 20), |_| {
        if number % 20 == 0 {
            hello();
        }
        if number < PACKETS {
            send(Form::Reduced(PORTS), &forge::media(FLOW, number, u32::from(number) * 450, &[0x47; 1316]));
        }
        number += 1;
        delivered += count(output);
    });
    delivered
}

fn count(output: &UdpSocket) -> usize {
    let mut buffer = [0; 2000];
    std::iter::from_fn(|| output.recv(&mut buffer).ok()).count()
}

#[test]
fn nothing_of_those_without_the_secret_is_handed_out() {
    let _alone = alone();
    let (port, out) = (PortPair::new(), PortPair::new());
    let output = UdpSocket::bind(local(out.even())).expect("output port");
    output.set_nonblocking(true).expect("a socket");
    let place = format!("@127.0.0.1:{}", port.even());
    let receiver = Machine::Here.receiver(ours(), AES, &place, 100, out.even());
    receiver.assert_uses(ours());
    receiver.wait_for("listening on");
    let secret = SECRET.as_bytes();
    for (name, version, seal) in [
        ("zero nonce", 1, Seal::Pretended([0; 4])),
        ("zero nonce, encrypted", 2, Seal::Secret(secret, [0; 4])),
        ("clear text, version 1", 1, Seal::Clear),
        ("clear text, version 2", 2, Seal::Clear),
        ("clear text behind a key field", 1, Seal::Pretended([9; 4])),
        ("another secret, version 1", 1, Seal::Secret(b"a guess", NONCE)),
        ("another secret, version 2", 2, Seal::Secret(b"a guess", [5; 4])),
        ("version 0, encrypted", 0, Seal::Secret(secret, NONCE)),
    ] {
        let mut delivered = stream_as(port.even(), version, seal, &output);
        // Longer than the buffer.
        std::thread::sleep(Duration::from_millis(300));
        delivered += count(&output);
        println!("{name}: {delivered} of {PACKETS} packets handed out");
        assert_eq!(delivered, 0, "{name}\n{}", receiver.tail(20));
    }
    // The same with the secret is a stream.
    let mut delivered = stream_as(port.even(), 1, Seal::Secret(secret, NONCE), &output);
    let enough = || {
        delivered += count(&output);
        (delivered >= usize::from(PACKETS) / 2).then_some(())
    };
    wait_until("the stream of who has the secret", Duration::from_secs(5), enough, || receiver.tail(20));
    println!("with the secret: {delivered} or more of {PACKETS}");
}
