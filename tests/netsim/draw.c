/* SPDX-License-Identifier: Apache-2.0 */
/* What there is, from the seed: nodes, their neighbours, programs, assets, limits, payments. */
#include "parts.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <rill/error.h>

enum { MOST_PRICE = 50 };
#define LARGEST UINT64_C(1000000000000000000) /* units of a payment */

static uint64_t draw(net *n, uint64_t lo, uint64_t hi)
{
    return sim_rng_range(&n->plan, lo, hi);
}

static bool chance(net *n, unsigned permille)
{
    return sim_rng_chance(&n->plan, permille);
}

/* ---- assets ---- */

static void draw_assets(net *n)
{
    static const char *const codes[] = {"AAA", "BBB", "CCC"};
    n->asset_count = (unsigned)draw(n, 1, NET_ASSETS);
    uint64_t middle = draw(n, 0, 18);
    for (unsigned i = 0; i < n->asset_count; i++) {
        net_asset *a = &n->assets[i];
        bool same = i > 0 && chance(n, 250); /* the same coin, in other units */
        uint64_t scale = chance(n, 700) ? middle + draw(n, 0, 6) : draw(n, 0, 18);
        snprintf(a->code, sizeof a->code, "%s", same ? n->assets[0].code : codes[i]);
        a->scale = (uint8_t)(scale > 18 ? 18 : scale);
        a->num = i == 0 || same ? 1 : (uint32_t)draw(n, 1, MOST_PRICE);
        a->den = i == 0 || same ? 1 : (uint32_t)draw(n, 1, MOST_PRICE);
        if (same && a->scale == n->assets[0].scale)
            a->scale = (uint8_t)((a->scale + 1) % 19);
    }
    /* Two of a kind would be one. */
    if (n->asset_count == 3 && n->assets[1].scale == n->assets[2].scale &&
        strcmp(n->assets[1].code, n->assets[2].code) == 0)
        n->asset_count = 2;
}

static uint64_t coin(const net *n, unsigned asset)
{
    uint64_t units = 1;
    for (unsigned i = 0; i < n->assets[asset].scale; i++)
        units *= 10;
    return units;
}

/* So many coins, of some order of magnitude. */
static uint64_t draw_units(net *n, unsigned asset, uint64_t most_coins)
{
    uint64_t units = coin(n, asset);
    uint64_t most = units > LARGEST / most_coins ? LARGEST : units * most_coins;
    return sim_rng_magnitude(&n->plan, units / 100 + 1, most < 2 ? 2 : most);
}

/* ---- neighbours ---- */

void net_draw_limits(net *n, net_account *a)
{
    unsigned asset = a->way->asset;
    net_terms *t = &a->terms;
    t->credit = chance(n, 550) ? RILL_NO_LIMIT : draw_units(n, asset, 5000);
    t->most = chance(n, 700) ? RILL_NO_LIMIT : draw_units(n, asset, 5000);
    t->max_packet = chance(n, 700) ? RILL_NO_LIMIT : draw_units(n, asset, 300);
    t->limits[NET_PACKETS_FROM] = chance(n, 850) ? 0 : draw(n, 3, 60);
    t->limits[NET_PACKETS_TO] = chance(n, 900) ? 0 : draw(n, 3, 60);
    t->limits[NET_AMOUNT_FROM] = chance(n, 880) ? 0 : draw_units(n, asset, 600);
    t->limits[NET_AMOUNT_TO] = chance(n, 880) ? 0 : draw_units(n, asset, 600);
}

/* Below what it may owe at most, or it would never settle. */
static void draw_settlement(net *n, net_account *a)
{
    unsigned scale = n->assets[a->way->asset].scale;
    a->threshold = draw_units(n, a->way->asset, 100);
    a->settle_to = chance(n, 500) ? 0 : draw(n, 0, a->threshold - 1);
    a->engine_coarse =
        chance(n, 600) || scale == 0 ? 0 : (unsigned)draw(n, 1, scale > 3 ? 3 : scale);
    a->engine = (unsigned)draw(n, 0, NET_ENGINES - 1);
}

