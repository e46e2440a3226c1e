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

/// Sends what can be read from a descriptor, one read a packet, from a thread of the library that starts with the
/// context. Nothing is paced and nobody waited for: what is there is sent, also before a receiver has answered. At the end
/// of the data, or when reading fails, the thread ends with a line in the log.
///
/// The descriptor stays the caller's, must stay open until the context is destroyed, and need not be non-blocking, but then
/// nobody else may read from it.
///
/// @param ctx sender context that was not started
/// @param fd pipe, socket, TUN device or other descriptor that can be polled
/// @param max_packet greatest packet, bytes, at most 9968, which greater numbers stand for; 0 for 1316, with
///        RIST_DATA_FD_FLAG_TUN for 9968
/// @param flags RIST_DATA_FD_FLAG_TUN if each read gives a whole packet: a longer one is left out, not cut. Otherwise 0.
/// @return 0 on success, -1 on error, for a descriptor that is not open and after start
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rist_sender_data_fd_set(
    ctx: *mut rist_ctx,
    fd: c_int,
    max_packet: usize,
    flags: u32,
) -> c_int {
    status(|| {
        let whole = flags & RIST_DATA_FD_FLAG_TUN as u32 != 0;
        Ok(instance::sender(ctx)?.context.set_data_input(fd, max_packet, whole)?)
    })
}

/// Writes what is received to a descriptor when it is due, past FIFO and callback, one write a packet. What the descriptor does not
/// take at once is dropped, with a line in the log; a closed pipe or socket raises no SIGPIPE in the program.
///
/// The descriptor stays the caller's and must stay open until the context is destroyed. Packets of more than 4096 bytes are written to
/// a pipe in parts; once a part is written, the reader has 20 ms to make room for the next.
///
/// @param ctx receiver context that was not started
/// @param fd pipe, socket, TUN device or other descriptor that can be polled
/// @param flags RIST_DATA_FD_FLAG_TUN for a TUN device, otherwise 0
/// @return 0 on success, -1 on error, for a descriptor that is not open and after start
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rist_receiver_data_fd_set(ctx: *mut rist_ctx, fd: c_int, flags: u32) -> c_int {
    status(|| {
        // Every packet is one write anyway.
        let _ = flags;
        Ok(instance::receiver(ctx, FAILED)?.context.set_data_output(fd)?)
    })
}

/// The traffic of the data descriptor so far: what was read and sent is tx, what was received and written is rx.
/// All zero if none was set.
///
/// @param ctx context
/// @param[out] stats totals
/// @return 0 on success, -1 on error
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rist_data_fd_stats_get(ctx: *mut rist_ctx, stats: *mut rist_data_fd_stats) -> c_int {
    status(|| {
        let traffic = instance::find(ctx)?.context.data_traffic();
        let totals = rist_data_fd_stats {
            tx_packets: traffic.tx_packets,
            tx_bytes: traffic.tx_bytes,
            rx_packets: traffic.rx_packets,
            rx_bytes: traffic.rx_bytes,
        };
        // SAFETY: the contract of `capi`.
        unsafe { pointer::write(stats, totals) }
    })
}
