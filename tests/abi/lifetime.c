/* Who may be called, and what may be held, when: log callbacks, handles, blocks, statistics, peers of every kind. */
#define _GNU_SOURCE
#include <librist/librist.h>
#include <librist/udpsocket.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "check.h"

static int lines, secrets, errors;

static int log_line(void *arg, enum rist_log_level level, const char *message)
{
    size_t length = strlen(message);

    CHECK(arg == &lines);
    CHECK(length > 1 && message[length - 1] == '\n' && message[length - 2] != '\n');
    __atomic_add_fetch(&lines, 1, __ATOMIC_RELAXED);
    if (level == RIST_LOG_ERROR)
        __atomic_add_fetch(&errors, 1, __ATOMIC_RELAXED);
    if (strstr(message, "hush-hush") != NULL)
        __atomic_add_fetch(&secrets, 1, __ATOMIC_RELAXED);
    return 0;
}

static int never(void *arg, enum rist_log_level level, const char *message)
{
    (void)arg;
    printf("called after its end, level %d: %s", (int)level, message);
    exit(2);
}

/* A message for the global log: no context. */
static void global_message(void)
{
    CHECK(rist_start(NULL) == -1);
}

static void global_log_ends_with_its_settings(void)
{
    struct rist_logging_settings *settings = NULL, *second = NULL;
    struct rist_logging_settings copy;
    struct rist_ctx *ctx;
    int before;

    CHECK(rist_logging_set(&settings, RIST_LOG_INFO, log_line, &lines, NULL, NULL) == 0);
    before = lines;
    global_message();
    CHECK(lines == before + 1);
    CHECK(rist_logging_settings_free2(&settings) == 0 && settings == NULL);
    global_message();
    CHECK(lines == before + 1);

    /* As FFmpeg does it: the settings are embedded, and their argument dies with the context. */
    CHECK(rist_logging_set(&settings, RIST_LOG_INFO, log_line, &lines, NULL, NULL) == 0);
    CHECK(rist_receiver_create(&ctx, RIST_PROFILE_SIMPLE, settings) == 0);
    CHECK(rist_destroy(ctx) == 0);
    settings->log_cb = never;
    before = lines;
    global_message();
    CHECK(lines == before);
    free(settings);
    settings = NULL;

    /* Other settings do not end it, an explicit one ends only by unset. */
    CHECK(rist_logging_set(&settings, RIST_LOG_INFO, log_line, &lines, NULL, NULL) == 0);
    CHECK(rist_logging_set(&second, RIST_LOG_INFO, never, NULL, NULL, NULL) == 0);
    CHECK(rist_logging_settings_free2(&second) == 0);
    global_message();
    CHECK(lines == before + 1);
    copy = *settings;
    CHECK(rist_logging_set_global(&copy) == 0);
    CHECK(rist_logging_settings_free2(&settings) == 0);
    global_message();
    CHECK(lines == before + 2);
    rist_logging_unset_global();
    rist_logging_unset_global();
    global_message();
    CHECK(lines == before + 2);
}

static void log_is_variadic(void)
{
    struct rist_logging_settings settings = LOGGING_SETTINGS_INITIALIZER;
    static const char expected[] = "|0.0|[WARNING] 5 word 1.5 2.5 3.5 4.5 5.5 6.5 7.5 8.5 9.5 1099511627776 z\n";
    char *text = NULL, *bar, long_word[2000];
    size_t size = 0;

    memset(long_word, 'x', sizeof long_word - 1);
    long_word[sizeof long_word - 1] = 0;
    settings.log_level = RIST_LOG_INFO;
    settings.log_stream = open_memstream(&text, &size);
    rist_log(&settings, RIST_LOG_WARN, "%d %s %g %g %g %g %g %g %g %g %g %lld %c\n", 5, "word", 1.5, 2.5, 3.5, 4.5, 5.5,
             6.5, 7.5, 8.5, 9.5, 1LL << 40, 'z');
    rist_log(&settings, RIST_LOG_DEBUG, "not written");
    rist_log(&settings, RIST_LOG_ERROR, "%s", long_word);
    fclose(settings.log_stream);
    bar = strchr(text, '|');
    CHECK(bar != NULL);
    CHECK(strncmp(bar, expected, strlen(expected)) == 0);
    CHECK(size > 2000 && strcmp(text + size - 5, "xxxx\n") == 0 && strstr(text, "not written") == NULL);
    free(text);
}

