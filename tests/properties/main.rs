//! What holds for every input, tried with many. Those of private parts stand beside them in `src`.

mod clock;
mod eapol;
mod gre;
mod key_rotation;
mod login;
mod nack;
mod null_packets;
mod rtcp;
mod rtp;
mod sequence;
#[path = "../support/session.rs"]
mod session;
#[path = "../support/properties.rs"]
mod support;
mod url;
#[path = "../support/url_fields.rs"]
mod url_fields;
mod url_in_c;
