//! Statistics: when reports come, and that they say what happened.

use crate::network::Link;
use crate::pair::{Pair, Path, Setup};
use crate::workload::Pattern;
use rist::protocol::report::SenderPeerReport;
use rist::protocol::time::Span;

fn clean(delay: u32) -> Setup {
    Setup::new(Path::both(Link::delayed(delay))).buffer(200)
}

/// The sender's rows of media ports, and of RTCP ports.
fn rows(pair: &Pair, rtcp: bool) -> Vec<&SenderPeerReport> {
    pair.sent().sender_reports.iter().filter(|report| report.rtcp == rtcp).collect()
}

#[track_caller]
fn within(value: f64, expected: f64, share: f64) {
    assert!((value - expected).abs() <= expected * share, "{value}, not {expected}");
}

#[test]
fn a_flow_goes_from_alive_to_silent_to_ended() {
    let mut pair = clean(10).start();
    pair.settle();
    pair.play();
    pair.world.hosts[pair.sender].down = true;
    pair.world.run_for(Span::from_secs(10));
    let mut statuses: Vec<u8> = pair.got().flow_reports.iter().map(|report| report.status).collect();
    assert_eq!(statuses.iter().filter(|status| **status == 2).count(), 1);
    statuses.dedup();
    assert_eq!(statuses, [0, 1, 2]);
}

#[test]
fn the_first_report_comes_with_the_first_packet() {
    let mut pair = clean(10).start();
    pair.world.run_for(Span::from_millis(777));
    assert!(pair.got().flow_reports.is_empty());
    pair.write(Span::from_secs(1));
    pair.world.run_for(Span::from_millis(10 + 15));
    assert_eq!(pair.got().flow_reports.len(), 1);
}

#[test]
fn a_senders_first_report_comes_at_once() {
    let mut pair = clean(10).start();
    pair.world.run_for(Span::from_millis(12));
    let names = rows(&pair, false).iter().map(|report| report.cname.clone()).collect::<Vec<_>>();
    assert_eq!(names, [""]);
    assert_eq!(rows(&pair, true).len(), 1);
}

#[test]
fn the_interval_may_be_changed_while_running() {
    let mut pair = clean(10).start();
    pair.settle();
    pair.write(Span::from_secs(40));
    pair.world.run_for(Span::from_secs(5));
    for (interval, expected) in [(200, 50), (2500, 4), (1000, 10)] {
        for host in [pair.sender, pair.receiver] {
            let now = pair.world.local_time(host);
            pair.world.hosts[host].session.set_stats_interval(now, Some(Span::from_millis(interval)));
        }
        let before = (pair.got().flow_reports.len(), rows(&pair, false).len());
        pair.world.run_for(Span::from_secs(10));
        let (flow, data) = (pair.got().flow_reports.len() - before.0, rows(&pair, false).len() - before.1);
        assert!(flow.abs_diff(expected) <= 1 && data.abs_diff(expected) <= 1, "{interval}: {flow} and {data}");
        let received = pair.got().flow_reports.last().expect("a report").received;
        assert_eq!(received, u64::from(interval) / 5);
    }
}

#[test]
fn a_sender_reports_its_media_port_and_its_rtcp_port() {
    let mut pair = clean(10).start();
    pair.settle();
    pair.play();
    let (data, rtcp) = (rows(&pair, false), rows(&pair, true));
    assert_eq!(data.len(), rtcp.len());
    for (data, rtcp) in data.iter().zip(&rtcp) {
        assert_eq!(rtcp.peer.0, data.peer.0 + 1);
        assert_eq!((rtcp.retransmitted, rtcp.bandwidth), (0, 0));
    }
    let steady = data[5];
    assert_eq!((steady.sent, steady.sent_bytes >= 200 * 212), (200, true));
    assert_eq!(steady.cname, "simulated");
    assert!((9..=30).contains(&rtcp[5].sent), "{}", rtcp[5].sent);
}

#[test]
fn the_round_trip_is_told_to_the_millisecond() {
    for delay in [1, 25, 150] {
        let mut pair = clean(delay).start();
        pair.settle();
        pair.play();
        let rtt = f64::from(2 * delay);
        let flow = &pair.got().flow_reports[5];
        let data = rows(&pair, false)[6];
        let path = &flow.peers[0];
        for told in [path.rtt_ms, path.avg_rtt_ms, data.rtt_ms, data.avg_rtt_ms, f64::from(flow.rtt_ms)] {
            assert!((told - rtt).abs() <= 1.0, "{told} ms told of {rtt}");
        }
    }
}

