/* No address space for the stacks of threads: starting fails, and works when there is some. */
#include "common.h"

int main(int argc, char **argv)
{
    int port = port_of(argc, argv);
    struct rlimit all, some;
    struct rist_ctx *ctx;
    FILE *statm = fopen("/proc/self/statm", "r");
    long pages;

    CHECK(rist_receiver_create(&ctx, RIST_PROFILE_MAIN, NULL) == 0);
    CHECK(add_peer(ctx, "rist://@127.0.0.1:%d", port) == 0);
    CHECK(getrlimit(RLIMIT_AS, &all) == 0);
    CHECK(statm && fscanf(statm, "%ld", &pages) == 1);
    fclose(statm);
    some = all;
    /* A thread needs 8 MB; these are for what is small. */
    some.rlim_cur = (rlim_t)pages * (rlim_t)sysconf(_SC_PAGESIZE) + (4 << 20);
    CHECK(setrlimit(RLIMIT_AS, &some) == 0);
    CHECK(rist_start(ctx) == -1);
    CHECK(setrlimit(RLIMIT_AS, &all) == 0);
    CHECK(rist_start(ctx) == 0);
    CHECK(rist_destroy(ctx) == 0);
    return 0;
}
