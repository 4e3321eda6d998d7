/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the headers say about how long things live, and about what may be called when. Each handler
 * in turn does everything that it may do. AddressSanitizer stops a use of freed memory. Over fake
 * sockets, in virtual time.
 */
#define _POSIX_C_SOURCE 200809L

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <rill/net.h>

#include "io/loop.h"
#include "support/wire_node.h"

#define LIMIT (UINT64_C(600) * RILL_SECOND)

typedef enum place {
    LISTENING,
    CONNECTION,
    READY,
    CONNECTED,
    STREAM,
    MONEY,
    DATA,
    READABLE,
    PROGRESS,
    SENT,
    RECEIVED,
    WRITABLE,
    INCOMING,
    SERVER_STREAM_END,
    CLIENT_STREAM_END,
    SERVER_CONNECTION_END,
    CLIENT_CONNECTION_END,
    SERVER_LINK,
    CLIENT_LINK,
    SERVER_CLOSED,
    CLIENT_CLOSED,
    PLACES
} place;

typedef enum action {
    LOOK,
    CLOSE_STREAM,
    END_STREAM,
    CLOSE_CONNECTION,
    END_CONNECTION,
    CLOSE_SERVER,
    CLOSE_CLIENT,
    CLOSE_BOTH,
    CONSUME,
    WRITE,
    MORE_STREAMS,
    DECIDE_NOTHING,
    PAUSE,
    ANOTHER_SERVER,
    ANOTHER_CLIENT,
    ACTIONS
} action;

typedef struct life {
    wire_node node;
    rill_loop *loop;
    rill_server *server;
    rill_client *client;
    rill_credentials credentials;
    place at;
    action what;
    bool done;
    bool connected; /* rill_client_open was called */
    bool readable;  /* that handler, and not data */
    unsigned server_closed, client_closed, others, others_closed;
    rill_connection *server_connection, *client_connection;
    rill_connection *asked_connection;
    uint64_t asked;
} life;

static life *current;

/* ---- what is done ---- */

static void look_at_stream(rill_stream *s)
{
    rill_stream_totals totals;
    rill_stream_offsets offsets;
    assert_true(rill_stream_id(s) > 0);
    assert_non_null(rill_stream_connection(s));
    rill_stream_get_totals(s, &totals);
    rill_stream_get_offsets(s, &offsets);
    rill_stream_set_user(s, current);
    assert_ptr_equal(rill_stream_user(s), current);
    rill_stream_set_user(s, NULL);
    (void)rill_stream_writable(s);
    rill_bytes bytes = rill_stream_peek(s);
    unsigned sum = 0;
    for (size_t i = 0; i < bytes.len; i++)
        sum += bytes.data[i];
    assert_true(bytes.len == 0 || sum > 0);
}

static void look_at_connection(rill_connection *c)
{
    rill_connection_stats stats;
    const char *code;
    uint8_t scale;
    rill_connection_get_stats(c, &stats);
    assert_string_equal(rill_connection_tag(c), rill_connection_is_server(c) ? "bill 7" : "");
    assert_non_null(rill_connection_remote_address(c));
    if (rill_connection_remote_asset(c, &code, &scale))
        assert_string_equal(code, "XRP");
    (void)rill_connection_stream(c, 1);
}

static void look(life *l, rill_stream *s, rill_connection *c)
{
    rill_credentials credentials;
    if (s)
        look_at_stream(s);
    if (c)
        look_at_connection(c);
    if (l->server && rill_server_generate_credentials(l->server, NULL, &credentials) == RILL_OK) {
        assert_int_equal(strncmp(rill_server_address(l->server), "test.node.0", 11), 0);
        assert_string_equal(rill_server_asset_code(l->server), "XRP");
        assert_int_equal(rill_server_asset_scale(l->server), 9);
    }
    if (l->client) {
        assert_non_null(rill_client_address(l->client));
        assert_non_null(rill_client_asset_code(l->client));
        (void)rill_client_asset_scale(l->client);
        rill_connection *mine = rill_client_connection(l->client);
        /* NULL before ready and after connection_end. */
        assert_true(mine == NULL || mine == l->client_connection || l->client_connection == NULL);
    }
}

