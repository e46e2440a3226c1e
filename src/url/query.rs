//! The query of a URL: what follows the first `?`, cut into pairs, and the numbers in it.

/// Pairs read from one URL; the rest is dropped without a word, as libRIST does.
pub const MAX_PAIRS: usize = 32;

/// A key and its value; neither is ever empty.
pub type Pair<'a> = (&'a [u8], &'a [u8]);

/// The text before the first `?` and, if there is one, the text after it.
pub fn split(url: &[u8]) -> (&[u8], Option<&[u8]>) {
    cut(url, b'?')
}

/// The pairs of a query, the first `limit` of them. A piece without `=`, with no key or with no value is no pair
/// and does not count. The value runs to the next `&`, so it may contain `=`; nothing is percent-decoded.
pub fn pairs(query: &[u8], limit: usize) -> impl Iterator<Item = Pair<'_>> {
    query
        .split(|byte| *byte == b'&')
        .filter_map(|piece| {
            let (key, value) = cut(piece, b'=');
            value.filter(|value| !key.is_empty() && !value.is_empty()).map(|value| (key, value))
        })
        .take(limit)
}

/// C's `atoi` as glibc has it on 64 bits: white space, sign, digits, the rest ignored; saturates at 64 bits
/// and then keeps the low 32 (`h:99999999999` is port 59391, tested with 0.2.7).
pub fn atoi(text: &[u8]) -> i32 {
    // C's `isspace` includes the vertical tab, Rust's does not.
    let space = |byte: &u8| byte.is_ascii_whitespace() || *byte == 0x0b;
    let start = text.iter().take_while(|byte| space(byte)).count();
    let text = &text[start..];
    let (negative, digits) = match text {
        [b'-', rest @ ..] => (true, rest),
        [b'+', rest @ ..] => (false, rest),
        _ => (false, text),
    };
    let mut number: i64 = 0;
    for digit in digits.iter().take_while(|byte| byte.is_ascii_digit()) {
        let digit = i64::from(digit - b'0');
        let digit = if negative { -digit } else { digit };
        number = number.saturating_mul(10).saturating_add(digit);
    }
    number as i32
}

/// `atoi`, kept only from `least` up.
pub(crate) fn at_least(least: i32, text: &[u8]) -> Option<u32> {
    within(least, i32::MAX, text)
}

/// `atoi`, kept only from `least` to `most`.
pub(crate) fn within(least: i32, most: i32, text: &[u8]) -> Option<u32> {
    let number = atoi(text);
    (least..=most).contains(&number).then_some(number as u32)
}

/// A number that is the whole text, digits only, up to `most`: what the strict keys want.
pub(crate) fn whole_number(most: u32, text: &[u8]) -> Option<u32> {
    if !text.iter().all(u8::is_ascii_digit) {
        return None;
    }
    let number: u32 = std::str::from_utf8(text).ok()?.parse().ok()?;
    (number <= most).then_some(number)
}

fn cut(text: &[u8], at: u8) -> (&[u8], Option<&[u8]>) {
    match text.iter().position(|byte| *byte == at) {
        Some(index) => (&text[..index], Some(&text[index + 1..])),
        None => (text, None),
    }
}
