//! The C ABI: one file per libRIST header, and four for what is only ours (`ferrist.rs`, `advanced.rs`, `flow_attribute.rs`, `oob_typed.rs`). Convert, one call down, convert back.
//!
//! # What C promises
//!
//! The exported functions are `unsafe` because they believe what libRIST's headers say of pointers:
//!
//! * a pointer to a structure or an out-parameter points to one, in the version that the structure says it has,
//!   that nobody else uses during the call;
//! * text ends in a NUL; a payload has as many bytes as its length says;
//! * what is freed came from the function named in its documentation and is freed once;
//! * functions and their arguments may be used from any thread as long as they are set.
//!
//! They do not believe that a pointer is not null: null, `(void *)-1`, small numbers and wrong alignments get the error
//! of the function. `rist_ctx` and `rist_peer` are handles (`handle.rs`), so for these any value is fine.
//!
//! Documentation of exported items is written for C: cbindgen copies it into `include/librist/`.

#![allow(non_camel_case_types)]
#![allow(clippy::missing_safety_doc)]
// Doxygen's `@param[out]` is no link.
#![allow(rustdoc::broken_intra_doc_links)]

pub mod advanced;
mod advanced_options;
mod block;
mod boundary;
mod callback;
mod config;
pub mod enums;
pub mod evsocket;
pub mod ferrist;
pub mod flow_attribute;
mod handle;
pub mod headers;
mod instance;
pub mod librist;
mod log_socket;
mod log_stream;
mod log_target;
pub mod logging;
mod malloc;
pub mod oob;
pub mod oob_typed;
pub mod opt;
pub mod peer;
mod peer_config;
mod peer_events;
mod peer_options;
mod pointer;
pub mod receiver;
pub mod sender;
mod socket_options;
pub mod srp;
mod srp_lookup;
pub mod srp_tools;
pub mod stats;
mod stats_json;
mod stats_report;
pub mod transport;
pub mod tun;
pub mod tunnel;
mod udp_config;
pub mod udpsocket;
mod variadic;
pub mod version;
