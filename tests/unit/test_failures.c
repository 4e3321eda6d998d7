/* SPDX-License-Identifier: Apache-2.0 */
#include "congestion_fixture.h"

#include "stream/path/failures.h"

/* So many packets, of which every nth fails. Returns the last judgement. */
static rill_failures_word some(rill_failures *f, const rill_limit *packets, unsigned count,
                               unsigned nth)
{
    rill_failures_word word = {.too_many = false};

    for (unsigned i = 0; i < count; i++) {
        if (i % nth == nth - 1)
            (void)rill_failures_add(f);
        else
            rill_failures_none(f);
        if (rill_failures_known(f, packets))
            word = rill_failures_judge(f, packets);
    }
    return word;
}

static void test_of_few_nothing_is_known(void **state)
{
    rill_failures f = {0};
    rill_limit packets = {.window = 64};

    (void)state;
    for (unsigned i = 0; i < RILL_FAILURES_SAMPLES - 1; i++) {
        rill_failures_none(&f);
        assert_false(rill_failures_known(&f, &packets));
    }
    rill_failures_none(&f);
    assert_true(rill_failures_known(&f, &packets));
    /* With a large window, half of it must have come. */
    packets.window = 1024;
    assert_false(rill_failures_known(&f, &packets));
}

static void test_many_failures_are_known_sooner(void **state)
{
    rill_failures f = {0};
    rill_limit packets = {.window = 64};
    unsigned count = 0;

    (void)state;
    for (; !rill_failures_known(&f, &packets); count++)
        (void)rill_failures_add(&f);
    assert_int_equal(count, RILL_FAILURES_SAMPLES / 4);
    rill_failures_word word = rill_failures_judge(&f, &packets);
    assert_true(word.too_many && word.all);
    /* By half: all that is known is that this was too much. */
    assert_int_equal(word.less, 32 + 2);
    assert_int_equal(f.arrived + f.failed, 0);
}

static void test_what_is_usual_is_borne(void **state)
{
    rill_failures f = {0};
    rill_limit packets = {.window = 64};

    (void)state;
    assert_false(some(&f, &packets, 2000, 10).too_many);
    rill_failures_word word = some(&f, &packets, 64, 2);
    assert_true(word.too_many && !word.all);
    assert_in_range(word.less, 64 / 3, 64 / 2 + 2);
}

/* A path that lost nothing and loses an eighth is another path. */
static void test_what_is_unusual_is_not(void **state)
{
    rill_failures f = {0};
    rill_limit packets = {.window = 64};

    (void)state;
    assert_false(some(&f, &packets, 2000, 3000).too_many);
    assert_true(some(&f, &packets, 64, 8).too_many);
}

static void test_a_row_is_no_accident(void **state)
{
    rill_failures f = {0};

    (void)state;
    for (unsigned i = 0; i < 7; i++)
        assert_false(rill_failures_add(&f));
    assert_true(rill_failures_add(&f));
    rill_failures_none(&f);
    assert_false(rill_failures_add(&f));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_of_few_nothing_is_known),
        cmocka_unit_test(test_many_failures_are_known_sooner),
        cmocka_unit_test(test_what_is_usual_is_borne),
        cmocka_unit_test(test_what_is_unusual_is_not),
        cmocka_unit_test(test_a_row_is_no_accident),
    };
    return cmocka_run_group_tests_name("failures", tests, NULL, NULL);
}
