/* SPDX-License-Identifier: Apache-2.0 */
#include "connector/routing.h"

#include <assert.h>
#include <stdio.h>
#include <string.h>

#include "base/alloc.h"
#include "base/sum.h"
#include "connector/rib_log.h"
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

static void say_applied(const rill_routing *r, rill_bytes prefix, const rill_via *via)
{
    rill_log_line(&r->log, RILL_LOG_DEBUG, "packets to %.*s go to %s%s",
                  prefix.len > LOGGED ? LOGGED : (int)prefix.len, (const char *)prefix.data,
                  via == NULL ? "nobody" : "account ", via == NULL ? "" : via->name);
}

static int on_apply(void *user, rill_bytes prefix, rill_via *via)
{
    rill_routing *r = user;
    int rc = via != NULL ? rill_hub_set_route(r->hub, prefix, peer_of(via)->owner)
                         : rill_hub_remove_route(r->hub, prefix);
    if (via != NULL && rc != RILL_OK)
        return rc;
    say_applied(r, prefix, via);
    return RILL_OK;
}

/* ---- addresses of children to which there is no other way ---- */

/* Whose address is it, if only the hub knows? NULL: nobody's. */
static rill_speaker_peer *given_to(const rill_routing *r, rill_bytes prefix)
{
    rill_terms *terms = rill_hub_route_of(r->hub, prefix);
    return terms == NULL || rill_rib_find(&r->speaker.rib, prefix) != NULL
               ? NULL
               : r->peer_of(r->user, terms);
}

static int give(rill_routing *r, const rill_speaker_peer *p, rill_bytes prefix)
{
    int rc = rill_hub_add_route_to(r->hub, prefix, p->owner);
    if (rc != RILL_OK)
        return rc;
    r->given++;
    say_applied(r, prefix, &p->via);
    return RILL_OK;
}

static void take_back(rill_routing *r, rill_bytes prefix)
{
    int rc = rill_hub_remove_route(r->hub, prefix);
    assert(rc == RILL_OK);
    (void)rc;
    r->given--;
    say_applied(r, prefix, NULL);
}

/* There is another way to the prefix: from now on the table of all ways has this one, too. */
static rill_via *on_given(void *user, rill_bytes prefix)
{
    const rill_routing *r = user;
    rill_terms *terms = rill_hub_route_of(r->hub, prefix);
    return terms == NULL ? NULL : &r->peer_of(r->user, terms)->via;
}

/* ---- what is kept ---- */

/* A route that there was before the start, and that is no more. */
static void name_missing(rill_routing *r, const char *account, rill_bytes prefix, const char *why)
{
    r->missing++;
    if (r->missing > RILL_ROUTING_NAMED + 1)
        return;
    if (r->missing == RILL_ROUTING_NAMED + 1) {
        rill_log_line(&r->log, RILL_LOG_WARNING, "more routes are missing; they are not named");
        return;
    }
    rill_log_line(&r->log, RILL_LOG_WARNING,
                  "the route %.*s by account %s, which was there before, is missing: %s",
                  prefix.len > LOGGED ? LOGGED : (int)prefix.len, (const char *)prefix.data,
                  account, why);
}

static int save(rill_routing *r, const char *account, rill_bytes prefix, rill_bytes value)
{
    const rill_store_route route = {account, prefix, value};
    return r->save == NULL || r->restoring ? RILL_OK : r->save(r->user, &route);
}

static void on_learnt(void *user, rill_via *via, rill_bytes prefix, const rill_ccp_route *route)
{
    rill_routing *r = user;
    rill_writer w = rill_writer_of(r->value, sizeof r->value);
    rill_speaker_peer *p = peer_of(via);
    r->touched = true;
    if (route != NULL)
        rill_ccp_put_route(&w, (rill_bytes){NULL, 0}, route);
    else if (p->talk->restored && !r->restoring)
        name_missing(r, via->name, prefix, "the account has not told it again");
    int rc = save(r, via->name, prefix, (rill_bytes){r->value, rill_writer_len(&w)});
    /* What the store misses is asked for after the next start. */
    if (rc != RILL_OK || w.failed)
        p->talk->unkept = true;
}

