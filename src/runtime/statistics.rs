//! Two periods of sender reports out of the one that a session keeps.

use crate::protocol::report::{SenderPeerReport, SplitReport};
use std::time::Duration;

/// libRIST's period when the application names none.
pub(super) const DEFAULT_INTERVAL: Duration = Duration::from_millis(1000);
/// A session makes reports no more often, whatever two periods have in common.
const SHORTEST_ROUND_MS: u64 = 20;

/// Gathers rounds of reports until a period is over.
#[derive(Debug)]
pub(super) struct Gathered {
    period: Duration,
    wanted: bool,
    /// Rounds that make a period, and those still to come.
    rounds: u64,
    left: u64,
    peers: Vec<SenderPeerReport>,
}

/// The per-peer reports and the whole-sender document.
#[derive(Debug)]
pub(super) struct Periods {
    pub(super) stats: Gathered,
    pub(super) sender: Gathered,
    /// Of the document.
    pub(super) split: Option<SplitReport>,
}

impl Periods {
    pub(super) fn new() -> Self {
        Self { stats: Gathered::new(), sender: Gathered::new(), split: None }
    }

    /// Adds what was split in a round that follows.
    pub(super) fn add_split(&mut self, round: SplitReport) {
        if self.sender.wanted {
            let before = self.split.unwrap_or_default();
            let (pairs, not_ts) = (before.pairs + round.pairs, before.not_ts + round.not_ts);
            self.split = Some(SplitReport { pairs, not_ts, ..round });
        }
    }

    /// Who listens. Returns how often the session is to report, `None`: never.
    pub(super) fn set_wanted(&mut self, stats: bool, sender: bool) -> Option<Duration> {
        self.stats.wanted = stats;
        self.sender.wanted = sender;
        self.round()
    }

    pub(super) fn set_stats_period(&mut self, period: Duration) -> Option<Duration> {
        self.stats.period = period;
        self.round()
    }

    pub(super) fn set_sender_period(&mut self, period: Duration) -> Option<Duration> {
        self.sender.period = period;
        self.round()
    }

    /// The longest round of which both periods are multiples.
    fn round(&mut self) -> Option<Duration> {
        let round = match (self.stats.period_ms(), self.sender.period_ms()) {
            (Some(stats), Some(sender)) => common_divisor(stats, sender).max(SHORTEST_ROUND_MS).min(stats).min(sender),
            (Some(only), None) | (None, Some(only)) => only,
            (None, None) => return None,
        };
        self.stats.count_in(round);
        self.sender.count_in(round);
        Some(Duration::from_millis(round))
    }
}

impl Gathered {
    fn new() -> Self {
        Self { period: DEFAULT_INTERVAL, wanted: false, rounds: 1, left: 1, peers: Vec::new() }
    }

    fn period_ms(&self) -> Option<u64> {
        self.wanted.then(|| u64::try_from(self.period.as_millis()).unwrap_or(u64::MAX).max(1))
    }

    fn count_in(&mut self, round_ms: u64) {
        self.rounds = self.period_ms().map_or(1, |period| ((period + round_ms / 2) / round_ms).max(1));
        // The first report comes with the next round, as libRIST's comes at once.
        self.left = 1;
    }

    /// Adds a round. Some: the period is over, this is what happened in it.
    pub(super) fn add(&mut self, round: &[SenderPeerReport]) -> Option<Vec<SenderPeerReport>> {
        if !self.wanted {
            return None;
        }
        for report in round {
            match self.peers.iter_mut().find(|sum| sum.peer == report.peer && sum.rtcp == report.rtcp) {
                Some(sum) => merge(sum, report),
                None => self.peers.push(report.clone()),
            }
        }
        self.left -= 1;
        if self.left > 0 {
            return None;
        }
        self.left = self.rounds;
        Some(std::mem::take(&mut self.peers))
    }
}

