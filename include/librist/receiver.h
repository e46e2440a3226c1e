/*
 * SPDX-License-Identifier: BSD-2-Clause
 *
 * Made from src/capi by `RIST_BLESS=1 cargo test --test headers`.
 */

#ifndef LIBRIST_RECEIVER_H
#define LIBRIST_RECEIVER_H

#include "common.h"
#include "logging.h"
#include "headers.h"

/**
 * How a receiver writes its requests.
 */
enum rist_nack_type {
    RIST_NACK_RANGE = 0,
    RIST_NACK_BITMASK = 1,
};

/**
 * Takes a block; see rist_receiver_data_callback_set().
 */
typedef int (*receiver_data_callback_t)(void *arg, const struct rist_data_block *data_block);

/**
 * Takes a block; see rist_receiver_data_callback_set2().
 */
typedef int (*receiver_data_callback2_t)(void *arg, struct rist_data_block *data_block);

/**
 * Is told that a flow ended; see rist_receiver_session_timeout_callback_set().
 */
typedef int (*receiver_session_timeout_callback_t)(void *arg, uint32_t flow_id);

/**
 * Is told what a sender says of its flow; see rist_receiver_flow_attr_callback_set().
 */
typedef int (*receiver_flow_attr_callback_t)(void *arg,
                                             struct rist_peer *peer,
                                             const char *attr_json,
                                             size_t json_len);

#ifdef __cplusplus
extern "C" {
#endif // __cplusplus

/**
 * Creates a receiver.
 *
 * @param[out] ctx the context; untouched on error
 * @param profile with RIST_PROFILE_ADVANCED senders may speak Advanced or Main
 * @param logging_settings are copied; NULL for silence
 * @return 0 on success, -1 on error
 */
RIST_API
int rist_receiver_create(struct rist_ctx **ctx,
                         enum rist_profile profile,
                         struct rist_logging_settings *logging_settings);

/**
 * Chooses how lost packets are asked for.
 *
 * @param ctx receiver context
 * @param nacks_type ranges, the default, or bit masks
 * @return 0 on success, -1 on error
 */
RIST_API int rist_receiver_nack_type_set(struct rist_ctx *ctx, enum rist_nack_type nacks_type);

/**
 * Sets the size of the FIFO that rist_receiver_data_read2() reads, before start. Each flow has one; it holds one
 * block less than its size.
 *
 * @param ctx receiver context
 * @param desired_size a power of two up to 262144; 0 or 1 for no FIFO; 1024 if never set
 * @return 0 on success, -1 if there is no such context, -2 on a sender, -3 after start, -4 for another size
 */
RIST_API
int rist_receiver_set_output_fifo_size(struct rist_ctx *ctx,
                                       uint32_t desired_size);

/**
 * The old name of rist_receiver_data_read2().
 */
RIST_API
RIST_DEPRECATED
int rist_receiver_data_read(struct rist_ctx *ctx,
                            const struct rist_data_block **data_block,
                            int timeout);

/**
 * Takes a received block out of the FIFO.
 *
 * @param ctx receiver context
 * @param[out] data_block the block; free it with rist_receiver_data_block_free2(). Untouched if there is none.
 * @param timeout ms to wait for one; 0 or less for no wait
 * @return blocks that were waiting, this one included; 0 if there is none; -1 on error; -2 on a sender
 */
RIST_API
int rist_receiver_data_read2(struct rist_ctx *ctx,
                             struct rist_data_block **data_block,
                             int timeout);

/**
 * The old name of rist_receiver_data_callback_set2().
 */
RIST_API
RIST_DEPRECATED
int rist_receiver_data_callback_set(struct rist_ctx *ctx,
                                    receiver_data_callback_t data_callback,
                                    void *arg);

/**
 * Sets the function that takes received blocks, in order, from a thread of the library. While it is set the FIFO
 * is filled only if the program has read from it or set a notification descriptor. The function frees each block with rist_receiver_data_block_free2(), then or later.
 *
 * @param ctx receiver context
 * @param data_callback function, or NULL for none; what it returns is ignored
 * @param arg handed to it
 * @return 0 on success, -1 on error
 */
RIST_API
int rist_receiver_data_callback_set2(struct rist_ctx *ctx,
                                     receiver_data_callback2_t data_callback,
                                     void *arg);

/**
 * Sets the function that is told when a flow has sent nothing for its session time-out. It is also called with
 * flow 0 about once a second while there is no flow at all.
 *
 * @param ctx receiver context
 * @param callback function, or NULL for none; what it returns is ignored
 * @param arg handed to it
 * @return 0 on success, -1 on error
 */
RIST_API
int rist_receiver_session_timeout_callback_set(struct rist_ctx *ctx,
                                               receiver_session_timeout_callback_t callback,
                                               void *arg);

/**
 * Sets the function that is told what an Advanced profile sender says of its flow: JSON, as a text with a NUL behind it that
 * json_len does not count. libRIST's senders say something each second. It comes from the network, so it may be
 * anything; rist_flow_attribute_read() in ferrist.h reads what TR-06-3 describes.
 *
 * @param ctx receiver context; may be running
 * @param callback function, or NULL for none; what it returns is ignored. The text is valid during the call. When this call
 * has returned, the function before does not run on any other thread: hold no lock that it takes.
 * @param arg handed to it
 * @return 0 on success, -1 on error
 */
RIST_API
int rist_receiver_flow_attr_callback_set(struct rist_ctx *ctx,
                                         receiver_flow_attr_callback_t callback,
                                         void *arg);

/**
 * Paces the output evenly at the measured rate.
 *
 * Switching it on is not yet available: -1.
 *
 * @param ctx receiver context
 * @param cbr_output true for an even rate
 * @return 0 on success, -1 on error
 */
RIST_API int rist_receiver_set_cbr_output(struct rist_ctx *ctx, bool cbr_output);

/**
 * The old name of rist_receiver_data_block_free2().
 */
RIST_API RIST_DEPRECATED void rist_receiver_data_block_free(struct rist_data_block **block);

/**
 * Frees a received block, from any thread, also after its context was destroyed, and sets the pointer to NULL.
 * NULL and blocks that the library did not make are left alone.
 *
 * @param block points to the block or to NULL
 */
RIST_API
void rist_receiver_data_block_free2(struct rist_data_block **block);

/**
 * Sets a descriptor to which a byte is written for each block that enters the FIFO, for programs that poll.
 * A full pipe loses bytes, not blocks.
 *
 * @param ctx receiver context
 * @param fd descriptor, which stays the caller's; 0 for none, needed before it is closed
 * @return 0 on success, -1 on error
 */
RIST_API int rist_receiver_data_notify_fd_set(struct rist_ctx *ctx, int fd);

#ifdef __cplusplus
}  // extern "C"
#endif  // __cplusplus

#endif  /* LIBRIST_RECEIVER_H */
