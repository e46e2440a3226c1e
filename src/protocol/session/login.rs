//! Logins (EAP-SRP, TR-06-2:2022 §8): who has to, what they ask for, and what they change.

use super::Session;
use super::keys::Purpose;
use super::throttle::Complaint;
use crate::crypto::psk::KeySize;
use crate::crypto::secret::Secret;
use crate::crypto::srp::{HashGeneration, Padding};
use crate::protocol::auth::{
    self, Auth, AuthOutput, AuthSettings, Credentials, LoginRole, LookUpAnswer, SingleUser, Verifiers,
};
use crate::protocol::job::Job;
use crate::protocol::output::{Error, Event, Level, LookUp, PeerId};
use crate::protocol::peer::{Entrance, Kind, Login, Peer};
use crate::protocol::time::Time;
use crate::protocol::timers::Timer;
use crate::protocol::tunnel::{Keyring, Lock};
use crate::wire::eapol::{self, Body, Frame};
use crate::wire::gre::Form;
use std::net::IpAddr;
use std::sync::Arc;

/// What `rist_enable_eap_srp_2` is told.
#[derive(Debug, Clone)]
pub enum LoginSetup {
    /// We log in where we call; those who call us log in with these.
    Credentials(Credentials),
    /// Users are looked up (`Event::LookUp`).
    LookUp,
}

impl Session {
    /// Makes a peer of the application's log in, or those who come through it.
    pub fn enable_login(&mut self, now: Time, id: PeerId, setup: LoginSetup) -> Result<(), Error> {
        let peer = self.peers.get(&id).ok_or(Error::NoSuchPeer)?;
        if peer.is_child() {
            return Err(Error::ChildPeer);
        }
        if !self.is_tunnel() {
            return Err(Error::Unsupported);
        }
        let calls = peer.kind == Kind::Caller;
        let settings = self.login_settings(id)?;
        match setup {
            LoginSetup::Credentials(credentials) if calls => {
                let role = LoginRole::Authenticatee(credentials);
                self.attach_login(id, Auth::new(role, settings), true);
                self.start_login(now, id);
            }
            LoginSetup::LookUp if calls => return Err(Error::InvalidArgument),
            LoginSetup::Credentials(credentials) => {
                let verifiers = Verifiers::Single(SingleUser::new(credentials));
                self.guard(now, id, Entrance { role: LoginRole::Authenticator(verifiers), settings });
            }
            LoginSetup::LookUp => {
                self.guard(now, id, Entrance { role: LoginRole::Authenticator(Verifiers::LookUp), settings });
            }
        }
        Ok(())
    }

    /// User name and password of the URL are used also if the application never asks for it. A caller then goes on
    /// without a login where nobody demands one, as with libRIST, which does not look at them.
    pub(super) fn login_with_credentials(&mut self, now: Time, id: PeerId) {
        let Some(peer) = self.peers.get(&id) else { return };
        let (calls, credentials) = (peer.kind == Kind::Caller, peer.config.credentials.clone());
        let Some(credentials) = credentials.filter(|_| self.is_tunnel()) else { return };
        if !calls {
            // Fails only without randomness, and then nobody may come in.
            let _ = self.enable_login(now, id, LoginSetup::Credentials(credentials));
        } else if let Ok(settings) = self.login_settings(id) {
            self.attach_login(id, Auth::new(LoginRole::Authenticatee(credentials), settings), false);
        }
    }

    fn login_settings(&mut self, id: PeerId) -> Result<Arc<AuthSettings>, Error> {
        let config = self.peers.get(&id).ok_or(Error::NoSuchPeer)?.config.clone();
        let key: [u8; 32] = self.entropy.octets().map_err(|_| Error::NoEntropy)?;
        let mut settings = AuthSettings::new(Secret::new(&key));
        settings.padding = if config.srp_compat { Padding::Unpadded } else { Padding::Padded };
        settings.secret = config.secret.clone();
        Ok(Arc::new(settings))
    }

    fn attach_login(&mut self, id: PeerId, auth: Auth, demanded: bool) {
        if let Some(peer) = self.peers.get_mut(&id) {
            peer.login = Some(Login { auth: Box::new(auth), demanded, asked: None });
        }
    }

    /// From now on nobody comes through `id` without a login, and who is in has to log in.
    fn guard(&mut self, now: Time, id: PeerId, entrance: Entrance) {
        if let Some(peer) = self.peers.get_mut(&id) {
            peer.entrance = Some(entrance);
        }
        let inside: Vec<PeerId> =
            self.peers.values().filter(|peer| peer.kind == Kind::Child(id)).map(|peer| peer.id).collect();
        for child in inside {
            self.begin_login(now, child);
        }
    }

