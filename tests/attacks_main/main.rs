//! What strangers can do to programs of the Main profile, on the loopback: Debian's tools on our library.
//!
//! Every test prints what it measured. Processor time is printed, never asserted.
#![cfg(target_os = "linux")]

mod crowd;
mod flood;
mod forgery;
mod noise;
mod reflection;
mod requests;
mod secrets;
#[path = "../support/mod.rs"]
mod support;

use std::net::{Ipv4Addr, SocketAddr, UdpSocket};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// They measure programs, and load the machine: one at a time.
fn alone() -> MutexGuard<'static, ()> {
    static ALONE: Mutex<()> = Mutex::new(());
    ALONE.lock().unwrap_or_else(PoisonError::into_inner)
}

fn stranger() -> UdpSocket {
    stranger_at(Ipv4Addr::LOCALHOST)
}

/// A socket at any address of the loopback, 127.0.0.0/8.
fn stranger_at(address: Ipv4Addr) -> UdpSocket {
    let socket = UdpSocket::bind((address, 0)).expect("a socket of the loopback");
    socket.set_nonblocking(true).expect("a socket");
    socket
}

fn local(port: u16) -> SocketAddr {
    SocketAddr::from((Ipv4Addr::LOCALHOST, port))
}

/// Calls `each` `per_second` times a second, for so long; returns how often that was.
fn paced(per_second: u32, length: Duration, mut each: impl FnMut(u32)) -> u32 {
    let (start, mut count) = (Instant::now(), 0);
    loop {
        let passed = start.elapsed();
        if passed >= length {
            return count;
        }
        let due = (passed.as_secs_f64() * f64::from(per_second)) as u32;
        while count < due {
            each(count);
            count += 1;
        }
        // What is due by then goes out together.
        std::thread::sleep(Duration::from_millis(1));
    }
}

/// Octets that have come to a socket and were not read yet.
fn received(socket: &UdpSocket) -> usize {
    let mut buffer = [0; 65_536];
    std::iter::from_fn(|| socket.recv(&mut buffer).ok()).sum()
}
