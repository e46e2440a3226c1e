//! What RTCP says: names, reports, requests, echoes.

use super::throttle::Complaint;
use super::{Channel, Session};
use crate::protocol::config::Role;
use crate::protocol::output::{Event, Level, PeerId};
use crate::protocol::peer::Peer;
use crate::protocol::peer::rtt::Rtt;
use crate::protocol::sender::Verdict;
use crate::protocol::time::{Span, Time};
use crate::protocol::timers::Timer;
use crate::wire::rtcp::{Compound, Echo, Nack, Rtcp};

/// Sequence numbers served of one datagram (libRIST 0.2.19).
pub(super) const MAX_REQUESTS: usize = 4096;
/// Longest name, in bytes (libRIST: 128 with the NUL).
const MAX_NAME: usize = 127;
/// Echo requests answered of one datagram.
const MAX_ECHOES: usize = 2;

/// A sequence number as it was asked for.
pub(super) enum Asked {
    /// Its 16 low bits.
    Low(u16),
    Whole(u32),
}

impl Session {
    pub(super) fn handle_feedback(&mut self, now: Time, id: PeerId, channel: Channel, compound: Compound<'_>) {
        let Some(peer) = self.peers.get_mut(&id) else { return };
        peer.heard(now);
        peer.traffic.received_rtcp += 1;
        if channel == Channel::Media {
            peer.media.last_heard = Some(now);
        }
        if peer.is_dead() {
            self.revive(now, id);
        }
        let (mut echoes, mut requests) = (0, MAX_REQUESTS);
        let mut news = None;
        for item in compound {
            match item {
                Ok(Rtcp::SenderReport(report)) => {
                    let Some(peer) = self.peers.get_mut(&id) else { return };
                    peer.sender_reports.heard(report.ntp, now);
                    news = Some(report);
                    self.publisher_clocks(now, id, report.ntp, report.rtp_timestamp);
                }
                Ok(Rtcp::ReceiverReport(report)) => {
                    if let Some(block) = &report.block {
                        self.note_reception(id, block);
                    }
                    let block = report.block.filter(|block| block.last_sr != 0);
                    if let Some(block) = block {
                        self.report_echoed(now, id, block.last_sr, block.delay_since_sr);
                    }
                }
                Ok(Rtcp::Sdes { ssrc, cname }) => self.named(now, id, ssrc, cname),
                Ok(Rtcp::EchoRequest(echo)) if echoes < MAX_ECHOES => {
                    echoes += 1;
                    self.answer_echo(now, id, &echo);
                }
                Ok(Rtcp::EchoResponse(echo)) => {
                    if let Some(abilities) = self.peers.quietly(id).and_then(Peer::abilities_mut) {
                        abilities.answers_in_tunnel = true;
                    }
                    self.echo_answered(now, id, &echo);
                }
                Ok(Rtcp::Nack(nack)) => {
                    requests -= self.serve_rtcp(now, id, &nack, requests);
                }
                Ok(_) => {}
                Err(_) => {
                    self.complain(now, Complaint::MalformedFeedback, Level::Error, "malformed RTCP packet dropped");
                    break;
                }
            }
        }
        // Only now: the name behind the report may have begun the flow.
        let flow = self.peers.get(&id).and_then(|peer| peer.flow).and_then(|flow| self.flows.get_mut(&flow));
        if let Some(report) = news
            && let Some(flow) = flow.filter(|flow| flow.takes(id))
        {
            flow.sender_report(now, report.ntp, report.rtp_timestamp);
            flow.announced(now, id, report.packets);
            let (flow_id, next) = (flow.id, flow.next_request());
            self.timers.set(Timer::Nack(flow_id), next);
        }
        self.pump_retransmissions(now);
    }

    /// A name makes a peer: what it sends is used from now on.
    fn named(&mut self, now: Time, id: PeerId, ssrc: u32, cname: &[u8]) {
        let Some(peer) = self.peers.get_mut(&id) else { return };
        if cname.len() > MAX_NAME {
            return;
        }
        let name = printable(cname);
        let renamed = peer.remote_name.as_deref() != Some(name.as_str());
        if renamed {
            peer.remote_name = Some(name.clone());
        }
        let newly_connected = !std::mem::replace(&mut peer.connected, true);
        let child = peer.is_child();
        let flow_id = ssrc & !1;
        // Media that flows holds its peer on its flow: a report alone can not pull it away.
        let bound = peer.media.last_heard.is_some_and(|last| now.since(last) < Span::from_millis(250));
        let differs = peer.flow != Some(flow_id) && flow_id != 0;
        let moves = differs && !(peer.flow.is_some() && bound);
        peer.next_flow = Some(flow_id).filter(|_| differs && !moves);
        if renamed {
            self.mention(now, Level::Info, format!("peer {} is named {name}", id.0));
        }
        // Receivers have their sender's number in their reports: at a reflector it is media that makes a sender.
        if self.config.role == Role::Receiver && moves && !self.is_reflecting(id) {
            self.join_flow(now, id, flow_id);
        }
        if newly_connected {
            self.mention(now, Level::Info, format!("peer {} is connected", id.0));
            self.event(if child { Event::ClientConnected { peer: id } } else { Event::Established { peer: id } });
            if child {
                self.timers.set(Timer::Rtcp(id), Some(now));
            } else {
                let patience = self.peers.get(&id).map(|peer| peer.patience());
                self.timers.set(Timer::Liveness(id), patience.map(|patience| now + patience));
            }
        }
    }

