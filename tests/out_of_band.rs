//! Out-of-band data of the Main profile, in virtual time and as C programs use it.
#![allow(unsafe_code)] // Calls what C programs call.

#[path = "support/session.rs"]
mod session;
mod support;

use rist::capi::headers::rist_ctx;
use rist::capi::oob::{rist_oob_block, rist_oob_callback_set, rist_oob_read, rist_oob_write};
use rist::capi::oob_typed::{rist_oob_typed_callback_set, rist_oob_write_typed};
use rist::crypto::psk::KeySize;
use rist::protocol::config::{Profile, Role};
use rist::protocol::output::{Error, Event};
use rist::wire::gre::{Form, protocol};
use session::{Keyed, Pair, Side, Way, clear, in_clear_or_not, settings, stranger, with_secret};
use std::ffi::{c_int, c_void};
use std::ptr::{null, null_mut};
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;
use support::context::{ADVANCED, Context, MAIN, SIMPLE};
use support::ports::PortPair;
use support::wait_until;

fn heard(side: &Side) -> Vec<Vec<u8>> {
    let payloads = side.events.iter().filter_map(|event| match event {
        Event::OutOfBand { payload, .. } => Some(payload.to_vec()),
        _ => None,
    });
    payloads.collect()
}

/// What was heard with numbers, libRIST's included.
fn typed(side: &Side) -> Vec<(u16, Vec<u8>)> {
    let heard = side.events.iter().filter_map(|event| match event {
        Event::OutOfBand { protocol, payload, .. } => Some((*protocol, payload.to_vec())),
        _ => None,
    });
    heard.collect()
}

fn say(side: &mut Side, number: u16, text: &[u8]) -> Result<usize, Error> {
    let sent = side.session.send_typed_out_of_band(side.now, None, number, text);
    side.drain();
    sent
}

fn in_step(calling: Role) -> Vec<Pair> {
    let pairs = in_clear_or_not().into_iter().map(|config| {
        let mut pair = Pair::of(Side::new(calling, Profile::Main, 5), config.clone(), config);
        pair.caller.session.set_out_of_band(true);
        pair.listener.session.set_out_of_band(true);
        pair.until(3000, Pair::connected).expect("a connection");
        pair.run(300);
        pair
    });
    pairs.collect()
}

/// libRIST before 0.2.19 knew whom to answer only once it had been spoken to.
#[test]
fn a_listener_may_speak_first_to_one_guest_or_to_all() {
    for calling in [Role::Sender, Role::Receiver] {
        for mut pair in in_step(calling) {
            let guest = pair.guests()[0];
            for to in [Some(guest), Some(pair.listener_id), None] {
                let sent = pair.listener.session.send_out_of_band(pair.listener.now, to, b"from the listener");
                assert_eq!(sent, Ok(1), "{to:?}");
                pair.listener.drain();
                pair.run(10);
            }
            assert_eq!(heard(&pair.caller), [b"from the listener"; 3]);
            assert!(heard(&pair.listener).is_empty());
        }
    }
}

#[test]
fn data_of_any_length_comes_out_as_it_went_in() {
    for calling in [Role::Sender, Role::Receiver] {
        for mut pair in in_step(calling) {
            let lengths = [1, 2, 3, 4, 5, 7, 8, 9, 19, 20, 27, 28, 1316, 9984];
            let texts: Vec<Vec<u8>> =
                lengths.iter().map(|length| (0..*length).map(|n| n as u8 ^ 0x45).collect()).collect();
            for text in &texts {
                pair.caller.session.send_out_of_band(pair.caller.now, None, text).expect("it can be sent");
                pair.caller.drain();
                pair.listener.session.send_out_of_band(pair.listener.now, None, text).expect("it can be sent");
                pair.listener.drain();
                pair.run(5);
            }
            assert_eq!(heard(&pair.listener), texts);
            assert_eq!(heard(&pair.caller), texts);
            for wrong in [0, 9985] {
                assert!(pair.caller.session.send_out_of_band(pair.caller.now, None, &vec![1; wrong]).is_err());
            }
        }
    }
}

#[test]
fn packets_of_no_length_and_of_strangers_do_no_harm() {
    let mut side = Side::receiver(settings());
    side.session.set_out_of_band(true);
    for length in 0..30 {
        side.hear(stranger(length), &clear(Form::Full, &vec![0x45; length as usize]));
        side.hear(stranger(length), &[0x10, 0x08, 0x08][..(length as usize).min(3)]);
    }
    side.pass_ms(100);
    let lengths: Vec<usize> = heard(&side).iter().map(Vec::len).collect();
    // Nothing is no message.
    assert_eq!(lengths, (1..30).collect::<Vec<usize>>());
    // Nobody is flooded through us: nothing much goes back.
    assert!(side.sent.iter().map(|(_, sent)| sent.len()).sum::<usize>() < 3 * 30 * 60);
}

