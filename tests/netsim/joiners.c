/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Accounts that operators add, change and take out while a node runs. What they did is there after
 * a kill if the store had it, and has never been otherwise. An account goes when it is even and
 * nothing is under way; it comes back with the balance that it had.
 */
#include "parts.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include <rill/error.h>

#include "admin.h"

enum { SAID = 4000 };

/* ---- asking ---- */

static int on_change(void *user, const char *kind, const char *name, const char *value,
                     uint64_t *group)
{
    return net_node_change(user, kind, name, value, group);
}

static unsigned ask(net_node *node, const char *method, const char *path, const char *body,
                    uint64_t *group)
{
    char said[SAID];
    const net_admin_owner owner = {&node->overlay, on_change, node};
    const net_admin_question question = {method, path, "socket", body};
    unsigned status = net_admin_ask(node->core, &owner, &question, said, sizeof said, group);
    sim_trace(&node->net->report, "%s: %s %s %s: %u %s", node->address, method, path, body, status,
              status < 300 ? "" : said);
    return status;
}

static void check_status(const net_node *node, const net_account *a, const char *what,
                         unsigned status, unsigned wanted)
{
    if (status != wanted)
        sim_violation(&node->net->report, "%s: to %s account %s is answered with %u, and not %u",
                      node->address, what, a->name, status, wanted);
}

static void set_out(net_account *a, bool out)
{
    a->out = out;
    a->out_at = net_now(a->way->net);
}

/* ---- what an operator does ---- */

static void add_one(net_node *node, net_account *a)
{
    char account[NET_ACCOUNT_TEXT];
    char body[NET_ACCOUNT_TEXT + 100];
    /* One that was taken out has to be gone before. */
    const unsigned wanted = a->gone ? 201 : 409;
    net_draw_account(node->net, a);
    net_write_account(node, a, account);
    snprintf(body, sizeof body, "{\"name\":\"%s\",\"account\":%s,\"who\":\"maria\"}", a->name,
             account);
    if (wanted == 201)
        a->out = false;
    unsigned status = ask(node, "POST", "/v1/accounts", body, &a->change);
    check_status(node, a, "add", status, wanted);
    if (status != 201)
        return;
    node->net->counts.added++;
    if (a->side == 1)
        net_way_reconnect(a->way);
}

static bool is_empty(const net_account *a)
{
    return a->booked == 0 && a->held == 0 && a->coming == 0 && !a->settle.outstanding;
}

static void drop_one(net_node *node, net_account *a)
{
    char path[64];
    const unsigned wanted = is_empty(a) ? 200 : 409;
    snprintf(path, sizeof path, "/v1/accounts/%s", a->name);
    if (wanted == 200)
        set_out(a, true);
    unsigned status = ask(node, "DELETE", path, "", &a->change);
    check_status(node, a, "take out", status, wanted);
    node->net->counts.refused_drops += status == 409;
    if (status != 200)
        return;
    node->net->counts.dropped++;
    if (a->side == 1)
        net_way_close(a->way);
}

static void patch_one(net_node *node, net_account *a)
{
    char path[64];
    char account[NET_ACCOUNT_TEXT];
    char body[NET_ACCOUNT_TEXT + 100];
    net_draw_limits(node->net, a);
    net_write_terms(a, account);
    snprintf(path, sizeof path, "/v1/accounts/%s", a->name);
    snprintf(body, sizeof body, "{\"account\":{%s},\"who\":\"maria\"}", account);
    unsigned status = ask(node, "PATCH", path, body, &a->change);
    check_status(node, a, "change", status, 200);
    node->net->counts.patched++;
}

/* So that it is even: somebody pays what is open. */
static void even_out(net_node *node, const net_account *a)
{
    net *n = node->net;
    oracle_i128 owed = a->booked < 0 ? -a->booked : a->booked;
    if (owed == 0 || owed > (oracle_i128)UINT64_MAX)
        return;
    net_entry_want(n, node, (unsigned)(a - node->accounts), (uint64_t)owed,
                   a->booked < 0 ? RILL_ENTRY_DEPOSIT : RILL_ENTRY_WITHDRAWAL);
}

