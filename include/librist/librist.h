/*
 * SPDX-License-Identifier: BSD-2-Clause
 *
 * Made from src/capi by `RIST_BLESS=1 cargo test --test headers`.
 */

#ifndef LIBRIST_H
#define LIBRIST_H

#include "common.h"
#include "receiver.h"
#include "sender.h"
#include "peer.h"
#include "stats.h"
#include "logging.h"
#include "librist_srp.h"
#include "opt.h"
#include "oob.h"
#include "tun.h"
#include "tunnel.h"
#include "transport.h"
#include "headers.h"

#ifdef __cplusplus
extern "C" {
#endif // __cplusplus

/**
 * Sets the greatest jitter to expect. This library wakes at deadlines and not at regular ticks, so there is
 * nothing for it to set.
 *
 * @param ctx context
 * @param t milliseconds, 1 or more
 * @return 0 on success, -1 on error
 */
RIST_API int rist_jitter_max_set(struct rist_ctx *ctx, int t);

/**
 * Sets how many round-trip times the recovery buffer holds where it sizes itself (buffer-min below buffer-max).
 *
 * @param ctx receiver context; may be running
 * @param multiplier 1 or more; 7 if never set
 * @return 0 on success, -1 on error
 */
RIST_API
int rist_recovery_rtt_multiplier_set(struct rist_ctx *ctx,
                                     int multiplier);

/**
 * Sets how many packets are kept, at most, where sequence numbers have 32 bits (Advanced profile): 65536 shifted left by
 * depth. Simple and Main keep up to 65536, which is as many as their numbers can tell apart. Memory is taken as packets
 * need it. Counts instead of the recovery_depth of the peers.
 *
 * @param ctx context that was not started
 * @param depth RIST_RECOVERY_DEPTH_MIN to RIST_RECOVERY_DEPTH_MAX; more counts as that
 * @return 0 on success, -1 on error, -2 when out of memory
 */
RIST_API
int rist_recovery_depth_set(struct rist_ctx *ctx,
                            uint8_t depth);

/**
 * Starts the sender or receiver. Peers may be added before and after.
 *
 * A process that forks: the child has none of the threads of contexts that were started. It may end such a context with
 * rist_destroy(), which then frees nothing that others hold and sends nothing, if no thread was inside the library
 * at that moment; call nothing else on it. Best is _exit() or exec: every descriptor of the library is closed by exec. The
 * parent's contexts go on whatever the child does. Contexts that were not started may be started in the child.
 *
 * @param ctx context
 * @return 0 on success, -1 on error or if it was started before
 */
RIST_API
int rist_start(struct rist_ctx *ctx);

/**
 * Ends a sender or receiver and all its peers.
 *
 * Callbacks may run while it does; none does after it returned. So it waits for those that run on other threads: hold no
 * lock that they take. Received blocks stay valid until they are freed. May be called from a callback.
 *
 * @param ctx context
 * @return 0 on success, -1 if there is no such context
 */
RIST_API
int rist_destroy(struct rist_ctx *ctx);

/**
 * The old name of rist_parse_udp_address2().
 */
RIST_API
RIST_DEPRECATED
int rist_parse_udp_address(const char *url,
                           const struct rist_udp_config **udp_config);

/**
 * Reads a udp:// or rtp:// URL.
 *
 * @param url for example rtp://127.0.0.1:5000?stream-id=1968; it is not changed
 * @param[in,out] udp_config points to NULL: a structure is allocated; free it with rist_udp_config_free2() or free().
 * Otherwise it points to a structure with a valid version; what the URL does not mention stays.
 * @return 0 on success; -1 on error; if a parameter is unknown or wrong, the number of parameters, and the others
 * are used
 */
RIST_API
int rist_parse_udp_address2(const char *url,
                            struct rist_udp_config **udp_config);

/**
 * The old name of rist_udp_config_free2().
 */
RIST_API RIST_DEPRECATED int rist_udp_config_free(const struct rist_udp_config **udp_config);

/**
 * Frees a structure that rist_parse_udp_address2() allocated and sets the pointer to NULL.
 *
 * @return 0 on success, -1 on error
 */
RIST_API int rist_udp_config_free2(struct rist_udp_config **udp_config);

/**
 * The version of the library: that of the libRIST it stands in for, and its own.
 *
 * @return static text
 */
RIST_API const char *librist_version(void);

/**
 * The version of the API, as in version.h.
 *
 * @return static text
 */
RIST_API const char *librist_api_version(void);

#ifdef __cplusplus
}  // extern "C"
#endif  // __cplusplus

#endif  /* LIBRIST_H */
