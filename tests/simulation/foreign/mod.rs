//! Programs that are not ours, as models: what they put on the wire and what they make of what they find there. They use
//! our codec, and nothing else of the library.

mod model;
mod reading;
mod receiver;
mod sender;
pub(crate) mod stage;
mod voice;

pub(crate) use model::{LIBRIST_7, LIBRIST_17, LIBRIST_18, LIBRIST_20, MODELS, Model, Offer, RISTGO, STANDARD, Start};
pub(crate) use receiver::{Played, Receiver};
pub(crate) use sender::Sender;
pub(crate) use voice::{Lock, Voice, message};

use rist::protocol::time::{Span, Time};
use std::net::SocketAddr;

/// How often a program looks at what is due.
const TICK: Span = Span::from_millis(5);

#[derive(Debug)]
pub(crate) enum Part {
    Sender(Sender),
    Receiver(Receiver),
}

/// A program on a host of the simulated world.
#[derive(Debug)]
pub(crate) struct Foreign {
    pub(crate) voice: Voice,
    pub(crate) part: Part,
    /// Its own address.
    pub(crate) here: SocketAddr,
    next_tick: Option<Time>,
}

impl Foreign {
    pub(crate) fn sender(model: Model, flow: u32, lock: Option<Lock>, here: SocketAddr) -> Self {
        let voice = Voice::new(model, true, flow, lock);
        Self { voice, part: Part::Sender(Sender::new(model.first_seq)), here, next_tick: None }
    }

    pub(crate) fn receiver(model: Model, lock: Option<Lock>, buffer: Span, here: SocketAddr) -> Self {
        let voice = Voice::new(model, false, 0x00dd_ee00, lock);
        Self { voice, part: Part::Receiver(Receiver::new(buffer)), here, next_tick: None }
    }

    /// It calls somebody: it speaks first.
    pub(crate) fn calls(mut self, now: Time, remote: SocketAddr) -> Self {
        self.voice.remote = Some(remote);
        self.voice.begin(now);
        self.next_tick = Some(now);
        self
    }

    pub(crate) fn wakes_at(&self) -> Option<Time> {
        [self.voice.wakes_at(), self.next_tick].into_iter().flatten().min()
    }

    pub(crate) fn wake(&mut self, now: Time) {
        self.voice.speak(now);
        if self.next_tick.is_some_and(|due| due <= now) {
            self.next_tick = Some(now + TICK);
            if let Part::Receiver(receiver) = &mut self.part {
                receiver.tick(&mut self.voice, now);
            }
        }
    }

    pub(crate) fn arrives(&mut self, now: Time, from: SocketAddr, datagram: &[u8]) {
        // A listener has one guest.
        if *self.voice.remote.get_or_insert(from) != from {
            return;
        }
        self.voice.begin(now);
        self.next_tick.get_or_insert(now);
        for heard in self.voice.listen(now, datagram) {
            match &mut self.part {
                Part::Sender(sender) => sender.heard(&mut self.voice, now, heard),
                Part::Receiver(receiver) => receiver.heard(&mut self.voice, now, heard),
            }
        }
    }

    pub(crate) fn write(&mut self, now: Time, payload: &[u8]) {
        if let Part::Sender(sender) = &mut self.part {
            sender.write(&mut self.voice, now, payload);
        }
    }

    pub(crate) fn played(&mut self) -> Vec<Played> {
        match &mut self.part {
            Part::Receiver(receiver) => std::mem::take(&mut receiver.played),
            Part::Sender(_) => Vec::new(),
        }
    }
}
