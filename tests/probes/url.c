/* Parses URLs with the libRIST given as the first argument and prints every field: "name=value" lines, one
 * empty line after each URL. The second argument is peer, udp, address or query. */
#include <dlfcn.h>
#include <librist/librist.h>
#include <librist/udpsocket.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void *library;

static void *symbol(const char *name)
{
	void *found = dlsym(library, name);
	if (!found) {
		fprintf(stderr, "no symbol %s\n", name);
		exit(2);
	}
	return found;
}

static void number(const char *name, long value)
{
	printf("%s=%ld\n", name, value);
}

static void text(const char *name, const char *value, size_t room)
{
	printf("%s=", name);
	for (size_t i = 0; i < room && value[i]; i++) {
		unsigned char c = (unsigned char)value[i];
		if (c > 0x20 && c < 0x7f && c != '%')
			putchar(c);
		else
			printf("%%%02x", c);
	}
	putchar('\n');
}

static void peer(char *url)
{
	int (*parse)(const char *, struct rist_peer_config **) = symbol("rist_parse_address2");
	struct rist_peer_config *c = NULL;
	number("return", parse(url, &c));
	text("address", c->address, sizeof c->address);
	text("miface", c->miface, sizeof c->miface);
	number("virt_dst_port", c->virt_dst_port);
	number("recovery_mode", c->recovery_mode);
	number("recovery_maxbitrate", c->recovery_maxbitrate);
	number("recovery_maxbitrate_return", c->recovery_maxbitrate_return);
	number("recovery_length_min", c->recovery_length_min);
	number("recovery_length_max", c->recovery_length_max);
	number("recovery_reorder_buffer", c->recovery_reorder_buffer);
	number("recovery_rtt_min", c->recovery_rtt_min);
	number("recovery_rtt_max", c->recovery_rtt_max);
	number("weight", c->weight);
	text("secret", c->secret, sizeof c->secret);
	number("key_size", c->key_size);
	number("key_rotation", c->key_rotation);
	number("compression", c->compression);
	text("cname", c->cname, sizeof c->cname);
	number("congestion_control_mode", c->congestion_control_mode);
	number("min_retries", c->min_retries);
	number("max_retries", c->max_retries);
	number("session_timeout", c->session_timeout);
	number("keepalive_interval", c->keepalive_interval);
	number("timing_mode", c->timing_mode);
	text("srp_username", c->srp_username, sizeof c->srp_username);
	text("srp_password", c->srp_password, sizeof c->srp_password);
	free(c);
}

static void udp(char *url)
{
	int (*parse)(const char *, struct rist_udp_config **) = symbol("rist_parse_udp_address2");
	struct rist_udp_config *c = NULL;
	number("return", parse(url, &c));
	text("address", c->address, sizeof c->address);
	text("miface", c->miface, sizeof c->miface);
	text("prefix", c->prefix, sizeof c->prefix);
	number("rtp_timestamp", c->rtp_timestamp);
	number("rtp_sequence", c->rtp_sequence);
	number("rtp", c->rtp);
	number("rtp_ptype", c->rtp_ptype);
	number("stream_id", c->stream_id);
	number("multiplex_mode", c->multiplex_mode);
	text("multiplex_filter", c->multiplex_filter, sizeof c->multiplex_filter);
	free(c);
}

static void address(char *url)
{
	int (*parse)(char *, char *, int, uint16_t *, int *) = symbol("udpsocket_parse_url");
	char host[300] = "untouched";
	uint16_t port = 7777;
	int local = -9;
	number("return", parse(url, host, 256, &port, &local));
	text("host", host, sizeof host);
	number("port", port);
	number("local", local);
}

static void query(char *url)
{
	int (*parse)(const char *, udpsocket_url_param_t *, int, uint32_t *) = symbol("udpsocket_parse_url_parameters");
	udpsocket_url_param_t pairs[32];
	uint32_t clean = 0;
	int count = parse(url, pairs, 32, &clean);
	number("return", count);
	number("clean", clean);
	for (int i = 0; i < count; i++) {
		text("key", pairs[i].key, strlen(pairs[i].key));
		text("value", pairs[i].val, strlen(pairs[i].val));
	}
}

int main(int argc, char **argv)
{
	library = argc > 2 ? dlopen(argv[1], RTLD_NOW) : NULL;
	if (!library) {
		fprintf(stderr, "usage: url <library> peer|udp|address|query <URL>...\n");
		return 2;
	}
	for (int i = 3; i < argc; i++) {
		/* 0.2.7 writes into its input. */
		size_t length = strlen(argv[i]);
		char *copy = malloc(length + 1);
		if (!copy)
			return 2;
		memcpy(copy, argv[i], length + 1);
		switch (argv[2][0]) {
		case 'p': peer(copy); break;
		case 'u': udp(copy); break;
		case 'a': address(copy); break;
		default: query(copy); break;
		}
		putchar('\n');
		fflush(stdout);
		free(copy);
	}
	return 0;
}
