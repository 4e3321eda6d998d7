/* SPDX-License-Identifier: Apache-2.0 */
/* The application decides about packets before they are fulfilled: at once, later, or too late. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "support/pair.h"

static void open_asking(pair *p, uint32_t max_undecided)
{
    pair_options o;
    pair_options_init(&o);
    o.accepted.ask_before_fulfill = true;
    o.accepted.max_undecided = max_undecided;
    o.accepted.default_receive_max = 1000;
    pair_open(p, &o);
}

static rill_stream *server_stream(pair *p)
{
    return rill_connection_stream(p->end[PAIR_SERVER].connection, 1);
}

static uint64_t sent(const rill_stream *s)
{
    rill_stream_totals t;
    rill_stream_get_totals(s, &t);
    return t.sent;
}

static void test_a_late_yes_fulfills(void **state)
{
    pair *p = *state;
    bool fulfilled;
    open_asking(p, 10);
    rill_stream *s = pair_stream_open(p, PAIR_CLIENT);
    assert_int_equal(rill_stream_send_total(s, 100, RILL_NEVER), RILL_OK);
    pair_run(p, 20 * RILL_SECOND);
    assert_int_equal(p->end[PAIR_SERVER].asked_count, 1);
    assert_int_equal(p->end[PAIR_SERVER].asked[0].amount, 100);
    assert_int_equal(p->end[PAIR_SERVER].fulfilled_in, 0);
    assert_int_equal(pair_decide(p, PAIR_SERVER, 0, true, &fulfilled), RILL_OK);
    assert_true(fulfilled);
    assert_int_equal(pair_decide(p, PAIR_SERVER, 0, true, &fulfilled), RILL_ERR_NOT_FOUND);
    pair_run(p, RILL_SECOND);
    assert_int_equal(sent(s), 100);
    assert_int_equal(pair_seen(p, PAIR_SERVER, 1)->money, 100);
    pair_check_books(p);
}

static void test_a_no_credits_nothing_and_gives_the_room_back(void **state)
{
    pair *p = *state;
    bool fulfilled;
    open_asking(p, 10);
    p->maximum[PAIR_CLIENT] = 500;
    rill_stream *s = pair_stream_open(p, PAIR_CLIENT);
    assert_int_equal(rill_stream_send_total(s, 1000, RILL_NEVER), RILL_OK);
    pair_run(p, 100 * RILL_MS);
    assert_int_equal(p->end[PAIR_SERVER].asked_count, 2);
    assert_int_equal(pair_decide(p, PAIR_SERVER, 0, false, &fulfilled), RILL_OK);
    assert_false(fulfilled);
    assert_int_equal(pair_decide(p, PAIR_SERVER, 1, true, &fulfilled), RILL_OK);
    pair_run(p, 2 * RILL_SECOND);
    assert_int_equal(sent(s), 500);
    /* The first part comes again. */
    assert_int_equal(p->end[PAIR_SERVER].asked_count, 3);
    assert_memory_not_equal(p->end[PAIR_SERVER].asked[0].packet_id,
                            p->end[PAIR_SERVER].asked[2].packet_id, 32);
    assert_int_equal(pair_decide(p, PAIR_SERVER, 2, true, &fulfilled), RILL_OK);
    pair_run(p, RILL_SECOND);
    assert_int_equal(sent(s), 1000);
    pair_check_books(p);
}

static void test_a_decision_after_the_packet_expired_is_a_no(void **state)
{
    pair *p = *state;
    bool fulfilled = true;
    open_asking(p, 10);
    rill_stream *s = pair_stream_open(p, PAIR_CLIENT);
    pair_write(s, "x", 1);
    pair_run(p, 50 * RILL_MS);
    assert_int_equal(rill_stream_send_total(s, 100, p->now.mono_ns + RILL_SECOND), RILL_OK);
    pair_run(p, 2 * RILL_SECOND);
    /* The host of the server is late itself: nothing has told the endpoint the time. */
    pair_sleep(p, 40 * RILL_SECOND);
    assert_int_equal(pair_decide(p, PAIR_SERVER, 0, true, &fulfilled), RILL_OK);
    assert_false(fulfilled);
    pair_run(p, RILL_SECOND);
    assert_int_equal(p->end[PAIR_SERVER].fulfilled_in, 0);
    rill_stream_totals t;
    rill_stream_get_totals(s, &t);
    assert_int_equal(t.sent + t.in_flight, 0);
    /* Not sent again: the call had ended. */
    assert_int_equal(p->end[PAIR_SERVER].asked_count, 1);
    pair_check_books(p);
}

