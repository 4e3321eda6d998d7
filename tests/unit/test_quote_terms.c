/* SPDX-License-Identifier: Apache-2.0 */
/* The arithmetic of quotes: what is promised can be kept, to the unit. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/muldiv.h"
#include <rill/error.h>
#include <rill/quote.h>

/* 1000 units brought `delivered`, as a probe says it. */
static rill_quote_path path_of(uint64_t sent, uint64_t delivered)
{
    rill_quote_path p;
    rill_quote_path_init(&p);
    p.low_rate = (rill_ratio){delivered, sent};
    p.high_rate = (rill_ratio){delivered + 1, sent};
    strcpy(p.source_asset_code, "USD");
    p.source_asset_scale = 2;
    strcpy(p.destination_asset_code, "EUR");
    p.destination_asset_scale = 4;
    return p;
}

static rill_quote_options source(uint64_t amount)
{
    rill_quote_options o;
    rill_quote_options_init(&o);
    o.source_amount = amount;
    return o;
}

static rill_quote_options delivery(uint64_t amount)
{
    rill_quote_options o;
    rill_quote_options_init(&o);
    o.deliver_amount = amount;
    return o;
}

static rill_quote_terms good(const rill_quote_path *p, const rill_quote_options *o)
{
    rill_quote_terms t;
    rill_reason reason;
    assert_int_equal(rill_quote_find_terms(&t, p, o, &reason), RILL_OK);
    assert_int_equal(reason, RILL_REASON_NONE);
    assert_int_equal(t.size, sizeof t);
    return t;
}

static void bad(const rill_quote_path *p, const rill_quote_options *o, int error, rill_reason why)
{
    rill_quote_terms t;
    rill_reason reason;
    assert_int_equal(rill_quote_find_terms(&t, p, o, &reason), error);
    assert_int_equal(reason, why);
    assert_int_equal(t.max_source, 0);
    assert_int_equal(t.min_delivery, 0);
    assert_int_equal(rill_quote_find_terms(&t, p, o, NULL), error);
}

static void test_fixed_source(void **state)
{
    (void)state;
    rill_quote_path p = path_of(1000, 920);
    rill_quote_options o = source(500);
    rill_quote_terms t = good(&p, &o);
    assert_false(t.fixed_delivery);
    assert_int_equal(t.max_source, 500);
    assert_int_equal(t.likely_source, 500);
    assert_int_equal(t.likely_delivery, 460);
    assert_int_equal(t.min_delivery, 455); /* 500 x 0.92 x 0.99 = 455.4 */
    assert_int_equal(rill_ratio_compare(t.min_rate, (rill_ratio){9108, 10000}), 0);
}

static void test_fixed_delivery(void **state)
{
    (void)state;
    rill_quote_path p = path_of(1000, 920);
    rill_quote_options o = delivery(460);
    rill_quote_terms t = good(&p, &o);
    assert_true(t.fixed_delivery);
    assert_int_equal(t.min_delivery, 460);
    assert_int_equal(t.likely_source, 500);
    assert_int_equal(t.max_source, 506); /* 460 / 0.9108 = 505.05 */
    assert_true(rill_ratio_floor(t.min_rate, t.max_source) >= 460);
}

/* The price is of whole ones: USD has scale 2 here, and EUR scale 4. */
static void test_prices(void **state)
{
    (void)state;
    rill_quote_path p = path_of(1000, 91500); /* 0.915 EUR for 1 USD */
    rill_quote_options o = source(1000);
    o.price = (rill_ratio){92, 100};
    rill_quote_terms t = good(&p, &o);
    /* 10 USD x 0.92 x 0.99 */
    assert_int_equal(t.min_delivery, 91080);
    o.slippage = (rill_ratio){5, 1000}; /* 0.9154 is more than the path gives */
    bad(&p, &o, RILL_ERR_RATE, RILL_REASON_RATE);
    o.slippage = (rill_ratio){0, 1};
    o.price = (rill_ratio){915, 1000};
    t = good(&p, &o); /* exactly as much */
    assert_int_equal(t.min_delivery, 91500);
    o.min_rate = (rill_ratio){91, 1}; /* counts instead */
    o.price = (rill_ratio){2, 1};
    t = good(&p, &o);
    assert_int_equal(t.min_delivery, 91000);
}

