/* SPDX-License-Identifier: Apache-2.0 */
/* What a server does with clients that speak HTTP, WebSocket and BTP well, badly, or not at all. */
#define _POSIX_C_SOURCE 200809L

#include "net_fixture.h"

#include <rill/btp.h>

#include "io/loop.h"
#include "ws/ws_handshake.h"

#define REQUEST_LINE "GET /any?thing HTTP/1.1\r\nHost: localhost\r\n"
#define UPGRADE_KEY  "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
#define UPGRADE                                                                                    \
    "Upgrade: websocket\r\nConnection: keep-alive, Upgrade\r\n"                                    \
    "Sec-WebSocket-Version: 13\r\n" UPGRADE_KEY
#define ACCEPT "Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n"

static raw socket_; /* of the test that runs */

static bool ended(net *n)
{
    (void)n;
    return socket_.ended;
}

static bool upgraded(net *n)
{
    (void)n;
    return raw_has(&socket_, "\r\n\r\n");
}

static bool session_up(net *n)
{
    return n->session.ups > 0;
}

static bool session_down(net *n)
{
    return n->session.downs > 0;
}

static void begin(net *n)
{
    net_begin(n);
    net_serve(n);
}

static void end(net *n)
{
    raw_close(&socket_);
    net_end(n);
}

/* A masked frame. */
static void send_frame(uint8_t first, const void *payload, size_t len)
{
    static const uint8_t key[4] = {0x11, 0x22, 0x33, 0x44};
    uint8_t frame[512];
    size_t at = 2;
    assert_in_range(len, 0, 400);
    frame[0] = first;
    frame[1] = (uint8_t)(0x80 | (len < 126 ? len : 126));
    if (len >= 126) {
        frame[at++] = (uint8_t)(len >> 8);
        frame[at++] = (uint8_t)len;
    }
    memcpy(frame + at, key, 4);
    at += 4;
    for (size_t i = 0; i < len; i++)
        frame[at + i] = ((const uint8_t *)payload)[i] ^ key[i % 4];
    raw_send(&socket_, frame, at + len);
}

static void upgrade(net *n)
{
    raw_open(n, &socket_);
    raw_say(&socket_, REQUEST_LINE UPGRADE "\r\n");
    until(n, upgraded);
    assert_true(raw_has(&socket_, "HTTP/1.1 101 "));
    assert_true(raw_has(&socket_, ACCEPT));
    socket_.got_len = 0;
}

static size_t auth_frame(uint8_t out[128])
{
    static const uint8_t head[] = {6,   0,   0,   0,   7,   41,  1,   3,   4,   'a', 'u', 't',
                                   'h', 0,   0,   10,  'a', 'u', 't', 'h', '_', 't', 'o', 'k',
                                   'e', 'n', 1,   12,  's', 'e', 'c', 'r', 'e', 't', '-', 't',
                                   'o', 'k', 'e', 'n', 13,  'a', 'u', 't', 'h', '_', 'u', 's',
                                   'e', 'r', 'n', 'a', 'm', 'e', 1,   0};
    memcpy(out, head, sizeof head);
    out[5] = (uint8_t)(sizeof head - 6);
    return sizeof head;
}

static const uint8_t accepted[] = {0x82, 8, 1, 0, 0, 0, 7, 2, 1, 0};

static bool answered(net *n)
{
    (void)n;
    return socket_.got_len >= sizeof accepted;
}

static void authenticated(net *n)
{
    uint8_t frame[128];
    upgrade(n);
    send_frame(0x82, frame, auth_frame(frame));
    until(n, answered);
    assert_int_equal(socket_.got_len, sizeof accepted);
    assert_memory_equal(socket_.got, accepted, sizeof accepted);
    socket_.got_len = 0;
}

static void expect_http(const char *request, const char *status)
{
    net n;
    begin(&n);
    raw_open(&n, &socket_);
    raw_say(&socket_, request);
    until(&n, ended);
    assert_true(raw_has(&socket_, status));
    assert_false(raw_has(&socket_, "101"));
    assert_int_equal(n.lines, 1);
    end(&n);
}

