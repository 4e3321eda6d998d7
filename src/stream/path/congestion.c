/* SPDX-License-Identifier: Apache-2.0 */
#include "stream/path/congestion.h"

#include <assert.h>

#include "base/alloc.h"
#include "base/muldiv.h"

/* Beyond a round trip: applications may take a moment to decide. */
#define LEAST_PATIENCE (200 * RILL_MS)
/* Before any round trip is known: what is lost then must not fill a small window for long. */
#define FIRST_PATIENCE (3 * RILL_SECOND)
/* A window is used up but for this part of it. */
#define REST_PART 4

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
    c->value_piece = UINT64_MAX;
    c->least_piece = 1;
    c->good_piece = 1;
    c->most_piece = UINT64_MAX;
    ops->init(c, c->max_packets);
    return c;
}

void rill_congestion_free(const rill_allocator *a, rill_congestion *c)
{
    rill_free(a, c);
}

void rill_congestion_readmit(rill_congestion *c, uint64_t amount)
{
    rill_congestion_add(c, amount);
}

uint64_t rill_congestion_patience(const rill_congestion *c)
{
    uint64_t rtt = c->smoothed_rtt;
    uint64_t more = rill_mul_div_floor_sat(c->rtt_variance, 4, 1);

    if (rtt == 0)
        return FIRST_PATIENCE;
    if (more < rtt)
        more = rtt;
    if (more < LEAST_PATIENCE)
        more = LEAST_PATIENCE;
    return rill_add_sat(rtt, more);
}

uint32_t rill_congestion_packets(const rill_congestion *c)
{
    return c->packet_window > c->packets_in_flight ? c->packet_window - c->packets_in_flight : 0;
}

uint64_t rill_congestion_value(const rill_congestion *c)
{
    uint64_t left = rill_sub_sat(c->value_window, c->value_in_flight);

    /* Never 0 with nothing in flight, or nothing would ever be sent again. */
    if (c->value_in_flight == 0 && left == 0)
        return 1;
    if (left >= c->value_piece)
        return c->value_piece;
    /* The rest of a window may be too little to be worth a packet: more comes with an answer. But
     * what is not used up does not grow. */
    uint64_t enough = c->by_pieces ? c->good_piece : c->value_window / REST_PART;
    if (enough > c->least_piece && !c->by_pieces)
        enough = c->least_piece;
    return left >= enough || left >= c->most_piece || c->value_in_flight == 0 ? left : 0;
}
