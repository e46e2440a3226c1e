//! Split, merge and recovery depth as a C program asks for them.
#![allow(unsafe_code)] // The functions are called as C calls them.

mod support;

use rist::capi::headers::{rist_data_block, rist_data_block_sender_flags};
use rist::capi::librist::rist_recovery_depth_set;
use rist::capi::peer::{rist_parse_address2, rist_peer_config, rist_peer_config_defaults_set, rist_peer_create};
use rist::capi::sender::rist_sender_data_write;
use rist::capi::stats::{rist_sender_stats_callback_set, rist_stats, rist_stats_callback_set, rist_stats_free};
use std::ffi::{CString, c_char, c_int, c_void};
use std::mem::MaybeUninit;
use std::ptr::null_mut;
use std::sync::Mutex;
use std::time::Duration;
use support::context::{Context, MAIN, SIMPLE};
use support::ports::PortPair;
use support::relay::{Direction, Impairment, Relay};
use support::stream::packet;
use support::wait_until;

const PATIENCE: Duration = Duration::from_secs(20);

/// A peer as a program adds it that was built with the headers of 0.2.7 to 0.2.12.
fn old_peer(context: &Context, url: &str) {
    let url = CString::new(url).unwrap();
    // SAFETY: numbers and characters.
    let mut config: rist_peer_config = unsafe { MaybeUninit::zeroed().assume_init() };
    // What follows the old structure in memory is nobody's business.
    (config.split_mode, config.merge_mode, config.recovery_depth) = (77, 77, 77);
    let mut place: *mut rist_peer_config = &mut config;
    let mut peer = null_mut();
    // SAFETY: a structure of version 0 at least.
    assert_eq!(unsafe { rist_peer_config_defaults_set(place) }, 0);
    // SAFETY: a C string and a place with a structure.
    assert_eq!(unsafe { rist_parse_address2(url.as_ptr(), &mut place) }, 0);
    // SAFETY: as above.
    assert_eq!(unsafe { rist_peer_create(context.ctx, &mut peer, place) }, 0, "{:?}", context.lines());
    assert_eq!((config.version, config.split_mode, config.merge_mode), (0, 77, 77));
}

fn new_peer(context: &Context, url: &str) {
    context.peer(url);
}

/// A write with a sequence number of the program's own.
fn write_numbered(context: &Context, payload: &[u8]) -> c_int {
    let block = rist_data_block {
        payload: payload.as_ptr().cast(),
        payload_len: payload.len(),
        ts_ntp: 0,
        virt_src_port: 0,
        virt_dst_port: 0,
        peer: null_mut(),
        flow_id: 0,
        seq: 7,
        flags: rist_data_block_sender_flags::RIST_DATA_FLAGS_USE_SEQ as u32,
        r#ref: null_mut(),
    };
    // SAFETY: the payload lives through the call.
    unsafe { rist_sender_data_write(context.ctx, &block) }
}

/// Reports of a context, as JSON.
#[derive(Default)]
struct Reports(Mutex<Vec<String>>);

impl Reports {
    fn any(&self, parts: &[&str]) -> bool {
        self.0.lock().unwrap().iter().any(|report| parts.iter().all(|part| report.contains(part)))
    }

    /// Keeps `length` octets of text.
    unsafe fn keep(arg: *mut c_void, text: *const c_char, length: u32) {
        // SAFETY: as the callers of this say.
        let reports = unsafe { &*arg.cast::<Self>() };
        // SAFETY: as above.
        let bytes = unsafe { std::slice::from_raw_parts(text.cast(), length as usize) };
        reports.0.lock().unwrap().push(String::from_utf8_lossy(bytes).into_owned());
    }
}

unsafe extern "C" fn keep_document(arg: *mut c_void, _version: u16, text: *mut c_char, length: u32) -> c_int {
    // SAFETY: the reports outlive the context; the library's text.
    unsafe { Reports::keep(arg, text, length) };
    0
}

unsafe extern "C" fn keep_flow(arg: *mut c_void, stats: *const rist_stats) -> c_int {
    // SAFETY: a report of the library's.
    let report = unsafe { &*stats };
    // SAFETY: the reports outlive the context; the library's text.
    unsafe { Reports::keep(arg, report.stats_json, report.json_size) };
    // SAFETY: freed once.
    unsafe { rist_stats_free(stats) }
}