static void test_http_refusals(void **state)
{
    (void)state;
    expect_http(REQUEST_LINE "\r\n", "HTTP/1.1 426 ");
    expect_http("POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 2\r\n\r\n{}", "HTTP/1.1 426 ");
    expect_http(REQUEST_LINE "Upgrade: h2c\r\nConnection: Upgrade\r\n\r\n", "HTTP/1.1 426 ");
    expect_http(REQUEST_LINE "Upgrade: websocket\r\nConnection: Upgrade\r\n"
                             "Sec-WebSocket-Version: 8\r\n\r\n",
                "Sec-WebSocket-Version: 13\r\n");
    expect_http(REQUEST_LINE UPGRADE "Origin: https://evil.example\r\n\r\n", "HTTP/1.1 403 ");
    expect_http(REQUEST_LINE "Upgrade: websocket\r\nConnection: Upgrade\r\n"
                             "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: short\r\n\r\n",
                "HTTP/1.1 400 ");
    expect_http(REQUEST_LINE "Upgrade: websocket\r\nConnection: Upgrade\r\n"
                             "Sec-WebSocket-Version: 13\r\n\r\n",
                "HTTP/1.1 400 ");
    expect_http(REQUEST_LINE UPGRADE "Sec-WebSocket-Version: 13\r\n\r\n", "HTTP/1.1 426 ");
    /* One key, not the last of several. */
    expect_http(REQUEST_LINE UPGRADE UPGRADE_KEY UPGRADE_KEY "\r\n", "HTTP/1.1 400 ");
    expect_http("\x16\x03\x01\x02 this is not HTTP\r\n\r\n", "HTTP/1.1 400 ");
}

static void test_large_header(void **state)
{
    (void)state;
    static char request[RILL_WS_MAX_HEADERS + 2000];
    size_t len = (size_t)snprintf(request, sizeof request, "%sCookie: ", REQUEST_LINE);
    memset(request + len, 'x', sizeof request - 1 - len);
    expect_http(request, "HTTP/1.1 431 ");
}

static void test_allowed_origin(void **state)
{
    (void)state;
    static const char *const origins[] = {"https://good.example", NULL};
    net n;
    net_begin(&n);
    n.options.allow_origins = origins;
    net_serve(&n);
    raw_open(&n, &socket_);
    raw_say(&socket_, REQUEST_LINE UPGRADE "Origin: https://good.example\r\n\r\n");
    until(&n, upgraded);
    assert_true(raw_has(&socket_, "HTTP/1.1 101 "));
    end(&n);
}

static void test_half_a_handshake_times_out(void **state)
{
    (void)state;
    static const char *const said[] = {"", "GET / HT", REQUEST_LINE UPGRADE,
                                       REQUEST_LINE UPGRADE "\r\n"};
    for (size_t i = 0; i < sizeof said / sizeof said[0]; i++) {
        net n;
        net_begin(&n);
        n.options.auth_timeout = 30 * RILL_MS;
        net_serve(&n);
        raw_open(&n, &socket_);
        if (said[i][0] != '\0')
            raw_say(&socket_, said[i]);
        until(&n, ended);
        assert_int_equal(n.lines, 1);
        assert_non_null(strstr(n.line, "did not authenticate in time"));
        assert_int_equal(n.session.ups, 0);
        end(&n);
    }
}

static void test_handshake_byte_by_byte(void **state)
{
    (void)state;
    static const char request[] = REQUEST_LINE UPGRADE "\r\n";
    rill_ws_handshake h;
    const char *problem = NULL;
    size_t used = 0;
    int verdict = RILL_ERR_BLOCKED;
    rill_ws_handshake_server(&h, NULL);
    for (size_t i = 0; i + 1 < sizeof request; i++) {
        assert_int_equal(verdict, RILL_ERR_BLOCKED);
        verdict = rill_ws_handshake_feed(&h, (const uint8_t *)request + i, 1, &used, &problem);
        assert_int_equal(used, 1);
    }
    assert_int_equal(verdict, RILL_OK);
    char answer[RILL_WS_ANSWER];
    answer[rill_ws_handshake_answer(&h, RILL_OK, answer)] = '\0';
    assert_non_null(strstr(answer, ACCEPT));
}

