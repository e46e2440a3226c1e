//! Keys of the Main profile: whose they are, which are missing, and what waits for them.

use super::Session;
use crate::crypto::psk::{KeySize, Nonce};
use crate::crypto::secret::Secret;
use crate::protocol::job::{Job, JobId, JobResult, Keys};
use crate::protocol::output::{Error, Output, PeerId, SocketId};
use crate::protocol::peer::{Kind, Peer};
use crate::protocol::time::{Span, Time};
use crate::protocol::timers::Timer;
use crate::protocol::tunnel::{Keyring, Lock, Tunnel};
use std::net::SocketAddr;
use std::sync::Arc;

/// Acknowledgements of a new passphrase are waited for so long.
const CHANGE_WITHIN: Span = Span::from_secs(3);

/// Peers with the secret that have not answered an echo and for which keys are derived nevertheless.
const MOST_DOUBTFUL_ACCOUNTS: usize = 64;

/// Where a datagram came from.
#[derive(Debug, Clone, Copy)]
pub(super) struct Source {
    pub(super) known: Option<PeerId>,
    /// The known peer, or the one whose socket takes strangers.
    pub(super) through: PeerId,
    pub(super) socket: SocketId,
    pub(super) from: SocketAddr,
}

/// What a job was wanted for.
#[derive(Debug, Clone, Copy)]
pub(super) enum Purpose {
    /// To encrypt what `owner`, or one who shares its key, is sent.
    Send {
        owner: PeerId,
        nonce: Nonce,
    },
    /// To decrypt what `peer` sends.
    Receive {
        peer: PeerId,
        owner: PeerId,
        name: (Nonce, KeySize),
        epoch: u32,
    },
    /// To see whether a stranger has the passphrase.
    Stranger {
        epoch: u32,
    },
    Login {
        peer: PeerId,
        step: u64,
    },
}

impl Session {
    /// The work is done.
    pub fn job_done(&mut self, now: Time, job: JobId, result: JobResult) {
        let Some(purpose) = self.jobs.remove(&job) else { return };
        match (purpose, result) {
            (Purpose::Send { owner, nonce }, JobResult::Derived(mut keys)) => {
                if let Some(key) = keys.pop() {
                    self.key_to_send(now, owner, nonce, key);
                }
            }
            (Purpose::Receive { peer, owner, name, epoch }, JobResult::Derived(keys)) => {
                self.add_key(now, owner, name, keys, epoch);
                self.key_to_receive(now, peer, owner, name);
            }
            (Purpose::Stranger { epoch }, JobResult::Derived(keys)) => self.key_of_stranger(now, keys, epoch),
            (Purpose::Login { peer, step }, JobResult::Login(result)) => self.login_computed(now, peer, step, result),
            (Purpose::Login { .. }, _) | (_, JobResult::Login(_)) => {}
        }
    }

    pub(super) fn start_job(&mut self, purpose: Purpose, job: Job) {
        let id = JobId(self.next_job);
        self.next_job += 1;
        self.jobs.insert(id, purpose);
        self.outputs.push_back(Output::Job(id, job));
    }

    pub(super) fn tunnel_of(&mut self, id: PeerId) -> Option<&mut Tunnel> {
        self.peers.quietly(id)?.tunnel.as_deref_mut()
    }

    /// The peer whose lock encrypts what `id` is sent: its own, or that of the peer it came through.
    pub(super) fn lock_owner(&self, id: PeerId) -> Option<PeerId> {
        self.owner(id, |tunnel| tunnel.lock.is_some())
    }

    pub(super) fn keyring_owner(&self, id: PeerId) -> Option<PeerId> {
        // Looked at for every packet of every receiver.
        if !self.reads_keys {
            return None;
        }
        self.owner(id, |tunnel| tunnel.keyring.is_some())
    }

    fn owner(&self, id: PeerId, has: impl Fn(&Tunnel) -> bool) -> Option<PeerId> {
        let has = |peer: &&Peer| peer.tunnel.as_deref().is_some_and(&has);
        let peer = self.peers.get(&id)?;
        if has(&peer) {
            return Some(id);
        }
        let Kind::Child(parent) = peer.kind else { return None };
        self.peers.get(&parent).filter(has).map(|parent| parent.id)
    }

    pub(super) fn lock_of(&mut self, id: PeerId) -> Option<(PeerId, &mut Lock)> {
        let owner = self.lock_owner(id)?;
        Some((owner, self.tunnel_of(owner)?.lock.as_deref_mut()?))
    }

    /// Whether `id` can be sent anything: there is no key, or it has been derived.
    pub(super) fn can_encrypt(&mut self, id: PeerId) -> bool {
        self.lock_of(id).is_none_or(|(_, lock)| lock.is_ready())
    }

