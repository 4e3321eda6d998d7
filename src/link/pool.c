/* SPDX-License-Identifier: Apache-2.0 */
#include "link/pool.h"

#include <assert.h>

#include "base/alloc.h"
#include "base/list.h"
#include "link/link_impl.h"

typedef struct pool pool;

typedef struct member {
    rill_link *link; /* NULL: not opened, or closed */
    pool *pool;
    uint64_t open; /* packets and messages of ours that wait for a reply */
    bool up;
    bool final; /* it does not come back */
} member;

struct pool {
    rill_link link; /* first */
    rill_link_ops ops;
    unsigned count;
    unsigned up;
    unsigned left; /* members that have not closed */
    unsigned next; /* who is looked at first, so that members of equal load take turns */
    member *early; /* whose turn it is to say something before it is up; NULL */
    bool blocked;  /* the owner waits for `writable` */
    bool closing;  /* by the owner, or because it could not be opened */
    bool given;    /* the owner knows of it */
    member members[];
};

static const rill_allocator *memory(void)
{
    return rill_allocator_default();
}

static pool *pool_of(rill_link *l)
{
    return RILL_CONTAINER(l, pool, link);
}

/* ---- which member ---- */

/* The owner's name for a request that came by a member: see RILL_LINK_REQUEST_BITS. */
static uint64_t outer_request(const member *m, uint64_t request)
{
    assert(request >> RILL_LINK_REQUEST_BITS == 0);
    uint64_t index = (uint64_t)(m - m->pool->members);
    return index << RILL_LINK_REQUEST_BITS | request;
}

static rill_link *member_of_request(const pool *p, uint64_t *request)
{
    uint64_t index = *request >> RILL_LINK_REQUEST_BITS;
    *request &= ((uint64_t)1 << RILL_LINK_REQUEST_BITS) - 1;
    return index < p->count ? p->members[index].link : NULL;
}

/* The one that speaks for all while none is up: the first that may still come. */
static member *spokesman(pool *p)
{
    for (unsigned i = 0; i < p->count; i++)
        if (p->members[i].link != NULL && !p->members[i].final)
            return &p->members[i];
    return NULL;
}

/* The least busy one of those that are up and were not tried; NULL. */
static member *choose(pool *p, uint32_t tried)
{
    member *best = NULL;
    for (unsigned i = 0; i < p->count; i++) {
        unsigned at = (p->next + i) % p->count;
        member *m = &p->members[at];
        if (m->up && (tried >> at & 1) == 0 && (best == NULL || m->open < best->open))
            best = m;
    }
    return best;
}

/* What is sent by one member or another. */
typedef struct sending {
    uint64_t outgoing_id;
    const rill_bytes *parts; /* of a packet */
    size_t count;
    const rill_message *message; /* instead of them */
} sending;

static int send_by(member *m, const sending *s)
{
    rill_link *l = m->link;
    if (s->message != NULL)
        return l->ops->send_message(l, s->outgoing_id, s->message);
    if (s->count == 1)
        return l->ops->send(l, s->outgoing_id, s->parts[0].data, s->parts[0].len);
    return l->ops->send_parts(l, s->outgoing_id, s->parts, s->count);
}

/* By whoever takes it. Where nobody does: blocked, if anybody was, else as the last one said. */
static int send_any(pool *p, const sending *s)
{
    uint32_t tried = 0;
    int result = RILL_ERR_NOT_CONNECTED;
    for (member *m; (m = p->early != NULL && tried == 0 ? p->early : choose(p, tried)) != NULL;) {
        unsigned at = (unsigned)(m - p->members);
        int error = send_by(m, s);
        if (error == RILL_OK) {
            m->open++;
            p->next = at + 1;
            return RILL_OK;
        }
        if (result != RILL_ERR_BLOCKED)
            result = error;
        tried |= (uint32_t)1 << at;
    }
    if (result == RILL_ERR_BLOCKED)
        p->blocked = true;
    return result;
}

/* ---- what members tell ---- */

static void tell_writable(pool *p)
{
    if (!p->blocked)
        return;
    p->blocked = false;
    p->link.on.writable(&p->link, p->link.user);
}

static void on_up(rill_link *l, void *user)
{
    member *m = user;
    pool *p = m->pool;
    (void)l;
    assert(!m->up);
    m->up = true;
    if (p->closing)
        return;
    if (++p->up == 1)
        p->link.on.up(&p->link, p->link.user);
    else
        tell_writable(p);
}

