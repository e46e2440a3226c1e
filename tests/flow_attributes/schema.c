/* Flow attributes as a C program writes and reads them, and the settings of the Advanced profile. */
#include "../abi/check.h"

#include <librist/ferrist.h>
#include <librist/librist.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct seen {
    int count, ends_at;
    char text[1000];
};

static int on_subflow(void *arg, const struct rist_subflow *it)
{
    struct seen *seen = arg;
    char line[300];

    snprintf(line, sizeof line, "%s/%s/%s/%s %s %s %s %s %ld %ld\n", it->session_version, it->session_id, it->flow_id,
             it->id, it->format ? it->format : "-", it->name ? it->name : "-", it->description ? it->description : "-",
             it->sdp ? it->sdp : "-", (long)it->priority, (long)it->bitrate);
    strcat(seen->text, line);
    return ++seen->count == seen->ends_at;
}

static struct rist_subflow subflow(const char *session, const char *flow, const char *id)
{
    struct rist_subflow it;

    memset(&it, 0, sizeof it);
    it.session_version = "1700000000:5";
    it.session_id = session;
    it.flow_id = flow;
    it.id = id;
    it.priority = it.bitrate = -1;
    return it;
}

static void written_and_read(void)
{
    struct rist_subflow subflows[4] = {
        subflow("1", "7", "0"), subflow("1", "7", "1"), subflow("1", "8", "0"), subflow("b", "8", "0")
    };
    const char *expected = "{\"sessions\":[{\"version\":\"1700000000:5\",\"sid\":1,\"flows\":[{\"fid\":7,\"subflows\":["
        "{\"id\":0,\"fmt_des\":\"41AFD040\",\"name\":\"a \\\"b\\\"\",\"priority\":0,\"bitrate\":9000000000,"
        "\"sdp\":\"v=0\\r\\n\"},{\"id\":1}]},{\"fid\":8,\"subflows\":[{\"id\":0}]}]},"
        "{\"version\":\"1700000000:5\",\"sid\":\"b\",\"flows\":[{\"fid\":8,\"subflows\":[{\"id\":0}]}]}]}";
    const char *lines = "1700000000:5/1/7/0 41AFD040 a \"b\" - v=0\r\n 0 9000000000\n1700000000:5/1/7/1 - - - - -1 -1\n"
        "1700000000:5/1/8/0 - - - - -1 -1\n1700000000:5/b/8/0 - - - - -1 -1\n";
    struct seen seen = { 0, 0, "" }, two = { 0, 2, "" };
    char json[1000];
    int length = (int)strlen(expected);

    subflows[0].format = "41AFD040";
    subflows[0].name = "a \"b\"";
    subflows[0].sdp = "v=0\r\n";
    subflows[0].priority = 0;
    subflows[0].bitrate = 9000000000;
    CHECK(rist_flow_attribute_write(json, sizeof json, subflows, 4) == length);
    CHECK(strcmp(json, expected) == 0);
    CHECK(rist_flow_attribute_read(json, (size_t)length, on_subflow, &seen) == 4);
    CHECK(seen.count == 4 && strcmp(seen.text, lines) == 0);
    CHECK(rist_flow_attribute_read(json, (size_t)length + 1, NULL, NULL) == 4);
    CHECK(rist_flow_attribute_read(json, (size_t)length, on_subflow, &two) == 4 && two.count == 2);
    /* No more room than the text and its NUL need, and one byte less. */
    memset(json, '#', sizeof json);
    CHECK(rist_flow_attribute_write(json, (size_t)length, subflows, 4) == -1 && json[0] == '#');
    CHECK(rist_flow_attribute_write(json, (size_t)length + 1, subflows, 4) == length && json[length + 1] == '#');
    CHECK(rist_flow_attribute_write(json, sizeof json, NULL, 0) == (int)strlen("{\"sessions\":[]}"));
    CHECK(rist_flow_attribute_read(json, strlen(json), NULL, NULL) == 0);
}

static void refused(void)
{
    struct rist_subflow it = subflow("1", "7", "0"), wrong = it;
    const char *of_librist = "{\"session\":\"me\",\"virt_dst_port\":1968,\"profile\":\"advanced\",\"flow_id\":1968}";
    char json[200] = "untouched";
    char *large = calloc(1, 70000);

    wrong.id = NULL;
    CHECK(rist_flow_attribute_write(json, sizeof json, &wrong, 1) == -1);
    wrong = it;
    wrong.bitrate = -2;
    CHECK(rist_flow_attribute_write(json, sizeof json, &wrong, 1) == -1);
    wrong = it;
    wrong.name = "\xff";
    CHECK(rist_flow_attribute_write(json, sizeof json, &wrong, 1) == -1);
    CHECK(rist_flow_attribute_write(json, 0, &it, 1) == -1);
    CHECK(rist_flow_attribute_write(json, sizeof json, &it, (size_t)-1) == -1);
    CHECK(strcmp(json, "untouched") == 0);
    CHECK(rist_flow_attribute_read(of_librist, strlen(libristson), NULL, NULL) == -1);
    CHECK(rist_flow_attribute_read("", 0, NULL, NULL) == -1);
    CHECK(rist_flow_attribute_read("{", 1, NULL, NULL) == -1);
    memset(large, ' ', 70000);
    CHECK(rist_flow_attribute_read(large, 70000, NULL, NULL) == -1);
    free(large);
}

