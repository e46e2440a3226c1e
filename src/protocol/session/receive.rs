//! What comes in: whose it is, and whether it is media or feedback.

use super::rtcp::credit;
use super::schedule::Schedule;
use super::throttle::Complaint;
use super::{Channel, Session};
use crate::protocol::config::Role;
use crate::protocol::flow::{Arrival, Flow, Numbers, Part, Stamp};
use crate::protocol::framing::{Message, simple};
use crate::protocol::output::{Level, PeerId, SocketId};
use crate::protocol::peer::Kind;
use crate::protocol::time::{Span, Time};
use crate::protocol::timers::{Timer, Timers};
use crate::wire::rtcp::{Compound, Rtcp};
use crate::wire::rtp::Rtp;
use crate::wire::{advanced, clock, null_packet};
use std::cmp::Reverse;
use std::net::SocketAddr;

/// A media endpoint may be taken over by another port of the same address once it has been silent this long.
const REBIND_AFTER: Span = Span::from_millis(250);
/// A peer that announced another flow is there once that brings media and the old one has been silent for so long.
const CHANGE_AFTER: Span = Span::from_millis(20);

/// What a packet has made of its flow.
#[derive(Debug, Clone, Copy)]
pub(super) struct News {
    begins: bool,
    /// Its packets are more than it may hold.
    exceeds: bool,
}

/// A flow has been given a packet, `first` if it had none before: when it wants to be asked what is due.
#[inline(always)]
pub(super) fn received(timers: &mut Timers, playout: &mut Schedule, flow: &mut Flow, first: bool) -> News {
    timers.set(Timer::Nack(flow.id), flow.next_request());
    playout.set(flow.id, flow.next_release());
    News { begins: first && flow.has_data(), exceeds: flow.take_window_exceeded() }
}

impl Session {
    /// Takes a datagram that came in on `socket`.
    pub fn handle_datagram(&mut self, now: Time, socket: SocketId, from: SocketAddr, datagram: &[u8]) {
        if self.is_advanced() && advanced::is_candidate(datagram) {
            return self.handle_advanced(now, socket, from, datagram);
        }
        if self.is_tunnel() {
            return self.handle_tunnel(now, socket, from, datagram);
        }
        let Ok(message) = simple::decode(datagram) else {
            return self.malformed(now);
        };
        let known = self.sources.find((socket, from));
        match message {
            Message::Media(rtp) => {
                if self.config.role != Role::Receiver {
                    self.complain(now, Complaint::WrongRole, Level::Debug, "media received on a sender, dropped");
                    return;
                }
                let known = known.map(|(peer, _)| peer);
                let Some(id) = known.or_else(|| self.media_stranger(now, socket, from, &rtp, datagram)) else {
                    let text = "media from an unknown source dropped: handshake pending";
                    return self.complain(now, Complaint::NoHandshake, Level::Warn, text);
                };
                let Some(peer) = self.peers.get_mut(&id) else { return };
                credit(&mut self.timers, now, peer, rtp.payload.len());
                let flow_id = rtp.ssrc & !1;
                if peer.goes_on(now, flow_id) || self.media_begins(now, id, flow_id) {
                    let local_port = self.listening.get(&socket).map_or(0, |listening| listening.local.port());
                    self.media_arrived(now, id, &rtp, (from.port(), local_port));
                }
            }
            Message::Feedback(compound) => {
                let peer = match known {
                    Some((peer, channel)) => Some((peer, channel)),
                    None => self
                        .feedback_stranger(now, socket, from, compound.clone(), datagram)
                        .map(|peer| (peer, Channel::Control)),
                };
                if let Some((peer, channel)) = peer {
                    self.credit(now, peer, datagram.len());
                    self.handle_feedback(now, peer, channel, compound);
                }
            }
        }
    }

    /// RTCP from nobody we know: with a name in it, it may become a peer.
    fn feedback_stranger(
        &mut self,
        now: Time,
        socket: SocketId,
        from: SocketAddr,
        mut compound: Compound<'_>,
        datagram: &[u8],
    ) -> Option<PeerId> {
        let listening = *self.listening.get(&socket)?;
        if listening.channel != Channel::Control {
            return None;
        }
        let names_itself = compound.any(|item| matches!(item, Ok(Rtcp::Sdes { .. })));
        if !names_itself {
            return None;
        }
        let peer = self.reserved_id();
        if !self.may_enter(now, (socket, from), peer, listening.local, datagram) {
            return None;
        }
        self.add_child(now, listening.peer, socket, from)
    }

