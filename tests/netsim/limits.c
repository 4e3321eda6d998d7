/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Limits in a second, by the simulator's own count of what passed. In any time no more passes than
 * a second's worth and what the limit gives in that time; what came to nothing does not count, but
 * for packets. And a limit never keeps back what is within it: after a second everything is there
 * again but what was taken in that second.
 */
#include "parts.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include <rill/error.h>

static const char *const names[NET_LIMITS] = {"packets from", "amount from", "packets to",
                                              "amount to"};

static uint64_t mono(const net_node *node)
{
    return net_node_now(node).mono_ns;
}

/* ---- what is agreed ---- */

static void agree(const net_node *node, net_meter *m, uint64_t limit, bool anew)
{
    if (m->limit == limit && !anew)
        return;
    m->limit = limit;
    m->since = mono(node);
    m->count = 0;
}

void net_limits_agree(net_node *node, bool anew)
{
    for (unsigned i = 0; i < node->account_count; i++) {
        net_account *a = &node->accounts[i];
        for (unsigned k = 0; k < NET_LIMITS; k++)
            agree(node, &a->meters[k], a->out ? 0 : a->terms.limits[k], anew);
    }
}

void net_limits_free(net *n)
{
    for (unsigned i = 0; i < n->node_count; i++) {
        for (unsigned k = 0; k < n->nodes[i].account_count; k++) {
            for (unsigned l = 0; l < NET_LIMITS; l++)
                free(n->nodes[i].accounts[k].meters[l].passages);
        }
    }
}

/* ---- what passes ---- */

static void add(net_node *node, net_meter *m, uint64_t amount, const net_flight *f)
{
    if (m->limit == 0)
        return;
    if (m->count == m->cap) {
        m->cap = m->cap * 2 + 16;
        m->passages = sim_reallocate(m->passages, m->cap * sizeof *m->passages);
    }
    m->passages[m->count++] = (net_passage){mono(node), amount, f};
    node->net->counts.paced++;
}

static bool came_to_nothing(const net_passage *p)
{
    return p->flight != NULL &&
           (p->flight->state == NET_FLIGHT_ENDED || p->flight->state == NET_FLIGHT_LEFT);
}

/* From each moment until now. */
static void check(const net_node *node, const net_account *a, net_limit kind)
{
    const net_meter *m = &a->meters[kind];
    const uint64_t now = mono(node);
    oracle_u128 sum = 0;
    for (size_t i = m->count; i-- > 0;) {
        const net_passage *p = &m->passages[i];
        if (came_to_nothing(p))
            continue;
        sum += p->amount;
        if (sum * RILL_SECOND <= (oracle_u128)m->limit * (RILL_SECOND + (now - p->at)))
            continue;
        sim_violation(
            &node->net->report,
            "%s: %" PRIu64 " %s %s in %" PRIu64 " us, where %" PRIu64 " may pass in a second",
            node->address, (uint64_t)sum, names[kind], a->name, (now - p->at) / 1000, m->limit);
        return;
    }
}

void net_limits_arrived(net_node *node, unsigned account)
{
    add(node, &node->accounts[account].meters[NET_PACKETS_FROM], 1, NULL);
}

void net_limits_taken(net_node *node, unsigned account)
{
    check(node, &node->accounts[account], NET_PACKETS_FROM);
}

void net_limits_tried(net_node *node, unsigned account)
{
    add(node, &node->accounts[account].meters[NET_PACKETS_TO], 1, NULL);
}

void net_limits_forwarded(net_node *node, const net_flight *f)
{
    net_account *source = &node->accounts[f->source];
    net_account *destination = &node->accounts[f->destination];
    add(node, &source->meters[NET_AMOUNT_FROM], f->taken, f);
    check(node, source, NET_AMOUNT_FROM);
    add(node, &destination->meters[NET_PACKETS_TO], 1, NULL);
    check(node, destination, NET_PACKETS_TO);
    add(node, &destination->meters[NET_AMOUNT_TO], f->given, f);
    check(node, destination, NET_AMOUNT_TO);
}

