/* SPDX-License-Identifier: Apache-2.0 */
/* ILP over HTTP on real sockets: our client and server, and a server that says what a test wants.
 */
#define _GNU_SOURCE

#include "net_fixture.h"

#include "http_script.h"
#include "link/link_impl.h"
#include "links/http/client_impl.h"
#include "links/http/http_server.h"

static net n;
static rill_http_link_server *http;
static rill_listener *port;
static bool http_closed, port_closed;
static uint8_t packet[512];
static size_t packet_len;

static void make_packet_for(uint64_t ms)
{
    static const uint8_t condition[32];
    const rill_prepare p = {.amount = 1,
                            .expires_at_ms = rill_loop_now(n.loop).wall_ms + ms,
                            .condition = condition,
                            .destination = {(const uint8_t *)"test.x", 6}};
    assert_int_equal(rill_prepare_encode(&p, packet, sizeof packet, &packet_len), RILL_OK);
}

static void make_packet(void)
{
    make_packet_for(20000);
}

static void serve(void)
{
    rill_http_link_server_options o;
    rill_listener_options l;
    rill_protocol protocols[RILL_HTTP_LINK_PROTOCOLS];
    rill_http_link_server_options_init(&o);
    o.authenticate = authenticate;
    o.log = on_line;
    o.owner = &n;
    assert_int_equal(rill_http_link_server_new(&http, n.loop, &o), RILL_OK);
    rill_http_link_server_protocols(http, protocols);
    rill_listener_options_init(&l);
    l.protocols = protocols;
    l.protocol_count = RILL_HTTP_LINK_PROTOCOLS;
    assert_int_equal(rill_listener_open(&port, n.loop, &l), RILL_OK);
    n.options.listen.port = rill_listener_port(port);
    http_closed = port_closed = false;
}

static void on_http_closed(void *owner)
{
    (void)owner;
    http_closed = true;
}

static void on_port_closed(void *owner)
{
    (void)owner;
    port_closed = true;
}

static bool server_is_closed(net *m)
{
    (void)m;
    return http_closed && port_closed;
}

static void stop_serving(void)
{
    rill_listener_close(port, on_port_closed);
    rill_http_link_server_close(http, on_http_closed);
    until(&n, server_is_closed);
}

static void connect_as(const char *scheme, const char *token)
{
    char uri[256];
    net_uri(&n, uri, sizeof uri, scheme, token, "127.0.0.1");
    assert_int_equal(
        rill_link_open(&n.client.link, n.loop, uri, NULL, &link_handlers, &n.client, NULL),
        RILL_OK);
}

static void send_one(uint64_t cookie)
{
    assert_int_equal(rill_link_send(n.client.link, cookie, packet, packet_len), RILL_OK);
}

static bool is_up(net *m)
{
    return m->client.ups > 0;
}

static bool was_asked(net *m)
{
    return m->session.prepares > 0;
}

static unsigned wanted;

static bool all_answered(net *m)
{
    return m->client.replies + m->client.unanswered >= wanted;
}

static bool is_down(net *m)
{
    return m->client.downs > 0;
}

static const char *const schemes[] = {"ilp+http", "ilp+h2c"};

static void begin(void)
{
    net_begin(&n);
    make_packet();
}

static void test_a_packet_is_answered(void **state)
{
    (void)state;
    for (size_t i = 0; i < 2; i++) {
        begin();
        serve();
        connect_as(schemes[i], TOKEN);
        until(&n, is_up);
        send_one(77);
        until(&n, was_asked);
        assert_int_equal(n.session.ups, 1);
        assert_int_equal(n.session.last_len, packet_len);
        assert_memory_equal(n.session.last, packet, sizeof n.session.last);
        uint8_t answer[40] = {RILL_ILP_FULFILL, 38};
        assert_int_equal(rill_link_reply(n.session.link, n.session.request, answer, 40), RILL_OK);
        assert_int_equal(rill_link_reply(n.session.link, n.session.request, answer, 40),
                         RILL_ERR_NOT_CONNECTED);
        wanted = 1;
        until(&n, all_answered);
        assert_int_equal(n.client.replies, 1);
        assert_int_equal(n.client.outgoing_id, 77);
        assert_memory_equal(n.client.last, answer, 40);
        assert_int_equal(rill_link_reply(n.client.link, 1, answer, 40), RILL_ERR_NOT_CONNECTED);
        stop_serving();
        assert_int_equal(n.session.downs, 1);
        assert_true(n.session.final);
        assert_int_equal(n.session.closed, 1);
        net_end(&n);
    }
}

