/*
 * SPDX-License-Identifier: BSD-2-Clause
 *
 * Made from src/capi by `RIST_BLESS=1 cargo test --test headers`.
 */

#ifndef FERRIST_H
#define FERRIST_H

#include <stddef.h>
#include "common.h"
#include "headers.h"

/*
 * What this library has and libRIST has not. <librist/librist.h> does not include this header, so a program that is also
 * built with libRIST asks for it:
 *
 *     #if defined(__has_include)
 *     #if __has_include(<librist/ferrist.h>)
 *     #include <librist/ferrist.h>
 *     #define HAVE_FERRIST 1
 *     #endif
 *     #endif
 *
 * Many packets with one call:
 *
 *     struct rist_data_block blocks[32];
 *     memset(blocks, 0, sizeof blocks);
 *     for (n = 0; n < 32 && next_packet(&blocks[n].payload, &blocks[n].payload_len); n++)
 *         ;
 *     written = rist_sender_data_write_batch(ctx, blocks, n);
 *
 *     struct rist_data_block *received[32];
 *     n = rist_receiver_data_read_batch(ctx, received, 32, 100);
 *     for (i = 0; i < n; i++)
 *         fwrite(received[i]->payload, 1, received[i]->payload_len, stdout);
 *     if (n > 0)
 *         rist_receiver_data_block_free_batch(received, n);
 */

#ifdef __cplusplus
extern "C" {
#endif // __cplusplus

/**
 * Sends many blocks to the peers, in order, as so many calls of rist_sender_data_write() would, for less work: the
 * datagrams of up to 64 blocks leave together. The call ends with the first block that is refused; those before it were
 * sent. Blocks whose ts_ntp is 0 get the time of the call, so those that leave together have the same. What other threads
 * write meanwhile may come between.
 *
 * @param ctx sender context
 * @param blocks array of structures, not of pointers, sizeof(struct rist_data_block) apart; stays the caller's
 * @param count blocks in it, at most INT_MAX; with 0 nothing is done and blocks may be NULL
 * @return blocks that were sent, less than count if the block with that index was refused; if that is the first one, or
 *         blocks or count are wrong, what rist_sender_data_write() returns on error
 */
RIST_API
int rist_sender_data_write_batch(struct rist_ctx *ctx,
                                 const struct rist_data_block *blocks,
                                 size_t count);

/**
 * Takes received blocks out of the FIFO, as many as are there. Blocks of a flow stand together and in order. With several
 * flows, flow_id tells which is whose: the flow with the most blocks comes first, so that none is left to overflow.
 *
 * Reading in batches and with rist_receiver_data_read2() may be mixed. With a notification descriptor there is still
 * one byte for each block.
 *
 * @param ctx receiver context
 * @param[out] blocks array of pointers, which are set to the blocks; entries behind them are left alone. Free each with
 *        rist_receiver_data_block_free2(), or all with rist_receiver_data_block_free_batch().
 * @param count entries in it; with 0 nothing is done and blocks may be NULL
 * @param timeout ms to wait for the first block, never for more; 0 or less for no wait
 * @return blocks that were taken, less than count if there were no more; 0 if there was none; -1 on error; -2 on a sender
 */
RIST_API
int rist_receiver_data_read_batch(struct rist_ctx *ctx,
                                  struct rist_data_block **blocks,
                                  size_t count,
                                  int timeout);

/**
 * Frees received blocks, as so many calls of rist_receiver_data_block_free2() would, and sets the pointers to NULL.
 *
 * @param blocks array of pointers to blocks or NULL
 * @param count entries in it
 */
RIST_API
void rist_receiver_data_block_free_batch(struct rist_data_block **blocks,
                                         size_t count);

#ifdef __cplusplus
}  // extern "C"
#endif  // __cplusplus

#endif  /* FERRIST_H */
