/* Many blocks with one call: what is written in batches arrives whole and in order, what is refused is counted right, and
 * blocks may be freed in any order, also when their context has gone. */
#define _POSIX_C_SOURCE 200809L
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>

#include <librist/ferrist.h>
#include <librist/librist.h>

#include "check.h"

#define COUNT 1000
#define BATCH 32
#define LENGTH 1316
#define FIRST_SEQ 65000

struct pair {
    struct rist_ctx *sender, *receiver;
};

static int connected;

static void on_status(void *arg, struct rist_peer *peer, enum rist_connection_status status)
{
    (void)arg;
    (void)peer;
    if (status == RIST_CONNECTION_ESTABLISHED)
        __atomic_store_n(&connected, 1, __ATOMIC_RELEASE);
}

static int64_t now_ms(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

static struct rist_peer *add_peer(struct rist_ctx *ctx, const char *host, int port)
{
    struct rist_peer_config *config = NULL;
    struct rist_peer *peer = NULL;
    char url[64];

    snprintf(url, sizeof url, "rist://%s:%d?buffer=200", host, port);
    CHECK(rist_parse_address2(url, &config) == 0);
    CHECK(rist_peer_create(ctx, &peer, config) == 0);
    CHECK(rist_peer_config_free2(&config) == 0);
    return peer;
}

/* A receiver and a sender that have found each other. */
static struct pair open_pair(enum rist_profile profile)
{
    struct pair pair;
    struct timespec pause = { 0, 1000000 };
    struct sockaddr_in name;
    socklen_t length = sizeof name;
    int64_t deadline = now_ms() + 30000;
    int media = -1;

    __atomic_store_n(&connected, 0, __ATOMIC_RELAXED);
    CHECK(rist_receiver_create(&pair.receiver, profile, NULL) == 0);
    CHECK(rist_sender_create(&pair.sender, profile, 4, NULL) == 0);
    CHECK(rist_connection_status_callback_set(pair.sender, on_status, NULL) == 0);
    CHECK(rist_peer_get_socket(add_peer(pair.receiver, "@127.0.0.1", 0), &media, NULL) >= 0);
    CHECK(getsockname(media, (struct sockaddr *)&name, &length) == 0);
    add_peer(pair.sender, "127.0.0.1", ntohs(name.sin_port));
    CHECK(rist_start(pair.receiver) == 0 && rist_start(pair.sender) == 0);
    while (!__atomic_load_n(&connected, __ATOMIC_ACQUIRE)) {
        CHECK(now_ms() < deadline);
        nanosleep(&pause, NULL);
    }
    return pair;
}

/* No two packets have the same bytes. */
static void fill(unsigned char *payload, int number)
{
    int i;

    for (i = 0; i < LENGTH; i++)
        payload[i] = (unsigned char)(number * 7 + i * 13 + (i >> 8));
    payload[0] = (unsigned char)(number >> 8);
    payload[1] = (unsigned char)number;
}

static void check_block(const struct rist_data_block *block, int number)
{
    unsigned char expected[LENGTH];

    fill(expected, number);
    CHECK(block->payload_len == LENGTH && memcmp(block->payload, expected, LENGTH) == 0);
    CHECK(block->flow_id == 4 && block->ref != NULL);
    CHECK((block->flags & (RIST_DATA_FLAGS_DISCONTINUITY | RIST_DATA_FLAGS_OVERFLOW)) == 0);
}

/* `numbered`: with sequence numbers and times of the program's. */
static void transfer(enum rist_profile profile, int numbered)
{
    static unsigned char payloads[BATCH][LENGTH];
    struct rist_data_block blocks[BATCH], *received[BATCH + 1];
    struct pair pair = open_pair(profile);
    int64_t deadline = now_ms() + 60000;
    uint64_t start = ((uint64_t)now_ms() << 32) / 1000, last_time = 0;
    int written = 0, read = 0, most = 0, i, n;

    while (read < COUNT) {
        n = COUNT - written < BATCH ? COUNT - written : BATCH;
        memset(blocks, 0, sizeof blocks);
        for (i = 0; i < n; i++) {
            fill(payloads[i], written + i);
            blocks[i].payload = payloads[i];
            blocks[i].payload_len = LENGTH;
            if (numbered) {
                blocks[i].flags = RIST_DATA_FLAGS_USE_SEQ;
                blocks[i].seq = (uint64_t)(FIRST_SEQ + written + i) & 0xffff;
                /* A tenth of a millisecond from one to the next. */
                blocks[i].ts_ntp = start + (uint64_t)(written + i) * 429497;
            }
        }
        CHECK(rist_sender_data_write_batch(pair.sender, blocks, (size_t)n) == n);
        written += n;
        memset(payloads, 0, sizeof payloads);

        received[BATCH] = (struct rist_data_block *)blocks;
        n = rist_receiver_data_read_batch(pair.receiver, received, BATCH, written < COUNT ? 1 : 100);
        CHECK(n >= 0 && n <= BATCH && received[BATCH] == (struct rist_data_block *)blocks);
        for (i = 0; i < n; i++) {
            check_block(received[i], read);
            CHECK(rist_peer_get_id(received[i]->peer) != 0);
            if (numbered) {
                CHECK(received[i]->seq == ((uint64_t)(FIRST_SEQ + read) & 0xffff));
                CHECK(received[i]->ts_ntp > last_time);
            }
            last_time = received[i]->ts_ntp;
            read++;
        }
        most = n > most ? n : most;
        rist_receiver_data_block_free_batch(received, (size_t)n);
        for (i = 0; i < n; i++)
            CHECK(received[i] == NULL);
        CHECK(now_ms() < deadline);
    }
    CHECK(read == COUNT && most > 1);
    CHECK(rist_receiver_data_read_batch(pair.receiver, received, BATCH, 0) == 0);
    CHECK(rist_destroy(pair.sender) == 0 && rist_destroy(pair.receiver) == 0);
}

static void refusals_and_waiting(void)
{
    static unsigned char payloads[3][LENGTH];
    struct rist_data_block blocks[5], own, *received[8], *kept[3];
    struct pair pair = open_pair(RIST_PROFILE_SIMPLE);
    int64_t start = now_ms(), deadline = start + 60000;
    int read = 0, i, n;

    /* Time runs out, or is not given. */
    CHECK(rist_receiver_data_read_batch(pair.receiver, received, 8, 50) == 0 && now_ms() - start >= 50);
    CHECK(rist_receiver_data_read_batch(pair.receiver, received, 8, 0) == 0);
    CHECK(rist_receiver_data_read_batch(pair.receiver, received, 8, -1) == 0);
    CHECK(rist_receiver_data_read_batch(pair.receiver, NULL, 0, 600000) == 0);

    /* Wrong roles and null pointers. */
    memset(blocks, 0, sizeof blocks);
    for (i = 0; i < 5; i++) {
        blocks[i].payload = payloads[i % 3];
        blocks[i].payload_len = LENGTH;
    }
    CHECK(rist_sender_data_write_batch(pair.receiver, blocks, 3) == -1);
    CHECK(rist_receiver_data_read_batch(pair.sender, received, 8, 0) == -2);
    CHECK(rist_sender_data_write_batch(NULL, blocks, 3) == -1);
    CHECK(rist_sender_data_write_batch(pair.sender, NULL, 3) == -1);
    CHECK(rist_sender_data_write_batch(pair.sender, NULL, (size_t)-1) == -1);
    CHECK(rist_sender_data_write_batch(pair.sender, blocks, (size_t)-1) == -1);
    CHECK(rist_sender_data_write_batch(pair.sender, blocks, 0) == 0);
    CHECK(rist_receiver_data_read_batch(pair.receiver, NULL, 8, 0) == -1);

    /* Those before the refused one go, those behind it do not. */
    for (i = 0; i < 3; i++)
        fill(payloads[i], i);
    blocks[3].payload_len = 0;
    CHECK(rist_sender_data_write_batch(pair.sender, blocks, 5) == 3);
    blocks[3].payload_len = 9969;
    CHECK(rist_sender_data_write_batch(pair.sender, blocks + 3, 2) == -1);
    blocks[3].payload_len = LENGTH;
    blocks[3].payload = NULL;
    CHECK(rist_sender_data_write_batch(pair.sender, blocks + 3, 2) == -1);
    while (read < 3) {
        n = rist_receiver_data_read_batch(pair.receiver, kept + read, (size_t)(3 - read), 100);
        CHECK(n >= 0 && now_ms() < deadline);
        read += n;
    }
    /* Nothing else was sent: what is sent now comes next. */
    fill(payloads[0], 3);
    CHECK(rist_sender_data_write(pair.sender, blocks) == LENGTH);
    do {
        n = rist_receiver_data_read_batch(pair.receiver, received, 8, 100);
        CHECK(n >= 0 && n < 2 && now_ms() < deadline);
    } while (n == 0);
    check_block(received[0], 3);

    /* A received block may be handed on. */
    own = *received[0];
    own.flags = 0;
    CHECK(rist_sender_data_write_batch(pair.sender, &own, 1) == 1);

    /* In any order, with gaps and blocks of the program's among them, without their contexts. */
    CHECK(rist_destroy(pair.sender) == 0 && rist_destroy(pair.receiver) == 0);
    CHECK(rist_sender_data_write_batch(pair.sender, blocks, 3) == -1);
    CHECK(rist_receiver_data_read_batch(pair.receiver, received + 1, 7, 100) == -1);
    for (i = 0; i < 3; i++)
        check_block(kept[i], i);
    memset(&own, 0, sizeof own);
    received[1] = NULL;
    received[2] = kept[2];
    received[3] = &own;
    received[4] = kept[0];
    rist_receiver_data_block_free_batch(received, 5);
    for (i = 0; i < 5; i++)
        CHECK(received[i] == NULL);
    rist_receiver_data_block_free_batch(received, 5);
    rist_receiver_data_block_free_batch(NULL, 0);
    rist_receiver_data_block_free_batch(NULL, 5);
    check_block(kept[1], 1);
    rist_receiver_data_block_free2(&kept[1]);
}

int main(void)
{
    transfer(RIST_PROFILE_SIMPLE, 0);
    transfer(RIST_PROFILE_SIMPLE, 1);
    transfer(RIST_PROFILE_MAIN, 0);
    refusals_and_waiting();
    puts("all batches as promised");
    return 0;
}
