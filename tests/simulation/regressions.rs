//! Every seed that ever failed, kept for ever.

use crate::seeds;

#[test]
fn seeds_that_failed_once_hold() {
    for &seed in SEEDS {
        seeds::run(seed);
    }
}

/// Newest last.
const SEEDS: &[u64] = &[
    15, 19, 49, 53, 57, 64, 82, 86, 187, 193, 217, 244, 255, 371, 520, 652, 678, 706, 729, 771, 815, 904, 1655, 1673,
    1914, 476, 1224,
];