static void on_down(rill_link *l, int error, const char *detail, bool final, void *user)
{
    member *m = user;
    pool *p = m->pool;
    (void)l;
    /* The first to be up speaks for all until then; the others' attempts are no news. */
    bool news = m->up || m == spokesman(p);
    if (m->up)
        p->up--;
    m->up = false;
    m->final = m->final || final;
    if (p->closing || p->up != 0)
        return;
    bool over = spokesman(p) == NULL;
    if (news || over)
        p->link.on.down(&p->link, error, detail, over, p->link.user);
}

static void on_prepare(rill_link *l, uint64_t request, const uint8_t *packet, size_t len,
                       void *user)
{
    member *m = user;
    pool *p = m->pool;
    (void)l;
    p->link.on.prepare(&p->link, outer_request(m, request), packet, len, p->link.user);
}

static void answered(member *m)
{
    assert(m->open > 0);
    m->open--;
}

static void on_reply(rill_link *l, uint64_t outgoing_id, const uint8_t *packet, size_t len,
                     void *user)
{
    member *m = user;
    pool *p = m->pool;
    (void)l;
    answered(m);
    p->link.on.reply(&p->link, outgoing_id, packet, len, p->link.user);
}

static void on_unanswered(rill_link *l, uint64_t outgoing_id, int error, bool sent, void *user)
{
    member *m = user;
    pool *p = m->pool;
    (void)l;
    answered(m);
    p->link.on.unanswered(&p->link, outgoing_id, error, sent, p->link.user);
}

static void on_stray(rill_link *l, const uint8_t *packet, size_t len, void *user)
{
    const member *m = user;
    rill_link *whole = &m->pool->link;
    (void)l;
    if (whole->stray != NULL)
        whole->stray(whole, packet, len, whole->stray_user);
}

static void on_writable(rill_link *l, void *user)
{
    member *m = user;
    (void)l;
    if (!m->pool->closing)
        tell_writable(m->pool);
}

static void on_early(rill_link *l, void *user)
{
    member *m = user;
    pool *p = m->pool;
    (void)l;
    if (p->closing || p->up != 0 || m != spokesman(p) || p->link.on.early == NULL)
        return;
    p->early = m;
    p->link.on.early(&p->link, p->link.user);
    p->early = NULL;
}

static void on_message(rill_link *l, uint64_t request, const rill_message *message, void *user)
{
    member *m = user;
    pool *p = m->pool;
    (void)l;
    p->link.on.message(&p->link, outer_request(m, request), message, p->link.user);
}

static void on_message_reply(rill_link *l, uint64_t outgoing_id, const rill_message *reply,
                             void *user)
{
    member *m = user;
    pool *p = m->pool;
    (void)l;
    answered(m);
    if (p->link.on.message_reply != NULL)
        p->link.on.message_reply(&p->link, outgoing_id, reply, p->link.user);
}

static void on_message_unanswered(rill_link *l, uint64_t outgoing_id, int error, bool sent,
                                  void *user)
{
    member *m = user;
    pool *p = m->pool;
    (void)l;
    answered(m);
    if (p->link.on.message_unanswered != NULL)
        p->link.on.message_unanswered(&p->link, outgoing_id, error, sent, p->link.user);
}

static void on_closed(rill_link *l, void *user)
{
    member *m = user;
    pool *p = m->pool;
    (void)l;
    assert(m->open == 0 && p->left > 0); /* all were reported before */
    m->link = NULL;
    if (--p->left != 0)
        return;
    if (p->given)
        p->link.on.closed(&p->link, p->link.user);
    rill_free(memory(), p);
}

/* ---- as a link ---- */

static bool pool_is_up(const rill_link *l)
{
    const pool *p = RILL_CONTAINER(l, const pool, link);
    return p->up != 0 && !p->closing;
}

static int pool_send_parts(rill_link *l, uint64_t outgoing_id, const rill_bytes *parts,
                           size_t count)
{
    const sending s = {.outgoing_id = outgoing_id, .parts = parts, .count = count};
    return send_any(pool_of(l), &s);
}

static int pool_send(rill_link *l, uint64_t outgoing_id, const uint8_t *packet, size_t len)
{
    const rill_bytes whole = {packet, len};
    return pool_send_parts(l, outgoing_id, &whole, 1);
}

static int pool_reply(rill_link *l, uint64_t request, const uint8_t *packet, size_t len)
{
    rill_link *to = member_of_request(pool_of(l), &request);
    return to != NULL ? to->ops->reply(to, request, packet, len) : RILL_ERR_NOT_CONNECTED;
}

static bool pool_waits(const rill_link *l, uint64_t request)
{
    const rill_link *by = member_of_request(RILL_CONTAINER(l, const pool, link), &request);
    return by != NULL && rill_link_waits(by, request);
}

