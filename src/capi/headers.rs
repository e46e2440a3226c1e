//! `headers.h`: the types and numbers that all headers share.

use super::enums::*;
use std::ffi::{c_char, c_int, c_void};

/// Room for a cname, an interface name or a passphrase, its NUL included.
pub const RIST_MAX_STRING_SHORT: usize = 128;
/// Room for an address, a user name or a password, its NUL included.
pub const RIST_MAX_STRING_LONG: usize = 256;

/// Unused.
pub const RIST_PEER_UDPSOCKET_VERSION: c_int = 0;
/// Revision of struct rist_udp_config in this header.
pub const RIST_UDP_CONFIG_VERSION: c_int = 2;

/// Out of memory.
pub const RIST_ERR_MALLOC: c_int = -1;
/// No such peer.
pub const RIST_ERR_NULL_PEER: c_int = -2;
/// A text is empty or too long.
pub const RIST_ERR_INVALID_STRING_LENGTH: c_int = -3;
/// Not possible in this profile.
pub const RIST_ERR_INVALID_PROFILE: c_int = -4;
/// A callback is needed.
pub const RIST_ERR_MISSING_CALLBACK_FUNCTION: c_int = -5;
/// User name and password are needed.
pub const RIST_ERR_NULL_CREDENTIALS: c_int = -6;

/// The RIST profiles (VSF TR-06-1, TR-06-2, TR-06-3).
#[repr(C)]
pub enum rist_profile {
    RIST_PROFILE_SIMPLE = 0,
    RIST_PROFILE_MAIN = 1,
    RIST_PROFILE_ADVANCED = 2,
}

/// What rist_sender_data_write() understands in struct rist_data_block.flags.
#[repr(C)]
pub enum rist_data_block_sender_flags {
    /// Send with the sequence number in the block. The library's own numbering does not move.
    RIST_DATA_FLAGS_USE_SEQ = 1,
    /// Ignored.
    RIST_DATA_FLAGS_NEED_FREE = 2,
}

/// What received blocks tell in struct rist_data_block.flags.
#[repr(C)]
pub enum rist_data_block_receiver_flags {
    /// Packets before this one are lost.
    RIST_DATA_FLAGS_DISCONTINUITY = 1,
    /// First packet of its flow.
    RIST_DATA_FLAGS_FLOW_BUFFER_START = 2,
    /// The output FIFO is full and packets are being dropped.
    RIST_DATA_FLAGS_OVERFLOW = 4,
}

/// How several flows share one RIST session. Used by programs, not by the library.
#[repr(C)]
pub enum librist_multiplex_mode {
    /// Choose among the others.
    LIBRIST_MULTIPLEX_MODE_AUTO = -1,
    /// Flows are told apart by their virtual destination port.
    LIBRIST_MULTIPLEX_MODE_VIRT_DESTINATION_PORT = 0,
    /// Flows are told apart by their virtual source port.
    LIBRIST_MULTIPLEX_MODE_VIRT_SOURCE_PORT = 1,
    /// Whole IPv4 packets, for a TUN device.
    LIBRIST_MULTIPLEX_MODE_IPV4 = 2,
}

/// A sender or a receiver. Opaque; not a pointer to anything.
pub struct rist_ctx {
    _opaque: [u8; 0],
}

/// A peer of a context. Opaque; not a pointer to anything.
pub struct rist_peer {
    _opaque: [u8; 0],
}

/// Marks a block as the library's. Opaque.
pub struct rist_ref {
    _opaque: [u8; 0],
}

/// One packet's worth of media.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct rist_data_block {
    /// Sender: copied during the call. Receiver: valid until the block is freed.
    pub payload: *const c_void,
    /// Bytes; a sender takes 1 to 9968, in fragments more: see rist_sender_data_write().
    pub payload_len: usize,
    /// Source time in 32.32 fixed point seconds. Sender: 0 for now.
    pub ts_ntp: u64,
    /// GRE source port; in the Simple profile the sender's UDP port. Sender: 0 for the default.
    pub virt_src_port: u16,
    /// GRE destination port; in the Simple profile the local UDP port. Sender: 0 for the peer's setting.
    pub virt_dst_port: u16,
    /// Receiver: where the packet came from. Ignored by a sender.
    pub peer: *mut rist_peer,
    /// Receiver: the flow. Ignored by a sender.
    pub flow_id: u32,
    /// Sequence number; of two packets that were merged, half the first one. Sender: used with RIST_DATA_FLAGS_USE_SEQ only.
    pub seq: u64,
    /// enum rist_data_block_sender_flags or rist_data_block_receiver_flags.
    pub flags: u32,
    /// Not NULL in blocks that the library made. Leave it alone.
    pub r#ref: *mut rist_ref,
}

/// A udp:// or rtp:// URL taken apart, for programs that read or write such streams.
/// A structure made for an older header says so in its version and is shorter.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct rist_udp_config {
    /// RIST_UDP_CONFIG_VERSION of the header that the program was built with.
    pub version: c_int,
    /// 0: address is a URL. AF_INET or AF_INET6: address is a host.
    pub address_family: c_int,
    /// With an address family: 0 to listen, 1 to call.
    pub initiate_conn: c_int,
    /// The URL without its query, or a host.
    pub address: [c_char; RIST_MAX_STRING_LONG],
    /// Multicast interface, by name or address.
    pub miface: [c_char; RIST_MAX_STRING_SHORT],
    /// With an address family: the UDP port.
    pub physical_port: u16,
    /// Scheme of the URL, in lower case.
    pub prefix: [c_char; 16],
    /// Take the time stamps of incoming RTP, or put them on outgoing RTP.
    pub rtp_timestamp: c_int,
    /// The same for sequence numbers.
    pub rtp_sequence: c_int,
    /// 1 if the scheme begins with rtp.
    pub rtp: c_int,
    /// RTP payload type to write. Version 1.
    pub rtp_ptype: u8,
    /// Virtual port that tells multiplexed flows apart.
    pub stream_id: u16,
    /// Version 1.
    pub multiplex_mode: c_librist_multiplex_mode,
    /// Not used. Version 1.
    pub multiplex_filter: [c_char; RIST_MAX_STRING_SHORT],
    /// 0 for the system's default. Version 2.
    pub multicast_ttl: u32,
    /// Only packets from this address. Version 2.
    pub multicast_source: [c_char; RIST_MAX_STRING_LONG],
    /// Pace the output evenly. Version 2.
    pub cbr_output: c_int,
    /// 1 if the URL said anything about it. Version 2.
    pub cbr_output_set: c_int,
}
