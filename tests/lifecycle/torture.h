/* A sender and a receiver are created, used by several threads at once and destroyed, again and again: what the parts of
 * the program share. Counters are relaxed, so that they order nothing and hide no race from a sanitizer. */
#ifndef TORTURE_H
#define TORTURE_H

#include <librist/ferrist.h>
#include <librist/librist.h>
#include <stdbool.h>
#include <stdint.h>

#define COUNT(counter) __atomic_add_fetch(&(counter), 1, __ATOMIC_RELAXED)
#define LOOK(value) __atomic_load_n(&(value), __ATOMIC_RELAXED)
#define SET(value, to) __atomic_store_n(&(value), (to), __ATOMIC_RELAXED)

/* What the library calls. */
enum kind {
    LOG, THREAD, CONNECT, DISCONNECT, CONNECTION, DATA, OUT_OF_BAND, STATS, SENDER_STATS, TIMED_OUT, FLOW_ATTRIBUTE, LOOK_UP,
    NETWORK, KINDS
};

/* How the receiver's blocks are taken. */
enum reading { CALLBACK, SINGLE, BATCH, DESCRIPTOR, READINGS };

#define KEPT 32

struct pair;

struct context {
    struct rist_ctx *handle;
    struct rist_peer *peer;
    struct pair *pair;
    bool sends;
    /* The callbacks that are set, and the one in which it is destroyed: KINDS for none. */
    bool wants[KINDS];
    unsigned destroyed_in;
    struct rist_logging_settings logging;
    /* Callbacks that run; and whether rist_destroy() has returned. */
    int inside, destroyed;
};

struct pair {
    struct context sender, receiver;
    uint32_t nonce;
    enum rist_profile profile;
    enum reading reading;
    bool secret, login, sender_listens, peers_first;
    int port, notify[2];
    uint32_t written;
    int came, stop;
    /* Blocks that are freed when the contexts have gone. */
    struct rist_data_block *kept[KEPT];
};

struct worker {
    struct pair *pair;
    uint64_t random;
    bool reads;
    /* Destroys a context when it has done so many things; -1 for never. */
    int destroys_after;
    struct rist_peer *extra[2];
    uint8_t payloads[8][1400];
};

/* figures.c */
extern uint64_t calls[KINDS], destroyed_in[KINDS], blocks_received;
uint64_t now_ns(void);
uint32_t below(uint64_t *random, uint32_t limit);
void fault(const char *what, const struct context *context);
void fault_in(const char *what, enum kind kind, const struct context *context);
void note_destroy(uint64_t took_ns);
bool print_figures(int cycles);
void remember_resources(void);

/* callbacks.c */
void choose_callbacks(struct context *context, uint64_t *random);
void set_callbacks(struct context *context, uint64_t *random);
void set_one_callback(struct context *context, enum kind kind, bool on, int milliseconds);
size_t fill(const struct pair *pair, uint32_t number, uint8_t *payload);
void take_block(struct pair *pair, struct rist_data_block *block, bool may_keep);
void make_user(void);
bool log_in(const struct context *context, struct rist_peer *peer, bool listens);

/* contexts.c */
/* The contexts in whose callbacks this thread is, outermost first. */
extern __thread struct context *nesting[64];
extern __thread int depth;
void create(struct context *context);
struct rist_peer *add_peer(const struct context *context, bool listens, int port);
void destroy(struct context *context, unsigned in);

/* workers.c */
void *work(void *worker);

#endif
