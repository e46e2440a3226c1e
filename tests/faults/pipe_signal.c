/* A SIGPIPE that is sent to the process, which holds it back, while threads write lines to streams: it is not theirs, and none
 * of them waits for it, however they meet. */
#include "common.h"
#include <pthread.h>
#include <sys/syscall.h>

enum { LINES = 100 };

static pthread_barrier_t writing, seen;

/* In place of the C library's: each of the two writers has seen the signal before the other one goes on. */
int sigpending(sigset_t *set)
{
    memset(set, 0, sizeof *set);
    if (syscall(SYS_rt_sigpending, set, 8) != 0)
        return -1;
    if (sigismember(set, SIGPIPE) == 1)
        pthread_barrier_wait(&seen);
    return 0;
}

static ssize_t put(void *cookie, const char *bytes, size_t length)
{
    (void)cookie;
    (void)bytes;
    if (pthread_barrier_wait(&writing) == PTHREAD_BARRIER_SERIAL_THREAD)
        CHECK(kill(getpid(), SIGPIPE) == 0);
    pthread_barrier_wait(&writing);
    return (ssize_t)length;
}

static void *writer(void *argument)
{
    cookie_io_functions_t functions = {.write = put};
    struct rist_logging_settings settings = {.log_level = RIST_LOG_DEBUG, .log_socket = -1};

    (void)argument;
    CHECK((settings.log_stream = fopencookie(NULL, "w", functions)));
    for (int line = 0; line < LINES; line++)
        rist_log(&settings, RIST_LOG_ERROR, "line %d", line);
    fclose(settings.log_stream);
    return NULL;
}

int main(void)
{
    pthread_t writers[2];
    sigset_t pipe;

    sigemptyset(&pipe);
    sigaddset(&pipe, SIGPIPE);
    CHECK(pthread_sigmask(SIG_BLOCK, &pipe, NULL) == 0);
    CHECK(pthread_barrier_init(&writing, NULL, 2) == 0 && pthread_barrier_init(&seen, NULL, 2) == 0);
    alarm(20);
    for (int index = 0; index < 2; index++)
        CHECK(pthread_create(&writers[index], NULL, writer, NULL) == 0);
    for (int index = 0; index < 2; index++)
        CHECK(pthread_join(writers[index], NULL) == 0);
    return 0;
}