/* ---- what is refused ---- */

/* Nothing was agreed anew in the last second. */
static bool is_steady(const net_node *node, const net_meter *m)
{
    return mono(node) - m->since > RILL_SECOND;
}

/* Whatever became of it. */
static oracle_u128 in_last_second(const net_node *node, const net_meter *m)
{
    const uint64_t now = mono(node);
    oracle_u128 sum = 0;
    for (size_t i = m->count; i-- > 0 && now - m->passages[i].at <= RILL_SECOND;)
        sum += m->passages[i].amount;
    return sum;
}

static void complain(const net_node *node, const net_prepare *p, const rill_reject *reject)
{
    sim_violation(&node->net->report,
                  "%s: packet %" PRIu64 " of %" PRIu64 " is kept back: %.3s %.*s", node->address,
                  p->number, p->amount, reject->code.text, (int)reject->message.len,
                  (const char *)reject->message.data);
}

/* Is there anybody who was sent something a moment ago? To whom this packet was to go is not told.
 */
static bool anybody_is_full(const net_node *node, net_limit kind)
{
    for (unsigned i = 0; i < node->account_count; i++) {
        const net_meter *m = &node->accounts[i].meters[kind];
        oracle_u128 least = kind == NET_PACKETS_TO ? m->limit : 1;
        if (m->limit != 0 && (!is_steady(node, m) || in_last_second(node, m) >= least))
            return true;
    }
    return false;
}

static bool says(const rill_reject *reject, const char *code, const char *message)
{
    return memcmp(reject->code.text, code, 3) == 0 && reject->message.len == strlen(message) &&
           memcmp(reject->message.data, message, reject->message.len) == 0;
}

/* Every price that the node may need is new enough. */
static bool has_prices(const net_node *node)
{
    const rill_now now = net_node_now(node);
    for (unsigned i = 0; i < node->net->asset_count; i++) {
        const net_price *p = &node->prices[i];
        const uint64_t until_ms =
            node->pricing == NET_PRICES_SERVICE ? p->good_until_ms : p->until_ms;
        if (p->good_until != RILL_NEVER &&
            (now.mono_ns >= p->good_until || now.wall_ms >= until_ms))
            return false;
    }
    return true;
}

void net_limits_refused(net_node *node, const net_prepare *p, const uint8_t *packet, size_t len)
{
    const unsigned side = 1 - p->from;
    net_account *a = &node->accounts[p->conn->way->side[side].account];
    net_meter *packets = &a->meters[NET_PACKETS_FROM];
    const net_meter *amounts = &a->meters[NET_AMOUNT_FROM];
    rill_reject reject;
    bool wrong = false;
    if (a->out || rill_reject_decode(&reject, packet, len) != RILL_OK)
        return;
    if (says(&reject, "T05", "above the account's rate limit")) {
        if (packets->count > 0)
            packets->count--; /* it took nothing */
        wrong = packets->limit == 0 ||
                (is_steady(node, packets) && in_last_second(node, packets) < packets->limit);
    } else if (says(&reject, "T04", "above the account's amount a second")) {
        wrong = p->amount > amounts->limit ||
                (is_steady(node, amounts) &&
                 in_last_second(node, amounts) + p->amount <= amounts->limit);
    } else if (says(&reject, "F08", "above the account's amount a second")) {
        wrong = p->amount <= amounts->limit;
    } else if (says(&reject, "T05", "above the destination's packets a second")) {
        wrong = !anybody_is_full(node, NET_PACKETS_TO);
    } else if (says(&reject, "T04", "above the destination's amount a second")) {
        wrong = !anybody_is_full(node, NET_AMOUNT_TO);
    } else if (says(&reject, "T00", "no price that is new enough")) {
        wrong = has_prices(node);
    }
    if (wrong)
        complain(node, p, &reject);
}
