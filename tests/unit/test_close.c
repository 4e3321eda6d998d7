/* SPDX-License-Identifier: Apache-2.0 */
/* How connections end: by either side, with every code, in time, and what is reported of it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "support/pair.h"
#include "support/raw.h"

#include "stream/core/endpoint_internal.h"

static rill_stream *start(pair *p)
{
    rill_stream *s = pair_stream_open(p, PAIR_CLIENT);
    pair_write(s, "x", 1);
    pair_run(p, 50 * RILL_MS);
    return s;
}

static unsigned ends(pair *p, pair_side side)
{
    return p->end[side].events[RILL_EVENT_CONNECTION_END];
}

static void test_an_end_waits_for_what_was_asked(void **state)
{
    pair *p = *state;
    p->maximum[PAIR_CLIENT] = 10;
    rill_stream *s = pair_stream_open(p, PAIR_CLIENT);
    pair_write(s, "hello", 5);
    assert_int_equal(rill_stream_send_total(s, 1000, RILL_NEVER), RILL_OK);
    assert_int_equal(rill_connection_end(p->end[PAIR_CLIENT].connection), RILL_OK);
    assert_int_equal(rill_connection_end(p->end[PAIR_CLIENT].connection), RILL_ERR_CLOSED);
    pair_run(p, RILL_SECOND);
    assert_int_equal(pair_seen(p, PAIR_SERVER, 1)->money, 1000);
    assert_int_equal(pair_seen(p, PAIR_SERVER, 1)->len, 5);
    for (pair_side side = PAIR_CLIENT; side <= PAIR_SERVER; side++) {
        assert_int_equal(ends(p, side), 1);
        assert_int_equal(p->end[side].end_error, RILL_OK);
        assert_int_equal(p->end[side].end_code, RILL_CLOSE_NO_ERROR);
        assert_int_equal(rill_endpoint_connection_count(p->end[side].endpoint), 0);
    }
    pair_check_books(p);
}

static void test_every_code_is_told(void **state)
{
    (void)state;
    for (uint8_t code = RILL_CLOSE_NO_ERROR; code <= RILL_CLOSE_APPLICATION_ERROR; code++) {
        pair p;
        pair_options o = pair_defaults();
        pair_open(&p, &o);
        pair_side by = code % 2 ? PAIR_CLIENT : PAIR_SERVER;
        start(&p);
        rill_connection_close(p.end[by].connection, (rill_close_code)code, "because");
        pair_run(&p, 100 * RILL_MS);
        for (pair_side side = PAIR_CLIENT; side <= PAIR_SERVER; side++) {
            assert_int_equal(ends(&p, side), 1);
            assert_int_equal(p.end[side].end_code, code);
            assert_int_equal(p.end[side].end_remote, side != by);
            assert_true(pair_seen(&p, side, 1)->ended);
            if (code == RILL_CLOSE_NO_ERROR)
                assert_int_equal(p.end[side].end_error, RILL_OK);
            else
                assert_int_equal(p.end[side].end_error,
                                 side == by ? RILL_ERR_CLOSED : RILL_ERR_REMOTE);
        }
        pair_close(&p);
    }
}

/*
 * The application closes long after the endpoint last saw a clock. The other side is told anyway.
 */
static void test_a_close_after_a_long_silence_is_told(void **state)
{
    pair *p = *state;
    start(p);
    pair_run(p, RILL_SECOND);
    pair_sleep(p, 20 * RILL_SECOND);
    rill_connection_close(p->end[PAIR_CLIENT].connection, RILL_CLOSE_APPLICATION_ERROR, NULL);
    pair_run(p, 100 * RILL_MS);
    assert_int_equal(ends(p, PAIR_CLIENT), 1);
    assert_int_equal(ends(p, PAIR_SERVER), 1);
    assert_int_equal(p->end[PAIR_SERVER].end_code, RILL_CLOSE_APPLICATION_ERROR);
}

