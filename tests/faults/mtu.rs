//! Datagrams that are larger than a device or the way takes.

use std::time::Duration;

use crate::rig::{NETWORK, PATIENCE};
use crate::support::context::{Context, MAIN};
use crate::support::namespace::{Namespace, wire};
use crate::support::stream::{number_of, packet};
use crate::support::wait_until;

const PORT: u16 = 6000;
const SMALL: usize = 300;

struct Pair {
    sender_at: Namespace,
    receiver_at: Namespace,
    sender: Context,
    receiver: Context,
    next: u64,
}

impl Pair {
    fn new() -> Pair {
        let (sender_at, receiver_at) = (Namespace::new(), Namespace::new());
        wire(&sender_at, &receiver_at, NETWORK);
        let receiver = receiver_at.inside(|| {
            let receiver = Context::receiver(MAIN);
            receiver.peer(&format!("rist://@0.0.0.0:{PORT}?buffer=200"));
            receiver.start();
            receiver
        });
        let sender = sender_at.inside(|| {
            let sender = Context::sender(MAIN);
            sender.peer(&format!("rist://{NETWORK}.2:{PORT}?buffer=200"));
            sender.start();
            sender
        });
        let mut pair = Pair { sender_at, receiver_at, sender, receiver, next: 0 };
        wait_until("first packet", PATIENCE, || pair.write(1).then(|| pair.receiver.read(20)).flatten(), String::new);
        while pair.receiver.read(400).is_some() {}
        pair
    }

    /// Several at once: they go joined.
    fn write(&mut self, count: u64) -> bool {
        (0..count).all(|_| {
            self.next += 1;
            self.sender.write(&packet(self.next - 1)) > 0
        })
    }

    /// Bursts, of which everything comes out.
    fn assert_whole(&mut self, what: &str) {
        let mut expected = self.next;
        for _ in 0..20 {
            assert!(self.write(40));
            while expected < self.next {
                let Some(payload) = self.receiver.read(5000) else {
                    panic!("{what}: no {expected}\n{:?}\n{:?}", self.sender.lines(), self.receiver.lines())
                };
                assert_eq!(number_of(&payload), Some(expected), "{what}\n{:?}", self.sender.lines());
                assert_eq!(payload, packet(expected), "{what}");
                expected += 1;
            }
        }
    }
}

/// The system cuts what is longer; what it does not take joined goes one by one.
#[test]
fn devices_may_take_less_than_a_packet() {
    let mut pair = Pair::new();
    pair.assert_whole("1500");
    for mtu in [1280, 576, 1500] {
        for machine in [&pair.sender_at, &pair.receiver_at] {
            machine.ip(&format!("link set wire mtu {mtu}"));
        }
        pair.assert_whole(&mtu.to_string());
    }
}

/// Far less than is written: datagrams wait, then are dropped by the device, and those are asked for again.
#[test]
fn a_slow_device_only_delays() {
    let mut pair = Pair::new();
    pair.sender_at.tc("qdisc add dev wire root tbf rate 20mbit burst 20kb limit 60kb");
    pair.assert_whole("20 Mbit/s");
}

/// The way takes no large packet and does not say so: small ones go on, and large ones do when it takes them again.
#[test]
fn a_way_may_swallow_large_packets() {
    let mut pair = Pair::new();
    // It drops what is longer than it may ever send at once.
    pair.sender_at.tc("qdisc add dev wire root tbf rate 100mbit burst 700b latency 50ms");
    let small = vec![0x47; SMALL];
    let mut came = 0;
    for _ in 0..100 {
        assert!(pair.sender.write(&small) > 0 && pair.write(1));
        std::thread::sleep(Duration::from_millis(5));
        while let Some(payload) = pair.receiver.read(0) {
            assert_eq!(payload.len(), SMALL);
            came += 1;
        }
    }
    while let Some(payload) = pair.receiver.read(500) {
        assert_eq!(payload.len(), SMALL);
        came += 1;
    }
    assert_eq!(came, 100);
    pair.sender_at.tc("qdisc del dev wire root");
    // What was sent lately may still be asked for; then all is as before.
    while pair.receiver.read(500).is_some() {}
    pair.assert_whole("large packets again");
}
