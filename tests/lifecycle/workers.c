/* The program's own threads: they write, read, change peers and callbacks, all at once, also while the contexts are
 * destroyed and afterwards, when their handles are stale. */
#define _GNU_SOURCE
#include "torture.h"

#include <poll.h>
#include <string.h>
#include <unistd.h>

static void pause_us(uint64_t *random, uint32_t most)
{
    uint32_t microseconds = below(random, most);

    if (microseconds > 50)
        usleep(microseconds);
}

static void write_some(struct worker *worker)
{
    struct pair *pair = worker->pair;
    struct rist_data_block blocks[8];
    struct rist_ctx *handle = LOOK(pair->sender.handle);
    uint32_t count = 1 + below(&worker->random, 8), n;
    int sent = 0;

    memset(blocks, 0, sizeof blocks);
    for (n = 0; n < count; n++) {
        blocks[n].payload = worker->payloads[n];
        blocks[n].payload_len = fill(pair, COUNT(pair->written), worker->payloads[n]);
    }
    if (below(&worker->random, 3) == 0)
        sent = rist_sender_data_write_batch(handle, blocks, count);
    else
        for (n = 0; n < count && sent >= 0; n++)
            sent = rist_sender_data_write(handle, &blocks[n]);
}

static void write_out_of_band(struct worker *worker, struct context *context)
{
    struct rist_oob_block block = { 0 };

    block.peer = below(&worker->random, 2) == 0 ? NULL : context->peer;
    block.payload = worker->payloads[0];
    block.payload_len = fill(worker->pair, COUNT(worker->pair->written), worker->payloads[0]);
    if (worker->pair->profile != RIST_PROFILE_SIMPLE)
        rist_oob_write(LOOK(context->handle), &block);
}

/* More paths between the two, and peers that nobody answers. Stale handles are tried, too. */
static void change_peers(struct worker *worker, struct context *context)
{
    struct rist_peer **extra = &worker->extra[context->sends];

    if (*extra != NULL)
        rist_peer_destroy(LOOK(context->handle), *extra);
    if (*extra != NULL && below(&worker->random, 2) == 0)
        return;
    if (context->sends)
        *extra = add_peer(context, false, below(&worker->random, 2) == 0 ? worker->pair->port : 9);
    else
        *extra = add_peer(context, true, 0);
    if (*extra != NULL)
        rist_peer_weight_set(LOOK(context->handle), *extra, below(&worker->random, 10));
}

static void ask(struct worker *worker, struct context *context)
{
    struct rist_ctx *handle = LOOK(context->handle);
    const char *name = NULL;
    uint32_t flow_id;
    int media, control;
    bool on;

    switch (below(&worker->random, 8)) {
    case 0:
        rist_peer_get_cname(context->peer, &name);
        break;
    case 1:
        rist_peer_get_socket(context->peer, &media, &control);
        break;
    case 2:
        rist_sender_flow_id_get(LOOK(worker->pair->sender.handle), &flow_id);
        break;
    case 3:
        rist_sender_npd_enable(LOOK(worker->pair->sender.handle));
        rist_sender_npd_get(LOOK(worker->pair->sender.handle), &on);
        break;
    case 4:
        rist_recovery_rtt_multiplier_set(handle, 7);
        break;
    case 5:
        if (worker->pair->secret)
            rist_peer_update_secret(context->peer, "a secret");
        break;
    case 6:
        rist_sender_flow_attribute_write(LOOK(worker->pair->sender.handle), NULL, "{}", 2);
        break;
    default:
        rist_peer_get_id(context->peer);
        /* What has started can not start again, nor can what has been destroyed. */
        if (LOOK(context->destroyed) && rist_start(handle) == 0)
            fault("a destroyed context starts", context);
    }
}

static void change_callback(struct worker *worker, struct context *context)
{
    enum kind kind = (enum kind)below(&worker->random, KINDS);
    bool on = below(&worker->random, 2) == 0;

    /* One kind decides how blocks are read. */
    if (kind == DATA)
        on = worker->pair->reading == CALLBACK;
    set_one_callback(context, kind, on, 1 + (int)below(&worker->random, 20));
}

/* Whether the context still gives blocks. */
static bool read_some(struct worker *worker)
{
    struct pair *pair = worker->pair;
    struct rist_ctx *handle = LOOK(pair->receiver.handle);
    struct rist_data_block *blocks[16];
    struct pollfd waiting = { pair->notify[0], POLLIN, 0 };
    /* Only the end wakes one who waits for so long for nothing. */
    int timeout = below(&worker->random, 4) == 0 ? 600000 : (int)below(&worker->random, 5), count, n;
    uint8_t bytes[64];

    if (pair->reading == DESCRIPTOR) {
        poll(&waiting, 1, 1 + timeout % 5);
        if (read(pair->notify[0], bytes, sizeof bytes) > 0)
            timeout = 0;
    }
    if (pair->reading == BATCH) {
        count = rist_receiver_data_read_batch(handle, blocks, 16, timeout);
        for (n = 0; n < count; n++)
            take_block(pair, blocks[n], n % 2 == 0);
        return count >= 0;
    }
    count = rist_receiver_data_read2(handle, &blocks[0], pair->reading == DESCRIPTOR ? 0 : timeout);
    if (count > 0)
        take_block(pair, blocks[0], true);
    return count >= 0;
}

void *work(void *argument)
{
    struct worker *worker = argument;
    struct pair *pair = worker->pair;
    struct context *context;
    int done;

    while (worker->reads && read_some(worker))
        ;
    for (done = 0; !worker->reads && !LOOK(pair->stop); done++) {
        context = below(&worker->random, 2) == 0 ? &pair->sender : &pair->receiver;
        if (done == worker->destroys_after)
            destroy(context, KINDS);
        switch (below(&worker->random, 16)) {
        case 0:
            change_peers(worker, context);
            break;
        case 1:
            change_callback(worker, context);
            break;
        case 2:
            write_out_of_band(worker, context);
            break;
        case 3:
        case 4:
            ask(worker, context);
            break;
        case 5:
            if (below(&worker->random, 20) == 0)
                rist_peer_destroy(LOOK(context->handle), context->peer);
            break;
        default:
            write_some(worker);
        }
        pause_us(&worker->random, 400);
    }
    return NULL;
}
