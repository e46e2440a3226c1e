//! The caller's side: proves who we are, and that the listener knows us.
//!
//! A login in progress never touches the one in force, so that nothing a stranger forges ends it.

use super::job::{ClientProofJob, Job, JobResult};
use super::output::{Turn, frame};
use super::pending::{Pending, earlier};
use super::settings::{AuthSettings, Credentials, VERSION_SEALED, VERSION_STANDARD};
use super::verdict::{Proven, Verdict};
use crate::crypto::srp::{ClientKey, ClientProof, HashGeneration};
use crate::crypto::srp_group::Group;
use crate::protocol::time::{Span, Time};
use crate::wire::eap::{Challenge, Eap, Message, Validator};
use crate::wire::eapol::{self, Body, Frame};
use std::sync::Arc;

/// Between the first repetitions of a start. libRIST 0.2.17 waits 500 ms, five times; the authenticator
/// repeats every 500 ms too, and what is lost at the same time is better repeated at different times.
const START: Span = Span::from_millis(350);
const QUICK_STARTS: u32 = 7;
const LONGEST_WAIT: Span = Span::from_secs(10);
/// Between repetitions of an answer. The authenticator repeats every 500 ms; when it does not, its
/// frame or ours was lost.
const ANSWER: Span = Span::from_millis(300);
const ANSWER_REPETITIONS: u8 = 8;
/// Least time between answers to repeated requests, after a burst (libRIST 0.2.15).
const SPACING: Span = Span::from_millis(200);
const BURST: u32 = 3;
/// So many refusals in a row are no accident.
const REFUSALS: u8 = 2;
/// Time of silence after that.
const QUIET: Span = Span::from_secs(30);
/// A calculation that takes longer was forgotten.
const WATCHDOG: Span = Span::from_secs(10);

pub(super) struct Authenticatee {
    credentials: Credentials,
    /// Highest EAPOL version of the other side.
    seen: u8,
    /// Identity requests that we answered: a challenge may follow each of them.
    answered: [Option<u8>; 4],
    bucket: Bucket,
    attempt: Option<Box<Attempt>>,
    /// Our last answer, or our start.
    pending: Option<Pending>,
    /// Identifier of our last answer: what a failure must carry.
    answer: Option<u8>,
    starts: u32,
    start_at: Option<Time>,
    refusals: u8,
    quiet_until: Option<Time>,
    /// Identifier of the proof that ended the last login, and what we said to it.
    done: Option<(u8, Vec<u8>)>,
    logged_in: bool,
    hinted: bool,
}

/// A login in progress, since its challenge.
struct Attempt {
    identifier: u8,
    version: u8,
    salt: Vec<u8>,
    /// The whole challenge and server key, to recognise repetitions.
    challenge: Vec<u8>,
    server_key: Option<Vec<u8>>,
    key: Option<Arc<ClientKey>>,
    proof: Option<Box<ClientProof>>,
    /// Our answers to the two.
    client_key: Option<Vec<u8>>,
    validator: Option<Vec<u8>>,
    job: Option<(u64, Time)>,
}

impl Attempt {
    fn generation(&self) -> HashGeneration {
        if self.version < VERSION_STANDARD { HashGeneration::ZeroIv } else { HashGeneration::Standard }
    }
}

/// Allows a burst, then one each 200 ms.
#[derive(Default)]
struct Bucket {
    taken: u32,
    since: Option<Time>,
}

impl Bucket {
    fn take(&mut self, now: Time) -> bool {
        let mut since = self.since.unwrap_or(now);
        while self.taken > 0 && now.since(since) >= SPACING {
            self.taken -= 1;
            since += SPACING;
        }
        self.since = Some(if self.taken == 0 { now } else { since });
        let free = self.taken < BURST;
        self.taken += u32::from(free);
        free
    }
}

