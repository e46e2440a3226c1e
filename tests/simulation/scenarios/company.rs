//! Who is there: time-outs, keep-alives, admission, and what the application hears of them.

use crate::host::Record;
use crate::network::Link;
use crate::pair::{FLOW, Pair, Path, Setup, listen, receiver_config};
use crate::world::World;
use rist::protocol::config::PeerConfig;
use rist::protocol::output::Event;
use rist::protocol::time::Span;

const MS: Span = Span::from_millis(1);

fn quick() -> Setup {
    Setup::new(Path::both(Link::default())).buffer(100)
}

/// What was said of peers and flows, with the time of each.
fn said(record: &Record) -> Vec<(Span, &'static str)> {
    let name = |event: &Event| match event {
        Event::Established { .. } => Some("established"),
        Event::ClientConnected { .. } => Some("connected"),
        Event::TimedOut { .. } => Some("timed out"),
        Event::Disconnected { .. } => Some("disconnected"),
        Event::FlowTimedOut { flow_id: 0 } => Some("no flow"),
        Event::FlowTimedOut { .. } => Some("flow ended"),
        _ => None,
    };
    record.events.iter().filter_map(|(at, event)| Some((*at, name(event)?))).collect()
}

fn words(record: &Record) -> Vec<&'static str> {
    said(record).into_iter().map(|(_, word)| word).collect()
}

#[track_caller]
fn near(span: Span, expected: Span, tolerance: Span) {
    assert!((span - expected).abs() <= tolerance, "{} ms, not {}", span.as_millis_f64(), expected.as_millis_f64());
}

fn set_down(pair: &mut Pair, host: usize, down: bool) {
    pair.world.hosts[host].down = down;
}

#[test]
fn a_receiver_that_goes_and_returns_is_told_in_order() {
    for (timeout, dead_after) in [(250, 250), (2000, 2000)] {
        let mut setup = quick();
        setup.peer.session_timeout = Span::from_millis(timeout);
        let mut pair = setup.start();
        pair.settle();
        assert_eq!(words(pair.sent()), ["established"]);
        let gone = pair.world.now;
        let receiver = pair.receiver;
        set_down(&mut pair, receiver, true);
        pair.world.run_for(Span::from_millis(dead_after - 110));
        assert_eq!(pair.sent().deaths, 0, "with {timeout} ms");
        pair.world.run_for(Span::from_millis(120));
        assert_eq!(pair.sent().deaths, 1, "with {timeout} ms");
        pair.world.run_for(Span::from_secs(10));
        let events = said(pair.sent());
        assert_eq!(events.len(), 2, "{events:?}");
        assert_eq!(events[1].1, "timed out");
        near(events[1].0 - gone, Span::from_millis(dead_after + 5000), Span::from_millis(120));
        set_down(&mut pair, receiver, false);
        pair.world.run_for(Span::from_secs(1));
        assert_eq!(words(pair.sent()), ["established", "timed out", "established"]);
    }
}

#[test]
fn a_receiver_that_is_back_before_five_seconds_is_not_mentioned() {
    let mut pair = quick().start();
    pair.settle();
    let receiver = pair.receiver;
    set_down(&mut pair, receiver, true);
    pair.world.run_for(Span::from_secs(4));
    set_down(&mut pair, receiver, false);
    pair.world.run_for(Span::from_secs(10));
    assert_eq!((words(pair.sent()), pair.sent().deaths), (vec!["established"], 1));
}

#[test]
fn a_sender_that_goes_and_returns_is_told_in_order() {
    let mut pair = quick().start();
    pair.settle();
    pair.play();
    assert_eq!(words(pair.got()), ["connected"]);
    let (gone, sender) = (pair.world.now, pair.sender);
    set_down(&mut pair, sender, true);
    pair.world.run_for(Span::from_secs(10));
    let events = said(pair.got());
    assert_eq!(words(pair.got()), ["connected", "flow ended", "timed out"], "{events:?}");
    // A flow lives two seconds without any sign; a peer is dead after its session time-out and removed 5 s later.
    near(events[1].0 - gone, Span::from_millis(2000), Span::from_millis(120));
    near(events[2].0 - gone, Span::from_millis(5250), Span::from_millis(120));
    set_down(&mut pair, sender, false);
    pair.world.run_for(Span::from_secs(1));
    assert_eq!(words(pair.got()), ["connected", "flow ended", "timed out", "connected"]);
}

#[test]
fn a_long_session_timeout_keeps_the_flow() {
    let mut setup = quick();
    setup.peer.session_timeout = Span::from_secs(8);
    let mut pair = setup.start();
    pair.settle();
    pair.play();
    let (gone, sender) = (pair.world.now, pair.sender);
    set_down(&mut pair, sender, true);
    pair.world.run_for(Span::from_secs(20));
    let events = said(pair.got());
    assert_eq!(words(pair.got()), ["connected", "flow ended", "timed out"]);
    near(events[1].0 - gone, Span::from_secs(8), Span::from_millis(120));
    near(events[2].0 - gone, Span::from_secs(13), Span::from_millis(120));
}

#[test]
fn destroying_either_side_tells_its_own_application_at_once() {
    let mut pair = quick().start();
    pair.settle();
    for (host, first) in [(pair.sender, "established"), (pair.receiver, "connected")] {
        let now = pair.world.local_time(host);
        pair.world.hosts[host].session.close(now);
        pair.world.drain(host);
        assert_eq!(words(&pair.world.hosts[host].record), [first, "timed out"]);
    }
}

