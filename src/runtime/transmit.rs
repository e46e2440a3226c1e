//! A socket with its queue of datagrams that the system has not been given yet, or did not take.

use super::bursts::{Bursts, Plan};
use super::os::{option, udp};
use super::rate::Rate;
use crate::protocol::output::{SocketId, Transmit};
use crate::protocol::time::{Span, Time};
use parking_lot::Mutex;
use socket2::Socket;
use std::collections::VecDeque;
use std::io;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, AtomicU8, Ordering};
use std::time::Duration;

/// Datagrams that wait for a full socket at most; later ones are dropped and counted.
const QUEUE: usize = 512;
/// Datagrams of a burst that are left to the protocol thread; who has more to send than it keeps up with helps.
const LEFT: usize = 128;
/// Datagrams that are held for others wait no longer than this if those do not come.
const HELD: Span = Span::from_micros(300);
/// While datagrams are held now and then, the protocol thread looks so often whether any wait in vain: nobody has to wake it.
const WATCH: Span = Span::from_millis(1);
/// They are, if it was within this.
const LATELY: Span = Span::from_millis(4);
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
    /// For others that are about to come.
    ForOthers = 4,
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
    deaf: Rate,
}

#[derive(Default)]
struct State {
    waiting: VecDeque<Transmit>,
    bursts: Bursts,
    /// When datagrams were last held for others, and whether the protocol thread looks after them by itself.
    held: Option<Time>,
    watched: bool,
}

/// What sending led to.
#[derive(Debug, Default)]
pub(super) struct Sent {
    /// Something waits now that nothing waited before.
    pub(super) waits: bool,
    /// How many of those that waited went, or were given up.
    pub(super) went: usize,
    /// A line for the log, rate-limited already.
    pub(super) error: Option<String>,
}

impl BoundSocket {
    pub(super) fn new(id: SocketId, socket: Socket) -> io::Result<Self> {
        let local = option::local_address(&socket)?;
        let joining = udp::Joining::for_socket(&socket);
        Ok(Self {
            id,
            socket,
            local,
            state: Mutex::default(),
            turn: Mutex::default(),
            draining: AtomicBool::new(false),
            waits: AtomicU8::new(Waits::No as u8),
            joining,
            full: Rate::default(),
            failed: Rate::default(),
            deaf: Rate::default(),
        })
    }

    pub(super) fn waits(&self) -> Waits {
        match self.waits.load(Ordering::Acquire) {
            0 => Waits::No,
            1 => Waits::Writable,
            2 => Waits::ForMemory,
            3 => Waits::ForThread,
            _ => Waits::ForOthers,
        }
    }

    /// What waits can be tried again without any event.
    pub(super) fn goes_by_itself(&self, now: Time) -> bool {
        match self.waits() {
            Waits::ForMemory | Waits::ForThread => true,
            Waits::ForOthers => self.state.lock().held.is_none_or(|held| now.since(held) >= HELD),
            Waits::No | Waits::Writable => false,
        }
    }

    /// The protocol thread is about to sleep: for how long at most, with regard to what is held or soon will be.
    pub(super) fn watch(&self, now: Time) -> Option<Duration> {
        let mut state = self.state.lock();
        let ago = state.held.map(|held| now.since(held));
        let sleep = match ago {
            Some(ago) if self.waits() == Waits::ForOthers => Some((HELD - ago).max(Span::ZERO)),
            Some(ago) if ago < LATELY => Some(WATCH),
            _ => None,
        };
        state.watched = sleep.is_some();
        sleep.map(Span::to_duration)
    }

    fn set_waits(&self, waits: Waits) {
        self.waits.store(waits as u8, Ordering::Release);
    }

    /// Sends these, or queues them behind those that wait. In bursts many go with one call, if the protocol thread sleeps:
    /// so it comes as soon as it is woken.
    pub(super) fn send(&self, now: Time, datagrams: &[Transmit], thread_sleeps: bool) -> Sent {
        let mut sent = Sent::default();
        let mut state = self.state.lock();
        let plan = match state.bursts.plan(now, datagrams.len()) {
            plan if thread_sleeps && datagrams.len() < LEFT => plan,
            _ => Plan::Send,
        };
        let idle = state.waiting.is_empty();
        if plan == Plan::Send
            && idle
            && let Some(_turn) = self.turn.try_lock()
        {
            let rest = self.push(now, datagrams, &mut sent);
            if !rest.is_empty() {
                self.append(&mut state.waiting, now, rest, &mut sent);
                sent.waits = true;
            }
            return sent;
        }
        self.append(&mut state.waiting, now, datagrams, &mut sent);
        if idle && self.waits() == Waits::No {
            sent.waits = self.leave(&mut state, now, plan);
        }
        // Others were waited for in vain, the thread is awake but not at it, or more has come than it keeps up with.
        let many = state.waiting.len() >= LEFT;
        let goes = match self.waits() {
            Waits::ForOthers => many || plan != Plan::Hold,
            Waits::ForThread => many || plan == Plan::Send && !self.turn.is_locked(),
            Waits::No | Waits::Writable | Waits::ForMemory => false,
        };
        drop(state);
        if goes {
            let flushed = self.flush(now);
            sent.waits |= flushed.waits;
            sent.error = sent.error.or(flushed.error);
        }
        sent
    }

