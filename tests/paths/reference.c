/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A model of ilp-protocol-stream 2.7 (connection.ts, util/congestion.ts). It sends one packet at a
 * time, finds the rate by volleys of unfulfillable packets, and after T04 sends a third less and
 * doubles its wait.
 */
#include "flow.h"

#include "../oracle.h"
#include "../sim/report.h"
#include "../sim/wire.h"

#include <stdlib.h>
#include <string.h>

#define MAX_REQUESTS      400000
#define LIFETIME          (30 * RILL_SECOND)
#define RETRY             (100 * RILL_MS)
#define RETRY_MOST        (60000 * RILL_MS)
#define PROBE_ATTEMPTS    15
#define PROBE_AMOUNTS     8
#define PROBE_LEAST       100 /* delivered: three digits */
#define ENDLESS           (UINT64_C(1) << 50)
#define SLIPPAGE_KEPT_NUM 99
#define SLIPPAGE_KEPT_DEN 100

typedef struct request {
    uint64_t amount;
    uint64_t minimum;
    uint64_t arrived;
    bool open;
    bool refused; /* by the receiver */
} request;

typedef struct reference {
    paths *path;
    paths_work work;
    uint64_t start;
    paths_port ends[2];
    request *requests;
    uint64_t count;
    uint64_t in_flight;
    uint64_t retry;
    uint64_t max_packet; /* the maximum that F08 told; UINT64_MAX: none */
    uint64_t test;       /* packet size under test */
    rill_ratio rate;     /* num 0: not known yet */
    bool stopped;
    /* the volley under way */
    uint64_t amounts[PROBE_AMOUNTS];
    unsigned amount_count;
    unsigned attempts;
    uint64_t told[PROBE_AMOUNTS]; /* the sizes of the next volley, as F08 told */
    unsigned told_count;
    rill_ratio best;
    uint64_t smallest_failed;
    bool temporary;
    paths_result result;
} reference;

static uint64_t at_most(uint64_t a, uint64_t b)
{
    return a < b ? a : b;
}

static uint64_t times(rill_ratio r, uint64_t amount)
{
    return (uint64_t)((oracle_u128)amount * r.num / r.den);
}

static void fail(reference *m, int error)
{
    m->stopped = true;
    m->result.error = error;
}

static void expire(void *context, uint64_t id)
{
    static uint8_t reply[SIM_MAX_PACKET];
    reference *m = context;
    if (!m->requests[id].open)
        return;
    size_t len = sim_reject_write(reply, "R00", "test.link", NULL, 0);
    m->ends[0].reply(m, id, reply, len);
}

static void send_packet(reference *m, uint64_t amount, uint64_t minimum)
{
    if (m->count == MAX_REQUESTS) {
        fail(m, RILL_ERR_PATH);
        return;
    }
    uint64_t id = m->count++;
    m->requests[id] = (request){.amount = amount, .minimum = minimum, .open = true};
    m->in_flight++;
    m->result.packets++;
    paths_send(m->path, &m->ends[0], &m->ends[1], true, id, amount, NULL, 0);
    if (m->path->config->silent || m->path->config->silent_queue)
        sim_queue_put(&m->path->queue, m->path->queue.now + LIFETIME, expire, m, id, NULL);
}

static void next(void *context, uint64_t argument)
{
    reference *m = context;
    (void)argument;
    if (m->stopped)
        return;
    if (m->rate.num == 0) {
        m->told_count = 0;
        m->best = (rill_ratio){0, 1};
        m->smallest_failed = UINT64_MAX;
        m->temporary = false;
        m->attempts++;
        for (unsigned i = 0; i < m->amount_count; i++)
            send_packet(m, m->amounts[i], UINT64_MAX);
        return;
    }
    uint64_t all = m->work.total == RILL_UNLIMITED ? ENDLESS : m->work.total;
    uint64_t amount = at_most(all - m->result.fulfilled, at_most(m->test, m->max_packet));
    if (m->work.max_packet != 0)
        amount = at_most(amount, m->work.max_packet);
    if (amount == 0)
        return;
    uint64_t minimum = times(m->rate, amount);
    minimum = times((rill_ratio){SLIPPAGE_KEPT_NUM, SLIPPAGE_KEPT_DEN}, minimum);
    send_packet(m, amount, m->work.rate_given ? 0 : minimum);
}

static void next_after(reference *m, uint64_t wait)
{
    sim_queue_put(&m->path->queue, m->path->queue.now + wait, next, m, 0, NULL);
}

/* ---- the rate ---- */

static void volley_over(reference *m)
{
    uint64_t wait = 0;
    for (unsigned i = 0; i < m->told_count; i++)
        m->max_packet = at_most(m->max_packet, m->told[i]);
    m->test = m->max_packet;
    if (m->best.num >= PROBE_LEAST) {
        m->rate = m->best;
        m->retry = RETRY;
        next_after(m, 0);
        return;
    }
    memcpy(m->amounts, m->told, sizeof(m->amounts));
    m->amount_count = m->told_count;
    if (m->temporary && m->amount_count < PROBE_AMOUNTS) {
        m->amounts[m->amount_count++] = m->smallest_failed - m->smallest_failed / 3;
        wait = m->retry;
        m->retry *= 2;
    }
    if (m->amount_count == 0 || m->attempts == PROBE_ATTEMPTS || m->max_packet == 0)
        fail(m, RILL_ERR_PATH);
    else
        next_after(m, wait);
}

