/* SPDX-License-Identifier: Apache-2.0 */
/* Time: what waits for what, and for how long. Nobody is busy with waiting. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "support/pair.h"

static rill_ilp_code_id refusal;

static void refuse_all(pair *p, pair_packet *packet)
{
    (void)p;
    packet->action = PAIR_REJECT;
    packet->code = refusal;
}

static void drop_all(pair *p, pair_packet *packet)
{
    (void)p;
    packet->action = PAIR_DROP;
}

static void test_idle_connections_end(void **state)
{
    pair *p = *state;
    pair_write(pair_stream_open(p, PAIR_CLIENT), "x", 1);
    pair_run(p, 59 * RILL_SECOND);
    assert_int_equal(rill_endpoint_connection_count(p->end[PAIR_SERVER].endpoint), 1);
    pair_run(p, 10 * RILL_SECOND);
    for (pair_side side = PAIR_CLIENT; side <= PAIR_SERVER; side++) {
        assert_int_equal(p->end[side].events[RILL_EVENT_CONNECTION_END], 1);
        assert_int_equal(rill_endpoint_connection_count(p->end[side].endpoint), 0);
        assert_int_equal(rill_endpoint_deadline(p->end[side].endpoint) > p->now.mono_ns, 1);
    }
    pair_run(p, 300 * RILL_SECOND);
    assert_true(rill_endpoint_deadline(p->end[PAIR_SERVER].endpoint) == RILL_NEVER);
    assert_true(rill_endpoint_deadline(p->end[PAIR_CLIENT].endpoint) == RILL_NEVER);
}

/* An application with nothing to say for now, and a stream: as long as the other side is there. */
static void test_kept_alive(void **state)
{
    for (pair_side keeper = PAIR_CLIENT; keeper <= PAIR_SERVER; keeper++) {
        pair *p = *state;
        pair_options o = pair_defaults();
        o.connection.keep_alive = keeper == PAIR_CLIENT;
        o.accepted.keep_alive = keeper == PAIR_SERVER;
        pair_open(p, &o);
        rill_stream *s = pair_stream_open(p, PAIR_CLIENT);
        pair_write(s, "x", 1);
        pair_run(p, RILL_SECOND);
        uint64_t packets = p->end[keeper].packets;
        pair_run(p, 600 * RILL_SECOND);
        assert_int_equal(p->end[PAIR_CLIENT].events[RILL_EVENT_CONNECTION_END], 0);
        assert_int_equal(p->end[PAIR_SERVER].events[RILL_EVENT_CONNECTION_END], 0);
        assert_in_range(p->end[keeper].packets - packets, 600 / 60, 600 / 10);
        pair_write(s, "y", 1);
        pair_run(p, RILL_SECOND);
        assert_int_equal(pair_seen(p, PAIR_SERVER, 1)->len, 2);
        /* Nobody there: idle as ever. */
        p->on_packet = drop_all;
        pair_run(p, 100 * RILL_SECOND);
        assert_int_equal(p->end[keeper].end_error, RILL_ERR_IDLE);
        pair_close(p);
    }
}

/* Without a stream there is nothing to keep it for. */
static void test_not_kept_alive_without_a_stream(void **state)
{
    pair *p = *state;
    pair_options o = pair_defaults();
    o.connection.keep_alive = true;
    pair_open(p, &o);
    rill_stream *s = pair_stream_open(p, PAIR_CLIENT);
    pair_write(s, "x", 1);
    assert_int_equal(rill_stream_end(s), RILL_OK);
    pair_run(p, 100 * RILL_SECOND);
    assert_int_equal(p->end[PAIR_CLIENT].events[RILL_EVENT_CONNECTION_END], 1);
}

