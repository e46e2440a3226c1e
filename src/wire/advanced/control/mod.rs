//! Control messages (TR-06-3): an identifier, a length and a body; one to a packet.

mod flow_attribute;
mod future_nonce;
mod keep_alive;
mod link_quality;
pub mod nack;
mod rtt_echo;
mod unsupported;

pub use flow_attribute::{write_flow_attribute, write_librist_flow_attribute};
pub use future_nonce::FutureNonce;
pub use keep_alive::KeepAlive;
pub use link_quality::LinkQuality;
pub use rtt_echo::RttEcho;
pub use unsupported::{Unsupported, write_unsupported};

use crate::wire::bytes::Reader;
use crate::wire::{Error, Result};

/// Control identifiers.
pub mod ci {
    pub const NACK_BITMASK: u16 = 0x0000;
    pub const NACK_RANGE: u16 = 0x0001;
    pub const LQM_GLOBAL: u16 = 0x0002;
    pub const LQM_LINK: u16 = 0x0003;
    pub const RTT_REQUEST: u16 = 0x0010;
    pub const RTT_RESPONSE: u16 = 0x0011;
    /// The first of four: ST 2022-5 row and column, ST 2022-1 row and column.
    pub const FEC: u16 = 0x0020;
    pub const FEC_LAST: u16 = 0x0023;
    pub const KEEP_ALIVE: u16 = 0x8000;
    pub const FLOW_ATTRIBUTE: u16 = 0x8001;
    pub const EAP: u16 = 0x8010;
    pub const FUTURE_NONCE: u16 = 0x8011;
    pub const UNSUPPORTED: u16 = 0x8020;

    /// Goes on the unprotected sequence and is never compressed.
    pub fn is_unprotected_only(control: u16) -> bool {
        control < 0x8000
    }
}

/// Octets before the body.
pub const HEADER_LEN: usize = 4;

