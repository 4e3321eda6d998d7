/* SPDX-License-Identifier: Apache-2.0 */
/* Audits and statements, a step at a time. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <rill/error.h>

#include "base/alloc.h"
#include "store/sqlite_impl.h"

enum { MS_A_MINUTE = 60000 };

/* ---- statements ---- */

typedef struct writing {
    rill_store_look *look;
    rill_sqlite_place at;
    rill_sqlite_end end;
    rill_sqlite_day day; /* that was read last */
    enum { BEGIN_IT, DAYS, FLOWS, ENTRIES, THE_REST } phase;
    size_t rows;       /* of this step */
    rill_i128 changed; /* in the time of the statement */
    rill_i128 since;   /* after it */
} writing;

static bool add(rill_i128 *sum, rill_i128 amount)
{
    return rill_wide_sum(*sum, amount, sum);
}

/* A line more; NULL: it has been said why not. */
static rill_statement_line *new_line(rill_sqlite *s, writing *w, int *error)
{
    rill_statement *out = &w->look->statement;
    *error = RILL_ERR_LIMIT;
    if (out->count == RILL_STATEMENT_MAX) {
        (void)rill_sqlite_wrong(s, RILL_ERR_LIMIT, "the statement would have too many lines");
        return NULL;
    }
    if (out->count == out->cap) {
        size_t cap = out->cap * 2 + 64;
        rill_statement_line *lines =
            rill_realloc_array(s->allocator, out->lines, cap, sizeof *lines);
        *error = rill_sqlite_wrong(s, RILL_ERR_NOMEM, "out of memory");
        if (lines == NULL)
            return NULL;
        out->lines = lines;
        out->cap = cap;
    }
    rill_statement_line *line = &out->lines[out->count];
    *line = (rill_statement_line){.order = out->count};
    line->change = rill_wide_signed(rill_wide(0));
    out->count++;
    *error = RILL_OK;
    return line;
}

/* The line of packets to or from this one in the time that begins then: one of the last. */
static rill_statement_line *find_line(const rill_statement *st, uint64_t at_ms,
                                      rill_balance_id with, bool from)
{
    for (size_t i = st->count; i > 0; i--) {
        rill_statement_line *line = &st->lines[i - 1];
        if (line->at_ms != at_ms)
            return NULL;
        if (line->kind == 0 && line->with == with && line->from == from)
            return line;
    }
    return NULL;
}

static int put_packets(rill_sqlite *s, writing *w, uint64_t minute, rill_balance_id with, bool from,
                       uint64_t packets, rill_i128 change)
{
    const rill_store_look *look = w->look;
    int error = RILL_OK;
    uint64_t begins = minute / look->step_minutes * look->step_minutes * MS_A_MINUTE;
    rill_statement_line *line = find_line(&look->statement, begins, with, from);
    if (line == NULL)
        line = new_line(s, w, &error);
    if (line == NULL)
        return error;
    line->at_ms = begins;
    line->with = with;
    line->from = from;
    line->packets += packets;
    if (!add(&line->change, change))
        return rill_sqlite_wrong(s, RILL_ERR_MALFORMED, "a sum is too large");
    return RILL_OK;
}

static int one_side(rill_sqlite *s, writing *w, uint64_t minute, rill_balance_id with, bool from,
                    uint64_t packets, rill_i128 change)
{
    const rill_store_look *look = w->look;
    uint64_t at_ms = minute * MS_A_MINUTE;
    if (at_ms >= look->to_ms)
        return add(&w->since, change) ? RILL_OK : RILL_ERR_MALFORMED;
    return add(&w->changed, change) ? put_packets(s, w, minute, with, from, packets, change)
                                    : RILL_ERR_MALFORMED;
}

/* What is left of a day that is old cannot be cut into parts. */
static int refuse_part(rill_sqlite *s)
{
    return rill_sqlite_wrong(s, RILL_ERR_RANGE,
                             "of this time there are sums of whole days alone: begin and end it"
                             " with a day, and sum packets for days or for all of it");
}

