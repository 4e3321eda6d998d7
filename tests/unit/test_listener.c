/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One port for several protocols: BTP over WebSocket, and a protocol of the test, which repeats
 * what it hears in capitals. ALPN or the first bytes say which one a client speaks.
 */
#define _POSIX_C_SOURCE 200809L

#include "listener_fixture.h"

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

/* ---- many that say much ---- */

enum { MANY = 64, MUCH = 200000 };

static rill_tcp *busy[MANY];
static size_t busy_count, busy_closed, busy_bytes;
static bool busy_shared; /* one was read less than a block, though it had more */

static void on_busy_read(void *owner, uint8_t *data, size_t len)
{
    (void)owner;
    (void)data;
    assert_true(len <= n.loop->share);
    busy_bytes += len;
    if (len == n.loop->share && len < RILL_BLOCK)
        busy_shared = true;
}

static void on_busy_closed(void *owner)
{
    (void)owner;
    busy_closed++;
}

static const rill_tcp_handlers busy_handlers = {
    .open = shout_drained,
    .read = on_busy_read,
    .drained = shout_drained,
    .closed = on_busy_closed,
};

static int busy_take(void *user, rill_tcp *t)
{
    (void)user;
    assert_true(busy_count < MANY);
    busy[busy_count++] = t;
    rill_tcp_give(t, &busy_handlers, NULL);
    rill_tcp_read_no_more(t);
    return RILL_OK;
}

static bool all_taken(net *unused)
{
    (void)unused;
    return busy_count == MANY;
}

static bool all_read(net *unused)
{
    (void)unused;
    return busy_bytes == (size_t)MANY * MUCH;
}

static bool all_busy_closed(net *unused)
{
    (void)unused;
    return busy_closed == MANY;
}

static void on_raw_closed(uv_handle_t *handle)
{
    free(handle->data);
}

/* Each is read less at once than if it were alone, and all of it is read. */
static void test_many_that_say_much(void **state)
{
    static char much[MUCH];
    raw *clients[MANY];
    (void)state;
    begin(false);
    protocols[0] = (rill_protocol){.take = busy_take};
    options.protocol_count = 1;
    busy_count = busy_closed = busy_bytes = 0;
    busy_shared = false;
    serve();
    for (size_t i = 0; i < MANY; i++) {
        clients[i] = malloc(sizeof *clients[i]);
        assert_non_null(clients[i]);
        raw_open(&n, clients[i]);
        raw_send(clients[i], much, MUCH);
    }
    /* None is read before all are there: otherwise a slow machine reads one after another. */
    until(&n, all_taken);
    assert_true(busy_bytes < (size_t)MANY * MUCH);
    for (size_t i = 0; i < MANY; i++)
        rill_tcp_read_on(busy[i]);
    until(&n, all_read);
    assert_true(busy_shared);
    for (size_t i = 0; i < MANY; i++) {
        rill_tcp_close(busy[i]);
        uv_close((uv_handle_t *)&clients[i]->handle, on_raw_closed);
    }
    until(&n, all_busy_closed);
    end();
}

static void test_what_each_may_bring(void **state)
{
    (void)state;
    assert_int_equal(rill_loop_share(0), RILL_BLOCK);
    assert_int_equal(rill_loop_share(1), RILL_BLOCK);
    assert_int_equal(rill_loop_share(16), RILL_BLOCK);
    assert_int_equal(rill_loop_share(32), RILL_BLOCK / 2);
    assert_int_equal(rill_loop_share(10000), RILL_BLOCK_SMALL);
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
        cmocka_unit_test(test_many_that_say_much),
        cmocka_unit_test(test_what_each_may_bring),
        cmocka_unit_test(test_options),
    };
    return cmocka_run_group_tests(tests, certificate_make, certificate_remove);
}
