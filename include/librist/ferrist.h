/*
 * SPDX-License-Identifier: BSD-2-Clause
 *
 * Made from src/capi by `RIST_BLESS=1 cargo test --test headers`.
 */

#ifndef FERRIST_H
#define FERRIST_H

#include <stddef.h>
#include <stdint.h>
#include "common.h"
#include "headers.h"
#include "oob.h"
#include "peer.h"

/*
 * What this library has and libRIST has not. <librist/librist.h> does not include this header, so a program that is also
 * built with libRIST asks for it:
 *
 *     #if defined(__has_include)
 *     #if __has_include(<librist/ferrist.h>)
 *     #include <librist/ferrist.h>
 *     #define HAVE_FERRIST 1
 *     #endif
 *     #endif
 *
 * Many packets with one call:
 *
 *     struct rist_data_block blocks[32];
 *     memset(blocks, 0, sizeof blocks);
 *     for (n = 0; n < 32 && next_packet(&blocks[n].payload, &blocks[n].payload_len); n++)
 *         ;
 *     written = rist_sender_data_write_batch(ctx, blocks, n);
 *
 *     struct rist_data_block *received[32];
 *     n = rist_receiver_data_read_batch(ctx, received, 32, 100);
 *     for (i = 0; i < n; i++)
 *         fwrite(received[i]->payload, 1, received[i]->payload_len, stdout);
 *     if (n > 0)
 *         rist_receiver_data_block_free_batch(received, n);
 *
 * Settings that struct rist_peer_config has no fields for, here authentication in the Advanced profile:
 *
 *     struct rist_advanced_config advanced = { RIST_ADVANCED_CONFIG_VERSION };
 *     advanced.psk_mode = RIST_PSK_MODE_GCM;
 *     rist_peer_config_advanced_set(config, &advanced);
 *     rist_peer_create(ctx, &peer, config);
 *
 * What a flow consists of (examples-c/flow_attributes.c):
 *
 *     length = rist_flow_attribute_write(json, sizeof json, subflows, count);
 *     rist_sender_flow_attribute_write(ctx, NULL, json, length);
 *
 * Data of the application's own beside the media, told apart by EtherTypes:
 *
 *     static int on_typed(void *arg, const struct rist_oob_block *block, uint16_t protocol);
 *     rist_oob_typed_callback_set(ctx, on_typed, NULL);
 *     rist_oob_write_typed(ctx, &block, 0x88B7);
 */

/**
 * Revision of struct rist_advanced_config in this header.
 */
#define RIST_ADVANCED_CONFIG_VERSION 0

/**
 * Longest text that rist_sender_flow_attribute_write() takes, bytes.
 */
#define RIST_MAX_FLOW_ATTRIBUTE 9000

/**
 * Which clock the time stamps count; adv-clock= in a URL.
 */
enum rist_advanced_clock {
    /**
     * Found out by what the other side sends.
     */
    RIST_ADVANCED_CLOCK_AUTO = 0,
    /**
     * Microseconds: the standard, and libRIST 0.2.19 and later.
     */
    RIST_ADVANCED_CLOCK_1MHZ = 1,
    /**
     * Microseconds shifted left by 16, as older and other implementations count.
     */
    RIST_ADVANCED_CLOCK_LEGACY = 2,
};

/**
 * Whether RTT echo requests are answered; adv-rtt-echo= in a URL.
 */
enum rist_advanced_rtt_echo {
    /**
     * Unless the other side would misread the answer.
     */
    RIST_ADVANCED_RTT_ECHO_AUTO = 0,
    RIST_ADVANCED_RTT_ECHO_ON = 1,
    RIST_ADVANCED_RTT_ECHO_OFF = 2,
};

/**
 * In what a sender begins; adv-start= in a URL.
 */
enum rist_advanced_start {
    /**
     * Waits a moment for the other side to say what it can do.
     */
    RIST_ADVANCED_START_AUTO = 0,
    /**
     * In the Main profile, until the other side has said that it can do more.
     */
    RIST_ADVANCED_START_MAIN = 1,
    /**
     * In the Advanced profile, whatever the other side is.
     */
    RIST_ADVANCED_START_ADVANCED = 2,
};

/**
 * What is done with a secret, on both sides alike; psk-mode= in a URL. All but the first need this library at both ends.
 */