impl Authenticatee {
    pub(super) fn new(credentials: Credentials) -> Self {
        Self {
            credentials,
            seen: 0,
            answered: [None; 4],
            bucket: Bucket::default(),
            attempt: None,
            pending: None,
            answer: None,
            starts: 0,
            start_at: None,
            refusals: 0,
            quiet_until: None,
            done: None,
            logged_in: false,
            hinted: false,
        }
    }

    /// Asks to be asked. A login in force stays until another one replaces it.
    pub(super) fn start(&mut self, turn: &mut Turn, settings: &AuthSettings) {
        if self.quiet_until.is_some() {
            return;
        }
        self.drop_attempt();
        self.starts = 0;
        self.send_start(turn, settings);
    }

    /// The login in force is over.
    pub(super) fn forget(&mut self) {
        self.logged_in = false;
        self.done = None;
    }

    fn send_start(&mut self, turn: &mut Turn, settings: &AuthSettings) {
        let mut start = Vec::new();
        eapol::write(&mut start, &Frame { version: settings.version, body: Body::Start });
        turn.send(&start);
        self.starts = self.starts.saturating_add(1);
        let wait = match self.starts.saturating_sub(QUICK_STARTS) {
            0 => START,
            late => Span::from_secs(1 << (late - 1).min(4)).min(LONGEST_WAIT),
        };
        self.start_at = Some(turn.now + wait);
    }

    fn drop_attempt(&mut self) {
        self.attempt = None;
        self.pending = None;
        self.answer = None;
        self.answered = [None; 4];
    }

    /// Sends an answer, and again until something is heard.
    fn reply(&mut self, turn: &mut Turn, identifier: u8, answer: Vec<u8>) {
        turn.send(&answer);
        self.answer = Some(identifier);
        self.start_at = None;
        self.pending = Some(Pending::new(turn.now, answer, ANSWER, ANSWER_REPETITIONS));
    }

    /// Says again what was said to the same request.
    fn reply_again(&mut self, turn: &mut Turn, answer: Option<Vec<u8>>) {
        if let Some(answer) = answer
            && self.bucket.take(turn.now)
        {
            turn.send(&answer);
        }
    }

    pub(super) fn handle(&mut self, turn: &mut Turn, settings: &AuthSettings, version: u8, eap: &Eap) -> Verdict {
        if self.quiet_until.is_some() {
            return Verdict::Undecided;
        }
        match &eap.message {
            Message::IdentityRequest => self.identity(turn, settings, version, eap.identifier),
            Message::Challenge(challenge) => self.challenge(turn, settings, version, eap.identifier, challenge),
            Message::ServerKey(key) => self.server_key(turn, settings, eap.identifier, key),
            Message::ServerValidator(validator) => {
                return self.server_validator(turn, settings, eap.identifier, validator);
            }
            Message::Failure => self.failure(turn, eap.identifier),
            _ => {}
        }
        Verdict::Undecided
    }

    fn identity(&mut self, turn: &mut Turn, settings: &AuthSettings, version: u8, identifier: u8) {
        if !self.bucket.take(turn.now) {
            return;
        }
        self.seen = self.seen.max(version);
        // libRIST 0.2.7 has never seen a higher version than its own.
        let ours = if self.seen < VERSION_STANDARD { self.seen.max(2) } else { settings.version };
        let answer =
            frame(ours.min(settings.version), identifier, Message::IdentityResponse(self.credentials.username()));
        if !self.answered.contains(&Some(identifier)) {
            self.answered.rotate_right(1);
            self.answered[0] = Some(identifier);
        }
        if self.attempt.is_some() {
            // It may be a stranger's: what is in progress goes on until a challenge follows.
            turn.send(&answer);
        } else {
            self.reply(turn, identifier, answer);
        }
    }

