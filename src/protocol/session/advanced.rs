//! What comes and goes in the Advanced profile's framing, beside Main's on the same port: whose it is, and media. The
//! messages between are in `control`.

use super::Session;
use super::keys::Source;
use super::media::media_ports;
use super::opening::of_main;
use super::receive::received;
use super::rtcp::credit;
use super::throttle::Complaint;
use crate::protocol::config::{AdvancedStart, PskMode, Role};
use crate::protocol::flow::{Arrival, Numbers, Part, Stamp};
use crate::protocol::framing::advanced::Frame;
use crate::protocol::output::{Level, PeerId, SocketId, Transmit};
use crate::protocol::peer::{Kind, Peer};
use crate::protocol::sender::Sent;
use crate::protocol::time::Time;
use crate::protocol::tunnel::{Abilities, Change, media_source_port};
use crate::wire::advanced::control::Message;
use crate::wire::advanced::{Content, Flags, FlowId, Header, Lpc, Packet, Type, UNPROTECTED};
use crate::wire::{Error, gre};
use std::net::SocketAddr;

/// RIST GRE version that a peer is answered in which came by an Advanced packet.
const GRE_VERSION: u8 = 1;

impl Session {
    pub(super) fn handle_advanced(&mut self, now: Time, socket: SocketId, from: SocketAddr, datagram: &[u8]) {
        let packet = match Packet::parse(datagram) {
            Ok(packet) => packet,
            Err(Error::Unsupported) => return self.not_for_us(now),
            Err(_) => return self.malformed(now),
        };
        let known = self.sources.find((socket, from)).map(|(peer, _)| peer);
        let Some(through) = known.or_else(|| self.listening.get(&socket).map(|listening| listening.peer)) else {
            return;
        };
        let sealed = packet.psk.mode != 0;
        // A whole datagram of Main: it has a key of its own, or needs none.
        if packet.kind == Type::RistGre && !sealed {
            return match packet.content(packet.body) {
                Ok(content) => self.handle_tunnel(now, socket, from, content.payload),
                Err(_) => self.malformed(now),
            };
        }
        let source = Source { known, through, socket, from };
        let mut clear = if sealed { std::mem::take(&mut self.clear_text) } else { Vec::new() };
        if let Some(content) = self.open_advanced(now, &source, &packet, datagram, &mut clear) {
            self.advanced_opened(now, &source, &packet, datagram, &content);
        }
        if sealed {
            self.clear_text = clear;
        }
    }

    #[inline]
    fn advanced_opened(
        &mut self,
        now: Time,
        source: &Source,
        packet: &Packet<'_>,
        datagram: &[u8],
        content: &Content<'_>,
    ) {
        let peer = match source.known {
            Some(peer) => Some(peer),
            None => self.advanced_stranger(now, source, packet, content, datagram),
        };
        let Some(id) = peer else { return };
        // Clear text is anybody's where there is a secret, and so is what only decrypts.
        let surely = packet.psk.hash.is_some() || self.keyring_owner(id).is_none();
        let Some(peer) = self.peers.get_mut(&id) else { return };
        if source.known.is_some() {
            credit(&mut self.timers, now, peer, datagram.len());
        }
        let open = peer.is_open();
        let Some(abilities) = peer.abilities_mut() else { return };
        if packet.kind == Type::Control {
            abilities.clock.heard(now, packet.timestamp);
            if let Ok(Message::Eap(frame)) = Message::parse(content.payload) {
                return self.login_frame(now, id, datagram.len(), frame);
            }
        }
        if !open {
            return self.complain(now, Complaint::NotLoggedIn, Level::Info, "waiting for a peer to log in (EAP)");
        }
        if abilities.heard_advanced(now, surely) != Change::None {
            self.speaks_otherwise(now, id, Change::Advanced);
        }
        match packet.kind {
            Type::Control => self.control_arrived(now, id, packet.ssrc, content.payload),
            Type::Direct => self.direct_arrived(now, id, packet, content),
            Type::ReducedUdp | Type::RistGre => {
                let inner = of_main(packet.kind, content.payload);
                match inner.and_then(|(protocol, body)| gre::Content::parse(protocol, body)) {
                    Ok(content) => self.content_arrived(now, id, &content),
                    Err(_) => self.malformed(now),
                }
            }
            Type::Ipv4 | Type::Ipv6 | Type::Ethernet | Type::Gre => self.not_for_us(now),
        }
    }

    /// Well formed, but nothing that this library carries.
    fn not_for_us(&mut self, now: Time) {
        self.complain(now, Complaint::Unknown, Level::Debug, "Advanced packet of a type that is not carried, dropped");
    }

    /// As in the tunnel: media of a sender that has changed its port is a peer at once, and whoever says what it can do.
    fn advanced_stranger(
        &mut self,
        now: Time,
        &Source { through, socket, from, .. }: &Source,
        packet: &Packet<'_>,
        content: &Content<'_>,
        datagram: &[u8],
    ) -> Option<PeerId> {
        let speaks = match packet.kind {
            Type::Control => matches!(Message::parse(content.payload), Ok(Message::KeepAlive(_))),
            Type::Direct => self.config.role == Role::Receiver,
            _ => false,
        };
        // Who has to show a secret does so in the tunnel.
        if !speaks || (packet.psk.mode == 0 && self.keyring_owner(through).is_some()) {
            return None;
        }
        self.enter(now, through, socket, from, GRE_VERSION, datagram)
    }

