/* SPDX-License-Identifier: Apache-2.0 */
/*
 * When nothing happens any more, programs send packets without money to each other. Routes have
 * come to rest, so each packet finds its way, and none comes to a node twice. Where it can get is
 * reckoned from who tells whom of routes, and not with what nodes have learnt.
 */
#include "parts.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <rill/error.h>

/* One after the other, so that no limit keeps them back. */
#define EVERY RILL_SECOND
/* Longer than any packet waits. */
#define PATIENCE (40 * RILL_SECOND)
/* Ids that no endpoint gives. */
#define FIRST_ID (UINT64_C(1) << 62)

/* ---- where a packet can get ---- */

typedef struct tables {
    bool knows[NET_NODES][NET_NODES];    /* the first one has a way to the second one's address */
    bool by_child[NET_NODES][NET_NODES]; /* ... by a child of its */
} tables;

static const net_account *account_at(const net_way *w, unsigned side)
{
    return &w->side[side].node->accounts[w->side[side].account];
}

/* One side tells the other one all that it knows and may tell. True: that was news. */
static bool tell(tables *t, const net_way *w, unsigned from)
{
    const net_account *teller = account_at(w, from);
    const net_account *hearer = account_at(w, 1 - from);
    const unsigned x = w->side[from].node->index;
    const unsigned y = w->side[1 - from].node->index;
    const bool to_parent = teller->relation == RILL_RELATION_PARENT;
    const bool of_child = hearer->relation == RILL_RELATION_CHILD;
    bool news = false;
    if (!net_sends_routes(teller) || !net_receives_routes(hearer))
        return false;
    for (unsigned i = 0; i < w->net->node_count; i++) {
        /* A parent is told of who is below alone. */
        if (i == y || !t->knows[x][i] || (to_parent && i != x && !t->by_child[x][i]))
            continue;
        news = news || !t->knows[y][i] || (of_child && !t->by_child[y][i]);
        t->knows[y][i] = true;
        t->by_child[y][i] = t->by_child[y][i] || of_child;
    }
    return news;
}

static bool is_below(const net_node *node, const net_node *above)
{
    const size_t len = strlen(above->address);
    return strncmp(node->address, above->address, len) == 0 &&
           (node->address[len] == '.' || node->address[len] == '\0');
}

/* Its own configuration, and the addresses that it gave. */
static void begin_tables(const net *n, tables *t)
{
    memset(t, 0, sizeof *t);
    for (unsigned i = 0; i < n->node_count; i++) {
        const net_node *node = &n->nodes[i];
        t->knows[i][i] = true;
        for (unsigned k = 0; k < n->node_count; k++) {
            const bool child = n->nodes[k].parent == node;
            t->knows[i][k] = t->knows[i][k] || child;
            t->by_child[i][k] = t->by_child[i][k] || child;
        }
        for (unsigned k = 0; k < n->node_count && n->configured; k++) {
            if (n->nodes[k].parent == NULL)
                t->knows[i][k] = true;
        }
    }
}

static void fill_tables(const net *n, tables *t)
{
    bool news = true;
    begin_tables(n, t);
    while (news) {
        news = false;
        for (unsigned i = 0; i < n->way_count; i++) {
            if (n->ways[i].side[1].node == NULL)
                continue;
            news = tell(t, &n->ways[i], 0) || news;
            news = tell(t, &n->ways[i], 1) || news;
        }
    }
}

/* Who has no way asks its parent. */
static bool can_get(const net *n, const tables *t, const net_node *from, const net_node *to)
{
    for (; from != NULL; from = from->parent) {
        for (unsigned i = 0; i < n->node_count; i++) {
            if (t->knows[from->index][i] && is_below(to, &n->nodes[i]))
                return true;
        }
    }
    return false;
}

/* ---- sending ---- */

static void sends(void *context, uint64_t index)
{
    net *n = context;
    net_probe *p = &n->probes[index];
    uint8_t packet[512];
    uint8_t condition[32];
    size_t len = 0;
    if (n->report.failed)
        return;
    sim_rng_fill(&n->rng, condition, sizeof condition);
    const rill_prepare prepare = {
        .expires_at_ms = NET_WALL + net_now(n) / RILL_MS + 60000,
        .condition = condition,
        .destination = {(const uint8_t *)p->to->address, strlen(p->to->address)},
    };
    if (rill_prepare_encode(&prepare, packet, sizeof packet, &len) != RILL_OK)
        abort();
    n->counts.probes++;
    p->sent = net_send(&p->from->way->client, FIRST_ID + index, packet, len) == RILL_OK;
    if (p->sent)
        n->prepares[n->prepare_count - 1]->probe = p;
}

