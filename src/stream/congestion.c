/* SPDX-License-Identifier: Apache-2.0 */
#include "stream/congestion.h"

#include <assert.h>

#include "base/alloc.h"
#include "base/muldiv.h"

rill_congestion *rill_congestion_new(const rill_allocator *a, const rill_congestion_ops *ops,
                                     uint32_t max_packets)
{
    assert(ops->size >= sizeof(rill_congestion));
    rill_congestion *c = rill_calloc(a, 1, ops->size);

    if (c == NULL)
        return NULL;
    c->ops = ops;
    c->max_packets = max_packets > 0 ? max_packets : 1;
    c->packet_window = c->max_packets;
    c->value_window = UINT64_MAX;
    ops->init(c, c->max_packets);
    return c;
}

void rill_congestion_free(const rill_allocator *a, rill_congestion *c)
{
    rill_free(a, c);
}

uint32_t rill_congestion_packets(const rill_congestion *c)
{
    return c->packet_window > c->packets_in_flight ? c->packet_window - c->packets_in_flight : 0;
}

uint64_t rill_congestion_value(const rill_congestion *c)
{
    /* Never 0 with nothing in flight, or nothing would ever be sent again. */
    if (c->value_in_flight == 0 && c->value_window == 0)
        return 1;
    return rill_sub_sat(c->value_window, c->value_in_flight);
}
