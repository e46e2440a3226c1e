/*
 * SPDX-License-Identifier: BSD-2-Clause
 *
 * Made from src/capi by `RIST_BLESS=1 cargo test --test headers`.
 */

#ifndef LIBRIST_PEER_H
#define LIBRIST_PEER_H

#include <stdint.h>
#include "common.h"
#include "headers.h"
#include "librist_config.h"

#define RIST_DEFAULT_RECOVERY_MODE RIST_RECOVERY_MODE_TIME
#define RIST_DEFAULT_CONGESTION_CONTROL_MODE RIST_CONGESTION_CONTROL_MODE_NORMAL
#define RIST_DEFAULT_VERBOSE_LEVEL RIST_LOG_INFO
#define RIST_DEFAULT_PROFILE RIST_PROFILE_ADVANCED
#define RIST_DEFAULT_TIMING_MODE RIST_TIMING_MODE_SOURCE

/* The spelling of headers before libRIST 0.2.8. */
#define RIST_DEFAULT_RECOVERY_LENGHT_MIN RIST_DEFAULT_RECOVERY_LENGTH_MIN
#define RIST_DEFAULT_RECOVERY_LENGHT_MAX RIST_DEFAULT_RECOVERY_LENGTH_MAX

#define RIST_DEFAULT_VIRT_SRC_PORT 1971

#define RIST_DEFAULT_VIRT_DST_PORT 1968

#define RIST_DEFAULT_RECOVERY_MAXBITRATE 100000

#define RIST_DEFAULT_RECOVERY_MAXBITRATE_RETURN 0

#define RIST_DEFAULT_RECOVERY_LENGTH_MIN 1000

#define RIST_DEFAULT_RECOVERY_LENGTH_MAX 1000

#define RIST_DEFAULT_RECOVERY_REORDER_BUFFER 15

#define RIST_DEFAULT_RECOVERY_RTT_MIN 5

#define RIST_DEFAULT_RECOVERY_RTT_MAX 500

#define RIST_DEFAULT_MIN_RETRIES 6

#define RIST_DEFAULT_MAX_RETRIES 20

#define RIST_DEFAULT_SESSION_TIMEOUT 2000

#define RIST_DEFAULT_KEEPALIVE_INTERVAL 1000

#define RIST_DEFAULT_RECOVERY_PRIORITY 0

/**
 * Least, usual and greatest recovery depth: a ring of 65536 << depth packets.
 */
#define RIST_RECOVERY_DEPTH_MIN 0

#define RIST_RECOVERY_DEPTH_DEFAULT 3

#define RIST_RECOVERY_DEPTH_MAX 16

#define RIST_DEFAULT_RTT_DROP 0

#define RIST_DEFAULT_RTT_RESTORE 0

#define RIST_DEFAULT_RTT_DROP_SETTLE 2000

#define RIST_DEFAULT_RTT_DROP_TRICKLE 100

/**
 * The weight of a peer that gets a copy of everything.
 */
#define RIST_PEER_WEIGHT_DUPLICATE 0

/**
 * Revision of struct rist_peer_config in this header.
 */
#define RIST_PEER_CONFIG_VERSION 6

/**
 * How a receiver joins what a sender cut. A pair has half the sequence number of its first packet.
 * The first peer's mode counts for its context.
 */
enum librist_merge_mode {
    LIBRIST_MERGE_MODE_OFF = 0,
    LIBRIST_MERGE_MODE_PAIRS = 1,
    /**
     * When the sender says that it cuts, which it can not in the Simple profile.
     */
    LIBRIST_MERGE_MODE_AUTO = 2,
};

/**
 * How a sender makes two packets of each block, for paths that carry small ones only, or half of them each.
 * The first peer's mode counts for its context.
 */
enum librist_split_mode {
    LIBRIST_SPLIT_MODE_OFF = 0,
    /**
     * Between two transport stream packets where there are such, else in the middle.
     */
    LIBRIST_SPLIT_MODE_AUTO = 1,
    LIBRIST_SPLIT_MODE_HALF = 2,
};

/**
 * How soon a sender repeats a retransmission.
 */
