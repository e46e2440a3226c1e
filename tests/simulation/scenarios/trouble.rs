//! Main under trouble: programs that restart again and again, addresses that change, secrets that change meanwhile.

use crate::books::NEVER;
use crate::host::Clock;
use crate::network::Link;
use crate::pair::{FLOW, Pair, Path, Setup, call, receiver_config, sender_config};
use crate::workload::Pattern;
use rist::crypto::psk::KeySize;
use rist::crypto::secret::Secret;
use rist::protocol::output::Event;
use rist::protocol::session::SessionConfig;
use rist::protocol::time::Span;

const STREAM: Span = Span::from_secs(3600);

fn calm(setup: Setup) -> Setup {
    Setup { pattern: Pattern::every(20), ..setup }
}

/// A quarter is lost both ways, the rest comes doubled and in any order.
fn wild() -> Path {
    let link = Link {
        delay: Span::from_millis(25),
        loss: 0.25,
        jitter: Span::from_millis(17),
        overtaking: true,
        duplicates: 0.1,
        reorder: 0.1,
        held_back: Span::from_millis(60),
        ..Link::default()
    };
    Path::both(link)
}

fn still() -> Path {
    Path::both(Link { delay: Span::from_millis(20), ..Link::default() })
}

fn restart(pair: &mut Pair, sender: bool) {
    let (host, config) = if sender { (pair.sender, sender_config(FLOW)) } else { (pair.receiver, receiver_config()) };
    pair.world.restart(host, SessionConfig { profile: pair.setup.profile, ..config });
    if sender == pair.setup.reversed {
        pair.listen(0);
    } else {
        pair.callers.clear();
        pair.call(0, 0);
    }
}

/// How long after `from` the first packet was written that was delivered.
fn resumed(pair: &Pair, stream: u32, from: Span) -> Option<Span> {
    let reception = pair.world.books.receptions.get(&(stream, pair.receiver))?;
    let packets = &pair.world.books.streams[&stream].packets;
    let mut both = packets.iter().zip(&reception.fates);
    both.find(|(packet, fate)| packet.at >= from && fate.delivered != NEVER).map(|(packet, _)| packet.at - from)
}

fn wait(pair: &mut Pair, stream: u32, from: Span) -> Option<Span> {
    for _ in 0..60 {
        pair.world.run_for(Span::from_millis(500));
        if let Some(after) = resumed(pair, stream, from) {
            return Some(after);
        }
    }
    None
}

fn update_secret(pair: &mut Pair, sender: bool, text: &str) {
    let calls = sender != pair.setup.reversed;
    let host = if sender { pair.sender } else { pair.receiver };
    let peer = if calls { pair.callers[0].0 } else { pair.listeners[0] };
    let now = pair.world.local_time(host);
    assert_eq!(pair.world.hosts[host].session.update_secret(now, peer, &Secret::new(text.as_bytes())), Ok(()));
    pair.world.drain(host);
}

/// Packets written in `from..to` that never came out.
fn missed(pair: &Pair, stream: u32, receiver: usize, from: Span, to: Span) -> usize {
    let reception = &pair.world.books.receptions[&(stream, receiver)];
    let came = |index: usize| reception.fates.get(index).is_some_and(|fate| fate.delivered != NEVER);
    let packets = pair.world.books.streams[&stream].packets.iter().enumerate();
    packets.filter(|(index, packet)| (from..to).contains(&packet.at) && !came(*index)).count()
}

/// At such loss a login takes seconds now and then; what matters is that each ends.
#[test]
fn nothing_dies_for_good_however_often_it_is_interrupted() {
    let mut rotating = Setup::new(wild()).secret(KeySize::Aes256).login();
    rotating.peer.key_rotation = 20;
    for setup in [Setup::new(wild()).login(), rotating] {
        for reversed in [false, true] {
            let mut pair = Setup { reversed, ..calm(setup.clone()) }.start();
            pair.world.run_for(Span::from_secs(8));
            let mut stream = pair.write(STREAM);
            for round in 0..24 {
                let lead = pair.world.random.millis(500, 3000);
                pair.world.run_for(lead);
                let from = pair.world.now;
                let restarted = match round % 4 {
                    0 => vec![reversed],
                    1 => vec![!reversed],
                    2 => vec![true, false],
                    _ => vec![],
                };
                for sender in &restarted {
                    restart(&mut pair, *sender);
                }
                if restarted.is_empty() {
                    // A login races with the address translator.
                    for _ in 0..3 {
                        let caller = if reversed { pair.receiver } else { pair.sender };
                        pair.world.rebind(caller, pair.callers[0].1);
                        let soon = pair.world.random.millis(1, 400);
                        pair.world.run_for(soon);
                    }
                }
                if restarted.contains(&true) {
                    stream = pair.write(STREAM);
                }
                let after = wait(&mut pair, stream, from);
                assert!(
                    after.is_some_and(|after| after <= Span::from_secs(10)),
                    "reversed: {reversed}, round {round}: {after:?}"
                );
            }
        }
    }
}

