//! What stands behind the IV, once it is clear: three optional fields, then the payload.

use super::{Lpc, Packet};
use crate::wire::Result;
use crate::wire::bytes::Reader;

/// The clear body of a packet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Content<'a> {
    /// The compression of an [`Lpc::Field`] packet, by its number in RFC 3173's registry.
    pub cpi: Option<u16>,
    /// See [`super::pfd`].
    pub pfd: Option<u32>,
    pub extension: Option<Extension<'a>>,
    /// Still compressed.
    pub payload: &'a [u8],
}

/// RIST's header extension. None is defined.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Extension<'a> {
    pub id: u16,
    /// Whole words.
    pub data: &'a [u8],
}

impl Packet<'_> {
    /// Reads the body once it is clear: `clear` is [`Packet::body`], decrypted if it was not clear before.
    #[inline]
    pub fn content<'b>(&self, clear: &'b [u8]) -> Result<Content<'b>> {
        if self.lpc != Lpc::Field && !self.has_pfd && !self.has_extension {
            return Ok(Content { cpi: None, pfd: None, extension: None, payload: clear });
        }
        self.fields(clear)
    }

    fn fields<'b>(&self, clear: &'b [u8]) -> Result<Content<'b>> {
        let mut reader = Reader::new(clear);
        let cpi = if self.lpc == Lpc::Field { Some(reader.u32()? as u16) } else { None };
        let pfd = if self.has_pfd { Some(reader.u32()?) } else { None };
        let extension = if self.has_extension { Some(Extension::read(&mut reader)?) } else { None };
        Ok(Content { cpi, pfd, extension, payload: reader.rest() })
    }

    /// Octets before the payload, if they were sent clear.
    ///
    /// The standard encrypts everything behind the IV, what is deployed only the payload. So who finds nothing sensible in
    /// the decrypted body can try to decrypt it from here on.
    pub fn clear_prefix_len(&self) -> Result<usize> {
        Ok(self.body.len() - self.content(self.body)?.payload.len())
    }
}

impl<'a> Extension<'a> {
    fn read(reader: &mut Reader<'a>) -> Result<Self> {
        let id = reader.u16()?;
        let words = usize::from(reader.u16()?);
        Ok(Self { id, data: reader.take(words * 4)? })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::Error;

    fn packet(flags: u8, parameters: u8, body: &[u8]) -> Vec<u8> {
        [&[0x80, 127, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, flags, parameters], body].concat()
    }

    #[test]
    fn fields_are_read_in_order_and_none_beyond_the_end() {
        let body = [0, 0, 0x12, 0x34, 0x41, 0xaf, 0xd0, 0x40, 0xab, 0xcd, 0, 1, 1, 2, 3, 4, 7, 8];
        let datagram = packet(0xc6, 0x35, &body);
        let parsed = Packet::parse(&datagram).expect("well formed");
        let extension = Some(Extension { id: 0xabcd, data: &[1, 2, 3, 4] });
        let expected =
            Content { cpi: Some(0x1234), pfd: Some(super::super::pfd::MPEG_TS), extension, payload: &[7, 8] };
        assert_eq!(parsed.content(parsed.body), Ok(expected));
        assert_eq!(parsed.clear_prefix_len(), Ok(16));
        for len in 0..16 {
            let datagram = packet(0xc6, 0x35, &body[..len]);
            let parsed = Packet::parse(&datagram).expect("the header is whole");
            assert_eq!(parsed.clear_prefix_len(), Err(Error::TooShort), "{len} octets");
        }
        let bare = packet(0xc0, 0x05, &body);
        let bare = Packet::parse(&bare).expect("well formed");
        assert_eq!(bare.content(bare.body), Ok(Content { cpi: None, pfd: None, extension: None, payload: &body }));
        assert_eq!(bare.clear_prefix_len(), Ok(0));
    }
}
