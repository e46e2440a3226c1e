//! Simple profile (TR-06-1): bare RTP on the even port, bare RTCP on the odd one.

use super::Message;
use crate::protocol::output::{MAX_HEAD, SocketId, Transmit};
use crate::protocol::payload::{Payload, Pool};
use crate::wire::{self, Kind, rtcp, rtp};
use std::net::SocketAddr;
use std::sync::Arc;

/// Reads a datagram by its content, as libRIST does: either kind may come to either port.
pub(in crate::protocol) fn decode(datagram: &[u8]) -> wire::Result<Message<'_>> {
    Ok(match wire::classify(datagram)? {
        Kind::Rtp => Message::Media(rtp::Rtp::parse(datagram)?),
        Kind::Rtcp => Message::Feedback(rtcp::Compound::new(datagram)),
    })
}

/// A media packet: RTP header before the shared payload.
pub(in crate::protocol) fn media(socket: SocketId, to: SocketAddr, header: &rtp::Header, payload: Payload) -> Transmit {
    let mut rtp_header = [0; rtp::Header::MAX_LEN];
    let head_len = header.write(&mut rtp_header);
    let mut head = [0; MAX_HEAD];
    head[..rtp::Header::MAX_LEN].copy_from_slice(&rtp_header);
    Transmit { socket, to, head, head_len, body: Some(payload) }
}

/// An RTCP compound that `write` puts together.
pub(in crate::protocol) fn feedback(
    socket: SocketId,
    to: SocketAddr,
    pool: &Arc<Pool>,
    write: impl FnOnce(&mut Vec<u8>),
) -> Transmit {
    Transmit { socket, to, head: [0; MAX_HEAD], head_len: 0, body: Some(pool.build(write)) }
}
