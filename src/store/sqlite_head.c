/* SPDX-License-Identifier: Apache-2.0 */
/* The newest lines of both chains, as one hash that an operator can keep elsewhere. */
#include <string.h>

#include <rill/error.h>

#include "crypto/ed25519.h"
#include "store/sqlite_impl.h"

typedef struct found {
    uint8_t *hash;
    bool there;
} found;

static int hash_row(rill_sqlite *s, sqlite3_stmt *statement, void *user)
{
    found *f = user;
    const void *hash = sqlite3_column_blob(statement, 0);
    if (hash == NULL || sqlite3_column_bytes(statement, 0) != RILL_SHA256_LEN)
        return rill_sqlite_wrong(s, RILL_ERR_MALFORMED, "a line has no hash");
    memcpy(f->hash, hash, RILL_SHA256_LEN);
    f->there = true;
    return RILL_OK;
}

int rill_sqlite_hash_of(rill_sqlite *s, bool seal, int64_t id, uint8_t out[RILL_SHA256_LEN],
                        bool *there)
{
    found f = {.hash = out, .there = id == 0};
    memset(out, 0, RILL_SHA256_LEN);
    int error = id == 0 ? RILL_OK
                        : rill_sqlite_each_of(s,
                                              seal ? "SELECT hash FROM seals WHERE id = ?1"
                                                   : "SELECT hash FROM entries WHERE id = ?1",
                                              &id, 1, hash_row, &f);
    *there = f.there;
    return error;
}

/* A commit would write a page for it; the log that was written needs to be synced alone. */
int rill_sqlite_reach_disk(rill_sqlite *s)
{
    sqlite3_file *log = NULL;
    if (sqlite3_db_readonly(s->db, "main") != 0)
        return RILL_OK;
    int rc = sqlite3_file_control(s->db, "main", SQLITE_FCNTL_JOURNAL_POINTER, (void *)&log);
    if (rc == SQLITE_OK && log != NULL && log->pMethods != NULL)
        rc = log->pMethods->xSync(log, SQLITE_SYNC_NORMAL);
    return rc == SQLITE_OK
               ? RILL_OK
               : rill_sqlite_wrong(s, RILL_ERR_IO, "the head cannot be brought to the disk");
}

static int last_row(rill_sqlite *s, sqlite3_stmt *statement, void *user)
{
    rill_audit_head *head = user;
    (void)s;
    head->entry = (uint64_t)sqlite3_column_int64(statement, 0);
    head->seal = (uint64_t)sqlite3_column_int64(statement, 1);
    return RILL_OK;
}

/* Of the lines that the head names; false: one of them is not there. */
static int hash_both(rill_sqlite *s, const rill_audit_head *head, uint8_t out[RILL_SHA256_LEN],
                     bool *there)
{
    uint8_t both[2 * RILL_SHA256_LEN];
    bool seal = false;
    *there = false;
    if (head->entry > INT64_MAX || head->seal > INT64_MAX)
        return RILL_OK;
    int error = rill_sqlite_hash_of(s, false, (int64_t)head->entry, both, there);
    if (error == RILL_OK)
        error = rill_sqlite_hash_of(s, true, (int64_t)head->seal, both + RILL_SHA256_LEN, &seal);
    *there = *there && seal;
    if (error == RILL_OK && rill_sha256(both, sizeof both, out) != RILL_OK)
        error = rill_sqlite_wrong(s, RILL_ERR_CRYPTO, "the hash of a line could not be made");
    return error;
}

int rill_sqlite_head(rill_sqlite *s, rill_audit_head *out)
{
    bool there = false;
    *out = (rill_audit_head){.entry = 0};
    int error = rill_sqlite_each_row(s,
                                     "SELECT (SELECT coalesce(max(id), 0) FROM entries),"
                                     " (SELECT coalesce(max(id), 0) FROM seals)",
                                     last_row, out);
    return error == RILL_OK ? hash_both(s, out, out->hash, &there) : error;
}

int rill_sqlite_has_head(rill_sqlite *s, const rill_audit_head *head, bool *out)
{
    uint8_t hash[RILL_SHA256_LEN];
    int error = hash_both(s, head, hash, out);
    *out = *out && error == RILL_OK && memcmp(hash, head->hash, sizeof hash) == 0;
    return error;
}
