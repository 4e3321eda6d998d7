/* SPDX-License-Identifier: Apache-2.0 */
/* Value that leaves at a rate, at buckets and balances that are simulated by hand. */
#include "congestion_fixture.h"

#define SHORT (20 * RILL_MS)

/* A bucket, or, with a period, a balance that is full again so often. */
typedef struct bucket {
    uint64_t size;
    uint64_t per_second;
    uint64_t period;
    uint64_t level;
    uint64_t at;
} bucket;

static bool takes(bucket *b, uint64_t now, uint64_t amount)
{
    uint64_t passed = now - b->at;
    if (b->period == 0) {
        uint64_t more = b->per_second * passed / RILL_SECOND;
        b->at += more * RILL_SECOND / b->per_second;
        b->level = b->level + more < b->size ? b->level + more : b->size;
    } else if (now / b->period != b->at / b->period) {
        b->level = b->size;
        b->at = now;
    }
    if (amount > b->level)
        return false;
    b->level -= amount;
    return true;
}

typedef struct totals {
    uint64_t passed;
    uint64_t packets;
    uint64_t refused;
    uint64_t smallest; /* that passed, but for what is left of all */
    uint64_t took;
} totals;

/* One packet at a time, of all that there is to send: as the connection does it. */
static totals pay(rill_congestion *c, bucket *b, uint64_t all, uint64_t time)
{
    totals t = {.smallest = UINT64_MAX};
    uint64_t now = b->at;
    uint64_t began = now;
    while (t.passed < all && now < began + time) {
        now = now > c->value.not_before ? now : c->value.not_before;
        uint64_t amount = rill_congestion_value(c);
        amount = amount < all - t.passed ? amount : all - t.passed;
        send(c, now, 1, amount);
        t.packets++;
        if (takes(b, now + SHORT / 2, amount)) {
            deliver(c, now + SHORT, now, 1, amount);
            t.passed += amount;
            if (t.passed < all && amount < t.smallest)
                t.smallest = amount;
        } else {
            t.refused++;
            rill_congestion_refused(c, now + SHORT, now, amount, RILL_SIGNAL_VALUE);
        }
        now += SHORT;
    }
    t.took = now - began;
    return t;
}

static void test_few_packets_at_the_rate_of_the_bucket(void **state)
{
    rill_congestion *c = new_congestion(1024);
    bucket b = {.size = 500, .per_second = 200, .level = 500, .at = RILL_SECOND};

    (void)state;
    c->value.least = 10;
    c->value.good = 80;
    totals t = pay(c, &b, 2000, 60 * RILL_SECOND);
    assert_true(t.passed == 2000);
    /* 1,500 of them have to come first, in 7.5 s. */
    assert_true(t.took < 11 * RILL_SECOND);
    assert_true(t.packets < 100 && t.smallest >= 10);
    end(c);
}

static void test_finer_units_are_no_more_packets(void **state)
{
    rill_congestion *c = new_congestion(1024);
    bucket b = {.size = 500000000, .per_second = 200000000, .level = 500000000, .at = RILL_SECOND};

    (void)state;
    totals t = pay(c, &b, 2000000000, 60 * RILL_SECOND);
    assert_true(t.passed == 2000000000 && t.took < 11 * RILL_SECOND && t.packets < 150);
    end(c);
}

static void test_what_is_worth_nothing_is_a_last_resort(void **state)
{
    rill_congestion *c = new_congestion(1024);
    bucket b = {.size = 90, .per_second = 90, .level = 90, .at = RILL_SECOND};

    (void)state;
    c->value.least = 100;
    c->value.good = 400;
    totals t = pay(c, &b, 1000, 4 * RILL_SECOND);
    assert_true(t.passed == 0);
    t = pay(c, &b, 1000, 60 * RILL_SECOND);
    assert_true(t.passed == 1000);
    end(c);
}

/* An outage says nothing of the size, nor of the rate: it goes on as before. */
static void test_an_outage_is_survived(void **state)
{
    rill_congestion *c = new_congestion(1024);
    bucket b = {.size = 100000, .per_second = 100000, .level = 100000, .at = RILL_SECOND};

    (void)state;
    totals t = pay(c, &b, 500000, 60 * RILL_SECOND);
    assert_true(t.passed == 500000);
    uint64_t piece = rill_congestion_value(c);
    bucket none = {.size = 0, .per_second = 1, .at = b.at + RILL_SECOND};
    t = pay(c, &none, 500000, 62 * RILL_SECOND);
    assert_true(t.passed == 0 && t.packets < 150 && rill_congestion_value(c) < piece);
    b.level = b.size;
    b.at += 65 * RILL_SECOND;
    t = pay(c, &b, 500000, 60 * RILL_SECOND);
    assert_true(t.passed == 500000 && t.took < 8 * RILL_SECOND);
    end(c);
}

