//! What C holds instead of pointers: numbers that name a context or a peer and are never dereferenced.
//!
//! A handle has the fields generation, slot, peer and tag. The slot and its generation find the context;
//! a peer needs no table, its number is in the handle. A handle that was destroyed, belongs to nobody or is
//! no handle at all is recognised, so using it is an error and not undefined behaviour.

use super::boundary::{FAILED, Failure};
use super::headers::{rist_ctx, rist_peer};
use super::instance::Instance;
use crate::protocol::output::PeerId;
use parking_lot::RwLock;
use std::collections::VecDeque;
use std::ptr;
use std::sync::Arc;

#[cfg(target_pointer_width = "64")]
mod width {
    pub(super) const TAG: u32 = 4;
    pub(super) const PEER: u32 = 28;
    pub(super) const SLOT: u32 = 16;
    pub(super) const GENERATION: u32 = 16;
}
#[cfg(not(target_pointer_width = "64"))]
mod width {
    pub(super) const TAG: u32 = 2;
    pub(super) const PEER: u32 = 18;
    pub(super) const SLOT: u32 = 8;
    pub(super) const GENERATION: u32 = 4;
}

/// Odd, so that no pointer to an object looks like a handle.
const CONTEXT_TAG: usize = 1;
const PEER_TAG: usize = 3;

const fn mask(bits: u32) -> usize {
    (1 << bits) - 1
}

/// Names one context.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Handle {
    slot: usize,
    generation: usize,
}

impl Handle {
    #[cfg(test)]
    pub(super) const TEST: Self = Self { slot: 0, generation: 1 };

    fn encode(self, peer: usize, tag: usize) -> usize {
        let number = (self.generation << width::SLOT) | self.slot;
        let number = (number << width::PEER) | peer;
        (number << width::TAG) | tag
    }

    fn decode(number: usize, tag: usize) -> Option<(Self, usize)> {
        if number & mask(width::TAG) != tag {
            return None;
        }
        let number = number >> width::TAG;
        let (peer, number) = (number & mask(width::PEER), number >> width::PEER);
        let (slot, generation) = (number & mask(width::SLOT), number >> width::SLOT);
        Some((Self { slot, generation }, peer))
    }

    pub(super) fn as_context(self) -> *mut rist_ctx {
        ptr::without_provenance_mut(self.encode(0, CONTEXT_TAG))
    }

    /// Null for a peer whose number a handle cannot hold; no context lives that long.
    pub(super) fn as_peer(self, peer: PeerId) -> *mut rist_peer {
        match usize::try_from(peer.0) {
            Ok(peer) if peer <= mask(width::PEER) => ptr::without_provenance_mut(self.encode(peer, PEER_TAG)),
            _ => ptr::null_mut(),
        }
    }
}

struct Slot {
    generation: usize,
    instance: Option<Arc<Instance>>,
}

#[derive(Default)]
struct Registry {
    slots: Vec<Slot>,
    /// Oldest first: a slot rests for as long as possible before its generation counts on.
    free: VecDeque<usize>,
}

static REGISTRY: RwLock<Registry> = RwLock::new(Registry { slots: Vec::new(), free: VecDeque::new() });

/// Free slots that rest before one is used again.
const RESTING: usize = 64;

/// Registers what `make` builds; `None` when there are too many contexts.
pub(super) fn insert(make: impl FnOnce(Handle) -> Arc<Instance>) -> Option<Handle> {
    let mut registry = REGISTRY.write();
    let may_grow = registry.slots.len() <= mask(width::SLOT);
    let slot = if may_grow && registry.free.len() < RESTING {
        // Generations start at 1: no handle is a small number.
        registry.slots.push(Slot { generation: 1, instance: None });
        registry.slots.len() - 1
    } else {
        registry.free.pop_front()?
    };
    let entry = registry.slots.get_mut(slot)?;
    let handle = Handle { slot, generation: entry.generation };
    entry.instance = Some(make(handle));
    Some(handle)
}

/// Forgets a context. Its handle and those of its peers are stale from now on.
pub(super) fn remove(handle: Handle) {
    let mut registry = REGISTRY.write();
    let Some(entry) = registry.slots.get_mut(handle.slot) else { return };
    if entry.generation != handle.generation {
        return;
    }
    let instance = entry.instance.take();
    entry.generation = if entry.generation == mask(width::GENERATION) { 1 } else { entry.generation + 1 };
    if instance.is_some() {
        registry.free.push_back(handle.slot);
    }
    // What the context owns is dropped without the lock.
    drop(registry);
    drop(instance);
}

fn find(handle: Handle) -> Option<Arc<Instance>> {
    let registry = REGISTRY.read();
    let entry = registry.slots.get(handle.slot)?;
    entry.instance.clone().filter(|_| entry.generation == handle.generation)
}

/// The context behind a handle from C.
pub(super) fn context(pointer: *const rist_ctx) -> Option<Arc<Instance>> {
    match Handle::decode(pointer.addr(), CONTEXT_TAG)? {
        (handle, 0) => find(handle),
        _ => None,
    }
}

/// The context and the number of the peer behind a handle from C. The peer may have gone.
pub(super) fn peer(pointer: *const rist_peer) -> Option<(Arc<Instance>, PeerId)> {
    let (handle, peer) = Handle::decode(pointer.addr(), PEER_TAG)?;
    Some((find(handle)?, PeerId(u32::try_from(peer).ok()?)))
}

/// The number of a peer of this context behind a handle from C; `None` for NULL, which stands for everybody.
pub(super) fn peer_of(instance: &Arc<Instance>, pointer: *const rist_peer) -> Result<Option<PeerId>, Failure> {
    if pointer.is_null() {
        return Ok(None);
    }
    let (owner, peer) = peer(pointer).ok_or(FAILED)?;
    if Arc::ptr_eq(&owner, instance) { Ok(Some(peer)) } else { Err(FAILED) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn handles_keep_their_parts_apart() {
        let handle = Handle { slot: mask(width::SLOT), generation: mask(width::GENERATION) };
        let pointer = handle.as_peer(PeerId(5)).addr();
        assert_eq!(Handle::decode(pointer, PEER_TAG), Some((handle, 5)));
        assert_eq!(Handle::decode(pointer, CONTEXT_TAG), None);
        assert_eq!(Handle::decode(handle.as_context().addr(), CONTEXT_TAG), Some((handle, 0)));
        assert!(handle.as_peer(PeerId(u32::MAX)).is_null());
    }

    #[test]
    fn nonsense_is_no_handle() {
        for number in [0, 1, 2, 3, 1000, usize::MAX, usize::MAX - 1, usize::MAX / 2] {
            assert!(context(ptr::without_provenance(number)).is_none(), "{number:#x}");
            assert!(peer(ptr::without_provenance(number)).is_none(), "{number:#x}");
        }
    }
}
