//! Received blocks that wait to be read, flow by flow.

use super::context::{Block, Error};
use super::os::notify;
use crate::protocol::output::Delivery;
use parking_lot::{Condvar, Mutex};
use std::collections::VecDeque;
use std::time::{Duration, Instant};

/// libRIST's default size; one place stays empty.
const DEFAULT_SIZE: u32 = 1024;
/// The largest size that libRIST 0.2.7 takes and FFmpeg offers.
const MAX_SIZE: u32 = 262_144;
/// Flows that are over but not read to their end. Of more the oldest is dropped: senders that come and go
/// would fill the memory of a program that does not read.
const MAX_ENDED: usize = 4;

pub(super) struct Fifo {
    state: Mutex<State>,
    readable: Condvar,
}

struct State {
    capacity: usize,
    flows: Vec<Flow>,
    notify_fd: Option<i32>,
    reader_seen: bool,
    closed: bool,
}

struct Flow {
    id: u32,
    blocks: VecDeque<Delivery>,
    /// Blocks were dropped and none has entered since.
    overflowed: bool,
    ended: bool,
}

impl Fifo {
    pub(super) fn new() -> Self {
        let state = State {
            capacity: DEFAULT_SIZE as usize - 1,
            flows: Vec::new(),
            notify_fd: None,
            reader_seen: false,
            closed: false,
        };
        Self { state: Mutex::new(state), readable: Condvar::new() }
    }

    pub(super) fn set_size(&self, size: u32) -> Result<(), Error> {
        if size > MAX_SIZE || (size != 0 && !size.is_power_of_two()) {
            return Err(Error::InvalidArgument);
        }
        self.state.lock().capacity = size.saturating_sub(1) as usize;
        Ok(())
    }

    pub(super) fn set_notify_fd(&self, fd: Option<i32>) {
        self.state.lock().notify_fd = fd;
    }

    /// Whether anybody would read: without a data callback always, else once a reader was seen.
    pub(super) fn is_wanted(&self, has_callback: bool) -> bool {
        let state = self.state.lock();
        state.capacity > 0 && (!has_callback || state.reader_seen || state.notify_fd.is_some())
    }

    /// Takes blocks in order. Returns how many did not fit and were dropped.
    pub(super) fn push(&self, deliveries: impl Iterator<Item = Delivery>) -> u64 {
        let mut state = self.state.lock();
        let capacity = state.capacity;
        let (mut entered, mut dropped) = (0, 0);
        for mut delivery in deliveries {
            let flow = state.flow(delivery.flow_id);
            if flow.blocks.len() >= capacity || flow.blocks.try_reserve(1).is_err() {
                flow.overflowed = true;
                dropped += 1;
                continue;
            }
            delivery.discontinuity |= flow.overflowed;
            flow.overflowed = false;
            flow.ended = false;
            flow.blocks.push_back(delivery);
            entered += 1;
        }
        let notify_fd = state.notify_fd;
        drop(state);
        for _ in 0..entered {
            if !self.readable.notify_one() {
                break;
            }
        }
        if let Some(fd) = notify_fd {
            notify::notify(fd, entered);
        }
        dropped
    }

    /// The next block of the flow that has most, and how many that flow had.
    pub(super) fn read(&self, timeout: Duration) -> Result<Option<(Block, usize)>, Error> {
        self.take(timeout, State::pop)
    }

    /// Waits for a block, then takes what is there, at most `most`. The flow that has most comes first; the blocks of
    /// a flow stay together and in order.
    pub(super) fn read_batch(&self, most: usize, timeout: Duration) -> Result<Vec<Block>, Error> {
        Ok(self.take(timeout, |state| state.pop_batch(most))?.unwrap_or_default())
    }

