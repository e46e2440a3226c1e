/* Exercises udpsocket_* of the library given as the argument and prints what happens. */
#include <dlfcn.h>
#include <librist/udpsocket.h>

#define CALL(type, name) ((type)symbol(#name))

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

typedef int (*opener)(const char *, uint16_t, const char *);
typedef int (*on_socket)(int);
typedef uint32_t (*getter)(int);

static uint16_t port_of(int sd)
{
	struct sockaddr_in6 a;
	socklen_t length = sizeof a;
	getsockname(sd, (struct sockaddr *)&a, &length);
	return ntohs(a.sin6_port);
}

static void exchange(const char *name, const char *host, const char *interface)
{
	opener open_bind = CALL(opener, udpsocket_open_bind), open_connect = CALL(opener, udpsocket_open_connect);
	int in = open_bind(host, 0, interface);
	int out = open_connect(host, in < 0 ? 9 : port_of(in), interface);
	printf("%s: %s %s", name, in < 0 ? "-1" : "bound", out < 0 ? "-1" : "connected");
	if (in >= 0 && out >= 0) {
		char buffer[64] = "";
		struct sockaddr_in6 from;
		socklen_t length = sizeof from;
		printf(" sent %d", CALL(int (*)(int, const void *, size_t), udpsocket_send)(out, "hello", 5));
		printf(" received %d", CALL(int (*)(int, void *, size_t), udpsocket_recv)(in, buffer, sizeof buffer));
		printf(" %s", buffer);
		printf(" sent %d", CALL(int (*)(int, const void *, size_t), udpsocket_send_nonblocking)(out, "again", 5));
		printf(" received %d", CALL(int (*)(int, void *, size_t, int, struct sockaddr *, socklen_t *),
					    udpsocket_recvfrom)(in, buffer, sizeof buffer, 0, (struct sockaddr *)&from, &length));
		printf(" from the sender %d", ntohs(from.sin6_port) == port_of(out));
		printf(" empty %d", CALL(int (*)(int, void *, size_t, int, struct sockaddr *, socklen_t *),
					  udpsocket_recvfrom)(in, buffer, sizeof buffer, MSG_DONTWAIT, NULL, NULL));
		printf(" sent to %d", CALL(int (*)(int, const void *, size_t, const char *, uint16_t), udpsocket_sendto)(
					       CALL(int (*)(uint16_t), udpsocket_open)(from.sin6_family), "x", 1, host, port_of(in)));
	}
	printf("\n");
	CALL(on_socket, udpsocket_close)(in);
	CALL(on_socket, udpsocket_close)(out);
}