static int day_row(rill_sqlite *s, sqlite3_stmt *statement, void *user)
{
    enum { MINUTES_A_DAY = 1440 };
    const uint64_t day_ms = (uint64_t)MINUTES_A_DAY * MS_A_MINUTE;
    writing *w = user;
    const rill_store_look *look = w->look;
    int error = rill_sqlite_day_of(s, statement, &w->day);
    const uint64_t begins = (uint64_t)w->day.day * day_ms;
    w->rows++;
    if (error != RILL_OK ||
        (w->day.source != look->account && w->day.destination != look->account) ||
        begins + day_ms <= look->from_ms)
        return error;
    const bool inside = begins < look->to_ms;
    if (begins < look->from_ms || (inside && begins + day_ms > look->to_ms) ||
        (inside && look->step_minutes < MINUTES_A_DAY))
        return refuse_part(s);
    const uint64_t minute = (uint64_t)w->day.day * MINUTES_A_DAY;
    if (w->day.source == look->account)
        error = one_side(s, w, minute, (rill_balance_id)w->day.destination, true,
                         (uint64_t)w->day.packets, rill_wide_negate(w->day.taken));
    if (error == RILL_OK && w->day.destination == look->account)
        error = one_side(s, w, minute, (rill_balance_id)w->day.source, false,
                         (uint64_t)w->day.packets, w->day.given);
    return error;
}

/* Stops the query at a row that is too early: the next begins where the time of the statement does.
 */
enum { TOO_EARLY = 1 };

static int flow_row(rill_sqlite *s, sqlite3_stmt *statement, void *user)
{
    writing *w = user;
    const rill_store_look *look = w->look;
    int error = rill_sqlite_are_numbers(s, statement, 0, 5);
    if (error != RILL_OK)
        return error;
    w->at.run = sqlite3_column_int64(statement, 0);
    w->at.minute = sqlite3_column_int64(statement, 1);
    w->at.source = sqlite3_column_int64(statement, 2);
    w->at.destination = sqlite3_column_int64(statement, 3);
    w->rows++;
    int64_t first = (int64_t)((look->from_ms + MS_A_MINUTE - 1) / MS_A_MINUTE);
    if (w->at.minute < first) {
        w->at.minute = first - 1;
        w->at.source = w->at.destination = INT64_MAX;
        return TOO_EARLY;
    }
    if (w->at.source != look->account && w->at.destination != look->account)
        return RILL_OK;
    rill_i128 taken;
    rill_i128 given;
    uint64_t minute = (uint64_t)w->at.minute;
    uint64_t packets = (uint64_t)sqlite3_column_int64(statement, 4);
    error = rill_sqlite_read_wide(s, statement, 5, &taken);
    if (error == RILL_OK)
        error = rill_sqlite_read_wide(s, statement, 6, &given);
    if (error == RILL_OK && w->at.source == look->account)
        error = one_side(s, w, minute, (rill_balance_id)w->at.destination, true, packets,
                         rill_wide_negate(taken));
    if (error == RILL_OK && w->at.destination == look->account)
        error = one_side(s, w, minute, (rill_balance_id)w->at.source, false, packets, given);
    return error;
}

/* Of an early row there may be one in each run. */
static int read_flows(rill_sqlite *s, writing *w, const rill_sqlite_end *end, int64_t most)
{
    int error = TOO_EARLY;
    while (error == TOO_EARLY)
        error = rill_sqlite_flows_from(s, &w->at, end, most, flow_row, w);
    return error;
}

static char *copied(const rill_sqlite *s, const char *text)
{
    size_t size = strlen(text) + 1;
    char *copy = rill_alloc(s->allocator, size);
    if (copy != NULL)
        memcpy(copy, text, size);
    return copy;
}

static int put_entry_line(rill_sqlite *s, writing *w, const rill_store_entry *e, rill_i128 change)
{
    const char *const texts[] = {e->who, e->note, e->key, e->person};
    int error = RILL_OK;
    rill_statement_line *line = new_line(s, w, &error);
    if (line == NULL)
        return error;
    line->at_ms = e->at_ms;
    line->kind = (int)e->kind;
    line->change = change;
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        line->texts[i] = copied(s, texts[i]);
        if (line->texts[i] == NULL)
            return rill_sqlite_wrong(s, RILL_ERR_NOMEM, "out of memory");
    }
    return RILL_OK;
}

