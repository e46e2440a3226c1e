/* Logs that can not be written: a full disk, a descriptor that was closed under the stream, a pipe without a reader, a port where
 * nobody listens. Nothing ends or disturbs the program; SIGPIPE is as it was. */
#include "common.h"
#include <fcntl.h>

static void stream_with(FILE *file, char *address, int port)
{
    struct rist_logging_settings *settings = NULL;
    struct link link;
    sigset_t pending;

    memset(&link, 0, sizeof link);
    CHECK(rist_logging_set(&settings, RIST_LOG_DEBUG, NULL, NULL, address, file) == 0);
    CHECK(rist_receiver_create(&link.receiver, RIST_PROFILE_MAIN, settings) == 0);
    CHECK(rist_sender_create(&link.sender, RIST_PROFILE_MAIN, 0, settings) == 0);
    /* On this thread, which takes SIGPIPE. */
    CHECK(add_peer(link.receiver, "rist://@127.0.0.1:%d?buffer=100", port) == 0);
    CHECK(add_peer(link.sender, "rist://127.0.0.1:%d?buffer=100", port) == 0);
    CHECK(rist_start(link.receiver) == 0 && rist_start(link.sender) == 0);
    establish(&link);
    stream(&link, 100);
    for (int count = 0; count < 3000; count++)
        rist_log(settings, RIST_LOG_ERROR, "a line of the application's %d", count);
    CHECK(sigpending(&pending) == 0 && sigismember(&pending, SIGPIPE) == 0);
    stream(&link, 100);
    disconnect(&link);
    CHECK(rist_logging_settings_free2(&settings) == 0);
}

int main(int argc, char **argv)
{
    int port = port_of(argc, argv), ends[2];
    struct sigaction action;
    FILE *file;

    CHECK((file = fopen("/dev/full", "w")));
    stream_with(file, NULL, port);
    fclose(file);

    CHECK((file = fopen("/dev/null", "w")) && close(fileno(file)) == 0);
    stream_with(file, NULL, port);

    CHECK(pipe(ends) == 0 && (file = fdopen(ends[1], "w")) && close(ends[0]) == 0);
    stream_with(file, NULL, port);

    stream_with(NULL, "127.0.0.1:9", port);

    /* It would still end the program. */
    CHECK(sigaction(SIGPIPE, NULL, &action) == 0 && action.sa_handler == SIG_DFL);
    return 0;
}
