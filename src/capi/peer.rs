//! `peer.h`: the other ends of a context.

use super::boundary::{FAILED, Failure, count, fence, status};
use super::callback::given;
use super::enums::*;
use super::headers::*;
use super::{config, handle, instance, peer_config, peer_events, peer_options, pointer};
use crate::crypto::secret::Secret;
use crate::protocol::output::{Level, PeerId};
use std::ffi::{c_char, c_int, c_void};
use std::sync::Arc;

pub const RIST_DEFAULT_VIRT_SRC_PORT: c_int = 1971;
pub const RIST_DEFAULT_VIRT_DST_PORT: c_int = 1968;
pub const RIST_DEFAULT_RECOVERY_MAXBITRATE: c_int = 100000;
pub const RIST_DEFAULT_RECOVERY_MAXBITRATE_RETURN: c_int = 0;
pub const RIST_DEFAULT_RECOVERY_LENGTH_MIN: c_int = 1000;
pub const RIST_DEFAULT_RECOVERY_LENGTH_MAX: c_int = 1000;
pub const RIST_DEFAULT_RECOVERY_REORDER_BUFFER: c_int = 15;
pub const RIST_DEFAULT_RECOVERY_RTT_MIN: c_int = 5;
pub const RIST_DEFAULT_RECOVERY_RTT_MAX: c_int = 500;
pub const RIST_DEFAULT_MIN_RETRIES: c_int = 6;
pub const RIST_DEFAULT_MAX_RETRIES: c_int = 20;
pub const RIST_DEFAULT_SESSION_TIMEOUT: c_int = 2000;
pub const RIST_DEFAULT_KEEPALIVE_INTERVAL: c_int = 1000;
pub const RIST_DEFAULT_RECOVERY_PRIORITY: c_int = 0;
/// Least, usual and greatest recovery depth: a ring of 65536 << depth packets.
pub const RIST_RECOVERY_DEPTH_MIN: c_int = 0;
pub const RIST_RECOVERY_DEPTH_DEFAULT: c_int = 3;
pub const RIST_RECOVERY_DEPTH_MAX: c_int = 16;
pub const RIST_DEFAULT_RTT_DROP: c_int = 0;
pub const RIST_DEFAULT_RTT_RESTORE: c_int = 0;
pub const RIST_DEFAULT_RTT_DROP_SETTLE: c_int = 2000;
pub const RIST_DEFAULT_RTT_DROP_TRICKLE: c_int = 100;
/// The weight of a peer that gets a copy of everything.
pub const RIST_PEER_WEIGHT_DUPLICATE: c_int = 0;
/// Revision of struct rist_peer_config in this header.
pub const RIST_PEER_CONFIG_VERSION: c_int = 6;

/// Which clock gives received packets their place in time.
#[repr(C)]
pub enum rist_timing_mode {
    /// The sender's RTP time stamps.
    RIST_TIMING_MODE_SOURCE = 0,
    /// The time of arrival.
    RIST_TIMING_MODE_ARRIVAL = 1,
    /// The sender's wall clock.
    RIST_TIMING_MODE_RTC = 2,
}

/// Whether lost packets are asked for.
#[repr(C)]
pub enum rist_recovery_mode {
    RIST_RECOVERY_MODE_UNCONFIGURED = 0,
    RIST_RECOVERY_MODE_DISABLED = 1,
    RIST_RECOVERY_MODE_TIME = 2,
}

/// How soon a sender repeats a retransmission.
#[repr(C)]
pub enum rist_congestion_control_mode {
    /// As often as asked.
    RIST_CONGESTION_CONTROL_MODE_OFF = 0,
    /// At most once a round trip.
    RIST_CONGESTION_CONTROL_MODE_NORMAL = 1,
    /// At most once in two round trips.
    RIST_CONGESTION_CONTROL_MODE_AGGRESSIVE = 2,
}

/// How a sender makes two packets of each block, for paths that carry small ones only, or half of them each.
/// The first peer's mode counts for its context.
#[repr(C)]
pub enum librist_split_mode {
    LIBRIST_SPLIT_MODE_OFF = 0,
    /// Between two transport stream packets where there are such, else in the middle.
    LIBRIST_SPLIT_MODE_AUTO = 1,
    LIBRIST_SPLIT_MODE_HALF = 2,
}