static void on_other_closed(int error, const char *detail, void *user)
{
    life *l = user;
    (void)error;
    assert_non_null(detail);
    l->others_closed++;
}

static rill_net_options other_options(life *l, char *link)
{
    static const rill_handlers handlers = {.size = sizeof(rill_handlers),
                                           .closed = on_other_closed};
    rill_net_options o;
    rill_net_options_init(&o);
    o.handlers = &handlers;
    o.user = l;
    o.link_uri = link;
    return o;
}

static void another_server(life *l)
{
    char link[] = "btp+ws://:2@node";
    rill_net_options o = other_options(l, link);
    rill_server *other;
    assert_int_equal(rill_server_open(&other, l->loop, &o, NULL), RILL_OK);
    memset(link, 'x', sizeof link - 1);
    rill_server_close(other);
    rill_server_close(other);
    l->others++;
}

static void another_client(life *l)
{
    char link[] = "btp+ws://:2@node";
    static const uint8_t secret[32] = {1};
    rill_net_options o = other_options(l, link);
    rill_client *other;
    assert_int_equal(
        rill_client_open(&other, l->loop, &o, "test.node.0.nobody", secret, sizeof secret, NULL),
        RILL_OK);
    memset(link, 'x', sizeof link - 1);
    rill_client_close(other);
    rill_client_close(other);
    l->others++;
}

static void close_both(life *l)
{
    if (l->client)
        rill_client_close(l->client);
    if (l->server)
        rill_server_close(l->server);
}

static void do_to_stream(life *l, rill_stream *s)
{
    size_t accepted;
    char message[] = "a message that is copied";
    if (l->what == CLOSE_STREAM)
        rill_stream_close(s, RILL_CLOSE_APPLICATION_ERROR, message);
    if (l->what == END_STREAM)
        (void)!rill_stream_end(s);
    if (l->what == CONSUME)
        rill_stream_consume(s, SIZE_MAX);
    if (l->what == WRITE)
        (void)!rill_stream_write(s, message, sizeof message, &accepted);
    memset(message, 'x', sizeof message);
    look_at_stream(s);
}

static void do_to_connection(life *l, rill_connection *c)
{
    char message[] = "a message that is copied";
    rill_stream *s;
    if (l->what == CLOSE_CONNECTION)
        rill_connection_close(c, RILL_CLOSE_APPLICATION_ERROR, message);
    if (l->what == END_CONNECTION)
        (void)!rill_connection_end(c);
    for (int i = 0; l->what == MORE_STREAMS && i < 3; i++)
        if (rill_connection_open_stream(c, &s) == RILL_OK)
            look_at_stream(s);
    memset(message, 'x', sizeof message);
    look_at_connection(c);
}

static void decide_nothing(life *l, rill_connection *c)
{
    bool fulfilled = true;
    assert_int_equal(rill_connection_decide(c, UINT64_MAX, true, &fulfilled), RILL_ERR_NOT_FOUND);
    assert_false(fulfilled);
    if (l->asked != 0 && c != l->asked_connection)
        assert_int_equal(rill_connection_decide(c, l->asked, true, NULL), RILL_ERR_NOT_FOUND);
}

/* Once, in the handler whose turn it is. */
static void act(life *l, place at, rill_stream *s, rill_connection *c)
{
    if (at != l->at || l->done)
        return;
    l->done = true;
    look(l, s, c);
    if (s)
        do_to_stream(l, s);
    if (c)
        do_to_connection(l, c);
    if (l->what == CLOSE_SERVER && l->server)
        rill_server_close(l->server);
    if (l->what == CLOSE_CLIENT && l->client)
        rill_client_close(l->client);
    if (l->what == CLOSE_BOTH)
        close_both(l);
    if (l->what == DECIDE_NOTHING)
        decide_nothing(l, c);
    if (l->what == PAUSE && l->server)
        rill_server_pause(l->server, true);
    if (l->what == ANOTHER_SERVER)
        another_server(l);
    if (l->what == ANOTHER_CLIENT)
        another_client(l);
    look(l, s, c);
}

