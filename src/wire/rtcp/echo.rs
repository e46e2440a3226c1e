//! RTT echo: a timestamp there and back (TR-06-1:2020 §5.2.6).

use super::app::append_app;
use super::packet::{put_u32, put_u64};
use crate::wire::Result;
use crate::wire::bytes::Reader;

pub(super) const REQUEST_SUBTYPE: u8 = 2;
pub(super) const RESPONSE_SUBTYPE: u8 = 3;
/// No datagram has room for more padding, so no request can ask for it.
const MAX_PADDING: usize = 0xffff;

/// An echo request or response.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Echo {
    /// Chosen by the requester, copied by the responder. It need not be a flow id and may be odd.
    pub ssrc: u32,
    /// The requester's clock in NTP-64 ticks, copied by the responder.
    pub timestamp: u64,
    /// Time the responder took, in microseconds. In libRIST's requests it is stale memory.
    pub delay_us: u32,
    /// Octets that make the packet longer; libRIST drops them in its responses.
    pub padding: usize,
}

/// `body` is what follows the name.
pub(super) fn decode(ssrc: u32, body: &mut Reader) -> Result<Echo> {
    Ok(Echo { ssrc, timestamp: body.u64()?, delay_us: body.u32()?, padding: body.rest().len() })
}

/// Appends an echo request. Padding is rounded up to whole words.
pub fn write_echo_request(out: &mut Vec<u8>, echo: &Echo) {
    write(out, REQUEST_SUBTYPE, echo);
}

/// Appends an echo response. Padding is rounded up to whole words.
pub fn write_echo_response(out: &mut Vec<u8>, echo: &Echo) {
    write(out, RESPONSE_SUBTYPE, echo);
}

fn write(out: &mut Vec<u8>, subtype: u8, echo: &Echo) {
    append_app(out, subtype, echo.ssrc, |out| {
        put_u64(out, echo.timestamp);
        put_u32(out, echo.delay_us);
        out.resize(out.len() + echo.padding.min(MAX_PADDING), 0);
    });
}
