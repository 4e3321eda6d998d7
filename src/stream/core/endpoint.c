/* SPDX-License-Identifier: Apache-2.0 */
/* The endpoint's making, its account, its table of connections, and its timers. */
#include "stream/core/endpoint.h"

#include <assert.h>
#include <string.h>

#include "base/alloc.h"
#include "base/muldiv.h"
#include "base/sized.h"
#include "stream/core/close.h"
#include "stream/core/connection.h"
#include "stream/core/endpoint_internal.h"
#include "stream/core/flight.h"
#include "stream/core/holdoffs.h"
#include "stream/core/identity.h"
#include "stream/core/options.h"
#include "stream/core/path.h"
#include "stream/core/peer.h"
#include "stream/core/queues.h"
#include "stream/core/receive_reply.h"
#include "stream/core/schedule.h"
#include "stream/core/settle.h"
#include "stream/core/succession.h"
#include "stream/core/tell.h"
#include "stream/core/timeout.h"
#include "stream/core/timer.h"
#include "stream/core/undecided.h"

static_assert(RILL_PACKET_BUFFER == RILL_ILP_MAX_PACKET, "what is written and what is read");

#define DEFAULT_MAX_CONNECTIONS 100000u
/* Fewer than the 10,000 requests that a link has open: others are answered meanwhile. */
#define DEFAULT_MAX_UNDECIDED  8192u
#define DEFAULT_MAX_REMEMBERED 1000000u
void rill_endpoint_options_init_sized(rill_endpoint_options *o, size_t size)
{
    const rill_endpoint_options defaults = {
        .allocator = rill_allocator_default(),
        .accept = true,
        .max_connections = DEFAULT_MAX_CONNECTIONS,
        .max_undecided = DEFAULT_MAX_UNDECIDED,
        .max_remembered = DEFAULT_MAX_REMEMBERED,
    };
    rill_sized_init(o, size, &defaults, sizeof defaults);
}

static void init_tables(rill_endpoint *e, uint64_t seed)
{
    rill_map_init(&e->table, e->allocator, seed);
    rill_map_init(&e->decisions, e->allocator, seed ^ 1);
    rill_list_init(&e->connections);
    rill_list_init(&e->ready);
    rill_list_init(&e->events);
    rill_list_init(&e->old_decisions);
    rill_heap_init(&e->heap, e->allocator);
}

static int init_secrets(rill_endpoint *e, const uint8_t *server_secret, const char *instance)
{
    uint8_t random[RILL_KEY_LEN];
    if (!server_secret) {
        int err = rill_crypto_random(e->crypto, random, sizeof random);
        if (err != RILL_OK)
            return err;
        server_secret = random;
    }
    int err = rill_token_keys_derive(&e->token_keys, e->crypto, server_secret, instance);
    rill_wipe(random, sizeof random);
    return err;
}

/* What the program gave, with the defaults of what it does not know. */
static int take_options(rill_endpoint_options *full, rill_connection_options *connection,
                        const rill_endpoint_options *o)
{
    rill_endpoint_options_init(full);
    int err = rill_sized_take(full, sizeof *full, o);
    if (err == RILL_OK && full->connection)
        err = rill_connection_options_check(full->connection, NULL);
    if (err == RILL_OK)
        err = rill_connection_options_take(connection, full->connection);
    if (err == RILL_OK &&
        (full->max_connections == 0 || full->max_undecided == 0 || full->max_remembered == 0 ||
         (full->instance && strlen(full->instance) > RILL_MAX_INSTANCE)))
        err = RILL_ERR_INVALID;
    return err;
}

/* Of a server's connections; clients have their own at once. */
static int make_unused_path(rill_endpoint *e)
{
    e->unused_path = rill_path_new(e->allocator, &e->connection_options);
    if (!e->unused_path)
        return RILL_ERR_NOMEM;
    e->unused_path->lent = true;
    return RILL_OK;
}

/* The one that it was given, or its own. */
static int join_shared(rill_endpoint *e, const rill_endpoint_options *o)
{
    rill_shared_options options;
    rill_shared_options_init(&options);
    options.allocator = o->allocator;
    options.crypto = o->crypto;
    e->shared = o->shared;
    e->owns_shared = !o->shared;
    int err = o->shared ? RILL_OK : rill_shared_new(&e->shared, &options);
    if (err != RILL_OK)
        return err;
    e->shared->endpoints++;
    e->crypto = e->shared->crypto;
    e->flights = &e->shared->flights;
    return RILL_OK;
}

/* After all that has keys: they are of its cryptography. */
static void leave_shared(rill_endpoint *e)
{
    if (!e->shared)
        return;
    e->shared->endpoints--;
    if (e->owns_shared)
        rill_shared_free(e->shared);
    else
        rill_shared_wipe(e->shared);
}

