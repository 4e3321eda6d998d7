/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Balances that the store has: those of accounts of the configuration, the node's own in each
 * asset, and those of accounts that are not in the configuration any more.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/wide_text.h"
#include "connector/core_impl.h"

/* Most have the asset of the one before. NULL: no memory. */
static const char *asset_text(const rill_core *c, rill_arena *arena, const char *asset)
{
    const char *last = c->known_count == 0 ? NULL : c->known[c->known_count - 1].asset;
    return last != NULL && strcmp(last, asset) == 0 ? last : rill_arena_text(arena, asset);
}

int rill_core_know(rill_core *c, const rill_store_account *account, rill_i128 booked)
{
    if (c->known_count == c->known_cap) {
        size_t cap = c->known_cap * 2 + 64;
        known_balance *known =
            rill_realloc_array(c->options.allocator, c->known, cap, sizeof *known);
        if (known == NULL)
            return RILL_ERR_NOMEM;
        c->known = known;
        c->known_cap = cap;
    }
    if (strlen(account->name) > RILL_STORE_NAME_MAX ||
        strlen(account->asset) > RILL_STORE_ASSET_MAX)
        return RILL_ERR_MALFORMED;
    rill_arena *arena = c->hub == NULL ? &c->texts : &c->arena;
    known_balance k = {.booked = booked, .id = account->id};
    k.name = rill_arena_text(arena, account->name);
    k.asset = asset_text(c, arena, account->asset);
    k.holder = account->holder;
    k.scale = account->scale;
    if (k.name == NULL || k.asset == NULL)
        return RILL_ERR_NOMEM;
    c->known[c->known_count++] = k;
    if (account->id > c->last_id)
        c->last_id = account->id;
    return RILL_OK;
}

static int compare_known(const void *a, const void *b)
{
    const known_balance *x = a;
    const known_balance *y = b;
    int order = (int)x->holder - (int)y->holder;
    if (order == 0)
        order = strcmp(x->name, y->name);
    if (order == 0)
        order = strcmp(x->asset, y->asset);
    return order != 0 ? order : (int)x->scale - (int)y->scale;
}

/* So many are looked through, where there are few: a hundred thousand may be opened at once. */
static size_t most_unsorted(const rill_core *c)
{
    return 512 + c->known_sorted / 64;
}

void rill_core_sort_known(rill_core *c)
{
    if (c->known_sorted < c->known_count)
        qsort(c->known, c->known_count, sizeof *c->known, compare_known);
    c->known_sorted = c->known_count;
}

known_balance *rill_core_find_known(const rill_core *c, rill_holder holder, const char *name,
                                    const rill_config_asset *asset)
{
    const known_balance wanted = {
        .name = name, .asset = asset->code, .holder = holder, .scale = asset->scale};
    known_balance *found = c->known_sorted == 0 ? NULL
                                                : bsearch(&wanted, c->known, c->known_sorted,
                                                          sizeof *c->known, compare_known);
    for (size_t i = c->known_sorted; found == NULL && i < c->known_count; i++) {
        if (compare_known(&wanted, &c->known[i]) == 0)
            found = &c->known[i];
    }
    return found;
}

static bool is_needed(const known_balance *k)
{
    return !k->open || k->holder != RILL_HOLDER_NEIGHBOUR;
}

/* The texts of those that stay are copied, so that all others can go. False: no memory. */
static bool copy_texts(rill_core *c)
{
    for (size_t i = 0; i < c->known_count; i++) {
        known_balance *k = &c->known[i];
        if (!is_needed(k))
            continue;
        const char *name = rill_arena_text(&c->arena, k->name);
        const char *asset = rill_arena_text(&c->arena, k->asset);
        if (name == NULL || asset == NULL)
            return false;
        k->name = name;
        k->asset = asset;
    }
    return true;
}

void rill_core_forget_known(rill_core *c)
{
    size_t kept = 0;
    rill_core_sort_known(c);
    if (!copy_texts(c))
        return; /* all is as good as before, but larger */
    for (size_t i = 0; i < c->known_count; i++) {
        if (is_needed(&c->known[i]))
            c->known[kept++] = c->known[i];
    }
    rill_arena_clear(&c->texts);
    known_balance *fits =
        rill_realloc_array(c->options.allocator, c->known, kept + 1, sizeof *c->known);
    c->known_count = c->known_sorted = kept;
    if (fits == NULL)
        return; /* it stays as large as it was */
    c->known = fits;
    c->known_cap = kept + 1;
}

/*
 * The store is told of a new one. Before that it is known: what comes after it may fail without
 * memory and is tried again then, and the store refuses a second balance of the same. At the
 * beginning nothing is tried again, and who has the account has the balance.
 */
