/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What drives endpoints (src/net: host, client, server) in virtual time, with
 * applications whose handlers take seconds, decide late, read a part, close what
 * they were just told of. A node at the other end of the sockets (wire_node.h) keeps
 * the books: what a receiver credits is what it fulfilled in time, to the unit.
 */
#define _POSIX_C_SOURCE 200809L

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <rill/net.h>

#include "net/loop.h"
#include "net/payment.h"
#include "support/wire_node.h"

#define SEEDS    300
#define LIMIT    (UINT64_C(1200) * RILL_SECOND) /* of virtual time, for everything to end */
#define MAX_LATE 64
#define BYTES    250000 /* more than a handler is given at once */

static uint64_t seed, first_seed = 1, last_seed = SEEDS;

typedef struct late_decision {
    rill_connection *connection;
    uint64_t decision;
    uint64_t at;
} late_decision;

typedef struct drive {
    wire_node node;
    rill_loop *loop;
    rill_server *server;
    rill_client *client;
    uint64_t random; /* 0: nothing is drawn */
    uint64_t amount;
    uint64_t started;
    rill_net_options server_options;
    rill_net_options client_options;
    /* What a handler does, beside what is drawn. */
    uint64_t block_ready;
    uint64_t block_money;
    uint64_t block_incoming; /* before it decides */
    uint64_t block_after_deciding;
    bool end_at_once; /* after block_ready */
    bool pay;         /* as rill_pay does it */
    unsigned paid;
    int pay_error;
    bool consume_half; /* in the data handler */
    uint64_t pause_until;
    bool stop_when_paid;
    unsigned stop_at_prepares; /* given to the server; 0 */
    bool cuts;                 /* links break */
    /* What was seen. */
    uint64_t credited; /* by the server's money handlers */
    uint64_t received; /* of connections, at their end */
    uint64_t bytes;
    uint64_t sent, in_doubt, lost;
    int connections, streams;
    unsigned server_closed, client_closed, listening, ready, sent_told;
    int sent_error;
    bool inside; /* a handler: none is called from inside another */
    late_decision late[MAX_LATE];
    unsigned late_count;
    rill_stream *stream; /* the client's */
} drive;

/* ---- chance ---- */

static uint64_t draw(drive *d)
{
    if (d->random == 0)
        return UINT64_MAX;
    d->random ^= d->random << 13;
    d->random ^= d->random >> 7;
    d->random ^= d->random << 17;
    return d->random;
}

static bool one_in(drive *d, unsigned n)
{
    return d->random != 0 && draw(d) % n == 0;
}

static void block(uint64_t ns)
{
    if (ns != 0)
        fake_uv_advance(ns);
}

static void maybe_block(drive *d)
{
    if (one_in(d, 12))
        block(draw(d) % (8 * RILL_SECOND));
}

static drive *enter(void *user)
{
    drive *d = user;
    assert_false(d->inside);
    d->inside = true;
    maybe_block(d);
    return d;
}

static void leave(drive *d)
{
    maybe_block(d);
    d->inside = false;
}

/* ---- the server ---- */

static void on_listening(rill_server *server, void *user);

static void on_connection(rill_connection *c, void *user)
{
    drive *d = enter(user);
    assert_true(rill_connection_is_server(c));
    d->connections++;
    if (d->pause_until != 0)
        rill_server_pause(d->server, true);
    if (one_in(d, 40))
        rill_connection_close(c, RILL_CLOSE_ENDPOINT_BUSY, "not now");
    leave(d);
}

static void on_stream(rill_stream *s, void *user)
{
    drive *d = enter(user);
    size_t accepted;
    d->streams++;
    if (one_in(d, 20))
        rill_stream_close(s, RILL_CLOSE_NO_ERROR, NULL);
    else if (one_in(d, 4))
        (void)!rill_stream_write(s, "hello", 5, &accepted);
    if (one_in(d, 4))
        (void)!rill_stream_receive_total(s, d->amount, RILL_NEVER);
    leave(d);
}

