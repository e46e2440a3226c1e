//! Logins (EAP) as a session lives with them: what they let in, what interrupts them, what begins them again.

#[path = "support/session.rs"]
mod session;

use rist::protocol::config::{PeerConfig, Profile, Role};
use rist::protocol::output::Event;
use rist::protocol::session::LoginSetup;
use rist::protocol::time::Span;
use rist::wire::gre::{self, BufferNegotiation, Form, KeepAlive};
use session::*;

const PASSWORD: &str = "let me in";

fn in_step() -> Pair {
    let mut pair = Pair::same(with_login(PASSWORD));
    pair.until(3000, Pair::connected).expect("a login");
    pair.run(200);
    pair
}

/// A frame as it goes over the wire.
fn eapol(frame: &[u8]) -> Vec<u8> {
    clear(Form::Eapol, frame)
}

fn logins(side: &Side) -> usize {
    side.has_said("logged in as")
}

/// libRIST before 0.2.19 waited for the next report, and dropped what media came before it.
#[test]
fn a_name_follows_a_login_at_once_and_no_packet_is_dropped() {
    let mut pair = Pair::new(settings(), with_login(PASSWORD));
    let credentials = with_login(PASSWORD).credentials.expect("a short password");
    let demanded = LoginSetup::Credentials(credentials);
    pair.caller.session.enable_login(pair.caller.now, pair.caller_id, demanded).expect("a caller can log in");
    for _ in 0..300 {
        pair.caller.write(&[0x47; 188]);
        pair.run(5);
    }
    pair.run(2000);
    let sent: Vec<u16> = pair.passed.iter().filter_map(|(_, datagram)| Some(carried(datagram)?.1)).collect();
    assert!(sent.len() > 250, "{} packets after the login", sent.len());
    let came: Vec<u16> = pair.listener.numbers().iter().map(|number| *number as u16).collect();
    assert_eq!(came, sent);
    let said = |part| pair.listener.has_said(part);
    assert_eq!((said("handshake"), said("unannounced")), (0, 0));
}

#[test]
fn the_name_comes_before_anything_else_could() {
    let mut pair = Pair::same(with_login(PASSWORD));
    pair.until(3000, |pair| logins(&pair.caller) == 1).expect("a login");
    let waited = pair.until(100, Pair::connected).expect("a name");
    assert!(waited <= 3, "{waited} ms from one's login to the other's knowledge of the name");
}

#[test]
fn a_listener_that_starts_again_and_again_is_back_as_soon_each_time() {
    let mut pair = in_step();
    let mut waits = Vec::new();
    for round in 0..5 {
        pair.stream(200);
        pair.restart_listener(with_login(PASSWORD), 100 + round);
        let back = pair.until(5000, |pair| pair.connected() && logins(&pair.listener) == 1);
        waits.push(back.expect("the caller logs in again by itself"));
    }
    assert!(waits.iter().all(|ms| *ms <= 1500), "{waits:?}");
}

/// The same when the caller's address is another one each time, as behind a translator.
#[test]
fn a_caller_whose_address_changes_is_back_as_soon_each_time() {
    let mut pair = in_step();
    let mut waits = Vec::new();
    for round in 0..5 {
        pair.stream(200);
        pair.caller_at = stranger(50 + round);
        let logged_in = logins(&pair.listener);
        let back = pair.until(5000, |pair| logins(&pair.listener) > logged_in);
        waits.push(back.expect("the caller logs in again by itself"));
    }
    assert!(waits.iter().all(|ms| *ms <= 1500), "{waits:?}");
}

/// libRIST 0.2.19 #224: the socket stays, and so does the address.
#[test]
fn a_login_outlives_a_silence_of_both_ways() {
    for silent in [1500, 4500, 20_000] {
        let mut pair = in_step();
        pair.stream(50);
        let begun = pair.listener.delivered.len();
        pair.network = Box::new(|_, _| false);
        pair.stream(silent / 10);
        pair.network = Box::new(|_, _| true);
        pair.run(1500);
        let before = pair.listener.delivered.len();
        pair.stream(100);
        pair.run(1500);
        assert!(pair.listener.delivered.len() - before >= 100, "after {silent} ms: {begun}, {before}");
    }
}

#[test]
fn a_second_of_silence_in_five_costs_no_login_and_kills_nobody() {
    let mut pair = in_step();
    for _ in 0..24 {
        pair.network = Box::new(|_, _| true);
        pair.stream(400);
        pair.network = Box::new(|_, _| false);
        pair.run(1000);
    }
    for side in [&pair.caller, &pair.listener] {
        assert_eq!((logins(side), side.has_said("is dead")), (1, 0), "{:?}", side.lines);
    }
    assert_eq!(pair.guests().len(), 1);
}

