/* SPDX-License-Identifier: Apache-2.0 */
/* The rate is found on paths that let little through: packets too large, too small, too early. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "support/pair.h"

/* Which of the client's packets a connector refuses. */
static struct {
    uint64_t least; /* smaller ones are refused */
    uint64_t most;  /* larger ones are */
    uint64_t until; /* all that carry money, before */
    rill_ilp_code_id small;
    rill_ilp_code_id large;
    uint64_t told;
    uint64_t packets;
} path;

static void connector(pair *p, pair_packet *packet)
{
    if (packet->from != PAIR_CLIENT || packet->amount == 0)
        return;
    path.packets++;
    if (packet->amount < path.least)
        packet->code = path.small;
    else if (packet->amount > path.most || p->now.mono_ns < path.until)
        packet->code = path.large;
    else
        return;
    packet->action = PAIR_REJECT;
    packet->maximum = packet->code == RILL_ILP_F08_AMOUNT_TOO_LARGE ? path.told : 0;
}

/* The path as it is above; nothing is sent yet. */
static rill_stream *open_to_probe(pair *p, rill_ratio rate)
{
    pair_options o = pair_defaults();
    o.connection.min_rate = (rill_ratio){0, 1};
    pair_open(p, &o);
    p->rate[PAIR_CLIENT] = rate;
    p->on_packet = connector;
    path.packets = 0;
    return pair_stream_open(p, PAIR_CLIENT);
}

/* Whether all is sent before so much time has passed. */
static void pays(pair *p, rill_stream *s, uint64_t total, uint64_t time, uint64_t packets)
{
    rill_stream_totals t;
    assert_int_equal(rill_stream_send_total(s, total, p->now.mono_ns + time), RILL_OK);
    pair_run(p, time);
    assert_int_equal(p->end[PAIR_CLIENT].events[RILL_EVENT_SEND_TOTAL_END], 1);
    assert_int_equal(p->end[PAIR_CLIENT].sent_error, RILL_OK);
    rill_stream_get_totals(s, &t);
    assert_true(t.sent == total);
    assert_in_range(path.packets, 1, packets);
    pair_check_books(p);
}

static void reset(void)
{
    memset(&path, 0, sizeof path);
    path.most = UINT64_MAX;
    path.small = RILL_ILP_F08_AMOUNT_TOO_LARGE;
    path.large = RILL_ILP_T04_INSUFFICIENT_LIQUIDITY;
}

/* 10^6 and more have no chance, and of 1,000 only two digits arrive. */
static void test_hopeless_sizes_leave_room_for_smaller_ones(void **state)
{
    pair *p = *state;
    reset();
    path.most = 50000;
    rill_stream *s = open_to_probe(p, (rill_ratio){1, 100});
    pays(p, s, 300000, 5 * RILL_SECOND, 60);
}

/* One digit at most arrives of what the path has value for. */
static void test_two_digits_are_a_rate_where_there_are_no_more(void **state)
{
    pair *p = *state;
    reset();
    path.most = 50000;
    rill_stream *s = open_to_probe(p, (rill_ratio){1, 1000});
    pays(p, s, 300000, 8 * RILL_SECOND, 80);
}

/* The same with data, which says that the packet is not too large, and with data that is a lie. */
static void test_one_unit_that_is_refused_is_too_small(void **state)
{
    const uint64_t told[] = {0, 5000000, 1};
    for (unsigned i = 0; i < 3; i++) {
        pair *p = *state;
        reset();
        path.least = 100;
        path.told = told[i];
        rill_stream *s = open_to_probe(p, (rill_ratio){9, 10});
        pays(p, s, 100000, 3 * RILL_SECOND, 40);
        pair_close(p);
    }
}

/* R01 is no reason to wait, nor to send fewer packets. */
static void test_too_little_is_dust(void **state)
{
    pair *p = *state;
    reset();
    path.least = 500;
    path.small = RILL_ILP_R01_INSUFFICIENT_SOURCE_AMOUNT;
    rill_stream *s = open_to_probe(p, (rill_ratio){1, 100});
    pays(p, s, 100000, 3 * RILL_SECOND, 20);
}

/* Neither 1,000 nor 10^6 pass: what is between them does. */
static void test_sizes_between_the_first_are_tried(void **state)
{
    pair *p = *state;
    reset();
    path.least = 5000;
    path.most = 400000;
    path.large = RILL_ILP_F08_AMOUNT_TOO_LARGE;
    rill_stream *s = open_to_probe(p, (rill_ratio){1, 2});
    pays(p, s, 4000000, 5 * RILL_SECOND, 80);
}

