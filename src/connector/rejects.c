/* SPDX-License-Identifier: Apache-2.0 */
#include "connector/rejects.h"

#include <string.h>

/* What others wrote: what is no printable ASCII is a question mark. */
static void keep(char out[RILL_REJECTS_TEXT], rill_bytes text)
{
    size_t len = text.len < RILL_REJECTS_TEXT - 1 ? text.len : RILL_REJECTS_TEXT - 1;
    for (size_t i = 0; i < len; i++)
        out[i] = text.data[i] >= 0x20 && text.data[i] < 0x7f ? (char)text.data[i] : '?';
    out[len] = '\0';
}

/*
 * This node has several limits of a code: which one it was is in the message, of which there are
 * few then. What others say in theirs nobody knows.
 */
static bool says_which(const rill_reject *reject, rill_balance_id by)
{
    return by == 0 &&
           (strcmp(reject->code.text, "T04") == 0 || strcmp(reject->code.text, "T05") == 0);
}

static bool is_of(const rill_reject_row *row, const rill_reject *reject, rill_balance_id by,
                  const rill_reject_row *as)
{
    return row->by == by && strcmp(row->code.text, reject->code.text) == 0 &&
           strcmp(row->triggered_by, as->triggered_by) == 0 &&
           (!says_which(reject, by) || strcmp(row->message, as->message) == 0);
}

void rill_rejects_count(rill_rejects *r, const rill_reject *reject, rill_balance_id by,
                        uint64_t wall_ms)
{
    rill_reject_row as;
    size_t i = 0;
    keep(as.triggered_by, reject->triggered_by);
    keep(as.message, reject->message);
    while (i < r->count && !is_of(&r->rows[i], reject, by, &as))
        i++;
    if (i == RILL_REJECTS_KEPT) {
        r->others++;
        return;
    }
    rill_reject_row *row = &r->rows[i];
    if (i == r->count) {
        r->count++;
        row->code = reject->code;
        row->by = by;
        memcpy(row->triggered_by, as.triggered_by, sizeof row->triggered_by);
    }
    memcpy(row->message, as.message, sizeof row->message);
    row->count++;
    row->last_ms = wall_ms;
}
