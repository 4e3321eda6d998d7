/* SPDX-License-Identifier: Apache-2.0 */
/* Connections of an HTTP server, over loopback: clients that do not read, and memory that ends. */
#define _POSIX_C_SOURCE 200809L

#include "net_fixture.h"

#include <dirent.h>

#include "io/listener.h"
#include "support/failing_memory.h"
#include "support/h2_frames.h"
#include "web/web.h"

static net n;
static rill_web web;
static rill_listener *port;
static failing_memory memory;
static raw client;
static raw others[2];
static h2_bytes in;
static char body[200000];
static unsigned asked, overs;
static bool later; /* nobody is answered at once */
static rill_web_connection *last;
static uint64_t last_handle;
static bool web_closed, port_closed;

static void on_request(void *owner, rill_web_connection *c, uint64_t handle,
                       const rill_http_message *m)
{
    const rill_http_response r = {.status = 200, .body = {(const uint8_t *)body, sizeof body}};
    (void)owner;
    (void)m;
    asked++;
    last = c;
    last_handle = handle;
    if (!later && rill_web_respond(c, handle, &r) != RILL_OK)
        rill_web_drop(c); /* as every owner does */
}

static void on_over(void *owner, rill_web_connection *c)
{
    (void)owner;
    (void)c;
    overs++;
}

static void on_web_closed(void *owner)
{
    (void)owner;
    web_closed = true;
}

static void on_port_closed(void *user)
{
    (void)user;
    port_closed = true;
}

static const rill_web_handlers web_handlers = {
    .request = on_request, .over = on_over, .log = on_line};

static void begin(void)
{
    rill_protocol protocols[RILL_WEB_PROTOCOLS];
    rill_listener_options o;
    net_begin(&n);
    asked = overs = 0;
    later = web_closed = port_closed = false;
    last = NULL;
    failing_memory_init(&memory, 0, 1);
    rill_web_init(&web, n.loop, &web_handlers, &n);
    rill_blocks_clear(&web.blocks);
    rill_blocks_init(&web.blocks, &memory.allocator, 0);
    rill_web_start(&web);
    rill_web_protocols(&web, protocols);
    rill_listener_options_init(&o);
    o.protocols = protocols;
    o.protocol_count = RILL_WEB_PROTOCOLS;
    o.max_strangers = 200;
    o.log = on_line;
    o.user = &n;
    assert_int_equal(rill_listener_open(&port, n.loop, &o), RILL_OK);
    n.options.listen.port = rill_listener_port(port);
}

static bool all_closed(net *unused)
{
    (void)unused;
    return web_closed && port_closed;
}

static void end(void)
{
    rill_listener_close(port, on_port_closed);
    rill_web_close(&web, on_web_closed);
    until(&n, all_closed);
    rill_web_clear(&web);
    net_end(&n);
    failing_memory_end(&memory);
    assert_int_equal(memory.blocks, 0);
}

static bool was_asked(net *unused)
{
    (void)unused;
    return asked > 0;
}

static bool client_ended(net *unused)
{
    (void)unused;
    return client.ended;
}

/* It is over, or the request was refused, or its answer has begun. */
static bool is_settled(net *unused)
{
    (void)unused;
    return client.ended || h2_count(client.got, client.got_len, H2_RESET, NULL) > 0 ||
           h2_count(client.got, client.got_len, H2_HEADERS, NULL) > 0;
}

static void on_client_closed(uv_handle_t *handle)
{
    (void)handle;
    client.closed = true;
}

static bool client_closed(net *unused)
{
    (void)unused;
    return client.closed;
}

static bool nobody_left(net *unused)
{
    (void)unused;
    return rill_list_empty(&web.connections) && client.closed;
}

static void leave(void)
{
    uv_close((uv_handle_t *)&client.handle, on_client_closed);
    until(&n, nobody_left);
}

static size_t open_files(void)
{
    size_t count = 0;
    DIR *folder = opendir("/proc/self/fd");
    assert_non_null(folder);
    while (readdir(folder) != NULL)
        count++;
    closedir(folder);
    return count;
}

