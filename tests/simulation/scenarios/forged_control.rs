//! Control messages of the Advanced profile go in clear text: what others say in somebody's name, or in nobody's.

use crate::foreign::stage::Stage;
use crate::foreign::{LIBRIST_20, RISTGO, message};
use crate::network::Link;
use crate::pair::{FLOW, PORT, Pair, Path, Setup};
use crate::workload;
use crate::world::address;
use rist::crypto::psk::KeySize;
use rist::protocol::config::{PskMode, Role};
use rist::protocol::output::Event;
use rist::protocol::time::Span;
use rist::wire::advanced::control::{FutureNonce, RttEcho, ci, nack, write_flow_attribute};
use rist::wire::advanced::{FlowId, Header, Psk};
use std::net::{IpAddr, Ipv4Addr, SocketAddr};

const FORGED: &[u8] = b"{\"forged\":1}";

fn datagram(header: Header, body: &[u8]) -> Vec<u8> {
    let mut head = [0; Header::MAX_LEN];
    let len = header.write(&mut head);
    [&head[..len], body].concat()
}

fn control(write: impl FnOnce(&mut Vec<u8>)) -> Vec<u8> {
    let mut body = Vec::new();
    write(&mut body);
    datagram(Header::control(9, 123_456_789, 0x0666_6600), &body)
}

fn keep_alive() -> Vec<u8> {
    control(|out| message(out, ci::KEEP_ALIVE, &[2, 0, 0, 0, 6, 6, 0xa5, 0x27, 0, 0]))
}

/// Everything that could change something.
fn messages() -> Vec<(&'static str, Vec<u8>)> {
    let echo = RttEcho { ssrc: 0x0666_6601, time: 1, delay_us: 0, padding: &[0; 400] };
    let announced = FutureNonce { nonce: [0x16, 1, 2, 3], bits: Some(128) };
    vec![
        ("keep-alive", keep_alive()),
        ("range", control(|out| nack::write_range(out, FLOW, 0, 9999))),
        ("bit mask", control(|out| nack::write_bitmask(out, FLOW, 100, u32::MAX))),
        ("echo request", control(|out| echo.write_request(out))),
        ("echo response", control(|out| RttEcho { ssrc: FLOW | 1, ..echo }.write_response(out))),
        ("flow attribute", control(|out| write_flow_attribute(out, FORGED))),
        ("future nonce", control(|out| announced.write(out))),
        ("unknown", control(|out| message(out, 0x7801, &[7; 64]))),
        ("link quality", control(|out| message(out, 2, &[0; 44]))),
        ("media", datagram(Header { flow_id: Some(FlowId::new(1, 2)), ..Header::media(1, 2, FLOW) }, b"something")),
        (
            "sealed media",
            datagram(Header { psk: Psk::ctr([5, 6, 7, 8], 1), ..Header::media(1, 2, FLOW) }, b"something"),
        ),
    ]
}

fn stranger(n: u16) -> SocketAddr {
    SocketAddr::new(IpAddr::V4(Ipv4Addr::new(198, 51, 100, 7)), 1024 + n)
}

fn lossy() -> Setup {
    Setup::new(Path::both(Link::lossy(0.05))).advanced()
}

/// Where the other side of a pair listens, and from where it is called.
fn ends(pair: &Pair) -> [SocketAddr; 2] {
    let (listener, caller) =
        if pair.setup.reversed { (pair.sender, pair.receiver) } else { (pair.receiver, pair.sender) };
    [SocketAddr::new(address(0, listener), PORT), pair.world.hosts[caller].socket(pair.callers[0].1)]
}

fn told(pair: &Pair) -> Vec<Vec<u8>> {
    let events = pair.got().events.iter();
    events
        .filter_map(|(_, event)| if let Event::FlowAttribute { text, .. } = event { Some(text.to_vec()) } else { None })
        .collect()
}

