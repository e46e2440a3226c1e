/* The application's signals: a thousand a second interrupt whatever its threads do, nothing is lost, and none of them is
 * handled on a thread of the library's. */
#include "common.h"
#include <pthread.h>
#include <sys/syscall.h>
#include <sys/time.h>

static volatile sig_atomic_t signals, foreign;
static pthread_t own;

static void handle(int number)
{
    (void)number;
    signals++;
    if (!pthread_equal(pthread_self(), own))
        foreign++;
}

int main(int argc, char **argv)
{
    int port = port_of(argc, argv), enough = 0;
    struct sigaction action = {.sa_handler = handle};
    struct itimerval timer = {{0, 1000}, {0, 1000}}, off = {{0, 0}, {0, 0}};
    struct link link;

    own = pthread_self();
    CHECK(sigaction(SIGALRM, &action, NULL) == 0);
    alarm(0);
    CHECK(setitimer(ITIMER_REAL, &timer, NULL) == 0);
    for (int profile = RIST_PROFILE_SIMPLE; profile <= RIST_PROFILE_MAIN; profile++) {
        connect_link(&link, port, (enum rist_profile)profile);
        establish(&link);
        while (signals < enough + 500)
            stream(&link, 200);
        enough = signals;
        disconnect(&link);
    }
    CHECK(setitimer(ITIMER_REAL, &off, NULL) == 0);
    CHECK(foreign == 0);
    return 0;
}
