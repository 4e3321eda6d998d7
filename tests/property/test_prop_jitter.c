/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Payments whose rate jitters around their minimum, over many ranges of it. A unit test would do,
 * but it takes as long under valgrind as a quarter of the others together.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "support/pair.h"

typedef struct jitter {
    unsigned low; /* of a thousand units, so many arrive at least */
    unsigned high;
    unsigned packets;
} jitter;

static void on_jitter(pair *p, pair_packet *packet)
{
    jitter *j = p->user;
    if (packet->from != PAIR_CLIENT || packet->amount == 0)
        return;
    /* By a hash, for no pattern helps or hinders. */
    unsigned draw = (++j->packets * 2654435761u) >> 16;
    unsigned rate = j->low + draw % (j->high - j->low + 1);
    uint64_t brings = packet->amount * (j->packets < 4 ? 1000 : rate) / 1000;
    uint8_t *at = packet->bytes + (packet->bytes[1] < 0x80 ? 2 : 2 + (packet->bytes[1] & 0x7f));
    for (unsigned i = 0; i < 8; i++)
        at[i] = (uint8_t)(brings >> (56 - 8 * i));
}

static rill_stream *pay_amid_jitter(pair *p, jitter *j, unsigned minimum, uint64_t amount)
{
    pair_options o = pair_defaults();
    o.connection.min_rate = (rill_ratio){minimum, 1000};
    pair_open(p, &o);
    p->maximum[PAIR_CLIENT] = 50;
    p->delay[PAIR_CLIENT] = 20 * RILL_MS;
    p->user = j;
    p->on_packet = on_jitter;
    rill_stream *s = pair_stream_open(p, PAIR_CLIENT);
    assert_int_equal(rill_stream_send_total(s, amount, RILL_NEVER), RILL_OK);
    return s;
}

/*
 * Of fifty units one more or less is two parts in a hundred. If the minimum lies within what
 * packets bring, some of them are good enough, and payments are made.
 */
static void test_a_rate_that_jitters_is_paid(void **state)
{
    pair *p = *state;
    for (unsigned low = 900; low < 960; low += 2)
        for (unsigned spread = 10; spread < 58; spread += 4) {
            jitter j = {.low = low, .high = low + spread};
            unsigned minimum = low + spread * 2 / 3;
            /* Less than one in four is. */
            if (50 * (low + spread * 3 / 4) / 1000 < (50 * minimum + 999) / 1000)
                continue;
            rill_stream_totals t;
            rill_stream *s = pay_amid_jitter(p, &j, minimum, 1500);
            pair_run(p, 40 * RILL_SECOND);
            rill_stream_get_totals(s, &t);
            /* Rounding may leave too little of the rest. */
            if (t.sent < 1450)
                fail_msg("%u to %u: SENT with %d, %llu sent", low, j.high,
                         p->end[PAIR_CLIENT].sent_error, (unsigned long long)t.sent);
            assert_true(t.delivered >= t.sent * minimum / 1000);
            pair_check_books(p);
            pair_close(p);
        }
}

/* The same, and then it is never good again. */
static void test_a_rate_that_stops_jittering_is_told(void **state)
{
    pair *p = *state;
    jitter j = {.low = 940, .high = 990};
    pay_amid_jitter(p, &j, 965, 10000000);
    pair_run(p, 2 * RILL_SECOND);
    assert_int_equal(p->end[PAIR_CLIENT].events[RILL_EVENT_SEND_TOTAL_END], 0);
    j.high = j.low = 900;
    pair_run(p, 12 * RILL_SECOND);
    assert_int_equal(p->end[PAIR_CLIENT].events[RILL_EVENT_SEND_TOTAL_END], 1);
    assert_int_equal(p->end[PAIR_CLIENT].sent_error, RILL_ERR_RATE);
    pair_check_books(p);
}

/*
 * A stream that only may send more gets no error, and is tried again. Now the rate is as good as
 * before.
 */
static void test_a_send_max_alone_is_looked_at_again(void **state)
{
    pair *p = *state;
    jitter j = {.low = 950, .high = 950, .packets = 2};
    rill_stream_totals t;
    rill_stream *s = pay_amid_jitter(p, &j, 990, 10);
    pair_run(p, RILL_SECOND);
    /* Nine of ten: that is all that there is to lose. */
    assert_int_equal(rill_stream_set_send_max(s, 20), RILL_OK);
    pair_run(p, RILL_SECOND);
    rill_stream_get_totals(s, &t);
    assert_int_equal(t.sent, 20);
    assert_int_equal(t.delivered, 19);
    uint64_t packets = p->end[PAIR_CLIENT].packets;
    assert_int_equal(rill_stream_set_send_max(s, 30), RILL_OK);
    pair_run(p, 30 * RILL_SECOND);
    rill_stream_get_totals(s, &t);
    assert_int_equal(t.sent, 20);
    if (p->end[PAIR_CLIENT].packets > packets + 150)
        fail_msg("%llu packets", (unsigned long long)(p->end[PAIR_CLIENT].packets - packets));
    j.low = j.high = 1000;
    pair_run(p, 11 * RILL_SECOND);
    rill_stream_get_totals(s, &t);
    assert_int_equal(t.sent, 30);
    pair_check_books(p);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        PAIR_TEST_TO_OPEN(test_a_rate_that_jitters_is_paid),
        PAIR_TEST_TO_OPEN(test_a_rate_that_stops_jittering_is_told),
        PAIR_TEST_TO_OPEN(test_a_send_max_alone_is_looked_at_again),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