/* ---- handlers ---- */

static void on_listening(rill_server *server, void *user);

static void on_connection(rill_connection *c, void *user)
{
    life *l = user;
    l->server_connection = c;
    act(l, CONNECTION, NULL, c);
}

static void on_stream(rill_stream *s, void *user)
{
    size_t accepted;
    (void)!rill_stream_receive_total(s, 500, RILL_NEVER);
    (void)!rill_stream_write(s, "hello", 5, &accepted);
    act(user, STREAM, s, rill_stream_connection(s));
}

static void on_money(rill_stream *s, uint64_t amount, void *user)
{
    assert_true(amount > 0);
    act(user, MONEY, s, rill_stream_connection(s));
}

static void on_data(rill_stream *s, const uint8_t *data, size_t len, void *user)
{
    assert_true(data[0] == data[len - 1] || len > 0);
    act(user, DATA, s, rill_stream_connection(s));
}

static void on_readable(rill_stream *s, void *user)
{
    life *l = user;
    rill_bytes bytes = rill_stream_peek(s);
    if (bytes.len > 1)
        rill_stream_consume(s, 1);
    act(l, READABLE, s, rill_stream_connection(s));
    rill_stream_consume(s, SIZE_MAX);
}

static void on_received(rill_stream *s, int error, void *user)
{
    (void)error;
    act(user, RECEIVED, s, rill_stream_connection(s));
}

static void on_incoming(rill_connection *c, const rill_incoming *packet, void *user)
{
    life *l = user;
    bool fulfilled;
    l->asked_connection = c;
    l->asked = packet->decision_id;
    act(l, INCOMING, NULL, c);
    /* Another connection's decision is not found. */
    assert_int_equal(rill_connection_decide(NULL, packet->decision_id, true, &fulfilled),
                     RILL_ERR_NOT_FOUND);
    assert_int_equal(rill_connection_decide(c, packet->decision_id, true, &fulfilled), RILL_OK);
    assert_int_equal(rill_connection_decide(c, packet->decision_id, true, &fulfilled),
                     RILL_ERR_NOT_FOUND);
}

static void on_server_stream_end(rill_stream *s, const rill_end *end, void *user)
{
    assert_non_null(end->message);
    act(user, SERVER_STREAM_END, s, rill_stream_connection(s));
}

static void on_server_connection_end(rill_connection *c, const rill_end *end, void *user)
{
    assert_non_null(end->message);
    act(user, SERVER_CONNECTION_END, NULL, c);
}

static void on_server_link(bool up, const char *detail, void *user)
{
    assert_true(up || *detail);
    act(user, SERVER_LINK, NULL, NULL);
}

static void on_server_closed(int error, const char *detail, void *user)
{
    life *l = user;
    (void)error;
    assert_non_null(detail);
    look(l, NULL, NULL);
    act(l, SERVER_CLOSED, NULL, NULL);
    /* Connections that are gone. */
    decide_nothing(l, l->server_connection);
    assert_int_equal(rill_connection_decide(l->asked_connection, l->asked, true, NULL),
                     RILL_ERR_NOT_FOUND);
    l->server_closed++;
    l->server = NULL;
}

static void on_ready(rill_client *client, rill_connection *c, void *user)
{
    life *l = user;
    rill_stream *s;
    size_t accepted;
    char data[] = "some bytes";
    l->client_connection = c;
    assert_ptr_equal(rill_client_connection(client), c);
    assert_int_equal(rill_connection_open_stream(c, &s), RILL_OK);
    assert_int_equal(rill_stream_send_total(s, 1000, RILL_NEVER), RILL_OK);
    assert_int_equal(rill_stream_write(s, data, sizeof data, &accepted), RILL_OK);
    memset(data, 'x', sizeof data);
    act(l, READY, s, c);
}

