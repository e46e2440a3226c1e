//! URLs through the C functions: every field arrives in every revision of the structures, and nothing beyond them.
#![allow(unsafe_code)] // The functions are called as C calls them.

use crate::support::cases;
use crate::url::{Pair, is_good, meant, pairs, peer_query};
use crate::url_fields::visible;
use proptest::prelude::*;
use rist::capi::librist::{rist_parse_udp_address2, rist_udp_config_free2};
use rist::capi::peer::{rist_parse_address2, rist_peer_config, rist_peer_config_free2};
use rist::url::rist::parse_params;
use rist::url::trailer::unpack;
use std::ffi::{CString, c_char, c_int};
use std::mem::MaybeUninit;
use std::ptr::null_mut;

fn text(field: &[c_char]) -> String {
    let bytes: Vec<u8> = field.iter().map(|byte| *byte as u8).take_while(|byte| *byte != 0).collect();
    visible(&bytes)
}

/// Name, the first version with the field, and its value as text.
fn fields(c: &rist_peer_config) -> Vec<(&'static str, c_int, String)> {
    let texts = [
        ("miface", 0, text(&c.miface)),
        ("secret", 0, text(&c.secret)),
        ("cname", 0, text(&c.cname)),
        ("srp_username", 0, text(&c.srp_username)),
        ("srp_password", 0, text(&c.srp_password)),
        ("multicast_source", 2, text(&c.multicast_source)),
    ];
    let numbers = [
        ("virt_dst_port", 0, i64::from(c.virt_dst_port)),
        ("recovery_maxbitrate", 0, c.recovery_maxbitrate.into()),
        ("recovery_maxbitrate_return", 0, c.recovery_maxbitrate_return.into()),
        ("recovery_length_min", 0, c.recovery_length_min.into()),
        ("recovery_length_max", 0, c.recovery_length_max.into()),
        ("recovery_reorder_buffer", 0, c.recovery_reorder_buffer.into()),
        ("recovery_rtt_min", 0, c.recovery_rtt_min.into()),
        ("recovery_rtt_max", 0, c.recovery_rtt_max.into()),
        ("weight", 0, c.weight.into()),
        ("key_size", 0, c.key_size.into()),
        ("key_rotation", 0, c.key_rotation.into()),
        ("compression", 0, c.compression.into()),
        ("congestion_control_mode", 0, c.congestion_control_mode.into()),
        ("min_retries", 0, c.min_retries.into()),
        ("max_retries", 0, c.max_retries.into()),
        ("session_timeout", 0, c.session_timeout.into()),
        ("keepalive_interval", 0, c.keepalive_interval.into()),
        ("timing_mode", 0, c.timing_mode.into()),
        ("split_mode", 1, c.split_mode.into()),
        ("merge_mode", 1, c.merge_mode.into()),
        ("reflector", 2, c.reflector.into()),
        ("multicast_ttl", 2, c.multicast_ttl.into()),
        ("local_port", 2, c.local_port.into()),
        ("srp_compat_legacy", 3, c.srp_compat_legacy.into()),
        ("profile", 4, c.profile.into()),
        ("recovery_priority", 5, c.recovery_priority.into()),
        ("recovery_depth", 5, c.recovery_depth.into()),
        ("rtt_drop", 6, c.rtt_drop.into()),
        ("rtt_restore", 6, c.rtt_restore.into()),
        ("rtt_drop_settle", 6, c.rtt_drop_settle.into()),
        ("rtt_drop_trickle", 6, c.rtt_drop_trickle.into()),
    ];
    let numbers = numbers.map(|(name, since, number)| (name, since, number.to_string()));
    texts.into_iter().chain(numbers).collect()
}

/// A structure of this version that is zero, and what the function made of it.
fn filled(url: &[u8], version: c_int) -> rist_peer_config {
    let url = CString::new(url).expect("no NUL");
    // SAFETY: plain data.
    let mut config: rist_peer_config = unsafe { MaybeUninit::zeroed().assume_init() };
    config.version = version;
    let mut place: *mut rist_peer_config = &mut config;
    // SAFETY: a C string and a place with a structure.
    assert_eq!(unsafe { rist_parse_address2(url.as_ptr(), &mut place) }, 0);
    config
}

/// What is reported would be written to the standard error stream.
fn good() -> impl Strategy<Value = Vec<Pair>> {
    let short = |(_, value): &Pair| value.len() < 40;
    pairs().prop_map(move |pairs| pairs.into_iter().filter(|pair| is_good(pair) && short(pair)).take(12).collect())
}

proptest! {
    #![proptest_config(cases(400))]

    #[test]
    fn every_revision_of_a_peer_gets_all_that_the_url_says(pairs in good(), version in 0..=6) {
        let config = filled(&[b"rist://h:1?", &peer_query(&pairs)[..]].concat(), version);
        let meant = meant(&pairs);
        prop_assert_eq!(config.version, version);
        for (name, since, value) in fields(&config) {
            let expected = meant.get(name).filter(|_| since <= version).map_or("0", String::as_str);
            let empty = value.is_empty() && expected == "0";
            prop_assert!(empty || value == expected, "{name} is {value}, not {expected}");
        }
        // The rest is found behind the address, as `rist_peer_create` looks for it.
        let field = config.address.map(|byte| byte as u8);
        let (address, beyond) = unpack(&field);
        prop_assert_eq!(address, b"rist://h:1");
        let beyond = parse_params(beyond.unwrap_or_default());
        let number = |name: &str, since: c_int| meant.get(name).filter(|_| since > version).and_then(|it| it.parse().ok());
        prop_assert_eq!(beyond.split, number("split_mode", 1));
        prop_assert_eq!(beyond.ttl, number("multicast_ttl", 2));
        prop_assert_eq!(beyond.profile, number("profile", 4));
        prop_assert_eq!(beyond.recovery_priority, number("recovery_priority", 5));
        prop_assert_eq!(beyond.rtt_drop, number("rtt_drop", 6));
        prop_assert_eq!(beyond.backup, number("backup", c_int::MAX));
        prop_assert_eq!(beyond.psk_mode, number("psk_mode", c_int::MAX));
    }

    #[test]
    fn structures_that_the_library_allocates_say_the_same(pairs in good(), stream: u16, source in "[0-9.]{1,15}") {
        let url = CString::new([b"rist://h:1?", &peer_query(&pairs)[..]].concat()).expect("no NUL");
        let mut config = null_mut();
        // SAFETY: a C string and a place for the structure.
        prop_assert_eq!(unsafe { rist_parse_address2(url.as_ptr(), &mut config) }, 0);
        // SAFETY: just made.
        let found = fields(unsafe { &*config });
        // SAFETY: freed once.
        unsafe { rist_peer_config_free2(&mut config) };
        let meant = meant(&pairs);
        for (name, _, value) in found {
            prop_assert!(meant.get(name).is_none_or(|expected| value == *expected), "{name} is {value}");
        }
        let url = CString::new(format!("rtp://h:1?stream-id={stream}&source={source}")).expect("no NUL");
        let mut config = null_mut();
        // SAFETY: a C string and a place for the structure.
        prop_assert_eq!(unsafe { rist_parse_udp_address2(url.as_ptr(), &mut config) }, 0);
        // SAFETY: just made.
        let udp = unsafe { *config };
        // SAFETY: freed once.
        unsafe { rist_udp_config_free2(&mut config) };
        let address = text(&udp.address);
        prop_assert_eq!((udp.stream_id, udp.rtp, text(&udp.multicast_source)), (stream, 1, source));
        prop_assert_eq!(address, "rtp://h:1");
    }
}