    fn challenge(
        &mut self,
        turn: &mut Turn,
        settings: &AuthSettings,
        version: u8,
        identifier: u8,
        challenge: &Challenge,
    ) {
        let whole = frame(version, identifier, Message::Challenge(challenge.clone()));
        if let Some(attempt) = &self.attempt
            && attempt.identifier == identifier
        {
            let same = attempt.challenge == whole && attempt.validator.is_none();
            let answer = attempt.client_key.clone().filter(|_| same);
            return self.reply_again(turn, answer);
        }
        if !self.answered.contains(&Some(identifier.wrapping_sub(1))) {
            return;
        }
        let group = match challenge.group {
            None => Ok(Group::default()),
            Some((generator, modulus)) => Group::from_octets(modulus, generator),
        };
        let Ok(group) = group else {
            return turn.complain(|| "login: the listener's SRP group is unusable".into());
        };
        let Some(private) = turn.private(group.exponent_octets()) else {
            return turn.complain(|| "login: no randomness".into());
        };
        self.drop_attempt();
        self.starts = 0;
        self.start_at = None;
        self.seen = self.seen.max(version);
        let job = turn.compute(Job::ClientKey { group, private });
        self.attempt = Some(Box::new(Attempt {
            identifier,
            version: version.min(settings.version),
            salt: challenge.salt.to_vec(),
            challenge: whole,
            server_key: None,
            key: None,
            proof: None,
            client_key: None,
            validator: None,
            job: Some((job, turn.now + WATCHDOG)),
        }));
    }

    fn server_key(&mut self, turn: &mut Turn, settings: &AuthSettings, identifier: u8, public: &[u8]) {
        let padding = settings.padding_toward(self.seen);
        let Some(attempt) = &mut self.attempt else { return };
        if identifier != attempt.identifier.wrapping_add(1) {
            return;
        }
        if let Some(known) = &attempt.server_key {
            let answer = attempt.validator.clone().filter(|_| known == public);
            return self.reply_again(turn, answer);
        }
        let Some(key) = attempt.key.clone() else { return };
        attempt.server_key = Some(public.to_vec());
        let job = turn.compute(Job::ClientProof(Box::new(ClientProofJob {
            key,
            generation: attempt.generation(),
            padding,
            credentials: self.credentials.clone(),
            salt: attempt.salt.clone(),
            server_public: public.to_vec(),
        })));
        attempt.job = Some((job, turn.now + WATCHDOG));
        self.pending = None;
    }

    pub(super) fn computed(&mut self, turn: &mut Turn, id: u64, result: JobResult) {
        let Some(attempt) = &mut self.attempt else { return };
        if attempt.job.is_none_or(|(job, _)| job != id) {
            return;
        }
        attempt.job = None;
        match result {
            JobResult::ClientKey(key) => {
                let answer = frame(attempt.version, attempt.identifier, Message::ClientKey(key.public()));
                attempt.key = Some(key);
                attempt.client_key = Some(answer.clone());
                let identifier = attempt.identifier;
                self.reply(turn, identifier, answer);
            }
            JobResult::ClientProof(Ok(proof)) => {
                let identifier = attempt.identifier.wrapping_add(1);
                let validator = Validator { use_key: false, proof: proof.proof() };
                let answer = frame(attempt.version, identifier, Message::ClientValidator(validator));
                attempt.validator = Some(answer.clone());
                attempt.proof = Some(proof);
                self.reply(turn, identifier, answer);
            }
            JobResult::ClientProof(Err(error)) => {
                turn.complain(|| format!("login: the listener's numbers are unusable ({error:?})"));
                self.give_up(turn);
            }
            JobResult::Verifier(_) | JobResult::ServerProof(_) => {}
        }
    }

