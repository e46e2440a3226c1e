//! Out-of-band data: datagrams of the application beside the media, in the tunnel of the Main profile.

use super::Session;
use super::throttle::Complaint;
use crate::protocol::output::{Error, Event, Level, PeerId};
use crate::protocol::peer::{Kind, Peer};
use crate::protocol::time::Time;
use crate::wire::gre::{Form, Packet, protocol};

/// Protocol type of libRIST's.
pub const OUT_OF_BAND: u16 = protocol::FULL;
/// Longest payload, bytes (libRIST).
pub const MAX_OUT_OF_BAND: usize = 9984;
/// Octets that wait for one peer.
const MOST_KEPT: usize = 512;
/// Programs written for libRIST look for an IP header (20 octets) without asking how long the data is: rist-tools do.
const READ_BEYOND: usize = 20;

impl Session {
    /// Whether the application wants to hear of out-of-band data. Without it such packets are dropped.
    pub fn set_out_of_band(&mut self, wanted: bool) {
        self.out_of_band = wanted;
    }

    /// The same of data with other numbers than libRIST's.
    pub fn set_typed_out_of_band(&mut self, wanted: bool) {
        self.typed_out_of_band = wanted;
    }

    /// Sends to one peer, to all that came through a listener, or (`None`) to whom it was last heard from, or
    /// if that is nobody, who is there. Returns how many it went to.
    pub fn send_out_of_band(&mut self, now: Time, to: Option<PeerId>, payload: &[u8]) -> Result<usize, Error> {
        self.send_typed_out_of_band(now, to, OUT_OF_BAND, payload)
    }

    /// The same with any number that the tunnel has no use of its own for.
    pub fn send_typed_out_of_band(
        &mut self,
        now: Time,
        to: Option<PeerId>,
        number: u16,
        payload: &[u8],
    ) -> Result<usize, Error> {
        if !self.is_tunnel() {
            return Err(Error::Unsupported);
        }
        if payload.is_empty() || payload.len() > MAX_OUT_OF_BAND || !protocol::is_out_of_band(number) {
            return Err(Error::InvalidArgument);
        }
        let targets: Vec<PeerId> = match to {
            Some(id) => {
                let peer = self.peers.get(&id).ok_or(Error::NoSuchPeer)?;
                match peer.kind {
                    Kind::Listener => self.takers(|peer| peer.kind == Kind::Child(id)).collect(),
                    _ => vec![id],
                }
            }
            None => self.takers(|_| true).max_by_key(|id| self.last_out_of_band(*id)).into_iter().collect(),
        };
        let form = if number == OUT_OF_BAND { Form::Full } else { Form::Typed(number) };
        let mut sent = 0;
        for id in targets {
            sent += usize::from(self.send_or_keep(now, id, form, payload));
        }
        Ok(sent)
    }

    /// Programs greet a peer as soon as they hear of it. A short greeting that may not go yet, because the peer has not
    /// answered an echo or its key is being derived, goes a little later.
    fn send_or_keep(&mut self, now: Time, id: PeerId, form: Form, payload: &[u8]) -> bool {
        if self.send_message(now, id, form, None, |out| out.extend_from_slice(payload)) {
            return true;
        }
        let Some(peer) = self.peers.get_mut(&id).filter(|peer| peer.is_open()) else { return false };
        let Some(tunnel) = &mut peer.tunnel else { return false };
        let kept: usize = tunnel.greetings.iter().map(|(_, payload)| payload.len()).sum();
        let room = kept + payload.len() <= MOST_KEPT;
        if room {
            tunnel.greetings.push((form, payload.to_vec()));
        }
        room
    }

    /// What had to wait.
    pub(super) fn send_greetings(&mut self, now: Time, id: PeerId) {
        let Some(tunnel) = self.tunnel_of(id) else { return };
        for (form, greeting) in std::mem::take(&mut tunnel.greetings) {
            self.send_or_keep(now, id, form, &greeting);
        }
    }

    fn takers(&self, of: impl Fn(&Peer) -> bool) -> impl Iterator<Item = PeerId> {
        let open = self.peers.values().filter(move |peer| of(peer) && peer.control.remote.is_some());
        open.filter(|peer| peer.is_open() && !peer.is_dead()).map(|peer| peer.id)
    }

    fn last_out_of_band(&self, id: PeerId) -> (Option<Time>, Option<Time>) {
        let peer = self.peers.get(&id);
        let latest = peer.and_then(|peer| peer.tunnel.as_ref()).and_then(|tunnel| tunnel.out_of_band);
        (latest, peer.and_then(|peer| peer.last_heard))
    }

    /// Whether a packet has a number of its own that nobody listens to, or it alone would have to make its sender a peer. It
    /// is dropped before it costs a key.
    pub(super) fn is_unwanted(&mut self, now: Time, known: Option<PeerId>, packet: &Packet<'_>) -> bool {
        let typed = packet.protocol != OUT_OF_BAND && protocol::is_out_of_band(packet.protocol);
        if !typed || (self.typed_out_of_band && known.is_some()) {
            return false;
        }
        let text = "out-of-band data with a protocol type that nobody takes, dropped";
        self.complain(now, Complaint::Unknown, Level::Debug, text);
        true
    }

    pub(super) fn out_of_band_arrived(&mut self, now: Time, id: PeerId, number: u16, payload: &[u8]) {
        self.sign_of_life(now, id);
        if payload.is_empty() {
            return;
        }
        if let Some(tunnel) = self.tunnel_of(id) {
            tunnel.out_of_band = Some(now);
        }
        let wanted = if number == OUT_OF_BAND { self.out_of_band } else { self.typed_out_of_band };
        if wanted {
            let payload = self.pool.build(|out| {
                out.extend_from_slice(payload);
                out.resize(payload.len() + READ_BEYOND, 0);
                out.truncate(payload.len());
            });
            self.event(Event::OutOfBand { peer: id, protocol: number, payload });
        }
    }
}
