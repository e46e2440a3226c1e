/* What the programs of this directory share: two contexts on the loopback, and numbered packets between them. */
#ifndef COMMON_H
#define COMMON_H
#define _GNU_SOURCE
#include "../abi/check.h"
#include <errno.h>
#include <librist/librist.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { PAYLOAD = 1316, PATIENCE_MS = 20000 };

static inline int64_t now_ms(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

static inline void pause_ms(int ms)
{
    struct timespec rest = {ms / 1000, ms % 1000 * 1000000L};

    while (nanosleep(&rest, &rest) != 0 && errno == EINTR)
        ;
}

/* 0, or -1 as rist_peer_create says. */
static inline int add_peer(struct rist_ctx *ctx, const char *format, int port)
{
    struct rist_peer_config *config = NULL;
    struct rist_peer *peer;
    char url[200];
    int result;

    snprintf(url, sizeof url, format, port);
    CHECK(rist_parse_address2(url, &config) == 0);
    result = rist_peer_create(ctx, &peer, config);
    CHECK(rist_peer_config_free2(&config) == 0);
    return result;
}

static inline int write_number(struct rist_ctx *sender, uint32_t number)
{
    char payload[PAYLOAD] = {0};
    struct rist_data_block block = {.payload = payload, .payload_len = PAYLOAD};

    memcpy(payload, &number, sizeof number);
    return rist_sender_data_write(sender, &block);
}

/* The next packet's number, -1 if none comes in time, -2 for an error. */
static inline int64_t read_number(struct rist_ctx *receiver, int timeout_ms)
{
    struct rist_data_block *block = NULL;
    uint32_t number;
    int result = rist_receiver_data_read2(receiver, &block, timeout_ms);

    if (result <= 0 || !block)
        return result < 0 ? -2 : -1;
    memcpy(&number, block->payload, sizeof number);
    rist_receiver_data_block_free2(&block);
    return number;
}

struct link {
    struct rist_ctx *sender, *receiver;
    uint32_t next;
};

static inline void connect_link(struct link *link, int port, enum rist_profile profile)
{
    memset(link, 0, sizeof *link);
    CHECK(rist_receiver_create(&link->receiver, profile, NULL) == 0);
    CHECK(rist_sender_create(&link->sender, profile, 0, NULL) == 0);
    CHECK(add_peer(link->receiver, "rist://@127.0.0.1:%d?buffer=100", port) == 0);
    CHECK(add_peer(link->sender, "rist://127.0.0.1:%d?buffer=100", port) == 0);
    CHECK(rist_start(link->receiver) == 0 && rist_start(link->sender) == 0);
}

/* Writes packets until one comes out. */
static inline void establish(struct link *link)
{
    int64_t end = now_ms() + PATIENCE_MS;

    do {
        CHECK(now_ms() < end);
        CHECK(write_number(link->sender, link->next++) == PAYLOAD);
    } while (read_number(link->receiver, 10) < 0);
    /* What is under way. */
    while (read_number(link->receiver, 300) >= 0)
        ;
}

/* Sends packets, 1 ms apart; each comes out, in order, once. */
static inline void stream(struct link *link, uint32_t count)
{
    uint32_t expected = link->next, end = link->next + count;

    while (expected < end) {
        int64_t number;

        if (link->next < end) {
            CHECK(write_number(link->sender, link->next++) == PAYLOAD);
            pause_ms(1);
            number = read_number(link->receiver, 0);
        } else {
            number = read_number(link->receiver, PATIENCE_MS);
            CHECK(number >= 0);
        }
        CHECK(number == -1 || number == expected);
        if (number >= 0)
            expected++;
    }
}

static inline void disconnect(struct link *link)
{
    CHECK(rist_destroy(link->sender) == 0 && rist_destroy(link->receiver) == 0);
}

static inline int port_of(int argc, char **argv)
{
    CHECK(argc > 1);
    alarm(100);
    return atoi(argv[1]);
}
#endif
