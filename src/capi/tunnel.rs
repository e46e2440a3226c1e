//! `tunnel.h`: media straight from and to a descriptor.

use super::boundary::{FAILED, status};
use super::headers::*;
use super::{instance, pointer};
use std::ffi::c_int;

/// The descriptor is a TUN device.
pub const RIST_DATA_FD_FLAG_TUN: c_int = 1;

/// Traffic of a data descriptor.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct rist_data_fd_stats {
    pub tx_packets: u64,
    pub tx_bytes: u64,
    pub rx_packets: u64,
    pub rx_bytes: u64,
}

/// Sends what can be read from a descriptor, one read a packet.
///
/// Not yet available: -1.
///
/// @param ctx sender context that was not started
/// @param fd descriptor, which stays the caller's
/// @param max_packet greatest packet, bytes
/// @param flags RIST_DATA_FD_FLAG_TUN or 0
/// @return 0 on success, -1 on error
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rist_sender_data_fd_set(
    ctx: *mut rist_ctx,
    fd: c_int,
    max_packet: usize,
    flags: u32,
) -> c_int {
    status(|| {
        let _ = (fd, max_packet, flags);
        Err(instance::sender(ctx)?.unavailable("Data descriptor"))
    })
}

/// Writes what is received to a descriptor, past FIFO and callback.
///
/// Not yet available: -1.
///
/// @param ctx receiver context that was not started
/// @param fd descriptor, which stays the caller's
/// @param flags RIST_DATA_FD_FLAG_TUN or 0
/// @return 0 on success, -1 on error
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rist_receiver_data_fd_set(ctx: *mut rist_ctx, fd: c_int, flags: u32) -> c_int {
    status(|| {
        let _ = (fd, flags);
        Err(instance::receiver(ctx, FAILED)?.unavailable("Data descriptor"))
    })
}

/// The traffic of the data descriptor so far.
///
/// Not yet available: -1.
///
/// @param ctx context
/// @param[out] stats totals
/// @return 0 on success, -1 on error
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rist_data_fd_stats_get(ctx: *mut rist_ctx, stats: *mut rist_data_fd_stats) -> c_int {
    status(|| {
        let instance = instance::find(ctx)?;
        pointer::checked(stats).ok_or(FAILED)?;
        Err(instance.unavailable("Data descriptor"))
    })
}
