//! Faults of the machine around the library: what happens, as `docs/reliability.md` tells. Needs root for network namespaces.
#![cfg(target_os = "linux")]

mod calls;
mod clock;
mod icmp;
mod interface;
mod mtu;
mod programs;
mod rig;
mod stopped;
#[path = "../support/mod.rs"]
mod support;
