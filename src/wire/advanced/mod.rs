//! The Advanced profile's datagram (TR-06-3): an RTP header, RIST's fields, and media or control behind them.

mod content;
pub mod control;
mod flags;
mod flow_id;
mod header;
mod kind;
mod packet;
pub mod pfd;
mod psk;
pub mod timestamp;

pub use content::{Content, Extension};
pub use flags::Flags;
pub use flow_id::FlowId;
pub use header::Header;
pub use kind::{Lpc, Type};
pub use packet::Packet;
pub use psk::Psk;

/// The payload type of whoever has not agreed on another.
pub const PAYLOAD_TYPE: u8 = 127;
/// Octets of the shortest datagram.
pub const MIN_LEN: usize = 16;

/// In an SSRC: control, or other packets that nobody can ask for again. The other 31 bits name the flow.
pub const UNPROTECTED: u32 = 1;

/// Whether a datagram is to be read as one of the Advanced profile: one that then proves malformed is nothing else either.
///
/// As GRE it would have a checksum and a version that does not exist; as RTP a dynamic payload type, which a receiver of
/// the Simple profile may well be sent. So this is a question for ports that speak Main or Advanced.
#[inline]
pub fn is_candidate(datagram: &[u8]) -> bool {
    datagram.len() >= MIN_LEN && matches!(datagram, [0x80..=0xbf, 96..=127, ..])
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::gre;

    #[test]
    fn only_version_two_with_a_dynamic_payload_type_is_a_candidate() {
        let mut datagram = [0; MIN_LEN];
        for first in 0..=255 {
            for second in 0..=255 {
                datagram[..2].copy_from_slice(&[first, second]);
                let expected = first >> 6 == 2 && (96..128).contains(&second);
                assert_eq!(is_candidate(&datagram), expected, "{first:02x} {second:02x}");
                assert!(!is_candidate(&datagram[..MIN_LEN - 1]));
            }
        }
    }

    /// What we send in Main is never taken for Advanced.
    #[test]
    fn no_tunnel_packet_of_ours_is_a_candidate() {
        for version in 0..=2 {
            for key in [None, Some(([0xff; 4], false)), Some(([0xff; 4], true))] {
                let mut out = [0xff; gre::Header::MAX_LEN];
                gre::Header { version, protocol: gre::protocol::REDUCED, key, sequence: u32::MAX }.write(&mut out);
                assert!(!is_candidate(&[&out[..], &[0xff; 40]].concat()));
            }
        }
    }
}
