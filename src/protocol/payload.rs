//! Media bytes in pooled, shared storage: copied once on the way in, then only referred to.

use parking_lot::Mutex;
use std::ops::Deref;
use std::sync::Arc;

/// Idle buffers that a pool keeps at most; more are returned to the allocator.
const MAX_IDLE: usize = 512;
/// Room in an empty buffer: C gets its address, which has to be one of memory.
const LEAST_BYTES: usize = 64;
/// Buffers above this size are not kept.
const MAX_KEPT_BYTES: usize = 16 * 1024;

/// Where payload buffers come from and return to, from any thread.
#[derive(Debug, Default)]
pub struct Pool {
    idle: Mutex<Vec<Arc<Vec<u8>>>>,
}

impl Pool {
    pub fn new() -> Arc<Self> {
        Arc::default()
    }

    /// A payload with these bytes.
    pub fn copy(self: &Arc<Self>, bytes: &[u8]) -> Payload {
        self.build(|buffer| buffer.extend_from_slice(bytes))
    }

    /// A payload that `fill` writes into an empty buffer.
    pub fn build(self: &Arc<Self>, fill: impl FnOnce(&mut Vec<u8>)) -> Payload {
        let mut buffer = self.idle.lock().pop().unwrap_or_default();
        match Arc::get_mut(&mut buffer) {
            Some(bytes) => {
                bytes.clear();
                bytes.reserve(LEAST_BYTES);
                fill(bytes);
            }
            // Idle buffers have one owner; this arm only keeps the function total.
            None => {
                let mut bytes = Vec::with_capacity(LEAST_BYTES);
                fill(&mut bytes);
                buffer = Arc::new(bytes);
            }
        }
        Payload { buffer: Some(buffer), pool: Arc::clone(self) }
    }
}

/// Bytes of one packet. A clone shares them; the last one returns the buffer to its pool.
#[derive(Debug, Clone)]
pub struct Payload {
    /// Always `Some` until dropped.
    buffer: Option<Arc<Vec<u8>>>,
    pool: Arc<Pool>,
}

impl Payload {
    /// These bytes and then those of another, as one.
    pub fn followed_by(&self, second: &[u8]) -> Payload {
        self.pool.build(|buffer| {
            buffer.extend_from_slice(self);
            buffer.extend_from_slice(second);
        })
    }
}

impl Deref for Payload {
    type Target = [u8];
    fn deref(&self) -> &[u8] {
        self.buffer.as_deref().map_or(&[], Vec::as_slice)
    }
}

impl Drop for Payload {
    fn drop(&mut self) {
        let Some(mut buffer) = self.buffer.take() else { return };
        // Two owners that drop at the same moment may both see each other: then it is just freed.
        if Arc::get_mut(&mut buffer).is_none_or(|bytes| bytes.capacity() > MAX_KEPT_BYTES) {
            return;
        }
        let mut idle = self.pool.idle.lock();
        if idle.len() < MAX_IDLE {
            idle.push(buffer);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_owner_returns_the_buffer() {
        let pool = Pool::new();
        let first = pool.copy(b"abc");
        let second = first.clone();
        drop(first);
        assert_eq!(pool.idle.lock().len(), 0);
        assert_eq!(&*second, b"abc");
        drop(second);
        assert_eq!(pool.idle.lock().len(), 1);
        assert_eq!(&*pool.copy(b"defg"), b"defg");
    }

    #[test]
    fn two_payloads_become_one() {
        let pool = Pool::new();
        assert_eq!(&*pool.copy(b"abc").followed_by(&pool.copy(b"de")), b"abcde");
        assert_eq!(&*pool.copy(b"").followed_by(&pool.copy(b"d")), b"d");
    }

    #[test]
    fn a_payload_outlives_its_pool_handle() {
        let pool = Pool::new();
        let payload = pool.copy(b"abc");
        drop(pool);
        assert_eq!(&*payload, b"abc");
    }
}
