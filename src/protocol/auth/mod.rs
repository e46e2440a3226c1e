//! Logging in, one peer at a time: SRP over EAP over EAPOL (TR-06-2:2022 §8 and Annex D).
//!
//! An [`Auth`] is driven like a session: frames, results and the time go in, [`AuthOutput`]s come out.
//! Calculations that take milliseconds come out as [`Job`]s.

mod attempt;
mod authenticatee;
mod authenticator;
mod job;
mod output;
mod passphrase;
mod pending;
mod settings;
#[cfg(test)]
mod tests;
mod verdict;

pub use job::{Job, JobResult};
pub use output::{AuthOutput, LookUpAnswer};
pub use settings::{AuthSettings, Credentials, LoginRole, SingleUser, VERSION, Verifiers};

use super::entropy::Entropy;
use super::time::Time;
use crate::crypto::secret::Secret;
use crate::wire::eapol::{self, Body};
use authenticatee::Authenticatee;
use authenticator::Authenticator;
use output::{Outbox, Turn};
use passphrase::{Login, Side};
use pending::earlier;
use std::sync::Arc;
use verdict::{Proven, Verdict};

/// The login of one peer.
pub struct Auth {
    settings: Arc<AuthSettings>,
    role: Role,
    login: Option<Box<Login>>,
    out: Outbox,
}

enum Role {
    Authenticator(Authenticator),
    Authenticatee(Box<Authenticatee>),
}

impl Auth {
    /// Nothing happens before [`Auth::start`] or a frame.
    pub fn new(role: LoginRole, mut settings: Arc<AuthSettings>) -> Self {
        if settings.secret.as_ref().is_some_and(Secret::is_empty) {
            Arc::make_mut(&mut settings).secret = None;
        }
        let role = match role {
            LoginRole::Authenticator(verifiers) => Role::Authenticator(Authenticator::new(verifiers)),
            LoginRole::Authenticatee(credentials) => Role::Authenticatee(Box::new(Authenticatee::new(credentials))),
        };
        Self { settings, role, login: None, out: Outbox::default() }
    }

    /// Begins, or begins again: a caller asks to be asked, a listener asks who is there. A login in
    /// force stays in force until another one replaces it.
    pub fn start(&mut self, now: Time, entropy: &mut Entropy) {
        let turn = &mut Turn { now, entropy, out: &mut self.out };
        match &mut self.role {
            Role::Authenticator(role) => role.start(turn, &self.settings),
            Role::Authenticatee(role) => role.start(turn, &self.settings),
        }
    }

    /// The other side is gone: the login in force ends. Locks and pauses go on.
    pub fn forget(&mut self) {
        match &mut self.role {
            Role::Authenticator(role) => role.forget(),
            Role::Authenticatee(role) => role.forget(),
        }
        if self.login.take().is_some() {
            self.out.push(AuthOutput::Lost);
        }
    }

    /// One EAPOL frame from the peer. Anything else is ignored.
    pub fn handle(&mut self, now: Time, entropy: &mut Entropy, frame: &[u8]) {
        let Ok(frame) = eapol::decode(frame) else { return };
        let turn = &mut Turn { now, entropy, out: &mut self.out };
        let verdict = match (&frame.body, &mut self.role) {
            (Body::Start, Role::Authenticator(role)) => {
                role.started(turn, &self.settings);
                Verdict::Undecided
            }
            // Anybody could have sent a log-off; who is gone falls silent.
            (Body::Start | Body::Logoff, _) => Verdict::Undecided,
            (Body::Eap(eap), role) => {
                if let Some(login) = &mut self.login
                    && login.handle(turn, eap, self.settings.secret.as_ref())
                {
                    return;
                }
                match role {
                    Role::Authenticator(role) => role.handle(turn, &self.settings, frame.version, eap),
                    Role::Authenticatee(role) => role.handle(turn, &self.settings, frame.version, eap),
                }
            }
        };
        self.conclude(now, verdict);
    }

    pub fn handle_timeout(&mut self, now: Time, entropy: &mut Entropy) {
        let turn = &mut Turn { now, entropy, out: &mut self.out };
        if let Some(login) = &mut self.login {
            login.handle_timeout(turn, self.settings.secret.as_ref());
        }
        let verdict = match &mut self.role {
            Role::Authenticator(role) => role.handle_timeout(turn, &self.settings),
            Role::Authenticatee(role) => {
                role.handle_timeout(turn, &self.settings);
                Verdict::Undecided
            }
        };
        self.conclude(now, verdict);
    }

    pub fn poll_timeout(&self) -> Option<Time> {
        let login = self.login.as_ref().and_then(|login| login.poll_timeout());
        let role = match &self.role {
            Role::Authenticator(role) => role.poll_timeout(),
            Role::Authenticatee(role) => role.poll_timeout(),
        };
        earlier(login, role)
    }

    pub fn poll_output(&mut self) -> Option<AuthOutput> {
        self.out.pop()
    }