    /// A receiver report that quotes our sender report tells the RTT of a peer that answers no echoes.
    fn report_echoed(&mut self, now: Time, id: PeerId, last_sr: u32, delay: u32) {
        let Some(peer) = self.peers.get_mut(&id).filter(|peer| !peer.echoes.answers()) else { return };
        if let Some(round_trip) = peer.sender_reports.round_trip(now, last_sr, delay) {
            peer.rtt.sample(round_trip);
            self.refresh_path(now, id);
        }
    }

    pub(super) fn echo_answered(&mut self, now: Time, id: PeerId, echo: &Echo) {
        let Some(peer) = self.peers.get_mut(&id).filter(|peer| peer.ssrc == echo.ssrc) else { return };
        let delay = Span::from_micros(echo.delay_us);
        let (was_trusted, answered_before) = (peer.is_proven(), peer.echoes.answers());
        let Some(left) = peer.echoes.answered(echo.timestamp) else { return };
        let elapsed = now.since(left);
        let interval = peer.config.keepalive_interval;
        if let Some(standing) = &mut peer.standing {
            standing.evidence.answered(now, interval);
        }
        let newly_trusted = !was_trusted && peer.is_proven();
        if !answered_before {
            // What reports said anybody can have said.
            peer.rtt = Rtt::default();
        }
        // A delay that leaves less than nothing is not believed.
        peer.rtt.sample(if delay < elapsed { elapsed - delay } else { elapsed });
        self.refresh_path(now, id);
        if newly_trusted {
            self.proved(id);
            self.send_greetings(now, id);
        }
    }

    /// A peer is where its packets say.
    pub(super) fn proved(&mut self, id: PeerId) {
        self.members.proved(id);
        let Some(flow_id) = self.peers.get(&id).and_then(|peer| peer.flow) else { return };
        if let Some(flow) = self.flows.get_mut(&flow_id) {
            flow.trust(id);
        }
        self.configure_flow_of(id);
        self.schedule_playout(flow_id);
    }

    /// Takes the requests of one RTCP NACK; returns how many it held.
    fn serve_rtcp(&mut self, now: Time, id: PeerId, nack: &Nack<'_>, cap: usize) -> usize {
        let Some(flow_id) = self.outgoing_flow() else {
            self.complain(now, Complaint::WrongRole, Level::Debug, "request received on a receiver, dropped");
            return 0;
        };
        if nack.media_ssrc() & !1 != flow_id {
            return 0;
        }
        self.serve(now, id, nack.sequences(cap).map(Asked::Low))
    }

    /// Takes requests; returns how many there were.
    pub(super) fn serve(&mut self, now: Time, id: PeerId, asked: impl Iterator<Item = Asked>) -> usize {
        // Who gets no stream has lost nothing of it.
        if self.is_tunnel() && self.peers.get(&id).is_some_and(|peer| peer.is_child() && !peer.is_proven()) {
            return 0;
        }
        let Some(terms) = self.terms(id).filter(|_| self.outgoing_flow().is_some()) else { return 0 };
        // What one member of a group asks for, all of them get: they share one account.
        let account = self.media_peer(id);
        let (mut count, mut skipped, mut too_soon) = (0, 0, 0);
        for asked in asked {
            count += 1;
            let seq = match asked {
                Asked::Low(low) => self.sender.lengthen(low),
                Asked::Whole(seq) => seq,
            };
            self.note_request(seq);
            match self.sender.request(now, account, seq, &terms) {
                Verdict::Accepted => {}
                Verdict::Skipped => skipped += 1,
                Verdict::TooSoon => too_soon += 1,
            }
        }
        if let Some(peer) = self.peers.get_mut(&id) {
            peer.traffic.retransmit_skipped += skipped;
            peer.traffic.bloat_skipped += too_soon;
        }
        count
    }

    /// Silence is judged: dead, and after five seconds more gone.
    pub(super) fn judge_silence(&mut self, now: Time, id: PeerId) {
        let Some(peer) = self.peers.get_mut(&id) else { return };
        let heard = peer.last_heard.unwrap_or(peer.created);
        let patience = peer.patience();
        match peer.dead_since {
            None if now.since(heard) < patience => {
                self.timers.set(Timer::Liveness(id), Some(heard + patience));
            }
            None => {
                peer.dead_since = Some(now);
                if let Some(abilities) = peer.abilities_mut() {
                    abilities.begin_anew();
                }
                self.timers.set(Timer::Liveness(id), Some(now + crate::protocol::peer::GONE_AFTER));
                let silent = now.since(heard).as_millis();
                self.mention(now, Level::Warn, format!("peer {} is dead: silent for {silent} ms", id.0));
                self.refresh_path(now, id);
                // Whoever answers next where we call may be another program, one that does not encrypt.
                self.allow_clear(id);
            }
            Some(_) if peer.is_child() => {
                self.mention(now, Level::Info, format!("peer {} is removed", id.0));
                self.drop_peer(id);
            }
            Some(_) => {
                if std::mem::replace(&mut peer.connected, false) {
                    self.event(Event::TimedOut { peer: id });
                }
            }
        }
    }
}

/// Text from the network, fit for logs and callbacks: replacing what is no text must not make it longer than
/// the fields that it is copied to, or these would end within a character.
pub(super) fn printable(bytes: &[u8]) -> String {
    let text = String::from_utf8_lossy(bytes);
    let mut name = String::new();
    for character in text.chars().map(|c| if c.is_control() { '.' } else { c }) {
        if name.len() + character.len_utf8() > MAX_NAME {
            break;
        }
        name.push(character);
    }
    name
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_of_noise_is_text_that_fits() {
        let name = printable(&[0xff; MAX_NAME]);
        assert_eq!((name.len(), name.chars().count()), (126, 42));
        assert_eq!(printable(b"a\x00\n\x1b[2Jb\xc2\x85"), "a...[2Jb.");
    }
}
