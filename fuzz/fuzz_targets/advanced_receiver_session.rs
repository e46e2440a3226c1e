#![no_main]

#[path = "../../tests/fuzz_bodies/mod.rs"]
#[allow(dead_code, unused_imports)]
mod fuzz_bodies;

libfuzzer_sys::fuzz_target!(|data: &[u8]| fuzz_bodies::run("advanced_receiver_session", data));
