/* SPDX-License-Identifier: Apache-2.0 */
/*
 * An audit of the chain of sums, while the rows that it is about go by in their order. Rows that
 * were merged are gone: what became of them is in the sums of days, which have a digest of their
 * own.
 */
#include <stdio.h>
#include <string.h>

#include <rill/error.h>

#include "store/sqlite_impl.h"

void rill_audit_note(rill_audit *out, const char *what)
{
    if (out->first[0] == '\0')
        (void)snprintf(out->first, sizeof out->first, "%s", what);
}

static void broken(rill_seal_check *c, const char *what)
{
    c->out->broken_seals++;
    rill_audit_note(c->out, what);
}

/* Does it continue the chain, and are the lines of the audit there that it has seen? */
static int judge_line(rill_seal_check *c, const rill_seal *seal)
{
    uint8_t entry[RILL_SHA256_LEN];
    uint8_t hash[RILL_SHA256_LEN];
    bool there = false;
    int error = rill_sqlite_hash_of(c->store, false, seal->entry, entry, &there);
    if (error != RILL_OK)
        return error;
    if (rill_sqlite_hash_seal(seal, c->hash, entry, hash) != RILL_OK)
        return rill_sqlite_wrong(c->store, RILL_ERR_CRYPTO, "the hash of a sum could not be made");
    if (!there)
        broken(c, "lines of the audit were cut off");
    else if (seal->id != c->line + 1 || memcmp(hash, seal->hash, sizeof hash) != 0)
        broken(c, "a line of the chain of sums was changed, or one before it was taken out");
    else if (seal->run == 0 && seal->id != 1)
        broken(c, "sums of days were sealed once more, whatever they were before");
    memcpy(c->hash, seal->hash, sizeof c->hash); /* each break is counted once */
    c->line = seal->id;
    c->out->seals++;
    return RILL_OK;
}

/* The next line that has rows; on the way those that have days. */
static int next_line(rill_seal_check *c)
{
    rill_seal seal = c->seal;
    int error = RILL_OK;
    do {
        error = rill_sqlite_seal_behind(c->store, c->line, &seal);
        if (error == RILL_OK && seal.id > c->until)
            seal.id = 0;
        if (error == RILL_OK && seal.id != 0)
            error = judge_line(c, &seal);
        if (error == RILL_OK && seal.id != 0 && seal.kind == RILL_SEAL_MERGED) {
            memcpy(c->days_digest, seal.digest, sizeof c->days_digest);
            c->days_sealed = true;
        }
    } while (error == RILL_OK && seal.id != 0 && seal.kind != RILL_SEAL_MINUTES);
    c->before = seal.run == c->seal.run ? c->seal.minute : -1;
    c->seal = seal;
    c->rows = 0;
    memset(c->digest, 0, sizeof c->digest);
    if (error != RILL_OK || seal.id == 0 || seal.run == c->merged_run)
        return error;
    c->merged_run = seal.run;
    return rill_sqlite_merged_to(c->store, seal.run, &c->merged_to);
}

/* All rows of a line have gone by. */
static int end_line(rill_seal_check *c)
{
    const rill_seal *seal = &c->seal;
    if (c->merged_to <= c->before &&
        (c->rows != seal->rows || memcmp(c->digest, seal->digest, sizeof c->digest) != 0))
        broken(c, "sums of packets were changed, added or taken out");
    return next_line(c);
}

int rill_seal_check_begin(rill_seal_check *c, rill_sqlite *s, rill_audit *out)
{
    rill_audit_head head;
    *c = (rill_seal_check){.store = s, .out = out, .merged_run = -1, .merged_to = -1};
    c->seal.run = -1;
    int error = rill_sqlite_head(s, &head);
    if (error != RILL_OK)
        return error;
    c->until = (int64_t)head.seal;
    return next_line(c);
}

static bool is_behind(const rill_sqlite_flow *flow, const rill_seal *seal)
{
    return flow->run > seal->run || (flow->run == seal->run && flow->minute > seal->minute);
}

int rill_seal_check_flow(rill_seal_check *c, const rill_sqlite_flow *flow)
{
    while (c->seal.id != 0 && is_behind(flow, &c->seal)) {
        int error = end_line(c);
        if (error != RILL_OK)
            return error;
    }
    if (c->seal.id == 0) {
        c->out->unsealed++;
        return RILL_OK;
    }
    /* A run that is over has all its rows in lines; and what was merged does not come again. */
    if (flow->run < c->seal.run || flow->minute < c->merged_to) {
        broken(c, "sums of packets were added to a time that was sealed");
        return RILL_OK;
    }
    c->rows++;
    return rill_sqlite_digest_flow(c->store, c->digest, flow);
}

int rill_seal_check_day(rill_seal_check *c, const rill_sqlite_day *day)
{
    return rill_sqlite_count_day(c->store, &c->days, day, false);
}

/* What stands for all days, from which the next line about them is made. */
static int judge_what_stands_for_days(rill_seal_check *c)
{
    rill_sqlite_days days;
    bool there = false;
    int error = rill_sqlite_read_days(c->store, &days, &there);
    if (error != RILL_ERR_MALFORMED)
        return error;
    broken(c, "what stands for all sums of days was changed or taken out: no more is sealed");
    return RILL_OK;
}

int rill_seal_check_end(rill_seal_check *c)
{
    uint8_t digest[RILL_SHA256_LEN];
    int error = RILL_OK;
    while (c->seal.id != 0 && error == RILL_OK)
        error = end_line(c);
    if (error == RILL_OK)
        error = rill_sqlite_digest_days(c->store, &c->days, digest);
    if (error == RILL_OK && c->days_sealed && memcmp(digest, c->days_digest, sizeof digest) != 0)
        broken(c, "sums of days were changed, added or taken out");
    return error == RILL_OK ? judge_what_stands_for_days(c) : error;
}
