/* lifecycle CYCLES SEED: the torture, cycle by cycle. Prints figures; 0 if all was as promised. */
#define _GNU_SOURCE
#include "torture.h"

#include <fcntl.h>
#include <netinet/in.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define WORKERS 4
#define GRAVES 16
/* A cycle that takes longer hangs. */
#define LIMIT_S 120
#define PATIENCE_NS 60000000000

static struct pair *graves[GRAVES];
static volatile int current;
static volatile uint64_t seed;

static void on_alarm(int number)
{
    char line[100];
    int length = snprintf(line, sizeof line, "fault: cycle %d of seed %llu hangs\n", current, (unsigned long long)seed);

    (void)number;
    if (write(1, line, (size_t)length) < 0)
        _exit(3);
    abort();
}

static struct pair *choose(uint64_t *random, int cycle)
{
    struct pair *pair = calloc(1, sizeof *pair);

    pair->sender.pair = pair->receiver.pair = pair;
    pair->sender.sends = true;
    pair->nonce = (uint32_t)cycle * 2654435761u + 1;
    pair->profile = (enum rist_profile)below(random, 3);
    pair->reading = (enum reading)below(random, READINGS);
    pair->peers_first = below(random, 2) == 0;
    if (pair->profile != RIST_PROFILE_SIMPLE) {
        pair->secret = below(random, 2) == 0;
        pair->login = below(random, 4) == 0;
        pair->sender_listens = below(random, 2) == 0;
    }
    if (pair->reading == DESCRIPTOR && pipe2(pair->notify, O_NONBLOCK | O_CLOEXEC) != 0)
        abort();
    choose_callbacks(&pair->sender, random);
    choose_callbacks(&pair->receiver, random);
    return pair;
}

static void begin(struct context *context)
{
    /* The log or thread callback may have destroyed it. */
    if (rist_start(LOOK(context->handle)) != 0 && context->destroyed_in == KINDS)
        fault("a context does not start", context);
}

static void add_main_peer(struct context *context, bool listens)
{
    struct pair *pair = context->pair;
    struct sockaddr_in name;
    socklen_t length = sizeof name;
    int media = -1;

    context->peer = add_peer(context, listens, listens ? 0 : pair->port);
    if (context->peer == NULL) {
        if (context->destroyed_in == KINDS)
            fault("a peer is refused", context);
        return;
    }
    if (pair->login && !log_in(context, context->peer, listens) && context->destroyed_in == KINDS)
        fault("a login is refused", context);
    if (listens && rist_peer_get_socket(context->peer, &media, NULL) >= 0
        && getsockname(media, (struct sockaddr *)&name, &length) == 0)
        pair->port = ntohs(name.sin_port);
}

static void wait_for_end(struct context *context)
{
    uint64_t start = now_ns();

    /* Destroyed in a callback of another thread: rist_destroy() has told this one so at once. */
    while (!LOOK(context->destroyed) || __atomic_load_n(&context->inside, __ATOMIC_ACQUIRE) > 0) {
        if (now_ns() - start > PATIENCE_NS)
            fault("its end does not come", context);
        usleep(100);
    }
}

/* What may go on for how long, before the contexts are destroyed. */
static void let_it_run(struct pair *pair, uint64_t *random)
{
    uint32_t choice = below(random, 4);
    uint64_t start = now_ns(), most = choice == 0 ? 0 : choice == 1 ? 3000000 : 60000000;

    /* A receiver without any flow tells so after a second. */
    if (pair->receiver.destroyed_in == TIMED_OUT && below(random, 2) == 0)
        choice = 1, most = 1300000000;
    while (now_ns() - start < most && !(choice > 1 && LOOK(pair->came)) && !LOOK(pair->receiver.destroyed))
        usleep(200);
    usleep(below(random, 2000));
}

static void cycle(int number, uint64_t *random)
{
    struct pair *pair = choose(random, number);
    struct context *first = &pair->sender, *second = &pair->receiver, *swap;
    struct context *listener = pair->sender_listens ? &pair->sender : &pair->receiver;
    struct context *caller = pair->sender_listens ? &pair->receiver : &pair->sender;
    struct worker *workers = calloc(WORKERS, sizeof *workers);
    pthread_t threads[WORKERS];
    uint32_t count = 1 + below(random, WORKERS), n, destroyer = below(random, WORKERS * 2);

    if (below(random, 2) == 0)
        swap = first, first = second, second = swap;
    create(first);
    create(second);
    set_callbacks(first, random);
    set_callbacks(second, random);
    if (pair->reading == DESCRIPTOR)
        rist_receiver_data_notify_fd_set(LOOK(pair->receiver.handle), pair->notify[1]);
    if (!pair->peers_first)
        begin(first), begin(second);
    add_main_peer(listener, true);
    add_main_peer(caller, false);
    if (pair->peers_first)
        begin(second), begin(first);

    for (n = 0; n < count; n++) {
        workers[n].pair = pair;
        workers[n].random = ((uint64_t)below(random, 1u << 30) << 30) + n + 1;
        workers[n].reads = n == 1 && pair->reading != CALLBACK;
        workers[n].destroys_after = n == destroyer ? (int)below(random, 40) : -1;
        if (pthread_create(&threads[n], NULL, work, &workers[n]) != 0)
            abort();
    }
    let_it_run(pair, random);
    /* Without any writer left, sometimes, and sometimes with all of them. */
    SET(pair->stop, below(random, 3) == 0);
    if (below(random, 2) == 0)
        swap = first, first = second, second = swap;
    destroy(first, KINDS);
    destroy(second, KINDS);
    wait_for_end(first);
    wait_for_end(second);
    SET(pair->stop, 1);
    for (n = 0; n < count; n++)
        pthread_join(threads[n], NULL);

    if (pair->reading == DESCRIPTOR) {
        close(pair->notify[0]);
        close(pair->notify[1]);
    }
    for (n = 0; n < KEPT; n++)
        if (pair->kept[n] != NULL)
            rist_receiver_data_block_free2(&pair->kept[n]);
    free(workers);
    /* Kept for a while: a late callback finds that its context has gone. */
    free(graves[number % GRAVES]);
    graves[number % GRAVES] = pair;
}

int main(int argc, char **argv)
{
    int cycles = argc > 1 ? atoi(argv[1]) : 100, warm_up = cycles / 5 < 500 ? cycles / 5 : 500;
    uint64_t random, start = now_ns();

    seed = argc > 2 ? strtoull(argv[2], NULL, 10) : 1;
    random = seed * 0x9e3779b97f4a7c15u + 1;
    setvbuf(stdout, NULL, _IOLBF, 0);
    printf("seed %llu\n", (unsigned long long)seed);
    signal(SIGALRM, on_alarm);
    make_user();
    for (current = 0; current < cycles; current++) {
        if (current == warm_up)
            remember_resources();
        alarm(LIMIT_S);
        cycle(current, &random);
    }
    alarm(LIMIT_S);
    if (!print_figures(cycles))
        return 1;
    printf("all as promised, %.1f s\n", (double)(now_ns() - start) / 1e9);
    return 0;
}
