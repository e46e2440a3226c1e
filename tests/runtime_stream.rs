//! Media from one context to another over loopback.

mod runtime;

use parking_lot::Mutex;
use rist::protocol::config::Role;
use rist::protocol::output::Level;
use rist::runtime::context::Error;
use runtime::{Link, call, context, free_port, logged, options, packet, wait_until};
use std::io::Read;
use std::os::fd::AsRawFd;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

const TIMEOUT: Duration = Duration::from_millis(100);

/// Writes until one packet arrives: those before the handshake may be lost.
fn establish(link: &Link) {
    wait_until("a first packet", || {
        link.sender.write(packet(b"first")).unwrap();
        link.receiver.read(Duration::from_millis(10)).unwrap().is_some()
    });
    while link.receiver.read(TIMEOUT).unwrap().is_some() {}
}

fn numbered(number: u32) -> Vec<u8> {
    let mut payload = vec![number as u8; 1316];
    payload[..4].copy_from_slice(&number.to_be_bytes());
    payload
}

fn number(payload: &[u8]) -> u32 {
    u32::from_be_bytes(payload[..4].try_into().unwrap())
}

#[test]
fn every_packet_arrives_once_and_in_order() {
    let link = Link::new();
    establish(&link);
    const COUNT: u32 = 3000;
    std::thread::scope(|scope| {
        scope.spawn(|| {
            for count in 0..COUNT {
                assert_eq!(link.sender.write(packet(&numbered(count))), Ok(1316));
                if count % 20 == 19 {
                    std::thread::sleep(Duration::from_millis(1));
                }
            }
        });
        for expected in 0..COUNT {
            let (block, queued) = link.receiver.read(runtime::PATIENCE).unwrap().expect("a block in time");
            assert_eq!(number(&block.delivery.payload), expected);
            assert!(queued >= 1 && !block.overflow && !block.delivery.discontinuity);
            assert_eq!(block.delivery.flow_id, link.sender.flow_id().unwrap());
        }
    });
    assert!(link.receiver.read(TIMEOUT).unwrap().is_none());
    link.destroy();
}

#[test]
fn blocks_of_a_batch_enter_the_session_together_but_not_without_bound() {
    let link = Link::new();
    establish(&link);
    const COUNT: u32 = 200;
    let payloads: Vec<_> = (0..COUNT).map(numbered).collect();
    assert_eq!(link.sender.write_batch(payloads.iter().map(|payload| packet(payload))), Ok(COUNT as usize));
    let mut times = Vec::new();
    while times.len() < COUNT as usize {
        let batch = link.receiver.read_batch(150, runtime::PATIENCE).unwrap();
        assert!((1..=150).contains(&batch.len()));
        for block in batch {
            assert_eq!(number(&block.delivery.payload), times.len() as u32);
            assert!(!block.overflow && !block.delivery.discontinuity);
            times.push(block.delivery.ts_ntp);
        }
    }
    // Blocks without a time of their own have that of their entry.
    for together in times.chunks(64) {
        assert!(together.iter().all(|time| *time == together[0]), "{together:?}");
    }
    assert!(times.is_sorted() && times[0] < times[COUNT as usize - 1]);
    assert!(link.receiver.read_batch(150, TIMEOUT).unwrap().is_empty());
    link.destroy();
}

#[test]
fn a_batch_ends_with_the_first_packet_that_is_refused() {
    let link = Link::new();
    establish(&link);
    let payloads: Vec<_> = (0..100).map(|count| if count == 70 { Vec::new() } else { numbered(count) }).collect();
    let writes = || payloads.iter().map(|payload| packet(payload));
    assert_eq!(link.sender.write_batch(writes()), Ok(70));
    assert_eq!(link.sender.write_batch(writes().skip(70)), Err(Error::InvalidArgument));
    assert_eq!(link.sender.write_batch(writes().take(0)), Ok(0));
    assert_eq!(link.sender.write_batch(writes().skip(71)), Ok(29));
    for expected in (0..70).chain(71..100) {
        let (block, _) = link.receiver.read(runtime::PATIENCE).unwrap().expect("a block in time");
        assert_eq!(number(&block.delivery.payload), expected);
    }
    assert_eq!(link.receiver.write_batch(writes()), Err(Error::WrongRole));
    assert_eq!(link.sender.read_batch(1, TIMEOUT).err(), Some(Error::WrongRole));
    assert!(link.receiver.read_batch(0, runtime::PATIENCE).unwrap().is_empty());
    link.destroy();
    assert_eq!(link.sender.write_batch(writes()), Err(Error::Closed));
    assert_eq!(link.receiver.read_batch(1, TIMEOUT).err(), Some(Error::Closed));
    let lonely = context(Role::Sender);
    assert!(matches!(lonely.write_batch(writes()), Err(Error::Session(_))));
}

#[test]
fn a_callback_gets_every_packet_in_order_and_a_slow_one_loses_none() {
    let link = Link::new();
    establish(&link);
    let seen = Arc::new(Mutex::new(Vec::new()));
    let sink = Arc::clone(&seen);
    link.receiver.set_callbacks(|callbacks| {
        callbacks.data = Some(Arc::new(move |block| {
            let mut seen = sink.lock();
            if seen.len().is_multiple_of(100) {
                std::thread::sleep(Duration::from_millis(20));
            }
            seen.push(number(&block.delivery.payload));
        }));
    });
    for count in 0..1000 {
        link.sender.write(packet(&numbered(count))).unwrap();
        if count % 10 == 9 {
            std::thread::sleep(Duration::from_millis(1));
        }
    }
    wait_until("all packets", || seen.lock().len() == 1000);
    assert!(seen.lock().iter().copied().eq(0..1000));
    link.destroy();
}

