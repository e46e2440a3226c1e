//! More than two programs at one port: two senders that call one receiver, and two receivers that call one sender.

use super::*;
use chain::{Ports, Stage, impair, receivers, senders};
use std::path::{Path, PathBuf};
use std::time::Duration;
use support::library::scratch;
use support::ports::PortPair;
use support::process::Program;
use support::relay::{Direction, Impairment, Relay};
use support::stall::unless_stalled;
use support::stream::{Collector, Cut, Feeder, Filling, Verdict, verdict_on_filled_file};
use support::wait_until;

const BITS_PER_SECOND: u64 = 2_000_000;
/// About 2.5 seconds.
const COUNTED: u64 = 500;
const LIMIT: Duration = Duration::from_secs(20);
const FILLINGS: [Filling; 2] = [Filling::Full, Filling::WithNulls];

/// Two streams over two links, and what has come out of each.
struct Streams<'a> {
    link: Link,
    relays: [Relay; 2],
    media: Direction,
    sent: &'a dyn Fn() -> [u64; 2],
    verdicts: &'a dyn Fn() -> [Verdict; 2],
    programs: Vec<&'a Program>,
}

impl Streams<'_> {
    fn evidence(&self) -> String {
        let programs = self.programs.iter().map(|program| program.tail(25));
        format!("{:#?}\n{}", (self.verdicts)(), programs.collect::<String>())
    }

    fn wait(&self, what: &str, reached: impl Fn(&Verdict, u64) -> bool, numbers: [u64; 2]) {
        let all = || (self.verdicts)().iter().zip(numbers).all(|(verdict, number)| reached(verdict, number));
        wait_until(what, LIMIT, || all().then_some(()), || self.evidence());
    }

    /// Every payload of both streams from the first one on, exactly once, in order, byte-identical.
    fn check(&self) {
        self.wait("first packets", |verdict, _| verdict.first.is_some(), [0; 2]);
        let start = (self.sent)();
        if self.link == Lossy {
            self.relays.iter().for_each(|relay| impair(relay, self.media, false));
        }
        self.wait("counted packets", |verdict, number| verdict.last >= Some(number), start.map(|sent| sent + COUNTED));
        self.relays.iter().for_each(|relay| relay.impair(Impairment::default()));
        self.wait("last packets", |verdict, number| verdict.last >= Some(number), (self.sent)());
        for (verdict, start) in (self.verdicts)().into_iter().zip(start) {
            assert_eq!(verdict.fault_count, 0, "{}", self.evidence());
            assert!(verdict.first.is_some_and(|first| first <= start), "{}", self.evidence());
        }
        for counters in self.relays.iter().map(|relay| relay.counters(self.media)) {
            assert!(self.link == Clean || counters.lost > COUNTED / 20, "{counters:?}");
        }
    }
}

fn files(directory: &Path) -> Vec<PathBuf> {
    std::fs::read_dir(directory).into_iter().flatten().flatten().map(|entry| entry.path()).collect()
}

/// What a receiver has written of the flow with this filling: the file that has most of its packets right.
fn flow(directory: &Path, filling: Filling) -> Verdict {
    let verdicts = files(directory).into_iter().map(|file| verdict_on_filled_file(&file, filling));
    // Now and then a packet looks the same with either filling.
    let right = verdicts.filter(|verdict| verdict.packets > 2 && verdict.fault_count * 2 < verdict.packets);
    right.max_by_key(|verdict| verdict.packets).unwrap_or_default()
}

fn start_relays(entries: [u16; 2], session: u16) -> [Relay; 2] {
    entries.map(|entry| Relay::start_single(entry, session, 1).expect("relay port"))
}

