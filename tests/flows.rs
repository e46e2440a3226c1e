//! Flows in the Main profile: where they begin, begin again and go on, and how their losses are counted.

#[path = "support/session.rs"]
mod session;

use rist::protocol::config::{PeerConfig, Profile, Role};
use rist::protocol::report::FlowReport;
use rist::protocol::session::{Media, SessionConfig};
use rist::protocol::time::Span;
use rist::wire::gre::Form;
use session::*;

/// A receiver that reports, and a caller in clear text.
fn receiver(config: PeerConfig) -> Side {
    let mut side = Side::receiver(config);
    side.session.set_stats_interval(side.now, Some(Span::from_millis(500)));
    side.introduce(stranger(1), FLOW);
    side
}

/// Packets 10 ms apart, each with the time of its sending.
fn play(side: &mut Side, seqs: std::ops::Range<u32>) {
    for seq in seqs {
        let timestamp = rtp_time(side);
        side.media(stranger(1), seq as u16, timestamp);
        keep_company(side, 10);
    }
}

/// Time passes, and the caller goes on answering echoes.
fn keep_company(side: &mut Side, ms: u32) {
    side.pass_ms(ms);
    side.answer_echoes(stranger(1), |answer| clear(Form::Reduced(FEEDBACK_PORTS), answer));
}

fn silence(side: &mut Side, ms: u32) {
    (0..ms / 10).for_each(|_| keep_company(side, 10));
}

fn rtp_time(side: &Side) -> u32 {
    rist::wire::clock::ntp_to_rtp(side.now.ticks(), 90_000)
}

fn sum(side: &Side, counter: impl Fn(&FlowReport) -> u64) -> u64 {
    side.reports.iter().map(counter).sum()
}

#[test]
fn silence_is_no_loss_and_a_gap_is_lost_in_full() {
    let mut side = receiver(settings());
    play(&mut side, 0..100);
    silence(&mut side, 10_000);
    play(&mut side, 100..200);
    silence(&mut side, 2000);
    assert_eq!((side.delivered.len(), sum(&side, |report| u64::from(report.lost))), (200, 0));
    play(&mut side, 250..350);
    silence(&mut side, 2000);
    assert_eq!((side.delivered.len(), sum(&side, |report| u64::from(report.lost))), (300, 50));
}

#[test]
fn octets_and_packets_add_up() {
    let mut side = receiver(settings());
    let mut octets = 0;
    for seq in 0..300u16 {
        let payload = vec![0x47; 1 + usize::from(seq) * 4];
        octets += payload.len() as u64;
        let timestamp = rtp_time(&side);
        side.hear(stranger(1), &clear(Form::Reduced(MEDIA_PORTS), &media(FLOW, seq, timestamp, &payload)));
        keep_company(&mut side, 10);
    }
    silence(&mut side, 2000);
    assert_eq!((sum(&side, |report| report.received), sum(&side, |report| report.received_bytes)), (300, octets));
    let paths = side.reports.iter().flat_map(|report| &report.peers);
    assert_eq!(paths.map(|peer| peer.received_data).sum::<u64>(), 300);
}

/// Packets of one burst have one time: their numbers tell them apart.
#[test]
fn packets_of_the_same_time_are_all_handed_out_and_copies_are_not() {
    let mut side = receiver(settings());
    for burst in 0..50u16 {
        let timestamp = rtp_time(&side);
        for seq in burst * 4..burst * 4 + 4 {
            side.media(stranger(1), seq, timestamp);
            side.media(stranger(1), seq, timestamp);
        }
        keep_company(&mut side, 20);
    }
    silence(&mut side, 2000);
    assert_eq!(side.numbers(), (0..200).collect::<Vec<_>>());
    assert_eq!(sum(&side, |report| u64::from(report.duplicates)), 200);
}

