/* SPDX-License-Identifier: Apache-2.0 */
/* What a connection says that it waits for, in every case in which it waits. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "support/pair.h"

static rill_ilp_code_id refusal;

static rill_waiting waiting(pair *p, pair_side side)
{
    rill_waiting w;
    assert_non_null(p->end[side].connection);
    rill_connection_get_waiting(p->end[side].connection, &w);
    assert_true(w.since_ns <= p->now.mono_ns);
    assert_true(w.until_ns >= w.since_ns);
    assert_int_equal(strncmp(w.text, rill_wait_text(w.reason), strlen(rill_wait_text(w.reason))),
                     0);
    return w;
}

/* Within two seconds of what stops it. */
static rill_waiting client_waits(pair *p)
{
    pair_run(p, 2 * RILL_SECOND);
    return waiting(p, PAIR_CLIENT);
}

static void assert_says(const rill_waiting *w, const char *part)
{
    if (!strstr(w->text, part))
        fail_msg("\"%s\" does not say \"%s\"", w->text, part);
}

static void refuse_all(pair *p, pair_packet *packet)
{
    (void)p;
    packet->action = PAIR_REJECT;
    packet->code = refusal;
}

static void refuse_money(pair *p, pair_packet *packet)
{
    if (packet->amount > 0)
        refuse_all(p, packet);
}

static void drop_all(pair *p, pair_packet *packet)
{
    (void)p;
    packet->action = PAIR_DROP;
}

static void in_doubt(pair *p, pair_packet *packet)
{
    (void)p;
    if (packet->amount > 0)
        packet->action = PAIR_IN_DOUBT;
}

/* A stream whose connection works. */
static rill_stream *working_stream(pair *p)
{
    rill_stream *s = pair_stream_open(p, PAIR_CLIENT);
    pair_write(s, "x", 1);
    pair_run(p, 100 * RILL_MS);
    assert_int_equal(waiting(p, PAIR_CLIENT).reason, RILL_WAIT_NOTHING);
    return s;
}

static void send_total(rill_stream *s, uint64_t total)
{
    assert_int_equal(rill_stream_send_total(s, total, RILL_NEVER), RILL_OK);
}

static void test_names(void **state)
{
    (void)state;
    assert_string_equal(rill_wait_name(RILL_WAIT_RECEIVE_MAX), "receive_max");
    assert_string_equal(rill_wait_name(RILL_WAIT_CLOSE), "close");
    assert_string_equal(rill_wait_name((rill_wait)1000), "nothing");
    assert_string_equal(rill_wait_text((rill_wait)1000), "nothing");
    assert_string_equal(rill_wait_text(RILL_WAIT_DATA_WINDOW), "the receiver to read");
    /* Each has one of its own, as programs that print them as events rely upon. */
    for (int i = 0; i <= RILL_WAIT_SERVER; i++) {
        const char *name = rill_wait_name((rill_wait)i);
        assert_true(*name && strspn(name, "abcdefghijklmnopqrstuvwxyz_") == strlen(name));
        assert_true(*rill_wait_text((rill_wait)i));
        for (int k = 0; k < i; k++)
            assert_string_not_equal(name, rill_wait_name((rill_wait)k));
    }
}

static void test_the_first_answer(void **state)
{
    pair *p = *state;
    uint64_t begun = p->now.mono_ns;
    p->on_packet = drop_all;
    send_total(pair_stream_open(p, PAIR_CLIENT), 100);
    rill_waiting w = client_waits(p);
    assert_int_equal(w.reason, RILL_WAIT_ANSWER);
    assert_true(w.until_ns == begun + 30 * RILL_SECOND);
    assert_true(w.since_ns == begun);
    assert_null(strstr(w.text, ":"));
}

static void test_the_first_answer_of_a_path_that_refuses(void **state)
{
    pair *p = *state;
    refusal = RILL_ILP_T01_PEER_UNREACHABLE;
    p->on_packet = refuse_all;
    send_total(pair_stream_open(p, PAIR_CLIENT), 100);
    rill_waiting w = client_waits(p);
    assert_int_equal(w.reason, RILL_WAIT_ANSWER);
    assert_says(&w, "T01");
}

static void test_the_rate(void **state)
{
    pair *p = *state;
    pair_options o = pair_defaults();
    o.connection.min_rate = (rill_ratio){0, 1};
    pair_open(p, &o);
    p->on_packet = refuse_money;
    refusal = RILL_ILP_T04_INSUFFICIENT_LIQUIDITY;
    send_total(pair_stream_open(p, PAIR_CLIENT), 1000000);
    rill_waiting w = client_waits(p);
    assert_int_equal(w.reason, RILL_WAIT_RATE);
    assert_says(&w, "T04");
    assert_true(w.until_ns > p->now.mono_ns && w.until_ns <= p->now.mono_ns + 30 * RILL_SECOND);
}

