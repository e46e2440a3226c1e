//! The protocol thread of a context on another network than the system's.

use super::driver::Driver;
use super::network::Network;
use super::os::{clock, poll};
use super::rate::Rate;
use super::transmit::{BoundSocket, Waits};
use crate::protocol::config::Role;
use crate::protocol::output::Level;
use std::time::{Duration, Instant};

/// How long one wait takes at most: the network does not know our wake-ups.
const SLICE: Duration = Duration::from_millis(5);
/// How long a round takes at least if nothing came of it: a network that does not wait must not take all of a processor.
const ROUND: Duration = Duration::from_millis(1);
/// Datagrams taken from one socket before the timers and the other sockets get their turn.
const BATCH: usize = 256;
/// Room for one datagram, as on the system's network.
const SLOT: usize = 10_240;

pub(super) fn run(driver: &Driver, role: Role, network: &dyn Network) {
    let mut buffer = vec![0; SLOT];
    let mut waiting = Vec::new();
    let failures = Rate::default();
    while !driver.is_stopping() {
        let timeout = driver.run_timers();
        driver.wake.clear();
        driver.take_resolved(role);
        let sockets = driver.sockets.all();
        if sockets.is_empty() {
            pause(driver, timeout);
            continue;
        }
        waiting.clear();
        waiting.extend(sockets.iter().map(|socket| poll::waiting(socket.fd(), socket.waits() != Waits::No)));
        let start = Instant::now();
        let slice = timeout.map_or(SLICE, |timeout| timeout.min(SLICE));
        // In whole milliseconds, not less: zero would not wait at all.
        let milliseconds = i32::try_from(slice.as_micros().div_ceil(1000)).unwrap_or(1);
        if let Err(error) = network.wait(&mut waiting, milliseconds)
            && let Some(times) = failures.count(clock::now(), 1)
        {
            driver.log.log(Level::Error, &format!("transport: cannot wait for sockets: {error} ({times} times)"));
        }
        let mut busy = false;
        for (socket, waiting) in sockets.iter().zip(&waiting) {
            if poll::is_readable(waiting) {
                busy |= receive(driver, network, socket, &mut buffer, &failures);
            }
            if !driver.is_stopping() && poll::is_writable(waiting) {
                driver.report(socket.send_over(network, clock::now(), &[], || !driver.is_silent()));
            }
        }
        let took = start.elapsed();
        if !busy && took < ROUND {
            let most = timeout.map_or(ROUND, |timeout| timeout.min(ROUND));
            pause(driver, Some(most.saturating_sub(took)));
        }
    }
}

/// Waits for nothing but the time and a call.
fn pause(driver: &Driver, timeout: Option<Duration>) {
    let mut waiting = [poll::waiting(driver.wake.fd(), false)];
    // Whatever comes of it, everything is looked at next.
    let _ = poll::wait(&mut waiting, timeout);
}

/// Whether anything was there.
fn receive(driver: &Driver, network: &dyn Network, socket: &BoundSocket, buffer: &mut [u8], failures: &Rate) -> bool {
    for taken in 0..BATCH {
        // A function of the network may have destroyed the context.
        if driver.is_stopping() {
            return true;
        }
        match network.receive(socket.fd(), buffer) {
            // As on the system's network: nothing valid is as long as the buffer.
            Ok((length, from)) if length < buffer.len() => {
                let bytes = &buffer[..length];
                if driver.call(|session, now| session.handle_datagram(now, socket.id, from, bytes)).is_err() {
                    return true;
                }
            }
            Ok(_) => {}
            Err(error) => {
                if error.kind() == std::io::ErrorKind::InvalidData
                    && let Some(times) = failures.count(clock::now(), 1)
                {
                    driver.log.log(Level::Error, &format!("transport: {error} ({times} times)"));
                }
                return taken > 0;
            }
        }
    }
    true
}
