/* What a process costs: processor time, context switches, memory and threads; and how long its calls take. */
#ifndef MEASURE_H
#define MEASURE_H

#include <inttypes.h>
#include <stddef.h>
#include <time.h>

#define SECOND 1000000000LL

struct sample {
    int64_t wall, cpu; /* ns */
    long switches;     /* voluntary */
};

/* What runs beside the library, for each second. */
struct pacing {
    double cpu, switches;
};

#define BUCKETS 20000

/* The first and the last bucket hold what is beyond, too. */
struct histogram {
    int64_t low, width; /* ns */
    uint32_t bucket[BUCKETS];
};

int64_t clock_ns(clockid_t clock);
int64_t now_ns(void);
void sleep_until(int64_t when);
struct sample take_sample(void);
/* After a second in which all comes to rest. */
void measure_idle(struct sample *begin, struct sample *end, double seconds);

void count(struct histogram *histogram, int64_t value);
double percentile_us(const struct histogram *histogram, double share);

/* A number of /proc/self/status. */
long status_of(const char *key);
/* The librist that is mapped. */
void print_library(void);
void print_cost(struct sample begin, struct sample end, struct pacing pacing, uint64_t packets, size_t packet);

#endif
