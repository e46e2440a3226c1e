//! The upper bits of the flag octet: where a packet stands in its block, and how it is to be treated.

/// Fragment and treatment bits of a packet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Flags {
    /// Begins a block.
    pub first: bool,
    /// Ends a block.
    pub last: bool,
    /// To be handed up at once. Always so in control messages.
    pub expedite: bool,
    /// Was sent before, under the same sequence number.
    pub retransmission: bool,
}

impl Flags {
    /// A whole block in one packet.
    pub const WHOLE: Self = Self { first: true, last: true, expedite: false, retransmission: false };
    /// A control message.
    pub const CONTROL: Self = Self { expedite: true, ..Self::WHOLE };

    const FIRST: u8 = 0x80;
    const LAST: u8 = 0x40;
    const EXPEDITE: u8 = 0x20;
    /// The one bit in which a repeated packet may differ from the original.
    pub const RETRANSMISSION: u8 = 0x10;

    /// The packet is a whole block.
    #[inline]
    pub fn is_whole(self) -> bool {
        self.first && self.last
    }

    #[inline]
    pub(super) fn from_octet(octet: u8) -> Self {
        Self {
            first: octet & Self::FIRST != 0,
            last: octet & Self::LAST != 0,
            expedite: octet & Self::EXPEDITE != 0,
            retransmission: octet & Self::RETRANSMISSION != 0,
        }
    }

    #[inline]
    pub(super) fn octet(self) -> u8 {
        u8::from(self.first) << 7
            | u8::from(self.last) << 6
            | u8::from(self.expedite) << 5
            | u8::from(self.retransmission) << 4
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_octet_comes_back() {
        for octet in 0..=255 {
            assert_eq!(Flags::from_octet(octet).octet(), octet & 0xf0);
        }
        assert_eq!((Flags::WHOLE.octet(), Flags::CONTROL.octet()), (0xc0, 0xe0));
        assert!(Flags::WHOLE.is_whole() && !Flags { last: false, ..Flags::WHOLE }.is_whole());
    }
}
