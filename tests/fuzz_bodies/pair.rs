//! A sender, a receiver and a network that loses, delays, repeats and replays as the input says.
//!
//! What has to hold: what comes out is what was written, octet for octet, in order and once; a gap is announced;
//! nothing comes before its time or after its deadline; a harmless network costs nothing; nobody spins.

use super::input::Input;
use super::tunnel::{self, Keys};
use rist::protocol::config::{PeerConfig, Profile, Role};
use rist::protocol::output::{Delivery, Output, SocketId};
use rist::protocol::payload::Pool;
use rist::protocol::session::{Media, PeerSetup, Remote, Session, SessionConfig};
use rist::protocol::time::{Span, Time};
use std::net::{Ipv4Addr, SocketAddr};

const MAX_STEPS: usize = 400;
/// Wakes and datagrams in one step of the input.
const MAX_EVENTS: usize = 50_000;
const SENDER: usize = 0;
const RECEIVER: usize = 1;
/// First port of each.
const PORTS: [u16; 2] = [6000, 5000];
const REPLAYER: u8 = 99;
const USUAL_DELAY: u8 = 5;
const SLOWEST: Span = Span::from_millis(64);
/// Rounding of clocks, timestamps and timers.
const TOLERANCE: Span = Span::from_millis(2);

pub(super) fn pair(data: &[u8]) {
    play(data);
}

/// Returns how many packets came out, of how many.
pub(crate) fn play(data: &[u8]) -> (usize, usize) {
    let mut input = Input::new(data);
    let mut pair = Pair::new(&mut input);
    for _ in 0..MAX_STEPS {
        if input.is_empty() {
            break;
        }
        match input.u8() % 8 {
            0..=4 => {
                pair.write();
                let gap = input.u8() % 16;
                pair.run(Span::from_millis(u32::from(gap)), &mut input);
            }
            5 => pair.write(),
            6 => pair.run(Span::from_millis(u32::from(input.u8())), &mut input),
            _ => pair.run(Span::from_millis(u32::from(input.u16() % 4000)), &mut input),
        }
    }
    pair.run(Span::from_secs(4), &mut input);
    (pair.delivered, pair.written.len())
}

struct Side {
    session: Session,
    keys: Keys,
}

struct Flying {
    at: Time,
    to: usize,
    socket: SocketId,
    from: SocketAddr,
    bytes: Vec<u8>,
}

struct Pair {
    now: Time,
    sides: [Side; 2],
    flying: Vec<Flying>,
    written: Vec<Time>,
    buffer: [Span; 2],
    last: Option<usize>,
    delivered: usize,
    /// When the flow's first packet came out: before a path is known nothing does.
    begun: Time,
    /// When repairs came out that were late by themselves: their successor must not have been due.
    late: Vec<Time>,
    harmless: bool,
}

fn host(side: usize) -> Ipv4Addr {
    Ipv4Addr::new(192, 0, 2, 1 + side as u8)
}

fn payload(index: usize) -> Vec<u8> {
    let number = (index as u32).to_be_bytes();
    number.into_iter().chain((0..index % 50).map(|at| (index * 31 + at) as u8)).collect()
}

impl Pair {
    fn new(input: &mut Input<'_>) -> Self {
        let how = input.u8();
        let profile = if how & 1 == 0 { Profile::Simple } else { Profile::Main };
        let paths = 1 + u32::from(how >> 1 & 1);
        let buffer_min = Span::from_millis(input.pick(&[50, 200, 1000]));
        let buffer_max = buffer_min + Span::from_millis(u32::from(input.u8() & 3) * 100);
        let secret = (how >> 2 & 3 == 3).then(|| tunnel::secret(1));
        // Weights take turns, else each path gets everything.
        let weight = u32::from(how >> 4 & 1) * 5;
        let reorder_buffer = Span::from_millis(u32::from(input.u8() % 40));
        let now = Time::from_ticks((2_208_988_800 + 3600) << 32);
        let side = |side: usize| {
            let role = [Role::Sender, Role::Receiver][side];
            let config = SessionConfig { role, profile, flow_id: 0x1000, seed: side as u64 };
            let mut session = Session::new(config, Pool::new());
            session.set_entropy(tunnel::entropy(1 + side as u64));
            for path in 0..paths {
                let control = u16::from(profile == Profile::Simple);
                let at = |side: usize, extra| SocketAddr::new(host(side).into(), PORTS[side] + 2 * path as u16 + extra);
                let remote = match role {
                    Role::Sender => {
                        let (media, control) = (at(RECEIVER, 0), at(RECEIVER, control));
                        Remote::Call { media, control, multicast: false }
                    }
                    Role::Receiver => Remote::Listen { media: at(RECEIVER, 0), control: at(RECEIVER, control) },
                };
                let config = PeerConfig {
                    buffer_min,
                    buffer_max,
                    reorder_buffer,
                    secret: secret.clone(),
                    weight,
                    ..PeerConfig::default()
                };
                let (media, control) = (SocketId(2 * path), SocketId(2 * path + u32::from(control)));
                let setup = PeerSetup { config, media, control, remote, url: String::new(), miface: String::new() };
                session.add_peer(now, setup).expect("a peer");
            }
            Side { session, keys: Keys::default() }
        };
        Self {
            now,
            sides: [side(SENDER), side(RECEIVER)],
            flying: Vec::new(),
            written: Vec::new(),
            buffer: [buffer_min, buffer_max],
            last: None,
            delivered: 0,
            begun: now,
            late: Vec::new(),
            harmless: true,
        }
    }

