//! Times a side of a stream in as many rounds as the stream has to be begun anew.

use crate::support::end::{End, Step};
use crate::support::script::Script;
use std::time::{Duration, Instant};

/// So many packets at a time, to read the clock seldom.
const TOGETHER: usize = 8;

#[derive(Clone, Copy, PartialEq)]
pub(crate) enum Part {
    All,
    Receive,
    PlayOut,
}

/// The time that `part` of the work takes for so many packets, with all buffers full.
pub(crate) fn time(script: &Script, part: Part, packets: u64) -> Duration {
    let mut left = packets as usize;
    let mut total = Duration::ZERO;
    while left > 0 {
        let (mut end, steps) = script.filled();
        let steps = &steps[..steps.len().min(left)];
        total += match part {
            Part::All => timed(|| steps.iter().for_each(|step| end.work(step))),
            _ => steps.chunks(TOGETHER).map(|steps| time_part(&mut end, part, steps)).sum(),
        };
        left -= steps.len();
    }
    total
}

fn time_part(end: &mut End, part: Part, steps: &[Step]) -> Duration {
    let receive = timed(|| steps.iter().for_each(|step| end.receive(step)));
    let play_out = timed(|| steps.last().into_iter().for_each(|step| end.play_out(step.now)));
    if part == Part::Receive { receive } else { play_out }
}

fn timed(work: impl FnOnce()) -> Duration {
    let began = Instant::now();
    work();
    began.elapsed()
}
