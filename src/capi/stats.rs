//! `stats.h`: reports at intervals.

use super::boundary::{Failure, status};
use super::callback::given;
use super::enums::*;
use super::headers::*;
use super::stats_report;
use super::{instance, malloc, pointer};
use std::ffi::{c_char, c_int, c_void};
use std::sync::Arc;
use std::time::Duration;

/// A sender's view of one peer, over one interval.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct rist_stats_sender_peer {
    /// The other side's name, empty until known.
    pub cname: [c_char; RIST_MAX_STRING_SHORT],
    pub peer_id: u32,
    /// bit/s.
    pub bandwidth: usize,
    /// bit/s of retransmissions.
    pub retry_bandwidth: usize,
    /// Packets.
    pub sent: u64,
    pub received: u64,
    pub retransmitted: u64,
    /// Per cent: sent of sent, retransmitted and retransmissions refused.
    pub quality: f64,
    /// ms.
    pub rtt: u32,
    /// Version 2.
    pub sent_bytes: u64,
    pub retransmitted_bytes: u64,
    /// enum rist_profile. Version 3.
    pub profile: u8,
    /// 1 while it is spoken to in the Advanced profile, 0 in Main.
    pub advanced_active: u8,
}

/// A receiver's view of one path of a flow, over one interval.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct rist_stats_receiver_peer {
    pub peer_id: u32,
    /// Packets.
    pub received_data: u64,
    pub received_rtcp: u32,
    pub sent_rtcp: u32,
    /// ms.
    pub rtt: u64,
    /// ms, smoothed.
    pub avg_rtt: f64,
    /// bit/s.
    pub bandwidth: usize,
    pub avg_bandwidth: usize,
    /// Version 2. See struct rist_stats_receiver_flow.peers.
    pub received_bytes: u64,
}

/// A receiver's view of one flow, over one interval.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct rist_stats_receiver_flow {
    pub peer_count: u32,
    /// Always empty.
    pub cname: [c_char; RIST_MAX_STRING_LONG],
    pub flow_id: u32,
    /// 0 alive, 1 silent, 2 the last report.
    pub status: c_int,
    /// bit/s.
    pub bandwidth: usize,
    pub retry_bandwidth: usize,
    /// RTCP packets.
    pub sent: u64,
    /// Packets.
    pub received: u64,
    /// Packets that were asked for.
    pub missing: u32,
    pub reordered: u32,
    pub recovered: u32,
    pub recovered_one_retry: u32,
    pub lost: u32,
    /// Per cent: received of received and missing.
    pub quality: f64,
    /// Microseconds.
    pub min_inter_packet_spacing: u64,
    pub cur_inter_packet_spacing: u64,
    pub max_inter_packet_spacing: u64,
    /// ms, mean of the peers.
    pub rtt: u32,
    /// peer_count elements. In reports of version 0 and 1 they lack received_bytes, so they are shorter.
    pub peers: *mut rist_stats_receiver_peer,
    /// ms. Version 1.
    pub avg_buffer_time: u64,
    /// Version 2.
    pub received_bytes: u64,
    /// enum rist_profile. Version 3.
    pub profile: u8,
    /// Bits of a sequence number: 16 or 32. Version 3.
    pub seq_bits: u8,
    /// 1 while the media comes in the Advanced profile, 0 in Main.
    pub advanced_active: u8,
}

/// What a report is about.
#[repr(C)]
pub enum rist_stats_type {
    RIST_STATS_SENDER_PEER = 0,
    RIST_STATS_RECEIVER_FLOW = 1,
}

/// Revision of the structures in this header.
pub const RIST_STATS_VERSION: c_int = 3;
/// Version handed to the callback of rist_sender_stats_callback_set().
pub const RIST_SENDER_STATS_VERSION: c_int = 0;

/// A report, by its stats_type.
#[repr(C)]
#[derive(Clone, Copy)]
pub union rist_stats_data {
    pub sender_peer: rist_stats_sender_peer,
    pub receiver_flow: rist_stats_receiver_flow,
}

/// A report. It belongs to the application: rist_stats_free().
#[repr(C)]
#[derive(Clone, Copy)]
pub struct rist_stats {
    /// strlen(stats_json).
    pub json_size: u32,
    /// The same and more as a JSON document.
    pub stats_json: *mut c_char,
    /// Fields up to this version are filled in.
    pub version: u16,
    pub stats_type: c_rist_stats_type,
    pub stats: rist_stats_data,
}

