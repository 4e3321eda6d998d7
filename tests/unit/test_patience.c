/* SPDX-License-Identifier: Apache-2.0 */
/* How long a path that is not good enough for what waits is borne with. */
#include "client_fixture.h"

#include "stream/core/connection_internal.h"
#include "stream/core/patience.h"
#include "stream/core/stream.h"

#define NOW (100 * RILL_SECOND)

/* Nothing is known of the path: two answers take twice 3 s at most. */
#define UNKNOWN (6 * RILL_SECOND)

static void test_nobody_waits_at_first(void **state)
{
    client c;
    (void)state;
    open_client(&c);
    assert_true(rill_patience_deadline(c.connection) == RILL_NEVER);
    rill_patience_on_deadline(c.connection, NOW);
    assert_int_equal(c.connection->path->patience.looks, 0);
    close_client(&c);
}

static void quick_path(const client *c)
{
    c->connection->path->congestion->trip.smoothed = 10 * MS;
    c->connection->path->congestion->trip.variance = 1 * MS;
}

/* One that never was good enough is given up sooner than one that has fallen. */
static void test_what_was_good_is_waited_for_longer(void **state)
{
    client c;
    (void)state;
    open_client(&c);
    rill_connection *x = c.connection;
    rill_patience_low_rate(x, NOW);
    assert_true(rill_patience_deadline(x) == NOW + UNKNOWN);
    x->path->patience.low_rate_since = 0;
    quick_path(&c);
    rill_patience_low_rate(x, NOW);
    assert_true(rill_patience_deadline(x) == NOW + 2 * RILL_SECOND);
    x->path->patience.low_rate_since = 0;
    x->path->money.sent = 1;
    rill_patience_low_rate(x, NOW);
    assert_true(rill_patience_deadline(x) == NOW + 10 * RILL_SECOND);
    close_client(&c);
}

/* It has been so from the first time on, however often that is noticed. */
static void test_it_counts_from_the_first_time(void **state)
{
    client c;
    (void)state;
    open_client(&c);
    quick_path(&c);
    rill_patience_low_rate(c.connection, NOW);
    rill_patience_low_rate(c.connection, NOW + RILL_SECOND);
    assert_true(rill_patience_deadline(c.connection) == NOW + 2 * RILL_SECOND);
    close_client(&c);
}

/* A slow path is not judged by less than two answers; nobody waits for longer than to connect. */
static void test_a_slow_path_has_longer(void **state)
{
    client c;
    (void)state;
    open_client(&c);
    rill_connection *x = c.connection;
    x->path->congestion->trip.smoothed = 4 * RILL_SECOND;
    rill_patience_low_rate(x, NOW);
    assert_true(rill_patience_deadline(x) == NOW + 16 * RILL_SECOND);
    x->path->patience.low_rate_since = 0;
    x->path->congestion->trip.smoothed = 40 * RILL_SECOND;
    rill_patience_low_rate(x, NOW);
    assert_true(rill_patience_deadline(x) == NOW + x->options->connect_timeout_ns);
    /* Answers that come faster bring the end nearer, and never behind us. */
    quick_path(&c);
    rill_patience_low_rate(x, NOW + 9 * RILL_SECOND);
    assert_true(rill_patience_deadline(x) == NOW + 9 * RILL_SECOND);
    close_client(&c);
}

/* Its time is over: those who wait are told, and the others keep what they may send. */
static void test_those_who_wait_are_told(void **state)
{
    client c;
    rill_stream *other;
    (void)state;
    open_client(&c);
    rill_connection *x = c.connection;
    quick_path(&c);
    assert_int_equal(rill_connection_open_stream(x, &other), RILL_OK);
    assert_int_equal(rill_stream_set_send_max(other, 50), RILL_OK);
    assert_int_equal(rill_stream_send_total(c.stream, 100, RILL_NEVER), RILL_OK);
    rill_patience_low_rate(x, NOW);
    rill_patience_on_deadline(x, NOW + 2 * RILL_SECOND - 1);
    assert_true(c.stream->out->goal_set);
    rill_patience_on_deadline(x, NOW + 2 * RILL_SECOND);
    assert_false(c.stream->out->goal_set);
    assert_int_equal(c.stream->sent_error, RILL_ERR_RATE);
    assert_true(other->out->money.free == 50 && !other->closed);
    assert_true(rill_patience_deadline(x) == RILL_NEVER);
    close_client(&c);
}

/* What was refused for its size may be taken when the rate is better: it is looked at again. */
static void test_looks_are_further_and_further_apart(void **state)
{
    client c;
    uint64_t last = 0;
    (void)state;
    open_client(&c);
    rill_connection *x = c.connection;
    quick_path(&c);
    assert_true(rill_stream_may_pay(c.stream));
    assert_false(rill_patience_may_recover(x, c.stream, NOW)); /* nothing has been refused */
    uint64_t now = NOW;
    for (unsigned i = 1; i <= 20; i++) {
        x->path->worth.soured = true;
        assert_true(rill_patience_may_recover(x, c.stream, now));
        uint64_t delay = x->path->patience.look_at - now;
        assert_true(delay <= 10 * RILL_SECOND && delay >= last);
        if (i <= 8)
            assert_true(delay == i * 50 * MS);
        assert_true(rill_patience_may_recover(x, c.stream, now + 1)); /* the same look */
        assert_true(x->path->patience.look_at - now == delay);
        rill_patience_on_deadline(x, x->path->patience.look_at - 1);
        assert_true(x->path->worth.soured);
        now = x->path->patience.look_at;
        rill_patience_on_deadline(x, now);
        assert_true(x->path->patience.look_at == 0 && !x->path->worth.soured);
        last = delay;
    }
    assert_true(last == 10 * RILL_SECOND);
    close_client(&c);
}

/* Who waits for all of its money to go does so for a while only, if it was good once at all. */
static void test_who_waits_is_not_put_off_for_ever(void **state)
{
    client c;
    (void)state;
    open_client(&c);
    rill_connection *x = c.connection;
    quick_path(&c);
    assert_true(rill_stream_may_pay(c.stream));
    x->path->worth.soured = true;
    c.stream->ending = true;
    assert_false(rill_patience_may_recover(x, c.stream, NOW)); /* it never was */
    x->path->money.sent = 1;
    assert_true(rill_patience_may_recover(x, c.stream, NOW));
    assert_true(rill_patience_may_recover(x, c.stream, NOW + 2 * RILL_SECOND - 1));
    assert_false(rill_patience_may_recover(x, c.stream, NOW + 2 * RILL_SECOND));
    /* Something went on meanwhile: it waits anew. */
    c.stream->progress_ns = NOW + 1;
    assert_true(rill_patience_may_recover(x, c.stream, NOW + 2 * RILL_SECOND));
    c.stream->ending = false;
    close_client(&c);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_nobody_waits_at_first),
        cmocka_unit_test(test_what_was_good_is_waited_for_longer),
        cmocka_unit_test(test_it_counts_from_the_first_time),
        cmocka_unit_test(test_a_slow_path_has_longer),
        cmocka_unit_test(test_those_who_wait_are_told),
        cmocka_unit_test(test_looks_are_further_and_further_apart),
        cmocka_unit_test(test_who_waits_is_not_put_off_for_ever),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
