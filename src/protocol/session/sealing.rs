//! How what we send is sealed: with which key, and that there is one in time.

use super::Session;
use super::keys::Purpose;
use super::throttle::Complaint;
use crate::crypto::psk::Nonce;
use crate::protocol::config::PskMode;
use crate::protocol::job::{Job, Keys};
use crate::protocol::output::{Level, PeerId};
use crate::protocol::peer::Kind;
use crate::protocol::time::Time;
use crate::protocol::timers::Timer;
use crate::protocol::tunnel::{Lock, Sealed, Wanted};

/// What has to be sealed can not be yet.
#[derive(Debug)]
pub(super) struct NoKey;

impl Session {
    /// How the next datagram of the tunnel to a peer is sealed, if it is.
    pub(super) fn seal(&mut self, now: Time, id: PeerId) -> Result<Option<Sealed>, NoKey> {
        self.seal_with(now, id, Lock::seal)
    }

    fn seal_with(
        &mut self,
        now: Time,
        id: PeerId,
        seal: impl FnOnce(&mut Lock, Time) -> Option<Sealed>,
    ) -> Result<Option<Sealed>, NoKey> {
        let Some(peer) = self.peers.quietly(id) else { return Ok(None) };
        let is_child = peer.is_child();
        let own = peer.tunnel.as_deref_mut().and_then(|tunnel| tunnel.lock.as_deref_mut());
        let (owner, lock) = match own {
            Some(own) => (id, own),
            // Callers of ours have a key of their own or none.
            None if !is_child => return Ok(None),
            None => match self.lock_of(id) {
                Some(lent) => lent,
                None => return Ok(None),
            },
        };
        let sealed = seal(lock, now);
        if lock.wants_key(now) {
            self.prepare_key(now, owner);
        }
        sealed.map(Some).ok_or(NoKey)
    }

    /// How the next Advanced packet to a peer is sealed, if it is.
    pub(super) fn seal_media(&mut self, now: Time, id: PeerId) -> Result<Option<Sealed>, NoKey> {
        self.seal_with(now, id, Lock::seal_media)
    }

    /// Whether control messages are sealed as well: in all modes but AES-CTR, where everybody sends them clear.
    pub(super) fn seals_control(&self, id: PeerId) -> bool {
        let mode = |owner| self.peers.get(&owner).map(|peer| peer.config.advanced.psk_mode);
        self.lock_owner(id).and_then(mode).is_some_and(|mode| mode != PskMode::Ctr)
    }

    /// Asks for the key that the lock of `owner` is going to need.
    pub(super) fn prepare_key(&mut self, now: Time, owner: PeerId) {
        let Some(tunnel) = self.peers.get_mut(&owner).and_then(|peer| peer.tunnel.as_mut()) else { return };
        let Some(lock) = tunnel.lock.as_mut() else { return };
        match lock.wanted(now, &mut self.entropy) {
            Ok(None) => {}
            Ok(Some(Wanted { passphrase, nonce, size, mode })) => {
                let purpose = Purpose::Send { owner, nonce };
                self.start_job(purpose, Job::Derive { passphrases: vec![passphrase], nonce, size, mode });
                // Media may have another.
                self.prepare_key(now, owner);
            }
            // Nothing is sent rather than under a guessable key (libRIST 0.2.16).
            Err(_) => {
                let text = "no randomness from the system: there is no key to send with";
                self.complain(now, Complaint::NoEntropy, Level::Error, text);
            }
        }
    }

    pub(super) fn key_to_send(&mut self, now: Time, owner: PeerId, nonce: Nonce, key: Keys) {
        let lock = self.tunnel_of(owner).and_then(|tunnel| tunnel.lock.as_mut());
        let first = lock.is_some_and(|lock| lock.derived(now, nonce, key));
        let waiting: Vec<PeerId> = self
            .peers
            .values()
            .filter(|peer| peer.id == owner || peer.kind == Kind::Child(owner))
            .filter(|peer| peer.control.remote.is_some())
            .map(|peer| peer.id)
            .collect();
        if !first {
            // To be used before long.
            return waiting.into_iter().for_each(|id| self.announce_nonce(now, id));
        }
        // What could not be said before.
        for id in &waiting {
            self.send_greetings(now, *id);
        }
        for id in waiting {
            match self.peers.get(&id).map(|peer| peer.is_child()) {
                Some(false) => self.greet(now, id),
                _ => self.timers.set(Timer::Rtcp(id), Some(now)),
            }
        }
    }
}
