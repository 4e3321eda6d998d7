/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Amounts a second, with packets that are rejected whenever they like: of those that were not, no
 * more passed in any time than a second's amount and what flowed in meanwhile. And who has nothing
 * rejected has not less.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "../oracle.h"
#include "base/rate_limit.h"

enum { RUNS = 400, STEPS = 120 };

typedef struct passed {
    uint64_t at;
    uint64_t amount;
    rill_value_mark mark;
} passed;

static uint64_t state;

static uint64_t next_random(void)
{
    state += UINT64_C(0x9e3779b97f4a7c15);
    uint64_t z = state;
    z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
    return z ^ (z >> 31);
}

static uint64_t below(uint64_t n)
{
    return next_random() % n;
}

/* From each packet's time until now, in 10^-9 units. */
static void check(const passed *all, unsigned count, uint64_t rate, uint64_t now)
{
    const oracle_u128 full = (oracle_u128)rate * RILL_SECOND;
    oracle_u128 sum = 0;
    for (unsigned i = count; i-- > 0;) {
        sum += (oracle_u128)all[i].amount * RILL_SECOND;
        assert_true(sum <= full + (oracle_u128)rate * (now - all[i].at));
    }
}

static uint64_t draw_rate(void)
{
    switch (below(3)) {
    case 0:
        return 1 + below(20);
    case 1:
        return UINT64_MAX - below(5);
    default:
        return 1 + (next_random() >> below(64));
    }
}

static void give_back(rill_value_bucket *b, passed *all, unsigned *count, uint64_t rate,
                      uint64_t now)
{
    unsigned at = (unsigned)(below(2) ? below(*count) : *count - 1);
    rill_value_bucket_give_back(b, rate, all[at].amount, all[at].mark, now);
    for (unsigned i = at; i + 1 < *count; i++)
        all[i] = all[i + 1];
    --*count;
}

static void one_run(uint64_t pause, bool rejects)
{
    rill_value_bucket b = {.taken = rill_wide_of(0, below(2) ? 0 : UINT64_MAX - 9)};
    passed all[STEPS];
    unsigned count = 0;
    uint64_t rate = draw_rate();
    uint64_t now = RILL_SECOND;
    oracle_u128 used = 0; /* a second opinion, where nothing is rejected */
    for (unsigned step = 0; step < STEPS; step++) {
        uint64_t later = below(3) ? 0 : below(pause);
        oracle_u128 filled = (oracle_u128)rate * later;
        now += later;
        used = used > filled ? used - filled : 0;
        if (rejects && count > 0 && below(2)) {
            give_back(&b, all, &count, rate, now);
        } else {
            uint64_t amount = below(4) ? below(rate / 3 + 1) + 1 : rate - below(rate);
            bool has = rill_value_bucket_has(&b, rate, amount, now);
            oracle_u128 want = (oracle_u128)amount * RILL_SECOND;
            if (!rejects)
                assert_int_equal(has, used + want <= (oracle_u128)rate * RILL_SECOND);
            if (has) {
                all[count++] = (passed){now, amount, rill_value_bucket_take(&b, amount)};
                used += want;
            }
        }
        check(all, count, rate, now);
    }
}

static void test_no_more_passes(void **unused)
{
    (void)unused;
    state = 1;
    for (unsigned run = 0; run < RUNS; run++)
        one_run(below(2) ? RILL_SECOND / 4 : 3 * RILL_SECOND, true);
}

static void test_no_less_passes(void **unused)
{
    (void)unused;
    state = 2;
    for (unsigned run = 0; run < RUNS; run++)
        one_run(below(2) ? RILL_SECOND / 4 : 3 * RILL_SECOND, false);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_no_more_passes),
        cmocka_unit_test(test_no_less_passes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
