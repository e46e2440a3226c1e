//! Statistics: what happened since the last report, per flow and per peer.

use super::Session;
use super::advanced::speaks_advanced;
use crate::protocol::config::Profile;
use crate::protocol::output::{Event, Level, PeerId};
use crate::protocol::peer::{Kind, Peer, Traffic};
use crate::protocol::report::{FlowReport, LegReport, LegState, SenderPeerReport};
use crate::protocol::time::{Span, Time};
use crate::protocol::timers::Timer;

impl Session {
    /// Without a listener the operator still hears of losses in the log, once a second.
    pub(super) fn report_period(&self) -> Span {
        self.stats_interval.unwrap_or(Span::from_secs(1))
    }

    pub(super) fn report_flow(&mut self, now: Time, flow_id: u32) {
        self.timers.set(Timer::FlowStats(flow_id), Some(now + self.report_period()));
        let status = u8::from(self.is_silent(now, flow_id));
        self.make_flow_report(now, flow_id, status);
    }

    pub(super) fn last_report_of_flow(&mut self, now: Time, flow_id: u32) {
        self.make_flow_report(now, flow_id, 2);
    }

    fn make_flow_report(&mut self, now: Time, flow_id: u32, status: u8) {
        let Some(flow) = self.flows.get_mut(&flow_id).filter(|flow| flow.has_data()) else { return };
        let mut report = flow.report(now, status, self.config.profile);
        let mut sent_rtcp = 0;
        for entry in &mut report.peers {
            let Some(peer) = self.peers.get_mut(&entry.peer) else { continue };
            entry.url = peer.url.to_string();
            entry.sent_rtcp = std::mem::take(&mut peer.traffic.sent_rtcp);
            entry.received_rtcp = std::mem::take(&mut peer.traffic.received_rtcp);
            sent_rtcp += u64::from(entry.sent_rtcp);
        }
        report.sent_rtcp = sent_rtcp / report.peers.len().max(1) as u64;
        self.alarm(&report);
        if self.stats_interval.is_some() {
            self.event(Event::FlowStats(Box::new(report)));
        }
    }

    /// The lines that operators watch for.
    fn alarm(&mut self, report: &FlowReport) {
        let flow = report.flow_id;
        if report.lost > 0 {
            self.log(Level::Error, format!("flow {flow}: lost {} packets", report.lost));
        }
        if report.dropped_late > 0 {
            self.log(Level::Error, format!("flow {flow}: dropped {} late packets", report.dropped_late));
        }
        if report.dropped_full > 0 {
            self.log(Level::Error, format!("flow {flow}: dropped {} packets, buffer full", report.dropped_full));
        }
    }

    pub(super) fn report_sender(&mut self, now: Time) {
        let Some(interval) = self.stats_interval else { return };
        self.timers.set(Timer::SenderStats, Some(now + interval));
        let waiting = self.sender.waiting();
        let (flow_id, profile) = (self.config.flow_id, self.config.profile);
        let states: Vec<_> = self.peers.values().map(|peer| self.leg_state(now, peer)).collect();
        let reports: Vec<SenderPeerReport> = self
            .peers
            .values_mut()
            .zip(states)
            .filter(|(peer, _)| matches!(peer.kind, Kind::Caller | Kind::Group | Kind::Child(_)) && !peer.is_dead())
            .flat_map(|(peer, state)| {
                let leg = leg_report(peer, state);
                let data = SenderPeerReport { leg, ..sender_report(peer, now, flow_id, profile, waiting) };
                let rtcp = (profile == Profile::Simple).then(|| rtcp_report(peer, &data));
                peer.traffic = Traffic::new();
                rtcp.into_iter().chain([data])
            })
            .collect();
        if let Some(split) = if reports.is_empty() { None } else { self.split.take_report() } {
            self.event(Event::SplitStats(split));
        }
        for report in reports {
            self.event(Event::SenderStats(Box::new(report)));
        }
    }
}

fn sender_report(peer: &mut Peer, now: Time, flow_id: u32, profile: Profile, waiting: usize) -> SenderPeerReport {
    let traffic = &peer.traffic;
    // Main has one row for everything, as libRIST.
    let rtcp = if profile == Profile::Simple { traffic.sent_rtcp } else { 0 };
    let media = traffic.sent - u64::from(rtcp);
    let refused = u64::from(traffic.bandwidth_skipped + traffic.bloat_skipped + traffic.retransmit_skipped);
    let quality = match (peer.last_heard.is_some(), traffic.sent) {
        // Nobody has ever answered: there is no quality to speak of.
        (false, _) => 0.0,
        (true, 0) => 100.0,
        (true, sent) => 100.0 * sent as f64 / (sent + refused + traffic.retransmitted) as f64,
    };
    SenderPeerReport {
        peer: peer.id,
        flow_id,
        cname: peer.remote_name.clone().unwrap_or_default(),
        rtcp: false,
        profile,
        advanced_active: profile == Profile::Advanced && speaks_advanced(peer),
        miface: peer.miface.to_string(),
        sent: media,
        received: u64::from(traffic.received_rtcp),
        retransmitted: traffic.retransmitted,
        sent_bytes: traffic.sent_bytes,
        retransmitted_bytes: traffic.retransmitted_bytes,
        ts_nulls: traffic.ts_nulls,
        bandwidth: peer.media_rate.rate(now),
        retry_bandwidth: peer.retry_rate.rate(now),
        ts_nulls_bandwidth: 0,
        bandwidth_skipped: traffic.bandwidth_skipped,
        bloat_skipped: traffic.bloat_skipped,
        retransmit_skipped: traffic.retransmit_skipped,
        quality,
        rtt_ms: peer.rtt.last().map_or(0.0, |rtt| rtt.as_millis_f64()),
        avg_rtt_ms: peer.rtt.smoothed().map_or(0.0, |rtt| rtt.as_millis_f64()),
        retry_buffer_size: waiting,
        leg: LegReport::default(),
    }
}

fn leg_report(peer: &mut Peer, state: Option<LegState>) -> LegReport {
    let Some(standing) = &mut peer.standing else { return LegReport::default() };
    let far_end = standing.far_end.take();
    let requests = std::mem::take(&mut standing.told_losses);
    LegReport {
        state,
        muted: standing.is_muted(),
        mute_events: standing.mute_events,
        far_end_received: far_end.map(|arrived| arrived.received),
        far_end_lost: far_end.and_then(|arrived| arrived.lost),
        sent_alone: u64::from(requests.sent),
        asked_for: u64::from(requests.asked),
    }
}

/// The RTCP port's own row: its id follows that of the media port.
fn rtcp_report(peer: &Peer, data: &SenderPeerReport) -> SenderPeerReport {
    SenderPeerReport {
        peer: PeerId(peer.id.0 + 1),
        rtcp: true,
        sent: u64::from(peer.traffic.sent_rtcp),
        retransmitted: 0,
        sent_bytes: 0,
        retransmitted_bytes: 0,
        ts_nulls: 0,
        bandwidth: 0,
        retry_bandwidth: 0,
        bandwidth_skipped: 0,
        bloat_skipped: 0,
        retransmit_skipped: 0,
        retry_buffer_size: 0,
        leg: LegReport::default(),
        ..data.clone()
    }
}
