//! Unmodified Debian programs on Debian's library and on ours, over a clean and over a lossy link, Simple profile.
//!
//! Every test sends a numbered stream into a sending program and checks what the receiving program puts out: from
//! the first packet that comes out, every payload exactly once, in order, byte-identical. Loss begins after that
//! first packet (what went before it cannot be asked for again) and ends before the last counted one (a loss shows
//! only by what follows it).
//!
//! FFmpeg's MPEG-TS muxer writes other bytes than its demuxer has read. Its `data` demuxer and muxer pass bytes
//! through, so the check is as exact as for rist-tools; only the cut into datagrams is FFmpeg's own. GStreamer
//! passes whole MPEG-TS packets, which the stream consists of.
//!
//! Cells with Debian's library at both ends check the tests themselves.

mod chain;
#[path = "../support/mod.rs"]
mod support;

use chain::Expect::{NearlyWhole, Whole, WholeOnceSettled};
use chain::Link::{Clean, Lossy};
use chain::{Cell, Mode, Receiver, Sender, check};
use support::library::{debian, ours};

/// libRIST 0.2.7 reports with the sender's own SSRC. GStreamer takes that for a collision and changes its SSRC, so
/// the receiver starts a new flow within the first seconds, and the stream has a gap there.
const RISTSINK_COLLISION: &str = "libRIST 0.2.7 makes ristsink change its SSRC";

/// ristsrc 1.22 takes repeats for a stream of their own (their SSRC is odd) and drops one that is more than ten numbers
/// behind the newest repeat until it has learnt that stream's pace ("unacceptable seqnum received (… max_misorder: 10)"
/// in its log). It asks for the first losses in a bunch, and the jitter of this link mixes the repeats. Captures
/// with either library show every packet that is missing repaired at its socket 0.3 to 0.8 s before it was due.
const RISTSRC_DROPS: &str = "ristsrc drops early repeats that overtake one another";

/// One test for each cell.
macro_rules! cells {
    ($($name:ident: $sender:expr, $link:expr, $receiver:expr, $expect:expr;)*) => {$(
        #[test]
        fn $name() {
            check(Cell { mode: Mode::SIMPLE, sender: $sender, link: $link, receiver: $receiver, expect: $expect });
        }
    )*};
}