static int client_verdict(const char *response)
{
    static const uint8_t nonce[16] = "the sample nonce";
    rill_ws_handshake h;
    const char *problem = NULL;
    size_t used = 0;
    assert_int_equal(rill_ws_handshake_client(&h, nonce), RILL_OK);
    assert_string_equal(h.expected, "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=");
    int verdict =
        rill_ws_handshake_feed(&h, (const uint8_t *)response, strlen(response), &used, &problem);
    if (verdict == RILL_OK)
        assert_int_equal(strlen(response) - used, 2);
    return verdict;
}

/* A first byte of TLS tells each side what the other one is. */
static void test_tls_instead_of_http(void **state)
{
    (void)state;
    static const uint8_t alert[] = {0x15, 3, 1, 0, 2, 2, 70};
    static const uint8_t hello[] = {0x16, 3, 1, 2, 0, 1, 0, 1, 252, 3, 3};
    const uint8_t nonce[16] = {0};
    rill_ws_handshake h;
    const char *problem = "";
    size_t used;
    assert_int_equal(rill_ws_handshake_client(&h, nonce), RILL_OK);
    assert_int_equal(rill_ws_handshake_feed(&h, alert, sizeof alert, &used, &problem),
                     RILL_ERR_MALFORMED);
    assert_non_null(strstr(problem, "begins with btp+wss://"));
    rill_ws_handshake_server(&h, NULL);
    assert_int_equal(rill_ws_handshake_feed(&h, hello, sizeof hello, &used, &problem),
                     RILL_ERR_MALFORMED);
    assert_non_null(strstr(problem, "sent TLS"));
    /* Later it is no sign of anything. */
    rill_ws_handshake_server(&h, NULL);
    assert_int_equal(rill_ws_handshake_feed(&h, (const uint8_t *)"GET ", 4, &used, &problem),
                     RILL_ERR_BLOCKED);
    assert_int_equal(rill_ws_handshake_feed(&h, hello, sizeof hello, &used, &problem),
                     RILL_ERR_MALFORMED);
    assert_string_equal(problem, "sent malformed HTTP");
}

static void test_client_handshake(void **state)
{
    (void)state;
#define SWITCH "HTTP/1.1 101 Switching\r\nupgrade: WebSocket\r\nconnection: upgrade\r\n"
    assert_int_equal(client_verdict(SWITCH ACCEPT "\r\nxy"), RILL_OK);
    assert_int_equal(client_verdict(SWITCH ACCEPT), RILL_ERR_BLOCKED);
    assert_int_equal(client_verdict(SWITCH "\r\n"), RILL_ERR_MALFORMED);
    assert_int_equal(client_verdict(SWITCH ACCEPT ACCEPT "\r\n"), RILL_ERR_MALFORMED);
    assert_int_equal(client_verdict(SWITCH ACCEPT "Sec-WebSocket-Protocol: x\r\n\r\n"),
                     RILL_ERR_MALFORMED);
    assert_int_equal(client_verdict("HTTP/1.1 404 Not Found\r\nContent-Length: 3\r\n\r\nabc"),
                     RILL_ERR_REFUSED);
    assert_int_equal(client_verdict("SSH-2.0-OpenSSH_9\r\n"), RILL_ERR_MALFORMED);
}

static void test_auth_in_any_order(void **state)
{
    (void)state;
    net n;
    begin(&n);
    authenticated(&n);
    assert_int_equal(n.session.ups, 1);
    assert_int_equal(n.lines, 0);
    end(&n);
}

