//! Keys and proofs, without I/O: the pre-shared key of the Main profile, and secrets that leave no trace.
//!
//! Nothing here asks for randomness or the time; whoever calls brings both.

pub mod aead;
pub mod decoy;
pub mod eap_passphrase;
pub mod psk;
pub mod replay;
pub mod secret;
pub mod srp;
pub mod srp_group;
#[cfg(test)]
pub(crate) mod testing;
mod zero_iv;
