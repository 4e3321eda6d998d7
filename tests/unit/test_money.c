/* SPDX-License-Identifier: Apache-2.0 */
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "stream/money/money.h"

/* A stream that may send 1000, of which one packet of 100 is under way, to bring 50. */
static void begin(rill_money *m, rill_money_sums *all)
{
    *m = (rill_money){0};
    *all = (rill_money_sums){0};
    rill_money_set_max(m, 1000);
    assert_int_equal(rill_money_hold(m, all, 100, 50), 50);
}

static void test_what_is_held_is_not_free(void **state)
{
    rill_money m;
    rill_money_sums all;

    (void)state;
    begin(&m, &all);
    assert_true(m.free == 900 && m.away == 100 && m.expected == 50);
    assert_true(rill_money_held(&m) == 100 && rill_money_in_doubt(&m) == 0);
    assert_true(rill_money_committed(&m) == 100 && rill_money_max(&m) == 1000);
    assert_int_equal(rill_sum_shown(&all.held), 100);
    assert_true(rill_money_awaits_reply(&all));
}

static void test_what_is_released_is_free_again(void **state)
{
    rill_money m;
    rill_money_sums all;

    (void)state;
    begin(&m, &all);
    rill_money_release(&m, &all, 100, 50);
    assert_true(m.free == 1000 && rill_money_held(&m) == 0 && m.expected == 0 && m.sent == 0);
    assert_true(rill_sum_shown(&all.held) == 0 && all.sent == 0);
    assert_false(rill_money_awaits_reply(&all));
}

static void test_what_is_committed_is_sent(void **state)
{
    rill_money m;
    rill_money_sums all;

    (void)state;
    begin(&m, &all);
    rill_money_commit(&m, &all, 100, 50, 49);
    assert_true(m.free == 900 && m.sent == 100 && m.delivered == 49 && m.expected == 0);
    assert_true(all.sent == 100 && all.delivered == 49 && rill_sum_shown(&all.held) == 0);
    assert_int_equal(rill_money_max(&m), 1000);
}

static void test_what_is_late_is_held_and_in_doubt(void **state)
{
    rill_money m;
    rill_money_sums all;

    (void)state;
    begin(&m, &all);
    rill_money_doubt(&m, &all, 100);
    assert_true(rill_money_held(&m) == 100 && rill_money_in_doubt(&m) == 100 && m.lost == 0);
    assert_true(rill_money_open(&m) == 100 && m.expected == 50);
    assert_true(rill_sum_shown(&all.held) == 100 && rill_sum_shown(&all.in_doubt) == 100);
    assert_false(rill_money_awaits_reply(&all));
    rill_money_expire(&m, 100);
    assert_true(rill_money_in_doubt(&m) == 100 && m.lost == 100 && m.late == 0);
}

static void test_what_is_lost_goes_where_the_receiver_says(void **state)
{
    rill_money m;
    rill_money_sums all;
    rill_money_word word = {.sent = 60, .unsent = 30, .delivered = 31, .expected = 50};

    (void)state;
    begin(&m, &all);
    rill_money_doubt(&m, &all, 100);
    rill_money_expire(&m, 100);
    rill_money_resolve(&m, &all, &word);
    assert_true(m.sent == 60 && m.free == 930 && m.abandoned == 10 && m.lost == 0);
    assert_true(m.delivered == 31 && m.expected == 0);
    assert_true(rill_money_held(&m) == 10 && rill_money_in_doubt(&m) == 10);
    assert_int_equal(rill_money_open(&m), 0);
    assert_true(all.sent == 60 && all.delivered == 31);
    assert_true(rill_sum_shown(&all.held) == 10 && rill_sum_shown(&all.in_doubt) == 10);
}

static void test_what_nobody_tells_stays_in_doubt(void **state)
{
    rill_money m;
    rill_money_sums all;
    rill_money_word nothing = {.expected = 50};

    (void)state;
    begin(&m, &all);
    rill_money_doubt(&m, &all, 100);
    rill_money_expire(&m, 100);
    rill_money_resolve(&m, &all, &nothing);
    assert_true(m.abandoned == 100 && m.free == 900 && m.sent == 0);
    assert_int_equal(rill_sum_shown(&all.in_doubt), 100);
    assert_int_equal(rill_money_max(&m), 1000);
}

static void test_a_send_max_counts_what_has_left(void **state)
{
    rill_money m;
    rill_money_sums all;

    (void)state;
    begin(&m, &all);
    rill_money_set_max(&m, 100);
    assert_true(m.free == 0 && rill_money_max(&m) == 100);
    rill_money_set_max(&m, UINT64_MAX);
    assert_true(m.free == UINT64_MAX - 100 && rill_money_max(&m) == UINT64_MAX);
    rill_money_forgo(&m);
    assert_true(m.free == 0 && rill_money_max(&m) == 100);
    rill_money_release(&m, &all, 100, 50);
    assert_int_equal(m.free, 100);
}

