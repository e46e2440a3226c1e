//! Filling in `struct rist_peer_config`.

use super::config::{self, Versioned};
use super::headers::*;
use super::peer::*;
use super::pointer::set_field;
use crate::url::rist::{self, PeerParams};
use crate::url::trailer;
use std::ffi::{CStr, c_char, c_int};
use std::mem::offset_of;

// SAFETY: `repr(C)`, numbers and character arrays, the version first.
unsafe impl Versioned for rist_peer_config {
    const NEWEST: c_int = RIST_PEER_CONFIG_VERSION;

    /// What `sizeof` is in the header of that version.
    fn size(version: c_int) -> usize {
        let end = match version {
            ..=0 => offset_of!(Self, split_mode),
            1 => offset_of!(Self, reflector),
            2 => offset_of!(Self, srp_compat_legacy),
            3 => offset_of!(Self, profile),
            4 => offset_of!(Self, recovery_priority),
            5 => offset_of!(Self, rtt_drop),
            _ => size_of::<Self>(),
        };
        end.next_multiple_of(align_of::<Self>())
    }

    fn zeroed() -> Self {
        Self {
            version: 0,
            address_family: 0,
            initiate_conn: 0,
            address: [0; RIST_MAX_STRING_LONG],
            miface: [0; RIST_MAX_STRING_SHORT],
            physical_port: 0,
            virt_dst_port: 0,
            recovery_mode: 0,
            recovery_maxbitrate: 0,
            recovery_maxbitrate_return: 0,
            recovery_length_min: 0,
            recovery_length_max: 0,
            recovery_reorder_buffer: 0,
            recovery_rtt_min: 0,
            recovery_rtt_max: 0,
            weight: 0,
            secret: [0; RIST_MAX_STRING_SHORT],
            key_size: 0,
            key_rotation: 0,
            compression: 0,
            cname: [0; RIST_MAX_STRING_SHORT],
            congestion_control_mode: 0,
            min_retries: 0,
            max_retries: 0,
            session_timeout: 0,
            keepalive_interval: 0,
            timing_mode: 0,
            srp_username: [0; RIST_MAX_STRING_LONG],
            srp_password: [0; RIST_MAX_STRING_LONG],
            split_mode: 0,
            merge_mode: 0,
            reflector: 0,
            multicast_ttl: 0,
            multicast_source: [0; RIST_MAX_STRING_LONG],
            local_port: 0,
            srp_compat_legacy: 0,
            profile: 0,
            profile_set: 0,
            recovery_priority: 0,
            recovery_depth: 0,
            rtt_drop: 0,
            rtt_restore: 0,
            rtt_drop_settle: 0,
            rtt_drop_trickle: 0,
        }
    }
}

/// Writes the fields that libRIST 0.2.18 and later write for this version, no others.
pub(super) fn set_defaults(config: &mut rist_peer_config, version: c_int) {
    config.version = version;
    config.virt_dst_port = RIST_DEFAULT_VIRT_DST_PORT as u16;
    config.recovery_mode = rist_recovery_mode::RIST_RECOVERY_MODE_TIME as c_int;
    config.recovery_maxbitrate = RIST_DEFAULT_RECOVERY_MAXBITRATE as u32;
    config.recovery_maxbitrate_return = RIST_DEFAULT_RECOVERY_MAXBITRATE_RETURN as u32;
    config.recovery_length_min = RIST_DEFAULT_RECOVERY_LENGTH_MIN as u32;
    config.recovery_length_max = RIST_DEFAULT_RECOVERY_LENGTH_MAX as u32;
    config.recovery_reorder_buffer = RIST_DEFAULT_RECOVERY_REORDER_BUFFER as u32;
    config.recovery_rtt_min = RIST_DEFAULT_RECOVERY_RTT_MIN as u32;
    config.recovery_rtt_max = RIST_DEFAULT_RECOVERY_RTT_MAX as u32;
    config.congestion_control_mode = rist_congestion_control_mode::RIST_CONGESTION_CONTROL_MODE_NORMAL as c_int;
    config.min_retries = RIST_DEFAULT_MIN_RETRIES as u32;
    config.max_retries = RIST_DEFAULT_MAX_RETRIES as u32;
    // What the caller's structure lacks is not copied back, so these need no look at the version.
    config.split_mode = librist_split_mode::LIBRIST_SPLIT_MODE_OFF as u32;
    config.merge_mode = librist_merge_mode::LIBRIST_MERGE_MODE_OFF as u32;
    config.profile = rist_profile::RIST_PROFILE_ADVANCED as c_int;
    config.profile_set = 0;
    config.recovery_priority = RIST_DEFAULT_RECOVERY_PRIORITY as u32;
    config.recovery_depth = RIST_RECOVERY_DEPTH_DEFAULT as u8;
    config.rtt_drop = RIST_DEFAULT_RTT_DROP as u32;
    config.rtt_restore = RIST_DEFAULT_RTT_RESTORE as u32;
    config.rtt_drop_settle = RIST_DEFAULT_RTT_DROP_SETTLE as u32;
    config.rtt_drop_trickle = RIST_DEFAULT_RTT_DROP_TRICKLE as u32;
}

/// A structure of the newest version with defaults.
pub(super) fn fresh() -> rist_peer_config {
    let mut config = rist_peer_config::zeroed();
    set_defaults(&mut config, rist_peer_config::NEWEST);
    config
}

