//! One cell of the matrix: its programs, started in a chain, and the check of what comes out.

#![allow(dead_code)] // Each matrix uses its own part.

mod mode;
mod programs;
mod seen;

pub(crate) use mode::Mode;
pub(crate) use programs::{Ports, Receiver, Sender, Stage, receivers, senders};

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::Duration;

use crate::support::ports::PortPair;
use crate::support::relay::{Direction, Impairment, Relay};
use crate::support::stall::unless_stalled;
use crate::support::stream::{Collector, Cut, Feeder, Verdict};
use crate::support::wait_until;

const BITS_PER_SECOND: u64 = 3_000_000;
const START_LIMIT: Duration = Duration::from_secs(20);
const END_LIMIT: Duration = Duration::from_secs(10);
/// How long nothing has to come where nothing is expected.
const NOTHING_FOR: Duration = Duration::from_secs(3);

/// How often a chain that is all of others' making is tried.
const CONTROL_ATTEMPTS: usize = 3;

/// How often a login may be renewed within one cell.
const RENEWED_LOGINS: u64 = 2;

#[derive(Clone, Copy, Debug, PartialEq)]
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
    /// Every packet, but for an outage where a login is renewed.
    WholeBetweenLogins(&'static str),
    /// Nothing at all.
    Nothing(&'static str),
}

pub(crate) struct Cell {
    pub(crate) mode: Mode,
    pub(crate) sender: Sender,
    pub(crate) link: Link,
    pub(crate) receiver: Receiver,
    pub(crate) expect: Expect,
}

impl Cell {
    fn cut(&self) -> Cut {
        let packets = matches!(
            (self.sender, self.receiver),
            (Sender::Ristsender(_) | Sender::Rist2rist(_), Receiver::Ristreceiver(_) | Receiver::Rist2rist(..))
        );
        let halves = self.mode.split.is_some() && self.mode.merge.is_none();
        if packets && !halves { Cut::Packets } else { Cut::Anywhere }
    }

    /// Where media goes on the link.
    pub(crate) fn media_direction(&self) -> Direction {
        if self.mode.reversed { Direction::Return } else { Direction::Forward }
    }

    /// Starts the programs, those that listen first.
    fn start(&self, ports: Ports, session: u16, call: u16) -> Vec<Stage> {
        if self.mode.reversed {
            let mut stages = senders(self.sender, self.mode, ports, session);
            stages.extend(receivers(self.receiver, self.mode, ports, call));
            return stages;
        }
        let mut stages = receivers(self.receiver, self.mode, ports, session);
        stages.extend(senders(self.sender, self.mode, ports, call));
        stages
    }
}

/// Makes a link lossy for media, and slow both ways.
pub(crate) fn impair(relay: &Relay, media: Direction, spare_repeats: bool) {
    let way_back =
        Impairment { delay: Duration::from_millis(10), jitter: Duration::from_millis(5), ..Impairment::default() };
    relay.impair(way_back);
    relay.set(media, Impairment { loss: 10.0, reorder: 2.0, duplicate: 1.0, spare_repeats, ..way_back });
}

/// The running programs of a cell.
pub(crate) struct Run {
    pub(crate) relay: Relay,
    pub(crate) feeder: Feeder,
    pub(crate) collector: Collector,
    stages: Vec<Stage>,
    _ports: [PortPair; 5],
}

impl Run {
    /// Starts everything. A clean link needs no relay between the programs.
    pub(crate) fn start(cell: &Cell, through_relay: bool) -> Run {
        let pairs = [(); 5].map(|()| PortPair::new());
        let [feed, session, output, hop, entry] = pairs.each_ref().map(PortPair::even);
        let filling = cell.mode.filling;
        let collector = Collector::filled(output, cell.cut(), filling).expect("output port");
        let start_relay = if cell.mode.simple { Relay::start } else { Relay::start_single };
        let relay = start_relay(entry, session, 1).expect("relay ports");
        relay.record();
        let call = if through_relay { entry } else { session };
        let stages = cell.start(Ports { feed, hop, output }, session, call);
        stages.iter().for_each(Stage::assert_library);
        let feeder = Feeder::filled(feed, BITS_PER_SECOND, filling).expect("feeder");
        Run { relay, feeder, collector, stages, _ports: pairs }
    }

    pub(crate) fn evidence(&self) -> String {
        let mut text = format!("{:#?}\nsent {}\n", self.collector.verdict(), self.feeder.sent());
        for direction in [Direction::Forward, Direction::Return] {
            text += &format!("{direction:?}: {:?}\n", self.relay.counters(direction));
        }
        self.stages.iter().fold(text, |text, stage| text + &stage.program.tail(25))
    }

    pub(crate) fn wait(&self, what: &str, limit: Duration, condition: impl Fn(&Verdict) -> bool) {
        let holds = || condition(&self.collector.verdict()).then_some(());
        wait_until(what, limit, holds, || self.evidence());
    }

    fn wait_sent(&self, count: u64) {
        self.wait("counted packets sent", START_LIMIT, |_| self.feeder.sent() >= count);
    }
}

pub(crate) fn check(cell: Cell) {
    // A chain without our library checks the test itself. What goes wrong by chance in it is not our fault.
    let ours = cell.sender.on_ours() || cell.receiver.on_ours();
    for left in (1..if ours { 1 } else { CONTROL_ATTEMPTS }).rev() {
        match catch_unwind(AssertUnwindSafe(|| attempt(&cell))) {
            Ok(()) => return,
            Err(_) => println!("a chain without our library failed: up to {left} times more"),
        }
    }
    unless_stalled(|| attempt(&cell));
}

fn attempt(cell: &Cell) {
    let lossy = cell.link == Link::Lossy;
    let counted = cell.mode.counted(lossy);
    let run = Run::start(cell, lossy);
    let Run { relay, feeder, collector, .. } = &run;
    if let Expect::Nothing(reason) = cell.expect {
        println!("nothing comes: {reason}");
        std::thread::sleep(NOTHING_FOR);
        assert_eq!(collector.verdict().packets, 0, "nothing comes out\n{}", run.evidence());
        return;
    }
    run.wait("first packet", START_LIMIT, |verdict| verdict.first.is_some());
    if let Expect::WholeOnceSettled(reason) = cell.expect {
        println!("the start does not count: {reason}");
        run.wait("stream settled", START_LIMIT, |verdict| verdict.clean > 400);
        collector.forget();
    }

    let start = feeder.sent();
    if lossy {
        // ristsrc asks for most packets once only, so what it asked for must not be lost again.
        impair(relay, cell.media_direction(), matches!(cell.receiver, Receiver::GStreamer));
    }
    run.wait_sent(start + counted);
    relay.impair(Impairment::default());
    let end = feeder.sent();
    run.wait("last counted packet", END_LIMIT, |verdict| verdict.last >= Some(end));

    let verdict = collector.verdict();
    let allowed = match cell.expect {
        Expect::NearlyWhole(reason) => {
            println!("{} gaps allowed: {reason}", verdict.fault_count);
            assert!(verdict.packets >= counted - counted / 50, "nearly every payload\n{}", run.evidence());
            u64::MAX
        }
        Expect::WholeBetweenLogins(reason) => {
            println!("{} outages of {RENEWED_LOGINS} allowed: {reason}", verdict.outages);
            RENEWED_LOGINS
        }
        _ => 0,
    };
    let whole = verdict.outages <= allowed;
    assert!(whole, "every payload exactly once, in order, byte-identical\n{}", run.evidence());
    assert!(verdict.first.is_some_and(|first| first <= start), "the counted packets came out\n{}", run.evidence());
    if lossy {
        let lost = relay.counters(cell.media_direction()).lost;
        assert!(lost > counted / 20, "the link lost packets\n{}", run.evidence());
        let recorded = relay.recorded();
        seen::assert_mode(&cell.mode, &recorded);
        seen::assert_framing(&cell.mode, cell.sender.on_ours() && cell.receiver.on_ours(), &recorded);
    }
}
