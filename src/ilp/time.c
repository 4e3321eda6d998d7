/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The fixed-length timestamps of RFC 30. Days are counted in the proleptic
 * Gregorian calendar from years that begin in March, so that a leap day is the
 * last of its year.
 */
#include <rill/error.h>
#include <rill/ilp.h>

#define MS_PER_DAY         UINT64_C(86400000)
#define DAYS_PER_400_YEARS 146097U
/* From 0000-03-01 to 1970-01-01. */
#define EPOCH_DAYS 719468U
/* 9999-12-31T23:59:59.999Z */
#define LAST_MS UINT64_C(253402300799999)

static bool all_digits(const uint8_t text[17])
{
    bool all = true;
    for (size_t i = 0; i < 17; i++)
        all &= (uint8_t)(text[i] - '0') <= 9;
    return all;
}

static unsigned read_two(const uint8_t *digits)
{
    return 10u * (digits[0] - (unsigned)'0') + (digits[1] - (unsigned)'0');
}

static void write_two(uint8_t *digits, unsigned value)
{
    digits[0] = (uint8_t)('0' + value / 10);
    digits[1] = (uint8_t)('0' + value % 10);
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
    if (!all_digits(text))
        return RILL_ERR_MALFORMED;
    unsigned year = 100 * read_two(text) + read_two(text + 2);
    unsigned month = read_two(text + 4);
    unsigned day = read_two(text + 6);
    unsigned hour = read_two(text + 8);
    unsigned minute = read_two(text + 10);
    unsigned second = read_two(text + 12);
    unsigned ms = 10 * read_two(text + 14) + (text[16] - (unsigned)'0');
    if (month < 1 || month > 12 || day < 1 || day > days_in_month(year, month))
        return RILL_ERR_MALFORMED;
    /* No 24:00 and no second 60: RFC 30 has leap seconds smeared. */
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
    write_two(text, year / 100);
    write_two(text + 2, year % 100);
    write_two(text + 4, month);
    write_two(text + 6, day);
    write_two(text + 8, of_day / 3600000);
    write_two(text + 10, of_day / 60000 % 60);
    write_two(text + 12, of_day / 1000 % 60);
    write_two(text + 14, of_day % 1000 / 10);
    text[16] = (uint8_t)('0' + of_day % 10);
    return RILL_OK;
}
