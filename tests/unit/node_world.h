/* SPDX-License-Identifier: Apache-2.0 */
/* The node, with fake links and in virtual time. Included by its tests. */
#ifndef RILL_TESTS_NODE_WORLD_H
#define RILL_TESTS_NODE_WORLD_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
/* cmocka.h comes after what it needs. */
#include "node/hub.h"
#include <cmocka.h>

#include <rill/ilp.h>

#include "crypto/crypto.h"
#include "ilp/echo.h"
#include "link/link_impl.h"

#define WALL UINT64_C(1700000000000)
#ifndef NODE_WORLD_PACKET
#define NODE_WORLD_PACKET 2048
#define NODE_WORLD_KEPT   64
#endif
enum { MAX_PACKET = NODE_WORLD_PACKET, MAX_KEPT = NODE_WORLD_KEPT };

typedef struct kept {
    uint64_t id; /* outgoing_id of what was sent, request of what was answered */
    size_t len;
    uint8_t packet[MAX_PACKET];
} kept;

typedef struct fake {
    rill_link link; /* first */
    int send_result;
    bool closed;
    uint64_t waits_from; /* nobody waits for answers to requests with lower numbers */
    int reply_result;
    size_t forgotten;           /* requests that will not be answered */
    size_t forgotten_fulfilled; /* of these: the answer was a Fulfill */
    uint64_t last_forgotten;
    size_t sent_count;
    size_t answer_count;
    kept sent[MAX_KEPT];    /* Prepares that the node gave us */
    kept answers[MAX_KEPT]; /* to what we asked */
} fake;

typedef struct world {
    rill_now now;
    uint64_t wake;
    unsigned drained;
    unsigned lines[3];
    rill_hub_options options;
    rill_hub *node;
    fake alice, bob, carol;
} world;

static inline bool fake_is_up(const rill_link *l)
{
    return !((const fake *)l)->closed;
}

static inline void keep(kept *to, uint64_t id, const uint8_t *packet, size_t len)
{
    assert_in_range(len, 1, MAX_PACKET);
    to->id = id;
    to->len = len;
    memcpy(to->packet, packet, len);
}

static inline int fake_send(rill_link *l, uint64_t outgoing_id, const uint8_t *packet, size_t len)
{
    fake *f = (fake *)l;
    if (f->send_result == RILL_OK)
        keep(&f->sent[f->sent_count++ % MAX_KEPT], outgoing_id, packet, len);
    return f->send_result;
}

static inline int fake_reply(rill_link *l, uint64_t request, const uint8_t *packet, size_t len)
{
    fake *f = (fake *)l;
    assert_false(f->closed);
    assert_true(request >= f->waits_from);
    if (f->reply_result != RILL_OK)
        return f->reply_result;
    keep(&f->answers[f->answer_count++ % MAX_KEPT], request, packet, len);
    return RILL_OK;
}

static inline void fake_close(rill_link *l)
{
    ((fake *)l)->closed = true;
}

static inline bool fake_waits(const rill_link *l, uint64_t request)
{
    return request >= ((const fake *)l)->waits_from;
}

static inline void fake_forget(rill_link *l, uint64_t request, bool fulfilled)
{
    fake *f = (fake *)l;
    assert_false(f->closed);
    assert_true(request < f->waits_from || f->reply_result != RILL_OK);
    f->forgotten++;
    f->forgotten_fulfilled += fulfilled;
    f->last_forgotten = request;
}

static const rill_link_ops fake_ops = {
    .is_up = fake_is_up,
    .send = fake_send,
    .reply = fake_reply,
    .close = fake_close,
    .waits = fake_waits,
    .forget = fake_forget,
};

/* ---- the world ---- */

static inline rill_now world_now(void *user)
{
    return ((const world *)user)->now;
}

static inline void world_wake(void *user, uint64_t deadline)
{
    ((world *)user)->wake = deadline;
}

static inline void world_drained(void *user)
{
    ((world *)user)->drained++;
}

static inline void world_line(void *user, rill_log_level level, const char *line)
{
    assert_true(strlen(line) > 0);
    ((world *)user)->lines[level]++;
}

static inline rill_bytes text(const char *s)
{
    return (rill_bytes){(const uint8_t *)s, strlen(s)};
}

static inline void connect_as(world *w, fake *f, const char *name, bool only_asks)
{
    const rill_link_handlers *handlers = NULL;
    memset(f, 0, sizeof *f);
    f->link.ops = &fake_ops;
    f->link.only_asks = only_asks;
    assert_int_equal(
        rill_hub_admit(&handlers, &f->link.user, w->node, &f->link, text(name), text("token")),
        RILL_OK);
    f->link.on = *handlers;
    f->link.on.up(&f->link, f->link.user);
}

static inline void connect(world *w, fake *f, const char *name)
{
    connect_as(w, f, name, false);
}

/* As a link ends: what it was sent is unanswered, then it is down, then closed. */
static inline void disconnect(fake *f)
{
    if (f->link.ops == NULL)
        return;
    for (size_t i = 0; i < f->sent_count && i < MAX_KEPT; i++)
        f->link.on.unanswered(&f->link, f->sent[i].id, RILL_ERR_NOT_CONNECTED, true, f->link.user);
    f->link.on.down(&f->link, RILL_ERR_NOT_CONNECTED, "gone", true, f->link.user);
    assert_true(f->closed);
    f->link.on.closed(&f->link, f->link.user);
    f->link.ops = NULL;
}

