/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One port for several protocols: BTP over WebSocket, and a protocol of the test, which repeats
 * what it hears in capitals. ALPN or the first bytes say which one a client speaks.
 */
#define _POSIX_C_SOURCE 200809L

#include <ctype.h>

#include "net_fixture.h"

#include <openssl/ssl.h>
#include <rill/btp.h>

#include "io/listener.h"
#include "support/certificate.h"
#include "ws/ws_frame.h"

typedef struct shouting {
    rill_tcp *tcp;
    bool open;
    bool welcome; /* who says something with a '!' in it may stay */
    int lost;
    char detail[512];
    unsigned closed;
} shouting;

static net n;
static rill_listener *listener;
static rill_protocol protocols[3];
static rill_listener_options options;
static shouting shouts[4];
static size_t shout_count;
static bool listener_closed;
static bool refuse; /* to take anything */

/* ---- the protocol of the test ---- */

static void shout_open(void *owner)
{
    ((shouting *)owner)->open = true;
}

static void shout_read(void *owner, uint8_t *data, size_t len)
{
    shouting *s = owner;
    assert_true(s->open);
    uint8_t *room = rill_tcp_reserve(s->tcp, len);
    assert_non_null(room);
    for (size_t i = 0; i < len; i++)
        room[i] = (uint8_t)toupper(data[i]);
    rill_tcp_commit(s->tcp, len);
    if (memchr(data, '!', len) != NULL)
        rill_tcp_welcome(s->tcp);
}

static void shout_lost(void *owner, int error, const char *detail)
{
    shouting *s = owner;
    s->lost = error;
    snprintf(s->detail, sizeof s->detail, "%s", detail);
    rill_tcp_finish(s->tcp);
}

static void shout_drained(void *owner)
{
    (void)owner;
}

static void shout_closed(void *owner)
{
    ((shouting *)owner)->closed++;
}

static const rill_tcp_handlers shout_handlers = {
    .open = shout_open,
    .read = shout_read,
    .lost = shout_lost,
    .drained = shout_drained,
    .closed = shout_closed,
};

static int shout_take(void *user, rill_tcp *t)
{
    (void)user;
    if (refuse)
        return RILL_ERR_NOMEM;
    shouting *s = &shouts[shout_count++];
    assert_true(shout_count <= sizeof shouts / sizeof shouts[0]);
    s->tcp = t;
    rill_tcp_give(t, &shout_handlers, s);
    return RILL_OK;
}

static rill_sniffed shout_sniff(const uint8_t *data, size_t len)
{
    static const char word[] = "shout:";
    size_t all = sizeof word - 1;
    if (memcmp(data, word, len < all ? len : all) != 0)
        return RILL_SNIFF_NO;
    return len < all ? RILL_SNIFF_MORE : RILL_SNIFF_YES;
}

/* ---- the port ---- */

static void begin(bool tls)
{
    net_begin(&n);
    memset(shouts, 0, sizeof shouts);
    shout_count = 0;
    listener_closed = false;
    refuse = false;
    n.options.listen.host = NULL;
    assert_int_equal(rill_btp_server_open(&n.server, n.loop, &n.options), RILL_OK);
    assert_null(rill_btp_server_listener(n.server));
    protocols[0] = (rill_protocol){.alpn = "shout/1", .sniff = shout_sniff, .take = shout_take};
    protocols[1] = rill_btp_server_protocol(n.server);
    rill_listener_options_init(&options);
    options.protocols = protocols;
    options.protocol_count = 2;
    options.log = on_line;
    options.user = &n;
    if (tls) {
        options.cert_file = test_certificate.cert_file;
        options.key_file = test_certificate.key_file;
    }
}

static void serve(void)
{
    assert_int_equal(rill_listener_open(&listener, n.loop, &options), RILL_OK);
    n.options.listen.port = rill_listener_port(listener);
    assert_int_not_equal(n.options.listen.port, 0);
}

static void on_listener_closed(void *user)
{
    assert_ptr_equal(user, &n);
    listener_closed = true;
}

static bool listener_gone(net *unused)
{
    (void)unused;
    return listener_closed;
}

