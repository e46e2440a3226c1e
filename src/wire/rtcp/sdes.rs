//! SDES: the name of a peer, its cname. Receipt of one is what makes libRIST accept a peer's media.

use super::packet::{Packet, append, put_u32};
use super::{Rtcp, packet_type};
use crate::wire::Result;
use crate::wire::bytes::Reader;

const END: u8 = 0;
const CNAME: u8 = 1;
/// libRIST keeps names in 128 octets, NUL included.
const MAX_LEN: usize = 127;

/// Looks for a CNAME among the items of the first chunk: RIST has one chunk.
pub(super) fn decode<'a>(packet: &Packet<'a>) -> Result<Option<Rtcp<'a>>> {
    if packet.count == 0 {
        return Ok(None);
    }
    let mut body = Reader::new(packet.body);
    let ssrc = body.u32()?;
    while !body.is_empty() {
        let kind = body.u8()?;
        if kind == END {
            break;
        }
        let len = usize::from(body.u8()?);
        let text = body.take(len)?;
        if kind == CNAME {
            return Ok(Some(Rtcp::Sdes { ssrc, cname: text }));
        }
    }
    Ok(None)
}

/// Appends an SDES with one CNAME, of which at most 127 octets are used. One to four zeros end it.
pub fn write_sdes(out: &mut Vec<u8>, ssrc: u32, cname: &[u8]) {
    let cname = cname.get(..MAX_LEN).unwrap_or(cname);
    append(out, 1, packet_type::SDES, |out| {
        put_u32(out, ssrc);
        out.extend_from_slice(&[CNAME, cname.len() as u8]);
        out.extend_from_slice(cname);
        out.push(END);
    });
}
