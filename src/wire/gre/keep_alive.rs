//! Keep-alive messages (TR-06-2:2022 §5.5): who is there and what it can do.

use crate::wire::Result;
use crate::wire::bytes::Reader;

/// Bonding, seamless switching (2022-7), null packet deletion; reduced overhead: what libRIST announces.
pub const CAPABILITIES: [u8; 2] = [0x25, 0x20];
/// In the first octet: media comes in pairs (TR-06-2's load sharing; libRIST 0.2.17 `split`).
const PAIRS: u8 = 0x02;
/// Bits of the extension's first octet that libRIST 0.2.17 and later define.
const EXTENSION_BITS: u8 = 0xe0;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct KeepAlive<'a> {
    /// Names the device; all zero where it has no such address.
    pub mac: [u8; 6],
    pub capabilities: [u8; 2],
    /// libRIST 0.2.17 and later: bit 7 Advanced, 6 key rotation, 5 compression.
    pub extension: Option<u8>,
    /// JSON or nothing; not necessarily text.
    pub json: &'a [u8],
}

/// What libRIST announces, with or without pairs.
pub fn capabilities(pairs: bool) -> [u8; 2] {
    let [first, second] = CAPABILITIES;
    [first | if pairs { PAIRS } else { 0 }, second]
}

impl<'a> KeepAlive<'a> {
    /// Media comes in pairs.
    pub fn announces_pairs(&self) -> bool {
        self.capabilities[0] & PAIRS != 0
    }

    pub(super) fn read(reader: &mut Reader<'a>) -> Result<Self> {
        let [a, b] = reader.u16()?.to_be_bytes();
        let [c, d, e, f] = reader.u32()?.to_be_bytes();
        let capabilities = reader.u16()?.to_be_bytes();
        // JSON may follow at once: four octets are an extension only if they can be nothing else.
        let (extension, json) = match reader.rest() {
            [bits, 0, 0, 0, json @ ..] if bits & !EXTENSION_BITS == 0 => (Some(*bits), json),
            json => (None, json),
        };
        Ok(Self { mac: [a, b, c, d, e, f], capabilities, extension, json })
    }

    pub fn write(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(&self.mac);
        out.extend_from_slice(&self.capabilities);
        if let Some(bits) = self.extension {
            out.extend_from_slice(&[bits, 0, 0, 0]);
        }
        out.extend_from_slice(self.json);
    }
}
