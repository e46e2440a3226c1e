/* Receives over RIST and writes to standard output.
 *
 *   receiver rist://@:6000?buffer=500 > stream.ts
 *
 * Ends on SIGINT or SIGTERM, or when --packets have come.
 */
#define _POSIX_C_SOURCE 200809L
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <librist/librist.h>

/* Look at the stop flag at least this often. */
#define READ_MS 100

static volatile sig_atomic_t stop;

static void on_signal(int number)
{
	(void)number;
	stop = 1;
}

static int on_stats(void *arg, const struct rist_stats *stats)
{
	const struct rist_stats_receiver_flow *flow = &stats->stats.receiver_flow;
	(void)arg;
	if (stats->stats_type == RIST_STATS_RECEIVER_FLOW)
		fprintf(stderr, "receiver: flow %" PRIu32 ", %" PRIu64 " received, %" PRIu32 " missing, %" PRIu32 " recovered, %" PRIu32 " lost, quality %.2f\n",
			flow->flow_id, flow->received, flow->missing, flow->recovered, flow->lost, flow->quality);
	return rist_stats_free(stats);
}

static uint64_t receive(struct rist_ctx *ctx, uint64_t packets)
{
	uint64_t count = 0, gaps = 0;
	while (!stop && (!packets || count < packets)) {
		struct rist_data_block *block = NULL;
		int queued = rist_receiver_data_read2(ctx, &block, READ_MS);
		if (queued < 0)
			break;
		if (queued == 0 || !block)
			continue;
		if (block->flags & RIST_DATA_FLAGS_DISCONTINUITY)
			gaps++;
		if (fwrite(block->payload, 1, block->payload_len, stdout) != block->payload_len)
			stop = 1;
		count++;
		rist_receiver_data_block_free2(&block);
		if (queued == 1)
			fflush(stdout);
	}
	fflush(stdout);
	fprintf(stderr, "receiver: %" PRIu64 " packets, %" PRIu64 " gaps\n", count, gaps);
	return count;
}

static int run(const char *url, uint64_t packets)
{
	struct rist_logging_settings *log = NULL;
	struct rist_peer_config *config = NULL;
	struct rist_peer *peer = NULL;
	struct rist_ctx *ctx = NULL;
	const char *failed = NULL;

	if (rist_logging_set(&log, RIST_LOG_WARN, NULL, NULL, NULL, stderr) != 0)
		failed = "logging";
	else if (rist_receiver_create(&ctx, RIST_PROFILE_SIMPLE, log) != 0)
		failed = "rist_receiver_create";
	else if (rist_stats_callback_set(ctx, 1000, on_stats, NULL) != 0)
		failed = "rist_stats_callback_set";
	else if (rist_parse_address2(url, &config) != 0)
		failed = "the URL";
	else if (rist_peer_create(ctx, &peer, config) != 0)
		failed = "rist_peer_create";
	else if (rist_start(ctx) != 0)
		failed = "rist_start";

	if (failed)
		fprintf(stderr, "receiver: failed: %s\n", failed);
	else
		receive(ctx, packets);

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
	uint64_t packets = 0;
	struct sigaction action;
	int i;

	for (i = 1; i < argc; i++) {
		if (!strcmp(argv[i], "--packets") && i + 1 < argc)
			packets = strtoull(argv[++i], NULL, 10);
		else if (!strcmp(argv[i], "--version")) {
			printf("libRIST %s, API %s\n", librist_version(), librist_api_version());
			return 0;
		} else
			url = argv[i];
	}
	if (!url) {
		fprintf(stderr, "usage: receiver URL [--packets COUNT]\n");
		return 2;
	}
	memset(&action, 0, sizeof action);
	action.sa_handler = on_signal;
	sigaction(SIGINT, &action, NULL);
	sigaction(SIGTERM, &action, NULL);
	return run(url, packets);
}
