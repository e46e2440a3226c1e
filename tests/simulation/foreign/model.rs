//! What distinguishes the programs of others: each is a row.

use rist::wire::advanced::timestamp::Clock;

/// When media goes in the Advanced profile's framing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Start {
    Never,
    AtOnce,
    /// In Main until the other side has said that it reads Advanced.
    WhenOffered,
}

/// Where a program looks for, and puts, "I speak Advanced" in a keep-alive.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Offer {
    Nothing,
    /// The second octet of capabilities (TR-06-3).
    Standard,
    /// The first bit of the word: in an extension of GRE keep-alives, or of ten octets in control messages.
    Word,
}

/// What a receiver plays by.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Reads {
    Arrival,
    /// Microseconds, unless they prove wrong within a second.
    Microseconds,
    /// Whatever it is, divided by 65,536.
    Shifted,
}

/// One program.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Model {
    pub(crate) name: &'static str,
    pub(crate) start: Start,
    pub(crate) clock: Clock,
    pub(crate) reads: Reads,
    pub(crate) offer: Offer,
    /// Sends keep-alives in the tunnel, until control messages take their place.
    pub(crate) tunnel_keep_alives: bool,
    /// A keep-alive without an offer takes an earlier one back.
    pub(crate) cancels: bool,
    /// Nothing in Advanced counts before a name came by the tunnel.
    pub(crate) wants_name: bool,
    pub(crate) answers_rtcp_echoes: bool,
    pub(crate) answers_control_echoes: bool,
    pub(crate) asks_rtcp_echoes: bool,
    pub(crate) asks_control_echoes: bool,
    /// How much too long it takes the answer to a control echo for.
    pub(crate) echo_scale: i64,
    /// Its receiver begins anew where the framing changes, and loses what is missing then.
    pub(crate) loses_at_switch: bool,
    /// Milliseconds between reports, and between keep-alives.
    pub(crate) rtcp_every: u32,
    pub(crate) keep_alive_every: u32,
    pub(crate) first_seq: u32,
    /// Reads what has a VSF header.
    pub(crate) reads_vsf: bool,
    /// Decompresses what it has not said that it can.
    pub(crate) reads_lz4: bool,
    /// Sends a flow attribute each second.
    pub(crate) describes_flow: bool,
}

/// libRIST 0.2.16 and 0.2.17.
pub(crate) const LIBRIST_17: Model = Model {
    name: "libRIST 0.2.17",
    start: Start::AtOnce,
    clock: Clock::Fractions,
    reads: Reads::Arrival,
    offer: Offer::Word,
    tunnel_keep_alives: true,
    cancels: true,
    wants_name: false,
    answers_rtcp_echoes: true,
    answers_control_echoes: true,
    asks_rtcp_echoes: true,
    asks_control_echoes: true,
    echo_scale: 15,
    loses_at_switch: true,
    rtcp_every: 100,
    keep_alive_every: 1000,
    first_seq: 0,
    reads_vsf: true,
    reads_lz4: true,
    describes_flow: true,
};

pub(crate) const LIBRIST_18: Model =
    Model { name: "libRIST 0.2.18", start: Start::WhenOffered, echo_scale: 1, ..LIBRIST_17 };

/// libRIST 0.2.19 and 0.2.20.
pub(crate) const LIBRIST_20: Model = Model {
    name: "libRIST 0.2.20",
    clock: Clock::Microseconds,
    reads: Reads::Microseconds,
    cancels: false,
    wants_name: true,
    ..LIBRIST_18
};

pub(crate) const RISTGO: Model = Model {
    name: "ristgo",
    start: Start::AtOnce,
    clock: Clock::ShiftedMicroseconds,
    reads: Reads::Shifted,
    tunnel_keep_alives: false,
    cancels: false,
    answers_rtcp_echoes: false,
    answers_control_echoes: false,
    asks_rtcp_echoes: false,
    echo_scale: 1,
    loses_at_switch: false,
    rtcp_every: 200,
    keep_alive_every: 200,
    first_seq: 0xffff_fe00,
    describes_flow: false,
    ..LIBRIST_17
};

/// libRIST 0.2.7, and whoever knows Main only.
pub(crate) const LIBRIST_7: Model = Model {
    name: "libRIST 0.2.7",
    start: Start::Never,
    offer: Offer::Nothing,
    answers_control_echoes: false,
    asks_control_echoes: false,
    echo_scale: 1,
    reads_vsf: false,
    describes_flow: false,
    ..LIBRIST_17
};

/// Somebody who has read the standard and nothing else.
pub(crate) const STANDARD: Model = Model {
    name: "TR-06-3",
    start: Start::WhenOffered,
    clock: Clock::Microseconds,
    reads: Reads::Microseconds,
    offer: Offer::Standard,
    cancels: false,
    wants_name: false,
    answers_rtcp_echoes: false,
    asks_rtcp_echoes: false,
    echo_scale: 1,
    loses_at_switch: false,
    first_seq: 77,
    reads_lz4: false,
    describes_flow: false,
    ..LIBRIST_17
};

pub(crate) const MODELS: [Model; 6] = [LIBRIST_17, LIBRIST_18, LIBRIST_20, RISTGO, LIBRIST_7, STANDARD];

impl Model {
    /// Whether it speaks Advanced with us sooner or later.
    pub(crate) fn is_advanced(&self) -> bool {
        self.start != Start::Never
    }

    /// What it sends has no time of the source that anybody could read.
    pub(crate) fn is_timeless(&self) -> bool {
        self.is_advanced() && self.clock == Clock::Fractions
    }
}
