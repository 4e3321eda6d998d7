/* SPDX-License-Identifier: Apache-2.0 */
#include "connector/speaker.h"

#include <inttypes.h>
#include <string.h>

#include "base/alloc.h"

#include "connector/rib_log.h"
#include "ilp/peer.h"

/* Of a neighbour's hold-down time, in milliseconds. */
enum { LEAST_HOLD_DOWN = 1000, MOST_HOLD_DOWN = 3600000 };
/* Doublings of a pause. */
enum { MOST_TELL_DOUBLINGS = 5, MOST_ASK_DOUBLINGS = 8, MOST_UNHEARD_DOUBLINGS = 4 };

static const uint8_t no_table[RILL_CCP_TABLE_LEN];

static rill_speaker_peer *peer_of(rill_timer *timer)
{
    return RILL_CONTAINER(timer, rill_speaker_talk, timer)->peer;
}

static rill_speaker_talk *next_talk(const rill_speaker *s, rill_list *at)
{
    return at == &s->talks ? NULL : RILL_CONTAINER(at, rill_speaker_talk, in_talks);
}

#define EACH_TALK(s, t)                                                                            \
    for (rill_speaker_talk *t = next_talk(s, (s)->talks.next); t != NULL;                          \
         t = next_talk(s, t->in_talks.next))

static uint64_t doubled(uint64_t pause, unsigned times, unsigned most)
{
    return pause << (times < most ? times : most);
}

/* ---- its life ---- */

void rill_speaker_options_init(rill_speaker_options *o)
{
    memset(o, 0, sizeof *o);
    o->interval = 30 * RILL_SECOND;
    o->hold_down = 45 * RILL_SECOND;
    o->least = 150 * RILL_MS;
}

/* A name that no table of ours has had. */
static int name_table(rill_speaker *s, uint8_t out[RILL_CCP_TABLE_LEN])
{
    uint8_t bytes[sizeof s->options.secret + sizeof s->tables];
    uint8_t hash[RILL_SHA256_LEN];
    s->tables++;
    memcpy(bytes, s->options.secret, sizeof s->options.secret);
    memcpy(bytes + sizeof s->options.secret, &s->tables, sizeof s->tables);
    int rc = rill_crypto_sha256(s->options.crypto, bytes, sizeof bytes, hash);
    if (rc == RILL_OK)
        memcpy(out, hash, RILL_CCP_TABLE_LEN);
    rill_wipe(bytes, sizeof bytes);
    return rc;
}

int rill_speaker_init(rill_speaker *s, const rill_speaker_options *options)
{
    memset(s, 0, sizeof *s);
    s->options = *options;
    rill_heap_init(&s->timers, options->allocator);
    rill_list_init(&s->talks);
    const rill_rib_options rib = {
        .allocator = options->allocator,
        .address = options->address,
        .crypto = options->crypto,
        .secret = s->options.secret,
        .key = {options->key[0], options->key[1]},
        .apply = options->apply,
        .given = options->given,
        .learnt = options->learnt,
        .user = options->user,
    };
    rill_rib_init(&s->rib, &rib);
    int rc = name_table(s, s->table);
    if (rc == RILL_OK)
        rc = rill_rib_add(&s->rib, NULL, RILL_ROUTE_OWN, options->address);
    return rc == RILL_OK || rc == RILL_ERR_CRYPTO ? rc : RILL_ERR_NOMEM;
}

static void end_talk(rill_speaker *s, rill_speaker_talk *t)
{
    rill_list_remove(&t->in_talks);
    rill_heap_remove(&s->timers, &t->timer);
    rill_free(s->options.allocator, t);
}

void rill_speaker_clear(rill_speaker *s)
{
    rill_rib_clear(&s->rib);
    while (!rill_list_empty(&s->talks))
        end_talk(s, next_talk(s, s->talks.next));
    rill_heap_clear(&s->timers);
    rill_wipe(s->options.secret, sizeof s->options.secret);
}

/* ---- when is something due? ---- */

static bool may_ask(const rill_speaker_peer *p)
{
    return p->is_heard && p->up && p->talk->control_id == 0;
}

