//! The four promises: no duplicate, in order, nothing past its deadline, complete when recoverable.
//!
//! The first two are checked by the books at each delivery. Here: time, and what could have been saved.

use crate::books::{Fate, NEVER, PATHS};
use crate::pair::Setup;
use crate::world::World;
use rist::protocol::config::Profile;
use rist::protocol::time::Span;

/// Rounding of clocks, timestamps and timers.
const TOLERANCE: Span = Span::from_millis(2);
/// What drift compensation may be behind or ahead.
const DRIFT_TOLERANCE: Span = Span::from_millis(20);
/// What a clock that is found out is ahead by, where the network is at its worst.
const WATCHED_TOLERANCE: Span = Span::from_millis(15);
/// What learning takes when the setup does not say otherwise.
const LEARNING: Span = Span::from_millis(2000);
/// How late a repair may come that nothing waits behind, or a tenth of the buffer.
const LATE_REPAIR: Span = Span::from_millis(20);
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
    /// What timestamps count has to be found out first: until then packets are placed by their arrival, and by each other.
    watches: bool,
    /// RTT, jitter and the sender's view of us are learnt first.
    learning: Span,
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
    /// Packets not delivered between the first and the last that were.
    pub(crate) lost: u64,
    /// The latest of them.
    pub(crate) example: Option<usize>,
    /// The same, but not where the flow ended and began anew.
    pub(crate) holes: u64,
    /// Packets not delivered after the last that was: nothing came to show that they are missing.
    pub(crate) tail: u64,
    /// How often the flow began anew.
    pub(crate) starts: u64,
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

    /// Nothing was lost but, at most, some packets before the first that came and after the last.
    #[track_caller]
    pub(crate) fn assert_complete(&self) {
        assert_eq!(self.lost, 0, "of {} packets, for example {:?}", self.written, self.example);
        self.assert_ends();
    }

    /// The stream was followed from its beginning to its end.
    #[track_caller]
    pub(crate) fn assert_ends(&self) {
        let before = self.written - self.delivered - self.lost - self.tail;
        assert!(before <= 5 && self.tail <= 5, "{before} packets before the first and {} after the last", self.tail);
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
            watches: setup.profile == Profile::Advanced && setup.receiver_profile.is_none(),
            learning: LEARNING,
            first_request: setup.peer.reorder_buffer.max(rtt.scaled(1, 2)) + Span::from_millis(10),
            answer,
            // 1.1 RTT as libRIST, and room for four mean deviations of a jittery path.
            repeat: rtt.scaled(11, 10) + spread.scaled(2, 1) + Span::from_millis(10),
            most_rounds: setup.peer.max_retries,
            excused: Vec::new(),
        }
    }

    /// For timing modes whose latency does not begin with the link's delay.
    pub(crate) fn released_after_delay_of(self, fastest: Span) -> Self {
        Self { fastest, ..self }
    }

    /// For short worlds: everything is learnt after so long a time of media.
    pub(crate) fn learnt_after(self, learning: Span) -> Self {
        Self { learning, ..self }
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
        let learnt = written.packets[first as usize].at + self.learning;

        // What a receiver can know of a packet that did not come: its neighbours that did.
        let seen = |index: usize| reception.fates.get(index).is_some_and(|fate| fate.seen != [NEVER; PATHS]);
        let mut earlier = Vec::with_capacity(written.packets.len());
        let mut last_seen = first as usize;
        for index in 0..written.packets.len() {
            earlier.push(last_seen);
            last_seen = if seen(index) { index } else { last_seen };
        }
        let mut later = None;

        // From the end, so that what later packets showed is known.
        let mut shown = [NEVER; PATHS];
        // The next packet that was delivered, and the latest moment for it.
        let mut next: Option<(Fate, Span)> = None;
        for index in (first as usize..written.packets.len()).rev() {
            let at = written.packets[index].at;
            let fate = reception.fates.get(index).copied().unwrap_or_default();
            if fate.delivered == NEVER {
                verdict.lost += u64::from(next.is_some());
                verdict.tail += u64::from(next.is_none());
                verdict.example = verdict.example.or(next.map(|_| index));
                verdict.holes += u64::from(next.is_some_and(|(next, _)| !next.starts_flow));
                // A flow that ended and begins anew does not ask for what was before.
                let guess = later.map_or(at, |later: usize| {
                    let (from, to) = (written.packets[earlier[index]].at, written.packets[later].at);
                    let (step, steps) = (index - earlier[index], later - earlier[index]);
                    from + (to - from).scaled(step as i64, steps.max(1) as i64)
                });
                if next.is_none_or(|(next, _)| !next.starts_flow)
                    && let Some(why) = self.avoidable(at, guess.min(at), &fate, &shown, at >= learnt)
                {
                    verdict.violate(format!("packet {index}, written at {:.3} s: {why}", at.as_secs_f64()));
                }
            } else {
                let latency = fate.delivered - at;
                let (least, most) = (self.fastest + self.buffer_min, self.slowest + self.buffer_max);
                // A repair may come until its successor is due: what it fills is a hole only then.
                let filled = next.filter(|_| fate.repeats > 0).map(|(_, latest)| latest);
                // Before a path has answered an echo nothing is handed out, and the network may destroy each answer.
                let trust = if at < learnt { self.learning } else { Span::ZERO };
                let answered = world.books.answered.get(&receiver).copied().unwrap_or(Span::ZERO);
                let own = (at + most + trust).max(if at < answered { answered } else { Span::ZERO }) + self.tolerance;
                // After the last packet nothing is due: its repair may come as late as any.
                let late = LATE_REPAIR.max(self.buffer_max.scaled(1, 10));
                let last = own + if next.is_none() && fate.repeats > 0 { late } else { Span::ZERO };
                let latest = filled.map_or(last, |filled| filled.max(own));
                let allowed = if self.watches { self.tolerance + WATCHED_TOLERANCE } else { self.tolerance };
                let early = latency < least - allowed && !(self.watches && at < learnt);
                if fate.delivered > latest || early {
                    verdict.violate(format!(
                        "packet {index}, written at {:.3} s, delivered {:.3} ms later, not within {:.3} to {:.3}",
                        at.as_secs_f64(),
                        latency.as_millis_f64(),
                        least.as_millis_f64(),
                        (latest - at).as_millis_f64()
                    ));
                }
                next = Some((fate, latest));
                verdict.starts += u64::from(fate.starts_flow);
            }
            later = if seen(index) { Some(index) } else { later };
            for (shown, seen) in shown.iter_mut().zip(fate.seen) {
                *shown = (*shown).min(seen);
            }
        }
        verdict
    }

    /// Why a packet that was not delivered should have been.
    /// The receiver can only `guess` when it was written.
    fn avoidable(
        &self,
        written: Span,
        guess: Span,
        fate: &Fate,
        shown: &[Span; PATHS],
        learnt: bool,
    ) -> Option<String> {
        if self.excused.iter().any(|&(from, to)| from <= written && written < to) {
            return None;
        }
        let deadline = written + self.fastest + self.buffer_min - self.tolerance - Span::from_millis(3);
        let earliest = fate.earliest();
        // Of several paths, those that have not answered an echo yet are not heard.
        if earliest <= deadline && (learnt || self.paths == 1) {
            let early = (deadline - earliest).as_millis_f64();
            return Some(format!("arrived {early:.1} ms before its deadline, yet not delivered"));
        }
        let rounds = if learnt { self.rounds(written, deadline - (written - guess), shown) } else { 0 };
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::network::Link;
    use crate::pair::Path;

    /// 100 packets, one per 10 ms, over a link of 10 ms with a buffer of 500 ms; packet 20 meets `fate`.
    fn world_with(fate: Fate) -> (Bounds, World) {
        let mut setup = Setup::new(Path::both(Link::delayed(10))).buffer(500);
        setup.peer.max_retries = 10;
        let mut world = World::new(1);
        for index in 0..100 {
            let at = Span::from_secs(10) + Span::from_millis(index * 10);
            world.books.wrote(1, at, 100, 0);
            let reception = world.books.reception(1, 0);
            reception.first = Some(0);
            let arrival = at + Span::from_millis(10);
            *reception.fate(index) = match index {
                20 => fate,
                _ => Fate {
                    arrived: [arrival, NEVER, NEVER, NEVER],
                    seen: [arrival, NEVER, NEVER, NEVER],
                    delivered: arrival + Span::from_millis(500),
                    ..Fate::default()
                },
            };
        }
        // Everything is learnt before the packet in question.
        world.books.streams.entry(1).or_default().packets[0].at = Span::from_secs(1);
        world.books.reception(1, 0).fate(0).delivered = Span::from_secs(1) + Span::from_millis(510);
        (Bounds::of(&setup), world)
    }

    #[track_caller]
    fn complaints(fate: Fate) -> Vec<String> {
        let (bounds, world) = world_with(fate);
        bounds.check(&world, 1, 0).violations
    }

    const WRITTEN: Span = Span::from_millis(10_200);

    fn delivered_after(ms: u32) -> Fate {
        let arrival = WRITTEN + Span::from_millis(10);
        Fate { arrived: [arrival; PATHS], delivered: WRITTEN + Span::from_millis(ms), ..Fate::default() }
    }

    #[test]
    fn a_delivery_in_its_time_is_accepted() {
        assert_eq!(complaints(delivered_after(510)), Vec::<String>::new());
    }

    #[test]
    fn early_and_late_deliveries_are_caught() {
        assert_eq!(complaints(delivered_after(514)).len(), 1);
        assert_eq!(complaints(delivered_after(506)).len(), 1);
    }

    #[test]
    fn a_packet_that_came_in_time_must_be_delivered() {
        assert_eq!(complaints(Fate { delivered: NEVER, ..delivered_after(0) }).len(), 1);
        let late = WRITTEN + Span::from_millis(600);
        assert!(complaints(Fate { arrived: [late; PATHS], harm: 50, ..Fate::default() }).is_empty());
    }

    #[test]
    fn a_lost_packet_must_have_been_destroyed_as_often_as_it_could_be_asked_for() {
        assert_eq!(complaints(Fate { harm: 1, ..Fate::default() }).len(), 1);
        assert_eq!(complaints(Fate { harm: 9, ..Fate::default() }).len(), 1);
        assert!(complaints(Fate { harm: 10, ..Fate::default() }).is_empty());
    }

    #[test]
    fn excused_packets_need_not_arrive() {
        let (mut bounds, world) = world_with(Fate::default());
        assert_eq!(bounds.check(&world, 1, 0).violations.len(), 1);
        bounds.excused.push((WRITTEN, WRITTEN + Span::from_millis(1)));
        assert!(bounds.check(&world, 1, 0).violations.is_empty());
        assert_eq!(bounds.check(&world, 1, 0).holes, 1);
    }
}
