//! What must not happen, whatever comes in.

use super::*;
use crate::protocol::payload::Pool;

const START: Time = Time::from_ticks(1 << 62);
const A: PeerId = PeerId(1);
const B: PeerId = PeerId(3);

struct Bench {
    flow: Flow,
    numbers: Numbers,
    pool: Arc<Pool>,
    out: Vec<super::super::output::Delivery>,
}

impl Bench {
    fn new(numbers: Numbers, buffer: Span, kbps: u32) -> Self {
        let config = FlowConfig { recovery_depth: 16, ..testing::config(buffer) };
        let mut flow = Flow::new(2, config);
        for peer in [A, B] {
            testing::add_path(&mut flow, peer, Some(Span::from_millis(20)), kbps);
        }
        Self { flow, numbers, pool: Pool::new(), out: Vec::new() }
    }

    /// A packet written at `us` comes at `came`, microseconds after the start.
    fn packet(&mut self, came: u64, path: PeerId, seq: u32, us: u64) -> bool {
        self.come(came, path, seq, us, false)
    }

    fn repair(&mut self, came: u64, seq: u32, us: u64) -> bool {
        self.come(came, A, seq, us, true)
    }

    fn come(&mut self, came: u64, path: PeerId, seq: u32, us: u64, retransmit: bool) -> bool {
        let stamp = Stamp::Rtp { timestamp: (us * 9 / 100) as u32, rate: Some(90_000) };
        let arrival = testing::arrival(at(came), path, seq & self.numbers.mask(), self.numbers, stamp, &[7; 4]);
        self.flow.receive(&Arrival { retransmit, ..arrival }, &self.pool)
    }

    fn deliver(&mut self, us: u64) {
        self.flow.deliver(at(us), &mut self.out);
    }
}

fn at(us: u64) -> Time {
    START + Span::from_ticks(((us as i128) << 32).div_euclid(1_000_000) as i64)
}

#[test]
fn a_count_that_runs_ahead_of_a_full_ring_does_not_stop_the_flow() {
    let mut bench = Bench::new(Numbers::Short, Span::from_secs(10), 0);
    let mut seq = 0;
    let mut last = 0;
    for n in 0..80_000u64 {
        last = n * 100;
        assert!(bench.packet(last, A, seq, last));
        seq += 1;
        bench.deliver(last);
    }
    for _ in 0..3 {
        bench.flow.announced(at(last), A, seq);
    }
    bench.flow.announced(at(last), A, seq + 500);
    bench.deliver(last + 12_000_000);
    assert_eq!(bench.out.len(), 80_000);
}

#[test]
fn a_start_that_comes_late_pushes_nothing_out() {
    let mut bench = Bench::new(Numbers::Short, Span::from_secs(1), 0);
    for n in 0..500u64 {
        assert!(bench.packet(n * 1000, A, 1000 + n as u32, 1_000_000 + n * 1000));
    }
    for n in 0..100u64 {
        assert!(bench.packet(499_000, B, 900 + n as u32, 900_000 + n * 1000));
    }
    bench.deliver(10_000_000);
    assert_eq!(bench.out.len(), 600);
}

#[test]
fn a_path_that_was_away_for_long_costs_no_more_than_another() {
    let mut bench = Bench::new(Numbers::Long, Span::from_secs(1), 0);
    assert!(bench.packet(0, A, 0, 0));
    bench.packet(0, B, 0, 0);
    bench.deliver(2_000_000);
    let (seq, us) = (1_400_000_000, 9_000_000_000);
    assert!(bench.packet(us, A, seq, us));
    bench.packet(us, B, seq + 1, us);
    let looks = bench.flow.requests.looks;
    assert!(looks < 10_000, "{looks} positions looked at");
}

/// Ten thousand packets a second for two seconds, then an outage of a second.
fn after_an_outage(bench: &mut Bench) -> u64 {
    for n in 0..20_000u32 {
        let us = u64::from(n) * 100;
        bench.packet(us, A, n, us);
        bench.deliver(us);
    }
    bench.packet(3_000_000, A, 30_000, 3_000_000);
    3_000_000
}

#[test]
fn many_holes_do_not_cost_more_the_less_may_be_asked_for() {
    for (kbps, least) in [(0, 10_000), (8, 25), (100, 1400), (1000, 10_000)] {
        let mut bench = Bench::new(Numbers::Short, Span::from_secs(2), kbps);
        let mut us = after_an_outage(&mut bench);
        let (end, mut asked) = (us + 1_000_000, 0);
        while us < end {
            asked += bench.flow.due_requests(at(us)).iter().map(|(_, seqs)| seqs.len()).sum::<usize>();
            us = bench.flow.next_request().map_or(end, |next| next.since(START).as_micros() + 1).max(us + 1);
        }
        assert!(asked >= least, "{kbps}: {asked} requests");
        let looks = bench.flow.requests.looks;
        assert!(looks < 300_000, "{kbps}: {looks} looks for {asked} requests");
    }
}

#[test]
fn holes_that_wait_for_a_busy_sender_cost_little() {
    let mut bench = Bench::new(Numbers::Short, Span::from_secs(4), 0);
    let mut us = after_an_outage(&mut bench);
    let (end, mut next_repair, mut repaired) = (us + 2_000_000, us + 25_000, 20_000u32);
    while us < end {
        let next = bench.flow.next_request().map_or(end, |next| next.since(START).as_micros() + 1);
        us = next.max(us + 1).min(next_repair);
        if us >= next_repair {
            assert!(bench.repair(us, repaired, u64::from(repaired) * 100));
            repaired += 1;
            next_repair = us + 500;
        }
        bench.flow.due_requests(at(us));
    }
    let looks = bench.flow.requests.looks;
    assert!(looks < 600_000, "{looks} looks while {} repairs came", repaired - 20_000);
}

/// The application's callback does not return.
#[test]
fn what_nobody_takes_is_bounded_and_the_newest_stays() {
    let mut bench = Bench::new(Numbers::Short, Span::from_millis(50), 0);
    let most = bench.flow.buffer.max() as usize;
    let count = 4 * most as u32;
    for seq in 0..count {
        assert!(bench.packet(u64::from(seq) * 1000, A, seq, u64::from(seq) * 1000));
        assert!(bench.flow.ready.len() <= most);
    }
    bench.deliver(u64::from(count) * 1000 + 100_000);
    assert!((most..=2 * most).contains(&bench.out.len()));
    // It begins the flow: nothing came before it.
    assert!(bench.out[0].flow_start && bench.out[1..].iter().all(|delivery| !delivery.flow_start));
    assert!(bench.out.iter().all(|delivery| !delivery.discontinuity));
    assert_eq!(bench.out.last().expect("the newest").seq, (count - 1) & 0xFFFF);
}
