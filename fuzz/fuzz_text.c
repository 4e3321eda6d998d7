/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Numbers and times in texts: amounts, ratios, expiry dates. The second decoders are the C
 * library's for numbers and dates, and long arithmetic, digit by digit, for ratios.
 */
#define _GNU_SOURCE

#include <errno.h>
#include <stdio.h>
#include <time.h>

#include <rill/error.h>
#include <rill/ilp.h>

#include "../tests/oracle.h"
#include "fuzz.h"

static void fuzz_amount(const char *text)
{
    uint64_t value = 0;
    int err = rill_amount_parse(text, &value);
    bool digits = text[0] != '\0' && strspn(text, "0123456789") == strlen(text);
    errno = 0;
    unsigned long long theirs = digits ? strtoull(text, NULL, 10) : 0;
    if (!digits)
        CHECK(err == RILL_ERR_MALFORMED);
    else if (errno == ERANGE)
        CHECK(err == RILL_ERR_RANGE);
    else
        CHECK(err == RILL_OK && value == theirs);
}

/* Whether num/den and the text are the same: num * 10^places == digits * den, in decimal digits. */
static void multiply(char *digits, size_t len, uint64_t by)
{
    oracle_u128 carry = 0;
    for (size_t i = len; i > 0; i--) {
        carry += (oracle_u128)(unsigned)(digits[i - 1]) * by;
        digits[i - 1] = (char)(carry % 10);
        carry /= 10;
    }
    CHECK(carry == 0);
}

static void check_fraction(const char *text, rill_ratio r)
{
    enum { ROOM = 600 };
    char left[ROOM] = {0}, right[ROOM] = {0};
    size_t places = 0, n = 0;
    bool point = false;
    char all[ROOM];
    for (; *text != '\0'; text++) {
        if (*text == '.') {
            point = true;
            continue;
        }
        all[n++] = (char)(*text - '0');
        places += point;
    }
    memcpy(right + ROOM - n, all, n);
    multiply(right, ROOM, r.den);
    left[ROOM - 1 - places] = 1;
    multiply(left, ROOM, r.num);
    CHECK(memcmp(left, right, ROOM) == 0);
}

static void check_quotient(const char *text, rill_ratio r)
{
    char *end;
    uint64_t num = strtoull(text, &end, 10);
    CHECK(*end == '/');
    uint64_t den = strtoull(end + 1, &end, 10);
    CHECK(*end == '\0' && den != 0);
    CHECK((oracle_u128)num * r.den == (oracle_u128)den * r.num);
}

static void fuzz_ratio(const char *text)
{
    rill_ratio r = {0, 0};
    if (strlen(text) > 500)
        return;
    int err = rill_ratio_parse(text, &r);
    CHECK(err == RILL_OK || err == RILL_ERR_MALFORMED || err == RILL_ERR_RANGE);
    bool form = text[0] != '\0' && strspn(text, "0123456789./") == strlen(text);
    CHECK(form || err == RILL_ERR_MALFORMED);
    if (err != RILL_OK)
        return;
    CHECK(r.den != 0);
    uint64_t a = r.num, b = r.den;
    while (b != 0) {
        uint64_t rest = a % b;
        a = b;
        b = rest;
    }
    CHECK(a == 1); /* in lowest terms */
    if (strchr(text, '/') != NULL)
        check_quotient(text, r);
    else
        check_fraction(text, r);
}

static unsigned number(const uint8_t *text, size_t len)
{
    unsigned value = 0;
    for (size_t i = 0; i < len; i++)
        value = value * 10 + (unsigned)(text[i] - '0');
    return value;
}

/* The date by the C library. If the library does not change it, it exists. */
static void fuzz_time(const uint8_t text[17])
{
    uint64_t ms = 0;
    uint8_t back[17];
    int err = rill_ilp_time_decode(text, &ms);
    bool digits = true;
    for (size_t i = 0; i < 17; i++)
        digits = digits && text[i] >= '0' && text[i] <= '9';
    if (!digits) {
        CHECK(err == RILL_ERR_MALFORMED);
        return;
    }
    struct tm tm = {.tm_year = (int)number(text, 4) - 1900,
                    .tm_mon = (int)number(text + 4, 2) - 1,
                    .tm_mday = (int)number(text + 6, 2),
                    .tm_hour = (int)number(text + 8, 2),
                    .tm_min = (int)number(text + 10, 2),
                    .tm_sec = (int)number(text + 12, 2)};
    struct tm same = tm;
    time_t seconds = timegm(&same);
    bool exists = same.tm_mon == tm.tm_mon && same.tm_mday == tm.tm_mday &&
                  same.tm_year == tm.tm_year && same.tm_hour == tm.tm_hour &&
                  same.tm_min == tm.tm_min && same.tm_sec == tm.tm_sec;
    if (!exists)
        CHECK(err == RILL_ERR_MALFORMED);
    else if (seconds < 0)
        CHECK(err == RILL_ERR_RANGE);
    else
        CHECK(err == RILL_OK && ms == (uint64_t)seconds * 1000 + number(text + 14, 3));
    if (err == RILL_OK)
        CHECK(rill_ilp_time_encode(ms, back) == RILL_OK && memcmp(back, text, 17) == 0);
}

static void fuzz_ms(const uint8_t bytes[8])
{
    uint64_t ms, back;
    uint8_t text[18] = {0};
    char theirs[32];
    struct tm tm;
    memcpy(&ms, bytes, sizeof ms);
    ms %= UINT64_C(300000000000000);
    int err = rill_ilp_time_encode(ms, text);
    CHECK(err == (ms < UINT64_C(253402300800000) ? RILL_OK : RILL_ERR_RANGE));
    if (err != RILL_OK)
        return;
    time_t seconds = (time_t)(ms / 1000);
    CHECK(gmtime_r(&seconds, &tm) != NULL && strftime(theirs, sizeof theirs, "%Y%m%d%H%M%S", &tm));
    CHECK(memcmp(theirs, text, 14) == 0);
    CHECK(rill_ilp_time_decode(text, &back) == RILL_OK && back == ms);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size == 0)
        return 0;
    char *text = malloc(size);
    CHECK(text != NULL);
    memcpy(text, data + 1, size - 1);
    text[size - 1] = '\0';
    switch (data[0] % 4) {
    case 0:
        fuzz_amount(text);
        break;
    case 1:
        fuzz_ratio(text);
        break;
    case 2:
        if (size > 17)
            fuzz_time(data + 1);
        break;
    default:
        if (size > 8)
            fuzz_ms(data + 1);
    }
    free(text);
    return 0;
}