/* A request for an answer that the client makes no room for. */
static void ask_without_room(void)
{
    static const uint8_t no_window[6] = {0, 4, 0, 0, 0, 0};
    h2_preface(&in);
    h2_frame(&in, H2_SETTINGS, 0, 0, no_window, sizeof no_window);
    h2_post(&in, 1, 0, true);
    raw_open(&n, &client);
    raw_send(&client, in.data, in.len);
    in.len = 0;
    until(&n, was_asked);
}

static void ping(void)
{
    static const uint8_t payload[8];
    size_t had = client.got_len;
    h2_frame(&in, H2_PING, 0, 0, payload, sizeof payload);
    raw_send(&client, in.data, in.len);
    in.len = 0;
    while (client.got_len == had)
        uv_run(rill_loop_uv(n.loop), UV_RUN_ONCE);
}

/* As much later, and it has said something just now. */
static void look(uint64_t now)
{
    last->heard_at = now;
    rill_web_look(last, now);
}

/* It goes on saying something, and never makes room for its answer. */
static void test_a_client_that_does_not_read(void **state)
{
    (void)state;
    begin();
    ask_without_room();
    uint64_t now = uv_now(rill_loop_uv(n.loop));
    look(now + 1000);
    look(now + 59000);
    ping();
    assert_int_equal(overs, 0);
    /* What it read then counts. */
    look(now + 60000);
    look(now + 119000);
    assert_int_equal(overs, 0);
    look(now + 120000);
    assert_int_equal(overs, 1);
    assert_non_null(strstr(n.line, "does not read what it was answered"));
    until(&n, client_ended);
    leave();
    end();
}

/* The same, of an answer that is given when the client's window is shut already. */
static void test_an_answer_that_comes_later(void **state)
{
    const rill_http_response r = {.status = 200, .body = {(const uint8_t *)body, sizeof body}};
    (void)state;
    begin();
    later = true;
    ask_without_room();
    uint64_t now = uv_now(rill_loop_uv(n.loop));
    /* As long as the answer is not there, it is not the client who is slow. */
    look(now + 120000);
    assert_int_equal(overs, 0);
    assert_int_equal(rill_web_respond(last, last_handle, &r), RILL_OK);
    ping();
    look(now + 121000);
    look(now + 180000);
    assert_int_equal(overs, 0);
    look(now + 181000);
    assert_int_equal(overs, 1);
    until(&n, client_ended);
    leave();
    end();
}

/* Who reads, a little at a time, is not disturbed. */
static void test_a_client_that_reads_slowly(void **state)
{
    static const uint8_t some[4] = {0, 0, 0, 100};
    (void)state;
    begin();
    ask_without_room();
    uint64_t now = uv_now(rill_loop_uv(n.loop));
    for (unsigned i = 1; i < 10; i++) {
        size_t had = client.got_len;
        h2_frame(&in, H2_WINDOW, 0, 1, some, sizeof some);
        raw_send(&client, in.data, in.len);
        in.len = 0;
        while (client.got_len < had + 100)
            uv_run(rill_loop_uv(n.loop), UV_RUN_ONCE);
        look(now + i * UINT64_C(50000));
        assert_int_equal(overs, 0);
    }
    leave();
    end();
}

/* Each allocation of a connection fails once: it ends, or its request is refused, and nothing of it
 * is left. */
static void test_connections_without_memory(void **state)
{
    unsigned ends = 0;
    bool failed = true;
    (void)state;
    begin();
    for (unsigned long fail_at = 1; failed; fail_at++) {
        size_t files = open_files();
        unsigned long refused = memory.refused;
        memory.fail_at = memory.asked + fail_at;
        h2_preface(&in);
        h2_post(&in, 1, 3000, true);
        raw_open(&n, &client);
        raw_send(&client, in.data, in.len);
        in.len = 0;
        until(&n, is_settled);
        failed = memory.refused > refused;
        ends += client.ended;
        assert_true(failed || !client.ended);
        leave();
        while (open_files() > files)
            uv_run(rill_loop_uv(n.loop), UV_RUN_NOWAIT);
    }
    memory.fail_at = 0;
    assert_in_range(ends, 5, 100);
    end();
}

