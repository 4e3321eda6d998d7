/* SPDX-License-Identifier: Apache-2.0 */
/* Packets without a reply: they hold their money, but not the connection. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "support/pair.h"

#define WINDOW 8u

static void drop_money(pair *p, pair_packet *packet)
{
    (void)p;
    if (packet->from == PAIR_CLIENT && packet->amount > 0)
        packet->action = PAIR_DROP;
}

static uint64_t sent_of(const rill_stream *s)
{
    rill_stream_totals totals;
    rill_stream_get_totals(s, &totals);
    return totals.sent;
}

static rill_stream *open_window(pair *p)
{
    pair_options o;
    pair_options_init(&o);
    o.connection.max_in_flight = WINDOW;
    pair_open(p, &o);
    p->delay[PAIR_CLIENT] = 10 * RILL_MS;
    p->maximum[PAIR_CLIENT] = 10;
    rill_stream *s = pair_stream_open(p, PAIR_CLIENT);
    pair_write(s, "x", 1);
    pair_run(p, RILL_SECOND);
    return s;
}

static void test_a_window_that_was_lost_is_another_window(void **state)
{
    pair p;
    (void)state;
    rill_stream *s = open_window(&p);
    assert_int_equal(rill_stream_set_send_max(s, 1000), RILL_OK);
    pair_run(&p, 100 * RILL_MS); /* the packet size is found, and some of it sent */
    uint64_t before = sent_of(s);
    p.on_packet = drop_money;
    pair_run(&p, RILL_SECOND);
    p.on_packet = NULL;
    assert_true(before < 1000 && sent_of(s) - before <= WINDOW * 10);
    /* Long before what was lost expires all the rest is sent. */
    pair_run(&p, 5 * RILL_SECOND);
    rill_stream_totals totals;
    rill_stream_get_totals(s, &totals);
    assert_true(totals.in_flight >= 10);
    assert_int_equal(totals.sent, 1000 - totals.in_flight);
    /* Then that too. */
    pair_run(&p, 40 * RILL_SECOND);
    assert_int_equal(sent_of(s), 1000);
    pair_check_books(&p);
    pair_close(&p);
}

static void drop_the_first(pair *p, pair_packet *packet)
{
    (void)p;
    if (packet->from == PAIR_CLIENT && packet->number == 0)
        packet->action = PAIR_DROP;
}

/* Before any answer, too, when it is not known how long one takes. */
static void test_a_first_packet_that_is_lost_does_not_fill_the_window(void **state)
{
    pair p;
    pair_options o = pair_defaults();
    (void)state;
    o.connection.max_in_flight = 1;
    o.stay = true;
    pair_open(&p, &o);
    p.on_packet = drop_the_first;
    assert_int_equal(pair_connect(&p, &o.connection), RILL_OK);
    pair_run(&p, 5 * RILL_SECOND);
    assert_int_equal(p.end[PAIR_CLIENT].events[RILL_EVENT_CONNECTED], 1);
    rill_stream *s = pair_stream_open(&p, PAIR_CLIENT);
    assert_int_equal(rill_stream_set_send_max(s, 10), RILL_OK);
    pair_run(&p, RILL_SECOND);
    assert_int_equal(sent_of(s), 10);
    pair_check_books(&p);
    pair_close(&p);
}

static void test_records_of_lost_packets_are_bounded(void **state)
{
    pair p;
    (void)state;
    rill_stream *s = open_window(&p);
    assert_int_equal(rill_stream_set_send_max(s, UINT64_MAX / 2), RILL_OK);
    pair_run(&p, 100 * RILL_MS);
    p.on_packet = drop_money;
    pair_run(&p, 20 * RILL_SECOND);
    rill_connection_stats stats;
    rill_connection_get_stats(p.end[PAIR_CLIENT].connection, &stats);
    assert_in_range(stats.packets_in_flight, 1, 17 * WINDOW);
    pair_check_books(&p);
    pair_close(&p);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_window_that_was_lost_is_another_window),
        cmocka_unit_test(test_a_first_packet_that_is_lost_does_not_fill_the_window),
        cmocka_unit_test(test_records_of_lost_packets_are_bounded),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
