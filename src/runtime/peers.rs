//! The peers that the application added, with their sockets.

use super::context::{Error, PeerOptions};
use super::driver::Driver;
use super::os::udp;
use super::resolve::Place;
use super::socket::{self, Opened, Ports, SocketOptions};
use super::transmit::BoundSocket;
use crate::protocol::config::Role;
use crate::protocol::output::{Error as SessionError, Level, PeerId, SocketId};
use crate::protocol::session::{PeerSetup, Remote};
use parking_lot::Mutex;
use std::collections::HashMap;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;

#[derive(Default)]
pub(super) struct Peers {
    entries: Mutex<HashMap<PeerId, Entry>>,
}

#[derive(Clone)]
struct Entry {
    place: Place,
    options: SocketOptions,
    media: SocketId,
    control: SocketId,
}

impl Entry {
    fn ports(&self) -> Ports {
        if self.media == self.control { Ports::One } else { Ports::Two }
    }
}

impl Peers {
    fn get(&self, peer: PeerId) -> Option<Entry> {
        self.entries.lock().get(&peer).cloned()
    }
}

impl Driver {
    /// Opens a peer's sockets and adds it. Blocks while a name is looked up.
    pub(super) fn add_peer(&self, role: Role, ports: Ports, options: PeerOptions) -> Result<PeerId, Error> {
        let Some(place) = Place::new(&options.address) else {
            self.log.log(Level::Error, "a peer without an address");
            return Err(Error::InvalidArgument);
        };
        let manual = place.ipv6.is_some();
        let media = self.sockets.new_id();
        let control = if ports == Ports::One { media } else { self.sockets.new_id() };
        let entry = Entry {
            media,
            control,
            options: SocketOptions {
                miface: options.miface.clone(),
                multicast_ttl: options.multicast_ttl,
                multicast_source: options.multicast_source,
                local_port: options.local_port,
            },
            place,
        };
        let remote = match entry.place.resolve() {
            Some(address) => self.open(role, &entry, address)?,
            None => {
                self.log.log(Level::Error, &format!("cannot resolve {}", entry.place.url()));
                if manual || !entry.place.call {
                    return Err(Error::Socket);
                }
                self.check(role, &entry, None)?;
                Remote::Unresolved
            }
        };
        let setup = PeerSetup {
            config: options.config,
            media: entry.media,
            control: entry.control,
            remote,
            url: entry.place.url(),
            miface: options.miface,
        };
        let ids = [entry.media, entry.control];
        let added = self.call(|session, now| {
            let peer = session.add_peer(now, setup)?;
            // Known before any event about it can be told.
            self.peers.entries.lock().insert(peer, entry);
            Ok::<_, SessionError>(peer)
        });
        let added = added.and_then(|added| added.map_err(Error::from));
        if added.is_err() {
            self.remove_sockets(|id| ids.contains(&id));
        }
        self.wake.wake();
        added
    }

    /// What the Simple profile has no way to do, in libRIST neither.
    fn check(&self, role: Role, entry: &Entry, address: Option<SocketAddr>) -> Result<(), Error> {
        if entry.ports() == Ports::One {
            return Ok(());
        }
        let multicast = address.is_some_and(|address| address.ip().is_multicast());
        let refusal = match role {
            Role::Receiver if entry.place.call && !multicast => {
                "a Simple receiver cannot call, it must listen (rist://@…)"
            }
            Role::Receiver if entry.place.port % 2 == 1 => "a Simple receiver's port must be even",
            Role::Sender if !entry.place.call => "a Simple sender cannot listen, it must call (rist://host…)",
            Role::Sender if entry.place.port == u16::MAX => "no port is left for RTCP after port 65535",
            _ => return Ok(()),
        };
        self.log.log(Level::Error, &format!("{}: {refusal}", entry.place.url()));
        Err(Error::InvalidArgument)
    }

