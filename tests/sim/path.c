/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Nodes are numbered along each packet's way: 0 is the sender, 1 to hops are the connectors, hops +
 * 1 is the receiver.
 */
#include "path.h"

#include "hop.h"
#include "observer.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

/* How long a connector that tampers with expiries waits at most. */
#define MAX_WAIT_MS 60000
/* Instead of a node: the sender's own request was reset, and is in doubt. */
#define RESET_AT_END UINT64_MAX

/* One Prepare on its way, and what each connector holds for it. */
typedef struct transit {
    sim_path *path;
    uint64_t id;
    uint64_t request;
    unsigned side;
    /* a connector has sent it again, so nobody before that connector waits for a reply */
    bool again;
    unsigned first; /* the node that sent it */
    unsigned epoch; /* of the sender's link */
    unsigned came;  /* the receiver's, when it arrived */
    bool answered[SIM_MAX_HOPS + 2];
    bool deaf[SIM_MAX_HOPS + 2];       /* what the next node answers does not come to this one */
    uint64_t amount[SIM_MAX_HOPS + 2]; /* as it came to each node */
    uint8_t condition[SIM_MAX_HOPS + 2][32]; /* as each node sent it on */
} transit;

/* Bytes between two nodes. */
typedef struct message {
    transit *transit;
    unsigned node; /* that it arrives at */
    bool reply;
    size_t len;
    uint8_t bytes[];
} message;

struct sim_path {
    sim_path_config config;
    sim_queue *queue;
    sim_report *report;
    sim_port port[2];
    sim_rng rng;
    sim_hop hop[SIM_MAX_HOPS];
    uint64_t last_arrival[SIM_MAX_HOPS + 1][2];
    uint64_t busy_until[SIM_MAX_HOPS + 1][2];
    bool link_down[2]; /* of the ends */
    unsigned epoch[2]; /* counts their breaks */
    transit **transits;
    uint64_t count;
    uint64_t capacity;
    bool calm;
    sim_aside aside;
    uint8_t scratch[SIM_MAX_PACKET];
};

static void arrive(void *context, uint64_t argument);

static void no_reply(void *user, uint64_t request, uint8_t *packet, size_t len)
{
    (void)user;
    (void)request;
    (void)packet;
    (void)len;
}

static void not_unanswered(void *user, uint64_t request, bool sent)
{
    (void)user;
    (void)request;
    (void)sent;
}

sim_port sim_port_of_receiver(void *user, void (*prepare)(void *user, uint64_t handle,
                                                          uint8_t *packet, size_t len))
{
    return (sim_port){user, prepare, no_reply, not_unanswered};
}

sim_path *sim_path_new(const sim_path_config *config, sim_queue *queue, sim_report *report,
                       uint64_t seed, sim_port side0, sim_port side1)
{
    sim_path *p = sim_allocate(sizeof(*p));
    memset(p, 0, sizeof(*p));
    p->config = *config;
    p->queue = queue;
    p->report = report;
    p->port[0] = side0;
    p->port[1] = side1;
    sim_rng_seed(&p->rng, seed, 7);
    for (unsigned i = 0; i < config->hops; i++)
        sim_hop_init(&p->hop[i], &config->hop[i], report, seed * 8 + i);
    return p;
}

void sim_path_free(sim_path *p)
{
    if (p == NULL)
        return;
    for (uint64_t i = 0; i < p->count; i++)
        free(p->transits[i]);
    for (unsigned i = 0; i < p->config.hops; i++)
        sim_adversary_free(&p->hop[i].adversary);
    free(p->transits);
    free(p);
}

static transit *open_transit(sim_path *p, unsigned side, uint64_t request)
{
    if (p->count == p->capacity) {
        p->capacity = p->capacity == 0 ? 256 : p->capacity * 2;
        p->transits = sim_reallocate(p->transits, (size_t)p->capacity * sizeof(transit *));
    }
    transit *t = sim_allocate(sizeof(*t));
    memset(t, 0, sizeof(*t));
    t->path = p;
    t->id = p->count;
    t->side = side;
    t->request = request;
    t->epoch = p->epoch[side];
    p->transits[p->count++] = t;
    return t;
}

