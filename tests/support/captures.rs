//! Captured packets of `tests/vectors`, and RTCP messages written back as they were read.
#![allow(dead_code)] // Each test program uses its own part.

use rist::wire::rtcp::{
    Nack, Rtcp, write_bye, write_echo_request, write_echo_response, write_nack_bitmask, write_nack_range,
    write_receiver_report, write_ref_time, write_sdes, write_sender_report,
};

/// The packets of a file, one per line.
pub(crate) fn vectors(name: &str) -> Vec<Vec<u8>> {
    fields(name).into_iter().map(|mut line| line.swap_remove(0)).collect()
}

/// The fields of each line of a file.
pub(crate) fn fields(name: &str) -> Vec<Vec<Vec<u8>>> {
    let path = format!("{}/tests/vectors/{name}.hex", env!("CARGO_MANIFEST_DIR"));
    let text = std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{path}: {error}"));
    let lines: Vec<Vec<_>> = text.lines().map(|line| line.split_whitespace().map(unhex).collect()).collect();
    assert!(!lines.is_empty(), "{path} is empty");
    lines
}

pub(crate) fn unhex(text: &str) -> Vec<u8> {
    let digits = |pair: &[u8]| u8::from_str_radix(std::str::from_utf8(pair).unwrap(), 16).unwrap();
    text.as_bytes().chunks(2).map(digits).collect()
}

pub(crate) fn sequences(nack: &Nack) -> Vec<u16> {
    nack.sequences(usize::MAX).collect()
}

/// Writes what was read.
pub(crate) fn write(out: &mut Vec<u8>, message: &Rtcp) {
    match message {
        Rtcp::SenderReport(report) => write_sender_report(out, report),
        Rtcp::ReceiverReport(report) => write_receiver_report(out, report),
        Rtcp::Sdes { ssrc, cname } => write_sdes(out, *ssrc, cname),
        Rtcp::Bye { ssrc } => write_bye(out, *ssrc),
        Rtcp::Nack(nack) => {
            let seqs = sequences(nack);
            let consumed = match *nack {
                Nack::Range { ssrc, .. } => write_nack_range(out, ssrc, &seqs, 16),
                Nack::Bitmask { sender_ssrc, media_ssrc, .. } => {
                    write_nack_bitmask(out, sender_ssrc, media_ssrc, &seqs, 16)
                }
            };
            assert_eq!(consumed, seqs.len());
        }
        Rtcp::EchoRequest(echo) => write_echo_request(out, echo),
        Rtcp::EchoResponse(echo) => write_echo_response(out, echo),
        Rtcp::ReferenceTime { ssrc, ntp } => write_ref_time(out, *ssrc, *ntp),
        Rtcp::SeqExtension { .. } | Rtcp::LastReport { .. } | Rtcp::Unknown { .. } => {
            panic!("we do not send {message:?}")
        }
    }
}

/// A captured RTCP compound as we would have sent it.
pub(crate) fn as_ours(mut compound: Vec<u8>) -> Vec<u8> {
    // libRIST 0.2.12 sends extended reports as 77; we send the standard's 207.
    if let Some(at) = compound.windows(4).position(|word| word == [0x80, 77, 0, 4]) {
        compound[at + 1] = 207;
    }
    // The only padding captured, in one echo request, is 0xaa; ours is zero.
    let padded_echo = compound.windows(4).any(|word| word == [0x82, 204, 0, 9]);
    if padded_echo && compound.ends_with(&[0xaa; 16]) {
        let kept = compound.len() - 16;
        compound[kept..].fill(0);
    }
    compound
}
