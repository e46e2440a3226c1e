//! Who is there and what it can do. The standard and libRIST put the same bits in different places.

use super::{append, ci};
use crate::wire::Result;
use crate::wire::bytes::Reader;
use crate::wire::gre::{AdvancedCapabilities, capabilities};

/// In the first octet: FEC is understood.
const FEC: u8 = 0x08;
/// In the first octet: media comes in pairs.
const PAIRS: u8 = 0x02;
/// In the second octet of the standard.
const HAS_JSON: u8 = 0x10;
const COMPRESSION: u8 = 0x04;
const FRAGMENTATION: u8 = 0x02;
/// What libRIST calls them, in the first octet of its word.
const LIBRIST_ADVANCED: u8 = 0x80;
const LIBRIST_FRAGMENTATION: u8 = 0x40;
const LIBRIST_COMPRESSION: u8 = 0x20;

/// A keep-alive. That its sender speaks Advanced goes without saying.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct KeepAlive<'a> {
    /// Names the device; all zero where it has no such address.
    pub mac: [u8; 6],
    pub can: AdvancedCapabilities,
    /// It has libRIST's own form.
    pub is_librist: bool,
    /// Media comes in pairs. libRIST's own form cannot say so.
    pub pairs: bool,
    /// JSON or nothing; not necessarily text.
    pub json: &'a [u8],
}

impl<'a> KeepAlive<'a> {
    pub(super) fn read(body: &'a [u8]) -> Result<Self> {
        let mut reader = Reader::new(body);
        let mac = reader.array()?;
        let [first, second] = reader.array()?;
        let rest = reader.rest();
        // libRIST's is a word of 32 bits, of which it defines three. In the standard's form the second octet is not zero.
        let known = LIBRIST_ADVANCED | LIBRIST_FRAGMENTATION | LIBRIST_COMPRESSION;
        if second == 0 && first & !known == 0 && rest.starts_with(&[0, 0]) {
            let can = AdvancedCapabilities {
                fragmentation: first & LIBRIST_FRAGMENTATION != 0,
                compression: first & LIBRIST_COMPRESSION != 0,
                fec: false,
            };
            return Ok(Self { mac, can, is_librist: true, pairs: false, json: &[] });
        }
        let can = AdvancedCapabilities {
            fragmentation: second & FRAGMENTATION != 0,
            compression: second & COMPRESSION != 0,
            fec: first & FEC != 0,
        };
        let end = rest.iter().position(|octet| *octet == 0).unwrap_or(rest.len());
        Ok(Self { mac, can, is_librist: false, pairs: first & PAIRS != 0, json: &rest[..end] })
    }

    /// Writes what both take for theirs: the standard's octets with a reserved bit that is libRIST's "Advanced", then JSON
    /// and a NUL, or two NULs where libRIST wants its word to end.
    pub fn write(&self, out: &mut Vec<u8>) {
        append(out, ci::KEEP_ALIVE, |out| {
            let ([first, second], _) = self.can.octets(capabilities(self.pairs));
            let has_json = if self.json.is_empty() { 0 } else { HAS_JSON };
            out.extend_from_slice(&self.mac);
            out.extend_from_slice(&[first | LIBRIST_ADVANCED, second | has_json]);
            out.extend_from_slice(self.json);
            out.extend_from_slice(if self.json.is_empty() { &[0, 0] } else { &[0] });
        });
    }
}

#[cfg(test)]
mod tests {
    use super::super::Message;
    use super::*;
    use proptest::prelude::*;

    fn read(capabilities: &[u8]) -> KeepAlive<'_> {
        let mut payload = vec![0x80, 0, 0, capabilities.len() as u8 + 6, 2, 0, 0, 0, 0, 1];
        payload.extend(capabilities);
        match Message::parse(payload.leak()) {
            Ok(Message::KeepAlive(message)) => message,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn every_form_is_understood() {
        let can = |fragmentation, compression, fec| AdvancedCapabilities { fragmentation, compression, fec };
        for (octets, expected, pairs) in [
            (&[0x80, 0, 0, 0][..], can(false, false, false), false),
            (&[0xe0, 0, 0, 0], can(true, true, false), false),
            (&[0x40, 0, 0, 0], can(true, false, false), false),
            (&[0x00, 0, 0, 0], can(false, false, false), false),
            (&[0x25, 0x21], can(false, false, false), false),
            (&[0x2f, 0x27], can(true, true, true), true),
            (&[0x27, 0x23, 0, 0], can(true, false, false), true),
            (&[0xa5, 0x25, 0, 0], can(false, true, false), false),
        ] {
            let message = read(octets);
            assert_eq!((message.can, message.pairs, message.json), (expected, pairs, &b""[..]), "{octets:02x?}");
        }
        assert_eq!(read(b"\x25\x31{}\0").json, b"{}");
        assert_eq!(read(b"\x25\x31{}").json, b"{}");
    }

    proptest! {
        #[test]
        fn what_is_written_is_read(
            mac: [u8; 6], pairs: bool, bits in 0u8..8, json in prop_oneof![Just(String::new()), "[^\0]{1,300}"],
        ) {
            let can = AdvancedCapabilities {
                fragmentation: bits & 1 != 0,
                compression: bits & 2 != 0,
                fec: bits & 4 != 0,
            };
            let sent = KeepAlive { mac, can, is_librist: false, pairs, json: json.as_bytes() };
            let mut out = Vec::new();
            sent.write(&mut out);
            prop_assert_eq!(Message::parse(&out), Ok(Message::KeepAlive(sent)));
            // What libRIST demands: ten octets, and the highest bit of the word.
            prop_assert!(out.len() >= 14 && out[10] & 0x80 != 0);
            // What the standard says.
            prop_assert!(out[11] & 1 != 0);
        }
    }
}