static void on_connected(rill_connection *c, void *user)
{
    act(user, CONNECTED, NULL, c);
}

static void on_progress(rill_stream *s, uint64_t amount, void *user)
{
    assert_true(amount > 0);
    act(user, PROGRESS, s, rill_stream_connection(s));
}

static void on_sent(rill_stream *s, int error, void *user)
{
    (void)error;
    act(user, SENT, s, rill_stream_connection(s));
    (void)!rill_connection_end(rill_stream_connection(s));
}

static void on_writable(rill_stream *s, void *user)
{
    act(user, WRITABLE, s, rill_stream_connection(s));
}

static void on_client_stream_end(rill_stream *s, const rill_end *end, void *user)
{
    assert_non_null(end->message);
    act(user, CLIENT_STREAM_END, s, rill_stream_connection(s));
}

static void on_client_connection_end(rill_connection *c, const rill_end *end, void *user)
{
    life *l = user;
    assert_non_null(end->message);
    act(l, CLIENT_CONNECTION_END, NULL, c);
}

static void on_client_link(bool up, const char *detail, void *user)
{
    assert_true(up || *detail);
    act(user, CLIENT_LINK, NULL, NULL);
}

static void on_client_closed(int error, const char *detail, void *user)
{
    life *l = user;
    (void)error;
    assert_non_null(detail);
    assert_null(rill_client_connection(l->client));
    l->client_connection = NULL;
    look(l, NULL, NULL);
    act(l, CLIENT_CLOSED, NULL, NULL);
    l->client_closed++;
    l->client = NULL;
    if (l->server)
        rill_server_close(l->server);
}

/* ---- the world ---- */

/* Options, strings and secrets are ours again when a call has returned. */
static void listen_and_forget(life *l)
{
    char link[] = "btp+ws://:0@node";
    uint8_t secret[32];
    rill_handlers handlers = {
        .size = sizeof(rill_handlers),
        .server_ready = on_listening,
        .connection = on_connection,
        .stream = on_stream,
        .money = on_money,
        .data = l->readable ? NULL : on_data,
        .readable = l->readable ? on_readable : NULL,
        .receive_total_end = on_received,
        .incoming = on_incoming,
        .stream_end = on_server_stream_end,
        .connection_end = on_server_connection_end,
        .link = on_server_link,
        .closed = on_server_closed,
    };
    rill_net_options o;
    rill_net_options_init(&o);
    memset(secret, 7, sizeof secret);
    o.handlers = &handlers;
    o.user = l;
    o.link_uri = link;
    o.server_secret = secret;
    rill_connection_options connection;
    rill_connection_options_init(&connection);
    connection.ask_before_fulfill = true;
    o.connection = &connection;
    assert_int_equal(rill_server_open(&l->server, l->loop, &o, NULL), RILL_OK);
    memset(link, 'x', sizeof link - 1);
    memset(secret, 'x', sizeof secret);
    memset(&handlers, 0xff, sizeof handlers);
    memset(&connection, 0xff, sizeof connection);
    memset(&o, 0xff, sizeof o);
}

static void connect_and_forget(life *l)
{
    char link[] = "btp+ws://:1@node";
    rill_handlers handlers = {
        .size = sizeof(rill_handlers),
        .client_ready = on_ready,
        .connected = on_connected,
        .outgoing_money = on_progress,
        .send_total_end = on_sent,
        .writable = on_writable,
        .stream_end = on_client_stream_end,
        .connection_end = on_client_connection_end,
        .link = on_client_link,
        .closed = on_client_closed,
    };
    rill_net_options o;
    rill_net_options_init(&o);
    o.handlers = &handlers;
    o.user = l;
    o.link_uri = link;
    rill_connection_options connection;
    rill_connection_options_init(&connection);
    connection.max_packet_amount = 300;
    connection.min_rate = (rill_ratio){1, 1};
    connection.stream_send_buffer = 8;
    o.connection = &connection;
    assert_int_equal(rill_client_open(&l->client, l->loop, &o, l->credentials.destination_account,
                                      l->credentials.shared_secret,
                                      sizeof l->credentials.shared_secret, NULL),
                     RILL_OK);
    l->connected = true;
    assert_null(rill_client_connection(l->client));
    memset(link, 'x', sizeof link - 1);
    memset(&handlers, 0xff, sizeof handlers);
    memset(&connection, 0xff, sizeof connection);
    memset(&o, 0xff, sizeof o);
    rill_credentials_wipe(&l->credentials);
}

