/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A turn of the loop: one call in, with all packets that have come, and one out, with all that
 * leave, what happened, and the time of the next turn.
 *
 * The inbox has one entry after the other, each at a multiple of 8: four words of 32 bits (kind,
 * length, name: lower, upper) and the packet's bytes.
 */
#define _POSIX_C_SOURCE 200809L

#include <string.h>
#include <time.h>

#include <rill/btp.h>
#include <rill/ilp.h>

#include "link.h"

typedef struct entry {
    uint32_t kind;
    uint32_t len;
    uint64_t name;
} entry;

/* Packets that leave in one turn, so that what comes in gets its time too. */
#define SEND_BUDGET 1024
/* The packet that an event came with is in the engine's queue, at the event's place. */
#define PACKET_IN_QUEUE UINT32_MAX
/* The core's number of a packet that a link has brought: with it the engine's count of those it was
 * asked about. */
#define ASKED (UINT64_C(1) << 32)

typedef struct turn {
    napi_env env;
    engine *engine;
    rill_now now;
    link *link; /* over which the engine's packets leave; NULL: JavaScript sends them */
} turn;

rill_now engine_now(void)
{
    struct timespec mono, wall;
    clock_gettime(CLOCK_MONOTONIC, &mono);
    clock_gettime(CLOCK_REALTIME, &wall);
    return (rill_now){
        .mono_ns = (uint64_t)mono.tv_sec * RILL_SECOND + (uint64_t)mono.tv_nsec,
        .wall_ms = (uint64_t)wall.tv_sec * 1000 + (uint64_t)wall.tv_nsec / 1000000,
    };
}

/* For an event: the reply that comes after them has one of its own. */
static bool has_record(const arena *a)
{
    return a->out[HEAD_COUNT] + 1 < MAX_RECORDS;
}

/* Room for another packet, and for what it brings. */
static bool has_room(arena *a)
{
    return a->out[HEAD_COUNT] + RECORDS_NEED <= MAX_RECORDS && arena_room(a, SLAB_NEED) != NULL;
}

static void put_bytes(arena *a, uint32_t *record, const void *data, size_t len)
{
    uint8_t *at = arena_room(a, len);
    if (!at || len == 0)
        return;
    memcpy(at, data, len);
    record[WORD_AT] = arena_keep(a, at, len);
    record[WORD_LEN] = (uint32_t)len;
}

/* What JavaScript answers, before the next packet is looked at. */
static bool is_question(rill_event_type type)
{
    return type == RILL_EVENT_CONNECTION || type == RILL_EVENT_STREAM ||
           type == RILL_EVENT_INCOMING;
}

/* What lib/connection.js still says of a connection that has ended: its numbers, and who the other
 * side was. */
#define REST_ROOM                                                                                  \
    (STATS_NUMBERS * sizeof(uint64_t) + 3 + RILL_MAX_ASSET_CODE + RILL_ILP_MAX_ADDRESS)

static size_t write_rest(const rill_connection *c, uint8_t *out)
{
    uint64_t numbers[STATS_NUMBERS];
    const char *code = "";
    uint8_t scale = 0;
    const char *address = rill_connection_remote_address(c);
    bool known = rill_connection_remote_asset(c, &code, &scale);
    size_t code_len = known ? strlen(code) : 0;
    size_t len = sizeof numbers;
    engine_write_stats(c, numbers);
    memcpy(out, numbers, sizeof numbers);
    out[len++] = known;
    out[len++] = scale;
    out[len++] = (uint8_t)code_len;
    memcpy(out + len, code, code_len);
    len += code_len;
    memcpy(out + len, address, strlen(address));
    return len + strlen(address);
}

