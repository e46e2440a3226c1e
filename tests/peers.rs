//! Peers of the Main profile: how long they live, who may speak for them, how many there are.

#[path = "support/session.rs"]
mod session;

use rist::protocol::config::{PeerConfig, Profile, Role};
use rist::protocol::output::{Event, Level, PeerId, SocketId};
use rist::protocol::time::Span;
use rist::wire::gre::Form;
use rist::wire::rtcp::{
    Compound, Echo, ReceiverReport, ReportBlock, Rtcp, write_echo_response, write_nack_range, write_receiver_report,
    write_sdes,
};
use session::*;
use std::net::SocketAddr;

fn buffered(min: u32, max: u32) -> PeerConfig {
    PeerConfig { buffer_min: Span::from_millis(min), buffer_max: Span::from_millis(max), ..settings() }
}

fn in_step(config: PeerConfig) -> Pair {
    let mut pair = Pair::same(config);
    pair.until(3000, Pair::connected).expect("a connection");
    pair.run(500);
    pair
}

#[test]
fn silence_of_twice_the_mean_buffer_is_survived_and_no_more() {
    for (silent, dies) in [(1900, false), (2100, true)] {
        let mut pair = in_step(buffered(500, 1500));
        pair.network = Box::new(|_, _| false);
        pair.run(silent);
        for side in [&pair.caller, &pair.listener] {
            assert_eq!(side.has_said("is dead") > 0, dies, "after {silent} ms");
        }
    }
}

#[test]
fn a_session_timeout_that_is_longer_counts() {
    let config = PeerConfig { session_timeout: Span::from_secs(6), ..buffered(500, 1500) };
    for (silent, dies) in [(5900, false), (6100, true)] {
        let mut pair = in_step(config.clone());
        pair.network = Box::new(|_, _| false);
        pair.run(silent);
        assert_eq!(pair.listener.has_said("is dead") > 0, dies, "after {silent} ms");
    }
}

/// libRIST 0.2.20 #196: a way back that is lost for no longer than the buffer costs no media.
#[test]
fn media_goes_on_for_two_buffers_without_a_way_back() {
    for buffer in [300, 1000] {
        let mut pair = in_step(buffered(buffer, buffer));
        pair.network = Box::new(|way, _| way == Way::ToListener);
        let begun = pair.caller.now;
        pair.passed.clear();
        pair.stream(buffer * 2 / 10 - 12);
        let sent = pair.passed.iter().filter(|(_, datagram)| carried(datagram).is_some()).count();
        assert_eq!(sent as u32, buffer * 2 / 10 - 12, "each was sent");
        pair.stream(100);
        pair.passed.clear();
        pair.stream(100);
        assert!(pair.passed.iter().all(|(_, datagram)| carried(datagram).is_none()), "{begun:?}");
        // Once it is heard again, media goes to it again.
        pair.network = Box::new(|_, _| true);
        pair.run(1500);
        pair.passed.clear();
        pair.stream(10);
        assert!(pair.passed.iter().any(|(_, datagram)| carried(datagram).is_some()));
    }
}

#[test]
fn a_clock_that_steps_back_kills_nobody() {
    let mut pair = in_step(settings());
    let back = pair.caller.now - Span::from_secs(30);
    for side in [&mut pair.caller, &mut pair.listener] {
        side.session.handle_timeout(back);
        side.drain();
    }
    pair.run(200);
    assert!(pair.caller.has_said("is dead") + pair.listener.has_said("is dead") == 0);
}

/// The other side's reports, and nothing else: no answer to any echo.
fn report(side: &mut Side, last_sr: u32, delay_since_sr: u32) {
    let mut words = Vec::new();
    let block = ReportBlock {
        ssrc: FLOW,
        fraction_lost: 0,
        cumulative_lost: 0,
        highest_seq: 0,
        jitter: 0,
        last_sr,
        delay_since_sr,
    };
    write_receiver_report(&mut words, &ReceiverReport { ssrc: FLOW, block: Some(block) });
    write_sdes(&mut words, FLOW, b"quiet");
    side.hear(listening_at(), &clear(Form::Reduced(FEEDBACK_PORTS), &words));
}

