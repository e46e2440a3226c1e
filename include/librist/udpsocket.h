/*
 * SPDX-License-Identifier: BSD-2-Clause
 *
 * Made from src/capi by `RIST_BLESS=1 cargo test --test headers`.
 */

#ifndef UDPSOCKET_H
#define UDPSOCKET_H

#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "common.h"

#if defined(_WIN32)
#include <winsock2.h>
#include <windows.h>
#include <ws2tcpip.h>
#define AF_LOCAL AF_UNSPEC
#else
#include <arpa/inet.h>
#include <net/if.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/ip.h>
#include <netinet/ip6.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/types.h>
#include <unistd.h>
#endif

#define EVSOCKET_EV_READ POLLIN
#define EVSOCKET_EV_WRITE POLLOUT

/**
 * Multicast hops where nobody asks for another number.
 */
#define UDPSOCKET_MAX_HOPS 32

/**
 * Buffer size that udpsocket_set_optimal_buffer_size wants at least, in bytes.
 */
#define UDPSOCKET_SOCK_BUFSIZE (1 << 20)

/**
 * Buffer size that udpsocket_set_optimal_buffer_size asks for, in bytes.
 */
#define UDPSOCKET_SOCK_BUFSIZE_MAX (8 << 20)

/**
 * Waits for sockets and calls their handlers. Opaque.
 */
struct evsocket_ctx;

/**
 * One socket with its handlers. Opaque.
 */
struct evsocket_event;

/**
 * A parameter of a URL.
 */
struct udpsocket_url_param {
    char *key;
    char *val;
};

typedef struct udpsocket_url_param udpsocket_url_param_t;

