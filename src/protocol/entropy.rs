//! Unpredictable octets, from whoever drives the session: the operating system, or a seed in tests.

use std::fmt;

type Fill = dyn FnMut(&mut [u8]) -> bool + Send;

/// A source of randomness.
pub struct Entropy(Box<Fill>);

/// There is no randomness: nothing that depends on it may be done.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct NoEntropy;

impl Entropy {
    /// `fill` fills its argument, or returns false.
    pub fn new(fill: impl FnMut(&mut [u8]) -> bool + Send + 'static) -> Self {
        Self(Box::new(fill))
    }

    pub(super) fn octets<const N: usize>(&mut self) -> Result<[u8; N], NoEntropy> {
        let mut octets = [0; N];
        if (self.0)(&mut octets) { Ok(octets) } else { Err(NoEntropy) }
    }
}

impl fmt::Debug for Entropy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Entropy")
    }
}
