/* SPDX-License-Identifier: Apache-2.0 */
/* rill_stream_stop_sending: a payment that its sender gives up, and what becomes of its money. */
#include "client_fixture.h"

#define PACKET 50

static int sent_error;

static void in_pieces(rill_connection_options *o)
{
    o->max_packet_amount = PACKET;
    o->max_in_flight = 1;
}

/* The error of the one SEND_TOTAL_END that there is. */
static void take_end(client *c, int error)
{
    rill_event event;
    unsigned ends = 0;
    while (rill_endpoint_next_event(c->endpoint, &event))
        if (event.type == RILL_EVENT_SEND_TOTAL_END) {
            sent_error = event.error;
            ends++;
        }
    assert_int_equal(ends, 1);
    assert_int_equal(sent_error, error);
}

/* A total of 120, of which 50 have left. */
static void open_paying(client *c)
{
    open_client_with(c, in_pieces);
    assert_int_equal(rill_stream_send_total(c->stream, 120, RILL_NEVER), RILL_OK);
    assert_true(next(c));
    assert_int_equal(c->amount, PACKET);
}

/* No packet with money leaves for ten seconds. */
static void nothing_leaves(client *c)
{
    while (next(c)) {
        assert_int_equal(c->amount, 0);
        connector_says(c, RILL_ILP_T00_INTERNAL_ERROR);
    }
}

static void test_what_is_under_way_may_arrive(void **state)
{
    client c;
    (void)state;
    open_paying(&c);
    rill_stream_stop_sending(c.stream);
    take_end(&c, RILL_ERR_CANCELLED);
    assert_int_equal(totals(&c).send_max, PACKET);
    assert_int_equal(totals(&c).in_flight, PACKET);
    fulfill(&c, PACKET, NULL, 0);
    assert_int_equal(totals(&c).sent, PACKET);
    nothing_leaves(&c);
    assert_int_equal(c.events[RILL_EVENT_SEND_TOTAL_END], 0);
    close_client(&c);
}

static void test_what_comes_back_is_not_sent_again(void **state)
{
    client c;
    (void)state;
    open_paying(&c);
    rill_stream_stop_sending(c.stream);
    take_end(&c, RILL_ERR_CANCELLED);
    connector_says(&c, RILL_ILP_T00_INTERNAL_ERROR);
    assert_int_equal(totals(&c).in_flight, 0);
    assert_int_equal(totals(&c).send_max, 0);
    nothing_leaves(&c);
    close_client(&c);
}

static void test_another_payment_can_follow(void **state)
{
    client c;
    (void)state;
    open_paying(&c);
    rill_stream_stop_sending(c.stream);
    fulfill(&c, PACKET, NULL, 0);
    assert_int_equal(rill_stream_send_total(c.stream, PACKET + 7, RILL_NEVER), RILL_OK);
    assert_true(next(&c));
    assert_int_equal(c.amount, 7);
    fulfill(&c, 7, NULL, 0);
    assert_int_equal(totals(&c).sent, PACKET + 7);
    close_client(&c);
}

/* The end of the one that was given up has not been fetched yet. */
static void test_not_before_its_end_was_told(void **state)
{
    client c;
    (void)state;
    open_paying(&c);
    rill_stream_stop_sending(c.stream);
    assert_int_equal(rill_stream_send_total(c.stream, 200, RILL_NEVER), RILL_ERR_STATE);
    rill_stream_stop_sending(c.stream);
    take_end(&c, RILL_ERR_CANCELLED);
    close_client(&c);
}

static void test_where_none_is_under_way_nothing_changes(void **state)
{
    client c;
    (void)state;
    open_client_with(&c, in_pieces);
    assert_int_equal(rill_stream_set_send_max(c.stream, 120), RILL_OK);
    rill_stream_stop_sending(c.stream);
    assert_int_equal(totals(&c).send_max, 120);
    assert_true(next(&c));
    assert_int_equal(c.amount, PACKET);
    assert_int_equal(c.events[RILL_EVENT_SEND_TOTAL_END], 0);
    rill_connection_abandon(c.connection, RILL_ERR_CANCELLED);
    rill_stream_stop_sending(c.stream);
    close_client(&c);
}

static void test_doubt_is_for_good_when_nobody_can_tell(void **state)
{
    client c;
    (void)state;
    open_paying(&c);
    rill_endpoint_unanswered(c.endpoint, c.now, c.request, true);
    assert_int_equal(totals(&c).in_doubt, PACKET);
    assert_int_equal(totals(&c).in_doubt_for_good, 0);
    rill_connection_abandon(c.connection, RILL_ERR_CANCELLED);
    assert_int_equal(totals(&c).in_doubt, PACKET);
    assert_int_equal(totals(&c).in_doubt_for_good, PACKET);
    close_client(&c);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_what_is_under_way_may_arrive),
        cmocka_unit_test(test_what_comes_back_is_not_sent_again),
        cmocka_unit_test(test_another_payment_can_follow),
        cmocka_unit_test(test_not_before_its_end_was_told),
        cmocka_unit_test(test_where_none_is_under_way_nothing_changes),
        cmocka_unit_test(test_doubt_is_for_good_when_nobody_can_tell),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
