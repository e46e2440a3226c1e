/* What the parts of the load have in common. */
#ifndef LOAD_H
#define LOAD_H

#include <netinet/in.h>

#include <librist/librist.h>

#include "measure.h"

#define PACKET 1316
#define MAX_FLOWS 1000
#define MAX_BATCH 64

struct options {
    int port, buffer, batch, flows, aes, plain, idle;
    double rate, seconds;
    enum rist_profile profile;
};

extern struct options options;

enum phase { WARM_UP, MEASURED, TAIL, OVER };

/* How a packet begins. */
struct header {
    uint32_t flow, phase;
    uint64_t seq; /* among the flow's measured packets; in the tail, how many there were */
    int64_t written;
};

/* Ends the program with a message. */
void fail(const char *what);
/* What follows the header. */
const unsigned char *body_of(const struct header *header);

/* A running context with its peer. A sender has a flow, a receiver a function that takes its packets. */
struct rist_ctx *open_context(uint32_t flow, receiver_data_callback2_t take, int *connected);
void wait_connected(const int *connected);
int open_socket(struct sockaddr_in *address);

int on_packet(void *arg, struct rist_data_block *block);
/* Before the process becomes two. */
void prepare_receiver(void);
void prepare_sender(void);
int receive_stream(void);
int send_stream(void);

#endif
