//! The figures of a cell: the sums over its worlds.

use super::play::Outcome;

#[derive(Debug, Default)]
pub(super) struct Tally {
    sum: Figures,
    /// Lost more than the optimum: the sum of squares over the worlds.
    squares: f64,
    errors: Vec<i32>,
}

/// What is stored of a cell.
#[derive(Debug, Default, Clone, PartialEq)]
pub(super) struct Figures {
    pub(super) cell: String,
    pub(super) worlds: u64,
    pub(super) written: u64,
    pub(super) dropped: u64,
    pub(super) lost: u64,
    pub(super) optimum: f64,
    /// Standard deviation of `lost - optimum`, as the luck of the worlds makes it.
    pub(super) deviation: f64,
    pub(super) repeats: u64,
    /// Those of the best receiver.
    pub(super) best_repeats: f64,
    pub(super) requests: u64,
    pub(super) nacks: u64,
    pub(super) needless: u64,
    /// Playout error, µs: the middle, what 99 of 100 do not exceed, and the greatest.
    pub(super) p50: i32,
    pub(super) p99: i32,
    pub(super) max: i32,
    pub(super) violations: u64,
    /// Of the violations, not stored.
    pub(super) example: String,
}

impl Tally {
    pub(super) fn new(cell: String) -> Self {
        Self { sum: Figures { cell, ..Figures::default() }, ..Self::default() }
    }

    pub(super) fn add(&mut self, outcome: &Outcome) {
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
            sum.example = format!("world {}: {first}", sum.worlds - 1);
        }
        let excess = outcome.lost as f64 - outcome.optimum;
        self.squares += excess * excess;
        self.errors.extend_from_slice(&outcome.errors);
    }

    pub(super) fn figures(mut self) -> Figures {
        self.errors.sort_unstable();
        let at = |share: usize| self.errors.get((self.errors.len() * share / 100).min(self.errors.len().max(1) - 1));
        let [p50, p99, max] = [50, 99, 100].map(|share| at(share).copied().unwrap_or(0));
        // The spread of the sum: that of one world, times as many.
        let mean = self.sum.excess() / self.sum.worlds.max(1) as f64;
        let deviation = (self.squares - self.sum.worlds as f64 * mean * mean).max(0.0).sqrt();
        // As it is stored.
        let rounded = |value: f64| (value * 100.0).round() / 100.0;
        let (optimum, best_repeats) = (rounded(self.sum.optimum), rounded(self.sum.best_repeats));
        Figures { p50, p99, max, deviation: rounded(deviation), optimum, best_repeats, ..self.sum }
    }
}

impl Figures {
    pub(super) fn excess(&self) -> f64 {
        self.lost as f64 - self.optimum
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