    /// The keyring that `id` is read with.
    pub(super) fn keyring_of(&mut self, id: PeerId) -> Option<&mut Keyring> {
        let owner = self.keyring_owner(id)?;
        self.tunnel_of(owner)?.keyring.as_deref_mut()
    }

    /// A packet came under a nonce that has no key yet.
    pub(super) fn nonce_unknown(
        &mut self,
        now: Time,
        source: Source,
        owner: PeerId,
        name: (Nonce, KeySize),
        datagram: &[u8],
    ) {
        // Our own packet, sent back by somebody.
        if self.lock_of(source.through).is_some_and(|(_, lock)| lock.is_own(name.0)) {
            return;
        }
        let account = source.known.filter(|id| self.has_account(*id));
        let proven =
            account.and_then(|id| self.peers.get(&id)).is_some_and(|peer| !peer.is_child() || peer.is_proven());
        if let Some(id) = account
            && let Some(tunnel) = self.tunnel_of(id)
        {
            tunnel.unknown.get_or_insert_default().came(now, name, datagram, proven);
            self.derive_for_peer(now, id, owner);
            return;
        }
        self.strangers.came(now, owner, (source.socket, source.from), name, datagram);
        self.derive_for_stranger(now);
    }

    /// The other side has announced a nonce: its key is derived before anything comes under it.
    pub(super) fn expect_nonce(&mut self, now: Time, id: PeerId, owner: PeerId, name: (Nonce, KeySize)) {
        let known = self.keyring_of(id).is_none_or(|keyring| keyring.knows(name));
        // Nobody else's packets come under a nonce of ours.
        let own = self.lock_of(id).is_some_and(|(_, lock)| lock.is_own(name.0));
        if known || own || !self.has_account(id) {
            return;
        }
        if let Some(tunnel) = self.tunnel_of(id) {
            tunnel.unknown.get_or_insert_default().expect(now, name);
            self.derive_for_peer(now, id, owner);
        }
    }

    /// Whether keys are derived for a peer beside the strangers: it has answered an echo, or it has the secret and not
    /// too many such have come lately.
    fn has_account(&self, id: PeerId) -> bool {
        let Some(peer) = self.peers.get(&id) else { return false };
        let Some(tunnel) = &peer.tunnel else { return false };
        if !peer.is_child() || peer.is_proven() || (tunnel.keyed && tunnel.unknown.is_some()) {
            return true;
        }
        let account = |peer: &&Peer| !peer.is_proven() && peer.tunnel.as_ref().is_some_and(|t| t.unknown.is_some());
        tunnel.keyed && self.peers.values().filter(account).count() < MOST_DOUBTFUL_ACCOUNTS
    }

    fn derive_for_peer(&mut self, now: Time, peer: PeerId, owner: PeerId) {
        let unknown = self.tunnel_of(peer).and_then(|tunnel| tunnel.unknown.as_mut());
        let Some(name) = unknown.and_then(|unknown| unknown.next(now)) else { return };
        self.derive(now, owner, name, |epoch| Purpose::Receive { peer, owner, name, epoch });
    }

    pub(super) fn derive_for_stranger(&mut self, now: Time) {
        if let Some((owner, name)) = self.strangers.next(now).map(|stranger| (stranger.owner, stranger.name)) {
            self.derive(now, owner, name, |epoch| Purpose::Stranger { epoch });
        }
        self.timers.set(Timer::Strangers, self.strangers.due());
    }

    fn derive(&mut self, now: Time, owner: PeerId, name: (Nonce, KeySize), purpose: impl Fn(u32) -> Purpose) {
        let keyring = self.tunnel_of(owner).and_then(|tunnel| tunnel.keyring.as_mut());
        let (passphrases, epoch) = keyring.map(|keyring| keyring.passphrases(now)).unwrap_or_default();
        let (nonce, size) = name;
        let mode = self.peers.get(&owner).map(|peer| peer.config.advanced.psk_mode).unwrap_or_default();
        self.start_job(purpose(epoch), Job::Derive { passphrases, nonce, size, mode });
    }

    fn key_to_receive(&mut self, now: Time, id: PeerId, owner: PeerId, name: (Nonce, KeySize)) {
        let Some(peer) = self.peers.get_mut(&id) else { return };
        let (socket, from) = (peer.control.socket, peer.control.remote);
        let Some(unknown) = peer.tunnel.as_mut().and_then(|tunnel| tunnel.unknown.as_mut()) else { return };
        let waited = unknown.derived(name);
        // Of a key that nothing waited for, nothing is known.
        let judged = !waited.is_empty();
        if let Some(from) = from {
            for awaited in waited {
                self.handle_datagram(now, socket, from, &awaited.datagram);
            }
        }
        let good = self.is_proven_key(owner, name);
        if let Some(unknown) = self.tunnel_of(id).and_then(|tunnel| tunnel.unknown.as_mut()).filter(|_| judged) {
            unknown.judged(now, good);
        }
        self.derive_for_peer(now, id, owner);
    }

