//! What a foreign program says beside media, and what it makes of what it hears: keys, names, offers, echoes.

use super::model::{Model, Offer, Start};
use super::reading::{self, Heard};
use rist::crypto::psk::{Cipher, KeySize, Nonce};
use rist::crypto::secret::Secret;
use rist::protocol::time::{Span, Time};
use rist::wire::advanced::control::{self, FutureNonce, RttEcho, ci};
use rist::wire::advanced::{Flags, FlowId, Header, Psk};
use rist::wire::gre::{self, CAPABILITIES, Form, KeepAlive, Ports};
use rist::wire::rtcp::{self, Echo, ReceiverReport, SenderReport};
use rist::wire::rtp;
use std::collections::HashMap;
use std::net::SocketAddr;

const PORTS: Ports = Ports { source: 1971, destination: 1968 };

/// A passphrase, and how its key changes.
#[derive(Debug, Clone)]
pub(crate) struct Lock {
    pub(crate) secret: Secret,
    pub(crate) size: KeySize,
    /// Packets under one nonce; 0 = for ever.
    pub(crate) rotation: u32,
}

#[derive(Debug)]
pub(crate) struct Voice {
    pub(crate) model: Model,
    /// Who sends media reports as a sender.
    is_sender: bool,
    pub(crate) flow: u32,
    pub(crate) lock: Option<Lock>,
    nonce: u32,
    under_nonce: u32,
    pub(super) keys: HashMap<Nonce, Cipher>,
    pub(crate) remote: Option<SocketAddr>,
    /// The other side has said that it reads Advanced, has sent some, has told its name.
    pub(crate) offered: bool,
    pub(super) heard_advanced: bool,
    pub(super) named: bool,
    pub(super) rtt: Option<Span>,
    /// The RTT that control echoes make it believe in.
    pub(super) believed_rtt: Option<Span>,
    gre_sequence: u32,
    control_seq: u32,
    next_rtcp: Option<Time>,
    next_keep_alive: Option<Time>,
    /// Datagrams to the other side, and keys that were derived.
    pub(crate) out: Vec<Vec<u8>>,
    pub(crate) derived: Vec<(Nonce, Cipher)>,
    /// Advanced packets dropped because no name had come.
    pub(crate) refused: u64,
    /// Packets that could not be read: of the wrong framing, clear, or in an unknown form.
    pub(crate) unreadable: u64,
    /// Messages that were refused to this one, and its control echoes that were answered.
    pub(crate) told_unsupported: u64,
    pub(crate) control_answers: u64,
}

impl Voice {
    pub(crate) fn new(model: Model, is_sender: bool, flow: u32, lock: Option<Lock>) -> Self {
        Self {
            model,
            is_sender,
            flow,
            lock,
            nonce: flow << 4 & 0x7fff_ffff | 1,
            under_nonce: 0,
            keys: HashMap::new(),
            remote: None,
            offered: false,
            heard_advanced: false,
            named: false,
            rtt: None,
            believed_rtt: None,
            gre_sequence: 0,
            control_seq: 0,
            next_rtcp: None,
            next_keep_alive: None,
            out: Vec::new(),
            derived: Vec::new(),
            refused: 0,
            unreadable: 0,
            told_unsupported: 0,
            control_answers: 0,
        }
    }

    /// Media goes in Advanced now.
    pub(crate) fn media_is_advanced(&self) -> bool {
        match self.model.start {
            Start::Never => false,
            Start::AtOnce => true,
            Start::WhenOffered => self.offered,
        }
    }

    /// Both have said, and shown, that they speak Advanced: control messages take the place of those in the tunnel.
    pub(super) fn negotiated(&self) -> bool {
        self.model.is_advanced() && self.offered && self.heard_advanced
    }

    pub(crate) fn wakes_at(&self) -> Option<Time> {
        self.remote.and(self.next_rtcp)
    }