void net_probe_visits(net_probe *p, const net_node *node)
{
    const unsigned bit = 1u << node->index;
    if ((p->visited & bit) != 0)
        sim_violation(&node->net->report, "%s: a packet from %s to %s comes round again",
                      node->address, p->from->address, p->to->address);
    p->visited |= bit;
}

void net_probe_arrives(net_probe *p, const net_program *at)
{
    if (at != p->to)
        sim_violation(&at->net->report, "%s: a packet for %s comes here", at->address,
                      p->to->address);
    p->reached = true;
}

bool net_probe_answers(net *n, uint64_t id, const uint8_t *packet, size_t len)
{
    rill_reject reject;
    if (id < FIRST_ID)
        return false;
    net_probe *p = &n->probes[id - FIRST_ID];
    if (p->answered)
        sim_violation(&n->report, "%s: a packet is answered twice", p->from->address);
    p->answered = true;
    if (rill_reject_decode(&reject, packet, len) != RILL_OK) {
        sim_violation(&n->report, "%s: a packet that nobody can fulfill is fulfilled",
                      p->from->address);
        return true;
    }
    memcpy(p->code, reject.code.text, 3);
    snprintf(p->by, sizeof p->by, "%.*s", (int)reject.triggered_by.len,
             (const char *)reject.triggered_by.data);
    return true;
}

/* ---- all of it ---- */

/* Clocks are set right: what is not forwarded is not refused as too late. */
static void set_clocks(net *n)
{
    for (unsigned i = 0; i < n->node_count; i++)
        n->nodes[i].wall_offset = 0;
}

static void plan(net *n)
{
    for (unsigned i = 0; i < n->program_count; i++) {
        for (unsigned k = 0; k < n->program_count; k++) {
            net_program *from = &n->programs[i];
            net_program *to = &n->programs[k];
            if (i == k || from->thief || to->thief || n->probe_count == NET_PROBES)
                continue;
            n->probes[n->probe_count] = (net_probe){.from = from, .to = to};
            sim_queue_put(&n->queue, net_now(n) + EVERY * (n->probe_count + 1), sends, n,
                          n->probe_count, NULL);
            n->probe_count++;
        }
    }
}

uint64_t net_probes_begin(net *n)
{
    set_clocks(n);
    plan(n);
    return net_now(n) + EVERY * (n->probe_count + 1) + PATIENCE;
}

/*
 * A price may be too old, since clocks were set right just before. Whether it is, is judged where
 * the packet is refused (net_limits_refused).
 */
static bool lacks_price(const net *n, const net_probe *p)
{
    bool varies = false;
    for (unsigned i = 0; i < n->node_count; i++) {
        const net_node *node = &n->nodes[i];
        varies = varies || (node->pricing != NET_PRICES_FIXED && strcmp(node->address, p->by) == 0);
    }
    return varies && memcmp(p->code, "T00", 3) == 0;
}

void net_probes_judge(net *n)
{
    tables t;
    fill_tables(n, &t);
    for (unsigned i = 0; i < n->probe_count && !n->report.failed; i++) {
        const net_probe *p = &n->probes[i];
        const bool can = can_get(n, &t, p->from->way->side[0].node, p->to->way->side[0].node);
        n->counts.unreachable += !can;
        if (!p->sent || !p->answered)
            sim_violation(&n->report, "%s: a packet to %s is %s", p->from->address, p->to->address,
                          p->sent ? "never answered" : "not sent, in the end");
        else if (can && !p->reached && !lacks_price(n, p))
            sim_violation(&n->report, "%s: a packet to %s finds no way: %s by %s", p->from->address,
                          p->to->address, p->code, p->by);
        else if (!can && p->reached)
            sim_violation(&n->report, "%s: a packet to %s finds a way that nobody has told",
                          p->from->address, p->to->address);
    }
}