void net_draw_account(net *n, net_account *a)
{
    net_draw_limits(n, a);
    draw_settlement(n, a);
}

static net_way *add_way(net *n)
{
    net_way *w = &n->ways[n->way_count];
    memset(w, 0, sizeof *w);
    w->net = n;
    w->index = n->way_count++;
    w->asset = (unsigned)draw(n, 0, n->asset_count - 1);
    w->latency = draw(n, 1, 60) * RILL_MS;
    w->jitter = chance(n, 500) ? 0 : draw(n, 1, 40) * RILL_MS;
    snprintf(w->token, sizeof w->token, "token%u", w->index);
    return w;
}

static void add_account(net_way *w, unsigned side, net_node *node, const char *kind,
                        unsigned number, rill_relation relation)
{
    net *n = w->net;
    net_account *a = &node->accounts[node->account_count];
    *a = (net_account){.way = w, .side = side, .relation = relation};
    snprintf(a->name, sizeof a->name, "%s%u", kind, number);
    w->side[side] = (net_side){.node = node, .account = node->account_count++};
    net_draw_account(n, a);
    a->tells_parent = chance(n, 500);
    a->charge_unseen = chance(n, 800);
    a->settles = chance(n, 350);
    a->out = chance(n, 60);
}

static bool are_neighbours(const net_node *a, const net_node *b)
{
    for (unsigned i = 0; i < a->account_count; i++) {
        const net_way *w = a->accounts[i].way;
        if (w->side[0].node == b || w->side[1].node == b)
            return true;
    }
    return false;
}

static void join(net *n, net_node *a, net_node *b, bool child)
{
    net_way *w = add_way(n);
    add_account(w, 0, a, "n", b->index, child ? RILL_RELATION_CHILD : RILL_RELATION_PEER);
    add_account(w, 1, b, "n", a->index, child ? RILL_RELATION_PARENT : RILL_RELATION_PEER);
}

/* A dot, a letter and a number after the address above it: seven of them have room. */
static void name_below(char address[64], const char *above, char kind, unsigned number)
{
    char own[8];
    size_t len = strlen(above);
    snprintf(own, sizeof own, ".%c%u", kind, number % 100);
    memcpy(address, above, len);
    memcpy(address + len, own, strlen(own) + 1);
}

static void add_node(net *n)
{
    net_node *node = &n->nodes[n->node_count];
    unsigned index = n->node_count++;
    node->net = n;
    node->index = index;
    rill_list_init(&node->flights);
    node->durability = chance(n, 700)   ? RILL_DURABILITY_FULL
                       : chance(n, 500) ? RILL_DURABILITY_NORMAL
                                        : RILL_DURABILITY_NONE;
    node->window = chance(n, 600) ? 1000 : draw(n, 300, 2000);
    node->spread = chance(n, 300) ? 0 : (uint32_t)draw(n, 0, 30000);
    node->mono_offset = draw(n, 1, 1000) * RILL_SECOND + draw(n, 0, 999999);
    node->wall_offset = chance(n, 700) ? 0 : (int64_t)draw(n, 0, 3000) - 1500;
    net_disk_init(&node->disk, node);
    net_prices_draw(node);
    node->two_people = chance(n, 250);
    node->route_interval = chance(n, 500) ? 30 : draw(n, 2, 6);
    node->route_hold_down = node->route_interval * 3 / 2 + draw(n, 0, 4);
    node->disk.quick = chance(n, 700) ? 2 * RILL_MS : draw(n, 2, 300) * RILL_MS;
    net_node *other = index == 0 ? NULL : &n->nodes[draw(n, 0, index - 1)];
    bool child = index > 0 && chance(n, 550);
    node->parent = child ? other : NULL;
    name_below(node->address, child ? other->address : "g", 'n', index);
    if (other != NULL)
        join(n, other, node, child);
}