static bool was_reset(net *unused)
{
    (void)unused;
    return client.ended || h2_count(client.got, client.got_len, H2_RESET, NULL) > 0;
}

static bool was_answered(net *unused)
{
    (void)unused;
    return client.ended || h2_count(client.got, client.got_len, H2_HEADERS, NULL) > 0;
}

/* One request of a connection is left unfinished. It is ended, and who asks beside it is not. */
static void test_one_request_that_is_left(void **state)
{
    const rill_http_response r = {.status = 200};
    (void)state;
    begin();
    later = true;
    h2_preface(&in);
    h2_post(&in, 1, 100, true);
    h2_post(&in, 3, 100, false);
    raw_open(&n, &client);
    raw_send(&client, in.data, in.len);
    in.len = 0;
    until(&n, was_asked);
    uint64_t now = uv_now(rill_loop_uv(n.loop));
    look(now + 1000);
    look(now + 10999);
    look(now + 11000);
    assert_int_equal(overs, 0);
    assert_non_null(strstr(n.line, "left a request or its answer lying"));
    until(&n, was_reset);
    look(now + 30000);
    assert_int_equal(overs, 0);
    assert_int_equal(rill_web_respond(last, last_handle, &r), RILL_OK);
    until(&n, was_answered);
    assert_false(client.ended);
    leave();
    end();
}

static size_t connections(void)
{
    size_t count = 0;
    for (const rill_list *at = web.connections.next; at != &web.connections; at = at->next)
        count++;
    return count;
}

static bool two_there(net *unused)
{
    (void)unused;
    return connections() == 2;
}

static bool one_more_ended(net *unused)
{
    (void)unused;
    return others[1].ended;
}

static bool all_clients_closed(net *unused)
{
    (void)unused;
    return nobody_left(unused) && others[0].closed && others[1].closed;
}

static void on_other_closed(uv_handle_t *handle)
{
    RILL_CONTAINER(handle, raw, handle)->closed = true;
}

static void open_with(raw *r, bool asks)
{
    in.len = 0;
    h2_preface(&in);
    if (asks)
        h2_post(&in, 1, 100, true);
    raw_open(&n, r);
    raw_send(r, in.data, in.len);
    in.len = 0;
}

/* Where there may be no more, who asks nothing makes room. If all ask, there is none. */
static void test_as_many_connections_as_may_be(void **state)
{
    (void)state;
    begin();
    web.max_connections = 2;
    later = true;
    open_with(&others[0], true);
    until(&n, was_asked);
    open_with(&client, false);
    until(&n, two_there);
    asked = 0;
    open_with(&others[1], true);
    until(&n, client_ended);
    until(&n, was_asked);
    assert_false(others[0].ended);
    assert_int_equal(connections(), 2);
    uv_close((uv_handle_t *)&client.handle, on_client_closed);
    until(&n, client_closed);
    open_with(&client, true);
    until(&n, client_ended);
    assert_false(others[0].ended || one_more_ended(&n));
    uv_close((uv_handle_t *)&others[0].handle, on_other_closed);
    uv_close((uv_handle_t *)&others[1].handle, on_other_closed);
    uv_close((uv_handle_t *)&client.handle, on_client_closed);
    until(&n, all_clients_closed);
    end();
}

static bool both_hold(net *unused)
{
    unsigned count = 0;
    (void)unused;
    for (rill_list *at = web.connections.next; at != &web.connections; at = at->next) {
        const rill_web_connection *c = RILL_CONTAINER(at, rill_web_connection, node);
        count += rill_http_server_held(c->http) > RILL_WEB_IDLE + 16000;
    }
    return count == 2;
}

