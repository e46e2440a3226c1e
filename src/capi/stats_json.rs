//! Reports as JSON: schema 4 of libRIST 0.2.18 and later, or the shape before 0.2.15 if the environment says
//! `RIST_STATS_SCHEMA=1`. One line, keys in libRIST's order.

use super::peer::{librist_merge_mode, librist_split_mode};
use super::stats_report::profile_number;
use crate::protocol::config::{MergeMode, Profile, SplitMode};
use crate::protocol::report::{
    FlowPeerReport, FlowReport, LegReport, LegState, MergeReport, SenderPeerReport, SplitReport,
};
use std::fmt::Write;
use std::sync::LazyLock;

const SCHEMA: u32 = 4;

static OLD_SCHEMA: LazyLock<bool> =
    LazyLock::new(|| std::env::var_os("RIST_STATS_SCHEMA").is_some_and(|value| value == "1"));

pub(super) fn flow(report: &FlowReport) -> String {
    flow_in(report, *OLD_SCHEMA)
}

pub(super) fn sender_peer(report: &SenderPeerReport) -> String {
    if *OLD_SCHEMA { old_sender_peer(report) } else { new_sender(std::slice::from_ref(report), "") }
}

/// The document of `rist_sender_stats_callback_set`, which no old program knows.
pub(super) fn sender(reports: &[SenderPeerReport], split: Option<SplitReport>) -> String {
    // Packets are sent from the caller's thread: nothing queues.
    let mut queue = Object::new();
    for key in ["size", "bytesize", "time_length", "packets_per_second"] {
        queue.number(key, 0);
    }
    let mut more = Object::new();
    more.raw("incoming_queue", &queue.end());
    if let Some(split) = split {
        more.raw("split", &split_object(&split));
    }
    new_sender(reports, more.members())
}

fn split_object(report: &SplitReport) -> String {
    let mut split = Object::new();
    let mode = match report.mode {
        SplitMode::Off => librist_split_mode::LIBRIST_SPLIT_MODE_OFF,
        SplitMode::Auto => librist_split_mode::LIBRIST_SPLIT_MODE_AUTO,
        SplitMode::Half => librist_split_mode::LIBRIST_SPLIT_MODE_HALF,
    };
    split.number("mode", mode as u32);
    split.number("pairs_emitted", report.pairs);
    split.number("fallback_not_ts", report.not_ts);
    split.end()
}

fn merge_object(report: &MergeReport) -> String {
    let mut merge = Object::new();
    let mode = match report.mode {
        MergeMode::Off => librist_merge_mode::LIBRIST_MERGE_MODE_OFF,
        MergeMode::Pairs => librist_merge_mode::LIBRIST_MERGE_MODE_PAIRS,
        MergeMode::Auto => librist_merge_mode::LIBRIST_MERGE_MODE_AUTO,
    };
    merge.number("mode", mode as u32);
    merge.number("pairs_merged", report.merged);
    merge.number("orphan_first_delivered", report.lone_first);
    merge.number("orphan_last_delivered", report.lone_second);
    merge.end()
}

/// `more`: what follows the peers.
fn new_sender(reports: &[SenderPeerReport], more: &str) -> String {
    let mut json = Object::new();
    json.number("schema_version", SCHEMA);
    let mut stats = Object::new();
    stats.array("peers", reports.iter().map(new_sender_peer));
    if !more.is_empty() {
        stats.0.push(',');
        stats.0.push_str(more);
    }
    json.raw("sender-stats", &stats.end());
    json.end()
}

fn new_sender_peer(report: &SenderPeerReport) -> String {
    let mut peer = sender_head(report);
    profile(&mut peer, report.profile);
    peer.number("advanced_active", u8::from(report.advanced_active));
    if !report.miface.is_empty() {
        peer.text("miface", &report.miface);
    }
    let mut stats = Object::new();
    stats.real("quality", cut(report.quality));
    stats.number("sent", report.sent);
    stats.number("ts_null", report.ts_nulls);
    stats.number("received", report.received);
    stats.number("retransmitted", report.retransmitted);
    stats.number("sent_bytes", report.sent_bytes);
    stats.number("retransmitted_bytes", report.retransmitted_bytes);
    stats.number("bandwidth", report.bandwidth);
    stats.number("retry_bandwidth", report.retry_bandwidth);
    stats.number("ts_nulls_bandwidth", report.ts_nulls_bandwidth);
    sender_tail(&mut stats, report);
    stats.number("rtt_muted", u8::from(report.leg.muted));
    stats.number("rtt_mute_events", report.leg.mute_events);
    leg(&mut stats, &report.leg);
    peer.raw("stats", &stats.end());
    peer.end()
}

