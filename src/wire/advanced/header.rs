//! The header of a packet to send.

use super::packet::{HAS_FLOW_ID, HAS_PFD};
use super::{Flags, FlowId, Lpc, MIN_LEN, PAYLOAD_TYPE, Psk, Type, UNPROTECTED};

/// What to write before a payload.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Header {
    /// Seven bits, usually [`PAYLOAD_TYPE`].
    pub payload_type: u8,
    pub seq: u32,
    pub timestamp: u32,
    pub ssrc: u32,
    pub flags: Flags,
    pub flow_id: Option<FlowId>,
    /// With `hash: None` zeros are written in its place: it is calculated over them.
    pub psk: Psk,
    pub lpc: Lpc,
    pub kind: Type,
    /// Payload format descriptor.
    pub pfd: Option<u32>,
}

impl Header {
    /// Octets of a header with every field.
    pub const MAX_LEN: usize = 52;
    /// Where a repeated packet differs from the original, by [`Flags::RETRANSMISSION`].
    pub const FLAGS_AT: usize = 14;

    /// Clear media without a Flow ID.
    #[inline]
    pub fn media(seq: u32, timestamp: u32, ssrc: u32) -> Self {
        Self {
            payload_type: PAYLOAD_TYPE,
            seq,
            timestamp,
            ssrc,
            flags: Flags::WHOLE,
            flow_id: None,
            psk: Psk::default(),
            lpc: Lpc::None,
            kind: Type::Direct,
            pfd: None,
        }
    }

    /// A control message, as everybody sends it: unprotected, clear, without a Flow ID.
    pub fn control(seq: u32, timestamp: u32, ssrc: u32) -> Self {
        Self { flags: Flags::CONTROL, kind: Type::Control, ..Self::media(seq, timestamp, ssrc | UNPROTECTED) }
    }

    /// Octets through the IV: what follows is to be encrypted, the payload format descriptor too.
    #[inline]
    pub fn clear_len(&self) -> usize {
        let flow_id = if self.flow_id.is_some() { 4 } else { 0 };
        MIN_LEN + flow_id + Psk::fields_len(self.psk.mode)
    }

    /// Writes the header, and returns how many octets of `out` it takes. Of a compression field only zeros are written.
    #[inline]
    pub fn write(&self, out: &mut [u8; Self::MAX_LEN]) -> usize {
        let [s3, s2, s1, s0] = self.seq.to_be_bytes();
        let (mode_high, mode_low) = Psk::mode_bits(self.psk.mode);
        out[0] = 0x80;
        out[1] = self.payload_type & 0x7f;
        out[2..4].copy_from_slice(&[s1, s0]);
        out[4..8].copy_from_slice(&self.timestamp.to_be_bytes());
        out[8..12].copy_from_slice(&self.ssrc.to_be_bytes());
        out[12..14].copy_from_slice(&[s3, s2]);
        out[15] = mode_low | self.lpc.bits() | self.kind as u8;
        let mut flags = self.flags.octet() | mode_high;
        let mut len = MIN_LEN;
        if let Some(FlowId(word)) = self.flow_id {
            flags |= HAS_FLOW_ID;
            out[len..len + 4].copy_from_slice(&word.to_be_bytes());
            len += 4;
        }
        if self.psk.mode != 0 {
            len = self.psk.write(out, len);
        }
        if self.lpc == Lpc::Field {
            out[len..len + 4].copy_from_slice(&[0; 4]);
            len += 4;
        }
        if let Some(pfd) = self.pfd {
            flags |= HAS_PFD;
            out[len..len + 4].copy_from_slice(&pfd.to_be_bytes());
            len += 4;
        }
        out[Self::FLAGS_AT] = flags;
        len
    }
}

#[cfg(test)]
mod tests {
    use super::super::Packet;
    use super::*;

    #[test]
    fn the_longest_header_fills_its_place() {
        let psk = Psk { mode: 4, hash: None, nonce: Some([1; 4]), iv: Some(2) };
        let full = Header { flow_id: Some(FlowId(3)), psk, lpc: Lpc::Field, pfd: Some(4), ..Header::media(5, 6, 8) };
        let mut out = [0xee; Header::MAX_LEN];
        assert_eq!((full.write(&mut out), full.clear_len()), (Header::MAX_LEN, 44));
        let packet = Packet::parse(&out).expect("our own header");
        assert_eq!((packet.psk.hash, packet.header_len), (Some([0; 16]), 44));
        assert_eq!(packet.hash_range(), Some(20..36));
    }

    #[test]
    fn a_control_message_is_unprotected() {
        let mut out = [0xee; Header::MAX_LEN];
        assert_eq!(Header::control(7, 8, 0x1234_5678).write(&mut out), MIN_LEN);
        assert_eq!(out[..MIN_LEN], [0x80, 127, 0, 7, 0, 0, 0, 8, 0x12, 0x34, 0x56, 0x79, 0, 0, 0xe0, 4]);
    }
}
