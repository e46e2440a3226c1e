//! Keep-alive messages (TR-06-2:2022 §5.5): who is there and what it can do.

use crate::wire::Result;
use crate::wire::bytes::Reader;

/// Bonding, seamless switching (2022-7), null packet deletion; reduced overhead: what libRIST announces.
pub const CAPABILITIES: [u8; 2] = [0x25, 0x20];
/// In the first octet: media comes in pairs (TR-06-2's load sharing; libRIST 0.2.17 `split`).
const PAIRS: u8 = 0x02;
/// In the first octet: FEC is understood (TR-06-3).
const FEC: u8 = 0x08;
/// In the second octet, by TR-06-3.
const COMPRESSION: u8 = 0x04;
const FRAGMENTATION: u8 = 0x02;
const ADVANCED: u8 = 0x01;
/// The same in the extension's first octet, by libRIST 0.2.17 and later.
const EXTENSION_ADVANCED: u8 = 0x80;
const EXTENSION_FRAGMENTATION: u8 = 0x40;
const EXTENSION_COMPRESSION: u8 = 0x20;
const EXTENSION_BITS: u8 = EXTENSION_ADVANCED | EXTENSION_FRAGMENTATION | EXTENSION_COMPRESSION;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct KeepAlive<'a> {
    /// Names the device; all zero where it has no such address.
    pub mac: [u8; 6],
    pub capabilities: [u8; 2],
    /// libRIST 0.2.17 and later: bit 7 Advanced, 6 fragmentation (key rotation, it says), 5 compression.
    pub extension: Option<u8>,
    /// JSON or nothing; not necessarily text.
    pub json: &'a [u8],
}

/// What libRIST announces, with or without pairs.
pub fn capabilities(pairs: bool) -> [u8; 2] {
    let [first, second] = CAPABILITIES;
    [first | if pairs { PAIRS } else { 0 }, second]
}

/// What somebody who speaks Advanced can do besides.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct AdvancedCapabilities {
    /// Puts the fragments of a block together.
    pub fragmentation: bool,
    /// Decompresses LZ4.
    pub compression: bool,
    /// Makes use of FEC packets.
    pub fec: bool,
}

impl AdvancedCapabilities {
    /// The capability octets of the standard, added to those of Main, and libRIST's extension. Who sends one has to send
    /// both: a libRIST before 0.2.19 takes a keep-alive without its own bit for "no longer".
    pub fn octets(self, [first, second]: [u8; 2]) -> ([u8; 2], u8) {
        let bit = |set: bool, bit: u8| if set { bit } else { 0 };
        let (fragmentation, compression) = (self.fragmentation, self.compression);
        let second = second | ADVANCED | bit(fragmentation, FRAGMENTATION) | bit(compression, COMPRESSION);
        let extension =
            EXTENSION_ADVANCED | bit(fragmentation, EXTENSION_FRAGMENTATION) | bit(compression, EXTENSION_COMPRESSION);
        ([first | bit(self.fec, FEC), second], extension)
    }
}

impl<'a> KeepAlive<'a> {
    /// The keep-alive of somebody who speaks Advanced too.
    pub fn advanced(mac: [u8; 6], pairs: bool, can: AdvancedCapabilities, json: &'a [u8]) -> Self {
        let (capabilities, extension) = can.octets(capabilities(pairs));
        Self { mac, capabilities, extension: Some(extension), json }
    }

    /// What can be done in Advanced, by either way of saying so; `None` of who does not speak it.
    pub fn advanced_capabilities(&self) -> Option<AdvancedCapabilities> {
        let [first, second] = self.capabilities;
        let extension = self.extension.unwrap_or(0);
        let standard = second & ADVANCED != 0;
        let librist = extension & EXTENSION_ADVANCED != 0;
        let bit =
            |bit: u8, extension_bit: u8| standard && second & bit != 0 || librist && extension & extension_bit != 0;
        (standard || librist).then(|| AdvancedCapabilities {
            fragmentation: bit(FRAGMENTATION, EXTENSION_FRAGMENTATION),
            compression: bit(COMPRESSION, EXTENSION_COMPRESSION),
            fec: first & FEC != 0,
        })
    }

    /// Its capabilities are those that libRIST and this library announce, whatever it can do in Advanced.
    pub fn is_like_ours(&self) -> bool {
        let [first, second] = self.capabilities;
        let beside = if second & ADVANCED != 0 { ADVANCED | FRAGMENTATION | COMPRESSION } else { 0 };
        [first, second & !beside] == capabilities(self.announces_pairs())
    }

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

#[cfg(test)]
mod tests {
    use super::*;

    fn read(octets: &[u8]) -> KeepAlive<'_> {
        KeepAlive::read(&mut Reader::new(octets)).expect("long enough")
    }

    #[test]
    fn advanced_is_announced_to_the_standard_and_to_librist() {
        for bits in 0..8u8 {
            let can =
                AdvancedCapabilities { fragmentation: bits & 1 != 0, compression: bits & 2 != 0, fec: bits & 4 != 0 };
            for json in [&b""[..], b"{\"a\":1}", b"{}"] {
                let sent = KeepAlive::advanced([2, 0, 0, 0, 0, 1], bits & 1 != 0, can, json);
                let mut out = Vec::new();
                sent.write(&mut out);
                assert_eq!(read(&out), sent);
                assert_eq!(read(&out).advanced_capabilities(), Some(can));
                assert_eq!(read(&out).json, json);
                // Either half alone says it as well, but libRIST's has no FEC bit of its own.
                let standard = KeepAlive { extension: None, ..sent };
                assert_eq!(standard.advanced_capabilities(), Some(can));
                let librist = KeepAlive { capabilities: CAPABILITIES, ..sent };
                assert_eq!(librist.advanced_capabilities(), Some(AdvancedCapabilities { fec: false, ..can }));
            }
        }
    }

    #[test]
    fn ours_are_known_by_their_capabilities() {
        let can = AdvancedCapabilities { fragmentation: true, compression: true, fec: false };
        assert!(KeepAlive::advanced([2; 6], true, can, &[]).is_like_ours());
        let message = |capabilities| KeepAlive { mac: [0; 6], capabilities, extension: None, json: &[] };
        assert!(message(CAPABILITIES).is_like_ours() && !message([0x25, 0x22]).is_like_ours());
    }

    #[test]
    fn main_alone_is_not_taken_for_advanced() {
        for extension in [None, Some(0x60), Some(0)] {
            let message = KeepAlive { mac: [0; 6], capabilities: capabilities(true), extension, json: b"{}" };
            assert_eq!(message.advanced_capabilities(), None, "{extension:?}");
        }
        let json = [&[0; 6][..], &CAPABILITIES, b"{\"a\":1}"].concat();
        assert_eq!(read(&json).advanced_capabilities(), None);
    }
}
