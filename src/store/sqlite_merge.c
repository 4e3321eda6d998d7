/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Sums of minutes that are old become sums of a day. Each step is a transaction: what a day has
 * more the minutes have less, so that the books add up to the same after each. No look is under way
 * meanwhile, which has read a part of them: the thread of the store sees to that.
 */
#include <stdio.h>
#include <string.h>

#include <rill/error.h>

#include "base/wide_text.h"
#include "store/sqlite_impl.h"

typedef struct minute_row {
    int64_t run, minute, source, destination, packets;
    rill_i128 taken, given;
} minute_row;

typedef struct merging {
    minute_row rows[RILL_MERGE_STEP];
    size_t count;
} merging;

static int flow_row(rill_sqlite *s, sqlite3_stmt *statement, void *user)
{
    merging *m = user;
    minute_row *row = &m->rows[m->count];
    if (m->count == RILL_MERGE_STEP)
        return rill_sqlite_wrong(s, RILL_ERR_MALFORMED, "there are more rows than were asked for");
    row->run = sqlite3_column_int64(statement, 0);
    row->minute = sqlite3_column_int64(statement, 1);
    row->source = sqlite3_column_int64(statement, 2);
    row->destination = sqlite3_column_int64(statement, 3);
    row->packets = sqlite3_column_int64(statement, 4);
    m->count++;
    int error = rill_sqlite_read_wide(s, statement, 5, &row->taken);
    return error == RILL_OK ? rill_sqlite_read_wide(s, statement, 6, &row->given) : error;
}

/* Those of a run, the earliest first. The newest minute of this run may still be written again. */
static int read_rows(rill_sqlite *s, int64_t run, int64_t before, merging *m)
{
    const int64_t values[] = {run, before, RILL_MERGE_STEP, s->run};
    m->count = 0;
    return rill_sqlite_each_of(
        s,
        "SELECT run, minute, source, destination, packets, taken, given FROM flows"
        " WHERE run = ?1 AND minute < ?2"
        " AND (run <> ?4 OR minute < (SELECT max(minute) FROM flows WHERE run = ?1))"
        " ORDER BY minute, source, destination LIMIT ?3",
        values, 4, flow_row, m);
}

typedef struct day_sum {
    bool there;
    int64_t packets;
    rill_i128 taken, given;
} day_sum;

static int day_row(rill_sqlite *s, sqlite3_stmt *statement, void *user)
{
    day_sum *d = user;
    d->there = true;
    d->packets = sqlite3_column_int64(statement, 0);
    int error = rill_sqlite_read_wide(s, statement, 1, &d->taken);
    return error == RILL_OK ? rill_sqlite_read_wide(s, statement, 2, &d->given) : error;
}

static int put_day(rill_sqlite *s, int64_t day, const minute_row *row)
{
    const rill_i128 zero = rill_wide_signed(rill_wide(0));
    const int64_t values[] = {day, row->source, row->destination};
    day_sum d = {.taken = zero, .given = zero};
    int error = rill_sqlite_each_of(s,
                                    "SELECT packets, taken, given FROM days WHERE day = ?1"
                                    " AND source = ?2 AND destination = ?3",
                                    values, 3, day_row, &d);
    if (error != RILL_OK)
        return error;
    if (row->packets > INT64_MAX - d.packets || !rill_wide_sum(d.taken, row->taken, &d.taken) ||
        !rill_wide_sum(d.given, row->given, &d.given))
        return rill_sqlite_wrong(s, RILL_ERR_MALFORMED, "a sum is too large");
    const rill_sqlite_day sum = {
        .day = day,
        .source = row->source,
        .destination = row->destination,
        .packets = d.packets + row->packets,
        .taken = d.taken,
        .given = d.given,
    };
    return rill_sqlite_put_day(s, &sum);
}

static int move_row(rill_sqlite *s, const minute_row *row)
{
    enum { MINUTES_A_DAY = 1440 };
    const int64_t values[] = {row->run, row->minute, row->source, row->destination};
    int error = put_day(s, row->minute / MINUTES_A_DAY, row);
    return error != RILL_OK ? error
                            : rill_sqlite_each_of(s,
                                                  "DELETE FROM flows WHERE run = ?1 AND minute = ?2"
                                                  " AND source = ?3 AND destination = ?4",
                                                  values, 4, NULL, NULL);
}

static int move_rows(rill_sqlite *s, const merging *m)
{
    int error = rill_sqlite_begin(s);
    if (error != RILL_OK)
        return error;
    for (size_t i = 0; i < m->count && error == RILL_OK; i++)
        error = move_row(s, &m->rows[i]);
    return rill_sqlite_finish(s, error);
}

static int next_run(rill_sqlite *s, sqlite3_stmt *statement, void *user)
{
    int64_t *run = user;
    (void)s;
    *run =
        sqlite3_column_type(statement, 0) == SQLITE_NULL ? 0 : sqlite3_column_int64(statement, 0);
    return RILL_OK;
}

int rill_sqlite_merge(rill_sqlite *s, rill_sqlite_merging *at, bool *more)
{
    merging m;
    int64_t run = 0;
    *more = false;
    int error = rill_sqlite_each_of(s, "SELECT min(run) FROM flows WHERE run > ?1", &at->run, 1,
                                    next_run, &run);
    if (error != RILL_OK || run == 0)
        return error;
    error = read_rows(s, run, at->before_minute, &m);
    if (error == RILL_OK && m.count > 0)
        error = move_rows(s, &m);
    if (error != RILL_OK)
        return error;
    if (m.count < RILL_MERGE_STEP)
        at->run = run; /* nothing is left of it */
    *more = true;
    return RILL_OK;
}