static void test_without_a_decision_the_room_comes_back_at_expiry(void **state)
{
    pair *p = *state;
    open_asking(p, 10);
    rill_stream *s = pair_stream_open(p, PAIR_CLIENT);
    pair_write(s, "x", 1);
    pair_run(p, 50 * RILL_MS);
    assert_int_equal(rill_stream_send_total(s, 1000, RILL_NEVER), RILL_OK);
    pair_run(p, 29 * RILL_SECOND);
    assert_int_equal(p->end[PAIR_SERVER].asked_count, 1);
    pair_run(p, 3 * RILL_SECOND);
    /* It can be answered still, and only with no. */
    bool fulfilled = true;
    assert_int_equal(pair_decide(p, PAIR_SERVER, 0, true, &fulfilled), RILL_OK);
    assert_false(fulfilled);
    assert_int_equal(pair_decide(p, PAIR_SERVER, 0, true, NULL), RILL_ERR_NOT_FOUND);
    assert_int_equal(p->end[PAIR_SERVER].asked_count, 2);
    assert_int_equal(pair_decide(p, PAIR_SERVER, 1, true, NULL), RILL_OK);
    pair_run(p, RILL_SECOND);
    assert_int_equal(sent(s), 1000);
    pair_check_books(p);
}

static void test_undecided_packets_are_bounded(void **state)
{
    pair *p = *state;
    open_asking(p, 3);
    p->maximum[PAIR_CLIENT] = 100;
    rill_stream *s = pair_stream_open(p, PAIR_CLIENT);
    assert_int_equal(rill_stream_send_total(s, 1000, RILL_NEVER), RILL_OK);
    pair_run(p, 100 * RILL_MS);
    assert_int_equal(p->end[PAIR_SERVER].asked_count, 3);
    for (unsigned i = 0; i < 200 && sent(s) < 1000; i++) {
        if (i < p->end[PAIR_SERVER].asked_count)
            assert_int_equal(pair_decide(p, PAIR_SERVER, i, true, NULL), RILL_OK);
        pair_run(p, RILL_SECOND);
    }
    assert_int_equal(sent(s), 1000);
    pair_check_books(p);
}

/* The money was on its way before the stream closed: it meets the goal all the same. */
static void test_money_decided_after_its_stream_closed_meets_the_goal(void **state)
{
    pair *p = *state;
    open_asking(p, 3);
    rill_stream *s = pair_stream_open(p, PAIR_CLIENT);
    pair_write(s, "x", 1);
    pair_run(p, 50 * RILL_MS);
    assert_int_equal(rill_stream_receive_total(server_stream(p), 100, RILL_NEVER), RILL_OK);
    assert_int_equal(rill_stream_set_send_max(s, 100), RILL_OK);
    pair_run(p, 50 * RILL_MS);
    rill_stream_close(s, RILL_CLOSE_NO_ERROR, NULL);
    pair_run(p, 50 * RILL_MS);
    assert_int_equal(p->end[PAIR_SERVER].asked_count, 1);
    assert_false(pair_seen(p, PAIR_SERVER, 1)->ended);
    assert_int_equal(pair_decide(p, PAIR_SERVER, 0, true, NULL), RILL_OK);
    pair_run(p, 50 * RILL_MS);
    assert_int_equal(p->end[PAIR_SERVER].events[RILL_EVENT_RECEIVE_TOTAL_END], 1);
    assert_int_equal(p->end[PAIR_SERVER].received_error, RILL_OK);
    assert_true(pair_seen(p, PAIR_SERVER, 1)->ended);
    assert_true(pair_seen(p, PAIR_CLIENT, 1)->ended);
    pair_check_books(p);
}

