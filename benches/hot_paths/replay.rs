//! Times a side of a stream, whose buffers are full, again and again.

use crate::support::end::{End, Step};
use crate::support::script::Script;
use std::hint::black_box;
use std::time::{Duration, Instant};

/// So many packets at a time, to read the clock seldom.
const TOGETHER: usize = 8;

#[derive(Clone, Copy, PartialEq)]
pub(crate) enum Part {
    All,
    Receive,
    PlayOut,
}

pub(crate) struct Replay<'a> {
    script: &'a Script,
    part: Part,
    end: End,
    steps: &'a [Step],
}

impl<'a> Replay<'a> {
    pub(crate) fn new(script: &'a Script, part: Part) -> Self {
        let (end, steps) = script.filled();
        Self { script, part, end, steps }
    }

    /// The time that `part` of the work takes for so many packets.
    pub(crate) fn time(&mut self, packets: u64) -> Duration {
        let mut left = packets as usize;
        let mut total = Duration::ZERO;
        while left > 0 {
            if self.steps.is_empty() {
                *self = Self::new(self.script, self.part);
            }
            let (now, later) = self.steps.split_at(TOGETHER.min(left).min(self.steps.len()));
            total += time(&mut self.end, self.part, now);
            left -= now.len();
            self.steps = later;
        }
        total
    }
}

fn time(end: &mut End, part: Part, steps: &[Step]) -> Duration {
    // The system has just copied the datagrams: they are in the processor's cache.
    for datagram in steps.iter().flat_map(|step| &step.arrivals) {
        black_box(datagram.bytes.iter().fold(0u8, |sum, octet| sum ^ octet));
    }
    if part == Part::All {
        return timed(|| steps.iter().for_each(|step| end.work(step)));
    }
    let receive = timed(|| steps.iter().for_each(|step| end.receive(step)));
    let play_out = timed(|| steps.last().into_iter().for_each(|step| end.play_out(step.now)));
    if part == Part::Receive { receive } else { play_out }
}

fn timed(work: impl FnOnce()) -> Duration {
    let began = Instant::now();
    work();
    began.elapsed()
}
