//! `librist.h`: what senders and receivers have in common.

use super::boundary::{FAILED, status};
use super::headers::*;
use super::{instance, peer_options, udp_config, version};
use crate::protocol::output::Level;
use std::ffi::{CStr, c_char, c_int};

/// Sets the greatest jitter to expect. This library wakes at deadlines and not at regular ticks, so there is
/// nothing for it to set.
///
/// @param ctx context
/// @param t milliseconds, 1 or more
/// @return 0 on success, -1 on error
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rist_jitter_max_set(ctx: *mut rist_ctx, t: c_int) -> c_int {
    status(|| {
        instance::find(ctx)?;
        if t <= 0 { Err(FAILED) } else { Ok(()) }
    })
}

/// Sets how many round-trip times the recovery buffer holds where it sizes itself (buffer-min below buffer-max).
///
/// @param ctx receiver context; may be running
/// @param multiplier 1 or more; 7 if never set
/// @return 0 on success, -1 on error
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rist_recovery_rtt_multiplier_set(ctx: *mut rist_ctx, multiplier: c_int) -> c_int {
    status(|| {
        let instance = instance::find(ctx)?;
        let multiplier = u32::try_from(multiplier).ok().filter(|multiplier| *multiplier > 0);
        Ok(instance.context.set_rtt_multiplier(multiplier.ok_or(FAILED)?)?)
    })
}

/// Sets how many packets are kept, at most, where sequence numbers have 32 bits (Advanced profile): 65536 shifted left by
/// depth. Simple and Main keep up to 65536, which is as many as their numbers can tell apart. Memory is taken as packets
/// need it. Counts instead of the recovery_depth of the peers.
///
/// @param ctx context that was not started
/// @param depth RIST_RECOVERY_DEPTH_MIN to RIST_RECOVERY_DEPTH_MAX; more counts as that
/// @return 0 on success, -1 on error, -2 when out of memory
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rist_recovery_depth_set(ctx: *mut rist_ctx, depth: u8) -> c_int {
    status(|| {
        let instance = instance::find(ctx)?;
        let depth = peer_options::recovery_depth(&instance, depth);
        Ok(instance.context.set_recovery_depth(depth)?)
    })
}

/// Starts the sender or receiver. Peers may be added before and after.
///
/// A process that forks: the child has none of the threads of contexts that were started. It may end such a context with
/// rist_destroy(), which then frees nothing that others hold and sends nothing, if no thread was inside the library
/// at that moment; call nothing else on it. Best is _exit() or exec: every descriptor of the library is closed by exec. The
/// parent's contexts go on whatever the child does. Contexts that were not started may be started in the child.
///
/// @param ctx context
/// @return 0 on success, -1 on error or if it was started before
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rist_start(ctx: *mut rist_ctx) -> c_int {
    status(|| {
        let instance = instance::find(ctx)?;
        let outcome = instance.context.start();
        if let Err(error) = &outcome {
            instance.log(Level::Error, &format!("Could not start: {}", instance::reason(error)));
        }
        Ok(outcome?)
    })
}

/// Ends a sender or receiver and all its peers.
///
/// Callbacks may run while it does; none does after it returned. So it waits for those that run on other threads: hold no
/// lock that they take. Received blocks stay valid until they are freed. May be called from a callback.
///
/// @param ctx context
/// @return 0 on success, -1 if there is no such context
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rist_destroy(ctx: *mut rist_ctx) -> c_int {
    status(|| instance::find(ctx)?.destroy())
}

/// The old name of rist_parse_udp_address2().
#[deprecated]
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rist_parse_udp_address(url: *const c_char, udp_config: *mut *const rist_udp_config) -> c_int {
    // SAFETY: the contract of `capi`; the two pointer types have one layout.
    unsafe { rist_parse_udp_address2(url, udp_config.cast()) }
}

/// Reads a udp:// or rtp:// URL.
///
/// @param url for example rtp://127.0.0.1:5000?stream-id=1968; it is not changed
/// @param[in,out] udp_config points to NULL: a structure is allocated; free it with rist_udp_config_free2() or free().
/// Otherwise it points to a structure with a valid version; what the URL does not mention stays.
/// @return 0 on success; -1 on error; if a parameter is unknown or wrong, the number of parameters, and the others
/// are used
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rist_parse_udp_address2(url: *const c_char, udp_config: *mut *mut rist_udp_config) -> c_int {
    // SAFETY: the contract of `capi`.
    super::boundary::count(|| unsafe { udp_config::parse(url, udp_config) })
}

/// The old name of rist_udp_config_free2().
#[deprecated]
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rist_udp_config_free(udp_config: *mut *const rist_udp_config) -> c_int {
    // SAFETY: the contract of `capi`; the two pointer types have one layout.
    unsafe { rist_udp_config_free2(udp_config.cast()) }
}

/// Frees a structure that rist_parse_udp_address2() allocated and sets the pointer to NULL.
///
/// @return 0 on success, -1 on error
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rist_udp_config_free2(udp_config: *mut *mut rist_udp_config) -> c_int {
    // SAFETY: the contract of `capi`: from `rist_parse_udp_address2`, freed once.
    status(|| unsafe { super::config::free(udp_config) })
}

/// The version of the library: that of the libRIST it stands in for, and its own.
///
/// @return static text
#[unsafe(no_mangle)]
pub extern "C" fn librist_version() -> *const c_char {
    VERSION.as_ptr()
}

/// The version of the API, as in version.h.
///
/// @return static text
#[unsafe(no_mangle)]
pub extern "C" fn librist_api_version() -> *const c_char {
    version::API_VERSION.as_ptr()
}

/// The version of libRIST whose interface this is, and ours.
pub(super) const VERSION: &CStr =
    match CStr::from_bytes_with_nul(concat!("0.2.20-ferrist-", env!("CARGO_PKG_VERSION"), "\0").as_bytes()) {
        Ok(text) => text,
        Err(_) => c"0.2.20-ferrist",
    };