static int on_attribute(void *arg, struct rist_peer *peer, const char *json, size_t length)
{
    (void)arg;
    (void)peer;
    (void)json;
    (void)length;
    return 0;
}

static void contexts(void)
{
    struct rist_ctx *sender, *receiver;
    struct rist_peer *peer;
    struct rist_peer_config *config = NULL;

    CHECK(rist_sender_create(&sender, RIST_PROFILE_ADVANCED, 0, NULL) == 0);
    CHECK(rist_receiver_create(&receiver, RIST_PROFILE_ADVANCED, NULL) == 0);
    CHECK(rist_receiver_flow_attr_callback_set(receiver, on_attribute, NULL) == 0);
    CHECK(rist_receiver_flow_attr_callback_set(receiver, NULL, NULL) == 0);
    CHECK(rist_receiver_flow_attr_callback_set(sender, on_attribute, NULL) == -1);
    CHECK(rist_receiver_flow_attr_callback_set(NULL, on_attribute, NULL) == -1);
    CHECK(rist_parse_address2("rist://127.0.0.1:9", &config) == 0);
    CHECK(rist_peer_create(sender, &peer, config) == 0);
    CHECK(rist_peer_config_free2(&config) == 0);
    CHECK(rist_sender_flow_attribute_write(receiver, NULL, "{}", 2) == -1);
    CHECK(rist_sender_flow_attribute_write(sender, NULL, "{}", 0) == -1);
    CHECK(rist_sender_flow_attribute_write(sender, NULL, "{}", RIST_MAX_FLOW_ATTRIBUTE + 1) == -1);
    CHECK(rist_sender_flow_attribute_write(sender, (struct rist_peer *)receiver, "{}", 2) == -1);
    CHECK(rist_destroy(receiver) == 0);
    CHECK(rist_sender_flow_attribute_write(NULL, peer, "{}", 2) == -1);
    CHECK(rist_destroy(sender) == 0);
    CHECK(rist_sender_flow_attribute_write(sender, peer, "{}", 2) == -1);
}

/* 0 if a peer of this URL with these settings is made. */
static int made(enum rist_profile profile, const char *url, const struct rist_advanced_config *advanced)
{
    struct rist_peer_config *config = NULL;
    struct rist_ctx *ctx;
    struct rist_peer *peer;
    int result;

    CHECK(rist_sender_create(&ctx, profile, 0, NULL) == 0);
    CHECK(rist_parse_address2(url, &config) == 0);
    if (advanced != NULL)
        CHECK(rist_peer_config_advanced_set(config, advanced) == 0);
    result = rist_peer_create(ctx, &peer, config);
    CHECK(rist_peer_config_free2(&config) == 0);
    CHECK(rist_destroy(ctx) == 0);
    return result;
}

static void settings(void)
{
    struct rist_advanced_config hmac = { RIST_ADVANCED_CONFIG_VERSION, RIST_ADVANCED_CLOCK_1MHZ, RIST_ADVANCED_START_MAIN,
                                         RIST_ADVANCED_RTT_ECHO_ON, RIST_PSK_MODE_HMAC, 1200 }, plain = hmac;
    const char *secret = "rist://127.0.0.1:9?secret=hush", *clear = "rist://127.0.0.1:9";

    plain.psk_mode = RIST_PSK_MODE_CTR;
    CHECK(made(RIST_PROFILE_ADVANCED, secret, &hmac) == 0);
    CHECK(made(RIST_PROFILE_ADVANCED, clear, &hmac) == -1);
    CHECK(made(RIST_PROFILE_MAIN, secret, &hmac) == -1);
    CHECK(made(RIST_PROFILE_MAIN, secret, &plain) == 0);
    CHECK(made(RIST_PROFILE_MAIN, "rist://127.0.0.1:9?secret=hush&profile=2", &hmac) == 0);
    /* Settings take the place of those of the URL. */
    CHECK(made(RIST_PROFILE_MAIN, "rist://127.0.0.1:9?psk-mode=gcm&fragment-size=9", &plain) == 0);
}

int main(void)
{
    written_and_read();
    refused();
    contexts();
    settings();
    puts("all as promised");
    return 0;
}