#[test]
fn whoever_has_the_wrong_password_gets_nothing_and_is_forgotten() {
    let mut pair = Pair::new(with_login("a guess"), with_login(PASSWORD));
    for _ in 0..1200 {
        pair.caller.write(&[0x47; 188]);
        pair.run(50);
    }
    assert!(!pair.connected() && pair.listener.delivered.is_empty());
    let told = pair.passed.iter().filter(|(way, _)| *way == Way::ToCaller);
    let frames: Vec<_> = told.map(|(_, datagram)| protocol(datagram)).collect();
    assert!(frames.iter().all(|protocol| *protocol == gre::protocol::EAPOL), "nothing but frames");
    // Two tries in 30 seconds, each of some frames and their repetitions.
    assert!(frames.len() < 150, "{} frames in a minute", frames.len());
    assert!(pair.listener.has_said("wrong password") >= 2);
    pair.network = Box::new(|_, _| false);
    pair.run(10_000);
    let removed = pair.listener.has_said("is removed");
    assert!(removed > 0 && removed == pair.listener.has_said("new peer"), "{removed}");
    assert!(pair.listener.events.iter().all(|event| !matches!(event, Event::TimedOut { .. })));
}

#[test]
fn the_start_of_a_login_has_no_body() {
    let mut pair = Pair::same(with_login(PASSWORD));
    pair.run(1000);
    let frames = pair
        .passed
        .iter()
        .filter(|(way, datagram)| *way == Way::ToListener && protocol(datagram) == gre::protocol::EAPOL);
    let frames: Vec<_> = frames.map(|(_, datagram)| &datagram[datagram.len().min(8)..]).collect();
    // GRE header with sequence number, then version, type, length: nothing else.
    assert_eq!(frames[0], [4, 1, 0, 0]);
}

/// Both what TR-06-2 says, and what libRIST 0.2.8 to 0.2.16 sent: the length of the header, without a body.
#[test]
fn starts_of_either_length_are_answered() {
    for start in [&[3, 1, 0, 0][..], &[3, 1, 0, 4], &[2, 1, 0, 0]] {
        let mut side = Side::receiver(with_login(PASSWORD));
        side.hear(stranger(1), &clear(Form::KeepAlive, &keep_alive(b"")));
        side.pass_ms(100);
        side.take_sent();
        side.hear(stranger(1), &eapol(start));
        side.pass_ms(1000);
        let asked = side.take_sent().iter().filter(|sent| protocol(sent) == gre::protocol::EAPOL).count();
        assert!(asked >= 1, "{start:?}");
    }
}

fn keep_alive(json: &[u8]) -> Vec<u8> {
    let mut message = Vec::new();
    KeepAlive { mac: [2; 6], capabilities: gre::CAPABILITIES, extension: None, json }.write(&mut message);
    message
}

#[test]
fn passwords_and_names_of_any_length_log_in() {
    for length in [1, 127, 128, 129, 255] {
        let mut pair = Pair::same(with_login(&"p".repeat(length)));
        assert!(pair.until(3000, Pair::connected).is_some(), "{length} octets");
    }
    assert!(with_login(&"p".repeat(256)).credentials.is_none());
}

#[test]
fn frames_alone_make_nobody_a_peer() {
    let mut side = Side::receiver(with_login(PASSWORD));
    for length in 0..=20 {
        for kind in 0..3 {
            side.hear(stranger(1), &eapol(&[3, kind, 0, 0, 1, 1, 0, 5, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0][..length]));
        }
    }
    side.pass_ms(2000);
    assert!(side.sent.is_empty() && side.events.is_empty() && side.has_said("new peer") == 0);
}

#[test]
fn frames_of_a_few_octets_do_no_harm() {
    let mut pair = in_step();
    for length in 0..=12 {
        for first in [[0, 0], [2, 0], [3, 0], [3, 1], [4, 0], [4, 2], [0xff, 0xff]] {
            for fill in [0, 1, 0xff] {
                let mut frame = vec![fill; length];
                let start = frame.len().min(2);
                frame[..start].copy_from_slice(&first[..start]);
                pair.listener.hear(pair.caller_at, &eapol(&frame));
                pair.caller.hear(listening_at(), &eapol(&frame));
                // Without a header in front, as libRIST repeats them.
                pair.listener.hear(pair.caller_at, &frame);
                pair.caller.hear(listening_at(), &frame);
            }
        }
    }
    pair.run(2000);
    let before = pair.listener.delivered.len();
    pair.stream(50);
    pair.run(1500);
    assert_eq!(pair.listener.delivered.len() - before, 50);
    assert_eq!(logins(&pair.listener), 1);
}

/// libRIST reads keep-alives and buffer negotiation before the login, and they keep a stranger alive.
#[test]
fn before_a_login_only_frames_count() {
    let mut side = Side::receiver(with_login(PASSWORD));
    let mut negotiation = Vec::new();
    BufferNegotiation { sender_max: 9000, receiver_current: 0, kind: 7 }.write(&mut negotiation);
    let start = [&[0x80, 201, 0, 1, 0, 0, 0, 2][..]].concat();
    for _ in 0..100 {
        side.hear(stranger(1), &clear(Form::KeepAlive, &keep_alive(b"{\"a\":1}")));
        side.hear(stranger(1), &clear(Form::BufferNegotiation, &negotiation));
        side.hear(stranger(1), &clear(Form::Reduced(FEEDBACK_PORTS), &start));
        side.hear(stranger(1), &clear(Form::Full, b"out of band"));
        side.media(stranger(1), 1, 900);
        side.pass_ms(100);
    }
    assert!(side.sent.iter().all(|(_, sent)| protocol(sent) == gre::protocol::EAPOL));
    assert!(side.events.iter().all(|event| !matches!(event, Event::ClientConnected { .. } | Event::OutOfBand { .. })));
    assert_eq!((side.has_said("can do"), side.reports.len(), side.delivered.len()), (0, 0, 0));
}