/// How a receiver joins what a sender cut. A pair has half the sequence number of its first packet.
/// The first peer's mode counts for its context.
#[repr(C)]
pub enum librist_merge_mode {
    LIBRIST_MERGE_MODE_OFF = 0,
    LIBRIST_MERGE_MODE_PAIRS = 1,
    /// When the sender says that it cuts, which it can not in the Simple profile.
    LIBRIST_MERGE_MODE_AUTO = 2,
}

/// What rist_peer_create() is told. A structure made for an older header says so in its version and is shorter;
/// nothing behind its end is touched. Zero it, then call rist_peer_config_defaults_set().
#[repr(C)]
#[derive(Clone, Copy)]
pub struct rist_peer_config {
    /// RIST_PEER_CONFIG_VERSION of the header that the program was built with.
    pub version: c_int,
    /// 0: address is a URL. AF_INET or AF_INET6: address is a host.
    pub address_family: c_int,
    /// With an address family: 0 to listen, 1 to call.
    pub initiate_conn: c_int,
    /// rist://[@]host:port, or a host. What rist_parse_address2() writes behind the NUL belongs to it: copy all of it.
    pub address: [c_char; RIST_MAX_STRING_LONG],
    /// Interface, by name or address.
    pub miface: [c_char; RIST_MAX_STRING_SHORT],
    /// With an address family: the UDP port.
    pub physical_port: u16,
    /// GRE destination port. Not used in the Simple profile.
    pub virt_dst_port: u16,
    pub recovery_mode: c_rist_recovery_mode,
    /// kbit/s, payload and retransmissions together.
    pub recovery_maxbitrate: u32,
    /// kbit/s; 0 for no limit.
    pub recovery_maxbitrate_return: u32,
    /// Recovery buffer, ms. It sizes itself between the two if they differ.
    pub recovery_length_min: u32,
    pub recovery_length_max: u32,
    /// ms that a gap may turn out to be a reordering.
    pub recovery_reorder_buffer: u32,
    /// Bounds of the time between two requests for a packet, ms.
    pub recovery_rtt_min: u32,
    pub recovery_rtt_max: u32,
    /// Share among the peers, or RIST_PEER_WEIGHT_DUPLICATE.
    pub weight: u32,
    /// Passphrase.
    pub secret: [c_char; RIST_MAX_STRING_SHORT],
    /// AES key: 0, 128, 192 or 256 bits.
    pub key_size: c_int,
    /// Packets until the key changes; 0 for never.
    pub key_rotation: u32,
    /// Sender: 1 to compress.
    pub compression: c_int,
    /// Our name in RTCP.
    pub cname: [c_char; RIST_MAX_STRING_SHORT],
    pub congestion_control_mode: c_rist_congestion_control_mode,
    /// Requests for a packet, 2 to 100.
    pub min_retries: u32,
    pub max_retries: u32,
    /// ms of silence until the peer counts as dead; 0 for 250, the least.
    pub session_timeout: u32,
    /// Period of RTCP, ms; 0 for 100.
    pub keepalive_interval: u32,
    pub timing_mode: c_rist_timing_mode,
    /// For the program; see rist_enable_eap_srp_2().
    pub srp_username: [c_char; RIST_MAX_STRING_LONG],
    pub srp_password: [c_char; RIST_MAX_STRING_LONG],
    /// enum librist_split_mode; sender. Version 1.
    pub split_mode: u32,
    /// enum librist_merge_mode; receiver. Version 1.
    pub merge_mode: u32,
    /// Listening receiver: hand everything on to the other peers. Version 2.
    pub reflector: c_int,
    /// 0 for the system's default. Version 2.
    pub multicast_ttl: u32,
    /// Only packets from this address. Version 2.
    pub multicast_source: [c_char; RIST_MAX_STRING_LONG],
    /// UDP port to call from; 0 for any. Version 2.
    pub local_port: u16,
    /// 1: SRP as before libRIST 0.2.16. Version 3.
    pub srp_compat_legacy: c_int,
    /// What the URL said about the profile. Version 4.
    pub profile: c_rist_profile,
    /// 1 if it said anything. Version 4.
    pub profile_set: c_int,
    /// The peer with the highest is asked for lost packets. Version 5.
    pub recovery_priority: u32,
    /// See rist_recovery_depth_set(). Version 5.
    pub recovery_depth: u8,
    /// RTT above which a bonded sender rests this peer, ms; 0 for never. Version 6.
    pub rtt_drop: u32,
    /// RTT below which it comes back, ms; 0 for 80 % of rtt_drop. Version 6.
    pub rtt_restore: u32,
    /// How long the RTT must stay beyond, ms. Version 6.
    pub rtt_drop_settle: u32,
    /// A resting peer gets one packet in so many. Version 6.
    pub rtt_drop_trickle: u32,
}