static void put_end(arena *a, uint32_t *record, const rill_event *event)
{
    size_t len = strnlen(event->message, MAX_MESSAGE);
    record[WORD_CLOSE] = event->close_code | (event->remote ? 256u : 0);
    put_bytes(a, record, event->message, len);
    uint8_t *at = arena_room(a, REST_ROOM);
    if (!at)
        return;
    if (event->type == RILL_EVENT_CONNECTION_END) {
        size_t rest = write_rest(event->connection, at);
        record[WORD_LAST] = arena_keep(a, at, rest) + 1;
        record[WORD_ID] = (uint32_t)rest;
    } else if (rill_stream_get_receipt(event->stream, at) == RILL_OK) {
        record[WORD_LAST] = arena_keep(a, at, RILL_RECEIPT_LEN) + 1;
    }
}

static uint64_t get64(const uint32_t *record, unsigned word)
{
    return record[word] | (uint64_t)record[word + 1] << 32;
}

/*
 * Money of the stream that nobody listens to: one record for what comes in a row, since JavaScript
 * only adds it up. From the first other event of the turn on, whose handlers may begin to listen,
 * each packet has its own again.
 */
static bool add_to_last(const engine *e, const rill_event *event, uint64_t stream)
{
    arena *a = e->arena;
    if (event->type != RILL_EVENT_MONEY && event->type != RILL_EVENT_OUTGOING_MONEY) {
        a->quiet = 0;
        return false;
    }
    if (stream == 0 || stream != a->quiet || a->out[HEAD_COUNT] == 0)
        return false;
    uint32_t *last = a->out + HEAD_WORDS + (a->out[HEAD_COUNT] - 1) * RECORD_WORDS;
    if (last[WORD_TYPE] != RECORD_EVENT || last[WORD_EVENT] != (uint32_t)event->type ||
        get64(last, WORD_STREAM) != stream)
        return false;
    uint64_t amount = get64(last, WORD_AMOUNT);
    if (amount > UINT64_MAX - event->amount)
        return false;
    record_put64(last, WORD_AMOUNT, amount + event->amount);
    return true;
}

static void put_event(engine *e, const rill_event *event)
{
    arena *a = e->arena;
    uint64_t connection = engine_connection(e, event->connection);
    uint64_t stream = event->stream ? engine_stream(e, event->stream) : 0;
    if (add_to_last(e, event, stream))
        return;
    uint32_t *record = record_add(a, RECORD_EVENT);
    record_put64(record, WORD_CONNECTION, connection);
    record_put64(record, WORD_STREAM, stream);
    record_put64(record, WORD_AMOUNT, event->amount);
    record[WORD_ERROR] = (uint32_t)event->error;
    record[WORD_EVENT] = (uint32_t)event->type;
    record[WORD_PACKET] = e->packet;
    if (event->type == RILL_EVENT_MONEY && e->packet == PACKET_IN_QUEUE) {
        record[WORD_AT] = e->arena->packet_at;
        record[WORD_LEN] = e->arena->packet_len;
    }
    if (event->stream)
        record_put64(record, WORD_ID, rill_stream_id(event->stream));
    if (is_question(event->type))
        e->stop = true;
    if (event->type == RILL_EVENT_INCOMING) {
        record_put64(record, WORD_STREAM, event->decision_id);
        record[WORD_PACKET] = (uint32_t)event->incoming_id;
        record[WORD_CLOSE] = (event->incoming_id & ASKED) != 0;
        put_bytes(a, record, event->packet_id, sizeof event->packet_id);
    } else if (event->type == RILL_EVENT_STREAM_END) {
        rill_stream_totals totals;
        rill_stream_get_totals(event->stream, &totals);
        record_put64(record, WORD_AMOUNT, totals.in_flight);
        put_end(a, record, event);
        handles_remove(&e->handles, stream);
    } else if (event->type == RILL_EVENT_CONNECTION_END) {
        put_end(a, record, event);
        handles_remove(&e->handles, connection);
    }
}

static void put_events(engine *e)
{
    rill_event event;
    while (has_record(e->arena) && arena_room(e->arena, 2 * MAX_MESSAGE) &&
           rill_endpoint_next_event(e->endpoint, &event))
        put_event(e, &event);
}

