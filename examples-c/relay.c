/* Receives over RIST and sends on over RIST, and prints the statistics of both sides.
 *
 *   relay rist://@:6000?buffer=500 rist://192.0.2.1:7000?buffer=500
 *
 * Sequence numbers and time stamps are kept, so the next receiver sees the source's spacing.
 * Ends on SIGINT or SIGTERM.
 */
#define _POSIX_C_SOURCE 200809L
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <librist/librist.h>

struct relay {
	struct rist_ctx *in;
	struct rist_ctx *out;
	uint64_t packets; /* only the receiving context's callback thread counts */
};

static void on_output_status(void *arg, struct rist_peer *peer, enum rist_connection_status status)
{
	(void)arg;
	(void)peer;
	if (status == RIST_CONNECTION_ESTABLISHED || status == RIST_CLIENT_CONNECTED)
		fprintf(stderr, "relay: output connected\n");
}

static int on_data(void *arg, struct rist_data_block *block)
{
	struct relay *relay = arg;
	struct rist_data_block copy;
	memset(&copy, 0, sizeof copy);
	copy.payload = block->payload;
	copy.payload_len = block->payload_len;
	copy.ts_ntp = block->ts_ntp;
	copy.seq = block->seq;
	copy.flags = RIST_DATA_FLAGS_USE_SEQ;
	if (rist_sender_data_write(relay->out, &copy) >= 0)
		relay->packets++;
	rist_receiver_data_block_free2(&block);
	return 0;
}

static int on_stats(void *arg, const struct rist_stats *stats)
{
	const struct rist_stats_receiver_flow *flow = &stats->stats.receiver_flow;
	const struct rist_stats_sender_peer *peer = &stats->stats.sender_peer;
	(void)arg;
	if (stats->stats_type == RIST_STATS_RECEIVER_FLOW)
		fprintf(stderr, "relay in: %" PRIu64 " received, %" PRIu32 " missing, %" PRIu32 " recovered, %" PRIu32 " lost\n",
			flow->received, flow->missing, flow->recovered, flow->lost);
	else
		fprintf(stderr, "relay out: peer %" PRIu32 ", %" PRIu64 " sent, %" PRIu64 " sent again\n",
			peer->peer_id, peer->sent, peer->retransmitted);
	return rist_stats_free(stats);
}

static int add_peer(struct rist_ctx *ctx, const char *url)
{
	struct rist_peer_config *config = NULL;
	struct rist_peer *peer = NULL;
	int result;
	if (rist_parse_address2(url, &config) != 0)
		return -1;
	result = rist_peer_create(ctx, &peer, config);
	rist_peer_config_free2(&config);
	return result;
}

static const char *set_up(struct relay *relay, const char *from, const char *to, struct rist_logging_settings *log)
{
	if (rist_sender_create(&relay->out, RIST_PROFILE_SIMPLE, 0, log) != 0)
		return "rist_sender_create";
	if (rist_receiver_create(&relay->in, RIST_PROFILE_SIMPLE, log) != 0)
		return "rist_receiver_create";
	if (rist_stats_callback_set(relay->out, 1000, on_stats, NULL) != 0
	    || rist_stats_callback_set(relay->in, 1000, on_stats, NULL) != 0)
		return "rist_stats_callback_set";
	if (rist_connection_status_callback_set(relay->out, on_output_status, NULL) != 0)
		return "rist_connection_status_callback_set";
	if (rist_receiver_data_callback_set2(relay->in, on_data, relay) != 0)
		return "rist_receiver_data_callback_set2";
	if (add_peer(relay->out, to) != 0)
		return to;
	if (add_peer(relay->in, from) != 0)
		return from;
	if (rist_start(relay->out) != 0 || rist_start(relay->in) != 0)
		return "rist_start";
	return NULL;
}

static int run(const char *from, const char *to, const sigset_t *ends)
{
	int signal_number;
	struct rist_logging_settings *log = NULL;
	struct relay relay = { NULL, NULL, 0 };
	const char *failed = "logging";

	if (rist_logging_set(&log, RIST_LOG_WARN, NULL, NULL, NULL, stderr) == 0)
		failed = set_up(&relay, from, to, log);
	if (failed)
		fprintf(stderr, "relay: failed: %s\n", failed);
	else
		sigwait(ends, &signal_number);

	/* The receiver first: it writes into the sender. */
	if (relay.in)
		rist_destroy(relay.in);
	if (relay.out)
		rist_destroy(relay.out);
	if (!failed)
		fprintf(stderr, "relay: %" PRIu64 " packets\n", relay.packets);
	rist_logging_unset_global();
	if (log)
		rist_logging_settings_free2(&log);
	return failed ? 1 : 0;
}

int main(int argc, char **argv)
{
	sigset_t ends;

	if (argc == 2 && !strcmp(argv[1], "--version")) {
		printf("libRIST %s, API %s\n", librist_version(), librist_api_version());
		return 0;
	}
	if (argc != 3) {
		fprintf(stderr, "usage: relay INPUT-URL OUTPUT-URL\n");
		return 2;
	}
	/* Before any thread starts, so that every thread leaves these signals to sigwait. */
	sigemptyset(&ends);
	sigaddset(&ends, SIGINT);
	sigaddset(&ends, SIGTERM);
	sigprocmask(SIG_BLOCK, &ends, NULL);
	return run(argv[1], argv[2], &ends);
}