static int entry_row(rill_sqlite *s, sqlite3_stmt *statement, void *user)
{
    writing *w = user;
    const rill_store_look *look = w->look;
    rill_store_entry e;
    int error = rill_sqlite_entry_of(s, statement, &e);
    w->at.entry = sqlite3_column_int64(statement, 9);
    w->rows++;
    if (error != RILL_OK || e.account != look->account || e.at_ms < look->from_ms)
        return error;
    bool out = e.kind == RILL_ENTRY_SETTLED_OUT || e.kind == RILL_ENTRY_WITHDRAWAL;
    rill_i128 change = rill_wide_signed(rill_wide(e.amount));
    if (out)
        change = rill_wide_negate(change);
    if (!add(e.at_ms >= look->to_ms ? &w->since : &w->changed, change))
        return rill_sqlite_wrong(s, RILL_ERR_MALFORMED, "a sum is too large");
    return e.at_ms >= look->to_ms ? RILL_OK : put_entry_line(s, w, &e, change);
}

static int by_time(const void *a, const void *b)
{
    const rill_statement_line *x = a;
    const rill_statement_line *y = b;
    if (x->at_ms != y->at_ms)
        return x->at_ms < y->at_ms ? -1 : 1;
    if ((x->kind == 0) != (y->kind == 0))
        return x->kind == 0 ? -1 : 1;
    if (x->kind == 0 && x->with != y->with)
        return x->with < y->with ? -1 : 1;
    if (x->kind == 0 && x->from != y->from)
        return x->from ? -1 : 1;
    return x->order < y->order ? -1 : 1;
}

/* Several runs of the node may have lines of the same time: they become one. */
static int put_in_order(rill_sqlite *s, rill_statement *st)
{
    size_t kept = 0;
    if (st->count > 0)
        qsort(st->lines, st->count, sizeof *st->lines, by_time);
    for (size_t i = 0; i < st->count; i++) {
        rill_statement_line *line = &st->lines[i];
        rill_statement_line *last = kept == 0 ? NULL : &st->lines[kept - 1];
        if (last != NULL && line->kind == 0 && last->kind == 0 && last->at_ms == line->at_ms &&
            last->with == line->with && last->from == line->from) {
            last->packets += line->packets;
            if (!add(&last->change, line->change))
                return rill_sqlite_wrong(s, RILL_ERR_MALFORMED, "a sum is too large");
        } else {
            st->lines[kept++] = *line;
        }
    }
    st->count = kept;
    return RILL_OK;
}

static int name_row(rill_sqlite *s, sqlite3_stmt *statement, void *user)
{
    rill_statement_line *line = user;
    const char *name = (const char *)sqlite3_column_text(statement, 0);
    line->texts[0] = copied(s, name == NULL ? "" : name);
    return line->texts[0] == NULL ? rill_sqlite_wrong(s, RILL_ERR_NOMEM, "out of memory") : RILL_OK;
}

static int name_others(rill_sqlite *s, const rill_statement *st)
{
    int error = RILL_OK;
    for (size_t i = 0; i < st->count && error == RILL_OK; i++) {
        const int64_t id = st->lines[i].with;
        if (id != 0)
            error = rill_sqlite_each_of(s, "SELECT name FROM accounts WHERE id = ?1", &id, 1,
                                        name_row, &st->lines[i]);
    }
    return error;
}

static int balance_row(rill_sqlite *s, sqlite3_stmt *statement, void *user)
{
    return rill_sqlite_read_wide(s, statement, 0, user);
}

/* Back from the balance of now. */
static int finish_statement(rill_sqlite *s, writing *w)
{
    static const rill_sqlite_end all = {INT64_MAX, 0, INT64_MAX};
    rill_statement *st = &w->look->statement;
    const int64_t account = w->look->account;
    int error = read_flows(s, w, &all, -1);
    if (error == RILL_OK)
        error = rill_sqlite_entries_from(s, &w->at, &all, -1, entry_row, w);
    st->closing = rill_wide_signed(rill_wide(0));
    if (error == RILL_OK)
        error = rill_sqlite_each_of(s, "SELECT booked FROM balances WHERE account = ?1", &account,
                                    1, balance_row, &st->closing);
    if (error == RILL_OK)
        error = put_in_order(s, st);
    if (error == RILL_OK)
        error = name_others(s, st);
    if (error == RILL_OK &&
        (!add(&st->closing, rill_wide_negate(w->since)) ||
         !rill_wide_sum(st->closing, rill_wide_negate(w->changed), &st->opening)))
        error = rill_sqlite_wrong(s, RILL_ERR_MALFORMED, "a sum is too large");
    return error;
}