static void test_many_are_in_flight(void **state)
{
    enum { MANY = 600 };
    (void)state;
    for (size_t i = 0; i < 2; i++) {
        begin();
        serve();
        n.session.echo = true;
        connect_as(schemes[i], TOKEN);
        until(&n, is_up);
        for (uint64_t c = 0; c < MANY; c++)
            send_one(c);
        wanted = MANY;
        until(&n, all_answered);
        assert_int_equal(n.client.replies, MANY);
        assert_int_equal(n.session.prepares, MANY);
        assert_int_equal(n.session.ups, 1);
        stop_serving();
        net_end(&n);
    }
}

static void test_a_wrong_token_is_the_end(void **state)
{
    static const char *const tokens[] = {"another", ""};
    (void)state;
    for (size_t i = 0; i < 2; i++) {
        begin();
        serve();
        connect_as("ilp+http", tokens[i]);
        until(&n, is_up);
        send_one(1);
        until(&n, is_down);
        assert_true(n.client.final);
        assert_int_equal(n.client.error, RILL_ERR_AUTH);
        assert_int_equal(n.client.unanswered, 1);
        assert_int_equal(n.client.unsent, 1);
        assert_int_equal(n.session.prepares, 0);
        assert_int_equal(rill_link_send(n.client.link, 2, packet, packet_len),
                         RILL_ERR_NOT_CONNECTED);
        stop_serving();
        net_end(&n);
    }
}

static bool session_told(net *m)
{
    return m->session.replies + m->session.unanswered > 0;
}

static void test_who_only_asks_takes_nothing(void **state)
{
    rill_reject r;
    (void)state;
    begin();
    serve();
    connect_as("ilp+http", TOKEN);
    until(&n, is_up);
    send_one(1);
    until(&n, was_asked);
    assert_int_equal(rill_link_send(n.session.link, 5, packet, packet_len), RILL_OK);
    until(&n, session_told);
    assert_int_equal(n.session.replies, 1);
    assert_int_equal(n.session.outgoing_id, 5);
    assert_int_equal(rill_reject_decode(&r, n.session.last, n.session.last_len), RILL_OK);
    assert_string_equal(r.code.text, "F02");
    stop_serving();
    net_end(&n);
}

static bool nobody_waits(net *m)
{
    return m->client.closed > 0 && !rill_link_waits(m->session.link, m->session.request);
}

/* The session stays, and knows which of its requests are gone. */
static void test_who_goes_does_not_wait(void **state)
{
    static const uint8_t answer[40] = {RILL_ILP_FULFILL, 38};
    (void)state;
    for (size_t i = 0; i < 2; i++) {
        begin();
        serve();
        connect_as(schemes[i], TOKEN);
        until(&n, is_up);
        send_one(1);
        until(&n, was_asked);
        assert_true(rill_link_waits(n.session.link, n.session.request));
        assert_false(rill_link_waits(n.session.link, n.session.request + 1));
        rill_link_close(n.client.link);
        until(&n, nobody_waits);
        const uint64_t gone = n.session.request;
        assert_int_equal(n.session.downs, 0);
        assert_int_equal(rill_link_reply(n.session.link, gone, answer, sizeof answer),
                         RILL_ERR_NOT_CONNECTED);
        /* A new request is another one. */
        n.client = (told){.link = NULL};
        n.session.prepares = 0;
        connect_as(schemes[i], TOKEN);
        until(&n, is_up);
        send_one(2);
        until(&n, was_asked);
        assert_true(n.session.request != gone);
        assert_true(rill_link_waits(n.session.link, n.session.request));
        assert_false(rill_link_waits(n.session.link, gone));
        assert_int_equal(rill_link_reply(n.session.link, n.session.request, answer, sizeof answer),
                         RILL_OK);
        assert_false(rill_link_waits(n.session.link, n.session.request));
        wanted = 1;
        until(&n, all_answered);
        stop_serving();
        net_end(&n);
    }
}

