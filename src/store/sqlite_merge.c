/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Sums of minutes that are old become sums of a day. Each step is a transaction: what a day has
 * more the minutes have less, so that the books add up to the same after each, and a line of the
 * chain of sums says what the days are since. No look is under way meanwhile, which has read a part
 * of them: the thread of the store sees to that. Before minutes are moved, they are compared with
 * what was sealed of them: what somebody has changed stays where it is, for an audit to find.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <rill/error.h>

#include "store/sqlite_impl.h"

enum { MINUTES_A_DAY = 1440 };

typedef struct merging {
    rill_sqlite_flow rows[RILL_MERGE_STEP];
    size_t count;
} merging;

static int flow_row(rill_sqlite *s, sqlite3_stmt *statement, void *user)
{
    merging *m = user;
    if (m->count == RILL_MERGE_STEP)
        return rill_sqlite_wrong(s, RILL_ERR_MALFORMED, "there are more rows than were asked for");
    return rill_sqlite_flow_of(s, statement, &m->rows[m->count++]);
}

/* Those of a run up to this minute, the earliest first. */
static int read_rows(rill_sqlite *s, const rill_sqlite_merging *at, merging *m)
{
    const int64_t values[] = {at->at, at->upto, RILL_MERGE_STEP};
    m->count = 0;
    return rill_sqlite_each_of(
        s,
        "SELECT run, minute, source, destination, packets, taken, given FROM flows"
        " WHERE run = ?1 AND minute <= ?2 ORDER BY minute, source, destination LIMIT ?3",
        values, 3, flow_row, m);
}

/* ---- moving ---- */

typedef struct day_sum {
    bool there;
    rill_sqlite_day day;
} day_sum;

static int day_row(rill_sqlite *s, sqlite3_stmt *statement, void *user)
{
    day_sum *d = user;
    d->there = true;
    return rill_sqlite_day_of(s, statement, &d->day);
}

static int64_t day_of(const rill_sqlite_flow *row)
{
    return row->minute / MINUTES_A_DAY;
}

static int compare(int64_t a, int64_t b)
{
    return a < b ? -1 : a > b;
}

static int by_day(const void *a, const void *b)
{
    const rill_sqlite_flow *x = a;
    const rill_sqlite_flow *y = b;
    int order = compare(day_of(x), day_of(y));
    if (order == 0)
        order = compare(x->source, y->source);
    return order != 0 ? order : compare(x->destination, y->destination);
}

/* Rows of the same day and accounts become one with the sum that is there. */
static int put_day(rill_sqlite *s, const rill_sqlite_flow *rows, size_t count)
{
    const rill_i128 zero = rill_wide_signed(rill_wide(0));
    const int64_t values[] = {day_of(rows), rows->source, rows->destination};
    day_sum d = {.day = {values[0], values[1], values[2], 0, zero, zero}};
    int error = rill_sqlite_each_of(s,
                                    "SELECT day, source, destination, packets, taken, given"
                                    " FROM days WHERE day = ?1 AND source = ?2"
                                    " AND destination = ?3",
                                    values, 3, day_row, &d);
    if (error == RILL_OK && d.there)
        error = rill_sqlite_count_day(s, &s->sealing.days, &d.day, true);
    for (size_t i = 0; i < count && error == RILL_OK; i++) {
        if (rows[i].packets > INT64_MAX - d.day.packets ||
            !rill_wide_sum(d.day.taken, rows[i].taken, &d.day.taken) ||
            !rill_wide_sum(d.day.given, rows[i].given, &d.day.given))
            error = rill_sqlite_wrong(s, RILL_ERR_MALFORMED, "a sum is too large");
        else
            d.day.packets += rows[i].packets;
    }
    if (error == RILL_OK)
        error = rill_sqlite_count_day(s, &s->sealing.days, &d.day, false);
    return error == RILL_OK ? rill_sqlite_put_day(s, &d.day) : error;
}

static int take_row(rill_sqlite *s, const rill_sqlite_flow *row)
{
    const int64_t values[] = {row->run, row->minute, row->source, row->destination};
    return rill_sqlite_each_of(s,
                               "DELETE FROM flows WHERE run = ?1 AND minute = ?2"
                               " AND source = ?3 AND destination = ?4",
                               values, 4, NULL, NULL);
}

static int move_all(rill_sqlite *s, merging *m)
{
    const int64_t run = m->rows[0].run;
    const int64_t minute = m->rows[m->count - 1].minute;
    int error = RILL_OK;
    qsort(m->rows, m->count, sizeof m->rows[0], by_day);
    for (size_t i = 0, next = 0; i < m->count && error == RILL_OK; i = next) {
        for (next = i + 1; next < m->count && by_day(&m->rows[i], &m->rows[next]) == 0;)
            next++;
        error = put_day(s, &m->rows[i], next - i);
    }
    for (size_t i = 0; i < m->count && error == RILL_OK; i++)
        error = take_row(s, &m->rows[i]);
    return error == RILL_OK ? rill_sqlite_put_merged(s, run, minute, (int64_t)m->count) : error;
}

