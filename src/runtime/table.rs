//! The open sockets of a context, by their names.

use super::transmit::BoundSocket;
use crate::protocol::output::SocketId;
use parking_lot::RwLock;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};

/// Sockets are shared: one that is removed here stays open until the last thread that polls it has let go.
#[derive(Default)]
pub(super) struct SocketTable {
    sockets: RwLock<Vec<Arc<BoundSocket>>>,
    next_id: AtomicU32,
    generation: AtomicU64,
}

impl SocketTable {
    pub(super) fn new_id(&self) -> SocketId {
        SocketId(self.next_id.fetch_add(1, Ordering::Relaxed))
    }

    pub(super) fn get(&self, id: SocketId) -> Option<Arc<BoundSocket>> {
        self.sockets.read().iter().find(|socket| socket.id == id).cloned()
    }

    /// In place of those with the same names.
    pub(super) fn insert(&self, new: impl IntoIterator<Item = BoundSocket>) {
        let mut sockets = self.sockets.write();
        for socket in new {
            sockets.retain(|old| old.id != socket.id);
            sockets.push(Arc::new(socket));
        }
        self.generation.fetch_add(1, Ordering::Release);
    }

    /// Takes out those that `goes` chooses.
    pub(super) fn remove(&self, goes: impl Fn(SocketId) -> bool) -> Vec<Arc<BoundSocket>> {
        let removed = self.sockets.write().extract_if(.., |socket| goes(socket.id)).collect();
        self.generation.fetch_add(1, Ordering::Release);
        removed
    }

    /// Changes with every change of the table.
    pub(super) fn generation(&self) -> u64 {
        self.generation.load(Ordering::Acquire)
    }

    pub(super) fn all(&self) -> Vec<Arc<BoundSocket>> {
        self.sockets.read().clone()
    }
}
