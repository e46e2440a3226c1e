//! Receives datagrams and serves the session's timers.

use super::driver::Driver;
use super::network_thread;
use super::os::{clock, poll, udp};
use super::transmit::{BoundSocket, Waits};
use crate::protocol::config::Role;
use crate::protocol::output::Level;
use crate::protocol::time::Time;
use std::sync::Arc;
use std::time::Duration;

/// Full batches taken from one socket before the timers and the other sockets get their turn.
const ROUNDS: usize = 4;
/// Media that comes in faster than one packet in two thirds of this is left to gather for as long, and taken in one batch.
const GATHER: Duration = Duration::from_micros(900);
/// So few sockets are all tried after that, without asking which of them have something.
const FEW: usize = 2;
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
    let mut pace = Pace::default();
    while !driver.is_stopping() {
        let timeout = driver.run_timers();
        let current = driver.sockets.generation();
        if current != generation {
            generation = current;
            sockets = driver.sockets.all();
            sockets.iter().for_each(|socket| udp::accept_joined(&socket.socket));
        }
        let gathers = role == Role::Receiver && pace.is_fast();
        let tries_all = gathers && sockets.len() <= FEW;
        waiting.clear();
        waiting.push(poll::waiting(driver.wake.fd(), false));
        if gathers {
            let pause = timeout.map_or(GATHER, |timeout| timeout.min(GATHER));
            wait(driver, &mut waiting, Some(pause));
        }
        if !tries_all {
            let awaited = sockets.iter().map(|s| poll::waiting_socket(&s.socket, s.waits() == Waits::Writable));
            waiting.extend(awaited);
            let timeout = if gathers { Some(Duration::ZERO) } else { soonest(timeout, &sockets) };
            wait(driver, &mut waiting, timeout);
        }
        if waiting.first().is_some_and(poll::is_readable) {
            driver.wake.clear();
            driver.take_resolved(role);
            driver.take_jobs_done();
        }
        let mut taken = 0;
        for (index, socket) in sockets.iter().enumerate() {
            let ready = waiting.get(index + 1);
            if tries_all || ready.is_some_and(poll::is_readable) {
                taken += receive(driver, socket, &mut received);
            }
            if socket.waits() != Waits::No && (socket.goes_by_itself() || ready.is_none_or(poll::is_writable)) {
                driver.report(socket.flush(clock::now()));
            }
        }
        pace.note(taken);
    }
}

fn wait(driver: &Driver, waiting: &mut [poll::Waiting], timeout: Option<Duration>) {
    if let Err(error) = poll::wait(waiting, timeout) {
        // Never seen; not to be met by a busy loop.
        driver.log.log(Level::Error, &format!("cannot wait for sockets: {error}"));
        std::thread::sleep(Duration::from_millis(100));
    }
}

/// No event tells when what waits for something else than a writable socket can go.
fn soonest(timeout: Option<Duration>, sockets: &[Arc<BoundSocket>]) -> Option<Duration> {
    let retries = sockets.iter().filter_map(|socket| match socket.waits() {
        Waits::ForMemory => Some(MEMORY_RETRY),
        Waits::ForThread => Some(Duration::ZERO),
        Waits::No | Waits::Writable => None,
    });
    timeout.into_iter().chain(retries).min()
}

/// Returns how many datagrams came.
fn receive(driver: &Driver, socket: &BoundSocket, received: &mut udp::Received) -> u32 {
    let mut taken = 0;
    for _ in 0..ROUNDS {
        // An error is "nothing there" or the answer to an earlier datagram (ICMP): neither ends the socket.
        let Ok(full) = received.receive(&socket.socket) else { break };
        let handled = driver.call(|session, now| {
            for (from, bytes) in received.iter() {
                session.handle_datagram(now, socket.id, from, bytes);
                taken += 1;
            }
        });
        if handled.is_err() || !full {
            break;
        }
    }
    taken
}

/// How fast datagrams come.
struct Pace {
    last: Time,
    spacing: Duration,
}

impl Default for Pace {
    fn default() -> Self {
        Self { last: clock::now(), spacing: Duration::MAX }
    }
}

impl Pace {
    /// After a round of the loop that took so many.
    fn note(&mut self, taken: u32) {
        if taken == 0 {
            self.spacing = Duration::MAX;
            return;
        }
        let now = clock::now();
        let spacing = now.since(std::mem::replace(&mut self.last, now)).to_duration() / taken;
        // Half of it is news: one that comes late does not end the gathering.
        self.spacing = if self.spacing == Duration::MAX { spacing } else { (self.spacing + spacing) / 2 };
    }

    fn is_fast(&self) -> bool {
        self.spacing < GATHER.mul_f32(2.0 / 3.0)
    }
}