/// Every message, from many addresses that nobody knows, all the time. Returns what was sent again, and keys derived.
fn under_forgery(setup: Setup, flooded: bool) -> (Pair, u64) {
    let mut pair = setup.start();
    pair.world.hosts[pair.receiver].session.set_flow_attributes(true);
    pair.world.run_for(Span::from_secs(2));
    let stream = pair.write(Span::from_secs(8));
    let forged = messages();
    let mut spoken = 0;
    for step in 0..1600u16 {
        for to in ends(&pair) {
            for (name, bytes) in &forged {
                if flooded && *name != "media" {
                    spoken += bytes.len() as u64;
                    pair.world.inject(stranger(step % 50), to, bytes.clone());
                }
            }
        }
        pair.world.run_for(Span::from_millis(5));
    }
    pair.finish();
    pair.assert(stream).assert_complete();
    (pair, spoken)
}

#[test]
fn control_of_strangers_changes_nothing() {
    for reversed in [false, true] {
        for encrypted in [false, true] {
            let setup = if encrypted { lossy().secret(KeySize::Aes128) } else { lossy() };
            let setup = Setup { reversed, ..setup }.advanced();
            let (quiet, _) = under_forgery(setup.clone(), false);
            let (pair, spoken) = under_forgery(setup, true);
            let what = format!("reversed: {reversed}, encrypted: {encrypted}");
            let repeats = [quiet.sent().repeats_sent, pair.sent().repeats_sent];
            assert!(repeats[1] < repeats[0] * 2 + 50, "{what}: {repeats:?}");
            let keys = [quiet.got().keys_derived, pair.got().keys_derived];
            // Sealed packets of strangers are looked into, now and then.
            assert!(keys[1] <= keys[0] + 100, "{what}: {keys:?}");
            let told = told(&pair);
            assert!(told.len() >= 5 && told.iter().all(|text| text != FORGED), "{what}: {}", told.len());
            assert!(pair.world.bytes_to_strangers <= 3 * spoken, "{what}: {}", pair.world.bytes_to_strangers);
            let duplicates = pair.got().flow_sum(|report| u64::from(report.duplicates));
            assert!(duplicates < 200, "{what}: {duplicates}");
        }
    }
}

/// Whoever is spoken to by a stranger that may be somebody else's address says little, at once and for ever after.
#[test]
fn a_stranger_gets_no_more_than_three_bytes_for_one_in_advanced() {
    for reversed in [false, true] {
        for encrypted in [false, true] {
            for (name, bytes) in messages() {
                for repeats in [1, 20] {
                    let setup = if encrypted { lossy().secret(KeySize::Aes128) } else { lossy() };
                    let mut pair = Setup { reversed, ..setup }.advanced().start();
                    pair.settle();
                    pair.write(Span::from_secs(5));
                    let [listener, _] = ends(&pair);
                    let mut spoken = 0;
                    for _ in 0..repeats {
                        pair.world.inject(stranger(1), listener, keep_alive());
                        pair.world.inject(stranger(1), listener, bytes.clone());
                        spoken += (bytes.len() + keep_alive().len()) as u64;
                        pair.world.run_for(Span::from_millis(50));
                    }
                    pair.world.run_for(Span::from_secs(30));
                    let answered = pair.world.bytes_to_strangers;
                    assert!(answered <= 3 * spoken, "{name}, {reversed}, {encrypted}: {answered} for {spoken}");
                }
            }
        }
    }
}

/// A peer that is one, but has not told its name in the tunnel yet, is not served, and is nobody's source of anything.
#[test]
fn who_has_told_no_name_changes_nothing() {
    let mut pair = Setup { reversed: true, ..lossy() }.start();
    pair.settle();
    let stream = pair.write(Span::from_secs(6));
    let [listener, _] = ends(&pair);
    pair.world.wire = Some(Vec::new());
    for step in 0..100 {
        pair.world.inject(stranger(1), listener, keep_alive());
        for (_, bytes) in messages().into_iter().filter(|(name, _)| step > 5 && !name.contains("media")) {
            pair.world.inject(stranger(1), listener, bytes);
        }
        pair.world.run_for(Span::from_millis(50));
    }
    pair.world.run_for(Span::from_secs(1));
    pair.finish();
    pair.assert(stream).assert_complete();
    let to_stranger = pair.world.wire.iter().flatten().filter(|sent| sent.to == stranger(1));
    let mut kinds = to_stranger.map(|sent| pair.world.tap.read(&sent.bytes));
    assert!(kinds.all(|kind| !matches!(kind, crate::tap::Kind::Media { repeated: true, .. })));
}

