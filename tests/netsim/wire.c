/* SPDX-License-Identifier: Apache-2.0 */
/* Ways between neighbours: connections, what is under way on them, and what is lost with them. */
#include "parts.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include <rill/error.h>

#include "crypto/crypto.h"

/* How long a side may take to see that its connection is lost. */
#define LEARN_MAX (3 * RILL_SECOND)
/* How long it takes to close one. */
#define CLOSE_MAX (50 * RILL_MS)
#define RETRY_MIN (50 * RILL_MS)
#define RETRY_MAX (2 * RILL_SECOND)

typedef struct message {
    net_conn *conn;
    net_prepare *prepare;
    unsigned from;   /* side */
    bool answer;     /* to the Prepare */
    uint64_t serial; /* among those that this side sent; 0: out of order */
    size_t len;
    uint8_t bytes[];
} message;

/* ---- the two sides ---- */

static const char *name_of(const net_way *w, unsigned side)
{
    return w->side[side].node != NULL ? w->side[side].node->address
                                      : w->side[side].program->address;
}

static net_account *account_of(const net_way *w, unsigned side)
{
    return &w->side[side].node->accounts[w->side[side].account];
}

static void after(const net_way *w, unsigned side)
{
    if (w->side[side].node != NULL)
        net_node_after(w->side[side].node);
}

static bool is_running(const net_way *w, unsigned side)
{
    return w->side[side].node == NULL || w->side[side].node->running;
}

bool net_way_is_up(const net_way *w)
{
    return w->conns != NULL && !w->conns->cut;
}

/* ---- what arrives ---- */

bool net_fulfills(net *n, const net_prepare *p, const uint8_t *packet, size_t len)
{
    uint8_t hash[RILL_SHA256_LEN];
    rill_fulfill fulfill;
    return len > 0 && packet[0] == RILL_ILP_FULFILL &&
           rill_fulfill_decode(&fulfill, packet, len) == RILL_OK &&
           rill_crypto_sha256(n->crypto, fulfill.fulfillment, 32, hash) == RILL_OK &&
           memcmp(hash, p->condition, sizeof hash) == 0;
}

static void deliver_prepare(net_end *end, net_prepare *p, const message *m)
{
    net_node *node = end->way->side[end->side].node;
    const net_side *side = &end->way->side[end->side];
    p->arrived = true;
    if (node != NULL) {
        node->coming_in = p;
        net_limits_arrived(node, side->account);
    } else if (p->probe != NULL) {
        net_probe_arrives(p->probe, side->program);
    }
    end->link.on.prepare(&end->link, p->number, m->bytes, m->len, end->link.user);
    if (node != NULL) {
        node->coming_in = NULL;
        net_limits_taken(node, side->account);
    }
}

static void deliver_answer(net_end *end, net_prepare *p, const message *m)
{
    net_node *node = end->way->side[end->side].node;
    if (rill_list_linked(&p->open))
        rill_list_remove(&p->open);
    if (node != NULL)
        net_ledger_answer(node, p, m->bytes, m->len);
    end->link.on.reply(&end->link, p->outgoing_id, m->bytes, m->len, end->link.user);
    if (node != NULL)
        net_ledger_answered(node, p);
}

static unsigned why_of(const net_conn *c)
{
    return is_running(c->way, 0) && is_running(c->way, 1) ? NET_WHY_CUT : NET_WHY_KILLED;
}

static void arrives(void *context, uint64_t argument)
{
    message *m = context;
    net_conn *c = m->conn;
    net_way *w = c->way;
    net *n = w->net;
    unsigned to = 1 - m->from;
    net_prepare *p = m->prepare;
    (void)argument;
    if (m->serial != 0)
        c->seen[m->from] = m->serial;
    if (n->report.failed) {
        free(m);
        return;
    }
    if (c->gone[to] || c->end[to]->closed || (m->answer && p->given_up) ||
        (c->cut && (m->serial == 0 || m->serial > c->arriving[m->from]))) {
        sim_trace(&n->report, "lost: %s of packet %" PRIu64 " to %s", m->answer ? "answer" : "way",
                  p->number, name_of(w, to));
        if (m->answer)
            p->why |= why_of(c);
    } else {
        sim_trace(&n->report, "%s gets the %s packet %" PRIu64 " of %" PRIu64, name_of(w, to),
                  !m->answer                             ? ""
                  : net_fulfills(n, p, m->bytes, m->len) ? "Fulfill of"
                                                         : "reject of",
                  p->number, p->amount);
        if (m->answer)
            deliver_answer(c->end[to], p, m);
        else
            deliver_prepare(c->end[to], p, m);
        after(w, to);
    }
    sim_digest(&n->report, p->number * 4 + to * 2 + m->answer);
    free(m);
}