static void test_nobody_answers(void **state)
{
    pair *p = *state;
    p->on_packet = drop_all;
    rill_stream *s = pair_stream_open(p, PAIR_CLIENT);
    assert_int_equal(rill_stream_send_total(s, 100, RILL_NEVER), RILL_OK);
    pair_run(p, 70 * RILL_SECOND);
    assert_int_equal(p->end[PAIR_CLIENT].events[RILL_EVENT_SEND_TOTAL_END], 1);
    assert_int_equal(p->end[PAIR_CLIENT].sent_error, RILL_ERR_TIMEOUT);
    assert_int_equal(p->end[PAIR_CLIENT].events[RILL_EVENT_CONNECTION_END], 1);
    assert_in_range(p->end[PAIR_CLIENT].packets, 1, 20);
}

static void drop_first(pair *p, pair_packet *packet)
{
    (void)p;
    if (packet->from == PAIR_CLIENT && packet->number == 0)
        packet->action = PAIR_DROP;
}

/*
 * Bytes that may have arrived are not sent again before the server has said by which mark it knows
 * the client. So something else has to ask whether anybody is there. Then they are sent at once.
 */
static void test_a_first_packet_that_is_lost_is_followed(void **state)
{
    pair *p = *state;
    p->on_packet = drop_first;
    pair_write(pair_stream_open(p, PAIR_CLIENT), "x", 1);
    pair_run(p, 2900 * RILL_MS);
    assert_int_equal(p->end[PAIR_CLIENT].packets, 1);
    assert_int_equal(p->end[PAIR_SERVER].events[RILL_EVENT_CONNECTION], 0);
    pair_run(p, 300 * RILL_MS);
    assert_int_equal(p->end[PAIR_CLIENT].packets, 3); /* the question, and the bytes */
    assert_int_equal(p->end[PAIR_SERVER].events[RILL_EVENT_CONNECTION], 1);
    assert_int_equal(pair_seen(p, PAIR_SERVER, 1)->len, 1);
    uint64_t packets = p->end[PAIR_CLIENT].packets;
    pair_run(p, 40 * RILL_SECOND); /* and not once more when the first one expires */
    assert_int_equal(pair_seen(p, PAIR_SERVER, 1)->len, 1);
    assert_in_range(p->end[PAIR_CLIENT].packets - packets, 0, 3);
}

static void drop_first_and_second_reply(pair *p, pair_packet *packet)
{
    drop_first(p, packet);
    if (packet->from == PAIR_CLIENT && packet->number == 1)
        packet->action = PAIR_LOSE_REPLY;
}

/* The mark comes with a packet of the server, before any reply does. */
static void test_a_first_packet_that_is_lost_and_a_server_that_writes(void **state)
{
    pair *p = *state;
    p->on_packet = drop_first_and_second_reply;
    pair_write(pair_stream_open(p, PAIR_CLIENT), "x", 1);
    pair_run(p, 3200 * RILL_MS);
    assert_int_equal(p->end[PAIR_SERVER].events[RILL_EVENT_CONNECTION], 1);
    pair_write(pair_stream_open(p, PAIR_SERVER), "y", 1);
    pair_run(p, 300 * RILL_MS);
    assert_int_equal(pair_seen(p, PAIR_SERVER, 1)->len, 1);
    pair_run(p, 40 * RILL_SECOND);
    assert_int_equal(pair_seen(p, PAIR_SERVER, 1)->len, 1);
}

static void refuse_money(pair *p, pair_packet *packet)
{
    if (packet->amount > 0)
        refuse_all(p, packet);
}

