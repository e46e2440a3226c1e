//! The four promises: no duplicate, in order, nothing past its deadline, complete when recoverable.
//!
//! The first two are checked by the books at each delivery. Here: time, and what could have been saved.

use crate::books::{Fate, NEVER, PATHS};
use crate::pair::Setup;
use crate::world::World;
use rist::protocol::time::Span;

/// Rounding of clocks, timestamps and timers.
const TOLERANCE: Span = Span::from_millis(2);
/// What drift compensation may be behind or ahead.
const DRIFT_TOLERANCE: Span = Span::from_millis(20);
/// RTT, jitter and the sender's view of us are learnt first.
const LEARNING: Span = Span::from_millis(2000);
/// After so long a silence a path may be thought dead, until RTCP comes through again.
const SILENCE: Span = Span::from_millis(200);
const REVIVAL: Span = Span::from_millis(250);

/// What the network allows.
#[derive(Debug, Clone)]
pub(crate) struct Bounds {
    fastest: Span,
    slowest: Span,
    buffer_min: Span,
    buffer_max: Span,
    tolerance: Span,
    paths: usize,
    /// Longest wait between seeing a gap and the first request.
    first_request: Span,
    /// Longest way of a request and its answer.
    answer: Span,
    /// Longest wait between two requests for the same packet.
    repeat: Span,
    most_rounds: u32,
    /// Packets written in `from..to` need not arrive.
    pub(crate) excused: Vec<(Span, Span)>,
}

/// What the check found.
#[derive(Debug, Default)]
pub(crate) struct Verdict {
    pub(crate) written: u64,
    pub(crate) delivered: u64,
    /// Packets not delivered after the first that was.
    pub(crate) lost: u64,
    /// The same, before the last that was.
    pub(crate) holes: u64,
    pub(crate) violations: Vec<String>,
}

impl Verdict {
    #[track_caller]
    pub(crate) fn assert(&self, setup: &Setup) {
        assert!(
            self.violations.is_empty(),
            "seed {}: {} broken: {:#?}\n{setup:#?}",
            setup.seed,
            self.violations.len(),
            &self.violations[..self.violations.len().min(8)]
        );
    }

    fn violate(&mut self, what: String) {
        if self.violations.len() < 100 {
            self.violations.push(what);
        }
    }
}

impl Bounds {
    pub(crate) fn of(setup: &Setup) -> Self {
        let forth = || setup.paths.iter().map(|path| &path.forth);
        let back = || setup.paths.iter().map(|path| &path.back);
        let longest = |spans: &mut dyn Iterator<Item = Span>| spans.max().unwrap_or(Span::ZERO);
        let fastest = forth().map(|link| link.delay).min().unwrap_or(Span::ZERO);
        let slowest = longest(&mut forth().map(|link| link.slowest()));
        let answer = slowest + longest(&mut back().map(|link| link.slowest())) + Span::from_millis(10);
        let spread = longest(&mut forth().map(|link| link.spread())) + longest(&mut back().map(|link| link.spread()));
        let drift = setup.sender_clock.ppm != setup.receiver_clock.ppm;
        let rtt = answer.max(setup.peer.rtt_min);
        Self {
            fastest,
            slowest,
            buffer_min: setup.peer.buffer_min,
            buffer_max: setup.peer.buffer_max,
            tolerance: if drift { TOLERANCE + DRIFT_TOLERANCE } else { TOLERANCE },
            paths: setup.paths.len(),
            first_request: setup.peer.reorder_buffer.max(rtt.scaled(1, 2)) + Span::from_millis(10),
            answer,
            // 1.1 RTT as libRIST, and room for four mean deviations of a jittery path.
            repeat: rtt.scaled(11, 10) + spread.scaled(2, 1) + Span::from_millis(10),
            most_rounds: setup.peer.max_retries,
            excused: Vec::new(),
        }
    }

    pub(crate) fn check(&self, world: &World, stream: u32, receiver: usize) -> Verdict {
        let mut verdict = Verdict { violations: world.books.violations.clone(), ..Verdict::default() };
        let Some(written) = world.books.streams.get(&stream) else { return verdict };
        verdict.written = written.packets.len() as u64;
        let Some(reception) = world.books.receptions.get(&(stream, receiver)) else {
            verdict.violate("nothing arrived".to_owned());
            return verdict;
        };
        let Some(first) = reception.first else {
            verdict.violate("nothing was delivered".to_owned());
            return verdict;
        };
        verdict.delivered = reception.delivered;
        let learnt = written.packets[first as usize].at + LEARNING;

        // From the end, so that what later packets showed is known.
        let mut shown = [NEVER; PATHS];
        let mut later_delivered = false;
        for index in (first as usize..written.packets.len()).rev() {
            let at = written.packets[index].at;
            let fate = reception.fates.get(index).copied().unwrap_or_default();
            if fate.delivered == NEVER {
                verdict.lost += 1;
                verdict.holes += u64::from(later_delivered);
                if let Some(why) = self.avoidable(at, &fate, &shown, at >= learnt) {
                    verdict.violate(format!("packet {index}, written at {:.3} s: {why}", at.as_secs_f64()));
                }
            } else {
                later_delivered = true;
                let latency = fate.delivered - at;
                let (least, most) = (self.fastest + self.buffer_min, self.slowest + self.buffer_max);
                if latency > most + self.tolerance || latency < least - self.tolerance {
                    verdict.violate(format!(
                        "packet {index}, written at {:.3} s, delivered {:.3} ms later, not within {:.3} to {:.3}",
                        at.as_secs_f64(),
                        latency.as_millis_f64(),
                        least.as_millis_f64(),
                        most.as_millis_f64()
                    ));
                }
            }
            for (shown, seen) in shown.iter_mut().zip(fate.seen) {
                *shown = (*shown).min(seen);
            }
        }
        verdict
    }

    /// Why a packet that was not delivered should have been.
    fn avoidable(&self, written: Span, fate: &Fate, shown: &[Span; PATHS], learnt: bool) -> Option<String> {
        if self.excused.iter().any(|&(from, to)| from <= written && written < to) {
            return None;
        }
        let deadline = written + self.fastest + self.buffer_min - self.tolerance - Span::from_millis(3);
        let earliest = fate.earliest();
        if earliest <= deadline {
            let early = (deadline - earliest).as_millis_f64();
            return Some(format!("arrived {early:.1} ms before its deadline, yet not delivered"));
        }
        let rounds = if learnt { self.rounds(written, deadline, shown) } else { 0 };
        (fate.harm < rounds).then(|| {
            format!(
                "{rounds} rounds were possible, the network destroyed only {} datagrams \
                 ({} requests, {} retransmissions); arrived {} ms after the deadline",
                fate.harm,
                fate.requests,
                fate.repeats,
                if earliest == NEVER { "never".to_owned() } else { (earliest - deadline).as_millis().to_string() }
            )
        })
    }

    /// How many requests could have been made and answered in time.
    fn rounds(&self, written: Span, deadline: Span, shown: &[Span; PATHS]) -> u32 {
        let mut visible = shown[..self.paths].iter().copied().max().unwrap_or(NEVER);
        if visible == NEVER {
            return 0;
        }
        if visible - (written + self.slowest) > SILENCE {
            visible = visible + REVIVAL;
        }
        let left = deadline - (visible + self.first_request) - self.answer;
        if left < Span::ZERO {
            return 0;
        }
        (1 + (left.ticks() / self.repeat.ticks()) as u32).min(self.most_rounds)
    }
}