static void add_program(net *n)
{
    net_node *node = &n->nodes[draw(n, 0, n->node_count - 1)];
    net_program *p = &n->programs[n->program_count];
    memset(p, 0, sizeof *p);
    p->net = n;
    p->index = n->program_count++;
    p->way = add_way(n);
    p->way->side[1].program = p;
    p->mono_offset = draw(n, 1, 1000) * RILL_SECOND;
    p->wall_offset = chance(n, 800) ? 0 : (int64_t)draw(n, 0, 1000) - 500;
    add_account(p->way, 0, node, "p", p->index, RILL_RELATION_CHILD);
    name_below(p->address, node->address, 'p', p->index);
}

/* ---- routes of the configuration ---- */

/* Which neighbour is the next on the shortest way from a node to another; NULL: there is none. */
static const net_account *next_hop(const net *n, const net_node *from, const net_node *to)
{
    const net_account *first[NET_NODES] = {NULL};
    const net_node *queue[NET_NODES] = {from};
    bool seen[NET_NODES] = {false};
    unsigned count = 1;
    (void)n;
    seen[from->index] = true;
    for (unsigned i = 0; i < count; i++) {
        for (unsigned k = 0; k < queue[i]->account_count; k++) {
            const net_account *a = &queue[i]->accounts[k];
            const net_node *other = a->way->side[1 - a->side].node;
            if (other == NULL || seen[other->index])
                continue;
            seen[other->index] = true;
            first[other->index] = i == 0 ? a : first[queue[i]->index];
            queue[count++] = other;
        }
    }
    return first[to->index];
}

/* To each node that nobody is above, unless it is above this one. */
static void configure_routes(net *n, net_node *node)
{
    for (unsigned i = 0; i < n->node_count; i++) {
        const net_node *top = &n->nodes[i];
        size_t len = strlen(top->address);
        const net_account *hop = next_hop(n, node, top);
        if (top->parent != NULL || hop == NULL || strncmp(node->address, top->address, len) == 0)
            continue;
        node->route_accounts[node->route_count] = (unsigned)(hop - node->accounts);
        snprintf(node->routes[node->route_count++], sizeof node->routes[0],
                 "{prefix: %.10s, account: %.10s}", top->address, hop->name);
    }
}

/* ---- the configuration as text ---- */

RILL_PRINTF(2, 3)
static void put(net_node *node, const char *format, ...)
{
    size_t len = strlen(node->text);
    va_list args;
    va_start(args, format);
    (void)vsnprintf(node->text + len, sizeof node->text - len, format, args);
    va_end(args);
}

RILL_PRINTF(2, 3)
static void add(char out[NET_ACCOUNT_TEXT], const char *format, ...)
{
    size_t len = strlen(out);
    va_list args;
    va_start(args, format);
    (void)vsnprintf(out + len, NET_ACCOUNT_TEXT - len, format, args);
    va_end(args);
}

static void add_limit(char out[NET_ACCOUNT_TEXT], const char *key, uint64_t limit)
{
    if (limit == RILL_NO_LIMIT)
        add(out, "\"%s\": \"none\", ", key);
    else
        add(out, "\"%s\": %" PRIu64 ", ", key, limit);
}

void net_write_terms(const net_account *a, char out[NET_ACCOUNT_TEXT])
{
    static const char *const keys[NET_LIMITS] = {"packets-a-second", "amount-a-second",
                                                 "packets-to-a-second", "amount-to-a-second"};
    out[0] = '\0';
    add_limit(out, "credit", a->terms.credit);
    add_limit(out, "most", a->terms.most);
    add_limit(out, "max-packet", a->terms.max_packet);
    for (unsigned i = 0; i < NET_LIMITS; i++)
        add(out, "\"%s\": %" PRIu64 "%s", keys[i], a->terms.limits[i],
            i + 1 < NET_LIMITS ? ", " : "");
}

static void add_settlement(const net_node *node, const net_account *a, char out[NET_ACCOUNT_TEXT])
{
    const net_asset *asset = &node->net->assets[a->way->asset];
    if (!a->settles || a->engine_off)
        return;
    add(out, ", \"settlement\": {\"engine\": \"http://127.0.0.1:7700/e%u\"", a->engine);
    add(out, ", \"threshold\": %" PRIu64 ", \"settle-to\": %" PRIu64, a->threshold, a->settle_to);
    if (a->engine_coarse > 0)
        add(out, ", \"scale\": %u", asset->scale - a->engine_coarse);
    add(out, "}");
}

