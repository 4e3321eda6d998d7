/* SPDX-License-Identifier: Apache-2.0 */
/*
 * An account that is added to a server of ILP over HTTP, and asked by it, in which one allocation
 * fails: each in turn. It is added, or it is said why not and nothing is left of it; and the same
 * server then takes another one.
 *
 * The linker puts the functions below before malloc's (--wrap), for the code of this tree.
 */
#define _GNU_SOURCE

#include "net_fixture.h"

#include "links/http/http_server.h"

void *__real_malloc(size_t size);
void *__real_calloc(size_t count, size_t size);
void *__real_realloc(void *ptr, size_t size);
void *__wrap_malloc(size_t size);
void *__wrap_calloc(size_t count, size_t size);
void *__wrap_realloc(void *ptr, size_t size);

static bool counting;
static unsigned long asked, fail_at;

static bool refused(void)
{
    return counting && ++asked == fail_at;
}

void *__wrap_malloc(size_t size)
{
    return refused() ? NULL : __real_malloc(size);
}

void *__wrap_calloc(size_t count, size_t size)
{
    return refused() ? NULL : __real_calloc(count, size);
}

void *__wrap_realloc(void *ptr, size_t size)
{
    return refused() ? NULL : __real_realloc(ptr, size);
}

static net n;
static rill_http_link_server *http;
static rill_listener *port;
static bool http_closed, port_closed;
static uint8_t packet[512];
static size_t packet_len;

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

/* Without memory it is not answered yet: it is tried once more. */
static void on_ask(rill_link *l, uint64_t request, const uint8_t *bytes, size_t len, void *user)
{
    uint8_t answer[sizeof packet];
    (void)user;
    assert_in_range(len, 1, sizeof answer);
    memcpy(answer, bytes, len);
    answer[0] = RILL_ILP_FULFILL;
    if (rill_link_reply(l, request, answer, len) == RILL_ERR_NOMEM)
        assert_int_equal(rill_link_reply(l, request, answer, len), RILL_OK);
}

static int let_in(void *owner, rill_bytes name, rill_bytes token, rill_link *session,
                  const rill_link_handlers **handlers, void **user)
{
    static rill_link_handlers own;
    int error = authenticate(owner, name, token, session, handlers, user);
    own = link_handlers;
    own.prepare = on_ask;
    *handlers = &own;
    return error;
}

static bool server_is_closed(net *m)
{
    (void)m;
    return http_closed && port_closed;
}

static void serve(void)
{
    rill_http_link_server_options o;
    rill_listener_options l;
    rill_protocol protocols[RILL_HTTP_LINK_PROTOCOLS];
    static const uint8_t condition[32];
    rill_http_link_server_options_init(&o);
    o.authenticate = let_in;
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
    const rill_prepare p = {.amount = 1,
                            .expires_at_ms = rill_loop_now(n.loop).wall_ms + 20000,
                            .condition = condition,
                            .destination = {(const uint8_t *)"test.x", 6}};
    assert_int_equal(rill_prepare_encode(&p, packet, sizeof packet, &packet_len), RILL_OK);
}

/* Its neighbour is this very server, which it asks with its own second token. */
static int add(void)
{
    const rill_bytes tokens[] = {{(const uint8_t *)TOKEN, strlen(TOKEN)},
                                 {(const uint8_t *)"second", 6},
                                 {(const uint8_t *)"third", 5}};
    char uri[128];
    const char *problem = NULL;
    net_uri(&n, uri, sizeof uri, "ilp+http", "second", "127.0.0.1");
    const rill_link_account a = {
        .name = {(const uint8_t *)"bob", 3}, .tokens = tokens, .token_count = 3, .uri = uri};
    int error = rill_http_link_server_add(http, &a, &problem);
    assert_true(error == RILL_OK || problem != NULL);
    return error;
}

static bool is_told(net *m)
{
    return m->session.replies + m->session.unanswered > 0;
}

/* A packet to the account comes back to it, and it answers: by the link, the socket and the server.
 */
static void send_one(void)
{
    n.session.replies = n.session.unanswered = 0;
    int error;
    while ((error = rill_link_send(n.session.link, 7, packet, packet_len)) ==
           RILL_ERR_NOT_CONNECTED)
        (void)uv_run(rill_loop_uv(n.loop), UV_RUN_ONCE);
    if (error == RILL_OK)
        until(&n, is_told);
    else
        assert_int_equal(error, RILL_ERR_NOMEM);
}

static void test_failing_allocations(void **state)
{
    unsigned refusals = 0;
    (void)state;
    for (bool done = false; !done; fail_at++) {
        net_begin(&n);
        serve();
        counting = true;
        asked = 0;
        int error = add();
        if (error == RILL_OK)
            send_one();
        done = asked < fail_at;
        counting = false;
        assert_true(error == RILL_OK || error == RILL_ERR_NOMEM || error == RILL_ERR_LIMIT);
        refusals += error != RILL_OK || n.session.unanswered > 0;
        /* What failed has left nothing, once it has ended; and the next packet arrives. */
        while (error != RILL_OK && (error = add()) != RILL_OK) {
            assert_int_equal(error, RILL_ERR_EXISTS);
            (void)uv_run(rill_loop_uv(n.loop), UV_RUN_NOWAIT);
        }
        do {
            send_one();
        } while (n.session.replies == 0);
        rill_listener_close(port, on_port_closed);
        rill_http_link_server_close(http, on_http_closed);
        until(&n, server_is_closed);
        assert_int_equal(n.session.closed, 1);
        net_end(&n);
    }
    assert_true(fail_at > 15);
    assert_true(refusals > 5);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_failing_allocations),
    };
    fail_at = 1;
    return cmocka_run_group_tests_name("http account", tests, NULL, NULL);
}
