/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Payments over loopback that wait. Each of them ends, and says what it waited for. The receiver
 * and the node are on the same loop. Time passes in these tests, but no test depends on how fast.
 */
#define _POSIX_C_SOURCE 200809L

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>
#include <uv.h>

#include "cli/demo_node.h"
#include "run/payment_impl.h"

#define TIME_LIMIT 60 /* seconds, for a test */

typedef struct world {
    rill_loop *loop;
    rill_node *node;
    char uri[256];
    rill_server *server;
    rill_payment *payment;
    rill_pay_options options;
    rill_net_options net;               /* what options point at */
    rill_connection_options connection; /* what net points at */
    uint64_t receive_max;               /* of the receiver */
    const char *data;                   /* what the source has; then it says `at_end` */
    int at_end;                         /* RILL_OK: it ends; RILL_ERR_BLOCKED: more may come */
    rill_wait cancel_when;              /* this is waited for, if it is not NOTHING */
    void (*on_stream)(rill_stream *s);  /* at the receiver */
    /* the reported waits */
    unsigned waits;
    rill_waiting waiting;
    bool done;
    int error;
    rill_pay_result result;
    uint64_t given_back;
} world;

/* ---- the receiver ---- */

static void on_stream(rill_stream *s, void *user)
{
    world *w = user;
    if (w->on_stream)
        w->on_stream(s);
}

static void on_stream_end(rill_stream *s, const rill_end *end, void *user)
{
    rill_stream_totals totals;
    (void)end;
    rill_stream_get_totals(s, &totals);
    ((world *)user)->given_back += totals.sent;
}

/* It is read, because a server that closes waits for a client that does not read. */
static void on_data(rill_stream *s, const uint8_t *data, size_t len, void *user)
{
    (void)s;
    (void)data;
    (void)len;
    (void)user;
}

static int read_data(uint8_t *buf, size_t cap, size_t *len, void *user)
{
    world *w = user;
    *len = strlen(w->data) < cap ? strlen(w->data) : cap;
    if (*len == 0 && w->at_end != RILL_OK)
        return w->at_end;
    memcpy(buf, w->data, *len);
    w->data += *len;
    return RILL_OK;
}

static bool on_waiting(const rill_waiting *waiting, uint64_t waited, void *user)
{
    world *w = user;
    assert_true(waited >= RILL_SECOND);
    w->waits++;
    w->waiting = *waiting;
    return w->cancel_when == RILL_WAIT_NOTHING || waiting->reason != w->cancel_when;
}

static void on_done(int error, bool reached, const rill_pay_result *result, void *user)
{
    world *w = user;
    assert_true(reached);
    w->done = true;
    w->error = error;
    w->result = *result;
    rill_server_close(w->server);
}

static void on_listening(rill_server *server, void *user)
{
    world *w = user;
    rill_credentials credentials;
    const rill_payment_handlers handlers = {.size = sizeof handlers,
                                            .read = w->data ? read_data : NULL,
                                            .waiting = on_waiting,
                                            .done = on_done,
                                            .user = w};
    assert_int_equal(rill_server_generate_credentials(server, NULL, &credentials), RILL_OK);
    w->options.destination_account = credentials.destination_account;
    w->options.shared_secret = credentials.shared_secret;
    w->options.secret_len = sizeof credentials.shared_secret;
    w->options.fail_fast = true;
    assert_int_equal(rill_payment_start(&w->payment, w->loop, &w->options, &handlers, NULL),
                     RILL_OK);
    /* It has its own copy. */
    rill_credentials_wipe(&credentials);
}

static void on_closed(int error, const char *detail, void *user)
{
    world *w = user;
    (void)detail;
    assert_int_equal(error, RILL_OK);
    if (w->node)
        rill_node_close(w->node);
}

/* ---- a world ---- */

