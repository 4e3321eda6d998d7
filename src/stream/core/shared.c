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
    rill_flight_pool_init(&s->flights, o.allocator);
    err = rill_crypto_new_with(&s->crypto, o.allocator, o.crypto);
    if (err != RILL_OK) {
        rill_shared_free(s);
        return err;
    }
    *out = s;
    return RILL_OK;
}

void rill_shared_free(rill_shared *s)
{
    if (!s)
        return;
    assert(s->endpoints == 0); /* or what they have left would point at what is freed */
    rill_shared_wipe(s);
    rill_crypto_free(s->crypto);
    rill_flight_pool_clear(&s->flights);
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