static bool may_tell(const rill_speaker_peer *p)
{
    return p->tells && p->up && p->talk->wants && p->talk->update_id == 0;
}

static uint64_t when_to_tell(const rill_speaker *s, const rill_speaker_peer *p)
{
    bool news = p->talk->told != s->rib.epoch && p->talk->tell_at < p->talk->beat_at;
    return news ? p->talk->tell_at : p->talk->beat_at;
}

static void plan(rill_speaker *s, rill_speaker_peer *p)
{
    if (p->talk == NULL)
        return;
    uint64_t deadline = p->talk->expiry;
    if (may_ask(p) && p->talk->ask_at < deadline)
        deadline = p->talk->ask_at;
    if (may_tell(p) && when_to_tell(s, p) < deadline)
        deadline = when_to_tell(s, p);
    rill_heap_move(&s->timers, &p->talk->timer, deadline);
}

/* Everybody who wants to be told is told all again, as another table. */
static void begin_again(rill_speaker *s)
{
    rill_rib_renumber(&s->rib);
    int rc = name_table(s, s->table);
    EACH_TALK(s, t)
    {
        if (rc == RILL_OK)
            rc = name_table(s, t->table);
        t->told = 0;
        t->update_id = 0;
    }
    s->planned = UINT32_MAX;
}

/* What everybody has been told to be withdrawn is forgotten. */
static void forget(rill_speaker *s, uint64_t now)
{
    if (s->rib.withdrawn == 0 || now < s->forget_at)
        return;
    uint32_t all = s->rib.epoch;
    uint32_t here = s->rib.epoch;
    EACH_TALK(s, t)
    {
        if (t->wants && t->told < all)
            all = t->told;
        if (t->wants && t->peer->up && t->told < here)
            here = t->told;
    }
    rill_rib_told(&s->rib, all, 0);
    rill_rib_told(&s->rib, here, RILL_RIB_MOST_WITHDRAWN);
    s->forget_at = now + RILL_SECOND;
}

static void settle(rill_speaker *s, uint64_t now)
{
    if (!rill_rib_is_settled(&s->rib) && now >= s->retry_at) {
        int rc = rill_rib_settle(&s->rib, RILL_SPEAKER_BATCH);
        s->retry_at = rc == RILL_ERR_NOMEM ? now + RILL_SECOND : 0;
    }
    if (s->rib.epoch > UINT32_MAX / 2)
        begin_again(s);
    if (s->planned != s->rib.epoch) {
        EACH_TALK(s, t)
        plan(s, t->peer);
        s->planned = s->rib.epoch;
    }
    forget(s, now);
}

uint64_t rill_speaker_deadline(const rill_speaker *s)
{
    uint64_t deadline = rill_heap_deadline(&s->timers);
    if (!rill_rib_is_settled(&s->rib) && s->retry_at < deadline)
        deadline = s->retry_at;
    return deadline;
}

/* ---- neighbours ---- */

int rill_speaker_prepare(rill_speaker *s, rill_speaker_peer *p)
{
    if (p->talk != NULL)
        return RILL_OK;
    rill_speaker_talk *t = rill_calloc(s->options.allocator, 1, sizeof *t);
    if (t == NULL)
        return RILL_ERR_NOMEM;
    int rc = rill_heap_add(&s->timers, &t->timer, RILL_NEVER);
    if (rc != RILL_OK) {
        rill_free(s->options.allocator, t);
        return rc;
    }
    t->peer = p;
    rill_list_push_back(&s->talks, &t->in_talks);
    memcpy(t->table, s->table, sizeof t->table);
    t->expiry = RILL_NEVER;
    p->talk = t;
    return RILL_OK;
}

int rill_speaker_add(rill_speaker *s, rill_speaker_peer *p)
{
    return p->is_heard ? rill_speaker_prepare(s, p) : RILL_OK;
}

void rill_speaker_remove(rill_speaker *s, rill_speaker_peer *p)
{
    if (p->talk != NULL)
        end_talk(s, p->talk);
    p->talk = NULL;
    rill_rib_forget(&s->rib, &p->via);
    int rc = rill_rib_settle(&s->rib, SIZE_MAX);
    (void)rc; /* what could not be settled is tried again */
}

