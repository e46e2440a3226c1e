//! What the tests of this folder share: hexadecimal text and files of named values.

use std::collections::BTreeMap;

pub(crate) fn hex(text: &str) -> Vec<u8> {
    let text = if text.len() % 2 == 0 { text.to_string() } else { format!("0{text}") };
    let digit = |index: usize| u8::from_str_radix(&text[index..index + 2], 16).expect("hexadecimal");
    (0..text.len()).step_by(2).map(digit).collect()
}

/// A file of lines `NAME hex`.
pub(crate) fn values(name: &str) -> BTreeMap<String, Vec<u8>> {
    let path = format!("{}/tests/vectors/{name}.txt", concat!(env!("CARGO_MANIFEST_DIR")));
    let text = std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{path}: {error}"));
    let pair = |line: &str| line.split_once(' ').map(|(name, value)| (name.to_string(), hex(value.trim())));
    text.lines().filter_map(pair).collect()
}
