//! Takes datagrams in. The protocol thread does it when they come; while media comes fast, the delivery thread does, each
//! time that it wakes up anyway: one thread's waking up costs more than taking in ten packets.

use super::driver::Driver;
use super::os::{clock, udp};
use super::transmit::BoundSocket;
use crate::protocol::time::{Span, Time};
use parking_lot::Mutex;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

/// Full batches taken from one socket before the timers and the other sockets get their turn.
const ROUNDS: usize = 4;
/// How long media is left to gather, to be taken in one batch.
const GATHER: Duration = Duration::from_micros(900);
/// The protocol thread leaves it to the delivery thread for so long, if that is at it: it may be held up by the application.
const LEAVE: Duration = Duration::from_millis(8);
/// It is at it if it has done it within this.
const LATELY: Span = Span::from_millis(3);
/// Without any datagram for so long, the stream pauses.
const PAUSE: Span = Span::from_micros(3600);
/// A datagram each so often is fast.
const FAST: Span = Span::from_micros(700);

pub(super) struct Intake {
    received: Mutex<udp::Received>,
    pace: Mutex<Pace>,
    is_fast: AtomicBool,
    /// When the delivery thread has last taken something in.
    served: AtomicU64,
}

impl Intake {
    pub(super) fn new() -> Self {
        let pace = Pace { last: clock::now(), spacing: None };
        Self {
            received: Mutex::new(udp::Received::new()),
            pace: Mutex::new(pace),
            is_fast: AtomicBool::new(false),
            served: AtomicU64::new(0),
        }
    }

    /// How long the protocol thread lets datagrams gather, if at all.
    pub(super) fn pause(&self, now: Time) -> Option<Duration> {
        if !self.is_fast.load(Ordering::Relaxed) {
            return None;
        }
        let served = Time::from_ticks(self.served.load(Ordering::Relaxed));
        Some(if now.since(served) < LATELY { LEAVE } else { GATHER })
    }

    /// After everything was taken that was there.
    pub(super) fn note(&self, now: Time, taken: u32) {
        let is_fast = self.pace.lock().note(now, taken);
        self.is_fast.store(is_fast, Ordering::Relaxed);
    }
}

impl Driver {
    /// Takes in what a socket has. Returns how many datagrams came.
    pub(super) fn take_in(&self, socket: &BoundSocket) -> u32 {
        let mut taken = 0;
        for _ in 0..ROUNDS {
            if self.is_silent() {
                break;
            }
            let mut received = self.intake.received.lock();
            // An error is "nothing there" or the answer to an earlier datagram (ICMP): neither ends the socket.
            let Ok(full) = received.receive(&socket.socket) else { break };
            let now = clock::now();
            // Within the lock: the next batch is handled after this one.
            let handled = self.enter(&mut self.guarded.lock(), now, |session, now| {
                for (from, bytes) in received.iter() {
                    session.handle_datagram(now, socket.id, from, bytes);
                    taken += 1;
                }
            });
            drop(received);
            let Ok(((), work)) = handled else { break };
            self.perform(now, work);
            if !full {
                break;
            }
        }
        taken
    }

    /// On the delivery thread, which is awake: spares the protocol thread's waking up.
    pub(super) fn take_in_meanwhile(&self) {
        if !self.intake.is_fast.load(Ordering::Relaxed) || self.network.get().is_some() {
            return;
        }
        let taken = self.sockets.all().iter().map(|socket| self.take_in(socket)).sum();
        let now = clock::now();
        self.intake.note(now, taken);
        if taken > 0 {
            self.intake.served.store(now.ticks(), Ordering::Relaxed);
        }
    }
}

/// How fast datagrams come.
struct Pace {
    last: Time,
    spacing: Option<Span>,
}

impl Pace {
    /// Returns whether it is fast.
    fn note(&mut self, now: Time, taken: u32) -> bool {
        let elapsed = now.since(self.last);
        if taken > 0 {
            self.last = now;
            // A quarter of it is news: one that comes late does not end the gathering.
            let spacing = Span::from_ticks(elapsed.ticks() / i64::from(taken));
            let old = self.spacing.unwrap_or(spacing);
            self.spacing = Some(old + Span::from_ticks((spacing - old).ticks() / 4));
        } else if elapsed > PAUSE {
            self.spacing = None;
        }
        self.spacing.is_some_and(|spacing| spacing < FAST)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stream_is_fast_until_it_pauses() {
        let start = clock::now();
        let at = |us| start + Span::from_micros(us);
        let mut pace = Pace { last: start, spacing: None };
        assert!(!pace.note(at(5000), 1));
        assert!((1..20).map(|n| pace.note(at(5000 + n * 900), 2)).last().unwrap());
        // One batch that is late, or empty, changes nothing.
        assert!(pace.note(at(24_000), 2) && pace.note(at(25_000), 0) && pace.note(at(25_900), 2));
        assert!(!pace.note(at(30_000), 0));
    }
}
