//! What the network says about datagrams, truly or not.

use socket2::{Domain, Protocol, SockAddr, Socket, Type};
use std::net::{Ipv4Addr, SocketAddr};
use std::time::Duration;

use crate::rig::{Rig, last};

const SENDER: Ipv4Addr = Ipv4Addr::new(10, 81, 0, 1);
const RECEIVER: Ipv4Addr = Ipv4Addr::new(10, 81, 0, 2);

/// Until then each datagram is answered with "port unreachable".
#[test]
fn a_listener_may_come_later() {
    let mut rig = Rig::prepared(false, false);
    rig.start_sender();
    last(Duration::from_secs(5));
    rig.start_receiver();
    rig.receiver.as_ref().expect("started").wait_for("listening on");
    rig.assert_goes_on("the listener has come");
}

fn checksum(bytes: &[u8]) -> u16 {
    let sum: u32 = bytes.chunks(2).map(|pair| u32::from(pair[0]) << 8 | u32::from(*pair.get(1).unwrap_or(&0))).sum();
    let folded = (sum & 0xffff) + (sum >> 16);
    !((folded & 0xffff) + (folded >> 16)) as u16
}

/// "Destination unreachable" about a datagram from `from` to `to`, which claims to be for a next hop of 68 octets.
fn unreachable(code: u8, from: (Ipv4Addr, u16), to: (Ipv4Addr, u16)) -> Vec<u8> {
    let mut inner = vec![0x45, 0, 5, 0x50, 0, 1, 0x40, 0, 64, 17, 0, 0];
    inner.extend(from.0.octets());
    inner.extend(to.0.octets());
    let sum = checksum(&inner).to_be_bytes();
    inner[10..12].copy_from_slice(&sum);
    inner.extend([from.1.to_be_bytes(), to.1.to_be_bytes(), 1340u16.to_be_bytes(), [0; 2]].concat());
    let mut message = vec![3, code, 0, 0, 0, 0, 0, 68];
    message.extend(inner);
    let sum = checksum(&message).to_be_bytes();
    message[2..4].copy_from_slice(&sum);
    message
}

#[test]
fn forged_icmp_stops_no_stream() {
    let rig = Rig::new(false, false);
    let text = rig.sender.as_ref().expect("started").text();
    let port =
        text.split(" from ").nth(1).and_then(|rest| rest.lines().next()?.trim().rsplit(':').next()?.parse().ok());
    let caller: u16 = port.unwrap_or_else(|| panic!("no port in {text}"));
    rig.assert_whole("forged ICMP", || {
        let ways = [
            (&rig.receiver_at, SENDER, (SENDER, caller), (RECEIVER, 6000)),
            (&rig.sender_at, RECEIVER, (RECEIVER, 6000), (SENDER, caller)),
        ];
        for (machine, target, from, to) in ways {
            machine.inside(|| {
                let socket = Socket::new(Domain::IPV4, Type::RAW, Some(Protocol::ICMPV4)).expect("a raw socket");
                let target = SockAddr::from(SocketAddr::from((target, 0)));
                // Network, host, protocol, port; must be fragmented; prohibited.
                for round in 0..500 {
                    let code = [0, 1, 2, 3, 4, 9, 10, 13][round % 8];
                    let _ = socket.send_to(&unreachable(code, from, to), &target);
                    last(Duration::from_millis(2));
                }
            });
        }
    });
}