/// What happened to a connection.
#[repr(C)]
pub enum rist_connection_status {
    /// A peer that calls has reached the other side.
    RIST_CONNECTION_ESTABLISHED = 0,
    /// A connection has ended.
    RIST_CONNECTION_TIMED_OUT = 1,
    /// Somebody has called.
    RIST_CLIENT_CONNECTED = 2,
    /// Not used.
    RIST_CLIENT_TIMED_OUT = 3,
}

/// Is told of connections; see rist_connection_status_callback_set().
pub type connection_status_callback_t = Option<
    unsafe extern "C" fn(arg: *mut c_void, peer: *mut rist_peer, peer_connection_status: c_rist_connection_status),
>;

/// Decides on a caller: 0 admits, anything else refuses. The addresses are valid during the call.
pub type rist_auth_handler_connect_cb = Option<
    unsafe extern "C" fn(
        arg: *mut c_void,
        conn_ip: *const c_char,
        conn_port: u16,
        local_ip: *const c_char,
        local_port: u16,
        peer: *mut rist_peer,
    ) -> c_int,
>;

/// Is told that a caller has gone.
pub type rist_auth_handler_disconnect_cb =
    Option<unsafe extern "C" fn(arg: *mut c_void, peer: *mut rist_peer) -> c_int>;

/// Stands behind the inline function of the same name in the header; programs built with a header older than
/// libRIST 0.2.18 call it and have a structure of version 0.
///
/// cbindgen:ignore
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rist_peer_config_defaults_set(peer_config: *mut rist_peer_config) -> c_int {
    // SAFETY: the contract of `capi`.
    unsafe { rist_peer_config_defaults_set_versioned(peer_config, 0) }
}

/// Writes the defaults into a structure of the given version. Zero it first: fields without a default stay.
///
/// @param peer_config structure
/// @param version RIST_PEER_CONFIG_VERSION; greater ones count as the library's
/// @return 0 on success, -1 on error
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rist_peer_config_defaults_set_versioned(
    peer_config: *mut rist_peer_config,
    version: c_int,
) -> c_int {
    status(|| {
        // SAFETY: the contract of `capi`.
        let mut value = unsafe { config::load_as(peer_config, version) }?;
        let version = config::clamp::<rist_peer_config>(version);
        peer_config::set_defaults(&mut value, version);
        // SAFETY: the contract of `capi`.
        unsafe { config::store(peer_config, &value, version) };
        Ok(())
    })
}

/// The old name of rist_parse_address2().
#[deprecated]
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rist_parse_address(url: *const c_char, peer_config: *mut *const rist_peer_config) -> c_int {
    // SAFETY: the contract of `capi`; the two pointer types have one layout.
    unsafe { rist_parse_address2(url, peer_config.cast()) }
}

