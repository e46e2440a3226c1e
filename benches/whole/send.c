/* The sending side: makes packets and writes them when they are due. */
#define _POSIX_C_SOURCE 200809L
#include <dlfcn.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

#include "load.h"

/* Packets that are due closer together than this leave together. */
#define TICK 250000LL
/* What is later than this is left out: a stall of the machine is not to become a burst. */
#define ARREARS 10000000LL

typedef int (*write_batch_t)(struct rist_ctx *, const struct rist_data_block *, size_t);

static struct output {
    struct rist_ctx *ctx[MAX_FLOWS]; /* none: nothing is written, but by --plain */
    int connected[MAX_FLOWS];
    write_batch_t write_batch;
    int fd;
    struct sockaddr_in address;
    uint64_t turn, refused, measured[MAX_FLOWS];
    struct histogram calls;
    struct sample begin, end;
} output;

void prepare_sender(void)
{
    void *symbol;

    if (options.batch == 1)
        return;
    symbol = dlsym(dlopen(NULL, RTLD_NOW), "rist_sender_data_write_batch");
    if (!symbol)
        fail("this library has no rist_sender_data_write_batch");
    if (options.plain || options.flows > 1)
        fail("--batch goes with neither --plain nor --flows");
    memcpy(&output.write_batch, &symbol, sizeof symbol);
}

/* Up to a batch of packets with one call. */
static void write_packets(unsigned number, enum phase phase)
{
    static unsigned char packets[MAX_BATCH][PACKET];
    struct rist_data_block blocks[MAX_BATCH];
    uint32_t flow = (uint32_t)(output.turn++ % (uint64_t)options.flows);
    int64_t start = 0;
    int done;
    unsigned i;

    memset(blocks, 0, number * sizeof *blocks);
    for (i = 0; i < number; i++) {
        struct header header = { flow, phase, output.measured[flow], now_ns() };
        output.measured[flow] += phase == MEASURED;
        memcpy(packets[i], &header, sizeof header);
        memcpy(packets[i] + sizeof header, body_of(&header), PACKET - sizeof header);
        blocks[i].payload = packets[i];
        blocks[i].payload_len = PACKET;
        start = header.written;
    }
    if (output.fd >= 0)
        done = sendto(output.fd, packets[0], PACKET, 0, (struct sockaddr *)&output.address, sizeof output.address) == PACKET;
    else if (!output.ctx[flow])
        done = (int)number;
    else if (output.write_batch)
        done = output.write_batch(output.ctx[flow], blocks, number);
    else
        done = rist_sender_data_write(output.ctx[flow], blocks) == PACKET;
    if (phase == MEASURED) {
        count(&output.calls, now_ns() - start);
        output.refused += number - (unsigned)(done < 0 ? 0 : done);
    }
}

/* Waits until something is due; returns how many packets are. */
static int64_t wait_due(int64_t *next, int64_t interval)
{
    int64_t due, now;

    sleep_until(interval > TICK ? *next : (now_ns() / TICK + 1) * TICK);
    now = now_ns();
    if (now - *next > ARREARS)
        *next = now;
    due = now < *next ? 0 : (now - *next) / interval + 1;
    *next += due * interval;
    return due;
}

static void stream(double warm_up, double seconds, double tail)
{
    int64_t interval = (int64_t)(PACKET * 8 * 1000 / (options.rate * options.flows));
    int64_t next = now_ns(), due, end[] = { 0, 0, 0 };
    enum phase phase = WARM_UP;

    end[WARM_UP] = next + (int64_t)(warm_up * SECOND);
    end[MEASURED] = end[WARM_UP] + (int64_t)(seconds * SECOND);
    end[TAIL] = end[MEASURED] + (int64_t)(tail * SECOND);
    for (;;) {
        due = wait_due(&next, interval);
        while (phase != OVER && now_ns() >= end[phase]) {
            struct sample now = take_sample();
            if (phase == WARM_UP)
                output.begin = now;
            else if (phase == MEASURED)
                output.end = now;
            phase++;
        }
        if (phase == OVER)
            return;
        while (due > 0) {
            unsigned number = (unsigned)(due < options.batch ? due : options.batch);
            write_packets(number, phase);
            due -= number;
        }
    }
}

/* The same without a library: clock, sleep, and making packets. */
static struct pacing measure_pacing(void)
{
    struct pacing pacing = { 0, 0 };
    double seconds = options.seconds < 2 ? options.seconds / 2 : 1;

    stream(0.05, seconds, 0);
    seconds = (double)(output.end.wall - output.begin.wall) / SECOND;
    pacing.cpu = (double)(output.end.cpu - output.begin.cpu) / SECOND / seconds;
    pacing.switches = (double)(output.end.switches - output.begin.switches) / seconds;
    memset(output.measured, 0, sizeof output.measured);
    memset(output.calls.bucket, 0, sizeof output.calls.bucket);
    return pacing;
}

static void open_output(void)
{
    int i;
    if (options.plain)
        output.fd = open_socket(&output.address);
    for (i = 0; i < options.flows && !options.plain; i++)
        output.ctx[i] = open_context((uint32_t)i * 2 + 2, NULL, &output.connected[i]);
    for (i = 0; i < options.flows && !options.plain; i++)
        wait_connected(&output.connected[i]);
}

int send_stream(void)
{
    struct pacing pacing = { 0, 0 };
    uint64_t packets = 0;
    int i;

    output.calls.width = 50;
    output.fd = -1;
    if (!options.idle)
        pacing = measure_pacing();
    open_output();
    if (options.idle)
        measure_idle(&output.begin, &output.end, options.seconds);
    else
        stream(0.5 + options.buffer / 1e3, options.seconds, 0.3 + options.buffer / 1e3);
    for (i = 0; i < options.flows; i++)
        packets += output.measured[i];
    printf("send");
    print_library();
    print_cost(output.begin, output.end, pacing, packets, PACKET);
    printf(" refused=%" PRIu64 " pacing_cpu=%.3f", output.refused, pacing.cpu * 100);
    printf(" write_p50_us=%.2f write_p99_us=%.2f\n", percentile_us(&output.calls, 0.5), percentile_us(&output.calls, 0.99));
    fflush(stdout);
    for (i = 0; i < options.flows && output.ctx[i]; i++)
        rist_destroy(output.ctx[i]);
    return 0;
}
