//! A week without a break, of each kind of session: loss, disorder, outages, restarts, clocks that drift and step, and
//! every number that comes round comes round. In a test run a day has two hours; `SOAK=week` gives it twenty-four.
//! `SOAK_DUMP=directory` writes down what the sessions hold at the end of each day.

mod counter;
mod size;

use crate::books::NEVER;
use crate::host::Clock;
use crate::network::Link;
use crate::pair::{FLOW, Pair, Path, Setup, receiver_config, sender_config};
use crate::tap::Kind;
use crate::workload::Pattern;
use counter::Counter;
use rist::crypto::psk::KeySize;
use rist::protocol::config::TimingMode;
use rist::protocol::session::{Session, SessionConfig};
use rist::protocol::time::{Span, Time};

const DAYS: u32 = 7;
/// Two packets in a second.
const INTERVAL: Span = Span::from_millis(500);
/// So that a packet shows what is missing before it, and there is still time to ask.
const BUFFER_MS: u32 = 4000;
const SHORT_OUTAGE: Span = Span::from_secs(2);
const LONG_OUTAGE: Span = Span::from_secs(60);
/// A login, or finding each other again, at this loss.
const RETURN: Span = Span::from_secs(20);
/// By how many values a day's end may differ from another's: a packet more in a history, a request more in a list.
const QUIET: usize = 128;
/// The same while media flows.
const PEAK: usize = 256;
/// How often the world is looked at.
const STEP: Span = Span::from_secs(10);

fn day() -> Span {
    let week = std::env::var("SOAK").is_ok_and(|length| length == "week");
    let hours = if week { 24 } else { 2 };
    // Long runs are shorter where nothing is optimised.
    Span::from_secs(if cfg!(debug_assertions) { 600 } else { hours * 3600 })
}

fn lossy(delay: u32) -> Path {
    Path::both(Link {
        loss: 0.05,
        jitter: Span::from_millis(8),
        overtaking: true,
        reorder: 0.02,
        held_back: Span::from_millis(30),
        duplicates: 0.01,
        ..Link::delayed(delay)
    })
}

/// What happens in a week beside loss and disorder.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Trouble {
    /// Outages only: both sessions live for the whole week.
    Outages,
    /// The sender starts anew each midnight.
    SenderRestarts,
    /// The receiver starts anew each evening.
    ReceiverRestarts,
}

/// What a day was like.
#[derive(Debug)]
struct Day {
    written: u64,
    lost: u64,
    /// Of these, while nothing came through or somebody was away.
    excused: u64,
    /// From writing to delivery, ms: the middle of all.
    latency: f64,
    /// Of sender and receiver, in the quiet after the day's stream.
    quiet: [usize; 2],
    /// The greatest while it ran.
    peak: [usize; 2],
}

struct Week {
    pair: Pair,
    trouble: Trouble,
    seqs: Counter,
    timestamps: Counter,
    wall: Counter,
    /// Numbers that the application gives.
    numbers: Counter,
    /// Frames of logins.
    login_frames: u64,
    begun: Span,
}

/// Sessions that need words to stay alive: fewer of them, so that a week takes a minute.
fn calm(mut setup: Setup) -> Setup {
    setup.peer.keepalive_interval = Span::from_secs(1);
    setup.peer.session_timeout = Span::from_secs(8);
    setup.pattern = Pattern { interval: INTERVAL, variation: 0.1, ..Pattern::default() };
    setup.buffer(BUFFER_MS)
}

/// The multiple of 2³² units of a clock that follows the usual start of clocks.
fn next_round(units_per_second: u128) -> u64 {
    let round = |rounds: u128| ((rounds << 64) / units_per_second) as u64;
    let usual = u128::from(Clock::default().start.ticks());
    round(((usual * units_per_second) >> 64) + 1)
}

impl Week {
    fn start(setup: Setup, trouble: Trouble) -> Self {
        let mut pair = setup.start();
        // Midnight of the middle day is the end of NTP's era, 2036-02-07T06:28:16Z.
        for host in [pair.sender, pair.receiver] {
            let to_era = Span::from_ticks(0u64.wrapping_sub(pair.world.hosts[host].clock.start.ticks()) as i64);
            let ahead = to_era - day().scaled(i64::from(DAYS), 2);
            pair.world.hosts[host].session.set_wall_clock(ahead);
        }
        pair.world.run_for(RETURN);
        let (seqs, timestamps) = (Counter::new(16), Counter::new(32));
        let (wall, numbers) = (Counter::new(32), Counter::new(32));
        let begun = pair.world.now;
        Self { pair, trouble, seqs, timestamps, wall, numbers, login_frames: 0, begun }
    }

