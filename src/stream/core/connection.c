/* SPDX-License-Identifier: Apache-2.0 */
#include "stream/core/connection.h"

#include <assert.h>
#include <string.h>

#include "base/alloc.h"
#include "base/muldiv.h"
#include "stream/core/contact.h"
#include "stream/core/endpoint_internal.h"
#include "stream/core/flight.h"
#include "stream/core/flights.h"
#include "stream/core/identity.h"
#include "stream/core/numbering.h"
#include "stream/core/options.h"
#include "stream/core/path.h"
#include "stream/core/peer.h"
#include "stream/core/queues.h"
#include "stream/core/refusal.h"
#include "stream/core/stream.h"
#include "stream/core/streams.h"
#include "stream/core/timer.h"
#include "stream/core/undecided.h"

static void init_lists(rill_connection *c)
{
    rill_list_init(&c->node);
    rill_list_init(&c->ready_node);
    rill_list_init(&c->event_node);
}

static void init_windows(rill_connection *c, uint64_t now_ns)
{
    const rill_connection_options *o = c->options;
    rill_data_flow_init(&c->data, o->connection_receive_buffer, now_ns);
    rill_streams_allow(&c->streams, o->max_remote_streams);
}

static const rill_connection_options *copy_options(const rill_allocator *a,
                                                   const rill_connection_options *own)
{
    rill_connection_options *copy = rill_alloc(a, sizeof *copy);
    if (copy)
        *copy = *own;
    return copy;
}

static uint64_t new_life(const rill_endpoint *e, rill_now now, uint32_t random)
{
    return e->wall_ns ? rill_life_at(e->wall_ns(e->wake_user), random)
                      : rill_life_of(now.wall_ms, random);
}

rill_connection *rill_connection_create(rill_endpoint *e, rill_now now, bool server,
                                        const rill_connection_options *own)
{
    rill_connection *c = rill_calloc(e->allocator, 1, sizeof *c);
    if (!c)
        return NULL;
    c->endpoint = e;
    c->undecided = &e->shared->no_undecided;
    c->probing = &e->shared->unused_probing;
    c->server = server;
    init_lists(c);
    rill_streams_init(&c->streams, server);
    c->deadline.kind = RILL_DEADLINE_CONNECTION;
    rill_peer_init(&c->peer);
    rill_contact_init(&c->contact, now.mono_ns);
    c->options = &e->connection_options;
    if (own && !rill_connection_options_same(own, c->options))
        c->options = copy_options(e->allocator, own);
    c->path = e->unused_path; /* most servers only reply */
    if (!server)
        c->path = c->options ? rill_path_new(e->allocator, c->options) : NULL;
    uint64_t seed = 0;
    uint32_t random = 0;
    int err = rill_crypto_random(e->crypto, (uint8_t *)&seed, sizeof seed);
    if (err == RILL_OK)
        err = rill_crypto_random(e->crypto, (uint8_t *)&random, sizeof random);
    rill_map_init(&c->streams.by_id, e->allocator, seed);
    if (err != RILL_OK || !c->options || !c->path) {
        rill_connection_destroy(c);
        return NULL;
    }
    init_windows(c, now.mono_ns);
    if (server)
        rill_numbering_init_server(&c->numbers, now.wall_ms, random);
    else
        rill_numbering_init_client(&c->numbers, new_life(e, now, random), random, &e->last_life);
    return c;
}

static void drop_streams(rill_connection *c)
{
    while (!rill_list_empty(&c->streams.all))
        rill_stream_destroy(RILL_CONTAINER(c->streams.all.next, rill_stream, node));
}

/* How many there were. */
static uint32_t drop_flights(rill_endpoint *e, rill_list *flights)
{
    uint32_t count = 0;
    for (; !rill_list_empty(flights); count++) {
        rill_flight *f = RILL_CONTAINER(flights->next, rill_flight, node);
        rill_list_remove(&f->node);
        rill_flight_close(e->flights, f);
    }
    return count;
}

/* What it has sent, and what it knows of that. */
static void drop_path(rill_connection *c)
{
    rill_endpoint *e = c->endpoint;
    rill_flights *flights = &c->path->flights;
    uint32_t dropped = drop_flights(e, &flights->out) + drop_flights(e, &flights->aside) +
                       drop_flights(e, &flights->lost);
    rill_flights_dropped(flights, dropped);
    if (!c->path->lent)
        rill_path_free(e->allocator, c->path);
}

void rill_connection_destroy(rill_connection *c)
{
    rill_endpoint *e = c->endpoint;
    const rill_allocator *a = e->allocator;
    if (c->untimed)
        rill_endpoint_set_timers(e); /* which takes it off their list */
    if (c->path)
        drop_path(c);
    rill_undecided_orphan(c);
    if (c->undecided != &e->shared->no_undecided)
        rill_free(a, c->undecided);
    drop_streams(c);
    rill_heap_remove(&e->heap, &c->deadline.timer);
    rill_list_remove(&c->node);
    rill_list_remove(&c->ready_node);
    rill_list_remove(&c->event_node);
    rill_map_clear(&c->streams.by_id);
    rill_numbering_clear(&c->numbers, a);
    rill_id_set_clear(&c->streams.opened_by_remote, a);
    if (c->probing != &e->shared->unused_probing)
        rill_free(a, c->probing);
    rill_refusal_forget(c);
    rill_identity_clear(&c->identity, a);
    rill_peer_clear(&c->peer, a);
    rill_free(a, c->closing.message);
    rill_free(a, c->closing.cut);
    if (c->options != &e->connection_options)
        rill_free(a, (void *)c->options);
    rill_free(a, c->succession.past);
    rill_free(a, c);
}

int rill_connection_accept_stream(rill_connection *c, uint64_t id, rill_stream **out,
                                  uint64_t now_ns)
{
    *out = rill_streams_find(&c->streams, id);
    if (*out)
        return RILL_OK;
    int err = rill_connection_check_stream(c, id);
    if (err != RILL_OK)
        return err;
    rill_stream *s = rill_stream_create(c, id, false, now_ns);
    if (!s)
        return RILL_ERR_NOMEM;
    err = rill_id_set_add(&c->streams.opened_by_remote, c->endpoint->allocator, id);
    if (err != RILL_OK) {
        rill_stream_destroy(s);
        return err;
    }
    assert(rill_streams_find(&c->streams, id) == s); /* its next frame finds it */
    *out = s;
    rill_stream_tell(s, RILL_TELL(MAX_MONEY) | RILL_TELL(MAX_DATA), false);
    rill_stream_notify(s, RILL_EVENT_STREAM);
    return RILL_OK;
}