    pub(crate) fn begin(&mut self, now: Time) {
        self.next_rtcp.get_or_insert(now);
        self.next_keep_alive.get_or_insert(now);
    }

    /// Says what is due.
    pub(crate) fn speak(&mut self, now: Time) {
        if self.remote.is_none() || self.next_rtcp.is_none_or(|due| due > now) {
            return;
        }
        self.next_rtcp = Some(now + Span::from_millis(self.model.rtcp_every));
        self.report(now);
        if self.next_keep_alive.is_some_and(|due| due <= now) {
            self.next_keep_alive = Some(now + Span::from_millis(self.model.keep_alive_every));
            self.keep_alive(now);
        }
    }

    fn report(&mut self, now: Time) {
        let (flow, model) = (self.flow, self.model);
        let mut compound = Vec::new();
        let ntp = now.ticks();
        match self.is_sender {
            true => {
                let rtp_timestamp = rist::wire::clock::ntp_to_rtp(ntp, 90_000);
                rtcp::write_sender_report(
                    &mut compound,
                    &SenderReport { ssrc: flow, ntp, rtp_timestamp, packets: 0, octets: 0 },
                )
            }
            false => rtcp::write_receiver_report(&mut compound, &ReceiverReport { ssrc: flow, block: None }),
        }
        rtcp::write_sdes(&mut compound, flow, model.name.as_bytes());
        if model.asks_rtcp_echoes {
            rtcp::write_echo_request(&mut compound, &Echo { ssrc: flow, timestamp: ntp, delay_us: 0, padding: 0 });
        }
        self.feedback(&compound);
        if model.asks_control_echoes && self.negotiated() {
            let echo = RttEcho { ssrc: flow | 1, time: ntp, delay_us: 0, padding: &[] };
            self.control(now, |out| echo.write_request(out));
        }
    }

    fn keep_alive(&mut self, now: Time) {
        let model = self.model;
        let by_control = model.is_advanced() && (model.start == Start::AtOnce || self.negotiated());
        if model.tunnel_keep_alives && !self.negotiated() {
            let [first, second] = CAPABILITIES;
            let second = second | u8::from(model.offer == Offer::Standard);
            let extension = (model.offer == Offer::Word).then_some(0x80);
            let message = KeepAlive { mac: [2, 0, 0, 0, 0, 9], capabilities: [first, second], extension, json: &[] };
            let mut body = Vec::new();
            message.write(&mut body);
            self.tunnel(Form::KeepAlive, &body);
        }
        if by_control {
            let mac = if model.tunnel_keep_alives { [2, 0, 0, 0, 0, 9] } else { [0; 6] };
            let word: &[u8] = if model.offer == Offer::Word { &[0x80, 0, 0, 0] } else { &[0x25, 0x21] };
            self.control(now, |out| message(out, ci::KEEP_ALIVE, &[&mac, word].concat()));
        }
        if model.describes_flow && self.is_sender && by_control {
            self.control(now, |out| control::write_librist_flow_attribute(out, model.name, 1968));
        }
    }

    /// A compound of RTCP, in the tunnel.
    pub(super) fn feedback(&mut self, compound: &[u8]) {
        self.tunnel(Form::Reduced(Ports { source: PORTS.source, destination: PORTS.destination + 1 }), compound);
    }

    pub(super) fn rtp(&mut self, header: &rtp::Header, payload: &[u8]) {
        let mut octets = [0; rtp::Header::MAX_LEN];
        let len = header.write(&mut octets);
        self.tunnel(Form::Reduced(PORTS), &[&octets[..len], payload].concat());
    }