/* Together they hold more than they may: the one goes that holds most, and the others stay. */
static void test_memory_has_an_end(void **state)
{
    const rill_http_response r = {.status = 200};
    (void)state;
    begin();
    web.max_memory = 400000;
    later = true;
    open_with(&others[0], true);
    until(&n, was_asked);
    rill_web_connection *first = last;
    uint64_t handle = last_handle;
    first->known = true;
    open_with(&others[1], false);
    in.len = 0;
    h2_preface(&in);
    for (uint32_t i = 0; i < 40; i++)
        h2_post(&in, 2 * i + 1, 16384, false);
    raw_open(&n, &client);
    raw_send(&client, in.data, in.len);
    in.len = 0;
    until(&n, client_ended);
    assert_int_equal(overs, 1);
    assert_non_null(strstr(n.line, "holds most of the memory"));
    assert_int_equal(rill_web_respond(first, handle, &r), RILL_OK);
    assert_false(others[0].ended || others[1].ended);
    uv_close((uv_handle_t *)&client.handle, on_client_closed);
    until(&n, client_closed);
    /* What the one held has come back, and counts for nobody. */
    assert_int_equal(web.leaving, 0);
    assert_true(web.blocks.used < 2 * RILL_WEB_IDLE);
    /* Who is known goes after every stranger, even one that holds less. */
    web.max_memory = 0;
    h2_begin(&in);
    for (uint32_t i = 1; i <= 10; i++)
        h2_post(&in, 2 * i + 1, 16384, false);
    raw_send(&others[0], in.data, in.len);
    h2_begin(&in);
    h2_post(&in, 1, 30000, false);
    raw_send(&others[1], in.data, in.len);
    in.len = 0;
    until(&n, both_hold);
    web.max_memory = 1;
    rill_web_relieve(&web.relief);
    web.max_memory = 0;
    assert_int_equal(overs, 2);
    assert_false(first->over);
    until(&n, one_more_ended);
    assert_false(others[0].ended);
    uv_close((uv_handle_t *)&others[0].handle, on_other_closed);
    uv_close((uv_handle_t *)&others[1].handle, on_other_closed);
    until(&n, all_clients_closed);
    end();
}

enum { CROWD = 80, LIGHT = 70, PIECE = 12000 };
static raw crowd[CROWD];

static bool crowd_fits(net *unused)
{
    (void)unused;
    return overs > 0 && web.leaving == 0 && web.blocks.used <= web.max_memory + web.idle;
}

static bool crowd_closed(net *unused)
{
    size_t count = 0;
    for (size_t i = 0; i < CROWD; i++)
        count += crowd[i].closed;
    return count == CROWD && nobody_left(unused);
}

/* Strangers in HTTP/1.1 that each hold a little hold much together. Who is known stays. */
static void test_many_that_hold_little(void **state)
{
    const rill_http_response r = {.status = 200};
    char piece[PIECE + 1];
    (void)state;
    begin();
    web.max_memory = 100000;
    later = true;
    memset(piece, 'x', PIECE);
    piece[PIECE] = '\0';
    raw_open(&n, &client);
    raw_say(&client, "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n\r\n");
    until(&n, was_asked);
    assert_in_range(rill_http_server_held(last->http), 1, 4096);
    last->known = true;
    for (size_t i = 0; i < CROWD; i++) {
        raw_open(&n, &crowd[i]);
        raw_say(&crowd[i], "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 20000\r\n\r\n");
        raw_say(&crowd[i], piece);
    }
    until(&n, crowd_fits);
    assert_in_range(overs, 1, CROWD - 1); /* no more than needed */
    assert_int_equal(rill_web_respond(last, last_handle, &r), RILL_OK);
    assert_false(client.ended);
    for (size_t i = 0; i < CROWD; i++)
        uv_close((uv_handle_t *)&crowd[i].handle, on_other_closed);
    uv_close((uv_handle_t *)&client.handle, on_client_closed);
    until(&n, crowd_closed);
    assert_int_equal(web.idle, 0);
    assert_int_equal(web.count, 0);
    end();
}

