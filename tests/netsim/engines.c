/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Settlement engines. They are away, forget accounts, lose questions and answers, answer twice, pay
 * less than they were asked for, and lie; but they pay once for each key. What is paid to a
 * neighbour that has an engine, too, is told by that one, again and again, until it hears that it
 * is booked.
 */
#include "parts.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <rill/error.h>

#include "connector/core_engines.h"

#define TELL_AGAIN (2 * RILL_SECOND)

typedef struct call {
    net_node *node;
    uint64_t life;
    uint64_t id;
    net_account *account;
    unsigned engine;
    bool pays;
    bool arrives; /* else it is lost on the way */
    char key[40];
    uint64_t asked;
    /* What the node hears. */
    unsigned status;
    char body[96];
    bool yes; /* ... and it says that this is paid */
    oracle_i128 taken;
    bool twice;
} call;

/* ---- what is paid ---- */

static void tells(void *context, uint64_t argument);

static void transfer(net_node *node, const net_account *a, oracle_i128 amount)
{
    net *n = node->net;
    net_way *w = a->way;
    unsigned to = 1 - a->side;
    if (amount == 0 || w->side[to].node == NULL)
        return;
    n->transfers = sim_reallocate(n->transfers, (n->transfer_count + 1) * sizeof *n->transfers);
    net_transfer *t = sim_allocate(sizeof *t);
    *t = (net_transfer){.way = w, .to = to, .amount = amount};
    snprintf(t->key, sizeof t->key, "transfer-%zu", ++n->transfer_count);
    n->transfers[n->transfer_count - 1] = t;
    sim_queue_put(&n->queue, net_now(n) + sim_rng_range(&n->rng, 10, 3000) * RILL_MS, tells, t, 0,
                  NULL);
}

/* An amount of an account as a Quantity in its shortest form. */
static void quantity(const net *n, const net_account *a, oracle_i128 amount, char out[96])
{
    unsigned scale = n->assets[a->way->asset].scale + 6u;
    char digits[48];
    size_t at = sizeof digits;
    for (; amount % 10 == 0 && scale > 0 && amount != 0; scale--)
        amount /= 10;
    digits[--at] = '\0';
    do {
        digits[--at] = (char)('0' + (int)(amount % 10));
        amount /= 10;
    } while (amount != 0);
    snprintf(out, 96, "{\"amount\":\"%s\",\"scale\":%u}", digits + at, scale);
}

/* What it pays, and what it says that it has paid. */
static void decide(net *n, const net_account *a, net_paid *p)
{
    oracle_i128 asked = (oracle_i128)p->asked * NET_FINE;
    oracle_i128 said = asked;
    p->paid = asked;
    p->body[0] = '\0';
    uint64_t kind = n->engines_calm ? 100 : sim_rng_below(&n->rng, 100);
    if (kind < 25) { /* less, as fine as it likes */
        uint64_t fine = UINT64_C(1);
        for (uint64_t i = sim_rng_below(&n->rng, 7); i > 0; i--)
            fine *= 10;
        p->paid = asked / 7 * (oracle_i128)sim_rng_below(&n->rng, 8) / (oracle_i128)fine *
                  (oracle_i128)fine;
        said = p->paid;
    } else if (kind < 31) {
        said = asked * 2;
    } else if (kind < 37) {
        p->paid = 0;
    } else if (kind < 43) {
        said = asked / 2;
    }
    p->believed = said > asked ? asked : said;
    n->counts.lies += kind < 43;
    if (said != asked || kind % 2 == 0)
        quantity(n, a, said, p->body);
    else if (kind % 3 == 0)
        snprintf(p->body, sizeof p->body, "Created");
}

static net_paid *pay(call *c)
{
    net *n = c->node->net;
    unsigned account = (unsigned)(c->account - c->node->accounts);
    for (size_t i = 0; i < n->paid_count; i++) {
        net_paid *p = &n->paid[i];
        if (p->node != c->node || p->account != account || strcmp(p->key, c->key) != 0)
            continue;
        if (p->asked != c->asked || p->engine != c->engine)
            sim_violation(&n->report, "%s: asks for something else with the same key",
                          c->node->address);
        return p;
    }
    n->paid = sim_reallocate(n->paid, (n->paid_count + 1) * sizeof *n->paid);
    net_paid *p = &n->paid[n->paid_count++];
    *p = (net_paid){.node = c->node, .account = account, .engine = c->engine, .asked = c->asked};
    memcpy(p->key, c->key, sizeof p->key);
    decide(n, c->account, p);
    n->counts.paid++;
    transfer(c->node, c->account, p->paid);
    return p;
}

