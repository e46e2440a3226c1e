//! The listener's side: lets a caller in, or not.
//!
//! The caller counts as authenticated from its proof on, not from its acknowledgement of ours: the
//! proof cannot be forged, and a lost acknowledgement must not cost media. A login in progress never
//! touches the one in force, except when the user's entry changed.

use super::attempt::{Attempt, Stage};
use super::job::{Job, JobResult, ServerProofJob};
use super::output::{AuthOutput, LookUpAnswer, Turn, frame, printable};
use super::pending::{Pending, earlier};
use super::settings::{AuthSettings, VERSION_SEALED, VERSION_STANDARD, Verifiers};
use super::verdict::{Proven, Verdict};
use crate::crypto::decoy;
use crate::crypto::srp::{HashGeneration, Padding, Verifier};
use crate::protocol::time::{Span, Time};
use crate::wire::eap::{Challenge, Eap, Message, Validator};
use std::sync::Arc;

/// Between repetitions of a request, and how many (libRIST).
const REQUEST: Span = Span::from_millis(500);
const REPETITIONS: u8 = 5;
/// Least time before a request is repeated because the caller repeats its answer to the one before.
const PROMPT: Span = Span::from_millis(150);
const FIRST_PAUSE: Span = Span::from_secs(1);
const TURNED_AWAY: Span = Span::from_millis(200);
const LONGEST_PAUSE: Span = Span::from_secs(10);
/// More wrong proofs than this lock the door for a while (libRIST; there until the peer is gone).
const TRIES: u8 = 3;
const LOCKED: Span = Span::from_secs(30);
/// Least time between logins of a caller that is already in.
const REPEATED_START: Span = Span::from_secs(1);
/// How often the user's entry is looked at, and how long a caller may take to prove itself anew.
const RECHECK: Span = Span::from_secs(60);
const GRACE: Span = Span::from_secs(15);
/// A calculation or look-up that takes longer was forgotten.
const WATCHDOG: Span = Span::from_secs(10);

pub(super) struct Authenticator {
    verifiers: Verifiers,
    /// Of the current request. `None` until randomness chose the first.
    identifier: Option<u8>,
    /// The request that waits for an answer.
    pending: Option<Pending>,
    attempt: Option<Box<Attempt>>,
    /// The caller began anew in the middle of an attempt.
    restart: bool,
    retry_at: Option<Time>,
    pause: Span,
    wrong: u8,
    locked_until: Option<Time>,
    /// Somebody is in, since when.
    let_in: Option<Time>,
    /// And knows it.
    confirmed: bool,
    /// EAPOL version, name and entry of who is in.
    version: u8,
    entry: Option<(Vec<u8>, u64)>,
    recheck_at: Option<Time>,
    recheck: Option<u64>,
    prove_until: Option<Time>,
    hinted: bool,
}

impl Authenticator {
    pub(super) fn new(verifiers: Verifiers) -> Self {
        Self {
            verifiers,
            identifier: None,
            pending: None,
            attempt: None,
            restart: false,
            retry_at: None,
            pause: FIRST_PAUSE,
            wrong: 0,
            locked_until: None,
            let_in: None,
            confirmed: false,
            version: 0,
            entry: None,
            recheck_at: None,
            recheck: None,
            prove_until: None,
            hinted: false,
        }
    }

    /// Asks who is there.
    pub(super) fn start(&mut self, turn: &mut Turn, settings: &AuthSettings) {
        if self.locked_until.is_none() && self.pending.is_none() && self.attempt.is_none() {
            self.ask_identity(turn, settings);
        }
    }

    /// The caller has answered the first question.
    pub(super) fn is_answered(&self) -> bool {
        self.attempt.is_some()
    }

    /// The login in force is over.
    pub(super) fn forget(&mut self) {
        self.let_in = None;
        self.confirmed = false;
        self.version = 0;
        self.entry = None;
        self.recheck_at = None;
        self.recheck = None;
        self.prove_until = None;
    }