/* A maximum that is told counts, whatever else met F08 without one. */
static void test_dust_below_a_maximum_that_is_told(void **state)
{
    pair *p = *state;
    reset();
    path.least = 5;
    rill_stream *s = open_to_probe(p, (rill_ratio){97, 100});
    p->maximum[PAIR_CLIENT] = 384;
    pays(p, s, 3840, 3 * RILL_SECOND, 60);
}

/* Nor do the sizes between, where all of them are too small as well: the maximum is tried. */
static void test_only_the_maximum_that_is_told_passes(void **state)
{
    pair *p = *state;
    reset();
    path.least = 300;
    rill_stream *s = open_to_probe(p, (rill_ratio){97, 100});
    p->maximum[PAIR_CLIENT] = 384;
    pays(p, s, 3840, 3 * RILL_SECOND, 60);
}

/* One connector tells a maximum, a farther one has a smaller one and does not tell it. */
static void two_maxima(pair *p, pair_packet *packet)
{
    connector(p, packet);
    if (packet->from != PAIR_CLIENT || packet->amount <= 100000)
        return;
    packet->action = PAIR_REJECT;
    packet->code = RILL_ILP_F08_AMOUNT_TOO_LARGE;
    packet->maximum = 100000;
}

static void test_a_maximum_that_is_told_is_one_of_several(void **state)
{
    pair *p = *state;
    reset();
    path.least = 2;
    path.small = RILL_ILP_F99_APPLICATION_ERROR;
    path.most = 500;
    path.large = RILL_ILP_F08_AMOUNT_TOO_LARGE;
    rill_stream *s = open_to_probe(p, (rill_ratio){97, 100});
    p->on_packet = two_maxima;
    pays(p, s, 700, 3 * RILL_SECOND, 60);
}

/* The same where single units pass, of which nothing arrives. */
static void test_a_maximum_that_is_told_has_not_passed(void **state)
{
    pair *p = *state;
    reset();
    path.most = 500;
    path.large = RILL_ILP_F08_AMOUNT_TOO_LARGE;
    rill_stream *s = open_to_probe(p, (rill_ratio){1, 4});
    p->on_packet = two_maxima;
    pays(p, s, 800, 5 * RILL_SECOND, 60);
}

static void test_what_is_to_be_sent_is_probed(void **state)
{
    const uint64_t scale = UINT64_C(10000000000000000);
    pair *p = *state;
    reset();
    path.most = 600 * scale;
    rill_stream *s = open_to_probe(p, (rill_ratio){1, scale});
    pays(p, s, 500 * scale, RILL_SECOND, 8);
    assert_int_equal(pair_seen(p, PAIR_SERVER, 1)->money, 500);
}

/* A path without value for a minute: the payment has two. */
static void test_a_payment_with_time_waits_for_its_rate(void **state)
{
    pair *p = *state;
    reset();
    rill_stream *s = open_to_probe(p, (rill_ratio){1, 1});
    path.until = p->now.mono_ns + 61 * RILL_SECOND;
    pays(p, s, 1000000, 120 * RILL_SECOND, 400);
}

/* Money that is too small for the path is not sent again and again, and the wait is reported. */
static void test_dust_is_not_sent_for_ever(void **state)
{
    pair *p = *state;
    reset();
    path.least = 50;
    path.small = RILL_ILP_R01_INSUFFICIENT_SOURCE_AMOUNT;
    rill_stream *s = open_to_probe(p, (rill_ratio){1, 10});
    pays(p, s, 10000, 3 * RILL_SECOND, 20);
    path.packets = 0;
    assert_int_equal(rill_stream_send_total(s, 10007, RILL_NEVER), RILL_OK);
    pair_run(p, 60 * RILL_SECOND);
    assert_int_equal(p->end[PAIR_CLIENT].events[RILL_EVENT_SEND_TOTAL_END], 2);
    assert_int_not_equal(p->end[PAIR_CLIENT].sent_error, RILL_OK);
    assert_true(path.packets < 60);
}

