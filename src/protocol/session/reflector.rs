//! Reflector (libRIST 0.2.17, `reflector=1` on a receiver that listens): what one peer sends goes on to all others that
//! came to the same address. They are served from what is kept here; the sender hears only of what is missing here.

use super::Session;
use crate::protocol::config::Role;
use crate::protocol::output::PeerId;
use crate::protocol::peer::Kind;
use crate::protocol::sender::{Sent, Shape};
use crate::protocol::time::{Span, Time};
use crate::protocol::timers::Timer;
use crate::wire::clock;
use crate::wire::gre::Ports;
use crate::wire::rtcp::SenderReport;
use crate::wire::rtp::Rtp;

/// Another peer's media takes over once the publisher has been silent for so long.
const TAKE_OVER: Span = Span::from_secs(2);

/// Whose media goes on.
#[derive(Debug, Clone, Copy)]
pub(super) struct Reflected {
    publisher: PeerId,
    flow: u32,
    last_media: Time,
    /// The publisher's clocks, NTP and RTP, and when it told them.
    clocks: Option<(u64, u32, Time)>,
}

impl Session {
    /// The flow that we send: our own, or the one that we pass on.
    pub(super) fn outgoing_flow(&self) -> Option<u32> {
        match self.config.role {
            Role::Sender => Some(self.config.flow_id),
            Role::Receiver => self.reflected.map(|reflected| reflected.flow),
        }
    }

    /// Came through a reflecting listener.
    pub(super) fn is_reflecting(&self, id: PeerId) -> bool {
        let Some(Kind::Child(parent)) = self.peers.get(&id).map(|peer| peer.kind) else { return false };
        self.peers.get(&parent).is_some_and(|parent| parent.config.reflector)
    }

    /// Is sent what another one publishes.
    pub(super) fn is_subscriber(&self, id: PeerId) -> bool {
        self.reflected.is_some_and(|reflected| reflected.publisher != id) && self.is_reflecting(id)
    }

    /// It is sent a publisher's pairs.
    pub(super) fn reflects_pairs_to(&self, id: PeerId) -> bool {
        let publisher = self.reflected.and_then(|reflected| self.peers.get(&reflected.publisher));
        let tunnel = publisher.and_then(|publisher| publisher.tunnel.as_ref());
        tunnel.is_some_and(|tunnel| tunnel.announces_pairs) && self.is_subscriber(id)
    }

    /// Passes a packet of the publisher on, once.
    #[inline]
    pub(super) fn reflect(&mut self, now: Time, id: PeerId, rtp: &Rtp<'_>, ports: (u16, u16)) {
        // Looked at for every packet of every receiver.
        if self.reflects {
            self.pass_on(now, id, rtp, ports);
        }
    }

    fn pass_on(&mut self, now: Time, id: PeerId, rtp: &Rtp<'_>, ports: (u16, u16)) {
        if !self.is_reflecting(id) || !self.is_publisher(now, id, rtp.ssrc & !1) {
            return;
        }
        let seq = u32::from(rtp.seq);
        if self.sender.has(now, seq) {
            return;
        }
        let packet = Sent {
            seq: self.sender.number(Some(seq)),
            timestamp: rtp.timestamp,
            micros: 0,
            payload_type: rtp.payload_type,
            ports: Ports { source: ports.0, destination: ports.1 },
            null_packets: rtp.extension.as_ref().and_then(|extension| extension.null_packets),
            payload: self.pool.copy(rtp.payload),
            // Subscribers are spoken to in Main.
            packed: None,
            shape: Shape::default(),
        };
        for subscriber in self.subscribers() {
            self.send_media(now, subscriber, &packet, rtp.ssrc & 1 == 1);
        }
        self.sender.remember(now, packet);
    }

    /// Whether this peer is the one, or becomes it.
    fn is_publisher(&mut self, now: Time, id: PeerId, flow: u32) -> bool {
        match &mut self.reflected {
            Some(current) if (current.publisher, current.flow) == (id, flow) => {
                current.last_media = now;
                return true;
            }
            Some(current) if current.publisher != id && now.since(current.last_media) < TAKE_OVER => return false,
            _ => {}
        }
        self.reflected = Some(Reflected { publisher: id, flow, last_media: now, clocks: None });
        self.sender.forget_all();
        for peer in self.subscribers() {
            self.announce_flow(now, peer);
        }
        true
    }

    fn subscribers(&self) -> Vec<PeerId> {
        let takes = |id: &PeerId| self.is_subscriber(*id) && self.takes_media(*id);
        self.peers.keys().copied().filter(takes).collect()
    }

    /// A subscriber hears the flow's name before its media.
    pub(super) fn announce_flow(&mut self, now: Time, id: PeerId) {
        let Some(flow) = self.outgoing_flow().filter(|_| self.is_subscriber(id)) else { return };
        if let Some(peer) = self.peers.get_mut(&id)
            && peer.ssrc != flow
        {
            peer.ssrc = flow;
            self.timers.set(Timer::Rtcp(id), Some(now));
        }
    }

    pub(super) fn publisher_clocks(&mut self, now: Time, id: PeerId, ntp: u64, timestamp: u32) {
        if let Some(reflected) = self.reflected.as_mut().filter(|reflected| reflected.publisher == id) {
            reflected.clocks = Some((ntp, timestamp, now));
        }
    }

    /// The publisher's report as it would be now.
    pub(super) fn reflected_report(&self, now: Time, ssrc: u32, packets: u32, octets: u32) -> SenderReport {
        let own = ((now + self.wall_ahead).ticks(), clock::ntp_to_rtp(now.ticks(), 90_000), now);
        let (ntp, timestamp, at) = self.reflected.and_then(|reflected| reflected.clocks).unwrap_or(own);
        let elapsed = now.since(at).ticks().max(0) as u64;
        let rtp_timestamp = timestamp.wrapping_add(clock::ntp_to_rtp(elapsed, 90_000));
        SenderReport { ssrc, ntp: ntp.wrapping_add(elapsed), rtp_timestamp, packets, octets }
    }
}