static int set_up(void **state)
{
    world *w = calloc(1, sizeof *w);
    assert_non_null(w);
    alarm(TIME_LIMIT);
    w->receive_max = RILL_UNLIMITED;
    assert_int_equal(rill_loop_new(&w->loop, NULL), RILL_OK);
    assert_int_equal(demo_node_open(&w->node, w->loop, w->uri, sizeof w->uri), RILL_OK);
    rill_pay_options_init(&w->options);
    rill_net_options_init(&w->net);
    rill_connection_options_init(&w->connection);
    w->net.connection = &w->connection;
    w->options.net = &w->net;
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

static void run(world *w)
{
    static const rill_handlers handlers = {.size = sizeof(rill_handlers),
                                           .server_ready = on_listening,
                                           .stream = on_stream,
                                           .data = on_data,
                                           .stream_end = on_stream_end,
                                           .closed = on_closed};
    char link[300];
    const char *host = strstr(w->uri, "://") + 3;
    rill_net_options net;
    rill_net_options_init(&net);
    snprintf(link, sizeof link, "btp+ws://receiver:token@%s",
             strchr(host, '@') ? strchr(host, '@') + 1 : host);
    net.link_uri = link;
    net.handlers = &handlers;
    net.user = w;
    rill_connection_options connection;
    rill_connection_options_init(&connection);
    connection.default_receive_max = w->receive_max;
    net.connection = &connection;
    char payer[300];
    snprintf(payer, sizeof payer, "btp+ws://payer:token@%s",
             strchr(host, '@') ? strchr(host, '@') + 1 : host);
    w->net.link_uri = payer;
    assert_int_equal(rill_server_open(&w->server, w->loop, &net, NULL), RILL_OK);
    assert_int_equal(rill_loop_run(w->loop), RILL_OK);
    assert_true(w->done);
}

static void assert_says(const char *text, const char *part)
{
    if (!strstr(text, part))
        fail_msg("\"%s\" does not say \"%s\"", text, part);
}

/* ---- what becomes of them ---- */

static void test_paid(void **state)
{
    world *w = *state;
    w->options.amount = 1000;
    w->data = "hello";
    run(w);
    assert_int_equal(w->error, RILL_OK);
    assert_int_equal(w->result.sent, 1000);
    assert_int_equal(w->result.delivered, 1000);
    assert_int_equal(w->result.data_acknowledged, 5);
    assert_string_equal(w->result.detail, "");
}

/* What another connection of the same payment ends is no other payment. */
static void test_the_data_of_the_options(void **state)
{
    world *w = *state;
    static const uint8_t data[] = "hello";
    w->options.amount = 1000;
    w->options.data = (rill_bytes){data, 5};
    run(w);
    assert_int_equal(w->error, RILL_OK);
    assert_int_equal(w->result.sent, 1000);
    assert_int_equal(w->result.data_acknowledged, 5);
}

static void test_its_own_connections_are_nobody_elses(void **state)
{
    static rill_payment p;
    (void)state;
    for (unsigned i = 0; i < 8; i++) {
        bool first = (i & 1) != 0, before = (i & 2) != 0, now = (i & 4) != 0;
        rill_connection_stats stats = {.ended_another = now};
        rill_stream_totals totals = {0};
        p.before.packets = first ? 0 : 10;
        p.before.ended_another = !first && before;
        rill_payment_add_before(&p, &stats, &totals);
        assert_int_equal(stats.ended_another, first ? now : before);
    }
}

static void test_stalled(void **state)
{
    world *w = *state;
    w->receive_max = 100;
    w->options.amount = 1000;
    w->options.stall_timeout_ns = 1500 * RILL_MS;
    run(w);
    assert_int_equal(w->error, RILL_ERR_STALLED);
    assert_int_equal(w->result.sent, 100);
    assert_says(w->result.detail,
                "no progress for 1 s, waiting for the receiver to take more money");
    assert_true(w->waits > 0);
    assert_int_equal(w->waiting.reason, RILL_WAIT_RECEIVE_MAX);
    assert_true(w->waiting.until_ns == w->waiting.since_ns + w->options.stall_timeout_ns);
}

/* The rate itself, and what is only rounding. */
static void test_the_rate_is_told_in_numbers(void **state)
{
    world *w = *state;
    w->options.amount = 1000;
    w->connection.min_rate = (rill_ratio){5, 4};
    run(w);
    assert_int_equal(w->error, RILL_ERR_RATE);
    assert_says(w->result.detail, "the path's rate is 1, the minimum 1.25");
}

static void test_rounding_is_told_in_numbers(void **state)
{
    world *w = *state;
    w->options.amount = 1000;
    w->connection.max_packet_amount = 2;
    w->connection.min_rate = (rill_ratio){5, 4};
    run(w);
    assert_int_equal(w->error, RILL_ERR_RATE);
    assert_says(w->result.detail, "packets of 2 units bring 2, the minimum is 1.25: small packets "
                                  "lose by rounding");
}

static void test_timed_out(void **state)
{
    world *w = *state;
    w->receive_max = 100;
    w->options.amount = 1000;
    w->options.timeout_ns = RILL_SECOND;
    /* Not used if there is a time-out and nothing else was set. */
    assert_true(w->options.stall_timeout_ns == RILL_STALL_DEFAULT);
    run(w);
    assert_int_equal(w->error, RILL_ERR_TIMEOUT);
    assert_says(w->result.detail, "timed out, waiting for the receiver to take more money");
}

/* If the source of the data sends nothing, the path is not at fault. */
static void test_waits_for_its_input(void **state)
{
    world *w = *state;
    w->data = "some";
    w->at_end = RILL_ERR_BLOCKED;
    w->options.stall_timeout_ns = 500 * RILL_MS;
    w->cancel_when = RILL_WAIT_INPUT;
    run(w);
    assert_int_equal(w->error, RILL_ERR_CANCELLED);
    assert_int_equal(w->waiting.reason, RILL_WAIT_INPUT);
    assert_int_equal(w->result.data_acknowledged, 4);
}

static void close_with_a_word(rill_stream *s)
{
    size_t accepted;
    assert_int_equal(rill_stream_write(s, "bytes that nobody asked for", 27, &accepted), RILL_OK);
    rill_connection_close(rill_stream_connection(s), RILL_CLOSE_NO_ERROR, "enough");
}

static void test_closed_by_the_receiver(void **state)
{
    world *w = *state;
    w->data = "some";
    w->at_end = RILL_ERR_BLOCKED;
    w->on_stream = close_with_a_word;
    run(w);
    assert_int_equal(w->error, RILL_ERR_CLOSED);
    assert_string_equal(w->result.detail,
                        "the receiver has closed the connection before all was sent: enough");
}

static void give_back(rill_stream *s)
{
    assert_int_equal(rill_stream_set_send_max(s, 50), RILL_OK);
}

/* Nobody would count it. */
static void test_takes_no_money(void **state)
{
    world *w = *state;
    w->options.amount = 1000;
    w->data = "some";
    w->at_end = RILL_ERR_BLOCKED;
    w->cancel_when = RILL_WAIT_INPUT;
    w->on_stream = give_back;
    run(w);
    assert_int_equal(w->result.sent, 1000);
    assert_int_equal(w->given_back, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_paid, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_the_data_of_the_options, set_up, tear_down),
        cmocka_unit_test(test_its_own_connections_are_nobody_elses),
        cmocka_unit_test_setup_teardown(test_stalled, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_the_rate_is_told_in_numbers, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_rounding_is_told_in_numbers, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_timed_out, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_waits_for_its_input, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_closed_by_the_receiver, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_takes_no_money, set_up, tear_down),
    };
    return cmocka_run_group_tests_name("payment", tests, NULL, NULL);
}