static void test_other_frame_before_auth(void **state)
{
    (void)state;
    /* A message with an ILP packet, a response, a transfer, an unknown type. */
    static const uint8_t frames[][14] = {{6, 0, 0, 0, 9, 8, 1, 1, 3, 'i', 'l', 'p', 0, 0},
                                         {1, 0, 0, 0, 9, 2, 1, 0},
                                         {7, 0, 0, 0, 9, 8, 0, 0, 0, 0, 0, 0, 0, 0},
                                         {99, 0, 0, 0, 9, 2, 1, 0}};
    static const size_t lens[] = {14, 8, 14, 8};
    for (size_t i = 0; i < sizeof lens / sizeof lens[0]; i++) {
        net n;
        begin(&n);
        upgrade(&n);
        send_frame(0x82, frames[i], lens[i]);
        until(&n, ended);
        if (i != 2) /* which is malformed as well: just closed */
            assert_true(raw_has(&socket_, "NotAcceptedError"));
        assert_int_equal(n.session.ups, 0);
        assert_int_equal(n.lines, 1);
        end(&n);
    }
}

static bool got_error(net *n)
{
    (void)n;
    return raw_has(&socket_, "NotAcceptedError");
}

static void test_refused_frames_keep_the_session(void **state)
{
    (void)state;
    static const uint8_t message[] = {6, 0, 0, 0, 9, 7, 1, 1, 1, 'x', 1, 1, 'y'};
    static const uint8_t transfer[] = {7, 0, 0, 0, 9, 10, 0, 0, 0, 0, 0, 0, 0, 5, 1, 0};
    static const uint8_t unknown[] = {99, 0, 0, 0, 9, 2, 1, 0};
    static const uint8_t response[] = {1, 0, 0, 0, 9, 2, 1, 0};
    static const struct {
        const uint8_t *bytes;
        size_t len;
    } frames[] = {
        {message, sizeof message}, {transfer, sizeof transfer}, {unknown, sizeof unknown}};
    net n;
    begin(&n);
    authenticated(&n);
    send_frame(0x82, response, sizeof response);
    for (size_t i = 0; i < sizeof frames / sizeof frames[0]; i++) {
        socket_.got_len = 0;
        send_frame(0x82, frames[i].bytes, frames[i].len);
        until(&n, got_error);
        /* ERROR, to that request */
        assert_memory_equal(socket_.got + (socket_.got[1] == 126 ? 4 : 2), "\2\0\0\0\x09", 5);
    }
    assert_int_equal(n.lines, 1); /* once a session */
    assert_int_equal(n.session.downs, 0);
    end(&n);
}

static void expect_loss(uint8_t first, const char *payload, size_t len, uint16_t code)
{
    net n;
    begin(&n);
    authenticated(&n);
    send_frame(first, payload, len);
    until(&n, session_down);
    until(&n, ended);
    assert_true(n.session.final);
    assert_int_equal(socket_.got[0], 0x88);
    assert_int_equal(socket_.got[2] << 8 | socket_.got[3], code);
    assert_int_equal(n.lines, first == 0x88 ? 0 : 1);
    end(&n);
}

static void test_broken_frames(void **state)
{
    (void)state;
    expect_loss(0x82, "not BTP", 7, 1002);
    expect_loss(0x81, "text", 4, 1003);
    expect_loss(0x80, "continues nothing", 17, 1002);
    expect_loss(0x83, "reserved", 8, 1002);
    expect_loss(0xC2, "compressed", 10, 1002);
    expect_loss(0x09, "ping in parts", 13, 1002);
    expect_loss(0x88, "\x03\xe8", 2, 1000);
    /* Close codes that never travel, and half of one. */
    expect_loss(0x88, "\x03\xed", 2, 1002);
    expect_loss(0x88, "\x03\xf7", 2, 1002);
    expect_loss(0x88, "\x09\xc4", 2, 1002);
    expect_loss(0x88, "\x03", 1, 1002);
}

