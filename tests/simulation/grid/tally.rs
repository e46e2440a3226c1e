//! The figures of a cell: the sums over its worlds, and how much the worlds differ.

use super::play::Outcome;

/// A world is astray when one of a hundred of its packets is handed out so much too late or too early, µs.
const ASTRAY: i32 = 20_000;

#[derive(Debug, Default)]
pub(super) struct Tally {
    sum: Figures,
    /// Of each world: drops, and what is counted.
    worlds: Vec<(f64, [f64; COUNTS])>,
    /// Playout errors of each world: p50, p99.
    errors: Vec<[i32; 2]>,
}

/// What is compared for each drop: lost beyond the optimum, retransmissions, requests, NACK datagrams.
pub(super) const COUNTS: usize = 4;

/// What is stored of a cell.
#[derive(Debug, Default, Clone, PartialEq)]
pub(super) struct Figures {
    pub(super) cell: String,
    pub(super) worlds: u64,
    pub(super) written: u64,
    pub(super) dropped: u64,
    pub(super) lost: u64,
    pub(super) optimum: f64,
    pub(super) repeats: u64,
    /// Those of the best receiver.
    pub(super) best_repeats: f64,
    pub(super) requests: u64,
    pub(super) nacks: u64,
    pub(super) needless: u64,
    /// Standard deviations of the sums, as the luck of the worlds makes them, drops accounted for.
    pub(super) deviations: [f64; COUNTS],
    /// Playout error, µs: of the middle one of the worlds the median and what 99 of 100 do not exceed; the greatest of all.
    pub(super) p50: i32,
    pub(super) p99: i32,
    pub(super) max: i32,
    /// Worlds that are astray.
    pub(super) astray: u64,
    pub(super) violations: u64,
    /// Of the violations, not stored.
    pub(super) example: String,
}

impl Tally {
    pub(super) fn new(cell: String) -> Self {
        Self { sum: Figures { cell, ..Figures::default() }, ..Self::default() }
    }

    pub(super) fn add(&mut self, number: u32, outcome: Outcome) {
        let sum = &mut self.sum;
        sum.worlds += 1;
        sum.written += outcome.written;
        sum.dropped += outcome.dropped;
        sum.lost += outcome.lost;
        sum.optimum += outcome.optimum;
        sum.repeats += outcome.repeats;
        sum.best_repeats += outcome.best_repeats;
        sum.requests += outcome.requests;
        sum.nacks += outcome.nacks;
        sum.needless += outcome.needless;
        sum.violations += outcome.violations.len() as u64;
        if let (true, Some(first)) = (sum.example.is_empty(), outcome.violations.first()) {
            sum.example = format!("world {number}: {first}");
        }
        let counts = [outcome.repeats, outcome.requests, outcome.nacks].map(|count| count as f64);
        let excess = outcome.lost as f64 - outcome.optimum;
        self.worlds.push((outcome.dropped as f64, [excess, counts[0], counts[1], counts[2]]));
        let mut errors = outcome.errors;
        errors.sort_unstable();
        let [p50, p99, max] = [50, 99, 100].map(|share| percentile(&errors, share));
        sum.max = if max.abs() > sum.max.abs() { max } else { sum.max };
        sum.astray += u64::from(p99.abs() > ASTRAY);
        self.errors.push([p50, p99]);
    }

    pub(super) fn figures(self) -> Figures {
        let [p50, p99] = [0, 1].map(|which| {
            let mut errors: Vec<i32> = self.errors.iter().map(|errors| errors[which]).collect();
            errors.sort_unstable();
            percentile(&errors, 50)
        });
        let drops: f64 = self.worlds.iter().map(|(drops, _)| drops).sum();
        let deviations = std::array::from_fn(|which| {
            // What a world has beyond its share: by its drops, or, where nothing is dropped, an equal one.
            let all: f64 = self.worlds.iter().map(|(_, counts)| counts[which]).sum();
            let share = |own: f64| if drops > 0.0 { own / drops } else { 1.0 / self.worlds.len() as f64 };
            let beyond = self.worlds.iter().map(|(own, counts)| counts[which] - all * share(*own));
            rounded(beyond.map(|beyond| beyond * beyond).sum::<f64>().sqrt())
        });
        let (optimum, best_repeats) = (rounded(self.sum.optimum), rounded(self.sum.best_repeats));
        Figures { p50, p99, deviations, optimum, best_repeats, ..self.sum }
    }
}

fn percentile(sorted: &[i32], share: usize) -> i32 {
    let last = sorted.len().saturating_sub(1);
    sorted.get((sorted.len() * share / 100).min(last)).copied().unwrap_or(0)
}

/// As it is stored.
fn rounded(value: f64) -> f64 {
    (value * 100.0).round() / 100.0
}

impl Figures {
    pub(super) fn excess(&self) -> f64 {
        self.lost as f64 - self.optimum
    }

    /// In the order of `deviations`.
    pub(super) fn counts(&self) -> [f64; COUNTS] {
        [self.excess(), self.repeats as f64, self.requests as f64, self.nacks as f64]
    }

    /// Lost by us for each that the best receiver loses; one more on both sides, so that nothing to nothing is 1.
    pub(super) fn ratio(&self) -> f64 {
        (self.lost as f64 + 1.0) / (self.optimum + 1.0)
    }

    /// Retransmissions for each that the best receiver causes.
    pub(super) fn repeats_ratio(&self) -> f64 {
        (self.repeats as f64 + 1.0) / (self.best_repeats + 1.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sums_and_their_luck() {
        let mut tally = Tally::new("a cell".to_owned());
        // Two worlds: the second has twice the drops and twice the retransmissions, but four times the requests.
        let world = |dropped, lost, requests| Outcome {
            written: 100,
            dropped,
            lost,
            repeats: dropped,
            requests,
            errors: (0..100).map(|n| n * 100).collect(),
            ..Outcome::default()
        };
        tally.add(0, world(10, 1, 10));
        tally.add(1, world(20, 2, 40));
        let figures = tally.figures();
        assert_eq!((figures.written, figures.dropped, figures.lost, figures.requests), (200, 30, 3, 50));
        // 50 requests for 30 drops: 16.67 and 33.33 would be right, both are 6.67 off.
        assert_eq!(figures.deviations, [0.0, 0.0, 9.43, 0.0]);
        assert_eq!((figures.p50, figures.p99, figures.max, figures.astray), (5_000, 9_900, 9_900, 0));
    }
}
