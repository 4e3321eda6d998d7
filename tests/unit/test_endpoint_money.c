/* SPDX-License-Identifier: Apache-2.0 */
/* Money between two endpoints: on streams, in many packets, and at exchange rates. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "support/pair.h"

static rill_stream_totals totals(const rill_stream *s)
{
    rill_stream_totals t;
    rill_stream_get_totals(s, &t);
    return t;
}

static void test_the_first_packet_carries_money_where_the_rate_is_given(void **state)
{
    pair *p = *state;
    rill_stream *s = pair_stream_open(p, PAIR_CLIENT);
    assert_int_equal(rill_stream_send_total(s, 100, RILL_NEVER), RILL_OK);
    pair_run(p, 3 * RILL_MS);
    assert_int_equal(p->end[PAIR_CLIENT].fulfilled_out, 100);
    assert_int_equal(p->end[PAIR_CLIENT].events[RILL_EVENT_SEND_TOTAL_END], 1);
    assert_int_equal(p->end[PAIR_CLIENT].sent_error, RILL_OK);
    assert_int_equal(pair_seen(p, PAIR_SERVER, 1)->money, 100);
    assert_int_equal(totals(s).sent, 100);
    assert_int_equal(totals(s).delivered, 100);
    assert_int_equal(totals(s).in_flight, 0);
    pair_check_books(p);
}

static void test_without_a_rate_the_path_is_probed(void **state)
{
    pair *p = *state;
    pair_options o = pair_defaults();
    o.connection.min_rate = (rill_ratio){0, 1};
    pair_open(p, &o);
    p->rate[PAIR_CLIENT] = (rill_ratio){1, 2};
    p->maximum[PAIR_CLIENT] = 5000;
    rill_stream *s = pair_stream_open(p, PAIR_CLIENT);
    assert_int_equal(rill_stream_send_total(s, 20000, RILL_NEVER), RILL_OK);
    pair_run(p, RILL_SECOND);
    rill_connection_stats stats;
    rill_connection_get_stats(p->end[PAIR_CLIENT].connection, &stats);
    assert_int_equal(totals(s).sent, 20000);
    assert_int_equal(totals(s).delivered, 10000);
    /* 0.5 less 1 % */
    assert_int_equal(stats.min_rate.num * 200, stats.min_rate.den * 99);
    assert_int_equal(stats.max_packet_amount, 5000);
    pair_check_books(p);
}

static void refuse_first_packets(pair *p, pair_packet *packet)
{
    if (packet->from == PAIR_CLIENT && packet->number < *(const uint64_t *)p->user) {
        packet->action = PAIR_REJECT;
        packet->code = RILL_ILP_T04_INSUFFICIENT_LIQUIDITY;
    }
}

/* A retry whose time has come must not keep the endpoint busy. */
static void test_probes_that_a_path_has_no_liquidity_for_are_tried_again(void **state)
{
    pair *p = *state;
    pair_options o = pair_defaults();
    uint64_t refused = 5;
    o.connection.min_rate = (rill_ratio){0, 1};
    pair_open(p, &o);
    p->on_packet = refuse_first_packets;
    p->user = &refused;
    rill_stream *s = pair_stream_open(p, PAIR_CLIENT);
    assert_int_equal(rill_stream_send_total(s, 20000, RILL_NEVER), RILL_OK);
    pair_run(p, 5 * RILL_SECOND);
    assert_int_equal(totals(s).sent, 20000);
}

/* The application gives up while a probe waits to be repeated: nothing is left to do. */
static void test_a_probe_nobody_wants_any_more_is_forgotten(void **state)
{
    pair *p = *state;
    pair_options o = pair_defaults();
    uint64_t refused = UINT64_MAX;
    o.connection.min_rate = (rill_ratio){0, 1};
    pair_open(p, &o);
    p->on_packet = refuse_first_packets;
    p->user = &refused;
    rill_stream *s = pair_stream_open(p, PAIR_CLIENT);
    assert_int_equal(rill_stream_send_total(s, 20000, p->now.mono_ns + 150 * RILL_MS), RILL_OK);
    pair_run(p, 20 * RILL_SECOND);
    assert_int_equal(p->end[PAIR_CLIENT].sent_error, RILL_ERR_TIMEOUT);
    assert_int_equal(totals(s).send_max, 0);
}

