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

bool rill_core_asset_of(const rill_core *c, const rill_settling *a, rill_core_holding *out)
{
    const known_balance *k = a->balance == NULL ? rill_core_known_balance(c, a->id) : NULL;
    if (a->balance != NULL) {
        const rill_asset *asset = &c->rates.assets[a->balance->asset];
        *out = (rill_core_holding){asset->code, asset->scale, a->balance->booked};
    } else if (k != NULL) {
        *out = (rill_core_holding){k->asset, k->scale, k->booked};
    }
    return a->balance != NULL || k != NULL;
}

/* ---- what no engine took ---- */

bool rill_core_next_left_out(const rill_core *c, const rill_settling **cursor)
{
    const rill_settler *s = &c->settler;
    const rill_list *at = *cursor == NULL ? s->all.next : (*cursor)->linked.next;
    for (; at != &s->all; at = at->next) {
        const rill_settling *a = RILL_CONTAINER(at, rill_settling, linked);
        if (a->left_out.units == 0 || a->name == NULL)
            continue;
        *cursor = a;
        return true;
    }
    return false;
}

/* ---- ending it ---- */

static int end(rill_core *c, rill_settling *a, const rill_settler_word *word, uint64_t *group)
{
    rill_balance *balance = a->balance;
    /* Only where something is to be booked: no account is opened for a key that is not there. */
    if (balance == NULL && a->of != NULL && strcmp(a->key, word->key) == 0) {
        int opened = rill_core_open_closed(c, a->id, &balance);
        if (opened != RILL_OK)
            return RILL_ERR_NOMEM;
    }
    int rc = rill_settler_end(&c->settler, a, balance, word, rill_core_now(c), group);
    if (rc == RILL_OK && a->balance == NULL)
        rill_core_keep_closed(c, balance);
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
