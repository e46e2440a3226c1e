//! What the best receiver would lose in the same world.
//!
//! In plain words. The first transmissions meet the fate that they met in the world that was played. A packet of which no
//! copy came is a hole. It can be known as one when a later packet has come by any path, and not before it could have come
//! itself by the quickest path that it was sent on. (Where datagrams overtake each other it is a guess even then, but nobody
//! can know sooner.) At that moment a request leaves. It is answered at once, and an attempt takes
//! one RTT: when it fails, the best receiver, which can see into the network, knows it one RTT after it asked, and asks
//! again in the same moment. It goes on as long as the answer still comes in time. In time is: before the next
//! packet that came by itself is due for delivery, as the hole then is skipped for good. So there are
//! `floor((deadline - known - RTT) / RTT) + 1` attempts.
//!
//! An attempt succeeds when the request and the retransmission both pass. With random loss that has the probability
//! (1 - loss back)(1 - loss forth) and the attempts are independent: the result is an expected number of
//! lost packets, which needs no random numbers. With bursts it is read from the world's own bursts, which are times
//! and do not depend on what is sent: the attempt at `t` passes when there is no burst on the way back at
//! `t` and none on the way forth when the request has come. With several paths each attempt takes the best path: with
//! random loss the sequence of paths that leaves the least, with bursts the quickest path that is open now. Where the delay
//! varies (jitter, reordering) an attempt takes as long as its two datagrams do; these times are drawn from the link's
//! model, with random numbers of this file's own, several times for each hole, and the result is the average.
//!
//! Besides what is lost the model gives the retransmissions that the best receiver causes: requests that came through.
//! At 40 % loss every repaired packet takes 1.67 of them, whoever asks.
//!
//! What it bounds: receivers with at most one request in flight per packet. One that asks twice at once, by
//! one or several paths, without waiting for the first answer can lose less, and pays with retransmissions. And
//! the attempts stand at the earliest moments: with bursts or jitter another rhythm can, by luck, lose less in one world.

use crate::network::Link;
use crate::pair::Path;
use crate::random::Random;
use rist::protocol::time::Span;

/// How often a hole is tried where times are drawn.
const DRAWS: u32 = 16;

/// What the best receiver makes of a hole.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Prospect {
    /// Probability that it is not filled in time.
    pub(super) lost: f64,
    /// Retransmissions to be expected.
    pub(super) repeats: f64,
}

/// Nothing can be tried.
const HOPELESS: Prospect = Prospect { lost: 1.0, repeats: 0.0 };

impl Prospect {
    /// First this, and when it fails, that.
    fn then(self, next: Prospect) -> Self {
        Self { lost: self.lost * next.lost, repeats: self.repeats + self.lost * next.repeats }
    }
}

/// One way to ask and be answered.
#[derive(Debug, Clone, Copy)]
struct Way<'a> {
    back: &'a Link,
    forth: &'a Link,
}

impl Way<'_> {
    /// Of datagrams that nothing delays.
    fn rtt(&self) -> Span {
        self.back.delay + self.forth.delay
    }

    /// An attempt where only chance destroys.
    fn attempt(&self) -> Prospect {
        let asked = 1.0 - self.back.loss;
        Prospect { lost: 1.0 - asked * (1.0 - self.forth.loss), repeats: asked }
    }

    fn attempts(&self, times: i64) -> Prospect {
        (0..times).fold(HOPELESS, |before, _| before.then(self.attempt()))
    }

    /// Whether bursts let a request and its answer pass.
    fn opens(&self, asked: Span, answered: Span) -> (bool, bool) {
        let open = |link: &Link, at: Span| {
            let after = link.outages.partition_point(|(from, _)| *from <= at);
            after == 0 || link.outages[after - 1].1 <= at
        };
        (open(self.back, asked), open(self.forth, answered))
    }
}

/// The best receiver in one world.
pub(super) struct Best<'a> {
    /// The quickest first.
    ways: Vec<Way<'a>>,
    /// The outcome of an attempt is not the same at all times.
    varies: bool,
    /// Of each path, forth.
    delays: Vec<Span>,
    random: Random,
}

