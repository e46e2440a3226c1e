//! One world of a cell, played and measured.

use super::cell::{Cell, SETTLE};
use super::optimum::Best;
use crate::books::{Fate, NEVER, PATHS, Written};
use crate::pair::{Pair, Setup};
use rist::protocol::time::Span;

/// What happened to the packets that are judged.
#[derive(Debug, Default, Clone, PartialEq)]
pub(super) struct Outcome {
    pub(super) written: u64,
    /// No copy of the first transmission came.
    pub(super) dropped: u64,
    /// Not delivered.
    pub(super) lost: u64,
    /// What the best receiver would have lost, on average.
    pub(super) optimum: f64,
    /// Retransmissions sent, and what the best receiver would have caused.
    pub(super) repeats: u64,
    pub(super) best_repeats: f64,
    /// Sequence numbers asked for.
    pub(super) requests: u64,
    /// Datagrams with requests, from the end of the warm-up on.
    pub(super) nacks: u64,
    /// Retransmissions that came although the packet was there.
    pub(super) needless: u64,
    /// Delivery after writing, less the shortest way and the buffer, µs.
    pub(super) errors: Vec<i32>,
    /// Broken invariants.
    pub(super) violations: Vec<String>,
}

/// Plays world `number`, with settings that `change` may make worse.
pub(super) fn play(cell: &Cell, number: u32, change: fn(&mut Setup)) -> Outcome {
    let mut setup = cell.setup(number);
    change(&mut setup);
    let mut pair = setup.start();
    pair.world.run_for(SETTLE);
    let begun = pair.world.now;
    let stream = pair.write(pair.setup.length);
    pair.world.run_for(cell.warm_up());
    let before = pair.got().nacks_sent;
    pair.world.run_for(pair.setup.length - cell.warm_up());
    let rest = pair.setup.peer.buffer_max + slowest(&pair.setup) + Span::from_millis(100);
    pair.world.run_for(rest);
    // A path is not heard before it has answered an echo, and at 40 % loss, there and back, that can take longer than
    // all preparations: connecting, which is not judged here. Then its RTT and its rhythm are learnt.
    let answered = |path| pair.world.books.answered_by.get(&(pair.receiver, path)).copied().unwrap_or(pair.world.now);
    let connected = (0..pair.setup.paths.len()).map(answered).max().unwrap_or(begun).max(begun);
    let from = (begun + cell.warm_up()).max(connected + cell.warm_up().scaled(1, 2));
    let judged = (from, begun + pair.setup.length - cell.tail());
    let mut outcome = measure(&pair, stream, judged);
    outcome.nacks = pair.got().nacks_sent - before;
    outcome.violations = pair.bounds().learnt_after(from - begun).check(&pair.world, stream, pair.receiver).violations;
    outcome
}

fn slowest(setup: &Setup) -> Span {
    setup.paths.iter().map(|path| path.forth.slowest()).max().unwrap_or(Span::ZERO)
}

fn measure(pair: &Pair, stream: u32, (from, to): (Span, Span)) -> Outcome {
    let paths = &pair.setup.paths;
    let mut best = Best::new(paths);
    let shortest = paths.iter().map(|path| path.forth.delay).min().unwrap_or(Span::ZERO);
    let buffer = shortest + pair.setup.peer.buffer_max;
    let mut outcome = Outcome::default();
    let packets = &pair.world.books.streams[&stream].packets;
    let fates = pair.world.books.receptions.get(&(stream, pair.receiver)).map_or(&[][..], |r| &r.fates);
    // From the end, so that it is known when the first later packet came.
    let mut shown = NEVER;
    // When the next packet that came by itself is due.
    let mut deadline = packets.last().map_or(Span::ZERO, |last| last.at) + buffer;
    for (index, &Written { at, .. }) in packets.iter().enumerate().rev() {
        let fate = fates.get(index).copied().unwrap_or_default();
        let seen = fate.seen.into_iter().min().unwrap_or(NEVER);
        if from <= at && at < to {
            outcome.count(&fate, at + buffer);
            if seen > deadline {
                let prospect = best.prospect(best.known(at, fate.carriers, shown), deadline);
                outcome.optimum += prospect.lost;
                outcome.best_repeats += prospect.repeats;
            }
        }
        if seen <= at + buffer {
            deadline = at + buffer;
        }
        shown = shown.min(seen);
    }
    outcome
}

impl Outcome {
    /// Of a world that could not be played to its end.
    pub(super) fn panicked() -> Self {
        Self { violations: vec!["panicked".to_owned()], ..Self::default() }
    }

    fn count(&mut self, fate: &Fate, due: Span) {
        self.written += 1;
        self.dropped += u64::from(fate.seen == [NEVER; PATHS]);
        self.repeats += u64::from(fate.repeats);
        self.requests += u64::from(fate.requests);
        self.needless += u64::from(fate.needless);
        if fate.delivered == NEVER {
            self.lost += 1;
        } else {
            let error = fate.delivered - due;
            self.errors.push((error.as_millis_f64() * 1000.0) as i32);
        }
    }
}
