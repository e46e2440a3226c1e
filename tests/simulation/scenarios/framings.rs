//! The framing changes: a peer learns what the other can do, is exchanged for an older program, or says nothing at all.

use crate::foreign::stage::Stage;
use crate::foreign::{LIBRIST_7, LIBRIST_18, LIBRIST_20, Model, Offer, RISTGO, STANDARD, Start};
use crate::host::Clock;
use crate::invariants::Bounds;
use crate::network::Link;
use crate::outcome::missed;
use crate::pair::{PORT, Path, Setup, call, listen, receiver_config};
use crate::workload::Pattern;
use crate::world::{World, address};
use rist::crypto::psk::KeySize;
use rist::protocol::config::{AdvancedStart, Profile, Role};
use rist::protocol::session::SessionConfig;
use rist::protocol::time::Span;
use rist::wire::advanced::is_candidate;
use std::net::SocketAddr;

fn lossy() -> Setup {
    let link = Link { delay: Span::from_millis(20), loss: 0.1, jitter: Span::from_millis(5), ..Link::default() };
    let mut setup = Setup::new(Path::both(link)).buffer(500);
    setup.length = Span::from_secs(10);
    setup
}

fn secret(setup: Setup, encrypted: bool) -> Setup {
    if encrypted { setup.secret(KeySize::Aes128) } else { setup }
}

/// A sender that speaks Main for five seconds, and then Advanced: nothing is lost for it, and nothing jumps.
#[test]
fn a_sender_that_changes_late_loses_nothing() {
    for (model, encrypted) in [(LIBRIST_20, false), (LIBRIST_18, false), (STANDARD, true), (RISTGO, false)] {
        let mut stage = Stage::new(secret(lossy(), encrypted), Role::Receiver, Model { start: Start::Never, ..model });
        // Timestamps of the new kind are watched first, again.
        stage.world.books.timeless.push(stage.ours);
        let stream = stage.write(stage.setup.length);
        stage.world.run_for(Span::from_secs(5));
        stage.foreign_mut().voice.model.start = Start::WhenOffered;
        stage.foreign_mut().voice.offered = true;
        stage.world.run_for(Span::from_secs(5));
        stage.finish();
        let outcome = stage.outcome(stream);
        assert!(stage.world.books.violations.is_empty(), "{}: {:#?}", model.name, stage.world.books.violations);
        assert!((outcome.lost, outcome.tail) == (0, 0) && outcome.before <= 5, "{}: {outcome:?}", model.name);
        let buffer = Span::from_millis(500);
        assert!(
            outcome.shortest >= buffer && outcome.longest <= buffer + Span::from_millis(60),
            "{}: {outcome:?}",
            model.name
        );
        let starts = stage.world.books.receptions[&(stream, stage.ours)].fates.iter().filter(|fate| fate.starts_flow);
        assert_eq!(starts.count(), 1, "{}", model.name);
        assert_eq!(stage.record().flow_reports.last().map(|report| report.seq_bits), Some(32));
    }
}

/// A receiver that says late what it can do costs one packet at most: libRIST's, where it begins anew.
#[test]
fn a_receiver_that_tells_late_is_followed() {
    for model in [LIBRIST_20, LIBRIST_18, STANDARD, RISTGO] {
        let silent = Model { offer: Offer::Nothing, start: Start::Never, ..model };
        let mut stage = Stage::new(lossy(), Role::Sender, silent);
        let stream = stage.write(stage.setup.length);
        stage.world.run_for(Span::from_secs(5));
        stage.foreign_mut().voice.model = model;
        stage.world.run_for(Span::from_secs(5));
        stage.finish();
        let (outcome, theirs) = (stage.outcome(stream), stage.their_receiver());
        assert!(stage.world.books.violations.is_empty(), "{}: {:#?}", model.name, stage.world.books.violations);
        assert!(theirs.came.iter().all(|came| *came > 700), "{}: {theirs:?}", model.name);
        assert!(theirs.switches == 1 && outcome.lost <= theirs.lost_at_switch, "{}: {outcome:?}", model.name);
        assert!(outcome.lost == 0 || model.loses_at_switch, "{}: {outcome:?}", model.name);
    }
}