static bool all_hold(net *unused)
{
    size_t light = 0, heavy = 0;
    (void)unused;
    for (rill_list *at = web.connections.next; at != &web.connections; at = at->next) {
        const rill_web_connection *c = RILL_CONTAINER(at, rill_web_connection, node);
        light += rill_http_server_held(c->http) > RILL_WEB_IDLE_1 + 1000;
        heavy += rill_http_server_held(c->http) > RILL_WEB_IDLE_1 + 20000;
    }
    return light == CROWD && heavy == CROWD - LIGHT;
}

/* Who is known and asks little does not go because the one that asks much is not found at once. */
static void test_who_is_known_and_asks_little(void **state)
{
    (void)state;
    begin();
    for (size_t i = 0; i < CROWD; i++) {
        raw_open(&n, &crowd[i]);
        raw_say(&crowd[i], i < LIGHT
                               ? "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 2000\r\n\r\nx"
                               : "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 20000\r\n\r\nx");
    }
    until(&n, all_hold);
    for (rill_list *at = web.connections.next; at != &web.connections; at = at->next)
        RILL_CONTAINER(at, rill_web_connection, node)->known = true;
    web.max_memory = 1;
    rill_web_relieve(&web.relief);
    assert_int_equal(overs, 0);
    rill_web_relieve(&web.relief);
    web.max_memory = 0;
    assert_int_equal(overs, 1);
    size_t gone = 0;
    for (rill_list *at = web.connections.next; at != &web.connections; at = at->next) {
        const rill_web_connection *c = RILL_CONTAINER(at, rill_web_connection, node);
        gone += c->over && c->leaving > 20000;
    }
    assert_int_equal(gone, 1);
    for (size_t i = 0; i < CROWD; i++)
        uv_close((uv_handle_t *)&crowd[i].handle, on_other_closed);
    client.closed = true;
    until(&n, crowd_closed);
    end();
}

/* One that asks nothing holds no more than it may. */
static void test_what_an_idle_one_holds(void **state)
{
    const rill_http_response r = {.status = 200};
    (void)state;
    begin();
    later = true;
    raw_open(&n, &client);
    raw_say(&client, "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n\r\n");
    until(&n, was_asked);
    assert_int_equal(rill_web_respond(last, last_handle, &r), RILL_OK);
    while (client.got_len == 0)
        uv_run(rill_loop_uv(n.loop), UV_RUN_ONCE);
    assert_in_range(rill_http_server_held(last->http), 1, RILL_WEB_IDLE_1);
    leave();
    end();
}

static uv_timer_t drip;
static bool drip_closed;

static void on_drip(uv_timer_t *timer)
{
    (void)timer;
    if (!client.ended)
        raw_say(&client, "x");
}

static void on_drip_closed(uv_handle_t *handle)
{
    (void)handle;
    drip_closed = true;
}

static bool drip_over(net *unused)
{
    (void)unused;
    return drip_closed;
}

/* A request has so long from its first byte to its last, though each byte comes soon. */
static void test_a_request_that_drips(void **state)
{
    (void)state;
    begin();
    web.request_timeout = 1 * RILL_SECOND;
    drip_closed = false;
    raw_open(&n, &client);
    raw_say(&client, "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 60000\r\n\r\n");
    assert_int_equal(uv_timer_init(rill_loop_uv(n.loop), &drip), 0);
    assert_int_equal(uv_timer_start(&drip, on_drip, 50, 50), 0);
    until(&n, client_ended);
    assert_int_equal(asked, 0);
    uv_close((uv_handle_t *)&drip, on_drip_closed);
    until(&n, drip_over);
    leave();
    end();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_client_that_does_not_read),
        cmocka_unit_test(test_an_answer_that_comes_later),
        cmocka_unit_test(test_a_client_that_reads_slowly),
        cmocka_unit_test(test_connections_without_memory),
        cmocka_unit_test(test_one_request_that_is_left),
        cmocka_unit_test(test_as_many_connections_as_may_be),
        cmocka_unit_test(test_memory_has_an_end),
        cmocka_unit_test(test_many_that_hold_little),
        cmocka_unit_test(test_who_is_known_and_asks_little),
        cmocka_unit_test(test_what_an_idle_one_holds),
        cmocka_unit_test(test_a_request_that_drips),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
