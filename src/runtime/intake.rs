//! Takes datagrams in. The protocol thread does it when they come; while media comes fast, the delivery thread does, each
//! time that it wakes up anyway: one thread's waking up costs more than taking in ten packets.

use super::driver::Driver;
use super::os::{clock, udp};
use super::transmit::{BoundSocket, Sent};
use crate::protocol::time::{Span, Time};
use parking_lot::Mutex;
use std::ops::AddAssign;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

/// Datagrams taken from one socket, or full batches, before the timers and the other sockets get their turn.
const MANY: u32 = 512;
const ROUNDS: usize = 4;
/// Datagrams that the session is given at once: others want to call it, too.
const SOME: usize = 128;
/// How long media is left to gather, to be taken in one batch.
const GATHER: Duration = Duration::from_micros(900);
/// The protocol thread leaves it to the delivery thread for so long, if that is at it: it may be held up by the application.
const LEAVE: Duration = Duration::from_millis(5);
/// It is at it if it has done it within this, and does not go to sleep for longer.
const LATELY: Span = Span::from_millis(2);
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
    /// The protocol thread has left it to the delivery thread.
    left: AtomicBool,
}

/// What was taken in.
#[derive(Debug, Default, Clone, Copy)]
pub(super) struct Taken {
    datagrams: u32,
    /// There may be more.
    more: bool,
}

impl Taken {
    pub(super) fn is_nothing(self) -> bool {
        self.datagrams == 0
    }
}

impl AddAssign for Taken {
    fn add_assign(&mut self, other: Self) {
        self.datagrams += other.datagrams;
        self.more |= other.more;
    }
}

impl Intake {
    pub(super) fn new() -> std::io::Result<Self> {
        let pace = Pace { last: clock::now(), spacing: None };
        Ok(Self {
            received: Mutex::new(udp::Received::new()?),
            pace: Mutex::new(pace),
            is_fast: AtomicBool::new(false),
            served: AtomicU64::new(0),
            left: AtomicBool::new(false),
        })
    }

    /// How long the protocol thread lets datagrams gather, if at all.
    pub(super) fn pause(&self, now: Time) -> Option<Duration> {
        if !self.is_fast.load(Ordering::Relaxed) {
            return None;
        }
        let served = Time::from_ticks(self.served.load(Ordering::Relaxed));
        let is_served = (Span::ZERO..LATELY).contains(&now.since(served));
        self.left.store(is_served, Ordering::Release);
        Some(if is_served { LEAVE } else { GATHER })
    }

    /// After everything was taken that was there, or a good part of it: then there is no pause.
    pub(super) fn note(&self, now: Time, taken: Taken) {
        let is_fast = self.pace.lock().note(now, taken.datagrams);
        self.is_fast.store(is_fast && !taken.more, Ordering::Relaxed);
    }
}

impl Driver {
    /// Takes in what a socket has.
    pub(super) fn take_in(&self, socket: &BoundSocket) -> Taken {
        let mut taken = Taken::default();
        for _ in 0..ROUNDS {
            taken.more = false;
            if self.is_silent() {
                break;
            }
            let mut works = Vec::new();
            let mut received = self.intake.received.lock();
            // No error ends the socket.
            let full = match received.receive(&socket.socket) {
                Ok(full) => full,
                Err(error) => {
                    drop(received);
                    let error = socket.not_received(clock::now(), &error);
                    self.report(Sent { error, ..Sent::default() });
                    break;
                }
            };
            taken.more = full;
            // Within the lock: the next batch is handled after this one.
            let mut datagrams = received.iter().peekable();
            while datagrams.peek().is_some() {
                let mut guarded = self.guarded.lock();
                let now = clock::now();
                let handled = self.enter(&mut guarded, now, |session, now| {
                    for (from, bytes) in datagrams.by_ref().take(SOME) {
                        session.handle_datagram(now, socket.id, from, bytes);
                        taken.datagrams += 1;
                    }
                });
                drop(guarded);
                match handled {
                    Ok(((), work)) => works.extend(work.map(|work| (now, work))),
                    Err(_) => break,
                }
            }
            drop(datagrams);
            drop(received);
            works.into_iter().for_each(|(now, work)| self.perform(now, Some(work)));
            if !full || taken.datagrams >= MANY || self.is_dead() {
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
        let mut taken = Taken::default();
        self.sockets.all().iter().for_each(|socket| taken += self.take_in(socket));
        let now = clock::now();
        self.intake.note(now, taken);
        if taken.datagrams > 0 {
            self.intake.served.store(now.ticks(), Ordering::Relaxed);
        }
        if taken.more {
            self.wake.wake();
        }
    }

    /// The delivery thread is about to sleep until `next`: if that is long, the protocol thread takes datagrams in again.
    pub(super) fn hand_back_intake(&self, now: Time, next: Option<Time>) {
        let soon = next.is_some_and(|next| next.since(now) < LATELY);
        if !soon && self.intake.left.swap(false, Ordering::AcqRel) {
            self.intake.served.store(0, Ordering::Relaxed);
            self.wake.wake();
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
