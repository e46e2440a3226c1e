//! The device or the address goes and comes back: the stream goes on by itself.

use std::time::Duration;

use crate::rig::{NETWORK, NETWORK_V6, Rig, add_v6, last, side_by_side};
use crate::support::namespace::Namespace;

/// Longer than sessions live.
const LENGTH: Duration = Duration::from_millis(3000);

/// On one side, with IPv6 or not.
fn down_and_up((of_sender, v6): (bool, bool)) {
    let rig = Rig::new(v6, false);
    let (machine, number) = if of_sender { (&rig.sender_at, 1) } else { (&rig.receiver_at, 2) };
    let whose = format!("{}, IPv{}", if of_sender { "sender" } else { "receiver" }, if v6 { 6 } else { 4 });
    machine.ip("link set wire down");
    last(LENGTH);
    machine.ip("link set wire up");
    add_v6(machine, number);
    rig.assert_goes_on(&format!("the device was down: {whose}"));
    rig.settle();
    remove(machine, number, v6);
    last(LENGTH);
    add(machine, number, v6);
    rig.assert_goes_on(&format!("the address was away: {whose}"));
    rig.settle();
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
    side_by_side([(true, false), (false, false), (true, true), (false, true)], down_and_up);
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