/* Sizes that passed as probes no longer pass. That is not dust. */
static void test_a_maximum_that_falls_far_is_found(void **state)
{
    pair *p = *state;
    rill_stream_totals t;
    reset();
    rill_stream *s = open_to_probe(p, (rill_ratio){74, 1});
    pays(p, s, 100000, 3 * RILL_SECOND, 20);
    path.most = 500;
    path.large = RILL_ILP_F08_AMOUNT_TOO_LARGE;
    assert_int_equal(rill_stream_send_total(s, 104000, RILL_NEVER), RILL_OK);
    pair_run(p, 10 * RILL_SECOND);
    rill_stream_get_totals(s, &t);
    assert_int_equal(t.sent, 104000);
}

/* T04 to probes says nothing of how many packets pass: afterwards they leave as ever. */
static void test_probes_without_value_slow_nothing(void **state)
{
    pair *p = *state;
    reset();
    rill_stream *s = open_to_probe(p, (rill_ratio){1, 1});
    p->maximum[PAIR_CLIENT] = 1000;
    p->delay[PAIR_CLIENT] = p->delay[PAIR_SERVER] = 20 * RILL_MS;
    path.until = p->now.mono_ns + 500 * RILL_MS;
    pays(p, s, 1000000, RILL_SECOND, 1100);
}

static void lose_money(pair *p, pair_packet *packet)
{
    (void)p;
    if (packet->amount > 0)
        packet->action = PAIR_DROP;
}

static void answer_no_money(pair *p, pair_packet *packet)
{
    (void)p;
    if (packet->amount > 0)
        packet->action = PAIR_IN_DOUBT;
}

static uint64_t lossy_from;

/* In the end some are lost, and waited for while the path is left alone. */
static void answer_no_money_and_lose_some(pair *p, pair_packet *packet)
{
    answer_no_money(p, packet);
    if (packet->amount > 0 && p->now.mono_ns >= lossy_from && packet->number % 3 == 0)
        packet->action = PAIR_DROP;
}

/*
 * Volleys are repeated after three seconds, and a link that says that no answer comes is left alone
 * for up to a second. The time that there is, is not stretched for that.
 */
static void test_probing_ends_in_time(void **state)
{
    void (*const paths[])(pair * p, pair_packet * packet) = {lose_money, answer_no_money,
                                                             answer_no_money_and_lose_some};
    /* Some of these times end while the path is left alone, or after a packet is overdue. */
    for (unsigned i = 0; i < 30; i++) {
        pair *p = *state;
        pair_options o = pair_defaults();
        rill_waiting w;
        const uint64_t time = 4 * RILL_SECOND + i / 3 * 130 * RILL_MS;
        o.connection.min_rate = (rill_ratio){0, 1};
        o.connection.connect_timeout_ns = time;
        pair_open(p, &o);
        pair_run(p, RILL_SECOND);
        uint64_t begun = p->now.mono_ns;
        lossy_from = begun + 3300 * RILL_MS;
        p->on_packet = paths[i % 3];
        assert_int_equal(
            rill_stream_send_total(pair_stream_open(p, PAIR_CLIENT), 1000000, RILL_NEVER), RILL_OK);
        pair_run(p, time - RILL_MS);
        rill_connection_get_waiting(p->end[PAIR_CLIENT].connection, &w);
        assert_int_equal(w.reason, RILL_WAIT_RATE);
        assert_true(w.until_ns == begun + time);
        assert_int_equal(p->end[PAIR_CLIENT].events[RILL_EVENT_SEND_TOTAL_END], 0);
        pair_run(p, 2 * RILL_MS);
        assert_int_equal(p->end[PAIR_CLIENT].events[RILL_EVENT_SEND_TOTAL_END], 1);
        assert_int_equal(p->end[PAIR_CLIENT].sent_error, RILL_ERR_PATH);
        pair_close(p);
    }
}

/*
 * The stream that asked has gone meanwhile. The end of its time hurts nobody, and the next one has
 * its own.
 */
