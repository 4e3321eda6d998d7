/* SPDX-License-Identifier: Apache-2.0 */
/* A connection's making, its streams, and its place in the endpoint. */
#include <string.h>

#include "base/alloc.h"
#include "base/muldiv.h"
#include "stream/core/endpoint_internal.h"

/* What a peer assumes of a connection's data window until it is told (the reference does). */
#define ASSUMED_CONNECTION_WINDOW 65534u
#define ASSUMED_MAX_STREAM_ID     20u /* RFC 29 section 3.3 */

static void init_lists(rill_connection *c)
{
    rill_list_init(&c->node);
    rill_list_init(&c->ready_node);
    rill_list_init(&c->event_node);
    rill_list_init(&c->flights);
    rill_list_init(&c->set_aside);
    rill_list_init(&c->lost);
    rill_list_init(&c->undecided);
    rill_list_init(&c->settled);
    rill_list_init(&c->unasked);
    c->undecided_deadline = RILL_NEVER;
    rill_list_init(&c->streams);
    rill_list_init(&c->event_streams);
    rill_list_init(&c->tell_streams);
    rill_list_init(&c->money_streams);
    rill_list_init(&c->data_streams);
}

static void init_windows(rill_connection *c)
{
    const rill_connection_options *o = c->options;
    rill_send_window_init(&c->send_window, ASSUMED_CONNECTION_WINDOW);
    rill_receive_window_init(&c->receive_window, ASSUMED_CONNECTION_WINDOW);
    c->receive_window.advertised = ASSUMED_CONNECTION_WINDOW;
    c->receive_window.limit = o->connection_receive_buffer;
    rill_receive_tuning_init(&c->receive_tuning, o->connection_receive_buffer,
                             c->endpoint->last_now.mono_ns);
    c->remote_max_stream_id = ASSUMED_MAX_STREAM_ID;
    c->max_stream_id = 2 * (uint64_t)o->max_remote_streams;
    c->next_stream_id = c->server ? 2 : 1;
    rill_packet_size_init(&c->packet_size, o->max_packet_amount);
    rill_rate_init(&c->rate, o->min_rate, o->slippage);
    rill_worth_init(&c->worth);
}

/* A server's connection is given its mark when a life begins it. */
static void begin_numbers(rill_connection *c, rill_now now, uint32_t random)
{
    c->mark = random % (UINT32_C(1) << RILL_MARK_BITS);
    if (c->server) {
        c->next_sequence = now.wall_ms << RILL_NUMBER_CLOCK_SHIFT | RILL_NUMBER_SERVER;
        return;
    }
    c->opening = true;
    c->life = rill_life_of(now.wall_ms, random);
    if (c->life <= c->endpoint->last_life) /* in the same millisecond, or the clock was set back */
        c->life = c->endpoint->last_life + 1;
    c->endpoint->last_life = c->life;
    c->next_sequence = rill_life_first_number(c->life);
}

rill_connection *rill_connection_create(rill_endpoint *e, rill_now now, bool server,
                                        const rill_connection_options *own)
{
    rill_connection *c = rill_calloc(e->allocator, 1, sizeof *c);
    if (!c)
        return NULL;
    c->endpoint = e;
    c->probing = &e->unused_probing;
    c->server = server;
    init_lists(c);
    c->deadline.kind = RILL_DEADLINE_CONNECTION;
    rill_sequence_window_init(&c->seen);
    rill_id_set_init(&c->opened_by_remote);
    c->options = &e->connection_options;
    if (own) {
        c->own_options = rill_alloc(e->allocator, sizeof *own);
        if (c->own_options)
            *c->own_options = *own;
        c->options = c->own_options;
    }
    uint64_t seed = 0;
    uint32_t random = 0;
    int err = rill_crypto_random(e->crypto, (uint8_t *)&seed, sizeof seed);
    if (err == RILL_OK)
        err = rill_crypto_random(e->crypto, (uint8_t *)&random, sizeof random);
    rill_map_init(&c->by_id, e->allocator, seed);
    /* Of its own from the first packet on: most servers only reply. */
    if (server)
        c->congestion = e->unused_congestion;
    else if (c->options && !rill_connection_own_congestion(c))
        c->congestion = NULL;
    if (err != RILL_OK || !c->options || !c->congestion) {
        rill_connection_destroy(c);
        return NULL;
    }
    init_windows(c);
    begin_numbers(c, now, random);
    c->started = now.mono_ns;
    c->last_authentic = now.mono_ns;
    return c;
}

