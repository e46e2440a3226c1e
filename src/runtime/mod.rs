//! Operating-system threads, sockets, clock and randomness; drives a [`crate::protocol::session::Session`].
//!
//! A context has one protocol thread and, on a receiver, one delivery thread. The session sits
//! behind one mutex that is held for microseconds: never while a callback runs, a name is resolved
//! or a system call may block.

pub mod callbacks;
pub mod context;
pub mod log;