enum rist_congestion_control_mode {
    /**
     * As often as asked.
     */
    RIST_CONGESTION_CONTROL_MODE_OFF = 0,
    /**
     * At most once a round trip.
     */
    RIST_CONGESTION_CONTROL_MODE_NORMAL = 1,
    /**
     * At most once in two round trips.
     */
    RIST_CONGESTION_CONTROL_MODE_AGGRESSIVE = 2,
};

/**
 * What happened to a connection.
 */
enum rist_connection_status {
    /**
     * A peer that calls has reached the other side.
     */
    RIST_CONNECTION_ESTABLISHED = 0,
    /**
     * A connection has ended.
     */
    RIST_CONNECTION_TIMED_OUT = 1,
    /**
     * Somebody has called.
     */
    RIST_CLIENT_CONNECTED = 2,
    /**
     * Not used.
     */
    RIST_CLIENT_TIMED_OUT = 3,
};

/**
 * Whether lost packets are asked for.
 */
enum rist_recovery_mode {
    RIST_RECOVERY_MODE_UNCONFIGURED = 0,
    RIST_RECOVERY_MODE_DISABLED = 1,
    RIST_RECOVERY_MODE_TIME = 2,
};

/**
 * Which clock gives received packets their place in time.
 */
enum rist_timing_mode {
    /**
     * The sender's RTP time stamps.
     */
    RIST_TIMING_MODE_SOURCE = 0,
    /**
     * The time of arrival.
     */
    RIST_TIMING_MODE_ARRIVAL = 1,
    /**
     * The sender's wall clock.
     */
    RIST_TIMING_MODE_RTC = 2,
};

/**
 * What rist_peer_create() is told. A structure made for an older header says so in its version and is shorter;
 * nothing behind its end is touched. Zero it, then call rist_peer_config_defaults_set().
 */
struct rist_peer_config {
    /**
     * RIST_PEER_CONFIG_VERSION of the header that the program was built with.
     */
    int version;
    /**
     * 0: address is a URL. AF_INET or AF_INET6: address is a host.
     */
    int address_family;
    /**
     * With an address family: 0 to listen, 1 to call.
     */
    int initiate_conn;
    /**
     * rist://[@]host:port, or a host. What rist_parse_address2() writes behind the NUL belongs to it: copy all of it.
     */
    char address[RIST_MAX_STRING_LONG];
    /**
     * Interface, by name or address.
     */
    char miface[RIST_MAX_STRING_SHORT];
    /**
     * With an address family: the UDP port.
     */
    uint16_t physical_port;
    /**
     * GRE destination port. Not used in the Simple profile.
     */
    uint16_t virt_dst_port;
    enum rist_recovery_mode recovery_mode;
    /**
     * kbit/s, payload and retransmissions together.
     */
    uint32_t recovery_maxbitrate;
    /**
     * kbit/s; 0 for no limit.
     */
    uint32_t recovery_maxbitrate_return;
    /**
     * Recovery buffer, ms. It sizes itself between the two if they differ.
     */
    uint32_t recovery_length_min;
    uint32_t recovery_length_max;
    /**
     * ms that a gap may turn out to be a reordering.
     */
    uint32_t recovery_reorder_buffer;
    /**
     * Bounds of the time between two requests for a packet, ms.
     */
    uint32_t recovery_rtt_min;
    uint32_t recovery_rtt_max;
    /**
     * Share among the peers, or RIST_PEER_WEIGHT_DUPLICATE.
     */
    uint32_t weight;
    /**
     * Passphrase.
     */
    char secret[RIST_MAX_STRING_SHORT];
    /**
     * AES key: 0, 128, 192 or 256 bits.
     */
    int key_size;
    /**
     * Packets until the key changes; 0 for never.
     */
    uint32_t key_rotation;
    /**
     * Sender: 1 to compress.
     */
    int compression;
    /**
     * Our name in RTCP.
     */
    char cname[RIST_MAX_STRING_SHORT];
    enum rist_congestion_control_mode congestion_control_mode;
    /**
     * Requests for a packet, 2 to 100.
     */
    uint32_t min_retries;
    uint32_t max_retries;
    /**
     * ms of silence until the peer counts as dead; 0 for 250, the least.
     */
    uint32_t session_timeout;
    /**
     * Period of RTCP, ms; 0 for 100.
     */
    uint32_t keepalive_interval;
    enum rist_timing_mode timing_mode;
    /**
     * For the program; see rist_enable_eap_srp_2().
     */
    char srp_username[RIST_MAX_STRING_LONG];
    char srp_password[RIST_MAX_STRING_LONG];
    /**
     * enum librist_split_mode; sender. Version 1.
     */
    uint32_t split_mode;
    /**
     * enum librist_merge_mode; receiver. Version 1.
     */
    uint32_t merge_mode;
    /**
     * Listening receiver: hand everything on to the other peers. Version 2.
     */
    int reflector;
    /**
     * 0 for the system's default. Version 2.
     */
    uint32_t multicast_ttl;
    /**
     * Only packets from this address. Version 2.
     */
    char multicast_source[RIST_MAX_STRING_LONG];
    /**
     * UDP port to call from; 0 for any. Version 2.
     */
    uint16_t local_port;
    /**
     * 1: SRP as before libRIST 0.2.16. Version 3.
     */
    int srp_compat_legacy;
    /**
     * What the URL said about the profile. Version 4.
     */
    enum rist_profile profile;
    /**
     * 1 if it said anything. Version 4.
     */
    int profile_set;
    /**
     * The peer with the highest is asked for lost packets. Version 5.
     */
    uint32_t recovery_priority;
    /**
     * See rist_recovery_depth_set(). Version 5.
     */
    uint8_t recovery_depth;
    /**
     * RTT above which a bonded sender rests this peer, ms; 0 for never. Version 6.
     */
    uint32_t rtt_drop;
    /**
     * RTT below which it comes back, ms; 0 for 80 % of rtt_drop. Version 6.
     */
    uint32_t rtt_restore;
    /**
     * How long the RTT must stay beyond, ms. Version 6.
     */
    uint32_t rtt_drop_settle;
    /**
     * A resting peer gets one packet in so many. Version 6.
     */
    uint32_t rtt_drop_trickle;
};

