//! How much a session holds, whatever it is: what grows somewhere inside can not be forgotten here.

use rist::protocol::session::Session;

/// What a lock remembers so that no nonce is used twice: up to 65,536 of them, which a week does not fill.
const NONCES: &str = "used: {";

/// How many values there are in a session, but for those nonces.
pub(super) fn values(session: &Session) -> usize {
    let text = format!("{session:?}");
    values_in(&text) - parts(&text, NONCES).map(values_in).sum::<usize>()
}

/// How many of those nonces there are in each lock.
pub(super) fn nonces(session: &Session) -> Vec<usize> {
    parts(&format!("{session:?}"), NONCES).map(|text| text.matches('[').count()).collect()
}

fn values_in(text: &str) -> usize {
    text.bytes().filter(|byte| matches!(byte, b',' | b'{' | b'[' | b'(')).count()
}

fn parts<'a>(text: &'a str, before: &str) -> impl Iterator<Item = &'a str> {
    text.split(before).skip(1).map(|rest| rest.split('}').next().unwrap_or(rest))
}