impl<'a> Best<'a> {
    pub(super) fn new(paths: &'a [Path]) -> Self {
        let links = || paths.iter().flat_map(|path| [&path.forth, &path.back]);
        let bursts = links().any(|link| !link.outages.is_empty());
        let varies = bursts || links().any(|link| link.spread() > Span::ZERO);
        let mut ways: Vec<Way> = paths.iter().map(|path| Way { back: &path.back, forth: &path.forth }).collect();
        ways.sort_by(|a, b| a.rtt().cmp(&b.rtt()).then(a.attempt().lost.total_cmp(&b.attempt().lost)));
        if !bursts {
            // Slower and no better: never taken.
            let mut least = f64::INFINITY;
            ways.retain(|way| {
                let better = way.attempt().lost < least;
                least = least.min(way.attempt().lost);
                better
            });
        }
        let delays = paths.iter().map(|path| path.forth.delay).collect();
        Self { ways, varies, delays, random: Random::new(paths.len() as u64) }
    }

    /// When a hole can be known: `shown` is when a later packet came by any path, `carriers` has a bit for each path
    /// that the packet was sent on.
    pub(super) fn known(&self, written: Span, carriers: u8, shown: Span) -> Span {
        let carried = |path: usize| carriers == 0 || carriers >> path & 1 == 1;
        let delays = self.delays.iter().enumerate().filter(|(path, _)| carried(*path)).map(|(_, delay)| *delay);
        shown.max(written + delays.min().unwrap_or(Span::ZERO))
    }

    /// What becomes of a hole that is known at `known` and skipped at `deadline`.
    pub(super) fn prospect(&mut self, known: Span, deadline: Span) -> Prospect {
        if deadline < known {
            return HOPELESS;
        }
        if !self.varies {
            return best_sequence(&self.ways, deadline - known);
        }
        let mut sum = Prospect { lost: 0.0, repeats: 0.0 };
        for _ in 0..DRAWS {
            let one = self.draw(known, deadline);
            sum = Prospect { lost: sum.lost + one.lost, repeats: sum.repeats + one.repeats };
        }
        let share = f64::from(DRAWS);
        Prospect { lost: sum.lost / share, repeats: sum.repeats / share }
    }

    /// One course of events.
    fn draw(&mut self, known: Span, deadline: Span) -> Prospect {
        let mut at = known;
        let mut so_far = HOPELESS;
        while so_far.lost > 0.0 {
            let mut in_time = self.ways.iter().filter(|way| at + way.rtt() <= deadline);
            let Some(first) = in_time.clone().next() else { break };
            let open = |way: &&Way| way.opens(at, at + way.back.delay) == (true, true);
            let way = in_time.find(open).unwrap_or(first);
            let answered = at + transit(way.back, &mut self.random);
            let ends = answered + transit(way.forth, &mut self.random);
            let Prospect { lost, repeats } = way.attempt();
            so_far = so_far.then(match way.opens(at, answered) {
                (false, _) => HOPELESS,
                (true, true) if ends <= deadline => Prospect { lost, repeats },
                (true, _) => Prospect { lost: 1.0, repeats },
            });
            at = ends;
        }
        so_far
    }
}

/// How long a datagram is under way.
fn transit(link: &Link, random: &mut Random) -> Span {
    let held_back = if random.chance(link.reorder) { link.held_back } else { Span::ZERO };
    link.delay + random.span(link.jitter) + held_back
}

