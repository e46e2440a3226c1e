//! Data descriptors: media from a pipe over RIST into a pipe.
#![allow(unsafe_code)] // The functions are called as C calls them.

mod support;

use rist::capi::tunnel::{RIST_DATA_FD_FLAG_TUN, rist_data_fd_stats_get};
use rist::capi::tunnel::{rist_receiver_data_fd_set, rist_sender_data_fd_set};
use std::ffi::c_int;
use std::io::{PipeReader, PipeWriter, Read, Write};
use std::os::fd::AsRawFd;
use std::os::unix::net::UnixDatagram;
use std::ptr::null_mut;
use std::time::{Duration, Instant};
use support::context::{Context, SIMPLE};
use support::ports::PortPair;
use support::stream::{PACKET, packet, packets};
use support::wait_until;

const PATIENCE: Duration = Duration::from_secs(20);
const TUN: u32 = RIST_DATA_FD_FLAG_TUN as u32;

fn set_input(context: &Context, fd: c_int, max_packet: usize, flags: u32) -> c_int {
    // SAFETY: takes no pointer but the handle.
    unsafe { rist_sender_data_fd_set(context.ctx, fd, max_packet, flags) }
}

fn set_output(context: &Context, fd: c_int) -> c_int {
    // SAFETY: takes no pointer but the handle.
    unsafe { rist_receiver_data_fd_set(context.ctx, fd, 0) }
}

/// A started pair, the sender reading one descriptor and the receiver writing to another.
struct Link {
    sender: Context,
    receiver: Context,
    _ports: PortPair,
}

impl Link {
    fn new(input: Option<(c_int, usize, u32)>, output: Option<c_int>) -> Link {
        let ports = PortPair::new();
        let (sender, receiver) = (Context::sender(SIMPLE), Context::receiver(SIMPLE));
        if let Some((fd, max_packet, flags)) = input {
            assert_eq!(set_input(&sender, fd, max_packet, flags), 0);
        }
        if let Some(fd) = output {
            assert_eq!(set_output(&receiver, fd), 0);
        }
        receiver.peer(&format!("rist://@127.0.0.1:{}?buffer=100", ports.even()));
        receiver.start();
        sender.peer(&format!("rist://127.0.0.1:{}?buffer=100", ports.even()));
        sender.start();
        let link = Link { sender, receiver, _ports: ports };
        // What is sent before the two know each other is lost for good.
        let connected = |context: &Context| context.has_logged("is connected") > 0;
        let both = || (connected(&link.sender) && connected(&link.receiver)).then_some(());
        wait_until("the two to know each other", PATIENCE, both, || link.evidence());
        link
    }

    fn evidence(&self) -> String {
        let (sent, written) = (self.sender.traffic(), self.receiver.traffic());
        let sent = (sent.tx_packets, sent.tx_bytes);
        let written = (written.rx_packets, written.rx_bytes);
        format!("sent {sent:?}, written {written:?}\n{:?}\n{:?}", self.sender.lines(), self.receiver.lines())
    }

    fn wait_for_written(&self, packets: u64) {
        let reached = || (self.receiver.traffic().rx_packets >= packets).then_some(());
        wait_until("packets to be written", PATIENCE, reached, || self.evidence());
    }
}

/// Reads to the end on a thread of its own.
fn collect(mut reader: PipeReader) -> std::thread::JoinHandle<Vec<u8>> {
    std::thread::spawn(move || {
        let mut all = Vec::new();
        reader.read_to_end(&mut all).expect("a pipe");
        all
    })
}

fn feed(writer: &mut PipeWriter, count: u64) {
    for number in 0..count {
        writer.write_all(&packet(number)).expect("a pipe");
        std::thread::sleep(Duration::from_micros(500));
    }
}

#[test]
fn a_pipe_comes_out_as_it_went_in() {
    const COUNT: u64 = 1000;
    let (input, mut feeder) = std::io::pipe().unwrap();
    let (reader, output) = std::io::pipe().unwrap();
    let link = Link::new(Some((input.as_raw_fd(), PACKET, 0)), Some(output.as_raw_fd()));
    let collected = collect(reader);
    feed(&mut feeder, COUNT);
    // At times two writes are one read, and so one packet.
    let bytes = COUNT * PACKET as u64;
    let done = || (link.receiver.traffic().rx_bytes >= bytes).then_some(());
    wait_until("everything to be written", PATIENCE, done, || link.evidence());
    assert_eq!(link.receiver.read(0), None, "what is written does not go into the FIFO too");
    let (sent, written) = (link.sender.traffic(), link.receiver.traffic());
    assert_eq!((sent.tx_packets, sent.tx_bytes), (written.rx_packets, written.rx_bytes));
    assert_eq!((sent.tx_bytes, sent.rx_packets, sent.rx_bytes), (bytes, 0, 0));
    assert_eq!((written.tx_packets, written.tx_bytes), (0, 0));

    drop(feeder);
    let ended = || (link.sender.has_logged("end of data") == 1).then_some(());
    wait_until("the end to be noticed", PATIENCE, ended, || link.evidence());
    assert_eq!(link.receiver.has_logged("overflow"), 0);
    drop((link, output));
    assert!(collected.join().unwrap() == packets(COUNT), "other bytes came out");
}

#[test]
fn more_packets_than_the_fifo_has_room_for_are_no_overflow() {
    let (input, mut feeder) = std::io::pipe().unwrap();
    let (reader, output) = std::io::pipe().unwrap();
    let link = Link::new(Some((input.as_raw_fd(), 100, 0)), Some(output.as_raw_fd()));
    let collected = collect(reader);
    for _ in 0..2000 {
        feeder.write_all(&[9; 100]).unwrap();
        std::thread::sleep(Duration::from_micros(200));
    }
    let done = || (link.receiver.traffic().rx_bytes >= 200_000).then_some(());
    wait_until("everything to be written", PATIENCE, done, || link.evidence());
    assert_eq!(link.receiver.has_logged("overflow"), 0, "{}", link.evidence());
    drop((link, output));
    assert_eq!(collected.join().unwrap().len(), 200_000);
}