static void test_a_better_rate(void **state)
{
    pair *p = *state;
    pair_options o = pair_defaults();
    o.connection.min_rate = (rill_ratio){99, 100};
    pair_open(p, &o);
    p->rate[PAIR_CLIENT] = (rill_ratio){1, 2};
    send_total(pair_stream_open(p, PAIR_CLIENT), 1000000);
    rill_waiting w = client_waits(p);
    assert_int_equal(w.reason, RILL_WAIT_MINIMUM);
    assert_says(&w, "the path's rate is 0.5, the minimum is 0.99");
    assert_true(w.until_ns <= p->now.mono_ns + 30 * RILL_SECOND);
}

static void test_the_receiver_takes_no_more(void **state)
{
    pair *p = *state;
    pair_options o = pair_defaults();
    o.accepted.default_receive_max = 100;
    pair_open(p, &o);
    pair_run(p, RILL_SECOND);
    uint64_t asked = p->now.mono_ns;
    send_total(pair_stream_open(p, PAIR_CLIENT), 1000);
    pair_run(p, 500 * RILL_MS);
    rill_waiting before = waiting(p, PAIR_CLIENT);
    assert_true(before.since_ns > asked);
    rill_waiting w = client_waits(p);
    assert_int_equal(w.reason, RILL_WAIT_RECEIVE_MAX);
    assert_says(&w, "its maximum is 100 of its units, and it has 100");
    assert_true(w.since_ns == before.since_ns && w.until_ns == RILL_NEVER);
}

static void test_liquidity(void **state)
{
    pair *p = *state;
    rill_stream *s = working_stream(p);
    refusal = RILL_ILP_T04_INSUFFICIENT_LIQUIDITY;
    p->on_packet = refuse_all;
    send_total(s, 1000);
    assert_int_equal(client_waits(p).reason, RILL_WAIT_LIQUIDITY);
}

static void test_a_path_that_refuses(void **state)
{
    pair *p = *state;
    rill_stream *s = working_stream(p);
    refusal = RILL_ILP_T00_INTERNAL_ERROR;
    p->on_packet = refuse_all;
    send_total(s, 1000);
    rill_waiting w = client_waits(p);
    assert_int_equal(w.reason, RILL_WAIT_PATH);
    assert_says(&w, "T00");
}

static void test_replies(void **state)
{
    pair *p = *state;
    rill_stream *s = working_stream(p);
    p->on_packet = drop_all;
    uint64_t begun = p->now.mono_ns;
    send_total(s, 1000);
    rill_waiting w = client_waits(p);
    assert_int_equal(w.reason, RILL_WAIT_REPLY);
    assert_true(w.until_ns > begun + 30 * RILL_SECOND &&
                w.until_ns <= p->now.mono_ns + 31 * RILL_SECOND);
}

static void test_doubt(void **state)
{
    pair *p = *state;
    rill_stream *s = working_stream(p);
    p->on_packet = in_doubt;
    uint64_t begun = p->now.mono_ns;
    send_total(s, 1000);
    rill_waiting w = client_waits(p);
    assert_int_equal(w.reason, RILL_WAIT_DOUBT);
    assert_says(&w, "1000 units, until their packets expire");
    assert_true(w.until_ns >= begun + 30 * RILL_SECOND &&
                w.until_ns <= p->now.mono_ns + 31 * RILL_SECOND);
    /* Then it is asked about, and nobody answers. */
    p->on_packet = drop_all;
    pair_run(p, 32 * RILL_SECOND);
    w = waiting(p, PAIR_CLIENT);
    assert_int_equal(w.reason, RILL_WAIT_DOUBT);
    assert_says(&w, "1000 units, which the receiver is asked about");
}

static void test_a_reader(void **state)
{
    pair *p = *state;
    static char bytes[2000000];
    p->no_read[PAIR_SERVER] = true;
    rill_stream *s = working_stream(p);
    pair_write(s, bytes, sizeof bytes);
    rill_waiting w = client_waits(p);
    assert_int_equal(w.reason, RILL_WAIT_DATA_WINDOW);
    assert_says(&w, "no more than 262144 bytes");
}

static void test_one_more_stream(void **state)
{
    pair *p = *state;
    rill_stream *s = NULL;
    (void)working_stream(p);
    while (rill_connection_open_stream(p->end[PAIR_CLIENT].connection, &s) == RILL_OK)
        pair_write(s, "x", 1);
    assert_int_equal(client_waits(p).reason, RILL_WAIT_STREAM_ID);
}

static void test_a_decision(void **state)
{
    pair *p = *state;
    pair_options o = pair_defaults();
    o.accepted.ask_before_fulfill = true;
    pair_open(p, &o);
    send_total(pair_stream_open(p, PAIR_CLIENT), 1000);
    assert_int_equal(client_waits(p).reason, RILL_WAIT_ANSWER);
    assert_int_equal(waiting(p, PAIR_SERVER).reason, RILL_WAIT_DECISION);
}

