//! What we say by RTCP: reports, our name, echoes, requests.

use super::Session;
use crate::protocol::bonding::loss_figures;
use crate::protocol::config::{NackType, Role};
use crate::protocol::framing::simple;
use crate::protocol::output::PeerId;
use crate::protocol::peer::Peer;
use crate::protocol::time::{Span, Time};
use crate::protocol::timers::{Timer, Timers};
use crate::wire::clock;
use crate::wire::gre::Form;
use crate::wire::rtcp::{self, Echo, ReceiverReport, ReportBlock, SenderReport};

/// Echo requests of a calling sender at the start, so that the RTT is known early (libRIST).
const GREETINGS: usize = 3;
/// TR-06-1 §5.3.2.2 allows 16 range records in a request.
const MAX_RECORDS: usize = 16;

/// How often it is looked whether a stranger may be told something by now, if nothing comes from it.
const MUTE_INTERVAL: Span = Span::from_secs(1);

/// A datagram of a peer has come. What a stranger may be told depends on that.
#[inline(always)]
pub(super) fn credit(timers: &mut Timers, now: Time, peer: &mut Peer, octets: usize) {
    let was_mute = !peer.may_hear();
    peer.received_bytes(octets);
    if was_mute {
        let (timer, soon) = (Timer::Rtcp(peer.id), now + peer.config.keepalive_interval);
        if timers.at(timer).is_some_and(|due| due > soon) {
            timers.set(timer, Some(soon));
        }
    }
}

impl Session {
    /// See [`credit`].
    pub(super) fn credit(&mut self, now: Time, id: PeerId, octets: usize) {
        if let Some(peer) = self.peers.get_mut(&id) {
            credit(&mut self.timers, now, peer, octets);
        }
    }

    /// First words to a peer that we call. Listeners want our name before our media.
    pub(super) fn greet(&mut self, now: Time, id: PeerId) {
        if !self.can_encrypt(id) {
            // The key is being derived; said when it is there.
            return;
        }
        if self.is_tunnel() {
            self.greet_tunnel(now, id);
            self.start_login(now, id);
        }
        self.report_to(now, id, false);
        for _ in 0..GREETINGS {
            self.send_feedback(now, id, |session, id, out| session.write_echo_request(now, id, out));
        }
    }

    /// The periodic report: SR or RR, our name, an echo request.
    pub(super) fn report_to(&mut self, now: Time, id: PeerId, with_echo: bool) {
        self.announce_flow(now, id);
        let Some(peer) = self.peers.get_mut(&id) else { return };
        if peer.control.remote.is_none() {
            return;
        }
        let called = !peer.is_child();
        let interval = peer.config.keepalive_interval;
        let interval = if peer.may_hear() { interval } else { interval.max(MUTE_INTERVAL) };
        self.timers.set(Timer::Rtcp(id), Some(now + interval));
        if called {
            self.watch_legs(now);
        }
        let abilities = self.peers.quietly(id).and_then(Peer::abilities_mut).filter(|_| with_echo);
        let by_control = abilities.is_some_and(|abilities| abilities.asks_by_control());
        self.send_compound(now, id, |session, id, out| {
            session.write_report(now, id, out);
            session.write_name(id, out);
            if with_echo && !by_control {
                session.write_echo_request(now, id, out);
            }
        });
        if by_control && let Some(echo) = self.echo_request(now, id) {
            self.send_control_echo(now, id, echo.ssrc, echo.timestamp);
        }
    }

    /// Answers at once. A report of ours that is nearly due rides along, so that both sides settle on one
    /// exchange per interval instead of two.
    pub(super) fn answer_echo(&mut self, now: Time, id: PeerId, request: &Echo) {
        // Our own request, sent back to us: answering would let a mirror pass for a peer.
        let Some(peer) = self.peers.get(&id).filter(|peer| peer.ssrc != request.ssrc) else { return };
        let half = peer.config.keepalive_interval.scaled(1, 2);
        let due = self.timers.at(Timer::Rtcp(id));
        let response = Echo { ssrc: request.ssrc, timestamp: request.timestamp, delay_us: 0, padding: request.padding };
        if due.is_some_and(|due| due.since(now) <= half) {
            let interval = peer.config.keepalive_interval;
            self.timers.set(Timer::Rtcp(id), Some(now + interval));
            self.send_compound(now, id, |session, id, out| {
                session.write_report(now, id, out);
                session.write_name(id, out);
                rtcp::write_echo_response(out, &response);
                session.write_echo_request(now, id, out);
            });
        } else {
            self.send_feedback(now, id, |_, _, out| rtcp::write_echo_response(out, &response));
        }
    }

    /// Asks for missing packets, in as few datagrams as the specification allows.
    pub(super) fn send_requests(&mut self, now: Time, id: PeerId, flow_id: u32, seqs: &[u32]) {
        let long = self.flows.get(&flow_id).is_some_and(|flow| flow.has_long_numbers());
        if long && self.speaks_advanced(id) {
            return self.send_control_requests(now, id, flow_id, seqs);
        }
        let seqs: Vec<u16> = seqs.iter().map(|seq| *seq as u16).collect();
        let mut rest = &seqs[..];
        let nack_type = self.nack_type;
        while !rest.is_empty() {
            let mut taken = 0;
            self.send_feedback(now, id, |session, id, out| {
                let own = session.peers.get(&id).map_or(0, |peer| peer.ssrc);
                taken = match nack_type {
                    NackType::Range => rtcp::write_nack_range(out, flow_id, rest, MAX_RECORDS),
                    NackType::Bitmask => rtcp::write_nack_bitmask(out, own, flow_id, rest, MAX_RECORDS),
                };
            });
            if taken == 0 {
                break;
            }
            rest = &rest[taken..];
        }
    }