/* Packets of six units at 1/10 bring nothing, so the money stays where it is. */
static void test_what_would_be_rounded_away_is_not_sent(void **state)
{
    pair *p = *state;
    pair_options o = pair_defaults();
    o.connection.min_rate = (rill_ratio){1, 20};
    pair_open(p, &o);
    p->rate[PAIR_CLIENT] = (rill_ratio){1, 10};
    p->maximum[PAIR_CLIENT] = 6;
    rill_stream *s = pair_stream_open(p, PAIR_CLIENT);
    assert_int_equal(rill_stream_send_total(s, 100000, RILL_NEVER), RILL_OK);
    pair_run(p, 60 * RILL_SECOND);
    assert_int_equal(p->end[PAIR_CLIENT].sent_error, RILL_ERR_RATE);
    assert_true(totals(s).sent < 1000);
    pair_check_books(p);
}

/* At 2/7, measured a little lower, a packet of 10 brings two as one of 8 does: so 8 it is. */
static void test_no_more_is_sent_than_brings_something(void **state)
{
    pair *p = *state;
    pair_options o = pair_defaults();
    o.connection.min_rate = (rill_ratio){0, 1};
    pair_open(p, &o);
    p->rate[PAIR_CLIENT] = (rill_ratio){2, 7};
    rill_stream *s = pair_stream_open(p, PAIR_CLIENT);
    assert_int_equal(rill_stream_send_total(s, 7, RILL_NEVER), RILL_OK);
    pair_run(p, RILL_SECOND);
    assert_int_equal(pair_seen(p, PAIR_SERVER, 1)->money, 2);
    p->maximum[PAIR_CLIENT] = 10;
    assert_int_equal(rill_stream_send_total(s, 70007, RILL_NEVER), RILL_OK);
    pair_run(p, 5 * RILL_SECOND);
    assert_int_equal(totals(s).sent, 70007);
    assert_true(pair_seen(p, PAIR_SERVER, 1)->money >= 17490);
    pair_check_books(p);
}

static void test_many_packets_are_in_flight_at_once(void **state)
{
    pair *p = *state;
    p->maximum[PAIR_CLIENT] = 1000;
    p->delay[PAIR_CLIENT] = 50 * RILL_MS;
    rill_stream *s = pair_stream_open(p, PAIR_CLIENT);
    assert_int_equal(rill_stream_send_total(s, 1000000, RILL_NEVER), RILL_OK);
    pair_run(p, 3 * RILL_SECOND);
    assert_int_equal(p->end[PAIR_CLIENT].sent_error, RILL_OK);
    assert_int_equal(p->end[PAIR_CLIENT].events[RILL_EVENT_SEND_TOTAL_END], 1);
    assert_int_equal(pair_seen(p, PAIR_SERVER, 1)->money, 1000000);
    pair_check_books(p);
}

static void test_the_packet_size_is_found_without_data_too(void **state)
{
    pair *p = *state;
    p->maximum[PAIR_CLIENT] = 777;
    p->silent_maximum = true;
    rill_stream *s = pair_stream_open(p, PAIR_CLIENT);
    assert_int_equal(rill_stream_send_total(s, 100000, RILL_NEVER), RILL_OK);
    pair_run(p, 10 * RILL_SECOND);
    assert_int_equal(totals(s).sent, 100000);
    assert_in_range(p->end[PAIR_CLIENT].packets, 100000 / 777, 300);
    pair_check_books(p);
}

