/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How much of whole payments arrives if packets are small, and connectors round down in each. The
 * minimum holds over a payment, packets have sizes that bring something, and what cannot work is
 * reported at once.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "base/muldiv.h"
#include "support/pair.h"

/* A path: the amount at the sender decides, and then what each hop makes of it. */
typedef struct path {
    rill_ratio rate[3];
    uint64_t maximum; /* at the sender */
    bool silent;
    uint64_t honest; /* packets with money before it turns; 0: it does not */
    rill_ratio then;
    uint64_t packets;
} path;

typedef struct payment {
    const char *name;
    path path;
    rill_ratio minimum; /* num 0: probed, less 1 % */
    uint64_t own_maximum;
    uint64_t amount;
    int error;
    uint64_t sent, delivered; /* at least */
    uint64_t packets;         /* at most */
    uint64_t within;          /* virtual milliseconds */
} payment;

static void on_packet(pair *p, pair_packet *packet)
{
    path *y = p->user;
    uint64_t amount = packet->amount;
    if (packet->from != PAIR_CLIENT || amount == 0)
        return;
    if (y->maximum != 0 && amount > y->maximum) {
        packet->action = PAIR_REJECT;
        packet->code = RILL_ILP_F08_AMOUNT_TOO_LARGE;
        packet->maximum = y->silent ? 0 : y->maximum;
        return;
    }
    y->packets++;
    for (unsigned i = 0; i < 3; i++)
        if (y->rate[i].den != 0)
            amount = rill_ratio_floor(y->rate[i], amount);
    if (y->honest != 0 && y->packets > y->honest)
        amount = rill_ratio_floor(y->then, packet->amount);
    /* The amount stands behind type and length, which takes two more bytes if it is large. */
    uint8_t *at = packet->bytes + (packet->bytes[1] < 0x80 ? 2 : 2 + (packet->bytes[1] & 0x7f));
    for (unsigned i = 0; i < 8; i++)
        at[i] = (uint8_t)(amount >> (56 - 8 * i));
}

static void pay(pair *p, const payment *y)
{
    pair_options o = pair_defaults();
    rill_stream_totals t;
    path road = y->path;
    o.connection.min_rate = y->minimum.num != 0 ? y->minimum : (rill_ratio){0, 1};
    if (y->own_maximum != 0)
        o.connection.max_packet_amount = y->own_maximum;
    pair_open(p, &o);
    p->user = &road;
    p->on_packet = on_packet;
    rill_stream *s = pair_stream_open(p, PAIR_CLIENT);
    assert_int_equal(rill_stream_send_total(s, y->amount, RILL_NEVER), RILL_OK);
    pair_run(p, y->within * RILL_MS);
    pair_end *end = &p->end[PAIR_CLIENT];
    rill_stream_get_totals(s, &t);
    rill_connection_stats stats;
    rill_connection_get_stats(end->connection, &stats);
    if (end->events[RILL_EVENT_SEND_TOTAL_END] != 1 || end->sent_error != y->error ||
        t.sent < y->sent || t.delivered < y->delivered || end->packets > y->packets)
        fail_msg("%s: %u SENT with %d, %llu sent, %llu delivered, %llu packets", y->name,
                 end->events[RILL_EVENT_SEND_TOTAL_END], end->sent_error,
                 (unsigned long long)t.sent, (unsigned long long)t.delivered,
                 (unsigned long long)end->packets);
    /* To the unit, for the minimum that held. */
    assert_true(t.delivered >= rill_ratio_floor(stats.min_rate, t.sent));
    assert_int_equal(pair_seen(p, PAIR_SERVER, 1)->money, t.delivered);
    assert_true(y->error != RILL_OK || t.delivered > 0);
    pair_check_books(p);
    pair_close(p);
}

#define PAY(...)   pay(*state, &(const payment){__VA_ARGS__})
#define THOUSANDTH .rate = {{1, 1000}}

static void test_small_packets_keep_the_minimum(void **state)
{
    PAY("half of two", {.rate = {{1, 2}}, .maximum = 2}, {99, 100}, 0, 1000, RILL_ERR_RATE, 0, 0,
        10, 200);
    PAY("none of one", {.rate = {{0, 1}}, .maximum = 1}, {99, 100}, 0, 1000, RILL_ERR_RATE, 0, 0,
        10, 200);
    PAY("two of three", {.rate = {{2, 3}}, .maximum = 3}, {99, 100}, 0, 1000, RILL_ERR_RATE, 0, 0,
        10, 200);
    PAY("a third", {.rate = {{1, 3}}, .maximum = 10}, {34, 100}, 0, 1000, RILL_ERR_RATE, 0, 0, 10,
        200);
    PAY("our own two", {.rate = {{1, 2}}}, {9, 10}, 2, 1000, RILL_ERR_RATE, 0, 0, 10, 200);
    PAY("turns to nothing", {.rate = {{1, 1}}, .maximum = 1, .honest = 3, .then = {0, 1}}, {0}, 0,
        200, RILL_ERR_RATE, 0, 0, 100, 1000);
    PAY("turns to half", {.rate = {{1, 1}}, .maximum = 2, .honest = 6, .then = {1, 2}}, {0}, 0,
        1000, RILL_ERR_RATE, 0, 0, 150, 2500);
}