static void drop_all(pair *p, pair_packet *packet)
{
    (void)p;
    packet->action = PAIR_DROP;
}

static void test_a_close_that_nobody_answers_ends_soon(void **state)
{
    pair *p = *state;
    start(p);
    p->on_packet = drop_all;
    rill_connection_close(p->end[PAIR_CLIENT].connection, RILL_CLOSE_NO_ERROR, NULL);
    pair_run(p, 6 * RILL_SECOND);
    assert_int_equal(ends(p, PAIR_CLIENT), 1);
    assert_int_equal(ends(p, PAIR_SERVER), 0);
    pair_run(p, 70 * RILL_SECOND);
    assert_int_equal(ends(p, PAIR_SERVER), 1);
    assert_int_equal(p->end[PAIR_SERVER].end_error, RILL_ERR_IDLE);
}

static void lose_money_replies(pair *p, pair_packet *packet)
{
    (void)p;
    if (packet->amount > 0)
        packet->action = PAIR_LOSE_REPLY;
}

/* Money under way is waited for, and what its reply would have said is not guessed. */
static void test_money_in_flight_is_waited_for(void **state)
{
    pair *p = *state;
    rill_stream *s = start(p);
    p->on_packet = lose_money_replies;
    assert_int_equal(rill_stream_send_total(s, 100, RILL_NEVER), RILL_OK);
    pair_run(p, 20 * RILL_MS);
    rill_connection_close(p->end[PAIR_CLIENT].connection, RILL_CLOSE_NO_ERROR, NULL);
    pair_run(p, 20 * RILL_SECOND);
    assert_int_equal(ends(p, PAIR_CLIENT), 0);
    assert_int_equal(p->end[PAIR_CLIENT].events[RILL_EVENT_SEND_TOTAL_END], 0);
    pair_run(p, 15 * RILL_SECOND);
    assert_int_equal(ends(p, PAIR_CLIENT), 1);
    assert_int_equal(p->end[PAIR_CLIENT].events[RILL_EVENT_SEND_TOTAL_END], 1);
    assert_int_equal(p->end[PAIR_CLIENT].sent_error, RILL_ERR_CLOSED);
    pair_check_books(p);
}

static void test_both_close_at_once(void **state)
{
    pair *p = *state;
    start(p);
    rill_connection_close(p->end[PAIR_CLIENT].connection, RILL_CLOSE_NO_ERROR, NULL);
    rill_connection_close(p->end[PAIR_SERVER].connection, RILL_CLOSE_NO_ERROR, NULL);
    pair_run(p, RILL_SECOND);
    assert_int_equal(ends(p, PAIR_CLIENT), 1);
    assert_int_equal(ends(p, PAIR_SERVER), 1);
}

static void test_a_packet_after_the_close_is_told_of_it(void **state)
{
    pair *p = *state;
    raw_peer r;
    static raw_reply reply;
    start(p);
    raw_open(&r, p->credentials.destination_account, p->credentials.shared_secret);
    r.sequence = UINT64_C(1) << 61;
    rill_connection_close(p->end[PAIR_SERVER].connection, RILL_CLOSE_APPLICATION_ERROR, NULL);
    pair_run(p, 100 * RILL_MS);
    rill_frame money = {.type = RILL_FRAME_STREAM_MONEY, .stream = 1, .value = 1};
    raw_packet packet = {.amount = 5, .frames = &money, .frame_count = 1};
    raw_send(&r, p->end[PAIR_SERVER].endpoint, p->now, &packet, &reply);
    assert_int_equal(reply.type, RILL_ILP_REJECT);
    assert_non_null(raw_find(&reply, RILL_FRAME_CONNECTION_CLOSE));
    pair_run(p, 10 * RILL_MS);
    assert_int_equal(rill_endpoint_connection_count(p->end[PAIR_SERVER].endpoint), 0);
    raw_close(&r);
}

