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
 * The library opens and binds its sockets as always and hands their descriptors to the functions, but sends and receives nothing with
 * them. The functions return what the system's return, and set errno. EAGAIN may be 11 or 35, whatever
 * the system's number is; a datagram that sendto or sendmsg does not take is offered again when poll says that the
 * socket is writable. What recvfrom returns must have an address; 0 bytes count as nothing there.
 *
 * The functions are called from threads of the library and from those of the program that call it, several at once, with no lock
 * held; so they may call the library. They must not wait, but poll may, as long as timeout_ms says, which is at most
 * 5 ms; it is never asked for other descriptors than the context's sockets. None is called after rist_destroy() has returned.
 *
 * @param ctx context that was not started
 * @param ops are copied; sendmsg may be NULL, the others must be set; NULL for the system's network
 * @return 0 on success, -1 on error and after start
 */
RIST_API
int rist_transport_set(struct rist_ctx *ctx,
                       const struct rist_transport_ops *ops);

#ifdef __cplusplus
}  // extern "C"
#endif  // __cplusplus

#endif  /* LIBRIST_TRANSPORT_H */
