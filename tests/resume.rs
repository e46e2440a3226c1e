//! Streams go on by themselves after a program, an address or a port has changed: Debian's tools on our library, Main
//! profile, each in a network namespace of its own. Needs root.
//!
//! Measured is the time from the change (the restarted program runs, the new address or port is in use) to the first
//! packet out of the receiver that was fed after it. The recovery buffer of 200 ms is in it.
//! `RESUME_ROUNDS=20` makes many of each.
#![cfg(target_os = "linux")]

mod support;

use std::net::{Ipv4Addr, SocketAddr, UdpSocket};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};
use support::library::ours;
use support::namespace::{Namespace, wire};
use support::process::Program;
use support::stream::{Collector, Cut, Feeder};
use support::tools::{MODES, Machine, Mode, Side};
use support::wait_until;

const BUFFER: u32 = 200;
const WITHIN: Duration = Duration::from_millis(1500 + BUFFER as u64);
/// How long it is waited for, so that the figure is known.
const PATIENCE: Duration = Duration::from_secs(20);
const NETWORK: &str = "10.79.0";
/// In namespaces of their own nobody else has these.
const PORT: u16 = 6000;
const FEED: u16 = 5000;
const OUTPUT: u16 = 7000;
const NAT: u16 = 6100;
const NAME: &str = "listener.test";

fn rounds() -> u32 {
    std::env::var("RESUME_ROUNDS").map_or(2, |rounds| rounds.parse().expect("a number"))
}

/// A sender and a receiver on two machines.
struct Rig {
    mode: Mode,
    listens: Side,
    sender_at: Namespace,
    receiver_at: Namespace,
    /// What the caller calls.
    place: String,
    sender: Option<Program>,
    receiver: Option<Program>,
    feeder: Feeder,
    collector: Collector,
    /// Last octets of the addresses now.
    numbers: [u8; 2],
}

impl Rig {
    /// `place`: what the caller calls; by default the listener's address.
    fn new(mode: Mode, listens: Side, place: Option<String>) -> Rig {
        let (sender_at, receiver_at) = (Namespace::new(), Namespace::new());
        wire(&sender_at, &receiver_at, NETWORK);
        let feeder = sender_at.inside(|| Feeder::start(FEED, 3_000_000)).expect("feeder");
        let collector = receiver_at.inside(|| Collector::start(OUTPUT, Cut::Packets)).expect("output port");
        let host = if listens == Side::Receiver { 2 } else { 1 };
        let place = place.unwrap_or_else(|| format!("{NETWORK}.{host}:{PORT}"));
        let (sender, receiver) = (None, None);
        Rig { mode, listens, sender_at, receiver_at, place, sender, receiver, feeder, collector, numbers: [1, 2] }
    }

    fn start(&mut self) {
        self.start_program(Side::Sender);
        self.start_program(Side::Receiver);
        wait_until("first packet", PATIENCE, || self.collector.verdict().first, || self.evidence());
    }

    fn start_program(&mut self, side: Side) {
        let listen = format!("@0.0.0.0:{PORT}");
        let place = if side == self.listens { &listen } else { &self.place };
        let program = match side {
            Side::Sender => Machine::In(&self.sender_at).sender(ours(), self.mode, FEED, place, BUFFER),
            Side::Receiver => Machine::In(&self.receiver_at).receiver(ours(), self.mode, place, BUFFER, OUTPUT),
        };
        match side {
            Side::Sender => self.sender = Some(program),
            Side::Receiver => self.receiver = Some(program),
        }
    }

    fn restart(&mut self, side: Side) {
        let program = if side == Side::Sender { self.sender.take() } else { self.receiver.take() };
        program.expect("a running program").kill();
        self.start_program(side);
    }

    fn caller(&self) -> Side {
        if self.listens == Side::Sender { Side::Receiver } else { Side::Sender }
    }

    fn machine(&self, side: Side) -> &Namespace {
        if side == Side::Sender { &self.sender_at } else { &self.receiver_at }
    }

    /// The machine of a side gets another address and loses the one it had.
    fn move_to_another_address(&mut self, side: Side) {
        let number = &mut self.numbers[side as usize];
        let old = std::mem::replace(number, if *number > 100 { *number - 100 } else { *number + 100 });
        let new = *number;
        let machine = self.machine(side);
        machine.ip(&format!("addr del {NETWORK}.{old}/24 dev wire"));
        machine.ip(&format!("addr add {NETWORK}.{new}/24 dev wire"));
    }

    /// Makes changes; prints and checks how long it takes each time until the stream goes on.
    fn measure(&mut self, what: &str, mut change: impl FnMut(&mut Rig)) {
        let mut took: Vec<Duration> = (0..rounds()).map(|_| self.measure_once(what, &mut change)).collect();
        took.sort();
        let (median, worst) = (took[(took.len() - 1) / 2], took[took.len() - 1]);
        let Rig { mode, listens, .. } = self;
        println!(
            "{}, listening {listens:?}, {what}: median {median:.0?}, worst {worst:.0?} of {}",
            mode.name,
            took.len()
        );
        assert!(worst <= WITHIN, "{took:?}\n{}", self.evidence());
    }