/* ---- what is sent ---- */

static void put(net_conn *c, unsigned from, net_prepare *p, bool answer, uint64_t at,
                const uint8_t *packet, size_t len)
{
    net_way *w = c->way;
    net *n = w->net;
    message *m = sim_allocate(sizeof *m + len);
    *m = (message){.conn = c, .prepare = p, .from = from, .answer = answer, .len = len};
    memcpy(m->bytes, packet, len);
    if (at == 0) {
        m->serial = ++c->sent[from];
        at = net_now(n) + w->latency + sim_rng_below(&n->rng, w->jitter + 1);
        at = at < c->last_at[from] ? c->last_at[from] : at;
        c->last_at[from] = at;
    }
    sim_queue_put(&n->queue, at, arrives, m, 0, free);
}

static net_prepare *new_prepare(net *n)
{
    if (n->prepare_count == n->prepare_cap) {
        n->prepare_cap = n->prepare_cap * 2 + 256;
        n->prepares = sim_reallocate(n->prepares, n->prepare_cap * sizeof(net_prepare *));
    }
    net_prepare *p = sim_allocate(sizeof *p);
    *p = (net_prepare){.number = n->prepare_count, .sent_at = net_now(n)};
    rill_list_init(&p->open);
    n->prepares[n->prepare_count++] = p;
    n->counts.prepares++;
    return p;
}

/* A node would have forwarded it. */
static void tried(const net_end *end)
{
    net_node *node = end->way == NULL ? NULL : end->way->side[end->side].node;
    if (node != NULL && node->coming_in != NULL)
        net_limits_tried(node, end->way->side[end->side].account);
}

int net_send(net_end *end, uint64_t outgoing_id, const uint8_t *packet, size_t len)
{
    rill_prepare prepare;
    if (!end->up || end->closed) {
        tried(end);
        return RILL_ERR_NOT_CONNECTED;
    }
    net *n = end->way->net;
    net_node *node = end->way->side[end->side].node;
    if (rill_prepare_decode(&prepare, packet, len) != RILL_OK) {
        sim_violation(&n->report, "%s sends what is no Prepare", name_of(end->way, end->side));
        return RILL_ERR_NOT_CONNECTED;
    }
    net_prepare *p = new_prepare(n);
    p->conn = end->conn;
    p->from = end->side;
    p->outgoing_id = outgoing_id;
    p->amount = prepare.amount;
    p->expires_ms = prepare.expires_at_ms;
    memcpy(p->condition, prepare.condition, sizeof p->condition);
    rill_list_push_back(&end->open, &p->open);
    sim_trace(&n->report, "%s sends packet %" PRIu64 " of %" PRIu64 " to %s, for %.*s",
              name_of(end->way, end->side), p->number, p->amount, name_of(end->way, 1 - end->side),
              (int)prepare.destination.len, (const char *)prepare.destination.data);
    if (node != NULL)
        net_ledger_sent(node, p);
    put(end->conn, end->side, p, false, 0, packet, len);
    net_patience_begins(n, p);
    return RILL_OK;
}

/* ---- what a program does that is no good neighbour ---- */

/* When the node that sent it gives it up, as virtual time, and near that. */
static uint64_t around_deadline(net *n, const net_prepare *p)
{
    uint64_t deadline = p->flight->deadline - p->flight->node->mono_offset;
    uint64_t at = deadline + sim_rng_below(&n->rng, 5) * RILL_MS - 2 * RILL_MS;
    return at <= net_now(n) ? net_now(n) + RILL_MS : at;
}

