//! BYE: the end of a flow. GStreamer sends it, libRIST does not.

use super::packet::{Packet, append, put_u32};
use super::{Rtcp, packet_type};
use crate::wire::Result;
use crate::wire::bytes::Reader;

/// A BYE that names nobody says nothing.
pub(super) fn decode<'a>(packet: &Packet) -> Result<Option<Rtcp<'a>>> {
    if packet.count == 0 {
        return Ok(None);
    }
    let ssrc = Reader::new(packet.body).u32()?;
    Ok(Some(Rtcp::Bye { ssrc }))
}

/// Appends a BYE for one flow, without a reason.
pub fn write_bye(out: &mut Vec<u8>, ssrc: u32) {
    append(out, 1, packet_type::BYE, |out| put_u32(out, ssrc));
}
