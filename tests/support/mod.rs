//! What the integration tests share: packages, libraries, programs, streams, a lossy link.

#![allow(dead_code)] // Each test program uses its own part.

pub(crate) mod context;
pub(crate) mod forge;
pub(crate) mod library;
pub(crate) mod load;
#[cfg(target_os = "linux")]
pub(crate) mod namespace;
pub(crate) mod package;
pub(crate) mod ports;
pub(crate) mod process;
pub(crate) mod relay;
pub(crate) mod stall;
pub(crate) mod stream;
pub(crate) mod tools;

#[allow(unused_imports)]
pub(crate) use package::{is_root, require_package};

use std::time::{Duration, Instant};

/// Asks `condition` until it gives a value. `what` and `evidence` tell why a test failed.
pub(crate) fn wait_until<T>(
    what: &str,
    limit: Duration,
    mut condition: impl FnMut() -> Option<T>,
    evidence: impl FnOnce() -> String,
) -> T {
    let deadline = Instant::now() + limit;
    loop {
        if let Some(value) = condition() {
            return value;
        }
        assert!(Instant::now() < deadline, "not within {limit:?}: {what}\n{}", evidence());
        std::thread::sleep(Duration::from_millis(5));
    }
}
