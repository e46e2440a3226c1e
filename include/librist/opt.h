/*
 * SPDX-License-Identifier: BSD-2-Clause
 *
 * Made from src/capi by `RIST_BLESS=1 cargo test --test headers`.
 */

#ifndef LIBRIST_OPT_H
#define LIBRIST_OPT_H

#include <stdbool.h>
#include "common.h"
#include "headers.h"

/**
 * What rist_set_opt() sets.
 */
enum rist_opt {
    /**
     * Before start. optval1: a rist_thread_callback_t, which is copied; optval2: handed to it; optval3: NULL.
     */
    RIST_OPT_THREAD_CALLBACK = 0,
};

/**
 * Runs on a thread of the library when it starts, with type 1, and when it ends, with type 0; created is always
 * false. That is what libRIST passes, whatever its header says. handle points to the thread's pthread_t.
 */
typedef void (*rist_thread_callback_func_t)(void *handle, int type, bool created, void *user_data);

/**
 * Holds the function, since C has no pointer to it in a void pointer.
 */
struct rist_thread_callback {
    rist_thread_callback_func_t thread_callback;
};

typedef struct rist_thread_callback rist_thread_callback_t;

#ifdef __cplusplus
extern "C" {
#endif // __cplusplus

/**
 * Sets an option.
 *
 * @param ctx context
 * @param opt which
 * @param optval1 see enum rist_opt
 * @param optval2 see enum rist_opt
 * @param optval3 see enum rist_opt
 * @return 0 on success, -1 on error
 */
RIST_API
int rist_set_opt(struct rist_ctx *ctx,
                 enum rist_opt opt,
                 void *optval1,
                 void *optval2,
                 void *optval3);

#ifdef __cplusplus
}  // extern "C"
#endif  // __cplusplus

#endif  /* LIBRIST_OPT_H */
