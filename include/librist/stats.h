/*
 * SPDX-License-Identifier: BSD-2-Clause
 *
 * Made from src/capi by `RIST_BLESS=1 cargo test --test headers`.
 */

#ifndef LIBRIST_STATS_H
#define LIBRIST_STATS_H

#include <stddef.h>
#include <stdint.h>
#include "common.h"
#include "headers.h"

/**
 * Revision of the structures in this header.
 */
#define RIST_STATS_VERSION 3

/**
 * Version handed to the callback of rist_sender_stats_callback_set().
 */
#define RIST_SENDER_STATS_VERSION 0

/**
 * What a report is about.
 */
enum rist_stats_type {
    RIST_STATS_SENDER_PEER = 0,
    RIST_STATS_RECEIVER_FLOW = 1,
};

/**
 * A sender's view of one peer, over one interval.
 */
struct rist_stats_sender_peer {
    /**
     * The other side's name, empty until known.
     */
    char cname[RIST_MAX_STRING_SHORT];
    uint32_t peer_id;
    /**
     * bit/s.
     */
    size_t bandwidth;
    /**
     * bit/s of retransmissions.
     */
    size_t retry_bandwidth;
    /**
     * Packets.
     */
    uint64_t sent;
    uint64_t received;
    uint64_t retransmitted;
    /**
     * Per cent: sent of sent, retransmitted and retransmissions refused.
     */
    double quality;
    /**
     * ms.
     */
    uint32_t rtt;
    /**
     * Version 2.
     */
    uint64_t sent_bytes;
    uint64_t retransmitted_bytes;
    /**
     * enum rist_profile. Version 3.
     */
    uint8_t profile;
    /**
     * 1 while it is spoken to in the Advanced profile, 0 in Main.
     */
    uint8_t advanced_active;
};

/**
 * A receiver's view of one path of a flow, over one interval.
 */
struct rist_stats_receiver_peer {
    uint32_t peer_id;
    /**
     * Packets.
     */
    uint64_t received_data;
    uint32_t received_rtcp;
    uint32_t sent_rtcp;
    /**
     * ms.
     */
    uint64_t rtt;
    /**
     * ms, smoothed.
     */
    double avg_rtt;
    /**
     * bit/s.
     */
    size_t bandwidth;
    size_t avg_bandwidth;
    /**
     * Version 2. See struct rist_stats_receiver_flow.peers.
     */
    uint64_t received_bytes;
};

/**
 * A receiver's view of one flow, over one interval.
 */
struct rist_stats_receiver_flow {
    uint32_t peer_count;
    /**
     * Always empty.
     */
    char cname[RIST_MAX_STRING_LONG];
    uint32_t flow_id;
    /**
     * 0 alive, 1 silent, 2 the last report.
     */
    int status;
    /**
     * bit/s.
     */
    size_t bandwidth;
    size_t retry_bandwidth;
    /**
     * RTCP packets.
     */
    uint64_t sent;
    /**
     * Packets.
     */
    uint64_t received;
    /**
     * Packets that were asked for.
     */
    uint32_t missing;
    uint32_t reordered;
    uint32_t recovered;
    uint32_t recovered_one_retry;
    uint32_t lost;
    /**
     * Per cent: received of received and missing.
     */
    double quality;
    /**
     * Microseconds.
     */
    uint64_t min_inter_packet_spacing;
    uint64_t cur_inter_packet_spacing;
    uint64_t max_inter_packet_spacing;
    /**
     * ms, mean of the peers.
     */
    uint32_t rtt;
    /**
     * peer_count elements. In reports of version 0 and 1 they lack received_bytes, so they are shorter.
     */
    struct rist_stats_receiver_peer *peers;
    /**
     * ms. Version 1.
     */
    uint64_t avg_buffer_time;
    /**
     * Version 2.
     */
    uint64_t received_bytes;
    /**
     * enum rist_profile. Version 3.
     */
    uint8_t profile;
    /**
     * Bits of a sequence number: 16 or 32. Version 3.
     */
    uint8_t seq_bits;
    /**
     * 1 while the media comes in the Advanced profile, 0 in Main.
     */
    uint8_t advanced_active;
};

/**
 * A report, by its stats_type.
 */
union rist_stats_data {
    struct rist_stats_sender_peer sender_peer;
    struct rist_stats_receiver_flow receiver_flow;
};

/**
 * A report. It belongs to the application: rist_stats_free().
 */
struct rist_stats {
    /**
     * strlen(stats_json).
     */
    uint32_t json_size;
    /**
     * The same and more as a JSON document.
     */
    char *stats_json;
    /**
     * Fields up to this version are filled in.
     */
    uint16_t version;
    enum rist_stats_type stats_type;
    union rist_stats_data stats;
};

#ifdef __cplusplus
extern "C" {
#endif // __cplusplus

/**
 * Sets the function that takes reports, from a thread of the library: of each flow of a receiver, of each peer of
 * a sender. The function frees each with rist_stats_free().
 *
 * @param ctx context; may be running
 * @param statsinterval ms; 0 changes nothing at all
 * @param stats_cb function, or NULL for none; what it returns is ignored
 * @param arg handed to it
 * @return 0 on success, -1 on error
 */
RIST_API
int rist_stats_callback_set(struct rist_ctx *ctx,
                            int statsinterval,
                            int (*stats_cb)(void *arg, const struct rist_stats *stats_container),
                            void *arg);

/**
 * Sets the function that takes reports of a whole sender as JSON. The text stays the library's and is valid
 * during the call.
 *
 * @param ctx sender context; may be running
 * @param statsinterval ms; 0 changes nothing at all
 * @param stats_cb function, or NULL for none; gets RIST_SENDER_STATS_VERSION, the text and its length
 * @param arg handed to it
 * @return 0 on success, -1 on error
 */
RIST_API
int rist_sender_stats_callback_set(struct rist_ctx *ctx,
                                   int statsinterval,
                                   int (*stats_cb)(void *arg,
                                                   uint16_t version,
                                                   char *stats_json,
                                                   uint32_t json_size),
                                   void *arg);

/**
 * Frees a report.
 *
 * @return 0 on success, -1 on error
 */
RIST_API int rist_stats_free(const struct rist_stats *stats_container);

#ifdef __cplusplus
}  // extern "C"
#endif  // __cplusplus

#endif  /* LIBRIST_STATS_H */
