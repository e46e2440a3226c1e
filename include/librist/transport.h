/*
 * SPDX-License-Identifier: BSD-2-Clause
 *
 * Made from src/capi by `RIST_BLESS=1 cargo test --test headers`.
 */

#ifndef LIBRIST_TRANSPORT_H
#define LIBRIST_TRANSPORT_H

#include <stddef.h>
#include <stdint.h>
#include "common.h"

#if defined(_WIN32)
#include <winsock2.h>
#include <ws2tcpip.h>
#else
#include <poll.h>
#include <sys/socket.h>
#include <sys/types.h>
#endif

struct rist_ctx;

/**
 * Functions that take the place of sendto(), recvfrom(), poll() and sendmsg().
 */
struct rist_transport_ops {
    /**
     * Handed to each function.
     */
    void *opaque;
    ssize_t (*sendto)(void *opaque,
                      int fd,
                      const void *buf,
                      size_t len,
                      int flags,
                      const struct sockaddr *addr,
                      socklen_t addrlen);
    ssize_t (*recvfrom)(void *opaque,
                        int fd,
                        void *buf,
                        size_t len,
                        int flags,
                        struct sockaddr *addr,
                        socklen_t *addrlen);
    int (*poll)(void *opaque, struct pollfd *fds, int nfds, int timeout_ms);
    /**
     * NULL: sendto gets the joined pieces.
     */
    ssize_t (*sendmsg)(void *opaque, int fd, const struct msghdr *msg, int flags);
};

#ifdef __cplusplus
extern "C" {
#endif // __cplusplus

/**
 * Sets the functions, before start.
 *
 * Other functions than the system's are not yet available: -1.
 *
 * @param ctx context that was not started
 * @param ops are copied; NULL for the system's
 * @return 0 on success, -1 on error
 */
RIST_API int rist_transport_set(struct rist_ctx *ctx, const struct rist_transport_ops *ops);

#ifdef __cplusplus
}  // extern "C"
#endif  // __cplusplus

#endif  /* LIBRIST_TRANSPORT_H */
