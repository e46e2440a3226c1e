//! Where a context's log lines go.

use crate::protocol::output::Level;
use std::sync::Arc;

/// Takes finished lines. Called with no lock held, from any thread.
pub trait LogSink: Send + Sync {
    fn enabled(&self, level: Level) -> bool;
    /// `ids` are the context's numbers for the line prefix: (receiver id, sender id).
    fn write(&self, level: Level, ids: (u64, u64), text: &str);
}

/// A context's logger: nowhere, or into one sink.
#[derive(Clone, Default)]
pub struct Logger {
    sink: Option<Arc<dyn LogSink>>,
    ids: (u64, u64),
}

impl Logger {
    pub fn new(sink: Arc<dyn LogSink>) -> Self {
        Self { sink: Some(sink), ids: (0, 0) }
    }

    pub fn with_ids(mut self, ids: (u64, u64)) -> Self {
        self.ids = ids;
        self
    }

    /// `text` without the line end.
    pub fn log(&self, level: Level, text: &str) {
        if let Some(sink) = self.sink.as_ref().filter(|sink| sink.enabled(level)) {
            sink.write(level, self.ids, text);
        }
    }

    pub fn enabled(&self, level: Level) -> bool {
        self.sink.as_ref().is_some_and(|sink| sink.enabled(level))
    }
}