static void test_a_server_that_goes_leaves_doubt(void **state)
{
    (void)state;
    for (size_t i = 0; i < 2; i++) {
        begin();
        serve();
        connect_as(schemes[i], TOKEN);
        until(&n, is_up);
        send_one(1);
        until(&n, was_asked);
        stop_serving();
        wanted = 1;
        until(&n, all_answered);
        assert_int_equal(n.client.unanswered, 1);
        assert_int_equal(n.client.unsent, 0);
        net_end(&n);
    }
}

static http_link *client_link(void)
{
    return RILL_CONTAINER(n.client.link, http_link, link);
}

static bool one_unanswered(net *m)
{
    return m->client.unanswered > 0;
}

/* On one connection of HTTP/2 a packet is never answered, and others are. Its time alone is over.
 */
static void test_one_that_is_stuck_among_others(void **state)
{
    (void)state;
    begin();
    serve();
    connect_as("ilp+h2c", TOKEN);
    until(&n, is_up);
    make_packet_for(100);
    send_one(1);
    until(&n, was_asked);
    uint64_t stuck = n.session.request;
    n.session.echo = true;
    make_packet();
    wanted = 0;
    while (n.client.unanswered == 0) {
        send_one(++wanted + 1);
        until(&n, all_answered);
    }
    wanted++; /* it was the stuck one that made them all: the last may still be under way */
    until(&n, all_answered);
    assert_int_equal(n.client.unanswered, 1);
    assert_int_equal(n.client.unsent, 0);
    assert_int_equal(n.client.error, RILL_ERR_TIMEOUT);
    /* Whoever was to answer knows, and the connection is the one of before. */
    uint8_t answer[40] = {RILL_ILP_FULFILL, 38};
    send_one(wanted + 1);
    wanted++;
    until(&n, all_answered);
    assert_int_equal(rill_link_reply(n.session.link, stuck, answer, 40), RILL_ERR_NOT_CONNECTED);
    assert_int_equal(client_link()->socket_count, 1);
    assert_int_equal(n.session.ups, 1);
    assert_int_equal(n.client.downs, 0);
    stop_serving();
    net_end(&n);
}

static bool is_reconnected(net *m)
{
    (void)m;
    return script_connections == 2;
}

/*
 * Nothing at all comes over a connection of HTTP/2 any more: what is sent next has another one. A
 * pause that is short is none.
 */
static void test_a_neighbour_that_is_gone_without_a_word(void **state)
{
    (void)state;
    for (int gone = 0; gone < 2; gone++) {
        begin();
        serve_script(&n, NULL, false);
        connect_as("ilp+h2c", TOKEN);
        until(&n, is_up);
        http_socket *s = RILL_CONTAINER(client_link()->sockets.next, http_socket, node);
        if (gone)
            s->heard_at -= 10000;
        else
            s->heard_at--;
        make_packet_for(100);
        send_one(1);
        until(&n, one_unanswered);
        assert_int_equal(n.client.unsent, 0);
        make_packet_for(60000);
        send_one(2);
        if (gone)
            until(&n, is_reconnected);
        else
            assert_int_equal(client_link()->socket_count, 1);
        assert_int_equal(script_connections, gone ? 2 : 1);
        assert_int_equal(n.client.downs, 0);
        uv_close((uv_handle_t *)&scripted, NULL);
        net_end(&n);
    }
}

#define OK_FULFILL                                                                                 \
    "HTTP/1.1 200 OK\r\nContent-Length: 35\r\n\r\n\x0d\x21"                                        \
    "01234567890123456789012345678901x"

