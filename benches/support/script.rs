//! What happened to one side of a stream, to let it happen again to that side alone.

use super::end::{End, Step};
use super::kind::Kind;
use super::stream::{FILLING, GREETING, START, Stream};
use rist::protocol::config::Role;

pub(crate) struct Script {
    kind: Kind,
    role: Role,
    steps: Vec<Step>,
}

impl Script {
    /// Plays a whole stream, with so many packets after it has filled everything.
    pub(crate) fn record(kind: &Kind, role: Role, packets: usize) -> Self {
        let mut stream = Stream::new(kind);
        let mut steps = Vec::new();
        for number in 0..GREETING + FILLING + packets {
            let mut record = |end: &mut End, step: &Step| {
                steps.push(step.clone());
                end.work(step);
            };
            match role {
                Role::Sender => stream.step(number >= GREETING, record, End::work),
                Role::Receiver => stream.step(number >= GREETING, End::work, &mut record),
            }
        }
        Self { kind: *kind, role, steps }
    }

    /// The side with all its buffers full, and what comes then.
    pub(crate) fn filled(&self) -> (End, &[Step]) {
        let mut end = End::new(&self.kind, self.role, START);
        let (before, behind) = self.steps.split_at(GREETING + FILLING);
        before.iter().for_each(|step| end.work(step));
        (end, behind)
    }
}
