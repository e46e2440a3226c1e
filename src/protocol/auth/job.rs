//! The slow part of a login: calculations of milliseconds, for another thread than the one that serves media.

use super::settings::Credentials;
use crate::crypto::secret::Secret;
use crate::crypto::srp::{self, ClientKey, ClientProof, HashGeneration, Padding, ServerProof, Verifier};
use crate::crypto::srp_group::Group;
use std::fmt;
use std::sync::Arc;

/// Something to calculate. Needs nothing but time.
pub enum Job {
    Verifier { credentials: Credentials, generation: HashGeneration, salt: [u8; 32] },
    ClientKey { group: Group, private: Secret },
    ClientProof(Box<ClientProofJob>),
    ServerProof(Box<ServerProofJob>),
}

pub struct ClientProofJob {
    pub(super) key: Arc<ClientKey>,
    pub(super) generation: HashGeneration,
    pub(super) padding: Padding,
    pub(super) credentials: Credentials,
    pub(super) salt: Vec<u8>,
    pub(super) server_public: Vec<u8>,
}

pub struct ServerProofJob {
    pub(super) verifier: Arc<Verifier>,
    pub(super) padding: Padding,
    pub(super) username: Vec<u8>,
    pub(super) client_public: Vec<u8>,
    pub(super) private: Secret,
}

/// What a job found.
pub enum JobResult {
    Verifier(Result<Arc<Verifier>, srp::Error>),
    ClientKey(Arc<ClientKey>),
    ClientProof(Result<Box<ClientProof>, srp::Error>),
    ServerProof(Result<Box<ServerProof>, srp::Error>),
}

impl Job {
    pub fn run(self) -> JobResult {
        match self {
            Job::Verifier { credentials, generation, salt } => {
                let group = Group::default();
                let made = Verifier::new(&group, generation, credentials.username(), credentials.password(), &salt);
                JobResult::Verifier(made.map(Arc::new))
            }
            Job::ClientKey { group, private } => {
                JobResult::ClientKey(Arc::new(ClientKey::new(&group, private.octets())))
            }
            Job::ClientProof(job) => {
                let (username, password) = (job.credentials.username(), job.credentials.password());
                let made =
                    job.key.prove(job.generation, job.padding, username, password, &job.salt, &job.server_public);
                JobResult::ClientProof(made.map(Box::new))
            }
            Job::ServerProof(job) => {
                let private = job.private.octets();
                let made = ServerProof::new(&job.verifier, job.padding, &job.username, &job.client_public, private);
                JobResult::ServerProof(made.map(Box::new))
            }
        }
    }
}

impl fmt::Debug for Job {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Job::Verifier { .. } => "Verifier",
            Job::ClientKey { .. } => "ClientKey",
            Job::ClientProof(_) => "ClientProof",
            Job::ServerProof(_) => "ServerProof",
        })
    }
}

impl fmt::Debug for JobResult {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("JobResult")
    }
}
