/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The chain of sums. Each line has a digest of the sums of minutes that are over, or of all sums of
 * days, and the hash of the newest line of the audit, and continues the hash of the line before it:
 * whoever changes a sum, takes one out, or cuts lines of the audit off has to make all lines anew
 * that follow. Lines are written when there is nothing else to do, a while after the minute is
 * over, and nobody waits for the disk: a line that is lost is made again, perhaps another one.
 * Whoever is told of a line has to be sure of it, so an audit waits (rill_sqlite_reach_disk).
 */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include <rill/error.h>

#include "base/wide_text.h"
#include "crypto/ed25519.h"
#include "store/sqlite_impl.h"

enum { MINUTES_A_DAY = 1440 };

static int no_hash(rill_sqlite *s, int error)
{
    return rill_sqlite_wrong(s, error, "the hash of a sum could not be made");
}

int rill_sqlite_digest_flow(rill_sqlite *s, uint8_t digest[RILL_SHA256_LEN],
                            const rill_sqlite_flow *flow)
{
    uint8_t all[RILL_SHA256_LEN + 5 * 24 + 2 * RILL_WIDE_TEXT];
    char *text = (char *)all + RILL_SHA256_LEN;
    char taken[RILL_WIDE_TEXT];
    char given[RILL_WIDE_TEXT];
    rill_wide_signed_text(flow->taken, taken);
    rill_wide_signed_text(flow->given, given);
    memcpy(all, digest, RILL_SHA256_LEN);
    int len =
        snprintf(text, sizeof all - RILL_SHA256_LEN,
                 "%" PRId64 " %" PRId64 " %" PRId64 " %" PRId64 " %" PRId64 " %s %s", flow->run,
                 flow->minute, flow->source, flow->destination, flow->packets, taken, given);
    int error = rill_sha256(all, RILL_SHA256_LEN + (size_t)len, digest);
    return error == RILL_OK ? RILL_OK : no_hash(s, error);
}

int rill_sqlite_hash_seal(const rill_seal *seal, const uint8_t before[RILL_SHA256_LEN],
                          const uint8_t entry_hash[RILL_SHA256_LEN], uint8_t out[RILL_SHA256_LEN])
{
    enum { HASHES = 3 * RILL_SHA256_LEN };
    uint8_t all[HASHES + 6 * 24];
    char *text = (char *)all + HASHES;
    memcpy(all, before, RILL_SHA256_LEN);
    memcpy(all + RILL_SHA256_LEN, seal->digest, RILL_SHA256_LEN);
    memcpy(all + 2 * (size_t)RILL_SHA256_LEN, entry_hash, RILL_SHA256_LEN);
    int len = snprintf(text, sizeof all - HASHES,
                       "%" PRId64 " %d %" PRId64 " %" PRId64 " %" PRId64 " %" PRId64, seal->id,
                       (int)seal->kind, seal->run, seal->minute, seal->rows, seal->entry);
    return rill_sha256(all, HASHES + (size_t)len, out);
}

/* ---- reading ---- */

#define COLUMNS "SELECT id, kind, run, minute, rows, digest, entry, hash FROM seals "

static int seal_row(rill_sqlite *s, sqlite3_stmt *statement, void *user)
{
    enum { DIGEST = 5, HASH = 7 };
    rill_seal *out = user;
    int error = rill_sqlite_are_numbers(s, statement, 0, DIGEST);
    if (error == RILL_OK)
        error = rill_sqlite_are_numbers(s, statement, DIGEST + 1, 1);
    if (error != RILL_OK)
        return error;
    const void *digest = sqlite3_column_blob(statement, DIGEST);
    const void *hash = sqlite3_column_blob(statement, HASH);
    if (digest == NULL || sqlite3_column_bytes(statement, DIGEST) != RILL_SHA256_LEN ||
        hash == NULL || sqlite3_column_bytes(statement, HASH) != RILL_SHA256_LEN)
        return rill_sqlite_wrong(s, RILL_ERR_MALFORMED, "a line of the chain of sums has no hash");
    *out = (rill_seal){
        .id = sqlite3_column_int64(statement, 0),
        .kind = (rill_seal_kind)sqlite3_column_int(statement, 1),
        .run = sqlite3_column_int64(statement, 2),
        .minute = sqlite3_column_int64(statement, 3),
        .rows = sqlite3_column_int64(statement, 4),
        .entry = sqlite3_column_int64(statement, 6),
    };
    memcpy(out->digest, digest, RILL_SHA256_LEN);
    memcpy(out->hash, hash, RILL_SHA256_LEN);
    return RILL_OK;
}

int rill_sqlite_seal_behind(rill_sqlite *s, int64_t id, rill_seal *out)
{
    out->id = 0;
    return rill_sqlite_each_of(s, COLUMNS "WHERE id > ?1 ORDER BY id LIMIT 1", &id, 1, seal_row,
                               out);
}