static void test_sizes_bring_what_there_is_to_bring(void **state)
{
    PAY("own thousand", {THOUSANDTH}, {1, 1000}, 1000, 12345, RILL_OK, 12345, 12, 40, 1000);
    PAY("thousand", {THOUSANDTH, .maximum = 1000}, {0}, 0, 12345, RILL_OK, 12345, 12, 40, 1000);
    PAY("silent", {THOUSANDTH, .maximum = 1000, .silent = true}, {0}, 0, 12345, RILL_OK, 12345, 12,
        90, 3000);
    PAY("1999", {THOUSANDTH, .maximum = 1999}, {0}, 0, 12345, RILL_OK, 12345, 12, 40, 1000);
    PAY("2500", {THOUSANDTH, .maximum = 2500}, {0}, 0, 12345, RILL_OK, 12345, 12, 40, 1000);
    PAY("5000", {THOUSANDTH, .maximum = 5000}, {0}, 0, 12345, RILL_OK, 12345, 12, 40, 1000);
    PAY("exact", {.rate = {{99, 100}}, .maximum = 777}, {99, 100}, 0, 10000, RILL_OK, 10000, 9900,
        40, 1000);
    PAY("two sevenths", {.rate = {{2, 7}}, .maximum = 10}, {0}, 0, 7000, RILL_OK, 7000, 1990, 1100,
        3000);
}

/*
 * At a minimum that is the rate no packet that is small enough loses nothing. Two
 * of a size that has been seen lose less than the unit that may be missing.
 */
static void test_what_was_seen_is_enough_for_all_of_it(void **state)
{
    const rill_ratio rate = {47081, 104745};
    pair *p = *state;
    pair_options o = pair_defaults();
    rill_stream_totals t;
    o.connection.min_rate = rate;
    pair_open(p, &o);
    p->rate[PAIR_CLIENT] = rate;
    p->maximum[PAIR_CLIENT] = 63337;
    p->silent_maximum = true;
    rill_stream *s = pair_stream_open(p, PAIR_CLIENT);
    assert_int_equal(rill_stream_set_send_max(s, 3226), RILL_OK);
    pair_run(p, RILL_SECOND);
    assert_int_equal(rill_stream_set_send_max(s, 3226 + 68847), RILL_OK);
    pair_run(p, 5 * RILL_SECOND);
    rill_stream_get_totals(s, &t);
    assert_int_equal(t.sent, 3226 + 68847);
    assert_true(t.delivered >= rill_ratio_floor(rate, t.sent));
    pair_check_books(p);
}

/* Nine digits, then two, then nine: what the middle does not see does not arrive. */
static void test_coarse_hops_in_the_middle(void **state)
{
    const rill_ratio down = {1, 10000000}, up = {10000000, 1};
    PAY("cents", {.rate = {down, up}, .maximum = 100000000}, {0}, 0, 1012345678, RILL_OK,
        1012345678, 1010000000, 60, 2000);
    /* Found by halving, its probe says a lower rate. */
    PAY("cents, silent", {.rate = {down, up}, .maximum = 100000000, .silent = true}, {0}, 0,
        1012345678, RILL_OK, 1012345678, 1000000000, 90, 3000);
    PAY("less than a cent", {.rate = {down, up}}, {0}, 0, 9999999, RILL_ERR_TOO_LITTLE, 0, 0, 10,
        1000);
    PAY("uneven", {.rate = {{5234, 100000000}, {9134501, 1}, {99, 100}}, .maximum = 104000000}, {0},
        0, 2000000000, RILL_OK, 2000000000, 930000000, 100, 3000);
}

