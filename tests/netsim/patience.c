/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Askers that do not wait: as over HTTP, where a client gives up a request after a while and all
 * else goes on. The answer is nobody's then, and who was asked learns of it a little later.
 */
#include "parts.h"

#include <inttypes.h>

#include <rill/error.h>

/* How long somebody waits at most. Many an answer comes in this time. */
#define PATIENCE_MAX (400 * RILL_MS)

void net_patience_draw(net *n)
{
    sim_rng_seed(&n->patience, n->seed, 3);
    for (unsigned i = 0; i < n->way_count; i++) {
        if (sim_rng_chance(&n->patience, 400))
            n->ways[i].impatience = (uint32_t)sim_rng_range(&n->patience, 10, 150);
    }
}

/* Who has answered before has sent it into the void: nobody can tell it so. */
static void learns(void *context, uint64_t argument)
{
    net_prepare *p = context;
    (void)argument;
    if (!p->replied)
        p->asker_gone = true;
}

static void gives_up(void *context, uint64_t argument)
{
    net_prepare *p = context;
    net_conn *c = p->conn;
    net_way *w = c->way;
    net *n = w->net;
    net_end *end = c->end[p->from];
    net_node *node = w->side[p->from].node;
    (void)argument;
    if (n->report.failed || n->calm || c->gone[p->from] || end->closed ||
        !rill_list_linked(&p->open))
        return;
    sim_trace(&n->report, "packet %" PRIu64 " of %" PRIu64 " is given up by who sent it", p->number,
              p->amount);
    rill_list_remove(&p->open);
    p->given_up = true;
    p->why |= NET_WHY_CUT;
    n->counts.given_up++;
    /* Behind what was sent before. */
    uint64_t at = net_now(n) + w->latency;
    at = at < c->last_at[p->from] ? c->last_at[p->from] : at;
    sim_queue_put(&n->queue, at, learns, p, 0, NULL);
    if (node != NULL)
        net_ledger_unanswered(node, p);
    end->link.on.unanswered(&end->link, p->outgoing_id, RILL_ERR_IDLE, true, end->link.user);
    if (node != NULL)
        net_node_after(node);
}

void net_patience_begins(net *n, net_prepare *p)
{
    if (n->calm || p->conn->way->impatience == 0 ||
        !sim_rng_chance(&n->patience, p->conn->way->impatience))
        return;
    uint64_t at = net_now(n) + sim_rng_range(&n->patience, RILL_MS, PATIENCE_MAX);
    sim_queue_put(&n->queue, at, gives_up, p, 0, NULL);
}
