//! Sessions in virtual time, over networks that lose, delay, double and reorder: same seed, same world.
//!
//! `SIM_SEEDS=n` and `SIM_FIRST=k` choose how many randomised worlds are run and where they start;
//! `SIM_TRACE=1` prints every datagram and event of a world (run one test alone with it).

mod books;
mod foreign;
mod grid;
mod host;
mod invariants;
mod network;
mod outcome;
mod pair;
mod random;
mod regressions;
mod scenarios;
mod seeds;
mod seeds_advanced;
mod tap;
mod workload;
mod world;
