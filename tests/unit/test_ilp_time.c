/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka.h comes after what it needs. */
#include <cmocka.h>
#include <rill/error.h>
#include <rill/ilp.h>
#include <string.h>

static int decode(const char *text, uint64_t *out)
{
    assert_int_equal(strlen(text), 17);
    return rill_ilp_time_decode((const uint8_t *)text, out);
}

static void test_known(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        uint64_t ms;
    } known[] = {
        {"19700101000000000", 0},
        {"19700101000000001", 1},
        {"19991231235959999", UINT64_C(946684799999)},
        {"20000229120000000", UINT64_C(951825600000)},
        {"20171223012140549", UINT64_C(1513992100549)},
        {"20171224161432279", UINT64_C(1514132072279)},
        {"20161231235959852", UINT64_C(1483228799852)},
        {"20240229235959999", UINT64_C(1709251199999)},
        {"20240301000000000", UINT64_C(1709251200000)},
        {"21000228235959999", UINT64_C(4107542399999)},
        {"21000301000000000", UINT64_C(4107542400000)},
        {"99991231235959999", UINT64_C(253402300799999)},
    };
    for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++) {
        uint64_t ms;
        uint8_t text[17];
        assert_int_equal(decode(known[i].text, &ms), RILL_OK);
        assert_true(ms == known[i].ms);
        assert_int_equal(rill_ilp_time_encode(ms, text), RILL_OK);
        assert_memory_equal(text, known[i].text, 17);
    }
}

static void test_refused(void **state)
{
    (void)state;
    /* Those of RFC 30 that have 17 characters, and our own. */
    static const char *const bad[] = {
        "20171324161432200", "2017122423000000.", "20171224240000000",    "20161231235960852",
        "20170024161432200", "20171200161432200", "20171232161432200",    "20170431000000000",
        "20170229000000000", "21000229000000000", "20171224236000000",    "2017122416143227Z",
        " 2017122416143227", "-0171224161432279", "20171224161432\x80zz", "2017122416143/279",
        "2017122416143:279",
    };
    uint64_t ms = 5;
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
        assert_int_equal(decode(bad[i], &ms), RILL_ERR_MALFORMED);
    assert_int_equal(decode("19691231235959999", &ms), RILL_ERR_RANGE);
    assert_int_equal(decode("00000101000000000", &ms), RILL_ERR_RANGE);
    assert_int_equal(decode("19000229000000000", &ms), RILL_ERR_MALFORMED);
    assert_true(ms == 5);
    uint8_t text[17];
    assert_int_equal(rill_ilp_time_encode(UINT64_C(253402300800000), text), RILL_ERR_RANGE);
    assert_int_equal(rill_ilp_time_encode(UINT64_MAX, text), RILL_ERR_RANGE);
}

/* Every day until the year 10000 follows the one before it, and decodes to itself. */
static void test_calendar(void **state)
{
    (void)state;
    unsigned year = 1970, month = 1, day = 1;
    static const unsigned days[12] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    for (uint64_t n = 0; n <= UINT64_C(253402300799999) / 86400000; n++) {
        uint8_t text[17];
        uint64_t ms = n * 86400000 + n % 86400000;
        uint64_t back;
        assert_int_equal(rill_ilp_time_encode(ms, text), RILL_OK);
        assert_int_equal((text[0] - '0') * 1000 + (text[1] - '0') * 100 + (text[2] - '0') * 10 +
                             (text[3] - '0'),
                         year);
        assert_int_equal((text[4] - '0') * 10 + (text[5] - '0'), month);
        assert_int_equal((text[6] - '0') * 10 + (text[7] - '0'), day);
        assert_int_equal(rill_ilp_time_decode(text, &back), RILL_OK);
        assert_true(back == ms);
        bool leap = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
        unsigned last = days[month - 1] + (leap && month == 2 ? 1 : 0);
        if (day++ == last) {
            day = 1;
            if (month++ == 12) {
                month = 1;
                year++;
            }
        }
    }
    assert_int_equal(year, 10000);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_known),
        cmocka_unit_test(test_refused),
        cmocka_unit_test(test_calendar),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
