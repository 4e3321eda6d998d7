/* SPDX-License-Identifier: Apache-2.0 */
/* A server and a client, each with a host, over a pair of links in memory (memory_link.h). */
#define _POSIX_C_SOURCE 200809L

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <rill/net.h>

#include "run/host_impl.h"
#include "support/memory_link.h"

/* ---- the applications ---- */

typedef struct world {
    rill_loop *loop;
    rill_server *server;
    rill_client *client;
    rill_stream *stream;
    rill_net_options options;
    rill_connection_options connection; /* what options point at */
    uint64_t amount;
    void (*on_first_money)(void); /* then the payment is half-way: only some packets arrived */
    uint64_t received;
    uint64_t asked;
    bool accept;
    bool end_after_payment;
    int sent_error;
    int link_ups;
    rill_waiting waiting[2]; /* the client's, when its link came up, and when it was lost */
    int server_closed;
    int client_closed;
    int client_error;
    rill_connection *late_connection; /* a decision that is made in a later turn */
    uint64_t late_decision;
    bool cut_undecided;       /* the server's link is lost before it decides */
    unsigned close_undecided; /* 1 the client, 2 the server, 3 its connection: when asked */
    unsigned streams[2];      /* of the server and of the client: seen, */
    unsigned stream_ends[2];  /* ended, */
    unsigned waits[2];        /* waits that were reported */
    unsigned connection_ends[2];
    bool pause; /* once money has come */
    bool paused;
    uint64_t ends; /* of the server's streams and connections */
    uv_idle_t idle;
} world;

static void on_listening(rill_server *server, void *user);

static void on_busy_for_long(uv_idle_t *idle)
{
    world *w = idle->data;
    if (memory.busy < 3)
        return;
    uv_idle_stop(idle);
    w->paused = false;
    rill_server_pause(w->server, false);
}

static void on_money(rill_stream *s, uint64_t amount, void *user)
{
    (void)s;
    world *w = user;
    assert_false(w->paused);
    w->received += amount;
    if (w->pause) {
        w->pause = false;
        w->paused = true;
        rill_server_pause(w->server, true);
        rill_server_pause(w->server, true);
        uv_idle_start(&w->idle, on_busy_for_long);
    }
    if (w->on_first_money) {
        w->on_first_money();
        w->on_first_money = NULL;
    }
}

static void on_idle(uv_idle_t *idle)
{
    world *w = idle->data;
    bool fulfilled;
    uv_idle_stop(idle);
    assert_int_equal(
        rill_connection_decide(w->late_connection, w->late_decision, w->accept, &fulfilled),
        RILL_OK);
    assert_int_equal(fulfilled, w->accept);
    assert_int_equal(rill_connection_decide(w->late_connection, w->late_decision, true, &fulfilled),
                     RILL_ERR_NOT_FOUND);
    assert_false(fulfilled);
}

/* The first is decided at once, the others one turn later. */
static void on_incoming(rill_connection *c, const rill_incoming *packet, void *user)
{
    world *w = user;
    bool fulfilled;
    w->asked++;
    if (w->close_undecided == 1)
        rill_client_close(w->client);
    else if (w->close_undecided == 2)
        rill_server_close(w->server);
    else if (w->close_undecided == 3)
        rill_connection_close(c, RILL_CLOSE_NO_ERROR, NULL);
    if (w->close_undecided != 0)
        return;
    if (w->cut_undecided) {
        w->late_connection = c;
        w->late_decision = packet->decision_id;
        if (w->asked == 1)
            memory_post(memory.links[0], DOWN, 0, RILL_ERR_CONNECT, NULL, 0);
        return;
    }
    if (w->asked == 1 || uv_is_active((uv_handle_t *)&w->idle)) {
        assert_int_equal(rill_connection_decide(c, packet->decision_id, w->accept, &fulfilled),
                         RILL_OK);
        assert_int_equal(fulfilled, w->accept);
        return;
    }
    w->late_connection = c;
    w->late_decision = packet->decision_id;
    uv_idle_start(&w->idle, on_idle);
}

/* A Fulfill could not reach the sender any more: too late to say yes. */
static void on_server_link(bool up, const char *detail, void *user)
{
    world *w = user;
    bool fulfilled = true;
    (void)detail;
    if (up || !w->cut_undecided)
        return;
    assert_int_equal(rill_connection_decide(w->late_connection, w->late_decision, true, &fulfilled),
                     RILL_ERR_NOT_FOUND);
    assert_false(fulfilled);
    memory_post(memory.links[1], DOWN, 1, RILL_ERR_AUTH, NULL, 0);
}

