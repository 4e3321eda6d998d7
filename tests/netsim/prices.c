/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Prices of a node: of its configuration, of a service that may be away, or entered by somebody for
 * some time. What is forwarded must be exchanged at the price of that moment, and at none that is
 * too old.
 */
#include "parts.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <rill/error.h>

#include "connector/core_rates.h"

#define STALE_AFTER (8 * RILL_SECOND)

/* Is another coin than that of the base: its price is needed. */
static bool is_other(const net *n, unsigned asset)
{
    return asset > 0 && strcmp(n->assets[asset].code, n->assets[0].code) != 0;
}

static bool has_others(const net *n)
{
    for (unsigned i = 1; i < n->asset_count; i++) {
        if (is_other(n, i))
            return true;
    }
    return false;
}

void net_prices_draw(net_node *node)
{
    net *n = node->net;
    uint64_t kind = sim_rng_below(&n->plan, 100);
    bool varies = has_others(n);
    node->pricing = !varies || kind < 60 ? NET_PRICES_FIXED
                    : kind < 80          ? NET_PRICES_SERVICE
                                         : NET_PRICES_ENTERED;
    for (unsigned i = 0; i < n->asset_count; i++) {
        bool fixed = node->pricing == NET_PRICES_FIXED || !is_other(n, i);
        node->prices[i] = (net_price){.num = is_other(n, i) ? n->assets[i].num : 1,
                                      .den = is_other(n, i) ? n->assets[i].den : 1,
                                      .good_until = fixed ? RILL_NEVER : 0};
    }
}

void net_prices_write(const net_node *node, char *out, size_t cap)
{
    const net *n = node->net;
    int len = snprintf(out, cap, "rates: {base: %s, spread: 0.%06u", n->assets[0].code,
                       (unsigned)node->spread);
    bool first = true;
    if (node->pricing == NET_PRICES_SERVICE)
        len += snprintf(out + len, cap - (size_t)len,
                        ", url: 'http://127.0.0.1:1/rates', refresh: 3s, timeout: 1s, "
                        "stale-after: 8s");
    else if (node->pricing == NET_PRICES_ENTERED)
        len += snprintf(out + len, cap - (size_t)len, ", by-api: true");
    for (unsigned i = 1; i < n->asset_count && node->pricing == NET_PRICES_FIXED; i++) {
        if (!is_other(n, i))
            continue;
        len += snprintf(out + len, cap - (size_t)len, "%s%s: {price: %" PRIu64 "/%" PRIu64 "}",
                        first ? ", prices: {" : ", ", n->assets[i].code, node->prices[i].num,
                        node->prices[i].den);
        first = false;
    }
    snprintf(out + len, cap - (size_t)len, "%s}\n", first ? "" : "}");
}

/* Near what everybody thinks it is worth. */
static void vary(net_node *node, unsigned asset)
{
    net *n = node->net;
    node->prices[asset].num = n->assets[asset].num * (995 + sim_rng_below(&n->rng, 11));
    node->prices[asset].den = n->assets[asset].den * UINT64_C(1000);
}

/* ---- a service ---- */

typedef struct quote {
    net_node *node;
    uint64_t life;
    uint64_t ticket;
    uint64_t asked_at; /* monotonic, of the node */
    uint64_t asked_ms; /* its wall clock */
    bool answers;
    unsigned status;
    uint64_t thousandths[NET_ASSETS]; /* that one coin of the base buys; 0: it does not say */
} quote;

static void take(quote *q)
{
    net_node *node = q->node;
    net *n = node->net;
    char body[300];
    int len = snprintf(body, sizeof body, "{\"base\":\"%s\",\"rates\":{", n->assets[0].code);
    bool first = true;
    for (unsigned i = 1; i < n->asset_count; i++) {
        if (q->thousandths[i] == 0)
            continue;
        len += snprintf(body + len, sizeof body - (size_t)len, "%s\"%s\":%" PRIu64 ".%03u",
                        first ? "" : ",", n->assets[i].code, q->thousandths[i] / 1000,
                        (unsigned)(q->thousandths[i] % 1000));
        first = false;
        if (q->status != 200)
            continue;
        node->prices[i].num = 1000;
        node->prices[i].den = q->thousandths[i];
        node->prices[i].good_until = q->asked_at + STALE_AFTER;
        node->prices[i].good_until_ms = q->asked_ms + STALE_AFTER / RILL_MS;
    }
    len += snprintf(body + len, sizeof body - (size_t)len, "}}");
    rill_core_rates_answered(node->core, q->ticket, q->status, body, (size_t)len);
}

static void service_answers(void *context, uint64_t argument)
{
    quote *q = context;
    net_node *node = q->node;
    net *n = node->net;
    (void)argument;
    if (n->report.failed || node->life != q->life || !node->running) {
        free(q);
        return;
    }
    if (q->answers)
        take(q);
    else
        rill_core_rates_failed(node->core, q->ticket, "it is away");
    n->counts.prices += q->answers;
    sim_trace(&n->report, "%s: the service of prices %s", node->address,
              q->answers ? "answers" : "is away");
    net_node_after(node);
    free(q);
}

