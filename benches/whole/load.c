/* A load for a librist.so.4, through the public C API only: a stream of numbered packets and what it costs.
 *
 *   load both    [options]     sender and receiver, each in a process of its own
 *   load send    [options]     one of them
 *   load receive [options]
 *   load churn   [options]     contexts created, started and destroyed
 *
 *   --port P        UDP port on the loopback, even (20000)
 *   --profile NAME  simple or main (simple)
 *   --aes BITS      0, 128 or 256; not in Simple (0)
 *   --rate MBIT     Mbit/s of payload in each flow (20)
 *   --seconds S     measured, after a warm-up (2)
 *   --buffer MS     recovery buffer (200)
 *   --batch N       up to N packets with one call, where the library can
 *   --flows N       sender contexts, all to one receiver; not in Simple (1)
 *   --plain         sendto() and recvfrom() in place of the library
 *   --idle          connected, without packets
 *
 * Which library it runs on is the choice of LD_LIBRARY_PATH; it prints the file that it has mapped. Each side prints one
 * line of key=value: times in us, cpu in % of one core. The sender's cpu and switches are without those of the pacing.
 */
#define _POSIX_C_SOURCE 200809L
#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <unistd.h>

#include "load.h"

#define CONNECT_LIMIT 30
#define CHURN_ROUNDS 100

struct options options = { 20000, 200, 1, 1, 0, 0, 0, 20, 2, RIST_PROFILE_SIMPLE };

void fail(const char *what)
{
    fprintf(stderr, "load: %s\n", what);
    exit(1);
}

static unsigned char pattern[PACKET + 256];

const unsigned char *body_of(const struct header *header)
{
    return pattern + (header->flow * 7 + header->seq) % 256;
}

static void make_pattern(void)
{
    uint32_t state = 1;
    size_t i;
    for (i = 0; i < sizeof pattern; i++)
        pattern[i] = (unsigned char)((state = state * 1664525 + 1013904223) >> 24);
}

static void on_status(void *connected, struct rist_peer *peer, enum rist_connection_status status)
{
    (void)peer;
    if (status == RIST_CONNECTION_ESTABLISHED || status == RIST_CLIENT_CONNECTED)
        __atomic_store_n((int *)connected, 1, __ATOMIC_RELEASE);
}

void wait_connected(const int *connected)
{
    int64_t limit = now_ns() + CONNECT_LIMIT * SECOND;
    while (!__atomic_load_n(connected, __ATOMIC_ACQUIRE)) {
        if (now_ns() > limit)
            fail("no connection");
        sleep_until(now_ns() + SECOND / 100);
    }
}

struct rist_ctx *open_context(uint32_t flow, receiver_data_callback2_t take, int *connected)
{
    static struct rist_logging_settings *log;
    struct rist_peer_config *config = NULL;
    struct rist_peer *peer;
    struct rist_ctx *ctx;
    char url[256], secret[64] = "";
    double kbit = options.rate * 2000 > 100000 ? options.rate * 2000 : 100000;

    if (options.aes)
        snprintf(secret, sizeof secret, "&secret=not-for-anything-else&aes-type=%d", options.aes);
    snprintf(url, sizeof url, "rist://%s127.0.0.1:%d?buffer=%d&bandwidth=%.0f%s", take ? "@" : "", options.port,
             options.buffer, kbit, secret);
    if (!log && rist_logging_set(&log, RIST_LOG_DISABLE, NULL, NULL, NULL, NULL) != 0)
        fail("rist_logging_set");
    if (take ? rist_receiver_create(&ctx, options.profile, log) : rist_sender_create(&ctx, options.profile, flow, log))
        fail("no context");
    if (take && rist_receiver_data_callback_set2(ctx, take, NULL) != 0)
        fail("rist_receiver_data_callback_set2");
    if (connected && rist_connection_status_callback_set(ctx, on_status, connected) != 0)
        fail("rist_connection_status_callback_set");
    if (rist_parse_address2(url, &config) != 0 || rist_peer_create(ctx, &peer, config) != 0)
        fail("no peer");
    rist_peer_config_free2(&config);
    if (rist_start(ctx) != 0)
        fail("rist_start");
    return ctx;
}

