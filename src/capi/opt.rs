//! `opt.h`: settings of a context that are not calls of their own.

use super::boundary::{FAILED, status};
use super::callback::{Callback, Given, given};
use super::enums::*;
use super::headers::*;
use super::{instance, pointer};
use crate::protocol::config::Role;
use std::ffi::{c_int, c_void};
use std::sync::Arc;

/// Runs on a thread of the library when it starts, with type 1, and when it ends, with type 0; created is always
/// false. That is what libRIST passes, whatever its header says. handle points to the thread's pthread_t.
pub type rist_thread_callback_func_t =
    Option<unsafe extern "C" fn(handle: *mut c_void, r#type: c_int, created: bool, user_data: *mut c_void)>;

/// Holds the function, since C has no pointer to it in a void pointer.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct rist_thread_callback {
    pub thread_callback: rist_thread_callback_func_t,
}

pub type rist_thread_callback_t = rist_thread_callback;

/// What rist_set_opt() sets.
#[repr(C)]
pub enum rist_opt {
    /// Before start. optval1: a rist_thread_callback_t, which is copied; optval2: handed to it; optval3: NULL.
    RIST_OPT_THREAD_CALLBACK = 0,
}

/// Sets an option.
///
/// @param ctx context
/// @param opt which
/// @param optval1 see enum rist_opt
/// @param optval2 see enum rist_opt
/// @param optval3 see enum rist_opt
/// @return 0 on success, -1 on error
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rist_set_opt(
    ctx: *mut rist_ctx,
    opt: c_rist_opt,
    optval1: *mut c_void,
    optval2: *mut c_void,
    optval3: *mut c_void,
) -> c_int {
    status(|| {
        let instance = instance::find(ctx)?;
        if opt != rist_opt::RIST_OPT_THREAD_CALLBACK as c_int || !optval3.is_null() {
            return Err(FAILED);
        }
        // SAFETY: the contract of `capi` and of the option.
        let function = unsafe { pointer::read(optval1.cast::<rist_thread_callback>()) }?.thread_callback;
        let Given::Function(function) = given(function, function.map_or(0, |function| function as usize)) else {
            return Err(FAILED);
        };
        // A late call on a receiver does no harm and gets 0 from libRIST 0.2.x.
        if instance.context.role() == Role::Sender && instance.context.is_started() {
            return Err(FAILED);
        }
        let callback = Callback::new(function, optval2);
        instance.context.set_callbacks(|callbacks| {
            callbacks.thread = Some(Arc::new(move |starts| {
                // SAFETY: has no conditions.
                let mut thread = unsafe { libc::pthread_self() };
                let handle = (&raw mut thread).cast();
                // SAFETY: the application's function with its argument; the handle lives during the call.
                unsafe { callback.function()(handle, c_int::from(starts), false, callback.argument()) };
            }));
        });
        Ok(())
    })
}