static void test_scales_far_apart(void **state)
{
    (void)state;
    rill_quote_path p = path_of(UINT64_C(1000000000000), 1);
    p.source_asset_scale = 255;
    p.destination_asset_scale = 0;
    rill_quote_options o = source(5);
    o.price = (rill_ratio){1, 1}; /* 10^-255 is no ratio of 64 bits */
    bad(&p, &o, RILL_ERR_RATE, RILL_REASON_UNENFORCEABLE);
    o = delivery(5);
    o.price = (rill_ratio){1, 1};
    bad(&p, &o, RILL_ERR_RATE, RILL_REASON_UNENFORCEABLE);
    o = source(5);
    o.price = (rill_ratio){1, 1};
    p.source_asset_scale = 0;
    p.destination_asset_scale = 255;
    bad(&p, &o, RILL_ERR_RATE, RILL_REASON_RATE);
    /* Nor is it a minimum that slippage lowers until a path has it. */
    p = path_of(1, UINT64_MAX - 1);
    p.source_asset_scale = 0;
    p.destination_asset_scale = 20;
    o = source(1);
    o.price = (rill_ratio){1, 1};
    bad(&p, &o, RILL_ERR_RATE, RILL_REASON_RATE);
    p = path_of(UINT64_C(1000000000000), 1);
    p.source_asset_scale = 12;
    p.destination_asset_scale = 0;
    o = source(UINT64_C(3000000000000));
    o.price = (rill_ratio){1, 1};
    assert_int_equal(good(&p, &o).min_delivery, 2);
}

/* What is asked for, and more than may be sent: either all of it brings that, or nothing is sent.
 */
static void test_a_maximum_raises_the_minimum_rate(void **state)
{
    (void)state;
    rill_quote_path p = path_of(1000, 920);
    rill_quote_options o = delivery(460);
    o.max_source = 502;
    rill_quote_terms t = good(&p, &o);
    assert_int_equal(t.max_source, 502);
    assert_int_equal(rill_ratio_floor(t.min_rate, 502), 460);
    o.max_source = 499;
    bad(&p, &o, RILL_ERR_RANGE, RILL_REASON_SOURCE_MAX);
    o.max_source = 100000; /* more than could be needed */
    assert_int_equal(good(&p, &o).max_source, 506);
}

static void test_one_unit(void **state)
{
    (void)state;
    rill_quote_path p = path_of(1000, 1000);
    rill_quote_options o = source(1);
    rill_quote_terms t = good(&p, &o);
    assert_int_equal(t.min_delivery, 1);
    assert_int_equal(t.max_source, 1);
    o = delivery(1);
    t = good(&p, &o);
    assert_int_equal(t.likely_source, 1);
    assert_int_equal(t.max_source, 2);
    /* Half a unit is nothing. */
    p = path_of(1000, 500);
    p.high_rate = (rill_ratio){500, 999};
    o = source(1);
    bad(&p, &o, RILL_ERR_TOO_LITTLE, RILL_REASON_TOO_LITTLE);
    o = source(2);
    assert_int_equal(good(&p, &o).min_delivery, 1);
    /* Nor are three units of which each is less than a third. */
    p = path_of(1000, 300);
    p.high_rate = (rill_ratio){333, 1000};
    o = source(3);
    bad(&p, &o, RILL_ERR_TOO_LITTLE, RILL_REASON_TOO_LITTLE);
    /* They may be one where the rate may be better than what was seen. */
    p.high_rate = (rill_ratio){334, 1000};
    assert_int_equal(good(&p, &o).min_delivery, 1);
    p.high_rate = (rill_ratio){1, 0};
    assert_int_equal(good(&p, &o).min_delivery, 1);
}

static void test_what_is_wrong(void **state)
{
    (void)state;
    rill_quote_path p = path_of(1000, 920);
    rill_quote_path unknown;
    rill_quote_path_init(&unknown);
    rill_quote_options o = source(0);
    bad(&p, &o, RILL_ERR_INVALID, RILL_REASON_NO_AMOUNT);
    o = source(1);
    o.deliver_amount = 1;
    bad(&p, &o, RILL_ERR_INVALID, RILL_REASON_NO_AMOUNT);
    o = source(5);
    bad(&unknown, &o, RILL_ERR_RATE, RILL_REASON_NO_RATE);
    o.slippage = (rill_ratio){1, 1};
    bad(&p, &o, RILL_ERR_INVALID, RILL_REASON_SLIPPAGE);
    o.slippage = (rill_ratio){1, 0};
    bad(&p, &o, RILL_ERR_INVALID, RILL_REASON_SLIPPAGE);
    o = source(5);
    o.price = (rill_ratio){1, 0};
    bad(&p, &o, RILL_ERR_INVALID, RILL_REASON_PRICE);
    o = source(5);
    o.asset_code = "EUR";
    o.asset_scale = 5;
    bad(&p, &o, RILL_ERR_ASSET, RILL_REASON_ASSET_CONFLICT);
    o.asset_scale = 4;
    (void)good(&p, &o);
    o = source(5);
    o.price = (rill_ratio){1, 1};
    p.destination_asset_code[0] = '\0';
    bad(&p, &o, RILL_ERR_ASSET, RILL_REASON_DESTINATION_ASSET);
    o.size = 0;
    bad(&p, &o, RILL_ERR_INVALID, RILL_REASON_OTHER);
}

