//! The answer to a message that is not understood.

use super::{append, ci};
use crate::wire::Result;
use crate::wire::bytes::Reader;

/// Octets of the other message that come back.
const HEAD: usize = 6;

/// Three forms are in use: libRIST sends 16 octets and calls them 12, ristgo and ristrust call them 16, and in the standard
/// there are 12. Where these fields stand is common to them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Unsupported {
    /// Of the packet that was not understood; libRIST's own.
    pub ssrc: u32,
    /// What it was.
    pub control: u16,
}

impl Unsupported {
    pub(super) fn read(body: &[u8]) -> Result<Self> {
        let mut reader = Reader::new(body);
        let (ssrc, control) = (reader.u32()?, reader.u16()?);
        reader.take(HEAD)?;
        Ok(Self { ssrc, control })
    }
}

/// Appends the answer, in the form of the standard, to a message with this identifier and body.
pub fn write_unsupported(out: &mut Vec<u8>, ssrc: u32, control: u16, body: &[u8]) {
    append(out, ci::UNSUPPORTED, |out| {
        out.extend_from_slice(&ssrc.to_be_bytes());
        out.extend_from_slice(&control.to_be_bytes());
        let end = out.len() + HEAD;
        out.extend(body.iter().take(HEAD));
        out.resize(end, 0);
    });
}

#[cfg(test)]
mod tests {
    use super::super::Message;
    use super::*;
    use crate::wire::Error;

    #[test]
    fn a_short_body_is_filled_up() {
        let mut out = Vec::new();
        write_unsupported(&mut out, 0x0102_0304, 0x7801, &[9]);
        assert_eq!(out, [0x80, 0x20, 0, 12, 1, 2, 3, 4, 0x78, 1, 9, 0, 0, 0, 0, 0]);
        let expected = Unsupported { ssrc: 0x0102_0304, control: 0x7801 };
        assert_eq!(Message::parse(&out), Ok(Message::Unsupported(expected)));
        out[3] = 11;
        assert_eq!(Message::parse(&out), Err(Error::TooShort));
    }
}