    /// The first datagrams wait. Returns whether the protocol thread has to be told.
    fn leave(&self, state: &mut State, now: Time, plan: Plan) -> bool {
        if plan != Plan::Hold {
            self.set_waits(Waits::ForThread);
            return true;
        }
        state.held = Some(now);
        self.set_waits(Waits::ForOthers);
        !state.watched
    }

    /// Of those that the system does not take, only so many are kept. Others will go at once.
    fn append(&self, queue: &mut VecDeque<Transmit>, now: Time, datagrams: &[Transmit], sent: &mut Sent) {
        let is_stuck = matches!(self.waits(), Waits::Writable | Waits::ForMemory);
        let room = if is_stuck { QUEUE.saturating_sub(queue.len()) } else { datagrams.len() };
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

    /// Nothing could be taken from the socket. Returns a line for the log, unless that is the answer to an earlier datagram
    /// (ICMP) or only tells that nothing is there.
    pub(super) fn not_received(&self, now: Time, error: &io::Error) -> Option<String> {
        use io::ErrorKind::{ConnectionRefused, ConnectionReset, Interrupted, WouldBlock};
        if matches!(error.kind(), WouldBlock | Interrupted | ConnectionRefused | ConnectionReset) {
            return None;
        }
        let times = self.deaf.count(now, 1)?;
        Some(format!("cannot receive on {}: {error} ({times} times)", self.local))
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
            sent.went += gone;
            turn.drain(..gone);
            if left > 0 {
                let mut state = self.state.lock();
                turn.append(&mut state.waiting);
                std::mem::swap(&mut state.waiting, &mut *turn);
                drop(turn);
                sent.waits = true;
                return sent;
            }
        }
        // The others get their turn: the protocol thread comes back to it.
        let state = self.state.lock();
        sent.waits = !state.waiting.is_empty();
        self.set_waits(if sent.waits { Waits::ForThread } else { Waits::No });
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
        let sent = sender.send(now, &more, true);
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
        let sent = sender.send(Time::from_ticks(1), &[wrong_family, no_port, numbered(to, 3)], true);
        assert!(sent.error.is_some_and(|error| error.contains("[::1]:9")));
        let mut bytes = [0; 100];
        receiver.recv(&mut bytes).unwrap();
        assert_eq!(bytes[..2], 3u16.to_be_bytes());
    }

    fn bound() -> BoundSocket {
        BoundSocket::new(SocketId(1), UdpSocket::bind("127.0.0.1:0").unwrap().into()).unwrap()
    }

    /// Bursts of any length, written while the protocol thread sleeps, leave whole and in order.
    #[test]
    fn nothing_is_dropped_that_the_system_would_take() {
        let receiver = UdpSocket::bind("127.0.0.1:0").unwrap();
        receiver.set_nonblocking(true).unwrap();
        let to = receiver.local_addr().unwrap();
        for count in [1, 7, 40, 640] {
            let (sender, mut now, mut next, mut came) = (bound(), Time::from_ticks(1 << 40), 0u16, 0u16);
            let mut bytes = [0; 100];
            let mut take = |most: u16| {
                while came < most && receiver.recv(&mut bytes).is_ok() {
                    let number = u16::from_be_bytes([bytes[0], bytes[1]]);
                    // The receiver's buffer holds less than what goes with one call.
                    assert!(if count < 100 { number == came } else { number >= came });
                    came = number + 1;
                }
                came
            };
            for _ in 0..8 {
                for _ in 0..1280 / count {
                    let some: Vec<_> = (next..next + count).map(|number| numbered(to, number)).collect();
                    next += count;
                    let sent = sender.send(now, &some, true);
                    assert!(sent.error.is_none(), "{sent:?}");
                    now += Span::from_micros(1);
                    take(next);
                }
                now += Span::from_micros(250);
            }
            sender.flush(now);
            assert_eq!(sender.waits(), Waits::No);
            let all = take(next) == next;
            assert!(all || count >= 100);
        }
    }

    #[test]
    fn what_is_held_is_looked_after_and_nothing_else() {
        let (sender, now) = (bound(), Time::from_ticks(u64::MAX / 2));
        let after = |ms| now + Span::from_millis(ms);
        assert_eq!(sender.watch(now), None);
        let hold = |at| {
            let mut state = sender.state.lock();
            state.waiting.push_back(numbered(sender.local, 0));
            sender.leave(&mut state, at, Plan::Hold)
        };
        assert!(hold(now), "nobody looks");
        assert!(sender.watch(now).is_some_and(|sleep| sleep < Duration::from_millis(1)));
        assert!(!sender.goes_by_itself(now) && sender.goes_by_itself(after(1)));
        // However late the thread comes.
        assert_eq!(sender.watch(after(5000)), Some(Duration::ZERO));
        sender.flush(after(5000));
        assert!(!hold(after(5001)), "it still looks");
        sender.flush(after(5001));
        assert!(sender.watch(after(5002)).is_some());
        assert_eq!(sender.watch(after(5010)), None);
        assert!(hold(after(5011)));
    }
}
