//! Debian's ristsender and ristreceiver on our library, on one machine or on two, with faults as a file says.

use std::fs::File;
use std::os::unix::fs::FileExt;
use std::path::PathBuf;
use std::process::Command;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use crate::programs::compile;
use crate::support::library::{ours, scratch};
use crate::support::namespace::{Namespace, wire};
use crate::support::process::Program;
use crate::support::stream::{Collector, Cut, Feeder};
use crate::support::{require_package, wait_until};

pub(crate) const BUFFER: u32 = 200;
/// A stream goes on within this once a fault is over.
pub(crate) const WITHIN: Duration = Duration::from_millis(1500 + BUFFER as u64);
pub(crate) const PATIENCE: Duration = Duration::from_secs(20);
pub(crate) const BITS_PER_SECOND: u64 = 3_000_000;
pub(crate) const NETWORK: &str = "10.81.0";
pub(crate) const NETWORK_V6: &str = "fd81:";
/// In namespaces of their own nobody else has these.
const PORT: u16 = 6000;
const FEED: u16 = 5000;
const OUTPUT: u16 = 7000;

/// The places of shim.c's file.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Fault {
    Send = 0,
    Receive = 1,
    Wait = 2,
    Often = 3,
    Clock = 4,
    Failed = 5,
}

/// What shim.c reads.
pub(crate) struct Faults {
    path: PathBuf,
    file: File,
}

impl Faults {
    pub(crate) fn new() -> Faults {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let name = format!("faults-{}-{}", std::process::id(), NEXT.fetch_add(1, Ordering::Relaxed));
        let path = scratch("faults").join(name);
        let file = File::options().read(true).write(true).create(true).truncate(true).open(&path).expect("a file");
        file.set_len(24).expect("a file");
        Faults { path, file }
    }

    pub(crate) fn set(&self, fault: Fault, number: i32) {
        self.file.write_all_at(&number.to_ne_bytes(), fault as u64 * 4).expect("a file");
    }

    pub(crate) fn failed(&self) -> i32 {
        let mut bytes = [0; 4];
        self.file.read_exact_at(&mut bytes, Fault::Failed as u64 * 4).expect("a file");
        i32::from_ne_bytes(bytes)
    }

    fn apply(&self, command: &mut Command) {
        static SHIM: OnceLock<PathBuf> = OnceLock::new();
        let shim = SHIM.get_or_init(|| compile(&["shim.c"], &["-shared", "-fPIC", "-ldl"], "shim.so"));
        command.env("LD_PRELOAD", shim).env("FAULT_FILE", &self.path);
    }
}

impl Drop for Faults {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(&self.path);
    }
}

/// A sender that calls a receiver.
pub(crate) struct Rig {
    pub(crate) sender_at: Namespace,
    pub(crate) receiver_at: Namespace,
    pub(crate) sender: Option<Program>,
    pub(crate) receiver: Option<Program>,
    pub(crate) feeder: Feeder,
    pub(crate) collector: Collector,
    faults: Option<[Faults; 2]>,
    listener: String,
}

impl Rig {
    /// Nothing runs yet.
    pub(crate) fn prepared(v6: bool, faults: bool) -> Rig {
        require_package("rist-tools");
        let (sender_at, receiver_at) = (Namespace::new(), Namespace::new());
        wire(&sender_at, &receiver_at, NETWORK);
        add_v6(&sender_at, 1);
        add_v6(&receiver_at, 2);
        let feeder = sender_at.inside(|| Feeder::start(FEED, BITS_PER_SECOND)).expect("feeder");
        let collector = receiver_at.inside(|| Collector::start(OUTPUT, Cut::Packets)).expect("output port");
        let faults = faults.then(|| [Faults::new(), Faults::new()]);
        let listener = if v6 { format!("[{NETWORK_V6}:2]:{PORT}") } else { format!("{NETWORK}.2:{PORT}") };
        Rig { sender_at, receiver_at, sender: None, receiver: None, feeder, collector, faults, listener }
    }

    pub(crate) fn new(v6: bool, faults: bool) -> Rig {
        let mut rig = Rig::prepared(v6, faults);
        rig.start_receiver();
        rig.start_sender();
        wait_until("first packet", PATIENCE, || rig.collector.verdict().first, || rig.evidence());
        rig.settle();
        rig
    }

