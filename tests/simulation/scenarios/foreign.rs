//! Our library and the programs of others, in both directions, by every way of encrypting and over every kind of network.

use crate::foreign::stage::Stage;
use crate::foreign::{LIBRIST_7, LIBRIST_17, LIBRIST_18, MODELS, Model, RISTGO, Start};
use crate::network::Link;
use crate::outcome::Outcome;
use crate::pair::{Path, Setup};
use rist::crypto::psk::KeySize;
use rist::protocol::config::{AdvancedClock, AdvancedEcho, AdvancedStart, Role};
use rist::protocol::time::Span;
use rist::wire::advanced::timestamp::Clock;

const BUFFER: u32 = 500;
const LENGTH: Span = Span::from_secs(5);

fn networks() -> [(&'static str, Link); 4] {
    let link = || Link { delay: Span::from_millis(20), ..Link::default() };
    [
        ("clean", link()),
        ("10 % loss", Link { loss: 0.1, ..link() }),
        ("jitter", Link { jitter: Span::from_millis(15), ..link() }),
        ("reorder", Link { reorder: 0.1, held_back: Span::from_millis(10), ..link() }),
    ]
}

fn setup(link: &Link) -> Setup {
    let mut setup = Setup::new(Path::both(link.clone())).buffer(BUFFER);
    setup.length = LENGTH;
    setup
}

/// In clear text, with AES-128, and with keys of 256 bits that change.
fn modes(link: &Link) -> [(&'static str, Setup); 3] {
    let mut rotating = setup(link).secret(KeySize::Aes256);
    rotating.peer.key_rotation = 100;
    [("clear", setup(link)), ("AES-128", setup(link).secret(KeySize::Aes128)), ("AES-256, rotating", rotating)]
}

/// Nothing twice, nothing out of order, nothing changed, and the ends of the stream came.
#[track_caller]
fn assert_sane(stage: &Stage, outcome: &Outcome, what: &str) {
    assert!(stage.world.books.violations.is_empty(), "{what}: {:#?}", stage.world.books.violations);
    assert!(outcome.before <= 5 && outcome.tail <= 5, "{what}: {outcome:?}");
}

/// A receiver of others is sent to: in the framing that it reads, by the clock that it plays by.
fn send_to(model: Model, what: &str, setup: Setup, start: AdvancedStart, lossy: bool) {
    let slowest = setup.paths[0].forth.slowest();
    let mut setup = setup;
    setup.peer.advanced.start = start;
    if start == AdvancedStart::Advanced && model.clock == Clock::ShiftedMicroseconds {
        // Who does not wait for a word has to be told.
        setup.peer.advanced.clock = AdvancedClock::Shifted;
    }
    let mut stage = Stage::new(setup, Role::Sender, model);
    let stream = stage.play();
    let (outcome, theirs) = (stage.outcome(stream), stage.their_receiver());
    let what = format!("{what}: {outcome:?}, {theirs:?}");
    assert_sane(&stage, &outcome, &what);
    assert_eq!(stage.foreign().voice.unreadable, 0, "{what}");
    // What they throw away where the framing changes is theirs.
    assert!(outcome.lost <= theirs.lost_at_switch, "{what}");
    let [main, advanced] = theirs.came;
    match (model.is_advanced(), start) {
        (false, _) => assert_eq!(advanced, 0, "{what}"),
        // The first signs of life may be lost.
        (true, AdvancedStart::Auto) if !lossy => assert_eq!((main, theirs.switches), (0, 0), "{what}"),
        (true, AdvancedStart::Advanced) => assert_eq!(main, 0, "{what}"),
        (true, _) => assert!(advanced > outcome.written * 3 / 5 && theirs.switches <= 1, "{what}"),
    }
    let buffer = Span::from_millis(BUFFER);
    let held = if start == AdvancedStart::Auto { Span::from_millis(BUFFER / 2 + 20) } else { Span::ZERO };
    // Who begins anew plays at once what it has.
    let least = if theirs.switches == 0 { buffer } else { Span::ZERO };
    assert!(outcome.shortest >= least && outcome.longest <= buffer + slowest + held + Span::from_millis(20), "{what}");
}

#[test]
fn receivers_of_others_get_everything() {
    for model in MODELS {
        for (network, link) in networks() {
            for (mode, setup) in modes(&link) {
                for start in [AdvancedStart::Auto, AdvancedStart::Main, AdvancedStart::Advanced] {
                    // Who is spoken to in Advanced at once has to read it, and to know us.
                    if start == AdvancedStart::Advanced && (!model.is_advanced() || model.wants_name) {
                        continue;
                    }
                    let what = format!("{}, {network}, {mode}, {start:?}", model.name);
                    send_to(model, &what, setup.clone(), start, link.loss > 0.0);
                }
            }
        }
    }
}

#[test]
fn receivers_of_others_that_call_get_everything() {
    for model in MODELS {
        for (mode, setup) in modes(&networks()[1].1) {
            let mut setup = Setup { reversed: true, ..setup };
            // Who answers no echo does not prove where it is.
            setup.peer.address_validation = model.answers_rtcp_echoes;
            let mut stage = Stage::new(setup, Role::Sender, model);
            stage.world.run_for(Span::from_secs(3));
            let stream = stage.play();
            let (outcome, theirs) = (stage.outcome(stream), stage.their_receiver());
            let what = format!("{}, {mode}: {outcome:?}, {theirs:?}", model.name);
            assert_sane(&stage, &outcome, &what);
            assert_eq!((outcome.lost, theirs.switches), (0, 0), "{what}");
            assert_eq!(theirs.came[usize::from(!model.is_advanced())], 0, "{what}");
        }
    }
}

#[test]
fn senders_of_others_lose_nothing() {
    for model in MODELS {
        for (network, link) in networks() {
            for (mode, setup) in modes(&link) {
                for reversed in [false, true] {
                    let what = format!("{}, {network}, {mode}, reversed: {reversed}", model.name);
                    let setup = Setup { reversed, ..setup.clone() };
                    receive_from(model, &what, setup);
                }
            }
        }
    }
}

fn receive_from(model: Model, what: &str, setup: Setup) {
    let slowest = setup.paths[0].forth.slowest();
    let mut stage = Stage::new(setup, Role::Receiver, model);
    // A listener needs somebody to send to.
    stage.world.run_for(Span::from_millis(1500));
    let stream = stage.play();
    let outcome = stage.outcome(stream);
    let what = format!("{what}: {outcome:?}");
    assert_sane(&stage, &outcome, &what);
    assert_eq!(outcome.lost, 0, "{what}");
    let late = if model.is_timeless() { Span::from_millis(60) } else { Span::from_millis(10) };
    let buffer = Span::from_millis(BUFFER);
    assert!(outcome.shortest >= buffer && outcome.longest <= buffer + slowest + late, "{what}");
    let bits = if model.is_advanced() { 32 } else { 16 };
    let reports: Vec<u8> = stage.record().flow_reports.iter().map(|report| report.seq_bits).collect();
    assert!(!reports.is_empty() && reports.iter().skip(1).all(|report| *report == bits), "{what}: {reports:?}");
    if !model.is_timeless() {
        stage.verdict(stream).assert(&stage.setup);
    }
}

/// The model shows what it is for: by the wrong clock its buffer is gone, and with it what is lost on the way.
#[test]
fn a_receiver_that_divides_timestamps_is_sent_such_ones() {
    let play = |clock| {
        let mut setup = setup(&networks()[1].1);
        setup.peer.advanced.clock = clock;
        let mut stage = Stage::new(setup, Role::Sender, RISTGO);
        let stream = stage.play();
        stage.outcome(stream)
    };
    let right = play(AdvancedClock::Auto);
    assert!(right.lost == 0 && right.shortest >= Span::from_millis(BUFFER), "{right:?}");
    let wrong = play(AdvancedClock::Megahertz);
    assert!(wrong.lost > 40 && wrong.shortest < Span::from_millis(50), "{wrong:?}");
}

/// libRIST before 0.2.18 takes our answer for fifteen times as long, and then refuses what is asked for again.
#[test]
fn an_echo_is_not_answered_where_the_answer_does_harm() {
    let play = |echo, model: Model| {
        let link = Link { delay: Span::from_millis(25), loss: 0.3, ..Link::default() };
        let mut setup = setup(&link);
        setup.length = Span::from_secs(20);
        setup.peer.advanced.echo = echo;
        let mut stage = Stage::new(setup, Role::Receiver, model);
        stage.world.run_for(Span::from_secs(2));
        let stream = stage.play();
        let outcome = stage.outcome(stream);
        (outcome.lost, stage.foreign().voice.control_answers, stage.their_sender().refused)
    };
    let (lost, answers, _) = play(AdvancedEcho::Auto, LIBRIST_17);
    assert_eq!(answers, 0);
    let (harmed, answers, refused) = play(AdvancedEcho::On, LIBRIST_17);
    println!("lost {lost}; with answers {harmed}, {refused} requests refused");
    assert!(answers > 0 && refused > 0 && harmed > 10 * lost.max(1), "{harmed} lost, {lost} without answers");
    let (in_main, ..) = play(AdvancedEcho::Auto, Model { start: Start::Never, ..LIBRIST_17 });
    assert!(lost <= in_main + 10, "{lost} lost, {in_main} in Main");
}

/// Who measures rightly is answered.
#[test]
fn echoes_of_others_are_answered() {
    for model in MODELS.into_iter().filter(|model| model.asks_control_echoes && !model.is_timeless()) {
        let mut stage = Stage::new(setup(&Link::default()), Role::Receiver, model);
        stage.play();
        assert!(stage.foreign().voice.control_answers > 20, "{}", model.name);
    }
}

/// Timestamps that run 65,536 times too fast are no time: packets are placed by their arrival.
#[test]
fn a_fast_clock_is_seen_through() {
    for model in [LIBRIST_17, LIBRIST_18] {
        let link = Link { jitter: Span::from_millis(15), loss: 0.1, ..Link::default() };
        let mut stage = Stage::new(setup(&link), Role::Receiver, model);
        stage.world.run_for(Span::from_secs(1));
        let stream = stage.play();
        let outcome = stage.outcome(stream);
        assert_sane(&stage, &outcome, model.name);
        let buffer = Span::from_millis(BUFFER);
        assert!(outcome.lost == 0 && outcome.shortest >= buffer, "{outcome:?}");
        assert!(outcome.longest <= buffer + Span::from_millis(60), "{outcome:?}");
    }
}

#[test]
fn an_old_receiver_never_hears_advanced() {
    for start in [AdvancedStart::Auto, AdvancedStart::Main] {
        let mut setup = setup(&Link::default());
        setup.peer.advanced.start = start;
        let mut stage = Stage::new(setup, Role::Sender, LIBRIST_7);
        stage.world.wire = Some(Vec::new());
        stage.play();
        let ours = stage.world.wire.iter().flatten().filter(|sent| sent.host == stage.ours);
        let wrong = ours.filter(|sent| rist::wire::advanced::is_candidate(&sent.bytes)).count();
        assert_eq!(wrong, 0, "{start:?}");
    }
}
