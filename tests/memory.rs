//! A bursty writer must not make the library grow: libRIST 0.2.7 frees at most nine old packets per wake-up, so bursts of a
//! hundred at 100 Mbit/s cost it 11 MB a second for ever (1.09 GB after 95 s).
//!
//! `BURSTY_SECONDS=95` plays as long as libRIST was measured.

mod runtime;

use rist::protocol::time::Span;
use runtime::{Link, context, free_port, options, packet, wait_until};
use std::time::{Duration, Instant};

const BURST: u32 = 100;
/// 100 Mbit/s in packets of 1316 octets.
const INTERVAL: Duration = Duration::from_nanos(BURST as u64 * 1316 * 80);

fn rss_mb() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").expect("status");
    let rss = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).expect("VmRSS");
    rss.trim().trim_end_matches(" kB").parse::<u64>().expect("kB") / 1024
}

/// Both sides with the default buffer of a second, in this process.
fn link() -> Link {
    use rist::protocol::config::Role;
    let (receiver, sender) = (context(Role::Receiver), context(Role::Sender));
    let port = free_port();
    let with_default_buffer = |url: String| {
        let mut options = options(&url);
        options.config.buffer_min = Span::from_millis(1000);
        options.config.buffer_max = Span::from_millis(1000);
        options
    };
    let listener = receiver.add_peer(with_default_buffer(format!("rist://@127.0.0.1:{port}"))).unwrap();
    let caller = sender.add_peer(with_default_buffer(format!("rist://127.0.0.1:{port}"))).unwrap();
    receiver.start().unwrap();
    sender.start().unwrap();
    Link { receiver, sender, port, listener, caller }
}

#[test]
fn bursts_do_not_make_the_library_grow() {
    let seconds = std::env::var("BURSTY_SECONDS").map_or(8, |text| text.parse().expect("a number of seconds"));
    let link = link();
    wait_until("a first packet", || {
        link.sender.write(packet(b"first")).unwrap();
        link.receiver.read(Duration::from_millis(10)).unwrap().is_some()
    });
    let begun = Instant::now();
    let mut samples = Vec::new();
    let (mut written, mut read) = (0u64, 0u64);
    std::thread::scope(|scope| {
        let reader = scope.spawn(|| {
            let mut read = 0;
            while link.receiver.read(Duration::from_millis(1500)).unwrap().is_some() {
                read += 1;
            }
            read
        });
        let payload = [0x47; 1316];
        let (mut next, mut sampled) = (begun, begun);
        while begun.elapsed() < Duration::from_secs(seconds) {
            for _ in 0..BURST {
                written += u64::from(link.sender.write(packet(&payload)).is_ok());
            }
            next += INTERVAL;
            std::thread::sleep(next.saturating_duration_since(Instant::now()));
            if sampled.elapsed() > Duration::from_millis(500) {
                sampled = Instant::now();
                samples.push(rss_mb());
            }
        }
        read = reader.join().expect("the reader");
    });
    println!("{written} packets written, {read} read; MB of both sides each half second: {samples:?}");
    assert!(read * 100 >= written * 99, "{read} of {written} packets came out");
    // Full after two seconds of history and one of recovery buffer.
    let full = samples.len() / 2;
    let (then, now) = (samples[full], samples[samples.len() - 1]);
    assert!(now <= then + 4, "from {then} MB to {now} MB: {samples:?}");
    assert!(now <= 60, "{now} MB");
    link.destroy();
}