static int open_balance(rill_core *c, const rill_store_account *account)
{
    if (c->beginning)
        return rill_clerk_open_account(&c->clerk, account);
    if (c->known_count - c->known_sorted >= most_unsorted(c) && c->flights.by_id == NULL)
        rill_core_sort_known(c);
    int rc = rill_core_know(c, account, rill_wide_signed(rill_wide(0)));
    if (rc != RILL_OK)
        return rc;
    c->known[c->known_count - 1].open = true;
    rc = rill_clerk_open_account(&c->clerk, account);
    if (rc != RILL_OK) {
        c->known_count--;
        c->last_id--;
    }
    return rc;
}

int rill_core_find_balance(rill_core *c, rill_holder holder, const char *name,
                           const rill_config_asset *asset, rill_balance_id *id, rill_i128 *booked)
{
    known_balance *k = rill_core_find_known(c, holder, name, asset);
    if (k != NULL) {
        k->open = true;
        *id = k->id;
        *booked = k->booked;
        return RILL_OK;
    }
    const rill_store_account account = {
        .id = c->last_id + 1,
        .holder = holder,
        .name = name,
        .asset = asset->code,
        .scale = asset->scale,
        .created_ms = c->options.now(c->options.user).wall_ms,
    };
    int rc = open_balance(c, &account);
    if (rc != RILL_OK)
        return rc;
    *id = c->last_id = account.id;
    *booked = rill_wide_signed(rill_wide(0));
    return RILL_OK;
}

void rill_core_removed_text(rill_i128 booked, const char *asset, uint8_t scale, char *out)
{
    char text[RILL_WIDE_TEXT];
    rill_wide_signed_text(booked, text);
    if (rill_wide_equal(booked, rill_wide_signed(rill_wide(0))))
        (void)snprintf(out, RILL_ENTRY_TEXT_MAX + 1, "removed");
    else
        (void)snprintf(out, RILL_ENTRY_TEXT_MAX + 1,
                       "removed, with a balance of %s %s/%u, which stays in the books", text, asset,
                       (unsigned)scale);
}

bool rill_core_owes_closed(const rill_core *c, const char *name, const rill_config_asset *asset)
{
    const known_balance *k = rill_core_find_known(c, RILL_HOLDER_NEIGHBOUR, name, asset);
    return k != NULL && !k->open && !rill_wide_equal(k->booked, rill_wide_signed(rill_wide(0)));
}

bool rill_core_next_closed(const rill_core *c, size_t *cursor, rill_core_closed *out)
{
    for (; *cursor < c->known_count; ++*cursor) {
        const known_balance *k = &c->known[*cursor];
        if (k->open || k->holder != RILL_HOLDER_NEIGHBOUR)
            continue;
        *out = (rill_core_closed){k->name, k->asset, k->scale, k->id, k->booked};
        ++*cursor;
        return true;
    }
    /* Those that are about to go. */
    const rill_holder_account *a = c->leaving;
    for (size_t i = c->known_count; a != NULL && i < *cursor; i++)
        a = a->next_leaving;
    if (a == NULL)
        return false;
    *out = (rill_core_closed){a->config->name, a->config->asset.code, a->config->asset.scale,
                              a->balance.id, a->balance.booked};
    ++*cursor;
    return true;
}

rill_i128 rill_core_closed_own(const rill_core *c, rill_holder holder, const char *asset,
                               uint8_t scale)
{
    rill_config_asset of = {.scale = scale};
    (void)snprintf(of.code, sizeof of.code, "%s", asset);
    const known_balance *k = rill_core_find_known(c, holder, "", &of);
    return k == NULL ? rill_wide_signed(rill_wide(0)) : k->booked;
}

enum { WARNINGS = 20 };

void rill_core_warn_of_closed(const rill_core *c)
{
    char text[RILL_WIDE_TEXT];
    size_t cursor = 0;
    size_t count = 0;
    rill_core_closed k;
    while (rill_core_next_closed(c, &cursor, &k)) {
        if (rill_wide_equal(k.booked, rill_wide_signed(rill_wide(0))) || count++ >= WARNINGS)
            continue;
        rill_wide_signed_text(k.booked, text);
        rill_log_line(&c->options.log, RILL_LOG_WARNING,
                      "account %s is not in the configuration, and its balance is %s %s/%u", k.name,
                      text, k.asset, (unsigned)k.scale);
    }
    if (count > WARNINGS)
        rill_log_line(&c->options.log, RILL_LOG_WARNING,
                      "%zu other accounts are not in the configuration, and have a balance",
                      count - WARNINGS);
}

