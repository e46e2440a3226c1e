//! Keys of the Main profile: what opens packets, what does not, and what trying costs.

#[path = "support/session.rs"]
mod session;

use rist::crypto::psk::KeySize;
use rist::crypto::secret::Secret;
use rist::protocol::config::{PeerConfig, Profile, Role};
use rist::protocol::entropy::Entropy;
use rist::protocol::job::JobResult;
use rist::protocol::output::{Event, Level};
use rist::protocol::time::Span;
use rist::wire::gre::{Form, Packet};
use session::*;
use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

const PASSPHRASE: &str = "open sesame";

/// A receiver with the passphrase, and a caller that it knows.
fn acquainted(size: KeySize) -> (Side, Keyed) {
    let mut side = Side::receiver(with_secret(PASSPHRASE, size));
    let mut caller = Keyed::new(PASSPHRASE, [1, 2, 3, 4], size);
    side.hear(stranger(1), &caller.name());
    side.pass_ms(1);
    let answers: Vec<_> = side.take_sent().iter().flat_map(|sent| caller.answers(PASSPHRASE, sent)).collect();
    answers.iter().for_each(|answer| side.hear(stranger(1), answer));
    for seq in 0..20 {
        side.hear(stranger(1), &caller.media(seq));
        side.pass_ms(10);
    }
    (side, caller)
}

/// What was delivered once the buffer is over: the numbers from 0 on, without a hole.
#[track_caller]
fn assert_whole(side: &mut Side, packets: u32) {
    side.pass_ms(1500);
    assert_eq!(side.numbers(), (0..packets).collect::<Vec<_>>());
}

#[test]
fn a_zero_nonce_opens_nothing() {
    let mut side = Side::receiver(with_secret(PASSPHRASE, KeySize::Aes128));
    // libRIST 0.2.14 took the text behind a zero nonce for what it was: clear.
    let named = [&FEEDBACK_PORTS.octets()[..], &name(FLOW, b"nobody")].concat();
    for (version, long) in [(1, false), (1, true), (2, false)] {
        for _ in 0..10 {
            let form = Form::Reduced(FEEDBACK_PORTS);
            side.hear(stranger(1), &wrapped(form, version, Some(([0; 4], long)), 1, &named));
            let mut zero = Keyed::new(PASSPHRASE, [0; 4], KeySize::Aes128);
            side.hear(stranger(1), &zero.name());
        }
    }
    side.pass_ms(2000);
    assert!(side.sent.is_empty() && side.events.is_empty() && side.derived == 1, "only its own key was derived");
}

#[test]
fn a_zero_nonce_from_a_peers_address_hinders_it_for_no_packet() {
    let (mut side, mut caller) = acquainted(KeySize::Aes256);
    let mut zero = Keyed::new(PASSPHRASE, [0; 4], KeySize::Aes256);
    for seq in 20..60 {
        side.hear(stranger(1), &zero.media(seq));
        side.hear(stranger(1), &caller.media(seq));
        side.pass_ms(10);
    }
    assert_whole(&mut side, 60);
}

#[test]
fn noise_from_a_peers_address_hinders_it_for_no_packet() {
    let (mut side, mut caller) = acquainted(KeySize::Aes128);
    for seq in 20..120 {
        for index in 0..20 {
            // Under the nonce in use, and under others.
            let nonce = if index % 2 == 0 { caller.nonce } else { [9, 9, seq as u8, index] };
            let body = [index; 60];
            side.hear(stranger(1), &wrapped(Form::Full, 1, Some((nonce, false)), 7, &body));
        }
        side.hear(stranger(1), &caller.media(seq));
        side.pass_ms(10);
    }
    assert_whole(&mut side, 120);
}

#[test]
fn another_nonce_of_the_peer_is_read_at_once_after_much_noise() {
    let (mut side, caller) = acquainted(KeySize::Aes128);
    for index in 0..100 {
        side.hear(stranger(1), &wrapped(Form::Full, 1, Some((caller.nonce, false)), 7, &[index; 60]));
    }
    let mut next = Keyed::new(PASSPHRASE, [5, 5, 5, 5], KeySize::Aes128);
    for seq in 20..40 {
        side.hear(stranger(1), &next.media(seq));
        side.pass_ms(10);
    }
    assert_whole(&mut side, 40);
}

