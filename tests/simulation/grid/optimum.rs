//! What the best receiver would lose in the same world.
//!
//! In plain words. The first transmissions meet the fate that they met in the world that was played. A packet of which no
//! copy came is a hole. It can be known as one when a later packet arrives by a path that it was sent on, and not
//! sooner (of several copies, when the first of these paths shows it; where datagrams overtake each other that is a guess,
//! but nobody can know sooner). At that moment a request leaves. It is answered at once, and an attempt takes
//! one RTT: when it fails, the best receiver, which can see into the network, knows it one RTT after it asked, and asks
//! again in the same moment. It goes on as long as the answer still comes in time. In time is: before the next
//! packet that came by itself is due for delivery, as the hole then is skipped for good. So there are
//! `floor((deadline - known - RTT) / RTT) + 1` attempts.
//!
//! An attempt succeeds when the request and the retransmission both pass. With random loss that has the probability
//! (1 - loss back)(1 - loss forth) and the attempts are independent: the result is an expected number of
//! lost packets, which needs no random numbers. With bursts it is read from the world's own bursts, which are times
//! and do not depend on what is sent: the attempt at `t` passes when there is no burst on the way back at
//! `t` and none on the way forth at `t` + one way. With several paths each attempt takes the best path: with
//! random loss the sequence of paths that leaves the least, with bursts a path that is open now, if there is one. RTTs are
//! those of datagrams that nothing delays.
//!
//! What it bounds: receivers with at most one request in flight per packet. One that asks twice at once, by
//! one or several paths, without waiting for the first answer can lose less, and pays with retransmissions. And
//! the attempts stand at the earliest moments: with bursts another rhythm can, by luck, lose less in one world.

use crate::network::Link;
use crate::pair::Path;
use rist::protocol::time::Span;

/// One way to ask and be answered.
#[derive(Debug, Clone, Copy)]
struct Way<'a> {
    back: &'a Link,
    forth: &'a Link,
}

impl Way<'_> {
    fn rtt(&self) -> Span {
        self.back.delay + self.forth.delay
    }

    /// Probability that an attempt fails where only chance destroys.
    fn failure(&self) -> f64 {
        1.0 - (1.0 - self.back.loss) * (1.0 - self.forth.loss)
    }

    fn is_open(&self, at: Span) -> bool {
        let open = |link: &Link, at: Span| {
            let after = link.outages.partition_point(|(from, _)| *from <= at);
            after == 0 || link.outages[after - 1].1 <= at
        };
        open(self.back, at) && open(self.forth, at + self.back.delay)
    }
}

/// The best receiver in one world.
pub(super) struct Best<'a> {
    /// Without those that are no better than another.
    ways: Vec<Way<'a>>,
    bursts: bool,
}

impl<'a> Best<'a> {
    pub(super) fn new(paths: &'a [Path]) -> Self {
        let bursts = paths.iter().any(|path| !path.forth.outages.is_empty() || !path.back.outages.is_empty());
        let mut ways: Vec<Way> = paths.iter().map(|path| Way { back: &path.back, forth: &path.forth }).collect();
        ways.sort_by_key(Way::rtt);
        if !bursts {
            // Slower and no better: never taken.
            let mut least = f64::INFINITY;
            ways.retain(|way| {
                let better = way.failure() < least;
                least = least.min(way.failure());
                better
            });
        }
        Self { ways, bursts }
    }

    /// Probability that a hole known at `known` is not filled by `deadline`.
    pub(super) fn residual(&self, known: Span, deadline: Span) -> f64 {
        if deadline < known {
            return 1.0;
        }
        if self.bursts { self.among_bursts(known, deadline) } else { least_failure(&self.ways, deadline - known) }
    }

    fn among_bursts(&self, known: Span, deadline: Span) -> f64 {
        let mut at = known;
        let mut left = 1.0;
        loop {
            let mut in_time = self.ways.iter().filter(|way| at + way.rtt() <= deadline);
            let Some(first) = in_time.clone().next() else { return left };
            let way = in_time.find(|way| way.is_open(at));
            if let Some(way) = way {
                left *= way.failure();
                if left == 0.0 {
                    return left;
                }
            }
            at = at + way.unwrap_or(first).rtt();
        }
    }
}

/// The least that any sequence of attempts leaves: so many by the last way as fit, after any number by the others.
fn least_failure(ways: &[Way], left: Span) -> f64 {
    let Some((way, others)) = ways.split_last() else { return 1.0 };
    let fit = left.ticks() / way.rtt().ticks().max(1);
    let tried = |times: i64| (0..times).fold(1.0, |left, _| left * way.failure());
    if others.is_empty() {
        return tried(fit);
    }
    (0..=fit).map(|times| tried(times) * least_failure(others, left - way.rtt().scaled(times, 1))).fold(1.0, f64::min)
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
        let found = Best::new(paths).residual(ms(1000), ms(1000) + time);
        assert!((found - expected).abs() < 1e-12, "{found} instead of {expected}");
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
        assert_eq!(Best::new(&lossless).residual(ms(50), ms(40)), 1.0);
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
