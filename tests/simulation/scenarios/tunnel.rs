//! The Main profile: one port, in clear text and encrypted, called from either side.

use crate::network::Link;
use crate::pair::{FLOW, Pair, Path, Setup, credentials, receiver_config, sender_config};
use rist::crypto::psk::KeySize;
use rist::crypto::secret::Secret;
use rist::protocol::config::PeerConfig;
use rist::protocol::output::Event;
use rist::protocol::time::Span;

pub(super) fn lossy() -> Path {
    let link = Link { delay: Span::from_millis(20), loss: 0.1, jitter: Span::from_millis(5), ..Link::default() };
    Path::both(link)
}

/// Clear text, encrypted with each key size and rotating keys, logged in, and logged in with a secret.
pub(super) fn modes() -> Vec<(&'static str, Setup)> {
    let mut rotating = Setup::new(lossy()).secret(KeySize::Aes256);
    rotating.peer.key_rotation = 50;
    vec![
        ("clear", Setup::new(lossy()).main_profile()),
        ("AES-128", Setup::new(lossy()).secret(KeySize::Aes128)),
        ("AES-192", Setup::new(lossy()).secret(KeySize::Aes192)),
        ("AES-256, rotating", rotating),
        ("login", Setup::new(lossy()).login()),
        ("login and secret", Setup::new(lossy()).secret(KeySize::Aes128).login()),
    ]
}

#[test]
fn a_stream_is_whole_in_every_mode_and_direction() {
    for (mode, setup) in modes() {
        for reversed in [false, true] {
            println!("{mode}, reversed: {reversed}");
            let mut pair = Setup { reversed, ..setup.clone() }.start();
            connect(&mut pair);
            let stream = pair.play();
            pair.assert(stream).assert_complete();
            pair.assert_counters(stream);
        }
    }
}

/// Frames of a login that are lost come again half a second later.
fn connect(pair: &mut Pair) {
    pair.settle();
    pair.world.run_for(Span::from_secs(5));
}

/// Plays, and tells how many packets came out.
fn delivered(setup: Setup) -> (u64, Pair) {
    let mut pair = setup.start();
    connect(&mut pair);
    let stream = pair.play();
    (pair.world.books.receptions.get(&(stream, pair.receiver)).map_or(0, |reception| reception.delivered), pair)
}

#[test]
fn nothing_passes_between_different_secrets() {
    for reversed in [false, true] {
        for (ours, theirs) in [(Some("one"), Some("another")), (None, Some("secret")), (Some("secret"), None)] {
            let mut setup = Setup { reversed, ..Setup::new(lossy()).main_profile() };
            let secret = |text: &str| Secret::new(text.as_bytes());
            setup.peer.secret = theirs.map(secret);
            setup.sender_peer = Some(PeerConfig { secret: ours.map(secret), ..setup.peer.clone() });
            let (delivered, pair) = delivered(setup);
            assert_eq!(delivered, 0, "{ours:?} to {theirs:?}, reversed: {reversed}");
            let told = pair.got().lines.iter().any(|line| line.contains("secret"));
            assert!(told || reversed, "the receiver says why: {:?}", pair.got().lines);
        }
    }
}

#[test]
fn nothing_passes_without_the_right_login() {
    for reversed in [false, true] {
        for password in [None, Some("a guess")] {
            let mut setup = Setup { reversed, ..Setup::new(lossy()).login() };
            let caller = PeerConfig { credentials: password.and_then(credentials), ..setup.peer.clone() };
            // The listener's are right.
            if reversed {
                setup.sender_peer = Some(setup.peer.clone());
                setup.peer = caller;
            } else {
                setup.sender_peer = Some(caller);
            }
            let (delivered, _) = delivered(setup);
            assert_eq!(delivered, 0, "{password:?}, reversed: {reversed}");
        }
    }
}

#[test]
fn a_caller_with_a_password_is_heard_where_nobody_asks_for_one() {
    let mut setup = Setup::new(lossy()).main_profile();
    setup.sender_peer = Some(PeerConfig { credentials: credentials("a password"), ..setup.peer.clone() });
    let mut pair = setup.start();
    connect(&mut pair);
    let stream = pair.play();
    pair.assert(stream).assert_complete();
}

