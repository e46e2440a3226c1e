//! The kinds of streams that are measured.

use rist::crypto::psk::KeySize;
use rist::crypto::secret::Secret;
use rist::protocol::config::{PeerConfig, Profile};
use rist::protocol::time::Span;

#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Kind {
    pub(crate) name: &'static str,
    pub(crate) profile: Profile,
    pub(crate) key: Option<KeySize>,
    /// Of everything from the sender to the receiver.
    pub(crate) loss: f64,
}

pub(crate) const SIMPLE: Kind = Kind { name: "Simple", profile: Profile::Simple, key: None, loss: 0.0 };
pub(crate) const MAIN: Kind = Kind { name: "Main", profile: Profile::Main, ..SIMPLE };
pub(crate) const MAIN_AES_128: Kind = Kind { name: "Main AES-128", key: Some(KeySize::Aes128), ..MAIN };
pub(crate) const MAIN_AES_256: Kind = Kind { name: "Main AES-256", key: Some(KeySize::Aes256), ..MAIN };
pub(crate) const MAIN_LOSS: Kind = Kind { name: "Main 5 % loss", loss: 0.05, ..MAIN };

pub(crate) const ADVANCED: Kind = Kind { name: "Advanced", profile: Profile::Advanced, ..SIMPLE };
pub(crate) const ADVANCED_AES_128: Kind = Kind { name: "Advanced AES-128", key: Some(KeySize::Aes128), ..ADVANCED };
pub(crate) const ADVANCED_AES_256: Kind = Kind { name: "Advanced AES-256", key: Some(KeySize::Aes256), ..ADVANCED };
pub(crate) const ADVANCED_LOSS: Kind = Kind { name: "Advanced 5 % loss", loss: 0.05, ..ADVANCED };

pub(crate) const KINDS: [Kind; 9] =
    [SIMPLE, MAIN, MAIN_AES_128, MAIN_AES_256, MAIN_LOSS, ADVANCED, ADVANCED_AES_128, ADVANCED_AES_256, ADVANCED_LOSS];

impl Kind {
    /// The defaults, with a bandwidth that leaves room for repairs beside 50 Mbit/s of media.
    pub(crate) fn config(&self) -> PeerConfig {
        PeerConfig {
            max_bitrate_kbps: 500_000,
            session_timeout: Span::from_secs(600),
            cname: "bench".to_owned(),
            secret: self.key.map(|_| Secret::new(b"a passphrase")),
            key_size: self.key.unwrap_or(KeySize::Aes128),
            ..PeerConfig::default()
        }
    }
}
