/* SPDX-License-Identifier: Apache-2.0 */
#include "model.h"

#include "../sim/report.h"
#include "../sim/wire.h"

#include <stdlib.h>
#include <string.h>

#define MAX_REQUESTS 2000000
#define LIFETIME     (30 * RILL_SECOND) /* of an interledger-rs or JavaScript packet */

/* @interledger/pay, controllers/pacer.ts */
#define PAY_FIRST_RATE    40.0
#define PAY_LEAST_RATE    1.0
#define PAY_MOST_RATE     200.0
#define PAY_INCREASE      0.5
#define PAY_DECREASE      0.5
#define PAY_FIRST_TRIP_MS 200.0
#define PAY_TRIP_WEIGHT   0.9
#define PAY_IN_FLIGHT     20
/*
 * interledger-rs, client.rs and congestion.rs: the window begins as the whole
 * amount to be sent, grows by a tenth of it, and is halved for each T04.
 */
#define RS_ENDLESS           10000000 /* what a payment without end is taken for */
#define RS_INCREASE          10
#define RS_FAIL_FAST_PACKETS 200
#define RS_FAIL_FAST_PERCENT 99
/* ilp-protocol-stream, connection.ts and util/congestion.ts */
#define STREAM_RETRY_MS     100.0
#define STREAM_RETRY_GROWTH 2.0

typedef enum kind { RS, PAY, STREAM } kind;

typedef struct request {
    uint64_t amount;
    uint64_t sent_at;
    bool open;
} request;

struct paths_model {
    paths *path;
    kind kind;
    paths_work work;
    uint64_t start;
    paths_port ends[2];
    request *requests;
    uint64_t count;
    uint64_t in_flight;
    uint64_t value_in_flight;
    uint64_t timer;
    uint64_t not_before;
    uint64_t max_packet; /* as F08 told; UINT64_MAX: none */
    uint64_t passed;     /* largest that did */
    bool told;
    bool stopped;
    bool fast;         /* RS: slow start */
    uint64_t window;   /* RS: value */
    uint64_t increase; /* RS */
    uint64_t rejects;
    double rate;    /* PAY: packets a second */
    double trip_ms; /* PAY: average */
    uint64_t test;  /* STREAM: packet size under test */
    double retry_ms;
    paths_result result;
};

static void send_all(paths_model *m);

static uint64_t at_most(uint64_t a, uint64_t b)
{
    return a < b ? a : b;
}

static uint64_t left(const paths_model *m)
{
    if (m->work.total == RILL_UNLIMITED) {
        uint64_t all = m->kind == RS ? RS_ENDLESS : UINT64_C(1) << 50;
        return all - m->result.fulfilled - m->value_in_flight;
    }
    return m->work.total - m->result.fulfilled - m->value_in_flight;
}

/* The amount of the next packet, 0: none now. */
static uint64_t next_amount(const paths_model *m)
{
    uint64_t amount = at_most(left(m), m->max_packet);
    if (m->work.max_packet != 0)
        amount = at_most(amount, m->work.max_packet);
    switch (m->kind) {
    case RS:
        return m->window > m->value_in_flight ? at_most(amount, m->window - m->value_in_flight) : 0;
    case PAY:
        if (m->in_flight >= PAY_IN_FLIGHT)
            return 0;
        if (m->max_packet != UINT64_MAX && !m->told)
            amount = at_most(amount, m->passed + (m->max_packet - m->passed + 1) / 2);
        return amount;
    case STREAM:
        return m->in_flight > 0 ? 0 : at_most(amount, m->test);
    }
    return 0;
}

static void timer_fires(void *context, uint64_t generation)
{
    paths_model *m = context;
    if (generation == m->timer)
        send_all(m);
}

static void wake_at(paths_model *m, uint64_t at)
{
    m->timer++;
    sim_queue_put(&m->path->queue, at, timer_fires, m, m->timer, NULL);
}

/* No reply came: the sender's own link gives up at the expiry, and calls it R00. */
static void expire(void *context, uint64_t id)
{
    static uint8_t reply[SIM_MAX_PACKET];
    paths_model *m = context;
    if (!m->requests[id].open)
        return;
    size_t len = sim_reject_write(reply, "R00", "test.link", NULL, 0);
    m->ends[0].reply(m, id, reply, len);
}

static void send_all(paths_model *m)
{
    while (!m->stopped && m->count < MAX_REQUESTS) {
        uint64_t now = m->path->queue.now;
        uint64_t amount = next_amount(m);
        if (amount == 0)
            return;
        if (m->not_before > now) {
            wake_at(m, m->not_before);
            return;
        }
        if (m->kind == PAY) {
            double wait = 1000.0 / m->rate;
            double other = m->trip_ms / PAY_IN_FLIGHT;
            m->not_before = now + (uint64_t)((wait > other ? wait : other) * 1e6);
        }
        uint64_t id = m->count++;
        m->requests[id] = (request){.amount = amount, .sent_at = now, .open = true};
        m->in_flight++;
        m->value_in_flight += amount;
        paths_send(m->path, &m->ends[0], &m->ends[1], true, id, amount, NULL, 0);
        if (m->path->config->silent || m->path->config->silent_queue)
            sim_queue_put(&m->path->queue, now + LIFETIME, expire, m, id, NULL);
    }
}