static void on_stream_end(rill_stream *s, const rill_end *end, void *user)
{
    world *w = user;
    (void)s;
    (void)end;
    assert_false(w->paused);
    assert_int_equal(w->connection_ends[0], 0);
    w->stream_ends[0]++;
    w->ends++;
}

static void on_stream(rill_stream *s, void *user)
{
    world *w = user;
    assert_false(w->paused);
    w->streams[0]++;
    if (w->close_undecided != 0)
        assert_int_equal(rill_stream_receive_total(s, w->amount, RILL_NEVER), RILL_OK);
}

static void on_readable(rill_stream *s, void *user)
{
    const world *w = user;
    assert_false(w->paused);
    rill_stream_consume(s, rill_stream_peek(s).len);
}

static void on_received(rill_stream *s, int error, void *user)
{
    world *w = user;
    (void)s;
    assert_int_equal(error, RILL_ERR_CLOSED);
    w->waits[0]++;
}

static void on_client_stream_end(rill_stream *s, const rill_end *end, void *user)
{
    world *w = user;
    (void)s;
    (void)end;
    assert_int_equal(w->connection_ends[1], 0);
    w->stream_ends[1]++;
}

static void on_client_connection_end(rill_connection *c, const rill_end *end, void *user)
{
    world *w = user;
    (void)c;
    (void)end;
    w->connection_ends[1]++;
}

static void on_connection_end(rill_connection *c, const rill_end *end, void *user)
{
    world *w = user;
    (void)c;
    (void)end;
    assert_false(w->paused);
    w->connection_ends[0]++;
    w->ends++;
}

static void on_server_closed(int error, const char *detail, void *user)
{
    world *w = user;
    (void)error;
    (void)detail;
    w->server_closed++;
    uv_close((uv_handle_t *)&w->idle, NULL);
}

static void on_ready(rill_client *client, rill_connection *c, void *user)
{
    world *w = user;
    assert_ptr_equal(rill_client_connection(client), c);
    assert_string_equal(rill_client_address(client), "test.node.client");
    assert_int_equal(rill_connection_open_stream(c, &w->stream), RILL_OK);
    w->streams[1]++;
    assert_int_equal(rill_stream_send_total(w->stream, w->amount, RILL_NEVER), RILL_OK);
}

static void on_sent(rill_stream *s, int error, void *user)
{
    world *w = user;
    w->sent_error = error;
    w->waits[1]++;
    if (error == RILL_OK && w->end_after_payment)
        assert_int_equal(rill_connection_end(rill_stream_connection(s)), RILL_OK);
}

static void on_link(bool up, const char *detail, void *user)
{
    (void)detail;
    world *w = user;
    w->link_ups += up;
    rill_client_get_waiting(w->client, &w->waiting[up ? 0 : 1]);
}

static void on_client_closed(int error, const char *detail, void *user)
{
    world *w = user;
    assert_true(error == RILL_OK || *detail);
    w->client_closed++;
    w->client_error = error;
    w->client = NULL;
    if (w->server_closed == 0)
        rill_server_close(w->server);
}

static const rill_handlers server_handlers = {.size = sizeof(rill_handlers),
                                              .server_ready = on_listening,
                                              .money = on_money,
                                              .incoming = on_incoming,
                                              .stream = on_stream,
                                              .readable = on_readable,
                                              .receive_total_end = on_received,
                                              .stream_end = on_stream_end,
                                              .connection_end = on_connection_end,
                                              .link = on_server_link,
                                              .closed = on_server_closed};
static const rill_handlers client_handlers = {.size = sizeof(rill_handlers),
                                              .client_ready = on_ready,
                                              .send_total_end = on_sent,
                                              .link = on_link,
                                              .closed = on_client_closed,
                                              .stream_end = on_client_stream_end,
                                              .connection_end = on_client_connection_end};

static void on_listening(rill_server *server, void *user)
{
    world *w = user;
    rill_credentials credentials;
    assert_string_equal(rill_server_address(server), "test.node.server");
    assert_string_equal(rill_server_asset_code(server), "XRP");
    assert_int_equal(rill_server_generate_credentials(server, NULL, &credentials), RILL_OK);
    rill_net_options options = w->options;
    options.handlers = &client_handlers;
    rill_connection_options connection = w->connection;
    connection.ask_before_fulfill = false;
    options.connection = &connection;
    assert_int_equal(rill_client_open(&w->client, w->loop, &options,
                                      credentials.destination_account, credentials.shared_secret,
                                      sizeof credentials.shared_secret, NULL),
                     RILL_OK);
}