static void test_the_answer_to_a_close(void **state)
{
    pair *p = *state;
    (void)working_stream(p);
    p->on_packet = drop_all;
    rill_connection_close(p->end[PAIR_CLIENT].connection, RILL_CLOSE_NO_ERROR, NULL);
    uint64_t closed = p->now.mono_ns;
    rill_waiting w = client_waits(p);
    assert_int_equal(w.reason, RILL_WAIT_CLOSE);
    assert_true(w.until_ns == closed + 5 * RILL_SECOND);
}

/* The connection is closed, and the books are not. */
static void test_doubt_after_a_close(void **state)
{
    pair *p = *state;
    rill_stream *s = working_stream(p);
    p->on_packet = in_doubt;
    send_total(s, 1000);
    pair_run(p, RILL_SECOND);
    rill_connection_close(p->end[PAIR_CLIENT].connection, RILL_CLOSE_NO_ERROR, NULL);
    rill_waiting w = client_waits(p);
    assert_int_equal(w.reason, RILL_WAIT_DOUBT);
    pair_run(p, w.until_ns - p->now.mono_ns + RILL_MS);
    assert_int_equal(p->end[PAIR_CLIENT].events[RILL_EVENT_CONNECTION_END], 1);
}

/* Bytes came before it closed, and nobody reads them. */
static void test_our_reader(void **state)
{
    pair *p = *state;
    p->no_read[PAIR_SERVER] = true;
    (void)working_stream(p);
    rill_connection_close(p->end[PAIR_CLIENT].connection, RILL_CLOSE_NO_ERROR, NULL);
    uint64_t closed = p->now.mono_ns;
    pair_run(p, 2 * RILL_SECOND);
    rill_waiting w = waiting(p, PAIR_SERVER);
    assert_int_equal(w.reason, RILL_WAIT_READER);
    assert_true(w.until_ns > closed && w.until_ns <= p->now.mono_ns + 60 * RILL_SECOND);
    pair_run(p, w.until_ns - p->now.mono_ns + RILL_MS);
    assert_int_equal(p->end[PAIR_SERVER].events[RILL_EVENT_CONNECTION_END], 1);
}

/* The same for a stream that was closed, while its connection goes on. */
static void test_our_reader_of_a_stream(void **state)
{
    pair *p = *state;
    p->no_read[PAIR_SERVER] = true;
    rill_stream *s = working_stream(p);
    assert_int_equal(waiting(p, PAIR_SERVER).reason, RILL_WAIT_NOTHING);
    assert_int_equal(rill_stream_end(s), RILL_OK);
    pair_run(p, 2 * RILL_SECOND);
    rill_waiting w = waiting(p, PAIR_SERVER);
    assert_int_equal(w.reason, RILL_WAIT_READER);
    assert_says(&w, "1 bytes of a stream that the other side has closed");
    assert_int_equal(p->end[PAIR_SERVER].events[RILL_EVENT_STREAM_END], 0);
    rill_stream_consume(rill_connection_stream(p->end[PAIR_SERVER].connection, 1), 1);
    pair_run(p, RILL_SECOND);
    assert_int_equal(p->end[PAIR_SERVER].events[RILL_EVENT_STREAM_END], 1);
    assert_int_equal(waiting(p, PAIR_SERVER).reason, RILL_WAIT_NOTHING);
}

static void test_a_receiver_that_refuses(void **state)
{
    pair *p = *state;
    pair_options o = pair_defaults();
    o.accepted.ask_before_fulfill = true;
    pair_open(p, &o);
    rill_stream *s = working_stream(p);
    send_total(s, 1000);
    for (unsigned i = 0, n = 0; i < 200; i++) {
        pair_run(p, 10 * RILL_MS);
        while (n < p->end[PAIR_SERVER].asked_count)
            assert_int_equal(pair_decide(p, PAIR_SERVER, n++, false, NULL), RILL_OK);
    }
    rill_waiting w = waiting(p, PAIR_CLIENT);
    assert_int_equal(w.reason, RILL_WAIT_REFUSED);
    assert_says(&w, "F99");
}

/* It may send more, which nobody would notice: it waits for more. */
static void test_what_is_not_worth_a_packet(void **state)
{
    pair *p = *state;
    pair_options o = pair_defaults();
    o.connection.min_rate = (rill_ratio){1, 2000};
    pair_open(p, &o);
    p->rate[PAIR_CLIENT] = (rill_ratio){1, 1000};
    rill_stream *s = working_stream(p);
    assert_int_equal(rill_stream_set_send_max(s, 500), RILL_OK);
    rill_waiting w = client_waits(p);
    assert_int_equal(w.reason, RILL_WAIT_INPUT);
    assert_says(&w, "what may be sent, 500 units, brings less than one there");
    assert_true(w.until_ns == RILL_NEVER);
    assert_int_equal(rill_stream_set_send_max(s, 5000), RILL_OK);
    pair_run(p, RILL_SECOND);
    assert_int_equal(pair_seen(p, PAIR_SERVER, 1)->money, 5);
    assert_int_equal(waiting(p, PAIR_CLIENT).reason, RILL_WAIT_NOTHING);
}