#[test]
fn a_secret_changes_in_mid_stream_without_loss() {
    for login in [false, true] {
        let mut setup = Setup::new(lossy()).secret(KeySize::Aes256);
        if login {
            setup = setup.login();
        }
        let mut pair = setup.start();
        connect(&mut pair);
        let stream = pair.write(Span::from_secs(8));
        for secret in ["second", "third"] {
            pair.world.run_for(Span::from_secs(2));
            let secret = Secret::new(secret.as_bytes());
            let (receiver, listener) = (pair.receiver, pair.listeners[0]);
            let now = pair.world.local_time(receiver);
            let changed = pair.world.hosts[receiver].session.update_secret(now, listener, &secret);
            assert_eq!(changed, Ok(()));
            pair.world.drain(receiver);
            // With a login the other side is told; without one its operator is a little later.
            if !login {
                pair.world.run_for(Span::from_millis(300));
                let (sender, caller) = (pair.sender, pair.callers[0].0);
                let now = pair.world.local_time(sender);
                assert_eq!(pair.world.hosts[sender].session.update_secret(now, caller, &secret), Ok(()));
                pair.world.drain(sender);
            }
        }
        pair.world.run_for(Span::from_secs(4));
        pair.finish();
        pair.assert(stream).assert_complete();
    }
}

/// The address translator in front of the caller gives it another port in mid-stream.
#[test]
fn a_caller_that_gets_another_port_is_followed() {
    for (mode, setup) in modes() {
        for reversed in [false, true] {
            let mut pair = Setup { reversed, ..setup.clone() }.start();
            connect(&mut pair);
            let stream = pair.write(Span::from_secs(8));
            pair.world.run_for(Span::from_secs(3));
            let caller = if reversed { pair.receiver } else { pair.sender };
            let rebound = pair.world.now;
            pair.world.rebind(caller, pair.callers[0].1);
            pair.world.run_for(Span::from_secs(5));
            pair.finish();
            let mut bounds = pair.bounds();
            // Logging in again takes its time; what is older than the buffer by then is lost.
            bounds.excused.push((rebound - Span::from_millis(1100), rebound + Span::from_millis(1000)));
            let verdict = bounds.check(&pair.world, stream, pair.receiver);
            verdict.assert(&pair.setup);
            assert!(verdict.delivered + 250 > verdict.written, "{mode}, reversed: {reversed}: {verdict:?}");
        }
    }
}

#[test]
fn either_side_restarts() {
    for (mode, setup) in modes() {
        for reversed in [false, true] {
            for sender in [false, true] {
                println!("{mode}, reversed: {reversed}, the sender restarts: {sender}");
                let mut pair = Setup { reversed, ..setup.clone() }.start();
                connect(&mut pair);
                pair.write(Span::from_secs(2));
                pair.world.run_for(Span::from_secs(2));
                let profile = pair.setup.profile;
                if sender {
                    let config = sender_config(FLOW + 2);
                    pair.world.restart(pair.sender, rist::protocol::session::SessionConfig { profile, ..config });
                } else {
                    let config = receiver_config();
                    pair.world.restart(pair.receiver, rist::protocol::session::SessionConfig { profile, ..config });
                }
                match (reversed, sender) {
                    (false, true) | (true, false) => pair.call(0, 0),
                    _ => pair.listen(0),
                }
                let stream = pair.write(Span::from_secs(6));
                pair.world.run_for(Span::from_secs(6));
                pair.finish();
                let verdict = pair.verdict(stream);
                assert_eq!(verdict.lost, 0, "{:?}", verdict.example);
                let packets = &pair.world.books.streams[&stream].packets;
                let first = pair.world.books.receptions[&(stream, pair.receiver)].first.expect("media flows again");
                let late = packets[first as usize].at - packets[0].at;
                assert!(late <= Span::from_millis(1500), "again after {} ms", late.as_millis());
            }
        }
    }
}