static void test_a_decision_after_the_connection_closed_is_a_no(void **state)
{
    pair *p = *state;
    bool fulfilled = true;
    open_asking(p, 3);
    rill_stream *s = pair_stream_open(p, PAIR_CLIENT);
    assert_int_equal(rill_stream_set_send_max(s, 100), RILL_OK);
    pair_run(p, 50 * RILL_MS);
    rill_connection_close(p->end[PAIR_SERVER].connection, RILL_CLOSE_APPLICATION_ERROR, "no");
    pair_run(p, 50 * RILL_MS);
    assert_int_equal(pair_decide(p, PAIR_SERVER, 0, true, &fulfilled), RILL_OK);
    assert_false(fulfilled);
    pair_run(p, RILL_SECOND);
    assert_int_equal(p->end[PAIR_CLIENT].events[RILL_EVENT_CONNECTION_END], 1);
    assert_int_equal(p->end[PAIR_SERVER].events[RILL_EVENT_CONNECTION_END], 1);
    assert_int_equal(p->end[PAIR_CLIENT].end_code, RILL_CLOSE_APPLICATION_ERROR);
    pair_check_books(p);
}

static void expire_soon(pair *p, pair_packet *packet)
{
    rill_prepare prepare;
    if (packet->amount == 0)
        return;
    assert_int_equal(rill_prepare_decode(&prepare, packet->bytes, packet->len), RILL_OK);
    prepare.expires_at_ms = p->now.wall_ms + 50;
    size_t len;
    uint8_t copy[RILL_PACKET_BUFFER];
    memcpy(copy, prepare.data.data, prepare.data.len);
    uint8_t condition[32];
    memcpy(condition, prepare.condition, sizeof condition);
    char address[RILL_ILP_MAX_ADDRESS];
    memcpy(address, prepare.destination.data, prepare.destination.len);
    prepare.data.data = copy;
    prepare.condition = condition;
    prepare.destination.data = (const uint8_t *)address;
    assert_int_equal(rill_prepare_encode(&prepare, packet->bytes, packet->len, &len), RILL_OK);
    assert_int_equal(len, packet->len);
}

/* The embedder has given no reply yet: it must hear of the packet, however late it looks. */
static void test_a_packet_that_expires_before_anybody_was_asked_is_asked_about(void **state)
{
    pair *p = *state;
    open_asking(p, 10);
    rill_stream *s = pair_stream_open(p, PAIR_CLIENT);
    pair_write(s, "x", 1);
    pair_run(p, 50 * RILL_MS);
    p->on_packet = expire_soon;
    p->no_events[PAIR_SERVER] = true;
    assert_int_equal(rill_stream_set_send_max(s, 100), RILL_OK);
    pair_run(p, RILL_SECOND);
    assert_int_equal(p->end[PAIR_SERVER].asked_count, 0);
    p->no_events[PAIR_SERVER] = false;
    pair_run(p, 10 * RILL_MS);
    unsigned asked = p->end[PAIR_SERVER].asked_count;
    assert_true(asked >= 1);
    for (unsigned i = 0; i < asked; i++) {
        bool fulfilled = true;
        assert_int_equal(pair_decide(p, PAIR_SERVER, i, true, &fulfilled), RILL_OK);
        assert_false(fulfilled);
        assert_int_equal(pair_decide(p, PAIR_SERVER, i, false, NULL), RILL_ERR_NOT_FOUND);
        for (unsigned k = 0; k < i; k++)
            assert_true(p->end[PAIR_SERVER].asked[i].request !=
                        p->end[PAIR_SERVER].asked[k].request);
    }
    assert_null(p->waiting);
    assert_int_equal(pair_seen(p, PAIR_SERVER, 1)->money, 0);
    pair_check_books(p);
}

