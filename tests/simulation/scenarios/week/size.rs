//! How much a session holds, whatever it is: what grows somewhere inside can not be forgotten here.

use rist::protocol::session::Session;

/// How many values there are in a session.
pub(super) fn values(session: &Session) -> usize {
    let text = format!("{session:?}");
    let nonces = inside(&text, "used: {");
    values_in(&text) - nonces.map_or(0, values_in)
}

/// How many nonces it remembers as its own: up to 65,536, so that none is used twice.
pub(super) fn nonces(session: &Session) -> usize {
    inside(&format!("{session:?}"), "used: {").map_or(0, |text| text.matches('[').count())
}

fn values_in(text: &str) -> usize {
    text.bytes().filter(|byte| matches!(byte, b',' | b'{' | b'[' | b'(')).count()
}

fn inside<'a>(text: &'a str, before: &str) -> Option<&'a str> {
    let start = text.find(before)? + before.len();
    text[start..].find('}').map(|length| &text[start..start + length])
}