/// The payload of a [`super::Type::Control`] packet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Message<'a> {
    NackBitmask(nack::Bitmask<'a>),
    NackRange(nack::Range<'a>),
    /// Of all links together.
    LqmGlobal(LinkQuality),
    /// Of the link that it comes by.
    LqmLink(LinkQuality),
    RttRequest(RttEcho<'a>),
    RttResponse(RttEcho<'a>),
    Fec {
        /// Which of the four identifiers, from 0 on: ST 2022-5 row, column, ST 2022-1 row, column.
        index: u8,
        /// FEC header and payload.
        body: &'a [u8],
    },
    KeepAlive(KeepAlive<'a>),
    /// JSON, or what claims to be; without the NUL that may end it.
    FlowAttribute(&'a [u8]),
    /// A login frame. Everybody sends these as GRE instead.
    Eap(&'a [u8]),
    FutureNonce(FutureNonce),
    Unsupported(Unsupported),
    Unknown {
        control: u16,
        body: &'a [u8],
    },
}

impl<'a> Message<'a> {
    /// Reads a message. Octets beyond its length are ignored: libRIST's own answer to what it does not support has four.
    pub fn parse(payload: &'a [u8]) -> Result<Self> {
        let mut reader = Reader::new(payload);
        let control = reader.u16()?;
        let length = usize::from(reader.u16()?);
        let body = reader.take(length)?;
        match control {
            ci::NACK_BITMASK => nack::Bitmask::read(body).map(Message::NackBitmask),
            ci::NACK_RANGE => nack::Range::read(body).map(Message::NackRange),
            ci::LQM_GLOBAL => LinkQuality::read(body).map(Message::LqmGlobal),
            ci::LQM_LINK => LinkQuality::read(body).map(Message::LqmLink),
            ci::RTT_REQUEST => RttEcho::read(body).map(Message::RttRequest),
            ci::RTT_RESPONSE => RttEcho::read(body).map(Message::RttResponse),
            ci::FEC..=ci::FEC_LAST => Ok(Message::Fec { index: (control - ci::FEC) as u8, body }),
            ci::KEEP_ALIVE => KeepAlive::read(body).map(Message::KeepAlive),
            ci::FLOW_ATTRIBUTE => Ok(Message::FlowAttribute(body.strip_suffix(&[0]).unwrap_or(body))),
            ci::EAP => Ok(Message::Eap(body)),
            ci::FUTURE_NONCE => FutureNonce::read(body).map(Message::FutureNonce),
            ci::UNSUPPORTED => Unsupported::read(body).map(Message::Unsupported),
            _ => Ok(Message::Unknown { control, body }),
        }
    }

    /// The identifier, which [`write_unsupported`] has to name.
    pub fn control(&self) -> u16 {
        match self {
            Message::NackBitmask(_) => ci::NACK_BITMASK,
            Message::NackRange(_) => ci::NACK_RANGE,
            Message::LqmGlobal(_) => ci::LQM_GLOBAL,
            Message::LqmLink(_) => ci::LQM_LINK,
            Message::RttRequest(_) => ci::RTT_REQUEST,
            Message::RttResponse(_) => ci::RTT_RESPONSE,
            Message::Fec { index, .. } => ci::FEC + u16::from(*index),
            Message::KeepAlive(_) => ci::KEEP_ALIVE,
            Message::FlowAttribute(_) => ci::FLOW_ATTRIBUTE,
            Message::Eap(_) => ci::EAP,
            Message::FutureNonce(_) => ci::FUTURE_NONCE,
            Message::Unsupported(_) => ci::UNSUPPORTED,
            Message::Unknown { control, .. } => *control,
        }
    }
}

/// Appends a login frame.
pub fn write_eap(out: &mut Vec<u8>, frame: &[u8]) {
    append(out, ci::EAP, |out| out.extend_from_slice(frame));
}

/// Appends a FEC packet: see [`Message::Fec`].
pub fn write_fec(out: &mut Vec<u8>, index: u8, body: &[u8]) {
    append(out, ci::FEC + u16::from(index & 3), |out| out.extend_from_slice(body));
}

/// Appends a message. A body that no length field can express is cut: callers keep well below that.
fn append(out: &mut Vec<u8>, control: u16, body: impl FnOnce(&mut Vec<u8>)) {
    out.extend_from_slice(&control.to_be_bytes());
    let length_at = out.len();
    out.extend_from_slice(&[0; 2]);
    let start = out.len();
    body(out);
    let length = u16::try_from(out.len() - start).unwrap_or(u16::MAX);
    out.truncate(start + usize::from(length));
    if let Some(field) = out.get_mut(length_at..start) {
        field.copy_from_slice(&length.to_be_bytes());
    }
}

/// A body that has to have exactly this many octets.
fn exactly<const N: usize>(body: &[u8]) -> Result<&[u8; N]> {
    let (fields, rest) = body.split_first_chunk().ok_or(Error::TooShort)?;
    if rest.is_empty() { Ok(fields) } else { Err(Error::Malformed) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_length_decides_what_belongs_to_a_message() {
        assert_eq!(Message::parse(&[0x80, 0x01, 0, 3, b'{', b'}', 0]), Ok(Message::FlowAttribute(b"{}")));
        assert_eq!(Message::parse(&[0x80, 0x01, 0, 2, b'{', b'}', 7, 7]), Ok(Message::FlowAttribute(b"{}")));
        assert_eq!(Message::parse(&[0x80, 0x01, 0, 3, b'{', b'}']), Err(Error::TooShort));
        assert_eq!(Message::parse(&[0x80, 0x01, 0]), Err(Error::TooShort));
        assert_eq!(Message::parse(&[0x78, 0x01, 0, 1, 9]), Ok(Message::Unknown { control: 0x7801, body: &[9] }));
    }

    #[test]
    fn every_identifier_is_named_as_it_was_read() {
        let mut known = 0;
        for control in 0..=u16::MAX {
            for length in [8u8, 12, 16, 44] {
                let mut payload = [&control.to_be_bytes()[..], &[0, length]].concat();
                payload.resize(HEADER_LEN + usize::from(length), 1);
                // A key size that exists.
                payload[8..10].copy_from_slice(&128u16.to_be_bytes());
                let Ok(message) = Message::parse(&payload) else { continue };
                assert_eq!(message.control(), control);
                known += u32::from(!matches!(message, Message::Unknown { .. }));
            }
        }
        // NACKs 12 and 44, echoes 16 and 44, quality 44, nonce 8, unsupported 12, 16, 44, others every length.
        assert_eq!(known, 2 * 2 + 2 * 2 + 2 + 1 + 3 + 7 * 4);
    }

    #[test]
    fn an_endless_body_is_cut() {
        let mut out = vec![7];
        write_eap(&mut out, &[9; 70_000]);
        assert_eq!(out.len(), 1 + HEADER_LEN + 65_535);
        assert_eq!(Message::parse(&out[1..]), Ok(Message::Eap(&[9; 65_535])));
    }
}
