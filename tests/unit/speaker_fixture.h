/* SPDX-License-Identifier: Apache-2.0 */
/* Speakers of CCP in one process, and what one of them is told by hand. */
#ifndef RILL_TESTS_SPEAKER_FIXTURE_H
#define RILL_TESTS_SPEAKER_FIXTURE_H

#define _POSIX_C_SOURCE 200809L /* strtok_r */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
/* cmocka.h comes after what it needs. */
#include "connector/speaker.h"
#include <cmocka.h>

#include "ilp/peer.h"

static rill_crypto *crypto;
static uint64_t now;
static long allocations_left; /* -1: any number */
static long blocks;

static void *reallocate(void *user, void *old, size_t size)
{
    (void)user;
    if (allocations_left == 0)
        return NULL;
    if (allocations_left > 0)
        allocations_left--;
    blocks += old == NULL;
    return realloc(old, size);
}

static void release(void *user, void *old)
{
    (void)user;
    blocks -= old != NULL;
    free(old);
}

static const rill_allocator allocator = {reallocate, release, NULL};

static rill_bytes text(const char *s)
{
    return (rill_bytes){(const uint8_t *)s, strlen(s)};
}

/* Where packets go, by the speaker's word. */
typedef struct place {
    char prefix[64];
    const rill_via *via;
} place;

typedef struct world {
    rill_speaker s;
    place places[64];
    size_t place_count;
    unsigned learnt, unlearnt;
} world;

static int on_apply(void *user, rill_bytes prefix, rill_via *via)
{
    world *w = user;
    for (size_t i = 0; i < w->place_count; i++) {
        if (strlen(w->places[i].prefix) == prefix.len &&
            memcmp(w->places[i].prefix, prefix.data, prefix.len) == 0) {
            w->places[i].via = via;
            return RILL_OK;
        }
    }
    if (via == NULL)
        return RILL_OK;
    if (w->place_count == sizeof w->places / sizeof w->places[0])
        return RILL_OK; /* not all are looked at */
    place *p = &w->places[w->place_count++];
    snprintf(p->prefix, sizeof p->prefix, "%.*s", (int)prefix.len, (const char *)prefix.data);
    p->via = via;
    return RILL_OK;
}

static void on_learnt(void *user, rill_via *via, rill_bytes prefix, const rill_ccp_route *route)
{
    world *w = user;
    (void)via;
    (void)prefix;
    if (route != NULL)
        w->learnt++;
    else
        w->unlearnt++;
}

/* The name of the neighbour that packets go to; "": to none. */
static const char *way(const world *w, const char *prefix)
{
    for (size_t i = 0; i < w->place_count; i++) {
        if (strcmp(w->places[i].prefix, prefix) == 0)
            return w->places[i].via == NULL ? "" : w->places[i].via->name;
    }
    return "";
}

static void open_world(world *w, const char *address, uint8_t secret)
{
    rill_speaker_options o;
    memset(w, 0, sizeof *w);
    rill_speaker_options_init(&o);
    o.allocator = &allocator;
    o.address = text(address);
    o.crypto = crypto;
    o.secret[0] = secret;
    o.apply = on_apply;
    o.learnt = on_learnt;
    o.user = w;
    assert_int_equal(rill_speaker_init(&w->s, &o), RILL_OK);
}

static void add_peer(world *w, rill_speaker_peer *p, const char *name, rill_relation relation,
                     const char *address)
{
    memset(p, 0, sizeof *p);
    rill_via_init(&p->via, name, relation, text(address));
    p->tells = true;
    p->is_heard = true;
    p->most = 100000;
    assert_int_equal(rill_speaker_add(&w->s, p), RILL_OK);
}

/* A route that a neighbour tells, with the hops of its path between blanks. */
static void put_route(rill_writer *out, const char *prefix, const char *path)
{
    static const uint8_t auth[RILL_CCP_AUTH_LEN];
    uint8_t hops[4096];
    rill_writer w = rill_writer_of(hops, sizeof hops);
    rill_ccp_route route = {.prefix = text(prefix), .auth = auth};
    char copy[4096];
    char *rest = copy;
    snprintf(copy, sizeof copy, "%s", path);
    for (char *hop; (hop = strtok_r(rest, " ", &rest)) != NULL; route.hops++) {
        size_t len = strlen(hop);
        assert_in_range(len, 1, 127);
        rill_write_u8(&w, (uint8_t)len);
        rill_write_bytes(&w, (const uint8_t *)hop, len);
    }
    route.path = (rill_bytes){hops, rill_writer_len(&w)};
    assert_false(w.failed);
    rill_ccp_put_route(out, text(""), &route);
}

