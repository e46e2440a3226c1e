//! Does the session's slow work, derivations of keys and logins, away from the threads that serve media.

use super::os::signals;
use crate::protocol::job::{Job, JobId, JobResult};
use parking_lot::{Condvar, Mutex};
use std::collections::VecDeque;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::thread::{self, JoinHandle};
use std::time::Duration;

/// The thread waits so long for more work before it ends.
const LINGER: Duration = Duration::from_secs(2);

/// One thread per context at most, and only while there is work. It calls nothing of the application's.
#[derive(Default)]
pub(super) struct Workshop {
    state: Mutex<State>,
    more: Condvar,
}

#[derive(Default)]
struct State {
    running: bool,
    closed: bool,
    thread: Option<JoinHandle<()>>,
    wanted: VecDeque<(JobId, Job)>,
    done: Vec<(JobId, JobResult)>,
}

impl Workshop {
    /// `done` is called after each job; then [`Workshop::take`] has the result.
    pub(super) fn add(self: &Arc<Self>, jobs: impl Iterator<Item = (JobId, Job)>, done: impl Fn() + Send + 'static) {
        let mut state = self.state.lock();
        if state.closed {
            return;
        }
        state.wanted.extend(jobs);
        if state.running {
            self.more.notify_one();
            return;
        }
        let workshop = Arc::clone(self);
        let _blocked = signals::Blocked::new();
        let thread = thread::Builder::new().name("rist-crypto".to_owned()).spawn(move || workshop.run(done));
        // Without a thread the work waits for the next request.
        state.running = thread.is_ok();
        if let (Some(old), true) = (state.thread.take(), state.running) {
            // It has said that it ends.
            drop(old);
        }
        state.thread = thread.ok();
    }

    fn run(&self, done: impl Fn()) {
        loop {
            let mut state = self.state.lock();
            if state.wanted.is_empty() && !state.closed {
                self.more.wait_for(&mut state, LINGER);
            }
            let Some((id, job)) = state.wanted.pop_front().filter(|_| !state.closed) else {
                state.running = false;
                return;
            };
            drop(state);
            // A panic would be a fault of ours; the session then simply never hears of this job.
            if let Ok(result) = catch_unwind(AssertUnwindSafe(|| job.run())) {
                self.state.lock().done.push((id, result));
            }
            done();
        }
    }

    pub(super) fn take(&self) -> Vec<(JobId, JobResult)> {
        std::mem::take(&mut self.state.lock().done)
    }

    /// Drops what waits and ends the thread.
    pub(super) fn close(&self) {
        let thread = {
            let mut state = self.state.lock();
            state.closed = true;
            state.wanted.clear();
            state.thread.take()
        };
        self.more.notify_all();
        if let Some(thread) = thread {
            let _ = thread.join();
        }
    }

    /// In a forked child there is no thread to wait for.
    pub(super) fn abandon(&self) {
        if let Some(mut state) = self.state.try_lock() {
            state.closed = true;
            state.thread = None;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::crypto::psk::KeySize;
    use crate::crypto::secret::Secret;
    use crate::protocol::config::PskMode;
    use std::sync::mpsc;

    #[test]
    fn every_job_is_done_and_the_thread_ends() {
        let workshop = Arc::new(Workshop::default());
        let (tell, told) = mpsc::channel();
        let job = |number| {
            let passphrases = vec![Secret::new(b"abc")];
            let mode = PskMode::Ctr;
            (JobId(number), Job::Derive { passphrases, nonce: [1, 2, 3, 4], size: KeySize::Aes128, mode })
        };
        for number in 0..20 {
            let tell = tell.clone();
            workshop.add([job(number)].into_iter(), move || tell.send(()).expect("the test waits"));
        }
        for _ in 0..20 {
            told.recv().expect("a job is done");
        }
        let mut numbers: Vec<_> = workshop.take().into_iter().map(|(id, _)| id.0).collect();
        numbers.sort_unstable();
        assert!(numbers.into_iter().eq(0..20));
        workshop.close();
        workshop.add([job(21)].into_iter(), || panic!("closed"));
        assert!(workshop.take().is_empty());
    }
}
