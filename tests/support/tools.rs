//! ristsender and ristreceiver of Debian, in the Main profile.

use std::process::Command;

use std::time::Duration;

use super::library::{Library, ours, scratch};
use super::namespace::Namespace;
use super::ports::PortPair;
use super::process::Program;
use super::stream::{Collector, Cut, Feeder};
use super::{require_package, wait_until};

pub(crate) const SECRET: &str = "a-shared-passphrase";
const USER: &str = "camera";
const PASSWORD: &str = "of-many-words";

/// How a session is protected.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Mode {
    pub(crate) name: &'static str,
    pub(crate) secret: bool,
    pub(crate) login: bool,
}

pub(crate) const CLEAR: Mode = Mode { name: "clear", secret: false, login: false };
pub(crate) const AES: Mode = Mode { name: "AES-128", secret: true, login: false };
pub(crate) const SRP: Mode = Mode { name: "SRP", secret: false, login: true };
pub(crate) const SRP_AES: Mode = Mode { name: "SRP+secret", secret: true, login: true };
pub(crate) const MODES: [Mode; 4] = [CLEAR, AES, SRP, SRP_AES];

impl Mode {
    /// A RIST URL; `place` begins with `@` where the program is to listen.
    pub(crate) fn url(self, place: &str, buffer: u32) -> String {
        let mut url = format!("rist://{place}?buffer={buffer}");
        if self.secret {
            url += &format!("&secret={SECRET}&aes-type=128");
        }
        if self.login && !place.starts_with('@') {
            url += &format!("&username={USER}&password={PASSWORD}");
        }
        url
    }

    /// Options for a listener: the file with its users.
    fn users(self, place: &str) -> Vec<String> {
        if !self.login || !place.starts_with('@') {
            return Vec::new();
        }
        let out = Command::new("ristsrppasswd").args([USER, PASSWORD]).output().expect("ristsrppasswd");
        let file = scratch("srp").join(format!("users-{}-{:?}", std::process::id(), std::thread::current().id()));
        std::fs::write(&file, &out.stdout).expect("a file of users");
        vec!["-F".to_owned(), file.display().to_string()]
    }
}

/// Where the programs run.
#[derive(Clone, Copy)]
pub(crate) enum Machine<'a> {
    Here,
    In(&'a Namespace),
}

impl Machine<'_> {
    fn command(self, program: &str) -> Command {
        require_package("rist-tools");
        match self {
            Machine::Here => Command::new(program),
            Machine::In(namespace) => namespace.command(program),
        }
    }

    pub(crate) fn inside<R: Send>(self, work: impl FnOnce() -> R + Send) -> R {
        match self {
            Machine::Here => work(),
            Machine::In(namespace) => namespace.inside(work),
        }
    }

    /// Sends what comes to a local UDP port to `place`.
    pub(crate) fn sender(self, library: &Library, mode: Mode, feed: u16, place: &str, buffer: u32) -> Program {
        let mut command = self.command("ristsender");
        command.args(["-p", "1", "-i", &format!("udp://@127.0.0.1:{feed}"), "-o", &mode.url(place, buffer)]);
        command.args(mode.users(place));
        Program::start(command, library)
    }

    /// Hands what comes from `place` to a local UDP port.
    pub(crate) fn receiver(self, library: &Library, mode: Mode, place: &str, buffer: u32, output: u16) -> Program {
        let mut command = self.command("ristreceiver");
        command.args(["-p", "1", "-i", &mode.url(place, buffer), "-o", &format!("udp://127.0.0.1:{output}")]);
        command.args(mode.users(place));
        Program::start(command, library)
    }
}

/// A stream through a sender and a receiver on our library, on this machine.
pub(crate) struct Stream {
    pub(crate) port: u16,
    pub(crate) sender: Program,
    pub(crate) receiver: Program,
    pub(crate) feeder: Feeder,
    pub(crate) collector: Collector,
    _ports: [PortPair; 3],
}

const START_LIMIT: Duration = Duration::from_secs(20);
const END_LIMIT: Duration = Duration::from_secs(10);

impl Stream {
    /// `listens`: which side does; the other one calls. Returns once packets come out.
    pub(crate) fn start(mode: Mode, listens: Side, buffer: u32, bits_per_second: u64) -> Stream {
        let ports = [PortPair::new(), PortPair::new(), PortPair::new()];
        let [port, feed, output] = [ports[0].even(), ports[1].even(), ports[2].even()];
        let (listen, call) = (format!("@127.0.0.1:{port}"), format!("127.0.0.1:{port}"));
        let [at_sender, at_receiver] = if listens == Side::Receiver { [&call, &listen] } else { [&listen, &call] };
        let collector = Collector::start(output, Cut::Packets).expect("output port");
        let sender = Machine::Here.sender(ours(), mode, feed, at_sender, buffer);
        let receiver = Machine::Here.receiver(ours(), mode, at_receiver, buffer, output);
        let feeder = Feeder::start(feed, bits_per_second).expect("feeder");
        let stream = Stream { port, sender, receiver, feeder, collector, _ports: ports };
        stream.sender.assert_uses(ours());
        stream.receiver.assert_uses(ours());
        wait_until("first packet", START_LIMIT, || stream.collector.verdict().first, || stream.evidence());
        stream
    }

    /// Fails unless everything that was fed so far comes out, each packet once, in order, byte-identical.
    pub(crate) fn assert_whole(&self) {
        let end = self.feeder.sent();
        let out = || self.collector.verdict().last.filter(|last| *last >= end);
        wait_until("the last packet", END_LIMIT, out, || self.evidence());
        assert_eq!(self.collector.verdict().fault_count, 0, "{}", self.evidence());
    }

    /// The program that is called and the one that calls.
    pub(crate) fn callee_and_caller(&self) -> [&Program; 2] {
        let sender_calls = self.sender.text().contains("connecting to");
        if sender_calls { [&self.receiver, &self.sender] } else { [&self.sender, &self.receiver] }
    }

    /// The port that the caller calls from.
    pub(crate) fn caller_port(&self) -> u16 {
        let [_, caller] = self.callee_and_caller();
        after(&caller.text(), " from ").and_then(|address| address.rsplit(':').next()?.parse().ok()).expect("a port")
    }

    /// The number that the receiver knows the stream by.
    pub(crate) fn flow(&self) -> u32 {
        after(&self.receiver.text(), "] flow ").and_then(|flow| flow.parse().ok()).expect("a flow")
    }

    pub(crate) fn evidence(&self) -> String {
        let (verdict, sent) = (self.collector.verdict(), self.feeder.sent());
        format!("{verdict:#?}\nsent {sent}\n{}\n{}", self.sender.tail(40), self.receiver.tail(40))
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Side {
    Sender,
    Receiver,
}

/// The word behind some text.
fn after<'a>(text: &'a str, before: &str) -> Option<&'a str> {
    let start = text.find(before)? + before.len();
    text[start..].split_whitespace().next()
}