/* The path lets no money through for longer than idleness is, and the payment has more time. */
static void pay_through_refusals(pair_side payer, void (*refuse)(pair *, pair_packet *),
                                 uint64_t lasts, int expected)
{
    pair p = {0};
    pair_options o = pair_defaults();
    pair_open(&p, &o);
    rill_stream *s = pair_stream_open(&p, PAIR_CLIENT);
    pair_write(s, "x", 1);
    pair_run(&p, 50 * RILL_MS);
    if (payer == PAIR_SERVER)
        s = rill_connection_stream(p.end[PAIR_SERVER].connection, 1);
    p.on_packet = refuse;
    uint64_t before = p.end[payer].packets;
    assert_int_equal(rill_stream_send_total(s, 1000, p.now.mono_ns + 2 * lasts), RILL_OK);
    pair_run(&p, lasts);
    assert_int_equal(p.end[payer].events[RILL_EVENT_SEND_TOTAL_END], 0);
    assert_int_equal(p.end[payer].events[RILL_EVENT_CONNECTION_END], 0);
    assert_in_range(p.end[payer].packets - before, 1, 100 + 2 * lasts / RILL_SECOND);
    p.on_packet = NULL;
    pair_run(&p, 15 * RILL_SECOND);
    assert_int_equal(p.end[payer].events[RILL_EVENT_SEND_TOTAL_END], 1);
    assert_int_equal(p.end[payer].sent_error, expected);
    pair_run(&p, 100 * RILL_SECOND);
    assert_int_equal(p.end[payer].events[RILL_EVENT_CONNECTION_END], 1);
    /* One of both is idle first, and tells the other, which has nothing to miss. */
    if (expected != RILL_OK || p.end[payer].end_error != RILL_OK)
        assert_int_equal(p.end[payer].end_error, expected == RILL_OK ? RILL_ERR_IDLE : expected);
    pair_check_books(&p);
    pair_close(&p);
}

static void test_a_payment_outlasts_refusals_longer_than_idleness(void **state)
{
    (void)state;
    refusal = RILL_ILP_T04_INSUFFICIENT_LIQUIDITY;
    for (uint64_t lasts = 61; lasts < 700; lasts *= 3) {
        pay_through_refusals(PAIR_CLIENT, refuse_money, lasts * RILL_SECOND, RILL_OK);
        pay_through_refusals(PAIR_SERVER, refuse_money, lasts * RILL_SECOND, RILL_OK);
    }
}

/* Nothing passes at all: the other side cannot know better than to forget. That is no success. */
static void test_a_path_that_is_gone_for_longer_than_idleness(void **state)
{
    (void)state;
    refusal = RILL_ILP_T01_PEER_UNREACHABLE;
    pay_through_refusals(PAIR_CLIENT, refuse_all, 90 * RILL_SECOND, RILL_ERR_FORGOTTEN);
}

/* A wait without an end of its own ends with idleness, and that is an error. */
static void test_idleness_is_no_success(void **state)
{
    pair *p = *state;
    rill_stream *s = pair_stream_open(p, PAIR_CLIENT);
    pair_write(s, "x", 1);
    pair_run(p, 50 * RILL_MS);
    rill_stream *to = rill_connection_stream(p->end[PAIR_SERVER].connection, 1);
    p->on_packet = drop_all;
    assert_int_equal(rill_stream_receive_total(to, 100, RILL_NEVER), RILL_OK);
    assert_int_equal(rill_stream_send_total(s, 100, RILL_NEVER), RILL_OK);
    pair_run(p, 100 * RILL_SECOND);
    assert_int_equal(p->end[PAIR_CLIENT].sent_error, RILL_ERR_IDLE);
    assert_int_equal(p->end[PAIR_SERVER].received_error, RILL_ERR_CLOSED);
    for (pair_side side = PAIR_CLIENT; side <= PAIR_SERVER; side++) {
        assert_int_equal(pair_seen(p, side, 1)->error, RILL_ERR_IDLE);
        assert_int_equal(p->end[side].events[RILL_EVENT_CONNECTION_END], 1);
        assert_int_equal(p->end[side].end_error, RILL_ERR_IDLE);
    }
}

