//! Sockets of peers: groups that share a port, ports that are taken, hosts that are none.

mod runtime;

use rist::protocol::config::Role;
use rist::protocol::output::Level;
use rist::runtime::context::Context;
use runtime::{context, free_port, logged, options, packet, wait_until};
use std::net::UdpSocket;
use std::sync::Arc;
use std::time::Duration;

/// A context on one of two groups of the same port, over the loopback interface.
fn member(role: Role, group: &str, port: u16) -> Arc<Context> {
    let context = context(role);
    let at = if role == Role::Receiver { "@" } else { "" };
    let mut options = options(&format!("rist://{at}{group}:{port}"));
    options.miface = "127.0.0.1".to_owned();
    context.add_peer(options).expect("a peer");
    context.start().expect("it starts");
    context
}

/// libRIST before 0.2.11 handed a listener of one group what was sent to the other.
#[test]
fn two_groups_on_one_port_are_kept_apart() {
    let port = free_port();
    let groups = ["239.255.17.5", "239.255.17.6"];
    let receivers = groups.map(|group| member(Role::Receiver, group, port));
    let senders = groups.map(|group| member(Role::Sender, group, port));
    let flows = [0, 1].map(|index| senders[index].flow_id().expect("a flow id"));
    assert_ne!(flows[0], flows[1]);
    let mut heard = [0, 0];
    wait_until("media of both groups", || {
        for index in 0..2 {
            senders[index].write(packet(groups[index].as_bytes())).expect("it can be sent");
            while let Some((block, _)) = receivers[index].read(Duration::from_millis(5)).expect("a receiver") {
                assert_eq!(&block.delivery.payload[..], groups[index].as_bytes());
                assert_eq!(block.delivery.flow_id, flows[index]);
                heard[index] += 1;
            }
        }
        heard.iter().all(|count| *count >= 50)
    });
    for context in receivers.iter().chain(&senders) {
        context.destroy();
    }
}

/// The Simple profile needs two ports: without the second, nothing is left of the first.
#[test]
fn an_occupied_second_port_leaves_no_peer_behind() {
    let port = free_port();
    let occupied = UdpSocket::bind(("127.0.0.1", port + 1)).expect("the port was free");
    let (receiver, lines) = logged(Role::Receiver);
    let url = format!("rist://@127.0.0.1:{port}");
    assert!(receiver.add_peer(options(&url)).is_err());
    assert!(lines.count(Level::Error, "socket") > 0, "{:?}", lines.all());
    UdpSocket::bind(("127.0.0.1", port)).expect("the first port is free again");
    drop(occupied);
    let peer = receiver.add_peer(options(&url)).expect("both are free");
    assert!(receiver.has_peer(peer));
    receiver.start().expect("it starts");
    receiver.destroy();
}

#[test]
fn hosts_of_any_length_and_literals_of_the_sixth_version_do_no_harm() {
    for length in [1, 63, 64, 127, 128, 254, 255, 256, 1000, 70_000] {
        for host in ["x".repeat(length), format!("[{}]", "f".repeat(length)), "1.".repeat(length)] {
            for url in [format!("rist://{host}:5000"), format!("rist://@{host}:5000")] {
                let sender = context(Role::Sender);
                // A peer that cannot be resolved yet, or none.
                if let Ok(peer) = sender.add_peer(options(&url)) {
                    assert!(sender.has_peer(peer));
                }
                sender.destroy();
            }
        }
    }
    for literal in ["[::1]", "[::ffff:127.0.0.1]", "[fe80::1%lo]", "[0000:0000:0000:0000:0000:ffff:255.255.255.255]"] {
        let sender = context(Role::Sender);
        let _ = sender.add_peer(options(&format!("rist://{literal}:5000")));
        sender.destroy();
    }
}
