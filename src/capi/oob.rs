//! `oob.h`: out-of-band data, a channel beside the media. Not part of the Simple profile.

use super::boundary::{FAILED, Failure, count, status};
use super::callback::given;
use super::headers::*;
use super::instance::{self, Instance};
use super::{handle, pointer};
use crate::protocol::config::Profile;
use crate::protocol::output::{Level, PeerId};
use crate::protocol::payload::Payload;
use crate::protocol::session::{MAX_OUT_OF_BAND, OUT_OF_BAND};
use crate::runtime::callbacks::OutOfBandFunction;
use parking_lot::Mutex;
use std::ffi::{c_int, c_void};
use std::ptr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

/// A packet of out-of-band data.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct rist_oob_block {
    /// To whom or from whom; NULL to send to the latest peer.
    pub peer: *mut rist_peer,
    pub payload: *const c_void,
    /// 1 to 9984 bytes.
    pub payload_len: usize,
    pub ts_ntp: u64,
}

/// Takes out-of-band data. The block is valid during the call.
pub type oob_callback_func_t =
    Option<unsafe extern "C" fn(arg: *mut c_void, oob_block: *const rist_oob_block) -> c_int>;

/// Sends out-of-band data. rist_oob_callback_set() must have been called.
///
/// @param ctx context, not of the Simple profile
/// @param oob_block payload and peer; copied. A listening peer stands for all that came through it, NULL for the peer
/// that such data was last heard from
/// @return 0 on success, also if nobody is there yet; -1 on error
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rist_oob_write(ctx: *mut rist_ctx, oob_block: *const rist_oob_block) -> c_int {
    status(|| {
        let instance = enabled(ctx)?;
        // SAFETY: the contract of `capi`.
        unsafe { write(&instance, oob_block, OUT_OF_BAND) }
    })
}

/// # Safety
///
/// The contract of `capi`.
pub(super) unsafe fn write(
    instance: &Arc<Instance>,
    oob_block: *const rist_oob_block,
    protocol: u16,
) -> Result<(), Failure> {
    // SAFETY: the contract of `capi`.
    let block = unsafe { pointer::read(oob_block) }?;
    if !(1..=MAX_OUT_OF_BAND).contains(&block.payload_len) {
        return Err(FAILED);
    }
    let peer = handle::peer_of(instance, block.peer)?;
    let payload = pointer::checked(block.payload.cast::<u8>()).ok_or(FAILED)?;
    // SAFETY: the contract of `capi`: payload_len bytes that nobody changes during the call.
    let payload = unsafe { std::slice::from_raw_parts(payload.as_ptr(), block.payload_len) };
    if instance.context.write_out_of_band(peer, protocol, payload)? == 0 {
        instance.log(Level::Warn, "Out-of-band data: nobody is there to send it to");
    }
    Ok(())
}

/// Takes out-of-band data that no callback took. rist_oob_callback_set() must have been called, with NULL.
///
/// @param ctx context, not of the Simple profile
/// @param[out] oob_block a block that stays the library's until the next call, or NULL
/// @return blocks that were waiting, this one included, 0 if there is none, -1 on error or while a callback is set
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rist_oob_read(ctx: *mut rist_ctx, oob_block: *mut *const rist_oob_block) -> c_int {
    count(|| {
        // SAFETY: the contract of `capi`.
        unsafe { pointer::write(oob_block, ptr::null()) }?;
        let instance = enabled(ctx)?;
        if instance.oob.callback.load(Ordering::Acquire) {
            return Err(FAILED);
        }
        let mut kept = instance.oob.kept.lock();
        *kept = None;
        let Some((peer, payload, waiting)) = instance.context.read_out_of_band() else { return Ok(0) };
        let kept = kept.insert(Kept::new(&instance, peer, payload));
        // SAFETY: the contract of `capi`.
        unsafe { pointer::write(oob_block, &raw const *kept.block) }?;
        Ok(c_int::try_from(waiting).unwrap_or(c_int::MAX))
    })
}

/// Switches out-of-band data on, in both directions, and sets the function that takes it.
///
/// @param ctx context, not of the Simple profile
/// @param oob_callback function, called from the library's threads, or NULL to use rist_oob_read()
/// @param arg handed to it
/// @return 0 on success, -1 on error
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rist_oob_callback_set(
    ctx: *mut rist_ctx,
    oob_callback: oob_callback_func_t,
    arg: *mut c_void,
) -> c_int {
    status(|| {
        let instance = tunnelling(ctx)?;
        let function = given(oob_callback, oob_callback.map_or(0, |function| function as usize)).with(arg)?;
        instance.oob.enabled.store(true, Ordering::Release);
        instance.oob.callback.store(function.is_some(), Ordering::Release);
        let handle = instance.handle;
        let out_of_band = function.map(|callback| -> Arc<OutOfBandFunction> {
            Arc::new(move |peer, payload| {
                let block = block(handle.as_peer(peer), payload);
                // SAFETY: the application's function with its argument; block and payload live during the call.
                unsafe { callback.function()(callback.argument(), &raw const block) };
            })
        });
        instance.context.set_callbacks(|callbacks| callbacks.out_of_band = out_of_band);
        Ok(instance.context.enable_out_of_band()?)
    })
}

/// What a context remembers of out-of-band data.
#[derive(Default)]
pub(super) struct Oob {
    enabled: AtomicBool,
    callback: AtomicBool,
    kept: Mutex<Option<Kept>>,
}

/// The block that C reads until the next call.
struct Kept {
    block: Box<rist_oob_block>,
    _payload: Payload,
}

// SAFETY: the block points into the payload beside it, which nobody writes; the peer is only a number.
unsafe impl Send for Kept {}

impl Kept {
    fn new(instance: &Instance, peer: PeerId, payload: Payload) -> Self {
        let block = Box::new(block(instance.handle.as_peer(peer), &payload));
        Self { block, _payload: payload }
    }
}

pub(super) fn block(peer: *mut rist_peer, payload: &[u8]) -> rist_oob_block {
    rist_oob_block { peer, payload: payload.as_ptr().cast(), payload_len: payload.len(), ts_ntp: 0 }
}

fn enabled(ctx: *const rist_ctx) -> Result<Arc<Instance>, Failure> {
    let instance = tunnelling(ctx)?;
    if !instance.oob.enabled.load(Ordering::Acquire) {
        instance.log(Level::Error, "Out-of-band data: rist_oob_callback_set() comes first");
        return Err(FAILED);
    }
    Ok(instance)
}

/// A context whose profile has a tunnel.
pub(super) fn tunnelling(ctx: *const rist_ctx) -> Result<Arc<Instance>, Failure> {
    let instance = instance::find(ctx)?;
    if instance.context.profile() == Profile::Simple {
        instance.log(Level::Error, "The Simple profile has no out-of-band data");
        return Err(FAILED);
    }
    Ok(instance)
}
