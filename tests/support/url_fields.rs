//! What a parsed URL sets, as text: libRIST's field names and printable values, for tables and comparisons.

use rist::url::rist::PeerParams;
use rist::url::udp::UdpParams;
use std::fmt::Display;

pub(crate) type Fields = Vec<(&'static str, String)>;

/// The fields that a `rist://` URL sets, in the order of the structure.
pub(crate) fn peer_fields(params: &PeerParams) -> Fields {
    let p = params;
    set_ones([
        ("miface", text(&p.miface, 127)),
        ("virt_dst_port", number(p.virt_dst_port)),
        ("recovery_maxbitrate", number(p.bandwidth)),
        ("recovery_maxbitrate_return", number(p.return_bandwidth)),
        ("recovery_length_min", number(p.buffer_min)),
        ("recovery_length_max", number(p.buffer_max)),
        ("recovery_reorder_buffer", number(p.reorder_buffer)),
        ("recovery_rtt_min", number(p.rtt_min)),
        ("recovery_rtt_max", number(p.rtt_max)),
        ("weight", number(p.weight)),
        ("secret", text(&p.secret, 127)),
        ("key_size", number(p.key_size)),
        ("key_rotation", number(p.key_rotation)),
        ("compression", number(p.compression)),
        ("cname", text(&p.cname, 127)),
        ("congestion_control_mode", number(p.congestion_control)),
        ("min_retries", number(p.min_retries)),
        ("max_retries", number(p.max_retries)),
        ("session_timeout", number(p.session_timeout)),
        ("keepalive_interval", number(p.keepalive_interval)),
        ("timing_mode", number(p.timing_mode)),
        ("srp_username", text(&p.username, 255)),
        ("srp_password", text(&p.password, 255)),
        ("split_mode", number(p.split)),
        ("merge_mode", number(p.merge)),
        ("reflector", number(p.reflector.map(u8::from))),
        ("multicast_ttl", number(p.ttl)),
        ("multicast_source", text(&p.source, 255)),
        ("local_port", number(p.local_port)),
        ("srp_compat_legacy", number(p.srp_compat.map(u8::from))),
        ("profile", number(p.profile)),
        ("recovery_priority", number(p.recovery_priority)),
        ("recovery_depth", number(p.recovery_depth)),
        ("rtt_drop", number(p.rtt_drop)),
        ("rtt_restore", number(p.rtt_restore)),
        ("rtt_drop_settle", number(p.rtt_drop_settle)),
        ("rtt_drop_trickle", number(p.rtt_drop_trickle)),
        ("rtt_multiplier", number(p.rtt_multiplier)),
        ("backup", number(p.backup)),
        ("adv_clock", number(p.adv_clock)),
        ("adv_start", number(p.adv_start)),
        ("adv_rtt_echo", number(p.adv_rtt_echo)),
        ("psk_mode", number(p.psk_mode)),
        ("fragment_size", number(p.fragment_size)),
    ])
}

/// The fields that a `udp://` URL sets, in the order of the structure.
pub(crate) fn udp_fields(params: &UdpParams) -> Fields {
    let p = params;
    set_ones([
        ("miface", text(&p.miface, 127)),
        ("rtp_timestamp", number(p.rtp_timestamp)),
        ("rtp_sequence", number(p.rtp_sequence)),
        ("rtp_ptype", number(p.rtp_ptype)),
        ("stream_id", number(p.stream_id)),
        ("multiplex_mode", number(p.multiplex_mode)),
        ("multicast_ttl", number(p.ttl)),
        ("multicast_source", text(&p.source, 255)),
        ("cbr_output", number(p.cbr_output.map(u8::from))),
    ])
}

/// Text as the probe prints it: what is not a visible ASCII character as two hexadecimal digits.
pub(crate) fn visible(text: &[u8]) -> String {
    text.iter()
        .map(|byte| match byte {
            0x21..=0x7e if *byte != b'%' => char::from(*byte).to_string(),
            _ => format!("%{byte:02x}"),
        })
        .collect()
}

fn set_ones<const N: usize>(fields: [(&'static str, Option<String>); N]) -> Fields {
    fields.into_iter().filter_map(|(name, value)| Some((name, value?))).collect()
}

fn number<T: Display>(value: Option<T>) -> Option<String> {
    value.map(|value| value.to_string())
}

fn text(value: &Option<Vec<u8>>, room: usize) -> Option<String> {
    value.as_ref().map(|value| visible(&value[..value.len().min(room)]))
}
