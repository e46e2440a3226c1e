//! From a datagram to clear text: which key opens it, and what may come without.

use super::Session;
use super::keys::Source;
use super::throttle::Complaint;
use crate::protocol::config::PskMode;
use crate::protocol::output::{Level, PeerId};
use crate::protocol::peer::Peer;
use crate::protocol::time::Time;
use crate::protocol::tunnel::{Refusal, Sense, Tagged};
use crate::wire;
use crate::wire::advanced::{self, Type, pfd};
use crate::wire::gre::{self, Content, Packet};
use crate::wire::rtcp::Compound;
use crate::wire::rtp::{self, Rtp};

impl Session {
    /// Clear text of a packet, if it was to be had and had to be encrypted or not.
    #[inline]
    pub(super) fn open<'a>(
        &mut self,
        now: Time,
        source: &Source,
        packet: &Packet<'a>,
        datagram: &[u8],
        clear: &'a mut Vec<u8>,
    ) -> Option<Content<'a>> {
        if packet.is_encrypted() {
            return self.decrypt(now, source, packet, datagram, clear);
        }
        if self.refuses_clear(now, source.through) {
            return None;
        }
        let content = Content::parse(packet.protocol, packet.body);
        if content.is_err() {
            self.malformed(now);
        }
        content.ok()
    }

    fn decrypt<'a>(
        &mut self,
        now: Time,
        source: &Source,
        packet: &Packet<'_>,
        datagram: &[u8],
        clear: &'a mut Vec<u8>,
    ) -> Option<Content<'a>> {
        let (nonce, sequence) = packet.nonce.zip(packet.sequence)?;
        let owner = self.keyring_owner(source.through).or_else(|| self.has_no_secret(now, source.known))?;
        // A zero nonce made libRIST before 0.2.15 take clear text. Version 0 repeats key stream (TR-06-2:2022 §7.4).
        if nonce == [0; 4] || packet.version == 0 {
            self.complain(now, Complaint::Malformed, Level::Error, "packet with a void nonce or version dropped");
            return None;
        }
        let flow = source.known.and_then(|id| self.peers.get(&id)?.flow);
        let owning = self.peers.get_mut(&owner)?;
        let expected = Expected { flow, media_port: owning.config.virt_dst_port };
        let keyring = owning.tunnel.as_mut()?.keyring.as_deref_mut()?;
        let name = (nonce, keyring.size(packet.aes_256));
        let sense = |text: &[u8], proven: bool| sense(packet.protocol, text, proven, expected);
        match keyring.open(now, name, sequence, packet.body, clear, sense) {
            Ok(()) => Content::parse(packet.protocol, clear).ok(),
            Err(Refusal::Hint) => None,
            Err(Refusal::Noise) => {
                let text = "a packet does not decrypt: the other side has another secret";
                self.complain(now, Complaint::Undecryptable, Level::Error, text);
                None
            }
            Err(Refusal::Unknown) => {
                self.nonce_unknown(now, *source, owner, name, datagram);
                None
            }
        }
    }

    /// What is in a packet, if it was to be had and had to be sealed or not.
    #[inline]
    pub(super) fn open_advanced<'a>(
        &mut self,
        now: Time,
        source: &Source,
        packet: &advanced::Packet<'a>,
        datagram: &[u8],
        clear: &'a mut Vec<u8>,
    ) -> Option<advanced::Content<'a>> {
        if packet.psk.mode != 0 {
            return self.unseal(now, source, packet, datagram, clear);
        }
        // With AES-CTR control goes in clear text (everybody's reading of mode 1); what is authenticated is so in all.
        let reads_control = |peer: &Peer| peer.config.advanced.psk_mode == PskMode::Ctr;
        let may_be_clear = packet.kind == Type::Control && self.peers.get(&source.through).is_some_and(reads_control);
        if !may_be_clear && self.refuses_clear(now, source.through) {
            return None;
        }
        let content = packet.content(packet.body);
        if content.is_err() {
            self.malformed(now);
        }
        content.ok()
    }

    fn unseal<'a>(
        &mut self,
        now: Time,
        source: &Source,
        packet: &advanced::Packet<'a>,
        datagram: &[u8],
        clear: &'a mut Vec<u8>,
    ) -> Option<advanced::Content<'a>> {
        let owner = self.keyring_owner(source.through).or_else(|| self.has_no_secret(now, source.known))?;
        // Mode 2 has no IV.
        let (nonce, sequence) = (packet.psk.nonce?, packet.psk.iv.unwrap_or_default());
        if nonce == [0; 4] {
            self.malformed(now);
            return None;
        }
        // Nothing in decrypted media shows that its key is right. What came through the tunnel does.
        let keyed = source.known.and_then(|id| self.tunnel_of(id)).filter(|tunnel| tunnel.keyed);
        let Some(aes_256) = keyed.map(|tunnel| tunnel.aes_256) else {
            let text = "encrypted media of a peer dropped that has not shown yet that it has the secret";
            self.complain(now, Complaint::NoHandshake, Level::Warn, text);
            return None;
        };
        let flow = source.known.and_then(|id| self.peers.get(&id)?.flow);
        let owning = self.peers.quietly(owner)?;
        if packet.psk.mode != owning.config.advanced.psk_mode as u8 {
            let text = format!("packet of PSK mode {} dropped: another one is configured here", packet.psk.mode);
            self.complain(now, Complaint::Undecryptable, Level::Error, &text);
            return None;
        }
        let expected = Expected { flow, media_port: owning.config.virt_dst_port };
        let keyring = owning.tunnel.as_mut()?.keyring.as_deref_mut()?;
        let name = (nonce, keyring.size(aes_256));
        let opened = match (packet.psk.hash, packet.kind) {
            (Some(hash), _) => {
                keyring.open_authenticated(now, name, sequence, &Tagged::new(packet, datagram, hash)?, clear)
            }
            // It has to make as much sense as in the tunnel.
            (None, Type::RistGre | Type::ReducedUdp) => {
                let sense = |text: &[u8], proven: bool| {
                    let inner = packet.content(text).and_then(|content| of_main(packet.kind, content.payload));
                    inner.map_or(Sense::None, |(protocol, body)| sense(protocol, body, proven, expected))
                };
                keyring.open(now, name, sequence, packet.body, clear, sense)
            }
            (None, _) => keyring.read(now, name, sequence, packet.body, clear),
        };
        match opened {
            Ok(()) => {}
            Err(Refusal::Hint) => return None,
            Err(Refusal::Unknown) => {
                self.nonce_unknown(now, *source, owner, name, datagram);
                return None;
            }
            Err(Refusal::Noise) => {
                let text = "a packet is forged, sent again, or sealed with another secret: dropped";
                self.complain(now, Complaint::Undecryptable, Level::Error, text);
                return None;
            }
        }
        let registered = |content: advanced::Content<'_>| content.pfd.is_some_and(pfd::is_registered_pfd);
        if packet.psk.hash.is_none() && packet.has_pfd && !packet.content(clear).is_ok_and(registered) {
            // Not encrypted from there on, but from the payload on.
            let start = packet.clear_prefix_len().ok()?;
            let keyring = self.keyring_of(source.through)?;
            keyring.read(now, name, sequence, &packet.body[start..], clear).ok()?;
            return Some(advanced::Content { payload: clear, ..packet.content(packet.body).ok()? });
        }
        packet.content(clear).ok()
    }

    /// Whether there is a secret, so that clear text is dropped; see `allow_clear` for when it is not.
    fn refuses_clear(&mut self, now: Time, through: PeerId) -> bool {
        let Some(owner) = self.keyring_owner(through) else { return false };
        let refuses = !self.tunnel_of(owner).is_some_and(|tunnel| tunnel.reads_clear);
        if refuses {
            self.complain(now, Complaint::Clear, Level::Error, "clear text dropped: a secret is configured here");
        }
        refuses
    }

    /// Somebody encrypts, and we have nothing to read it with.
    fn has_no_secret(&mut self, now: Time, known: Option<PeerId>) -> Option<PeerId> {
        self.ask_for_secret(now, known);
        let text = "encrypted packet dropped: no secret is configured here";
        self.complain(now, Complaint::NoSecret, Level::Error, text);
        None
    }
}

