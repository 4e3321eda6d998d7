/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Streams that wait in line for a packet. A stream that must wait is in nobody's way. Money is
 * given up only if nothing that can still be learnt could help it.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "support/pair.h"

static rill_stream_totals totals_of(const rill_stream *s)
{
    rill_stream_totals t;
    rill_stream_get_totals(s, &t);
    return t;
}

static rill_stream *total(pair *p, uint64_t amount)
{
    rill_stream *s = pair_stream_open(p, PAIR_CLIENT);
    assert_int_equal(rill_stream_send_total(s, amount, RILL_NEVER), RILL_OK);
    return s;
}

static rill_stream *send_max(pair *p, uint64_t amount)
{
    rill_stream *s = pair_stream_open(p, PAIR_CLIENT);
    assert_int_equal(rill_stream_set_send_max(s, amount), RILL_OK);
    return s;
}

/* Twice as much arrives, or as much as there are numbers for. */
static void double_it(pair *p, pair_packet *packet)
{
    (void)p;
    if (packet->from != PAIR_CLIENT || packet->amount == 0)
        return;
    uint64_t amount = packet->amount > UINT64_MAX / 2 ? UINT64_MAX : packet->amount * 2;
    uint8_t *at = packet->bytes + (packet->bytes[1] < 0x80 ? 2 : 2 + (packet->bytes[1] & 0x7f));
    for (unsigned i = 0; i < 8; i++)
        at[i] = (uint8_t)(amount >> (56 - 8 * i));
}

/* A packet of which more must arrive than there are numbers for is too large. */
static void test_no_packet_is_beyond_its_minimum(void **state)
{
    pair *p = *state;
    pair_options o = pair_defaults();
    o.connection.min_rate = (rill_ratio){3, 1};
    pair_open(p, &o);
    p->on_packet = double_it;
    rill_stream *s = total(p, UINT64_C(1) << 63);
    pair_run(p, 20 * RILL_SECOND);
    assert_int_equal(totals_of(s).sent, 0);
    assert_int_equal(p->end[PAIR_CLIENT].events[RILL_EVENT_SEND_TOTAL_END], 1);
    assert_int_equal(p->end[PAIR_CLIENT].sent_error, RILL_ERR_RATE);
}

static void raise_one(pair *p, pair_side side, const rill_event *e)
{
    (void)p;
    if (side == PAIR_SERVER && e->type == RILL_EVENT_STREAM && rill_stream_id(e->stream) == 17)
        assert_int_equal(rill_stream_set_receive_max(e->stream, RILL_UNLIMITED), RILL_OK);
}

/* Eight streams may send one unit more each, which no packet brings at that minimum. */
static void test_who_waits_is_in_nobodys_way(void **state)
{
    pair *p = *state;
    pair_options o = pair_defaults();
    o.connection.min_rate = (rill_ratio){3, 7};
    o.accepted.default_receive_max = 1;
    pair_open(p, &o);
    p->rate[PAIR_CLIENT] = (rill_ratio){3, 7};
    p->on_event = raise_one;
    for (unsigned i = 0; i < 8; i++)
        send_max(p, 700);
    pair_run(p, RILL_SECOND);
    rill_stream *s = total(p, 700);
    pair_run(p, 3 * RILL_SECOND);
    assert_int_equal(p->end[PAIR_CLIENT].sent_error, RILL_OK);
    assert_int_equal(totals_of(s).sent, 700);
    assert_int_equal(totals_of(s).delivered, 300);
    pair_check_books(p);
}

/* More streams than are looked through at once have less than brings a unit. */
static void test_a_long_line_of_dust(void **state)
{
    pair *p = *state;
    pair_options o = pair_defaults();
    o.connection.min_rate = (rill_ratio){1, 1000};
    o.accepted.max_remote_streams = 3000;
    pair_open(p, &o);
    p->rate[PAIR_CLIENT] = (rill_ratio){1, 1000};
    pair_run(p, RILL_SECOND);
    for (unsigned i = 0; i < 2500; i++)
        send_max(p, 5);
    rill_stream *s = total(p, 5000);
    pair_run(p, 3 * RILL_SECOND);
    assert_int_equal(totals_of(s).sent, 5000);
    assert_int_equal(totals_of(s).delivered, 5);
    pair_check_books(p);
}

static void lose_the_second(pair *p, pair_packet *packet)
{
    unsigned *seen = p->user;
    if (packet->from == PAIR_CLIENT && packet->amount > 0 && ++*seen == 2)
        packet->action = PAIR_DROP;
}

/* The rest brings nothing, which only the last packet may do. But a packet before it is late. */
static void test_the_last_waits_for_what_is_late(void **state)
{
    pair *p = *state;
    pair_options o = pair_defaults();
    unsigned seen = 0;
    o.connection.min_rate = (rill_ratio){1, 1000};
    o.connection.max_packet_amount = 1000;
    pair_open(p, &o);
    p->rate[PAIR_CLIENT] = (rill_ratio){1, 1000};
    p->user = &seen;
    p->on_packet = lose_the_second;
    rill_stream *s = total(p, 2345);
    pair_run(p, 60 * RILL_SECOND);
    assert_int_equal(p->end[PAIR_CLIENT].events[RILL_EVENT_SEND_TOTAL_END], 1);
    assert_int_equal(p->end[PAIR_CLIENT].sent_error, RILL_OK);
    assert_int_equal(totals_of(s).sent, 2345);
    assert_int_equal(totals_of(s).delivered, 2);
    pair_check_books(p);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        PAIR_TEST_TO_OPEN(test_no_packet_is_beyond_its_minimum),
        PAIR_TEST_TO_OPEN(test_who_waits_is_in_nobodys_way),
        PAIR_TEST_TO_OPEN(test_a_long_line_of_dust),
        PAIR_TEST_TO_OPEN(test_the_last_waits_for_what_is_late),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