/// Middle of the NTP time of each sender report that was sent.
fn reported(side: &mut Side) -> Vec<u32> {
    let sent = side.take_sent();
    let compounds: Vec<_> = sent.iter().filter_map(|sent| feedback(sent)).collect();
    let reports = compounds.iter().flat_map(|compound| Compound::new(compound)).filter_map(|item| match item {
        Ok(Rtcp::SenderReport(report)) => Some((report.ntp >> 16) as u32),
        _ => None,
    });
    reports.collect()
}

fn round_trip(side: &mut Side) -> f64 {
    side.session.set_stats_interval(side.now, Some(Span::from_millis(200)));
    side.sender_reports.clear();
    side.pass_ms(300);
    side.sender_reports.last().expect("a report").rtt_ms
}

#[test]
fn a_peer_that_answers_no_echo_is_sent_media_for_as_long_as_it_reports() {
    let mut side = Side::sender(settings());
    for second in 0..30 {
        side.take_sent();
        for _ in 0..10 {
            report(&mut side, 0, 0);
            side.write(&[0x47; 188]);
            side.pass_ms(100);
        }
        let media = side.sent.iter().filter(|(_, sent)| carried(sent).is_some()).count();
        assert_eq!(media, 10, "in second {second}");
    }
    assert_eq!(side.has_said("is dead"), 0);
}

/// libRIST before 0.2.12 took its latest sender report for the one that was quoted.
#[test]
fn a_report_that_quotes_an_earlier_sender_report_tells_the_true_round_trip() {
    let mut side = Side::sender(settings());
    side.pass_ms(100);
    let mut quoted = Vec::new();
    // The round trip takes 250 ms, longer than the 100 ms between two reports.
    for _ in 0..3000 {
        side.pass_ms(1);
        let at = side.now;
        quoted.extend(reported(&mut side).into_iter().map(|sent| (at, sent)));
        while let Some((at, sent)) = quoted.first().copied().filter(|(at, _)| side.now.since(*at).as_millis() >= 250) {
            quoted.remove(0);
            assert!(side.now.since(at).as_millis() >= 250);
            report(&mut side, sent, 0);
        }
    }
    let rtt = round_trip(&mut side);
    assert!((245.0..256.0).contains(&rtt), "{rtt} ms");
}

/// However often it is reported to.
#[test]
fn many_reports_under_way_are_still_known_when_they_are_quoted() {
    let mut side = Side::sender(PeerConfig { keepalive_interval: Span::from_millis(5), ..settings() });
    side.pass_ms(100);
    let mut quoted = Vec::new();
    for ms in 0..3000u32 {
        side.pass_ms(1);
        let at = side.now;
        quoted.extend(reported(&mut side).into_iter().map(|sent| (at, sent)));
        let arrived = quoted.iter().take_while(|(at, _)| side.now.since(*at).as_millis() >= 400).count();
        let latest = quoted.drain(..arrived).next_back();
        if let Some((_, sent)) = latest {
            report(&mut side, sent, 0);
        } else if ms % 100 == 0 {
            report(&mut side, 0, 0);
        }
    }
    let rtt = round_trip(&mut side);
    assert!((395.0..406.0).contains(&rtt), "{rtt} ms");
}

#[test]
fn a_wall_clock_that_is_set_moves_no_round_trip() {
    const HOUR: Span = Span::from_secs(3600);
    let mut side = Side::sender(settings());
    side.pass_ms(100);
    for step in [Span::from_secs(1), HOUR, Span::ZERO - HOUR, Span::ZERO].into_iter().cycle().take(40) {
        let sent = reported(&mut side);
        side.session.set_wall_clock(step);
        side.pass_ms(20);
        sent.into_iter().for_each(|sent| report(&mut side, sent, 0));
        side.pass_ms(80);
    }
    let rtt = round_trip(&mut side);
    assert!((20.0..121.0).contains(&rtt), "{rtt} ms");
}

#[test]
fn impossible_delays_move_no_round_trip() {
    let mut side = Side::sender(settings());
    side.pass_ms(100);
    for delay in [0x4000_0000, 0x7fff_ffff, 0x8000_0000, u32::MAX] {
        for sent in reported(&mut side) {
            report(&mut side, sent, delay);
            report(&mut side, sent.wrapping_add(delay), 0);
        }
        side.pass_ms(150);
    }
    let rtt = round_trip(&mut side);
    assert!((0.0..1000.0).contains(&rtt), "{rtt} ms");
}