static void test_giant_and_unmasked_frames(void **state)
{
    (void)state;
    static const uint8_t giant[] = {0x82, 0xFF, 0, 0, 0, 1, 0, 0, 0, 0, 1, 2, 3, 4, 5};
    static const uint8_t unmasked[] = {0x82, 2, 1, 2};
    for (int i = 0; i < 2; i++) {
        net n;
        begin(&n);
        authenticated(&n);
        if (i == 0)
            raw_send(&socket_, giant, sizeof giant);
        else
            raw_send(&socket_, unmasked, sizeof unmasked);
        until(&n, session_down);
        assert_int_equal(n.session.error, RILL_ERR_PROTOCOL);
        until(&n, ended);
        assert_int_equal(socket_.got[2] << 8 | socket_.got[3], i == 0 ? 1009 : 1002);
        end(&n);
    }
}

static void test_fragments_and_pings(void **state)
{
    (void)state;
    uint8_t frame[128];
    net n;
    begin(&n);
    upgrade(&n);
    size_t len = auth_frame(frame);
    send_frame(0x02, frame, 10);
    send_frame(0x89, "hello", 5);
    send_frame(0x00, frame + 10, 0);
    send_frame(0x00, frame + 10, 20);
    send_frame(0x80, frame + 30, len - 30);
    until(&n, session_up);
    until(&n, answered);
    static const uint8_t pong[] = {0x8A, 5, 'h', 'e', 'l', 'l', 'o'};
    assert_memory_equal(socket_.got, pong, sizeof pong);
    end(&n);
}

static void test_endless_fragments(void **state)
{
    (void)state;
    static const uint8_t part[400] = {6};
    net n;
    begin(&n);
    authenticated(&n);
    send_frame(0x02, part, sizeof part);
    for (size_t i = 0; i < RILL_BTP_MAX_FRAME / sizeof part + 1; i++)
        send_frame(0x00, part, sizeof part);
    until(&n, session_down);
    assert_int_equal(n.session.error, RILL_ERR_PROTOCOL);
    end(&n);
}

/* A client that asks and never reads is dropped; others do not notice. */
static void test_slow_reader(void **state)
{
    (void)state;
    static uint8_t packet[30000] = {13};
    uint8_t frame[128];
    net n;
    net_begin(&n);
    n.options.max_backlog = (size_t)1024 * 1024;
    net_serve(&n);
    raw_open(&n, &socket_);
    socket_.deaf = true;
    raw_say(&socket_, REQUEST_LINE UPGRADE "\r\n");
    send_frame(0x82, frame, auth_frame(frame));
    until(&n, session_up);
    told deaf = n.session;
    rill_link_set_user(deaf.link, &deaf);
    n.session.ups = 0;
    n.session.echo = true;
    net_connect(&n, TOKEN, NULL);
    until(&n, both_up);
    int error = RILL_OK;
    for (int i = 0; i < 10000 && deaf.downs == 0; i++) {
        error = rill_link_reply(deaf.link, (uint64_t)1 << 32 | 5, packet, sizeof packet);
        uv_run(rill_loop_uv(n.loop), UV_RUN_NOWAIT);
    }
    assert_int_equal(error, RILL_ERR_NOT_CONNECTED);
    assert_int_equal(deaf.downs, 1);
    assert_int_equal(deaf.error, RILL_ERR_LIMIT);
    assert_int_equal(n.client.downs, 0);
    end(&n);
}

/* Together too much for all: the one with the most to read goes, the other stays. */
static void test_fullest_goes_first(void **state)
{
    (void)state;
    static uint8_t packet[30000] = {13};
    uint8_t frame[128];
    net n;
    begin(&n);
    n.loop->max_storage = (size_t)9 * 1024 * 1024 / 2;
    raw_open(&n, &socket_);
    socket_.deaf = true;
    raw_say(&socket_, REQUEST_LINE UPGRADE "\r\n");
    send_frame(0x82, frame, auth_frame(frame));
    until(&n, session_up);
    told deaf = n.session;
    rill_link_set_user(deaf.link, &deaf);
    n.session.ups = 0;
    net_connect(&n, TOKEN, NULL);
    until(&n, both_up);
    /* In one turn, before the system takes any of it: 3 MB in 4 MiB, 0.6 MB in 1 MiB. */
    for (int i = 0; i < 100; i++)
        assert_int_equal(rill_link_reply(deaf.link, (uint64_t)1 << 32, packet, sizeof packet),
                         RILL_OK);
    size_t before = n.loop->storage;
    for (int i = 0; i < 20; i++)
        assert_int_equal(rill_link_reply(n.session.link, (uint64_t)1 << 32, packet, sizeof packet),
                         RILL_OK);
    /* Its storage is free at once. */
    assert_true(n.loop->storage < before);
    for (int i = 0; i < 1000 && deaf.downs == 0; i++)
        uv_run(rill_loop_uv(n.loop), UV_RUN_ONCE);
    assert_int_equal(n.loop->leaving, 0);
    assert_int_equal(deaf.downs, 1);
    assert_int_equal(deaf.error, RILL_ERR_LIMIT);
    assert_int_equal(n.session.downs, 0);
    assert_int_equal(n.client.downs, 0);
    assert_true(n.loop->storage < n.loop->max_storage);
    end(&n);
}

