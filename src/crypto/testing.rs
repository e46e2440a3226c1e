//! What tests share: hexadecimal text and the captured and calculated values of `tests/vectors`.

use std::collections::BTreeMap;

/// The files that are used in here, by name.
macro_rules! files {
    ($($name:literal),* $(,)?) => {
        &[$(($name, include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/vectors/", $name)))),*]
    };
}

const FILES: &[(&str, &str)] = files![
    "srp-2048-std-padded.txt",
    "srp-2048-std-unpadded.txt",
    "srp-2048-zeroiv-padded.txt",
    "srp-2048-zeroiv-unpadded.txt",
    "srp-512-D9-std-padded.txt",
    "srp-512-D9-std-unpadded.txt",
    "srp-512-D9-zeroiv-padded.txt",
    "srp-512-D9-zeroiv-unpadded.txt",
    "eap-known-a-027.hex",
    "eap-known-a-027.values.txt",
    "eap-known-a-0212-v2.hex",
    "eap-known-a-0212-v2.values.txt",
    "eap-known-a-0212-v3.hex",
    "eap-known-a-0212-v3.values.txt",
    "eap-known-a-0212-v3-secret.hex",
    "eap-known-a-0212-v3-secret.values.txt",
    "eap-wrong-password-027.hex",
    "eap-wrong-password-0212.hex",
];

pub(crate) fn file(name: &str) -> &'static str {
    FILES.iter().find(|(known, _)| *known == name).unwrap_or_else(|| panic!("{name} is not in the list")).1
}

pub(crate) fn hex(text: &str) -> Vec<u8> {
    let text = if text.len().is_multiple_of(2) { text.to_string() } else { format!("0{text}") };
    let digit = |index: usize| u8::from_str_radix(&text[index..index + 2], 16).expect("hexadecimal");
    (0..text.len()).step_by(2).map(digit).collect()
}

/// A file of lines `NAME hex`.
pub(crate) fn values(name: &str) -> BTreeMap<String, Vec<u8>> {
    let pair = |line: &str| line.split_once(' ').map(|(name, value)| (name.to_string(), hex(value.trim())));
    file(&format!("{name}.txt")).lines().filter_map(pair).collect()
}