int open_socket(struct sockaddr_in *address)
{
    struct timeval patience = { 0, 200000 }; /* to see that the sender has gone */
    int size = 1 << 20;                      /* what libRIST asks for */
    int fd = socket(AF_INET, SOCK_DGRAM, 0);
    memset(address, 0, sizeof *address);
    address->sin_family = AF_INET;
    address->sin_port = htons((uint16_t)options.port);
    address->sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &size, sizeof size);
    setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
    return fd;
}

static int both(void)
{
    int status, result, patience = 100;
    pid_t child = fork();

    if (child == 0)
        exit(receive_stream());
    result = send_stream();
    while (waitpid(child, &status, WNOHANG) == 0) {
        /* It ends by itself with the first packets of the tail. */
        if (patience-- == 0)
            kill(child, SIGTERM);
        sleep_until(now_ns() + SECOND / 50);
    }
    return result || !WIFEXITED(status) || WEXITSTATUS(status) != 0;
}

static int churn(const char *side, receiver_data_callback2_t take)
{
    static struct histogram rounds;
    int64_t start, cpu = clock_ns(CLOCK_PROCESS_CPUTIME_ID);
    int i;

    memset(&rounds, 0, sizeof rounds);
    rounds.width = 5000;
    for (i = 0; i < CHURN_ROUNDS; i++) {
        start = now_ns();
        rist_destroy(open_context(2, take, NULL));
        count(&rounds, now_ns() - start);
    }
    cpu = clock_ns(CLOCK_PROCESS_CPUTIME_ID) - cpu;
    printf("churn-%s", side);
    print_library();
    printf(" round_p50_us=%.0f round_p99_us=%.0f", percentile_us(&rounds, 0.5), percentile_us(&rounds, 0.99));
    printf(" cpu_us=%.0f rss_kib=%ld\n", (double)cpu / 1000 / CHURN_ROUNDS, status_of("VmRSS:"));
    return 0;
}

static double number_of(const char *text, double least, double most)
{
    char *end;
    double number = strtod(text, &end);
    if (*end || !(number >= least && number <= most))
        fail(text);
    return number;
}

static enum rist_profile profile_of(const char *name)
{
    if (strcmp(name, "simple") && strcmp(name, "main"))
        fail(name);
    return strcmp(name, "main") ? RIST_PROFILE_SIMPLE : RIST_PROFILE_MAIN;
}

static int read_options(int argc, char **argv)
{
    int i;
    for (i = 2; i < argc; i++) {
        const char *key = argv[i], *value = i + 1 < argc ? argv[i + 1] : "";
        if (!strcmp(key, "--plain") || !strcmp(key, "--idle")) {
            *(key[2] == 'p' ? &options.plain : &options.idle) = 1;
            continue;
        }
        if (!strcmp(key, "--profile"))
            options.profile = profile_of(value);
        else if (!strcmp(key, "--port"))
            options.port = (int)number_of(value, 2, 65534);
        else if (!strcmp(key, "--aes"))
            options.aes = (int)number_of(value, 0, 256);
        else if (!strcmp(key, "--rate"))
            options.rate = number_of(value, 0.01, 20000);
        else if (!strcmp(key, "--seconds"))
            options.seconds = number_of(value, 0.1, 3600);
        else if (!strcmp(key, "--buffer"))
            options.buffer = (int)number_of(value, 1, 30000);
        else if (!strcmp(key, "--batch"))
            options.batch = (int)number_of(value, 1, MAX_BATCH);
        else if (!strcmp(key, "--flows"))
            options.flows = (int)number_of(value, 1, MAX_FLOWS);
        else
            return 0;
        i++;
    }
    return argc >= 2;
}

int main(int argc, char **argv)
{
    if (!read_options(argc, argv)) {
        fprintf(stderr, "usage: load both|send|receive|churn [options]; the source tells which\n");
        return 2;
    }
    make_pattern();
    prepare_sender();
    prepare_receiver();
    if (!strcmp(argv[1], "both"))
        return both();
    if (!strcmp(argv[1], "send"))
        return send_stream();
    if (!strcmp(argv[1], "receive"))
        return receive_stream();
    return strcmp(argv[1], "churn") ? 2 : churn("sender", NULL) || churn("receiver", on_packet);
}