    /// How far a host's wall clock is ahead of its own: the true time, and what its operator or NTP does to it.
    fn set_wall_clocks(&mut self) {
        let now = self.pair.world.now;
        let truth = Time::from_ticks(0) + (now - self.begun) - day().scaled(i64::from(DAYS), 2);
        for host in [self.pair.sender, self.pair.receiver] {
            let steps = self.pair.setup.peer.timing_mode != TimingMode::Rtc;
            // Off by up to three seconds, another way every hour.
            let hour = (now.as_secs_f64() / 3600.0) as i64 + host as i64;
            let off = if steps { Span::from_secs(1).scaled(hour % 7 - 3, 1) } else { Span::ZERO };
            let ahead = truth.since(self.pair.world.local_time(host)) + off;
            self.pair.world.hosts[host].session.set_wall_clock(ahead);
        }
    }

    fn run_for(&mut self, length: Span) {
        let end = self.pair.world.now + length;
        while self.pair.world.now < end {
            self.set_wall_clocks();
            self.pair.world.wire = Some(Vec::new());
            let step = STEP.min(end - self.pair.world.now);
            self.pair.world.run_for(step);
            self.look();
        }
    }

    fn look(&mut self) {
        for sent in self.pair.world.wire.take().unwrap_or_default() {
            // EAPOL in GRE (TR-06-2:2022 §8).
            self.login_frames += u64::from(sent.bytes.get(2..4).is_some_and(|kind| *kind == [0x88, 0x8e]));
            match self.pair.world.tap.read(&sent.bytes) {
                Kind::Media { seq, timestamp, repeated: false, .. } => {
                    self.seqs.see(u64::from(seq));
                    self.timestamps.see(u64::from(timestamp));
                }
                Kind::Control { wall: Some(seconds), .. } if sent.host == self.pair.sender => {
                    self.wall.see(u64::from(seconds));
                }
                _ => {}
            }
        }
    }

    fn sizes<T>(&self, of: fn(&Session) -> T) -> [T; 2] {
        [self.pair.sender, self.pair.receiver].map(|host| of(&self.pair.world.hosts[host].session))
    }

    fn restart(&mut self, sender: bool) {
        let pair = &mut self.pair;
        let (host, config) =
            if sender { (pair.sender, sender_config(FLOW)) } else { (pair.receiver, receiver_config()) };
        pair.world.restart(host, SessionConfig { profile: pair.setup.profile, ..config });
        if sender {
            pair.callers.clear();
            for path in 0..pair.setup.paths.len() {
                pair.call(path, 0);
            }
            self.seqs.begin_again();
        } else {
            for path in 0..pair.setup.paths.len() {
                pair.listen(path);
            }
        }
        self.set_wall_clocks();
    }

    /// Nothing comes through the first path, twice.
    fn lay_outages(&mut self, from: Span) -> Vec<(Span, Span)> {
        let short = from + day().scaled(1, 4);
        let long = from + day().scaled(1, 2);
        let outages = vec![(short, short + SHORT_OUTAGE), (long, long + LONG_OUTAGE)];
        let Path { mut forth, mut back, .. } = self.pair.setup.paths[0].clone();
        (forth.outages, back.outages) = (outages.clone(), outages.clone());
        self.pair.world.connect(0, self.pair.sender, self.pair.receiver, forth, back);
        outages
    }

