/* SPDX-License-Identifier: Apache-2.0 */
/* Client links and a server's sessions, over real sockets. */
#define _POSIX_C_SOURCE 200809L

#include "net_fixture.h"

#include "links/btp/btp_auth.h"
#include "links/btp/btp_session.h"

static const uint8_t packet[] = {12, 3, 1, 2, 3};
static const uint8_t answer[] = {13, 3, 1, 2, 3};

static bool client_down(net *n)
{
    return n->client.downs > 0;
}

static bool session_asked(net *n)
{
    return n->session.prepares > 0;
}

static bool client_asked(net *n)
{
    return n->client.prepares > 0;
}

static bool client_answered(net *n)
{
    return n->client.replies > 0;
}

static bool session_answered(net *n)
{
    return n->session.replies > 0;
}

static bool client_unanswered(net *n)
{
    return n->client.unanswered > 0;
}

static bool client_up_twice(net *n)
{
    return n->client.ups == 2 && n->session.ups == 2;
}

static bool client_closed(net *n)
{
    return n->client.closed > 0;
}

static void test_requests_both_ways(void **state)
{
    (void)state;
    net n;
    net_begin(&n);
    net_serve(&n);
    net_connect(&n, TOKEN, NULL);
    assert_false(rill_link_is_up(n.client.link));
    assert_int_equal(rill_link_send(n.client.link, 1, packet, sizeof packet),
                     RILL_ERR_NOT_CONNECTED);
    until(&n, both_up);
    assert_true(rill_link_is_up(n.client.link));

    assert_int_equal(rill_link_send(n.client.link, 77, packet, sizeof packet), RILL_OK);
    until(&n, session_asked);
    assert_int_equal(n.session.last_len, sizeof packet);
    assert_memory_equal(n.session.last, packet, sizeof packet);
    assert_int_equal(rill_link_reply(n.session.link, n.session.request, answer, 4), RILL_OK);
    until(&n, client_answered);
    assert_int_equal(n.client.outgoing_id, 77);
    assert_int_equal(n.client.last_len, 4);

    assert_int_equal(rill_link_send(n.session.link, 78, packet, sizeof packet), RILL_OK);
    until(&n, client_asked);
    assert_int_equal(rill_link_reply(n.client.link, n.client.request, answer, 3), RILL_OK);
    until(&n, session_answered);
    assert_int_equal(n.session.outgoing_id, 78);
    assert_int_equal(n.lines, 0);
    net_end(&n);
    assert_int_equal(n.session.closed, 1);
    assert_int_equal(n.client.downs, 0);
}

static bool session_asked_twice(net *n)
{
    return n->session.prepares == 2;
}

static bool client_answered_twice(net *n)
{
    return n->client.replies == 2;
}

static void test_replies_in_another_order(void **state)
{
    (void)state;
    net n;
    net_begin(&n);
    net_serve(&n);
    net_connect(&n, TOKEN, NULL);
    until(&n, both_up);
    assert_int_equal(rill_link_send(n.client.link, 71, packet, sizeof packet), RILL_OK);
    until(&n, session_asked);
    uint64_t first = n.session.request;
    assert_int_equal(rill_link_send(n.client.link, 72, packet, sizeof packet), RILL_OK);
    until(&n, session_asked_twice);
    assert_int_equal(rill_link_reply(n.session.link, n.session.request, answer, 2), RILL_OK);
    until(&n, client_answered);
    assert_int_equal(n.client.outgoing_id, 72);
    assert_int_equal(n.client.last_len, 2);
    assert_int_equal(rill_link_reply(n.session.link, first, answer, 1), RILL_OK);
    until(&n, client_answered_twice);
    assert_int_equal(n.client.outgoing_id, 71);
    assert_int_equal(n.client.last_len, 1);
    net_end(&n);
}

static rill_btp_entry entry(const char *name, const char *data)
{
    return (rill_btp_entry){.name = {(const uint8_t *)name, strlen(name)},
                            .content_type = RILL_BTP_TEXT,
                            .data = {(const uint8_t *)data, strlen(data)}};
}