/* A process was stopped: what came meanwhile is read before anybody counts the silence. */
static void test_time_that_nobody_looked_is_no_silence(void **state)
{
    pair *p = *state;
    rill_stream *s = pair_stream_open(p, PAIR_CLIENT);
    pair_write(s, "x", 1);
    pair_run(p, 50 * RILL_MS);
    p->maximum[PAIR_CLIENT] = 10;
    p->delay[PAIR_CLIENT] = 20 * RILL_MS;
    assert_int_equal(rill_stream_send_total(s, 2000, p->now.mono_ns + 300 * RILL_SECOND), RILL_OK);
    for (unsigned i = 0; i < 2; i++) {
        pair_run(p, 30 * RILL_MS);
        assert_int_equal(p->end[PAIR_CLIENT].events[RILL_EVENT_SEND_TOTAL_END], 0);
        pair_sleep(p, 70 * RILL_SECOND);
    }
    pair_run(p, 50 * RILL_SECOND);
    assert_int_equal(p->end[PAIR_CLIENT].events[RILL_EVENT_SEND_TOTAL_END], 1);
    assert_int_equal(p->end[PAIR_CLIENT].sent_error, RILL_OK);
    assert_int_equal(pair_seen(p, PAIR_SERVER, 1)->money, 2000);
    pair_check_books(p);
}

/* Whatever a path says, the call ends, the connection ends, and packets are few. */
static void test_a_path_that_refuses_everything(void **state)
{
    static const rill_ilp_code_id codes[] = {RILL_ILP_F00_BAD_REQUEST,
                                             RILL_ILP_F02_UNREACHABLE,
                                             RILL_ILP_F08_AMOUNT_TOO_LARGE,
                                             RILL_ILP_F99_APPLICATION_ERROR,
                                             RILL_ILP_T00_INTERNAL_ERROR,
                                             RILL_ILP_T01_PEER_UNREACHABLE,
                                             RILL_ILP_T04_INSUFFICIENT_LIQUIDITY,
                                             RILL_ILP_T05_RATE_LIMITED,
                                             RILL_ILP_R00_TRANSFER_TIMED_OUT,
                                             RILL_ILP_R02_INSUFFICIENT_TIMEOUT};
    (void)state;
    for (unsigned i = 0; i < 2 * sizeof codes / sizeof codes[0]; i++) {
        pair p;
        pair_options o;
        pair_options_init(&o);
        if (i % 2)
            o.connection.min_rate = (rill_ratio){0, 1};
        pair_open(&p, &o);
        refusal = codes[i / 2];
        p.on_packet = refuse_all;
        rill_stream *s = pair_stream_open(&p, PAIR_CLIENT);
        pair_write(s, "hello", 5);
        assert_int_equal(rill_stream_send_total(s, 100000, p.now.mono_ns + 50 * RILL_SECOND),
                         RILL_OK);
        pair_run(&p, 150 * RILL_SECOND);
        assert_int_equal(p.end[PAIR_CLIENT].events[RILL_EVENT_SEND_TOTAL_END], 1);
        assert_int_not_equal(p.end[PAIR_CLIENT].sent_error, RILL_OK);
        assert_int_equal(p.end[PAIR_CLIENT].events[RILL_EVENT_CONNECTION_END], 1);
        assert_true(p.end[PAIR_CLIENT].packets < 1000);
        assert_int_equal(p.end[PAIR_CLIENT].last.sent + p.end[PAIR_CLIENT].last.in_flight, 0);
        pair_close(&p);
    }
}