/// Counters add up; everything else is as last seen.
fn merge(sum: &mut SenderPeerReport, last: &SenderPeerReport) {
    let before = std::mem::replace(sum, last.clone());
    sum.leg = last.leg.clone().after(&before.leg);
    sum.sent += before.sent;
    sum.received += before.received;
    sum.retransmitted += before.retransmitted;
    sum.sent_bytes += before.sent_bytes;
    sum.retransmitted_bytes += before.retransmitted_bytes;
    sum.ts_nulls += before.ts_nulls;
    sum.bandwidth_skipped += before.bandwidth_skipped;
    sum.bloat_skipped += before.bloat_skipped;
    sum.retransmit_skipped += before.retransmit_skipped;
    // The same quotient as over one interval: sent in per cent of all that should have been.
    let skipped = u64::from(sum.bandwidth_skipped) + u64::from(sum.bloat_skipped) + u64::from(sum.retransmit_skipped);
    let all = sum.sent + skipped + sum.retransmitted;
    sum.quality = if all == 0 { 100.0 } else { (sum.sent as f64 * 10_000.0 / all as f64).trunc() / 100.0 };
}

fn common_divisor(a: u64, b: u64) -> u64 {
    if b == 0 { a } else { common_divisor(b, a % b) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::protocol::config::{Profile, SplitMode};
    use crate::protocol::output::PeerId;
    use crate::protocol::report::LegReport;

    fn report(peer: u32, sent: u64) -> SenderPeerReport {
        SenderPeerReport {
            peer: PeerId(peer),
            flow_id: 2,
            cname: String::new(),
            rtcp: false,
            profile: Profile::Simple,
            advanced_active: false,
            miface: String::new(),
            sent,
            received: 0,
            retransmitted: 0,
            sent_bytes: sent * 10,
            retransmitted_bytes: 0,
            ts_nulls: 0,
            bandwidth: sent,
            retry_bandwidth: 0,
            ts_nulls_bandwidth: 0,
            bandwidth_skipped: 0,
            bloat_skipped: 0,
            retransmit_skipped: 0,
            quality: 100.0,
            rtt_ms: 0.0,
            avg_rtt_ms: 0.0,
            retry_buffer_size: 0,
            leg: LegReport::default(),
        }
    }

    #[test]
    fn one_period_is_the_sessions_own() {
        let mut periods = Periods::new();
        assert_eq!(periods.set_wanted(false, false), None);
        assert_eq!(periods.set_wanted(true, false), Some(DEFAULT_INTERVAL));
        for sent in 1..5 {
            assert_eq!(periods.stats.add(&[report(1, sent)]), Some(vec![report(1, sent)]));
            assert_eq!(periods.sender.add(&[report(1, sent)]), None);
        }
    }

    #[test]
    fn what_was_split_adds_up_for_those_who_want_to_know() {
        let mut periods = Periods::new();
        let round = SplitReport { mode: SplitMode::Half, pairs: 2, not_ts: 1 };
        periods.add_split(round);
        assert_eq!(periods.split, None);
        periods.set_wanted(false, true);
        periods.add_split(round);
        periods.add_split(round);
        assert_eq!(periods.split, Some(SplitReport { mode: SplitMode::Half, pairs: 4, not_ts: 2 }));
    }

    #[test]
    fn two_periods_each_see_everything_once() {
        let mut periods = Periods::new();
        periods.set_wanted(true, true);
        periods.set_stats_period(Duration::from_millis(1000));
        assert_eq!(periods.set_sender_period(Duration::from_millis(300)), Some(Duration::from_millis(100)));
        let (mut stats, mut sender) = (Vec::new(), Vec::new());
        for _ in 0..31 {
            stats.extend(periods.stats.add(&[report(1, 1), report(2, 2)]));
            sender.extend(periods.sender.add(&[report(1, 1), report(2, 2)]));
        }
        let sent = |reports: &[Vec<SenderPeerReport>]| reports.iter().map(|all| all[1].sent).collect::<Vec<_>>();
        assert_eq!(sent(&stats), [2, 20, 20, 20]);
        assert_eq!(sent(&sender), [2, 6, 6, 6, 6, 6, 6, 6, 6, 6, 6]);
        assert_eq!(stats[1][0].bandwidth, 1);
    }
}
