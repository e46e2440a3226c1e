//! What we send: the application's packets, and again what was asked for.

use super::throttle::Complaint;
use super::{MAX_PAYLOAD, Media, Payload, Session};
use crate::protocol::config::Role;
use crate::protocol::framing::simple;
use crate::protocol::output::{Error, Level, PeerId};
use crate::protocol::peer::{Kind, Peer};
use crate::protocol::sender::{Sender, Sent, Shape, Terms};
use crate::protocol::time::Time;
use crate::protocol::timers::Timer;
use crate::protocol::tunnel::media_source_port;
use crate::wire::advanced::timestamp::Clock;
use crate::wire::gre::{Form, Ports};
use crate::wire::{clock, null_packet, rtp};

/// RTP clock of the payload type that libRIST sends, MPEG-TS.
const MEDIA_CLOCK: u32 = 90_000;

impl Session {
    /// Sends one packet to the peers. Returns the payload's length.
    pub fn send(&mut self, now: Time, media: Media) -> Result<usize, Error> {
        if self.config.role != Role::Sender {
            return Err(Error::WrongRole);
        }
        let length = media.payload.len();
        if length > MAX_PAYLOAD && self.is_advanced() {
            // Whether fragments can be sent is looked up nowhere else while only such blocks are written.
            self.find_usable_legs(now);
        }
        if length == 0 || (length > MAX_PAYLOAD && length > self.most_payload(media.seq.is_some())) {
            return Err(Error::InvalidArgument);
        }
        if self.peers.is_empty() {
            return Err(Error::NoPeers);
        }
        // A number of the application's has no place in pairs (libRIST).
        if media.seq.is_some() && self.split.is_on() {
            let text = "what is to be split can not be numbered by the application: not sent";
            self.complain(now, Complaint::Numbered, Level::Error, text);
            return Err(Error::InvalidArgument);
        }
        let source = media.ts_ntp.map_or(now, Time::from_ticks);
        if self.is_advanced() && self.hold_back(now, source, &media) {
            return Ok(length);
        }
        self.send_block(now, source, media);
        Ok(length)
    }

    /// Sends what the application wrote at once: in one packet, or two.
    #[inline(always)]
    pub(super) fn send_block(&mut self, now: Time, source: Time, media: Media) {
        self.find_usable_legs(now);
        if !self.split.is_on() {
            return self.send_whole(now, source, media);
        }
        for half in self.halves(&media) {
            self.send_whole(now, source, half);
        }
    }

    #[inline(always)]
    fn send_whole(&mut self, now: Time, source: Time, media: Media) {
        if self.has_to_pack() || media.payload.len() > MAX_PAYLOAD {
            return self.send_packed(now, source, media);
        }
        self.send_packet(now, source, media, None, Shape::default());
    }

    /// Sends one packet by the legs that have been found.
    pub(super) fn send_packet(&mut self, now: Time, source: Time, media: Media, packed: Option<Payload>, shape: Shape) {
        let (null_packets, payload) = match shape.is_whole() {
            true => self.without_null_packets(media.payload),
            false => (None, media.payload),
        };
        let sent = Sent {
            seq: self.sender.number(media.seq),
            timestamp: clock::ntp_to_rtp(source.ticks(), MEDIA_CLOCK),
            micros: Clock::Microseconds.timestamp(source.ticks()),
            payload_type: rtp::MPEG_TS,
            ports: Ports { source: media.virt_src_port, destination: media.virt_dst_port },
            null_packets,
            payload,
            packed,
            shape,
        };
        let mut chosen = std::mem::take(&mut self.chosen);
        chosen.clear();
        self.sender.spread.choose(&self.legs, &mut chosen);
        for leg in &chosen {
            self.send_to_leg(now, *leg, &sent);
        }
        self.remember_legs(sent.seq, &chosen);
        self.chosen = chosen;
        self.sender.remember(now, sent);
    }

    fn without_null_packets(&mut self, payload: super::Payload) -> (Option<u8>, super::Payload) {
        if !self.null_packet_deletion {
            return (None, payload);
        }
        let mut scratch = std::mem::take(&mut self.null_packet_scratch);
        let result = match null_packet::suppress(&payload, &mut scratch) {
            Some(npd) => (Some(npd), self.pool.copy(&scratch)),
            None => (None, payload),
        };
        self.null_packet_scratch = scratch;
        result
    }

    fn send_to_leg(&mut self, now: Time, leg: PeerId, sent: &Sent) {
        if self.takers.is_empty() || self.peers.get(&leg).is_some_and(|peer| peer.kind != Kind::Listener) {
            return self.send_media(now, leg, sent, false);
        }
        let takers = std::mem::take(&mut self.takers);
        for (_, child) in takers.iter().filter(|(parent, _)| *parent == leg) {
            self.send_media(now, *child, sent, false);
        }
        self.takers = takers;
    }

    pub(super) fn send_media(&mut self, now: Time, id: PeerId, sent: &Sent, again: bool) {
        if self.speaks_advanced(id) {
            return self.send_advanced_media(now, id, sent, again);
        }
        if self.is_advanced() && self.seals_control(id) {
            let text =
                "media is not sent in Main: the PSK mode that is configured authenticates it, which Main can not";
            return self.complain(now, Complaint::Undecryptable, Level::Error, text);
        }
        let Some(flow) = self.outgoing_flow() else { return };
        let header = rtp::Header {
            payload_type: sent.payload_type,
            seq: sent.seq as u16,
            timestamp: sent.timestamp,
            ssrc: flow | u32::from(again),
            null_packets: sent.null_packets,
        };
        let envelope = self.envelope(now, id, Form::Reduced(sent.ports), None);
        let is_tunnel = self.is_tunnel();
        let Some(peer) = self.peers.quietly(id) else { return };
        let transmit = match (envelope, peer.media.remote) {
            (Some(mut envelope), _) => {
                envelope.form = Form::Reduced(media_ports(peer, sent.ports));
                envelope.media(&header, &sent.payload, &self.pool)
            }
            (None, Some(to)) if !is_tunnel => simple::media(peer.media.socket, to, &header, sent.payload.clone()),
            _ => return,
        };
        if media_leaves(&mut self.sender, now, peer, (transmit.len(), sent.payload.len()), again) {
            self.transmit(transmit);
        }
    }

