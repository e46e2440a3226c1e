//! Work that takes too long for the thread that serves media. The session asks for it, its owner does it elsewhere.

use super::auth;
use crate::crypto::psk::{Cipher, KeySize, Nonce};
use crate::crypto::secret::Secret;

/// One piece of work; answered by `Session::job_done` with the same number.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct JobId(pub u64);

#[derive(Debug)]
pub enum Job {
    /// The keys of a nonce, one for each passphrase.
    Derive {
        passphrases: Vec<Secret>,
        nonce: Nonce,
        size: KeySize,
    },
    Login(auth::Job),
}

#[derive(Debug)]
pub enum JobResult {
    Derived(Vec<Cipher>),
    Login(auth::JobResult),
}

impl Job {
    /// A pure function: the same everywhere, on any thread.
    pub fn run(self) -> JobResult {
        match self {
            Job::Derive { passphrases, nonce, size } => {
                let keys = passphrases.iter().map(|passphrase| Cipher::derive(passphrase, nonce, size));
                JobResult::Derived(keys.collect())
            }
            Job::Login(job) => JobResult::Login(job.run()),
        }
    }
}
