/* SPDX-License-Identifier: Apache-2.0 */
/* Packets that are under way, and those that were when the node was killed. */
#include <inttypes.h>
#include <stdio.h>

#include "base/wide_text.h"
#include "connector/admin_answer.h"
#include "connector/when.h"

/* An answer lists no more. */
enum { MOST = 10000 };

static json_t *flight_json(const rill_core_flight *f)
{
    char taken[RILL_WIDE_TEXT];
    char given[RILL_WIDE_TEXT];
    char expires[RILL_WHEN_TEXT];
    char id[48];
    (void)snprintf(id, sizeof id, "%" PRIu64 ".%" PRIu32, f->flight->run, f->slot);
    rill_wide_text(rill_wide(f->flight->taken), taken);
    rill_wide_text(rill_wide(f->flight->given), given);
    rill_when_text(f->flight->expires_ms, expires);
    return json_pack("{s:s, s:s?, s:s?, s:s, s:s, s:s, s:b}", "id", id, "from",
                     f->source == NULL ? NULL : f->source->config->name, "to",
                     f->destination == NULL ? NULL : f->destination->config->name, "taken", taken,
                     "given", given, "expires", expires, "fulfilled", f->flight->group != 0);
}

void rill_admin_flights(const rill_core *core, rill_admin_answer *out)
{
    size_t cursor = 0;
    rill_core_flight f;
    json_t *all = json_array();
    while (all != NULL && json_array_size(all) < MOST && rill_core_next_flight(core, &cursor, &f)) {
        if (json_array_append_new(all, flight_json(&f)) != 0) {
            json_decref(all);
            all = NULL;
        }
    }
    rill_admin_json(out, 200,
                    all == NULL
                        ? NULL
                        : json_pack("{s:I, s:o, s:I}", "open",
                                    (json_int_t)rill_hub_open(rill_core_hub(core)), "from_before",
                                    all, "booked_at_start", (json_int_t)rill_core_recovered(core)));
}