/* How far it is known what each neighbour tells: under the empty prefix, which nobody tells. */
static void save_tables(rill_routing *r)
{
    rill_speaker *s = &r->speaker;
    r->touched = false;
    for (rill_list *at = s->talks.next; at != &s->talks; at = at->next) {
        rill_speaker_talk *t = RILL_CONTAINER(at, rill_speaker_talk, in_talks);
        uint8_t value[RILL_CCP_TABLE_LEN + 4];
        uint32_t epoch = 0;
        rill_speaker_known(t->peer, value, &epoch);
        if (t->unkept) {
            memset(value, 0, sizeof value);
            epoch = 0;
        }
        if (epoch == t->kept_epoch && memcmp(value, t->kept_table, RILL_CCP_TABLE_LEN) == 0)
            continue;
        rill_store_u32(value + RILL_CCP_TABLE_LEN, epoch);
        if (save(r, t->peer->via.name, (rill_bytes){NULL, 0}, (rill_bytes){value, sizeof value}) !=
            RILL_OK) {
            r->touched = true; /* again */
            continue;
        }
        t->kept_epoch = epoch;
        memcpy(t->kept_table, value, RILL_CCP_TABLE_LEN);
    }
}

/* The route of the configuration; NULL: there is none. */
static rill_rib_route *configured(const rill_routing *r, rill_bytes prefix)
{
    const rill_rib_entry *e = rill_rib_find(&r->speaker.rib, prefix);
    rill_rib_route *at = e == NULL ? NULL : e->routes;
    while (at != NULL && at->kind != RILL_ROUTE_STATIC)
        at = at->next;
    return at;
}

/* The store is to forget it. */
static void forget(rill_routing *r, const rill_store_route *route)
{
    int rc = save(r, route->account, route->prefix, (rill_bytes){NULL, 0});
    (void)rc; /* then it is forgotten after another start */
}

/* One of the configuration that was there before. */
static void restore_configured(rill_routing *r, const rill_store_route *route)
{
    char name[RILL_STORE_NAME_MAX + 1];
    rill_rib_route *now = configured(r, route->prefix);
    snprintf(name, sizeof name, "%.*s", (int)route->value.len, (const char *)route->value.data);
    if (now != NULL) {
        now->kept = strcmp(now->via->name, name) == 0;
        return;
    }
    name_missing(r, name, route->prefix, "it is not in the configuration any more");
    forget(r, route);
}

int rill_routing_restore(rill_routing *r, rill_speaker_peer *p, const rill_store_route *route,
                         rill_now now)
{
    rill_reader reader = rill_reader_of(route->value.data, route->value.len);
    rill_ccp_route told;
    uint32_t epoch = 0;
    rill_bytes table;
    if (route->account[0] == '\0') {
        restore_configured(r, route);
        return RILL_OK;
    }
    if (p == NULL || !p->is_heard) {
        if (route->prefix.len > 0)
            name_missing(r, route->account, route->prefix,
                         p == NULL ? "there is no such account any more"
                                   : "the account is not asked any more");
        forget(r, route);
        return RILL_OK;
    }
    if (route->prefix.len == 0) {
        if (rill_read_bytes(&reader, RILL_CCP_TABLE_LEN, &table) &&
            rill_read_u32(&reader, &epoch)) {
            memcpy(p->talk->kept_table, table.data, sizeof p->talk->kept_table);
            p->talk->kept_epoch = epoch;
            rill_speaker_restore(&r->speaker, p, table.data, epoch, now.mono_ns);
        }
        return RILL_OK;
    }
    if (p->talk->expiry == RILL_NEVER || !rill_ccp_next_route(&reader, &told)) {
        forget(r, route); /* of no known table, or unreadable */
        return RILL_OK;
    }
    r->restoring = true;
    int rc = rill_speaker_restore_route(&r->speaker, p, &told);
    r->restoring = false;
    return rc;
}

/* Under no account: one of the configuration. */
static int save_configured(rill_routing *r, rill_bytes prefix, const char *account)
{
    if (prefix.len == 0)
        return RILL_OK; /* the default route has no name */
    return save(r, "", prefix, (rill_bytes){(const uint8_t *)account, strlen(account)});
}

int rill_routing_restored(rill_routing *r)
{
    size_t cursor = 0;
    r->opening = false;
    for (const rill_rib_entry *e; (e = rill_rib_next(&r->speaker.rib, &cursor)) != NULL;) {
        const rill_rib_route *at = configured(r, e->name.bytes);
        int rc =
            at == NULL || at->kept ? RILL_OK : save_configured(r, e->name.bytes, at->via->name);
        if (rc != RILL_OK)
            return rc;
    }
    return rill_rib_settle(&r->speaker.rib, SIZE_MAX);
}

