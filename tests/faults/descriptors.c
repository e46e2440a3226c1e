/* No descriptor is left: each call says so, nothing leaks, and all is well once there are some again. */
#include "common.h"
#include <dirent.h>
#include <fcntl.h>
#include <librist/librist_srp.h>
#include <librist/udpsocket.h>

static int open_descriptors(void)
{
    DIR *directory = opendir("/proc/self/fd");
    int count = 0;

    CHECK(directory);
    while (readdir(directory))
        count++;
    closedir(directory);
    return count;
}

/* Only so many more. */
static void limit(int more)
{
    static struct rlimit all;
    struct rlimit some;
    int lowest;

    if (all.rlim_cur == 0)
        CHECK(getrlimit(RLIMIT_NOFILE, &all) == 0);
    CHECK(setrlimit(RLIMIT_NOFILE, &all) == 0);
    if (more < 0)
        return;
    lowest = dup(0);
    CHECK(lowest >= 0 && close(lowest) == 0);
    some = all;
    some.rlim_cur = (rlim_t)(lowest + more);
    CHECK(setrlimit(RLIMIT_NOFILE, &some) == 0);
}

/* A look-up that nobody waits for any more may hold some for a moment. */
static void wait_for_descriptors(int count)
{
    int64_t end = now_ms() + PATIENCE_MS;

    while (open_descriptors() != count) {
        CHECK(now_ms() < end);
        pause_ms(1);
    }
}

int main(int argc, char **argv)
{
    int port = port_of(argc, argv), before, more;
    struct rist_ctx *ctx, *sender, *receiver;
    struct rist_logging_settings *settings;
    struct link link;

    /* The first context may open what stays. */
    connect_link(&link, port, RIST_PROFILE_MAIN);
    establish(&link);
    disconnect(&link);
    before = open_descriptors();
    for (more = 0; more < 8; more++) {
        limit(more);
        settings = NULL;
        ctx = NULL;
        if (rist_receiver_create(&ctx, more % 2 ? RIST_PROFILE_SIMPLE : RIST_PROFILE_MAIN, NULL) == 0) {
            int made = add_peer(ctx, "rist://@127.0.0.1:%d", port);
            /* A name, for which files are read. */
            add_peer(ctx, "rist://localhost:%d", port);
            CHECK(more > 2 || made == -1);
            CHECK(rist_start(ctx) == 0 && rist_destroy(ctx) == 0);
        } else {
            CHECK(more < 2);
        }
        if (rist_sender_create(&ctx, RIST_PROFILE_MAIN, 0, NULL) == 0) {
            CHECK(more > 2 || add_peer(ctx, "rist://127.0.0.1:%d?username=a&password=b", port) == -1);
            CHECK(rist_start(ctx) == 0 && write_number(ctx, 1) <= PAYLOAD && rist_destroy(ctx) == 0);
        } else {
            CHECK(more < 2);
        }
        if (more == 0) {
            CHECK(udpsocket_open(AF_INET) == -1 && errno == EMFILE);
            CHECK(rist_logging_set(&settings, RIST_LOG_INFO, NULL, NULL, "127.0.0.1:9", NULL) == -1);
        }
        limit(-1);
        wait_for_descriptors(before);
    }
    /* A stream goes on when they run out under it, and peers of a name that can not be looked up meanwhile come later. */
    connect_link(&link, port, RIST_PROFILE_MAIN);
    establish(&link);
    limit(0);
    stream(&link, 200);
    CHECK(rist_receiver_create(&receiver, RIST_PROFILE_MAIN, NULL) == -1);
    CHECK(rist_sender_create(&sender, RIST_PROFILE_MAIN, 0, NULL) == -1);
    limit(-1);
    stream(&link, 200);
    disconnect(&link);
    wait_for_descriptors(before);
    return 0;
}