/// Sets the function that takes reports, from a thread of the library: of each flow of a receiver, of each peer of
/// a sender. The function frees each with rist_stats_free().
///
/// @param ctx context; may be running
/// @param statsinterval ms; 0 changes nothing at all
/// @param stats_cb function, or NULL for none; what it returns is ignored
/// @param arg handed to it
/// @return 0 on success, -1 on error
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rist_stats_callback_set(
    ctx: *mut rist_ctx,
    statsinterval: c_int,
    stats_cb: Option<unsafe extern "C" fn(arg: *mut c_void, stats_container: *const rist_stats) -> c_int>,
    arg: *mut c_void,
) -> c_int {
    status(|| {
        let instance = instance::find(ctx)?;
        let function = given(stats_cb, stats_cb.map_or(0, |function| function as usize)).with(arg)?;
        let Some(interval) = interval(statsinterval) else { return Ok(()) };
        // The callback must not keep its own context alive.
        let owner = Arc::downgrade(&instance);
        instance.context.set_callbacks(|callbacks| {
            callbacks.stats = function.map(|callback| {
                Arc::new(move |report: crate::runtime::callbacks::Report<'_>| {
                    let old_program = owner.upgrade().is_some_and(|instance| instance.is_old_program());
                    let Some(stats) = stats_report::container(&report, old_program) else { return };
                    // SAFETY: the application's function with its argument; the report is its to free.
                    unsafe { callback.function()(callback.argument(), stats.as_ptr()) };
                }) as _
            });
        });
        instance.context.set_stats_interval(interval);
        Ok(())
    })
}

/// Sets the function that takes reports of a whole sender as JSON. The text stays the library's and is valid
/// during the call.
///
/// @param ctx sender context; may be running
/// @param statsinterval ms; 0 changes nothing at all
/// @param stats_cb function, or NULL for none; gets RIST_SENDER_STATS_VERSION, the text and its length
/// @param arg handed to it
/// @return 0 on success, -1 on error
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rist_sender_stats_callback_set(
    ctx: *mut rist_ctx,
    statsinterval: c_int,
    stats_cb: Option<
        unsafe extern "C" fn(arg: *mut c_void, version: u16, stats_json: *mut c_char, json_size: u32) -> c_int,
    >,
    arg: *mut c_void,
) -> c_int {
    status(|| {
        let instance = instance::sender(ctx)?;
        let function = given(stats_cb, stats_cb.map_or(0, |function| function as usize)).with(arg)?;
        let Some(interval) = interval(statsinterval) else { return Ok(()) };
        instance.context.set_callbacks(|callbacks| {
            callbacks.sender_stats = function.map(|callback| {
                Arc::new(move |report: crate::runtime::callbacks::Report<'_>| {
                    let Some(mut text) = stats_report::document(&report) else { return };
                    let length = text.len() as u32 - 1;
                    let text = text.as_mut_ptr().cast::<c_char>();
                    let (function, argument) = (callback.function(), callback.argument());
                    // SAFETY: the application's function with its argument; the text lives during the call.
                    unsafe { function(argument, RIST_SENDER_STATS_VERSION as u16, text, length) };
                }) as _
            });
        });
        instance.context.set_sender_stats_interval(interval);
        Ok(())
    })
}

/// 0 means that nothing is to change; negative numbers are huge ones, as in libRIST 0.2.x.
fn interval(ms: c_int) -> Option<Duration> {
    (ms != 0).then(|| Duration::from_millis(u64::from(ms as u32)))
}

/// Frees a report.
///
/// @return 0 on success, -1 on error
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rist_stats_free(stats_container: *const rist_stats) -> c_int {
    status(|| {
        // SAFETY: the contract of `capi`.
        unsafe { free(stats_container) }
    })
}

/// Contract: a possible pointer came from `stats_report::container` and was not freed.
pub(super) unsafe fn free(stats: *const rist_stats) -> Result<(), Failure> {
    // SAFETY: the caller's contract.
    let value = unsafe { pointer::read(stats) }?;
    if value.stats_type == rist_stats_type::RIST_STATS_RECEIVER_FLOW as c_int {
        // SAFETY: the type says which field of the union was written.
        let flow = unsafe { value.stats.receiver_flow };
        // SAFETY: made by malloc, or null.
        unsafe { malloc::free(flow.peers) };
    }
    // SAFETY: made by malloc.
    unsafe { malloc::free(value.stats_json) };
    // SAFETY: made by malloc.
    unsafe { malloc::free(stats) };
    Ok(())
}
