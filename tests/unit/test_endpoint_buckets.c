/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Whole payments over a path with a limit of value: a bucket that fills again, and T04 while it is
 * too empty. All of the money arrives, in few packets, and about as fast as the bucket fills, even
 * if nobody says how large a packet may be.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/muldiv.h"
#include "support/pair.h"

/* One connector tells a maximum, and one behind it has a lower one. */
#define TOLD 10000000u

typedef struct bucket {
    uint64_t size;
    uint64_t per_second;
    bool silent;     /* T04 for what can never pass, too */
    uint64_t behind; /* the most that one behind it takes in a packet, and does not say; 0: any */
    uint64_t level;
    uint64_t at; /* monotonic nanoseconds */
} bucket;

typedef struct payment {
    rill_ratio rate;
    rill_ratio minimum; /* num 0: probed, less 1 % */
    bucket bucket;
    uint64_t delay; /* of each way, milliseconds */
    uint64_t amount;
    uint64_t delivered; /* at least */
    uint64_t packets;   /* at most */
    uint64_t seconds;   /* at most */
} payment;

/* In whole units; what is left of one is kept for the next time. */
static void fill(bucket *b, uint64_t now)
{
    uint64_t more = rill_mul_div_floor_sat(now - b->at, b->per_second, RILL_SECOND);
    b->at += rill_mul_div_floor_sat(more, RILL_SECOND, b->per_second);
    b->level = more < b->size - b->level ? b->level + more : b->size;
}

static void on_packet(pair *p, pair_packet *packet)
{
    bucket *b = p->user;
    if (packet->from != PAIR_CLIENT || packet->amount == 0)
        return;
    fill(b, p->now.mono_ns);
    bool enough = packet->amount <= b->level;
    if (enough && (b->behind == 0 || packet->amount <= b->behind)) {
        b->level -= packet->amount;
        return;
    }
    packet->action = PAIR_REJECT;
    packet->code = RILL_ILP_F08_AMOUNT_TOO_LARGE;
    if (b->behind != 0 && packet->amount > TOLD) {
        packet->maximum = TOLD;
        return;
    }
    if (enough)
        return;
    packet->code = RILL_ILP_T04_INSUFFICIENT_LIQUIDITY;
    if (packet->amount > b->size && !b->silent) {
        packet->code = RILL_ILP_F08_AMOUNT_TOO_LARGE;
        packet->maximum = b->size;
    }
}

static void pay(const payment *y)
{
    static pair p;
    pair_options o = pair_defaults();
    bucket b = y->bucket;
    rill_stream_totals t;
    o.connection.min_rate = y->minimum.num != 0 ? y->minimum : (rill_ratio){0, 1};
    pair_open(&p, &o);
    b.level = b.size;
    b.at = p.now.mono_ns;
    p.user = &b;
    p.on_packet = on_packet;
    p.rate[PAIR_CLIENT] = y->rate;
    p.delay[PAIR_CLIENT] = p.delay[PAIR_SERVER] = y->delay * RILL_MS;
    rill_stream *s = pair_stream_open(&p, PAIR_CLIENT);
    assert_int_equal(rill_stream_send_total(s, y->amount, RILL_NEVER), RILL_OK);
    pair_run(&p, y->seconds * RILL_SECOND);
    const pair_end *end = &p.end[PAIR_CLIENT];
    rill_stream_get_totals(s, &t);
    if (end->events[RILL_EVENT_SEND_TOTAL_END] != 1 || end->sent_error != RILL_OK ||
        t.sent != y->amount || t.delivered < y->delivered || end->packets > y->packets)
        fail_msg("of %llu at %llu/%llu: %u SENT with %d, %llu sent, %llu delivered, %llu packets",
                 (unsigned long long)y->amount, (unsigned long long)y->rate.num,
                 (unsigned long long)y->rate.den, end->events[RILL_EVENT_SEND_TOTAL_END],
                 end->sent_error, (unsigned long long)t.sent, (unsigned long long)t.delivered,
                 (unsigned long long)end->packets);
    assert_int_equal(pair_seen(&p, PAIR_SERVER, 1)->money, t.delivered);
    pair_check_books(&p);
    pair_close(&p);
}

/* 2,000 units through a bucket of 500 that gets 200 a second: 7.5 s at least, and nothing is
 * rounded away. */
static void test_coarse_units(void **state)
{
    static const rill_ratio rates[] = {{9, 10}, {99, 100}};
    static const uint64_t at_least[] = {1799, 1964};
    (void)state;
    for (unsigned i = 0; i < 2; i++)
        for (uint64_t delay = 1; delay <= 50; delay += 7)
            for (unsigned fixed = 0; fixed <= 1; fixed++)
                pay(&(const payment){
                    .rate = rates[i],
                    .minimum = {fixed != 0 ? rates[i].num * 100 - rates[i].den : 0,
                                rates[i].den * 100},
                    .bucket = {.size = 500, .per_second = 200},
                    .delay = delay,
                    .amount = 2000,
                    .delivered = at_least[i],
                    .packets = 80,
                    .seconds = 14,
                });
}

/* Nobody says how much may pass: the rate is found all the same, from three digits down to none. */
static void test_silent_limits(void **state)
{
    static const payment payments[] = {
        {{1, 1}, {0}, {100000, 100000, true, 0, 0, 0}, 10, 300000, 300000, 45, 6},
        {{1, 10}, {0}, {100000, 100000, true, 0, 0, 0}, 10, 300000, 30000, 45, 6},
        {{1, 100}, {0}, {100000, 100000, true, 0, 0, 0}, 10, 300000, 3000, 45, 8},
        {{1, 1000}, {0}, {100000, 100000, true, 0, 0, 0}, 10, 300000, 299, 75, 15},
        {{1, 200000}, {0}, {100000000, 100000000, true, 0, 0, 0}, 10, 1000000000, 4986, 100, 20},
        {{1, 20000000}, {0}, {100000000, 100000000, true, 0, 0, 0}, 10, 1000000000, 49, 140, 30},
    };
    (void)state;
    for (unsigned i = 0; i < sizeof payments / sizeof payments[0]; i++)
        pay(&payments[i]);
}

/*
 * One connector says how much may pass, one behind it has less value than that, and a third takes
 * far less, and says nothing.
 */
static void test_a_lower_limit_behind_a_bucket(void **state)
{
    (void)state;
    for (uint64_t delay = 1; delay <= 50; delay += 7)
        for (uint64_t behind = 60000; behind <= 500000; behind *= 2)
            pay(&(const payment){
                .rate = {1, 1},
                .minimum = {99, 100},
                .bucket =
                    {.size = 1000000, .per_second = 10000000, .silent = true, .behind = behind},
                .delay = delay,
                .amount = 50000000,
                .delivered = 50000000,
                .packets = 10000,
                .seconds = 60,
            });
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_coarse_units),
        cmocka_unit_test(test_silent_limits),
        cmocka_unit_test(test_a_lower_limit_behind_a_bucket),
    };
    return cmocka_run_group_tests_name("buckets", tests, NULL, NULL);
}