static void pool_forget(rill_link *l, uint64_t request, bool fulfilled)
{
    rill_link *by = member_of_request(pool_of(l), &request);
    if (by != NULL)
        rill_link_forget(by, request, fulfilled);
}

static void pool_part(rill_link *l)
{
    const pool *p = pool_of(l);
    for (unsigned i = 0; i < p->count; i++)
        if (p->members[i].link != NULL)
            rill_link_part(p->members[i].link);
}

static bool pool_is_busy(const rill_link *l)
{
    const pool *p = RILL_CONTAINER(l, const pool, link);
    bool busy = false;
    for (unsigned i = 0; i < p->count && !busy; i++)
        busy = p->members[i].link != NULL && rill_link_is_busy(p->members[i].link);
    return busy;
}

static int pool_send_message(rill_link *l, uint64_t outgoing_id, const rill_message *message)
{
    const sending s = {.outgoing_id = outgoing_id, .message = message};
    return send_any(pool_of(l), &s);
}

static int pool_reply_message(rill_link *l, uint64_t request, const rill_message *reply,
                              const char *refusal)
{
    rill_link *to = member_of_request(pool_of(l), &request);
    return to != NULL ? to->ops->reply_message(to, request, reply, refusal)
                      : RILL_ERR_NOT_CONNECTED;
}

static void close_members(pool *p)
{
    p->closing = true;
    for (unsigned i = 0; i < p->count; i++)
        if (p->members[i].link != NULL)
            rill_link_close(p->members[i].link);
}

static void pool_close(rill_link *l)
{
    pool *p = pool_of(l);
    if (!p->closing)
        close_members(p);
}

static void pool_waiting(const rill_link *l, rill_waiting *out)
{
    pool *p = pool_of((rill_link *)(uintptr_t)l);
    const member *m = spokesman(p);
    if (p->up == 0 && !p->closing && m != NULL)
        rill_link_get_waiting(m->link, out);
}

/* As much as the members can do. */
static rill_link_ops ops_like(const rill_link_ops *members)
{
    return (rill_link_ops){
        .is_up = pool_is_up,
        .send = pool_send,
        .reply = pool_reply,
        .close = pool_close,
        .send_parts = members->send_parts != NULL ? pool_send_parts : NULL,
        .waiting = members->waiting != NULL ? pool_waiting : NULL,
        .send_message = members->send_message != NULL ? pool_send_message : NULL,
        .reply_message = members->reply_message != NULL ? pool_reply_message : NULL,
        .waits = members->waits != NULL ? pool_waits : NULL,
        .forget = members->forget != NULL ? pool_forget : NULL,
        .part = members->part != NULL ? pool_part : NULL,
        .is_busy = members->is_busy != NULL ? pool_is_busy : NULL,
    };
}

int rill_link_pool_open(rill_link **out, rill_loop *loop, const rill_scheme *scheme,
                        const char *uri, unsigned count, const rill_link_options *options,
                        const rill_link_handlers *handlers, void *user, const char **problem)
{
    const rill_link_handlers own = {
        .size = sizeof own,
        .up = on_up,
        .down = on_down,
        .prepare = on_prepare,
        .reply = on_reply,
        .unanswered = on_unanswered,
        .writable = on_writable,
        .closed = on_closed,
        .early = on_early,
        .message = handlers->message != NULL ? on_message : NULL,
        .message_reply = on_message_reply,
        .message_unanswered = on_message_unanswered,
    };
    assert(count > 0 && count <= RILL_LINK_POOL_MAX);
    pool *p = rill_calloc(memory(), 1, sizeof *p + count * sizeof p->members[0]);
    if (p == NULL)
        return RILL_ERR_NOMEM;
    p->count = count;
    int error = RILL_OK;
    for (unsigned i = 0; i < count && error == RILL_OK; i++) {
        member *m = &p->members[i];
        m->pool = p;
        error = scheme->open(&m->link, loop, uri, options, &own, m, problem);
        if (error == RILL_OK) {
            p->left++;
            m->link->stray = on_stray;
            m->link->stray_user = m;
        } else {
            m->link = NULL;
        }
    }
    if (error != RILL_OK && p->left == 0) {
        rill_free(memory(), p);
        return error;
    }
    if (error != RILL_OK) {
        close_members(p); /* it goes with them */
        return error;
    }
    p->ops = ops_like(p->members[0].link->ops);
    p->link = (rill_link){.ops = &p->ops, .loop = loop, .on = *handlers, .user = user};
    p->given = true;
    *out = &p->link;
    return RILL_OK;
}