enum rist_psk_mode {
    /**
     * AES in counter mode. What is changed on the way is not noticed.
     */
    RIST_PSK_MODE_CTR = 0,
    /**
     * HMAC-SHA256: not encrypted, but nothing can be changed.
     */
    RIST_PSK_MODE_HMAC = 1,
    /**
     * AES in counter mode with HMAC-SHA256.
     */
    RIST_PSK_MODE_CTR_HMAC = 2,
    /**
     * AES-GCM.
     */
    RIST_PSK_MODE_GCM = 3,
    /**
     * ChaCha20-Poly1305. The key has 256 bits.
     */
    RIST_PSK_MODE_CHACHA = 4,
};

/**
 * Settings of a peer that only the Advanced profile has. All zero is the default of everything, and the version of
 * this header.
 */
struct rist_advanced_config {
    /**
     * RIST_ADVANCED_CONFIG_VERSION of the header that the program was built with.
     */
    int version;
    enum rist_advanced_clock clock;
    enum rist_advanced_start start;
    enum rist_advanced_rtt_echo rtt_echo;
    enum rist_psk_mode psk_mode;
    /**
     * Sender: longer payloads go in fragments of so many bytes, at most 1460, and a block may have 64 of them. 0 for never.
     */
    int fragment_size;
};

/**
 * One subflow that a sender describes (TR-06-3, flow attribute message), with the session and the flow that it is of.
 * Text is UTF-8. Zero it and set priority and bitrate to -1, then fill in what there is to say.
 */
struct rist_subflow {
    /**
     * "seconds:nanoseconds" of the last change.
     */
    const char *session_version;
    const char *session_id;
    const char *flow_id;
    const char *id;
    /**
     * Payload format descriptor (fmt_des). This and the following ones are NULL or -1 if not said.
     */
    const char *format;
    const char *name;
    const char *description;
    /**
     * Session description (RFC 8866).
     */
    const char *sdp;
    int64_t priority;
    int64_t bitrate;
};

/**
 * Is told of a subflow, which is valid during the call; see rist_flow_attribute_read(). Anything but 0 ends the reading.
 */
typedef int (*rist_subflow_callback_t)(void *arg, const struct rist_subflow *subflow);

/**
 * Takes out-of-band data with its protocol type; see rist_oob_typed_callback_set(). The block is valid during the call.
 */
typedef int (*oob_typed_callback_func_t)(void *arg, const struct rist_oob_block *oob_block, uint16_t protocol);