static void test_goals_time_out_with_what_was_done(void **state)
{
    pair *p = *state;
    p->maximum[PAIR_CLIENT] = 10;
    p->delay[PAIR_CLIENT] = 100 * RILL_MS;
    rill_stream *s = pair_stream_open(p, PAIR_CLIENT);
    pair_write(s, "x", 1);
    pair_run(p, RILL_SECOND);
    rill_stream *t = rill_connection_stream(p->end[PAIR_SERVER].connection, 1);
    assert_int_equal(rill_stream_receive_total(t, 1000000, p->now.mono_ns + 2 * RILL_SECOND),
                     RILL_OK);
    assert_int_equal(rill_stream_receive_total(t, 1, RILL_NEVER), RILL_ERR_STATE);
    assert_int_equal(rill_stream_send_total(s, 1000000, p->now.mono_ns + RILL_SECOND), RILL_OK);
    assert_int_equal(rill_stream_send_total(s, 1000001, RILL_NEVER), RILL_ERR_STATE);
    pair_run(p, 5 * RILL_SECOND);
    assert_int_equal(p->end[PAIR_CLIENT].sent_error, RILL_ERR_TIMEOUT);
    assert_int_equal(p->end[PAIR_SERVER].received_error, RILL_ERR_TIMEOUT);
    rill_stream_totals totals;
    rill_stream_get_totals(s, &totals);
    assert_true(totals.sent > 0 && totals.sent == totals.send_max && totals.in_flight == 0);
    assert_int_equal(pair_seen(p, PAIR_SERVER, 1)->money, totals.sent);
    pair_check_books(p);
}

/* Refused after the call has ended: it is not sent again behind the caller's back. */
static void refuse_late(pair *p, pair_packet *packet)
{
    (void)p;
    if (packet->amount == 0)
        return;
    packet->action = PAIR_REJECT;
    packet->code = RILL_ILP_T04_INSUFFICIENT_LIQUIDITY;
    packet->delay = RILL_SECOND;
}

static void test_nothing_is_sent_after_a_call_has_timed_out(void **state)
{
    pair *p = *state;
    rill_stream *s = pair_stream_open(p, PAIR_CLIENT);
    pair_write(s, "x", 1);
    pair_run(p, 100 * RILL_MS);
    p->on_packet = refuse_late;
    assert_int_equal(rill_stream_send_total(s, 100, p->now.mono_ns + RILL_SECOND), RILL_OK);
    pair_run(p, 1500 * RILL_MS);
    assert_int_equal(p->end[PAIR_CLIENT].sent_error, RILL_ERR_TIMEOUT);
    p->on_packet = NULL;
    pair_run(p, 10 * RILL_SECOND);
    rill_stream_totals totals;
    rill_stream_get_totals(s, &totals);
    assert_int_equal(totals.sent, 0);
    assert_int_equal(totals.send_max, 0);
    assert_int_equal(p->end[PAIR_SERVER].fulfilled_in, 0);
    /* Another call starts afresh. */
    assert_int_equal(rill_stream_send_total(s, 100, RILL_NEVER), RILL_OK);
    pair_run(p, RILL_SECOND);
    rill_stream_get_totals(s, &totals);
    assert_int_equal(totals.sent, 100);
    pair_check_books(p);
}

static void lose_probes(pair *p, pair_packet *packet)
{
    (void)p;
    static const pair_action actions[] = {PAIR_IN_DOUBT, PAIR_UNSENT, PAIR_LOSE_REPLY, PAIR_DROP};
    if (packet->from == PAIR_CLIENT && packet->number < 12)
        packet->action = actions[packet->number % 4];
}

/* Probes are never in doubt, since they could not be fulfilled. They are sent again. */
static void test_probes_without_an_answer_are_sent_again(void **state)
{
    pair *p = *state;
    rill_stream_totals t;
    pair_options o = pair_defaults();
    o.connection.min_rate = (rill_ratio){0, 1};
    o.connection.packet_lifetime_ns = 2 * RILL_SECOND;
    pair_open(p, &o);
    p->on_packet = lose_probes;
    rill_stream *s = pair_stream_open(p, PAIR_CLIENT);
    assert_int_equal(rill_stream_send_total(s, 20000, RILL_NEVER), RILL_OK);
    pair_run(p, RILL_SECOND);
    rill_stream_get_totals(s, &t);
    assert_int_equal(t.in_flight, 0);
    assert_int_equal(t.in_doubt, 0);
    pair_run(p, 20 * RILL_SECOND);
    rill_stream_get_totals(s, &t);
    assert_int_equal(t.sent, 20000);
    pair_check_books(p);
}