static void test_any_rate_may_be_claimed(void **state)
{
    rill_money m;
    rill_money_sums all;

    (void)state;
    begin(&m, &all);
    assert_true(rill_money_hold(&m, &all, 1, UINT64_MAX) == UINT64_MAX - 50);
    assert_int_equal(rill_money_hold(&m, &all, 1, 7), 0);
    rill_money_commit(&m, &all, 1, UINT64_MAX - 50, UINT64_MAX);
    rill_money_commit(&m, &all, 1, 0, 7);
    assert_true(m.expected == 50 && m.delivered == UINT64_MAX && all.delivered == UINT64_MAX);
}

static void test_what_nobody_sent_may_arrive(void **state)
{
    rill_money m;
    rill_money_sums all;

    (void)state;
    begin(&m, &all);
    rill_money_gift(&all, 7);
    rill_money_commit(&m, &all, 100, 50, 49);
    assert_true(m.delivered == 49 && all.delivered == 56 && all.sent == 100);
    rill_money_gift(&all, UINT64_MAX);
    assert_true(all.delivered == UINT64_MAX);
}

static void test_sums_are_of_all_streams(void **state)
{
    rill_money a, b = {0};
    rill_money_sums all;

    (void)state;
    begin(&a, &all);
    rill_money_set_max(&b, UINT64_MAX);
    assert_int_equal(rill_money_hold(&b, &all, UINT64_MAX, 0), 0);
    assert_true(all.held.high == 1 && rill_sum_shown(&all.held) == UINT64_MAX);
    rill_money_commit(&b, &all, UINT64_MAX, 0, 0);
    rill_money_commit(&a, &all, 100, 50, 0);
    assert_true(all.sent == UINT64_MAX && rill_sum_shown(&all.held) == 0);
}

/* ---- what the module believes of its callers ---- */

typedef void misuse(rill_money *m, rill_money_sums *all);

static void hold_nothing(rill_money *m, rill_money_sums *all)
{
    (void)!rill_money_hold(m, all, 0, 0);
}

static void hold_more_than_is_free(rill_money *m, rill_money_sums *all)
{
    (void)!rill_money_hold(m, all, 901, 0);
}

static void release_more_than_is_away(rill_money *m, rill_money_sums *all)
{
    rill_money_release(m, all, 101, 0);
}

static void commit_twice(rill_money *m, rill_money_sums *all)
{
    rill_money_commit(m, all, 100, 50, 0);
    rill_money_commit(m, all, 100, 0, 0);
}

static void expire_before_it_is_late(rill_money *m, rill_money_sums *all)
{
    (void)all;
    rill_money_expire(m, 100);
}

static void resolve_more_than_is_lost(rill_money *m, rill_money_sums *all)
{
    rill_money_doubt(m, all, 100);
    rill_money_expire(m, 100);
    rill_money_resolve(m, all, &(rill_money_word){.sent = 60, .unsent = 41, .expected = 50});
}

static void forbid_what_has_left(rill_money *m, rill_money_sums *all)
{
    (void)all;
    rill_money_set_max(m, 99);
}

static void expect_more_than_was_held(rill_money *m, rill_money_sums *all)
{
    rill_money_release(m, all, 100, 51);
}

static void expect_of_nothing(rill_money *m, rill_money_sums *all)
{
    rill_money_release(m, all, 100, 49);
}

static void another_connection(rill_money *m, rill_money_sums *all)
{
    *all = (rill_money_sums){0};
    rill_money_release(m, all, 100, 50);
}

/* In a process of its own, which an assertion ends. */
static void assert_stops(misuse *f)
{
    rill_money m;
    rill_money_sums all;
    int status;

    begin(&m, &all);
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        (void)!dup2(open("/dev/null", O_WRONLY), STDERR_FILENO);
        (void)signal(SIGABRT, SIG_DFL);
        f(&m, &all);
        _exit(0);
    }
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGABRT);
}

static void test_nothing_is_made_or_lost_by_mistake(void **state)
{
    (void)state;
    assert_stops(hold_nothing);
    assert_stops(hold_more_than_is_free);
    assert_stops(release_more_than_is_away);
    assert_stops(commit_twice);
    assert_stops(expire_before_it_is_late);
    assert_stops(resolve_more_than_is_lost);
    assert_stops(forbid_what_has_left);
    assert_stops(expect_more_than_was_held);
    assert_stops(expect_of_nothing);
    assert_stops(another_connection);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_what_is_held_is_not_free),
        cmocka_unit_test(test_what_is_released_is_free_again),
        cmocka_unit_test(test_what_is_committed_is_sent),
        cmocka_unit_test(test_what_is_late_is_held_and_in_doubt),
        cmocka_unit_test(test_what_is_lost_goes_where_the_receiver_says),
        cmocka_unit_test(test_what_nobody_tells_stays_in_doubt),
        cmocka_unit_test(test_a_send_max_counts_what_has_left),
        cmocka_unit_test(test_any_rate_may_be_claimed),
        cmocka_unit_test(test_what_nobody_sent_may_arrive),
        cmocka_unit_test(test_sums_are_of_all_streams),
        cmocka_unit_test(test_nothing_is_made_or_lost_by_mistake),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