static void test_credentials_can_be_used_again(void **state)
{
    pair *p = *state;
    pair_options o = pair_defaults();
    pair_open(p, &o);
    for (unsigned i = 1; i <= 3; i++) {
        pair_end *client = &p->end[PAIR_CLIENT];
        if (i > 1)
            assert_int_equal(pair_connect(p, &o.connection), RILL_OK);
        rill_stream *s = pair_stream_open(p, PAIR_CLIENT);
        assert_int_equal(rill_stream_set_send_max(s, 10), RILL_OK);
        assert_int_equal(rill_connection_end(client->connection), RILL_OK);
        pair_run(p, RILL_SECOND);
        assert_int_equal(ends(p, PAIR_CLIENT), i);
        assert_int_equal(ends(p, PAIR_SERVER), i);
        assert_int_equal(p->end[PAIR_SERVER].fulfilled_in, 10 * i);
    }
}

/* An application that looks at one event at a time: time passes before the next. */
static void test_an_event_lives_until_the_next_whatever_comes_between(void **state)
{
    pair *p = *state;
    rill_event event;
    start(p);
    p->no_events[PAIR_CLIENT] = true;
    rill_connection_close(p->end[PAIR_SERVER].connection, RILL_CLOSE_NO_ERROR, "bye");
    pair_run(p, RILL_SECOND);
    rill_endpoint *e = p->end[PAIR_CLIENT].endpoint;
    unsigned seen = 0;
    while (rill_endpoint_next_event(e, &event)) {
        p->now.mono_ns += 200 * RILL_SECOND;
        p->now.wall_ms += 200000;
        rill_endpoint_timeout(e, p->now);
        assert_true(rill_endpoint_deadline(e) > p->now.mono_ns);
        if (event.type == RILL_EVENT_CONNECTION_END)
            assert_string_equal(event.message, "bye");
        assert_false(rill_connection_is_server(event.connection));
        seen++;
    }
    assert_true(seen >= 2);
}

static void test_the_last_packet_number_closes(void **state)
{
    pair *p = *state;
    rill_stream *s = start(p);
    p->end[PAIR_CLIENT].connection->numbers.given = (UINT64_C(1) << 31) - 3;
    p->maximum[PAIR_CLIENT] = 10;
    assert_int_equal(rill_stream_send_total(s, 1000, RILL_NEVER), RILL_OK);
    uint64_t before = p->end[PAIR_CLIENT].packets;
    pair_run(p, 5 * RILL_SECOND);
    assert_in_range(p->end[PAIR_CLIENT].packets - before, 1, 3);
    assert_int_equal(ends(p, PAIR_CLIENT), 1);
    assert_int_equal(p->end[PAIR_CLIENT].end_error, RILL_ERR_EXHAUSTED);
    assert_int_equal(ends(p, PAIR_SERVER), 1);
    pair_check_books(p);
}

static void drop_data(pair *p, pair_packet *packet)
{
    (void)p;
    if (packet->len > 5000)
        packet->action = PAIR_DROP;
}

/*
 * Bytes are lost on the way, and their writer closes without an error before
 * they are sent again: at the middle of what it wrote, or at its end.
 */
