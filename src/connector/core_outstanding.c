/* SPDX-License-Identifier: Apache-2.0 */
/* What is outstanding at engines, also of accounts that are not in the configuration any more. */
#include <stdio.h>
#include <string.h>

#include "connector/core_impl.h"

bool rill_core_next_outstanding(const rill_core *c, const rill_settling **cursor)
{
    const rill_settler *s = &c->settler;
    const rill_list *at = *cursor == NULL ? s->all.next : (*cursor)->linked.next;
    while (at != &s->all) {
        const rill_settling *a = RILL_CONTAINER(at, rill_settling, linked);
        at = at->next;
        if (a->of == NULL || a->name == NULL)
            continue;
        *cursor = a;
        return true;
    }
    return false;
}

static known_balance *find_known(const rill_core *c, rill_balance_id id)
{
    for (size_t i = 0; i < c->known_count; i++) {
        if (c->known[i].id == id)
            return &c->known[i];
    }
    return NULL;
}

bool rill_core_asset_of(const rill_core *c, const rill_settling *a, rill_core_holding *out)
{
    const known_balance *k = a->balance == NULL ? find_known(c, a->id) : NULL;
    if (a->balance != NULL) {
        const rill_asset *asset = &c->rates.assets[a->balance->asset];
        *out = (rill_core_holding){asset->code, asset->scale, a->balance->booked};
    } else if (k != NULL) {
        *out = (rill_core_holding){k->asset, k->scale, k->booked};
    }
    return a->balance != NULL || k != NULL;
}

/* ---- a balance that is of no account now ---- */

/*
 * Something is booked of an account that is not open: for as long as the node runs, it is there
 * for whoever is told of that. Should the account be opened again, it has a balance of its own,
 * which begins with what is booked here.
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
    return one;
}

/* NULL: no memory, or nobody knows it. */
static rill_balance *open_closed(rill_core *c, rill_balance_id id)
{
    const known_balance *k = find_known(c, id);
    struct core_closed *one = c->closed;
    while (one != NULL && one->holder.balance.id != id)
        one = one->next;
    if (k == NULL)
        return NULL;
    const rill_i128 booked = k->booked; /* it may have been open since the last time */
    if (one == NULL)
        one = make_closed(c, k);
    if (one == NULL)
        return NULL;
    one->holder.balance.booked = booked;
    return &one->holder.balance;
}

/* ---- ending it ---- */

static int end(rill_core *c, rill_settling *a, const rill_settler_word *word, uint64_t *group)
{
    rill_balance *balance = a->balance;
    /* Only where something is to be booked: no account is opened for a key that is not there. */
    if (balance == NULL && a->of != NULL && strcmp(a->key, word->key) == 0) {
        balance = open_closed(c, a->id);
        if (balance == NULL)
            return RILL_ERR_NOMEM;
    }
    int rc = rill_settler_end(&c->settler, a, balance, word, rill_core_now(c), group);
    if (rc == RILL_OK && a->balance == NULL)
        find_known(c, a->id)->booked = balance->booked;
    return rc;
}

int rill_core_end_outstanding(rill_core *c, rill_bytes name, const rill_settler_word *word,
                              const rill_settling **of, uint64_t *group)
{
    for (rill_list *at = c->settler.all.next; at != &c->settler.all; at = at->next) {
        rill_settling *a = RILL_CONTAINER(at, rill_settling, linked);
        if (a->name == NULL || strlen(a->name) != name.len ||
            memcmp(a->name, name.data, name.len) != 0)
            continue;
        int rc = end(c, a, word, group);
        *of = a;
        if (rc != RILL_ERR_NOT_FOUND)
            return rc;
    }
    return RILL_ERR_NOT_FOUND;
}