static void put_reply(engine *e, uint64_t name, int rc, uint32_t at, size_t len)
{
    uint32_t *record = record_add(e->arena, RECORD_REPLY);
    record[WORD_ERROR] = (uint32_t)rc;
    record_put64(record, WORD_AMOUNT, name);
    record[WORD_AT] = at;
    record[WORD_LEN] = (uint32_t)len;
}

/* What a packet brings is told before it is answered. */
static void take_prepare(engine *e, rill_now now, const entry *in, const uint8_t *packet)
{
    arena *a = e->arena;
    size_t len = 0;
    uint8_t *reply = arena_room(a, RILL_PACKET_BUFFER);
    e->packet = (uint32_t)in->name;
    int rc =
        rill_endpoint_receive_prepare(e->endpoint, now, in->name, packet, in->len, reply, &len);
    uint32_t at = arena_keep(a, reply, rc == RILL_OK ? len : 0);
    put_events(e);
    e->packet = 0;
    if (rc != RILL_OK || len > 0) /* else JavaScript decides */
        put_reply(e, in->name, rc, at, rc == RILL_OK ? len : 0);
}

static void take_decision(engine *e, rill_now now, const entry *in, const uint8_t *packet)
{
    arena *a = e->arena;
    size_t len = 0;
    uint32_t name = 0;
    uint8_t *reply = arena_room(a, RILL_PACKET_BUFFER);
    if (in->len < sizeof name)
        return;
    memcpy(&name, packet, sizeof name);
    e->packet = name;
    int rc =
        rill_endpoint_decide(e->endpoint, now, in->name, in->kind == IN_FULFILL, reply, &len, NULL);
    uint32_t at = arena_keep(a, reply, rc == RILL_OK ? len : 0);
    put_events(e);
    e->packet = 0;
    put_reply(e, name, rc, at, rc == RILL_OK ? len : 0);
}

static void take(engine *e, rill_now now, const entry *in, const uint8_t *packet)
{
    switch (in->kind) {
    case IN_PREPARE:
        take_prepare(e, now, in, packet);
        return;
    case IN_REPLY:
        /* One that is not known, or comes twice, is nothing. */
        (void)!rill_endpoint_receive_reply(e->endpoint, now, in->name, packet, in->len);
        break;
    case IN_UNANSWERED:
    case IN_UNSENT:
        rill_endpoint_unanswered(e->endpoint, now, in->name, in->kind == IN_UNANSWERED);
        break;
    case IN_FULFILL:
    case IN_DECLINE:
        take_decision(e, now, in, packet);
        return;
    default:
        return;
    }
    put_events(e);
}

/* The entry at *at, which moves behind it; NULL: none that is whole. */
static const uint8_t *next_entry(const arena *a, size_t len, size_t *at, entry *out)
{
    uint32_t words[4];
    if (*at > len || len - *at < sizeof words)
        return NULL;
    memcpy(words, a->in + *at, sizeof words);
    *out = (entry){words[0], words[1], words[2] | (uint64_t)words[3] << 32};
    const uint8_t *packet = a->in + *at + sizeof words;
    if (out->len > len - *at - sizeof words)
        return NULL;
    *at += sizeof words + ((out->len + 7u) & ~7u);
    return packet;
}

/* False: JavaScript has to do something before the rest is taken. */
static bool take_all(engine *e, rill_now now, size_t len)
{
    size_t at = 0;
    entry in;
    const uint8_t *packet;
    while (at < len) {
        if (e->stop || !has_room(e->arena))
            return false;
        packet = next_entry(e->arena, len, &at, &in);
        if (!packet)
            return true;
        take(e, now, &in, packet);
        e->arena->out[HEAD_TAKEN]++;
    }
    return true;
}

/* ---- what a link has brought ---- */

/* The link may be gone since, or be another's: then it is looked up, and its memory as well. */
static link *link_of(const turn *t, uint64_t name)
{
    if (t->link && t->link->name == name)
        return t->link;
    link *l = link_find(t->engine->arena, name);
    if (l)
        link_view(t->env, l);
    return l;
}

