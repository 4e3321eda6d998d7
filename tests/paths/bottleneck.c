/* SPDX-License-Identifier: Apache-2.0 */
#include "bottleneck.h"

#include "../oracle.h"
#include "../sim/report.h"
#include "../sim/wire.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define NAME "test.connector"

bool paths_trace;

static void change(void *context, uint64_t argument)
{
    paths *p = context;
    (void)argument;
    p->config = p->config->then;
    if (p->config->then != NULL)
        sim_queue_put(&p->queue, p->config->then_at, change, p, 0, NULL);
}

void paths_init(paths *p, const paths_config *config, uint64_t seed)
{
    memset(p, 0, sizeof(*p));
    p->config = config;
    sim_queue_init(&p->queue);
    sim_rng_seed(&p->rng, seed, 3);
    p->packets_level = config->packets_per_second * config->burst_ms * RILL_MS;
    p->value_level = config->value_per_second * config->burst_ms;
    p->balance_left = config->balance;
    if (config->then != NULL)
        sim_queue_put(&p->queue, config->then_at, change, p, 0, NULL);
}

static void drop_group(paths_packet *m)
{
    while (m != NULL) {
        paths_packet *next = m->next;
        free(m);
        m = next;
    }
}

void paths_free(paths *p)
{
    drop_group(p->uncommitted);
    drop_group(p->committing);
    sim_queue_free(&p->queue);
}

static paths_bin *bin_at(paths *p, uint64_t at)
{
    uint64_t i = at / PATHS_BIN;
    return &p->bins[i < PATHS_BINS ? i : PATHS_BINS - 1];
}

static uint64_t travel(paths *p, uint64_t part)
{
    return p->config->delay / part + sim_rng_below(&p->rng, p->config->jitter / part + 1);
}

static void trace(const paths *p, const char *what, uint64_t amount)
{
    if (!paths_trace)
        return;
    uint64_t us = p->queue.now / 1000;
    printf("%6" PRIu64 ".%03" PRIu64 " ms %20" PRIu64 " %s\n", us / 1000, us % 1000, amount, what);
}

static void arrive_reply(void *context, uint64_t argument)
{
    paths_packet *m = context;
    (void)argument;
    if (m->len == 0 || m->bytes[0] == SIM_FULFILL)
        trace(m->path, "(as it arrived) is fulfilled", m->amount);
    m->from->reply(m->from->user, m->request, m->bytes, m->len);
    free(m);
}

static void return_after(paths_packet *m, uint64_t time, sim_action *to, const uint8_t *bytes,
                         size_t len)
{
    paths *p = m->path;
    if (len > m->room) {
        m = sim_reallocate(m, sizeof(*m) + len);
        m->room = len;
    }
    if (len > 0)
        memcpy(m->bytes, bytes, len);
    m->len = len;
    sim_queue_put(&p->queue, p->queue.now + time, to, m, 0, free);
}

/* A turn of the connector's loop: what comes in it is committed together. */
#define TURN (RILL_MS / 50)

static void begin_commit(void *context, uint64_t argument);

static void commit_done(void *context, uint64_t argument)
{
    paths *p = context;
    paths_packet *m = p->committing;
    (void)argument;
    p->committing = NULL;
    while (m != NULL) {
        paths_packet *next = m->next;
        sim_queue_put(&p->queue, p->queue.now + travel(p, 2), arrive_reply, m, 0, free);
        m = next;
    }
    p->commits = p->uncommitted != NULL;
    if (p->commits)
        begin_commit(p, 0);
}

static void begin_commit(void *context, uint64_t argument)
{
    paths *p = context;
    const paths_config *c = p->config;
    uint64_t time = c->commit;
    (void)argument;
    if (c->commit_most > c->commit && sim_rng_chance(&p->rng, c->commit_slow))
        time = sim_rng_range(&p->rng, c->commit, c->commit_most);
    while (p->uncommitted != NULL) { /* those that came first leave first */
        paths_packet *m = p->uncommitted;
        p->uncommitted = m->next;
        m->next = p->committing;
        p->committing = m;
    }
    sim_queue_put(&p->queue, p->queue.now + time, commit_done, p, 0, NULL);
}

