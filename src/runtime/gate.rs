//! Calls of the application's functions from its own threads: how to be sure, at the end, that none runs any more.

use parking_lot::{Condvar, Mutex};
use std::thread::{self, ThreadId};

/// Open until the end. A flag alone would let through who has looked at it and not called yet.
#[derive(Default)]
pub(super) struct Gate {
    state: Mutex<State>,
    left: Condvar,
}

#[derive(Default)]
struct State {
    closed: bool,
    /// One may be inside several times.
    inside: Vec<ThreadId>,
}

/// One call.
pub(super) struct Inside<'a>(&'a Gate);

impl Gate {
    /// `None` when it is closed.
    pub(super) fn enter(&self) -> Option<Inside<'_>> {
        let mut state = self.state.lock();
        if state.closed {
            return None;
        }
        state.inside.push(thread::current().id());
        Some(Inside(self))
    }

    /// Lets nobody in any more and waits until everybody has left, but for this thread: the end may come from inside.
    pub(super) fn close(&self) {
        let this = thread::current().id();
        let mut state = self.state.lock();
        state.closed = true;
        while state.inside.iter().any(|inside| *inside != this) {
            self.left.wait(&mut state);
        }
    }
}

impl Drop for Inside<'_> {
    fn drop(&mut self) {
        let this = thread::current().id();
        let mut state = self.0.state.lock();
        if let Some(index) = state.inside.iter().position(|inside| *inside == this) {
            state.inside.swap_remove(index);
        }
        let is_closed = state.closed;
        drop(state);
        if is_closed {
            self.0.left.notify_all();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::atomic::{AtomicBool, Ordering};

    #[test]
    fn closing_waits_for_other_threads_and_lets_no_more_in() {
        let (gate, has_left) = (Gate::default(), AtomicBool::new(false));
        thread::scope(|scope| {
            let inside = gate.enter().unwrap();
            scope.spawn(|| {
                gate.close();
                assert!(has_left.load(Ordering::SeqCst));
            });
            while !gate.state.lock().closed {
                thread::yield_now();
            }
            assert!(gate.enter().is_none());
            has_left.store(true, Ordering::SeqCst);
            drop(inside);
        });
    }

    #[test]
    fn it_may_be_closed_from_inside() {
        let gate = Gate::default();
        let (first, second) = (gate.enter(), gate.enter());
        gate.close();
        assert!(first.is_some() && second.is_some() && gate.enter().is_none());
        drop((first, second));
        gate.close();
        assert!(gate.state.lock().inside.is_empty());
    }
}