static void close_before_all_bytes_arrive(bool whole_connection, bool by_client, bool tail)
{
    static uint8_t large[8000];
    pair p = {0};
    pair_options o = pair_defaults();
    pair_open(&p, &o);
    start(&p);
    pair_side writer = by_client ? PAIR_CLIENT : PAIR_SERVER;
    pair_side reader = by_client ? PAIR_SERVER : PAIR_CLIENT;
    rill_stream *s = rill_connection_stream(p.end[writer].connection, 1);
    pair_write(s, "yy", 2);
    pair_run(&p, 10 * RILL_MS);
    p.on_packet = drop_data;
    pair_write(s, large, sizeof large);
    pair_run(&p, 10 * RILL_MS);
    if (!tail)
        pair_write(s, "yy", 2);
    pair_run(&p, 10 * RILL_MS);
    if (whole_connection)
        rill_connection_close(p.end[writer].connection, RILL_CLOSE_NO_ERROR, NULL);
    else
        rill_stream_close(s, RILL_CLOSE_NO_ERROR, NULL);
    pair_run(&p, RILL_SECOND);
    if (!whole_connection)
        assert_int_equal(rill_connection_end(p.end[reader].connection), RILL_OK);
    /* What was lost may be answered until it expires. */
    pair_run(&p, 40 * RILL_SECOND);
    for (pair_side side = PAIR_CLIENT; side <= PAIR_SERVER; side++) {
        assert_true(pair_seen(&p, side, 1)->ended);
        assert_int_equal(pair_seen(&p, side, 1)->code, RILL_CLOSE_NO_ERROR);
        assert_int_equal(pair_seen(&p, side, 1)->error, RILL_ERR_CLOSED);
        assert_int_equal(ends(&p, side), 1);
        assert_int_equal(p.end[side].end_error, RILL_ERR_CLOSED);
    }
    pair_close(&p);
}

static void test_bytes_that_a_close_cuts_off_are_no_success(void **state)
{
    (void)state;
    for (unsigned i = 0; i < 8; i++)
        close_before_all_bytes_arrive(i & 1, i & 2, i & 4);
}

/* Its reader has a minute: what it has not taken then is not delivered. */
static void test_what_nobody_reads_is_no_success(void **state)
{
    (void)state;
    for (unsigned i = 0; i < 3; i++) {
        pair p = {0};
        pair_options o = pair_defaults();
        pair_open(&p, &o);
        p.no_read[PAIR_SERVER] = true;
        rill_stream *s = pair_stream_open(&p, PAIR_CLIENT);
        pair_write(s, "xy", 2);
        assert_int_equal(rill_stream_end(s), RILL_OK);
        assert_int_equal(rill_connection_end(p.end[PAIR_CLIENT].connection), RILL_OK);
        pair_run(&p, 50 * RILL_SECOND);
        /* Nothing, a part, or all. */
        rill_stream_consume(rill_connection_stream(p.end[PAIR_SERVER].connection, 1), i);
        pair_run(&p, 50 * RILL_SECOND);
        assert_true(pair_seen(&p, PAIR_SERVER, 1)->ended);
        int expected = i == 2 ? RILL_OK : RILL_ERR_CLOSED;
        assert_int_equal(pair_seen(&p, PAIR_SERVER, 1)->error, expected);
        assert_int_equal(p.end[PAIR_SERVER].end_error, expected);
        assert_int_equal(p.end[PAIR_CLIENT].end_error, RILL_OK);
        pair_close(&p);
    }
}

static void lose_what_the_client_says(pair *p, pair_packet *packet)
{
    drop_data(p, packet);
    if (packet->from == PAIR_SERVER)
        packet->action = PAIR_LOSE_REPLY;
}

/* The close is said first in an answer, which is lost, and then in a packet. */
static void test_what_a_close_cuts_off_is_told_each_time(void **state)
{
    static uint8_t large[8000];
    pair *p = *state;
    pair_options o = pair_defaults();
    o.connection.max_in_flight = 1;
    o.accepted.default_receive_max = 50;
    pair_open(p, &o);
    rill_stream *s = start(p);
    rill_stream *back = rill_connection_stream(p->end[PAIR_SERVER].connection, 1);
    p->on_packet = lose_what_the_client_says;
    pair_write(s, large, sizeof large);
    pair_run(p, 10 * RILL_MS);
    /* The packet that is lost leaves no room for another one yet. */
    rill_stream_close(s, RILL_CLOSE_NO_ERROR, NULL);
    assert_int_equal(rill_stream_set_receive_max(back, 60), RILL_OK);
    pair_run(p, 10 * RILL_MS);
    assert_false(pair_seen(p, PAIR_SERVER, 1)->ended);
    pair_run(p, 40 * RILL_SECOND); /* the server's packet may be answered until it expires */
    assert_true(pair_seen(p, PAIR_SERVER, 1)->ended);
    assert_int_equal(pair_seen(p, PAIR_SERVER, 1)->code, RILL_CLOSE_NO_ERROR);
    assert_int_equal(pair_seen(p, PAIR_SERVER, 1)->error, RILL_ERR_CLOSED);
}