/// Blocks of 1316 octets over a lossy link come out as they went in.
fn streams(profile: c_int, split: &str, merge: &str, add: fn(&Context, &str)) {
    const BLOCKS: u64 = 600;
    let (ports, entry) = (PortPair::new(), PortPair::new());
    let start = if profile == SIMPLE { Relay::start } else { Relay::start_single };
    let relay = start(entry.even(), ports.even(), 1).expect("relay");
    let (documents, flows) = (Reports::default(), Reports::default());
    let (sender, receiver) = (Context::sender(profile), Context::receiver(profile));
    add(&receiver, &format!("rist://@127.0.0.1:{}?buffer=500&{merge}", ports.even()));
    add(&sender, &format!("rist://127.0.0.1:{}?buffer=1000&{split}", entry.even()));
    let arg = |reports: &Reports| (&raw const *reports).cast_mut().cast::<c_void>();
    // SAFETY: the reports outlive the contexts.
    assert_eq!(unsafe { rist_stats_callback_set(receiver.ctx, 100, Some(keep_flow), arg(&flows)) }, 0);
    // SAFETY: as above.
    let set = unsafe { rist_sender_stats_callback_set(sender.ctx, 100, Some(keep_document), arg(&documents)) };
    assert_eq!(set, 0);
    receiver.start();
    sender.start();
    let evidence = || format!("{:?}\n{:?}", sender.lines(), receiver.lines());
    let connected = |context: &Context| context.has_logged("is connected") > 0;
    let both = || (connected(&sender) && connected(&receiver)).then_some(());
    wait_until("the two to know each other", PATIENCE, both, evidence);
    assert_eq!(write_numbered(&sender, &[1, 2, 3]), -1);
    assert_eq!(sender.has_logged("numbered by the application"), 1);
    relay.set(Direction::Forward, Impairment { loss: 10.0, ..Impairment::default() });
    std::thread::scope(|scope| {
        scope.spawn(|| {
            for number in 0..BLOCKS + 20 {
                assert_eq!(sender.write(&packet(number)), 1316);
                std::thread::sleep(Duration::from_millis(2));
            }
        });
        // The very first may go before the network knows the receiver.
        let first = receiver.read(10_000).expect("a block");
        let from = support::stream::number_of(&first).expect("a block of the stream");
        assert!(from <= 5 && first == packet(from), "{from}");
        for number in from + 1..BLOCKS {
            assert_eq!(receiver.read(10_000).expect("a block in time"), packet(number), "block {number}");
        }
    });
    assert!(relay.counters(Direction::Forward).lost > 60, "{:?}", relay.counters(Direction::Forward));
    let mode = if split.ends_with("half") { 2 } else { 1 };
    let wanted = [format!("\"split\":{{\"mode\":{mode},\"pairs_emitted\":"), "\"fallback_not_ts\":0}".to_owned()];
    let told = || documents.any(&wanted.each_ref().map(String::as_str)).then_some(());
    wait_until("the document", PATIENCE, told, || format!("{:?}", documents.0.lock().unwrap()));
    let wanted = format!("\"merge\":{{\"mode\":{},\"pairs_merged\":", if merge.ends_with("auto") { 2 } else { 1 });
    let told = || flows.any(&[&wanted, "\"orphan_first_delivered\":0,\"orphan_last_delivered\":0}"]).then_some(());
    wait_until("the report", PATIENCE, told, || format!("{:?}", flows.0.lock().unwrap()));
    // Nothing calls back any more.
    sender.destroy();
    receiver.destroy();
}

#[test]
fn a_url_splits_and_another_merges() {
    streams(MAIN, "split=auto", "merge=auto", new_peer);
}

#[test]
fn a_url_splits_and_another_merges_in_the_simple_profile() {
    streams(SIMPLE, "split=half", "merge=pairs", new_peer);
}

/// The structures of such a program have no fields for either.
#[test]
fn a_url_in_an_old_program_splits_and_another_merges() {
    streams(MAIN, "split=ts", "merge=auto", old_peer);
}

#[test]
fn an_old_program_that_says_nothing_splits_nothing() {
    let context = Context::sender(MAIN);
    old_peer(&context, "rist://127.0.0.1:9");
    assert_eq!(write_numbered(&context, &[1, 2, 3]), 3);
    assert_eq!((context.has_logged("recovery depth"), context.has_logged("split")), (0, 0));
}

#[test]
fn recovery_depth_is_set_before_the_start() {
    let depth = |context: &Context, depth| {
        // SAFETY: any handle is fine.
        unsafe { rist_recovery_depth_set(context.ctx, depth) }
    };
    for context in [Context::sender(MAIN), Context::receiver(SIMPLE)] {
        assert_eq!([0, 3, 16].map(|value| depth(&context, value)), [0; 3]);
        assert_eq!(context.has_logged("recovery depth"), 0);
        assert_eq!((depth(&context, 17), depth(&context, 255)), (0, 0), "too much counts as the most");
        assert_eq!(context.has_logged("recovery depth of 255 is too much, using 16"), 1, "{:?}", context.lines());
        context.start();
        assert_eq!(depth(&context, 3), -1);
        context.destroy();
        assert_eq!(depth(&context, 3), -1);
    }
    // SAFETY: no handle at all.
    assert_eq!(unsafe { rist_recovery_depth_set(null_mut(), 3) }, -1);
}

#[test]
fn recovery_depth_of_a_url_is_taken() {
    for add in [new_peer, old_peer] {
        let context = Context::receiver(MAIN);
        let ports = PortPair::new();
        add(&context, &format!("rist://@127.0.0.1:{}?recovery-depth=16", ports.even()));
        assert_eq!(
            context.has_logged("not yet available") + context.has_logged("too much"),
            0,
            "{:?}",
            context.lines()
        );
    }
}
