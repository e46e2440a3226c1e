/*
 * SPDX-License-Identifier: BSD-2-Clause
 *
 * Made from src/capi by `RIST_BLESS=1 cargo test --test headers`.
 */

#ifndef LIBRIST_TUNNEL_H
#define LIBRIST_TUNNEL_H

#include <stddef.h>
#include <stdint.h>
#include "common.h"
#include "headers.h"

/**
 * The descriptor is a TUN device.
 */
#define RIST_DATA_FD_FLAG_TUN 1

/**
 * Traffic of a data descriptor.
 */
struct rist_data_fd_stats {
    uint64_t tx_packets;
    uint64_t tx_bytes;
    uint64_t rx_packets;
    uint64_t rx_bytes;
};

#ifdef __cplusplus
extern "C" {
#endif // __cplusplus

/**
 * Sends what can be read from a descriptor, one read a packet.
 *
 * Not yet available: -1.
 *
 * @param ctx sender context that was not started
 * @param fd descriptor, which stays the caller's
 * @param max_packet greatest packet, bytes
 * @param flags RIST_DATA_FD_FLAG_TUN or 0
 * @return 0 on success, -1 on error
 */
RIST_API int rist_sender_data_fd_set(struct rist_ctx *ctx, int fd, size_t max_packet, uint32_t flags);

/**
 * Writes what is received to a descriptor, past FIFO and callback.
 *
 * Not yet available: -1.
 *
 * @param ctx receiver context that was not started
 * @param fd descriptor, which stays the caller's
 * @param flags RIST_DATA_FD_FLAG_TUN or 0
 * @return 0 on success, -1 on error
 */
RIST_API int rist_receiver_data_fd_set(struct rist_ctx *ctx, int fd, uint32_t flags);

/**
 * The traffic of the data descriptor so far.
 *
 * Not yet available: -1.
 *
 * @param ctx context
 * @param[out] stats totals
 * @return 0 on success, -1 on error
 */
RIST_API int rist_data_fd_stats_get(struct rist_ctx *ctx, struct rist_data_fd_stats *stats);

#ifdef __cplusplus
}  // extern "C"
#endif  // __cplusplus

#endif  /* LIBRIST_TUNNEL_H */