static void test_what_brings_nothing_is_not_sent(void **state)
{
    PAY("999", {THOUSANDTH}, {0}, 0, 999, RILL_ERR_TOO_LITTLE, 0, 0, 10, 1000);
    PAY("999 at a minimum", {THOUSANDTH}, {1, 1000}, 0, 999, RILL_ERR_TOO_LITTLE, 0, 0, 10, 1000);
    PAY("999 at no minimum", {THOUSANDTH}, {1, 1000000}, 0, 999, RILL_ERR_TOO_LITTLE, 0, 0, 10,
        1000);
    PAY("worthless", {.rate = {{1, 20000000}}}, {0}, 0, 1000000, RILL_ERR_TOO_LITTLE, 0, 0, 10,
        1000);
    PAY("packets too small", {THOUSANDTH, .maximum = 950}, {1, 2000}, 0, 12345, RILL_ERR_RATE, 0, 0,
        10, 1000);
}

/*
 * What small packets brought says that everything in one packet may just be enough, except for the
 * unit that may be missing: ten for eighteen.
 */
static void test_all_of_it_may_just_be_enough(void **state)
{
    pair *p = *state;
    pair_options o = pair_defaults();
    rill_stream_totals t;
    o.connection.min_rate = (rill_ratio){5581, 10000};
    pair_open(p, &o);
    p->rate[PAIR_CLIENT] = (rill_ratio){56, 100};
    p->delay[PAIR_CLIENT] = 50 * RILL_MS;
    rill_stream *s = pair_stream_open(p, PAIR_CLIENT);
    assert_int_equal(rill_stream_set_send_max(s, 8), RILL_OK);
    pair_run(p, 10 * RILL_MS);
    assert_int_equal(rill_stream_send_total(s, 18, RILL_NEVER), RILL_OK);
    pair_run(p, 2 * RILL_SECOND);
    rill_stream_get_totals(s, &t);
    assert_int_equal(p->end[PAIR_CLIENT].events[RILL_EVENT_SEND_TOTAL_END], 1);
    assert_int_equal(p->end[PAIR_CLIENT].sent_error, RILL_OK);
    assert_int_equal(t.sent, 18);
    assert_int_equal(t.delivered, 10);
    pair_check_books(p);
}

/* A hair less than that: it is refused, and the payment ends. */
static void test_all_of_it_may_just_be_too_little(void **state)
{
    pair *p = *state;
    pair_options o = pair_defaults();
    rill_stream_totals t;
    o.connection.min_rate = (rill_ratio){5560, 10000};
    pair_open(p, &o);
    p->rate[PAIR_CLIENT] = (rill_ratio){555, 1000};
    p->delay[PAIR_CLIENT] = 50 * RILL_MS;
    rill_stream *s = pair_stream_open(p, PAIR_CLIENT);
    assert_int_equal(rill_stream_set_send_max(s, 8), RILL_OK);
    pair_run(p, 10 * RILL_MS);
    assert_int_equal(rill_stream_send_total(s, 18, RILL_NEVER), RILL_OK);
    pair_run(p, 10 * RILL_SECOND);
    rill_stream_get_totals(s, &t);
    assert_int_equal(p->end[PAIR_CLIENT].events[RILL_EVENT_SEND_TOTAL_END], 1);
    assert_int_equal(p->end[PAIR_CLIENT].sent_error, RILL_ERR_RATE);
    assert_int_equal(t.sent, 0);
    assert_true(p->end[PAIR_CLIENT].packets < 30);
    pair_check_books(p);
}

static rill_stream *pay_until_the_rate_falls(pair *p, rill_ratio rate)
{
    pair_options o = pair_defaults();
    rill_stream_totals t;
    o.connection.min_rate = (rill_ratio){9, 10};
    pair_open(p, &o);
    p->maximum[PAIR_CLIENT] = 100;
    p->delay[PAIR_CLIENT] = 50 * RILL_MS;
    rill_stream *s = pair_stream_open(p, PAIR_CLIENT);
    assert_int_equal(rill_stream_send_total(s, 100000, RILL_NEVER), RILL_OK);
    pair_run(p, 250 * RILL_MS);
    rill_stream_get_totals(s, &t);
    assert_true(t.sent > 0 && t.sent < 100000);
    p->rate[PAIR_CLIENT] = rate;
    return s;
}

/* A rate that falls below the minimum, and is as good as before a while later. */
static void test_a_rate_that_recovers(void **state)
{
    pair *p = *state;
    rill_stream_totals t;
    rill_stream *s = pay_until_the_rate_falls(p, (rill_ratio){8, 10});
    pair_run(p, 9 * RILL_SECOND);
    assert_int_equal(p->end[PAIR_CLIENT].events[RILL_EVENT_SEND_TOTAL_END], 0);
    p->rate[PAIR_CLIENT] = (rill_ratio){1, 1};
    pair_run(p, 10 * RILL_SECOND);
    rill_stream_get_totals(s, &t);
    assert_int_equal(p->end[PAIR_CLIENT].sent_error, RILL_OK);
    assert_int_equal(t.sent, 100000);
    assert_int_equal(t.delivered, 100000);
    pair_check_books(p);
}