    /// Media from a port we do not know: it belongs to the peer at the same address that announced its
    /// flow by RTCP (TR-06-1 §5.1.2: RTP and RTCP come from different ports of one host).
    fn media_stranger(
        &mut self,
        now: Time,
        socket: SocketId,
        from: SocketAddr,
        rtp: &Rtp<'_>,
        datagram: &[u8],
    ) -> Option<PeerId> {
        let listening = *self.listening.get(&socket)?;
        let flow = rtp.ssrc & !1;
        let port_distance = |control: Option<SocketAddr>| control.map_or(0, |a| a.port().abs_diff(from.port()));
        let child = self
            .members
            .of_flow_at(flow, from.ip())
            .filter_map(|id| self.peers.get(&id))
            .filter(|peer| {
                peer.kind == Kind::Child(listening.peer)
                    && peer.media.last_heard.is_none_or(|last| now.since(last) > REBIND_AFTER)
            })
            .min_by_key(|peer| {
                let doubtful = peer.is_dead() || !peer.is_proven();
                (peer.media.remote.is_some(), doubtful, port_distance(peer.control.remote), Reverse(peer.id))
            })?
            .id;
        if !self.may_enter(now, (socket, from), child, listening.local, datagram) {
            return None;
        }
        let announced = self.announces();
        let peer = self.peers.get_mut(&child)?;
        let old = peer.media.remote.replace(from);
        peer.media.announced |= announced;
        self.members.speaks(child);
        if let Some(old) = old {
            self.sources.remove((socket, old));
        }
        self.sources.insert((socket, from), (child, Channel::Media));
        self.mention(now, Level::Info, format!("media of peer {} comes from {from}", child.0));
        Some(child)
    }

    /// Media of a known peer that does not just go on: it may begin or join a flow. Whether the flow takes it.
    #[inline(never)]
    pub(super) fn media_begins(&mut self, now: Time, id: PeerId, flow_id: u32) -> bool {
        let Some(mut peer) = self.peers.get_mut(&id) else { return false };
        let quiet = peer.media.last_heard.is_none_or(|last| now.since(last) > CHANGE_AFTER);
        // In a tunnel media and reports come from one address: whose flow it is needs no report to tell, and the
        // first report may be lost.
        let unannounced = flow_id != 0 && peer.flow != Some(flow_id);
        let first = unannounced && peer.tunnel.is_some() && peer.media.last_heard.is_none();
        if first || peer.next_flow == Some(flow_id) && quiet {
            peer.next_flow = None;
            self.join_flow(now, id, flow_id);
            let Some(joined) = self.peers.get_mut(&id) else { return false };
            peer = joined;
        }
        if peer.flow != Some(flow_id) {
            // Only its own RTCP can move a peer to another flow.
            self.complain(now, Complaint::NoHandshake, Level::Warn, "media of an unannounced flow dropped");
            return false;
        }
        peer.heard(now);
        peer.media.last_heard = Some(now);
        if peer.is_dead() {
            self.revive(now, id);
        }
        true
    }

    /// Media of a flow that its peer may bring, with the ports that it was sent from and to: UDP's, or those of the
    /// tunnel.
    pub(super) fn media_arrived(&mut self, now: Time, id: PeerId, rtp: &Rtp<'_>, ports: (u16, u16)) {
        let flow_id = rtp.ssrc & !1;
        let expanded = &mut self.null_packet_scratch;
        let payload = match rtp.extension.and_then(|extension| extension.null_packets) {
            Some(npd) if null_packet::expand(npd, rtp.payload, expanded).is_ok() => &expanded[..],
            _ => rtp.payload,
        };
        let arrival = Arrival {
            now,
            path: id,
            seq: u32::from(rtp.seq),
            numbers: Numbers::Short,
            retransmit: rtp.ssrc & 1 == 1,
            stamp: Stamp::Rtp { timestamp: rtp.timestamp, rate: clock::clock_rate(rtp.payload_type) },
            part: Part::WHOLE,
            compressed: false,
            virt_src_port: ports.0,
            virt_dst_port: ports.1,
            payload,
        };
        let Some(flow) = self.flows.get_mut(&flow_id).filter(|flow| flow.takes(id)) else { return };
        let first = !flow.has_data();
        flow.receive(&arrival, &self.pool);
        let news = received(&mut self.timers, &mut self.playout, flow, first);
        self.tell_of_flow(now, flow_id, news, rtp.seq.into());
        self.reflect(now, id, rtp, ports);
    }

    /// What the application hears of a flow that was given the packet with this number.
    #[inline(always)]
    pub(super) fn tell_of_flow(&mut self, now: Time, flow_id: u32, news: News, seq: u32) {
        if news.begins || news.exceeds {
            self.news_of_flow(now, flow_id, news, seq);
        }
    }

    #[cold]
    fn news_of_flow(&mut self, now: Time, flow_id: u32, news: News, seq: u32) {
        if news.begins {
            // While it is not known whose packets count, nothing is told of them.
            if self.flows.get(&flow_id).is_some_and(Flow::is_credible) {
                self.timers.set(Timer::FlowStats(flow_id), Some(now + super::FIRST_REPORT));
            }
            self.mention(now, Level::Info, format!("first packet of flow {flow_id}: sequence {seq}"));
        }
        if news.exceeds {
            let most = if self.is_advanced() { "recovery-depth" } else { "the profile's 65,536 packets" };
            let text = format!("bit rate times buffer exceeds {most}: the buffer is cut short");
            self.complain(now, Complaint::Window, Level::Warn, &text);
        }
    }

    /// A dead peer was heard again.
    pub(super) fn revive(&mut self, now: Time, id: PeerId) {
        let Some(peer) = self.peers.get_mut(&id) else { return };
        let Some(since) = peer.dead_since.take() else { return };
        let patience = peer.patience();
        self.timers.set(Timer::Liveness(id), Some(now + patience));
        self.mention(
            now,
            Level::Info,
            format!("peer {} was dead for {} ms and is alive again", id.0, now.since(since).as_millis()),
        );
        self.refresh_path(now, id);
    }
}