/* In the end all are there. */
static net_account *choose(net_node *node)
{
    net_account *found = NULL;
    unsigned seen = 0;
    for (unsigned i = 0; i < node->account_count; i++) {
        net_account *a = &node->accounts[i];
        if (!a->by_api || a->change != 0 || (node->net->calm && !a->out))
            continue;
        if (sim_rng_below(&node->net->rng, ++seen) == 0)
            found = a;
    }
    return found;
}

static void act(net_node *node, net_account *a)
{
    uint64_t kind = sim_rng_below(&node->net->rng, 100);
    if (a->out)
        add_one(node, a);
    else if (kind < 45)
        drop_one(node, a);
    else if (kind < 75)
        patch_one(node, a);
    else
        even_out(node, a);
}

bool net_joiners_are_there(const net *n)
{
    for (unsigned i = 0; i < n->node_count; i++) {
        for (unsigned k = 0; k < n->nodes[i].account_count; k++) {
            const net_account *a = &n->nodes[i].accounts[k];
            if (a->by_api && (a->out || a->change != 0))
                return false;
        }
    }
    return true;
}

static void visits(void *context, uint64_t argument)
{
    net_node *node = context;
    net *n = node->net;
    (void)argument;
    if (n->report.failed || (n->calm && net_joiners_are_there(n)))
        return;
    sim_queue_put(&n->queue, net_now(n) + sim_rng_range(&n->rng, 100, 3000) * RILL_MS, visits, node,
                  0, NULL);
    net_account *a = net_node_can_reload(node) ? choose(node) : NULL;
    if (a == NULL)
        return;
    act(node, a);
    net_limits_agree(node, false);
    net_node_after(node);
    /* Before its store has it, or just after. */
    if (!n->calm && sim_rng_chance(&n->rng, 60))
        net_node_kill_soon(node);
    else if (!n->calm && sim_rng_chance(&n->rng, 60))
        node->kill_at_keeping = 1;
}

void net_joiners_begin(net_node *node)
{
    net *n = node->net;
    for (unsigned i = 0; i < node->account_count; i++) {
        if (!node->accounts[i].by_api)
            continue;
        sim_queue_put(&n->queue, sim_rng_range(&n->rng, 1, 900) * RILL_MS, visits, node, 0, NULL);
        return;
    }
}

/* ---- what is kept ---- */

void net_joiners_kept(net_node *node, uint64_t group)
{
    for (unsigned i = 0; i < node->account_count; i++) {
        net_account *a = &node->accounts[i];
        if (!a->by_api || a->change == 0 || a->change > group)
            continue;
        a->change = 0;
        a->kept = !a->out;
        a->kept_terms = a->terms;
    }
}

/* Nobody was told of what the store does not have. */
void net_joiners_killed(net_node *node, uint64_t kept)
{
    net_joiners_kept(node, kept);
    for (unsigned i = 0; i < node->account_count; i++) {
        net_account *a = &node->accounts[i];
        if (!a->by_api || a->change == 0)
            continue;
        node->net->counts.unkept++;
        a->change = 0;
        if (a->out == a->kept)
            set_out(a, !a->kept);
        a->terms = a->kept_terms;
    }
}

/* A process that has just read its store. */
void net_joiners_check(const net_node *node)
{
    for (unsigned i = 0; i < node->account_count; i++) {
        const net_account *a = &node->accounts[i];
        const bool has = rill_overlay_find(&node->overlay, RILL_SETTING_ACCOUNT, a->name) != NULL;
        if (has != (a->by_api && a->kept))
            sim_violation(&node->net->report, "%s: account %s %s", node->address, a->name,
                          has ? "is back, though it was taken out"
                              : "was added, and is not there after a start");
    }
    for (const rill_overlay_item *item = node->overlay.first; item != NULL; item = item->next) {
        if (item->trouble[0] != '\0')
            sim_violation(&node->net->report, "%s: %s is set aside: %s", node->address, item->name,
                          item->trouble);
    }
}
