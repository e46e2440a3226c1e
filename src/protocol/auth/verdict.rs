//! What a frame, a result or a deadline decided about the other side.

use crate::crypto::secret::Secret;

#[derive(Debug)]
pub(super) enum Verdict {
    Undecided,
    /// It proved who it is.
    Proven(Box<Proven>),
    /// It had to prove itself again and did not.
    Expired,
}

/// What both sides agreed on.
#[derive(Debug)]
pub(super) struct Proven {
    pub(super) username: Vec<u8>,
    pub(super) key: Secret,
    /// The EAPOL version in force.
    pub(super) version: u8,
    /// Both sides seal passphrases (EAPOL version 4).
    pub(super) sealed: bool,
    /// We encrypt with the key of the login.
    pub(super) transmit_key: bool,
    /// The other side does.
    pub(super) receive_key: bool,
}