/* ---- its life ---- */

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
    o.given = on_given;
    o.learnt = on_learnt;
    o.log = options->log;
    o.user = r;
    if (rill_crypto_random(options->crypto, o.secret, sizeof o.secret) != RILL_OK ||
        rill_crypto_random(options->crypto, (uint8_t *)o.key, sizeof o.key) != RILL_OK)
        return RILL_ERR_CRYPTO;
    r->hub = options->hub;
    r->log = options->log;
    r->save = options->save;
    r->peer_of = options->peer_of;
    r->peer_at = options->peer_at;
    r->opening = true;
    r->user = options->user;
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
    p->via.quiet = config->peered->quiet;
}

int rill_routing_add(rill_routing *r, rill_speaker_peer *p, rill_bytes address, rill_terms *terms)
{
    bool quiet = p->via.quiet;
    rill_via_init(&p->via, p->via.name, p->via.relation, address);
    p->via.quiet = quiet;
    p->owner = terms;
    return rill_speaker_add(&r->speaker, p);
}

int rill_routing_prepare(rill_routing *r, rill_speaker_peer *p, const rill_config_account *config)
{
    return rill_config_receives_routes(config) ? rill_speaker_prepare(&r->speaker, p) : RILL_OK;
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
    if (kind == RILL_ROUTE_CHILD && rill_rib_find(&r->speaker.rib, prefix) == NULL)
        return give(r, p, prefix);
    int rc = rill_rib_add(&r->speaker.rib, &p->via, kind, prefix);
    if (rc != RILL_OK)
        return rc;
    rc = rill_rib_settle(&r->speaker.rib, SIZE_MAX);
    if (rc != RILL_OK) {
        int undone = rill_rib_remove(&r->speaker.rib, kind, prefix);
        (void)undone;
        return rc;
    }
    return kind == RILL_ROUTE_STATIC && !r->opening ? save_configured(r, prefix, p->via.name)
                                                    : RILL_OK;
}

int rill_routing_move(rill_routing *r, rill_speaker_peer *p, rill_bytes prefix)
{
    int rc = rill_rib_move(&r->speaker.rib, &p->via, RILL_ROUTE_STATIC, prefix);
    settle(r);
    int saved = rc == RILL_OK ? save_configured(r, prefix, p->via.name) : RILL_OK;
    (void)saved; /* it is named after the next start at worst */
    return rc;
}

int rill_routing_unset(rill_routing *r, rill_route_kind kind, rill_bytes prefix)
{
    if (kind == RILL_ROUTE_CHILD && given_to(r, prefix) != NULL) {
        take_back(r, prefix);
        return RILL_OK;
    }
    int rc = rill_rib_remove(&r->speaker.rib, kind, prefix);
    settle(r);
    int saved = kind == RILL_ROUTE_STATIC ? save_configured(r, prefix, "") : RILL_OK;
    (void)saved;
    return rc;
}

/* ---- talking ---- */

int rill_routing_hear(rill_routing *r, rill_speaker_peer *p, bool update, rill_bytes data,
                      rill_now now, const char **problem)
{
    r->touched = true;
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
    if (r->touched)
        save_tables(r);
}

uint64_t rill_routing_deadline(const rill_routing *r)
{
    return r->hub == NULL ? RILL_NEVER : rill_speaker_deadline(&r->speaker);
}

/* ---- looking ---- */

/* The next address of a child that is not among those of the speaker. */
static bool next_given(const rill_routing *r, size_t *cursor, rill_routing_line *out)
{
    for (rill_speaker_peer *p; (p = r->peer_at(r->user, *cursor)) != NULL;) {
        ++*cursor;
        if (p->via.address.len == 0 || given_to(r, p->via.address) != p)
            continue;
        *out = (rill_routing_line){
            .prefix = p->via.address,
            .account = p->via.name,
            .kind = RILL_ROUTE_CHILD,
            .best = true,
            .away = p->via.away,
        };
        return true;
    }
    return false;
}

size_t rill_routing_count(const rill_routing *r)
{
    return rill_rib_count(&r->speaker.rib) + r->given - r->speaker.rib.taken_over;
}

bool rill_routing_next(const rill_routing *r, rill_routing_cursor *cursor, rill_routing_line *out)
{
    while (cursor->next == NULL) {
        const rill_rib_entry *e = rill_rib_next(&r->speaker.rib, &cursor->entry);
        if (e == NULL)
            return next_given(r, &cursor->peer, out);
        cursor->next = e->routes;
    }
    const rill_rib_route *route = cursor->next;
    cursor->next = route->next;
    *out = (rill_routing_line){
        .prefix = route->entry->name.bytes,
        .account = route->via == NULL ? NULL : route->via->name,
        .kind = route->kind,
        .hops = rill_rib_words_of(route)->told.hops,
        .best = route == route->entry->best,
        .away = route->via != NULL && route->via->away,
    };
    return true;
}