    /// What a job found. The results of forgotten jobs are ignored.
    pub fn computed(&mut self, now: Time, entropy: &mut Entropy, id: u64, result: JobResult) {
        let turn = &mut Turn { now, entropy, out: &mut self.out };
        let verdict = match &mut self.role {
            Role::Authenticator(role) => role.computed(turn, id, result),
            Role::Authenticatee(role) => {
                role.computed(turn, id, result);
                Verdict::Undecided
            }
        };
        self.conclude(now, verdict);
    }

    /// A job will not be run: too many others wait.
    pub fn turned_away(&mut self, now: Time) {
        match &mut self.role {
            Role::Authenticator(role) => role.turned_away(now),
            Role::Authenticatee(role) => role.turned_away(now),
        }
    }

    /// What the owner knows of the user it was asked for.
    pub fn looked_up(&mut self, now: Time, entropy: &mut Entropy, id: u64, answer: LookUpAnswer) {
        let turn = &mut Turn { now, entropy, out: &mut self.out };
        if let Role::Authenticator(role) = &mut self.role {
            role.looked_up(turn, &self.settings, id, answer);
        }
    }

    /// The generation of the user's entry, as in [`LookUpAnswer`]. A change makes the user log in again.
    pub fn generation(&mut self, now: Time, entropy: &mut Entropy, id: u64, generation: u64) {
        let turn = &mut Turn { now, entropy, out: &mut self.out };
        if let Role::Authenticator(role) = &mut self.role {
            role.generation(turn, &self.settings, id, generation);
        }
    }

    /// Our passphrase changed. The other side is told, if it can be.
    pub fn update_secret(&mut self, now: Time, entropy: &mut Entropy, new: &Secret) {
        let secret = Some(new.clone()).filter(|secret| !secret.is_empty());
        Arc::make_mut(&mut self.settings).secret = secret;
        let turn = &mut Turn { now, entropy, out: &mut self.out };
        match &mut self.login {
            Some(login) if login.can_exchange() && !new.is_empty() => login.push(turn, new),
            _ => turn.out.push(AuthOutput::SecretAcknowledged),
        }
    }

    /// Asks for the passphrase of the other side: it encrypts, and we do not know with what. May be
    /// called for every such packet. A caller asks once by itself.
    pub fn ask_secret(&mut self, now: Time) {
        if let Some(login) = &mut self.login {
            login.ask(now);
        }
    }

    /// Whether traffic of the other side is welcome.
    pub fn is_authenticated(&self) -> bool {
        self.login.is_some()
    }

    /// Whether a caller is answering our questions, which only those can who read them.
    pub fn is_under_way(&self) -> bool {
        matches!(&self.role, Role::Authenticator(role) if role.is_answered())
    }

    /// Whether a new passphrase was told and not acknowledged yet.
    pub fn is_telling(&self) -> bool {
        self.login.as_ref().is_some_and(|login| login.is_pushing())
    }

    /// Who is logged in: the other side if we are the authenticator, else we.
    pub fn username(&self) -> Option<&[u8]> {
        self.login.as_ref().map(|login| login.username())
    }

    /// Octets on the heap that belong to nobody else.
    #[cfg(test)]
    fn heap_size(&self) -> usize {
        let role = match &self.role {
            Role::Authenticator(role) => role.heap_size(),
            Role::Authenticatee(_) => size_of::<Authenticatee>(),
        };
        role + self.out.heap_size()
    }

    fn conclude(&mut self, now: Time, verdict: Verdict) {
        match verdict {
            Verdict::Undecided => {}
            Verdict::Proven(proven) => self.install(now, *proven),
            Verdict::Expired => {
                if self.login.take().is_some() {
                    self.out.push(AuthOutput::Lost);
                }
            }
        }
    }

    fn install(&mut self, now: Time, proven: Proven) {
        let side = match self.role {
            Role::Authenticator(_) => Side::Server,
            Role::Authenticatee(_) => Side::Client,
        };
        let first = self.login.is_none();
        let pushing = self.login.as_ref().is_some_and(|login| login.is_pushing());
        if proven.transmit_key {
            self.out.push(AuthOutput::TransmitKey(proven.key.clone()));
        } else if side == Side::Server {
            self.out.push(AuthOutput::TransmitClear);
        }
        if proven.receive_key {
            self.out.push(AuthOutput::ReceiveKey(proven.key.clone()));
        } else {
            self.out.push(AuthOutput::ReceiveClear);
        }
        self.out.push(AuthOutput::Authenticated { username: proven.username.clone(), first });
        let mut login = Box::new(Login::new(side, proven));
        if side == Side::Client {
            login.ask(now);
        }
        // What was on its way under the old key would be noise under the new one.
        if pushing {
            login.push_soon(now);
        }
        self.login = Some(login);
    }
}

impl std::fmt::Debug for Auth {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let role = match self.role {
            Role::Authenticator(_) => "authenticator",
            Role::Authenticatee(_) => "authenticatee",
        };
        write!(f, "Auth({role}, authenticated: {})", self.is_authenticated())
    }
}
