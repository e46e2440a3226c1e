//! Media bytes in pooled, shared storage: copied once on the way in, then only referred to.

use parking_lot::Mutex;
use std::fmt;
use std::ops::Deref;
use std::sync::Arc;

/// Idle buffers that a pool keeps at most; more are returned to the allocator.
const MAX_IDLE: usize = 512;
/// Room in an empty buffer: C gets its address, which has to be one of memory.
const LEAST_BYTES: usize = 64;
/// Buffers above this size are not kept.
const MAX_KEPT_BYTES: usize = 16 * 1024;

/// The bytes, and where they return to while somebody has them.
#[derive(Debug, Default)]
struct Buffer {
    bytes: Vec<u8>,
    pool: Option<Arc<Pool>>,
}

/// Where payload buffers come from and return to, from any thread.
#[derive(Default)]
pub struct Pool {
    idle: Mutex<Vec<Arc<Buffer>>>,
}

impl fmt::Debug for Pool {
    /// How many wait, not what was in them.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Pool({} idle)", self.idle.lock().len())
    }
}

impl Pool {
    pub fn new() -> Arc<Self> {
        Arc::default()
    }

    /// A payload with these bytes.
    pub fn copy(self: &Arc<Self>, bytes: &[u8]) -> Payload {
        self.build(|buffer| buffer.extend_from_slice(bytes))
    }

    /// A payload with these bytes, unless there is no memory for it.
    pub fn try_copy(self: &Arc<Self>, bytes: &[u8]) -> Option<Payload> {
        let mut there_is_room = true;
        let payload = self.build(|buffer| {
            there_is_room = buffer.try_reserve(bytes.len()).is_ok();
            if there_is_room {
                buffer.extend_from_slice(bytes);
            }
        });
        there_is_room.then_some(payload)
    }

    /// A payload that `fill` writes into an empty buffer.
    pub fn build(self: &Arc<Self>, fill: impl FnOnce(&mut Vec<u8>)) -> Payload {
        let mut shared = self.idle.lock().pop().unwrap_or_default();
        // Idle buffers have one owner; the other arm only keeps the function total.
        if Arc::get_mut(&mut shared).is_none() {
            shared = Arc::default();
        }
        if let Some(buffer) = Arc::get_mut(&mut shared) {
            buffer.bytes.clear();
            buffer.bytes.reserve(LEAST_BYTES);
            fill(&mut buffer.bytes);
            buffer.pool = Some(Arc::clone(self));
        }
        Payload { shared: Some(shared) }
    }
}

/// Bytes of one packet. A clone shares them; the last one returns the buffer to its pool.
#[derive(Clone)]
pub struct Payload {
    /// Always `Some` until dropped.
    shared: Option<Arc<Buffer>>,
}

impl fmt::Debug for Payload {
    /// Somebody's media has no place in a log.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Payload({} bytes)", self.len())
    }
}

impl Payload {
    /// These bytes and then those of another, as one.
    pub fn followed_by(&self, second: &[u8]) -> Payload {
        self.beside(|buffer| {
            buffer.extend_from_slice(self);
            buffer.extend_from_slice(second);
        })
    }

    /// Another payload of the same pool, that `fill` writes.
    pub fn beside(&self, fill: impl FnOnce(&mut Vec<u8>)) -> Payload {
        match self.shared.as_ref().and_then(|buffer| buffer.pool.as_ref()) {
            Some(pool) => pool.build(fill),
            None => Pool::new().build(fill),
        }
    }
}

impl Deref for Payload {
    type Target = [u8];
    fn deref(&self) -> &[u8] {
        self.shared.as_ref().map_or(&[], |buffer| &buffer.bytes)
    }
}

impl Drop for Payload {
    fn drop(&mut self) {
        let Some(mut shared) = self.shared.take() else { return };
        // Two owners that drop at the same moment may both see each other: then it is just freed.
        if Arc::strong_count(&shared) > 1 {
            return;
        }
        let Some(buffer) = Arc::get_mut(&mut shared) else { return };
        let Some(pool) = buffer.pool.take() else { return };
        if buffer.bytes.capacity() > MAX_KEPT_BYTES {
            return;
        }
        let mut idle = pool.idle.lock();
        if idle.len() < MAX_IDLE {
            idle.push(shared);
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