int rill_endpoint_new(rill_endpoint **out, const rill_endpoint_options *given)
{
    rill_endpoint_options full;
    rill_connection_options connection;
    const rill_endpoint_options *o = &full;
    *out = NULL;
    int err = take_options(&full, &connection, given);
    if (err != RILL_OK)
        return err;
    rill_endpoint *e = rill_calloc(o->allocator, 1, sizeof *e);
    if (!e)
        return RILL_ERR_NOMEM;
    e->allocator = o->allocator;
    e->accept = o->accept;
    e->max_connections = o->max_connections;
    e->max_undecided = o->max_undecided;
    e->max_remembered = o->max_remembered;
    e->one_of_many = o->instance && o->instance[0] != '\0';
    e->connection_options = connection;
    e->wake = o->wake;
    e->wake_user = o->user;
    e->clock = o->clock;
    e->wall_ns = o->wall_ns;
    init_tables(e, 0);
    err = join_shared(e, o);
    if (err == RILL_OK && e->accept)
        err = make_unused_path(e);
    uint64_t seed = 0;
    if (err == RILL_OK)
        err = rill_crypto_random(e->crypto, (uint8_t *)&seed, sizeof seed);
    if (err == RILL_OK)
        err = init_secrets(e, o->server_secret, o->instance);
    if (err != RILL_OK) {
        rill_endpoint_free(e);
        return err;
    }
    init_tables(e, seed);
    *out = e;
    return RILL_OK;
}

static void free_all(rill_list *connections)
{
    while (!rill_list_empty(connections))
        rill_connection_destroy(RILL_CONTAINER(connections->next, rill_connection, node));
}

void rill_endpoint_free(rill_endpoint *e)
{
    if (!e)
        return;
    free_all(&e->connections);
    if (e->ended_connection)
        rill_connection_destroy(e->ended_connection);
    rill_undecided_free_old(e);
    /* What is left in the heap is what is left of connections. */
    for (rill_timer *t; (t = rill_heap_pop(&e->heap, RILL_NEVER)) != NULL;)
        rill_free(e->allocator, RILL_CONTAINER(t, rill_past, deadline.timer));
    rill_map_clear(&e->table);
    rill_map_clear(&e->decisions);
    rill_heap_clear(&e->heap);
    rill_spares_drop(&e->spares);
    /* They were lent to many. */
    if (e->shared)
        rill_shared_check(e->shared);
    assert(!e->unused_path || rill_path_is_unused(e->unused_path));
    rill_path_free(e->allocator, e->unused_path);
    leave_shared(e);
    rill_wipe(&e->token_keys, sizeof e->token_keys);
    rill_free(e->allocator, e->refusal);
    rill_free(e->allocator, e->address);
    rill_free(e->allocator, e);
}

/* ---- account ---- */

static bool same_asset(const rill_endpoint *e, rill_bytes code, uint8_t scale)
{
    return e->asset_scale == scale && strlen(e->asset_code) == code.len &&
           memcmp(e->asset_code, code.data, code.len) == 0;
}

static void tell_new_address(rill_endpoint *e)
{
    for (rill_list *n = e->connections.next; n != &e->connections; n = n->next) {
        rill_connection *c = RILL_CONTAINER(n, rill_connection, node);
        rill_tell_anew(c, RILL_TELL(ADDRESS));
        if (c->state == RILL_STATE_OPEN && c->options->tell_address)
            rill_connection_tell(c, RILL_TELL(ADDRESS), true);
    }
}

int rill_endpoint_set_account(rill_endpoint *e, rill_bytes address, rill_bytes asset_code,
                              uint8_t asset_scale)
{
    if (!rill_address_valid(address))
        return RILL_ERR_ADDRESS;
    if (address.len + 1 + RILL_TOKEN_MAX > RILL_ILP_MAX_ADDRESS ||
        asset_code.len > RILL_MAX_ASSET_CODE)
        return RILL_ERR_TOO_LARGE;
    if (e->address && e->open_count > 0 && !same_asset(e, asset_code, asset_scale))
        return RILL_ERR_ASSET;
    bool changed = e->address && (e->address_len != address.len ||
                                  memcmp(e->address, address.data, address.len) != 0);
    char *copy = rill_alloc(e->allocator, address.len + 1);
    if (!copy)
        return RILL_ERR_NOMEM;
    memcpy(copy, address.data, address.len);
    copy[address.len] = '\0';
    rill_free(e->allocator, e->address);
    e->address = copy;
    e->address_len = address.len;
    if (asset_code.len > 0)
        memcpy(e->asset_code, asset_code.data, asset_code.len);
    e->asset_code[asset_code.len] = '\0';
    e->asset_scale = asset_scale;
    if (changed)
        tell_new_address(e);
    return RILL_OK;
}

