/* What the library calls: each looks whether its context still lives, and one of them may destroy it. */
#define _GNU_SOURCE
#include "torture.h"

#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

static uint8_t *salt, *verifier;
static size_t salt_length, verifier_length;

int librist_crypto_srp_create_verifier(const char *n, const char *g, const char *username, const char *password,
                                       unsigned char **salt, size_t *salt_length, unsigned char **verifier,
                                       size_t *verifier_length, bool correct);
int librist_get_ng_constants(int group, const char **n, const char **g);

static void enter(struct context *context, enum kind kind)
{
    COUNT(context->inside);
    if (LOOK(context->destroyed))
        fault_in("called after rist_destroy() has returned", kind, context);
    nesting[depth++] = context;
    COUNT(calls[kind]);
    /* A context that is being created has no handle yet. */
    if (context->destroyed_in == kind && LOOK(context->handle) != NULL)
        destroy(context, kind);
}

static void leave(struct context *context)
{
    depth--;
    /* The end of the cycle sees what the callback did, also on a thread that ends by itself. */
    __atomic_sub_fetch(&context->inside, 1, __ATOMIC_RELEASE);
}

static int on_log(void *arg, enum rist_log_level level, const char *line)
{
    (void)level;
    enter(arg, LOG);
    if (line[strlen(line) - 1] != '\n')
        fault("a log line without its end", arg);
    leave(arg);
    return 0;
}

static void on_thread(void *handle, int type, bool created, void *arg)
{
    (void)type;
    (void)created;
    enter(arg, THREAD);
    if (!pthread_equal(*(pthread_t *)handle, pthread_self()))
        fault("told of another thread", arg);
    leave(arg);
}

static int on_connect(void *arg, const char *ip, uint16_t port, const char *local, uint16_t local_port,
                      struct rist_peer *peer)
{
    (void)peer;
    enter(arg, CONNECT);
    if (strcmp(ip, "127.0.0.1") != 0 || strcmp(local, "127.0.0.1") != 0 || port == 0 || local_port == 0)
        fault("a caller from elsewhere", arg);
    leave(arg);
    return 0;
}

static int on_disconnect(void *arg, struct rist_peer *peer)
{
    (void)peer;
    enter(arg, DISCONNECT);
    leave(arg);
    return 0;
}

static void on_connection(void *arg, struct rist_peer *peer, enum rist_connection_status status)
{
    (void)peer;
    (void)status;
    enter(arg, CONNECTION);
    leave(arg);
}

static int on_data(void *arg, struct rist_data_block *block)
{
    struct context *context = arg;

    enter(context, DATA);
    take_block(context->pair, block, true);
    leave(context);
    return 0;
}

static size_t length_of(uint32_t number)
{
    return 12 + number * 37 % 1300;
}

/* A payload tells its own contents. */
size_t fill(const struct pair *pair, uint32_t number, uint8_t *payload)
{
    size_t length = length_of(number);

    memcpy(payload, &pair->nonce, 4);
    memcpy(payload + 4, &number, 4);
    memset(payload + 8, (int)(number % 251), length - 8);
    return length;
}

static void check_payload(const struct context *context, const uint8_t *payload, size_t length)
{
    uint32_t nonce, number;
    size_t at;

    if (length < 12)
        fault("a payload is too short", context);
    memcpy(&nonce, payload, 4);
    memcpy(&number, payload + 4, 4);
    if (nonce != context->pair->nonce || length != length_of(number))
        fault("a payload of somebody else's", context);
    for (at = 8; at < length; at++)
        if (payload[at] != number % 251)
            fault("a payload is damaged", context);
}

/* Frees a block, now or when its context has gone. */
void take_block(struct pair *pair, struct rist_data_block *block, bool may_keep)
{
    uint32_t place;

    check_payload(&pair->receiver, block->payload, block->payload_len);
    SET(pair->came, 1);
    place = (uint32_t)COUNT(blocks_received) % (KEPT * 4);
    if (may_keep && place < KEPT)
        block = __atomic_exchange_n(&pair->kept[place], block, __ATOMIC_ACQ_REL);
    if (block != NULL)
        rist_receiver_data_block_free2(&block);
}

static int on_out_of_band(void *arg, const struct rist_oob_block *block)
{
    enter(arg, OUT_OF_BAND);
    check_payload(arg, block->payload, block->payload_len);
    leave(arg);
    return 0;
}

static int on_stats(void *arg, const struct rist_stats *stats)
{
    enter(arg, STATS);
    if (strlen(stats->stats_json) != stats->json_size)
        fault("statistics of another length", arg);
    rist_stats_free(stats);
    leave(arg);
    return 0;
}

static int on_sender_stats(void *arg, uint16_t version, char *json, uint32_t size)
{
    (void)version;
    enter(arg, SENDER_STATS);
    if (strlen(json) != size)
        fault("a document of another length", arg);
    leave(arg);
    return 0;
}

static int on_time_out(void *arg, uint32_t flow_id)
{
    (void)flow_id;
    enter(arg, TIMED_OUT);
    leave(arg);
    return 0;
}

static int on_flow_attribute(void *arg, struct rist_peer *peer, const char *json, size_t length)
{
    (void)peer;
    enter(arg, FLOW_ATTRIBUTE);
    if (strlen(json) > length || json[length] != '\0')
        fault("a flow attribute without its end", arg);
    leave(arg);
    return 0;
}

