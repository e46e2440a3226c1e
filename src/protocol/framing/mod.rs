//! Profiles as framings: a datagram becomes a message and back; nothing else differs between them.

pub(super) mod main;
pub(super) mod simple;

use crate::wire::rtcp;
use crate::wire::rtp::Rtp;

/// What a datagram of the Simple profile holds. The Main profile's is [`crate::wire::gre::Content`].
pub(super) enum Message<'a> {
    Media(Rtp<'a>),
    /// A compound of reports, requests and echoes.
    Feedback(rtcp::Compound<'a>),
}