static void test_limits_of_the_receiver(void **state)
{
    (void)state;
    rill_quote_path p = path_of(1000, 1000);
    rill_quote_options o = source(1000);
    p.receive_max = 990;
    assert_int_equal(good(&p, &o).min_delivery, 990);
    p.receive_max = 989;
    bad(&p, &o, RILL_ERR_LIMIT, RILL_REASON_RECEIVE_MAX);
    o = delivery(990);
    bad(&p, &o, RILL_ERR_LIMIT, RILL_REASON_RECEIVE_MAX);
    p.receive_max = 0; /* it may still say one */
    assert_int_equal(good(&p, &o).min_delivery, 990);
}

static void test_amounts_at_the_edge(void **state)
{
    (void)state;
    rill_quote_path p = path_of(1, 2);
    rill_quote_options o = source(UINT64_MAX);
    bad(&p, &o, RILL_ERR_RANGE, RILL_REASON_AMOUNT);
    p = path_of(2, 1);
    o = delivery(UINT64_MAX);
    bad(&p, &o, RILL_ERR_RANGE, RILL_REASON_AMOUNT);
    p = path_of(1000, 1000);
    o = source(UINT64_MAX - 1);
    rill_quote_terms t = good(&p, &o);
    assert_true(t.min_delivery <= t.max_source);
}

/* Whatever the numbers: all of max_source at the minimum rate brings min_delivery. */
static void test_promises_can_be_kept(void **state)
{
    (void)state;
    uint64_t seed = 88172645463325252u;
    unsigned found = 0;
    for (unsigned i = 0; i < 200000; i++) {
        uint64_t draw[5];
        for (unsigned k = 0; k < 5; k++) {
            seed ^= seed << 13;
            seed ^= seed >> 7;
            seed ^= seed << 17;
            draw[k] = seed >> (seed & 63);
        }
        rill_quote_path p = path_of(1 + draw[0] % 1000000000000u, 1 + draw[1] % 1000000000000u);
        rill_quote_options o = i & 1 ? source(1 + draw[2] / 2) : delivery(1 + draw[2] / 2);
        o.slippage = (rill_ratio){draw[3] % 1000, 1000};
        if (i & 2)
            o.min_rate = rill_ratio_multiply_floor(p.low_rate, (rill_ratio){999, 1000});
        if ((i & 5) == 4)
            o.max_source = 1 + draw[4] / 2;
        rill_quote_terms t;
        if (o.min_rate.den == 0 || rill_quote_find_terms(&t, &p, &o, NULL) != RILL_OK)
            continue;
        found++;
        assert_true(t.min_rate.num > 0);
        assert_true(rill_ratio_compare(t.min_rate, p.low_rate) <= 0);
        uint64_t least = rill_ratio_floor(t.min_rate, t.max_source);
        assert_true(least >= t.min_delivery || (t.min_delivery == 1 && !t.fixed_delivery));
        assert_true(t.likely_source <= t.max_source && t.likely_delivery >= t.min_delivery);
        assert_true(o.max_source == 0 || t.max_source <= o.max_source);
        assert_int_equal(t.fixed_delivery ? t.min_delivery : t.max_source,
                         t.fixed_delivery ? o.deliver_amount : o.source_amount);
        /* One unit less would not do at the minimum rate. */
        if (t.fixed_delivery && o.max_source == 0)
            assert_true(rill_ratio_floor(t.min_rate, t.max_source - 1) < t.min_delivery);
    }
    assert_true(found > 50000);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_fixed_source),
        cmocka_unit_test(test_fixed_delivery),
        cmocka_unit_test(test_prices),
        cmocka_unit_test(test_scales_far_apart),
        cmocka_unit_test(test_a_maximum_raises_the_minimum_rate),
        cmocka_unit_test(test_one_unit),
        cmocka_unit_test(test_what_is_wrong),
        cmocka_unit_test(test_limits_of_the_receiver),
        cmocka_unit_test(test_amounts_at_the_edge),
        cmocka_unit_test(test_promises_can_be_kept),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