static void test_both_sides_pay_at_once_on_streams_of_both(void **state)
{
    pair *p = *state;
    p->maximum[PAIR_CLIENT] = p->maximum[PAIR_SERVER] = 100;
    rill_stream *a = pair_stream_open(p, PAIR_CLIENT);
    assert_int_equal(rill_stream_send_total(a, 5000, RILL_NEVER), RILL_OK);
    pair_run(p, 10 * RILL_MS);
    rill_stream *back = rill_connection_stream(p->end[PAIR_SERVER].connection, 1);
    rill_stream *b = pair_stream_open(p, PAIR_SERVER);
    assert_int_equal(rill_stream_id(b), 2);
    assert_int_equal(rill_stream_send_total(back, 3000, RILL_NEVER), RILL_OK);
    assert_int_equal(rill_stream_send_total(b, 4000, RILL_NEVER), RILL_OK);
    pair_run(p, 2 * RILL_SECOND);
    assert_int_equal(pair_seen(p, PAIR_SERVER, 1)->money, 5000);
    assert_int_equal(pair_seen(p, PAIR_CLIENT, 1)->money, 3000);
    assert_int_equal(pair_seen(p, PAIR_CLIENT, 2)->money, 4000);
    pair_check_books(p);
}

static void test_streams_share_packets_and_none_starves(void **state)
{
    pair *p = *state;
    rill_stream *s[10];
    p->maximum[PAIR_CLIENT] = 1000;
    p->delay[PAIR_CLIENT] = 100 * RILL_MS;
    for (unsigned i = 0; i < 10; i++) {
        s[i] = pair_stream_open(p, PAIR_CLIENT);
        assert_int_equal(rill_stream_send_total(s[i], 10000000, RILL_NEVER), RILL_OK);
    }
    pair_run(p, 2 * RILL_SECOND);
    for (unsigned i = 0; i < 10; i++) {
        assert_true(totals(s[i]).sent > 0);
        assert_true(totals(s[i]).sent < 2 * totals(s[0]).sent + 2000);
        assert_true(totals(s[0]).sent < 2 * totals(s[i]).sent + 2000);
    }
    pair_check_books(p);
}

static void test_the_receive_max_is_kept_and_raised(void **state)
{
    pair *p = *state;
    pair_options o = pair_defaults();
    o.accepted.default_receive_max = 500;
    pair_open(p, &o);
    p->maximum[PAIR_CLIENT] = 100;
    rill_stream *s = pair_stream_open(p, PAIR_CLIENT);
    assert_int_equal(rill_stream_send_total(s, 2000, RILL_NEVER), RILL_OK);
    pair_run(p, 20 * RILL_SECOND);
    assert_int_equal(pair_seen(p, PAIR_SERVER, 1)->money, 500);
    assert_int_equal(p->end[PAIR_CLIENT].events[RILL_EVENT_SEND_TOTAL_END], 0);
    rill_stream *t = rill_connection_stream(p->end[PAIR_SERVER].connection, 1);
    assert_int_equal(rill_stream_set_receive_max(t, 400), RILL_ERR_RANGE);
    assert_int_equal(rill_stream_receive_total(t, 2000, RILL_NEVER), RILL_OK);
    pair_run(p, 10 * RILL_SECOND);
    assert_int_equal(pair_seen(p, PAIR_SERVER, 1)->money, 2000);
    assert_int_equal(p->end[PAIR_SERVER].events[RILL_EVENT_RECEIVE_TOTAL_END], 1);
    assert_int_equal(p->end[PAIR_SERVER].received_error, RILL_OK);
    pair_check_books(p);
}