/// libRIST 0.2.19: only what opens nothing is slowed down.
#[test]
fn two_nonces_in_turn_lose_nothing() {
    let (mut side, caller) = acquainted(KeySize::Aes256);
    let before = side.derived;
    let mut two = [caller, Keyed::new(PASSPHRASE, [0x80, 7, 7, 7], KeySize::Aes256)];
    for seq in 20..320 {
        side.hear(stranger(1), &two[usize::from(seq) % 2].media(seq));
        side.pass_ms(10);
    }
    assert_eq!(side.derived - before, 1);
    assert_whole(&mut side, 320);
}

#[test]
fn each_of_many_nonces_is_read_when_it_comes() {
    let (mut side, _) = acquainted(KeySize::Aes128);
    for seq in 20..60 {
        let mut fresh = Keyed::new(PASSPHRASE, [3, 3, 3, seq as u8], KeySize::Aes128);
        side.hear(stranger(1), &fresh.media(seq));
        side.pass_ms(50);
    }
    assert_whole(&mut side, 60);
}

#[test]
fn forged_nonces_cost_a_hundred_derivations_a_second() {
    // From the address of a peer, and from another.
    for from in [stranger(1), stranger(2)] {
        let (mut side, mut caller) = acquainted(KeySize::Aes128);
        let before = side.derived;
        for number in 0..5000u32 {
            let [_, b, c, d] = number.to_be_bytes();
            side.hear(from, &wrapped(Form::Full, 1, Some(([8, b, c, d], false)), number, &[3; 100]));
            if number % 10 == 0 {
                side.hear(stranger(1), &caller.media(20 + (number / 10) as u16));
            }
            side.pass_ms(1);
        }
        let derived = side.derived - before;
        assert!(derived <= 5 * 105, "{derived} derivations in five seconds");
        assert_whole(&mut side, 520);
    }
}

#[test]
fn the_size_bit_of_a_packet_changes_no_configuration() {
    let (mut side, mut caller) = acquainted(KeySize::Aes192);
    let mut long = Keyed::new(PASSPHRASE, [6, 6, 6, 6], KeySize::Aes256);
    // With the bit, 256 bits; without it still what is configured, and it is what we send with.
    side.hear(stranger(1), &long.media(20));
    side.hear(stranger(1), &caller.media(21));
    side.hear(stranger(1), &caller.seal_as(Form::Full, 1, true, b"a lie about the size"));
    side.hear(stranger(1), &caller.media(22));
    side.take_sent();
    side.pass_ms(500);
    for datagram in side.take_sent() {
        let packet = Packet::parse(&datagram).expect("our own");
        assert!(!packet.aes_256 && packet.nonce.is_some());
        let (_, text) = opened_as(PASSPHRASE, KeySize::Aes192, &datagram).expect("encrypted");
        let readable = text.get(4..6).is_some_and(|start| start == [0x80, 201] || start[0] == 0x81);
        assert!(readable || packet.protocol != rist::wire::gre::protocol::REDUCED, "{text:?}");
    }
    assert_whole(&mut side, 23);
}

#[test]
fn the_first_bit_of_the_first_octet_tells_the_new_passphrase_from_the_old() {
    let mut side = Side::sender(with_secret(PASSPHRASE, KeySize::Aes128));
    let nonces = |side: &mut Side| -> BTreeSet<[u8; 4]> {
        side.pass_ms(300);
        side.take_sent().iter().filter_map(|sent| Packet::parse(sent).ok()?.nonce).collect()
    };
    let caller = side.session.add_peer(side.now, peer_setup(with_secret(PASSPHRASE, KeySize::Aes128))).expect("a peer");
    let even = nonces(&mut side);
    assert!(!even.is_empty() && even.iter().all(|nonce| nonce[0] & 0x80 == 0), "{even:?}");
    side.session.update_secret(side.now, caller, &Secret::new(b"another")).expect("a new secret");
    side.drain();
    side.pass_ms(200);
    side.take_sent();
    side.pass_ms(200);
    let changed: Vec<_> = side.sent.iter().filter(|(to, _)| *to == stranger(9)).collect();
    assert!(!changed.is_empty());
    for (_, datagram) in changed {
        let nonce = Packet::parse(datagram).ok().and_then(|packet| packet.nonce).expect("encrypted");
        assert_eq!(nonce[0] & 0x80, 0x80);
        assert!(opened("another", datagram).is_some());
    }
}

