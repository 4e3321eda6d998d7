/* SPDX-License-Identifier: Apache-2.0 */
/* Programs at the edge of the network: a STREAM endpoint behind a link, one that pays or is paid.
 */
#include "parts.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <rill/error.h>

/* A payment gives up after so long. */
#define PAYMENT_TIME (90 * RILL_SECOND)
enum { ROUNDS_MAX = 100000 };

static rill_now now_of(const net_program *p)
{
    uint64_t now = net_now(p->net);
    return (rill_now){now + p->mono_offset,
                      (uint64_t)((int64_t)(NET_WALL + now / RILL_MS) + p->wall_offset)};
}

static void failed(const net_program *p, const char *what, int error)
{
    sim_violation(&p->net->report, "%s: %s: %s", p->address, what, rill_error_name(error));
}

/* ---- a turn of its loop ---- */

static void end_payment(net_program *p, const rill_event *e)
{
    rill_connection_stats stats;
    rill_connection_get_stats(e->connection, &stats);
    p->over = true;
    p->connection = NULL;
    p->stream = NULL;
    p->sent = stats.sent;
    p->delivered = stats.delivered;
    p->in_flight = stats.in_flight;
    sim_trace(&p->net->report,
              "%s is over (%s): %" PRIu64 " of %" PRIu64 " sent, %" PRIu64 " delivered, %" PRIu64
              " in flight",
              p->address, rill_error_name(p->error), p->sent, p->amount, p->delivered,
              p->in_flight);
}

/* Whose payment a connection of ours is: its tag is the payer's number. */
static net_program *payer_of(const net_program *p, const rill_connection *c)
{
    return &p->net->programs[atoi(rill_connection_tag(c))];
}

static void take_event(net_program *p, const rill_event *e)
{
    switch (e->type) {
    case RILL_EVENT_MONEY:
        payer_of(p, e->connection)->received += e->amount;
        break;
    case RILL_EVENT_SEND_TOTAL_END:
        p->error = e->error;
        if (rill_connection_end(e->connection) != RILL_OK)
            rill_connection_close(e->connection, RILL_CLOSE_NO_ERROR, NULL);
        break;
    case RILL_EVENT_CONNECTION_END:
        if (p->to != NULL && e->connection == p->connection) {
            p->error = p->error == RILL_OK ? e->error : p->error;
            end_payment(p, e);
        }
        break;
    default:
        break;
    }
}

static void fires(void *context, uint64_t argument);

static void plan(net_program *p)
{
    uint64_t at = rill_endpoint_deadline(p->endpoint);
    if (at == RILL_NEVER)
        return;
    at = at > p->mono_offset ? at - p->mono_offset : 0;
    at = at <= net_now(p->net) ? net_now(p->net) + 1000 : at;
    if (at >= p->planned)
        return;
    p->planned = at;
    sim_queue_put(&p->net->queue, at, fires, p, 0, NULL);
}

static bool send_one(net_program *p)
{
    static uint8_t packet[RILL_PACKET_BUFFER];
    net *n = p->net;
    size_t len = 0;
    uint64_t id = 0;
    if (!p->way->client.up)
        return false;
    int rc = rill_endpoint_next_prepare(p->endpoint, now_of(p), packet, &len, &id);
    if (rc != RILL_OK)
        failed(p, "rill_endpoint_next_prepare", rc);
    if (rc != RILL_OK || len == 0)
        return false;
    rc = net_send(&p->way->client, id, packet, len);
    if (rc != RILL_OK)
        rill_endpoint_unanswered(p->endpoint, now_of(p), id, false);
    else
        n->prepares[n->prepare_count - 1]->payer = p->to == NULL ? NULL : p;
    return true;
}

static void turn(net_program *p)
{
    rill_event e;
    bool any = true;
    if (p->in_turn)
        return;
    p->in_turn = true;
    for (unsigned rounds = 0; any && !p->net->report.failed; rounds++) {
        any = false;
        while (rill_endpoint_next_event(p->endpoint, &e)) {
            take_event(p, &e);
            any = true;
        }
        any = send_one(p) || any;
        if (rounds > ROUNDS_MAX)
            sim_violation(&p->net->report, "%s: a turn without end", p->address);
    }
    p->in_turn = false;
    plan(p);
}

static void fires(void *context, uint64_t argument)
{
    net_program *p = context;
    (void)argument;
    if (p->net->report.failed || net_now(p->net) < p->planned)
        return;
    p->planned = RILL_NEVER;
    rill_endpoint_timeout(p->endpoint, now_of(p));
    turn(p);
}

/* ---- its link ---- */

static void on_up(rill_link *l, void *user)
{
    (void)l;
    turn(user);
}

static void on_down(rill_link *l, int error, const char *detail, bool final, void *user)
{
    (void)l;
    (void)error;
    (void)detail;
    (void) final;
    turn(user);
}