#[test]
fn a_receiver_is_exchanged_for_an_older_one_and_back() {
    for (model, encrypted) in [(LIBRIST_20, false), (LIBRIST_18, true), (STANDARD, false), (RISTGO, false)] {
        let mut stage = Stage::new(secret(lossy(), encrypted), Role::Sender, model);
        let stream = stage.write(Span::from_secs(30));
        stage.world.run_for(Span::from_secs(10));
        stage.exchange(LIBRIST_7);
        stage.world.run_for(Span::from_secs(10));
        let in_main = stage.their_receiver().came;
        stage.exchange(model);
        stage.world.run_for(Span::from_secs(10));
        stage.finish();
        // Four seconds to notice what can be told by its keep-alives only.
        let missed = |from, to| missed(&stage.world, stream, stage.theirs, Span::from_secs(from), Span::from_secs(to));
        assert_eq!(missed(14, 19), 0, "{}: {in_main:?}", model.name);
        assert_eq!(missed(24, 30), 0, "{}", model.name);
        assert!(stage.their_receiver().came[1] > 1000, "{}: {:?}", model.name, stage.their_receiver());
    }
}

#[test]
fn a_sender_is_exchanged_for_an_older_one_and_back() {
    for (model, encrypted) in [(LIBRIST_20, false), (LIBRIST_18, true), (STANDARD, false), (RISTGO, false)] {
        let mut stage = Stage::new(secret(lossy(), encrypted), Role::Receiver, model);
        stage.world.books.timeless.push(stage.ours);
        let stream = stage.write(Span::from_secs(30));
        stage.world.run_for(Span::from_secs(10));
        stage.exchange(LIBRIST_7);
        stage.world.run_for(Span::from_secs(10));
        stage.exchange(model);
        stage.world.run_for(Span::from_secs(10));
        stage.finish();
        let missed = |from, to| missed(&stage.world, stream, stage.ours, Span::from_secs(from), Span::from_secs(to));
        // Numbers that begin anew in the other framing look like those that were there before, for a while.
        assert_eq!(missed(14, 19), 0, "{}", model.name);
        assert_eq!(missed(24, 30), 0, "{}", model.name);
    }
}

/// Media from the start, to somebody who never answers: it goes out in Main after a moment, all of it, in order.
#[test]
fn what_waits_for_an_answer_that_never_comes_goes_out_in_main() {
    for (buffer, every) in [(1000, 5), (50, 5)] {
        let mute = Link { outages: vec![(Span::ZERO, Span::from_secs(3600))], ..Link::default() };
        let mut setup = Setup::new(Path::new(Link::default(), mute)).buffer(buffer).advanced();
        setup.pattern = Pattern::every(every);
        let mut pair = setup.start();
        pair.world.wire = Some(Vec::new());
        let stream = pair.write(Span::from_secs(2));
        pair.world.run_for(Span::from_secs(3));
        let (world, packets) = (&pair.world, &pair.world.books.streams[&stream].packets);
        let mut next = 0;
        for sent in world.wire.iter().flatten().filter(|sent| sent.host == pair.sender) {
            let crate::tap::Kind::Media { index, repeated: false, .. } = world.tap.read(&sent.bytes) else { continue };
            assert!(!is_candidate(&sent.bytes) && index == next, "packet {index} for {next}");
            let waited = sent.at - packets[index as usize].at;
            assert!(waited <= Span::from_millis(buffer / 2 + 5), "packet {index} waited {waited:?}");
            next += 1;
        }
        // Two and a half buffers without an answer, and the peer is dead.
        assert!(next as usize >= (buffer * 2 / every) as usize, "{next} of {} packets", packets.len());
    }
}

/// 100 Mbit/s from the first moment.
#[test]
fn much_media_waits_and_none_is_lost() {
    for theirs in [Profile::Advanced, Profile::Main] {
        let link = Link { delay: Span::from_millis(50), ..Link::default() };
        let mut setup = Setup { receiver_profile: Some(theirs), ..Setup::new(Path::both(link)).advanced() };
        setup.pattern =
            Pattern { interval: Span::from_micros(105), smallest: 1316, largest: 1316, ..Pattern::default() };
        setup.length = Span::from_millis(1500);
        setup.peer.max_bitrate_kbps = 200_000;
        let mut pair = setup.start();
        let stream = pair.play();
        let verdict = pair.verdict(stream);
        verdict.assert_complete();
        assert!(pair.world.books.violations.is_empty(), "{:#?}", pair.world.books.violations);
        let bits = if theirs == Profile::Advanced { 32 } else { 16 };
        assert!(pair.got().flow_reports.iter().all(|report| report.seq_bits == bits || report.received == 0));
    }
}

