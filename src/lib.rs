//! Ferrist: `librist.so.4`, in Rust.
//!
//! Layers, each of which uses only those below it (kept by `tests/layers.rs`):
//!
//! * `capi`: the C ABI, one file per libRIST header. Convert, one call down, convert back.
//! * `runtime`: operating-system threads, sockets, clock, randomness. Drives a session.
//! * `protocol`: the RIST protocol without I/O. Time is an argument.
//! * `wire`, `crypto`, `url`: pure functions over bytes and strings.

#[allow(unsafe_code)]
pub mod capi;
pub mod crypto;
#[cfg(test)]
#[path = "../tests/support/properties.rs"]
mod properties;
pub mod protocol;
pub mod runtime;
pub mod url;
pub mod wire;
