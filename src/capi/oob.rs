//! `oob.h`: out-of-band data, a channel beside the media. Not part of the Simple profile.

use super::boundary::{FAILED, status};
use super::headers::*;
use super::instance::{self, Instance};
use super::{boundary::Failure, pointer};
use crate::protocol::config::Profile;
use crate::protocol::output::Level;
use std::ffi::{c_int, c_void};
use std::ptr;

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
/// Not yet available: -1.
///
/// @param ctx context, not of the Simple profile
/// @param oob_block payload and peer; copied
/// @return 0 on success, -1 on error
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rist_oob_write(ctx: *mut rist_ctx, oob_block: *const rist_oob_block) -> c_int {
    status(|| {
        let instance = instance::find(ctx)?;
        // SAFETY: the contract of `capi`.
        let block = unsafe { pointer::read(oob_block) }?;
        if !(1..=LARGEST_PAYLOAD).contains(&block.payload_len) || pointer::checked(block.payload.cast::<u8>()).is_none()
        {
            return Err(FAILED);
        }
        Err(unavailable(&instance))
    })
}

/// Takes out-of-band data that no callback took.
///
/// Not yet available: -1.
///
/// @param ctx context, not of the Simple profile
/// @param[out] oob_block a block that stays the library's until the next call, or NULL
/// @return blocks that were waiting, 0 if there is none, -1 on error
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rist_oob_read(ctx: *mut rist_ctx, oob_block: *mut *const rist_oob_block) -> c_int {
    status(|| {
        let instance = instance::find(ctx)?;
        // SAFETY: the contract of `capi`.
        unsafe { pointer::write(oob_block, ptr::null()) }?;
        Err(unavailable(&instance))
    })
}

/// Switches out-of-band data on and sets the function that takes it.
///
/// Not yet available: it is accepted with a warning in the log, so that programs that only offer out-of-band data
/// still run, and the function is never called.
///
/// @param ctx context, not of the Simple profile
/// @param oob_callback function, or NULL for none
/// @param arg handed to it
/// @return 0 on success, -1 on error
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rist_oob_callback_set(
    ctx: *mut rist_ctx,
    oob_callback: oob_callback_func_t,
    arg: *mut c_void,
) -> c_int {
    status(|| {
        let _ = (oob_callback, arg);
        let instance = instance::find(ctx)?;
        if instance.context.profile() == Profile::Simple {
            return Err(unavailable(&instance));
        }
        instance.log(Level::Warn, "Out-of-band data: not yet available in this build, the callback will not be called");
        Ok(())
    })
}

/// Greatest out-of-band payload of libRIST 0.2.x.
const LARGEST_PAYLOAD: usize = 9984;

fn unavailable(instance: &Instance) -> Failure {
    if instance.context.profile() == Profile::Simple {
        instance.log(Level::Error, "The Simple profile has no out-of-band data");
        return FAILED;
    }
    instance.unavailable("Out-of-band data")
}