static void send_and_wait(unsigned answers)
{
    send_one(answers);
    wanted = answers;
    until(&n, all_answered);
}

static void expect_reject(const char *code)
{
    rill_reject r;
    assert_int_equal(rill_reject_decode(&r, n.client.last, n.client.last_len), RILL_OK);
    assert_string_equal(r.code.text, code);
}

static uint64_t waits_for(uint64_t ms)
{
    make_packet_for(ms);
    return (http_sending_wait(client_link(), packet, packet_len) + RILL_SECOND / 2) / RILL_SECOND;
}

/* A node may hold a packet for an hour: its answer is waited for as long as that, and no longer. */
static void test_waits_while_the_packet_lives(void **state)
{
    static const uint8_t none[] = {12, 3, 1, 2, 3};
    (void)state;
    begin();
    serve_script(&n, OK_FULFILL, false);
    connect_as("ilp+http", TOKEN);
    until(&n, is_up);
    assert_int_equal(waits_for(20000), 21);
    assert_int_equal(waits_for(59000), 60);
    assert_int_equal(waits_for(3600000), 3601);
    assert_int_equal(waits_for(36000000), 3601);
    assert_int_equal(http_sending_wait(client_link(), none, sizeof none), 35 * RILL_SECOND);
    uv_close((uv_handle_t *)&scripted, NULL);
    net_end(&n);
}

static void test_other_answers_are_rejects(void **state)
{
    static const char *const answers[] = {
        "HTTP/1.1 500 Oops\r\nContent-Length: 0\r\n\r\n",
        ("HTTP/1.1 500 Oops\r\nContent-Length: 35\r\n\r\n\x0d\x21"
         "01234567890123456789012345678901x"),
        "HTTP/1.1 202 Accepted\r\nContent-Length: 0\r\n\r\n",
        "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello",
        "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n",
        "HTTP/1.1 404 No\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n",
    };
    (void)state;
    begin();
    serve_script(&n, OK_FULFILL, false);
    connect_as("ilp+http", TOKEN);
    until(&n, is_up);
    send_and_wait(1);
    assert_int_equal(n.client.replies, 1);
    assert_int_equal(n.client.last[0], RILL_ILP_FULFILL);
    unsigned count = 1;
    for (size_t i = 0; i < sizeof answers / sizeof answers[0]; i++) {
        script = answers[i];
        send_and_wait(++count);
        assert_int_equal(n.client.replies, count);
        expect_reject("T00");
    }
    /* A proxy before it: nobody knows what the neighbour did with it. */
    static const char *const by_proxies[] = {"HTTP/1.1 502 Bad\r\nContent-Length: 0\r\n\r\n",
                                             "HTTP/1.1 504 Late\r\nContent-Length: 0\r\n\r\n"};
    for (unsigned i = 0; i < 2; i++) {
        const unsigned replies = n.client.replies;
        script = by_proxies[i];
        send_and_wait(++count);
        assert_int_equal(n.client.replies, replies);
        assert_int_equal(n.client.unanswered, i + 1);
        assert_int_equal(n.client.unsent, 0);
        assert_int_equal(n.client.error, RILL_ERR_REMOTE);
    }
    /* It has known us before: this is trouble of its own. */
    script = "HTTP/1.1 401 Who\r\nContent-Length: 0\r\n\r\n";
    send_and_wait(++count);
    expect_reject("T01");
    assert_int_equal(n.client.downs, 0);
    assert_int_equal(script_connections, 1);
    uv_close((uv_handle_t *)&scripted, NULL);
    net_end(&n);
}

static void test_what_was_seen_is_not_sent_again(void **state)
{
    (void)state;
    begin();
    serve_script(&n, NULL, true);
    connect_as("ilp+http", TOKEN);
    until(&n, is_up);
    send_and_wait(1);
    assert_int_equal(n.client.unanswered, 1);
    assert_int_equal(n.client.unsent, 0);
    assert_int_equal(script_requests, 1);
    /* And the link goes on. */
    script = OK_FULFILL;
    script_closes = false;
    send_and_wait(2);
    assert_int_equal(n.client.replies, 1);
    assert_int_equal(n.client.downs, 0);
    uv_close((uv_handle_t *)&scripted, NULL);
    net_end(&n);
}