/* ---- what a node hears ---- */

static void answers(void *context, uint64_t argument)
{
    call *c = context;
    net_node *node = c->node;
    net *n = node->net;
    (void)argument;
    if (n->report.failed || node->life != c->life || !node->running) {
        free(c);
        return;
    }
    const rill_engine_answer answer = {.status = c->status,
                                       .problem = "it is away",
                                       .body = {(const uint8_t *)c->body, strlen(c->body)}};
    sim_trace(&n->report, "%s: engine %u of %s answers %u %s", node->address, c->engine,
              c->account->name, c->status, c->body);
    if (c->yes)
        net_settle_takes(node, c->account, c->taken);
    rill_core_engine_answered(node->core, c->id, &answer);
    if (c->twice)
        rill_core_engine_answered(node->core, c->id, &answer);
    net_node_after(node);
    if (c->pays && !c->yes && !n->engines_calm && sim_rng_chance(&n->rng, 100))
        net_settle_end_some(node);
    free(c);
}

/* What it is asked is done, whatever becomes of the answer. */
static void arrives(void *context, uint64_t argument)
{
    call *c = context;
    net *n = c->node->net;
    (void)argument;
    uint64_t kind = n->engines_calm ? 1000 : sim_rng_below(&n->rng, 1000);
    uint64_t wait = sim_rng_range(&n->rng, 1, 400) * RILL_MS;
    bool away = !n->engines_calm && net_now(n) < n->engines_away;
    if (away || kind < 80) { /* never heard of */
        wait = 5 * RILL_SECOND;
    } else if (kind < 120) {
        c->status = 500;
    } else if (kind < 160) {
        c->status = 404;
    } else if (c->pays) {
        const net_paid *p = pay(c);
        c->status = kind < 250 ? 0 : kind < 300 ? 500 : 201;
        c->yes = c->status == 201;
        c->taken = p->believed;
        memcpy(c->body, p->body, sizeof c->body);
        if (c->yes && kind < 330) {
            snprintf(c->body, sizeof c->body, "{\"amount\":\"1");
            c->yes = false;
        }
    } else {
        c->status = kind < 220 ? 0 : 201;
    }
    c->twice = kind % 10 == 0;
    sim_queue_put(&n->queue, net_now(n) + wait, answers, c, 0, free);
}

/* ---- what it asks for ---- */

static void check_asked(net_node *node, net_account *a, unsigned engine,
                        const rill_engine_call *asked, call *c)
{
    net *n = node->net;
    net_settle *s = &a->settle;
    unsigned scale = 0;
    if (asked->key == NULL || strlen(asked->key) >= sizeof s->key ||
        sscanf((const char *)asked->body.data, "{\"amount\":\"%" SCNu64 "\",\"scale\":%u}",
               &c->asked, &scale) != 2 ||
        scale != n->assets[a->way->asset].scale) {
        sim_violation(&n->report, "%s: asks an engine for what is no Quantity", node->address);
        return;
    }
    if (!s->outstanding || s->engine != engine || s->asked != c->asked)
        sim_violation(&n->report, "%s: asks engine %u for %" PRIu64 " of %s, which is not owed",
                      node->address, engine, c->asked, a->name);
    for (size_t i = 0; i < n->line_count; i++) {
        const net_line *line = &n->lines[i];
        if (line->node == node && &node->accounts[line->account] == a && line->begins &&
            !line->over)
            sim_violation(&n->report, "%s: asks an engine for what its store does not have",
                          node->address);
    }
    if (s->key[0] != '\0' && strcmp(s->key, asked->key) != 0)
        sim_violation(&n->report, "%s: asks an engine again with another key", node->address);
    for (size_t i = 0; s->key[0] == '\0' && i < n->paid_count; i++) {
        if (strcmp(n->paid[i].key, asked->key) == 0)
            sim_violation(&n->report, "%s: uses the key of another settlement", node->address);
    }
    snprintf(s->key, sizeof s->key, "%s", asked->key);
    snprintf(c->key, sizeof c->key, "%s", asked->key);
}

/* "/accounts/NAME/settlements", "/accounts/NAME", or "/accounts" and {"id":"NAME"}. */
static net_account *find_account(net_node *node, const rill_engine_call *asked)
{
    char name[16] = "";
    if (strcmp(asked->path, "/accounts") == 0)
        (void)sscanf((const char *)asked->body.data, "{\"id\":\"%15[a-z0-9]", name);
    else
        (void)sscanf(asked->path, "/accounts/%15[a-z0-9]", name);
    return net_account_named(node, name);
}

