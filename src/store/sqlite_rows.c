/* SPDX-License-Identifier: Apache-2.0 */
/* Flows and entries, as many at a time as a step of a look may read. */
#include <rill/error.h>

#include "store/sqlite_impl.h"

static int end_row(rill_sqlite *s, sqlite3_stmt *statement, void *user)
{
    rill_sqlite_end *end = user;
    (void)s;
    end->run = sqlite3_column_int64(statement, 0);
    end->minute = sqlite3_column_int64(statement, 1);
    end->entry = sqlite3_column_int64(statement, 2);
    return RILL_OK;
}

/* Minutes of a run only go on, so only its last one may still change. NULL is read as 0. */
int rill_sqlite_find_end(rill_sqlite *s, rill_sqlite_end *out)
{
    *out = (rill_sqlite_end){0};
    return rill_sqlite_each_row(
        s,
        "SELECT (SELECT max(id) FROM runs),"
        " (SELECT max(minute) FROM flows WHERE run = (SELECT max(id) FROM runs)),"
        " (SELECT max(id) FROM entries)",
        end_row, out);
}

int rill_sqlite_flows_from(rill_sqlite *s, const rill_sqlite_place *at, const rill_sqlite_end *end,
                           int64_t most, rill_sqlite_row *row, void *user)
{
    const int64_t values[] = {at->run,  at->minute,  at->source, at->destination,
                              end->run, end->minute, most};
    return rill_sqlite_each_of(
        s,
        "SELECT run, minute, source, destination, packets, taken, given FROM flows"
        " WHERE (run, minute, source, destination) > (?1, ?2, ?3, ?4) AND (run, minute) < (?5, ?6)"
        " ORDER BY run, minute, source, destination LIMIT ?7",
        values, sizeof values / sizeof *values, row, user);
}

int rill_sqlite_flow_of(rill_sqlite *s, sqlite3_stmt *statement, rill_sqlite_flow *out)
{
    *out = (rill_sqlite_flow){
        .run = sqlite3_column_int64(statement, 0),
        .minute = sqlite3_column_int64(statement, 1),
        .source = sqlite3_column_int64(statement, 2),
        .destination = sqlite3_column_int64(statement, 3),
        .packets = sqlite3_column_int64(statement, 4),
    };
    int error = rill_sqlite_are_numbers(s, statement, 0, 5);
    if (error == RILL_OK)
        error = rill_sqlite_read_wide(s, statement, 5, &out->taken);
    return error == RILL_OK ? rill_sqlite_read_wide(s, statement, 6, &out->given) : error;
}

int rill_sqlite_days_from(rill_sqlite *s, const rill_sqlite_day *behind, int64_t most,
                          rill_sqlite_row *row, void *user)
{
    const int64_t values[] = {behind->day, behind->source, behind->destination, most};
    return rill_sqlite_each_of(s,
                               "SELECT day, source, destination, packets, taken, given FROM days"
                               " WHERE (day, source, destination) > (?1, ?2, ?3)"
                               " ORDER BY day, source, destination LIMIT ?4",
                               values, sizeof values / sizeof *values, row, user);
}

int rill_sqlite_day_of(rill_sqlite *s, sqlite3_stmt *statement, rill_sqlite_day *out)
{
    *out = (rill_sqlite_day){
        .day = sqlite3_column_int64(statement, 0),
        .source = sqlite3_column_int64(statement, 1),
        .destination = sqlite3_column_int64(statement, 2),
        .packets = sqlite3_column_int64(statement, 3),
    };
    int error = rill_sqlite_are_numbers(s, statement, 0, 4);
    if (error == RILL_OK)
        error = rill_sqlite_read_wide(s, statement, 4, &out->taken);
    return error == RILL_OK ? rill_sqlite_read_wide(s, statement, 5, &out->given) : error;
}

int rill_sqlite_entries_from(rill_sqlite *s, const rill_sqlite_place *at,
                             const rill_sqlite_end *end, int64_t most, rill_sqlite_row *row,
                             void *user)
{
    const int64_t values[] = {at->entry, end->entry, most};
    return rill_sqlite_each_of(
        s,
        "SELECT run, at_ms, account, kind, amount, who, note, key, hash, id, person FROM entries"
        " WHERE id > ?1 AND id <= ?2 ORDER BY id LIMIT ?3",
        values, sizeof values / sizeof *values, row, user);
}

int rill_sqlite_entry_of(rill_sqlite *s, sqlite3_stmt *statement, rill_store_entry *out)
{
    rill_i128 amount;
    int error = rill_sqlite_are_numbers(s, statement, 0, 4);
    if (error == RILL_OK)
        error = rill_sqlite_read_wide(s, statement, 4, &amount);
    if (error != RILL_OK)
        return error;
    const char *key = (const char *)sqlite3_column_text(statement, 7);
    *out = (rill_store_entry){
        .at_ms = (uint64_t)sqlite3_column_int64(statement, 1),
        .account = (rill_balance_id)sqlite3_column_int64(statement, 2),
        .kind = (rill_entry_kind)sqlite3_column_int(statement, 3),
        .amount = rill_wide_low(rill_wide_bits(amount)),
        .who = (const char *)sqlite3_column_text(statement, 5),
        .note = (const char *)sqlite3_column_text(statement, 6),
        .key = key == NULL ? "" : key,
        .person = (const char *)sqlite3_column_text(statement, 10),
    };
    return out->who == NULL || out->note == NULL || out->person == NULL
               ? rill_sqlite_failed(s, SQLITE_NOMEM)
               : RILL_OK;
}
