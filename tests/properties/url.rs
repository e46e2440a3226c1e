//! URLs are made of settings, and mean them.

use crate::support::cases;
use crate::url_fields::{Fields, peer_fields, udp_fields, visible};
use proptest::prelude::*;
use rist::url::rist::{PeerParams, parse, parse_params};
use rist::url::trailer::{min_version, overflow_params};
use rist::url::{address, udp};
use std::collections::BTreeMap;

/// What a key takes.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Kind {
    /// A number from one to the other; any other changes nothing.
    Number(i32, i32),
    /// At least 1, of which 16 bits count.
    Cut,
    /// One of these; any other changes nothing.
    One(&'static [i32]),
    /// From 0; any other is reported.
    Strict(u32),
    /// The place in the list is the value; any other is reported.
    Word(&'static [&'static str]),
    /// Bytes, as many as there is room for.
    Text(usize),
}

use Kind::*;

const MOST: i32 = i32::MAX;

/// Key, kind, and the fields that it sets.
#[rustfmt::skip]
const KEYS: &[(&str, Kind, &[&str])] = &[
    ("buffer", Number(1, MOST), &["recovery_length_min", "recovery_length_max"]),
    ("buffer-min", Number(0, MOST), &["recovery_length_min"]),
    ("buffer-max", Number(1, MOST), &["recovery_length_max"]),
    ("miface", Text(127), &["miface"]),
    ("secret", Text(127), &["secret"]),
    ("cname", Text(127), &["cname"]),
    ("username", Text(255), &["srp_username"]),
    ("password", Text(255), &["srp_password"]),
    ("aes-type", One(&[0, 128, 192, 256]), &["key_size"]),
    ("key-rotation", Number(1, MOST), &["key_rotation"]),
    ("compression", Number(0, MOST), &["compression"]),
    ("bandwidth", Number(1, MOST), &["recovery_maxbitrate"]),
    ("return-bandwidth", Number(0, MOST), &["recovery_maxbitrate_return"]),
    ("reorder-buffer", Number(0, MOST), &["recovery_reorder_buffer"]),
    ("rtt", Number(0, MOST), &["recovery_rtt_min", "recovery_rtt_max"]),
    ("rtt-min", Number(0, MOST), &["recovery_rtt_min"]),
    ("rtt-max", Number(0, MOST), &["recovery_rtt_max"]),
    ("virt-dst-port", Cut, &["virt_dst_port"]),
    ("weight", Number(0, MOST), &["weight"]),
    ("session-timeout", Number(1, MOST), &["session_timeout"]),
    ("keepalive-interval", Number(1, MOST), &["keepalive_interval"]),
    ("congestion-control", Number(0, 2), &["congestion_control_mode"]),
    ("timing-mode", Number(0, 2), &["timing_mode"]),
    ("min-retries", Number(1, MOST), &["min_retries"]),
    ("max-retries", Number(1, MOST), &["max_retries"]),
    ("split", Word(&["off", "auto", "half"]), &["split_mode"]),
    ("merge", Word(&["off", "pairs", "auto"]), &["merge_mode"]),
    ("reflector", Number(0, 1), &["reflector"]),
    ("ttl", Number(1, 255), &["multicast_ttl"]),
    ("source", Text(255), &["multicast_source"]),
    ("local-port", Number(1, 65535), &["local_port"]),
    ("srp-compat", Word(&["0", "1"]), &["srp_compat_legacy"]),
    ("profile", Strict(2), &["profile"]),
    ("recovery-priority", Number(0, MOST), &["recovery_priority"]),
    ("recovery-depth", Strict(16), &["recovery_depth"]),
    ("rtt-drop", Number(0, MOST), &["rtt_drop"]),
    ("rtt-restore", Number(0, MOST), &["rtt_restore"]),
    ("rtt-drop-settle", Number(0, MOST), &["rtt_drop_settle"]),
    ("rtt-drop-trickle", Number(0, MOST), &["rtt_drop_trickle"]),
    ("rtt-multiplier", Number(1, MOST), &["rtt_multiplier"]),
    ("backup", Strict(255), &["backup"]),
    ("adv-clock", Word(&["auto", "1mhz", "legacy"]), &["adv_clock"]),
    ("adv-start", Word(&["auto", "main", "advanced"]), &["adv_start"]),
    ("adv-rtt-echo", Word(&["auto", "on", "off"]), &["adv_rtt_echo"]),
    ("psk-mode", Word(&["ctr", "hmac", "ctr-hmac", "gcm", "chacha"]), &["psk_mode"]),
    ("fragment-size", Strict(1460), &["fragment_size"]),
    ("no-such-key", Word(&[]), &[]),
];

