//! What the operating system gives: the only files of the runtime with `unsafe`.
#![allow(unsafe_code)]

pub(super) mod clock;
pub(super) mod descriptor;
mod memory;
pub(super) mod notify;
pub(super) mod option;
pub(super) mod poll;
pub(super) mod random;
pub(super) mod signals;
pub(super) mod stack;
pub(crate) mod tun;
pub(super) mod udp;
mod udp_receive;
mod udp_send;
pub(super) mod wake;