/* The node's own balances in the next asset of the books, which the rates have already. */
static int open_own(rill_core *c)
{
    const rill_asset *next = &c->rates.assets[c->books.asset_count];
    rill_config_asset asset = {.scale = next->scale};
    rill_balance_id exchange = 0;
    rill_balance_id outside = 0;
    rill_i128 exchange_booked;
    rill_i128 outside_booked;
    (void)snprintf(asset.code, sizeof asset.code, "%s", next->code);
    int rc =
        rill_core_find_balance(c, RILL_HOLDER_EXCHANGE, "", &asset, &exchange, &exchange_booked);
    if (rc == RILL_OK)
        rc = rill_core_find_balance(c, RILL_HOLDER_OUTSIDE, "", &asset, &outside, &outside_booked);
    if (rc == RILL_OK)
        rc = rill_books_add_asset(&c->books, exchange, exchange_booked, outside, outside_booked);
    return rc;
}

/* One that failed without memory is in the rates, and not in the books: it is added first. */
int rill_core_open_asset(rill_core *c, const rill_config_asset *asset, uint32_t *out)
{
    int rc = rill_rates_asset(&c->rates, asset->code, asset->scale, out);
    while (rc == RILL_OK && c->books.asset_count < c->rates.asset_count)
        rc = open_own(c);
    return rc;
}

known_balance *rill_core_known_balance(const rill_core *c, rill_balance_id id)
{
    if (c->flights.by_id != NULL)
        return id >= c->flights.ids || c->flights.by_id[id].known == 0
                   ? NULL
                   : &c->known[c->flights.by_id[id].known - 1];
    for (size_t i = 0; i < c->known_count; i++) {
        if (c->known[i].id == id)
            return &c->known[i];
    }
    return NULL;
}

/* ---- a balance that is of no account now ---- */

/*
 * Something is booked of an account that is not open: for as long as the node runs, it is there
 * for whoever is told of that. Should the account be opened again, its own balance takes over.
 */
struct core_closed {
    struct core_closed *next;
    rill_holder_account holder;
    rill_config_account config;
    char name[RILL_STORE_NAME_MAX + 1];
};

/* NULL: no memory. */
static struct core_closed *make_closed(rill_core *c, const known_balance *k)
{
    struct core_closed *one = rill_arena_alloc(&c->arena, sizeof *one);
    uint32_t asset = 0;
    if (one == NULL)
        return NULL;
    (void)snprintf(one->name, sizeof one->name, "%s", k->name);
    const rill_balance_id id = k->id;
    one->config = (rill_config_account){.name = one->name, .asset = {.scale = k->scale}};
    (void)snprintf(one->config.asset.code, sizeof one->config.asset.code, "%.31s", k->asset);
    /* From here on k may have moved: the asset may need balances of its own. */
    if (rill_core_open_asset(c, &one->config.asset, &asset) != RILL_OK)
        return NULL;
    one->holder.config = &one->config;
    rill_balance_init(&one->holder.balance, id, asset, rill_wide_signed(rill_wide(0)));
    one->next = c->closed;
    c->closed = one;
    if (c->flights.by_id != NULL)
        c->flights.by_id[id].closed = one;
    return one;
}

static struct core_closed *find_closed(const rill_core *c, rill_balance_id id)
{
    if (c->flights.by_id != NULL)
        return id < c->flights.ids ? c->flights.by_id[id].closed : NULL;
    struct core_closed *one = c->closed;
    while (one != NULL && one->holder.balance.id != id)
        one = one->next;
    return one;
}

int rill_core_open_closed(rill_core *c, rill_balance_id id, rill_balance **out)
{
    const known_balance *k = rill_core_known_balance(c, id);
    struct core_closed *one = find_closed(c, id);
    /* What the node has itself is booked with what accounts have, and never by itself. */
    if (k == NULL || k->holder != RILL_HOLDER_NEIGHBOUR)
        return RILL_ERR_NOT_FOUND;
    const rill_i128 booked = k->booked; /* it may have been open since the last time */
    if (one == NULL)
        one = make_closed(c, k);
    if (one == NULL)
        return RILL_ERR_NOMEM;
    one->holder.balance.booked = booked;
    *out = &one->holder.balance;
    return RILL_OK;
}

void rill_core_keep_closed(const rill_core *c, const rill_balance *balance)
{
    known_balance *k = rill_core_known_balance(c, balance->id);
    if (k != NULL && !k->open)
        k->booked = balance->booked;
}

void rill_core_leave_closed(rill_core *c, rill_balance *fresh)
{
    struct core_closed *one = find_closed(c, fresh->id);
    const rill_sum none = {0, 0};
    if (one == NULL)
        return;
    one->holder.balance.booked = fresh->booked;
    rill_books_replace(&c->books, &one->holder.balance, fresh);
    one->holder.balance.held = one->holder.balance.coming = none;
}
