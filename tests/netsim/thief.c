/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Two accounts of one owner, who wants something for nothing: one sends packets that it can fulfill
 * itself to the other, and cuts its connection while they are out; the other one fulfills them
 * then.
 */
#include "parts.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include <rill/error.h>

#include "crypto/crypto.h"

typedef struct answer {
    net_program *thief;
    net_prepare *prepare;
    uint8_t fulfillment[32];
} answer;

static void fulfills(void *context, uint64_t argument)
{
    answer *a = context;
    net_program *p = a->thief;
    uint8_t packet[256];
    size_t len = 0;
    const rill_fulfill fulfill = {a->fulfillment, {NULL, 0}};
    (void)argument;
    if (!p->net->report.failed &&
        rill_fulfill_encode(&fulfill, packet, sizeof packet, &len) == RILL_OK)
        net_reply(&p->way->client, a->prepare, packet, len);
    free(a);
}

static void on_prepare(rill_link *l, uint64_t number, const uint8_t *packet, size_t len, void *user)
{
    net_program *p = user;
    net *n = p->net;
    answer *a = sim_allocate(sizeof *a);
    rill_prepare prepare;
    (void)l;
    *a = (answer){.thief = p, .prepare = n->prepares[number]};
    /* What fulfills a packet is in it: they have agreed on that. */
    if (rill_prepare_decode(&prepare, packet, len) != RILL_OK || prepare.data.len != 32) {
        free(a);
        return;
    }
    memcpy(a->fulfillment, prepare.data.data, 32);
    sim_queue_put(&n->queue, net_now(n) + sim_rng_range(&n->rng, 1, 6000) * RILL_MS, fulfills, a, 0,
                  free);
}

static void on_reply(rill_link *l, uint64_t id, const uint8_t *packet, size_t len, void *user)
{
    const net_program *p = user;
    (void)l;
    net_prepare *sent = p->net->prepares[id];
    sent->program_paid = sent->program_paid || net_fulfills(p->net, sent, packet, len);
}

static void on_unanswered(rill_link *l, uint64_t id, int error, bool sent, void *user)
{
    (void)l;
    (void)id;
    (void)error;
    (void)sent;
    (void)user;
}

static void on_up(rill_link *l, void *user)
{
    (void)l;
    (void)user;
}

static void on_down(rill_link *l, int error, const char *detail, bool final, void *user)
{
    (void)l;
    (void)error;
    (void)detail;
    (void) final;
    (void)user;
}

void net_thief_attach(net_program *p, net_end *end)
{
    end->link.on = (rill_link_handlers){
        .size = sizeof(rill_link_handlers),
        .up = on_up,
        .down = on_down,
        .prepare = on_prepare,
        .reply = on_reply,
        .unanswered = on_unanswered,
    };
    end->link.user = p;
}

static void send_one(net_program *p)
{
    net *n = p->net;
    uint8_t fulfillment[32];
    uint8_t condition[RILL_SHA256_LEN];
    uint8_t packet[1024];
    size_t len = 0;
    sim_rng_fill(&n->rng, fulfillment, sizeof fulfillment);
    if (rill_crypto_sha256(n->crypto, fulfillment, sizeof fulfillment, condition) != RILL_OK)
        abort();
    const rill_prepare prepare = {
        .amount = p->packet,
        .expires_at_ms = NET_WALL + net_now(n) / RILL_MS + sim_rng_range(&n->rng, 5000, 30000),
        .condition = condition,
        .destination = {(const uint8_t *)p->to->address, strlen(p->to->address)},
        .data = {fulfillment, sizeof fulfillment},
    };
    if (rill_prepare_encode(&prepare, packet, sizeof packet, &len) != RILL_OK)
        abort();
    /* The id is the packet's number. */
    int rc = net_send(&p->way->client, n->prepare_count, packet, len);
    (void)rc; /* it is not connected */
}

static void cuts(void *context, uint64_t argument)
{
    net_program *p = context;
    (void)argument;
    if (!p->net->report.failed)
        net_way_cut(p->way);
}

static void steals(void *context, uint64_t argument)
{
    net_program *p = context;
    net *n = p->net;
    (void)argument;
    if (n->report.failed || n->calm)
        return;
    for (uint64_t count = sim_rng_range(&n->rng, 1, 6); count > 0; count--)
        send_one(p);
    sim_queue_put(&n->queue, net_now(n) + sim_rng_range(&n->rng, 0, 600) * RILL_MS, cuts, p, 0,
                  NULL);
    sim_queue_put(&n->queue, net_now(n) + sim_rng_range(&n->rng, 2, 8) * RILL_SECOND, steals, p, 0,
                  NULL);
}

void net_thief_begin(net_program *p)
{
    net_way_reconnect(p->way);
    if (p->to != NULL)
        sim_queue_put(&p->net->queue, p->start_at, steals, p, 0, NULL);
}