static void on_money(rill_stream *s, uint64_t amount, void *user)
{
    drive *d = enter(user);
    d->credited += amount;
    block(d->block_money);
    if (one_in(d, 60))
        rill_stream_close(s, RILL_CLOSE_NO_ERROR, NULL);
    if (one_in(d, 60))
        (void)!rill_connection_end(rill_stream_connection(s));
    if (one_in(d, 30))
        rill_server_pause(d->server, true);
    leave(d);
}

static void on_incoming(rill_connection *c, const rill_incoming *packet, void *user)
{
    drive *d = enter(user);
    bool fulfilled = true;
    block(d->block_incoming);
    if (one_in(d, 3) && d->late_count < MAX_LATE) {
        d->late[d->late_count++] =
            (late_decision){c, packet->decision, fake_uv_now() + draw(d) % (40 * RILL_SECOND)};
    } else {
        assert_int_equal(rill_decide(c, packet->decision, !one_in(d, 10), &fulfilled), RILL_OK);
        assert_int_equal(rill_decide(c, packet->decision, true, &fulfilled), RILL_ERR_NOT_FOUND);
        assert_false(fulfilled);
    }
    block(d->block_after_deciding);
    leave(d);
}

static void on_data(rill_stream *s, const uint8_t *data, size_t len, void *user)
{
    drive *d = enter(user);
    assert_true(len > 0 && len <= 65536);
    for (size_t i = 0; i < len; i++)
        assert_int_equal(data[i], (uint8_t)((d->bytes + i) * 7));
    d->bytes += len;
    if (d->consume_half)
        rill_stream_consume(s, len / 2);
    else if (one_in(d, 3))
        rill_stream_consume(s, one_in(d, 2) ? len : len / 2);
    if (one_in(d, 60))
        rill_stream_close(s, RILL_CLOSE_NO_ERROR, NULL);
    leave(d);
}

static void on_stream_end(rill_stream *s, const rill_end *end, void *user)
{
    drive *d = enter(user);
    assert_non_null(end->message);
    assert_true(rill_stream_id(s) > 0);
    d->streams--;
    assert_true(d->streams >= 0);
    leave(d);
}

static void on_connection_end(rill_connection *c, const rill_end *end, void *user)
{
    drive *d = enter(user);
    rill_connection_stats stats;
    assert_non_null(end->message);
    rill_connection_stats_of(c, &stats);
    d->received += stats.received;
    d->connections--;
    assert_true(d->connections >= 0);
    leave(d);
}

static void on_link(bool up, const char *detail, void *user)
{
    drive *d = enter(user);
    assert_true(up || *detail);
    leave(d);
}

static void on_server_closed(int error, const char *detail, void *user)
{
    drive *d = enter(user);
    assert_non_null(detail);
    (void)error;
    d->server_closed++;
    /* All that may be asked in here. */
    assert_int_equal(strncmp(rill_server_address(d->server), "test.node.0", d->listening ? 11 : 0),
                     0);
    (void)rill_server_asset_scale(d->server);
    rill_server_close(d->server);
    rill_server_pause(d->server, true);
    leave(d);
}

static const rill_handlers server_handlers = {
    .listening = on_listening,
    .connection = on_connection,
    .stream = on_stream,
    .money = on_money,
    .data = on_data,
    .incoming = on_incoming,
    .stream_end = on_stream_end,
    .connection_end = on_connection_end,
    .link = on_link,
    .closed = on_server_closed,
};

/* ---- the client ---- */

static void on_ready(rill_client *client, rill_connection *c, void *user)
{
    drive *d = enter(user);
    static uint8_t data[BYTES];
    size_t accepted;
    d->ready++;
    assert_ptr_equal(rill_client_connection(client), c);
    assert_int_equal(rill_connection_open_stream(c, &d->stream), RILL_OK);
    assert_int_equal(rill_stream_send_total(d->stream, d->amount, RILL_NEVER), RILL_OK);
    for (size_t i = 0; i < sizeof data; i++)
        data[i] = (uint8_t)(i * 7);
    assert_int_equal(rill_stream_write(d->stream, data, sizeof data, &accepted), RILL_OK);
    if (one_in(d, 30))
        rill_client_close(client);
    block(d->block_ready);
    if (d->end_at_once)
        assert_int_equal(rill_connection_end(c), RILL_OK);
    leave(d);
}