static void trick(net_conn *c, net_prepare *p, const uint8_t *packet, size_t len)
{
    net *n = c->way->net;
    uint8_t other[RILL_PACKET_BUFFER];
    unsigned from = 1 - p->from;
    n->counts.tricks++;
    p->why |= NET_WHY_TRICK;
    memcpy(other, packet, len);
    switch (sim_rng_below(&n->rng, 5)) {
    case 0:
        sim_trace(&n->report, "trick: packet %" PRIu64 " is never answered", p->number);
        break;
    case 1:
        sim_trace(&n->report, "trick: packet %" PRIu64 " is answered twice", p->number);
        put(c, from, p, true, 0, packet, len);
        put(c, from, p, true, 0, packet, len);
        break;
    case 2:
        sim_trace(&n->report, "trick: packet %" PRIu64 " has another fulfillment", p->number);
        other[len > 20 ? 20 : len - 1] ^= 1;
        put(c, from, p, true, 0, other, len);
        if (sim_rng_chance(&n->rng, 500))
            put(c, from, p, true, 0, packet, len);
        break;
    default:
        sim_trace(&n->report, "trick: packet %" PRIu64 " is answered around its expiry", p->number);
        put(c, from, p, true, around_deadline(n, p), packet, len);
        break;
    }
}

void net_reply(net_end *end, net_prepare *p, const uint8_t *packet, size_t len)
{
    net_way *w = end->way;
    net *n = w->net;
    const net_program *program = w->side[end->side].program;
    bool fulfilled = net_fulfills(n, p, packet, len);
    p->replied = true;
    p->fulfilled = p->fulfilled || fulfilled;
    p->passed_at = net_now(n);
    if (p->conn != end->conn || p->conn->gone[end->side] || end->closed) {
        p->why |= why_of(p->conn);
        return;
    }
    if (program != NULL && fulfilled)
        p->program_took = true;
    if (program != NULL && fulfilled && !n->calm && p->flight != NULL &&
        sim_rng_chance(&n->rng, program->trick))
        trick(p->conn, p, packet, len);
    else
        put(p->conn, end->side, p, true, 0, packet, len);
}

/* ---- the link of a node ---- */

static bool op_is_up(const rill_link *l)
{
    return ((const net_end *)(const void *)l)->up;
}

static int op_send(rill_link *l, uint64_t outgoing_id, const uint8_t *packet, size_t len)
{
    return net_send((net_end *)(void *)l, outgoing_id, packet, len);
}

static int op_reply(rill_link *l, uint64_t request, const uint8_t *packet, size_t len)
{
    net_end *end = (net_end *)(void *)l;
    net *n = end->way->net;
    net_node *node = end->way->side[end->side].node;
    if (node->dying)
        return RILL_ERR_NOT_CONNECTED;
    if (request < n->prepare_count && n->prepares[request]->given_up &&
        n->prepares[request]->asker_gone)
        return RILL_ERR_NOT_CONNECTED;
    if (request >= n->prepare_count || n->prepares[request]->conn->way != end->way ||
        n->prepares[request]->from == end->side) {
        sim_violation(&n->report, "%s answers packet %" PRIu64 ", which it never got",
                      node->address, request);
        return RILL_ERR_NOT_CONNECTED;
    }
    net_ledger_replied(node, n->prepares[request], packet, len);
    net_reply(end, n->prepares[request], packet, len);
    return RILL_OK;
}

static bool op_waits(const rill_link *l, uint64_t request)
{
    const net *n = ((const net_end *)(const void *)l)->way->net;
    return request < n->prepare_count && !n->prepares[request]->asker_gone;
}

static void closes(void *context, uint64_t argument);

static void op_close(rill_link *l)
{
    net_end *end = (net_end *)(void *)l;
    net *n = end->way->net;
    const net_node *node = end->way->side[end->side].node;
    if (end->closed)
        return;
    end->closed = true;
    /* Of a connection that is lost the end follows by itself. */
    if (!node->dying && (end->side == 1 || !end->conn->gone[end->side]))
        sim_queue_put(&n->queue, net_now(n) + sim_rng_below(&n->rng, CLOSE_MAX), closes, end, 0,
                      NULL);
}

