/* SPDX-License-Identifier: Apache-2.0 */
/* Request-Ids: what is one, and how it is written. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "links/http/http_id.h"

#define ID "42ee09c8-a6de-4ae3-8a47-4732b0cbb07b" /* RFC 35's example */

static int parse(http_id *id, const char *text)
{
    return http_id_parse(id, (rill_bytes){(const uint8_t *)text, strlen(text)});
}

static void test_read_and_written(void **state)
{
    static const uint8_t bytes[16] = {0x42, 0xee, 0x09, 0xc8, 0xa6, 0xde, 0x4a, 0xe3,
                                      0x8a, 0x47, 0x47, 0x32, 0xb0, 0xcb, 0xb0, 0x7b};
    http_id id, upper;
    char text[HTTP_ID_TEXT + 1] = "";
    (void)state;
    assert_int_equal(parse(&id, ID), RILL_OK);
    assert_memory_equal(id.bytes, bytes, sizeof bytes);
    http_id_write(&id, text);
    assert_string_equal(text, ID);
    assert_int_equal(parse(&upper, "42EE09C8-A6DE-4AE3-8A47-4732B0CBB07B"), RILL_OK);
    assert_true(http_id_same(&id, &upper));
    assert_true(http_id_key(&id) == http_id_key(&upper));
    upper.bytes[15] ^= 1;
    assert_false(http_id_same(&id, &upper));
    assert_false(http_id_key(&id) == http_id_key(&upper));
}

static void test_what_is_none(void **state)
{
    const char digits[] = "g:/@`G -";
    http_id id = {{7}};
    (void)state;
    assert_int_equal(parse(&id, ""), RILL_ERR_MALFORMED);
    assert_int_equal(parse(&id, ID "0"), RILL_ERR_MALFORMED);
    assert_int_equal(parse(&id, "42ee09c8a6de4ae38a474732b0cbb07b"), RILL_ERR_MALFORMED);
    assert_int_equal(parse(&id, "42ee09c8-a6de-4ae3-8a47-4732b0cbb07"), RILL_ERR_MALFORMED);
    /* Each place has a digit or a dash, and nothing else. */
    for (size_t at = 0; at < HTTP_ID_TEXT; at++) {
        char text[] = ID;
        bool dash = text[at] == '-';
        for (size_t i = 0; i < sizeof digits - 1; i++) {
            text[at] = digits[i];
            assert_int_equal(parse(&id, text),
                             dash && digits[i] == '-' ? RILL_OK : RILL_ERR_MALFORMED);
            if (dash && digits[i] == '-')
                id = (http_id){{7}};
        }
        text[at] = dash ? '0' : '-';
        assert_int_equal(parse(&id, text), RILL_ERR_MALFORMED);
    }
    assert_int_equal(id.bytes[0], 7); /* unchanged */
}

static void test_ours_are_of_version_4(void **state)
{
    (void)state;
    for (int fill = 0; fill <= 255; fill += 255) {
        http_id id;
        memset(id.bytes, fill, sizeof id.bytes);
        http_id_make(&id);
        assert_int_equal(id.bytes[6], fill == 0 ? 0x40 : 0x4f);
        assert_int_equal(id.bytes[8], fill == 0 ? 0x80 : 0xbf);
        assert_int_equal(id.bytes[0], fill);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_read_and_written),
        cmocka_unit_test(test_what_is_none),
        cmocka_unit_test(test_ours_are_of_version_4),
    };
    return cmocka_run_group_tests_name("http id", tests, NULL, NULL);
}
