//! Out-of-band data in both directions: C programs on either library, without media.

use super::*;
use std::time::Duration;
use support::ports::PortPair;
use support::process::Program;
use support::relay::{Direction, Impairment, Relay};
use support::wait_until;

const LIMIT: Duration = Duration::from_secs(20);
/// Messages in a row that have to come, each way.
const COUNTED: usize = 50;

/// The numbers of the messages of `name` that a program has got.
fn numbers(program: &Program, name: &str) -> Vec<u32> {
    let prefix = format!("got {name} ");
    let text = program.text();
    assert!(!text.contains("wrong message"), "{text}");
    text.lines().filter_map(|line| line.strip_prefix(&prefix)?.parse().ok()).collect()
}

/// Each at most once, in order, and next to none missing: nothing is sent again if it is lost.
fn assert_whole(numbers: &[u32], link: Link, evidence: &str) {
    assert!(numbers.is_sorted_by(|a, b| if link == Clean { *b == a + 1 } else { true }), "{numbers:?}\n{evidence}");
    let (Some(first), Some(last)) = (numbers.iter().min(), numbers.iter().max()) else { panic!("{evidence}") };
    let share = numbers.len() as f64 / f64::from(last - first + 1);
    assert!(share > 0.7, "{share} of the messages\n{evidence}");
}

fn exchange(mode: Mode, from: &'static Library, to: &'static Library, link: Link) {
    let (session, entry) = (PortPair::new(), PortPair::new());
    let relay = Relay::start_single(entry.even(), session.even(), 1).expect("relay port");
    if link == Lossy {
        let loss = Impairment { loss: 10.0, reorder: 2.0, duplicate: 1.0, ..Impairment::default() };
        relay.impair(loss);
    }
    let receiver = c_api::start("oob", to, &["receiver", "down", &mode.url(false, session.even())]);
    let sender = c_api::start("oob", from, &["sender", "up", &mode.url(true, entry.even())]);
    let evidence = || format!("{:?}\n{}\n{}", relay.counters(Direction::Forward), sender.tail(40), receiver.tail(40));
    let enough = || numbers(&receiver, "up").len() >= COUNTED && numbers(&sender, "down").len() >= COUNTED;
    wait_until("messages", LIMIT, || enough().then_some(()), evidence);
    assert_whole(&numbers(&receiver, "up"), link, &evidence());
    assert_whole(&numbers(&sender, "down"), link, &evidence());
    // The header says that it gives the length. It never did.
    for program in [&sender, &receiver] {
        let text = program.text();
        let given: Vec<_> = text.lines().filter(|line| line.starts_with("rist_oob_write")).collect();
        assert_eq!(given, ["rist_oob_write gives 0"], "{}", evidence());
    }
}

#[test]
fn both_ways_clean() {
    check_all(Clean, |from, to, link| exchange(Mode::MAIN, from, to, link));
}

#[test]
fn both_ways_lossy() {
    check_all(Lossy, |from, to, link| exchange(Mode::MAIN, from, to, link));
}

#[test]
fn both_ways_aes_256_clean() {
    check_all(Clean, |from, to, link| exchange(Mode::MAIN.aes(256), from, to, link));
}

#[test]
fn both_ways_aes_256_lossy() {
    check_all(Lossy, |from, to, link| exchange(Mode::MAIN.aes(256), from, to, link));
}
