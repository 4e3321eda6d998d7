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
    PUT_ENTRY,
    LAST_HASH,
    STATEMENTS
} statement_id;

struct rill_sqlite {
    const rill_allocator *allocator;
    sqlite3 *db;
    sqlite3_stmt *prepared[STATEMENTS];
    int64_t run;
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

/*
 * SHA-256 of the hash before it and of this line, each text with its length before it: whoever
 * changes a line has to change all that follow. RILL_ERR_TOO_LARGE, RILL_ERR_CRYPTO.
 */
RILL_MUST_CHECK int rill_sqlite_hash_entry(const uint8_t before[RILL_SHA256_LEN], int64_t run,
                                           const rill_store_entry *e, uint8_t out[RILL_SHA256_LEN]);

#endif
