/*
 * SPDX-License-Identifier: BSD-2-Clause
 *
 * Made from src/capi by `RIST_BLESS=1 cargo test --test headers`.
 */

#ifndef LIBRIST_HEADERS_H
#define LIBRIST_HEADERS_H

#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include "urlparam.h"

/**
 * Room for a cname, an interface name or a passphrase, its NUL included.
 */
#define RIST_MAX_STRING_SHORT 128

/**
 * Room for an address, a user name or a password, its NUL included.
 */
#define RIST_MAX_STRING_LONG 256

/**
 * Unused.
 */
#define RIST_PEER_UDPSOCKET_VERSION 0

/**
 * Revision of struct rist_udp_config in this header.
 */
#define RIST_UDP_CONFIG_VERSION 2

/**
 * Out of memory.
 */
#define RIST_ERR_MALLOC -1

/**
 * No such peer.
 */
#define RIST_ERR_NULL_PEER -2

/**
 * A text is empty or too long.
 */
#define RIST_ERR_INVALID_STRING_LENGTH -3

/**
 * Not possible in this profile.
 */
#define RIST_ERR_INVALID_PROFILE -4

/**
 * A callback is needed.
 */
#define RIST_ERR_MISSING_CALLBACK_FUNCTION -5

/**
 * User name and password are needed.
 */
#define RIST_ERR_NULL_CREDENTIALS -6

/**
 * How several flows share one RIST session. Used by programs, not by the library.
 */
enum librist_multiplex_mode {
    /**
     * Choose among the others.
     */
    LIBRIST_MULTIPLEX_MODE_AUTO = -1,
    /**
     * Flows are told apart by their virtual destination port.
     */
    LIBRIST_MULTIPLEX_MODE_VIRT_DESTINATION_PORT = 0,
    /**
     * Flows are told apart by their virtual source port.
     */
    LIBRIST_MULTIPLEX_MODE_VIRT_SOURCE_PORT = 1,
    /**
     * Whole IPv4 packets, for a TUN device.
     */
    LIBRIST_MULTIPLEX_MODE_IPV4 = 2,
};

/**
 * What received blocks tell in struct rist_data_block.flags.
 */
enum rist_data_block_receiver_flags {
    /**
     * Packets before this one are lost.
     */
    RIST_DATA_FLAGS_DISCONTINUITY = 1,
    /**
     * First packet of its flow.
     */
    RIST_DATA_FLAGS_FLOW_BUFFER_START = 2,
    /**
     * The output FIFO is full and packets are being dropped.
     */
    RIST_DATA_FLAGS_OVERFLOW = 4,
};

/**
 * What rist_sender_data_write() understands in struct rist_data_block.flags.
 */
enum rist_data_block_sender_flags {
    /**
     * Send with the sequence number in the block. The library's own numbering does not move.
     */
    RIST_DATA_FLAGS_USE_SEQ = 1,
    /**
     * Ignored.
     */
    RIST_DATA_FLAGS_NEED_FREE = 2,
};

/**
 * The RIST profiles (VSF TR-06-1, TR-06-2, TR-06-3).
 */
enum rist_profile {
    RIST_PROFILE_SIMPLE = 0,
    RIST_PROFILE_MAIN = 1,
    RIST_PROFILE_ADVANCED = 2,
};

/**
 * A sender or a receiver. Opaque; not a pointer to anything.
 */
struct rist_ctx;

/**
 * A peer of a context. Opaque; not a pointer to anything.
 */
struct rist_peer;

/**
 * Marks a block as the library's. Opaque.
 */
struct rist_ref;

/**
 * One packet's worth of media.
 */
struct rist_data_block {
    /**
     * Sender: copied during the call. Receiver: valid until the block is freed.
     */
    const void *payload;
    /**
     * Bytes; a sender takes 1 to 9968, in fragments more: see rist_sender_data_write().
     */
    size_t payload_len;
    /**
     * Source time in 32.32 fixed point seconds. Sender: 0 for now.
     */
    uint64_t ts_ntp;
    /**
     * GRE source port; in the Simple profile the sender's UDP port. Sender: 0 for the default.
     */
    uint16_t virt_src_port;
    /**
     * GRE destination port; in the Simple profile the local UDP port. Sender: 0 for the peer's setting.
     */
    uint16_t virt_dst_port;
    /**
     * Receiver: where the packet came from. Ignored by a sender.
     */
    struct rist_peer *peer;
    /**
     * Receiver: the flow. Ignored by a sender.
     */
    uint32_t flow_id;
    /**
     * Sequence number; of two packets that were merged, half the first one. Sender: used with RIST_DATA_FLAGS_USE_SEQ only.
     */
    uint64_t seq;
    /**
     * enum rist_data_block_sender_flags or rist_data_block_receiver_flags.
     */
    uint32_t flags;
    /**
     * Not NULL in blocks that the library made. Leave it alone.
     */
    struct rist_ref *ref;
};

/**
 * A udp:// or rtp:// URL taken apart, for programs that read or write such streams.
 * A structure made for an older header says so in its version and is shorter.
 */
struct rist_udp_config {
    /**
     * RIST_UDP_CONFIG_VERSION of the header that the program was built with.
     */
    int version;
    /**
     * 0: address is a URL. AF_INET or AF_INET6: address is a host.
     */
    int address_family;
    /**
     * With an address family: 0 to listen, 1 to call.
     */
    int initiate_conn;
    /**
     * The URL without its query, or a host.
     */
    char address[RIST_MAX_STRING_LONG];
    /**
     * Multicast interface, by name or address.
     */
    char miface[RIST_MAX_STRING_SHORT];
    /**
     * With an address family: the UDP port.
     */
    uint16_t physical_port;
    /**
     * Scheme of the URL, in lower case.
     */
    char prefix[16];
    /**
     * Take the time stamps of incoming RTP, or put them on outgoing RTP.
     */
    int rtp_timestamp;
    /**
     * The same for sequence numbers.
     */
    int rtp_sequence;
    /**
     * 1 if the scheme begins with rtp.
     */
    int rtp;
    /**
     * RTP payload type to write. Version 1.
     */
    uint8_t rtp_ptype;
    /**
     * Virtual port that tells multiplexed flows apart.
     */
    uint16_t stream_id;
    /**
     * Version 1.
     */
    enum librist_multiplex_mode multiplex_mode;
    /**
     * Not used. Version 1.
     */
    char multiplex_filter[RIST_MAX_STRING_SHORT];
    /**
     * 0 for the system's default. Version 2.
     */
    uint32_t multicast_ttl;
    /**
     * Only packets from this address. Version 2.
     */
    char multicast_source[RIST_MAX_STRING_LONG];
    /**
     * Pace the output evenly. Version 2.
     */
    int cbr_output;
    /**
     * 1 if the URL said anything about it. Version 2.
     */
    int cbr_output_set;
};

#endif  /* LIBRIST_HEADERS_H */