/// Whoever sent it may be gone, or have another address, when it is read.
#[test]
fn data_outlives_the_peer_that_it_came_from() {
    let mut side = Side::receiver(settings());
    side.session.set_out_of_band(true);
    for round in 0..50u32 {
        side.introduce(stranger(round), session::FLOW);
        side.session.handle_datagram(side.now, session::SOCKET, stranger(round), &clear(Form::Full, b"last words"));
        let guests: Vec<_> = side
            .events
            .iter()
            .filter_map(|event| match event {
                Event::ClientConnected { peer } => Some(*peer),
                _ => None,
            })
            .collect();
        let guest = *guests.last().expect("a guest");
        side.session.remove_peer(side.now, guest).expect("it is there");
        side.drain();
        let told = side.events.iter().rev().find_map(|event| match event {
            Event::OutOfBand { peer, payload, .. } => Some((*peer, payload.to_vec())),
            _ => None,
        });
        assert_eq!(told, Some((guest, b"last words".to_vec())));
        assert!(side.session.send_out_of_band(side.now, Some(guest), b"too late").is_err());
    }
}

const RESERVED: [u16; 4] = [protocol::KEEP_ALIVE, protocol::REDUCED, protocol::EAPOL, protocol::VSF];

#[test]
fn any_number_but_those_of_the_tunnel_goes_both_ways() {
    for calling in [Role::Sender, Role::Receiver] {
        for mut pair in in_step(calling) {
            pair.caller.session.set_typed_out_of_band(true);
            pair.listener.session.set_typed_out_of_band(true);
            let mut texts = Vec::new();
            for (number, length) in
                [(0x0600, 1), (0x0800, 2), (0x86dd, 20), (0x88b4, 188), (0x88b7, 1316), (0xffff, 9984)]
            {
                let text: Vec<u8> = (0..length).map(|n: u16| n as u8 ^ 0x45).collect();
                assert_eq!(say(&mut pair.caller, number, &text), Ok(1));
                assert_eq!(say(&mut pair.listener, number, &text), Ok(1));
                texts.push((number, text));
                pair.run(5);
            }
            assert_eq!(typed(&pair.listener), texts);
            assert_eq!(typed(&pair.caller), texts);
            for wrong in RESERVED.into_iter().chain([0, 1, 0x05ff]) {
                assert_eq!(say(&mut pair.caller, wrong, b"text"), Err(Error::InvalidArgument), "{wrong:#x}");
            }
            for wrong in [0, 9985] {
                assert_eq!(say(&mut pair.caller, 0x88b7, &vec![1; wrong]), Err(Error::InvalidArgument));
            }
        }
    }
    let mut simple = Side::new(Role::Sender, Profile::Simple, 1);
    assert_eq!(say(&mut simple, 0x88b7, b"text"), Err(Error::Unsupported));
}

#[test]
fn what_has_a_number_is_encrypted_and_never_repeated() {
    let text = [0x5a; 64];
    let mut pair = Pair::same(with_secret("shared", KeySize::Aes256));
    pair.listener.session.set_typed_out_of_band(true);
    pair.until(3000, Pair::connected).expect("a connection");
    pair.run(300);
    pair.network = Box::new(|_, datagram| session::protocol(datagram) != 0x88b7);
    assert_eq!(say(&mut pair.caller, 0x88b7, &text), Ok(1));
    pair.run(2000);
    assert_eq!(typed(&pair.listener), []);
    pair.network = Box::new(|_, _| true);
    assert_eq!(say(&mut pair.caller, 0x88b7, &text), Ok(1));
    pair.run(2000);
    assert_eq!(typed(&pair.listener), [(0x88b7, text.to_vec())]);
    let passed: Vec<_> = pair.passed.iter().filter(|(_, datagram)| session::protocol(datagram) == 0x88b7).collect();
    let [(Way::ToListener, datagram)] = &passed[..] else { panic!("{passed:?}") };
    assert!(!datagram.windows(4).any(|part| part == &text[..4]));
    assert_eq!(session::opened("shared", datagram), Some((0x88b7, text.to_vec())));
}