/// libRIST before 0.2.18 took the next number for an even one.
#[test]
fn a_loss_before_any_number_is_noticed_as_one() {
    for start in [0u16, 1, 2, 1000, 1001, 32766, 32767, 32768, 65533, 65534, 65535] {
        let mut side = receiver(settings());
        play(&mut side, u32::from(start)..u32::from(start) + 30);
        play(&mut side, u32::from(start) + 31..u32::from(start) + 60);
        silence(&mut side, 2000);
        let wanted = (0..60).filter(|step| *step != 30).map(|step| u32::from(start.wrapping_add(step)));
        assert_eq!(side.numbers(), wanted.collect::<Vec<_>>(), "from {start}");
        assert_eq!(sum(&side, |report| u64::from(report.lost)), 1);
    }
}

/// More packets than there are numbers are lost: the time says so, and nothing is asked for that is gone.
#[test]
fn a_stream_goes_on_after_70000_lost_packets() {
    let mut side = receiver(PeerConfig { session_timeout: Span::from_secs(60), ..settings() });
    let each = |side: &mut Side, seqs: std::ops::Range<u32>| {
        for seq in seqs {
            let timestamp = rtp_time(side);
            side.media(stranger(1), seq as u16, timestamp);
            if seq % 2 == 0 {
                keep_company(side, 1);
            }
        }
    };
    each(&mut side, 0..2000);
    silence(&mut side, 35_000);
    side.reports.clear();
    each(&mut side, 72_000..74_000);
    silence(&mut side, 3000);
    assert!(side.delivered.len() >= 3950, "{} of 4000", side.delivered.len());
    let asked = sum(&side, |report| u64::from(report.retries));
    // Of the last second before it goes on, at most twenty times.
    assert!(asked < 2000 * 20, "{asked} requests for what the sender has no more");
}

#[test]
fn a_burst_of_late_packets_does_not_upset_a_flow() {
    let mut side = receiver(settings());
    play(&mut side, 0..300);
    let old = rtp_time(&side).wrapping_sub(3 * 90_000);
    for round in 0..20 {
        for step in 0..50u32 {
            // Five times as many as are on time, all from before the buffer.
            side.media(stranger(1), step as u16, old.wrapping_add(step * 900));
        }
        play(&mut side, 300 + round * 10..310 + round * 10);
    }
    silence(&mut side, 2000);
    assert_eq!(side.numbers(), (0..500).collect::<Vec<_>>());
    // Libraries before said so for each.
    let told = side.lines.len();
    assert!(told < 60, "{told} lines");
}

/// One path is 15 seconds behind the other, and the flow begins again with whatever comes.
#[test]
fn a_flow_never_goes_back_to_what_a_slow_path_brings() {
    let mut side = receiver(PeerConfig { session_timeout: Span::from_secs(30), ..settings() });
    side.introduce(stranger(2), FLOW);
    let mut queue = std::collections::VecDeque::new();
    for seq in 0..4000u32 {
        let timestamp = rtp_time(&side);
        queue.push_back((side.now, seq, timestamp));
        // The quick path has an outage of two buffers, at which the flow has nothing but old packets.
        if !(2000..2200).contains(&seq) {
            side.media(stranger(1), seq as u16, timestamp);
        }
        while let Some((at, seq, timestamp)) = queue.front().copied()
            && side.now.since(at) >= Span::from_secs(15)
        {
            queue.pop_front();
            side.media(stranger(2), seq as u16, timestamp);
        }
        keep_company(&mut side, 10);
        side.answer_echoes(stranger(2), |answer| clear(Form::Reduced(FEEDBACK_PORTS), answer));
    }
    silence(&mut side, 2000);
    let numbers = side.numbers();
    let back = numbers.windows(2).find(|pair| pair[1] <= pair[0]);
    assert!(back.is_none(), "{back:?}");
    assert!(numbers.len() >= 3790, "{}", numbers.len());
    assert_eq!(numbers.last(), Some(&3999));
}