static void test_each_request_on_a_connection_of_its_own(void **state)
{
    (void)state;
    begin();
    serve_script(&n,
                 "HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 35\r\n\r\n\x0d\x21"
                 "01234567890123456789012345678901x",
                 true);
    connect_as("ilp+http", TOKEN);
    until(&n, is_up);
    for (uint64_t i = 0; i < 40; i++)
        send_one(i);
    wanted = 40;
    until(&n, all_answered);
    assert_int_equal(n.client.replies, 40);
    assert_int_equal(script_requests, 40);
    assert_true(script_connections >= 40);
    uv_close((uv_handle_t *)&scripted, NULL);
    net_end(&n);
}

static bool has_tried_again(net *m)
{
    (void)m;
    return client_link()->attempts >= 3;
}

/*
 * One connection is open, and its server takes no other: what waits does not try again and again
 * as fast as it is refused. When the one has ended, the link is down.
 */
static void test_no_further_connection(void **state)
{
    (void)state;
    begin();
    serve_script(&n, NULL, false);
    connect_as("ilp+http", TOKEN);
    until(&n, is_up);
    send_one(1);
    while (script_requests == 0)
        (void)uv_run(rill_loop_uv(n.loop), UV_RUN_ONCE);
    uv_close((uv_handle_t *)&scripted, NULL);
    for (uint64_t i = 2; i < 12; i++)
        send_one(i);
    until(&n, has_tried_again);
    assert_true(client_link()->pausing);
    assert_int_equal(client_link()->connecting, 0);
    assert_int_equal(n.client.downs, 0);
    close_visitor(script_visitor);
    until(&n, is_down);
    assert_false(n.client.final);
    wanted = 11;
    until(&n, all_answered);
    assert_int_equal(n.client.unsent, 10);
    net_end(&n);
}

/*
 * The same, and the server is back when the one ends: what waits has another connection at once,
 * and not when the pause is over.
 */
static void test_a_pause_ends_with_the_last_connection(void **state)
{
    (void)state;
    begin();
    serve_script(&n, NULL, false);
    connect_as("ilp+http", TOKEN);
    until(&n, is_up);
    send_one(1);
    while (script_requests == 0)
        (void)uv_run(rill_loop_uv(n.loop), UV_RUN_ONCE);
    uv_close((uv_handle_t *)&scripted, NULL);
    send_one(2);
    until(&n, has_tried_again);
    assert_true(client_link()->pausing);
    http_due_clear(&client_link()->dues, &client_link()->retry);
    script = OK_FULFILL;
    listen_to_visitors(&n, n.options.listen.port);
    close_visitor(script_visitor);
    wanted = 2;
    until(&n, all_answered);
    assert_int_equal(n.client.replies, 1);
    assert_int_equal(n.client.outgoing_id, 2);
    assert_int_equal(n.client.downs, 0);
    assert_false(client_link()->pausing);
    uv_close((uv_handle_t *)&scripted, NULL);
    net_end(&n);
}

/* No connection is left, and several that are made at once are refused: that is the end for now. */
static void test_all_are_refused_at_once(void **state)
{
    (void)state;
    begin();
    serve_script(&n,
                 "HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 35\r\n\r\n\x0d\x21"
                 "01234567890123456789012345678901x",
                 true);
    connect_as("ilp+http", TOKEN);
    until(&n, is_up);
    send_and_wait(1);
    uv_close((uv_handle_t *)&scripted, NULL);
    for (uint64_t i = 2; i < 12; i++)
        send_one(i);
    until(&n, is_down);
    wanted = 11;
    until(&n, all_answered);
    assert_int_equal(n.client.replies, 1);
    assert_int_equal(n.client.unsent, 10);
    net_end(&n);
}

