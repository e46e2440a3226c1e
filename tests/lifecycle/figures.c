/* Counts, times and resources of the whole run. */
#define _GNU_SOURCE
#include "torture.h"

#include <dirent.h>
#include <malloc.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#define MOST 100000

uint64_t calls[KINDS], destroyed_in[KINDS], blocks_received;

static const char *const names[KINDS] = {
    "log", "thread", "connect", "disconnect", "connection", "data", "out-of-band", "statistics", "sender's statistics",
    "time-out", "flow attribute", "look-up", "network"
};
static uint64_t destroys[MOST];
static int destroy_count;
static int threads_before, descriptors_before;
static size_t bytes_before;
static long resident_before;

uint64_t now_ns(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000000000 + (uint64_t)now.tv_nsec;
}

/* xorshift64*; the high half is good enough. */
uint32_t below(uint64_t *random, uint32_t limit)
{
    *random ^= *random >> 12;
    *random ^= *random << 25;
    *random ^= *random >> 27;
    return (uint32_t)((*random * 2685821657736338717u) >> 33) % limit;
}

/* Ends the program where it stands, for a debugger. */
void fault(const char *what, const struct context *context)
{
    printf("fault: %s (%s, nonce %08x, profile %d)\n", what, context->sends ? "sender" : "receiver",
           context->pair->nonce, context->pair->profile);
    fflush(stdout);
    abort();
}

void fault_in(const char *what, enum kind kind, const struct context *context)
{
    printf("in a callback for %s, ", names[kind]);
    fault(what, context);
}

void note_destroy(uint64_t took_ns)
{
    int place = __atomic_fetch_add(&destroy_count, 1, __ATOMIC_RELAXED);

    if (place < MOST)
        destroys[place] = took_ns;
}

static int entries(const char *path)
{
    DIR *directory = opendir(path);
    int count = 0;

    while (directory != NULL && readdir(directory) != NULL)
        count++;
    if (directory != NULL)
        closedir(directory);
    return count;
}

static long resident_kb(void)
{
    FILE *file = fopen("/proc/self/statm", "r");
    long pages = 0;

    if (file != NULL) {
        if (fscanf(file, "%*d %ld", &pages) != 1)
            pages = 0;
        fclose(file);
    }
    return pages * (sysconf(_SC_PAGESIZE) / 1024);
}

static size_t bytes_in_use(void)
{
#if defined(__GLIBC__) && (__GLIBC__ > 2 || __GLIBC_MINOR__ >= 33)
    return mallinfo2().uordblks;
#else
    return 0;
#endif
}

/* A thread that was joined may stay listed for a moment, and one that destroyed its own context ends by itself. */
static bool settles(const char *path, int before)
{
    int turn, count = 0;

    for (turn = 0; turn < 10000; turn++) {
        count = entries(path);
        if (count <= before)
            return true;
        usleep(1000);
    }
    printf("fault: %s has %d entries, it had %d\n", path, count, before);
    return false;
}

void remember_resources(void)
{
    threads_before = entries("/proc/self/task");
    descriptors_before = entries("/proc/self/fd");
    bytes_before = bytes_in_use();
    resident_before = resident_kb();
}

static int by_size(const void *left, const void *right)
{
    uint64_t a = *(const uint64_t *)left, b = *(const uint64_t *)right;

    return (a > b) - (a < b);
}

/* Whether all is as it was, and destroying took no time. The limits tell a stalled machine from waiting in vain, which
 * would take seconds, each time. */
bool print_figures(int cycles)
{
    int count = destroy_count < MOST ? destroy_count : MOST, kind, within = 0;
    bool good = settles("/proc/self/task", threads_before) && settles("/proc/self/fd", descriptors_before);
    long grown = ((long)bytes_in_use() - (long)bytes_before) / 1024, resident = resident_kb();
    const char *factor = getenv("LIFECYCLE_PATIENCE");
    uint64_t patience = factor != NULL ? strtoull(factor, NULL, 10) : 1;

    qsort(destroys, (size_t)count, sizeof *destroys, by_size);
    while (within < count && destroys[within] <= 100000000)
        within++;
    printf("%d cycles, %llu blocks received\n", cycles, (unsigned long long)blocks_received);
    for (kind = 0; kind < KINDS; kind++)
        printf("  %-20s %8llu calls, destroyed in %llu\n", names[kind], (unsigned long long)calls[kind],
               (unsigned long long)destroyed_in[kind]);
    if (count > 0) {
        printf("destroy: %d times, p50 %.2f ms, p99 %.2f ms, max %.2f ms; %d took more than 100 ms\n", count,
               destroys[count / 2] / 1e6, destroys[(int)(count * 0.99)] / 1e6, destroys[count - 1] / 1e6,
               count - within);
        if (destroys[(int)(count * 0.99)] > 1000000000 * patience || destroys[count - 1] > 5000000000 * patience) {
            puts("fault: destroying waits");
            good = false;
        }
    }
    printf("memory since warm-up: %+ld KB in use, %+ld KB resident of %ld KB\n", grown, resident - resident_before,
           resident);
    if (grown > 1024) {
        puts("fault: memory grows");
        good = false;
    }
    return good;
}