/* Nobody at the other end any more: SIGPIPE, which would end the process, never comes through. */
static void test_writing_to_the_dead(void **state)
{
    (void)state;
    static uint8_t packet[30000] = {13};
    net n;
    begin(&n);
    for (int round = 0; round < 20; round++) {
        n.session.ups = n.session.downs = 0;
        socket_.deaf = false;
        authenticated(&n);
        uv_read_stop((uv_stream_t *)&socket_.handle);
        for (int i = 0; i < 200; i++)
            assert_int_equal(rill_link_reply(n.session.link, (uint64_t)1 << 32, packet, 30000),
                             RILL_OK);
        raw_close(&socket_);
        until(&n, session_down);
        assert_int_equal(n.session.error, RILL_ERR_NOT_CONNECTED);
    }
    net_end(&n);
}

static void test_idle_session(void **state)
{
    (void)state;
    net n;
    net_begin(&n);
    n.options.idle_timeout = 30 * RILL_MS;
    net_serve(&n);
    uint8_t frame[128];
    upgrade(&n);
    send_frame(0x82, frame, auth_frame(frame));
    until(&n, session_down);
    assert_int_equal(n.session.error, RILL_ERR_IDLE);
    until(&n, ended);
    end(&n);
}

/* Bytes of no meaning, also after a proper beginning: never a crash, always an end. */
static void test_garbage(void **state)
{
    (void)state;
    uint32_t seed = 1;
    for (int round = 0; round < 200; round++) {
        uint8_t garbage[300];
        for (size_t i = 0; i < sizeof garbage; i++) {
            seed = seed * 1664525 + 1013904223;
            garbage[i] = (uint8_t)(seed >> 24);
        }
        net n;
        begin(&n);
        if (round % 3 == 0)
            raw_open(&n, &socket_);
        else if (round % 3 == 1)
            upgrade(&n);
        else
            authenticated(&n);
        if (round % 2 == 0)
            raw_send(&socket_, garbage, sizeof garbage);
        else
            send_frame(0x82, garbage, (size_t)round);
        raw_finish(&socket_);
        until(&n, ended);
        end(&n);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_http_refusals),
        cmocka_unit_test(test_large_header),
        cmocka_unit_test(test_allowed_origin),
        cmocka_unit_test(test_half_a_handshake_times_out),
        cmocka_unit_test(test_handshake_byte_by_byte),
        cmocka_unit_test(test_client_handshake),
        cmocka_unit_test(test_tls_instead_of_http),
        cmocka_unit_test(test_auth_in_any_order),
        cmocka_unit_test(test_other_frame_before_auth),
        cmocka_unit_test(test_refused_frames_keep_the_session),
        cmocka_unit_test(test_broken_frames),
        cmocka_unit_test(test_giant_and_unmasked_frames),
        cmocka_unit_test(test_fragments_and_pings),
        cmocka_unit_test(test_endless_fragments),
        cmocka_unit_test(test_slow_reader),
        cmocka_unit_test(test_fullest_goes_first),
        cmocka_unit_test(test_writing_to_the_dead),
        cmocka_unit_test(test_idle_session),
        cmocka_unit_test(test_garbage),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
