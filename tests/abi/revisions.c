/* Every revision of a structure lies at the end of a page, with nothing readable behind it, and goes through
 * every function that takes it. A byte too much is a segmentation fault. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <librist/librist.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#define CHECK(condition) \
    do { \
        if (!(condition)) { \
            printf("line %d, version %d: %s\n", __LINE__, version, #condition); \
            return 1; \
        } \
    } while (0)

/* `size` bytes before a page that cannot be touched; the bytes before them are 0x5a. */
static unsigned char *at_the_edge(size_t size)
{
    size_t page = (size_t)sysconf(_SC_PAGESIZE);
    unsigned char *pages = mmap(NULL, 2 * page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (pages == MAP_FAILED || mprotect(pages + page, page, PROT_NONE) != 0)
        return NULL;
    memset(pages, 0x5a, page);
    memset(pages + page - size, 0, size);
    return pages + page - size;
}

static int untouched_before(const unsigned char *structure)
{
    return structure[-1] == 0x5a && structure[-2] == 0x5a && structure[-3] == 0x5a && structure[-4] == 0x5a;
}

static const char *const urls[] = {
    "rist://@127.0.0.1:0?buffer=200&buffer-min=100&buffer-max=300&miface=lo&secret=abcdefgh&username=u&password=p"
    "&cname=c&aes-type=128&key-rotation=5&bandwidth=9&return-bandwidth=8&rtt=9&rtt-min=4&rtt-max=90"
    "&reorder-buffer=7&compression=0&virt-dst-port=2&weight=5&session-timeout=3000&keepalive-interval=200"
    "&congestion-control=2&timing-mode=1&min-retries=5&max-retries=9",
    "rist://@127.0.0.1:0?split=half&merge=auto&reflector=0&ttl=3&source=127.0.0.1&local-port=4000&srp-compat=1"
    "&profile=0&recovery-priority=2&recovery-depth=4&rtt-drop=9",
    "rist://@127.0.0.1:0?rtt-restore=8&rtt-drop-settle=7&rtt-drop-trickle=6&rtt-multiplier=5&split=off&merge=off",
    "rist://@127.0.0.1:0?rtt-drop=5&recovery-priority=9",
};

static int peer_config(int version, size_t size)
{
    unsigned char *edge = at_the_edge(size);
    struct rist_peer_config *config = (struct rist_peer_config *)edge;
    struct rist_ctx *ctx;
    struct rist_peer *peer;
    unsigned i;

    CHECK(edge != NULL);
    CHECK(rist_peer_config_defaults_set_versioned(config, version) == 0);
    CHECK(config->version == (version < 0 ? 0 : version > 6 ? 6 : version));
    CHECK(config->recovery_length_max == 1000 && config->max_retries == 20);
    for (i = 0; i < sizeof urls / sizeof *urls; i++) {
        CHECK(rist_parse_address2(urls[i], &config) == 0);
        CHECK(strcmp(config->address, "rist://@127.0.0.1:0") == 0);
    }
    CHECK(config->recovery_length_max == 300 && config->max_retries == 9);
    /* The last URL decides on what has no field. */
    memset(config->secret, 0, sizeof config->secret);
    config->key_size = 0;
    CHECK(rist_receiver_create(&ctx, RIST_PROFILE_SIMPLE, NULL) == 0);
    (void)rist_peer_create(ctx, &peer, config);
    CHECK(rist_destroy(ctx) == 0);
    CHECK(untouched_before(edge));
    return 0;
}

static int udp_config(int version, size_t size)
{
    unsigned char *edge = at_the_edge(size);
    struct rist_udp_config *config = (struct rist_udp_config *)edge;

    CHECK(edge != NULL);
    config->version = version;
    (void)rist_parse_udp_address2("rtp://127.0.0.1:5000?miface=lo&stream-id=7&rtp-timestamp=1&rtp-sequence=1"
                                  "&rtp-ptype=33&multiplex-mode=2&multiplex-filter=x&ttl=9&source=127.0.0.1"
                                  "&cbr-output=1", &config);
    CHECK(config->stream_id == 7 && strcmp(config->prefix, "rtp") == 0 && config->version == version);
    CHECK(config->rtp_ptype == (version >= 1 ? 33 : 0));
    CHECK(untouched_before(edge));
    return 0;
}

int main(void)
{
    /* Old programs call the function that the header now hides behind an inline one. */
    int (*old_defaults)(struct rist_peer_config *);
    static const size_t peer_sizes[] = { 1240, 1248, 1516, 1520, 1528, 1536, 1552 };
    static const size_t udp_sizes[] = { 432, 564, 832 };
    unsigned char *edge = at_the_edge(1240);
    int version;

    *(void **)&old_defaults = dlsym(RTLD_DEFAULT, "rist_peer_config_defaults_set");
    version = 0;
    CHECK(old_defaults != NULL && edge != NULL);
    CHECK(old_defaults((struct rist_peer_config *)edge) == 0 && untouched_before(edge));
    for (version = 0; version <= 6; version++) {
        if (peer_config(version, peer_sizes[version]) != 0)
            return 1;
    }
    /* From the future: the newest we know. Nonsense: the oldest. */
    if (peer_config(7, 1552) != 0 || peer_config(-1, 1240) != 0)
        return 1;
    for (version = 0; version <= 2; version++) {
        if (udp_config(version, udp_sizes[version]) != 0)
            return 1;
    }
    puts("every revision kept to itself");
    return 0;
}