    fn direct_arrived(&mut self, now: Time, id: PeerId, packet: &Packet<'_>, content: &Content<'_>) {
        if self.config.role != Role::Receiver {
            return self.complain(now, Complaint::WrongRole, Level::Debug, "media received on a sender, dropped");
        }
        // Nobody sends media that can not be asked for again, or compressed by other means.
        if packet.ssrc & UNPROTECTED != 0 || packet.lpc == Lpc::Field {
            return self.not_for_us(now);
        }
        let flow_id = packet.ssrc;
        let Some(peer) = self.peers.get_mut(&id) else { return };
        // What only decrypts anybody can have sent. So it is of the flow that was named under the secret.
        let unsure = packet.psk.mode == PskMode::Ctr as u8;
        if unsure && ![peer.flow, peer.next_flow].contains(&Some(flow_id)) {
            let text = "encrypted media of another flow than its peer has named dropped";
            return self.complain(now, Complaint::NoHandshake, Level::Warn, text);
        }
        if !(peer.goes_on(now, flow_id) || self.media_begins(now, id, flow_id)) {
            return;
        }
        let ports = match packet.flow_id {
            Some(flow_id) => (flow_id.inner(), flow_id.outer()),
            None => {
                let port = self.peers.get(&id).map_or(0, |peer| peer.config.virt_dst_port);
                (media_source_port(id.0), port)
            }
        };
        let arrival = Arrival {
            now,
            path: id,
            seq: packet.seq,
            numbers: Numbers::Long,
            retransmit: packet.flags.retransmission,
            stamp: Stamp::Advanced { timestamp: packet.timestamp },
            part: Part { first: packet.flags.first, last: packet.flags.last },
            compressed: packet.lpc == Lpc::Lz4,
            virt_src_port: ports.0,
            virt_dst_port: ports.1,
            payload: content.payload,
        };
        let Some(flow) = self.flows.get_mut(&flow_id).filter(|flow| flow.takes(id)) else { return };
        let first = !flow.has_data();
        flow.receive(&arrival, &self.pool);
        let news = received(&mut self.timers, &mut self.playout, flow, first);
        self.tell_of_flow(now, flow_id, news, packet.seq);
    }

    /// Media as Advanced has it. `None`: it can not be sent, for want of a key or an address.
    pub(super) fn advanced_media(&mut self, now: Time, id: PeerId, sent: &Sent, again: bool) -> Option<Transmit> {
        let flow = self.outgoing_flow()?;
        let sealed = self.seal_media(now, id).ok()?;
        let peer = self.peers.quietly(id)?;
        let (to, ports, wanted) = (peer.control.remote?, media_ports(peer, sent.ports), peer.config.advanced.clock);
        let open = !peer.is_child() || peer.is_open();
        let clock = peer.abilities_mut().filter(|_| open)?.media_clock(wanted);
        let shape = sent.shape;
        let header = Header {
            flags: Flags { first: shape.first, last: shape.last, expedite: false, retransmission: again },
            flow_id: Some(FlowId::new(ports.destination, ports.source)),
            lpc: if shape.lz4 { Lpc::Lz4 } else { Lpc::None },
            ..Header::media(sent.seq, clock.timestamp_of(sent.micros), flow)
        };
        let frame = Frame { socket: peer.control.socket, to, header, sealed };
        frame.media(sent.packed.as_ref().unwrap_or(&sent.payload), &self.pool)
    }

    /// What a peer of ours, or one that comes through it, may turn out to be able to do.
    pub(super) fn new_abilities(&self, peer: &Peer) -> Option<Box<Abilities>> {
        let settings = &peer.config.advanced;
        // What is reflected stays as it came, and nobody can tell for all members of a group.
        let through_group = match peer.kind {
            Kind::Child(parent) => self.peers.get(&parent).is_some_and(|parent| parent.kind == Kind::Group),
            kind => kind == Kind::Group,
        };
        let fits = !peer.config.reflector && (!through_group || settings.start == AdvancedStart::Advanced);
        (self.is_advanced() && fits).then(Box::default)
    }

    /// Whether a peer is sent media in Advanced, and control.
    #[inline]
    pub(super) fn speaks_advanced(&self, id: PeerId) -> bool {
        self.is_advanced() && self.peers.get(&id).is_some_and(speaks_advanced)
    }

    /// The peer is to be spoken to in another framing, or has told at least that it is not.
    pub(super) fn speaks_otherwise(&mut self, now: Time, id: PeerId, change: Change) {
        match change {
            Change::None => {}
            Change::Advanced => {
                self.mention(now, Level::Notice, format!("peer {} reads the Advanced profile", id.0));
                self.send_advanced_keep_alive(now, id);
            }
            Change::Main => {
                self.mention(now, Level::Notice, format!("peer {} reads the Main profile only, by now", id.0));
            }
        }
        self.hold_no_longer(now);
    }

    /// The number that a peer means by the 32 bits of a report: those spoken to in Main know half of it.
    pub(super) fn whole_number(&self, id: PeerId, number: u32) -> u32 {
        match self.speaks_advanced(id) {
            true => number,
            false => self.sender.lengthen(number as u16),
        }
    }
}

pub(super) fn speaks_advanced(peer: &Peer) -> bool {
    let at_once = peer.config.advanced.start == AdvancedStart::Advanced;
    peer.abilities().is_some_and(|abilities| at_once || abilities.is_advanced())
}
