//! Receives datagrams and serves the session's timers.

use super::driver::Driver;
use super::network_thread;
use super::os::{clock, poll};
use super::transmit::{BoundSocket, Waits};
use crate::protocol::config::Role;
use crate::protocol::output::Level;
use crate::protocol::time::Time;
use std::sync::Arc;
use std::time::Duration;

/// So few sockets are all tried after datagrams have gathered, without asking which of them have something.
const FEW: usize = 2;
/// When sending is tried again after the system had no memory.
const MEMORY_RETRY: Duration = Duration::from_millis(1);

pub(super) fn run(driver: &Driver, role: Role) {
    driver.log.log(Level::Info, "protocol thread started");
    if let Some(network) = driver.network.get() {
        return network_thread::run(driver, role, &*network);
    }
    let mut waiting = Vec::new();
    while !driver.is_stopping() {
        let timeout = driver.run_timers();
        let (sockets, now) = (driver.sockets.all(), clock::now());
        let timeout = soonest(timeout, &sockets, now);
        let pause = if role == Role::Receiver { driver.intake.pause(now) } else { None };
        let tries_all = pause.is_some() && sockets.len() <= FEW;
        waiting.clear();
        waiting.push(poll::waiting(driver.wake.fd(), false));
        if let Some(pause) = pause {
            wait(driver, &mut waiting, Some(timeout.map_or(pause, |timeout| timeout.min(pause))));
        }
        if !tries_all {
            let awaited = sockets.iter().map(|s| poll::waiting_socket(&s.socket, s.waits() == Waits::Writable));
            waiting.extend(awaited);
            let timeout = if pause.is_some() { Some(Duration::ZERO) } else { timeout };
            wait(driver, &mut waiting, timeout);
        }
        if waiting.first().is_some_and(poll::is_readable) {
            driver.wake.clear();
            driver.take_resolved(role);
            driver.take_jobs_done();
        }
        let (mut taken, now) = (0, clock::now());
        for (index, socket) in sockets.iter().enumerate() {
            let ready = waiting.get(index + 1);
            if tries_all || ready.is_some_and(poll::is_readable) {
                taken += driver.take_in(socket);
            }
            if socket.waits() != Waits::No && (socket.goes_by_itself(now) || ready.is_none_or(poll::is_writable)) {
                driver.report(socket.flush(now));
            }
        }
        if role == Role::Receiver {
            driver.intake.note(clock::now(), taken);
        }
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
fn soonest(timeout: Option<Duration>, sockets: &[Arc<BoundSocket>], now: Time) -> Option<Duration> {
    let retries = sockets.iter().filter_map(|socket| match socket.waits() {
        Waits::ForMemory => Some(MEMORY_RETRY),
        Waits::ForThread => Some(Duration::ZERO),
        Waits::No | Waits::Writable | Waits::ForOthers => socket.watch(now),
    });
    timeout.into_iter().chain(retries).min()
}
