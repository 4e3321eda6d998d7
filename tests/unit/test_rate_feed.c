/* SPDX-License-Identifier: Apache-2.0 */
/* When a service of prices is asked, in virtual time. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
/* cmocka.h comes after what it needs. */
#include "connector/rate_feed.h"
#include <cmocka.h>

#define REFRESH (30 * RILL_SECOND)

static rill_rate_feed feed;

static rill_now at(uint64_t mono)
{
    return (rill_now){mono, 1000000 + mono / RILL_MS};
}

static int set_up(void **state)
{
    (void)state;
    feed = (rill_rate_feed){.ticket = 0};
    rill_rate_feed_begin(&feed, REFRESH, 7, RILL_SECOND);
    return 0;
}

/* Asks when it is due, and not a nanosecond before; how long that took from `now`. */
static uint64_t asked_after(uint64_t now)
{
    uint64_t due = feed.due;
    assert_true(due != RILL_NEVER && due >= now);
    if (due > now)
        assert_false(rill_rate_feed_ask(&feed, due - 1));
    assert_true(rill_rate_feed_ask(&feed, due));
    assert_true(feed.due == RILL_NEVER);
    return due - now;
}

static void test_it_is_asked_at_once(void **state)
{
    (void)state;
    assert_int_equal(asked_after(RILL_SECOND), 0);
    assert_false(rill_rate_feed_ask(&feed, RILL_NEVER - 1)); /* one question at a time */
    assert_int_equal(feed.good_at, 0);
}

static void test_no_service(void **state)
{
    (void)state;
    rill_rate_feed_begin(&feed, 0, 7, 0);
    assert_true(feed.due == RILL_NEVER);
    assert_false(rill_rate_feed_ask(&feed, RILL_NEVER - 1));
    assert_false(rill_rate_feed_expects(&feed, feed.ticket));
}

/* A tenth more or less, and not always the same. */
static void test_refresh_has_jitter(void **state)
{
    uint64_t now = RILL_SECOND;
    uint64_t least = RILL_NEVER;
    uint64_t most = 0;
    (void)state;
    (void)asked_after(now);
    for (unsigned i = 0; i < 1000; i++) {
        rill_rate_feed_taken(&feed, NULL, at(now + RILL_SECOND));
        assert_int_equal(feed.good_at, now);
        uint64_t wait = asked_after(now + RILL_SECOND);
        assert_in_range(wait, REFRESH - REFRESH / 10, REFRESH + REFRESH / 10);
        least = wait < least ? wait : least;
        most = wait > most ? wait : most;
        now += RILL_SECOND + wait;
    }
    assert_true(least < REFRESH - REFRESH / 11 && most > REFRESH + REFRESH / 11);
    assert_int_equal(feed.taken, 1000);
}

/* Soon after the first failure, then less and less often, never less often than always. */
static void test_failures(void **state)
{
    static const uint64_t waits[] = {1, 2, 4, 8, 16, 30, 30, 30};
    uint64_t now = RILL_SECOND;
    (void)state;
    (void)asked_after(now);
    for (size_t i = 0; i < sizeof waits / sizeof waits[0]; i++) {
        uint64_t want = waits[i] * RILL_SECOND;
        rill_rate_feed_failed(&feed, "away", at(now));
        assert_string_equal(feed.problem, "away");
        assert_int_equal(feed.problem_ms, at(now).wall_ms);
        uint64_t wait = asked_after(now);
        assert_in_range(wait, want - want / 10, want + want / 10);
        now += wait;
    }
    assert_int_equal(feed.good_at, 0);
    assert_int_equal(feed.failed, 8);
    rill_rate_feed_taken(&feed, NULL, at(now));
    assert_string_equal(feed.problem, "");
    assert_int_equal(feed.good_at, now);
    now += asked_after(now);
    rill_rate_feed_failed(&feed, "away", at(now));
    assert_in_range(asked_after(now), RILL_SECOND * 9 / 10, RILL_SECOND * 11 / 10);
    assert_true(feed.good_at < now); /* the age goes on */
}

static void test_an_answer_to_another_question(void **state)
{
    (void)state;
    (void)asked_after(RILL_SECOND);
    uint64_t first = feed.ticket;
    assert_true(rill_rate_feed_expects(&feed, first));
    assert_false(rill_rate_feed_expects(&feed, first + 1));
    rill_rate_feed_failed(&feed, "slow", at(RILL_SECOND));
    assert_false(rill_rate_feed_expects(&feed, first));
    (void)asked_after(RILL_SECOND);
    assert_false(rill_rate_feed_expects(&feed, first));
    /* Another service. */
    first = feed.ticket;
    rill_rate_feed_begin(&feed, REFRESH, feed.random, 5 * RILL_SECOND);
    assert_false(rill_rate_feed_expects(&feed, first));
    (void)asked_after(5 * RILL_SECOND);
    assert_false(rill_rate_feed_expects(&feed, first));
}

static void test_other_times(void **state)
{
    (void)state;
    (void)asked_after(RILL_SECOND);
    rill_rate_feed_change(&feed, 2 * REFRESH, 2 * RILL_SECOND);
    assert_true(feed.due == RILL_NEVER); /* it is being asked */
    rill_rate_feed_taken(&feed, NULL, at(2 * RILL_SECOND));
    rill_rate_feed_change(&feed, REFRESH, 3 * RILL_SECOND);
    assert_int_equal(asked_after(3 * RILL_SECOND), 0);
    assert_int_equal(feed.good_at, RILL_SECOND);
}

static void test_what_others_say_is_one_plain_line(void **state)
{
    char longest[400];
    (void)state;
    (void)asked_after(RILL_SECOND);
    rill_rate_feed_failed(&feed, "a\x1b[2Jb\nc\xc3\xa4", at(RILL_SECOND));
    assert_string_equal(feed.problem, "a?[2Jb?c??");
    memset(longest, 'x', sizeof longest - 1);
    longest[sizeof longest - 1] = '\0';
    (void)asked_after(RILL_SECOND);
    rill_rate_feed_taken(&feed, longest, at(RILL_SECOND));
    assert_int_equal(strlen(feed.problem), RILL_FEED_PROBLEM - 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(test_it_is_asked_at_once, set_up),
        cmocka_unit_test_setup(test_no_service, set_up),
        cmocka_unit_test_setup(test_refresh_has_jitter, set_up),
        cmocka_unit_test_setup(test_failures, set_up),
        cmocka_unit_test_setup(test_an_answer_to_another_question, set_up),
        cmocka_unit_test_setup(test_other_times, set_up),
        cmocka_unit_test_setup(test_what_others_say_is_one_plain_line, set_up),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
