/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka.h comes after what it needs. */
#include <cmocka.h>

#include "base/ratio_text.h"

static void test_what_people_read(void **state)
{
    (void)state;
    static const struct {
        rill_ratio ratio;
        const char *text;
    } cases[] = {
        {{1, 1}, "1"},
        {{197, 200}, "0.985"},
        {{2, 3}, "0.666666"},
        {{3, 2}, "1.5"},
        {{10, 1}, "10"},
        {{0, 1}, "0"},
        {{1, 1000}, "0.001"},
        {{1, 1001}, "1/1001"},
        {{1, UINT64_MAX}, "1/18446744073709551615"},
        {{UINT64_MAX, 1}, "18446744073709551615/1"},
        {{UINT64_C(10000000000000), 1}, "10000000000000"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        char text[RILL_RATIO_TEXT];
        rill_ratio_text(cases[i].ratio, text);
        assert_string_equal(text, cases[i].text);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_what_people_read),
    };
    return cmocka_run_group_tests_name("ratio_text", tests, NULL, NULL);
}
