//! What stands behind the GRE header, once it is clear text.

use super::{BufferNegotiation, KeepAlive, Ports, protocol};
use crate::wire::bytes::Reader;
use crate::wire::{Error, Kind, Result, classify};

/// First half of a VSF header: RIST.
const VSF_RIST: u16 = 0;
/// All of a VSF header before ports, and media or feedback.
const VSF_REDUCED: [u8; 4] = [0; 4];

mod subtype {
    pub(super) const REDUCED: u16 = 0x0000;
    pub(super) const KEEP_ALIVE: u16 = 0x8000;
    pub(super) const FUTURE_NONCE: u16 = 0x8001;
    pub(super) const BUFFER_NEGOTIATION: u16 = 0x8002;
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Content<'a> {
    Media {
        ports: Ports,
        packet: &'a [u8],
    },
    Feedback {
        ports: Ports,
        packet: &'a [u8],
    },
    KeepAlive(KeepAlive<'a>),
    BufferNegotiation(BufferNegotiation),
    /// The nonce that the sender will use next (TR-06-2:2022 §7.5).
    FutureNonce([u8; 4]),
    /// Out-of-band data.
    Full(&'a [u8]),
    /// Out-of-band data with another number than libRIST's.
    Typed {
        protocol: u16,
        payload: &'a [u8],
    },
}

impl<'a> Content<'a> {
    /// Reads the clear text behind a header of this protocol type. EAP frames are not read here.
    #[inline]
    pub fn parse(protocol: u16, body: &'a [u8]) -> Result<Self> {
        match protocol {
            protocol::REDUCED => reduced(body),
            protocol::VSF => {
                let (&header, rest) = body.split_first_chunk().ok_or(Error::TooShort)?;
                if header == VSF_REDUCED { reduced(rest) } else { vsf(header, rest) }
            }
            protocol::KEEP_ALIVE => KeepAlive::read(&mut Reader::new(body)).map(Content::KeepAlive),
            protocol::FULL => Ok(Content::Full(body)),
            _ if protocol::is_out_of_band(protocol) => Ok(Content::Typed { protocol, payload: body }),
            _ => Err(Error::Unsupported),
        }
    }
}

/// Anything but media and feedback.
#[inline(never)]
fn vsf([r1, r0, s1, s0]: [u8; 4], body: &[u8]) -> Result<Content<'_>> {
    if u16::from_be_bytes([r1, r0]) != VSF_RIST {
        return Err(Error::Unsupported);
    }
    let reader = &mut Reader::new(body);
    match u16::from_be_bytes([s1, s0]) {
        subtype::KEEP_ALIVE => KeepAlive::read(reader).map(Content::KeepAlive),
        subtype::FUTURE_NONCE => Ok(Content::FutureNonce(reader.u32()?.to_be_bytes())),
        subtype::BUFFER_NEGOTIATION => BufferNegotiation::read(reader).map(Content::BufferNegotiation),
        _ => Err(Error::Unsupported),
    }
}

#[inline]
fn reduced(body: &[u8]) -> Result<Content<'_>> {
    let (&octets, packet) = body.split_first_chunk().ok_or(Error::TooShort)?;
    let ports = Ports::from_octets(octets);
    Ok(match classify(packet)? {
        Kind::Rtp => Content::Media { ports, packet },
        Kind::Rtcp => Content::Feedback { ports, packet },
    })
}

/// What is to be sent, by the form that its header takes at a RIST GRE version.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Form {
    Reduced(Ports),
    KeepAlive,
    BufferNegotiation,
    Full,
    /// One of [`protocol::is_out_of_band`].
    Typed(u16),
    Eapol,
}

impl Form {
    /// Longest prefix: a VSF header and ports.
    pub const MAX_PREFIX: usize = 8;