/// A caller that could log in, where nobody wants it to, is not silenced by one forged frame.
#[test]
fn a_forged_question_silences_nobody_for_good() {
    let mut pair = Pair::new(with_login(PASSWORD), settings());
    pair.until(3000, Pair::connected).expect("no login is wanted");
    pair.stream(50);
    for frame in [&[3, 0, 0, 5, 1, 9, 0, 5, 1][..], &[3, 0, 0, 4, 4, 9, 0, 4], &[3, 2, 0, 0], &[1, 2, 3]] {
        pair.caller.hear(listening_at(), &eapol(frame));
    }
    pair.stream(1200);
    pair.run(1500);
    let before = pair.listener.delivered.len();
    pair.stream(100);
    pair.run(1500);
    let more = pair.listener.delivered.len() - before;
    assert!(more >= 100, "{more} packets");
}

#[test]
fn log_offs_and_failures_from_a_listeners_address_end_no_login() {
    let mut pair = in_step();
    for identifier in 0..=255 {
        pair.caller.hear(listening_at(), &eapol(&[3, 0, 0, 4, 4, identifier, 0, 4]));
        pair.listener.hear(pair.caller_at, &eapol(&[3, 0, 0, 4, 4, identifier, 0, 4]));
        pair.caller.hear(listening_at(), &eapol(&[3, 2, 0, 0]));
        pair.listener.hear(pair.caller_at, &eapol(&[3, 2, 0, 0]));
    }
    let before = pair.listener.delivered.len();
    pair.stream(100);
    pair.run(1500);
    assert_eq!(pair.listener.delivered.len() - before, 100);
    assert_eq!(logins(&pair.listener), 1);
}

#[test]
fn a_receiver_that_calls_logs_in_as_well() {
    let mut pair = Pair::of(Side::new(Role::Receiver, Profile::Main, 5), with_login(PASSWORD), with_login(PASSWORD));
    pair.until(3000, Pair::connected).expect("a login");
    for _ in 0..100 {
        pair.listener.write(&[0x47; 188]);
        pair.run(10);
    }
    pair.run(1500);
    assert!(pair.caller.delivered.len() >= 95, "{}", pair.caller.delivered.len());
}

/// Nobody calculates without bound for strangers that all want to log in.
#[test]
fn a_crowd_that_wants_to_log_in_costs_few_calculations() {
    let mut side = Side::receiver(PeerConfig { session_timeout: Span::from_secs(30), ..with_login(PASSWORD) });
    for number in 0..1000 {
        side.hear(stranger(number), &clear(Form::KeepAlive, &keep_alive(b"")));
        for identifier in 0..=255 {
            // One of them fits the question.
            side.hear(stranger(number), &eapol(&[3, 0, 0, 9, 2, identifier, 0, 9, 1, b'u', b's', b'e', b'r']));
        }
        side.pass_ms(1);
    }
    assert!(side.calculated < 200, "{} calculations in a second", side.calculated);
}

/// The program's answer may take a while, on the thread that serves media.
#[test]
fn a_crowd_that_says_names_costs_few_look_ups() {
    let mut side = Side::new(Role::Receiver, Profile::Main, 7);
    let listener = side.listen(SOCKET, PeerConfig { session_timeout: Span::from_secs(30), ..settings() });
    side.session.enable_login(side.now, listener, LoginSetup::LookUp).expect("a guard");
    for number in 0..1000 {
        side.hear(stranger(number), &clear(Form::KeepAlive, &keep_alive(b"")));
        let question = side.sent.pop().map(|(_, sent)| sent[sent.len() - 4]).unwrap_or_default();
        for identifier in [question, question.wrapping_add(1)].into_iter().chain(0..=255) {
            side.hear(stranger(number), &eapol(&[3, 0, 0, 9, 2, identifier, 0, 9, 1, b'u', b's', b'e', b'r']));
        }
        side.pass_ms(1);
    }
    let asked = side.events.iter().filter(|event| matches!(event, Event::LookUp(_))).count();
    assert!((20..=200).contains(&asked), "{asked} look-ups in a second");
}

/// Questions are never encrypted: anybody can send them in a listener's name, as often as he likes.
#[test]
fn forged_questions_do_not_interrupt_a_stream() {
    let mut pair = Pair::new(with_login(PASSWORD), settings());
    pair.until(3000, Pair::connected).expect("no login is wanted");
    pair.stream(50);
    for identifier in 0..4 {
        pair.caller.hear(listening_at(), &eapol(&[3, 0, 0, 5, 1, identifier, 0, 5, 1]));
        pair.stream(400);
    }
    pair.run(1500);
    let delivered = pair.listener.delivered.len();
    assert!(delivered >= 1600, "{delivered} packets of 1650");
}