/*
 * If the client has no address, the close is told only in an answer. What it cuts off is told
 * before.
 */
static void test_what_a_close_cuts_off_is_told_in_an_answer(void **state)
{
    pair *p = *state;
    pair_options o = pair_defaults();
    o.connection.tell_address = false;
    pair_open(p, &o);
    (void)start(p);
    rill_stream *back = rill_connection_stream(p->end[PAIR_SERVER].connection, 1);
    pair_write(back, "never sent", 10);
    p->no_events[PAIR_SERVER] = true; /* else the stream is gone before there is an answer */
    rill_stream_close(back, RILL_CLOSE_NO_ERROR, NULL);
    (void)start(p); /* another stream: something to be answered */
    p->no_events[PAIR_SERVER] = false;
    pair_run(p, RILL_SECOND);
    const pair_stream *seen = pair_seen(p, PAIR_CLIENT, 1);
    assert_true(seen->ended && seen->remote);
    assert_int_equal(seen->code, RILL_CLOSE_NO_ERROR);
    assert_int_equal(seen->error, RILL_ERR_CLOSED);
}

static void *unless_refused(void *user, void *ptr, size_t size)
{
    return *(bool *)user ? NULL : realloc(ptr, size);
}

static void free_any(void *user, void *ptr)
{
    (void)user;
    free(ptr);
}

/*
 * Without memory it is not known what to tell about which stream. So no reader is told of success.
 */
static void test_what_a_close_cannot_tell_is_an_error(void **state)
{
    bool refused = false;
    pair *p = *state;
    pair_options o = pair_defaults();
    rill_allocator memory = {.realloc = unless_refused, .free = free_any, .user = &refused};
    o.client.allocator = &memory;
    pair_open(p, &o);
    pair_write(start(p), "never sent", 10);
    refused = true;
    rill_connection_close(p->end[PAIR_CLIENT].connection, RILL_CLOSE_NO_ERROR, NULL);
    refused = false;
    pair_run(p, RILL_SECOND);
    const pair_stream *seen = pair_seen(p, PAIR_SERVER, 1);
    assert_true(seen->ended && seen->remote);
    assert_int_equal(seen->len, 1);
    assert_int_equal(seen->error, RILL_ERR_REMOTE);
    assert_int_equal(p->end[PAIR_SERVER].end_code, RILL_CLOSE_INTERNAL_ERROR);
    pair_close(p);
}

static void test_a_close_before_a_goal_is_met_is_no_success(void **state)
{
    (void)state;
    for (unsigned i = 0; i < 4; i++) {
        pair p = {0};
        pair_options o = pair_defaults();
        o.accepted.default_receive_max = 50;
        pair_open(&p, &o);
        rill_stream *s = start(&p);
        bool sends = i & 1;
        pair_side waits = sends ? PAIR_CLIENT : PAIR_SERVER;
        pair_side closer = i & 2 ? PAIR_CLIENT : PAIR_SERVER;
        if (sends)
            assert_int_equal(rill_stream_send_total(s, 100, RILL_NEVER), RILL_OK);
        else
            assert_int_equal(
                rill_stream_receive_total(rill_connection_stream(p.end[PAIR_SERVER].connection, 1),
                                          100, RILL_NEVER),
                RILL_OK);
        pair_run(&p, RILL_SECOND);
        rill_connection_close(p.end[closer].connection, RILL_CLOSE_NO_ERROR, NULL);
        pair_run(&p, RILL_SECOND);
        assert_int_equal(pair_seen(&p, waits, 1)->error, RILL_ERR_CLOSED);
        assert_int_equal(p.end[waits].end_error, RILL_ERR_CLOSED);
        /* The other one had asked for nothing more. */
        assert_int_equal(p.end[!waits].end_error, RILL_OK);
        assert_int_equal(p.end[!waits].end_code, RILL_CLOSE_NO_ERROR);
        pair_close(&p);
    }
}