    /// The caller asks to be asked.
    pub(super) fn started(&mut self, turn: &mut Turn, settings: &AuthSettings) {
        if self.locked_until.is_some() {
            return;
        }
        if self.attempt.is_some() {
            self.restart = true;
            return;
        }
        let just_in = self.confirmed && self.let_in.is_some_and(|since| turn.now.since(since) < REPEATED_START);
        if let Some(pending) = &mut self.pending {
            // It did not hear our request yet.
            if let Some(again) = pending.prompt(turn.now, PROMPT) {
                turn.send(again);
            }
        } else if !just_in {
            self.pause = FIRST_PAUSE;
            self.ask_identity(turn, settings);
        }
    }

    fn ask_identity(&mut self, turn: &mut Turn, settings: &AuthSettings) {
        self.attempt = None;
        self.restart = false;
        self.retry_at = None;
        if self.identifier.is_none() {
            match turn.entropy.octets::<1>() {
                Ok([octet]) => self.identifier = Some(octet),
                Err(_) => {
                    self.retry_at = Some(turn.now + FIRST_PAUSE);
                    return turn.complain(|| "login: no randomness".into());
                }
            }
        }
        // Once more with the version in force, as a caller of version 2 may hear nothing else.
        let version = if self.version == 0 { settings.version } else { self.version };
        self.request(turn, version, Message::IdentityRequest);
    }

    fn request(&mut self, turn: &mut Turn, version: u8, message: Message) {
        let identifier = self.identifier.unwrap_or_default().wrapping_add(1);
        self.identifier = Some(identifier);
        let request = frame(version, identifier, message);
        turn.send(&request);
        self.pending = Some(Pending::new(turn.now, request, REQUEST, REPETITIONS));
    }

    pub(super) fn handle(&mut self, turn: &mut Turn, settings: &AuthSettings, version: u8, eap: &Eap) -> Verdict {
        if self.locked_until.is_some() {
            return Verdict::Undecided;
        }
        let Some(identifier) = self.identifier else { return Verdict::Undecided };
        if eap.identifier == identifier {
            return self.answered(turn, settings, version, &eap.message);
        }
        // The answer to the request before, once more: the caller did not get ours.
        let answer =
            matches!(eap.message, Message::IdentityResponse(_) | Message::ClientKey(_) | Message::ClientValidator(_));
        if answer
            && eap.identifier == identifier.wrapping_sub(1)
            && self.attempt.is_some()
            && let Some(pending) = &mut self.pending
            && let Some(again) = pending.prompt(turn.now, PROMPT)
        {
            turn.send(again);
        }
        Verdict::Undecided
    }

    /// What answers the current request.
    fn answered(&mut self, turn: &mut Turn, settings: &AuthSettings, version: u8, message: &Message) -> Verdict {
        match (message, self.attempt.as_deref_mut()) {
            (Message::IdentityResponse(name), None) if self.pending.is_some() => {
                self.named(turn, settings, version, name);
            }
            (Message::ClientKey(key), Some(attempt @ Attempt { stage: Stage::Challenge, .. })) => {
                let Some(verifier) = attempt.verifier.clone() else { return Verdict::Undecided };
                let Some(private) = turn.private(verifier.group.exponent_octets()) else {
                    turn.complain(|| "login: no randomness".into());
                    return Verdict::Undecided;
                };
                let job = ServerProofJob {
                    verifier,
                    padding: settings.padding_toward(attempt.offered),
                    username: attempt.username.clone(),
                    client_public: key.to_vec(),
                    private,
                };
                let id = turn.compute(Job::ServerProof(Box::new(job)));
                attempt.stage = Stage::Proof { id, deadline: turn.now + WATCHDOG };
                self.pending = None;
            }
            (Message::ClientValidator(validator), Some(Attempt { stage: Stage::ServerKey(_), .. })) => {
                return self.validate(turn, settings, validator);
            }
            (
                Message::Success { .. } | Message::ValidatorAcknowledged,
                Some(Attempt { stage: Stage::Validator, .. }),
            ) => {
                self.attempt = None;
                self.pending = None;
                self.restart = false;
                self.confirmed = true;
                self.pause = FIRST_PAUSE;
            }
            _ => {}
        }
        Verdict::Undecided
    }

