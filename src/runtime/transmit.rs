//! A socket with its queue of datagrams that the system has not been given yet, or did not take.

use super::bursts::Bursts;
use super::os::{option, udp};
use super::rate::Rate;
use crate::protocol::output::{SocketId, Transmit};
use crate::protocol::time::Time;
use parking_lot::Mutex;
use socket2::Socket;
use std::collections::VecDeque;
use std::io;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, AtomicU8, Ordering};

/// Datagrams that wait for a full socket at most; later ones are dropped and counted.
const QUEUE: usize = 512;
/// Datagrams of a burst that are left to the protocol thread; who has more to send than it keeps up with helps.
const LEFT: usize = 128;
/// How often the queue is emptied in a row while others fill it.
const ROUNDS: usize = 8;

/// Why datagrams wait.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub(super) enum Waits {
    No = 0,
    /// Until the socket is writable.
    Writable = 1,
    /// For a short while: the system is out of buffers, which no event ends.
    ForMemory = 2,
    /// For the protocol thread.
    ForThread = 3,
}

/// A bound socket of a peer.
pub(super) struct BoundSocket {
    pub(super) id: SocketId,
    pub(super) socket: Socket,
    pub(super) local: SocketAddr,
    state: Mutex<State>,
    /// Held while the system is given datagrams, which never blocks: so they leave in the order in which they came. It is let
    /// go only with the state's lock held and when nothing waits that could go: who finds it taken leaves datagrams
    /// behind. In it is an empty queue, used again and again.
    turn: Mutex<VecDeque<Transmit>>,
    /// A thread empties the queue without holding it: only on another network than the system's.
    draining: AtomicBool,
    waits: AtomicU8,
    joining: udp::Joining,
    full: Rate,
    failed: Rate,
}

#[derive(Default)]
struct State {
    waiting: VecDeque<Transmit>,
    bursts: Bursts,
}

/// What sending led to.
#[derive(Debug, Default)]
pub(super) struct Sent {
    /// Something waits now that nothing waited before.
    pub(super) waits: bool,
    /// A line for the log, rate-limited already.
    pub(super) error: Option<String>,
}

impl BoundSocket {
    pub(super) fn new(id: SocketId, socket: Socket) -> io::Result<Self> {
        let local = option::local_address(&socket)?;
        Ok(Self {
            id,
            socket,
            local,
            state: Mutex::default(),
            turn: Mutex::default(),
            draining: AtomicBool::new(false),
            waits: AtomicU8::new(Waits::No as u8),
            joining: udp::Joining::default(),
            full: Rate::default(),
            failed: Rate::default(),
        })
    }

    pub(super) fn waits(&self) -> Waits {
        match self.waits.load(Ordering::Acquire) {
            0 => Waits::No,
            1 => Waits::Writable,
            2 => Waits::ForMemory,
            _ => Waits::ForThread,
        }
    }

    /// What waits can be tried again without any event.
    pub(super) fn goes_by_itself(&self) -> bool {
        matches!(self.waits(), Waits::ForMemory | Waits::ForThread)
    }

    fn set_waits(&self, waits: Waits) {
        self.waits.store(waits as u8, Ordering::Release);
    }

    /// Sends these, or queues them behind those that wait. In the middle of a burst they are left to the protocol thread:
    /// until it has woken up more of them have come, and all go with one call.
    pub(super) fn send(&self, now: Time, datagrams: &[Transmit]) -> Sent {
        let mut sent = Sent::default();
        let mut state = self.state.lock();
        let in_burst = state.bursts.note(now, datagrams.len());
        let idle = state.waiting.is_empty();
        let turn = if idle { self.turn.try_lock() } else { None };
        if turn.is_some() && !in_burst {
            let rest = self.push(now, datagrams, &mut sent);
            if !rest.is_empty() {
                self.append(&mut state.waiting, now, rest, &mut sent);
                sent.waits = true;
            }
            return sent;
        }
        drop(turn);
        self.append(&mut state.waiting, now, datagrams, &mut sent);
        if idle && self.waits() == Waits::No {
            self.set_waits(Waits::ForThread);
            sent.waits = true;
        }
        let helps = self.waits() == Waits::ForThread && state.waiting.len() >= LEFT;
        drop(state);
        if helps {
            let helped = self.flush(now);
            sent.error = sent.error.or(helped.error);
        }
        sent
    }