/// Reads a rist:// URL. Its parameters are listed in urlparam.h.
///
/// A parameter that is newer than the caller's structure is kept behind the NUL of the address.
///
/// @param url for example rist://192.0.2.1:1968?buffer=500&cname=studio
/// @param[in,out] peer_config points to NULL: a structure with defaults is allocated; free it with
/// rist_peer_config_free2() or free(). Otherwise it points to a structure with a valid version; what the URL does
/// not mention stays.
/// @return 0 on success; -1 on error; if a parameter is unknown or wrong, the number of parameters, and the others
/// are used
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rist_parse_address2(url: *const c_char, peer_config: *mut *mut rist_peer_config) -> c_int {
    // SAFETY: the contract of `capi`.
    count(|| unsafe { config::parse(url, peer_config, peer_config::fresh, peer_config::fill) })
}

/// The old name of rist_peer_config_free2().
#[deprecated]
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rist_peer_config_free(peer_config: *mut *const rist_peer_config) -> c_int {
    // SAFETY: the contract of `capi`; the two pointer types have one layout.
    unsafe { rist_peer_config_free2(peer_config.cast()) }
}

/// Frees a structure that rist_parse_address2() allocated and sets the pointer to NULL.
///
/// @return 0 on success, -1 on error
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rist_peer_config_free2(peer_config: *mut *mut rist_peer_config) -> c_int {
    // SAFETY: the contract of `capi`: from `rist_parse_address2`, freed once.
    status(|| unsafe { config::free(peer_config) })
}

/// Adds a peer, before or after rist_start(). Host names are resolved during the call.
///
/// @param ctx context
/// @param[out] peer handle of the peer, valid until it or the context is destroyed; untouched on error
/// @param config is copied and not changed
/// @return 0 on success, -1 on error
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rist_peer_create(
    ctx: *mut rist_ctx,
    peer: *mut *mut rist_peer,
    config: *const rist_peer_config,
) -> c_int {
    status(|| {
        let instance = instance::find(ctx)?;
        pointer::checked(peer).ok_or(FAILED)?;
        // SAFETY: the contract of `capi`.
        let (config, version) = unsafe { config::load(config) }?;
        let id = peer_options::add(&instance, config, version)?;
        // SAFETY: the contract of `capi`.
        unsafe { pointer::write(peer, instance.handle.as_peer(id)) }
    })
}

/// Removes a peer. Connected peers are reported as timed out.
///
/// @return 0 on success, -1 on error
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rist_peer_destroy(ctx: *mut rist_ctx, peer: *mut rist_peer) -> c_int {
    status(|| {
        let (instance, peer) = peer_of(ctx, peer)?;
        Ok(instance.context.remove_peer(peer)?)
    })
}

/// Changes the weight of a peer, at any time.
///
/// @param ctx context
/// @param peer a peer made by rist_peer_create()
/// @param weight share among the peers, or RIST_PEER_WEIGHT_DUPLICATE
/// @return 0 on success, -1 on error
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rist_peer_weight_set(ctx: *mut rist_ctx, peer: *mut rist_peer, weight: u32) -> c_int {
    status(|| {
        let (instance, peer) = peer_of(ctx, peer)?;
        Ok(instance.context.set_weight(peer, weight)?)
    })
}

/// The sockets of a peer. They stay the library's.
///
/// @param peer a peer made by rist_peer_create()
/// @param[out] sock media socket
/// @param[out] sock_extra RTCP socket of the Simple profile; may be NULL
/// @return 0 if there is one socket, 1 if sock_extra was written as well, -1 on error
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rist_peer_get_socket(peer: *mut rist_peer, sock: *mut c_int, sock_extra: *mut c_int) -> c_int {
    count(|| {
        let (instance, peer) = handle::peer(peer).ok_or(FAILED)?;
        let (media, rtcp) = instance.context.peer_sockets(peer)?;
        // SAFETY: the contract of `capi`.
        unsafe { pointer::write(sock, media) }?;
        let Some(rtcp) = rtcp else { return Ok(0) };
        // SAFETY: the contract of `capi`.
        let wanted = unsafe { pointer::write(sock_extra, rtcp) };
        Ok(c_int::from(wanted.is_ok()))
    })
}

/// The number of a peer, as in statistics and log lines.
///
/// @return the number, from 1; 0 if there is no such peer
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rist_peer_get_id(peer: *const rist_peer) -> u32 {
    fence(0, || handle::peer(peer).map_or(0, |(_, peer)| peer.0))
}