/// What stands in an Advanced packet instead of in one of Main: its protocol type, and what is behind the header.
pub(super) fn of_main(kind: Type, payload: &[u8]) -> wire::Result<(u16, &[u8])> {
    match kind {
        Type::ReducedUdp => Ok((gre::protocol::REDUCED, payload)),
        _ => Packet::parse(payload).map(|inner| (inner.protocol, inner.body)),
    }
}

/// What is known of the sender of an encrypted packet.
#[derive(Debug, Clone, Copy)]
struct Expected {
    flow: Option<u32>,
    media_port: u16,
}

/// Whether a clear text shows that its key is right. Noise passes the weak tests now and then, so they count
/// only for a key that has passed a strong one, of 24 bits at least, or two of fifteen in a row: whoever has no secret may
/// send as many packets under a nonce as he likes.
fn sense(protocol: u16, text: &[u8], proven: bool, expected: Expected) -> Sense {
    let Ok(content) = Content::parse(protocol, text) else { return Sense::None };
    let proof = match content {
        _ if protocol == gre::protocol::VSF => true,
        Content::Media { ports, packet } => {
            let flow = Rtp::parse(packet).is_ok_and(|rtp| expected.flow == Some(rtp.ssrc & !1));
            let libristlike = packet.get(1) == Some(&rtp::MPEG_TS) && ports.destination == expected.media_port;
            flow || libristlike
        }
        Content::Feedback { packet, .. } => {
            let items = Compound::new(packet).try_fold(0, |count, item| item.is_ok().then_some(count + 1));
            match items {
                None | Some(0) => return Sense::None,
                // A report and a name, with their lengths, are no accident; a message alone may be.
                Some(1) if !proven => return Sense::Hint,
                Some(_) => true,
            }
        }
        Content::KeepAlive(message) if message.is_like_ours() => {
            return if proven { Sense::Proof } else { Sense::Hint };
        }
        Content::KeepAlive(_) => false,
        Content::BufferNegotiation(_) | Content::FutureNonce(_) | Content::Full(_) | Content::Typed { .. } => false,
    };
    match (proof, proven) {
        (true, _) => Sense::Proof,
        (false, true) => Sense::Some,
        (false, false) => Sense::None,
    }
}
