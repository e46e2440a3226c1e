//! A sender and a receiver with a network between them, in virtual time: 50 Mbit/s, 10 ms each way.

use super::end::{Datagram, End, Step};
use super::kind::Kind;
use super::random::Random;
use rist::protocol::config::Role;
use rist::protocol::output::Transmit;
use rist::protocol::time::{Span, Time};
use std::collections::VecDeque;

/// From one packet to the next.
pub(crate) const GAP: Span = Span::from_micros(210);
const DELAY: Span = Span::from_millis(10);
pub(crate) const START: Time = Time::from_ticks(1 << 60);

/// Steps until both sides know each other.
pub(crate) const GREETING: usize = 3000;
/// Packets until everything is full: the receiver's second and the sender's, which remembers for longer.
pub(crate) const FILLING: usize = 12_000;

pub(crate) struct Stream {
    pub(crate) sender: End,
    pub(crate) receiver: End,
    now: Time,
    forth: VecDeque<(Time, Datagram)>,
    back: VecDeque<(Time, Datagram)>,
    loss: f64,
    luck: Random,
    pub(crate) lost: u64,
}

impl Stream {
    pub(crate) fn new(kind: &Kind) -> Self {
        Self {
            sender: End::new(kind, Role::Sender, START),
            receiver: End::new(kind, Role::Receiver, START),
            now: START,
            forth: VecDeque::new(),
            back: VecDeque::new(),
            loss: kind.loss,
            luck: Random::new(5),
            lost: 0,
        }
    }

    /// One gap of time: `sender` and `receiver` let their side do what there is to do.
    pub(crate) fn step(
        &mut self,
        writes: bool,
        sender: impl FnOnce(&mut End, &Step),
        receiver: impl FnOnce(&mut End, &Step),
    ) {
        self.now += GAP;
        let now = self.now;
        let at_sender = Step { now, arrivals: arrived(&mut self.back, now), writes };
        sender(&mut self.sender, &at_sender);
        for transmit in &self.sender.sent {
            if self.loss > 0.0 && self.luck.unit() < self.loss {
                self.lost += 1;
            } else {
                self.forth.push_back((now + DELAY, datagram(transmit)));
            }
        }
        let at_receiver = Step { now, arrivals: arrived(&mut self.forth, now), writes: false };
        receiver(&mut self.receiver, &at_receiver);
        self.back.extend(self.receiver.sent.iter().map(|transmit| (now + DELAY, datagram(transmit))));
    }

    /// To where each packet is like the one before it.
    pub(crate) fn fill(&mut self) {
        for step in 0..GREETING + FILLING {
            self.step(step >= GREETING, End::work, End::work);
        }
    }
}

fn datagram(transmit: &Transmit) -> Datagram {
    Datagram { socket: transmit.socket, bytes: [transmit.head(), transmit.body()].concat() }
}

fn arrived(way: &mut VecDeque<(Time, Datagram)>, now: Time) -> Vec<Datagram> {
    let mut arrived = Vec::new();
    while way.front().is_some_and(|(at, _)| *at <= now) {
        arrived.extend(way.pop_front().map(|(_, datagram)| datagram));
    }
    arrived
}