/* If nobody wants to send more, nobody asks for a higher limit. */
static void test_a_stream_that_gave_up_is_not_blocked(void **state)
{
    pair *p = *state;
    pair_options o = pair_defaults();
    o.accepted.default_receive_max = 500;
    pair_open(p, &o);
    rill_stream *s = pair_stream_open(p, PAIR_CLIENT);
    assert_int_equal(rill_stream_send_total(s, 2000, p->now.mono_ns + 3 * RILL_SECOND), RILL_OK);
    pair_run(p, 10 * RILL_SECOND);
    assert_int_equal(p->end[PAIR_CLIENT].sent_error, RILL_ERR_TIMEOUT);
    assert_int_equal(totals(s).send_max, 500);
    uint64_t packets = p->end[PAIR_CLIENT].packets;
    pair_run(p, 45 * RILL_SECOND);
    assert_in_range(p->end[PAIR_CLIENT].packets, packets, packets + 1);
    pair_run(p, 60 * RILL_SECOND);
    assert_int_equal(p->end[PAIR_CLIENT].events[RILL_EVENT_CONNECTION_END], 1);
    pair_check_books(p);
}

static void test_nothing_is_sent_below_the_minimum_rate(void **state)
{
    pair *p = *state;
    p->rate[PAIR_CLIENT] = (rill_ratio){99, 100};
    rill_stream *s = pair_stream_open(p, PAIR_CLIENT);
    assert_int_equal(rill_stream_send_total(s, 2000, RILL_NEVER), RILL_OK);
    pair_run(p, 40 * RILL_SECOND);
    assert_int_equal(p->end[PAIR_CLIENT].sent_error, RILL_ERR_RATE);
    assert_int_equal(totals(s).sent, 0);
    assert_int_equal(p->end[PAIR_SERVER].fulfilled_in, 0);
    pair_check_books(p);
}

/* All streams fail together, also those that had nothing in the last packet. */
static void test_streams_that_end_do_so_where_the_rate_is_too_low(void **state)
{
    pair *p = *state;
    p->rate[PAIR_CLIENT] = (rill_ratio){99, 100};
    p->maximum[PAIR_CLIENT] = 1000;
    for (unsigned i = 0; i < 10; i++)
        assert_int_equal(
            rill_stream_send_total(pair_stream_open(p, PAIR_CLIENT), 200000, RILL_NEVER), RILL_OK);
    assert_int_equal(rill_connection_end(p->end[PAIR_CLIENT].connection), RILL_OK);
    pair_run(p, 50 * RILL_SECOND);
    assert_int_equal(p->end[PAIR_CLIENT].events[RILL_EVENT_SEND_TOTAL_END], 10);
    assert_int_equal(p->end[PAIR_CLIENT].events[RILL_EVENT_CONNECTION_END], 1);
}

static void test_a_send_max_counts_what_is_in_flight(void **state)
{
    pair *p = *state;
    p->maximum[PAIR_CLIENT] = 10;
    rill_stream *s = pair_stream_open(p, PAIR_CLIENT);
    assert_int_equal(rill_stream_set_send_max(s, 100), RILL_OK);
    pair_pump(p);
    p->delay[PAIR_CLIENT] = 0;
    pair_run(p, 500 * RILL_MS);
    assert_int_equal(totals(s).sent, 100);
    assert_int_equal(rill_stream_set_send_max(s, 99), RILL_ERR_RANGE);
    assert_int_equal(rill_stream_set_send_max(s, 250), RILL_OK);
    pair_run(p, 500 * RILL_MS);
    assert_int_equal(totals(s).sent, 250);
    pair_check_books(p);
}

