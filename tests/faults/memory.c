/* No memory: what is large is refused with an error. With memory_shim.c. */
#include "common.h"

extern void memory_is_short(size_t bytes, long spared);
extern long memory_refusals(void);

static const size_t ENOUGH = (size_t)-1;

int main(int argc, char **argv)
{
    int port = port_of(argc, argv);
    static char payload[9000];
    struct rist_data_block large = {.payload = payload, .payload_len = sizeof payload};
    struct rist_ctx *ctx;
    long refusals;
    struct link link;

    /* What a context receives into: 2 MB. */
    memory_is_short(1 << 20, 0);
    ctx = (struct rist_ctx *)1;
    CHECK(rist_receiver_create(&ctx, RIST_PROFILE_MAIN, NULL) == -1);
    CHECK(rist_sender_create(&ctx, RIST_PROFILE_MAIN, 0, NULL) == -1);
    CHECK(memory_refusals() == 2);
    memory_is_short(ENOUGH, 0);

    /* No room for packets: those are refused, or lost and asked for again, and the stream goes on. */
    connect_link(&link, port, RIST_PROFILE_MAIN);
    establish(&link);
    stream(&link, 300);
    memory_is_short(PAYLOAD, 0);
    for (int count = 0; count < 50; count++) {
        int result = write_number(link.sender, 1000000);

        CHECK(result == PAYLOAD || result == -3);
        /* Longer than any buffer that is there to be used again. */
        CHECK(rist_sender_data_write(link.sender, &large) == -3);
        pause_ms(1);
    }
    memory_is_short(ENOUGH, 0);
    while (read_number(link.receiver, 300) >= 0)
        ;
    stream(&link, 300);

    /* Nor for lists that grow: the FIFO is as full then as it can be, and the oldest of what was sent is forgotten. */
    refusals = memory_refusals();
    memory_is_short(32768, 0);
    for (int count = 0; count < 1000; count++) {
        CHECK(write_number(link.sender, link.next++) == PAYLOAD);
        pause_ms(1);
    }
    pause_ms(300);
    CHECK(memory_refusals() > refusals);
    memory_is_short(ENOUGH, 0);
    for (refusals = 0; read_number(link.receiver, 300) >= 0; refusals++)
        ;
    CHECK(refusals > 100 && refusals < 1000);
    stream(&link, 300);

    /* The largest FIFO costs nothing up front. */
    memory_is_short(1 << 16, 1);
    CHECK(rist_receiver_create(&ctx, RIST_PROFILE_MAIN, NULL) == 0);
    CHECK(rist_receiver_set_output_fifo_size(ctx, 262144) == 0);
    CHECK(rist_receiver_set_output_fifo_size(ctx, 1u << 31) == -4);
    memory_is_short(ENOUGH, 0);
    CHECK(rist_destroy(ctx) == 0);
    disconnect(&link);
    return 0;
}