void net_write_account(const net_node *node, const net_account *a, char out[NET_ACCOUNT_TEXT])
{
    static const char *const relations[] = {"parent", "peer", "child"};
    const net_asset *asset = &node->net->assets[a->way->asset];
    char terms[NET_ACCOUNT_TEXT];
    net_write_terms(a, terms);
    out[0] = '\0';
    add(out, "{\"relation\": \"%s\", \"asset\": \"%s/%u\", %s", relations[a->relation], asset->code,
        asset->scale, terms);
    if (a->side == 0)
        add(out, ", \"tokens\": \"env:%s\"", a->way->token);
    else
        add(out, ", \"link\": {\"uri\": \"btp+ws://neighbour\"}");
    add(out, ", \"charge-unseen\": %s", a->charge_unseen ? "true" : "false");
    add(out, ", \"send-routes\": %s", net_sends_routes(a) ? "true" : "false");
    add(out, ", \"receive-routes\": %s", net_receives_routes(a) ? "true" : "false");
    add_settlement(node, a, out);
    add(out, "}");
}

/* Those that operators add are not in it. */
static bool is_written(const net_account *a)
{
    return !a->out && !a->by_api;
}

static bool has_accounts(const net_node *node)
{
    for (unsigned i = 0; i < node->account_count; i++) {
        if (is_written(&node->accounts[i]))
            return true;
    }
    return false;
}

void net_write_config(net_node *node)
{
    static const char *const durabilities[] = {"full", "normal", "none"};
    char rates[300];
    char account[NET_ACCOUNT_TEXT];
    bool any = false;
    node->text[0] = '\0';
    put(node, "address: %s\nstore: {path: books, durability: %s}\n", node->address,
        durabilities[node->durability]);
    put(node, "min-message-window: %" PRIu64 "ms\n", node->window);
    put(node, "route-interval: %" PRIu64 "s\nroute-hold-down: %" PRIu64 "s\n", node->route_interval,
        node->route_hold_down);
    if (node->two_people)
        put(node, "admin: {port: 7770, tokens: 'env:operator', two-people: true}\n");
    put(node, has_accounts(node) ? "accounts:\n" : "accounts: {}\n");
    for (unsigned i = 0; i < node->account_count; i++) {
        if (!is_written(&node->accounts[i]))
            continue;
        net_write_account(node, &node->accounts[i], account);
        put(node, "  %s: %s\n", node->accounts[i].name, account);
    }
    net_prices_write(node, rates, sizeof rates);
    put(node, "%s", rates);
    for (unsigned i = 0; i < node->route_count; i++) {
        if (node->accounts[node->route_accounts[i]].out)
            continue;
        put(node, "%s  - %s\n", any ? "" : "routes:\n", node->routes[i]);
        any = true;
    }
}

/* ---- payments ---- */

static void draw_payment(net *n, net_program *p, net_program *to)
{
    p->to = to;
    p->amount = draw_units(n, p->way->asset, 1000);
    p->packet = p->amount / draw(n, 2, 20) + 1;
    p->start_at = draw(n, 500, 12000) * RILL_MS;
    p->probes = chance(n, 500);
}

static void add_thieves(net *n)
{
    for (unsigned i = 0; i < 2; i++) {
        add_program(n);
        net_program *p = &n->programs[n->program_count - 1];
        p->thief = true;
        p->way->side[0].node->accounts[p->way->side[0].account].charge_unseen = true;
    }
    net_program *thief = &n->programs[n->program_count - 2];
    thief->to = &n->programs[n->program_count - 1];
    thief->packet = draw_units(n, thief->way->asset, 50);
    thief->start_at = draw(n, 500, 6000) * RILL_MS;
}