static void end(void)
{
    if (!listener_closed)
        rill_listener_close(listener, on_listener_closed);
    until(&n, listener_gone);
    for (size_t i = 0; i < shout_count; i++)
        if (shouts[i].closed == 0)
            rill_tcp_close(shouts[i].tcp);
    net_end(&n);
    for (size_t i = 0; i < shout_count; i++)
        assert_int_equal(shouts[i].closed, 1);
}

static raw first, second;

static bool first_heard(net *unused)
{
    (void)unused;
    return first.got_len >= strlen("SHOUT:HELLO") || first.ended;
}

static bool first_shouts(net *unused)
{
    (void)unused;
    return first.got_len > 0;
}

static bool second_shouts(net *unused)
{
    (void)unused;
    return second.got_len > 0;
}

static bool first_ended(net *unused)
{
    (void)unused;
    return first.ended;
}

static bool client_up(net *unused)
{
    (void)unused;
    return n.client.ups > 0 && n.session.ups > 0;
}

/* What was written on loopback has been read by then. */
static void turns(void)
{
    for (int i = 0; i < 5; i++)
        uv_run(rill_loop_uv(n.loop), UV_RUN_NOWAIT);
}

static bool first_connected(net *unused)
{
    (void)unused;
    return first.connected;
}

static bool second_connected(net *unused)
{
    (void)unused;
    return second.connected;
}

/* ---- first bytes ---- */

static void test_each_its_own(void **state)
{
    (void)state;
    begin(false);
    serve();
    net_connect(&n, TOKEN, NULL);
    until(&n, client_up);
    raw_open(&n, &first);
    raw_say(&first, "shout:hello");
    until(&n, first_heard);
    assert_true(raw_has(&first, "SHOUT:HELLO"));
    assert_int_equal(shout_count, 1);
    assert_int_equal(n.lines, 0);
    raw_close(&first);
    end();
}

static void test_byte_by_byte(void **state)
{
    (void)state;
    static const char text[] = "shout:hello";
    begin(false);
    serve();
    raw_open(&n, &first);
    until(&n, first_connected);
    for (size_t i = 0; i < sizeof text - 1; i++) {
        /* Nobody has it before it is clear whose it is. */
        assert_int_equal(shout_count, i < strlen("shout:") ? 0 : 1);
        raw_send(&first, text + i, 1);
        turns();
    }
    until(&n, first_heard);
    assert_true(raw_has(&first, "SHOUT:HELLO"));
    raw_close(&first);
    end();
}

static bool a_line(net *unused)
{
    (void)unused;
    return n.lines > 0;
}

static void test_nobodys(void **state)
{
    (void)state;
    begin(false);
    serve();
    raw_open(&n, &first);
    raw_say(&first, "shouting");
    until(&n, first_ended);
    assert_int_equal(first.got_len, 0);
    assert_int_equal(shout_count, 0);
    until(&n, a_line);
    assert_non_null(strstr(n.line, "speaks nothing that is spoken here"));
    raw_close(&first);
    end();
}

static void test_whoever_is_not_taken(void **state)
{
    (void)state;
    begin(false);
    serve();
    refuse = true;
    raw_open(&n, &first);
    raw_say(&first, "shout:hello");
    until(&n, first_ended);
    assert_non_null(strstr(n.line, "turned away"));
    refuse = false;
    raw_open(&n, &second);
    raw_say(&second, "shout:hello");
    until(&n, second_shouts);
    assert_true(raw_has(&second, "SHOUT:HELLO"));
    raw_close(&first);
    raw_close(&second);
    end();
}

