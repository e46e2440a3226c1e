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