    fn key_of_stranger(&mut self, now: Time, keys: Vec<Keys>, epoch: u32) {
        if let Some(stranger) = self.strangers.derived() {
            self.add_key(now, stranger.owner, stranger.name, keys, epoch);
            for datagram in &stranger.datagrams {
                self.handle_datagram(now, stranger.socket, stranger.from, datagram);
            }
        }
        self.derive_for_stranger(now);
    }

    fn add_key(&mut self, now: Time, owner: PeerId, name: (Nonce, KeySize), keys: Vec<Keys>, epoch: u32) {
        if let Some(keyring) = self.tunnel_of(owner).and_then(|tunnel| tunnel.keyring.as_mut()) {
            keyring.add(now, name, keys, epoch);
        }
    }

    fn is_proven_key(&mut self, owner: PeerId, name: (Nonce, KeySize)) -> bool {
        let keyring = self.tunnel_of(owner).and_then(|tunnel| tunnel.keyring.as_ref());
        keyring.is_some_and(|keyring| keyring.is_proven(name))
    }

    /// A peer that was added with a secret encrypts, and reads nothing else.
    pub(super) fn lock_with_secret(&mut self, now: Time, id: PeerId) {
        let Some(peer) = self.peers.get_mut(&id) else { return };
        let (config, Some(tunnel)) = (&peer.config, &mut peer.tunnel) else { return };
        let Some(secret) = config.secret.clone() else { return };
        tunnel.keyring = Some(Box::new(Keyring::new(secret.clone(), config.key_size)));
        self.reads_keys = true;
        tunnel.lock = Some(Box::new(Lock::new(secret, config.key_size, config.advanced.psk_mode, config.key_rotation)));
        self.prepare_key(now, id);
    }

    /// Another passphrase for both directions (`rist_peer_update_secret`). What comes under the old one is still
    /// read for a while; peers that have logged in are told the new one first.
    pub fn update_secret(&mut self, now: Time, id: PeerId, secret: &Secret) -> Result<(), Error> {
        let peer = self.peers.get_mut(&id).ok_or(Error::NoSuchPeer)?;
        if peer.is_child() {
            return Err(Error::ChildPeer);
        }
        if peer.tunnel.is_none() {
            return Err(Error::Unsupported);
        }
        Arc::make_mut(&mut peer.config).secret = Some(secret.clone());
        let config = peer.config.clone();
        let logged_in = self.tells_of_secrets(id);
        let peer = self.peers.get_mut(&id).ok_or(Error::NoSuchPeer)?;
        let tunnel = peer.tunnel.as_mut().ok_or(Error::Unsupported)?;
        if let Some(entrance) = &mut peer.entrance {
            Arc::make_mut(&mut entrance.settings).secret = Some(secret.clone());
        }
        match &mut tunnel.keyring {
            Some(keyring) if logged_in => keyring.accept_beside(now, secret.clone()),
            Some(keyring) => keyring.accept(now, secret.clone()),
            keyring => *keyring = Some(Box::new(Keyring::new(secret.clone(), config.key_size))),
        }
        self.reads_keys = true;
        match &mut tunnel.lock {
            Some(_) => tunnel.next_secret = Some(secret.clone()),
            lock => {
                *lock = Some(Box::new(Lock::new(
                    secret.clone(),
                    config.key_size,
                    config.advanced.psk_mode,
                    config.key_rotation,
                )))
            }
        }
        for child in self.peers.values_mut().filter(|peer| peer.kind == Kind::Child(id)) {
            child.config = config.clone();
            // One that told us what it encrypts with has a keyring of its own.
            if let Some(keyring) = child.tunnel.as_mut().and_then(|tunnel| tunnel.keyring.as_mut()) {
                keyring.accept_beside(now, secret.clone());
            }
        }
        let told = self.push_secret(now, id, secret);
        let at = if told == 0 { now } else { now + CHANGE_WITHIN };
        if told == 0 {
            self.change_lock(now, id);
        } else {
            self.timers.set(Timer::SecretChange(id), Some(at));
        }
        self.prepare_key(now, id);
        Ok(())
    }

    /// The new passphrase is used from the next key on.
    pub(super) fn change_lock(&mut self, now: Time, id: PeerId) {
        self.timers.set(Timer::SecretChange(id), None);
        let Some(tunnel) = self.tunnel_of(id) else { return };
        let secret = tunnel.next_secret.take();
        if let (Some(secret), Some(lock)) = (secret, tunnel.lock.as_mut()) {
            lock.change(secret);
            self.prepare_key(now, id);
        }
    }
}