/* Whichever side closes, and whether anybody was asked yet: all ends at once, and is answered. */
static void close_with_undecided(pair_side payer, pair_side closer, bool unasked)
{
    pair p = {0};
    pair_options o;
    pair_options_init(&o);
    pair_side asked = payer == PAIR_CLIENT ? PAIR_SERVER : PAIR_CLIENT;
    o.accepted.ask_before_fulfill = asked == PAIR_SERVER;
    o.connection.ask_before_fulfill = asked == PAIR_CLIENT;
    pair_open(&p, &o);
    rill_stream *s = pair_stream_open(&p, PAIR_CLIENT);
    pair_write(s, "x", 1);
    pair_run(&p, 50 * RILL_MS);
    rill_stream *of_server = server_stream(&p);
    rill_stream *from = payer == PAIR_CLIENT ? s : of_server;
    rill_stream *to = payer == PAIR_CLIENT ? of_server : s;
    p.no_events[asked] = unasked;
    assert_int_equal(rill_stream_send_total(from, 100, RILL_NEVER), RILL_OK);
    assert_int_equal(rill_stream_receive_total(to, 100, RILL_NEVER), RILL_OK);
    pair_run(&p, 50 * RILL_MS);
    rill_connection_close(p.end[closer].connection, RILL_CLOSE_NO_ERROR, NULL);
    pair_run(&p, RILL_SECOND);
    p.no_events[asked] = false;
    pair_run(&p, RILL_SECOND);
    assert_int_equal(p.end[asked].events[RILL_EVENT_RECEIVE_TOTAL_END], 1);
    assert_int_equal(p.end[asked].received_error, RILL_ERR_CLOSED);
    assert_true(pair_seen(&p, asked, 1)->ended);
    assert_int_equal(p.end[asked].events[RILL_EVENT_CONNECTION_END], 1);
    assert_int_equal(p.end[asked].asked_count, 1);
    /* The connection is over, at a client it is freed: the link is answered all the same. */
    bool fulfilled = true;
    assert_int_equal(pair_decide(&p, asked, 0, true, &fulfilled), RILL_OK);
    assert_false(fulfilled);
    assert_null(p.waiting);
    assert_int_equal(pair_decide(&p, asked, 0, true, NULL), RILL_ERR_NOT_FOUND);
    pair_run(&p, RILL_SECOND);
    assert_int_equal(p.end[payer].events[RILL_EVENT_SEND_TOTAL_END], 1);
    assert_int_equal(p.end[payer].events[RILL_EVENT_STREAM_END], 1);
    assert_int_equal(p.end[payer].events[RILL_EVENT_CONNECTION_END], 1);
    pair_check_books(&p);
    pair_close(&p);
}

static void test_a_close_ends_what_waits_for_a_decision(void **state)
{
    (void)state;
    for (unsigned i = 0; i < 8; i++)
        close_with_undecided(i & 1 ? PAIR_CLIENT : PAIR_SERVER, i & 2 ? PAIR_CLIENT : PAIR_SERVER,
                             (i & 4) != 0);
}

/* An application that never decides costs its endpoint a bounded number of records. */
static void test_what_nobody_decides_is_forgotten_in_the_end(void **state)
{
    pair *p = *state;
    pair_options o;
    pair_options_init(&o);
    o.accepted.ask_before_fulfill = true;
    o.server.max_undecided = 2;
    pair_open(p, &o);
    rill_stream *s = pair_stream_open(p, PAIR_CLIENT);
    pair_write(s, "x", 1);
    pair_run(p, 50 * RILL_MS);
    p->on_packet = expire_soon;
    assert_int_equal(rill_stream_set_send_max(s, 100), RILL_OK);
    for (unsigned i = 0; i < 10 && p->end[PAIR_SERVER].asked_count < 3; i++)
        pair_run(p, 40 * RILL_SECOND);
    assert_int_equal(p->end[PAIR_SERVER].asked_count, 3);
    pair_run(p, RILL_SECOND);
    assert_int_equal(pair_decide(p, PAIR_SERVER, 0, true, NULL), RILL_ERR_NOT_FOUND);
    assert_int_equal(pair_decide(p, PAIR_SERVER, 1, true, NULL), RILL_OK);
    assert_int_equal(pair_decide(p, PAIR_SERVER, 2, true, NULL), RILL_OK);
}

