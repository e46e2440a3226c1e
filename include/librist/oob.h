/*
 * SPDX-License-Identifier: BSD-2-Clause
 *
 * Made from src/capi by `RIST_BLESS=1 cargo test --test headers`.
 */

#ifndef LIBRIST_OOB_H
#define LIBRIST_OOB_H

#include "common.h"
#include "headers.h"

/**
 * A packet of out-of-band data.
 */
struct rist_oob_block {
    /**
     * To whom or from whom; NULL to send to the latest peer.
     */
    struct rist_peer *peer;
    const void *payload;
    /**
     * 1 to 9984 bytes.
     */
    size_t payload_len;
    uint64_t ts_ntp;
};

/**
 * Takes out-of-band data. The block is valid during the call.
 */
typedef int (*oob_callback_func_t)(void *arg, const struct rist_oob_block *oob_block);

#ifdef __cplusplus
extern "C" {
#endif // __cplusplus

/**
 * Sends out-of-band data. rist_oob_callback_set() must have been called.
 *
 * @param ctx context, not of the Simple profile
 * @param oob_block payload and peer; copied. A listening peer stands for all that came through it, NULL for the peer
 * that such data was last heard from
 * @return 0 on success, also if nobody is there yet; -1 on error
 */
RIST_API
int rist_oob_write(struct rist_ctx *ctx,
                   const struct rist_oob_block *oob_block);

/**
 * Takes out-of-band data that no callback took. rist_oob_callback_set() must have been called, with NULL.
 *
 * @param ctx context, not of the Simple profile
 * @param[out] oob_block a block that stays the library's until the next call, or NULL
 * @return blocks that were waiting, this one included, 0 if there is none, -1 on error or while a callback is set
 */
RIST_API
int rist_oob_read(struct rist_ctx *ctx,
                  const struct rist_oob_block **oob_block);

/**
 * Switches out-of-band data on, in both directions, and sets the function that takes it.
 *
 * @param ctx context, not of the Simple profile
 * @param oob_callback function, called from the library's threads, or NULL to use rist_oob_read()
 * @param arg handed to it
 * @return 0 on success, -1 on error
 */
RIST_API int rist_oob_callback_set(struct rist_ctx *ctx, oob_callback_func_t oob_callback, void *arg);

#ifdef __cplusplus
}  // extern "C"
#endif  // __cplusplus

#endif  /* LIBRIST_OOB_H */
