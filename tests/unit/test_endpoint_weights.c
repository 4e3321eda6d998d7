/* SPDX-License-Identifier: Apache-2.0 */
/* The streams of a connection share its capacity by their weights, however many there are. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "support/pair.h"

#define MOST 40u

static uint64_t sent_of(const rill_stream *s)
{
    rill_stream_totals totals;
    rill_stream_get_totals(s, &totals);
    return totals.sent;
}

/* Streams that have more than can be sent; each within 3 % of its part. */
static void share(unsigned streams, const uint32_t *weights, uint64_t maximum)
{
    pair p;
    pair_options o;
    rill_stream *s[MOST];
    uint64_t all = 0;
    uint64_t of_weights = 0;

    pair_options_init(&o);
    o.accepted.max_remote_streams = MOST;
    o.connection.max_in_flight = 64; /* some 3,000 packets in all */
    pair_open(&p, &o);
    pair_run(&p, RILL_SECOND); /* so that the client knows how many it may open */
    p.maximum[PAIR_CLIENT] = maximum;
    p.delay[PAIR_CLIENT] = 20 * RILL_MS;
    for (unsigned i = 0; i < streams; i++) {
        s[i] = pair_stream_open(&p, PAIR_CLIENT);
        assert_int_equal(rill_stream_set_weight(s[i], weights[i]), RILL_OK);
        assert_int_equal(rill_stream_set_send_max(s[i], UINT64_MAX / MOST), RILL_OK);
        of_weights += weights[i];
    }
    pair_run(&p, 2 * RILL_SECOND);
    for (unsigned i = 0; i < streams; i++)
        all += sent_of(s[i]);
    assert_true(all > 1000 * maximum);
    for (unsigned i = 0; i < streams; i++) {
        double part = (double)all * weights[i] / (double)of_weights;
        assert_true((double)sent_of(s[i]) > part * 0.97 - 2 * (double)maximum);
        assert_true((double)sent_of(s[i]) < part * 1.03 + 2 * (double)maximum);
    }
    pair_check_books(&p);
    pair_close(&p);
}

static void test_two(void **state)
{
    static const uint32_t weights[] = {1, 3};
    (void)state;
    share(2, weights, 1000);
}

static void test_more_than_a_packet_carries(void **state)
{
    uint32_t weights[MOST];
    (void)state;
    for (unsigned i = 0; i < MOST; i++)
        weights[i] = 1 + i % 5;
    share(MOST, weights, 1000);
}

static void test_packets_of_one_unit(void **state)
{
    static const uint32_t weights[] = {1, 2, 4};
    (void)state;
    share(3, weights, 1);
}

static void test_nobody_sends_more_than_he_has(void **state)
{
    pair p;
    pair_options o;
    (void)state;
    pair_options_init(&o);
    pair_open(&p, &o);
    p.maximum[PAIR_CLIENT] = 1000;
    rill_stream *poor = pair_stream_open(&p, PAIR_CLIENT);
    rill_stream *rich = pair_stream_open(&p, PAIR_CLIENT);
    assert_int_equal(rill_stream_set_weight(poor, 200), RILL_OK);
    assert_int_equal(rill_stream_set_send_max(poor, 10), RILL_OK);
    assert_int_equal(rill_stream_set_send_max(rich, 5000), RILL_OK);
    pair_run(&p, RILL_SECOND);
    assert_int_equal(sent_of(poor), 10);
    assert_int_equal(sent_of(rich), 5000);
    pair_check_books(&p);
    pair_close(&p);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_two),
        cmocka_unit_test(test_more_than_a_packet_carries),
        cmocka_unit_test(test_packets_of_one_unit),
        cmocka_unit_test(test_nobody_sends_more_than_he_has),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