/**
 * Is told of connections; see rist_connection_status_callback_set().
 */
typedef void (*connection_status_callback_t)(void *arg,
                                             struct rist_peer *peer,
                                             enum rist_connection_status peer_connection_status);

/**
 * Decides on a caller: 0 admits, anything else refuses. The addresses are valid during the call.
 */
typedef int (*rist_auth_handler_connect_cb)(void *arg,
                                            const char *conn_ip,
                                            uint16_t conn_port,
                                            const char *local_ip,
                                            uint16_t local_port,
                                            struct rist_peer *peer);

/**
 * Is told that a caller has gone.
 */
typedef int (*rist_auth_handler_disconnect_cb)(void *arg, struct rist_peer *peer);

#ifdef __cplusplus
extern "C" {
#endif // __cplusplus

/**
 * Writes the defaults into a structure of the given version. Zero it first: fields without a default stay.
 *
 * @param peer_config structure
 * @param version RIST_PEER_CONFIG_VERSION; greater ones count as the library's
 * @return 0 on success, -1 on error
 */
RIST_API int rist_peer_config_defaults_set_versioned(struct rist_peer_config *peer_config, int version);

/**
 * The old name of rist_parse_address2().
 */
RIST_API RIST_DEPRECATED int rist_parse_address(const char *url, const struct rist_peer_config **peer_config);

/**
 * Reads a rist:// URL. Its parameters are listed in urlparam.h.
 *
 * A parameter that is newer than the caller's structure is kept behind the NUL of the address.
 *
 * @param url for example rist://192.0.2.1:1968?buffer=500&cname=studio
 * @param[in,out] peer_config points to NULL: a structure with defaults is allocated; free it with
 * rist_peer_config_free2() or free(). Otherwise it points to a structure with a valid version; what the URL does
 * not mention stays.
 * @return 0 on success; -1 on error; if a parameter is unknown or wrong, the number of parameters, and the others
 * are used
 */
RIST_API
int rist_parse_address2(const char *url,
                        struct rist_peer_config **peer_config);

/**
 * The old name of rist_peer_config_free2().
 */
RIST_API RIST_DEPRECATED int rist_peer_config_free(const struct rist_peer_config **peer_config);

/**
 * Frees a structure that rist_parse_address2() allocated and sets the pointer to NULL.
 *
 * @return 0 on success, -1 on error
 */
RIST_API int rist_peer_config_free2(struct rist_peer_config **peer_config);

/**
 * Adds a peer, before or after rist_start(). Host names are resolved during the call.
 *
 * @param ctx context
 * @param[out] peer handle of the peer, valid until it or the context is destroyed; untouched on error
 * @param config is copied and not changed
 * @return 0 on success, -1 on error
 */
RIST_API
int rist_peer_create(struct rist_ctx *ctx,
                     struct rist_peer **peer,
                     const struct rist_peer_config *config);

/**
 * Removes a peer. Connected peers are reported as timed out.
 *
 * @return 0 on success, -1 on error
 */
RIST_API int rist_peer_destroy(struct rist_ctx *ctx, struct rist_peer *peer);

/**
 * Changes the weight of a peer, at any time.
 *
 * @param ctx context
 * @param peer a peer made by rist_peer_create()
 * @param weight share among the peers, or RIST_PEER_WEIGHT_DUPLICATE
 * @return 0 on success, -1 on error
 */
RIST_API int rist_peer_weight_set(struct rist_ctx *ctx, struct rist_peer *peer, uint32_t weight);

/**
 * The sockets of a peer. They stay the library's.
 *
 * @param peer a peer made by rist_peer_create()
 * @param[out] sock media socket
 * @param[out] sock_extra RTCP socket of the Simple profile; may be NULL
 * @return 0 if there is one socket, 1 if sock_extra was written as well, -1 on error
 */
RIST_API int rist_peer_get_socket(struct rist_peer *peer, int *sock, int *sock_extra);

/**
 * The number of a peer, as in statistics and log lines.
 *
 * @return the number, from 1; 0 if there is no such peer
 */
RIST_API uint32_t rist_peer_get_id(const struct rist_peer *peer);

/**
 * Our name towards a peer.
 *
 * @param peer peer
 * @param[out] cname text that stays valid as long as the context
 * @return its length, 0 if there is no such peer
 */
RIST_API uint32_t rist_peer_get_cname(const struct rist_peer *peer, const char **cname);

/**
 * Changes the passphrase of a peer, and of those that came through it, while it runs. Peers that have logged in (SRP)
 * are told and read with it from then on; what they send themselves stays under the passphrase that they have, and
 * is still read. Where nobody is logged in, the other side has to be told by other means within 60 s: so long
 * the old passphrase is still accepted.
 *
 * @param peer a peer made by rist_peer_create(), not of the Simple profile
 * @param password 1 to 127 bytes; copied
 * @return 0 on success, -1 on error
 */
RIST_API
int rist_peer_update_secret(struct rist_peer *peer,
                            const char *password);

/**
 * Sets the function that is told of connections.
 *
 * @param ctx context
 * @param callback function, or NULL for none
 * @param arg handed to it
 * @return 0 on success, -1 on error
 */
RIST_API
int rist_connection_status_callback_set(struct rist_ctx *ctx,
                                        connection_status_callback_t callback,
                                        void *arg);

/**
 * Sets the functions that admit callers and are told of their end. In the Simple profile the media and the RTCP
 * port of a caller are two callers.
 *
 * @param ctx context
 * @param connect_cb decides, or NULL to admit all
 * @param disconn_cb is told, or NULL
 * @param arg handed to both
 * @return 0 on success, -1 on error
 */
RIST_API
int rist_auth_handler_set(struct rist_ctx *ctx,
                          rist_auth_handler_connect_cb connect_cb,
                          rist_auth_handler_disconnect_cb disconn_cb,
                          void *arg);

#ifdef __cplusplus
}  // extern "C"
#endif  // __cplusplus

/**
 * Writes the defaults into a structure of this header's version. Zero it first: fields without a default stay.
 *
 * @param peer_config structure
 * @return 0 on success, -1 on error
 */
#if defined(__cplusplus) || (defined(__STDC_VERSION__) && __STDC_VERSION__ >= 199901L)
static inline int rist_peer_config_defaults_set(struct rist_peer_config *peer_config)
{
    return rist_peer_config_defaults_set_versioned(peer_config, RIST_PEER_CONFIG_VERSION);
}
#else
#define rist_peer_config_defaults_set(peer_config) \
    rist_peer_config_defaults_set_versioned(peer_config, RIST_PEER_CONFIG_VERSION)
#endif

#endif  /* LIBRIST_PEER_H */
