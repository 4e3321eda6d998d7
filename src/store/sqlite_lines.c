/* SPDX-License-Identifier: Apache-2.0 */
/* Lines of the audit, one behind the other, for who is told of each. */
#include <string.h>

#include <rill/error.h>

#include "base/alloc.h"
#include "store/sqlite_impl.h"

typedef struct reading {
    rill_audit_lines *out;
    size_t cap;
} reading;

static void free_line(rill_audit_line *line, const rill_allocator *allocator)
{
    rill_free(allocator, line->account);
    rill_free(allocator, line->asset);
    rill_free(allocator, line->who);
    rill_free(allocator, line->note);
    rill_free(allocator, line->key);
    rill_free(allocator, line->person);
}

void rill_audit_lines_clear(rill_audit_lines *lines, const rill_allocator *allocator)
{
    for (size_t i = 0; i < lines->count; i++)
        free_line(&lines->all[i], allocator);
    rill_free(allocator, lines->all);
    *lines = (rill_audit_lines){.all = NULL};
}

/* NULL: no memory. */
static char *copied(const rill_sqlite *s, const char *text)
{
    size_t size = text == NULL ? 1 : strlen(text) + 1;
    char *copy = rill_alloc(s->allocator, size);
    if (copy != NULL)
        memcpy(copy, text == NULL ? "" : text, size);
    return copy;
}

/* Columns as of rill_sqlite_entries_from, then the account's holder, name, asset and scale. */
static int line_row(rill_sqlite *s, sqlite3_stmt *statement, void *user)
{
    enum { ID = 9, HASH = 8, HOLDER = 11, NAME, ASSET, SCALE };
    reading *r = user;
    rill_store_entry e;
    int error = rill_sqlite_entry_of(s, statement, &e);
    if (error != RILL_OK)
        return error;
    if (r->out->count == r->cap)
        return rill_sqlite_wrong(s, RILL_ERR_MALFORMED, "there are more lines than were asked for");
    const void *hash = sqlite3_column_blob(statement, HASH);
    if (hash == NULL || sqlite3_column_bytes(statement, HASH) != RILL_SHA256_LEN)
        return rill_sqlite_wrong(s, RILL_ERR_MALFORMED, "an entry has no hash");
    rill_audit_line *line = &r->out->all[r->out->count++];
    *line = (rill_audit_line){
        .id = (uint64_t)sqlite3_column_int64(statement, ID),
        .holder = (rill_holder)sqlite3_column_int(statement, HOLDER),
        .scale = (uint8_t)sqlite3_column_int(statement, SCALE),
        .kind = e.kind,
        .at_ms = e.at_ms,
        .amount = e.amount,
        .account = copied(s, (const char *)sqlite3_column_text(statement, NAME)),
        .asset = copied(s, (const char *)sqlite3_column_text(statement, ASSET)),
        .who = copied(s, e.who),
        .note = copied(s, e.note),
        .key = copied(s, e.key),
        .person = copied(s, e.person),
    };
    memcpy(line->hash, hash, RILL_SHA256_LEN);
    if (line->account == NULL || line->asset == NULL || line->who == NULL || line->note == NULL ||
        line->key == NULL || line->person == NULL)
        return rill_sqlite_wrong(s, RILL_ERR_NOMEM, "out of memory");
    return RILL_OK;
}

static int last_row(rill_sqlite *s, sqlite3_stmt *statement, void *user)
{
    uint64_t *last = user;
    (void)s;
    *last = (uint64_t)sqlite3_column_int64(statement, 0);
    return RILL_OK;
}

int rill_sqlite_last_line(rill_sqlite *s, uint64_t *out)
{
    *out = 0;
    return rill_sqlite_each_row(s, "SELECT coalesce(max(id), 0) FROM entries", last_row, out);
}

int rill_sqlite_look_at_lines(rill_sqlite *s, rill_store_look *look)
{
    rill_audit_lines *out = &look->lines;
    reading r = {.out = out, .cap = look->most};
    const int64_t values[] = {look->after > INT64_MAX ? INT64_MAX : (int64_t)look->after,
                              (int64_t)look->most};
    int error = rill_sqlite_last_line(s, &out->last);
    if (error != RILL_OK || look->most == 0)
        return error;
    out->all = rill_calloc(s->allocator, look->most, sizeof *out->all);
    if (out->all == NULL)
        return rill_sqlite_wrong(s, RILL_ERR_NOMEM, "out of memory");
    return rill_sqlite_each_of(s,
                               "SELECT e.run, e.at_ms, e.account, e.kind, e.amount, e.who, e.note,"
                               " e.key, e.hash, e.id, e.person, a.holder, a.name, a.asset, a.scale"
                               " FROM entries e JOIN accounts a ON a.id = e.account"
                               " WHERE e.id > ?1 ORDER BY e.id LIMIT ?2",
                               values, 2, line_row, &r);
}