static void test_probing_that_nobody_waits_for_ends(void **state)
{
    pair *p = *state;
    pair_options o = pair_defaults();
    o.connection.min_rate = (rill_ratio){0, 1};
    o.connection.connect_timeout_ns = 4 * RILL_SECOND;
    pair_open(p, &o);
    pair_run(p, RILL_SECOND);
    p->on_packet = lose_money;
    rill_stream *s = pair_stream_open(p, PAIR_CLIENT);
    assert_int_equal(rill_stream_send_total(s, 1000, p->now.mono_ns + RILL_SECOND), RILL_OK);
    pair_run(p, 10 * RILL_SECOND);
    assert_int_equal(p->end[PAIR_CLIENT].sent_error, RILL_ERR_TIMEOUT);
    assert_int_equal(p->end[PAIR_CLIENT].events[RILL_EVENT_CONNECTION_END], 0);
    p->on_packet = NULL;
    assert_int_equal(rill_stream_send_total(s, 1000, p->now.mono_ns + RILL_SECOND), RILL_OK);
    pair_run(p, RILL_SECOND);
    assert_int_equal(p->end[PAIR_CLIENT].sent_error, RILL_OK);
    assert_int_equal(pair_seen(p, PAIR_SERVER, 1)->money, 1000);
    /* The lost probes of the first volleys expire now. */
    pair_run(p, 40 * RILL_SECOND);
    pair_check_books(p);
}

/* All probes, or the small ones, reach a receiver that does not know the secret. */
static void test_wrong_credentials_are_called_that(void **state)
{
    const rill_ilp_code_id codes[] = {RILL_ILP_F06_UNEXPECTED_PAYMENT, RILL_ILP_F02_UNREACHABLE,
                                      RILL_ILP_F08_AMOUNT_TOO_LARGE};
    const int errors[] = {RILL_ERR_AUTH, RILL_ERR_UNREACHABLE, RILL_ERR_PATH};
    for (unsigned i = 0; i < 6; i++) {
        pair *p = *state;
        reset();
        path.least = i < 3 ? UINT64_MAX : 1000001;
        path.small = codes[i % 3];
        path.most = 0;
        path.large = RILL_ILP_F08_AMOUNT_TOO_LARGE;
        rill_stream *s = open_to_probe(p, (rill_ratio){1, 1});
        assert_int_equal(rill_stream_send_total(s, 100000, RILL_NEVER), RILL_OK);
        pair_run(p, 20 * RILL_SECOND);
        assert_int_equal(p->end[PAIR_CLIENT].sent_error, errors[i % 3]);
        pair_close(p);
    }
}

/* Nothing is paid, whatever time passes; and then it is, without another probe. */
static void test_a_question_pays_nothing(void **state)
{
    pair *p = *state;
    rill_connection_stats stats;
    rill_stream_totals t;
    reset();
    path.most = 5000;
    path.large = RILL_ILP_F08_AMOUNT_TOO_LARGE;
    rill_stream *s = open_to_probe(p, (rill_ratio){3, 4});
    rill_connection *c = p->end[PAIR_CLIENT].connection;
    assert_int_equal(rill_connection_probe(c, 0), RILL_ERR_INVALID);
    assert_int_equal(rill_connection_probe(c, 100000), RILL_OK);
    assert_int_equal(rill_connection_probe(c, 100000), RILL_ERR_STATE);
    pair_run(p, 30 * RILL_SECOND);
    assert_int_equal(p->end[PAIR_CLIENT].events[RILL_EVENT_PROBED], 1);
    assert_int_equal(rill_connection_probe(c, 1), RILL_ERR_STATE);
    rill_connection_get_stats(c, &stats);
    assert_int_equal(stats.sent, 0);
    assert_int_equal(p->end[PAIR_SERVER].fulfilled_in, 0);
    assert_true(stats.rate.num * 4 <= stats.rate.den * 3 && stats.rate.num >= 100);
    /* What passed, and no more than does. */
    assert_in_range(stats.max_packet_amount, 1000, 5000);
    rill_stream_get_totals(s, &t);
    assert_true(t.remote_receive_max == RILL_UNLIMITED);
    path.packets = 0;
    pays(p, s, 100000, 3 * RILL_SECOND, 40);
    assert_int_equal(p->end[PAIR_CLIENT].events[RILL_EVENT_PROBED], 1);
}

/* The receiver's limit is known with the rate, before any money. */
static void test_a_question_brings_the_receivers_limit(void **state)
{
    pair *p = *state;
    pair_options o = pair_defaults();
    rill_stream_totals t;
    o.connection.min_rate = (rill_ratio){0, 1};
    o.accepted.default_receive_max = 77;
    pair_open(p, &o);
    rill_stream *s = pair_stream_open(p, PAIR_CLIENT);
    assert_int_equal(rill_connection_probe(p->end[PAIR_CLIENT].connection, 1000), RILL_OK);
    pair_run(p, RILL_SECOND);
    assert_int_equal(p->end[PAIR_CLIENT].events[RILL_EVENT_PROBED], 1);
    rill_stream_get_totals(s, &t);
    assert_int_equal(t.remote_receive_max, 77);
}