/// The same of `udp://`, and the structure's first version that has it. Numbers are cut to the bits of the last column.
#[rustfmt::skip]
const UDP_KEYS: &[(&str, u32, Kind, &str, u32)] = &[
    ("miface", 0, Text(127), "miface", 32),
    ("stream-id", 0, Number(1, MOST), "stream_id", 16),
    ("rtp-timestamp", 0, Number(0, MOST), "rtp_timestamp", 16),
    ("rtp-sequence", 0, Number(0, MOST), "rtp_sequence", 16),
    ("rtp-ptype", 1, Number(0, MOST), "rtp_ptype", 8),
    ("multiplex-mode", 1, Number(0, MOST), "multiplex_mode", 8),
    ("ttl", 2, Number(1, 255), "multicast_ttl", 32),
    ("source", 2, Text(255), "multicast_source", 32),
    ("cbr-output", 2, Word(&["0", "1"]), "cbr_output", 32),
    ("no-such-key", 9, Word(&[]), "", 32),
];

pub(crate) type Pair = (usize, Vec<u8>);

fn value(kind: Kind) -> BoxedStrategy<Vec<u8>> {
    let number = prop_oneof![3 => -2i64..300, 2 => any::<i32>().prop_map(i64::from), 1 => any::<i64>()];
    let number = number.prop_map(|number| number.to_string().into_bytes());
    let byte = any::<u8>().prop_filter("a part of a value", |byte| !matches!(byte, 0 | b'&'));
    match kind {
        Text(room) => prop::collection::vec(byte, 1..room + 20).boxed(),
        One(list) => prop_oneof![number, prop::sample::select(list).prop_map(|it| it.to_string().into_bytes())].boxed(),
        Word(list) if !list.is_empty() => {
            let word = prop::sample::select(list).prop_map(|word| word.as_bytes().to_vec());
            prop_oneof![3 => word, 1 => Just(b"2x".to_vec())].boxed()
        }
        _ => number.boxed(),
    }
}

fn of_keys(count: usize, kind: impl Fn(usize) -> Kind + Clone + 'static) -> impl Strategy<Value = Vec<Pair>> {
    let pair = (0..count).prop_flat_map(move |key| (Just(key), value(kind(key))));
    prop::collection::vec(pair, 0..32)
}

pub(crate) fn pairs() -> impl Strategy<Value = Vec<Pair>> {
    of_keys(KEYS.len(), |key| KEYS[key].1)
}

pub(crate) fn query<'a>(pairs: impl Iterator<Item = (&'a str, &'a [u8])>) -> Vec<u8> {
    pairs.map(|(key, value)| [key.as_bytes(), b"=", value].concat()).collect::<Vec<_>>().join(&b'&')
}

pub(crate) fn peer_query(pairs: &[Pair]) -> Vec<u8> {
    query(pairs.iter().map(|(key, value)| (KEYS[*key].0, &value[..])))
}

/// What a value is for a key: `Ok(None)` changes nothing, `Err` is reported.
fn meaning(kind: Kind, value: &[u8]) -> Result<Option<String>, ()> {
    let text = String::from_utf8_lossy(value).into_owned();
    // As C's `atoi`: the lower half.
    let number = text.parse::<i64>().unwrap_or_default();
    let low = number as i32;
    match kind {
        Number(least, most) => Ok((least..=most).contains(&low).then(|| low.to_string())),
        Cut => Ok((low >= 1).then(|| (low as u16).to_string())),
        One(list) => Ok(list.contains(&low).then(|| low.to_string())),
        Strict(most) if (0..=i64::from(most)).contains(&number) => Ok(Some(number.to_string())),
        Word(list) => list.iter().position(|word| *word == text).map(|place| Some(place.to_string())).ok_or(()),
        Strict(_) => Err(()),
        Text(room) => Ok(Some(visible(&value[..value.len().min(room)]))),
    }
}

/// Whether nothing of it is reported.
pub(crate) fn is_good((key, value): &Pair) -> bool {
    meaning(KEYS[*key].1, value).is_ok()
}

/// The fields in the end: the last good value of each.
pub(crate) fn meant(pairs: &[Pair]) -> BTreeMap<&'static str, String> {
    let mut fields = BTreeMap::new();
    for (key, value) in pairs {
        let (_, kind, names) = KEYS[*key];
        if let Ok(Some(value)) = meaning(kind, value) {
            fields.extend(names.iter().map(|name| (*name, value.clone())));
        }
    }
    fields
}

