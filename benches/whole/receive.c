/* The receiving side: takes packets and checks them. */
#define _POSIX_C_SOURCE 200809L
#include <semaphore.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "load.h"

struct flow {
    uint64_t next, packets, gaps, repeated, expected;
    int ended;
};

static struct receiver {
    struct flow flows[MAX_FLOWS];
    struct histogram late;
    struct sample begin, end; /* of the first flow: it stands for all */
    int damaged, flows_ended;
    sem_t over;
} receiver;

static void take_packet(const void *payload, size_t length)
{
    struct header header;
    struct flow *flow;

    if (length == PACKET)
        memcpy(&header, payload, sizeof header);
    if (length != PACKET || header.flow >= (uint32_t)options.flows
        || memcmp((const char *)payload + sizeof header, body_of(&header), PACKET - sizeof header) != 0) {
        __atomic_fetch_add(&receiver.damaged, 1, __ATOMIC_RELAXED);
        return;
    }
    flow = &receiver.flows[header.flow];
    if (header.phase == MEASURED) {
        if (header.flow == 0 && receiver.begin.wall == 0)
            receiver.begin = take_sample();
        count(&receiver.late, now_ns() - header.written - options.buffer * (options.plain ? 0 : 1000000LL));
        if (header.seq < flow->next) {
            flow->repeated++; /* or out of order: neither may be */
        } else {
            flow->gaps += header.seq > flow->next;
            flow->packets++;
            flow->next = header.seq + 1;
        }
    } else if (header.phase == TAIL && !flow->ended) {
        if (header.flow == 0)
            receiver.end = take_sample();
        flow->ended = 1;
        flow->expected = header.seq;
        if (__atomic_add_fetch(&receiver.flows_ended, 1, __ATOMIC_ACQ_REL) == options.flows)
            sem_post(&receiver.over);
    }
}

int on_packet(void *arg, struct rist_data_block *block)
{
    (void)arg;
    take_packet(block->payload, block->payload_len);
    rist_receiver_data_block_free2(&block);
    return 0;
}

/* The sender has gone. */
static void on_signal(int number)
{
    (void)number;
    sem_post(&receiver.over);
}

void prepare_receiver(void)
{
    struct sigaction action;
    sem_init(&receiver.over, 0, 0);
    memset(&action, 0, sizeof action);
    action.sa_handler = on_signal;
    sigaction(SIGTERM, &action, NULL);
}

static void receive_plain(void)
{
    static char packet[2048];
    struct sockaddr_in address;
    int over = 0, fd = open_socket(&address);

    if (bind(fd, (struct sockaddr *)&address, sizeof address) != 0)
        fail("bind");
    while (sem_getvalue(&receiver.over, &over) == 0 && over == 0) {
        ssize_t length = recvfrom(fd, packet, sizeof packet, 0, NULL, NULL);
        if (length >= 0)
            take_packet(packet, (size_t)length);
    }
    close(fd);
}

int receive_stream(void)
{
    struct flow sum;
    struct rist_ctx *ctx = NULL;
    int i, connected = 0;

    memset(&sum, 0, sizeof sum);
    receiver.late.low = -50 * SECOND / 1000;
    receiver.late.width = 10000;
    if (options.plain)
        receive_plain();
    else
        ctx = open_context(0, on_packet, &connected);
    if (options.idle) {
        wait_connected(&connected);
        measure_idle(&receiver.begin, &receiver.end, options.seconds);
    }
    while (ctx && sem_wait(&receiver.over) != 0)
        ;
    for (i = 0; i < options.flows; i++) {
        sum.packets += receiver.flows[i].packets;
        sum.gaps += receiver.flows[i].gaps;
        sum.repeated += receiver.flows[i].repeated;
        /* Of one that has not ended nothing later is known. */
        sum.expected += receiver.flows[i].ended ? receiver.flows[i].expected : receiver.flows[i].next;
    }
    printf("receive");
    print_library();
    print_cost(receiver.begin, receiver.end, (struct pacing){ 0, 0 }, sum.packets, PACKET);
    printf(" ended=%d lost=%" PRId64 " gaps=%" PRIu64 " repeated=%" PRIu64 " damaged=%d", receiver.flows_ended,
           (int64_t)(sum.expected - sum.packets), sum.gaps, sum.repeated, receiver.damaged);
    printf(" late_p50_us=%.0f late_p99_us=%.0f\n", percentile_us(&receiver.late, 0.5), percentile_us(&receiver.late, 0.99));
    fflush(stdout);
    if (ctx)
        rist_destroy(ctx);
    return receiver.damaged || (!options.idle && receiver.flows_ended < options.flows);
}
