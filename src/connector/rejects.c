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

static bool is_of(const rill_reject_row *row, const rill_reject *reject, rill_balance_id by,
                  const char *triggered_by)
{
    return row->by == by && strcmp(row->code.text, reject->code.text) == 0 &&
           strcmp(row->triggered_by, triggered_by) == 0;
}

void rill_rejects_count(rill_rejects *r, const rill_reject *reject, rill_balance_id by,
                        uint64_t wall_ms)
{
    char triggered_by[RILL_REJECTS_TEXT];
    size_t i = 0;
    keep(triggered_by, reject->triggered_by);
    while (i < r->count && !is_of(&r->rows[i], reject, by, triggered_by))
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
        memcpy(row->triggered_by, triggered_by, sizeof row->triggered_by);
    }
    keep(row->message, reject->message);
    row->count++;
    row->last_ms = wall_ms;
}
