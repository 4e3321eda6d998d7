/* SPDX-License-Identifier: Apache-2.0 */
/* The time at which a connection has to be looked at again, whenever somebody asks for it. */
#include "client_fixture.h"

#define NOW(c) ((c)->now.mono_ns)

static uint64_t deadline(const client *c)
{
    return rill_endpoint_deadline(c->endpoint);
}

static void wait_for(client *c, uint64_t ns)
{
    c->now.mono_ns += ns;
    c->now.wall_ms += ns / MS;
}

/* The next packet, at this very time, and without a look at any deadline. False: there is none. */
static bool send_now(client *c)
{
    assert_int_equal(
        rill_endpoint_next_prepare(c->endpoint, c->now, c->packet, &c->len, &c->request), RILL_OK);
    if (c->len > 0)
        raw_read(&c->server, c->packet, c->len, &question);
    return c->len > 0;
}

/* Its first packet has been answered, and nothing is to be done. */
static void open_quiet(client *c)
{
    open_client(c);
    assert_true(send_now(c));
    fulfill(c, 0, NULL, 0);
    while (send_now(c))
        fulfill(c, 0, NULL, 0);
}

/* A path that has answered within a millisecond is waited for so long (round_trip.h). */
#define PATIENCE (201 * MS)

static void test_it_is_the_earliest_of_all_that_is_waited_for(void **state)
{
    client c;
    (void)state;
    open_client(&c);
    uint64_t start = NOW(&c);
    assert_true(send_now(&c));
    assert_true(deadline(&c) == start + 3 * RILL_SECOND); /* nothing is known of the path yet */
    fulfill(&c, 0, NULL, 0);
    while (send_now(&c))
        fulfill(&c, 0, NULL, 0);
    /* A timer that is too early stays: it fires, and is set anew. */
    assert_true(deadline(&c) == start + 3 * RILL_SECOND);
    wait_for(&c, 3 * RILL_SECOND);
    uint64_t heard = NOW(&c) - 3 * RILL_SECOND;
    rill_endpoint_timeout(c.endpoint, c.now);
    assert_true(deadline(&c) == heard + 60 * RILL_SECOND); /* it is idle then */
    assert_int_equal(rill_stream_send_total(c.stream, 10, RILL_NEVER), RILL_OK);
    uint64_t sent = NOW(&c);
    assert_true(send_now(&c));
    assert_true(deadline(&c) == sent + PATIENCE);
    close_client(&c);
}

/* Somebody wants something: a sign of life is due long before silence is the end. */
static void test_a_wish_brings_the_sign_of_life_forward(void **state)
{
    const rill_frame full = {.type = RILL_FRAME_STREAM_MAX_MONEY, .stream = 1};
    client c;
    (void)state;
    open_quiet(&c);
    wait_for(&c, 3 * RILL_SECOND);
    rill_endpoint_timeout(c.endpoint, c.now);
    assert_int_equal(rill_stream_send_total(c.stream, 10, RILL_NEVER), RILL_OK);
    assert_true(send_now(&c));
    refuse(&c, 10, &full, 1);
    uint64_t heard = NOW(&c);
    for (unsigned i = 0; i < 100 && deadline(&c) <= heard + 14 * RILL_SECOND; i++) {
        wait_for(&c, deadline(&c) - NOW(&c));
        rill_endpoint_timeout(c.endpoint, c.now);
        while (send_now(&c)) {
            fulfill(&c, 0, &full, 1);
            heard = NOW(&c);
        }
    }
    assert_true(deadline(&c) <= heard + 15 * RILL_SECOND);
    close_client(&c);
}

/*
 * Nothing leaves for ten milliseconds after a refusal. Then more packets come, and nobody asks
 * for the deadline until that time is over: it is due at once, and not forgotten.
 */
