/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Operators, who book what was deposited or withdrawn. Each asks with a key until its node has said
 * that the entry is kept, whatever happens to the node meanwhile: then it is booked once.
 */
#include "parts.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include <rill/error.h>

#define ASK_AGAIN (700 * RILL_MS)

static void move(net_entry *e, bool back)
{
    net_node *node = e->node;
    bool out = (e->kind == RILL_ENTRY_WITHDRAWAL) != back;
    oracle_i128 amount = out ? -(oracle_i128)e->amount : (oracle_i128)e->amount;
    node->accounts[e->account].booked += amount;
    node->outside[node->accounts[e->account].way->asset] -= amount;
}

static void asks(void *context, uint64_t argument)
{
    net_entry *e = context;
    net_node *node = e->node;
    net *n = node->net;
    const net_account *a = &node->accounts[e->account];
    const rill_bytes name = {(const uint8_t *)a->name, strlen(a->name)};
    const rill_store_entry entry = {.at_ms = net_node_now(node).wall_ms,
                                    .kind = e->kind,
                                    .amount = e->amount,
                                    .who = "operator",
                                    .note = "",
                                    .key = e->key};
    uint64_t group = 0;
    (void)argument;
    if (n->report.failed || e->answered)
        return;
    sim_queue_put(&n->queue, net_now(n) + ASK_AGAIN, asks, e, 0, NULL);
    if (!node->running)
        return;
    int rc = rill_core_enter(node->core, rill_core_find(node->core, name), &entry, &group);
    int wanted = e->state == NET_ENTRY_WANTED ? RILL_OK : RILL_ERR_EXISTS;
    n->counts.asked_again += wanted == RILL_ERR_EXISTS;
    sim_trace(&n->report, "%s: %s of %" PRIu64 " for %s: %s, group %" PRIu64, node->address, e->key,
              e->amount, a->name, rc == RILL_OK ? "booked" : rill_error_name(rc), group);
    if (rc != wanted)
        sim_violation(&n->report, "%s: an entry with a key is answered %s, and not %s",
                      node->address, rill_error_name(rc), rill_error_name(wanted));
    if (rc == RILL_OK) {
        move(e, false);
        e->state = NET_ENTRY_BOOKED;
        e->group = 0;
    }
    /* What an earlier life has kept is known at once. */
    e->answered = e->state == NET_ENTRY_KEPT;
    net_node_after(node);
}

void net_entry_want(net *n, net_node *node, unsigned account, uint64_t amount, bool out)
{
    if (n->entry_count == NET_ENTRIES)
        return;
    net_entry *e = &n->entries[n->entry_count++];
    *e = (net_entry){.node = node, .account = account, .amount = amount};
    e->kind = out ? RILL_ENTRY_WITHDRAWAL : RILL_ENTRY_DEPOSIT;
    snprintf(e->key, sizeof e->key, "entry %u", n->entry_count);
    n->counts.entries++;
    sim_queue_put(&n->queue, net_now(n), asks, e, 0, NULL);
}

void net_entries_given(const net_node *node, uint64_t group)
{
    net *n = node->net;
    for (unsigned i = 0; i < n->entry_count; i++) {
        net_entry *e = &n->entries[i];
        if (e->node == node && e->state == NET_ENTRY_BOOKED && e->group == 0)
            e->group = group;
    }
}

void net_entries_kept(const net_node *node, uint64_t group)
{
    net *n = node->net;
    for (unsigned i = 0; i < n->entry_count; i++) {
        net_entry *e = &n->entries[i];
        if (e->node == node && e->state == NET_ENTRY_BOOKED && e->group != 0 && e->group <= group)
            e->state = NET_ENTRY_KEPT;
    }
}

/* Nobody was told of what the store has not kept: it has not happened. */
void net_entries_killed(const net_node *node, uint64_t kept)
{
    net *n = node->net;
    net_entries_kept(node, kept);
    for (unsigned i = 0; i < n->entry_count; i++) {
        net_entry *e = &n->entries[i];
        if (e->node != node || e->state != NET_ENTRY_BOOKED)
            continue;
        move(e, true);
        e->state = NET_ENTRY_WANTED;
    }
}