static sim_hop *hop_at(sim_path *p, const transit *t, unsigned node)
{
    return &p->hop[t->side == 0 ? node - 1 : p->config.hops - node];
}

/* Which link lies between this node and the next. */
static unsigned link_after(const sim_path *p, const transit *t, unsigned node)
{
    return t->side == 0 ? node : p->config.hops - node;
}

/* Packets wait in line for a link of limited bandwidth. */
static uint64_t leaves_at(sim_path *p, unsigned link, unsigned direction, size_t len)
{
    uint64_t speed = p->calm ? 0 : p->config.link[link].bytes_per_second;
    uint64_t *busy = &p->busy_until[link][direction];
    if (*busy < p->queue->now)
        *busy = p->queue->now;
    else if (speed != 0)
        sim_count(p->report, SIM_BANDWIDTH);
    if (speed == 0)
        return p->queue->now;
    *busy += len * RILL_SECOND / speed;
    return *busy;
}

static uint64_t travel_time(sim_path *p, unsigned link, unsigned direction, size_t len)
{
    const sim_link_config *l = &p->config.link[link];
    uint64_t at = leaves_at(p, link, direction, len) + l->delay;
    if (l->jitter != 0) {
        at += sim_rng_below(&p->rng, l->jitter + 1);
        sim_count(p->report, SIM_JITTER);
    }
    if (!p->calm && sim_rng_chance(&p->rng, l->reorder)) {
        at += l->delay + sim_rng_below(&p->rng, 2 * l->delay + 1);
        sim_count(p->report, SIM_REORDER);
    }
    uint64_t *last = &p->last_arrival[link][direction];
    if (l->ordered && at < *last)
        at = *last;
    if (l->ordered)
        *last = at;
    return at;
}

static void post(sim_path *p, transit *t, unsigned from, bool reply, const uint8_t *bytes,
                 size_t len, uint64_t extra)
{
    message *m = sim_allocate(sizeof(*m) + len);
    m->transit = t;
    m->node = reply ? from - 1 : from + 1;
    m->reply = reply;
    m->len = len;
    memcpy(m->bytes, bytes, len);
    unsigned link = link_after(p, t, reply ? from - 1 : from);
    unsigned direction = reply ? 1 - t->side : t->side;
    uint64_t at = travel_time(p, link, direction, len) + extra;
    sim_queue_put(p->queue, at, arrive, m, 0, free);
}

static void report_loss(void *context, uint64_t sent)
{
    transit *t = context;
    sim_path *p = t->path;
    if (t->epoch == p->epoch[t->side])
        p->port[t->side].unanswered(p->port[t->side].user, t->request, sent != 0);
}

/* Whether the link loses it. The sender may be told of losses on its own link. */
static bool lost(sim_path *p, transit *t, unsigned node, bool reply)
{
    const sim_link_config *l = &p->config.link[link_after(p, t, node)];
    if (p->calm || !sim_rng_chance(&p->rng, reply ? l->lose_reply : l->lose_request))
        return false;
    sim_count(p->report, reply ? SIM_LOSE_REPLY : SIM_LOSE_REQUEST);
    sim_trace(p->report, "  lost  #%" PRIu64 " %s after node %u", t->id,
              reply ? "reply" : "request", node);
    if (node == 0 && !t->again && sim_rng_chance(&p->rng, p->config.report_loss)) {
        /* A request that certainly has not left, or one whose fate is unknown. */
        bool sent = reply || sim_rng_chance(&p->rng, 500);
        uint64_t at = p->queue->now + sim_rng_below(&p->rng, 2 * RILL_SECOND);
        sim_queue_put(p->queue, at, report_loss, t, sent, NULL);
    }
    return true;
}

static void hop_timeout(void *context, uint64_t node);
static void http_failure(void *context, uint64_t node);

/* When nobody can take its money any more, or, if it is no Prepare, now. */
static uint64_t end_of(const sim_path *p, uint8_t *packet, size_t len)
{
    sim_packet parsed = sim_packet_parse(packet, len);
    uint64_t now = sim_wall_ms(p->queue->now);
    uint64_t until = parsed.type == SIM_PREPARE ? sim_packet_expiry(&parsed) : now;
    /* A connector that tampers with expiries does not wait for ever itself. */
    if (until < now || until > now + MAX_WAIT_MS)
        until = now + MAX_WAIT_MS;
    return (until - SIM_WALL_MS) * RILL_MS;
}