    /// A peer has come through a guarded one. True: it hears nothing but questions until it has logged in.
    pub(super) fn begin_login(&mut self, now: Time, id: PeerId) -> bool {
        let Some(Kind::Child(through)) = self.peers.get(&id).map(|peer| peer.kind) else { return false };
        let entrance = self.peers.get(&through).and_then(|peer| peer.entrance.clone());
        let Some(Entrance { role, settings }) = entrance else { return false };
        self.attach_login(id, Auth::new(role, settings), true);
        self.start_login(now, id);
        true
    }

    /// Begins, or begins again, once there is somebody to talk to.
    pub(super) fn start_login(&mut self, now: Time, id: PeerId) {
        let Some(peer) = self.peers.get_mut(&id).filter(|peer| peer.control.remote.is_some()) else { return };
        let Some(login) = &mut peer.login else { return };
        login.auth.start(now, &mut self.entropy);
        self.pump_login(now, id);
    }

    /// An EAPOL frame of a known peer; `length` octets came for it.
    pub(super) fn login_frame(&mut self, now: Time, id: PeerId, length: usize, frame: &[u8]) {
        self.credit(now, id, length);
        let Some(peer) = self.peers.get_mut(&id) else { return };
        peer.heard(now);
        let dead = peer.is_dead();
        // What flows is not stopped by a question that anybody can have sent: if the other side means it, it takes
        // nothing anyway until it has been answered.
        let flows = peer.connected && !dead;
        match &mut peer.login {
            Some(login) => {
                // Whoever asks demands it, too.
                if !flows && matches!(eapol::decode(frame), Ok(Frame { body: Body::Eap(_), .. })) {
                    login.asked = Some(now);
                }
                login.auth.handle(now, &mut self.entropy, frame);
                if login.auth.is_under_way() {
                    self.members.speaks(id);
                }
            }
            None => {
                let text = "the other side speaks of a login (EAP), but no user name and password are configured here";
                self.complain(now, Complaint::NotLoggedIn, Level::Warn, text);
                return;
            }
        }
        if dead {
            self.revive(now, id);
        }
        self.pump_login(now, id);
    }

    pub(super) fn login_due(&mut self, now: Time, id: PeerId) {
        let Some(login) = self.peers.get_mut(&id).and_then(|peer| peer.login.as_mut()) else { return };
        login.auth.handle_timeout(now, &mut self.entropy);
        self.pump_login(now, id);
    }

    pub(super) fn login_computed(&mut self, now: Time, id: PeerId, step: u64, result: auth::JobResult) {
        self.login_budget.finished(now);
        if let Some(login) = self.peers.get_mut(&id).and_then(|peer| peer.login.as_mut()) {
            login.auth.computed(now, &mut self.entropy, step, result);
            self.pump_login(now, id);
        }
        self.start_login_jobs(now);
    }

    /// The owner's answer to `Event::LookUp`.
    pub fn login_looked_up(&mut self, now: Time, question: &LookUp, answer: LookUpAnswer) {
        let Some(login) = self.peers.get_mut(&question.peer).and_then(|peer| peer.login.as_mut()) else { return };
        match question.hash_generation {
            Some(_) => login.auth.looked_up(now, &mut self.entropy, question.step, answer),
            None => login.auth.generation(now, &mut self.entropy, question.step, answer.generation),
        }
        self.pump_login(now, question.peer);
    }

    /// Whether somebody is logged in at this peer, or where it calls, who is told of a new passphrase.
    pub(super) fn tells_of_secrets(&self, id: PeerId) -> bool {
        let related = |peer: &&Peer| peer.id == id || peer.kind == Kind::Child(id);
        let logged_in = |peer: &Peer| peer.login.as_ref().is_some_and(|login| login.auth.is_authenticated());
        self.peers.values().filter(related).any(logged_in)
    }

    /// Tells those who have logged in of a new passphrase. Returns how many there are.
    pub(super) fn push_secret(&mut self, now: Time, id: PeerId, secret: &Secret) -> usize {
        let mut told = Vec::new();
        for peer in self.peers.values_mut().filter(|peer| peer.id == id || peer.kind == Kind::Child(id)) {
            if let Some(login) = &mut peer.login
                && login.auth.is_authenticated()
            {
                login.auth.update_secret(now, &mut self.entropy, secret);
                told.push(peer.id);
            }
        }
        for id in &told {
            self.pump_login(now, *id);
        }
        told.len()
    }