static const rill_link_ops ops = {
    .is_up = op_is_up,
    .send = op_send,
    .reply = op_reply,
    .close = op_close,
    .waits = op_waits,
};

/* ---- connections that are lost ---- */

static void retry(net_way *w, uint64_t wait);

/* Nothing comes by this connection any more to this side. */
static void end_open(net_conn *c, unsigned side)
{
    net_way *w = c->way;
    net *n = w->net;
    net_end *end = c->end[side];
    net_node *node = w->side[side].node;
    c->gone[side] = true;
    for (size_t i = 0; i < n->prepare_count; i++) {
        net_prepare *p = n->prepares[i];
        if (p->conn == c && p->from != side && !p->replied) {
            p->asker_gone = true;
            p->why |= why_of(c);
        }
        if (p->conn != c || p->from != side || !rill_list_linked(&p->open))
            continue;
        rill_list_remove(&p->open);
        p->why |= why_of(c);
        if (node != NULL)
            net_ledger_unanswered(node, p);
        end->link.on.unanswered(&end->link, p->outgoing_id, RILL_ERR_NOT_CONNECTED, true,
                                end->link.user);
    }
    end->up = false;
}

/* A side sees that its connection is lost. */
static void learn(net_conn *c, unsigned side)
{
    net_way *w = c->way;
    net *n = w->net;
    net_end *end = c->end[side];
    if (c->gone[side])
        return;
    sim_trace(&n->report, "%s sees that the connection to %s is lost", name_of(w, side),
              name_of(w, 1 - side));
    end_open(c, side);
    end->link.on.down(&end->link, RILL_ERR_NOT_CONNECTED, "cut", side == 0, end->link.user);
    if (side == 0) {
        if (!end->closed)
            sim_violation(&n->report, "%s keeps a session that is over", name_of(w, 0));
        end->link.on.closed(&end->link, end->link.user);
        end->attached = false;
    } else if (!end->closed) {
        retry(w, sim_rng_range(&n->rng, RETRY_MIN, RETRY_MAX));
    }
    after(w, side);
}

static void learns(void *context, uint64_t side)
{
    net_conn *c = context;
    if (!c->way->net->report.failed)
        learn(c, (unsigned)side);
}

/* Of what is under way in each direction a first part arrives. */
static void cut(net_conn *c)
{
    net *n = c->way->net;
    if (c->cut)
        return;
    c->cut = true;
    for (unsigned side = 0; side < 2; side++) {
        uint64_t under_way = c->sent[side] - c->seen[side];
        c->arriving[side] = c->seen[side] + sim_rng_range(&n->rng, 0, under_way);
        if (!c->gone[side])
            sim_queue_put(&n->queue,
                          net_now(n) + (sim_rng_chance(&n->rng, 300)
                                            ? 0
                                            : sim_rng_range(&n->rng, 1, LEARN_MAX)),
                          learns, c, side, NULL);
    }
}

/* The node at this side has closed it: what is under way there is lost. */
static void closes(void *context, uint64_t argument)
{
    net_end *end = context;
    net_way *w = end->way;
    (void)argument;
    if (w->net->report.failed || !end->attached || !end->closed)
        return;
    sim_trace(&w->net->report, "%s has closed its link to %s", name_of(w, end->side),
              name_of(w, 1 - end->side));
    if (end->side == 0)
        net_member_closes(w->side[0].node, w->side[0].account);
    if (end->conn != NULL && !end->conn->gone[end->side]) {
        end_open(end->conn, end->side);
        cut(end->conn);
    }
    end->link.on.closed(&end->link, end->link.user);
    end->attached = false;
    after(w, end->side);
}

void net_way_close(net_way *w)
{
    if (w->client.attached)
        op_close(&w->client.link);
}

void net_way_cut(net_way *w)
{
    if (!net_way_is_up(w))
        return;
    w->net->counts.cuts++;
    sim_trace(&w->net->report, "FAULT: cut between %s and %s", name_of(w, 0), name_of(w, 1));
    cut(w->conns);
}