int main(int argc, char **argv)
{
	library = argc > 1 ? dlopen(argv[1], RTLD_NOW) : NULL;
	if (!library)
		return 2;
	exchange("IPv4", "127.0.0.1", "");
	exchange("IPv4, interface ignored", "127.0.0.1", "nosuch");
	exchange("IPv6", "::1", "");
	exchange("name", "localhost", "");
	exchange("multicast", "239.255.77.1", "lo");
	exchange("unknown host", "no-such-host.invalid", "");

	int sd = CALL(int (*)(uint16_t), udpsocket_open)(AF_INET);
	printf("optimal %d %d", CALL(on_socket, udpsocket_set_optimal_buffer_size)(sd),
	       CALL(on_socket, udpsocket_set_optimal_buffer_send_size)(sd));
	printf(" enough %d %d", CALL(getter, udpsocket_get_buffer_size)(sd) >= 209715,
	       CALL(getter, udpsocket_get_buffer_send_size)(sd) >= 209715);
	printf(" set %d %d", CALL(int (*)(int, uint32_t), udpsocket_set_buffer_size)(sd, 40000),
	       CALL(int (*)(int, uint32_t), udpsocket_set_buffer_send_size)(sd, 50000));
	printf(" get %u %u\n", CALL(getter, udpsocket_get_buffer_size)(sd), CALL(getter, udpsocket_get_buffer_send_size)(sd));
	printf("no socket: %d %d %u %d\n", CALL(on_socket, udpsocket_set_optimal_buffer_size)(-1),
	       CALL(int (*)(int, uint32_t), udpsocket_set_buffer_size)(-1, 1), CALL(getter, udpsocket_get_buffer_size)(-1),
	       CALL(on_socket, udpsocket_close)(-1));
	int (*set_interface)(int, const char *, uint16_t) = CALL(int (*)(int, const char *, uint16_t), udpsocket_set_mcast_iface);
	printf("interface %d %d non-blocking %d\n", set_interface(sd, "lo", AF_INET), set_interface(sd, "nosuch", AF_INET),
	       CALL(on_socket, udpsocket_set_nonblocking)(sd));

	union {
		struct sockaddr any;
		struct sockaddr_in v4;
		struct sockaddr_in6 v6;
	} a;
	int (*resolve)(const char *, uint16_t, struct sockaddr *) =
		CALL(int (*)(const char *, uint16_t, struct sockaddr *), udpsocket_resolve_host);
	int result = resolve("192.0.2.7", 258, &a.any);
	printf("resolve %d %d %08x %d", result, a.v4.sin_family == AF_INET, (unsigned)ntohl(a.v4.sin_addr.s_addr), ntohs(a.v4.sin_port));
	result = resolve("2001:db8::7", 258, &a.any);
	printf(" %d %d %d %d", result, a.v6.sin6_family == AF_INET6, a.v6.sin6_addr.s6_addr[15], ntohs(a.v6.sin6_port));
	printf(" %d %d\n", resolve("", 1, &a.any), resolve("no-such-host.invalid", 1, &a.any));

	char url[] = "h?a=1&b&c=d=e&&f=2", host[10] = "zzzzzzzzz", text[] = "verylonghost:9";
	udpsocket_url_param_t pairs[4];
	uint32_t clean = 0;
	int (*parameters)(char *, udpsocket_url_param_t *, int, uint32_t *) =
		CALL(int (*)(char *, udpsocket_url_param_t *, int, uint32_t *), udpsocket_parse_url_parameters);
	printf("no room %d", parameters(url, pairs, 0, &clean));
	printf(" first two %d", parameters(url, pairs, 2, &clean));
	printf(" %s %s %s %s %u\n", pairs[0].key, pairs[0].val, pairs[1].key, pairs[1].val, clean);
	uint16_t port = 0;
	int local = 0;
	result = CALL(int (*)(char *, char *, int, uint16_t *, int *), udpsocket_parse_url)(text, host, 5, &port, &local);
	printf("short field %d %.4s %d\n", result, host, port);
	if (argc < 3)
		return 0;

	/* What 0.2.7 has not, or does not survive, or (sending through an address) ignores. */
	exchange("newer", "239.255.77.1", "127.0.0.1");
	struct sockaddr_in group = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(0xefff4d02) };
	int (*join)(int, const char *, struct sockaddr *, uint16_t, const char *) =
		CALL(int (*)(int, const char *, struct sockaddr *, uint16_t, const char *), udpsocket_join_mcast_group);
	printf("join %d %d %d %d %d\n", join(sd, "lo", (struct sockaddr *)&group, AF_INET, NULL),
	       join(sd, "lo", NULL, AF_INET, NULL), join(sd, NULL, (struct sockaddr *)&group, 77, NULL),
	       join(sd, "lo", (struct sockaddr *)&group, AF_INET, "not an address"),
	       join(-1, "lo", (struct sockaddr *)&group, AF_INET, ""));
	int (*hops)(int, uint16_t, uint32_t) = CALL(int (*)(int, uint16_t, uint32_t), udpsocket_set_mcast_ttl);
	unsigned char ttl = 0;
	socklen_t length = sizeof ttl;
	printf("hops %d", hops(sd, AF_INET, 0));
	getsockopt(sd, IPPROTO_IP, IP_MULTICAST_TTL, &ttl, &length);
	printf(" %d %d", ttl, hops(sd, AF_INET, 7));
	getsockopt(sd, IPPROTO_IP, IP_MULTICAST_TTL, &ttl, &length);
	printf(" %d too many %d\n", ttl, hops(sd, AF_INET, 256));
	int (*bind_mcast)(const char *, uint16_t, const char *, uint32_t, const char *) =
		CALL(int (*)(const char *, uint16_t, const char *, uint32_t, const char *), udpsocket_open_bind_mcast);
	printf("source specific %d %d %d %d\n", bind_mcast("232.1.2.3", 0, "lo", 3, "127.0.0.1") >= 0,
	       bind_mcast("232.1.2.4", 0, "127.0.0.1", 0, "127.0.0.1") >= 0, bind_mcast("ff12::77", 0, "lo", 0, "") >= 0,
	       bind_mcast(NULL, 0, NULL, 0, NULL));
	CALL(void (*)(int, uint16_t), udpsocket_set_dontfragment)(sd, AF_INET);
	int discover = -1;
	length = sizeof discover;
	getsockopt(sd, IPPROTO_IP, IP_MTU_DISCOVER, &discover, &length);
	printf("unfragmented %d\n", discover == IP_PMTUDISC_DO);
	printf("null: %d %d %d %d %d\n", resolve(NULL, 1, &a.any), resolve("127.0.0.1", 1, NULL), parameters(NULL, pairs, 4, &clean),
	       parameters(url, NULL, 4, NULL),
	       CALL(int (*)(char *, char *, int, uint16_t *, int *), udpsocket_parse_url)(text, NULL, 5, &port, &local));
	return 0;
}
