/* SPDX-License-Identifier: Apache-2.0 */
#include "node/routes.h"

#include <rill/error.h>

#include <string.h>

#include "base/alloc.h"
#include "base/list.h"

typedef struct route {
    rill_name name;
    rill_hop hop;
    uint8_t prefix[];
} route;

void rill_routes_init(rill_routes *r, const rill_allocator *allocator, const uint64_t key[2])
{
    memset(r, 0, sizeof *r);
    r->allocator = allocator;
    rill_names_init(&r->names, allocator, key);
}

static route *route_of(rill_name *name)
{
    return RILL_CONTAINER(name, route, name);
}

void rill_routes_clear(rill_routes *r)
{
    size_t cursor = 0;
    for (rill_name *n; (n = rill_names_next(&r->names, &cursor)) != NULL;) {
        rill_names_remove(&r->names, n);
        rill_free(r->allocator, route_of(n));
    }
    rill_names_clear(&r->names);
}

/*
 * Where each of the address's segments ends, at most `max` of them; returns
 * their number, 0 for an empty address.
 */
static size_t segment_ends(rill_bytes address, size_t max, size_t *ends)
{
    size_t count = 0;
    for (size_t i = 0; i < address.len && count < max; i++) {
        if (i + 1 == address.len || address.data[i + 1] == '.')
            ends[count++] = i + 1;
    }
    return count;
}

static size_t count_segments(rill_bytes prefix)
{
    /* One more than is allowed, so that too many shows. */
    size_t ends[RILL_ROUTE_MAX_SEGMENTS + 1];
    return segment_ends(prefix, RILL_ROUTE_MAX_SEGMENTS + 1, ends);
}

int rill_routes_add(rill_routes *r, rill_bytes prefix, rill_hop hop)
{
    if (!rill_address_prefix_valid(prefix))
        return RILL_ERR_ADDRESS;
    size_t segments = count_segments(prefix);
    if (segments > RILL_ROUTE_MAX_SEGMENTS)
        return RILL_ERR_LIMIT;
    route *added = rill_alloc(r->allocator, sizeof *added + prefix.len + 1);
    if (added == NULL)
        return RILL_ERR_NOMEM;
    if (prefix.len > 0)
        memcpy(added->prefix, prefix.data, prefix.len);
    added->hop = hop;
    added->hop.prefix = (rill_bytes){added->prefix, prefix.len};
    int rc = rill_names_put(&r->names, &added->name, added->hop.prefix);
    if (rc != RILL_OK) {
        rill_free(r->allocator, added);
        return rc;
    }
    r->by_segments[segments]++;
    if (segments > r->deepest)
        r->deepest = segments;
    return RILL_OK;
}

int rill_routes_set(rill_routes *r, rill_bytes prefix, rill_hop hop)
{
    rill_name *name = rill_names_find(&r->names, prefix);
    if (name == NULL)
        return rill_routes_add(r, prefix, hop);
    route *known = route_of(name);
    hop.prefix = known->hop.prefix;
    known->hop = hop;
    return RILL_OK;
}

int rill_routes_remove(rill_routes *r, rill_bytes prefix)
{
    rill_name *name = rill_names_find(&r->names, prefix);
    if (name == NULL)
        return RILL_ERR_NOT_FOUND;
    r->by_segments[count_segments(prefix)]--;
    rill_names_remove(&r->names, name);
    rill_free(r->allocator, route_of(name));
    while (r->deepest > 0 && r->by_segments[r->deepest] == 0)
        r->deepest--;
    return RILL_OK;
}

bool rill_routes_lead_to(const rill_routes *r, const struct rill_account *account)
{
    size_t cursor = 0;
    for (rill_name *n; (n = rill_names_next(&r->names, &cursor)) != NULL;) {
        if (route_of(n)->hop.account == account)
            return true;
    }
    return false;
}

rill_hop rill_routes_find(const rill_routes *r, rill_bytes destination)
{
    size_t ends[RILL_ROUTE_MAX_SEGMENTS + 1];
    ends[0] = 0;
    size_t segments = segment_ends(destination, r->deepest, ends + 1);
    for (size_t n = segments + 1; n-- > 0;) {
        if (r->by_segments[n] == 0)
            continue;
        rill_name *found = rill_names_find(&r->names, (rill_bytes){destination.data, ends[n]});
        if (found != NULL)
            return route_of(found)->hop;
    }
    return (rill_hop){.kind = RILL_HOP_NONE};
}