static void fulfilled(paths_model *m, const request *r)
{
    m->result.fulfilled += r->amount;
    m->passed = r->amount > m->passed ? r->amount : m->passed;
    if (m->result.first_ns == 0)
        m->result.first_ns = m->path->queue.now - m->start;
    if (m->result.fulfilled == m->work.total)
        m->result.done_ns = m->path->queue.now - m->start;
    if (m->kind == RS)
        m->window = m->fast ? (m->window > UINT64_MAX / 2 ? UINT64_MAX : m->window * 2)
                            : m->window + m->increase;
    if (m->kind == PAY) {
        double trip = (double)(m->path->queue.now - r->sent_at) / 1e6;
        m->trip_ms = m->trip_ms * PAY_TRIP_WEIGHT + trip * (1 - PAY_TRIP_WEIGHT);
        m->rate = m->rate + PAY_INCREASE < PAY_MOST_RATE ? m->rate + PAY_INCREASE : PAY_MOST_RATE;
    }
    if (m->kind == STREAM) {
        m->retry_ms = STREAM_RETRY_MS;
        if (r->amount == m->test && m->test < m->max_packet)
            m->test = m->max_packet == UINT64_MAX
                          ? (m->test > UINT64_MAX / 2 ? UINT64_MAX : m->test * 2)
                          : at_most(m->test + m->max_packet / 10, m->max_packet);
    }
}

static void too_large(paths_model *m, const request *r, const sim_packet *p)
{
    if (p->data_len == 16) {
        m->max_packet = at_most(m->max_packet, sim_u64_read(p->data + 8));
        m->told = true;
        m->test = m->max_packet;
    } else if (m->kind == RS) {
        /* Only a maximum known already is lowered. */
        if (m->max_packet != UINT64_MAX)
            m->max_packet /= 2;
    } else {
        m->max_packet = r->amount - 1;
        m->test = m->max_packet / 2;
    }
}

static void refused(paths_model *m, const request *r, uint8_t *packet, size_t len)
{
    sim_packet p = sim_packet_parse(packet, len);
    bool temporary = p.code[0] == 'T';
    bool liquidity = memcmp(p.code, "T04", 3) == 0;
    if (memcmp(p.code, "F08", 3) == 0) {
        too_large(m, r, &p);
        return;
    }
    if (m->kind == RS) {
        if (liquidity) {
            m->fast = false;
            m->window = m->window / 2 > 1 ? m->window / 2 : 1;
        }
        if (memcmp(p.code, "T00", 3) == 0 || memcmp(p.code, "T01", 3) == 0)
            m->rejects++;
        /* Any other final or relative error ends the payment at once. */
        uint64_t answered = m->count - m->in_flight;
        if (p.code[0] == 'R' || (answered >= RS_FAIL_FAST_PACKETS &&
                                 m->rejects * 100 > answered * RS_FAIL_FAST_PERCENT))
            m->stopped = true;
    } else if (m->kind == PAY && temporary) {
        m->rate = m->rate * PAY_DECREASE > PAY_LEAST_RATE ? m->rate * PAY_DECREASE : PAY_LEAST_RATE;
    } else if (m->kind == STREAM && temporary) {
        if (liquidity) {
            uint64_t least = at_most(r->amount, m->test);
            m->test = least - least / 3 > 2 ? least - least / 3 : 2;
        }
        m->not_before = m->path->queue.now + (uint64_t)(m->retry_ms * 1e6);
        m->retry_ms *= STREAM_RETRY_GROWTH;
    }
}

static void on_reply(void *user, uint64_t id, uint8_t *packet, size_t len)
{
    paths_model *m = user;
    request *r = &m->requests[id];
    if (!r->open)
        return;
    r->open = false;
    m->in_flight--;
    m->value_in_flight -= r->amount;
    if (len == 0)
        fulfilled(m, r);
    else
        refused(m, r, packet, len);
    send_all(m);
}

static void on_prepare(void *user, paths_packet *packet)
{
    (void)user;
    paths_answer(packet, NULL, 0);
}

static void begin(void *context, uint64_t argument)
{
    (void)argument;
    send_all(context);
}

paths_model *paths_model_new(paths *p, const char *sender, unsigned flow, uint64_t start,
                             const paths_work *work)
{
    paths_model *m = sim_allocate(sizeof(*m));
    *m = (paths_model){.path = p,
                       .kind = strcmp(sender, "rs") == 0    ? RS
                               : strcmp(sender, "pay") == 0 ? PAY
                                                            : STREAM,
                       .work = *work,
                       .start = start,
                       .max_packet = UINT64_MAX,
                       .fast = true,
                       .window = work->total == RILL_UNLIMITED ? RS_ENDLESS : work->total,
                       .rate = PAY_FIRST_RATE,
                       .trip_ms = PAY_FIRST_TRIP_MS,
                       .test = UINT64_MAX,
                       .retry_ms = STREAM_RETRY_MS};
    m->increase = m->window / RS_INCREASE;
    m->requests = sim_allocate(MAX_REQUESTS * sizeof(request));
    m->ends[0] = (paths_port){m, flow, NULL, on_reply};
    m->ends[1] = (paths_port){m, flow, on_prepare, NULL};
    sim_queue_put(&p->queue, start, begin, m, 0, NULL);
    return m;
}

void paths_model_free(paths_model *m)
{
    if (m == NULL)
        return;
    free(m->requests);
    free(m);
}

void paths_model_result(const paths_model *m, paths_result *out)
{
    *out = m->result;
}
