/* SPDX-License-Identifier: Apache-2.0 */
#include "connector/routing.h"

#include <string.h>

#include "base/alloc.h"
#include "base/sum.h"
#include "ilp/peer.h"

/* As other implementations give their messages. */
#define LIFETIME_MS 60000

/* Bytes of a prefix that are shown. */
enum { LOGGED = 200 };

/* SHA-256 of 32 zeros: the condition of all that is said to peer.*. */
static const uint8_t condition[32] = {
    0x66, 0x68, 0x7a, 0xad, 0xf8, 0x62, 0xbd, 0x77, 0x6c, 0x8f, 0xc1, 0x8b, 0x8e, 0x9f, 0x8e, 0x20,
    0x08, 0x97, 0x14, 0x85, 0x6e, 0xe2, 0x33, 0xb3, 0x90, 0x2a, 0x59, 0x1d, 0x0d, 0x5f, 0x29, 0x25};

static rill_speaker_peer *peer_of(rill_via *via)
{
    return RILL_CONTAINER(via, rill_speaker_peer, via);
}

static int on_apply(void *user, rill_bytes prefix, rill_via *via)
{
    rill_routing *r = user;
    int rc = via != NULL ? rill_hub_set_route(r->hub, prefix, peer_of(via)->owner)
                         : rill_hub_remove_route(r->hub, prefix);
    if (via != NULL && rc != RILL_OK)
        return rc;
    rill_log_line(&r->log, RILL_LOG_DEBUG, "packets to %.*s go to %s%s",
                  prefix.len > LOGGED ? LOGGED : (int)prefix.len, (const char *)prefix.data,
                  via == NULL ? "nobody" : "account ", via == NULL ? "" : via->name);
    return RILL_OK;
}

int rill_routing_open(rill_routing *r, const rill_routing_options *options)
{
    rill_speaker_options o;
    rill_speaker_options_init(&o);
    const char *address = rill_hub_address(options->hub);
    o.allocator = options->allocator;
    o.address = (rill_bytes){(const uint8_t *)address, strlen(address)};
    o.crypto = options->crypto;
    o.interval = options->config->route_interval;
    o.hold_down = options->config->route_hold_down;
    o.apply = on_apply;
    o.log = options->log;
    o.user = r;
    if (rill_crypto_random(options->crypto, o.secret, sizeof o.secret) != RILL_OK ||
        rill_crypto_random(options->crypto, (uint8_t *)o.key, sizeof o.key) != RILL_OK)
        return RILL_ERR_CRYPTO;
    r->hub = options->hub;
    r->log = options->log;
    return rill_speaker_init(&r->speaker, &o);
}

void rill_routing_close(rill_routing *r)
{
    if (r->hub != NULL)
        rill_speaker_clear(&r->speaker);
}

void rill_routing_agree(rill_speaker_peer *p, const rill_config_account *config)
{
    p->via.name = config->name;
    p->via.relation = (rill_relation)config->relation;
    p->tells = rill_config_sends_routes(config);
    p->is_heard = rill_config_receives_routes(config);
    p->most = (size_t)config->max_routes;
}

int rill_routing_add(rill_routing *r, rill_speaker_peer *p, rill_bytes address,
                     struct rill_account *account)
{
    rill_via_init(&p->via, p->via.name, p->via.relation, address);
    p->owner = account;
    return rill_speaker_add(&r->speaker, p);
}

void rill_routing_part(rill_routing *r, rill_speaker_peer *p)
{
    p->tells = false;
    p->is_heard = false;
    rill_speaker_drop(&r->speaker, p);
}

void rill_routing_remove(rill_routing *r, rill_speaker_peer *p)
{
    rill_speaker_remove(&r->speaker, p);
}

void rill_routing_change(rill_routing *r, const rill_config *config)
{
    r->speaker.options.interval = config->route_interval;
    r->speaker.options.hold_down = config->route_hold_down;
    rill_speaker_review(&r->speaker);
}

/* What could not be settled is tried again. */
static void settle(rill_routing *r)
{
    int rc = rill_rib_settle(&r->speaker.rib, SIZE_MAX);
    (void)rc;
}

int rill_routing_set(rill_routing *r, rill_speaker_peer *p, rill_route_kind kind, rill_bytes prefix)
{
    int rc = rill_rib_add(&r->speaker.rib, &p->via, kind, prefix);
    if (rc != RILL_OK)
        return rc;
    rc = rill_rib_settle(&r->speaker.rib, SIZE_MAX);
    if (rc != RILL_OK) {
        int undone = rill_rib_remove(&r->speaker.rib, prefix);
        (void)undone;
    }
    return rc;
}

int rill_routing_move(rill_routing *r, rill_speaker_peer *p, rill_bytes prefix)
{
    int rc = rill_rib_move(&r->speaker.rib, &p->via, prefix);
    settle(r);
    return rc;
}

int rill_routing_unset(rill_routing *r, rill_bytes prefix)
{
    int rc = rill_rib_remove(&r->speaker.rib, prefix);
    settle(r);
    return rc;
}

/* ---- talking ---- */

int rill_routing_hear(rill_routing *r, rill_speaker_peer *p, bool update, rill_bytes data,
                      rill_now now, const char **problem)
{
    return update ? rill_speaker_take_update(&r->speaker, p, data, now.mono_ns, problem)
                  : rill_speaker_take_control(&r->speaker, p, data, now.mono_ns, problem);
}

void rill_routing_present(rill_routing *r, rill_speaker_peer *p, bool is, rill_now now)
{
    if (is)
        rill_speaker_up(&r->speaker, p, now.mono_ns);
    else
        rill_speaker_down(&r->speaker, p, now.mono_ns);
}

void rill_routing_answered(rill_routing *r, rill_speaker_peer *p, uint64_t id, bool fulfilled,
                           rill_now now)
{
    rill_speaker_answered(&r->speaker, p, id, fulfilled, now.mono_ns);
}

void rill_routing_turn(rill_routing *r, rill_now now)
{
    rill_speaker_message m;
    while (r->hub != NULL && rill_speaker_next(&r->speaker, now.mono_ns, &m)) {
        const rill_prepare prepare = {
            .expires_at_ms = now.wall_ms + LIFETIME_MS,
            .condition = condition,
            .destination = {(const uint8_t *)m.destination, strlen(m.destination)},
            .data = m.data,
        };
        if (rill_hub_ask(r->hub, m.to->owner, &prepare, RILL_ROUTING_PATIENCE, m.id) != RILL_OK)
            rill_speaker_answered(&r->speaker, m.to, m.id, false, now.mono_ns);
    }
}

uint64_t rill_routing_deadline(const rill_routing *r)
{
    return r->hub == NULL ? RILL_NEVER : rill_speaker_deadline(&r->speaker);
}

/* ---- looking ---- */

bool rill_routing_next(const rill_routing *r, rill_routing_cursor *cursor, rill_routing_line *out)
{
    while (cursor->next == NULL) {
        const rill_rib_entry *e = rill_rib_next(&r->speaker.rib, &cursor->entry);
        if (e == NULL)
            return false;
        cursor->next = e->routes;
    }
    const rill_rib_route *route = cursor->next;
    cursor->next = route->next;
    *out = (rill_routing_line){
        .prefix = route->entry->name.bytes,
        .account = route->via == NULL ? NULL : route->via->name,
        .kind = route->kind,
        .hops = route->told.hops,
        .best = route == route->entry->best,
        .away = route->via != NULL && route->via->away,
    };
    return true;
}
