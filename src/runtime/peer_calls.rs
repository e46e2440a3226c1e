//! What an application does with peers: adds, removes, configures them, and lets them log in.

use super::callbacks::LookUpFunction;
use super::context::{Context, Error, PeerOptions};
use super::socket::Ports;
use crate::crypto::secret::Secret;
use crate::protocol::auth::Credentials;
use crate::protocol::config::Profile;
use crate::protocol::output::{Level, PeerId};
use crate::protocol::payload::Payload;
use crate::protocol::session::LoginSetup;
use std::sync::Arc;

/// What a peer's login is made with.
pub enum Login {
    Credentials(Credentials),
    /// For a peer that listens.
    LookUp(Arc<LookUpFunction>),
}

impl Context {
    pub fn add_peer(self: &Arc<Self>, options: PeerOptions) -> Result<PeerId, Error> {
        self.fix_profile(options.profile)?;
        let ports = if self.profile() == Profile::Simple { Ports::Two } else { Ports::One };
        self.driver.add_peer(self.role(), ports, options)
    }

    fn fix_profile(&self, wanted: Option<Profile>) -> Result<(), Error> {
        let mut state = self.state.lock();
        let profile = wanted.unwrap_or(state.profile);
        // By the first peer, or by the start (libRIST).
        if (state.profile_is_fixed || state.started) && profile != state.profile {
            drop(state);
            let line = format!("a peer asks for the {profile:?} profile, but the context has another one already");
            self.log().log(Level::Warn, &line);
            return Err(Error::InvalidArgument);
        }
        if !state.profile_is_fixed {
            self.driver.call(|session, _| session.set_profile(profile))??;
        }
        state.profile = profile;
        state.profile_is_fixed = true;
        Ok(())
    }

    pub fn remove_peer(&self, peer: PeerId) -> Result<(), Error> {
        self.driver.remove_peer(peer)
    }

    /// Another passphrase for a peer and those that came through it.
    pub fn update_secret(&self, peer: PeerId, secret: &Secret) -> Result<(), Error> {
        Ok(self.driver.call(|session, now| session.update_secret(now, peer, secret))??)
    }

    /// Makes a peer log in where it calls, or those who come through it.
    pub fn enable_login(&self, peer: PeerId, login: Login) -> Result<(), Error> {
        let setup = match login {
            Login::Credentials(credentials) => LoginSetup::Credentials(credentials),
            Login::LookUp(look_up) => {
                self.set_callbacks(|callbacks| {
                    callbacks.look_up.insert(peer, Arc::clone(&look_up));
                });
                LoginSetup::LookUp
            }
        };
        Ok(self.driver.call(|session, now| session.enable_login(now, peer, setup))??)
    }

    /// Whether a peer calls, rather than being called.
    pub fn calls(&self, peer: PeerId) -> Result<bool, Error> {
        Ok(self.driver.call(|session, _| session.calls(peer))??)
    }

    /// Sends out-of-band data to a peer, or to whom it was last heard from. Returns how many peers it went to.
    pub fn write_out_of_band(&self, peer: Option<PeerId>, protocol: u16, payload: &[u8]) -> Result<usize, Error> {
        Ok(self.driver.call(|session, now| session.send_typed_out_of_band(now, peer, protocol, payload))??)
    }

    /// The next out-of-band data that no callback took, and how much waited, this one included.
    pub fn read_out_of_band(&self) -> Option<(PeerId, Payload, usize)> {
        self.driver.out_of_band.pop()
    }

    /// From now on out-of-band data is taken.
    pub fn enable_out_of_band(&self) -> Result<(), Error> {
        self.driver.call(|session, _| session.set_out_of_band(true))
    }

    pub fn set_weight(&self, peer: PeerId, weight: u32) -> Result<(), Error> {
        Ok(self.driver.call(|session, _| session.set_weight(peer, weight))??)
    }

    /// The media socket and, in Simple, the RTCP socket. `Session(ChildPeer)` for peers that came by themselves,
    /// `Socket` for a caller whose name is not resolved yet.
    pub fn peer_sockets(&self, peer: PeerId) -> Result<(i32, Option<i32>), Error> {
        self.driver.peer_sockets(peer)
    }

    pub fn peer_cname(&self, peer: PeerId) -> Result<String, Error> {
        Ok(self.driver.call(|session, _| session.peer_cname(peer).map(str::to_owned))??)
    }

    pub fn has_peer(&self, peer: PeerId) -> bool {
        matches!(self.driver.call(|session, _| session.parent(peer)), Ok(Ok(_)))
    }
}