/*
 * The link after the node is ILP over HTTP, and its request fails, whatever the next node says
 * later. A 500 comes for a packet that went on. A stream may also be reset before it was read.
 * Rafiki answers T00 at once, Rill waits until the packet has expired, as it does for its own.
 * Returns whether the packet gets to the next node.
 */
static bool http_goes_on(sim_path *p, transit *t, unsigned node, uint8_t *packet, size_t len)
{
    const sim_link_config *l = &p->config.link[link_after(p, t, node)];
    bool error = !p->calm && sim_rng_chance(&p->rng, l->http_error);
    bool reset = !p->calm && sim_rng_chance(&p->rng, l->http_reset);
    if (!error && !reset)
        return true;
    bool read = error || sim_rng_chance(&p->rng, 500);
    uint64_t at = p->queue->now + sim_rng_below(&p->rng, 4 * l->delay + RILL_MS);
    sim_count(p->report, error ? SIM_HTTP_ERROR : SIM_HTTP_RESET);
    sim_trace(p->report, "  %s #%" PRIu64 " after node %u%s", error ? "500  " : "reset", t->id,
              node, read ? "" : ", unread");
    if (error || (node > 0 && sim_rng_chance(&p->rng, 500)))
        sim_queue_put(p->queue, at, http_failure, t, node, NULL);
    else if (node == 0)
        sim_queue_put(p->queue, end_of(p, packet, len) + RILL_SECOND, http_failure, t, RESET_AT_END,
                      NULL);
    t->deaf[node] = true;
    return read;
}

/* The node sends the Prepare on. */
static void send_on(sim_path *p, transit *t, unsigned node, uint8_t *packet, size_t len,
                    uint64_t extra)
{
    sim_packet parsed = sim_packet_parse(packet, len);
    if (parsed.type == SIM_PREPARE)
        memcpy(t->condition[node], parsed.hash, 32);
    if (node > 0)
        sim_queue_put(p->queue, end_of(p, packet, len), hop_timeout, t, node, NULL);
    if (http_goes_on(p, t, node, packet, len) && !lost(p, t, node, false))
        post(p, t, node, false, packet, len, extra);
    if (!p->calm && sim_rng_chance(&p->rng, p->config.link[link_after(p, t, node)].duplicate)) {
        transit *copy = open_transit(p, t->side, t->request);
        copy->again = true;
        copy->first = node;
        sim_count(p->report, SIM_DUPLICATE);
        post(p, copy, node, false, packet, len, sim_rng_below(&p->rng, RILL_SECOND));
    }
}

void sim_path_send(sim_path *p, unsigned side, uint64_t request, const uint8_t *packet, size_t len)
{
    transit *t = open_transit(p, side, request);
    memcpy(p->scratch, packet, len);
    send_on(p, t, 0, p->scratch, len, 0);
}

/* The node answers, to the node before it. */
static void answer(sim_path *p, transit *t, unsigned node, const uint8_t *packet, size_t len,
                   uint64_t extra)
{
    if (t->again && node == t->first + 1)
        return;
    if (!lost(p, t, node - 1, true))
        post(p, t, node, true, packet, len, extra);
}

/* A connector's balance is then as if the packet had never come. */
static void refund(sim_path *p, const transit *t, unsigned node)
{
    sim_hop_refund(hop_at(p, t, node), t->side, t->amount[node]);
}

static void hop_timeout(void *context, uint64_t at_node)
{
    transit *t = context;
    sim_path *p = t->path;
    unsigned node = (unsigned)at_node;
    if (t->answered[node])
        return;
    t->answered[node] = true;
    size_t len = sim_reject_write(p->scratch, "R00", "test.connector", NULL, 0);
    sim_trace(p->report, "  R00   #%" PRIu64 " at node %u", t->id, node);
    refund(p, t, node);
    answer(p, t, node, p->scratch, len, 0);
}

