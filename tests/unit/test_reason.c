/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include <rill/reason.h>

static const int numbers[] = {
#define NUMBER(name, number, word, text, advice) number,
    RILL_REASON_LIST(NUMBER)
#undef NUMBER
};
#define COUNT ((int)(sizeof numbers / sizeof numbers[0]))

/* Each has a number and a name of its own, and says what can be done. */
static void test_reasons(void **state)
{
    (void)state;
    assert_true(COUNT >= 26); /* as fine as the senders of others, and nothing wrong */
    for (int i = 0; i < COUNT; i++) {
        rill_reason reason = (rill_reason)numbers[i];
        assert_int_equal(numbers[i], i);
        assert_true(strlen(rill_reason_text(reason)) > 10);
        assert_true(strlen(rill_reason_advice(reason)) > 5);
        for (int k = 0; k < i; k++)
            assert_string_not_equal(rill_reason_name(reason),
                                    rill_reason_name((rill_reason)numbers[k]));
    }
    assert_string_equal(rill_reason_name(RILL_REASON_RECEIVE_MAX), "receive_max");
}

static void test_others_are_other(void **state)
{
    (void)state;
    assert_string_equal(rill_reason_name((rill_reason)COUNT), "other");
    assert_string_equal(rill_reason_name((rill_reason)-1), "other");
    assert_string_equal(rill_reason_text((rill_reason)1000), rill_reason_text(RILL_REASON_OTHER));
    assert_string_equal(rill_reason_advice((rill_reason)1000),
                        rill_reason_advice(RILL_REASON_OTHER));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_reasons),
        cmocka_unit_test(test_others_are_other),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
