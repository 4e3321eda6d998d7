/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Connections between nodes that come and go many times, or stay away for longer than routes are
 * good for; and neighbours that are told no routes any more, or whose words are not taken: routes
 * are announced, withdrawn and forgotten while packets are under way.
 */
#include "parts.h"

#include <inttypes.h>

/* ---- connections ---- */

static net_way *any_way(net *n)
{
    net_way *w = &n->ways[sim_rng_below(&n->rng, n->way_count)];
    return w->side[1].node == NULL ? NULL : w;
}

static void cuts(void *context, uint64_t argument)
{
    net_way *w = context;
    (void)argument;
    if (!w->net->report.failed && !w->net->calm)
        net_way_cut(w);
}

void net_flap(net *n)
{
    net_way *w = any_way(n);
    uint64_t at = net_now(n);
    if (w == NULL)
        return;
    uint64_t count = sim_rng_range(&n->rng, 3, 14);
    n->counts.flaps++;
    sim_trace(&n->report, "FAULT: the connection of %s and %s flaps %" PRIu64 " times",
              w->side[0].node->address, w->side[1].node->address, count);
    for (; count > 0; count--) {
        sim_queue_put(&n->queue, at, cuts, w, 0, NULL);
        at += sim_rng_range(&n->rng, 30, 2500) * RILL_MS;
    }
}

void net_darken(net *n)
{
    net_way *w = any_way(n);
    if (w == NULL)
        return;
    uint64_t ms = sim_rng_range(&n->rng, 1000, 16000);
    n->counts.dark++;
    sim_trace(&n->report, "FAULT: nothing connects %s and %s for %" PRIu64 " ms",
              w->side[0].node->address, w->side[1].node->address, ms);
    w->dark_until = net_now(n) + ms * RILL_MS;
    net_way_cut(w);
}

/* ---- what is said ---- */

bool net_sends_routes(const net_account *a)
{
    if (!a->way->net->learns || a->mute)
        return false;
    return a->relation != RILL_RELATION_PARENT || a->tells_parent;
}

bool net_receives_routes(const net_account *a)
{
    if (!a->way->net->learns || a->deaf)
        return false;
    return a->relation != RILL_RELATION_CHILD || a->way->side[1 - a->side].node != NULL;
}

void net_hush(net_node *node)
{
    net *n = node->net;
    if (!n->learns || !net_node_can_reload(node))
        return;
    for (unsigned i = 0; i < node->account_count; i++) {
        net_account *a = &node->accounts[i];
        if (a->by_api)
            continue;
        if (sim_rng_chance(&n->rng, 300))
            a->mute = !a->mute;
        if (sim_rng_chance(&n->rng, 300))
            a->deaf = !a->deaf;
    }
    n->counts.quiet++;
    net_node_reload(node);
}