fn peer_setup(config: PeerConfig) -> rist::protocol::session::PeerSetup {
    let socket = rist::protocol::output::SocketId(1);
    let there = stranger(9);
    rist::protocol::session::PeerSetup {
        config,
        media: socket,
        control: socket,
        remote: rist::protocol::session::Remote::Call { media: there, control: there, multicast: false },
        url: String::new(),
        miface: String::new(),
    }
}

/// Randomness that can be switched off.
fn switchable(side: &mut Side) -> Arc<AtomicBool> {
    let there = Arc::new(AtomicBool::new(true));
    let (seen, mut state) = (Arc::clone(&there), 1u8);
    side.session.set_entropy(Entropy::new(move |octets| {
        octets.fill_with(|| {
            state = state.wrapping_mul(5).wrapping_add(3);
            state
        });
        seen.load(Ordering::Relaxed)
    }));
    there
}

#[test]
fn without_randomness_nothing_leaves() {
    let mut side = Side::new(Role::Sender, Profile::Main, 3);
    switchable(&mut side).store(false, Ordering::Relaxed);
    side.call(SOCKET, listening_at(), with_secret(PASSPHRASE, KeySize::Aes256));
    for _ in 0..200 {
        side.write(&[0x47; 188]);
        side.pass_ms(10);
    }
    assert!(side.sent.is_empty(), "{} datagrams", side.sent.len());
    assert!(side.lines.iter().any(|(level, line)| *level == Level::Error && line.contains("no randomness")));
}

#[test]
fn a_rotation_without_randomness_keeps_the_key_and_says_so() {
    let mut side = Side::new(Role::Sender, Profile::Main, 3);
    let there = switchable(&mut side);
    let config = PeerConfig { key_rotation: 50, ..with_secret(PASSPHRASE, KeySize::Aes256) };
    side.call(SOCKET, listening_at(), config);
    let nonces = |side: &mut Side| -> BTreeSet<[u8; 4]> {
        side.take_sent();
        for _ in 0..150 {
            side.write(&[0x47; 188]);
            side.pass_ms(10);
        }
        let sent = side.take_sent();
        assert!(sent.len() >= 150);
        sent.iter().map(|sent| Packet::parse(sent).ok().and_then(|packet| packet.nonce).expect("encrypted")).collect()
    };
    let before = nonces(&mut side);
    there.store(false, Ordering::Relaxed);
    let without = nonces(&mut side);
    there.store(true, Ordering::Relaxed);
    let after = nonces(&mut side);
    // One may have been derived before, for later.
    assert!(before.len() > 2 && without.len() <= 2 && after.len() > 2, "{before:?} {without:?} {after:?}");
    assert!(!without.contains(&[0; 4]) && side.has_said("no randomness") > 0);
}

#[test]
fn a_key_that_never_comes_lets_nothing_out() {
    let mut side = Side::new(Role::Sender, Profile::Main, 3);
    side.held = Some(Vec::new());
    side.call(SOCKET, listening_at(), with_secret(PASSPHRASE, KeySize::Aes256));
    let held = side.held.replace(Vec::new()).unwrap_or_default();
    assert_eq!(held.len(), 1);
    for (id, _) in held {
        side.session.job_done(side.now, id, JobResult::Derived(Vec::new()));
    }
    for _ in 0..100 {
        side.write(&[0x47; 188]);
        side.pass_ms(10);
    }
    assert!(side.sent.is_empty());
}

/// TR-06-2:2022 §7.5. Keys are derived when packets ask for them, so announcing thousands is of no use.
#[test]
fn an_announced_nonce_costs_no_derivation() {
    let (mut side, mut caller) = acquainted(KeySize::Aes128);
    let before = side.derived;
    for number in 0..1000u32 {
        let message = [&[0, 0, 0x80, 0x01][..], &number.to_be_bytes(), &[0xff; 4]].concat();
        // The form of a buffer negotiation with another subtype: written by hand.
        let mut datagram = caller.seal_as(Form::Full, 2, false, &message);
        datagram[2..4].copy_from_slice(&rist::wire::gre::protocol::VSF.to_be_bytes());
        side.hear(stranger(1), &datagram);
    }
    side.pass_ms(100);
    assert_eq!(side.derived, before);
    side.hear(stranger(1), &caller.media(20));
    assert_whole(&mut side, 21);
}