    #[inline(never)]
    fn send_advanced_media(&mut self, now: Time, id: PeerId, sent: &Sent, again: bool) {
        let transmit = self.advanced_media(now, id, sent, again);
        let (Some(transmit), Some(peer)) = (transmit, self.peers.quietly(id)) else { return };
        if media_leaves(&mut self.sender, now, peer, (transmit.len(), sent.payload.len()), again) {
            self.transmit(transmit);
        }
    }

    /// Whether media may go to a peer that came by itself.
    pub(super) fn takes_media(&self, id: PeerId) -> bool {
        self.peers.get(&id).is_some_and(|peer| !peer.is_dead() && peer.is_open() && may_take_media(peer))
    }

    /// Where the media of a peer leaves: a group's children are served by the group.
    pub(super) fn media_peer(&self, id: PeerId) -> PeerId {
        match self.peers.get(&id).map(|peer| peer.kind) {
            Some(Kind::Child(parent)) if self.peers.get(&parent).is_some_and(|peer| peer.kind == Kind::Group) => parent,
            _ => id,
        }
    }

    pub(super) fn terms(&self, id: PeerId) -> Option<Terms> {
        let peer = self.peers.get(&id)?;
        let config = &peer.config;
        let rtt = peer.rtt.last().unwrap_or(config.rtt_min);
        let deliberate = peer.standing.as_ref().is_some_and(|standing| standing.far_end.is_known());
        Some(Terms {
            recovery: config.recovery,
            congestion_control: config.congestion_control,
            max_retries: config.max_retries,
            max_bitrate_kbps: config.max_bitrate_kbps,
            buffer_max: config.buffer_max,
            rtt: rtt.max(config.rtt_min).min(config.rtt_max),
            // Who asks deliberately makes the best of a full link. Others ask for what is only late, again and again.
            congested: peer.rtt.is_congested() && !deliberate,
            deliberate,
            packed: self.speaks_advanced(id),
        })
    }

    /// Operators set `bandwidth` to the rate of their media and wonder where recovery has gone (libRIST 0.2.20 warns, too).
    pub(super) fn check_bandwidth(&mut self, now: Time, id: PeerId) {
        let Some(peer) = self.peers.get_mut(&id) else { return };
        let (media, ceiling) = (peer.media_rate.rate(now) / 1000, u64::from(peer.config.max_bitrate_kbps));
        if media >= ceiling {
            let text = format!(
                "media of {media} kbit/s to peer {} fills its bandwidth of {ceiling} kbit/s: hardly anything is left for \
                 retransmissions, set bandwidth to at least {} kbit/s",
                id.0,
                media * 5 / 4
            );
            self.complain(now, Complaint::Bandwidth, Level::Warn, &text);
        }
    }

    /// Sends the retransmissions that the ceiling lets through now; the rest has a timer.
    pub(super) fn pump_retransmissions(&mut self, now: Time) {
        let (mut repeats, mut refused) = (std::mem::take(&mut self.repeats), Vec::new());
        self.sender.retransmit(now, &mut repeats, &mut refused);
        for repeat in repeats.drain(..) {
            let peer = self.repeat_leg(now, repeat.peer);
            self.send_media(now, peer, &repeat.sent, true);
        }
        self.repeats = repeats;
        for id in refused {
            if let Some(peer) = self.peers.get_mut(&id) {
                peer.traffic.bandwidth_skipped += 1;
            }
        }
        let next = self.sender.next_retransmission(now);
        self.timers.set(Timer::Retransmit, next);
    }
}

/// Counts a media packet of so many octets, with so many of payload, if the peer may be sent it.
#[inline(always)]
fn media_leaves(
    sender: &mut Sender,
    now: Time,
    peer: &mut Peer,
    (octets, payload): (usize, usize),
    again: bool,
) -> bool {
    if !peer.may_send(octets) {
        return false;
    }
    peer.count_sent(octets);
    if again {
        peer.traffic.retransmitted += 1;
        peer.traffic.retransmitted_bytes += octets as u64;
        peer.retry_rate.add(now, octets);
    } else {
        peer.media_rate.add(now, octets);
        peer.media_packets = peer.media_packets.wrapping_add(1);
        peer.media_octets = peer.media_octets.wrapping_add(payload as u32);
        sender.media_sent(now, peer.id, octets);
    }
    true
}

/// Where the application names no ports they are the peer's.
pub(super) fn media_ports(peer: &Peer, asked: Ports) -> Ports {
    let or = |port: u16, default: u16| if port == 0 { default } else { port };
    Ports {
        source: or(asked.source, media_source_port(peer.id.0)),
        destination: or(asked.destination, peer.config.virt_dst_port),
    }
}

/// A stream goes to addresses only that have shown to be where they say.
pub(super) fn may_take_media(peer: &Peer) -> bool {
    peer.is_proven() && peer.media.remote.is_some()
}
