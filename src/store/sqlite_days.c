/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One digest over all sums of days, which a row changes without the others being read: LtHash
 * (Bellare, Di Crescenzo and others). Each row is spread by SHA-256 over 1,024 numbers of 16 bits,
 * and those of all rows are added, each by itself. Whoever wants another set of rows with the same
 * 1,024 sums has to solve a problem of lattices of that size.
 */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include <rill/error.h>

#include "base/wide_text.h"
#include "crypto/ed25519.h"
#include "store/sqlite_impl.h"

enum { BYTES = 2 * RILL_DAYS_PARTS };

static int no_digest(rill_sqlite *s, int error)
{
    return rill_sqlite_wrong(s, error, "the digest of a sum could not be made");
}

int rill_sqlite_count_day(rill_sqlite *s, rill_sqlite_days *days, const rill_sqlite_day *day,
                          bool less)
{
    enum { EACH = RILL_SHA256_LEN / 2 };
    char text[4 * 24 + 2 * RILL_WIDE_TEXT];
    char taken[RILL_WIDE_TEXT];
    char given[RILL_WIDE_TEXT];
    uint8_t seed[RILL_SHA256_LEN + 1];
    uint8_t block[RILL_SHA256_LEN];
    rill_wide_signed_text(day->taken, taken);
    rill_wide_signed_text(day->given, given);
    int len = snprintf(text, sizeof text, "%" PRId64 " %" PRId64 " %" PRId64 " %" PRId64 " %s %s",
                       day->day, day->source, day->destination, day->packets, taken, given);
    int error = rill_sha256((const uint8_t *)text, (size_t)len, seed);
    for (size_t i = 0; i < RILL_DAYS_PARTS && error == RILL_OK; i += EACH) {
        seed[RILL_SHA256_LEN] = (uint8_t)(i / EACH);
        error = rill_sha256(seed, sizeof seed, block);
        for (size_t k = 0; k < EACH && error == RILL_OK; k++) {
            unsigned part = (unsigned)block[2 * k] << 8 | block[2 * k + 1];
            days->parts[i + k] =
                (uint16_t)(less ? days->parts[i + k] - part : days->parts[i + k] + part);
        }
    }
    return error == RILL_OK ? RILL_OK : no_digest(s, error);
}

static void put_parts(const rill_sqlite_days *days, uint8_t out[BYTES])
{
    for (size_t i = 0; i < RILL_DAYS_PARTS; i++) {
        out[2 * i] = (uint8_t)(days->parts[i] >> 8);
        out[2 * i + 1] = (uint8_t)days->parts[i];
    }
}

int rill_sqlite_digest_days(rill_sqlite *s, const rill_sqlite_days *days,
                            uint8_t out[RILL_SHA256_LEN])
{
    uint8_t bytes[BYTES];
    put_parts(days, bytes);
    int error = rill_sha256(bytes, sizeof bytes, out);
    return error == RILL_OK ? RILL_OK : no_digest(s, error);
}

/* ---- in the file ---- */

typedef struct reading {
    rill_sqlite_days *out;
    bool there;
} reading;

static const char changed[] = "sums of days are not what was sealed: see \"rillctl audit\"";

static int days_row(rill_sqlite *s, sqlite3_stmt *statement, void *user)
{
    reading *r = user;
    uint8_t digest[RILL_SHA256_LEN];
    const uint8_t *bytes = sqlite3_column_blob(statement, 0);
    const void *sealed = sqlite3_column_blob(statement, 1);
    if (bytes == NULL || sqlite3_column_bytes(statement, 0) != BYTES || sealed == NULL ||
        sqlite3_column_bytes(statement, 1) != sizeof digest)
        return rill_sqlite_wrong(s, RILL_ERR_MALFORMED, changed);
    for (size_t i = 0; i < RILL_DAYS_PARTS; i++)
        r->out->parts[i] = (uint16_t)(bytes[2 * i] << 8 | bytes[2 * i + 1]);
    int error = rill_sqlite_digest_days(s, r->out, digest);
    if (error != RILL_OK)
        return error;
    r->there = true;
    return memcmp(digest, sealed, sizeof digest) == 0
               ? RILL_OK
               : rill_sqlite_wrong(s, RILL_ERR_MALFORMED, changed);
}

static int any_row(rill_sqlite *s, sqlite3_stmt *statement, void *user)
{
    bool *any = user;
    (void)s;
    (void)statement;
    *any = true;
    return RILL_OK;
}

/* What an older line has sealed was right then: with it a merge would seal days without those that
 * came since. */
int rill_sqlite_read_days(rill_sqlite *s, rill_sqlite_days *out, bool *there)
{
    reading r = {.out = out};
    bool sealed = false;
    int error = rill_sqlite_each_row(
        s,
        "SELECT parts, digest FROM sealed_days LEFT JOIN seals ON seals.id = seal AND seal ="
        " (SELECT id FROM seals WHERE kind = 2 ORDER BY id DESC LIMIT 1)",
        days_row, &r);
    /* The first line of all is written with it. */
    if (error == RILL_OK && !r.there)
        error = rill_sqlite_each_row(s, "SELECT id FROM seals LIMIT 1", any_row, &sealed);
    if (sealed)
        error = rill_sqlite_wrong(s, RILL_ERR_MALFORMED, changed);
    *there = error == RILL_OK && r.there;
    return error;
}

int rill_sqlite_keep_days(rill_sqlite *s, const rill_sqlite_days *days, int64_t seal)
{
    uint8_t bytes[BYTES];
    sqlite3_stmt *statement = NULL;
    put_parts(days, bytes);
    int rc = sqlite3_prepare_v2(
        s->db, "INSERT OR REPLACE INTO sealed_days (id, seal, parts) VALUES (1, ?1, ?2)", -1,
        &statement, NULL);
    if (rc == SQLITE_OK) {
        sqlite3_bind_int64(statement, 1, seal);
        sqlite3_bind_blob(statement, 2, bytes, sizeof bytes, SQLITE_STATIC);
        rc = sqlite3_step(statement);
    }
    int error = rc == SQLITE_DONE ? RILL_OK : rill_sqlite_failed(s, rc);
    sqlite3_finalize(statement);
    return error;
}
