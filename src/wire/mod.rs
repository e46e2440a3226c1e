//! RIST as octets: pure encoders and decoders, one message per file.
//!
//! Decoders take what the network sent, so they never panic, never allocate by a length field and
//! never read beyond what arrived. Encoders write reserved and padding octets as zero.

pub mod advanced;
mod bytes;
pub mod clock;
pub mod eap;
pub mod eapol;
pub mod flow_attribute;
pub mod gre;
mod json;
pub mod lz4;
pub mod null_packet;
pub mod rtcp;
pub mod rtp;
pub mod seq;

/// Why a datagram was refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Error {
    /// It ends before the field that should be there.
    TooShort,
    /// Its fields contradict each other, or the standard.
    Malformed,
    /// It is well formed, but nothing that we decode.
    Unsupported,
}

/// What a decoder returns.
pub type Result<T> = core::result::Result<T, Error>;

/// What a datagram of the Simple profile, or a Main-profile payload, holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Media.
    Rtp,
    /// Control, one compound.
    Rtcp,
}

/// Tells RTP from RTCP by the second octet.
///
/// As libRIST 0.2.11 and later: 72..=77 with or without the marker bit is RTCP. 206 and 207 are RTCP
/// too: older releases start a datagram with an extended report of type 207.
#[inline]
pub fn classify(datagram: &[u8]) -> Result<Kind> {
    let &[first, second, ..] = datagram else {
        return Err(Error::TooShort);
    };
    if first >> 6 != 2 {
        return Err(Error::Malformed);
    }
    Ok(match second {
        72..=77 | 200..=207 => Kind::Rtcp,
        _ => Kind::Rtp,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn second_octet_tells_rtp_from_rtcp() {
        for octet in 0..=255 {
            let rtcp = matches!(octet & 0x7f, 72..=77) || octet == 206 || octet == 207;
            let expected = if rtcp { Kind::Rtcp } else { Kind::Rtp };
            assert_eq!(classify(&[0x80, octet, 0]), Ok(expected), "octet {octet}");
        }
    }

    #[test]
    fn dynamic_payload_types_with_marker_are_media() {
        for payload_type in 96..=127u8 {
            assert_eq!(classify(&[0x80, payload_type | 0x80]), Ok(Kind::Rtp));
        }
    }

    #[test]
    fn other_versions_and_stubs_are_refused() {
        for first in [0x00, 0x40, 0xc0, 0xff] {
            assert_eq!(classify(&[first, 200]), Err(Error::Malformed));
        }
        assert_eq!(classify(&[]), Err(Error::TooShort));
        assert_eq!(classify(&[0x80]), Err(Error::TooShort));
    }
}