static void test_a_time_that_passed_before_anybody_asked_is_due(void **state)
{
    client c;
    uint64_t first;
    (void)state;
    open_quiet(&c);
    wait_for(&c, 3 * RILL_SECOND);
    rill_endpoint_timeout(c.endpoint, c.now);
    assert_true(deadline(&c) > NOW(&c) + 50 * RILL_SECOND);
    assert_int_equal(rill_stream_set_send_max(c.stream, 1000), RILL_OK);
    assert_true(send_now(&c));
    first = c.request;
    rill_reject reject = {.code = rill_ilp_code_of(RILL_ILP_F02_UNREACHABLE)};
    size_t len;
    assert_int_equal(rill_reject_encode(&reject, answer, sizeof answer, &len), RILL_OK);
    wait_for(&c, MS);
    assert_int_equal(rill_endpoint_receive_reply(c.endpoint, c.now, first, answer, len), RILL_OK);
    uint64_t until = NOW(&c) + 10 * MS;
    assert_false(send_now(&c)); /* and it is out of the line */
    wait_for(&c, 5 * MS);
    assert_int_equal(rill_stream_set_weight(c.stream, 2), RILL_OK);
    wait_for(&c, 20 * MS);
    /* Another connection begins meanwhile, which has nothing to do with it. */
    static const uint8_t secret[32] = {9};
    rill_connection *other;
    assert_int_equal(
        rill_endpoint_connect(c.endpoint, c.now, "test.other.server", secret, 32, NULL, &other),
        RILL_OK);
    assert_true(deadline(&c) == until);
    assert_true(deadline(&c) == until); /* it stays so until something is done */
    rill_endpoint_timeout(c.endpoint, c.now);
    assert_true(deadline(&c) > NOW(&c));
    assert_true(send_now(&c));
    close_client(&c);
}

/* Whoever calls rill_endpoint_timeout by a clock of its own need not ask first. */
static void test_a_timeout_needs_no_question(void **state)
{
    client c;
    (void)state;
    open_client(&c);
    assert_true(send_now(&c));
    wait_for(&c, 31 * RILL_SECOND);
    rill_endpoint_timeout(c.endpoint, c.now); /* nobody has looked for long: once more */
    for (unsigned i = 0; i < 40 && c.events[RILL_EVENT_CONNECTION_END] == 0; i++) {
        wait_for(&c, 900 * MS);
        rill_endpoint_timeout(c.endpoint, c.now);
        while (send_now(&c))
            ;
        take_events(&c);
    }
    assert_int_equal(c.events[RILL_EVENT_CONNECTION_END], 1);
    assert_int_equal(c.end_error, RILL_ERR_TIMEOUT);
    close_client(&c);
}

/* Of several connections that changed in one turn each has its own time. */
static void test_each_connection_has_its_own(void **state)
{
    static const uint8_t secret[32] = {9};
    rill_connection *other;
    rill_connection_options co;
    client c;
    (void)state;
    open_client(&c);
    rill_connection_options_init(&co);
    co.min_rate = (rill_ratio){1, 1};
    uint64_t start = NOW(&c);
    assert_true(send_now(&c));
    wait_for(&c, 500 * MS);
    assert_int_equal(
        rill_endpoint_connect(c.endpoint, c.now, "test.other.server", secret, 32, &co, &other),
        RILL_OK);
    assert_int_equal(rill_endpoint_next_prepare(c.endpoint, c.now, c.packet, &c.len, &c.request),
                     RILL_OK);
    assert_true(c.len > 0);
    assert_true(deadline(&c) == start + 3 * RILL_SECOND); /* the first one greets again */
    wait_for(&c, 2500 * MS);
    rill_endpoint_timeout(c.endpoint, c.now);
    assert_true(send_now(&c));
    assert_true(deadline(&c) == start + 3500 * MS); /* the other does */
    wait_for(&c, 500 * MS);
    rill_endpoint_timeout(c.endpoint, c.now);
    assert_true(deadline(&c) > NOW(&c) && deadline(&c) <= start + 6 * RILL_SECOND);
    close_client(&c);
}

/* One that changed, and is freed before anybody asks, is no longer among those to be asked for. */
static void test_what_is_freed_is_not_asked(void **state)
{
    client c;
    (void)state;
    open_quiet(&c);
    wait_for(&c, MS);
    assert_int_equal(rill_connection_end(c.connection), RILL_OK);
    for (unsigned i = 0; i < 10 && c.events[RILL_EVENT_CONNECTION_END] == 0; i++) {
        while (send_now(&c))
            fulfill(&c, 0, NULL, 0);
        take_events(&c);
    }
    assert_int_equal(c.events[RILL_EVENT_CONNECTION_END], 1);
    take_events(&c); /* it is freed */
    assert_true(deadline(&c) == RILL_NEVER);
    close_client(&c);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_it_is_the_earliest_of_all_that_is_waited_for),
        cmocka_unit_test(test_a_wish_brings_the_sign_of_life_forward),
        cmocka_unit_test(test_a_time_that_passed_before_anybody_asked_is_due),
        cmocka_unit_test(test_a_timeout_needs_no_question),
        cmocka_unit_test(test_each_connection_has_its_own),
        cmocka_unit_test(test_what_is_freed_is_not_asked),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