    fn write(&mut self) {
        let session = &mut self.sides[SENDER].session;
        let payload = session.pool().copy(&payload(self.written.len()));
        let media = Media { payload, ts_ntp: None, seq: None, virt_src_port: 0, virt_dst_port: 0 };
        session.send(self.now, media).expect("there is a peer");
        self.written.push(self.now);
    }

    /// What a side puts out goes to the network, whose moods are in the input.
    fn drain(&mut self, side: usize, input: &mut Input<'_>) {
        let Side { session, keys } = &mut self.sides[side];
        while let Some(output) = session.poll_output() {
            match output {
                Output::Job(id, job) => session.job_done(self.now, id, keys.run(job)),
                Output::Transmit(transmit) => {
                    let to = 1 - side;
                    // Nobody listens where replayed datagrams come from.
                    if transmit.to.ip() != host(to) {
                        continue;
                    }
                    let from = SocketAddr::new(host(side).into(), PORTS[side] + transmit.socket.0 as u16);
                    let socket = SocketId(u32::from(transmit.to.port() - PORTS[to]));
                    let bytes = [transmit.head(), transmit.body()].concat();
                    let mood = input.u8();
                    self.harmless &= mood < 128;
                    let delays: &[u8] = match mood {
                        0..128 => &[USUAL_DELAY],
                        128..192 => &[mood & 63],
                        192..224 => &[],
                        _ => &[USUAL_DELAY, mood & 63],
                    };
                    for (number, delay) in delays.iter().enumerate() {
                        let at = self.now + Span::from_millis(u32::from(*delay));
                        let replayed = mood >= 240 && number == 1;
                        let stranger = SocketAddr::new(Ipv4Addr::new(192, 0, 2, REPLAYER).into(), from.port());
                        let from = if replayed { stranger } else { from };
                        self.flying.push(Flying { at, to, socket, from, bytes: bytes.clone() });
                    }
                }
                _ => {}
            }
        }
    }

    fn run(&mut self, span: Span, input: &mut Input<'_>) {
        let end = self.now + span;
        for _ in 0..MAX_EVENTS {
            for side in [SENDER, RECEIVER] {
                self.sides[side].session.handle_timeout(self.now);
                self.drain(side, input);
            }
            self.deliver();
            let [sender, receiver] = self.sides.each_ref().map(|side| &side.session);
            let wakes = [sender.poll_timeout(), receiver.poll_timeout(), receiver.next_delivery()];
            let first = self.flying.iter().enumerate().min_by_key(|(_, datagram)| datagram.at);
            let (place, arrival) = first.map(|(place, datagram)| (place, datagram.at)).unzip();
            let Some(next) = wakes.into_iter().flatten().chain(arrival).min().filter(|next| *next <= end) else {
                self.now = end;
                return;
            };
            self.now = self.now.max(next);
            if let (Some(place), Some(at)) = (place, arrival)
                && at <= self.now
            {
                let Flying { to, socket, from, bytes, .. } = self.flying.remove(place);
                self.sides[to].session.handle_datagram(self.now, socket, from, &bytes);
                self.drain(to, input);
            }
        }
        panic!("somebody spins");
    }

    fn deliver(&mut self) {
        let mut out = Vec::new();
        let session = &mut self.sides[RECEIVER].session;
        session.poll_delivery(self.now, &mut out);
        assert!(session.next_delivery().is_none_or(|at| at > self.now), "what is due was left unhanded");
        for delivery in out {
            self.check(&delivery);
        }
    }

    fn check(&mut self, delivery: &Delivery) {
        let octets = delivery.payload.first_chunk().expect("a payload of ours");
        let index = u32::from_be_bytes(*octets) as usize;
        assert_eq!(*delivery.payload, payload(index), "not what was written");
        let written = self.written[index];
        assert!(self.last.is_none_or(|last| index > last), "{index} after {:?}", self.last);
        let step = self.last.map_or(1, |last| index - last);
        if delivery.flow_start {
            self.begun = self.now;
            self.late.clear();
        } else {
            assert_eq!(delivery.discontinuity, step > 1, "{index} after {:?}", self.last);
        }
        assert!(!self.harmless || step == 1, "{index} after {:?} and nothing was lost", self.last);
        self.last = Some(index);
        self.delivered += 1;
        let [least, most] = self.buffer;
        let latency = self.now.since(written);
        assert!(latency >= least - TOLERANCE, "{index} after {} ms", latency.as_millis());
        let deadline = (written + most + SLOWEST + TOLERANCE).max(self.begun);
        if self.now > deadline {
            self.late.push(self.now);
        } else {
            let in_time = self.late.drain(..).all(|came| came <= deadline);
            assert!(in_time, "a repair came when its successor {index} had been due");
        }
    }
}