    fn named(&mut self, turn: &mut Turn, settings: &AuthSettings, version: u8, name: &[u8]) {
        self.pending = None;
        let generation = match version.min(settings.version) < VERSION_STANDARD {
            true => HashGeneration::ZeroIv,
            false => HashGeneration::Standard,
        };
        let mut attempt = Box::new(Attempt {
            username: name.to_vec(),
            offered: version,
            version: version.min(settings.version),
            verifier: None,
            decoy: false,
            file_generation: None,
            stage: Stage::Challenge,
        });
        let deadline = turn.now + WATCHDOG;
        match &self.verifiers {
            Verifiers::LookUp => {
                let id = turn.look_up(name, generation.number());
                attempt.stage = Stage::Verifier { id, deadline };
                self.attempt = Some(attempt);
            }
            Verifiers::Single(user) if user.credentials().username() == name => {
                if let Some(verifier) = user.verifier(generation).cloned() {
                    return self.challenge(turn, attempt, verifier);
                }
                let Ok(mut salt) = turn.entropy.octets::<32>() else {
                    return turn.complain(|| "login: no randomness".into());
                };
                // libRIST before 0.2.16 loses leading zeros of a salt.
                salt[0] |= 1;
                let credentials = user.credentials().clone();
                let id = turn.compute(Job::Verifier { credentials, generation, salt });
                attempt.stage = Stage::Verifier { id, deadline };
                self.attempt = Some(attempt);
            }
            Verifiers::Single(_) => {
                turn.complain(|| format!("login of {}: unknown user", printable(name)));
                attempt.decoy = true;
                let verifier = Arc::new(decoy::verifier(&settings.decoy_key, name, generation));
                self.challenge(turn, attempt, verifier);
            }
        }
    }

    pub(super) fn looked_up(&mut self, turn: &mut Turn, settings: &AuthSettings, id: u64, answer: LookUpAnswer) {
        let asked =
            |attempt: &mut Box<Attempt>| matches!(attempt.stage, Stage::Verifier { id: asked, .. } if asked == id);
        let Some(mut attempt) = self.attempt.take_if(asked) else { return };
        let old = attempt.version < VERSION_STANDARD;
        let name = printable(&attempt.username);
        attempt.file_generation = Some(answer.generation);
        let unusable = match &answer.verifier {
            None => Some("unknown user"),
            Some(verifier) if verifier.check().is_err() => Some("the stored verifier is unusable"),
            Some(verifier) if old && verifier.generation == HashGeneration::Standard => {
                Some("the caller needs a verifier of hash generation 0 (libRIST 0.2.7), and there is none")
            }
            Some(_) => None,
        };
        if let Some(reason) = unusable {
            turn.complain(|| format!("login of {name}: {reason}"));
        }
        let verifier = match (unusable, answer.verifier) {
            (None, Some(verifier)) => verifier,
            _ => {
                attempt.decoy = true;
                let generation = if old { HashGeneration::ZeroIv } else { HashGeneration::Standard };
                decoy::verifier(&settings.decoy_key, &attempt.username, generation)
            }
        };
        self.challenge(turn, attempt, Arc::new(verifier));
    }

    fn challenge(&mut self, turn: &mut Turn, mut attempt: Box<Attempt>, verifier: Arc<Verifier>) {
        if verifier.generation == HashGeneration::ZeroIv {
            attempt.version = 2;
        }
        let (generator, modulus) = (verifier.group.generator_octets(), verifier.group.modulus_octets());
        let group = (!verifier.group.is_default()).then_some((&generator[..], &modulus[..]));
        let message = Message::Challenge(Challenge { name: &[], salt: &verifier.salt, group });
        self.request(turn, attempt.version, message);
        attempt.verifier = Some(verifier.clone());
        attempt.stage = Stage::Challenge;
        self.attempt = Some(attempt);
    }

