/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The code that drives endpoints (src/run: host, client, server), with slow applications
 * (support/drive.h). What a receiver credits must be what it fulfilled in time, to the unit.
 */
#define _POSIX_C_SOURCE 200809L

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdlib.h>

#include "share.h"
#include "support/drive.h"

#define SEEDS 300

static uint64_t seed, first_seed = 1, last_seed;

static void test_payment(void **state)
{
    (void)state;
    drive_all_arrived(drive_begin(0));
}

/* What was committed must leave before a handler takes longer than the packets have. */
static void test_slow_handlers(void **state)
{
    (void)state;
    drive *d = drive_begin(0);
    d->node.lifetime = 1500;
    d->block_money = 3 * RILL_SECOND;
    drive_all_arrived(d);
}

/* By the clock of the decision, not of the question. */
static void test_slow_decisions(void **state)
{
    (void)state;
    drive *d = drive_begin(0);
    d->node.lifetime = 1500;
    d->server_connection.ask_before_fulfill = true;
    d->block_incoming = 3 * RILL_SECOND;
    d->amount = 200;
    drive_start(d);
    drive_run(d, 120 * RILL_SECOND);
    assert_true(d->node.sides[0].prepares > 0);
    assert_int_equal(d->credited, 0);
    d->block_incoming = 0;
    drive_run(d, DRIVE_LIMIT);
    drive_end(d);
}

/* A yes is on its way before its handler goes on to something slow. */
static void test_slow_after_deciding(void **state)
{
    (void)state;
    drive *d = drive_begin(0);
    d->node.lifetime = 1500;
    d->server_connection.ask_before_fulfill = true;
    d->block_after_deciding = 3 * RILL_SECOND;
    d->amount = 500;
    drive_start(d);
    drive_run(d, DRIVE_LIMIT);
    assert_true(d->credited > 0);
    drive_end(d);
}

/* A process that stood still reads what has come before it says that nothing came. */
static void test_stopped(void **state)
{
    (void)state;
    drive *d = drive_begin(0);
    d->amount = 100;
    drive_start(d);
    d->stop_when_paid = true;
    drive_run(d, DRIVE_LIMIT);
    d->stop_when_paid = false;
    assert_int_equal(d->sent_told, 0);
    wire_node_sleep(&d->node, 100 * RILL_SECOND);
    drive_run(d, DRIVE_LIMIT);
    assert_int_equal(d->sent_error, RILL_OK);
    assert_int_equal(d->sent, 100);
    assert_int_equal(d->lost, 0);
    drive_end(d);
}

/* What a data handler consumes itself is not consumed again. */
static void test_partly_consumed(void **state)
{
    (void)state;
    drive *d = drive_begin(0);
    d->consume_half = true;
    d->pause_until = fake_uv_now() + 3 * RILL_SECOND;
    drive_all_arrived(d);
}

/* What leaves after a slow handler has its full time. */
static void test_clock_after_a_handler(void **state)
{
    (void)state;
    drive *d = drive_begin(0);
    d->client_connection.packet_lifetime_ns = 3 * RILL_SECOND;
    d->block_ready = 10 * RILL_SECOND;
    drive_all_arrived(d);
}

/*
 * So has what was begun after it. The link has died meanwhile, with the first money in it. Nobody
 * can say that no other server took that money.
 */
static void test_end_after_a_slow_handler(void **state)
{
    (void)state;
    drive *d = drive_begin(0);
    d->block_ready = 100 * RILL_SECOND;
    d->end_at_once = true;
    drive_start(d);
    drive_run(d, DRIVE_LIMIT);
    assert_int_equal(d->sent_error, RILL_ERR_IN_DOUBT);
    assert_int_equal(d->sent + d->in_doubt, d->amount);
    assert_int_equal(d->bytes, BYTES);
    drive_end(d);
}

