/* SPDX-License-Identifier: Apache-2.0 */
#include "front.h"

#include "hop.h"
#include "node/owners.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

/*
 * The number of a request contains the server to which it belongs, and the link on which it was
 * sent.
 */
#define SERVER_BIT  31
#define EPOCH_SHIFT 24
#define EPOCHS      128U

/* What a server has been given and has not answered. */
typedef struct entry {
    sim_front *front;
    unsigned leg;
    unsigned server;
    uint64_t transit;
    rill_turn turn;
    bool open;
    struct entry *next;
    size_t len;
    uint8_t bytes[];
} entry;

typedef struct leg {
    sim_front *front;
    sim_path *path;
    unsigned side;
    sim_port server[SIM_SERVERS];
} leg;

struct sim_front {
    sim_report *report;
    sim_queue *queue;
    rill_owners owners;
    rill_account account;
    rill_session sessions[SIM_SERVERS];
    unsigned epoch[SIM_SERVERS];
    uint32_t serial;
    leg legs[SIM_FRONT_LEGS];
    entry *entries;
    uint8_t scratch[SIM_MAX_PACKET];
};

sim_front *sim_front_new(sim_report *report, sim_queue *queue, uint64_t seed)
{
    sim_front *f = sim_allocate(sizeof(*f));
    memset(f, 0, sizeof(*f));
    f->report = report;
    f->queue = queue;
    const uint64_t key[2] = {seed, ~seed};
    rill_owners_init(&f->owners, rill_allocator_default(), key);
    rill_list_init(&f->account.sessions);
    for (unsigned i = 0; i < SIM_SERVERS; i++) {
        rill_list_init(&f->sessions[i].in_account);
        sim_front_link(f, i, true);
    }
    return f;
}

void sim_front_free(sim_front *f)
{
    if (f == NULL)
        return;
    while (f->entries != NULL) {
        entry *e = f->entries;
        f->entries = e->next;
        free(e);
    }
    rill_owners_clear(&f->owners);
    free(f);
}

static unsigned server_of(const sim_front *f, const rill_session *s)
{
    return (unsigned)(s - f->sessions);
}

/* ---- to a server ---- */

static void refuse(entry *e, const char *code)
{
    sim_front *f = e->front;
    leg *l = &f->legs[e->leg];
    size_t len = sim_reject_write(f->scratch, code, "test.node", NULL, 0);
    e->open = false;
    sim_path_answer(l->path, e->transit, f->scratch, len);
}

static void give(void *context, uint64_t argument)
{
    (void)argument;
    entry *e = context;
    sim_front *f = e->front;
    if (!e->open || f->report->failed)
        return;
    const sim_port *port = &f->legs[e->leg].server[e->server];
    memcpy(f->scratch, e->bytes, e->len);
    sim_trace(f->report, "  front #%" PRIu64 " to server %u", e->transit, e->server);
    port->prepare(port->user, e->transit, f->scratch, e->len);
}

/* Later in the same instant, since another server may be working on its answer. */
static bool give_next(entry *e)
{
    rill_session *next = rill_owners_next(&e->front->owners, &e->front->account, &e->turn);
    if (next == NULL)
        return false;
    e->server = server_of(e->front, next);
    sim_queue_put(e->front->queue, e->front->queue->now, give, e, 0, NULL);
    return true;
}

static void expires(void *context, uint64_t argument)
{
    (void)argument;
    entry *e = context;
    rill_session *silent = rill_owners_asked(&e->front->account, &e->turn);
    if (!e->open)
        return;
    e->open = false;
    if (silent != NULL)
        silent->deaf = true;
}

static void on_prepare(void *user, uint64_t transit, uint8_t *packet, size_t len)
{
    leg *l = user;
    sim_front *f = l->front;
    entry *e = sim_allocate(sizeof(*e) + len);
    *e = (entry){.front = f,
                 .leg = (unsigned)(l - f->legs),
                 .transit = transit,
                 .open = true,
                 .next = f->entries,
                 .len = len};
    f->entries = e;
    memcpy(e->bytes, packet, len);
    sim_packet p = sim_packet_parse(packet, len);
    bool prepare = p.type == SIM_PREPARE;
    rill_bytes to = {prepare ? (const uint8_t *)p.address : NULL, prepare ? p.address_len : 0};
    rill_owners_begin(&f->owners, &e->turn, to, NULL, NULL);
    if (!give_next(e)) {
        refuse(e, "T01");
        return;
    }
    uint64_t now = sim_wall_ms(f->queue->now);
    uint64_t until = prepare ? sim_packet_expiry(&p) : now;
    if (until >= now && until < now + 3600000)
        sim_queue_put(f->queue, (until - SIM_WALL_MS) * RILL_MS, expires, e, 0, NULL);
}

