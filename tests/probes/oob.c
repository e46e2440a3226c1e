/* Sends out-of-band data and checks what comes back, through the C API.
 *
 *   oob sender|receiver NAME URL
 *
 * Who calls sends to the peer that it has called, who listens to whom it was last written by.
 *
 * Every message tells its number, and its length and octets follow from that. Prints a line for each message that
 * comes, and the first value of every kind that rist_oob_write() has given. Runs until it is killed.
 */
#define _POSIX_C_SOURCE 200809L
#include <librist/librist.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define LONGEST 1400

static size_t message(const char *name, unsigned number, char out[LONGEST])
{
	size_t length = number % 3 == 0 ? LONGEST : 40 + number % 50;

	for (size_t place = 0; place < length; place++)
		out[place] = (char)(number * 31 + place * 7);
	snprintf(out, 32, "%s %u", name, number);
	return length;
}

static int on_oob(void *arg, const struct rist_oob_block *block)
{
	char name[16], expected[LONGEST];
	unsigned number;
	int intact = 0;

	(void)arg;
	if (block->payload_len >= 32 && sscanf(block->payload, "%15s %u", name, &number) == 2) {
		size_t length = message(name, number, expected);
		intact = length == block->payload_len && memcmp(expected, block->payload, length) == 0;
	}
	if (intact)
		printf("got %s %u\n", name, number);
	else
		printf("wrong message of %zu octets\n", block->payload_len);
	fflush(stdout);
	return 0;
}

static struct rist_ctx *open_session(int sends, const char *url, struct rist_peer **peer)
{
	struct rist_logging_settings *log = NULL;
	struct rist_peer_config *config = NULL;
	struct rist_ctx *ctx = NULL;

	if (rist_logging_set(&log, RIST_LOG_INFO, NULL, NULL, NULL, stderr) != 0)
		return NULL;
	if ((sends ? rist_sender_create(&ctx, RIST_PROFILE_MAIN, 0, log)
		   : rist_receiver_create(&ctx, RIST_PROFILE_MAIN, log)) != 0)
		return NULL;
	if (rist_oob_callback_set(ctx, on_oob, NULL) != 0 || rist_parse_address2(url, &config) != 0)
		return NULL;
	if (rist_peer_create(ctx, peer, config) != 0 || rist_start(ctx) != 0)
		return NULL;
	return ctx;
}

int main(int argc, char **argv)
{
	const struct timespec pause = { 0, 20 * 1000 * 1000 };
	struct rist_peer *peer = NULL;
	char text[LONGEST];
	int last = 12345;

	if (argc != 4)
		return 2;
	struct rist_ctx *ctx = open_session(strcmp(argv[1], "sender") == 0, argv[3], &peer);
	if (!ctx)
		return 1;
	for (unsigned number = 0;; number++) {
		struct rist_oob_block block = { 0 };
		block.peer = strchr(argv[3], '@') ? NULL : peer;
		block.payload = text;
		block.payload_len = message(argv[2], number, text);
		int result = rist_oob_write(ctx, &block);
		if (result != last)
			printf("rist_oob_write gives %d\n", last = result);
		fflush(stdout);
		nanosleep(&pause, NULL);
	}
}