static void test_a_link_that_takes_nothing_is_not_flooded(void **state)
{
    pair *p = *state;
    rill_stream *s = pair_stream_open(p, PAIR_CLIENT);
    pair_write(s, "hello", 5);
    assert_int_equal(rill_stream_send_total(s, 100, p->now.mono_ns + 5 * RILL_SECOND), RILL_OK);
    for (unsigned i = 0; i < 1000; i++) {
        uint8_t packet[RILL_PACKET_BUFFER];
        uint64_t request;
        size_t len;
        p->now.mono_ns += 1000;
        assert_int_equal(rill_endpoint_next_prepare(p->end[PAIR_CLIENT].endpoint, p->now, packet,
                                                    &len, &request),
                         RILL_OK);
        if (len == 0) {
            assert_true(rill_endpoint_deadline(p->end[PAIR_CLIENT].endpoint) <
                        p->now.mono_ns + RILL_SECOND);
            break;
        }
        assert_true(i < 100);
        rill_endpoint_unanswered(p->end[PAIR_CLIENT].endpoint, p->now, request, false);
    }
    pair_run(p, RILL_SECOND);
    assert_int_equal(totals(s).sent, 100);
    assert_int_equal(pair_seen(p, PAIR_SERVER, 1)->len, 5);
}

/* A packet that comes just when a wait is over must not make it be forgotten. */
static void test_a_wait_that_is_over_is_not_forgotten(void **state)
{
    pair *p = *state;
    uint64_t refused = 0;
    rill_stream *s = pair_stream_open(p, PAIR_CLIENT);
    pair_write(s, "x", 1);
    pair_run(p, 20 * RILL_MS);
    rill_stream *back = rill_connection_stream(p->end[PAIR_SERVER].connection, 1);
    p->on_packet = refuse_first_packets;
    p->user = &refused;
    refused = UINT64_MAX;
    assert_int_equal(rill_stream_set_send_max(s, 1000), RILL_OK);
    pair_run(p, 2 * RILL_SECOND);
    refused = 0;
    /* The client's host is late, and a Prepare of the server is the first that it sees. */
    pair_write(back, "y", 1);
    uint8_t packet[RILL_PACKET_BUFFER];
    uint8_t reply[RILL_PACKET_BUFFER];
    uint64_t request;
    size_t len;
    pair_sleep(p, 3 * RILL_SECOND);
    assert_int_equal(
        rill_endpoint_next_prepare(p->end[PAIR_SERVER].endpoint, p->now, packet, &len, &request),
        RILL_OK);
    assert_true(len > 0);
    assert_int_equal(rill_endpoint_receive_prepare(p->end[PAIR_CLIENT].endpoint, p->now, 1, packet,
                                                   len, reply, &len),
                     RILL_OK);
    pair_run(p, 2 * RILL_SECOND);
    assert_int_equal(totals(s).sent, 1000);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        PAIR_TEST(test_the_first_packet_carries_money_where_the_rate_is_given),
        PAIR_TEST_TO_OPEN(test_without_a_rate_the_path_is_probed),
        PAIR_TEST_TO_OPEN(test_probes_that_a_path_has_no_liquidity_for_are_tried_again),
        PAIR_TEST_TO_OPEN(test_a_probe_nobody_wants_any_more_is_forgotten),
        PAIR_TEST_TO_OPEN(test_what_would_be_rounded_away_is_not_sent),
        PAIR_TEST_TO_OPEN(test_no_more_is_sent_than_brings_something),
        PAIR_TEST(test_many_packets_are_in_flight_at_once),
        PAIR_TEST(test_the_packet_size_is_found_without_data_too),
        PAIR_TEST(test_both_sides_pay_at_once_on_streams_of_both),
        PAIR_TEST(test_streams_share_packets_and_none_starves),
        PAIR_TEST_TO_OPEN(test_the_receive_max_is_kept_and_raised),
        PAIR_TEST_TO_OPEN(test_a_stream_that_gave_up_is_not_blocked),
        PAIR_TEST(test_nothing_is_sent_below_the_minimum_rate),
        PAIR_TEST(test_streams_that_end_do_so_where_the_rate_is_too_low),
        PAIR_TEST(test_a_send_max_counts_what_is_in_flight),
        PAIR_TEST(test_a_link_that_takes_nothing_is_not_flooded),
        PAIR_TEST(test_a_wait_that_is_over_is_not_forgotten),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