/* RFC 23: the first message has auth as its first entry. */
static void test_authentication_comes_first(void **state)
{
    rill_bytes name, token;
    (void)state;
    rill_btp_frame frame = {
        .type = RILL_BTP_MESSAGE,
        .entry_count = 3,
        .entries = {entry("auth", ""), entry("auth_token", "t"), entry("auth_username", "u")}};
    assert_int_equal(rill_btp_read_auth(&frame, &name, &token), RILL_OK);
    assert_int_equal(token.len, 1);
    assert_int_equal(name.len, 1);
    frame.type = RILL_BTP_RESPONSE;
    assert_int_equal(rill_btp_read_auth(&frame, &name, &token), RILL_ERR_PROTOCOL);
    frame.type = RILL_BTP_MESSAGE;
    frame.entries[0] = entry("auth_token", "t");
    frame.entries[1] = entry("auth", "");
    assert_int_equal(rill_btp_read_auth(&frame, &name, &token), RILL_ERR_PROTOCOL);
    frame.entry_count = 1;
    assert_int_equal(rill_btp_read_auth(&frame, &name, &token), RILL_ERR_PROTOCOL);
    frame.entry_count = 0;
    assert_int_equal(rill_btp_read_auth(&frame, &name, &token), RILL_ERR_PROTOCOL);
    frame.entries[0] = entry("auth", "");
    frame.entries[1] = entry("auth_username", "u");
    frame.entry_count = 2;
    assert_int_equal(rill_btp_read_auth(&frame, &name, &token), RILL_ERR_AUTH);
}

static void test_refused_token(void **state)
{
    (void)state;
    net n;
    net_begin(&n);
    net_serve(&n);
    net_connect(&n, "another", NULL);
    until(&n, client_down);
    assert_int_equal(n.client.error, RILL_ERR_AUTH);
    assert_true(n.client.final);
    assert_string_equal(n.client.detail, "the node refused the token");
    assert_int_equal(n.lines, 1);
    assert_non_null(strstr(n.line, "refused"));
    net_end(&n);
}

static void test_nobody_there(void **state)
{
    (void)state;
    for (int reconnect = 0; reconnect < 2; reconnect++) {
        net n;
        char expected[128];
        rill_link_options o;
        net_begin(&n);
        net_serve(&n);
        net_stop_server(&n);
        rill_link_options_init(&o);
        o.reconnect = reconnect != 0;
        net_connect(&n, TOKEN, &o);
        until(&n, client_down);
        snprintf(expected, sizeof expected, "cannot connect to localhost:%u: connection refused",
                 (unsigned)n.options.listen.port);
        assert_string_equal(n.client.detail, expected);
        assert_int_equal(n.client.error, RILL_ERR_CONNECT);
        assert_int_equal(n.client.final, !o.reconnect);
        net_end(&n);
    }
}

static void test_unknown_host(void **state)
{
    (void)state;
    net n;
    rill_link_options o;
    net_begin(&n);
    rill_link_options_init(&o);
    o.reconnect = false;
    assert_int_equal(rill_link_open(&n.client.link, n.loop, "btp+ws://:" TOKEN "@host.invalid:1",
                                    &o, &link_handlers, &n.client, NULL),
                     RILL_OK);
    until(&n, client_down);
    assert_int_equal(n.client.error, RILL_ERR_RESOLVE);
    assert_non_null(strstr(n.client.detail, "host.invalid"));
    net_end(&n);
}

/* All the time there is, is not none at all. */
static void test_no_limit_of_time(void **state)
{
    (void)state;
    net n;
    rill_link_options o;
    net_begin(&n);
    net_serve(&n);
    rill_link_options_init(&o);
    o.connect_timeout_ns = RILL_NEVER;
    net_connect(&n, TOKEN, &o);
    until(&n, both_up);
    assert_int_equal(n.client.downs, 0);
    net_end(&n);
}

static void test_close_at_every_stage(void **state)
{
    (void)state;
    /* As many turns of the loop as there are stages, and a few more. */
    for (int turns = 0; turns < 12; turns++) {
        net n;
        net_begin(&n);
        net_serve(&n);
        net_connect(&n, TOKEN, NULL);
        for (int i = 0; i < turns && !both_up(&n); i++)
            uv_run(rill_loop_uv(n.loop), UV_RUN_ONCE);
        rill_link_close(n.client.link);
        rill_link_close(n.client.link);
        until(&n, client_closed);
        assert_int_equal(n.client.downs, 0);
        net_end(&n);
    }
}

static bool session_down(net *n)
{
    return n->session.downs > 0;
}

static bool down_and_unanswered(net *n)
{
    return n->client.downs > 0 && n->client.unanswered > 0;
}