    /// Asks `pop` until it gives something or the time is over.
    fn take<T>(&self, timeout: Duration, pop: impl Fn(&mut State) -> Option<T>) -> Result<Option<T>, Error> {
        let deadline = Instant::now().checked_add(timeout);
        let mut state = self.state.lock();
        state.reader_seen = true;
        loop {
            if state.closed {
                return Err(Error::Closed);
            }
            if let Some(found) = pop(&mut state) {
                return Ok(Some(found));
            }
            if timeout.is_zero() {
                return Ok(None);
            }
            match deadline {
                // A last look after the time is over: a block may have come with it.
                Some(deadline) if self.readable.wait_until(&mut state, deadline).timed_out() => {
                    return if state.closed { Err(Error::Closed) } else { Ok(pop(&mut state)) };
                }
                Some(_) => {}
                None => self.readable.wait(&mut state),
            }
        }
    }

    /// The flow has gone: forgotten as soon as it is empty, or when too many others have ended after it.
    pub(super) fn end_flow(&self, flow_id: u32) {
        let mut state = self.state.lock();
        let Some(index) = state.flows.iter().position(|flow| flow.id == flow_id) else { return };
        let mut ending = state.flows.remove(index);
        if ending.blocks.is_empty() {
            return;
        }
        ending.ended = true;
        // Last, so that those that have ended are in the order of their ends.
        state.flows.push(ending);
        let ended = state.flows.iter().filter(|flow| flow.ended).count();
        let oldest = state.flows.iter().position(|flow| flow.ended).filter(|_| ended > MAX_ENDED);
        let dropped = oldest.map(|oldest| state.flows.remove(oldest));
        drop(state);
        drop(dropped);
    }

    /// Wakes every reader; nothing can be read any more.
    pub(super) fn close(&self) {
        let mut state = self.state.lock();
        state.closed = true;
        let flows = std::mem::take(&mut state.flows);
        drop(state);
        drop(flows);
        self.readable.notify_all();
    }
}

impl State {
    fn flow(&mut self, id: u32) -> &mut Flow {
        let index = self.flows.iter().position(|flow| flow.id == id).unwrap_or_else(|| {
            self.flows.push(Flow { id, blocks: VecDeque::new(), overflowed: false, ended: false });
            self.flows.len() - 1
        });
        &mut self.flows[index]
    }

    fn fullest(&mut self) -> Option<(usize, &mut Flow)> {
        self.flows.iter_mut().enumerate().max_by_key(|(_, flow)| flow.blocks.len())
    }

    fn pop(&mut self) -> Option<(Block, usize)> {
        let (index, flow) = self.fullest()?;
        let queued = flow.blocks.len();
        let block = Block { delivery: flow.blocks.pop_front()?, overflow: flow.overflowed };
        if flow.ended && queued == 1 {
            self.flows.remove(index);
        }
        Some((block, queued))
    }

