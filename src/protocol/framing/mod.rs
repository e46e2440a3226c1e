//! Profiles as framings: a datagram becomes a message and back; nothing else differs between them.

pub(super) mod advanced;
pub(super) mod main;
pub(super) mod simple;

use super::output::Transmit;
use crate::wire::rtcp;
use crate::wire::rtp::Rtp;

/// What a datagram of the Simple profile holds. The Main profile's is [`crate::wire::gre::Content`].
pub(super) enum Message<'a> {
    Media(Rtp<'a>),
    /// A compound of reports, requests and echoes.
    Feedback(rtcp::Compound<'a>),
}

/// Adds the first `len` of these octets to the head. All of them are copied: a number known beforehand costs no call.
fn add<const N: usize>(transmit: &mut Transmit, octets: &[u8; N], len: usize) {
    if let Some(place) = transmit.head[transmit.head_len..].first_chunk_mut() {
        *place = *octets;
        transmit.head_len += len;
    }
}
