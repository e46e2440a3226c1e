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
 * Sends what can be read from a descriptor, one read a packet, from a thread of the library that starts with the
 * context. Nothing is paced and nobody waited for: what is there is sent, also before a receiver has answered. At the end
 * of the data, or when reading fails, the thread ends with a line in the log.
 *
 * The descriptor stays the caller's, must stay open until the context is destroyed, and need not be non-blocking, but then
 * nobody else may read from it.
 *
 * @param ctx sender context that was not started
 * @param fd pipe, socket, TUN device or other descriptor that can be polled
 * @param max_packet greatest packet, bytes, at most 9968, which greater numbers stand for; 0 for 1316, with
 *        RIST_DATA_FD_FLAG_TUN for 9968
 * @param flags RIST_DATA_FD_FLAG_TUN if each read gives a whole packet: a longer one is left out, not cut. Otherwise 0.
 * @return 0 on success, -1 on error, for a descriptor that is not open and after start
 */
RIST_API
int rist_sender_data_fd_set(struct rist_ctx *ctx,
                            int fd,
                            size_t max_packet,
                            uint32_t flags);

/**
 * Writes what is received to a descriptor when it is due, past FIFO and callback, one write a packet. What the descriptor does not
 * take at once is dropped, with a line in the log; a closed pipe or socket raises no SIGPIPE in the program.
 *
 * The descriptor stays the caller's and must stay open until the context is destroyed. Packets of more than 4096 bytes are written to
 * a pipe in parts; once a part is written, the reader has 20 ms to make room for the next.
 *
 * @param ctx receiver context that was not started
 * @param fd pipe, socket, TUN device or other descriptor that can be polled
 * @param flags RIST_DATA_FD_FLAG_TUN for a TUN device, otherwise 0
 * @return 0 on success, -1 on error, for a descriptor that is not open and after start
 */
RIST_API
int rist_receiver_data_fd_set(struct rist_ctx *ctx,
                              int fd,
                              uint32_t flags);

/**
 * The traffic of the data descriptor so far: what was read and sent is tx, what was received and written is rx.
 * All zero if none was set.
 *
 * @param ctx context
 * @param[out] stats totals
 * @return 0 on success, -1 on error
 */
RIST_API
int rist_data_fd_stats_get(struct rist_ctx *ctx,
                           struct rist_data_fd_stats *stats);

#ifdef __cplusplus
}  // extern "C"
#endif  // __cplusplus

#endif  /* LIBRIST_TUNNEL_H */
