/* SPDX-License-Identifier: Apache-2.0 */
/* A node that ends our connection before it has let us in: it may be one that is restarted. */
#define _POSIX_C_SOURCE 200809L

#include "link/tries.h"
#include "net_fixture.h"

#define HOUR (3600 * RILL_SECOND)

static void test_how_often(void **state)
{
    (void)state;
    rill_tries p = {.ends = 0};
    /* Nobody was there: there is no node. */
    assert_false(rill_tries_again(&p, RILL_ERR_CONNECT, 1000, 0, 10000));
    /* Somebody was there, and is not any more: until the time is over. */
    assert_true(rill_tries_again(&p, RILL_ERR_NOT_CONNECTED, 2000, 0, 10000));
    assert_true(rill_tries_again(&p, RILL_ERR_CONNECT, 2000, 100, 10000));
    assert_true(rill_tries_again(&p, RILL_ERR_CONNECT, 10000, 1999, 10000));
    assert_false(rill_tries_again(&p, RILL_ERR_CONNECT, 10000, 2000, 10000));
    /* Somebody is there again, and leaves again; a third time that is how he is. */
    assert_true(rill_tries_again(&p, RILL_ERR_NOT_CONNECTED, 2000, 0, 10000));
    assert_false(rill_tries_again(&p, RILL_ERR_NOT_CONNECTED, 2000, 0, 10000));
    /* What no other process would do better. */
    static const int others[] = {RILL_ERR_AUTH, RILL_ERR_PROTOCOL, RILL_ERR_REFUSED,
                                 RILL_ERR_TLS,  RILL_ERR_TIMEOUT,  RILL_ERR_RESOLVE,
                                 RILL_ERR_NOMEM};
    for (size_t i = 0; i < sizeof others / sizeof others[0]; i++) {
        p = (rill_tries){.ends = 1};
        assert_false(rill_tries_again(&p, others[i], 0, 0, 10000));
    }
    /* A limit that is none. */
    p = (rill_tries){.ends = 0};
    assert_true(rill_tries_again(&p, RILL_ERR_NOT_CONNECTED, 5, 5000, UINT64_MAX));
}

/* ---- links ---- */

static unsigned taken; /* connections that were, and were ended */

static bool client_is_down(net *n)
{
    return n->client.downs > 0;
}

static void on_hung_up(uv_handle_t *handle)
{
    free(handle);
}

static void on_connection(uv_stream_t *stream, int status)
{
    uv_tcp_t *handle = malloc(sizeof *handle);
    assert_int_equal(status, 0);
    assert_non_null(handle);
    assert_int_equal(uv_tcp_init(stream->loop, handle), 0);
    assert_int_equal(uv_accept(stream, (uv_stream_t *)handle), 0);
    taken++;
    uv_close((uv_handle_t *)handle, on_hung_up);
}

/* Whoever comes is taken, and nobody is spoken to: three times, and then it is told. */
static void test_who_hangs_up_on_everybody(void **state)
{
    static const struct {
        const char *scheme;
        bool reconnect;
        unsigned taken;
    } cases[] = {{"btp+ws", true, 3},  {"btp+wss", true, 3},  {"ilp+https", true, 3},
                 {"btp+ws", false, 1}, {"btp+wss", false, 1}, {"ilp+https", false, 1}};
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        net n;
        uv_tcp_t server;
        struct sockaddr_in at;
        struct sockaddr_storage bound;
        int len = sizeof bound;
        char uri[256];
        rill_link_options o;
        net_begin(&n);
        taken = 0;
        uv_ip4_addr("127.0.0.1", 0, &at);
        uv_tcp_init(rill_loop_uv(n.loop), &server);
        assert_int_equal(uv_tcp_bind(&server, (struct sockaddr *)&at, 0), 0);
        assert_int_equal(uv_listen((uv_stream_t *)&server, 8, on_connection), 0);
        assert_int_equal(uv_tcp_getsockname(&server, (struct sockaddr *)&bound, &len), 0);
        n.options.listen.port = ntohs(((struct sockaddr_in *)&bound)->sin_port);
        rill_link_options_init(&o);
        o.reconnect = cases[i].reconnect;
        o.connect_timeout_ns = HOUR;
        net_uri(&n, uri, sizeof uri, cases[i].scheme, TOKEN, "127.0.0.1");
        assert_int_equal(
            rill_link_open(&n.client.link, n.loop, uri, &o, &link_handlers, &n.client, NULL),
            RILL_OK);
        until(&n, client_is_down);
        assert_int_equal(n.client.ups, 0);
        assert_int_equal(n.client.downs, 1);
        assert_int_equal(n.client.final, !o.reconnect);
        assert_int_equal(n.client.error, RILL_ERR_NOT_CONNECTED);
        assert_int_equal(taken, cases[i].taken);
        uv_close((uv_handle_t *)&server, NULL);
        net_end(&n);
    }
}

static bool refused(net *n)
{
    rill_waiting w;
    rill_link_get_waiting(n->client.link, &w);
    return strstr(w.text, "connection refused") != NULL;
}

/* The node stops when we show our token. */
static int stops(void *owner, rill_bytes name, rill_bytes token, rill_link *session,
                 const rill_link_handlers **handlers, void **user)
{
    net *n = owner;
    (void)name;
    (void)token;
    (void)session;
    (void)handlers;
    (void)user;
    taken++;
    rill_btp_server_stop(n->server);
    return RILL_ERR_CLOSED;
}

/* It is there again after a while in which nobody listens, and our owner has heard of nothing. */
static void test_restarted(void **state)
{
    (void)state;
    net n;
    rill_link_options o;
    net_begin(&n);
    taken = 0;
    n.options.authenticate = stops;
    net_serve(&n);
    rill_link_options_init(&o);
    o.connect_timeout_ns = HOUR;
    net_connect(&n, TOKEN, &o);
    until(&n, refused);
    assert_int_equal(taken, 1);
    net_stop_server(&n);
    n.options.authenticate = authenticate;
    net_serve(&n);
    until(&n, both_up);
    assert_int_equal(n.client.downs, 0);
    net_end(&n);
}

/* It does not come back: that is told once the time is over, and not after three ends alone. */
static void test_gone(void **state)
{
    (void)state;
    net n;
    rill_link_options o;
    net_begin(&n);
    taken = 0;
    n.options.authenticate = stops;
    net_serve(&n);
    rill_link_options_init(&o);
    o.connect_timeout_ns = 300 * RILL_MS;
    net_connect(&n, TOKEN, &o);
    until(&n, client_is_down);
    assert_in_range(taken, 0, 1); /* 0: this machine is slow, and the first attempt was too late */
    assert_int_equal(n.client.ups, 0);
    net_end(&n);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_how_often),
        cmocka_unit_test(test_who_hangs_up_on_everybody),
        cmocka_unit_test(test_restarted),
        cmocka_unit_test(test_gone),
    };
    return cmocka_run_group_tests_name("tries", tests, NULL, NULL);
}
