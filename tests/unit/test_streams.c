/* SPDX-License-Identifier: Apache-2.0 */
/* Which streams may exist, who opens them, and what is reported of them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "support/pair.h"

static void test_ids_are_odd_for_clients_and_even_for_servers(void **state)
{
    pair *p = *state;
    for (uint64_t id = 1; id < 20; id += 2) {
        rill_stream *s = pair_stream_open(p, PAIR_CLIENT);
        assert_int_equal(rill_stream_id(s), id);
        pair_write(s, "x", 1);
    }
    pair_run(p, 100 * RILL_MS);
    for (uint64_t id = 2; id < 21; id += 2)
        assert_int_equal(rill_stream_id(pair_stream_open(p, PAIR_SERVER)), id);
    assert_int_equal(p->end[PAIR_SERVER].events[RILL_EVENT_STREAM], 10);
    assert_int_equal(p->end[PAIR_CLIENT].events[RILL_EVENT_CONNECTED], 1);
}

static unsigned drop_replies;

static void lose_replies(pair *p, pair_side to, uint8_t *bytes, size_t *len)
{
    (void)p;
    (void)bytes;
    if (to == PAIR_CLIENT && drop_replies > 0)
        *len = 0;
}

static void lose_packets(pair *p, pair_packet *packet)
{
    (void)p;
    if (packet->from == PAIR_SERVER && drop_replies > 0)
        packet->action = PAIR_DROP;
}

static void open_all(pair *p, rill_stream **s)
{
    rill_stream *none;
    for (unsigned i = 0; i < 10; i++) {
        s[i] = pair_stream_open(p, PAIR_CLIENT);
        pair_write(s[i], "x", 1);
    }
    pair_run(p, RILL_SECOND);
    assert_int_equal(rill_connection_open_stream(p->end[PAIR_CLIENT].connection, &none),
                     RILL_ERR_STREAM_ID);
}

static void test_another_stream_may_be_opened_when_one_has_closed(void **state)
{
    pair *p = *state;
    rill_stream *s[10];
    open_all(p, s);
    pair_run(p, RILL_SECOND);
    assert_int_equal(p->end[PAIR_CLIENT].events[RILL_EVENT_STREAMS_AVAILABLE], 0);
    assert_int_equal(rill_stream_end(s[3]), RILL_OK);
    pair_run(p, RILL_SECOND);
    assert_int_equal(p->end[PAIR_CLIENT].events[RILL_EVENT_STREAMS_AVAILABLE], 1);
    assert_int_equal(rill_stream_id(pair_stream_open(p, PAIR_CLIENT)), 21);
}

/* The word that another stream is allowed is lost with a reply: it is asked for again. */
static void test_a_lost_word_on_streams_is_asked_for(void **state)
{
    pair *p = *state;
    pair_options o = pair_defaults();
    rill_stream *s[10];
    o.connection.tell_address = false; /* the server has no other way than replies */
    pair_open(p, &o);
    p->on_reply = lose_replies;
    p->on_packet = lose_packets;
    open_all(p, s);
    pair_run(p, 100 * RILL_MS);
    drop_replies = 1;
    rill_stream_close(s[0], RILL_CLOSE_NO_ERROR, NULL);
    pair_run(p, 20 * RILL_MS);
    pair_write(s[1], "y", 1);
    pair_run(p, 20 * RILL_MS);
    drop_replies = 0;
    pair_run(p, 45 * RILL_SECOND);
    assert_int_equal(p->end[PAIR_CLIENT].events[RILL_EVENT_STREAMS_AVAILABLE], 1);
}

static void test_many_streams_one_after_the_other(void **state)
{
    pair *p = *state;
    for (unsigned i = 0; i < 30; i++) {
        pair_side side = i % 2 ? PAIR_SERVER : PAIR_CLIENT;
        if (i == 1)
            assert_non_null(p->end[PAIR_SERVER].connection);
        rill_stream *s = pair_stream_open(p, side);
        uint64_t id = rill_stream_id(s);
        pair_write(s, "hello", 5);
        assert_int_equal(rill_stream_send_total(s, 10, RILL_NEVER), RILL_OK);
        assert_int_equal(rill_stream_end(s), RILL_OK);
        pair_run(p, 200 * RILL_MS);
        for (pair_side at = PAIR_CLIENT; at <= PAIR_SERVER; at++) {
            assert_true(pair_seen(p, at, id)->ended);
            assert_int_equal(pair_seen(p, at, id)->error, RILL_OK);
            assert_int_equal(pair_seen(p, at, id)->remote, at != side);
        }
    }
    pair_check_books(p);
}

