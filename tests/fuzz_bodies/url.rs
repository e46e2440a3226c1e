//! URLs and what is stored behind an address.

use ::rist::url::{rist, trailer, udp};

pub(super) fn rist_url(data: &[u8]) {
    let parsed = rist::parse(data);
    assert!(data.starts_with(parsed.address), "the address is the text before the query");
    assert!(parsed.status() >= -1);
    for version in 0..=7 {
        let text = trailer::overflow_params(&parsed.params, version);
        let kept = rist::parse_params(&text);
        assert_eq!(trailer::overflow_params(&kept, version), text, "version {version}");
    }
}

pub(super) fn udp_url(data: &[u8]) {
    for version in 0..=3 {
        let parsed = udp::parse(data, version);
        assert!(data.starts_with(parsed.address));
        assert!(parsed.prefix.len() <= 15 && parsed.status() >= -1);
    }
}

pub(super) fn trailer(data: &[u8]) {
    let mut field = [0; trailer::FIELD];
    let len = data.len().min(field.len());
    field[..len].copy_from_slice(&data[..len]);
    let (address, params) = trailer::unpack(&field);
    assert!(address.len() + params.map_or(0, <[u8]>::len) <= field.len());

    let Some((&at, rest)) = data.split_first() else { return };
    let (address, params) = rest.split_at(usize::from(at).min(rest.len()));
    let packed = trailer::pack(address, params, &mut field);
    let text = address.split(|byte| *byte == 0).next().unwrap_or_default();
    let text = &text[..text.len().min(trailer::FIELD - 1)];
    let stored = (packed.is_ok() && !params.is_empty()).then_some(params);
    assert_eq!(trailer::unpack(&field), (text, stored));
}
