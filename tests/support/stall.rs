//! Whether the machine stood still: a busy one stops programs for longer than their sessions and buffers last.

use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::sync::{Mutex, Once};
use std::time::{Duration, Instant};

/// How often the watching thread wants to run.
const PERIOD: Duration = Duration::from_millis(5);
/// Being late by this much is a stall: a third of the shortest time-out of a session.
const STALL: Duration = Duration::from_millis(80);
const ATTEMPTS: usize = 4;

static LATEST: Mutex<Option<(Instant, Duration)>> = Mutex::new(None);

/// Runs a test that depends on time, and runs it again if it fails and the machine has stood still meanwhile.
/// A failure without a stall, or the last of a few with one, is a failure.
pub(crate) fn unless_stalled<T>(test: impl Fn() -> T) -> T {
    static WATCH: Once = Once::new();
    WATCH.call_once(|| drop(std::thread::spawn(watch)));
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

fn latest() -> Option<(Instant, Duration)> {
    *LATEST.lock().unwrap_or_else(|poisoned| poisoned.into_inner())
}

fn watch() {
    loop {
        let before = Instant::now();
        std::thread::sleep(PERIOD);
        let late = before.elapsed() - PERIOD;
        if late >= STALL {
            *LATEST.lock().unwrap_or_else(|poisoned| poisoned.into_inner()) = Some((Instant::now(), late));
        }
    }
}