static void test_balances_that_are_settled(void **state)
{
    (void)state;
    for (uint64_t period = RILL_SECOND / 4; period <= 4 * RILL_SECOND; period *= 2) {
        rill_congestion *c = new_congestion(1024);
        bucket b = {.size = 10000, .period = period, .level = 10000, .at = RILL_SECOND};
        c->value.least = 10;
        c->value.good = 80;
        totals t = pay(c, &b, 100000, 300 * RILL_SECOND);
        assert_true(t.passed == 100000 && t.took < 14 * period && t.packets < 800);
        end(c);
    }
}

/* A third less at a time, and a wait that is longer each time. */
static void test_in_small_steps(void **state)
{
    rill_value_rate p;
    uint64_t now = RILL_SECOND;

    (void)state;
    rill_value_rate_begin(&p, now, 9000, 100 * RILL_MS, false);
    for (unsigned i = 0; i < 40; i++) {
        uint64_t size = p.size, wait = p.wait;
        rill_value_rate_sent(&p, now, p.size);
        now += SHORT;
        rill_value_rate_refused(&p, now, now - SHORT, p.size, 300, 2400);
        assert_true(p.size >= size - size / 3 && p.size <= size);
        assert_true(p.wait >= wait && p.not_before == now + p.wait);
        assert_true(i >= 7 || p.size == 9000); /* it has passed: it may again */
        assert_true(i >= 15 || p.size >= 300);
        assert_true(i >= 8 || p.size >= 2400);
        now = p.not_before;
    }
    assert_true(p.size < 300 && p.wait >= RILL_SECOND / 2);
}

/* What left before it slowed down says nothing about its present speed. */
static void test_one_flight_is_one_shortage(void **state)
{
    rill_value_rate p;
    uint64_t now = RILL_SECOND;

    (void)state;
    rill_value_rate_begin(&p, now, 1000, 10 * RILL_MS, false);
    for (unsigned i = 0; i < 5; i++)
        rill_value_rate_sent(&p, now + i, 1000);
    rill_value_rate_refused(&p, now + SHORT, now, 1000, 1, 1);
    uint64_t gap = p.gap;
    for (unsigned i = 1; i < 5; i++)
        rill_value_rate_refused(&p, now + SHORT + i, now + i, 1000, 1, 1);
    assert_true(p.gap == gap && p.row == 1 && p.size == 1000);
}

static void test_unused_it_does_not_grow(void **state)
{
    rill_value_rate p;
    uint64_t now = RILL_SECOND;

    (void)state;
    rill_value_rate_begin(&p, now, 1000, 100 * RILL_MS, false);
    for (unsigned i = 0; i < 20; i++) {
        rill_value_rate_sent(&p, now, 1000);
        rill_value_rate_passed(&p, now + SHORT, now, 1000, 1000);
        now += RILL_SECOND;
    }
    /* The very first one had nothing before it. */
    assert_true(p.gap >= 90 * RILL_MS && p.size == 1000);
    for (unsigned i = 0; i < 20; i++) {
        now = p.not_before;
        rill_value_rate_sent(&p, now, p.size);
        rill_value_rate_passed(&p, now + SHORT, now, p.size, 1000);
    }
    assert_true(p.gap < 10 * RILL_MS);
}

/* The pace is what has passed from one shortage to the next. */
static void test_the_pace_is_measured(void **state)
{
    rill_value_rate p;
    uint64_t now = RILL_SECOND;

    (void)state;
    rill_value_rate_begin(&p, now, 1000, 10 * RILL_MS, false);
    for (unsigned i = 0; i < 8; i++) {
        rill_value_rate_sent(&p, now, 1000);
        rill_value_rate_passed(&p, now + SHORT, now, 1000, 1000);
        now += 30 * RILL_MS;
    }
    rill_value_rate_sent(&p, now, 1000);
    rill_value_rate_refused(&p, now + SHORT, now, 1000, 1, 1);
    assert_in_range(p.gap, 25 * RILL_MS, 40 * RILL_MS);
}