    /// A compound that begins with an empty receiver report and our name, as RFC 3550 wants it.
    fn send_feedback(&mut self, now: Time, id: PeerId, write: impl FnOnce(&mut Self, PeerId, &mut Vec<u8>)) {
        self.send_compound(now, id, |session, id, out| {
            let ssrc = session.peers.get(&id).map_or(0, |peer| peer.ssrc);
            rtcp::write_receiver_report(out, &ReceiverReport { ssrc, block: None });
            session.write_name(id, out);
            write(session, id, out);
        });
    }

    fn send_compound(&mut self, now: Time, id: PeerId, write: impl FnOnce(&mut Self, PeerId, &mut Vec<u8>)) {
        let Some(peer) = self.peers.get(&id).filter(|peer| peer.may_hear()) else { return };
        let Some(to) = peer.control.remote else { return };
        let socket = peer.control.socket;
        let pool = self.pool.clone();
        let transmit = match &peer.tunnel {
            None => simple::feedback(socket, to, &pool, |out| write(self, id, out)),
            Some(tunnel) => {
                let ports = tunnel.feedback_ports(peer.config.virt_dst_port);
                let Some(envelope) = self.envelope(now, id, Form::Reduced(ports), None) else { return };
                envelope.message(&pool, |out| write(self, id, out))
            }
        };
        let Some(peer) = self.peers.get_mut(&id) else { return };
        if !peer.may_send(transmit.len()) {
            return;
        }
        peer.count_sent(transmit.len());
        peer.traffic.sent_rtcp += 1;
        self.transmit(transmit);
    }

    fn write_report(&mut self, now: Time, id: PeerId, out: &mut Vec<u8>) {
        let Some(peer) = self.peers.get(&id) else { return };
        match self.config.role {
            Role::Receiver if self.is_subscriber(id) => {
                let report = self.reflected_report(now, peer.ssrc, peer.media_packets, peer.media_octets);
                rtcp::write_sender_report(out, &report);
                self.note_sent_report(now, id, report.ntp);
            }
            Role::Sender => {
                // A child's media goes out through the group it belongs to.
                let media = self.peers.get(&self.media_peer(id)).unwrap_or(peer);
                let report = SenderReport {
                    ssrc: self.config.flow_id,
                    ntp: (now + self.wall_ahead).ticks(),
                    rtp_timestamp: clock::ntp_to_rtp(now.ticks(), 90_000),
                    packets: self.sender.packets(),
                    octets: media.media_octets,
                };
                rtcp::write_sender_report(out, &report);
                self.note_sent_report(now, id, report.ntp);
            }
            Role::Receiver => {
                let (last_sr, delay_since_sr) = match peer.sender_reports.last_heard() {
                    Some((ntp, at)) => (ntp, (now.since(at).ticks().max(0) >> 16) as u32),
                    None => (0, 0),
                };
                let flow = peer.flow.and_then(|flow| self.flows.get(&flow));
                let reception = flow.and_then(|flow| flow.reception(id));
                let (highest_seq, expected, came) =
                    reception.unwrap_or((flow.map_or(0, |flow| flow.highest_seq()), 0, 0));
                let (cumulative_lost, fraction_lost) = loss_figures((expected, came), peer.told_reception);
                let block = ReportBlock {
                    ssrc: peer.flow.unwrap_or(0),
                    fraction_lost,
                    cumulative_lost,
                    highest_seq,
                    jitter: 0,
                    last_sr,
                    delay_since_sr,
                };
                rtcp::write_receiver_report(out, &ReceiverReport { ssrc: peer.ssrc, block: Some(block) });
                if let Some(peer) = self.peers.get_mut(&id) {
                    peer.told_reception = (expected, came);
                }
            }
        }
    }

    /// A peer that answers no echoes tells its round trip by quoting it.
    fn note_sent_report(&mut self, now: Time, id: PeerId, ntp: u64) {
        if let Some(peer) = self.peers.get_mut(&id).filter(|peer| !peer.echoes.answers()) {
            peer.sender_reports.sent(ntp, now);
        }
    }

    fn write_name(&mut self, id: PeerId, out: &mut Vec<u8>) {
        if let Some(peer) = self.peers.get(&id) {
            rtcp::write_sdes(out, peer.ssrc, peer.config.cname.as_bytes());
        }
    }

    fn write_echo_request(&mut self, now: Time, id: PeerId, out: &mut Vec<u8>) {
        if let Some(echo) = self.echo_request(now, id) {
            rtcp::write_echo_request(out, &echo);
        }
    }

    fn echo_request(&mut self, now: Time, id: PeerId) -> Option<Echo> {
        let mark = match self.entropy.octets() {
            Ok(octets) => u64::from_be_bytes(octets),
            Err(_) => self.next_random(),
        };
        let peer = self.peers.get_mut(&id)?;
        peer.echoes.asked(mark, now);
        if self.config.role == Role::Sender && (!peer.is_child() || peer.is_proven()) {
            peer.standing.get_or_insert_default().evidence.asked(now);
        }
        Some(Echo { ssrc: peer.ssrc, timestamp: mark, delay_us: 0, padding: 0 })
    }
}
