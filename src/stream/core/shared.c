/* SPDX-License-Identifier: Apache-2.0 */
#include "stream/core/shared.h"

#include <assert.h>

#include "base/alloc.h"
#include "base/sized.h"

void rill_shared_options_init_sized(rill_shared_options *o, size_t size)
{
    const rill_shared_options defaults = {.allocator = rill_allocator_default()};
    rill_sized_init(o, size, &defaults, sizeof defaults);
}

int rill_shared_new(rill_shared **out, const rill_shared_options *given)
{
    rill_shared_options o;
    *out = NULL;
    rill_shared_options_init(&o);
    int err = given ? rill_sized_take(&o, sizeof o, given) : RILL_OK;
    if (err != RILL_OK)
        return err;
    rill_shared *s = rill_calloc(o.allocator, 1, sizeof *s);
    if (!s)
        return RILL_ERR_NOMEM;
    s->allocator = o.allocator;
    rill_flight_pool_init(&s->pool, o.allocator);
    rill_flight_table_init(&s->flights, o.allocator, &s->pool);
    s->unused_out = (rill_money_out){.lent = true, .goal_deadline = RILL_NEVER};
    rill_undecided_init(&s->no_undecided);
    err = rill_crypto_new_with(&s->crypto, o.allocator, o.crypto);
    if (err != RILL_OK) {
        rill_shared_free(s);
        return err;
    }
    *out = s;
    return RILL_OK;
}

/* Nothing of it has changed. */
static bool out_is_unused(const rill_money_out *out)
{
    const rill_money *m = &out->money;
    return out->lent && m->free == 0 && rill_money_committed(m) == 0 && m->delivered == 0 &&
           m->expected == 0 && out->tally.era == 0 && out->drift.over == 0 &&
           out->drift.under == 0 && out->vain_since == 0 && out->credit == 0 &&
           out->told_from == 0 && out->doubt == RILL_DOUBT_NONE && out->vain == RILL_OK &&
           !out->vague && !out->blocked && !out->given_up && !out->goal_set && out->goal == 0 &&
           out->goal_deadline == RILL_NEVER;
}

void rill_shared_check(const rill_shared *s)
{
    bool unused = out_is_unused(&s->unused_out) && s->no_undecided.count == 0 &&
                  !s->unused_probing.active && s->unused_probing.asked == 0;
    assert(unused);
    (void)unused;
}

void rill_shared_free(rill_shared *s)
{
    if (!s)
        return;
    assert(s->endpoints == 0); /* or what they have left would point at what is freed */
    rill_shared_wipe(s);
    rill_crypto_free(s->crypto);
    rill_flight_table_clear(&s->flights);
    rill_flight_pool_clear(&s->pool);
    rill_free(s->allocator, s->shares);
    rill_free(s->allocator, s);
}

rill_share *rill_shared_shares(rill_shared *s)
{
    if (!s->shares)
        s->shares = rill_calloc(s->allocator, RILL_MAX_PARTS, sizeof *s->shares);
    return s->shares;
}

void rill_shared_wipe(rill_shared *s)
{
    rill_wipe(s->plaintext, sizeof s->plaintext);
    if (s->crypto)
        rill_crypto_forget(s->crypto);
}