const char *rill_endpoint_address(const rill_endpoint *e)
{
    return e->address ? e->address : "";
}

const char *rill_endpoint_asset_code(const rill_endpoint *e)
{
    return e->asset_code;
}

uint8_t rill_endpoint_asset_scale(const rill_endpoint *e)
{
    return e->asset_scale;
}

void *rill_endpoint_user(const rill_endpoint *e)
{
    return e->wake_user;
}

/* ---- the table ---- */

rill_connection *rill_endpoint_find(rill_endpoint *e, rill_bytes token, rill_past **past)
{
    rill_deadline *d =
        rill_map_get(&e->table, rill_token_hash((const char *)token.data, token.len));
    *past = NULL;
    if (!d)
        return NULL;
    if (d->kind == RILL_DEADLINE_PAST) {
        *past = RILL_CONTAINER(d, rill_past, deadline);
        return NULL;
    }
    rill_connection *c = RILL_CONTAINER(d, rill_connection, deadline);
    return rill_identity_has(&c->identity, token) ? c : NULL;
}

int rill_endpoint_add(rill_endpoint *e, rill_connection *c)
{
    /* Without a token, or twice, nobody would find it or all of it. */
    assert(!c->in_table && c->identity.token_len > 0 && c->deadline.timer.index == 0);
    if (e->open_count >= e->max_connections)
        return RILL_ERR_LIMIT;
    int err = rill_heap_add(&e->heap, &c->deadline.timer, RILL_NEVER);
    if (err != RILL_OK)
        return err;
    uint64_t hash = rill_token_hash(c->identity.token, c->identity.token_len);
    rill_past *past = c->succession.past;
    if (past && past->deadline.timer.index != 0) {
        rill_map_replace(&e->table, hash, &c->deadline);
        rill_heap_remove(&e->heap, &past->deadline.timer);
        e->past_count--;
    } else {
        err = rill_map_put(&e->table, hash, &c->deadline);
    }
    if (err != RILL_OK)
        return err;
    c->in_table = true;
    rill_list_push_back(&e->connections, &c->node);
    e->open_count++;
    return RILL_OK;
}

static void leave_table(rill_connection *c)
{
    if (c->in_table)
        rill_map_remove(&c->endpoint->table,
                        rill_token_hash(c->identity.token, c->identity.token_len));
    c->in_table = false;
}

void rill_endpoint_retire(rill_connection *c, rill_now now)
{
    rill_endpoint *e = c->endpoint;
    /* Its end was reported: nothing of it is under way, or its flights would point at what is
     * freed. */
    assert(c->state == RILL_STATE_CLOSED && c->path->flights.count == 0 &&
           c->undecided->count == 0);
    assert(e->open_count > 0 && !e->ended_connection);
    e->open_count--;
    rill_list_remove(&c->node);
    rill_list_remove(&c->ready_node);
    c->state = RILL_STATE_GONE;
    rill_heap_remove(&e->heap, &c->deadline.timer);
    /* Its place in the heap is free. */
    if (!rill_succession_leave(c, now))
        leave_table(c);
    e->ended_connection = c;
}

size_t rill_endpoint_connection_count(const rill_endpoint *e)
{
    return e->open_count;
}

void rill_endpoint_end(rill_endpoint *e)
{
    e->ending = true;
    uint64_t now_ns = rill_endpoint_read_clock(e).mono_ns;
    for (rill_list *n = e->connections.next; n != &e->connections; n = n->next) {
        rill_connection *c = RILL_CONTAINER(n, rill_connection, node);
        if (c->state != RILL_STATE_OPEN || c->closing.ending)
            continue;
        rill_connection_start_ending(c, now_ns);
        rill_settle_call(c, now_ns);
        rill_connection_wake(c);
    }
}

/* ---- a client's connection ---- */

