/* SPDX-License-Identifier: Apache-2.0 */
/* Why packets of an account were rejected. */
#include <stdlib.h>
#include <string.h>

#include "connector/admin_answer.h"
#include "connector/when.h"

static int most_first(const void *a, const void *b)
{
    const rill_reject_row *x = a;
    const rill_reject_row *y = b;
    if (x->count != y->count)
        return x->count > y->count ? -1 : 1;
    return strcmp(x->code.text, y->code.text);
}

/* The neighbour that has this balance. It may have been taken out since. */
static const char *name_of(const rill_core *core, rill_balance_id by)
{
    for (size_t i = 0; by != 0 && i < rill_core_accounts(core); i++) {
        const rill_holder_account *a = rill_core_account(core, i);
        if (a->balance.id == by)
            return a->config->name;
    }
    return by == 0 ? NULL : "(an account that is not there any more)";
}

static json_t *row_json(const rill_core *core, const rill_reject_row *row)
{
    char last[RILL_WHEN_TEXT];
    rill_when_text(row->last_ms, last);
    return json_pack("{s:s, s:s, s:s?, s:s, s:s, s:I, s:s}", "code", row->code.text, "name",
                     rill_ilp_code_name(row->code), "by", name_of(core, row->by), "triggered_by",
                     row->triggered_by, "message", row->message, "count", (json_int_t)row->count,
                     "last", last);
}

void rill_admin_rejects(const rill_core *core, const rill_holder_account *a, rill_admin_answer *out)
{
    rill_rejects sorted = {.count = 0};
    json_t *rows = json_array();
    if (a->rejects != NULL)
        sorted = *a->rejects;
    qsort(sorted.rows, sorted.count, sizeof sorted.rows[0], most_first);
    for (size_t i = 0; rows != NULL && i < sorted.count; i++) {
        if (json_array_append_new(rows, row_json(core, &sorted.rows[i])) != 0) {
            json_decref(rows);
            rows = NULL;
        }
    }
    rill_admin_json(out, 200,
                    rows == NULL ? NULL
                                 : json_pack("{s:s, s:o, s:I}", "account", a->config->name,
                                             "rejects", rows, "others", (json_int_t)sorted.others));
}