cells! {
    ristsender_on_debian_to_ristreceiver_on_debian_clean:
        Sender::Ristsender(debian()), Clean, Receiver::Ristreceiver(debian()), Whole;
    ristsender_on_debian_to_ristreceiver_on_ours_clean:
        Sender::Ristsender(debian()), Clean, Receiver::Ristreceiver(ours()), Whole;
    ristsender_on_ours_to_ristreceiver_on_debian_clean:
        Sender::Ristsender(ours()), Clean, Receiver::Ristreceiver(debian()), Whole;
    ristsender_on_ours_to_ristreceiver_on_ours_clean:
        Sender::Ristsender(ours()), Clean, Receiver::Ristreceiver(ours()), Whole;
    ffmpeg_on_debian_to_ffmpeg_on_debian_clean:
        Sender::Ffmpeg(debian()), Clean, Receiver::Ffmpeg(debian()), Whole;
    ffmpeg_on_debian_to_ffmpeg_on_ours_clean:
        Sender::Ffmpeg(debian()), Clean, Receiver::Ffmpeg(ours()), Whole;
    ffmpeg_on_ours_to_ffmpeg_on_debian_clean:
        Sender::Ffmpeg(ours()), Clean, Receiver::Ffmpeg(debian()), Whole;
    ffmpeg_on_ours_to_ffmpeg_on_ours_clean:
        Sender::Ffmpeg(ours()), Clean, Receiver::Ffmpeg(ours()), Whole;
    ffmpeg_on_debian_to_ristreceiver_on_ours_clean:
        Sender::Ffmpeg(debian()), Clean, Receiver::Ristreceiver(ours()), Whole;
    ristsender_on_debian_to_ffmpeg_on_ours_clean:
        Sender::Ristsender(debian()), Clean, Receiver::Ffmpeg(ours()), Whole;
    ffmpeg_on_ours_to_ristreceiver_on_debian_clean:
        Sender::Ffmpeg(ours()), Clean, Receiver::Ristreceiver(debian()), Whole;
    ristsender_on_ours_to_ffmpeg_on_debian_clean:
        Sender::Ristsender(ours()), Clean, Receiver::Ffmpeg(debian()), Whole;
    ffmpeg_on_ours_to_ristreceiver_on_ours_clean:
        Sender::Ffmpeg(ours()), Clean, Receiver::Ristreceiver(ours()), Whole;
    ristsender_on_ours_to_ffmpeg_on_ours_clean:
        Sender::Ristsender(ours()), Clean, Receiver::Ffmpeg(ours()), Whole;
    ristsender_on_debian_through_rist2rist_on_debian_clean:
        Sender::Ristsender(debian()), Clean, Receiver::Rist2rist(debian(), debian()), Whole;
    ristsender_on_debian_through_rist2rist_on_ours_clean:
        Sender::Ristsender(debian()), Clean, Receiver::Rist2rist(ours(), debian()), Whole;
    ristsender_on_ours_through_rist2rist_on_debian_clean:
        Sender::Ristsender(ours()), Clean, Receiver::Rist2rist(debian(), debian()), Whole;
    ristsender_on_ours_through_rist2rist_on_ours_clean:
        Sender::Ristsender(ours()), Clean, Receiver::Rist2rist(ours(), debian()), Whole;
    gstreamer_to_ristreceiver_on_debian_clean:
        Sender::GStreamer, Clean, Receiver::Ristreceiver(debian()), WholeOnceSettled(RISTSINK_COLLISION);
    gstreamer_to_ristreceiver_on_ours_clean:
        Sender::GStreamer, Clean, Receiver::Ristreceiver(ours()), Whole;
    ristsender_on_debian_to_gstreamer_clean:
        Sender::Ristsender(debian()), Clean, Receiver::GStreamer, Whole;
    ristsender_on_ours_to_gstreamer_clean:
        Sender::Ristsender(ours()), Clean, Receiver::GStreamer, Whole;
    ristsender_on_debian_to_ristreceiver_on_debian_lossy:
        Sender::Ristsender(debian()), Lossy, Receiver::Ristreceiver(debian()), Whole;
    ristsender_on_debian_to_ristreceiver_on_ours_lossy:
        Sender::Ristsender(debian()), Lossy, Receiver::Ristreceiver(ours()), Whole;
    ristsender_on_ours_to_ristreceiver_on_debian_lossy:
        Sender::Ristsender(ours()), Lossy, Receiver::Ristreceiver(debian()), Whole;
    ristsender_on_ours_to_ristreceiver_on_ours_lossy:
        Sender::Ristsender(ours()), Lossy, Receiver::Ristreceiver(ours()), Whole;
    ffmpeg_on_debian_to_ffmpeg_on_debian_lossy:
        Sender::Ffmpeg(debian()), Lossy, Receiver::Ffmpeg(debian()), Whole;
    ffmpeg_on_debian_to_ffmpeg_on_ours_lossy:
        Sender::Ffmpeg(debian()), Lossy, Receiver::Ffmpeg(ours()), Whole;
    ffmpeg_on_ours_to_ffmpeg_on_debian_lossy:
        Sender::Ffmpeg(ours()), Lossy, Receiver::Ffmpeg(debian()), Whole;
    ffmpeg_on_ours_to_ffmpeg_on_ours_lossy:
        Sender::Ffmpeg(ours()), Lossy, Receiver::Ffmpeg(ours()), Whole;
    ffmpeg_on_debian_to_ristreceiver_on_ours_lossy:
        Sender::Ffmpeg(debian()), Lossy, Receiver::Ristreceiver(ours()), Whole;
    ristsender_on_debian_to_ffmpeg_on_ours_lossy:
        Sender::Ristsender(debian()), Lossy, Receiver::Ffmpeg(ours()), Whole;
    ffmpeg_on_ours_to_ristreceiver_on_debian_lossy:
        Sender::Ffmpeg(ours()), Lossy, Receiver::Ristreceiver(debian()), Whole;
    ristsender_on_ours_to_ffmpeg_on_debian_lossy:
        Sender::Ristsender(ours()), Lossy, Receiver::Ffmpeg(debian()), Whole;
    ffmpeg_on_ours_to_ristreceiver_on_ours_lossy:
        Sender::Ffmpeg(ours()), Lossy, Receiver::Ristreceiver(ours()), Whole;
    ristsender_on_ours_to_ffmpeg_on_ours_lossy:
        Sender::Ristsender(ours()), Lossy, Receiver::Ffmpeg(ours()), Whole;
    ristsender_on_debian_through_rist2rist_on_debian_lossy:
        Sender::Ristsender(debian()), Lossy, Receiver::Rist2rist(debian(), debian()), Whole;
    ristsender_on_debian_through_rist2rist_on_ours_lossy:
        Sender::Ristsender(debian()), Lossy, Receiver::Rist2rist(ours(), debian()), Whole;
    ristsender_on_ours_through_rist2rist_on_debian_lossy:
        Sender::Ristsender(ours()), Lossy, Receiver::Rist2rist(debian(), debian()), Whole;
    ristsender_on_ours_through_rist2rist_on_ours_lossy:
        Sender::Ristsender(ours()), Lossy, Receiver::Rist2rist(ours(), debian()), Whole;
    gstreamer_to_ristreceiver_on_debian_lossy:
        Sender::GStreamer, Lossy, Receiver::Ristreceiver(debian()), WholeOnceSettled(RISTSINK_COLLISION);
    gstreamer_to_ristreceiver_on_ours_lossy:
        Sender::GStreamer, Lossy, Receiver::Ristreceiver(ours()), Whole;
    ristsender_on_debian_to_gstreamer_lossy:
        Sender::Ristsender(debian()), Lossy, Receiver::GStreamer, NearlyWhole(RISTSRC_DROPS);
    ristsender_on_ours_to_gstreamer_lossy:
        Sender::Ristsender(ours()), Lossy, Receiver::GStreamer, NearlyWhole(RISTSRC_DROPS);
}