/* A request over HTTP has failed: the node says T00 to who sent it, or the sender hears nothing. */
static void http_failure(void *context, uint64_t at_node)
{
    transit *t = context;
    sim_path *p = t->path;
    sim_port *port = &p->port[t->side];
    bool there = t->epoch == p->epoch[t->side];
    if (at_node == RESET_AT_END) {
        if (there)
            port->unanswered(port->user, t->request, true);
        return;
    }
    unsigned node = (unsigned)at_node;
    if (t->answered[node])
        return;
    t->answered[node] = true;
    size_t len = sim_reject_write(p->scratch, "T00", "test.connector", NULL, 0);
    sim_trace(p->report, "  T00   #%" PRIu64 " at node %u", t->id, node);
    if (node > 0) {
        refund(p, t, node);
        answer(p, t, node, p->scratch, len, 0);
    } else if (there) {
        port->reply(port->user, t->request, p->scratch, len);
    }
}

static void send_again(sim_path *p, const transit *t, unsigned node, uint8_t *packet, size_t len)
{
    transit *copy = open_transit(p, t->side, t->request);
    copy->again = true;
    copy->first = node;
    sim_trace(p->report, "  again #%" PRIu64 " as #%" PRIu64, t->id, copy->id);
    uint64_t within = p->config.replay_for != 0 ? p->config.replay_for : 20 * RILL_SECOND;
    post(p, copy, node, false, packet, len, sim_rng_magnitude(&p->rng, 1, within));
}

/* To its own sender, by a connector: the last one of a way in the other direction. */
static void send_back(sim_path *p, const transit *t)
{
    transit *copy = open_transit(p, 1 - t->side, t->request);
    copy->again = true;
    copy->first = p->config.hops;
    sim_trace(p->report, "  back  #%" PRIu64 " as #%" PRIu64, t->id, copy->id);
    post(p, copy, copy->first, false, p->aside.reflect, p->aside.reflect_len, 0);
}

/* The last connector knows that the receiver is away, or knows only that nothing comes back. */
static void arrive_at_end(sim_path *p, transit *t, unsigned node, const uint8_t *packet, size_t len)
{
    unsigned side = 1 - t->side;
    if (p->link_down[side]) {
        if (sim_rng_chance(&p->rng, 500)) {
            len = sim_reject_write(p->scratch, "T01", "test.connector", NULL, 0);
            t->answered[node] = true;
            answer(p, t, node, p->scratch, len, 0);
        }
        return;
    }
    t->came = p->epoch[side];
    memcpy(p->scratch, packet, len);
    p->port[side].prepare(p->port[side].user, t->id, p->scratch, len);
}

static void arrive_prepare(sim_path *p, transit *t, unsigned node, const uint8_t *packet,
                           size_t len)
{
    if (node == p->config.hops + 1) {
        arrive_at_end(p, t, node, packet, len);
        return;
    }
    uint8_t *copy = sim_allocate(SIM_MAX_PACKET);
    memcpy(copy, packet, len);
    sim_hop *h = hop_at(p, t, node);
    sim_packet parsed = sim_packet_parse(copy, len);
    t->amount[node] = parsed.type == SIM_PREPARE ? sim_packet_amount(&parsed) : 0;
    sim_verdict verdict = sim_hop_forward(h, t->side, p->queue->now, copy, &len);
    p->aside.again = false;
    p->aside.reflect_len = 0;
    if (verdict == SIM_PASS && !p->calm)
        verdict = sim_adversary_prepare(&h->adversary, t->side, copy, &len, &p->aside);
    if (p->aside.reflect_len != 0)
        send_back(p, t);
    if (p->aside.again)
        send_again(p, t, node, copy, len);
    if (verdict == SIM_PASS) {
        send_on(p, t, node, copy, len, 0);
    } else if (verdict == SIM_ANSWER) {
        t->answered[node] = true;
        answer(p, t, node, copy, len, 0);
    }
    /* Withheld: the next node never answers, so the one before it answers R00, if there is one. */
    free(copy);
}

