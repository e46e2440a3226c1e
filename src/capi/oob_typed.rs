//! `ferrist.h`: out-of-band data with protocol types of the application's own.

use super::boundary::status;
use super::callback::given;
use super::headers::*;
use super::oob::{block, rist_oob_block, tunnelling, write};
use crate::runtime::callbacks::TypedOutOfBandFunction;
use std::ffi::{c_int, c_void};
use std::sync::Arc;

/// Takes out-of-band data with its protocol type; see rist_oob_typed_callback_set(). The block is valid during the call.
pub type oob_typed_callback_func_t =
    Option<unsafe extern "C" fn(arg: *mut c_void, oob_block: *const rist_oob_block, protocol: u16) -> c_int>;

/// Sends out-of-band data with a protocol type (EtherType), so that several kinds can share a session. No callback needs
/// to be set first. Like all out-of-band data it is encrypted if anything is, and not sent again if it is lost. libRIST
/// drops every number but 0x0800, which is that of rist_oob_write().
///
/// @param ctx context, not of the Simple profile
/// @param oob_block payload and peer, as of rist_oob_write()
/// @param protocol 0x0600 or more, and none of those that the tunnel itself uses: 0x88B5, 0x88B6, 0x888E and 0xCCE0
/// @return 0 on success, also if nobody is there yet; -1 on error
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rist_oob_write_typed(
    ctx: *mut rist_ctx,
    oob_block: *const rist_oob_block,
    protocol: u16,
) -> c_int {
    status(|| {
        let instance = tunnelling(ctx)?;
        // SAFETY: the contract of `capi`.
        unsafe { write(&instance, oob_block, protocol) }
    })
}

/// Sets the function that takes out-of-band data of every protocol type but 0x0800: that stays with
/// rist_oob_callback_set() and rist_oob_read(). Without a function such packets are dropped; nothing waits for one. They
/// are taken from peers only: such a packet alone makes nobody a peer.
///
/// @param ctx context, not of the Simple profile; may be running
/// @param callback function, called from the library's threads, or NULL for none; what it returns is ignored
/// @param arg handed to it
/// @return 0 on success, -1 on error
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rist_oob_typed_callback_set(
    ctx: *mut rist_ctx,
    callback: oob_typed_callback_func_t,
    arg: *mut c_void,
) -> c_int {
    status(|| {
        let instance = tunnelling(ctx)?;
        let function = given(callback, callback.map_or(0, |function| function as usize)).with(arg)?;
        let handle = instance.handle;
        let typed = function.map(|callback| -> Arc<TypedOutOfBandFunction> {
            Arc::new(move |peer, payload, protocol| {
                let block = block(handle.as_peer(peer), payload);
                // SAFETY: the application's function with its argument; block and payload live during the call.
                unsafe { callback.function()(callback.argument(), &raw const block, protocol) };
            })
        });
        instance.context.set_callbacks(|callbacks| callbacks.typed_out_of_band = typed);
        Ok(())
    })
}