static void test_http(void **state)
{
    (void)state;
    static const char preface[] = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
    for (size_t len = 1; len < RILL_SNIFF_MAX; len++)
        assert_int_equal(rill_sniff_http2((const uint8_t *)preface, len), RILL_SNIFF_MORE);
    assert_int_equal(rill_sniff_http2((const uint8_t *)preface, RILL_SNIFF_MAX), RILL_SNIFF_YES);
    for (size_t i = 0; i < RILL_SNIFF_MAX; i++) {
        uint8_t other[RILL_SNIFF_MAX];
        memcpy(other, preface, sizeof other);
        other[i] ^= 1;
        assert_int_equal(rill_sniff_http2(other, sizeof other), RILL_SNIFF_NO);
        assert_int_equal(rill_sniff_http2(other, i + 1), RILL_SNIFF_NO);
    }
    static const struct {
        const char *text;
        rill_sniffed says;
    } cases[] = {
        {"GET / HTTP/1.1", RILL_SNIFF_YES},
        {"M-SEARCH *", RILL_SNIFF_YES},
        {"GET", RILL_SNIFF_MORE},
        {" GET", RILL_SNIFF_NO},
        {"get / HTTP/1.1", RILL_SNIFF_NO},
        {"GET\t/", RILL_SNIFF_NO},
        {"\x16\x03\x01", RILL_SNIFF_NO},
        {"PRI * HTTP", RILL_SNIFF_YES},
        {"AAAAAAAAAAAAAAAAAAAAAAA", RILL_SNIFF_MORE},
        {"AAAAAAAAAAAAAAAAAAAAAAAA", RILL_SNIFF_NO},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++)
        assert_int_equal(rill_sniff_http1((const uint8_t *)cases[i].text, strlen(cases[i].text)),
                         cases[i].says);
}

/* ---- ALPN ---- */

typedef struct caller {
    rill_tcp *tcp;
    bool open, gone;
    int lost;
    char alpn[16];
    char heard[64];
    size_t heard_len;
} caller;

static void caller_open(void *owner)
{
    caller *c = owner;
    c->open = true;
    snprintf(c->alpn, sizeof c->alpn, "%s", rill_tcp_alpn(c->tcp));
}

static void caller_read(void *owner, uint8_t *data, size_t len)
{
    caller *c = owner;
    assert_true(len < sizeof c->heard - c->heard_len);
    memcpy(c->heard + c->heard_len, data, len);
    c->heard_len += len;
}

static void caller_lost(void *owner, int error, const char *detail)
{
    caller *c = owner;
    (void)detail;
    c->lost = error;
    rill_tcp_close(c->tcp);
}

static void caller_closed(void *owner)
{
    ((caller *)owner)->gone = true;
}

static const rill_tcp_handlers caller_handlers = {
    .open = caller_open,
    .read = caller_read,
    .lost = caller_lost,
    .drained = shout_drained,
    .closed = caller_closed,
};

static caller c;

static bool caller_decided(net *unused)
{
    (void)unused;
    return c.open || c.gone;
}

static bool caller_heard(net *unused)
{
    (void)unused;
    return c.heard_len > 0;
}

static bool caller_gone(net *unused)
{
    (void)unused;
    return c.gone;
}

static bool shout_open_here(net *unused)
{
    (void)unused;
    return shout_count > 0 && shouts[0].open;
}

static void call(const char *const *offers, size_t count)
{
    rill_tls_context *tls;
    memset(&c, 0, sizeof c);
    assert_int_equal(rill_tls_client_context(&tls, NULL, false, NULL), RILL_OK);
    assert_int_equal(rill_tls_context_offer(tls, offers, count), RILL_OK);
    assert_int_equal(rill_tcp_new(&c.tcp, n.loop, &caller_handlers, &c), RILL_OK);
    assert_int_equal(rill_tcp_connect(c.tcp, "127.0.0.1", n.options.listen.port, tls), RILL_OK);
    rill_tls_context_free(tls);
    until(&n, caller_decided);
}

static void hang_up(void)
{
    if (!c.gone)
        rill_tcp_close(c.tcp);
    until(&n, caller_gone);
}

static void test_alpn(void **state)
{
    (void)state;
    begin(true);
    serve();
    /* The server's choice of what both have. It is known without a byte of the client's. */
    call((const char *[]){"other", "http/1.1", "shout/1"}, 3);
    assert_string_equal(c.alpn, "shout/1");
    until(&n, shout_open_here);
    hang_up();
    call((const char *[]){"http/1.1"}, 1);
    assert_string_equal(c.alpn, "http/1.1");
    hang_up();
    assert_int_equal(shout_count, 1);
    /* Nothing in common: RFC 7301 section 3.2. */
    call((const char *[]){"other"}, 1);
    assert_false(c.open);
    assert_int_equal(c.lost, RILL_ERR_TLS);
    end();
}

