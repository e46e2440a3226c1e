//! Receives datagrams and serves the session's timers.

use super::driver::Driver;
use super::intake::Taken;
use super::network_thread;
use super::os::{clock, poll};
use super::transmit::{BoundSocket, Sent, Waits};
use crate::protocol::config::Role;
use crate::protocol::output::Level;
use crate::protocol::time::Time;
use std::sync::Arc;
use std::sync::atomic::Ordering;
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
        let stuck = sockets.iter().any(|socket| socket.waits() == Waits::Writable);
        let tries_all = pause.is_some() && !stuck && sockets.len() <= FEW;
        waiting.clear();
        waiting.push(poll::waiting(driver.wake.fd(), false));
        driver.asleep.store(true, Ordering::Release);
        if let Some(pause) = pause {
            wait(driver, &mut waiting, Some(timeout.map_or(pause, |timeout| timeout.min(pause))));
        }
        if !tries_all {
            let awaited = sockets.iter().map(|s| poll::waiting_socket(&s.socket, s.waits() == Waits::Writable));
            waiting.extend(awaited);
            let timeout = if pause.is_some() { Some(Duration::ZERO) } else { timeout };
            wait(driver, &mut waiting, timeout);
        }
        driver.asleep.store(false, Ordering::Release);
        let is_called = waiting.first().is_some_and(poll::is_readable);
        if is_called {
            driver.wake.clear();
        }
        // First, what was left to this thread: anything else may call the application.
        let now = clock::now();
        for (index, socket) in sockets.iter().enumerate() {
            let is_writable = waiting.get(index + 1).is_some_and(poll::is_writable);
            if socket.waits() != Waits::No && (is_writable || socket.goes_by_itself(now)) {
                // This thread looks again before it sleeps: it need not be told what still waits.
                driver.report(Sent { waits: false, ..socket.flush(now) });
            }
        }
        if is_called {
            driver.take_resolved(role);
            driver.take_jobs_done();
        }
        let mut taken = Taken::default();
        for (index, socket) in sockets.iter().enumerate() {
            if tries_all || waiting.get(index + 1).is_some_and(poll::is_readable) {
                taken += driver.take_in(socket);
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
