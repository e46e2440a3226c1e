//! Octets that must not be seen: wiped when the last owner drops them, and never printed.

use std::fmt;
use std::sync::Arc;
use subtle::ConstantTimeEq;
use zeroize::Zeroizing;

/// A passphrase, a password or a key. A clone shares the octets.
#[derive(Clone)]
pub struct Secret(Arc<Zeroizing<Vec<u8>>>);

impl Secret {
    pub fn new(octets: &[u8]) -> Self {
        Self(Arc::new(Zeroizing::new(octets.to_vec())))
    }

    pub fn octets(&self) -> &[u8] {
        &self.0
    }

    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

/// In the same time wherever the octets differ.
impl PartialEq for Secret {
    fn eq(&self, other: &Self) -> bool {
        self.octets().ct_eq(other.octets()).into()
    }
}

impl Eq for Secret {}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(…)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_is_compared_and_not_printed() {
        let secret = Secret::new(b"mypassphrase");
        assert_eq!(secret, Secret::new(b"mypassphrase"));
        assert_ne!(secret, Secret::new(b"mypassphrasf"));
        assert_ne!(secret, Secret::new(b"mypass"));
        assert!(!format!("{secret:?}").contains("mypass"));
    }
}