static void test_money_in_doubt_at_a_close_is_no_success(void **state)
{
    pair *p = *state;
    rill_stream *s = start(p);
    p->on_packet = lose_money_replies;
    assert_int_equal(rill_stream_set_send_max(s, 100), RILL_OK);
    pair_run(p, 20 * RILL_MS);
    rill_connection_close(p->end[PAIR_CLIENT].connection, RILL_CLOSE_NO_ERROR, NULL);
    pair_run(p, 40 * RILL_SECOND);
    assert_int_equal(ends(p, PAIR_CLIENT), 1);
    assert_int_equal(pair_seen(p, PAIR_CLIENT, 1)->error, RILL_ERR_IN_DOUBT);
    assert_int_equal(p->end[PAIR_CLIENT].end_error, RILL_ERR_IN_DOUBT);
    assert_int_equal(p->end[PAIR_SERVER].end_error, RILL_OK);
}

/* Nothing comes and goes any more: every wait, stream and connection ends now, and says why. */
static void abandon_in(unsigned state)
{
    pair p = {0};
    pair_options o = pair_defaults();
    pair_open(&p, &o);
    rill_stream *s = start(&p);
    rill_stream *other = pair_stream_open(&p, PAIR_CLIENT);
    pair_run(&p, 20 * RILL_MS);
    p.on_packet = drop_all;
    p.maximum[PAIR_CLIENT] = 1000;
    pair_write(s, "more", 4);
    assert_int_equal(rill_stream_send_total(s, 100, RILL_NEVER), RILL_OK);
    assert_int_equal(rill_stream_receive_total(s, 100, RILL_NEVER), RILL_OK);
    assert_int_equal(rill_stream_set_send_max(other, 50), RILL_OK);
    pair_run(&p, state == 3 ? 40 * RILL_SECOND : 20 * RILL_MS);
    rill_connection *c = p.end[PAIR_CLIENT].connection;
    int expected = RILL_ERR_CANCELLED;
    if (state == 1 || state == 2)
        rill_connection_close(c, RILL_CLOSE_APPLICATION_ERROR, NULL);
    if (state == 1 || state == 2)
        expected = RILL_ERR_CLOSED;
    if (state == 2)
        pair_run(&p, 10 * RILL_SECOND);
    assert_int_equal(ends(&p, PAIR_CLIENT), 0);
    rill_connection_abandon(c, RILL_ERR_CANCELLED);
    rill_connection_abandon(c, RILL_ERR_IDLE);
    pair_pump(&p);
    pair_end *client = &p.end[PAIR_CLIENT];
    assert_int_equal(ends(&p, PAIR_CLIENT), 1);
    assert_int_equal(client->end_error, expected);
    assert_int_equal(client->events[RILL_EVENT_STREAM_END], 2);
    assert_int_equal(client->events[RILL_EVENT_SEND_TOTAL_END], 1);
    assert_int_equal(client->sent_error, expected);
    assert_int_equal(client->events[RILL_EVENT_RECEIVE_TOTAL_END], 1);
    assert_int_equal(client->received_error, RILL_ERR_CLOSED);
    assert_int_equal(client->last.in_flight, client->last.in_doubt);
    assert_in_range(client->last.in_doubt, 1, 150);
    pair_check_books(&p);
    pair_close(&p);
}

static void test_an_abandoned_connection_tells_of_everything(void **state)
{
    (void)state;
    for (unsigned i = 0; i < 4; i++)
        abandon_in(i);
}