    fn awaits_acknowledgement(&self, owner: PeerId) -> bool {
        let told = |peer: &&Peer| peer.id == owner || peer.kind == Kind::Child(owner);
        let telling = |peer: &Peer| peer.login.as_ref().is_some_and(|login| login.auth.is_telling());
        self.peers.values().filter(told).any(telling)
    }

    /// An encrypted packet has come from a peer whose passphrase we do not have.
    pub(super) fn ask_for_secret(&mut self, now: Time, known: Option<PeerId>) {
        let Some(id) = known else { return };
        if let Some(login) = self.peers.get_mut(&id).and_then(|peer| peer.login.as_mut()) {
            login.auth.ask_secret(now);
            self.pump_login(now, id);
        }
    }

    /// Does what a login asks for.
    fn pump_login(&mut self, now: Time, id: PeerId) {
        while let Some(output) = self.login_of(id).and_then(|login| login.auth.poll_output()) {
            match output {
                AuthOutput::Send(frame) => {
                    self.send_message(now, id, Form::Eapol, None, |out| out.extend_from_slice(&frame));
                }
                AuthOutput::Compute { id: step, job } => {
                    // Those whom we call are of the application's choice: only strangers can be too many.
                    let address = self.came_from(id).map(|(_, address)| address);
                    if self.login_budget.wants(id, address, step, job) {
                        self.start_login_jobs(now);
                    } else if let Some(login) = self.login_of(id) {
                        login.auth.turned_away(now);
                    }
                }
                AuthOutput::LookUp { id: step, username, hash_generation } => {
                    let generation =
                        if hash_generation == 0 { HashGeneration::ZeroIv } else { HashGeneration::Standard };
                    if self.may_look_up(now, id) {
                        self.ask_who(id, step, username, Some(generation));
                    } else if let Some(login) = self.login_of(id) {
                        login.auth.turned_away(now);
                    }
                }
                AuthOutput::CheckGeneration { id: step, username } => self.ask_who(id, step, username, None),
                AuthOutput::Authenticated { username, first } => self.logged_in(now, id, &username, first),
                AuthOutput::Lost => {
                    if let Some(peer) = self.peers.get_mut(&id) {
                        peer.vouched = !peer.config.address_validation;
                    }
                    self.mention(now, Level::Warn, format!("peer {} is no longer logged in", id.0));
                }
                AuthOutput::WrongPassword => {
                    if let Some((listener, from)) = self.came_from(id) {
                        self.lockout.guessed_wrong(now, listener, from);
                    }
                }
                AuthOutput::Failed(text) => {
                    let text = format!("peer {}: {text}", id.0);
                    self.complain(now, Complaint::Login, Level::Error, &text);
                }
                AuthOutput::TransmitKey(key) => self.lock_with_key(now, id, key),
                AuthOutput::ReceiveKey(key) => self.read_with(now, id, key),
                AuthOutput::TransmitClear => {
                    // The lock of a login before this one; there may be one that all share.
                    if let Some(peer) = self.peers.get_mut(&id).filter(|peer| peer.is_child())
                        && let Some(tunnel) = &mut peer.tunnel
                    {
                        tunnel.lock = None;
                    }
                }
                AuthOutput::ReceiveClear => self.allow_clear(id),
                AuthOutput::PeerSecret(secret) => self.peer_secret(now, id, secret),
                AuthOutput::SecretAcknowledged => {
                    let owner = match self.peers.get(&id).map(|peer| peer.kind) {
                        Some(Kind::Child(parent)) => parent,
                        _ => id,
                    };
                    // Who has not heard of it yet could not read what comes under it.
                    if !self.awaits_acknowledgement(owner) {
                        self.change_lock(now, owner);
                    }
                }
                AuthOutput::Note(text) => self.mention(now, Level::Info, format!("peer {}: {text}", id.0)),
            }
        }
        let due = self.login_of(id).and_then(|login| login.auth.poll_timeout());
        // What is due at once is done in the next round, which this one asks for.
        self.timers.set(Timer::Login(id), due);
    }

    fn login_of(&mut self, id: PeerId) -> Option<&mut Login> {
        self.peers.get_mut(&id)?.login.as_mut()
    }

    /// Those who are in do not wait behind those who want to come in.
    pub(super) fn start_login_jobs(&mut self, now: Time) {
        while let Some((id, step, job)) = self.login_budget.next(now) {
            if self.peers.contains_key(&id) {
                self.start_job(Purpose::Login { peer: id, step }, Job::Login(job));
            } else {
                self.login_budget.finished(now);
            }
        }
        self.timers.set(Timer::LoginBudget, self.login_budget.due());
    }

