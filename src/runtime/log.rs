//! Where a context's log lines go.

use super::gate::Gate;
use crate::protocol::output::Level;
use std::sync::Arc;

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
    pub fn end(&self) {
        self.gate.close();
    }

    pub fn enabled(&self, level: Level) -> bool {
        self.sink.as_ref().is_some_and(|sink| sink.enabled(level))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use parking_lot::Mutex;
    use std::sync::atomic::{AtomicUsize, Ordering};

    #[derive(Default)]
    struct Ends(Mutex<Option<Logger>>, AtomicUsize);

    impl LogSink for Ends {
        fn enabled(&self, _level: Level) -> bool {
            true
        }

        fn write(&self, _level: Level, _ids: (u64, u64), _text: &str) {
            self.1.fetch_add(1, Ordering::SeqCst);
            let logger = self.0.lock().take();
            logger.inspect(Logger::end);
        }
    }

    #[test]
    fn the_end_may_come_from_inside_a_line_and_is_that_of_all_clones() {
        let sink = Arc::new(Ends::default());
        let logger = Logger::new(sink.clone());
        *sink.0.lock() = Some(logger.clone().with_ids((1, 0)));
        logger.log(Level::Info, "the last one");
        logger.log(Level::Info, "too late");
        assert_eq!(sink.1.load(Ordering::SeqCst), 1);
    }
}
