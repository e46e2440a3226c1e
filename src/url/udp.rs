//! A `udp://` or `rtp://` URL: address, scheme and parameters, as `rist_parse_udp_address2` reads it.

use super::query;
use super::rist::{keep, refused, status, switch, unknown};

/// Longest scheme kept: the field has 16 bytes.
const MAX_PREFIX: usize = 15;

/// What a `udp://` URL sets. `None`: absent, or refused and so without effect.
#[derive(Default, Clone, Debug, PartialEq, Eq)]
pub struct UdpParams {
    pub miface: Option<Vec<u8>>,
    /// Cut to 16 bits.
    pub stream_id: Option<u16>,
    /// Cut to 16 bits.
    pub rtp_timestamp: Option<u16>,
    /// Cut to 16 bits.
    pub rtp_sequence: Option<u16>,
    /// Cut to 8 bits. Config version 1.
    pub rtp_ptype: Option<u8>,
    /// Cut to 8 bits, and not limited to the modes there are (libRIST 0.2.x). Config version 1.
    pub multiplex_mode: Option<u8>,
    /// 1 to 255. Config version 2.
    pub ttl: Option<u32>,
    /// Config version 2.
    pub source: Option<Vec<u8>>,
    /// Config version 2.
    pub cbr_output: Option<bool>,
}

/// A `udp://` URL taken apart.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ParsedUdp<'a> {
    /// The text before the `?`; see [`super::address`].
    pub address: &'a [u8],
    /// The scheme in lower case, at most 15 bytes. `udp` if the URL has no `/`.
    pub prefix: Vec<u8>,
    /// The scheme begins with `rtp`.
    pub rtp: bool,
    pub params: UdpParams,
    /// Pairs read, unknown ones included.
    pub accepted: usize,
    /// One message for each unknown key and each refused value of a strict key, in order.
    pub problems: Vec<String>,
    empty: bool,
}

impl ParsedUdp<'_> {
    /// What `rist_parse_udp_address2` returns: 0 if all is well, -1 for an empty URL (then nothing but the
    /// version is set), else the number of pairs read.
    pub fn status(&self) -> i32 {
        status(self.empty, self.accepted, &self.problems)
    }
}

/// Takes a URL apart for a `rist_udp_config` of the given version. A key that needs a later version is unknown.
pub fn parse<U: AsRef<[u8]> + ?Sized>(url: &U, version: u32) -> ParsedUdp<'_> {
    let url = url.as_ref();
    let (address, text) = query::split(url);
    let prefix = prefix(url);
    let mut parsed = ParsedUdp {
        address,
        rtp: prefix.starts_with(b"rtp"),
        prefix,
        params: UdpParams::default(),
        accepted: 0,
        problems: Vec::new(),
        empty: url.is_empty(),
    };
    for (key, value) in query::pairs(text.unwrap_or_default(), query::MAX_PAIRS) {
        parsed.accepted += 1;
        let outcome = parsed.params.set(key, value, version);
        parsed.problems.extend(outcome.err());
    }
    parsed
}

/// The text before the first `/`, wherever that is, without its last byte, which is meant to be the colon.
fn prefix(url: &[u8]) -> Vec<u8> {
    let Some(slash) = url.iter().position(|byte| *byte == b'/') else {
        let assumed: &[u8] = if url.is_empty() { b"" } else { b"udp" };
        return assumed.to_vec();
    };
    url[..slash.saturating_sub(1).min(MAX_PREFIX)].to_ascii_lowercase()
}

impl UdpParams {
    fn set(&mut self, key: &[u8], value: &[u8], version: u32) -> Result<(), String> {
        match key {
            b"miface" => self.miface = Some(value.to_vec()),
            b"stream-id" => keep(&mut self.stream_id, query::at_least(1, value).map(|id| id as u16)),
            b"rtp-timestamp" => keep(&mut self.rtp_timestamp, query::at_least(0, value).map(|on| on as u16)),
            b"rtp-sequence" => keep(&mut self.rtp_sequence, query::at_least(0, value).map(|on| on as u16)),
            b"rtp-ptype" if version >= 1 => {
                keep(&mut self.rtp_ptype, query::at_least(0, value).map(|kind| kind as u8));
            }
            b"multiplex-mode" if version >= 1 => {
                keep(&mut self.multiplex_mode, query::at_least(0, value).map(|mode| mode as u8));
            }
            b"ttl" if version >= 2 => keep(&mut self.ttl, query::within(1, 255, value)),
            b"source" if version >= 2 => self.source = Some(value.to_vec()),
            b"cbr-output" if version >= 2 => {
                self.cbr_output = Some(switch(value).ok_or_else(|| refused(key, value))?);
            }
            // `multiplex-filter` too: libRIST has a field and a name for it, and reads it nowhere.
            _ => return Err(unknown(key)),
        }
        Ok(())
    }
}