static void on_listening(rill_server *server, void *user)
{
    life *l = user;
    char tag[] = "bill 7";
    rill_credentials_options o;
    assert_ptr_equal(server, l->server);
    rill_credentials_options_init(&o);
    o.tag = tag;
    assert_int_equal(rill_server_generate_credentials(server, &o, &l->credentials), RILL_OK);
    memset(tag, 'x', sizeof tag - 1);
    connect_and_forget(l);
    act(l, LISTENING, NULL, NULL);
}

static bool over(const life *l)
{
    return l->server == NULL && l->client == NULL && l->others == l->others_closed;
}

static void run(life *l)
{
    uint64_t until = fake_uv_now() + LIMIT;
    while (!over(l) && fake_uv_now() < until) {
        wire_node_step(&l->node);
        fake_uv_turn(rill_loop_uv(l->loop));
        fake_uv_turn(rill_loop_uv(l->loop));
        uint64_t next = fake_uv_deadline();
        if (wire_node_deadline(&l->node) < next)
            next = wire_node_deadline(&l->node);
        if (next > fake_uv_now() + RILL_SECOND)
            next = fake_uv_now() + RILL_SECOND;
        if (next > fake_uv_now())
            fake_uv_advance(next - fake_uv_now());
        /* A call that the handler interrupted is told to end. */
        if (fake_uv_now() > until - LIMIT / 2)
            close_both(l);
        else if (l->what == PAUSE && l->done && l->server)
            rill_server_pause(l->server, false);
    }
}

static bool live(place at, action what, bool readable)
{
    life *l = calloc(1, sizeof *l);
    assert_non_null(l);
    current = l;
    fake_uv_reset();
    assert_int_equal(rill_loop_new(&l->loop, NULL), RILL_OK);
    wire_node_open(&l->node, l->loop);
    l->at = at;
    l->what = what;
    l->readable = readable;
    listen_and_forget(l);
    run(l);
    bool done = l->done;
    assert_true(over(l));
    assert_int_equal(l->server_closed, 1);
    assert_int_equal(l->client_closed, l->connected ? 1 : 0);
    wire_node_close(&l->node);
    rill_loop_free(l->loop);
    assert_int_equal(fake_uv_handles(), 0);
    free(l);
    return done;
}

static void test_everything_in_every_handler(void **state)
{
    (void)state;
    for (place at = 0; at < PLACES; at++)
        for (action what = 0; what < ACTIONS; what++)
            if (!live(at, what, at == READABLE))
                fail_msg("handler %d was not called, for %d", (int)at, (int)what);
}

static void test_loops(void **state)
{
    (void)state;
    uv_loop_t uv;
    rill_loop *loop;
    fake_uv_reset();
    rill_loop_free(NULL);
    assert_int_equal(rill_loop_new(&loop, NULL), RILL_OK);
    rill_loop_free(loop);
    assert_int_equal(fake_uv_handles(), 0);
    /* On an embedder's the memory goes when that has run once more. */
    memset(&uv, 0, sizeof uv);
    assert_int_equal(rill_loop_new(&loop, &uv), RILL_OK);
    assert_ptr_equal(rill_loop_uv(loop), &uv);
    rill_loop_free(loop);
    assert_true(fake_uv_handles() > 0);
    fake_uv_turn(&uv);
    assert_int_equal(fake_uv_handles(), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_everything_in_every_handler),
        cmocka_unit_test(test_loops),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
