/* SPDX-License-Identifier: Apache-2.0 */
/* How an account is settled, and what is outstanding at engines. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/wide_text.h"
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
    if (a == NULL ||
        (a->terms.engine == NULL && a->of == NULL && a->known == NULL && a->left_out.units == 0))
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

/* ---- what is outstanding, of all accounts ---- */

/* NULL: no memory. */
static json_t *one_json(const rill_core *core, const rill_settling *a)
{
    char begun[RILL_WHEN_TEXT];
    rill_core_holding holding = {"", a->scale, rill_wide_signed(rill_wide(0))};
    if (!rill_core_asset_of(core, a, &holding))
        holding.code = "";
    rill_when_text(a->begun_ms, begun);
    return json_pack("{s:s, s:b, s:{s:s, s:i}, s:o, s:s, s:s, s:s, s:i, s:s?}", "account", a->name,
                     "open", a->balance != NULL, "asset", "code", holding.code, "scale",
                     (int)holding.scale, "amount", units_json(a->asked), "key", a->key, "engine",
                     a->of->url, "begun", begun, "tries",
                     (int)(a->tries > INT32_MAX ? INT32_MAX : a->tries), "problem",
                     a->problem[0] == '\0' ? NULL : a->problem);
}

/* What no engine took of an account. NULL: no memory. */
static json_t *left_of_json(const rill_core *core, const rill_settling *a)
{
    rill_core_holding holding;
    if (!rill_core_asset_of(core, a, &holding))
        holding = (rill_core_holding){.code = "", .scale = a->scale};
    return json_pack("{s:s, s:b, s:{s:s, s:i}, s:o}", "account", a->name, "open",
                     a->balance != NULL, "asset", "code", holding.code, "scale", (int)holding.scale,
                     "amount", units_json(a->left_out.units));
}

/* NULL: no memory. */
static json_t *all_json(const rill_core *core,
                        bool (*next)(const rill_core *core, const rill_settling **cursor),
                        json_t *(*json_of)(const rill_core *core, const rill_settling *a))
{
    json_t *all = json_array();
    const rill_settling *a = NULL;
    while (all != NULL && next(core, &a)) {
        if (json_array_append_new(all, json_of(core, a)) != 0) {
            json_decref(all);
            all = NULL;
        }
    }
    return all;
}

void rill_admin_outstanding(const rill_core *core, rill_admin_answer *out)
{
    json_t *all = all_json(core, rill_core_next_outstanding, one_json);
    json_t *left = all == NULL ? NULL : all_json(core, rill_core_next_left_out, left_of_json);
    rill_admin_json(out, 200,
                    left == NULL ? NULL
                                 : json_pack("{s:O, s:O}", "outstanding", all, "left_out", left));
    json_decref(all);
    json_decref(left);
}

/* ---- ending it ---- */

static void answer_ended(const rill_core *core, const rill_settling *a,
                         const rill_settler_word *word, unsigned status, rill_admin_answer *out)
{
    char balance[RILL_WIDE_TEXT];
    rill_core_holding holding = {"", a->scale, rill_wide_signed(rill_wide(0))};
    if (!rill_core_asset_of(core, a, &holding))
        holding.code = "";
    rill_wide_signed_text(holding.booked, balance);
    rill_admin_json(out, status,
                    json_pack("{s:s, s:s, s:b, s:{s:s, s:i}, s:s}", "account", a->name, "key",
                              word->key, "paid", word->paid, "asset", "code", holding.code, "scale",
                              (int)holding.scale, "balance", balance));
}

static void refuse(int rc, rill_admin_answer *out)
{
    if (rc == RILL_ERR_NOT_FOUND)
        rill_admin_refuse(out, 404, "nothing with this key is outstanding of such an account");
    else if (rc == RILL_ERR_BLOCKED)
        rill_admin_refuse(out, 409, "the engine is being asked at this moment: try again");
    else if (rc == RILL_ERR_STATE)
        rill_admin_refuse(out, 409, "it was ended before, the other way");
    else if (rc == RILL_ERR_INVALID)
        rill_admin_refuse(out, 400, "who has 1 to %d bytes, and note at most %d",
                          RILL_ENTRY_TEXT_MAX, RILL_SETTLE_NOTE_MAX);
    else
        rill_admin_refuse(out, 503, "%s", rill_strerror(rc));
}

int rill_admin_end_outstanding(rill_core *core, const char *name, const json_t *object,
                               rill_admin_answer *out)
{
    const json_t *note = json_object_get(object, "note");
    const json_t *paid = json_object_get(object, "paid");
    const rill_settling *a = NULL;
    const rill_settler_word word = {
        .key = json_string_value(json_object_get(object, "key")),
        .paid = json_is_true(paid),
        .who = json_string_value(json_object_get(object, "who")),
        .note = note == NULL ? "" : json_string_value(note),
    };
    if (word.key == NULL || word.who == NULL || word.note == NULL || !json_is_boolean(paid)) {
        rill_admin_refuse(out, 400, "key and who must be strings, and paid true or false");
        return RILL_ERR_INVALID;
    }
    const rill_bytes bytes = {(const uint8_t *)name, strlen(name)};
    int rc = rill_core_end_outstanding(core, bytes, &word, &a, &out->group);
    if (rc == RILL_OK || rc == RILL_ERR_EXISTS)
        answer_ended(core, a, &word, rc == RILL_OK ? 201 : 200, out);
    else
        refuse(rc, out);
    return rc;
}