#[test]
fn an_unread_fifo_overflows_and_recovers() {
    let (receiver, lines) = logged(Role::Receiver);
    receiver.set_fifo_size(16).unwrap();
    let port = free_port();
    runtime::listen(&receiver, port);
    receiver.start().unwrap();
    let sender = context(Role::Sender);
    let caller = call(&sender, port);
    sender.start().unwrap();
    let link = Link { listener: caller, caller, port, receiver, sender };
    establish(&link);
    for count in 0..40 {
        link.sender.write(packet(&numbered(count))).unwrap();
    }
    wait_until("the overflow", || lines.count(Level::Error, "overflow") > 0);
    // Let everything be released before reading: the last block has to have been dropped.
    std::thread::sleep(Duration::from_millis(150));
    for expected in 0..15 {
        let (block, queued) = link.receiver.read(Duration::ZERO).unwrap().unwrap();
        assert_eq!((number(&block.delivery.payload), queued), (expected, 15 - expected as usize));
        assert!(block.overflow);
    }
    assert!(link.receiver.read(Duration::ZERO).unwrap().is_none());
    link.sender.write(packet(&numbered(40))).unwrap();
    let (block, _) = link.receiver.read(runtime::PATIENCE).unwrap().unwrap();
    assert!(!block.overflow && block.delivery.discontinuity);
    assert_eq!(lines.count(Level::Error, "overflow"), 1);
    link.destroy();
}

#[test]
fn each_block_in_the_fifo_is_notified_with_one_byte() {
    let link = Link::new();
    establish(&link);
    let (mut reader, writer) = std::io::pipe().unwrap();
    link.receiver.set_notify_fd(Some(writer.as_raw_fd())).unwrap();
    for count in 0..50 {
        link.sender.write(packet(&numbered(count))).unwrap();
    }
    let mut bytes = [1; 50];
    reader.read_exact(&mut bytes).unwrap();
    assert_eq!(bytes, [0; 50]);
    link.destroy();
}

#[test]
fn peers_come_and_go_while_media_flows() {
    let link = Link::new();
    establish(&link);
    let stop = AtomicUsize::new(0);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            let mut count = 0;
            while stop.load(Ordering::Relaxed) == 0 {
                link.sender.write(packet(&numbered(count))).unwrap();
                count += 1;
                std::thread::sleep(Duration::from_micros(500));
            }
        });
        let mut expected = 0;
        for _ in 0..20 {
            let other = free_port();
            let listener = runtime::listen(&link.receiver, other);
            let caller = call(&link.sender, other);
            assert!(link.sender.has_peer(caller) && link.receiver.has_peer(listener));
            for _ in 0..20 {
                let (block, _) = link.receiver.read(runtime::PATIENCE).unwrap().expect("a block in time");
                assert_eq!(number(&block.delivery.payload), expected);
                expected += 1;
            }
            link.sender.remove_peer(caller).unwrap();
            link.receiver.remove_peer(listener).unwrap();
            assert!(!link.sender.has_peer(caller) && !link.receiver.has_peer(listener));
        }
        stop.store(1, Ordering::Relaxed);
    });
    link.destroy();
}

fn streams_between(listen: &str, call: &str) {
    let (receiver, sender) = (context(Role::Receiver), context(Role::Sender));
    let listener = receiver.add_peer(options(listen)).unwrap();
    receiver.start().unwrap();
    let caller = sender.add_peer(options(call)).unwrap();
    sender.start().unwrap();
    let link = Link { receiver, sender, port: 0, listener, caller };
    establish(&link);
    link.destroy();
}

#[test]
fn ipv6_works_as_well() {
    let port = free_port();
    streams_between(&format!("rist://@[::1]:{port}"), &format!("rist://[::1]:{port}"));
    let port = free_port();
    streams_between(&format!("rist://@[::]:{port}"), &format!("rist://127.0.0.1:{port}"));
}

#[test]
fn a_group_reaches_its_listeners() {
    let port = free_port();
    for at in ["@", ""] {
        let (receiver, sender) = (context(Role::Receiver), context(Role::Sender));
        let group = |at| {
            let mut options = options(&format!("rist://{at}239.255.17.4:{port}"));
            options.miface = "127.0.0.1".to_owned();
            options
        };
        let listener = receiver.add_peer(group(at)).unwrap();
        receiver.start().unwrap();
        let caller = sender.add_peer(group("")).unwrap();
        sender.start().unwrap();
        let link = Link { receiver, sender, port, listener, caller };
        establish(&link);
        link.destroy();
    }
}

#[test]
fn a_full_socket_delays_and_does_not_block() {
    let link = Link::new();
    establish(&link);
    let (media, _) = link.sender.peer_sockets(link.caller).unwrap();
    runtime::duplicate(media).set_send_buffer_size(1).unwrap();
    for count in 0..200 {
        assert_eq!(link.sender.write(packet(&numbered(count))), Ok(1316));
    }
    for expected in 0..200 {
        let (block, _) = link.receiver.read(runtime::PATIENCE).unwrap().expect("a block in time");
        assert_eq!(number(&block.delivery.payload), expected);
    }
    link.destroy();
}
