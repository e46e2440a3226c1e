//! A test of the hand-over: datagrams that a writer leaves to the protocol thread while that goes to sleep, or holds for
//! other writers, always leave. The session has no peer and so no timer: the thread sleeps for ever unless it is woken, and
//! one lost wake-up ends the test.
//!
//! This is what runs otherwise, sockets included, and not a model of it: loom would need its own types in place of
//! `parking_lot`'s in each file, and sockets and `ppoll` it can not play. `HANDOVER_ROUNDS` plays longer.

use super::driver::Driver;
use super::log::Logger;
use super::os::clock;
use super::protocol_thread;
use super::transmit::BoundSocket;
use crate::protocol::config::{Profile, Role};
use crate::protocol::output::{MAX_HEAD, SocketId, Transmit};
use crate::protocol::payload::Pool;
use crate::protocol::session::{Session, SessionConfig};
use std::net::{SocketAddr, UdpSocket};
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

const ROUNDS: u32 = 4000;
/// Longer than any stall of the machine.
const PATIENCE: Duration = Duration::from_secs(30);
/// Datagrams of a round at most: the receiver's buffer holds them.
const MOST: u32 = 60;

fn spin(microseconds: u32) {
    let end = Instant::now() + Duration::from_micros(microseconds.into());
    while Instant::now() < end {
        std::hint::spin_loop();
    }
}

struct Random(u64);

impl Random {
    fn below(&mut self, limit: u32) -> u32 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) as u32 % limit
    }
}

/// A burst, datagram by datagram, quick or with pauses.
fn write(driver: &Driver, to: SocketAddr, writer: u8, count: u32, random: &mut Random) {
    let pause = [0, 0, 2, 10, 60][random.below(5) as usize];
    for number in 0..count {
        let mut head = [0; MAX_HEAD];
        (head[0], head[1]) = (writer, number as u8);
        let transmit = Transmit { socket: SocketId(1), to, head, head_len: MAX_HEAD, body: None };
        driver.transmit(clock::now(), &mut [transmit]);
        spin(random.below(pause + 1));
    }
}

/// Each round's datagrams come, of each writer in order, without anything else that would send them.
fn everything_leaves(writers: u8) {
    let receiver = UdpSocket::bind("127.0.0.1:0").unwrap();
    receiver.set_read_timeout(Some(PATIENCE)).unwrap();
    let to = receiver.local_addr().unwrap();
    let config = SessionConfig { role: Role::Sender, profile: Profile::Simple, flow_id: 2, seed: 1 };
    let driver = Arc::new(Driver::new(Session::new(config, Pool::new()), Logger::default()).unwrap());
    let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
    socket.set_nonblocking(true).unwrap();
    driver.sockets.insert([BoundSocket::new(SocketId(1), socket.into()).unwrap()]);
    let protocol = thread::spawn({
        let driver = Arc::clone(&driver);
        move || protocol_thread::run(&driver, Role::Sender)
    });
    let rounds = std::env::var("HANDOVER_ROUNDS").map_or(ROUNDS, |text| text.parse().expect("a number"));
    let mut random = Random(1);
    for round in 0..rounds {
        // Many short ones in a row are what is held; after a pause the thread falls asleep in the middle of one.
        let most = [3, 8, MOST / u32::from(writers)][round as usize / 64 % 3];
        let count = 1 + random.below(most);
        thread::scope(|scope| {
            for writer in 1..writers {
                let (driver, mut random) = (&driver, Random(random.0 ^ u64::from(writer) << 40));
                scope.spawn(move || write(driver, to, writer, count, &mut random));
            }
            write(&driver, to, 0, count, &mut random);
        });
        let (mut next, mut bytes) = (vec![0; writers.into()], [0; 100]);
        while next.iter().any(|next| *next < count) {
            let came = receiver.recv(&mut bytes);
            assert!(came.is_ok(), "round {round}: {came:?}, {next:?} of {count} came");
            let next = &mut next[usize::from(bytes[0])];
            assert_eq!(u32::from(bytes[1]), *next, "round {round}");
            *next += 1;
        }
        let pause = [20, 250, 2000][random.below(3) as usize];
        spin(random.below(pause));
    }
    driver.stop();
    protocol.join().unwrap();
}

#[test]
fn what_a_writer_leaves_to_the_protocol_thread_leaves() {
    everything_leaves(1);
}

#[test]
fn what_several_writers_leave_or_hold_leaves() {
    everything_leaves(3);
}
