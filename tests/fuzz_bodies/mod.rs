//! What each fuzz target does with its input. `fuzz/` runs these under libFuzzer, `fuzz_smoke` in every test run.
//!
//! A body takes any bytes and panics when a promise is broken.

mod advanced;
mod advanced_session;
mod allocated;
mod auth;
mod capi;
mod flood;
mod flow_attribute;
mod input;
mod keep_alive;
mod login_values;
mod pair;
mod script;
mod session;
mod tunnel;
mod url;
mod wire;

pub(crate) use capi::play as c_program;
pub(crate) use flood::flood;
pub(crate) use pair::play as pair_of_sessions;

pub(crate) type Body = fn(&[u8]);

pub(crate) const BODIES: &[(&str, Body)] = &[
    ("rtp", wire::rtp),
    ("rtcp_compound", wire::rtcp_compound),
    ("null_packet", wire::null_packet),
    ("gre", tunnel::gre),
    ("advanced", advanced::advanced),
    ("lz4", advanced::lz4),
    ("aead", advanced::aead),
    ("keep_alive", keep_alive::keep_alive),
    ("flow_attribute", flow_attribute::flow_attribute),
    ("eapol", auth::eapol),
    ("auth", auth::auth),
    ("srp_group", login_values::srp_group),
    ("sealed_passphrase", login_values::sealed_passphrase),
    ("rist_url", url::rist_url),
    ("udp_url", url::udp_url),
    ("trailer", url::trailer),
    ("receiver_session", session::receiver_session),
    ("sender_session", session::sender_session),
    ("main_receiver_session", session::main_receiver_session),
    ("main_sender_session", session::main_sender_session),
    ("advanced_receiver_session", session::advanced_receiver_session),
    ("advanced_sender_session", session::advanced_sender_session),
    ("pair", pair::pair),
    ("capi", capi::capi),
];

/// Runs the body of this name.
pub(crate) fn run(name: &str, data: &[u8]) {
    let body = BODIES.iter().find(|(known, _)| *known == name).unwrap_or_else(|| panic!("no body {name}")).1;
    body(data);
}
