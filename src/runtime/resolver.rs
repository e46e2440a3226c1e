//! Looks names up again, away from the protocol thread.

use super::os::signals;
use super::resolve::Place;
use crate::protocol::output::PeerId;
use parking_lot::Mutex;
use std::collections::VecDeque;
use std::net::SocketAddr;
use std::sync::Arc;
use std::thread;

/// At most one look-up of a context runs at a time, on a thread that lives no longer than the work
/// lasts. The thread calls nothing of the application's, so nobody has to wait for it at the end.
#[derive(Default)]
pub(super) struct Resolver {
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    running: bool,
    wanted: VecDeque<(PeerId, Place)>,
    found: Vec<(PeerId, Option<SocketAddr>)>,
}

impl Resolver {
    /// `done` is called after each look-up; then [`Resolver::take`] has the answer.
    pub(super) fn look_up(self: &Arc<Self>, peer: PeerId, place: Place, done: impl Fn() + Send + 'static) {
        let mut state = self.state.lock();
        if state.wanted.iter().any(|(wanted, _)| *wanted == peer) {
            return;
        }
        state.wanted.push_back((peer, place));
        if state.running {
            return;
        }
        let resolver = Arc::clone(self);
        let _blocked = signals::Blocked::new();
        let thread = thread::Builder::new().name("rist-resolve".to_owned()).spawn(move || resolver.run(done));
        // Without a thread the request waits for the next one.
        state.running = thread.is_ok();
    }

    fn run(&self, done: impl Fn()) {
        loop {
            let (peer, place) = {
                let mut state = self.state.lock();
                let Some(next) = state.wanted.pop_front() else {
                    state.running = false;
                    return;
                };
                next
            };
            let address = place.resolve();
            self.state.lock().found.push((peer, address));
            done();
        }
    }

    pub(super) fn take(&self) -> Vec<(PeerId, Option<SocketAddr>)> {
        std::mem::take(&mut self.state.lock().found)
    }

    pub(super) fn forget(&self) {
        self.state.lock().wanted.clear();
    }
}
