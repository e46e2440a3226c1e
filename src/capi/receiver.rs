//! `receiver.h`: contexts that receive.

use super::boundary::{FAILED, Failure, count, fence, status};
use super::callback::{Callback, Given, given};
use super::enums::*;
use super::headers::*;
use super::logging::{self, rist_logging_settings};
use super::{block, instance, pointer};
use crate::protocol::config::{NackType, Role};
use crate::protocol::output::Level;
use crate::runtime::callbacks::FlowAttributeFunction;
use std::ffi::{c_char, c_int, c_void};
use std::sync::Arc;
use std::time::Duration;

/// How a receiver writes its requests.
#[repr(C)]
pub enum rist_nack_type {
    RIST_NACK_RANGE = 0,
    RIST_NACK_BITMASK = 1,
}

/// Takes a block; see rist_receiver_data_callback_set().
pub type receiver_data_callback_t =
    Option<unsafe extern "C" fn(arg: *mut c_void, data_block: *const rist_data_block) -> c_int>;

/// Takes a block; see rist_receiver_data_callback_set2().
pub type receiver_data_callback2_t =
    Option<unsafe extern "C" fn(arg: *mut c_void, data_block: *mut rist_data_block) -> c_int>;

/// Is told that a flow ended; see rist_receiver_session_timeout_callback_set().
pub type receiver_session_timeout_callback_t = Option<unsafe extern "C" fn(arg: *mut c_void, flow_id: u32) -> c_int>;

/// Is told what a sender says of its flow; see rist_receiver_flow_attr_callback_set().
pub type receiver_flow_attr_callback_t = Option<
    unsafe extern "C" fn(arg: *mut c_void, peer: *mut rist_peer, attr_json: *const c_char, json_len: usize) -> c_int,
>;

/// Creates a receiver.
///
/// @param[out] ctx the context; untouched on error
/// @param profile with RIST_PROFILE_ADVANCED senders may speak Advanced or Main
/// @param logging_settings are copied; NULL for silence
/// @return 0 on success, -1 on error
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rist_receiver_create(
    ctx: *mut *mut rist_ctx,
    profile: c_rist_profile,
    logging_settings: *mut rist_logging_settings,
) -> c_int {
    status(|| {
        // SAFETY: the contract of `capi`.
        let settings = unsafe { logging::read_settings(logging_settings) }?;
        // SAFETY: the contract of `capi`.
        unsafe { instance::create(ctx, Role::Receiver, profile, 0, &settings) }
    })
}

/// Chooses how lost packets are asked for.
///
/// @param ctx receiver context
/// @param nacks_type ranges, the default, or bit masks
/// @return 0 on success, -1 on error
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rist_receiver_nack_type_set(ctx: *mut rist_ctx, nacks_type: c_rist_nack_type) -> c_int {
    status(|| {
        let instance = instance::receiver(ctx, FAILED)?;
        let bitmask = nacks_type == rist_nack_type::RIST_NACK_BITMASK as c_int;
        let nack_type = if bitmask { NackType::Bitmask } else { NackType::Range };
        Ok(instance.context.set_nack_type(nack_type)?)
    })
}

/// Sets the size of the FIFO that rist_receiver_data_read2() reads, before start. Each flow has one; it holds one
/// block less than its size.
///
/// @param ctx receiver context
/// @param desired_size a power of two up to 262144; 0 or 1 for no FIFO; 1024 if never set
/// @return 0 on success, -1 if there is no such context, -2 on a sender, -3 after start, -4 for another size
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rist_receiver_set_output_fifo_size(ctx: *mut rist_ctx, desired_size: u32) -> c_int {
    status(|| {
        let instance = instance::receiver(ctx, Failure(-2))?;
        if instance.context.is_started() {
            return Err(Failure(-3));
        }
        if !(desired_size == 0 || desired_size.is_power_of_two()) || desired_size > LARGEST_FIFO {
            instance.log(Level::Error, &format!("A FIFO of {desired_size} blocks is not possible"));
            return Err(Failure(-4));
        }
        Ok(instance.context.set_fifo_size(desired_size)?)
    })
}

/// FFmpeg offers its users up to this size.
const LARGEST_FIFO: u32 = 262_144;