static int udp_log(void)
{
    struct rist_logging_settings *settings = NULL;
    char address[64], line[256];
    struct sockaddr_in name;
    socklen_t length = sizeof name;
    int receiver = udpsocket_open_bind("127.0.0.1", 0, NULL), got;

    CHECK(receiver >= 0 && getsockname(receiver, (struct sockaddr *)&name, &length) == 0);
    snprintf(address, sizeof address, "127.0.0.1:%d", ntohs(name.sin_port));
    CHECK(rist_logging_set(&settings, RIST_LOG_INFO, NULL, NULL, address, NULL) == 0 && settings->log_socket > 2);
    rist_log(settings, RIST_LOG_INFO, "by wire");
    got = udpsocket_recv(receiver, line, sizeof line - 1);
    CHECK(got > 0);
    line[got] = 0;
    CHECK(strstr(line, "|0.0|[INFO] by wire\n") != NULL);
    close(settings->log_socket);
    CHECK(rist_logging_settings_free2(&settings) == 0);
    return udpsocket_close(receiver);
}

static void peers_are_checked(struct rist_logging_settings *logging)
{
    struct rist_peer_config config, before;
    struct rist_peer_config *parsed = &config;
    struct rist_peer *peer = (struct rist_peer *)&config, *other;
    struct rist_ctx *receiver, *sender, *main_profile;
    int extra = -1, media = -1, id;

    CHECK(rist_receiver_create(&receiver, RIST_PROFILE_SIMPLE, logging) == 0);
    CHECK(rist_sender_create(&sender, RIST_PROFILE_SIMPLE, 2, logging) == 0);
    memset(&config, 0, sizeof config);
    CHECK(rist_peer_config_defaults_set(&config) == 0 && config.version == 6);

    /* A refused peer leaves the output alone and says why once. */
    strcpy(config.address, "rist://@127.0.0.1:5001");
    errors = 0;
    CHECK(rist_peer_create(receiver, &peer, &config) == -1 && errors == 1);
    config.key_size = 128;
    CHECK(rist_peer_create(sender, &peer, &config) == -1);
    config.key_size = 100;
    CHECK(rist_peer_create(sender, &peer, &config) == -1);
    config.key_size = 0;
    CHECK(peer == (struct rist_peer *)&config);

    /* Odd numbers are put right, the configuration stays as it is, the secret stays secret. */
    strcpy(config.address, "rist://@127.0.0.1:0");
    strcpy(config.secret, "hush-hush");
    config.recovery_length_min = config.recovery_length_max = config.min_retries = config.recovery_rtt_min = 0;
    config.max_retries = 1000;
    config.session_timeout = 1;
    config.recovery_maxbitrate = 0;
    before = config;
    CHECK(rist_peer_create(receiver, &peer, &config) == 0 && memcmp(&before, &config, sizeof config) == 0);
    id = (int)rist_peer_get_id(peer);
    CHECK(id >= 1 && rist_peer_get_socket(peer, &media, &extra) == 1 && media > 2 && extra > 2);
    CHECK(rist_peer_weight_set(receiver, peer, 5) == 0);
    CHECK(rist_peer_weight_set(sender, peer, 5) == -1);
    CHECK(rist_peer_destroy(sender, peer) == -1);
    CHECK(rist_enable_eap_srp_2(peer, "u", "p", NULL, NULL) == RIST_ERR_INVALID_PROFILE);
    CHECK(rist_peer_destroy(receiver, peer) == 0);
    CHECK(rist_peer_destroy(receiver, peer) == -1);
    CHECK(rist_peer_get_socket(peer, &media, &extra) == -1);

    /* A program with version 0: the profile has no field and reaches a Main context nevertheless. */
    memset(&config, 0, sizeof config);
    CHECK(rist_peer_config_defaults_set_versioned(&config, 0) == 0);
    CHECK(rist_sender_create(&main_profile, RIST_PROFILE_MAIN, 0, logging) == 0);
    CHECK(rist_parse_address2("rist://127.0.0.1:5000?profile=0", &parsed) == 0);
    CHECK(config.split_mode == 0 && config.profile_set == 0);
    CHECK(rist_peer_create(main_profile, &peer, &config) == 0);
    CHECK(rist_oob_callback_set(main_profile, NULL, NULL) == -1);
    CHECK(rist_parse_address2("rist://127.0.0.1:5000?profile=1", &parsed) == 0);
    CHECK(rist_peer_create(main_profile, &peer, &config) == -1);
    other = peer;
    CHECK(rist_destroy(main_profile) == 0 && rist_destroy(main_profile) == -1);
    CHECK(rist_peer_get_id(other) == 0 && rist_peer_destroy(sender, other) == -1);
    CHECK(rist_destroy(receiver) == 0 && rist_destroy(sender) == 0);
    CHECK(secrets == 0);
}

