//! Enumerations in arguments and fields: C may put any `int` into them, so that is what Rust sees.
//! `cbindgen.toml` gives them the C name back.

use std::ffi::c_int;

pub type c_rist_profile = c_int;
pub type c_librist_multiplex_mode = c_int;
pub type c_rist_log_level = c_int;
pub type c_rist_nack_type = c_int;
pub type c_rist_timing_mode = c_int;
pub type c_rist_recovery_mode = c_int;
pub type c_rist_congestion_control_mode = c_int;
pub type c_rist_connection_status = c_int;
pub type c_rist_stats_type = c_int;
pub type c_rist_opt = c_int;
pub type c_rist_advanced_clock = c_int;
pub type c_rist_advanced_start = c_int;
pub type c_rist_advanced_rtt_echo = c_int;
pub type c_rist_psk_mode = c_int;

/// C's `FILE`.
pub type c_file = libc::FILE;