/* However many one connection has waiting, another one finds room. */
static void test_one_connection_leaves_decisions_to_others(void **state)
{
    pair *p = *state;
    pair_options o;
    pair_options_init(&o);
    o.accepted.ask_before_fulfill = true;
    o.server.max_undecided = 8;
    pair_open(p, &o);
    p->maximum[PAIR_CLIENT] = 10;
    rill_stream *first = pair_stream_open(p, PAIR_CLIENT);
    assert_int_equal(rill_stream_set_send_max(first, 1000), RILL_OK);
    pair_run(p, RILL_SECOND);
    assert_int_equal(p->end[PAIR_SERVER].asked_count, 4);
    rill_credentials again;
    assert_int_equal(rill_endpoint_generate_credentials(p->end[PAIR_SERVER].endpoint, NULL, &again),
                     RILL_OK);
    p->credentials = again;
    assert_int_equal(pair_connect(p, &o.connection), RILL_OK);
    rill_stream *second = pair_stream_open(p, PAIR_CLIENT);
    assert_int_equal(rill_stream_set_send_max(second, 1000), RILL_OK);
    pair_run(p, RILL_SECOND);
    assert_int_equal(p->end[PAIR_SERVER].asked_count, 6);
}

/* ---- streams of which the application says what they take (RILL_CONNECTION_ASK_NEW_STREAMS) ----
 */

/* What the application gives a new stream; 0: nothing. */
static uint64_t given;
static unsigned questions_before_stream;

static void give_limit(pair *p, pair_side side, const rill_event *event)
{
    if (side != PAIR_SERVER)
        return;
    if (event->type == RILL_EVENT_INCOMING && p->end[side].events[RILL_EVENT_STREAM] == 0)
        questions_before_stream++;
    if (event->type == RILL_EVENT_STREAM && given > 0)
        assert_int_equal(rill_stream_set_receive_max(event->stream, given), RILL_OK);
}

static rill_stream *open_untold(pair *p, uint64_t limit)
{
    pair_options o = pair_defaults();
    o.accepted.flags = RILL_CONNECTION_ASK_NEW_STREAMS;
    o.accepted.default_receive_max = 0;
    pair_open(p, &o);
    given = limit;
    questions_before_stream = 0;
    p->on_event = give_limit;
    return pair_stream_open(p, PAIR_CLIENT);
}

static void test_the_first_packet_waits_until_its_stream_is_known(void **state)
{
    pair *p = *state;
    bool fulfilled;
    rill_stream *s = open_untold(p, 1000);
    uint64_t before = p->end[PAIR_CLIENT].packets;
    assert_int_equal(rill_stream_set_send_max(s, 600), RILL_OK);
    pair_run(p, 10 * RILL_MS);
    assert_int_equal(p->end[PAIR_SERVER].asked_count, 1);
    assert_int_equal(questions_before_stream, 0);
    assert_int_equal(p->end[PAIR_SERVER].fulfilled_in, 0);
    assert_int_equal(pair_decide(p, PAIR_SERVER, 0, true, &fulfilled), RILL_OK);
    assert_true(fulfilled);
    pair_run(p, RILL_SECOND);
    assert_int_equal(sent(s), 600);
    /* What it takes is known from then on: nobody is asked again, and one packet was enough. */
    assert_int_equal(rill_stream_set_send_max(s, 1000), RILL_OK);
    pair_run(p, RILL_SECOND);
    assert_int_equal(sent(s), 1000);
    assert_int_equal(p->end[PAIR_SERVER].asked_count, 1);
    assert_true(p->end[PAIR_CLIENT].packets >= before + 2);
    pair_check_books(p);
}

