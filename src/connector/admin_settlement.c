/* SPDX-License-Identifier: Apache-2.0 */
/* How an account is settled. */
#include <inttypes.h>
#include <stdio.h>

#include "connector/admin_answer.h"
#include "connector/when.h"

static json_t *units_json(uint64_t units)
{
    char text[24];
    (void)snprintf(text, sizeof text, "%" PRIu64, units);
    return json_string(text);
}

/* A Quantity, or null if it is nothing. */
static json_t *left_json(const rill_exact *left, uint8_t scale)
{
    rill_quantity q;
    if (rill_exact_is_zero(left))
        return json_null();
    rill_exact_quantity(left, scale, &q);
    return json_pack("{s:s, s:i}", "amount", q.amount, "scale", (int)q.scale);
}

static json_t *outstanding_json(const rill_settling *a)
{
    char begun[RILL_WHEN_TEXT];
    if (a->of == NULL)
        return json_null();
    rill_when_text(a->begun_ms, begun);
    return json_pack("{s:o, s:s, s:s, s:s}", "amount", units_json(a->asked), "key", a->key,
                     "engine", a->of->url, "begun", begun);
}

json_t *rill_admin_settlement(const rill_holder_account *holder)
{
    const rill_settling *a = holder->settling;
    if (a == NULL || (a->terms.engine == NULL && a->of == NULL && a->known == NULL))
        return json_null();
    const rill_settle_terms *t = &a->terms;
    return json_pack("{s:s?, s:o, s:o, s:o, s:o, s:o, s:i, s:s?}", "engine",
                     t->engine == NULL ? NULL : t->engine->url, "threshold",
                     units_json(t->threshold), "settle_to", units_json(t->settle_to), "outstanding",
                     outstanding_json(a), "left_out", left_json(&a->left_out, a->scale), "left_in",
                     left_json(&a->left_in, a->scale), "tries",
                     (int)(a->tries > INT32_MAX ? INT32_MAX : a->tries), "problem",
                     a->problem[0] == '\0' ? NULL : a->problem);
}