static void put_unanswered(engine *e, const queue_entry *in, uint32_t type)
{
    uint32_t *record = record_add(e->arena, type);
    record_put64(record, WORD_CONNECTION, in->link);
    record_put64(record, WORD_AMOUNT, in->name);
    record[WORD_AT] = e->arena->packet_at;
    record[WORD_LEN] = in->len;
    if (type == RECORD_ASKED)
        record[WORD_PACKET] = e->direct->asked++;
}

/* False: there is no room for the answer. */
static bool answer_prepare(const turn *t, const queue_entry *in, const uint8_t *packet)
{
    engine *e = t->engine;
    arena *a = e->arena;
    size_t len = 0;
    link *l = link_of(t, in->link);
    if (!l || !l->out_bytes) {
        /* Nobody writes the answer: the core does not see the packet, and counts no money of it. */
        if (l)
            l->waiting--;
        a->out[HEAD_ANSWERED]++;
        return true;
    }
    if (!link_has_room(l, LINK_PACKET_MAX))
        return false;
    uint8_t *reply = link_packet_room(l);
    e->packet = PACKET_IN_QUEUE;
    e->arena->packet_at = (uint32_t)(packet - e->direct->bytes);
    e->arena->packet_len = in->len;
    int rc = rill_endpoint_receive_prepare(e->endpoint, t->now, ASKED | e->direct->asked, packet,
                                           in->len, reply, &len);
    if (rc == RILL_OK && len == 0)
        put_unanswered(e, in, RECORD_ASKED);
    put_events(e);
    e->packet = 0;
    a->out[HEAD_ANSWERED]++;
    l->waiting--;
    if (rc == RILL_OK && len > 0)
        rc = link_packet_end(l, RILL_BTP_RESPONSE, (uint32_t)in->name, reply, len);
    if (rc != RILL_OK)
        put_unanswered(e, in, RECORD_REFUSED);
    return true;
}

/* False: JavaScript has to do something before the rest is taken. */
static bool take_queue(const turn *t)
{
    engine *e = t->engine;
    queue_entry in;
    const uint8_t *packet;
    while ((packet = queue_next(e, &in)) != NULL) {
        if (e->stop || !has_room(e->arena))
            return false;
        if (in.kind == IN_PREPARE) {
            if (!answer_prepare(t, &in, packet))
                return false;
        } else {
            const entry one = {in.kind, in.len, in.name};
            take(e, t->now, &one, packet);
        }
        queue_taken(e, &in);
    }
    return true;
}

/* ---- what leaves ---- */

/* What leaves over a link. False: there may be more. */
static bool send_direct(const turn *t)
{
    engine *e = t->engine;
    link *l = t->link;
    if (l->full)
        return true;
    for (unsigned i = 0; i < SEND_BUDGET; i++) {
        uint64_t name;
        uint32_t id;
        size_t len = 0;
        if (!link_has_room(l, LINK_PACKET_MAX))
            return false;
        uint8_t *packet = link_packet_room(l);
        /* What cannot be made is tried again by itself. */
        if (rill_endpoint_next_prepare(e->endpoint, t->now, packet, &len, &name) != RILL_OK ||
            len == 0)
            return true;
        destination *d = e->accepts ? destination_of(e->direct, packet, len) : NULL;
        if (link_request(l, e, name, t->now.mono_ns, d, &id) != RILL_OK) {
            rill_endpoint_unanswered(e->endpoint, t->now, name, false);
            return true;
        }
        if (link_packet_end(l, RILL_BTP_MESSAGE, id, packet, len) != RILL_OK) {
            link_settle(l, link_request_of(l, id));
            rill_endpoint_unanswered(e->endpoint, t->now, name, false);
            return true;
        }
        e->arena->out[HEAD_SENT]++;
    }
    return false;
}