int net_engine_call(void *user, const rill_engine_call *asked)
{
    net_node *node = user;
    net *n = node->net;
    net_account *a = find_account(node, asked);
    unsigned engine = (unsigned)(asked->engine[strlen(asked->engine) - 1] - '0');
    bool deletes = strcmp(asked->method, "DELETE") == 0;
    n->counts.engine_calls++;
    if (a == NULL || engine >= NET_ENGINES) {
        sim_violation(&n->report, "%s: asks an engine of an account that is not there",
                      node->address);
        return RILL_ERR_NOMEM;
    }
    if (deletes && a->settle.outstanding && a->settle.engine == engine)
        sim_violation(&n->report, "%s: gives up engine %u of %s, which is to pay", node->address,
                      engine, a->name);
    call *c = sim_allocate(sizeof *c);
    *c = (call){.node = node, .life = node->life, .id = asked->id, .account = a, .engine = engine};
    c->pays = strstr(asked->path, "/settlements") != NULL;
    if (c->pays)
        check_asked(node, a, engine, asked, c);
    sim_trace(&n->report, "%s: asks engine %u of %s: %s %s %.*s", node->address, engine, a->name,
              asked->method, asked->path, (int)asked->body.len, (const char *)asked->body.data);
    if (!n->engines_calm && sim_rng_chance(&n->rng, 20)) {
        free(c);
        return RILL_ERR_NOMEM;
    }
    sim_queue_put(&n->queue, net_now(n) + sim_rng_range(&n->rng, 1, 300) * RILL_MS, arrives, c, 0,
                  free);
    return RILL_OK;
}

/* ---- what an engine tells ---- */

static unsigned ask(net_node *node, const net_account *a, net_transfer *t, oracle_i128 amount)
{
    char path[64];
    char body[96];
    rill_engine_reply reply;
    snprintf(path, sizeof path, "/accounts/%s/settlements", a->name);
    quantity(node->net, a, amount, body);
    const rill_engine_request request = {
        .method = {(const uint8_t *)"POST", 4},
        .path = {(const uint8_t *)path, strlen(path)},
        .key = {(const uint8_t *)t->key, strlen(t->key)},
        .body = {(const uint8_t *)body, strlen(body)},
        .known = true,
    };
    node->telling = t;
    rill_core_engine_ask(node->core, &request, &reply);
    node->telling = NULL;
    sim_trace(&node->net->report, "%s: the engine of %s tells %s: %u", node->address, a->name, body,
              reply.status);
    net_node_after(node);
    return reply.status;
}

/* It has a key that can only be used for one amount. */
static void tell(net_node *node, const net_account *a, net_transfer *t)
{
    net *n = node->net;
    bool before = t->booked;
    if (before && sim_rng_chance(&n->rng, 100) && ask(node, a, t, t->amount + 1) == 201)
        sim_violation(&n->report, "%s: takes a key for another amount", node->address);
    unsigned status = ask(node, a, t, t->amount);
    n->counts.told_again += before;
    bool can = status == 201 || status == 404 || status == 503;
    if (n->report.failed)
        return;
    if (!can || (status == 201 && !t->booked))
        sim_violation(&n->report, "%s: answers its engine with %u", node->address, status);
    /* The engine may not have heard it. */
    t->answered = status == 201 && t->kept && (n->engines_calm || sim_rng_chance(&n->rng, 600));
}

static void tells(void *context, uint64_t argument)
{
    net_transfer *t = context;
    net *n = t->way->net;
    net_node *node = t->way->side[t->to].node;
    const net_account *a = &node->accounts[t->way->side[t->to].account];
    (void)argument;
    if (n->report.failed || t->answered)
        return;
    if (!a->settles) {
        /* Somebody sees it in the bank, and books it. */
        t->dust = t->amount % NET_FINE;
        t->amount -= t->dust;
        t->answered = true;
        if (t->amount > 0)
            net_entry_want(n, node, t->way->side[t->to].account, (uint64_t)(t->amount / NET_FINE),
                           RILL_ENTRY_SETTLED_IN);
        return;
    }
    if (node->running)
        tell(node, a, t);
    if (!t->answered)
        sim_queue_put(&n->queue, net_now(n) + TELL_AGAIN, tells, t, 0, NULL);
}
