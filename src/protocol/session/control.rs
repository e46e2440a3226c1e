//! Control messages of the Advanced profile (TR-06-3): signs of life, requests, echoes, nonces.
//!
//! Reports, names and logins stay in Main's tunnel, as with every other implementation.

use super::Session;
use super::feedback::{Asked, MAX_REQUESTS};
use super::throttle::Complaint;
use crate::protocol::config::{AdvancedClock, AdvancedEcho, NackType, Role};
use crate::protocol::framing::advanced::Frame;
use crate::protocol::output::{Event, Level, PeerId};
use crate::protocol::peer::Peer;
use crate::protocol::time::{Span, Time};
use crate::protocol::tunnel::Offer;
use crate::wire::advanced::Header;
use crate::wire::advanced::control::{self, FutureNonce, KeepAlive, Message, RttEcho, nack};
use crate::wire::advanced::timestamp::Clock;
use crate::wire::gre::AdvancedCapabilities;
use crate::wire::rtcp::Echo;

/// Least time between two answers to echoes. TR-06-3 asks for one in 100 ms at most; half of it, since questions that leave
/// so often do not come so evenly.
const ECHO_SPACING: Span = Span::from_millis(50);
/// And what is not supported is refused this often.
const REFUSE_EVERY: Span = Span::from_secs(1);
/// Octets of padding that an answer repeats.
const MAX_PADDING: usize = 1024;

/// What this library can do with what it receives.
pub(super) const ABILITIES: AdvancedCapabilities =
    AdvancedCapabilities { fragmentation: true, compression: true, fec: false };

impl Session {
    pub(super) fn control_arrived(&mut self, now: Time, id: PeerId, ssrc: u32, payload: &[u8]) {
        self.sign_of_life(now, id);
        let Some(peer) = self.peers.quietly(id) else { return };
        peer.traffic.received_rtcp += 1;
        let Ok(message) = Message::parse(payload) else {
            let text = "malformed control message dropped";
            return self.complain(now, Complaint::MalformedFeedback, Level::Error, text);
        };
        match message {
            Message::KeepAlive(message) => self.advanced_kept_alive(now, id, &message),
            // Logins have been seen to, and to an answer there is nothing to be said.
            Message::Unsupported(_) | Message::Eap(_) => {}
            // Anybody can send the others. So they count only from whom the tunnel has shown to be what it says (libRIST
            // 0.2.19).
            _ if !self.is_authenticated(id) => {
                let text = "control message of a peer dropped that has not told its name yet";
                self.complain(now, Complaint::NoHandshake, Level::Debug, text);
            }
            Message::NackBitmask(nack) => self.serve_control(now, id, nack.sequences(MAX_REQUESTS).map(Asked::Whole)),
            Message::NackRange(nack) => self.serve_control(now, id, nack.sequences(MAX_REQUESTS).map(Asked::Whole)),
            Message::RttRequest(echo) => self.answer_control_echo(now, id, &echo),
            Message::RttResponse(echo) => {
                let ssrc = self.peers.get(&id).map(|peer| peer.ssrc).filter(|own| own | 1 == echo.ssrc);
                if let Some(ssrc) = ssrc {
                    let answer = Echo { ssrc, timestamp: echo.time, delay_us: echo.delay_us, padding: 0 };
                    self.echo_answered(now, id, &answer);
                }
            }
            Message::FlowAttribute(text) => self.flow_described(id, text),
            Message::FutureNonce(announced) => self.nonce_announced(now, id, &announced),
            // Read, and of no use yet.
            Message::LqmGlobal(_) | Message::LqmLink(_) => {}
            Message::Fec { .. } | Message::Unknown { .. } => self.refuse(now, id, ssrc, &message),
        }
    }

    /// It has told its name, logged in, and shown its secret, where these are asked for.
    fn is_authenticated(&mut self, id: PeerId) -> bool {
        let keyed = self.keyring_owner(id).is_none() || self.tunnel_of(id).is_some_and(|tunnel| tunnel.keyed);
        keyed && self.peers.get(&id).is_some_and(|peer| peer.connected && peer.is_open())
    }

    fn advanced_kept_alive(&mut self, now: Time, id: PeerId, message: &KeepAlive<'_>) {
        let Some(tunnel) = self.tunnel_of(id) else { return };
        let Some(abilities) = tunnel.abilities.as_mut().filter(|abilities| abilities.is_advanced()) else { return };
        let change = abilities.offered(Offer::of_control(message));
        // libRIST's own form has no place for it: it goes on in the tunnel.
        if message.pairs && !std::mem::replace(&mut tunnel.announces_pairs, true) {
            self.configure_flow_of(id);
        }
        self.speaks_otherwise(now, id, change);
    }

    fn serve_control(&mut self, now: Time, id: PeerId, asked: impl Iterator<Item = Asked>) {
        self.serve(now, id, asked);
        self.pump_retransmissions(now);
    }