    fn append(&self, queue: &mut VecDeque<Transmit>, now: Time, datagrams: &[Transmit], sent: &mut Sent) {
        let room = QUEUE.saturating_sub(queue.len());
        queue.extend(datagrams.iter().take(room).cloned());
        let dropped = datagrams.len().saturating_sub(room) as u64;
        if dropped > 0
            && let Some(dropped) = self.full.count(now, dropped)
        {
            sent.error = Some(format!("send queue of {} is full, datagrams dropped: {dropped}", self.local));
        }
    }

    /// Puts these behind those that wait.
    pub(super) fn enqueue(&self, now: Time, datagrams: &[Transmit], sent: &mut Sent) {
        self.append(&mut self.state.lock().waiting, now, datagrams, sent);
    }

    /// Gives each datagram that waits to `send`, with no lock held, until that returns false: then it waits on.
    /// Does nothing while another thread, or a caller of this one, is at it: that one goes on.
    pub(super) fn drain(&self, mut send: impl FnMut(&Transmit) -> bool) {
        let mut state = self.state.lock();
        if self.draining.load(Ordering::Relaxed) {
            return;
        }
        self.set_waits(Waits::No);
        while let Some(datagram) = state.waiting.pop_front() {
            self.draining.store(true, Ordering::Relaxed);
            drop(state);
            let went = send(&datagram);
            state = self.state.lock();
            self.draining.store(false, Ordering::Relaxed);
            if !went {
                state.waiting.push_front(datagram);
                self.set_waits(Waits::Writable);
                return;
            }
        }
    }

    /// A datagram that could not be sent.
    pub(super) fn failed(&self, now: Time, datagram: &Transmit, error: &io::Error, sent: &mut Sent) {
        if let Some(times) = self.failed.count(now, 1) {
            sent.error = Some(format!("cannot send to {}: {error} ({times} times)", datagram.to));
        }
    }

    #[cfg(unix)]
    pub(super) fn fd(&self) -> i32 {
        use std::os::fd::AsRawFd;
        self.socket.as_raw_fd()
    }

    /// Sends what waits. Others may put more behind it meanwhile.
    pub(super) fn flush(&self, now: Time) -> Sent {
        let mut sent = Sent::default();
        let mut turn = self.turn.lock();
        for _ in 0..ROUNDS {
            let mut state = self.state.lock();
            if state.waiting.is_empty() {
                self.set_waits(Waits::No);
                drop(turn);
                return sent;
            }
            std::mem::swap(&mut state.waiting, &mut *turn);
            drop(state);
            let left = self.push(now, turn.make_contiguous(), &mut sent).len();
            let gone = turn.len() - left;
            turn.drain(..gone);
            if left > 0 {
                let mut state = self.state.lock();
                turn.append(&mut state.waiting);
                std::mem::swap(&mut state.waiting, &mut *turn);
                drop(turn);
                return sent;
            }
        }
        // The others get their turn: the protocol thread comes back to it.
        let state = self.state.lock();
        self.set_waits(if state.waiting.is_empty() { Waits::No } else { Waits::ForThread });
        drop(turn);
        sent
    }

