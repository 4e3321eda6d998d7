/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Operators, who book what was settled, deposited or withdrawn. Each asks with a key until its node
 * has said that the entry is kept, whatever happens to the node meanwhile: then it is booked once.
 * Where it takes two people, the first one proposes it, and the second one confirms that, until it
 * is kept.
 */
#include "parts.h"

#include <inttypes.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <rill/error.h>

#include "admin.h"

#define ASK_AGAIN (700 * RILL_MS)

static bool is_out(rill_entry_kind kind)
{
    return kind == RILL_ENTRY_WITHDRAWAL || kind == RILL_ENTRY_SETTLED_OUT;
}

oracle_i128 net_entry_amount(const net_entry *e)
{
    return is_out(e->kind) ? -(oracle_i128)e->amount : (oracle_i128)e->amount;
}

static void move(net_entry *e, bool back)
{
    net_node *node = e->node;
    oracle_i128 amount = back ? -net_entry_amount(e) : net_entry_amount(e);
    node->accounts[e->account].booked += amount;
    node->outside[node->accounts[e->account].way->asset] -= amount;
}

void net_entry_entered(net_node *node, const net_account *a, const rill_store_entry *entry)
{
    net_entry *e = node->entering;
    if (e->state != NET_ENTRY_WANTED || &node->accounts[e->account] != a ||
        entry->kind != e->kind || entry->amount != e->amount) {
        sim_violation(&node->net->report,
                      "%s: books %" PRIu64 " for %s, and not what was asked for", node->address,
                      entry->amount, a->name);
        return;
    }
    move(e, false);
    e->state = NET_ENTRY_BOOKED;
    e->group = 0;
    /* The node looks whether it is to be settled now. */
    node->entering = NULL;
    if (e->amount > 0)
        net_settle_expect(node, e->account);
}

/* ---- by one person ---- */

static void enter(net_entry *e, rill_holder_account *holder)
{
    net_node *node = e->node;
    net *n = node->net;
    const rill_store_entry entry = {.at_ms = net_node_now(node).wall_ms,
                                    .kind = e->kind,
                                    .amount = e->amount,
                                    .who = "operator",
                                    .note = "",
                                    .key = e->key};
    uint64_t group = 0;
    int wanted = e->state == NET_ENTRY_WANTED ? RILL_OK : RILL_ERR_EXISTS;
    /* What an earlier life has kept is known at once. */
    bool kept = e->state == NET_ENTRY_KEPT;
    node->entering = e;
    int rc = rill_core_enter(node->core, holder, &entry, &group);
    node->entering = NULL;
    n->counts.asked_again += wanted == RILL_ERR_EXISTS;
    sim_trace(&n->report, "%s: %s of %" PRIu64 " for %s: %s, group %" PRIu64, node->address, e->key,
              e->amount, node->accounts[e->account].name,
              rc == RILL_OK ? "booked" : rill_error_name(rc), group);
    if (rc != wanted)
        sim_violation(&n->report, "%s: an entry with a key is answered %s, and not %s",
                      node->address, rill_error_name(rc), rill_error_name(wanted));
    e->answered = kept;
}

/* ---- by two ---- */

enum { SAID = 2000 };

static unsigned ask(net_node *node, const char *method, const char *path, const char *person,
                    const char *body, char said[SAID])
{
    const net_admin_owner nobody = {.change = NULL};
    const net_admin_question question = {method, path, person, body};
    uint64_t group = 0;
    unsigned status = net_admin_ask(node->core, &nobody, &question, said, SAID, &group);
    sim_trace(&node->net->report, "%s: %s asks %s %s %s: %u %s", node->address, person, method,
              path, body, status, said);
    return status;
}

static const char *name_of(rill_entry_kind kind)
{
    return kind == RILL_ENTRY_SETTLED_IN    ? "settled-in"
           : kind == RILL_ENTRY_SETTLED_OUT ? "settled-out"
           : kind == RILL_ENTRY_DEPOSIT     ? "deposit"
                                            : "withdrawal";
}

/* What is proposed has this name; empty: it was refused, which is a violation. */
static void propose_to(net_node *node, const char *path, const char *body, char id[24])
{
    char said[SAID];
    const char *name = NULL;
    unsigned status = ask(node, "POST", path, "socket", body, said);
    json_t *object = status == 202 ? json_loads(said, 0, NULL) : NULL;
    id[0] = '\0';
    if (json_unpack(object, "{s:{s:s}}", "proposal", "id", &name) == 0 && strlen(name) < 24)
        snprintf(id, 24, "%s", name);
    else
        sim_violation(&node->net->report, "%s: a proposal is answered with %u", node->address,
                      status);
    json_decref(object);
    node->net->counts.proposals++;
}

static void propose(net_entry *e)
{
    net_node *node = e->node;
    char path[64];
    char body[200];
    snprintf(path, sizeof path, "/v1/accounts/%s/entries", node->accounts[e->account].name);
    snprintf(body, sizeof body, "{\"kind\":\"%s\",\"amount\":\"%" PRIu64 "\",\"who\":\"first\"}",
             name_of(e->kind), e->amount);
    propose_to(node, path, body, e->proposal);
}

