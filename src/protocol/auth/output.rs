//! What a login asks its owner to do.

use super::job::Job;
use crate::crypto::secret::Secret;
use crate::crypto::srp::Verifier;
use crate::protocol::entropy::Entropy;
use crate::protocol::time::{Span, Time};
use crate::wire::eap::{Eap, Message};
use crate::wire::eapol::{self, Body, Frame};
use std::collections::VecDeque;

#[derive(Debug)]
pub enum AuthOutput {
    /// One EAPOL frame, for a GRE packet of type 0x888E in clear.
    Send(Vec<u8>),
    /// Run the job elsewhere, then call `Auth::computed` with the same id.
    Compute { id: u64, job: Job },
    /// Who is this? Call `Auth::looked_up` with the same id. A verifier of a lower generation is welcome,
    /// of a higher one useless.
    LookUp { id: u64, username: Vec<u8>, hash_generation: u8 },
    /// Has what is known of the user changed? Call `Auth::generation` with the same id.
    CheckGeneration { id: u64, username: Vec<u8> },
    /// The other side is who it says, and traffic may flow. `first`: it was not a moment ago.
    Authenticated { username: Vec<u8>, first: bool },
    /// It no longer is: the gate closes.
    Lost,
    /// The other side has shown that it does not know the password.
    WrongPassword,
    /// Why a login failed, for the operator.
    Failed(String),
    /// Encrypt with this from now on, AES-256.
    TransmitKey(Secret),
    /// The other side encrypts with this, the login's own key. What came before may still be needed for packets
    /// under way.
    ReceiveKey(Secret),
    /// This login's key encrypts nothing that we send; nor does the key of one before it any more.
    TransmitClear,
    /// The same of what the other side sends: it may be in clear text unless it has a passphrase.
    ReceiveClear,
    /// The passphrase that the other side is configured with.
    PeerSecret(Secret),
    /// The other side has our new passphrase, or cannot be told: encrypt with it.
    SecretAcknowledged,
    /// For the operator, less urgent.
    Note(String),
}

/// What the owner knows of a user.
#[derive(Debug, Clone)]
pub struct LookUpAnswer {
    /// `None`: no such user.
    pub verifier: Option<Verifier>,
    /// Changes when the answer does, e.g. with the time stamp of a file.
    pub generation: u64,
}

/// Least time between two complaints: every packet of a stranger can cause one.
const COMPLAINTS: Span = Span::from_secs(2);

/// Outputs that wait for the owner.
#[derive(Debug, Default)]
pub(super) struct Outbox {
    queue: VecDeque<AuthOutput>,
    last_id: u64,
    complained: Option<Time>,
}

impl Outbox {
    pub(super) fn pop(&mut self) -> Option<AuthOutput> {
        let first = self.queue.pop_front();
        if self.queue.is_empty() {
            // Most peers are idle most of the time, and some are strangers.
            self.queue = VecDeque::new();
        }
        first
    }

    pub(super) fn push(&mut self, output: AuthOutput) {
        self.queue.push_back(output);
    }

    #[cfg(test)]
    pub(super) fn heap_size(&self) -> usize {
        self.queue.capacity() * size_of::<AuthOutput>()
    }

    fn id(&mut self) -> u64 {
        self.last_id += 1;
        self.last_id
    }
}

/// What one call brings, and where its outputs go.
pub(super) struct Turn<'a> {
    pub(super) now: Time,
    pub(super) entropy: &'a mut Entropy,
    pub(super) out: &'a mut Outbox,
}

impl Turn<'_> {
    pub(super) fn send(&mut self, frame: &[u8]) {
        self.out.push(AuthOutput::Send(frame.to_vec()));
    }

    pub(super) fn compute(&mut self, job: Job) -> u64 {
        let id = self.out.id();
        self.out.push(AuthOutput::Compute { id, job });
        id
    }

    pub(super) fn look_up(&mut self, username: &[u8], hash_generation: u8) -> u64 {
        let id = self.out.id();
        self.out.push(AuthOutput::LookUp { id, username: username.to_vec(), hash_generation });
        id
    }

    pub(super) fn check_generation(&mut self, username: &[u8]) -> u64 {
        let id = self.out.id();
        self.out.push(AuthOutput::CheckGeneration { id, username: username.to_vec() });
        id
    }

    pub(super) fn complain(&mut self, text: impl FnOnce() -> String) {
        if self.out.complained.is_some_and(|last| self.now.since(last) < COMPLAINTS) {
            return;
        }
        self.out.complained = Some(self.now);
        self.out.push(AuthOutput::Failed(text()));
    }

    pub(super) fn note(&mut self, text: impl Into<String>) {
        self.out.push(AuthOutput::Note(text.into()));
    }

    /// A private exponent of so many octets, at most 128; `None` without randomness.
    pub(super) fn private(&mut self, octets: usize) -> Option<Secret> {
        let all = zeroize::Zeroizing::new(self.entropy.octets::<128>().ok()?);
        Some(Secret::new(&all[..octets.min(128)]))
    }
}

/// One EAP packet in its frame.
pub(super) fn frame(version: u8, identifier: u8, message: Message) -> Vec<u8> {
    let mut out = Vec::new();
    eapol::write(&mut out, &Frame { version, body: Body::Eap(Eap { identifier, message }) });
    out
}

/// A name from the wire, as text that cannot disturb a log.
pub(super) fn printable(name: &[u8]) -> String {
    let text = String::from_utf8_lossy(&name[..name.len().min(64)]);
    format!("\"{}\"", text.escape_debug())
}