int rill_endpoint_connect(rill_endpoint *e, rill_now now, const char *destination_account,
                          const uint8_t *shared_secret, size_t secret_len,
                          const rill_connection_options *options, rill_connection **out)
{
    *out = NULL;
    e->latest = now;
    rill_bytes address = {(const uint8_t *)destination_account, strlen(destination_account)};
    if (!e->address)
        return RILL_ERR_STATE;
    if (!rill_address_valid(address))
        return RILL_ERR_ADDRESS;
    if (secret_len == 0)
        return RILL_ERR_INVALID;
    rill_connection_options full;
    bool changed;
    int err = options ? rill_connection_options_check(options, NULL) : RILL_OK;
    if (err == RILL_OK)
        err = rill_connection_options_take(&full, options);
    if (err != RILL_OK)
        return err;
    rill_connection *c = rill_connection_create(e, now, false, &full);
    if (!c)
        return RILL_ERR_NOMEM;
    err = rill_keys_new(&c->identity.keys, e->crypto, shared_secret, secret_len);
    if (err == RILL_OK)
        err = rill_identity_new_token(&c->identity, e->allocator, e->crypto);
    if (err == RILL_OK) /* which is random, and not another client's */
        rill_numbering_set_who(
            &c->numbers,
            (uint32_t)(rill_token_hash(c->identity.token, c->identity.token_len) >> 32));
    if (err == RILL_OK)
        err = rill_peer_set_address(&c->peer, e->allocator, address, c->numbers.next, &changed);
    if (err == RILL_OK)
        err = rill_endpoint_add(e, c);
    if (err != RILL_OK) {
        rill_connection_destroy(c);
        return err;
    }
    rill_peer_is_there(&c->peer);
    rill_connection_tell(c, RILL_TELL(ADDRESS) | RILL_TELL(ASSET) | RILL_TELL(HELLO), true);
    rill_settle(c, now.mono_ns);
    rill_connection_wake(c);
    *out = c;
    return RILL_OK;
}

/* ---- time and sending ---- */

void rill_endpoint_refuse_money(rill_endpoint *e, bool refuse)
{
    e->refuse_money = refuse;
}

uint64_t rill_endpoint_deadline(const rill_endpoint *e)
{
    rill_endpoint_set_timers(e);
    return rill_heap_deadline(&e->heap);
}

void rill_endpoint_timeout(rill_endpoint *e, rill_now now)
{
    rill_timer *t;
    uint64_t due;
    e->latest = now;
    for (;;) {
        rill_endpoint_set_timers(e);
        t = rill_heap_due(&e->heap, now.mono_ns, &due);
        if (!t)
            return;
        rill_deadline *d = RILL_CONTAINER(t, rill_deadline, timer);
        if (d->kind == RILL_DEADLINE_CONNECTION)
            rill_connection_on_deadline(RILL_CONTAINER(d, rill_connection, deadline), now, due);
        else if (d->kind == RILL_DEADLINE_PAST)
            rill_succession_forget(e, RILL_CONTAINER(d, rill_past, deadline), now);
        else
            rill_stream_on_deadline(RILL_CONTAINER(d, rill_stream, deadline), now.mono_ns);
    }
}

/*
 * Round-robin: a connection that sent goes to the end of the line. One stands in it. Not a part of
 * rill_endpoint_next_prepare, which mostly finds none: it need not save its registers for that.
 */
RILL_NOINLINE static int next_in_line(rill_endpoint *e, rill_now now, uint8_t *packet, size_t *len,
                                      uint64_t *request)
{
    const rill_turn turn = {.now = now, .packet = packet, .len = len, .request = request};
    int failed = RILL_OK;
    do {
        rill_connection *c = RILL_CONTAINER(e->ready.next, rill_connection, ready_node);
        int err = rill_connection_next_packet(c, &turn);
        rill_list_remove(&c->ready_node);
        if (*len > 0)
            rill_connection_ready(c);
        if (err != RILL_OK) { /* without memory: tried again later, and others now */
            rill_holdoffs_path(&c->holdoffs, now.mono_ns, now.mono_ns);
            failed = err;
        }
        rill_settle(c, now.mono_ns);
        if (*len > 0)
            return RILL_OK;
    } while (!rill_list_empty(&e->ready));
    return failed;
}

int rill_endpoint_next_prepare(rill_endpoint *e, rill_now now, uint8_t *packet, size_t *len,
                               uint64_t *request)
{
    *len = 0;
    e->latest = now;
    if (!e->address || rill_list_empty(&e->ready))
        return RILL_OK;
    return next_in_line(e, now, packet, len, request);
}

/* The table may be that of other endpoints too. NULL: none of e's. */
static rill_flight *find_flight(const rill_endpoint *e, uint64_t request)
{
    rill_flight *f = rill_flight_find(e->flights, request);
    return f && f->connection->endpoint == e ? f : NULL;
}

int rill_endpoint_receive_reply(rill_endpoint *e, rill_now now, uint64_t request,
                                const uint8_t *packet, size_t len)
{
    e->latest = now;
    rill_flight *f = find_flight(e, request);
    if (!f || f->in_doubt)
        return RILL_ERR_NOT_FOUND;
    rill_settle_check(f->connection);
    rill_connection_reply(f->connection, now, f, packet, len);
    return RILL_OK;
}

void rill_endpoint_unanswered(rill_endpoint *e, rill_now now, uint64_t request, bool sent)
{
    e->latest = now;
    rill_flight *f = find_flight(e, request);
    if (f)
        rill_connection_unanswered(f->connection, now, f, sent);
}