/* What a connector does with a reply. An honest one lets no wrong fulfillment through. */
static void hop_reply(sim_path *p, transit *t, unsigned node, uint8_t *packet, size_t len)
{
    sim_hop *h = hop_at(p, t, node);
    uint64_t hold = 0;
    bool twice = false;
    if (sim_adversary_idle(&h->adversary) || p->calm) {
        sim_packet parsed = sim_packet_parse(packet, len);
        uint8_t hash[32];
        if (parsed.type == SIM_FULFILL) {
            sim_sha256(parsed.hash, 32, hash);
            if (memcmp(hash, t->condition[node], 32) != 0)
                len = sim_reject_write(packet, "F05", "test.connector", NULL, 0);
        } else if (parsed.type != SIM_REJECT) {
            len = sim_reject_write(packet, "T00", "test.connector", NULL, 0);
        }
    } else {
        sim_adversary_reply(&h->adversary, packet, &len, &hold, &twice);
    }
    if (sim_packet_parse(packet, len).type != SIM_FULFILL)
        refund(p, t, node);
    answer(p, t, node, packet, len, hold);
    if (twice)
        answer(p, t, node, packet, len, hold);
}

static void arrive_reply(sim_path *p, transit *t, unsigned node, const uint8_t *packet, size_t len)
{
    memcpy(p->scratch, packet, len);
    if (t->deaf[node] || (node == 0 && t->epoch != p->epoch[t->side]))
        return;
    if (node == 0) {
        sim_port *port = &p->port[t->side];
        port->reply(port->user, t->request, p->scratch, len);
        return;
    }
    if (t->answered[node]) {
        sim_trace(p->report, "  late  #%" PRIu64 " reply at node %u", t->id, node);
        return;
    }
    t->answered[node] = true;
    hop_reply(p, t, node, p->scratch, len);
}

static void arrive(void *context, uint64_t argument)
{
    (void)argument;
    message *m = context;
    sim_path *p = m->transit->path;
    if (m->reply)
        arrive_reply(p, m->transit, m->node, m->bytes, m->len);
    else
        arrive_prepare(p, m->transit, m->node, m->bytes, m->len);
    free(m);
}

void sim_path_answer(sim_path *p, uint64_t handle, const uint8_t *packet, size_t len)
{
    transit *t = p->transits[handle];
    unsigned node = p->config.hops + 1;
    if (t->answered[node] || t->came != p->epoch[1 - t->side])
        return;
    t->answered[node] = true;
    answer(p, t, node, packet, len, 0);
}

bool sim_path_origin(const sim_path *p, uint64_t handle, unsigned *side, uint64_t *request)
{
    const transit *t = p->transits[handle];
    *side = t->side;
    *request = t->request;
    return !t->again;
}

void sim_path_link(sim_path *p, unsigned side, bool up)
{
    p->link_down[side] = !up;
    if (!up)
        p->epoch[side]++;
}

void sim_path_calm(sim_path *p)
{
    p->calm = true;
    for (unsigned i = 0; i < p->config.hops; i++)
        sim_hop_calm(&p->hop[i]);
}

void sim_path_worsen(sim_path *p, rill_ratio part)
{
    for (unsigned i = 0; i < p->config.hops; i++)
        for (unsigned side = 0; side < 2; side++) {
            rill_ratio *r = &p->hop[i].config.rate[side];
            r->num *= part.num;
            r->den *= part.den;
        }
}

/* The hops in the order in which packets from `side` reach them. */
static const sim_hop *hop_of(const sim_path *p, unsigned side, unsigned i)
{
    return &p->hop[side == 0 ? i : p->config.hops - 1 - i];
}

uint64_t sim_path_delivers(const sim_path *p, unsigned side, uint64_t amount)
{
    for (unsigned i = 0; i < p->config.hops; i++)
        amount = sim_hop_exchange(hop_of(p, side, i), side, amount);
    return amount;
}

uint64_t sim_path_needs(const sim_path *p, unsigned side, uint64_t delivered)
{
    for (unsigned i = p->config.hops; i > 0; i--)
        delivered = sim_hop_needs(hop_of(p, side, i - 1), side, delivered);
    return delivered;
}

uint64_t sim_path_largest(const sim_path *p, unsigned side)
{
    uint64_t most = UINT64_MAX;
    for (unsigned i = p->config.hops; i > 0; i--) {
        const sim_hop *h = hop_of(p, side, i - 1);
        if (most < UINT64_MAX)
            most = sim_hop_needs(h, side, most + 1) - 1;
        uint64_t max = h->config.max_packet[side];
        if (max != 0 && max < most)
            most = max;
    }
    return most;
}