void rill_speaker_up(rill_speaker *s, rill_speaker_peer *p, uint64_t now)
{
    p->up = true;
    p->via.away = false;
    if (p->talk != NULL) {
        p->talk->ask_at = now;
        p->talk->ask_failures = 0;
        p->talk->unheard = 0;
        p->talk->tell_at = now;
        p->talk->tell_failures = 0;
    }
    if (p->via.count > 0)
        rill_rib_sweep(&s->rib, &p->via);
    settle(s, now);
    plan(s, p);
}

void rill_speaker_down(rill_speaker *s, rill_speaker_peer *p, uint64_t now)
{
    p->up = false;
    p->via.away = true;
    if (p->talk != NULL) {
        p->talk->control_id = 0;
        p->talk->update_id = 0;
    }
    if (p->via.count > 0)
        rill_rib_sweep(&s->rib, &p->via);
    settle(s, now);
    plan(s, p);
}

void rill_speaker_known(const rill_speaker_peer *p, uint8_t table[RILL_CCP_TABLE_LEN],
                        uint32_t *epoch)
{
    memcpy(table, p->via.given_up ? no_table : p->talk->heard_table, RILL_CCP_TABLE_LEN);
    *epoch = p->via.given_up ? 0 : p->talk->heard;
}

void rill_speaker_restore(rill_speaker *s, rill_speaker_peer *p,
                          const uint8_t table[RILL_CCP_TABLE_LEN], uint32_t epoch, uint64_t now)
{
    memcpy(p->talk->heard_table, table, sizeof p->talk->heard_table);
    p->talk->heard = epoch;
    p->talk->expiry = now + s->options.hold_down;
    p->talk->restored = true;
    plan(s, p);
}

int rill_speaker_restore_route(rill_speaker *s, rill_speaker_peer *p, const rill_ccp_route *route)
{
    bool taken = false;
    return rill_rib_learn(&s->rib, &p->via, route, &taken);
}

/* ---- what we are told ---- */

void rill_speaker_drop(rill_speaker *s, rill_speaker_peer *p)
{
    if (p->talk == NULL)
        return; /* it has told nothing */
    memcpy(p->talk->heard_table, no_table, sizeof no_table);
    p->talk->heard = 0;
    p->talk->whole = false;
    p->talk->expiry = RILL_NEVER;
    p->via.current++;
    p->via.purge = true;
    rill_rib_sweep(&s->rib, &p->via);
    plan(s, p);
}

void rill_speaker_review(rill_speaker *s)
{
    EACH_TALK(s, t)
    {
        if (!t->peer->is_heard && t->peer->via.count > 0)
            rill_speaker_drop(s, t->peer);
        plan(s, t->peer);
    }
}

/* All that it told goes. */
static void expire(rill_speaker *s, rill_speaker_peer *p, uint64_t now)
{
    if (p->via.count > 0)
        rill_log_account_line(&s->options.log, RILL_LOG_WARNING, p->via.name,
                              "nothing has been heard of its routes for too long; %zu are gone",
                              p->via.count);
    p->talk->ask_at = now;
    rill_speaker_drop(s, p);
}

/* It is asked at once, if it was not within the last second. */
static void ask_soon(rill_speaker_peer *p, uint64_t now)
{
    uint64_t next = p->talk->asked_at + RILL_SECOND;
    p->talk->ask_at = next > now ? next : now;
}

static int learn(rill_speaker *s, rill_speaker_peer *p, const rill_ccp_route *route)
{
    bool taken = false;
    size_t before = p->via.count;
    if (before < p->most)
        return rill_rib_learn(&s->rib, &p->via, route, &taken);
    /* Those that it has may change; what it says of another is not taken. */
    rill_rib_unlearn(&s->rib, &p->via, route->prefix);
    if (p->via.count < before)
        return rill_rib_learn(&s->rib, &p->via, route, &taken);
    if (!p->talk->full)
        rill_log_account_line(&s->options.log, RILL_LOG_WARNING, p->via.name,
                              "it tells more than %zu routes; others are not taken", p->most);
    p->talk->full = true;
    return RILL_OK;
}