/// A program that has not asked for it sees nothing of it, and libRIST's own number is another matter.
#[test]
fn numbers_that_nobody_takes_are_dropped_with_few_lines() {
    for mut pair in in_step(Role::Sender) {
        for _ in 0..100 {
            assert_eq!(say(&mut pair.caller, 0x88b7, b"text"), Ok(1));
            pair.run(1);
        }
        assert_eq!(say(&mut pair.caller, protocol::FULL, b"text"), Ok(1));
        pair.run(10);
        assert_eq!(typed(&pair.listener), [(protocol::FULL, b"text".to_vec())]);
        assert_eq!(pair.listener.has_said("nobody takes"), 1);
        pair.listener.session.set_out_of_band(false);
        pair.listener.session.set_typed_out_of_band(true);
        pair.listener.events.clear();
        assert_eq!(say(&mut pair.caller, 0x88b7, b"more"), Ok(1));
        assert_eq!(say(&mut pair.caller, protocol::FULL, b"more"), Ok(1));
        pair.run(10);
        assert_eq!(typed(&pair.listener), [(0x88b7, b"more".to_vec())]);
    }
}

/// A greeting may be written before there is a key; it waits, and keeps its number.
#[test]
fn what_has_a_number_waits_for_the_key() {
    let mut pair = Pair::of(
        Side::new(Role::Sender, Profile::Main, 5),
        with_secret("shared", KeySize::Aes128),
        with_secret("shared", KeySize::Aes128),
    );
    pair.listener.session.set_typed_out_of_band(true);
    pair.until(3000, Pair::connected).expect("a connection");
    let guest = pair.guests()[0];
    let (now, listener) = (pair.listener.now, &mut pair.listener.session);
    assert_eq!(listener.send_typed_out_of_band(now, Some(guest), 0x88b7, b"hello"), Ok(1));
    pair.caller.session.set_typed_out_of_band(true);
    pair.listener.drain();
    pair.run(1000);
    assert_eq!(typed(&pair.caller), [(0x88b7, b"hello".to_vec())]);
}

#[test]
fn a_number_makes_nobody_a_peer() {
    for config in in_clear_or_not() {
        let mut side = Side::receiver(config);
        side.session.set_out_of_band(true);
        side.session.set_typed_out_of_band(true);
        let own = side.derived;
        let mut keyed = Keyed::new("shared", [9, 8, 7, 6], KeySize::Aes128);
        for number in 0..50 {
            side.hear(stranger(number), &clear(Form::Typed(0x88b7), b"let me in"));
            side.hear(stranger(number), &keyed.seal(Form::Typed(0x88b7), b"let me in"));
        }
        side.pass_ms(300);
        assert_eq!((side.events.len(), side.sent.len(), side.derived), (0, 0, own));
        assert_eq!(side.has_said("nobody takes"), 1, "{:?}", side.lines);
    }
}

/// The text shows nothing of its key, so it counts only behind packets that do.
#[test]
fn a_number_under_an_unproven_key_is_noise() {
    let mut side = Side::receiver(with_secret("shared", KeySize::Aes128));
    side.session.set_typed_out_of_band(true);
    let mut first = Keyed::new("shared", [9, 8, 7, 6], KeySize::Aes128);
    side.hear(stranger(1), &first.name());
    side.pass_ms(10);
    side.hear(stranger(1), &first.seal(Form::Typed(0x88b7), b"proven"));
    assert_eq!(typed(&side), [(0x88b7, b"proven".to_vec())]);
    let mut foreign = Keyed::new("another", [5, 4, 3, 2], KeySize::Aes128);
    let mut next = Keyed::new("shared", [1, 2, 3, 4], KeySize::Aes128);
    for _ in 0..100 {
        side.hear(stranger(1), &foreign.seal(Form::Typed(0x88b7), b"forged"));
    }
    side.hear(stranger(1), &next.seal(Form::Typed(0x88b7), b"too early"));
    side.hear(stranger(1), &clear(Form::Typed(0x88b7), b"clear"));
    side.pass_ms(1000);
    assert_eq!(typed(&side).len(), 1, "{:?}", typed(&side));
    side.hear(stranger(1), &next.name());
    side.pass_ms(1000);
    side.hear(stranger(1), &next.seal(Form::Typed(0x88b7), b"now"));
    assert_eq!(typed(&side).last(), Some(&(0x88b7, b"now".to_vec())));
    assert!(typed(&side).iter().all(|(_, text)| text != b"forged" && text != b"clear"));
}

