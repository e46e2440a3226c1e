//! Unmodified ristsender and ristreceiver on our library for a long while, over a link that loses 5 % both ways: what they
//! hold stays as it is, and every payload comes out once, in order, byte-identical. `./soak.sh SECONDS` runs it.
//!
//! The programs live in time namespaces, so that numbers that come round do so half a minute after the start.

#[path = "../support/mod.rs"]
mod support;

mod clocks;
mod samples;

use clocks::Passing;
use samples::Samples;
use std::fmt::Write as _;
use std::time::{Duration, Instant};
use support::library::{ours, scratch};
use support::ports::PortPair;
use support::process::Program;
use support::relay::{Direction, Impairment, Relay};
use support::stream::{Collector, Cut, Feeder};
use support::{load, require_package, stall, wait_until};

const BITS_PER_SECOND: u64 = 20_000_000;
const START_LIMIT: Duration = Duration::from_secs(20);
const END_LIMIT: Duration = Duration::from_secs(10);
/// Buffers and pools are as full as they get.
const WARM_UP: Duration = Duration::from_secs(15);
/// How long the machine has to stand still for what is lost or added at that time to be its fault. The kernel holds 50 ms
/// of this stream for a program that does not run, and a session times out after 250.
const EXCUSE: Duration = Duration::from_millis(100);
/// How long after a stall its losses may show: buffers, and what was dropped at an input and is not missed yet.
const AFTERMATH: Duration = Duration::from_secs(5);
/// A look at what is on the wire.
const LOOK: Duration = Duration::from_secs(3);

const LINK: Impairment = Impairment {
    loss: 5.0,
    duplicate: 0.5,
    reorder: 2.0,
    delay: Duration::from_millis(10),
    jitter: Duration::from_millis(5),
    spare_repeats: false,
    rate: None,
};

struct Mode {
    name: &'static str,
    profile: &'static str,
    options: &'static str,
    /// Of the sender alone.
    rotation: &'static str,
    passing: Passing,
}

const MODES: [Mode; 3] = [
    Mode { name: "simple", profile: "0", options: "", rotation: "", passing: Passing::Rtp },
    Mode { name: "main", profile: "1", options: "", rotation: "", passing: Passing::Milliseconds },
    Mode {
        name: "aes",
        profile: "1",
        options: "&secret=a-shared-passphrase&aes-type=256",
        // About two keys in a second.
        rotation: "&key-rotation=1000",
        passing: Passing::SignedMilliseconds,
    },
];

struct Session {
    mode: &'static Mode,
    programs: [Program; 2],
    samples: [Samples; 2],
    relay: Relay,
    feeder: Feeder,
    collector: Collector,
    /// Where datagrams can be lost that the link has not seen: the sender's input, the receiver's output.
    inputs: [u16; 2],
    /// Payloads that the link or the library lost when last looked at, and how many of them while the machine stood still.
    lost: u64,
    excused: u64,
    _ports: [PortPair; 4],
}

impl Session {
    fn start(mode: &'static Mode) -> Session {
        let ports = [(); 4].map(|()| PortPair::new());
        let [feed, entry, session, output] = ports.each_ref().map(PortPair::even);
        let collector = Collector::start(output, Cut::Packets).expect("output port");
        let start_relay = if mode.profile == "0" { Relay::start } else { Relay::start_single };
        let relay = start_relay(entry, session, 1).expect("relay ports");
        let start = |name: &str, input: String, output: String| {
            let mut command = mode.passing.command();
            command.args([name, "-p", mode.profile, "-i", &input, "-o", &output]);
            Program::start(command, ours())
        };
        let from = format!("rist://@127.0.0.1:{session}?buffer=1000{}", mode.options);
        let to = format!("rist://127.0.0.1:{entry}?buffer=1000{}{}", mode.options, mode.rotation);
        let receiver = start("ristreceiver", from, format!("udp://127.0.0.1:{output}"));
        let sender = start("ristsender", format!("udp://@127.0.0.1:{feed}"), to);
        sender.assert_uses(ours());
        receiver.assert_uses(ours());
        let feeder = Feeder::start(feed, BITS_PER_SECOND).expect("feeder");
        let samples = ["sender", "receiver"].map(|side| Samples::new(format!("{} {side}", mode.name)));
        let inputs = [feed, output];
        let programs = [sender, receiver];
        let session =
            Session { mode, programs, samples, relay, feeder, collector, inputs, lost: 0, excused: 0, _ports: ports };
        let first = || session.collector.verdict().first;
        wait_until("first packet", START_LIMIT, first, || session.evidence());
        session.relay.impair(LINK);
        session
    }