    fn server_validator(
        &mut self,
        turn: &mut Turn,
        settings: &AuthSettings,
        identifier: u8,
        validator: &Validator,
    ) -> Verdict {
        if let Some((done, answer)) = &self.done
            && *done == identifier
            && self.attempt.is_none()
        {
            let answer = Some(answer.clone());
            self.reply_again(turn, answer);
            return Verdict::Undecided;
        }
        let Some(attempt) = &self.attempt else { return Verdict::Undecided };
        if identifier != attempt.identifier.wrapping_add(2) {
            return Verdict::Undecided;
        }
        let Some(proof) = &attempt.proof else { return Verdict::Undecided };
        let Some(key) = proof.confirm(validator.proof) else {
            // Perhaps forged; then the right one is still to come.
            turn.complain(|| "login: the listener's proof is wrong, it does not know our password".into());
            return Verdict::Undecided;
        };
        let version = attempt.version;
        let standard = version >= VERSION_STANDARD;
        let answer = match standard {
            true => frame(version, identifier, Message::Success { long: true }),
            false => frame(version, identifier, Message::ValidatorAcknowledged),
        };
        let proven = Box::new(Proven {
            username: self.credentials.username().to_vec(),
            key: key.clone(),
            version,
            sealed: version >= VERSION_SEALED && settings.version >= VERSION_SEALED,
            transmit_key: false,
            receive_key: standard && validator.use_key,
        });
        turn.send(&answer);
        self.drop_attempt();
        self.start_at = None;
        self.refusals = 0;
        self.done = Some((identifier, answer));
        self.logged_in = true;
        Verdict::Proven(proven)
    }

    fn failure(&mut self, turn: &mut Turn, identifier: u8) {
        if self.answer != Some(identifier) {
            return;
        }
        let proved = self.attempt.as_ref().is_some_and(|attempt| attempt.validator.is_some());
        let hint = if proved && !self.hinted {
            self.hinted = true;
            "; or the other side uses the unpadded SRP of libRIST before 0.2.16 and we do not, or the other way \
             round: set srp-compat=1 on the newer side"
        } else {
            ""
        };
        turn.complain(|| format!("login refused: wrong user name or password{hint}"));
        self.refusals += 1;
        self.drop_attempt();
        if self.refusals >= REFUSALS {
            self.quiet_until = Some(turn.now + QUIET);
            self.start_at = None;
        } else {
            self.give_up(turn);
        }
    }

    /// Begins again after a while, unless a login is in force.
    fn give_up(&mut self, turn: &Turn) {
        self.drop_attempt();
        self.start_at = (!self.logged_in).then(|| turn.now + Span::from_secs(1));
    }

    /// There is no time for what is to be calculated. The challenge comes again, and is then welcome.
    pub(super) fn turned_away(&mut self, now: Time) {
        self.attempt = None;
        self.pending = None;
        self.start_at = (!self.logged_in).then(|| now + Span::from_secs(1));
    }

    pub(super) fn handle_timeout(&mut self, turn: &mut Turn, settings: &AuthSettings) {
        if self.quiet_until.is_some_and(|until| turn.now >= until) {
            self.quiet_until = None;
            self.refusals = 0;
            self.starts = 0;
            self.start_at = (!self.logged_in).then_some(turn.now);
        }
        let forgotten = self.attempt.as_ref().and_then(|attempt| attempt.job);
        if forgotten.is_some_and(|(_, deadline)| turn.now >= deadline) {
            self.give_up(turn);
        }
        if let Some(pending) = &mut self.pending
            && pending.is_due(turn.now)
        {
            match pending.repeat(turn.now) {
                Some(again) => turn.send(again),
                None => {
                    self.drop_attempt();
                    self.start_at = (!self.logged_in).then_some(turn.now);
                }
            }
        }
        if self.start_at.is_some_and(|at| turn.now >= at) {
            self.send_start(turn, settings);
        }
    }

    pub(super) fn poll_timeout(&self) -> Option<Time> {
        let job = self.attempt.as_ref().and_then(|attempt| attempt.job).map(|(_, deadline)| deadline);
        let pending = self.pending.as_ref().map(Pending::due);
        earlier(earlier(job, pending), earlier(self.start_at, self.quiet_until))
    }
}
