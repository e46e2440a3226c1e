/*
 * SPDX-License-Identifier: BSD-2-Clause
 *
 * Made from src/capi by `RIST_BLESS=1 cargo test --test headers`.
 */

#ifndef RIST_LOGGING_H
#define RIST_LOGGING_H

#include <stdio.h>
#include "headers.h"
#include "common.h"

/* Settings that log nothing, to start from. */
#if !defined(__cplusplus) || __cplusplus >= 202002L
#define LOGGING_SETTINGS_INITIALIZER    \
    {                                   \
        .log_level = RIST_LOG_DISABLE,  \
        .log_cb = NULL,                 \
        .log_cb_arg = NULL,             \
        .log_socket = -1,               \
        .log_stream = NULL,             \
    }
#else
#define LOGGING_SETTINGS_INITIALIZER { RIST_LOG_DISABLE, NULL, NULL, -1, NULL }
#endif

/**
 * How grave a log line is.
 */
enum rist_log_level {
    RIST_LOG_DISABLE = -1,
    RIST_LOG_ERROR = 3,
    RIST_LOG_WARN = 4,
    RIST_LOG_NOTICE = 5,
    RIST_LOG_INFO = 6,
    RIST_LOG_DEBUG = 7,
    /**
     * Everything. libRIST also drops packets on purpose; this library does not.
     */
    RIST_LOG_SIMULATE = 100,
};

/**
 * Where log lines go. Start from LOGGING_SETTINGS_INITIALIZER or from rist_logging_set().
 * A context copies the settings when it is created.
 */
struct rist_logging_settings {
    /**
     * Lines up to this level are written.
     */
    enum rist_log_level log_level;
    /**
     * Gets each line, ending in one line feed, from any thread; if set, nothing else is written to.
     */
    int (*log_cb)(void *arg, enum rist_log_level level, const char *msg);
    /**
     * Handed to log_cb.
     */
    void *log_cb_arg;
    /**
     * A connected UDP socket, or -1. 0 to 2 count as -1.
     */
    int log_socket;
    /**
     * Lines are written and flushed there, or NULL. A line that can not be written is lost; a pipe without a reader raises no
     * SIGPIPE. A stream that blocks holds up the thread that writes.
     */
    FILE *log_stream;
};

#ifdef __cplusplus
extern "C" {
#endif // __cplusplus

/**
 * Writes a line to where the settings say, formatted as printf() does. NULL settings: nothing happens.
 */
RIST_API
void rist_log(struct rist_logging_settings *logging_settings,
              enum rist_log_level level,
              const char *format,
              ...);

/**
 * Fills in settings.
 *
 * If there are no global settings yet, and no address is given, the new settings become the global ones until they
 * are freed or a context that was created with them is destroyed.
 *
 * @param logging_settings points to NULL: settings are allocated; free them with rist_logging_settings_free2().
 * Otherwise it points to initialised settings, which are changed; their socket is closed.
 * @param log_level lines up to this level are written
 * @param log_cb gets each line, or NULL
 * @param cb_arg handed to log_cb
 * @param address host:port to which each line is sent by UDP, or NULL
 * @param logfp lines are written and flushed there, or NULL
 * @return 0 on success, -1 on error
 */
RIST_API
int rist_logging_set(struct rist_logging_settings **logging_settings,
                     enum rist_log_level log_level,
                     int (*log_cb)(void *arg, enum rist_log_level level, const char *msg),
                     void *cb_arg,
                     char *address,
                     FILE *logfp);

/**
 * Makes a copy of the settings the global ones. They are used where no context is at hand, as in udpsocket.h.
 *
 * Unset them before what they point to goes away. Waits for a log function of the old ones that runs on another thread:
 * hold no lock that it takes.
 *
 * @return 0 on success, -1 on error
 */
RIST_API
int rist_logging_set_global(struct rist_logging_settings *logging_settings);

/**
 * Forgets the global settings. Waits for a log function of theirs that runs on another thread: hold no lock that it takes.
 */
RIST_API
void rist_logging_unset_global(void);

/**
 * The old name of rist_logging_settings_free2().
 */
RIST_API
RIST_DEPRECATED
int rist_logging_settings_free(const struct rist_logging_settings **logging_settings);

/**
 * Frees settings that rist_logging_set() allocated and sets the pointer to NULL. Their socket stays open.
 *
 * @return 0 on success, -1 on error
 */
RIST_API int rist_logging_settings_free2(struct rist_logging_settings **logging_settings);

#ifdef __cplusplus
}  // extern "C"
#endif  // __cplusplus

#endif  /* RIST_LOGGING_H */
