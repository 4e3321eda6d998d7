/* SPDX-License-Identifier: Apache-2.0 */
/* The open file, for the files of this folder alone. */
#ifndef RILL_STORE_SQLITE_IMPL_H
#define RILL_STORE_SQLITE_IMPL_H

#include <sqlite3.h>

#include "crypto/crypto.h"
#include "store/sqlite.h"

typedef enum statement_id {
    BEGIN,
    COMMIT,
    ROLLBACK,
    PUT_ACCOUNT,
    PUT_BALANCE,
    PUT_FLOW,
    PUT_DAY,
    PUT_ENTRY,
    PUT_ROUTE,
    DROP_ROUTE,
    PUT_SETTLEMENT,
    DROP_SETTLEMENT,
    PUT_SETTING,
    DROP_SETTING,
    PUT_KEPT,
    CLOSE_RUNS,
    LAST_HASH,
    STATEMENTS
} statement_id;

struct rill_sqlite {
    const rill_allocator *allocator;
    sqlite3 *db;
    sqlite3_stmt *prepared[STATEMENTS];
    int64_t run;
    bool in_no_hurry;                   /* the disk may have a batch later than the system has */
    bool runs_closed;                   /* those before: what they left is in the books */
    uint8_t last_hash[RILL_SHA256_LEN]; /* of the newest entry that is kept; zeros: there is none */
    char problem[RILL_SQLITE_PROBLEM];
};

/* Says what SQLite says, and returns our error for it. */
int rill_sqlite_failed(rill_sqlite *s, int rc);
/* Says what is wrong, and returns the error. */
int rill_sqlite_wrong(rill_sqlite *s, int error, const char *what);

/* A column that has a whole number: an INTEGER, or digits. */
RILL_MUST_CHECK int rill_sqlite_read_wide(rill_sqlite *s, sqlite3_stmt *statement, int column,
                                          rill_i128 *out);
typedef int rill_sqlite_row(rill_sqlite *s, sqlite3_stmt *statement, void *user);
/* Gives each row that a statement has. */
RILL_MUST_CHECK int rill_sqlite_each_row(rill_sqlite *s, const char *sql, rill_sqlite_row *row,
                                         void *user);
/* The same with values for ?1, ?2, ... */
RILL_MUST_CHECK int rill_sqlite_each_of(rill_sqlite *s, const char *sql, const int64_t *values,
                                        int count, rill_sqlite_row *row, void *user);

/* How far a look has come: behind this row of flows, and behind this entry. */
typedef struct rill_sqlite_place {
    int64_t run;
    int64_t minute;
    int64_t source;
    int64_t destination;
    int64_t entry;
} rill_sqlite_place;

/* Rows and entries before these do not change any more. */
typedef struct rill_sqlite_end {
    int64_t run;
    int64_t minute;
    int64_t entry;
} rill_sqlite_end;

/* How many rows a step of a look reads, and how many a step of merging moves. */
enum { RILL_LOOK_STEP = 2000, RILL_MERGE_STEP = 200 };

/* What packets between two accounts booked in a day, in all runs, of minutes that are merged. */
typedef struct rill_sqlite_day {
    int64_t day; /* since 1970 */
    int64_t source;
    int64_t destination;
    int64_t packets;
    rill_i128 taken;
    rill_i128 given;
} rill_sqlite_day;

/* Columns of `row`: day, source, destination, packets, taken, given; behind this one. */
RILL_MUST_CHECK int rill_sqlite_days_from(rill_sqlite *s, const rill_sqlite_day *behind,
                                          int64_t most, rill_sqlite_row *row, void *user);
RILL_MUST_CHECK int rill_sqlite_day_of(rill_sqlite *s, sqlite3_stmt *statement,
                                       rill_sqlite_day *out);
/* In a transaction, in the place of what was there. */
RILL_MUST_CHECK int rill_sqlite_put_day(rill_sqlite *s, const rill_sqlite_day *day);
/* A transaction; what was an error ends it with nothing done, and is returned. */
RILL_MUST_CHECK int rill_sqlite_begin(rill_sqlite *s);
RILL_MUST_CHECK int rill_sqlite_finish(rill_sqlite *s, int error);

RILL_MUST_CHECK int rill_sqlite_find_end(rill_sqlite *s, rill_sqlite_end *out);
/* Columns of `row`, in this order: run, minute, source, destination, packets, taken, given. */
RILL_MUST_CHECK int rill_sqlite_flows_from(rill_sqlite *s, const rill_sqlite_place *at,
                                           const rill_sqlite_end *end, int64_t most,
                                           rill_sqlite_row *row, void *user);
/* run, at_ms, account, kind, amount, who, note, key, hash, id. */
RILL_MUST_CHECK int rill_sqlite_entries_from(rill_sqlite *s, const rill_sqlite_place *at,
                                             const rill_sqlite_end *end, int64_t most,
                                             rill_sqlite_row *row, void *user);
/* An entry of such a row; its texts are the statement's. */
RILL_MUST_CHECK int rill_sqlite_entry_of(rill_sqlite *s, sqlite3_stmt *statement,
                                         rill_store_entry *out);

/* sqlite_lines.c: for RILL_LOOK_LINES. The errors of rill_sqlite_read. */
RILL_MUST_CHECK int rill_sqlite_look_at_lines(rill_sqlite *s, rill_store_look *look);

typedef struct rill_auditor rill_auditor;
/* NULL: no memory. */
rill_auditor *rill_auditor_new(rill_sqlite *s, rill_audit *out);
void rill_auditor_free(rill_auditor *a);
/* As rill_sqlite_look. The errors of rill_sqlite_read. */
RILL_MUST_CHECK int rill_auditor_step(rill_auditor *a, int64_t most, bool *more);

/*
 * SHA-256 of the hash before it and of this line, each text with its length before it: whoever
 * changes a line has to change all that follow. RILL_ERR_TOO_LARGE, RILL_ERR_CRYPTO.
 */
RILL_MUST_CHECK int rill_sqlite_hash_entry(const uint8_t before[RILL_SHA256_LEN], int64_t run,
                                           const rill_store_entry *e, uint8_t out[RILL_SHA256_LEN]);

#endif