/// libRIST since 0.2.8 repeats EAP frames without a GRE header; they must not be taken for data with a number.
#[test]
fn datagrams_of_other_kinds_are_no_data() {
    let mut side = Side::receiver(settings());
    side.session.set_typed_out_of_band(true);
    side.introduce(stranger(1), session::FLOW);
    for bytes in [&[2, 0, 0, 5, 1, 1, 0, 5, 1][..], &[0x80, 200, 0, 6, 0, 0, 0, 0], &[3, 1, 0, 0]] {
        side.hear(stranger(1), bytes);
    }
    for reserved in RESERVED {
        let [high, low] = reserved.to_be_bytes();
        side.hear(stranger(1), &[0, 8, high, low, 1, 2, 3]);
    }
    side.hear(stranger(1), &clear(Form::Typed(0x88b7), b""));
    assert_eq!(typed(&side), []);
}

/// A listening receiver and a sender that calls it, both with out-of-band data.
fn contexts() -> (Context, Context, PortPair) {
    contexts_of(MAIN, "")
}

fn contexts_of(profile: c_int, parameters: &str) -> (Context, Context, PortPair) {
    let ports = PortPair::new();
    let port = ports.even();
    let (receiver, sender) = (Context::receiver(profile), Context::sender(profile));
    for context in [&receiver, &sender] {
        // SAFETY: no callback.
        assert_eq!(unsafe { rist_oob_callback_set(context.ctx, None, null_mut()) }, 0);
    }
    receiver.peer(&format!("rist://@127.0.0.1:{port}{parameters}"));
    sender.peer(&format!("rist://127.0.0.1:{port}{parameters}"));
    receiver.start();
    sender.start();
    (receiver, sender, ports)
}

fn send(context: &Context, text: &[u8]) -> c_int {
    let block = rist_oob_block { peer: null_mut(), payload: text.as_ptr().cast(), payload_len: text.len(), ts_ntp: 0 };
    // SAFETY: the text lives through the call.
    unsafe { rist_oob_write(context.ctx, &block) }
}

fn read(context: &Context) -> (c_int, Option<Vec<u8>>) {
    let mut block = null::<rist_oob_block>().wrapping_add(1);
    // SAFETY: a place for the block.
    let waiting = unsafe { rist_oob_read(context.ctx, &mut block) };
    // SAFETY: the library's until the next call.
    let found = unsafe { block.as_ref() };
    // SAFETY: as long as it says.
    let payload =
        found.map(|block| unsafe { std::slice::from_raw_parts(block.payload.cast::<u8>(), block.payload_len) });
    (waiting, payload.map(<[u8]>::to_vec))
}

/// libRIST before 0.2.19 returned success, and left the pointer as it was.
#[test]
fn reading_without_data_says_so_and_clears_the_pointer() {
    let (receiver, sender, _ports) = contexts();
    assert_eq!(read(&receiver), (0, None));
    let (waiting, payload) = wait_until(
        "out-of-band data",
        Duration::from_secs(20),
        || {
            assert_eq!(send(&sender, b"hello"), 0);
            Some(read(&receiver)).filter(|(waiting, _)| *waiting > 0)
        },
        || format!("{:?}", receiver.lines()),
    );
    assert!(waiting >= 1);
    assert_eq!(payload.as_deref(), Some(&b"hello"[..]));
}

unsafe extern "C" fn count(arg: *mut c_void, block: *const rist_oob_block) -> c_int {
    // SAFETY: the counter of the test, which outlives both contexts.
    let counter = unsafe { &*arg.cast::<AtomicUsize>() };
    // SAFETY: valid during the call.
    let length = unsafe { (*block).payload_len };
    counter.fetch_add(length, Ordering::SeqCst);
    0
}

#[test]
fn the_function_is_exchanged_while_data_comes_and_none_is_lost() {
    static FIRST: AtomicUsize = AtomicUsize::new(0);
    static SECOND: AtomicUsize = AtomicUsize::new(0);
    let (receiver, sender, _ports) = contexts();
    let arg = |counter: &'static AtomicUsize| (&raw const *counter).cast_mut().cast();
    let total = || FIRST.load(Ordering::SeqCst) + SECOND.load(Ordering::SeqCst);
    // SAFETY: a function and its static counter.
    let exchange = |counter| unsafe { rist_oob_callback_set(receiver.ctx, Some(count), arg(counter)) };
    assert_eq!(exchange(&FIRST), 0);
    let evidence = || format!("{} bytes, {:?}", total(), receiver.lines());
    wait_until(
        "the connection",
        Duration::from_secs(20),
        || {
            assert_eq!(send(&sender, b"x"), 0);
            (total() > 0).then_some(())
        },
        evidence,
    );
    // What was sent to connect has arrived once nothing more comes between two questions.
    let before = total();
    for round in 0..500 {
        assert_eq!(send(&sender, &[1; 100]), 0);
        assert_eq!(exchange(if round % 2 == 0 { &SECOND } else { &FIRST }), 0);
    }
    wait_until("everything", Duration::from_secs(20), || (total() >= before + 500 * 100).then_some(()), evidence);
    // Which of the two took how much is chance; the one that is set last takes what comes after that.
    assert_eq!(exchange(&SECOND), 0);
    let taken = SECOND.load(Ordering::SeqCst);
    assert_eq!(send(&sender, &[1; 100]), 0);
    let comes = || (SECOND.load(Ordering::SeqCst) == taken + 100).then_some(());
    wait_until("one more", Duration::from_secs(20), comes, evidence);
}

