/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The invariants of what a store has: in each asset all balances add up to 0 after every batch, and
 * each balance is what packets and entries made of it. It reckons with its own numbers, from the
 * batches alone.
 */
#include "parts.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

static oracle_u128 wide_of(rill_sum sum)
{
    return (oracle_u128)sum.high << 64 | sum.low;
}

static bool same_asset(const net_disk *d, size_t a, size_t b)
{
    return d->accounts[a].scale == d->accounts[b].scale && strcmp(d->assets[a], d->assets[b]) == 0;
}

/* ---- what is kept ---- */

/* Values are whole: one replaces the one before. */
static void keep_flow(net_disk *d, const rill_store_flow *row)
{
    size_t i = d->flow_count;
    while (i > 0) {
        const net_disk_flow *f = &d->flows[i - 1];
        if (f->run == d->run && f->row.minute == row->minute && f->row.source == row->source &&
            f->row.destination == row->destination)
            break;
        i--;
    }
    if (i == 0) {
        d->flows = sim_reallocate(d->flows, (d->flow_count + 1) * sizeof *d->flows);
        i = ++d->flow_count;
    }
    d->flows[i - 1] = (net_disk_flow){d->run, *row};
}

static void check_even(const net_disk *d)
{
    for (size_t i = 1; i <= d->last; i++) {
        oracle_i128 sum = 0;
        size_t first = 1;
        while (!same_asset(d, first, i))
            first++;
        if (first < i)
            continue; /* of this asset all are added up already */
        for (size_t k = 1; k <= d->last; k++)
            sum += same_asset(d, i, k) ? net_wide(d->booked[k]) : 0;
        if (sum != 0)
            sim_violation(&d->node->net->report,
                          "%s: what its store has of %s/%u adds up to %" PRId64 ", and not to 0",
                          d->node->address, d->assets[i], d->accounts[i].scale, (int64_t)sum);
    }
}

void net_audit_kept(net_disk *d, const rill_store_batch *batch, bool again)
{
    for (size_t i = 0; i < batch->flow_count; i++)
        keep_flow(d, &batch->flows[i]);
    /* A batch of which the node does not know that it is kept comes again as it was. */
    for (size_t i = 0; i < batch->entry_count && !again; i++) {
        const rill_store_entry *e = &batch->entries[i];
        if (e->account < NET_DISK_ROWS && (unsigned)e->kind < NET_DISK_KINDS)
            d->entered[e->account][e->kind] += e->amount;
        else
            sim_violation(&d->node->net->report, "%s: its store has no room for an entry",
                          d->node->address);
    }
    check_even(d);
}

/* ---- all of it, anew ---- */

static oracle_i128 entered(const net_disk *d, size_t id)
{
    const oracle_u128 *of = d->entered[id];
    return (oracle_i128)(of[RILL_ENTRY_SETTLED_IN] + of[RILL_ENTRY_DEPOSIT] +
                         of[RILL_ENTRY_SETTLED_BACK]) -
           (oracle_i128)(of[RILL_ENTRY_SETTLED_OUT] + of[RILL_ENTRY_WITHDRAWAL]);
}

/* What a packet takes goes to the exchange of its asset, and what it brings comes from there. */
static oracle_i128 by_packets(const net_disk *d, size_t id)
{
    oracle_i128 sum = 0;
    for (size_t i = 0; i < d->flow_count; i++) {
        const rill_store_flow *f = &d->flows[i].row;
        const bool exchange = d->accounts[id].holder == RILL_HOLDER_EXCHANGE;
        if (f->source == id)
            sum -= (oracle_i128)wide_of(f->taken);
        if (f->destination == id)
            sum += (oracle_i128)wide_of(f->given);
        if (exchange && same_asset(d, f->source, id))
            sum += (oracle_i128)wide_of(f->taken);
        if (exchange && same_asset(d, f->destination, id))
            sum -= (oracle_i128)wide_of(f->given);
    }
    return sum;
}

static oracle_i128 by_entries(const net_disk *d, size_t id)
{
    oracle_i128 sum = entered(d, id);
    for (size_t i = 1; i <= d->last && d->accounts[id].holder == RILL_HOLDER_OUTSIDE; i++)
        sum -= same_asset(d, i, id) ? entered(d, i) : 0;
    return sum;
}

void net_audit_judge(const net_disk *d)
{
    for (size_t id = 1; id <= d->last; id++) {
        const oracle_i128 wanted = by_packets(d, id) + by_entries(d, id);
        if (net_wide(d->booked[id]) != wanted)
            sim_violation(&d->node->net->report,
                          "%s: its store has a balance of %" PRId64 " for %s in %s/%u, and what is "
                          "booked makes %" PRId64,
                          d->node->address, (int64_t)net_wide(d->booked[id]),
                          d->names[id][0] != '\0'                          ? d->names[id]
                          : d->accounts[id].holder == RILL_HOLDER_EXCHANGE ? "the exchange"
                                                                           : "outside",
                          d->assets[id], d->accounts[id].scale, (int64_t)wanted);
    }
}

void net_audit_free(net_disk *d)
{
    free(d->flows);
}
