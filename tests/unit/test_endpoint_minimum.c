/* SPDX-License-Identifier: Apache-2.0 */
/* The minimum rate over everything that is sent, and money whose reply never came. */
#include "client_fixture.h"

#include "stream/core/connection_internal.h"

#define EXPIRY (31 * RILL_SECOND)

static void half(rill_connection_options *o)
{
    o->min_rate = (rill_ratio){1, 2};
}

static rill_frame told(const client *c, uint64_t total)
{
    return (rill_frame){.type = RILL_FRAME_STREAM_MAX_MONEY,
                        .stream = rill_stream_id(c->stream),
                        .value = UINT64_MAX,
                        .total = total};
}

/* So much more may be sent. The next packet carries it, and must bring the minimum. */
static void send_more(client *c, uint64_t more, uint64_t minimum)
{
    rill_stream_totals t = totals(c);
    assert_int_equal(rill_stream_set_send_max(c->stream, t.sent + t.in_flight + more), RILL_OK);
    assert_true(next(c));
    assert_int_equal(c->amount, more);
    assert_int_equal(question.amount, minimum);
}

/* 100 units that brought 50; then three without a reply, which had to bring one. */
static void open_lossy(client *c)
{
    open_client_with(c, half);
    rill_frame total = told(c, 50);
    send_more(c, 100, 50);
    fulfill(c, 50, &total, 1);
    send_more(c, 3, 1);
    rill_endpoint_unanswered(c->endpoint, c->now, c->request, true);
    c->now.mono_ns += EXPIRY;
    c->now.wall_ms += EXPIRY / MS;
    rill_endpoint_timeout(c->endpoint, c->now);
    assert_true(next(c));
    assert_int_equal(c->amount, 0);
    assert_non_null(raw_find(&question, RILL_FRAME_STREAM_MONEY_BLOCKED));
}

/* Half a unit is missing already: of three units more one may not be lost, too. */
static void check_two_of_three(client *c)
{
    rill_stream_totals t = totals(c);
    assert_int_equal(rill_stream_set_send_max(c->stream, t.sent + t.in_flight + 3), RILL_OK);
    while (next(c)) {
        assert_true(c->amount == 0 || c->amount == 2);
        assert_int_equal(question.amount, c->amount / 2);
        fulfill(c, c->amount / 2, NULL, 0);
    }
    assert_int_equal(totals(c).sent, t.sent + 2);
    close_client(c);
}

static void test_what_arrived_after_all_has_lost_its_part(void **state)
{
    client c;
    (void)state;
    open_lossy(&c);
    rill_frame total = told(&c, 51);
    fulfill(&c, 0, &total, 1);
    assert_int_equal(totals(&c).sent, 103);
    check_two_of_three(&c);
}

static void test_what_nobody_tells_of_may_have_lost_it(void **state)
{
    client c;
    (void)state;
    open_lossy(&c);
    fulfill(&c, 0, NULL, 0);
    assert_int_equal(totals(&c).in_doubt, 3);
    check_two_of_three(&c);
}

static void test_what_did_not_arrive_has_lost_nothing(void **state)
{
    client c;
    (void)state;
    open_lossy(&c);
    rill_frame total = told(&c, 50);
    fulfill(&c, 0, &total, 1);
    assert_true(next(&c));
    assert_int_equal(c.amount, 3);
    assert_int_equal(question.amount, 1);
    fulfill(&c, 1, NULL, 0);
    assert_int_equal(totals(&c).sent, 103);
    close_client(&c);
}

static void two_fifths(rill_connection_options *o)
{
    o->min_rate = (rill_ratio){2, 5};
}

/*
 * What rounding left of a packet that two streams shared was taken for the first one's. It was not.
 */
static void test_a_unit_of_anothers_earns_nothing(void **state)
{
    client c;
    rill_stream *other;
    (void)state;
    open_client_with(&c, two_fifths);
    rill_frame total = told(&c, 50);
    send_more(&c, 100, 40);
    fulfill(&c, 50, &total, 1);
    assert_int_equal(rill_connection_open_stream(c.connection, &other), RILL_OK);
    assert_int_equal(rill_stream_set_send_max(other, 50), RILL_OK);
    assert_int_equal(rill_stream_set_send_max(c.stream, 151), RILL_OK);
    assert_true(next(&c));
    assert_int_equal(c.amount, 101);
    fulfill(&c, 50, NULL, 0);
    assert_true(rill_wide_equal(c.connection->path->tally.balance,
                                rill_wide_signed(rill_wide(5 * 100 - 2 * 201))));
    assert_int_equal(rill_stream_set_send_max(other, 52), RILL_OK);
    assert_true(next(&c));
    assert_int_equal(c.amount, 2);
    rill_endpoint_unanswered(c.endpoint, c.now, c.request, true);
    c.now.mono_ns += EXPIRY;
    c.now.wall_ms += EXPIRY / MS;
    rill_endpoint_timeout(c.endpoint, c.now);
    assert_true(next(&c));
    total.stream = rill_stream_id(other);
    total.total = 26;
    fulfill(&c, 0, &total, 1);
    rill_stream_totals t;
    rill_stream_get_totals(other, &t);
    assert_int_equal(t.sent, 52);
    assert_false(rill_wide_below(rill_wide_signed(rill_wide(5 * 101 - 2 * 203)),
                                 c.connection->path->tally.balance));
    close_client(&c);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_what_arrived_after_all_has_lost_its_part),
        cmocka_unit_test(test_what_nobody_tells_of_may_have_lost_it),
        cmocka_unit_test(test_what_did_not_arrive_has_lost_nothing),
        cmocka_unit_test(test_a_unit_of_anothers_earns_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
