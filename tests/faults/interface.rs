//! The device or the address goes and comes back: the stream goes on by itself.

use std::time::Duration;

use crate::rig::{NETWORK, NETWORK_V6, Rig, add_v6, last};
use crate::support::namespace::Namespace;

/// Longer than sessions live.
const LENGTH: Duration = Duration::from_millis(3000);

fn down_and_up(v6: bool) {
    let rig = Rig::new(v6, false);
    let machines = [(&rig.sender_at, 1u8, "the sender's"), (&rig.receiver_at, 2, "the receiver's")];
    for (machine, number, whose) in machines {
        machine.ip("link set wire down");
        last(LENGTH);
        machine.ip("link set wire up");
        add_v6(machine, number);
        rig.assert_goes_on(&format!("{whose} device was down"));
        rig.settle();
        remove(machine, number, v6);
        last(LENGTH);
        add(machine, number, v6);
        rig.assert_goes_on(&format!("{whose} address was away"));
        rig.settle();
    }
}

fn remove(machine: &Namespace, number: u8, v6: bool) {
    match v6 {
        true => machine.ip(&format!("-6 addr del {NETWORK_V6}:{number}/64 dev wire")),
        false => machine.ip(&format!("addr del {NETWORK}.{number}/24 dev wire")),
    }
}

fn add(machine: &Namespace, number: u8, v6: bool) {
    match v6 {
        true => add_v6(machine, number),
        false => machine.ip(&format!("addr add {NETWORK}.{number}/24 dev wire")),
    }
}

#[test]
fn a_device_and_an_address_may_go_and_come_back() {
    down_and_up(false);
}

#[test]
fn a_device_and_an_address_may_go_and_come_back_with_ipv6() {
    down_and_up(true);
}

/// Errors that sending gives: EHOSTUNREACH, EACCES, EINVAL.
#[test]
fn a_route_may_be_refused_for_a_while() {
    let rig = Rig::new(false, false);
    for kind in ["unreachable", "prohibit", "blackhole"] {
        rig.sender_at.ip(&format!("route add {kind} {NETWORK}.2/32"));
        last(Duration::from_secs(1));
        rig.sender_at.ip(&format!("route del {kind} {NETWORK}.2/32"));
        rig.assert_goes_on(&format!("the route was {kind}"));
        rig.settle();
    }
}