static void probe_failed(reference *m, const request *r, const sim_packet *p)
{
    m->smallest_failed = at_most(m->smallest_failed, r->amount);
    m->temporary = m->temporary || p->code[0] == 'T';
    if (memcmp(p->code, "F08", 3) != 0 || p->data_len != 16)
        return;
    uint64_t received = sim_u64_read(p->data);
    rill_ratio told = {sim_u64_read(p->data + 8), received != 0 ? received : 1};
    uint64_t maximum = times(told, r->amount);
    for (unsigned i = 0; i < m->told_count; i++)
        if (m->told[i] == maximum)
            return;
    m->told[m->told_count++] = maximum;
}

/* ---- money ---- */

static void fulfilled(reference *m, const request *r)
{
    m->result.fulfilled += r->amount;
    m->result.delivered += r->arrived;
    if (m->result.first_ns == 0)
        m->result.first_ns = m->path->queue.now - m->start;
    if (m->result.fulfilled == m->work.total)
        m->result.done_ns = m->path->queue.now - m->start;
    m->retry = RETRY;
    if (r->amount != m->test || m->test >= m->max_packet)
        return;
    if (m->max_packet != UINT64_MAX)
        m->test = at_most(m->test + m->max_packet / 10, m->max_packet);
    else
        m->test = m->test > UINT64_MAX / 2 ? UINT64_MAX : m->test * 2;
}

static void too_large(reference *m, const request *r, const sim_packet *p)
{
    uint64_t received = p->data_len == 16 ? sim_u64_read(p->data) : 0;
    uint64_t maximum = p->data_len == 16 ? sim_u64_read(p->data + 8) : 0;
    if (received > maximum) {
        m->max_packet = times((rill_ratio){maximum, received}, r->amount);
        m->test = m->max_packet;
    } else {
        m->max_packet = r->amount - 1;
        m->test = m->max_packet / 2;
    }
    if (m->max_packet == 0)
        fail(m, RILL_ERR_PATH);
    next_after(m, 0);
}

static void refused(reference *m, const request *r, const sim_packet *p)
{
    if (memcmp(p->code, "F08", 3) == 0) {
        too_large(m, r, p);
    } else if (p->code[0] == 'T') {
        if (memcmp(p->code, "T04", 3) == 0) {
            uint64_t least = at_most(r->amount, m->test);
            m->test = least - least / 3 > 2 ? least - least / 3 : 2;
        }
        next_after(m, m->retry);
        m->retry = at_most(m->retry * 2, RETRY_MOST);
    } else {
        fail(m, RILL_ERR_PATH);
    }
}

static void on_reply(void *user, uint64_t id, uint8_t *packet, size_t len)
{
    reference *m = user;
    request *r = &m->requests[id];
    if (!r->open)
        return;
    r->open = false;
    m->in_flight--;
    sim_packet p = sim_packet_parse(packet, len);
    if (m->rate.num == 0) {
        if (len > 0)
            probe_failed(m, r, &p);
        else if (r->arrived >= m->best.num)
            m->best = (rill_ratio){r->arrived, r->amount};
        if (m->in_flight == 0)
            volley_over(m);
    } else if (len > 0) {
        refused(m, r, &p);
    } else {
        if (!r->refused)
            fulfilled(m, r);
        next_after(m, 0);
    }
}

static void on_prepare(void *user, paths_packet *packet)
{
    reference *m = user;
    request *r = &m->requests[packet->request];
    r->arrived = packet->amount;
    r->refused = r->arrived < r->minimum;
    paths_answer(packet, NULL, 0);
}

static void *create(paths *p, unsigned flow, uint64_t start, const paths_work *work)
{
    static const uint64_t first[] = {1, 1000, 1000000, 1000000000, 1000000000000};
    reference *m = sim_allocate(sizeof(*m));
    *m = (reference){.path = p,
                     .work = *work,
                     .start = start,
                     .max_packet = UINT64_MAX,
                     .test = UINT64_MAX,
                     .rate = {work->rate_given ? 1 : 0, 1},
                     .retry = RETRY};
    m->amount_count = sizeof(first) / sizeof(first[0]);
    memcpy(m->amounts, first, sizeof(first));
    m->requests = sim_allocate(MAX_REQUESTS * sizeof(request));
    m->ends[0] = (paths_port){m, flow, NULL, on_reply};
    m->ends[1] = (paths_port){m, flow, on_prepare, NULL};
    sim_queue_put(&p->queue, start, next, m, 0, NULL);
    return m;
}

static void destroy(void *flow)
{
    reference *m = flow;
    free(m->requests);
    free(m);
}

static void result(const void *flow, paths_result *out)
{
    *out = ((const reference *)flow)->result;
}

const paths_sender paths_stream = {"stream", create, destroy, result};
