//! The grammar of `rist://`, `udp://` and `rtp://` URLs, without I/O.
//!
//! Text comes from C as bytes and stays bytes: a secret in Latin-1 must arrive unchanged. Every parser
//! takes anything that is bytes (`&str` included), never writes to it and never fails otherwise than libRIST does.

pub mod address;
pub mod query;
pub mod rist;
pub mod trailer;
pub mod udp;