/// A sender on each library, with streams that differ, to one receiver.
fn two_senders(mode: Mode, to: &'static Library, link: Link) {
    let ports = [(); 6].map(|()| PortPair::new());
    let [session, entry_0, entry_1, feed_0, feed_1, spare] = ports.each_ref().map(PortPair::even);
    let directory = scratch("interop").join(format!("flows-{session}-{}", std::process::id()));
    std::fs::create_dir_all(&directory).expect("a directory");
    let receiver = c_api::start("flows", to, &[&mode.url(false, session), &directory.display().to_string()]);
    let relays = start_relays([entry_0, entry_1], session);
    let start = |library, feed, entry| {
        senders(Sender::Ristsender(library), mode, Ports { feed, hop: spare, output: spare }, entry)
    };
    let mut stages = start(debian(), feed_0, entry_0);
    stages.extend(start(ours(), feed_1, entry_1));
    stages.iter().for_each(Stage::assert_library);
    let feeds = [(feed_0, FILLINGS[0]), (feed_1, FILLINGS[1])];
    let feeders = feeds.map(|(feed, filling)| Feeder::filled(feed, BITS_PER_SECOND, filling).expect("feeder"));
    let programs = stages.iter().map(|stage| &stage.program).chain([&receiver]).collect();
    let sent = || feeders.each_ref().map(Feeder::sent);
    let verdicts = || FILLINGS.map(|filling| flow(&directory, filling));
    Streams { link, relays, media: Direction::Forward, sent: &sent, verdicts: &verdicts, programs }.check();
    assert_eq!(files(&directory).len(), 2, "a flow for each sender");
    std::fs::remove_dir_all(&directory).expect("the directory");
}

/// A receiver on each library, both of which call one sender.
fn two_receivers(mode: Mode, from: &'static Library, link: Link) {
    let mode = mode.reversed();
    let ports = [(); 7].map(|()| PortPair::new());
    let [session, entry_0, entry_1, feed, output_0, output_1, spare] = ports.each_ref().map(PortPair::even);
    let start = |output| Collector::start(output, Cut::Packets).expect("output port");
    let collectors = [output_0, output_1].map(start);
    let mut stages = senders(Sender::Ristsender(from), mode, Ports { feed, hop: spare, output: spare }, session);
    let relays = start_relays([entry_0, entry_1], session);
    for (library, output, entry) in [(debian(), output_0, entry_0), (ours(), output_1, entry_1)] {
        let ports = Ports { feed, hop: spare, output };
        stages.extend(receivers(Receiver::Ristreceiver(library), mode, ports, entry));
    }
    stages.iter().for_each(Stage::assert_library);
    let feeder = Feeder::start(feed, BITS_PER_SECOND).expect("feeder");
    let programs = stages.iter().map(|stage| &stage.program).collect();
    let sent = || [feeder.sent(); 2];
    let verdicts = || collectors.each_ref().map(Collector::verdict);
    Streams { link, relays, media: Direction::Return, sent: &sent, verdicts: &verdicts, programs }.check();
}

/// One test for each mode and link; the library at the one port is Debian's, and ours beside it.
macro_rules! modes {
    ($($name:ident: $link:expr, $cell:ident($mode:expr);)*) => {$(
        #[test]
        fn $name() {
            std::thread::scope(|scope| {
                scope.spawn(|| unless_stalled(|| $cell($mode, debian(), $link)));
                scope.spawn(|| unless_stalled(|| $cell($mode, ours(), $link)));
            });
        }
    )*};
}

modes! {
    two_senders_clean: Clean, two_senders(Mode::MAIN);
    two_senders_lossy: Lossy, two_senders(Mode::MAIN);
    two_senders_aes_128_clean: Clean, two_senders(Mode::MAIN.aes(128));
    two_senders_aes_128_lossy: Lossy, two_senders(Mode::MAIN.aes(128));
    two_receivers_clean: Clean, two_receivers(Mode::MAIN);
    two_receivers_lossy: Lossy, two_receivers(Mode::MAIN);
    two_receivers_aes_128_clean: Clean, two_receivers(Mode::MAIN.aes(128));
    two_receivers_aes_128_lossy: Lossy, two_receivers(Mode::MAIN.aes(128));
    two_senders_that_ask_for_advanced: Lossy, two_senders(Mode::ADVANCED);
    two_senders_that_ask_for_advanced_aes_128: Lossy, two_senders(Mode::ADVANCED.aes(128));
    two_receivers_that_ask_for_advanced: Lossy, two_receivers(Mode::ADVANCED);
    two_receivers_that_ask_for_advanced_aes_128: Lossy, two_receivers(Mode::ADVANCED.aes(128));
    two_receivers_login_clean: Clean, two_receivers(Mode::MAIN.login());
    two_receivers_login_lossy: Lossy, two_receivers(Mode::MAIN.login());
}