/// Our name towards a peer.
///
/// @param peer peer
/// @param[out] cname text that stays valid as long as the context
/// @return its length, 0 if there is no such peer
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rist_peer_get_cname(peer: *const rist_peer, cname: *mut *const c_char) -> u32 {
    fence(0, || {
        let Some((instance, peer)) = handle::peer(peer) else { return 0 };
        let Ok(name) = instance.context.peer_cname(peer) else { return 0 };
        let (text, length) = instance.keep_name(peer, &name);
        // SAFETY: the contract of `capi`.
        let written = unsafe { pointer::write(cname, text) };
        if written.is_ok() { length } else { 0 }
    })
}

/// Changes the passphrase of a peer, and of those that came through it, while it runs. Peers that have logged in (SRP)
/// are told and read with it from then on; what they send themselves stays under the passphrase that they have, and
/// is still read. Where nobody is logged in, the other side has to be told by other means within 60 s: so long
/// the old passphrase is still accepted.
///
/// @param peer a peer made by rist_peer_create(), not of the Simple profile
/// @param password 1 to 127 bytes; copied
/// @return 0 on success, -1 on error
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rist_peer_update_secret(peer: *mut rist_peer, password: *const c_char) -> c_int {
    status(|| {
        let (instance, peer) = handle::peer(peer).ok_or(FAILED)?;
        // SAFETY: the contract of `capi`.
        let password = unsafe { pointer::text(password) }?.to_bytes();
        if !(1..RIST_MAX_STRING_SHORT).contains(&password.len()) {
            return Err(FAILED);
        }
        Ok(instance.context.update_secret(peer, &Secret::new(password))?)
    })
}

/// Sets the function that is told of connections.
///
/// @param ctx context
/// @param callback function, or NULL for none
/// @param arg handed to it
/// @return 0 on success, -1 on error
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rist_connection_status_callback_set(
    ctx: *mut rist_ctx,
    callback: connection_status_callback_t,
    arg: *mut c_void,
) -> c_int {
    status(|| {
        let instance = instance::find(ctx)?;
        let handle = instance.handle;
        let function = given(callback, callback.map_or(0, |function| function as usize))
            .with(arg)?
            .map(|callback| peer_events::connection(callback, handle));
        instance.context.set_callbacks(|callbacks| callbacks.connection = function);
        Ok(())
    })
}

/// Sets the functions that admit callers and are told of their end. In the Simple profile the media and the RTCP
/// port of a caller are two callers.
///
/// @param ctx context
/// @param connect_cb decides, or NULL to admit all
/// @param disconn_cb is told, or NULL
/// @param arg handed to both
/// @return 0 on success, -1 on error
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rist_auth_handler_set(
    ctx: *mut rist_ctx,
    connect_cb: rist_auth_handler_connect_cb,
    disconn_cb: rist_auth_handler_disconnect_cb,
    arg: *mut c_void,
) -> c_int {
    status(|| {
        let instance = instance::find(ctx)?;
        let handle = instance.handle;
        let admission = given(connect_cb, connect_cb.map_or(0, |function| function as usize))
            .with(arg)?
            .map(|callback| peer_events::admission(callback, handle));
        let disconnect = given(disconn_cb, disconn_cb.map_or(0, |function| function as usize))
            .with(arg)?
            .map(|callback| peer_events::disconnect(callback, handle));
        instance.context.set_callbacks(|callbacks| {
            callbacks.admission = admission;
            callbacks.disconnect = disconnect;
        });
        Ok(())
    })
}

/// The context and the peer that a call names; both must be, and belong together.
fn peer_of(ctx: *const rist_ctx, peer: *const rist_peer) -> Result<(Arc<instance::Instance>, PeerId), Failure> {
    let instance = instance::find(ctx)?;
    let (owner, peer) = handle::peer(peer).ok_or(FAILED)?;
    if !Arc::ptr_eq(&instance, &owner) {
        instance.log(Level::Error, "The peer belongs to another context");
        return Err(FAILED);
    }
    Ok((instance, peer))
}
