/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "connector/when.h"

static void test_reads(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        uint64_t ms;
    } good[] = {
        {"1970-01-01", 0},
        {"2026-11-29", UINT64_C(1795910400000)},
        {"2026-11-29Z", UINT64_C(1795910400000)},
        {"2026-11-29T01:02", UINT64_C(1795910400000) + 3720000},
        {"2026-11-29T01:02:03Z", UINT64_C(1795910400000) + 3723000},
        {"2026-11-29T01:02:03.004", UINT64_C(1795910400000) + 3723004},
        {"2024-02-29", UINT64_C(1709164800000)},
    };
    static const char *const bad[] = {
        "",
        "Z",
        "2026",
        "2026-11",
        "2026-11-31",
        "2026-13-01",
        "2026-02-29",
        "2026-1-01",
        "2026/11/01",
        "2026-11-01 ",
        "2026-11-01T",
        "2026-11-01T1",
        "2026-11-01T24:00",
        "2026-11-01T10:60",
        "2026-11-01T10:00:00.",
        "2026-11-01T10:00:00.1",
        "2026-11-01T10:00:00.0001",
        "x026-11-01",
        "2026-11-01t10:00",
        "2026-11-01T10:00+01:00",
        "1969-12-31",
    };
    for (size_t i = 0; i < sizeof good / sizeof good[0]; i++) {
        uint64_t ms = 1;
        assert_true(rill_when_parse(good[i].text, &ms));
        assert_int_equal(ms, good[i].ms);
    }
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        uint64_t ms = 1;
        if (rill_when_parse(bad[i], &ms))
            fail_msg("%s is read as %llu", bad[i], (unsigned long long)ms);
    }
}

static void test_writes(void **state)
{
    (void)state;
    char text[RILL_WHEN_TEXT];
    rill_when_text(UINT64_C(1795910400000) + 3723004, text);
    assert_string_equal(text, "2026-11-29T01:02:03.004Z");
    rill_when_text(0, text);
    assert_string_equal(text, "1970-01-01T00:00:00.000Z");
    rill_when_text(UINT64_MAX, text);
    assert_string_equal(text, "9999-12-31T23:59:59.999Z");
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_reads), cmocka_unit_test(test_writes)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