/* A rate that does not recover is reported after ten seconds, and costs few packets until then. */
static void test_a_rate_that_stays_low(void **state)
{
    pair *p = *state;
    pay_until_the_rate_falls(p, (rill_ratio){8, 10});
    pair_run(p, RILL_SECOND);
    uint64_t before = p->end[PAIR_CLIENT].packets;
    pair_run(p, 8 * RILL_SECOND);
    assert_int_equal(p->end[PAIR_CLIENT].events[RILL_EVENT_SEND_TOTAL_END], 0);
    pair_run(p, 2 * RILL_SECOND);
    assert_int_equal(p->end[PAIR_CLIENT].events[RILL_EVENT_SEND_TOTAL_END], 1);
    assert_int_equal(p->end[PAIR_CLIENT].sent_error, RILL_ERR_RATE);
    assert_true(p->end[PAIR_CLIENT].packets < before + 20);
    pair_check_books(p);
}

/* Ten streams whose ends bring nothing each: together they may lose one unit, and no more. */
static void test_streams_share_what_may_be_missing(void **state)
{
    pair *p = *state;
    pair_options o = pair_defaults();
    o.connection.min_rate = (rill_ratio){1, 1000};
    o.connection.max_packet_amount = 1000;
    pair_open(p, &o);
    p->rate[PAIR_CLIENT] = (rill_ratio){1, 1000};
    uint64_t sent = 0, delivered = 0;
    for (unsigned i = 0; i < 10; i++)
        assert_int_equal(rill_stream_send_total(pair_stream_open(p, PAIR_CLIENT), 2345, RILL_NEVER),
                         RILL_OK);
    pair_run(p, 3 * RILL_SECOND);
    assert_int_equal(p->end[PAIR_CLIENT].events[RILL_EVENT_SEND_TOTAL_END], 10);
    for (uint64_t id = 1; id < 20; id += 2) {
        rill_stream_totals t;
        rill_stream_get_totals(rill_connection_stream(p->end[PAIR_CLIENT].connection, id), &t);
        assert_int_equal(pair_seen(p, PAIR_SERVER, id)->money, 2);
        assert_true(t.sent / 1000 == 2);
        sent += t.sent;
        delivered += t.delivered;
    }
    assert_int_equal(delivered, 20);
    assert_in_range(sent, 20000, 20999);
    assert_int_equal(sent, 20000 + 2 * 345);
    pair_check_books(p);
}

/* The same minimum once more is no other: what may be missing is not to be had twice. */
static void test_the_same_minimum_again(void **state)
{
    pair *p = *state;
    pair_options o = pair_defaults();
    uint64_t sent = 0, delivered = 0;
    o.connection.min_rate = (rill_ratio){1, 1000};
    o.connection.max_packet_amount = 1000;
    pair_open(p, &o);
    p->rate[PAIR_CLIENT] = (rill_ratio){1, 1000};
    for (unsigned i = 0; i < 6; i++) {
        rill_stream_totals t;
        rill_stream *s = pair_stream_open(p, PAIR_CLIENT);
        assert_int_equal(rill_stream_send_total(s, 2345, RILL_NEVER), RILL_OK);
        pair_run(p, RILL_SECOND);
        rill_stream_get_totals(s, &t);
        sent += t.sent;
        delivered += t.delivered;
        assert_int_equal(
            rill_connection_set_min_rate(p->end[PAIR_CLIENT].connection, (rill_ratio){2, 2000}),
            RILL_OK);
    }
    assert_int_equal(delivered, 12);
    assert_int_equal(sent, 12000 + 2 * 345);
    pair_check_books(p);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        PAIR_TEST_TO_OPEN(test_small_packets_keep_the_minimum),
        PAIR_TEST_TO_OPEN(test_sizes_bring_what_there_is_to_bring),
        PAIR_TEST_TO_OPEN(test_what_was_seen_is_enough_for_all_of_it),
        PAIR_TEST_TO_OPEN(test_coarse_hops_in_the_middle),
        PAIR_TEST_TO_OPEN(test_what_brings_nothing_is_not_sent),
        PAIR_TEST_TO_OPEN(test_all_of_it_may_just_be_enough),
        PAIR_TEST_TO_OPEN(test_all_of_it_may_just_be_too_little),
        PAIR_TEST_TO_OPEN(test_a_rate_that_recovers),
        PAIR_TEST_TO_OPEN(test_a_rate_that_stays_low),
        PAIR_TEST_TO_OPEN(test_streams_share_what_may_be_missing),
        PAIR_TEST_TO_OPEN(test_the_same_minimum_again),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
