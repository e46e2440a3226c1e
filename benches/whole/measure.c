#define _POSIX_C_SOURCE 200809L
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

#include "measure.h"

int64_t clock_ns(clockid_t clock)
{
    struct timespec now;
    clock_gettime(clock, &now);
    return now.tv_sec * SECOND + now.tv_nsec;
}

int64_t now_ns(void)
{
    return clock_ns(CLOCK_MONOTONIC);
}

void sleep_until(int64_t when)
{
    struct timespec time = { (time_t)(when / SECOND), (long)(when % SECOND) };
    while (clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &time, NULL) == EINTR)
        ;
}

struct sample take_sample(void)
{
    struct sample sample;
    struct rusage usage;
    getrusage(RUSAGE_SELF, &usage);
    sample.switches = usage.ru_nvcsw;
    sample.cpu = clock_ns(CLOCK_PROCESS_CPUTIME_ID);
    sample.wall = now_ns();
    return sample;
}

/* Flows may be delivered by several threads. */
void count(struct histogram *histogram, int64_t value)
{
    int64_t index = (value - histogram->low) / histogram->width;
    index = index < 0 ? 0 : index >= BUCKETS ? BUCKETS - 1 : index;
    __atomic_fetch_add(&histogram->bucket[index], 1, __ATOMIC_RELAXED);
}

double percentile_us(const struct histogram *histogram, double share)
{
    uint64_t all = 0, below = 0;
    int64_t i;
    for (i = 0; i < BUCKETS; i++)
        all += histogram->bucket[i];
    for (i = 0; i < BUCKETS - 1 && (below += histogram->bucket[i]) < share * (double)all; i++)
        ;
    return (double)(histogram->low + i * histogram->width) / 1000;
}

long status_of(const char *key)
{
    char line[256];
    long value = -1;
    FILE *file = fopen("/proc/self/status", "r");
    while (file && value < 0 && fgets(line, sizeof line, file))
        if (!strncmp(line, key, strlen(key)))
            value = atol(line + strlen(key));
    if (file)
        fclose(file);
    return value;
}

void print_library(void)
{
    char line[4096];
    const char *path = NULL;
    FILE *file = fopen("/proc/self/maps", "r");
    while (file && !path && fgets(line, sizeof line, file))
        path = strstr(line, "/librist.so") ? strchr(line, '/') : NULL;
    printf(" library=%.*s", path ? (int)strcspn(path, "\n") : 1, path ? path : "-");
    if (file)
        fclose(file);
}

void print_cost(struct sample begin, struct sample end, struct pacing pacing, uint64_t packets, size_t packet)
{
    double seconds = (double)(end.wall - begin.wall) / SECOND;
    double cpu = (double)(end.cpu - begin.cpu) / SECOND - pacing.cpu * seconds;
    double bytes = (double)packets * (double)packet;
    if (seconds <= 0)
        seconds = cpu = 0;
    printf(" packets=%" PRIu64 " mbit=%.2f", packets, seconds > 0 ? bytes * 8 / seconds / 1e6 : 0);
    printf(" cpu=%.3f cpu_s_per_gb=%.3f", seconds > 0 ? cpu / seconds * 100 : 0, packets > 0 ? cpu / bytes * 1e9 : 0);
    printf(" switches=%.0f", seconds > 0 ? (double)(end.switches - begin.switches) / seconds - pacing.switches : 0);
    printf(" rss_kib=%ld threads=%ld", status_of("VmRSS:"), status_of("Threads:"));
}

void measure_idle(struct sample *begin, struct sample *end, double seconds)
{
    sleep_until(now_ns() + SECOND);
    *begin = take_sample();
    sleep_until(now_ns() + (int64_t)(seconds * SECOND));
    *end = take_sample();
}
