//! Out-of-band data that waits to be read (`rist_oob_read`).

use crate::protocol::output::PeerId;
use crate::protocol::payload::Payload;
use parking_lot::Mutex;
use std::collections::VecDeque;

/// Packets and bytes kept at most; the oldest go first. libRIST keeps 65,535 packets of any size.
const MOST_PACKETS: usize = 1024;
const MOST_BYTES: usize = 4 << 20;

#[derive(Default)]
pub(super) struct OutOfBandQueue {
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    packets: VecDeque<(PeerId, Payload)>,
    bytes: usize,
}

impl State {
    fn pop(&mut self) -> Option<(PeerId, Payload)> {
        let (peer, payload) = self.packets.pop_front()?;
        self.bytes -= payload.len();
        Some((peer, payload))
    }
}

impl OutOfBandQueue {
    pub(super) fn push(&self, peer: PeerId, payload: Payload) {
        let mut state = self.state.lock();
        while state.packets.len() >= MOST_PACKETS || state.bytes + payload.len() > MOST_BYTES {
            if state.pop().is_none() {
                return;
            }
        }
        state.bytes += payload.len();
        state.packets.push_back((peer, payload));
    }

    /// The oldest packet, and how many waited, this one included.
    pub(super) fn pop(&self) -> Option<(PeerId, Payload, usize)> {
        let mut state = self.state.lock();
        let waited = state.packets.len();
        state.pop().map(|(peer, payload)| (peer, payload, waited))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::protocol::payload::Pool;

    #[test]
    fn little_is_kept_and_the_newest_of_it() {
        let (queue, pool) = (OutOfBandQueue::default(), Pool::new());
        for number in 0..5000u32 {
            queue.push(PeerId(number), pool.copy(&[0; 100]));
        }
        assert_eq!(queue.pop().map(|(peer, _, waited)| (peer.0, waited)), Some((5000 - 1024, 1024)));
        for _ in 0..1000 {
            queue.push(PeerId(1), pool.copy(&[0; 9984]));
        }
        assert!(queue.state.lock().bytes <= MOST_BYTES);
    }
}
