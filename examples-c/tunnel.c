/* Carries IP packets between two machines over RIST: a TUN device here, one there. Linux; needs root.
 *
 *   left#   tunnel rist0 10.9.0.1/24 'rist://right:6000?buffer=50&secret=hush' 'rist://@:6000?buffer=50&secret=hush'
 *   right#  tunnel rist0 10.9.0.2/24 'rist://left:6000?buffer=50&secret=hush' 'rist://@:6000?buffer=50&secret=hush'
 *
 * What leaves through the device is sent to the first URL, what the second receives comes in through it. The buffers
 * are what RIST has to repair losses, and what the tunnel adds to the way. --mtu sets the longest packet (1400).
 * Ends on SIGINT or SIGTERM.
 */
#define _POSIX_C_SOURCE 200809L
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <librist/librist.h>

struct tunnel {
	int device;
	struct rist_ctx *out;
	struct rist_ctx *in;
};

static int open_device(const char *wanted, const char *cidr, int mtu)
{
	char name[16], ip[64];
	int prefix, device;
	if (rist_tun_parse_cidr(cidr, ip, sizeof ip, &prefix) != 0) {
		fprintf(stderr, "tunnel: %s is no address with a prefix length\n", cidr);
		return -1;
	}
	device = rist_tun_open(wanted, name, sizeof name);
	if (device < 0) {
		perror("tunnel: rist_tun_open");
		return -1;
	}
	/* In this order: a device with an MTU below 1280 takes no IPv6 address. */
	if (rist_tun_set_mtu(name, mtu) != 0 || rist_tun_bring_up(name) != 0 || rist_tun_set_ip(name, ip, prefix) != 0) {
		perror("tunnel: the device");
		rist_tun_close(device);
		return -1;
	}
	fprintf(stderr, "tunnel: %s is %s/%d\n", name, ip, prefix);
	return device;
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

static const char *set_up(struct tunnel *tunnel, const char *to, const char *from, struct rist_logging_settings *log)
{
	if (rist_sender_create(&tunnel->out, RIST_PROFILE_MAIN, 0, log) != 0)
		return "rist_sender_create";
	if (rist_receiver_create(&tunnel->in, RIST_PROFILE_MAIN, log) != 0)
		return "rist_receiver_create";
	/* Before start: from then on the library moves the packets by itself. */
	if (rist_sender_data_fd_set(tunnel->out, tunnel->device, 0, RIST_DATA_FD_FLAG_TUN) != 0)
		return "rist_sender_data_fd_set";
	if (rist_receiver_data_fd_set(tunnel->in, tunnel->device, RIST_DATA_FD_FLAG_TUN) != 0)
		return "rist_receiver_data_fd_set";
	if (add_peer(tunnel->out, to) != 0)
		return to;
	if (add_peer(tunnel->in, from) != 0)
		return from;
	if (rist_start(tunnel->in) != 0 || rist_start(tunnel->out) != 0)
		return "rist_start";
	return NULL;
}

static int run(struct tunnel *tunnel, const char *to, const char *from, const sigset_t *ends)
{
	int signal_number;
	struct rist_logging_settings *log = NULL;
	struct rist_data_fd_stats out, in;
	const char *failed = "logging";

	if (rist_logging_set(&log, RIST_LOG_WARN, NULL, NULL, NULL, stderr) == 0)
		failed = set_up(tunnel, to, from, log);
	if (failed)
		fprintf(stderr, "tunnel: failed: %s\n", failed);
	else
		sigwait(ends, &signal_number);

	if (!failed && rist_data_fd_stats_get(tunnel->out, &out) == 0 && rist_data_fd_stats_get(tunnel->in, &in) == 0)
		fprintf(stderr, "tunnel: %" PRIu64 " packets out, %" PRIu64 " packets in\n", out.tx_packets, in.rx_packets);
	if (tunnel->out)
		rist_destroy(tunnel->out);
	if (tunnel->in)
		rist_destroy(tunnel->in);
	rist_logging_unset_global();
	if (log)
		rist_logging_settings_free2(&log);
	return failed ? 1 : 0;
}

int main(int argc, char **argv)
{
	struct tunnel tunnel = { -1, NULL, NULL };
	sigset_t ends;
	int mtu = 1400, result;

	if (argc == 2 && !strcmp(argv[1], "--version")) {
		printf("libRIST %s, API %s\n", librist_version(), librist_api_version());
		return 0;
	}
	if (argc == 7 && !strcmp(argv[5], "--mtu"))
		mtu = atoi(argv[6]);
	else if (argc != 5) {
		fprintf(stderr, "usage: tunnel DEVICE ADDRESS/PREFIX SENDER-URL RECEIVER-URL [--mtu BYTES]\n");
		return 2;
	}
	/* Before any thread starts, so that every thread leaves these signals to sigwait. */
	sigemptyset(&ends);
	sigaddset(&ends, SIGINT);
	sigaddset(&ends, SIGTERM);
	sigprocmask(SIG_BLOCK, &ends, NULL);

	tunnel.device = open_device(argv[1], argv[2], mtu);
	if (tunnel.device < 0)
		return 1;
	result = run(&tunnel, argv[3], argv[4], &ends);
	rist_tun_close(tunnel.device);
	return result;
}