fn map(fields: Fields) -> BTreeMap<&'static str, String> {
    fields.into_iter().collect()
}

fn kept(params: &PeerParams, version: u32) -> BTreeMap<&'static str, String> {
    let mut fields = map(peer_fields(params));
    fields.retain(|name, _| KEYS.iter().any(|(key, _, names)| names.contains(name) && min_version(key) > version));
    fields
}

proptest! {
    #![proptest_config(cases(800))]

    #[test]
    fn a_peer_url_means_what_it_was_made_of(pairs in pairs(), noise in "[?&=a-z]{0,6}") {
        // Pieces without a key or a value are none.
        let noise: Vec<&str> = noise.split('&').filter(|piece| !piece.contains('=')).collect();
        let pieces = [noise.join("&").as_bytes(), &peer_query(&pairs)].concat().len();
        let url = [b"rist://h:1?", noise.join("&").as_bytes(), b"&", &peer_query(&pairs)].concat();
        prop_assert!(pieces < url.len());
        let parsed = parse(&url);
        prop_assert_eq!(map(peer_fields(&parsed.params)), meant(&pairs));
        let bad = pairs.iter().filter(|pair| !is_good(pair)).count();
        prop_assert_eq!((parsed.accepted, parsed.problems.len()), (pairs.len(), bad));
        prop_assert_eq!(parsed.status(), if bad == 0 { 0 } else { pairs.len() as i32 });
        prop_assert_eq!(parsed.address, b"rist://h:1");
    }

    #[test]
    fn what_an_old_structure_can_not_hold_comes_back_from_the_trailer(pairs in pairs(), version in 0u32..8) {
        let params = parse(&[b"rist://h:1?", &peer_query(&pairs)[..]].concat()).params;
        let text = overflow_params(&params, version);
        let back = parse_params(&text);
        prop_assert_eq!(map(peer_fields(&back)), kept(&params, version));
        prop_assert_eq!(overflow_params(&back, version), text);
    }

    #[test]
    fn a_udp_url_means_what_it_was_made_of(
        pairs in of_keys(UDP_KEYS.len(), |key| UDP_KEYS[key].2),
        version in 0u32..3,
        scheme in "[a-zA-Z][a-zA-Z0-9]{0,12}",
    ) {
        let query = query(pairs.iter().map(|(key, value)| (UDP_KEYS[*key].0, &value[..])));
        let url = [scheme.as_bytes(), b"://h:1?", &query].concat();
        let parsed = udp::parse(&url, version);
        let (mut fields, mut bad) = (BTreeMap::new(), 0);
        for (key, value) in &pairs {
            let (_, since, kind, name, bits) = UDP_KEYS[*key];
            match meaning(kind, value).ok().filter(|_| since <= version) {
                None => bad += 1,
                Some(None) => {}
                Some(Some(value)) => {
                    let cut = |number: u64| (number & ((1 << bits) - 1)).to_string();
                    let number = if matches!(kind, Number(..)) { value.parse().ok().map(cut) } else { None };
                    fields.insert(name, number.unwrap_or(value));
                }
            }
        }
        prop_assert_eq!(map(udp_fields(&parsed.params)), fields);
        prop_assert_eq!((parsed.accepted, parsed.problems.len()), (pairs.len(), bad));
        prop_assert_eq!(parsed.prefix, scheme.to_ascii_lowercase().into_bytes());
        prop_assert_eq!(parsed.rtp, scheme.to_ascii_lowercase().starts_with("rtp"));
    }

    #[test]
    fn an_address_is_read_as_it_was_written(
        scheme in prop::option::of("[a-z]{1,5}"),
        listen: bool,
        host in prop_oneof!["[a-z0-9.-]{0,20}", "[0-9a-f:]{2,20}(%[a-z0-9]{1,5})?"],
        port: Option<u16>,
    ) {
        let bracketed = host.contains(':');
        let name = if bracketed { format!("[{host}]") } else { host.clone() };
        let scheme = scheme.map(|scheme| format!("{scheme}://")).unwrap_or_default();
        let number = port.map(|port| format!(":{port}")).unwrap_or_default();
        let text = format!("{scheme}{}{name}{number}", if listen { "@" } else { "" });
        prop_assume!(!text.is_empty());
        let host = if host.is_empty() { "0.0.0.0".to_owned() } else { host };
        prop_assert_eq!(address::parse(&text), Some(address::Address { host, port, listen, bracketed }));
        prop_assert_eq!(address::listens(&text), listen);
    }
}