/// The key of a login outlives its listener; whoever comes after it may not encrypt at all.
#[test]
fn a_listener_that_comes_back_without_a_login_is_heard_again() {
    for reversed in [false, true] {
        let mut pair = Setup { reversed, ..calm(Setup::new(still()).login()) }.start();
        pair.world.run_for(Span::from_secs(3));
        let mut stream = pair.write(STREAM);
        pair.world.run_for(Span::from_secs(3));
        pair.setup.peer.credentials = None;
        restart(&mut pair, reversed);
        if reversed {
            stream = pair.write(STREAM);
        }
        let from = pair.world.now;
        pair.world.run_for(Span::from_secs(30));
        let after = resumed(&pair, stream, from);
        assert!(after.is_some_and(|after| after <= Span::from_millis(2500)), "reversed: {reversed}: {after:?}");
        let later = from + Span::from_secs(10);
        let missed = missed(&pair, stream, pair.receiver, later, later + Span::from_secs(15));
        assert_eq!(missed, 0, "reversed: {reversed}");
    }
}

/// The budget for strangers' logins is not for those that the application wants.
#[test]
fn many_callers_of_one_program_log_in_at_once() {
    for reversed in [false, true] {
        let mut pair = Setup { reversed, ..Setup::new(still()).login() }.start();
        pair.world.run_for(Span::from_secs(2));
        for _ in 0..8 {
            pair.call(0, 0);
        }
        pair.world.run_for(Span::from_millis(1500));
        let listener = if reversed { pair.sender } else { pair.receiver };
        let events = &pair.world.hosts[listener].record.events;
        let came = events.iter().filter(|(_, event)| matches!(event, Event::ClientConnected { .. })).count();
        assert_eq!(came, 9, "reversed: {reversed}");
    }
}

/// The first to acknowledge a new passphrase does not cut off those who have not heard of it.
#[test]
fn a_new_secret_is_used_when_the_last_of_several_knows_it() {
    let mut setup = Setup { reversed: true, ..calm(Setup::new(still()).secret(KeySize::Aes256).login()) };
    setup.peer.buffer_min = Span::from_millis(100);
    setup.peer.buffer_max = Span::from_millis(100);
    let mut pair = setup.start();
    let config = SessionConfig { profile: pair.setup.profile, seed: 99, ..receiver_config() };
    let second = pair.world.add_host(config, Clock::default());
    let change = Span::from_secs(6);
    let dark = (change - Span::from_millis(50), change + Span::from_millis(1050));
    let Path { mut forth, back, .. } = still();
    pair.world.connect(0, second, pair.sender, back, {
        forth.outages.push(dark);
        forth
    });
    call(&mut pair.world, second, pair.sender, 0, 0, pair.setup.peer.clone());
    pair.world.run_for(Span::from_secs(4));
    let stream = pair.write(STREAM);
    pair.world.run_for(Span::from_secs(2));
    update_secret(&mut pair, true, "another");
    pair.world.run_for(Span::from_secs(5));
    let light = dark.1 + Span::from_millis(20);
    assert_eq!(missed(&pair, stream, second, light, light + Span::from_secs(3)), 0);
    assert_eq!(missed(&pair, stream, pair.receiver, change, light + Span::from_secs(3)), 0);
}

/// The caller has told a secret before, and the listener keeps that apart for it; then both change in the dark.
#[test]
fn both_sides_change_their_secret_while_nothing_comes_through() {
    for reversed in [false, true] {
        let mut setup = Setup { reversed, ..calm(Setup::new(still()).secret(KeySize::Aes256).login()) };
        setup.peer.key_rotation = 50;
        let mut pair = setup.start();
        pair.world.run_for(Span::from_secs(3));
        let stream = pair.write(STREAM);
        pair.world.run_for(Span::from_secs(3));
        update_secret(&mut pair, !reversed, "second");
        pair.world.run_for(Span::from_millis(500));
        update_secret(&mut pair, reversed, "second");
        pair.world.run_for(Span::from_secs(5));
        let nothing = Link { loss: 1.0, ..Link::default() };
        pair.world.connect(0, pair.sender, pair.receiver, nothing.clone(), nothing);
        for sender in [true, false] {
            update_secret(&mut pair, sender, "third");
        }
        pair.world.run_for(Span::from_secs(4));
        let Path { forth, back, .. } = still();
        pair.world.connect(0, pair.sender, pair.receiver, forth, back);
        let light = pair.world.now;
        pair.world.run_for(Span::from_secs(120));
        let after = resumed(&pair, stream, light);
        assert!(after.is_some_and(|after| after <= Span::from_millis(500)), "reversed: {reversed}: {after:?}");
        let later = light + Span::from_secs(1);
        assert_eq!(missed(&pair, stream, pair.receiver, later, later + Span::from_secs(110)), 0);
    }
}