fn send_typed(ctx: *mut rist_ctx, protocol: u16, text: &[u8]) -> c_int {
    let block = rist_oob_block { peer: null_mut(), payload: text.as_ptr().cast(), payload_len: text.len(), ts_ntp: 0 };
    // SAFETY: the text lives through the call.
    unsafe { rist_oob_write_typed(ctx, &block, protocol) }
}

type Told = Mutex<Vec<(u16, Vec<u8>)>>;

unsafe extern "C" fn take(arg: *mut c_void, block: *const rist_oob_block, protocol: u16) -> c_int {
    // SAFETY: the list of the test, which outlives both contexts.
    let told = unsafe { &*arg.cast::<Told>() };
    // SAFETY: valid during the call.
    let block = unsafe { &*block };
    // SAFETY: as long as it says.
    let payload = unsafe { std::slice::from_raw_parts(block.payload.cast::<u8>(), block.payload_len) };
    assert!(!block.peer.is_null());
    told.lock().unwrap().push((protocol, payload.to_vec()));
    0
}

#[test]
fn programs_tell_their_data_apart_by_numbers() {
    static TOLD: [[Told; 2]; 4] = [const { [Told::new(Vec::new()), Told::new(Vec::new())] }; 4];
    let cases = [(MAIN, ""), (MAIN, "?secret=shared"), (ADVANCED, ""), (ADVANCED, "?secret=shared&aes-type=256")];
    for ((profile, parameters), told) in cases.into_iter().zip(&TOLD) {
        let (receiver, sender, _ports) = contexts_of(profile, parameters);
        for (context, told) in [&receiver, &sender].into_iter().zip(told) {
            let arg = (&raw const *told).cast_mut().cast();
            // SAFETY: a function and its static list.
            assert_eq!(unsafe { rist_oob_typed_callback_set(context.ctx, Some(take), arg) }, 0);
        }
        let evidence = || format!("{profile} {parameters} {told:?}\n{:?}\n{:?}", receiver.lines(), sender.lines());
        for number in [0x88b7, 0x0600] {
            wait_until(
                "data both ways",
                Duration::from_secs(20),
                || {
                    assert_eq!(send_typed(sender.ctx, number, b"up"), 0);
                    assert_eq!(send_typed(receiver.ctx, number, b"down"), 0);
                    let came = |told: &Told, text: &[u8]| told.lock().unwrap().contains(&(number, text.to_vec()));
                    (came(&told[0], b"up") && came(&told[1], b"down")).then_some(())
                },
                evidence,
            );
        }
        // libRIST's number goes where it always went, whichever function sends it.
        let (_, payload) = wait_until(
            "out-of-band data",
            Duration::from_secs(20),
            || {
                assert_eq!(send_typed(sender.ctx, 0x0800, b"untyped"), 0);
                Some(read(&receiver)).filter(|(waiting, _)| *waiting > 0)
            },
            evidence,
        );
        assert_eq!(payload.as_deref(), Some(&b"untyped"[..]));
        assert!(told.iter().all(|told| told.lock().unwrap().iter().all(|(number, _)| *number != 0x0800)));
        for wrong in RESERVED.into_iter().chain([0x05ff]) {
            assert_eq!(send_typed(sender.ctx, wrong, b"text"), -1);
        }
        for wrong in [0, 9985] {
            assert_eq!(send_typed(sender.ctx, 0x88b7, &vec![1; wrong]), -1);
        }
    }
    let simple = Context::sender(SIMPLE);
    assert_eq!(send_typed(simple.ctx, 0x88b7, b"text"), -1);
    // SAFETY: no function.
    assert_eq!(unsafe { rist_oob_typed_callback_set(simple.ctx, None, null_mut()) }, -1);
}