    /// The protocol type, and the octets between GRE header and message with their number.
    pub fn prefix(self, version: u8) -> (u16, [u8; Self::MAX_PREFIX], usize) {
        let mut prefix = [0; Self::MAX_PREFIX];
        let mut vsf = |subtype: u16| prefix[2..4].copy_from_slice(&subtype.to_be_bytes());
        match self {
            Form::Reduced(ports) if version >= 2 => {
                vsf(subtype::REDUCED);
                prefix[4..8].copy_from_slice(&ports.octets());
                (protocol::VSF, prefix, 8)
            }
            Form::Reduced(ports) => {
                prefix[..4].copy_from_slice(&ports.octets());
                (protocol::REDUCED, prefix, 4)
            }
            Form::KeepAlive if version >= 2 => {
                vsf(subtype::KEEP_ALIVE);
                (protocol::VSF, prefix, 4)
            }
            Form::KeepAlive => (protocol::KEEP_ALIVE, prefix, 0),
            // There is no other form of it.
            Form::BufferNegotiation => {
                vsf(subtype::BUFFER_NEGOTIATION);
                (protocol::VSF, prefix, 4)
            }
            Form::Full => (protocol::FULL, prefix, 0),
            Form::Typed(protocol) => (protocol, prefix, 0),
            Form::Eapol => (protocol::EAPOL, prefix, 0),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_form_is_read_back_at_every_version() {
        let ports = Ports { source: 32769, destination: 1968 };
        let media = [0x80, 33, 0, 1];
        for version in 0..=2 {
            let written = |form: Form, message: &[u8]| {
                let (protocol, prefix, len) = form.prefix(version);
                (protocol, [&prefix[..len], message].concat())
            };
            let (protocol, body) = written(Form::Reduced(ports), &media);
            assert_eq!(Content::parse(protocol, &body), Ok(Content::Media { ports, packet: &media }));
            let keep_alive = KeepAlive { mac: [2; 6], capabilities: [0x25, 0x20], extension: None, json: b"{}" };
            let mut message = Vec::new();
            keep_alive.write(&mut message);
            let (protocol, body) = written(Form::KeepAlive, &message);
            assert_eq!(Content::parse(protocol, &body), Ok(Content::KeepAlive(keep_alive)));
            let (protocol, body) = written(Form::Full, b"text");
            assert_eq!(Content::parse(protocol, &body), Ok(Content::Full(b"text")));
            for number in [0x0600, 0x88b4, 0x88b7, 0xffff] {
                let (protocol, body) = written(Form::Typed(number), b"text");
                assert_eq!(Content::parse(protocol, &body), Ok(Content::Typed { protocol: number, payload: b"text" }));
            }
        }
        let negotiation = BufferNegotiation { sender_max: 2000, receiver_current: 0, kind: 3 };
        let (protocol, prefix, len) = Form::BufferNegotiation.prefix(2);
        let mut body = prefix[..len].to_vec();
        negotiation.write(&mut body);
        assert_eq!(Content::parse(protocol, &body), Ok(Content::BufferNegotiation(negotiation)));
    }

    #[test]
    fn an_extension_is_told_from_json() {
        let parse = |rest: &[u8]| {
            let body = [&[0; 6][..], &[0x25, 0x20], rest].concat();
            match Content::parse(protocol::KEEP_ALIVE, &body) {
                Ok(Content::KeepAlive(message)) => (message.extension, message.json.to_vec()),
                other => panic!("{other:?}"),
            }
        };
        assert_eq!(parse(b""), (None, vec![]));
        assert_eq!(parse(b"{\"a\":1}"), (None, b"{\"a\":1}".to_vec()));
        assert_eq!(parse(&[0xc0, 0, 0, 0]), (Some(0xc0), vec![]));
        assert_eq!(parse(&[0x80, 0, 0, 0, b'{', b'}']), (Some(0x80), b"{}".to_vec()));
    }

    #[test]
    fn what_is_unknown_or_cut_short_is_refused() {
        fn vsf(octets: &[u8]) -> Result<Content<'_>> {
            Content::parse(protocol::VSF, octets)
        }
        assert_eq!(vsf(&[0, 1, 0x80, 0]), Err(Error::Unsupported));
        assert_eq!(vsf(&[0, 0, 0x80, 9]), Err(Error::Unsupported));
        assert_eq!(vsf(&[0, 0, 0x7f, 0xff]), Err(Error::Unsupported));
        assert_eq!(Content::parse(0x05ff, &[0; 20]), Err(Error::Unsupported));
        assert_eq!(Content::parse(protocol::EAPOL, &[0; 20]), Err(Error::Unsupported));
        for len in 0..4 {
            assert_eq!(vsf(&[0; 4][..len]), Err(Error::TooShort));
        }
        for subtype in [subtype::REDUCED, subtype::KEEP_ALIVE, subtype::FUTURE_NONCE, subtype::BUFFER_NEGOTIATION] {
            let [high, low] = subtype.to_be_bytes();
            assert_eq!(vsf(&[0, 0, high, low, 0, 0, 0]), Err(Error::TooShort));
        }
        let wrong_version = [&[0; 4][..], &[0x40, 33]].concat();
        assert_eq!(Content::parse(protocol::REDUCED, &wrong_version), Err(Error::Malformed));
    }
}
