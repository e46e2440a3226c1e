//! Round-trip time of one path: last, smoothed, variance (RFC 6298 weights).

use crate::protocol::time::Span;

#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub(in crate::protocol) struct Rtt {
    measured: Option<Measured>,
}

#[derive(Debug, Clone, Copy, PartialEq)]
struct Measured {
    last: Span,
    smoothed: Span,
    variance: Span,
    min: Span,
}

/// Samples above this are clock games or echoes of another life (libRIST's RTT limit is 500 ms to 5 s).
const MAX: Span = Span::from_secs(30);
/// The quickest answer is forgotten by so small a part of its distance to the usual one, with each sample.
const FORGETTING: i64 = 512;
/// Waiting in a queue for longer than this, and longer than the way takes, is congestion.
const QUEUE: Span = Span::from_millis(50);

impl Rtt {
    /// Takes a sample; impossible ones are ignored.
    pub(in crate::protocol) fn sample(&mut self, rtt: Span) {
        if rtt < Span::ZERO || rtt > MAX {
            return;
        }
        self.measured = Some(match self.measured {
            None => Measured { last: rtt, smoothed: rtt, variance: rtt.scaled(1, 2), min: rtt },
            Some(old) => {
                let error = (rtt - old.smoothed).abs();
                Measured {
                    last: rtt,
                    smoothed: old.smoothed + (rtt - old.smoothed).scaled(1, 8),
                    variance: old.variance + (error - old.variance).scaled(1, 4),
                    // A route that has become longer is believed after a minute or two of ten samples a second.
                    min: (old.min + (old.smoothed - old.min).max(Span::ZERO).scaled(1, FORGETTING)).min(rtt),
                }
            }
        });
    }

    pub(in crate::protocol) fn last(&self) -> Option<Span> {
        self.measured.map(|m| m.last)
    }

    pub(in crate::protocol) fn smoothed(&self) -> Option<Span> {
        self.measured.map(|m| m.smoothed)
    }

    pub(in crate::protocol) fn variance(&self) -> Option<Span> {
        self.measured.map(|m| m.variance)
    }

    /// Much of it is spent in a queue that is filling up somewhere: the link carries no more than it does.
    pub(in crate::protocol) fn is_congested(&self) -> bool {
        self.measured.is_some_and(|m| m.last.min(m.smoothed) - m.min > m.min.max(QUEUE))
    }

    /// The quickest answer lately seen.
    pub(in crate::protocol) fn min(&self) -> Option<Span> {
        self.measured.map(|m| m.min)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn smoothing_converges_and_impossible_samples_are_ignored() {
        let mut rtt = Rtt::default();
        assert_eq!(rtt.last(), None);
        rtt.sample(Span::from_millis(100));
        for _ in 0..100 {
            rtt.sample(Span::from_millis(20));
        }
        let smoothed = rtt.smoothed().unwrap().as_millis();
        assert!((19..=21).contains(&smoothed), "{smoothed}");
        rtt.sample(Span::from_ticks(-5));
        rtt.sample(Span::from_secs(4000));
        assert_eq!(rtt.last(), Some(Span::from_millis(20)));
        assert_eq!(rtt.min(), Some(Span::from_millis(20)));
    }

    #[test]
    fn the_quickest_answer_follows_a_route_that_has_become_longer() {
        let mut rtt = Rtt::default();
        let mut run = |ms, samples| {
            (0..samples).for_each(|_| rtt.sample(Span::from_millis(ms)));
            rtt.min().unwrap().as_millis()
        };
        assert_eq!(run(20, 100), 20);
        assert!(run(200, 100) < 60);
        assert!(run(200, 2000) >= 190);
        assert_eq!(run(30, 1), 30);
    }
}