/* Nothing passes: the connection ends, and says whose word that was. */
static void test_a_question_without_an_answer_ends(void **state)
{
    pair *p = *state;
    reset();
    path.most = 0;
    path.large = RILL_ILP_T04_INSUFFICIENT_LIQUIDITY;
    (void)open_to_probe(p, (rill_ratio){1, 1});
    rill_last_reject last;
    rill_connection *c = p->end[PAIR_CLIENT].connection;
    assert_false(rill_connection_get_last_reject(c, &last));
    assert_int_equal(last.message[0], 0);
    assert_int_equal(rill_connection_probe(c, 1000), RILL_OK);
    pair_run(p, RILL_SECOND);
    assert_true(rill_connection_get_last_reject(c, &last));
    assert_memory_equal(last.code.text, "T04", 3);
    assert_false(last.authentic);
    pair_run(p, 40 * RILL_SECOND);
    assert_int_equal(p->end[PAIR_CLIENT].events[RILL_EVENT_PROBED], 0);
    assert_int_equal(p->end[PAIR_CLIENT].end_error, RILL_ERR_PATH);
}

/* Who gives a rate needs none that is probed. */
static void test_a_rate_that_is_given_ends_a_question(void **state)
{
    pair *p = *state;
    reset();
    path.until = p->now.mono_ns + 10 * RILL_SECOND;
    rill_stream *s = open_to_probe(p, (rill_ratio){1, 1});
    path.until = p->now.mono_ns + 10 * RILL_SECOND;
    rill_connection *c = p->end[PAIR_CLIENT].connection;
    assert_int_equal(rill_connection_probe(c, 1000), RILL_OK);
    pair_run(p, RILL_SECOND);
    assert_int_equal(rill_connection_set_min_rate(c, (rill_ratio){1, 2}), RILL_OK);
    path.until = 0;
    pair_run(p, 60 * RILL_SECOND);
    assert_int_equal(p->end[PAIR_CLIENT].events[RILL_EVENT_PROBED], 0);
    assert_int_equal(p->end[PAIR_CLIENT].events[RILL_EVENT_CONNECTION_END], 1); /* idle */
    (void)s;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        PAIR_TEST_TO_OPEN(test_hopeless_sizes_leave_room_for_smaller_ones),
        PAIR_TEST_TO_OPEN(test_two_digits_are_a_rate_where_there_are_no_more),
        PAIR_TEST_TO_OPEN(test_one_unit_that_is_refused_is_too_small),
        PAIR_TEST_TO_OPEN(test_too_little_is_dust),
        PAIR_TEST_TO_OPEN(test_sizes_between_the_first_are_tried),
        PAIR_TEST_TO_OPEN(test_dust_below_a_maximum_that_is_told),
        PAIR_TEST_TO_OPEN(test_only_the_maximum_that_is_told_passes),
        PAIR_TEST_TO_OPEN(test_a_maximum_that_is_told_is_one_of_several),
        PAIR_TEST_TO_OPEN(test_a_maximum_that_is_told_has_not_passed),
        PAIR_TEST_TO_OPEN(test_what_is_to_be_sent_is_probed),
        PAIR_TEST_TO_OPEN(test_a_payment_with_time_waits_for_its_rate),
        PAIR_TEST_TO_OPEN(test_dust_is_not_sent_for_ever),
        PAIR_TEST_TO_OPEN(test_a_maximum_that_falls_far_is_found),
        PAIR_TEST_TO_OPEN(test_probes_without_value_slow_nothing),
        PAIR_TEST_TO_OPEN(test_probing_ends_in_time),
        PAIR_TEST_TO_OPEN(test_probing_that_nobody_waits_for_ends),
        PAIR_TEST_TO_OPEN(test_wrong_credentials_are_called_that),
        PAIR_TEST_TO_OPEN(test_a_question_pays_nothing),
        PAIR_TEST_TO_OPEN(test_a_question_brings_the_receivers_limit),
        PAIR_TEST_TO_OPEN(test_a_question_without_an_answer_ends),
        PAIR_TEST_TO_OPEN(test_a_rate_that_is_given_ends_a_question),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
