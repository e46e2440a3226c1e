//! The open sockets of a context, by their names.

use super::transmit::BoundSocket;
use crate::protocol::output::SocketId;
use parking_lot::RwLock;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

/// Sockets are shared: one that is removed here stays open until the last thread that polls it has let go.
#[derive(Default)]
pub(super) struct SocketTable {
    /// Replaced as a whole: who looks at it takes it as it is.
    sockets: RwLock<Arc<Vec<Arc<BoundSocket>>>>,
    next_id: AtomicU32,
}

impl SocketTable {
    pub(super) fn new_id(&self) -> SocketId {
        SocketId(self.next_id.fetch_add(1, Ordering::Relaxed))
    }

    pub(super) fn get(&self, id: SocketId) -> Option<Arc<BoundSocket>> {
        self.sockets.read().iter().find(|socket| socket.id == id).cloned()
    }

    pub(super) fn insert(&self, new: impl IntoIterator<Item = BoundSocket>) {
        let mut sockets = self.sockets.write();
        let new = new.into_iter().map(Arc::new);
        *sockets = Arc::new(sockets.iter().cloned().chain(new).collect());
    }

    /// Takes out those that `goes` chooses.
    pub(super) fn remove(&self, goes: impl Fn(SocketId) -> bool) -> Vec<Arc<BoundSocket>> {
        let mut sockets = self.sockets.write();
        let (removed, left) = sockets.iter().cloned().partition(|socket| goes(socket.id));
        *sockets = Arc::new(left);
        removed
    }

    pub(super) fn all(&self) -> Arc<Vec<Arc<BoundSocket>>> {
        Arc::clone(&self.sockets.read())
    }
}
