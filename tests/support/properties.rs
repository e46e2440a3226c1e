//! With how many cases a property is tried, and from which seed: the same on every run.

use proptest::test_runner::{Config, RngSeed};

/// So many cases, and `PROPERTY_TIMES` as many where that is set; from `PROPTEST_RNG_SEED` if that is.
///
/// A case that fails is printed, shrunk, and becomes a test with a name: no file remembers it.
pub(crate) fn cases(number: u32) -> Config {
    let times = std::env::var("PROPERTY_TIMES").ok().and_then(|times| times.parse().ok()).unwrap_or(1);
    let seed = std::env::var("PROPTEST_RNG_SEED").ok().and_then(|seed| seed.parse().ok()).unwrap_or(1);
    Config {
        cases: number.saturating_mul(times),
        rng_seed: RngSeed::Fixed(seed),
        failure_persistence: None,
        ..Config::default()
    }
}