void net_way_lost(net_way *w, unsigned side)
{
    net *n = w->net;
    for (net_conn *c = w->conns; c != NULL; c = c->next) {
        if (c->gone[side])
            continue;
        c->gone[side] = true;
        for (size_t i = 0; i < n->prepare_count; i++) {
            net_prepare *p = n->prepares[i];
            if (p->conn != c)
                continue;
            if (p->from == side && rill_list_linked(&p->open))
                rill_list_remove(&p->open);
            if (p->from == side || !p->replied)
                p->why |= NET_WHY_KILLED;
        }
        cut(c);
    }
    if (side == 1)
        w->client.attached = false;
}

/* ---- connections that are made ---- */

static void opens(void *context, uint64_t argument)
{
    net_way *w = context;
    (void)argument;
    w->wanted = false;
    if (!w->net->report.failed)
        net_way_open(w);
}

static void retry(net_way *w, uint64_t wait)
{
    if (w->wanted)
        return;
    w->wanted = true;
    sim_queue_put(&w->net->queue, net_now(w->net) + wait, opens, w, 0, NULL);
}

void net_way_reconnect(net_way *w)
{
    retry(w, RETRY_MIN);
}

static void init_end(net_end *end, net_way *w, unsigned side)
{
    memset(&end->link, 0, sizeof end->link);
    end->link.ops = &ops;
    end->conn = NULL;
    end->way = w;
    end->side = side;
    end->attached = end->up = end->closed = false;
    rill_list_init(&end->open);
}

static bool attach_client(net_way *w)
{
    net_end *end = &w->client;
    const rill_link_handlers *handlers = NULL;
    if (end->attached)
        return true;
    init_end(end, w, 1);
    if (w->side[1].program != NULL) {
        net_program_attach(w->side[1].program, end);
    } else {
        rill_core *core = w->side[1].node->core;
        const rill_bytes name = {(const uint8_t *)account_of(w, 1)->name,
                                 strlen(account_of(w, 1)->name)};
        rill_hub *hub = rill_core_hub(core);
        struct rill_account *account =
            rill_hub_open_account(hub, &rill_core_find(core, name)->terms);
        if (account == NULL ||
            rill_hub_attach(&handlers, &end->link.user, hub, &end->link, account) != RILL_OK)
            return false;
        end->link.on = *handlers;
    }
    end->attached = true;
    return true;
}

void net_way_open(net_way *w)
{
    net *n = w->net;
    bool connected = w->client.attached && w->client.conn != NULL && !w->client.conn->gone[1];
    if (connected || !is_running(w, 1) || (w->side[1].node != NULL && account_of(w, 1)->out))
        return;
    if (net_now(n) < w->dark_until && !n->calm) {
        retry(w, sim_rng_range(&n->rng, RETRY_MIN, RETRY_MAX));
        return;
    }
    if (w->client.closed && w->client.attached) { /* the one before is being closed */
        retry(w, RETRY_MIN);
        return;
    }
    net_conn *c = sim_allocate(sizeof *c);
    memset(c, 0, sizeof *c);
    c->way = w;
    c->end[0] = &c->server;
    c->end[1] = &w->client;
    init_end(&c->server, w, 0);
    c->server.conn = c;
    if (!is_running(w, 0) || !net_node_admit(w->side[0].node, &c->server)) {
        free(c);
        retry(w, sim_rng_range(&n->rng, RETRY_MIN, RETRY_MAX));
        return;
    }
    c->next = w->conns;
    w->conns = c;
    c->server.up = c->server.attached = true;
    c->server.link.on.up(&c->server.link, c->server.link.user);
    after(w, 0);
    if (!attach_client(w)) {
        sim_violation(&n->report, "%s cannot attach a link", name_of(w, 1));
        return;
    }
    w->client.conn = c;
    w->client.up = true;
    sim_trace(&n->report, "%s and %s are connected", name_of(w, 0), name_of(w, 1));
    w->client.link.on.up(&w->client.link, w->client.link.user);
    after(w, 1);
}
