//! The Main profile's tunnel (TR-06-2:2022 §5): a GRE header, and what stands behind it.

mod buffer_negotiation;
mod content;
mod header;
mod keep_alive;
mod ports;

pub use buffer_negotiation::BufferNegotiation;
pub use content::{Content, Form};
pub use header::{Header, Packet, looks_like_simple};
pub use keep_alive::{AdvancedCapabilities, CAPABILITIES, KeepAlive, capabilities};
pub use ports::Ports;

/// The third and fourth octet of a GRE header.
pub mod protocol {
    /// Keep-alive of RIST GRE versions 0 and 1.
    pub const KEEP_ALIVE: u16 = 0x88B5;
    /// RTP or RTCP behind two port numbers, RIST GRE versions 0 and 1.
    pub const REDUCED: u16 = 0x88B6;
    /// A VSF header follows (RIST GRE version 2).
    pub const VSF: u16 = 0xCCE0;
    /// A whole IP packet; libRIST's out-of-band data.
    pub const FULL: u16 = 0x0800;
    /// EAP over LAN.
    pub const EAPOL: u16 = 0x888E;

    /// Smaller numbers are no protocols but lengths (IEEE 802.3). RTCP and EAP frames without a GRE header have theirs here.
    const FIRST_ETHER_TYPE: u16 = 0x0600;

    pub(super) fn is_known(protocol: u16) -> bool {
        protocol >= FIRST_ETHER_TYPE
    }

    /// Whether it is the number of out-of-band data: any that the tunnel has no use of its own for.
    pub fn is_out_of_band(protocol: u16) -> bool {
        is_known(protocol) && !matches!(protocol, KEEP_ALIVE | REDUCED | VSF | EAPOL)
    }
}