    fn day(&mut self, number: u32) -> Day {
        if self.trouble == Trouble::SenderRestarts && number > 0 {
            self.restart(true);
            self.run_for(RETURN);
        }
        let from = self.pair.world.now;
        let outages = self.lay_outages(from);
        let first = self.pair.setup.pattern.first_seq;
        let stream = self.pair.write(day());
        let buffer = Span::from_millis(BUFFER_MS);
        let mut excused = Vec::new();
        if self.pair.setup.paths.len() == 1 {
            // The short one ends while what it took can be asked for.
            excused.push((outages[1].0 - buffer, outages[1].1 + RETURN));
        }
        let mut peak = [0; 2];
        let mut restarted = self.trouble != Trouble::ReceiverRestarts;
        while self.pair.world.now < from + day() {
            self.run_for(day().scaled(1, 24).min(from + day() - self.pair.world.now));
            let sizes = self.sizes(size::values);
            peak = [0, 1].map(|side| sizes[side].max(peak[side]));
            if !restarted && self.pair.world.now - from > day().scaled(3, 4) {
                restarted = true;
                excused.push((self.pair.world.now - buffer.scaled(2, 1), self.pair.world.now + RETURN));
                self.restart(false);
            }
        }
        self.run_for(buffer.scaled(3, 1) + Span::from_secs(5));
        let quiet = self.sizes(size::values);
        if let Some(directory) = std::env::var_os("SOAK_DUMP") {
            for host in [self.pair.sender, self.pair.receiver] {
                let file = std::path::Path::new(&directory).join(format!("day-{}-host-{host}", number + 1));
                std::fs::write(file, format!("{:#?}", self.pair.world.hosts[host].session)).expect("a dump");
            }
        }
        let judged = self.judge(stream, &excused);
        if let Some(first) = first {
            let written = judged.written as u32;
            (0..written).step_by(100).for_each(|index| self.numbers.see(u64::from(first.wrapping_add(index))));
            self.pair.setup.pattern.first_seq = Some(first.wrapping_add(written));
        }
        // The books of a week would fill the memory.
        let world = &mut self.pair.world;
        world.books.streams.remove(&stream);
        world.books.receptions.remove(&(stream, self.pair.receiver));
        for host in &mut world.hosts {
            host.record.flow_reports.clear();
            host.record.sender_reports.clear();
        }
        Day { quiet, peak, ..judged }
    }

    /// The invariants, and what is left to say of a day.
    fn judge(&self, stream: u32, excused: &[(Span, Span)]) -> Day {
        let Pair { world, setup, receiver, .. } = &self.pair;
        let mut bounds = self.pair.bounds();
        if setup.peer.timing_mode == TimingMode::Rtc {
            bounds = bounds.released_after_delay_of(Span::ZERO);
        }
        bounds.excused.extend_from_slice(excused);
        let verdict = bounds.check(world, stream, *receiver);
        verdict.assert(setup);
        let fates = &world.books.receptions[&(stream, *receiver)].fates;
        let packets = &world.books.streams[&stream].packets;
        let mut latencies = Vec::with_capacity(packets.len());
        let (mut lost, mut forgiven) = (0, 0);
        for (index, packet) in packets.iter().enumerate() {
            match fates.get(index).map_or(NEVER, |fate| fate.delivered) {
                NEVER => {
                    lost += 1;
                    forgiven += u64::from(excused.iter().any(|(from, to)| (*from..*to).contains(&packet.at)));
                }
                delivered => latencies.push(delivered - packet.at),
            }
        }
        latencies.sort();
        let latency = latencies.get(latencies.len() / 2).map_or(0.0, |latency| latency.as_millis_f64());
        Day { written: verdict.written, lost, excused: forgiven, latency, quiet: [0; 2], peak: [0; 2] }
    }

    /// How often a host's own clock has passed a multiple of so many ticks.
    fn passed(&self, host: usize, ticks: u128) -> u128 {
        let clock = self.pair.world.hosts[host].clock;
        let times = |at: Span| u128::from(clock.read(at).ticks()) / ticks;
        times(self.pair.world.now) - times(Span::ZERO)
    }
}