    fn evidence(&self) -> String {
        let mut text = format!("{}: {:#?}\nsent {}\n", self.mode.name, self.collector.verdict(), self.feeder.sent());
        for direction in [Direction::Forward, Direction::Return] {
            let _ = writeln!(text, "{direction:?}: {:?}", self.relay.counters(direction));
        }
        self.programs.iter().fold(text, |text, program| text + &program.tail(12))
    }

    fn sample(&mut self, at: Duration, stalled: bool) {
        for (samples, program) in self.samples.iter_mut().zip(&self.programs) {
            assert!(!program.has_ended(), "{}", program.tail(40));
            samples.take(at, program.id(), stalled);
        }
    }

    /// Losses while the machine stood still are not the library's. What was dropped at an input is known before it is missed.
    fn look_for_losses(&mut self, stalled: bool) {
        let lost = self.collector.verdict().missing.saturating_sub(self.dropped());
        let more = lost.saturating_sub(self.lost);
        self.excused += if stalled { more } else { 0 };
        self.lost += more;
    }

    /// Datagrams that the kernel has dropped at the programs' inputs.
    fn dropped(&self) -> u64 {
        self.inputs.iter().map(|port| load::udp_drops(*port)).sum()
    }

    fn complaints(&self) -> Vec<String> {
        let mut found: Vec<String> = self.samples.iter().flat_map(Samples::complaints).collect();
        let verdict = self.collector.verdict();
        let (lost, excused) = (self.lost, self.excused);
        if lost > excused {
            found.push(format!("{}: {lost} payloads lost, {excused} of them in stalls: {verdict:?}", self.mode.name));
        }
        if verdict.fault_count > verdict.gaps {
            found.push(format!("{}: payloads changed, doubled or out of order: {verdict:?}", self.mode.name));
        }
        let link = self.relay.counters(Direction::Forward);
        if link.lost * 25 < link.received {
            found.push(format!("{}: the link lost only {} of {}", self.mode.name, link.lost, link.received));
        }
        found
    }

    fn rows(&self) -> String {
        self.samples.iter().fold(String::new(), |mut text, samples| {
            let (first, last) = samples.quarters(|held| held.rss_kb);
            let (anonymous, anonymous_last) = samples.quarters(|held| held.anonymous_kb);
            let (files, threads) = (samples.range(|held| held.files as u64), samples.range(|held| held.threads));
            let _ = writeln!(
                text,
                "{:16} {first:>7} {last:>7} {:>+6} {:>+6} {:>6}   {:>2}..{:<2}  {:>2}..{:<2} {:>5.1}",
                samples.name,
                last - first,
                anonymous_last - anonymous,
                samples.excused_kb(),
                files.0,
                files.1,
                threads.0,
                threads.1,
                samples.load()
            );
            text
        })
    }

    fn traffic(&self, length: Duration) -> String {
        let verdict = self.collector.verdict();
        let [forth, back] = [Direction::Forward, Direction::Return].map(|direction| self.relay.counters(direction));
        let rate = verdict.packets as f64 * support::stream::PACKET as f64 * 8.0 / length.as_secs_f64() / 1e6;
        format!(
            "{:8} {:>9} payloads, {:>2} rounds of 16 bits, {rate:.1} Mbit/s; link lost {} of {} and {} of {} back; missing {}, \
             of these dropped at an input {}, lost in stalls {}",
            self.mode.name,
            verdict.packets,
            verdict.packets >> 16,
            forth.lost,
            forth.received,
            back.lost,
            back.received,
            verdict.missing,
            self.dropped(),
            self.excused
        )
    }
}

