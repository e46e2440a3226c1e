//! Two functions that no header declares; `ristsrppasswd` of libRIST 0.2.8 and later imports them.

use super::boundary::{FAILED, count, status};
use super::log_target::log_global;
use super::pointer;
use crate::protocol::output::Level;
use std::ffi::{c_char, c_int};
use std::ptr;

/// Group numbers and their generators as hexadecimal text. Not yet available: -1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn librist_get_ng_constants(
    _group: c_int,
    n_hex: *mut *const c_char,
    g_hex: *mut *const c_char,
) -> c_int {
    count(|| {
        // SAFETY: the contract of `capi`.
        let _ = unsafe { pointer::write(n_hex, ptr::null()) };
        // SAFETY: the contract of `capi`.
        let _ = unsafe { pointer::write(g_hex, ptr::null()) };
        log_global(Level::Error, "SRP groups: not yet available in this build");
        Err(FAILED)
    })
}

/// Salt and verifier of a password. Not yet available: -1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn librist_crypto_srp_create_verifier(
    _n_hex: *const c_char,
    _g_hex: *const c_char,
    _username: *const c_char,
    _password: *const c_char,
    salt: *mut *mut u8,
    salt_len: *mut usize,
    verifier: *mut *mut u8,
    verifier_len: *mut usize,
    _correct_hashing: bool,
) -> c_int {
    status(|| {
        for (bytes, length) in [(salt, salt_len), (verifier, verifier_len)] {
            // SAFETY: the contract of `capi`.
            let _ = unsafe { pointer::write(bytes, ptr::null_mut()) };
            // SAFETY: the contract of `capi`.
            let _ = unsafe { pointer::write(length, 0) };
        }
        log_global(Level::Error, "SRP verifiers: not yet available in this build");
        Err(FAILED)
    })
}
