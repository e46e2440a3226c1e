//! Work that takes too long for the thread that serves media. The session asks for it, its owner does it elsewhere.

use super::auth;
use super::config::PskMode;
use crate::crypto::aead;
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
        mode: PskMode,
    },
    Login(auth::Job),
}

/// The keys of one passphrase and one nonce.
#[derive(Debug, Clone)]
pub struct Keys {
    /// Of Main's tunnel, and of Advanced in PSK mode 1.
    pub cipher: Cipher,
    /// Of Advanced in the modes that authenticate.
    pub authenticated: Option<aead::Key>,
}

impl Keys {
    pub fn derive(passphrase: &Secret, nonce: Nonce, size: KeySize, mode: PskMode) -> Self {
        let mode = aead::Mode::from_number(mode as u8);
        let authenticated = mode.and_then(|mode| aead::Key::derive(mode, passphrase, nonce, size));
        Self { cipher: Cipher::derive(passphrase, nonce, size), authenticated }
    }
}

impl From<Cipher> for Keys {
    fn from(cipher: Cipher) -> Self {
        Self { cipher, authenticated: None }
    }
}

#[derive(Debug)]
pub enum JobResult {
    Derived(Vec<Keys>),
    Login(auth::JobResult),
}

impl Job {
    /// A pure function: the same everywhere, on any thread.
    pub fn run(self) -> JobResult {
        match self {
            Job::Derive { passphrases, nonce, size, mode } => {
                let keys = passphrases.iter().map(|passphrase| Keys::derive(passphrase, nonce, size, mode));
                JobResult::Derived(keys.collect())
            }
            Job::Login(job) => JobResult::Login(job.run()),
        }
    }
}
