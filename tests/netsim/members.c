/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Accounts that are taken out of a configuration while packets are under way, and put back: before
 * they have gone, or after. And configurations that must be refused, and change nothing.
 */
#include "parts.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

static void set_out(net_node *node, net_account *a, bool out)
{
    net *n = node->net;
    a->out = out;
    a->out_at = net_now(n);
    n->counts.taken_out += out;
    n->counts.put_back += !out;
    sim_trace(&n->report, "FAULT: %s: %s is %s", node->address, a->name,
              out ? "taken out" : "put back");
}

static void set_link(net_node *node, const net_account *a)
{
    if (!node->running || a->side != 1)
        return;
    if (a->out)
        net_way_close(a->way);
    else
        net_way_reconnect(a->way);
}

void net_member_toggle(net_node *node)
{
    net *n = node->net;
    net_account *a = &node->accounts[sim_rng_below(&n->rng, node->account_count)];
    if (!net_node_can_reload(node) || a->by_api)
        return;
    set_out(node, a, !a->out);
    net_node_reload(node);
    set_link(node, a);
}

void net_members_restore(net_node *node)
{
    bool any = false;
    bool were[NET_ACCOUNTS];
    for (unsigned i = 0; i < node->account_count; i++) {
        net_account *a = &node->accounts[i];
        were[i] = a->out && !a->by_api;
        any = any || were[i] || a->engine_off || a->mute || a->deaf;
        a->engine_off = a->mute = a->deaf = false;
        if (were[i])
            set_out(node, a, false);
    }
    if (!any || !node->running)
        return;
    net_node_reload(node);
    for (unsigned i = 0; i < node->account_count; i++) {
        if (were[i])
            set_link(node, &node->accounts[i]);
    }
}

void net_member_attempt(net_node *node)
{
    net *n = node->net;
    net_account *a = &node->accounts[sim_rng_below(&n->rng, node->account_count)];
    bool were[NET_ACCOUNTS];
    rill_relation relation = a->relation;
    unsigned asset = a->way->asset;
    if (!net_node_can_reload(node) || a->out || a->by_api)
        return;
    /* What else it has does not happen, either. */
    for (unsigned i = 0; i < node->account_count; i++) {
        were[i] = node->accounts[i].out;
        if (&node->accounts[i] != a && !node->accounts[i].by_api && sim_rng_chance(&n->rng, 200))
            node->accounts[i].out = !were[i];
    }
    if (n->asset_count > 1 && sim_rng_chance(&n->rng, 700))
        a->way->asset = (asset + 1) % n->asset_count;
    else
        a->relation = relation == RILL_RELATION_PEER ? RILL_RELATION_CHILD : RILL_RELATION_PEER;
    net_write_config(node);
    a->way->asset = asset;
    a->relation = relation;
    for (unsigned i = 0; i < node->account_count; i++)
        node->accounts[i].out = were[i];
    n->counts.refused_loads++;
    net_node_reload_wrong(node);
    net_write_config(node);
}

/* Who is taken out still answers what it was sent: for as long as a packet may wait. */
#define HOLD_TIME (30 * RILL_SECOND)

void net_member_closes(net_node *node, unsigned account)
{
    const net_account *a = &node->accounts[account];
    if (!a->out || net_now(node->net) >= a->out_at + HOLD_TIME)
        return;
    for (const rill_list *at = node->flights.next; at != &node->flights; at = at->next) {
        const net_flight *f = RILL_CONTAINER(at, net_flight, link);
        /* One that brings nothing is not waited for. */
        if (f->state == NET_FLIGHT_OUT && f->destination == account && f->given > 0)
            sim_violation(&node->net->report, "%s: gives up packet %" PRIu64 ", which %s has",
                          node->address, f->in->number, a->name);
    }
}

void net_member_gone(net_node *node, net_account *a)
{
    sim_report *r = &node->net->report;
    if (a->held != 0 || a->coming != 0)
        sim_violation(r, "%s: %s is gone, and %" PRIu64 " of it is held, %" PRIu64 " is coming",
                      node->address, a->name, (uint64_t)a->held, (uint64_t)a->coming);
    node->net->counts.gone += !a->gone;
    a->gone = true;
    a->unseen = 0;
    a->unseen_packets = 0;
    a->late = 0;
    a->late_packets = 0;
}