static void on_sent(rill_stream *s, int error, void *user)
{
    drive *d = enter(user);
    assert_ptr_equal(s, d->stream);
    d->sent_told++;
    d->sent_error = error;
    (void)!rill_connection_end(rill_stream_connection(s));
    leave(d);
}

static void on_client_stream_end(rill_stream *s, const rill_end *end, void *user)
{
    drive *d = enter(user);
    (void)end;
    assert_ptr_equal(s, d->stream);
    assert_int_equal(d->sent_told, 1);
    d->stream = NULL;
    leave(d);
}

static void on_client_connection_end(rill_connection *c, const rill_end *end, void *user)
{
    drive *d = enter(user);
    rill_connection_stats stats;
    (void)end;
    assert_null(d->stream);
    rill_connection_stats_of(c, &stats);
    d->sent = stats.sent;
    d->in_doubt = stats.in_flight;
    d->lost = stats.packets_lost;
    leave(d);
}

static void on_client_closed(int error, const char *detail, void *user)
{
    drive *d = enter(user);
    (void)error;
    (void)detail;
    d->client_closed++;
    assert_null(rill_client_connection(d->client));
    assert_non_null(rill_client_address(d->client));
    rill_client_close(d->client);
    if (d->server_closed == 0)
        rill_server_close(d->server);
    leave(d);
}

static const rill_handlers client_handlers = {
    .ready = on_ready,
    .sent = on_sent,
    .stream_end = on_client_stream_end,
    .connection_end = on_client_connection_end,
    .link = on_link,
    .closed = on_client_closed,
};

static void on_paid(int error, bool reached, const rill_pay_result *result, void *user)
{
    drive *d = enter(user);
    assert_true(reached);
    d->paid++;
    d->pay_error = error;
    d->sent = result->sent;
    d->in_doubt = result->in_doubt;
    rill_server_close(d->server);
    leave(d);
}

static void pay(drive *d, const rill_credentials *credentials)
{
    const rill_payment_handlers handlers = {.done = on_paid, .user = d};
    rill_payment *payment;
    rill_pay_options o;
    rill_pay_options_init(&o);
    o.net = d->client_options;
    o.net.link = "btp+ws://:1@node";
    o.destination_account = credentials->destination_account;
    o.shared_secret = credentials->shared_secret;
    o.secret_len = sizeof credentials->shared_secret;
    o.amount = d->amount;
    o.timeout = 60 * RILL_SECOND;
    assert_int_equal(rill_payment_start(&payment, d->loop, &o, NULL, &handlers, false, NULL),
                     RILL_OK);
}

static void on_listening(rill_server *server, void *user)
{
    drive *d = enter(user);
    rill_credentials credentials;
    char link[] = "btp+ws://:1@node";
    d->listening++;
    assert_int_equal(rill_server_credentials(server, NULL, &credentials), RILL_OK);
    if (d->pay) {
        pay(d, &credentials);
        leave(d);
        return;
    }
    d->client_options.link = link;
    assert_int_equal(rill_connect(&d->client, d->loop, &d->client_options,
                                  credentials.destination_account, credentials.shared_secret,
                                  sizeof credentials.shared_secret, NULL),
                     RILL_OK);
    /* Copied, all of it. */
    memset(link, 'x', sizeof link - 1);
    memset(&credentials, 'x', sizeof credentials);
    leave(d);
}

/* ---- the world ---- */