/* Ten large packets are refused, and what is left of the payment passes: no size was found. */
static void test_the_rest_of_a_payment_is_no_size(void **state)
{
    rill_congestion *c = new_congestion(1024);
    uint64_t now = RILL_SECOND;

    (void)state;
    c->value.good = 1000;
    send(c, now, 10, 1000000);
    send(c, now, 1, 7);
    for (unsigned i = 0; i < 10; i++)
        rill_congestion_refused(c, now + SHORT, now, 1000000, RILL_SIGNAL_VALUE);
    deliver(c, now + SHORT, now, 1, 7);
    now += SHORT;
    for (unsigned i = 0; i < 3; i++) {
        uint64_t amount = rill_congestion_value(c);
        assert_true(amount >= 1000);
        now = now > c->value.not_before ? now : c->value.not_before;
        send(c, now, 1, amount);
        rill_congestion_refused(c, now + SHORT, now, amount, RILL_SIGNAL_VALUE);
        now += SHORT;
    }
    end(c);
}

/* While a piece is under way what the window has left is not sent in small change. */
static void test_no_rests_of_a_window(void **state)
{
    rill_congestion *c = new_congestion(1024);
    uint64_t now = RILL_SECOND;

    (void)state;
    c->value.good = 400;
    send(c, now, 1, 5000);
    rill_congestion_refused(c, now + SHORT, now, 5000, RILL_SIGNAL_VALUE);
    now = c->value.not_before > now + SHORT ? c->value.not_before : now + SHORT;
    uint64_t piece = rill_congestion_value(c);
    assert_in_range(piece, 401, 5000);
    send(c, now, 1, piece - 7);
    assert_int_equal(rill_congestion_value(c), 0);
    /* Unless no packet is larger. */
    rill_congestion_set_sizes(c, 1, 7);
    assert_int_equal(rill_congestion_value(c), 7);
    end(c);
}

/* The search begins at what a test found. What the test refused is not sent. */
static void test_a_test_says_where_to_begin(void **state)
{
    rill_congestion *c = new_congestion(1024);
    bucket b = {.size = 50000, .per_second = 50000, .level = 50000, .at = RILL_SECOND};

    (void)state;
    c->value.good = 400000;
    rill_congestion_tested(c, b.at, 44445, 55556);
    assert_int_equal(rill_congestion_value(c), 44445);
    totals t = pay(c, &b, 300000, 8 * RILL_SECOND);
    assert_true(t.passed == 300000);
    assert_in_range(t.packets, 7, 40);
    end(c);
}

/* What has passed in the test is not the most: sizes between that and what was refused are tried.
 */
static void test_what_a_test_found_is_not_the_largest(void **state)
{
    rill_congestion *c = new_congestion(1024);
    uint64_t now = RILL_SECOND;

    (void)state;
    rill_congestion_tested(c, now, 1000, 4000);
    for (uint64_t size = 1000; size <= 2000; size *= 2) {
        assert_int_equal(rill_congestion_value(c), size);
        send(c, now, 1, size);
        deliver(c, now + SHORT, now, 1, size);
        now += SHORT;
    }
    assert_int_equal(rill_congestion_value(c), 2000);
    end(c);
}

/* Nothing passes, and smaller ones are worth nothing: what comes again and again waits for it. */
static void test_what_is_widened_waits(void **state)
{
    rill_value_rate p;
    uint64_t now = RILL_SECOND, least = 626;
    unsigned packets = 0;

    (void)state;
    rill_value_rate_begin(&p, now, 1250, 0, false);
    for (; now < 60 * RILL_SECOND; packets++) {
        while (p.size < least)
            rill_value_rate_widen(&p);
        now = now > p.not_before ? now : p.not_before;
        rill_value_rate_sent(&p, now, p.size);
        now += SHORT;
        if (p.size == least) /* it was too small: others are */
            least++;
        else
            rill_value_rate_refused(&p, now, now - SHORT, p.size, least, least);
    }
    assert_in_range(packets, 60, 400);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_few_packets_at_the_rate_of_the_bucket),
        cmocka_unit_test(test_finer_units_are_no_more_packets),
        cmocka_unit_test(test_what_is_worth_nothing_is_a_last_resort),
        cmocka_unit_test(test_an_outage_is_survived),
        cmocka_unit_test(test_balances_that_are_settled),
        cmocka_unit_test(test_in_small_steps),
        cmocka_unit_test(test_one_flight_is_one_shortage),
        cmocka_unit_test(test_unused_it_does_not_grow),
        cmocka_unit_test(test_the_pace_is_measured),
        cmocka_unit_test(test_the_rest_of_a_payment_is_no_size),
        cmocka_unit_test(test_no_rests_of_a_window),
        cmocka_unit_test(test_a_test_says_where_to_begin),
        cmocka_unit_test(test_what_a_test_found_is_not_the_largest),
        cmocka_unit_test(test_what_is_widened_waits),
    };
    return cmocka_run_group_tests_name("value rate", tests, NULL, NULL);
}
