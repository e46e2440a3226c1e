//! What a program holds, seen again and again: kept as CSV, and judged.

use crate::support::load::{Holdings, holdings, process_time};
use std::fmt::Write as _;
use std::time::Duration;

/// What may be added between the first and the last quarter: 1 MiB.
pub(crate) const DRIFT_KB: i64 = 1024;

#[derive(Clone, Copy, Debug)]
pub(crate) struct Sample {
    pub(crate) at: Duration,
    pub(crate) held: Holdings,
    pub(crate) cpu: Duration,
    /// The machine stood still since the sample before.
    pub(crate) stalled: bool,
}

/// One program's, from the end of the warm-up on.
#[derive(Debug)]
pub(crate) struct Samples {
    pub(crate) name: String,
    pub(crate) all: Vec<Sample>,
}

impl Samples {
    pub(crate) fn new(name: String) -> Samples {
        Samples { name, all: Vec::new() }
    }

    pub(crate) fn take(&mut self, at: Duration, process: u32, stalled: bool) {
        self.all.push(Sample { at, held: holdings(process), cpu: process_time(process), stalled });
    }

    pub(crate) fn csv(&self) -> String {
        self.all.iter().fold(String::new(), |mut text, Sample { at, held, cpu, stalled }| {
            let Holdings { rss_kb, anonymous_kb, files, threads } = held;
            let (at, cpu) = (at.as_secs_f64(), cpu.as_secs_f64());
            let _ = writeln!(
                text,
                "{at:.1},{},{rss_kb},{anonymous_kb},{files},{threads},{cpu:.2},{}",
                self.name,
                u8::from(*stalled)
            );
            text
        })
    }

    /// Medians of the first and of the last quarter.
    pub(crate) fn quarters(&self, of: impl Fn(&Holdings) -> u64) -> (i64, i64) {
        let quarter = (self.all.len() / 4).max(1);
        let median = |samples: &[Sample]| {
            let mut values: Vec<i64> = samples.iter().map(|sample| of(&sample.held) as i64).collect();
            values.sort_unstable();
            values.get(values.len() / 2).copied().unwrap_or_default()
        };
        (median(&self.all[..quarter.min(self.all.len())]), median(&self.all[self.all.len().saturating_sub(quarter)..]))
    }

    /// The least and the greatest. A thread that works for others ends when a machine that stands still gives it nothing to do,
    /// so such moments do not count.
    pub(crate) fn range(&self, of: impl Fn(&Holdings) -> u64) -> (u64, u64) {
        let values = || self.all.iter().filter(|sample| !sample.stalled).map(|sample| of(&sample.held));
        (values().min().unwrap_or_default(), values().max().unwrap_or_default())
    }

    /// Processor time in percent of one processor.
    pub(crate) fn load(&self) -> f64 {
        match (self.all.first(), self.all.last()) {
            (Some(first), Some(last)) if last.at > first.at => {
                (last.cpu - first.cpu).as_secs_f64() / (last.at - first.at).as_secs_f64() * 100.0
            }
            _ => 0.0,
        }
    }

    /// What was added while the machine stood still, kB: whatever came meanwhile had to be kept, and the allocator keeps
    /// the room. It is added once, while a leak goes on.
    pub(crate) fn excused_kb(&self) -> i64 {
        let steps = self.all.windows(2).filter(|pair| pair[1].stalled);
        steps.map(|pair| (pair[1].held.rss_kb as i64 - pair[0].held.rss_kb as i64).max(0)).sum()
    }

    /// Everything that is not as it was.
    pub(crate) fn complaints(&self) -> Vec<String> {
        let mut found = Vec::new();
        let (first, last) = self.quarters(|held| held.rss_kb);
        let excused = self.excused_kb();
        if last - first - excused > DRIFT_KB {
            found.push(format!("{}: from {first} kB to {last} kB, of which {excused} kB in stalls", self.name));
        }
        for (what, (least, most)) in
            [("descriptors", self.range(|held| held.files as u64)), ("threads", self.range(|held| held.threads))]
        {
            if least != most {
                found.push(format!("{}: {least} to {most} {what}", self.name));
            }
        }
        found
    }
}

fn samples(values: impl Iterator<Item = Holdings>) -> Samples {
    let seen = |(second, held)| {
        let (at, cpu) = (Duration::from_secs(second), Duration::from_millis(second * 100));
        Sample { at, held, cpu, stalled: false }
    };
    Samples { name: "program".to_owned(), all: (0..).zip(values).map(seen).collect() }
}

const USUAL: Holdings = Holdings { rss_kb: 9000, anonymous_kb: 4000, threads: 3, files: 9 };

#[test]
fn what_stays_as_it_is_is_fine() {
    let wobbling = samples((0..100).map(|second| Holdings { rss_kb: 9000 + second % 7 * 300, ..USUAL }));
    assert_eq!(wobbling.complaints(), Vec::<String>::new());
    assert!((wobbling.load() - 10.0).abs() < 0.01);
}

#[test]
fn growth_a_lost_descriptor_and_a_thread_are_complained_of() {
    // A megabyte and a half in all: 1.1 from quarter to quarter.
    let growing = samples((0..100).map(|second| Holdings { rss_kb: 9000 + second * 16, ..USUAL }));
    assert_eq!(growing.complaints().len(), 1);
    let leaking = samples((0..100).map(|second| Holdings { files: 9 + usize::from(second > 50), ..USUAL }));
    assert_eq!(leaking.complaints().len(), 1);
    let spawning = samples((0..100).map(|second| Holdings { threads: 3 + u64::from(second == 50), ..USUAL }));
    assert_eq!(spawning.complaints().len(), 1);
    let mut stalled = spawning;
    stalled.all[50].stalled = true;
    assert_eq!(stalled.complaints(), Vec::<String>::new());
}

#[test]
fn a_step_is_excused_when_the_machine_stood_still_and_a_leak_is_not() {
    let mut step = samples((0..100).map(|second| Holdings { rss_kb: 9000 + u64::from(second >= 50) * 3000, ..USUAL }));
    assert_eq!(step.complaints().len(), 1);
    step.all[50].stalled = true;
    assert_eq!(step.complaints(), Vec::<String>::new());
    let mut growing = samples((0..100).map(|second| Holdings { rss_kb: 9000 + second * 20, ..USUAL }));
    (0..100).step_by(10).for_each(|place| growing.all[place].stalled = true);
    assert_eq!(growing.complaints().len(), 1);
}
