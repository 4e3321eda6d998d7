/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The timestamps of RFC 30, which have a fixed length. Days are counted in the proleptic Gregorian
 * calendar.
 */
#include <rill/error.h>
#include <rill/ilp.h>

#include "base/cursor.h"

#define MS_PER_DAY         UINT64_C(86400000)
#define DAYS_PER_400_YEARS 146097U
/* 1970-01-01 and 0000-03-01, in days since 0000-01-01. */
#define EPOCH_DAY   719528U
#define FIRST_MARCH 60U
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

/* A date, its year in two parts of two digits. */
typedef struct date {
    unsigned century;
    unsigned year; /* of its century */
    unsigned month;
    unsigned day;
} date;

static unsigned year_of(const date *d)
{
    return 100 * d->century + d->year;
}

static bool is_leap(const date *d)
{
    return (d->year != 0 ? d->year : d->century) % 4 == 0;
}

static unsigned days_in_month(const date *d)
{
    static const uint8_t days[12] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    return d->month == 2 && is_leap(d) ? 29 : days[d->month - 1];
}

/* There is such a day. Each month has 28 days. */
static bool is_date(const date *d)
{
    return d->month - 1 < 12 && d->day - 1 < 31 && (d->day <= 28 || d->day <= days_in_month(d));
}

/* Days since 0000-01-01. */
static unsigned days_of(const date *d)
{
    /* Of a year without a leap day. */
    static const uint16_t before[12] = {0, 31, 59, 90, 120, 151, 181, 212, 243, 273, 304, 334};
    unsigned year = year_of(d);
    /* This year's too, which may be still to come. */
    unsigned leap_days = year / 4 + 1 - d->century + d->century / 4;
    if (d->month <= 2 && is_leap(d))
        leap_days--;
    return 365 * year + leap_days + before[d->month - 1] + d->day - 1;
}

/*
 * Of days since 0000-03-01: years begin in March here, so that a leap day is the last of its year.
 * Four times a number of days, and a little, divided by the days of four centuries, is the
 * century; what is left of that, divided by the days of four years, the year of the century. The
 * second division is by a multiplication, whose lower half is what is left. Months from March on
 * have 30.6 days, which is 2141/65536 months a day.
 * C. Neri, L. Schneider: Euclidean affine functions and their application to calendar algorithms.
 */
static date date_of(unsigned days)
{
    unsigned quarters = 4 * days + 3;
    unsigned century = quarters / DAYS_PER_400_YEARS;
    uint64_t years = (uint64_t)((quarters % DAYS_PER_400_YEARS) | 3) * 2939745;
    unsigned year = (unsigned)(years >> 32);
    unsigned of_year = (unsigned)years / 2939745 / 4;
    unsigned months = 2141 * of_year + 197913;
    date d = {century, year, months >> 16, (months & 0xffff) / 2141 + 1};
    if (of_year >= 306) { /* January or February of the next year */
        d.month -= 12;
        d.century += ++d.year / 100;
        d.year %= 100;
    }
    return d;
}

int rill_ilp_time_decode(const uint8_t text[17], uint64_t *wall_ms)
{
    uint64_t date_pairs, time;
    unsigned last = text[16] - (unsigned)'0';
    if (!read_pairs(text, &date_pairs) || !read_pairs(text + 8, &time) || last > 9)
        return RILL_ERR_MALFORMED;
    const date d = {pair(date_pairs, 0), pair(date_pairs, 1), pair(date_pairs, 2),
                    pair(date_pairs, 3)};
    unsigned hour = pair(time, 0);
    unsigned minute = pair(time, 1);
    unsigned second = pair(time, 2);
    unsigned ms = 10 * pair(time, 3) + last;
    if (!is_date(&d))
        return RILL_ERR_MALFORMED;
    /* There is no 24:00 and no second 60: RFC 30 smears leap seconds. */
    if (hour > 23 || minute > 59 || second > 59)
        return RILL_ERR_MALFORMED;
    if (year_of(&d) < 1970)
        return RILL_ERR_RANGE;
    uint64_t days = days_of(&d) - EPOCH_DAY;
    uint64_t seconds = (uint64_t)hour * 3600 + (uint64_t)minute * 60 + second;
    *wall_ms = days * MS_PER_DAY + seconds * 1000 + ms;
    return RILL_OK;
}

int rill_ilp_time_encode(uint64_t wall_ms, uint8_t text[17])
{
    if (wall_ms > LAST_MS)
        return RILL_ERR_RANGE;
    date d = date_of((unsigned)(wall_ms / MS_PER_DAY) + EPOCH_DAY - FIRST_MARCH);
    unsigned of_day = (unsigned)(wall_ms % MS_PER_DAY);
    unsigned seconds = of_day / 1000;
    unsigned minutes = seconds / 60;
    unsigned ms = of_day - 1000 * seconds;
    write_pairs(text, d.century, d.year, d.month, d.day);
    write_pairs(text + 8, minutes / 60, minutes % 60, seconds - 60 * minutes, ms / 10);
    text[16] = (uint8_t)('0' + ms % 10);
    return RILL_OK;
}