static void ask_service(net_node *node, uint64_t ticket)
{
    net *n = node->net;
    quote *q = sim_allocate(sizeof *q);
    bool away = !n->calm && sim_rng_chance(&n->rng, 400);
    *q = (quote){
        .node = node,
        .life = node->life,
        .ticket = ticket,
        .asked_at = net_node_now(node).mono_ns,
        .asked_ms = net_node_now(node).wall_ms,
        .answers = !away,
        .status = !n->calm && sim_rng_chance(&n->rng, 100) ? 500 : 200,
    };
    for (unsigned i = 1; i < n->asset_count; i++) {
        if (!is_other(n, i) || (!n->calm && sim_rng_chance(&n->rng, 50)))
            continue;
        uint64_t fair = n->assets[i].den * UINT64_C(1000) / n->assets[i].num;
        uint64_t by = sim_rng_below(&n->rng, fair / 100 + 1);
        q->thousandths[i] = fair + by == 0 ? 1 : fair + by;
    }
    sim_queue_put(&n->queue, net_now(n) + sim_rng_range(&n->rng, 1, 900) * RILL_MS, service_answers,
                  q, 0, free);
}

/* ---- somebody enters them ---- */

static void enter(net_node *node, unsigned asset, bool for_good)
{
    net *n = node->net;
    net_price *p = &node->prices[asset];
    uint64_t group = 0;
    rill_now now = net_node_now(node);
    if (p->group != 0)
        return; /* that one is not kept yet */
    uint64_t ms = for_good ? RILL_NEVER : sim_rng_range(&n->rng, 1000, 15000);
    vary(node, asset);
    p->until_ms = for_good ? RILL_NEVER : now.wall_ms + ms;
    p->good_until = for_good ? RILL_NEVER : now.mono_ns + ms * RILL_MS;
    int rc = rill_core_enter_price(node->core, n->assets[asset].code, (rill_ratio){p->num, p->den},
                                   for_good ? RILL_NEVER : ms * RILL_MS, "operator", &group);
    p->group = group;
    n->counts.prices++;
    sim_trace(&n->report, "%s: the price of %s is %" PRIu64 "/%" PRIu64 " for %" PRId64 " ms",
              node->address, n->assets[asset].code, p->num, p->den, (int64_t)ms);
    if (rc != RILL_OK)
        sim_violation(&n->report, "%s: a price cannot be entered: %s", node->address,
                      rill_error_name(rc));
}

static void enters(void *context, uint64_t life)
{
    net_node *node = context;
    net *n = node->net;
    if (n->report.failed || node->life != life)
        return;
    for (unsigned i = 1; i < n->asset_count; i++) {
        if (is_other(n, i) && (n->calm || sim_rng_chance(&n->rng, 500)))
            enter(node, i, n->calm);
    }
    net_node_after(node);
    if (!n->calm || sim_rng_chance(&n->rng, 500))
        sim_queue_put(&n->queue, net_now(n) + sim_rng_range(&n->rng, 500, 6000) * RILL_MS, enters,
                      node, life, NULL);
}

void net_prices_kept(net_node *node, uint64_t group)
{
    for (unsigned i = 0; i < node->net->asset_count; i++) {
        net_price *p = &node->prices[i];
        if (p->group == 0 || p->group > group)
            continue;
        p->group = 0;
        p->kept_num = p->num;
        p->kept_den = p->den;
        p->kept_until_ms = p->until_ms;
    }
}

void net_prices_killed(net_node *node, uint64_t kept)
{
    net_prices_kept(node, kept);
    for (unsigned i = 0; i < node->net->asset_count; i++)
        node->prices[i].group = 0;
}

static void remember(net_node *node, net_price *p)
{
    rill_now now = net_node_now(node);
    p->num = p->kept_num;
    p->den = p->kept_den;
    p->until_ms = p->kept_until_ms;
    if (p->kept_num == 0)
        p->good_until = 0;
    else if (p->until_ms == RILL_NEVER)
        p->good_until = RILL_NEVER;
    else
        p->good_until =
            now.mono_ns + (p->until_ms > now.wall_ms ? (p->until_ms - now.wall_ms) * RILL_MS : 0);
}

/* ---- of any kind ---- */

void net_prices_begun(net_node *node)
{
    net *n = node->net;
    node->prices_planned = RILL_NEVER;
    for (unsigned i = 1; i < n->asset_count; i++) {
        if (is_other(n, i) && node->pricing == NET_PRICES_SERVICE)
            node->prices[i].good_until = 0;
        else if (is_other(n, i) && node->pricing == NET_PRICES_ENTERED)
            remember(node, &node->prices[i]);
    }
    if (node->pricing == NET_PRICES_ENTERED)
        sim_queue_put(&n->queue, net_now(n) + sim_rng_range(&n->rng, 1, 200) * RILL_MS, enters,
                      node, node->life, NULL);
}

static void looks(void *context, uint64_t life)
{
    net_node *node = context;
    uint64_t ticket = 0;
    if (node->net->report.failed || node->life != life || net_now(node->net) < node->prices_planned)
        return;
    node->prices_planned = RILL_NEVER;
    if (rill_core_rates_turn(node->core, &ticket))
        ask_service(node, ticket);
    net_node_after(node);
}

void net_prices_plan(net_node *node)
{
    net *n = node->net;
    uint64_t at = rill_core_rates_deadline(node->core);
    if (at == RILL_NEVER)
        return;
    at = at > node->mono_offset ? at - node->mono_offset : 0;
    at = at <= net_now(n) ? net_now(n) + 1000 : at;
    if (at >= node->prices_planned)
        return;
    node->prices_planned = at;
    sim_queue_put(&n->queue, at, looks, node, node->life, NULL);
}

void net_prices_change(net_node *node)
{
    net *n = node->net;
    if (node->pricing != NET_PRICES_FIXED)
        return;
    for (unsigned i = 1; i < n->asset_count; i++) {
        if (is_other(n, i) && sim_rng_chance(&n->rng, 500))
            vary(node, i);
    }
}