static void test_a_close_is_told_with_its_code_and_message(void **state)
{
    pair *p = *state;
    rill_stream *s = pair_stream_open(p, PAIR_CLIENT);
    assert_int_equal(rill_stream_send_total(s, 10, RILL_NEVER), RILL_OK);
    pair_run(p, 50 * RILL_MS);
    rill_stream_close(rill_connection_stream(p->end[PAIR_SERVER].connection, 1),
                      RILL_CLOSE_APPLICATION_ERROR, "enough");
    pair_run(p, 50 * RILL_MS);
    assert_true(pair_seen(p, PAIR_CLIENT, 1)->ended);
    assert_int_equal(pair_seen(p, PAIR_CLIENT, 1)->code, RILL_CLOSE_APPLICATION_ERROR);
    assert_int_equal(pair_seen(p, PAIR_CLIENT, 1)->error, RILL_ERR_REMOTE);
    assert_true(pair_seen(p, PAIR_SERVER, 1)->ended);
    assert_false(pair_seen(p, PAIR_SERVER, 1)->remote);
}

static void test_a_goal_on_a_stream_that_closes_fails(void **state)
{
    pair *p = *state;
    pair_options o = pair_defaults();
    o.accepted.default_receive_max = 5;
    pair_open(p, &o);
    rill_stream *s = pair_stream_open(p, PAIR_CLIENT);
    assert_int_equal(rill_stream_send_total(s, 10, RILL_NEVER), RILL_OK);
    pair_run(p, RILL_SECOND);
    rill_stream *t = rill_connection_stream(p->end[PAIR_SERVER].connection, 1);
    rill_stream_close(t, RILL_CLOSE_NO_ERROR, NULL);
    pair_run(p, RILL_SECOND);
    assert_int_equal(p->end[PAIR_CLIENT].events[RILL_EVENT_SEND_TOTAL_END], 1);
    assert_int_equal(p->end[PAIR_CLIENT].sent_error, RILL_ERR_CLOSED);
    pair_check_books(p);
}

/* A server that stops: streams that the other side opens meanwhile do not keep it. */
static void test_a_connection_that_ends_takes_no_new_streams(void **state)
{
    pair *p = *state;
    rill_stream *s = pair_stream_open(p, PAIR_CLIENT);
    pair_write(s, "x", 1);
    pair_run(p, 100 * RILL_MS);
    p->delay[PAIR_SERVER] = 200 * RILL_MS;
    rill_endpoint_end(p->end[PAIR_SERVER].endpoint);
    pair_pump(p);
    rill_stream *late = pair_stream_open(p, PAIR_CLIENT);
    assert_int_equal(rill_stream_set_send_max(late, 100), RILL_OK);
    pair_run(p, 3 * RILL_SECOND);
    assert_int_equal(p->end[PAIR_SERVER].events[RILL_EVENT_CONNECTION_END], 1);
    assert_int_equal(p->end[PAIR_CLIENT].events[RILL_EVENT_CONNECTION_END], 1);
    pair_check_books(p);
}

/*
 * A server without its client's address cannot send the end of a stream. It has forgotten the
 * stream when its sender asks for more room. The answer to that question tells the end.
 */
static void test_who_waits_for_a_stream_that_is_over_is_told(void **state)
{
    (void)state;
    for (unsigned i = 0; i < 2; i++) {
        static uint8_t bytes[20000];
        pair p;
        pair_options o = pair_defaults();
        o.connection.tell_address = false;
        o.accepted.default_receive_max = 50;
        o.accepted.stream_receive_buffer = 16384;
        pair_open(&p, &o);
        p.no_read[PAIR_SERVER] = true;
        rill_stream *s = pair_stream_open(&p, PAIR_CLIENT);
        if (i == 0)
            assert_int_equal(rill_stream_send_total(s, 100, RILL_NEVER), RILL_OK);
        else
            pair_write(s, bytes, sizeof bytes);
        pair_run(&p, RILL_SECOND);
        assert_false(pair_seen(&p, PAIR_CLIENT, 1)->ended);
        rill_stream_close(rill_connection_stream(p.end[PAIR_SERVER].connection, 1),
                          RILL_CLOSE_NO_ERROR, NULL);
        pair_run(&p, 10 * RILL_SECOND);
        const pair_stream *seen = pair_seen(&p, PAIR_CLIENT, 1);
        assert_true(seen->ended && seen->remote);
        assert_int_equal(seen->error, RILL_ERR_REMOTE);
        assert_non_null(p.end[PAIR_CLIENT].connection);
        pair_check_books(&p);
        pair_close(&p);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        PAIR_TEST(test_ids_are_odd_for_clients_and_even_for_servers),
        PAIR_TEST(test_another_stream_may_be_opened_when_one_has_closed),
        PAIR_TEST_TO_OPEN(test_a_lost_word_on_streams_is_asked_for),
        PAIR_TEST(test_many_streams_one_after_the_other),
        PAIR_TEST(test_a_close_is_told_with_its_code_and_message),
        PAIR_TEST_TO_OPEN(test_a_goal_on_a_stream_that_closes_fails),
        PAIR_TEST(test_a_connection_that_ends_takes_no_new_streams),
        cmocka_unit_test(test_who_waits_for_a_stream_that_is_over_is_told),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