static void *copy(const uint8_t *bytes, size_t length)
{
    return memcpy(malloc(length), bytes, length);
}

static void on_look_up(char *username, librist_verifier_lookup_data_t *answer, int *hash_version, uint64_t *generation,
                       void *arg)
{
    enter(arg, LOOK_UP);
    *hash_version = 1;
    *generation = 1;
    if (answer != NULL && strcmp(username, "user") == 0) {
        answer->verifier = copy(verifier, answer->verifier_len = verifier_length);
        answer->salt = copy(salt, answer->salt_len = salt_length);
        answer->default_ng = true;
    }
    leave(arg);
}

/* Another network, which is the system's after all. */
static ssize_t on_send(void *arg, int fd, const void *bytes, size_t length, int flags, const struct sockaddr *to,
                       socklen_t to_length)
{
    ssize_t sent;

    enter(arg, NETWORK);
    sent = sendto(fd, bytes, length, flags, to, to_length);
    leave(arg);
    return sent;
}

static ssize_t on_receive(void *arg, int fd, void *bytes, size_t length, int flags, struct sockaddr *from,
                          socklen_t *from_length)
{
    ssize_t came;

    enter(arg, NETWORK);
    came = recvfrom(fd, bytes, length, flags, from, from_length);
    leave(arg);
    return came;
}

static int on_poll(void *arg, struct pollfd *waiting, int count, int milliseconds)
{
    int ready;

    enter(arg, NETWORK);
    ready = poll(waiting, (nfds_t)count, milliseconds);
    leave(arg);
    return ready;
}

void make_user(void)
{
    const char *n, *g;

    if (librist_get_ng_constants(3, &n, &g) != 0
        || librist_crypto_srp_create_verifier(n, g, "user", "password", &salt, &salt_length, &verifier,
                                              &verifier_length, true) != 0)
        abort();
}

/* Whoever calls knows the password, whoever listens looks the user up. */
bool log_in(const struct context *context, struct rist_peer *peer, bool listens)
{
    void *arg = (void *)(uintptr_t)context;

    if (listens)
        return rist_enable_eap_srp_2(peer, NULL, NULL, on_look_up, arg) == 0;
    return rist_enable_eap_srp_2(peer, "user", "password", NULL, NULL) == 0;
}

/* Switches one on or off, at any time; an error says that another thread has destroyed the context. */
void set_one_callback(struct context *context, enum kind kind, bool on, int milliseconds)
{
    struct rist_ctx *handle = LOOK(context->handle);

    switch (kind) {
    case CONNECT:
    case DISCONNECT:
        rist_auth_handler_set(handle, on ? on_connect : NULL, on ? on_disconnect : NULL, context);
        break;
    case CONNECTION:
        rist_connection_status_callback_set(handle, on ? on_connection : NULL, context);
        break;
    case DATA:
        if (!context->sends)
            rist_receiver_data_callback_set2(handle, on ? on_data : NULL, context);
        break;
    case OUT_OF_BAND:
        if (context->pair->profile != RIST_PROFILE_SIMPLE)
            rist_oob_callback_set(handle, on ? on_out_of_band : NULL, context);
        break;
    case STATS:
        rist_stats_callback_set(handle, milliseconds, on ? on_stats : NULL, context);
        break;
    case SENDER_STATS:
        if (context->sends)
            rist_sender_stats_callback_set(handle, milliseconds, on ? on_sender_stats : NULL, context);
        break;
    case TIMED_OUT:
        if (!context->sends)
            rist_receiver_session_timeout_callback_set(handle, on ? on_time_out : NULL, context);
        break;
    case FLOW_ATTRIBUTE:
        if (!context->sends)
            rist_receiver_flow_attr_callback_set(handle, on ? on_flow_attribute : NULL, context);
        break;
    default:
        break;
    }
}

/* Before start, when all of them can be set; the log is set already, and look-ups come with the login. */
void set_callbacks(struct context *context, uint64_t *random)
{
    rist_thread_callback_t thread = { on_thread };
    struct rist_transport_ops network = { context, on_send, on_receive, on_poll, NULL };
    enum kind kind;

    for (kind = CONNECT; kind <= FLOW_ATTRIBUTE; kind++)
        if (context->wants[kind])
            set_one_callback(context, kind, true, 1 + (int)below(random, 5));
    if (context->wants[THREAD])
        rist_set_opt(LOOK(context->handle), RIST_OPT_THREAD_CALLBACK, &thread, context, NULL);
    if (context->wants[NETWORK])
        rist_transport_set(LOOK(context->handle), &network);
}

/* Some, and in every third context one to destroy it in. */
void choose_callbacks(struct context *context, uint64_t *random)
{
    enum kind kind;

    for (kind = LOG; kind < KINDS; kind++)
        context->wants[kind] = below(random, kind == NETWORK ? 6 : 2) == 0;
    if (!context->sends)
        context->wants[DATA] = context->pair->reading == CALLBACK;
    context->destroyed_in = below(random, 3) == 0 ? below(random, KINDS) : KINDS;
    if (context->destroyed_in < KINDS && (context->destroyed_in != DATA || context->pair->reading == CALLBACK))
        context->wants[context->destroyed_in] = true;
    context->logging.log_level = below(random, 2) == 0 ? RIST_LOG_INFO : RIST_LOG_DEBUG;
    context->logging.log_cb = on_log;
    context->logging.log_cb_arg = context;
    context->logging.log_socket = -1;
}