    pub(super) fn computed(&mut self, turn: &mut Turn, id: u64, result: JobResult) -> Verdict {
        let Some(attempt) = &mut self.attempt else { return Verdict::Undecided };
        match (&attempt.stage, result) {
            (Stage::Verifier { id: asked, .. }, JobResult::Verifier(made)) if *asked == id => {
                let Some(attempt) = self.attempt.take() else { return Verdict::Undecided };
                if let (Ok(made), Verifiers::Single(user)) = (made, &self.verifiers) {
                    let verifier = user.keep(made).clone();
                    self.challenge(turn, attempt, verifier);
                }
            }
            (Stage::Proof { id: asked, .. }, JobResult::ServerProof(made)) if *asked == id => match made {
                Ok(proof) => {
                    let (version, public) = (attempt.version, proof.public().to_vec());
                    attempt.stage = Stage::ServerKey(proof);
                    self.request(turn, version, Message::ServerKey(&public));
                }
                Err(error) => {
                    let name = printable(&attempt.username);
                    return self.refuse(turn, format!("login of {name}: unusable numbers ({error:?})"));
                }
            },
            _ => {}
        }
        Verdict::Undecided
    }

    fn validate(&mut self, turn: &mut Turn, settings: &AuthSettings, validator: &Validator) -> Verdict {
        let Some(attempt) = self.attempt.as_deref_mut() else { return Verdict::Undecided };
        let Stage::ServerKey(proof) = &attempt.stage else { return Verdict::Undecided };
        let confirmed = proof.confirm(validator.proof).filter(|_| !attempt.decoy);
        let Some((m2, key)) = confirmed else {
            let name = printable(&attempt.username);
            let (decoy, offered) = (attempt.decoy, attempt.offered);
            let hint = if decoy { "" } else { self.hint(settings, offered) };
            return self.refuse(turn, format!("login of {name}: wrong password{hint}"));
        };
        let standard = attempt.version >= VERSION_STANDARD;
        // A caller of version 2 ignores the flag and could not read a word of what followed.
        let transmit_key = standard && settings.secret.is_none();
        let proven = Box::new(Proven {
            username: attempt.username.clone(),
            key: key.clone(),
            version: attempt.version,
            sealed: attempt.version >= VERSION_SEALED,
            transmit_key,
            receive_key: standard && validator.use_key,
        });
        attempt.stage = Stage::Validator;
        self.version = attempt.version;
        self.entry = attempt.file_generation.map(|generation| (attempt.username.clone(), generation));
        self.recheck = None;
        self.recheck_at = self.entry.is_some().then(|| turn.now + RECHECK);
        self.let_in = Some(turn.now);
        self.confirmed = false;
        self.prove_until = None;
        self.wrong = 0;
        let version = self.version;
        self.request(turn, version, Message::ServerValidator(Validator { use_key: transmit_key, proof: &m2 }));
        Verdict::Proven(proven)
    }

