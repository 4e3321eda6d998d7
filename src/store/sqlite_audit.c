/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Computes balances and hashes anew from flows and entries, and says what differs, from the
 * balances and from what was sealed. In steps: first what does not change any more, and last the
 * rest with the balances.
 */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include <rill/error.h>

#include "base/alloc.h"
#include "base/wide_text.h"
#include "store/sqlite_impl.h"

typedef struct audited {
    rill_balance_id id;
    rill_holder holder;
    uint8_t scale;
    char name[RILL_STORE_NAME_MAX + 1];
    char asset[RILL_STORE_ASSET_MAX + 1];
    rill_i128 booked;   /* what the store says */
    rill_i128 computed; /* what flows and entries add up to */
} audited;

typedef struct rill_auditor auditor;

struct rill_auditor {
    rill_sqlite *store;
    rill_audit *out;
    rill_sqlite_place at;
    rill_sqlite_end end;
    rill_sqlite_day day; /* that was read last */
    enum { ACCOUNTS, DAYS, FLOWS, ENTRIES, THE_REST } phase;
    size_t rows;       /* of this step */
    audited *accounts; /* in the order of ids */
    size_t count;
    size_t cap;
    size_t again;                  /* accounts that were read again */
    uint8_t hash[RILL_SHA256_LEN]; /* of the entry before */
    rill_seal_check check;
    bool compares; /* with `since` */
    rill_audit_head since;
};

static int audit_account(void *user, const rill_store_account *account, rill_i128 booked)
{
    auditor *a = user;
    if (a->again < a->count) {
        a->accounts[a->again++].booked = booked;
        return RILL_OK;
    }
    if (a->count == a->cap) {
        size_t cap = a->cap * 2 + 64;
        audited *grown = rill_realloc_array(a->store->allocator, a->accounts, cap, sizeof *grown);
        if (grown == NULL)
            return rill_sqlite_wrong(a->store, RILL_ERR_NOMEM, "out of memory");
        a->accounts = grown;
        a->cap = cap;
    }
    audited *one = &a->accounts[a->count++];
    a->again = a->count;
    *one = (audited){.id = account->id, .holder = account->holder, .scale = account->scale};
    one->booked = booked;
    one->computed = rill_wide_signed(rill_wide(0));
    snprintf(one->name, sizeof one->name, "%s", account->name);
    snprintf(one->asset, sizeof one->asset, "%s", account->asset);
    return RILL_OK;
}

static audited *find_audited(const auditor *a, int64_t id)
{
    size_t low = 0;
    size_t high = a->count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (a->accounts[middle].id < id)
            low = middle + 1;
        else
            high = middle;
    }
    return low < a->count && a->accounts[low].id == id ? &a->accounts[low] : NULL;
}

static bool same_asset(const audited *a, const audited *b)
{
    return a->scale == b->scale && strcmp(a->asset, b->asset) == 0;
}

/* The node's own balance in the asset of `like`. Usually near it: assets are few. */
static audited *own_of(const auditor *a, const audited *like, rill_holder holder)
{
    for (size_t i = 0; i < a->count; i++) {
        if (a->accounts[i].holder == holder && same_asset(&a->accounts[i], like))
            return &a->accounts[i];
    }
    return NULL;
}

/* Moves between two; false where one of them is missing or the sum is too large. */
static bool audit_move(audited *from, audited *to, rill_i128 amount)
{
    return from != NULL && to != NULL &&
           rill_wide_sum(from->computed, rill_wide_negate(amount), &from->computed) &&
           rill_wide_sum(to->computed, amount, &to->computed);
}

/* What packets took from one and gave to the other. */
static int audit_packets(rill_sqlite *s, auditor *a, int64_t from, int64_t to, rill_i128 taken,
                         rill_i128 given)
{
    audited *source = find_audited(a, from);
    audited *destination = find_audited(a, to);
    a->rows++;
    a->out->flows++;
    if (source == NULL || destination == NULL ||
        !audit_move(source, own_of(a, source, RILL_HOLDER_EXCHANGE), taken) ||
        !audit_move(own_of(a, destination, RILL_HOLDER_EXCHANGE), destination, given))
        return rill_sqlite_wrong(s, RILL_ERR_MALFORMED, "a flow is of accounts that are not there");
    return RILL_OK;
}

