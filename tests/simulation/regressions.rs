//! Every seed that ever failed, kept for ever.

use crate::seeds;
use crate::seeds_advanced;

#[test]
fn seeds_that_failed_once_hold() {
    for &seed in SEEDS {
        seeds::run(seeds::setup(seed));
    }
    for &seed in MAIN_SEEDS {
        seeds::run(seeds::main_setup(seed));
    }
}

#[test]
fn advanced_seeds_that_failed_once_hold() {
    for &seed in ADVANCED_SEEDS {
        seeds::run_timeless(seeds_advanced::setup(seed));
    }
    for &seed in EVENTFUL_SEEDS {
        seeds_advanced::run_eventful(seed);
    }
}

/// Newest last.
const SEEDS: &[u64] = &[
    15, 19, 49, 53, 57, 64, 82, 86, 187, 193, 217, 244, 255, 371, 520, 652, 678, 706, 729, 771, 815, 904, 1655, 1673,
    1914, 476, 1224, 4414, 30833, 31135, 32084, 32919,
];

/// The same in the Main profile.
const MAIN_SEEDS: &[u64] = &[
    257, 299, 353, 379, 414, 462, 496, 570, 584, 651, 777, 794, 826, 994, 9, 277, 837, 986, 3688, 30421, 31798, 32792,
    32919,
];

/// The same in the Advanced profile: 3 was retransmissions charged by what they had been before they were compressed.
const ADVANCED_SEEDS: &[u64] = &[3, 29, 56, 74, 187, 314, 488, 500, 620, 920];

/// And where something happens.
const EVENTFUL_SEEDS: &[u64] = &[7, 11, 13, 15, 23, 36, 42, 48, 90, 114, 139, 210, 223];
