//! Blocks as applications write them in the Advanced profile: large ones, numbered ones, the last ones before the end.

use crate::network::Link;
use crate::pair::{Pair, Path, Setup};
use crate::workload::Pattern;
use rist::protocol::output::Error;
use rist::protocol::session::Media;
use rist::protocol::time::Span;
use rist::wire::advanced::is_candidate;

fn setup(link: Link) -> Setup {
    let mut setup = Setup::new(Path::both(link)).advanced();
    setup.peer.advanced.fragment_size = 1400;
    setup
}

fn write(pair: &mut Pair, length: usize, seq: Option<u32>) -> Result<usize, Error> {
    let now = pair.world.local_time(pair.sender);
    let session = &mut pair.world.hosts[pair.sender].session;
    let payload = session.pool().copy(&vec![7; length]);
    let written = session.send(now, Media { payload, ts_ntp: None, seq, virt_src_port: 0, virt_dst_port: 0 });
    pair.world.drain(pair.sender);
    written
}

/// Twenty thousand octets every ten milliseconds. Returns how many blocks were refused.
fn write_large(pair: &mut Pair, blocks: usize) -> usize {
    let mut refused = 0;
    for _ in 0..blocks {
        refused += usize::from(write(pair, 20_000, None).is_err());
        pair.world.run_for(Span::from_millis(10));
    }
    refused
}

#[test]
fn large_blocks_are_written_whether_somebody_is_there_or_not() {
    let mut outage = Link::delayed(10);
    outage.outages = vec![(Span::from_secs(3), Span::from_secs(8))];
    for reversed in [false, true] {
        let mut pair = Setup { reversed, ..setup(outage.clone()) }.start();
        // From the very first moment.
        assert_eq!(write_large(&mut pair, 200), 0, "reversed: {reversed}");
        assert_eq!(write_large(&mut pair, 600), 0, "with nobody there, reversed: {reversed}");
        pair.world.run_for(Span::from_secs(4));
        let received = |pair: &Pair| pair.got().flow_sum(|report| report.received);
        let before = received(&pair);
        assert_eq!(write_large(&mut pair, 100), 0, "afterwards, reversed: {reversed}");
        pair.finish();
        assert!(received(&pair) >= before + 100 * 15, "reversed: {reversed}");
    }
}

/// Numbers of the application's are those of its blocks: fragments would take those of the next ones.
#[test]
fn blocks_that_the_application_numbers_are_not_fragmented() {
    let mut setup = setup(Link::lossy(0.01));
    setup.peer.advanced.fragment_size = 500;
    let mut pair = setup.start();
    pair.world.run_for(Span::from_secs(2));
    assert_eq!(write(&mut pair, 20_000, Some(1)), Err(Error::InvalidArgument));
    let pattern = Pattern { first_seq: Some(70_000), smallest: 1316, largest: 1316, ..Pattern::default() };
    let stream = pair.world.write_for(pair.sender, Span::from_secs(5), pattern);
    pair.world.run_for(Span::from_secs(5));
    pair.finish();
    let verdict = pair.verdict(stream);
    assert!(verdict.delivered >= 990 && verdict.lost == 0, "{verdict:?}");
}

/// An application that writes and leaves: what waits for the other side's word is not forgotten.
#[test]
fn what_waits_is_sent_at_the_end() {
    let mut pair = setup(Link::delayed(100)).start();
    pair.world.wire = Some(Vec::new());
    (0..50).for_each(|_| assert_eq!(write(&mut pair, 1316, None), Ok(1316)));
    pair.world.run_for(Span::from_millis(50));
    let media = |pair: &Pair| {
        let wire = pair.world.wire.iter().flatten();
        wire.filter(|sent| sent.host == pair.sender && sent.bytes.len() > 1316 && !is_candidate(&sent.bytes)).count()
    };
    assert_eq!(media(&pair), 0);
    let now = pair.world.local_time(pair.sender);
    pair.world.hosts[pair.sender].session.close(now);
    pair.world.drain(pair.sender);
    assert_eq!(media(&pair), 50);
}
