/* SPDX-License-Identifier: Apache-2.0 */
/* Texts that people wrote, as JSON. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka.h comes after what it needs. */
#include <cmocka.h>

#include "connector/text_json.h"

static void becomes(const char *text, const char *want)
{
    json_t *value = rill_text_json(text);
    assert_non_null(value);
    assert_string_equal(json_string_value(value), want);
    json_decref(value);
}

static void test_texts(void **state)
{
    (void)state;
    becomes("", "");
    becomes(NULL, "");
    becomes("maria", "maria");
    becomes("Z\xc3\xbcrich \xf0\x9f\x9a\x80", "Z\xc3\xbcrich \xf0\x9f\x9a\x80");
}

static void test_what_was_cut(void **state)
{
    (void)state;
    becomes("Z\xc3", "Z");
    becomes("Z\xf0\x9f\x9a", "Z");
    becomes("\xf0", "");
    becomes("a\xff"
            "b",
            "a");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_texts),
        cmocka_unit_test(test_what_was_cut),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
