//! RTCP as RIST uses it (RFC 3550 §6, RFC 3611, RFC 4585, TR-06-1:2020 §5.2 and §5.3).

mod app;
mod bye;
mod compound;
mod echo;
mod extended_report;
mod nack;
mod packet;
mod receiver_report;
mod sdes;
mod sender_report;
mod seq_extension;

pub use bye::write_bye;
pub use compound::Compound;
pub use echo::{Echo, write_echo_request, write_echo_response};
pub use extended_report::write_ref_time;
pub use nack::{Nack, write_nack_bitmask, write_nack_range};
pub use receiver_report::{ReceiverReport, ReportBlock, write_receiver_report};
pub use sdes::write_sdes;
pub use sender_report::{SenderReport, write_sender_report};

/// Packet types: the second octet of an RTCP packet.
mod packet_type {
    pub(super) const SENDER_REPORT: u8 = 200;
    pub(super) const RECEIVER_REPORT: u8 = 201;
    pub(super) const SDES: u8 = 202;
    pub(super) const BYE: u8 = 203;
    pub(super) const APP: u8 = 204;
    pub(super) const TRANSPORT_FEEDBACK: u8 = 205;
    pub(super) const EXTENDED_REPORT: u8 = 207;
    /// What libRIST 0.2.8 and later send instead of 207.
    pub(super) const EXTENDED_REPORT_LIBRIST: u8 = 77;
}

/// One message of a received compound.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Rtcp<'a> {
    /// The sender's clocks and counters.
    SenderReport(SenderReport),
    /// What a receiver saw, or an empty one that only leads a compound.
    ReceiverReport(ReceiverReport),
    /// A name: at most 255 octets, not necessarily text.
    Sdes {
        /// Who carries the name.
        ssrc: u32,
        /// The first CNAME item.
        cname: &'a [u8],
    },
    /// The end of a flow.
    Bye {
        /// Who leaves.
        ssrc: u32,
    },
    /// A request for retransmissions.
    Nack(Nack<'a>),
    /// Upper half of the sequence numbers in the NACKs that follow in this datagram (TR-06-2:2022 §8.4).
    SeqExtension {
        /// The flow.
        ssrc: u32,
        /// The upper 16 bits.
        high: u16,
    },
    /// A request for an echo response.
    EchoRequest(Echo),
    /// The answer to an echo request.
    EchoResponse(Echo),
    /// One DLRR entry of an extended report: an answer to [`Rtcp::ReferenceTime`].
    LastReport {
        /// Who answers.
        ssrc: u32,
        /// Whose reference time is answered.
        target: u32,
        /// Middle 32 bits of that reference time.
        lrr: u32,
        /// Time since it arrived, in 2^-16 s.
        dlrr: u32,
    },
    /// The RRTR block of an extended report.
    ReferenceTime {
        /// Whose clock.
        ssrc: u32,
        /// The clock, in NTP-64 ticks.
        ntp: u64,
    },
    /// Well framed, but nothing that RIST uses: an unknown type, subtype or name.
    Unknown {
        /// Second octet of the packet.
        packet_type: u8,
    },
}
