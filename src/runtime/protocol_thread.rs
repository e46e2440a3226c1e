//! Receives datagrams and serves the session's timers.

use super::driver::Driver;
use super::network_thread;
use super::os::{clock, poll, udp};
use super::transmit::{BoundSocket, Waits};
use crate::protocol::config::Role;
use crate::protocol::output::Level;
use std::sync::Arc;
use std::time::Duration;

/// Full batches taken from one socket before the timers and the other sockets get their turn.
const ROUNDS: usize = 4;
/// Media that comes in faster than this is left to gather for as long, and taken in one batch.
const GATHER: Duration = Duration::from_micros(600);
/// When sending is tried again after the system had no memory.
const MEMORY_RETRY: Duration = Duration::from_millis(1);

pub(super) fn run(driver: &Driver, role: Role) {
    driver.log.log(Level::Info, "protocol thread started");
    if let Some(network) = driver.network.get() {
        return network_thread::run(driver, role, &*network);
    }
    let mut received = udp::Received::new();
    let mut sockets: Vec<Arc<BoundSocket>> = Vec::new();
    let mut generation = u64::MAX;
    let mut waiting = Vec::new();
    let mut last_received = clock::now();
    let mut busy = false;
    while !driver.is_stopping() {
        let mut timeout = driver.run_timers();
        if busy && role == Role::Receiver {
            gather(driver, timeout);
        }
        let current = driver.sockets.generation();
        if current != generation {
            generation = current;
            sockets = driver.sockets.all();
        }
        waiting.clear();
        waiting.push(poll::waiting(driver.wake.fd(), false));
        for socket in &sockets {
            if socket.waits() == Waits::ForMemory {
                timeout = Some(timeout.map_or(MEMORY_RETRY, |timeout| timeout.min(MEMORY_RETRY)));
            }
            waiting.push(poll::waiting_socket(&socket.socket, socket.waits() == Waits::Writable));
        }
        if let Err(error) = poll::wait(&mut waiting, timeout) {
            // Never seen; not to be met by a busy loop.
            driver.log.log(Level::Error, &format!("cannot wait for sockets: {error}"));
            std::thread::sleep(Duration::from_millis(100));
        }
        if waiting.first().is_some_and(poll::is_readable) {
            driver.wake.clear();
            driver.take_resolved(role);
            driver.take_jobs_done();
        }
        busy = false;
        for (socket, waiting) in sockets.iter().zip(waiting.iter().skip(1)) {
            if poll::is_readable(waiting) {
                receive(driver, socket, &mut received);
                let now = clock::now();
                let since = now.since(std::mem::replace(&mut last_received, now)).to_duration();
                busy |= since < GATHER + GATHER;
            }
            if socket.waits() == Waits::ForMemory || poll::is_writable(waiting) {
                driver.report(socket.flush(clock::now()));
            }
        }
    }
}

/// Lets datagrams gather, unless something is due or somebody calls.
fn gather(driver: &Driver, timeout: Option<Duration>) {
    let pause = timeout.map_or(GATHER, |timeout| timeout.min(GATHER));
    let mut waiting = [poll::waiting(driver.wake.fd(), false)];
    // Whatever comes of it, the sockets are looked at next.
    let _ = poll::wait(&mut waiting, Some(pause));
}

fn receive(driver: &Driver, socket: &BoundSocket, received: &mut udp::Received) {
    for _ in 0..ROUNDS {
        // An error is "nothing there" or the answer to an earlier datagram (ICMP): neither ends the socket.
        let Ok(count) = received.receive(&socket.socket) else { return };
        let handled = driver.call(|session, now| {
            for (from, bytes) in received.iter() {
                session.handle_datagram(now, socket.id, from, bytes);
            }
        });
        if handled.is_err() || count < udp::BATCH {
            return;
        }
    }
}