static inline world *start(const rill_hub_options *options)
{
    static world w;
    memset(&w, 0, sizeof w);
    w.now = (rill_now){RILL_SECOND, WALL};
    w.wake = RILL_NEVER;
    rill_hub_options_init(&w.options);
    if (options != NULL)
        w.options = *options;
    w.options.now = world_now;
    w.options.wake = world_wake;
    w.options.drained = world_drained;
    w.options.log = (rill_log){world_line, &w, RILL_LOG_DEBUG, NULL};
    w.options.user = &w;
    assert_int_equal(rill_hub_new(&w.node, &w.options), RILL_OK);
    connect(&w, &w.alice, "alice");
    connect(&w, &w.bob, "bob");
    return &w;
}

static inline void stop(world *w)
{
    disconnect(&w->alice);
    disconnect(&w->bob);
    disconnect(&w->carol);
    assert_int_equal(rill_hub_open(w->node), 0);
    rill_hub_free(w->node);
}

static inline void pass(world *w, uint64_t ms)
{
    w->now.mono_ns += ms * RILL_MS;
    w->now.wall_ms += ms;
    if (w->now.mono_ns >= w->wake) {
        w->wake = RILL_NEVER;
        rill_hub_tick(w->node);
    }
}

/* ---- packets ---- */

static const uint8_t fulfillment[32] = {7, 7, 7};

static const uint8_t *condition(void)
{
    static uint8_t hash[32];
    rill_crypto *c = rill_crypto_new(rill_allocator_default());
    assert_int_equal(rill_crypto_sha256(c, fulfillment, 32, hash), RILL_OK);
    rill_crypto_free(c);
    return hash;
}

static inline rill_prepare prepare_to(const char *destination)
{
    return (rill_prepare){
        .amount = 100,
        .expires_at_ms = WALL + 10000,
        .condition = condition(),
        .destination = text(destination),
        .data = text("data"),
    };
}

static inline void ask(fake *from, uint64_t request, const rill_prepare *p)
{
    uint8_t packet[MAX_PACKET];
    size_t len = 0;
    assert_int_equal(rill_prepare_encode(p, packet, sizeof packet, &len), RILL_OK);
    from->link.on.prepare(&from->link, request, packet, len, from->link.user);
}

static inline void ask_for(fake *from, uint64_t request, const char *destination)
{
    rill_prepare p = prepare_to(destination);
    ask(from, request, &p);
}

static inline rill_prepare last_sent(const fake *f)
{
    rill_prepare p;
    assert_true(f->sent_count > 0);
    const kept *k = &f->sent[(f->sent_count - 1) % MAX_KEPT];
    assert_int_equal(rill_prepare_decode(&p, k->packet, k->len), RILL_OK);
    return p;
}

static inline void reply(fake *from, uint64_t outgoing_id, const uint8_t *packet, size_t len)
{
    from->link.on.reply(&from->link, outgoing_id, packet, len, from->link.user);
}

/* Answers one of those that it was sent, by its place from 0 on. */
static inline void fulfill_nth(fake *from, size_t nth, const uint8_t *with)
{
    uint8_t packet[MAX_PACKET];
    size_t len = 0;
    rill_fulfill f = {with, text("reply")};
    assert_true(nth < from->sent_count);
    assert_int_equal(rill_fulfill_encode(&f, packet, sizeof packet, &len), RILL_OK);
    reply(from, from->sent[nth % MAX_KEPT].id, packet, len);
}

/* Answers what it was sent last. */
static inline void fulfill(fake *from, const uint8_t *with)
{
    fulfill_nth(from, from->sent_count - 1, with);
}

static inline void reject(fake *from, rill_ilp_code_id code, const char *data)
{
    uint8_t packet[MAX_PACKET];
    size_t len = 0;
    rill_reject r = {rill_ilp_code_of(code), text("private.rill.bob"), text("no"), text(data)};
    assert_int_equal(rill_reject_encode(&r, packet, sizeof packet, &len), RILL_OK);
    reply(from, from->sent[(from->sent_count - 1) % MAX_KEPT].id, packet, len);
}

static const kept *answer_to(const fake *f, uint64_t request)
{
    const kept *found = NULL;
    for (size_t i = 0; i < f->answer_count && i < MAX_KEPT; i++) {
        if (f->answers[i].id == request) {
            /* One answer a request. */
            assert_null(found);
            found = &f->answers[i];
        }
    }
    return found;
}

static inline rill_reject rejected(const fake *f, uint64_t request, const char *code)
{
    rill_reject r;
    const kept *k = answer_to(f, request);
    assert_non_null(k);
    assert_int_equal(rill_reject_decode(&r, k->packet, k->len), RILL_OK);
    assert_string_equal(r.code.text, code);
    return r;
}

static inline void rejected_by_node(const fake *f, uint64_t request, const char *code)
{
    rill_reject r = rejected(f, request, code);
    assert_int_equal(r.triggered_by.len, strlen("private.rill"));
    assert_memory_equal(r.triggered_by.data, "private.rill", r.triggered_by.len);
    assert_true(r.message.len > 0);
}

static inline void fulfilled(const fake *f, uint64_t request)
{
    rill_fulfill got;
    const kept *k = answer_to(f, request);
    assert_non_null(k);
    assert_int_equal(rill_fulfill_decode(&got, k->packet, k->len), RILL_OK);
    assert_memory_equal(got.fulfillment, fulfillment, 32);
}

static inline bool same(rill_bytes a, rill_bytes b)
{
    return a.len == b.len && memcmp(a.data, b.data, a.len) == 0;
}

#endif