static void on_other_link(bool up, const char *detail, void *user)
{
    (void)detail;
    (void)user;
    if (!up)
        drive_block(3 * RILL_SECOND);
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
    static const rill_handlers handlers = {
        .size = sizeof(rill_handlers), .link = on_other_link, .closed = on_other_closed};
    drive *d = drive_begin(0);
    rill_server *other;
    rill_net_options options = d->server_options;
    options.handlers = &handlers;
    options.user = &other;
    options.link_uri = "btp+ws://:2@node";
    d->node.lifetime = 1500;
    drive_start(d);
    assert_int_equal(rill_server_open(&other, d->loop, &options, NULL), RILL_OK);
    d->amount = 20000;
    for (unsigned i = 1; i <= 2; i++) {
        d->stop_at_prepares = d->node.sides[0].prepares + 1;
        drive_run(d, DRIVE_LIMIT);
        assert_int_not_equal(d->sent_told, 1);
        wire_node_sleep(&d->node, d->node.delay);
        wire_node_cut(&d->node, 2);
        fake_uv_turn(rill_loop_uv(d->loop));
    }
    d->stop_at_prepares = 0;
    rill_server_close(other);
    drive_run(d, DRIVE_LIMIT);
    assert_null(other);
    assert_int_equal(d->sent, d->amount);
    drive_end(d);
}

/* So does a payment whose time is over meanwhile. */
static void test_payment_that_was_stopped(void **state)
{
    (void)state;
    drive *d = drive_begin(0);
    d->amount = 100;
    d->pay = true;
    drive_start(d);
    d->stop_when_paid = true;
    drive_run(d, DRIVE_LIMIT);
    d->stop_when_paid = false;
    assert_int_equal(d->paid, 0);
    wire_node_sleep(&d->node, 100 * RILL_SECOND);
    drive_run(d, DRIVE_LIMIT);
    assert_int_equal(d->paid, 1);
    assert_int_equal(d->pay_error, RILL_OK);
    assert_int_equal(d->sent, 100);
    drive_end(d);
}

/* How long after its begin the node knows that it is paid, and the payer does not yet. */
static uint64_t begin_slow_payment(drive *d)
{
    d->amount = 100;
    d->pay = true;
    d->node.delay = 1500 * RILL_MS;
    drive_start(d);
    d->stop_when_paid = true;
    drive_run(d, DRIVE_LIMIT);
    d->stop_when_paid = false;
    return fake_uv_now() - d->pay_started;
}

/* The answer comes after the time-out, but within the two seconds that are left for it. */
static void test_a_reply_soon_after_the_time_out(void **state)
{
    (void)state;
    drive *d = drive_begin(0);
    uint64_t paid = begin_slow_payment(d);
    drive_run(d, DRIVE_LIMIT);
    drive_end(d);
    d = drive_begin(0);
    d->pay_timeout = paid + 250 * RILL_MS;
    assert_int_equal(begin_slow_payment(d), paid);
    drive_run(d, DRIVE_LIMIT);
    assert_int_equal(d->paid, 1);
    assert_int_equal(d->pay_error, RILL_OK);
    assert_int_equal(d->sent, 100);
    assert_int_equal(d->in_doubt, 0);
    drive_end(d);
}

static void test_at_random(void **state)
{
    (void)state;
    for (seed = first_seed; seed <= last_seed; seed++) {
        drive *d = drive_begin(seed * UINT64_C(0x9e3779b97f4a7c15));
        d->cuts = drive_one_in(d, 3);
        d->node.lifetime = drive_one_in(d, 2) ? 500 + drive_draw(d) % 5000 : 0;
        d->node.delay = drive_draw(d) % (200 * RILL_MS);
        d->server_connection.ask_before_fulfill = drive_one_in(d, 2);
        d->client_connection.packet_lifetime_ns = (2 + drive_draw(d) % 30) * RILL_SECOND;
        drive_start(d);
        drive_run(d, 300 * RILL_SECOND);
        /* Everything that still goes on must end now. */
        d->random = 0;
        if (d->client != NULL && d->client_closed == 0)
            rill_client_close(d->client);
        if (d->server_closed == 0)
            rill_server_close(d->server);
        drive_run(d, DRIVE_LIMIT);
        drive_end(d);
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
    else
        last_seed = test_some_of(SEEDS);
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
        cmocka_unit_test(test_a_reply_soon_after_the_time_out),
        cmocka_unit_test_teardown(test_at_random, tell_seed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
