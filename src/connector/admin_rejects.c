/* SPDX-License-Identifier: Apache-2.0 */
/* Why packets of an account were rejected. */
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
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
                    rows == NULL
                        ? NULL
                        : json_pack("{s:s, s:o, s:I, s:o, s:o}", "account", a->config->name,
                                    "rejects", rows, "others", (json_int_t)sorted.others, "late",
                                    rill_admin_late(a), "unanswered", rill_admin_unanswered(a)));
}

/* ---- of all accounts ---- */

/* An answer has no more rows. */
enum { MOST = 1000 };

typedef struct all_row {
    const rill_holder_account *account;
    const rill_reject_row *row;
} all_row;

static int most_of_all_first(const void *a, const void *b)
{
    const all_row *x = a;
    const all_row *y = b;
    int order = most_first(x->row, y->row);
    return order != 0 ? order : strcmp(x->account->config->name, y->account->config->name);
}

static size_t count_rows(const rill_core *core, uint64_t *others)
{
    size_t count = 0;
    *others = 0;
    for (size_t i = 0; i < rill_core_accounts(core); i++) {
        const rill_rejects *r = rill_core_account(core, i)->rejects;
        count += r == NULL ? 0 : r->count;
        *others += r == NULL ? 0 : r->others;
    }
    return count;
}

static void put_rows(const rill_core *core, all_row *rows)
{
    for (size_t i = 0; i < rill_core_accounts(core); i++) {
        const rill_holder_account *a = rill_core_account(core, i);
        for (size_t k = 0; a->rejects != NULL && k < a->rejects->count; k++)
            *rows++ = (all_row){a, &a->rejects->rows[k]};
    }
}

static json_t *all_row_json(const rill_core *core, const all_row *r)
{
    json_t *row = row_json(core, r->row);
    if (row != NULL &&
        json_object_set_new(row, "account", json_string(r->account->config->name)) == 0)
        return row;
    json_decref(row);
    return NULL;
}

void rill_admin_all_rejects(const rill_core *core, rill_admin_answer *out)
{
    uint64_t others;
    size_t count = count_rows(core, &others);
    all_row *all = rill_calloc(rill_allocator_default(), count + 1, sizeof *all);
    json_t *rows = all == NULL ? NULL : json_array();
    if (all != NULL) {
        put_rows(core, all);
        qsort(all, count, sizeof *all, most_of_all_first);
    }
    for (size_t i = 0; rows != NULL && i < count && i < MOST; i++) {
        if (json_array_append_new(rows, all_row_json(core, &all[i])) != 0) {
            json_decref(rows);
            rows = NULL;
        }
    }
    rill_free(rill_allocator_default(), all);
    rill_admin_json(out, 200,
                    rows == NULL ? NULL
                                 : json_pack("{s:o, s:b, s:I}", "rejects", rows, "more",
                                             (int)(count > MOST), "others", (json_int_t)others));
}
