//! Buffer negotiation, an extension of libRIST 0.2.8: how long the sender keeps packets.

use crate::wire::Result;
use crate::wire::bytes::Reader;

/// Times in milliseconds; 0 = not said.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct BufferNegotiation {
    pub sender_max: u16,
    pub receiver_current: u16,
    /// Not 0: the other side wants the message back, with both times 0.
    pub kind: u16,
}

impl BufferNegotiation {
    pub(super) fn read(reader: &mut Reader<'_>) -> Result<Self> {
        Ok(Self { sender_max: reader.u16()?, receiver_current: reader.u16()?, kind: reader.u16()? })
    }

    pub fn write(&self, out: &mut Vec<u8>) {
        for field in [self.sender_max, self.receiver_current, self.kind] {
            out.extend_from_slice(&field.to_be_bytes());
        }
    }
}
