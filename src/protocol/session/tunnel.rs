//! What comes in by the tunnel of the Main profile, from the GRE header to media, feedback and the rest.

use super::keys::Source;
use super::rtcp::credit;
use super::throttle::Complaint;
use super::{Channel, Session};
use crate::protocol::config::{PskMode, Role};
use crate::protocol::output::{Level, PeerId, SocketId};
use crate::protocol::peer::Peer;
use crate::protocol::time::{Span, Time};
use crate::protocol::tunnel::{Heard, Offer};
use crate::wire::eapol;
use crate::wire::gre::{self, BufferNegotiation, Content, KeepAlive, Packet};
use crate::wire::rtcp::Compound;
use crate::wire::rtp::Rtp;
use std::net::SocketAddr;

impl Session {
    pub(super) fn handle_tunnel(&mut self, now: Time, socket: SocketId, from: SocketAddr, datagram: &[u8]) {
        let known = self.sources.find((socket, from)).map(|(peer, _)| peer);
        let packet = match Packet::parse(datagram) {
            Ok(packet) => packet,
            Err(_) => return self.not_a_tunnel(now, known, datagram),
        };
        if packet.protocol == gre::protocol::EAPOL {
            // Never encrypted, and it alone makes nobody a peer (TR-06-2:2022 §8, libRIST).
            if let Some(peer) = known {
                self.login_frame(now, peer, datagram.len(), packet.body);
            }
            return;
        }
        if self.is_unwanted(now, known, &packet) {
            return;
        }
        let Some(through) = known.or_else(|| self.listening.get(&socket).map(|listening| listening.peer)) else {
            return;
        };
        let source = Source { known, through, socket, from };
        let mut clear = if packet.is_encrypted() { std::mem::take(&mut self.clear_text) } else { Vec::new() };
        if let Some(content) = self.open(now, &source, &packet, datagram, &mut clear) {
            self.opened(now, &source, &packet, datagram, content);
        }
        if packet.is_encrypted() {
            self.clear_text = clear;
        }
    }

    /// The content is clear text now, and what was to be encrypted was.
    #[inline]
    fn opened(&mut self, now: Time, source: &Source, packet: &Packet<'_>, datagram: &[u8], content: Content<'_>) {
        let peer = match source.known {
            Some(peer) => Some(peer),
            None => self.tunnel_stranger(now, source, packet.version, &content, datagram),
        };
        let Some(id) = peer else { return };
        let Some(mut peer) = self.peers.get_mut(&id) else { return };
        if source.known.is_some() {
            credit(&mut self.timers, now, peer, datagram.len());
        }
        if !peer.is_open() {
            self.complain(now, Complaint::NotLoggedIn, Level::Info, "waiting for a peer to log in (EAP)");
            return;
        }
        if let Some(tunnel) = &mut peer.tunnel {
            if packet.nonce.is_some() {
                (tunnel.keyed, tunnel.aes_256) = (true, packet.aes_256);
                tunnel.reads_clear = false;
            }
            if tunnel.version.heard(now, packet.version) == Heard::Raised && packet.version >= 2 {
                self.negotiate_buffer(now, id);
                let Some(same) = self.peers.get_mut(&id) else { return };
                peer = same;
            }
        }
        let is_sealed = packet.nonce.is_some();
        let Content::Media { ports, packet } = content else {
            return self.message_arrived(now, id, &content);
        };
        if is_sealed && peer.config.advanced.psk_mode != PskMode::Ctr {
            let text = "media in Main dropped: the PSK mode that is configured here authenticates it";
            return self.complain(now, Complaint::Undecryptable, Level::Error, text);
        }
        match Rtp::parse(packet) {
            Ok(rtp) if self.config.role == Role::Receiver => {
                let flow_id = rtp.ssrc & !1;
                if peer.goes_on(now, flow_id) || self.media_begins(now, id, flow_id) {
                    self.media_arrived(now, id, &rtp, (ports.source, ports.destination));
                }
            }
            Ok(_) => self.complain(now, Complaint::WrongRole, Level::Debug, "media received on a sender, dropped"),
            Err(_) => self.malformed(now),
        }
    }

    /// What stood in an Advanced packet instead of in a tunnel packet of its own.
    pub(super) fn content_arrived(&mut self, now: Time, id: PeerId, content: &Content<'_>) {
        let Content::Media { ports, packet } = *content else {
            return self.message_arrived(now, id, content);
        };
        let Ok(rtp) = Rtp::parse(packet) else { return self.malformed(now) };
        let flow_id = rtp.ssrc & !1;
        let goes_on = |peer: &mut Peer| peer.goes_on(now, flow_id);
        if self.config.role == Role::Receiver
            && (self.peers.get_mut(&id).is_some_and(goes_on) || self.media_begins(now, id, flow_id))
        {
            self.media_arrived(now, id, &rtp, (ports.source, ports.destination));
        }
    }

    /// Anything but media.
    fn message_arrived(&mut self, now: Time, id: PeerId, content: &Content<'_>) {
        match *content {
            Content::Media { .. } => {}
            Content::Feedback { ports, packet } => {
                if let Some(tunnel) = self.tunnel_of(id) {
                    tunnel.heard_feedback(ports);
                }
                self.handle_feedback(now, id, Channel::Control, Compound::new(packet));
            }
            Content::KeepAlive(message) => self.kept_alive(now, id, &message),
            Content::BufferNegotiation(message) => self.buffer_negotiated(now, id, &message),
            Content::Full(payload) => self.out_of_band_arrived(now, id, gre::protocol::FULL, payload),
            Content::Typed { protocol, payload } => self.out_of_band_arrived(now, id, protocol, payload),
            // Its key is derived when the first packet asks for it, aside from media.
            Content::FutureNonce(_) => self.sign_of_life(now, id),
        }
    }