/// Puts what a URL says into a structure of this version; returns what `rist_parse_address2` does.
pub(super) fn fill(url: &CStr, config: &mut rist_peer_config, version: c_int) -> c_int {
    let parsed = rist::parse(url.to_bytes());
    config::complain(&parsed.problems);
    if url.is_empty() {
        return parsed.status();
    }
    apply(&parsed.params, config);
    let beyond = trailer::overflow_params(&parsed.params, version as u32);
    let mut field = [0; trailer::FIELD];
    let packed = trailer::pack(parsed.address, &beyond, &mut field);
    config.address = field.map(|byte| byte as c_char);
    if packed.is_err() {
        let lost = String::from_utf8_lossy(&beyond).into_owned();
        config::complain(&[format!("Unknown or invalid parameter {lost}: the address leaves no room for it")]);
        return c_int::try_from(parsed.accepted).unwrap_or(c_int::MAX);
    }
    parsed.status()
}

/// Sets the fields that the parameters name.
pub(super) fn apply(params: &PeerParams, config: &mut rist_peer_config) {
    let texts: [(&mut [c_char], &Option<Vec<u8>>); 6] = [
        (&mut config.miface, &params.miface),
        (&mut config.secret, &params.secret),
        (&mut config.cname, &params.cname),
        (&mut config.srp_username, &params.username),
        (&mut config.srp_password, &params.password),
        (&mut config.multicast_source, &params.source),
    ];
    for (field, text) in texts {
        if let Some(text) = text {
            set_field(field, text);
        }
    }
    let numbers = [
        (&mut config.recovery_length_min, params.buffer_min),
        (&mut config.recovery_length_max, params.buffer_max),
        (&mut config.key_rotation, params.key_rotation),
        (&mut config.recovery_maxbitrate, params.bandwidth),
        (&mut config.recovery_maxbitrate_return, params.return_bandwidth),
        (&mut config.recovery_reorder_buffer, params.reorder_buffer),
        (&mut config.recovery_rtt_min, params.rtt_min),
        (&mut config.recovery_rtt_max, params.rtt_max),
        (&mut config.weight, params.weight),
        (&mut config.session_timeout, params.session_timeout),
        (&mut config.keepalive_interval, params.keepalive_interval),
        (&mut config.min_retries, params.min_retries),
        (&mut config.max_retries, params.max_retries),
        (&mut config.split_mode, params.split),
        (&mut config.merge_mode, params.merge),
        (&mut config.multicast_ttl, params.ttl),
        (&mut config.recovery_priority, params.recovery_priority),
        (&mut config.rtt_drop, params.rtt_drop),
        (&mut config.rtt_restore, params.rtt_restore),
        (&mut config.rtt_drop_settle, params.rtt_drop_settle),
        (&mut config.rtt_drop_trickle, params.rtt_drop_trickle),
    ];
    for (field, number) in numbers {
        *field = number.unwrap_or(*field);
    }
    let ints = [
        (&mut config.key_size, params.key_size),
        (&mut config.compression, params.compression),
        (&mut config.congestion_control_mode, params.congestion_control),
        (&mut config.timing_mode, params.timing_mode),
        (&mut config.reflector, params.reflector.map(u32::from)),
        (&mut config.srp_compat_legacy, params.srp_compat.map(u32::from)),
        (&mut config.profile, params.profile),
        (&mut config.profile_set, params.profile.map(|_| 1)),
    ];
    for (field, number) in ints {
        *field = number.map_or(*field, |number| number as c_int);
    }
    config.virt_dst_port = params.virt_dst_port.unwrap_or(config.virt_dst_port);
    config.local_port = params.local_port.unwrap_or(config.local_port);
    config.recovery_depth = params.recovery_depth.unwrap_or(config.recovery_depth);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_those_of_the_releases() {
        let sizes = [0, 1, 2, 3, 4, 5, 6].map(rist_peer_config::size);
        assert_eq!(sizes, [1240, 1248, 1516, 1520, 1528, 1536, 1552]);
    }

    #[test]
    fn a_parameter_without_a_field_goes_behind_the_address() {
        let url = c"rist://h:1?split=half&buffer=70&rtt-drop=9";
        let (mut old, mut new) = (rist_peer_config::zeroed(), fresh());
        assert_eq!((fill(url, &mut old, 0), fill(url, &mut new, 6)), (0, 0));
        let field = |config: &rist_peer_config| config.address.map(|byte| byte as u8);
        assert_eq!(trailer::unpack(&field(&old)), (&b"rist://h:1"[..], Some(&b"split=half&rtt-drop=9"[..])));
        assert_eq!(trailer::unpack(&field(&new)), (&b"rist://h:1"[..], None));
        assert_eq!((old.recovery_length_max, new.split_mode, new.rtt_drop), (70, 2, 9));
    }

    #[test]
    fn advanced_is_the_default_and_nobodys_choice() {
        let config = fresh();
        assert_eq!((config.profile, config.profile_set), (2, 0));
        let header = include_str!("../../include/librist/peer.h");
        assert!(header.contains("#define RIST_DEFAULT_PROFILE RIST_PROFILE_ADVANCED\n"));
        // Older structures have no place for it.
        assert!(rist_peer_config::size(3) <= offset_of!(rist_peer_config, profile));
    }

    #[test]
    fn a_parameter_that_finds_no_room_is_an_error() {
        let url = format!("rist://{}:1?split=half", "h".repeat(240));
        let url = std::ffi::CString::new(url).unwrap();
        assert_eq!(fill(&url, &mut rist_peer_config::zeroed(), 0), 1);
        assert_eq!(fill(&url, &mut fresh(), 6), 0);
    }
}