static void arrive_for_commit(void *context, uint64_t argument)
{
    paths_packet *m = context;
    paths *p = m->path;
    (void)argument;
    m->next = p->uncommitted;
    p->uncommitted = m;
    if (!p->commits)
        sim_queue_put(&p->queue, p->queue.now + TURN, begin_commit, p, 0, NULL);
    p->commits = true;
}

void paths_answer(paths_packet *packet, const uint8_t *bytes, size_t len)
{
    paths *p = packet->path;
    if (p->config->commit == 0)
        return_after(packet, travel(p, 1), arrive_reply, bytes, len);
    else
        return_after(packet, travel(p, 2), arrive_for_commit, bytes, len);
}

static void arrive(void *context, uint64_t argument)
{
    paths_packet *m = context;
    (void)argument;
    m->to->prepare(m->to->user, m);
}

static void refuse(paths_packet *m, const char *code)
{
    static uint8_t reply[SIM_MAX_PACKET];
    paths *p = m->path;
    uint8_t data[16];
    sim_u64_write(data, m->amount);
    /* A lie: a tenth of the maximum, or, without a maximum, of the amount. */
    sim_u64_write(data + 8, p->config->max_lies ? m->amount / 10 : p->config->max_packet);
    bool too_large = p->config->max_packet != 0 && m->amount > p->config->max_packet;
    bool tells = p->config->max_lies || (p->config->max_told && too_large);
    size_t told = code[0] == 'F' && tells ? sizeof(data) : 0;
    size_t len = sim_reject_write(reply, code, NAME, data, told);
    bin_at(p, p->queue.now)->rejects++;
    return_after(m, travel(p, 2), arrive_reply, reply, len);
}

static void fill(paths *p)
{
    const paths_config *c = p->config;
    uint64_t now = p->queue.now;
    uint64_t passed = now - p->filled_at;
    uint64_t most = c->packets_per_second * c->burst_ms * RILL_MS;
    p->packets_level += c->packets_per_second * passed;
    if (p->packets_level > most)
        p->packets_level = most;
    /* Value is counted in thousandths. A burst of 10^12 units still fits. */
    most = c->value_per_second * c->burst_ms;
    p->value_level += (uint64_t)((double)c->value_per_second * (double)passed / 1e6);
    if (p->value_level > most)
        p->value_level = most;
    p->filled_at = now;
    if (c->refill_ms != 0 && now - p->balance_at >= c->refill_ms * RILL_MS) {
        p->balance_at = now - now % (c->refill_ms * RILL_MS);
        p->balance_left = c->balance;
    }
}

uint64_t paths_arrives(const paths_config *c, uint64_t amount)
{
    for (unsigned i = 0; i < PATHS_HOPS; i++)
        if (c->hops[i].den != 0)
            amount = (uint64_t)((oracle_u128)amount * c->hops[i].num / c->hops[i].den);
    return amount;
}

/* NULL, or the reason for the refusal. */
static const char *limit(paths *p, uint64_t amount, uint64_t *wait)
{
    const paths_config *c = p->config;
    uint64_t now = p->queue.now;
    fill(p);
    if (c->max_packet != 0 && amount > c->max_packet)
        return "F08";
    if (c->dust != NULL && amount > 0 && paths_arrives(c, amount) == 0)
        return c->dust;
    if (c->balance != 0 && amount > p->balance_left)
        return "T04";
    if (c->value_per_second != 0 && amount > p->value_level / 1000)
        return "T04";
    if (c->packets_per_second != 0 && c->queue != 0) {
        uint64_t service = RILL_SECOND / c->packets_per_second;
        uint64_t begin = p->free_at > now ? p->free_at : now;
        if ((begin - now) / service >= c->queue)
            return c->silent_queue ? "" : "T05";
        *wait = begin - now;
        p->free_at = begin + service;
    } else if (c->packets_per_second != 0) {
        if (p->packets_level < RILL_SECOND)
            return "T05";
        p->packets_level -= RILL_SECOND;
    }
    if (c->balance != 0)
        p->balance_left -= amount;
    if (c->value_per_second != 0)
        p->value_level -= amount * 1000;
    return NULL;
}