    pub(crate) fn start_sender(&mut self) {
        let mut command = self.sender_at.command("ristsender");
        let to = format!("rist://{}?buffer={BUFFER}", self.listener);
        command.args(["-p", "1", "-i", &format!("udp://@127.0.0.1:{FEED}"), "-o", &to]);
        if let Some([faults, _]) = &self.faults {
            faults.apply(&mut command);
        }
        self.sender = Some(Program::start(command, ours()));
    }

    pub(crate) fn start_receiver(&mut self) {
        let mut command = self.receiver_at.command("ristreceiver");
        let at = if self.listener.starts_with('[') { "[::]" } else { "0.0.0.0" };
        let listen = format!("rist://@{at}:{PORT}?buffer={BUFFER}");
        command.args(["-p", "1", "-i", &listen, "-o", &format!("udp://127.0.0.1:{OUTPUT}")]);
        if let Some([_, faults]) = &self.faults {
            faults.apply(&mut command);
        }
        self.receiver = Some(Program::start(command, ours()));
    }

    pub(crate) fn set(&self, fault: Fault, number: i32) {
        self.faults.iter().flatten().for_each(|faults| faults.set(fault, number));
    }

    pub(crate) fn failed(&self) -> [i32; 2] {
        self.faults.as_ref().map_or([0; 2], |faults| [faults[0].failed(), faults[1].failed()])
    }

    /// The stream flows as if nothing had ever happened.
    pub(crate) fn settle(&self) {
        let settled = self.feeder.sent() + 150;
        let flows = || self.collector.verdict().last.filter(|last| *last >= settled);
        wait_until("the stream flows", PATIENCE, flows, || self.evidence());
    }

    /// The fault is over now: how long it takes until something comes out that was fed after it.
    pub(crate) fn assert_goes_on(&self, what: &str) {
        let (start, first) = (Instant::now(), self.feeder.sent());
        let goes_on = || self.collector.verdict().last.filter(|last| *last >= first);
        wait_until(what, PATIENCE, goes_on, || self.evidence());
        let took = start.elapsed();
        println!("{what}: goes on after {took:.0?}");
        assert!(took <= WITHIN, "{what}: {took:?}\n{}", self.evidence());
        assert!(![&self.sender, &self.receiver].into_iter().flatten().any(Program::has_ended), "{}", self.evidence());
    }

    /// Of what is fed during `work` everything comes out, each packet once, in order, byte-identical.
    pub(crate) fn assert_whole(&self, what: &str, work: impl FnOnce()) {
        self.collector.forget();
        work();
        let end = self.feeder.sent() + 50;
        let out = || self.collector.verdict().last.filter(|last| *last >= end);
        wait_until(what, PATIENCE, out, || self.evidence());
        assert_eq!(self.collector.verdict().fault_count, 0, "{what}\n{}", self.evidence());
    }

    pub(crate) fn evidence(&self) -> String {
        let tail = |program: &Option<Program>| program.as_ref().map_or(String::new(), |program| program.tail(40));
        let (verdict, fed) = (self.collector.verdict(), self.feeder.sent());
        format!("{verdict:?} of {fed}\n{}\n{}", tail(&self.sender), tail(&self.receiver))
    }
}

/// Gone whenever the device was down.
pub(crate) fn add_v6(machine: &Namespace, number: u8) {
    machine.ip(&format!("-6 addr replace {NETWORK_V6}:{number}/64 dev wire nodad"));
}

/// Time that a program has had of the processors.
pub(crate) fn processor_time(program: &Program) -> Duration {
    let text = std::fs::read_to_string(format!("/proc/{}/stat", program.id())).expect("a running program");
    // Behind the name, which may hold anything.
    let fields: Vec<&str> = text.rsplit(')').next().unwrap_or_default().split_whitespace().collect();
    let ticks: u64 = [11, 12].into_iter().map(|place: usize| fields[place].parse::<u64>().expect("a number")).sum();
    Duration::from_millis(ticks * 10)
}

pub(crate) fn resident_mb(program: &Program) -> u64 {
    let text = std::fs::read_to_string(format!("/proc/{}/statm", program.id())).expect("a running program");
    let pages: u64 = text.split_whitespace().nth(1).and_then(|pages| pages.parse().ok()).expect("a number");
    (pages * 4096) >> 20
}

/// Does something with each, at the same time: it is mostly waiting.
pub(crate) fn side_by_side<T: Send, const N: usize>(all: [T; N], work: impl Fn(T) + Sync) {
    let work = &work;
    std::thread::scope(|scope| {
        for one in all {
            scope.spawn(move || work(one));
        }
    });
}

/// How long a fault lasts: no condition ends it.
pub(crate) fn last(length: Duration) {
    std::thread::sleep(length);
}
