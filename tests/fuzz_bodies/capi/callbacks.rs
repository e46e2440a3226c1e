//! What the program gives the library to call. Each looks at everything that it is given.

use rist::capi::enums::{c_rist_connection_status, c_rist_log_level};
use rist::capi::flow_attribute::{rist_flow_attribute_read, rist_subflow};
use rist::capi::headers::{rist_data_block, rist_peer};
use rist::capi::oob::rist_oob_block;
use rist::capi::peer::{rist_peer_get_cname, rist_peer_get_id};
use rist::capi::receiver::rist_receiver_data_block_free2;
use rist::capi::srp::librist_verifier_lookup_data_t;
use rist::capi::stats::{rist_stats, rist_stats_free};
use std::ffi::{CStr, c_char, c_int, c_void};
use std::ptr::null;
use std::slice;

/// Arguments of callbacks point here: what the callback answers.
static ANSWERS: [u8; 2] = [0, 1];

pub(super) fn argument(number: u8) -> *mut c_void {
    match number % 4 {
        0 => std::ptr::null_mut(),
        number => (&raw const ANSWERS[usize::from(number & 1)]).cast_mut().cast(),
    }
}

fn answer(arg: *mut c_void) -> c_int {
    if arg.is_null() { 0 } else { c_int::from(unsafe { *arg.cast::<u8>() }) }
}

/// Reads text to its end.
fn text<'a>(text: *const c_char) -> &'a [u8] {
    unsafe { CStr::from_ptr(text) }.to_bytes()
}

/// Looks at each byte; the sanitizer objects if they are not ours.
fn touch(payload: *const c_void, len: usize) {
    assert!(!payload.is_null());
    let bytes = unsafe { slice::from_raw_parts(payload.cast::<u8>(), len) };
    std::hint::black_box(bytes.iter().fold(0u8, |sum, byte| sum ^ byte));
}

/// A block that came out of the library.
pub(super) fn look_at(block: *const rist_data_block) {
    let block = unsafe { &*block };
    // Two of the longest packets, if they were a pair.
    assert!(!block.r#ref.is_null() && block.payload_len <= 2 * 10_000, "{} octets", block.payload_len);
    touch(block.payload, block.payload_len);
    peer(block.peer);
}

/// Asks about a peer, whatever has become of it.
pub(super) fn peer(peer: *mut rist_peer) {
    let mut name = null();
    let len = unsafe { rist_peer_get_cname(peer, &mut name) };
    if len > 0 {
        assert_eq!(text(name).len(), len as usize);
    }
    std::hint::black_box(unsafe { rist_peer_get_id(peer) });
}

pub(super) unsafe extern "C" fn log(_arg: *mut c_void, _level: c_rist_log_level, line: *const c_char) -> c_int {
    let line = text(line);
    assert!(line.ends_with(b"\n") && line.len() < 3000, "{} octets", line.len());
    0
}

pub(super) unsafe extern "C" fn data(arg: *mut c_void, block: *mut rist_data_block) -> c_int {
    look_at(block);
    let mut block = block;
    unsafe { rist_receiver_data_block_free2(&mut block) };
    assert!(block.is_null());
    answer(arg)
}

pub(super) unsafe extern "C" fn connection(_arg: *mut c_void, who: *mut rist_peer, status: c_rist_connection_status) {
    assert!((0..=3).contains(&status));
    peer(who);
}

pub(super) unsafe extern "C" fn connect(
    arg: *mut c_void,
    remote: *const c_char,
    _remote_port: u16,
    local: *const c_char,
    _local_port: u16,
    who: *mut rist_peer,
) -> c_int {
    assert!(!text(remote).is_empty() && !text(local).is_empty());
    peer(who);
    answer(arg)
}

pub(super) unsafe extern "C" fn disconnect(arg: *mut c_void, who: *mut rist_peer) -> c_int {
    peer(who);
    answer(arg)
}

pub(super) unsafe extern "C" fn session_timeout(arg: *mut c_void, _flow_id: u32) -> c_int {
    answer(arg)
}

pub(super) unsafe extern "C" fn out_of_band(arg: *mut c_void, block: *const rist_oob_block) -> c_int {
    let block = unsafe { &*block };
    assert!((1..=9984).contains(&block.payload_len));
    touch(block.payload, block.payload_len);
    peer(block.peer);
    answer(arg)
}

pub(super) unsafe extern "C" fn typed_out_of_band(
    arg: *mut c_void,
    block: *const rist_oob_block,
    protocol: u16,
) -> c_int {
    assert!(!matches!(protocol, 0..=0x05ff | 0x0800 | 0x88b5 | 0x88b6 | 0x888e | 0xcce0));
    unsafe { out_of_band(arg, block) }
}

pub(super) unsafe extern "C" fn flow_attribute(
    arg: *mut c_void,
    who: *mut rist_peer,
    json: *const c_char,
    len: usize,
) -> c_int {
    assert!(text(json).len() <= len);
    touch(json.cast(), len);
    let read = unsafe { rist_flow_attribute_read(json, len, Some(subflow), arg) };
    assert!(read >= -1);
    peer(who);
    answer(arg)
}

unsafe extern "C" fn subflow(arg: *mut c_void, subflow: *const rist_subflow) -> c_int {
    text(unsafe { (*subflow).id });
    answer(arg)
}

pub(super) unsafe extern "C" fn stats(arg: *mut c_void, container: *const rist_stats) -> c_int {
    let report = unsafe { &*container };
    assert_eq!(text(report.stats_json).len(), report.json_size as usize);
    assert!((0..=1).contains(&report.stats_type));
    assert_eq!(unsafe { rist_stats_free(container) }, 0);
    answer(arg)
}

pub(super) unsafe extern "C" fn thread(_handle: *mut c_void, _kind: c_int, _created: bool, _user: *mut c_void) {}

/// Knows nobody.
pub(super) unsafe extern "C" fn look_up(
    name: *mut c_char,
    _data: *mut librist_verifier_lookup_data_t,
    _version: *mut c_int,
    _generation: *mut u64,
    _user: *mut c_void,
) {
    std::hint::black_box(text(name).len());
}
