/* A program that forks while it streams: its stream goes on whatever the child does, and the program that the child becomes
 * has none of the library's descriptors. */
#include "common.h"
#include <fcntl.h>
#include <librist/udpsocket.h>

static void finish(pid_t child)
{
    int status = -1;

    CHECK(child > 0 && waitpid(child, &status, 0) == child);
    CHECK(WIFEXITED(status) && WEXITSTATUS(status) == 0);
}

/* What the child has become: 0 to 2 are the program's. */
static void list(void)
{
    for (int fd = 3; fd < 1024; fd++)
        CHECK(fcntl(fd, F_GETFD) == -1 && errno == EBADF);
}

int main(int argc, char **argv)
{
    int port;
    struct rist_logging_settings *settings = NULL;
    struct link link;
    pid_t child;

    if (argc == 1) {
        list();
        return 0;
    }
    port = port_of(argc, argv);
    /* What whoever started this has left open. */
    for (int fd = 3; fd < 1024; fd++)
        close(fd);
    /* A log socket, and sockets that the application asks for. */
    CHECK(rist_logging_set(&settings, RIST_LOG_INFO, NULL, NULL, "127.0.0.1:9", NULL) == 0);
    CHECK(rist_logging_set_global(settings) == 0);
    CHECK(udpsocket_open(AF_INET) > 2 && udpsocket_open_bind("127.0.0.1", 0, NULL) > 2);
    CHECK(udpsocket_open_connect("127.0.0.1", 9, NULL) > 2);
    for (int profile = RIST_PROFILE_SIMPLE; profile <= RIST_PROFILE_MAIN; profile++) {
        connect_link(&link, port, (enum rist_profile)profile);
        establish(&link);
        if ((child = fork()) == 0)
            _exit(0);
        stream(&link, 100);
        finish(child);
        if ((child = fork()) == 0) {
            execl("/proc/self/exe", "fork", (char *)NULL);
            _exit(2);
        }
        stream(&link, 100);
        finish(child);
        if ((child = fork()) == 0) {
            alarm(20);
            _exit(rist_destroy(link.sender) == 0 && rist_destroy(link.receiver) == 0 ? 0 : 1);
        }
        stream(&link, 300);
        finish(child);
        stream(&link, 100);
        disconnect(&link);
    }
    return 0;
}
