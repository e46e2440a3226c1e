//! Whether the machine stood still: a busy one stops programs for longer than their sessions and buffers last.

use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::sync::{Mutex, MutexGuard, Once};
use std::time::{Duration, Instant};

/// How often the watching thread wants to run.
const PERIOD: Duration = Duration::from_millis(5);
/// Being late by this much is a stall: a third of the shortest time-out of a session.
const STALL: Duration = Duration::from_millis(80);
const ATTEMPTS: usize = 4;

/// When each ended, and how late it made the watching thread.
static STALLS: Mutex<Vec<(Instant, Duration)>> = Mutex::new(Vec::new());

/// Runs a test that depends on time, and runs it again if it fails and the machine has stood still meanwhile.
/// A failure without a stall, or the last of a few with one, is a failure.
pub(crate) fn unless_stalled<T>(test: impl Fn() -> T) -> T {
    begin();
    for _ in 1..ATTEMPTS {
        let start = Instant::now();
        match catch_unwind(AssertUnwindSafe(&test)) {
            Ok(result) => return result,
            Err(failure) => match latest() {
                Some((at, late)) if at > start => println!("the machine stood still for {late:?}: once more"),
                _ => resume_unwind(failure),
            },
        }
    }
    test()
}

/// Watches from now on.
pub(crate) fn begin() {
    static WATCH: Once = Once::new();
    WATCH.call_once(|| drop(std::thread::spawn(watch)));
}

/// The longest stall that ended after `start`.
pub(crate) fn longest_since(start: Instant) -> Duration {
    let stalls = stalls();
    let since = stalls.iter().rev().take_while(|(at, _)| *at > start);
    since.map(|(_, late)| *late).max().unwrap_or(Duration::ZERO)
}

fn stalls() -> MutexGuard<'static, Vec<(Instant, Duration)>> {
    STALLS.lock().unwrap_or_else(|poisoned| poisoned.into_inner())
}

fn latest() -> Option<(Instant, Duration)> {
    stalls().last().copied()
}

fn watch() {
    loop {
        let before = Instant::now();
        std::thread::sleep(PERIOD);
        let late = before.elapsed() - PERIOD;
        if late >= STALL {
            stalls().push((Instant::now(), late));
        }
    }
}