static entry *find(sim_front *f, unsigned leg_index, uint64_t transit)
{
    for (entry *e = f->entries; e != NULL; e = e->next)
        if (e->leg == leg_index && e->transit == transit)
            return e;
    return NULL;
}

void sim_front_answer(sim_front *f, unsigned leg_index, unsigned server, uint64_t transit,
                      const uint8_t *packet, size_t len)
{
    entry *e = find(f, leg_index, transit);
    rill_session *by = &f->sessions[server];
    if (e == NULL || !e->open || e->server != server || !rill_list_linked(&by->in_account) ||
        by->serial != e->turn.asked)
        return;
    sim_packet p = sim_packet_parse((uint8_t *)packet, len);
    bool not_mine =
        p.type == SIM_REJECT && (memcmp(p.code, "F02", 3) == 0 || memcmp(p.code, "F06", 3) == 0);
    if (not_mine) {
        rill_owners_not_his(&f->owners, &e->turn, by, p.data_len > 0);
        if (give_next(e))
            return;
        if (memcmp(p.code, "F02", 3) == 0 && rill_owners_miss_one(&f->account, f->queue->now)) {
            refuse(e, "T01");
            return;
        }
    } else if (p.type == SIM_FULFILL || (p.type == SIM_REJECT && p.data_len > 0)) {
        rill_owners_took(&f->owners, &f->account, &e->turn, by);
    }
    e->open = false;
    sim_path_answer(f->legs[leg_index].path, transit, packet, len);
}

/* ---- from a server ---- */

unsigned sim_front_sender(uint64_t *request)
{
    unsigned server = (unsigned)(*request >> SERVER_BIT & 1);
    *request &= ~(((UINT64_C(1) << (SERVER_BIT - EPOCH_SHIFT + 1)) - 1) << EPOCH_SHIFT);
    return server;
}

void sim_front_send(sim_front *f, unsigned leg_index, unsigned server, uint64_t request,
                    const uint8_t *packet, size_t len)
{
    const leg *l = &f->legs[leg_index];
    request |= (uint64_t)server << SERVER_BIT | (uint64_t)(f->epoch[server] % EPOCHS)
                                                    << EPOCH_SHIFT;
    sim_path_send(l->path, l->side, request, packet, len);
}

/* What came for a link that broke belongs to nobody. */
static bool is_of_link(const sim_front *f, uint64_t request, unsigned server)
{
    return rill_list_linked(&f->sessions[server].in_account) &&
           (request >> EPOCH_SHIFT) % EPOCHS == f->epoch[server] % EPOCHS;
}

static void on_reply(void *user, uint64_t request, uint8_t *packet, size_t len)
{
    leg *l = user;
    uint64_t own = request;
    unsigned server = sim_front_sender(&own);
    if (is_of_link(l->front, request, server))
        l->server[server].reply(l->server[server].user, own, packet, len);
}

static void on_unanswered(void *user, uint64_t request, bool sent)
{
    leg *l = user;
    uint64_t own = request;
    unsigned server = sim_front_sender(&own);
    if (is_of_link(l->front, request, server))
        l->server[server].unanswered(l->server[server].user, own, sent);
}

/* ---- what it is joined to ---- */

sim_port sim_front_port(sim_front *f, unsigned leg_index)
{
    f->legs[leg_index].front = f;
    return (sim_port){&f->legs[leg_index], on_prepare, on_reply, on_unanswered};
}

void sim_front_join(sim_front *f, unsigned leg_index, sim_path *path, unsigned side,
                    unsigned server, sim_port port)
{
    leg *l = &f->legs[leg_index];
    l->path = path;
    l->side = side;
    l->server[server] = port;
}

void sim_front_link(sim_front *f, unsigned server, bool up)
{
    rill_session *s = &f->sessions[server];
    if (up == rill_list_linked(&s->in_account))
        return;
    if (up) {
        *s = (rill_session){.account = &f->account, .serial = ++f->serial};
        rill_owners_comes(&f->account, s);
        return;
    }
    f->epoch[server]++;
    rill_owners_leaves(&f->account, s, f->queue->now);
    /* A server that leaves with a packet may have fulfilled it, so nobody else is asked. */
    for (entry *e = f->entries; e != NULL; e = e->next)
        if (e->open && e->server == server && e->turn.asked == s->serial)
            refuse(e, "T01");
}