#[test]
fn an_echo_that_was_on_its_way_for_less_than_its_delay_is_not_believed() {
    let mut side = Side::sender(settings());
    for delay_us in [0, 1_000_000, u32::MAX] {
        side.take_sent();
        side.pass_ms(100);
        let requests: Vec<Echo> = side
            .take_sent()
            .iter()
            .filter_map(|sent| feedback(sent))
            .flat_map(|compound| {
                let found = Compound::new(&compound).filter_map(|item| match item {
                    Ok(Rtcp::EchoRequest(echo)) => Some(echo),
                    _ => None,
                });
                found.collect::<Vec<_>>()
            })
            .collect();
        side.pass_ms(20);
        assert!(!requests.is_empty());
        for echo in requests {
            let mut words = name(FLOW, b"echo");
            write_echo_response(&mut words, &Echo { delay_us, ..echo });
            side.hear(listening_at(), &clear(Form::Reduced(FEEDBACK_PORTS), &words));
        }
    }
    let rtt = round_trip(&mut side);
    assert!((0.0..200.0).contains(&rtt), "{rtt} ms");
}

/// In clear text and with a shared secret anybody can call itself what it likes: it becomes a peer of its own.
#[test]
fn whoever_takes_a_name_takes_nothing_over() {
    for config in [settings(), with_secret("shared", rist::crypto::psk::KeySize::Aes128)] {
        let mut pair = in_step(config.clone());
        pair.stream(50);
        let owner = pair.guests()[0];
        let secret = config.secret.is_some();
        let mut other = Keyed::new("shared", [7, 7, 7, 7], rist::crypto::psk::KeySize::Aes128);
        let words = name(FLOW, b"tester");
        let form = Form::Reduced(FEEDBACK_PORTS);
        for _ in 0..50 {
            let hello = if secret { other.seal(form, &words) } else { clear(form, &words) };
            pair.listener.hear(stranger(9), &hello);
            pair.stream(1);
        }
        // The sender falls silent: still nobody inherits its place.
        pair.network = Box::new(|_, _| false);
        for _ in 0..50 {
            let hello = if secret { other.seal(form, &words) } else { clear(form, &words) };
            pair.listener.hear(stranger(9), &hello);
            pair.run(100);
        }
        let guests = pair.guests();
        assert!(guests.len() == 2 && guests[1] != owner, "{guests:?}");
        let media_to_thief =
            pair.listener.sent.iter().filter(|(to, sent)| *to == stranger(9) && carried(sent).is_some());
        assert_eq!(media_to_thief.count(), 0);
        pair.network = Box::new(|_, _| true);
        pair.run(500);
        let before = pair.listener.delivered.len();
        pair.stream(100);
        pair.run(1500);
        assert_eq!(pair.listener.delivered.len() - before, 100);
    }
}

/// A listening sender with receivers, in clear text.
fn sender_with(receivers: u32) -> Side {
    let mut side = Side::new(Role::Sender, Profile::Main, 9);
    side.listen(SOCKET, settings());
    for number in 0..receivers {
        side.introduce(stranger(number), FLOW);
    }
    for _ in 0..200 {
        side.write(&[0x47; 188]);
        side.pass_ms(1);
    }
    side
}

fn request(side: &mut Side, from: SocketAddr, seqs: &[u16]) {
    let mut words = name(FLOW, b"introduced");
    write_nack_range(&mut words, FLOW, seqs, 16);
    side.hear(from, &clear(Form::Reduced(FEEDBACK_PORTS), &words));
}

fn children(side: &Side) -> Vec<PeerId> {
    let known = side.events.iter().filter_map(|event| match event {
        Event::ClientConnected { peer } => Some(*peer),
        _ => None,
    });
    known.collect()
}