static void test_uris(void **state)
{
    static const char *const wrong[] = {"ilp+http://name:token@host", "ilp+http://", "ilp+http:x",
                                        "ilp+ftp://host"};
    (void)state;
    begin();
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        const char *problem = NULL;
        rill_link *l = NULL;
        int error = rill_link_open(&l, n.loop, wrong[i], NULL, &link_handlers, &n.client, &problem);
        assert_true(error == RILL_ERR_URI || error == RILL_ERR_UNSUPPORTED);
        assert_non_null(problem);
    }
    net_end(&n);
}

/* ---- accounts that were added ---- */

static rill_bytes text_of(const char *text)
{
    return (rill_bytes){(const uint8_t *)text, strlen(text)};
}

static int add_account(const char *const *tokens, const char *uri, const char **problem)
{
    rill_bytes list[4];
    size_t count = 0;
    for (; tokens[count] != NULL; count++)
        list[count] = text_of(tokens[count]);
    const rill_link_account a = {
        .name = text_of("bob"), .tokens = list, .token_count = count, .uri = uri};
    return rill_http_link_server_add(http, &a, problem);
}

/* The account's neighbour is the scripted server; it asks our server. */
static void add_scripted(const char *const *tokens)
{
    uint16_t ours = n.options.listen.port;
    char uri[128];
    const char *problem = NULL;
    serve_script(&n, OK_FULFILL, false);
    net_uri(&n, uri, sizeof uri, "ilp+http", "there", "127.0.0.1");
    n.options.listen.port = ours;
    assert_int_equal(add_account(tokens, uri, &problem), RILL_OK);
    assert_int_equal(n.session.ups, 1);
}

static bool client_is_closed(net *m)
{
    return m->client.closed > 0;
}

static void close_client(void)
{
    rill_link_close(n.client.link);
    until(&n, client_is_closed);
    memset(&n.client, 0, sizeof n.client);
}

static const char *const two_tokens[] = {TOKEN, "its-next-token", NULL};

static void test_an_account_is_asked_where_it_listens(void **state)
{
    (void)state;
    begin();
    serve();
    add_scripted(two_tokens);
    /* Not yet connected: it is told so, and not kept waiting. */
    int error = rill_link_send(n.session.link, 7, packet, packet_len);
    while (error == RILL_ERR_NOT_CONNECTED) {
        (void)uv_run(rill_loop_uv(n.loop), UV_RUN_ONCE);
        error = rill_link_send(n.session.link, 7, packet, packet_len);
    }
    assert_int_equal(error, RILL_OK);
    until(&n, session_told);
    assert_int_equal(n.session.replies, 1);
    assert_int_equal(n.session.outgoing_id, 7);
    assert_int_equal(n.session.last[0], RILL_ILP_FULFILL);
    /* And it asks with either token: both are the one session. */
    for (size_t i = 0; i < 2; i++) {
        n.session.echo = true;
        connect_as("ilp+http", two_tokens[i]);
        until(&n, is_up);
        wanted = 1;
        send_one(1);
        until(&n, all_answered);
        assert_int_equal(n.client.replies, 1);
        assert_int_equal(n.session.ups, 1);
        close_client();
    }
    assert_int_equal(n.session.prepares, 2);
    stop_serving();
    assert_int_equal(n.session.closed, 1);
    uv_close((uv_handle_t *)&scripted, NULL);
    net_end(&n);
}

static void test_an_account_whose_neighbour_has_gone(void **state)
{
    (void)state;
    begin();
    serve();
    add_scripted(two_tokens);
    script = NULL; /* it reads, and says nothing */
    while (rill_link_send(n.session.link, 7, packet, packet_len) == RILL_ERR_NOT_CONNECTED)
        (void)uv_run(rill_loop_uv(n.loop), UV_RUN_ONCE);
    /* What is open when the server closes is reported before the end. */
    stop_serving();
    assert_int_equal(n.session.unanswered, 1);
    assert_int_equal(n.session.outgoing_id, 7);
    assert_int_equal(n.session.closed, 1);
    uv_close((uv_handle_t *)&scripted, NULL);
    net_end(&n);
}