/* An update: prefix and path of each route, then NULL; then withdrawn prefixes, then NULL. */
static int tell(world *w, rill_speaker_peer *p, uint8_t table, uint32_t from, uint32_t to,
                uint32_t current, const char *const *routes, const char *const *withdrawn)
{
    static uint8_t data[1 << 16];
    rill_writer out = rill_writer_of(data, sizeof data);
    rill_ccp_update u = {.current_epoch = current,
                         .from_epoch = from,
                         .to_epoch = to,
                         .hold_down_ms = 45000,
                         .speaker = text("g.somebody")};
    u.table[0] = table;
    while (routes != NULL && routes[2 * u.route_count] != NULL)
        u.route_count++;
    while (withdrawn != NULL && withdrawn[u.withdrawn_count] != NULL)
        u.withdrawn_count++;
    rill_ccp_update_begin(&out, &u);
    for (size_t i = 0; i < u.route_count; i++)
        put_route(&out, routes[2 * i], routes[2 * i + 1]);
    rill_ccp_begin_withdrawn(&out, u.withdrawn_count);
    for (size_t i = 0; i < u.withdrawn_count; i++)
        rill_ccp_put_withdrawn(&out, text(withdrawn[i]));
    assert_false(out.failed);
    const char *problem = NULL;
    return rill_speaker_take_update(&w->s, p, (rill_bytes){data, rill_writer_len(&out)}, now,
                                    &problem);
}

#define ROUTES(...) ((const char *const[]){__VA_ARGS__, NULL})

/* It asks to be told, knowing this. */
static void ask(world *w, rill_speaker_peer *p, const uint8_t *table, uint32_t epoch)
{
    rill_ccp_control control = {.mode = RILL_CCP_SYNC, .epoch = epoch};
    uint8_t data[64];
    size_t len = 0;
    if (table != NULL)
        memcpy(control.table, table, sizeof control.table);
    assert_int_equal(rill_ccp_control_encode(&control, data, sizeof data, &len), RILL_OK);
    const char *problem = NULL;
    assert_int_equal(rill_speaker_take_control(&w->s, p, (rill_bytes){data, len}, now, &problem),
                     RILL_OK);
}

/* The next message to this neighbour of this kind within so many ms; others are fulfilled. */
static bool next_to(world *w, const rill_speaker_peer *p, const char *destination, uint64_t ms,
                    rill_speaker_message *out)
{
    uint64_t end = now + ms * RILL_MS;
    for (;;) {
        while (rill_speaker_next(&w->s, now, out)) {
            if (out->to == p && strcmp(out->destination, destination) == 0)
                return true;
            rill_speaker_answered(&w->s, out->to, out->id, true, now);
        }
        uint64_t deadline = rill_speaker_deadline(&w->s);
        if (deadline > end) {
            now = end;
            return false;
        }
        if (deadline > now)
            now = deadline;
    }
}

/* The update that p gets within so many ms: "from-to +prefix(path) -prefix ..." Fulfilled. */
static const char *told(world *w, rill_speaker_peer *p, uint64_t ms, rill_ccp_update *update)
{
    static char line[8192];
    rill_speaker_message m;
    rill_ccp_update u;
    rill_ccp_route route;
    rill_bytes hop;
    if (!next_to(w, p, RILL_CCP_UPDATE, ms, &m))
        return "nothing";
    assert_int_equal(rill_ccp_update_decode(&u, m.data), RILL_OK);
    int len = snprintf(line, sizeof line, "%u-%u", u.from_epoch, u.to_epoch);
    rill_reader routes = rill_reader_of(u.routes.data, u.routes.len);
    while (rill_ccp_next_route(&routes, &route) && (size_t)len < sizeof line - 2000) {
        len += snprintf(line + len, sizeof line - (size_t)len, " +%.*s(", (int)route.prefix.len,
                        (const char *)route.prefix.data);
        rill_reader path = rill_reader_of(route.path.data, route.path.len);
        for (const char *blank = ""; rill_ccp_next_address(&path, &hop); blank = " ")
            len += snprintf(line + len, sizeof line - (size_t)len, "%s%.*s", blank, (int)hop.len,
                            (const char *)hop.data);
        len += snprintf(line + len, sizeof line - (size_t)len, ")");
    }
    rill_reader withdrawn = rill_reader_of(u.withdrawn.data, u.withdrawn.len);
    while (rill_ccp_next_address(&withdrawn, &hop) && (size_t)len < sizeof line - 2000)
        len += snprintf(line + len, sizeof line - (size_t)len, " -%.*s", (int)hop.len,
                        (const char *)hop.data);
    if (update != NULL)
        *update = u;
    rill_speaker_answered(&w->s, p, m.id, true, now);
    return line;
}

static int set_up(void **state)
{
    (void)state;
    allocations_left = -1;
    blocks = 0;
    now = 1000 * RILL_SECOND;
    crypto = rill_crypto_new(rill_allocator_default());
    return crypto == NULL;
}

static int tear_down(void **state)
{
    (void)state;
    rill_crypto_free(crypto);
    assert_int_equal(blocks, 0);
    return 0;
}

#endif