/// What nobody has heard of is refused, once a second and no more.
#[test]
fn what_is_not_supported_is_refused_once_a_second() {
    for role in [Role::Sender, Role::Receiver] {
        let mut stage = Stage::new(lossy_stage(), role, LIBRIST_20);
        stage.world.run_for(Span::from_secs(3));
        let before = stage.foreign().voice.told_unsupported;
        let (from, to) = (stage.foreign().here, stage.foreign().voice.remote.expect("a peer"));
        let refused = control(|out| message(out, ci::UNSUPPORTED, &[0; 12]));
        for _ in 0..500 {
            stage.world.inject(from, to, control(|out| message(out, 0x7801, &[7; 40])));
            stage.world.inject(from, to, refused.clone());
            stage.world.run_for(Span::from_millis(10));
        }
        let told = stage.foreign().voice.told_unsupported - before;
        assert!((4..=6).contains(&told), "{told} in five seconds");
    }
}

fn lossy_stage() -> Setup {
    let mut setup = Setup::new(Path::both(Link::default())).buffer(500);
    setup.length = Span::from_secs(5);
    setup
}

/// A secret is configured: what comes in clear text is not delivered, be it from a peer that has shown that it has it.
#[test]
fn clear_media_is_not_delivered_where_a_secret_is_configured() {
    for model in [LIBRIST_20, RISTGO] {
        let mut stage = Stage::new(lossy_stage().secret(KeySize::Aes128), Role::Receiver, model);
        stage.foreign_mut().voice.lock = None;
        let stream = stage.play();
        assert_eq!(stage.outcome(stream).before, stage.outcome(stream).written, "{}", model.name);

        let mut stage = Stage::new(lossy_stage().secret(KeySize::Aes128), Role::Receiver, model);
        let stream = stage.write(Span::from_secs(5));
        let (from, to) = (stage.foreign().here, stage.foreign().voice.remote.expect("a receiver"));
        for index in 0..1000u32 {
            let ahead = Header::media(model.first_seq.wrapping_add(index + 3), 0, stage.foreign().voice.flow);
            stage.world.inject(from, to, datagram(ahead, &workload::payload(77, index, 100)));
            stage.world.run_for(Span::from_millis(5));
        }
        stage.finish();
        let outcome = stage.outcome(stream);
        assert!(stage.world.books.violations.is_empty(), "{:#?}", stage.world.books.violations);
        assert!((outcome.lost, outcome.tail) == (0, 0) && outcome.before <= 5, "{}: {outcome:?}", model.name);
    }
}

/// Both have the secret, but not the same way of using it.
#[test]
fn another_mode_of_the_secret_is_not_delivered() {
    for (ours, theirs) in [(PskMode::Ctr, PskMode::Gcm), (PskMode::Ctr, PskMode::ChaCha)] {
        let mut setup = lossy().secret(KeySize::Aes128).advanced();
        setup.peer.advanced.psk_mode = theirs;
        let mut sender = setup.peer.clone();
        sender.advanced.psk_mode = ours;
        setup.sender_peer = Some(sender);
        let mut pair = setup.start();
        pair.world.run_for(Span::from_secs(2));
        let stream = pair.play();
        let delivered = pair.world.books.receptions.get(&(stream, pair.receiver)).map_or(0, |found| found.delivered);
        assert_eq!(delivered, 0, "{ours:?} to {theirs:?}");
    }
}

/// A keep-alive in the tunnel that offers nothing, from the very address of a peer: it speaks Advanced all the same.
#[test]
fn a_forged_keep_alive_takes_nothing_back() {
    let mut stage = Stage::new(lossy_stage(), Role::Sender, LIBRIST_20);
    let stream = stage.write(Span::from_secs(5));
    let (from, to) = (stage.foreign().here, SocketAddr::new(address(0, stage.ours), 40_001));
    for _ in 0..50 {
        stage.world.run_for(Span::from_millis(100));
        assert_eq!(stage.foreign().voice.remote, Some(to));
        stage.world.inject(from, to, vec![0x10, 0x08, 0x88, 0xb5, 0, 0, 0, 1, 2, 0, 0, 0, 6, 6, 0x25, 0x20]);
    }
    stage.finish();
    assert_eq!((stage.outcome(stream).lost, stage.their_receiver().came[0]), (0, 0));
}
