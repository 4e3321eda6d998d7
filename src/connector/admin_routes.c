/* SPDX-License-Identifier: Apache-2.0 */
/* The ways that a node knows. */
#include <string.h>

#include "connector/admin_answer.h"

/* There may be a million: whoever wants to see others names what they begin with. */
enum { MOST = 1000 };

static const char *kind_of(const rill_routing_line *line)
{
    switch (line->kind) {
    case RILL_ROUTE_OWN:
        return "own";
    case RILL_ROUTE_CHILD:
        return "child";
    case RILL_ROUTE_STATIC:
        return "configured";
    default:
        return "learnt";
    }
}

static json_t *route_json(const rill_routing_line *line)
{
    char prefix[RILL_ILP_MAX_ADDRESS + 1];
    size_t len = line->prefix.len < sizeof prefix ? line->prefix.len : sizeof prefix - 1;
    if (len > 0)
        memcpy(prefix, line->prefix.data, len);
    prefix[len] = '\0';
    return json_pack("{s:s, s:s?, s:s, s:i, s:b, s:b}", "prefix", prefix, "account", line->account,
                     "kind", kind_of(line), "hops", (int)line->hops, "taken", (int)line->best,
                     "away", (int)line->away);
}

/* An empty prefix is that of all. */
static bool is_asked_for(const rill_routing_line *line, const char *prefix)
{
    size_t len = strlen(prefix);
    return line->prefix.len >= len && (len == 0 || memcmp(line->prefix.data, prefix, len) == 0);
}

void rill_admin_routes(const rill_core *core, rill_bytes query, rill_admin_answer *out)
{
    char prefix[RILL_ILP_MAX_ADDRESS + 1] = "";
    rill_routing_cursor cursor = {0};
    rill_routing_line line;
    size_t count = 0;
    bool more = false;
    json_t *all = json_array();
    bool asked = rill_admin_query(query, "prefix", prefix, sizeof prefix);
    while (!more && rill_routing_next(rill_core_routing(core), &cursor, &line)) {
        if (asked && !is_asked_for(&line, prefix))
            continue;
        more = count++ == MOST;
        if (!more && json_array_append_new(all, route_json(&line)) != 0) {
            json_decref(all);
            all = NULL;
            break;
        }
    }
    rill_admin_json(out, 200,
                    all == NULL ? NULL : json_pack("{s:o, s:b}", "routes", all, "more", (int)more));
}