/// A sender that starts again has other numbers and another clock: its first packet counts.
#[test]
fn the_first_packet_after_each_of_ten_restarts_is_handed_out() {
    let mut pair = Pair::same(settings());
    pair.until(2000, Pair::connected).expect("a connection");
    pair.stream(100);
    for round in 0..10u32 {
        let mut fresh = Side::new(Role::Sender, Profile::Main, 100 + u64::from(round));
        // The clock of another boot.
        fresh.now = pair.caller.now + Span::from_secs(1000);
        std::mem::swap(&mut pair.caller, &mut fresh);
        pair.caller_id = pair.caller.call(SOCKET, listening_at(), settings());
        pair.caller_at = stranger(100 + round);
        pair.run(1500 + round * 37);
        pair.listener.delivered.clear();
        for number in 0..100u32 {
            pair.caller.write(&[number as u8; 188]);
            pair.run(10);
        }
        pair.run(1500);
        let first = pair.listener.delivered.first().map(|delivery| delivery.payload[0]);
        assert_eq!((first, pair.listener.delivered.len()), (Some(0), 100), "restart {round}");
    }
}

/// 100 Mbit/s for 30 seconds are 285,000 packets, and there are numbers for 65,536.
#[test]
fn a_buffer_of_more_packets_than_there_are_numbers_is_complained_of_once() {
    let thirty = Span::from_secs(30);
    let mut side = receiver(PeerConfig { buffer_min: thirty, buffer_max: thirty, ..settings() });
    let mut timestamp = rtp_time(&side);
    for seq in 0..80_000u32 {
        side.media(stranger(1), seq as u16, timestamp);
        timestamp = timestamp.wrapping_add(9);
        if seq % 10 == 9 {
            side.pass_ms(1);
        }
    }
    let told = side.has_said("65,536");
    assert!((1..=20).contains(&told), "{told} lines");
    assert!(side.delivered.len() > 10_000, "it hands out early rather than dropping");
}

/// The sender's clock leaps: the stream is neither held back nor thrown away.
#[test]
fn a_leap_of_the_senders_clock_is_over_within_a_buffer() {
    for leap in [-3_600_000i32, -4, 4, 3_600_000] {
        let mut side = receiver(settings());
        play(&mut side, 0..300);
        for seq in 300..700u32 {
            let timestamp = rtp_time(&side).wrapping_add_signed(leap.wrapping_mul(90));
            side.media(stranger(1), seq as u16, timestamp);
            keep_company(&mut side, 10);
        }
        let on_time = side.delivered.len();
        assert!(on_time >= 560, "{leap} ms: {on_time} of 600 that are due");
        silence(&mut side, 2000);
        assert!(side.delivered.len() >= 690, "{leap} ms: {}", side.delivered.len());
    }
}

/// What a sender remembers is bounded by its numbers, whatever its buffer and its rate are.
#[test]
fn a_sender_remembers_no_more_packets_than_it_has_numbers() {
    let config = SessionConfig { role: Role::Sender, profile: Profile::Main, flow_id: FLOW, seed: 3 };
    let mut side = Side::new(config.role, config.profile, config.seed);
    let hour = Span::from_secs(3600);
    side.call(SOCKET, listening_at(), PeerConfig { buffer_min: hour, buffer_max: hour, ..settings() });
    let before = rss_kb();
    for number in 0..2_000_000u32 {
        let payload = side.session.pool().copy(&[number as u8; 8]);
        let media = Media { payload, ts_ntp: None, seq: None, virt_src_port: 0, virt_dst_port: 0 };
        side.session.send(side.now, media).expect("a small packet");
        while side.session.poll_output().is_some() {}
    }
    let grown = rss_kb().saturating_sub(before);
    assert!(grown < 28 * 1024, "{grown} kB for 65,536 packets of 8 octets");
}

fn rss_kb() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").expect("Linux");
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).expect("a size");
    line.trim().trim_end_matches(" kB").parse().expect("a number")
}

/// Nobody answers requests: they end.
#[test]
fn requests_that_nobody_answers_end() {
    let mut side = receiver(settings());
    play(&mut side, 0..100);
    play(&mut side, 200..300);
    silence(&mut side, 3000);
    let queue = side.reports.last().map(|report| report.missing_queue);
    assert_eq!(queue, Some(0));
    let asked = sum(&side, |report| u64::from(report.retries));
    assert!((100..=100 * 20).contains(&asked), "{asked}");
    side.reports.clear();
    silence(&mut side, 1000);
    assert_eq!(sum(&side, |report| u64::from(report.retries)), 0);
}