static int audit_day(rill_sqlite *s, sqlite3_stmt *statement, void *user)
{
    auditor *a = user;
    int error = rill_sqlite_day_of(s, statement, &a->day);
    if (error == RILL_OK)
        error = rill_seal_check_day(&a->check, &a->day);
    return error == RILL_OK
               ? audit_packets(s, a, a->day.source, a->day.destination, a->day.taken, a->day.given)
               : error;
}

static int audit_flow(rill_sqlite *s, sqlite3_stmt *statement, void *user)
{
    auditor *a = user;
    rill_sqlite_flow flow;
    int error = rill_sqlite_flow_of(s, statement, &flow);
    a->at.run = flow.run;
    a->at.minute = flow.minute;
    a->at.source = flow.source;
    a->at.destination = flow.destination;
    if (error == RILL_OK)
        error = rill_seal_check_flow(&a->check, &flow);
    return error == RILL_OK
               ? audit_packets(s, a, flow.source, flow.destination, flow.taken, flow.given)
               : error;
}

static int audit_entry_money(rill_sqlite *s, auditor *a, const rill_store_entry *e)
{
    audited *account = find_audited(a, e->account);
    if (account != NULL && e->kind == RILL_ENTRY_CHANGE && e->amount == 0)
        return RILL_OK;
    audited *outside = account == NULL ? NULL : own_of(a, account, RILL_HOLDER_OUTSIDE);
    bool out = e->kind == RILL_ENTRY_SETTLED_OUT || e->kind == RILL_ENTRY_WITHDRAWAL;
    if (!audit_move(out ? account : outside, out ? outside : account,
                    rill_wide_signed(rill_wide(e->amount))))
        return rill_sqlite_wrong(s, RILL_ERR_MALFORMED,
                                 "an entry is of an account that is not there");
    return RILL_OK;
}

static int audit_entry(rill_sqlite *s, sqlite3_stmt *statement, void *user)
{
    auditor *a = user;
    rill_store_entry e;
    int error = rill_sqlite_entry_of(s, statement, &e);
    if (error != RILL_OK)
        return error;
    a->at.entry = sqlite3_column_int64(statement, 9);
    a->rows++;
    a->out->entries++;
    uint8_t hash[RILL_SHA256_LEN];
    error = rill_sqlite_hash_entry(a->hash, sqlite3_column_int64(statement, 0), &e, hash);
    if (error != RILL_OK)
        return rill_sqlite_wrong(s, error, "the hash of an entry could not be made");
    const void *kept = sqlite3_column_blob(statement, 8);
    if (kept == NULL || sqlite3_column_bytes(statement, 8) != sizeof hash ||
        memcmp(kept, hash, sizeof hash) != 0) {
        a->out->broken_entries++;
        rill_audit_note(a->out, "an entry was changed, or one before it was taken out");
    }
    if (kept != NULL && sqlite3_column_bytes(statement, 8) == sizeof hash)
        memcpy(a->hash, kept, sizeof hash); /* each break is counted once */
    return audit_entry_money(s, a, &e);
}

static void judge_balances(const auditor *a)
{
    rill_audit *out = a->out;
    out->accounts = a->count;
    for (size_t i = 0; i < a->count; i++) {
        const audited *one = &a->accounts[i];
        char booked[RILL_WIDE_TEXT];
        char computed[RILL_WIDE_TEXT];
        char line[sizeof out->first];
        if (rill_wide_equal(one->booked, one->computed))
            continue;
        out->uneven_balances++;
        rill_wide_signed_text(one->booked, booked);
        rill_wide_signed_text(one->computed, computed);
        snprintf(line, sizeof line, "account %" PRIu32 " (%s): booked %s, computed %s", one->id,
                 one->name, booked, computed);
        rill_audit_note(out, line);
    }
}

