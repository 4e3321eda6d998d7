/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A connector once added money to a packet. That says nothing about packets that were lost after
 * it.
 */
#include "client_fixture.h"

#define EXPIRY (31 * RILL_SECOND)
#define LOST   10u

static void low(rill_connection_options *o)
{
    o->min_rate = (rill_ratio){9, 20};
}

static rill_frame told(const client *c, uint64_t total)
{
    return (rill_frame){.type = RILL_FRAME_STREAM_MAX_MONEY,
                        .stream = rill_stream_id(c->stream),
                        .value = UINT64_MAX,
                        .total = total};
}

static void offer(client *c, uint64_t amount)
{
    uint64_t so_far = totals(c).sent + totals(c).in_flight;
    assert_int_equal(rill_stream_set_send_max(c->stream, so_far + amount), RILL_OK);
    assert_true(next(c));
    assert_int_equal(c->amount, amount);
}

static void pay(client *c, uint64_t arrived, uint64_t total)
{
    rill_frame frame = told(c, total);
    offer(c, 1000);
    fulfill(c, arrived, &frame, 1);
}

/* So many packets have no reply. The question after them is answered with that total. */
static void lose_all(client *c, uint64_t total)
{
    for (unsigned i = 0; i < LOST; i++) {
        offer(c, 1000);
        rill_endpoint_unanswered(c->endpoint, c->now, c->request, true);
    }
    c->now.mono_ns += EXPIRY;
    c->now.wall_ms += EXPIRY / MS;
    rill_endpoint_timeout(c->endpoint, c->now);
    rill_frame frame = told(c, total);
    assert_true(next(c));
    assert_int_equal(c->amount, 0);
    assert_non_null(raw_find(&question, RILL_FRAME_STREAM_MONEY_BLOCKED));
    fulfill(c, 0, &frame, 1);
}

/* A half, as replies have shown, and then once more than a half can be. */
static void open_raised(client *c)
{
    open_client_with(c, low);
    offer(c, 1000);
    const rill_frame *address = raw_find(&question, RILL_FRAME_CONNECTION_NEW_ADDRESS);
    assert_non_null(address);
    assert_true(address->text.len < sizeof c->server.destination);
    memcpy(c->server.destination, address->text.data, address->text.len);
    c->server.destination[address->text.len] = '\0';
    rill_frame frame = told(c, 500);
    fulfill(c, 500, &frame, 1);
    pay(c, 500, 1000);
    pay(c, 560, 1560);
}

/* All of it arrived, at a half: of nine packets at the better rate it would be more. */
static void test_one_packet_that_brought_more_is_not_the_rate(void **state)
{
    client c;
    (void)state;
    open_raised(&c);
    lose_all(&c, 1560 + 500 * LOST);
    assert_int_equal(totals(&c).sent + totals(&c).in_doubt, 3000 + 1000 * LOST);
    assert_int_equal(totals(&c).in_flight, totals(&c).in_doubt);
    assert_int_equal(totals(&c).in_doubt, 1000);
    close_client(&c);
}

/* However often: as long as no two of them bring the same. */
static void test_nor_is_one_that_brought_more_still(void **state)
{
    client c;
    (void)state;
    open_raised(&c);
    pay(&c, 700, 2260);
    lose_all(&c, 2260 + 500 * LOST);
    assert_int_equal(totals(&c).sent + totals(&c).in_doubt, 4000 + 1000 * LOST);
    close_client(&c);
}

static void test_two_are(void **state)
{
    client c;
    (void)state;
    open_raised(&c);
    pay(&c, 560, 2120);
    lose_all(&c, 2120 + 560 * (LOST - 1));
    assert_int_equal(totals(&c).sent, 4000 + 1000 * (LOST - 1));
    assert_int_equal(totals(&c).in_flight, 0);
    close_client(&c);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_one_packet_that_brought_more_is_not_the_rate),
        cmocka_unit_test(test_nor_is_one_that_brought_more_still),
        cmocka_unit_test(test_two_are),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