static void test_loss_and_reconnect(void **state)
{
    (void)state;
    net n;
    net_begin(&n);
    net_serve(&n);
    net_connect(&n, TOKEN, NULL);
    until(&n, both_up);
    assert_int_equal(rill_link_send(n.client.link, 5, packet, sizeof packet), RILL_OK);
    assert_int_equal(rill_link_send(n.session.link, 6, packet, sizeof packet), RILL_OK);
    until(&n, client_asked);
    uint64_t stale = n.client.request;
    net_stop_server(&n);
    assert_int_equal(n.session.downs, 1);
    assert_true(n.session.final);
    assert_int_equal(n.session.unanswered, 1);
    assert_int_equal(n.session.closed, 1);
    until(&n, down_and_unanswered);
    assert_false(n.client.final);
    assert_int_equal(n.client.outgoing_id, 5);
    assert_int_equal(n.client.unsent, 0);
    assert_int_equal(rill_link_reply(n.client.link, stale, answer, 3), RILL_ERR_NOT_CONNECTED);

    net_serve(&n);
    until(&n, client_up_twice);
    /* A reply to what the first connection asked does not answer the second. */
    assert_int_equal(rill_link_reply(n.client.link, stale, answer, 3), RILL_ERR_NOT_CONNECTED);
    n.session.echo = true;
    assert_int_equal(rill_link_send(n.client.link, 7, packet, sizeof packet), RILL_OK);
    until(&n, client_answered);
    assert_int_equal(n.client.outgoing_id, 7);
    net_end(&n);
}

/* What waits at a close is written, so it must not be reported as never sent. */
static void test_close_after_send(void **state)
{
    (void)state;
    net n;
    net_begin(&n);
    net_serve(&n);
    net_connect(&n, TOKEN, NULL);
    until(&n, both_up);
    assert_int_equal(rill_link_send(n.client.link, 9, packet, sizeof packet), RILL_OK);
    rill_link_close(n.client.link);
    assert_int_equal(rill_link_send(n.client.link, 9, packet, sizeof packet),
                     RILL_ERR_NOT_CONNECTED);
    assert_int_equal(n.client.unanswered, 0);
    until(&n, client_closed);
    assert_int_equal(n.client.unanswered, 1);
    assert_int_equal(n.client.unsent, 0);
    until(&n, session_asked);
    net_end(&n);
}

/* A neighbour that drops dead: what had not been handed to the system certainly never left. */
static void test_what_never_left_is_unsent(void **state)
{
    (void)state;
    static uint8_t large[30000] = {12};
    net n;
    net_begin(&n);
    n.options.max_backlog = (size_t)100 * 1000;
    net_serve(&n);
    net_connect(&n, TOKEN, NULL);
    until(&n, both_up);
    told session = n.session;
    rill_link_set_user(session.link, &session);
    assert_int_equal(rill_link_send(session.link, 1, packet, sizeof packet), RILL_OK);
    uv_run(rill_loop_uv(n.loop), UV_RUN_NOWAIT);
    assert_int_equal(rill_link_send(session.link, 2, packet, sizeof packet), RILL_OK);
    /* Replies are never blocked, but a backlog is limited: the session is dropped. */
    for (int i = 0; i < 3; i++)
        assert_int_equal(rill_link_reply(session.link, (uint64_t)1 << 32, large, sizeof large),
                         RILL_OK);
    assert_int_equal(rill_link_reply(session.link, (uint64_t)1 << 32, large, sizeof large),
                     RILL_ERR_NOT_CONNECTED);
    until(&n, client_down);
    assert_int_equal(session.unanswered, 2);
    assert_int_equal(session.unsent, 1);
    assert_int_equal(session.outgoing_id, 2);
    assert_int_equal(session.downs, 1);
    net_end(&n);
}

static unsigned strays;

static void on_stray(rill_link *l, const uint8_t *data, size_t len, void *user)
{
    const net *n = user;
    assert_ptr_equal(l, n->client.link);
    assert_int_equal(len, 3);
    assert_memory_equal(data, answer, len);
    strays++;
}

static bool is_stray(net *n)
{
    (void)n;
    return strays > 0;
}

static void test_request_timeout(void **state)
{
    (void)state;
    net n;
    net_begin(&n);
    net_serve(&n);
    net_connect(&n, TOKEN, NULL);
    until(&n, both_up);
    rill_btp_session *s = RILL_CONTAINER(n.client.link, rill_btp_session, link);
    assert_int_equal(s->request_timeout, 35 * RILL_SECOND);
    s->request_timeout = 20 * RILL_MS;
    assert_int_equal(rill_link_send(n.client.link, 11, packet, sizeof packet), RILL_OK);
    until(&n, client_unanswered);
    assert_int_equal(n.client.error, RILL_ERR_TIMEOUT);
    assert_int_equal(n.client.outgoing_id, 11);
    /* A Fulfill that comes too late is shown to who keeps the books, and the link goes on. */
    strays = 0;
    n.client.link->stray = on_stray;
    n.client.link->stray_user = &n;
    assert_int_equal(rill_link_reply(n.session.link, n.session.request, answer, 3), RILL_OK);
    until(&n, is_stray);
    s->request_timeout = 35 * RILL_SECOND;
    n.session.echo = true;
    assert_int_equal(rill_link_send(n.client.link, 12, packet, sizeof packet), RILL_OK);
    until(&n, client_answered);
    assert_int_equal(n.client.outgoing_id, 12);
    net_end(&n);
}