/* Each asset is judged where its exchange is. */
static void judge_assets(const auditor *a)
{
    for (size_t i = 0; i < a->count; i++) {
        const audited *exchange = &a->accounts[i];
        rill_i128 sum = rill_wide_signed(rill_wide(0));
        bool fits = true;
        if (exchange->holder != RILL_HOLDER_EXCHANGE)
            continue;
        for (size_t k = 0; k < a->count; k++) {
            if (same_asset(&a->accounts[k], exchange))
                fits = rill_wide_sum(sum, a->accounts[k].booked, &sum) && fits;
        }
        if (fits && rill_wide_is_zero(rill_wide_bits(sum)))
            continue;
        a->out->uneven_assets++;
        rill_audit_note(a->out, "the balances of an asset do not add up to 0");
    }
}

/* ---- steps ---- */

rill_auditor *rill_auditor_new(rill_sqlite *s, rill_audit *out, const rill_audit_head *since)
{
    auditor *a = rill_calloc(s->allocator, 1, sizeof *a);
    *out = (rill_audit){0};
    if (a == NULL)
        return NULL;
    a->store = s;
    a->out = out;
    a->at.run = -1;
    a->day.day = -1;
    a->compares = since != NULL;
    if (since != NULL)
        a->since = *since;
    return a;
}

void rill_auditor_free(rill_auditor *a)
{
    if (a == NULL)
        return;
    rill_free(a->store->allocator, a->accounts);
    rill_free(a->store->allocator, a);
}

static int read_accounts(auditor *a)
{
    const rill_store_reader reader = {.account = audit_account, .user = a};
    a->again = 0;
    return rill_sqlite_read(a->store, &reader);
}

/* What may still change is read with the balances that it has changed. */
static int finish_audit(auditor *a)
{
    static const rill_sqlite_end all = {INT64_MAX, 0, INT64_MAX};
    int error = read_accounts(a);
    if (error == RILL_OK)
        error = rill_sqlite_flows_from(a->store, &a->at, &all, -1, audit_flow, a);
    if (error == RILL_OK)
        error = rill_sqlite_entries_from(a->store, &a->at, &all, -1, audit_entry, a);
    if (error == RILL_OK)
        error = rill_seal_check_end(&a->check);
    if (error == RILL_OK)
        error = rill_sqlite_head(a->store, &a->out->head);
    if (error == RILL_OK)
        error = rill_sqlite_reach_disk(a->store);
    if (error == RILL_OK && a->compares)
        error = rill_sqlite_has_head(a->store, &a->since, &a->out->has_since);
    if (error != RILL_OK)
        return error;
    judge_balances(a);
    judge_assets(a);
    return RILL_OK;
}

static int begin_audit(auditor *a)
{
    int error = rill_sqlite_find_end(a->store, &a->end);
    if (error == RILL_OK)
        error = rill_seal_check_begin(&a->check, a->store, a->out);
    return error == RILL_OK ? read_accounts(a) : error;
}

int rill_auditor_step(rill_auditor *a, int64_t most, bool *more)
{
    int error = RILL_OK;
    *more = a->phase != THE_REST;
    a->rows = 0;
    switch (a->phase) {
    case ACCOUNTS:
        error = begin_audit(a);
        break;
    case DAYS:
        error = rill_sqlite_days_from(a->store, &a->day,
                                      most < RILL_DAYS_STEP ? most : RILL_DAYS_STEP, audit_day, a);
        break;
    case FLOWS:
        error = rill_sqlite_flows_from(a->store, &a->at, &a->end, most, audit_flow, a);
        break;
    case ENTRIES:
        error = rill_sqlite_entries_from(a->store, &a->at, &a->end, most, audit_entry, a);
        break;
    case THE_REST:
        return finish_audit(a);
    }
    if (a->rows == 0)
        a->phase++;
    return error;
}

int rill_sqlite_audit(rill_sqlite *s, rill_audit *out)
{
    auditor *a = rill_auditor_new(s, out, NULL);
    int error = a == NULL ? rill_sqlite_wrong(s, RILL_ERR_NOMEM, "out of memory") : RILL_OK;
    for (bool more = error == RILL_OK; more && error == RILL_OK;)
        error = rill_auditor_step(a, RILL_LOOK_STEP, &more);
    rill_auditor_free(a);
    return error;
}
