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

#include "addon.h"

enum in_kind {
    IN_PREPARE = 1,
    IN_REPLY = 2,
    IN_UNANSWERED = 3,
    IN_UNSENT = 4,
    IN_FULFILL = 5, /* a decision; its bytes are the packet's name */
    IN_DECLINE = 6
};

typedef struct entry {
    uint32_t kind;
    uint32_t len;
    uint64_t name;
} entry;

#define MAX_MESSAGE 8192
/* What a packet may need of the slab: itself, and what its events say. */
#define SLAB_NEED (RILL_PACKET_BUFFER + 2 * MAX_MESSAGE)
/* Records that are kept free for what a packet brings. */
#define RECORDS_NEED 64
/* Packets that leave in one turn, so that what comes in gets its time too. */
#define SEND_BUDGET 1024

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

static void put64(uint32_t *record, unsigned word, uint64_t value)
{
    record[word] = (uint32_t)value;
    record[word + 1] = (uint32_t)(value >> 32);
}

/* For an event: the reply that comes after them has one of its own. */
static bool has_record(const arena *a)
{
    return a->out[HEAD_COUNT] + 1 < MAX_RECORDS;
}

static uint32_t *add_record(arena *a, uint32_t type)
{
    uint32_t *record = a->out + HEAD_WORDS + a->out[HEAD_COUNT]++ * RECORD_WORDS;
    memset(record, 0, RECORD_WORDS * sizeof *record);
    record[WORD_TYPE] = type;
    return record;
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

static void put_event(engine *e, const rill_event *event)
{
    arena *a = e->arena;
    uint32_t *record = add_record(a, RECORD_EVENT);
    uint64_t connection = engine_connection(e, event->connection);
    uint64_t stream = event->stream ? engine_stream(e, event->stream) : 0;
    put64(record, WORD_CONNECTION, connection);
    put64(record, WORD_STREAM, stream);
    put64(record, WORD_AMOUNT, event->amount);
    record[WORD_ERROR] = (uint32_t)event->error;
    record[WORD_EVENT] = (uint32_t)event->type;
    record[WORD_PACKET] = e->packet;
    if (event->stream)
        put64(record, WORD_ID, rill_stream_id(event->stream));
    if (is_question(event->type))
        e->stop = true;
    if (event->type == RILL_EVENT_INCOMING) {
        put64(record, WORD_STREAM, event->decision_id);
        record[WORD_PACKET] = (uint32_t)event->incoming_id;
        put_bytes(a, record, event->packet_id, sizeof event->packet_id);
    } else if (event->type == RILL_EVENT_STREAM_END) {
        rill_stream_totals totals;
        rill_stream_get_totals(event->stream, &totals);
        put64(record, WORD_AMOUNT, totals.in_flight);
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
    uint32_t *record = add_record(e->arena, RECORD_REPLY);
    record[WORD_ERROR] = (uint32_t)rc;
    put64(record, WORD_AMOUNT, name);
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
        uint32_t *record = add_record(a, RECORD_PREPARE);
        put64(record, WORD_AMOUNT, name);
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

/* turn(length of what is in the inbox) */
napi_value engine_turn(napi_env env, napi_callback_info info)
{
    args in;
    uint64_t len;
    if (!args_get(env, info, 1, &in) || !args_u64(env, in.value[0], &len) ||
        !arena_open(env, in.engine->arena))
        return NULL;
    engine *e = in.engine;
    arena *a = e->arena;
    rill_now now = engine_now();
    memset(a->out, 0, HEAD_WORDS * sizeof *a->out);
    if (len > INBOX_BYTES)
        len = INBOX_BYTES;
    e->stop = false;
    bool all = take_all(e, now, (size_t)len);
    if (all && rill_endpoint_deadline(e->endpoint) <= now.mono_ns)
        rill_endpoint_timeout(e->endpoint, now);
    put_events(e);
    if (!all || e->stop || !send_all(e, now))
        a->out[HEAD_MORE] = 1;
    a->out[HEAD_DELAY] = delay_ms(e, now);
    a->out[HEAD_SLAB] = arena_room(a, SLAB_NEED) == NULL;
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