/// The old name of rist_receiver_data_read2().
#[deprecated]
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rist_receiver_data_read(
    ctx: *mut rist_ctx,
    data_block: *mut *const rist_data_block,
    timeout: c_int,
) -> c_int {
    // SAFETY: the contract of `capi`; the two pointer types have one layout.
    unsafe { rist_receiver_data_read2(ctx, data_block.cast(), timeout) }
}

/// Takes a received block out of the FIFO.
///
/// @param ctx receiver context
/// @param[out] data_block the block; free it with rist_receiver_data_block_free2(). Untouched if there is none.
/// @param timeout ms to wait for one; 0 or less for no wait
/// @return blocks that were waiting, this one included; 0 if there is none; -1 on error; -2 on a sender
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rist_receiver_data_read2(
    ctx: *mut rist_ctx,
    data_block: *mut *mut rist_data_block,
    timeout: c_int,
) -> c_int {
    count(|| {
        let instance = instance::receiver(ctx, Failure(-2))?;
        pointer::checked(data_block).ok_or(FAILED)?;
        let timeout = Duration::from_millis(u64::try_from(timeout).unwrap_or(0));
        let Some((received, waiting)) = instance.context.read(timeout)? else { return Ok(0) };
        let block = block::give(received, instance.handle);
        // SAFETY: the contract of `capi`.
        unsafe { pointer::write(data_block, block) }?;
        Ok(c_int::try_from(waiting).unwrap_or(c_int::MAX).max(1))
    })
}

/// The old name of rist_receiver_data_callback_set2().
#[deprecated]
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rist_receiver_data_callback_set(
    ctx: *mut rist_ctx,
    data_callback: receiver_data_callback_t,
    arg: *mut c_void,
) -> c_int {
    // SAFETY: pointers to functions that differ only in what they may do with the block; *const and *mut are passed alike.
    let data_callback: receiver_data_callback2_t = unsafe { std::mem::transmute(data_callback) };
    // SAFETY: the contract of `capi`.
    unsafe { rist_receiver_data_callback_set2(ctx, data_callback, arg) }
}

/// Sets the function that takes received blocks, in order, from a thread of the library. While it is set the FIFO
/// is filled only if the program has read from it or set a notification descriptor. The function frees each block with rist_receiver_data_block_free2(), then or later.
///
/// @param ctx receiver context
/// @param data_callback function, or NULL for none; what it returns is ignored
/// @param arg handed to it
/// @return 0 on success, -1 on error
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rist_receiver_data_callback_set2(
    ctx: *mut rist_ctx,
    data_callback: receiver_data_callback2_t,
    arg: *mut c_void,
) -> c_int {
    status(|| match given(data_callback, data_callback.map_or(0, |function| function as usize)) {
        Given::Function(function) => {
            let callback = Callback::new(function, arg);
            set_data_callback(
                ctx,
                Some(move |block: *mut rist_data_block| {
                    // SAFETY: the application's function with its argument; the block is its to free.
                    unsafe { callback.function()(callback.argument(), block) };
                }),
            )
        }
        Given::Absent => set_data_callback(ctx, None::<fn(*mut rist_data_block)>),
        Given::Nonsense => Err(FAILED),
    })
}

fn set_data_callback<F>(ctx: *const rist_ctx, function: Option<F>) -> Result<(), Failure>
where
    F: Fn(*mut rist_data_block) + Send + Sync + 'static,
{
    let instance = instance::receiver(ctx, FAILED)?;
    let handle = instance.handle;
    instance.context.set_callbacks(|callbacks| {
        callbacks.data =
            function.map(|function| Arc::new(move |received| function(block::give(received, handle))) as _);
    });
    Ok(())
}

/// Sets the function that is told when a flow has sent nothing for its session time-out. It is also called with
/// flow 0 about once a second while there is no flow at all.
///
/// @param ctx receiver context
/// @param callback function, or NULL for none; what it returns is ignored
/// @param arg handed to it
/// @return 0 on success, -1 on error
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rist_receiver_session_timeout_callback_set(
    ctx: *mut rist_ctx,
    callback: receiver_session_timeout_callback_t,
    arg: *mut c_void,
) -> c_int {
    status(|| {
        let instance = instance::receiver(ctx, FAILED)?;
        let function = given(callback, callback.map_or(0, |function| function as usize)).with(arg)?;
        instance.context.set_callbacks(|callbacks| {
            callbacks.session_timeout = function.map(|callback| {
                Arc::new(move |flow_id| {
                    // SAFETY: the application's function with its argument.
                    unsafe { callback.function()(callback.argument(), flow_id) };
                }) as _
            });
        });
        Ok(())
    })
}

