//! Time of what runs for every packet: `cargo bench --bench hot_paths [filter]`, about a minute.
//!
//! Sessions run in virtual time, so that only their own work is measured: no socket, thread or clock.

mod crypto;
mod receiver;
mod replay;
mod sender;
#[path = "../support/mod.rs"]
mod support;
mod wire;

use criterion::{Criterion, criterion_group, criterion_main};
use std::time::Duration;

fn short() -> Criterion {
    Criterion::default()
        .without_plots()
        .sample_size(15)
        .warm_up_time(Duration::from_millis(300))
        .measurement_time(Duration::from_millis(1000))
}

criterion_group! {
    name = hot_paths;
    config = short();
    targets = wire::frame, wire::parse, wire::nack, crypto::ciphers, sender::send, receiver::insert, receiver::play_out,
        receiver::receive_and_play_out
}
criterion_main!(hot_paths);