static drive *begin(uint64_t random)
{
    drive *d = calloc(1, sizeof *d);
    assert_non_null(d);
    fake_uv_reset();
    assert_int_equal(rill_loop_new(&d->loop, NULL), RILL_OK);
    wire_node_open(&d->node, d->loop);
    d->random = random;
    d->amount = 2000;
    d->started = fake_uv_now();
    rill_net_options_init(&d->server_options);
    d->server_options.handlers = &server_handlers;
    d->server_options.user = d;
    d->server_options.link = "btp+ws://:0@node";
    rill_net_options_init(&d->client_options);
    d->client_options.handlers = &client_handlers;
    d->client_options.user = d;
    d->client_options.connection.max_packet_amount = 100;
    d->client_options.connection.min_rate = (rill_ratio){1, 1};
    return d;
}

static void decide_late(drive *d)
{
    for (unsigned i = 0; i < d->late_count; i++) {
        late_decision *l = &d->late[i];
        if (l->at > fake_uv_now())
            continue;
        bool fulfilled = true;
        /* Of a connection that may be long gone. */
        int rc = rill_decide(l->connection, l->decision, true, &fulfilled);
        assert_true(rc == RILL_OK || (rc == RILL_ERR_NOT_FOUND && !fulfilled));
        *l = d->late[--d->late_count];
        i--;
    }
}

static void accidents(drive *d)
{
    if (one_in(d, 40))
        rill_server_pause(d->server, false);
    if (one_in(d, 300))
        wire_node_sleep(&d->node, draw(d) % (100 * RILL_SECOND));
    if (d->cuts && one_in(d, 60))
        wire_node_cut(&d->node, (int)(draw(d) % 2));
    if (one_in(d, 400))
        rill_client_close(d->client);
    if (one_in(d, 400))
        rill_server_close(d->server);
}

static uint64_t next_of(const drive *d)
{
    uint64_t next = fake_uv_deadline();
    if (wire_node_deadline(&d->node) < next)
        next = wire_node_deadline(&d->node);
    for (unsigned i = 0; i < d->late_count; i++)
        if (d->late[i].at < next)
            next = d->late[i].at;
    return next;
}

static bool over(const drive *d)
{
    return d->server_closed > 0 && (d->client_closed > 0 || d->client == NULL);
}

/* Until everything has ended, or `until` of virtual time. */
static void run(drive *d, uint64_t until)
{
    while (!over(d) && fake_uv_now() - d->started < until &&
           !(d->stop_when_paid && d->node.sides[0].paid_in > 0) &&
           !(d->stop_at_prepares != 0 && d->node.sides[0].prepares >= d->stop_at_prepares)) {
        wire_node_step(&d->node);
        fake_uv_turn(rill_loop_uv(d->loop));
        if (d->random != 0 && d->client != NULL && !over(d) && d->client_closed == 0 &&
            d->server_closed == 0)
            accidents(d);
        decide_late(d);
        if (d->pause_until != 0 && d->pause_until <= fake_uv_now())
            rill_server_pause(d->server, false);
        uint64_t next = next_of(d);
        fake_uv_turn(rill_loop_uv(d->loop));
        if (next_of(d) < next)
            next = next_of(d);
        /* Nothing waits for ever in secret: a pause of the application's ends. */
        if (next == RILL_NEVER || next > fake_uv_now() + RILL_SECOND) {
            next = fake_uv_now() + RILL_SECOND;
            if (d->server_closed == 0)
                rill_server_pause(d->server, false);
        }
        if (next > fake_uv_now())
            fake_uv_advance(next - fake_uv_now());
    }
}

