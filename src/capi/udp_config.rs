//! Filling in `struct rist_udp_config`.

use super::boundary::Failure;
use super::config::{self, Versioned};
use super::headers::*;
use super::pointer::set_field;
use crate::url::udp;
use std::ffi::{CStr, c_char, c_int};
use std::mem::offset_of;

// SAFETY: `repr(C)`, numbers and character arrays, the version first.
unsafe impl Versioned for rist_udp_config {
    const NEWEST: c_int = RIST_UDP_CONFIG_VERSION;

    fn size(version: c_int) -> usize {
        match version {
            ..=0 => offset_of!(Self, multiplex_mode),
            1 => offset_of!(Self, multicast_ttl),
            _ => size_of::<Self>(),
        }
    }

    fn zeroed() -> Self {
        Self {
            version: 0,
            address_family: 0,
            initiate_conn: 0,
            address: [0; RIST_MAX_STRING_LONG],
            miface: [0; RIST_MAX_STRING_SHORT],
            physical_port: 0,
            prefix: [0; 16],
            rtp_timestamp: 0,
            rtp_sequence: 0,
            rtp: 0,
            rtp_ptype: 0,
            stream_id: 0,
            multiplex_mode: 0,
            multiplex_filter: [0; RIST_MAX_STRING_SHORT],
            multicast_ttl: 0,
            multicast_source: [0; RIST_MAX_STRING_LONG],
            cbr_output: 0,
            cbr_output_set: 0,
        }
    }
}

/// The body of `rist_parse_udp_address2`.
///
/// Contract: the pointers from C are as `capi` says.
pub(super) unsafe fn parse(url: *const c_char, config: *mut *mut rist_udp_config) -> Result<c_int, Failure> {
    let fresh = || rist_udp_config { version: rist_udp_config::NEWEST, ..rist_udp_config::zeroed() };
    // SAFETY: the caller's contract.
    unsafe { config::parse(url, config, fresh, fill) }
}

fn fill(url: &CStr, config: &mut rist_udp_config, version: c_int) -> c_int {
    let parsed = udp::parse(url.to_bytes(), version as u32);
    config::complain(&parsed.problems);
    if url.is_empty() {
        return parsed.status();
    }
    set_field(&mut config.address, parsed.address);
    set_field(&mut config.prefix, &parsed.prefix);
    config.rtp = c_int::from(parsed.rtp);
    let params = &parsed.params;
    if let Some(miface) = &params.miface {
        set_field(&mut config.miface, miface);
    }
    if let Some(source) = &params.source {
        set_field(&mut config.multicast_source, source);
    }
    if let Some(cbr) = params.cbr_output {
        config.cbr_output = c_int::from(cbr);
        config.cbr_output_set = 1;
    }
    config.stream_id = params.stream_id.unwrap_or(config.stream_id);
    config.rtp_timestamp = params.rtp_timestamp.map_or(config.rtp_timestamp, |value| value as c_int);
    config.rtp_sequence = params.rtp_sequence.map_or(config.rtp_sequence, |value| value as c_int);
    config.rtp_ptype = params.rtp_ptype.unwrap_or(config.rtp_ptype);
    config.multiplex_mode = params.multiplex_mode.map_or(config.multiplex_mode, |value| value as c_int);
    config.multicast_ttl = params.ttl.unwrap_or(config.multicast_ttl);
    parsed.status()
}