#[test]
fn a_key_has_256_bits_unless_told_otherwise() {
    let config = PeerConfig { secret: Some(Secret::new(PASSPHRASE.as_bytes())), ..settings() };
    let mut side = Side::sender(config);
    side.pass_ms(200);
    let sent = side.take_sent();
    assert!(sent.len() > 3);
    assert!(sent.iter().all(|sent| Packet::parse(sent).is_ok_and(|packet| packet.aes_256)));
}

#[test]
fn no_line_names_a_secret() {
    let config = PeerConfig { secret: Some(Secret::new(b"xyzzy-passphrase")), ..with_login("xyzzy-password") };
    let mut pair = Pair::same(config);
    pair.run(3000);
    assert!(pair.connected());
    pair.stream(20);
    pair.listener.session.update_secret(pair.listener.now, pair.listener_id, &Secret::new(b"xyzzy-new")).expect("new");
    pair.listener.drain();
    pair.stream(500);
    pair.network = Box::new(|_, datagram| datagram.len() % 3 != 0);
    pair.stream(500);
    for side in [&pair.caller, &pair.listener] {
        assert!(side.lines.iter().any(|(_, line)| line.contains("logged in")));
        assert!(side.lines.iter().all(|(_, line)| !line.contains("xyzzy")), "{:?}", side.lines);
        assert!(!format!("{:?}", side.session).contains("xyzzy"));
    }
}

#[test]
fn a_packet_of_ours_that_comes_back_is_nobodys() {
    let mut side = Side::sender(with_secret(PASSPHRASE, KeySize::Aes128));
    side.pass(Span::from_secs(1));
    for datagram in side.take_sent() {
        side.hear(listening_at(), &datagram);
    }
    side.drain();
    let fooled = |event: &&Event| matches!(event, Event::Established { .. } | Event::OutOfBand { .. });
    assert_eq!(side.events.iter().filter(fooled).count(), 0);
}

/// Whoever was sent away with the passphrase that was given up does not come back with a key that he made of it before.
#[test]
fn a_passphrase_that_was_given_up_reads_nothing_after_a_minute() {
    let (mut side, mut keyed) = acquainted(KeySize::Aes128);
    let listener = rist::protocol::output::PeerId(1);
    side.session.update_secret(side.now, listener, &Secret::new(b"another")).expect("a new passphrase");
    for _ in 0..61 {
        side.pass_ms(1000);
        side.hear(stranger(1), &keyed.name());
    }
    let before = side.delivered.len();
    for seq in 100..140 {
        side.hear(stranger(1), &keyed.media(seq));
        side.pass_ms(10);
    }
    side.pass_ms(3000);
    assert_eq!(side.delivered.len(), before, "packets under the old passphrase were handed out");
}

/// Noise looks like a keep-alive once in 65,536 times, and a key is derived for whatever nonce somebody thinks of.
#[test]
fn no_number_of_guesses_passes_for_a_key() {
    let mut side = Side::receiver(with_secret(PASSPHRASE, KeySize::Aes128));
    side.session.set_out_of_band(true);
    for guess in 0..300_000u32 {
        side.hear(stranger(9), &wrapped(Form::KeepAlive, 1, Some(([6, 6, 6, 6], false)), guess, &[0; 8]));
        side.hear(
            stranger(9),
            &wrapped(Form::Reduced(FEEDBACK_PORTS), 1, Some(([6, 6, 6, 7], false)), guess, &[0; 12]),
        );
        if guess % 100 == 0 {
            side.hear(stranger(9), &wrapped(Form::Full, 1, Some(([6, 6, 6, 6], false)), guess, b"out of band"));
            side.pass_ms(1);
        }
    }
    assert_eq!((side.has_said("new peer"), side.events.len()), (0, 0));
}
