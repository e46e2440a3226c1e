//! Our library on one host and a foreign program on the other, with one path between them.

use super::{Foreign, Lock, Model, Part, Receiver, Sender};
use crate::host::{Clock, Record};
use crate::invariants::{Bounds, Verdict};
use crate::outcome::Outcome;
use crate::pair::{FLOW, PORT, Path, Setup, call, listen, receiver_config, sender_config};
use crate::world::{World, address};
use rist::protocol::config::{PeerConfig, Profile, Role};
use rist::protocol::session::SessionConfig;
use rist::protocol::time::Span;
use std::net::SocketAddr;

/// The flow of a foreign sender.
pub(crate) const THEIRS: u32 = 0x00ab_cd00;

pub(crate) struct Stage {
    pub(crate) world: World,
    pub(crate) ours: usize,
    pub(crate) theirs: usize,
    pub(crate) setup: Setup,
    role: Role,
}

/// The secret of a setup, for the other side.
pub(crate) fn lock(peer: &PeerConfig) -> Option<Lock> {
    let secret = peer.secret.clone()?;
    Some(Lock { secret, size: peer.key_size, rotation: peer.key_rotation })
}

impl Stage {
    /// We send to such a receiver, or we receive from such a sender. Who calls is the sender, if the setup does not reverse it.
    pub(crate) fn new(setup: Setup, role: Role, model: Model) -> Self {
        let mut world = World::new(setup.seed);
        let config = if role == Role::Sender { sender_config(FLOW) } else { receiver_config() };
        let ours = world.add_host(SessionConfig { profile: Profile::Advanced, ..config }, Clock::default());
        let theirs = ours + 1;
        let Path { forth, back, .. } = setup.paths[0].clone();
        let (near, far) = if role == Role::Sender { (ours, theirs) } else { (theirs, ours) };
        world.connect(0, near, far, forth, back);
        let we_call = (role == Role::Sender) != setup.reversed;
        if we_call {
            call(&mut world, ours, theirs, 0, 0, setup.peer.clone());
        } else {
            listen(&mut world, ours, 0, &setup.peer);
        }
        let mut stage = Self { world, ours, theirs, setup, role };
        let program = stage.program(model);
        stage.world.add_foreign(0, PORT, |_, _| program);
        stage.world.books.timeless.push(theirs);
        stage.world.books.learners.push(ours);
        if model.is_timeless() {
            stage.world.books.timeless.push(ours);
        }
        stage
    }

    /// The program of the other side, by whatever model.
    fn program(&self, model: Model) -> Foreign {
        let here = SocketAddr::new(address(0, self.theirs), PORT);
        let lock = lock(&self.setup.peer);
        let program = match self.role {
            Role::Sender => Foreign::receiver(model, lock, self.setup.peer.buffer_max, here),
            Role::Receiver => Foreign::sender(model, THEIRS, lock, here),
        };
        if (self.role == Role::Sender) != self.setup.reversed {
            return program;
        }
        program.calls(Clock::default().read(self.world.now), SocketAddr::new(address(0, self.ours), PORT))
    }

    /// The other side is exchanged for another program, at the same address.
    pub(crate) fn exchange(&mut self, model: Model) {
        let program = self.program(model);
        self.world.run_foreign(self.theirs, program);
    }

    pub(crate) fn write(&mut self, length: Span) -> u32 {
        let writer = if self.role == Role::Sender { self.ours } else { self.theirs };
        self.world.write_for(writer, length, self.setup.pattern.clone())
    }

    pub(crate) fn play(&mut self) -> u32 {
        let stream = self.write(self.setup.length);
        self.world.run_for(self.setup.length);
        self.finish();
        stream
    }

    pub(crate) fn finish(&mut self) {
        self.world.run_for(self.setup.peer.buffer_max.scaled(2, 1) + Span::from_secs(2));
    }

    pub(crate) fn foreign(&self) -> &Foreign {
        self.world.hosts[self.theirs].foreign.as_ref().expect("a foreign program")
    }

    pub(crate) fn foreign_mut(&mut self) -> &mut Foreign {
        self.world.hosts[self.theirs].foreign.as_mut().expect("a foreign program")
    }

    pub(crate) fn their_receiver(&self) -> &Receiver {
        match &self.foreign().part {
            Part::Receiver(receiver) => receiver,
            Part::Sender(_) => panic!("it sends"),
        }
    }

    pub(crate) fn their_sender(&self) -> &Sender {
        match &self.foreign().part {
            Part::Sender(sender) => sender,
            Part::Receiver(_) => panic!("it receives"),
        }
    }

    pub(crate) fn record(&self) -> &Record {
        &self.world.hosts[self.ours].record
    }

    fn receiver(&self) -> usize {
        if self.role == Role::Sender { self.theirs } else { self.ours }
    }

    /// What the books say: order, repeats and contents are checked at each delivery.
    pub(crate) fn outcome(&self, stream: u32) -> Outcome {
        Outcome::of(&self.world, stream, self.receiver())
    }

    /// Our receiver keeps its promises.
    pub(crate) fn verdict(&self, stream: u32) -> Verdict {
        Bounds::of(&self.setup).check(&self.world, stream, self.ours)
    }
}
