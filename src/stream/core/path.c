/* SPDX-License-Identifier: Apache-2.0 */
#include "stream/core/path.h"

#include "base/alloc.h"
#include "stream/core/connection_internal.h"
#include "stream/core/endpoint_internal.h"

/* Beside its congestion: a connection that has sent anything has both. */
_Static_assert(sizeof(rill_path) <= 576, "a path is not larger than nine cache lines");

rill_path *rill_path_new(const rill_allocator *a, const rill_connection_options *o)
{
    rill_path *path = rill_calloc(a, 1, sizeof *path);
    if (!path)
        return NULL;
    path->congestion = rill_congestion_new(a, o->max_in_flight);
    if (!path->congestion) {
        rill_free(a, path);
        return NULL;
    }
    rill_packet_size_init(&path->packet_size, o->max_packet_amount);
    rill_rate_init(&path->rate, o->min_rate, o->slippage);
    rill_worth_init(&path->worth);
    rill_flights_init(&path->flights);
    return path;
}

void rill_path_free(const rill_allocator *a, rill_path *path)
{
    if (!path)
        return;
    assert(path->flights.count == 0);
    rill_congestion_free(a, path->congestion);
    rill_free(a, path);
}

bool rill_path_is_unused(const rill_path *path)
{
    return path->lent && path->flights.count == 0 && rill_list_empty(&path->flights.out) &&
           path->tally.era == 0 && path->patience.low_rate_since == 0 &&
           path->patience.look_at == 0 && path->packet_size.passed == 0 &&
           !rill_rate_is_known(&path->rate) && !rill_rate_was_probed(&path->rate) &&
           path->worth.limit == 0 && !path->worth.soured && path->suspected == 0 &&
           path->suspicions == 0 && path->money.sent == 0 &&
           rill_sum_shown(&path->money.held) == 0 && rill_sum_shown(&path->money.in_doubt) == 0;
}

bool rill_path_own(rill_connection *c)
{
    assert(c->path->lent);
    rill_path *own = rill_path_new(c->endpoint->allocator, c->options);
    if (!own)
        return false;
    c->path = own;
    return true;
}
