//! What waiting costs, and how exactly packets are released.

mod runtime;

use parking_lot::Mutex;
use rist::protocol::config::Role;
use runtime::{Link, call, context, free_port, listen, packet, wait_until};
use std::sync::Arc;
use std::time::{Duration, Instant};

/// Times that the threads of this process with these names have gone to sleep.
fn sleeps() -> u64 {
    let tasks = std::fs::read_dir("/proc/self/task").unwrap().flatten();
    let of_library = tasks
        .filter(|task| std::fs::read_to_string(task.path().join("comm")).is_ok_and(|name| name.starts_with("rist-")));
    let count = |status: String| {
        let line = status.lines().find(|line| line.starts_with("voluntary_ctxt_switches"));
        line.and_then(|line| line.split_whitespace().last()?.parse::<u64>().ok()).expect("a count of switches")
    };
    of_library.map(|task| count(std::fs::read_to_string(task.path().join("status")).unwrap())).sum()
}

/// One after the other: they are counted in one process.
#[test]
fn waiting_costs_nothing_and_release_is_exact() {
    an_idle_listener_sleeps();
    an_idle_data_descriptor_sleeps();
    a_connected_idle_pair_wakes_only_for_rtcp();
    packets_are_released_when_they_are_due();
}

fn sleeps_in(time: Duration) -> u64 {
    let before = sleeps();
    std::thread::sleep(time);
    sleeps() - before
}

fn an_idle_listener_sleeps() {
    let receiver = context(Role::Receiver);
    listen(&receiver, free_port());
    receiver.start().unwrap();
    std::thread::sleep(Duration::from_millis(100));
    let woken = sleeps_in(Duration::from_secs(2));
    println!("idle listener: {woken} wake-ups in 2 s");
    assert!(woken <= 2, "{woken} wake-ups in 2 s");
    receiver.destroy();
}

fn an_idle_data_descriptor_sleeps() {
    let (reader, writer) = std::io::pipe().unwrap();
    let sender = context(Role::Sender);
    sender.set_data_input(std::os::fd::AsRawFd::as_raw_fd(&reader), 0, false).unwrap();
    sender.start().unwrap();
    std::thread::sleep(Duration::from_millis(100));
    let woken = sleeps_in(Duration::from_secs(2));
    println!("idle data descriptor: {woken} wake-ups in 2 s");
    assert!(woken <= 2, "{woken} wake-ups in 2 s");
    let start = Instant::now();
    sender.destroy();
    assert!(start.elapsed() < Duration::from_millis(100), "{:?}", start.elapsed());
    drop(writer);
}

fn a_connected_idle_pair_wakes_only_for_rtcp() {
    let link = Link::new();
    std::thread::sleep(Duration::from_millis(500));
    let woken = sleeps_in(Duration::from_secs(2));
    println!("connected idle pair: {} wake-ups a second, both sides together", woken / 2);
    // RTCP every 100 ms each way: 10 to send and 10 to 20 to receive, with echoes, on each side.
    assert!(woken <= 2 * 120, "{woken} wake-ups in 2 s");
    link.destroy();
}

fn packets_are_released_when_they_are_due() {
    let (receiver, sender) = (context(Role::Receiver), context(Role::Sender));
    let port = free_port();
    let times = Arc::new(Mutex::new(Vec::new()));
    let sink = Arc::clone(&times);
    receiver.set_callbacks(|callbacks| {
        callbacks.data = Some(Arc::new(move |block| {
            let number = block.delivery.payload.get(..4).map(|bytes| u32::from_be_bytes(bytes.try_into().unwrap()));
            sink.lock().push((number, Instant::now()));
        }));
    });
    listen(&receiver, port);
    receiver.start().unwrap();
    call(&sender, port);
    sender.start().unwrap();
    wait_until("a first packet", || {
        sender.write(packet(b"x")).unwrap();
        std::thread::sleep(Duration::from_millis(5));
        !times.lock().is_empty()
    });
    std::thread::sleep(Duration::from_millis(200));
    times.lock().clear();
    let mut written = Vec::new();
    let mut taken = Duration::ZERO;
    for number in 0..500u32 {
        let mut payload = [0; 1316];
        payload[..4].copy_from_slice(&number.to_be_bytes());
        let start = Instant::now();
        sender.write(packet(&payload)).unwrap();
        taken += start.elapsed();
        written.push(start);
        std::thread::sleep(Duration::from_millis(4));
    }
    wait_until("all packets", || times.lock().len() == 500);
    let mut delays: Vec<Duration> = times.lock().iter().zip(&written).map(|((_, out), start)| *out - *start).collect();
    delays.sort();
    let (least, half, most) = (delays[0], delays[250], delays[495]);
    println!("write {:?} each; released after {least:?}, p50 {half:?}, p99 {most:?}", taken / 500);
    // The buffer is 50 ms. The bound is wide for machines that are busy with other tests.
    assert!(least >= Duration::from_millis(45) && half < Duration::from_millis(55), "{least:?} {half:?}");
    receiver.destroy();
    sender.destroy();
}