#[test]
fn out_of_band_data_goes_both_ways() {
    for (mode, setup) in modes() {
        let link = Link { delay: Span::from_millis(20), ..Link::default() };
        let mut pair = Setup { paths: vec![Path::both(link)], ..setup }.start();
        let hosts = [pair.sender, pair.receiver];
        for host in hosts {
            pair.world.hosts[host].session.set_out_of_band(true);
        }
        connect(&mut pair);
        for (host, text) in [(pair.sender, b"to the receiver".as_slice()), (pair.receiver, b"to the sender")] {
            for to in [None, Some(if host == pair.sender { pair.callers[0].0 } else { pair.listeners[0] })] {
                let now = pair.world.local_time(host);
                assert_eq!(pair.world.hosts[host].session.send_out_of_band(now, to, text), Ok(1), "{mode}");
                pair.world.drain(host);
            }
        }
        pair.world.run_for(Span::from_millis(100));
        for (host, text) in [(pair.receiver, b"to the receiver".as_slice()), (pair.sender, b"to the sender")] {
            let heard = pair.world.hosts[host].record.events.iter().filter_map(|(_, event)| match event {
                Event::OutOfBand { payload, .. } => Some(payload.to_vec()),
                _ => None,
            });
            assert_eq!(heard.collect::<Vec<_>>(), [text, text], "{mode}");
        }
    }
}

/// libRIST 0.2.8: a sender tells how long it keeps packets, and receivers do not wait for longer.
#[test]
fn a_receiver_waits_no_longer_than_its_sender_keeps_packets() {
    let link = Link { delay: Span::from_millis(20), ..Link::default() };
    let mut setup = Setup::new(Path::both(link)).main_profile();
    setup.peer.buffer_min = Span::from_millis(200);
    setup.peer.buffer_max = Span::from_millis(4000);
    // Buffer and twice the greatest RTT: 300 + 2 × 50 ms.
    let mut sender = PeerConfig { rtt_max: Span::from_millis(50), ..setup.peer.clone() };
    sender.buffer_min = Span::from_millis(300);
    sender.buffer_max = Span::from_millis(300);
    setup.sender_peer = Some(sender);
    let mut pair = setup.start();
    pair.settle();
    let stream = pair.play();
    let reception = &pair.world.books.receptions[&(stream, pair.receiver)];
    let first = reception.first.expect("media came") as usize;
    let written = pair.world.books.streams[&stream].packets[first].at;
    let latency = reception.fates[first].delivered - written;
    assert!(latency <= Span::from_millis(450), "{} ms", latency.as_millis());
}

/// Only what one side sends changes with its secret (libRIST): the other is told, and goes on with what it has.
#[test]
fn a_secret_changed_on_one_side_of_a_login_goes_on() {
    for reversed in [false, true] {
        for at_listener in [false, true] {
            for changes in [1, 4] {
                let link = Link { delay: Span::from_millis(20), ..Link::default() };
                let mut setup = Setup { reversed, ..Setup::new(Path::both(link)).secret(KeySize::Aes128).login() };
                setup.peer.key_rotation = 50;
                let mut pair = setup.start();
                connect(&mut pair);
                let stream = pair.write(Span::from_secs(90));
                for change in 0..changes {
                    pair.world.run_for(Span::from_secs(2));
                    let (host, peer) = match (at_listener, reversed) {
                        (true, false) => (pair.receiver, pair.listeners[0]),
                        (true, true) => (pair.sender, pair.listeners[0]),
                        (false, false) => (pair.sender, pair.callers[0].0),
                        (false, true) => (pair.receiver, pair.callers[0].0),
                    };
                    let now = pair.world.local_time(host);
                    let secret = Secret::new(format!("secret {change}").as_bytes());
                    assert_eq!(pair.world.hosts[host].session.update_secret(now, peer, &secret), Ok(()));
                    pair.world.drain(host);
                }
                pair.world.run_for(Span::from_secs(90));
                pair.finish();
                println!("reversed: {reversed}, at the listener: {at_listener}, {changes} changes");
                pair.assert(stream).assert_complete();
            }
        }
    }
}