static bool was_logged(net *m)
{
    return m->lines > 0;
}

static void test_an_account_that_cannot_be_reached_is_named(void **state)
{
    const char *problem = NULL;
    (void)state;
    begin();
    serve();
    assert_int_equal(add_account(two_tokens, "ilp+http://:there@127.0.0.1:1/", &problem), RILL_OK);
    until(&n, was_logged);
    assert_non_null(strstr(n.line, "account bob: it cannot be reached: "));
    assert_int_equal(rill_link_send(n.session.link, 7, packet, packet_len), RILL_ERR_NOT_CONNECTED);
    /* Its own packets are taken all the same. */
    assert_int_equal(n.session.downs, 0);
    stop_serving();
    assert_int_equal(n.session.closed, 1);
    net_end(&n);
}

static void test_accounts_that_cannot_be(void **state)
{
    static const char *const none[] = {NULL};
    static const char *const empty[] = {TOKEN, "", NULL};
    static const char *const twice[] = {TOKEN, "x", "x", NULL};
    static const char *const blank[] = {"a b", NULL};
    static const char *const stranger[] = {"stranger", NULL};
    static const char *const good[] = {TOKEN, NULL};
    const char *problem = NULL;
    (void)state;
    begin();
    serve();
    assert_int_equal(add_account(none, NULL, &problem), RILL_ERR_INVALID);
    assert_int_equal(add_account(empty, NULL, &problem), RILL_ERR_INVALID);
    assert_int_equal(add_account(twice, NULL, &problem), RILL_ERR_EXISTS);
    assert_int_equal(add_account(blank, NULL, &problem), RILL_ERR_INVALID);
    assert_int_equal(add_account(good, "btp+ws://:x@localhost", &problem), RILL_ERR_UNSUPPORTED);
    assert_int_equal(add_account(good, "ilp+http://:x@", &problem), RILL_ERR_URI);
    assert_int_equal(add_account(stranger, NULL, &problem), RILL_ERR_AUTH);
    assert_non_null(problem);
    assert_int_equal(n.session.ups, 0);
    /* Each has left nothing: the same tokens are good, once they have ended. */
    int error;
    while ((error = add_account(two_tokens, NULL, &problem)) == RILL_ERR_EXISTS)
        (void)uv_run(rill_loop_uv(n.loop), UV_RUN_NOWAIT);
    assert_int_equal(error, RILL_OK);
    assert_int_equal(n.session.ups, 1);
    stop_serving();
    net_end(&n);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_packet_is_answered),
        cmocka_unit_test(test_many_are_in_flight),
        cmocka_unit_test(test_a_wrong_token_is_the_end),
        cmocka_unit_test(test_who_only_asks_takes_nothing),
        cmocka_unit_test(test_who_goes_does_not_wait),
        cmocka_unit_test(test_a_server_that_goes_leaves_doubt),
        cmocka_unit_test(test_one_that_is_stuck_among_others),
        cmocka_unit_test(test_a_neighbour_that_is_gone_without_a_word),
        cmocka_unit_test(test_waits_while_the_packet_lives),
        cmocka_unit_test(test_other_answers_are_rejects),
        cmocka_unit_test(test_what_was_seen_is_not_sent_again),
        cmocka_unit_test(test_each_request_on_a_connection_of_its_own),
        cmocka_unit_test(test_no_further_connection),
        cmocka_unit_test(test_a_pause_ends_with_the_last_connection),
        cmocka_unit_test(test_all_are_refused_at_once),
        cmocka_unit_test(test_uris),
        cmocka_unit_test(test_an_account_is_asked_where_it_listens),
        cmocka_unit_test(test_an_account_whose_neighbour_has_gone),
        cmocka_unit_test(test_an_account_that_cannot_be_reached_is_named),
        cmocka_unit_test(test_accounts_that_cannot_be),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