    /// Returns those that have to wait.
    fn push<'a>(&self, now: Time, datagrams: &'a [Transmit], sent: &mut Sent) -> &'a [Transmit] {
        let mut rest = datagrams;
        let mut refusals = 0;
        while let Some(first) = rest.first() {
            // A peer whose URL names no port: there is nowhere to send to.
            if first.to.port() == 0 {
                rest = &rest[1..];
                continue;
            }
            let error = match udp::send(&self.socket, &self.joining, rest) {
                Ok(count) => {
                    rest = &rest[count.min(rest.len())..];
                    refusals = 0;
                    continue;
                }
                Err(error) => error,
            };
            match error.kind() {
                io::ErrorKind::Interrupted => {}
                io::ErrorKind::WouldBlock => return self.wait(Waits::Writable, rest),
                _ if out_of_buffers(&error) => return self.wait(Waits::ForMemory, rest),
                // The answer to an earlier datagram (ICMP), told once: this one has not been tried.
                io::ErrorKind::ConnectionRefused | io::ErrorKind::ConnectionReset if refusals < 3 => refusals += 1,
                _ => {
                    self.failed(now, first, &error, sent);
                    rest = &rest[1..];
                }
            }
        }
        rest
    }

    fn wait<'a>(&self, waits: Waits, rest: &'a [Transmit]) -> &'a [Transmit] {
        self.set_waits(waits);
        rest
    }
}

#[cfg(unix)]
fn out_of_buffers(error: &io::Error) -> bool {
    matches!(error.raw_os_error(), Some(libc::ENOBUFS | libc::ENOMEM))
}

#[cfg(not(unix))]
fn out_of_buffers(_error: &io::Error) -> bool {
    false
}

#[cfg(all(test, unix))]
mod tests {
    use super::*;
    use crate::protocol::output::MAX_HEAD;
    use std::net::UdpSocket;

    fn numbered(to: SocketAddr, number: u16) -> Transmit {
        let mut head = [0; MAX_HEAD];
        head[..2].copy_from_slice(&number.to_be_bytes());
        Transmit { socket: SocketId(1), to, head, head_len: MAX_HEAD, body: None }
    }

    #[test]
    fn a_queue_is_kept_in_order_and_is_bounded() {
        let receiver = UdpSocket::bind("127.0.0.1:0").unwrap();
        let to = receiver.local_addr().unwrap();
        let sender = BoundSocket::new(SocketId(1), UdpSocket::bind("127.0.0.1:0").unwrap().into()).unwrap();
        let now = Time::from_ticks(1 << 40);
        // As if the socket had been full.
        sender.state.lock().waiting.push_back(numbered(to, 0));
        sender.waits.store(Waits::Writable as u8, Ordering::Release);
        let more: Vec<_> = (1..=600).map(|number| numbered(to, number)).collect();
        let sent = sender.send(now, &more);
        assert!(!sent.waits);
        assert!(sent.error.is_some_and(|error| error.contains("full")));
        assert_eq!(sender.state.lock().waiting.len(), QUEUE);
        let mut bytes = [0; 100];
        receiver.set_nonblocking(true).unwrap();
        assert!(receiver.recv(&mut bytes).is_err());
        receiver.set_nonblocking(false).unwrap();
        while sender.waits() != Waits::No {
            sender.flush(now);
        }
        // The loopback's receive buffer holds fewer than all of them: the first ones tell the order.
        for number in 0..100u16 {
            receiver.recv(&mut bytes).unwrap();
            assert_eq!(bytes[..2], number.to_be_bytes());
        }
    }

    #[test]
    fn a_datagram_that_cannot_be_sent_does_not_stop_the_next() {
        let receiver = UdpSocket::bind("127.0.0.1:0").unwrap();
        let to = receiver.local_addr().unwrap();
        let sender = BoundSocket::new(SocketId(1), UdpSocket::bind("127.0.0.1:0").unwrap().into()).unwrap();
        let wrong_family = numbered("[::1]:9".parse().unwrap(), 1);
        let no_port = numbered("127.0.0.1:0".parse().unwrap(), 2);
        let sent = sender.send(Time::from_ticks(1), &[wrong_family, no_port, numbered(to, 3)]);
        assert!(sent.error.is_some_and(|error| error.contains("[::1]:9")));
        let mut bytes = [0; 100];
        receiver.recv(&mut bytes).unwrap();
        assert_eq!(bytes[..2], 3u16.to_be_bytes());
    }
}
