/* Receives every flow that comes to one port and writes each to a file of its own, through the C API.
 *
 *   flows URL DIRECTORY
 *
 * The files have the flows' numbers as names. Runs until it is killed.
 */
#include <inttypes.h>
#include <librist/librist.h>
#include <stdio.h>

#define MOST_FLOWS 8

static struct {
	uint32_t flow;
	FILE *file;
} files[MOST_FLOWS];

static FILE *file_of(const char *directory, uint32_t flow)
{
	char name[4096];
	size_t at = 0;

	while (at < MOST_FLOWS - 1 && files[at].file && files[at].flow != flow)
		at++;
	if (!files[at].file) {
		snprintf(name, sizeof name, "%s/%" PRIu32, directory, flow);
		files[at].flow = flow;
		files[at].file = fopen(name, "wb");
		printf("flow %" PRIu32 "\n", flow);
		fflush(stdout);
	}
	return files[at].file;
}

int main(int argc, char **argv)
{
	struct rist_logging_settings *log = NULL;
	struct rist_peer_config *config = NULL;
	struct rist_peer *peer = NULL;
	struct rist_ctx *ctx = NULL;

	if (argc != 3 || rist_logging_set(&log, RIST_LOG_INFO, NULL, NULL, NULL, stderr) != 0)
		return 2;
	if (rist_receiver_create(&ctx, RIST_PROFILE_MAIN, log) != 0 || rist_parse_address2(argv[1], &config) != 0)
		return 1;
	if (rist_peer_create(ctx, &peer, config) != 0 || rist_start(ctx) != 0)
		return 1;
	for (;;) {
		struct rist_data_block *block = NULL;
		if (rist_receiver_data_read2(ctx, &block, 100) <= 0 || !block)
			continue;
		FILE *file = file_of(argv[2], block->flow_id);
		if (!file || fwrite(block->payload, 1, block->payload_len, file) != block->payload_len)
			return 1;
		fflush(file);
		rist_receiver_data_block_free2(&block);
	}
}