/* A forked child has none of the threads: it ends its copy at once, and the parent's goes on. */
static void a_forked_child_may_destroy(void)
{
    struct rist_ctx *parent, *later;
    int status = -1;
    pid_t child;

    CHECK(rist_receiver_create(&parent, RIST_PROFILE_SIMPLE, NULL) == 0);
    CHECK(rist_receiver_create(&later, RIST_PROFILE_SIMPLE, NULL) == 0);
    CHECK(rist_start(parent) == 0);
    child = fork();
    if (child == 0) {
        alarm(20);
        /* Daemons create first and start when they have forked. */
        if (rist_start(later) != 0 || rist_destroy(later) != 0 || rist_destroy(parent) != 0)
            _exit(1);
        /* Not an exit: what the parent's threads hold has no owner here, and valgrind would report it. */
        execl("/bin/true", "true", (char *)NULL);
        _exit(2);
    }
    CHECK(child > 0 && waitpid(child, &status, 0) == child);
    CHECK(WIFEXITED(status) && WEXITSTATUS(status) == 0);
    CHECK(rist_destroy(parent) == 0 && rist_destroy(later) == 0);
}

static struct rist_data_block *volatile kept;
static int threads_started, threads_ended, flow_reports, sender_reports, documents, wrong;

static int take(void *arg, struct rist_data_block *block)
{
    struct rist_data_block *expected = NULL;

    (void)arg;
    if (block->payload_len != 1316 || block->flow_id != 4 || rist_peer_get_id(block->peer) == 0)
        wrong = 1;
    if (!__atomic_compare_exchange_n(&kept, &expected, block, 0, __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST))
        rist_receiver_data_block_free2(&block);
    return 0;
}

static int report(void *arg, const struct rist_stats *stats)
{
    const int *version = arg;

    if (stats->version != *version || strlen(stats->stats_json) != stats->json_size)
        wrong = 2;
    if (stats->stats_type == RIST_STATS_RECEIVER_FLOW) {
        if (stats->stats.receiver_flow.flow_id != 4 || stats->stats.receiver_flow.peer_count < 1)
            wrong = 3;
        __atomic_add_fetch(&flow_reports, 1, __ATOMIC_SEQ_CST);
    } else {
        __atomic_add_fetch(&sender_reports, 1, __ATOMIC_SEQ_CST);
    }
    return rist_stats_free(stats);
}

static int document(void *arg, uint16_t version, char *json, uint32_t size)
{
    (void)arg;
    if (version != 0 || strlen(json) != size || strstr(json, "incoming_queue") == NULL)
        wrong = 4;
    __atomic_add_fetch(&documents, 1, __ATOMIC_SEQ_CST);
    return 0;
}

/* Callbacks may use as much stack as on any other thread of the program. */
static int has_a_full_stack(void)
{
    pthread_attr_t mine, usual;
    size_t my_size = 0, usual_size = 1;

    pthread_attr_init(&usual);
    pthread_attr_getstacksize(&usual, &usual_size);
    pthread_attr_destroy(&usual);
    if (pthread_getattr_np(pthread_self(), &mine) != 0)
        return 0;
    pthread_attr_getstacksize(&mine, &my_size);
    pthread_attr_destroy(&mine);
    return my_size >= usual_size;
}