/// SIGPIPE has its default here, as in a C program: a thread that took it would end this process.
#[test]
fn a_closed_reader_does_not_end_the_process() {
    // SAFETY: sets the default.
    unsafe { libc::signal(libc::SIGPIPE, libc::SIG_DFL) };
    let (reader, output) = std::io::pipe().unwrap();
    let link = Link::new(None, Some(output.as_raw_fd()));
    drop(reader);
    let refused = || {
        link.sender.write(&packet(1));
        (link.receiver.has_logged("packets dropped") > 0).then_some(())
    };
    wait_until("a refused packet", PATIENCE, refused, || link.evidence());
    assert_eq!(link.receiver.traffic().rx_packets, 0);
    // More of them are not more lines.
    for _ in 0..50 {
        link.sender.write(&packet(1));
    }
    std::thread::sleep(Duration::from_millis(300));
    assert!(link.receiver.has_logged("packets dropped") <= 2, "{}", link.evidence());
}

/// The pipe fills, packets are dropped, the threads go on; when it is emptied, packets come again.
#[test]
fn a_reader_that_stops_loses_packets_and_nothing_else() {
    let (mut reader, output) = std::io::pipe().unwrap();
    let link = Link::new(None, Some(output.as_raw_fd()));
    let full = || {
        link.sender.write(&packet(2));
        (link.receiver.has_logged("data descriptor full") > 0).then_some(())
    };
    wait_until("a full pipe", PATIENCE, full, || link.evidence());
    let written = link.receiver.traffic().rx_bytes;
    let mut bytes = vec![0; written as usize];
    reader.read_exact(&mut bytes).unwrap();
    assert!(bytes.chunks(PACKET).all(|bytes| bytes == packet(2)), "packets in the pipe are whole");
    link.sender.write(&packet(3));
    link.wait_for_written(written / PACKET as u64 + 1);
    drop(link);
}

#[test]
fn each_datagram_is_a_packet_and_one_that_is_too_long_is_left_out() {
    let (input, feeder) = UnixDatagram::pair().unwrap();
    let (output, reader) = UnixDatagram::pair().unwrap();
    let link = Link::new(Some((input.as_raw_fd(), 500, TUN)), Some(output.as_raw_fd()));
    for length in [1, 500, 501, 20, 9000, 499] {
        feeder.send(&vec![length as u8; length]).unwrap();
    }
    link.wait_for_written(4);
    let mut buffer = [0; 10_000];
    for length in [1, 500, 20, 499] {
        assert_eq!(reader.recv(&mut buffer).unwrap(), length);
        assert!(buffer[..length].iter().all(|byte| *byte == length as u8));
    }
    assert!(link.sender.has_logged("longer than 500") >= 1, "{}", link.evidence());
}

/// 0 and too much stand for a default and the limit.
#[test]
fn reads_are_as_long_as_a_packet_may_be() {
    for (max_packet, expected) in [(0, 1316), (10_000, 9968), (usize::MAX, 9968)] {
        let (input, mut feeder) = std::io::pipe().unwrap();
        feeder.write_all(&vec![5; expected + 7]).unwrap();
        let (reader, output) = std::io::pipe().unwrap();
        let link = Link::new(Some((input.as_raw_fd(), max_packet, 0)), Some(output.as_raw_fd()));
        let sent = || (link.sender.traffic().tx_packets == 2).then_some(());
        wait_until("two packets", PATIENCE, sent, || link.evidence());
        assert_eq!(link.sender.traffic().tx_bytes, expected as u64 + 7);
        drop((link, reader));
    }
}

#[test]
fn it_is_set_before_start_on_the_right_context() {
    let (reader, writer) = std::io::pipe().unwrap();
    let (input, output) = (reader.as_raw_fd(), writer.as_raw_fd());
    let (sender, receiver) = (Context::sender(SIMPLE), Context::receiver(SIMPLE));
    for bad in [-1, c_int::MIN, 123_456] {
        assert_eq!(set_input(&sender, bad, 0, 0), -1);
        assert_eq!(set_output(&receiver, bad), -1);
    }
    assert_eq!(set_input(&receiver, input, 0, 0), -1);
    assert_eq!(set_output(&sender, output), -1);
    // SAFETY: no place for the numbers.
    assert_eq!(unsafe { rist_data_fd_stats_get(sender.ctx, null_mut()) }, -1);
    assert_eq!(sender.traffic().tx_packets, 0);
    // The last one counts.
    assert_eq!(set_input(&sender, output, 0, TUN), 0);
    assert_eq!(set_input(&sender, input, 0, 0), 0);
    assert_eq!(set_output(&receiver, output), 0);
    sender.start();
    receiver.start();
    assert_eq!(set_input(&sender, input, 0, 0), -1);
    assert_eq!(set_output(&receiver, output), -1);
    // Nobody writes: the thread that waits for the descriptor is woken.
    let start = Instant::now();
    assert_eq!((sender.destroy(), receiver.destroy()), (0, 0));
    assert!(start.elapsed() < Duration::from_millis(500), "{:?}", start.elapsed());
    assert_eq!(set_input(&sender, input, 0, 0), -1);
    // They are still the caller's.
    (&writer).write_all(b"x").unwrap();
    (&reader).read_exact(&mut [0]).unwrap();
}
