/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The timestamps of RFC 30, which have a fixed length. Days are counted in the proleptic Gregorian
 * calendar, from years that begin in March, so that a leap day is the last day of its year.
 */
#include <rill/error.h>
#include <rill/ilp.h>

#include "base/cursor.h"

#define MS_PER_DAY         UINT64_C(86400000)
#define DAYS_PER_400_YEARS 146097U
/* From 0000-03-01 to 1970-01-01. */
#define EPOCH_DAYS 719468U
/* 9999-12-31T23:59:59.999Z */
#define LAST_MS UINT64_C(253402300799999)

/*
 * Eight digits as four numbers of two digits, each in 16 bits of one word, the first in the highest
 * bits. False if one is no digit.
 */
static bool read_pairs(const uint8_t digits[8], uint64_t *pairs)
{
    uint64_t x = rill_load_u64(digits);
    uint64_t of_digits = x & UINT64_C(0x0f0f0f0f0f0f0f0f);
    if ((x ^ of_digits) != UINT64_C(0x3030303030303030) ||
        ((of_digits + UINT64_C(0x0606060606060606)) & UINT64_C(0xf0f0f0f0f0f0f0f0)) != 0)
        return false;
    uint64_t tens = of_digits >> 8 & UINT64_C(0x00ff00ff00ff00ff);
    *pairs = 10 * tens + (of_digits & UINT64_C(0x00ff00ff00ff00ff));
    return true;
}

static unsigned pair(uint64_t pairs, unsigned number)
{
    return (unsigned)(pairs >> (48 - 16 * number)) & 0xff;
}

/* Each of the numbers is below 100. */
static void write_pairs(uint8_t digits[8], unsigned a, unsigned b, unsigned c, unsigned d)
{
    uint64_t pairs = (uint64_t)a << 48 | (uint64_t)b << 32 | (uint64_t)c << 16 | d;
    /* n * 103 / 1024 is n / 10 below 179, and n * 103 stays in its 16 bits. */
    uint64_t tens = (pairs * 103 >> 10) & UINT64_C(0x000f000f000f000f);
    rill_store_u64(digits, UINT64_C(0x3030303030303030) + (tens << 8) + (pairs - 10 * tens));
}

static bool is_leap(unsigned year)
{
    return year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
}

static unsigned days_in_month(unsigned year, unsigned month)
{
    static const uint8_t days[12] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    return month == 2 && is_leap(year) ? 29 : days[month - 1];
}

/* Days since 0000-03-01. year is at least 1. */
static unsigned days_of(unsigned year, unsigned month, unsigned day)
{
    unsigned y = month > 2 ? year : year - 1;
    unsigned m = month > 2 ? month - 3 : month + 9;
    return 365 * y + y / 4 - y / 100 + y / 400 + (153 * m + 2) / 5 + day - 1;
}

static void date_of(unsigned days, unsigned *year, unsigned *month, unsigned *day)
{
    unsigned era = days / DAYS_PER_400_YEARS;
    unsigned of_era = days % DAYS_PER_400_YEARS;
    unsigned y = (of_era - of_era / 1460 + of_era / 36524 - of_era / 146096) / 365;
    unsigned of_year = of_era - (365 * y + y / 4 - y / 100);
    unsigned m = (5 * of_year + 2) / 153;
    *day = of_year - (153 * m + 2) / 5 + 1;
    *month = m < 10 ? m + 3 : m - 9;
    *year = 400 * era + y + (*month <= 2 ? 1 : 0);
}

int rill_ilp_time_decode(const uint8_t text[17], uint64_t *wall_ms)
{
    uint64_t date, time;
    unsigned last = text[16] - (unsigned)'0';
    if (!read_pairs(text, &date) || !read_pairs(text + 8, &time) || last > 9)
        return RILL_ERR_MALFORMED;
    unsigned year = 100 * pair(date, 0) + pair(date, 1);
    unsigned month = pair(date, 2);
    unsigned day = pair(date, 3);
    unsigned hour = pair(time, 0);
    unsigned minute = pair(time, 1);
    unsigned second = pair(time, 2);
    unsigned ms = 10 * pair(time, 3) + last;
    if (month < 1 || month > 12 || day < 1 || day > days_in_month(year, month))
        return RILL_ERR_MALFORMED;
    /* There is no 24:00 and no second 60: RFC 30 smears leap seconds. */
    if (hour > 23 || minute > 59 || second > 59)
        return RILL_ERR_MALFORMED;
    if (year < 1970)
        return RILL_ERR_RANGE;
    uint64_t days = days_of(year, month, day) - EPOCH_DAYS;
    uint64_t seconds = (uint64_t)hour * 3600 + (uint64_t)minute * 60 + second;
    *wall_ms = days * MS_PER_DAY + seconds * 1000 + ms;
    return RILL_OK;
}

int rill_ilp_time_encode(uint64_t wall_ms, uint8_t text[17])
{
    if (wall_ms > LAST_MS)
        return RILL_ERR_RANGE;
    unsigned year, month, day;
    date_of((unsigned)(wall_ms / MS_PER_DAY) + EPOCH_DAYS, &year, &month, &day);
    unsigned of_day = (unsigned)(wall_ms % MS_PER_DAY);
    write_pairs(text, year / 100, year % 100, month, day);
    write_pairs(text + 8, of_day / 3600000, of_day / 60000 % 60, of_day / 1000 % 60,
                of_day % 1000 / 10);
    text[16] = (uint8_t)('0' + of_day % 10);
    return RILL_OK;
}
