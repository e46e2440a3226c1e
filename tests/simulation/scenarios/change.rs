//! Programs that restart, addresses that change, receivers that come later than the stream.

use crate::network::Link;
use crate::pair::{FLOW, Pair, Path, Setup, receiver_config, sender_config};
use rist::protocol::output::Event;
use rist::protocol::time::Span;

fn lossy() -> Setup {
    Setup::new(Path::both(Link::lossy(0.05)))
}

/// Delivered packets of a stream, which must be all from some packet written within `grace` of its start on.
#[track_caller]
fn delivered_within(pair: &Pair, stream: u32, grace: Span) {
    let verdict = pair.assert(stream);
    assert_eq!(verdict.lost, 0);
    let packets = &pair.world.books.streams[&stream].packets;
    let first = pair.world.books.receptions[&(stream, pair.receiver)].first.expect("checked above") as usize;
    let late = packets[first].at - packets[0].at;
    assert!(late <= grace, "the first packet delivered was written {} ms after the start", late.as_millis());
}

/// The sender is killed in mid-stream and comes back `away` later.
#[track_caller]
fn sender_restarts(flow_id: u32, port: u16, away: Span) {
    let mut pair = lossy().start();
    if port != 0 {
        // Begin with fixed ports.
        pair.world.restart(pair.sender, sender_config(FLOW));
        pair.call(0, port);
    }
    pair.settle();
    let first = pair.write(Span::from_secs(5));
    pair.world.run_for(Span::from_millis(3333));
    pair.world.restart(pair.sender, sender_config(flow_id));
    pair.world.run_for(away);
    pair.call(0, port);
    let second = pair.write(Span::from_secs(5));
    pair.world.run_for(Span::from_secs(5));
    pair.finish();
    // The old stream's last packets had nobody left to repeat them.
    let mut bounds = pair.bounds();
    bounds.excused.push((Span::from_millis(2800), Span::from_secs(3600)));
    bounds.check(&pair.world, first, pair.receiver).assert(&pair.setup);
    delivered_within(&pair, second, Span::from_millis(1500));
}

#[test]
fn a_sender_restarts_with_its_flow_id_from_another_port() {
    for away in [0, 100, 800, 5000] {
        sender_restarts(FLOW, 0, Span::from_millis(away));
    }
}

#[test]
fn a_sender_restarts_with_its_flow_id_from_the_same_port() {
    for away in [0, 100, 800, 5000] {
        sender_restarts(FLOW, 6000, Span::from_millis(away));
    }
}

#[test]
fn a_sender_restarts_with_another_flow_id_from_another_port() {
    for away in [0, 100, 800, 5000] {
        sender_restarts(FLOW + 100, 0, Span::from_millis(away));
    }
}

#[test]
fn a_sender_restarts_with_another_flow_id_from_the_same_port() {
    for away in [0, 100, 800, 5000] {
        sender_restarts(FLOW + 100, 6000, Span::from_millis(away));
    }
}

/// The receiver is killed in mid-stream and comes back.
#[track_caller]
fn receiver_restarts(away: Span) {
    let mut pair = lossy().start();
    pair.settle();
    let stream = pair.write(Span::from_secs(12));
    pair.world.run_for(Span::from_secs(4));
    pair.world.restart(pair.receiver, receiver_config());
    let killed = pair.world.now;
    pair.world.run_for(away);
    let back = pair.world.now;
    pair.listen(0);
    pair.world.run_for(Span::from_secs(12) - (back - Span::from_millis(600)));
    pair.finish();
    let mut bounds = pair.bounds();
    // What was in the old program's buffer is gone; the new one needs to be found.
    let found = back + Span::from_millis(1500);
    bounds.excused.push((killed - pair.setup.peer.buffer_max - Span::from_millis(100), found));
    let verdict = bounds.check(&pair.world, stream, pair.receiver);
    verdict.assert(&pair.setup);
    let packets = &pair.world.books.streams[&stream].packets;
    let fates = &pair.world.books.receptions[&(stream, pair.receiver)].fates;
    let missed =
        packets.iter().zip(fates).filter(|(packet, fate)| packet.at > found && fate.delivered == crate::books::NEVER);
    assert_eq!(missed.count(), 0, "away for {} ms", away.as_millis());
}

