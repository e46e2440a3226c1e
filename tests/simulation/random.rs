//! Random numbers from a seed: the same on every machine, for ever (splitmix64).

use rist::protocol::time::Span;

#[derive(Debug, Clone)]
pub(crate) struct Random(u64);

impl Random {
    pub(crate) fn new(seed: u64) -> Self {
        let mut random = Self(seed ^ 0x5157_ba5e_0000_0001);
        random.next();
        random
    }

    /// An independent source, so that one consumer's appetite does not change another's luck.
    pub(crate) fn fork(&mut self) -> Self {
        Self(self.next())
    }

    pub(crate) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// 0 ..= `most`.
    pub(crate) fn upto(&mut self, most: u64) -> u64 {
        ((u128::from(self.next()) * (u128::from(most) + 1)) >> 64) as u64
    }

    pub(crate) fn between(&mut self, least: u64, most: u64) -> u64 {
        least + self.upto(most - least)
    }

    pub(crate) fn span(&mut self, most: Span) -> Span {
        Span::from_ticks(self.upto(most.ticks().max(0) as u64) as i64)
    }

    pub(crate) fn millis(&mut self, least: u32, most: u32) -> Span {
        Span::from_millis(self.between(u64::from(least), u64::from(most)) as u32)
    }

    /// 0 ≤ x < 1.
    pub(crate) fn unit(&mut self) -> f64 {
        (self.next() >> 11) as f64 / (1u64 << 53) as f64
    }

    pub(crate) fn chance(&mut self, probability: f64) -> bool {
        probability > 0.0 && self.unit() < probability
    }

    pub(crate) fn pick<T: Copy>(&mut self, choices: &[T]) -> T {
        choices[self.upto(choices.len() as u64 - 1) as usize]
    }
}