static int set_up(void **state)
{
    world *w = calloc(1, sizeof *w);
    memory = (memory_links){.answer_account = true, .room = 1000000};
    assert_non_null(w);
    assert_int_equal(rill_loop_new(&w->loop, NULL), RILL_OK);
    rill_net_options_init(&w->options);
    rill_connection_options_init(&w->connection);
    w->options.connection = &w->connection;
    w->options.link_uri = "fake";
    w->options.handlers = &server_handlers;
    w->options.user = w;
    w->connection.max_packet_amount = 100;
    w->amount = 5000;
    w->accept = true;
    w->end_after_payment = true;
    w->sent_error = 1;
    uv_idle_init(rill_loop_uv(w->loop), &w->idle);
    w->idle.data = w;
    *state = w;
    return 0;
}

static int tear_down(void **state)
{
    world *w = *state;
    rill_loop_free(w->loop);
    free(w);
    return 0;
}

static void run_server(world *w)
{
    assert_int_equal(rill_server_open(&w->server, w->loop, &w->options, NULL), RILL_OK);
    assert_int_equal(rill_loop_run(w->loop), RILL_OK);
    assert_int_equal(w->server_closed, 1);
    assert_int_equal(w->client_closed, 1);
    assert_null(memory.links[0]);
    assert_null(memory.links[1]);
}

/* In every turn, to the last: it may be asked while it ends. */
static void on_prepare(uv_prepare_t *prepare)
{
    world *w = prepare->data;
    rill_waiting waiting;
    if (w->client)
        rill_client_get_waiting(w->client, &waiting);
    if (w->server_closed == 0)
        rill_server_get_waiting(w->server, &waiting);
}

static void run(world *w)
{
    uv_prepare_t prepare;
    uv_prepare_init(rill_loop_uv(w->loop), &prepare);
    prepare.data = w;
    uv_prepare_start(&prepare, on_prepare);
    uv_unref((uv_handle_t *)&prepare);
    run_server(w);
    uv_close((uv_handle_t *)&prepare, NULL);
    assert_int_equal(rill_loop_run(w->loop), RILL_OK);
}

static void test_payment(void **state)
{
    world *w = *state;
    run(w);
    assert_int_equal(w->sent_error, RILL_OK);
    assert_int_equal(w->client_error, RILL_OK);
    assert_int_equal(w->received, 5000);
    assert_int_equal(w->asked, 0);
}

/* A link that takes one packet a turn: none is lost, none sent twice. */
static void test_blocked_link(void **state)
{
    world *w = *state;
    memory.room = 1;
    run(w);
    assert_int_equal(w->sent_error, RILL_OK);
    assert_int_equal(w->received, 5000);
    assert_true(memory.sent_by_client >= 50);
}

static void test_decisions(void **state)
{
    world *w = *state;
    w->connection.ask_before_fulfill = true;
    run(w);
    assert_int_equal(w->sent_error, RILL_OK);
    assert_int_equal(w->received, 5000);
    assert_true(w->asked >= 50);
}

static void test_nothing_is_credited_once_the_link_is_lost(void **state)
{
    world *w = *state;
    w->connection.ask_before_fulfill = true;
    w->cut_undecided = true;
    run(w);
    assert_true(w->asked > 0);
    assert_int_equal(w->received, 0);
    assert_int_not_equal(w->sent_error, RILL_OK);
}

/*
 * A server is closed while a decision is due. Every stream and wait is reported, in the right
 * order.
 */
static void test_a_close_while_a_decision_is_due(void **state)
{
    for (unsigned who = 1; who <= 3; who++) {
        world *w = *state;
        w->connection.ask_before_fulfill = true;
        w->close_undecided = who;
        run(w);
        assert_int_equal(w->received, 0);
        assert_int_not_equal(w->sent_error, RILL_OK);
        for (unsigned side = 0; side < 2; side++) {
            assert_int_equal(w->streams[side], 1);
            assert_int_equal(w->stream_ends[side], 1);
            assert_int_equal(w->waits[side], 1);
            assert_int_equal(w->connection_ends[side], 1);
        }
        if (who < 3) {
            tear_down(state);
            set_up(state);
        }
    }
}

/*
 * Money that the application cannot record is refused, and comes again. Everything that waited is
 * reported.
 */
static void test_pause(void **state)
{
    world *w = *state;
    memory.room = 1;
    w->pause = true;
    run(w);
    assert_true(memory.busy >= 3);
    assert_int_equal(w->sent_error, RILL_OK);
    assert_int_equal(w->received, 5000);
    assert_int_equal(w->ends, 2);
}

static world *whose;

static void open_another(void)
{
    rill_stream *s;
    size_t accepted;
    assert_true(whose->paused);
    assert_int_equal(rill_connection_open_stream(rill_client_connection(whose->client), &s),
                     RILL_OK);
    assert_int_equal(rill_stream_write(s, "x", 1, &accepted), RILL_OK);
    whose->streams[1]++;
}

