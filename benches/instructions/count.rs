//! What is counted: one side of a stream, once all buffers are full.

use crate::support::end::{End, Step};
use crate::support::kind::KINDS;
use crate::support::stream::Stream;

pub(crate) const PACKETS: u64 = 5000;
/// Callgrind counts inside this function only.
pub(crate) const COUNTED: &str = "*::count::counted*";

/// Never inlined, and never called for what is not to be counted.
#[inline(never)]
fn counted(end: &mut End, step: &Step) {
    end.work(step);
}

pub(crate) fn run(kind: &str, role: &str) {
    #[cfg(target_arch = "x86_64")]
    assert!(
        is_x86_feature_detected!("aes"),
        "valgrind shows no AES instructions: other code than usual would be counted"
    );
    let kind = KINDS.iter().find(|known| known.name == kind).expect("a known kind of stream");
    let mut stream = Stream::new(kind);
    stream.fill();
    let (delivered, holes, lost) = (stream.receiver.delivered, stream.receiver.holes, stream.lost);
    for _ in 0..PACKETS {
        match role {
            "sender" => stream.step(true, counted, End::work),
            _ => stream.step(true, End::work, counted),
        }
    }
    // A stream that does not flow, or loses more or less than meant, would be counted as a quick one.
    let delivered = stream.receiver.delivered - delivered;
    assert!(delivered.abs_diff(PACKETS) <= 10, "{delivered} packets came out");
    assert_eq!(stream.receiver.holes, holes, "every loss is repaired");
    let lost = (stream.lost - lost) as f64 / PACKETS as f64;
    assert!((lost - kind.loss).abs() < 0.01, "{lost} of the datagrams were lost");
}