static void end(drive *d)
{
    assert_true(over(d));
    assert_int_equal(d->server_closed, 1);
    assert_int_equal(d->client_closed, d->client != NULL ? 1 : 0);
    assert_int_equal(d->connections, 0);
    assert_int_equal(d->streams, 0);
    /* The books. */
    const node_side *receiver = &d->node.sides[0];
    assert_int_equal(receiver->late, 0);
    assert_int_equal(receiver->stale + d->node.sides[1].stale, 0);
    /* Whose own link breaks may have fulfilled what his node does not see: nobody can know. */
    if (d->cuts)
        assert_true(d->received >= receiver->paid_in);
    else
        assert_int_equal(d->received, receiver->paid_in);
    assert_int_equal(d->credited, d->received);
    assert_int_equal(d->node.sides[1].charged, receiver->paid_in);
    assert_true(d->sent <= d->received);
    assert_true(d->sent + d->in_doubt >= receiver->paid_in);
    wire_node_close(&d->node);
    rill_loop_free(d->loop);
    assert_int_equal(fake_uv_handles(), 0);
    free(d);
}

static void start(drive *d)
{
    assert_int_equal(rill_listen(&d->server, d->loop, &d->server_options, NULL), RILL_OK);
}

static void all_arrived(drive *d)
{
    start(d);
    run(d, LIMIT);
    assert_int_equal(d->sent_error, RILL_OK);
    assert_int_equal(d->sent, d->amount);
    assert_int_equal(d->bytes, BYTES);
    end(d);
}

static void test_payment(void **state)
{
    (void)state;
    all_arrived(begin(0));
}

/* What was committed has left before a handler takes longer than the packets have. */
static void test_slow_handlers(void **state)
{
    (void)state;
    drive *d = begin(0);
    d->node.lifetime = 1500;
    d->block_money = 3 * RILL_SECOND;
    all_arrived(d);
}

/* By the clock of the decision, not of the question. */
static void test_slow_decisions(void **state)
{
    (void)state;
    drive *d = begin(0);
    d->node.lifetime = 1500;
    d->server_options.connection.ask_before_fulfill = true;
    d->block_incoming = 3 * RILL_SECOND;
    d->amount = 200;
    start(d);
    run(d, 120 * RILL_SECOND);
    assert_true(d->node.sides[0].prepares > 0);
    assert_int_equal(d->credited, 0);
    d->block_incoming = 0;
    run(d, LIMIT);
    end(d);
}

/* A yes is on its way before its handler goes on to something slow. */
static void test_slow_after_deciding(void **state)
{
    (void)state;
    drive *d = begin(0);
    d->node.lifetime = 1500;
    d->server_options.connection.ask_before_fulfill = true;
    d->block_after_deciding = 3 * RILL_SECOND;
    d->amount = 500;
    start(d);
    run(d, LIMIT);
    assert_true(d->credited > 0);
    end(d);
}

/* A process that stood still reads what has come before it says that nothing came. */
static void test_stopped(void **state)
{
    (void)state;
    drive *d = begin(0);
    d->amount = 100;
    start(d);
    d->stop_when_paid = true;
    run(d, LIMIT);
    d->stop_when_paid = false;
    assert_int_equal(d->sent_told, 0);
    wire_node_sleep(&d->node, 100 * RILL_SECOND);
    run(d, LIMIT);
    assert_int_equal(d->sent_error, RILL_OK);
    assert_int_equal(d->sent, 100);
    assert_int_equal(d->lost, 0);
    end(d);
}

/* What a data handler consumes itself is not consumed again. */
static void test_partly_consumed(void **state)
{
    (void)state;
    drive *d = begin(0);
    d->consume_half = true;
    d->pause_until = fake_uv_now() + 3 * RILL_SECOND;
    all_arrived(d);
}

/* What leaves after a slow handler has all of its time. */
static void test_clock_after_a_handler(void **state)
{
    (void)state;
    drive *d = begin(0);
    d->client_options.connection.packet_lifetime = 3 * RILL_SECOND;
    d->block_ready = 10 * RILL_SECOND;
    all_arrived(d);
}

/* So has what was begun after it. */
static void test_end_after_a_slow_handler(void **state)
{
    (void)state;
    drive *d = begin(0);
    d->block_ready = 100 * RILL_SECOND;
    d->end_at_once = true;
    all_arrived(d);
}

static void on_other_link(bool up, const char *detail, void *user)
{
    (void)detail;
    (void)user;
    if (!up)
        block(3 * RILL_SECOND);
}