#ifdef __cplusplus
extern "C" {
#endif // __cplusplus

/**
 * Opens a UDP socket of an address family (AF_INET, AF_INET6). Returns its descriptor, or -1 (see errno).
 */
RIST_API int udpsocket_open(uint16_t af);

/**
 * Opens a UDP socket and binds it. If host is a multicast group it is joined on mciface, the name of an interface or
 * an IPv4 address of one; NULL and "" leave the choice to the system, and so does a name that does not exist.
 * Returns the descriptor, or -1.
 */
RIST_API
int udpsocket_open_bind(const char *host,
                        uint16_t port,
                        const char *mciface);

/**
 * As udpsocket_open_bind. ttl: hops of multicast sent from this socket, 0 for the default; ssm: the only source to take
 * multicast from, an IP address; NULL or "" for any.
 */
RIST_API
int udpsocket_open_bind_mcast(const char *host,
                              uint16_t port,
                              const char *mciface,
                              uint32_t ttl,
                              const char *ssm);

/**
 * Opens a UDP socket and connects it. Multicast goes out through mciface unless that is NULL or "".
 * Returns the descriptor, or -1.
 */
RIST_API int udpsocket_open_connect(const char *host, uint16_t port, const char *mciface);

/**
 * Gives a socket a receive buffer of up to 8 MiB, at least 204 KiB. Returns 0, or -1 if the system grants less.
 */
RIST_API
int udpsocket_set_optimal_buffer_size(int sd);

/**
 * Gives a socket a send buffer of up to 8 MiB, at least 204 KiB. Returns 0, or -1 if the system grants less.
 */
RIST_API int udpsocket_set_optimal_buffer_send_size(int sd);

/**
 * Sets the receive buffer of a socket, in bytes. 0, or -1.
 */
RIST_API int udpsocket_set_buffer_size(int sd, uint32_t bufsize);

/**
 * Sets the send buffer of a socket, in bytes. 0, or -1.
 */
RIST_API int udpsocket_set_buffer_send_size(int sd, uint32_t bufsize);

/**
 * The receive buffer of a socket as the system counts it (Linux: twice what was set). 0 for an error.
 */
RIST_API uint32_t udpsocket_get_buffer_size(int sd);

/**
 * The send buffer of a socket as the system counts it (Linux: twice what was set). 0 for an error.
 */
RIST_API uint32_t udpsocket_get_buffer_send_size(int sd);

/**
 * Chooses the interface, by name or IPv4 address, that multicast of a family (AF_INET, AF_INET6) goes out through. 0, or -1.
 */
RIST_API
int udpsocket_set_mcast_iface(int sd,
                              const char *mciface,
                              uint16_t family);

/**
 * Sets the hops of multicast of a family, 1 to 255; 0 is the default, UDPSOCKET_MAX_HOPS. 0, or -1.
 */
RIST_API int udpsocket_set_mcast_ttl(int sd, uint16_t family, uint32_t ttl);

/**
 * Joins the multicast group in sa, which is of a family (AF_INET, AF_INET6), on an interface (see udpsocket_open_bind);
 * ssm: the only source to take it from, or NULL. 0, or -1.
 */
RIST_API
int udpsocket_join_mcast_group(int sd,
                               const char *miface,
                               struct sockaddr *sa,
                               uint16_t family,
                               const char *ssm);

/**
 * Makes the system send datagrams of a family unfragmented, where it can.
 */
RIST_API void udpsocket_set_dontfragment(int sd, uint16_t af);

/**
 * Finds the address of a host. addr must have room for a sockaddr_in6; read the family from it. 0, or -1.
 */
RIST_API int udpsocket_resolve_host(const char *host, uint16_t port, struct sockaddr *addr);

/**
 * Does nothing and returns 0, as in libRIST on POSIX systems: pass MSG_DONTWAIT, or use udpsocket_send_nonblocking.
 */
RIST_API
int udpsocket_set_nonblocking(int _sd);

/**
 * Sends a datagram on a connected socket. Returns its size, or -1 (see errno).
 */
RIST_API int udpsocket_send(int sd, const void *buf, size_t size);

/**
 * As udpsocket_send, but never waits.
 */
RIST_API int udpsocket_send_nonblocking(int sd, const void *buf, size_t size);

/**
 * Finds the address of a host and sends a datagram to it. Returns its size, or -1.
 */
RIST_API int udpsocket_sendto(int sd, const void *buf, size_t size, const char *host, uint16_t port);

/**
 * Receives a datagram. Returns its size, or -1 (see errno).
 */
RIST_API int udpsocket_recv(int sd, void *buf, size_t size);

/**
 * Receives a datagram and the address it comes from; flags, addr and addr_len as for recvfrom. Returns its size, or -1.
 */
RIST_API
int udpsocket_recvfrom(int sd,
                       void *buf,
                       size_t size,
                       int flags,
                       struct sockaddr *addr,
                       socklen_t *addr_len);

/**
 * Closes a socket. 0, or -1.
 */
RIST_API int udpsocket_close(int sd);

/**
 * Takes [scheme://][@]host[:port] apart. address receives the host, cut to address_maxlen - 1 bytes and NUL-terminated;
 * port stays as it is if the text has none; local is 1 after '@' (listen), else 0. Unlike in libRIST 0.2.7, url is
 * not written to. 0, or -1 for NULL, "" and a '[' that is not closed.
 */
RIST_API
int udpsocket_parse_url(char *url,
                        char *address,
                        int address_maxlen,
                        uint16_t *port,
                        int *local);

/**
 * Finds the parameters of a URL. Returns how many there are in params, at most max_params; -1 if url is NULL or has no '?'.
 * clean_url_len receives the length of the text before the '?', plus one.
 * The keys and values are in url, which is written to: it must not be a literal, and must live as long as they are used.
 */
RIST_API
int udpsocket_parse_url_parameters(char *url,
                                   udpsocket_url_param_t *params,
                                   int max_params,
                                   uint32_t *clean_url_len);

/**
 * Creates a context without events; free it with evsocket_destroy. NULL if there is no memory.
 */
RIST_API struct evsocket_ctx *evsocket_create(void);

/**
 * Handles events until evsocket_loop_stop is called. timeout: how long one wait may take in milliseconds, -1 for
 * as long as it takes, 0 not to wait at all.
 */
RIST_API
void evsocket_loop(struct evsocket_ctx *ctx,
                   int timeout);

/**
 * Makes evsocket_loop return after the round it is in; evsocket_loop_single answers -1 from then on. May be
 * called from a handler or another thread.
 */
RIST_API void evsocket_loop_stop(struct evsocket_ctx *ctx);

/**
 * Waits once, at most timeout milliseconds (-1: as long as it takes), and calls the handlers of at most
 * max_events ready sockets (0: all), those first whose turn it is.
 *
 * Returns 0 also if nothing was ready; -1 if the context is NULL or stopped, -2 if it has no events, -4 if poll
 * failed. In these cases it first sleeps for the time-out, so that a caller's loop does not spin.
 */
RIST_API
int evsocket_loop_single(struct evsocket_ctx *ctx,
                         int timeout,
                         int max_events);

/**
 * Frees a context and its events. Handlers are not called afterwards; a handler may call it.
 */
RIST_API void evsocket_destroy(struct evsocket_ctx *ctx);

/**
 * Adds a socket: when poll reports any of the events (EVSOCKET_EV_READ, EVSOCKET_EV_WRITE), callback is called.
 * A hang-up or an error goes to err_callback if there is one. arg is passed to both.
 *
 * Returns what evsocket_delevent takes, or NULL if the context or the callback is NULL. May be called from a handler.
 */
RIST_API
struct evsocket_event *evsocket_addevent(struct evsocket_ctx *ctx,
                                         int fd,
                                         short events,
                                         void (*callback)(struct evsocket_ctx*, int, short, void*),
                                         void (*err_callback)(struct evsocket_ctx*, int, short, void*),
                                         void *arg);

/**
 * Removes a socket. Its handlers are not called again, not even in the round that is going on. May be called from a
 * handler. NULL and an event that is gone are ignored.
 */
RIST_API
void evsocket_delevent(struct evsocket_ctx *ctx,
                       struct evsocket_event *e);

/**
 * How many events the context has; 0 for NULL.
 */
RIST_API int evsocket_geteventcount(struct evsocket_ctx *ctx);

#ifdef __cplusplus
}  // extern "C"
#endif  // __cplusplus

#endif  /* UDPSOCKET_H */
