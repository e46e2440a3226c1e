/* Sends standard input, or what arrives on a UDP port, over RIST.
 *
 *   sender rist://192.0.2.1:6000?buffer=500 < stream.ts
 *   sender rist://192.0.2.1:6000 --udp 5000
 *
 * Standard input is cut into packets of 1316 bytes and sent as fast as --rate allows
 * (bits per second; 4000000 if not given). A datagram becomes one packet as it is.
 * --wait holds the input until a receiver has answered.
 */
#define _POSIX_C_SOURCE 200809L
#include <inttypes.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

#include <librist/librist.h>

#define PACKET 1316
#define LARGEST 9000
/* Keep running this long after the last packet, so that it can be asked for again. */
#define LINGER_MS 2000

static volatile sig_atomic_t stop;
static volatile sig_atomic_t connected;

static void on_signal(int number)
{
	(void)number;
	stop = 1;
}

static void on_status(void *arg, struct rist_peer *peer, enum rist_connection_status status)
{
	(void)arg;
	(void)peer;
	if (status == RIST_CONNECTION_ESTABLISHED || status == RIST_CLIENT_CONNECTED)
		connected = 1;
	if (status == RIST_CONNECTION_TIMED_OUT || status == RIST_CLIENT_TIMED_OUT)
		connected = 0;
}

static int on_stats(void *arg, const struct rist_stats *stats)
{
	const struct rist_stats_sender_peer *peer = &stats->stats.sender_peer;
	(void)arg;
	if (stats->stats_type == RIST_STATS_SENDER_PEER)
		fprintf(stderr, "sender: peer %" PRIu32 ", %" PRIu64 " sent, %" PRIu64 " sent again, rtt %" PRIu32 " ms, quality %.2f\n",
			peer->peer_id, peer->sent, peer->retransmitted, peer->rtt, peer->quality);
	return rist_stats_free(stats);
}

static void sleep_us(int64_t us)
{
	struct timespec pause = { (time_t)(us / 1000000), (long)(us % 1000000) * 1000 };
	if (us > 0)
		nanosleep(&pause, NULL);
}

static int64_t now_us(void)
{
	struct timespec now;
	clock_gettime(CLOCK_MONOTONIC, &now);
	return (int64_t)now.tv_sec * 1000000 + now.tv_nsec / 1000;
}

static int open_udp(int port)
{
	struct sockaddr_in address;
	struct timeval patience = { 0, 200000 };
	int fd = socket(AF_INET, SOCK_DGRAM, 0);
	memset(&address, 0, sizeof address);
	address.sin_family = AF_INET;
	address.sin_port = htons((uint16_t)port);
	if (fd < 0 || bind(fd, (struct sockaddr *)&address, sizeof address) < 0)
		return -1;
	setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
	return fd;
}

static int write_packet(struct rist_ctx *ctx, const void *payload, size_t length)
{
	struct rist_data_block block;
	memset(&block, 0, sizeof block);
	block.payload = payload;
	block.payload_len = length;
	return rist_sender_data_write(ctx, &block);
}

static uint64_t send_stdin(struct rist_ctx *ctx, int64_t rate)
{
	char packet[PACKET];
	size_t length;
	uint64_t count = 0;
	int64_t due = now_us();
	while (!stop && (length = fread(packet, 1, sizeof packet, stdin)) > 0) {
		sleep_us(due - now_us());
		due += (int64_t)length * 8 * 1000000 / rate;
		if (write_packet(ctx, packet, length) < 0)
			break;
		count++;
	}
	return count;
}

static uint64_t send_udp(struct rist_ctx *ctx, int fd)
{
	static char packet[LARGEST];
	uint64_t count = 0;
	while (!stop) {
		ssize_t length = recv(fd, packet, sizeof packet, 0);
		if (length <= 0)
			continue; /* nothing for a moment, or an empty datagram */
		if (write_packet(ctx, packet, (size_t)length) < 0)
			break;
		count++;
	}
	return count;
}

static int run(const char *url, int udp_port, int64_t rate, int hold)
{
	struct rist_logging_settings *log = NULL;
	struct rist_peer_config *config = NULL;
	struct rist_peer *peer = NULL;
	struct rist_ctx *ctx = NULL;
	const char *failed = NULL;
	int fd = -1;
	uint64_t count = 0;

	if (rist_logging_set(&log, RIST_LOG_WARN, NULL, NULL, NULL, stderr) != 0)
		failed = "logging";
	else if (rist_sender_create(&ctx, RIST_PROFILE_SIMPLE, 0, log) != 0)
		failed = "rist_sender_create";
	else if (rist_connection_status_callback_set(ctx, on_status, NULL) != 0)
		failed = "rist_connection_status_callback_set";
	else if (rist_stats_callback_set(ctx, 1000, on_stats, NULL) != 0)
		failed = "rist_stats_callback_set";
	else if (rist_parse_address2(url, &config) != 0)
		failed = "the URL";
	else if (rist_peer_create(ctx, &peer, config) != 0)
		failed = "rist_peer_create";
	else if (rist_start(ctx) != 0)
		failed = "rist_start";
	else if (udp_port && (fd = open_udp(udp_port)) < 0)
		failed = "the UDP port";

	if (failed) {
		fprintf(stderr, "sender: failed: %s\n", failed);
	} else {
		while (hold && !connected && !stop)
			sleep_us(10000);
		count = udp_port ? send_udp(ctx, fd) : send_stdin(ctx, rate);
		if (!udp_port && !stop)
			sleep_us(LINGER_MS * 1000);
		fprintf(stderr, "sender: %" PRIu64 " packets\n", count);
	}

	if (fd >= 0)
		close(fd);
	if (config)
		rist_peer_config_free2(&config);
	if (ctx)
		rist_destroy(ctx);
	rist_logging_unset_global();
	if (log)
		rist_logging_settings_free2(&log);
	return failed ? 1 : 0;
}

int main(int argc, char **argv)
{
	const char *url = NULL;
	int udp_port = 0, hold = 0, i;
	int64_t rate = 4000000;
	struct sigaction action;

	for (i = 1; i < argc; i++) {
		if (!strcmp(argv[i], "--udp") && i + 1 < argc)
			udp_port = atoi(argv[++i]);
		else if (!strcmp(argv[i], "--rate") && i + 1 < argc)
			rate = atoll(argv[++i]);
		else if (!strcmp(argv[i], "--wait"))
			hold = 1;
		else if (!strcmp(argv[i], "--version")) {
			printf("libRIST %s, API %s\n", librist_version(), librist_api_version());
			return 0;
		} else
			url = argv[i];
	}
	if (!url || rate <= 0) {
		fprintf(stderr, "usage: sender URL [--udp PORT] [--rate BITS/S] [--wait]\n");
		return 2;
	}
	memset(&action, 0, sizeof action);
	action.sa_handler = on_signal;
	sigaction(SIGINT, &action, NULL);
	sigaction(SIGTERM, &action, NULL);
	return run(url, udp_port, rate, hold);
}
