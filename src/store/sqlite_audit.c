/* SPDX-License-Identifier: Apache-2.0 */
/* Computes balances and hashes anew from flows and entries, and says what differs. */
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

typedef struct auditor {
    rill_sqlite *store;
    rill_audit *out;
    audited *accounts; /* in the order of ids */
    size_t count;
    size_t cap;
    uint8_t hash[RILL_SHA256_LEN]; /* of the entry before */
} auditor;

static void note_first(rill_audit *out, const char *what)
{
    if (out->first[0] == '\0')
        snprintf(out->first, sizeof out->first, "%s", what);
}

static int audit_account(void *user, const rill_store_account *account, rill_i128 booked)
{
    auditor *a = user;
    if (a->count == a->cap) {
        size_t cap = a->cap * 2 + 64;
        audited *grown = rill_realloc_array(a->store->allocator, a->accounts, cap, sizeof *grown);
        if (grown == NULL)
            return rill_sqlite_wrong(a->store, RILL_ERR_NOMEM, "out of memory");
        a->accounts = grown;
        a->cap = cap;
    }
    audited *one = &a->accounts[a->count++];
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

static int audit_flow(rill_sqlite *s, sqlite3_stmt *statement, void *user)
{
    auditor *a = user;
    audited *source = find_audited(a, sqlite3_column_int64(statement, 0));
    audited *destination = find_audited(a, sqlite3_column_int64(statement, 1));
    rill_i128 taken;
    rill_i128 given;
    a->out->flows++;
    int error = rill_sqlite_read_wide(s, statement, 2, &taken);
    if (error == RILL_OK)
        error = rill_sqlite_read_wide(s, statement, 3, &given);
    if (error != RILL_OK)
        return error;
    if (source == NULL || destination == NULL ||
        !audit_move(source, own_of(a, source, RILL_HOLDER_EXCHANGE), taken) ||
        !audit_move(own_of(a, destination, RILL_HOLDER_EXCHANGE), destination, given))
        return rill_sqlite_wrong(s, RILL_ERR_MALFORMED, "a flow is of accounts that are not there");
    return RILL_OK;
}

static int audit_entry_money(rill_sqlite *s, auditor *a, const rill_store_entry *e)
{
    audited *account = find_audited(a, e->account);
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
    rill_i128 amount;
    int error = rill_sqlite_read_wide(s, statement, 4, &amount);
    if (error != RILL_OK)
        return error;
    const char *key = (const char *)sqlite3_column_text(statement, 7);
    rill_store_entry e = {
        .at_ms = (uint64_t)sqlite3_column_int64(statement, 1),
        .account = (rill_balance_id)sqlite3_column_int64(statement, 2),
        .kind = (rill_entry_kind)sqlite3_column_int(statement, 3),
        .amount = rill_wide_low(rill_wide_bits(amount)),
        .who = (const char *)sqlite3_column_text(statement, 5),
        .note = (const char *)sqlite3_column_text(statement, 6),
        .key = key == NULL ? "" : key,
    };
    if (e.who == NULL || e.note == NULL)
        return rill_sqlite_failed(s, SQLITE_NOMEM);
    a->out->entries++;
    uint8_t hash[RILL_SHA256_LEN];
    error = rill_sqlite_hash_entry(a->hash, sqlite3_column_int64(statement, 0), &e, hash);
    if (error != RILL_OK)
        return rill_sqlite_wrong(s, error, "the hash of an entry could not be made");
    const void *kept = sqlite3_column_blob(statement, 8);
    if (kept == NULL || sqlite3_column_bytes(statement, 8) != sizeof hash ||
        memcmp(kept, hash, sizeof hash) != 0) {
        a->out->broken_entries++;
        note_first(a->out, "an entry was changed, or one before it was taken out");
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
        note_first(out, line);
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
        note_first(a->out, "the balances of an asset do not add up to 0");
    }
}

int rill_sqlite_audit(rill_sqlite *s, rill_audit *out)
{
    *out = (rill_audit){0};
    auditor a = {.store = s, .out = out};
    const rill_store_reader reader = {.account = audit_account, .user = &a};
    int error = rill_sqlite_read(s, &reader);
    if (error == RILL_OK)
        error = rill_sqlite_each_row(s, "SELECT source, destination, taken, given FROM flows",
                                     audit_flow, &a);
    if (error == RILL_OK)
        error =
            rill_sqlite_each_row(s,
                                 "SELECT run, at_ms, account, kind, amount, who, note, key, hash"
                                 " FROM entries ORDER BY id",
                                 audit_entry, &a);
    if (error == RILL_OK) {
        judge_balances(&a);
        judge_assets(&a);
    }
    rill_free(s->allocator, a.accounts);
    return error;
}