static void drop_streams(rill_connection *c)
{
    while (!rill_list_empty(&c->streams))
        rill_stream_destroy(RILL_CONTAINER(c->streams.next, rill_stream, node));
}

static void drop_flights(rill_endpoint *e, rill_list *flights)
{
    while (!rill_list_empty(flights)) {
        rill_flight *f = RILL_CONTAINER(flights->next, rill_flight, node);
        rill_list_remove(&f->node);
        rill_flight_close(&e->flights, f);
    }
}

void rill_connection_destroy(rill_connection *c)
{
    rill_endpoint *e = c->endpoint;
    const rill_allocator *a = e->allocator;
    drop_flights(e, &c->flights);
    drop_flights(e, &c->set_aside);
    drop_flights(e, &c->lost);
    rill_undecided_orphan(c);
    drop_streams(c);
    rill_heap_remove(&e->heap, &c->deadline.timer);
    rill_list_remove(&c->node);
    rill_list_remove(&c->ready_node);
    rill_list_remove(&c->event_node);
    rill_map_free(&c->by_id);
    rill_sequence_window_free(&c->seen, a);
    rill_id_set_free(&c->opened_by_remote, a);
    if (c->probing != &e->unused_probing)
        rill_free(a, c->probing);
    if (c->congestion != e->unused_congestion)
        rill_congestion_free(a, c->congestion);
    rill_keys_free(c->keys);
    if (c->receipt_details)
        rill_wipe(c->receipt_details, RILL_RECEIPT_NONCE_LEN + RILL_RECEIPT_SECRET_LEN);
    rill_free(a, c->receipt_details);
    rill_free(a, c->token);
    rill_free(a, c->tag);
    rill_free(a, c->remote_address);
    rill_free(a, c->message);
    rill_free(a, c->cut);
    rill_free(a, c->own_options);
    rill_free(a, c->past);
    rill_free(a, c);
}

bool rill_connection_own_congestion(rill_connection *c)
{
    rill_endpoint *e = c->endpoint;
    if (c->congestion && c->congestion != e->unused_congestion)
        return true;
    rill_congestion *own =
        rill_congestion_new(e->allocator, &rill_congestion_window, c->options->max_in_flight);
    if (!own)
        return false;
    c->congestion = own;
    return true;
}

void rill_connection_ready(rill_connection *c)
{
    if (c->state < RILL_STATE_CLOSED && !rill_list_linked(&c->ready_node))
        rill_list_push_back(&c->endpoint->ready, &c->ready_node);
}

void rill_connection_notify(rill_connection *c, uint32_t event_type)
{
    if (c->state == RILL_STATE_GONE)
        return;
    if (event_type != 0)
        c->events = (uint16_t)(c->events | RILL_EVENT_BIT(event_type));
    if (!c->waits_for && !rill_list_linked(&c->event_node))
        rill_list_push_back(&c->endpoint->events, &c->event_node);
}

void rill_connection_tell(rill_connection *c, uint32_t bits, bool urgent)
{
    c->tell = (uint16_t)(c->tell | bits);
    if (urgent) {
        c->urgent = (uint16_t)(c->urgent | bits);
        rill_connection_ready(c);
    }
}

void rill_connection_wake(rill_connection *c)
{
    rill_endpoint *e = c->endpoint;
    if (e->wake && (!rill_list_empty(&e->ready) || !rill_list_empty(&e->events)))
        e->wake(e->wake_user);
}

rill_stream *rill_connection_find(rill_connection *c, uint64_t id)
{
    return rill_map_get(&c->by_id, id);
}

int rill_connection_check_stream(const rill_connection *c, uint64_t id)
{
    if (rill_map_get(&c->by_id, id))
        return RILL_OK;
    bool client_opened = id % 2 == 1;
    if (id == 0 || client_opened != c->server)
        return id != 0 && id < c->next_stream_id ? RILL_ERR_CLOSED : RILL_ERR_PROTOCOL;
    if (rill_id_set_has(&c->opened_by_remote, id))
        return RILL_ERR_CLOSED;
    if (id > c->max_stream_id)
        return RILL_ERR_STREAM_ID;
    /* The connection ends with the streams that it has. */
    return c->ending ? RILL_ERR_CLOSED : RILL_OK;
}

