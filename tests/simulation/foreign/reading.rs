//! What a foreign program reads of a datagram, by its own rules.

use super::model::Offer;
use super::voice::{Voice, counter};
use rist::protocol::time::{Span, Time};
use rist::wire::advanced::control::{Message, RttEcho};
use rist::wire::advanced::{Lpc, Packet, Type, is_candidate};
use rist::wire::gre::{self, Content, KeepAlive};
use rist::wire::lz4;
use rist::wire::rtcp::{self, Compound, Echo, Rtcp};
use rist::wire::rtp::Rtp;

/// What matters to the part that sends or receives media.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Heard {
    Media(Media),
    /// Requests by 32-bit and by 16-bit numbers.
    Long(Vec<u32>),
    Short(Vec<u16>),
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Media {
    pub(crate) long: bool,
    pub(crate) flow: u32,
    pub(crate) seq: u32,
    pub(crate) timestamp: u32,
    pub(crate) repeated: bool,
    pub(crate) payload: Vec<u8>,
}

pub(super) fn read(voice: &mut Voice, now: Time, datagram: &[u8]) -> Vec<Heard> {
    match is_candidate(datagram) {
        // Who knows Main only takes it for a broken header.
        true if !voice.model.is_advanced() => {
            voice.unreadable += 1;
            Vec::new()
        }
        true => advanced(voice, now, datagram),
        false => tunnel(voice, now, datagram),
    }
}

fn tunnel(voice: &mut Voice, now: Time, datagram: &[u8]) -> Vec<Heard> {
    let Ok(packet) = gre::Packet::parse(datagram) else { return Vec::new() };
    if packet.protocol == gre::protocol::VSF && !voice.model.reads_vsf {
        return Vec::new();
    }
    let mut body = packet.body.to_vec();
    match (packet.nonce, packet.sequence, voice.lock.is_some()) {
        (Some(nonce), Some(sequence), true) => match voice.key(nonce) {
            Some(key) => key.apply(&counter(sequence), &mut body),
            None => return Vec::new(),
        },
        (None, _, false) => {}
        _ => {
            voice.unreadable += 1;
            return Vec::new();
        }
    }
    match Content::parse(packet.protocol, &body) {
        Ok(Content::Media { packet, .. }) => {
            let Ok(rtp) = Rtp::parse(packet) else { return Vec::new() };
            let media = Media {
                long: false,
                flow: rtp.ssrc & !1,
                seq: u32::from(rtp.seq),
                timestamp: rtp.timestamp,
                repeated: rtp.ssrc & 1 == 1,
                payload: rtp.payload.to_vec(),
            };
            vec![Heard::Media(media)]
        }
        Ok(Content::Feedback { packet, .. }) => feedback(voice, now, packet),
        Ok(Content::KeepAlive(message)) => {
            offered(voice, offers(voice.model.offer, &message));
            Vec::new()
        }
        _ => Vec::new(),
    }
}

fn offers(way: Offer, message: &KeepAlive<'_>) -> bool {
    match way {
        Offer::Nothing => false,
        Offer::Standard => message.capabilities[1] & 1 != 0,
        Offer::Word => message.extension.is_some_and(|bits| bits & 0x80 != 0),
    }
}

fn offered(voice: &mut Voice, is: bool) {
    voice.offered = is || (voice.offered && !voice.model.cancels);
}

fn feedback(voice: &mut Voice, now: Time, packet: &[u8]) -> Vec<Heard> {
    let mut heard = Vec::new();
    for item in Compound::new(packet).flatten() {
        match item {
            Rtcp::Sdes { .. } => voice.named = true,
            Rtcp::Nack(nack) => heard.push(Heard::Short(nack.sequences(4096).collect())),
            Rtcp::EchoRequest(echo) if voice.model.answers_rtcp_echoes => {
                let mut answer = Vec::new();
                rtcp::write_echo_response(&mut answer, &Echo { delay_us: 0, padding: 0, ..echo });
                voice.feedback(&answer);
            }
            Rtcp::EchoResponse(echo) => {
                let rtt = now.since(Time::from_ticks(echo.timestamp));
                voice.rtt = Some(rtt);
                voice.believed_rtt.get_or_insert(rtt);
            }
            _ => {}
        }
    }
    heard
}

fn advanced(voice: &mut Voice, now: Time, datagram: &[u8]) -> Vec<Heard> {
    let Ok(packet) = Packet::parse(datagram) else {
        voice.unreadable += 1;
        return Vec::new();
    };
    voice.heard_advanced = true;
    match packet.kind {
        Type::Control => control(voice, now, packet.body),
        Type::Direct if voice.model.wants_name && !voice.named => {
            voice.refused += 1;
            Vec::new()
        }
        Type::Direct => direct(voice, &packet).map_or_else(
            || {
                voice.unreadable += 1;
                Vec::new()
            },
            |media| vec![Heard::Media(media)],
        ),
        _ => Vec::new(),
    }
}

fn direct(voice: &mut Voice, packet: &Packet<'_>) -> Option<Media> {
    let mut payload = packet.body.to_vec();
    match (packet.psk.mode, voice.lock.is_some()) {
        (0, false) => {}
        (1, true) => voice.key(packet.psk.nonce?)?.apply(&counter(packet.psk.iv?), &mut payload),
        _ => return None,
    }
    if packet.lpc == Lpc::Lz4 {
        let mut text = Vec::new();
        if !voice.model.reads_lz4 {
            return None;
        }
        lz4::decompress(&payload, &mut text).ok()?;
        payload = text;
    }
    Some(Media {
        long: true,
        flow: packet.ssrc,
        seq: packet.seq,
        timestamp: packet.timestamp,
        repeated: packet.flags.retransmission,
        payload,
    })
}

fn control(voice: &mut Voice, now: Time, payload: &[u8]) -> Vec<Heard> {
    let counts = voice.named || !voice.model.wants_name;
    match Message::parse(payload) {
        Ok(Message::KeepAlive(_)) => {
            let body = &payload[4..];
            let is = match voice.model.offer {
                Offer::Word => body.len() >= 10 && body[6] & 0x80 != 0,
                Offer::Standard => body.len() >= 8 && body[7] & 1 != 0,
                Offer::Nothing => false,
            };
            offered(voice, is);
        }
        Ok(Message::Unsupported(_)) => voice.told_unsupported += 1,
        // Of several records, everybody reads the first.
        Ok(Message::NackRange(nack)) if counts => {
            let range = nack.pairs().next();
            return range
                .map(|(first, more)| Heard::Long((0..=more).map(|n| first.wrapping_add(n)).collect()))
                .into_iter()
                .collect();
        }
        Ok(Message::NackBitmask(nack)) if counts => return vec![Heard::Long(nack.sequences(33).collect())],
        Ok(Message::RttRequest(echo)) if counts && voice.model.answers_control_echoes => {
            let answer = RttEcho { delay_us: 0, ..echo };
            voice.control(now, |out| answer.write_response(out));
        }
        Ok(Message::RttResponse(echo)) if counts => {
            voice.control_answers += 1;
            let rtt = now.since(Time::from_ticks(echo.time));
            voice.rtt.get_or_insert(rtt);
            voice.believed_rtt = Some(rtt.max(Span::ZERO).scaled(voice.model.echo_scale, 1));
        }
        _ => {}
    }
    Vec::new()
}