static bool leads_route(const net_node *node, unsigned account)
{
    for (unsigned i = 0; i < node->route_count; i++) {
        if (node->route_accounts[i] == account)
            return true;
    }
    return false;
}

/* Accounts that are none of the configuration's, which names no other in its routes. */
static void draw_joiners(net *n, net_node *node)
{
    if (!chance(n, 200))
        return;
    for (unsigned i = 0; i < node->account_count; i++) {
        net_account *a = &node->accounts[i];
        const net_program *p = a->way->side[1].program;
        if (a->relation == RILL_RELATION_PARENT || leads_route(node, i) ||
            (p != NULL && p->thief) || chance(n, 400))
            continue;
        a->by_api = a->out = a->gone = true;
    }
}

void net_draw(net *n)
{
    uint64_t nodes = draw(n, 2, chance(n, 600) ? 3 : NET_NODES);
    uint64_t paid = draw(n, 1, 3);
    uint64_t payers = draw(n, 1, 4);
    draw_assets(n);
    while (n->node_count < nodes)
        add_node(n);
    for (unsigned i = 0; i < n->node_count && nodes > 2; i++) {
        net_node *other = &n->nodes[draw(n, 0, nodes - 1)];
        if (other != &n->nodes[i] && !are_neighbours(&n->nodes[i], other) && chance(n, 250))
            join(n, other, &n->nodes[i], false);
    }
    for (uint64_t i = 0; i < paid + payers; i++)
        add_program(n);
    for (uint64_t i = 0; i < paid; i++)
        n->programs[i].trick = chance(n, 600) ? 0 : (unsigned)draw(n, 10, 300);
    for (uint64_t i = paid; i < paid + payers; i++)
        draw_payment(n, &n->programs[i], &n->programs[draw(n, 0, paid - 1)]);
    if (chance(n, 200))
        add_thieves(n);
    if (chance(n, 100)) {
        n->nodes[draw(n, 0, nodes - 1)].disk.real = true;
        n->counts.real_stores++;
    }
    uint64_t kind = draw(n, 0, 2);
    n->learns = kind != 0;
    n->configured = kind != 1;
    for (unsigned i = 0; i < n->node_count && n->configured; i++)
        configure_routes(n, &n->nodes[i]);
    for (unsigned i = 0; i < n->node_count; i++)
        draw_joiners(n, &n->nodes[i]);
    if (chance(n, 100))
        net_log_draw(&n->nodes[draw(n, 0, nodes - 1)]);
}

/* ---- faults ---- */

/* The one whose store is real more often than others. */
static net_node *any_node(net *n)
{
    for (unsigned i = 0; i < n->node_count; i++) {
        if (n->nodes[i].disk.real && sim_rng_chance(&n->rng, 500))
            return &n->nodes[i];
    }
    return &n->nodes[sim_rng_below(&n->rng, n->node_count)];
}

static void change_settlement(net *n, net_account *a)
{
    if (!a->settles)
        return;
    if (sim_rng_chance(&n->rng, 300))
        draw_settlement(n, a);
    if (sim_rng_chance(&n->rng, 250))
        a->engine_off = !a->engine_off;
}

static void reload(net *n)
{
    net_node *node = any_node(n);
    if (!net_node_can_reload(node))
        return;
    for (unsigned i = 0; i < node->account_count; i++) {
        net_account *a = &node->accounts[i];
        if (a->by_api)
            continue;
        if (sim_rng_chance(&n->rng, 400))
            net_draw_limits(n, a);
        change_settlement(n, a);
    }
    if (sim_rng_chance(&n->rng, 300))
        node->spread = (uint32_t)sim_rng_below(&n->rng, 30000);
    if (sim_rng_chance(&n->rng, 300))
        net_prices_change(node);
    net_node_reload(node);
}

static void set_clock(net *n)
{
    net_node *node = any_node(n);
    int64_t by = (int64_t)sim_rng_below(&n->rng, 20000) - 15000;
    n->counts.clocks++;
    sim_trace(&n->report, "FAULT: the clock of %s is set by %" PRId64 " ms", node->address, by);
    node->wall_offset += by;
}