void rill_connection_allow_another(rill_connection *c)
{
    c->max_stream_id = rill_add_sat(c->max_stream_id, 2);
    rill_connection_tell(c, RILL_TELL(MAX_STREAM_ID), true);
}

int rill_connection_accept_stream(rill_connection *c, uint64_t id, rill_stream **out)
{
    *out = rill_connection_find(c, id);
    if (*out)
        return RILL_OK;
    int err = rill_connection_check_stream(c, id);
    if (err != RILL_OK)
        return err;
    rill_stream *s = rill_stream_create(c, id, false);
    if (!s)
        return RILL_ERR_NOMEM;
    err = rill_id_set_add(&c->opened_by_remote, c->endpoint->allocator, id);
    if (err != RILL_OK) {
        rill_stream_destroy(s);
        return err;
    }
    *out = s;
    rill_stream_tell(s, RILL_TELL(MAX_MONEY) | RILL_TELL(MAX_DATA), false);
    rill_stream_notify(s, RILL_EVENT_STREAM);
    return RILL_OK;
}

/*
 * RFC 29 counts the bytes of all streams there ever were. The reference
 * forgets those of streams that are closed, and with them lowers its limit.
 */
uint64_t rill_connection_send_left(const rill_connection *c)
{
    uint64_t used = c->send_window.used;
    if (c->remote_forgets_closed)
        used = rill_sub_sat(used, c->closed_sent);
    return rill_sub_sat(c->send_window.limit, used);
}

void rill_connection_update_receive_window(rill_connection *c)
{
    uint64_t buffer =
        rill_receive_tune(&c->receive_tuning, c->consumed_bytes, c->endpoint->last_now.mono_ns,
                          c->congestion->smoothed_rtt, c->options->max_connection_receive_buffer);
    uint64_t limit = rill_add_sat(c->consumed_bytes, buffer);
    if (limit <= c->receive_window.limit || !rill_receive_window_set(&c->receive_window, limit))
        return;
    if (c->state != RILL_STATE_OPEN)
        return;
    if (rill_receive_window_worth_telling(&c->receive_window, buffer / 2))
        rill_connection_tell(c, RILL_TELL(CONNECTION_MAX_DATA), true);
}

int rill_connection_set_remote_address(rill_connection *c, rill_bytes address)
{
    bool same = c->remote_address && c->remote_address_len == address.len &&
                memcmp(c->remote_address, address.data, address.len) == 0;
    if (same || address.len == 0)
        return RILL_OK;
    char *copy = rill_alloc(c->endpoint->allocator, address.len + 1);
    if (!copy)
        return RILL_ERR_NOMEM;
    memcpy(copy, address.data, address.len);
    copy[address.len] = '\0';
    rill_free(c->endpoint->allocator, c->remote_address);
    c->remote_address = copy;
    c->remote_address_len = (uint16_t)address.len; /* an ILP address */
    c->remote_validated = false;
    c->address_since = c->next_sequence;
    rill_connection_ready(c);
    return RILL_OK;
}

void rill_connection_set_mark(rill_connection *c, uint32_t mark)
{
    uint64_t count = c->server ? 0 : c->next_sequence - rill_life_first_number(c->life);
    uint64_t ours = c->server ? RILL_NUMBER_SERVER : RILL_NUMBER_MARKED;
    uint64_t theirs = c->server ? RILL_NUMBER_MARKED : RILL_NUMBER_SERVER;
    c->opening = false;
    c->marked = true;
    c->mark = mark;
    c->their_prefix = (uint32_t)((theirs | (uint64_t)mark << 32) >> 32);
    c->next_sequence = ours | (uint64_t)mark << 32 | count;
}

bool rill_connection_is_exhausted(const rill_connection *c)
{
    uint64_t received = c->stats.packets_received + c->received_before;
    /* A server that is not Rill knows the count of packets by their numbers. */
    bool last = c->next_sequence >= RILL_NUMBER_LIMIT - 1 && c->next_sequence < RILL_NUMBER_CLOCK;
    return c->packets_numbered >= RILL_MAX_PACKETS - 1 || received >= RILL_MAX_PACKETS - 1 || last;
}

void rill_connection_exhaust(rill_connection *c)
{
    rill_connection_fail(c, RILL_CLOSE_INTERNAL_ERROR, RILL_ERR_EXHAUSTED,
                         "all packets of this connection are used up");
}

rill_endpoint *rill_connection_endpoint(rill_connection *c)
{
    return c->endpoint;
}