/// The sequence of attempts that leaves the least: so many by the last way as fit, after any number by the others.
fn best_sequence(ways: &[Way], left: Span) -> Prospect {
    let Some((way, others)) = ways.split_last() else { return HOPELESS };
    let fit = left.ticks() / way.rtt().ticks().max(1);
    if others.is_empty() {
        return way.attempts(fit);
    }
    let sequences =
        (0..=fit).map(|times| best_sequence(others, left - way.rtt().scaled(times, 1)).then(way.attempts(times)));
    sequences.fold(HOPELESS, |best, next| if next.lost < best.lost { next } else { best })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ms(ms: u32) -> Span {
        Span::from_millis(ms)
    }

    fn path(one_way: u32, forth: f64, back: f64) -> Path {
        let link = |loss| Link { loss, ..Link::delayed(one_way) };
        Path::new(link(forth), link(back))
    }

    #[track_caller]
    fn leaves(paths: &[Path], time: Span, expected: f64) {
        let found = Best::new(paths).prospect(ms(1000), ms(1000) + time);
        assert!((found.lost - expected).abs() < 1e-12, "{found:?} instead of {expected}");
    }

    #[test]
    fn each_round_trip_in_the_time_left_is_an_attempt() {
        let paths = [path(10, 0.1, 0.0)];
        leaves(&paths, ms(19), 1.0);
        leaves(&paths, ms(21), 0.1);
        leaves(&paths, ms(39), 0.1);
        leaves(&paths, ms(41), 0.01);
        leaves(&paths, ms(101), 1e-5);
    }

    #[test]
    fn requests_and_answers_are_both_lost() {
        // 1 - 0.9 × 0.8 = 0.28.
        leaves(&[path(10, 0.2, 0.1)], ms(41), 0.28 * 0.28);
    }

    #[test]
    fn no_time_or_no_loss() {
        let lossless = [path(10, 0.0, 0.0)];
        leaves(&lossless, ms(21), 0.0);
        assert_eq!(Best::new(&lossless).prospect(ms(50), ms(40)), HOPELESS);
    }

    #[test]
    fn the_best_paths_are_asked_in_the_best_sequence() {
        // 50 ms: one by the good path (0.01) and one by the quick one (0.5), or five by the quick one (1/32).
        let paths = [path(5, 0.5, 0.0), path(20, 0.01, 0.0)];
        leaves(&paths, ms(51), 0.005);
        leaves(&paths, ms(39), 0.125);
        // Slower and worse: of no use.
        leaves(&[path(5, 0.1, 0.0), path(20, 0.2, 0.0)], ms(31), 0.001);
        // Two alike are no better than one, as one request is in flight.
        leaves(&[path(10, 0.1, 0.0), path(10, 0.1, 0.0)], ms(41), 0.01);
        // As quick and better.
        leaves(&[path(10, 0.5, 0.0), path(10, 0.1, 0.0)], ms(21), 0.1);
    }

    #[test]
    fn a_hole_is_known_when_a_later_packet_came_and_its_own_time_has_passed() {
        let paths = [path(10, 0.1, 0.0), path(100, 0.1, 0.0)];
        let best = Best::new(&paths);
        // By the first path, by the second, by both; a later packet came by the first after 12 ms.
        assert_eq!(best.known(ms(1000), 0b01, ms(1012)), ms(1012));
        assert_eq!(best.known(ms(1000), 0b10, ms(1012)), ms(1000) + ms(100));
        assert_eq!(best.known(ms(1000), 0b11, ms(1012)), ms(1012));
        // Nothing came for a while.
        assert_eq!(best.known(ms(1000), 0b10, ms(1300)), ms(1300));
    }

    #[test]
    fn retransmissions_are_requests_that_came_through() {
        // Three attempts; each is made when those before failed, with 0.28, and 0.9 of the requests pass.
        let found = Best::new(&[path(10, 0.2, 0.1)]).prospect(ms(1000), ms(1061)).repeats;
        assert!((found - 0.9 * (1.0 + 0.28 + 0.28 * 0.28)).abs() < 1e-12, "{found}");
    }

    #[test]
    fn an_attempt_takes_as_long_as_its_datagrams() {
        // 20 ms and twice up to 10 ms: half of the attempts are over within 30 ms, and there is no time for two.
        let jittery = |loss| Link { loss, jitter: ms(10), overtaking: true, ..Link::delayed(10) };
        let paths = [Path::new(jittery(0.1), jittery(0.0))];
        let mut best = Best::new(&paths);
        let mean = (0..1000).map(|_| best.prospect(ms(1000), ms(1030)).lost).sum::<f64>() / 1000.0;
        assert!((mean - (0.5 * 0.1 + 0.5)).abs() < 0.02, "{mean}");
        assert_eq!(best.prospect(ms(1000), ms(1019)), HOPELESS);
    }

    #[test]
    fn bursts_are_those_of_the_world() {
        let mut only = path(10, 0.0, 0.0);
        // Attempts at 1000, 1020, 1040; their answers leave at 1010, 1030, 1050.
        only.back.outages = vec![(ms(990), ms(1001))];
        only.forth.outages = vec![(ms(1025), ms(1035))];
        leaves(&[only.clone()], ms(21), 1.0);
        leaves(&[only.clone()], ms(41), 1.0);
        leaves(&[only.clone()], ms(61), 0.0);
        // Another path is open.
        leaves(&[only.clone(), path(15, 0.0, 0.0)], ms(31), 0.0);
        leaves(&[only, path(15, 0.0, 0.0)], ms(29), 1.0);
    }
}
