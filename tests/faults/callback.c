/* A data callback that is slow, stands still once, or stands still when the context is destroyed. */
#include "common.h"

static int each_ms, once_ms, before_number = 100;
static uint32_t got, faults, inside, overlaps;

static int take(void *arg, struct rist_data_block *block)
{
    static uint32_t expected;
    uint32_t number;

    (void)arg;
    if (__atomic_fetch_add(&inside, 1, __ATOMIC_SEQ_CST) != 0)
        overlaps++;
    memcpy(&number, block->payload, sizeof number);
    if (number != expected && got > 0)
        faults++;
    expected = number + 1;
    pause_ms(number == (uint32_t)before_number ? once_ms : each_ms);
    rist_receiver_data_block_free2(&block);
    __atomic_add_fetch(&got, 1, __ATOMIC_SEQ_CST);
    __atomic_fetch_sub(&inside, 1, __ATOMIC_SEQ_CST);
    return 0;
}

static int echoes;

static int note_stats(void *arg, const struct rist_stats *stats)
{
    (void)arg;
    /* The receiver still answers: the sender knows its round trip and sees it alive. */
    if (stats->stats_type == RIST_STATS_SENDER_PEER && stats->stats.sender_peer.received > 0)
        __atomic_add_fetch(&echoes, 1, __ATOMIC_SEQ_CST);
    rist_stats_free(stats);
    return 0;
}

static long resident_mb(void)
{
    long pages[2];
    FILE *statm = fopen("/proc/self/statm", "r");

    CHECK(statm && fscanf(statm, "%ld %ld", &pages[0], &pages[1]) == 2);
    fclose(statm);
    return pages[1] * sysconf(_SC_PAGESIZE) >> 20;
}

static void begin(struct link *link, int port)
{
    memset(link, 0, sizeof *link);
    got = faults = 0;
    CHECK(rist_receiver_create(&link->receiver, RIST_PROFILE_MAIN, NULL) == 0);
    CHECK(rist_sender_create(&link->sender, RIST_PROFILE_MAIN, 0, NULL) == 0);
    CHECK(rist_receiver_data_callback_set2(link->receiver, take, NULL) == 0);
    CHECK(rist_stats_callback_set(link->sender, 100, note_stats, NULL) == 0);
    CHECK(add_peer(link->receiver, "rist://@127.0.0.1:%d?buffer=100", port) == 0);
    CHECK(add_peer(link->sender, "rist://127.0.0.1:%d?buffer=100", port) == 0);
    CHECK(rist_start(link->receiver) == 0 && rist_start(link->sender) == 0);
}

static void write_until(struct link *link, uint32_t end)
{
    while (link->next < end) {
        CHECK(write_number(link->sender, link->next++) == PAYLOAD);
        pause_ms(1);
    }
}

static void wait_for(uint32_t *number, uint32_t least)
{
    int64_t end = now_ms() + PATIENCE_MS;

    while (__atomic_load_n(number, __ATOMIC_SEQ_CST) < least) {
        CHECK(now_ms() < end);
        pause_ms(1);
    }
}

int main(int argc, char **argv)
{
    int port = port_of(argc, argv), seen;
    struct link link;
    long before;
    int64_t start;

    /* Stands still for 3 s: the others go on meanwhile, and everything comes then. */
    once_ms = 3000;
    begin(&link, port);
    write_until(&link, 200);
    before = resident_mb();
    seen = __atomic_load_n(&echoes, __ATOMIC_SEQ_CST);
    write_until(&link, 2000);
    CHECK(__atomic_load_n(&echoes, __ATOMIC_SEQ_CST) > seen);
    CHECK(resident_mb() < before + 30);
    wait_for(&got, 1900);
    CHECK(faults == 0 && overlaps == 0);
    disconnect(&link);

    /* Each packet takes 20 ms, of which 50 come in that time. */
    once_ms = each_ms = 20;
    begin(&link, port);
    write_until(&link, 500);
    before = resident_mb();
    write_until(&link, 2000);
    CHECK(resident_mb() < before + 30);
    wait_for(&got, 40);
    CHECK(faults == 0);
    /* What waits is not called for any more. */
    start = now_ms();
    disconnect(&link);
    CHECK(now_ms() - start < 3000 && inside == 0);

    /* Destroyed while the callback stands still: when it returns, that was the last. */
    once_ms = 1000;
    each_ms = 0;
    begin(&link, port);
    write_until(&link, 150);
    wait_for(&inside, 1);
    write_until(&link, 400);
    disconnect(&link);
    seen = (int)got;
    pause_ms(50);
    CHECK(inside == 0 && (int)got == seen);
    return 0;
}