    fn measure_once(&mut self, what: &str, change: &mut impl FnMut(&mut Rig)) -> Duration {
        // The stream flows as if nothing had ever happened.
        let settled = self.feeder.sent() + 150;
        let flows = || self.collector.verdict().last.filter(|last| *last >= settled);
        wait_until("the stream flows", PATIENCE, flows, || self.evidence());
        change(self);
        let (start, first) = (Instant::now(), self.feeder.sent());
        let goes_on = || self.collector.verdict().last.filter(|last| *last >= first);
        wait_until(what, PATIENCE, goes_on, || self.evidence());
        start.elapsed()
    }

    fn evidence(&self) -> String {
        let tail = |program: &Option<Program>| program.as_ref().map_or(String::new(), |program| program.tail(40));
        let (verdict, fed) = (self.collector.verdict(), self.feeder.sent());
        format!("last {:?} of {fed}\n{}\n{}", verdict.last, tail(&self.sender), tail(&self.receiver))
    }
}

/// A translator of ports on the caller's machine, in front of the listener.
struct Nat {
    outside: Arc<Mutex<Arc<UdpSocket>>>,
    inside: Arc<UdpSocket>,
    caller: Arc<Mutex<Option<SocketAddr>>>,
    stop: Arc<AtomicBool>,
}

impl Nat {
    /// On a thread that is in the namespace.
    fn new(target: SocketAddr) -> Nat {
        let bind = |port| Arc::new(UdpSocket::bind((Ipv4Addr::UNSPECIFIED, port)).expect("a socket"));
        let inside = bind(NAT);
        let nat = Nat { outside: Arc::new(Mutex::new(bind(0))), inside, caller: Arc::default(), stop: Arc::default() };
        nat.listen(nat.outside.lock().unwrap().clone());
        let (outside, caller) = (nat.outside.clone(), nat.caller.clone());
        relay(nat.inside.clone(), nat.stop.clone(), move |datagram, from| {
            *caller.lock().unwrap() = Some(from);
            let _ = outside.lock().unwrap().send_to(datagram, target);
            true
        });
        nat
    }

    /// What comes to a port goes to the caller, as long as the port is in use.
    fn listen(&self, socket: Arc<UdpSocket>) {
        let (inside, outside, caller) = (self.inside.clone(), self.outside.clone(), self.caller.clone());
        relay(socket.clone(), self.stop.clone(), move |datagram, _| {
            let in_use = Arc::ptr_eq(&socket, &outside.lock().unwrap());
            if let Some(caller) = caller.lock().unwrap().filter(|_| in_use) {
                let _ = inside.send_to(datagram, caller);
            }
            in_use
        });
    }

    /// Another port, and the old one is forgotten. On a thread that is in the namespace.
    fn rebind(&self) {
        let socket = Arc::new(UdpSocket::bind((Ipv4Addr::UNSPECIFIED, 0)).expect("a socket"));
        *self.outside.lock().unwrap() = socket.clone();
        self.listen(socket);
    }
}

impl Drop for Nat {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
    }
}

/// Hands on what comes to a socket, until told to stop.
fn relay(socket: Arc<UdpSocket>, stop: Arc<AtomicBool>, hand_on: impl Fn(&[u8], SocketAddr) -> bool + Send + 'static) {
    socket.set_read_timeout(Some(Duration::from_millis(50))).expect("a socket");
    std::thread::spawn(move || {
        let mut buffer = [0; 2000];
        while !stop.load(Ordering::Relaxed) {
            if let Ok((length, from)) = socket.recv_from(&mut buffer)
                && !hand_on(&buffer[..length], from)
            {
                return;
            }
        }
    });
}

fn cells() -> impl Iterator<Item = (Mode, Side)> {
    [Side::Receiver, Side::Sender].into_iter().flat_map(|side| MODES.map(|mode| (mode, side)))
}

#[test]
fn a_killed_program_is_back_at_once() {
    for (mode, listens) in cells() {
        let mut rig = Rig::new(mode, listens, None);
        rig.start();
        rig.measure("the sender is killed and started again", |rig| rig.restart(Side::Sender));
        rig.measure("the receiver is killed and started again", |rig| rig.restart(Side::Receiver));
    }
}

#[test]
fn a_caller_may_move() {
    for (mode, listens) in cells() {
        let mut rig = Rig::new(mode, listens, None);
        rig.start();
        rig.measure("the caller's address changes", |rig| rig.move_to_another_address(rig.caller()));
    }
}

#[test]
fn a_translator_may_forget_the_caller() {
    for (mode, listens) in cells() {
        let mut rig = Rig::new(mode, listens, Some(format!("127.0.0.1:{NAT}")));
        let target = SocketAddr::from(([10, 79, 0, if listens == Side::Receiver { 2 } else { 1 }], PORT));
        let nat = rig.machine(rig.caller()).inside(|| Nat::new(target));
        rig.start();
        rig.measure("the caller's port changes", |rig| rig.machine(rig.caller()).inside(|| nat.rebind()));
    }
}

#[test]
fn a_listener_with_a_name_may_move() {
    for (mode, listens) in cells() {
        let mut rig = Rig::new(mode, listens, Some(format!("{NAME}:{PORT}")));
        let tell = |rig: &mut Rig| {
            let text = format!("127.0.0.1 localhost\n{NETWORK}.{} {NAME}\n", rig.numbers[listens as usize]);
            let at = if listens == Side::Sender { &mut rig.receiver_at } else { &mut rig.sender_at };
            at.write_hosts(&text);
        };
        tell(&mut rig);
        rig.start();
        rig.measure("the listener's address changes", |rig| {
            rig.move_to_another_address(listens);
            tell(rig);
        });
    }
}