/* Nobody confirms what is his own. */
static void check_own(net_node *node, const char *path)
{
    char said[SAID];
    unsigned status = ask(node, "POST", path, "socket", "{\"who\":\"first\"}", said);
    if (status != 409 && status != 404)
        sim_violation(&node->net->report, "%s: who has proposed confirms it: %u", node->address,
                      status);
}

/* Somebody does not want it: then it is proposed again. */
static void reject(net_entry *e)
{
    char path[64];
    char said[SAID];
    snprintf(path, sizeof path, "/v1/proposals/%s", e->proposal);
    unsigned status = ask(e->node, "DELETE", path, "another", "{\"who\":\"second\"}", said);
    if (status != 200 && status != 404)
        sim_violation(&e->node->net->report, "%s: to reject a proposal is answered with %u",
                      e->node->address, status);
    if (e->state == NET_ENTRY_WANTED)
        e->proposal[0] = '\0';
}

static void confirm(net_entry *e)
{
    net_node *node = e->node;
    sim_report *r = &node->net->report;
    char path[64];
    char said[SAID];
    bool kept = e->state == NET_ENTRY_KEPT;
    bool wanted = e->state == NET_ENTRY_WANTED;
    snprintf(path, sizeof path, "/v1/proposals/%s", e->proposal);
    check_own(node, path);
    node->entering = e;
    unsigned status = ask(node, "POST", path, "another", "{\"who\":\"second\"}", said);
    node->entering = NULL;
    /* It is not there any more: it is booked, or the node was killed before it was kept. */
    if (status == 404 && wanted)
        e->proposal[0] = '\0';
    if ((status == 201) != (wanted && e->state == NET_ENTRY_BOOKED) ||
        (status != 201 && status != 404))
        sim_violation(r, "%s: a proposal is confirmed, and that is answered with %u", node->address,
                      status);
    e->answered = kept;
}

/* ---- asking ---- */

static void asks(void *context, uint64_t argument)
{
    net_entry *e = context;
    net_node *node = e->node;
    net *n = node->net;
    const net_account *a = &node->accounts[e->account];
    const rill_bytes name = {(const uint8_t *)a->name, strlen(a->name)};
    (void)argument;
    if (n->report.failed || e->answered)
        return;
    sim_queue_put(&n->queue, net_now(n) + ASK_AGAIN, asks, e, 0, NULL);
    rill_holder_account *holder = node->running ? rill_core_find(node->core, name) : NULL;
    if (holder == NULL)
        return; /* it is taken out */
    if (!node->two_people)
        enter(e, holder);
    else if (e->proposal[0] == '\0')
        propose(e);
    else if (!n->calm && sim_rng_chance(&n->rng, 100))
        reject(e);
    else
        confirm(e);
    net_node_after(node);
}

/* ---- what is outstanding, by two ---- */

typedef struct ending {
    net_node *node;
    net_account *account;
    bool paid;
    char proposal[24];
} ending;

/* Meanwhile it may be paid, ended, or forgotten, since the node was killed. */
static void confirms_end(void *context, uint64_t argument)
{
    ending *e = context;
    net_node *node = e->node;
    net *n = node->net;
    char path[64];
    char said[SAID];
    (void)argument;
    if (n->report.failed || !node->running) {
        free(e);
        return;
    }
    const uint64_t before = n->counts.ended;
    snprintf(path, sizeof path, "/v1/proposals/%s", e->proposal);
    check_own(node, path);
    node->ending = e->account;
    node->ending_paid = e->paid;
    unsigned status = ask(node, "POST", path, "another", "{\"who\":\"second\"}", said);
    node->ending = NULL;
    if ((status == 201) != (n->counts.ended > before) ||
        (status != 201 && status != 200 && status != 404 && status != 409))
        sim_violation(&n->report, "%s: how something ended is confirmed: %u", node->address,
                      status);
    net_node_after(node);
    free(e);
}

void net_operator_ends(net_node *node, net_account *a, const char *key, bool paid)
{
    net *n = node->net;
    char path[64];
    char body[200];
    ending *e = sim_allocate(sizeof *e);
    *e = (ending){.node = node, .account = a, .paid = paid};
    snprintf(path, sizeof path, "/v1/accounts/%s/outstanding", a->name);
    snprintf(body, sizeof body, "{\"key\":\"%s\",\"paid\":%s,\"who\":\"first\"}", key,
             paid ? "true" : "false");
    propose_to(node, path, body, e->proposal);
    sim_queue_put(&n->queue, net_now(n) + sim_rng_range(&n->rng, 0, 4000) * RILL_MS, confirms_end,
                  e, 0, free);
    net_node_after(node);
}

void net_entry_want(net *n, net_node *node, unsigned account, uint64_t amount, rill_entry_kind kind)
{
    if (n->entry_count == NET_ENTRIES)
        return;
    net_entry *e = &n->entries[n->entry_count++];
    *e = (net_entry){.node = node, .account = account, .amount = amount, .kind = kind};
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
