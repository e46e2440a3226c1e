//! One cell of the matrix: its programs, started in a chain, and the check of what comes out.

use std::process::Command;
use std::time::Duration;

use crate::support::library::{Library, debian, ours};
use crate::support::ports::PortPair;
use crate::support::process::Program;
use crate::support::relay::{Direction, Impairment, Relay};
use crate::support::stream::{Collector, Cut, Feeder};
use crate::support::{require_package, wait_until};

/// Recovery buffer of every session, in milliseconds.
const BUFFER: u32 = 700;
const BITS_PER_SECOND: u64 = 3_000_000;
/// Packets counted: about 3.5 seconds.
const COUNTED: u64 = 1000;
const START_LIMIT: Duration = Duration::from_secs(20);
const END_LIMIT: Duration = Duration::from_secs(10);

#[derive(Clone, Copy)]
pub(crate) enum Sender {
    Ristsender(&'static Library),
    Ffmpeg(&'static Library),
    /// GStreamer's ristsink has its own RIST.
    GStreamer,
}

#[derive(Clone, Copy)]
pub(crate) enum Receiver {
    Ristreceiver(&'static Library),
    Ffmpeg(&'static Library),
    /// GStreamer's ristsrc has its own RIST.
    GStreamer,
    /// rist2rist, whose output goes on over a clean link to a ristreceiver on the second library.
    Rist2rist(&'static Library, &'static Library),
}

#[derive(Clone, Copy, PartialEq)]
pub(crate) enum Link {
    Clean,
    /// 10 % loss, and delay, jitter, reordering and repeats.
    Lossy,
}

/// What has to come out. Less than everything only where the reason names a fault of a stock program.
#[derive(Clone, Copy)]
pub(crate) enum Expect {
    /// Every packet from the first that comes out.
    Whole,
    /// Every packet once the start is over.
    WholeOnceSettled(&'static str),
    /// All but at most 2 in 100.
    NearlyWhole(&'static str),
}

pub(crate) struct Cell {
    pub(crate) sender: Sender,
    pub(crate) link: Link,
    pub(crate) receiver: Receiver,
    pub(crate) expect: Expect,
}

/// A program of a chain and the library it has to run on.
struct Stage {
    program: Program,
    library: Option<&'static Library>,
}

pub(crate) fn check(cell: Cell) {
    let (feed, session, output, hop) = (PortPair::new(), PortPair::new(), PortPair::new(), PortPair::new());
    let entry = PortPair::new();
    let cut = match (cell.sender, cell.receiver) {
        (Sender::Ristsender(_), Receiver::Ristreceiver(_) | Receiver::Rist2rist(..)) => Cut::Packets,
        _ => Cut::Anywhere,
    };
    let collector = Collector::start(output.even(), cut).expect("output port");
    let relay = Relay::start(entry.even(), session.even(), 1).expect("relay ports");
    let mut stages = receivers(cell.receiver, session.even(), hop.even(), output.even());
    let target = if cell.link == Link::Lossy { entry.even() } else { session.even() };
    stages.push(sender(cell.sender, feed.even(), target));
    for stage in &stages {
        if let Some(library) = stage.library {
            stage.program.assert_uses(library);
        }
    }

    let feeder = Feeder::start(feed.even(), BITS_PER_SECOND).expect("feeder");
    let evidence = || {
        let mut text = format!("{:#?}\nsent {}\n", collector.verdict(), feeder.sent());
        for direction in [Direction::Forward, Direction::Return] {
            text += &format!("{direction:?}: {:?}\n", relay.counters(direction));
        }
        stages.iter().fold(text, |text, stage| text + &stage.program.tail(25))
    };
    wait_until("first packet", START_LIMIT, || collector.verdict().first, evidence);
    if let Expect::WholeOnceSettled(reason) = cell.expect {
        println!("the start does not count: {reason}");
        wait_until("stream settled", START_LIMIT, || (collector.verdict().clean > 400).then_some(()), evidence);
        collector.forget();
    }

    let start = feeder.sent();
    if cell.link == Link::Lossy {
        impair(&relay, cell.receiver);
    }
    wait_until("counted packets sent", START_LIMIT, || (feeder.sent() >= start + COUNTED).then_some(()), evidence);
    relay.impair(Impairment::default());
    let end = feeder.sent();
    wait_until("last counted packet", END_LIMIT, || collector.verdict().last.filter(|last| *last >= end), evidence);

    let verdict = collector.verdict();
    if let Expect::NearlyWhole(reason) = cell.expect {
        println!("{} gaps allowed: {reason}", verdict.fault_count);
        assert!(verdict.packets >= COUNTED - COUNTED / 50, "nearly every payload\n{}", evidence());
    } else {
        assert_eq!(verdict.fault_count, 0, "every payload exactly once, in order, byte-identical\n{}", evidence());
    }
    assert!(verdict.first.is_some_and(|first| first <= start), "the counted packets came out\n{}", evidence());
    if cell.link == Link::Lossy {
        let lost = relay.counters(Direction::Forward).lost;
        assert!(lost > COUNTED / 20, "the link lost packets\n{}", evidence());
    }
}

fn impair(relay: &Relay, receiver: Receiver) {
    // ristsrc asks for most packets once only, so what it asked for must not be lost again.
    let spare_repeats = matches!(receiver, Receiver::GStreamer);
    let way_back =
        Impairment { delay: Duration::from_millis(10), jitter: Duration::from_millis(5), ..Impairment::default() };
    relay.set(Direction::Return, way_back);
    relay.set(Direction::Forward, Impairment { loss: 10.0, reorder: 2.0, duplicate: 1.0, spare_repeats, ..way_back });
}

fn sender(sender: Sender, feed: u16, target: u16) -> Stage {
    let input = format!("udp://@127.0.0.1:{feed}");
    match sender {
        Sender::Ristsender(library) => {
            // A sender keeps packets longer than a receiver waits: ristsrc asks for some as late as 0.7 s after.
            let output = format!("rist://127.0.0.1:{target}?buffer={}", 2 * BUFFER);
            tool(library, "ristsender", &["-p", "0", "-i", &input, "-o", &output])
        }
        Sender::Ffmpeg(library) => {
            let input = format!("udp://127.0.0.1:{feed}?fifo_size=100000");
            let output = format!("rist://127.0.0.1:{target}");
            ffmpeg(library, &["-i", &input], &["-rist_profile", "simple"], &output)
        }
        Sender::GStreamer => {
            let (feed, target) = (format!("port={feed}"), format!("port={target}"));
            let caps = "caps=video/mpegts,systemstream=true,packetsize=188";
            gstreamer(&[
                &["udpsrc", "address=127.0.0.1", &feed, caps],
                &["rtpmp2tpay"],
                &["ristsink", "address=127.0.0.1", &target],
            ])
        }
    }
}

fn receivers(receiver: Receiver, session: u16, hop: u16, output: u16) -> Vec<Stage> {
    let input = format!("rist://@127.0.0.1:{session}?buffer={BUFFER}");
    let udp = format!("udp://127.0.0.1:{output}");
    match receiver {
        Receiver::Ristreceiver(library) => {
            vec![tool(library, "ristreceiver", &["-p", "0", "-i", &input, "-o", &udp])]
        }
        Receiver::Ffmpeg(library) => {
            let rist = format!("rist://@127.0.0.1:{session}");
            let buffer = BUFFER.to_string();
            let from = ["-rist_profile", "simple", "-buffer_size", &buffer, "-i", &rist];
            vec![ffmpeg(library, &from, &[], &format!("{udp}?pkt_size=1316"))]
        }
        Receiver::GStreamer => {
            let (port, buffer) = (format!("port={session}"), format!("receiver-buffer={}", 2 * BUFFER));
            let output = format!("port={output}");
            vec![gstreamer(&[
                &["ristsrc", "address=127.0.0.1", &port, &buffer],
                &["rtpmp2tdepay"],
                &["udpsink", "host=127.0.0.1", &output, "sync=false"],
            ])]
        }
        Receiver::Rist2rist(library, last) => {
            // rist2rist 0.2.7 takes Simple and gives Main. On our library the URL, newer than the program, can say
            // that it gives Simple.
            let (profile, simple) = if std::ptr::eq(library, ours()) { ("0", "&profile=0") } else { ("1", "") };
            let between = format!("rist://127.0.0.1:{hop}?buffer={BUFFER}{simple}");
            let onward = format!("rist://@127.0.0.1:{hop}?buffer={BUFFER}");
            vec![
                tool(last, "ristreceiver", &["-p", profile, "-i", &onward, "-o", &udp]),
                tool(library, "rist2rist", &["-i", &input, "-o", &between]),
            ]
        }
    }
}

fn tool(library: &'static Library, name: &str, arguments: &[&str]) -> Stage {
    require_package("rist-tools");
    let mut command = Command::new(name);
    command.args(arguments);
    Stage { program: Program::start(command, library), library: Some(library) }
}

fn ffmpeg(library: &'static Library, input: &[&str], options: &[&str], output: &str) -> Stage {
    require_package("ffmpeg");
    let mut command = Command::new("ffmpeg");
    command.args(["-hide_banner", "-nostdin", "-nostats", "-fflags", "nobuffer", "-analyzeduration", "0"]);
    command.args(["-probesize", "32", "-f", "data", "-raw_packet_size", "1316"]).args(input);
    command.args(["-map", "0", "-c", "copy", "-flush_packets", "1", "-f", "data"]).args(options).arg(output);
    Stage { program: Program::start(command, library), library: Some(library) }
}

fn gstreamer(elements: &[&[&str]]) -> Stage {
    for package in ["gstreamer1.0-tools", "gstreamer1.0-plugins-base", "gstreamer1.0-plugins-good"] {
        require_package(package);
    }
    require_package("gstreamer1.0-plugins-bad");
    let mut command = Command::new("gst-launch-1.0");
    command.args(elements.join(&"!"));
    // Its RIST elements do not use librist: the library makes no difference.
    Stage { program: Program::start(command, debian()), library: None }
}