static int apply_update(rill_speaker *s, rill_speaker_peer *p, const rill_ccp_update *u)
{
    rill_reader withdrawn = rill_reader_of(u->withdrawn.data, u->withdrawn.len);
    rill_reader routes = rill_reader_of(u->routes.data, u->routes.len);
    rill_bytes prefix;
    rill_ccp_route route;
    int rc = RILL_OK;
    while (rill_ccp_next_address(&withdrawn, &prefix))
        rill_rib_unlearn(&s->rib, &p->via, prefix);
    while (rc == RILL_OK && rill_ccp_next_route(&routes, &route))
        rc = learn(s, p, &route);
    return rc;
}

/* It has spoken: what it told stays good. */
static void hear(rill_speaker_peer *p, const rill_ccp_update *u, uint64_t now)
{
    uint32_t ms = u->hold_down_ms < LEAST_HOLD_DOWN  ? LEAST_HOLD_DOWN
                  : u->hold_down_ms > MOST_HOLD_DOWN ? MOST_HOLD_DOWN
                                                     : u->hold_down_ms;
    uint64_t expiry = now + ms * RILL_MS;
    if (p->talk->expiry == RILL_NEVER || expiry > p->talk->expiry)
        p->talk->expiry = expiry;
    p->talk->unheard = 0;
    if (p->talk->restored && p->talk->whole && !p->via.purge)
        p->talk->restored = false;
    if (memcmp(p->talk->heard_table, u->table, sizeof u->table) == 0)
        return;
    memcpy(p->talk->heard_table, u->table, sizeof u->table);
    p->talk->heard = 0;
    p->talk->whole = false;
    p->talk->full = false;
    p->via.current++;
    p->via.purge = false;
}

/* We have all of its table: what it had told of another one is gone. */
static void have_all(rill_speaker *s, rill_speaker_peer *p)
{
    if (p->talk->whole)
        return;
    p->talk->whole = true;
    p->via.purge = true;
    rill_rib_sweep(&s->rib, &p->via);
}

int rill_speaker_take_update(rill_speaker *s, rill_speaker_peer *p, rill_bytes data, uint64_t now,
                             const char **problem)
{
    rill_ccp_update u;
    int rc = RILL_OK;
    if (!p->is_heard)
        return RILL_OK; /* who is told no asks again and again */
    *problem = "not a well-formed route update";
    if (rill_ccp_update_decode(&u, data) != RILL_OK)
        return RILL_ERR_MALFORMED;
    hear(p, &u, now);
    /* Who is to tell all again may speak before it is asked to: it is asked all the same. */
    if (!p->via.given_up)
        p->talk->ask_at = now + s->options.interval + s->options.interval / 4;
    if (u.from_epoch > p->talk->heard) {
        ask_soon(p, now);
    } else if (u.to_epoch > p->talk->heard || (!p->talk->whole && u.to_epoch == p->talk->heard)) {
        rc = apply_update(s, p, &u);
        if (rc == RILL_OK) {
            p->talk->heard = u.to_epoch;
            if (p->talk->heard >= u.current_epoch)
                have_all(s, p);
        } else {
            *problem = "out of memory";
            ask_soon(p, now);
        }
    }
    settle(s, now);
    plan(s, p);
    return rc;
}

/* ---- what we tell ---- */

int rill_speaker_take_control(rill_speaker *s, rill_speaker_peer *p, rill_bytes data, uint64_t now,
                              const char **problem)
{
    rill_ccp_control control;
    if (!p->tells)
        return RILL_OK;
    *problem = "not a well-formed route control request";
    if (rill_ccp_control_decode(&control, data) != RILL_OK)
        return RILL_ERR_MALFORMED;
    *problem = "out of memory";
    if (rill_speaker_prepare(s, p) != RILL_OK)
        return RILL_ERR_NOMEM;
    bool known = memcmp(control.table, p->talk->table, sizeof p->talk->table) == 0;
    p->talk->wants = control.mode == RILL_CCP_SYNC;
    p->talk->told = control.epoch;
    if (!known || control.epoch < s->rib.forgotten || control.epoch > s->rib.epoch) {
        p->talk->told = 0;
        /* What it knows of this table would not do. */
        *problem = "internal error";
        if (known && name_table(s, p->talk->table) != RILL_OK)
            return RILL_ERR_CRYPTO;
    }
    p->talk->update_id = 0;
    p->talk->beat_at = p->talk->tell_at > now ? p->talk->tell_at : now;
    settle(s, now);
    plan(s, p);
    return RILL_OK;
}