static void say(const char *text)
{
    uint8_t *room = rill_tcp_reserve(c.tcp, strlen(text));
    assert_non_null(room);
    memcpy(room, text, strlen(text));
    rill_tcp_commit(c.tcp, strlen(text));
}

static void test_first_bytes_in_tls(void **state)
{
    (void)state;
    begin(true);
    serve();
    call(NULL, 0);
    assert_string_equal(c.alpn, "");
    assert_int_equal(shout_count, 0);
    say("shout:hello");
    until(&n, caller_heard);
    assert_memory_equal(c.heard, "SHOUT:HELLO", 11);
    hang_up();
    char uri[256];
    rill_link_options lax;
    rill_link_options_init(&lax);
    lax.verify = false;
    net_uri(&n, uri, sizeof uri, "btp+wss", TOKEN, "localhost");
    assert_int_equal(
        rill_link_open(&n.client.link, n.loop, uri, &lax, &link_handlers, &n.client, NULL),
        RILL_OK);
    until(&n, client_up);
    end();
}

/* The first message of a TLS client that offers ALPN. */
static void say_hello(raw *r)
{
    static const unsigned char offer[] = "\x07shout/1";
    SSL_CTX *context = SSL_CTX_new(TLS_client_method());
    SSL *ssl = SSL_new(context);
    BIO *out = BIO_new(BIO_s_mem());
    assert_true(ssl != NULL && out != NULL);
    SSL_set_bio(ssl, BIO_new(BIO_s_mem()), out);
    assert_int_equal(SSL_set_alpn_protos(ssl, offer, sizeof offer - 1), 0);
    assert_int_equal(SSL_connect(ssl), -1);
    char *bytes;
    long len = BIO_get_mem_data(out, &bytes);
    assert_true(len > 0);
    raw_send(r, bytes, (size_t)len);
    SSL_free(ssl);
    SSL_CTX_free(context);
}

/* A handshake that began with certificates which were renewed meanwhile goes on. */
static void test_renewed_while_shaking_hands(void **state)
{
    (void)state;
    begin(true);
    serve();
    raw_open(&n, &first); /* is taken */
    until(&n, first_connected);
    turns();
    assert_int_equal(
        rill_listener_renew_tls(listener, test_certificate.cert_file, test_certificate.key_file),
        RILL_OK);
    say_hello(&first);
    until(&n, first_shouts);
    enum { HANDSHAKE = 0x16 };
    assert_int_equal(first.got[0], HANDSHAKE);
    raw_close(&first);
    end();
}

/* ---- strangers ---- */

static bool shout_lost_here(net *unused)
{
    (void)unused;
    return shouts[0].lost != 0;
}

static bool third_taken(net *unused)
{
    (void)unused;
    return shout_count == 3;
}

/* The oldest gives way, whose ever it is; its protocol hears of it. */
static void test_strangers(void **state)
{
    (void)state;
    begin(false);
    options.max_strangers = 1;
    serve();
    raw_open(&n, &first);
    raw_say(&first, "shout:hello");
    until(&n, first_shouts);
    raw_open(&n, &second);
    raw_say(&second, "shout:welcome!");
    until(&n, second_shouts);
    until(&n, shout_lost_here);
    assert_int_equal(shouts[0].lost, RILL_ERR_LIMIT);
    assert_non_null(strstr(shouts[0].detail, "gave way"));
    until(&n, first_ended);
    /* The second one may stay. */
    raw third;
    raw_open(&n, &third);
    raw_say(&third, "shout:hello");
    until(&n, third_taken);
    turns();
    assert_int_equal(shouts[1].lost, 0);
    assert_false(second.ended);
    raw_close(&first);
    raw_close(&second);
    raw_close(&third);
    end();
}