static int statement_step(rill_sqlite *s, writing *w, bool *more)
{
    int error = RILL_OK;
    *more = w->phase != THE_REST;
    w->rows = 0;
    switch (w->phase) {
    case BEGIN_IT:
        error = rill_sqlite_find_end(s, &w->end);
        break;
    case DAYS:
        error = rill_sqlite_days_from(s, &w->day, RILL_LOOK_STEP, day_row, w);
        break;
    case FLOWS:
        error = read_flows(s, w, &w->end, RILL_LOOK_STEP);
        break;
    case ENTRIES:
        error = rill_sqlite_entries_from(s, &w->at, &w->end, RILL_LOOK_STEP, entry_row, w);
        break;
    case THE_REST:
        return finish_statement(s, w);
    }
    if (w->rows == 0)
        w->phase++;
    return error;
}

/* ---- looks ---- */

static void *begin(rill_sqlite *s, rill_store_look *look)
{
    if (look->kind == RILL_LOOK_AUDIT)
        return rill_auditor_new(s, &look->audit, look->since);
    if (look->kind == RILL_LOOK_BACKUP)
        return rill_backup_new(s, look);
    if (look->kind == RILL_LOOK_LINES)
        return look;
    writing *w = rill_calloc(s->allocator, 1, sizeof *w);
    if (w == NULL)
        return NULL;
    w->look = look;
    w->at.run = -1;
    w->day.day = -1;
    w->changed = w->since = rill_wide_signed(rill_wide(0));
    return w;
}

void rill_sqlite_leave_books(const rill_sqlite *s, rill_store_look *look)
{
    if (look->kind == RILL_LOOK_BACKUP) {
        rill_backup_leave_books(look->state);
        return;
    }
    if (look->kind == RILL_LOOK_AUDIT)
        rill_auditor_free(look->state);
    else if (look->kind == RILL_LOOK_STATEMENT)
        rill_free(s->allocator, look->state);
    look->state = NULL;
}

int rill_sqlite_end_look(rill_store_look *look, char problem[RILL_LOOK_PROBLEM])
{
    int rc = RILL_ERR_CLOSED;
    if (look->kind == RILL_LOOK_BACKUP)
        rc = rill_backup_free(look->state, problem);
    look->state = NULL;
    return rc;
}

void rill_sqlite_stop_looking(const rill_sqlite *s, rill_store_look *look)
{
    rill_sqlite_leave_books(s, look);
    (void)rill_sqlite_end_look(look, NULL);
}

void rill_sqlite_look(rill_sqlite *s, rill_store_look *look, bool *more)
{
    *more = false;
    if (look->state == NULL)
        look->state = begin(s, look);
    if (look->state == NULL)
        look->rc = rill_sqlite_wrong(s, RILL_ERR_NOMEM, "out of memory");
    else if (look->kind == RILL_LOOK_AUDIT)
        look->rc = rill_auditor_step(look->state, RILL_LOOK_STEP, more);
    else if (look->kind == RILL_LOOK_LINES)
        look->rc = rill_sqlite_look_at_lines(s, look);
    else if (look->kind == RILL_LOOK_BACKUP)
        look->rc = rill_backup_step(look->state, more);
    else
        look->rc = statement_step(s, look->state, more);
    if (look->rc != RILL_OK)
        *more = false;
    if (*more)
        return;
    rill_sqlite_stop_looking(s, look);
    snprintf(look->problem, sizeof look->problem, "%s", look->rc == RILL_OK ? "" : s->problem);
}

void rill_look_clear(rill_store_look *look, const rill_allocator *allocator)
{
    rill_statement *st = &look->statement;
    for (size_t i = 0; i < st->count; i++) {
        for (size_t k = 0; k < sizeof st->lines[i].texts / sizeof st->lines[i].texts[0]; k++)
            rill_free(allocator, st->lines[i].texts[k]);
    }
    rill_free(allocator, st->lines);
    *st = (rill_statement){.lines = NULL};
    rill_audit_lines_clear(&look->lines, allocator);
}
