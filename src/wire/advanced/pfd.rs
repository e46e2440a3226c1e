//! Payload format descriptors (TR-06-3): a registry in the first four bits, an entry of it in the others.

pub const MPEG_TS: u32 = 0x41AF_D040;
pub const PROGRAM_STREAM: u32 = 0x41AF_D041;
/// RFC 2250.
pub const TS_OVER_RTP: u32 = 0x1008_CA00;
/// SMPTE ST 2022-1.
pub const FEC_2022_1: u32 = 0x23F3_0100;
/// SMPTE ST 2022-2.
pub const TS_2022_2: u32 = 0x23F3_0200;
/// SMPTE ST 2022-5.
pub const FEC_2022_5: u32 = 0x23F3_0500;
pub const AVC_OVER_RTP: u32 = 0x1018_2800;
pub const HEVC_OVER_RTP: u32 = 0x101E_7600;

/// Whether a word is one of these. Of words that a wrong reading makes one in 500 million is.
pub fn is_registered_pfd(word: u32) -> bool {
    matches!(
        word,
        MPEG_TS | PROGRAM_STREAM | TS_OVER_RTP | FEC_2022_1 | TS_2022_2 | FEC_2022_5 | AVC_OVER_RTP | HEVC_OVER_RTP
    )
}