/// Plays the week, and checks what has to be so for every kind of session.
#[track_caller]
fn play(name: &str, setup: Setup, trouble: Trouble) -> Week {
    let mut week = Week::start(setup, trouble);
    let days: Vec<Day> = (0..DAYS).map(|number| week.day(number)).collect();
    for (number, day) in days.iter().enumerate() {
        println!("{name}, day {}: {day:?}", number + 1);
    }
    println!(
        "{name}: rounds of seq {}, of 90 kHz {} ({} of the sign), of the wall clock {}, of the application's numbers {}",
        week.seqs.rounds, week.timestamps.rounds, week.timestamps.signs, week.wall.rounds, week.numbers.rounds
    );
    println!(
        "{name}: own nonces {:?}, keys derived {:?}",
        week.sizes(size::nonces),
        [week.pair.sent(), week.pair.got()].map(|record| record.keys_derived)
    );
    for day in &days {
        // Before the first packet that counts nothing is asked for.
        let start = u64::from(trouble == Trouble::SenderRestarts) * 2;
        assert!(day.lost <= day.excused + start, "{name}: {day:?}");
        assert!((day.latency - days[0].latency).abs() < 2.0, "{name}: latency went from {:?} to {day:?}", days[0]);
        // What a restart has freed is not held against the days before it.
        let usual = &days[1];
        for side in [0, 1] {
            assert!(day.quiet[side] <= usual.quiet[side] + QUIET, "{name}, {side}: {usual:?}, {day:?}");
            assert!(day.peak[side] <= usual.peak[side] + PEAK, "{name}, {side}: {usual:?}, {day:?}");
        }
    }
    assert!(week.sizes(size::nonces).into_iter().flatten().all(|nonces| nonces <= 65_536));
    if !cfg!(debug_assertions) {
        assert!(week.seqs.rounds >= 1 && week.timestamps.rounds >= 1 && week.timestamps.signs >= 1);
        assert_eq!(week.wall.rounds, 1);
    }
    week
}

fn drifting(mut setup: Setup, sender: Clock, receiver: Clock) -> Setup {
    setup.sender_clock = Clock { ppm: 50, ..sender };
    setup.receiver_clock = Clock { ppm: -50, ..receiver };
    setup
}

/// A third of the shortest week before a number comes round.
fn lead() -> Span {
    day().scaled(2, 1)
}

#[test]
fn a_week_of_simple() {
    let mut setup = calm(Setup::new(lossy(20)));
    setup.pattern.first_seq = Some(0u32.wrapping_sub(30_000));
    // The sender's clock comes round in 90 kHz, the receiver's to where a signed 64-bit number of ticks turns.
    let sender = Clock::wrapping_after(next_round(90_000), lead());
    let setup = drifting(setup, sender, Clock::wrapping_after(1 << 63, lead()));
    let week = play("Simple", setup, Trouble::Outages);
    if !cfg!(debug_assertions) {
        assert_eq!(week.numbers.rounds, 1);
    }
    assert_eq!(week.passed(week.pair.receiver, 1 << 63), 1);
}

#[test]
fn a_week_of_main() {
    let mut setup = calm(Setup::new(lossy(30)).main_profile());
    setup.peer.timing_mode = TimingMode::Rtc;
    // 2³² milliseconds, as programs count that read our times.
    let sender = Clock::wrapping_after(next_round(90_000), lead());
    let receiver = Clock::wrapping_after(next_round(1000), lead());
    let week = play("Main, by the wall clock", drifting(setup, sender, receiver), Trouble::Outages);
    assert!(week.passed(week.pair.receiver, (1 << 64) / 1000) >= 1);
}

#[test]
fn a_week_of_main_with_keys_and_logins() {
    let mut setup = calm(Setup::new(lossy(15)).secret(KeySize::Aes256).login());
    setup.peer.key_rotation = 1000;
    let sender = Clock::wrapping_after(next_round(90_000), lead());
    let week = play("Main, AES-256, login", drifting(setup, sender, Clock::default()), Trouble::ReceiverRestarts);
    assert!(week.pair.sent().keys_derived > 100 || cfg!(debug_assertions), "keys change");
    // After each restart and each long outage: two a day, of eight frames or more.
    let frames = week.login_frames;
    assert!(frames >= 8 * u64::from(DAYS), "{frames} frames of logins");
}

#[test]
fn a_week_of_two_legs() {
    let mut setup = calm(Setup::new(lossy(20)).main_profile());
    setup.pattern.first_seq = Some(60_000);
    setup.paths.push(lossy(60));
    setup.paths.iter_mut().for_each(|path| path.weight = 5);
    let sender = Clock::wrapping_after(next_round(90_000), lead());
    play("two legs", drifting(setup, sender, Clock::default()), Trouble::SenderRestarts);
}
