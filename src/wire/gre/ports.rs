//! Virtual ports of the reduced overhead header (TR-06-2:2022 §5.3): they stand for the UDP ports inside the tunnel.

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Ports {
    pub source: u16,
    pub destination: u16,
}

impl Ports {
    pub const LEN: usize = 4;

    pub(super) fn from_octets([a, b, c, d]: [u8; Self::LEN]) -> Self {
        Self { source: u16::from_be_bytes([a, b]), destination: u16::from_be_bytes([c, d]) }
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
