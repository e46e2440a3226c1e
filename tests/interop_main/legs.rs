//! Two legs between Debian's ristsender, on our library, and a ristreceiver on either: one leg dies while the stream runs.

use super::*;
use std::process::Command;
use std::time::{Duration, Instant};
use support::ports::PortPair;
use support::process::Program;
use support::relay::{Direction, Impairment, Relay};
use support::require_package;
use support::stall::unless_stalled;
use support::stream::{Collector, Cut, Feeder};
use support::wait_until;

const BITS_PER_SECOND: u64 = 3_000_000;
const LIMIT: Duration = Duration::from_secs(20);
/// Long enough for what the dead leg swallowed to be asked for on the other, in rounds of libRIST 0.2.7, too.
const BUFFER: u32 = 1000;
/// What a leg is sent beside media: reports and echoes, ten a second.
const REPORTS_A_SECOND: u64 = 40;

fn tool(library: &'static Library, name: &str, arguments: &[&str]) -> Program {
    require_package("rist-tools");
    let mut command = Command::new(name);
    command.args(arguments);
    let program = Program::start(command, library);
    program.assert_uses(library);
    program
}

fn a_leg_dies(weight: u32, to: &'static Library) {
    let ports = [(); 6].map(|()| PortPair::new());
    let [feed, output, session_0, session_1, entry_0, entry_1] = ports.each_ref().map(PortPair::even);
    let collector = Collector::start(output, Cut::Packets).expect("output port");
    let relays = [(entry_0, session_0, 10), (entry_1, session_1, 40)].map(|(entry, session, delay)| {
        let relay = Relay::start_single(entry, session, 1).expect("relay port");
        relay.impair(Impairment { delay: Duration::from_millis(delay), ..Impairment::default() });
        relay
    });
    let inputs = [session_0, session_1].map(|port| format!("rist://@127.0.0.1:{port}?buffer={BUFFER}"));
    let legs = [entry_0, entry_1].map(|port| format!("rist://127.0.0.1:{port}?buffer={BUFFER}&weight={weight}"));
    let udp = format!("udp://127.0.0.1:{output}");
    let receiver = tool(to, "ristreceiver", &["-p", "1", "-i", &inputs.join(","), "-o", &udp]);
    let from = format!("udp://@127.0.0.1:{feed}");
    let sender = tool(ours(), "ristsender", &["-p", "1", "-i", &from, "-o", &legs.join(",")]);
    let feeder = Feeder::start(feed, BITS_PER_SECOND).expect("feeder");
    let evidence = || format!("{:#?}\n{}{}", collector.verdict(), sender.tail(25), receiver.tail(25));
    let wait = |what: &str, reached: &dyn Fn() -> bool| wait_until(what, LIMIT, || reached().then_some(()), evidence);
    wait("a settled stream", &|| collector.verdict().clean > 300);
    collector.forget();

    // The quicker leg, of which libRIST asks everything, falls silent in both directions.
    let dead = &relays[0];
    dead.impair(Impairment { loss: 100.0, ..Impairment::default() });
    let died = Instant::now();
    wait("a second without it", &|| died.elapsed() > Duration::from_secs(1));
    let (given, sent) = (dead.counters(Direction::Forward).received, feeder.sent());
    wait("the stream to go on", &|| collector.verdict().last >= Some(sent + 600));
    let (late, more) = (dead.counters(Direction::Forward).received - given, feeder.sent() - sent);
    let reports = REPORTS_A_SECOND * (died.elapsed().as_secs() + 1);

    assert_eq!(collector.verdict().fault_count, 0, "{}", evidence());
    if weight > 0 {
        let (share, media) = (late.saturating_sub(reports), more.max(1));
        assert!(
            share * 100 <= media,
            "{late} datagrams of {more} went to a leg that was dead for a second\n{}",
            evidence()
        );
    }
}

#[test]
fn a_leg_dies_and_nothing_is_lost() {
    for weight in [0, 5] {
        for to in [ours(), debian()] {
            println!("weight {weight}, to {}", to.name);
            unless_stalled(|| a_leg_dies(weight, to));
        }
    }
}
