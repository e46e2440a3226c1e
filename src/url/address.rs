//! The address in a URL: `[scheme "://"] ["@"] host [":" port]`, as `udpsocket_parse_url` reads it.

use super::query;

/// Where to listen or whom to call.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Address {
    /// A name or number without brackets. Where the URL names none: `0.0.0.0`, or `::` after empty brackets.
    pub host: String,
    /// Cut to 16 bits as libRIST does (70000 is 4464). `None` if absent: the caller's value stays.
    pub port: Option<u16>,
    /// The host was preceded by `@`.
    pub listen: bool,
    /// The host was written in brackets, so it is an IPv6 address.
    pub bracketed: bool,
}

/// Reads an address; `None` for empty text and for a `[` that is never closed.
///
/// libRIST 0.2.x quirks kept: everything up to the last `/` is skipped, whatever it is; the first `:` starts the
/// port, so an IPv6 address without brackets is misread; text between `]` and the port is ignored.
pub fn parse(text: &str) -> Option<Address> {
    if text.is_empty() {
        return None;
    }
    let listen = listens(text);
    let rest = authority(text);
    let rest = rest.strip_prefix('@').unwrap_or(rest);
    let (host, tail, bracketed) = match rest.strip_prefix('[') {
        Some(inside) => {
            let (host, tail) = inside.split_once(']')?;
            let tail = tail.find(':').map_or("", |colon| &tail[colon + 1..]);
            (host, tail, true)
        }
        None => {
            let (host, tail) = rest.split_once(':').unwrap_or((rest, ""));
            (host, tail, false)
        }
    };
    let host = match (host, bracketed) {
        ("", true) => "::",
        ("", false) => "0.0.0.0",
        (host, _) => host,
    };
    Some(Address {
        host: host.to_owned(),
        port: (!tail.is_empty()).then(|| query::atoi(tail.as_bytes()) as u16),
        listen,
        bracketed,
    })
}

/// Whether the text asks to listen. libRIST says so even of an address it then refuses.
pub fn listens(text: &str) -> bool {
    authority(text).starts_with('@')
}

fn authority(text: &str) -> &str {
    text.rsplit('/').next().unwrap_or(text)
}