/* False: there may be more. */
static bool send_all(engine *e, rill_now now)
{
    arena *a = e->arena;
    for (unsigned i = 0; i < SEND_BUDGET; i++) {
        uint64_t name;
        size_t len = 0;
        if (!has_room(a))
            return false;
        uint8_t *packet = arena_room(a, RILL_PACKET_BUFFER);
        /* What cannot be made is tried again by itself. */
        if (rill_endpoint_next_prepare(e->endpoint, now, packet, &len, &name) != RILL_OK ||
            len == 0)
            return true;
        uint32_t *record = record_add(a, RECORD_PREPARE);
        record_put64(record, WORD_AMOUNT, name);
        record[WORD_AT] = arena_keep(a, packet, len);
        record[WORD_LEN] = (uint32_t)len;
    }
    return false;
}

static uint32_t delay_ms(const engine *e, rill_now now)
{
    uint64_t at = rill_endpoint_deadline(e->endpoint);
    if (at == RILL_NEVER)
        return UINT32_MAX;
    uint64_t ms = at > now.mono_ns ? (at - now.mono_ns + RILL_MS - 1) / RILL_MS : 0;
    return ms < INT32_MAX ? (uint32_t)ms : INT32_MAX;
}

/*
 * turn(length of what is in the inbox, the link over which packets leave, or 0, the stream of which
 * nobody looks at each packet's money, or 0)
 */
napi_value engine_turn(napi_env env, napi_callback_info info)
{
    args in;
    uint64_t len, link_name;
    if (!args_get(env, info, 3, &in) || !args_u64(env, in.value[0], &len) ||
        !args_u64(env, in.value[1], &link_name) ||
        !args_u64(env, in.value[2], &in.engine->arena->quiet) || !arena_open(env, in.engine->arena))
        return NULL;
    engine *e = in.engine;
    arena *a = e->arena;
    turn t = {.env = env, .engine = e, .now = engine_now()};
    if (link_name != 0 && direct_of(e))
        t.link = link_find(a, link_name);
    if (t.link)
        link_view(env, t.link);
    memset(a->out, 0, HEAD_WORDS * sizeof *a->out);
    if (len > INBOX_BYTES)
        len = INBOX_BYTES;
    e->stop = false;
    queue_trim(e);
    bool all = take_all(e, t.now, (size_t)len) && take_queue(&t);
    if (all && rill_endpoint_deadline(e->endpoint) <= t.now.mono_ns)
        rill_endpoint_timeout(e->endpoint, t.now);
    put_events(e);
    if (!all || e->stop || !(t.link ? send_direct(&t) : send_all(e, t.now)))
        a->out[HEAD_MORE] = 1;
    a->out[HEAD_DELAY] = delay_ms(e, t.now);
    a->out[HEAD_SLAB] = arena_room(a, SLAB_NEED) == NULL;
    a->out[HEAD_OUT] = e->direct ? e->direct->out : 0;
    return NULL;
}

/*
 * read(stream, most): takes bytes from the stream, and gives their place in the slab and their
 * length as one number, place * 65536 + length; 0: there are none, -1: the slab is full.
 */
napi_value engine_read(napi_env env, napi_callback_info info)
{
    args in;
    uint64_t most;
    if (!args_get(env, info, 2, &in) || !args_u64(env, in.value[1], &most) ||
        !arena_open(env, in.engine->arena))
        return NULL;
    rill_stream *s = args_stream(&in, 0);
    rill_bytes bytes = s ? rill_stream_peek(s) : (rill_bytes){NULL, 0};
    size_t len = bytes.len < most ? bytes.len : (size_t)most;
    if (len > 65535)
        len = 65535;
    if (len == 0)
        return args_int(env, 0);
    uint8_t *at = arena_room(in.engine->arena, len);
    if (!at)
        return args_int(env, -1);
    memcpy(at, bytes.data, len);
    uint32_t place = arena_keep(in.engine->arena, at, len);
    rill_stream_consume(s, len);
    return args_int(env, (int64_t)place * 65536 + (int64_t)len);
}
