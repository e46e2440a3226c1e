/*
 * SPDX-License-Identifier: BSD-2-Clause
 *
 * Made from src/capi by `RIST_BLESS=1 cargo test --test headers`.
 */

#ifndef LIBRIST_SENDER_H
#define LIBRIST_SENDER_H

#include <stdbool.h>
#include <stdint.h>
#include "common.h"
#include "logging.h"
#include "headers.h"

#ifdef __cplusplus
extern "C" {
#endif // __cplusplus

/**
 * A random flow id.
 *
 * @return an even number, never 0
 */
RIST_API uint32_t rist_flow_id_create(void);

/**
 * Creates a sender.
 *
 * @param[out] ctx the context; untouched on error
 * @param profile with RIST_PROFILE_ADVANCED peers that say that they can are spoken to in Advanced, others in Main
 * @param flow_id even; 0 for a random one
 * @param logging_settings are copied; NULL for silence
 * @return 0 on success, -1 on error
 */
RIST_API
int rist_sender_create(struct rist_ctx **ctx,
                       enum rist_profile profile,
                       uint32_t flow_id,
                       struct rist_logging_settings *logging_settings);

/**
 * Leaves null packets out of transport streams written from now on; the receiver puts them back.
 *
 * @param ctx sender context
 * @return 0 on success, -1 on error
 */
RIST_API int rist_sender_npd_enable(struct rist_ctx *ctx);

/**
 * Sends null packets again.
 *
 * @param ctx sender context
 * @return 0 on success, -1 on error
 */
RIST_API int rist_sender_npd_disable(struct rist_ctx *ctx);

/**
 * Whether null packets are left out.
 *
 * @param ctx sender context
 * @param[out] npd_enabled the answer
 * @return 0 on success, -1 on error
 */
RIST_API int rist_sender_npd_get(const struct rist_ctx *ctx, bool *npd_enabled);

/**
 * The flow id.
 *
 * @param ctx sender context
 * @param[out] flow_id the answer
 * @return 0 on success, -1 on error
 */
RIST_API int rist_sender_flow_id_get(struct rist_ctx *ctx, uint32_t *flow_id);

/**
 * Changes the flow id.
 *
 * @param ctx sender context
 * @param flow_id new id; bit 0 is cleared
 * @return 0 on success, -1 on error
 */
RIST_API int rist_sender_flow_id_set(struct rist_ctx *ctx, uint32_t flow_id);

/**
 * Sends a block to the peers. A received block may be handed on as it is. Longer blocks than 9968 bytes need fragments
 * (fragment-size, Advanced profile): as many as 64 of them hold.
 *
 * @param ctx sender context
 * @param data_block payload and what struct rist_data_block says of the other fields; stays the caller's
 * @return bytes of payload; -1 on error, without peers, or with RIST_DATA_FLAGS_USE_SEQ where blocks are split; -2 if the queue is full, -3 when out of memory
 */
RIST_API
int rist_sender_data_write(struct rist_ctx *ctx,
                           const struct rist_data_block *data_block);

#ifdef __cplusplus
}  // extern "C"
#endif  // __cplusplus

#endif  /* LIBRIST_SENDER_H */
