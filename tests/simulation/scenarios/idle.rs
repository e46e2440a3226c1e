//! What it costs to wait.

use crate::host::Clock;
use crate::network::Link;
use crate::pair::{Path, Setup, listen, receiver_config};
use crate::world::World;
use rist::protocol::config::PeerConfig;
use rist::protocol::time::Span;

#[test]
fn a_listener_without_callers_sleeps() {
    let mut world = World::new(1);
    let host = world.add_host(receiver_config(), Clock::default());
    listen(&mut world, host, 0, &PeerConfig::default());
    world.run_for(Span::from_secs(100));
    let record = &world.hosts[host].record;
    assert!(record.wakes <= 100, "{} wakes in 100 s", record.wakes);
    assert_eq!(record.datagrams_sent, 0);
}

#[test]
fn a_connection_without_media_costs_little_more_than_its_rtcp() {
    let mut pair = Setup::new(Path::both(Link::default())).start();
    pair.world.run_for(Span::from_secs(100));
    for host in [pair.sender, pair.receiver] {
        let record = &pair.world.hosts[host].record;
        // RTCP every 100 ms at most (TR-06-1 §5.2.1), and answers to the other side's echo requests.
        assert!((990..2_600).contains(&record.datagrams_sent), "host {host} sent {}", record.datagrams_sent);
        assert!(record.wakes <= 2_500, "host {host} woke {} times", record.wakes);
    }
}

#[test]
fn reports_come_at_their_interval() {
    let pair = Setup::new(Path::both(Link::default())).run();
    let seconds = pair.world.now.as_secs_f64() as usize;
    let reports = pair.got().flow_reports.len();
    assert!((seconds - 2..=seconds + 1).contains(&reports), "{reports} reports in {seconds} s");
}
