//! `logging.h`: where log lines go. The lines are written by `log_target.rs`.

use super::boundary::{FAILED, Failure, fence, status};
use super::enums::*;
use super::log_target::{self, Target};
use super::{log_socket, malloc, pointer};
use std::ffi::{c_char, c_int, c_void};
use std::ptr;

/// How grave a log line is.
#[repr(C)]
pub enum rist_log_level {
    RIST_LOG_DISABLE = -1,
    RIST_LOG_ERROR = 3,
    RIST_LOG_WARN = 4,
    RIST_LOG_NOTICE = 5,
    RIST_LOG_INFO = 6,
    RIST_LOG_DEBUG = 7,
    /// Everything. libRIST also drops packets on purpose; this library does not.
    RIST_LOG_SIMULATE = 100,
}

/// Where log lines go. Start from LOGGING_SETTINGS_INITIALIZER or from rist_logging_set().
/// A context copies the settings when it is created.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct rist_logging_settings {
    /// Lines up to this level are written.
    pub log_level: c_rist_log_level,
    /// Gets each line, ending in one line feed, from any thread; if set, nothing else is written to.
    pub log_cb: Option<unsafe extern "C" fn(arg: *mut c_void, level: c_rist_log_level, msg: *const c_char) -> c_int>,
    /// Handed to log_cb.
    pub log_cb_arg: *mut c_void,
    /// A connected UDP socket, or -1. 0 to 2 count as -1.
    pub log_socket: c_int,
    /// Lines are written and flushed there, or NULL. A line that can not be written is lost; a pipe without a reader raises no
    /// SIGPIPE. A stream that blocks holds up the thread that writes.
    pub log_stream: *mut c_file,
}

impl rist_logging_settings {
    /// `LOGGING_SETTINGS_INITIALIZER`.
    const DISABLED: Self = Self {
        log_level: rist_log_level::RIST_LOG_DISABLE as c_int,
        log_cb: None,
        log_cb_arg: ptr::null_mut(),
        log_socket: -1,
        log_stream: ptr::null_mut(),
    };
}

/// Writes a line to where the settings say, formatted as printf() does. NULL settings: nothing happens.
#[cfg(cbindgen)]
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rist_log(
    logging_settings: *mut rist_logging_settings,
    level: c_rist_log_level,
    format: *const c_char,
    args: ...
) {
}

/// Fills in settings.
///
/// If there are no global settings yet, and no address is given, the new settings become the global ones until they
/// are freed or a context that was created with them is destroyed.
///
/// @param logging_settings points to NULL: settings are allocated; free them with rist_logging_settings_free2().
/// Otherwise it points to initialised settings, which are changed; their socket is closed.
/// @param log_level lines up to this level are written
/// @param log_cb gets each line, or NULL
/// @param cb_arg handed to log_cb
/// @param address host:port to which each line is sent by UDP, or NULL
/// @param logfp lines are written and flushed there, or NULL
/// @return 0 on success, -1 on error
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rist_logging_set(
    logging_settings: *mut *mut rist_logging_settings,
    log_level: c_rist_log_level,
    log_cb: Option<unsafe extern "C" fn(arg: *mut c_void, level: c_rist_log_level, msg: *const c_char) -> c_int>,
    cb_arg: *mut c_void,
    address: *mut c_char,
    logfp: *mut c_file,
) -> c_int {
    status(|| {
        // SAFETY: the contract of `capi`.
        let given = unsafe { pointer::read(logging_settings) }?;
        let old = match pointer::checked(given) {
            // SAFETY: the contract of `capi`.
            Some(_) => Some(unsafe { pointer::read(given) }?),
            None if given.is_null() => None,
            None => return Err(FAILED),
        };
        // SAFETY: the contract of `capi`.
        let address = unsafe { pointer::text(address) }.unwrap_or_default();
        let mut new =
            rist_logging_settings { log_level, log_cb, log_cb_arg: cb_arg, log_socket: -1, log_stream: logfp };
        if !address.is_empty() {
            new.log_socket = log_socket::connect(address.to_bytes())?;
        }
        match old {
            Some(old) => {
                log_target::forget(&Target::borrowed(&old));
                log_socket::close(old.log_socket);
                // SAFETY: the contract of `capi`: they were initialised, so they are writable.
                unsafe { pointer::write(given, new) }?;
            }
            None => {
                let made = malloc::one(new).ok_or(FAILED)?;
                // SAFETY: the contract of `capi`.
                unsafe { pointer::write(logging_settings, made.as_ptr()) }?;
            }
        }
        if address.is_empty() {
            log_target::set_global_if_none(&new);
        }
        Ok(())
    })
}

/// Makes a copy of the settings the global ones. They are used where no context is at hand, as in udpsocket.h.
///
/// Unset them before what they point to goes away. Waits for a log function of the old ones that runs on another thread:
/// hold no lock that it takes.
///
/// @return 0 on success, -1 on error
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rist_logging_set_global(logging_settings: *mut rist_logging_settings) -> c_int {
    status(|| {
        // SAFETY: the contract of `capi`.
        let settings = unsafe { pointer::read(logging_settings) }?;
        log_target::set_global(&settings);
        Ok(())
    })
}

/// Forgets the global settings. Waits for a log function of theirs that runs on another thread: hold no lock that it takes.
#[unsafe(no_mangle)]
pub extern "C" fn rist_logging_unset_global() {
    fence((), log_target::unset_global);
}

/// The old name of rist_logging_settings_free2().
#[deprecated]
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rist_logging_settings_free(logging_settings: *mut *const rist_logging_settings) -> c_int {
    // SAFETY: the contract of `capi`; the two pointer types have one layout.
    unsafe { rist_logging_settings_free2(logging_settings.cast()) }
}

/// Frees settings that rist_logging_set() allocated and sets the pointer to NULL. Their socket stays open.
///
/// @return 0 on success, -1 on error
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rist_logging_settings_free2(logging_settings: *mut *mut rist_logging_settings) -> c_int {
    status(|| {
        // SAFETY: the contract of `capi`.
        let settings = unsafe { pointer::read(logging_settings) }?;
        if pointer::checked(settings).is_some() {
            // SAFETY: the contract of `capi`.
            let copy = unsafe { pointer::read(settings) }?;
            log_target::forget(&Target::borrowed(&copy));
            // SAFETY: the contract of `capi`: from `rist_logging_set`, freed once.
            unsafe { malloc::free(settings) };
        }
        // SAFETY: the contract of `capi`; it was readable above.
        unsafe { pointer::write(logging_settings, ptr::null_mut()) }
    })
}

/// The settings that a new context was given; NULL means silence.
pub(super) unsafe fn read_settings(settings: *mut rist_logging_settings) -> Result<rist_logging_settings, Failure> {
    if settings.is_null() {
        return Ok(rist_logging_settings::DISABLED);
    }
    // SAFETY: the caller's contract.
    unsafe { pointer::read(settings) }
}
