/* The log for what has no context, which settings have become by themselves: another thread is inside its function when what
 * the settings came from goes away. Nobody is told that it has gone before that thread has left. */
#include "common.h"
#include <pthread.h>
#include <stdatomic.h>

static atomic_int entered, leaves, left;

static int line(void *argument, enum rist_log_level level, const char *text)
{
    (void)argument;
    (void)level;
    if (!strstr(text, "not a live one"))
        return 0;
    entered = 1;
    while (!leaves)
        pause_ms(1);
    pause_ms(100);
    left = 1;
    return 0;
}

static int unset(void *argument, enum rist_log_level level, const char *text)
{
    (void)level;
    (void)text;
    (*(int *)argument)++;
    rist_logging_unset_global();
    return 0;
}

static void *call(void *argument)
{
    (void)argument;
    CHECK(rist_start(NULL) == -1);
    return NULL;
}

static struct rist_logging_settings *begin(pthread_t *caller)
{
    struct rist_logging_settings *settings = NULL;

    entered = leaves = left = 0;
    CHECK(rist_logging_set(&settings, RIST_LOG_ERROR, line, NULL, NULL, NULL) == 0);
    CHECK(pthread_create(caller, NULL, call, NULL) == 0);
    while (!entered)
        pause_ms(1);
    return settings;
}

int main(void)
{
    struct rist_logging_settings *settings, inside = {.log_level = RIST_LOG_ERROR, .log_cb = unset, .log_socket = -1};
    struct rist_ctx *ctx;
    pthread_t caller;
    int lines = 0;

    alarm(20);
    settings = begin(&caller);
    CHECK(rist_receiver_create(&ctx, RIST_PROFILE_MAIN, settings) == 0);
    leaves = 1;
    CHECK(rist_destroy(ctx) == 0 && left);
    CHECK(pthread_join(caller, NULL) == 0 && rist_logging_settings_free2(&settings) == 0);

    settings = begin(&caller);
    leaves = 1;
    CHECK(rist_logging_settings_free2(&settings) == 0 && left);
    CHECK(pthread_join(caller, NULL) == 0);

    settings = begin(&caller);
    leaves = 1;
    rist_logging_unset_global();
    CHECK(left && pthread_join(caller, NULL) == 0 && rist_logging_settings_free2(&settings) == 0);

    /* From inside, it is the last line. */
    inside.log_cb_arg = &lines;
    CHECK(rist_logging_set_global(&inside) == 0);
    CHECK(rist_start(NULL) == -1 && rist_start(NULL) == -1 && lines == 1);
    return 0;
}