#ifdef __cplusplus
extern "C" {
#endif // __cplusplus

/**
 * Sends many blocks to the peers, in order, as so many calls of rist_sender_data_write() would, for less work: the
 * datagrams of up to 64 blocks leave together. The call ends with the first block that is refused; those before it were
 * sent. Blocks whose ts_ntp is 0 get the time of the call, so those that leave together have the same. What other threads
 * write meanwhile may come between.
 *
 * @param ctx sender context
 * @param blocks array of structures, not of pointers, sizeof(struct rist_data_block) apart; stays the caller's
 * @param count blocks in it, at most INT_MAX; with 0 nothing is done and blocks may be NULL
 * @return blocks that were sent, less than count if the block with that index was refused; if that is the first one, or
 *         blocks or count are wrong, what rist_sender_data_write() returns on error
 */
RIST_API
int rist_sender_data_write_batch(struct rist_ctx *ctx,
                                 const struct rist_data_block *blocks,
                                 size_t count);

/**
 * Takes received blocks out of the FIFO, as many as are there. Blocks of a flow stand together and in order. With several
 * flows, flow_id tells which is whose: the flow with the most blocks comes first, so that none is left to overflow.
 *
 * Reading in batches and with rist_receiver_data_read2() may be mixed. With a notification descriptor there is still
 * one byte for each block.
 *
 * @param ctx receiver context
 * @param[out] blocks array of pointers, which are set to the blocks; entries behind them are left alone. Free each with
 *        rist_receiver_data_block_free2(), or all with rist_receiver_data_block_free_batch().
 * @param count entries in it; with 0 nothing is done and blocks may be NULL
 * @param timeout ms to wait for the first block, never for more; 0 or less for no wait
 * @return blocks that were taken, less than count if there were no more; 0 if there was none; -1 on error; -2 on a sender
 */
RIST_API
int rist_receiver_data_read_batch(struct rist_ctx *ctx,
                                  struct rist_data_block **blocks,
                                  size_t count,
                                  int timeout);

/**
 * Frees received blocks, as so many calls of rist_receiver_data_block_free2() would, and sets the pointers to NULL.
 *
 * @param blocks array of pointers to blocks or NULL
 * @param count entries in it
 */
RIST_API
void rist_receiver_data_block_free_batch(struct rist_data_block **blocks,
                                         size_t count);

/**
 * Puts settings of the Advanced profile into a peer configuration, in place of those that its URL named. They travel
 * behind the NUL of its address: copy all of that.
 *
 * @param[in,out] peer_config structure with a valid version
 * @param advanced settings; copied
 * @return 0 on success; -1 on error, which is also a value that there is none of, or an address so long that they have
 *         no room behind it
 */
RIST_API
int rist_peer_config_advanced_set(struct rist_peer_config *peer_config,
                                  const struct rist_advanced_config *advanced);

/**
 * Says something of the flow to peers that are spoken to in the Advanced profile. It takes the place of what the library
 * says each second by itself.
 *
 * @param ctx sender context
 * @param peer to whom; a listening peer stands for all that came through it, NULL for everybody
 * @param json text, for example of rist_flow_attribute_write(); it is not looked at
 * @param length bytes without NUL, 1 to RIST_MAX_FLOW_ATTRIBUTE
 * @return peers that it went to, which may be none; -1 on error
 */
RIST_API
int rist_sender_flow_attribute_write(struct rist_ctx *ctx,
                                     struct rist_peer *peer,
                                     const char *json,
                                     size_t length);

/**
 * Reads a flow attribute as TR-06-3 describes it, for example in the function of
 * rist_receiver_flow_attr_callback_set(). What libRIST's senders say by themselves is something else, and an error.
 *
 * @param json text
 * @param length its bytes, with or without NUL
 * @param callback is told of each subflow, in order; or NULL, to count them
 * @param arg handed to it
 * @return subflows that there are, which may be none; -1 on error
 */
RIST_API
int rist_flow_attribute_read(const char *json,
                             size_t length,
                             rist_subflow_callback_t callback,
                             void *arg);

/**
 * Writes a flow attribute as TR-06-3 describes it. Subflows of the same session, and of the same flow, belong together
 * where they stand one after the other.
 *
 * @param[out] json room for the text and its NUL; untouched on error
 * @param size bytes of it
 * @param subflows array; session_version, session_id, flow_id and id must be there
 * @param count elements in it
 * @return bytes of the text without NUL; -1 on error, also if there is too little room
 */
RIST_API
int rist_flow_attribute_write(char *json,
                              size_t size,
                              const struct rist_subflow *subflows,
                              size_t count);

/**
 * Sends out-of-band data with a protocol type (EtherType), so that several kinds can share a session. No callback needs
 * to be set first. Like all out-of-band data it is encrypted if anything is, and not sent again if it is lost. libRIST
 * drops every number but 0x0800, which is that of rist_oob_write().
 *
 * @param ctx context, not of the Simple profile
 * @param oob_block payload and peer, as of rist_oob_write()
 * @param protocol 0x0600 or more, and none of those that the tunnel itself uses: 0x88B5, 0x88B6, 0x888E and 0xCCE0
 * @return 0 on success, also if nobody is there yet; -1 on error
 */
RIST_API
int rist_oob_write_typed(struct rist_ctx *ctx,
                         const struct rist_oob_block *oob_block,
                         uint16_t protocol);

/**
 * Sets the function that takes out-of-band data of every protocol type but 0x0800: that stays with
 * rist_oob_callback_set() and rist_oob_read(). Without a function such packets are dropped; nothing waits for one. They
 * are taken from peers only: such a packet alone makes nobody a peer.
 *
 * @param ctx context, not of the Simple profile; may be running
 * @param callback function, called from the library's threads, or NULL for none; what it returns is ignored
 * @param arg handed to it
 * @return 0 on success, -1 on error
 */
RIST_API
int rist_oob_typed_callback_set(struct rist_ctx *ctx,
                                oob_typed_callback_func_t callback,
                                void *arg);

#ifdef __cplusplus
}  // extern "C"
#endif  // __cplusplus

#endif  /* FERRIST_H */