static size_t prepare_for(const net *n, uint64_t ms, uint8_t *out, size_t size)
{
    static const uint8_t condition[32];
    static uint8_t data[300]; /* so that its length takes more than a byte */
    size_t len = 0;
    const rill_prepare p = {.amount = 1,
                            .expires_at_ms = rill_loop_now(n->loop).wall_ms + ms,
                            .condition = condition,
                            .destination = {(const uint8_t *)"test.x", 6},
                            .data = {data, ms % 1000 == 0 ? 0 : sizeof data}};
    assert_int_equal(rill_prepare_encode(&p, out, size, &len), RILL_OK);
    return len;
}

/* A node may hold a packet for an hour: its answer is waited for as long as that. */
static void test_waits_while_the_packet_lives(void **state)
{
    /* So long a packet lives, and so long its answer is waited for: seconds. */
    static const struct {
        uint64_t lives_ms, waits;
    } cases[] = {{10000000000, 35 * 128},
                 {3600000, 35 * 128},
                 {90500, 140},
                 {59000, 70},
                 {33000, 35},
                 {500, 35}};
    (void)state;
    net n;
    uint8_t prepare[600];
    net_begin(&n);
    net_serve(&n);
    net_connect(&n, TOKEN, NULL);
    until(&n, both_up);
    rill_btp_session *s = RILL_CONTAINER(n.client.link, rill_btp_session, link);
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        size_t len = prepare_for(&n, cases[i].lives_ms, prepare, sizeof prepare);
        size_t head = len > 300 ? 4 : 2;
        /* In parts, as a node sends it on: up to the amount, amount and expiry, and the rest. */
        const rill_bytes parts[] = {
            {prepare, head}, {prepare + head, 25}, {prepare + head + 25, len - head - 25}};
        uint64_t before = rill_loop_clock(n.loop).mono_ns;
        if (i % 2 == 0)
            assert_int_equal(rill_link_send(&s->link, i, prepare, len), RILL_OK);
        else
            assert_int_equal(rill_btp_session_send_parts(&s->link, i, parts, 3), RILL_OK);
        /* None is due later than those before it. */
        if (i > 0 && cases[i].waits == cases[i - 1].waits)
            continue;
        assert_in_range(s->due, before + cases[i].waits * RILL_SECOND,
                        rill_loop_clock(n.loop).mono_ns + cases[i].waits * RILL_SECOND);
    }
    net_end(&n);
    assert_int_equal(n.client.unanswered, sizeof cases / sizeof cases[0]);
}

/* What was sent last is given up first; and the other one is answered all the same. */
static void test_waits_of_two_lengths(void **state)
{
    (void)state;
    net n;
    uint8_t prepare[600];
    net_begin(&n);
    net_serve(&n);
    net_connect(&n, TOKEN, NULL);
    until(&n, both_up);
    rill_btp_session *s = RILL_CONTAINER(n.client.link, rill_btp_session, link);
    size_t len = prepare_for(&n, 59000, prepare, sizeof prepare);
    assert_int_equal(rill_link_send(&s->link, 1, prepare, len), RILL_OK);
    until(&n, session_asked);
    uint64_t request = n.session.request;
    uint64_t due = s->due;
    s->request_timeout = 20 * RILL_MS;
    assert_int_equal(rill_link_send(&s->link, 2, packet, sizeof packet), RILL_OK);
    until(&n, client_unanswered);
    assert_int_equal(n.client.outgoing_id, 2);
    assert_int_equal(s->due, due);
    assert_int_equal(rill_link_reply(n.session.link, request, answer, 3), RILL_OK);
    until(&n, client_answered);
    assert_int_equal(n.client.outgoing_id, 1);
    assert_int_equal(n.client.unanswered, 1);
    net_end(&n);
}