static void trouble_store(net *n, bool fails)
{
    net_node *node = any_node(n);
    uint64_t until = net_now(n) + sim_rng_range(&n->rng, 10, 5000) * RILL_MS;
    sim_trace(&n->report, "FAULT: the store of %s %s for %" PRIu64 " ms", node->address,
              fails ? "fails" : "stands still", (until - net_now(n)) / RILL_MS);
    if (fails)
        node->disk.failing_until = until;
    else
        node->disk.stalled_until = until;
    n->counts.failures += fails;
    n->counts.stalls += !fails;
}

static void deposit(net *n)
{
    net_program *p = &n->programs[sim_rng_below(&n->rng, n->program_count)];
    const net_side *side = &p->way->side[0];
    uint64_t amount = sim_rng_magnitude(&n->rng, 1, p->packet < 2 ? 1000 : p->packet * 2);
    net_entry_want(n, side->node, side->account, amount,
                   sim_rng_chance(&n->rng, 400) ? RILL_ENTRY_WITHDRAWAL : RILL_ENTRY_DEPOSIT);
}

/* Two operators see the same transfer at their banks. */
static void settle_by_hand(net *n)
{
    const net_way *w = &n->ways[sim_rng_below(&n->rng, n->way_count)];
    unsigned from = sim_rng_chance(&n->rng, 500) ? 1 : 0;
    if (w->side[1].node == NULL || n->entry_count + 2 > NET_ENTRIES)
        return;
    uint64_t amount = sim_rng_magnitude(&n->rng, 1, 1000000);
    net_entry_want(n, w->side[from].node, w->side[from].account, amount, RILL_ENTRY_SETTLED_OUT);
    net_entry_want(n, w->side[1 - from].node, w->side[1 - from].account, amount,
                   RILL_ENTRY_SETTLED_IN);
}

static void take_engines_away(net *n)
{
    uint64_t until = net_now(n) + sim_rng_range(&n->rng, 100, 8000) * RILL_MS;
    sim_trace(&n->report, "FAULT: engines are away for %" PRIu64 " ms",
              (until - net_now(n)) / RILL_MS);
    n->engines_away = until;
}

static void happens_more(net *n, uint64_t kind)
{
    if (kind < 26)
        net_member_toggle(any_node(n));
    else if (kind < 32)
        net_member_attempt(any_node(n));
    else if (kind < 38)
        reload(n);
    else if (kind < 42)
        settle_by_hand(n);
    else if (kind < 46)
        take_engines_away(n);
    else if (kind < 60)
        net_settle_end_some(any_node(n));
    else if (kind < 68)
        net_flap(n);
    else if (kind < 72)
        net_darken(n);
    else
        net_hush(any_node(n));
}

static void happens(void *context, uint64_t argument)
{
    net *n = context;
    (void)argument;
    if (n->report.failed)
        return;
    uint64_t kind = sim_rng_below(&n->rng, 176);
    if (kind >= 100)
        happens_more(n, kind - 100);
    else if (kind < 8)
        deposit(n);
    else if (kind < 40)
        net_way_cut(&n->ways[sim_rng_below(&n->rng, n->way_count)]);
    else if (kind < 50)
        net_node_kill(any_node(n));
    else if (kind < 58)
        any_node(n)->kill_at_booking = (unsigned)sim_rng_range(&n->rng, 1, 6);
    else if (kind < 66)
        any_node(n)->kill_at_keeping = (unsigned)sim_rng_range(&n->rng, 1, 6);
    else if (kind < 72)
        net_node_restart(any_node(n));
    else if (kind < 80)
        reload(n);
    else if (kind < 88)
        set_clock(n);
    else
        trouble_store(n, kind < 94);
}

void net_plan_faults(net *n)
{
    uint64_t count = sim_rng_chance(&n->plan, 120) ? 0 : sim_rng_magnitude(&n->plan, 1, 36);
    for (uint64_t i = 0; i < count; i++)
        sim_queue_put(&n->queue, draw(n, 400, 24000) * RILL_MS, happens, n, 0, NULL);
}
