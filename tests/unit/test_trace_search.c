/* SPDX-License-Identifier: Apache-2.0 */
/* Every change of the outcome is found, with few questions. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "run/trace_search.h"

#define STEPS 6

/* Outcome i begins at steps[i]; steps[0] is 0. */
typedef struct model {
    uint64_t steps[STEPS];
    size_t count;
    size_t tells; /* this outcome says what would pass; 0: none does */
    uint64_t lie; /* and says so much more */
} model;

static size_t outcome_at(const model *m, uint64_t at)
{
    size_t outcome = 0;
    while (outcome + 1 < m->count && at >= m->steps[outcome + 1])
        outcome++;
    return outcome;
}

static void ask(const model *m, rill_trace_search *s, uint64_t at)
{
    rill_trace_point p = {at, outcome_at(m, at), UINT64_MAX};
    if (m->tells > 0 && p.outcome >= m->tells)
        p.passes = m->steps[p.outcome] - 1 + m->lie;
    rill_trace_search_note(s, p);
}

static unsigned run(const model *m, rill_trace_search *s, uint64_t first, uint64_t last)
{
    unsigned asked = 2;
    uint64_t at;
    ask(m, s, first);
    ask(m, s, last);
    while (rill_trace_search_next(s, &at)) {
        assert_true(at > first && at < last);
        for (size_t i = 0; i < s->count; i++)
            assert_true(s->points[i].at != at);
        ask(m, s, at);
        asked++;
    }
    for (size_t i = 1; i < s->count; i++)
        assert_true(s->points[i - 1].at < s->points[i].at);
    return asked;
}

/* The row of each outcome is there, and its ends are close to where it really changes. */
static void check(const model *m, const rill_trace_search *s, uint64_t close, uint64_t part)
{
    size_t outcome = 0;
    for (size_t from = 0, end; from < s->count; from = end, outcome++) {
        end = rill_trace_search_row(s, from);
        assert_int_equal(s->points[from].outcome, outcome);
        if (from == 0)
            continue;
        uint64_t apart = s->points[from].at - s->points[from - 1].at;
        assert_true(apart <= close || apart <= s->points[from - 1].at / part);
        assert_true(s->points[from].at >= m->steps[outcome]);
    }
    assert_int_equal(outcome, m->count);
}

static void test_one_outcome(void **state)
{
    (void)state;
    rill_trace_search s;
    uint64_t at;
    rill_trace_search_init(&s, 1, 16);
    assert_false(rill_trace_search_next(&s, &at));
    const model m = {{0}, 1, 0, 0};
    assert_int_equal(run(&m, &s, 0, UINT64_MAX), 2);
    assert_int_equal(rill_trace_search_row(&s, 0), 2);
}

static void test_times(void **state)
{
    (void)state;
    rill_trace_search s;
    const model m = {{0, 1000, 2000, 7000}, 4, 0, 0};
    rill_trace_search_init(&s, 5, 128);
    unsigned asked = run(&m, &s, 1, 30000);
    check(&m, &s, 5, 128);
    assert_true(asked < 50);
}

/* What a refusal says is exact: each limit costs two packets, and the one beside it. */
static void test_limits_that_are_told(void **state)
{
    (void)state;
    rill_trace_search s;
    const model m = {{0, 1001, 5001, 1000000000000}, 4, 1, 0};
    rill_trace_search_init(&s, 1, 16);
    unsigned asked = run(&m, &s, 0, UINT64_MAX);
    check(&m, &s, 1, UINT64_MAX);
    assert_true(asked <= 8);
}

/* Two limits may lie so close to each other that only what the nodes say tells them apart. */
static void test_limits_beside_each_other(void **state)
{
    (void)state;
    rill_trace_search s;
    const model m = {{0, 1000, 1030}, 3, 1, 0};
    rill_trace_search_init(&s, 1, 16);
    run(&m, &s, 0, UINT64_MAX);
    check(&m, &s, 1, UINT64_MAX);
}

/* A limit that is not where it is said to be is found as one that nobody tells. */
static void test_limits_that_are_not_true(void **state)
{
    (void)state;
    for (uint64_t lie = 1; lie < 100000; lie *= 7) {
        rill_trace_search s;
        const model m = {{0, 1001, 1000000}, 3, 1, lie};
        rill_trace_search_init(&s, 1, 16);
        assert_true(run(&m, &s, 0, UINT64_MAX) < RILL_TRACE_POINTS);
        check(&m, &s, 1, 16);
    }
}

static void test_every_size(void **state)
{
    (void)state;
    for (unsigned bit = 0; bit < 64; bit++) {
        rill_trace_search s;
        const model m = {{0, UINT64_C(1) << bit}, 2, 0, 0};
        rill_trace_search_init(&s, 1, 16);
        assert_true(run(&m, &s, 0, UINT64_MAX) < 20);
        check(&m, &s, 1, 16);
    }
}

/* An outcome that changes all the time ends the search, not the memory. */
static void test_no_room(void **state)
{
    (void)state;
    rill_trace_search s;
    uint64_t at;
    size_t asked = 2;
    rill_trace_search_init(&s, 1, 16);
    rill_trace_search_note(&s, (rill_trace_point){0, 0, UINT64_MAX});
    rill_trace_search_note(&s, (rill_trace_point){UINT64_MAX, 1, UINT64_MAX});
    while (rill_trace_search_next(&s, &at))
        rill_trace_search_note(&s, (rill_trace_point){at, asked++, UINT64_MAX});
    assert_int_equal(asked, RILL_TRACE_POINTS);
    rill_trace_search_note(&s, (rill_trace_point){7, 7, UINT64_MAX});
    assert_int_equal(s.count, RILL_TRACE_POINTS);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_one_outcome),
        cmocka_unit_test(test_times),
        cmocka_unit_test(test_limits_that_are_told),
        cmocka_unit_test(test_limits_beside_each_other),
        cmocka_unit_test(test_limits_that_are_not_true),
        cmocka_unit_test(test_every_size),
        cmocka_unit_test(test_no_room),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