/// Sets the function that is told what an Advanced profile sender says of its flow: JSON, as a text with a NUL behind it that
/// json_len does not count. libRIST's senders say something each second. It comes from the network, so it may be
/// anything; rist_flow_attribute_read() in ferrist.h reads what TR-06-3 describes.
///
/// @param ctx receiver context; may be running
/// @param callback function, or NULL for none; what it returns is ignored. The text is valid during the call. When this call
/// has returned, the function before does not run on any other thread: hold no lock that it takes.
/// @param arg handed to it
/// @return 0 on success, -1 on error
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rist_receiver_flow_attr_callback_set(
    ctx: *mut rist_ctx,
    callback: receiver_flow_attr_callback_t,
    arg: *mut c_void,
) -> c_int {
    status(|| {
        let instance = instance::receiver(ctx, FAILED)?;
        let handle = instance.handle;
        let function = given(callback, callback.map_or(0, |function| function as usize)).with(arg)?;
        let told = function.map(|callback| -> Arc<FlowAttributeFunction> {
            Arc::new(move |peer, text| {
                let (text, length) = terminated(text);
                let (function, argument) = (callback.function(), callback.argument());
                // SAFETY: the application's function with its argument; the text lives during the call.
                unsafe { function(argument, handle.as_peer(peer), text.as_ptr().cast(), length) };
            })
        });
        Ok(instance.context.set_flow_attribute_callback(told)?)
    })
}

/// Paces the output evenly at the measured rate.
///
/// Switching it on is not yet available: -1.
///
/// @param ctx receiver context
/// @param cbr_output true for an even rate
/// @return 0 on success, -1 on error
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rist_receiver_set_cbr_output(ctx: *mut rist_ctx, cbr_output: bool) -> c_int {
    status(|| {
        let instance = instance::receiver(ctx, FAILED)?;
        if cbr_output { Err(instance.unavailable("CBR output")) } else { Ok(()) }
    })
}

/// The old name of rist_receiver_data_block_free2().
#[deprecated]
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rist_receiver_data_block_free(block: *mut *mut rist_data_block) {
    // SAFETY: the contract of `capi`.
    unsafe { rist_receiver_data_block_free2(block) };
}

/// Frees a received block, from any thread, also after its context was destroyed, and sets the pointer to NULL.
/// NULL and blocks that the library did not make are left alone.
///
/// @param block points to the block or to NULL
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rist_receiver_data_block_free2(block: *mut *mut rist_data_block) {
    // SAFETY: the contract of `capi`.
    fence((), || unsafe { block::free(block) });
}

/// Sets a descriptor to which a byte is written for each block that enters the FIFO, for programs that poll.
/// A full pipe loses bytes, not blocks.
///
/// @param ctx receiver context
/// @param fd descriptor, which stays the caller's; 0 for none, needed before it is closed
/// @return 0 on success, -1 on error
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rist_receiver_data_notify_fd_set(ctx: *mut rist_ctx, fd: c_int) -> c_int {
    status(|| {
        let instance = instance::receiver(ctx, FAILED)?;
        Ok(instance.context.set_notify_fd((fd > 0).then_some(fd))?)
    })
}

/// Text with a NUL behind it, and its length without: TR-06-3 ends flow attributes with one, libRIST does not.
fn terminated(text: &[u8]) -> (Vec<u8>, usize) {
    let text = text.strip_suffix(&[0]).unwrap_or(text);
    ([text, &[0]].concat(), text.len())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn flow_attributes_end_in_one_nul() {
        for (text, ended, length) in [("{}", "{}\0", 2), ("[1]\0", "[1]\0", 3), ("a\0b", "a\0b\0", 3), ("", "\0", 0)] {
            assert_eq!(terminated(text.as_bytes()), (ended.as_bytes().to_vec(), length));
        }
    }
}
