//! Operating-system threads, sockets, clock and randomness; drives a [`crate::protocol::session::Session`].
//!
//! A context has one protocol thread and, on a receiver, one delivery thread; a sender with a data descriptor
//! has one that reads it. The session sits
//! behind one mutex that is held for microseconds: never while a callback runs, a name is resolved
//! or a system call may block.

mod bursts;
pub mod callbacks;
pub mod context;
pub mod data_fd;
mod delivery_thread;
mod driver;
mod events;
mod fifo;
mod flow_attribute;
mod gate;
#[cfg(test)]
mod handover;
mod input_thread;
mod intake;
pub mod log;
pub mod network;
mod network_thread;
mod os;
mod out_of_band;
pub mod peer_calls;
mod peers;
mod protocol_thread;
mod rate;
mod resolve;
mod resolver;
mod socket;
mod statistics;
mod table;
mod tell;
mod transmit;
mod workshop;

pub(crate) use os::tun;
