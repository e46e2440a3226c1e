//! One side of a stream: a session, driven as the runtime drives it, but without sockets, threads and locks.

use super::kind::Kind;
use super::random::Random;
use rist::protocol::config::{Profile, Role};
use rist::protocol::entropy::Entropy;
use rist::protocol::output::{Delivery, Output, SocketId, Transmit};
use rist::protocol::payload::Pool;
use rist::protocol::session::{Media, PeerSetup, Remote, Session, SessionConfig};
use rist::protocol::time::Time;
use std::net::{Ipv4Addr, SocketAddr};

pub(crate) const PAYLOAD: [u8; 1316] = [0x47; 1316];
const FLOW: u32 = 0x1000;

/// A datagram; it comes to the socket of the same name as the one that it left from.
#[derive(Debug, Clone)]
pub(crate) struct Datagram {
    pub(crate) socket: SocketId,
    pub(crate) bytes: Vec<u8>,
}

/// What happens to one side at one moment.
#[derive(Debug, Clone)]
pub(crate) struct Step {
    pub(crate) now: Time,
    pub(crate) arrivals: Vec<Datagram>,
    /// The application writes a packet.
    pub(crate) writes: bool,
}

pub(crate) struct End {
    pub(crate) session: Session,
    role: Role,
    /// The last step's.
    pub(crate) sent: Vec<Transmit>,
    due: Vec<Delivery>,
    /// Packets that the application was given, and holes that it was told of.
    pub(crate) delivered: u64,
    pub(crate) holes: u64,
}

/// The ports of each side: media and, in Simple, control.
fn address(role: Role, socket: SocketId) -> SocketAddr {
    let base = if role == Role::Sender { 6000 } else { 5000 };
    SocketAddr::from((Ipv4Addr::LOCALHOST, base + socket.0 as u16))
}

impl End {
    pub(crate) fn new(kind: &Kind, role: Role, now: Time) -> Self {
        let seed = if role == Role::Sender { 1 } else { 2 };
        let mut random = Random::new(seed);
        let config = SessionConfig { role, profile: kind.profile, flow_id: FLOW, seed };
        let mut session = Session::new(config, Pool::new());
        session.set_entropy(Entropy::new(move |octets| {
            octets.fill_with(|| random.next() as u8);
            true
        }));
        let (media, control) = (SocketId(0), SocketId(u32::from(kind.profile == Profile::Simple)));
        let [there, there_control] = [media, control].map(|socket| address(Role::Receiver, socket));
        let setup = PeerSetup {
            config: kind.config(),
            media,
            control,
            remote: match role {
                Role::Sender => Remote::Call { media: there, control: there_control, multicast: false },
                Role::Receiver => Remote::Listen { media: there, control: there_control },
            },
            url: String::new(),
            miface: String::new(),
        };
        session.add_peer(now, setup).expect("a peer");
        Self { session, role, sent: Vec::new(), due: Vec::new(), delivered: 0, holes: 0 }
    }

    /// Everything that one side does at one moment.
    pub(crate) fn work(&mut self, step: &Step) {
        self.receive(step);
        self.play_out(step.now);
    }

    /// What is due goes to the application.
    pub(crate) fn play_out(&mut self, now: Time) {
        if self.session.next_delivery().is_none_or(|due| due > now) {
            return;
        }
        self.session.poll_delivery(now, &mut self.due);
        self.delivered += self.due.len() as u64;
        self.holes += self.due.iter().filter(|delivery| delivery.discontinuity).count() as u64;
        self.due.clear();
        self.drain(now);
    }

    /// Everything else.
    pub(crate) fn receive(&mut self, step: &Step) {
        // By now the datagrams of the last step are with the system.
        self.sent.clear();
        let far = if self.role == Role::Sender { Role::Receiver } else { Role::Sender };
        for datagram in &step.arrivals {
            let from = address(far, datagram.socket);
            self.session.handle_datagram(step.now, datagram.socket, from, &datagram.bytes);
            self.drain(step.now);
        }
        if step.writes {
            let payload = self.session.pool().copy(&PAYLOAD);
            let media = Media { payload, ts_ntp: None, seq: None, virt_src_port: 0, virt_dst_port: 0 };
            self.session.send(step.now, media).expect("sent");
            self.drain(step.now);
        }
        if self.session.poll_timeout().is_some_and(|due| due <= step.now) {
            self.session.handle_timeout(step.now);
            self.drain(step.now);
        }
    }

    fn drain(&mut self, now: Time) {
        while let Some(output) = self.session.poll_output() {
            match output {
                Output::Transmit(transmit) => self.sent.push(transmit),
                Output::Job(id, job) => self.session.job_done(now, id, job.run()),
                Output::Event(_) | Output::Log(..) => {}
            }
        }
    }
}