static void thread_event(void *handle, int type, bool created, void *user)
{
    if (!has_a_full_stack())
        wrong = 6;
    if (created || user != &threads_started || !pthread_equal(*(pthread_t *)handle, pthread_self()))
        wrong = 5;
    __atomic_add_fetch(type == 1 ? &threads_started : &threads_ended, 1, __ATOMIC_SEQ_CST);
}

static void media_flows(int config_version, int stats_version)
{
    struct rist_ctx *sender, *receiver;
    struct rist_peer *peer;
    struct rist_peer_config config, *parsed = &config;
    struct rist_data_block block, *mine;
    rist_thread_callback_t thread = { thread_event };
    static char payload[1316];
    struct sockaddr_in name;
    socklen_t length = sizeof name;
    char url[64];
    int media, turn, done = 0;

    kept = NULL;
    flow_reports = sender_reports = documents = threads_started = threads_ended = 0;
    CHECK(rist_receiver_create(&receiver, RIST_PROFILE_SIMPLE, NULL) == 0);
    CHECK(rist_sender_create(&sender, RIST_PROFILE_SIMPLE, 4, NULL) == 0);
    CHECK(rist_set_opt(receiver, RIST_OPT_THREAD_CALLBACK, &thread, &threads_started, NULL) == 0);
    CHECK(rist_receiver_data_callback_set2(receiver, take, NULL) == 0);
    CHECK(rist_stats_callback_set(receiver, 50, report, &stats_version) == 0);
    CHECK(rist_stats_callback_set(sender, 50, report, &stats_version) == 0);
    CHECK(rist_sender_stats_callback_set(sender, 50, document, NULL) == 0);
    CHECK(rist_sender_stats_callback_set(receiver, 50, document, NULL) == -1);
    memset(&config, 0, sizeof config);
    CHECK(rist_peer_config_defaults_set_versioned(&config, config_version) == 0);
    CHECK(rist_parse_address2("rist://@127.0.0.1:0?buffer=50", &parsed) == 0);
    CHECK(rist_peer_create(receiver, &peer, &config) == 0);
    CHECK(rist_peer_get_socket(peer, &media, NULL) == 0);
    CHECK(getsockname(media, (struct sockaddr *)&name, &length) == 0);
    snprintf(url, sizeof url, "rist://127.0.0.1:%d?buffer=50", ntohs(name.sin_port));
    CHECK(rist_parse_address2(url, &parsed) == 0);
    CHECK(rist_peer_create(sender, &peer, &config) == 0);
    CHECK(rist_start(receiver) == 0 && rist_start(sender) == 0 && rist_start(sender) == -1);
    memset(&block, 0, sizeof block);
    block.payload = payload;
    block.payload_len = sizeof payload;
    for (turn = 0; turn < 4000 && !done; turn++) {
        CHECK(rist_sender_data_write(sender, &block) == (int)sizeof payload);
        usleep(5000);
        done = kept != NULL && flow_reports > 1 && sender_reports > 1 && documents > 1;
    }
    CHECK(done);
    CHECK(rist_destroy(sender) == 0 && rist_destroy(receiver) == 0);
    CHECK(threads_started > 0 && threads_started == threads_ended);
    /* A block outlives its context. */
    mine = kept;
    CHECK(mine->payload_len == sizeof payload && memcmp(mine->payload, payload, sizeof payload) == 0);
    rist_receiver_data_block_free2(&mine);
    CHECK(mine == NULL);
    if (wrong != 0)
        printf("a callback saw fault %d\n", wrong);
    CHECK(wrong == 0);
}

int main(void)
{
    struct rist_logging_settings logging = LOGGING_SETTINGS_INITIALIZER;

    logging.log_level = RIST_LOG_DEBUG;
    logging.log_cb = log_line;
    logging.log_cb_arg = &lines;
    global_log_ends_with_its_settings();
    log_is_variadic();
    CHECK(udp_log() == 0);
    peers_are_checked(&logging);
    a_forked_child_may_destroy();
    media_flows(6, 3);
    media_flows(0, 1);
    puts("all as promised");
    return 0;
}