    fn tunnel(&mut self, form: Form, body: &[u8]) {
        let (protocol, prefix, len) = form.prefix(1);
        let mut text = [&prefix[..len], body].concat();
        self.gre_sequence += 1;
        let sequence = self.gre_sequence;
        let key = self.own_key();
        if let Some((_, cipher)) = &key {
            cipher.apply(&counter(sequence), &mut text);
        }
        let aes_256 = self.lock.as_ref().is_some_and(|lock| lock.size == KeySize::Aes256);
        let header = gre::Header { version: 1, protocol, key: key.map(|(nonce, _)| (nonce, aes_256)), sequence };
        let mut head = [0; gre::Header::MAX_LEN];
        let len = header.write(&mut head);
        self.out.push([&head[..len], &text].concat());
    }

    /// Never encrypted, by nobody.
    pub(super) fn control(&mut self, now: Time, write: impl FnOnce(&mut Vec<u8>)) {
        let header = Header::control(self.control_seq, self.model.clock.timestamp(now.ticks()), self.flow);
        self.control_seq += 1;
        let mut head = [0; Header::MAX_LEN];
        let len = header.write(&mut head);
        let mut datagram = head[..len].to_vec();
        write(&mut datagram);
        self.out.push(datagram);
    }

    pub(super) fn advanced(&mut self, seq: u32, source: Time, again: bool, payload: &[u8]) {
        let key = self.own_key();
        let psk = key.as_ref().map_or_else(Psk::default, |(nonce, _)| Psk::ctr(*nonce, seq));
        let header = Header {
            flags: Flags { retransmission: again, ..Flags::WHOLE },
            flow_id: Some(FlowId::new(PORTS.destination, PORTS.source)),
            psk,
            ..Header::media(seq, self.model.clock.timestamp(source.ticks()), self.flow)
        };
        let mut head = [0; Header::MAX_LEN];
        let len = header.write(&mut head);
        let mut text = payload.to_vec();
        if let Some((_, cipher)) = key {
            cipher.apply(&counter(seq), &mut text);
        }
        self.out.push([&head[..len], &text].concat());
    }

    /// A packet of media is to be sealed: perhaps by a new key.
    pub(super) fn turn_key(&mut self, now: Time) {
        let Some(lock) = &self.lock else { return };
        let size = lock.size;
        if lock.rotation != 0 && self.under_nonce >= lock.rotation {
            self.under_nonce = 0;
            // The first bit tells which of two passphrases.
            self.nonce = (self.nonce + 1) & 0x7fff_ffff;
            let announced = FutureNonce { nonce: self.nonce.to_be_bytes(), bits: Some(size.bits()) };
            if self.media_is_advanced() {
                self.control(now, |out| announced.write(out));
            }
        }
        self.under_nonce += 1;
    }

    fn own_key(&mut self) -> Option<(Nonce, Cipher)> {
        let nonce = self.nonce.to_be_bytes();
        self.key(nonce).map(|cipher| (nonce, cipher))
    }

    /// The key of a nonce, derived once.
    pub(super) fn key(&mut self, nonce: Nonce) -> Option<Cipher> {
        let lock = self.lock.as_ref()?;
        if !self.keys.contains_key(&nonce) {
            let cipher = Cipher::derive(&lock.secret, nonce, lock.size);
            self.derived.push((nonce, cipher.clone()));
            self.keys.insert(nonce, cipher);
        }
        self.keys.get(&nonce).cloned()
    }

    /// What a datagram has for the part that sends or receives media.
    pub(crate) fn listen(&mut self, now: Time, datagram: &[u8]) -> Vec<Heard> {
        reading::read(self, now, datagram)
    }
}

/// A control message, octet by octet.
pub(crate) fn message(out: &mut Vec<u8>, identifier: u16, body: &[u8]) {
    out.extend_from_slice(&identifier.to_be_bytes());
    out.extend_from_slice(&(body.len() as u16).to_be_bytes());
    out.extend_from_slice(body);
}

/// The block that counter mode begins with: in Main from version 1 on, and in Advanced.
pub(super) fn counter(sequence: u32) -> [u8; 16] {
    let mut counter = [0; 16];
    counter[..4].copy_from_slice(&sequence.to_be_bytes());
    counter
}
