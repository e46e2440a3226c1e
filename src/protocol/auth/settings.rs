//! Who logs in where, and how: what a login is made with.

use crate::crypto::secret::Secret;
use crate::crypto::srp::{HashGeneration, Padding, Verifier};
use std::fmt;
use std::sync::{Arc, OnceLock};

/// The EAPOL version that we speak: libRIST 0.2.19. Version 3 is TR-06-2, version 2 libRIST 0.2.7.
pub const VERSION: u8 = 4;

/// From this version on the inner digests are plain SHA-256, and there is a passphrase exchange.
pub(super) const VERSION_STANDARD: u8 = 3;
/// From this version on passphrases are sealed.
pub(super) const VERSION_SEALED: u8 = 4;

/// What a user logs in with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Credentials {
    username: Arc<[u8]>,
    password: Secret,
}

impl Credentials {
    /// `None` unless both have 1 to 255 octets, none of them NUL.
    pub fn new(username: &[u8], password: &Secret) -> Option<Self> {
        let usable = |octets: &[u8]| (1..=255).contains(&octets.len()) && !octets.contains(&0);
        let good = usable(username) && usable(password.octets());
        good.then(|| Self { username: username.into(), password: password.clone() })
    }

    pub fn username(&self) -> &[u8] {
        &self.username
    }

    pub(super) fn password(&self) -> &Secret {
        &self.password
    }
}

/// The only user of a listener. All peers of the listener share its verifiers, which are made once.
#[derive(Clone)]
pub struct SingleUser(Arc<Known>);

struct Known {
    credentials: Credentials,
    verifiers: [OnceLock<Arc<Verifier>>; 2],
}

impl SingleUser {
    pub fn new(credentials: Credentials) -> Self {
        Self(Arc::new(Known { credentials, verifiers: [const { OnceLock::new() }; 2] }))
    }

    pub(super) fn credentials(&self) -> &Credentials {
        &self.0.credentials
    }

    pub(super) fn verifier(&self, generation: HashGeneration) -> Option<&Arc<Verifier>> {
        self.0.verifiers[usize::from(generation.number())].get()
    }

    /// Keeps a verifier, unless there is one; returns the one that stays.
    pub(super) fn keep(&self, verifier: Arc<Verifier>) -> &Arc<Verifier> {
        self.0.verifiers[usize::from(verifier.generation.number())].get_or_init(|| verifier)
    }
}

impl fmt::Debug for SingleUser {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SingleUser({:?})", self.0.credentials)
    }
}

/// Where an authenticator's verifiers come from.
#[derive(Debug, Clone)]
pub enum Verifiers {
    Single(SingleUser),
    /// The owner knows: it is asked by [`super::AuthOutput::LookUp`].
    LookUp,
}

/// Which side of a login we are.
#[derive(Debug, Clone)]
pub enum LoginRole {
    /// The listener, which lets others in.
    Authenticator(Verifiers),
    /// The caller, which proves who it is.
    Authenticatee(Credentials),
}

/// What the logins of one configured peer have in common.
#[derive(Debug, Clone)]
pub struct AuthSettings {
    /// `Unpadded` is libRIST's `srp-compat=1`; both sides need the same. A peer that speaks EAPOL
    /// version 2 is libRIST 0.2.7 and gets `Unpadded` whatever stands here.
    pub padding: Padding,
    /// Our configured passphrase, which the other side may ask for.
    pub secret: Option<Secret>,
    /// 32 random octets, the same for all peers and as long as the context lives: from them come the
    /// challenges of users that do not exist.
    pub decoy_key: Secret,
    /// Highest EAPOL version to speak.
    pub version: u8,
}

impl AuthSettings {
    pub fn new(decoy_key: Secret) -> Self {
        Self { padding: Padding::default(), secret: None, decoy_key, version: VERSION }
    }

    /// How numbers are hashed toward a peer of which `seen` is the highest version.
    pub(super) fn padding_toward(&self, seen: u8) -> Padding {
        if seen < VERSION_STANDARD || self.version < VERSION_STANDARD { Padding::Unpadded } else { self.padding }
    }
}