#[test]
fn a_receiver_restarts() {
    for away in [0, 100, 800, 5000] {
        receiver_restarts(Span::from_millis(away));
    }
}

#[test]
fn a_receiver_may_start_after_the_sender() {
    let mut pair = lossy().start();
    pair.world.hosts[pair.receiver].down = true;
    let stream = pair.write(Span::from_secs(10));
    pair.world.run_for(Span::from_secs(4));
    pair.world.hosts[pair.receiver].down = false;
    pair.world.run_for(Span::from_secs(6));
    pair.finish();
    let verdict = pair.assert(stream);
    assert!(verdict.delivered >= 1_100, "{} delivered", verdict.delivered);
}

#[test]
fn a_sender_whose_address_changes_in_mid_stream_is_followed() {
    let mut pair = lossy().start();
    pair.settle();
    let stream = pair.write(Span::from_secs(10));
    pair.world.run_for(Span::from_secs(4));
    let (_, media, control) = pair.callers[0];
    let changed = pair.world.now;
    pair.world.rebind(pair.sender, media);
    pair.world.rebind(pair.sender, control);
    pair.world.run_for(Span::from_secs(6));
    pair.finish();
    let mut bounds = pair.bounds();
    // Requests went to the old address until the next RTCP packet came from the new one.
    bounds.excused.push((changed - Span::from_millis(300), changed + Span::from_millis(500)));
    let verdict = bounds.check(&pair.world, stream, pair.receiver);
    verdict.assert(&pair.setup);
    assert!(verdict.lost <= 10, "{} lost", verdict.lost);
    verdict.assert_ends();
}

#[test]
fn only_the_media_port_may_change() {
    let mut pair = lossy().start();
    pair.settle();
    let stream = pair.write(Span::from_secs(8));
    pair.world.run_for(Span::from_secs(4));
    let (_, media, _) = pair.callers[0];
    pair.world.rebind(pair.sender, media);
    pair.world.run_for(Span::from_secs(4));
    pair.finish();
    let verdict = pair.assert(stream);
    assert_eq!(verdict.lost, 0);
}

#[test]
fn the_end_of_a_session_is_told_once() {
    let mut pair = lossy().run();
    pair.world.hosts[pair.sender].down = true;
    pair.world.run_for(Span::from_secs(30));
    let ends = |event: &&(Span, Event)| matches!(event.1, Event::FlowTimedOut { flow_id: FLOW });
    assert_eq!(pair.got().events.iter().filter(ends).count(), 1);
}

#[test]
fn a_refused_stranger_gets_nothing_and_gives_nothing() {
    let mut pair = Setup::new(Path::both(Link::default())).start();
    pair.world.hosts[pair.receiver].session.set_admission(true);
    pair.world.hosts[pair.receiver].admit = false;
    pair.settle();
    pair.play();
    assert!(pair.got().admissions > 0);
    assert_eq!(pair.got().datagrams_sent, 0);
    assert!(pair.world.books.receptions.values().all(|reception| reception.delivered == 0));
}

#[test]
fn an_admitted_stranger_is_served() {
    let mut pair = lossy().start();
    pair.world.hosts[pair.receiver].session.set_admission(true);
    pair.settle();
    let stream = pair.play();
    pair.assert(stream);
    assert!(pair.got().admissions > 0);
}

#[test]
fn a_closed_session_is_silent() {
    for side in 0..2 {
        let mut pair = lossy().start();
        pair.settle();
        pair.write(Span::from_secs(1));
        pair.world.run_for(Span::from_secs(2));
        let host = [pair.sender, pair.receiver][side];
        let now = pair.world.local_time(host);
        pair.world.hosts[host].session.close(now);
        pair.world.drain(host);
        let record = &pair.world.hosts[host].record;
        let (sent, events) = (record.datagrams_sent, record.events.len());
        pair.world.run_for(Span::from_secs(10));
        let record = &pair.world.hosts[host].record;
        assert_eq!((record.datagrams_sent, record.events.len()), (sent, events));
    }
}
