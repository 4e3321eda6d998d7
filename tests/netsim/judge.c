/* SPDX-License-Identifier: Apache-2.0 */
/* The rules at the end of a run, when nothing happens any more. */
#include "parts.h"

#include <inttypes.h>
#include <string.h>

static bool took(const net_prepare *p)
{
    if (p->conn->way->side[1 - p->from].program != NULL)
        return p->program_took;
    return p->forwarded != NULL && net_is_booked(p->forwarded) && p->forwarded->charged;
}

static bool paid(const net_prepare *p)
{
    if (p->conn->way->side[p->from].program != NULL)
        return p->program_paid;
    return p->flight != NULL && p->flight->out == p && net_is_booked(p->flight);
}

static void judge_packet(net *n, net_prepare *p, oracle_i128 *named)
{
    /* The node bears it: its neighbours agree, and the two programs do not. */
    if (p->payer != NULL && p->forwarded != NULL && net_is_booked(p->forwarded) &&
        !p->forwarded->charged)
        p->payer->lost++;
    if (took(p) == paid(p) || p->amount == 0)
        return;
    if (paid(p))
        sim_violation(&n->report,
                      "packet %" PRIu64 " of %" PRIu64 " is booked by who sent it, and not by who "
                      "got it",
                      p->number, p->amount);
    if (p->why == 0)
        sim_violation(&n->report,
                      "packet %" PRIu64 " of %" PRIu64 " is booked by who got it alone, though "
                      "nothing was lost",
                      p->number, p->amount);
    named[p->conn->way->index] -= (oracle_i128)p->amount;
    n->counts.named++;
    if (p->payer != NULL)
        p->payer->lost++;
}

static oracle_i128 booked_at(const net_way *w, unsigned side)
{
    const net_account *a = &w->side[side].node->accounts[w->side[side].account];
    const rill_bytes name = {(const uint8_t *)a->name, strlen(a->name)};
    return net_wide(rill_core_find(w->side[side].node->core, name)->balance.booked);
}

/* What operators booked of the account at this side. */
static oracle_i128 entered_at(const net *n, const net_side *side)
{
    oracle_i128 sum = 0;
    for (unsigned i = 0; i < n->entry_count; i++) {
        const net_entry *e = &n->entries[i];
        if (e->node == side->node && e->account == side->account)
            sum += net_entry_amount(e);
    }
    return sum;
}

/*
 * What one of the two owes the other is what that one has, but for what has been named, and what
 * was settled.
 */
static void judge_way(net *n, const net_way *w, oracle_i128 named)
{
    if (w->side[1].node == NULL)
        return;
    named += entered_at(n, &w->side[0]) + entered_at(n, &w->side[1]) + net_settle_judge(n, w);
    oracle_i128 difference = booked_at(w, 0) + booked_at(w, 1);
    if (difference != named)
        sim_violation(&n->report,
                      "%s and %s disagree by %" PRId64 ", where %" PRId64 " are explained",
                      w->side[0].node->address, w->side[1].node->address, (int64_t)difference,
                      (int64_t)named);
}

/* Whatever its accomplice was paid for, the thief owes: but for what a kill made the node bear. */
static void judge_thief(net *n, const net_program *p)
{
    oracle_i128 owed = 0;
    for (size_t i = 0; i < n->prepare_count; i++) {
        const net_prepare *packet = n->prepares[i];
        if (packet->conn->way != p->way || packet->from != 1 || packet->forwarded == NULL ||
            !net_is_booked(packet->forwarded))
            continue;
        n->counts.thefts += packet->asker_gone;
        owed += (packet->why & NET_WHY_KILLED) != 0 ? 0 : (oracle_i128)packet->amount;
    }
    owed -= entered_at(n, &p->way->side[0]);
    if (-booked_at(p->way, 0) < owed)
        sim_violation(&n->report, "%s: has %" PRId64 " for nothing", p->address,
                      (int64_t)(owed + booked_at(p->way, 0)));
}

static void judge_payment(net *n, const net_program *p)
{
    n->counts.payments++;
    n->counts.complete += p->error == RILL_OK && p->sent == p->amount;
    n->counts.delivered_some += p->received > 0;
    if (p->delivered > p->received)
        sim_violation(&n->report, "%s: %" PRIu64 " are delivered, and %" PRIu64 " were received",
                      p->address, p->delivered, p->received);
    if (p->lost == 0 && p->in_flight == 0 && p->delivered != p->received)
        sim_violation(&n->report,
                      "%s: %" PRIu64 " are delivered of %" PRIu64 " that were received, though "
                      "nothing was lost",
                      p->address, p->delivered, p->received);
    if (p->sent < p->paid)
        sim_violation(&n->report, "%s: %" PRIu64 " are sent, and %" PRIu64 " were fulfilled",
                      p->address, p->sent, p->paid);
}

static void judge_node(net_node *node)
{
    sim_report *r = &node->net->report;
    if (!node->running)
        sim_violation(r, "%s: does not run at the end", node->address);
    else if (rill_hub_open(rill_core_hub(node->core)) != 0)
        sim_violation(r, "%s: has %zu open packets at the end", node->address,
                      rill_hub_open(rill_core_hub(node->core)));
    else if (!rill_core_is_kept(node->core))
        sim_violation(r, "%s: its books are not kept at the end", node->address);
    else if (rill_flights_count(node->flights_file) != 0)
        sim_violation(r, "%s: lists %zu packets as under way at the end", node->address,
                      rill_flights_count(node->flights_file));
    else if (!rill_list_empty(&node->flights))
        sim_violation(r, "%s: a packet has no end", node->address);
    net_ledger_check(node);
    net_disk_audit(&node->disk);
    net_log_judge(node);
}

void net_judge(net *n)
{
    oracle_i128 named[NET_WAYS] = {0};
    for (unsigned i = 0; i < n->node_count; i++)
        judge_node(&n->nodes[i]);
    for (size_t i = 0; i < n->prepare_count; i++)
        judge_packet(n, n->prepares[i], named);
    for (unsigned i = 0; i < n->way_count && !n->report.failed; i++)
        judge_way(n, &n->ways[i], named[i]);
    for (unsigned i = 0; i < n->program_count && !n->report.failed; i++) {
        const net_program *p = &n->programs[i];
        if (p->to != NULL && p->thief)
            judge_thief(n, p);
        else if (p->to != NULL)
            judge_payment(n, p);
    }
}
