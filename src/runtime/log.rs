//! Where a context's log lines go.

use crate::protocol::output::Level;
use parking_lot::{Condvar, Mutex};
use std::sync::Arc;
use std::thread::{self, ThreadId};

/// Takes finished lines. Called with no lock held, from any thread.
pub trait LogSink: Send + Sync {
    fn enabled(&self, level: Level) -> bool;
    /// `ids` are the context's numbers for the line prefix: (receiver id, sender id).
    fn write(&self, level: Level, ids: (u64, u64), text: &str);
}

/// A context's logger: nowhere, or into one sink. Clones end together.
#[derive(Clone, Default)]
pub struct Logger {
    sink: Option<Arc<dyn LogSink>>,
    ids: (u64, u64),
    gate: Arc<Gate>,
}

impl Logger {
    pub fn new(sink: Arc<dyn LogSink>) -> Self {
        Self { sink: Some(sink), ids: (0, 0), gate: Arc::default() }
    }

    pub fn with_ids(mut self, ids: (u64, u64)) -> Self {
        self.ids = ids;
        self
    }

    /// `text` without the line end.
    pub fn log(&self, level: Level, text: &str) {
        if let Some(sink) = self.sink.as_ref().filter(|sink| sink.enabled(level))
            && let Some(_inside) = self.gate.enter()
        {
            sink.write(level, self.ids, text);
        }
    }

    /// Nothing is written from now on, and what other threads write at the moment has been written: the application's
    /// threads may still be inside calls that have something to say.
    pub(super) fn end(&self) {
        self.gate.close();
    }

    pub fn enabled(&self, level: Level) -> bool {
        self.sink.as_ref().is_some_and(|sink| sink.enabled(level))
    }
}

/// Who writes at the moment. Open until the end.
#[derive(Default)]
struct Gate {
    state: Mutex<State>,
    left: Condvar,
}

#[derive(Default)]
struct State {
    closed: bool,
    inside: Vec<ThreadId>,
}

/// One line on its way.
struct Inside<'a>(&'a Gate);

impl Gate {
    fn enter(&self) -> Option<Inside<'_>> {
        let mut state = self.state.lock();
        if state.closed {
            return None;
        }
        state.inside.push(thread::current().id());
        Some(Inside(self))
    }

    /// This thread may be inside itself, when the application ends a context in its log function.
    fn close(&self) {
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
    use std::sync::OnceLock;
    use std::sync::atomic::{AtomicUsize, Ordering};
    use std::sync::mpsc::{Receiver, SyncSender, sync_channel};

    /// Tells that a line has come and holds it up.
    struct Slow {
        came: SyncSender<()>,
        go: Mutex<Receiver<()>>,
        lines: AtomicUsize,
    }

    impl LogSink for Slow {
        fn enabled(&self, _level: Level) -> bool {
            true
        }

        fn write(&self, _level: Level, _ids: (u64, u64), _text: &str) {
            self.came.send(()).unwrap();
            self.go.lock().recv().unwrap();
            self.lines.fetch_add(1, Ordering::SeqCst);
        }
    }

    #[test]
    fn the_end_waits_for_the_lines_of_other_threads_and_lets_no_more_through() {
        let ((came, has_come), (let_go, go)) = (sync_channel(0), sync_channel(0));
        let sink = Arc::new(Slow { came, go: Mutex::new(go), lines: AtomicUsize::new(0) });
        let logger = Logger::new(sink.clone());
        let (other, ending) = (logger.clone(), logger.clone());
        let writer = thread::spawn(move || other.log(Level::Info, "held up"));
        has_come.recv().unwrap();
        let lines_at_the_end = thread::spawn({
            let sink = Arc::clone(&sink);
            move || {
                ending.end();
                sink.lines.load(Ordering::SeqCst)
            }
        });
        while !logger.gate.state.lock().closed {
            thread::yield_now();
        }
        logger.log(Level::Info, "too late");
        let_go.send(()).unwrap();
        assert_eq!(lines_at_the_end.join().unwrap(), 1);
        writer.join().unwrap();
        logger.log(Level::Info, "too late");
        assert_eq!(sink.lines.load(Ordering::SeqCst), 1);
    }

    #[derive(Default)]
    struct Ends(OnceLock<Logger>, AtomicUsize);

    impl LogSink for Ends {
        fn enabled(&self, _level: Level) -> bool {
            true
        }

        fn write(&self, _level: Level, _ids: (u64, u64), _text: &str) {
            self.1.fetch_add(1, Ordering::SeqCst);
            self.0.get().unwrap().end();
        }
    }

    #[test]
    fn the_end_may_come_from_inside_a_line() {
        let sink = Arc::new(Ends::default());
        let logger = Logger::new(sink.clone());
        assert!(sink.0.set(logger.clone()).is_ok());
        logger.log(Level::Info, "the last one");
        logger.log(Level::Info, "too late");
        assert_eq!(sink.1.load(Ordering::SeqCst), 1);
    }
}