/// A sender of two receivers, of which one reads Main only: each is spoken to as it understands.
#[test]
fn each_of_two_legs_is_spoken_to_in_its_own_framing() {
    for (weight, encrypted) in [(0, false), (0, true)] {
        let mut setup = secret(lossy(), encrypted);
        setup.paths[0].weight = weight;
        let setup = setup.advanced();
        let mut pair = setup.start();
        let config = SessionConfig { profile: Profile::Main, seed: 99, ..receiver_config() };
        let old = pair.world.add_host(config, Clock::default());
        let Path { forth, back, .. } = pair.setup.paths[0].clone();
        pair.world.connect(0, pair.sender, old, forth, back);
        let peer = pair.setup.peer.clone();
        listen(&mut pair.world, old, 0, &peer);
        call(&mut pair.world, pair.sender, old, 0, 0, peer);
        let stream = pair.play();
        for (host, bits) in [(pair.receiver, 32), (old, 16)] {
            let verdict = Bounds::of(&pair.setup).check(&pair.world, stream, host);
            verdict.assert(&pair.setup);
            verdict.assert_complete();
            let reports = &pair.world.hosts[host].record.flow_reports;
            assert!(!reports.is_empty() && reports.iter().all(|report| report.seq_bits == bits), "{reports:?}");
        }
    }
}

/// One flow by two legs to the same receiver, one of them spoken to in Main: it is one stream all the same.
#[test]
fn legs_of_different_framings_are_merged() {
    for weight in [0, 5] {
        let mut setup = lossy().advanced();
        setup.paths[0].weight = weight;
        setup.paths.push(Path { weight, ..Path::both(Link { loss: 0.05, ..Link::delayed(40) }) });
        let mut pair = setup.start();
        pair.world.run_for(Span::from_secs(2));
        // The second leg is exchanged for one that begins in Main, and is not told otherwise.
        let stream = pair.write(Span::from_secs(8));
        pair.world.run_for(Span::from_secs(8));
        pair.finish();
        pair.assert(stream).assert_complete();
    }
}

/// The first two seconds at a peer of Main, by a context that starts in Main.
#[test]
fn a_context_that_starts_in_main_says_nothing_else_before_it_is_told() {
    let mut setup = lossy();
    setup.peer.advanced.start = AdvancedStart::Main;
    setup.receiver_profile = Some(Profile::Main);
    let mut pair = setup.advanced().start();
    pair.world.wire = Some(Vec::new());
    let stream = pair.write(Span::from_secs(2));
    pair.world.run_for(Span::from_secs(2));
    let media = pair.world.wire.iter().flatten().filter(|sent| sent.host == pair.sender);
    assert!(media.clone().count() > 400 && !media.clone().any(|sent| is_candidate(&sent.bytes)));
    pair.finish();
    pair.assert(stream).assert_complete();
}

/// A network that holds the very first datagrams back changes nothing.
#[test]
fn a_slow_first_answer_is_waited_for() {
    let mut world = World::new(3);
    let setup = Setup::new(Path::both(Link::delayed(150))).advanced();
    let config = |config: SessionConfig| SessionConfig { profile: Profile::Advanced, ..config };
    let sender = world.add_host(config(crate::pair::sender_config(crate::pair::FLOW)), Clock::default());
    let receiver = world.add_host(config(receiver_config()), Clock::default());
    world.connect(0, sender, receiver, Link::delayed(150), Link::delayed(150));
    listen(&mut world, receiver, 0, &setup.peer);
    call(&mut world, sender, receiver, 0, 0, setup.peer.clone());
    let stream = world.write_for(sender, Span::from_secs(3), Pattern::default());
    world.wire = Some(Vec::new());
    world.run_for(Span::from_secs(8));
    Bounds::of(&setup).check(&world, stream, receiver).assert_complete();
    let to = SocketAddr::new(address(0, receiver), PORT);
    let mut media = world
        .wire
        .iter()
        .flatten()
        .filter(|sent| sent.to == to)
        .filter(|sent| matches!(world.tap.read(&sent.bytes), crate::tap::Kind::Media { .. }));
    assert!(media.all(|sent| is_candidate(&sent.bytes)));
}