int rill_sqlite_seal_of_minutes(rill_sqlite *s, int64_t run, int64_t behind, rill_seal *out)
{
    const int64_t values[] = {run, behind};
    out->id = 0;
    return rill_sqlite_each_of(
        s, COLUMNS "WHERE kind = 1 AND run = ?1 AND minute > ?2 ORDER BY minute LIMIT 1", values, 2,
        seal_row, out);
}

static int number_row(rill_sqlite *s, sqlite3_stmt *statement, void *user)
{
    int64_t *out = user;
    *out = sqlite3_column_int64(statement, 0);
    return rill_sqlite_are_numbers(s, statement, 0, 1);
}

int rill_sqlite_merged_to(rill_sqlite *s, int64_t run, int64_t *out)
{
    return rill_sqlite_each_of(
        s, "SELECT coalesce(max(minute), -1) FROM seals WHERE kind = 2 AND run = ?1", &run, 1,
        number_row, out);
}

/* ---- writing ---- */

static int insert(rill_sqlite *s, const rill_seal *seal)
{
    sqlite3_stmt *statement = NULL;
    int rc = sqlite3_prepare_v2(s->db,
                                "INSERT INTO seals (id, kind, run, minute, rows, digest, entry,"
                                " hash) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)",
                                -1, &statement, NULL);
    if (rc == SQLITE_OK) {
        sqlite3_bind_int64(statement, 1, seal->id);
        sqlite3_bind_int(statement, 2, (int)seal->kind);
        sqlite3_bind_int64(statement, 3, seal->run);
        sqlite3_bind_int64(statement, 4, seal->minute);
        sqlite3_bind_int64(statement, 5, seal->rows);
        sqlite3_bind_blob(statement, 6, seal->digest, RILL_SHA256_LEN, SQLITE_STATIC);
        sqlite3_bind_int64(statement, 7, seal->entry);
        sqlite3_bind_blob(statement, 8, seal->hash, RILL_SHA256_LEN, SQLITE_STATIC);
        rc = sqlite3_step(statement);
    }
    int error = rc == SQLITE_DONE ? RILL_OK : rill_sqlite_failed(s, rc);
    sqlite3_finalize(statement);
    return error;
}

int rill_sqlite_put_seal(rill_sqlite *s, rill_seal *seal)
{
    uint8_t before[RILL_SHA256_LEN];
    uint8_t entry[RILL_SHA256_LEN];
    bool there = false;
    int64_t last = 0;
    int error =
        rill_sqlite_each_row(s, "SELECT coalesce(max(id), 0) FROM seals", number_row, &last);
    if (error == RILL_OK)
        error = rill_sqlite_each_row(s, "SELECT coalesce(max(id), 0) FROM entries", number_row,
                                     &seal->entry);
    if (error == RILL_OK)
        error = rill_sqlite_hash_of(s, true, last, before, &there);
    if (error == RILL_OK)
        error = rill_sqlite_hash_of(s, false, seal->entry, entry, &there);
    seal->id = last + 1;
    if (error == RILL_OK && rill_sqlite_hash_seal(seal, before, entry, seal->hash) != RILL_OK)
        error = no_hash(s, RILL_ERR_CRYPTO);
    return error == RILL_OK ? insert(s, seal) : error;
}

int rill_sqlite_put_merged(rill_sqlite *s, int64_t run, int64_t minute, int64_t rows)
{
    rill_seal seal = {.kind = RILL_SEAL_MERGED, .run = run, .minute = minute, .rows = rows};
    int error = rill_sqlite_digest_days(s, &s->sealing.days, seal.digest);
    if (error == RILL_OK)
        error = rill_sqlite_put_seal(s, &seal);
    return error == RILL_OK ? rill_sqlite_keep_days(s, &s->sealing.days, seal.id) : error;
}

/* In a transaction of its own, for which nobody waits. */
static int keep(rill_sqlite *s, int (*put)(rill_sqlite *s))
{
    int error = rill_sqlite_be_lazy(s, true);
    if (error == RILL_OK)
        error = rill_sqlite_begin(s);
    if (error == RILL_OK)
        error = rill_sqlite_finish(s, put(s));
    int rc = rill_sqlite_be_lazy(s, false);
    return error == RILL_OK ? rc : error;
}

/* ---- a step ---- */

static int last_minutes_row(rill_sqlite *s, sqlite3_stmt *statement, void *user)
{
    rill_sqlite_place *at = user;
    int error = rill_sqlite_are_numbers(s, statement, 0, 2);
    if (error != RILL_OK)
        return error;
    at->run = sqlite3_column_int64(statement, 0);
    at->minute = sqlite3_column_int64(statement, 1);
    at->source = at->destination = INT64_MAX;
    return RILL_OK;
}

