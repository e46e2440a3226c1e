//! First words and signs of life in the tunnel: keep-alives, buffer negotiation (TR-06-2:2022 §5.5, §10; libRIST).

use super::Session;
use super::control::ABILITIES;
use crate::protocol::config::Role;
use crate::protocol::framing::main::Envelope;
use crate::protocol::output::PeerId;
use crate::protocol::peer::Peer;
use crate::protocol::time::{Span, Time};
use crate::protocol::timers::Timer;
use crate::protocol::tunnel::{Tunnel, Version};
use crate::wire::gre::{BufferNegotiation, Form, KeepAlive, capabilities};

const INTERVAL: Span = Span::from_secs(1);
/// Messages of a kind at the start, so that one may be lost.
const REPEATS: usize = 3;
/// A version that only the first packets offer is never agreed on if those are lost.
const OFFER_FOR: Span = Span::from_secs(5);

impl Session {
    /// The tunnel of a peer that the application adds.
    pub(super) fn new_tunnel(&self, now: Time, peer: &Peer) -> Option<Box<Tunnel>> {
        let mut tunnel = Tunnel::new(Version::of_caller(), now + OFFER_FOR);
        tunnel.abilities = self.new_abilities(peer);
        self.is_tunnel().then(|| Box::new(tunnel))
    }

    /// First words to a peer that we call, before its reports: both versions, and how long we keep packets.
    pub(super) fn greet_tunnel(&mut self, now: Time, id: PeerId) {
        for version in [2, 1] {
            for _ in 0..REPEATS {
                self.send_keep_alive(now, id, version);
            }
        }
        self.negotiate_buffer(now, id);
        self.timers.set(Timer::KeepAlive(id), Some(now + INTERVAL));
    }

    /// A stranger has become a peer by a packet of this version and length, which is counted here.
    pub(super) fn welcome(&mut self, now: Time, id: PeerId, version: u8, length: usize) {
        let abilities = self.peers.get(&id).and_then(|peer| self.new_abilities(peer));
        let Some(peer) = self.peers.get_mut(&id) else { return };
        peer.received_bytes(length);
        let mut tunnel = Tunnel::new(Version::of_stranger(version), now);
        tunnel.abilities = abilities;
        peer.tunnel = Some(Box::new(tunnel));
        if self.begin_login(now, id) {
            return;
        }
        self.timers.set(Timer::Rtcp(id), Some(now));
        self.timers.set(Timer::KeepAlive(id), Some(now));
    }

    pub(super) fn keep_alive(&mut self, now: Time, id: PeerId) {
        self.timers.set(Timer::KeepAlive(id), Some(now + INTERVAL));
        if let Some(login) = self.peers.get_mut(&id).and_then(|peer| peer.login.as_mut()) {
            login.forget_old_questions(now);
        }
        let Some(tunnel) = self.tunnel_of(id) else { return };
        let (version, offers) = (tunnel.version.get(), now < tunnel.offers_until);
        self.send_keep_alive(now, id, version);
        if version == 1 && offers {
            self.send_keep_alive(now, id, 2);
        }
        self.send_advanced_keep_alive(now, id);
        self.announce_nonce(now, id);
        self.describe_flow(now, id);
    }

    fn send_keep_alive(&mut self, now: Time, id: PeerId, version: u8) {
        let pairs = self.split.is_on() || self.reflects_pairs_to(id);
        let message = match self.peers.get(&id).and_then(Peer::abilities) {
            Some(_) => KeepAlive::advanced(self.mac, pairs, ABILITIES, &[]),
            None => KeepAlive { mac: self.mac, capabilities: capabilities(pairs), extension: None, json: &[] },
        };
        self.send_message(now, id, Form::KeepAlive, Some(version), |out| message.write(out));
    }

    /// Tells a receiver how long packets are kept (libRIST 0.2.8: buffer + 2 × rtt-max).
    pub(super) fn negotiate_buffer(&mut self, now: Time, id: PeerId) {
        let Some(peer) = self.peers.get(&id).filter(|_| self.config.role == Role::Sender) else { return };
        let memory = peer.config.buffer_max + peer.config.rtt_max.scaled(2, 1);
        let sender_max = u16::try_from(memory.as_millis()).unwrap_or(u16::MAX);
        let message = BufferNegotiation { sender_max, ..BufferNegotiation::default() };
        for _ in 0..REPEATS {
            self.send_message(now, id, Form::BufferNegotiation, Some(2), |out| message.write(out));
        }
    }

    pub(super) fn echo_negotiation(&mut self, now: Time, id: PeerId, kind: u16) {
        let message = BufferNegotiation { kind, ..BufferNegotiation::default() };
        self.send_message(now, id, Form::BufferNegotiation, Some(2), |out| message.write(out));
    }

    /// Sends one message that is neither media nor feedback.
    pub(super) fn send_message(
        &mut self,
        now: Time,
        id: PeerId,
        form: Form,
        version: Option<u8>,
        write: impl FnOnce(&mut Vec<u8>),
    ) -> bool {
        if !self.peers.get(&id).is_some_and(|peer| peer.may_hear()) {
            return false;
        }
        let Some(envelope) = self.envelope(now, id, form, version) else { return false };
        let transmit = envelope.message(&self.pool, write);
        let Some(peer) = self.peers.get_mut(&id) else { return false };
        if !peer.may_send(transmit.len()) {
            return false;
        }
        peer.count_sent(transmit.len());
        self.transmit(transmit);
        true
    }

    /// Header and key for the next datagram to a peer; `None` while there is no key, or nowhere to send to.
    pub(super) fn envelope(&mut self, now: Time, id: PeerId, form: Form, version: Option<u8>) -> Option<Envelope> {
        let peer = self.peers.quietly(id)?;
        // Who has not logged in hears nothing but questions. A caller of ours speaks first: EAP alone makes no peer.
        let is_child = peer.is_child();
        if form != Form::Eapol && is_child && !peer.is_open() {
            return None;
        }
        let (socket, to) = (peer.control.socket, peer.control.remote?);
        let version = version.unwrap_or(peer.tunnel.as_deref()?.version.get());
        let mut envelope = Envelope { socket, to, version, form, sequence: 0, sealed: None };
        let tunnel = peer.tunnel.as_deref_mut()?;
        // Callers of ours have a key of their own or none.
        if form == Form::Eapol || (tunnel.lock.is_none() && !is_child) {
            envelope.sequence = tunnel.next_sequence();
            return Some(envelope);
        }
        match self.seal(now, id).ok()? {
            Some(sealed) => {
                envelope.sequence = sealed.sequence;
                envelope.sealed = Some(sealed);
                // Version 0 has no safe encryption.
                envelope.version = version.max(1);
            }
            None => envelope.sequence = self.tunnel_of(id)?.next_sequence(),
        }
        Some(envelope)
    }
}