    /// No tunnel packet. From a peer that logs in it may be a bare EAP frame: libRIST since 0.2.8 repeats those
    /// without a GRE header.
    fn not_a_tunnel(&mut self, now: Time, known: Option<PeerId>, datagram: &[u8]) {
        let logs_in = known.and_then(|id| self.peers.get(&id)).is_some_and(|peer| peer.login.is_some());
        match known.filter(|_| logs_in && eapol::decode(datagram).is_ok()) {
            Some(peer) => self.login_frame(now, peer, datagram.len(), datagram),
            None if gre::looks_like_simple(datagram) => {
                let text = "a peer sends bare RTP or RTCP, dropped: it uses the Simple profile, this side Main";
                self.complain(now, Complaint::Malformed, Level::Error, text);
            }
            None => self.malformed(now),
        }
    }

    pub(super) fn malformed(&mut self, now: Time) {
        self.complain(now, Complaint::Malformed, Level::Error, "malformed packet dropped");
    }

    /// Media of a sender that has changed its port comes before its next report: it is a peer at once.
    fn tunnel_stranger(
        &mut self,
        now: Time,
        &Source { through, socket, from, .. }: &Source,
        version: u8,
        content: &Content<'_>,
        datagram: &[u8],
    ) -> Option<PeerId> {
        let speaks = match content {
            Content::Feedback { .. } | Content::KeepAlive(_) | Content::Full(_) => true,
            Content::Media { .. } => self.config.role == Role::Receiver,
            Content::BufferNegotiation(_) | Content::FutureNonce(_) | Content::Typed { .. } => false,
        };
        if !speaks {
            return None;
        }
        self.enter(now, through, socket, from, version, datagram)
    }

    /// Somebody speaks who is no peer yet: it becomes one, if it may.
    pub(super) fn enter(
        &mut self,
        now: Time,
        through: PeerId,
        socket: SocketId,
        from: SocketAddr,
        version: u8,
        datagram: &[u8],
    ) -> Option<PeerId> {
        let local = self.listening.get(&socket)?.local;
        let next = self.reserved_id();
        if self.is_locked_out(now, through, from.ip()) || !self.may_enter(now, (socket, from), next, local, datagram) {
            return None;
        }
        let id = self.add_child(now, through, socket, from)?;
        self.welcome(now, id, version, datagram.len());
        Some(id)
    }

    /// It is there, even if it said nothing that matters.
    pub(super) fn sign_of_life(&mut self, now: Time, id: PeerId) {
        let Some(peer) = self.peers.get_mut(&id) else { return };
        peer.heard(now);
        if peer.is_dead() {
            self.revive(now, id);
        }
    }

    fn kept_alive(&mut self, now: Time, id: PeerId, message: &KeepAlive<'_>) {
        self.sign_of_life(now, id);
        let digest = fnv(&[&message.mac, &message.capabilities, message.json]);
        if let Some(abilities) = self.peers.quietly(id).and_then(Peer::abilities_mut) {
            let change = abilities.kept_alive(now, Offer::of_tunnel(message));
            self.speaks_otherwise(now, id, change);
        }
        let Some(tunnel) = self.tunnel_of(id) else { return };
        let pairs = message.announces_pairs();
        if std::mem::replace(&mut tunnel.announces_pairs, pairs) != pairs {
            self.configure_flow_of(id);
        }
        let Some(tunnel) = self.tunnel_of(id) else { return };
        if tunnel.announced.replace(digest) == Some(digest) {
            return;
        }
        let [first, second] = message.capabilities;
        let json = super::feedback::printable(message.json.get(..MAX_JSON).unwrap_or(message.json));
        let line = format!("peer {} can do {first:02x} {second:02x} {json}", id.0);
        self.mention(now, Level::Debug, line);
    }

    fn buffer_negotiated(&mut self, now: Time, id: PeerId, message: &BufferNegotiation) {
        self.sign_of_life(now, id);
        if message.kind != 0 {
            self.echo_negotiation(now, id, message.kind);
        }
        if message.sender_max == 0 || self.config.role != Role::Receiver {
            return;
        }
        let Some(peer) = self.peers.get_mut(&id) else { return };
        let (least, longest) = (peer.config.buffer_min, Span::from_millis(u32::from(message.sender_max)));
        let Some(tunnel) = peer.tunnel.as_mut() else { return };
        if longest < least {
            tunnel.sender_buffer = None;
            let text =
                format!("a sender keeps packets for {} ms, less than buffer-min: not followed", longest.as_millis());
            self.complain(now, Complaint::Window, Level::Error, &text);
        } else if tunnel.sender_buffer.replace(longest) != Some(longest) {
            self.configure_flows();
        }
    }
}

/// JSON of a keep-alive that is shown.
const MAX_JSON: usize = 512;

/// FNV-1a, 64 bits: enough to see that a text has changed.
fn fnv(parts: &[&[u8]]) -> u64 {
    let octets = parts.iter().flat_map(|part| part.iter());
    octets.fold(0xcbf2_9ce4_8422_2325, |sum, octet| (sum ^ u64::from(*octet)).wrapping_mul(0x0100_0000_01b3))
}
