//! A media packet as it comes in, and what is kept of it beside its payload.

use crate::protocol::output::PeerId;
use crate::protocol::time::Time;

/// How many bits of a packet's number travel.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(in crate::protocol) enum Numbers {
    /// 16: Simple and Main.
    Short,
    /// 32: Advanced.
    Long,
}

impl Numbers {
    pub(super) fn bits(self) -> u32 {
        match self {
            Numbers::Short => 16,
            Numbers::Long => 32,
        }
    }

    pub(super) fn mask(self) -> u32 {
        match self {
            Numbers::Short => 0xFFFF,
            Numbers::Long => u32::MAX,
        }
    }
}

/// What a timestamp counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::protocol) enum Stamp {
    /// `rate` in Hz; `None`: unusable, the time of arrival is taken.
    Rtp { timestamp: u32, rate: Option<u32> },
    /// One of the clocks that Advanced senders have: which one, the flow finds out.
    Advanced { timestamp: u32 },
}

impl Stamp {
    pub(super) fn timestamp(self) -> u32 {
        match self {
            Stamp::Rtp { timestamp, .. } | Stamp::Advanced { timestamp } => timestamp,
        }
    }
}

/// A fragment; whole packets are both.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::protocol) struct Part {
    pub(in crate::protocol) first: bool,
    pub(in crate::protocol) last: bool,
}

impl Part {
    pub(in crate::protocol) const WHOLE: Part = Part { first: true, last: true };

    pub(super) fn is_whole(self) -> bool {
        self.first && self.last
    }
}

/// A media packet as it came in.
pub(in crate::protocol) struct Arrival<'a> {
    pub(in crate::protocol) now: Time,
    pub(in crate::protocol) path: PeerId,
    /// As on the wire.
    pub(in crate::protocol) seq: u32,
    pub(in crate::protocol) numbers: Numbers,
    pub(in crate::protocol) retransmit: bool,
    pub(in crate::protocol) stamp: Stamp,
    pub(in crate::protocol) part: Part,
    /// An LZ4 block, or a fragment of one: unpacked where it is handed out.
    pub(in crate::protocol) compressed: bool,
    pub(in crate::protocol) virt_src_port: u16,
    pub(in crate::protocol) virt_dst_port: u16,
    pub(in crate::protocol) payload: &'a [u8],
}

/// All of it but the number and the payload.
#[derive(Debug, Clone, Copy)]
pub(super) struct Envelope {
    pub(super) now: Time,
    pub(super) path: PeerId,
    pub(super) numbers: Numbers,
    pub(super) retransmit: bool,
    pub(super) stamp: Stamp,
    pub(super) part: Part,
    pub(super) compressed: bool,
    pub(super) virt_src_port: u16,
    pub(super) virt_dst_port: u16,
}

/// Tells a duplicate from a packet of another timeline: how the number came, and the timestamp.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Mark {
    pub(super) timestamp: u32,
    pub(super) numbers: Numbers,
}

impl Arrival<'_> {
    #[inline]
    pub(super) fn envelope(&self) -> Envelope {
        Envelope {
            now: self.now,
            path: self.path,
            numbers: self.numbers,
            retransmit: self.retransmit,
            stamp: self.stamp,
            part: self.part,
            compressed: self.compressed,
            virt_src_port: self.virt_src_port,
            virt_dst_port: self.virt_dst_port,
        }
    }
}

impl Envelope {
    #[inline]
    pub(super) fn mark(&self) -> Mark {
        Mark { timestamp: self.stamp.timestamp(), numbers: self.numbers }
    }
}