/* A stream that begins meanwhile is told of afterwards. */
static void test_nothing_is_told_in_a_pause(void **state)
{
    world *w = *state;
    whose = w;
    memory.room = 1;
    w->pause = true;
    w->on_first_money = open_another;
    run(w);
    assert_int_equal(w->sent_error, RILL_OK);
    assert_int_equal(w->received, 5000);
    assert_int_equal(w->streams[0], 2);
    assert_int_equal(w->ends, 3);
}

static void test_no_account(void **state)
{
    world *w = *state;
    rill_net_options options = w->options;
    static const uint8_t secret[32];
    memory.answer_account = false;
    options.handlers = &client_handlers;
    options.connect_timeout_ns = 20 * RILL_MS;
    /* A server that is patient, and is closed with the client. */
    assert_int_equal(rill_server_open(&w->server, w->loop, &w->options, NULL), RILL_OK);
    uint64_t begun = rill_loop_now(w->loop).mono_ns;
    assert_int_equal(rill_client_open(&w->client, w->loop, &options, "test.x", secret, 32, NULL),
                     RILL_OK);
    assert_int_equal(rill_loop_run(w->loop), RILL_OK);
    assert_int_equal(w->client_error, RILL_ERR_TIMEOUT);
    assert_int_equal(w->client_closed, 1);
    assert_int_equal(w->server_closed, 1);
    assert_int_equal(w->waiting[0].reason, RILL_WAIT_ACCOUNT);
    assert_in_range(w->waiting[0].until_ns, begun + options.connect_timeout_ns,
                    rill_loop_now(w->loop).mono_ns);
}

static void cut(void)
{
    memory_post(memory.links[1], DOWN, 1, RILL_ERR_AUTH, NULL, 0);
}

/* A link that does not come back ends the client; its money is not called sent. */
static void test_final_loss(void **state)
{
    world *w = *state;
    w->amount = 1000000000;
    w->on_first_money = cut;
    run(w);
    assert_int_equal(w->client_error, RILL_ERR_AUTH);
    assert_int_not_equal(w->sent_error, RILL_OK);
}

static void lose_and_return(void)
{
    memory_post(memory.links[1], DOWN, 0, RILL_ERR_CONNECT, NULL, 0);
    memory_post(memory.links[1], UP, 0, 0, NULL, 0);
}

static void test_loss_and_return(void **state)
{
    world *w = *state;
    w->amount = 100000;
    w->on_first_money = lose_and_return;
    run(w);
    assert_int_equal(w->sent_error, RILL_OK);
    assert_int_equal(w->received, 100000);
    assert_int_equal(w->waiting[1].reason, RILL_WAIT_LINK);
    assert_string_equal(w->waiting[1].text, "the link to the node, which was lost: it was cut");
}

static world *stopping;

static void stop_server(void)
{
    rill_server_close(stopping->server);
}

/* A client that told no address learns of the end in the answer to its next packet. */
static void test_a_server_that_stops_answers_for_a_while(void **state)
{
    world *w = *state;
    w->connection.tell_address = false;
    w->amount = 100000;
    stopping = w;
    w->on_first_money = stop_server;
    run(w);
    assert_int_equal(w->client_error, RILL_ERR_CLOSED);
    assert_true(w->received < w->amount);
}

static void test_options(void **state)
{
    world *w = *state;
    const char *problem = NULL;
    static const uint8_t secret[32];
    assert_int_equal(
        rill_client_open(&w->client, w->loop, &w->options, "no address", secret, 32, &problem),
        RILL_ERR_ADDRESS);
    assert_non_null(problem);
    assert_int_equal(
        rill_client_open(&w->client, w->loop, &w->options, "test.x", secret, 0, &problem),
        RILL_ERR_INVALID);
    w->options.address = "test.me";
    assert_int_equal(rill_server_open(&w->server, w->loop, &w->options, &problem),
                     RILL_ERR_INVALID);
    w->options.address = NULL;
    w->connection.slippage = (rill_ratio){1, 1};
    assert_int_equal(rill_server_open(&w->server, w->loop, &w->options, &problem),
                     RILL_ERR_INVALID);
    assert_non_null(problem);
    uv_close((uv_handle_t *)&w->idle, NULL);
    assert_int_equal(rill_loop_run(w->loop), RILL_OK);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_payment, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_blocked_link, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_decisions, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_a_close_while_a_decision_is_due, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_nothing_is_credited_once_the_link_is_lost, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(test_pause, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_nothing_is_told_in_a_pause, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_no_account, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_final_loss, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_loss_and_return, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_a_server_that_stops_answers_for_a_while, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(test_options, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
