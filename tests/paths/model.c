/* SPDX-License-Identifier: Apache-2.0 */
/* Models of interledger-rs and @interledger/pay, and a window that is fixed. */
#include "flow.h"

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
#define RS_ENDLESS           10000000 /* the amount that stands for a payment without end */
#define RS_INCREASE          10
#define RS_FAIL_FAST_PACKETS 200
#define RS_FAIL_FAST_PERCENT 99

#define FIXED_WINDOW 4096 /* where none is given */

typedef enum kind { RS, PAY, FIXED } kind;

typedef struct request {
    uint64_t amount;
    uint64_t sent_at;
    bool open;
} request;

typedef struct paths_model {
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
    uint64_t max_packet; /* the maximum that F08 told; UINT64_MAX: none */
    uint64_t passed;     /* the largest amount that passed */
    bool told;
    bool stopped;
    bool fast;         /* RS: slow start */
    uint64_t window;   /* RS: value */
    uint64_t increase; /* RS */
    uint64_t rejects;
    double rate;    /* PAY: packets in a second */
    double trip_ms; /* PAY: mean round trip */
    paths_result result;
} paths_model;

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

/* The amount of the next packet; 0: none now. */
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
    case FIXED:
        return m->in_flight < (m->work.window != 0 ? m->work.window : FIXED_WINDOW) ? amount : 0;
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

/* No reply came. The sender's own link gives up at the expiry, and says R00. */
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
        m->result.packets++;
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
}

static void too_large(paths_model *m, const request *r, const sim_packet *p)
{
    if (p->data_len == 16) {
        m->max_packet = at_most(m->max_packet, sim_u64_read(p->data + 8));
        m->told = true;
    } else if (m->kind == RS) {
        /* Only a known maximum is lowered. */
        if (m->max_packet != UINT64_MAX)
            m->max_packet /= 2;
    } else {
        m->max_packet = r->amount - 1;
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

static void *create(kind which, paths *p, unsigned flow, uint64_t start, const paths_work *work)
{
    paths_model *m = sim_allocate(sizeof(*m));
    *m = (paths_model){.path = p,
                       .kind = which,
                       .work = *work,
                       .start = start,
                       .max_packet = UINT64_MAX,
                       .fast = true,
                       .window = work->total == RILL_UNLIMITED ? RS_ENDLESS : work->total,
                       .rate = PAY_FIRST_RATE,
                       .trip_ms = PAY_FIRST_TRIP_MS};
    m->increase = m->window / RS_INCREASE;
    m->requests = sim_allocate(MAX_REQUESTS * sizeof(request));
    m->ends[0] = (paths_port){m, flow, NULL, on_reply};
    m->ends[1] = (paths_port){m, flow, on_prepare, NULL};
    sim_queue_put(&p->queue, start, begin, m, 0, NULL);
    return m;
}

static void *create_rs(paths *p, unsigned flow, uint64_t start, const paths_work *work)
{
    return create(RS, p, flow, start, work);
}

static void *create_pay(paths *p, unsigned flow, uint64_t start, const paths_work *work)
{
    return create(PAY, p, flow, start, work);
}

static void *create_fixed(paths *p, unsigned flow, uint64_t start, const paths_work *work)
{
    return create(FIXED, p, flow, start, work);
}

static void destroy(void *flow)
{
    paths_model *m = flow;
    free(m->requests);
    free(m);
}

static void result(const void *flow, paths_result *out)
{
    *out = ((const paths_model *)flow)->result;
}

const paths_sender paths_rs = {"rs", create_rs, destroy, result};
const paths_sender paths_pay = {"pay", create_pay, destroy, result};
const paths_sender paths_fixed = {"fixed", create_fixed, destroy, result};
