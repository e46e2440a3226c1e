/* No address space for the stacks of threads: starting fails, and works when there is some. */
#include "common.h"

/* Whoever reads the line may do as it likes. */
static int on_line(void *arg, enum rist_log_level level, const char *line)
{
    struct rist_ctx **ctx = arg;

    (void)level;
    if (strstr(line, "cannot start a thread") != NULL) {
        CHECK(rist_destroy(*ctx) == 0);
        *ctx = NULL;
    }
    return 0;
}

int main(int argc, char **argv)
{
    int port = port_of(argc, argv);
    struct rlimit all, some;
    struct rist_ctx *ctx, *told;
    struct rist_logging_settings *settings = NULL;
    FILE *statm = fopen("/proc/self/statm", "r");
    long pages;

    CHECK(rist_receiver_create(&ctx, RIST_PROFILE_MAIN, NULL) == 0);
    CHECK(add_peer(ctx, "rist://@127.0.0.1:%d", port) == 0);
    CHECK(rist_logging_set(&settings, RIST_LOG_INFO, on_line, &told, NULL, NULL) == 0);
    CHECK(rist_receiver_create(&told, RIST_PROFILE_MAIN, settings) == 0);
    CHECK(getrlimit(RLIMIT_AS, &all) == 0);
    CHECK(statm && fscanf(statm, "%ld", &pages) == 1);
    fclose(statm);
    some = all;
    /* A thread needs 8 MB; these are for what is small. */
    some.rlim_cur = (rlim_t)pages * (rlim_t)sysconf(_SC_PAGESIZE) + (4 << 20);
    CHECK(setrlimit(RLIMIT_AS, &some) == 0);
    CHECK(rist_start(ctx) == -1);
    CHECK(rist_start(told) == -1 && told == NULL);
    CHECK(setrlimit(RLIMIT_AS, &all) == 0);
    CHECK(rist_start(ctx) == 0);
    CHECK(rist_destroy(ctx) == 0);
    CHECK(rist_logging_settings_free2(&settings) == 0);
    return 0;
}