static void drop_closes(pair *p, pair_packet *packet)
{
    if (packet->from == PAIR_CLIENT && packet->number >= *(const uint64_t *)p->user)
        packet->action = PAIR_DROP;
}

/* A close whose packet expires before the patience with it is over. */
static void test_a_close_that_expires_ends_the_connection(void **state)
{
    pair *p = *state;
    pair_options o = pair_defaults();
    o.connection.packet_lifetime_ns = RILL_SECOND;
    pair_open(p, &o);
    pair_write(pair_stream_open(p, PAIR_CLIENT), "x", 1);
    pair_run(p, 100 * RILL_MS);
    uint64_t from = p->end[PAIR_CLIENT].packets;
    p->user = &from;
    p->on_packet = drop_closes;
    rill_connection_close(p->end[PAIR_CLIENT].connection, RILL_CLOSE_NO_ERROR, NULL);
    pair_run(p, 1900 * RILL_MS);
    assert_int_equal(p->end[PAIR_CLIENT].events[RILL_EVENT_CONNECTION_END], 0);
    pair_run(p, 400 * RILL_MS);
    assert_int_equal(p->end[PAIR_CLIENT].events[RILL_EVENT_CONNECTION_END], 1);
}

static void lose_all_money(pair *p, pair_packet *packet)
{
    (void)p;
    if (packet->amount > 0)
        packet->action = PAIR_DROP;
}

/* Money that is known not to have arrived, again and again, is no progress: the end comes. */
static void test_a_stream_ends_whose_money_never_arrives(void **state)
{
    pair *p = *state;
    p->on_packet = lose_all_money;
    rill_stream *s = pair_stream_open(p, PAIR_CLIENT);
    pair_write(s, "x", 1);
    pair_run(p, RILL_SECOND);
    assert_int_equal(rill_stream_set_send_max(s, 100), RILL_OK);
    assert_int_equal(rill_stream_end(s), RILL_OK);
    pair_run(p, 60 * RILL_SECOND);
    assert_int_equal(p->end[PAIR_CLIENT].events[RILL_EVENT_STREAM_END], 0);
    pair_run(p, 33 * RILL_SECOND); /* and what is under way then has expired */
    assert_int_equal(p->end[PAIR_CLIENT].events[RILL_EVENT_STREAM_END], 1);
    assert_true(pair_seen(p, PAIR_CLIENT, 1)->error == RILL_ERR_IN_DOUBT ||
                pair_seen(p, PAIR_CLIENT, 1)->error == RILL_ERR_BLOCKED);
    assert_int_equal(pair_seen(p, PAIR_SERVER, 1)->money, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        PAIR_TEST(test_idle_connections_end),
        cmocka_unit_test(test_a_payment_outlasts_refusals_longer_than_idleness),
        cmocka_unit_test(test_a_path_that_is_gone_for_longer_than_idleness),
        PAIR_TEST(test_idleness_is_no_success),
        PAIR_TEST(test_time_that_nobody_looked_is_no_silence),
        PAIR_TEST_TO_OPEN(test_kept_alive),
        PAIR_TEST_TO_OPEN(test_not_kept_alive_without_a_stream),
        PAIR_TEST(test_nobody_answers),
        PAIR_TEST(test_a_first_packet_that_is_lost_is_followed),
        PAIR_TEST(test_a_first_packet_that_is_lost_and_a_server_that_writes),
        cmocka_unit_test(test_a_path_that_refuses_everything),
        PAIR_TEST(test_goals_time_out_with_what_was_done),
        PAIR_TEST(test_nothing_is_sent_after_a_call_has_timed_out),
        PAIR_TEST_TO_OPEN(test_probes_without_an_answer_are_sent_again),
        PAIR_TEST_TO_OPEN(test_a_close_that_expires_ends_the_connection),
        PAIR_TEST(test_a_stream_ends_whose_money_never_arrives),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