    /// `None` if there is nothing.
    fn pop_batch(&mut self, most: usize) -> Option<Vec<Block>> {
        let mut batch = Vec::new();
        while let Some((index, flow)) = self.fullest() {
            let count = flow.blocks.len().min(most.saturating_sub(batch.len()));
            if count == 0 {
                break;
            }
            let overflow = flow.overflowed;
            batch.extend(flow.blocks.drain(..count).map(|delivery| Block { delivery, overflow }));
            if flow.ended && flow.blocks.is_empty() {
                self.flows.remove(index);
            }
        }
        (!batch.is_empty()).then_some(batch)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::protocol::output::PeerId;
    use crate::protocol::payload::Pool;
    use std::sync::Arc;

    fn delivery(flow_id: u32, seq: u32) -> Delivery {
        Delivery {
            flow_id,
            peer: PeerId(1),
            seq,
            ts_ntp: 0,
            virt_src_port: 0,
            virt_dst_port: 0,
            discontinuity: false,
            flow_start: false,
            payload: Pool::new().copy(b"x"),
        }
    }

    fn push(fifo: &Fifo, flow_id: u32, seqs: std::ops::Range<u32>) -> u64 {
        fifo.push(seqs.map(|seq| delivery(flow_id, seq)))
    }

    fn read(fifo: &Fifo) -> Option<(Block, usize)> {
        fifo.read(Duration::ZERO).unwrap()
    }

    #[test]
    fn one_place_stays_empty_and_the_newest_is_dropped() {
        let fifo = Fifo::new();
        fifo.set_size(16).unwrap();
        assert_eq!(push(&fifo, 2, 0..20), 5);
        for seq in 0..15 {
            let (block, queued) = read(&fifo).unwrap();
            assert_eq!((block.delivery.seq, queued as u32), (seq, 15 - seq));
            assert!(block.overflow && !block.delivery.discontinuity);
        }
        assert!(read(&fifo).is_none());
    }

    #[test]
    fn an_overflow_is_over_when_a_block_enters_which_is_marked_discontinuous() {
        let fifo = Fifo::new();
        fifo.set_size(4).unwrap();
        assert_eq!(push(&fifo, 2, 0..4), 1);
        assert!(read(&fifo).unwrap().0.overflow);
        assert_eq!(push(&fifo, 2, 4..5), 0);
        for (seq, discontinuity) in [(1, false), (2, false), (4, true)] {
            let (block, _) = read(&fifo).unwrap();
            assert_eq!((block.delivery.seq, block.delivery.discontinuity, block.overflow), (seq, discontinuity, false));
        }
        push(&fifo, 2, 5..6);
        assert!(!read(&fifo).unwrap().0.delivery.discontinuity);
    }

    #[test]
    fn the_fullest_flow_is_read_first_and_each_has_its_own_room() {
        let fifo = Fifo::new();
        fifo.set_size(4).unwrap();
        assert_eq!(push(&fifo, 2, 0..2) + push(&fifo, 4, 0..3), 0);
        let flows: Vec<_> =
            std::iter::from_fn(|| read(&fifo)).map(|(block, queued)| (block.delivery.flow_id, queued)).collect();
        assert_eq!(flows[0], (4, 3));
        assert_eq!(flows.len(), 5);
    }

    /// Flow and number of each block of a batch.
    fn read_batch(fifo: &Fifo, most: usize) -> Vec<(u32, u32)> {
        let batch = fifo.read_batch(most, Duration::ZERO).unwrap();
        batch.iter().map(|block| (block.delivery.flow_id, block.delivery.seq)).collect()
    }

    #[test]
    fn a_batch_takes_the_fullest_flow_first_and_keeps_the_order_of_each() {
        let fifo = Fifo::new();
        push(&fifo, 2, 0..3);
        push(&fifo, 4, 10..15);
        push(&fifo, 2, 3..4);
        assert_eq!(read_batch(&fifo, 3), [(4, 10), (4, 11), (4, 12)]);
        // Now the other one has more; what is left of the first follows.
        assert_eq!(read_batch(&fifo, 5), [(2, 0), (2, 1), (2, 2), (2, 3), (4, 13)]);
        assert_eq!(read_batch(&fifo, usize::MAX), [(4, 14)]);
        assert_eq!(read_batch(&fifo, usize::MAX), []);
    }

    #[test]
    fn batches_and_single_blocks_follow_each_other_and_tell_of_overflow_alike() {
        let fifo = Fifo::new();
        fifo.set_size(8).unwrap();
        assert_eq!(push(&fifo, 2, 0..9), 2);
        assert!(read(&fifo).is_some_and(|(block, queued)| block.overflow && queued == 7));
        let batch = fifo.read_batch(4, Duration::ZERO).unwrap();
        assert!(batch.iter().map(|block| block.delivery.seq).eq(1..5));
        assert!(batch.iter().all(|block| block.overflow && !block.delivery.discontinuity));
        assert_eq!(push(&fifo, 2, 20..21), 0);
        let batch = fifo.read_batch(9, Duration::ZERO).unwrap();
        let told: Vec<_> =
            batch.iter().map(|block| (block.delivery.seq, block.delivery.discontinuity, block.overflow)).collect();
        assert_eq!(told, [(5, false, false), (6, false, false), (20, true, false)]);
    }

    #[test]
    fn a_batch_forgets_the_ended_flows_that_it_empties() {
        let fifo = Fifo::new();
        push(&fifo, 2, 0..3);
        push(&fifo, 4, 0..2);
        fifo.end_flow(2);
        assert_eq!(read_batch(&fifo, 2), [(2, 0), (2, 1)]);
        assert_eq!(fifo.state.lock().flows.len(), 2);
        assert_eq!(read_batch(&fifo, 4), [(4, 0), (4, 1), (2, 2)]);
        assert!(fifo.state.lock().flows.iter().all(|flow| flow.id == 4));
    }

    #[test]
    fn a_reader_of_batches_waits_for_the_first_block_only_and_is_told_of_the_end() {
        let fifo = Arc::new(Fifo::new());
        let started = Instant::now();
        assert!(fifo.read_batch(5, Duration::from_millis(30)).unwrap().is_empty());
        assert!(started.elapsed() >= Duration::from_millis(30));
        let reader = std::thread::spawn({
            let fifo = Arc::clone(&fifo);
            move || {
                let first = fifo.read_batch(100, Duration::from_secs(600)).unwrap();
                let end = fifo.read_batch(100, Duration::from_secs(600)).map(|batch| batch.len());
                (first.len(), end)
            }
        });
        push(&fifo, 2, 0..7);
        while !fifo.state.lock().flows.iter().all(|flow| flow.blocks.is_empty()) {
            std::thread::yield_now();
        }
        fifo.close();
        assert_eq!(reader.join().unwrap(), (7, Err(Error::Closed)));
    }

    #[test]
    fn sizes_are_powers_of_two_and_zero_and_one_mean_none() {
        let fifo = Fifo::new();
        for size in [3, 1000, MAX_SIZE * 2, u32::MAX] {
            assert_eq!(fifo.set_size(size), Err(Error::InvalidArgument));
        }
        for size in [0, 1] {
            fifo.set_size(size).unwrap();
            assert!(!fifo.is_wanted(false));
        }
        fifo.set_size(MAX_SIZE).unwrap();
        assert!(fifo.is_wanted(false));
    }

    #[test]
    fn with_a_callback_it_fills_only_once_somebody_reads() {
        let fifo = Fifo::new();
        assert!(!fifo.is_wanted(true));
        assert!(read(&fifo).is_none());
        assert!(fifo.is_wanted(true));
    }

    #[test]
    fn readers_wake_for_blocks_and_at_the_end() {
        let fifo = Arc::new(Fifo::new());
        let readers: Vec<_> = (0..4)
            .map(|_| {
                let fifo = Arc::clone(&fifo);
                std::thread::spawn(move || {
                    let mut blocks = 0;
                    loop {
                        match fifo.read(Duration::from_secs(600)) {
                            Ok(Some(_)) => blocks += 1,
                            Ok(None) => panic!("no time-out was near"),
                            Err(error) => return (blocks, error),
                        }
                    }
                })
            })
            .collect();
        for seq in 0..500 {
            push(&fifo, 2, seq..seq + 1);
        }
        while !fifo.state.lock().flows.iter().all(|flow| flow.blocks.is_empty()) {
            std::thread::yield_now();
        }
        fifo.close();
        let ends: Vec<_> = readers.into_iter().map(|reader| reader.join().unwrap()).collect();
        assert_eq!(ends.iter().map(|(blocks, _)| blocks).sum::<u32>(), 500);
        assert!(ends.iter().all(|(_, error)| *error == Error::Closed));
    }

    #[test]
    fn of_many_ended_flows_only_the_last_keep_their_blocks() {
        let fifo = Fifo::new();
        let flows = 10;
        for flow_id in 0..flows {
            push(&fifo, flow_id, 0..1);
            fifo.end_flow(flow_id);
        }
        let mut left: Vec<_> = std::iter::from_fn(|| read(&fifo)).map(|(block, _)| block.delivery.flow_id).collect();
        left.sort();
        assert_eq!(left, (flows - MAX_ENDED as u32..flows).collect::<Vec<_>>());
    }

    #[test]
    fn an_ended_flow_is_forgotten_when_it_is_empty() {
        let fifo = Fifo::new();
        push(&fifo, 2, 0..1);
        fifo.end_flow(2);
        assert!(read(&fifo).is_some());
        assert!(fifo.state.lock().flows.is_empty());
    }
}