    fn open(&self, role: Role, entry: &Entry, address: SocketAddr) -> Result<Remote, Error> {
        self.check(role, entry, Some(address))?;
        // Whoever wants to hear a group joins it, by whatever URL.
        let joins = role == Role::Receiver && address.ip().is_multicast();
        let listens = joins || !entry.place.call;
        let opened = match listens {
            true => socket::listen(address, entry.ports(), &entry.options, &self.log),
            false => socket::call(address, entry.ports(), &entry.options, &self.log),
        };
        let (media, control) = opened.and_then(|opened| bind_names(entry, opened)).map_err(|error| {
            self.log.log(Level::Error, &format!("could not create socket for {}: {error}", entry.place.url()));
            Error::Socket
        })?;
        let local_media = media.local;
        let local_control = control.as_ref().map_or(local_media, |control| control.local);
        let sockets = || std::iter::once(&media).chain(&control);
        if self.network.get().is_none() {
            sockets().for_each(|socket| udp::accept_joined(&socket.socket));
        }
        // In place of those with the same names.
        self.remove_sockets(|id| id == entry.media || id == entry.control);
        self.sockets.insert(std::iter::once(media).chain(control));
        if listens {
            let line = match entry.ports() {
                Ports::One => format!("listening on {local_media}"),
                Ports::Two => format!("listening on {local_media} and, for RTCP, {local_control}"),
            };
            self.log.log(Level::Info, &line);
            return Ok(Remote::Listen { media: local_media, control: local_control });
        }
        self.log.log(Level::Info, &format!("connecting to {address} from {local_media}"));
        Ok(call_to(address, entry.ports()))
    }

    pub(super) fn remove_peer(&self, peer: PeerId) -> Result<(), Error> {
        self.call(|session, now| session.remove_peer(now, peer))??;
        let entry = self.peers.entries.lock().remove(&peer);
        if let Some(entry) = entry {
            self.remove_sockets(|id| id == entry.media || id == entry.control);
            self.wake.wake();
        }
        Ok(())
    }

    pub(super) fn peer_sockets(&self, peer: PeerId) -> Result<(i32, Option<i32>), Error> {
        let parent = self.call(|session, _| session.parent(peer))??;
        if parent.is_some() {
            return Err(Error::Session(SessionError::ChildPeer));
        }
        let entry = self.peers.get(peer).ok_or(Error::Session(SessionError::NoSuchPeer))?;
        let fd = |id| self.sockets.get(id).map(|socket| descriptor(&socket)).ok_or(Error::Socket);
        let control = if entry.ports() == Ports::Two { Some(fd(entry.control)?) } else { None };
        Ok((fd(entry.media)?, control))
    }

    /// Looks a caller's name up again, on a thread of its own.
    pub(super) fn look_up(&self, peer: PeerId) {
        if let Some(entry) = self.peers.get(peer).filter(|entry| entry.place.is_name()) {
            let waker = Arc::clone(&self.wake);
            self.resolver.look_up(peer, entry.place, move || waker.wake());
        }
    }

    /// On the protocol thread: takes the answers of look-ups.
    pub(super) fn take_resolved(&self, role: Role) {
        for (peer, address) in self.resolver.take() {
            let Some(entry) = self.peers.get(peer) else { continue };
            let Some(address) = address else {
                self.log.log(Level::Error, &format!("cannot resolve {}", entry.place.url()));
                continue;
            };
            let current = self.sockets.get(entry.media);
            let remote = match current {
                Some(current) if current.local.is_ipv4() == address.is_ipv4() => call_to(address, entry.ports()),
                _ => match self.open(role, &entry, address) {
                    Ok(remote) => remote,
                    Err(_) => continue,
                },
            };
            let _ = self.call(|session, now| session.set_remote(now, peer, remote));
        }
    }
}

fn bind_names(entry: &Entry, opened: Opened) -> io::Result<(BoundSocket, Option<BoundSocket>)> {
    let control = opened.control.map(|control| BoundSocket::new(entry.control, control)).transpose()?;
    Ok((BoundSocket::new(entry.media, opened.media)?, control))
}

/// Simple: RTCP goes to the next port.
fn call_to(media: SocketAddr, ports: Ports) -> Remote {
    let mut control = media;
    if ports == Ports::Two {
        control.set_port(media.port().wrapping_add(1));
    }
    Remote::Call { media, control, multicast: media.ip().is_multicast() }
}

#[cfg(unix)]
fn descriptor(socket: &BoundSocket) -> i32 {
    use std::os::fd::AsRawFd;
    socket.socket.as_raw_fd()
}

#[cfg(windows)]
fn descriptor(socket: &BoundSocket) -> i32 {
    use std::os::windows::io::AsRawSocket;
    // Socket handles are small numbers; libRIST's API has room for no more.
    socket.socket.as_raw_socket() as i32
}
