/* Contexts and their peers. */
#define _GNU_SOURCE
#include "torture.h"

#include <stdio.h>
#include <string.h>

__thread struct context *nesting[64];
__thread int depth;

/* A context with its callbacks yet to be set; its log may run from here on. */
void create(struct context *context)
{
    struct rist_logging_settings *logging = context->wants[LOG] ? &context->logging : NULL;
    struct rist_ctx *handle = NULL;
    int result = context->sends ? rist_sender_create(&handle, context->pair->profile, 0, logging)
                                : rist_receiver_create(&handle, context->pair->profile, logging);

    if (result != 0)
        fault("a context is refused", context);
    SET(context->handle, handle);
}

/* NULL if it is refused: another thread may have destroyed the context. */
struct rist_peer *add_peer(const struct context *context, bool listens, int port)
{
    struct rist_peer_config *config = NULL;
    struct rist_peer *peer = NULL;
    char url[200];

    snprintf(url, sizeof url, "rist://%s127.0.0.1:%d?buffer=4&cname=torture%s", listens ? "@" : "", port,
             context->pair->secret ? "&aes-type=128&secret=a secret" : "");
    if (rist_parse_address2(url, &config) != 0)
        fault("a URL is refused", context);
    if (rist_peer_create(LOOK(context->handle), &peer, config) != 0)
        peer = NULL;
    rist_peer_config_free2(&config);
    return peer;
}

/* Destroys a context, unless another thread is at it, and looks whether any callback still runs. */
void destroy(struct context *context, unsigned in)
{
    uint64_t start = now_ns();
    int level, own = 0;

    if (rist_destroy(LOOK(context->handle)) != 0)
        return;
    note_destroy(now_ns() - start);
    SET(context->destroyed, 1);
    for (level = 0; level < depth; level++)
        own += nesting[level] == context;
    if (LOOK(context->inside) != own)
        fault("a callback runs although rist_destroy() has returned", context);
    if (in < KINDS)
        COUNT(destroyed_in[in]);
}