#[test]
fn bit_rates_are_told_and_decay_to_nothing() {
    let mut setup = clean(10);
    setup.peer.session_timeout = Span::from_secs(60);
    setup.pattern = Pattern { smallest: 1316, largest: 1316, ..Pattern::every(2) };
    let mut pair = setup.start();
    pair.settle();
    pair.play();
    let rate = 1316.0 * 8.0 * 500.0;
    let flow = pair.got().flow_reports.iter().rev().find(|report| report.received == 500).expect("a full second");
    within(flow.bitrate as f64, rate, 0.05);
    within(flow.peers[0].bitrate as f64, rate, 0.05);
    within(flow.peers[0].avg_bitrate as f64, rate, 0.05);
    assert_eq!((flow.bitrate_retries, flow.bitrate_rejected), (0, 0));
    let data = rows(&pair, false).into_iter().rev().find(|report| report.sent == 500).expect("a full second");
    within(data.bandwidth as f64, rate, 0.05);
    assert_eq!(data.retry_bandwidth, 0);
    pair.world.run_for(Span::from_secs(15));
    assert_eq!(pair.got().flow_reports.last().expect("reports").bitrate, 0);
    assert_eq!(rows(&pair, false).last().expect("reports").bandwidth, 0);
}

#[test]
fn spacing_is_told_in_microseconds() {
    let mut pair = clean(10).start();
    pair.settle();
    pair.play();
    let report = &pair.got().flow_reports[5];
    for told in [report.min_inter_packet_us, report.avg_inter_packet_us, report.max_inter_packet_us] {
        assert!(told.abs_diff(5000) <= 1, "{told}");
    }
    assert_eq!(pair.got().flow_reports.last().expect("reports").max_inter_packet_us, 0);
}

#[test]
fn quality_is_perfect_without_loss_and_in_silence() {
    let mut pair = clean(10).start();
    pair.settle();
    pair.play();
    pair.world.run_for(Span::from_secs(5));
    assert!(pair.got().flow_reports.iter().all(|report| report.quality == 100.0));
    let answered = rows(&pair, false).into_iter().skip(1);
    assert!(answered.map(|report| report.quality).all(|quality| quality == 100.0));
}

#[test]
fn quality_is_what_came_without_being_asked_for() {
    let mut setup = clean(10);
    setup.paths = vec![Path::both(Link::lossy(0.1))];
    let mut pair = setup.start();
    pair.settle();
    pair.play();
    for report in pair.got().flow_reports.iter().filter(|report| report.received > 150) {
        let (received, missing) = (report.received as f64, f64::from(report.missing));
        within(report.quality, 100.0 * received / (received + missing), 0.0001);
        assert!((80.0..100.0).contains(&report.quality), "{}", report.quality);
    }
    let data = rows(&pair, false);
    let running = data.iter().filter(|report| report.retransmitted > 0);
    assert!(running.clone().count() >= 8);
    assert!(running.map(|report| report.quality).all(|quality| (75.0..99.0).contains(&quality)));
}

#[test]
fn recovered_packets_are_counted_by_the_requests_they_took() {
    let mut setup = clean(10);
    setup.paths = vec![Path::both(Link::lossy(0.2))];
    let mut pair = setup.buffer(1000).start();
    pair.settle();
    let stream = pair.play();
    pair.assert_counters(stream);
    let sum = |counter: usize| pair.got().flow_sum(|report| u64::from(report.recovered_by_retries[counter]));
    let by_requests = [0, 1, 2, 3, 4].map(sum);
    assert_eq!(by_requests.iter().sum::<u64>(), pair.got().flow_sum(|report| u64::from(report.recovered)));
    // Each further request is needed by 36 % of those that needed the one before.
    assert!(by_requests[0] > by_requests[1] && by_requests[1] > by_requests[2] && by_requests[2] > 0);
    let missing = pair.got().flow_sum(|report| u64::from(report.missing));
    let requested = pair.world.books.receptions[&(stream, pair.receiver)].fates.iter();
    assert_eq!(missing, requested.filter(|fate| fate.requests > 0).count() as u64);
}

#[test]
fn the_buffer_time_is_what_packets_waited() {
    let mut pair = clean(10).buffer(700).start();
    pair.settle();
    pair.play();
    assert!(pair.got().flow_reports[5].avg_buffer_ms.abs_diff(700) <= 1);
}