/// Ours, each only where it is known.
fn leg(stats: &mut Object, leg: &LegReport) {
    if let Some(state) = leg.state {
        let word = match state {
            LegState::Carrying => "carrying",
            LegState::Standby => "standby",
            LegState::Muted => "muted",
            LegState::Lossy => "lossy",
            LegState::Stalled => "stalled",
        };
        stats.text("leg", word);
    }
    leg.far_end_received.into_iter().for_each(|received| stats.number("far_end_received", received));
    leg.far_end_lost.into_iter().for_each(|lost| stats.number("far_end_lost", lost));
    // Without a second leg and without reports it would only say again what is in `retransmitted`.
    if leg.state.is_some() || leg.far_end_lost.is_some() {
        leg.loss().into_iter().for_each(|loss| stats.real("leg_loss", cut(loss)));
    }
}

fn old_sender_peer(report: &SenderPeerReport) -> String {
    let mut peer = sender_head(report);
    let mut stats = Object::new();
    stats.real("quality", cut(report.quality));
    stats.number("sent", report.sent);
    stats.number("received", report.received);
    stats.number("retransmitted", report.retransmitted);
    stats.number("bandwidth", report.bandwidth);
    stats.number("retry_bandwidth", report.retry_bandwidth);
    sender_tail(&mut stats, report);
    peer.raw("stats", &stats.end());
    let mut outer = Object::new();
    outer.raw("peer", &peer.end());
    let mut json = Object::new();
    json.raw("sender-stats", &outer.end());
    json.end()
}

fn sender_head(report: &SenderPeerReport) -> Object {
    let mut peer = Object::new();
    peer.number("flow_id", report.flow_id);
    peer.number("id", report.peer.0);
    peer.text("cname", &report.cname);
    peer.text("type", if report.rtcp { "rtcp" } else { "data" });
    peer
}

fn sender_tail(stats: &mut Object, report: &SenderPeerReport) {
    stats.number("bandwidth_skipped", report.bandwidth_skipped);
    stats.number("bloat_skipped", report.bloat_skipped);
    stats.number("retransmit_skipped", report.retransmit_skipped);
    stats.real("rtt", report.rtt_ms);
    stats.real("avg_rtt", report.avg_rtt_ms);
    stats.number("retry_buffer_size", report.retry_buffer_size);
    // We have no cool-down: it is libRIST's answer to overfull queues.
    stats.number("cooldown_time", 0);
}

fn flow_in(report: &FlowReport, old: bool) -> String {
    let mut flow = Object::new();
    flow.number("flow_id", report.flow_id);
    flow.number("dead", report.status);
    if !old {
        profile(&mut flow, report.profile);
        flow.number("seq_bits", report.seq_bits);
        flow.number("advanced_active", u8::from(report.advanced_active));
    }
    let mut stats = Object::new();
    stats.real("quality", cut(report.quality));
    stats.number("received", report.received);
    if !old {
        stats.number("received_bytes", report.received_bytes);
    }
    stats.number("dropped_late", report.dropped_late);
    stats.number("dropped_full", report.dropped_full);
    stats.number("missing", report.missing);
    stats.number("recovered_total", report.recovered);
    stats.number("reordered", report.reordered);
    stats.number("retries", report.retries);
    let keys = ["one_nack", "two_nacks", "three_nacks", "four_nacks", "more_nacks"];
    for (key, count) in keys.iter().zip(report.recovered_by_retries) {
        stats.number(&format!("recovered_{key}"), count);
    }
    stats.number("lost", report.lost);
    stats.number("avg_buffer_time", report.avg_buffer_ms);
    stats.number("duplicates", report.duplicates);
    stats.number("missing_queue", report.missing_queue);
    stats.number("missing_queue_max", report.missing_queue_max);
    stats.number("min_inter_packet_spacing", report.min_inter_packet_us);
    stats.number("cur_inter_packet_spacing", report.avg_inter_packet_us);
    stats.number("max_inter_packet_spacing", report.max_inter_packet_us);
    stats.number("bitrate", report.bitrate);
    if !old {
        stats.number("bitrate_retries", report.bitrate_retries);
        stats.number("bitrate_rejected", report.bitrate_rejected);
        stats.number("bitrate_ts_nulls", report.bitrate_ts_nulls);
        let other = report.bitrate_retries.saturating_add(report.bitrate_ts_nulls);
        stats.number("bitrate_payload", report.bitrate.saturating_sub(other));
    }
    flow.raw("stats", &stats.end());
    let mut outer = Object::new();
    flow.array("peers", report.peers.iter().map(|peer| flow_peer(peer, old)));
    if let Some(merge) = report.merge.as_ref().filter(|_| !old) {
        flow.raw("merge", &merge_object(merge));
    }
    outer.raw("flowinstant", &flow.end());
    let mut json = Object::new();
    if !old {
        json.number("schema_version", SCHEMA);
    }
    json.raw("receiver-stats", &outer.end());
    json.end()
}