    /// What else than the password may be wrong. It cannot be found out, and is said once.
    fn hint(&mut self, settings: &AuthSettings, offered: u8) -> &'static str {
        if std::mem::replace(&mut self.hinted, true) || offered < VERSION_STANDARD {
            return "";
        }
        match settings.padding {
            Padding::Padded => {
                "; or the other side uses the unpadded SRP of libRIST before 0.2.16: set srp-compat=1 here"
            }
            Padding::Unpadded => {
                "; or the other side uses the padded SRP of libRIST 0.2.16: set srp-compat=0 here, or 1 there"
            }
        }
    }

    fn refuse(&mut self, turn: &mut Turn, reason: String) -> Verdict {
        let version = self.attempt.take().map_or(VERSION_STANDARD, |attempt| attempt.version);
        turn.send(&frame(version, self.identifier.unwrap_or_default(), Message::Failure));
        self.pending = None;
        self.wrong += 1;
        turn.out.push(AuthOutput::WrongPassword);
        if self.wrong <= TRIES {
            turn.complain(|| reason);
            self.retry_at = self.wanted().then(|| turn.now + FIRST_PAUSE);
            return Verdict::Undecided;
        }
        turn.complain(|| format!("{reason}; no more tries for 30 s"));
        self.locked_until = Some(turn.now + LOCKED);
        self.retry_at = None;
        if self.prove_until.is_some() {
            self.forget();
            return Verdict::Expired;
        }
        Verdict::Undecided
    }

    /// Whether there is a reason to ask by ourselves.
    fn wanted(&self) -> bool {
        !self.confirmed || self.prove_until.is_some()
    }

    /// The owner's answer to whether the entry changed.
    pub(super) fn generation(&mut self, turn: &mut Turn, settings: &AuthSettings, id: u64, generation: u64) {
        if self.recheck != Some(id) {
            return;
        }
        self.recheck = None;
        self.recheck_at = Some(turn.now + RECHECK);
        let changed = self.entry.as_ref().is_some_and(|(_, known)| *known != generation);
        if changed {
            self.prove_until = Some(turn.now + GRACE);
            self.start(turn, settings);
        }
    }

    pub(super) fn handle_timeout(&mut self, turn: &mut Turn, settings: &AuthSettings) -> Verdict {
        let now = turn.now;
        let due = |at: Option<Time>| at.is_some_and(|at| now >= at);
        if due(self.prove_until) {
            self.forget();
            self.start(turn, settings);
            return Verdict::Expired;
        }
        if due(self.locked_until) {
            self.locked_until = None;
            self.wrong = 0;
            self.retry_at = self.wanted().then_some(now);
        }
        if due(self.attempt.as_ref().and_then(|attempt| attempt.deadline())) {
            self.give_up(now);
        }
        if let Some(pending) = &mut self.pending
            && pending.is_due(now)
        {
            if self.restart {
                self.ask_identity(turn, settings);
            } else {
                match pending.repeat(now) {
                    Some(again) => turn.send(again),
                    None => self.give_up(now),
                }
            }
        }
        if due(self.retry_at) {
            self.ask_identity(turn, settings);
        }
        if due(self.recheck_at) {
            self.recheck_at = Some(now + RECHECK);
            if let Some((name, _)) = &self.entry {
                self.recheck = Some(turn.check_generation(name));
            }
        }
        Verdict::Undecided
    }

    #[cfg(test)]
    pub(super) fn heap_size(&self) -> usize {
        self.pending.as_ref().map_or(0, Pending::heap_size) + self.attempt.as_ref().map_or(0, |_| size_of::<Attempt>())
    }

    /// There is no time for what is to be calculated: soon again, from the start.
    pub(super) fn turned_away(&mut self, now: Time) {
        self.attempt = None;
        self.pending = None;
        self.retry_at = Some(now + TURNED_AWAY);
    }

    /// Nobody answers: asks again after a while that grows, if there is a reason to.
    fn give_up(&mut self, now: Time) {
        self.attempt = None;
        self.pending = None;
        self.restart = false;
        self.retry_at = self.wanted().then(|| now + self.pause);
        self.pause = (self.pause + self.pause).min(LONGEST_PAUSE);
    }

    pub(super) fn poll_timeout(&self) -> Option<Time> {
        let attempt = self.attempt.as_ref().and_then(|attempt| attempt.deadline());
        let pending = self.pending.as_ref().map(Pending::due);
        let times = [attempt, pending, self.retry_at, self.locked_until, self.recheck_at, self.prove_until];
        times.into_iter().fold(None, earlier)
    }
}
