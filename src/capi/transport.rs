//! `transport.h`: another network under the library than the system's UDP.

use super::boundary::{FAILED, status};
use super::headers::rist_ctx;
use super::{instance, pointer};
use libc::{msghdr, pollfd, sockaddr, socklen_t, ssize_t};
use std::ffi::{c_int, c_void};

/// Functions that take the place of sendto(), recvfrom(), poll() and sendmsg().
#[repr(C)]
#[derive(Clone, Copy)]
pub struct rist_transport_ops {
    /// Handed to each function.
    pub opaque: *mut c_void,
    pub sendto: Option<
        unsafe extern "C" fn(
            opaque: *mut c_void,
            fd: c_int,
            buf: *const c_void,
            len: usize,
            flags: c_int,
            addr: *const sockaddr,
            addrlen: socklen_t,
        ) -> ssize_t,
    >,
    pub recvfrom: Option<
        unsafe extern "C" fn(
            opaque: *mut c_void,
            fd: c_int,
            buf: *mut c_void,
            len: usize,
            flags: c_int,
            addr: *mut sockaddr,
            addrlen: *mut socklen_t,
        ) -> ssize_t,
    >,
    pub poll:
        Option<unsafe extern "C" fn(opaque: *mut c_void, fds: *mut pollfd, nfds: c_int, timeout_ms: c_int) -> c_int>,
    /// NULL: sendto gets the joined pieces.
    pub sendmsg:
        Option<unsafe extern "C" fn(opaque: *mut c_void, fd: c_int, msg: *const msghdr, flags: c_int) -> ssize_t>,
}

/// Sets the functions, before start.
///
/// Other functions than the system's are not yet available: -1.
///
/// @param ctx context that was not started
/// @param ops are copied; NULL for the system's
/// @return 0 on success, -1 on error
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rist_transport_set(ctx: *mut rist_ctx, ops: *const rist_transport_ops) -> c_int {
    status(|| {
        let instance = instance::find(ctx)?;
        if instance.context.is_started() {
            return Err(FAILED);
        }
        if ops.is_null() {
            return Ok(());
        }
        pointer::checked(ops).ok_or(FAILED)?;
        Err(instance.unavailable("Transport functions"))
    })
}