fn flow_peer(report: &FlowPeerReport, old: bool) -> String {
    let mut peer = Object::new();
    peer.number("id", report.peer.0);
    peer.number("dead", u8::from(report.dead));
    if !old {
        peer.text("url", &report.url);
    }
    let mut stats = Object::new();
    stats.number("received_data", report.received_data);
    if !old {
        stats.number("received_bytes", report.received_bytes);
        stats.number("ts_null", report.ts_nulls);
    }
    stats.number("received_rtcp", report.received_rtcp);
    stats.number("sent_rtcp", report.sent_rtcp);
    stats.real("rtt", report.rtt_ms);
    stats.real("avg_rtt", report.avg_rtt_ms);
    stats.number("bitrate", report.bitrate);
    stats.number("avg_bitrate", report.avg_bitrate);
    peer.raw("stats", &stats.end());
    peer.end()
}

fn profile(object: &mut Object, profile: Profile) {
    object.number("profile", profile_number(profile));
    object.text(
        "profile_name",
        match profile {
            Profile::Simple => "simple",
            Profile::Main => "main",
            Profile::Advanced => "advanced",
        },
    );
}

/// Cut to two decimals, as libRIST cuts qualities.
fn cut(value: f64) -> f64 {
    (value * 100.0).trunc() / 100.0
}

/// A JSON object that is being written.
struct Object(String);

impl Object {
    fn new() -> Self {
        Self("{".into())
    }

    fn raw(&mut self, key: &str, json: &str) {
        if self.0.len() > 1 {
            self.0.push(',');
        }
        quote(&mut self.0, key);
        self.0.push(':');
        self.0.push_str(json);
    }

    /// What stands between the braces so far.
    fn members(&self) -> &str {
        &self.0[1..]
    }

    /// A whole number.
    fn number(&mut self, key: &str, value: impl ToString) {
        self.raw(key, &value.to_string());
    }

    /// A number with the digits that it needs, without a fraction if it has none; `null` if it is none.
    fn real(&mut self, key: &str, value: f64) {
        let text = if value.is_finite() { value.to_string() } else { "null".into() };
        self.raw(key, &text);
    }

    fn text(&mut self, key: &str, value: &str) {
        let mut text = String::new();
        quote(&mut text, value);
        self.raw(key, &text);
    }

    fn array(&mut self, key: &str, items: impl Iterator<Item = String>) {
        let items: Vec<_> = items.collect();
        self.raw(key, &format!("[{}]", items.join(",")));
    }

    fn end(mut self) -> String {
        self.0.push('}');
        self.0
    }
}