#[test]
fn peers_that_go_in_a_storm_of_requests_are_sent_nothing_more() {
    let mut side = sender_with(20);
    let peers = children(&side);
    assert_eq!(peers.len(), 20);
    for (number, peer) in peers.iter().enumerate() {
        // Everybody has asked for everything when this one goes.
        for from in number as u32..20 {
            request(&mut side, stranger(from), &(0..200).collect::<Vec<u16>>());
        }
        side.session.remove_peer(side.now, *peer).expect("it is there");
        side.drain();
        side.take_sent();
        side.pass_ms(50);
        let gone = stranger(number as u32);
        assert!(side.sent.iter().all(|(to, _)| *to != gone), "{number}");
    }
    assert!(side.sent.iter().all(|(_, sent)| carried(sent).is_none()));
}

#[test]
fn listening_ports_come_and_go_while_media_flows() {
    let mut side = Side::new(Role::Receiver, Profile::Main, 9);
    side.listen(SOCKET, settings());
    side.introduce(stranger(1), FLOW);
    let mut second = None;
    for seq in 0..200u16 {
        if seq % 40 == 10 {
            second = Some(side.listen(SocketId(u32::from(seq)), settings()));
        }
        if seq % 40 == 30
            && let Some(peer) = second.take()
        {
            side.session.remove_peer(side.now, peer).expect("it is there");
            // Nobody listens on it any more.
            side.session.handle_datagram(side.now, SocketId(u32::from(seq - 20)), stranger(2), &[0x10; 40]);
            side.drain();
        }
        side.media(stranger(1), seq, u32::from(seq) * 900);
        side.pass_ms(10);
    }
    side.pass_ms(1500);
    assert_eq!(side.numbers(), (0..200).collect::<Vec<_>>());
}

#[test]
fn a_flood_of_addresses_and_flows_makes_bounded_company() {
    let mut side = Side::receiver(settings());
    side.session.set_stats_interval(side.now, Some(Span::from_millis(100)));
    side.introduce(stranger(1), FLOW);
    for round in 0..100u16 {
        for number in 0..60 {
            let from = stranger(1000 + u32::from(round) * 60 + number);
            let flow = 0x10_0000 + (u32::from(round) * 60 + number) * 2;
            side.hear(from, &clear(Form::Reduced(FEEDBACK_PORTS), &name(flow, b"flood")));
            side.hear(from, &clear(Form::Reduced(MEDIA_PORTS), &media(flow, 1, 900, &[0x47; 188])));
        }
        side.media(stranger(1), round, u32::from(round) * 900);
        side.answer_echoes(stranger(1), |answer| clear(Form::Reduced(FEEDBACK_PORTS), answer));
        side.pass_ms(10);
    }
    side.pass_ms(1500);
    let ours = side.delivered.iter().filter(|delivery| delivery.flow_id == FLOW).count();
    assert_eq!(ours, 100);
    let now = side.reports.len();
    side.pass_ms(100);
    assert!(side.reports.len() - now <= 256, "{} flows", side.reports.len() - now);
    let came = side.events.iter().filter(|event| matches!(event, Event::ClientConnected { .. })).count();
    let left = side.events.iter().filter(|event| matches!(event, Event::TimedOut { .. })).count();
    assert!(came - left <= 1024, "{came} came, {left} left");
}

#[test]
fn a_buffer_of_nothing_is_a_buffer() {
    for (min, max) in [(0, 0), (0, 1), (1, 1)] {
        let mut pair = in_step(buffered(min, max));
        pair.stream(100);
        pair.run(500);
        assert!(pair.listener.delivered.len() >= 99, "{min}, {max}: {}", pair.listener.delivered.len());
    }
}

/// A receiver that hears requests, a sender that hears media: no reason to worry an operator.
#[test]
fn packets_for_the_other_role_are_told_to_the_curious_only() {
    let mut receiver = Side::receiver(settings());
    receiver.introduce(stranger(1), FLOW);
    let mut sender = sender_with(1);
    for seq in 0..100 {
        request(&mut receiver, stranger(1), &[1, 2, 3]);
        sender.media(stranger(0), seq, 0);
        receiver.pass_ms(20);
        sender.pass_ms(20);
    }
    for side in [&receiver, &sender] {
        let told: Vec<_> = side.lines.iter().filter(|(_, line)| line.contains("received on a")).collect();
        assert!((1..=3).contains(&told.len()), "{told:?}");
        assert!(told.iter().all(|(level, _)| *level == Level::Debug), "{told:?}");
    }
}
