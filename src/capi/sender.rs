//! `sender.h`: contexts that send.

use super::boundary::{FAILED, Failure, count, fence, status};
use super::enums::*;
use super::headers::*;
use super::logging::{self, rist_logging_settings};
use super::{instance, pointer};
use crate::protocol::config::Role;
use crate::runtime::context::{self, Error, LONGEST_WRITE, Write};
use std::ffi::c_int;

/// A random flow id.
///
/// @return an even number, never 0
#[unsafe(no_mangle)]
pub extern "C" fn rist_flow_id_create() -> u32 {
    fence(0, context::random_flow_id)
}

/// Creates a sender.
///
/// @param[out] ctx the context; untouched on error
/// @param profile with RIST_PROFILE_ADVANCED peers that say that they can are spoken to in Advanced, others in Main
/// @param flow_id even; 0 for a random one
/// @param logging_settings are copied; NULL for silence
/// @return 0 on success, -1 on error
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rist_sender_create(
    ctx: *mut *mut rist_ctx,
    profile: c_rist_profile,
    flow_id: u32,
    logging_settings: *mut rist_logging_settings,
) -> c_int {
    status(|| {
        // SAFETY: the contract of `capi`.
        let settings = unsafe { logging::read_settings(logging_settings) }?;
        if flow_id % 2 == 1 {
            return Err(FAILED);
        }
        // SAFETY: the contract of `capi`.
        unsafe { instance::create(ctx, Role::Sender, profile, flow_id, &settings) }
    })
}

/// Leaves null packets out of transport streams written from now on; the receiver puts them back.
///
/// @param ctx sender context
/// @return 0 on success, -1 on error
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rist_sender_npd_enable(ctx: *mut rist_ctx) -> c_int {
    status(|| Ok(instance::sender(ctx)?.context.set_null_packet_deletion(true)?))
}

/// Sends null packets again.
///
/// @param ctx sender context
/// @return 0 on success, -1 on error
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rist_sender_npd_disable(ctx: *mut rist_ctx) -> c_int {
    status(|| Ok(instance::sender(ctx)?.context.set_null_packet_deletion(false)?))
}

/// Whether null packets are left out.
///
/// @param ctx sender context
/// @param[out] npd_enabled the answer
/// @return 0 on success, -1 on error
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rist_sender_npd_get(ctx: *const rist_ctx, npd_enabled: *mut bool) -> c_int {
    status(|| {
        let on = instance::sender(ctx)?.context.null_packet_deletion()?;
        // SAFETY: the contract of `capi`.
        unsafe { pointer::write(npd_enabled, on) }
    })
}

/// The flow id.
///
/// @param ctx sender context
/// @param[out] flow_id the answer
/// @return 0 on success, -1 on error
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rist_sender_flow_id_get(ctx: *mut rist_ctx, flow_id: *mut u32) -> c_int {
    status(|| {
        let id = instance::sender(ctx)?.context.flow_id()?;
        // SAFETY: the contract of `capi`.
        unsafe { pointer::write(flow_id, id) }
    })
}

/// Changes the flow id.
///
/// @param ctx sender context
/// @param flow_id new id; bit 0 is cleared
/// @return 0 on success, -1 on error
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rist_sender_flow_id_set(ctx: *mut rist_ctx, flow_id: u32) -> c_int {
    status(|| Ok(instance::sender(ctx)?.context.set_flow_id(flow_id)?))
}

/// Sends a block to the peers. A received block may be handed on as it is. Longer blocks than 9968 bytes need fragments
/// (fragment-size, Advanced profile): as many as 64 of them hold.
///
/// @param ctx sender context
/// @param data_block payload and what struct rist_data_block says of the other fields; stays the caller's
/// @return bytes of payload; -1 on error, without peers, or with RIST_DATA_FLAGS_USE_SEQ where blocks are split; -2 if the queue is full, -3 when out of memory
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rist_sender_data_write(ctx: *mut rist_ctx, data_block: *const rist_data_block) -> c_int {
    count(|| {
        let instance = instance::sender(ctx)?;
        // SAFETY: the contract of `capi`.
        let write = unsafe { read_block(data_block) }?;
        let length = instance.context.write(write).map_err(refused)?;
        Ok(c_int::try_from(length).unwrap_or(c_int::MAX))
    })
}

/// What a block asks to be written.
///
/// Contract: a possible pointer points to a block, whose possible payload has as many bytes as it says during `'a`.
pub(super) unsafe fn read_block<'a>(data_block: *const rist_data_block) -> Result<Write<'a>, Failure> {
    // SAFETY: the caller's contract.
    let block = unsafe { pointer::read(data_block) }?;
    if !(1..=LONGEST_WRITE).contains(&block.payload_len) {
        return Err(FAILED);
    }
    let payload = pointer::checked(block.payload.cast::<u8>()).ok_or(FAILED)?;
    let use_seq = block.flags & rist_data_block_sender_flags::RIST_DATA_FLAGS_USE_SEQ as u32 != 0;
    Ok(Write {
        // SAFETY: the caller's contract: payload_len readable bytes.
        payload: unsafe { std::slice::from_raw_parts(payload.as_ptr(), block.payload_len) },
        ts_ntp: (block.ts_ntp != 0).then_some(block.ts_ntp),
        seq: use_seq.then_some(block.seq as u32),
        virt_src_port: block.virt_src_port,
        virt_dst_port: block.virt_dst_port,
    })
}

/// Why a block was not written, as the number that C gets.
pub(super) fn refused(error: Error) -> Failure {
    match error {
        Error::Resources => Failure(-3),
        error => error.into(),
    }
}