static void begin_line(rill_sqlite_sealing *g)
{
    g->next = (rill_seal){.kind = RILL_SEAL_MINUTES};
}

static int begin(rill_sqlite *s)
{
    rill_sqlite_sealing *g = &s->sealing;
    g->wanted = false;
    g->at = (rill_sqlite_place){.run = -1};
    begin_line(g);
    int error = rill_sqlite_each_row(s,
                                     "SELECT run, minute FROM seals WHERE kind = 1"
                                     " ORDER BY run DESC, minute DESC LIMIT 1",
                                     last_minutes_row, &g->at);
    if (error == RILL_OK)
        error = rill_sqlite_find_end(s, &g->end);
    if (error == RILL_OK && !g->days_known)
        error = rill_sqlite_read_days(s, &g->days, &g->days_known);
    if (error != RILL_OK)
        return error;
    g->phase = g->days_known ? RILL_SEALING_MINUTES : RILL_SEALING_DAYS;
    if (g->days_known)
        return RILL_OK;
    g->days = (rill_sqlite_days){{0}};
    g->day = (rill_sqlite_day){.day = -1};
    return RILL_OK;
}

static int day_row(rill_sqlite *s, sqlite3_stmt *statement, void *user)
{
    rill_sqlite_sealing *g = user;
    int error = rill_sqlite_day_of(s, statement, &g->day);
    g->next.rows++;
    return error == RILL_OK ? rill_sqlite_count_day(s, &g->days, &g->day, false) : error;
}

static int put_first(rill_sqlite *s)
{
    return rill_sqlite_put_merged(s, 0, 0, s->sealing.next.rows);
}

/* Sums of days of before there was a chain. */
static int count_days(rill_sqlite *s)
{
    rill_sqlite_sealing *g = &s->sealing;
    const int64_t before = g->next.rows;
    int error = rill_sqlite_days_from(s, &g->day, RILL_DAYS_STEP, day_row, g);
    if (error != RILL_OK || g->next.rows > before)
        return error;
    error = keep(s, put_first);
    if (error != RILL_OK)
        return error;
    g->days_known = true;
    g->phase = RILL_SEALING_MINUTES;
    begin_line(g);
    return RILL_OK;
}

/* Ends a step before a row of the next line. */
enum { ENOUGH = 1 };

static int flow_row(rill_sqlite *s, sqlite3_stmt *statement, void *user)
{
    rill_sqlite_sealing *g = user;
    rill_seal *next = &g->next;
    rill_sqlite_flow flow;
    int error = rill_sqlite_flow_of(s, statement, &flow);
    if (error != RILL_OK)
        return error;
    /* Where there is much to be sealed, a line is of several minutes of a day. */
    if (next->rows > 0 &&
        (flow.run != next->run || flow.minute / MINUTES_A_DAY != next->minute / MINUTES_A_DAY ||
         (flow.minute != next->minute && next->rows >= RILL_SEAL_ROWS)))
        return ENOUGH;
    next->run = flow.run;
    next->minute = flow.minute;
    next->rows++;
    g->at.run = flow.run;
    g->at.minute = flow.minute;
    g->at.source = flow.source;
    g->at.destination = flow.destination;
    return rill_sqlite_digest_flow(s, next->digest, &flow);
}

static int put_next(rill_sqlite *s)
{
    return rill_sqlite_put_seal(s, &s->sealing.next);
}

static int seal_minutes(rill_sqlite *s, bool *more)
{
    rill_sqlite_sealing *g = &s->sealing;
    const int64_t before = g->next.rows;
    int error = rill_sqlite_flows_from(s, &g->at, &g->end, RILL_SEAL_STEP, flow_row, g);
    const bool last = error == RILL_OK && g->next.rows == before;
    if (error != RILL_OK && error != ENOUGH)
        return error;
    if (error == RILL_OK && !last)
        return RILL_OK;
    error = g->next.rows > 0 ? keep(s, put_next) : RILL_OK;
    begin_line(g);
    *more = !last;
    return error;
}

bool rill_sqlite_wants_seal(const rill_sqlite *s)
{
    return s->sealing.wanted || s->sealing.phase != RILL_SEALING_NOT;
}

int rill_sqlite_seal(rill_sqlite *s, bool *more)
{
    rill_sqlite_sealing *g = &s->sealing;
    int error = RILL_OK;
    *more = true;
    if (g->phase == RILL_SEALING_NOT)
        error = begin(s);
    else if (g->phase == RILL_SEALING_DAYS)
        error = count_days(s);
    else
        error = seal_minutes(s, more);
    if (error != RILL_OK)
        *more = false;
    if (!*more)
        g->phase = RILL_SEALING_NOT;
    return error;
}
