//! Out-of-band data of the Main profile, in virtual time and as C programs use it.
#![allow(unsafe_code)] // Calls what C programs call.

#[path = "support/session.rs"]
mod session;
mod support;

use rist::capi::oob::{rist_oob_block, rist_oob_callback_set, rist_oob_read, rist_oob_write};
use rist::protocol::config::{Profile, Role};
use rist::protocol::output::Event;
use rist::wire::gre::Form;
use session::{Pair, Side, clear, in_clear_or_not, settings, stranger};
use std::ffi::{c_int, c_void};
use std::ptr::{null, null_mut};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;
use support::context::Context;
use support::ports::PortPair;
use support::wait_until;

fn heard(side: &Side) -> Vec<Vec<u8>> {
    let payloads = side.events.iter().filter_map(|event| match event {
        Event::OutOfBand { payload, .. } => Some(payload.to_vec()),
        _ => None,
    });
    payloads.collect()
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
            Event::OutOfBand { peer, payload } => Some((*peer, payload.to_vec())),
            _ => None,
        });
        assert_eq!(told, Some((guest, b"last words".to_vec())));
        assert!(side.session.send_out_of_band(side.now, Some(guest), b"too late").is_err());
    }
}

const MAIN: c_int = 1;

/// A listening receiver and a sender that calls it, both with out-of-band data.
fn contexts() -> (Context, Context, PortPair) {
    let ports = PortPair::new();
    let port = ports.even();
    let (receiver, sender) = (Context::receiver(MAIN), Context::sender(MAIN));
    for context in [&receiver, &sender] {
        // SAFETY: no callback.
        assert_eq!(unsafe { rist_oob_callback_set(context.ctx, None, null_mut()) }, 0);
    }
    receiver.peer(&format!("rist://@127.0.0.1:{port}"));
    sender.peer(&format!("rist://127.0.0.1:{port}"));
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
