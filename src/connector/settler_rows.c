/* SPDX-License-Identifier: Apache-2.0 */
/* What the store is told of settlements. */
#include <inttypes.h>
#include <stdio.h>

#include "connector/settler_impl.h"

/* In an account of scale 0, so that it does not depend on what the account is called now. */
int rill_settler_put_left(const rill_settler *s, const rill_settling *a, rill_settlement_kind kind,
                          const rill_exact *left)
{
    rill_quantity q;
    rill_exact_quantity(left, 0, &q);
    const rill_store_settlement row = {
        .account = a->id,
        .kind = kind,
        .key = "",
        .engine = "",
        .amount = q.amount,
        .scale = q.scale,
        .gone = rill_exact_is_zero(left),
    };
    return rill_clerk_put_settlement(s->options.clerk, &row);
}

int rill_settler_put_out(const rill_settler *s, const rill_settling *a, const char *key,
                         uint64_t asked, const char *engine, uint64_t at_ms, bool gone)
{
    char amount[24];
    (void)snprintf(amount, sizeof amount, "%" PRIu64, asked);
    const rill_store_settlement row = {
        .account = a->id,
        .kind = RILL_SETTLEMENT_OUT,
        .key = key,
        .engine = engine,
        .amount = amount,
        .at_ms = at_ms,
        .gone = gone,
    };
    return rill_clerk_put_settlement(s->options.clerk, &row);
}

int rill_settler_put_engine(const rill_settler *s, const rill_settling *a, const char *url,
                            bool forgets, uint64_t at_ms)
{
    const rill_store_settlement row = {
        .account = a->id,
        .kind = RILL_SETTLEMENT_ENGINE,
        .key = "",
        .engine = url == NULL ? "" : url,
        .amount = forgets ? "1" : "0",
        .at_ms = at_ms,
        .gone = url == NULL,
    };
    return rill_clerk_put_settlement(s->options.clerk, &row);
}

int rill_settler_put_in(const rill_settler *s, const rill_settling *a, const char *key,
                        const char *amount, uint8_t scale, uint64_t at_ms, bool gone)
{
    const rill_store_settlement row = {
        .account = a->id,
        .kind = RILL_SETTLEMENT_IN,
        .key = key,
        .engine = a->terms.engine == NULL ? "" : a->terms.engine->url,
        .amount = amount,
        .scale = scale,
        .at_ms = at_ms,
        .gone = gone,
    };
    return rill_clerk_put_settlement(s->options.clerk, &row);
}
