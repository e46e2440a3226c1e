//! The trailer: parameters that the caller's structure has no field for, kept in its address field.
//!
//! A program built against an old header hands us a structure without room for newer parameters, and copies that
//! structure before it reaches `rist_peer_create`. The 256-byte address field is in every revision; programs
//! read it up to its NUL. Behind the NUL stand: magic (4 bytes), length of the parameters (1), checksum (4, little
//! endian), and the parameters as the text of a URL query. Nothing else of the field is used; it is zero.

use super::rist::{ADV_CLOCK, ADV_RTT_ECHO, ADV_START, PSK_MODE, PeerParams};
use std::fmt::Display;

/// Size of the address field, `RIST_MAX_STRING_LONG`.
pub const FIELD: usize = 256;

/// Bytes that no text has: 0xff and 0xfe do not occur in UTF-8.
const MAGIC: [u8; 4] = [0xff, b'F', b'r', 0xfe];
const HEADER: usize = MAGIC.len() + 1 + 4;

/// The parameters do not fit behind the address. The address is stored, the parameters are not.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NoRoom;

/// Stores an address, cut to 255 bytes, and behind it the parameters if there are any.
pub fn pack(address: &[u8], params: &[u8], field: &mut [u8; FIELD]) -> Result<(), NoRoom> {
    let end = address.iter().position(|byte| *byte == 0).unwrap_or(address.len());
    let address = &address[..end.min(FIELD - 1)];
    field.fill(0);
    let (text, rest) = field.split_at_mut(address.len());
    text.copy_from_slice(address);
    if params.is_empty() {
        return Ok(());
    }
    let rest = &mut rest[1..];
    let length = u8::try_from(params.len()).map_err(|_| NoRoom)?;
    let trailer = rest.get_mut(..HEADER + params.len()).ok_or(NoRoom)?;
    trailer[..4].copy_from_slice(&MAGIC);
    trailer[4] = length;
    trailer[5..HEADER].copy_from_slice(&checksum(params).to_le_bytes());
    trailer[HEADER..].copy_from_slice(params);
    Ok(())
}

/// The address in a field and, if an intact trailer follows it, the parameters.
pub fn unpack(field: &[u8; FIELD]) -> (&[u8], Option<&[u8]>) {
    match field.iter().position(|byte| *byte == 0) {
        Some(end) => (&field[..end], params(&field[end + 1..])),
        None => (field, None),
    }
}

fn params(rest: &[u8]) -> Option<&[u8]> {
    let (length, rest) = rest.strip_prefix(&MAGIC)?.split_first()?;
    let (sum, rest) = rest.split_first_chunk::<4>()?;
    let params = rest.get(..usize::from(*length))?;
    (checksum(params) == u32::from_le_bytes(*sum)).then_some(params)
}

/// FNV-1a, 32 bits: it tells our bytes from whatever a program left there; it defends against nobody.
fn checksum(bytes: &[u8]) -> u32 {
    bytes.iter().fold(0x811c_9dc5, |sum, byte| (sum ^ u32::from(*byte)).wrapping_mul(0x0100_0193))
}

/// The first `rist_peer_config` version with a field for the key; `u32::MAX` if no version has one, 0 for any other text.
pub fn min_version(key: &str) -> u32 {
    match key {
        "split" | "merge" => 1,
        "reflector" | "ttl" | "source" | "local-port" => 2,
        "srp-compat" => 3,
        "profile" => 4,
        "recovery-priority" | "recovery-depth" => 5,
        "rtt-drop" | "rtt-restore" | "rtt-drop-settle" | "rtt-drop-trickle" => 6,
        "rtt-multiplier" | "address-validation" | "backup" => u32::MAX,
        "adv-clock" | "adv-start" | "adv-rtt-echo" | "psk-mode" | "fragment-size" => u32::MAX,
        _ => 0,
    }
}

/// The parameters that a structure of this version has no field for, as the text of a query.
/// [`super::rist::parse_params`] reads it back.
pub fn overflow_params(params: &PeerParams, version: u32) -> Vec<u8> {
    let split = params.split.map(|mode| ["off", "auto", "half"][mode.min(2) as usize]);
    let merge = params.merge.map(|mode| ["off", "pairs", "auto"][mode.min(2) as usize]);
    let word = |words: &[&'static str], place: Option<u32>| text(place.and_then(|place| words.get(place as usize)));
    let pairs = [
        ("split", text(split)),
        ("merge", text(merge)),
        ("reflector", text(params.reflector.map(u8::from))),
        ("ttl", text(params.ttl)),
        ("source", params.source.clone()),
        ("local-port", text(params.local_port)),
        ("srp-compat", text(params.srp_compat.map(u8::from))),
        ("profile", text(params.profile)),
        ("recovery-priority", text(params.recovery_priority)),
        ("recovery-depth", text(params.recovery_depth)),
        ("rtt-drop", text(params.rtt_drop)),
        ("rtt-restore", text(params.rtt_restore)),
        ("rtt-drop-settle", text(params.rtt_drop_settle)),
        ("rtt-drop-trickle", text(params.rtt_drop_trickle)),
        ("rtt-multiplier", text(params.rtt_multiplier)),
        ("address-validation", text(params.address_validation.map(u8::from))),
        ("backup", text(params.backup)),
        ("adv-clock", word(&ADV_CLOCK, params.adv_clock)),
        ("adv-start", word(&ADV_START, params.adv_start)),
        ("adv-rtt-echo", word(&ADV_RTT_ECHO, params.adv_rtt_echo)),
        ("psk-mode", word(&PSK_MODE, params.psk_mode)),
        ("fragment-size", text(params.fragment_size)),
    ];
    let mut query = Vec::new();
    for (key, value) in pairs {
        let Some(value) = value.filter(|_| min_version(key) > version) else {
            continue;
        };
        if !query.is_empty() {
            query.push(b'&');
        }
        query.extend_from_slice(key.as_bytes());
        query.push(b'=');
        query.extend_from_slice(&value);
    }
    query
}

fn text<T: Display>(value: Option<T>) -> Option<Vec<u8>> {
    value.map(|value| value.to_string().into_bytes())
}