    /// Those who are in do not wait for strangers.
    fn may_look_up(&mut self, now: Time, id: PeerId) -> bool {
        let Some(peer) = self.peers.get(&id) else { return false };
        let inside = peer.login.as_ref().is_some_and(|login| login.auth.is_authenticated());
        inside || self.look_ups.may_ask(now, peer.remote_ip())
    }

    fn ask_who(&mut self, peer: PeerId, step: u64, username: Vec<u8>, hash_generation: Option<HashGeneration>) {
        let listener = match self.peers.get(&peer).map(|peer| peer.kind) {
            Some(Kind::Child(parent)) => parent,
            _ => peer,
        };
        self.event(Event::LookUp(LookUp { peer, listener, step, username, hash_generation }));
    }

    /// The listener that a peer came through, and its address.
    fn came_from(&self, id: PeerId) -> Option<(PeerId, IpAddr)> {
        let peer = self.peers.get(&id)?;
        let Kind::Child(listener) = peer.kind else { return None };
        Some((listener, peer.remote_ip()?))
    }

    /// Nobody comes in from an address that has just guessed passwords.
    pub(super) fn is_locked_out(&self, now: Time, through: PeerId, from: IpAddr) -> bool {
        self.lockout.is_locked(now, through, from)
    }

    fn logged_in(&mut self, now: Time, id: PeerId, username: &[u8], first: bool) {
        let Some(peer) = self.peers.get_mut(&id) else { return };
        // Only who reads what we send can have answered our questions.
        let newly_proven = !peer.is_proven();
        peer.vouched = true;
        if let Some(login) = &mut peer.login {
            login.demanded = true;
        }
        if newly_proven {
            self.proved(id);
            self.send_greetings(now, id);
        }
        if !first {
            return;
        }
        if let Some((listener, from)) = self.came_from(id) {
            self.lockout.logged_in(listener, from);
        }
        let name = super::feedback::printable(username);
        self.mention(now, Level::Info, format!("peer {}: logged in as {name}", id.0));
        self.timers.set(Timer::Rtcp(id), Some(now));
        self.timers.set(Timer::KeepAlive(id), Some(now));
    }

    /// Encrypts with the login's own key: there is no secret (libRIST 0.2.11, "use key as passphrase").
    fn lock_with_key(&mut self, now: Time, id: PeerId, key: Secret) {
        let Some(peer) = self.peers.get_mut(&id) else { return };
        let (mode, rotation) = (peer.config.advanced.psk_mode, peer.config.key_rotation);
        let Some(tunnel) = &mut peer.tunnel else { return };
        match &mut tunnel.lock {
            Some(lock) => lock.change(key),
            lock => *lock = Some(Box::new(Lock::new(key, KeySize::Aes256, mode, rotation))),
        }
        self.prepare_key(now, id);
    }

    /// Reads what this peer encrypts with `key`, beside what it was read with before.
    fn read_with(&mut self, now: Time, id: PeerId, key: Secret) {
        let Some(peer) = self.peers.get_mut(&id) else { return };
        let config = peer.config.clone();
        let Some(tunnel) = &mut peer.tunnel else { return };
        let keyring = tunnel.keyring.get_or_insert_with(|| match config.secret.clone() {
            Some(secret) => Box::new(Keyring::new(secret, config.key_size)),
            None => Box::new(Keyring::empty(KeySize::Aes256)),
        });
        keyring.learn(now, key);
        self.reads_keys = true;
    }

    /// The other side may have gone back to clear text, and only it said before what it encrypts with: clear text is
    /// read until something encrypted comes again. Where a secret is configured it never is.
    pub(super) fn allow_clear(&mut self, id: PeerId) {
        let Some(peer) = self.peers.get_mut(&id).filter(|peer| peer.config.secret.is_none()) else { return };
        if let Some(tunnel) = peer.tunnel.as_mut().filter(|tunnel| tunnel.keyring.is_some()) {
            tunnel.reads_clear = true;
        }
    }

    /// What the other side is configured with. Where we have no secret it wants to be sent with that, too.
    fn peer_secret(&mut self, now: Time, id: PeerId, secret: Secret) {
        let Some(peer) = self.peers.get(&id) else { return };
        if peer.config.secret.as_ref() == Some(&secret) {
            if let Some(keyring) = self.keyring_of(id) {
                keyring.learn(now, secret);
            }
            return;
        }
        let none = peer.config.secret.is_none();
        self.read_with(now, id, secret.clone());
        if none {
            self.lock_with_key(now, id, secret);
        }
    }
}