    fn answer_control_echo(&mut self, now: Time, id: PeerId, request: &RttEcho<'_>) {
        let Some(peer) = self.peers.quietly(id).filter(|peer| peer.ssrc | 1 != request.ssrc) else { return };
        let wanted = peer.config.advanced.echo;
        let Some(abilities) = peer.abilities_mut() else { return };
        let right = match wanted {
            AdvancedEcho::On => true,
            AdvancedEcho::Off => false,
            AdvancedEcho::Auto => abilities.clock.measures_echoes_rightly(),
        };
        let soon = abilities.echo_answered.is_some_and(|at| now.since(at) < ECHO_SPACING);
        if !right || soon || request.padding.len() > MAX_PADDING {
            return;
        }
        abilities.echo_answered = Some(now);
        let answer = RttEcho { delay_us: 0, ..*request };
        self.send_control(now, id, |out| answer.write_response(out));
    }

    fn flow_described(&mut self, id: PeerId, text: &[u8]) {
        if self.flow_attributes && self.config.role == Role::Receiver {
            let text = self.pool.copy(text);
            self.event(Event::FlowAttribute { peer: id, text });
        }
    }

    fn nonce_announced(&mut self, now: Time, id: PeerId, announced: &FutureNonce) {
        let Some(owner) = self.keyring_owner(id) else { return };
        let Some(aes_256) = self.tunnel_of(id).map(|tunnel| tunnel.aes_256) else { return };
        let Some(size) = self.keyring_of(id).map(|keyring| keyring.size(aes_256)) else { return };
        if announced.nonce != [0; 4] && announced.bits.is_none_or(|bits| bits == 0 || bits == size.bits()) {
            self.expect_nonce(now, id, owner, (announced.nonce, size));
        }
    }

    fn refuse(&mut self, now: Time, id: PeerId, ssrc: u32, message: &Message<'_>) {
        let (Message::Fec { body, .. } | Message::Unknown { body, .. }) = *message else { return };
        let Some(abilities) = self.peers.quietly(id).and_then(Peer::abilities_mut) else { return };
        if abilities.refused.is_none_or(|at| now.since(at) >= REFUSE_EVERY) {
            abilities.refused = Some(now);
            self.send_control(now, id, |out| control::write_unsupported(out, ssrc, message.control(), body));
        }
    }

    /// Says in Advanced that we are there and what we can do.
    pub(super) fn send_advanced_keep_alive(&mut self, now: Time, id: PeerId) {
        if self.speaks_advanced(id) {
            let pairs = self.split.is_on();
            let message = KeepAlive { mac: self.mac, can: ABILITIES, is_librist: false, pairs, json: &[] };
            self.send_control(now, id, |out| message.write(out));
        }
    }

    /// The nonce that our next packets will have, if that is known already.
    pub(super) fn announce_nonce(&mut self, now: Time, id: PeerId) {
        if !self.speaks_advanced(id) {
            return;
        }
        let Some((nonce, size)) = self.lock_of(id).and_then(|(_, lock)| lock.next_nonce()) else { return };
        let message = FutureNonce { nonce, bits: Some(size.bits()) };
        self.send_control(now, id, |out| message.write(out));
    }

    /// Asks for packets of a flow with long numbers, one record to a message: nobody reads a second one.
    pub(super) fn send_control_requests(&mut self, now: Time, id: PeerId, flow_id: u32, seqs: &[u32]) {
        match self.nack_type {
            NackType::Range => {
                for (first, more) in nack::ranges(seqs) {
                    self.send_control(now, id, |out| nack::write_range(out, flow_id, first, more));
                }
            }
            NackType::Bitmask => {
                for (first, mask) in nack::bitmasks(seqs) {
                    self.send_control(now, id, |out| nack::write_bitmask(out, flow_id, first, mask));
                }
            }
        }
    }

    pub(super) fn send_control_echo(&mut self, now: Time, id: PeerId, ssrc: u32, mark: u64) {
        let request = RttEcho { ssrc: ssrc | 1, time: mark, delay_us: 0, padding: &[] };
        self.send_control(now, id, |out| request.write_request(out));
    }

    /// Sends one message. `false`: not to this peer, or not now.
    pub(super) fn send_control(&mut self, now: Time, id: PeerId, write: impl FnOnce(&mut Vec<u8>)) -> bool {
        let sealed = match self.seals_control(id) {
            false => None,
            true => match self.seal_media(now, id) {
                Ok(sealed) => sealed,
                Err(_) => return false,
            },
        };
        let pool = self.pool.clone();
        let Some(peer) = self.peers.quietly(id).filter(|peer| peer.may_hear() && peer.is_open()) else { return false };
        let Some(to) = peer.control.remote else { return false };
        // The messages are the first by which the other side can learn what our clock counts.
        let clock = match peer.config.advanced.clock {
            AdvancedClock::Shifted => Clock::ShiftedMicroseconds,
            AdvancedClock::Auto | AdvancedClock::Megahertz => Clock::Microseconds,
        };
        let (socket, ssrc) = (peer.control.socket, peer.ssrc);
        let Some(abilities) = peer.abilities_mut() else { return false };
        let header = Header::control(abilities.next_control_seq(), clock.timestamp(now.ticks()), ssrc);
        let frame = Frame { socket, to, header, sealed };
        let Some(transmit) = frame.message(&pool, write) else { return false };
        if !peer.may_send(transmit.len()) {
            return false;
        }
        peer.count_sent(transmit.len());
        peer.traffic.sent_rtcp += 1;
        self.transmit(transmit);
        true
    }
}