static void test_a_silent_one_gives_way(void **state)
{
    (void)state;
    begin(false);
    options.max_strangers = 1;
    serve();
    raw_open(&n, &first);
    until(&n, first_connected);
    raw_open(&n, &second);
    raw_say(&second, "shout:hello");
    until(&n, second_shouts);
    until(&n, first_ended);
    until(&n, a_line);
    assert_non_null(strstr(n.line, "gave way"));
    raw_close(&first);
    raw_close(&second);
    end();
}

static void test_silence(void **state)
{
    (void)state;
    for (int tls = 0; tls < 2; tls++) {
        begin(tls != 0);
        options.hello_timeout = 20 * RILL_MS;
        serve();
        raw_open(&n, &first);
        until(&n, first_ended);
        until(&n, a_line);
        assert_non_null(
            strstr(n.line, tls ? "did not agree on TLS in time" : "did not say what it wants"));
        raw_close(&first);
        end();
    }
}

/* ---- the end ---- */

static void test_those_handed_over_live_on(void **state)
{
    (void)state;
    begin(false);
    serve();
    raw_open(&n, &first);
    raw_say(&first, "shout:hello");
    until(&n, first_heard);
    raw_open(&n, &second);
    until(&n, second_connected);
    turns();
    rill_listener_close(listener, on_listener_closed);
    until(&n, listener_gone);
    first.got_len = 0;
    raw_say(&first, "shout:again!");
    until(&n, first_heard);
    assert_true(raw_has(&first, "SHOUT:AGAIN!"));
    assert_int_equal(shouts[0].lost, 0);
    raw_close(&first);
    raw_close(&second);
    end();
}

static void test_options(void **state)
{
    (void)state;
    begin(false);
    options.protocol_count = 0;
    assert_int_equal(rill_listener_open(&listener, n.loop, &options), RILL_ERR_INVALID);
    options.protocol_count = RILL_LISTENER_MAX_PROTOCOLS + 1;
    assert_int_equal(rill_listener_open(&listener, n.loop, &options), RILL_ERR_INVALID);
    options.protocol_count = 2;
    options.max_strangers = 0;
    assert_int_equal(rill_listener_open(&listener, n.loop, &options), RILL_ERR_INVALID);
    options.max_strangers = 1;
    options.cert_file = test_certificate.cert_file;
    assert_int_equal(rill_listener_open(&listener, n.loop, &options), RILL_ERR_INVALID);
    options.key_file = test_certificate.cert_file;
    assert_int_equal(rill_listener_open(&listener, n.loop, &options), RILL_ERR_TLS);
    options.key_file = test_certificate.key_file;
    protocols[0].alpn = "";
    assert_int_equal(rill_listener_open(&listener, n.loop, &options), RILL_ERR_INVALID);
    protocols[0].alpn = "shout/1";
    options.host = "localhost";
    assert_int_equal(rill_listener_open(&listener, n.loop, &options), RILL_ERR_INVALID);
    options.host = "127.0.0.1";
    serve();
    assert_int_equal(
        rill_listener_renew_tls(listener, test_certificate.key_file, test_certificate.key_file),
        RILL_ERR_TLS);
    end();
    begin(false);
    serve();
    assert_int_equal(
        rill_listener_renew_tls(listener, test_certificate.cert_file, test_certificate.key_file),
        RILL_ERR_INVALID);
    end();
}

/* ---- from HTTP ---- */

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
        cmocka_unit_test(test_each_its_own),
        cmocka_unit_test(test_byte_by_byte),
        cmocka_unit_test(test_nobodys),
        cmocka_unit_test(test_whoever_is_not_taken),
        cmocka_unit_test(test_http),
        cmocka_unit_test(test_alpn),
        cmocka_unit_test(test_first_bytes_in_tls),
        cmocka_unit_test(test_renewed_while_shaking_hands),
        cmocka_unit_test(test_strangers),
        cmocka_unit_test(test_a_silent_one_gives_way),
        cmocka_unit_test(test_silence),
        cmocka_unit_test(test_those_handed_over_live_on),
        cmocka_unit_test(test_options),
        cmocka_unit_test(test_an_upgrade),
        cmocka_unit_test(test_what_follows_the_request),
    };
    return cmocka_run_group_tests(tests, certificate_make, certificate_remove);
}