static int move_rows(rill_sqlite *s, merging *m)
{
    const rill_sqlite_days before = s->sealing.days;
    int error = rill_sqlite_begin(s);
    if (error == RILL_OK)
        error = rill_sqlite_finish(s, move_all(s, m));
    if (error != RILL_OK)
        s->sealing.days = before;
    return error;
}

/* ---- what may be moved ---- */

typedef struct checking {
    rill_sqlite_merging *at;
    int64_t rows;
} checking;

static int checked_row(rill_sqlite *s, sqlite3_stmt *statement, void *user)
{
    checking *c = user;
    rill_sqlite_flow flow;
    int error = rill_sqlite_flow_of(s, statement, &flow);
    c->at->place[0] = flow.minute;
    c->at->place[1] = flow.source;
    c->at->place[2] = flow.destination;
    c->at->counted++;
    c->rows++;
    return error == RILL_OK ? rill_sqlite_digest_flow(s, c->at->digest, &flow) : error;
}

/* A step of comparing the rows of a line of the chain with it. */
static int check_rows(rill_sqlite *s, rill_sqlite_merging *at)
{
    const rill_sqlite_place place = {
        .run = at->at, .minute = at->place[0], .source = at->place[1], .destination = at->place[2]};
    const rill_sqlite_end end = {.run = at->at, .minute = at->minute + 1};
    rill_seal seal;
    checking c = {.at = at};
    int error = rill_sqlite_flows_from(s, &place, &end, RILL_LOOK_STEP, checked_row, &c);
    if (error != RILL_OK || c.rows == RILL_LOOK_STEP)
        return error;
    error = rill_sqlite_seal_of_minutes(s, at->at, at->upto, &seal);
    if (error != RILL_OK)
        return error;
    if (seal.id == 0 || seal.minute != at->minute || seal.rows != at->counted ||
        memcmp(seal.digest, at->digest, sizeof at->digest) != 0)
        return rill_sqlite_wrong(s, RILL_ERR_MALFORMED,
                                 "sums of packets are not what was sealed: see \"rillctl audit\"");
    at->upto = at->minute;
    at->checking = false;
    return RILL_OK;
}

/* The next line of the run, if all that it is about is old enough. *none: there is none. */
static int next_line(rill_sqlite *s, rill_sqlite_merging *at, bool *none)
{
    rill_seal seal;
    int64_t merged_to = -1;
    int error = rill_sqlite_seal_of_minutes(s, at->at, at->upto, &seal);
    if (error == RILL_OK)
        error = rill_sqlite_merged_to(s, at->at, &merged_to);
    *none = error == RILL_OK && (seal.id == 0 || seal.minute >= at->before_minute);
    if (error != RILL_OK || *none)
        return error;
    /* A part of it is moved already, by a process that was killed then: it was compared before. */
    if (merged_to > at->upto) {
        at->upto = seal.minute;
        return RILL_OK;
    }
    at->minute = seal.minute;
    at->checking = true;
    at->counted = 0;
    memset(at->digest, 0, sizeof at->digest);
    at->place[0] = at->upto;
    at->place[1] = at->place[2] = INT64_MAX;
    return RILL_OK;
}

static int next_run(rill_sqlite *s, sqlite3_stmt *statement, void *user)
{
    int64_t *run = user;
    *run = 0;
    if (sqlite3_column_type(statement, 0) == SQLITE_NULL)
        return RILL_OK;
    *run = sqlite3_column_int64(statement, 0);
    return rill_sqlite_are_numbers(s, statement, 0, 1);
}

/* The next run that has rows, behind what is merged of it. */
static int begin_run(rill_sqlite *s, rill_sqlite_merging *at)
{
    int64_t values[] = {at->run, 0};
    int64_t run = 0;
    int error = rill_sqlite_each_of(s, "SELECT min(run) FROM flows WHERE run > ?1", values, 1,
                                    next_run, &run);
    if (error != RILL_OK || run == 0)
        return error;
    values[0] = run;
    error = rill_sqlite_merged_to(s, run, &values[1]);
    if (error == RILL_OK)
        error = rill_sqlite_each_of(s,
                                    "SELECT coalesce(max(minute), -1) FROM seals"
                                    " WHERE kind = 1 AND run = ?1 AND minute <= ?2",
                                    values, 2, next_run, &at->upto);
    at->at = run;
    at->checking = false;
    return error;
}

/* Of the run that is merged now. */
static int step(rill_sqlite *s, rill_sqlite_merging *at)
{
    merging m;
    bool none = false;
    if (at->checking)
        return check_rows(s, at);
    int error = read_rows(s, at, &m);
    if (error == RILL_OK && m.count > 0)
        return move_rows(s, &m);
    if (error == RILL_OK)
        error = next_line(s, at, &none);
    if (none)
        at->run = at->at; /* nothing is left of it */
    return error;
}

int rill_sqlite_merge(rill_sqlite *s, rill_sqlite_merging *at, bool *more)
{
    int error = RILL_OK;
    *more = false;
    if (!s->sealing.days_known)
        return RILL_OK; /* nothing is sealed yet */
    if (at->at <= at->run)
        error = begin_run(s, at);
    if (error != RILL_OK || at->at <= at->run)
        return error;
    error = step(s, at);
    *more = error == RILL_OK;
    return error;
}
