//! Events on their way to the callbacks: in order, one at a time, with no lock held.

use crate::protocol::output::Event;
use crate::protocol::report::SenderPeerReport;
use parking_lot::{Condvar, Mutex};
use std::collections::VecDeque;
use std::thread::{self, ThreadId};

/// Out-of-band packets that wait for their callback at most: whoever sends them must not fill the memory while a callback
/// is slow. Later ones are dropped. More than one batch of datagrams can hold.
const MOST_OUT_OF_BAND: usize = 4096;
/// The same of flow attributes; one a second is usual.
const MOST_FLOW_ATTRIBUTES: usize = 256;

/// What callbacks are made from.
pub(super) enum Notice {
    Event(Event),
    /// The reports of all peers of a sender that were made together.
    SenderRound(Vec<SenderPeerReport>),
}

/// Whoever produced an event empties the queue, unless another thread is at it: that one goes on
/// then. So a callback may call the library, and what this leads to is told after it has returned.
#[derive(Default)]
pub(super) struct EventQueue {
    state: Mutex<State>,
    idle: Condvar,
}

#[derive(Default)]
struct State {
    notices: VecDeque<Notice>,
    /// How many wait of those that are bounded.
    bounded: [usize; 2],
    dispatcher: Option<ThreadId>,
    /// Nothing is told any more.
    ended: bool,
}

impl Notice {
    /// Of what others can send as many as they like: its place in the counts, and how many may wait.
    fn bound(&self) -> Option<(usize, usize)> {
        match self {
            Notice::Event(Event::OutOfBand { .. }) => Some((0, MOST_OUT_OF_BAND)),
            Notice::Event(Event::FlowAttribute { .. }) => Some((1, MOST_FLOW_ATTRIBUTES)),
            _ => None,
        }
    }
}

impl State {
    fn pop(&mut self) -> Option<Notice> {
        let notice = self.notices.pop_front()?;
        if let Some((kind, _)) = notice.bound() {
            self.bounded[kind] -= 1;
        }
        Some(notice)
    }
}

impl EventQueue {
    pub(super) fn push(&self, notice: Notice) {
        let mut state = self.state.lock();
        if state.ended {
            return;
        }
        if let Some((kind, most)) = notice.bound() {
            if state.bounded[kind] >= most {
                return;
            }
            state.bounded[kind] += 1;
        }
        state.notices.push_back(notice);
    }

    /// Takes each notice in turn until none is left.
    pub(super) fn dispatch(&self, mut tell: impl FnMut(Notice)) {
        let mut state = self.state.lock();
        if state.dispatcher.is_some() {
            return;
        }
        while let Some(notice) = state.pop() {
            state.dispatcher = Some(thread::current().id());
            drop(state);
            tell(notice);
            state = self.state.lock();
            state.dispatcher = None;
        }
        drop(state);
        self.idle.notify_all();
    }

    /// Whether this thread is inside a callback for an event.
    pub(super) fn is_telling_here(&self) -> bool {
        self.state.lock().dispatcher == Some(thread::current().id())
    }

    /// At the end: waits for the thread that tells something at the moment, unless it is this one,
    /// then takes what is left on this thread. Whoever comes with more finds this one at it, and later the end.
    pub(super) fn finish(&self, mut tell: impl FnMut(Notice)) {
        let this = thread::current().id();
        let mut state = self.state.lock();
        while state.dispatcher.is_some_and(|dispatcher| dispatcher != this) {
            self.idle.wait(&mut state);
        }
        let before = state.dispatcher.replace(this);
        while let Some(notice) = state.pop() {
            drop(state);
            tell(notice);
            state = self.state.lock();
        }
        state.ended = true;
        state.dispatcher = before;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::protocol::output::PeerId;
    use crate::protocol::payload::Pool;

    fn flow(flow_id: u32) -> Notice {
        Notice::Event(Event::FlowTimedOut { flow_id })
    }

    fn flow_id(notice: &Notice) -> u32 {
        match notice {
            Notice::Event(Event::FlowTimedOut { flow_id }) => *flow_id,
            _ => panic!("only flows were pushed"),
        }
    }

    #[test]
    fn what_a_callback_causes_is_told_after_it() {
        let queue = EventQueue::default();
        let mut told = Vec::new();
        queue.push(flow(1));
        queue.push(flow(2));
        queue.dispatch(|notice| {
            told.push(flow_id(&notice));
            if told.len() == 1 {
                queue.push(flow(3));
                queue.dispatch(|_| panic!("told inside another callback"));
            }
        });
        assert_eq!(told, [1, 2, 3]);
    }

    #[test]
    fn the_end_may_come_from_inside_a_callback() {
        let queue = EventQueue::default();
        let mut told = Vec::new();
        queue.push(flow(1));
        queue.push(flow(2));
        queue.dispatch(|_| queue.finish(|notice| told.push(flow_id(&notice))));
        assert_eq!(told, [2]);
    }

    #[test]
    fn nothing_is_told_by_others_while_the_end_is_told_nor_after_it() {
        let queue = EventQueue::default();
        let mut told = Vec::new();
        queue.push(flow(1));
        let others = |id| {
            std::thread::scope(|scope| {
                scope.spawn(|| {
                    queue.push(flow(id));
                    queue.dispatch(|_| panic!("told beside the end"));
                });
            });
        };
        queue.finish(|notice| {
            told.push(flow_id(&notice));
            if told.len() == 1 {
                others(2);
            }
        });
        others(3);
        assert_eq!(told, [1, 2]);
        assert!(queue.state.lock().notices.is_empty());
    }
    #[test]
    fn what_others_send_is_bounded_behind_a_slow_callback() {
        let (queue, pool) = (EventQueue::default(), Pool::new());
        let packet =
            || Notice::Event(Event::OutOfBand { peer: PeerId(1), protocol: 0x0800, payload: pool.copy(&[0; 1000]) });
        let text = || Notice::Event(Event::FlowAttribute { peer: PeerId(1), text: pool.copy(&[0; 1000]) });
        queue.push(flow(1));
        let mut told = 0;
        queue.dispatch(|_| {
            if told == 0 {
                (0..9000).for_each(|_| queue.push(packet()));
                (0..9000).for_each(|_| queue.push(text()));
                queue.push(flow(2));
            }
            told += 1;
        });
        assert_eq!(told, 1 + MOST_OUT_OF_BAND + MOST_FLOW_ATTRIBUTES + 1);
        queue.push(packet());
        queue.push(text());
        assert_eq!(queue.state.lock().notices.len(), 2);
    }
}