static void on_other_closed(int error, const char *detail, void *user)
{
    (void)detail;
    assert_int_equal(error, RILL_OK);
    *(rill_server **)user = NULL;
}

/* Another server on the same loop is slow in the very turn in which a packet came for this one. */
static void test_slow_neighbour_on_the_loop(void **state)
{
    (void)state;
    static const rill_handlers handlers = {.link = on_other_link, .closed = on_other_closed};
    drive *d = begin(0);
    rill_server *other;
    rill_net_options options = d->server_options;
    options.handlers = &handlers;
    options.user = &other;
    options.link = "btp+ws://:2@node";
    d->node.lifetime = 1500;
    start(d);
    assert_int_equal(rill_listen(&other, d->loop, &options, NULL), RILL_OK);
    d->amount = 20000;
    for (unsigned i = 1; i <= 2; i++) {
        d->stop_at_prepares = d->node.sides[0].prepares + 1;
        run(d, LIMIT);
        assert_int_not_equal(d->sent_told, 1);
        wire_node_sleep(&d->node, d->node.delay);
        wire_node_cut(&d->node, 2);
        fake_uv_turn(rill_loop_uv(d->loop));
    }
    d->stop_at_prepares = 0;
    rill_server_close(other);
    run(d, LIMIT);
    assert_null(other);
    assert_int_equal(d->sent, d->amount);
    end(d);
}

/* So does a payment whose time is over meanwhile. */
static void test_payment_that_was_stopped(void **state)
{
    (void)state;
    drive *d = begin(0);
    d->amount = 100;
    d->pay = true;
    start(d);
    d->stop_when_paid = true;
    run(d, LIMIT);
    d->stop_when_paid = false;
    assert_int_equal(d->paid, 0);
    wire_node_sleep(&d->node, 100 * RILL_SECOND);
    run(d, LIMIT);
    assert_int_equal(d->paid, 1);
    assert_int_equal(d->pay_error, RILL_OK);
    assert_int_equal(d->sent, 100);
    end(d);
}

static void test_at_random(void **state)
{
    (void)state;
    for (seed = first_seed; seed <= last_seed; seed++) {
        drive *d = begin(seed * UINT64_C(0x9e3779b97f4a7c15));
        d->cuts = one_in(d, 3);
        d->node.lifetime = one_in(d, 2) ? 500 + draw(d) % 5000 : 0;
        d->node.delay = draw(d) % (200 * RILL_MS);
        d->server_options.connection.ask_before_fulfill = one_in(d, 2);
        d->client_options.connection.packet_lifetime = (2 + draw(d) % 30) * RILL_SECOND;
        start(d);
        run(d, 300 * RILL_SECOND);
        /* Whatever goes on still is to end now. */
        d->random = 0;
        if (d->client != NULL && d->client_closed == 0)
            rill_client_close(d->client);
        if (d->server_closed == 0)
            rill_server_close(d->server);
        run(d, LIMIT);
        end(d);
    }
}

static int tell_seed(void **state)
{
    (void)state;
    if (seed <= last_seed)
        print_message("# seed %u failed: test_drive %u\n", (unsigned)seed, (unsigned)seed);
    return 0;
}

/* With a number: that seed alone. */
int main(int argc, char **argv)
{
    if (argc > 1)
        first_seed = last_seed = strtoull(argv[1], NULL, 10);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_payment),
        cmocka_unit_test(test_slow_handlers),
        cmocka_unit_test(test_slow_decisions),
        cmocka_unit_test(test_slow_after_deciding),
        cmocka_unit_test(test_partly_consumed),
        cmocka_unit_test(test_clock_after_a_handler),
        cmocka_unit_test(test_end_after_a_slow_handler),
        cmocka_unit_test(test_slow_neighbour_on_the_loop),
        cmocka_unit_test(test_stopped),
        cmocka_unit_test(test_payment_that_was_stopped),
        cmocka_unit_test_teardown(test_at_random, tell_seed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
