//! APP: the packet in which RIST carries its own messages (RFC 3550 §6.7).

use super::packet::{Packet, append, put_u32};
use super::{Nack, Rtcp, echo, packet_type, seq_extension};
use crate::wire::Result;
use crate::wire::bytes::Reader;

/// The name in all of RIST's APP packets.
const NAME: &[u8; 4] = b"RIST";

/// Other names and unknown subtypes are `None`: they belong to somebody else.
pub(super) fn decode<'a>(packet: &Packet<'a>) -> Result<Option<Rtcp<'a>>> {
    let mut body = Reader::new(packet.body);
    let ssrc = body.u32()?;
    if body.take(NAME.len())? != NAME {
        return Ok(None);
    }
    Ok(match packet.count {
        Nack::APP_SUBTYPE => Some(Nack::decode_range(ssrc, &body)),
        seq_extension::APP_SUBTYPE => Some(seq_extension::decode(ssrc, &mut body)?),
        echo::REQUEST_SUBTYPE => Some(Rtcp::EchoRequest(echo::decode(ssrc, &mut body)?)),
        echo::RESPONSE_SUBTYPE => Some(Rtcp::EchoResponse(echo::decode(ssrc, &mut body)?)),
        _ => None,
    })
}

/// Appends an APP packet; `body` writes what follows the name.
pub(super) fn append_app(out: &mut Vec<u8>, subtype: u8, ssrc: u32, body: impl FnOnce(&mut Vec<u8>)) {
    append(out, subtype, packet_type::APP, |out| {
        put_u32(out, ssrc);
        out.extend_from_slice(NAME);
        body(out);
    });
}