#[test]
fn keep_alives_come_at_their_interval() {
    for interval in [50, 100, 400, 1000] {
        let mut setup = quick();
        setup.peer.keepalive_interval = Span::from_millis(interval);
        let mut pair = setup.start();
        pair.world.run_for(Span::from_secs(3));
        pair.world.wire = Some(Vec::new());
        pair.world.run_for(Span::from_secs(20));
        let wire = pair.world.wire.take().expect("watched");
        // A sender's reports are SR (200). A receiver's are RR (201) with a block; other RTCP begins with an empty one.
        for (host, start) in [(pair.sender, [0x80, 200]), (pair.receiver, [0x81, 201])] {
            let reports = wire.iter().filter(|sent| sent.host == host && sent.bytes[..2] == start);
            let times: Vec<Span> = reports.map(|sent| sent.at).collect();
            let longest = times.windows(2).map(|pair| pair[1] - pair[0]).max().expect("reports");
            assert!(longest <= Span::from_millis(interval) + MS, "{interval}: {} ms", longest.as_millis_f64());
            // One that is nearly due may go with an answer, so there may be a few more.
            let expected = (20_000 / interval) as usize;
            assert!((expected - 1..=2 * expected + 2).contains(&times.len()), "{interval}: {} reports", times.len());
        }
    }
}

#[test]
fn rare_keep_alives_do_not_kill_the_peer() {
    let mut setup = quick();
    setup.peer.keepalive_interval = Span::from_secs(1);
    let mut pair = setup.start();
    pair.world.run_for(Span::from_secs(60));
    assert_eq!((pair.sent().deaths, pair.got().deaths), (0, 0));
    assert_eq!((words(pair.sent()), words(pair.got())), (vec!["established"], vec!["connected"]));
}

fn asking() -> Pair {
    let pair = quick().start();
    let mut pair = pair;
    pair.world.hosts[pair.receiver].session.set_admission(true);
    pair
}

#[test]
fn each_endpoint_is_admitted_once_and_its_end_is_told() {
    let mut pair = asking();
    pair.settle();
    pair.play();
    // The RTCP port and the media port (abi: two calls in Simple).
    assert_eq!(pair.got().admissions, 2);
    let sender = pair.sender;
    set_down(&mut pair, sender, true);
    pair.world.run_for(Span::from_secs(20));
    assert_eq!(words(pair.got()), ["connected", "flow ended", "timed out", "disconnected", "disconnected"]);
}

#[test]
fn an_endpoint_that_never_sent_media_is_told_once() {
    let mut pair = asking();
    pair.settle();
    let sender = pair.sender;
    set_down(&mut pair, sender, true);
    pair.world.run_for(Span::from_secs(20));
    assert_eq!(pair.got().admissions, 1);
    let words = words(pair.got());
    assert_eq!(words.iter().filter(|word| **word == "disconnected").count(), 1, "{words:?}");
}

#[test]
fn a_stranger_that_was_refused_may_be_accepted_later() {
    let mut pair = asking();
    pair.world.hosts[pair.receiver].admit = false;
    pair.settle();
    let stream = pair.write(Span::from_secs(6));
    pair.world.run_for(Span::from_secs(3));
    let refused = pair.got().admissions;
    assert!((5..100).contains(&refused), "asked {refused} times in 3.6 s");
    assert_eq!(words(pair.got()), Vec::<&str>::new());
    pair.world.hosts[pair.receiver].admit = true;
    pair.world.run_for(Span::from_secs(3));
    pair.finish();
    assert_eq!(words(pair.got()), ["connected"]);
    assert!(pair.assert(stream).delivered > 500);
}

#[test]
fn without_any_flow_the_application_hears_so_each_second() {
    let mut world = World::new(1);
    let host = world.add_host(receiver_config(), crate::host::Clock::default());
    listen(&mut world, host, 0, &PeerConfig::default());
    let now = world.local_time(host);
    world.hosts[host].session.set_idle_notice(now, true);
    world.run_for(Span::from_millis(5500));
    let seconds: Vec<_> = (1..=5).map(|second| (Span::from_secs(second), "no flow")).collect();
    assert_eq!(said(&world.hosts[host].record), seconds);
    world.hosts[host].session.set_idle_notice(now, false);
    world.run_for(Span::from_secs(5));
    assert_eq!(said(&world.hosts[host].record).len(), 5);
}

#[test]
fn the_idle_notice_rests_while_there_is_a_flow() {
    let mut pair = quick().start();
    let now = pair.world.local_time(pair.receiver);
    pair.world.hosts[pair.receiver].session.set_idle_notice(now, true);
    pair.settle();
    pair.play();
    assert_eq!(words(pair.got()), ["connected"]);
    let sender = pair.sender;
    set_down(&mut pair, sender, true);
    pair.world.run_for(Span::from_millis(6500));
    let words = words(pair.got());
    assert_eq!(words[..2], ["connected", "flow ended"]);
    let notices = words.iter().filter(|word| **word == "no flow").count();
    assert!((4..=5).contains(&notices), "{words:?}");
    let ended = pair.got().events.iter().any(|(_, event)| matches!(event, Event::FlowTimedOut { flow_id: FLOW }));
    assert!(ended);
}
