//! Whole sessions in virtual time, for both benches.
#![allow(dead_code)] // Each bench uses its own part.

pub(crate) mod end;
pub(crate) mod kind;
#[path = "../../tests/simulation/random.rs"]
pub(crate) mod random;
pub(crate) mod script;
pub(crate) mod stream;
