//! What we send: the application's packets, and again what was asked for.

use super::{MAX_PAYLOAD, Media, Session};
use crate::protocol::config::Role;
use crate::protocol::framing::simple;
use crate::protocol::output::{Error, PeerId};
use crate::protocol::peer::Kind;
use crate::protocol::sender::{Leg, Sent, Terms};
use crate::protocol::time::Time;
use crate::protocol::timers::Timer;
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
        if length == 0 || length > MAX_PAYLOAD {
            return Err(Error::InvalidArgument);
        }
        if self.peers.is_empty() {
            return Err(Error::NoPeers);
        }
        let (null_packets, payload) = self.without_null_packets(media.payload);
        let source = media.ts_ntp.map_or(now, Time::from_ticks);
        let sent = self.sender.remember(now, media.seq, source, null_packets, payload);
        let mut chosen = std::mem::take(&mut self.chosen);
        chosen.clear();
        self.find_usable_legs(now);
        self.sender.spread.choose(&self.legs, &mut chosen);
        for peer in &chosen {
            self.send_media(now, *peer, &sent, false);
        }
        self.chosen = chosen;
        Ok(length)
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

    /// Peers that media can go to. One that has fallen silent for good is left out until it is heard again.
    fn find_usable_legs(&mut self, now: Time) {
        let usable = self
            .peers
            .values()
            .filter(|peer| matches!(peer.kind, Kind::Caller | Kind::Group) && !peer.is_dead())
            .filter(|peer| peer.media.remote.is_some())
            .map(|peer| Leg { peer: peer.id, weight: peer.config.weight, stalled: peer.is_stalled(now) });
        self.legs.clear();
        self.legs.extend(usable);
    }

    fn send_media(&mut self, now: Time, id: PeerId, sent: &Sent, again: bool) {
        let ssrc = self.config.flow_id | u32::from(again);
        let Some(peer) = self.peers.get_mut(&id) else { return };
        let Some(to) = peer.media.remote else { return };
        let header = rtp::Header {
            payload_type: rtp::MPEG_TS,
            seq: sent.seq as u16,
            timestamp: clock::ntp_to_rtp(sent.source.ticks(), MEDIA_CLOCK),
            ssrc,
            null_packets: sent.null_packets,
        };
        let transmit = simple::media(peer.media.socket, to, &header, sent.payload.clone());
        let bytes = transmit.len();
        peer.count_sent(bytes);
        if again {
            peer.traffic.retransmitted += 1;
            peer.traffic.retransmitted_bytes += bytes as u64;
            peer.retry_rate.add(now, bytes);
        } else {
            peer.media_rate.add(now, bytes);
            peer.media_packets = peer.media_packets.wrapping_add(1);
            peer.media_octets = peer.media_octets.wrapping_add(sent.payload.len() as u32);
            self.sender.media_sent(now, bytes);
        }
        self.transmit(transmit);
    }

    /// Where the media of a peer leaves: a group's children are served by the group.
    pub(super) fn media_peer(&self, id: PeerId) -> PeerId {
        match self.peers.get(&id).map(|peer| peer.kind) {
            Some(Kind::Child(parent)) => parent,
            _ => id,
        }
    }

    pub(super) fn terms(&self, id: PeerId) -> Option<Terms> {
        let peer = self.peers.get(&id)?;
        let config = &peer.config;
        let rtt = peer.rtt.last().unwrap_or(config.rtt_min);
        Some(Terms {
            recovery: config.recovery,
            congestion_control: config.congestion_control,
            max_retries: config.max_retries,
            buffer_max: config.buffer_max,
            rtt: rtt.max(config.rtt_min).min(config.rtt_max),
        })
    }

    /// Sends the retransmissions that the ceiling lets through now; the rest has a timer.
    pub(super) fn pump_retransmissions(&mut self, now: Time) {
        if self.sender.waiting() == 0 {
            return;
        }
        let ceiling = self.peers.values().map(|peer| peer.config.max_bitrate_kbps).max().unwrap_or(0);
        let mut refused: Vec<PeerId> = Vec::new();
        while let Some(repeat) = self.sender.retransmit(now, ceiling, |peer| refused.push(peer)) {
            let peer = self.media_peer(repeat.peer);
            self.send_media(now, peer, &repeat.sent, true);
        }
        for id in refused {
            if let Some(peer) = self.peers.get_mut(&id) {
                peer.traffic.bandwidth_skipped += 1;
            }
        }
        let next = self.sender.next_retransmission(now);
        self.timers.set(Timer::Retransmit, next);
    }
}
