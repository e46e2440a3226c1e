//! Virtual ports of the reduced overhead header (TR-06-2:2022 §5.3): they stand for the UDP ports inside the tunnel.

use crate::wire::Result;
use crate::wire::bytes::Reader;

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Ports {
    pub source: u16,
    pub destination: u16,
}

impl Ports {
    pub const LEN: usize = 4;

    #[inline]
    pub(super) fn read(reader: &mut Reader<'_>) -> Result<Self> {
        Ok(Self { source: reader.u16()?, destination: reader.u16()? })
    }

    pub fn octets(self) -> [u8; Self::LEN] {
        let ([a, b], [c, d]) = (self.source.to_be_bytes(), self.destination.to_be_bytes());
        [a, b, c, d]
    }

    /// For the answer.
    pub fn swapped(self) -> Self {
        Self { source: self.destination, destination: self.source }
    }
}
