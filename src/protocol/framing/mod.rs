//! Profiles as framings: a datagram becomes a [`Message`] and back; nothing else differs between them.

pub(super) mod simple;

use crate::wire::rtcp;
use crate::wire::rtp::Rtp;

/// What a datagram holds, whatever the profile.
pub(super) enum Message<'a> {
    Media(Rtp<'a>),
    /// A compound of reports, requests and echoes.
    Feedback(rtcp::Compound<'a>),
}