static void arrive_at_connector(void *context, uint64_t argument)
{
    paths_packet *m = context;
    paths *p = m->path;
    uint64_t wait = 0;
    (void)argument;
    const char *code = limit(p, m->amount, &wait);
    trace(p, code == NULL ? "passes" : code[0] == '\0' ? "is dropped" : code, m->amount);
    if (code != NULL && code[0] != '\0') {
        refuse(m, code);
        return;
    }
    paths_bin *b = bin_at(p, p->queue.now + wait);
    if (code != NULL) {
        b->lost++;
        free(m);
        return;
    }
    b->packets++;
    b->value += m->amount;
    b->flow[m->from->flow % PATHS_MAX_FLOWS] += m->amount;
    b->waited += wait;
    b->waited_most = wait > b->waited_most ? wait : b->waited_most;
    if (sim_rng_chance(&p->rng, p->config->lose)) {
        b->lost++;
        if (p->config->silent)
            free(m);
        else
            refuse(m, "T00");
        return;
    }
    m->amount = paths_arrives(p->config, m->amount);
    if (m->len > 0) {
        sim_packet parsed = sim_packet_parse(m->bytes, m->len);
        sim_packet_set_amount(&parsed, m->amount);
    }
    sim_queue_put(&p->queue, p->queue.now + wait + travel(p, 2), arrive, m, 0, free);
}

void paths_send(paths *p, const paths_port *from, const paths_port *to, bool limited,
                uint64_t request, uint64_t amount, const uint8_t *bytes, size_t len)
{
    size_t room = len > 256 ? len : 256;
    paths_packet *m = sim_allocate(sizeof(*m) + room);
    *m = (paths_packet){.path = p,
                        .from = from,
                        .to = to,
                        .request = request,
                        .amount = amount,
                        .len = len,
                        .room = room};
    if (len > 0)
        memcpy(m->bytes, bytes, len);
    uint64_t at = p->queue.now + travel(p, limited ? 2 : 1);
    sim_queue_put(&p->queue, at, limited ? arrive_at_connector : arrive, m, 0, free);
}

unsigned paths_utilisation(const paths *p, const paths_config *c, uint64_t from, uint64_t to)
{
    double packets = 0;
    double value = 0;
    double seconds = (double)(to - from) / 1e9;
    for (uint64_t i = from / PATHS_BIN; i < to / PATHS_BIN && i < PATHS_BINS; i++) {
        packets += (double)p->bins[i].packets;
        value += (double)p->bins[i].value;
    }
    if (c->value_per_second != 0)
        return (unsigned)(1000 * value / seconds / (double)c->value_per_second);
    if (c->balance != 0)
        return (unsigned)(value / seconds * (double)c->refill_ms / (double)c->balance);
    if (c->packets_per_second != 0 && c->max_packet != 0)
        return (unsigned)(1000 * value / seconds / (double)(c->packets_per_second * c->max_packet));
    if (c->packets_per_second != 0)
        return (unsigned)(1000 * packets / seconds / (double)c->packets_per_second);
    return 0;
}

unsigned paths_fairness(const paths *p, unsigned flows, uint64_t from, uint64_t to)
{
    double sum = 0;
    double squares = 0;
    for (unsigned f = 0; f < flows; f++) {
        double x = 0;
        for (uint64_t i = from / PATHS_BIN; i < to / PATHS_BIN && i < PATHS_BINS; i++)
            x += (double)p->bins[i].flow[f];
        sum += x;
        squares += x * x;
    }
    return squares == 0 ? 0 : (unsigned)(1000 * sum * sum / squares / flows);
}
