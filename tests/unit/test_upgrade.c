/* SPDX-License-Identifier: Apache-2.0 */
/* A connection that begins with HTTP, and goes on with WebSocket. */
#define _POSIX_C_SOURCE 200809L

#include "listener_fixture.h"

/* Reads one request in one piece, and makes a WebSocket of it. */
typedef struct tiny_http {
    rill_tcp *tcp;
    int verdict;
} tiny_http;

static tiny_http http;

static void http_read(void *owner, uint8_t *data, size_t len)
{
    tiny_http *h = owner;
    rill_tcp *t = h->tcp;
    char text[1024];
    const char *problem;
    assert_true(len < sizeof text);
    memcpy(text, data, len);
    text[len] = '\0';
    char *body = strstr(text, "\r\n\r\n");
    assert_non_null(body);
    *body = '\0';
    rill_ws_handshake request;
    rill_ws_handshake_server(&request, NULL);
    char *at;
    (void)strtok_r(text, "\r\n", &at);
    for (char *line; (line = strtok_r(NULL, "\r\n", &at)) != NULL;) {
        char *value = strstr(line, ": ");
        assert_non_null(value);
        *value = '\0';
        rill_ws_handshake_header(&request, line, value + 2, true);
    }
    h->verdict = rill_ws_handshake_judge(&request, true, &problem);
    assert_int_equal(h->verdict, RILL_OK);
    assert_int_equal(rill_btp_server_upgrade(n.server, t, &request), RILL_OK);
    size_t used = (size_t)(body - text) + 4;
    if (used < len)
        t->on->read(t->owner, data + used, len - used);
}

static void http_lost(void *owner, int error, const char *detail)
{
    (void)owner;
    (void)detail;
    fail_msg("error %d", error);
}

static void http_closed(void *owner)
{
    (void)owner;
    fail_msg("it was given away");
}

static void http_open(void *owner)
{
    (void)owner;
}

static const rill_tcp_handlers http_handlers = {
    .open = http_open,
    .read = http_read,
    .lost = http_lost,
    .drained = shout_drained,
    .closed = http_closed,
};

static int http_take(void *user, rill_tcp *t)
{
    http = (tiny_http){.tcp = t};
    rill_tcp_give(t, &http_handlers, user);
    return RILL_OK;
}

static void serve_http(void)
{
    begin(false);
    protocols[1] = (rill_protocol){.sniff = rill_sniff_http1, .take = http_take, .user = &http};
    serve();
}

static bool replied(net *unused)
{
    (void)unused;
    return n.client.replies > 0;
}

static void test_an_upgrade(void **state)
{
    (void)state;
    serve_http();
    net_connect(&n, TOKEN, NULL);
    until(&n, client_up);
    n.session.echo = true;
    static const uint8_t packet[] = {RILL_ILP_PREPARE, 1, 7};
    assert_int_equal(rill_link_send(n.client.link, 5, packet, sizeof packet), RILL_OK);
    until(&n, replied);
    assert_int_equal(n.client.outgoing_id, 5);
    assert_int_equal(n.client.last[2], 7);
    end();
}

static bool session_up(net *unused)
{
    (void)unused;
    return n.session.ups > 0;
}

/* A client that does not wait for the answer sends its first message along with the request. */
static void test_what_follows_the_request(void **state)
{
    (void)state;
    static const char request[] = "GET / HTTP/1.1\r\n"
                                  "Host: x\r\n"
                                  "Upgrade: websocket\r\n"
                                  "Connection: Upgrade\r\n"
                                  "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
                                  "Sec-WebSocket-Version: 13\r\n\r\n";
    static uint8_t mask[4] = {1, 2, 3, 4};
    uint8_t bytes[1024];
    uint8_t frame[256];
    size_t frame_len;
    const rill_btp_frame auth = {
        .type = RILL_BTP_MESSAGE,
        .request_id = 1,
        .entry_count = 2,
        .entries = {{{(const uint8_t *)"auth", 4}, RILL_BTP_OCTET_STREAM, {NULL, 0}},
                    {{(const uint8_t *)"auth_token", 10},
                     RILL_BTP_TEXT,
                     {(const uint8_t *)TOKEN, strlen(TOKEN)}}},
    };
    assert_int_equal(rill_btp_encode(&auth, frame, sizeof frame, &frame_len), RILL_OK);
    rill_ws_mask(frame, frame_len, mask);
    size_t len = strlen(request);
    memcpy(bytes, request, len);
    len += rill_ws_header(bytes + len, RILL_WS_BINARY, frame_len, mask);
    memcpy(bytes + len, frame, frame_len);
    len += frame_len;
    serve_http();
    raw_open(&n, &first);
    raw_send(&first, bytes, len);
    until(&n, session_up);
    until(&n, first_shouts);
    assert_true(raw_has(&first, "101 Switching Protocols"));
    raw_close(&first);
    end();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_an_upgrade),
        cmocka_unit_test(test_what_follows_the_request),
    };
    return cmocka_run_group_tests(tests, certificate_make, certificate_remove);
}