/* Nothing is full, but no unit of ours fits: that is asked about as well. */
static void test_a_maximum_for_less_than_a_unit(void **state)
{
    pair *p = *state;
    pair_options o = pair_defaults();
    o.connection.min_rate = (rill_ratio){9, 10};
    o.connection.tell_address = false; /* a raised limit is told to whoever asks */
    o.accepted.default_receive_max = 5;
    pair_open(p, &o);
    p->rate[PAIR_CLIENT] = (rill_ratio){1, 1};
    p->maximum[PAIR_CLIENT] = 1000000;
    rill_stream *s = working_stream(p);
    assert_int_equal(
        rill_connection_set_min_rate(p->end[PAIR_CLIENT].connection, (rill_ratio){97, 10}),
        RILL_OK);
    p->rate[PAIR_CLIENT] = (rill_ratio){10, 1};
    send_total(s, 3);
    uint64_t before = p->end[PAIR_CLIENT].packets;
    rill_waiting w = client_waits(p);
    assert_int_equal(w.reason, RILL_WAIT_RECEIVE_MAX);
    assert_says(&w, "its maximum is 5 of its units, and it has 0");
    assert_in_range(p->end[PAIR_CLIENT].packets - before, 1, 12);
    rill_stream *theirs = rill_connection_stream(p->end[PAIR_SERVER].connection, 1);
    assert_int_equal(rill_stream_set_receive_max(theirs, 1000), RILL_OK);
    pair_run(p, 6 * RILL_SECOND);
    assert_int_equal(pair_seen(p, PAIR_SERVER, 1)->money, 30);
}

/* Its client has told no address, and has nothing to send. */
static void test_who_cannot_be_sent_to(void **state)
{
    pair *p = *state;
    pair_options o = pair_defaults();
    o.connection.tell_address = false;
    pair_open(p, &o);
    (void)working_stream(p);
    rill_stream *theirs = rill_connection_stream(p->end[PAIR_SERVER].connection, 1);
    for (unsigned i = 0; i < 2; i++) {
        if (i == 0)
            pair_write(theirs, "x", 1);
        else
            assert_int_equal(rill_stream_set_send_max(theirs, 100), RILL_OK);
        pair_run(p, 2 * RILL_SECOND);
        rill_waiting w = waiting(p, PAIR_SERVER);
        assert_int_equal(w.reason, RILL_WAIT_ANSWER);
        assert_says(&w, "it has told no address to send to");
    }
}

static void test_nothing(void **state)
{
    pair *p = *state;
    rill_stream *s = working_stream(p);
    send_total(s, 1000);
    rill_waiting w = client_waits(p);
    assert_int_equal(w.reason, RILL_WAIT_NOTHING);
    assert_true(w.until_ns == RILL_NEVER);
    assert_int_equal(waiting(p, PAIR_SERVER).reason, RILL_WAIT_NOTHING);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_names),
        PAIR_TEST(test_the_first_answer),
        PAIR_TEST(test_the_first_answer_of_a_path_that_refuses),
        PAIR_TEST_TO_OPEN(test_the_rate),
        PAIR_TEST_TO_OPEN(test_a_better_rate),
        PAIR_TEST_TO_OPEN(test_the_receiver_takes_no_more),
        PAIR_TEST(test_liquidity),
        PAIR_TEST(test_a_path_that_refuses),
        PAIR_TEST(test_replies),
        PAIR_TEST(test_doubt),
        PAIR_TEST(test_a_reader),
        PAIR_TEST(test_one_more_stream),
        PAIR_TEST_TO_OPEN(test_a_decision),
        PAIR_TEST(test_the_answer_to_a_close),
        PAIR_TEST(test_doubt_after_a_close),
        PAIR_TEST(test_our_reader),
        PAIR_TEST(test_our_reader_of_a_stream),
        PAIR_TEST_TO_OPEN(test_a_receiver_that_refuses),
        PAIR_TEST_TO_OPEN(test_what_is_not_worth_a_packet),
        PAIR_TEST_TO_OPEN(test_a_maximum_for_less_than_a_unit),
        PAIR_TEST_TO_OPEN(test_who_cannot_be_sent_to),
        PAIR_TEST(test_nothing),
    };
    return cmocka_run_group_tests_name("endpoint_waiting", tests, NULL, NULL);
}