static void on_prepare(rill_link *l, uint64_t number, const uint8_t *packet, size_t len, void *user)
{
    static uint8_t reply[RILL_PACKET_BUFFER];
    net_program *p = user;
    size_t reply_len = 0;
    (void)l;
    int rc = rill_endpoint_receive_prepare(p->endpoint, now_of(p), number, packet, len, reply,
                                           &reply_len);
    if (rc != RILL_OK || reply_len == 0) {
        failed(p, "rill_endpoint_receive_prepare", rc);
        return;
    }
    net_reply(&p->way->client, p->net->prepares[number], reply, reply_len);
    turn(p);
}

/* The packet with this id of the endpoint's. */
static net_prepare *sent_as(const net_program *p, uint64_t id)
{
    for (size_t i = p->net->prepare_count; i-- > 0;) {
        net_prepare *packet = p->net->prepares[i];
        if (packet->outgoing_id == id && packet->from == 1 && packet->conn->way == p->way)
            return packet;
    }
    return NULL;
}

static void on_reply(rill_link *l, uint64_t id, const uint8_t *packet, size_t len, void *user)
{
    net_program *p = user;
    net_prepare *sent = sent_as(p, id);
    (void)l;
    if (net_probe_answers(p->net, id, packet, len))
        return;
    int rc = rill_endpoint_receive_reply(p->endpoint, now_of(p), id, packet, len);
    if (rc != RILL_OK && rc != RILL_ERR_NOT_FOUND)
        failed(p, "rill_endpoint_receive_reply", rc);
    if (net_fulfills(p->net, sent, packet, len)) {
        if (rc == RILL_OK && !sent->program_paid) {
            sent->program_paid = true;
            p->paid += sent->amount;
        } else if (!sent->program_paid) {
            sent->why |= NET_WHY_LATE;
            p->net->counts.late++;
        }
    }
    turn(p);
}

static void on_unanswered(rill_link *l, uint64_t id, int error, bool sent, void *user)
{
    net_program *p = user;
    (void)l;
    (void)error;
    rill_endpoint_unanswered(p->endpoint, now_of(p), id, sent);
}

void net_program_attach(net_program *p, net_end *end)
{
    if (p->thief) {
        net_thief_attach(p, end);
        return;
    }
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

/* ---- payments ---- */

static void pays(void *context, uint64_t argument)
{
    net_program *p = context;
    net_program *to = p->to;
    char tag[16];
    rill_credentials credentials;
    rill_credentials_options c;
    rill_connection_options o;
    (void)argument;
    if (p->net->report.failed)
        return;
    p->started = true;
    rill_credentials_options_init(&c);
    rill_connection_options_init(&o);
    snprintf(tag, sizeof tag, "%u", p->index);
    c.tag = tag;
    o.max_packet_amount = p->packet;
    if (!p->probes)
        o.min_rate = (rill_ratio){1, UINT64_MAX};
    o.slippage = (rill_ratio){1, 10};
    int rc = rill_endpoint_generate_credentials(to->endpoint, &c, &credentials);
    if (rc == RILL_OK)
        rc = rill_endpoint_connect(p->endpoint, now_of(p), credentials.destination_account,
                                   credentials.shared_secret, sizeof credentials.shared_secret, &o,
                                   &p->connection);
    if (rc == RILL_OK)
        rc = rill_connection_open_stream(p->connection, &p->stream);
    if (rc == RILL_OK)
        rc = rill_stream_send_total(p->stream, p->amount, now_of(p).mono_ns + PAYMENT_TIME);
    if (rc != RILL_OK)
        failed(p, "cannot pay", rc);
    sim_trace(&p->net->report, "%s pays %" PRIu64 " to %s", p->address, p->amount, to->address);
    turn(p);
}

void net_program_begin(net_program *p)
{
    rill_endpoint_options o;
    if (p->thief) {
        net_thief_begin(p);
        return;
    }
    const net_asset *asset = &p->net->assets[p->way->asset];
    rill_endpoint_options_init(&o);
    p->planned = RILL_NEVER;
    int rc = rill_endpoint_new(&p->endpoint, &o);
    if (rc == RILL_OK)
        rc = rill_endpoint_set_account(
            p->endpoint, (rill_bytes){(const uint8_t *)p->address, strlen(p->address)},
            (rill_bytes){(const uint8_t *)asset->code, strlen(asset->code)}, asset->scale);
    if (rc != RILL_OK)
        failed(p, "cannot begin", rc);
    net_way_reconnect(p->way);
    if (p->to != NULL)
        sim_queue_put(&p->net->queue, p->start_at, pays, p, 0, NULL);
}

bool net_programs_over(const net *n)
{
    for (unsigned i = 0; i < n->program_count; i++) {
        if (n->programs[i].to != NULL && !n->programs[i].thief && !n->programs[i].over)
            return false;
    }
    return true;
}

void net_program_free(net_program *p)
{
    rill_endpoint_free(p->endpoint);
}
