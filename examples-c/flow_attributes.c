/* Says what is in a flow, and reads what is said of one (Advanced profile; <librist/ferrist.h>).
 *
 *   left$   flow_attributes send 'rist://right:6000'
 *   right$  flow_attributes receive 'rist://@:6000'
 *
 * The sender describes two subflows twice a second beside a little media, the receiver prints what comes: the fields
 * where they are those of TR-06-3, the text as it is where a sender says something else. Ends on SIGINT or SIGTERM.
 */
#define _POSIX_C_SOURCE 200809L
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <librist/ferrist.h>
#include <librist/librist.h>

static volatile sig_atomic_t ended;

static void end(int signal)
{
	(void)signal;
	ended = 1;
}

/* Names come from the network: control characters have no place on a terminal. */
static void print(const char *what, const char *text)
{
	if (text == NULL)
		return;
	printf(" %s=", what);
	for (; *text != '\0'; text++)
		putchar((unsigned char)*text < ' ' || *text == 0x7f ? '?' : *text);
}

static int print_subflow(void *arg, const struct rist_subflow *subflow)
{
	(void)arg;
	printf("subflow");
	print("session", subflow->session_id);
	print("flow", subflow->flow_id);
	print("id", subflow->id);
	print("format", subflow->format);
	print("name", subflow->name);
	print("description", subflow->description);
	if (subflow->priority >= 0)
		printf(" priority=%" PRId64, subflow->priority);
	if (subflow->bitrate >= 0)
		printf(" bitrate=%" PRId64, subflow->bitrate);
	putchar('\n');
	return 0;
}

/* Called from a thread of the library. */
static int on_flow_attribute(void *arg, struct rist_peer *peer, const char *json, size_t length)
{
	(void)arg;
	(void)peer;
	if (rist_flow_attribute_read(json, length, print_subflow, NULL) < 0) {
		print("other", json);
		putchar('\n');
	}
	fflush(stdout);
	return 0;
}

static int describe(char *json, size_t size)
{
	struct rist_subflow subflows[2];
	memset(subflows, 0, sizeof subflows);
	subflows[0].session_version = subflows[1].session_version = "1:0";
	subflows[0].session_id = subflows[1].session_id = "1";
	subflows[0].flow_id = subflows[1].flow_id = "1968";
	subflows[0].id = "0";
	subflows[0].name = "Main feed";
	subflows[0].priority = 1;
	subflows[0].bitrate = 5000000;
	subflows[1].id = "1";
	subflows[1].name = "Sign language";
	subflows[1].priority = subflows[1].bitrate = -1;
	return rist_flow_attribute_write(json, size, subflows, 2);
}

static int send_all(struct rist_ctx *ctx)
{
	const struct timespec pause = { 0, 20000000 };
	struct rist_data_block block;
	uint32_t number = 0;
	char json[1000];
	int length = describe(json, sizeof json);
	if (length < 0)
		return -1;
	memset(&block, 0, sizeof block);
	block.payload = &number;
	block.payload_len = sizeof number;
	for (; !ended; number++) {
		if (rist_sender_data_write(ctx, &block) < 0)
			return -1;
		/* Nobody may be there yet. */
		if (number % 25 == 0)
			rist_sender_flow_attribute_write(ctx, NULL, json, (size_t)length);
		nanosleep(&pause, NULL);
	}
	return 0;
}

static int receive_all(struct rist_ctx *ctx)
{
	struct rist_data_block *block;
	while (!ended) {
		block = NULL;
		if (rist_receiver_data_read2(ctx, &block, 100) < 0)
			return -1;
		rist_receiver_data_block_free2(&block);
	}
	return 0;
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

int main(int argc, char **argv)
{
	struct rist_logging_settings *log = NULL;
	struct rist_ctx *ctx = NULL;
	struct sigaction action;
	int sends, result = -1;

	if (argc == 2 && strcmp(argv[1], "--version") == 0) {
		printf("%s\n", librist_version());
		return 0;
	}
	sends = argc == 3 && strcmp(argv[1], "send") == 0;
	if (!sends && (argc != 3 || strcmp(argv[1], "receive") != 0)) {
		fprintf(stderr, "usage: flow_attributes send|receive URL\n");
		return 2;
	}
	memset(&action, 0, sizeof action);
	action.sa_handler = end;
	sigaction(SIGINT, &action, NULL);
	sigaction(SIGTERM, &action, NULL);

	if (rist_logging_set(&log, RIST_LOG_WARN, NULL, NULL, NULL, stderr) != 0)
		return 1;
	if (sends)
		result = rist_sender_create(&ctx, RIST_PROFILE_ADVANCED, 0, log);
	else
		result = rist_receiver_create(&ctx, RIST_PROFILE_ADVANCED, log);
	if (result == 0 && !sends)
		result = rist_receiver_flow_attr_callback_set(ctx, on_flow_attribute, NULL);
	if (result == 0 && (result = add_peer(ctx, argv[2])) == 0 && (result = rist_start(ctx)) == 0)
		result = sends ? send_all(ctx) : receive_all(ctx);
	if (ctx != NULL)
		rist_destroy(ctx);
	rist_logging_settings_free2(&log);
	return result == 0 ? 0 : 1;
}