static void test_request_limits(void **state)
{
    (void)state;
    net n;
    net_begin(&n);
    n.options.max_requests = 8;
    net_serve(&n);
    net_connect(&n, TOKEN, NULL);
    until(&n, both_up);
    for (uint64_t i = 0; i < 10; i++)
        assert_int_equal(rill_link_send(n.client.link, i, packet, sizeof packet), RILL_OK);
    for (uint64_t i = 0; i < 8; i++)
        assert_int_equal(rill_link_send(n.session.link, i, packet, sizeof packet), RILL_OK);
    assert_int_equal(rill_link_send(n.session.link, 8, packet, sizeof packet), RILL_ERR_LIMIT);
    until(&n, client_answered);
    /* The ninth and tenth are rejected, so that their sender tries again. */
    assert_int_equal(n.client.last[0], 14);
    assert_memory_equal(n.client.last + 2, "T03", 3);
    net_end(&n);
}

static void test_close_inside_a_handler(void **state)
{
    (void)state;
    net n;
    net_begin(&n);
    net_serve(&n);
    net_connect(&n, TOKEN, NULL);
    until(&n, both_up);
    n.session.echo = true;
    n.client.close_on_reply = true;
    for (uint64_t i = 0; i < 5; i++)
        assert_int_equal(rill_link_send(n.client.link, i, packet, sizeof packet), RILL_OK);
    until(&n, client_closed);
    assert_int_equal(n.client.replies + n.client.unanswered, 5);
    until(&n, session_down);
    net_end(&n);
}

static bool blocked_then_writable(net *n)
{
    return n->client.writable > 0;
}

static void test_back_pressure(void **state)
{
    (void)state;
    static uint8_t large[30000];
    net n;
    int error;
    uint64_t count = 0;
    net_begin(&n);
    net_serve(&n);
    net_connect(&n, TOKEN, NULL);
    until(&n, both_up);
    n.session.echo = true;
    large[0] = 12;
    while ((error = rill_link_send(n.client.link, count, large, sizeof large)) == RILL_OK)
        count++;
    assert_int_equal(error, RILL_ERR_BLOCKED);
    assert_in_range(count, 1024 * 1024 / 30100, 1024 * 1024 / 30000 + 2);
    assert_int_equal(n.client.writable, 0);
    until(&n, blocked_then_writable);
    assert_int_equal(rill_link_send(n.client.link, count, large, sizeof large), RILL_OK);
    net_end(&n);
}

static void test_server_address(void **state)
{
    (void)state;
    net n;
    rill_btp_server *other;
    net_begin(&n);
    net_serve(&n);
    assert_int_equal(rill_btp_server_open(&other, n.loop, &n.options), RILL_ERR_ADDRESS_IN_USE);
    n.options.listen.host = "not an address";
    assert_int_equal(rill_btp_server_open(&other, n.loop, &n.options), RILL_ERR_INVALID);
    net_end(&n);
}

static bool five_sessions_up(net *n)
{
    return n->session.ups == 5;
}

static void test_server_stops_with_many(void **state)
{
    (void)state;
    net n;
    told clients[5];
    memset(clients, 0, sizeof clients);
    net_begin(&n);
    net_serve(&n);
    for (size_t i = 0; i < 5; i++) {
        net_connect(&n, TOKEN, NULL);
        rill_link_set_user(n.client.link, &clients[i]);
        clients[i].link = n.client.link;
    }
    n.client.link = NULL;
    until(&n, five_sessions_up);
    /* Sessions that their owner leaves to the server end too. */
    n.session.close_when_down = false;
    net_stop_server(&n);
    assert_int_equal(n.session.downs, 5);
    assert_int_equal(n.session.closed, 5);
    for (size_t i = 0; i < 5; i++)
        rill_link_close(clients[i].link);
    net_end(&n);
    for (size_t i = 0; i < 5; i++)
        assert_int_equal(clients[i].closed, 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_requests_both_ways),
        cmocka_unit_test(test_replies_in_another_order),
        cmocka_unit_test(test_authentication_comes_first),
        cmocka_unit_test(test_refused_token),
        cmocka_unit_test(test_nobody_there),
        cmocka_unit_test(test_unknown_host),
        cmocka_unit_test(test_no_limit_of_time),
        cmocka_unit_test(test_close_at_every_stage),
        cmocka_unit_test(test_loss_and_reconnect),
        cmocka_unit_test(test_close_after_send),
        cmocka_unit_test(test_what_never_left_is_unsent),
        cmocka_unit_test(test_request_timeout),
        cmocka_unit_test(test_waits_while_the_packet_lives),
        cmocka_unit_test(test_waits_of_two_lengths),
        cmocka_unit_test(test_request_limits),
        cmocka_unit_test(test_close_inside_a_handler),
        cmocka_unit_test(test_back_pressure),
        cmocka_unit_test(test_server_address),
        cmocka_unit_test(test_server_stops_with_many),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