fn number(name: &str, default: u64) -> u64 {
    std::env::var(name).map_or(default, |text| text.parse().expect("a number"))
}

/// Everything that passes for a while.
fn recorded(sessions: &[Session]) -> Vec<Vec<(Direction, Vec<u8>)>> {
    sessions.iter().for_each(|session| session.relay.record());
    std::thread::sleep(LOOK);
    sessions.iter().map(|session| session.relay.take_recorded()).collect()
}

#[test]
#[ignore = "takes minutes: soak.sh runs it"]
fn a_long_run_leaves_everything_as_it_was() {
    require_package("rist-tools");
    let length = Duration::from_secs(number("SOAK_SECONDS", 120));
    let period = (length / 60).clamp(Duration::from_secs(1), Duration::from_secs(5));
    let wanted = std::env::var("SOAK_MODES").unwrap_or_else(|_| "simple main aes".to_owned());
    stall::begin();
    let begun = Instant::now();
    let chosen = MODES.iter().filter(|mode| wanted.split_whitespace().any(|name| name == mode.name));
    let mut sessions: Vec<Session> = chosen.map(Session::start).collect();
    let first = recorded(&sessions);

    let (mut next, mut looked) = (begun + WARM_UP, begun);
    let (mut longest, mut stalled, mut samples) = (Duration::ZERO, 0, 0);
    while begun.elapsed() < length {
        // Time is what this test is about.
        std::thread::sleep(next.saturating_duration_since(Instant::now()));
        next += period;
        let stall = stall::longest_since(looked - AFTERMATH);
        longest = longest.max(stall);
        samples += 1;
        stalled += u32::from(stall >= EXCUSE);
        looked = Instant::now();
        for session in &mut sessions {
            session.sample(begun.elapsed(), stall >= EXCUSE);
            session.look_for_losses(stall >= EXCUSE);
        }
    }
    let last = recorded(&sessions);
    for session in &mut sessions {
        session.relay.impair(Impairment::default());
        let end = session.feeder.sent();
        let out = || session.collector.verdict().last.filter(|last| *last >= end);
        wait_until("the last packet", END_LIMIT, out, || session.evidence());
        session.look_for_losses(stall::longest_since(looked - AFTERMATH) >= EXCUSE);
    }

    let length = begun.elapsed();
    let header = "seconds,program,rss_kb,anonymous_kb,descriptors,threads,cpu_seconds,stalled\n".to_owned();
    let csv = sessions.iter().flat_map(|session| &session.samples).fold(header, |text, samples| text + &samples.csv());
    let file = scratch("soak").join(format!("{}-seconds.csv", length.as_secs()));
    std::fs::write(&file, csv).expect("a file of samples");
    println!("\n{:.0} s, samples in {}", length.as_secs_f64(), file.display());
    println!(
        "program            RSS, kB: first and last quarter, drift, of it anonymous, in stalls; descriptors; threads; CPU %"
    );
    sessions.iter().for_each(|session| print!("{}", session.rows()));
    sessions.iter().for_each(|session| println!("{}", session.traffic(length)));
    println!("longest stall of the machine {} ms, {stalled} of {samples} samples with one", longest.as_millis());

    let mut complaints: Vec<String> = sessions.iter().flat_map(Session::complaints).collect();
    for ((session, first), last) in sessions.iter().zip(&first).zip(&last) {
        complaints.extend(clocks::complaints(session.mode.name, session.mode.passing, first, last));
    }
    let evidence = || sessions.iter().map(Session::evidence).collect::<String>();
    assert!(complaints.is_empty(), "{complaints:#?}\n{}", evidence());
    for program in sessions.iter_mut().flat_map(|session| &mut session.programs) {
        assert!(program.interrupt().success(), "{}", program.tail(40));
    }
}
