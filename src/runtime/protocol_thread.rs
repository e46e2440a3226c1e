//! Receives datagrams and serves the session's timers.

use super::driver::Driver;
use super::intake::Taken;
use super::network_thread;
use super::os::{clock, poll};
use super::rate::Rate;
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
/// When sockets have been ready so often in a row and nothing came of it, they are asked less often: the system is out of
/// order in some way, which must not take all of a processor.
const VAIN: u32 = 8;
const VAIN_PAUSE: Duration = Duration::from_millis(1);
/// When waiting itself fails, everything is tried so often.
const BLIND: Duration = Duration::from_millis(5);

pub(super) fn run(driver: &Driver, role: Role) {
    driver.log.log(Level::Info, "protocol thread started");
    if let Some(network) = driver.network.get() {
        return network_thread::run(driver, role, &*network);
    }
    let mut waiting = Vec::new();
    let (mut vain, failures) = (0, Rate::default());
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
        let mut blind = false;
        if let Some(pause) = pause {
            blind |= !wait(driver, &mut waiting, Some(timeout.map_or(pause, |timeout| timeout.min(pause))), &failures);
        }
        if !tries_all {
            let awaited = sockets.iter().map(|s| poll::waiting_socket(&s.socket, s.waits() == Waits::Writable));
            waiting.extend(awaited);
            let timeout = if pause.is_some() { Some(Duration::ZERO) } else { timeout };
            blind |= !wait(driver, &mut waiting, timeout, &failures);
        }
        driver.asleep.store(false, Ordering::Release);
        let is_called = waiting.first().is_some_and(poll::is_readable);
        if is_called {
            driver.wake.clear();
        }
        // First, what was left to this thread: anything else may call the application.
        let now = clock::now();
        let mut went = 0;
        for (index, socket) in sockets.iter().enumerate() {
            let is_writable = blind || waiting.get(index + 1).is_some_and(poll::is_writable);
            if socket.waits() != Waits::No && (is_writable || socket.goes_by_itself(now)) {
                let sent = socket.flush(now);
                went += sent.went;
                // This thread looks again before it sleeps: it need not be told what still waits.
                driver.report(Sent { waits: false, ..sent });
            }
        }
        if is_called || blind {
            driver.take_resolved(role);
            driver.take_jobs_done();
        }
        let mut taken = Taken::default();
        for (index, socket) in sockets.iter().enumerate() {
            if tries_all || blind || waiting.get(index + 1).is_some_and(poll::is_readable) {
                taken += driver.take_in(socket);
            }
        }
        let in_vain = went == 0 && taken.is_nothing() && waiting.iter().skip(1).any(poll::is_ready);
        vain = if in_vain { vain + 1 } else { 0 };
        if vain >= VAIN {
            vain = VAIN;
            // A call ends the pause.
            waiting.truncate(1);
            wait(driver, &mut waiting, Some(VAIN_PAUSE), &failures);
        }
        if role == Role::Receiver {
            driver.intake.note(clock::now(), taken);
        }
    }
}

/// False if that is not possible now.
fn wait(driver: &Driver, waiting: &mut [poll::Waiting], timeout: Option<Duration>, failures: &Rate) -> bool {
    let Err(error) = poll::wait(waiting, timeout) else { return true };
    if let Some(times) = failures.count(clock::now(), 1) {
        driver.log.log(Level::Error, &format!("cannot wait for sockets: {error} ({times} times)"));
    }
    std::thread::sleep(BLIND);
    false
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