/* So many streams that a packet cannot name them all. The close of the connection is told first. */
static void test_a_close_that_cuts_many_streams_is_told(void **state)
{
    enum { MANY = 300 };
    pair *p = *state;
    pair_options o = pair_defaults();
    o.accepted.max_remote_streams = MANY + 1;
    pair_open(p, &o);
    start(p);
    pair_run(p, RILL_SECOND);
    for (unsigned i = 0; i < MANY; i++)
        pair_write(pair_stream_open(p, PAIR_CLIENT), "x", 1);
    rill_connection_close(p->end[PAIR_CLIENT].connection, RILL_CLOSE_APPLICATION_ERROR, NULL);
    pair_run(p, 100 * RILL_MS);
    assert_int_equal(ends(p, PAIR_CLIENT), 1);
    assert_int_equal(ends(p, PAIR_SERVER), 1);
    assert_int_equal(p->end[PAIR_SERVER].end_code, RILL_CLOSE_APPLICATION_ERROR);
}

/* What the client sends from now on reaches nobody. */
static void gone(pair *p, pair_packet *packet)
{
    (void)p;
    if (packet->from == PAIR_CLIENT) {
        packet->action = PAIR_REJECT;
        packet->code = RILL_ILP_T01_PEER_UNREACHABLE;
    }
}

static void both_know(pair *p, void (*close)(pair *p))
{
    start(p);
    p->on_packet = gone;
    close(p);
    rill_connection_close(p->end[PAIR_CLIENT].connection, RILL_CLOSE_NO_ERROR, NULL);
    pair_run(p, RILL_SECOND);
    assert_int_equal(ends(p, PAIR_CLIENT), 1);
    assert_int_equal(ends(p, PAIR_SERVER), 1);
}

static void server_closes(pair *p)
{
    rill_connection_close(p->end[PAIR_SERVER].connection, RILL_CLOSE_NO_ERROR, NULL);
}

/* The server hears of the close in the answer to its packet, and is gone before the close comes. */
static void server_writes(pair *p)
{
    pair_write(pair_stream_open(p, PAIR_SERVER), "x", 1);
}

static void test_a_close_that_crosses_another_is_not_repeated(void **state)
{
    both_know(*state, server_closes);
}

static void test_a_close_told_in_an_answer_is_not_repeated(void **state)
{
    both_know(*state, server_writes);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        PAIR_TEST(test_an_end_waits_for_what_was_asked),
        cmocka_unit_test(test_every_code_is_told),
        PAIR_TEST(test_a_close_after_a_long_silence_is_told),
        PAIR_TEST(test_a_close_that_nobody_answers_ends_soon),
        PAIR_TEST(test_money_in_flight_is_waited_for),
        PAIR_TEST(test_both_close_at_once),
        PAIR_TEST(test_a_close_that_crosses_another_is_not_repeated),
        PAIR_TEST(test_a_close_told_in_an_answer_is_not_repeated),
        PAIR_TEST(test_a_packet_after_the_close_is_told_of_it),
        PAIR_TEST_TO_OPEN(test_credentials_can_be_used_again),
        PAIR_TEST(test_an_event_lives_until_the_next_whatever_comes_between),
        PAIR_TEST(test_the_last_packet_number_closes),
        cmocka_unit_test(test_bytes_that_a_close_cuts_off_are_no_success),
        cmocka_unit_test(test_what_nobody_reads_is_no_success),
        PAIR_TEST_TO_OPEN(test_what_a_close_cuts_off_is_told_each_time),
        PAIR_TEST_TO_OPEN(test_what_a_close_cuts_off_is_told_in_an_answer),
        PAIR_TEST_TO_OPEN(test_what_a_close_cannot_tell_is_an_error),
        cmocka_unit_test(test_a_close_before_a_goal_is_met_is_no_success),
        PAIR_TEST_TO_OPEN(test_a_close_that_cuts_many_streams_is_told),
        PAIR_TEST(test_money_in_doubt_at_a_close_is_no_success),
        cmocka_unit_test(test_an_abandoned_connection_tells_of_everything),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