/// Names come from the network: whatever could end the text is escaped.
fn quote(to: &mut String, text: &str) {
    to.push('"');
    for character in text.chars() {
        match character {
            '"' | '\\' => to.extend(['\\', character]),
            control if control < ' ' || control == '\x7f' => {
                // Writing to a String cannot fail.
                let _ = write!(to, "\\u{:04x}", u32::from(control));
            }
            other => to.push(other),
        }
    }
    to.push('"');
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::capi::stats_report::samples;

    #[test]
    fn a_flow_has_the_keys_of_schema_4_in_order() {
        let expected = concat!(
            r#"{"schema_version":4,"receiver-stats":{"flowinstant":{"flow_id":8,"dead":1,"profile":0,"#,
            r#""profile_name":"simple","seq_bits":16,"advanced_active":0,"stats":{"quality":92.64,"received":126,"#,
            r#""received_bytes":5000000000,"dropped_late":1,"dropped_full":2,"missing":10,"recovered_total":9,"#,
            r#""reordered":3,"retries":20,"recovered_one_nack":5,"recovered_two_nacks":4,"recovered_three_nacks":3,"#,
            r#""recovered_four_nacks":2,"recovered_more_nacks":1,"lost":6,"avg_buffer_time":70,"duplicates":7,"#,
            r#""missing_queue":8,"missing_queue_max":9,"min_inter_packet_spacing":11,"cur_inter_packet_spacing":12,"#,
            r#""max_inter_packet_spacing":13,"bitrate":1000,"bitrate_retries":100,"bitrate_rejected":10,"#,
            r#""bitrate_ts_nulls":50,"bitrate_payload":850},"peers":[{"id":2,"dead":0,"url":"a\"\u000ab","#,
            r#""stats":{"received_data":126,"received_bytes":4,"ts_null":5,"received_rtcp":6,"sent_rtcp":24,"#,
            r#""rtt":1.5,"avg_rtt":3,"bitrate":908342,"avg_bitrate":9}}]}}}"#,
        );
        assert_eq!(flow_in(&samples::flow(1), false), expected);
    }

    #[test]
    fn the_old_flow_has_the_keys_of_0_2_7() {
        let json = flow_in(&samples::flow(1), true);
        assert!(
            json.starts_with(r#"{"receiver-stats":{"flowinstant":{"flow_id":8,"dead":1,"stats":{"quality":92.64,"#)
        );
        for key in ["schema_version", "profile", "received_bytes", "url", "bitrate_payload"] {
            assert!(!json.contains(key), "{key}");
        }
        assert!(json.ends_with(r#""bitrate":1000},"peers":[{"id":2,"dead":0,"stats":{"received_data":126,"received_rtcp":6,"sent_rtcp":24,"rtt":1.5,"avg_rtt":3,"bitrate":908342,"avg_bitrate":9}}]}}}"#));
    }

    #[test]
    fn a_sender_lists_its_peers() {
        let peer = samples::sender_peer();
        let stats = concat!(
            r#""stats":{"quality":99.99,"sent":137,"ts_null":1,"received":33,"retransmitted":2,"sent_bytes":3,"#,
            r#""retransmitted_bytes":4,"bandwidth":920804,"retry_bandwidth":5,"ts_nulls_bandwidth":6,"#,
            r#""bandwidth_skipped":7,"bloat_skipped":8,"retransmit_skipped":9,"rtt":1.61,"avg_rtt":4.25,"#,
            r#""retry_buffer_size":10,"cooldown_time":0,"rtt_muted":0,"rtt_mute_events":0}"#,
        );
        let head = r#"{"flow_id":8,"id":1,"cname":"rcv","type":"data","profile":0,"profile_name":"simple","advanced_active":0,"#;
        let expected = format!(r#"{{"schema_version":4,"sender-stats":{{"peers":[{head}{stats}}}]}}}}"#);
        assert_eq!(new_sender(std::slice::from_ref(&peer), ""), expected);
        let leg = LegReport {
            state: Some(LegState::Muted),
            muted: true,
            mute_events: 2,
            far_end_received: Some(97),
            far_end_lost: Some(3),
            ..LegReport::default()
        };
        let tail = concat!(
            r#""rtt_muted":1,"rtt_mute_events":2,"leg":"muted","#,
            r#""far_end_received":97,"far_end_lost":3,"leg_loss":3}}]}}"#,
        );
        let document = new_sender(&[SenderPeerReport { leg, ..peer.clone() }], "");
        assert!(document.ends_with(tail), "{document}");
        let old = old_sender_peer(&peer);
        assert!(
            old.starts_with(r#"{"sender-stats":{"peer":{"flow_id":8,"id":1,"cname":"rcv","type":"data","stats":{"#)
        );
        assert!(sender(&[peer], None).contains(r#""incoming_queue":{"size":0,"#));
    }

    #[test]
    fn pairs_are_told_where_there_are_some() {
        let split = SplitReport { mode: SplitMode::Half, pairs: 7, not_ts: 0 };
        let json = sender(&[samples::sender_peer()], Some(split));
        let end = r#""packets_per_second":0},"split":{"mode":2,"pairs_emitted":7,"fallback_not_ts":0}}}"#;
        assert!(json.ends_with(end), "{json}");
        let mut flow = samples::flow(1);
        flow.merge = Some(MergeReport { mode: MergeMode::Pairs, merged: 5, lone_first: 1, lone_second: 2 });
        let end = r#"}}],"merge":{"mode":1,"pairs_merged":5,"orphan_first_delivered":1,"orphan_last_delivered":2}}}}"#;
        assert!(flow_in(&flow, false).ends_with(end), "{}", flow_in(&flow, false));
        assert!(!flow_in(&flow, true).contains("merge"));
    }

    /// A context of the Advanced profile speaks Main to whom it has to.
    #[test]
    fn whether_advanced_is_spoken_is_told_beside_the_profile() {
        let mut flow = samples::flow(0);
        let mut peer = samples::sender_peer();
        for active in [false, true] {
            (flow.profile, flow.advanced_active, flow.seq_bits) =
                (Profile::Advanced, active, if active { 32 } else { 16 });
            (peer.profile, peer.advanced_active) = (Profile::Advanced, active);
            let named = r#""profile":2,"profile_name":"advanced","#;
            let said = format!(r#""advanced_active":{}"#, u8::from(active));
            let bits = format!(r#"{named}"seq_bits":{},{said},"#, flow.seq_bits);
            assert!(flow_in(&flow, false).contains(&bits), "{}", flow_in(&flow, false));
            assert!(sender_peer(&peer).contains(&format!("{named}{said},")), "{}", sender_peer(&peer));
        }
    }

    #[test]
    fn what_is_no_number_is_null() {
        let mut object = Object::new();
        object.real("a", f64::NAN);
        object.real("b", 0.1 + 0.2);
        assert_eq!(object.end(), r#"{"a":null,"b":0.30000000000000004}"#);
    }
}
