//! The RIST protocol without I/O: no clock, socket, thread, randomness or log call.
//!
//! A [`session::Session`] is driven by whoever owns it: feed it datagrams, commands and the time,
//! then drain [`output::Output`]s, then ask when it wants to be called again. A late or needless call
//! is harmless. Peers, flows and the sender do not know each other; the session connects them.

pub mod auth;
mod bonding;
pub mod config;
pub mod entropy;
mod flow;
mod framing;
pub mod job;
mod meter;
pub mod output;
pub mod payload;
mod peer;
#[cfg(test)]
mod properties;
pub mod recovery_depth;
pub mod report;
mod sender;
pub mod session;
pub mod time;
mod timers;
mod tunnel;