static void test_a_yes_without_room_is_a_no(void **state)
{
    pair *p = *state;
    bool fulfilled = true;
    rill_stream *s = open_untold(p, 0);
    assert_int_equal(rill_stream_set_send_max(s, 600), RILL_OK);
    pair_run(p, 10 * RILL_MS);
    assert_int_equal(p->end[PAIR_SERVER].asked_count, 1);
    assert_int_equal(pair_decide(p, PAIR_SERVER, 0, true, &fulfilled), RILL_OK);
    assert_false(fulfilled);
    pair_run(p, RILL_SECOND);
    assert_int_equal(sent(s), 0);
    /* The refusal told the limit, and the sender goes on when it is raised. */
    assert_int_equal(rill_stream_set_receive_max(server_stream(p), 600), RILL_OK);
    pair_run(p, 10 * RILL_SECOND);
    assert_int_equal(sent(s), 600);
    assert_int_equal(p->end[PAIR_SERVER].asked_count, 1);
    pair_check_books(p);
}

/* Two packets at once, before the application has been told: together they must not be too much. */
static void test_untold_packets_share_the_limit(void **state)
{
    pair *p = *state;
    bool fulfilled;
    rill_stream *s = open_untold(p, 500);
    p->maximum[PAIR_CLIENT] = 300;
    p->no_events[PAIR_SERVER] = true;
    assert_int_equal(rill_stream_set_send_max(s, 900), RILL_OK);
    pair_run(p, 10 * RILL_MS);
    p->no_events[PAIR_SERVER] = false;
    pair_run(p, 10 * RILL_MS);
    unsigned asked = p->end[PAIR_SERVER].asked_count;
    assert_true(asked >= 2);
    unsigned yes = 0;
    for (unsigned i = 0; i < asked; i++) {
        assert_int_equal(pair_decide(p, PAIR_SERVER, i, true, &fulfilled), RILL_OK);
        yes += fulfilled;
    }
    assert_true(yes >= 1);
    pair_run(p, RILL_SECOND);
    assert_true(pair_seen(p, PAIR_SERVER, 1)->money <= 505);
    pair_check_books(p);
}

static void test_a_stream_that_closes_takes_nothing_that_was_asked(void **state)
{
    pair *p = *state;
    bool fulfilled = true;
    rill_stream *s = open_untold(p, 1000);
    assert_int_equal(rill_stream_set_send_max(s, 600), RILL_OK);
    pair_run(p, 10 * RILL_MS);
    rill_stream_close(server_stream(p), RILL_CLOSE_NO_ERROR, NULL);
    assert_int_equal(pair_decide(p, PAIR_SERVER, 0, true, &fulfilled), RILL_OK);
    assert_false(fulfilled);
    pair_run(p, RILL_SECOND);
    assert_int_equal(p->end[PAIR_SERVER].fulfilled_in, 0);
    pair_check_books(p);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        PAIR_TEST_TO_OPEN(test_a_late_yes_fulfills),
        PAIR_TEST_TO_OPEN(test_a_no_credits_nothing_and_gives_the_room_back),
        PAIR_TEST_TO_OPEN(test_a_decision_after_the_packet_expired_is_a_no),
        PAIR_TEST_TO_OPEN(test_without_a_decision_the_room_comes_back_at_expiry),
        PAIR_TEST_TO_OPEN(test_undecided_packets_are_bounded),
        PAIR_TEST_TO_OPEN(test_money_decided_after_its_stream_closed_meets_the_goal),
        PAIR_TEST_TO_OPEN(test_a_decision_after_the_connection_closed_is_a_no),
        PAIR_TEST_TO_OPEN(test_a_packet_that_expires_before_anybody_was_asked_is_asked_about),
        cmocka_unit_test(test_a_close_ends_what_waits_for_a_decision),
        PAIR_TEST_TO_OPEN(test_what_nobody_decides_is_forgotten_in_the_end),
        PAIR_TEST_TO_OPEN(test_one_connection_leaves_decisions_to_others),
        PAIR_TEST_TO_OPEN(test_the_first_packet_waits_until_its_stream_is_known),
        PAIR_TEST_TO_OPEN(test_a_yes_without_room_is_a_no),
        PAIR_TEST_TO_OPEN(test_untold_packets_share_the_limit),
        PAIR_TEST_TO_OPEN(test_a_stream_that_closes_takes_nothing_that_was_asked),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
