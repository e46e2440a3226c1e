//! One caller's try to log in, seen from the authenticator, since it said its name.

use crate::crypto::srp::{ServerProof, Verifier};
use crate::protocol::time::Time;
use std::sync::Arc;

pub(super) struct Attempt {
    pub(super) username: Vec<u8>,
    /// The EAPOL version of the caller's name.
    pub(super) offered: u8,
    /// The EAPOL version in force, decided with the verifier.
    pub(super) version: u8,
    pub(super) verifier: Option<Arc<Verifier>>,
    /// There is no such user, or no verifier that the caller could use.
    pub(super) decoy: bool,
    pub(super) file_generation: Option<u64>,
    pub(super) stage: Stage,
}

pub(super) enum Stage {
    /// The owner was asked for the verifier, or it is being made.
    Verifier { id: u64, deadline: Time },
    /// The challenge is out.
    Challenge,
    /// Both keys are known, ours is being made.
    Proof { id: u64, deadline: Time },
    /// Our key is out.
    ServerKey(Box<ServerProof>),
    /// The caller is proven, and our proof is out.
    Validator,
}

impl Attempt {
    /// When to stop waiting for somebody in the house.
    pub(super) fn deadline(&self) -> Option<Time> {
        match self.stage {
            Stage::Verifier { deadline, .. } | Stage::Proof { deadline, .. } => Some(deadline),
            Stage::Challenge | Stage::ServerKey(_) | Stage::Validator => None,
        }
    }
}