static void make_control(rill_speaker *s, rill_speaker_peer *p, uint64_t now,
                         rill_speaker_message *out)
{
    rill_ccp_control control = {.mode = RILL_CCP_SYNC};
    size_t len = 0;
    if (p->via.given_up) {
        /* It is to tell all again. */
        memcpy(p->talk->heard_table, no_table, sizeof no_table);
        p->via.given_up = false;
        p->talk->heard = 0;
    }
    memcpy(control.table, p->talk->heard_table, sizeof control.table);
    control.epoch = p->talk->heard;
    int rc = rill_ccp_control_encode(&control, s->data, sizeof s->data, &len);
    (void)rc; /* there is room */
    p->talk->asked_at = now;
    p->talk->control_id = ++s->id;
    *out = (rill_speaker_message){p, RILL_CCP_CONTROL, {s->data, len}, s->id};
}

static void make_update(rill_speaker *s, rill_speaker_peer *p, uint64_t now,
                        rill_speaker_message *out)
{
    rill_ccp_update u = {
        .from_epoch = p->talk->told,
        .hold_down_ms = (uint32_t)(s->options.hold_down / RILL_MS),
        .speaker = s->options.address,
    };
    memcpy(u.table, p->talk->table, sizeof u.table);
    size_t len = rill_rib_write(&s->rib, &p->via, &u, s->data, sizeof s->data);
    p->talk->telling = u.to_epoch;
    p->talk->more = u.to_epoch != u.current_epoch;
    p->talk->update_id = ++s->id;
    p->talk->tell_at = now + s->options.least;
    p->talk->beat_at = now + s->options.interval;
    *out = (rill_speaker_message){p, RILL_CCP_UPDATE, {s->data, len}, s->id};
}

bool rill_speaker_next(rill_speaker *s, uint64_t now, rill_speaker_message *out)
{
    uint64_t was = 0;
    settle(s, now);
    for (rill_timer *timer; (timer = rill_heap_due(&s->timers, now, &was)) != NULL;) {
        rill_speaker_peer *p = peer_of(timer);
        bool made = true;
        if (p->talk->expiry <= now)
            expire(s, p, now);
        if (may_ask(p) && p->talk->ask_at <= now)
            make_control(s, p, now, out);
        else if (may_tell(p) && when_to_tell(s, p) <= now)
            make_update(s, p, now, out);
        else
            made = false;
        plan(s, p);
        if (made)
            return true;
    }
    return false;
}

void rill_speaker_answered(rill_speaker *s, rill_speaker_peer *p, uint64_t id, bool fulfilled,
                           uint64_t now)
{
    rill_speaker_talk *t = p->talk;
    if (t == NULL)
        return; /* it has left */
    if (id == t->control_id) {
        t->control_id = 0;
        if (fulfilled) {
            t->ask_failures = 0;
            t->ask_at = now + doubled(s->options.interval + s->options.interval / 4, t->unheard,
                                      MOST_UNHEARD_DOUBLINGS);
            t->unheard++;
        } else {
            t->ask_at = now + doubled(RILL_SECOND, t->ask_failures++, MOST_ASK_DOUBLINGS);
        }
    } else if (id == t->update_id) {
        t->update_id = 0;
        if (fulfilled) {
            t->told = t->telling;
            t->tell_failures = 0;
            /* What did not fit goes on at once. */
            if (t->more)
                t->tell_at = now;
        } else {
            t->tell_at = now + doubled(RILL_SECOND, t->tell_failures++, MOST_TELL_DOUBLINGS);
            t->beat_at = t->tell_at;
        }
    }
    plan(s, p);
}
